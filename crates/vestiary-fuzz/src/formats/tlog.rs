//! The formats of the transparency log.

use std::sync::OnceLock;

use ed25519_dalek::{Signer as _, SigningKey};
use vestiary_tlog::note::{KeyName, MAX_SIGNATURES};
use vestiary_tlog::tile::{encode_bundle, parse_bundle};
use vestiary_tlog::{
    BundleId, Checkpoint, Hash, SignatureType, SignedCheckpoint, SignedNote, Tile, TileId, TlogProof,
    VerifierKey, leaf_hash,
};

use crate::input::Input;

/// Origin of the made-up log whose key signs the corpus.
const ORIGIN: &str = "log.example/1";

/// The made-up log's keys: public to all, so that the fuzzer's corpus may hold what they signed.
pub(super) struct Keys {
    /// Signs checkpoints.
    pub(super) log: VerifierKey,
    /// Signs receipts.
    pub(super) receipt: VerifierKey,
    /// Cosigns.
    pub(super) witness: VerifierKey,
    signing: SigningKey,
}

pub(super) fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let signing = SigningKey::from_bytes(&[7; 32]);
        let key = |name: &str, kind| {
            let name = KeyName::new(name).expect("a key name");
            VerifierKey::new(name, kind, signing.verifying_key().as_bytes()).expect("a sound key")
        };
        Keys {
            log: key(ORIGIN, SignatureType::Ed25519),
            receipt: key(&format!("{ORIGIN}/receipt"), SignatureType::Ed25519),
            witness: key("witness.example", SignatureType::CosignatureV1),
            signing,
        }
    })
}

/// Notes are written as they were read; what a key verifies is signed by that key, over that text.
pub(super) fn signed_note(bytes: &[u8]) {
    let Ok(note) = SignedNote::parse(bytes) else {
        return;
    };
    assert_eq!(note.to_bytes(), bytes);
    assert!(!note.signatures().is_empty() && note.signatures().len() <= MAX_SIGNATURES);
    let keys = keys();
    if note.verify(std::slice::from_ref(&keys.log)).is_ok() {
        let made = keys.signing.sign(note.text().as_bytes()).to_bytes();
        assert!(note.signatures().iter().any(|signature| signature.bytes == made));
    }
}

/// Verifier keys have one spelling.
pub(super) fn verifier_key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(key) = text.parse::<VerifierKey>() else {
        return;
    };
    assert_eq!(key.to_string(), text);
    let again = VerifierKey::new(key.name().clone(), key.signature_type(), &key.public_key());
    assert_eq!(again, Ok(key));
}

/// Checkpoints and cosignatures: written as read, and what verifies was made by the key.
pub(super) fn checkpoint(bytes: &[u8]) {
    let Ok(signed) = SignedCheckpoint::parse(bytes) else {
        return;
    };
    assert_eq!(signed.to_bytes(), bytes);
    let said = signed.unverified();
    assert_eq!(Checkpoint::parse(&said.to_string()).as_ref(), Ok(said));
    assert_eq!(said.to_string(), signed.note().text());
    let keys = keys();
    let witnesses = [keys.witness.clone()];
    let Ok((checkpoint, cosigned)) = signed.verify(ORIGIN, &keys.log, &witnesses) else {
        return;
    };
    assert_eq!(checkpoint.origin(), ORIGIN);
    for verified in cosigned {
        let time_s = verified.timestamp_s.expect("a cosignature has its time");
        let message = vestiary_tlog::cosignature::message(signed.note().text(), time_s);
        let made = keys.signing.sign(&message).to_bytes();
        let mut all = signed.note().signatures().iter();
        assert!(all.any(|signature| signature.bytes.ends_with(&made)));
    }
}

/// Paths of tiles and bundles have one spelling and stay below `tile/`.
pub(super) fn tile_path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(id) = text.parse::<TileId>() {
        assert_eq!(id.path(), text);
        assert_eq!(TileId::new(id.level(), id.index(), id.width()), Ok(id));
        assert!(text.parse::<BundleId>().is_err());
    }
    if let Ok(id) = text.parse::<BundleId>() {
        assert_eq!(id.path(), text);
        assert_eq!(BundleId::new(id.index(), id.width()), Ok(id));
        assert!(!text.contains(".."));
    }
}

/// Tiles are read as they were written; the tiles of a tree are those that its size says.
pub(super) fn tile(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (level, width) = (input.byte(), input.u16());
    let (index, size) = (input.u64(), input.u64());
    if let Some(id) = TileId::in_tree(level, index, size) {
        assert_eq!((id.level(), id.index()), (level, index));
        assert_eq!(id.path().parse(), Ok(id));
    }
    let Ok(id) = TileId::new(level, index, width) else {
        return;
    };
    let hashes = input.rest();
    if let Ok(tile) = Tile::parse(id, hashes) {
        assert_eq!(tile.to_bytes(), hashes);
        assert_eq!(Tile::new(id, tile.hashes().to_vec()), Ok(tile));
    }
}

/// Entry bundles are read as they were written.
pub(super) fn entry_bundle(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let width = u16::from(input.byte()) + 1;
    let bundle = input.rest();
    if let Ok(entries) = parse_bundle(bundle, width) {
        assert_eq!(entries.len(), usize::from(width));
        assert_eq!(encode_bundle(&entries).as_deref(), Ok(bundle));
    }
}

/// Kept proofs are written as they were read; one that verifies leads from its own extra data to its checkpoint.
pub(super) fn tlog_proof(bytes: &[u8]) {
    let Ok(proof) = TlogProof::parse(bytes) else {
        return;
    };
    assert_eq!(proof.to_bytes(), bytes);
    assert!(proof.index() < proof.checkpoint().unverified().size());
    let leaf = proof.extra().map_or(Hash([0; 32]), leaf_hash);
    let keys = keys();
    if let Ok(checkpoint) = proof.verify(&leaf, ORIGIN, &keys.log) {
        let (size, root) = (checkpoint.size(), checkpoint.root());
        vestiary_tlog::proof::verify_inclusion(&leaf, proof.index(), size, &root, proof.hashes())
            .expect("it verified");
    }
}
