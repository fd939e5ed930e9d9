//! Writing what is known of damaged files.

use std::collections::BTreeMap;
use std::path::Path;

use vestiary_tlog::tile::{self, TILE_WIDTH};
use vestiary_tlog::{BundleId, Hash, leaf_hash};

use super::{Cure, Files, Finding, Health, Published, VerifierKey, parent};
use crate::error::LogError;
use crate::journal;
use crate::log::staging;

impl Health {
    /// Writes every damaged file whose right content is known here or found in `copies`: directories that hold the
    /// public files of this log, or did once. Nothing is believed that does not have the hashes it must have. Durable
    /// on return; returns how many were written. For who holds the log, with its writer stopped.
    pub fn repair(&self, files: &dyn Files, dir: &Path, copies: &[&Path]) -> Result<usize, LogError> {
        let known = Known::read(files, dir, copies);
        let mut repaired = 0;
        for finding in self.findings.iter().chain(&self.superseded) {
            let file = &finding.file;
            if let Some(bytes) = known.bytes_of(finding) {
                files.create_dir_all(parent(file))?;
                files.replace(file, &bytes)?;
                files.sync_file(file)?;
                files.sync_dir(parent(file))?;
                repaired += 1;
            }
        }
        Ok(repaired)
    }

    /// For each finding and then each superseded one, whether [`repair`](Self::repair) would write it.
    pub fn curable(&self, files: &dyn Files, dir: &Path, copies: &[&Path]) -> Vec<bool> {
        let known = Known::read(files, dir, copies);
        let all = self.findings.iter().chain(&self.superseded);
        all.map(|finding| known.bytes_of(finding).is_some()).collect()
    }
}

/// Where entries may be found that are damaged in their bundle.
struct Known<'a> {
    files: &'a dyn Files,
    staged: BTreeMap<u64, Vec<u8>>,
    copies: &'a [&'a Path],
}

impl<'a> Known<'a> {
    fn read(files: &'a dyn Files, dir: &Path, copies: &'a [&'a Path]) -> Self {
        Self {
            files,
            staged: staged_entries(files, dir),
            copies,
        }
    }

    fn bytes_of(&self, finding: &Finding) -> Option<Vec<u8>> {
        match &finding.cure {
            Cure::Bytes(bytes) => Some(bytes.clone()),
            Cure::Entries { bundle, leaves } => from_staged(&self.staged, *bundle, leaves)
                .or_else(|| from_copies(self.files, self.copies, *bundle, leaves)),
            Cure::Unknown => None,
        }
    }
}

/// The size of the log with everything that a staging journal holds.
pub fn staged_size(replay: &journal::Replay, key: &VerifierKey) -> u64 {
    let snapshot = replay.snapshot.as_ref();
    let settled = snapshot.and_then(|snapshot| Published::verify(snapshot.state.clone(), key).ok());
    let ends = replay
        .records
        .iter()
        .filter_map(|record| batch_end(&record.payload));
    ends.chain(settled.map(|settled| settled.checkpoint.size()))
        .max()
        .unwrap_or(0)
}

/// The same as far as it can be seen in a damaged one, its snapshot left out.
pub fn staged_end(files: &dyn Files, staging: &Path) -> Result<u64, LogError> {
    let records = journal::visible_records(files, staging)?;
    Ok(records
        .iter()
        .filter_map(|record| batch_end(record))
        .max()
        .unwrap_or(0))
}

fn batch_end(record: &[u8]) -> Option<u64> {
    let (first_index, entries) = staging::parse_batch(record)?;
    Some(first_index + entries.len() as u64)
}

/// The entries that the writer keeps until their tiles are durable, by index; none where that cannot be read.
fn staged_entries(files: &dyn Files, dir: &Path) -> BTreeMap<u64, Vec<u8>> {
    let Ok(replay) = journal::check(files, &dir.join("staging")) else {
        return BTreeMap::new();
    };
    let batches = replay
        .records
        .iter()
        .filter_map(|record| staging::parse_batch(&record.payload));
    batches
        .flat_map(|(first, entries)| (first..).zip(entries))
        .collect()
}

fn from_staged(staged: &BTreeMap<u64, Vec<u8>>, bundle: BundleId, leaves: &[Hash]) -> Option<Vec<u8>> {
    let first = bundle.index() * u64::from(TILE_WIDTH);
    let entries: Vec<&Vec<u8>> = (first..)
        .take(leaves.len())
        .map_while(|index| staged.get(&index))
        .collect();
    encoded(&entries, leaves)
}

/// Any file of the same bundle that begins with the wanted entries will do: a copy may be newer.
fn from_copies(files: &dyn Files, copies: &[&Path], bundle: BundleId, leaves: &[Hash]) -> Option<Vec<u8>> {
    copies.iter().find_map(|copy| {
        let full = copy.join(bundle.full().path());
        let partials = full.with_added_extension("p");
        let widths = files.list(&partials).unwrap_or_default();
        let widths = widths.into_iter().filter_map(|listed| {
            let width: u16 = listed.name.parse().ok()?;
            (width >= bundle.width()).then(|| (partials.join(&listed.name), width))
        });
        std::iter::once((full, TILE_WIDTH))
            .chain(widths)
            .find_map(|(file, width)| {
                let bytes = files.read(&file, tile::MAX_BUNDLE_BYTES as u64).ok()?;
                let entries = tile::parse_bundle(&bytes, width).ok()?;
                let entries: Vec<Vec<u8>> = entries
                    .iter()
                    .take(leaves.len())
                    .map(|entry| entry.to_vec())
                    .collect();
                encoded(&entries.iter().collect::<Vec<_>>(), leaves)
            })
    })
}

fn encoded(entries: &[&Vec<u8>], leaves: &[Hash]) -> Option<Vec<u8>> {
    let hashes = entries.iter().map(|entry| leaf_hash(entry));
    hashes
        .eq(leaves.iter().copied())
        .then(|| tile::encode_bundle(&entries.iter().map(|entry| entry.as_slice()).collect::<Vec<_>>()).ok())
        .flatten()
}
