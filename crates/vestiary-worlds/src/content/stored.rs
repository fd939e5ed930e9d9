//! A file of the store, open for reading.

use std::{ops::Range, path::PathBuf};

use vestiary::digest::Sha256;
use vestiary_log::files::FileHandle;

use super::record::{FileRecord, Record};
use crate::{Error, cid::UNIXFS_V1_2025};

const CHUNK_BYTES: u64 = UNIXFS_V1_2025.chunk_bytes as u64;

/// An open file. Every read is checked against the digests of the chunks it touches.
#[derive(Debug)]
pub struct StoredFile {
    record: Record,
    handle: Box<dyn FileHandle>,
    path: PathBuf,
}

impl StoredFile {
    pub(super) fn new(record: Record, handle: Box<dyn FileHandle>, path: PathBuf) -> Result<Self, Error> {
        if handle.len()? != record.file.bytes {
            return Err(Error::Damaged {
                path,
                what: "its length has changed",
            });
        }
        Ok(Self { record, handle, path })
    }

    /// What is known about the file.
    pub fn record(&self) -> &FileRecord {
        &self.record.file
    }

    /// Reads the whole file.
    pub fn read(&self) -> Result<Vec<u8>, Error> {
        let bytes = self.read_range(0..self.record.file.bytes)?;
        if Sha256::of(&bytes) != self.record.file.sha256 {
            return Err(self.damaged("its SHA-256 is not its name"));
        }
        Ok(bytes)
    }

    /// Reads a range. To send a large one, use [`chunks`](Self::chunks).
    pub fn read_range(&self, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let pieces = self.chunks(range.clone())?;
        // Within the file, so at most MAX_FILE_BYTES.
        let mut bytes = Vec::with_capacity(usize::try_from(range.end - range.start).unwrap_or(0));
        for piece in pieces {
            bytes.append(&mut piece?);
        }
        Ok(bytes)
    }

    /// Reads a range a chunk at a time: at most 1 MiB in memory. An error ends the iteration; what
    /// came before it was checked.
    pub fn chunks(
        &self,
        range: Range<u64>,
    ) -> Result<impl Iterator<Item = Result<Vec<u8>, Error>> + '_, Error> {
        let bytes = self.record.file.bytes;
        if range.start > range.end || range.end > bytes {
            return Err(Error::Range {
                start: range.start,
                end: range.end,
                bytes,
            });
        }
        let first = range.start / CHUNK_BYTES;
        let last = if range.is_empty() {
            first
        } else {
            range.end.div_ceil(CHUNK_BYTES)
        };
        let mut failed = false;
        Ok((first..last).map_while(move |chunk| {
            if failed {
                return None;
            }
            let piece = self.chunk(chunk, &range);
            failed = piece.is_err();
            Some(piece)
        }))
    }

    /// Reads a chunk whole, checks it, and cuts out what lies within `range`.
    fn chunk(&self, chunk: u64, range: &Range<u64>) -> Result<Vec<u8>, Error> {
        let start = chunk * CHUNK_BYTES;
        let end = (start + CHUNK_BYTES).min(self.record.file.bytes);
        let size = |bytes: u64| usize::try_from(bytes).expect("a chunk has at most 1 MiB");
        let mut bytes = vec![0; size(end - start)];
        self.handle.read_exact_at(&mut bytes, start)?;
        let digest = usize::try_from(chunk)
            .ok()
            .and_then(|chunk| self.record.chunks.get(chunk));
        if digest != Some(&Sha256::of(&bytes)) {
            return Err(self.damaged("a chunk is not what was written"));
        }
        bytes.truncate(size(range.end.min(end) - start));
        bytes.drain(..size(range.start.max(start) - start));
        Ok(bytes)
    }

    fn damaged(&self, what: &'static str) -> Error {
        Error::Damaged {
            path: self.path.clone(),
            what,
        }
    }
}
