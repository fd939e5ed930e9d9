use std::{collections::BTreeMap, path::PathBuf};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address};
use vestiary::{
    certificate::{Binding, CertificateFields, UnsignedCertificate},
    digest::Sha256,
    ids::{AccountId, ChainId, CollectionId, DesignId, Edition, IssuerId, Serial, SerialRange, TokenId},
    keys::PublicKey,
    statement::{BatchStatement, Unsigned},
    terms::Terms,
};
use vestiary_signing::{AccountKey, Ed25519Key, Purpose};
use vestiary_tlog::Hash;

pub(crate) const ORIGIN: &str = "log.example/vestiary";
pub(crate) const CHAIN: ChainId = ChainId(31337);
pub(crate) const COLLECTION: CollectionId =
    CollectionId::new(CHAIN, address!("0xabababababababababababababababababababab"));

/// The first account of every Anvil.
pub(crate) const ANVIL_SECRET: [u8; 32] =
    alloy_primitives::hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
pub(crate) const ANVIL_ADDRESS: Address = address!("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");

pub(crate) fn ed25519(purpose: Purpose) -> Ed25519Key {
    Ed25519Key::import(purpose, &[7; 32]).unwrap()
}

pub(crate) fn account(purpose: Purpose) -> AccountKey {
    AccountKey::import(purpose, &ANVIL_SECRET).unwrap()
}

pub(crate) fn design() -> DesignId {
    DesignId::new(1).unwrap()
}

pub(crate) fn token(serial: u64) -> TokenId {
    TokenId::new(design(), Serial::new(serial).unwrap())
}

pub(crate) fn range(first: u64, count: u64) -> SerialRange {
    SerialRange::new(Serial::new(first).unwrap(), count).unwrap()
}

pub(crate) fn root(byte: u8) -> B256 {
    B256::repeat_byte(byte)
}

pub(crate) fn hash(byte: u8) -> Hash {
    Hash([byte; 32])
}

/// An unsigned certificate of a serial; `name` makes it another one.
pub(crate) fn certificate(by: PublicKey, serial: u64, name: &str) -> UnsignedCertificate {
    UnsignedCertificate::new(CertificateFields {
        issuer_key: by,
        issuer_name: name.to_owned(),
        issuer_id: IssuerId::new(1).unwrap(),
        registry: AccountId::new(CHAIN, Address::repeat_byte(0x11)),
        wearable: COLLECTION.wearable(token(serial)),
        log_origin: ORIGIN.to_owned(),
        design: Sha256([2; 32]),
        edition: Edition::OPEN,
        licence: Sha256([3; 32]),
        terms: Terms::default(),
        binding: Binding::Code,
        salted_hashes: BTreeMap::new(),
        valid_from: "2026-01-02T03:04:05Z".parse().unwrap(),
    })
    .unwrap()
}

pub(crate) fn batch(by: PublicKey, first: u64, count: u64, root: B256) -> Unsigned<BatchStatement> {
    let body = BatchStatement {
        collection: COLLECTION,
        design_id: design(),
        first_serial: Serial::new(first).unwrap(),
        count,
        root,
        idempotency_key_sha256: Sha256([9; 32]),
    };
    Unsigned { by, body }
}

/// A call with nonce 5 at a fee.
pub(crate) fn transaction(max_fee_per_gas: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN.0,
        nonce: 5,
        gas_limit: 100_000,
        max_fee_per_gas,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::repeat_byte(0x22)),
        value: U256::from(3),
        input: Bytes::from_static(b"call"),
        ..TxEip1559::default()
    }
}

/// A file below the repository's `fixtures`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures")).join(name)
}
