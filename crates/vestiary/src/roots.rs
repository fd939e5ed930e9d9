//! Trust roots: what the reader already believes, as a TOML file.
//!
//! Nothing that a certificate or its evidence brings along is believed; what is checked is checked against
//! this file. Unknown keys are refused: a misspelt root must not silently be no root.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use thiserror::Error;
use vestiary_tlog::{SignatureType, VerifierKey};

use crate::by_name::ByName;
use crate::certificate::check_origin;
use crate::ids::{ChainId, IssuerId, serde_address, serde_b256, serde_u64};
use crate::keys::PublicKey;
use crate::statement::RECEIPT_KEY_SUFFIX;
use crate::text::plain;

/// A roots file larger than this is not read.
pub const MAX_ROOTS_BYTES: usize = 1024 * 1024;

/// The most witnesses in a policy: as many as a checkpoint has room for.
pub const MAX_WITNESSES: usize = 32;

/// What the reader already believes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roots {
    /// The chain.
    pub chain: ChainRoot,
    /// The contracts on it.
    pub contracts: ContractRoots,
    /// The logs whose keys are known.
    #[serde(default, rename = "log", skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogRoot>,
    /// The issuers whose keys are known.
    #[serde(default, rename = "issuer", skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<IssuerRoot>,
    /// When evidence is enough.
    pub policy: Policy,
}

/// The chain, and one block of it that is known to belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainRoot {
    /// The number of the chain (EIP-155).
    #[serde(with = "chain_number")]
    pub id: ChainId,
    /// The hash of a block.
    #[serde(with = "serde_b256")]
    pub block_hash: B256,
}

/// The contracts that are believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractRoots {
    /// The issuer registry.
    #[serde(with = "serde_address")]
    pub registry: Address,
    /// The contract that keeps anchors.
    #[serde(with = "serde_address")]
    pub log_anchor: Address,
    /// The factory whose list the reader takes collections from, for whoever wants to prove that list.
    #[serde(default, with = "optional_address", skip_serializing_if = "Option::is_none")]
    pub factory: Option<Address>,
    /// Code hashes of the implementations that a collection may be a clone of.
    #[serde(with = "code_hashes")]
    pub implementation_code_hashes: Vec<B256>,
}

/// One log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRoot {
    /// The first line of its checkpoints.
    pub origin: String,
    /// The key that signs its checkpoints, named as the origin.
    #[serde(with = "plain")]
    pub vkey: VerifierKey,
    /// The key that signs its receipts, named `<origin>/receipt`.
    #[serde(with = "plain")]
    pub receipt_vkey: VerifierKey,
    /// The account whose anchors count.
    #[serde(with = "serde_address")]
    pub anchoring_account: Address,
}

/// One key of one issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerRoot {
    /// The issuer's number in the registry.
    pub id: IssuerId,
    /// The origin of the log whose entries are counted below; `None` stands for the one log of the roots, where
    /// there is but one. One key may count in several logs, each by a root of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// A key with which it signs certificates.
    pub key: PublicKey,
    /// The first log index from which the key counts.
    #[serde(with = "serde_u64")]
    pub from_index: u64,
    /// The first log index from which a retired key counts no longer; `None` for one that is active.
    #[serde(default, with = "optional_u64", skip_serializing_if = "Option::is_none")]
    pub until_index: Option<u64>,
    /// The log index from which on the issuer declared the key compromised; `None` if it did not, or while the
    /// declaration does not count yet. What stands there reads *repudiated*, which is not *invalid*.
    #[serde(default, with = "optional_u64", skip_serializing_if = "Option::is_none")]
    pub repudiated_from_index: Option<u64>,
}

/// When evidence is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// When a checkpoint counts.
    pub checkpoint: CheckpointPolicy,
}

/// When a checkpoint counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointPolicy {
    /// `"log-key"`: when the log's own key signed it.
    LogKey,
    /// `"anchored"`: when the log's account anchored it on chain.
    Anchored,
    /// `{ at_least = 2, witnesses = ["<vkey>", …] }`: when so many of these cosigned it.
    Witnesses {
        /// How many of the witnesses must have cosigned; at least one.
        at_least: usize,
        /// The witnesses' keys, of the kind cosignature/v1.
        witnesses: Vec<VerifierKey>,
    },
}

impl Roots {
    /// Reads a roots file.
    pub fn parse(bytes: &[u8]) -> Result<Self, RootsError> {
        if bytes.len() > MAX_ROOTS_BYTES {
            return Err(RootsError::TooLarge(bytes.len()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| RootsError::NotUtf8)?;
        // toml's own rendering quotes the line, and somebody may have named another file by mistake.
        let wrong = |error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            RootsError::Toml(format!("{}, at byte {at}", error.message()))
        };
        let reader = toml::Deserializer::parse(text).map_err(wrong)?;
        let roots = Self::deserialize(ByName(reader)).map_err(wrong)?;
        roots.check()?;
        Ok(roots)
    }

    /// Writes a roots file.
    pub fn to_toml(&self) -> Result<String, RootsError> {
        self.check()?;
        toml::to_string(self).map_err(|error| RootsError::Toml(error.to_string()))
    }

    /// The root of the log `origin`, if there is one.
    pub fn log(&self, origin: &str) -> Option<&LogRoot> {
        self.logs.iter().find(|log| log.origin == origin)
    }

    /// The keys of an issuer that count in the log `origin`: the registry keeps their entries for each log apart.
    pub fn issuer_keys<'a>(
        &'a self,
        id: IssuerId,
        origin: &'a str,
    ) -> impl Iterator<Item = &'a IssuerRoot> + 'a {
        // Where no log is known no entry can be proved, so only a key that counts everywhere can pass.
        let counts = move |issuer: &IssuerRoot| match self.log_of(issuer) {
            Some(log) => log == origin,
            None => self.logs.is_empty(),
        };
        self.issuers
            .iter()
            .filter(move |issuer| issuer.id == id && counts(issuer))
    }

    /// The log in which a key counts: the one that is named, or the only one.
    fn log_of<'a>(&'a self, issuer: &'a IssuerRoot) -> Option<&'a str> {
        let only = match self.logs.as_slice() {
            [log] => Some(log.origin.as_str()),
            _ => None,
        };
        issuer.log.as_deref().or(only)
    }

    /// What the types alone do not guarantee.
    fn check(&self) -> Result<(), RootsError> {
        for (index, log) in self.logs.iter().enumerate() {
            check_origin(&log.origin).map_err(|_| RootsError::Origin(log.origin.clone()))?;
            if self.logs[..index].iter().any(|other| other.origin == log.origin) {
                return Err(RootsError::Twice(log.origin.clone()));
            }
            check_key(&log.vkey, &log.origin)?;
            check_key(&log.receipt_vkey, &format!("{}{RECEIPT_KEY_SUFFIX}", log.origin))?;
        }
        for (index, issuer) in self.issuers.iter().enumerate() {
            let log = self.log_of(issuer);
            let known = log.map_or(self.logs.is_empty(), |origin| self.log(origin).is_some());
            if !known {
                return Err(RootsError::Log(format!("issuer {} {}", issuer.id, issuer.key)));
            }
            let same = |other: &IssuerRoot| {
                other.id == issuer.id && other.key == issuer.key && self.log_of(other) == log
            };
            if self.issuers[..index].iter().any(same) {
                return Err(RootsError::Twice(format!("issuer {} {}", issuer.id, issuer.key)));
            }
            if issuer.until_index.is_some_and(|until| until < issuer.from_index) {
                return Err(RootsError::Interval(format!(
                    "issuer {} {}",
                    issuer.id, issuer.key
                )));
            }
        }
        if let CheckpointPolicy::Witnesses { at_least, witnesses } = &self.policy.checkpoint {
            check_witnesses(*at_least, witnesses, &self.logs)?;
        }
        Ok(())
    }
}

fn check_key(vkey: &VerifierKey, expected: &str) -> Result<(), RootsError> {
    if vkey.name().as_str() != expected || vkey.signature_type() != SignatureType::Ed25519 {
        return Err(RootsError::KeyName {
            found: vkey.name().to_string(),
            expected: expected.to_owned(),
        });
    }
    Ok(())
}

fn check_witnesses(at_least: usize, witnesses: &[VerifierKey], logs: &[LogRoot]) -> Result<(), RootsError> {
    if at_least == 0 || at_least > witnesses.len() || witnesses.len() > MAX_WITNESSES {
        return Err(RootsError::Witnesses(
            "at_least is from 1 to the number of witnesses, which is at most 32",
        ));
    }
    if witnesses
        .iter()
        .any(|witness| witness.signature_type() != SignatureType::CosignatureV1)
    {
        return Err(RootsError::Witnesses(
            "a witness has a key of the kind cosignature/v1",
        ));
    }
    // One key under two names would count twice.
    let key_twice = |(index, witness): (usize, &VerifierKey)| {
        witnesses[..index]
            .iter()
            .any(|other| other.public_key() == witness.public_key())
    };
    if witnesses.iter().enumerate().any(key_twice) {
        return Err(RootsError::Witnesses("a witness stands twice"));
    }
    // A log that cosigns for itself shows each reader another tree.
    let mut of_logs = logs.iter().flat_map(|log| [&log.vkey, &log.receipt_vkey]);
    if of_logs.any(|own| {
        witnesses
            .iter()
            .any(|witness| witness.public_key() == own.public_key())
    }) {
        return Err(RootsError::Witnesses("a witness has a key of a log"));
    }
    Ok(())
}

/// Why a roots file was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RootsError {
    /// More than [`MAX_ROOTS_BYTES`].
    #[error("{0} bytes, at most {MAX_ROOTS_BYTES} are read")]
    TooLarge(usize),
    /// Not UTF-8.
    #[error("the roots file is not UTF-8")]
    NotUtf8,
    /// Not TOML, an unknown or missing key, or a value that is not one.
    #[error("{0}")]
    Toml(String),
    /// An origin that is none.
    #[error("{0:?} is not a log origin")]
    Origin(String),
    /// A key of an issuer names a log that the roots do not have, or none where they have several.
    #[error("{0}: add log = \"<origin>\" with the origin of the [[log]] whose entries its indices count")]
    Log(String),
    /// One log, or one key of an issuer in one log, stands twice.
    #[error("{0} stands twice")]
    Twice(String),
    /// A key of an issuer counts until an entry before the one from which it counts.
    #[error("{0}: until_index is less than from_index")]
    Interval(String),
    /// A log's key has another name or kind than it must have.
    #[error("a key is named {found}, not {expected}, or is no Ed25519 note key")]
    KeyName {
        /// The key's name.
        found: String,
        /// The name that follows from the origin.
        expected: String,
    },
    /// A policy that cannot be met, or could be met too easily.
    #[error("policy.checkpoint: {0}")]
    Witnesses(&'static str),
}

impl RootsError {
    /// The stable name of this reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "too_large",
            Self::NotUtf8 => "invalid_utf8",
            Self::Toml(_) => "malformed_roots",
            Self::Origin(_) => "malformed_origin",
            Self::Log(_) => "root_log",
            Self::Twice(_) => "root_twice",
            Self::Interval(_) => "root_interval",
            Self::KeyName { .. } => "root_key_name",
            Self::Witnesses(_) => "root_witnesses",
        }
    }
}

impl Serialize for CheckpointPolicy {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::LogKey => serializer.serialize_str("log-key"),
            Self::Anchored => serializer.serialize_str("anchored"),
            Self::Witnesses { at_least, witnesses } => WitnessesText {
                at_least: *at_least,
                witnesses: witnesses.iter().map(ToString::to_string).collect(),
            }
            .serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CheckpointPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match PolicyText::deserialize(deserializer)? {
            PolicyText::Word(word) if word == "log-key" => Ok(Self::LogKey),
            PolicyText::Word(word) if word == "anchored" => Ok(Self::Anchored),
            PolicyText::Word(_) => Err(D::Error::custom(
                "checkpoint is \"log-key\", \"anchored\" or { at_least = …, witnesses = […] }",
            )),
            PolicyText::Witnesses(text) => Ok(Self::Witnesses {
                at_least: text.at_least,
                witnesses: text
                    .witnesses
                    .iter()
                    .map(|vkey| vkey.parse().map_err(D::Error::custom))
                    .collect::<Result<_, _>>()?,
            }),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PolicyText {
    Word(String),
    Witnesses(WitnessesText),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessesText {
    at_least: usize,
    witnesses: Vec<String>,
}

/// The chain's number as TOML integer.
mod chain_number {
    use serde::Serializer;

    use super::{ChainId, Deserialize, Deserializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde's `with` passes a reference"
    )]
    pub(super) fn serialize<S: Serializer>(chain: &ChainId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(chain.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ChainId, D::Error> {
        u64::deserialize(deserializer).map(ChainId)
    }
}

/// An address, or no such key.
mod optional_address {
    use serde::Serializer;

    use super::{Address, Deserializer, serde_address};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(
        address: &Option<Address>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match address {
            Some(address) => serde_address::serialize(address, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Address>, D::Error> {
        serde_address::deserialize(deserializer).map(Some)
    }
}

/// A number in decimal, or no such key.
mod optional_u64 {
    use serde::Serializer;

    use super::{Deserializer, serde_u64};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        match number {
            Some(number) => serde_u64::serialize(number, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
        serde_u64::deserialize(deserializer).map(Some)
    }
}

/// A list of 32-byte words as `0x…`.
mod code_hashes {
    use serde::Serializer;

    use super::{B256, Deserialize, Deserializer, Serialize, serde_b256};

    #[derive(Serialize, Deserialize)]
    struct Word(#[serde(with = "serde_b256")] B256);

    pub(super) fn serialize<S: Serializer>(words: &[B256], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(words.iter().copied().map(Word))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<B256>, D::Error> {
        Ok(Vec::<Word>::deserialize(deserializer)?
            .into_iter()
            .map(|word| word.0)
            .collect())
    }
}

#[cfg(test)]
mod tests;
