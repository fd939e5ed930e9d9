//! Files that a command reads and writes: bounded, private where they are secret, whole or not at all.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use super::failure::Failure;

/// Longest secret in a file (passphrase, API key, code), in bytes.
pub(crate) const MAX_SECRET_BYTES: u64 = 4 * 1024;

/// How long a named pipe may have nobody who writes to it.
const PIPE_PATIENCE: Duration = Duration::from_secs(2);

fn unreadable(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::failed("file_unreadable", format!("{}: {why}", path.display()))
}

/// Refuses what is no file before somebody opens it and waits.
pub(crate) fn regular(path: &Path) -> Result<(), Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, error))?;
    if metadata.is_file() {
        return Ok(());
    }
    Err(unreadable(path, "a directory, pipe or device, not a file").remedy("name a file"))
}

/// Opens for reading. A pipe is good, a list or a secret may come from another program; one that nobody writes to
/// would be waited for for ever.
fn open(path: &Path) -> Result<File, Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, error))?;
    if !metadata.file_type().is_fifo() {
        return File::open(path).map_err(|error| unreadable(path, error));
    }
    let (opened, wait) = std::sync::mpsc::channel();
    let pipe = path.to_owned();
    // Nobody can wake a thread that opens a pipe; it ends with the process.
    std::thread::spawn(move || opened.send(File::open(pipe)));
    let Ok(file) = wait.recv_timeout(PIPE_PATIENCE) else {
        let failure = unreadable(path, "nobody writes to this pipe");
        return Err(failure.remedy("name a file, or start what writes to the pipe"));
    };
    file.map_err(|error| unreadable(path, error))
}

/// Reads a file of at most `max` bytes.
pub(crate) fn read(path: &Path, max: u64) -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| unreadable(path, error);
    let file = open(path)?;
    let mut bytes = Vec::new();
    file.take(max.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > max {
        return Err(Failure::failed(
            "file_too_large",
            format!("{} is larger than {max} bytes", path.display()),
        ));
    }
    Ok(bytes)
}

/// Reads a secret: a file, or standard input for `-`. The line's end is not part of it.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Zeroizing::new(Vec::new());
        std::io::stdin()
            .take(MAX_SECRET_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Failure::failed("file_unreadable", format!("standard input: {error}")))?;
        if bytes.len() as u64 > MAX_SECRET_BYTES {
            let detail = format!("standard input is larger than {MAX_SECRET_BYTES} bytes");
            return Err(Failure::failed("file_too_large", detail));
        }
        bytes
    } else {
        Zeroizing::new(read(path, MAX_SECRET_BYTES)?)
    };
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::failed("file_unreadable", format!("{} is not UTF-8", path.display())))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned()))
}

/// Writes a file whole or not at all, durable on return, in place of an older one.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    replace(path, bytes, 0o644)
}

/// As [`write`], readable by its owner only.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    replace(path, bytes, 0o600)
}

fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = std::path::PathBuf::from(unfinished);
    let write = || -> std::io::Result<()> {
        let _ = std::fs::remove_file(&unfinished);
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&unfinished, path)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        std::fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|error| Failure::failed("file_unwritable", format!("{}: {error}", path.display())))
}

/// Makes a directory and those above it.
pub(crate) fn make_dir(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path)
        .map_err(|error| Failure::failed("file_unwritable", format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_private_file_is_readable_by_its_owner_only_even_in_place_of_an_open_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("codes.csv");
        write(&path, b"old").unwrap();
        write_private(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_file_over_the_limit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert_eq!(read(&path, 4).unwrap_err().code, "file_too_large");
    }
}
