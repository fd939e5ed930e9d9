//! Words of a fixed vocabulary, and serde for types whose JSON is their text.

/// The text itself.
pub(crate) mod plain {
    use std::{borrow::Cow, fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// The text, or `""` for nothing: the JSON readers of some engines stumble over `null`.
pub(crate) mod or_blank {
    use std::{borrow::Cow, fmt::Display, str::FromStr};

    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_str(""),
        }
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(D::Error::custom)
    }
}

/// Whether a character steers a terminal, or hides or reorders what stands around it.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        // Nothing is seen of these. U+200C, U+200D and the variation selectors stay: names of some scripts need them.
        || matches!(c, '\u{ad}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}' | '\u{feff}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
        // Letters that look like a space.
        || matches!(c, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// Whether a text is what a person reads: not padded, nothing in it that hides or reorders the rest.
pub(crate) fn is_readable(text: &str) -> bool {
    text.trim() == text && !text.chars().any(is_deceptive)
}

/// A text that may be a stranger's, on one line and as it is: each [deceptive](is_deceptive) character, a line feed
/// too, is shown as its escape.
#[derive(Clone, Copy, Debug)]
pub struct Visible<'a>(pub &'a str);

impl std::fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write as _;

        for c in self.0.chars() {
            if is_deceptive(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Gives an enum without fields its words: `as_str`, `ALL`, `Display`, `FromStr` and serde.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
        }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::text::UnknownWord;

            fn from_str(text: &str) -> Result<Self, $crate::text::UnknownWord> {
                let found = Self::ALL.iter().copied().find(|word| word.as_str() == text);
                found.ok_or($crate::text::UnknownWord { what: stringify!($name), words: &[$($text,)*] })
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::text::plain::deserialize(deserializer)
            }
        }
    };
}
pub(crate) use words;

/// A text that is none of the words of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} is one of {}", words.join(", "))]
pub struct UnknownWord {
    pub(crate) what: &'static str,
    pub(crate) words: &'static [&'static str],
}

impl UnknownWord {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        "unknown_word"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_character_that_hides_or_reorders_others_is_not_readable() {
        let ranges = [
            '\u{0}'..='\u{1f}',
            '\u{7f}'..='\u{9f}',
            '\u{ad}'..='\u{ad}',
            '\u{61c}'..='\u{61c}',
            '\u{115f}'..='\u{1160}',
            '\u{17b4}'..='\u{17b5}',
            '\u{180e}'..='\u{180e}',
            '\u{200b}'..='\u{200b}',
            '\u{200e}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
            '\u{2800}'..='\u{2800}',
            '\u{3164}'..='\u{3164}',
            '\u{feff}'..='\u{feff}',
            '\u{ffa0}'..='\u{ffa0}',
            '\u{fff9}'..='\u{fffb}',
            '\u{1bca0}'..='\u{1bca3}',
            '\u{1d173}'..='\u{1d17a}',
            '\u{e0000}'..='\u{e007f}',
        ];
        for c in ranges.into_iter().flatten() {
            assert!(!is_readable(&format!("a{c}b")), "{}", c.escape_unicode());
        }
    }

    #[test]
    fn names_of_every_script_are_readable() {
        let names = [
            "Maison \u{c9}t\u{e9}",
            "\u{646}\u{627}\u{645}\u{647}\u{200c}\u{627}\u{6cc}", // Persian needs U+200C inside words
            "\u{915}\u{94d}\u{200d}\u{937}",                      // and Hindi U+200D
            "\u{1f469}\u{200d}\u{1f3a8}\u{fe0f}",
            "\u{845b}\u{e0100}",
            "\u{1828}\u{180b}",
            "\u{d55c}\u{ae00} \u{3000}x",
        ];
        for name in names {
            assert!(is_readable(name), "{}", name.escape_unicode());
        }
    }
}
