//! Verification: a certificate, its evidence, and what the reader already believes, to a list of checks.
//!
//! Each check passed, failed, or is unknown, and says why. What rests only on what the file itself brings is
//! unknown, however well it fits together: anybody can make a set of files that agree with one another.
//!
//! | check | passed means |
//! |---|---|
//! | `format` | the bytes are a certificate, read strictly |
//! | `token` | it is about the chain, collection or wearable that the caller expected |
//! | `signature` | it is signed by the key it names, which a trust root names too |
//! | `issuer` | that key is the issuer's, by the roots, at this place in this log, in this registry |
//! | `statement` | the evidence is the log's statement of exactly this certificate |
//! | `log` | that statement stands in the log, under a checkpoint signed by the log's key that may count |
//! | `checkpoint` | the checkpoint counts under the reader's policy |
//!
//! Verification knows no clock and no chain: whose the collection is, who owns the wearable, and whether it was
//! revoked, are other questions.

mod report;

use vestiary_tlog::{TlogProof, leaf_hash};

pub use report::{Check, CheckName, DEFAULT_REQUIRE, Input, Outcome, Report};

use crate::certificate::Certificate;
use crate::ids::{ChainId, CollectionId, WearableId};
use crate::roots::{CheckpointPolicy, IssuerRoot, LogRoot, Roots};
use crate::statement::{CertificateIssued, Statement};

/// What the caller wants the certificate to be about; what is `None` is not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// The chain.
    pub chain: Option<ChainId>,
    /// The collection.
    pub collection: Option<CollectionId>,
    /// The wearable.
    pub wearable: Option<WearableId>,
}

/// Verifies the bytes of a certificate.
///
/// `evidence` is a C2SP tlog-proof whose extra line carries the `certificate_issued` statement. Without
/// `roots` nothing about the issuer or the log can pass.
pub fn verify_certificate(
    certificate: &[u8],
    evidence: Option<&[u8]>,
    roots: Option<&Roots>,
    expectations: &Expectations,
) -> Report {
    let certificate = match Certificate::parse(certificate) {
        Ok(certificate) => certificate,
        Err(error) => return unreadable(error.code(), error.to_string()),
    };
    let mut report = Report::about(&certificate);
    report.add(Check::passed(
        CheckName::Format,
        "ok",
        "a wearable certificate, read strictly",
    ));
    report.add(token(&certificate, expectations));
    report.add(signature(&certificate, roots));
    let evidence = evidence.map(|bytes| Evidence::read(bytes, &certificate));
    let statement = statement(&certificate, evidence.as_ref());
    let (log, checkpoint) = log(&certificate, evidence.as_ref(), roots);
    let index = match &evidence {
        Some(Ok(evidence)) if log.outcome == Outcome::Passed => Some(evidence.proof.index()),
        _ => None,
    };
    report.add(issuer(&certificate, index, roots));
    report.add(statement.resting_on(&log));
    report.add(log);
    report.add(checkpoint);
    report
}

/// The report on bytes that are no certificate: all else is unknown.
fn unreadable(code: &'static str, reason: String) -> Report {
    let mut report = Report::default();
    report.add(Check::failed(CheckName::Format, code, reason));
    for &name in CheckName::ALL.iter().filter(|name| **name != CheckName::Format) {
        report.add(Check::unknown(
            name,
            "no_certificate",
            "the bytes are not a certificate",
        ));
    }
    report
}

fn token(certificate: &Certificate, expected: &Expectations) -> Check {
    let name = CheckName::Token;
    let found = certificate.fields().wearable;
    let chain = found.collection.chain;
    if let Some(expected) = expected.chain.filter(|&expected| expected != chain) {
        return Check::failed(
            name,
            "other_chain",
            format!("a wearable on {chain}, expected {expected}"),
        );
    }
    let collection = found.collection;
    if let Some(expected) = expected.collection.filter(|&expected| expected != collection) {
        let reason = format!("a wearable of {collection}, expected {expected}");
        return Check::failed(name, "other_collection", reason);
    }
    if let Some(expected) = expected.wearable.filter(|&expected| expected != found) {
        return Check::failed(
            name,
            "other_wearable",
            format!("wearable {found}, expected {expected}"),
        );
    }
    if *expected == Expectations::default() {
        return Check::unknown(
            name,
            "nothing_expected",
            "no chain, collection or wearable was asked for; whose a collection is, only the chain says",
        );
    }
    Check::passed(name, "ok", "the wearable is one that was asked for")
}

fn signature(certificate: &Certificate, roots: Option<&Roots>) -> Check {
    let name = CheckName::Signature;
    let key = &certificate.fields().issuer_key;
    let check = match certificate.verify_signature() {
        Err(error) => Check::failed(
            name,
            error.code(),
            "the signature is not by the key that is named",
        ),
        Ok(()) if roots.is_some_and(|roots| roots.issuers.iter().any(|issuer| issuer.key == *key)) => {
            Check::passed(
                name,
                "ok",
                "signed by the key that is named, which a trust root names too",
            )
        }
        Ok(()) => no_root(
            name,
            "the signature is by the key that the certificate itself brings",
        ),
    };
    check.with("key", *key)
}

fn issuer(certificate: &Certificate, index: Option<u64>, roots: Option<&Roots>) -> Check {
    let name = CheckName::Issuer;
    let fields = certificate.fields();
    let check = match roots {
        None => no_root(name, "nothing says whose key this is"),
        Some(roots) => issuer_by_roots(certificate, index, roots),
    };
    check
        .with("issuer_id", fields.issuer_id.get())
        .with("registry", fields.registry)
        .with("key", fields.issuer_key)
}

fn issuer_by_roots(certificate: &Certificate, index: Option<u64>, roots: &Roots) -> Check {
    let name = CheckName::Issuer;
    let fields = certificate.fields();
    if fields.registry.chain != roots.chain.id {
        let reason = format!(
            "the certificate is for {}, the roots for {}",
            fields.registry.chain, roots.chain.id
        );
        return Check::failed(name, "other_chain", reason);
    }
    if fields.registry.address != roots.contracts.registry {
        return Check::failed(name, "other_registry", "the registry is not the one of the roots");
    }
    let mut keys = roots.issuer_keys(fields.issuer_id, &fields.log_origin).peekable();
    if keys.peek().is_none() {
        let elsewhere = roots.issuers.iter().any(|issuer| issuer.id == fields.issuer_id);
        let reason = if elsewhere {
            "the roots name keys of this issuer for other logs only"
        } else {
            "the roots do not name this issuer"
        };
        return no_root(name, reason);
    }
    let Some(root) = keys.find(|root| root.key == fields.issuer_key) else {
        return Check::failed(
            name,
            "issuer_key_differs",
            "the key is not the issuer's in this log, by the roots",
        );
    };
    issuer_key_at(index, root)
}

/// Whether an issuer's key counts at a place in the log, by its root.
fn issuer_key_at(index: Option<u64>, root: &IssuerRoot) -> Check {
    let name = CheckName::Issuer;
    let everywhere =
        root.from_index == 0 && root.until_index.is_none() && root.repudiated_from_index.is_none();
    if everywhere {
        return Check::passed(name, "ok", "the key is the issuer's, by the roots");
    }
    let Some(index) = index else {
        let reason = "the key does not count everywhere in the log; this entry's place is not proved";
        return Check::unknown(name, "entry_index_unknown", reason);
    };
    if index < root.from_index {
        let from = root.from_index;
        let reason = format!("the key counts from entry {from}, this is entry {index}");
        return Check::failed(name, "key_not_yet_valid", reason);
    }
    if let Some(until) = root.until_index.filter(|until| index >= *until) {
        let reason = format!("the key was retired at entry {until}, this is entry {index}");
        return Check::failed(name, "key_no_longer_valid", reason);
    }
    if let Some(from) = root.repudiated_from_index.filter(|from| index >= *from) {
        let reason = format!(
            "the issuer declared the key compromised from entry {from} on, this is entry {index}: it may or may not \
             be the issuer's"
        );
        return Check::unknown(name, "repudiated", reason);
    }
    Check::passed(
        name,
        "ok",
        "the key is the issuer's at this place in the log, by the roots",
    )
}

/// Evidence that is well-formed: a proof, and the statement it carries.
struct Evidence {
    proof: TlogProof,
    statement: CertificateIssued,
}

/// Why evidence cannot be used: for the `statement` check.
type Unusable = (&'static str, String);

impl Evidence {
    fn read(bytes: &[u8], certificate: &Certificate) -> Result<Self, Unusable> {
        let proof = TlogProof::parse(bytes)
            .map_err(|error| ("malformed_evidence", format!("the evidence: {error}")))?;
        let entry = proof
            .extra()
            .ok_or(("no_statement", "the evidence carries no statement".to_owned()))?;
        let statement = match Statement::parse(entry) {
            Ok(Statement::CertificateIssued(statement)) => statement,
            Ok(other) => {
                let reason = format!("the evidence carries a statement of type {}", other.type_name());
                return Err(("other_statement", reason));
            }
            Err(error) => {
                return Err((
                    "malformed_statement",
                    format!("the evidence's statement: {error}"),
                ));
            }
        };
        if statement.token_id != certificate.fields().wearable.token_id {
            return Err((
                "statement_token_differs",
                "the statement is about another wearable".to_owned(),
            ));
        }
        if statement.digest != certificate.digest() {
            return Err((
                "statement_digest_differs",
                "the statement is of another certificate".to_owned(),
            ));
        }
        Ok(Self { proof, statement })
    }
}

fn statement(certificate: &Certificate, evidence: Option<&Result<Evidence, Unusable>>) -> Check {
    let name = CheckName::Statement;
    let check = match evidence {
        None => no_evidence(name),
        Some(Err((code, reason))) => Check::failed(name, code, reason.clone()),
        Some(Ok(evidence)) => Check::passed(name, "ok", "the log's statement of exactly this certificate")
            .with("batch", evidence.statement.batch.to_string()),
    };
    check
        .with("token_id", certificate.fields().wearable.token_id)
        .with("digest", certificate.digest())
}

/// The `log` and the `checkpoint` check.
fn log(
    certificate: &Certificate,
    evidence: Option<&Result<Evidence, Unusable>>,
    roots: Option<&Roots>,
) -> (Check, Check) {
    let (log, checkpoint) = (CheckName::Log, CheckName::Checkpoint);
    let origin = &certificate.fields().log_origin;
    let (log, checkpoint) = match (evidence, roots) {
        (None, _) => (no_evidence(log), no_evidence(checkpoint)),
        (Some(Err((code, _))), _) => {
            let reason = "the evidence is not of this certificate";
            (
                Check::failed(log, code, reason),
                Check::unknown(checkpoint, "log_not_proved", reason),
            )
        }
        (Some(Ok(_)), None) => (
            no_root(log, "nothing says which log this is"),
            no_root(checkpoint, "there is no policy"),
        ),
        (Some(Ok(evidence)), Some(roots)) => match roots.log(origin) {
            None => {
                let reason = "the roots do not name this log";
                (no_root(log, reason), no_root(checkpoint, reason))
            }
            Some(root) => log_by_root(&evidence.proof, root, &roots.policy.checkpoint),
        },
    };
    (log.with("origin", origin.clone()), checkpoint)
}

fn log_by_root(proof: &TlogProof, root: &LogRoot, policy: &CheckpointPolicy) -> (Check, Check) {
    let name = CheckName::Log;
    let leaf = leaf_hash(proof.extra().unwrap_or_default());
    let size = proof.checkpoint().unverified().size();
    let log = match proof.verify(&leaf, &root.origin, &root.vkey) {
        Ok(_) => Check::passed(name, "ok", "the statement stands in the log, whose key signed"),
        Err(error) => {
            let code = match error {
                vestiary_tlog::Error::OriginMismatch { .. } => "other_log",
                vestiary_tlog::Error::SignatureInvalid { .. } => "bad_log_signature",
                vestiary_tlog::Error::NotSignedByKnownKey => "not_signed_by_log",
                _ => "not_in_log",
            };
            let reason = error.to_string();
            let log = Check::failed(name, code, reason)
                .with("index", proof.index())
                .with("size", size);
            let checkpoint = CheckName::Checkpoint;
            return (
                log,
                Check::unknown(checkpoint, "log_not_proved", "the log check failed"),
            );
        }
    };
    let checkpoint = checkpoint(proof, root, policy).with("size", size);
    // The log's key may have signed another tree for other readers. A reader who asks for more than that key is not
    // told that the statement is in the log before the rest is proved.
    let log = match checkpoint.outcome {
        Outcome::Unknown => {
            let reason =
                "the log's key signed, and whether that checkpoint counts under the policy is not proved";
            Check::unknown(name, checkpoint.code, reason)
        }
        _ => log,
    };
    let log = log
        .with("index", proof.index())
        .with("size", size)
        .with("vkey", root.vkey.to_string());
    (log, checkpoint)
}

fn checkpoint(proof: &TlogProof, root: &LogRoot, policy: &CheckpointPolicy) -> Check {
    let name = CheckName::Checkpoint;
    match policy {
        CheckpointPolicy::LogKey => {
            let reason = "signed by the log's own key, which the policy allows: not anchored, not witnessed";
            Check::passed(name, "not_anchored_not_witnessed", reason)
        }
        CheckpointPolicy::Anchored => Check::unknown(
            name,
            "anchor_not_proved",
            "the evidence has no proof of an anchor on chain",
        ),
        CheckpointPolicy::Witnesses { at_least, witnesses } => {
            match proof.checkpoint().verify(&root.origin, &root.vkey, witnesses) {
                Err(error) => Check::failed(name, "bad_cosignature", error.to_string()),
                Ok((_, cosigned)) if cosigned.len() >= *at_least => {
                    let names: Vec<&str> = cosigned.iter().map(|one| one.key.name().as_str()).collect();
                    let reason = "cosigned by as many witnesses as the policy asks for";
                    Check::passed(name, "ok", reason).with("witnesses", names.join(" "))
                }
                Ok((_, cosigned)) => {
                    let reason = format!(
                        "cosigned by {} of the policy's witnesses, {at_least} are asked for",
                        { cosigned.len() }
                    );
                    Check::failed(name, "too_few_witnesses", reason)
                }
            }
        }
    }
}

fn no_root(name: CheckName, reason: &'static str) -> Check {
    Check::unknown(name, "no_trust_root", format!("no trust root: {reason}"))
}

fn no_evidence(name: CheckName) -> Check {
    Check::unknown(name, "no_evidence", "no evidence from a log was given")
}

impl Check {
    /// A statement that no proven log contains rests only on what the evidence brings.
    fn resting_on(self, log: &Self) -> Self {
        if self.outcome == Outcome::Passed && log.outcome != Outcome::Passed {
            let inputs = self.inputs;
            let (code, reason) = match log.code {
                "no_trust_root" => (
                    "no_trust_root",
                    "no trust root: the statement fits, but no log is known to have it",
                ),
                _ => (
                    "log_not_proved",
                    "the statement fits, but it is not proved to be in the log",
                ),
            };
            return Self {
                inputs,
                ..Self::unknown(self.name, code, reason)
            };
        }
        self
    }
}
