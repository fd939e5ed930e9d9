//! The fail points of issuing, claiming, start-up and rebuild, and the list of all; see [`vestiary_log::points`].

vestiary_log::fail_points! {
    /// The salts of a batch are durable.
    PREPARE_SALTED = "prepare/salted";
    /// The preparation file is durable; the journal does not know of it.
    PREPARE_FILED = "prepare/filed";
    /// The preparation is in the journal; nobody was told.
    PREPARE_RECORDED = "prepare/recorded";
    /// The issuer's signature is good and not recorded.
    COMMIT_CHECKED = "commit/checked";
    /// Signature and intent are durable; nothing is certified or logged.
    COMMIT_INTENDED = "commit/intended";
    /// A batch is logged, and its receipt not answered.
    COMMIT_ANSWERING = "commit/answering";
    /// Certificates are signed in memory only.
    INTENT_SIGNED = "intent/signed";
    /// Certificates are durable; the log has nothing of them.
    INTENT_CERTIFIED = "intent/certified";
    /// The log has the entries; the journal does not know.
    INTENT_APPENDED = "intent/appended";
    /// The journal knows where the entries are.
    INTENT_LOGGED = "intent/logged";
    /// A claim is checked and not recorded.
    CLAIM_CHECKED = "claim/checked";
    /// A claim is durable; nobody was told.
    CLAIM_ACCEPTED = "claim/accepted";
    /// New log entries are folded into the mirror.
    LOG_FOLDED = "log/folded";
    /// An anchor is due; no order says so.
    ANCHOR_DUE = "anchor/due";
    /// Start-up holds the journals.
    START_JOURNALS = "start/journals";
    /// Start-up has filled the keys' memory.
    START_REMEMBERED = "start/remembered";
    /// Start-up is the log's writer.
    START_LOG = "start/log";
    /// Start-up has finished what was open; nothing is served.
    START_FINISHED = "start/finished";
    /// A rebuild has deleted the mirror.
    REBUILD_WIPED = "rebuild/wiped";
    /// A rebuild has folded the chain, not the log.
    REBUILD_CHAIN = "rebuild/chain";
    /// A rebuild has folded both, and said nothing.
    REBUILD_DONE = "rebuild/done";
}

/// Every fail point of the executable.
pub fn all() -> impl Iterator<Item = &'static str> {
    [
        vestiary_log::points::ALL,
        vestiary_chain::points::ALL,
        vestiary_mirror::points::ALL,
        ALL,
    ]
    .into_iter()
    .flatten()
    .copied()
}
