//! The certificate: what an issuer signs about one wearable.
//!
//! A W3C Verifiable Credential 2.0 with an embedded `eddsa-jcs-2022` proof. [`UnsignedCertificate`] is made
//! from [`CertificateFields`] and holds the exact canonical bytes; [`UnsignedCertificate::attach`] adds a
//! signature made elsewhere; [`Certificate::parse`] reads strictly. Neither attaching nor parsing verifies
//! the signature: [`Certificate::verify_signature`] does, and [`crate::verify`] does it all.
//!
//! One digest, one certificate: the proof's `created` is the certificate's `validFrom` and its key the
//! issuer's, so nothing in the proof but the signature is left to choose.

mod error;
mod read;
mod write;

use std::collections::BTreeMap;

pub use error::CertificateError;

use crate::data_integrity;
use crate::digest::Sha256;
use crate::ids::{AccountId, Edition, IssuerId, Serial, WearableId};
use crate::keys::{KeyError, PublicKey};
use crate::terms::Terms;
use crate::text::is_readable;
use crate::text::words;
use crate::timestamp::Timestamp;

/// The version of the format, the certificate's `format`.
pub const FORMAT: &str = "vestiary/certificate/v1";

/// The first `@context`, of W3C Verifiable Credentials 2.0.
pub const CREDENTIALS_CONTEXT: &str = "https://www.w3.org/ns/credentials/v2";

/// The second `@context`: a name, not an address. The document it names is [`WEARABLE_CONTEXT_DOCUMENT`].
pub const WEARABLE_CONTEXT: &str = "urn:vestiary:wearable:v1";

/// The JSON-LD context that [`WEARABLE_CONTEXT`] names, for software that reads JSON-LD.
pub const WEARABLE_CONTEXT_DOCUMENT: &str = include_str!("../contexts/wearable-v1.jsonld");

/// SHA-256 of [`WEARABLE_CONTEXT_DOCUMENT`]: what the name means can never change.
pub const WEARABLE_CONTEXT_SHA256: &str = "3624fd6cabd90e4b1fdd48f53a4dbd52a26c09fc446055257c585c5ea16418b2";

/// The `type` of every certificate.
pub const TYPES: [&str; 2] = ["VerifiableCredential", "WearableCertificate"];

/// A certificate larger than this is not read. A full one has less than 6 KiB.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;

/// The longest issuer name, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 256;

/// The longest log origin, in bytes.
pub const MAX_ORIGIN_BYTES: usize = 200;

/// The most salted hashes in a certificate.
pub const MAX_SALTED_HASHES: usize = 16;

/// The longest name of a salted hash, in bytes.
pub const MAX_SALTED_NAME_BYTES: usize = 32;

words! {
    /// How the wearable is bound to a physical piece.
    Binding {
        /// There is no piece, or nothing binds the wearable to it.
        None = "none",
        /// A code printed with the piece.
        Code = "code",
        /// A passive tag in the piece, which can be copied.
        Tag = "tag",
        /// A chip in the piece that proves itself.
        Chip = "chip",
        /// A person compared piece and wearable.
        Inspected = "inspected",
    }
}

/// What a certificate says, before it is checked and fixed by [`UnsignedCertificate::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFields {
    /// The key that signs.
    pub issuer_key: PublicKey,
    /// The issuer's name as a person reads it. Not normalised: the bytes are what is signed.
    pub issuer_name: String,
    /// The issuer's number in the registry: the identity that counts.
    pub issuer_id: IssuerId,
    /// The registry, on the wearable's chain.
    pub registry: AccountId,
    /// The wearable. Design and serial follow from its token id.
    pub wearable: WearableId,
    /// The origin of the log in which the certificate is issued.
    pub log_origin: String,
    /// SHA-256 of the design document.
    pub design: Sha256,
    /// How many copies there will ever be.
    pub edition: Edition,
    /// SHA-256 of the licence text.
    pub licence: Sha256,
    /// Every term that limits the owner.
    pub terms: Terms,
    /// The binding to the physical piece.
    pub binding: Binding,
    /// Hashes of what is personal or secret, by name (`gs1_serial`, `gtin`, `sku`); see [`salted_hash`].
    pub salted_hashes: BTreeMap<String, Sha256>,
    /// From when the certificate is valid; also when the proof was created.
    pub valid_from: Timestamp,
}

/// The hash that stands in a certificate for a value that must not: SHA-256 of
/// `"vestiary/salted/v1\n"`, the 32 bytes of the salt, the name, one line feed, and the value.
///
/// Each value needs a salt of its own, so that disclosing one value discloses no other, and erasing a salt
/// makes its hash meaningless.
pub fn salted_hash(name: &str, value: &str, salt: &[u8; 32]) -> Sha256 {
    let mut bytes = Vec::with_capacity(64 + name.len() + value.len());
    bytes.extend_from_slice(b"vestiary/salted/v1\n");
    bytes.extend_from_slice(salt);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(value.as_bytes());
    Sha256::of(&bytes)
}

/// A certificate to which only the signature is missing; its bytes are fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedCertificate {
    fields: CertificateFields,
    serial: Serial,
    document: write::Canonical,
    options: write::Canonical,
    digest: Sha256,
}

impl UnsignedCertificate {
    /// Checks the fields and fixes the canonical bytes.
    pub fn new(fields: CertificateFields) -> Result<Self, CertificateError> {
        let multikey = fields.issuer_key.to_multikey();
        Self::with_multikey(fields, &multikey)
    }

    /// As [`new`](Self::new); `multikey` is the text of the issuer's key, which has only one, so that who has
    /// read it need not make it again.
    fn with_multikey(fields: CertificateFields, multikey: &str) -> Result<Self, CertificateError> {
        check_name(&fields.issuer_name)?;
        check_origin(&fields.log_origin)?;
        check_salted_names(&fields.salted_hashes)?;
        fields.terms.pack()?;
        let serial = fields
            .wearable
            .token_id
            .serial()
            .ok_or(CertificateError::ForeignToken)?;
        if let Some(edition) = fields.edition.limit().filter(|&limit| serial.get() > limit) {
            return Err(CertificateError::BeyondEdition {
                serial: serial.get(),
                edition,
            });
        }
        if fields.registry.chain != fields.wearable.collection.chain {
            return Err(CertificateError::OtherChain);
        }
        let document = write::document(&fields, serial, multikey);
        let options = write::proof_options(&fields, multikey);
        let digest = Sha256::of(&document.bytes);
        Ok(Self {
            fields,
            serial,
            document,
            options,
            digest,
        })
    }

    /// What the certificate says.
    pub fn fields(&self) -> &CertificateFields {
        &self.fields
    }

    /// The copy's number, from the token id.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// The canonical bytes without proof: what [`digest`](Self::digest) is the hash of.
    pub fn document_bytes(&self) -> &[u8] {
        &self.document.bytes
    }

    /// The certificate's digest, which the chain and the log carry: SHA-256 of the canonical form without
    /// `proof`.
    pub fn digest(&self) -> Sha256 {
        self.digest
    }

    /// The 64 bytes to sign: SHA-256 of the proof options, then the digest.
    pub fn signing_bytes(&self) -> [u8; 64] {
        data_integrity::concatenate(Sha256::of(&self.options.bytes), self.digest)
    }

    /// Adds a signature over [`signing_bytes`](Self::signing_bytes). It is not verified here: the signer has
    /// made it just now, and readers verify for themselves.
    pub fn attach(self, signature: &[u8; 64]) -> Certificate {
        Certificate {
            proof_value: data_integrity::encode_proof_value(signature),
            signature: *signature,
            unsigned: self,
        }
    }
}

/// A well-formed certificate. Its signature may still be wrong: see [`Certificate::verify_signature`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    unsigned: UnsignedCertificate,
    signature: [u8; 64],
    /// The signature's text: it has only one.
    proof_value: String,
}

impl Certificate {
    /// Reads a certificate strictly: every field known, present, in its only spelling. White space and the
    /// order of members are free; whatever else differs from [`to_bytes`](Self::to_bytes) is refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertificateError> {
        read::parse(bytes)
    }

    /// The canonical bytes, proof included: how certificates are stored and sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        write::join(&self.unsigned.document, &self.unsigned.options, &self.proof_value)
    }

    /// What the certificate says, and its digest.
    pub fn unsigned(&self) -> &UnsignedCertificate {
        &self.unsigned
    }

    /// What the certificate says.
    pub fn fields(&self) -> &CertificateFields {
        &self.unsigned.fields
    }

    /// The certificate's digest; see [`UnsignedCertificate::digest`].
    pub fn digest(&self) -> Sha256 {
        self.unsigned.digest
    }

    /// The signature that stands in the proof.
    pub fn signature(&self) -> &[u8; 64] {
        &self.signature
    }

    /// Verifies the signature by the key that the certificate names. Whether that key is the issuer's is
    /// another question, which only trust roots answer.
    pub fn verify_signature(&self) -> Result<(), KeyError> {
        self.unsigned
            .fields
            .issuer_key
            .verify_strict(&self.unsigned.signing_bytes(), &self.signature)
    }
}

/// The name of an issuer or a design, as a certificate can carry it: 1 to [`MAX_NAME_BYTES`] bytes that a person reads, nothing that
/// hides or reorders the rest.
pub fn check_name(name: &str) -> Result<(), CertificateError> {
    let sound = !name.is_empty() && name.len() <= MAX_NAME_BYTES && is_readable(name);
    if sound {
        Ok(())
    } else {
        Err(CertificateError::Name)
    }
}

/// A log origin is the key name of a signed note, which people compare: no white space, no `+`, nothing hidden.
pub(crate) fn check_origin(origin: &str) -> Result<(), CertificateError> {
    let sound = !origin.is_empty()
        && origin.len() <= MAX_ORIGIN_BYTES
        && is_readable(origin)
        && !origin.chars().any(|c| c.is_whitespace() || c == '+');
    if sound {
        Ok(())
    } else {
        Err(CertificateError::Origin)
    }
}

fn check_salted_names(salted_hashes: &BTreeMap<String, Sha256>) -> Result<(), CertificateError> {
    let sound = |name: &str| {
        name.len() <= MAX_SALTED_NAME_BYTES
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    if salted_hashes.len() > MAX_SALTED_HASHES || !salted_hashes.keys().all(|name| sound(name)) {
        return Err(CertificateError::SaltedNames);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
