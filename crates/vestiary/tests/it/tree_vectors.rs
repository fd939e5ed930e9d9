//! Batch trees made by `@openzeppelin/merkle-tree`.

use serde_json::Value;
use vestiary::{
    ids::{parse_address, parse_b256},
    tree::{BatchTree, Leaf, verify_proof},
};

use crate::ours::{self, text};

#[test]
fn roots_leaf_hashes_and_proofs_are_those_of_the_openzeppelin_library() {
    for (name, bytes) in ours::json_files("batch-trees") {
        let vector: Value = serde_json::from_slice(&bytes).unwrap();
        let stated = vector["leaves"].as_array().unwrap();
        let leaf = |stated: &Value| Leaf {
            token_id: text(stated, "tokenId").parse().unwrap(),
            certificate_digest: parse_b256(text(stated, "certificateDigest")).unwrap().into(),
            claim_key: parse_address(text(stated, "claimKey")).unwrap(),
        };
        let tree = BatchTree::new(stated.iter().map(leaf).collect()).unwrap();
        assert_eq!(tree.root(), parse_b256(text(&vector, "root")).unwrap(), "{name}");

        for stated in stated {
            let leaf = leaf(stated);
            let proof: Vec<_> = stated["proof"]
                .as_array()
                .unwrap()
                .iter()
                .map(|hash| parse_b256(hash.as_str().unwrap()).unwrap())
                .collect();
            assert_eq!(
                leaf.hash(),
                parse_b256(text(stated, "leafHash")).unwrap(),
                "{name}"
            );
            assert_eq!(tree.proof(leaf.token_id).as_ref(), Some(&proof), "{name}");
            assert!(verify_proof(&tree.root(), &leaf, &proof), "{name}");
        }
    }
}
