//! The journal: what was appended is read back; what is damaged is named.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vestiary_log::journal::{self, Replay, SEGMENT_BYTES};
use vestiary_log::sim::{Fault, ForgetfulDisk};
use vestiary_log::{Disk, FileError, Files, Journal, JournalError};

const DIR: &str = "/j";
const FIRST_SEGMENT: &str = "/j/segment-00000000000000000001";

fn open(disk: &ForgetfulDisk) -> Result<(Journal, Replay), JournalError> {
    Journal::open(Arc::new(disk.clone()), Path::new(DIR))
}

fn payloads(replay: &Replay) -> Vec<(u64, &[u8])> {
    replay
        .records
        .iter()
        .map(|record| (record.sequence, &record.payload[..]))
        .collect()
}

#[test]
fn records_are_read_back_in_order_with_their_epochs() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Journal::open(Arc::new(Disk), dir.path()).unwrap();
    let (mut journal, replay) = open();
    assert!(replay.records.is_empty());
    assert_eq!(journal.append(&["a", "bb"]).unwrap(), 1..3);
    assert_eq!(journal.append::<&str>(&[]).unwrap(), 3..3);
    let first_epoch = journal.epoch();
    drop(journal);
    let (mut journal, replay) = open();
    assert_eq!(payloads(&replay), [(1, &b"a"[..]), (2, b"bb")]);
    assert!(journal.epoch() > first_epoch);
    assert_eq!(journal.append(&[""]).unwrap(), 3..4);
    drop(journal);
    let (journal, replay) = open();
    assert_eq!(payloads(&replay), [(1, &b"a"[..]), (2, b"bb"), (3, b"")]);
    assert_eq!(replay.records[0].epoch, first_epoch);
    assert_eq!(replay.records[2].epoch, first_epoch + 1);
    assert_eq!((replay.epoch, replay.next_sequence), (first_epoch + 2, 4));
    assert_eq!(journal.epoch(), replay.epoch);
    assert_eq!(replay.repaired, []);
    assert_eq!(journal::check(&Disk, dir.path()).unwrap().records, replay.records);
}

#[test]
fn a_torn_end_is_cut_off_wherever_it_was_torn() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = open(&disk).unwrap();
    journal.append(&["kept"]).unwrap();
    let before = disk.content(Path::new(FIRST_SEGMENT)).unwrap().len();
    let record = vec![7; 1_500];
    journal.append(&[&record[..], b"second of the group"]).unwrap();
    let whole = disk.content(Path::new(FIRST_SEGMENT)).unwrap();
    // The last 36 bytes say that the group was acknowledged; without them it may not have been.
    let group_end = whole.len() - 36;
    drop(journal);
    for cut in before..=group_end {
        let disk = disk.fork();
        disk.rot(Path::new(FIRST_SEGMENT), whole[..cut].to_vec());
        let (mut journal, replay) = open(&disk).unwrap();
        let kept = replay.records.len();
        assert_eq!(
            kept,
            if cut < before + 36 + 1_500 {
                1
            } else if cut < group_end {
                2
            } else {
                3
            }
        );
        assert_eq!(
            replay.repaired.is_empty(),
            [before, before + 1_536, group_end].contains(&cut),
            "{cut}"
        );
        assert_eq!(journal.append(&["next"]).unwrap().start, kept as u64 + 1);
        drop(journal);
        let (_, replay) = open(&disk).unwrap();
        assert_eq!(replay.records.len(), kept + 1);
        assert_eq!(replay.repaired, []);
    }
}

#[test]
fn any_flipped_byte_is_named_and_no_acknowledged_record_is_lost() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = open(&disk).unwrap();
    journal.append(&["first", "second"]).unwrap();
    journal.append(&["third"]).unwrap();
    drop(journal);
    let (mut journal, _) = open(&disk).unwrap();
    journal.append(&["fourth, the last one"]).unwrap();
    drop(journal);
    let segment = PathBuf::from(FIRST_SEGMENT);
    for path in [segment.clone(), PathBuf::from("/j/epoch")] {
        let whole = disk.content(&path).unwrap();
        for at in 0..whole.len() {
            for bit in [0x01, 0x80] {
                let disk = disk.fork();
                let mut flipped = whole.clone();
                flipped[at] ^= bit;
                disk.rot(&path, flipped);
                match open(&disk) {
                    Err(JournalError::Damaged { file, .. }) => assert_eq!(file, path),
                    Err(other) => panic!("{path:?} byte {at}: {other}"),
                    Ok((_, replay)) => {
                        // Only a mark may be left out: it holds no record.
                        assert_eq!(replay.records.len(), 4, "{path:?} byte {at}");
                        assert_eq!(replay.repaired.len(), 1, "{path:?} byte {at}");
                        assert_eq!(replay.repaired[0].file, path);
                    }
                }
            }
        }
    }
}

#[test]
fn damage_is_refused_with_file_offset_and_remedy() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = open(&disk).unwrap();
    journal.append(&["first"]).unwrap();
    journal.append(&["second"]).unwrap();
    drop(journal);
    let mut content = disk.content(Path::new(FIRST_SEGMENT)).unwrap();
    content[36 + 36 + 36 + 2] ^= 1;
    disk.rot(Path::new(FIRST_SEGMENT), content);
    let error = open(&disk).unwrap_err().to_string();
    assert!(
        error.starts_with("/j/segment-00000000000000000001: damaged at byte 72: "),
        "{error}"
    );
    assert!(
        error.ends_with("restore the journal's directory from a back-up"),
        "{error}"
    );
}

#[test]
fn missing_segments_are_named() {
    let disk = ForgetfulDisk::new();
    disk.create_dir(Path::new(DIR)).unwrap();
    let check = |disk: &ForgetfulDisk| journal::check(disk, Path::new(DIR));
    assert_eq!(check(&disk).unwrap().records, [], "new");
    let (mut journal, _) = open(&disk).unwrap();
    assert_eq!(check(&disk).unwrap().records, [], "empty");
    let only_segment_is_missing = |segment: &str| {
        let disk = disk.fork();
        disk.kill();
        disk.remove(Path::new(segment)).unwrap();
        for error in [check(&disk).unwrap_err(), open(&disk).unwrap_err()] {
            assert!(
                matches!(&error, JournalError::Damaged { file, .. } if file == Path::new(segment)),
                "{error}"
            );
        }
        // The snapshot tells it too.
        disk.remove(Path::new("/j/epoch")).unwrap();
        check(&disk)
    };
    assert_eq!(
        only_segment_is_missing(FIRST_SEGMENT).unwrap().records,
        [],
        "as new"
    );
    journal.append(&["1"]).unwrap();
    journal.snapshot(b"one").unwrap();
    let error = only_segment_is_missing("/j/segment-00000000000000000002").unwrap_err();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
}

#[test]
fn a_newest_segment_that_is_missing_is_named() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = open(&disk).unwrap();
    let record = vec![1; usize::try_from(SEGMENT_BYTES).unwrap()];
    journal.append(&[&record]).unwrap();
    journal.append(&["2"]).unwrap();
    journal.snapshot(b"one and two").unwrap();
    journal.append(&[&record]).unwrap();
    journal.append(&["4"]).unwrap();
    drop(journal);
    // What was acknowledged after the roll is gone with its segment, and the older ones join up.
    let newest = disk
        .file_paths()
        .into_iter()
        .rfind(|path| path.to_string_lossy().contains("segment-"))
        .unwrap();
    disk.remove(&newest).unwrap();
    for _ in 0..2 {
        let error = open(&disk).unwrap_err();
        assert!(
            matches!(&error, JournalError::Damaged { file, .. } if *file == newest),
            "{error}"
        );
    }
    let checked = vestiary_log::journal::check(&disk, Path::new(DIR)).unwrap_err();
    assert!(matches!(checked, JournalError::Damaged { file, .. } if file == newest));
}

#[test]
fn a_crash_between_a_new_segment_and_its_naming_loses_nothing() {
    let quiet = ForgetfulDisk::new();
    // How many records were acknowledged before the power went.
    let roll = |disk: &ForgetfulDisk| -> usize {
        let Ok((mut journal, _)) = open(disk) else {
            return 0;
        };
        let long = vec![1; usize::try_from(SEGMENT_BYTES).unwrap()];
        let records = [long.as_slice(), b"2"];
        records
            .iter()
            .take_while(|record| journal.append(&[**record]).is_ok())
            .count()
    };
    assert_eq!(roll(&quiet), 2);
    let last = quiet.operations();
    let mut rolled = 0;
    for number in last - 25..last {
        let disk = ForgetfulDisk::new();
        disk.fail_at(number, Fault::PowerOff);
        let acknowledged = roll(&disk);
        disk.power_cut(number);
        let (mut journal, replay) = open(&disk).unwrap();
        assert!(replay.records.len() >= acknowledged, "cut at {number}");
        rolled += acknowledged;
        journal.append(&["3"]).unwrap();
    }
    assert!(rolled > 10, "the cuts came too early: {rolled}");
}

#[test]
fn the_epoch_is_found_again_when_its_file_was_removed() {
    let disk = ForgetfulDisk::new();
    for _ in 0..3 {
        drop(open(&disk).unwrap());
    }
    disk.remove(Path::new("/j/epoch")).unwrap();
    assert_eq!(open(&disk).unwrap().0.epoch(), 4);
}

#[test]
fn an_epoch_that_is_older_than_the_records_is_refused() {
    let disk = ForgetfulDisk::new();
    drop(open(&disk).unwrap());
    let old = disk.content(Path::new("/j/epoch")).unwrap();
    for record in ["a", "b", "c"] {
        open(&disk).unwrap().0.append(&[record]).unwrap();
    }
    // Only this file came from a back-up. What is appended now would be left out as a replaced writer's.
    disk.remove(Path::new("/j/epoch")).unwrap();
    disk.write(Path::new("/j/epoch"), &old).unwrap();
    let refused = open(&disk).unwrap_err();
    assert!(
        matches!(&refused, JournalError::Damaged { file, remedy, .. }
            if file == Path::new("/j/epoch") && remedy.contains("remove this file")),
        "{refused}"
    );
    disk.remove(Path::new("/j/epoch")).unwrap();
    open(&disk).unwrap().0.append(&["d"]).unwrap();
    let replay = open(&disk).unwrap().1;
    assert_eq!(
        payloads(&replay),
        [(1, &b"a"[..]), (2, b"b"), (3, b"c"), (4, b"d")]
    );
}

#[test]
fn an_empty_segment_is_not_taken_for_a_new_journal() {
    let disk = ForgetfulDisk::new();
    open(&disk).unwrap().0.append(&["a"]).unwrap();
    disk.remove(Path::new(FIRST_SEGMENT)).unwrap();
    disk.write(Path::new(FIRST_SEGMENT), b"").unwrap();
    let refused = open(&disk).unwrap_err();
    assert!(
        matches!(&refused, JournalError::Damaged { file, .. } if file == Path::new(FIRST_SEGMENT)),
        "{refused}"
    );
}

#[test]
fn two_writers_are_refused() {
    let disk = ForgetfulDisk::new();
    let (journal, _) = open(&disk).unwrap();
    assert!(matches!(
        open(&disk),
        Err(JournalError::Files(FileError::Locked { .. }))
    ));
    drop(journal);
    open(&disk).unwrap();
}

#[test]
fn a_zombie_writer_finds_out_before_it_answers() {
    let disk = ForgetfulDisk::new();
    let (mut zombie, _) = open(&disk).unwrap();
    zombie.append(&["before"]).unwrap();
    disk.break_locks();
    let (mut journal, replay) = open(&disk).unwrap();
    assert_eq!(replay.records.len(), 1);
    assert!(matches!(
        zombie.append(&["zombie"]),
        Err(JournalError::Fenced { epoch: 1, .. })
    ));
    assert!(matches!(
        zombie.append(&["zombie"]),
        Err(JournalError::Stopped { .. })
    ));
    assert!(zombie.snapshot(b"state").is_err());
    assert!(zombie.erase(1).is_err());
    assert_eq!(journal.append(&["after"]).unwrap(), 2..3);
    drop((zombie, journal));
    assert_eq!(
        payloads(&open(&disk).unwrap().1),
        [(1, &b"before"[..]), (2, b"after")]
    );
}

#[test]
fn a_snapshot_stands_for_the_records_before_it() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = open(&disk).unwrap();
    journal.append(&["1", "2"]).unwrap();
    journal.snapshot(b"one and two").unwrap();
    journal.snapshot(b"the same said differently").unwrap();
    journal.append(&["3"]).unwrap();
    drop(journal);
    let (mut journal, replay) = open(&disk).unwrap();
    let snapshot = replay.snapshot.as_ref().unwrap();
    assert_eq!((snapshot.sequence, &snapshot.state[..]), (2, &b"one and two"[..]));
    assert_eq!(payloads(&replay), [(3, &b"3"[..])]);
    journal.snapshot(b"up to three").unwrap();
    let names: Vec<_> = disk.file_paths();
    let expected = [
        "epoch",
        "lock",
        "segment-00000000000000000004",
        "snapshot-00000000000000000003",
    ];
    assert_eq!(names, expected.map(|name| Path::new(DIR).join(name)));
    drop(journal);
    let snapshot = PathBuf::from("/j/snapshot-00000000000000000003");
    let whole = disk.content(&snapshot).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        disk.rot(&snapshot, flipped);
        assert!(matches!(open(&disk), Err(JournalError::Damaged { file, .. }) if file == snapshot));
    }
}

#[test]
fn a_snapshot_from_before_the_first_record_is_kept() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = open(&disk).unwrap();
    journal.snapshot(b"begun with").unwrap();
    journal.append(&["1"]).unwrap();
    drop(journal);
    let (mut journal, replay) = open(&disk).unwrap();
    let snapshot = replay.snapshot.as_ref().unwrap();
    assert_eq!((snapshot.sequence, &snapshot.state[..]), (0, &b"begun with"[..]));
    assert_eq!(payloads(&replay), [(1, &b"1"[..])]);
    journal.erase(1).unwrap();
    journal.snapshot(b"and one").unwrap();
    drop(journal);
    let replay = open(&disk).unwrap().1;
    assert_eq!(replay.snapshot.unwrap().state, b"and one");
    let first = Path::new("/j/snapshot-00000000000000000000");
    assert_eq!(disk.content(first), None);
}

#[test]
fn an_erased_record_is_gone_from_the_disk_and_the_others_stay() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = open(&disk).unwrap();
    journal
        .append(&["keep me", "very secret salt", "me too"])
        .unwrap();
    journal.erase(2).unwrap();
    journal.erase(2).unwrap();
    assert_eq!(journal.append(&["later"]).unwrap(), 4..5);
    for path in disk.file_paths() {
        let content = disk.content(&path).unwrap();
        assert!(!content.windows(6).any(|window| window == b"secret"), "{path:?}");
    }
    disk.power_cut(5);
    let (mut journal, replay) = open(&disk).unwrap();
    assert_eq!(
        payloads(&replay),
        [(1, &b"keep me"[..]), (3, b"me too"), (4, b"later")]
    );
    assert_eq!(replay.repaired, []);
    for unknown in [0, 5, u64::MAX] {
        assert!(matches!(
            journal.erase(unknown),
            Err(JournalError::NoSuchRecord { .. })
        ));
    }
    journal.snapshot(b"state").unwrap();
    assert!(matches!(
        journal.erase(1),
        Err(JournalError::InSnapshot { sequence: 1 })
    ));
}

#[test]
fn only_the_last_append_can_be_taken_back() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = open(&disk).unwrap();
    journal.append(&["1"]).unwrap();
    let group = journal.append(&["2", "3"]).unwrap();
    assert!(matches!(
        journal.retract(1),
        Err(JournalError::NoSuchRecord { sequence: 1 })
    ));
    journal.retract(group.start).unwrap();
    assert!(matches!(
        journal.retract(group.start),
        Err(JournalError::NoSuchRecord { .. })
    ));
    assert_eq!(journal.append(&["two"]).unwrap(), 2..3);
    disk.power_cut(2);
    assert_eq!(payloads(&open(&disk).unwrap().1), [(1, &b"1"[..]), (2, b"two")]);
}

#[test]
fn a_failed_sync_stops_the_writer_for_good() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = open(&disk).unwrap();
    let start = disk.operations();
    let trial = disk.fork();
    let (mut other, _) = {
        trial.kill();
        open(&trial).unwrap()
    };
    let from = trial.operations();
    other.append(&["x"]).unwrap();
    let sync = trial
        .history()
        .iter()
        .skip(usize::try_from(from).unwrap())
        .position(|op| op.name == "sync");
    disk.fail_at(start + sync.unwrap() as u64, Fault::FsyncError);
    assert!(matches!(
        journal.append(&["lost?"]),
        Err(JournalError::Stopped { .. })
    ));
    assert!(matches!(
        journal.append(&["more"]),
        Err(JournalError::Stopped { .. })
    ));
    assert!(journal.stopped().is_some());
}

#[test]
fn a_full_disk_changes_nothing_and_passes() {
    let disk = ForgetfulDisk::new();
    let (mut journal, _) = open(&disk).unwrap();
    journal.append(&["kept"]).unwrap();
    for free in 0..136 {
        disk.set_free_bytes(Some(free));
        let before = journal.next_sequence();
        match journal.append(&[[1; 100]]) {
            Ok(range) => assert_eq!((range, free), (before..before + 1, 136)),
            Err(error) => assert!(
                matches!(error, JournalError::Files(FileError::NoSpace { .. })),
                "{error}"
            ),
        }
        assert_eq!(journal.next_sequence(), before);
    }
    disk.set_free_bytes(Some(136));
    assert_eq!(
        journal.append(&[[1; 100]]).unwrap(),
        2..3,
        "no room for the mark, but for the record"
    );
    disk.set_free_bytes(None);
    assert_eq!(journal.append(&["next"]).unwrap(), 3..4);
    drop(journal);
    let (_, replay) = open(&disk).unwrap();
    assert_eq!((replay.records.len(), replay.repaired), (3, vec![]));
}
