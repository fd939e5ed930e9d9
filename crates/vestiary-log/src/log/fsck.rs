//! Reading a whole log and naming every file that is not what the checkpoint says.
//!
//! Entries and hash tiles say the same twice, and the checkpoint's root says it a third time: where a bundle and its
//! tile disagree, the tile above (or, at the right edge, the root) tells which of them is right. So one damaged file
//! never hides another, and what is known of its content is kept with the finding.

mod cure;

pub use cure::{staged_end, staged_size};

use std::path::{Path, PathBuf};

use vestiary_tlog::tile::{self, TILE_WIDTH};
use vestiary_tlog::{BundleId, Checkpoint, Hash, Tile, TileId, VerifierKey, leaf_hash};

use super::edge::{Edge, fold};
use super::reader::read_tile;
use super::{Published, RESTORE};
use crate::error::{FileError, LogError};
use crate::files::{Files, parent};

/// What is known of the right content of a damaged file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cure {
    /// All of it: these bytes.
    Bytes(Vec<u8>),
    /// The hashes of its entries, so that a copy can be told from a forgery.
    Entries {
        /// Which bundle it is.
        bundle: BundleId,
        /// The leaf hashes of its entries, in order.
        leaves: Vec<Hash>,
    },
    /// Nothing: entries and their tile are both gone.
    Unknown,
}

/// A file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// What it should be.
    pub cure: Cure,
}

/// What [`fsck`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Entries that were read.
    pub entries: u64,
    /// Tiles and bundles that were read.
    pub files: u64,
    /// Every file that is wrong.
    pub findings: Vec<Finding>,
    /// Partial tiles and bundles of an earlier size that are not the beginning of what is there now. Readers here
    /// do not look at them; whoever serves the directory as plain files does. A crash in the middle of an append
    /// leaves such files too.
    pub superseded: Vec<Finding>,
}

impl Health {
    /// The first finding as an error, if there is one.
    pub fn into_result(self) -> Result<(), LogError> {
        match self.findings.into_iter().next() {
            None => Ok(()),
            Some(Finding { file, what, cure }) => {
                let remedy = match cure {
                    Cure::Bytes(_) => {
                        "the entries tell what it should be: repair it, or restore it from a copy"
                    }
                    Cure::Entries { .. } | Cure::Unknown => RESTORE,
                };
                Err(LogError::Damaged { file, what, remedy })
            }
        }
    }
}

/// Reads every entry and every tile of the log in `dir`, derives the tiles and the root again from
/// the entries, and compares. Reads files only; the log may be in use.
pub fn fsck(files: &dyn Files, dir: &Path, key: &VerifierKey) -> Result<Health, LogError> {
    fsck_at(files, dir, &Published::read(files, dir, key)?.checkpoint)
}

/// The same for a checkpoint that is at hand: one from elsewhere, or one of a log whose file is damaged.
pub fn fsck_at(files: &dyn Files, dir: &Path, checkpoint: &Checkpoint) -> Result<Health, LogError> {
    let mut survey = Survey {
        files,
        dir,
        size: checkpoint.size(),
        health: Health::default(),
        differing: Vec::new(),
    };
    let bundles = survey.size.div_ceil(u64::from(TILE_WIDTH));
    let mut edge = Edge::default();
    for index in 0..bundles {
        let Some(pair) = survey.read_pair(index)? else {
            break;
        };
        let is_last = index + 1 == bundles;
        let Some(leaves) = survey.choose(&pair, &edge, checkpoint, is_last)? else {
            survey.unknown(index + 1, bundles)?;
            return Ok(survey.health);
        };
        survey.compare_pair(&pair, &leaves)?;
        survey.compare_above(edge.append(&leaves))?;
    }
    let entries_are_right = edge.size() == survey.size && edge.root() == checkpoint.root();
    Ok(survey.finish(entries_are_right))
}

/// A bundle and the level-0 tile that names its entries, as far as they can be read.
struct Pair {
    id: BundleId,
    bundle_file: PathBuf,
    entries: Result<Vec<Vec<u8>>, String>,
    tile_file: PathBuf,
    tile: Result<Vec<Hash>, String>,
}

impl Pair {
    fn entry_leaves(&self) -> Option<Vec<Hash>> {
        let entries = self.entries.as_ref().ok()?;
        Some(entries.iter().map(|entry| leaf_hash(entry)).collect())
    }
}

struct Survey<'a> {
    files: &'a dyn Files,
    dir: &'a Path,
    size: u64,
    health: Health,
    /// Files that differ from what the chosen leaves say; who is right depends on the root.
    differing: Vec<(Finding, bool)>,
}

impl Survey<'_> {
    fn read_pair(&mut self, index: u64) -> Result<Option<Pair>, LogError> {
        let (Some(id), Some(tile_id)) = (
            BundleId::in_tree(index, self.size),
            TileId::in_tree(0, index, self.size),
        ) else {
            return Ok(None);
        };
        self.health.files += 2;
        let (bundle_file, entries) = match read_entries(self.files, self.dir, id) {
            Ok((file, entries)) => (file, Ok(entries)),
            Err(LogError::Damaged { file, what, .. }) => (file, Err(what)),
            Err(error) => return Err(error),
        };
        let (tile_file, tile) = match read_tile(self.files, self.dir, tile_id) {
            Ok((file, tile)) => (file, Ok(tile.hashes().to_vec())),
            Err(LogError::Damaged { file, what, .. }) => (file, Err(what)),
            Err(error) => return Err(error),
        };
        self.health.entries += entries.as_ref().map_or(0, Vec::len) as u64;
        Ok(Some(Pair {
            id,
            bundle_file,
            entries,
            tile_file,
            tile,
        }))
    }

    /// The leaf hashes that bundle and tile agree on, or that the tile above or the root prefers.
    fn choose(
        &self,
        pair: &Pair,
        before: &Edge,
        checkpoint: &Checkpoint,
        is_last: bool,
    ) -> Result<Option<Vec<Hash>>, LogError> {
        let (of_entries, of_tile) = match (pair.entry_leaves(), pair.tile.as_ref().ok()) {
            (Some(of_entries), Some(of_tile)) if of_entries == *of_tile => return Ok(Some(of_entries)),
            (Some(of_entries), Some(of_tile)) => (of_entries, of_tile.clone()),
            (Some(leaves), None) => return Ok(Some(leaves)),
            (None, tile) => return Ok(tile.cloned()),
        };
        let is_right = |leaves: &[Hash]| {
            let mut edge = before.clone();
            edge.append(leaves);
            edge.root() == checkpoint.root()
        };
        let tile_is_right = if is_last {
            is_right(&of_tile)
        } else {
            self.named_above(pair.id.index())? == Some(fold(&of_tile))
        };
        Ok(Some(if tile_is_right { of_tile } else { of_entries }))
    }

    /// What the tile above says that a full tile of level 0 hashes to.
    fn named_above(&self, index: u64) -> Result<Option<Hash>, LogError> {
        let width = u64::from(TILE_WIDTH);
        let Some(above) = TileId::in_tree(1, index / width, self.size) else {
            return Ok(None);
        };
        match read_tile(self.files, self.dir, above) {
            Ok((_, tile)) => {
                let slot = usize::try_from(index % width).unwrap_or(0);
                Ok(tile.hashes().get(slot).copied())
            }
            Err(LogError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Bundle and tile against the leaves that count, and older partial ones against their beginning.
    fn compare_pair(&mut self, pair: &Pair, leaves: &[Hash]) -> Result<(), LogError> {
        let entries_agree = pair.entry_leaves().is_some_and(|own| own == leaves);
        if !entries_agree {
            let what = match &pair.entries {
                Err(what) => what.clone(),
                Ok(_) => format!("entries are not those that {} names", pair.tile_file.display()),
            };
            let cure = Cure::Entries {
                bundle: pair.id,
                leaves: leaves.to_vec(),
            };
            self.differs(pair.bundle_file.clone(), what, cure, false);
        }
        let id = TileId::new(0, pair.id.index(), pair.id.width())?;
        let right = Tile::new(id, leaves.to_vec())?;
        if pair.tile.as_deref() != Ok(leaves) {
            let what = pair.tile.as_ref().err().cloned();
            // A full file beyond the checkpoint proves nothing: the exact one is what should be there.
            self.differs(
                self.dir.join(id.path()),
                what.unwrap_or_else(|| "not what the entries hash to".to_owned()),
                Cure::Bytes(right.to_bytes()),
                true,
            );
        }
        let entries = pair.entries.as_ref().ok().filter(|_| entries_agree);
        for (is_bundle, partials) in [
            (false, self.dir.join(id.full().path())),
            (true, self.dir.join(pair.id.full().path())),
        ] {
            self.compare_superseded(
                pair.id,
                &partials.with_added_extension("p"),
                is_bundle,
                leaves,
                entries,
            )?;
        }
        Ok(())
    }

    fn compare_superseded(
        &mut self,
        now: BundleId,
        partials: &Path,
        is_bundle: bool,
        leaves: &[Hash],
        entries: Option<&Vec<Vec<u8>>>,
    ) -> Result<(), LogError> {
        let listed = match self.files.list(partials) {
            Err(error) if error.is_missing() => return Ok(()),
            listed => listed?,
        };
        for name in listed.into_iter().map(|listed| listed.name) {
            let Some(width) = name.parse::<u16>().ok().filter(|width| *width < now.width()) else {
                continue;
            };
            self.health.files += 1;
            let beginning = &leaves[..usize::from(width)];
            let file = partials.join(&name);
            let max_bytes = tile::MAX_BUNDLE_BYTES as u64;
            let found = match self.files.read(&file, max_bytes) {
                Err(FileError::TooLarge { .. } | FileError::Missing { .. }) => None,
                read => Some(read?),
            };
            let (is_right, cure) = if is_bundle {
                let right = found.is_some_and(|found| are_entries(&found, beginning));
                let encoded = entries.map(|entries| tile::encode_bundle(&entries[..usize::from(width)]));
                (right, encoded.transpose()?.map_or(Cure::Unknown, Cure::Bytes))
            } else {
                let id = TileId::new(0, now.index(), width)?;
                let bytes = Tile::new(id, beginning.to_vec())?.to_bytes();
                (found.as_ref() == Some(&bytes), Cure::Bytes(bytes))
            };
            if !is_right {
                let what = "of an earlier size, and not the beginning of what is there now".to_owned();
                self.health.superseded.push(Finding { file, what, cure });
            }
        }
        Ok(())
    }

    /// Derived tiles of the levels above against the files.
    fn compare_above(&mut self, derived: Vec<Tile>) -> Result<(), LogError> {
        for right in derived {
            let id = right.id();
            // A partial tile in the middle is only a step on the way to the full one.
            if id.level() == 0 || TileId::in_tree(id.level(), id.index(), self.size) != Some(id) {
                continue;
            }
            self.health.files += 1;
            let what = match read_tile(self.files, self.dir, id) {
                Ok((_, found)) if found.hashes() == right.hashes() => continue,
                Ok(_) => "not what the entries hash to".to_owned(),
                Err(LogError::Damaged { what, .. }) => what,
                Err(error) => return Err(error),
            };
            self.differs(
                self.dir.join(id.path()),
                what,
                Cure::Bytes(right.to_bytes()),
                true,
            );
        }
        Ok(())
    }

    fn differs(&mut self, file: PathBuf, what: String, cure: Cure, is_derived: bool) {
        self.differing.push((Finding { file, what, cure }, is_derived));
    }

    /// Neither a bundle nor its tile can be read: what follows is only looked at pair by pair.
    fn unknown(&mut self, after: u64, bundles: u64) -> Result<(), LogError> {
        let mut findings: Vec<_> = self.differing.drain(..).map(|(finding, _)| finding).collect();
        for index in after - 1..bundles {
            let Some(pair) = self.read_pair(index)? else { break };
            let [bundle, tile] =
                [&pair.entries.as_ref().err(), &pair.tile.as_ref().err()].map(|what| what.cloned());
            let disagree = pair
                .entry_leaves()
                .zip(pair.tile.as_ref().ok())
                .is_some_and(|(a, b)| a != *b);
            let disagree =
                disagree.then(|| format!("entries are not those that {} names", pair.tile_file.display()));
            for (file, what) in [(pair.bundle_file, bundle.or(disagree)), (pair.tile_file, tile)] {
                findings.extend(what.map(|what| Finding {
                    file,
                    what,
                    cure: Cure::Unknown,
                }));
            }
        }
        self.health.findings = findings;
        Ok(())
    }

    fn finish(mut self, entries_are_right: bool) -> Health {
        if !entries_are_right && self.differing.is_empty() {
            self.health.findings.push(Finding {
                file: self.dir.join(super::CHECKPOINT),
                what: "entries and tiles agree with one another, but not with this checkpoint".to_owned(),
                cure: Cure::Unknown,
            });
        }
        for (mut finding, is_derived) in self.differing {
            if !entries_are_right && is_derived {
                // What was derived from wrong entries is no cure.
                finding.cure = Cure::Unknown;
            }
            self.health.findings.push(finding);
        }
        self.health
    }
}

/// Whether these bytes are a bundle of exactly the entries with these hashes.
fn are_entries(bytes: &[u8], leaves: &[Hash]) -> bool {
    let width = u16::try_from(leaves.len()).unwrap_or(u16::MAX);
    tile::parse_bundle(bytes, width).is_ok_and(|entries| {
        entries
            .iter()
            .map(|entry| leaf_hash(entry))
            .eq(leaves.iter().copied())
    })
}

fn read_entries(files: &dyn Files, dir: &Path, id: BundleId) -> Result<(PathBuf, Vec<Vec<u8>>), LogError> {
    let (exact, full) = (dir.join(id.path()), dir.join(id.full().path()));
    let max_bytes = tile::MAX_BUNDLE_BYTES as u64;
    let (file, width, bytes) = match files.read(&exact, max_bytes) {
        Err(FileError::Missing { .. }) => (full.clone(), TILE_WIDTH, files.read(&full, max_bytes)),
        read => (exact.clone(), id.width(), read),
    };
    let damaged = |file: &Path, what: String| LogError::Damaged {
        file: file.to_owned(),
        what,
        remedy: RESTORE,
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(FileError::Missing { .. }) => return Err(damaged(&exact, "missing".to_owned())),
        Err(FileError::TooLarge { .. }) => return Err(damaged(&file, "longer than it can be".to_owned())),
        Err(error) => return Err(error.into()),
    };
    let entries = tile::parse_bundle(&bytes, width).map_err(|error| damaged(&file, error.to_string()))?;
    let entries = entries.iter().take(usize::from(id.width()));
    Ok((file, entries.map(|entry| entry.to_vec()).collect()))
}
