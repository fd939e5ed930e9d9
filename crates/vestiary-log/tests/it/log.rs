//! The log when nothing breaks.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use vestiary_log::journal::begin_again;
use vestiary_log::{CheckpointSigner as _, Disk, Files as _, LogError, LogHandle, LogReader, LogWriter};
use vestiary_tlog::{checkpoint, leaf_hash, proof};

use crate::support::{DIR, TestLog, TestSigner, entries};

#[test]
fn every_append_leaves_a_log_that_verifies_from_storage() {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    log.check(&writer);
    for count in [1, 1, 253, 1, 1, 256, 300, 0, 1_000, 63_000, 1_500] {
        let batch = entries(log.acknowledged.len() as u64, count);
        log.append(&mut writer, &batch).unwrap();
        if count < 10_000 {
            log.check(&writer);
        }
    }
    writer.settle().unwrap();
    log.check(&writer);
    drop(writer);
    let writer = log.open().unwrap();
    log.check(&writer);
}

#[test]
fn the_raw_files_verify_without_this_crate() {
    let dir = tempfile::tempdir().unwrap();
    let signer = TestSigner::new();
    let mut writer = LogWriter::open(Arc::new(Disk), dir.path(), signer.clone()).unwrap();
    for (first, count) in [(0, 255), (255, 2), (257, 700)] {
        writer.append(&entries(first, count)).unwrap();
    }
    let note = std::fs::read(dir.path().join("checkpoint")).unwrap();
    let found = checkpoint::open(&note, "log.example/test", &signer.verifier_key()).unwrap();
    assert_eq!(found.size(), 957);
    let mut leaves = Vec::new();
    for (name, width) in [("000", 256), ("001", 256), ("002", 256), ("003.p/189", 189)] {
        let bundle = std::fs::read(dir.path().join("tile/entries").join(name)).unwrap();
        let hashes = vestiary_tlog::tile::parse_bundle(&bundle, width).unwrap();
        let tile = std::fs::read(dir.path().join("tile/0").join(name)).unwrap();
        let hashes: Vec<_> = hashes.into_iter().map(leaf_hash).collect();
        assert_eq!(tile, hashes.iter().flat_map(|hash| hash.0).collect::<Vec<u8>>());
        leaves.extend(hashes);
    }
    assert_eq!(proof::root(957, &leaves[..]).unwrap(), found.root());
    assert_eq!(
        std::fs::read(dir.path().join("tile/1/000.p/3")).unwrap().len(),
        3 * 32
    );
}

#[test]
fn partial_tiles_stay_until_the_full_one_is_durable() {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(0, 100)).unwrap();
    writer.settle().unwrap();
    log.append(&mut writer, &entries(100, 200)).unwrap();
    let partial = crate::support::path("tile/0/000.p/100");
    assert!(log.disk.content(&partial).is_some());
    writer.settle().unwrap();
    assert!(log.disk.content(&partial).is_none());
    assert!(
        log.disk
            .content(&crate::support::path("tile/0/001.p/44"))
            .is_some()
    );
    assert_eq!(
        writer.reader().file("tile/0/000.p/100").unwrap().len(),
        100 * 32,
        "still answered"
    );
    log.check(&writer);
}

#[test]
fn a_reader_serves_files_by_their_tlog_tiles_paths_and_nothing_beyond_the_checkpoint() {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(0, 300)).unwrap();
    let reader = writer.reader();
    assert_eq!(reader.file("checkpoint").unwrap(), writer.published().bytes);
    assert_eq!(reader.file("tile/0/000").unwrap().len(), 8192);
    assert_eq!(reader.file("tile/0/001.p/44").unwrap().len(), 44 * 32);
    assert_eq!(reader.file("tile/0/001.p/7").unwrap().len(), 7 * 32);
    let bundle = reader.file("tile/entries/001.p/3").unwrap();
    let expected = entries(256, 3);
    assert_eq!(vestiary_tlog::tile::parse_bundle(&bundle, 3).unwrap(), expected);
    for path in [
        "tile/0/001",
        "tile/0/001.p/45",
        "tile/0/002.p/1",
        "tile/1/000",
        "tile/1/000.p/2",
        "tile/2/000.p/1",
        "tile/entries/001",
        "tile/entries/001.p/45",
        "",
        "tile",
        "staging/lock",
        "../log/checkpoint",
        "tile/0/0",
    ] {
        let answer = reader.file(path);
        assert!(
            matches!(answer, Err(LogError::NotPublished { .. })),
            "{path}: {answer:?}"
        );
    }
    assert!(matches!(reader.entry(300), Err(LogError::NotPublished { .. })));
    assert!(matches!(
        reader.inclusion(0, 301),
        Err(LogError::NotPublished { .. })
    ));
}

#[test]
fn proofs_of_older_sizes_verify() {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    let mut roots = Vec::new();
    for _ in 0..12 {
        let batch = entries(log.acknowledged.len() as u64, 71);
        log.append(&mut writer, &batch).unwrap();
        roots.push((
            writer.published().checkpoint.size(),
            writer.published().checkpoint.root(),
        ));
    }
    let reader = writer.reader();
    for (position, (old_size, old_root)) in roots.iter().enumerate() {
        assert_eq!(reader.root(*old_size).unwrap(), *old_root);
        let (leaf, path) = reader.inclusion(old_size - 1, *old_size).unwrap();
        proof::verify_inclusion(&leaf, old_size - 1, *old_size, old_root, &path).unwrap();
        for (size, root) in &roots[position..] {
            let path = reader.consistency(*old_size, *size).unwrap();
            proof::verify_consistency(*old_size, old_root, *size, root, &path).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_appends_get_distinct_indexes_and_keep_each_batch_together() {
    let log = TestLog::new();
    let handle = LogHandle::spawn(log.open().unwrap()).unwrap();
    let tasks: Vec<_> = (0..64_u64)
        .map(|task| {
            let handle = handle.clone();
            tokio::spawn(async move {
                let mut answers = Vec::new();
                for round in 0..5 {
                    let batch = entries(task * 1_000 + round * 10, 1 + task % 3);
                    answers.push((handle.append(batch.clone()).await.unwrap(), batch));
                }
                answers
            })
        })
        .collect();
    let mut taken = std::collections::BTreeMap::new();
    for task in tasks {
        let mut last = None;
        for (appended, batch) in task.await.unwrap() {
            assert!(
                last < Some(appended.first_index),
                "a caller's appends keep their order"
            );
            last = Some(appended.first_index);
            for (index, entry) in (appended.first_index..).zip(batch) {
                assert!(index < appended.size());
                assert_eq!(taken.insert(index, entry), None);
            }
        }
    }
    let size = handle.published().unwrap().checkpoint.size();
    assert_eq!(taken.len() as u64, size);
    for (index, entry) in &taken {
        assert_eq!(handle.reader().entry(*index).unwrap(), *entry);
    }
    drop(handle);
    let mut log = log;
    log.acknowledged = taken.into_values().collect();
    let writer = log.open().unwrap();
    log.check(&writer);
}

#[test]
fn a_signer_that_refuses_leaves_the_log_as_it_was() {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(0, 10)).unwrap();
    log.signer.refuse.store(true, Ordering::SeqCst);
    assert!(matches!(
        log.append(&mut writer, &entries(10, 3)),
        Err(LogError::Signer { size: 13, .. })
    ));
    log.check(&writer);
    log.signer.refuse.store(false, Ordering::SeqCst);
    log.append(&mut writer, &entries(500, 4)).unwrap();
    log.check(&writer);
    log.disk.power_cut(1);
    let writer = log.open().unwrap();
    log.check(&writer);
}

#[test]
fn a_second_writer_is_refused_and_a_writer_that_was_replaced_cannot_append() {
    let mut log = TestLog::new();
    let mut old = log.open().unwrap();
    log.append(&mut old, &entries(0, 5)).unwrap();
    assert!(matches!(
        log.open(),
        Err(LogError::Files(vestiary_log::FileError::Locked { .. }))
    ));
    log.disk.break_locks();
    let mut new = log.open().unwrap();
    assert!(new.epoch() > old.epoch());
    assert!(matches!(
        old.append(&entries(5, 1)),
        Err(LogError::Stopped { .. })
    ));
    assert!(old.stopped().is_some());
    log.append(&mut new, &entries(100, 2)).unwrap();
    log.check(&new);
}

#[test]
fn a_writer_that_lost_the_checkpoint_to_another_stops() {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(0, 5)).unwrap();
    let mine = log.disk.content(&crate::support::path("checkpoint")).unwrap();
    let mut theirs = mine.clone();
    theirs.extend_from_slice("\u{2014} other AAAA\n".as_bytes());
    log.disk.rot(&crate::support::path("checkpoint"), theirs);
    assert!(matches!(
        log.append(&mut writer, &entries(5, 1)),
        Err(LogError::Stopped { .. })
    ));
    assert!(matches!(
        log.append(&mut writer, &entries(5, 1)),
        Err(LogError::Stopped { .. })
    ));
}

/// A log of 600 entries of which there are only the public files, put where `place` is.
fn public_files(mut place: TestLog) -> TestLog {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(0, 600)).unwrap();
    for path in log.disk.file_paths() {
        if !path.starts_with(crate::support::path("staging")) {
            let bytes = log.disk.content(&path).unwrap();
            place.disk.create_dir_all(path.parent().unwrap()).unwrap();
            // As one copies files: not synced.
            place.disk.replace(&path, &bytes).unwrap();
        }
    }
    place.acknowledged.clone_from(&log.acknowledged);
    place
}

/// Opens a log whose staging holds nothing, appends, and goes on after each end that a process can have.
fn goes_on_from_its_public_files(log: &mut TestLog) {
    let mut writer = log.open().unwrap();
    log.check(&writer);
    // Without an append too, what was found is the log's for good.
    for append in [0, 30, 300] {
        let batch = entries(log.acknowledged.len() as u64, append);
        log.append(&mut writer, &batch).unwrap();
        log.check(&writer);
        for mut ended in (0..8).flat_map(|seed| log.ended(seed)) {
            let writer = ended.open().unwrap();
            ended.check_as(&writer, &format!("{append} appended"));
        }
    }
}

#[test]
fn a_copy_of_the_public_files_is_a_log() {
    goes_on_from_its_public_files(&mut public_files(TestLog::new()));
}

#[test]
fn a_copy_may_be_put_where_an_empty_log_was_opened() {
    let empty = TestLog::new();
    for _ in 0..2 {
        drop(empty.open().unwrap());
    }
    goes_on_from_its_public_files(&mut public_files(empty));
}

#[test]
fn a_log_whose_staging_began_again_goes_on() {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(0, 600)).unwrap();
    writer.settle().unwrap();
    drop(writer);
    let [staging, aside] = ["staging", "aside"].map(crate::support::path);
    begin_again(&log.disk, &staging, &aside).unwrap();
    goes_on_from_its_public_files(&mut log);
}

#[test]
fn staged_entries_that_go_on_from_the_public_files_are_taken_without_a_snapshot() {
    let mut copy = public_files(TestLog::new());
    let mut writer = copy.open().unwrap();
    let old = writer.published().bytes.clone();
    for batch in [entries(600, 30), entries(630, 200)] {
        copy.append(&mut writer, &batch).unwrap();
    }
    // Earlier versions wrote none.
    let snapshot = crate::support::path("staging/snapshot-00000000000000000000");
    copy.disk.remove(&snapshot).unwrap();
    copy.disk.sync_dir(&crate::support::path("staging")).unwrap();
    for (seed, checkpoint) in (0..).zip([
        copy.disk.content(&crate::support::path("checkpoint")).unwrap(),
        old,
    ]) {
        let mut fork = copy.fork();
        fork.disk.power_cut(seed);
        fork.disk
            .replace(&crate::support::path("checkpoint"), &checkpoint)
            .unwrap();
        let writer = fork.open().unwrap();
        fork.check(&writer);
    }
    // Where no checkpoint tells what stood before them, nothing does.
    copy.disk.kill();
    copy.disk.remove(&crate::support::path("checkpoint")).unwrap();
    assert!(matches!(copy.open(), Err(LogError::Damaged { .. })));
}

#[test]
fn a_reader_elsewhere_follows_the_log_and_refuses_an_older_checkpoint() {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(0, 5)).unwrap();
    let old = writer.published().bytes.clone();
    let reader = LogReader::open(log.files(), Path::new(DIR), log.signer.verifier_key()).unwrap();
    log.append(&mut writer, &entries(5, 5)).unwrap();
    assert_eq!(reader.published().unwrap().checkpoint.size(), 10);
    assert_eq!(reader.entry(9).unwrap(), entries(9, 1)[0]);
    log.disk.rot(&crate::support::path("checkpoint"), old);
    assert!(matches!(
        reader.published(),
        Err(LogError::RolledBack {
            found: 5,
            known: 10,
            ..
        })
    ));
}
