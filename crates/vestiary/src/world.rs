//! What a world can load, and which file of a design it gets.
//!
//! ```json
//! {"id":"plaza","name":"Plaza","formats":["glb"],"max_triangles":20000,"max_texture_px":2048,
//!  "max_bytes":8388608,"allowed_extensions":"any","slots":["torso","legs"]}
//! ```
//!
//! `allowed_extensions` is `"any"` or the list of glTF extensions that the engine knows.

use std::{cmp::Reverse, collections::BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

use crate::{
    design::{MAX_LABEL_BYTES, MAX_NAME_BYTES, Representation, is_profile},
    json::{self, JsonError},
    slot::Slot,
    text::is_readable,
};

/// Largest world profile.
pub const MAX_PROFILE_BYTES: usize = 64 * 1024;
/// Most formats, and most extensions, of a profile.
pub const MAX_LIST: usize = 256;

/// What a world's engine can load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldProfile {
    /// The world's name in queries and paths, and the profile of files made for it.
    pub id: String,
    /// What a person calls it.
    pub name: String,
    /// File formats, as [`formats_of`] names them, or media types.
    #[serde(deserialize_with = "distinct")]
    pub formats: BTreeSet<String>,
    /// Most triangles of one wearable.
    pub max_triangles: u64,
    /// Longer side of the largest texture, in pixels.
    pub max_texture_px: u32,
    /// Largest file.
    pub max_bytes: u64,
    /// Extensions that a file may need.
    pub allowed_extensions: Extensions,
    /// Slots that the world's bodies have.
    #[serde(deserialize_with = "distinct")]
    pub slots: BTreeSet<Slot>,
}

/// Which glTF extensions an engine knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extensions {
    /// All that matter.
    Any,
    /// These.
    Only(BTreeSet<String>),
}

/// Why bytes are no world profile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// Not JSON as we read it, not these fields, or too large.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A field outside its limits.
    #[error("{field} must be {rule}")]
    Field {
        /// The field.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
}

impl ProfileError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::Field { .. } => "profile_field",
        }
    }
}

impl WorldProfile {
    /// Reads a profile strictly.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProfileError> {
        let profile: Self = json::from_slice_strict(bytes, MAX_PROFILE_BYTES)?;
        profile.check()?;
        Ok(profile)
    }

    /// What [`parse`](Self::parse) checks beyond the types, for profiles that were not read.
    pub fn check(&self) -> Result<(), ProfileError> {
        let known_extensions = match &self.allowed_extensions {
            Extensions::Any => &BTreeSet::new(),
            Extensions::Only(names) => names,
        };
        let are_labels = |labels: &BTreeSet<String>| {
            labels.len() <= MAX_LIST
                && labels.iter().all(|label| {
                    matches!(label.len(), 1..=MAX_LABEL_BYTES)
                        && label.bytes().all(|byte| byte.is_ascii_graphic())
                })
        };
        let rules = [
            (
                "id",
                is_profile(&self.id),
                "1 to 64 lower-case letters, digits, hyphens and dots",
            ),
            (
                "name",
                is_readable(&self.name) && matches!(self.name.len(), 1..=MAX_NAME_BYTES),
                "1 to 256 bytes of text, not padded, without control characters",
            ),
            (
                "formats",
                !self.formats.is_empty() && are_labels(&self.formats),
                "1 to 256 names of file formats",
            ),
            ("max_triangles", self.max_triangles > 0, "above 0"),
            ("max_bytes", self.max_bytes > 0, "above 0"),
            (
                "extensions",
                are_labels(known_extensions),
                "\"any\" or at most 256 names of extensions",
            ),
            ("slots", !self.slots.is_empty(), "at least one slot"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((field, _, rule)) => Err(ProfileError::Field { field, rule }),
            None => Ok(()),
        }
    }
}

/// The names under which [`WorldProfile::formats`] accepts files of a media type, besides the type itself.
pub fn formats_of(media_type: &str) -> &'static [&'static str] {
    match media_type {
        // Who loads glTF loads its binary container too.
        "model/gltf-binary" => &["glb", "gltf"],
        "model/gltf+json" => &["gltf"],
        "model/vrm" => &["vrm"],
        "model/vnd.usdz+zip" => &["usdz"],
        "image/png" => &["png"],
        _ => &[],
    }
}

/// Which file a world gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit<'a> {
    /// This one, made for this world.
    Exact(&'a Representation),
    /// This one, made for others, which the world can load.
    Fallback(&'a Representation),
    /// None: everything that speaks against the file that comes closest. Never empty.
    Nothing(Vec<Misfit>),
}

impl<'a> Fit<'a> {
    /// The file, if there is one.
    pub fn file(&self) -> Option<&'a Representation> {
        match self {
            Self::Exact(file) | Self::Fallback(file) => Some(file),
            Self::Nothing(_) => None,
        }
    }
}

/// One reason why a world cannot show a file, with the numbers of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Misfit {
    /// The design has no file at all.
    #[error("the design has no files")]
    NoFiles,
    /// The world's bodies do not have the slot.
    #[error("worn at {slot}, which this world does not have")]
    SlotNotSupported {
        /// The design's slot.
        slot: Slot,
    },
    /// The engine does not read such files.
    #[error("the file is {media_type}, this world loads {}", loads.join(", "))]
    FormatNotLoadable {
        /// The file's media type.
        media_type: String,
        /// The world's formats.
        loads: Vec<String>,
    },
    /// Too many triangles.
    #[error("{found} triangles, this world takes {limit}")]
    TooManyTriangles {
        /// The file's.
        found: u64,
        /// The world's.
        limit: u64,
    },
    /// A texture is too large.
    #[error("a texture of {found_px} px, this world takes {limit_px} px")]
    TextureTooLarge {
        /// The file's.
        found_px: u32,
        /// The world's.
        limit_px: u32,
    },
    /// The file is too large.
    #[error("{found_bytes} bytes, this world takes {limit_bytes}")]
    FileTooLarge {
        /// The file's.
        found_bytes: u64,
        /// The world's.
        limit_bytes: u64,
    },
    /// The file needs an extension that the engine does not know.
    #[error("the file needs {extension}, which this world does not know")]
    ExtensionNotAllowed {
        /// The extension.
        extension: String,
    },
}

impl Misfit {
    /// A name for the reason that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoFiles => "no_files",
            Self::SlotNotSupported { .. } => "slot_not_supported",
            Self::FormatNotLoadable { .. } => "format_not_loadable",
            Self::TooManyTriangles { .. } => "too_many_triangles",
            Self::TextureTooLarge { .. } => "texture_too_large",
            Self::FileTooLarge { .. } => "file_too_large",
            Self::ExtensionNotAllowed { .. } => "extension_not_allowed",
        }
    }
}

/// Picks the file of a design that `world` gets.
///
/// A file made for the world wins over others, then the richest: most triangles, then the larger textures. A
/// file that breaks any limit is never picked, not even one made for the world.
pub fn fit<'a>(world: &WorldProfile, slot: Slot, representations: &'a [Representation]) -> Fit<'a> {
    if !world.slots.contains(&slot) {
        return Fit::Nothing(vec![Misfit::SlotNotSupported { slot }]);
    }
    let made_for_it = |file: &Representation| file.profile == world.id;
    let richness =
        |file: &Representation| (file.triangles, file.texture_px, Reverse(file.bytes), file.sha256);
    let loadable = representations
        .iter()
        .filter(|file| misfits(world, file).is_empty());
    if let Some(best) = loadable.max_by_key(|file| (made_for_it(file), richness(file))) {
        return if made_for_it(best) {
            Fit::Exact(best)
        } else {
            Fit::Fallback(best)
        };
    }
    let closest = representations
        .iter()
        .map(|file| (Reverse(made_for_it(file)), misfits(world, file), file.sha256))
        .min_by_key(|(made_for_it, misfits, sha256)| (*made_for_it, misfits.len(), *sha256));
    Fit::Nothing(closest.map_or_else(|| vec![Misfit::NoFiles], |(_, misfits, _)| misfits))
}

/// Everything that keeps `world` from loading `file`.
pub fn misfits(world: &WorldProfile, file: &Representation) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    let is_loadable = |format: &str| world.formats.contains(format);
    if !is_loadable(&file.media_type) && !formats_of(&file.media_type).iter().copied().any(is_loadable) {
        let loads = world.formats.iter().cloned().collect();
        misfits.push(Misfit::FormatNotLoadable {
            media_type: file.media_type.clone(),
            loads,
        });
    }
    if file.triangles > world.max_triangles {
        misfits.push(Misfit::TooManyTriangles {
            found: file.triangles,
            limit: world.max_triangles,
        });
    }
    if file.texture_px > world.max_texture_px {
        misfits.push(Misfit::TextureTooLarge {
            found_px: file.texture_px,
            limit_px: world.max_texture_px,
        });
    }
    if file.bytes > world.max_bytes {
        misfits.push(Misfit::FileTooLarge {
            found_bytes: file.bytes,
            limit_bytes: world.max_bytes,
        });
    }
    if let Extensions::Only(known) = &world.allowed_extensions {
        misfits.extend(
            file.needs
                .difference(known)
                .cloned()
                .map(|extension| Misfit::ExtensionNotAllowed { extension }),
        );
    }
    misfits
}

impl Serialize for Extensions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Any => serializer.serialize_str("any"),
            Self::Only(names) => names.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Extensions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Wire {
            Word(String),
            Names(#[serde(deserialize_with = "distinct")] BTreeSet<String>),
        }
        match Wire::deserialize(deserializer) {
            Ok(Wire::Word(word)) if word == "any" => Ok(Self::Any),
            Ok(Wire::Names(names)) => Ok(Self::Only(names)),
            _ => Err(D::Error::custom(
                "allowed_extensions is \"any\" or a list of names",
            )),
        }
    }
}

/// A list in which nothing stands twice.
fn distinct<'de, T: Deserialize<'de> + Ord, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeSet<T>, D::Error> {
    let items = Vec::<T>::deserialize(deserializer)?;
    let count = items.len();
    let set: BTreeSet<T> = items.into_iter().collect();
    if set.len() == count {
        Ok(set)
    } else {
        Err(D::Error::custom("the list has an item twice"))
    }
}

#[cfg(test)]
mod tests;
