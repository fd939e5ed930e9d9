use proptest::prelude::*;
use vestiary_tlog::{
    Error, Hash, TlogProof, leaf_hash, proof,
    tlog_proof::{MAX_EXTRA_BYTES, MAX_PROOF_HASHES, MAX_TLOG_PROOF_BYTES},
};

use crate::support::{self, TestKey};

const ORIGIN: &str = "log.example/one";

fn made(extra: Option<&[u8]>, index: u64, size: u64) -> (TestKey, Hash, TlogProof) {
    let key = TestKey::log(1);
    let leaves = support::leaves(size);
    let hashes = proof::inclusion(index, size, leaves.as_slice()).unwrap();
    let checkpoint = support::checkpoint(&key, &leaves, size);
    let proof = TlogProof::new(extra.map(<[u8]>::to_vec), index, hashes, checkpoint).unwrap();
    (key, leaves[usize::try_from(index).unwrap()], proof)
}

fn text() -> String {
    made(Some(b"extra data"), 2, 5).2.to_string()
}

fn refused(text: &str, error: Error) {
    assert_eq!(TlogProof::parse(text.as_bytes()), Err(error), "{text}");
}

#[test]
fn the_text_has_the_specifications_lines() {
    let (key, leaf, proof) = made(Some(b"extra data"), 2, 5);
    let text = proof.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines[..3],
        ["c2sp.org/tlog-proof@v1", "extra ZXh0cmEgZGF0YQ==", "index 2"]
    );
    assert_eq!(lines[3].parse::<Hash>().unwrap(), proof.hashes()[0]);
    assert_eq!(lines[6..9], ["", ORIGIN, "5"]);
    let read = TlogProof::parse(text.as_bytes()).unwrap();
    assert_eq!(read, proof);
    assert_eq!(read.extra(), Some(&b"extra data"[..]));
    assert_eq!(read.verify(&leaf, ORIGIN, &key.vkey).unwrap().size(), 5);
}

#[test]
fn a_log_of_one_entry_needs_no_hashes() {
    let (key, leaf, proof) = made(None, 0, 1);
    assert!(
        proof
            .to_string()
            .starts_with("c2sp.org/tlog-proof@v1\nindex 0\n\nlog.example/one\n1\n")
    );
    let read = TlogProof::parse(&proof.to_bytes()).unwrap();
    read.verify(&leaf, ORIGIN, &key.vkey).unwrap();
    assert_eq!(read.extra(), None);
}

#[test]
fn another_leaf_index_log_or_key_is_refused() {
    let (key, leaf, proof) = made(None, 2, 5);
    let other = leaf_hash(b"other");
    assert!(matches!(
        proof.verify(&other, ORIGIN, &key.vkey),
        Err(Error::RootMismatch {
            what: "inclusion",
            ..
        })
    ));
    assert!(matches!(
        proof.verify(&leaf, "log.example/two", &key.vkey),
        Err(Error::OriginMismatch { .. })
    ));
    assert_eq!(
        proof.verify(&leaf, ORIGIN, &TestKey::log(2).vkey),
        Err(Error::NotSignedByKnownKey)
    );
    let moved = proof.to_string().replace("index 2", "index 3");
    let moved = TlogProof::parse(moved.as_bytes()).unwrap();
    assert!(moved.verify(&leaf, ORIGIN, &key.vkey).is_err());
}

#[test]
fn another_first_line_is_refused() {
    let why = "the first line is another";
    for first in [
        "c2sp.org/tlog-proof@v2\n",
        "c2sp.org/tlog-proof@v1\r\n",
        " c2sp.org/tlog-proof@v1\n",
        "",
    ] {
        refused(
            &text().replace("c2sp.org/tlog-proof@v1\n", first),
            Error::TlogProof { why },
        );
    }
}

#[test]
fn a_missing_or_misplaced_index_line_is_refused() {
    let why = "no index line";
    refused(&text().replace("index 2\n", ""), Error::TlogProof { why });
    refused(
        &text().replace("index 2\n", "Index 2\n"),
        Error::TlogProof { why },
    );
    let twice = text().replace("index 2\n", "extra ZXh0cmEgZGF0YQ==\nindex 2\n");
    refused(&twice, Error::TlogProof { why });
    let swapped = text().replace(
        "extra ZXh0cmEgZGF0YQ==\nindex 2\n",
        "index 2\nextra ZXh0cmEgZGF0YQ==\n",
    );
    refused(
        &swapped,
        Error::Base64 {
            what: "tlog proof hash",
        },
    );
}

#[test]
fn an_index_that_is_not_a_canonical_decimal_is_refused() {
    for index in ["02", "+2", "", " 2", "2 ", "18446744073709551616"] {
        refused(
            &text().replace("index 2", &format!("index {index}")),
            Error::Number { what: "index" },
        );
    }
}

#[test]
fn an_index_outside_the_checkpoints_tree_is_refused() {
    refused(
        &text().replace("index 2", "index 5"),
        Error::OutsideTree {
            what: "index",
            found: 5,
            size: 5,
        },
    );
}

#[test]
fn extra_data_that_is_empty_or_not_canonical_is_refused() {
    refused(
        &text().replace("ZXh0cmEgZGF0YQ==", ""),
        Error::TlogProof {
            why: "extra data is empty",
        },
    );
    for extra in ["ZXh0cmEgZGF0YQ", "ZXh0cmEgZGF0YR==", " ZXh0cmEgZGF0YQ=="] {
        let error = Error::Base64 {
            what: "tlog proof extra data",
        };
        refused(&text().replace("ZXh0cmEgZGF0YQ==", extra), error);
    }
}

#[test]
fn a_hash_that_is_not_32_bytes_is_refused() {
    let first = made(None, 2, 5).2.hashes()[0].to_string();
    refused(
        &text().replace(&first, "AAAA"),
        Error::HashLength {
            what: "tlog proof hash",
            found: 3,
        },
    );
    refused(
        &text().replace(&first, &format!("{first} ")),
        Error::Base64 {
            what: "tlog proof hash",
        },
    );
}

#[test]
fn a_text_without_a_checkpoint_is_refused() {
    let whole = text();
    let (lines, _) = whole.split_once("\n\n").unwrap();
    refused(lines, Error::TlogProof { why: "no blank line" });
    refused(&format!("{lines}\n\n"), Error::NoSignatures);
    refused(&format!("{whole}\n"), Error::NoSignatures);
}

#[test]
fn a_text_that_is_not_utf8_is_refused() {
    assert_eq!(
        TlogProof::parse(b"\xff"),
        Err(Error::NotUtf8 { what: "tlog proof" })
    );
}

#[test]
fn lengths_beyond_the_limits_are_refused() {
    let found = MAX_TLOG_PROOF_BYTES + 1;
    let error = Error::TooLong {
        what: "tlog proof",
        found,
        limit: MAX_TLOG_PROOF_BYTES,
    };
    refused(&"a".repeat(found), error);
    let (_, _, proof) = made(None, 2, 5);
    let longest = vec![1; MAX_EXTRA_BYTES];
    let make = |extra, hashes| TlogProof::new(Some(extra), 2, hashes, proof.checkpoint().clone());
    let most = make(longest, vec![leaf_hash(b""); MAX_PROOF_HASHES]).unwrap();
    assert_eq!(TlogProof::parse(&most.to_bytes()).unwrap(), most);
    let found = MAX_EXTRA_BYTES + 1;
    let error = Error::TooLong {
        what: "tlog proof extra data",
        found,
        limit: MAX_EXTRA_BYTES,
    };
    assert_eq!(make(vec![1; found], Vec::new()), Err(error));
    let error = Error::TooMany {
        what: "tlog proof hashes",
        limit: MAX_PROOF_HASHES,
    };
    assert_eq!(
        make(vec![1], vec![leaf_hash(b""); MAX_PROOF_HASHES + 1]),
        Err(error.clone())
    );
    let line = format!("{}\n", leaf_hash(b""));
    refused(
        &text().replace(
            "index 2\n",
            &format!("index 2\n{}", line.repeat(MAX_PROOF_HASHES)),
        ),
        error,
    );
}

proptest! {
    #[test]
    fn any_proof_reads_back_the_same_and_verifies(size in 1_u64..100, index: u64, extra: Vec<u8>) {
        let extra = (!extra.is_empty()).then_some(extra.as_slice());
        let (key, leaf, proof) = made(extra, index % size, size);
        let read = TlogProof::parse(&proof.to_bytes()).unwrap();
        prop_assert_eq!(&read, &proof);
        prop_assert!(read.verify(&leaf, ORIGIN, &key.vkey).is_ok());
    }

    #[test]
    fn one_changed_byte_outside_the_extra_line_is_never_accepted(at: usize, bit in 0_u8..8) {
        let (key, leaf, proof) = made(None, 2, 5);
        let mut bytes = proof.to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let read = TlogProof::parse(&bytes);
        prop_assert!(read.and_then(|p| p.verify(&leaf, ORIGIN, &key.vkey).map(|_| ())).is_err());
    }
}
