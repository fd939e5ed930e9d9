//! Bodies that are no JSON as we read it, or too large.

use crate::rejected::Scene;
use crate::support::actors::{Actor, uuid};
use crate::support::http::Client;
use crate::support::{TestLedger, fixture};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_two_readers_could_read_differently_are_refused() {
    let Some(scene) = Scene::set().await else { return };
    let collection = scene.brand.collection;
    let good = format!(r#"{{"collection":"{collection}"}}"#);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "a key twice",
            format!(r#"{{"collection":"x",{}"#, &good[1..]).into(),
            "duplicate_key",
        ),
        (
            "a key twice, once with escapes",
            format!(r#"{{"\u0063ollection":"x",{}"#, &good[1..]).into(),
            "duplicate_key",
        ),
        ("a float", br#"{"collection":1.5}"#.to_vec(), "float"),
        ("an exponent", br#"{"collection":1e3}"#.to_vec(), "float"),
        ("minus zero", br#"{"collection":-0}"#.to_vec(), "negative_zero"),
        (
            "a huge integer",
            br#"{"collection":9007199254740993}"#.to_vec(),
            "integer_out_of_range",
        ),
        (
            "bytes after the end",
            format!("{good} {good}").into(),
            "trailing_data",
        ),
        ("no end", good.as_bytes()[..good.len() - 2].to_vec(), "truncated"),
        ("nothing", Vec::new(), "truncated"),
        (
            "a byte order mark",
            [b"\xef\xbb\xbf", good.as_bytes()].concat(),
            "byte_order_mark",
        ),
        (
            "a lone surrogate",
            br#"{"collection":"\ud800"}"#.to_vec(),
            "lone_surrogate",
        ),
        (
            "wrong UTF-8",
            b"{\"collection\":\"\xff\"}".to_vec(),
            "invalid_utf8",
        ),
        ("33 levels", [vec![b'['; 33], vec![b']'; 33]].concat(), "too_deep"),
        (
            "a number for a text",
            br#"{"collection":1}"#.to_vec(),
            "wrong_shape",
        ),
        (
            "an unknown field",
            format!(r#"{{"more":1,{}"#, &good[1..]).into(),
            "unknown_field",
        ),
        ("a missing field", b"{}".to_vec(), "missing_field"),
    ];
    for (what, body, reason) in cases {
        let reply = scene.client().post_bytes("/v1/collections", &uuid(), body).await;
        scene.refused(what, &reply, "400 invalid_body");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(&format!("{reason}:")), "{what}: {detail}");
    }
    for name in rejected_worlds() {
        let reply = scene
            .client()
            .post_bytes("/v1/worlds", &uuid(), fixture(&format!("worlds/rejected/{name}")))
            .await;
        let outcome = reply.outcome();
        assert!(
            matches!(outcome.as_str(), "400 invalid_body" | "422 unprocessable"),
            "{name}: {outcome}"
        );
        scene.refused(&name, &reply, &outcome);
    }
    let client = scene.client();
    let good = good.into_bytes();
    let plain = client
        .request(reqwest::Method::POST, "/v1/collections")
        .header("idempotency-key", "k");
    let reply = Client::send(plain.header("content-type", "text/plain").body(good.clone())).await;
    scene.refused("another media type", &reply, "415 unsupported_media_type");
    let reply = client.post_bytes("/v1/collections", "", good.clone()).await;
    scene.refused("no idempotency key", &reply, "400 idempotency_key_missing");
    let twice = client
        .json_request("/v1/collections", "a", good.clone())
        .header("idempotency-key", "b");
    scene.refused(
        "two idempotency keys",
        &Client::send(twice).await,
        "400 idempotency_key_missing",
    );
    for key in ["with space", &"k".repeat(256)] {
        let reply = client.post_bytes("/v1/collections", key, good.clone()).await;
        scene.refused("an idempotency key that is none", &reply, "400 invalid_parameter");
    }
}

fn rejected_worlds() -> Vec<String> {
    let dir = crate::support::root().join("fixtures/worlds/rejected");
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 10);
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_beyond_their_limits_are_refused_before_they_are_read() {
    let Some(scene) = Scene::set().await else { return };
    let client = scene.client();
    for (path, limit) in [
        ("/v1/collections", 256 * 1024),
        ("/v1/designs", 256 * 1024),
        ("/v1/batches", 8 * 1024 * 1024),
        ("/v1/claims", 256 * 1024),
        ("/v1/wearables/query", 256 * 1024),
    ] {
        let announced = announce(&scene.ledger, &scene.brand.key, path, limit + 1).await;
        assert!(announced.starts_with("HTTP/1.1 413 "), "{path}: {announced}");
        assert!(announced.contains(r#""code":"too_large""#), "{path}: {announced}");
        let chunked = client
            .json_request(path, "large", Vec::new())
            .body(reqwest::Body::wrap_stream(spaces(limit + 1)));
        if let Some(reply) = Client::try_send(chunked).await {
            scene.refused(path, &reply, "413 too_large");
        }
        let reply = client.post_bytes(path, "large", vec![b' '; limit]).await;
        scene.refused(path, &reply, "400 invalid_body");
    }
    let announced = announce(&scene.ledger, &scene.brand.key, "/v1/files", 32 * 1024 * 1024 + 1).await;
    assert!(announced.starts_with("HTTP/1.1 413 "), "{announced}");
    let address = "a".repeat(5_000);
    let reply = client.get(&format!("/v1/wallets/{address}/wearables")).await;
    scene.refused("a long path", &reply, "400 invalid_parameter");
    let mut body = scene.brand.batch(scene.design, 4, 1);
    body["items"] = json!(vec![body["items"][0].clone(); 5_001]);
    scene.refused(
        "5,001 wearables",
        &scene.post("/v1/batches", &body).await,
        "422 unprocessable",
    );
    let body = json!({ "wallets": vec![Actor::named("Ana").text(); 101] });
    scene.refused(
        "101 wallets",
        &scene.post("/v1/wearables/query", &body).await,
        "422 unprocessable",
    );
}

/// Announces a body of so many bytes, sends none of it, and reads what comes back.
async fn announce(ledger: &TestLedger, key: &str, path: &str, bytes: usize) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let address = ledger.client().address();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         idempotency-key: large\r\ncontent-length: {bytes}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    // The service may keep the connection open for the body; what it said until then is the answer.
    let _ = tokio::time::timeout(std::time::Duration::from_millis(700), reading).await;
    String::from_utf8(answer).unwrap()
}

/// So many spaces, of a length that is not announced.
fn spaces(bytes: usize) -> impl futures_util::Stream<Item = std::io::Result<Vec<u8>>> {
    let pieces = std::iter::repeat_n(65_536, bytes / 65_536).chain([bytes % 65_536]);
    futures_util::stream::iter(pieces.map(|piece| Ok(vec![b' '; piece])))
}
