//! Statements: the entries of the public log, and nothing else is one.
//!
//! A statement is canonical JSON (RFC 8785) of at most [`MAX_STATEMENT_BYTES`]; other spellings of the same
//! are refused, so an entry has one hash. Statements of an issuer carry `by` (its Ed25519 key) and `sig` over
//! [`SIGNING_PREFIX`] and the canonical JSON without `sig`. Reading checks form, not signatures: call
//! [`Issued::verify_issuer_signature`], and ask the chain whether the key was the issuer's at that index.

use std::{borrow::Cow, fmt, str::FromStr};

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::DeserializeOwned, de::Error as _};
use serde_json::{Map, Value};
use thiserror::Error;
use vestiary_tlog::{VerifierKey, note::SignatureType};

use crate::{
    by_name::ByName,
    certificate::check_origin,
    data_integrity::{decode_proof_value, encode_proof_value},
    digest::Sha256,
    ids::{
        AccountId, CollectionId, DesignId, Edition, IdError, IssuerId, Serial, SerialRange, TokenId,
        serde_address, serde_as_text, serde_b256, serde_u64,
    },
    jcs,
    json::{self, JsonError},
    keys::{KeyError, PublicKey},
    terms::Terms,
    text::{Visible, plain},
};

/// Largest statement: an entry's length has two bytes in a tlog-tiles bundle.
pub const MAX_STATEMENT_BYTES: usize = 65_535;
/// What stands before the canonical JSON in the bytes that an issuer signs.
pub const SIGNING_PREFIX: &[u8] = b"vestiary/statement/v1\n";
/// Longest DID, as in the registry.
pub const MAX_DID_BYTES: usize = 256;
/// Longest shard name.
pub const MAX_SHARD_BYTES: usize = 64;
/// What follows the origin in the name of the key that signs receipts.
pub const RECEIPT_KEY_SUFFIX: &str = "/receipt";

const VERSION: u64 = 1;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// Entry 0: whose log this is.
    LogOpened(LogOpened),
    /// The operator saw an issuer on chain and its DID document.
    IssuerObserved(IssuerObserved),
    /// An issuer registered a design.
    Design(Issued<DesignStatement>),
    /// A certificate exists.
    CertificateIssued(CertificateIssued),
    /// An issuer committed a batch; its certificates stand before it.
    Batch(Issued<BatchStatement>),
}

/// `log_opened`, entry 0 and only there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogOpened {
    /// First line of the log's checkpoints.
    pub origin: String,
    /// Which part of a log split over time; lower-case letters, digits, `-` and `.`.
    pub shard: String,
    /// The issuer registry whose issuers are certified here.
    pub registry: AccountId,
    /// The account whose anchors count.
    pub anchoring_account: AccountId,
    /// The key that signs checkpoints, named as the origin.
    #[serde(with = "plain")]
    pub checkpoint_vkey: VerifierKey,
    /// The key that signs receipts, named `<origin>/receipt`.
    #[serde(with = "plain")]
    pub receipt_vkey: VerifierKey,
}

/// `issuer_observed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerObserved {
    /// The registry's number.
    pub issuer_id: IssuerId,
    /// The account that acts for it.
    pub account: AccountId,
    /// The DID whose document names the account; empty when none was proved.
    pub did: String,
}

/// `design`, signed by the issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesignStatement {
    /// The collection.
    pub collection: CollectionId,
    /// The design's number in it.
    pub design_id: DesignId,
    /// Digest of the design document.
    pub digest: Sha256,
    /// Most copies there will be.
    pub edition: Edition,
    /// What limits owners.
    pub terms: Terms,
}

/// `certificate_issued`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateIssued {
    /// The wearable, in the collection of its batch.
    pub token_id: TokenId,
    /// The certificate's digest.
    pub digest: Sha256,
    /// Address of the claim key, zero when only a minter may mint.
    #[serde(with = "serde_address")]
    pub claim_key: Address,
    /// Root of the batch.
    #[serde(with = "serde_b256")]
    pub batch: B256,
}

/// `batch`, signed by the issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchStatement {
    /// The collection.
    pub collection: CollectionId,
    /// The design.
    pub design_id: DesignId,
    /// First serial.
    pub first_serial: Serial,
    /// Serials in the range, holes included.
    #[serde(with = "serde_u64")]
    pub count: u64,
    /// Root of the batch tree.
    #[serde(with = "serde_b256")]
    pub root: B256,
    /// Digest of the idempotency key under which the batch was prepared.
    pub idempotency_key_sha256: Sha256,
}

impl BatchStatement {
    /// The serials committed.
    pub fn range(&self) -> Result<SerialRange, IdError> {
        SerialRange::new(self.first_serial, self.count)
    }
}

/// A statement of an issuer before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned<T> {
    /// The issuer's key.
    pub by: PublicKey,
    /// What it states.
    pub body: T,
}

/// A statement with an issuer's signature, which reading has not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued<T> {
    /// The issuer's key.
    pub by: PublicKey,
    /// What it states.
    pub body: T,
    /// The signature over [`signing_input`](Self::signing_input).
    pub sig: IssuerSignature,
}

/// 64 bytes of Ed25519, written in multibase: `z` and base58btc, as in Data Integrity proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IssuerSignature(pub [u8; 64]);

/// Why bytes are not a statement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StatementError {
    /// Not JSON as we read it, or too large.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// Not an object with the fields of its type.
    #[error("{0}")]
    Shape(String),
    /// `v` is missing or not 1.
    #[error("v must be {VERSION}")]
    Version,
    /// A type that this version does not have.
    #[error("no statement has this type")]
    UnknownType,
    /// The same JSON has another, canonical spelling (RFC 8785).
    #[error("the bytes are not the canonical form of what they say")]
    NotCanonical,
    /// A text outside its limits.
    #[error("{0}")]
    Text(&'static str),
    /// A key of the log has another name or kind than it must have.
    #[error("{key} is named {name}, not {expected}, or is no Ed25519 note key")]
    KeyName {
        /// `checkpoint_vkey` or `receipt_vkey`.
        key: &'static str,
        /// Its name.
        name: String,
        /// The name that follows from the origin.
        expected: String,
    },
    /// Registry and anchoring account stand on different chains.
    #[error("registry and anchoring_account must be on one chain")]
    ChainMismatch,
    /// A range of serials that is none.
    #[error(transparent)]
    Range(#[from] IdError),
}

impl StatementError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::Shape(detail) if detail.starts_with("unknown field") => "unknown_field",
            Self::Shape(detail) if detail.starts_with("missing field") => "missing_field",
            Self::Shape(_) => "wrong_shape",
            Self::Version => "statement_version",
            Self::UnknownType => "statement_unknown_type",
            Self::NotCanonical => "not_canonical",
            Self::Text(_) => "statement_text",
            Self::KeyName { .. } => "statement_key_name",
            Self::ChainMismatch => "statement_chain_mismatch",
            Self::Range(error) => error.code(),
        }
    }
}

impl Statement {
    /// Reads an entry: canonical bytes only, nothing unknown in them.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let Value::Object(mut members) = json::parse_strict(bytes, MAX_STATEMENT_BYTES)? else {
            return Err(StatementError::Shape("a statement is an object".into()));
        };
        if members.remove("v").and_then(|version| version.as_u64()) != Some(VERSION) {
            return Err(StatementError::Version);
        }
        let kind = members.remove("type");
        let statement = match kind.as_ref().and_then(Value::as_str) {
            Some(LogOpened::TYPE) => Self::LogOpened(read(members)?),
            Some(IssuerObserved::TYPE) => Self::IssuerObserved(read(members)?),
            Some(DesignStatement::TYPE) => Self::Design(read_issued(members)?),
            Some(CertificateIssued::TYPE) => Self::CertificateIssued(read(members)?),
            Some(BatchStatement::TYPE) => Self::Batch(read_issued(members)?),
            _ => return Err(StatementError::UnknownType),
        };
        if statement.to_bytes()? != bytes {
            return Err(StatementError::NotCanonical);
        }
        Ok(statement)
    }

    /// The entry's bytes. Refuses what [`parse`](Self::parse) would refuse: an entry stays for ever.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StatementError> {
        self.check()?;
        Ok(match self {
            Self::LogOpened(body) => canonical(body, None, None),
            Self::IssuerObserved(body) => canonical(body, None, None),
            Self::Design(issued) => canonical(&issued.body, Some(&issued.by), Some(&issued.sig)),
            Self::CertificateIssued(body) => canonical(body, None, None),
            Self::Batch(issued) => canonical(&issued.body, Some(&issued.by), Some(&issued.sig)),
        })
    }

    /// The value of `type`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::LogOpened(_) => LogOpened::TYPE,
            Self::IssuerObserved(_) => IssuerObserved::TYPE,
            Self::Design(_) => DesignStatement::TYPE,
            Self::CertificateIssued(_) => CertificateIssued::TYPE,
            Self::Batch(_) => BatchStatement::TYPE,
        }
    }

    /// What the types alone do not guarantee.
    fn check(&self) -> Result<(), StatementError> {
        match self {
            Self::LogOpened(opened) => opened.check(),
            Self::IssuerObserved(observed) if !is_did(&observed.did) => Err(StatementError::Text(
                "did is empty, or did:… of at most 256 printable ASCII characters without spaces",
            )),
            Self::Batch(issued) => Ok(issued.body.range().map(drop)?),
            Self::IssuerObserved(_) | Self::Design(_) | Self::CertificateIssued(_) => Ok(()),
        }
    }
}

impl LogOpened {
    fn check(&self) -> Result<(), StatementError> {
        let is_shard_byte = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
        if self.shard.is_empty()
            || self.shard.len() > MAX_SHARD_BYTES
            || !self.shard.bytes().all(is_shard_byte)
        {
            return Err(StatementError::Text(
                "shard is 1 to 64 lower-case letters, digits, hyphens and dots",
            ));
        }
        if check_origin(&self.origin).is_err() {
            return Err(StatementError::Text(
                "origin is 1 to 200 bytes without spaces and plus signs",
            ));
        }
        if self.registry.chain != self.anchoring_account.chain {
            return Err(StatementError::ChainMismatch);
        }
        let receipt_name = format!("{}{RECEIPT_KEY_SUFFIX}", self.origin);
        for (key, vkey, expected) in [
            ("checkpoint_vkey", &self.checkpoint_vkey, &self.origin),
            ("receipt_vkey", &self.receipt_vkey, &receipt_name),
        ] {
            if vkey.name().as_str() != expected || vkey.signature_type() != SignatureType::Ed25519 {
                let (name, expected) = (vkey.name().to_string(), expected.clone());
                return Err(StatementError::KeyName { key, name, expected });
            }
        }
        Ok(())
    }
}

impl<T: Body> Unsigned<T> {
    /// The bytes that the issuer's key signs.
    pub fn signing_input(&self) -> Vec<u8> {
        signing_input(&self.by, &self.body)
    }

    /// The statement with its signature, which is not verified here.
    pub fn attach(self, signature: [u8; 64]) -> Issued<T> {
        Issued {
            by: self.by,
            body: self.body,
            sig: IssuerSignature(signature),
        }
    }
}

impl<T: Body> Issued<T> {
    /// The bytes that the issuer's key signed.
    pub fn signing_input(&self) -> Vec<u8> {
        signing_input(&self.by, &self.body)
    }

    /// Whether `sig` is by `by`, under the strict rules of Ed25519.
    pub fn verify_issuer_signature(&self) -> Result<(), KeyError> {
        self.by.verify_strict(&self.signing_input(), &self.sig.0)
    }
}

/// The fields of one type of statement.
pub trait Body: Serialize + DeserializeOwned + sealed::Sealed {
    /// The value of `type`.
    const TYPE: &'static str;
}

mod sealed {
    /// New types of statements are made here only.
    pub trait Sealed {}
}

macro_rules! bodies {
    ($($type:ty = $name:literal;)*) => {$(
        impl sealed::Sealed for $type {}
        impl Body for $type {
            const TYPE: &'static str = $name;
        }
    )*};
}

bodies! {
    LogOpened = "log_opened";
    IssuerObserved = "issuer_observed";
    DesignStatement = "design";
    CertificateIssued = "certificate_issued";
    BatchStatement = "batch";
}

fn read<T: DeserializeOwned>(members: Map<String, Value>) -> Result<T, StatementError> {
    T::deserialize(ByName(Value::Object(members)))
        .map_err(|error| StatementError::Shape(Visible(&error.to_string()).to_string()))
}

fn read_issued<T: Body>(mut members: Map<String, Value>) -> Result<Issued<T>, StatementError> {
    #[derive(Deserialize)]
    struct Signed {
        by: PublicKey,
        sig: IssuerSignature,
    }
    let signed = ["by", "sig"]
        .into_iter()
        .filter_map(|name| members.remove_entry(name))
        .collect();
    let Signed { by, sig } = read(signed)?;
    Ok(Issued {
        by,
        body: read(members)?,
        sig,
    })
}

fn signing_input<T: Body>(by: &PublicKey, body: &T) -> Vec<u8> {
    [SIGNING_PREFIX, &canonical(body, Some(by), None)].concat()
}

fn canonical<T: Body>(body: &T, by: Option<&PublicKey>, sig: Option<&IssuerSignature>) -> Vec<u8> {
    let mut value = serde_json::to_value(body).expect("strings and small integers are always JSON");
    value["v"] = VERSION.into();
    value["type"] = T::TYPE.into();
    if let Some(by) = by {
        value["by"] = by.to_string().into();
    }
    if let Some(sig) = sig {
        value["sig"] = sig.to_string().into();
    }
    jcs::canonical(&value)
}

fn is_did(text: &str) -> bool {
    text.is_empty()
        || (text.starts_with("did:")
            && text.len() <= MAX_DID_BYTES
            && text.bytes().all(|byte| byte.is_ascii_graphic()))
}

impl fmt::Display for IssuerSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode_proof_value(&self.0))
    }
}

impl FromStr for IssuerSignature {
    type Err = StatementError;

    fn from_str(text: &str) -> Result<Self, StatementError> {
        let rule = "sig is z and the base58 digits of 64 bytes";
        decode_proof_value(text)
            .map(Self)
            .map_err(|_| StatementError::Text(rule))
    }
}

serde_as_text!(IssuerSignature);

#[cfg(test)]
mod tests;
