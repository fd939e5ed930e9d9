//! Ids in another spelling, worlds and cursors that are unknown.

use alloy_primitives::U256;
use serde_json::json;

use crate::rejected::Scene;
use crate::support::actors::Actor;
use crate::support::http::segment;

#[tokio::test(flavor = "multi_thread")]
async fn ids_in_another_spelling_are_refused() {
    let Some(scene) = Scene::set().await else { return };
    let ana = Actor::named("Ana");
    let (address, collection) = (ana.text(), scene.brand.collection.to_string());
    let checksummed = ana.address().to_checksum(None);
    let malformed = "400 malformed_id";
    let elsewhere = "400 invalid_parameter";
    for (wallet, expected) in [
        (checksummed.clone(), malformed),
        (address.to_uppercase(), malformed),
        (address[..41].to_owned(), malformed),
        (format!("{address}0"), malformed),
        (address[2..].to_owned(), malformed),
        (format!("eip155:31337:{checksummed}"), malformed),
        (format!("EIP155:31337:{address}"), malformed),
        (format!("eip155:031337:{address}"), malformed),
        (format!("eip155:31337/{address}"), malformed),
        (format!("solana:31337:{address}"), malformed),
        (format!("eip155:1:{address}"), elsewhere),
        (" ".into(), malformed),
    ] {
        let reply = scene
            .client()
            .get(&format!("/v1/wallets/{}/wearables", segment(&wallet)))
            .await;
        scene.refused(&wallet, &reply, expected);
    }
    let good = scene.brand.wearable(scene.design, 1).to_string();
    for (id, expected) in [
        (good.to_uppercase(), malformed),
        (good.replace("erc721", "erc1155"), malformed),
        (good.replace("/erc721:", "/ERC721:"), malformed),
        (format!("{collection}/01"), malformed),
        (format!("{collection}/0x1"), malformed),
        (format!("{collection}/-1"), malformed),
        (format!("{collection}/"), malformed),
        (collection.clone(), malformed),
        (format!("{collection}/{}", "9".repeat(79)), malformed),
        (good.replace("eip155:31337", "eip155:1"), elsewhere),
        (format!("{collection}/{}", U256::MAX), "404 not_found"),
        (format!("{collection}/1"), "404 not_found"),
    ] {
        for part in ["", "/certificate", "/provenance", "/proof"] {
            let reply = scene
                .client()
                .get(&format!("/v1/wearables/{}{part}", segment(&id)))
                .await;
            scene.refused(&id, &reply, expected);
        }
    }
    for (field, value) in [
        ("collection", collection.to_uppercase()),
        ("collection", collection.replace("erc721", "erc1155")),
        ("design_id", "01".into()),
        ("design_id", "0".into()),
        ("first_serial", "+4".into()),
        ("first_serial", "0".into()),
        ("count", "0".into()),
        ("count", "18446744073709551615".into()),
        // One past the last serial that a collection counts.
        ("count", "18446744073709551612".into()),
    ] {
        let mut body = scene.brand.batch(scene.design, 4, 1);
        body[field] = json!(value);
        scene.refused(
            &format!("{field} {value}"),
            &scene.post("/v1/batches", &body).await,
            malformed,
        );
    }
    let body = json!({ "collection": format!("eip155:31337/erc721:{address}") });
    scene.refused(
        "no collection of the factory",
        &scene.post("/v1/collections", &body).await,
        "422 chain_disagrees",
    );
    let body = json!({ "collection": collection });
    scene.refused(
        "a collection again",
        &scene.post("/v1/collections", &body).await,
        "409 conflict",
    );
    for name in [
        "bafy",
        "sha256:00",
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPBdG",
    ] {
        scene.refused(
            name,
            &scene.client().get(&format!("/files/{name}")).await,
            malformed,
        );
    }
    let unknown = format!("/files/sha256:{}", "0".repeat(64));
    scene.refused(
        "an unknown file",
        &scene.client().get(&unknown).await,
        "404 not_found",
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn worlds_cursors_and_parameters_that_are_unknown_are_refused() {
    let Some(scene) = Scene::set().await else { return };
    let client = scene.client();
    let wallet = format!("/v1/wallets/{}/wearables", Actor::named("Ana").text());
    let wearable = segment(&scene.brand.wearable(scene.design, 1));
    for (path, expected) in [
        (format!("{wallet}?world=atlantis"), "404 unknown_world"),
        (format!("{wallet}?world="), "404 unknown_world"),
        ("/v1/worlds/atlantis".to_owned(), "404 unknown_world"),
        (
            format!("/v1/wearables/{wearable}/representations/atlantis"),
            "404 unknown_world",
        ),
        (format!("{wallet}?slot=wings"), "400 invalid_parameter"),
        (format!("{wallet}?lang=de"), "400 invalid_parameter"),
        (format!("{wallet}?limit=0"), "400 invalid_parameter"),
        (format!("{wallet}?limit=201"), "400 invalid_parameter"),
        (format!("{wallet}?limit=-1"), "400 invalid_parameter"),
        (format!("{wallet}?colour=red"), "400 invalid_parameter"),
        (
            format!("{wallet}?world=plaza&world=pocket"),
            "400 invalid_parameter",
        ),
        (format!("{wallet}?cursor=AAAA"), "400 invalid_cursor"),
        (
            format!("{wallet}?cursor={}", "A".repeat(2_000)),
            "400 invalid_cursor",
        ),
        (format!("/v1/batches/b_{}", "0".repeat(32)), "404 not_found"),
        (format!("/v1/claims/c_{}", "0".repeat(32)), "404 not_found"),
        (format!("/v1/batches/b_{}/file", "0".repeat(32)), "404 not_found"),
    ] {
        scene.refused(&path, &client.get(&path).await, expected);
    }
    // A cursor fits its own question only.
    let page = client.get("/v1/worlds?limit=1").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_ne!(cursor, "");
    for path in [
        format!("/v1/issuers?cursor={cursor}"),
        format!("/v1/designs?cursor={cursor}"),
        format!("{wallet}?cursor={cursor}"),
    ] {
        scene.refused(&path, &client.get(&path).await, "400 invalid_cursor");
    }
    let rest = client
        .get(&format!("/v1/worlds?limit=1&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!(
        (&rest["items"][0]["id"], &rest["next_cursor"]),
        (&json!("pocket"), &json!(""))
    );
    assert_eq!(page["items"][0]["id"], "plaza");
}
