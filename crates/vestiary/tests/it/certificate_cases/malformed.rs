//! Files that are no certificates, each for one reason, and certificates whose signature does not hold.

use serde_json::{Value, json};
use vestiary::certificate::{Certificate, MAX_CERTIFICATE_BYTES};
use vestiary::data_integrity::encode_proof_value;

use super::{Cases, Expected, Foreign, document, fields, public, sign, test_key};

const WEAK: &str = "z6MkeTG3bFFSLYVU7VqhgZxqr6YzpaGrQtFMh1uvqGy1vDnP";

pub(super) fn add(cases: &mut Cases) {
    let good = sign(fields());
    texts(cases, &good);
    values(cases, &good);
    members(cases, &good);
    signatures(cases, &good);
}

fn refuse(cases: &mut Cases, name: &str, bytes: Vec<u8>, code: &'static str, foreign: Foreign, why: &str) {
    cases.case(
        name,
        bytes,
        why,
        Expected::Refused("format", "failed", code),
        foreign,
    );
}

/// What is wrong stands in the text; as values these would be sound, or could not be written.
#[rustfmt::skip] // a table, a row or two a case
fn texts(cases: &mut Cases, good: &Certificate) {
    let bytes = good.to_bytes();
    let text = String::from_utf8(bytes.clone()).expect("UTF-8");
    let (invalid, not_asked) = (Foreign::Invalid, Foreign::NotAsked);
    let serial = r#""serial":"17""#;
    let choose = r#""choose_by":0"#;
    let deep = format!(r#""binding":{}{}"#, "[".repeat(33), "]".repeat(33));
    for (name, from, to, code, foreign, why) in [
        ("duplicate_key", serial, r#""serial":"18","serial":"17""#, "duplicate_key", not_asked,
         "the last of two serials is the signed one"),
        ("duplicate_key_escaped", serial, r#""\u0073erial":"18","serial":"17""#, "duplicate_key", not_asked,
         "one key in two spellings"),
        ("float", choose, r#""choose_by":0.0"#, "float", not_asked, "0.0 is 0 to some readers"),
        ("exponent", choose, r#""choose_by":0e0"#, "float", not_asked, "0e0 is 0 to some readers"),
        ("negative_zero", choose, r#""choose_by":-0"#, "negative_zero", not_asked, "-0 is 0 to some readers"),
        ("high_integer", choose, r#""choose_by":9007199254740993"#, "integer_out_of_range", not_asked,
         "2^53 + 1 is 2^53 to many readers"),
        ("lone_surrogate", "Maison", r"\ud800Maison", "lone_surrogate", not_asked, "half a character"),
        ("comment", serial, r#"/* seventeen */"serial":"17""#, "syntax", invalid, "JSON has no comments"),
        ("too_deep", r#""binding":"tag""#, &deep, "too_deep", not_asked, "33 levels and more"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        refuse(cases, name, changed.into_bytes(), code, foreign, why);
    }
    let mut not_utf8 = bytes.clone();
    not_utf8[text.find("Maison").expect("the name")] = 0xFF;
    let spaces = vec![b' '; MAX_CERTIFICATE_BYTES + 1 - bytes.len()];
    for (name, changed, code, foreign, why) in [
        ("invalid_utf8", not_utf8, "invalid_utf8", not_asked, "a byte that UTF-8 does not have"),
        ("byte_order_mark", [b"\xEF\xBB\xBF", &bytes[..]].concat(), "byte_order_mark", not_asked,
         "U+FEFF before the text"),
        ("trailing_data", [&bytes[..], b"{}"].concat(), "trailing_data", not_asked, "a second document"),
        ("truncated", bytes[..bytes.len() - 1].to_vec(), "truncated", invalid, "the last byte is missing"),
        ("too_large", [&bytes[..], &spaces].concat(), "too_large", not_asked, "one byte above the limit"),
        ("empty", Vec::new(), "truncated", invalid, "nothing at all"),
    ] {
        refuse(cases, name, changed, code, foreign, why);
    }
}

/// One value is replaced, the signature stays.
#[rustfmt::skip] // a table, a row or two a case
fn values(cases: &mut Cases, good: &Certificate) {
    let other_did = public(&test_key("stranger")).to_did();
    let other_method = public(&test_key("stranger")).to_verification_method();
    let not_reduced = format!(
        "did:key:z{}",
        bs58::encode([&[0xED, 0x01, 0xF0][..], &[0xFF; 30], &[0x7F]].concat()).into_string()
    );
    let upper = good.fields().wearable.to_string().replace("0xc0", "0xC0");
    let elsewhere = format!("eip155:1:0x{}", "a0".repeat(20));
    let (refused, not_asked) = (Foreign::Invalid, Foreign::NotAsked);
    for (name, pointer, value, code, foreign, why) in [
        ("unknown_format", "/format", json!("vestiary/certificate/v2"), "unknown_format", refused,
         "a later version"),
        ("unknown_type", "/type/1", json!("AlumniCredential"), "unknown_type", refused,
         "another kind of credential"),
        ("old_credentials_context", "/@context/0", json!("https://www.w3.org/2018/credentials/v1"),
         "unknown_context", refused, "data model 1.1"),
        ("unknown_context", "/@context/1", json!("https://evil.example/context"), "unknown_context", refused,
         "terms with another meaning"),
        ("unknown_proof_type", "/proof/type", json!("Ed25519Signature2020"), "unknown_proof_type", refused,
         "another proof type"),
        ("unknown_cryptosuite", "/proof/cryptosuite", json!("eddsa-rdfc-2022"), "unknown_cryptosuite", refused,
         "another suite"),
        ("unknown_proof_purpose", "/proof/proofPurpose", json!("authentication"),
         "unknown_proof_purpose", refused, "a proof for log-in"),
        // One verifier is known not to look at the proof's context.
        ("altered_proof_context", "/proof/@context/1", json!("urn:x"), "proof_context_differs", not_asked,
         "the proof was made under other contexts"),
        ("altered_proof_created", "/proof/created", json!("2030-01-01T00:00:00Z"),
         "proof_created_differs", refused, "a later signing time"),
        ("weak_key", "/issuer/id", json!(format!("did:key:{WEAK}")), "weak_key", refused,
         "the point of order 1 verifies anything"),
        ("key_not_canonical", "/issuer/id", json!(not_reduced), "key_not_canonical", refused,
         "a second encoding of a point"),
        ("did_web_issuer", "/issuer/id", json!("did:web:brand.example"), "malformed_key", refused,
         "a domain is not a key"),
        ("issuer_without_name", "/issuer", json!(public(&test_key("issuer")).to_did()), "wrong_shape", refused,
         "a string where an object belongs"),
        ("other_issuer_did", "/issuer/id", json!(other_did), "proof_key_differs", refused,
         "issuer and proof name different keys"),
        ("proof_by_other_key", "/proof/verificationMethod", json!(other_method), "proof_key_differs", refused,
         "issuer and proof name different keys"),
        ("proof_value_not_base58", "/proof/proofValue", json!("u3QAA"), "malformed_proof_value", refused,
         "another multibase"),
        ("proof_value_too_short", "/proof/proofValue", json!("z3QAA"), "malformed_proof_value", refused,
         "not 64 bytes"),
        ("serial_differs", "/credentialSubject/serial", json!("18"), "serial_differs", refused,
         "not the serial in the token id"),
        ("serial_with_leading_zero", "/credentialSubject/serial", json!("017"), "malformed_number", refused,
         "a second spelling of 17"),
        ("serial_as_number", "/credentialSubject/serial", json!(17), "wrong_shape", refused,
         "ids are strings"),
        ("beyond_edition", "/credentialSubject/edition", json!("16"), "beyond_edition", refused,
         "copy 17 of 16"),
        ("foreign_token", "/credentialSubject/id", json!(format!("{}/17", super::collection())),
         "foreign_token", refused, "a token id without a design"),
        ("upper_case_address", "/credentialSubject/id", json!(upper), "address_not_lower_case", refused,
         "ids are lower case"),
        ("registry_on_other_chain", "/credentialSubject/registry", json!(elsewhere),
         "registry_on_other_chain", refused, "a registry that cannot know the collection"),
        ("unknown_binding", "/credentialSubject/binding", json!("glue"), "unknown_binding", refused,
         "not a binding"),
        ("unsalted_value", "/credentialSubject/salted_hashes/gtin", json!("03453120000011"),
         "malformed_digest", refused, "a value where a hash belongs"),
        ("terms_as_array", "/credentialSubject/terms", json!([0, "none", 0]), "wrong_shape", refused,
         "the right values in the wrong shape"),
        ("time_with_offset", "/validFrom", json!("2025-06-15T15:06:40+00:00"), "malformed_time", refused,
         "a second spelling of one second"),
        ("deceptive_name", "/issuer/name", json!("Maison \u{202E}étÉ"), "malformed_name", refused,
         "a name that turns its letters around"),
        ("log_origin_with_space", "/credentialSubject/log", json!("log example"), "malformed_origin", refused,
         "not the name of a log"),
        ("deceptive_log_origin", "/credentialSubject/log", json!("log.example/\u{202E}6202"), "malformed_origin",
         refused, "an origin that turns its digits around"),
    ] {
        let mut document = document(good);
        *document.pointer_mut(pointer).expect(pointer) = value;
        refuse(
            cases,
            name,
            serde_json::to_vec(&document).expect("JSON"),
            code,
            foreign,
            why,
        );
    }
}

/// A member more, a member less, a member of another kind.
fn members(cases: &mut Cases, good: &Certificate) {
    let mut change = |name: &str, code, why: &str, change: &dyn Fn(&mut Value)| {
        let mut document = document(good);
        change(&mut document);
        refuse(
            cases,
            name,
            serde_json::to_vec(&document).expect("JSON"),
            code,
            Foreign::Invalid,
            why,
        );
    };
    change(
        "credential_status",
        "unknown_field",
        "its status is the chain's and the log's",
        &|document| {
            document["credentialStatus"] =
                json!({"id": "https://status.example/1#2", "type": "BitstringStatusListEntry"});
        },
    );
    change(
        "unknown_field",
        "unknown_field",
        "a promise that the format does not have",
        &|document| {
            document["credentialSubject"]["guarantee"] = json!("lifelong");
        },
    );
    change(
        "missing_terms",
        "missing_field",
        "what limits the owner is left out",
        &|document| {
            document["credentialSubject"]
                .as_object_mut()
                .expect("an object")
                .remove("terms");
        },
    );
    change("missing_proof", "missing_field", "nobody signed", &|document| {
        document.as_object_mut().expect("an object").remove("proof");
    });
    change(
        "two_proofs",
        "wrong_shape",
        "a certificate has one proof",
        &|document| {
            document["proof"] = json!([document["proof"], document["proof"]]);
        },
    );
    change(
        "third_context",
        "unknown_context",
        "the suite does not sign contexts behind the proof's",
        &|document| {
            document["@context"]
                .as_array_mut()
                .expect("an array")
                .push(json!("urn:x"));
        },
    );
}

/// Well-formed certificates that nobody signed.
fn signatures(cases: &mut Cases, good: &Certificate) {
    let mut add = |name: &str, certificate: &Certificate, why: &str| {
        let expected = Expected::Refused("signature", "failed", "bad_signature");
        cases.case(name, certificate.to_bytes(), why, expected, Foreign::Invalid);
    };
    let with = |signature: [u8; 64]| good.unsigned().clone().attach(&signature);
    let mut altered = *good.signature();
    altered[5] ^= 1;
    add("altered_proof", &with(altered), "one bit of the signature");
    add("zero_signature", &with([0; 64]), "no signature at all");
    add(
        "signature_not_reduced",
        &with(plus_group_order(*good.signature())),
        "a second spelling of the signature",
    );
    let mut small_order = [0; 64];
    small_order[0] = 1;
    add(
        "signature_of_small_order",
        &with(small_order),
        "R is the point of order 1",
    );

    let mut bytes = document(good);
    bytes["credentialSubject"]["edition"] = json!("50");
    bytes["proof"]["proofValue"] = json!(encode_proof_value(good.signature()));
    let altered = Certificate::parse(&serde_json::to_vec(&bytes).expect("JSON")).expect("well-formed");
    add("altered_edition", &altered, "fewer copies than were signed");
    bytes = document(good);
    bytes["credentialSubject"]["terms"]["recovery_until"] = json!(1_900_000_000);
    let altered = Certificate::parse(&serde_json::to_vec(&bytes).expect("JSON")).expect("well-formed");
    add("altered_terms", &altered, "a term that the issuer did not sign");
}

/// The signature with S + L instead of S: valid to a verifier that does not reduce (RFC 8032 §5.1.7).
fn plus_group_order(mut signature: [u8; 64]) -> [u8; 64] {
    const ORDER: [u8; 32] = [
        0xED, 0xD3, 0xF5, 0x5C, 0x1A, 0x63, 0x12, 0x58, 0xD6, 0x9C, 0xF7, 0xA2, 0xDE, 0xF9, 0xDE, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0_u16;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    signature
}
