//! EIP-712: what an issuer signs to commit a batch, a claim key to claim a wearable, an owner to do anything with one
//! ([`messages`]), and who signed.
//!
//! The domain is `Vestiary`, version `1`, with chain id and the collection, estate or recovery as verifying contract.

pub mod messages;

use std::{fmt, str::FromStr};

use alloy_primitives::{Address, B256, U256, keccak256};
use k256::ecdsa::{RecoveryId, VerifyingKey};
use serde_json::{Value, json};
use thiserror::Error;

use crate::{
    digest::Sha256,
    ids::{AccountId, CollectionId, DesignId, Serial, TokenId, address_text},
    json::MAX_INTEGER,
};

/// Name in the EIP-712 domain.
pub const DOMAIN_NAME: &str = "Vestiary";
/// Version in the EIP-712 domain.
pub const DOMAIN_VERSION: &str = "1";
/// Bytes of a signature: r, s, v.
pub const SIGNATURE_BYTES: usize = 65;

/// The issuer's act of committing a batch. `first_serial` is the nonce of the design's lane: a later batch
/// of the design begins elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitBatch {
    /// The design.
    pub design_id: DesignId,
    /// First serial of the range.
    pub first_serial: Serial,
    /// Serials in the range, holes included.
    pub count: u64,
    /// Most copies of the design there will be, 0 for open.
    pub edition: u64,
    /// [Packed](crate::terms::Terms::pack) terms of the design.
    pub terms: U256,
    /// Digest of the design document.
    pub design_digest: Sha256,
    /// Root of the batch tree.
    pub root: B256,
    /// Last second, unix time, in which the chain accepts the signature.
    pub deadline: u64,
}

/// The claim key's wish that a wearable goes to a receiver. The token id is the nonce: it is minted once,
/// ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The wearable's token id.
    pub token_id: TokenId,
    /// Digest of its certificate.
    pub certificate_digest: Sha256,
    /// Who receives it.
    pub to: Address,
    /// Last second, unix time, in which the chain accepts the signature.
    pub deadline: u64,
}

type Field = (&'static str, &'static str);

const DOMAIN_FIELDS: &[Field] = &[
    ("string", "name"),
    ("string", "version"),
    ("uint256", "chainId"),
    ("address", "verifyingContract"),
];

const COMMIT_BATCH_FIELDS: &[Field] = &[
    ("uint64", "designId"),
    ("uint64", "firstSerial"),
    ("uint64", "count"),
    ("uint64", "edition"),
    ("uint256", "terms"),
    ("bytes32", "designDigest"),
    ("bytes32", "root"),
    ("uint256", "deadline"),
];

const CLAIM_FIELDS: &[Field] = &[
    ("uint256", "tokenId"),
    ("bytes32", "certificateDigest"),
    ("address", "to"),
    ("uint256", "deadline"),
];

impl CommitBatch {
    /// The 32 bytes that the issuer's account signs.
    pub fn signing_hash(&self, collection: CollectionId) -> B256 {
        let words = [
            number(self.design_id.get()),
            number(self.first_serial.get()),
            number(self.count),
            number(self.edition),
            self.terms.into(),
            self.design_digest.b256(),
            self.root,
            number(self.deadline),
        ];
        signing_hash(collection.account(), "CommitBatch", COMMIT_BATCH_FIELDS, &words)
    }

    /// The object for a wallet's `eth_signTypedData_v4`.
    pub fn wallet_json(&self, collection: CollectionId) -> Value {
        let message = json!({
            "designId": self.design_id.to_string(),
            "firstSerial": self.first_serial.to_string(),
            "count": self.count.to_string(),
            "edition": self.edition.to_string(),
            "terms": self.terms.to_string(),
            "designDigest": self.design_digest.b256(),
            "root": self.root,
            "deadline": self.deadline.to_string(),
        });
        wallet_json(collection.account(), "CommitBatch", COMMIT_BATCH_FIELDS, &message)
    }
}

impl Claim {
    /// The 32 bytes that the claim key signs.
    pub fn signing_hash(&self, collection: CollectionId) -> B256 {
        let words = [
            self.token_id.0.into(),
            self.certificate_digest.b256(),
            self.to.into_word(),
            number(self.deadline),
        ];
        signing_hash(collection.account(), "Claim", CLAIM_FIELDS, &words)
    }

    /// The object for `eth_signTypedData_v4`.
    pub fn wallet_json(&self, collection: CollectionId) -> Value {
        let message = json!({
            "tokenId": self.token_id.to_string(),
            "certificateDigest": self.certificate_digest.b256(),
            "to": address_text(&self.to),
            "deadline": self.deadline.to_string(),
        });
        wallet_json(collection.account(), "Claim", CLAIM_FIELDS, &message)
    }
}

/// The EIP-712 domain separator of a collection.
pub fn domain_separator(collection: CollectionId) -> B256 {
    domain_of(collection.account())
}

fn domain_of(contract: AccountId) -> B256 {
    let words = [
        keccak256(DOMAIN_NAME),
        keccak256(DOMAIN_VERSION),
        number(contract.chain.0),
        contract.address.into_word(),
    ];
    struct_hash("EIP712Domain", DOMAIN_FIELDS, &words)
}

fn signing_hash(contract: AccountId, name: &str, fields: &[Field], words: &[B256]) -> B256 {
    let mut bytes = vec![0x19, 0x01];
    bytes.extend(domain_of(contract));
    bytes.extend(struct_hash(name, fields, words));
    keccak256(bytes)
}

fn encode_type(name: &str, fields: &[Field]) -> String {
    let members: Vec<String> = fields
        .iter()
        .map(|(kind, field)| format!("{kind} {field}"))
        .collect();
    format!("{name}({})", members.join(","))
}

fn struct_hash(name: &str, fields: &[Field], words: &[B256]) -> B256 {
    let mut bytes = keccak256(encode_type(name, fields)).to_vec();
    bytes.extend(words.iter().flatten());
    keccak256(bytes)
}

fn number(number: u64) -> B256 {
    U256::from(number).into()
}

fn wallet_json(contract: AccountId, name: &str, fields: &[Field], message: &Value) -> Value {
    let described = |fields: &[Field]| -> Value {
        fields
            .iter()
            .map(|(kind, field)| json!({"name": field, "type": kind}))
            .collect()
    };
    // Wallets compare it with their own, some of them as a number.
    let chain_id = match contract.chain.0 {
        small @ ..=MAX_INTEGER => Value::from(small),
        large => Value::from(large.to_string()),
    };
    json!({
        "types": { "EIP712Domain": described(DOMAIN_FIELDS), name: described(fields) },
        "primaryType": name,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": chain_id,
            "verifyingContract": address_text(&contract.address),
        },
        "message": message,
    })
}

/// A signature of an account's key in the only accepted form: r ‖ s ‖ v, 65 bytes, v 27 or 28, low s.
///
/// Accounts that are contracts (ERC-1271) sign with bytes of their own choice; those only the chain can judge.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature([u8; SIGNATURE_BYTES]);

/// Why bytes are not a signature, or of nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// Not `0x` and hexadecimal digits.
    #[error("a signature is 0x and {} hexadecimal digits", 2 * SIGNATURE_BYTES)]
    Hex,
    /// 64 bytes: the compact form.
    #[error("the compact form of EIP-2098 is not accepted, send r, s and v in 65 bytes")]
    Compact,
    /// Neither 65 nor 64 bytes.
    #[error("a signature has {SIGNATURE_BYTES} bytes, not {0}")]
    Length(usize),
    /// `v` is neither 27 nor 28.
    #[error("the last byte of a signature is 27 or 28, not {0}")]
    V(u8),
    /// `r` or `s` is zero or not below the order of the curve.
    #[error("r or s of the signature is out of range")]
    Scalar,
    /// The larger of the two values of `s` that would verify.
    #[error("s of the signature is in the upper half, negate it and flip v")]
    HighS,
    /// No key can have made it for this message.
    #[error("no key can have made this signature")]
    Unrecoverable,
}

impl SignatureError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Hex => "signature_malformed",
            Self::Compact => "signature_compact",
            Self::Length(_) => "signature_length",
            Self::V(_) => "signature_v",
            Self::Scalar => "signature_out_of_range",
            Self::HighS => "signature_high_s",
            Self::Unrecoverable => "signature_unrecoverable",
        }
    }
}

impl Signature {
    /// Checks form and range; who signed is [`recover`](Self::recover).
    pub fn new(bytes: &[u8]) -> Result<Self, SignatureError> {
        let bytes: [u8; SIGNATURE_BYTES] = bytes.try_into().map_err(|_| match bytes.len() {
            64 => SignatureError::Compact,
            other => SignatureError::Length(other),
        })?;
        if !matches!(bytes[64], 27 | 28) {
            return Err(SignatureError::V(bytes[64]));
        }
        let signature =
            k256::ecdsa::Signature::from_slice(&bytes[..64]).map_err(|_| SignatureError::Scalar)?;
        if signature.normalize_s() != signature {
            return Err(SignatureError::HighS);
        }
        Ok(Self(bytes))
    }

    /// The 65 bytes.
    pub fn as_bytes(&self) -> &[u8; SIGNATURE_BYTES] {
        &self.0
    }

    /// The account whose key signed `hash`; never the zero address.
    pub fn recover(&self, hash: &B256) -> Result<Address, SignatureError> {
        let signature =
            k256::ecdsa::Signature::from_slice(&self.0[..64]).map_err(|_| SignatureError::Scalar)?;
        let recovery_id = RecoveryId::new(self.0[64] == 28, false);
        let key = VerifyingKey::recover_from_prehash(hash.as_slice(), &signature, recovery_id)
            .map_err(|_| SignatureError::Unrecoverable)?;
        let address = Address::from_raw_public_key(&key.to_sec1_point(false).as_bytes()[1..]);
        if address.is_zero() {
            Err(SignatureError::Unrecoverable)
        } else {
            Ok(address)
        }
    }
}

impl FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let digits = text.strip_prefix("0x").ok_or(SignatureError::Hex)?;
        if digits.len() > 2 * SIGNATURE_BYTES {
            return Err(SignatureError::Length(digits.len() / 2));
        }
        Self::new(&hex::decode(digits).map_err(|_| SignatureError::Hex)?)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ChainId;
    use alloy_primitives::{address, b256, hex};
    use proptest::prelude::*;

    const COLLECTION: CollectionId = CollectionId::new(
        ChainId(31337),
        address!("0xabababababababababababababababababababab"),
    );

    fn commit_batch() -> CommitBatch {
        CommitBatch {
            design_id: DesignId::new(1).unwrap(),
            first_serial: Serial::new(1).unwrap(),
            count: 200,
            edition: 500,
            terms: U256::from(1) << 80,
            design_digest: Sha256([0x11; 32]),
            root: B256::repeat_byte(0x22),
            deadline: 1_790_000_000,
        }
    }

    fn claim() -> Claim {
        Claim {
            token_id: TokenId::new(DesignId::new(1).unwrap(), Serial::new(17).unwrap()),
            certificate_digest: Sha256([0x33; 32]),
            to: address!("0xcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"),
            deadline: 1_790_000_000,
        }
    }

    /// `claim()` signed by ethers with the key 0x0707….
    const CLAIM_SIGNATURE: &str = "0xdd9de795f93a4b23cebcd79925e19fb8ff97ac3f581eee26c2b23f95478ad8ae\
                                   32ccddd914abcaf9d6146ff8222dd51e0e82bc3691a728252b72cb4bf3c1937c1b";

    #[test]
    fn hashes_are_those_of_ethers() {
        assert_eq!(
            commit_batch().signing_hash(COLLECTION),
            b256!("0x72ffdd29bb9d1f4877ab590770a4669c0aa87cfc9c7ed60bea352ac388842a74")
        );
        assert_eq!(
            claim().signing_hash(COLLECTION),
            b256!("0x37ce52d9380230becfc866e1d47ddb75aa78c0f7cfd53254db2386466fe4c1d7")
        );
    }

    #[test]
    fn the_signer_of_a_signature_by_ethers_is_recovered() {
        let signature: Signature = CLAIM_SIGNATURE.parse().unwrap();
        assert_eq!(signature.to_string(), CLAIM_SIGNATURE);
        let signer = signature.recover(&claim().signing_hash(COLLECTION)).unwrap();
        assert_eq!(signer, address!("0x4a62316623ad457f02cdc5d997ded67a383ec569"));
    }

    #[test]
    fn another_chain_collection_or_field_is_another_hash() {
        let hash = claim().signing_hash(COLLECTION);
        let other_chain = CollectionId {
            chain: ChainId(1),
            ..COLLECTION
        };
        let other_contract = CollectionId {
            address: Address::ZERO,
            ..COLLECTION
        };
        assert_ne!(claim().signing_hash(other_chain), hash);
        assert_ne!(claim().signing_hash(other_contract), hash);
        assert_ne!(
            Claim {
                deadline: 1,
                ..claim()
            }
            .signing_hash(COLLECTION),
            hash
        );
    }

    #[test]
    fn wallets_get_every_number_of_a_message_as_a_string() {
        let object = commit_batch().wallet_json(COLLECTION);
        assert_eq!(object["primaryType"], "CommitBatch");
        assert_eq!(object["domain"]["chainId"], 31337);
        let far = CollectionId {
            chain: ChainId(u64::MAX),
            ..COLLECTION
        };
        assert_eq!(
            commit_batch().wallet_json(far)["domain"]["chainId"],
            u64::MAX.to_string()
        );
        assert_eq!(object["message"]["terms"], "1208925819614629174706176");
        assert!(
            object["message"]
                .as_object()
                .unwrap()
                .values()
                .all(Value::is_string)
        );
        assert_eq!(
            object["types"]["CommitBatch"][0],
            json!({"name": "designId", "type": "uint64"})
        );
    }

    #[test]
    fn other_forms_of_a_signature_are_refused_each_with_its_code() {
        let good: Signature = CLAIM_SIGNATURE.parse().unwrap();
        let with = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = good.as_bytes().to_vec();
            change(&mut bytes);
            Signature::new(&bytes).unwrap_err().code()
        };
        assert_eq!(with(&|bytes| bytes.truncate(64)), "signature_compact");
        assert_eq!(with(&|bytes| bytes.push(0)), "signature_length");
        assert_eq!(with(&|bytes| bytes.clear()), "signature_length");
        assert_eq!(with(&|bytes| bytes[64] = 0), "signature_v");
        assert_eq!(with(&|bytes| bytes[64] = 29), "signature_v");
        assert_eq!(with(&|bytes| bytes[..32].fill(0)), "signature_out_of_range");
        assert_eq!(with(&|bytes| bytes[32..64].fill(0)), "signature_out_of_range");
        assert_eq!(with(&|bytes| bytes[..32].fill(0xff)), "signature_out_of_range");
        assert_eq!(
            with(&|bytes| bytes[32..64].copy_from_slice(&HALF_ORDER_PLUS_ONE)),
            "signature_high_s"
        );
        for text in ["", "dd9d", "0xzz", "0x0"] {
            assert_eq!(
                text.parse::<Signature>().unwrap_err().code(),
                "signature_malformed",
                "{text}"
            );
        }
        let long = format!("0x{}", "ab".repeat(1000));
        assert_eq!(long.parse::<Signature>().unwrap_err().code(), "signature_length");
    }

    const HALF_ORDER_PLUS_ONE: [u8; 32] =
        hex!("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1");

    #[test]
    fn the_largest_low_s_is_accepted() {
        let mut bytes = *CLAIM_SIGNATURE.parse::<Signature>().unwrap().as_bytes();
        bytes[32..64].copy_from_slice(&HALF_ORDER_PLUS_ONE);
        bytes[63] -= 1;
        assert!(Signature::new(&bytes).is_ok());
    }

    proptest! {
        #[test]
        fn a_changed_signature_never_gives_the_same_signer(index in 0usize..64, bit in 0u8..8) {
            let hash = claim().signing_hash(COLLECTION);
            let good: Signature = CLAIM_SIGNATURE.parse().unwrap();
            let mut bytes = *good.as_bytes();
            bytes[index] ^= 1 << bit;
            if let Ok(signer) = Signature::new(&bytes).and_then(|changed| changed.recover(&hash)) {
                prop_assert_ne!(Ok(signer), good.recover(&hash));
            }
        }

        #[test]
        fn no_bytes_make_recovery_panic(bytes in proptest::collection::vec(any::<u8>(), 60..70), hash: [u8; 32]) {
            if let Ok(signature) = Signature::new(&bytes) {
                let _ = signature.recover(&hash.into());
            }
        }
    }
}
