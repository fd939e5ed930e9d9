//! A small log that contains the valid certificates, and the roots that name it.

use ed25519_dalek::{Signer as _, SigningKey};
use vestiary::certificate::Certificate;
use vestiary::statement::{CertificateIssued, Statement};
use vestiary_tlog::{
    Checkpoint, Hash, KeyName, SignatureType, SignedCheckpoint, TlogProof, VerifierKey, leaf_hash, proof,
};

use super::{ORIGIN, public, test_key};

/// A log in memory.
pub(super) struct Log {
    key: SigningKey,
    origin: String,
    entries: Vec<Vec<u8>>,
}

impl Log {
    /// The log whose key is the `log` test key, with a statement for each certificate after three others.
    pub(super) fn of(certificates: &[Certificate]) -> Self {
        let mut log = Self::new(ORIGIN, test_key("log"));
        log.entries
            .extend((0..3).map(|i| format!("entry {i} of another kind").into_bytes()));
        log.entries.extend(certificates.iter().map(statement));
        log
    }

    pub(super) fn new(origin: &str, key: SigningKey) -> Self {
        Self {
            key,
            origin: origin.to_owned(),
            entries: Vec::new(),
        }
    }

    pub(super) fn append(&mut self, entry: Vec<u8>) {
        self.entries.push(entry);
    }

    pub(super) fn vkey(&self, suffix: &str) -> VerifierKey {
        let name = KeyName::new(format!("{}{suffix}", self.origin)).expect("a name");
        let key = if suffix.is_empty() {
            self.key.clone()
        } else {
            test_key("receipt")
        };
        VerifierKey::new(name, SignatureType::Ed25519, key.verifying_key().as_bytes()).expect("a sound key")
    }

    fn hashes(&self) -> Vec<Hash> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }

    pub(super) fn checkpoint(&self) -> SignedCheckpoint {
        let hashes = self.hashes();
        let size = hashes.len() as u64;
        let root = proof::root(size, hashes.as_slice()).expect("in memory");
        let checkpoint = Checkpoint::new(&self.origin, size, root).expect("a checkpoint");
        checkpoint
            .sign(&self.vkey(""), |text| self.key.sign(text).to_bytes())
            .expect("its own key")
    }

    /// The tlog-proof of a certificate's statement.
    pub(super) fn evidence(&self, certificate: &Certificate) -> Vec<u8> {
        let statement = statement(certificate);
        let index = self
            .entries
            .iter()
            .position(|entry| *entry == statement)
            .expect("logged");
        self.evidence_at(index, statement).to_bytes()
    }

    /// A tlog-proof of entry `index` that carries `extra`, whether or not that is the entry.
    pub(super) fn evidence_at(&self, index: usize, extra: Vec<u8>) -> TlogProof {
        let hashes = self.hashes();
        let path = proof::inclusion(index as u64, hashes.len() as u64, hashes.as_slice()).expect("in memory");
        TlogProof::new(Some(extra), index as u64, path, self.checkpoint()).expect("a proof")
    }
}

/// The statement of a certificate.
pub(super) fn statement(certificate: &Certificate) -> Vec<u8> {
    let issued = CertificateIssued {
        token_id: certificate.fields().wearable.token_id,
        digest: certificate.digest(),
        claim_key: [0xCA; 20].into(),
        batch: [0xBA; 32].into(),
    };
    Statement::CertificateIssued(issued)
        .to_bytes()
        .expect("a statement")
}

/// The roots file, laid out as a person would write it.
pub(super) fn roots(log: &Log, from_index: &str) -> String {
    format!(
        r#"# TEST ONLY: the keys behind these are public.
[chain]
id = 31337
block_hash = "0x{block}"

[contracts]
registry = "0x{registry}"
log_anchor = "0x{anchor}"
implementation_code_hashes = ["0x{code}"]

[[log]]
origin = "{origin}"
vkey = "{vkey}"
receipt_vkey = "{receipt_vkey}"
anchoring_account = "0x{account}"

[[issuer]]
id = "1"
key = "{key}"
from_index = "{from_index}"

[policy]
checkpoint = "log-key"
"#,
        block = "b0".repeat(32),
        registry = "a0".repeat(20),
        anchor = "a1".repeat(20),
        code = "a2".repeat(32),
        account = "a3".repeat(20),
        origin = log.origin,
        vkey = log.vkey(""),
        receipt_vkey = log.vkey("/receipt"),
        key = public(&test_key("issuer")),
    )
}

/// Roots of two logs: in the first, `log`, stand the certificates. A key counts in the log that its root names.
pub(super) fn two_logs(log: &Log) -> [(&'static str, String); 3] {
    let other = Log::new("log.vestiary.example/2027", test_key("another log"));
    let text = roots(log, "0").replace(
        "\n[[issuer]]",
        &format!(
            r#"
[[log]]
origin = "{origin}"
vkey = "{vkey}"
receipt_vkey = "{receipt_vkey}"
anchoring_account = "0x{account}"

[[issuer]]"#,
            origin = other.origin,
            vkey = other.vkey(""),
            receipt_vkey = other.vkey("/receipt"),
            account = "a4".repeat(20),
        ),
    );
    let key_in = |origin: &str, limit: &str| {
        let key = public(&test_key("issuer"));
        format!("[[issuer]]\nid = \"1\"\nlog = \"{origin}\"\nkey = \"{key}\"\nfrom_index = \"0\"\n{limit}\n")
    };
    let (keys, policy) = (text.find("[[issuer]]"), text.find("[policy]"));
    let (head, policy) = (
        &text[..keys.expect("above")],
        &text[policy.expect("in all roots")..],
    );
    let [here, there] = [ORIGIN, &other.origin];
    let retired = key_in(here, "until_index = \"2\"\n") + &key_in(there, "");
    [
        ("retired_here_only", format!("{head}{retired}{policy}")),
        (
            "retired_there_only",
            format!(
                "{head}{}{}{policy}",
                key_in(here, ""),
                key_in(there, "until_index = \"2\"\n")
            ),
        ),
        (
            "key_there_only",
            format!("{head}{}{policy}", key_in(there, "until_index = \"100\"\n")),
        ),
    ]
}
