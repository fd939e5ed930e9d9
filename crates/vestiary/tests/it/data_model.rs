//! The documents of the W3C data model's tests.

use serde_json::Value;
use vestiary::certificate::Certificate;
use vestiary::{jcs, json};

use crate::foreign;

/// A certificate is one kind of credential. The data model's documents are of other kinds: none may pass as
/// a certificate. What each `-fail` document has wrong is put into a sound certificate as well.
#[test]
fn what_the_data_model_refuses_is_refused_in_a_certificate_too() {
    let Some(folder) = foreign::path("vc/vcdm2") else {
        return;
    };
    let sound = include_bytes!("../../../../fixtures/certificates/valid_limited_edition.json");
    let sound: Value = json::parse_strict(sound, 100_000).unwrap();
    assert!(Certificate::parse(&jcs::canonical(&sound)).is_ok());
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = foreign::read(&path);
        assert!(Certificate::parse(&bytes).is_err(), "{name}");
        if !name.contains("-fail") {
            continue;
        }
        let document = json::parse_strict(&bytes, 100_000).unwrap();
        let mut mixed = sound.clone();
        for member in ["@context", "type", "issuer", "credentialSubject"] {
            if document.get(member).is_none() {
                mixed.as_object_mut().unwrap().remove(member);
            }
        }
        for (member, value) in document.as_object().unwrap() {
            mixed[member] = value.clone();
        }
        assert!(Certificate::parse(&jcs::canonical(&mixed)).is_err(), "{name}");
        seen += 1;
    }
    assert!(seen >= 30, "{seen}");
}
