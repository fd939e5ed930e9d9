//! API keys: what a brand's or a world's program presents, and what we keep of it.
//!
//! A key reads `vst_<8 hex>_<64 hex>`: a public id, then 256 random bits. Only the SHA-256 of the secret is
//! kept: with 256 bits of randomness a fast hash is enough, and nothing is gained by stretching.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use vestiary::ids::IssuerId;
use vestiary_log::seams::Random;
use zeroize::Zeroizing;

/// Bytes of randomness in a key's secret.
const SECRET_BYTES: usize = 32;
/// Bytes of a key's public id.
const ID_BYTES: usize = 4;
/// Length of a key's text.
pub const API_KEY_LENGTH: usize = 4 + 2 * ID_BYTES + 1 + 2 * SECRET_BYTES;

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Make and revoke API keys, register issuers and worlds; includes the others.
    Admin,
    /// Collections, files, designs and batches.
    Issue,
    /// Register worlds.
    World,
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "admin" => Ok(Self::Admin),
            "issue" => Ok(Self::Issue),
            "world" => Ok(Self::World),
            other => Err(format!("unknown scope {other:?}: use admin, issue or world")),
        }
    }
}

/// The public id of a key, eight hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct ApiKeyId(pub String);

/// A key as it is presented. `Debug` shows the id only.
#[derive(Clone)]
pub struct PresentedKey {
    /// The public id.
    pub id: ApiKeyId,
    secret: Zeroizing<String>,
}

impl fmt::Debug for PresentedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedKey({}, ..)", self.id.0)
    }
}

/// What is kept of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredKey {
    /// The public id.
    pub id: ApiKeyId,
    /// SHA-256 of the secret's text, in hex.
    pub secret_sha256: String,
    /// What the key may do.
    pub scopes: Vec<Scope>,
    /// The only issuer it may act for; `None` for any, which only an admin key should have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<IssuerId>,
    /// What the operator calls it.
    pub label: String,
}

impl PresentedKey {
    /// Makes a new key.
    pub fn generate(random: &dyn Random) -> Self {
        let mut id = [0_u8; ID_BYTES];
        let mut secret = Zeroizing::new([0_u8; SECRET_BYTES]);
        random.fill(&mut id);
        random.fill(secret.as_mut_slice());
        Self {
            id: ApiKeyId(hex::encode(id)),
            secret: Zeroizing::new(hex::encode(secret.as_slice())),
        }
    }

    /// Reads `vst_…`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != API_KEY_LENGTH {
            return None;
        }
        let (id, secret) = text.strip_prefix("vst_")?.split_once('_')?;
        let lower_hex = |part: &str, bytes: usize| {
            part.len() == 2 * bytes && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        (lower_hex(id, ID_BYTES) && lower_hex(secret, SECRET_BYTES)).then(|| Self {
            id: ApiKeyId(id.to_owned()),
            secret: Zeroizing::new(secret.to_owned()),
        })
    }

    /// The text to hand to its owner, once.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("vst_{}_{}", self.id.0, self.secret.as_str()))
    }

    /// What to keep of it.
    pub fn stored(&self, scopes: Vec<Scope>, issuer: Option<IssuerId>, label: String) -> StoredKey {
        StoredKey {
            id: self.id.clone(),
            secret_sha256: self.secret_sha256(),
            scopes,
            issuer,
            label,
        }
    }

    fn secret_sha256(&self) -> String {
        hex::encode(Sha256::digest(self.secret.as_bytes()))
    }
}

impl StoredKey {
    /// Whether `presented` is this key, in constant time.
    pub fn matches(&self, presented: &PresentedKey) -> bool {
        self.secret_sha256
            .as_bytes()
            .ct_eq(presented.secret_sha256().as_bytes())
            .into()
    }

    /// Whether the key may act for `issuer`.
    pub fn acts_for(&self, issuer: IssuerId) -> bool {
        self.scopes.contains(&Scope::Admin) || self.issuer == Some(issuer)
    }

    /// Whether the key may do what needs `scope`.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}
