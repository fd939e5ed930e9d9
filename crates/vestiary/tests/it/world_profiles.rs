//! The world profiles of `fixtures/worlds`, wrong ones named after what is wrong.

use vestiary::world::{Extensions, WorldProfile};

use crate::ours;

#[test]
fn the_two_worlds_are_read() {
    for (name, bytes) in ours::json_files("worlds") {
        let profile = WorldProfile::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(format!("{}.json", profile.id), name);
        let any = profile.allowed_extensions == Extensions::Any;
        match profile.id.as_str() {
            "plaza" => assert_eq!(
                (profile.max_triangles, profile.max_texture_px, any),
                (20_000, 2_048, true)
            ),
            "pocket" => assert_eq!(
                (profile.max_triangles, profile.max_texture_px, any),
                (2_000, 512, false)
            ),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn wrong_profiles_are_refused() {
    for (name, bytes) in ours::json_files("worlds/rejected") {
        assert!(WorldProfile::parse(&bytes).is_err(), "{name}");
    }
}
