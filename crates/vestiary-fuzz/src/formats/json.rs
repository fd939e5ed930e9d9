//! Strict JSON and the canonical form.

use serde_json::Value;
use vestiary::{jcs, json};

/// Longest text that the targets read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// What is accepted, `serde_json` reads as the same value; its canonical form is accepted too, is no longer, and
/// is the canonical form of what it says. A refusal points into the text.
pub(super) fn strict(bytes: &[u8]) {
    match json::parse_strict(bytes, MAX_BYTES) {
        Ok(value) => {
            let other: Value = serde_json::from_slice(bytes).expect("strict JSON is JSON");
            assert_eq!(value, other, "two readers, two meanings");
            let canonical = jcs::canonical(&value);
            assert!(canonical.len() <= bytes.len(), "the canonical form grew");
            let again = json::parse_strict(&canonical, MAX_BYTES).expect("a canonical form is strict JSON");
            assert_eq!(again, value);
            assert_eq!(jcs::canonical(&again), canonical);
        }
        Err(error) => {
            assert!(error.offset_bytes() <= bytes.len(), "{error}");
            assert!(!error.code().is_empty() && !error.to_string().is_empty());
            assert!(error.pointer().is_empty() || error.pointer().starts_with('/'));
        }
    }
}

/// The canonical form of any JSON, fractions included, has the same numbers, each to the last bit, and is its own
/// canonical form.
pub(super) fn canonical(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else {
        return;
    };
    numbers(&value);
    let once = jcs::canonical(&value);
    let again: Value = serde_json::from_slice(&once).expect("a canonical form is JSON");
    assert!(
        same_doubles(&again, &value),
        "the canonical form has other numbers"
    );
    assert_eq!(
        String::from_utf8_lossy(&jcs::canonical(&again)),
        String::from_utf8_lossy(&once),
        "the canonical form is not stable"
    );
}

/// Each number, alone, is written so that a reader that rounds correctly gets the same double.
fn numbers(value: &Value) {
    match value {
        Value::Number(number) => {
            let text = String::from_utf8(jcs::canonical(value)).expect("ASCII");
            assert_eq!(text.parse::<f64>().ok(), number.as_f64(), "{text}");
        }
        Value::Array(items) => items.iter().for_each(numbers),
        Value::Object(members) => members.values().for_each(numbers),
        _ => {}
    }
}

/// Whether both are the same, integers and fractions of one value being the same number.
fn same_doubles(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_doubles(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, member)| other.get(key).is_some_and(|other| same_doubles(member, other)))
        }
        (one, other) => one == other,
    }
}
