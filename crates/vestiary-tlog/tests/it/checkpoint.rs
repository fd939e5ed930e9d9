use proptest::prelude::*;
use vestiary_tlog::{
    Checkpoint, EMPTY_ROOT, Error, Hash, SignedCheckpoint,
    checkpoint::{self, MAX_EXTENSION_BYTES, MAX_EXTENSION_LINES, MAX_ORIGIN_BYTES, MAX_TREE_SIZE},
    note,
};

use crate::support::{self, TestKey};

const ORIGIN: &str = "example.com/behind-the-sofa";
const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

fn text(origin: &str, size: &str, root: &str) -> String {
    format!("{origin}\n{size}\n{root}\n")
}

fn refused(text: &str, error: Error) {
    assert_eq!(Checkpoint::parse(text), Err(error), "{text:?}");
}

#[test]
fn the_specifications_example_is_read() {
    let example = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
    let signed = SignedCheckpoint::parse(example.as_bytes()).unwrap();
    let checkpoint = signed.unverified();
    assert_eq!((checkpoint.origin(), checkpoint.size()), (ORIGIN, 20_852_163));
    assert_eq!(checkpoint.root().to_string(), ROOT);
    assert_eq!(signed.to_bytes(), example.as_bytes());
}

#[test]
fn extension_lines_are_kept() {
    let with = format!("{}one\ntwo\n", text(ORIGIN, "1", ROOT));
    let checkpoint = Checkpoint::parse(&with).unwrap();
    assert_eq!(checkpoint.extensions(), ["one", "two"]);
    assert_eq!(checkpoint.to_string(), with);
}

#[test]
fn sizes_that_are_not_canonical_decimals_are_refused() {
    for size in [
        "",
        "01",
        "00",
        "+1",
        "-1",
        "1 ",
        " 1",
        "0x1",
        "9223372036854775808",
        "1e3",
    ] {
        refused(&text(ORIGIN, size, ROOT), Error::Number { what: "tree size" });
    }
    assert!(Checkpoint::parse(&text(ORIGIN, &MAX_TREE_SIZE.to_string(), ROOT)).is_ok());
    let root = ROOT.parse().unwrap();
    assert_eq!(
        Checkpoint::new(ORIGIN, MAX_TREE_SIZE + 1, root),
        Err(Error::Number { what: "tree size" })
    );
}

#[test]
fn a_root_that_is_not_32_bytes_is_refused() {
    refused(
        &text(ORIGIN, "1", "AAAA"),
        Error::HashLength {
            what: "root",
            found: 3,
        },
    );
    refused(
        &text(ORIGIN, "1", ""),
        Error::HashLength {
            what: "root",
            found: 0,
        },
    );
    let long = "A".repeat(44);
    refused(
        &text(ORIGIN, "1", &long),
        Error::HashLength {
            what: "root",
            found: 33,
        },
    );
}

#[test]
fn a_root_that_is_not_canonical_base64_is_refused() {
    for root in [
        &ROOT[..43],
        "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=",
        &format!("{ROOT} "),
    ] {
        refused(&text(ORIGIN, "1", root), Error::Base64 { what: "root" });
    }
}

#[test]
fn too_few_lines_are_refused() {
    for short in ["\n", "origin\n", "origin\n1\n"] {
        refused(
            short,
            Error::Checkpoint {
                why: "fewer than three lines",
            },
        );
    }
    refused("", Error::TextWithoutNewline);
    refused(text(ORIGIN, "1", ROOT).trim_end(), Error::TextWithoutNewline);
}

#[test]
fn empty_lines_are_refused() {
    refused(&text("", "1", ROOT), Error::Checkpoint { why: "an empty line" });
    refused(
        &format!("{}\n", text(ORIGIN, "1", ROOT)),
        Error::Checkpoint { why: "an empty line" },
    );
    refused(
        &format!("{}\nextension\n", text(ORIGIN, "1", ROOT)),
        Error::Checkpoint { why: "an empty line" },
    );
}

#[test]
fn an_empty_tree_with_another_root_is_refused() {
    refused(
        &text(ORIGIN, "0", ROOT),
        Error::EmptyTreeRoot {
            found: ROOT.parse().unwrap(),
        },
    );
    assert!(Checkpoint::new(ORIGIN, 0, EMPTY_ROOT).is_ok());
}

#[test]
fn an_origin_with_a_newline_cannot_be_made() {
    let refused = Checkpoint::new("a\nb", 0, EMPTY_ROOT);
    assert_eq!(refused, Err(Error::ControlCharacter { byte: b'\n' }));
}

#[test]
fn an_origin_longer_than_the_limit_is_refused() {
    let found = MAX_ORIGIN_BYTES + 1;
    let error = Error::TooLong {
        what: "checkpoint origin",
        found,
        limit: MAX_ORIGIN_BYTES,
    };
    refused(&text(&"a".repeat(found), "1", ROOT), error);
    assert!(Checkpoint::parse(&text(&"a".repeat(MAX_ORIGIN_BYTES), "1", ROOT)).is_ok());
}

#[test]
fn extensions_beyond_the_limits_are_refused() {
    let many = text(ORIGIN, "1", ROOT) + &"x\n".repeat(MAX_EXTENSION_LINES + 1);
    refused(
        &many,
        Error::TooMany {
            what: "checkpoint extension lines",
            limit: MAX_EXTENSION_LINES,
        },
    );
    let found = MAX_EXTENSION_BYTES + 1;
    let long = format!("{}{}\n", text(ORIGIN, "1", ROOT), "x".repeat(found));
    refused(
        &long,
        Error::TooLong {
            what: "checkpoint extension",
            found,
            limit: MAX_EXTENSION_BYTES,
        },
    );
}

#[test]
fn a_text_longer_than_a_note_is_refused() {
    let long = "a".repeat(note::MAX_NOTE_BYTES + 1);
    assert!(matches!(
        Checkpoint::parse(&long),
        Err(Error::TooLong {
            what: "checkpoint",
            ..
        })
    ));
}

#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let key = TestKey::log(1);
    let bytes = support::checkpoint(&key, &support::leaves(3), 3).to_bytes();
    assert_eq!(
        checkpoint::open(&bytes, "log.example/one", &key.vkey)
            .unwrap()
            .size(),
        3
    );
    let refused = checkpoint::open(&bytes, "log.example/two", &key.vkey);
    let (found, expected) = ("log.example/one".into(), "log.example/two".into());
    assert_eq!(refused, Err(Error::OriginMismatch { found, expected }));
}

#[test]
fn a_checkpoint_signed_by_another_key_is_refused() {
    let (key, other) = (TestKey::log(1), TestKey::log(2));
    let bytes = support::checkpoint(&key, &support::leaves(3), 3).to_bytes();
    assert_eq!(
        checkpoint::open(&bytes, "log.example/one", &other.vkey),
        Err(Error::NotSignedByKnownKey)
    );
}

#[test]
fn a_witness_key_in_the_logs_place_is_refused() {
    let (key, witness) = (TestKey::log(1), TestKey::witness(1));
    let signed = support::checkpoint(&key, &support::leaves(3), 3);
    let refused = signed.verify("log.example/one", &witness.vkey, &[]);
    assert!(matches!(
        refused,
        Err(Error::SignatureTypeMismatch {
            found: 4,
            expected: 1,
            ..
        })
    ));
    let refused = signed.verify("log.example/one", &key.vkey, std::slice::from_ref(&key.vkey));
    assert!(matches!(
        refused,
        Err(Error::SignatureTypeMismatch {
            found: 1,
            expected: 4,
            ..
        })
    ));
}

proptest! {
    #[test]
    fn any_checkpoint_reads_back_the_same(
        origin in "[a-zA-Z0-9 ./é-]{1,60}", size in 1..=MAX_TREE_SIZE, root: [u8; 32],
        extensions in proptest::collection::vec("[a-z ]{1,20}", 0..4),
    ) {
        let made = Checkpoint::with_extensions(origin, size, Hash(root), extensions).unwrap();
        prop_assert_eq!(Checkpoint::parse(&made.to_string()).unwrap(), made);
    }

    #[test]
    fn arbitrary_text_never_panics_and_has_one_spelling(text in "[a-zA-Z0-9+/=\n]{0,120}") {
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.to_string(), text);
        }
    }
}
