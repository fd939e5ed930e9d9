use std::path::PathBuf;

use ed25519_dalek::{Signer, SigningKey};
use vestiary_tlog::{
    Checkpoint, Error, Hash, HashReader, KeyName, Node, SignatureType, SignedCheckpoint, VerifierKey,
    leaf_hash, node_hash, proof,
};

/// A key made from one byte, for tests only.
pub(crate) struct TestKey {
    pub(crate) vkey: VerifierKey,
    secret: SigningKey,
}

impl TestKey {
    pub(crate) fn log(seed: u8) -> Self {
        Self::of("log.example/one", SignatureType::Ed25519, &[seed; 32])
    }

    pub(crate) fn witness(seed: u8) -> Self {
        Self::of(
            &format!("witness.example/{seed}"),
            SignatureType::CosignatureV1,
            &[seed; 32],
        )
    }

    pub(crate) fn of(name: &str, signature_type: SignatureType, seed: &[u8; 32]) -> Self {
        let secret = SigningKey::from_bytes(seed);
        let name = KeyName::new(name).unwrap();
        let vkey = VerifierKey::new(name, signature_type, &secret.verifying_key().to_bytes()).unwrap();
        Self { vkey, secret }
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.secret.sign(message).to_bytes()
    }
}

/// Leaf hashes of a log whose n-th entry is the text `entry n`.
pub(crate) fn leaves(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|n| leaf_hash(format!("entry {n}").as_bytes()))
        .collect()
}

/// All complete subtrees of some leaves, hashed once: level by level.
pub(crate) struct Levels(Vec<Vec<Hash>>);

impl Levels {
    pub(crate) fn new(leaves: &[Hash]) -> Self {
        let mut levels = vec![leaves.to_vec()];
        while levels.last().unwrap().len() > 1 {
            let pairs = levels.last().unwrap().chunks_exact(2);
            levels.push(pairs.map(|pair| node_hash(&pair[0], &pair[1])).collect());
        }
        Self(levels)
    }
}

impl HashReader for Levels {
    type Error = Error;

    fn hashes(&self, nodes: &[Node]) -> Result<Vec<Hash>, Error> {
        Ok(nodes
            .iter()
            .map(|node| self.0[usize::from(node.level)][usize::try_from(node.index).unwrap()])
            .collect())
    }
}

/// A signed checkpoint over the first `size` of these leaves.
pub(crate) fn checkpoint(key: &TestKey, leaves: &[Hash], size: u64) -> SignedCheckpoint {
    let root = proof::root(size, leaves).unwrap();
    let checkpoint = Checkpoint::new("log.example/one", size, root).unwrap();
    checkpoint.sign(&key.vkey, |message| key.sign(message)).unwrap()
}

/// A folder of foreign test data, or `None` after saying that it is missing.
pub(crate) fn foreign(name: &str) -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/fixtures");
    let root = std::env::var_os("VESTIARY_FIXTURES").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("VESTIARY_STRICT").is_none_or(|v| v != "1"),
        "missing: {name}"
    );
    println!("missing: {name}");
    None
}
