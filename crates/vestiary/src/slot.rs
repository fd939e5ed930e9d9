//! Where on a body a wearable is worn: one neutral vocabulary, from which each world's own words follow.

use crate::text::words;

/// A text that names no slot.
pub use crate::text::UnknownWord as UnknownSlot;

words! {
    // In the order of their texts, so that a set of slots is sorted as its texts are.
    /// A slot of the body.
    Slot {
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
}

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
            assert_eq!(text.parse::<Slot>().unwrap_err().code(), "unknown_word", "{text}");
        }
    }
}
