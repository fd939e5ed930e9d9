//! One damaged file stands in nobody else's way: the rest is finished, served and listed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use vestiary_server::journal::BatchId;

use super::{printed_repair, verb};
use crate::support::actors::Brand;
use crate::support::gate::Gated;
use crate::support::http::segment;
use crate::support::{Ground, TestLedger, eventually};

/// Flips a bit of a file; what it was before.
fn flip(file: &Path) -> Vec<u8> {
    let before = std::fs::read(file).unwrap();
    let mut bytes = before.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(file, bytes).unwrap();
    before
}

fn preparation_file(ledger: &TestLedger, batch: &Value) -> PathBuf {
    let id = BatchId(batch["id"].as_str().unwrap().to_owned());
    let digest = ledger
        .service()
        .ledger
        .read(|state| state.batches[&id].prepared.preparation);
    let name = format!("{}.preparation", digest.hex());
    ledger.ground.data_dir().join("batches").join(name)
}

fn certificates_file(ledger: &TestLedger, batch: &Value) -> PathBuf {
    let id = BatchId(batch["id"].as_str().unwrap().to_owned());
    let root = ledger
        .service()
        .ledger
        .read(|state| state.batches[&id].prepared.root);
    let name = format!("{}.certificates", alloy_primitives::hex::encode(root));
    ledger.ground.data_dir().join("batches").join(name)
}

/// Prepares a batch and signs it while the log takes nothing: its intent stays open.
async fn left_open(ledger: &TestLedger, disk: &Gated, brand: &Brand) -> Value {
    let client = brand.client(ledger);
    let design = brand.design(ledger, "0").await;
    let prepared = client
        .post("/v1/batches", "a", &brand.batch(design, 1, 1))
        .await
        .expect(202);
    disk.fill(Some("log/staging"));
    let path = format!("/v1/batches/{}/commit", prepared["id"].as_str().unwrap());
    let reply = client.post(&path, "", &brand.sign(&prepared)).await;
    assert_eq!(reply.outcome(), "507 storage_full");
    prepared
}

async fn state_of(ledger: &TestLedger, brand: &Brand, batch: &Value) -> String {
    let path = format!("/v1/batches/{}", batch["id"].as_str().unwrap());
    let view = brand.client(ledger).get(&path).await.expect(200);
    view["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_finishes_every_intent_but_the_one_whose_preparation_is_damaged() {
    let Some(ground) = Ground::lay().await else { return };
    let disk = Gated::default();
    let mut ledger = TestLedger::start_over(ground, Arc::new(disk.clone()), |_| {}).await;
    let (mut brands, mut batches) = (Vec::new(), Vec::new());
    for (account, name) in ["Atelier", "Broderie"].into_iter().enumerate() {
        disk.fill(None);
        let brand = Brand::join(&ledger, name, account + 1).await;
        batches.push(left_open(&ledger, &disk, &brand).await);
        brands.push(brand);
    }
    // The first that is tried is the one that cannot be finished.
    if batches[0]["id"].as_str() > batches[1]["id"].as_str() {
        batches.reverse();
        brands.reverse();
    }
    let file = preparation_file(&ledger, &batches[0]);
    ledger.stop().await;
    disk.fill(None);
    let before = flip(&file);

    ledger.try_run().await.expect("the rest is served");
    assert_eq!(state_of(&ledger, &brands[0], &batches[0]).await, "signed");
    assert_ne!(state_of(&ledger, &brands[1], &batches[1]).await, "signed");
    brands[1].wait_committed(&ledger, &batches[1]).await;
    // And nobody else gets its serials.
    let client = brands[0].client(&ledger);
    let body = brands[0].batch("1".parse().unwrap(), 1, 1);
    let again = client.post("/v1/batches", "b", &body).await;
    assert_eq!(again.outcome(), "409 serial_issued");

    // Put back, it is finished without a start.
    std::fs::write(&file, before).unwrap();
    brands[0].wait_committed(&ledger, &batches[0]).await;
    let counts = ledger.check_everything().await;
    assert_eq!((counts.receipts, counts.certificates), (2, 2));
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_goes_on_without_the_intent_whose_certificates_are_damaged_and_repair_makes_them_again() {
    let Some(ground) = Ground::lay().await else { return };
    let disk = Gated::default();
    let mut ledger = TestLedger::start_over(ground, Arc::new(disk.clone()), |_| {}).await;
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let batch = left_open(&ledger, &disk, &brand).await;
    let file = certificates_file(&ledger, &batch);
    ledger.stop().await;
    disk.fill(None);
    let before = flip(&file);

    ledger.try_run().await.expect("the rest is served");
    assert_eq!(state_of(&ledger, &brand, &batch).await, "signed");
    eventually("the damage is told", async || {
        (super::found(&ledger, "batches").await > 0).then_some(())
    })
    .await;
    assert_ne!(std::fs::read(&file).unwrap(), before, "nothing is written over");
    ledger.stop().await;

    let config = ledger.ground.dir.path().join("vestiary.toml");
    let (clean, checked) = verb(&["check", "--config", config.to_str().unwrap()]);
    assert!(
        !clean && checked.to_string().contains(file.to_str().unwrap()),
        "{checked}"
    );
    assert!(printed_repair(&ledger, Path::new("")).ends_with("vestiary.toml"));
    ledger.run().await;
    brand.wait_committed(&ledger, &batch).await;
    assert_eq!(
        std::fs::read(&file).unwrap(),
        before,
        "signed again, byte for byte"
    );
    let counts = ledger.check_everything().await;
    assert_eq!((counts.receipts, counts.certificates), (1, 1));
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_design_whose_document_is_damaged_is_listed_without_it_and_hides_no_other() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    for edition in ["0", "10"] {
        brand.design(&ledger, edition).await;
    }
    let path = format!("/v1/designs?collection={}", segment(&brand.collection));
    let whole = ledger.client().get(&path).await.expect(200)["items"].clone();
    ledger.stop().await;
    let digest = whole[0]["digest"].as_str().unwrap().trim_start_matches("sha256:");
    let file = format!("content/files/{}/{digest}", &digest[..2]);
    flip(&ledger.ground.data_dir().join(file));
    ledger.run().await;
    let mut expected = whole.clone();
    expected[0]["document"] = json!({});
    let page = ledger.client().get(&path).await.expect(200);
    assert_eq!(page["items"], expected);
    let first = ledger.client().get(&format!("{path}&limit=1")).await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = format!("{path}&limit=1&cursor={cursor}");
    let second = ledger.client().get(&rest).await.expect(200);
    assert_eq!(second["items"][0], whole[1]);
    eventually("the damage is told", async || {
        (super::found(&ledger, "content").await > 0).then_some(())
    })
    .await;
    ledger.stop().await;
}
