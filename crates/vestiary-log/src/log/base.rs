//! The tree that a writer begins with: what the tiles hold of it before the staged entries.

use std::path::Path;

use vestiary_tlog::{Checkpoint, Hash, VerifierKey, leaf_hash, tile};

use super::edge::Edge;
use super::reader::{load_edge, read_bundle, read_edge};
use super::{Published, staging};
use crate::error::{FileError, LogError};
use crate::files::Files;
use crate::journal::Replay;

/// What the staging's snapshot says the tiles hold durably.
pub(super) fn settled(dir: &Path, key: &VerifierKey, state: Vec<u8>) -> Result<Published, LogError> {
    Published::verify(state, key).map_err(|error| LogError::Damaged {
        file: dir.join("staging"),
        what: format!("its snapshot is not a checkpoint of this log: {error}"),
        remedy: "open the log with the key that it was written with",
    })
}

/// The tree's right edge as the tiles have it, if it has the checkpoint's root, and the entries of
/// the incomplete bundle.
pub(super) fn load(
    files: &dyn Files,
    dir: &Path,
    checkpoint: &Checkpoint,
) -> Result<(Edge, Vec<u8>), LogError> {
    with_bundle(files, dir, load_edge(files, dir, checkpoint)?)
}

/// The same without a snapshot: the staged entries say themselves where they begin, which is not at 0 where an earlier
/// version began from a log's public files. Believed only if tiles and staged entries lead to the root of the signed
/// checkpoint.
pub(super) fn load_unsettled(
    files: &dyn Files,
    dir: &Path,
    replay: &Replay,
    signed: &Checkpoint,
) -> Result<(Edge, Vec<u8>), LogError> {
    let batches = || {
        let records = replay.records.iter();
        records.map_while(|record| staging::parse_batch(&record.payload))
    };
    let size = batches().next().map_or(0, |(first_index, _)| first_index);
    if size == 0 {
        return Ok((Edge::default(), Vec::new()));
    }
    let edge = read_edge(files, dir, size)?;
    let is_signed = |edge: &Edge| (edge.size(), edge.root()) == (signed.size(), signed.root());
    let (mut grown, mut is_proven) = (edge.clone(), is_signed(&edge));
    for (_, entries) in batches() {
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        grown.append(&leaves);
        is_proven |= is_signed(&grown);
    }
    if !is_proven {
        return Ok((Edge::default(), Vec::new()));
    }
    with_bundle(files, dir, edge)
}

fn with_bundle(files: &dyn Files, dir: &Path, edge: Edge) -> Result<(Edge, Vec<u8>), LogError> {
    let bundle = match edge.level(0) {
        [] => Vec::new(),
        leaves => read_bundle(files, dir, edge.size() / u64::from(tile::TILE_WIDTH), leaves)?,
    };
    Ok((edge, bundle))
}

/// Makes every file below a directory durable, if there is such a directory.
pub(super) fn sync_tree(files: &dyn Files, dir: &Path) -> Result<(), FileError> {
    let listed = match files.list(dir) {
        Err(error) if error.is_missing() => return Ok(()),
        listed => listed?,
    };
    for listed in listed {
        let path = dir.join(&listed.name);
        if listed.is_dir {
            sync_tree(files, &path)?;
        } else {
            files.sync_file(&path)?;
        }
    }
    files.sync_dir(dir)
}
