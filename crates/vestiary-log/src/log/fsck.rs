//! Reading a whole log and naming every file that is not what the checkpoint says.

use std::path::{Path, PathBuf};

use vestiary_tlog::tile::{self, TILE_WIDTH};
use vestiary_tlog::{BundleId, Checkpoint, Hash, TileId, VerifierKey, leaf_hash};

use super::edge::Edge;
use super::reader::read_tile;
use super::{Published, RESTORE};
use crate::error::{FileError, LogError};
use crate::files::{Files, parent};

/// A file that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// The bytes that it should have, when the entries tell.
    pub should_be: Option<Vec<u8>>,
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
}

impl Health {
    /// The first finding as an error, if there is one.
    pub fn into_result(self) -> Result<(), LogError> {
        match self.findings.into_iter().next() {
            None => Ok(()),
            Some(Finding {
                file,
                what,
                should_be,
            }) => {
                let remedy = match should_be {
                    Some(_) => "the entries tell what it should be: repair it, or restore it from a copy",
                    None => RESTORE,
                };
                Err(LogError::Damaged { file, what, remedy })
            }
        }
    }

    /// Writes the files that the entries tell. Durable on return; returns how many. For who holds
    /// the log, with its writer stopped.
    pub fn repair(&self, files: &dyn Files) -> Result<usize, LogError> {
        let mut repaired = 0;
        for Finding { file, should_be, .. } in &self.findings {
            if let Some(bytes) = should_be {
                files.create_dir_all(parent(file))?;
                files.write(file, bytes)?;
                files.sync_file(file)?;
                files.sync_dir(parent(file))?;
                repaired += 1;
            }
        }
        Ok(repaired)
    }
}

/// Reads every entry and every tile of the log in `dir`, derives the tiles and the root again from
/// the entries, and compares. Reads files only; the log may be in use.
pub fn fsck(files: &dyn Files, dir: &Path, key: &VerifierKey) -> Result<Health, LogError> {
    fsck_at(files, dir, &Published::read(files, dir, key)?.checkpoint)
}

/// The same for a checkpoint that is at hand.
pub(super) fn fsck_at(files: &dyn Files, dir: &Path, checkpoint: &Checkpoint) -> Result<Health, LogError> {
    let size = checkpoint.size();
    let mut health = Health::default();
    let mut edge = Edge::default();
    // Tiles that differ from what the entries say; who is right depends on the root.
    let mut differing = Vec::new();
    for index in 0..size.div_ceil(u64::from(TILE_WIDTH)) {
        let Some(id) = BundleId::in_tree(index, size) else {
            break;
        };
        health.files += 1;
        let (file, leaves) = match read_leaves(files, dir, id) {
            Ok(read) => read,
            Err(LogError::Damaged { file, what, .. }) => {
                health.findings.push(Finding {
                    file,
                    what,
                    should_be: None,
                });
                break;
            }
            Err(error) => return Err(error),
        };
        health.entries += leaves.len() as u64;
        for derived in edge.append(&leaves) {
            // A partial tile in the middle is only a step on the way to the full one.
            let is_of_this_tree = TileId::in_tree(derived.id().level(), derived.id().index(), size);
            if is_of_this_tree != Some(derived.id()) {
                continue;
            }
            health.files += 1;
            let (tile_file, what) = match read_tile(files, dir, derived.id()) {
                Ok((_, found)) if found.hashes() == derived.hashes() => continue,
                Ok((tile_file, _)) => (tile_file, "not what the entries hash to".to_owned()),
                Err(LogError::Damaged { file, what, .. }) => (file, what),
                Err(error) => return Err(error),
            };
            let bundle = (derived.id().level() == 0).then(|| file.clone());
            differing.push((tile_file, what, derived, bundle));
        }
    }
    let entries_are_right = edge.size() == size && edge.root() == checkpoint.root();
    if !entries_are_right && differing.is_empty() && health.findings.is_empty() {
        let what = "entries and tiles agree with one another, but not with this checkpoint";
        let file = dir.join(super::CHECKPOINT);
        health.findings.push(Finding {
            file,
            what: what.to_owned(),
            should_be: None,
        });
    }
    for (tile_file, what, derived, bundle) in differing {
        if entries_are_right {
            // A full file beyond the checkpoint proves nothing: the exact one is what should be there.
            let (file, should_be) = (dir.join(derived.id().path()), Some(derived.to_bytes()));
            health.findings.push(Finding {
                file,
                what,
                should_be,
            });
        } else if let Some(file) = bundle {
            // The tile is the witness here: what it names is not in the bundle.
            let what = format!("entries are not those that {} names", tile_file.display());
            health.findings.push(Finding {
                file,
                what,
                should_be: None,
            });
        }
    }
    Ok(health)
}

fn read_leaves(files: &dyn Files, dir: &Path, id: BundleId) -> Result<(PathBuf, Vec<Hash>), LogError> {
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
    let leaves = entries
        .iter()
        .take(usize::from(id.width()))
        .map(|entry| leaf_hash(entry))
        .collect();
    Ok((file, leaves))
}
