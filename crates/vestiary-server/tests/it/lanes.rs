//! Several submitter accounts beside one another: whose purse is empty, whose key is gone, how many there are; and
//! equal requests beside one another.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloy_primitives::{U64, U256};
use futures_util::future::join_all;
use serde_json::{Value, json};
use vestiary_chain::submitter::Table;
use vestiary_log::Disk;
use vestiary_log::seams::{SystemClock, SystemRandom};
use vestiary_server::keyring::submitter_file;
use vestiary_server::lanes::LaneView;
use vestiary_server::startup::{self, Outside};

use crate::support::actors::{Actor, Brand, uuid};
use crate::support::{Ground, LANES, TestLedger, eventually, fixture, passphrase};

/// Wearables that are claimed; each lane gets some.
const CLAIMS: u64 = 30;

async fn lane_view(ledger: &TestLedger, name: &str) -> LaneView {
    let readiness = ledger.client().get("/readyz").await.json();
    let lanes: Vec<LaneView> = serde_json::from_value(readiness["lanes"].clone()).unwrap();
    lanes.into_iter().find(|lane| lane.lane == name).unwrap()
}

/// The value of a lane's gauge in `/metrics`.
async fn gauge(ledger: &TestLedger, name: &str, lane: &str) -> Option<f64> {
    let text = ledger.client().get("/metrics").await.text();
    let start = format!("{name}{{lane=\"{lane}\"}} ");
    let value = text.lines().find_map(|text| text.strip_prefix(&start))?;
    Some(value.parse().unwrap())
}

async fn states(ledger: &TestLedger, claims: &[String]) -> Vec<String> {
    let mut states = Vec::new();
    for id in claims {
        let claim = ledger.client().get(&format!("/v1/claims/{id}")).await.expect(200);
        states.push(claim["state"].as_str().unwrap().to_owned());
    }
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_purse_queues_its_own_lane_only_and_nobody_is_lost_when_it_is_filled() {
    let Some(ground) = Ground::lay().await else { return };
    let mut ledger = TestLedger::start_on(ground, |config| config.chain.submitter_lanes = LANES).await;
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    let issued = brand.issue(&ledger, design, 1, CLAIMS).await;
    brand.wait_committed(&ledger, &issued).await;
    let name = "submitter-3";
    let lane = ledger.service().lanes.submitters()[2].clone();
    assert_eq!(lane.name, name);
    let purse = lane.account.address;
    ledger
        .ground
        .node("anvil_setBalance", json!([purse, U256::from(1_000)]))
        .await;

    let ana = Actor::named("Ana");
    let mut claims = Vec::new();
    for serial in 1..=CLAIMS {
        let body = brand
            .claim(&ledger, brand.wearable(design, serial), ana.address())
            .await;
        let claim = ledger.client().post("/v1/claims", "", &body).await.expect(202);
        claims.push(claim["id"].as_str().unwrap().to_owned());
    }
    let queued = |state: &&String| state.as_str() == "queued";
    eventually("the other lanes are done", async || {
        let here = ledger
            .service()
            .ledger
            .read(|state| state.outboxes.get(&lane.account).map_or(0, Table::queued_count));
        let states = states(&ledger, &claims).await;
        let done = states
            .iter()
            .filter(|state| ["included", "finalized"].contains(&state.as_str()));
        (here > 0 && done.count() + here == claims.len()).then_some(())
    })
    .await;
    let waiting = states(&ledger, &claims).await.iter().filter(queued).count();
    assert!(waiting > 0);

    // Nothing was signed, and it says which account needs how much.
    let view = eventually("the lane is paused", async || {
        let view = lane_view(&ledger, name).await;
        (view.state == "paused").then_some(view)
    })
    .await;
    assert_eq!(view.account, lane.account.to_string());
    assert_eq!((view.waiting, view.in_flight), (waiting as u64, 0));
    assert_eq!(view.balance_wei, "1000");
    let needed_wei: U256 = view.needed_wei.parse().unwrap();
    assert!(
        needed_wei > U256::from(waiting) * U256::from(100_000_u64 * 1_000_000),
        "{needed_wei}"
    );
    assert_eq!(lane_view(&ledger, "submitter").await.state, "running");
    eventually("the metrics say so", async || {
        let paused = gauge(&ledger, "vestiary_lane_paused", name).await? > 0.5;
        (paused && gauge(&ledger, "vestiary_lane_missing_wei", name).await? > 1e9).then_some(())
    })
    .await;
    // The batch's commit may have gone through this lane, while there was money.
    let signed = |table: &Table| table.entries().filter(|entry| entry.nonce.is_some()).count();
    let before = ledger
        .service()
        .ledger
        .read(|state| signed(&state.outboxes[&lane.account]));
    assert!(before <= 1, "a claim was signed");
    assert_eq!(
        ledger.client().get("/readyz").await.status,
        200,
        "it takes claims all the same"
    );

    // With one lane from now on, the orders stay where they are; without the key they wait for it, and it is told.
    ledger.stop().await;
    ledger.reconfigure(|config| config.chain.submitter_lanes = 1);
    let key = ledger.ground.data_dir().join("keys").join(submitter_file(3));
    std::fs::rename(&key, key.with_extension("away")).unwrap();
    ledger.run().await;
    let view = lane_view(&ledger, &lane.account.to_string()).await;
    assert_eq!(
        (view.state.as_str(), view.waiting),
        ("key_missing", waiting as u64)
    );
    ledger.stop().await;
    std::fs::rename(key.with_extension("away"), &key).unwrap();
    ledger.run().await;
    eventually("the lane is paused again", async || {
        (lane_view(&ledger, name).await.state == "paused").then_some(())
    })
    .await;
    ledger
        .ground
        .node("anvil_setBalance", json!([purse, needed_wei * U256::from(2)]))
        .await;
    eventually("everybody has theirs", async || {
        let states = states(&ledger, &claims).await;
        let done = states
            .iter()
            .all(|state| ["included", "finalized"].contains(&state.as_str()));
        done.then_some(())
    })
    .await;
    let nonce = ledger
        .ground
        .node("eth_getTransactionCount", json!([purse, "latest"]))
        .await;
    let nonce: U64 = serde_json::from_value(nonce).unwrap();
    assert_eq!(
        nonce.to::<u64>(),
        (before + waiting) as u64,
        "each from the account that had it"
    );
    let counts = ledger.check_everything().await;
    assert_eq!(counts.owned, CLAIMS);
    assert_eq!(lane_view(&ledger, name).await.state, "running");
    ledger.stop().await;
}

/// Why the service does not open.
async fn refusal(ground: &Ground, lanes: usize) -> String {
    let mut config = ground.config();
    config.chain.submitter_lanes = lanes;
    let outside = Outside {
        files: Arc::new(Disk),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        passphrase: passphrase(),
        endpoint: None,
    };
    format!("{:#}", startup::open(config, outside).await.unwrap_err())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lanes_on_one_account_and_a_lane_without_a_key_are_refused() {
    let Some(ground) = Ground::lay().await else { return };
    let keys = ground.data_dir().join("keys");
    assert!(refusal(&ground, 0).await.contains("1 to 16"));
    assert!(refusal(&ground, 17).await.contains("1 to 16"));
    let missing = refusal(&ground, 4).await;
    assert!(
        missing.contains("submitter-4.key.json is missing") && missing.contains("--lanes 4"),
        "{missing}"
    );
    std::fs::copy(keys.join(submitter_file(1)), keys.join(submitter_file(2))).unwrap();
    let same = refusal(&ground, 2).await;
    assert!(same.contains("submitter and submitter-2 are both"), "{same}");
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_requests_at_the_same_time_get_the_same_answer() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let client = brand.client(&ledger);
    let design = brand.design(&ledger, "0").await;
    let world: Value = serde_json::from_slice(&fixture("worlds/plaza.json")).unwrap();
    for (path, body, status) in [
        ("/v1/designs", brand.coat(&ledger, "0").await, 201),
        ("/v1/batches", brand.batch(design, 1, 3), 202),
        ("/v1/worlds", world, 201),
    ] {
        let key = uuid();
        let replies = join_all((0..8).map(|_| client.post(path, &key, &body))).await;
        let answers: BTreeSet<String> = replies
            .into_iter()
            .map(|reply| reply.expect(status).to_string())
            .collect();
        assert_eq!(answers.len(), 1, "{path}: {answers:?}");
    }
    ledger.stop().await;
}
