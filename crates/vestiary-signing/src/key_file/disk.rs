//! Reading and creating files that only their owner may read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::MAX_KEY_FILE_BYTES;
use crate::Error;

/// Mode of a key file.
const MODE: u32 = 0o600;
/// Bits that must not be set on one.
const OTHERS: u32 = 0o077;

/// Reads a file of at most [`MAX_KEY_FILE_BYTES`] whose permissions keep others out.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(Error::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    let mut bytes = Vec::new();
    file.take(MAX_KEY_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

/// Creates a file with these bytes, durable on return. An existing file is never touched, and a file that
/// could not be written whole never gets the name.
pub(super) fn create(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    let outcome = write_new(&unfinished, bytes).and_then(|()| {
        // Unlike a rename, a link never replaces what is there.
        let linked = fs::hard_link(&unfinished, path);
        fs::remove_file(&unfinished)?;
        linked
    });
    outcome
        .and_then(|()| sync_directory(path))
        .map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::Exists {
                path: path.to_owned(),
            },
            _ => Error::Io {
                path: path.to_owned(),
                source,
            },
        })
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What a crash left behind under this name was never a key.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}
