//! The canonical bytes, written straight: the members are known, so they are written in order. A property
//! test compares with the generic canonicaliser.

use std::fmt::Write as _;

use super::{CREDENTIALS_CONTEXT, CertificateFields, FORMAT, WEARABLE_CONTEXT};
use crate::data_integrity::{CRYPTOSUITE, PROOF_PURPOSE, PROOF_TYPE, encode_proof_value};
use crate::ids::Serial;
use crate::jcs::write_string;

/// The canonical document without proof, and where the proof belongs in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) bytes: Vec<u8>,
    proof_at: usize,
}

impl Document {
    /// The canonical document with its proof.
    pub(super) fn with_proof(&self, proof: &[u8]) -> Vec<u8> {
        let (before, after) = self.bytes.split_at(self.proof_at);
        let mut out = Vec::with_capacity(self.bytes.len() + proof.len() + 9);
        out.extend_from_slice(before);
        out.extend_from_slice(b"\"proof\":");
        out.extend_from_slice(proof);
        out.push(b',');
        out.extend_from_slice(after);
        out
    }
}

/// Writes the document. Its members in canonical order: `@context`, `credentialSubject`, `format`, `issuer`,
/// (`proof`), `type`, `validFrom`.
pub(super) fn document(fields: &CertificateFields, serial: Serial) -> Document {
    let mut out = Out(Vec::with_capacity(1536));
    out.raw("{\"@context\":");
    out.contexts();
    out.raw(",\"credentialSubject\":{\"binding\":\"");
    out.raw(fields.binding.as_str());
    out.raw("\",\"design\":\"");
    out.display(&fields.design);
    out.raw("\",\"edition\":\"");
    out.display(&fields.edition);
    out.raw("\",\"id\":\"");
    out.display(&fields.wearable);
    out.raw("\",\"issuer_id\":\"");
    out.display(&fields.issuer_id);
    out.raw("\",\"licence\":\"");
    out.display(&fields.licence);
    out.raw("\",\"log\":");
    write_string(&mut out.0, &fields.log_origin);
    out.raw(",\"registry\":\"");
    out.display(&fields.registry);
    // The names of salted hashes are ASCII, so a BTreeMap has them in canonical order.
    out.raw("\",\"salted_hashes\":{");
    for (index, (name, hash)) in fields.salted_hashes.iter().enumerate() {
        out.raw(if index == 0 { "\"" } else { ",\"" });
        out.raw(name);
        out.raw("\":\"");
        out.display(hash);
        out.raw("\"");
    }
    out.raw("},\"serial\":\"");
    out.display(&serial);
    out.raw("\",\"terms\":{\"choose_by\":");
    out.display(&fields.terms.choose_by);
    out.raw(",\"default\":\"");
    out.raw(kept(fields));
    out.raw("\",\"recovery_until\":");
    out.display(&fields.terms.recovery_until);
    out.raw("}},\"format\":\"");
    out.raw(FORMAT);
    out.raw("\",\"issuer\":{\"id\":\"did:key:");
    out.display(&fields.issuer_key);
    out.raw("\",\"name\":");
    write_string(&mut out.0, &fields.issuer_name);
    out.raw("},");
    let proof_at = out.0.len();
    out.raw("\"type\":[\"VerifiableCredential\",\"WearableCertificate\"],\"validFrom\":\"");
    out.display(&fields.valid_from);
    out.raw("\"}");
    Document {
        bytes: out.0,
        proof_at,
    }
}

/// Writes the proof; without a signature, the proof options that are signed.
pub(super) fn proof(fields: &CertificateFields, signature: Option<&[u8; 64]>) -> Vec<u8> {
    let multikey = fields.issuer_key.to_multikey();
    let mut out = Out(Vec::with_capacity(512));
    out.raw("{\"@context\":");
    out.contexts();
    out.raw(",\"created\":\"");
    out.display(&fields.valid_from);
    for (name, value) in [("cryptosuite", CRYPTOSUITE), ("proofPurpose", PROOF_PURPOSE)] {
        out.raw("\",\"");
        out.raw(name);
        out.raw("\":\"");
        out.raw(value);
    }
    if let Some(signature) = signature {
        out.raw("\",\"proofValue\":\"");
        out.raw(&encode_proof_value(signature));
    }
    out.raw("\",\"type\":\"");
    out.raw(PROOF_TYPE);
    out.raw("\",\"verificationMethod\":\"did:key:");
    out.raw(&multikey);
    out.raw("#");
    out.raw(&multikey);
    out.raw("\"}");
    out.0
}

fn kept(fields: &CertificateFields) -> &'static str {
    use crate::terms::Kept;
    match fields.terms.default {
        Kept::None => "none",
        Kept::Physical => "physical",
        Kept::Digital => "digital",
    }
}

struct Out(Vec<u8>);

impl Out {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// For values whose text needs no escapes: ids, digests, numbers, times.
    fn display(&mut self, value: &impl std::fmt::Display) {
        write!(self, "{value}").expect("writing to memory");
    }

    fn contexts(&mut self) {
        self.raw("[\"");
        self.raw(CREDENTIALS_CONTEXT);
        self.raw("\",\"");
        self.raw(WEARABLE_CONTEXT);
        self.raw("\"]");
    }
}

impl std::fmt::Write for Out {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.raw(text);
        Ok(())
    }
}
