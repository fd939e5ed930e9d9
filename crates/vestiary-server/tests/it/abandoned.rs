//! Requests that nobody waits for any more, and steps that fail halfway: what was asked is done once, or as if it had
//! never been asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use vestiary_server::issuing::intents;
use vestiary_server::worker::expire;

use crate::support::actors::Brand;
use crate::support::gate::{Asked, Gated};
use crate::support::http::{Reply, segment};
use crate::support::{Ground, TestLedger, eventually};

/// Longer than the preparations of these tests hold.
const HOUR_S: u64 = 3_601;
/// Whoever may go on is where it can get within this time.
const A_WHILE: Duration = Duration::from_millis(500);

/// A ledger over a gate, and a brand that has joined it.
async fn gated() -> Option<(TestLedger, Gated, Brand)> {
    let ground = Ground::lay().await?;
    let disk = Gated::default();
    let ledger = TestLedger::start_over(ground, Arc::new(disk.clone()), |_| {}).await;
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    Some((ledger, disk, brand))
}

/// The only batch was issued: everything is there, and once.
async fn check_issued(ledger: &TestLedger, brand: &Brand, issued: &Value) {
    brand.wait_committed(ledger, issued).await;
    let counts = ledger.check_everything().await;
    assert_eq!((counts.receipts, counts.certificates), (1, 2));
}

fn posted(ledger: &TestLedger, brand: &Brand, path: &str, key: &str, body: &Value) -> JoinHandle<Reply> {
    let (client, path, key, body) = (
        brand.client(ledger),
        path.to_owned(),
        key.to_owned(),
        body.clone(),
    );
    tokio::spawn(async move { client.post(&path, &key, &body).await })
}

/// Hangs up, and waits until the service knows.
async fn hung_up(ledger: &TestLedger, request: JoinHandle<Reply>) {
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled(), "it was answered");
    let open = &ledger.service().open_connections;
    eventually("the connection is closed", async || {
        (open.load(Ordering::SeqCst) == 0).then_some(())
    })
    .await;
}

fn commit_path(prepared: &Value) -> String {
    format!("/v1/batches/{}/commit", prepared["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_in_the_log_once_though_its_commit_was_given_up_while_it_was_appended() {
    let Some((mut ledger, disk, brand)) = gated().await else {
        return;
    };
    let client = brand.client(&ledger);
    let design = brand.design(&ledger, "0").await;
    let prepared = client
        .post("/v1/batches", "a", &brand.batch(design, 1, 2))
        .await
        .expect(202);
    let (path, signed) = (commit_path(&prepared), brand.sign(&prepared));
    disk.close(Asked::Sync, "log/staging");
    let commit = posted(&ledger, &brand, &path, "", &signed);
    disk.wait_reached().await;
    hung_up(&ledger, commit).await;
    // The worker looks, and so does the issuer who asks again: neither may take what is on its way for missing.
    let service = Arc::clone(ledger.service());
    let worker = tokio::spawn(async move { intents::finish_all(&service).await });
    let again = posted(&ledger, &brand, &path, "", &signed);
    tokio::time::sleep(A_WHILE).await;
    disk.open();
    let issued = again.await.unwrap().expect(200);
    drop(worker.await.unwrap());
    let service = ledger.service();
    let entries: Vec<Vec<u8>> = (0..service.log_size())
        .map(|index| service.log_entry(index).unwrap())
        .collect();
    let different: BTreeSet<&Vec<u8>> = entries.iter().collect();
    assert_eq!(different.len(), entries.len(), "something is in the log twice");
    check_issued(&ledger, &brand, &issued).await;
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_given_up_makes_the_same_thing_as_its_repeat() {
    let Some((mut ledger, disk, brand)) = gated().await else {
        return;
    };
    let body = brand.coat(&ledger, "0").await;
    disk.close(Asked::Reading, "content/files");
    let first = posted(&ledger, &brand, "/v1/designs", "coat", &body);
    disk.wait_reached().await;
    hung_up(&ledger, first).await;
    let second = posted(&ledger, &brand, "/v1/designs", "coat", &body);
    tokio::time::sleep(A_WHILE).await;
    disk.let_first_through();
    eventually("what nobody waits for is done", async || {
        let ledger = &ledger.service().ledger;
        ledger.read(|state| !state.designs.is_empty()).then_some(())
    })
    .await;
    disk.open();
    let view = second.await.unwrap().expect(201);
    let path = format!("/v1/designs?collection={}", segment(&brand.collection));
    let page = brand.client(&ledger).get(&path).await.expect(200);
    let designs = page["items"].as_array().unwrap();
    assert_eq!(designs.len(), 1, "one key made two designs: {page}");
    assert_eq!(designs[0]["design_id"], view["design_id"]);
    ledger.check_everything().await;
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn serials_whose_commit_failed_halfway_are_issued_by_the_next_preparation() {
    let Some((mut ledger, disk, brand)) = gated().await else {
        return;
    };
    let client = brand.client(&ledger);
    let design = brand.design(&ledger, "0").await;
    ledger.wait_anchored().await;
    let body = brand.batch(design, 1, 2);
    let first = client.post("/v1/batches", "a", &body).await.expect(202);
    // The mirror stops between the look at the issuer's account and the look for the batch in the log.
    disk.close(Asked::Reading, ".preparation");
    let commit = posted(&ledger, &brand, &commit_path(&first), "", &brand.sign(&first));
    disk.wait_reached().await;
    ledger.service().mirror.fail_next_commit();
    ledger.ground.mine(1).await;
    eventually("the mirror stopped", async || {
        ledger.service().mirror.stopped().map(drop)
    })
    .await;
    disk.open();
    assert_eq!(commit.await.unwrap().outcome(), "503 not_ready");
    ledger.settle().await;
    ledger.wait_ready().await;

    ledger.clock.advance_s(HOUR_S);
    let anew = client.post("/v1/batches", "a", &body).await.expect(202);
    assert_ne!(anew["root"], first["root"], "other salts");
    let issued = client
        .post(&commit_path(&anew), "", &brand.sign(&anew))
        .await
        .expect(200);
    check_issued(&ledger, &brand, &issued).await;
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_prepared_anew_does_not_end_with_the_preparation_before_it() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let client = brand.client(&ledger);
    let design = brand.design(&ledger, "0").await;
    let body = brand.batch(design, 1, 2);
    let first = client.post("/v1/batches", "a", &body).await.expect(202);
    ledger.clock.advance_s(HOUR_S);
    // The worker looks, the brand asks again, the worker ends what it saw.
    let over = expire::over(ledger.service());
    assert_eq!(over.len(), 1);
    let anew = client.post("/v1/batches", "a", &body).await.expect(202);
    assert_eq!(anew["id"], first["id"]);
    let service = Arc::clone(ledger.service());
    tokio::task::spawn_blocking(move || expire::end(&service, over))
        .await
        .unwrap()
        .unwrap();
    client
        .post(&commit_path(&anew), "", &brand.sign(&anew))
        .await
        .expect(200);
    ledger.check_everything().await;
    ledger.stop().await;
}
