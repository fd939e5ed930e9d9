use std::{collections::HashSet, fs, process::Command};

use alloy_primitives::Address;
use proptest::prelude::*;
use serde::Deserialize;
use vestiary::{
    digest::Sha256,
    ids::{WearableId, parse_address, parse_b256},
    typed_data::Claim,
};
use vestiary_log::seams::SeededRandom;
use vestiary_signing::{ClaimCode, CodeError, Seed, codes::MAX_CODE_TEXT_BYTES};

use crate::support::{COLLECTION, fixture, token};

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Vector {
    seed: String,
    wearable: WearableId,
    generation: u32,
    to: String,
    deadline: String,
    certificate_digest: String,
    seed_name: String,
    code: String,
    text: String,
    #[serde(rename = "claimKey")]
    _claim_key: String,
    claim_address: String,
    claim_signature: String,
}

fn code() -> ClaimCode {
    Seed::import(&[5; 32]).code(&COLLECTION.wearable(token(1)), 0)
}

#[test]
fn codes_keys_and_claims_are_those_of_node_and_ethers() {
    let vectors: Vectors = serde_json::from_slice(&fs::read(fixture("claim-codes.json")).unwrap()).unwrap();
    assert_eq!(vectors.vectors.len(), 30);
    for vector in vectors.vectors {
        let seed = Seed::import(&parse_b256(&vector.seed).unwrap().0);
        assert_eq!(seed.name(), vector.seed_name);
        let code = seed.code(&vector.wearable, vector.generation);
        assert_eq!(*code.to_text(), vector.text);
        let bytes: [u8; 16] = hex::decode(&vector.code[2..]).unwrap().try_into().unwrap();
        assert_eq!(*ClaimCode::from_bytes(bytes).to_text(), vector.text);

        let key = ClaimCode::parse(&vector.text)
            .unwrap()
            .claim_key(&vector.wearable);
        assert_eq!(key.address(), parse_address(&vector.claim_address).unwrap());
        let digest = Sha256(parse_b256(&vector.certificate_digest).unwrap().0);
        let to = parse_address(&vector.to).unwrap();
        let signature = key.sign_claim(to, vector.deadline.parse().unwrap(), digest);
        assert_eq!(signature.to_string(), vector.claim_signature);
    }
}

/// The script that made the vectors, run again. It needs node and ethers.
#[test]
fn the_vectors_are_what_node_and_ethers_make_today() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let ethers = fs::exists(format!("{root}/contracts/node_modules/ethers")).unwrap_or(false);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/js/claim-codes.mjs");
    let run = || {
        Command::new("node")
            .arg(script)
            .arg("check")
            .arg(fixture("claim-codes.json"))
            .output()
            .ok()
    };
    let Some(output) = ethers.then(run).flatten() else {
        assert!(
            std::env::var_os("VESTIARY_STRICT").is_none_or(|v| v != "1"),
            "missing: node and ethers"
        );
        println!("missing: node and ethers, claim codes");
        return;
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("ran: node and ethers, claim codes");
}

#[test]
fn a_claim_is_signed_for_its_wearable_by_the_address_in_the_leaf() {
    let wearable = COLLECTION.wearable(token(1));
    let key = code().claim_key(&wearable);
    let (to, certificate_digest, deadline) = (Address::repeat_byte(1), Sha256([2; 32]), 1_790_000_000);
    let signature = key.sign_claim(to, deadline, certificate_digest);
    let claim = Claim {
        token_id: token(1),
        certificate_digest,
        to,
        deadline,
    };
    assert_eq!(
        signature.recover(&claim.signing_hash(COLLECTION)).unwrap(),
        key.address()
    );
    assert_eq!(key.wearable(), wearable);
}

#[test]
fn every_wearable_generation_and_seed_has_its_own_code_and_key() {
    let (seed, other) = (Seed::import(&[5; 32]), Seed::import(&[6; 32]));
    let here = COLLECTION.wearable(token(1));
    let mut elsewhere = here;
    elsewhere.collection.address = Address::ZERO;
    let mut other_chain = here;
    other_chain.collection.chain.0 = 1;
    let next = COLLECTION.wearable(token(2));
    let codes = [
        seed.code(&here, 0),
        seed.code(&here, 1),
        seed.code(&next, 0),
        seed.code(&elsewhere, 0),
        seed.code(&other_chain, 0),
        other.code(&here, 0),
    ];
    let texts: HashSet<_> = codes.iter().map(|code| code.to_text().to_string()).collect();
    assert_eq!(texts.len(), codes.len());
    // One code opens another key for each wearable.
    let addresses: HashSet<_> = [here, next, elsewhere, other_chain]
        .iter()
        .map(|w| codes[0].claim_key(w).address())
        .collect();
    assert_eq!(addresses.len(), 4);
}

#[test]
fn a_code_is_read_as_people_type_it() {
    let text = code().to_text();
    let plain = text.replace('-', "");
    for typed in [
        text.to_string(),
        text.to_lowercase(),
        plain.clone(),
        text.replace('-', " "),
        format!("  {} ", text.replace('-', "--")),
        text.replace('0', "O").replace('1', "l"),
        text.replace('0', "o").replace('1', "I"),
    ] {
        assert_eq!(ClaimCode::parse(&typed).unwrap().to_text(), text, "{typed}");
    }
}

#[test]
fn the_printed_form_is_seven_groups_without_letters_that_look_alike() {
    let text = code().to_text();
    let groups: Vec<_> = text.split('-').collect();
    assert_eq!(groups.len(), 7);
    assert!(groups.iter().all(|group| group.len() == 4));
    assert!(!text.contains(['I', 'L', 'O', 'U']));
    assert_eq!(
        *ClaimCode::from_bytes([0; 16]).to_text(),
        "0000-0000-0000-0000-0000-0000-0000"
    );
}

#[test]
fn symbols_that_no_code_has_are_refused() {
    for (position, bad) in [(1, 'U'), (3, '!'), (2, 'é'), (1, '–'), (4, '٣'), (2, '\n')] {
        let mut typed: Vec<char> = code().to_text().chars().collect();
        typed[position - 1] = bad;
        let typed: String = typed.into_iter().collect();
        assert_eq!(
            ClaimCode::parse(&typed).unwrap_err(),
            CodeError::Symbol { position },
            "{typed}"
        );
    }
}

#[test]
fn codes_with_too_few_or_too_many_symbols_are_refused() {
    let text = code().to_text();
    assert_eq!(ClaimCode::parse("").unwrap_err(), CodeError::Length { found: 0 });
    assert_eq!(
        ClaimCode::parse(&text[1..]).unwrap_err(),
        CodeError::Length { found: 27 }
    );
    assert_eq!(
        ClaimCode::parse(&format!("{}0", *text)).unwrap_err(),
        CodeError::Length { found: 29 }
    );
    let long = "0".repeat(MAX_CODE_TEXT_BYTES + 1);
    assert_eq!(ClaimCode::parse(&long).unwrap_err(), CodeError::TooLong);
    let found = MAX_CODE_TEXT_BYTES;
    assert_eq!(
        ClaimCode::parse(&long[1..]).unwrap_err(),
        CodeError::Length { found }
    );
}

#[test]
fn a_code_with_bits_behind_its_end_is_refused() {
    // c25 = 1, so c26 = (1 + 4)/3 and c27 = 1 + c26: a codeword of the check, but not a code.
    let found = (0..32 * 32).find_map(|pair| {
        let symbols = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let (a, b) = (char::from(symbols[pair / 32]), char::from(symbols[pair % 32]));
        match ClaimCode::parse(&format!("{}1{a}{b}", "0".repeat(25))) {
            Err(CodeError::Check) => None,
            other => Some(other.unwrap_err()),
        }
    });
    assert_eq!(found, Some(CodeError::Version));
}

#[test]
fn every_one_wrong_symbol_and_every_swap_is_found() {
    let text: Vec<char> = code().to_text().replace('-', "").chars().collect();
    for at in 0..text.len() {
        for symbol in "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
            .chars()
            .filter(|symbol| *symbol != text[at])
        {
            let mut typed = text.clone();
            typed[at] = symbol;
            let typed: String = typed.into_iter().collect();
            assert_eq!(ClaimCode::parse(&typed).unwrap_err(), CodeError::Check, "{typed}");
        }
        for other in (0..at).filter(|other| text[*other] != text[at]) {
            let mut typed = text.clone();
            typed.swap(at, other);
            let typed: String = typed.into_iter().collect();
            assert_eq!(ClaimCode::parse(&typed).unwrap_err(), CodeError::Check, "{typed}");
        }
    }
}

#[test]
fn errors_of_codes_have_stable_names() {
    let codes = [
        (CodeError::TooLong, "code_length"),
        (CodeError::Length { found: 1 }, "code_length"),
        (CodeError::Symbol { position: 1 }, "code_symbol"),
        (CodeError::Check, "code_check"),
        (CodeError::Version, "code_version"),
    ];
    assert!(codes.into_iter().all(|(error, code)| error.code() == code));
}

#[test]
fn generated_seeds_differ() {
    let random = SeededRandom::new(1);
    assert_ne!(Seed::generate(&random).name(), Seed::generate(&random).name());
}

proptest! {
    #[test]
    fn every_code_reads_back_the_same(bytes: [u8; 16]) {
        let text = ClaimCode::from_bytes(bytes).to_text();
        prop_assert_eq!(ClaimCode::parse(&text).unwrap().to_text(), text);
    }

    #[test]
    fn two_wrong_symbols_are_always_found(bytes: [u8; 16], a in 0_usize..28, b in 0_usize..28, x in 1_usize..32, y in 1_usize..32) {
        prop_assume!(a != b);
        let symbols = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut typed: Vec<char> = ClaimCode::from_bytes(bytes).to_text().replace('-', "").chars().collect();
        for (at, step) in [(a, x), (b, y)] {
            let value = symbols.find(typed[at]).unwrap();
            typed[at] = symbols.chars().nth((value + step) % 32).unwrap();
        }
        let typed: String = typed.into_iter().collect();
        prop_assert_eq!(ClaimCode::parse(&typed).unwrap_err(), CodeError::Check);
    }

    #[test]
    fn arbitrary_text_never_panics(text: String) {
        let _ = ClaimCode::parse(&text);
    }
}
