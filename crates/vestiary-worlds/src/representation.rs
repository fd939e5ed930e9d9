//! From a file of the store to a line of a design document.

use vestiary::design::Representation;

use crate::{FileRecord, Metrics};

/// What a design says about a file: which world it was made for, and what was measured.
///
/// `needs` are the extensions that the file *requires*; those that it merely uses cost nothing where
/// they are unknown. `lod` 0 is the finest. `metrics` is `None` for files that are no GLB (pictures).
pub fn representation(
    profile: &str,
    lod: u8,
    file: &FileRecord,
    metrics: Option<&Metrics>,
) -> Representation {
    Representation {
        bytes: file.bytes,
        cid: file.cid.to_string(),
        cid_profile: file.cid_profile.clone(),
        lod,
        media_type: file.media_type.clone(),
        needs: metrics
            .map(|measured| measured.extensions_required.iter().cloned().collect())
            .unwrap_or_default(),
        profile: profile.to_owned(),
        sha256: file.sha256,
        texture_px: metrics.map_or(0, |measured| measured.texture_px),
        triangles: metrics.map_or(0, |measured| measured.triangles),
    }
}
