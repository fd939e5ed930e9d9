use super::*;
use crate::ids::LAST_SERIAL;
use crate::licence::{Age, VrmPermissions};
use proptest::prelude::*;
use serde_json::Value;

fn representation() -> Representation {
    Representation {
        bytes: 812_344,
        cid: raw_cid(&Sha256([7; 32])),
        cid_profile: crate::digest::CID_PROFILE.into(),
        lod: 0,
        media_type: "model/gltf-binary".into(),
        needs: BTreeSet::from(["KHR_texture_basisu".into(), "EXT_a".into()]),
        profile: "plaza".into(),
        sha256: Sha256([7; 32]),
        texture_px: 1024,
        triangles: 4800,
    }
}

fn design() -> Design {
    Design {
        description: String::new(),
        edition: Edition(500),
        format: Format::V1,
        hides: BTreeSet::from([Slot::Torso, Slot::HandLeft]),
        licence: Licence {
            age: Age::All,
            may_cache: true,
            sha256: Sha256([1; 32]),
            vrm: VrmPermissions::default(),
        },
        name: "Manteau Nuit".into(),
        replaces: BTreeSet::new(),
        representations: vec![representation()],
        slot: Slot::Torso,
        terms: Terms::default(),
    }
}

fn refused(change: impl FnOnce(&mut Value)) -> &'static str {
    let mut value: Value = serde_json::from_slice(&design().to_bytes().unwrap()).unwrap();
    change(&mut value);
    Design::parse(&jcs::canonical(&value)).unwrap_err().code()
}

#[test]
fn a_document_reads_as_it_is_written_and_is_canonical() {
    let bytes = design().to_bytes().unwrap();
    assert_eq!(Design::parse(&bytes), Ok(design()));
    let value: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), bytes);
    assert_eq!(value["hides"], serde_json::json!(["hand.left", "torso"]));
    assert_eq!(design().digest().unwrap(), Sha256::of(&bytes));
    assert!(design().cid().unwrap().starts_with("bafkrei"));
}

#[test]
fn another_spelling_is_another_document_and_refused() {
    let text = String::from_utf8(design().to_bytes().unwrap()).unwrap();
    for other in [
        format!("{text}\n"),
        text.replace(r#"["hand.left","torso"]"#, r#"["torso","hand.left"]"#),
        text.replace(r#"["hand.left","torso"]"#, r#"["hand.left","torso","torso"]"#),
        text.replace("Manteau", "Mante\\u0061u"),
    ] {
        assert_eq!(
            Design::parse(other.as_bytes()).unwrap_err().code(),
            "not_canonical",
            "{other}"
        );
    }
}

#[test]
fn fields_that_are_unknown_missing_or_of_another_kind_are_refused() {
    assert_eq!(refused(|value| value["more"] = 1.into()), "unknown_field");
    assert_eq!(
        refused(|value| value["licence"]["vrm"]["more"] = 1.into()),
        "unknown_field"
    );
    assert_eq!(
        refused(|value| value["representations"][0]["more"] = 1.into()),
        "unknown_field"
    );
    for name in ["description", "hides", "licence", "terms", "format"] {
        assert_eq!(
            refused(|value| drop(value.as_object_mut().unwrap().remove(name))),
            "missing_field",
            "{name}"
        );
        assert_eq!(
            refused(|value| value[name] = Value::Null),
            "wrong_shape",
            "{name}"
        );
    }
    assert_eq!(
        refused(|value| value["format"] = "vestiary/design/v2".into()),
        "wrong_shape"
    );
    assert_eq!(
        refused(|value| value["slot"] = "upper_body".into()),
        "wrong_shape"
    );
    assert_eq!(refused(|value| value["edition"] = 500.into()), "wrong_shape");
    assert_eq!(
        refused(|value| value["licence"]["age"] = "7".into()),
        "wrong_shape"
    );
    assert_eq!(
        refused(|value| value["representations"][0]["lod"] = 256.into()),
        "wrong_shape"
    );
}

#[test]
fn texts_and_counts_have_limits() {
    let file = |change: fn(&mut Representation)| {
        let mut design = design();
        change(&mut design.representations[0]);
        design.to_bytes().unwrap_err().code()
    };
    assert_eq!(file(|file| file.profile = "../x".into()), "design_text");
    assert_eq!(file(|file| file.profile = ".".into()), "design_text");
    assert_eq!(file(|file| file.profile = "a".repeat(65)), "design_text");
    assert_eq!(file(|file| file.cid = String::new()), "design_text");
    assert_eq!(file(|file| file.media_type = "a b".into()), "design_text");
    assert_eq!(
        file(|file| file.media_type = "a".repeat(MAX_LABEL_BYTES + 1)),
        "design_text"
    );
    assert_eq!(file(|file| file.needs.extend(["é".into()])), "design_text");
    assert_eq!(
        file(|file| file.needs = (0..=MAX_NEEDS).map(|n| n.to_string()).collect()),
        "design_count"
    );
    assert_eq!(file(|file| file.bytes = MAX_NUMBER + 1), "design_number");
    assert_eq!(file(|file| file.triangles = u64::MAX), "design_number");

    let code = |change: fn(&mut Design)| {
        let mut design = design();
        change(&mut design);
        design
            .to_bytes()
            .map_or_else(|error| error.code(), |_| "accepted")
    };
    assert_eq!(code(|design| design.name = String::new()), "design_text");
    assert_eq!(code(|design| design.name = " padded".into()), "design_text");
    assert_eq!(code(|design| design.name = "a\u{202e}b".into()), "design_text");
    assert_eq!(
        code(|design| design.name = "a".repeat(MAX_NAME_BYTES)),
        "accepted"
    );
    assert_eq!(
        code(|design| design.name = "a".repeat(MAX_NAME_BYTES + 1)),
        "design_text"
    );
    assert_eq!(
        code(|design| design.description = "a".repeat(MAX_DESCRIPTION_BYTES)),
        "accepted"
    );
    assert_eq!(
        code(|design| design.description = "a".repeat(MAX_DESCRIPTION_BYTES + 1)),
        "design_text"
    );
    assert_eq!(code(|design| design.representations.clear()), "design_count");
    assert_eq!(
        code(|design| design.representations = vec![representation(); MAX_REPRESENTATIONS]),
        "accepted"
    );
    assert_eq!(
        code(|design| design.representations = vec![representation(); MAX_REPRESENTATIONS + 1]),
        "design_count"
    );
    assert_eq!(
        code(|design| design.terms.choose_by = u64::MAX),
        "terms_time_too_large"
    );
    let label = |n: usize| format!("{n:0>128}");
    let mut large = representation();
    large.needs = (0..MAX_NEEDS).map(label).collect();
    let large = Design {
        representations: vec![large; MAX_REPRESENTATIONS],
        ..design()
    };
    assert_eq!(large.to_bytes().unwrap_err().code(), "too_large");
    assert_eq!(
        Design::parse(&vec![b' '; MAX_DESIGN_BYTES + 1])
            .unwrap_err()
            .code(),
        "too_large"
    );
}

proptest! {
    #[test]
    fn documents_survive_bytes(
        name in "[a-zA-Z0-9é\"\\\\ 日]{0,40}",
        description in "[a-z😀<>&/\n]{0,60}",
        edition in 0..=LAST_SERIAL,
        hides in prop::collection::btree_set(prop::sample::select(Slot::ALL), 0..5),
        triangles in 0..=MAX_NUMBER,
        texture_px: u32,
        needs in prop::collection::btree_set("[A-Z]{3}_[a-z_]{1,20}", 0..5),
    ) {
        let file = Representation { needs, texture_px, triangles, ..representation() };
        let edition = Edition(edition);
        let design = Design { name, description, edition, hides, representations: vec![file], ..design() };
        if let Ok(bytes) = design.to_bytes() {
            let value: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(serde_json_canonicalizer::to_vec(&value).unwrap(), bytes.clone());
            prop_assert_eq!(Design::parse(&bytes), Ok(design));
        }
    }

    #[test]
    fn a_changed_byte_never_reads_as_the_same_design(at: prop::sample::Index, byte: u8) {
        let mut bytes = design().to_bytes().unwrap();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        if let Ok(other) = Design::parse(&bytes) {
            prop_assert_ne!(other, design());
        }
    }
}
