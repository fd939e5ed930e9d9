//! EIP-712 messages hashed and signed by ethers v6.

use alloy_primitives::{B256, U256};
use serde_json::Value;
use vestiary::{
    ids::{ChainId, CollectionId, parse_address, parse_b256},
    typed_data::{Claim, CommitBatch, Signature, domain_separator},
};

use crate::ours::text;

/// One message of `fixtures/typed-data`: what we make of it beside what ethers made of it.
fn check(file: &str, ours: impl Fn(&Value, u64, CollectionId) -> (B256, Value)) {
    let mut hashed = 0;
    let bytes = crate::foreign::read(crate::ours::path(file));
    let vectors: Value = serde_json::from_slice(&bytes).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        let name = text(case, "name");
        let domain = &case["typedData"]["domain"];
        let chain = domain["chainId"]
            .as_u64()
            .map_or_else(|| domain["chainId"].as_str().unwrap().parse().unwrap(), ChainId);
        let collection = CollectionId::new(chain, parse_address(text(domain, "verifyingContract")).unwrap());
        assert_eq!(
            domain_separator(collection),
            parse_b256(text(case, "domainSeparator")).unwrap(),
            "{name}"
        );

        let signing_hash = parse_b256(text(case, "signingHash")).unwrap();
        let message = &case["typedData"]["message"];
        // Ours end within 64 bits; the contract takes any.
        if let Ok(deadline) = text(message, "deadline").parse() {
            let (our_hash, wallet_json) = ours(message, deadline, collection);
            assert_eq!(our_hash, signing_hash, "{name}");
            assert_eq!(wallet_json, case["typedData"], "{name}");
            hashed += 1;
        }

        let signature: Signature = text(case, "signature").parse().unwrap();
        let signer = parse_address(text(case, "signer")).unwrap();
        assert_eq!(signature.recover(&signing_hash), Ok(signer), "{name}");
    }
    assert!(hashed > 0, "{file}");
}

fn number(message: &Value, name: &str) -> u64 {
    text(message, name).parse().unwrap()
}

#[test]
fn commit_batch_is_hashed_shown_and_recovered_as_by_ethers() {
    check("typed-data/commit-batch.json", |message, deadline, collection| {
        let commit = CommitBatch {
            design_id: text(message, "designId").parse().unwrap(),
            first_serial: text(message, "firstSerial").parse().unwrap(),
            count: number(message, "count"),
            edition: number(message, "edition"),
            terms: text(message, "terms").parse::<U256>().unwrap(),
            design_digest: parse_b256(text(message, "designDigest")).unwrap().into(),
            root: parse_b256(text(message, "root")).unwrap(),
            deadline,
        };
        (commit.signing_hash(collection), commit.wallet_json(collection))
    });
}

#[test]
fn claim_is_hashed_shown_and_recovered_as_by_ethers() {
    check("typed-data/claim.json", |message, deadline, collection| {
        let claim = Claim {
            token_id: text(message, "tokenId").parse().unwrap(),
            certificate_digest: parse_b256(text(message, "certificateDigest")).unwrap().into(),
            to: parse_address(text(message, "to")).unwrap(),
            deadline,
        };
        (claim.signing_hash(collection), claim.wallet_json(collection))
    });
}
