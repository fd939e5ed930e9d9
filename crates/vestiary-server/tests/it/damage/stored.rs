//! Flips in a stopped service's directory: `check` names the file, `repair` brings its content back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vestiary_chain::sim::Seeded;
use vestiary_log::files::{Files, OpenFor};
use vestiary_log::sim::ForgetfulDisk;
use vestiary_log::{Disk, LogReader, journal};
use vestiary_mirror::MirrorConfig;
use vestiary_server::damage::{Part, Remedy, Stored};
use vestiary_server::journal::State;
use vestiary_tlog::VerifierKey;
use vestiary_worlds::ContentStore;

use super::{Flip, files_below, of_part, replace};
use crate::support::checks::replay;
use crate::support::{ORIGIN, TestLedger, passphrase};

/// Where the directory and its back-up are on the disk in memory.
const DATA: &str = "/data";
const COPY: &str = "/copy";
/// How often each part is drawn.
const WEIGHTS: [(Part, u64); 5] = [
    (Part::Journal, 5),
    (Part::Salts, 2),
    (Part::Log, 7),
    (Part::Batches, 3),
    (Part::Content, 3),
];
/// One flip of so many is one of the mirror, which has to be on a real disk.
const MIRROR_EVERY: u64 = 16;

/// Where everything of the directory can be compared.
struct Whole {
    files: BTreeMap<PathBuf, Vec<u8>>,
    parts: BTreeMap<Part, BTreeMap<PathBuf, Vec<u8>>>,
    disk: ForgetfulDisk,
    log_key: VerifierKey,
    mirror: MirrorConfig,
    dir: PathBuf,
    row_digest: String,
}

impl Whole {
    fn stored(&self, disk: &ForgetfulDisk) -> Stored {
        Stored {
            files: Arc::new(disk.clone()),
            data_dir: DATA.into(),
            log_key: self.log_key.clone(),
            mirror: self.mirror.clone(),
        }
    }
}

pub(super) fn write(disk: &ForgetfulDisk, path: &Path, bytes: &[u8]) {
    disk.create_dir_all(path.parent().unwrap()).unwrap();
    disk.open(path, OpenFor::Creating).unwrap().append(bytes).unwrap();
}

pub(super) fn flips(ledger: &TestLedger, whole: &Path, flips: u64, seeded: &mut Seeded) {
    let files = files_below(whole);
    let disk = ForgetfulDisk::new();
    for (file, bytes) in files.iter().filter(|(file, _)| !file.starts_with("mirror")) {
        write(&disk, &Path::new(DATA).join(file), bytes);
        write(&disk, &Path::new(COPY).join(file), bytes);
    }
    let whole = Whole {
        parts: Part::ALL
            .into_iter()
            .map(|part| (part, of_part(&files, part)))
            .collect(),
        files,
        disk,
        log_key: log_key(ledger),
        mirror: ledger.mirror_config(),
        dir: whole.to_owned(),
        row_digest: String::new(),
    };
    let clean = whole.stored(&whole.disk).check(&[
        Part::Journal,
        Part::Salts,
        Part::Log,
        Part::Batches,
        Part::Content,
    ]);
    let clean = clean.unwrap();
    assert!(clean.is_clean() && clean.notes.is_empty(), "{clean:?}");
    let whole = Whole {
        row_digest: check_mirror(&whole, &whole.dir).unwrap(),
        ..whole
    };
    let (mut here, mut from_copy, mut noted, mut mirror, mut unread) = (0, 0, 0, 0, 0);
    for flip in 0..flips {
        if flip % MIRROR_EVERY == 0 {
            mirror += 1;
            unread += u64::from(!flip_mirror(&whole, seeded));
            continue;
        }
        let part = draw(seeded);
        let flip = Flip::any(&whole.parts[&part], seeded);
        match flip_one(&whole, part, &flip) {
            Outcome::Here => here += 1,
            Outcome::Copy => from_copy += 1,
            Outcome::Noted => noted += 1,
        }
    }
    println!(
        "{flips} bytes flipped (seed in VESTIARY_SEED): all named, 0 served; {here} repaired with what is there, {from_copy} from a copy, {noted} put right by the next start; of {mirror} in the mirror {unread} were in bytes that nothing reads"
    );
}

fn draw(seeded: &mut Seeded) -> Part {
    let mut at = seeded.below(WEIGHTS.iter().map(|(_, weight)| weight).sum());
    for (part, weight) in WEIGHTS {
        if at < weight {
            return part;
        }
        at -= weight;
    }
    unreachable!("the weights cover it")
}

fn log_key(ledger: &TestLedger) -> VerifierKey {
    use vestiary_log::CheckpointSigner as _;
    let keys = ledger.ground.data_dir().join("keys");
    let random = Arc::new(vestiary_log::seams::SystemRandom);
    let cost = vestiary_signing::KdfCost::Development;
    let keyring = vestiary_server::keyring::Keyring::open(&keys, passphrase(), cost, random).unwrap();
    keyring.checkpoint_key(ORIGIN).unwrap().verifier_key()
}

/// How a flip was put right.
enum Outcome {
    Here,
    Copy,
    Noted,
}

fn flip_one(whole: &Whole, part: Part, flip: &Flip) -> Outcome {
    let disk = whole.disk.fork();
    let file = Path::new(DATA).join(&flip.file);
    assert!(disk.rot(&file, flip.of(whole.files[&flip.file].clone())));
    let stored = whole.stored(&disk);
    serves_nothing_else(whole, &disk, part, flip);
    let report = stored.check(&[part]).unwrap();
    let named = report.findings.iter().any(|finding| finding.file == file);
    let noted = report
        .notes
        .iter()
        .any(|note| note.starts_with(file.to_str().unwrap()));
    assert!(named || noted, "{flip:?} is not named: {report:?}");
    if report.is_clean() {
        return Outcome::Noted;
    }
    let needs_copy = report
        .findings
        .iter()
        .any(|finding| matches!(finding.remedy, Remedy::Copy { .. }));
    if needs_copy {
        // Without the copy it stays named, and nothing gets worse.
        stored.repair(&[part], None).unwrap();
        let still = stored.check(&[part]).unwrap();
        assert!(
            still.findings.iter().any(|finding| finding.file == file),
            "{flip:?}: {still:?}"
        );
    }
    let copy = needs_copy.then_some(Path::new(COPY));
    let repaired = stored.repair(&[part], copy).unwrap();
    let after = stored.check(&[part]).unwrap();
    assert!(after.is_clean(), "{flip:?}: {repaired:?} {after:?}");
    assert!(!repaired.done.is_empty(), "{flip:?}");
    is_as_before(whole, &disk, part, flip);
    if needs_copy { Outcome::Copy } else { Outcome::Here }
}

/// What readers of the flipped part get is what they got before, or nothing.
fn serves_nothing_else(whole: &Whole, disk: &ForgetfulDisk, part: Part, flip: &Flip) {
    let files: Arc<dyn Files> = Arc::new(disk.clone());
    let dir = Path::new(DATA).join(part.name());
    match part {
        Part::Log => {
            let Ok(reader) = LogReader::open(files, &dir, whole.log_key.clone()) else {
                return;
            };
            for (path, right) in &whole.parts[&part] {
                let name = path.strip_prefix("log").unwrap().to_str().unwrap();
                if let Ok(served) = reader.file(name) {
                    assert!(served == *right, "{flip:?} is served as {name}");
                }
            }
        }
        Part::Content => {
            let store = ContentStore::open_read_only(files, &dir).unwrap();
            for sha256 in store.list(None, 1_000).unwrap() {
                let path = PathBuf::from(format!("content/files/{}/{}", &sha256.hex()[..2], sha256.hex()));
                if let Ok(served) = store.get(&sha256).and_then(|file| file.read()) {
                    assert!(served == whole.files[&path], "{flip:?} is served");
                }
            }
        }
        Part::Journal | Part::Salts => {
            if let Ok(replay) = journal::check(disk, &dir) {
                let right = journal::check(&whole.disk, &dir).unwrap();
                assert!(replay.records == right.records, "{flip:?} is believed");
            }
        }
        // Read by the running service only: see `under_the_running_service`.
        Part::Batches | Part::Mirror => {}
    }
}

/// After a repair: the same bytes, or the same meaning where the bytes are the next start's.
fn is_as_before(whole: &Whole, disk: &ForgetfulDisk, part: Part, flip: &Flip) {
    let dir = Path::new(DATA).join(part.name());
    match part {
        Part::Journal | Part::Salts => {
            let (now, right) = [disk, &whole.disk]
                .map(|disk| journal::check(disk, &dir).unwrap())
                .into();
            assert!(now.records == right.records, "{flip:?}");
        }
        _ => {
            for (path, right) in &whole.parts[&part] {
                let now = disk.content(&Path::new(DATA).join(path));
                let next_start = path.starts_with("log/staging")
                    || path
                        .extension()
                        .is_some_and(|extension| extension == "certificates")
                        && now.is_none();
                assert!(
                    next_start || now.as_ref() == Some(right),
                    "{flip:?}: {}",
                    path.display()
                );
            }
        }
    }
}

// ---- the mirror, which is sled's and on a real disk

/// The row digest as `check` tells it, if nothing is found.
fn check_mirror(whole: &Whole, dir: &Path) -> Option<String> {
    let stored = Stored {
        files: Arc::new(Disk),
        data_dir: dir.to_owned(),
        log_key: whole.log_key.clone(),
        mirror: whole.mirror.clone(),
    };
    let report = stored.check(&[Part::Mirror]).unwrap();
    report
        .is_clean()
        .then(|| report.counts["mirror"]["row_digest"].as_str().unwrap().to_owned())
}

/// Whether the flip was found; if not, every row is as it was.
fn flip_mirror(whole: &Whole, seeded: &mut Seeded) -> bool {
    let work = tempfile::tempdir().unwrap();
    replace(&whole.dir.join("mirror"), &work.path().join("mirror"));
    std::os::unix::fs::symlink(whole.dir.join("log"), work.path().join("log")).unwrap();
    let flip = Flip::any(&whole.parts[&Part::Mirror], seeded);
    fs::write(
        work.path().join(&flip.file),
        flip.of(whole.files[&flip.file].clone()),
    )
    .unwrap();
    match check_mirror(whole, work.path()) {
        Some(digest) => {
            assert_eq!(
                digest, whole.row_digest,
                "{flip:?} changed rows and was not found"
            );
            false
        }
        None => {
            let stored = Stored {
                files: Arc::new(Disk),
                data_dir: work.path().to_owned(),
                log_key: whole.log_key.clone(),
                mirror: whole.mirror.clone(),
            };
            let repaired = stored.repair(&[Part::Mirror], None).unwrap();
            assert!(repaired.mirror_deleted, "{flip:?}");
            true
        }
    }
}

/// The state of a directory's journal.
pub(super) fn journal_of(dir: &Path) -> State {
    replay(&vestiary_log::Disk, &dir.join("journal")).unwrap()
}
