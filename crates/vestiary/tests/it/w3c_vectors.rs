//! The vectors of the W3C Recommendation for `eddsa-jcs-2022`.

use serde_json::Value;
use vestiary::certificate::Certificate;
use vestiary::data_integrity::{self, create_signing_bytes, encode_proof_value};
use vestiary::digest::Sha256;
use vestiary::{jcs, json};

use crate::foreign;

fn read_text(folder: &std::path::Path, name: &str) -> String {
    let text = String::from_utf8(foreign::read(folder.join(name))).expect("the vectors are text");
    text.trim().to_owned()
}

fn read_json(folder: &std::path::Path, name: &str) -> Value {
    json::parse_strict(&foreign::read(folder.join(name)), 100_000).expect("the vectors are strict JSON")
}

#[test]
fn every_step_of_eddsa_jcs_2022_comes_out_as_in_the_recommendation() {
    let Some(root) = foreign::path("vc/w3c-vc-di-eddsa") else {
        return;
    };
    let folder = root.join("eddsa-jcs-2022");
    let document = read_json(&root, "unsigned.json");
    let options = read_json(&folder, "proofConfigJCS.json");

    let canonical_document = jcs::canonical(&document);
    let canonical_options = jcs::canonical(&options);
    assert_eq!(
        canonical_document,
        read_text(&folder, "canonDocJCS.txt").as_bytes()
    );
    assert_eq!(
        canonical_options,
        read_text(&folder, "proofCanonJCS.txt").as_bytes()
    );
    assert_eq!(
        Sha256::of(&canonical_document).hex(),
        read_text(&folder, "docHashJCS.txt")
    );
    assert_eq!(
        Sha256::of(&canonical_options).hex(),
        read_text(&folder, "proofHashJCS.txt")
    );
    let signing_bytes = create_signing_bytes(&document, &options).unwrap();
    assert_eq!(
        hex::encode(signing_bytes),
        read_text(&folder, "combinedHashJCS.txt")
    );

    let pair = read_json(&root, "keyPair.json");
    let secret = bs58::decode(&pair["privateKeyMultibase"].as_str().unwrap()[1..])
        .into_vec()
        .unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(secret[2..].try_into().unwrap());
    let signature = ed25519_dalek::Signer::sign(&key, &signing_bytes).to_bytes();
    assert_eq!(hex::encode(signature), read_text(&folder, "sigHexJCS.txt"));
    assert_eq!(
        encode_proof_value(&signature),
        read_text(&folder, "sigBTC58JCS.txt")
    );

    let mut secured = document;
    secured["proof"] = options;
    secured["proof"]["proofValue"] = encode_proof_value(&signature).into();
    let published = read_json(&folder, "signedJCS.json");
    assert_eq!(jcs::canonical(&secured), jcs::canonical(&published));
    let verified = data_integrity::verify(&published).unwrap();
    assert_eq!(
        verified.to_multikey(),
        pair["publicKeyMultibase"].as_str().unwrap()
    );
}

#[test]
fn an_altered_vector_is_refused() {
    let Some(root) = foreign::path("vc/w3c-vc-di-eddsa") else {
        return;
    };
    let published = read_json(&root.join("eddsa-jcs-2022"), "signedJCS.json");
    let code = |pointer: &str, value: Value| {
        let mut altered = published.clone();
        *altered.pointer_mut(pointer).unwrap() = value;
        data_integrity::verify(&altered).unwrap_err().code()
    };
    assert_eq!(code("/name", "Alumni".into()), "bad_signature");
    assert_eq!(
        code("/proof/created", "2023-02-24T23:36:39Z".into()),
        "bad_signature"
    );
    assert_eq!(code("/proof/@context/1", "urn:x".into()), "proof_context_differs");
    assert_eq!(
        code("/proof/type", "Ed25519Signature2020".into()),
        "unknown_proof_type"
    );
    assert_eq!(
        code("/proof/cryptosuite", "eddsa-rdfc-2022".into()),
        "unknown_cryptosuite"
    );
    assert_eq!(
        code("/proof/proofPurpose", "authentication".into()),
        "unknown_proof_purpose"
    );
    // Contexts added behind those of the proof are not signed, and the suite says so.
    let mut extended = published.clone();
    extended["@context"].as_array_mut().unwrap().push("urn:x".into());
    assert!(data_integrity::verify(&extended).is_ok());
    assert!(Certificate::parse(&serde_json::to_vec(&extended).unwrap()).is_err());
}

#[test]
fn other_suites_of_the_recommendation_are_refused_by_name() {
    let Some(root) = foreign::path("vc/w3c-vc-di-eddsa") else {
        return;
    };
    for (name, expected) in [
        ("Ed25519Signature2020/signedEdSig.json", "unknown_proof_type"),
        ("eddsa-rdfc-2022/signedDataInt.json", "unknown_cryptosuite"),
    ] {
        assert_eq!(
            data_integrity::verify(&read_json(&root, name))
                .unwrap_err()
                .code(),
            expected,
            "{name}"
        );
    }
}
