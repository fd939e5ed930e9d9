use std::path::PathBuf;

use crate::{Algorithm, Purpose, Refusal};

/// Why a key could not be kept, read or used. Nothing in it is secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system said no.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// There is a key already. Keys are never overwritten.
    #[error("{path} exists: keys are never overwritten")]
    Exists {
        /// Which file.
        path: PathBuf,
    },
    /// Others than the owner may read the file.
    #[error("{path} has mode {mode:04o}: a key file may be readable by its owner only (chmod 600)")]
    Permissions {
        /// Which file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is longer than any key file.
    #[error("key file has more than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The file is not a key file in its only spelling.
    #[error("not a key file: {why}")]
    Malformed {
        /// What is wrong with it.
        why: String,
    },
    /// No key has this purpose.
    #[error("{0:?} is not the purpose of a key")]
    UnknownPurpose(String),
    /// The key is for something else.
    #[error("this is a {found} key, a {expected} key is needed")]
    WrongPurpose {
        /// What is needed.
        expected: Purpose,
        /// What the key is for.
        found: Purpose,
    },
    /// Keys of this purpose have another algorithm.
    #[error("a {purpose} key is {}, not {found}", purpose.algorithm())]
    WrongAlgorithm {
        /// The purpose.
        purpose: Purpose,
        /// The algorithm that was found or asked for.
        found: Algorithm,
    },
    /// The key file was made for development and this is not.
    #[error("this key was made for development and is refused here")]
    DevelopmentKey,
    /// Stretching the passphrase is too cheap, so guessing it is.
    #[error(
        "key file stretches its passphrase too little: {parameter} is {found}, at least {minimum} is needed"
    )]
    WeakKdf {
        /// `m_kib`, `t` or `p`.
        parameter: &'static str,
        /// What the file says.
        found: u32,
        /// The least that is accepted.
        minimum: u32,
    },
    /// Stretching the passphrase would take more memory or time than a key file may ask for.
    #[error("key file asks too much: {parameter} is {found}, at most {maximum} is accepted")]
    ExcessiveKdf {
        /// `m_kib`, `t` or `p`.
        parameter: &'static str,
        /// What the file says.
        found: u32,
        /// The most that is accepted.
        maximum: u32,
    },
    /// A passphrase outside its limits.
    #[error("a passphrase has {min} to {max} bytes")]
    PassphraseLength {
        /// Least bytes.
        min: usize,
        /// Most bytes.
        max: usize,
    },
    /// The passphrase is wrong, or something in the file was changed. They cannot be told apart.
    #[error("wrong passphrase, or the key file was altered")]
    Unlock,
    /// The decrypted key is not the one that the file names.
    #[error("the key in the file is {found}, the file says {stated}")]
    OtherKey {
        /// What the file says.
        stated: String,
        /// What was decrypted.
        found: String,
    },
    /// 32 bytes that are no key of this algorithm, as zero is for secp256k1.
    #[error("these bytes are no {0} key")]
    InvalidSecret(Algorithm),
    /// What is to be signed names another key as its signer.
    #[error("this key is {ours}, what is to be signed names {named}")]
    NotOurs {
        /// The key that was asked to sign.
        ours: String,
        /// The key in what is to be signed.
        named: String,
    },
    /// The memory says that signing this would contradict what was signed before.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The note or checkpoint is malformed.
    #[error(transparent)]
    Note(#[from] vestiary_tlog::Error),
    /// The receipt is malformed.
    #[error(transparent)]
    Receipt(#[from] vestiary::receipt::ReceiptError),
}

impl Error {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "key_io",
            Self::Exists { .. } => "key_exists",
            Self::Permissions { .. } => "key_permissions",
            Self::TooLong { .. } | Self::Malformed { .. } | Self::UnknownPurpose(_) => "key_malformed",
            Self::WrongPurpose { .. } => "key_purpose",
            Self::WrongAlgorithm { .. } => "key_algorithm",
            Self::DevelopmentKey => "key_development",
            Self::WeakKdf { .. } => "key_kdf_weak",
            Self::ExcessiveKdf { .. } => "key_kdf_excessive",
            Self::PassphraseLength { .. } => "passphrase_length",
            Self::Unlock => "key_unlock",
            Self::OtherKey { .. } => "key_other",
            Self::InvalidSecret(_) => "key_invalid",
            Self::NotOurs { .. } => "key_not_named",
            Self::Refused(refusal) => refusal.code(),
            Self::Note(_) => "note_malformed",
            Self::Receipt(error) => error.code(),
        }
    }
}
