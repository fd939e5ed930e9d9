//! What a licence lets people do, in the words of VRM 1.0 (`VRMC_vrm.meta`), which worlds already understand.

use serde::{Deserialize, Serialize};

use crate::{digest::Sha256, text::words};

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

words! {
    /// From which age a wearable is suitable, in years.
    Age {
        /// For everybody.
        All = "all",
        /// From 12.
        From12 = "12",
        /// From 16.
        From16 = "16",
        /// For adults.
        From18 = "18",
    }
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

words! {
    /// Who may wear it.
    AvatarPermission {
        /// The author alone.
        OnlyAuthor = "onlyAuthor",
        /// Whoever has a licence of its own: here, the wearer.
        OnlySeparatelyLicensedPerson = "onlySeparatelyLicensedPerson",
        /// Everybody.
        Everyone = "everyone",
    }
}

words! {
    /// For whose profit it may be used.
    CommercialUsage {
        /// Persons, without profit.
        PersonalNonProfit = "personalNonProfit",
        /// Persons, also for profit.
        PersonalProfit = "personalProfit",
        /// Companies too.
        Corporation = "corporation",
    }
}

words! {
    /// Whether the author must be named.
    CreditNotation {
        /// Yes.
        Required = "required",
        /// No.
        Unnecessary = "unnecessary",
    }
}

words! {
    /// Whether it may be altered.
    Modification {
        /// No.
        Prohibited = "prohibited",
        /// Yes, for oneself.
        AllowModification = "allowModification",
        /// Yes, and what results may be passed on.
        AllowModificationRedistribution = "allowModificationRedistribution",
    }
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
    }
}
