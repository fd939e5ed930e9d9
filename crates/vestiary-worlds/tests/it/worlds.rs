//! What the two worlds of the fixtures get of the garments.

use crate::support::fixture;
use vestiary::{
    design::Representation,
    slot::Slot,
    world::{Fit, Misfit, WorldProfile, fit, misfits},
};
use vestiary_worlds::{
    FileRecord, Sha256,
    cid::{UNIXFS_V1_2025, cid_of},
    content::sniff,
    preflight, representation,
};

fn world(name: &str) -> WorldProfile {
    WorldProfile::parse(&fixture(&format!("worlds/{name}.json"))).unwrap()
}

/// A garment as a design would list it.
fn garment(name: &str, profile: &str) -> Representation {
    let bytes = fixture(&format!("garments/{name}.glb"));
    let file = FileRecord {
        sha256: Sha256::of(&bytes),
        cid: cid_of(&bytes, UNIXFS_V1_2025),
        cid_profile: UNIXFS_V1_2025.name.to_owned(),
        bytes: bytes.len() as u64,
        media_type: sniff(&bytes).unwrap().to_owned(),
    };
    representation(profile, 0, &file, Some(&preflight(&bytes).unwrap()))
}

#[test]
fn each_world_gets_the_file_that_was_made_for_it() {
    let (plaza, pocket) = (world("plaza"), world("pocket"));
    for (name, slot) in [
        ("coat", Slot::Torso),
        ("boots", Slot::Feet),
        ("cap", Slot::HeadHat),
    ] {
        let files = [
            garment(&format!("{name}-plaza"), "plaza"),
            garment(&format!("{name}-pocket"), "pocket"),
        ];
        assert_eq!(fit(&plaza, slot, &files), Fit::Exact(&files[0]), "{name}");
        assert_eq!(fit(&pocket, slot, &files), Fit::Exact(&files[1]), "{name}");
        assert_eq!(fit(&plaza, slot, &files[1..]), Fit::Fallback(&files[1]), "{name}");
    }
}

#[test]
fn pocket_says_everything_that_speaks_against_the_rich_coat() {
    let rich = garment("coat-too-rich-for-pocket", "pocket");
    let codes: Vec<_> = misfits(&world("pocket"), &rich)
        .iter()
        .map(Misfit::code)
        .collect();
    assert_eq!(
        codes,
        ["too_many_triangles", "texture_too_large", "extension_not_allowed"]
    );
    assert!(misfits(&world("plaza"), &rich).is_empty());
}
