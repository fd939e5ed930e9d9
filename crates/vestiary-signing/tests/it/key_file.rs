use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::Arc,
};

use vestiary::ids::IssuerId;
use vestiary_log::seams::SeededRandom;
use vestiary_signing::{
    AccountKey, Algorithm, Ed25519Key, Error, KdfCost, KeyFile, MAX_PASSPHRASE_BYTES, Passphrase, Purpose,
    Seed, StoredKey,
    key_file::{MAX_KEY_FILE_BYTES, MAX_M_KIB, MIN_M_KIB},
};

use crate::support::{ANVIL_SECRET, account, ed25519, fixture};

const PASSPHRASE: &str = "correct horse battery staple";

fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.to_owned()).unwrap()
}

fn read(name: &str) -> Result<KeyFile, Error> {
    KeyFile::parse(&fs::read(fixture("keys").join(name)).unwrap())
}

fn unlock<K: StoredKey>(file: &KeyFile, purpose: Purpose) -> Result<K, Error> {
    file.unlock(purpose, &passphrase(), KdfCost::Development)
}

/// A development key file with one text replaced by another.
fn altered(from: &str, to: &str) -> Result<Ed25519Key, Error> {
    let sealed = ed25519(Purpose::Checkpoint)
        .seal(&passphrase(), KdfCost::Development, &SeededRandom::new(1))
        .unwrap();
    let text = String::from_utf8(sealed).unwrap();
    assert!(text.contains(from), "{text}");
    unlock(
        &KeyFile::parse(text.replacen(from, to, 1).as_bytes())?,
        Purpose::Checkpoint,
    )
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> &'static str {
    outcome.unwrap_err().code()
}

#[test]
fn the_fixtures_are_what_is_written_and_read() {
    // Made with predictable salts and nonces, so that the bytes are always the same.
    let write = |name: &str, sealed: Result<Vec<u8>, Error>| {
        let (path, sealed) = (fixture("keys").join(name), sealed.unwrap());
        if std::env::var_os("VESTIARY_WRITE_FIXTURES").is_some() {
            fs::write(&path, &sealed).unwrap();
        }
        assert_eq!(
            fs::read_to_string(path).unwrap(),
            String::from_utf8(sealed).unwrap()
        );
    };
    let (word, dev) = (passphrase(), KdfCost::Development);
    let standard = ed25519(Purpose::Checkpoint).seal(&word, KdfCost::Standard, &SeededRandom::new(1));
    write("checkpoint-standard.key.json", standard);
    write(
        "checkpoint-development.key.json",
        ed25519(Purpose::Checkpoint).seal(&word, dev, &SeededRandom::new(2)),
    );
    write(
        "issuer-1-development.key.json",
        account(Purpose::Issuer).seal(&word, dev, &SeededRandom::new(3)),
    );
    write(
        "claim-seed-1-development.key.json",
        Seed::import(&[5; 32]).seal(&word, dev, &SeededRandom::new(4)),
    );

    let file = read("checkpoint-standard.key.json").unwrap();
    assert_eq!(
        (file.purpose(), file.algorithm()),
        (Purpose::Checkpoint, Algorithm::Ed25519)
    );
    assert_eq!(file.cost(), KdfCost::Standard);
    let key: Ed25519Key = file
        .unlock(Purpose::Checkpoint, &word, KdfCost::Standard)
        .unwrap();
    assert_eq!(key.public_key(), ed25519(Purpose::Checkpoint).public_key());
    assert_eq!(file.public(), key.public_key().to_multikey());

    let file = read("issuer-1-development.key.json").unwrap();
    assert_eq!(file.public(), "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
    assert_eq!(
        file.to_string(),
        "issuer key 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    );
    unlock::<AccountKey>(&file, Purpose::Issuer).unwrap();

    let seed: Seed = unlock(
        &read("claim-seed-1-development.key.json").unwrap(),
        Purpose::ClaimSeed,
    )
    .unwrap();
    assert_eq!(seed.name(), Seed::import(&[5; 32]).name());
}

#[test]
fn files_named_after_what_is_wrong_are_refused_for_it() {
    for (name, purpose, expected) in [
        ("purpose-changed-to-receipt", Purpose::Receipt, "key_unlock"),
        (
            "development-key-that-calls-itself-standard",
            Purpose::Checkpoint,
            "key_kdf_weak",
        ),
        (
            "memory-of-two-gibibytes",
            Purpose::Checkpoint,
            "key_kdf_excessive",
        ),
        ("passes-below-the-minimum", Purpose::Checkpoint, "key_kdf_weak"),
        ("duplicate-key", Purpose::Checkpoint, "key_malformed"),
        ("unknown-field", Purpose::Checkpoint, "key_malformed"),
        ("cipher-of-another-name", Purpose::Checkpoint, "key_malformed"),
        (
            "algorithm-of-another-purpose",
            Purpose::Checkpoint,
            "key_malformed",
        ),
        ("ciphertext-cut-short", Purpose::Checkpoint, "key_malformed"),
    ] {
        let outcome =
            read(&format!("refused/{name}.key.json")).and_then(|file| unlock::<Ed25519Key>(&file, purpose));
        assert_eq!(code(outcome), expected, "{name}");
    }
    assert_eq!(fs::read_dir(fixture("keys/refused")).unwrap().count(), 9);
}

#[test]
fn a_key_saved_is_loaded_again_from_a_file_that_only_its_owner_reads() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir
        .path()
        .join(Purpose::Certificate.file_name(Some(IssuerId::new(1).unwrap())));
    assert!(path.ends_with("certificate-1.key.json"));
    let random = SeededRandom::new(9);
    let key = Ed25519Key::generate(Purpose::Certificate, &random).unwrap();
    key.save(&path, &passphrase(), KdfCost::Development, &random)
        .unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "nothing is left beside it"
    );
    let loaded = Ed25519Key::load(&path, Purpose::Certificate, &passphrase(), KdfCost::Development).unwrap();
    assert_eq!(loaded.public_key(), key.public_key());
}

#[test]
fn a_key_is_never_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.key.json");
    fs::write(&path, "precious").unwrap();
    let save = |path: &Path| {
        ed25519(Purpose::Receipt).save(path, &passphrase(), KdfCost::Development, &SeededRandom::new(1))
    };
    assert!(matches!(save(&path), Err(Error::Exists { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    // Neither through a link that leads nowhere yet.
    let link = dir.path().join("b.key.json");
    symlink(dir.path().join("elsewhere"), &link).unwrap();
    assert!(matches!(save(&link), Err(Error::Exists { .. })));
    assert!(!dir.path().join("elsewhere").exists());
}

#[test]
fn what_a_crash_left_unfinished_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.key.json");
    fs::write(dir.path().join("a.key.json.new"), "half").unwrap();
    ed25519(Purpose::Receipt)
        .save(&path, &passphrase(), KdfCost::Development, &SeededRandom::new(1))
        .unwrap();
    KeyFile::read(&path).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_key_cannot_be_saved_where_there_is_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("none/a.key.json");
    let saved =
        ed25519(Purpose::Receipt).save(&path, &passphrase(), KdfCost::Development, &SeededRandom::new(1));
    assert_eq!(code(saved), "key_io");
    assert_eq!(code(KeyFile::read(&path)), "key_io");
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.key.json");
    ed25519(Purpose::Receipt)
        .save(&path, &passphrase(), KdfCost::Development, &SeededRandom::new(1))
        .unwrap();
    for mode in [0o644, 0o640, 0o604, 0o660, 0o610] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let refused = KeyFile::read(&path);
        assert!(
            matches!(refused, Err(Error::Permissions { mode: m, .. }) if m == mode),
            "{refused:?}"
        );
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    KeyFile::read(&path).unwrap();
}

#[test]
fn a_file_longer_than_the_limit_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.key.json");
    fs::write(&path, vec![b' '; MAX_KEY_FILE_BYTES + 1]).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(
        KeyFile::read(&path),
        Err(Error::TooLong {
            limit: MAX_KEY_FILE_BYTES
        })
    ));
}

#[test]
fn a_wrong_passphrase_is_refused() {
    let file = read("checkpoint-development.key.json").unwrap();
    for wrong in [
        "correct horse battery stapl",
        "Correct horse battery staple",
        "correct horse battery staple ",
    ] {
        let wrong = Passphrase::new(wrong.to_owned()).unwrap();
        let refused = file.unlock::<Ed25519Key>(Purpose::Checkpoint, &wrong, KdfCost::Development);
        assert_eq!(code(refused), "key_unlock");
    }
}

#[test]
fn a_key_for_another_purpose_is_refused() {
    let file = read("checkpoint-development.key.json").unwrap();
    let refused = unlock::<Ed25519Key>(&file, Purpose::Receipt);
    let (expected, found) = (Purpose::Receipt, Purpose::Checkpoint);
    assert!(
        matches!(refused, Err(Error::WrongPurpose { expected: e, found: f }) if (e, f) == (expected, found))
    );
    // Asked for with the type of another algorithm.
    let refused = unlock::<AccountKey>(&file, Purpose::Checkpoint);
    assert!(matches!(refused, Err(Error::WrongAlgorithm { .. })));
    let refused = unlock::<Seed>(&file, Purpose::Checkpoint);
    assert!(matches!(refused, Err(Error::WrongAlgorithm { .. })));
}

#[test]
fn every_part_of_the_header_is_authenticated() {
    assert_eq!(
        altered("checkpoint", "checkpoint").unwrap().purpose(),
        Purpose::Checkpoint
    );
    let receipt = altered("checkpoint", "receipt");
    assert_eq!(code(receipt), "key_purpose");
    let other = Ed25519Key::import(Purpose::Checkpoint, &[8; 32])
        .unwrap()
        .public_key()
        .to_multikey();
    assert_eq!(
        code(altered(
            &ed25519(Purpose::Checkpoint).public_key().to_multikey(),
            &other
        )),
        "key_unlock"
    );
    assert_eq!(code(altered("\"m_kib\":64", "\"m_kib\":65")), "key_unlock");
    assert_eq!(code(altered("\"t\":1", "\"t\":2")), "key_unlock");
    assert_eq!(code(altered("\"p\":1", "\"p\":2")), "key_unlock");
    for secret in ["nonce\":\"", "salt\":\"", "ciphertext\":\""] {
        // Another first character of the base64.
        let sealed =
            ed25519(Purpose::Checkpoint).seal(&passphrase(), KdfCost::Development, &SeededRandom::new(1));
        let text = String::from_utf8(sealed.unwrap()).unwrap();
        let at = text.find(secret).unwrap() + secret.len();
        let from = &text[at - secret.len()..=at];
        let to = format!("{secret}{}", if &text[at..=at] == "A" { "B" } else { "A" });
        assert_eq!(code(altered(from, &to)), "key_unlock", "{secret}");
    }
}

#[test]
fn a_purpose_changed_in_the_file_does_not_unlock_for_the_new_purpose() {
    let sealed =
        ed25519(Purpose::Checkpoint).seal(&passphrase(), KdfCost::Development, &SeededRandom::new(1));
    let text = String::from_utf8(sealed.unwrap())
        .unwrap()
        .replacen("checkpoint", "receipt", 1);
    let file = KeyFile::parse(text.as_bytes()).unwrap();
    assert_eq!(code(unlock::<Ed25519Key>(&file, Purpose::Receipt)), "key_unlock");
}

#[test]
fn development_keys_are_refused_where_they_are_not_allowed() {
    let file = read("checkpoint-development.key.json").unwrap();
    let refused = file.unlock::<Ed25519Key>(Purpose::Checkpoint, &passphrase(), KdfCost::Standard);
    assert!(matches!(refused, Err(Error::DevelopmentKey)));
    // Nor may it call itself a standard key.
    assert!(matches!(
        altered("development", "standard"),
        Err(Error::WeakKdf {
            parameter: "m_kib",
            ..
        })
    ));
}

#[test]
fn parameters_below_the_minimum_are_refused() {
    let standard = fs::read_to_string(fixture("keys").join("checkpoint-standard.key.json")).unwrap();
    let weak = |from: &str, to: &str| KeyFile::parse(standard.replacen(from, to, 1).as_bytes());
    let refused = weak("\"m_kib\":65536", "\"m_kib\":65535");
    assert!(matches!(
        refused,
        Err(Error::WeakKdf {
            parameter: "m_kib",
            found: 65535,
            minimum: MIN_M_KIB
        })
    ));
    assert!(matches!(
        weak("\"t\":3", "\"t\":2"),
        Err(Error::WeakKdf { parameter: "t", .. })
    ));
    assert!(matches!(
        weak("\"p\":4", "\"p\":0"),
        Err(Error::WeakKdf { parameter: "p", .. })
    ));
}

#[test]
fn parameters_that_would_exhaust_the_machine_are_refused() {
    let excessive = |from: &str, to: &str| altered(from, to);
    let refused = excessive("\"m_kib\":64", "\"m_kib\":1048577");
    assert!(matches!(
        refused,
        Err(Error::ExcessiveKdf {
            parameter: "m_kib",
            maximum: MAX_M_KIB,
            ..
        })
    ));
    assert!(matches!(
        excessive("\"t\":1", "\"t\":17"),
        Err(Error::ExcessiveKdf { parameter: "t", .. })
    ));
    assert!(matches!(
        excessive("\"p\":1", "\"p\":17"),
        Err(Error::ExcessiveKdf { parameter: "p", .. })
    ));
}

#[test]
fn parameters_that_argon2_does_not_have_are_refused() {
    assert_eq!(code(altered("\"m_kib\":64", "\"m_kib\":7")), "key_malformed");
    assert_eq!(code(altered("\"t\":1", "\"t\":0")), "key_malformed");
    assert_eq!(code(altered("\"p\":1", "\"p\":0")), "key_malformed");
}

#[test]
fn files_that_are_not_key_files_are_refused() {
    for (from, to) in [
        ("vestiary/key/v1", "vestiary/key/v2"),
        ("argon2id", "argon2i"),
        ("xchacha20poly1305", "chacha20poly1305"),
        ("ed25519", "secp256k1"),
        ("\"purpose\":\"checkpoint\"", "\"purpose\":\"everything\""),
        ("\"p\":1", "\"p\":1,\"p\":1"),
        ("\"p\":1", "\"p\":1,\"q\":1"),
        ("\"p\":1", "\"p\":1.0"),
        ("\"p\":1,", ""),
        ("\"format\"", "\"comment\":\"\",\"format\""),
        ("\"t\":1}", "\"t\":1}}"),
        ("salt\":\"", "salt\":\" "),
        ("salt\":\"", "salt\":\"AAAA"),
        ("nonce\":\"", "nonce\":\"AAAA"),
        ("ciphertext\":\"", "ciphertext\":\"AAAA"),
        ("\"development\"", "\"cheap\""),
    ] {
        assert_eq!(code(altered(from, to)), "key_malformed", "{from} {to}");
    }
    for bytes in [&b""[..], b"{}", b"[]", b"\xff", b"null"] {
        assert_eq!(code(KeyFile::parse(bytes)), "key_malformed");
    }
    let long = vec![b' '; MAX_KEY_FILE_BYTES + 1];
    assert_eq!(code(KeyFile::parse(&long)), "key_malformed");
}

#[test]
fn passphrases_have_limits() {
    assert_eq!(code(Passphrase::new(String::new())), "passphrase_length");
    assert_eq!(
        code(Passphrase::new("a".repeat(MAX_PASSPHRASE_BYTES + 1))),
        "passphrase_length"
    );
    let short = Passphrase::new("elevenchars".to_owned()).unwrap();
    let seal = |cost| ed25519(Purpose::Receipt).seal(&short, cost, &SeededRandom::new(1));
    assert_eq!(code(seal(KdfCost::Standard)), "passphrase_length");
    seal(KdfCost::Development).unwrap();
}

#[test]
fn purposes_are_words() {
    for purpose in Purpose::ALL {
        assert_eq!(purpose.to_string().parse::<Purpose>().unwrap(), purpose);
    }
    assert!(matches!(
        "Checkpoint".parse::<Purpose>(),
        Err(Error::UnknownPurpose(_))
    ));
    assert_eq!(Purpose::Checkpoint.file_name(None), "checkpoint.key.json");
    // A key of the operator is not named after an issuer.
    assert_eq!(
        Purpose::Checkpoint.file_name(Some(IssuerId::new(1).unwrap())),
        "checkpoint.key.json"
    );
}

#[test]
fn nothing_secret_is_shown_or_left_in_the_file() {
    let secret = ANVIL_SECRET;
    let key = account(Purpose::Submitter);
    let sealed = key
        .seal(&passphrase(), KdfCost::Development, &SeededRandom::new(1))
        .unwrap();
    assert!(!sealed.windows(8).any(|window| window == &secret[..8]));
    let code = vestiary_signing::ClaimCode::from_bytes([0xAB; 16]);
    let text = code.to_text();
    let wearable = crate::support::COLLECTION.wearable(crate::support::token(1));
    let shown = [
        format!("{key:?} {key:#?}"),
        format!("{:?}", Ed25519Key::import(Purpose::Webhook, &secret).unwrap()),
        format!("{:?}", Seed::import(&secret)),
        format!("{code:?} {:?}", code.claim_key(&wearable)),
        format!("{:?}", passphrase()),
        format!(
            "{:?}",
            vestiary_signing::Account::new(account(Purpose::Minter).into(), Arc::default())
        ),
        String::from_utf8(sealed).unwrap(),
    ];
    for shown in shown {
        let lower = shown.to_lowercase();
        for hidden in [
            "ac0974",
            "ac, 09",
            "172, 9,",
            "abab, ",
            "171, 171",
            "correct horse",
            &text.to_lowercase()[..4],
        ] {
            assert!(!lower.contains(hidden), "{shown} contains {hidden}");
        }
    }
}
