//! Certificates good and bad of `fixtures/`, asked of the service's verifier.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{TestLedger, fixture};

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    certificate: String,
    #[serde(default)]
    evidence: Value,
    #[serde(default)]
    roots: Value,
    #[serde(default)]
    expect: Value,
    accepted: bool,
    check: String,
    code: String,
    outcome: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_judges_papers_as_the_fixtures_say() {
    let Some(ledger) = TestLedger::start().await else {
        return;
    };
    let client = ledger.client().with_key("");
    let before = ledger.wait_quiet().await;
    let cases: Cases = serde_json::from_slice(&fixture("certificates/cases.json")).unwrap();
    let mut asked = 0;
    for case in cases.cases {
        let text = |name: &Value| match name.as_str() {
            None | Some("") => Some(String::new()),
            Some(name) => String::from_utf8(fixture(&format!("certificates/{name}"))).ok(),
        };
        // The service reads certificates inside a JSON text, which cannot hold wrong UTF-8; and it has no
        // expectations of its own about chain and collection.
        let certificate = text(&json!(case.certificate));
        let (Some(certificate), Some(proof), Some(roots)) =
            (certificate, text(&case.evidence), text(&case.roots))
        else {
            continue;
        };
        if case.check == "token" {
            assert!(!case.expect.is_null(), "{}", case.name);
            continue;
        }
        let body = json!({ "certificate": certificate, "proof": proof, "roots": roots });
        let answer = client.post("/v1/verify", "", &body).await.expect(200);
        assert_eq!(answer["accepted"], case.accepted, "{}: {answer}", case.name);
        let checks = answer["report"]["checks"].as_array().unwrap();
        let found = checks.iter().find(|check| check["name"] == case.check);
        let found = found.unwrap_or_else(|| panic!("{}: no check {} in {answer}", case.name, case.check));
        assert_eq!(
            (&found["outcome"], &found["code"]),
            (&json!(case.outcome), &json!(case.code)),
            "{}",
            case.name
        );
        asked += 1;
    }
    assert!(asked > 40, "{asked} cases were asked");
    let body = json!({ "certificate": "{}", "roots": "[chain]" });
    assert_eq!(
        client.post("/v1/verify", "", &body).await.outcome(),
        "422 unprocessable"
    );
    assert!(ledger.state_digest() == before, "verifying changes nothing");
}
