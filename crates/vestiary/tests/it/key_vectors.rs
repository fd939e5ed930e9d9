//! Ed25519 as others test it: Wycheproof, and the did:key documents of the W3C community group.

use std::io::Read as _;

use serde_json::Value;
use vestiary::keys::PublicKey;

use crate::foreign;

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key}"))
}

#[test]
fn all_151_wycheproof_vectors_are_decided_as_the_strict_profile_says() {
    let Some(path) = foreign::path("ed25519/wycheproof_ed25519_test.json") else {
        return;
    };
    let file: Value = serde_json::from_slice(&foreign::read(path)).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for group in file["testGroups"].as_array().unwrap() {
        let key: [u8; 32] = hex::decode(text(&group["publicKey"], "pk"))
            .unwrap()
            .try_into()
            .unwrap();
        for case in group["tests"].as_array().unwrap() {
            let message = hex::decode(text(case, "msg")).unwrap();
            let signature = hex::decode(text(case, "sig")).unwrap();
            let answer = PublicKey::from_bytes(&key).and_then(|key| key.verify_strict(&message, &signature));
            if text(case, "result") == "valid" {
                assert_eq!(answer, Ok(()), "case {}", case["tcId"]);
                accepted += 1;
            } else {
                assert!(answer.is_err(), "case {}", case["tcId"]);
                refused += 1;
            }
        }
    }
    assert_eq!((accepted, refused), (88, 63));
}

#[test]
fn all_128_signatures_of_rfc_8032s_authors_are_accepted_and_none_when_altered() {
    let Some(path) = foreign::path("ed25519/golang_rfc8032_sign.input.gz") else {
        return;
    };
    let mut lines = String::new();
    flate2::read::GzDecoder::new(&foreign::read(path)[..])
        .read_to_string(&mut lines)
        .unwrap();
    let mut seen = 0;
    for line in lines.lines() {
        // secret and public key : public key : message : signature and message
        let parts: Vec<Vec<u8>> = line
            .split(':')
            .take(4)
            .map(|part| hex::decode(part).unwrap())
            .collect();
        let key = PublicKey::from_bytes(parts[1][..].try_into().unwrap()).unwrap();
        let mut signature = parts[3][..64].to_vec();
        assert_eq!(key.verify_strict(&parts[2], &signature), Ok(()), "{line}");
        signature[seen % 64] ^= 1;
        assert!(key.verify_strict(&parts[2], &signature).is_err(), "{line}");
        seen += 1;
    }
    assert_eq!(seen, 128);
}

#[test]
fn did_key_documents_name_the_key_that_we_read() {
    let Some(folder) = foreign::path("vc/did-key") else {
        return;
    };
    let file: Value = serde_json::from_slice(&foreign::read(folder.join("ed25519-x25519.json"))).unwrap();
    let documents = file.as_object().unwrap();
    assert!(!documents.is_empty());
    for (did, entry) in documents {
        let key = PublicKey::from_did(did).unwrap();
        assert_eq!(&key.to_did(), did);
        let method = &entry["didDocument"]["verificationMethod"][0];
        assert_eq!(key.to_verification_method(), text(method, "id"));
        let pair = &entry["verificationKeyPair"];
        if let Some(base58) = pair.get("publicKeyBase58").and_then(Value::as_str) {
            assert_eq!(bs58::decode(base58).into_vec().unwrap(), key.to_bytes(), "{did}");
        }
    }
    let others: Value = serde_json::from_slice(&foreign::read(folder.join("secp256k1.json"))).unwrap();
    for did in others.as_object().unwrap().keys() {
        assert!(PublicKey::from_did(did).is_err(), "{did} is not an Ed25519 key");
    }
}
