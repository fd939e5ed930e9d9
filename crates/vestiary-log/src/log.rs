//! The public log: a tlog-tiles directory with one writer and verifying readers.

use std::fmt;

use vestiary_tlog::{Checkpoint, VerifierKey};

/// Why a signer did not sign.
pub type SignerError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Signs checkpoints. Implemented where the keys are; the writer never sees one.
///
/// It is asked when the entries are durable and before anybody is told of them. It refuses a second
/// root for a size and a size below one that it signed; the same checkpoint twice is fine, for that
/// is what a restart after a crash asks.
pub trait CheckpointSigner: fmt::Debug + Send + Sync + 'static {
    /// The key that the signatures verify under; its name is the log's origin.
    fn verifier_key(&self) -> VerifierKey;

    /// The checkpoint as a signed note, in bytes.
    fn sign(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, SignerError>;
}
