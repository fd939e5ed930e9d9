use super::*;
use crate::{ids::ChainId, terms::Kept};
use alloy_primitives::U256;
use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;
use vestiary_tlog::note::KeyName;

fn key(seed: u8) -> (SigningKey, PublicKey) {
    let secret = SigningKey::from_bytes(&[seed; 32]);
    let public = PublicKey::from_bytes(&secret.verifying_key().to_bytes()).unwrap();
    (secret, public)
}

fn vkey(name: &str, seed: u8) -> VerifierKey {
    let name = KeyName::new(name).unwrap();
    VerifierKey::new(name, SignatureType::Ed25519, &key(seed).1.to_bytes()).unwrap()
}

fn collection() -> CollectionId {
    CollectionId::new(ChainId(31337), Address::repeat_byte(0xab))
}

fn log_opened() -> LogOpened {
    let account = |byte| AccountId::new(ChainId(31337), Address::repeat_byte(byte));
    LogOpened {
        origin: "log.example/vestiary".into(),
        shard: "1".into(),
        registry: account(1),
        anchoring_account: account(2),
        checkpoint_vkey: vkey("log.example/vestiary", 1),
        receipt_vkey: vkey("log.example/vestiary/receipt", 2),
    }
}

fn batch_body() -> BatchStatement {
    BatchStatement {
        collection: collection(),
        design_id: DesignId::new(1).unwrap(),
        first_serial: Serial::new(1).unwrap(),
        count: 200,
        root: B256::repeat_byte(0x22),
        idempotency_key_sha256: Sha256::of(b"key"),
    }
}

fn batch() -> Issued<BatchStatement> {
    let (secret, by) = key(3);
    let unsigned = Unsigned {
        by,
        body: batch_body(),
    };
    let signature = secret.sign(&unsigned.signing_input()).to_bytes();
    unsigned.attach(signature)
}

fn samples() -> Vec<Statement> {
    let (_, by) = key(3);
    let design = DesignStatement {
        collection: collection(),
        design_id: DesignId::new(7).unwrap(),
        digest: Sha256([9; 32]),
        edition: Edition(500),
        terms: Terms {
            choose_by: 1,
            default: Kept::Digital,
            recovery_until: 2,
        },
    };
    vec![
        Statement::LogOpened(log_opened()),
        Statement::IssuerObserved(IssuerObserved {
            issuer_id: IssuerId::new(1).unwrap(),
            account: collection().account(),
            did: "did:web:maison.example".into(),
        }),
        Statement::Design(Unsigned { by, body: design }.attach([7; 64])),
        Statement::CertificateIssued(CertificateIssued {
            token_id: TokenId(U256::from(18_446_744_073_709_551_617_u128)),
            digest: Sha256([1; 32]),
            claim_key: Address::repeat_byte(0xcd),
            batch: B256::repeat_byte(0x22),
        }),
        Statement::Batch(batch()),
    ]
}

/// Changes the JSON of a sample and gives the code of the refusal.
fn refused(sample: &Statement, change: impl FnOnce(&mut Value)) -> &'static str {
    let mut value: Value = serde_json::from_slice(&sample.to_bytes().unwrap()).unwrap();
    change(&mut value);
    Statement::parse(&jcs::canonical(&value)).unwrap_err().code()
}

#[test]
fn every_type_reads_as_it_is_written_and_is_canonical() {
    for statement in samples() {
        let bytes = statement.to_bytes().unwrap();
        assert_eq!(Statement::parse(&bytes).unwrap(), statement);
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["type"], statement.type_name());
        assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), bytes);
    }
}

#[test]
fn a_certificate_statement_has_these_bytes() {
    let bytes = samples()[3].to_bytes().unwrap();
    let expected = format!(
        concat!(
            r#"{{"batch":"0x{}","claim_key":"0x{}","digest":"sha256:{}","#,
            r#""token_id":"18446744073709551617","type":"certificate_issued","v":1}}"#
        ),
        "22".repeat(32),
        "cd".repeat(20),
        "01".repeat(32)
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn an_issuer_signs_the_prefix_and_everything_but_the_signature() {
    let batch = batch();
    batch.verify_issuer_signature().unwrap();
    let input = batch.signing_input();
    let signed: Value = serde_json::from_slice(input.strip_prefix(SIGNING_PREFIX).unwrap()).unwrap();
    assert_eq!(signed["by"], batch.by.to_string());
    assert_eq!(signed.get("sig"), None);
}

#[test]
fn a_signature_over_another_body_or_by_another_key_is_refused() {
    let mut other_body = batch();
    other_body.body.count += 1;
    assert!(other_body.verify_issuer_signature().is_err());
    let other_key = Issued {
        by: key(4).1,
        ..batch()
    };
    assert!(other_key.verify_issuer_signature().is_err());
}

#[test]
fn another_spelling_of_the_same_json_is_refused() {
    let text = String::from_utf8(samples()[1].to_bytes().unwrap()).unwrap();
    for other in [
        format!(" {text}"),
        text.replace("\"v\":1", "\"v\": 1"),
        text.replace("did:web", "d\\u0069d:web"),
        text.replace(r#","v":1}"#, "}").replacen('{', r#"{"v":1,"#, 1),
    ] {
        assert_eq!(
            Statement::parse(other.as_bytes()).unwrap_err().code(),
            "not_canonical",
            "{other}"
        );
    }
}

#[test]
fn unknown_or_missing_fields_types_and_versions_are_refused() {
    for sample in samples() {
        assert_eq!(
            refused(&sample, |value| value["more"] = 1.into()),
            "unknown_field"
        );
        assert_eq!(
            refused(&sample, |value| value["v"] = 2.into()),
            "statement_version"
        );
        assert_eq!(
            refused(&sample, |value| value["v"] = "1".into()),
            "statement_version"
        );
        assert_eq!(
            refused(&sample, |value| value["type"] = "revocation".into()),
            "statement_unknown_type"
        );
        assert_eq!(
            refused(&sample, |value| value["type"] = 1.into()),
            "statement_unknown_type"
        );
        let value: Value = serde_json::from_slice(&sample.to_bytes().unwrap()).unwrap();
        for name in value
            .as_object()
            .unwrap()
            .keys()
            .filter(|name| !["v", "type"].contains(&name.as_str()))
        {
            let code = refused(&sample, |value| drop(value.as_object_mut().unwrap().remove(name)));
            assert_eq!(code, "missing_field", "{} without {name}", sample.type_name());
            let code = refused(&sample, |value| value[name] = Value::Null);
            assert_eq!(code, "wrong_shape", "{} with null {name}", sample.type_name());
        }
    }
}

#[test]
fn a_statement_without_issuer_cannot_carry_a_signature() {
    let code = refused(&samples()[3], |value| value["sig"] = "z".into());
    assert_eq!(code, "unknown_field");
}

#[test]
fn duplicate_keys_floats_and_large_texts_are_refused() {
    let code = |text: &str| Statement::parse(text.as_bytes()).unwrap_err().code();
    assert_eq!(code(r#"{"type":"batch","type":"batch","v":1}"#), "duplicate_key");
    assert_eq!(code(r#"{"type":"batch","v":1.0}"#), "float");
    assert_eq!(code("[]"), "wrong_shape");
    assert_eq!(code(&" ".repeat(MAX_STATEMENT_BYTES)), "truncated");
    assert_eq!(code(&" ".repeat(MAX_STATEMENT_BYTES + 1)), "too_large");
}

#[test]
fn values_that_are_not_what_their_field_holds_are_refused() {
    let [opened, observed, design, certificate, batch] = &samples()[..] else {
        panic!()
    };
    assert_eq!(
        refused(batch, |value| value["count"] = "0".into()),
        "bad_serial_range"
    );
    assert_eq!(refused(batch, |value| value["count"] = 200.into()), "wrong_shape");
    assert_eq!(
        refused(batch, |value| value["first_serial"] = "0".into()),
        "wrong_shape"
    );
    assert_eq!(refused(batch, |value| value["by"] = "z6Mk".into()), "wrong_shape");
    assert_eq!(refused(batch, |value| value["sig"] = "z1".into()), "wrong_shape");
    assert_eq!(
        refused(design, |value| value["terms"]["default"] = "all".into()),
        "wrong_shape"
    );
    assert_eq!(
        refused(design, |value| value["digest"] = "sha256:00".into()),
        "wrong_shape"
    );
    let mixed_case = "0xAbababababababababababababababababababab";
    assert_eq!(
        refused(certificate, |value| value["claim_key"] = mixed_case.into()),
        "wrong_shape"
    );
    assert_eq!(
        refused(observed, |value| value["did"] = "web:a".into()),
        "statement_text"
    );
    assert_eq!(
        refused(observed, |value| value["did"] = "did:web:a b".into()),
        "statement_text"
    );
    assert_eq!(
        refused(observed, |value| value["issuer_id"] = "0".into()),
        "wrong_shape"
    );
    assert_eq!(
        refused(opened, |value| value["shard"] = "".into()),
        "statement_text"
    );
    assert_eq!(
        refused(opened, |value| value["shard"] = "A".into()),
        "statement_text"
    );
    assert_eq!(
        refused(opened, |value| value["origin"] = "other".into()),
        "statement_key_name"
    );
    let swapped = |value: &mut Value| value["receipt_vkey"] = value["checkpoint_vkey"].clone();
    assert_eq!(refused(opened, swapped), "statement_key_name");
    let elsewhere = AccountId::new(ChainId(1), Address::ZERO).to_string();
    assert_eq!(
        refused(opened, |value| value["registry"] = elsewhere.into()),
        "statement_chain_mismatch"
    );
}

#[test]
fn the_limits_of_texts_are_their_constants() {
    let observed = |length: usize| {
        Statement::IssuerObserved(IssuerObserved {
            issuer_id: IssuerId::new(1).unwrap(),
            account: collection().account(),
            did: format!("did:web:{}", "a".repeat(length - 8)),
        })
    };
    assert!(observed(MAX_DID_BYTES).to_bytes().is_ok());
    assert_eq!(
        observed(MAX_DID_BYTES + 1).to_bytes().unwrap_err().code(),
        "statement_text"
    );
    let origin = "a".repeat(crate::certificate::MAX_ORIGIN_BYTES);
    let named = |origin: &str| {
        let checkpoint_vkey = vkey(origin, 1);
        let receipt_vkey = vkey(&format!("{origin}/receipt"), 2);
        let origin = origin.into();
        Statement::LogOpened(LogOpened {
            origin,
            checkpoint_vkey,
            receipt_vkey,
            ..log_opened()
        })
        .to_bytes()
    };
    assert!(named(&origin).is_ok());
    assert_eq!(named(&format!("{origin}a")).unwrap_err().code(), "statement_text");
    let opened = |length: usize| {
        Statement::LogOpened(LogOpened {
            shard: "a".repeat(length),
            ..log_opened()
        })
    };
    assert!(opened(MAX_SHARD_BYTES).to_bytes().is_ok());
    assert_eq!(
        opened(MAX_SHARD_BYTES + 1).to_bytes().unwrap_err().code(),
        "statement_text"
    );
}

proptest! {
    #[test]
    fn certificate_statements_survive_bytes(token: [u8; 32], digest: [u8; 32], key: [u8; 20], batch: [u8; 32]) {
        let statement = Statement::CertificateIssued(CertificateIssued {
            token_id: TokenId(U256::from_be_bytes(token)),
            digest: Sha256(digest),
            claim_key: key.into(),
            batch: batch.into(),
        });
        prop_assert_eq!(Statement::parse(&statement.to_bytes().unwrap()), Ok(statement));
    }

    #[test]
    fn batch_statements_survive_bytes(design in 1u64.., first in 1u64..1 << 63, count in 1u64..1 << 63, sig in any::<[u8; 32]>()) {
        let body = BatchStatement {
            design_id: DesignId::new(design).unwrap(),
            first_serial: Serial::new(first).unwrap(),
            count,
            ..batch_body()
        };
        let mut signature = [0; 64];
        signature[32..].copy_from_slice(&sig);
        let statement = Statement::Batch(Unsigned { by: key(3).1, body }.attach(signature));
        prop_assert_eq!(Statement::parse(&statement.to_bytes().unwrap()), Ok(statement));
    }

    #[test]
    fn a_changed_byte_never_reads_as_the_same_statement(which in 0usize..5, at: prop::sample::Index, byte: u8) {
        let statement = &samples()[which];
        let mut bytes = statement.to_bytes().unwrap();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        if let Ok(other) = Statement::parse(&bytes) {
            prop_assert_ne!(&other, statement);
        }
    }

    #[test]
    fn no_bytes_make_the_parser_panic(text in r#"\{"(type|v|by)":("batch"|1|"design"),.{0,60}"#) {
        let _ = Statement::parse(text.as_bytes());
    }
}
