//! The log's directory with one file damaged or replaced.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ed25519_dalek::{Signer as _, SigningKey};
use vestiary_log::log::fsck;
use vestiary_log::sim::ForgetfulDisk;
use vestiary_log::{CheckpointSigner, Files as _, LogReader, LogWriter, SignerError};
use vestiary_tlog::note::KeyName;
use vestiary_tlog::{Checkpoint, SignatureType, VerifierKey};

use super::disk::{damage, overwrite};
use crate::input::{Input, one_in};

/// Entries of the made-up log: a full tile and the beginning of another.
const ENTRIES: u64 = 260;

#[derive(Debug)]
struct Signs(SigningKey);

impl CheckpointSigner for Signs {
    fn verifier_key(&self) -> VerifierKey {
        let name = KeyName::new("log.example/1").expect("a key name");
        VerifierKey::new(name, SignatureType::Ed25519, self.0.verifying_key().as_bytes())
            .expect("a sound key")
    }

    fn sign(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, SignerError> {
        let signed = checkpoint.sign(&self.verifier_key(), |bytes| self.0.sign(bytes).to_bytes())?;
        Ok(signed.to_bytes())
    }
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

/// The log, settled, its writer gone; and its files.
fn sound() -> &'static (ForgetfulDisk, Vec<PathBuf>, VerifierKey) {
    static SOUND: OnceLock<(ForgetfulDisk, Vec<PathBuf>, VerifierKey)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = ForgetfulDisk::new();
        let signer = Arc::new(Signs(SigningKey::from_bytes(&[7; 32])));
        let key = signer.verifier_key();
        let mut writer = LogWriter::open(Arc::new(disk.clone()), dir(), signer).expect("a sound disk");
        let entries: Vec<_> = (0..ENTRIES).map(entry).collect();
        writer.append(&entries).expect("a sound disk");
        writer.settle().expect("a sound disk");
        drop(writer);
        let mut files = Vec::new();
        list(&disk, dir(), &mut files);
        (disk, files, key)
    })
}

fn dir() -> &'static Path {
    Path::new("log")
}

fn list(disk: &ForgetfulDisk, dir: &Path, files: &mut Vec<PathBuf>) {
    for listed in disk.list(dir).expect("a directory of ours") {
        let path = dir.join(&listed.name);
        if listed.is_dir {
            list(disk, &path, files);
        } else {
            files.push(path);
        }
    }
}

/// What is served is what was appended, or nothing; the check names a log that does not serve all.
pub(super) fn directory(bytes: &[u8]) {
    let (sound, files, key) = sound();
    let disk = sound.fork();
    let mut input = Input::new(bytes);
    let how = input.byte();
    let path = &files[usize::from(input.byte()) % files.len()];
    let index = u64::from(input.u16()) % (ENTRIES + 1);
    if how & 1 == 0 {
        damage(&disk, path, &mut input);
    } else {
        overwrite(&disk, path, input.rest());
    }
    let mut all_served = true;
    if let Ok(reader) = LogReader::open(Arc::new(disk.clone()), dir(), key.clone()) {
        for index in [index, 0, ENTRIES - 1] {
            match reader.entry(index) {
                Ok(served) => assert_eq!(served, entry(index), "entry {index}"),
                Err(error) => {
                    all_served &= index == ENTRIES;
                    assert!(!error.to_string().is_empty());
                }
            }
        }
        if let Ok((leaf, proof)) = reader.inclusion(index, ENTRIES) {
            let published = reader.published().expect("it was read");
            let root = published.checkpoint.root();
            vestiary_tlog::proof::verify_inclusion(&leaf, index, ENTRIES, &root, &proof).expect("served");
        }
    } else {
        all_served = false;
    }
    if !all_served && one_in(16, bytes) {
        let named = fsck(&disk, dir(), key).map_or(true, |health| health.into_result().is_err());
        assert!(
            named,
            "{} is damaged and the check does not say so",
            path.display()
        );
    }
}
