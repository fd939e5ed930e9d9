//! EIP-712 messages hashed and signed by ethers v6.

use alloy_primitives::{B256, U256};
use serde_json::Value;
use vestiary::{
    ids::{ChainId, CollectionId, parse_address, parse_b256},
    typed_data::{
        Claim, CommitBatch, Signature, domain_separator,
        messages::{self, Message},
    },
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
        let deadline = message["deadline"].as_str().or(message["until"].as_str());
        if let Ok(deadline) = deadline.unwrap().parse() {
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

fn check_message<M: Message + std::fmt::Debug>(file: &str) {
    check(&format!("typed-data/{file}.json"), |message, _, collection| {
        let read = M::from_json(message).unwrap();
        assert_eq!(read.to_json(), *message);
        refuses_other_forms::<M>(message);
        (
            read.signing_hash(collection.account()),
            read.wallet_json(collection.account()),
        )
    });
}

/// Whatever is changed about a message's form, it is refused: one message has one spelling.
fn refuses_other_forms<M: Message + std::fmt::Debug>(message: &Value) {
    let code = |message: &Value| M::from_json(message).unwrap_err().code();
    assert_eq!(code(&Value::Null), "message_fields");
    let mut more = message.clone();
    more["more"] = Value::from("0");
    assert_eq!(code(&more), "message_fields");
    for (name, value) in message.as_object().unwrap() {
        let mut less = message.clone();
        less.as_object_mut().unwrap().remove(name);
        assert_eq!(code(&less), "message_fields", "{name}");
        let padded = value.as_str().map(|text| format!("0{text}")).unwrap_or_default();
        for other in [
            Value::Null,
            Value::from(7),
            Value::from(padded),
            Value::from("0X00"),
        ] {
            let mut changed = message.clone();
            changed[name.as_str()] = other;
            assert_eq!(code(&changed), "message_field", "{name}");
        }
    }
    // A number that its type cannot hold is none: what is hashed of it, no contract would hash.
    for (kind, name) in M::fields() {
        let bits = kind.strip_prefix("uint").and_then(|bits| bits.parse().ok());
        if let Some(bits) = bits.filter(|bits: &u32| *bits < 256) {
            let most = (1_u128 << bits) - 1;
            let mut changed = message.clone();
            changed[*name] = Value::from(most.to_string());
            assert!(M::from_json(&changed).is_ok(), "{name} {most}");
            changed[*name] = Value::from((most + 1).to_string());
            assert_eq!(code(&changed), "message_field", "{name} {most} + 1");
        }
    }
}

#[test]
fn every_message_of_owners_and_keys_is_hashed_shown_and_recovered_as_by_ethers() {
    check_message::<messages::Voucher>("voucher");
    check_message::<messages::ReplaceClaimKey>("replace-claim-key");
    check_message::<messages::Take>("take");
    check_message::<messages::Give>("give");
    check_message::<messages::Burn>("burn");
    check_message::<messages::SetUser>("set-user");
    check_message::<messages::Offer>("offer");
    check_message::<messages::MarkLost>("mark-lost");
    check_message::<messages::AskClearLost>("ask-clear-lost");
    check_message::<messages::AcceptRevision>("accept-revision");
    check_message::<messages::Choose>("choose");
}

#[test]
fn every_message_to_estate_and_recovery_is_hashed_shown_and_recovered_as_by_ethers() {
    check_message::<messages::SetWill>("set-will");
    check_message::<messages::StillHere>("still-here");
    check_message::<messages::OpenEstate>("open-estate");
    check_message::<messages::SetGuardians>("set-guardians");
    check_message::<messages::KeepGuardians>("keep-guardians");
    check_message::<messages::Veto>("veto");
    check_message::<messages::Recover>("recover");
    check_message::<messages::StopRecovery>("stop-recovery");
    check_message::<messages::ClearLost>("clear-lost");
}

#[test]
fn the_types_are_those_that_the_contracts_hash() {
    let library = include_str!("../../../../contracts/src/libraries/VestiaryTypes.sol");
    for hashed in messages::types() {
        assert!(library.contains(&format!("\"{hashed}\"")), "{hashed}");
    }
    let hashed = library.matches("_TYPEHASH =").count();
    // The domain, CommitBatch and Claim stand elsewhere.
    assert_eq!(messages::types().len(), hashed - 3);
}
