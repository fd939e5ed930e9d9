//! The file that tells the newest writer and the newest segment.

use std::path::Path;

use super::{put_segment, replay};
use crate::error::{FileError, JournalError};
use crate::files::{Durability, Files};

const EPOCH_MAGIC: [u8; 4] = *b"vjep";
/// What to do when the file contradicts the records.
pub(super) const EPOCH_REMEDY: &str =
    "make sure that no other writer runs and remove this file: the records tell the epoch";
/// Length of the file.
pub(super) const EPOCH_FILE_BYTES: usize = 24;

/// Magic, epoch, first sequence of the newest segment, CRC32C (little-endian).
pub(super) fn epoch_bytes(epoch: u64, newest_segment: u64) -> [u8; EPOCH_FILE_BYTES] {
    let mut bytes = [0; EPOCH_FILE_BYTES];
    bytes[..4].copy_from_slice(&EPOCH_MAGIC);
    bytes[4..12].copy_from_slice(&epoch.to_le_bytes());
    bytes[12..20].copy_from_slice(&newest_segment.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[..20]);
    bytes[20..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The newest writer's epoch and the newest segment, with the bytes that say so; `None` without the file.
pub(super) fn read_epoch(files: &dyn Files, dir: &Path) -> Result<Option<(u64, u64, Vec<u8>)>, JournalError> {
    let path = dir.join("epoch");
    let damaged = |what| JournalError::Damaged {
        file: path.clone(),
        offset_bytes: 0,
        what,
        remedy: EPOCH_REMEDY,
    };
    let bytes = match files.read(&path, EPOCH_FILE_BYTES as u64) {
        Ok(bytes) => bytes,
        Err(FileError::Missing { .. }) => return Ok(None),
        Err(FileError::TooLarge { .. }) => return Err(damaged("the writer epoch's file grew")),
        Err(error) => return Err(error.into()),
    };
    let number = |at: usize| -> Option<u64> {
        let field: [u8; 8] = bytes.get(at..at + 8)?.try_into().ok()?;
        Some(u64::from_le_bytes(field))
    };
    let (Some(epoch), Some(newest)) = (number(4), number(12)) else {
        return Err(damaged("the writer epoch is not what was written"));
    };
    if epoch_bytes(epoch, newest) != bytes[..] {
        return Err(damaged("the writer epoch is not what was written"));
    }
    Ok(Some((epoch, newest, bytes)))
}

/// Records an epoch above every earlier one, durably; says which, and the newest segment.
pub(super) fn begin_epoch(files: &dyn Files, dir: &Path) -> Result<(u64, u64), JournalError> {
    let (last, newest, found) = if let Some((epoch, newest, bytes)) = read_epoch(files, dir)? {
        (epoch, newest, Some(bytes))
    } else {
        // New, or the file was removed as above: no record is of a later epoch than these say.
        let (replay, layout) = replay::replay(files, dir)?;
        if layout.segments.is_empty() && replay.snapshot.is_none() {
            put_segment(files, dir, 1, 0)?;
        }
        (replay.epoch, layout.segments.last().copied().unwrap_or(1), None)
    };
    let epoch = last + 1;
    files.compare_and_swap(
        &dir.join("epoch"),
        found.as_deref(),
        &epoch_bytes(epoch, newest),
        Durability::Now,
    )?;
    Ok((epoch, newest))
}
