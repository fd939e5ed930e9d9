use ed25519_dalek::{Signer as _, SigningKey};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::ids::{ChainId, CollectionId, DesignId, LAST_SERIAL, TokenId};
use crate::jcs;
use crate::terms::{Kept, MAX_TERM_TIME_S};
use crate::timestamp::MAX_UNIX_SECONDS;

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn fields() -> CertificateFields {
    let chain = ChainId(31337);
    let collection = CollectionId::new(chain, [0xC0; 20].into());
    let token_id = TokenId::new(DesignId::new(1).unwrap(), Serial::new(17).unwrap());
    CertificateFields {
        issuer_key: PublicKey::from_bytes(key().verifying_key().as_bytes()).unwrap(),
        issuer_name: "Maison Été".to_owned(),
        issuer_id: IssuerId::new(1).unwrap(),
        registry: AccountId::new(chain, [0xA0; 20].into()),
        wearable: collection.wearable(token_id),
        log_origin: "log.example/2026".to_owned(),
        design: Sha256::of(b"design"),
        edition: Edition(500),
        licence: Sha256::of(b"licence"),
        terms: Terms {
            choose_by: 1_900_000_000,
            default: Kept::Physical,
            recovery_until: 1_800_000_000,
        },
        binding: Binding::Tag,
        salted_hashes: [("gtin".to_owned(), salted_hash("gtin", "03453120000011", &[1; 32]))].into(),
        valid_from: Timestamp::new(1_795_000_000).unwrap(),
    }
}

fn signed(fields: CertificateFields) -> Certificate {
    let unsigned = UnsignedCertificate::new(fields).unwrap();
    let signature = key().sign(&unsigned.signing_bytes()).to_bytes();
    unsigned.attach(&signature)
}

/// The code with which the certificate is refused after one place in it was replaced.
fn code_with(pointer: &str, value: Value) -> &'static str {
    let mut document: Value = serde_json::from_slice(&signed(fields()).to_bytes()).unwrap();
    *document.pointer_mut(pointer).expect(pointer) = value;
    Certificate::parse(&serde_json::to_vec(&document).unwrap()).map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn a_certificate_reads_as_it_was_written_and_verifies() {
    let certificate = signed(fields());
    let bytes = certificate.to_bytes();
    let read = Certificate::parse(&bytes).unwrap();
    assert_eq!(read, certificate);
    assert_eq!(read.fields(), &fields());
    assert_eq!(read.verify_signature(), Ok(()));
    let value: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(jcs::canonical(&value), bytes);
    assert_eq!(data_integrity::verify(&value), Ok(fields().issuer_key));
}

#[test]
fn white_space_order_and_escapes_do_not_matter() {
    let certificate = signed(fields());
    let value: Value = serde_json::from_slice(&certificate.to_bytes()).unwrap();
    let pretty = serde_json::to_string_pretty(&value)
        .unwrap()
        .replace("vestiary", "\\u0076estiary");
    assert_eq!(Certificate::parse(pretty.as_bytes()), Ok(certificate));
}

#[test]
fn the_digest_is_the_second_half_of_what_is_signed() {
    let unsigned = UnsignedCertificate::new(fields()).unwrap();
    assert_eq!(unsigned.signing_bytes()[32..], unsigned.digest().0);
    assert_eq!(unsigned.digest(), Sha256::of(unsigned.document_bytes()));
}

#[test]
fn the_context_document_is_the_pinned_one() {
    assert_eq!(
        Sha256::of(WEARABLE_CONTEXT_DOCUMENT.as_bytes()).hex(),
        WEARABLE_CONTEXT_SHA256
    );
    let document: Value = serde_json::from_str(WEARABLE_CONTEXT_DOCUMENT).unwrap();
    let terms = document["@context"].as_object().unwrap();
    let certificate: Value = serde_json::from_slice(&signed(fields()).to_bytes()).unwrap();
    let names = certificate["credentialSubject"]
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| *name != "id");
    for name in names.chain([&"format".to_owned(), &TYPES[1].to_owned()]) {
        assert!(terms.contains_key(name), "{name} has no meaning in JSON-LD");
    }
}

#[test]
fn fields_that_contradict_each_other_are_refused() {
    let code = |change: fn(&mut CertificateFields)| {
        let mut fields = fields();
        change(&mut fields);
        UnsignedCertificate::new(fields).map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(code(|f| f.edition = Edition(17)), "ok");
    assert_eq!(code(|f| f.edition = Edition(16)), "beyond_edition");
    assert_eq!(code(|f| f.edition = Edition::OPEN), "ok");
    assert_eq!(code(|f| f.registry.chain = ChainId(1)), "registry_on_other_chain");
    assert_eq!(
        code(|f| f.wearable.token_id = "17".parse().unwrap()),
        "foreign_token"
    );
    assert_eq!(
        code(|f| f.terms.choose_by = MAX_TERM_TIME_S + 1),
        "terms_time_too_large"
    );
}

#[test]
fn limits_hold_at_exactly_the_limit() {
    let code = |change: &dyn Fn(&mut CertificateFields)| {
        let mut fields = fields();
        change(&mut fields);
        UnsignedCertificate::new(fields).map_or_else(|error| error.code(), |_| "ok")
    };
    assert_eq!(code(&|f| f.issuer_name = "n".repeat(MAX_NAME_BYTES)), "ok");
    assert_eq!(
        code(&|f| f.issuer_name = "n".repeat(MAX_NAME_BYTES + 1)),
        "malformed_name"
    );
    for name in [
        "",
        " n",
        "n ",
        "a\nb",
        "a\u{202E}b",
        "a\u{200B}b",
        "a\u{FEFF}b",
        "\u{0}",
    ] {
        assert_eq!(
            code(&|f| f.issuer_name = name.to_owned()),
            "malformed_name",
            "{name:?}"
        );
    }
    assert_eq!(code(&|f| f.log_origin = "o".repeat(MAX_ORIGIN_BYTES)), "ok");
    assert_eq!(
        code(&|f| f.log_origin = "o".repeat(MAX_ORIGIN_BYTES + 1)),
        "malformed_origin"
    );
    for origin in ["", "a b", "a+b", "a\nb", "a\u{a0}b"] {
        assert_eq!(
            code(&|f| f.log_origin = origin.to_owned()),
            "malformed_origin",
            "{origin:?}"
        );
    }
    let many = |count: usize| (0..count).map(|i| (format!("h{i}"), Sha256([0; 32]))).collect();
    assert_eq!(code(&|f| f.salted_hashes = many(MAX_SALTED_HASHES)), "ok");
    assert_eq!(
        code(&|f| f.salted_hashes = many(MAX_SALTED_HASHES + 1)),
        "malformed_salted_hashes"
    );
    let named = |name: &str| [(name.to_owned(), Sha256([0; 32]))].into();
    assert_eq!(
        code(&|f| f.salted_hashes = named(&"s".repeat(MAX_SALTED_NAME_BYTES))),
        "ok"
    );
    for name in [
        "",
        "Gtin",
        "1a",
        "a-b",
        "é",
        "s s",
        &"s".repeat(MAX_SALTED_NAME_BYTES + 1),
    ] {
        assert_eq!(
            code(&|f| f.salted_hashes = named(name)),
            "malformed_salted_hashes",
            "{name:?}"
        );
    }
}

#[test]
fn the_largest_certificate_is_well_below_the_size_limit() {
    let mut fields = fields();
    fields.issuer_name = "\u{e9}".repeat(MAX_NAME_BYTES / 2);
    fields.log_origin = "\u{10FFFD}".repeat(MAX_ORIGIN_BYTES / 4);
    fields.salted_hashes = (0..MAX_SALTED_HASHES)
        .map(|i| {
            (
                format!("{}{i:x}", "s".repeat(MAX_SALTED_NAME_BYTES - 1)),
                Sha256([0xFF; 32]),
            )
        })
        .collect();
    let size_bytes = signed(fields).to_bytes().len();
    assert!(size_bytes < 6 * 1024, "{size_bytes}");
    let padded = [vec![b' '; MAX_CERTIFICATE_BYTES + 1]].concat();
    assert_eq!(Certificate::parse(&padded).unwrap_err().code(), "too_large");
}

#[test]
fn each_wrong_field_is_refused_with_its_code() {
    let weak = "did:key:z6MkeTG3bFFSLYVU7VqhgZxqr6YzpaGrQtFMh1uvqGy1vDnP";
    for (pointer, value, expected) in [
        (
            "/@context/0",
            json!("https://www.w3.org/2018/credentials/v1"),
            "unknown_context",
        ),
        (
            "/@context/1",
            json!("urn:vestiary:wearable:v2"),
            "unknown_context",
        ),
        ("/type/1", json!("AlumniCredential"), "unknown_type"),
        ("/format", json!("vestiary/certificate/v2"), "unknown_format"),
        ("/issuer/id", json!("did:web:brand.example"), "malformed_key"),
        ("/issuer/id", json!(weak), "weak_key"),
        ("/issuer", json!("did:key:z6Mk"), "wrong_shape"),
        ("/validFrom", json!("2026-11-21"), "malformed_time"),
        (
            "/validFrom",
            json!("2026-11-21T00:00:00Z"),
            "proof_created_differs",
        ),
        ("/proof/created", json!("yesterday"), "malformed_time"),
        ("/proof/type", json!("Ed25519Signature2020"), "unknown_proof_type"),
        (
            "/proof/cryptosuite",
            json!("eddsa-rdfc-2022"),
            "unknown_cryptosuite",
        ),
        (
            "/proof/proofPurpose",
            json!("authentication"),
            "unknown_proof_purpose",
        ),
        ("/proof/@context/1", json!("urn:x"), "proof_context_differs"),
        (
            "/proof/verificationMethod",
            json!("did:key:z6Mk"),
            "malformed_verification_method",
        ),
        (
            "/proof/verificationMethod",
            json!("did:key:a#b"),
            "malformed_verification_method",
        ),
        (
            "/proof/verificationMethod",
            json!("did:key:a#a"),
            "proof_key_differs",
        ),
        ("/proof/proofValue", json!("u1234"), "malformed_proof_value"),
        ("/proof/proofValue", json!("z1234"), "malformed_proof_value"),
        ("/proof", json!([]), "wrong_shape"),
        (
            "/credentialSubject/terms",
            json!([1_900_000_000, "physical", 1_800_000_000]),
            "wrong_shape",
        ),
        (
            "/credentialSubject/id",
            json!("eip155:1/erc721:0xAB/1"),
            "malformed_address",
        ),
        ("/credentialSubject/issuer_id", json!("0"), "malformed_number"),
        ("/credentialSubject/issuer_id", json!(1), "wrong_shape"),
        ("/credentialSubject/serial", json!("18"), "serial_differs"),
        ("/credentialSubject/edition", json!("+500"), "malformed_number"),
        (
            "/credentialSubject/edition",
            json!("18446744073709551616"),
            "malformed_number",
        ),
        (
            "/credentialSubject/design",
            json!("sha256:00"),
            "malformed_digest",
        ),
        ("/credentialSubject/binding", json!("glue"), "unknown_binding"),
        (
            "/credentialSubject/salted_hashes/gtin",
            json!("03453120000011"),
            "malformed_digest",
        ),
        ("/credentialSubject/terms/default", json!("both"), "wrong_shape"),
        ("/credentialSubject/terms", json!({}), "missing_field"),
        (
            "/credentialSubject/terms/choose_by",
            json!(1_099_511_627_776_u64),
            "wrong_shape",
        ),
    ] {
        assert_eq!(code_with(pointer, value.clone()), expected, "{pointer} {value}");
    }
}

#[test]
fn a_field_more_or_less_is_refused_wherever_it_stands() {
    let document: Value = serde_json::from_slice(&signed(fields()).to_bytes()).unwrap();
    let code = |document: &Value| {
        Certificate::parse(&serde_json::to_vec(document).unwrap()).map_or_else(|e| e.code(), |_| "ok")
    };
    for object in [
        "",
        "/credentialSubject",
        "/credentialSubject/terms",
        "/issuer",
        "/proof",
    ] {
        let names: Vec<String> = document
            .pointer(object)
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        for name in names {
            let mut less = document.clone();
            less.pointer_mut(object)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(&name);
            assert_eq!(code(&less), "missing_field", "{object}/{name}");
        }
        let mut more = document.clone();
        let status = json!({"id": "https://status.example/1#2", "type": "BitstringStatusListEntry"});
        more.pointer_mut(object).unwrap()["credentialStatus"] = status;
        assert_eq!(code(&more), "unknown_field", "{object}");
    }
}

#[test]
fn every_altered_byte_is_noticed() {
    let bytes = signed(fields()).to_bytes();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let sound = Certificate::parse(&altered).is_ok_and(|read| read.verify_signature().is_ok());
        assert!(!sound, "byte {at}");
    }
}

prop_compose! {
    fn any_fields()(
        chain: u64,
        addresses: [[u8; 20]; 2],
        design_id in 1..=u64::MAX,
        serial in 1..=LAST_SERIAL,
        open: bool,
        spare: u64,
        issuer_id in 1..=u64::MAX,
        issuer_name in "[^\\p{C}\\p{Z}\u{2060}-\u{206f}]{1,20}( [\"\\\\a-z]{1,5})?",
        log_origin in "[^\\p{C}\\p{Z}+\\s]{1,40}",
        digests: [[u8; 32]; 3],
        times in [0..=MAX_TERM_TIME_S, 0..=MAX_TERM_TIME_S, 0..=MAX_UNIX_SECONDS],
        kept in prop_oneof![Just(Kept::None), Just(Kept::Physical), Just(Kept::Digital)],
        binding in prop_oneof![Just(Binding::None), Just(Binding::Code), Just(Binding::Chip)],
        names in prop::collection::btree_set("[a-z][a-z0-9_]{0,31}", 0..8),
    ) -> CertificateFields {
        let chain = ChainId(chain);
        let token_id = TokenId::new(DesignId::new(design_id).unwrap(), Serial::new(serial).unwrap());
        CertificateFields {
            issuer_name,
            issuer_id: IssuerId::new(issuer_id).unwrap(),
            registry: AccountId::new(chain, addresses[0].into()),
            wearable: CollectionId::new(chain, addresses[1].into()).wearable(token_id),
            log_origin,
            design: Sha256(digests[0]),
            edition: if open { Edition::OPEN } else { Edition(serial.saturating_add(spare).min(LAST_SERIAL)) },
            licence: Sha256(digests[1]),
            terms: Terms { choose_by: times[0], default: kept, recovery_until: times[1] },
            binding,
            salted_hashes: names.into_iter().map(|name| (name, Sha256(digests[2]))).collect(),
            valid_from: Timestamp::new(times[2]).unwrap(),
            ..fields()
        }
    }
}

proptest! {
    #[test]
    fn the_straight_writer_agrees_with_the_generic_canonicaliser(fields in any_fields()) {
        let certificate = signed(fields);
        let bytes = certificate.to_bytes();
        prop_assert!(crate::json::check(&bytes, MAX_CERTIFICATE_BYTES).is_ok());
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(&jcs::canonical(&value), &bytes);
        prop_assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), bytes.clone());
        let mut document = value.clone();
        let mut options = document.as_object_mut().unwrap().remove("proof").unwrap();
        options.as_object_mut().unwrap().remove("proofValue");
        prop_assert_eq!(&jcs::canonical(&document), &certificate.unsigned().document_bytes());
        prop_assert_eq!(
            data_integrity::create_signing_bytes(&document, &options).unwrap(),
            certificate.unsigned().signing_bytes()
        );
        prop_assert_eq!(Certificate::parse(&bytes).unwrap(), certificate);
    }
}
