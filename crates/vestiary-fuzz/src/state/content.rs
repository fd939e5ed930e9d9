//! The record beside a file of the content store, and the file, damaged.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use vestiary::digest::Sha256;
use vestiary_log::sim::ForgetfulDisk;
use vestiary_worlds::{ContentStore, Declared};

use super::disk::{damage, overwrite};
use crate::input::Input;

/// The only file of the store.
const TEXT: &[u8] = b"Everybody may wear this.\n";

fn dir() -> &'static Path {
    Path::new("content")
}

fn sound() -> &'static ForgetfulDisk {
    static SOUND: OnceLock<ForgetfulDisk> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = ForgetfulDisk::new();
        let store = ContentStore::open(Arc::new(disk.clone()), dir()).expect("a sound disk");
        store.put(TEXT, Declared::default()).expect("a text");
        disk
    })
}

fn path(kind: &str, sha256: &Sha256) -> PathBuf {
    let name = sha256.hex();
    dir().join(kind).join(&name[..2]).join(&name)
}

/// Whatever the record says and whatever became of the file, its bytes are served or none are.
pub(super) fn record(bytes: &[u8]) {
    let disk = sound().fork();
    let sha256 = Sha256::of(TEXT);
    let mut input = Input::new(bytes);
    let how = input.byte();
    if how & 1 == 1 {
        damage(&disk, &path("files", &sha256), &mut input);
    }
    let mut record = input.rest().to_vec();
    if how & 2 == 2 {
        // With the check that belongs to it.
        let check = Sha256::of(&record);
        record.extend_from_slice(format!("\n{check}\n").as_bytes());
    }
    overwrite(&disk, &path("records", &sha256), &record);
    let store = ContentStore::open_read_only(Arc::new(disk), dir()).expect("its directories are there");
    if let Ok(said) = store.record(&sha256) {
        assert_eq!(said.sha256, sha256);
    }
    if let Ok(file) = store.get(&sha256)
        && let Ok(served) = file.read()
    {
        assert_eq!(served, TEXT);
    }
    let scan = store.scan().expect("damage is no failure");
    assert_eq!(scan.intact + scan.damaged.len() as u64, 1);
}
