//! A real node takes blocks back; a script that shares no code with us says who owns what afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};
use vestiary_chain::sim::Seeded;
use vestiary_chain::submitter::{State, Table};
use vestiary_server::chain_status::ChainHealth;
use vestiary_server::config::Config;
use vestiary_server::journal::BatchId;

use crate::story::{inventory, wait_claimed};
use crate::support::actors::{Actor, Brand};
use crate::support::{TestLedger, eventually, root, said};

#[derive(Debug, Deserialize)]
struct Recomputed {
    block: String,
    owners: BTreeMap<String, String>,
}

/// Where ethers is installed, beside Anvil.
fn modules() -> Option<PathBuf> {
    let beside = std::env::var_os("VESTIARY_ANVIL").map(PathBuf::from);
    let beside = beside.and_then(|anvil| Some(anvil.parent()?.parent()?.to_owned()));
    let places = [beside, Some(root().join("contracts/node_modules"))];
    let found = places
        .into_iter()
        .flatten()
        .find(|place| place.join("ethers/package.json").exists());
    said("ethers", found)
}

fn recompute(ledger: &TestLedger, brand: &Brand, modules: &PathBuf) -> Recomputed {
    let output = Command::new("node")
        .arg(root().join("crates/vestiary-server/tests/js/owners.mjs"))
        .arg(modules)
        .arg(ledger.ground.anvil.url())
        .arg(format!("{:#x}", brand.collection.address))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the service answers for every wallet is what the script found, and nothing else.
async fn compare(ledger: &TestLedger, brand: &Brand, modules: &PathBuf, wallets: &[&Actor]) -> usize {
    ledger.settle().await;
    let recomputed = recompute(ledger, brand, modules);
    let mut answered = BTreeMap::new();
    for wallet in wallets {
        let answer = inventory(ledger, wallet, "").await;
        assert_eq!(answer["complete"], "yes");
        assert_eq!(
            answer["as_of"][0]["hash"], recomputed.block,
            "both looked at one block"
        );
        for wearable in answer["wearables"].as_array().unwrap() {
            let id = wearable["id"].as_str().unwrap();
            let token = id.rsplit('/').next().unwrap();
            let key = format!("{:#x}/{token}", brand.collection.address);
            assert_eq!(answered.insert(key, wallet.text()), None, "{id} has two owners");
        }
    }
    assert_eq!(answered, recomputed.owners);
    answered.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_real_reorganisation_the_answers_are_those_of_an_independent_script() {
    let Some(modules) = modules() else { return };
    let Some(ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    let issued = brand.issue(&ledger, design, 1, 6).await;
    brand.wait_committed(&ledger, &issued).await;
    ledger.wait_anchored().await;
    // Blocks on top, so that what comes next is alone in the blocks that go away.
    ledger.ground.mine(4).await;

    let (ana, ben, cleo) = (Actor::anvil(3), Actor::anvil(4), Actor::named("Cleo"));
    let wallets = [&ana, &ben, &cleo];
    for (serial, to) in [(1, &ana), (2, &ana), (3, &ben)] {
        let body = brand
            .claim(&ledger, brand.wearable(design, serial), to.address())
            .await;
        let claim = ledger.client().post("/v1/claims", "", &body).await.expect(202);
        wait_claimed(&ledger, &claim).await;
    }
    assert_eq!(compare(&ledger, &brand, &modules, &wallets).await, 3);
    ledger.ground.mine(4).await;

    // Two gifts, then the node takes the last two blocks back and goes on without them.
    ana.give(&ledger, brand.wearable(design, 1), cleo.address())
        .await
        .unwrap();
    ben.give(&ledger, brand.wearable(design, 3), ana.address())
        .await
        .unwrap();
    assert_eq!(compare(&ledger, &brand, &modules, &wallets).await, 3);
    assert_eq!(
        inventory(&ledger, &cleo, "").await["wearables"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let before = ledger.ground.rpc.head().await.unwrap().hash;
    ledger.ground.reorganise(2).await;
    ledger.ground.mine(1).await;
    let after = ledger.ground.rpc.head().await.unwrap().hash;
    assert_ne!(before, after);
    assert_eq!(compare(&ledger, &brand, &modules, &wallets).await, 3);
    assert_eq!(
        inventory(&ledger, &cleo, "").await["wearables"],
        json!([]),
        "the gift was undone"
    );
    ledger.check_everything().await;

    // Life goes on: another gift, and a claim whose block is taken back is sent again, byte for byte.
    ben.give(&ledger, brand.wearable(design, 3), cleo.address())
        .await
        .unwrap();
    ledger.settle().await;
    let body = brand
        .claim(&ledger, brand.wearable(design, 4), cleo.address())
        .await;
    let claim = ledger.client().post("/v1/claims", "", &body).await.expect(202);
    let included = wait_claimed(&ledger, &claim).await;
    assert_eq!(compare(&ledger, &brand, &modules, &wallets).await, 4);
    ledger.ground.reorganise(1).await;
    ledger.ground.mine(1).await;
    eventually("the claim is on the chain again", async || {
        let owners = recompute(&ledger, &brand, &modules).owners;
        (owners.len() == 4).then_some(())
    })
    .await;
    assert_eq!(compare(&ledger, &brand, &modules, &wallets).await, 4);
    let again = wait_claimed(&ledger, &claim).await;
    assert_eq!(
        again["transaction"], included["transaction"],
        "the same transaction, not a second one"
    );
    let counts = ledger.check_everything().await;
    let holders: BTreeSet<String> = recompute(&ledger, &brand, &modules)
        .owners
        .into_values()
        .collect();
    assert_eq!((counts.owned, holders.len()), (4, 2), "{counts:?} {holders:?}");
}

/// How far a claim has come, as the API says.
async fn claim_state(ledger: &TestLedger, claim: &Value) -> String {
    let path = format!("/v1/claims/{}", claim["id"].as_str().unwrap());
    let view = ledger.client().get(&path).await.expect(200);
    assert_ne!(view["state"], "failed", "{view}");
    view["state"].as_str().unwrap().to_owned()
}

/// Lets blocks pass until every claim is final.
async fn all_final(ledger: &TestLedger, claims: &[Value]) {
    let mut waiting: Vec<&Value> = claims.iter().collect();
    let began = Instant::now();
    while !waiting.is_empty() {
        let health = ledger.service().chain.health();
        assert!(!matches!(health, ChainHealth::Halted { .. }), "{health:?}");
        if began.elapsed() > Duration::from_mins(2) {
            let open = ledger.service().ledger.read(|state| {
                let orders = state.outboxes.values().flat_map(Table::entries);
                let open = orders.filter(|entry| !matches!(entry.state, State::Finalized { .. }));
                let open = open.map(|entry| format!("{} {:?} {:?}", entry.order, entry.nonce, entry.state));
                let batches = state.batches_waiting.iter().map(|id| state.commit_order(id));
                let batches = batches.collect::<Vec<_>>();
                let commits = state.batches.values().map(|batch| {
                    let entry = state.commit_entry(&batch.prepared.id);
                    let shown = ledger
                        .service()
                        .is_committed(batch.prepared.collection, batch.prepared.root);
                    (
                        entry.map(|entry| (entry.nonce, entry.state.clone())),
                        shown.unwrap(),
                    )
                });
                (open.collect::<Vec<_>>(), batches, commits.collect::<Vec<_>>())
            });
            let lanes = ledger.service().lanes.views();
            let head = (
                ledger.service().mirror.head(),
                ledger.ground.rpc.head().await.unwrap().block_ref(),
            );
            panic!(
                "not final: {} claims; {open:#?} {lanes:?} {head:?}",
                waiting.len()
            );
        }
        ledger.ground.mine(1).await;
        let mut rest = Vec::new();
        for claim in waiting {
            if claim_state(ledger, claim).await != "finalized" {
                rest.push(claim);
            }
        }
        waiting = rest;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_taken_back_comes_back_and_a_claim_refused_meanwhile_goes_out_again_by_itself() {
    let rewrites = |config: &mut Config| config.chain.halt_on_finalized_rewrite = false;
    let Some(ledger) = TestLedger::start_with(rewrites).await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    ledger.ground.mine(8).await;
    ledger.settle().await;
    let before = ledger.ground.rpc.head().await.unwrap().number;
    let issued = brand.issue(&ledger, design, 1, 2).await;
    brand.wait_committed(&ledger, &issued).await;
    ledger.wait_anchored().await;
    ledger.ground.mine(4).await;
    ledger.settle().await;
    let path = format!("/v1/batches/{}", issued["id"].as_str().unwrap());
    eventually("the commit is final", async || {
        let view = brand.client(&ledger).get(&path).await.expect(200);
        (view["state"] == "finalized").then_some(())
    })
    .await;

    let id = BatchId(issued["id"].as_str().unwrap().to_owned());
    let commit_nonce = || {
        ledger
            .service()
            .ledger
            .read(|state| state.commit_entry(&id).unwrap().nonce)
    };
    let nonce = commit_nonce();

    // Nobody pays: the claim is ordered and waits, while its batch still stands.
    let payer = ledger.service().signing.submitter().address();
    ledger
        .ground
        .node("anvil_setBalance", json!([payer, "0x0"]))
        .await;
    let ana = Actor::anvil(3);
    let body = brand
        .claim(&ledger, brand.wearable(design, 1), ana.address())
        .await;
    let claim = ledger.client().post("/v1/claims", "", &body).await.expect(202);
    let waits = async |ordered: bool| {
        eventually("the claim is ordered, or waits", async || {
            let waiting = ledger
                .service()
                .ledger
                .read(|state| !state.claims_waiting.is_empty());
            (waiting != ordered).then_some(())
        })
        .await;
    };
    waits(true).await;

    // The chain goes back to before the commit. The node refuses the claim: nothing knows its batch.
    let head = ledger.ground.rpc.head().await.unwrap().number;
    ledger.ground.reorganise(head - before).await;
    ledger.ground.fund(payer).await;
    waits(false).await;
    assert_eq!(
        claim_state(&ledger, &claim).await,
        "queued",
        "it waits for its batch"
    );

    // The batch comes back by its same bytes, and then the claim does, unasked.
    all_final(&ledger, std::slice::from_ref(&claim)).await;
    ledger.settle().await;
    let again = brand.client(&ledger).get(&path).await.expect(200);
    assert_eq!(commit_nonce(), nonce, "the same nonce, not a second commit");
    assert_eq!(again["receipt"], issued["receipt"]);
    let owned = inventory(&ledger, &ana, "").await;
    assert_eq!(owned["wearables"].as_array().unwrap().len(), 1);
    let counts = ledger.check_everything().await;
    assert_eq!((counts.owned, counts.receipts), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anchor_taken_back_is_anchored_again_by_the_same_order() {
    let rewrites = |config: &mut Config| config.chain.halt_on_finalized_rewrite = false;
    let Some(ledger) = TestLedger::start_with(rewrites).await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    ledger.wait_anchored().await;
    ledger.ground.mine(8).await;
    ledger.settle().await;
    let before = ledger.ground.rpc.head().await.unwrap().number;
    brand.design(&ledger, "0").await;
    ledger.wait_anchored().await;
    let service = ledger.service();
    let (account, origin) = (service.signing.anchoring_account(), service.origin_hash());
    let latest = || {
        service
            .mirror
            .view()
            .latest_anchor(account, origin)
            .unwrap()
            .unwrap()
    };
    let (size, anchor) = latest();
    assert!(
        anchor.at.block.number > before,
        "the anchor is in the blocks that go"
    );
    let order = || {
        service.ledger.read(|state| {
            let entry = state.outboxes[&service.account(account)].entries();
            let entry = entry.filter(|entry| entry.order.as_str() == format!("anchor/{size}"));
            let entries: Vec<_> = entry.cloned().collect();
            assert_eq!(entries.len(), 1);
            entries[0].clone()
        })
    };
    let nonce = order().nonce;

    let head = ledger.ground.rpc.head().await.unwrap().number;
    ledger.ground.reorganise(head - before).await;
    eventually("the mirror takes the anchor back", async || {
        (latest().0 < size || latest().1.at.block != anchor.at.block).then_some(())
    })
    .await;
    eventually("it is anchored again", async || {
        ledger.ground.mine(1).await;
        (latest().0 == size).then_some(())
    })
    .await;
    let (again, entry) = (latest().1, order());
    assert_eq!((entry.nonce, again.root), (nonce, anchor.root));
    // The same bytes, or the same nonce with higher fees: one of them can ever be mined.
    let ours = entry.attempts.iter().map(|attempt| attempt.hash);
    assert!(ours.into_iter().any(|hash| hash == again.at.transaction_hash));
    ledger.check_everything().await;
}

/// Reorganisations of the storm; `VESTIARY_ANVIL_REORGS` asks for another number, `VESTIARY_SEED` for other depths.
const STORM: u64 = 50;
/// Deepest of them. What was done before the storm is deeper.
const STORM_DEPTH: u64 = 30;
/// Serials of the storm's first batch, and of each later one.
const STORM_BATCH: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_real_reorganisations_under_load_loses_and_doubles_nothing() {
    let Some(modules) = modules() else { return };
    let rewrites = |config: &mut Config| config.chain.halt_on_finalized_rewrite = false;
    let Some(ledger) = TestLedger::start_with(rewrites).await else {
        return;
    };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (rounds, seed) = (
        number("VESTIARY_ANVIL_REORGS").unwrap_or(STORM),
        number("VESTIARY_SEED").unwrap_or(50),
    );
    let mut seeded = Seeded::new(seed);
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    ledger.ground.mine(STORM_DEPTH + 5).await;
    ledger.settle().await;

    let (ana, ben) = (Actor::anvil(3), Actor::anvil(4));
    let wallets = [&ana, &ben];
    let (mut claims, mut batches, mut gifts, mut deepest) = (Vec::new(), Vec::new(), 0, 0);
    let (mut issued, mut claimed) = (0, 0);
    for round in 0..rounds {
        // A commit now and then, so that some of them are taken back; anchors follow by themselves.
        if issued < claimed + 2 {
            let batch = brand.issue(&ledger, design, issued + 1, STORM_BATCH).await;
            batches.push(batch["id"].as_str().unwrap().to_owned());
            issued += STORM_BATCH;
        }
        claimed += 1;
        let wearable = brand.wearable(design, claimed);
        let to = wallets[usize::try_from(round % 2).unwrap()];
        let body = brand.claim(&ledger, wearable, to.address()).await;
        claims.push(ledger.client().post("/v1/claims", "", &body).await.expect(202));
        // A gift by its owner's own hand: one that a reorganisation takes back is lost, as on any chain.
        let gift = brand.wearable(design, 1 + seeded.below(claimed));
        let (from, to) = if seeded.chance(500) {
            (&ana, &ben)
        } else {
            (&ben, &ana)
        };
        gifts += u64::from(from.give(&ledger, gift, to.address()).await.is_ok());

        let height = ledger.ground.rpc.head().await.unwrap().number;
        let depth = (1 + seeded.below(STORM_DEPTH)).min(height - 1);
        deepest = deepest.max(depth);
        ledger.ground.reorganise(depth).await;
        for _ in 0..=seeded.below(4) {
            let health = ledger.service().chain.health();
            assert!(
                !matches!(health, ChainHealth::Halted { .. }),
                "round {round}: {health:?}"
            );
            ledger.ground.mine(1).await;
            tokio::time::sleep(Duration::from_millis(20 + seeded.below(120))).await;
        }
    }
    all_final(&ledger, &claims).await;
    let client = brand.client(&ledger);
    eventually("every batch is final, and the log is anchored", async || {
        ledger.ground.mine(1).await;
        for id in &batches {
            let view = client.get(&format!("/v1/batches/{id}")).await.expect(200);
            if view["state"] != "finalized" {
                return None;
            }
        }
        let service = ledger.service();
        let anchor = service.mirror.view();
        let anchor = anchor.latest_anchor(service.signing.anchoring_account(), service.origin_hash());
        (anchor.unwrap()?.0 == service.log_size()).then_some(())
    })
    .await;
    let owned = compare(&ledger, &brand, &modules, &wallets).await;
    assert_eq!(owned, claims.len(), "each claim once");
    let counts = ledger.check_everything().await;
    assert_eq!(counts.owned, claims.len() as u64);
    let again = ledger.service().ledger.read(|state| {
        let orders = state.outboxes.values().flat_map(Table::entries);
        orders
            .filter(|entry| entry.order.as_str().matches('/').count() == 2)
            .count()
    });
    println!(
        "Ran {rounds} reorganisations to depth {deepest}: {} claims, {} batches, {gifts} gifts, {} transactions, {again} orders given again",
        claims.len(),
        batches.len(),
        counts.transactions
    );
}
