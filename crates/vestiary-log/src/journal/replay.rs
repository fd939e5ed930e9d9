//! Reading a journal's directory back: the one path for opening, checking and erasing.

use std::ops::Range;
use std::path::{Path, PathBuf};

use super::frame::{Frame, HEADER_BYTES, Kind};
use super::{MAX_SEGMENT_FILE_BYTES, MAX_SNAPSHOT_BYTES, SNAPSHOT_HEADER_BYTES, SNAPSHOT_MAGIC};
use crate::error::JournalError;
use crate::files::Files;

const SEGMENT_PREFIX: &str = "segment-";
const SNAPSHOT_PREFIX: &str = "snapshot-";
pub(super) const FROM_BACKUP: &str = "restore the journal's directory from a back-up";

/// A record as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place: 1 for the first, then one more for each.
    pub sequence: u64,
    /// Of the writer that appended it.
    pub epoch: u64,
    /// The bytes.
    pub payload: Vec<u8>,
}

/// A state that stands for all records up to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The last record that is part of it.
    pub sequence: u64,
    /// The bytes that were given to [`super::Journal::snapshot`].
    pub state: Vec<u8>,
}

/// Something odd that was found and could be put right without losing anything acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub offset_bytes: u64,
    /// How many bytes were left out.
    pub bytes: u64,
    /// What it was.
    pub what: &'static str,
}

impl Repaired {
    /// The place of the bytes in the file.
    pub(super) fn range(&self) -> Option<Range<usize>> {
        let start = usize::try_from(self.offset_bytes).ok()?;
        Some(start..start.checked_add(usize::try_from(self.bytes).ok()?)?)
    }
}

/// Everything that a journal holds: fold the snapshot, then the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// The newest snapshot.
    pub snapshot: Option<Snapshot>,
    /// The records after it, in order. Erased ones are left out.
    pub records: Vec<Record>,
    /// The sequence that the next record gets.
    pub next_sequence: u64,
    /// The newest writer's epoch.
    pub epoch: u64,
    /// What a crash left, and was put right.
    pub repaired: Vec<Repaired>,
}

/// What opening needs to know besides: where to go on writing.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// First sequence of each segment that counts, rising.
    pub(super) segments: Vec<u64>,
    /// The same of those that the newest snapshot stands for.
    pub(super) covered: Vec<u64>,
    /// Sequences of all snapshots, rising.
    pub(super) snapshots: Vec<u64>,
}

pub(super) fn segment_path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{SEGMENT_PREFIX}{first:020}"))
}

pub(super) fn snapshot_path(dir: &Path, sequence: u64) -> PathBuf {
    dir.join(format!("{SNAPSHOT_PREFIX}{sequence:020}"))
}

fn numbered(name: &str, prefix: &str) -> Option<u64> {
    let digits = name.strip_prefix(prefix)?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// First sequences of the segments and sequences of the snapshots in a directory, rising.
pub(super) fn numbers(files: &dyn Files, dir: &Path) -> Result<(Vec<u64>, Vec<u64>), JournalError> {
    let (mut segments, mut snapshots) = (Vec::new(), Vec::new());
    for listed in files.list(dir)? {
        segments.extend(numbered(&listed.name, SEGMENT_PREFIX));
        snapshots.extend(numbered(&listed.name, SNAPSHOT_PREFIX));
    }
    Ok((segments, snapshots))
}

/// Length of all segments that count but the last one.
pub(super) fn older_bytes(files: &dyn Files, dir: &Path, layout: &Layout) -> Result<u64, JournalError> {
    let last = layout.segments.last();
    let older = files.list(dir)?.into_iter().filter(|listed| {
        numbered(&listed.name, SEGMENT_PREFIX)
            .is_some_and(|first| layout.segments.contains(&first) && Some(&first) != last)
    });
    Ok(older.map(|listed| listed.bytes).sum())
}

/// Reads the whole journal; changes nothing.
pub(super) fn replay(files: &dyn Files, dir: &Path) -> Result<(Replay, Layout), JournalError> {
    // In this order: beside a running writer a segment is there before it is named.
    let newest = super::epoch::read_epoch(files, dir)?.map_or(0, |(_, newest, _)| newest);
    let (segments, snapshots) = numbers(files, dir)?;
    // A journal has a segment before it has anything else; behind a snapshot it is the next one.
    let newest = match snapshots.last().filter(|_| segments.is_empty()) {
        Some(snapshot) => newest.max(snapshot + 1),
        None => newest,
    };
    if segments.last().copied().unwrap_or(0) < newest {
        return Err(JournalError::Damaged {
            file: segment_path(dir, newest),
            offset_bytes: 0,
            what: "missing: it is the newest segment",
            remedy: FROM_BACKUP,
        });
    }
    let mut layout = Layout {
        segments,
        snapshots,
        ..Layout::default()
    };
    let mut snapshot_epoch = 0;
    let mut replay = Replay {
        next_sequence: 1,
        ..Replay::default()
    };
    if let Some(&sequence) = layout.snapshots.last() {
        let (snapshot, epoch) = read_snapshot(files, &snapshot_path(dir, sequence), sequence)?;
        replay.next_sequence = sequence + 1;
        snapshot_epoch = epoch;
        replay.snapshot = Some(snapshot);
    }
    // Segments that end before the snapshot are leftovers of a compaction that was cut short.
    let covered = layout
        .segments
        .iter()
        .skip(1)
        .take_while(|first| **first <= replay.next_sequence)
        .count();
    layout.covered = layout.segments.drain(..covered).collect();
    if let Some(&first) = layout.segments.first() {
        if first > replay.next_sequence {
            return Err(JournalError::Damaged {
                file: segment_path(dir, replay.next_sequence),
                offset_bytes: 0,
                what: "missing: the records before the next segment are gone",
                remedy: FROM_BACKUP,
            });
        }
        let wanted = replay.next_sequence;
        replay.next_sequence = first;
        let mut end_bytes = 0;
        for (index, &first) in layout.segments.iter().enumerate() {
            let is_last = index + 1 == layout.segments.len();
            end_bytes = read_segment(files, dir, first, is_last, &mut replay)?;
        }
        replay.records.retain(|record| record.sequence >= wanted);
        if replay.next_sequence < wanted {
            return Err(JournalError::Damaged {
                file: segment_path(dir, first),
                offset_bytes: end_bytes,
                what: "records that the snapshot stands for are missing at its end",
                remedy: FROM_BACKUP,
            });
        }
    }
    replay.epoch = replay.epoch.max(snapshot_epoch);
    Ok((replay, layout))
}

/// Reads one segment; returns the length of its sound part.
fn read_segment(
    files: &dyn Files,
    dir: &Path,
    first: u64,
    is_last: bool,
    replay: &mut Replay,
) -> Result<u64, JournalError> {
    let file = segment_path(dir, first);
    let bytes = files.read(&file, MAX_SEGMENT_FILE_BYTES)?;
    let damaged = |at: usize, what| JournalError::Damaged {
        file: file.clone(),
        offset_bytes: at as u64,
        what,
        remedy: FROM_BACKUP,
    };
    if first != replay.next_sequence {
        return Err(damaged(0, "does not begin where the segment before it ends"));
    }
    if bytes.is_empty() {
        // A segment has its first mark before it has its name.
        return Err(damaged(0, "empty, which no segment ever is"));
    }
    let mut at = 0;
    while at < bytes.len() {
        let repaired = |len: usize, what| Repaired {
            file: file.clone(),
            offset_bytes: at as u64,
            bytes: len as u64,
            what,
        };
        let Some(frame) = Frame::read(&bytes[at..]) else {
            let next = replay.next_sequence;
            // A mark holds nothing that its neighbours do not say: what follows it counts.
            let skipped = at + HEADER_BYTES;
            if bytes
                .get(skipped..)
                .and_then(Frame::read)
                .is_some_and(|frame| frame.sequence == next)
            {
                replay
                    .repaired
                    .push(repaired(HEADER_BYTES, "damaged mark, left out"));
                at = skipped;
                continue;
            }
            if !is_last || was_acknowledged(&bytes[at..], next) {
                return Err(damaged(
                    at,
                    "a record that was acknowledged is not what was written",
                ));
            }
            replay.repaired.push(repaired(
                bytes.len() - at,
                "torn end of an append that was never answered",
            ));
            break;
        };
        if frame.epoch < replay.epoch {
            // Its writer found out before it answered anybody.
            replay
                .repaired
                .push(repaired(frame.bytes(), "written by a replaced writer, left out"));
        } else if frame.sequence != replay.next_sequence {
            return Err(damaged(at, "the sequence of the records has a gap"));
        } else {
            replay.epoch = frame.epoch;
            if frame.kind == Kind::Record {
                let (sequence, epoch, payload) = (frame.sequence, frame.epoch, frame.payload.to_vec());
                replay.records.push(Record {
                    sequence,
                    epoch,
                    payload,
                });
            }
            if frame.kind != Kind::Mark {
                replay.next_sequence += 1;
            }
        }
        at += frame.bytes();
    }
    Ok(at as u64)
}

/// Whether anything sound in these bytes says that the record was durable: then damage before it is
/// no torn end. Frames of the same unanswered append do not say so, whichever of them survived.
fn was_acknowledged(bytes: &[u8], sequence: u64) -> bool {
    (1..bytes.len()).any(|at| Frame::read(&bytes[at..]).is_some_and(|frame| frame.durable >= sequence))
}

pub(super) fn read_snapshot(
    files: &dyn Files,
    file: &Path,
    sequence: u64,
) -> Result<(Snapshot, u64), JournalError> {
    let damaged = || JournalError::Damaged {
        file: file.to_owned(),
        offset_bytes: 0,
        what: "the snapshot is not what was written",
        remedy: FROM_BACKUP,
    };
    let mut bytes = files.read(file, MAX_SNAPSHOT_BYTES + SNAPSHOT_HEADER_BYTES as u64)?;
    let head: &[u8; SNAPSHOT_HEADER_BYTES] = bytes.first_chunk().ok_or_else(damaged)?;
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| head[at + byte]));
    let crc = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let epoch = number(16);
    let sound = head[..4] == SNAPSHOT_MAGIC && number(8) == sequence && crc32c::crc32c(&bytes[8..]) == crc;
    if !sound {
        return Err(damaged());
    }
    bytes.drain(..SNAPSHOT_HEADER_BYTES);
    Ok((
        Snapshot {
            sequence,
            state: bytes,
        },
        epoch,
    ))
}

/// The bytes of a snapshot file.
pub(super) fn snapshot_bytes(sequence: u64, epoch: u64, state: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SNAPSHOT_HEADER_BYTES + state.len());
    bytes.extend_from_slice(&SNAPSHOT_MAGIC);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(&epoch.to_le_bytes());
    bytes.extend_from_slice(state);
    let crc = crc32c::crc32c(&bytes[8..]);
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// A segment's bytes without the payload of one record; `None` when the record is not in it.
pub(super) fn without_record(bytes: &[u8], sequence: u64) -> Option<Vec<u8>> {
    let mut at = 0;
    let mut epoch = 0;
    while let Some(frame) = bytes.get(at..).and_then(Frame::read) {
        let end = at + frame.bytes();
        let counts = frame.epoch >= epoch && frame.kind != Kind::Mark;
        if counts && frame.sequence == sequence {
            let mut rewritten = Vec::with_capacity(bytes.len());
            rewritten.extend_from_slice(&bytes[..at]);
            Frame {
                kind: Kind::Erased,
                payload: &[],
                ..frame
            }
            .write(&mut rewritten);
            rewritten.extend_from_slice(&bytes[end..]);
            return Some(rewritten);
        }
        epoch = epoch.max(frame.epoch);
        at = end;
    }
    None
}
