//! Each alarm of OPERATIONS.md, raised for real and over again; and the page, held against the code both ways.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::U256;
use serde_json::{Value, json};
use vestiary_log::sim::{Fault, ForgetfulDisk};
use vestiary_server::alarms::{
    ANCHOR_LATE_S, Alarm, CLAIM_LATE_S, CLOCK_BEHIND_S, INTENT_OPEN_S, KEPT, LOOKED_AT, STALE_HEAD_S,
    STUCK_BLOCKS,
};
use vestiary_server::config::Config;

use crate::operation::Proxy;
use crate::support::actors::{Actor, Brand};
use crate::support::{Ground, TestLedger, eventually, root};

/// The page, below the crate.
const PAGE: &str = "crates/vestiary-server/OPERATIONS.md";

/// The alarms that `/readyz` shows, and `/metrics` too.
async fn raised(ledger: &TestLedger) -> BTreeSet<String> {
    let ready = ledger.client().get("/readyz").await.json();
    let alarms = ready["alarms"].as_array().unwrap();
    let raised: BTreeSet<String> = alarms
        .iter()
        .map(|raised| {
            assert_ne!(raised["detail"], "", "{raised} says nothing");
            raised["alarm"].as_str().unwrap().to_owned()
        })
        .collect();
    let metrics = ledger.client().get("/metrics").await.text();
    for alarm in Alarm::ALL {
        let name = alarm.code();
        assert!(
            metrics.contains(&format!("vestiary_alarm{{alarm=\"{name}\"}} ")),
            "{metrics}"
        );
    }
    raised
}

/// Waits for an alarm.
async fn rings(ledger: &TestLedger, alarm: Alarm) {
    eventually(alarm.code(), async || {
        raised(ledger).await.contains(alarm.code()).then_some(())
    })
    .await;
    let metrics = ledger.client().get("/metrics").await.text();
    let line = format!("vestiary_alarm{{alarm=\"{}\"}} 1", alarm.code());
    assert!(metrics.contains(&line), "{line} is missing: {metrics}");
    println!("seen: {}", alarm.code());
}

/// Waits until an alarm is over.
async fn over(ledger: &TestLedger, alarm: Alarm) {
    eventually(&format!("{} is over", alarm.code()), async || {
        (!raised(ledger).await.contains(alarm.code())).then_some(())
    })
    .await;
}

/// One number of `/metrics`.
async fn number(ledger: &TestLedger, name: &str) -> f64 {
    let metrics = ledger.client().get("/metrics").await.text();
    let line = metrics
        .lines()
        .find(|line| line.split(' ').next() == Some(name))
        .unwrap_or_else(|| panic!("{name} is missing: {metrics}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn set_balance(ledger: &TestLedger, wei: U256) {
    let account = ledger.service().signing.submitter().address();
    let params = json!([account, wei]);
    ledger.ground.node("anvil_setBalance", params).await;
}

/// Prepares and signs what comes next, whatever becomes of it.
async fn begin_issuing(
    ledger: &TestLedger,
    brand: &Brand,
    design: vestiary::ids::DesignId,
    first: u64,
) -> Value {
    let client = brand.client(ledger);
    let prepared = client
        .post(
            "/v1/batches",
            &format!("batch/{first}"),
            &brand.batch(design, first, 1),
        )
        .await
        .expect(202);
    let path = format!("/v1/batches/{}/commit", prepared["id"].as_str().unwrap());
    client.post(&path, "", &brand.sign(&prepared)).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_rings_while_the_node_is_out_of_sight_and_is_over_when_it_is_back() {
    let mut proxy = None;
    let put_between = |config: &mut Config| {
        proxy = Some(Proxy::before(&mut config.chain.rpc_url));
        config.freshness.behind_after_s = 1;
    };
    let Some(ledger) = TestLedger::start_with(put_between).await else {
        return;
    };
    let proxy = proxy.expect("it was put between");
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    let issued = brand.issue(&ledger, design, 1, 1).await;
    brand.wait_committed(&ledger, &issued).await;
    ledger.wait_anchored().await;
    assert_eq!(raised(&ledger).await, BTreeSet::new(), "nothing is wrong yet");

    proxy.cut(true);
    rings(&ledger, Alarm::ChainBehind).await;
    rings(&ledger, Alarm::LaneFailing).await;
    begin_issuing(&ledger, &brand, design, 2).await;
    let ana = Actor::named("Ana");
    let body = brand
        .claim(&ledger, brand.wearable(design, 1), ana.address())
        .await;
    ledger.client().post("/v1/claims", "", &body).await.expect(202);
    raised(&ledger).await;
    ledger.clock.advance_s(CLAIM_LATE_S + 1);
    for alarm in [Alarm::ClaimLate, Alarm::AnchorLate, Alarm::ChainStale] {
        rings(&ledger, alarm).await;
    }
    const { assert!(CLAIM_LATE_S > ANCHOR_LATE_S && CLAIM_LATE_S > STALE_HEAD_S) };
    assert!(
        !raised(&ledger).await.contains(Alarm::CommitLate.code()),
        "there is time left"
    );
    ledger.clock.advance_s(3_600 - CLAIM_LATE_S);
    rings(&ledger, Alarm::CommitLate).await;
    assert!(number(&ledger, "vestiary_commits_overdue").await >= 1.0);
    assert!(number(&ledger, "vestiary_commit_overdue_seconds").await >= 1.0);
    assert!(number(&ledger, "vestiary_claim_waiting_seconds").await >= 900.0);
    assert!(number(&ledger, "vestiary_chain_unseen_seconds").await >= 1.0);

    proxy.cut(false);
    // The node's clock goes on where the service's is.
    ledger.ground.node("evm_increaseTime", json!([3_601])).await;
    ledger.ground.mine(1).await;
    ledger.wait_ready().await;
    for alarm in [
        Alarm::ChainBehind,
        Alarm::LaneFailing,
        Alarm::CommitLate,
        Alarm::ClaimLate,
        Alarm::ChainStale,
        Alarm::AnchorLate,
    ] {
        over(&ledger, alarm).await;
    }
    assert_eq!(raised(&ledger).await, BTreeSet::new(), "all is well again");

    // A clock that stands back.
    let ahead_s = 2 * CLOCK_BEHIND_S;
    ledger.ground.node("evm_increaseTime", json!([ahead_s])).await;
    ledger.ground.mine(1).await;
    rings(&ledger, Alarm::ClockBehind).await;
    ledger.clock.advance_s(ahead_s);
    over(&ledger, Alarm::ClockBehind).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_cannot_go_on_rings_and_is_over_when_it_can() {
    let Some(ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;

    set_balance(&ledger, U256::ZERO).await;
    let first = begin_issuing(&ledger, &brand, design, 1).await;
    rings(&ledger, Alarm::LanePaused).await;
    set_balance(&ledger, U256::from(10).pow(U256::from(21))).await;
    over(&ledger, Alarm::LanePaused).await;
    brand.wait_committed(&ledger, &first).await;

    // Dearer than the cap: a transaction that is out waits, and nothing new goes out.
    let dear = U256::from(2_000_000_000_000_u64);
    ledger.ground.node("evm_setAutomine", json!([false])).await;
    let second = begin_issuing(&ledger, &brand, design, 2).await;
    // This one and no other: the anchor that follows the first may look in flight while its block is being read.
    let order = format!("commit/{}", second["id"].as_str().unwrap());
    eventually("it is out", async || {
        let service = ledger.service();
        let out = service.ledger.read(|state| {
            state
                .outboxes
                .values()
                .flat_map(vestiary_chain::submitter::Table::open)
                .any(|entry| entry.order.as_str() == order && entry.is_in_flight())
        });
        out.then_some(())
    })
    .await;
    for _ in 0..=STUCK_BLOCKS {
        ledger
            .ground
            .node("anvil_setNextBlockBaseFeePerGas", json!([dear]))
            .await;
        ledger.ground.mine(1).await;
    }
    rings(&ledger, Alarm::OrderStuck).await;
    let wearable = brand.wearable(design, 1);
    let body = brand
        .claim(&ledger, wearable, Actor::named("Ana").address())
        .await;
    ledger.client().post("/v1/claims", "", &body).await.expect(202);
    rings(&ledger, Alarm::FeesAboveCap).await;
    ledger
        .ground
        .node(
            "anvil_setNextBlockBaseFeePerGas",
            json!([U256::from(1_000_000_000)]),
        )
        .await;
    ledger.ground.mine(1).await;
    ledger.ground.node("evm_setAutomine", json!([true])).await;
    ledger.ground.mine(1).await;
    over(&ledger, Alarm::FeesAboveCap).await;
    over(&ledger, Alarm::OrderStuck).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_stopped_rings_until_the_next_start() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    // What the log's writer finds when another one came after it.
    let epoch = ledger.ground.data_dir().join("log/staging/epoch");
    let ours = std::fs::read(&epoch).unwrap();
    std::fs::write(&epoch, b"another writer's").unwrap();
    begin_issuing(&ledger, &brand, design, 1).await;
    rings(&ledger, Alarm::LogStopped).await;
    assert_eq!(ledger.client().get("/readyz").await.status, 503);
    ledger.clock.advance_s(INTENT_OPEN_S + 1);
    rings(&ledger, Alarm::IntentOpen).await;
    assert!(number(&ledger, "vestiary_intents_open").await >= 1.0);
    std::fs::write(&epoch, ours).unwrap();
    ledger.stop().await;
    ledger.run().await;
    assert_eq!(raised(&ledger).await, BTreeSet::new(), "the start finished it");

    let epoch = ledger.ground.data_dir().join("journal/epoch");
    let ours = std::fs::read(&epoch).unwrap();
    std::fs::write(&epoch, b"another writer's").unwrap();
    let body = json!({ "label": "x", "scopes": ["admin"], "issuer_id": "" });
    let refused = ledger.client().post("/v1/api-keys", "", &body).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    rings(&ledger, Alarm::JournalStopped).await;
    assert_eq!(ledger.client().get("/livez").await.status, 200);
    std::fs::write(&epoch, ours).unwrap();
    ledger.stop().await;
    ledger.run().await;
    assert_eq!(raised(&ledger).await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_rings_until_there_is_room_and_a_failed_sync_until_the_next_start() {
    const MIB: u64 = 1 << 20;
    let Some(ground) = Ground::lay().await else {
        return;
    };
    let disk = ForgetfulDisk::new();
    disk.set_free_bytes(Some(8 * MIB));
    let change = |config: &mut Config| config.service.storage_reserve_mib = 1;
    let mut ledger = TestLedger::start_over(ground, Arc::new(disk.clone()), change).await;
    disk.set_free_bytes(Some(MIB - 1));
    rings(&ledger, Alarm::StorageFull).await;
    disk.set_free_bytes(Some(8 * MIB));
    over(&ledger, Alarm::StorageFull).await;

    disk.fail_change(0, Fault::FsyncError);
    let body = json!({ "label": "x", "scopes": ["admin"], "issuer_id": "" });
    let refused = ledger.client().post("/v1/api-keys", "", &body).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    rings(&ledger, Alarm::StorageStopped).await;
    assert_eq!(ledger.client().get("/livez").await.status, 200);
    ledger.stop().await;
    ledger.run().await;
    assert_eq!(raised(&ledger).await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_was_rewritten_too_deep_rings_until_a_rebuild() {
    let Some(ledger) = TestLedger::start().await else {
        return;
    };
    ledger.ground.mine(8).await;
    ledger.settle().await;
    assert_eq!(raised(&ledger).await, BTreeSet::new());
    ledger.ground.reorganise(6).await;
    ledger.ground.mine(1).await;
    rings(&ledger, Alarm::ChainHalted).await;
    assert_eq!(ledger.client().get("/readyz").await.status, 503);
}

/// The rows of the page's tables, cells without their bars.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .unwrap_or_else(|| panic!("the page has no {heading}"));
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    lines
        .map(|line| {
            line.trim_matches('|')
                .split(" | ")
                .map(|cell| cell.trim().to_owned())
                .collect()
        })
        .collect()
}

/// What stands between backquotes.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every file with one of these ends below a directory.
fn files(dir: &Path, end: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with("node_modules") {
                files(&path, end, found);
            }
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_page_names_every_alarm_metric_and_test_and_no_others() {
    let page = std::fs::read_to_string(root().join(PAGE)).unwrap();
    let mut sources = Vec::new();
    files(&root().join("crates"), ".rs", &mut sources);
    let texts: Vec<(PathBuf, String)> = sources
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect();

    let alarms: BTreeSet<String> = rows(&page, "Alarms")
        .iter()
        .map(|row| quoted(&row[0])[0].clone())
        .collect();
    let known: BTreeSet<String> = Alarm::ALL.iter().map(|alarm| alarm.code().to_owned()).collect();
    assert_eq!(alarms, known, "alarms of the page and of the code");

    let listed: BTreeSet<String> = rows(&page, "Numbers")
        .iter()
        .map(|row| quoted(&row[0])[0].split('{').next().unwrap().to_owned())
        .collect();
    let described: BTreeSet<String> = LOOKED_AT
        .iter()
        .chain(&KEPT)
        .map(|(name, ..)| (*name).to_owned())
        .collect();
    assert_eq!(listed, described, "metrics of the page and of the code");
    let mut set = BTreeSet::new();
    for (path, text) in &texts {
        // The tables themselves set nothing.
        if path.to_string_lossy().contains("/src/") && !path.ends_with("alarms/metrics.rs") {
            let words = text.split('"').filter(|word| {
                word.starts_with("vestiary_")
                    && word.len() > 9
                    && word.chars().all(|char| char.is_ascii_lowercase() || char == '_')
            });
            set.extend(words.map(str::to_owned));
        }
    }
    let unknown: Vec<&String> = set.difference(&described).collect();
    assert!(unknown.is_empty(), "set and not described: {unknown:?}");

    // Alarms and the rest: the last cell names the tests that saw it.
    let mut tests = 0;
    for row in rows(&page, "Alarms").iter().chain(&rows(&page, "Told otherwise")) {
        let named = quoted(row.last().unwrap());
        assert!(!named.is_empty(), "nobody saw {row:?}");
        for test in named {
            let definition = format!("fn {test}(");
            let there = texts.iter().any(|(_, text)| text.contains(&definition));
            assert!(there, "the page names {test}, which no test is called");
            tests += 1;
        }
    }
    // What is said in the log is said in the code.
    for row in rows(&page, "Told otherwise") {
        for said in quoted(&row[1]) {
            let there = said.starts_with("vestiary_") || texts.iter().any(|(_, text)| text.contains(&said));
            assert!(there, "{said:?} is said nowhere");
        }
    }
    for name in quoted(&page).iter().filter(|word| word.starts_with("vestiary_")) {
        let name = name.split(['{', ' ']).next().unwrap();
        assert!(described.contains(name), "the page names {name}");
    }

    let Some(ledger) = TestLedger::start().await else {
        return;
    };
    ledger.client().get("/livez").await;
    let looked_or_set =
        |name: &str| set.contains(name) || LOOKED_AT.iter().any(|(looked, ..)| *looked == name);
    let shown = eventually("every metric is shown", async || {
        let metrics = ledger.client().get("/metrics").await.text();
        let missing: Vec<&String> = described
            .iter()
            .filter(|name| looked_or_set(name) && !metrics.contains(&format!("# HELP {name} ")))
            .collect();
        if !missing.is_empty() {
            println!("not shown yet: {missing:?}");
        }
        missing.is_empty().then_some(metrics)
    })
    .await;
    assert!(shown.contains("# TYPE vestiary_alarm gauge"));
    println!(
        "The page: {} alarms, {} metrics, {tests} times a test",
        alarms.len(),
        listed.len()
    );
}
