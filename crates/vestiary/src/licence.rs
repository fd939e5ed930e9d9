//! What a licence lets people do, in the words of VRM 1.0 (`VRMC_vrm.meta`), which worlds already understand.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;

/// The licence of a design: its text by digest, and what it comes to for machines.
// Fields of all types here stand in the order of canonical JSON, so that writing them in turn is canonical.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// From which age the wearable is suitable.
    pub age: Age,
    /// Whether a world may keep the files.
    pub may_cache: bool,
    /// Digest of the licence's text.
    pub sha256: Sha256,
    /// The permissions, under VRM's names.
    pub vrm: VrmPermissions,
}

/// From which age a wearable is suitable, in years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Age {
    /// For everybody.
    #[default]
    #[serde(rename = "all")]
    All,
    /// From 12.
    #[serde(rename = "12")]
    From12,
    /// From 16.
    #[serde(rename = "16")]
    From16,
    /// For adults.
    #[serde(rename = "18")]
    From18,
}

/// The permission fields of `VRMC_vrm.meta`, names and values as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "VRM's fields, one for one")]
pub struct VrmPermissions {
    /// For expression that is antisocial or hateful.
    pub allow_antisocial_or_hate_usage: bool,
    /// For excessively sexual expression.
    pub allow_excessively_sexual_usage: bool,
    /// For excessively violent expression.
    pub allow_excessively_violent_usage: bool,
    /// For political or religious ends.
    pub allow_political_or_religious_usage: bool,
    /// Whether files may be passed on.
    pub allow_redistribution: bool,
    /// Who may wear it.
    pub avatar_permission: AvatarPermission,
    /// For whose profit.
    pub commercial_usage: CommercialUsage,
    /// Whether the author must be named.
    pub credit_notation: CreditNotation,
    /// Whether it may be altered.
    pub modification: Modification,
}

/// Who may wear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AvatarPermission {
    /// The author alone.
    OnlyAuthor,
    /// Whoever has a licence of its own: here, the wearer.
    OnlySeparatelyLicensedPerson,
    /// Everybody.
    Everyone,
}

/// For whose profit it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommercialUsage {
    /// Persons, without profit.
    PersonalNonProfit,
    /// Persons, also for profit.
    PersonalProfit,
    /// Companies too.
    Corporation,
}

impl CommercialUsage {
    /// VRM's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PersonalNonProfit => "personalNonProfit",
            Self::PersonalProfit => "personalProfit",
            Self::Corporation => "corporation",
        }
    }
}

/// Whether the author must be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CreditNotation {
    /// Yes.
    Required,
    /// No.
    Unnecessary,
}

/// Whether it may be altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Modification {
    /// No.
    Prohibited,
    /// Yes, for oneself.
    AllowModification,
    /// Yes, and what results may be passed on.
    AllowModificationRedistribution,
}

impl Default for VrmPermissions {
    /// What VRM assumes where a file is silent, but worn by the wearer rather than by the author alone.
    fn default() -> Self {
        Self {
            allow_antisocial_or_hate_usage: false,
            allow_excessively_sexual_usage: false,
            allow_excessively_violent_usage: false,
            allow_political_or_religious_usage: false,
            allow_redistribution: false,
            avatar_permission: AvatarPermission::OnlySeparatelyLicensedPerson,
            commercial_usage: CommercialUsage::PersonalNonProfit,
            credit_notation: CreditNotation::Required,
            modification: Modification::Prohibited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_those_of_vrm() {
        let expected = concat!(
            r#"{"allowAntisocialOrHateUsage":false,"allowExcessivelySexualUsage":false,"#,
            r#""allowExcessivelyViolentUsage":false,"allowPoliticalOrReligiousUsage":false,"#,
            r#""allowRedistribution":false,"avatarPermission":"onlySeparatelyLicensedPerson","#,
            r#""commercialUsage":"personalNonProfit","creditNotation":"required","modification":"prohibited"}"#
        );
        assert_eq!(
            serde_json::to_string(&VrmPermissions::default()).unwrap(),
            expected
        );
        for usage in [
            CommercialUsage::PersonalNonProfit,
            CommercialUsage::PersonalProfit,
            CommercialUsage::Corporation,
        ] {
            assert_eq!(serde_json::to_value(usage).unwrap(), usage.as_str());
        }
    }
}
