//! Who may do what: every route that takes something, asked by everybody.

use serde_json::{Value, json};

use crate::rejected::Scene;
use crate::support::actors::{Brand, uuid};
use crate::support::http::{Client, Reply};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// No `Authorization`.
    Nobody,
    /// A key that was never made.
    Stranger,
    /// A key that was taken back.
    Revoked,
    /// A key for worlds.
    World,
    /// Another brand's key.
    OtherBrand,
    /// The brand's key.
    Brand,
    /// The administrator's.
    Admin,
}

const EVERYBODY: [Who; 7] = [
    Who::Nobody,
    Who::Stranger,
    Who::Revoked,
    Who::World,
    Who::OtherBrand,
    Who::Brand,
    Who::Admin,
];

/// What a route says to the last four; to the first three every route says 401.
struct Row {
    method: &'static str,
    path: String,
    body: Value,
    world: u16,
    other_brand: u16,
    brand: u16,
    admin: u16,
}

async fn ask(client: &Client, row: &Row) -> Reply {
    let method = reqwest::Method::from_bytes(row.method.as_bytes()).unwrap();
    let mut request = client.request(method, &row.path);
    if row.method == "POST" {
        request = request
            .header("content-type", "application/json")
            .header("idempotency-key", uuid())
            .body(serde_json::to_vec(&row.body).unwrap());
    }
    Client::send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_role_may_do_its_own_and_no_more() {
    let Some(scene) = Scene::set().await else { return };
    let ledger = &scene.ledger;
    let admin = ledger.client();
    let other = Brand::join(ledger, "Other", 2).await;
    let make = async |body: Value| admin.post("/v1/api-keys", "", &body).await.expect(201);
    let world = make(json!({ "label": "world", "scopes": ["world"] })).await;
    let revoked = make(json!({ "label": "gone", "scopes": ["admin"] })).await;
    let gone = format!("/v1/api-keys/{}", revoked["id"].as_str().unwrap());
    let delete = || admin.request(reqwest::Method::DELETE, &gone);
    assert_eq!(Client::send(delete()).await.status, 204);
    assert_eq!(Client::send(delete()).await.outcome(), "404 not_found");
    ledger.wait_quiet().await;

    let batch = format!("/v1/batches/{}", scene.batch["id"].as_str().unwrap());
    let issued = scene.brand.batch(scene.design, 1, 1);
    // Every body is one that the entitled get a refusal of their own for, so that the table changes nothing.
    let rows = [
        row(
            "POST",
            "/v1/api-keys",
            json!({ "label": "x", "scopes": [] }),
            [403, 403, 403, 422],
        ),
        row(
            "DELETE",
            "/v1/api-keys/00000000",
            Value::Null,
            [403, 403, 403, 404],
        ),
        row(
            "POST",
            "/v1/issuers",
            json!({ "issuer_id": "99", "name": "x" }),
            [403, 403, 403, 422],
        ),
        row(
            "POST",
            "/v1/collections",
            json!({ "collection": scene.brand.collection.to_string() }),
            [403, 403, 409, 409],
        ),
        row(
            "POST",
            "/v1/files",
            json!({ "text": "\u{0}" }),
            [403, 201, 201, 201],
        ),
        row("POST", "/v1/batches", issued, [403, 403, 409, 409]),
        row(
            "POST",
            &format!("{batch}/commit"),
            json!({ "signature": "x" }),
            [403, 404, 400, 400],
        ),
        row("GET", &batch, Value::Null, [403, 404, 200, 200]),
        row(
            "GET",
            &format!("{batch}/preparation"),
            Value::Null,
            [403, 404, 200, 200],
        ),
        row("POST", "/v1/worlds", json!({ "id": "X" }), [422, 422, 422, 422]),
        row("GET", &format!("{batch}/file"), Value::Null, [200, 200, 200, 200]),
    ];
    for row in &rows {
        for who in EVERYBODY {
            let key = match who {
                Who::Nobody => String::new(),
                Who::Stranger => format!("vst_00000000_{}", "0".repeat(64)),
                Who::Revoked => revoked["key"].as_str().unwrap().to_owned(),
                Who::World => world["key"].as_str().unwrap().to_owned(),
                Who::OtherBrand => other.key.clone(),
                Who::Brand => scene.brand.key.clone(),
                Who::Admin => admin.key.clone(),
            };
            let expected = match who {
                Who::Nobody | Who::Stranger | Who::Revoked if row.path.ends_with("/file") => 200,
                Who::Nobody | Who::Stranger | Who::Revoked => 401,
                Who::World => row.world,
                Who::OtherBrand => row.other_brand,
                Who::Brand => row.brand,
                Who::Admin => row.admin,
            };
            let reply = ask(&admin.with_key(&key), row).await;
            assert_eq!(
                reply.status,
                expected,
                "{} {} by {who:?}: {}",
                row.method,
                row.path,
                reply.text()
            );
            match reply.status {
                401 => {
                    assert_eq!(reply.problem(), "unauthorized");
                    assert_eq!(reply.header("www-authenticate"), "Bearer");
                }
                403 => assert_eq!(reply.problem(), "forbidden"),
                _ => {}
            }
        }
    }
    for malformed in ["vst_", "Basic eDp5", &"x".repeat(5_000)] {
        let reply = admin.with_key(malformed).get(&batch).await;
        assert_eq!(reply.outcome(), "401 unauthorized", "{malformed}");
    }
    let half = format!("{}{}", &scene.brand.key[..scene.brand.key.len() - 1], 'g');
    assert_eq!(
        admin.with_key(&half).get(&batch).await.outcome(),
        "401 unauthorized"
    );
    // Nothing that was kept of a key is the key.
    let journal = ledger.ground.data_dir().join("journal");
    for entry in std::fs::read_dir(journal).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let secret = scene.brand.key.rsplit('_').next().unwrap();
        assert!(
            !bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes()),
            "an API key stands in the journal"
        );
    }
    ledger.check_everything().await;
}

fn row(method: &'static str, path: &str, body: Value, [world, other_brand, brand, admin]: [u16; 4]) -> Row {
    Row {
        method,
        path: path.to_owned(),
        body,
        world,
        other_brand,
        brand,
        admin,
    }
}
