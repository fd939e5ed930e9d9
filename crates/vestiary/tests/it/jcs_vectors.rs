//! RFC 8785's own vectors.

use crate::foreign;

#[test]
fn all_rfc_8785_vectors_come_out_byte_for_byte() {
    let Some(folder) = foreign::path("vc/jcs") else {
        return;
    };
    let names = ["arrays", "french", "structures", "unicode", "values", "weird"];
    for name in names {
        let input = foreign::read(folder.join(format!("input/{name}.json")));
        // serde_json, not the strict parser: three of the vectors are about numbers that we refuse to read.
        let value: serde_json::Value = serde_json::from_slice(&input).unwrap();
        let ours = vestiary::jcs::canonical(&value);
        let hex_text = foreign::read(folder.join(format!("outhex/{name}.txt")));
        let expected: String = String::from_utf8(hex_text)
            .unwrap()
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect();
        assert_eq!(hex::encode(&ours), expected, "{name}");
        assert_eq!(
            ours,
            foreign::read(folder.join(format!("output/{name}.json"))),
            "{name}"
        );
    }
}

#[test]
fn vectors_with_fractions_are_refused_by_the_strict_parser_and_the_others_read() {
    let Some(folder) = foreign::path("vc/jcs") else {
        return;
    };
    for (name, expected) in [
        ("arrays", "ok"),
        ("french", "ok"),
        ("structures", "float"),
        ("unicode", "ok"),
        ("values", "float"),
        ("weird", "ok"),
    ] {
        let input = foreign::read(folder.join(format!("input/{name}.json")));
        let answer = vestiary::json::parse_strict(&input, 10_000);
        assert_eq!(
            answer
                .as_ref()
                .map_or_else(vestiary::json::JsonError::code, |_| "ok"),
            expected,
            "{name}"
        );
    }
}
