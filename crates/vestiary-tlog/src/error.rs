use crate::{Hash, KeyId};

/// Why something was refused. Every variant is a different fault in what was read or asked for; nothing here
/// is transient, so nothing here is worth a retry with the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is longer than the named limit.
    #[error("{what} has {found} bytes, more than the limit of {limit}")]
    TooLong {
        /// What was read.
        what: &'static str,
        /// Its length in bytes.
        found: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// There are more items than the named limit.
    #[error("{what}: more than {limit}")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// The largest accepted count.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("{what} is not valid UTF-8")]
    NotUtf8 {
        /// What was read.
        what: &'static str,
    },
    /// A note holds an ASCII control character other than a newline.
    #[error("note contains the control character 0x{byte:02x}")]
    ControlCharacter {
        /// The character.
        byte: u8,
    },
    /// A note text does not end with a newline.
    #[error("note text does not end with a newline")]
    TextWithoutNewline,
    /// A note has no blank line followed by signature lines.
    #[error("note has no signatures")]
    NoSignatures,
    /// A signature line is not `— <name> <base64>`.
    #[error("signature line {line} is malformed: {why}")]
    SignatureLine {
        /// Which signature line, from 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A key name is empty, or holds a space, a plus sign or a control character.
    #[error("key name {name:?} is malformed")]
    KeyName {
        /// The name as found.
        name: String,
    },
    /// A verifier key is not `<name>+<key id>+<base64>`.
    #[error("verifier key is malformed: {why}")]
    VerifierKey {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The signature type of a verifier key is not one that this crate checks.
    #[error("verifier key has signature type 0x{found:02x}, which is not supported")]
    SignatureTypeUnsupported {
        /// The type byte.
        found: u8,
    },
    /// A verifier key's id is not the hash of its name, type and key.
    #[error("verifier key says its id is {found}, but it is {expected}")]
    KeyIdMismatch {
        /// As written.
        found: KeyId,
        /// As computed.
        expected: KeyId,
    },
    /// An Ed25519 public key is not a canonical point.
    #[error("public key is not a canonical Ed25519 point")]
    PublicKeyInvalid,
    /// An Ed25519 public key has small order: it would verify signatures that nobody made.
    #[error("public key has small order")]
    PublicKeyWeak,
    /// Two of the keys given for verification share name and id.
    #[error("two known keys are both {name} {id}")]
    KeysAmbiguous {
        /// The shared name.
        name: String,
        /// The shared id.
        id: KeyId,
    },
    /// A known key's signature does not verify.
    #[error("signature by {name} {id} does not verify")]
    SignatureInvalid {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// No known key signed the note.
    #[error("note is not signed by any known key")]
    NotSignedByKnownKey,
    /// The key is of the other kind: a log's key where a witness's is needed, or the reverse.
    #[error("key {name} has signature type 0x{found:02x}, but 0x{expected:02x} is needed here")]
    SignatureTypeMismatch {
        /// The key's name.
        name: String,
        /// Its type byte.
        found: u8,
        /// The one that is needed.
        expected: u8,
    },
    /// A cosignature's time is beyond 2^63 − 1 seconds.
    #[error("cosignature time {found_s} s is beyond 2^63 - 1")]
    CosignatureTime {
        /// Unix time in seconds.
        found_s: u64,
    },
    /// A number is not an ASCII decimal without leading zeros, or out of its range.
    #[error("{what} is not a canonical decimal number in range")]
    Number {
        /// What was read.
        what: &'static str,
    },
    /// A value is not canonical standard base64.
    #[error("{what} is not canonical base64")]
    Base64 {
        /// What was read.
        what: &'static str,
    },
    /// A hash is not exactly 32 bytes.
    #[error("{what} has {found} bytes, not 32")]
    HashLength {
        /// What was read.
        what: &'static str,
        /// Its length in bytes.
        found: usize,
    },
    /// A checkpoint's text has fewer than three lines, or an empty one.
    #[error("checkpoint is malformed: {why}")]
    Checkpoint {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A checkpoint of size 0 does not have the root of the empty tree.
    #[error("checkpoint of an empty tree has root {found}")]
    EmptyTreeRoot {
        /// The root as found.
        found: Hash,
    },
    /// The checkpoint belongs to another log.
    #[error("checkpoint is of log {found:?}, expected {expected:?}")]
    OriginMismatch {
        /// The origin in the checkpoint.
        found: String,
        /// The origin that was asked for.
        expected: String,
    },
    /// Level, index or width of a tile is out of range.
    #[error("tile is out of range: {why}")]
    TileRange {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A path does not name a tile or an entry bundle.
    #[error("{path:?} is not the path of a tile")]
    TilePath {
        /// The path as found.
        path: String,
    },
    /// A tile's bytes are not exactly one hash for each of its width.
    #[error("tile {path} has {found} bytes, expected {expected}")]
    TileLength {
        /// The tile's path.
        path: String,
        /// Bytes found.
        found: usize,
        /// Bytes expected.
        expected: usize,
    },
    /// An entry bundle does not hold exactly the expected entries.
    #[error("entry bundle is malformed: {why}")]
    Bundle {
        /// What is wrong with it.
        why: &'static str,
    },
    /// An index, or an older size, lies outside the tree.
    #[error("{what} {found} is outside a tree of size {size}")]
    OutsideTree {
        /// What was asked for.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The tree's size in entries.
        size: u64,
    },
    /// A hash reader returned another number of hashes than it was asked for.
    #[error("hash reader returned {found} hashes, {expected} were asked for")]
    HashCount {
        /// Hashes returned.
        found: usize,
        /// Hashes asked for.
        expected: usize,
    },
    /// A proof has more or fewer hashes than its index and sizes need.
    #[error("{what} proof has the wrong number of hashes ({found})")]
    ProofLength {
        /// `inclusion` or `consistency`.
        what: &'static str,
        /// Hashes in the proof.
        found: usize,
    },
    /// A proof leads to another root.
    #[error("{what} proof leads to root {found}, expected {expected}")]
    RootMismatch {
        /// `inclusion`, `consistency to the older tree` or `consistency`.
        what: &'static str,
        /// The root that the proof leads to.
        found: Hash,
        /// The root that was expected.
        expected: Hash,
    },
    /// A `c2sp.org/tlog-proof@v1` text is malformed.
    #[error("tlog proof is malformed: {why}")]
    TlogProof {
        /// What is wrong with it.
        why: &'static str,
    },
}
