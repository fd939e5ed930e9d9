//! Key files and claim codes.

use std::sync::OnceLock;

use vestiary_signing::{ClaimCode, CodeError, Ed25519Key, Error, KdfCost, KeyFile, Passphrase, Purpose};

use crate::input::one_in;

/// Key files: nothing is stretched beyond the limits, and no passphrase opens a changed file.
pub(super) fn key_file(bytes: &[u8]) {
    let Ok(file) = KeyFile::parse(bytes) else {
        return;
    };
    assert_eq!(file.algorithm(), file.purpose().algorithm());
    assert!(!file.to_string().is_empty());
    if file.cost() == KdfCost::Development {
        // A service that takes real keys refuses a development key before it stretches anything.
        let refused = file.unlock::<Ed25519Key>(file.purpose(), passphrase(), KdfCost::Standard);
        assert!(
            matches!(refused, Err(Error::DevelopmentKey)),
            "a development key was tried"
        );
    }
    let other = Purpose::ALL
        .into_iter()
        .find(|purpose| *purpose != file.purpose());
    let other = other.expect("there are several purposes");
    assert!(matches!(
        file.unlock::<Ed25519Key>(other, passphrase(), KdfCost::Development),
        Err(Error::WrongPurpose { .. })
    ));
}

fn passphrase() -> &'static Passphrase {
    static PASSPHRASE: OnceLock<Passphrase> = OnceLock::new();
    PASSPHRASE.get_or_init(|| Passphrase::new("not the passphrase of any".into()).expect("not empty"))
}

/// Claim codes: the printed form is read as the same code, and with any one symbol changed it is refused.
pub(super) fn claim_code(bytes: &[u8]) {
    if let Some(code) = bytes.first_chunk::<16>() {
        let printed = ClaimCode::from_bytes(*code).to_text();
        let read = ClaimCode::parse(&printed).expect("a printed code");
        assert_eq!(*read.to_text(), *printed);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match ClaimCode::parse(text) {
        Ok(code) => {
            let printed = code.to_text();
            assert_eq!(
                *ClaimCode::parse(&printed).expect("a printed code").to_text(),
                *printed
            );
            if one_in(4, bytes) {
                for (at, symbol) in printed.char_indices().filter(|(_, symbol)| *symbol != '-') {
                    let mut wrong = printed.to_string();
                    wrong.replace_range(at..=at, if symbol == '7' { "8" } else { "7" });
                    assert!(ClaimCode::parse(&wrong).is_err(), "a wrong symbol at {at} passed");
                }
            }
        }
        Err(CodeError::Symbol { position }) => assert!(position >= 1 && position <= text.chars().count()),
        Err(_) => {}
    }
}
