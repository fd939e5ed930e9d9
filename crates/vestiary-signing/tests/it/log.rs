//! The memory in front of a real log: rebuilt from its files at every start.

use std::{fs, path::Path, process::Command, sync::Arc};

use vestiary_log::{CheckpointSigner, Disk, Files, LogError, LogReader, LogWriter};
use vestiary_signing::{CheckpointKey, Error, Memory, Purpose, Witnessed};

use crate::support::{ORIGIN, ed25519};

/// Starts as a service does: read what is published, hear what others saw, then sign.
fn start(dir: &Path, witnessed: Option<(u64, vestiary_tlog::Hash)>) -> Result<LogWriter, LogError> {
    let files: Arc<dyn Files> = Arc::new(Disk);
    let memory = Arc::new(Memory::rebuilding());
    let key = CheckpointKey::new(ed25519(Purpose::Checkpoint).into(), memory.clone(), ORIGIN).unwrap();
    if let Ok(log) = LogReader::open(files.clone(), dir, key.verifier_key()) {
        let published = log.published()?;
        memory
            .remember_log(ORIGIN, published.checkpoint.size(), published.checkpoint.root())
            .unwrap();
        if let Some((size, _)) = witnessed.filter(|(size, _)| *size <= published.checkpoint.size()) {
            memory.remember_log(ORIGIN, size, log.root(size)?).unwrap();
        }
    }
    if let Some((size, root)) = witnessed {
        // What contradicts is kept in the memory, which then refuses.
        let _ = memory.remember_witnessed(ORIGIN, size, root, Witnessed::Anchor);
    }
    memory.finish_rebuild();
    LogWriter::open(files, dir, Arc::new(key))
}

fn append(writer: &mut LogWriter, entry: &str) -> Result<(u64, vestiary_tlog::Hash), LogError> {
    let appended = writer.append(&[entry.as_bytes().to_vec()])?;
    Ok((appended.size(), appended.published.checkpoint.root()))
}

/// The writer passes on why the signer refused.
fn refusal_code(error: LogError) -> &'static str {
    match error {
        LogError::Signer { source, .. } => source.downcast_ref::<Error>().unwrap().code(),
        other => panic!("{other}"),
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(
        Command::new("cp")
            .arg("-r")
            .arg(from)
            .arg(to)
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_log_grows_over_restarts_with_a_memory_rebuilt_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut anchored = None;
    for round in 0..5 {
        let mut writer = start(dir.path(), anchored).unwrap();
        anchored = Some(append(&mut writer, &format!("entry {round}")).unwrap());
    }
    assert_eq!(anchored.unwrap().0, 5);
}

#[test]
fn a_log_restored_from_an_old_copy_is_not_continued_until_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (log, old) = (dir.path().join("log"), dir.path().join("old"));
    let mut writer = start(&log, None).unwrap();
    append(&mut writer, "one").unwrap();
    drop(writer);
    copy(&log, &old);
    let mut writer = start(&log, None).unwrap();
    append(&mut writer, "two").unwrap();
    let anchored = append(&mut writer, "three").unwrap();
    drop(writer);

    let refused = start(&old, Some(anchored)).and_then(|mut writer| append(&mut writer, "another two"));
    assert_eq!(refusal_code(refused.unwrap_err()), "log_too_short");

    fs::remove_dir_all(&old).unwrap();
    copy(&log, &old);
    let mut writer = start(&old, Some(anchored)).unwrap();
    assert_eq!(append(&mut writer, "four").unwrap().0, 4);
}

#[test]
fn a_log_that_became_another_than_the_anchored_one_is_not_continued() {
    let dir = tempfile::tempdir().unwrap();
    let (log, other) = (dir.path().join("log"), dir.path().join("other"));
    let mut writer = start(&log, None).unwrap();
    append(&mut writer, "one").unwrap();
    let anchored = append(&mut writer, "two").unwrap();
    let mut writer = start(&other, None).unwrap();
    for entry in ["one", "not two", "three"] {
        append(&mut writer, entry).unwrap();
    }
    drop(writer);
    let refused = start(&other, Some(anchored)).and_then(|mut writer| append(&mut writer, "four"));
    assert_eq!(refusal_code(refused.unwrap_err()), "two_checkpoints");
}

#[test]
fn a_checkpoint_that_a_full_disk_kept_back_does_not_stop_the_log_until_a_restart() {
    use vestiary_log::sim::{Fault, ForgetfulDisk};
    let disk = ForgetfulDisk::new();
    let memory = Arc::new(Memory::fresh());
    let key = CheckpointKey::new(ed25519(Purpose::Checkpoint).into(), memory.clone(), ORIGIN).unwrap();
    let mut writer = LogWriter::open(Arc::new(disk.clone()), Path::new("/log"), Arc::new(key)).unwrap();
    append(&mut writer, "first").unwrap();
    let mut refused = 0;
    for number in 0..16 {
        disk.fail_change(number, Fault::NoSpace);
        let answer = append(&mut writer, &format!("kept back {number}"));
        disk.clear_faults();
        if let Err(error) = answer {
            assert!(error.is_no_space(), "{error}");
            refused += 1;
            // Another entry takes the place; the size has another root now.
            append(&mut writer, &format!("instead {number}")).unwrap();
        }
    }
    assert!(refused > 3, "{refused}");
    let (size, root) = append(&mut writer, "last").unwrap();
    let head = vestiary_signing::TreeHead { size, root };
    let published = writer.published();
    assert_eq!(
        (published.checkpoint.size(), published.checkpoint.root()),
        (size, root)
    );
    // What was published is never taken back: neither the last one once another followed, nor what a witness saw.
    memory
        .remember_witnessed(ORIGIN, size, root, Witnessed::Witness)
        .unwrap();
    memory.withdraw_checkpoint(ORIGIN, head);
    let fork = vestiary_tlog::Checkpoint::new(ORIGIN, size, vestiary_tlog::Hash([9; 32])).unwrap();
    let refusal = ed25519(Purpose::Checkpoint)
        .sign_checkpoint(&memory, &fork)
        .unwrap_err();
    assert_eq!(refusal.code(), "two_checkpoints", "{refusal}");
}
