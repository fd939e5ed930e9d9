//! The journal: records that are durable once appended, read back in order at the next start.
//!
//! Formats and the crash table are in the README.

mod epoch;
mod frame;
mod mend;
mod replay;

pub(crate) use mend::visible_records;
pub use mend::{Restored, begin_again, last_visible, mend_epoch, restore};
pub use replay::{Record, Repaired, Replay, Snapshot};

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use epoch::{EPOCH_FILE_BYTES, begin_epoch, epoch_bytes};
use frame::{Frame, HEADER_BYTES, Kind};
use replay::{segment_path, snapshot_path};

use crate::error::{FileError, JournalError};
use crate::files::{Durability, FileHandle, Files, Lock};
use crate::points;

/// Longest record, in bytes: an intent with the unsigned bytes of thousands of certificates fits.
pub const MAX_RECORD_BYTES: usize = 16 << 20;
/// Most that one append writes, in bytes, with 36 for each record.
pub const MAX_GROUP_BYTES: usize = 32 << 20;
/// A segment that has reached this length, in bytes, is followed by a new one. Opening writes the last
/// segment anew, so this, and one group at most, is the room that it needs.
pub const SEGMENT_BYTES: u64 = 8 << 20;
/// Longest snapshot, in bytes.
pub const MAX_SNAPSHOT_BYTES: u64 = 1 << 30;

/// Longest segment file that is read: what the limits above add up to, and room for marks.
const MAX_SEGMENT_FILE_BYTES: u64 = 128 << 20;
const SNAPSHOT_HEADER_BYTES: usize = 24;
const SNAPSHOT_MAGIC: [u8; 4] = *b"vjs1";

/// The one writer of a journal.
///
/// Calls block until the disk has answered; an async caller gives it a thread of its own.
#[derive(Debug)]
pub struct Journal {
    files: Arc<dyn Files>,
    dir: PathBuf,
    _lock: Box<dyn Lock>,
    epoch: u64,
    /// The newest segment as the epoch's file names it.
    named_segment: u64,
    next_sequence: u64,
    /// Last record that the newest snapshot stands for: 0 if it was taken before the first one.
    snapshot_sequence: Option<u64>,
    /// First sequences of the segments on disk; the last one is written to.
    segments: Vec<u64>,
    segment: Box<dyn FileHandle>,
    /// Length of the last segment up to which its bytes count.
    len_bytes: u64,
    /// Length of the segments before it.
    older_bytes: u64,
    /// Whether there may be bytes beyond `len_bytes` that do not count.
    tail_is_dirty: bool,
    /// Whether the next append must begin a new segment, which may exist already.
    roll_is_due: bool,
    /// The last append, while it can still be taken back: first sequence, length before it.
    last_group: Option<(u64, u64)>,
    stopped: Option<String>,
    buffer: Vec<u8>,
}

/// Reads a journal without becoming its writer; changes nothing.
///
/// Beside a running writer the end may look torn: it is being written.
pub fn check(files: &dyn Files, dir: &Path) -> Result<Replay, JournalError> {
    Ok(replay::replay(files, dir)?.0)
}

impl Journal {
    /// Becomes the writer of the journal in `dir` (created when missing) and reads it back.
    ///
    /// Each open begins a new epoch, durable before this returns. A torn end, which is what a crash
    /// leaves of an append that nobody was told of, is cut off and named in [`Replay::repaired`];
    /// anything else that is not as written is refused.
    pub fn open(files: Arc<dyn Files>, dir: &Path) -> Result<(Self, Replay), JournalError> {
        files.create_dir_all(dir)?;
        let lock = files.lock(&dir.join("lock"))?;
        files.remove_leftovers(dir)?;
        // From here on a writer of an older epoch is refused; only then is it safe to read.
        let (epoch, named_segment) = begin_epoch(&*files, dir)?;
        points::reached(points::JOURNAL_EPOCH);
        let (mut replay, layout) = replay::replay(&*files, dir)?;
        if replay.epoch >= epoch {
            // What is appended now would read as written by a replaced writer, and be left out.
            return Err(JournalError::Damaged {
                file: dir.join("epoch"),
                offset_bytes: 0,
                what: "the writer epoch is older than the records",
                remedy: epoch::EPOCH_REMEDY,
            });
        }
        replay.epoch = epoch;
        for repaired in &replay.repaired {
            tracing::warn!(file = %repaired.file.display(), offset_bytes = repaired.offset_bytes,
                bytes = repaired.bytes, "journal repaired: {}", repaired.what);
        }
        let Some(&last) = layout.segments.last() else {
            // A journal has a segment before it has an epoch, and a new one before an old one goes.
            return Err(JournalError::Damaged {
                file: segment_path(dir, replay.next_sequence),
                offset_bytes: 0,
                what: "missing, as is every other segment",
                remedy: replay::FROM_BACKUP,
            });
        };
        let next_sequence = replay.next_sequence;
        let (segment, len_bytes) = begin_writing(&*files, dir, last, epoch, &replay)?;
        let older_bytes = replay::older_bytes(&*files, dir, &layout)?;
        let mut journal = Self {
            dir: dir.to_owned(),
            _lock: lock,
            epoch,
            named_segment,
            next_sequence,
            snapshot_sequence: replay.snapshot.as_ref().map(|snapshot| snapshot.sequence),
            segments: layout.segments,
            segment,
            len_bytes,
            older_bytes,
            tail_is_dirty: false,
            roll_is_due: false,
            last_group: None,
            stopped: None,
            buffer: Vec::new(),
            files,
        };
        // A crash may have come between a new segment and its naming.
        journal.name_segment(last)?;
        journal.remove_covered(&layout.covered, &layout.snapshots)?;
        Ok((journal, replay))
    }

    /// Appends records, all or none as far as a caller is told. Durable on return.
    ///
    /// Returns their sequences. After [`JournalError::Files`] nothing has changed (on a full disk the
    /// part that was written is taken back) and appending may be tried again.
    pub fn append<R: AsRef<[u8]>>(&mut self, records: &[R]) -> Result<Range<u64>, JournalError> {
        let first = self.next_sequence;
        check_sizes(records)?;
        if records.is_empty() {
            return Ok(first..first);
        }
        self.check_may_write()?;
        if self.roll_is_due || self.len_bytes >= SEGMENT_BYTES {
            self.roll()?;
        }
        self.clean_tail()?;
        self.buffer.clear();
        for (sequence, record) in (first..).zip(records) {
            let (epoch, durable) = (self.epoch, first - 1);
            let frame = Frame {
                kind: Kind::Record,
                sequence,
                epoch,
                durable,
                payload: record.as_ref(),
            };
            frame.write(&mut self.buffer);
        }
        let before = self.len_bytes;
        points::reached(points::JOURNAL_WRITING);
        self.write_buffer()?;
        points::reached(points::JOURNAL_SYNCED);
        // Durable now. If a newer writer came meanwhile it may not have seen this: do not say yes.
        self.check_epoch().map_err(|error| self.stop(&error))?;
        self.next_sequence = first + records.len() as u64;
        self.last_group = Some((first, before));
        self.mark_durable();
        Ok(first..self.next_sequence)
    }

    /// Takes back the last append, which nobody may have been told of. Durable on return; when it
    /// fails the journal has stopped and the records may be there or not after the next open.
    pub fn retract(&mut self, first_sequence: u64) -> Result<(), JournalError> {
        self.check_may_write()?;
        let Some((first, len_bytes)) = self.last_group.filter(|(first, _)| *first == first_sequence) else {
            return Err(JournalError::NoSuchRecord {
                sequence: first_sequence,
            });
        };
        let cut = self
            .segment
            .truncate(len_bytes)
            .and_then(|()| self.segment.sync());
        cut.map_err(|error| self.stop(&error))?;
        (self.len_bytes, self.next_sequence, self.last_group) = (len_bytes, first, None);
        self.tail_is_dirty = false;
        Ok(())
    }

    /// Lets a state stand for all records so far, and forgets them. Durable on return.
    ///
    /// The caller's fold over the old snapshot and the records must give this state. When it fails,
    /// either the old records or the snapshot are there; both give the same state.
    pub fn snapshot(&mut self, state: &[u8]) -> Result<(), JournalError> {
        self.check_may_write()?;
        check_size("snapshot", state.len() as u64, MAX_SNAPSHOT_BYTES)?;
        let sequence = self.next_sequence - 1;
        self.last_group = None;
        if Some(sequence) != self.snapshot_sequence {
            let bytes = replay::snapshot_bytes(sequence, self.epoch, state);
            let path = snapshot_path(&self.dir, sequence);
            match self.files.put_if_absent(&path, &bytes) {
                Ok(_) => {}
                // Left by a try that failed half-way: it stands for the same records. Read it before
                // they go.
                Err(FileError::Different { .. }) => {
                    replay::read_snapshot(&*self.files, &path, sequence)?;
                }
                Err(error) => return Err(error.into()),
            }
            self.snapshot_sequence = Some(sequence);
        }
        if self.segments.last() != Some(&self.next_sequence) {
            self.roll()?;
        }
        let (_, snapshots) = replay::numbers(&*self.files, &self.dir)?;
        let covered: Vec<u64> = self.segments.drain(..self.segments.len() - 1).collect();
        self.older_bytes = 0;
        self.remove_covered(&covered, &snapshots)
    }

    /// Erases the bytes of one record from the journal's files; its sequence stays taken. Durable
    /// on return. Erasing twice is fine.
    ///
    /// The blocks that held the bytes are given back to the file system, which may keep them until
    /// it needs them: whoever can read the raw device is kept out by disk encryption, not by this.
    pub fn erase(&mut self, sequence: u64) -> Result<(), JournalError> {
        self.check_may_write()?;
        if sequence == 0 || sequence >= self.next_sequence {
            return Err(JournalError::NoSuchRecord { sequence });
        }
        let Some(&first) = self.segments.iter().rev().find(|first| **first <= sequence) else {
            return Err(JournalError::InSnapshot { sequence });
        };
        if Some(sequence) <= self.snapshot_sequence {
            return Err(JournalError::InSnapshot { sequence });
        }
        self.clean_tail()?;
        let path = segment_path(&self.dir, first);
        let bytes = self.files.read(&path, MAX_SEGMENT_FILE_BYTES)?;
        let rewritten = replay::without_record(&bytes, sequence);
        let rewritten = rewritten.ok_or(JournalError::NoSuchRecord { sequence })?;
        match self
            .files
            .compare_and_swap(&path, Some(&bytes), &rewritten, Durability::Now)
        {
            Ok(()) => {}
            Err(error) if error.is_no_space() => return Err(error.into()),
            Err(error) => return Err(self.stop(&error)),
        }
        if self.segments.last() == Some(&first) {
            // The handle still writes to the file that lost its name.
            self.segment = self.files.open_append(&path).map_err(|error| self.stop(&error))?;
            self.len_bytes = rewritten.len() as u64;
        }
        self.last_group = None;
        Ok(())
    }

    /// This writer's epoch; every open has a higher one.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The sequence that the next record gets.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Bytes in all segments, which a start reads: a reason to take a snapshot.
    pub fn kept_bytes(&self) -> u64 {
        self.older_bytes + self.len_bytes
    }

    /// Whether this may still write: [`JournalError::Fenced`] once a newer writer has opened the journal,
    /// [`JournalError::Stopped`] after a failure that only opening it again cures.
    pub fn check_may_write(&mut self) -> Result<(), JournalError> {
        if let Some(why) = &self.stopped {
            return Err(JournalError::Stopped {
                dir: self.dir.clone(),
                why: why.clone(),
            });
        }
        match self.check_epoch() {
            Err(fenced @ JournalError::Fenced { .. }) => {
                self.stopped = Some(fenced.to_string());
                Err(fenced)
            }
            checked => checked,
        }
    }

    /// Why the writer has stopped for good, if it has.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    fn check_epoch(&self) -> Result<(), JournalError> {
        let path = self.dir.join("epoch");
        if self.files.read(&path, EPOCH_FILE_BYTES as u64)? == epoch_bytes(self.epoch, self.named_segment) {
            return Ok(());
        }
        Err(self.fenced())
    }

    fn fenced(&self) -> JournalError {
        JournalError::Fenced {
            dir: self.dir.clone(),
            epoch: self.epoch,
        }
    }

    /// Notes beside the epoch which segment is the newest, durably, so that its loss is noticed. Once a
    /// segment, not once an append.
    fn name_segment(&mut self, first: u64) -> Result<(), JournalError> {
        if self.named_segment == first {
            return Ok(());
        }
        let (old, new) = (
            epoch_bytes(self.epoch, self.named_segment),
            epoch_bytes(self.epoch, first),
        );
        let path = self.dir.join("epoch");
        match self
            .files
            .compare_and_swap(&path, Some(&old), &new, Durability::Now)
        {
            Ok(()) => {
                self.named_segment = first;
                Ok(())
            }
            Err(FileError::Changed { .. }) => {
                let fenced = self.fenced();
                self.stopped = Some(fenced.to_string());
                Err(fenced)
            }
            Err(error) if error.is_no_space() => Err(error.into()),
            Err(error) => Err(self.stop(&error)),
        }
    }

    /// Nobody knows what is on disk: no more writes through this writer.
    fn stop(&mut self, error: &dyn std::error::Error) -> JournalError {
        let why = error.to_string();
        tracing::error!(dir = %self.dir.display(), "journal stopped: {why}");
        self.stopped = Some(why.clone());
        JournalError::Stopped {
            dir: self.dir.clone(),
            why,
        }
    }

    /// Cuts off bytes that do not count, so that nothing is written behind them.
    fn clean_tail(&mut self) -> Result<(), JournalError> {
        if self.tail_is_dirty {
            self.segment.truncate(self.len_bytes)?;
            self.tail_is_dirty = false;
        }
        Ok(())
    }

    /// Writes the buffer at the end and makes it durable.
    fn write_buffer(&mut self) -> Result<(), JournalError> {
        if let Err(error) = self.segment.append(&self.buffer) {
            // Nothing was acknowledged: take back the part that was written, and durably so, lest a
            // power cut brings a record back whose caller was told that it failed.
            let cut = self
                .segment
                .truncate(self.len_bytes)
                .and_then(|()| self.segment.sync());
            return Err(match cut {
                Ok(()) => error.into(),
                Err(_) => self.stop(&error),
            });
        }
        points::reached(points::JOURNAL_WRITTEN);
        self.segment.sync().map_err(|error| self.stop(&error))?;
        self.len_bytes += self.buffer.len() as u64;
        Ok(())
    }

    /// Notes behind the last record that it is durable, so that damage to it is never taken for a
    /// torn end. Not synced: it is true already, and the next append's sync takes it along.
    fn mark_durable(&mut self) {
        self.buffer.clear();
        write_mark(&mut self.buffer, self.next_sequence, self.epoch);
        match self.segment.append(&self.buffer) {
            Ok(()) => self.len_bytes += self.buffer.len() as u64,
            Err(_) => self.tail_is_dirty = true,
        }
    }

    /// Begins a new segment. May be tried again after it failed; until then nothing is appended.
    fn roll(&mut self) -> Result<(), JournalError> {
        self.roll_is_due = true;
        let first = self.next_sequence;
        if self.segments.last() != Some(&first) {
            // Nothing may look torn in a segment that is not the last: its last mark was never synced.
            self.clean_tail()?;
            self.segment.sync().map_err(|error| self.stop(&error))?;
            let len_bytes = put_segment(&*self.files, &self.dir, first, self.epoch)?;
            self.segment = self.files.open_append(&segment_path(&self.dir, first))?;
            self.segments.push(first);
            self.older_bytes += std::mem::replace(&mut self.len_bytes, len_bytes);
            self.tail_is_dirty = false;
            self.last_group = None;
        }
        self.name_segment(first)?;
        self.roll_is_due = false;
        Ok(())
    }

    /// Removes what the newest snapshot stands for. What is left over by a failure goes at the next
    /// open; replay does not look at it.
    fn remove_covered(&self, segments: &[u64], snapshots: &[u64]) -> Result<(), JournalError> {
        let paths = segments.iter().map(|first| segment_path(&self.dir, *first));
        let old = snapshots
            .iter()
            .filter(|sequence| Some(**sequence) < self.snapshot_sequence);
        for path in paths.chain(old.map(|sequence| snapshot_path(&self.dir, *sequence))) {
            match self.files.remove(&path) {
                Err(error) if !error.is_missing() => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }
}

fn check_size(what: &'static str, bytes: u64, max_bytes: u64) -> Result<(), JournalError> {
    if bytes > max_bytes {
        return Err(JournalError::TooLarge {
            what,
            bytes,
            max_bytes,
        });
    }
    Ok(())
}

fn check_sizes<R: AsRef<[u8]>>(records: &[R]) -> Result<(), JournalError> {
    let mut group = 0;
    for record in records {
        let bytes = record.as_ref().len();
        check_size("record", bytes as u64, MAX_RECORD_BYTES as u64)?;
        group += (bytes + HEADER_BYTES) as u64;
    }
    check_size("group of records", group, MAX_GROUP_BYTES as u64)
}

/// Writes the last segment anew, without what does not count and with a mark of the new epoch, and
/// opens it for appending. Durable on return.
///
/// It is written anew even when all of it is sound: if a sync failed in the last life, the kernel
/// may show bytes that are not on disk, and a sync of the same file would not write them any more.
fn begin_writing(
    files: &dyn Files,
    dir: &Path,
    first: u64,
    epoch: u64,
    replay: &Replay,
) -> Result<(Box<dyn FileHandle>, u64), JournalError> {
    let path = segment_path(dir, first);
    let old = files.read(&path, MAX_SEGMENT_FILE_BYTES)?;
    let mut new = Vec::with_capacity(old.len() + HEADER_BYTES);
    let mut at = 0;
    let left_out = replay.repaired.iter().filter(|repaired| repaired.file == path);
    for range in left_out.filter_map(Repaired::range) {
        new.extend_from_slice(old.get(at..range.start).unwrap_or_default());
        at = range.end;
    }
    new.extend_from_slice(old.get(at..).unwrap_or_default());
    write_mark(&mut new, replay.next_sequence, epoch);
    files.compare_and_swap(&path, Some(&old), &new, Durability::Now)?;
    Ok((files.open_append(&path)?, new.len() as u64))
}

fn write_mark(out: &mut Vec<u8>, next_sequence: u64, epoch: u64) {
    let (sequence, durable) = (next_sequence, next_sequence - 1);
    Frame {
        kind: Kind::Mark,
        sequence,
        epoch,
        durable,
        payload: &[],
    }
    .write(out);
}

/// Creates a segment that holds a mark only, durably; returns its length. Fine when it is there.
fn put_segment(files: &dyn Files, dir: &Path, first: u64, epoch: u64) -> Result<u64, JournalError> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    write_mark(&mut bytes, first, epoch);
    files.put_if_absent(&segment_path(dir, first), &bytes)?;
    Ok(bytes.len() as u64)
}
