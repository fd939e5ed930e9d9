//! Flipped bytes: never served, always named, and repaired where the entries tell.

use std::path::{Path, PathBuf};

use vestiary_log::seams::SeededRandom;
use vestiary_log::{CheckpointSigner as _, Files as _, LogError, LogReader};

use crate::support::{DIR, TestLog, entries, path};

fn settled_log(count: u64) -> TestLog {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    for first in (0..count).step_by(150) {
        log.append(&mut writer, &entries(first, 150.min(count - first)))
            .unwrap();
    }
    writer.settle().unwrap();
    log
}

fn public_files(log: &TestLog) -> Vec<PathBuf> {
    let is_public = |path: &PathBuf| !path.starts_with(crate::support::path("staging"));
    log.disk.file_paths().into_iter().filter(is_public).collect()
}

#[test]
fn a_flipped_byte_is_never_served_and_always_named() {
    let log = settled_log(700);
    let paths = public_files(&log);
    let random = SeededRandom::new(1);
    for _ in 0..150 {
        let file = &paths[usize::try_from(random.below(paths.len() as u64)).unwrap()];
        let mut content = log.disk.content(file).unwrap();
        let at = usize::try_from(random.below(content.len() as u64)).unwrap();
        content[at] ^= 1 << random.below(8);
        let rotten = TestLog {
            disk: log.disk.fork(),
            signer: log.signer.clone(),
            acknowledged: Vec::new(),
            unanswered: Vec::new(),
        };
        rotten.disk.kill();
        rotten.disk.rot(file, content);
        let is_old_partial = file.to_str().unwrap().contains(".p/")
            && !file.to_str().unwrap().ends_with("/188")
            && !file.ends_with("1/000.p/2");
        let mut named = false;
        let mut look = |error: &LogError| match error {
            LogError::Damaged { file: found, .. } => {
                assert_eq!(found, file, "{error}");
                named = true;
            }
            other => panic!("{other}"),
        };
        match LogReader::open(rotten.files(), Path::new(DIR), log.signer.verifier_key()) {
            Err(error) => look(&error),
            Ok(reader) => {
                for index in (0..700).step_by(60) {
                    match reader.entry(index) {
                        Ok(entry) => assert_eq!(entry, log.acknowledged[usize::try_from(index).unwrap()]),
                        Err(error) => look(&error),
                    }
                }
                for served in &paths {
                    let name = served.strip_prefix(DIR).unwrap().to_str().unwrap();
                    match reader.file(name) {
                        Ok(bytes) => assert_eq!(bytes, log.disk.content(served).unwrap(), "{name}"),
                        Err(error) => look(&error),
                    }
                }
            }
        }
        // A partial tile of an earlier size is not read any more: what is served is made of the newest.
        assert!(named || is_old_partial, "{}", file.display());
    }
}

#[test]
fn a_log_that_contradicts_its_checkpoint_is_refused() {
    for name in ["tile/0/002.p/188", "tile/1/000.p/2", "tile/entries/002.p/188"] {
        let log = settled_log(700);
        let mut content = log.disk.content(&path(name)).unwrap();
        content[5] ^= 0x10;
        log.disk.rot(&path(name), content);
        let refused = log.open();
        assert!(
            matches!(&refused, Err(LogError::Damaged { file, .. }) if *file == path(name)),
            "{name} {refused:?}"
        );
    }
}

#[test]
fn an_older_checkpoint_or_one_of_another_history_is_refused() {
    let mut log = settled_log(300);
    let old = log.disk.content(&path("checkpoint")).unwrap();
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(300, 300)).unwrap();
    writer.settle().unwrap();
    drop(writer);
    log.disk.rot(&path("checkpoint"), old);
    assert!(matches!(log.open(), Err(LogError::Damaged { file, .. }) if file == path("checkpoint")));

    let other = settled_log(150);
    let mut writer = other.open().unwrap();
    writer.append(&entries(9_000, 450)).unwrap();
    drop(writer);
    log.disk.rot(
        &path("checkpoint"),
        other.disk.content(&path("checkpoint")).unwrap(),
    );
    assert!(matches!(log.open(), Err(LogError::Damaged { file, .. }) if file == path("checkpoint")));
}

#[test]
fn tiles_without_a_checkpoint_are_not_taken_for_a_new_log() {
    let log = settled_log(10);
    for path in log.disk.file_paths() {
        if path.starts_with(crate::support::path("staging")) || path.ends_with("checkpoint") {
            log.files().remove(&path).unwrap();
        }
    }
    assert!(
        matches!(log.open(), Err(LogError::Damaged { what, .. }) if what == "missing, but there are tiles")
    );
}

#[test]
fn hash_tiles_are_repaired_from_the_entries() {
    let mut log = settled_log(700);
    let key = log.signer.verifier_key();
    let mut damaged = Vec::new();
    for path in public_files(&log) {
        let name = path.to_str().unwrap().to_owned();
        if name.contains("tile/0/00") && !name.contains(".p") || name.ends_with("1/000.p/2") {
            log.disk.rot(&path, vec![1; 77]);
            damaged.push(path);
        }
    }
    let health = vestiary_log::log::fsck(&log.disk, Path::new(DIR), &key).unwrap();
    let mut found: Vec<_> = health
        .findings
        .iter()
        .map(|finding| finding.file.clone())
        .collect();
    found.sort();
    assert_eq!(found, damaged);
    assert_eq!(
        health.repair(&log.disk, Path::new(DIR), &[]).unwrap(),
        damaged.len()
    );
    log.disk.power_cut(4);
    let writer = log.open().unwrap();
    log.check(&writer);
}

#[test]
fn every_damaged_bundle_is_listed_and_comes_back_from_a_copy() {
    let log = settled_log(700);
    let key = log.signer.verifier_key();
    let bundles = [
        path("tile/entries/000"),
        path("tile/entries/001"),
        path("tile/entries/002.p/188"),
    ];
    let rotten = log.disk.fork();
    let copy = Path::new("copy");
    let mut wanted = Vec::new();
    for file in &bundles {
        let right = log.disk.content(file).unwrap();
        let there = copy.join(file.strip_prefix(DIR).unwrap());
        rotten.create_dir_all(there.parent().unwrap()).unwrap();
        rotten.write(&there, &right).unwrap();
        // Not even a bundle any more: what follows it is read all the same.
        rotten.rot(file, vec![0xff; 99]);
        wanted.push((file.clone(), right));
    }
    let fsck = || vestiary_log::log::fsck(&rotten, Path::new(DIR), &key).unwrap();
    let health = fsck();
    let found: Vec<_> = health
        .findings
        .iter()
        .map(|finding| finding.file.clone())
        .collect();
    assert_eq!(found, bundles);
    assert_eq!(
        health.repair(&rotten, Path::new(DIR), &[]).unwrap(),
        0,
        "only a copy has them"
    );
    assert_eq!(fsck(), health);
    // A copy is believed as far as it has the hashes that the tiles name.
    rotten.rot(
        &copy.join("tile/entries/001"),
        log.disk.content(&bundles[0]).unwrap(),
    );
    assert_eq!(health.repair(&rotten, Path::new(DIR), &[copy]).unwrap(), 2);
    let left: Vec<_> = fsck().findings.into_iter().map(|finding| finding.file).collect();
    assert_eq!(left, bundles[1..2]);
    rotten.rot(&copy.join("tile/entries/001"), wanted[1].1.clone());
    fsck().repair(&rotten, Path::new(DIR), &[copy]).unwrap();
    assert!(fsck().findings.is_empty());
    for (file, right) in wanted {
        assert!(rotten.content(&file) == Some(right), "{}", file.display());
    }
}

#[test]
fn where_entries_and_their_tile_are_both_gone_the_rest_is_still_listed() {
    let log = settled_log(700);
    let gone = ["tile/entries/000", "tile/0/000", "tile/entries/001"].map(path);
    for file in &gone {
        log.disk.rot(file, vec![0xff; 99]);
    }
    let health = vestiary_log::log::fsck(&log.disk, Path::new(DIR), &log.signer.verifier_key()).unwrap();
    let mut found: Vec<_> = health
        .findings
        .iter()
        .map(|finding| finding.file.clone())
        .collect();
    found.sort();
    let mut wanted = gone.to_vec();
    wanted.sort();
    assert_eq!(found, wanted);
}
