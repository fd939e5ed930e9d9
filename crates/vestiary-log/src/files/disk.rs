//! The real file system.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{FileHandle, Files, Listed, Lock, OpenFor};
use crate::error::FileError;

/// The machine's own file system. `sync` is `fsync`, locks are `flock` (they end with the process).
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

/// A file of [`Disk`].
#[derive(Debug)]
struct DiskFile {
    file: File,
    path: PathBuf,
}

/// A lock of [`Disk`]; the kernel drops it with the descriptor.
#[derive(Debug)]
struct DiskLock {
    _file: File,
}

impl Lock for DiskLock {}

fn at<'a>(operation: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + 'a {
    move |source| FileError::new(operation, path, source)
}

impl Files for Disk {
    fn open(&self, path: &Path, purpose: OpenFor) -> Result<Box<dyn FileHandle>, FileError> {
        let mut options = OpenOptions::new();
        match purpose {
            OpenFor::Reading => options.read(true),
            OpenFor::Appending => options.read(true).append(true).create(true),
            OpenFor::Creating => options.read(true).write(true).create_new(true),
            OpenFor::Replacing => options.read(true).write(true).create(true).truncate(true),
        };
        let file = options.open(path).map_err(at("open", path))?;
        // Linux opens a directory for reading; it is no file.
        if purpose == OpenFor::Reading && file.metadata().map_err(at("open", path))?.is_dir() {
            return Err(FileError::new("open", path, io::ErrorKind::IsADirectory.into()));
        }
        Ok(Box::new(DiskFile {
            file,
            path: path.to_owned(),
        }))
    }

    fn create_dir(&self, dir: &Path) -> Result<bool, FileError> {
        match fs::create_dir(dir) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(false),
            Err(error) => Err(FileError::new("create directory", dir, error)),
        }
    }

    fn link(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        fs::hard_link(from, to).map_err(at("link", to))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), FileError> {
        fs::rename(from, to).map_err(at("rename", to))
    }

    fn remove(&self, path: &Path) -> Result<(), FileError> {
        fs::remove_file(path).map_err(at("remove", path))
    }

    fn remove_dir(&self, dir: &Path) -> Result<(), FileError> {
        fs::remove_dir(dir).map_err(at("remove directory", dir))
    }

    fn list(&self, dir: &Path) -> Result<Vec<Listed>, FileError> {
        let mut listed = Vec::new();
        for entry in fs::read_dir(dir).map_err(at("list", dir))? {
            let entry = entry.map_err(at("list", dir))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Removed since the directory was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(FileError::new("list", dir, error)),
            };
            let is_dir = metadata.is_dir();
            listed.push(Listed {
                name,
                is_dir,
                bytes: if is_dir { 0 } else { metadata.len() },
            });
        }
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    fn sync_dir(&self, dir: &Path) -> Result<(), FileError> {
        File::open(dir)
            .and_then(|file| file.sync_all())
            .map_err(at("sync directory", dir))
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn Lock>, FileError> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(at("lock", path))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(DiskLock { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Err(FileError::Locked {
                path: path.to_owned(),
            }),
            Err(fs::TryLockError::Error(error)) => Err(FileError::new("lock", path, error)),
        }
    }

    fn lock_dir(&self, dir: &Path) -> Result<Box<dyn Lock>, FileError> {
        let file = File::open(dir).map_err(at("lock", dir))?;
        file.lock().map_err(at("lock", dir))?;
        Ok(Box::new(DiskLock { _file: file }))
    }

    fn free_bytes(&self, dir: &Path) -> Result<Option<u64>, FileError> {
        let found = rustix::fs::statvfs(dir).map_err(|error| at("measure", dir)(error.into()))?;
        // What is kept back for the administrator is not ours.
        Ok(Some(found.f_bavail.saturating_mul(found.f_frsize)))
    }
}

impl FileHandle for DiskFile {
    fn len(&self) -> Result<u64, FileError> {
        Ok(self.file.metadata().map_err(at("measure", &self.path))?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset_bytes: u64) -> Result<usize, FileError> {
        loop {
            match self.file.read_at(buffer, offset_bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read.map_err(at("read", &self.path)),
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file.write_all(bytes).map_err(at("write", &self.path))
    }

    fn truncate(&mut self, len_bytes: u64) -> Result<(), FileError> {
        self.file.set_len(len_bytes).map_err(at("truncate", &self.path))
    }

    fn sync(&mut self) -> Result<(), FileError> {
        // `fdatasync` includes the length, which is all of the metadata that reading back needs.
        self.file.sync_data().map_err(at("sync", &self.path))
    }

    fn path(&self) -> &Path {
        &self.path
    }
}
