//! The clock is set an hour forward and back, while issuing and at expiry.

use serde_json::{Value, json};

use crate::beginnings::{Issued, issued};
use crate::operation::Proxy;
use crate::story::{inventory, wait_claimed};
use crate::support::actors::{Actor, Brand};
use crate::support::{TestLedger, eventually};

const HOUR_S: i64 = 3_601;

async fn prepare(ledger: &TestLedger, brand: &Brand, key: &str, body: &Value) -> Value {
    brand
        .client(ledger)
        .post("/v1/batches", key, body)
        .await
        .expect(202)
}

async fn commit(ledger: &TestLedger, brand: &Brand, prepared: &Value) -> crate::support::http::Reply {
    let path = format!("/v1/batches/{}/commit", prepared["id"].as_str().unwrap());
    brand.client(ledger).post(&path, "", &brand.sign(prepared)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preparation_ends_by_the_clock_once_and_is_made_anew_at_once() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    let body = brand.batch(design, 1, 2);

    // The same request, right after its preparation ended.
    let first = prepare(&ledger, &brand, "a", &body).await;
    ledger.clock.step_s(HOUR_S);
    assert_eq!(
        commit(&ledger, &brand, &first).await.outcome(),
        "409 preparation_expired"
    );
    let anew = prepare(&ledger, &brand, "a", &body).await;
    assert_eq!((&anew["id"], &anew["state"]), (&first["id"], &json!("prepared")));
    assert_ne!(anew["root"], first["root"], "other salts");

    // Another request for the same serials, and the clock goes back behind the end of the first.
    ledger.clock.step_s(HOUR_S);
    let other = prepare(&ledger, &brand, "b", &body).await;
    ledger.clock.step_s(-HOUR_S);
    assert_eq!(
        commit(&ledger, &brand, &anew).await.outcome(),
        "409 preparation_expired"
    );
    commit(&ledger, &brand, &other).await.expect(200);

    // Set back by two hours while a batch is open: it stays open, and nothing is issued twice.
    let next = brand.batch(design, 3, 1);
    let open = prepare(&ledger, &brand, "c", &next).await;
    ledger.clock.step_s(-2 * HOUR_S);
    let again = brand.client(&ledger).post("/v1/batches", "d", &next).await;
    assert_eq!(again.outcome(), "409 preparation_open");
    // Read before the answer: the chain's time goes on meanwhile.
    let head_s = ledger.service().mirror.view().as_of().timestamp;
    let issued = commit(&ledger, &brand, &open).await.expect(200);
    // What is promised lies ahead of the chain's own time, though our clock stands an hour behind it.
    let receipt =
        vestiary::receipt::SignedReceipt::parse(issued["receipt"].as_str().unwrap().as_bytes()).unwrap();
    let key = ledger
        .service()
        .signing
        .receipt_vkey(crate::support::ORIGIN)
        .unwrap();
    assert!(receipt.verify(&key).unwrap().commit_by >= head_s + 3_600);
    brand.wait_committed(&ledger, &issued).await;
    let counts = ledger.check_everything().await;
    assert_eq!((counts.receipts, counts.certificates), (2, 3));
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_go_by_the_later_of_clock_and_chain() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let Issued { brand, design, .. } = issued(&ledger, 2).await;
    let ana = Actor::named("Ana");
    let claim = async |serial: u64, deadline: u64| {
        let wearable = brand.wearable(design, serial);
        let digest = brand.leaf_digest(&ledger, wearable).await;
        let signature = brand
            .claim_key(wearable)
            .sign_claim(ana.address(), deadline, digest);
        let body = json!({
            "wearable": wearable.to_string(), "to": ana.text(), "deadline": deadline.to_string(),
            "signature": alloy_primitives::hex::encode_prefixed(signature.as_bytes()),
        });
        ledger.client().post("/v1/claims", "", &body).await
    };
    let head_s = ledger.service().mirror.view().as_of().timestamp;
    ledger.clock.step_s(-HOUR_S);
    // The chain is past this deadline, whatever our clock says.
    assert_eq!(claim(1, head_s - 600).await.outcome(), "422 expired");
    let accepted = claim(1, head_s + 1_800).await.expect(202);
    wait_claimed(&ledger, &accepted).await;
    let answer = inventory(&ledger, &ana, "plaza").await;
    assert_eq!(answer["wearables"][0]["wear"], "yes", "{answer}");
    assert_eq!(answer["as_of"][0]["lag_s"], 0, "no negative age");
    ledger.clock.step_s(2 * HOUR_S);
    assert_eq!(
        claim(2, head_s + 1_800).await.outcome(),
        "422 expired",
        "too careful, and never too late"
    );
    let answer = inventory(&ledger, &ana, "plaza").await;
    assert_eq!(
        answer["wearables"][0]["wear"], "yes",
        "a clock that is set makes nothing unknown: {answer}"
    );
    ledger.clock.step_s(-HOUR_S);
    let accepted = claim(2, head_s + 1_800).await.expect(202);
    wait_claimed(&ledger, &accepted).await;
    ledger.check_everything().await;
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_does_not_make_old_answers_new() {
    let mut proxy = None;
    let change = |config: &mut vestiary_server::config::Config| {
        proxy = Some(Proxy::before(&mut config.chain.rpc_url));
        config.freshness.behind_after_s = 1;
    };
    let Some(mut ledger) = TestLedger::start_with(change).await else {
        return;
    };
    let proxy = proxy.expect("it was put between");
    let ana = Actor::named("Ana");
    assert_eq!(inventory(&ledger, &ana, "").await["complete"], "yes");
    proxy.cut(true);
    ledger.clock.step_s(-HOUR_S);
    eventually("the service notices", async || {
        (ledger.client().get("/readyz").await.json()["chain"] == "behind").then_some(())
    })
    .await;
    // And again while it is behind: the duration is measured by a clock that nobody sets.
    ledger.clock.step_s(-HOUR_S);
    eventually("what is old reads unknown", async || {
        (inventory(&ledger, &ana, "").await["complete"] == "partial_unknown").then_some(())
    })
    .await;
    proxy.cut(false);
    ledger.wait_ready().await;
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_far_from_the_blocks_is_an_alarm() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    // Other services of this process set the same gauge, so it is looked at until ours did.
    let skew = async |wanted: &dyn Fn(f64) -> bool| {
        ledger.ground.mine(1).await;
        let metrics = ledger.client().get("/metrics").await.text();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("vestiary_clock_skew_seconds"))?;
        let value: f64 = line.split(' ').next_back()?.parse().ok()?;
        wanted(value).then_some(())
    };
    for (step_s, low, high) in [(HOUR_S, 3_000.0, 4_000.0), (-2 * HOUR_S, -4_000.0, -3_000.0)] {
        ledger.clock.step_s(step_s);
        eventually("the skew is shown", async || {
            skew(&|value| value > low && value < high).await
        })
        .await;
    }
    ledger.stop().await;
}
