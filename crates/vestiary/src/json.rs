//! Strict JSON: one text, one meaning.
//!
//! Two parsers that read one signed text differently are a forgery waiting to happen, so what this
//! module accepts is the part of JSON on which all parsers agree: no key twice in an object, no fraction,
//! exponent or negative zero, no integer beyond ±(2⁵³−1), no lone surrogate, no byte order mark, nothing
//! after the value, UTF-8 only, at most [`MAX_DEPTH`] levels. The size is checked before anything is read.
//! Every refusal has a stable [`JsonError::code`] and says where it is.

mod scan;

use std::fmt;

use serde::de::DeserializeOwned;

use crate::by_name::ByName;
use crate::text::Visible;

/// The deepest nesting of arrays and objects that is read. Our own formats need six.
pub const MAX_DEPTH: usize = 32;

/// The largest integer magnitude that every JSON reader represents exactly: 2⁵³ − 1 (RFC 7493 §2.2).
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Parses `bytes` strictly into `T`.
///
/// `T` should refuse unknown fields (`#[serde(deny_unknown_fields)]`); this function can refuse a key that
/// stands twice, not one that `T` ignores. A struct is read from an object only ([`ByName`]).
pub fn from_slice_strict<T: DeserializeOwned>(bytes: &[u8], max_bytes: usize) -> Result<T, JsonError> {
    let text = check(bytes, max_bytes)?;
    from_checked(text)
}

/// Parses `bytes` strictly into a [`serde_json::Value`].
pub fn parse_strict(bytes: &[u8], max_bytes: usize) -> Result<serde_json::Value, JsonError> {
    from_slice_strict(bytes, max_bytes)
}

/// Checks `bytes` without building anything; the answer is the same text as `&str`.
pub fn check(bytes: &[u8], max_bytes: usize) -> Result<&str, JsonError> {
    if bytes.len() > max_bytes {
        return Err(JsonError::bare(
            Reason::TooLarge {
                bytes: bytes.len(),
                max_bytes,
            },
            max_bytes,
        ));
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        return Err(JsonError::bare(Reason::ByteOrderMark, 0));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| JsonError::bare(Reason::InvalidUtf8, error.valid_up_to()))?;
    scan::scan(text)?;
    Ok(text)
}

/// Reads a text that [`check`] has passed; only its shape can still be wrong.
pub(crate) fn from_checked<'de, T: serde::Deserialize<'de>>(text: &'de str) -> Result<T, JsonError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = T::deserialize(ByName(&mut reader)).map_err(|error| JsonError::shape(text, &error))?;
    reader.end().map_err(|error| JsonError::shape(text, &error))?;
    Ok(value)
}

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// More bytes than the caller allows.
    TooLarge {
        /// The size of the text.
        bytes: usize,
        /// The size that is allowed.
        max_bytes: usize,
    },
    /// The text begins with U+FEFF.
    ByteOrderMark,
    /// The text is not UTF-8.
    InvalidUtf8,
    /// The text is not JSON (RFC 8259).
    Syntax,
    /// The text ends before the value does.
    Truncated,
    /// Something other than white space follows the value.
    TrailingData,
    /// One object has one key twice, escapes resolved.
    DuplicateKey,
    /// A number has a fraction or an exponent.
    Float,
    /// The number `-0`.
    NegativeZero,
    /// An integer beyond ±(2⁵³−1).
    IntegerOutOfRange,
    /// More than [`MAX_DEPTH`] levels.
    TooDeep,
    /// A `\u` escape of one half of a surrogate pair.
    LoneSurrogate,
    /// Well-formed, with a field that the format does not have.
    UnknownField,
    /// Well-formed, without a field that the format needs.
    MissingField,
    /// Well-formed, with a value of a kind or form that the format does not allow.
    WrongShape,
}

impl Reason {
    /// The stable name of this reason.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::ByteOrderMark => "byte_order_mark",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::Syntax => "syntax",
            Self::Truncated => "truncated",
            Self::TrailingData => "trailing_data",
            Self::DuplicateKey => "duplicate_key",
            Self::Float => "float",
            Self::NegativeZero => "negative_zero",
            Self::IntegerOutOfRange => "integer_out_of_range",
            Self::TooDeep => "too_deep",
            Self::LoneSurrogate => "lone_surrogate",
            Self::UnknownField => "unknown_field",
            Self::MissingField => "missing_field",
            Self::WrongShape => "wrong_shape",
        }
    }
}

/// A refused text: why, at which byte, and at which place in the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonError {
    reason: Reason,
    offset_bytes: usize,
    pointer: String,
    detail: String,
}

impl JsonError {
    fn bare(reason: Reason, offset_bytes: usize) -> Self {
        Self {
            reason,
            offset_bytes,
            pointer: String::new(),
            detail: String::new(),
        }
    }

    fn shape(text: &str, error: &serde_json::Error) -> Self {
        let detail = error.to_string();
        // serde's provided messages begin with these words; a test pins them.
        let reason = if detail.starts_with("unknown field") {
            Reason::UnknownField
        } else if detail.starts_with("missing field") {
            Reason::MissingField
        } else if detail.starts_with("duplicate field") {
            Reason::DuplicateKey
        } else {
            Reason::WrongShape
        };
        let offset_bytes = offset_of(text, error.line(), error.column());
        Self {
            reason,
            offset_bytes,
            pointer: scan::pointer_at(text, offset_bytes),
            detail,
        }
    }

    /// Why the text was refused.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The stable name of the reason.
    pub fn code(&self) -> &'static str {
        self.reason.code()
    }

    /// The byte at which the text was refused, counted from 0.
    pub fn offset_bytes(&self) -> usize {
        self.offset_bytes
    }

    /// The place in the document as a JSON Pointer (RFC 6901); empty for the whole document.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            Reason::TooLarge { bytes, max_bytes } => {
                return write!(f, "{bytes} bytes, at most {max_bytes} are read");
            }
            Reason::ByteOrderMark => write!(f, "the text begins with a byte order mark")?,
            Reason::InvalidUtf8 => write!(f, "not UTF-8")?,
            Reason::Syntax => write!(f, "not JSON")?,
            Reason::Truncated => write!(f, "the text ends before the value does")?,
            Reason::TrailingData => write!(f, "something follows the value")?,
            Reason::DuplicateKey => write!(f, "a key stands twice in one object")?,
            Reason::Float => write!(f, "a number with a fraction or an exponent")?,
            Reason::NegativeZero => write!(f, "the number -0")?,
            Reason::IntegerOutOfRange => write!(f, "an integer beyond 2^53 - 1")?,
            Reason::TooDeep => write!(f, "more than {MAX_DEPTH} levels")?,
            Reason::LoneSurrogate => write!(f, "one half of a surrogate pair")?,
            // Both quote names that whoever wrote the text chose.
            Reason::UnknownField | Reason::MissingField | Reason::WrongShape => {
                write!(f, "{}", Visible(&self.detail))?;
            }
        }
        if !self.pointer.is_empty() {
            write!(f, ", in {}", Visible(&self.pointer))?;
        }
        write!(f, ", at byte {}", self.offset_bytes)
    }
}

impl std::error::Error for JsonError {}

/// The byte offset of `serde_json`'s line and column, both counted from 1, the column in bytes.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let mut start = 0;
    for _ in 1..line {
        match text[start..].find('\n') {
            Some(newline) => start += newline + 1,
            None => break,
        }
    }
    (start + column.saturating_sub(1)).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &[u8]) -> &'static str {
        match parse_strict(text, 10_000) {
            Ok(_) => "ok",
            Err(error) => error.code(),
        }
    }

    #[test]
    fn plain_json_is_read() {
        for text in [
            "null",
            " true ",
            "[]",
            "{}",
            "0",
            "-1",
            "9007199254740991",
            "-9007199254740991",
            r#"{"a":[1,{"b":"\u00e9\ud83d\ude02\\\/\b\f\n\r\t\""}],"c":null,"é":false}"#,
            "{\"a\" :\t1 ,\r\n\"b\" : [ ] }",
        ] {
            let value = parse_strict(text.as_bytes(), 10_000).expect(text);
            assert_eq!(value, serde_json::from_str::<serde_json::Value>(text).unwrap());
        }
    }

    #[test]
    fn each_refusal_has_its_own_code() {
        let cases: &[(&[u8], &str)] = &[
            (b"\xEF\xBB\xBF{}", "byte_order_mark"),
            (b"{\"a\":\"\xff\"}", "invalid_utf8"),
            (b"\"\xed\xa0\x80\"", "invalid_utf8"),
            (b"", "truncated"),
            (b"{\"a\":", "truncated"),
            (b"\"abc", "truncated"),
            (b"[1", "truncated"),
            (b"tru", "truncated"),
            (b"-", "truncated"),
            (b"\"\\u12", "truncated"),
            (b"{} {}", "trailing_data"),
            (b"1 2", "trailing_data"),
            (b"{\"a\":1,\"a\":1}", "duplicate_key"),
            (b"{\"a\":1,\"\\u0061\":2}", "duplicate_key"),
            (b"[{\"x\":{\"b\":1,\"c\":2,\"b\":3}}]", "duplicate_key"),
            (b"1.0", "float"),
            (b"[1e3]", "float"),
            (b"1E+3", "float"),
            (b"-0", "negative_zero"),
            (b"-0.0", "float"),
            (b"9007199254740992", "integer_out_of_range"),
            (b"-9007199254740992", "integer_out_of_range"),
            (b"100000000000000000000000000000000000000", "integer_out_of_range"),
            (b"\"\\ud800\"", "lone_surrogate"),
            (b"\"\\udc00\\ud800\"", "lone_surrogate"),
            (b"\"\\ud800x\"", "lone_surrogate"),
            (b"\"\\ud800\\n\"", "lone_surrogate"),
            (b"{\"\\udfff\":1}", "lone_surrogate"),
            (b"01", "syntax"),
            (b"+1", "syntax"),
            (b".5", "syntax"),
            (b"1.", "float"),
            (b"[1,]", "syntax"),
            (b"{\"a\":1,}", "syntax"),
            (b"{a:1}", "syntax"),
            (b"{'a':1}", "syntax"),
            (b"[1 2]", "syntax"),
            (b"\"\\x\"", "syntax"),
            (b"\"\\u00g0\"", "syntax"),
            (b"\"\n\"", "syntax"),
            (b"nul1", "syntax"),
            (b"NaN", "syntax"),
            (b"// c\n1", "syntax"),
            (b"]", "syntax"),
            (b"{]", "syntax"),
            (b"[}", "syntax"),
        ];
        for (text, expected) in cases {
            assert_eq!(code(text), *expected, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn the_size_is_checked_before_the_text() {
        assert_eq!(
            parse_strict(b"[\xff\xff", 4).map_err(|e| e.code()),
            Err("invalid_utf8")
        );
        let error = parse_strict(b"[\xff\xff\xff", 3).unwrap_err();
        assert_eq!(
            error.reason(),
            Reason::TooLarge {
                bytes: 4,
                max_bytes: 3
            }
        );
        assert_eq!(error.to_string(), "4 bytes, at most 3 are read");
    }

    #[test]
    fn depth_is_limited_at_exactly_the_limit() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(code(nested(MAX_DEPTH).as_bytes()), "ok");
        assert_eq!(code(nested(MAX_DEPTH + 1).as_bytes()), "too_deep");
        let objects = "{\"a\":".repeat(MAX_DEPTH + 1) + "1" + &"}".repeat(MAX_DEPTH + 1);
        assert_eq!(code(objects.as_bytes()), "too_deep");
    }

    #[test]
    fn an_error_says_where() {
        let error = parse_strict(br#"{"a":[0,{"b/~":1.5}]}"#, 100).unwrap_err();
        assert_eq!((error.pointer(), error.offset_bytes()), ("/a/1/b~1~0", 15));
        assert_eq!(
            error.to_string(),
            "a number with a fraction or an exponent, in /a/1/b~1~0, at byte 15"
        );
        let error = parse_strict(br#"{"x":{"k":1,"k":2}}"#, 100).unwrap_err();
        assert_eq!((error.pointer(), error.offset_bytes()), ("/x/k", 12));
    }

    #[test]
    fn shape_errors_are_told_apart() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Shape {
            #[serde(rename = "a")]
            _a: u8,
        }
        let code = |text: &str| {
            from_slice_strict::<Shape>(text.as_bytes(), 100)
                .unwrap_err()
                .code()
        };
        assert_eq!(code(r#"{"a":1,"b":2}"#), "unknown_field");
        assert_eq!(code("{}"), "missing_field");
        assert_eq!(code(r#"{"a":"1"}"#), "wrong_shape");
        assert_eq!(code(r#"{"a":300}"#), "wrong_shape");
        assert_eq!(code("[1]"), "wrong_shape");
        let error = from_slice_strict::<Shape>(b"{\"a\":1,\n \"b\":2}", 100).unwrap_err();
        assert_eq!(error.pointer(), "/b");
    }

    #[test]
    fn an_array_is_no_struct_however_deep_it_stands() {
        #[derive(Debug, PartialEq, serde::Deserialize)]
        enum Kind {
            Named { a: u8 },
            Pair(u8, u8),
        }
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Inner {
            a: u8,
        }
        #[derive(Debug, PartialEq, serde::Deserialize)]
        struct Outer {
            list: Vec<Inner>,
            #[serde(default)]
            maybe: Option<Inner>,
            #[serde(default)]
            map: std::collections::BTreeMap<String, Inner>,
            #[serde(default)]
            kind: Option<Kind>,
            #[serde(default)]
            pair: (u8, u8),
        }
        let read = |text: &str| from_slice_strict::<Outer>(text.as_bytes(), 1_000);
        let good =
            r#"{"list":[{"a":1}],"maybe":{"a":2},"map":{"x":{"a":3}},"kind":{"Pair":[1,2]},"pair":[1,2]}"#;
        assert_eq!(read(good).unwrap().list, [Inner { a: 1 }]);
        assert!(read(r#"{"list":[],"kind":{"Named":{"a":1}}}"#).is_ok());
        for (array, pointer) in [
            ("[[]]", ""),
            (r#"{"list":[[1]]}"#, "/list/0"),
            (r#"{"list":[],"maybe":[2]}"#, "/maybe"),
            (r#"{"list":[],"map":{"x":[3]}}"#, "/map/x"),
            (r#"{"list":[],"kind":{"Named":[1]}}"#, "/kind/Named"),
        ] {
            let error = read(array).unwrap_err();
            assert_eq!(error.code(), "wrong_shape", "{array}: {error}");
            assert!(error.pointer().starts_with(pointer), "{array}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_answered_without_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse_strict(&bytes, 200);
        }

        #[test]
        fn what_is_accepted_is_what_serde_json_reads(text in r#"[\[\]{}",:0-9a-e\\u \-.]{0,40}"#) {
            if let Ok(value) = parse_strict(text.as_bytes(), 200) {
                proptest::prop_assert_eq!(value, serde_json::from_str::<serde_json::Value>(&text).unwrap());
            }
        }
    }
}
