//! Each limit has a name and is kept.

use std::path::Path;
use std::sync::Arc;

use vestiary_log::files::Upload;
use vestiary_log::journal::{MAX_GROUP_BYTES, MAX_RECORD_BYTES, MAX_SNAPSHOT_BYTES, SEGMENT_BYTES};
use vestiary_log::log::{
    MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_CHECKPOINT_BYTES, MAX_ENTRY_BYTES, MAX_WAITING_APPENDS,
    STAGING_BYTES,
};
use vestiary_log::sim::ForgetfulDisk;
use vestiary_log::{FileError, Files, Journal, JournalError, LogError};

use crate::support::TestLog;

#[test]
fn limits_fit_into_one_another() {
    const {
        assert!(MAX_BATCH_BYTES + 16 <= MAX_RECORD_BYTES);
        assert!(MAX_RECORD_BYTES + 36 <= MAX_GROUP_BYTES);
        assert!(SEGMENT_BYTES < STAGING_BYTES);
        assert!(STAGING_BYTES < MAX_SNAPSHOT_BYTES);
        assert!(MAX_ENTRY_BYTES < MAX_BATCH_BYTES);
        assert!(MAX_CHECKPOINT_BYTES < MAX_SNAPSHOT_BYTES);
        assert!(MAX_WAITING_APPENDS < MAX_BATCH_ENTRIES);
    }
}

#[test]
fn a_record_or_group_beyond_its_limit_is_refused_before_anything_is_written() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = Journal::open(Arc::new(disk.clone()), Path::new("/j")).unwrap();
    let before = disk.operations();
    let record = vec![0; MAX_RECORD_BYTES + 1];
    assert!(matches!(
        journal.append(&[&record]),
        Err(JournalError::TooLarge { what: "record", .. })
    ));
    let half = vec![0; MAX_RECORD_BYTES];
    let group = journal.append(&[&half, &half]);
    assert!(matches!(
        group,
        Err(JournalError::TooLarge {
            what: "group of records",
            ..
        })
    ));
    assert_eq!(disk.operations(), before);
    assert_eq!(journal.append(&[&half]).unwrap(), 1..2);
}

#[test]
fn an_entry_or_batch_beyond_its_limit_is_refused_before_anything_is_written() {
    let log = TestLog::new();
    let mut writer = log.open().unwrap();
    let before = log.disk.operations();
    for batch in [
        vec![vec![0; MAX_ENTRY_BYTES + 1]],
        vec![Vec::new(); MAX_BATCH_ENTRIES + 1],
        vec![vec![0; 60_000]; MAX_BATCH_BYTES / 60_000 + 1],
    ] {
        assert!(matches!(writer.append(&batch), Err(LogError::TooLarge { .. })));
    }
    assert_eq!(log.disk.operations(), before);
    writer.append(&[vec![1; MAX_ENTRY_BYTES]]).unwrap();
}

#[test]
fn a_journal_goes_on_in_a_new_segment_when_one_is_long() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = Journal::open(Arc::new(disk.clone()), Path::new("/j")).unwrap();
    let record = vec![9; MAX_RECORD_BYTES / 4];
    for _ in 0..6 {
        journal.append(&[&record]).unwrap();
    }
    let segments = || -> Vec<_> {
        let mut paths = disk.file_paths();
        paths.retain(|path| path.to_string_lossy().contains("segment-"));
        paths
    };
    assert_eq!(segments().len(), 3);
    let bytes = |path: &std::path::PathBuf| disk.content(path).unwrap().len() as u64;
    assert!(
        segments()
            .iter()
            .all(|path| bytes(path) < SEGMENT_BYTES + record.len() as u64 + 100)
    );
    assert_eq!(journal.kept_bytes(), segments().iter().map(bytes).sum::<u64>());
    drop(journal);
    let (journal, replay) = Journal::open(Arc::new(disk.clone()), Path::new("/j")).unwrap();
    assert_eq!(journal.kept_bytes(), segments().iter().map(bytes).sum::<u64>());
    assert_eq!(replay.records.len(), 6);
    assert_eq!(replay.repaired, []);
}

#[test]
fn an_upload_beyond_its_limit_is_refused_and_leaves_nothing() {
    let disk = ForgetfulDisk::new();
    let mut upload = Upload::begin(Arc::new(disk.clone()), Path::new("/"), 10).unwrap();
    upload.write(b"12345").unwrap();
    assert!(matches!(
        upload.write(b"678901"),
        Err(FileError::TooLarge {
            bytes: 11,
            max_bytes: 10,
            ..
        })
    ));
    drop(upload);
    assert!(disk.file_paths().is_empty());
    assert!(matches!(
        disk.read(Path::new("/none"), 1),
        Err(FileError::Missing { .. })
    ));
}
