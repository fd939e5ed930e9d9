//! `/openapi.json`: what is promised is pinned, and what is served is described.

use std::collections::BTreeSet;

use serde_json::Value;
use vestiary_server::error::{Code, Language};

use crate::support::{TestLedger, description, root};

/// Where the description is pinned.
const PINNED: &str = "fixtures/openapi.json";

/// Served beside the described routes: the description itself and what an operator reads.
const UNDESCRIBED: [&str; 4] = ["/openapi.json", "/docs", "/docs/problems", "/metrics"];

fn operations(description: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            all.push((path.clone(), method.clone(), operation.clone()));
        }
    }
    all
}

#[test]
fn the_description_is_the_pinned_one() {
    let mut text = serde_json::to_string_pretty(&description()).unwrap();
    text.push('\n');
    let path = root().join(PINNED);
    if std::env::var("UPDATE_FIXTURES").as_deref() == Ok("1") {
        std::fs::write(&path, &text).unwrap();
    }
    let pinned = std::fs::read_to_string(&path).unwrap_or_default();
    let place = text
        .lines()
        .zip(pinned.lines())
        .position(|(now, pinned)| now != pinned);
    assert!(
        text == pinned,
        "the API changed (first in line {}); if that is meant, renew {PINNED} with UPDATE_FIXTURES=1 and say it in CHANGELOG",
        place.map_or_else(|| "the last".into(), |line| (line + 1).to_string())
    );
}

#[test]
fn every_operation_has_a_summary_a_tag_and_its_failures() {
    let description = description();
    let operations = operations(&description);
    assert!(operations.len() > 30, "{}", operations.len());
    let mut ids = BTreeSet::new();
    for (path, method, operation) in &operations {
        let name = format!("{method} {path}");
        assert!(
            operation["summary"].as_str().is_some_and(|text| text.len() > 10),
            "{name} has no summary"
        );
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}");
        assert!(
            ids.insert(operation["operationId"].as_str().unwrap().to_owned()),
            "{name}: a second of its id"
        );
        let responses = operation["responses"].as_object().unwrap();
        let described: BTreeSet<&str> = responses.keys().map(String::as_str).collect();
        assert!(
            described
                .iter()
                .any(|status| status.starts_with('2') || *status == "307"),
            "{name}"
        );
        let secured = operation["security"].as_array().is_some();
        if secured {
            assert!(
                described.contains("401"),
                "{name} needs a key and does not say 401"
            );
        }
        if path.contains('{') && !path.starts_with("/v1/api-keys") {
            let absent = described.contains("404");
            assert!(absent, "{name} names something and does not say 404");
        }
        for placeholder in path
            .split('{')
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap())
        {
            let parameters = operation["parameters"].as_array().unwrap();
            assert!(
                parameters
                    .iter()
                    .any(|parameter| parameter["in"] == "path" && parameter["name"] == placeholder),
                "{name} does not describe {placeholder}"
            );
        }
    }
}

/// Bodies that ask and change nothing.
const ASKING: [&str; 2] = ["/v1/wearables/query", "/v1/verify"];

#[test]
fn every_write_says_that_the_disk_may_be_full_and_an_upload_that_it_may_be_one_too_many() {
    let description = description();
    for path in ASKING {
        assert!(description["paths"][path]["post"].is_object(), "{path}");
    }
    let mut writes = 0;
    for (path, method, operation) in operations(&description) {
        let is_write = method != "get" && !ASKING.contains(&path.as_str());
        let says = |status: &str| operation["responses"].get(status).is_some();
        assert_eq!(says("507"), is_write, "{method} {path}");
        assert_eq!(says("429"), path == "/v1/files", "{method} {path}");
        writes += u32::from(is_write);
    }
    assert!(writes >= 9, "{writes}");
}

#[test]
fn every_problem_code_has_a_title_in_both_languages() {
    for code in Code::ALL {
        let titles = [code.title(Language::En), code.title(Language::Fr)];
        assert!(
            titles.iter().all(|title| !title.is_empty()) && titles[0] != titles[1],
            "{code:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_described_is_served_and_what_is_served_is_described() {
    let Some(ledger) = TestLedger::start().await else {
        return;
    };
    let client = ledger.client();
    let served = client.get("/openapi.json").await.expect(200);
    assert_eq!(served, description());
    for (path, method, _) in operations(&served) {
        // Filled in with something that no route takes: served means that the route itself answers.
        let filled = path.replace('{', "x-").replace('}', "");
        let verb = reqwest::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let reply = crate::support::http::Client::send(client.request(verb, &filled)).await;
        let text = reply.text();
        assert!(
            !text.contains("there is no route"),
            "{method} {path} is described and not served"
        );
        assert_ne!(
            reply.status, 405,
            "{method} {path} is described and not served: {text}"
        );
        assert_ne!(reply.status, 500, "{method} {path}: {text}");
        if reply.status >= 400 && path != "/readyz" {
            let code = reply.problem();
            let declared = served["paths"][&path][&method]["responses"].as_object().unwrap();
            assert!(
                declared.contains_key(&reply.status.to_string()) || matches!(reply.status, 400 | 415),
                "{method} {path} answered {} {code} and does not describe it",
                reply.status
            );
        }
        // A method that the route does not have.
        let wrong = crate::support::http::Client::send(client.request(reqwest::Method::PATCH, &filled)).await;
        assert_eq!(wrong.outcome(), "405 method_not_allowed", "{path}");
    }
    for path in UNDESCRIBED {
        let reply = client.get(path).await;
        assert!(
            matches!(reply.status, 200 | 303 | 307 | 308),
            "{path}: {}",
            reply.status
        );
    }
    let problems = client.get("/docs/problems").await.expect(200);
    let listed: BTreeSet<&str> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["code"].as_str().unwrap())
        .collect();
    assert_eq!(listed, Code::ALL.iter().map(|code| code.slug()).collect());
    assert_eq!(client.get("/v1/nothing").await.outcome(), "404 not_found");
    let french = crate::support::http::Client::send(
        client
            .request(reqwest::Method::GET, "/v1/nothing")
            .header("accept-language", "fr"),
    );
    let french = french.await;
    assert_eq!(french.header("content-language"), "fr");
    assert_eq!(french.json()["title"], "Rien n'est connu sous ce nom");
}
