//! The fail points of the mirror; see [`vestiary_log::points`].

vestiary_log::fail_points! {
    /// Blocks or entries are folded; no row is changed.
    MIRROR_APPLYING = "mirror/applying";
    /// Rows and cursors are changed, and not synced.
    MIRROR_COMMITTED = "mirror/committed";
    /// They are durable.
    MIRROR_SYNCED = "mirror/synced";
    /// A block is about to be taken back.
    MIRROR_UNDOING = "mirror/undoing";
    /// A block is taken back; that is not synced.
    MIRROR_UNDONE = "mirror/undone";
}
