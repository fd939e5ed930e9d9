//! The canonical form of JSON (RFC 8785): the bytes that are hashed and signed.
//!
//! Our own formats have no fractions; numbers are nevertheless written as RFC 8785 §3.2.2.3 wants
//! (ECMAScript, double precision), so that any credential's canonical form is right, ours or not.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::Value;

use crate::json::MAX_INTEGER;

/// The canonical bytes of `value`.
pub fn canonical(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    write_value(&mut out, value);
    out
}

/// The canonical bytes of anything serde can turn into JSON.
///
/// Fails when it cannot: a map with keys that are not strings, or a number that JSON does not have.
pub fn canonical_of<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    Ok(canonical(&serde_json::to_value(value)?))
}

/// Writes the canonical form of one string, quotes included (RFC 8785 §3.2.2.2).
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[written..at]);
        written = at + 1;
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x09 => b't',
            0x0A => b'n',
            0x0C => b'f',
            0x0D => b'r',
            _ => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 0xF)]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
    out.extend_from_slice(&bytes[written..]);
    out.push(b'"');
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_value(out, item);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(a, _), (b, _)| utf16_order(a, b));
            out.push(b'{');
            for (index, (key, member)) in members.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(out, key);
                out.push(b':');
                write_value(out, member);
            }
            out.push(b'}');
        }
    }
}

fn write_number(out: &mut Vec<u8>, number: &serde_json::Number) {
    let exact = match (number.as_u64(), number.as_i64()) {
        (Some(n), _) => n <= MAX_INTEGER,
        (None, Some(n)) => n.unsigned_abs() <= MAX_INTEGER,
        (None, None) => false,
    };
    if exact {
        out.extend_from_slice(number.to_string().as_bytes());
    } else if let Some(double) = number.as_f64() {
        // serde_json holds neither NaN nor infinity, which are all that JSON and the buffer cannot write.
        out.extend_from_slice(ryu_js::Buffer::new().format_finite(double).as_bytes());
    }
}

/// Keys are ordered by UTF-16 code units (RFC 8785 §3.2.3); that differs from UTF-8 only where one key has
/// a character beyond U+FFFF.
fn utf16_order(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical_text(text: &str) -> String {
        String::from_utf8(canonical(&serde_json::from_str(text).unwrap())).unwrap()
    }

    #[test]
    fn keys_are_ordered_by_utf16_code_units() {
        // U+1F602 is D83D DE02 in UTF-16 and so comes before U+FB33, though not in UTF-8.
        assert_eq!(
            canonical_text("{\"\u{fb33}\":1,\"\u{1f602}\":2,\"b\":3,\"a\":4}"),
            { "{\"a\":4,\"b\":3,\"\u{1f602}\":2,\"\u{fb33}\":1}" }
        );
    }

    #[test]
    fn strings_are_escaped_as_little_as_json_allows() {
        assert_eq!(
            canonical_text(r#""\u0000\b\t\n\f\r\u001f\"\\\/\u007f\u00e9""#),
            "\"\\u0000\\b\\t\\n\\f\\r\\u001f\\\"\\\\/\u{7f}é\""
        );
    }

    #[test]
    fn numbers_are_written_as_ecmascript_does() {
        let text = "[0,-0.0,56.0,1e30,4.50,2e-3,1e-27,9007199254740991,9007199254740993,18446744073709551615,-5,1e21]";
        assert_eq!(
            canonical_text(text),
            "[0,0,56,1e+30,4.5,0.002,1e-27,9007199254740991,9007199254740992,18446744073709552000,-5,1e+21]"
        );
    }

    fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
        use proptest::prelude::*;
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-(1_i64 << 53) + 1..1_i64 << 53).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest::proptest! {
        #[test]
        fn an_independent_canonicaliser_agrees(value in any_value()) {
            let judge = serde_json_canonicalizer::to_vec(&value).unwrap();
            proptest::prop_assert_eq!(canonical(&value), judge);
        }
    }
}
