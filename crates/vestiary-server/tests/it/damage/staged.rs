//! The log's public files beside what its writer has staged: one older than the other, or gone, and copies of both.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use ed25519_dalek::{Signer as _, SigningKey};
use vestiary_log::sim::ForgetfulDisk;
use vestiary_log::{CheckpointSigner, Files, LogError, LogWriter, SignerError};
use vestiary_mirror::MirrorConfig;
use vestiary_server::damage::{Part, Remedy, Report, Stored};
use vestiary_tlog::{Checkpoint, KeyName, SignatureType, VerifierKey};

use super::stored::write;
use crate::support::{CHAIN, ORIGIN};

const DATA: &str = "/data";
const LOG: &str = "/data/log";
const COPY: &str = "/copy";

#[derive(Debug)]
struct Signer(SigningKey);

impl CheckpointSigner for Signer {
    fn verifier_key(&self) -> VerifierKey {
        let name = KeyName::new(ORIGIN).unwrap();
        VerifierKey::new(name, SignatureType::Ed25519, self.0.verifying_key().as_bytes()).unwrap()
    }

    fn sign(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, SignerError> {
        let sign = |message: &[u8]| self.0.sign(message).to_bytes();
        Ok(checkpoint.sign(&self.verifier_key(), sign)?.to_bytes())
    }
}

/// A data directory with a log in it and nothing else.
struct Log {
    disk: ForgetfulDisk,
    signer: Arc<Signer>,
}

impl Log {
    /// Of so many entries, all of them settled.
    fn settled(size: u64) -> Self {
        let (disk, signer) = (ForgetfulDisk::new(), Signer(SigningKey::from_bytes(&[7; 32])));
        let log = Self {
            disk,
            signer: Arc::new(signer),
        };
        log.append_to(size, true);
        log
    }

    fn fork(&self) -> Self {
        let (disk, signer) = (self.disk.fork(), self.signer.clone());
        Self { disk, signer }
    }

    fn open(&self) -> Result<LogWriter, LogError> {
        LogWriter::open(Arc::new(self.disk.clone()), Path::new(LOG), self.signer.clone())
    }

    /// Appends up to that size, in batches; the process ends without a farewell.
    fn append_to(&self, size: u64, settles: bool) {
        let mut writer = self.open().unwrap();
        let mut at = writer.published().checkpoint.size();
        while at < size {
            let entries: Vec<_> = (at..size).take(150).map(entry).collect();
            at = writer.append(&entries).unwrap().size();
        }
        if settles {
            writer.settle().unwrap();
        }
        drop(writer);
        self.disk.kill();
    }

    /// Puts the public files of another log where the copy is.
    fn copy_from(&self, other: &Self) {
        for (path, bytes) in other.files_in("") {
            let name = path.strip_prefix(LOG).unwrap();
            if !name.starts_with("staging") {
                let copy = Path::new(COPY).join(name);
                let _ = self.disk.remove(&copy);
                write(&self.disk, &copy, &bytes);
            }
        }
    }

    fn files_in(&self, below: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let paths = self.disk.file_paths().into_iter();
        let inside = paths.filter(|path| path.starts_with(Path::new(LOG).join(below)));
        inside
            .map(|path| (path.clone(), self.disk.content(&path).unwrap()))
            .collect()
    }

    fn remove(&self, below: &str) {
        for (path, _) in self.files_in(below) {
            self.disk.remove(&path).unwrap();
        }
    }

    /// Makes the files below a place those of another log.
    fn restore(&self, below: &str, other: &Self) {
        self.remove(below);
        for (path, bytes) in other.files_in(below) {
            write(&self.disk, &path, &bytes);
        }
    }

    fn stored(&self) -> Stored {
        Stored {
            files: Arc::new(self.disk.clone()),
            data_dir: DATA.into(),
            log_key: self.signer.verifier_key(),
            mirror: MirrorConfig {
                chain: CHAIN,
                genesis_hash: B256::ZERO,
                registry: Address::ZERO,
                factory: Address::ZERO,
                log_anchor: Address::ZERO,
                first_block: 0,
                log_origin: ORIGIN.to_owned(),
            },
        }
    }

    fn check(&self) -> Report {
        self.stored().check(&[Part::Log]).unwrap()
    }

    fn repair(&self, copy: Option<&str>) -> Vec<String> {
        let repaired = self.stored().repair(&[Part::Log], copy.map(Path::new));
        repaired.unwrap().done
    }

    /// Starts the writer; the log must have exactly so many entries, the right ones.
    fn must_open_at(&self, size: u64) {
        let reader = self.open().unwrap().reader();
        assert_eq!(reader.published().unwrap().checkpoint.size(), size);
        for read in reader.entries(0..size) {
            let (index, bytes) = read.unwrap();
            assert_eq!(bytes, entry(index));
        }
        self.disk.kill();
        let report = self.check();
        assert!(report.is_clean(), "{report:?}");
    }
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index}").into_bytes()
}

/// The names of what was moved aside, place by place.
fn aside(log: &Log) -> Vec<PathBuf> {
    let files = log.files_in("damaged").into_iter();
    files.map(|(path, _)| path).collect()
}

#[test]
fn entries_that_are_only_staged_are_not_given_up_for_a_copy_that_has_fewer() {
    for copied in [320, 350] {
        let log = Log::settled(300);
        let old = log.disk.content(&Path::new(LOG).join("checkpoint")).unwrap();
        let ahead = log.fork();
        ahead.append_to(copied, true);
        let mut writer = log.open().unwrap();
        for first in [300, 320] {
            let entries: Vec<_> = (first..350)
                .take(if first == 300 { 20 } else { 30 })
                .map(entry)
                .collect();
            writer.append(&entries).unwrap();
        }
        drop(writer);
        log.disk.kill();
        // What a power cut may leave: the checkpoint's swap is not synced.
        log.disk.rot(&Path::new(LOG).join("checkpoint"), old);
        log.copy_from(&ahead);
        log.repair(Some(COPY));
        log.must_open_at(350);
        assert_eq!(aside(&log), Vec::<PathBuf>::new());
    }
}

#[test]
fn what_a_longer_copy_makes_needless_is_moved_aside_to_a_place_of_its_own() {
    let log = Log::settled(300);
    for (place, settled, staged, copied) in [("0", 305, 310, 320), ("1", 325, 330, 400)] {
        log.append_to(settled, true);
        log.append_to(staged, false);
        let longer = log.fork();
        longer.append_to(copied, true);
        log.copy_from(&longer);
        let before = aside(&log).len();
        let done = log.repair(Some(COPY));
        assert!(
            done.iter().any(|line| line.contains("extended to size")),
            "{done:?}"
        );
        let moved = aside(&log);
        assert!(moved.len() > before, "nothing was renamed over: {moved:?}");
        let there = Path::new(LOG).join("damaged").join(place);
        assert!(moved.iter().any(|path| path.starts_with(&there)), "{moved:?}");
        log.must_open_at(copied);
    }
}

#[test]
fn a_staging_that_is_older_than_the_public_files_is_named_and_begun_again() {
    let old = Log::settled(300);
    let log = old.fork();
    log.append_to(350, true);
    log.restore("staging", &old);
    assert!(matches!(log.open(), Err(LogError::Damaged { .. })));
    log.disk.kill();
    let report = log.check();
    assert!(
        report.findings.iter().any(|finding| {
            finding.code == "log_staging_older"
                && finding.remedy == Remedy::Here
                && finding.file.ends_with("staging")
        }),
        "{report:?}"
    );
    log.repair(None);
    log.must_open_at(350);
}

#[test]
fn a_checkpoint_that_is_older_than_what_was_settled_is_named_and_written_again() {
    let old = Log::settled(300);
    let log = old.fork();
    log.append_to(350, true);
    log.restore("checkpoint", &old);
    assert!(matches!(log.open(), Err(LogError::Damaged { .. })));
    log.disk.kill();
    let report = log.check();
    assert!(
        report
            .findings
            .iter()
            .any(|finding| finding.file.ends_with("checkpoint") && finding.remedy == Remedy::Here),
        "{report:?}"
    );
    log.repair(None);
    log.must_open_at(350);

    // All the public files of yesterday need today's.
    log.restore("tile", &old);
    log.restore("checkpoint", &old);
    assert!(!log.check().is_clean());
    let today = old.fork();
    today.append_to(350, true);
    log.copy_from(&today);
    log.repair(Some(COPY));
    log.must_open_at(350);
}

#[test]
fn files_that_say_nothing_of_one_another_any_more_come_from_a_copy_of_the_same_tree() {
    const GONE: [&[&str]; 5] = [
        &["tile/entries/000", "tile/0/000", "tile/entries/001"],
        &["tile/entries/002.p/188", "tile/0/002.p/188", "tile/1/000.p/2"],
        &["tile"],
        &["tile", "checkpoint"],
        &["tile", "checkpoint", "staging"],
    ];
    let whole = Log::settled(700);
    for (gone, copied) in GONE.into_iter().flat_map(|gone| [(gone, 700), (gone, 900)]) {
        let log = whole.fork();
        for below in gone {
            log.remove(below);
        }
        let copy = whole.fork();
        copy.append_to(copied, true);
        log.copy_from(&copy);
        let report = log.check();
        let needs_copy = report
            .findings
            .iter()
            .any(|finding| matches!(finding.remedy, Remedy::Copy { .. }));
        assert!(needs_copy, "{gone:?}: {report:?}");
        log.repair(None);
        assert!(!log.check().is_clean(), "{gone:?}");
        log.repair(Some(COPY));
        log.must_open_at(copied);
    }
}

#[test]
fn a_copy_that_is_damaged_or_of_another_tree_gives_no_file() {
    let whole = Log::settled(700);
    let rotten = whole.fork();
    rotten
        .disk
        .rot(&Path::new(LOG).join("tile/entries/001"), vec![0xff; 99]);
    let other = Log::settled(1);
    let mut writer = other.open().unwrap();
    let entries: Vec<_> = (9_000..9_699).map(entry).collect();
    writer.append(&entries).unwrap();
    writer.settle().unwrap();
    drop(writer);
    other.disk.kill();
    for (copy, left) in [(rotten, 1), (other, 4)] {
        let log = whole.fork();
        for gone in ["tile/entries/000", "tile/0/000", "tile/entries/001", "tile/0/001"] {
            log.remove(gone);
        }
        log.copy_from(&copy);
        log.repair(Some(COPY));
        let report = log.check();
        assert_eq!(report.findings.len(), left, "{report:?}");
    }
}
