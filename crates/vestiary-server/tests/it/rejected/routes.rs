//! Every route of the description with bad names, parameters, headers and bodies: a route without a row fails.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::rejected::{Scene, mutations};
use crate::support::actors::{Actor, licence_of, uuid};
use crate::support::http::{Client, Reply, segment};
use crate::support::raw;

/// What is known of one operation, so that anything else can be tried on it.
struct Row {
    /// Good values of the path's names, in order.
    names: Vec<String>,
    /// A body of the right shape. Where the route changes something, it is refused for what it says, so that no
    /// alteration of it can succeed.
    body: Body,
    /// Whether it needs an idempotency key.
    once: bool,
}

enum Body {
    None,
    Json(Value),
    Bytes,
}

fn rows(scene: &Scene) -> BTreeMap<&'static str, Row> {
    let collection = scene.brand.collection.to_string();
    let wearable = scene.brand.wearable(scene.design, 1).to_string();
    let batch = scene.batch["id"].as_str().unwrap().to_owned();
    let address = scene.brand.collection.address;
    let zeros = format!("0x{}", "00".repeat(65));
    let nowhere = format!("sha256:{}", "1".repeat(64));
    let read = |names: &[&str]| Row {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        body: Body::None,
        once: false,
    };
    let ask = |body: Value| Row {
        names: Vec::new(),
        body: Body::Json(body),
        once: false,
    };
    let make = |body: Value| Row {
        once: true,
        ..ask(body)
    };
    let chain = "31337";
    let address = format!("{address:#x}");
    let mut commit = ask(json!({ "signature": zeros }));
    commit.names = vec![batch.clone()];
    let mut gap = scene.brand.batch(scene.design, 7, 2);
    gap["items"][1]["claim_key"] = json!("");
    BTreeMap::from([
        (
            "post /v1/api-keys",
            ask(json!({ "label": "x", "scopes": ["issue"], "issuer_id": "" })),
        ),
        ("delete /v1/api-keys/{id}", read(&["k_unknown"])),
        (
            "post /v1/issuers",
            make(json!({ "issuer_id": scene.brand.issuer.to_string(), "name": "Atelier" })),
        ),
        ("get /v1/issuers", read(&[])),
        ("get /v1/issuers/{id}", read(&["1"])),
        ("post /v1/collections", make(json!({ "collection": collection }))),
        ("get /v1/collections", read(&[])),
        ("get /v1/collections/{collection}", read(&[&collection])),
        (
            "post /v1/files",
            Row {
                names: Vec::new(),
                body: Body::Bytes,
                once: false,
            },
        ),
        (
            "post /v1/designs",
            make(json!({
                "collection": collection, "name": "x", "description": "", "slot": "torso", "hides": ["torso"],
                "replaces": [], "edition": "5", "terms": { "recovery_until": 0, "choose_by": 0, "default": "none" },
                "licence": licence_of(&nowhere),
                "representations": [{ "profile": "plaza", "sha256": nowhere, "lod": 0 }],
            })),
        ),
        ("get /v1/designs", read(&[])),
        (
            "get /v1/designs/{collection}/{design_id}",
            read(&[&collection, "1"]),
        ),
        (
            "post /v1/worlds",
            make(json!({ "format": "unknown", "id": "plaza" })),
        ),
        ("get /v1/worlds", read(&[])),
        ("get /v1/worlds/{id}", read(&["plaza"])),
        ("post /v1/batches", make(gap)),
        ("get /v1/batches/{id}", read(&[&batch])),
        ("post /v1/batches/{id}/commit", commit),
        ("get /v1/batches/{id}/preparation", read(&[&batch])),
        ("get /v1/batches/{id}/file", read(&[&batch])),
        (
            "post /v1/claims",
            ask(json!({
                "wearable": wearable, "to": Actor::named("Ana").text(), "deadline": "1900000000", "signature": zeros,
            })),
        ),
        ("get /v1/claims/{id}", read(&["c_unknown"])),
        (
            "get /v1/wallets/{address}/wearables",
            read(&[&Actor::named("Ana").text()]),
        ),
        (
            "post /v1/wearables/query",
            ask(json!({ "wallets": [Actor::named("Ana").text()], "world": "plaza", "slot": "torso" })),
        ),
        ("get /v1/wearables/{id}", read(&[&wearable])),
        ("get /v1/wearables/{id}/certificate", read(&[&wearable])),
        ("get /v1/wearables/{id}/provenance", read(&[&wearable])),
        ("get /v1/wearables/{id}/proof", read(&[&wearable])),
        (
            "get /v1/wearables/{id}/representations/{profile}",
            read(&[&wearable, "plaza"]),
        ),
        (
            "get /metadata/{chain}/{collection}/{token_id}",
            read(&[chain, &address, "18446744073709551617"]),
        ),
        (
            "get /contract-metadata/{chain}/{collection}",
            read(&[chain, &address]),
        ),
        ("get /files/{cid}", read(&[&nowhere])),
        (
            "post /v1/verify",
            ask(json!({ "certificate": "{}", "proof": "", "roots": "" })),
        ),
        ("get /log/checkpoint", read(&[])),
        ("get /log/tile/{path}", read(&["0/000"])),
        ("get /livez", read(&[])),
        ("get /readyz", read(&[])),
        // Served beside the described ones.
        ("get /openapi.json", read(&[])),
        ("get /docs/", read(&[])),
        ("get /docs/problems", read(&[])),
        ("get /metrics", read(&[])),
    ])
}

/// Operations that answer and change nothing, so that an altered body may be answered.
const ASKING: [&str; 2] = ["post /v1/wearables/query", "post /v1/verify"];

/// Names that are none, already encoded.
fn bad_names() -> Vec<String> {
    let mut names: Vec<String> = [
        "%ff",
        "%c3%28",
        "%00",
        "%2f",
        "%2F..%2F..%2Fetc",
        "..%2f..%2fkeys",
        "%",
        "%zz",
        "%e2%80%ae",
        "%20",
        "+",
        "*",
        "0",
        "-1",
        "1e9",
        "01",
        "18446744073709551616",
        "null",
        "'%20or%201=1",
        "%25%32%66",
        ".%2e",
        "%0d%0aset-cookie:x",
        "EIP155:31337",
        "sha256:",
        "%f0%9f%a7%a5",
        "b_",
        "c_",
        "k_",
    ]
    .map(str::to_owned)
    .into();
    names.push("9".repeat(300));
    names.push("a".repeat(3_900));
    names.push("%41".repeat(1_200));
    names
}

fn filled(path: &str, names: &[String]) -> String {
    let mut names = names.iter();
    let parts = path.split('/').map(|part| {
        if part.starts_with('{') {
            names.next().expect("a row names every part").clone()
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// What is wrong with answers that should have been refusals.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    /// Notes an answer that is no refusal as it has to be.
    fn unless_refused(&mut self, what: &str, reply: &Reply) {
        let text = reply.text();
        let problem: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or_default();
        let good = (400..500).contains(&reply.status)
            && reply.header("content-type") == "application/problem+json"
            && problem["status"] == reply.status
            && problem["type"] == format!("/docs/problems#{code}")
            && !code.is_empty()
            && (8..1_200 * 4).contains(&detail.len());
        if !good {
            self.0.push(format!("{what:.200}: {} {text:.300}", reply.status));
        }
    }

    #[track_caller]
    fn none(self) {
        assert!(
            self.0.is_empty(),
            "{} are wrong:\n{}",
            self.0.len(),
            self.0.join("\n")
        );
    }
}

async fn send(client: &Client, method: &str, path: &str, lines: &[&[u8]], body: &[u8]) -> Reply {
    let length = format!("content-length: {}", body.len());
    let mut all: Vec<&[u8]> = lines.to_vec();
    if !body.is_empty() {
        all.push(length.as_bytes());
    }
    let request = raw::request(client, &method.to_uppercase(), path, &all, body);
    raw::exchange(&client.address(), &request)
        .await
        .unwrap_or_else(|| panic!("{method} {path}: closed without an answer"))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_route_takes_bad_names_parameters_or_headers_for_good() {
    let Some(scene) = Scene::set().await else { return };
    let mut wrong = Wrong::default();
    let rows = rows(&scene);
    let description = crate::support::description();
    let mut described = BTreeSet::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let name = format!("{method} {path}");
            assert!(
                rows.contains_key(name.as_str()),
                "{name} has no row in this table"
            );
            described.insert(name);
        }
    }
    let client = scene.client();
    for (name, row) in &rows {
        let (method, path) = name.split_once(' ').unwrap();
        let names: Vec<String> = row.names.iter().map(segment).collect();
        let good = filled(path, &names);
        for (place, _) in names.iter().enumerate() {
            for bad in bad_names() {
                let mut altered = names.clone();
                altered[place].clone_from(&bad);
                let path = filled(path, &altered);
                let reply = send(&client, method, &path, &[], b"").await;
                let what = format!("{method} {path:.200}");
                // `/log/tile/` and a wallet take what others do not; no such name is one of theirs.
                wrong.unless_refused(&what, &reply);
            }
        }
        let question = &description["paths"][path][method]["parameters"];
        let asked = question.as_array().into_iter().flatten();
        let parameters = asked
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap());
        for parameter in parameters {
            for bad in [
                "",
                "%ff",
                "%00",
                "-1",
                "0",
                "1e3",
                "99999999999999999999",
                "x%20y",
                "%",
            ] {
                let path = format!("{good}?{parameter}={bad}");
                let reply = send(&client, method, &path, &[], b"").await;
                if reply.status != 200 || (parameter != "cursor" && parameter != "slot") {
                    wrong.unless_refused(&path, &reply);
                }
            }
            let path = format!("{good}?{parameter}=plaza&{parameter}=plaza");
            wrong.unless_refused(&path, &send(&client, method, &path, &[], b"").await);
            let path = format!("{good}?{parameter}%5B%5D=1&unknown=1");
            wrong.unless_refused(&path, &send(&client, method, &path, &[], b"").await);
        }
        let many = vec![&b"x-many: 1"[..]; 70];
        let long = [b"x-long: ".as_slice(), &vec![b'a'; 17 * 1024]].concat();
        for (what, lines) in [("70 fields", many), ("a field of 17 KiB", vec![&long[..]])] {
            let reply = send(&client, method, &good, &lines, b"").await;
            assert_eq!(reply.outcome(), "431 headers_too_large", "{name}: {what}");
        }
        let reply = send(&client, "patch", &good, &[b"accept-language: fr"], b"").await;
        assert_eq!(reply.outcome(), "405 method_not_allowed", "{name}");
        let allowed = reply.header("allow");
        assert!(
            allowed
                .split(',')
                .any(|one| one.trim().eq_ignore_ascii_case(method)),
            "{name}: Allow says {allowed:?}"
        );
        assert_eq!(reply.header("content-language"), "fr", "{name}");
        let strange: [&[u8]; 8] = [
            b"accept-language: ;;q=,\xff, fr;q=NaN, *;q=-1, en;q=1e999",
            b"accept: \x01\xfe",
            b"range: bytes=--1, 5-2, 99999999999999999999999999-, a-b, -0",
            b"if-none-match: \xff\"\", W/\"",
            b"if-range: \x80",
            b"content-type: \xff/\xff; charset=\xfe",
            b"content-digest: md5=:x:",
            b"x-forwarded-for: ' or 1=1",
        ];
        let reply = raw::exchange(
            &client.address(),
            &raw::request(&client, &method.to_uppercase(), &good, &strange, b""),
        )
        .await;
        // A control character in a header is no HTTP at all: that is refused before it is a request.
        if let Some(reply) = reply {
            assert!(
                reply.status < 500 || path == "/readyz",
                "{name}: {}",
                reply.text()
            );
        }
        let without = raw::request(&client, &method.to_uppercase(), &good, &strange[2..], b"");
        let reply = raw::exchange(&client.address(), &without).await.unwrap();
        assert!(reply.status < 500, "{name}: {} {}", reply.status, reply.text());
        if reply.status >= 400 {
            wrong.unless_refused(name, &reply);
        }
        let secured = description["paths"][path][method]["security"].is_array();
        for line in [
            &b"authorization: Bearer \xff"[..],
            b"authorization: Bearer ",
            b"authorization: Basic dnN0Og==",
            b"authorization: Bearer vst_0_0",
            b"authorization: Bearer a\r\nauthorization: Bearer b",
        ] {
            if secured {
                let reply = send(&client.with_key(""), method, &good, &[line], b"").await;
                assert_eq!(reply.outcome(), "401 unauthorized", "{name}");
                assert_eq!(reply.header("www-authenticate"), "Bearer", "{name}");
            }
        }
        assert!(
            scene.ledger.state_digest() == scene.before,
            "{name}: something changed"
        );
    }
    let unknown = [
        "/",
        "//",
        "/v1",
        "/v2/worlds",
        "/v1/worlds/",
        "/V1/worlds",
        "/docs/none.css",
        "/log",
        "/%2fetc",
        "*",
    ];
    for path in unknown {
        let reply = send(&client, "GET", path, &[], b"").await;
        wrong.unless_refused(path, &reply);
        assert!(matches!(reply.status, 404 | 400), "{path}: {}", reply.status);
    }
    wrong.none();
    println!("ran: {} routes", rows.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_body_of_another_form_is_taken() {
    let Some(scene) = Scene::set().await else { return };
    let admin = scene.ledger.client();
    let brand = scene.client();
    let (mut wrong, mut tried) = (Wrong::default(), 0);
    for (name, row) in rows(&scene) {
        let (method, path) = name.split_once(' ').unwrap();
        let names: Vec<String> = row.names.iter().map(segment).collect();
        let path = filled(path, &names);
        let client = if matches!(path.as_str(), "/v1/api-keys" | "/v1/issuers") {
            admin
        } else {
            &brand
        };
        let bodies = match &row.body {
            Body::None => continue,
            Body::Json(good) => mutations::all(good),
            Body::Bytes => mutations::files(),
        };
        for (what, body) in bodies {
            let key = format!("idempotency-key: {}", uuid());
            let mut lines: Vec<&[u8]> = vec![b"content-type: application/json"];
            if row.once {
                lines.push(key.as_bytes());
            }
            let reply = send(client, method, &path, &lines, &body).await;
            tried += 1;
            let what = format!("{name}: {what}");
            if ASKING.contains(&name) && reply.status == 200 {
                continue;
            }
            wrong.unless_refused(&what, &reply);
        }
        if matches!(row.body, Body::Json(_)) {
            for line in [
                "text/plain",
                "application/xml",
                "application/json5",
                "",
                "application/problem+json",
            ] {
                let line = format!("content-type: {line}");
                let reply = send(
                    client,
                    method,
                    &path,
                    &[line.as_bytes(), b"idempotency-key: x"],
                    b"{}",
                )
                .await;
                assert_eq!(reply.outcome(), "415 unsupported_media_type", "{name}: {line}");
            }
        }
        let long = format!("idempotency-key: {}", "k".repeat(256));
        for line in [
            &b"idempotency-key: \xff"[..],
            b"idempotency-key: a\tb",
            b"idempotency-key: ",
            long.as_bytes(),
        ] {
            if row.once {
                let reply = send(
                    client,
                    method,
                    &path,
                    &[b"content-type: application/json", line],
                    b"{}",
                )
                .await;
                assert_eq!(reply.outcome(), "400 invalid_parameter", "{name}");
            }
        }
        assert!(
            scene.ledger.state_digest() == scene.before,
            "{name}: something changed"
        );
    }
    wrong.none();
    println!("ran: {tried} bodies");
    scene.ledger.check_everything().await;
}
