//! Papers of our own making, for tests that need no files behind them.

use std::collections::BTreeSet;

use vestiary::design::{Design, Format, Representation};
use vestiary::digest::{CID_PROFILE, Sha256, raw_cid};
use vestiary::ids::Edition;
use vestiary::licence::{Age, Licence, VrmPermissions};
use vestiary::slot::Slot;
use vestiary::terms::Terms;

/// A design document: 500 copies at most, one file, which nobody has.
pub(crate) fn design(name: &str) -> Design {
    let sha256 = Sha256([7; 32]);
    Design {
        description: String::new(),
        edition: Edition(500),
        format: Format::V1,
        hides: BTreeSet::new(),
        licence: Licence {
            age: Age::All,
            may_cache: true,
            sha256: Sha256([1; 32]),
            vrm: VrmPermissions::default(),
        },
        name: name.into(),
        replaces: BTreeSet::new(),
        representations: vec![Representation {
            bytes: 812_344,
            cid: raw_cid(&sha256),
            cid_profile: CID_PROFILE.into(),
            lod: 1,
            media_type: "model/gltf-binary".into(),
            needs: BTreeSet::new(),
            profile: "gltf".into(),
            sha256,
            texture_px: 1024,
            triangles: 4800,
        }],
        slot: Slot::Torso,
        terms: Terms::default(),
    }
}
