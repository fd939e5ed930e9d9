//! A damaged journal and its copies: what is put in its place, and what is left to a person.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vestiary_log::journal::{self, Restored, SEGMENT_BYTES, restore};
use vestiary_log::sim::{Fault, ForgetfulDisk};
use vestiary_log::{Files, Journal};

const DIR: &str = "/j";
const COPY: &str = "/copy";

fn open(disk: &ForgetfulDisk) -> Journal {
    Journal::open(Arc::new(disk.clone()), Path::new(DIR)).unwrap().0
}

fn take_copy(disk: &ForgetfulDisk) {
    disk.create_dir_all(Path::new(COPY)).unwrap();
    for path in disk.file_paths() {
        if let Ok(name) = path.strip_prefix(DIR) {
            let bytes = disk.content(&path).unwrap();
            disk.put_if_absent(&Path::new(COPY).join(name), &bytes).unwrap();
        }
    }
}

fn segments(disk: &ForgetfulDisk) -> Vec<PathBuf> {
    let mut paths = disk.file_paths();
    paths.retain(|path| path.starts_with(DIR) && path.to_string_lossy().contains("segment-"));
    paths
}

fn restored(disk: &ForgetfulDisk) -> Restored {
    restore(disk, Path::new(DIR), Path::new(COPY)).unwrap()
}

/// Two segments, the second with one record.
fn two_segments(disk: &ForgetfulDisk) -> Journal {
    let mut journal = open(disk);
    let long = vec![1; usize::try_from(SEGMENT_BYTES).unwrap()];
    journal.append(&[long]).unwrap();
    journal.append(&["2"]).unwrap();
    journal
}

#[test]
fn a_copy_that_has_every_record_takes_the_place_of_a_damaged_journal_and_may_be_stopped_at_any_change() {
    let disk = ForgetfulDisk::new();
    drop(two_segments(&disk));
    take_copy(&disk);
    // The journal went on, was cut into another segment, and then the oldest one rotted.
    let mut journal = open(&disk);
    journal.snapshot(b"one and two").unwrap();
    drop(journal);
    let snapshot = Path::new("/j/snapshot-00000000000000000002");
    disk.rot(snapshot, b"rotten".to_vec());
    journal::check(&disk, Path::new(DIR)).unwrap_err();
    for change in 0.. {
        let fork = disk.fork();
        fork.fail_change(change, Fault::PowerOff);
        let done = restore(&fork, Path::new(DIR), Path::new(COPY));
        let is_whole = fork.faults_to_come() > 0;
        assert_eq!(done.is_ok(), is_whole, "{change}: {done:?}");
        fork.clear_faults();
        fork.power_cut(change);
        assert_eq!(
            restored(&fork),
            Restored::Whole { records: 2 },
            "stopped at {change}"
        );
        let replay = journal::check(&fork, Path::new(DIR)).unwrap();
        assert_eq!(replay.records.len(), 2);
        open(&fork).append(&["3"]).unwrap();
        if is_whole {
            assert!(change > 5, "{change}");
            break;
        }
    }
}

#[test]
fn where_the_end_cannot_be_read_no_copy_is_said_to_have_everything() {
    for is_long in [false, true] {
        let disk = ForgetfulDisk::new();
        let mut journal = if is_long { two_segments(&disk) } else { open(&disk) };
        journal.append(&["copied"]).unwrap();
        take_copy(&disk);
        let copied = journal.next_sequence() - 1;
        for record in ["promised", "since", "then"] {
            journal.append(&[record]).unwrap();
        }
        drop(journal);
        let newest = segments(&disk).pop().unwrap();
        let whole = disk.content(&newest).unwrap();
        let missing = disk.fork();
        missing.remove(&newest).unwrap();
        let rotten = disk.fork();
        rotten.rot(&newest, vec![0; whole.len()]);
        // What can be read ends before the copy does.
        let end_is_rotten = disk.fork();
        let mut bytes = whole.clone();
        bytes[40..].fill(0);
        end_is_rotten.rot(&newest, bytes);
        for disk in [missing, rotten, end_is_rotten] {
            let contents = || {
                disk.file_paths()
                    .into_iter()
                    .map(|path| (disk.content(&path), path))
            };
            let before: Vec<_> = contents().collect();
            let answer = restored(&disk);
            let known = copied - 1 - u64::from(is_long);
            assert!(
                matches!(answer, Restored::EndUnknown { copy_ends, known_to } if copy_ends == copied && known_to <= known),
                "{answer:?}"
            );
            assert!(contents().eq(before), "nothing was changed");
        }
        // One damaged record in the middle: what stands behind it tells how many there were.
        let mut bytes = whole;
        bytes[74] ^= 1;
        disk.rot(&newest, bytes);
        assert!(
            matches!(restored(&disk), Restored::Older { journal_ends, .. } if journal_ends == copied + 3)
        );
    }
}
