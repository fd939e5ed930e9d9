//! Witness cosignatures, version 1 ([c2sp.org/tlog-cosignature](https://c2sp.org/tlog-cosignature)).
//!
//! A cosignature says: at this time, the largest consistent tree that I have seen of this log has this root.
//! In a note its bytes are the time (8 bytes, big-endian seconds) followed by an Ed25519 signature over
//!
//! ```text
//! cosignature/v1
//! time 1679315147
//! example.com/behind-the-sofa
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! ```

use crate::{
    Error, SignatureType, VerifierKey,
    checkpoint::{Checkpoint, SignedCheckpoint},
    note::Signature,
};

/// Largest time that a cosignature may carry, in unix seconds.
pub const MAX_TIMESTAMP_S: u64 = i64::MAX as u64;

const TIMESTAMP_BYTES: usize = 8;

/// The bytes that a witness signs for a checkpoint's text at a time.
pub fn message(checkpoint_text: &str, timestamp_s: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {timestamp_s}\n{checkpoint_text}").into_bytes()
}

/// Adds a witness's cosignature to a checkpoint. `sign` gets the bytes to be signed; its answer is checked
/// against `key` before it is added. The witness has checked consistency with what it saw before.
pub fn cosign(
    checkpoint: &mut SignedCheckpoint,
    key: &VerifierKey,
    timestamp_s: u64,
    sign: impl FnOnce(&[u8]) -> [u8; 64],
) -> Result<(), Error> {
    key.expect_type(SignatureType::CosignatureV1)?;
    if timestamp_s > MAX_TIMESTAMP_S {
        return Err(Error::CosignatureTime { found_s: timestamp_s });
    }
    let message = message(checkpoint.note().text(), timestamp_s);
    let signature = sign(&message);
    key.check(&message, &signature)?;
    let bytes = [timestamp_s.to_be_bytes().as_slice(), &signature].concat();
    checkpoint.add(Signature {
        name: key.name().clone(),
        key_id: key.id(),
        bytes,
    })
}

/// Checks the bytes of a cosignature line (time and signature, without the key id) and answers its time.
///
/// The text must be a checkpoint: a cosignature over anything else says nothing.
pub(crate) fn check(text: &str, key: &VerifierKey, bytes: &[u8]) -> Result<u64, Error> {
    let (timestamp, signature) = bytes
        .split_first_chunk::<TIMESTAMP_BYTES>()
        .ok_or_else(|| key.invalid())?;
    let signature = signature.try_into().map_err(|_| key.invalid())?;
    let timestamp_s = u64::from_be_bytes(*timestamp);
    if timestamp_s > MAX_TIMESTAMP_S {
        return Err(Error::CosignatureTime { found_s: timestamp_s });
    }
    Checkpoint::parse(text)?;
    key.check(&message(text, timestamp_s), signature)?;
    Ok(timestamp_s)
}
