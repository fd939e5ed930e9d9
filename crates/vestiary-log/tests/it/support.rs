//! A signer, a log on a forgetful disk, and the check of everything a log promises.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ed25519_dalek::{Signer as _, SigningKey};
use vestiary_log::sim::ForgetfulDisk;
use vestiary_log::{CheckpointSigner, Files, LogError, LogWriter, SignerError};
use vestiary_tlog::{Checkpoint, Hash, KeyName, SignatureType, VerifierKey, leaf_hash, proof};

pub(crate) const DIR: &str = "/log";

/// Signs, remembers every root it signed, and refuses a second one for a size.
#[derive(Debug)]
pub(crate) struct TestSigner {
    key: SigningKey,
    verifier_key: VerifierKey,
    pub(crate) refuse: AtomicBool,
    signed: Mutex<std::collections::BTreeMap<u64, Hash>>,
}

impl TestSigner {
    pub(crate) fn new() -> Arc<Self> {
        let key = SigningKey::from_bytes(&[7; 32]);
        let name = KeyName::new("log.example/test").unwrap();
        let verifier_key =
            VerifierKey::new(name, SignatureType::Ed25519, key.verifying_key().as_bytes()).unwrap();
        Arc::new(Self {
            key,
            verifier_key,
            refuse: AtomicBool::new(false),
            signed: Mutex::default(),
        })
    }
}

impl CheckpointSigner for TestSigner {
    fn verifier_key(&self) -> VerifierKey {
        self.verifier_key.clone()
    }

    fn sign(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, SignerError> {
        if self.refuse.load(Ordering::SeqCst) {
            return Err("refused".into());
        }
        let mut signed = self.signed.lock().unwrap();
        let root = *signed
            .entry(checkpoint.size())
            .or_insert_with(|| checkpoint.root());
        if root != checkpoint.root() {
            return Err("a second root for a size".into());
        }
        let sign = |message: &[u8]| self.key.sign(message).to_bytes();
        Ok(checkpoint.sign(&self.verifier_key, sign)?.to_bytes())
    }

    fn withdraw(&self, checkpoint: &Checkpoint) {
        let removed = self.signed.lock().unwrap().remove(&checkpoint.size());
        assert_eq!(
            removed,
            Some(checkpoint.root()),
            "only what was signed is withdrawn"
        );
    }
}

/// A log on a forgetful disk, with what was acknowledged.
pub(crate) struct TestLog {
    pub(crate) disk: ForgetfulDisk,
    pub(crate) signer: Arc<TestSigner>,
    pub(crate) acknowledged: Vec<Vec<u8>>,
    /// Batches whose append failed without saying whether they are in: they may be, at their place.
    pub(crate) unanswered: Vec<Vec<u8>>,
}

impl TestLog {
    pub(crate) fn new() -> Self {
        let (disk, signer) = (ForgetfulDisk::new(), TestSigner::new());
        Self {
            disk,
            signer,
            acknowledged: Vec::new(),
            unanswered: Vec::new(),
        }
    }

    /// The same log on another disk with the same content.
    pub(crate) fn fork(&self) -> Self {
        Self {
            disk: self.disk.fork(),
            signer: self.signer.clone(),
            acknowledged: self.acknowledged.clone(),
            unanswered: self.unanswered.clone(),
        }
    }

    /// What the process leaves if it is killed now, and what a power cut leaves.
    pub(crate) fn ended(&self, seed: u64) -> [Self; 2] {
        let (killed, cut) = (self.fork(), self.fork());
        killed.disk.kill();
        cut.disk.power_cut(seed);
        [killed, cut]
    }

    pub(crate) fn open(&self) -> Result<LogWriter, LogError> {
        LogWriter::open(self.files(), Path::new(DIR), self.signer.clone())
    }

    pub(crate) fn files(&self) -> Arc<dyn Files> {
        Arc::new(self.disk.clone())
    }

    /// Appends and notes what the answer says about the entries.
    pub(crate) fn append(&mut self, writer: &mut LogWriter, entries: &[Vec<u8>]) -> Result<(), LogError> {
        match writer.append(entries) {
            Ok(appended) => {
                assert_eq!(appended.first_index, self.acknowledged.len() as u64);
                assert_eq!(appended.count, entries.len() as u64);
                self.acknowledged.extend_from_slice(entries);
                Ok(())
            }
            Err(error) => {
                if matches!(error, LogError::Stopped { .. }) {
                    self.unanswered = entries.to_vec();
                }
                Err(error)
            }
        }
    }

    /// Re-verifies every invariant of the log from storage. Adopts the unanswered batch when it is
    /// in the log as a whole.
    pub(crate) fn check(&mut self, writer: &LogWriter) {
        self.check_as(writer, "");
    }

    /// The same; the text says when, if something does not hold.
    pub(crate) fn check_as(&mut self, writer: &LogWriter, when: &str) {
        // Faults are for the log's own operations.
        self.disk.clear_faults();
        let reader = writer.reader();
        let published = reader.published().unwrap();
        let size = published.checkpoint.size();
        let expected = self.acknowledged.len() as u64;
        if size != expected {
            assert_eq!(
                size,
                expected + self.unanswered.len() as u64,
                "a batch is in as a whole or not at all: {when}"
            );
            self.acknowledged.append(&mut self.unanswered);
        }
        self.unanswered.clear();
        let entries: Vec<Vec<u8>> = reader.entries(0..size).map(|entry| entry.unwrap().1).collect();
        assert_eq!(entries, self.acknowledged);
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        assert_eq!(
            proof::root(size, &leaves[..]).unwrap(),
            published.checkpoint.root()
        );
        let on_disk = self.disk.content(&path("checkpoint")).unwrap();
        assert_eq!(on_disk, published.bytes);
        let health =
            vestiary_log::log::fsck(&self.disk, Path::new(DIR), &self.signer.verifier_key()).unwrap();
        assert_eq!(health.findings, [], "size {size}: {when}");
        assert_eq!(health.entries, size);
        for index in [0, size / 2, size.saturating_sub(1)]
            .into_iter()
            .filter(|index| *index < size)
        {
            let (leaf, path) = reader.inclusion(index, size).unwrap();
            proof::verify_inclusion(&leaf, index, size, &published.checkpoint.root(), &path).unwrap();
        }
    }
}

pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(DIR).join(relative)
}

/// Distinct entries of different lengths.
pub(crate) fn entries(first: u64, count: u64) -> Vec<Vec<u8>> {
    let entry = |index: u64| {
        format!(
            "entry {index} {}",
            "x".repeat(usize::try_from(index % 40).unwrap())
        )
    };
    (first..first + count)
        .map(|index| entry(index).into_bytes())
        .collect()
}
