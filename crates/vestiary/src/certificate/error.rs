//! Why a certificate was refused.

use thiserror::Error;

use super::{FORMAT, MAX_NAME_BYTES, MAX_ORIGIN_BYTES, MAX_SALTED_HASHES, MAX_SALTED_NAME_BYTES};
use crate::data_integrity::ProofError;
use crate::digest::DigestError;
use crate::ids::IdError;
use crate::json::JsonError;
use crate::keys::KeyError;
use crate::terms::TermsError;
use crate::timestamp::TimestampError;

/// Why a certificate was refused. [`code`](Self::code) is stable.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// The text is not JSON as we read it, or has not exactly the certificate's fields.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// `@context` is not the two names of this format, in order.
    #[error("@context is not the two contexts of a wearable certificate")]
    Context,
    /// `type` is not the two types of this format, in order.
    #[error("type is not VerifiableCredential and WearableCertificate")]
    Type,
    /// A version of the format that is not read here.
    #[error("the format is {0:?}; {FORMAT} is read")]
    Format(String),
    /// `issuer.id` is not the did:key of an acceptable key.
    #[error("issuer.id: {0}")]
    IssuerKey(KeyError),
    /// The issuer's name is empty, too long, padded, or has characters that hide or reorder others.
    #[error(
        "issuer.name has 1 to {MAX_NAME_BYTES} bytes, unpadded, without characters that hide or reorder others"
    )]
    Name,
    /// The log origin is not one.
    #[error("a log origin has 1 to {MAX_ORIGIN_BYTES} bytes, no white space, no + and nothing hidden")]
    Origin,
    /// An id in the subject is malformed.
    #[error("{field}: {error}")]
    Id {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        error: IdError,
    },
    /// A digest in the subject is malformed.
    #[error("{field}: {error}")]
    Digest {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        error: DigestError,
    },
    /// `validFrom` or the proof's `created` is malformed.
    #[error("{field}: {error}")]
    Time {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        error: TimestampError,
    },
    /// The terms do not fit the chain's word.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// A binding that the format does not have.
    #[error("binding is none, code, tag, chip or inspected, not {0:?}")]
    Binding(String),
    /// Too many salted hashes, or a name that is not allowed.
    #[error(
        "salted_hashes has at most {MAX_SALTED_HASHES} members with names of a-z, 0-9 and _, \
         at most {MAX_SALTED_NAME_BYTES} bytes"
    )]
    SaltedNames,
    /// A token id that does not consist of a design and a serial.
    #[error("the token id does not consist of a design and a serial")]
    ForeignToken,
    /// The serial is not the one in the token id.
    #[error("the serial {serial} is not the token id's {token_serial}")]
    SerialDiffers {
        /// The serial that the certificate states.
        serial: u64,
        /// The serial in its token id.
        token_serial: u64,
    },
    /// The serial is beyond the edition.
    #[error("serial {serial} of an edition of {edition}")]
    BeyondEdition {
        /// The serial.
        serial: u64,
        /// The edition.
        edition: u64,
    },
    /// Registry and wearable are on different chains.
    #[error("registry and wearable are on different chains")]
    OtherChain,
    /// The proof was refused.
    #[error("proof: {0}")]
    Proof(#[from] ProofError),
    /// The proof's `@context` is not the certificate's.
    #[error("the proof's @context is not the certificate's")]
    ProofContext,
    /// The proof names another key than the issuer's.
    #[error("the proof's key is not the issuer's")]
    ProofKeyDiffers,
    /// The proof's `created` is not the certificate's `validFrom`.
    #[error("the proof's created is not the certificate's validFrom")]
    CreatedDiffers,
    /// The text says something that its fields do not.
    #[error("the certificate says more than its fields")]
    NotCanonical,
}

impl CertificateError {
    /// The stable name of this reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::Context => "unknown_context",
            Self::Type => "unknown_type",
            Self::Format(_) => "unknown_format",
            Self::IssuerKey(error) => error.code(),
            Self::Name => "malformed_name",
            Self::Origin => "malformed_origin",
            Self::Id { error, .. } => error.code(),
            Self::Digest { error, .. } => error.code(),
            Self::Time { error, .. } => error.code(),
            Self::Terms(error) => error.code(),
            Self::Binding(_) => "unknown_binding",
            Self::SaltedNames => "malformed_salted_hashes",
            Self::ForeignToken => "foreign_token",
            Self::SerialDiffers { .. } => "serial_differs",
            Self::BeyondEdition { .. } => "beyond_edition",
            Self::OtherChain => "registry_on_other_chain",
            Self::Proof(error) => error.code(),
            Self::ProofContext => "proof_context_differs",
            Self::ProofKeyDiffers => "proof_key_differs",
            Self::CreatedDiffers => "proof_created_differs",
            Self::NotCanonical => "not_canonical",
        }
    }
}
