use std::{fmt, str::FromStr};

use vestiary::ids::IssuerId;

use crate::Error;

/// What a key may be used for. One key, one purpose: the purpose is authenticated with the key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Signs certificates and statements of one issuer.
    Certificate,
    /// Signs the log's checkpoints.
    Checkpoint,
    /// Signs receipts.
    Receipt,
    /// Signs entitlements for worlds.
    Entitlement,
    /// Signs webhook deliveries.
    Webhook,
    /// Account that pays for and sends commits and claims.
    Submitter,
    /// Account with the minter role of collections.
    Minter,
    /// Account that anchors checkpoints on chain.
    Anchoring,
    /// Account of an issuer in the registry.
    Issuer,
    /// Seed from which a brand derives its claim codes.
    ClaimSeed,
}

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over secp256k1, as EVM accounts use it.
    Secp256k1,
    /// No signatures: 32 bytes from which others are derived.
    Seed,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 10] = [
        Self::Certificate,
        Self::Checkpoint,
        Self::Receipt,
        Self::Entitlement,
        Self::Webhook,
        Self::Submitter,
        Self::Minter,
        Self::Anchoring,
        Self::Issuer,
        Self::ClaimSeed,
    ];

    /// The word in the key file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Checkpoint => "checkpoint",
            Self::Receipt => "receipt",
            Self::Entitlement => "entitlement",
            Self::Webhook => "webhook",
            Self::Submitter => "submitter",
            Self::Minter => "minter",
            Self::Anchoring => "anchoring",
            Self::Issuer => "issuer",
            Self::ClaimSeed => "claim-seed",
        }
    }

    /// The only algorithm of keys with this purpose.
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Certificate | Self::Checkpoint | Self::Receipt | Self::Entitlement | Self::Webhook => {
                Algorithm::Ed25519
            }
            Self::Submitter | Self::Minter | Self::Anchoring | Self::Issuer => Algorithm::Secp256k1,
            Self::ClaimSeed => Algorithm::Seed,
        }
    }

    /// Whether there is one key of this purpose for each issuer, rather than one for the operator.
    pub const fn is_per_issuer(self) -> bool {
        matches!(self, Self::Certificate | Self::Issuer | Self::ClaimSeed)
    }

    /// The usual name of the file: `checkpoint.key.json`, or `certificate-1.key.json` for issuer 1.
    pub fn file_name(self, issuer: Option<IssuerId>) -> String {
        match issuer.filter(|_| self.is_per_issuer()) {
            Some(issuer) => format!("{self}-{issuer}.key.json"),
            None => format!("{self}.key.json"),
        }
    }

    pub(crate) fn expect(self, expected: Self) -> Result<(), Error> {
        if self == expected {
            Ok(())
        } else {
            Err(Error::WrongPurpose {
                expected,
                found: self,
            })
        }
    }
}

impl Algorithm {
    /// The word in the key file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::Secp256k1 => "secp256k1",
            Self::Seed => "seed",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Purpose {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|purpose| purpose.as_str() == text);
        found.ok_or_else(|| Error::UnknownPurpose(text.chars().take(32).collect()))
    }
}
