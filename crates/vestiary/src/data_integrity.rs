//! The W3C Data Integrity suite `eddsa-jcs-2022` over any JSON document: what is hashed, signed, verified.
//!
//! Certificates use [`crate::certificate`], which writes the same bytes without a generic canonicaliser;
//! this module is the judge of that writer and reads other people's credentials.
//! Specification: <https://www.w3.org/TR/vc-di-eddsa/>, §3.3.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::digest::Sha256;
use crate::jcs;
use crate::keys::{KeyError, PublicKey};

/// The `type` of a Data Integrity proof.
pub const PROOF_TYPE: &str = "DataIntegrityProof";

/// The `cryptosuite` that is implemented.
pub const CRYPTOSUITE: &str = "eddsa-jcs-2022";

/// The `proofPurpose` of a credential.
pub const PROOF_PURPOSE: &str = "assertionMethod";

/// The 64 bytes that `eddsa-jcs-2022` signs: SHA-256 of the proof options, then SHA-256 of the document,
/// both in canonical form. `document` is without `proof`, `options` is the proof without `proofValue`.
pub fn create_signing_bytes(document: &Value, options: &Value) -> Result<[u8; 64], ProofError> {
    let options = options.as_object().ok_or(ProofError::Malformed("proof"))?;
    check_options(options)?;
    Ok(concatenate(
        Sha256::of(&jcs::canonical(&Value::Object(options.clone()))),
        Sha256::of(&jcs::canonical(document)),
    ))
}

/// SHA-256 of the proof options, then SHA-256 of the document: one message.
pub(crate) fn concatenate(options: Sha256, document: Sha256) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&options.0);
    bytes[32..].copy_from_slice(&document.0);
    bytes
}

/// Verifies a document with one embedded `eddsa-jcs-2022` proof by a did:key, and says whose it is.
///
/// That the issuer may use the key is the caller's question.
pub fn verify(secured: &Value) -> Result<PublicKey, ProofError> {
    let mut document = secured
        .as_object()
        .ok_or(ProofError::Malformed("document"))?
        .clone();
    let proof = document.remove("proof").ok_or(ProofError::Malformed("proof"))?;
    let Value::Object(mut options) = proof else {
        return Err(ProofError::Malformed("proof"));
    };
    let proof_value = options
        .remove("proofValue")
        .ok_or(ProofError::Malformed("proofValue"))?;
    let signature = decode_proof_value(proof_value.as_str().ok_or(ProofError::Malformed("proofValue"))?)?;
    let method = options.get("verificationMethod").and_then(Value::as_str);
    let key = key_of_method(method.ok_or(ProofError::Malformed("verificationMethod"))?)?;
    if let Some(proof_context) = options.get("@context") {
        let document_context = document.get("@context").unwrap_or(&Value::Null);
        if !starts_with(document_context, proof_context) {
            return Err(ProofError::ContextDiffers);
        }
        document.insert("@context".to_owned(), proof_context.clone());
    }
    let signing_bytes = create_signing_bytes(&Value::Object(document), &Value::Object(options))?;
    key.verify_strict(&signing_bytes, &signature)?;
    Ok(key)
}

/// Writes a signature as `proofValue`: multibase base58btc.
pub fn encode_proof_value(signature: &[u8; 64]) -> String {
    let mut text = String::with_capacity(90);
    text.push('z');
    text.push_str(&bs58::encode(signature).into_string());
    text
}

/// Reads a `proofValue`: `z` and base58btc of exactly 64 bytes.
pub fn decode_proof_value(text: &str) -> Result<[u8; 64], ProofError> {
    // 88 base58 digits hold 64 bytes; a longer text is refused before the quadratic decoding.
    let digits = text
        .strip_prefix('z')
        .filter(|digits| digits.len() <= 88)
        .ok_or(ProofError::ProofValue)?;
    let mut signature = [0; 64];
    match bs58::decode(digits).onto(&mut signature) {
        Ok(64) => Ok(signature),
        _ => Err(ProofError::ProofValue),
    }
}

/// The key of `did:key:z6Mk…#z6Mk…`.
pub(crate) fn key_of_method(method: &str) -> Result<PublicKey, ProofError> {
    let (did, fragment) = method.split_once('#').ok_or(ProofError::Method)?;
    let multikey = did.strip_prefix("did:key:").ok_or(ProofError::Method)?;
    if multikey != fragment {
        return Err(ProofError::Method);
    }
    Ok(PublicKey::from_multikey(multikey)?)
}

fn check_options(options: &Map<String, Value>) -> Result<(), ProofError> {
    let text = |name: &str| options.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("type") != PROOF_TYPE {
        return Err(ProofError::UnknownType(text("type").to_owned()));
    }
    if text("cryptosuite") != CRYPTOSUITE {
        return Err(ProofError::UnknownSuite(text("cryptosuite").to_owned()));
    }
    if text("proofPurpose") != PROOF_PURPOSE {
        return Err(ProofError::UnknownPurpose(text("proofPurpose").to_owned()));
    }
    Ok(())
}

/// Whether the document's contexts begin with the proof's, in order.
fn starts_with(document: &Value, proof: &Value) -> bool {
    match (document, proof) {
        (Value::Array(document), Value::Array(proof)) => document.starts_with(proof),
        (Value::Array(document), single) => document.first() == Some(single),
        (document, proof) => document == proof,
    }
}

/// Why a Data Integrity proof was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProofError {
    /// A part is missing or not of its kind.
    #[error("{0} is missing or malformed")]
    Malformed(&'static str),
    /// Not [`PROOF_TYPE`].
    #[error("a proof of type {0:?}; {PROOF_TYPE} is read")]
    UnknownType(String),
    /// Not [`CRYPTOSUITE`].
    #[error("a proof by the suite {0:?}; {CRYPTOSUITE} is read")]
    UnknownSuite(String),
    /// Not [`PROOF_PURPOSE`].
    #[error("a proof for the purpose {0:?}; {PROOF_PURPOSE} is read")]
    UnknownPurpose(String),
    /// Not `z` and base58btc of 64 bytes.
    #[error("proofValue is not z and base58btc of 64 bytes")]
    ProofValue,
    /// Not `did:key:<multikey>#<multikey>`.
    #[error("verificationMethod is not did:key:<multikey>#<multikey>")]
    Method,
    /// The document's `@context` does not begin with the proof's.
    #[error("the document's @context does not begin with the proof's")]
    ContextDiffers,
    /// The key or the signature was refused.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl ProofError {
    /// The stable name of this reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed_proof",
            Self::UnknownType(_) => "unknown_proof_type",
            Self::UnknownSuite(_) => "unknown_cryptosuite",
            Self::UnknownPurpose(_) => "unknown_proof_purpose",
            Self::ProofValue => "malformed_proof_value",
            Self::Method => "malformed_verification_method",
            Self::ContextDiffers => "proof_context_differs",
            Self::Key(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_zeros_of_a_signature_are_neither_lost_nor_invented() {
        let mut signature = [7; 64];
        signature[..3].fill(0);
        let text = encode_proof_value(&signature);
        assert!(text.starts_with("z111"));
        assert_eq!(decode_proof_value(&text), Ok(signature));
        assert_eq!(
            decode_proof_value(&text.replacen("z1", "z", 1)),
            Err(ProofError::ProofValue)
        );
        assert_eq!(
            decode_proof_value(&text.replacen("z1", "z11", 1)),
            Err(ProofError::ProofValue)
        );
        assert_eq!(
            decode_proof_value(&format!("z{}", "z".repeat(88))),
            Err(ProofError::ProofValue)
        );
        assert_eq!(
            decode_proof_value(&format!("z{}", "2".repeat(89))),
            Err(ProofError::ProofValue)
        );
    }

    proptest::proptest! {
        #[test]
        fn a_signature_has_one_proof_value(text in "z1{0,3}[1-9A-HJ-NP-Za-km-z]{84,88}") {
            if let Ok(signature) = decode_proof_value(&text) {
                proptest::prop_assert_eq!(encode_proof_value(&signature), text);
            }
        }
    }
}
