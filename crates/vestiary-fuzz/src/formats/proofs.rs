//! Proofs against trees that are built here from the same input, signatures, and what a contract answers.

use alloy_primitives::{Address, B256, U256};
use vestiary::abi::describe_revert;
use vestiary::digest::Sha256;
use vestiary::ids::{DesignId, Serial, TokenId};
use vestiary::tree::{BatchTree, Leaf, TreeError, verify_proof};
use vestiary::typed_data::{Signature, SignatureError};
use vestiary_tlog::proof::{consistency as make_consistency, inclusion as make_inclusion};
use vestiary_tlog::proof::{root, verify_consistency, verify_inclusion};
use vestiary_tlog::{Hash, leaf_hash};

use crate::input::{Input, one_in};

/// Any revert data gets at most one line of text.
pub(super) fn revert_data(bytes: &[u8]) {
    if let Some(text) = describe_revert(bytes) {
        assert!(!text.contains(['\n', '\r', '\u{1b}']), "{text:?}");
    }
}

/// A signature that is read is low in s, and of somebody; its twin with the high s is refused.
pub(super) fn account_signature(bytes: &[u8]) {
    let signature = if bytes.starts_with(b"0x") {
        std::str::from_utf8(bytes).ok().and_then(|text| {
            let signature: Signature = text.parse().ok()?;
            assert_eq!(signature.to_string(), text.to_ascii_lowercase());
            Some(signature)
        })
    } else {
        Signature::new(bytes).ok()
    };
    let Some(signature) = signature else { return };
    assert_eq!(Signature::new(signature.as_bytes()), Ok(signature));
    assert_eq!(signature.to_string().parse(), Ok(signature));
    let order: U256 = "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
        .parse()
        .expect("the order of the curve");
    let mut twin = *signature.as_bytes();
    let s = U256::from_be_slice(&twin[32..64]);
    twin[32..64].copy_from_slice(&(order - s).to_be_bytes::<32>());
    twin[64] = 27 + 28 - twin[64];
    assert_eq!(Signature::new(&twin), Err(SignatureError::HighS));
    if one_in(8, bytes)
        && let Ok(account) = signature.recover(&B256::repeat_byte(0x5a))
    {
        assert_ne!(account, Address::ZERO);
        assert_ne!(signature.recover(&B256::repeat_byte(0x5b)), Ok(account));
    }
}

/// A tree over any leaves: every leaf's own proof leads to the root, a changed one does not.
pub(super) fn batch_tree(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (turn, bit) = (usize::from(input.byte()), input.byte());
    let mut leaves = Vec::new();
    while !input.is_empty() && leaves.len() < 24 {
        let design = DesignId::new(u64::from(input.byte() % 3) + 1).expect("from 1");
        let serial = Serial::new(u64::from(input.u16()) + 1).expect("from 1");
        leaves.push(Leaf {
            token_id: TokenId::new(design, serial),
            certificate_digest: Sha256(input.array()),
            claim_key: Address::repeat_byte(input.byte()),
        });
    }
    let mut ids: Vec<_> = leaves.iter().map(|leaf| leaf.token_id).collect();
    ids.sort_unstable();
    let twice = ids.windows(2).any(|pair| pair[0] == pair[1]);
    let tree = match BatchTree::new(leaves.clone()) {
        Ok(tree) => tree,
        Err(TreeError::Empty) => return assert!(leaves.is_empty()),
        Err(TreeError::DuplicateToken(_)) => return assert!(twice),
        Err(error) => panic!("{error}"),
    };
    assert!(!twice);
    let turn = turn % leaves.len();
    leaves.rotate_left(turn);
    let root = BatchTree::new(leaves.clone()).expect("the same leaves").root();
    assert_eq!(root, tree.root(), "the order of the leaves shows");
    let leaf = leaves[0];
    let mut proof = tree.proof(leaf.token_id).expect("a leaf");
    assert!(verify_proof(&root, &leaf, &proof));
    if let Some(hash) = proof.get_mut(usize::from(bit) / 8 % 8) {
        hash.0[0] ^= 1 << (bit % 8);
        assert!(!verify_proof(&root, &leaf, &proof));
    }
    assert_eq!(tree.leaf(leaf.token_id), Some(&leaf));
}

/// Leaves of a small log, `count` of them, told apart by a byte of the input.
fn leaves(salt: u8, count: u64) -> Vec<Hash> {
    (0..count)
        .map(|index| leaf_hash(&[&[salt], index.to_le_bytes().as_slice()].concat()))
        .collect()
}

fn hashes(mut input: Input<'_>) -> Vec<Hash> {
    let mut hashes = Vec::new();
    while !input.is_empty() {
        hashes.push(Hash(input.array()));
    }
    hashes
}

/// Inclusion: an honest proof verifies for its place only and with no hash changed; any other is refused, for any
/// sizes.
pub(super) fn inclusion(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (salt, size, index, change) = (input.byte(), input.byte(), input.byte(), input.byte());
    let (any_size, any_index) = (input.u64(), input.u64());
    let leaves = leaves(salt, u64::from(size % 40) + 1);
    let size = leaves.len() as u64;
    let index = u64::from(index) % size;
    let root_hash = root(size, leaves.as_slice()).expect("all leaves are there");
    let mut proof = make_inclusion(index, size, leaves.as_slice()).expect("all leaves are there");
    let leaf = leaves[usize::try_from(index).expect("small")];
    assert_eq!(verify_inclusion(&leaf, index, size, &root_hash, &proof), Ok(()));
    let made_up = hashes(input);
    if made_up != proof {
        assert!(verify_inclusion(&leaf, index, size, &root_hash, &made_up).is_err());
    }
    if any_index != index {
        // Another place may have the same path only by the same leaf; ours are all different.
        assert!(verify_inclusion(&leaf, any_index, size, &root_hash, &proof).is_err());
    }
    if any_size != size {
        // The root of another size is another root, but a proof may fit both shapes: only the root decides.
        drop(verify_inclusion(&leaf, index, any_size, &root_hash, &proof));
        drop(verify_inclusion(&leaf, any_index, any_size, &root_hash, &made_up));
    }
    let place = usize::from(change) / 8;
    if let Some(hash) = proof.get_mut(place) {
        hash.0[place] ^= 1 << (change % 8);
        assert!(verify_inclusion(&leaf, index, size, &root_hash, &proof).is_err());
    }
}

/// Consistency: an honest proof verifies, a changed one and a changed root do not.
pub(super) fn consistency(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (salt, size, old, change) = (input.byte(), input.byte(), input.byte(), input.byte());
    let (any_old, any_size) = (input.u64(), input.u64());
    let leaves = leaves(salt, u64::from(size % 40) + 1);
    let size = leaves.len() as u64;
    let old = u64::from(old) % (size + 1);
    let before = &leaves[..usize::try_from(old).expect("small")];
    let old_root = root(old, before).expect("all leaves are there");
    let new_root = root(size, leaves.as_slice()).expect("all leaves are there");
    let mut proof = make_consistency(old, size, leaves.as_slice()).expect("all leaves are there");
    assert_eq!(
        verify_consistency(old, &old_root, size, &new_root, &proof),
        Ok(())
    );
    let made_up = hashes(input);
    if made_up != proof {
        assert!(verify_consistency(old, &old_root, size, &new_root, &made_up).is_err());
    }
    drop(verify_consistency(
        any_old, &old_root, any_size, &new_root, &made_up,
    ));
    let mut wrong = old_root;
    wrong.0[0] ^= 1;
    assert!(verify_consistency(old, &wrong, size, &new_root, &proof).is_err());
    let place = usize::from(change) / 8;
    if let Some(hash) = proof.get_mut(place) {
        hash.0[place] ^= 1 << (change % 8);
        assert!(verify_consistency(old, &old_root, size, &new_root, &proof).is_err());
    }
}
