//! What a VRM file says about its licence, in VRM's own names. Whether a design agrees with it is
//! asked where the design is added.

use serde::{Deserialize, Serialize};

use super::{Fault, MAX_LICENCE_TEXT_BYTES, document::Document, refuse};
use crate::Error;

/// The licence part of a VRM file's `meta`. Texts are the file's own, "" where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VrmLicence {
    /// "0.0" or "1.0".
    pub vrm: &'static str,
    /// The model's name.
    pub name: String,
    /// The model's version.
    pub version: String,
    /// Who made it.
    pub authors: Vec<String>,
    /// VRM 0: `licenseName`. VRM 1: `licenseUrl`.
    pub licence: String,
    /// VRM 0 and 1: `otherLicenseUrl`.
    pub other_licence_url: String,
    /// VRM 0: `allowedUserName`. VRM 1: `avatarPermission`.
    pub allowed_user: String,
    /// VRM 0: `commercialUssageName` (so spelt in files). VRM 1: `commercialUsage`.
    pub commercial: String,
    /// VRM 0: `violentUssageName`. VRM 1: `allowExcessivelyViolentUsage`.
    pub violent: String,
    /// VRM 0: `sexualUssageName`. VRM 1: `allowExcessivelySexualUsage`.
    pub sexual: String,
    /// VRM 1: `allowRedistribution`.
    pub redistribution: String,
    /// VRM 1: `modification`.
    pub modification: String,
    /// VRM 1: `creditNotation`.
    pub credit: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Vrm0 {
    #[serde(default)]
    meta: Meta0,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Meta0 {
    title: String,
    version: String,
    author: String,
    license_name: String,
    other_license_url: String,
    allowed_user_name: String,
    commercial_ussage_name: String,
    violent_ussage_name: String,
    sexual_ussage_name: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Vrm1 {
    meta: Meta1,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta1 {
    name: String,
    authors: Vec<String>,
    license_url: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    other_license_url: String,
    #[serde(default)]
    avatar_permission: String,
    #[serde(default)]
    commercial_usage: String,
    allow_excessively_violent_usage: Option<bool>,
    allow_excessively_sexual_usage: Option<bool>,
    allow_redistribution: Option<bool>,
    #[serde(default)]
    modification: String,
    #[serde(default)]
    credit_notation: String,
}

pub(super) fn licence(document: &Document<'_>) -> Result<Option<VrmLicence>, Error> {
    let licence = match (&document.extensions.vrm1, &document.extensions.vrm0) {
        (Some(vrm), _) => from_vrm1(&vrm.meta),
        (None, Some(vrm)) => from_vrm0(&vrm.meta),
        (None, None) => return Ok(None),
    };
    let texts = [
        &licence.name,
        &licence.version,
        &licence.licence,
        &licence.other_licence_url,
        &licence.allowed_user,
        &licence.commercial,
        &licence.violent,
        &licence.sexual,
        &licence.modification,
        &licence.credit,
    ];
    let too_long = |text: &String| text.len() > MAX_LICENCE_TEXT_BYTES;
    let authors_missing = licence.vrm == "1.0" && licence.authors.is_empty();
    if authors_missing || texts.into_iter().chain(&licence.authors).any(too_long) {
        return Err(refuse(Fault::VrmLicence, "/extensions"));
    }
    Ok(Some(licence))
}

fn from_vrm0(meta: &Meta0) -> VrmLicence {
    VrmLicence {
        vrm: "0.0",
        name: meta.title.clone(),
        version: meta.version.clone(),
        authors: if meta.author.is_empty() {
            vec![]
        } else {
            vec![meta.author.clone()]
        },
        licence: meta.license_name.clone(),
        other_licence_url: meta.other_license_url.clone(),
        allowed_user: meta.allowed_user_name.clone(),
        commercial: meta.commercial_ussage_name.clone(),
        violent: meta.violent_ussage_name.clone(),
        sexual: meta.sexual_ussage_name.clone(),
        redistribution: String::new(),
        modification: String::new(),
        credit: String::new(),
    }
}

fn from_vrm1(meta: &Meta1) -> VrmLicence {
    let said = |answer: Option<bool>| answer.map_or_else(String::new, |yes| yes.to_string());
    VrmLicence {
        vrm: "1.0",
        name: meta.name.clone(),
        version: meta.version.clone(),
        authors: meta.authors.clone(),
        licence: meta.license_url.clone(),
        other_licence_url: meta.other_license_url.clone(),
        allowed_user: meta.avatar_permission.clone(),
        commercial: meta.commercial_usage.clone(),
        violent: said(meta.allow_excessively_violent_usage),
        sexual: said(meta.allow_excessively_sexual_usage),
        redistribution: said(meta.allow_redistribution),
        modification: meta.modification.clone(),
        credit: meta.credit_notation.clone(),
    }
}
