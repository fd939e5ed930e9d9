//! The answer of a verification, for people and for programs.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::certificate::Certificate;
use crate::digest::Sha256;
use crate::ids::{AccountId, TokenId, WearableId};
use crate::keys::PublicKey;
use crate::text::{Visible, or_blank, words};

/// The checks that must have passed unless the caller says otherwise.
pub const DEFAULT_REQUIRE: [CheckName; 3] = [CheckName::Signature, CheckName::Issuer, CheckName::Log];

words! {
    /// What is checked; see [`crate::verify`].
    CheckName {
        /// The bytes are a certificate.
        Format = "format",
        /// It is about what was expected.
        Token = "token",
        /// It is signed by the key it names.
        Signature = "signature",
        /// That key is the issuer's.
        Issuer = "issuer",
        /// The evidence is of this certificate.
        Statement = "statement",
        /// The evidence's statement is in the log.
        Log = "log",
        /// The log's checkpoint counts.
        Checkpoint = "checkpoint",
    }
}

words! {
    /// What a check found.
    Outcome {
        /// It holds, by what the reader already believes.
        Passed = "passed",
        /// It does not hold.
        Failed = "failed",
        /// What was given does not decide it.
        Unknown = "unknown",
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked.
    pub name: CheckName,
    /// What was found.
    pub outcome: Outcome,
    /// The stable name of the reason; `ok` where there is nothing to add.
    pub code: &'static str,
    /// The reason in a sentence.
    pub reason: Cow<'static, str>,
    /// What was looked at, by name.
    #[serde(serialize_with = "as_map")]
    pub inputs: Vec<(&'static str, Input)>,
}

impl Check {
    pub(super) fn passed(name: CheckName, code: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name,
            outcome: Outcome::Passed,
            code,
            reason: reason.into(),
            inputs: Vec::new(),
        }
    }

    pub(super) fn failed(name: CheckName, code: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            outcome: Outcome::Failed,
            ..Self::passed(name, code, reason)
        }
    }

    pub(super) fn unknown(name: CheckName, code: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            outcome: Outcome::Unknown,
            ..Self::passed(name, code, reason)
        }
    }

    /// Adds something that was looked at.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Input>) -> Self {
        self.inputs.push((name, value.into()));
        self
    }
}

/// Something that was looked at; [`Display`](fmt::Display) and serde write its text. It is kept as it is
/// because most reports are never printed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// An account or contract.
    Account(AccountId),
    /// A digest.
    Digest(Sha256),
    /// A key that signs certificates.
    Key(PublicKey),
    /// A number.
    Number(u64),
    /// Anything else.
    Text(String),
    /// A token id.
    TokenId(TokenId),
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => account.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
            Self::Key(key) => key.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::TokenId(token_id) => token_id.fmt(f),
        }
    }
}

macro_rules! input_from {
    ($($variant:ident($type:ty)),*) => {$(
        impl From<$type> for Input {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

input_from!(
    Account(AccountId),
    Digest(Sha256),
    Key(PublicKey),
    Number(u64),
    Text(String),
    TokenId(TokenId)
);

/// A list of checks. [`Display`](fmt::Display) is for people, serde for programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The wearable that the certificate names; `None` when the bytes are no certificate.
    #[serde(serialize_with = "or_blank::serialize")]
    pub wearable: Option<WearableId>,
    /// The certificate's digest.
    #[serde(serialize_with = "or_blank::serialize")]
    pub digest: Option<Sha256>,
    /// The issuer's name, in its own words: no check vouches for it.
    pub issuer_name: String,
    /// The checks, in the order of [`CheckName::ALL`].
    pub checks: Vec<Check>,
}

impl Report {
    pub(super) fn about(certificate: &Certificate) -> Self {
        Self {
            wearable: Some(certificate.fields().wearable),
            digest: Some(certificate.digest()),
            issuer_name: certificate.fields().issuer_name.clone(),
            checks: Vec::with_capacity(CheckName::ALL.len()),
        }
    }

    pub(super) fn add(&mut self, check: Check) {
        self.checks.push(check);
    }

    /// The check of this name.
    pub fn check(&self, name: CheckName) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    /// Whether every required check passed and no check at all failed.
    pub fn accepts(&self, require: &[CheckName]) -> bool {
        let passed = |name: &CheckName| {
            self.check(*name)
                .is_some_and(|check| check.outcome == Outcome::Passed)
        };
        require.iter().all(passed) && self.checks.iter().all(|check| check.outcome != Outcome::Failed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(wearable), Some(digest)) = (&self.wearable, &self.digest) {
            writeln!(f, "wearable    {wearable}")?;
            writeln!(f, "digest      {digest}")?;
            writeln!(f, "issuer      {} (its own words)", Visible(&self.issuer_name))?;
        }
        for Check {
            name,
            outcome,
            code,
            reason,
            inputs,
        } in &self.checks
        {
            // A reason may quote what is judged: it gets no line of its own, and no say over the terminal.
            let reason = Visible(reason);
            write!(f, "{:<8}{:<12}{reason}", outcome.as_str(), name.as_str())?;
            if *code != "ok" {
                write!(f, " [{code}]")?;
            }
            writeln!(f)?;
            for (name, value) in inputs {
                writeln!(f, "            {name}: {}", Visible(&value.to_string()))?;
            }
        }
        Ok(())
    }
}

fn as_map<S: Serializer>(inputs: &[(&'static str, Input)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(inputs.iter().map(|(name, value)| (name, value.to_string())))
}
