//! Logs and vectors made by others.

use std::{fs, path::Path};

use serde::Deserialize;
use vestiary_tlog::{
    BundleId, Error, Hash, HashReader, Node, SignedCheckpoint, Tile, TileHashes, TileId, TileReader,
    TlogProof, VerifierKey, checkpoint, leaf_hash,
    proof::{self, verify_consistency, verify_inclusion},
    tile::parse_bundle,
};

use crate::support;

struct Files<'p>(&'p Path);

impl TileReader for Files<'_> {
    type Error = Error;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, Error> {
        fs::read(self.0.join(id.path())).map_err(|_| Error::TilePath { path: id.path() })
    }
}

/// The log that Tessera wrote: every checkpoint, every entry in every tree, every pair of trees.
#[test]
fn the_tessera_log_verifies_from_its_entries_to_every_checkpoint() {
    const ORIGIN: &str = "example.com/log/testdata";
    const SIZE: u64 = 15;
    let Some(folder) = support::foreign("tlog/tessera-log") else {
        return;
    };
    let key: VerifierKey = fs::read_to_string(folder.join("vkey.txt"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();

    let bundle = fs::read(folder.join(BundleId::in_tree(0, SIZE).unwrap().path())).unwrap();
    let entries = parse_bundle(&bundle, 15).unwrap();
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();

    let mut roots = Vec::new();
    for size in 0..=SIZE {
        let bytes = fs::read(folder.join(format!("checkpoint.{size}"))).unwrap();
        let signed = SignedCheckpoint::parse(&bytes).unwrap();
        assert_eq!(signed.to_bytes(), bytes);
        let (head, _) = signed.verify(ORIGIN, &key, &[]).unwrap();
        assert_eq!(head.size(), size);
        assert_eq!(head.root(), proof::root(size, leaves.as_slice()).unwrap());
        roots.push(head.root());

        // The tiles of this size, made again from the entries, are the files.
        for id in TileId::added(0, size) {
            let nodes: Vec<_> = (0..id.width())
                .map(|index| Node {
                    level: 0,
                    index: index.into(),
                })
                .collect();
            let again = Tile::new(id, leaves.hashes(&nodes).unwrap()).unwrap();
            assert_eq!(again.to_bytes(), fs::read(folder.join(id.path())).unwrap());
            let bundle = fs::read(folder.join(BundleId::in_tree(0, size).unwrap().path())).unwrap();
            assert_eq!(
                parse_bundle(&bundle, id.width()).unwrap(),
                entries[..id.width().into()]
            );
        }

        let tiles = TileHashes::new(size, Files(&folder));
        for index in 0..size {
            let leaf = &leaves[usize::try_from(index).unwrap()];
            let path = proof::inclusion(index, size, &tiles).unwrap();
            verify_inclusion(leaf, index, size, &head.root(), &path).unwrap();
            let kept = TlogProof::new(None, index, path, signed.clone())
                .unwrap()
                .to_bytes();
            TlogProof::parse(&kept)
                .unwrap()
                .verify(leaf, ORIGIN, &key)
                .unwrap();
        }
        for old in 0..=size {
            let path = proof::consistency(old, size, &tiles).unwrap();
            let old_root = &roots[usize::try_from(old).unwrap()];
            verify_consistency(old, old_root, size, &head.root(), &path).unwrap();
        }
    }
    let head = checkpoint::open(&fs::read(folder.join("checkpoint")).unwrap(), ORIGIN, &key).unwrap();
    assert_eq!(head.size(), SIZE);
    println!("ran: tlog/tessera-log, 16 checkpoints, {SIZE} entries");
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InclusionVector {
    leaf_idx: u64,
    tree_size: u64,
    root: String,
    leaf_hash: String,
    proof: Option<Vec<String>>,
    desc: String,
    want_err: bool,
}

impl InclusionVector {
    fn check(&self) -> Result<(), Error> {
        let proof: Result<Vec<Hash>, Error> = self.proof.iter().flatten().map(|hash| hash.parse()).collect();
        verify_inclusion(
            &self.leaf_hash.parse()?,
            self.leaf_idx,
            self.tree_size,
            &self.root.parse()?,
            &proof?,
        )
    }
}

#[test]
fn the_inclusion_vectors_of_transparency_dev_are_accepted_and_refused_as_they_say() {
    let Some(folder) = support::foreign("tlog/rfc6962/inclusion") else {
        return;
    };
    let (mut good, mut bad) = (0, 0);
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let vector: InclusionVector = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let outcome = vector.check();
            let shown = path.display();
            assert_eq!(
                outcome.is_err(),
                vector.want_err,
                "{shown}: {} gave {outcome:?}",
                vector.desc
            );
            if vector.want_err { bad += 1 } else { good += 1 }
        }
    }
    assert!(good >= 5 && bad >= 50, "{good} good and {bad} bad vectors");
    println!("ran: tlog/rfc6962/inclusion, {good} good and {bad} bad vectors");
}
