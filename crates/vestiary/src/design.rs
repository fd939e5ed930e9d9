//! The design document: what may be worn, in which files, under which terms. Immutable, named by its SHA-256.
//!
//! Canonical JSON (RFC 8785), other spellings refused, so a document has one digest. As a single raw block its
//! content id ([`raw_cid`]) follows from the digest that is on chain.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    digest::{Sha256, raw_cid},
    ids::Edition,
    jcs,
    json::{self, JsonError},
    licence::Licence,
    slot::Slot,
    terms::{Terms, TermsError},
    text::is_readable,
};

/// Value of `format`.
pub const FORMAT: &str = "vestiary/design/v1";
/// Largest design document: it must be one raw block.
pub const MAX_DESIGN_BYTES: usize = 256 * 1024;
/// Most representations of a design.
pub const MAX_REPRESENTATIONS: usize = 64;
/// Most extensions that one file needs.
pub const MAX_NEEDS: usize = 64;
/// Longest name, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 256;
/// Longest description, in bytes of UTF-8.
pub const MAX_DESCRIPTION_BYTES: usize = 4096;
/// Longest of the other texts: profiles, content ids, media types, extensions.
pub const MAX_LABEL_BYTES: usize = 128;
/// Largest number in the document; JSON is exact to here.
pub const MAX_NUMBER: u64 = json::MAX_INTEGER;

/// A design document.
// Fields of all types here stand in the order of canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// Plain text, possibly empty, in lines.
    pub description: String,
    /// Most copies there will be, in this collection.
    pub edition: Edition,
    /// Always [`FORMAT`].
    pub format: Format,
    /// Slots whose wearables are hidden while this is worn.
    pub hides: BTreeSet<Slot>,
    /// What wearers may do.
    pub licence: Licence,
    /// What a person calls it.
    pub name: String,
    /// Slots whose wearables this takes the place of.
    pub replaces: BTreeSet<Slot>,
    /// Files that worlds can load, at least one.
    pub representations: Vec<Representation>,
    /// Where it is worn.
    pub slot: Slot,
    /// What limits the owner.
    pub terms: Terms,
}

/// The only [`FORMAT`] there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Format {
    /// `vestiary/design/v1`.
    #[default]
    #[serde(rename = "vestiary/design/v1")]
    V1,
}

/// One file of a design, with what decides whether an engine can load it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Representation {
    /// Size of the file.
    pub bytes: u64,
    /// Content id, under `cid_profile`.
    pub cid: String,
    /// How the content id was made: `unixfs-v1-2025`.
    pub cid_profile: String,
    /// Level of detail, 0 the finest.
    pub lod: u8,
    /// `model/gltf-binary`, …
    pub media_type: String,
    /// glTF extensions without which the file cannot be shown.
    pub needs: BTreeSet<String>,
    /// The world or family of worlds that it was made for: `plaza`, `gltf`, …
    pub profile: String,
    /// Digest of the file: equal files have equal digests, whatever their content ids.
    pub sha256: Sha256,
    /// Longer side of the largest texture, in pixels; 0 without textures.
    pub texture_px: u32,
    /// Triangles drawn.
    pub triangles: u64,
}

/// Why bytes or fields are no design document.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DesignError {
    /// Not JSON as we read it, not these fields, or too large.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The same JSON has another, canonical spelling (RFC 8785).
    #[error("the bytes are not the canonical form of what they say")]
    NotCanonical,
    /// A text outside its limits.
    #[error("{field} must be {rule}")]
    Text {
        /// The field.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// A number above [`MAX_NUMBER`].
    #[error("{field} is {found}, at most {MAX_NUMBER} can be written")]
    Number {
        /// The field.
        field: &'static str,
        /// The number.
        found: u64,
    },
    /// Too few or too many of something.
    #[error("{found} {what}, between {least} and {most} are allowed")]
    Count {
        /// `representations` or `needs`.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there must be.
        least: usize,
        /// How many there may be.
        most: usize,
    },
    /// Terms that the chain cannot hold.
    #[error(transparent)]
    Terms(#[from] TermsError),
    /// The document would be larger than [`MAX_DESIGN_BYTES`].
    #[error("the document has {0} bytes, at most {MAX_DESIGN_BYTES} are allowed")]
    TooLarge(usize),
}

impl DesignError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json(error) => error.code(),
            Self::NotCanonical => "not_canonical",
            Self::Text { .. } => "design_text",
            Self::Number { .. } => "design_number",
            Self::Count { .. } => "design_count",
            Self::Terms(error) => error.code(),
            Self::TooLarge(_) => "too_large",
        }
    }
}

impl Design {
    /// Reads a document: canonical bytes only, nothing unknown in them.
    pub fn parse(bytes: &[u8]) -> Result<Self, DesignError> {
        let design: Self = json::from_slice_strict(bytes, MAX_DESIGN_BYTES)?;
        if design.to_bytes()? != bytes {
            return Err(DesignError::NotCanonical);
        }
        Ok(design)
    }

    /// The document's bytes. Refuses what [`parse`](Self::parse) would refuse.
    pub fn to_bytes(&self) -> Result<Vec<u8>, DesignError> {
        self.check()?;
        let bytes = jcs::canonical_of(self).expect("strings and small integers are always JSON");
        if bytes.len() > MAX_DESIGN_BYTES {
            return Err(DesignError::TooLarge(bytes.len()));
        }
        Ok(bytes)
    }

    /// The digest that the chain, the log and every certificate name the design by.
    pub fn digest(&self) -> Result<Sha256, DesignError> {
        Ok(Sha256::of(&self.to_bytes()?))
    }

    /// The content id of the document.
    pub fn cid(&self) -> Result<String, DesignError> {
        Ok(raw_cid(&self.digest()?))
    }

    fn check(&self) -> Result<(), DesignError> {
        if !is_readable(&self.name) || self.name.is_empty() || self.name.len() > MAX_NAME_BYTES {
            let rule = "1 to 256 bytes of text, not padded, without control characters";
            return Err(DesignError::Text { field: "name", rule });
        }
        if !is_readable(&self.description.replace('\n', " "))
            || self.description.len() > MAX_DESCRIPTION_BYTES
        {
            let rule =
                "at most 4096 bytes of text, not padded, without control characters other than line feeds";
            return Err(DesignError::Text {
                field: "description",
                rule,
            });
        }
        self.terms.pack()?;
        count(
            "representations",
            self.representations.len(),
            1,
            MAX_REPRESENTATIONS,
        )?;
        self.representations.iter().try_for_each(Representation::check)
    }
}

impl Representation {
    fn check(&self) -> Result<(), DesignError> {
        if !is_profile(&self.profile) {
            return Err(DesignError::Text {
                field: "profile",
                rule: "1 to 64 lower-case letters, digits, hyphens and dots",
            });
        }
        for (field, text) in [
            ("cid", &self.cid),
            ("cid_profile", &self.cid_profile),
            ("media_type", &self.media_type),
        ] {
            check_label(field, text)?;
        }
        self.needs
            .iter()
            .try_for_each(|extension| check_label("needs", extension))?;
        count("needs", self.needs.len(), 0, MAX_NEEDS)?;
        for (field, found) in [("bytes", self.bytes), ("triangles", self.triangles)] {
            if found > MAX_NUMBER {
                return Err(DesignError::Number { field, found });
            }
        }
        Ok(())
    }
}

/// Whether a text can name a world or representation profile: it stands in paths.
pub(crate) fn is_profile(text: &str) -> bool {
    matches!(text.len(), 1..=64)
        && text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
        && !text.starts_with('.')
}

fn check_label(field: &'static str, text: &str) -> Result<(), DesignError> {
    if matches!(text.len(), 1..=MAX_LABEL_BYTES) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(DesignError::Text {
        field,
        rule: "1 to 128 printable ASCII characters without spaces",
    })
}

fn count(what: &'static str, found: usize, least: usize, most: usize) -> Result<(), DesignError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(DesignError::Count {
        what,
        found,
        least,
        most,
    })
}

#[cfg(test)]
mod tests;
