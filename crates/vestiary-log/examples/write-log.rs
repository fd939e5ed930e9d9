//! Writes a log of `n` entries with a throw-away key and prints the key to verify it with:
//! `cargo run -p vestiary-log --example write-log -- <dir> <n>`.

use std::path::Path;
use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};
use vestiary_log::seams::{Random as _, SystemRandom};
use vestiary_log::{CheckpointSigner, Disk, LogHandle, LogWriter, SignerError};
use vestiary_tlog::{Checkpoint, KeyName, SignatureType, VerifierKey};

/// Entries in one append: not a divisor of 256, so that tiles fill up in the middle of one.
const ENTRIES_PER_APPEND: u64 = 100;

#[derive(Debug)]
struct ThrowAway {
    key: SigningKey,
    verifier_key: VerifierKey,
}

impl CheckpointSigner for ThrowAway {
    fn verifier_key(&self) -> VerifierKey {
        self.verifier_key.clone()
    }

    fn sign(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, SignerError> {
        let sign = |message: &[u8]| self.key.sign(message).to_bytes();
        Ok(checkpoint.sign(&self.verifier_key, sign)?.to_bytes())
    }
}

#[expect(clippy::print_stdout, reason = "the key is what the caller runs this for")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "write-log <directory> <number of entries>";
    let dir = arguments.next().ok_or(usage)?;
    let count: u64 = arguments.next().ok_or(usage)?.parse()?;

    let mut seed = [0; 32];
    SystemRandom.fill(&mut seed);
    let key = SigningKey::from_bytes(&seed);
    let name = KeyName::new("log.example/throw-away")?;
    let verifier_key = VerifierKey::new(name, SignatureType::Ed25519, key.verifying_key().as_bytes())?;
    println!("{verifier_key}");

    let signer = Arc::new(ThrowAway { key, verifier_key });
    let log = LogHandle::spawn(LogWriter::open(Arc::new(Disk), Path::new(&dir), signer)?)?;
    let first = log.published()?.checkpoint.size();
    let mut next = first;
    while next < first + count {
        let end = (next + ENTRIES_PER_APPEND).min(first + count);
        log.append_blocking(
            (next..end)
                .map(|index| format!("entry {index}").into_bytes())
                .collect(),
        )?;
        next = end;
    }
    Ok(())
}
