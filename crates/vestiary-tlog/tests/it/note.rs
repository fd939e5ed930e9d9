use proptest::prelude::*;
use vestiary_tlog::{
    Error, KeyName, SignatureType, SignedNote, VerifierKey,
    note::{
        self, MAX_KEY_NAME_BYTES, MAX_NOTE_BYTES, MAX_SIGNATURE_BYTES, MAX_SIGNATURES, MAX_VERIFIER_KEY_BYTES,
    },
};

use crate::support::TestKey;

const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const PETER_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

fn peter() -> VerifierKey {
    PETER.parse().unwrap()
}

fn parse(note: &str) -> Result<SignedNote, Error> {
    SignedNote::parse(note.as_bytes())
}

/// A note with `lines` in place of signature lines.
fn with_lines(lines: &str) -> Result<SignedNote, Error> {
    parse(&format!("{TEXT}\n{lines}"))
}

fn line_refused(lines: &str, line: usize, why: &'static str) {
    assert_eq!(
        with_lines(lines),
        Err(Error::SignatureLine { line, why }),
        "{lines:?}"
    );
}

#[test]
fn the_go_documentations_note_verifies_with_both_keys() {
    let note = with_lines(&format!("{PETER_LINE}{ENOCH_LINE}")).unwrap();
    let keys = [peter(), ENOCH.parse().unwrap()];
    let names: Vec<_> = note
        .verify(&keys)
        .unwrap()
        .iter()
        .map(|v| v.key.name().to_string())
        .collect();
    assert_eq!(names, ["PeterNeumann", "EnochRoot"]);
    assert_eq!(note.text(), TEXT);
}

#[test]
fn signing_with_the_go_documentations_key_gives_its_bytes() {
    // The documentation's private key `PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz`.
    let seed = "810a1402d5146c8d84f2443330f54080ebf98ee17d9c74f6252fc5d5c7283173";
    let seed = hex::decode(seed).unwrap().try_into().unwrap();
    let key = TestKey::of("PeterNeumann", SignatureType::Ed25519, &seed);
    assert_eq!(key.vkey.to_string(), PETER);
    let note = note::sign(TEXT, &key.vkey, |message| key.sign(message)).unwrap();
    assert_eq!(
        String::from_utf8(note.to_bytes()).unwrap(),
        format!("{TEXT}\n{PETER_LINE}")
    );
}

#[test]
fn signatures_of_unknown_keys_are_ignored() {
    let note = with_lines(&format!("{ENOCH_LINE}{PETER_LINE}")).unwrap();
    assert_eq!(note.verify(&[peter()]).unwrap().len(), 1);
    // The same name with another id, or the same id with another name, is an unknown key.
    let other_name = PETER_LINE.replace("PeterNeumann", "PeterNewmann");
    let other_id = PETER_LINE.replace("x08go", "x18go");
    let note = with_lines(&format!("{other_name}{other_id}{PETER_LINE}")).unwrap();
    assert_eq!(note.verify(&[peter()]).unwrap().len(), 1);
}

#[test]
fn an_unknown_signature_with_a_control_character_in_its_name_is_ignored() {
    // The specification bars white space and the plus sign from names, and U+0000 to U+001F from the whole note.
    for name in ["Enoch\u{80}Root", "Enoch\u{7f}Root", "Enoch\u{9b}Root"] {
        let lines = format!("{}{PETER_LINE}", ENOCH_LINE.replace("EnochRoot", name));
        let note = with_lines(&lines).unwrap();
        assert_eq!(note.verify(&[peter()]).unwrap().len(), 1, "{name:?}");
        assert_eq!(note.to_bytes(), format!("{TEXT}\n{lines}").into_bytes());
    }
    for name in [
        "Enoch\u{85}Root",
        "Enoch\u{a0}Root",
        "Enoch+Root",
        "Enoch\u{1b}Root",
    ] {
        let lines = format!("{}{PETER_LINE}", ENOCH_LINE.replace("EnochRoot", name));
        assert!(with_lines(&lines).is_err(), "{name:?}");
    }
}

#[test]
fn a_key_that_signed_twice_counts_once() {
    let note = with_lines(&format!("{PETER_LINE}{PETER_LINE}")).unwrap();
    assert_eq!(note.verify(&[peter()]).unwrap().len(), 1);
}

#[test]
fn a_note_without_a_known_key_is_refused() {
    let note = with_lines(ENOCH_LINE).unwrap();
    assert_eq!(note.verify(&[peter()]), Err(Error::NotSignedByKnownKey));
    assert_eq!(note.verify(&[]), Err(Error::NotSignedByKnownKey));
}

#[test]
fn one_bad_signature_of_a_known_key_refuses_the_note() {
    let bad = PETER_LINE.replace("o/ZJ", "o/ZK");
    let note = with_lines(&format!("{PETER_LINE}{bad}")).unwrap();
    let refused = Error::SignatureInvalid {
        name: "PeterNeumann".into(),
        id: peter().id(),
    };
    assert_eq!(note.verify(&[peter()]), Err(refused));
}

#[test]
fn a_signature_of_the_wrong_length_is_refused() {
    let note = with_lines("— PeterNeumann x08go/ZJkuBS\n").unwrap();
    let refused = Error::SignatureInvalid {
        name: "PeterNeumann".into(),
        id: peter().id(),
    };
    assert_eq!(note.verify(&[peter()]), Err(refused));
}

#[test]
fn changed_text_is_refused() {
    let note = parse(&format!(
        "{}\n{PETER_LINE}",
        TEXT.replace("problem is", "answer is")
    ))
    .unwrap();
    assert!(matches!(
        note.verify(&[peter()]),
        Err(Error::SignatureInvalid { .. })
    ));
}

#[test]
fn two_known_keys_with_one_name_and_id_are_ambiguous() {
    let note = with_lines(PETER_LINE).unwrap();
    let refused = Error::KeysAmbiguous {
        name: "PeterNeumann".into(),
        id: peter().id(),
    };
    assert_eq!(note.verify(&[peter(), peter()]), Err(refused));
}

#[test]
fn a_text_may_hold_blank_lines() {
    let key = TestKey::log(1);
    let text = "one\n\n— not a signature\n\n\n";
    let note = note::sign(text, &key.vkey, |m| key.sign(m)).unwrap();
    let read = SignedNote::parse(&note.to_bytes()).unwrap();
    assert_eq!(read.text(), text);
    assert_eq!(read, note);
}

#[test]
fn a_note_that_is_not_utf8_is_refused() {
    assert_eq!(
        SignedNote::parse(b"\xff\n\n"),
        Err(Error::NotUtf8 { what: "note" })
    );
}

#[test]
fn control_characters_are_refused() {
    for byte in (0..0x20_u8).filter(|b| *b != b'\n') {
        let note = format!("a{}b\n\n{PETER_LINE}", char::from(byte));
        assert_eq!(parse(&note), Err(Error::ControlCharacter { byte }));
    }
    // Carriage returns in particular: no second spelling of the line ends.
    let crlf = format!("{TEXT}\n{PETER_LINE}").replace('\n', "\r\n");
    assert_eq!(parse(&crlf), Err(Error::ControlCharacter { byte: b'\r' }));
}

#[test]
fn a_note_without_signatures_is_refused() {
    for note in ["", "\n", "text\n", "text", "text\n\n"] {
        assert_eq!(parse(note), Err(Error::NoSignatures), "{note:?}");
    }
}

#[test]
fn a_signature_line_without_newline_is_refused() {
    line_refused(PETER_LINE.trim_end(), 1, "no newline at the end");
}

#[test]
fn a_signature_line_without_an_em_dash_is_refused() {
    line_refused(
        &PETER_LINE.replace('—', "-"),
        1,
        "it does not start with an em dash",
    );
    line_refused(
        &format!("{PETER_LINE}{}", PETER_LINE.replace('—', "–")),
        2,
        "it does not start with an em dash",
    );
}

#[test]
fn a_signature_line_without_signature_is_refused() {
    line_refused("— PeterNeumann\n", 1, "no space after the key name");
    line_refused("— PeterNeumann x08g\n", 1, "shorter than a key id");
    line_refused("— PeterNeumann x08gow==\n", 1, "no signature after the key id");
}

#[test]
fn a_signature_line_with_an_empty_name_is_refused() {
    assert_eq!(
        with_lines("—  x08go/ZJkuBS\n"),
        Err(Error::KeyName { name: String::new() })
    );
}

#[test]
fn a_signature_that_is_not_canonical_base64_is_refused() {
    let no_padding = PETER_LINE.replace("nAM=", "nAM");
    let trailing_bits = PETER_LINE.replace("nAM=", "nAN=");
    let url_alphabet = PETER_LINE.replace('/', "_");
    let space = PETER_LINE.replace("o/ZJ", "o/ ZJ");
    for lines in [no_padding, trailing_bits, url_alphabet, space] {
        assert_eq!(
            with_lines(&lines),
            Err(Error::Base64 { what: "signature" }),
            "{lines}"
        );
    }
}

#[test]
fn a_note_longer_than_the_limit_is_refused() {
    let note = vec![b'a'; MAX_NOTE_BYTES + 1];
    let refused = Error::TooLong {
        what: "note",
        found: MAX_NOTE_BYTES + 1,
        limit: MAX_NOTE_BYTES,
    };
    assert_eq!(SignedNote::parse(&note), Err(refused));
    let key = TestKey::log(1);
    let text = "a".repeat(MAX_NOTE_BYTES - 1) + "\n";
    assert!(matches!(
        note::sign(&text, &key.vkey, |m| key.sign(m)),
        Err(Error::TooLong { what: "note", .. })
    ));
}

#[test]
fn more_signatures_than_the_limit_are_refused() {
    let most = with_lines(&PETER_LINE.repeat(MAX_SIGNATURES)).unwrap();
    let refused = Error::TooMany {
        what: "signatures",
        limit: MAX_SIGNATURES,
    };
    assert_eq!(
        with_lines(&PETER_LINE.repeat(MAX_SIGNATURES + 1)),
        Err(refused.clone())
    );
    let one_more = most.signatures()[0].clone();
    assert_eq!(most.clone().add(one_more), Err(refused));
}

#[test]
fn a_signature_longer_than_the_limit_is_refused() {
    let mut note = with_lines(PETER_LINE).unwrap();
    let mut signature = note.signatures()[0].clone();
    signature.bytes = vec![1; MAX_SIGNATURE_BYTES - 4];
    note.add(signature.clone()).unwrap();
    assert_eq!(SignedNote::parse(&note.to_bytes()).unwrap(), note);
    signature.bytes.push(1);
    let found = MAX_SIGNATURE_BYTES + 1;
    let refused = Error::TooLong {
        what: "signature",
        found,
        limit: MAX_SIGNATURE_BYTES,
    };
    assert_eq!(note.add(signature), Err(refused));
    let line = format!("— a {}\n", "A".repeat((MAX_SIGNATURE_BYTES + 8) / 3 * 4));
    assert!(matches!(
        with_lines(&line),
        Err(Error::TooLong {
            what: "signature",
            ..
        })
    ));
}

#[test]
fn key_names_with_spaces_plus_or_control_characters_are_refused() {
    for name in ["", "a b", "a+b", "a\u{a0}b", "a\u{2003}b", "a\nb", "a\u{7f}b"] {
        assert_eq!(
            KeyName::new(name),
            Err(Error::KeyName { name: name.into() }),
            "{name:?}"
        );
    }
    assert!(KeyName::new("é".repeat(MAX_KEY_NAME_BYTES / 2)).is_ok());
    let refused = Error::TooLong {
        what: "key name",
        found: 256,
        limit: MAX_KEY_NAME_BYTES,
    };
    assert_eq!(KeyName::new("a".repeat(256)), Err(refused));
}

#[test]
fn malformed_verifier_keys_are_refused() {
    let refused = |vkey: &str, error: Error| assert_eq!(vkey.parse::<VerifierKey>(), Err(error), "{vkey}");
    refused(
        "PeterNeumann+c74f20a3",
        Error::VerifierKey {
            why: "not three parts joined by +",
        },
    );
    let why = "key id is not 8 lower-case hexadecimal digits";
    for id in ["C74F20A3", "c74f20a", "c74f20a33", "+74f20a3", "c74f20g3"] {
        refused(&PETER.replacen("c74f20a3", id, 1), Error::VerifierKey { why });
    }
    refused(
        "PeterNeumann+c74f20a3+",
        Error::VerifierKey {
            why: "no signature type",
        },
    );
    refused(
        "PeterNeumann+c74f20a3+AQ==",
        Error::VerifierKey {
            why: "public key is not 32 bytes",
        },
    );
    refused(
        &format!("{PETER}AAAA"),
        Error::VerifierKey {
            why: "public key is not 32 bytes",
        },
    );
    refused(&format!("{PETER}\n"), Error::Base64 { what: "verifier key" });
    refused(
        &PETER.replace("PeterNeumann", ""),
        Error::KeyName { name: String::new() },
    );
    let found = MAX_VERIFIER_KEY_BYTES + 1;
    let limit = MAX_VERIFIER_KEY_BYTES;
    refused(
        &"a".repeat(found),
        Error::TooLong {
            what: "verifier key",
            found,
            limit,
        },
    );
}

#[test]
fn a_verifier_key_of_an_unsupported_type_is_refused() {
    let material = [2; 33];
    let vkey = format!("a+00000000+{}", base64(&material));
    assert_eq!(
        vkey.parse::<VerifierKey>(),
        Err(Error::SignatureTypeUnsupported { found: 2 })
    );
}

#[test]
fn a_verifier_key_with_another_keys_id_is_refused() {
    let refused = PETER.replacen("c74f20a3", "c74f20a4", 1).parse::<VerifierKey>();
    assert!(matches!(refused, Err(Error::KeyIdMismatch { .. })));
    let refused = PETER.replacen("Peter", "Petra", 1).parse::<VerifierKey>();
    assert!(matches!(refused, Err(Error::KeyIdMismatch { .. })));
}

#[test]
fn weak_keys_are_refused() {
    let name = KeyName::new("a").unwrap();
    // The eight points of small order, in their canonical encodings.
    for weak in [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ] {
        let key = hex::decode(weak).unwrap().try_into().unwrap();
        let refused = VerifierKey::new(name.clone(), SignatureType::Ed25519, &key);
        assert_eq!(refused, Err(Error::PublicKeyWeak), "{weak}");
    }
}

#[test]
fn keys_that_are_not_canonical_points_are_refused() {
    let name = KeyName::new("a").unwrap();
    for bad in [
        // y = p + 3, a point of large order written with a y that is not reduced.
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // y = p + 1, the identity written so.
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // y = 2 is on no point.
        "0200000000000000000000000000000000000000000000000000000000000000",
        // The identity with a sign.
        "0100000000000000000000000000000000000000000000000000000000000080",
    ] {
        let key = hex::decode(bad).unwrap().try_into().unwrap();
        let refused = VerifierKey::new(name.clone(), SignatureType::Ed25519, &key);
        assert_eq!(refused, Err(Error::PublicKeyInvalid), "{bad}");
    }
}

#[test]
fn a_text_without_newline_or_with_control_characters_is_not_signed() {
    let key = TestKey::log(1);
    let sign = |text| note::sign(text, &key.vkey, |m| key.sign(m));
    assert_eq!(sign("text"), Err(Error::TextWithoutNewline));
    assert_eq!(sign(""), Err(Error::TextWithoutNewline));
    assert_eq!(sign("a\tb\n"), Err(Error::ControlCharacter { byte: b'\t' }));
}

#[test]
fn a_signer_with_another_key_than_it_says_is_refused() {
    let (key, other) = (TestKey::log(1), TestKey::log(2));
    let refused = note::sign("text\n", &key.vkey, |m| other.sign(m));
    assert_eq!(
        refused,
        Err(Error::SignatureInvalid {
            name: "log.example/one".into(),
            id: key.vkey.id()
        })
    );
}

#[test]
fn a_witness_key_does_not_sign_plain_notes() {
    let key = TestKey::witness(1);
    let refused = note::sign("text\n", &key.vkey, |m| key.sign(m));
    assert!(matches!(
        refused,
        Err(Error::SignatureTypeMismatch {
            found: 4,
            expected: 1,
            ..
        })
    ));
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

proptest! {
    #[test]
    fn any_text_signed_reads_back_the_same(text in "[^\\x00-\\x09\\x0b-\\x1f]{0,200}", seed: u8) {
        let key = TestKey::log(seed);
        let note = note::sign(&format!("{text}\n"), &key.vkey, |m| key.sign(m)).unwrap();
        let read = SignedNote::parse(&note.to_bytes()).unwrap();
        prop_assert_eq!(&read, &note);
        prop_assert!(read.verify(std::slice::from_ref(&key.vkey)).is_ok());
    }

    #[test]
    fn whatever_is_accepted_is_spelled_one_way(bytes in "[a-z \n—+=A/]{0,80}") {
        if let Ok(note) = SignedNote::parse(bytes.as_bytes()) {
            prop_assert_eq!(note.to_bytes(), bytes.into_bytes());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = SignedNote::parse(&bytes);
    }

    #[test]
    fn one_changed_byte_is_never_accepted(at in 0_usize..1000, bit in 0_u8..8) {
        let mut bytes = format!("{TEXT}\n{PETER_LINE}").into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let verified = SignedNote::parse(&bytes).and_then(|note| note.verify(&[peter()]).map(|_| ()));
        prop_assert!(verified.is_err());
    }

    #[test]
    fn verifier_keys_read_back_the_same(seed: [u8; 32], name in "[a-zA-Z0-9./:-]{1,60}", witness: bool) {
        let signature_type = if witness { SignatureType::CosignatureV1 } else { SignatureType::Ed25519 };
        let key = TestKey::of(&name, signature_type, &seed).vkey;
        prop_assert_eq!(key.to_string().parse::<VerifierKey>().unwrap(), key);
    }
}
