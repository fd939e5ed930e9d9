//! The terms of a design that limit the owner, and the word the chain keeps them in.
//!
//! | bits | meaning |
//! |---|---|
//! | 0..40 | `recovery_until`, unix seconds, 0 none |
//! | 40..80 | `choose_by`, unix seconds, 0 none |
//! | 80..88 | `default`: 0 none, 1 physical, 2 digital |
//! | 88..256 | zero |

use alloy_primitives::U256;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use thiserror::Error;

/// Largest time that fits a term: 40 bits of unix seconds, the year 36812.
pub const MAX_TERM_TIME_S: u64 = (1 << 40) - 1;

const CHOOSE_BY_BIT: usize = 40;
const DEFAULT_BIT: usize = 80;
const END_BIT: usize = 88;

/// What an owner accepts with a wearable. In JSON: `{"choose_by":0,"default":"none","recovery_until":0}`.
// Fields stand in the order of canonical JSON, so that writing them in turn is canonical.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// Until when the owner chooses between the piece and the wearable: unix seconds, 0 where there is no
    /// choice.
    #[serde(deserialize_with = "term_time")]
    pub choose_by: u64,
    /// What is kept when the owner has not chosen by then.
    pub default: Kept,
    /// Until when the issuer may help recover a lost wearable: unix seconds, 0 for never.
    #[serde(deserialize_with = "term_time")]
    pub recovery_until: u64,
}

/// Which half of a pair of piece and wearable is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// Nothing has to be chosen.
    #[default]
    None,
    /// The physical piece.
    Physical,
    /// The digital wearable.
    Digital,
}

/// Why a word or a time is not a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TermsError {
    /// A time above [`MAX_TERM_TIME_S`].
    #[error("{0} s is past the last time that terms can hold, {MAX_TERM_TIME_S} s")]
    Time(u64),
    /// A default other than 0, 1 and 2.
    #[error("default is 0 (none), 1 (physical) or 2 (digital), not {0}")]
    Default(u8),
    /// A bit that has no meaning is set.
    #[error("bits {END_BIT} and above of packed terms must be zero")]
    ReservedBits,
}

impl TermsError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Time(_) => "terms_time_too_large",
            Self::Default(_) => "terms_unknown_default",
            Self::ReservedBits => "terms_reserved_bits",
        }
    }
}

impl Terms {
    /// The chain's word for these terms.
    pub fn pack(&self) -> Result<U256, TermsError> {
        for time in [self.recovery_until, self.choose_by] {
            if time > MAX_TERM_TIME_S {
                return Err(TermsError::Time(time));
            }
        }
        let default: u8 = match self.default {
            Kept::None => 0,
            Kept::Physical => 1,
            Kept::Digital => 2,
        };
        Ok(U256::from(self.recovery_until)
            | (U256::from(self.choose_by) << CHOOSE_BY_BIT)
            | (U256::from(default) << DEFAULT_BIT))
    }

    /// Reads the chain's word.
    pub fn unpack(word: U256) -> Result<Self, TermsError> {
        if word >> END_BIT != U256::ZERO {
            return Err(TermsError::ReservedBits);
        }
        let time_at = |bit: usize| (word >> bit).as_limbs()[0] & MAX_TERM_TIME_S;
        let default = match word.byte(DEFAULT_BIT / 8) {
            0 => Kept::None,
            1 => Kept::Physical,
            2 => Kept::Digital,
            other => return Err(TermsError::Default(other)),
        };
        Ok(Self {
            choose_by: time_at(CHOOSE_BY_BIT),
            default,
            recovery_until: time_at(0),
        })
    }
}

fn term_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match u64::deserialize(deserializer)? {
        time if time > MAX_TERM_TIME_S => Err(D::Error::custom(TermsError::Time(time))),
        time => Ok(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_field_has_its_bits() {
        let terms = Terms {
            recovery_until: 0xaa,
            choose_by: 0xbb,
            default: Kept::Digital,
        };
        assert_eq!(
            format!("{:#x}", terms.pack().unwrap()),
            "0x2000000 00bb0000 0000aa".replace(' ', "")
        );
        assert_eq!(Terms::default().pack().unwrap(), U256::ZERO);
    }

    #[test]
    fn times_and_words_out_of_range_are_refused() {
        let late = Terms {
            choose_by: MAX_TERM_TIME_S + 1,
            ..Terms::default()
        };
        assert_eq!(late.pack().unwrap_err().code(), "terms_time_too_large");
        assert!(
            Terms {
                choose_by: MAX_TERM_TIME_S,
                ..late
            }
            .pack()
            .is_ok()
        );
        let unpack = |word: U256| Terms::unpack(word).unwrap_err().code();
        assert_eq!(unpack(U256::from(3) << DEFAULT_BIT), "terms_unknown_default");
        assert_eq!(unpack(U256::from(1) << END_BIT), "terms_reserved_bits");
        assert_eq!(unpack(U256::MAX), "terms_reserved_bits");
    }

    #[test]
    fn json_is_one_object_with_nothing_unknown() {
        let text = r#"{"choose_by":5,"default":"physical","recovery_until":0}"#;
        let terms: Terms = serde_json::from_str(text).unwrap();
        assert_eq!(
            terms,
            Terms {
                choose_by: 5,
                default: Kept::Physical,
                recovery_until: 0
            }
        );
        assert_eq!(serde_json::to_string(&terms).unwrap(), text);
        for bad in [
            r#"{"choose_by":5,"default":"physical"}"#,
            r#"{"choose_by":5,"default":"paper","recovery_until":0}"#,
            r#"{"choose_by":1099511627776,"default":"none","recovery_until":0}"#,
            r#"{"choose_by":5,"default":"none","recovery_until":0,"more":1}"#,
        ] {
            assert!(serde_json::from_str::<Terms>(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn terms_survive_the_word(
            recovery_until in 0..=MAX_TERM_TIME_S,
            choose_by in 0..=MAX_TERM_TIME_S,
            default in prop_oneof![Just(Kept::None), Just(Kept::Physical), Just(Kept::Digital)],
        ) {
            let terms = Terms { choose_by, default, recovery_until };
            prop_assert_eq!(Terms::unpack(terms.pack().unwrap()), Ok(terms));
        }

        #[test]
        fn a_word_that_unpacks_packs_to_itself(high: u32, low: u64) {
            let word = (U256::from(high) << 64) | U256::from(low);
            if let Ok(terms) = Terms::unpack(word) {
                prop_assert_eq!(terms.pack(), Ok(word));
            }
        }
    }
}
