//! What stands in the staging journal: a record a batch, a snapshot for what the tiles hold durably.

use vestiary_tlog::tile::push_entry;

use crate::error::LogError;

const BATCH_MAGIC: [u8; 4] = *b"vlb1";
const BATCH_HEADER_BYTES: usize = 16;

/// The record of a batch: magic, count (u32), first index (u64), then each entry with its length.
pub(super) fn encode_batch(first_index: u64, entries: &[Vec<u8>]) -> Result<Vec<u8>, LogError> {
    let bytes: usize = entries.iter().map(|entry| entry.len() + 2).sum();
    let mut record = Vec::with_capacity(BATCH_HEADER_BYTES + bytes);
    record.extend_from_slice(&BATCH_MAGIC);
    record.extend_from_slice(&u32::try_from(entries.len()).unwrap_or(u32::MAX).to_le_bytes());
    record.extend_from_slice(&first_index.to_le_bytes());
    for entry in entries {
        push_entry(&mut record, entry)?;
    }
    Ok(record)
}

/// Reads such a record; `None` when it is none.
pub(super) fn parse_batch(record: &[u8]) -> Option<(u64, Vec<Vec<u8>>)> {
    let (magic, rest) = record.split_first_chunk::<4>()?;
    let (count, rest) = rest.split_first_chunk::<4>()?;
    let (first_index, mut rest) = rest.split_first_chunk::<8>()?;
    let count = u32::from_le_bytes(*count);
    let mut entries = Vec::new();
    for _ in 0..count {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (entry, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        entries.push(entry.to_vec());
        rest = after;
    }
    (*magic == BATCH_MAGIC && rest.is_empty()).then(|| (u64::from_le_bytes(*first_index), entries))
}
