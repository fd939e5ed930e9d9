//! Answers that are whole and true of what they name, and that never wait for one another in a circle.

use std::sync::{Arc, mpsc};
use std::time::Duration;

use alloy_primitives::B256;
use serde_json::json;
use vestiary::block::BlockRef;
use vestiary::rights::{Gap, Wear};
use vestiary::slot::Slot;
use vestiary_chain::sim::Seeded;
use vestiary_server::chain_status::{ChainStatus, Heads};
use vestiary_server::error::Language;
use vestiary_server::http as api;
use vestiary_server::inventory::{self, Question};

use crate::beginnings::{Issued, issued};
use crate::support::http::segment;
use crate::support::simulated::SimGround;
use crate::support::{TestLedger, stage};

/// Long enough for everybody to stand where he is going to wait.
const STANDS: Duration = Duration::from_millis(400);
/// Longest that a question to the state of the promises may wait.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_into_the_mirror_may_read_the_journal_whatever_waits_for_either() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let Issued { brand, design, .. } = issued(&ledger, 1).await;
    let service = Arc::clone(ledger.service());
    let (begun, has_begun) = mpsc::channel();
    let (done, is_done) = mpsc::channel::<()>();
    let looks = std::thread::spawn(move || {
        let view = service.mirror.view();
        begun.send(()).unwrap();
        let _ = is_done.recv();
        drop(view);
    });
    has_begun.recv().unwrap();
    // The follower's block waits for the view's end.
    ledger.ground.mine(1).await;
    tokio::time::sleep(STANDS).await;
    // A question about a design waits for that block, and a record for whoever reads the journal's state.
    let (client, path) = (
        brand.client(&ledger),
        format!("/v1/designs/{}/{design}", segment(&brand.collection)),
    );
    let asks = tokio::spawn(async move { client.get(&path).await });
    tokio::time::sleep(STANDS).await;
    let admin = ledger.client().clone();
    let body = json!({ "label": "another", "scopes": ["world"] });
    let records = tokio::spawn(async move { admin.post("/v1/api-keys", "", &body).await });
    tokio::time::sleep(STANDS).await;
    // What the view's holder would do next.
    let service = Arc::clone(ledger.service());
    let (read, was_read) = mpsc::channel();
    let reads = std::thread::spawn(move || {
        service.ledger.read(|_| ());
        let _ = read.send(());
    });
    let is_free = was_read.recv_timeout(SOON).is_ok();
    drop(done);
    looks.join().unwrap();
    reads.join().unwrap();
    asks.await.unwrap().expect(200);
    records.await.unwrap().expect(201);
    ledger.stop().await;
    assert!(is_free, "view, block, question and record wait in a circle");
}

#[test]
fn a_start_that_has_not_caught_up_says_so_whatever_one_look_came_to() {
    let head = BlockRef {
        number: 7,
        hash: B256::repeat_byte(7),
    };
    let heads = Heads {
        head,
        safe: None,
        finalized: None,
    };
    let status = ChainStatus::default();
    status.behind(1_000, "rate_limited");
    assert_eq!(status.gap(1_000, 15), Some(Gap::ChainBehind));
    assert_eq!(status.seen_ms(1_000), 0, "it was never seen whole");
    status.caught_up(heads, 2_000);
    status.behind(3_000, "rate_limited");
    assert_eq!(status.gap(3_000, 15), None, "a blip");
    status.caught_up(heads, 4_000);
    // The mirror is filled again: what it has is old, or nothing.
    status.restarted();
    status.behind(9_000, "rate_limited");
    assert_eq!(status.gap(9_000, 15), Some(Gap::ChainBehind));
    assert_eq!(status.seen_ms(9_000), 4_000);
    status.caught_up(heads, 10_000);
    assert_eq!(status.gap(10_000, 15), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wearable_whose_slot_is_unknown_is_in_the_answer_about_any_slot() {
    let chain = stage::open(8);
    let mut seeded = Seeded::new(7);
    for _ in 0..12 {
        stage::change(&chain, &mut seeded, 1, || {});
    }
    let ground = SimGround::lay(chain.clone());
    let ledger = ground.start().await;
    ledger.settle(&chain).await;
    // Of the stage's designs nobody has the documents.
    let mut listed = 0;
    for wallet in (0..stage::OWNERS).map(stage::owner) {
        let all = ledger.ask(wallet);
        let question = Question {
            wallet,
            world: None,
            slot: Some(Slot::Torso),
            language: Language::En,
            limit: 200,
            after: None,
        };
        let torso = inventory::answer(&ledger.service, &question).unwrap();
        assert_eq!(torso.wearables, all.wearables);
        assert!(torso.wearables.iter().all(|entry| entry.wear == Wear::Unknown));
        listed += torso.wearables.len();
    }
    assert!(listed > 0, "somebody owns something");
    ledger.stop().await;
}
