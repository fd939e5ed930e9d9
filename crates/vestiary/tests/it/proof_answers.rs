//! Answers of nodes to `eth_getProof`, well written and otherwise: `fixtures/storage-proofs/answers`.

use serde_json::{Value, json};
use vestiary::storage_proof::{AccountProof, MAX_PROOF_BYTES, MAX_SLOTS};

use crate::ours::{json_files, text};

/// Each file of the folder is read, or refused with the code that `expected.json` names.
#[test]
fn answers_are_read_in_one_spelling_only() {
    let files = json_files("storage-proofs/answers");
    let (expected, answers): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|(name, _)| name == "expected.json");
    let expected: Value = serde_json::from_slice(&expected[0].1).unwrap();
    assert_eq!(expected.as_object().unwrap().len(), answers.len());
    let mut read = 0;
    for (name, bytes) in &answers {
        let outcome = AccountProof::parse(bytes).map_or_else(|error| error.code(), |_| "read");
        assert_eq!(outcome, text(&expected, name), "{name}");
        read += usize::from(outcome == "read");
    }
    assert!(
        read >= 4 && answers.len() > 8 * read,
        "{read} of {}",
        answers.len()
    );
    // What is larger than is ever read is refused before it is looked at.
    let long = vec![b' '; MAX_PROOF_BYTES + 1];
    assert_eq!(AccountProof::parse(&long).unwrap_err().code(), "too_large");
    let full = answers
        .iter()
        .find(|(name, _)| name == "slot-in-full.json")
        .unwrap();
    let mut many: Value = serde_json::from_slice(&full.1).unwrap();
    let slot = many["storageProof"][0].clone();
    many["storageProof"] = json!(vec![slot; MAX_SLOTS + 1]);
    let refused = AccountProof::parse(many.to_string().as_bytes()).unwrap_err();
    assert_eq!(refused.code(), "too_many");
}
