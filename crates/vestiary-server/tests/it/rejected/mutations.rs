//! A good body, altered in every way that a careless or hostile caller would.

use serde_json::{Value, json};

/// Texts that are wrong for every field.
fn texts() -> Vec<Value> {
    let mut texts: Vec<Value> = [
        "\u{0}",
        "\u{202e}",
        "9999999999999999999999999999999999999999",
        "-1",
        "1e9",
        "0x",
        "NaN",
        " 1",
        "１",
    ]
    .map(|text| json!(text))
    .into();
    texts.push(json!("x".repeat(20_000)));
    texts
}

/// Values of the wrong kind.
fn kinds() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(9_007_199_254_740_991_u64),
        json!([]),
        json!([[[[]]]]),
        json!({}),
        json!({ "a": { "b": {} } }),
    ]
}

/// Every alteration of `good`, with its name.
pub(super) fn all(good: &Value) -> Vec<(String, Vec<u8>)> {
    let mut bodies = raw(good);
    let bytes = |value: &Value| serde_json::to_vec(value).unwrap();
    for pointer in pointers(good) {
        let place = good.pointer(&pointer).unwrap();
        let mut put = |what: &str, value: Value| {
            let mut altered = good.clone();
            *altered.pointer_mut(&pointer).unwrap() = value;
            bodies.push((format!("{what} at {pointer:?}"), bytes(&altered)));
        };
        for value in kinds() {
            // An empty list or object where one belongs is another question, and not always a wrong one.
            if std::mem::discriminant(&value) != std::mem::discriminant(place) {
                put(&format!("{value}"), value);
            }
        }
        if place.is_string() {
            for text in texts() {
                put(&format!("{:.40}", text.to_string()), text);
            }
        }
        if let Value::Object(members) = place {
            put(
                "values without their names",
                Value::Array(members.values().cloned().collect()),
            );
            let mut more = members.clone();
            more.insert("unheard_of".into(), json!(1));
            put("an unknown field", Value::Object(more));
        }
        if let Value::Array(items) = place
            && let Some(first) = items.first()
        {
            put("a list in a list", json!([items]));
            put("6,000 of them", json!(vec![first.clone(); 6_000]));
        }
    }
    bodies
}

/// Bytes that are no JSON, or JSON that two readers read differently.
fn raw(good: &Value) -> Vec<(String, Vec<u8>)> {
    let text = serde_json::to_string(good).unwrap();
    let rest = &text[1..];
    let first = good.as_object().unwrap().keys().next().unwrap();
    let mut raw: Vec<(String, Vec<u8>)> = vec![
        ("nothing".into(), Vec::new()),
        ("a key twice".into(), format!("{{\"{first}\":1,{rest}").into()),
        ("not UTF-8".into(), [b"{\"\xff\":1,", rest.as_bytes()].concat()),
        (
            "a lone surrogate".into(),
            format!(r#"{{"{first}":"\ud800"}}"#).into(),
        ),
        ("a float".into(), format!(r#"{{"{first}":1.5}}"#).into()),
        (
            "a huge number".into(),
            format!(r#"{{"{first}":{}}}"#, "9".repeat(5_000)).into(),
        ),
        (
            "a huge exponent".into(),
            format!(r#"{{"{first}":1e999999}}"#).into(),
        ),
        ("two bodies".into(), format!("{text}{text}").into()),
        (
            "a byte order mark".into(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        ),
        (
            "UTF-16".into(),
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        ("200,000 brackets".into(), vec![b'['; 200_000]),
        ("40,000 objects".into(), br#"{"a":"#.repeat(40_000)),
        ("null bytes".into(), vec![0; 64]),
    ];
    for cut in [1, text.len() / 3, text.len() - 1] {
        raw.push((format!("cut at {cut}"), text.as_bytes()[..cut].to_vec()));
    }
    raw
}

/// The pointers of everything in a value, the whole first.
fn pointers(value: &Value) -> Vec<String> {
    let mut found = vec![String::new()];
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                found.extend(pointers(member).iter().map(|rest| format!("/{name}{rest}")));
            }
        }
        // One item stands for all.
        Value::Array(items) => {
            if let Some(item) = items.first() {
                found.extend(pointers(item).iter().map(|rest| format!("/0{rest}")));
            }
        }
        _ => {}
    }
    found
}

/// Uploads that are no file of ours. What begins like one is kept, and measured when a design names it.
pub(super) fn files() -> Vec<(String, Vec<u8>)> {
    vec![
        ("nothing".into(), Vec::new()),
        ("null bytes".into(), vec![0; 100]),
        ("an archive".into(), b"PK\x03\x04".repeat(50)),
        ("a program".into(), b"\x7fELF\x02\x01\x01".repeat(9)),
        ("text with null bytes".into(), b"licence\0".to_vec()),
    ]
}
