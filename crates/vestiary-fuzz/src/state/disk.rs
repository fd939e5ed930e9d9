//! Files on a made-up disk, written over by the input.

use std::path::Path;

use vestiary_log::Files as _;
use vestiary_log::sim::ForgetfulDisk;

use crate::input::Input;

/// Puts these bytes in the file's place, as damage does: no rename, no sync.
pub(super) fn overwrite(disk: &ForgetfulDisk, path: &Path, bytes: &[u8]) {
    if disk.remove(path).is_ok() || !disk.exists(path).unwrap_or(true) {
        disk.write(path, bytes).expect("a made-up disk has room");
    }
}

/// Changes up to three bytes of the file, and may cut it short.
pub(super) fn damage(disk: &ForgetfulDisk, path: &Path, input: &mut Input<'_>) {
    let mut bytes = disk.content(path).unwrap_or_default();
    let how = input.byte();
    for _ in 0..=how % 3 {
        let (at, change) = (usize::from(input.u16()), input.byte());
        if let Some(at) = at.checked_rem(bytes.len()) {
            bytes[at] ^= change;
        }
    }
    if how & 0x80 != 0 {
        bytes.truncate(usize::from(input.u16()) % (bytes.len() + 1));
    }
    overwrite(disk, path, &bytes);
}
