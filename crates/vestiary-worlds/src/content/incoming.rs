//! A file on its way into the store.

use vestiary::digest::Sha256;
use vestiary_log::{
    FileError,
    files::{Upload, parent},
};

use super::{ContentStore, Declared, FileRecord, MAX_FILE_BYTES, MAX_TEXT_BYTES, record::Record, sniff};
use crate::{
    Error,
    cid::{Hasher, UNIXFS_V1_2025},
};

/// A file on its way in: hashed while it is written. Dropped before [`finish`](Self::finish), it
/// leaves nothing.
#[derive(Debug)]
pub struct Incoming<'a> {
    store: &'a ContentStore,
    declared: Declared,
    max_bytes: u64,
    upload: Upload,
    hasher: Hasher,
    /// The beginning of the file, as much as its media type may depend on.
    head: Vec<u8>,
}

impl<'a> Incoming<'a> {
    pub(super) fn begin(store: &'a ContentStore, declared: Declared) -> Result<Self, Error> {
        let max_bytes = declared.bytes.unwrap_or(MAX_FILE_BYTES);
        if max_bytes > MAX_FILE_BYTES {
            return Err(Error::TooLarge {
                max_bytes: MAX_FILE_BYTES,
            });
        }
        let upload = Upload::begin(store.files.clone(), &store.dir.join("incoming"), max_bytes)?;
        let hasher = Hasher::new(UNIXFS_V1_2025);
        Ok(Self {
            store,
            declared,
            max_bytes,
            upload,
            hasher,
            head: Vec::new(),
        })
    }

    /// Adds a piece of any size.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.upload.write(piece).map_err(|error| match error {
            FileError::TooLarge { .. } => Error::TooLarge {
                max_bytes: self.max_bytes,
            },
            error => error.into(),
        })?;
        self.hasher.update(piece);
        let room = (MAX_TEXT_BYTES + 1).saturating_sub(self.head.len());
        self.head.extend_from_slice(&piece[..piece.len().min(room)]);
        Ok(())
    }

    /// Checks what came against what was declared, and keeps it. Durable on return: first the bytes,
    /// then their record, then the index. After a crash in between the file is there, and what follows
    /// from it is made when it is next read or put.
    pub fn finish(self) -> Result<FileRecord, Error> {
        let uploaded = self.upload.finish()?;
        let sha256 = Sha256(uploaded.sha256);
        if let Some(declared_bytes) = self.declared.bytes.filter(|declared| *declared != uploaded.bytes) {
            return Err(Error::SizeMismatch {
                declared_bytes,
                bytes: uploaded.bytes,
            });
        }
        if let Some(declared) = self.declared.sha256.filter(|declared| *declared != sha256) {
            return Err(Error::DigestMismatch {
                declared,
                found: sha256,
            });
        }
        let unknown = Error::UnknownMediaType {
            max_text_bytes: MAX_TEXT_BYTES,
        };
        let record = Record::new(sha256, self.hasher.finish(), sniff(&self.head).ok_or(unknown)?);

        let (store, path) = (self.store, self.store.file_path(&sha256));
        store.files.create_dir_all(parent(&path))?;
        match store.derive(&sha256) {
            Err(Error::Damaged { path, .. }) => store.set_aside(&path, &sha256)?,
            Ok(_) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        uploaded.name(&path)?;
        store.write_record(&record)?;
        Ok(record.file)
    }
}
