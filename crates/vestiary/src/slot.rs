//! Where on a body a wearable is worn: one neutral vocabulary, from which each world's own words follow.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use thiserror::Error;

use crate::ids::serde_as_text;

macro_rules! slots {
    ($($(#[$doc:meta])* $slot:ident = $text:literal,)*) => {
        /// A slot of the body.
        // In the order of their texts, so that a set of slots is sorted as its texts are.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Slot {
            $($(#[$doc])* $slot,)*
        }

        impl Slot {
            /// Every slot, in the order of their texts.
            pub const ALL: &'static [Self] = &[$(Self::$slot,)*];

            /// The slot's text.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$slot => $text,)* }
            }
        }
    };
}

slots! {
    /// `ear`: earrings.
    Ear = "ear",
    /// `face.eyewear`: glasses.
    FaceEyewear = "face.eyewear",
    /// `face.mask`: masks.
    FaceMask = "face.mask",
    /// `feet`: shoes.
    Feet = "feet",
    /// `full`: the whole body.
    Full = "full",
    /// `hair`: hair.
    Hair = "hair",
    /// `hand.left`: held in the left hand.
    HandLeft = "hand.left",
    /// `hand.right`: held in the right hand.
    HandRight = "hand.right",
    /// `hands`: gloves.
    Hands = "hands",
    /// `head.hat`: hats.
    HeadHat = "head.hat",
    /// `head.helmet`: helmets, which hide what is under them.
    HeadHelmet = "head.helmet",
    /// `legs`: trousers, skirts.
    Legs = "legs",
    /// `torso`: tops, coats.
    Torso = "torso",
}

/// A text that names no slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no such slot; slots are ear, face.*, feet, full, hair, hand.*, hands, head.*, legs and torso")]
pub struct UnknownSlot;

impl UnknownSlot {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        "unknown_slot"
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Slot {
    type Err = UnknownSlot;

    fn from_str(text: &str) -> Result<Self, UnknownSlot> {
        Self::ALL
            .iter()
            .copied()
            .find(|slot| slot.as_str() == text)
            .ok_or(UnknownSlot)
    }
}

serde_as_text!(Slot);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_read_as_they_are_written_and_are_sorted_as_texts() {
        for slot in Slot::ALL {
            assert_eq!(slot.to_string().parse(), Ok(*slot));
        }
        assert!(
            Slot::ALL
                .windows(2)
                .all(|pair| pair[0] < pair[1] && pair[0].as_str() < pair[1].as_str())
        );
        for text in ["", "Torso", "head", "upper_body"] {
            assert_eq!(text.parse::<Slot>().unwrap_err().code(), "unknown_slot", "{text}");
        }
    }
}
