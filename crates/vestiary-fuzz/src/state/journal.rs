//! The journal: any bytes as its segment, and damage to a sound one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use vestiary_log::journal::{Journal, Replay, check};
use vestiary_log::sim::ForgetfulDisk;
use vestiary_log::{Files as _, JournalError};

use super::disk::{damage as damage_file, overwrite};
use crate::input::Input;

/// Bytes of a frame before its payload.
const HEADER_BYTES: usize = 36;

/// The epoch of the sound journal.
const EPOCH: u64 = 3;

fn dir() -> &'static Path {
    Path::new("journal")
}

/// A journal of four records in two epochs, whose writer has gone.
fn sound() -> &'static (ForgetfulDisk, Replay, PathBuf) {
    static SOUND: OnceLock<(ForgetfulDisk, Replay, PathBuf)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = ForgetfulDisk::new();
        for records in [[&b"first"[..], b""], [b"third and longer than the others", b"4"]] {
            let (mut journal, _) = Journal::open(Arc::new(disk.clone()), dir()).expect("a sound disk");
            journal.append(&records).expect("a sound disk");
        }
        let (journal, replay) = Journal::open(Arc::new(disk.clone()), dir()).expect("a sound disk");
        assert_eq!(journal.epoch(), EPOCH);
        drop(journal);
        let segment = disk.list(dir()).expect("it was made");
        let segment = segment
            .into_iter()
            .map(|listed| listed.name)
            .find(|name| name.starts_with("segment-"))
            .expect("a journal has a segment");
        (disk, replay, dir().join(segment))
    })
}

/// Opens what is on the disk, appends to it and opens it again: a journal that opens says what `check` said, keeps it,
/// and takes more.
fn use_it(disk: &ForgetfulDisk) -> Option<Replay> {
    let checked = check(disk, dir());
    let (mut journal, replay) = match Journal::open(Arc::new(disk.clone()), dir()) {
        Ok(opened) => opened,
        Err(JournalError::Damaged { .. }) => {
            // Records of a later epoch than the epoch's file says are refused by a writer only.
            assert!(checked.is_err() || checked.is_ok_and(|replay| replay.epoch > EPOCH));
            return None;
        }
        Err(error) => {
            // Numbers at the very end of what 64 bits hold.
            assert!(!error.to_string().is_empty());
            return None;
        }
    };
    let checked = checked.expect("it opens");
    assert_eq!(checked.records, replay.records);
    assert_eq!(checked.next_sequence, replay.next_sequence);
    let added = journal.append(&[b"one more"]);
    drop(journal);
    if added.is_ok() {
        let again = check(disk, dir()).expect("it was just written");
        let (last, before) = again.records.split_last().expect("one was appended");
        assert_eq!(before, replay.records);
        assert_eq!(
            (last.payload.as_slice(), last.sequence),
            (&b"one more"[..], replay.next_sequence)
        );
    }
    Some(replay)
}

/// A segment made of frames with right checksums and any numbers, with any bytes between and after them.
pub(super) fn frames(bytes: &[u8]) {
    let (sound, _, segment) = sound();
    let disk = sound.fork();
    let mut input = Input::new(bytes);
    let mut file = Vec::new();
    if input.byte() & 1 == 1 {
        file = disk.content(segment).expect("it is there");
    }
    while !input.is_empty() {
        let kind = input.byte();
        if kind >= 0xf0 {
            file.extend_from_slice(input.piece());
            continue;
        }
        let magic = [*b"vjr1", *b"vje1", *b"vjm1", *b"vjr1"][usize::from(kind % 4)];
        let number = |input: &mut Input<'_>| match kind & 0x10 {
            0 => u64::from(input.byte()),
            _ => input.u64(),
        };
        let numbers = [number(&mut input), number(&mut input), number(&mut input)];
        let payload = input.piece();
        let mut head = [0; HEADER_BYTES];
        head[..4].copy_from_slice(&magic);
        head[4..8].copy_from_slice(&u32::try_from(payload.len()).expect("short").to_le_bytes());
        for (place, number) in [12, 20, 28].into_iter().zip(numbers) {
            head[place..place + 8].copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c::crc32c_append(crc32c::crc32c(&head[..8]), &head[12..]);
        head[8..12].copy_from_slice(&crc32c::crc32c_append(crc, payload).to_le_bytes());
        file.extend_from_slice(&head);
        file.extend_from_slice(payload);
    }
    overwrite(&disk, segment, &file);
    use_it(&disk);
}

/// A sound segment with some bytes changed or cut off: what is still read is what was written, from the first record
/// on, and what is missing was named, unless the file ends between two records, as an older one would.
pub(super) fn damage(bytes: &[u8]) {
    let (sound, truth, segment) = sound();
    let disk = sound.fork();
    let before = disk.content(segment).unwrap_or_default();
    damage_file(&disk, segment, &mut Input::new(bytes));
    let is_older = before.starts_with(&disk.content(segment).unwrap_or_default());
    if let Some(replay) = use_it(&disk) {
        assert!(replay.records.len() <= truth.records.len());
        assert_eq!(
            replay.records,
            truth.records[..replay.records.len()],
            "read as something else"
        );
        if replay.records.len() < truth.records.len() {
            assert!(
                is_older || !replay.repaired.is_empty(),
                "a record went without a word"
            );
        }
    }
}
