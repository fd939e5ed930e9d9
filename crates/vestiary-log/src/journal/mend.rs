//! What can be done about a damaged journal: see what is still there, restore it from a copy that has all of that, or
//! begin again where something else holds the records.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::epoch::{epoch_bytes, read_epoch};
use super::frame::{Frame, Kind};
use super::replay::{self, numbers, segment_path, snapshot_path};
use super::{MAX_SEGMENT_FILE_BYTES, MAX_SNAPSHOT_BYTES, put_segment};
use crate::error::JournalError;
use crate::files::{Durability, Files};

/// What [`restore`] did, or why it did nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restored {
    /// The journal is the copy's, with every record that the damaged one still showed.
    Whole {
        /// Records in it, erased ones counted.
        records: u64,
    },
    /// The copy ends before the journal does: nothing was changed. To use it all the same is to lose every promise
    /// after its end.
    Older {
        /// The copy's last record.
        copy_ends: u64,
        /// The last record that the journal says was durable.
        journal_ends: u64,
    },
    /// The copy is of another journal, or of this one after it took another course: nothing was changed.
    Other {
        /// The first record that differs.
        sequence: u64,
    },
    /// The end of the journal cannot be read, so that nobody can say which records it had there: nothing was changed.
    /// To use the copy all the same may be to lose promises.
    EndUnknown {
        /// The copy's last record.
        copy_ends: u64,
        /// The last record that the journal says was durable; whatever came after it is unknown.
        known_to: u64,
    },
}

/// The last record of a journal that anything sound in its files says was written, damaged or not.
pub fn last_visible(files: &dyn Files, dir: &Path) -> Result<u64, JournalError> {
    Ok(visible(files, dir)?.last)
}

/// The records that can still be read in a journal that may be damaged.
pub(crate) fn visible_records(files: &dyn Files, dir: &Path) -> Result<Vec<Vec<u8>>, JournalError> {
    Ok(visible(files, dir)?.records.into_values().collect())
}

/// Removes the file of the writer epoch if it is damaged; the records tell the epoch. Durable on return; whether it
/// was. For who holds the journal's lock.
pub fn mend_epoch(files: &dyn Files, dir: &Path) -> Result<bool, JournalError> {
    match read_epoch(files, dir) {
        Ok(_) => Ok(false),
        Err(JournalError::Damaged { file, .. }) => {
            files.remove(&file)?;
            files.sync_dir(dir)?;
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// Puts the copy in `copy` in place of the journal in `dir`, if it has everything that `dir` still shows. What was
/// erased stays erased. Durable on return; may be repeated. For who holds the journal's lock.
pub fn restore(files: &dyn Files, dir: &Path, copy: &Path) -> Result<Restored, JournalError> {
    let (kept, layout) = replay::replay(files, copy)?;
    let shown = visible(files, dir)?;
    let copy_ends = kept.next_sequence - 1;
    if copy_ends < shown.last {
        return Ok(Restored::Older {
            copy_ends,
            journal_ends: shown.last,
        });
    }
    let records: BTreeMap<u64, &[u8]> = kept
        .records
        .iter()
        .map(|record| (record.sequence, record.payload.as_slice()))
        .collect();
    let differs = |(sequence, payload): (&u64, &Vec<u8>)| {
        records
            .get(sequence)
            .is_some_and(|record| *record != payload.as_slice())
            .then_some(*sequence)
    };
    if let Some(sequence) = shown.records.iter().find_map(differs) {
        return Ok(Restored::Other { sequence });
    }
    if !shown.end_is_known {
        return Ok(Restored::EndUnknown {
            copy_ends,
            known_to: shown.last,
        });
    }
    let mut wanted = BTreeSet::new();
    for first in layout.segments.iter().chain(&layout.covered) {
        let mut bytes = files.read(&segment_path(copy, *first), MAX_SEGMENT_FILE_BYTES)?;
        for sequence in &shown.erased {
            bytes = replay::without_record(&bytes, *sequence).unwrap_or(bytes);
        }
        wanted.insert(segment_path(dir, *first));
        put(files, &segment_path(dir, *first), &bytes)?;
    }
    for sequence in &layout.snapshots {
        let bytes = files.read(&snapshot_path(copy, *sequence), MAX_SNAPSHOT_BYTES + 64)?;
        wanted.insert(snapshot_path(dir, *sequence));
        put(files, &snapshot_path(dir, *sequence), &bytes)?;
    }
    files.sync_dir(dir)?;
    mend_epoch(files, dir)?;
    // The copy may be cut into other segments. Its newest one is named before any other goes: a journal whose named
    // segment is missing has no end that could be known when this is repeated.
    if let (Some((epoch, named, old)), Some(newest)) = (read_epoch(files, dir)?, layout.segments.last())
        && named != *newest
    {
        let new = epoch_bytes(epoch, *newest);
        files.compare_and_swap(&dir.join("epoch"), Some(&old), &new, Durability::Now)?;
    }
    let (segments, snapshots) = numbers(files, dir)?;
    let there = segments.iter().map(|first| segment_path(dir, *first));
    for path in there.chain(snapshots.iter().map(|sequence| snapshot_path(dir, *sequence))) {
        if !wanted.contains(&path) {
            files.remove(&path)?;
        }
    }
    files.sync_dir(dir)?;
    Ok(Restored::Whole { records: copy_ends })
}

/// Moves the records in `dir` to the directory `aside` and leaves an empty journal, with an epoch above every earlier
/// one: for a journal whose records stand somewhere else as well. Durable on return; may be repeated. For who holds
/// the journal's lock.
pub fn begin_again(files: &dyn Files, dir: &Path, aside: &Path) -> Result<(), JournalError> {
    let shown = visible(files, dir)?;
    let epoch = read_epoch(files, dir)
        .ok()
        .flatten()
        .map_or(0, |(epoch, ..)| epoch)
        .max(shown.epoch)
        + 1;
    files.create_dir_all(aside)?;
    let (segments, snapshots) = numbers(files, dir)?;
    let there = segments.iter().map(|first| segment_path(dir, *first));
    for path in there.chain(snapshots.iter().map(|sequence| snapshot_path(dir, *sequence))) {
        if let Some(name) = path.file_name() {
            files.rename(&path, &aside.join(name))?;
        }
    }
    files.sync_dir(aside)?;
    put_segment(files, dir, 1, epoch)?;
    let file = dir.join("epoch");
    let old = match files.read(&file, 1 << 16) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.is_missing() => None,
        Err(error) => return Err(error.into()),
    };
    files.compare_and_swap(&file, old.as_deref(), &epoch_bytes(epoch, 1), Durability::Now)?;
    Ok(files.sync_dir(dir)?)
}

/// Writes a file anew, durably.
fn put(files: &dyn Files, path: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    files.replace(path, bytes)?;
    Ok(files.sync_file(path)?)
}

/// What can still be seen in a journal, whatever is between it.
#[derive(Debug, Default)]
struct Visible {
    /// The last record that was written or said to be durable.
    last: u64,
    epoch: u64,
    records: BTreeMap<u64, Vec<u8>>,
    erased: BTreeSet<u64>,
    /// Whether the newest segment is there and can be read to its end, so that no record came after the last one.
    end_is_known: bool,
}

fn visible(files: &dyn Files, dir: &Path) -> Result<Visible, JournalError> {
    let mut shown = Visible::default();
    let named = read_epoch(files, dir).ok().flatten().map(|(_, newest, _)| newest);
    if let Some(newest) = named {
        // The newest segment may be the one that is missing; what stood before it was durable.
        shown.last = newest - newest.min(1);
    }
    let (segments, _) = match numbers(files, dir) {
        Err(JournalError::Files(error)) if error.is_missing() => return Ok(shown),
        numbers => numbers?,
    };
    let (newest, mut readable) = (named.max(segments.last().copied()), None);
    for first in segments {
        let bytes = files.read(&segment_path(dir, first), MAX_SEGMENT_FILE_BYTES)?;
        let mut at = 0;
        while at < bytes.len() {
            let Some(frame) = Frame::read(&bytes[at..]) else {
                at += 1;
                continue;
            };
            at += frame.bytes();
            if at == bytes.len() {
                readable = Some(first);
            }
            if frame.epoch < shown.epoch {
                continue;
            }
            shown.epoch = frame.epoch;
            shown.last = shown.last.max(frame.durable);
            match frame.kind {
                Kind::Mark => {}
                Kind::Record => {
                    shown.last = shown.last.max(frame.sequence);
                    shown.records.insert(frame.sequence, frame.payload.to_vec());
                }
                Kind::Erased => {
                    shown.last = shown.last.max(frame.sequence);
                    shown.erased.insert(frame.sequence);
                }
            }
        }
    }
    shown.end_is_known = readable >= newest;
    Ok(shown)
}
