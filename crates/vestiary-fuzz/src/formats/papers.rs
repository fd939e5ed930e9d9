//! What is said of a design, a wearable, a batch; what a reader believes; what a world is answered.

use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vestiary::batch_file::BatchFile;
use vestiary::certificate::{Certificate, MAX_CERTIFICATE_BYTES};
use vestiary::design::Design;
use vestiary::inventory::Inventory;
use vestiary::licence::Licence;
use vestiary::receipt::SignedReceipt;
use vestiary::roots::Roots;
use vestiary::statement::{Statement, StatementError};
use vestiary::tree::{Leaf, verify_proof};
use vestiary::verify::{CheckName, DEFAULT_REQUIRE, Expectations};
use vestiary::world::{Fit, WorldProfile, fit, misfits};
use vestiary::{data_integrity as proof, jcs, json};
use vestiary_tlog::{TlogProof, leaf_hash};

use super::tlog::keys;
use crate::input::{Input, one_in};

/// Longest document that the targets read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// A document that is read means the same when it is written and read again.
fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let read: T = json::from_slice_strict(bytes, MAX_BYTES).ok()?;
    let written = serde_json::to_vec(&read).expect("what came from JSON is JSON");
    let again: T = json::from_slice_strict(&written, 8 * MAX_BYTES).expect("what was read can be read again");
    assert_eq!(again, read);
    Some(read)
}

/// Certificates: what is read is written in canonical JSON that reads the same, and the certificate's own check of
/// its signature says what the check of any Data Integrity proof says.
pub(super) fn certificate(bytes: &[u8]) {
    let Ok(certificate) = Certificate::parse(bytes) else {
        return;
    };
    let written = certificate.to_bytes();
    assert_eq!(Certificate::parse(&written).as_ref(), Ok(&certificate));
    let value = json::parse_strict(&written, MAX_CERTIFICATE_BYTES).expect("a certificate is strict JSON");
    assert_eq!(jcs::canonical(&value), written, "not the canonical form");
    let given = json::parse_strict(bytes, MAX_CERTIFICATE_BYTES).expect("accepted bytes are strict JSON");
    assert_eq!(given, value, "read as something else");
    if one_in(16, bytes) {
        let by_proof = proof::verify(&value).ok();
        let own = certificate.verify_signature().ok();
        assert_eq!(by_proof, own.map(|()| certificate.fields().issuer_key));
    }
}

/// The roots of the kept evidence, as a reader would have them.
fn roots_of_corpus() -> &'static Roots {
    static ROOTS: OnceLock<Roots> = OnceLock::new();
    ROOTS.get_or_init(|| {
        Roots::parse(include_bytes!("../../../../fixtures/certificates/roots.toml")).expect("our own roots")
    })
}

/// A report accepts only what, taken apart, verifies piece by piece; without roots it accepts nothing.
pub(super) fn verify_certificate(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let certificate = input.piece();
    let evidence = input.rest();
    let expect = Expectations::default();
    if one_in(4, bytes) {
        let blind = vestiary::verify::verify_certificate(certificate, Some(evidence), None, &expect);
        assert!(!blind.accepts(&DEFAULT_REQUIRE), "accepted without roots");
    }
    let roots = roots_of_corpus();
    let report = vestiary::verify::verify_certificate(certificate, Some(evidence), Some(roots), &expect);
    assert!(!report.to_string().is_empty());
    if !report.accepts(&DEFAULT_REQUIRE) {
        return;
    }
    let certificate = Certificate::parse(certificate).expect("accepted");
    certificate.verify_signature().expect("accepted");
    let fields = certificate.fields();
    assert!(
        roots
            .issuer_keys(fields.issuer_id, &fields.log_origin)
            .any(|root| root.key == fields.issuer_key)
    );
    let evidence = TlogProof::parse(evidence).expect("accepted");
    let entry = evidence.extra().expect("accepted");
    let Ok(Statement::CertificateIssued(statement)) = Statement::parse(entry) else {
        panic!("accepted without its statement");
    };
    assert_eq!(statement.digest, certificate.digest());
    assert_eq!(statement.token_id, fields.wearable.token_id);
    let log = roots.log(&fields.log_origin).expect("accepted");
    evidence
        .verify(&leaf_hash(entry), &log.origin, &log.vkey)
        .expect("accepted");
    assert!(report.check(CheckName::Log).is_some());
}

/// A proof that verifies does so for the canonical form too, and not for a changed document.
pub(super) fn data_integrity(bytes: &[u8]) {
    let Ok(value) = json::parse_strict(bytes, MAX_BYTES) else {
        return;
    };
    let Ok(key) = proof::verify(&value) else {
        return;
    };
    let again: Value = serde_json::from_slice(&jcs::canonical(&value)).expect("canonical JSON");
    assert_eq!(proof::verify(&again), Ok(key));
    let mut changed = value;
    if let Value::Object(members) = &mut changed {
        let more = format!("{}x", members.keys().map(String::as_str).collect::<String>());
        members.insert(more, Value::Null);
    }
    assert!(proof::verify(&changed).is_err(), "verifies with a member more");
}

/// Statements are canonical bytes, and nothing else is one.
pub(super) fn statement(bytes: &[u8]) {
    match Statement::parse(bytes) {
        Ok(statement) => {
            assert_eq!(statement.to_bytes().as_deref(), Ok(bytes));
            let value = json::parse_strict(bytes, MAX_BYTES).expect("a statement is strict JSON");
            assert_eq!(jcs::canonical(&value), bytes);
            assert_eq!(value["type"], statement.type_name());
        }
        Err(StatementError::NotCanonical) => {
            let value = json::parse_strict(bytes, MAX_BYTES).expect("it got that far");
            assert_ne!(
                jcs::canonical(&value),
                bytes,
                "canonical and refused as not canonical"
            );
        }
        Err(error) => assert!(!error.code().is_empty()),
    }
}

/// Signed receipts are written as they were read; one that our key verifies names our key.
pub(super) fn receipt(bytes: &[u8]) {
    let Ok(receipt) = SignedReceipt::parse(bytes) else {
        return;
    };
    assert_eq!(receipt.to_bytes(), bytes);
    let said = receipt.unverified();
    assert!(said.batch_index < said.size);
    assert_eq!(
        vestiary::receipt::Receipt::parse_text(&said.to_string()).as_ref(),
        Ok(said)
    );
    if receipt.verify(&keys().receipt).is_ok() {
        assert_eq!(said.key_name(), keys().receipt.name().as_str());
    }
}

/// Designs are canonical bytes.
pub(super) fn design(bytes: &[u8]) {
    let Ok(design) = Design::parse(bytes) else {
        return;
    };
    assert_eq!(design.to_bytes().as_deref(), Ok(bytes));
    let value = json::parse_strict(bytes, MAX_BYTES).expect("a design is strict JSON");
    assert_eq!(jcs::canonical(&value), bytes);
}

/// Licences.
pub(super) fn licence(bytes: &[u8]) {
    survives::<Licence>(bytes);
}

/// A batch file that is read has the root it says: each leaf's proof leads there, a changed leaf's does not.
pub(super) fn batch_file(bytes: &[u8]) {
    let Ok(batch) = BatchFile::parse(bytes) else {
        return;
    };
    let written = batch.to_bytes();
    let again = BatchFile::parse(&written).expect("what was read can be read again");
    assert_eq!(again.to_bytes(), written);
    assert_eq!(again.root(), batch.root());
    for leaf in batch.tree().leaves().iter().take(4) {
        assert!(
            leaf.token_id
                .serial()
                .is_some_and(|serial| batch.range().contains(serial))
        );
        assert_eq!(leaf.token_id.design_id(), Some(batch.design_id()));
        let proof = batch.tree().proof(leaf.token_id).expect("a leaf of the tree");
        assert!(verify_proof(&batch.root(), leaf, &proof));
        let mut other: Leaf = *leaf;
        other.certificate_digest.0[31] ^= 1;
        assert!(!verify_proof(&batch.root(), &other, &proof));
    }
}

/// Trust roots.
pub(super) fn roots(bytes: &[u8]) {
    let Ok(roots) = Roots::parse(bytes) else {
        return;
    };
    let written = roots.to_toml().expect("what was read can be written");
    assert_eq!(Roots::parse(written.as_bytes()), Ok(roots));
}

/// World profiles.
pub(super) fn world_profile(bytes: &[u8]) {
    if let Ok(profile) = WorldProfile::parse(bytes) {
        assert_eq!(profile.check(), Ok(()));
        assert_eq!(survives::<WorldProfile>(bytes), Some(profile));
    }
}

/// Which file a world gets is a file of the design that nothing speaks against; where there is none, every file has
/// something against it.
pub(super) fn world_fit(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let Ok(world) = WorldProfile::parse(input.piece()) else {
        return;
    };
    let Ok(design) = Design::parse(input.rest()) else {
        return;
    };
    match fit(&world, design.slot, &design.representations) {
        Fit::Exact(file) => {
            assert_eq!(file.profile, world.id);
            assert!(misfits(&world, file).is_empty());
        }
        Fit::Fallback(file) => {
            assert_ne!(file.profile, world.id);
            assert!(misfits(&world, file).is_empty());
        }
        Fit::Nothing(reasons) => {
            assert!(!reasons.is_empty());
            assert!(
                !world.slots.contains(&design.slot)
                    || design
                        .representations
                        .iter()
                        .all(|file| !misfits(&world, file).is_empty())
            );
        }
    }
}

/// What a world is answered.
pub(super) fn inventory(bytes: &[u8]) {
    survives::<Inventory>(bytes);
}
