//! Which files of the content store are at hand: there, and not met damaged.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock};

use vestiary::digest::Sha256;
use vestiary_worlds::Error;

use crate::damage::{Part, found};
use crate::service::Service;

/// Files remembered as present.
const MAX_PRESENT_FILES: usize = 65_536;

/// What was seen of the content store.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// Files that it was seen to have; it never removes one.
    seen: RwLock<HashSet<Sha256>>,
    /// Files that somebody read and found damaged, until they are whole again.
    damaged: RwLock<HashSet<Sha256>>,
}

impl Service {
    /// Whether the content store has a file, as far as is known. Remembered: worlds ask for the same few files all
    /// day. A file whose bytes have rotted is at hand until somebody reads it: a download, or the scrub.
    pub fn has_file(&self, sha256: &Sha256) -> bool {
        if holds(&self.presence.damaged, sha256) {
            return false;
        }
        if holds(&self.presence.seen, sha256) {
            return true;
        }
        let found = self.content.record(sha256).is_ok();
        if found {
            let mut seen = self.presence.seen.write().unwrap_or_else(PoisonError::into_inner);
            if seen.len() >= MAX_PRESENT_FILES {
                seen.clear();
            }
            seen.insert(*sha256);
        }
        found
    }

    /// Somebody read a file and found it damaged: says so, and the file is not at hand until it is whole again.
    /// Reads it once more.
    pub(crate) fn met_damaged(&self, sha256: &Sha256, error: &Error) {
        found(Part::Content, error);
        let is_new = self.damaged_files(|damaged| damaged.insert(*sha256));
        // What was read may be the file from before it was put again. It is looked at after it was remembered, so that
        // whoever puts it meanwhile is not overlooked.
        if is_new && self.content.get(sha256).and_then(|file| file.read()).is_ok() {
            self.is_whole(sha256);
        }
    }

    /// A file was put, or read from its first byte to its last.
    pub(crate) fn is_whole(&self, sha256: &Sha256) {
        if holds(&self.presence.damaged, sha256) {
            self.damaged_files(|damaged| damaged.remove(sha256));
        }
    }

    fn damaged_files<T>(&self, change: impl FnOnce(&mut HashSet<Sha256>) -> T) -> T {
        change(
            &mut self
                .presence
                .damaged
                .write()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

fn holds(files: &RwLock<HashSet<Sha256>>, sha256: &Sha256) -> bool {
    files
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .contains(sha256)
}
