//! Reading: strict JSON, exactly the certificate's fields, each converted by the type that owns its rules,
//! then compared with what writing would give.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Deserialize;

use super::{
    CREDENTIALS_CONTEXT, Certificate, CertificateError, CertificateFields, FORMAT, MAX_CERTIFICATE_BYTES,
    TYPES, UnsignedCertificate, WEARABLE_CONTEXT,
};
use crate::data_integrity::{CRYPTOSUITE, PROOF_PURPOSE, PROOF_TYPE, ProofError, decode_proof_value};
use crate::digest::Sha256;
use crate::ids::{IdError, Serial};
use crate::keys::{KeyError, PublicKey};
use crate::terms::Terms;
use crate::timestamp::Timestamp;
use crate::{jcs, json};

pub(super) fn parse(bytes: &[u8]) -> Result<Certificate, CertificateError> {
    if let Some(certificate) = parse_canonical(bytes) {
        return Ok(certificate);
    }
    let text = json::check(bytes, MAX_CERTIFICATE_BYTES)?;
    let certificate = json::from_checked::<Wire<'_>>(text)?.convert()?;
    if certificate.to_bytes() != jcs::canonical(&json::from_checked(text)?) {
        return Err(CertificateError::NotCanonical);
    }
    Ok(certificate)
}

/// The short way for canonical bytes, the spelling in which certificates are stored: bytes that equal what
/// writing gives have nothing in them that the strict scan could refuse. Anything else goes the long way.
fn parse_canonical(bytes: &[u8]) -> Option<Certificate> {
    if bytes.len() > MAX_CERTIFICATE_BYTES {
        return None;
    }
    let certificate = serde_json::from_slice::<Wire<'_>>(bytes).ok()?.convert().ok()?;
    (certificate.to_bytes() == bytes).then_some(certificate)
}

/// A string that borrows from the input unless it has escapes.
#[derive(Deserialize, PartialEq)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'a> {
    #[serde(rename = "@context", borrow)]
    context: Vec<Text<'a>>,
    #[serde(rename = "credentialSubject", borrow)]
    subject: Subject<'a>,
    #[serde(borrow)]
    format: Text<'a>,
    #[serde(borrow)]
    issuer: Issuer<'a>,
    #[serde(borrow)]
    proof: Proof<'a>,
    #[serde(rename = "type", borrow)]
    types: Vec<Text<'a>>,
    #[serde(rename = "validFrom", borrow)]
    valid_from: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject<'a> {
    #[serde(borrow)]
    binding: Text<'a>,
    #[serde(borrow)]
    design: Text<'a>,
    #[serde(borrow)]
    edition: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    issuer_id: Text<'a>,
    #[serde(borrow)]
    licence: Text<'a>,
    #[serde(borrow)]
    log: Text<'a>,
    #[serde(borrow)]
    registry: Text<'a>,
    #[serde(borrow)]
    salted_hashes: BTreeMap<Cow<'a, str>, Text<'a>>,
    #[serde(borrow)]
    serial: Text<'a>,
    terms: Terms,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Issuer<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Proof<'a> {
    #[serde(rename = "@context", borrow)]
    context: Vec<Text<'a>>,
    #[serde(borrow)]
    created: Text<'a>,
    #[serde(borrow)]
    cryptosuite: Text<'a>,
    #[serde(rename = "proofPurpose", borrow)]
    purpose: Text<'a>,
    #[serde(rename = "proofValue", borrow)]
    value: Text<'a>,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(rename = "verificationMethod", borrow)]
    method: Text<'a>,
}

impl Wire<'_> {
    fn convert(self) -> Result<Certificate, CertificateError> {
        if !same(&self.context, &[CREDENTIALS_CONTEXT, WEARABLE_CONTEXT]) {
            return Err(CertificateError::Context);
        }
        if !same(&self.types, &TYPES) {
            return Err(CertificateError::Type);
        }
        if self.format.0 != FORMAT {
            return Err(CertificateError::Format(quoted(&self.format)));
        }
        let did = &self.issuer.id.0;
        let multikey = did
            .strip_prefix("did:key:")
            .ok_or(CertificateError::IssuerKey(KeyError::NotDidKey))?;
        let issuer_key = PublicKey::from_multikey(multikey).map_err(CertificateError::IssuerKey)?;
        let valid_from = time("validFrom", &self.valid_from)?;
        let signature = self.proof.check(multikey, &self.valid_from)?;
        let subject = self.subject;
        let serial: Serial = id("serial", &subject.serial)?;
        let fields = CertificateFields {
            issuer_key,
            issuer_name: self.issuer.name.0.into_owned(),
            issuer_id: id("issuer_id", &subject.issuer_id)?,
            registry: id("registry", &subject.registry)?,
            wearable: id("id", &subject.id)?,
            log_origin: subject.log.0.into_owned(),
            design: digest("design", &subject.design)?,
            edition: id("edition", &subject.edition)?,
            licence: digest("licence", &subject.licence)?,
            terms: subject.terms,
            binding: subject
                .binding
                .0
                .parse()
                .map_err(|_| CertificateError::Binding(quoted(&subject.binding)))?,
            salted_hashes: subject
                .salted_hashes
                .into_iter()
                .map(|(name, hash)| Ok((name.into_owned(), digest("salted_hashes", &hash)?)))
                .collect::<Result<_, CertificateError>>()?,
            valid_from,
        };
        let unsigned = UnsignedCertificate::with_multikey(fields, multikey)?;
        if unsigned.serial() != serial {
            let (serial, token_serial) = (serial.get(), unsigned.serial().get());
            return Err(CertificateError::SerialDiffers { serial, token_serial });
        }
        Ok(Certificate {
            unsigned,
            signature,
            proof_value: self.proof.value.0.into_owned(),
        })
    }
}

impl Proof<'_> {
    /// Everything in the proof is determined by the certificate, but for the signature.
    fn check(&self, issuer_multikey: &str, valid_from: &Text<'_>) -> Result<[u8; 64], CertificateError> {
        if self.kind.0 != PROOF_TYPE {
            return Err(ProofError::UnknownType(quoted(&self.kind)).into());
        }
        if self.cryptosuite.0 != CRYPTOSUITE {
            return Err(ProofError::UnknownSuite(quoted(&self.cryptosuite)).into());
        }
        if self.purpose.0 != PROOF_PURPOSE {
            return Err(ProofError::UnknownPurpose(quoted(&self.purpose)).into());
        }
        if !same(&self.context, &[CREDENTIALS_CONTEXT, WEARABLE_CONTEXT]) {
            return Err(CertificateError::ProofContext);
        }
        let (did, fragment) = self.method.0.split_once('#').ok_or(ProofError::Method)?;
        let multikey = did.strip_prefix("did:key:").ok_or(ProofError::Method)?;
        if multikey != fragment {
            return Err(ProofError::Method.into());
        }
        if multikey != issuer_multikey {
            return Err(CertificateError::ProofKeyDiffers);
        }
        if self.created != *valid_from {
            time("proof.created", &self.created)?;
            return Err(CertificateError::CreatedDiffers);
        }
        Ok(decode_proof_value(&self.value.0)?)
    }
}

fn same(texts: &[Text<'_>], expected: &[&str; 2]) -> bool {
    texts.len() == 2 && texts[0].0 == expected[0] && texts[1].0 == expected[1]
}

/// As much of a foreign text as an error message should repeat.
fn quoted(text: &Text<'_>) -> String {
    text.0.chars().take(64).collect()
}

fn id<T: FromStr<Err = IdError>>(field: &'static str, text: &Text<'_>) -> Result<T, CertificateError> {
    text.0
        .parse()
        .map_err(|error| CertificateError::Id { field, error })
}

fn digest(field: &'static str, text: &Text<'_>) -> Result<Sha256, CertificateError> {
    text.0
        .parse()
        .map_err(|error| CertificateError::Digest { field, error })
}

fn time(field: &'static str, text: &Text<'_>) -> Result<Timestamp, CertificateError> {
    text.0
        .parse()
        .map_err(|error| CertificateError::Time { field, error })
}
