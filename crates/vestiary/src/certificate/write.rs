//! The canonical bytes, written straight: the members are known, so they are written in order. A property
//! test compares with the generic canonicaliser.

use std::fmt::Write as _;

use super::{CREDENTIALS_CONTEXT, CertificateFields, FORMAT, WEARABLE_CONTEXT};
use crate::data_integrity::{CRYPTOSUITE, PROOF_PURPOSE, PROOF_TYPE};
use crate::digest::Sha256;
use crate::ids::Serial;
use crate::jcs::write_string;
use crate::terms::Kept;

/// Canonical bytes with a place for a member that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Canonical {
    /// The bytes without the member.
    pub(super) bytes: Vec<u8>,
    gap_at: usize,
}

impl Canonical {
    /// The bytes before and after the member.
    fn halves(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(self.gap_at)
    }
}

/// Joins document, proof options and signature to the canonical certificate.
pub(super) fn join(document: &Canonical, options: &Canonical, proof_value: &str) -> Vec<u8> {
    let (before, after) = document.halves();
    let (proof_before, proof_after) = options.halves();
    let parts: [&[u8]; 9] = [
        before,
        b"\"proof\":",
        proof_before,
        b"\"proofValue\":\"",
        proof_value.as_bytes(),
        b"\",",
        proof_after,
        b",",
        after,
    ];
    parts.concat()
}

/// Writes the document without `proof`. Its members in canonical order: `@context`, `credentialSubject`,
/// `format`, `issuer`, (`proof`), `type`, `validFrom`.
pub(super) fn document(fields: &CertificateFields, serial: Serial, multikey: &str) -> Canonical {
    let mut out = Out(Vec::with_capacity(1536));
    out.raw("{\"@context\":");
    out.contexts();
    out.raw(",\"credentialSubject\":{\"binding\":\"");
    out.raw(fields.binding.as_str());
    out.raw("\",\"design\":\"");
    out.digest(&fields.design);
    out.raw("\",\"edition\":\"");
    out.display(&fields.edition);
    out.raw("\",\"id\":\"");
    out.display(&fields.wearable);
    out.raw("\",\"issuer_id\":\"");
    out.display(&fields.issuer_id);
    out.raw("\",\"licence\":\"");
    out.digest(&fields.licence);
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
        out.digest(hash);
        out.raw("\"");
    }
    out.raw("},\"serial\":\"");
    out.display(&serial);
    out.raw("\",\"terms\":{\"choose_by\":");
    out.display(&fields.terms.choose_by);
    out.raw(",\"default\":\"");
    out.raw(match fields.terms.default {
        Kept::None => "none",
        Kept::Physical => "physical",
        Kept::Digital => "digital",
    });
    out.raw("\",\"recovery_until\":");
    out.display(&fields.terms.recovery_until);
    out.raw("}},\"format\":\"");
    out.raw(FORMAT);
    out.raw("\",\"issuer\":{\"id\":\"did:key:");
    out.raw(multikey);
    out.raw("\",\"name\":");
    write_string(&mut out.0, &fields.issuer_name);
    out.raw("},");
    let gap_at = out.0.len();
    out.raw("\"type\":[\"VerifiableCredential\",\"WearableCertificate\"],\"validFrom\":\"");
    out.display(&fields.valid_from);
    out.raw("\"}");
    Canonical { bytes: out.0, gap_at }
}

/// Writes the proof options: the proof without `proofValue`. Its members in canonical order: `@context`,
/// `created`, `cryptosuite`, `proofPurpose`, (`proofValue`), `type`, `verificationMethod`.
pub(super) fn proof_options(fields: &CertificateFields, multikey: &str) -> Canonical {
    let mut out = Out(Vec::with_capacity(512));
    out.raw("{\"@context\":");
    out.contexts();
    out.raw(",\"created\":\"");
    out.display(&fields.valid_from);
    out.raw("\",\"cryptosuite\":\"");
    out.raw(CRYPTOSUITE);
    out.raw("\",\"proofPurpose\":\"");
    out.raw(PROOF_PURPOSE);
    out.raw("\",");
    let gap_at = out.0.len();
    out.raw("\"type\":\"");
    out.raw(PROOF_TYPE);
    out.raw("\",\"verificationMethod\":\"did:key:");
    out.raw(multikey);
    out.raw("#");
    out.raw(multikey);
    out.raw("\"}");
    Canonical { bytes: out.0, gap_at }
}

struct Out(Vec<u8>);

impl Out {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// For values whose text needs no escapes: ids, numbers, times.
    fn display(&mut self, value: &impl std::fmt::Display) {
        write!(self, "{value}").expect("writing to memory");
    }

    /// As a digest's `Display`, which formats more slowly.
    fn digest(&mut self, digest: &Sha256) {
        self.raw("sha256:");
        let start = self.0.len();
        self.0.resize(start + 64, 0);
        hex::encode_to_slice(digest.0, &mut self.0[start..]).expect("64 digits for 32 bytes");
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
