use vestiary::{
    digest::Sha256,
    ids::Edition,
    receipt::Receipt,
    statement::{DesignStatement, Unsigned},
    terms::Terms,
};
use vestiary_log::{CheckpointSigner, seams::SeededRandom};
use vestiary_signing::{CheckpointKey, Ed25519Key, Error, Memory, Purpose, Refusal};
use vestiary_tlog::{Checkpoint, EMPTY_ROOT, checkpoint};

use crate::support::{COLLECTION, ORIGIN, batch, certificate, design, ed25519, hash, range, root};

fn design_statement(key: &Ed25519Key, byte: u8) -> Unsigned<DesignStatement> {
    let body = DesignStatement {
        collection: COLLECTION,
        design_id: design(),
        digest: Sha256([byte; 32]),
        edition: Edition::OPEN,
        terms: Terms::default(),
    };
    Unsigned {
        by: key.public_key(),
        body,
    }
}

fn receipt(size: u64, byte: u8) -> Receipt {
    Receipt {
        origin: ORIGIN.to_owned(),
        batch_index: 2,
        leaf_hash: hash(1),
        size,
        root: hash(byte),
        collection: COLLECTION,
        design_id: design(),
        serials: range(1, 5),
        commit_by: 1_790_000_000,
    }
}

#[test]
fn a_certificate_is_signed_and_signed_again_the_same() {
    let (key, memory) = (ed25519(Purpose::Certificate), Memory::fresh());
    let sign = || {
        key.sign_certificate(&memory, certificate(key.public_key(), 1, "Maison"))
            .unwrap()
    };
    let signed = sign();
    signed.verify_signature().unwrap();
    assert_eq!(sign().to_bytes(), signed.to_bytes());
}

#[test]
fn a_second_certificate_for_one_wearable_is_refused_with_both_digests() {
    let (key, memory) = (ed25519(Purpose::Certificate), Memory::fresh());
    let first = key
        .sign_certificate(&memory, certificate(key.public_key(), 1, "Maison"))
        .unwrap();
    let second = certificate(key.public_key(), 1, "Atelier");
    let digest = second.digest();
    let Err(Error::Refused(refusal)) = key.sign_certificate(&memory, second) else {
        panic!()
    };
    assert_eq!(refusal.code(), "two_certificates");
    let Refusal::TwoCertificates {
        remembered, asked, ..
    } = refusal
    else {
        panic!()
    };
    assert_eq!((remembered, asked), (first.digest(), digest));
    key.sign_certificate(&memory, certificate(key.public_key(), 2, "Atelier"))
        .unwrap();
}

#[test]
fn a_certificate_that_names_another_key_is_refused() {
    let (key, other) = (
        ed25519(Purpose::Certificate),
        Ed25519Key::import(Purpose::Certificate, &[8; 32]).unwrap(),
    );
    let refused = key.sign_certificate(&Memory::fresh(), certificate(other.public_key(), 1, "Maison"));
    assert!(matches!(refused, Err(Error::NotOurs { .. })));
    let memory = Memory::fresh();
    let refused = key.sign_design(&memory, design_statement(&other, 1));
    assert!(matches!(refused, Err(Error::NotOurs { .. })));
    let refused = key.sign_batch(&memory, batch(other.public_key(), 1, 5, root(1)));
    assert!(matches!(refused, Err(Error::NotOurs { .. })));
}

#[test]
fn each_document_wants_a_key_of_its_purpose() {
    let memory = Memory::fresh();
    let wrong = |outcome: Result<(), Error>| {
        assert!(matches!(outcome, Err(Error::WrongPurpose { .. })), "{outcome:?}");
    };
    for purpose in [
        Purpose::Checkpoint,
        Purpose::Receipt,
        Purpose::Entitlement,
        Purpose::Webhook,
    ] {
        let key = ed25519(purpose);
        wrong(
            key.sign_certificate(&memory, certificate(key.public_key(), 1, "Maison"))
                .map(drop),
        );
        wrong(key.sign_design(&memory, design_statement(&key, 1)).map(drop));
        wrong(
            key.sign_batch(&memory, batch(key.public_key(), 1, 5, root(1)))
                .map(drop),
        );
    }
    let checkpoint = Checkpoint::new(ORIGIN, 0, EMPTY_ROOT).unwrap();
    for purpose in [
        Purpose::Certificate,
        Purpose::Receipt,
        Purpose::Entitlement,
        Purpose::Webhook,
    ] {
        wrong(ed25519(purpose).sign_checkpoint(&memory, &checkpoint).map(drop));
        let joined = CheckpointKey::new(ed25519(purpose).into(), Memory::fresh().into(), ORIGIN);
        wrong(joined.map(drop));
    }
    for purpose in [
        Purpose::Certificate,
        Purpose::Checkpoint,
        Purpose::Entitlement,
        Purpose::Webhook,
    ] {
        wrong(ed25519(purpose).sign_receipt(&memory, &receipt(5, 1)).map(drop));
    }
    for purpose in [Purpose::Certificate, Purpose::Entitlement, Purpose::Webhook] {
        wrong(ed25519(purpose).verifier_key(ORIGIN).map(drop));
    }
}

#[test]
fn a_design_is_stated_with_one_document_only() {
    let (key, memory) = (ed25519(Purpose::Certificate), Memory::fresh());
    let signed = key.sign_design(&memory, design_statement(&key, 1)).unwrap();
    signed.verify_issuer_signature().unwrap();
    assert_eq!(
        key.sign_design(&memory, design_statement(&key, 1)).unwrap(),
        signed
    );
    let refused = key.sign_design(&memory, design_statement(&key, 2));
    assert!(matches!(refused, Err(Error::Refused(Refusal::TwoDesigns { .. }))));
}

#[test]
fn a_batch_statement_is_signed_once_for_its_serials() {
    let (key, memory) = (ed25519(Purpose::Certificate), Memory::fresh());
    let signed = key
        .sign_batch(&memory, batch(key.public_key(), 1, 5, root(1)))
        .unwrap();
    signed.verify_issuer_signature().unwrap();
    assert_eq!(
        key.sign_batch(&memory, batch(key.public_key(), 1, 5, root(1)))
            .unwrap(),
        signed
    );
    let refused = key.sign_batch(&memory, batch(key.public_key(), 1, 5, root(2)));
    let Err(Error::Refused(refusal)) = refused else {
        panic!()
    };
    assert_eq!(refusal.code(), "two_roots");
    let refused = key.sign_batch(&memory, batch(key.public_key(), 1, 0, root(2)));
    assert!(matches!(refused, Err(Error::Refused(Refusal::NoRange))));
}

#[test]
fn a_checkpoint_is_signed_under_the_logs_name() {
    let (key, memory) = (ed25519(Purpose::Checkpoint), Memory::fresh());
    let signed = key
        .sign_checkpoint(&memory, &Checkpoint::new(ORIGIN, 3, hash(1)).unwrap())
        .unwrap();
    let vkey = key.verifier_key(ORIGIN).unwrap();
    assert_eq!(
        checkpoint::open(&signed.to_bytes(), ORIGIN, &vkey)
            .unwrap()
            .size(),
        3
    );
    let again = key
        .sign_checkpoint(&memory, &Checkpoint::new(ORIGIN, 3, hash(1)).unwrap())
        .unwrap();
    assert_eq!(again, signed);
}

#[test]
fn the_log_writers_signer_signs_and_refuses_alike() {
    let key = CheckpointKey::new(
        ed25519(Purpose::Checkpoint).into(),
        Memory::fresh().into(),
        ORIGIN,
    )
    .unwrap();
    let signed = key.sign(&Checkpoint::new(ORIGIN, 3, hash(1)).unwrap()).unwrap();
    checkpoint::open(&signed, ORIGIN, &key.verifier_key()).unwrap();
    let refused = key
        .sign(&Checkpoint::new(ORIGIN, 3, hash(2)).unwrap())
        .unwrap_err();
    assert!(refused.to_string().contains("contradicts"), "{refused}");
}

#[test]
fn a_receipt_is_signed_under_its_own_name() {
    let (key, memory) = (ed25519(Purpose::Receipt), Memory::fresh());
    let signed = key.sign_receipt(&memory, &receipt(5, 1)).unwrap();
    let vkey = key.verifier_key(ORIGIN).unwrap();
    assert_eq!(vkey.name().as_str(), "log.example/vestiary/receipt");
    assert_eq!(signed.verify(&vkey).unwrap(), &receipt(5, 1));
}

#[test]
fn a_receipt_for_a_tree_that_contradicts_a_checkpoint_is_refused() {
    let memory = Memory::fresh();
    let checkpoint = Checkpoint::new(ORIGIN, 5, hash(1)).unwrap();
    ed25519(Purpose::Checkpoint)
        .sign_checkpoint(&memory, &checkpoint)
        .unwrap();
    let key = ed25519(Purpose::Receipt);
    key.sign_receipt(&memory, &receipt(5, 1)).unwrap();
    let refused = key.sign_receipt(&memory, &receipt(5, 2));
    assert!(matches!(
        refused,
        Err(Error::Refused(Refusal::TwoCheckpoints { size: 5, .. }))
    ));
}

#[test]
fn a_malformed_receipt_is_refused() {
    let key = ed25519(Purpose::Receipt);
    let outside = Receipt {
        batch_index: 5,
        ..receipt(5, 1)
    };
    assert!(matches!(
        key.sign_receipt(&Memory::fresh(), &outside),
        Err(Error::Receipt(_))
    ));
}

#[test]
fn an_origin_that_cannot_name_a_key_is_refused() {
    let refused = ed25519(Purpose::Checkpoint).verifier_key("not a name");
    assert!(matches!(refused, Err(Error::Note(_))));
}

#[test]
fn an_ed25519_key_cannot_have_an_accounts_purpose() {
    for purpose in [Purpose::Submitter, Purpose::Issuer, Purpose::ClaimSeed] {
        let refused = Ed25519Key::generate(purpose, &SeededRandom::new(1));
        assert!(matches!(refused, Err(Error::WrongAlgorithm { .. })));
    }
}
