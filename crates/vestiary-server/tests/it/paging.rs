//! Pages of an inventory: cut after the slot was looked for, bound to their question, and tagged by what they show.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::story::wait_claimed;
use crate::support::TestLedger;
use crate::support::actors::{Actor, Brand, uuid};
use crate::support::http::{Client, Reply};

fn ids(page: &Value) -> Vec<String> {
    let wearables = page["wearables"].as_array().unwrap();
    wearables
        .iter()
        .map(|wearable| wearable["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn tagged(client: &Client, path: &str, tag: &str) -> Reply {
    Client::send(client.request(Method::GET, path).header("if-none-match", tag)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_is_looked_for_before_a_page_is_cut_and_a_tag_holds_while_nothing_changes() {
    let Some(ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let ana = Actor::named("Ana");
    // By token id three coats come first, then three boots.
    let mut boots = BTreeSet::new();
    for slot in ["torso", "feet"] {
        let mut body = brand.coat(&ledger, "5").await;
        body["slot"] = json!(slot);
        let design = brand
            .client(&ledger)
            .post("/v1/designs", &uuid(), &body)
            .await
            .expect(201);
        let design = design["design_id"].as_str().unwrap().parse().unwrap();
        let batch = brand.issue(&ledger, design, 1, 3).await;
        brand.wait_committed(&ledger, &batch).await;
        for serial in 1..=3 {
            let wearable = brand.wearable(design, serial);
            let claim = brand.claim(&ledger, wearable, ana.address()).await;
            let claim = ledger.client().post("/v1/claims", "", &claim).await.expect(202);
            wait_claimed(&ledger, &claim).await;
            if slot == "feet" {
                boots.insert(wearable.to_string());
            }
        }
    }
    ledger.wait_anchored().await;
    let client = ledger.client();
    let wallet = format!("/v1/wallets/{}/wearables", ana.text());
    let asked = format!("{wallet}?slot=feet&limit=2");
    let first = client.get(&asked).await.expect(200);
    assert_eq!(ids(&first).len(), 2, "{first}");
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = client.get(&format!("{asked}&cursor={cursor}")).await.expect(200);
    assert_eq!(
        (ids(&second).len(), &second["next_cursor"]),
        (1, &json!("")),
        "{second}"
    );
    let found: BTreeSet<String> = [ids(&first), ids(&second)].concat().into_iter().collect();
    assert_eq!(found, boots);
    let exactly = client
        .get(&format!("{wallet}?slot=feet&limit=3"))
        .await
        .expect(200);
    assert_eq!((ids(&exactly).len(), &exactly["next_cursor"]), (3, &json!("")));
    let coats = client
        .get(&format!("{wallet}?slot=torso&limit=3"))
        .await
        .expect(200);
    assert_eq!((ids(&coats).len(), &coats["next_cursor"]), (3, &json!("")));

    // The cursor is of this question alone.
    let bob = Actor::named("Bob").text();
    for other in [
        format!("{wallet}?limit=2"),
        format!("{wallet}?slot=torso"),
        format!("/v1/wallets/{bob}/wearables?slot=feet"),
        "/v1/designs?limit=2".to_owned(),
        "/v1/worlds?limit=2".to_owned(),
    ] {
        let reply = client.get(&format!("{other}&cursor={cursor}")).await;
        assert_eq!(reply.outcome(), "400 invalid_cursor", "{other}");
    }
    let forged = cursor.replace(cursor.chars().last().unwrap(), "!");
    for wrong in [
        &cursor[..cursor.len() - 3],
        &cursor[1..],
        &forged,
        "AAAAAAAAAAA",
        "%00",
    ] {
        let reply = client.get(&format!("{asked}&cursor={wrong}")).await;
        assert_eq!(reply.outcome(), "400 invalid_cursor", "{wrong}");
    }

    // Time and empty blocks pass: the tag stays. Something is given away: it changes.
    let before = client.get(&wallet).await;
    let tag = before.header("etag");
    assert!(tag.starts_with("W/\""), "{tag}");
    ledger.clock.advance_s(3);
    ledger.ground.mine(3).await;
    ledger.settle().await;
    for asked in [tag.clone(), format!("\"x\", {tag}"), "*".to_owned()] {
        let reply = tagged(client, &wallet, &asked).await;
        assert_eq!(
            (reply.status, reply.header("etag")),
            (304, tag.clone()),
            "{asked}"
        );
        assert_eq!(reply.body, b"");
    }
    for garbage in ["W/", "\"", "x", "W/\"\"", ",,,"] {
        assert_eq!(tagged(client, &wallet, garbage).await.status, 200, "{garbage}");
    }
    ledger.ground.fund(ana.address()).await;
    let given = brand.wearable("1".parse().unwrap(), 1);
    ana.give(&ledger, given, Actor::named("Bob").address())
        .await
        .unwrap();
    ledger.settle().await;
    let after = tagged(client, &wallet, &tag).await;
    assert_eq!(after.status, 200);
    assert_ne!(after.header("etag"), tag);
    assert_eq!(ids(&after.json()).len(), 5);
}
