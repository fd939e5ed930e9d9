use super::*;
use crate::digest::{CID_PROFILE, Sha256, raw_cid};
use proptest::{collection::btree_set, prelude::*, sample::select};

fn plaza() -> WorldProfile {
    WorldProfile {
        id: "plaza".into(),
        name: "Plaza".into(),
        formats: BTreeSet::from(["glb".into()]),
        max_triangles: 20_000,
        max_texture_px: 2048,
        max_bytes: 8 << 20,
        allowed_extensions: Extensions::Any,
        slots: BTreeSet::from([Slot::Torso, Slot::Legs]),
    }
}

fn pocket() -> WorldProfile {
    WorldProfile {
        id: "pocket".into(),
        name: "Pocket".into(),
        max_triangles: 2_000,
        max_texture_px: 512,
        max_bytes: 1 << 20,
        allowed_extensions: Extensions::Only(BTreeSet::new()),
        ..plaza()
    }
}

fn file(profile: &str, triangles: u64, texture_px: u32) -> Representation {
    let sha256 = Sha256::of(format!("{profile} {triangles} {texture_px}").as_bytes());
    Representation {
        bytes: 1000,
        cid: raw_cid(&sha256),
        cid_profile: CID_PROFILE.into(),
        lod: 0,
        media_type: "model/gltf-binary".into(),
        needs: BTreeSet::new(),
        profile: profile.into(),
        sha256,
        texture_px,
        triangles,
    }
}

fn codes(fit: &Fit<'_>) -> Vec<&'static str> {
    match fit {
        Fit::Nothing(misfits) => misfits.iter().map(Misfit::code).collect(),
        found => panic!("{found:?}"),
    }
}

#[test]
fn a_file_made_for_the_world_wins_over_a_richer_one() {
    let files = [file("gltf", 19_000, 2048), file("plaza", 5_000, 512)];
    assert_eq!(fit(&plaza(), Slot::Torso, &files), Fit::Exact(&files[1]));
}

#[test]
fn the_richest_file_that_a_world_can_load_is_its_fallback() {
    let files = [
        file("a", 100, 64),
        file("b", 1_900, 512),
        file("c", 1_900, 256),
        file("plaza", 20_000, 64),
    ];
    assert_eq!(fit(&pocket(), Slot::Torso, &files), Fit::Fallback(&files[1]));
}

#[test]
fn a_file_made_for_the_world_that_breaks_a_limit_is_passed_over() {
    let files = [file("pocket", 2_001, 64), file("gltf", 2_000, 64)];
    assert_eq!(fit(&pocket(), Slot::Torso, &files), Fit::Fallback(&files[1]));
}

#[test]
fn every_limit_has_its_reason_with_the_numbers_of_both_sides() {
    let mut heavy = file("plaza", 4_800, 1024);
    heavy.bytes = 3 << 20;
    heavy.media_type = "model/vnd.usdz+zip".into();
    heavy.needs = BTreeSet::from(["KHR_texture_basisu".into()]);
    let files = [heavy];
    let nothing = fit(&pocket(), Slot::Torso, &files);
    assert_eq!(
        codes(&nothing),
        [
            "format_not_loadable",
            "too_many_triangles",
            "texture_too_large",
            "file_too_large",
            "extension_not_allowed"
        ]
    );
    let Fit::Nothing(misfits) = nothing else {
        unreachable!()
    };
    assert_eq!(
        misfits[0].to_string(),
        "the file is model/vnd.usdz+zip, this world loads glb"
    );
    assert_eq!(misfits[1].to_string(), "4800 triangles, this world takes 2000");
    assert_eq!(
        misfits[2].to_string(),
        "a texture of 1024 px, this world takes 512 px"
    );
    assert_eq!(misfits[3].to_string(), "3145728 bytes, this world takes 1048576");
    assert_eq!(
        misfits[4].to_string(),
        "the file needs KHR_texture_basisu, which this world does not know"
    );
}

#[test]
fn reasons_speak_of_the_file_made_for_the_world_else_of_the_closest() {
    let files = [file("a", 9_000, 2048), file("b", 9_000, 64)];
    assert_eq!(
        codes(&fit(&pocket(), Slot::Torso, &files)),
        ["too_many_triangles"]
    );
    let files = [file("pocket", 9_000, 2048), file("b", 9_000, 64)];
    assert_eq!(
        codes(&fit(&pocket(), Slot::Torso, &files)),
        ["too_many_triangles", "texture_too_large"]
    );
}

#[test]
fn a_slot_that_the_world_lacks_and_a_design_without_files_are_reasons() {
    let files = [file("plaza", 1, 1)];
    assert_eq!(codes(&fit(&plaza(), Slot::Feet, &files)), ["slot_not_supported"]);
    assert_eq!(codes(&fit(&plaza(), Slot::Torso, &[])), ["no_files"]);
}

#[test]
fn who_loads_gltf_loads_its_binary_container_and_not_the_other_way_round() {
    let world = |format: &str| WorldProfile {
        formats: BTreeSet::from([format.into()]),
        ..plaza()
    };
    let of = |media_type: &str| Representation {
        media_type: media_type.into(),
        ..file("plaza", 1, 1)
    };
    for (format, media_type, loads) in [
        ("glb", "model/gltf-binary", true),
        ("gltf", "model/gltf-binary", true),
        ("gltf", "model/gltf+json", true),
        ("glb", "model/gltf+json", false),
        ("model/x", "model/x", true),
        ("glb", "model/x", false),
    ] {
        assert_eq!(
            misfits(&world(format), &of(media_type)).is_empty(),
            loads,
            "{format} {media_type}"
        );
    }
}

#[test]
fn limits_are_inclusive() {
    let files = [Representation {
        bytes: 1 << 20,
        ..file("pocket", 2_000, 512)
    }];
    assert_eq!(fit(&pocket(), Slot::Legs, &files), Fit::Exact(&files[0]));
}

#[test]
fn profiles_are_read_strictly() {
    let text = serde_json::to_string(&plaza()).unwrap();
    assert_eq!(WorldProfile::parse(text.as_bytes()), Ok(plaza()));
    let only = r#""allowed_extensions":["KHR_materials_unlit"]"#;
    let known = WorldProfile::parse(text.replace(r#""allowed_extensions":"any""#, only).as_bytes()).unwrap();
    assert_eq!(
        known.allowed_extensions,
        Extensions::Only(BTreeSet::from(["KHR_materials_unlit".into()]))
    );
    for (from, to, code) in [
        (
            r#""allowed_extensions":"any""#,
            r#""allowed_extensions":"all""#,
            "wrong_shape",
        ),
        (
            r#""allowed_extensions":"any""#,
            r#""allowed_extensions":null"#,
            "wrong_shape",
        ),
        (
            r#""allowed_extensions":"any""#,
            r#""allowed_extensions":[""]"#,
            "profile_field",
        ),
        (r#""id":"plaza""#, r#""id":"../plaza""#, "profile_field"),
        (r#""id":"plaza""#, r#""id":"""#, "profile_field"),
        (r#""name":"Plaza""#, r#""name":"""#, "profile_field"),
        (r#""name":"Plaza""#, r#""name":"Pl\u0000aza""#, "profile_field"),
        (r#""formats":["glb"]"#, r#""formats":[]"#, "profile_field"),
        (
            r#""max_triangles":20000"#,
            r#""max_triangles":0"#,
            "profile_field",
        ),
        (r#""max_triangles":20000"#, r#""max_triangles":-1"#, "wrong_shape"),
        (r#""max_triangles":20000"#, r#""max_triangles":2e4"#, "float"),
        (
            r#""max_triangles":20000"#,
            r#""max_triangles":1,"max_triangles":2"#,
            "duplicate_key",
        ),
        (
            r#""max_triangles":20000"#,
            r#""max_triangels":20000"#,
            "unknown_field",
        ),
        (r#","max_triangles":20000"#, "", "missing_field"),
        (r#""torso""#, r#""upper_body""#, "wrong_shape"),
        (r#""torso""#, r#""torso","torso""#, "wrong_shape"),
        (r#"["glb"]"#, r#"["glb","glb"]"#, "wrong_shape"),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text, "{from}");
        assert_eq!(
            WorldProfile::parse(changed.as_bytes()).unwrap_err().code(),
            code,
            "{to}"
        );
    }
    let large = " ".repeat(MAX_PROFILE_BYTES + 1);
    assert_eq!(
        WorldProfile::parse(large.as_bytes()).unwrap_err().code(),
        "too_large"
    );
    let many = (0..=MAX_LIST).map(|n| n.to_string()).collect();
    let many = WorldProfile {
        allowed_extensions: Extensions::Only(many),
        ..plaza()
    };
    assert_eq!(many.check().unwrap_err().code(), "profile_field");
}

const EXTENSIONS: [&str; 3] = ["KHR_a", "KHR_b", "KHR_c"];

fn any_extensions() -> impl Strategy<Value = BTreeSet<String>> {
    btree_set(select(&EXTENSIONS[..]).prop_map(String::from), 0..3)
}

prop_compose! {
    fn any_world()(
        max_triangles in 1u64..9, max_texture_px in 0u32..9, max_bytes in 1u64..9,
        extensions in prop::option::of(any_extensions()),
        formats in btree_set(select(&["glb", "vrm", "model/x"][..]).prop_map(String::from), 1..3),
        slots in btree_set(select(&[Slot::Torso, Slot::Legs][..]), 1..3),
    ) -> WorldProfile {
        let allowed_extensions = extensions.map_or(Extensions::Any, Extensions::Only);
        WorldProfile { formats, max_triangles, max_texture_px, max_bytes, allowed_extensions, slots, ..plaza() }
    }
}

prop_compose! {
    fn any_file()(
        profile in select(&["plaza", "gltf"][..]),
        triangles in 0u64..10, texture_px in 0u32..10, bytes in 0u64..10,
        needs in any_extensions(),
        media_type in select(&["model/gltf-binary", "model/vrm", "model/x", "text/html"][..]),
    ) -> Representation {
        let media_type = media_type.into();
        Representation { bytes, media_type, needs, ..file(profile, triangles, texture_px) }
    }
}

proptest! {
    #[test]
    fn no_file_that_breaks_a_limit_is_ever_picked_and_no_loadable_one_missed(
        world in any_world(),
        files in prop::collection::vec(any_file(), 0..5),
    ) {
        // The limits, written a second time and otherwise than in the code.
        let loads = |file: &Representation| {
            let format = match file.media_type.as_str() {
                "model/gltf-binary" => "glb",
                "model/vrm" => "vrm",
                other => other,
            };
            world.slots.contains(&Slot::Torso)
                && world.formats.contains(format)
                && file.triangles <= world.max_triangles
                && file.texture_px <= world.max_texture_px
                && file.bytes <= world.max_bytes
                && match &world.allowed_extensions {
                    Extensions::Any => true,
                    Extensions::Only(known) => file.needs.iter().all(|name| known.contains(name)),
                }
        };
        match fit(&world, Slot::Torso, &files) {
            Fit::Exact(file) => prop_assert!(loads(file) && file.profile == world.id),
            Fit::Fallback(file) => {
                prop_assert!(loads(file));
                prop_assert!(!files.iter().any(|other| other.profile == world.id && loads(other)));
                let richest = files.iter().filter(|other| loads(other)).map(|other| other.triangles).max();
                prop_assert_eq!(richest, Some(file.triangles));
            }
            Fit::Nothing(reasons) => {
                prop_assert!(!reasons.is_empty());
                prop_assert!(!files.iter().any(loads));
            }
        }
    }

    #[test]
    fn the_order_of_files_does_not_matter(world in any_world(), files in prop::collection::vec(any_file(), 0..5)) {
        let mut reversed = files.clone();
        reversed.reverse();
        let (forward, backward) = (fit(&world, Slot::Torso, &files), fit(&world, Slot::Torso, &reversed));
        prop_assert_eq!(forward.file().map(|file| file.triangles), backward.file().map(|file| file.triangles));
        prop_assert_eq!(forward.file().is_some(), backward.file().is_some());
    }

    #[test]
    fn profiles_survive_text(world in any_world()) {
        let text = serde_json::to_vec(&world).unwrap();
        prop_assert_eq!(WorldProfile::parse(&text), Ok(world));
    }
}
