//! The right edge of the tree: all that an append needs to know of what was there before.

use vestiary_tlog::tile::TILE_WIDTH;
use vestiary_tlog::{EMPTY_ROOT, Hash, Tile, TileId, node_hash};

/// The incomplete tile of each level. A level of 256 hashes moves up as one hash, so each holds at
/// most 255.
#[derive(Clone, Debug, Default)]
pub(super) struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

impl Edge {
    /// From the incomplete tiles of a tree of `size` entries, level by level.
    pub(super) fn new(size: u64, levels: Vec<Vec<Hash>>) -> Self {
        Self { size, levels }
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of a level's incomplete tile.
    pub(super) fn level(&self, level: u8) -> &[Hash] {
        self.levels.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// Adds leaves; returns the tiles that a log of the new size has and the old one had not.
    pub(super) fn append(&mut self, leaves: &[Hash]) -> Vec<Tile> {
        let mut tiles = Vec::new();
        let mut rising = leaves.to_vec();
        for level in 0.. {
            if rising.is_empty() {
                break;
            }
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            // Tiles of this level that were complete before.
            let mut index = (self.size >> (8 * level)) / u64::from(TILE_WIDTH);
            let mut above = Vec::with_capacity(rising.len() / usize::from(TILE_WIDTH) + 1);
            for hash in rising {
                hashes.push(hash);
                if hashes.len() == usize::from(TILE_WIDTH) {
                    let full = std::mem::take(hashes);
                    above.push(fold(&full));
                    tiles.extend(tile(level, index, full));
                    index += 1;
                }
            }
            if !hashes.is_empty() {
                tiles.extend(tile(level, index, hashes.clone()));
            }
            rising = above;
        }
        self.size += leaves.len() as u64;
        tiles
    }

    /// The root of the tree.
    pub(super) fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for hashes in &self.levels {
            let mut end = hashes.len();
            // The complete subtrees of a level, from the smallest on the right to the left.
            while end > 0 {
                let start = end - (1 << end.trailing_zeros());
                let subtree = fold(&hashes[start..end]);
                root = Some(root.map_or(subtree, |right| node_hash(&subtree, &right)));
                end = start;
            }
        }
        root.unwrap_or(EMPTY_ROOT)
    }
}

fn tile(level: usize, index: u64, hashes: Vec<Hash>) -> Option<Tile> {
    let width = u16::try_from(hashes.len()).ok()?;
    Tile::new(TileId::new(u8::try_from(level).ok()?, index, width).ok()?, hashes).ok()
}

/// The hash of a complete subtree from its 2^n hashes.
pub(super) fn fold(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks_exact(2)
            .map(|pair| node_hash(&pair[0], &pair[1]))
            .collect();
    }
    row.first().copied().unwrap_or(EMPTY_ROOT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vestiary_tlog::{leaf_hash, proof};

    #[test]
    fn tiles_and_root_are_those_of_the_whole_tree_however_the_entries_arrived() {
        let leaves: Vec<Hash> = (0..70_000_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let mut edge = Edge::default();
        let steps = [
            0, 1, 2, 3, 255, 256, 257, 511, 512, 1_000, 65_535, 65_536, 65_537, 70_000,
        ];
        for pair in steps.windows(2) {
            let tiles = edge.append(&leaves[pair[0]..pair[1]]);
            let mut ids: Vec<TileId> = tiles.iter().map(Tile::id).collect();
            ids.sort();
            assert_eq!(ids, TileId::added(pair[0] as u64, pair[1] as u64), "{pair:?}");
            assert_eq!(
                edge.root(),
                proof::root(pair[1] as u64, &leaves[..]).unwrap(),
                "{pair:?}"
            );
        }
    }
}
