//! The bytes of one file, written and synced.

use crate::seams::SeededRandom;

/// What the disk writes or loses as one piece, in bytes.
const SECTOR_BYTES: usize = 512;

/// A file's bytes as programs see them and as a power cut would leave them.
#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    pub(super) live: Vec<u8>,
    synced: Vec<u8>,
    /// The lengths that the file had since the last sync: a cut may leave any of them.
    lengths: Vec<usize>,
    /// After a failed sync the kernel believes that all is written; it is not.
    sync_is_broken: bool,
}

impl Inode {
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.lengths.push(self.live.len());
        self.live.extend_from_slice(bytes);
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.lengths.push(self.live.len());
        self.live.resize(len, 0);
    }

    pub(super) fn sync(&mut self) {
        if !self.sync_is_broken {
            self.synced.clone_from(&self.live);
            self.lengths.clear();
        }
    }

    pub(super) fn break_sync(&mut self) {
        self.sync_is_broken = true;
    }

    /// Changes the bytes that are on disk, as rot does.
    pub(super) fn rot(&mut self, content: Vec<u8>) {
        self.live.clone_from(&content);
        self.synced = content;
        self.lengths.clear();
    }

    /// Leaves of the file what a power cut might.
    pub(super) fn power_cut(&mut self, random: &SeededRandom) {
        if self.live != self.synced || !self.lengths.is_empty() {
            self.live = match random.below(4) {
                0 => self.synced.clone(),
                1 => self.live.clone(),
                2 => self.torn(random),
                _ => self.with_lost_sectors(random),
            };
        }
        self.rot(self.live.clone());
        self.sync_is_broken = false;
    }

    /// A prefix of what was written, or a length that the file had in between.
    fn torn(&self, random: &SeededRandom) -> Vec<u8> {
        let common = self
            .live
            .iter()
            .zip(&self.synced)
            .take_while(|(a, b)| a == b)
            .count();
        let between = (self.live.len() - common) as u64;
        let cut = common + usize::try_from(random.below(between + 1)).unwrap_or(0);
        let lengths = self.lengths.len() as u64;
        let cut = match usize::try_from(random.below(2 * lengths + 1)) {
            Ok(pick) if pick < self.lengths.len() && self.lengths[pick] >= common => {
                self.lengths[pick].min(cut)
            }
            _ => cut,
        };
        self.live[..cut.min(self.live.len())].to_vec()
    }

    /// The full length, with some of the unsynced sectors never written.
    fn with_lost_sectors(&self, random: &SeededRandom) -> Vec<u8> {
        let mut left = self.live.clone();
        for (number, sector) in left.chunks_mut(SECTOR_BYTES).enumerate() {
            let start = number * SECTOR_BYTES;
            let end = start + sector.len();
            let unsynced = self.synced.get(start..end) != Some(&self.live[start..end]);
            if unsynced && random.below(2) == 0 {
                // A lost sector keeps what was synced there before, and zeros where nothing was.
                for (at, byte) in (start..end).zip(sector) {
                    *byte = self.synced.get(at).copied().unwrap_or(0);
                }
            }
        }
        left
    }
}
