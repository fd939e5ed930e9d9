//! Batches, designs and files that are not what they say.

use alloy_primitives::Address;
use serde_json::{Value, json};
use vestiary::ids::DesignId;

use crate::rejected::{Scene, altered};
use crate::support::actors::Actor;
use crate::support::fixture;
use crate::support::http::Client;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_bad_rows_is_refused_whole_and_every_row_is_named() {
    let Some(scene) = Scene::set().await else { return };
    let mut body = scene.brand.batch(scene.design, 4, 6);
    let set =
        |body: &mut Value, index: usize, field: &str, value: &str| body["items"][index][field] = json!(value);
    set(&mut body, 0, "gtin", "9506000134353");
    set(&mut body, 1, "binding", "glue");
    set(
        &mut body,
        1,
        "claim_key",
        &Actor::named("Ana").address().to_checksum(None),
    );
    set(&mut body, 2, "serial", "99");
    set(&mut body, 3, "claim_key", &format!("{:#x}", Address::ZERO));
    set(&mut body, 4, "serial", "7");
    set(&mut body, 5, "sku", "a\u{7}b");
    set(&mut body, 5, "gs1_serial", &"9".repeat(81));
    let reply = scene.post("/v1/batches", &body).await;
    scene.refused("bad rows", &reply, "422 unprocessable");
    let problem = reply.json();
    let found: Vec<(&str, &str)> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (
                error["pointer"].as_str().unwrap(),
                error["code"].as_str().unwrap(),
            )
        })
        .collect();
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| *pointer).collect();
    assert_eq!(
        pointers,
        [
            "/items/0/gtin",
            "/items/1/claim_key",
            "/items/1/binding",
            "/items/2/serial",
            "/items/3/claim_key",
            "/items/4/serial",
            "/items/5/gs1_serial",
            "/items/5/sku",
        ]
    );
    assert_eq!((found[0].1, found[3].1), ("bad_gtin", "serial_outside_range"));
    assert_eq!((found[4].1, found[5].1), ("zero_claim_key", "serial_not_rising"));
    assert!(
        problem["detail"].as_str().unwrap().starts_with("8 things"),
        "{problem}"
    );

    let mut body = scene.brand.batch(scene.design, 4, 1);
    body["items"] = json!([]);
    scene.refused(
        "no wearables",
        &scene.post("/v1/batches", &body).await,
        "422 unprocessable",
    );
    let body = scene.brand.batch(scene.design, 4, 8);
    scene.refused(
        "past the edition",
        &scene.post("/v1/batches", &body).await,
        "422 unprocessable",
    );
    let body = scene.brand.batch(scene.design, 3, 1);
    scene.refused(
        "an issued serial",
        &scene.post("/v1/batches", &body).await,
        "409 serial_issued",
    );
    let body = scene.brand.batch(scene.design, 5, 1);
    scene.refused(
        "a gap",
        &scene.post("/v1/batches", &body).await,
        "409 serial_not_next",
    );
    let body = scene.brand.batch(DesignId::new(9).unwrap(), 1, 1);
    scene.refused(
        "no such design",
        &scene.post("/v1/batches", &body).await,
        "404 not_found",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn designs_and_files_that_are_not_what_they_say_are_refused() {
    let Some(mut scene) = Scene::set().await else {
        return;
    };
    let good = scene.brand.coat(&scene.ledger, "5").await;
    scene.before = scene.ledger.wait_quiet().await;
    let nowhere = format!("sha256:{}", "1".repeat(64));
    let licence = good["licence"]["sha256"].clone();
    for (what, pointer, value, error) in [
        ("unknown slot", "/slot", json!("wings"), "/slot"),
        (
            "an edition that is no number",
            "/edition",
            json!("many"),
            "/edition",
        ),
        (
            "an edition past the last serial",
            "/edition",
            json!(u64::MAX.to_string()),
            "/edition",
        ),
        (
            "a file that nobody uploaded",
            "/representations/0/sha256",
            json!(nowhere),
            "/representations/0/sha256",
        ),
        (
            "a text as representation",
            "/representations/0/sha256",
            licence,
            "/representations/0/sha256",
        ),
        (
            "an unknown licence",
            "/licence/sha256",
            json!(nowhere),
            "/licence/sha256",
        ),
    ] {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        let reply = scene.post("/v1/designs", &body).await;
        scene.refused(what, &reply, "422 unprocessable");
        assert_eq!(
            reply.json()["errors"][0]["pointer"],
            error,
            "{what}: {}",
            reply.text()
        );
    }
    for (what, pointer, value) in [
        ("no representation", "/representations", json!([])),
        ("no name", "/name", json!("")),
        ("a name of 257 bytes", "/name", json!("n".repeat(257))),
    ] {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        scene.refused(what, &scene.post("/v1/designs", &body).await, "422 unprocessable");
    }
    let mut body = good.clone();
    body["terms"]["choose_by"] = json!(1_u64 << 40);
    scene.refused(
        "a term past the year 36812",
        &scene.post("/v1/designs", &body).await,
        "400 invalid_body",
    );
    let client = scene.client();
    let upload = |bytes: Vec<u8>, digest: &str| {
        client
            .request(reqwest::Method::POST, "/v1/files")
            .header("content-digest", digest)
            .body(bytes)
    };
    let wrong = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let glb = fixture("garments/cap-plaza.glb");
    scene.refused(
        "another hash",
        &Client::send(upload(glb.clone(), wrong)).await,
        "422 hash_mismatch",
    );
    scene.refused(
        "no hash",
        &Client::send(upload(glb.clone(), "md5=:AAAA:")).await,
        "400 invalid_parameter",
    );
    scene.refused(
        "no known file",
        &client.upload(vec![0, 1, 2, 3]).await,
        "422 invalid_file",
    );
    // A GLB that is cut off is stored as what it is not only if nobody looks: the design measures it.
    let cut = client.upload(glb[..glb.len() / 2].to_vec()).await;
    if cut.status == 201 {
        let mut body = good.clone();
        body["representations"][0]["sha256"] = cut.json()["sha256"].clone();
        let reply = scene.post("/v1/designs", &body).await;
        assert_eq!(reply.outcome(), "422 unprocessable", "{}", reply.text());
    } else {
        scene.refused("a GLB that is cut off", &cut, "422 invalid_file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preparation_holds_its_serials_until_it_is_signed_or_expires() {
    let Some(mut scene) = Scene::set().await else {
        return;
    };
    let client = scene.client();
    let body = scene.brand.batch(scene.design, 4, 2);
    let prepared = client.post("/v1/batches", "open", &body).await.expect(202);
    let commit = format!("/v1/batches/{}/commit", prepared["id"].as_str().unwrap());
    scene.before = scene.ledger.wait_quiet().await;
    scene.refused(
        "another preparation",
        &scene.post("/v1/batches", &body).await,
        "409 preparation_open",
    );
    let other = client
        .post("/v1/batches", "open", &scene.brand.batch(scene.design, 4, 1))
        .await;
    scene.refused("another body under the key", &other, "409 idempotency_key_reused");
    let elsewhere = client
        .post("/v1/collections", "open", &json!({ "collection": "x" }))
        .await;
    scene.refused(
        "the key on another route",
        &elsewhere,
        "409 idempotency_key_reused",
    );

    let signature = scene.brand.sign_as(&prepared, &Actor::named("Mallory"));
    let reply = client.post(&commit, "", &json!({ "signature": signature })).await;
    scene.refused("somebody else's signature", &reply, "403 wrong_signature");
    let good = scene.brand.sign_as(&prepared, &scene.brand.account);
    for (what, signature) in altered(&good) {
        let reply = client.post(&commit, "", &json!({ "signature": signature })).await;
        scene.refused(what, &reply, "403 wrong_signature");
    }
    for (what, signature) in [
        ("no hex", "0xzz".to_owned()),
        ("no prefix", good[2..].to_owned()),
        ("two prefixes", format!("0x{good}")),
    ] {
        let reply = client.post(&commit, "", &json!({ "signature": signature })).await;
        scene.refused(what, &reply, "400 invalid_parameter");
    }
    // The certificates of a preparation carry no signature that verifies.
    let preparation = client.get(&commit.replace("/commit", "/preparation")).await;
    assert_eq!(preparation.text().lines().count(), 3);

    scene.ledger.clock.advance_s(3_601);
    let reply = client.post(&commit, "", &json!({ "signature": good })).await;
    assert_eq!(reply.outcome(), "409 preparation_expired", "{}", reply.text());
    let view = client.get(commit.trim_end_matches("/commit")).await.expect(200);
    assert_eq!(view["state"], "expired");
    let again = scene.post("/v1/batches", &body).await.expect(202);
    assert_eq!(again["state"], "prepared");
    let commit = format!("/v1/batches/{}/commit", again["id"].as_str().unwrap());
    let issued = client
        .post(&commit, "", &scene.brand.sign(&again))
        .await
        .expect(200);
    assert_eq!(issued["first_serial"], "4");
    scene.ledger.check_everything().await;
}
