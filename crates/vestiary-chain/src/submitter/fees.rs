//! What to pay for gas.

use crate::submitter::SubmitterOptions;

/// The two prices of an EIP-1559 transaction, in wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fees {
    pub(super) max_fee_wei: u128,
    pub(super) max_priority_fee_wei: u128,
}

impl Fees {
    /// Room for the base fee to double, and the tip; within the cap. `None`: the cap does not cover one block.
    pub(super) fn suggest(base_fee_wei: u128, tip_wei: u128, options: &SubmitterOptions) -> Option<Self> {
        let tip = tip_wei.max(options.min_priority_fee_wei);
        if base_fee_wei.saturating_add(tip) > options.max_fee_cap_wei {
            return None;
        }
        let max_fee_wei = base_fee_wei
            .saturating_mul(2)
            .saturating_add(tip)
            .min(options.max_fee_cap_wei);
        Some(Self {
            max_fee_wei,
            max_priority_fee_wei: tip.min(max_fee_wei),
        })
    }

    /// Fees that replace these: both at least an eighth higher, and at least what is suggested now. Nodes ask
    /// for a tenth. `None`: that is above the cap.
    pub(super) fn replace(self, suggested: Option<Self>, options: &SubmitterOptions) -> Option<Self> {
        let eighth = |wei: u128| wei.saturating_add(wei.div_ceil(8)).saturating_add(1);
        let suggested = suggested.unwrap_or(self);
        let fees = Self {
            max_fee_wei: eighth(self.max_fee_wei).max(suggested.max_fee_wei),
            max_priority_fee_wei: eighth(self.max_priority_fee_wei).max(suggested.max_priority_fee_wei),
        };
        (fees.max_fee_wei <= options.max_fee_cap_wei).then_some(fees)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: SubmitterOptions = SubmitterOptions {
        max_fee_cap_wei: 1_000,
        min_priority_fee_wei: 10,
        ..SubmitterOptions::DEFAULT
    };

    #[test]
    fn a_replacement_pays_at_least_an_eighth_more_for_both() {
        let old = Fees {
            max_fee_wei: 100,
            max_priority_fee_wei: 10,
        };
        let new = old.replace(None, &OPTIONS).unwrap();
        assert!(new.max_fee_wei * 8 >= old.max_fee_wei * 9);
        assert!(new.max_priority_fee_wei * 8 >= old.max_priority_fee_wei * 9);
    }

    #[test]
    fn the_cap_is_never_passed() {
        assert_eq!(Fees::suggest(991, 0, &OPTIONS), None);
        assert_eq!(Fees::suggest(990, 0, &OPTIONS).unwrap().max_fee_wei, 1_000);
        assert_eq!(
            Fees {
                max_fee_wei: 900,
                max_priority_fee_wei: 10
            }
            .replace(None, &OPTIONS),
            None
        );
    }
}
