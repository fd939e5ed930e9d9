use proptest::prelude::*;
use vestiary_tlog::{
    EMPTY_ROOT, Error, Hash, HashReader, Node, leaf_hash, node_hash,
    proof::{consistency, inclusion, root, verify_consistency, verify_inclusion},
};

use crate::support::{Levels, leaves};

/// RFC 6962, section 2.1, word for word: slow, and nothing of the crate in it but the two hash functions.
fn tree_hash(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        _ => {
            let middle = leaves.len().next_power_of_two() / 2;
            node_hash(&tree_hash(&leaves[..middle]), &tree_hash(&leaves[middle..]))
        }
    }
}

#[test]
fn roots_are_those_of_rfc6962_for_all_sizes_to_300() {
    let leaves = leaves(300);
    for size in 0..=leaves.len() {
        assert_eq!(
            root(size as u64, leaves.as_slice()),
            Ok(tree_hash(&leaves[..size])),
            "{size}"
        );
    }
}

#[test]
fn every_entry_is_proved_in_every_tree_to_300() {
    let leaves = leaves(300);
    let tree = Levels::new(&leaves);
    for size in 1..=300_u64 {
        let root = root(size, &tree).unwrap();
        for index in 0..size {
            let leaf = &leaves[usize::try_from(index).unwrap()];
            let proof = inclusion(index, size, &tree).unwrap();
            verify_inclusion(leaf, index, size, &root, &proof).unwrap();
        }
    }
}

#[test]
fn every_tree_is_proved_a_prefix_of_every_larger_one_to_150() {
    let tree = Levels::new(&leaves(150));
    let roots: Vec<_> = (0..=150).map(|size| root(size, &tree).unwrap()).collect();
    for size in 0..=150_u64 {
        for old in 0..=size {
            let proof = consistency(old, size, &tree).unwrap();
            let (old_root, new_root) = (
                roots[usize::try_from(old).unwrap()],
                roots[usize::try_from(size).unwrap()],
            );
            verify_consistency(old, &old_root, size, &new_root, &proof).unwrap();
        }
    }
}

#[test]
#[expect(clippy::many_single_char_names, reason = "the names in the section's drawing")]
fn the_proofs_of_rfc6962_section_2_1_3_have_its_hashes() {
    // The tree of seven leaves that the section draws.
    let d = leaves(7);
    let (g, h, i, j) = (
        node_hash(&d[0], &d[1]),
        node_hash(&d[2], &d[3]),
        node_hash(&d[4], &d[5]),
        d[6],
    );
    let (k, l) = (node_hash(&g, &h), node_hash(&i, &j));
    let path = |index| inclusion(index, 7, d.as_slice()).unwrap();
    assert_eq!(path(0), [d[1], h, l]);
    assert_eq!(path(3), [d[2], g, l]);
    assert_eq!(path(4), [d[5], j, k]);
    assert_eq!(path(6), [i, k]);
    let from = |old| consistency(old, 7, d.as_slice()).unwrap();
    assert_eq!(from(3), [d[2], d[3], g, l]);
    assert_eq!(from(4), [l]);
    assert_eq!(from(6), [i, j, k]);
}

#[test]
fn an_index_outside_the_tree_is_refused() {
    let leaves = leaves(4);
    let outside = Error::OutsideTree {
        what: "index",
        found: 4,
        size: 4,
    };
    assert_eq!(inclusion(4, 4, leaves.as_slice()), Err(outside.clone()));
    assert_eq!(verify_inclusion(&leaves[0], 4, 4, &EMPTY_ROOT, &[]), Err(outside));
    let outside = Error::OutsideTree {
        what: "index",
        found: 0,
        size: 0,
    };
    assert_eq!(verify_inclusion(&leaves[0], 0, 0, &EMPTY_ROOT, &[]), Err(outside));
}

#[test]
fn an_older_size_above_the_size_is_refused() {
    let outside = Error::OutsideTree {
        what: "older size",
        found: 3,
        size: 2,
    };
    assert_eq!(consistency(3, 2, leaves(4).as_slice()), Err(outside.clone()));
    assert_eq!(
        verify_consistency(3, &EMPTY_ROOT, 2, &EMPTY_ROOT, &[]),
        Err(outside)
    );
}

#[test]
fn a_size_beyond_the_readers_leaves_is_refused() {
    assert!(matches!(
        root(5, leaves(4).as_slice()),
        Err(Error::OutsideTree { what: "node", .. })
    ));
    assert!(matches!(
        root(u64::MAX, leaves(4).as_slice()),
        Err(Error::OutsideTree { what: "node", .. })
    ));
}

#[test]
fn a_reader_that_answers_too_few_hashes_is_refused() {
    struct Short;
    impl HashReader for Short {
        type Error = Error;
        fn hashes(&self, nodes: &[Node]) -> Result<Vec<Hash>, Error> {
            Ok(vec![EMPTY_ROOT; nodes.len() - 1])
        }
    }
    assert_eq!(
        root(3, &Short),
        Err(Error::HashCount {
            found: 1,
            expected: 2
        })
    );
}

#[test]
fn a_consistency_proof_between_equal_or_empty_trees_must_be_empty() {
    let leaves = leaves(4);
    let whole = root(4, leaves.as_slice()).unwrap();
    let extra = Error::ProofLength {
        what: "consistency",
        found: 1,
    };
    assert_eq!(
        verify_consistency(4, &whole, 4, &whole, &[whole]),
        Err(extra.clone())
    );
    assert_eq!(
        verify_consistency(0, &EMPTY_ROOT, 4, &whole, &[whole]),
        Err(extra)
    );
    let what = "consistency to the older tree";
    let refused = Err(Error::RootMismatch {
        what,
        found: whole,
        expected: EMPTY_ROOT,
    });
    assert_eq!(verify_consistency(0, &whole, 4, &whole, &[]), refused);
    let refused = Err(Error::RootMismatch {
        what,
        found: EMPTY_ROOT,
        expected: whole,
    });
    assert_eq!(verify_consistency(4, &EMPTY_ROOT, 4, &whole, &[]), refused);
    let refused = Err(Error::RootMismatch {
        what: "consistency",
        found: whole,
        expected: EMPTY_ROOT,
    });
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 0, &whole, &[]), refused);
}

#[test]
fn an_empty_proof_between_different_trees_is_refused() {
    let leaves = leaves(7);
    for old in 1..7 {
        let (old_root, new_root) = (
            root(old, leaves.as_slice()).unwrap(),
            root(7, leaves.as_slice()).unwrap(),
        );
        let refused = verify_consistency(old, &old_root, 7, &new_root, &[]);
        assert_eq!(
            refused,
            Err(Error::ProofLength {
                what: "consistency",
                found: 0
            })
        );
    }
}

/// Every way to spoil a list of hashes a little.
fn spoiled(proof: &[Hash], position: usize, bit: usize) -> Vec<Vec<Hash>> {
    let mut longer = proof.to_vec();
    longer.insert(position.min(proof.len()), leaf_hash(b"inserted"));
    let mut variants = vec![longer, [proof, &[leaf_hash(b"appended")]].concat()];
    if !proof.is_empty() {
        let position = position % proof.len();
        let mut flipped = proof.to_vec();
        flipped[position].0[bit / 8 % 32] ^= 1 << (bit % 8);
        let mut shorter = proof.to_vec();
        shorter.remove(position);
        variants.extend([flipped, shorter]);
    }
    variants
}

proptest! {
    #[test]
    fn mutated_inclusion_proofs_are_refused(size in 1_u64..300, index: u64, position in 0_usize..10, bit in 0_usize..256) {
        let leaves = leaves(size);
        let index = index % size;
        let leaf = &leaves[usize::try_from(index).unwrap()];
        let tree = root(size, leaves.as_slice()).unwrap();
        let proof = inclusion(index, size, leaves.as_slice()).unwrap();
        for bad in spoiled(&proof, position, bit) {
            prop_assert!(verify_inclusion(leaf, index, size, &tree, &bad).is_err());
        }
        for other in [index ^ 1, index + 1, index.wrapping_sub(1)] {
            prop_assert!(verify_inclusion(leaf, other, size, &tree, &proof).is_err());
        }
        prop_assert!(verify_inclusion(&leaf_hash(b"other"), index, size, &tree, &proof).is_err());
        prop_assert!(verify_inclusion(leaf, index, size, &leaf_hash(b"other"), &proof).is_err());
    }

    #[test]
    fn mutated_consistency_proofs_are_refused(size in 2_u64..300, old: u64, position in 0_usize..10, bit in 0_usize..256) {
        let leaves = leaves(size);
        let old = 1 + old % (size - 1);
        let (old_root, tree) = (root(old, leaves.as_slice()).unwrap(), root(size, leaves.as_slice()).unwrap());
        let proof = consistency(old, size, leaves.as_slice()).unwrap();
        for bad in spoiled(&proof, position, bit) {
            prop_assert!(verify_consistency(old, &old_root, size, &tree, &bad).is_err());
        }
        prop_assert!(verify_consistency(old, &tree, size, &tree, &proof).is_err());
        prop_assert!(verify_consistency(old, &old_root, size, &old_root, &proof).is_err());
    }

    #[test]
    fn proofs_of_any_shape_never_panic(index: u64, size: u64, old: u64, proof in proptest::collection::vec(any::<[u8; 32]>(), 0..70)) {
        let proof: Vec<_> = proof.into_iter().map(Hash).collect();
        let any = leaf_hash(b"any");
        prop_assert!(verify_inclusion(&any, index, size, &EMPTY_ROOT, &proof).is_err());
        prop_assert!(verify_consistency(old, &any, size, &EMPTY_ROOT, &proof).is_err());
    }
}
