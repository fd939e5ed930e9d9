//! Many claims at once: each accepted, each on the chain once, in time.
//!
//! `VESTIARY_CLAIMS` says how many (300); `scripts/soak load` says 10,000.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use vestiary::batch_file::BatchFile;
use vestiary::ids::{DesignId, Serial, TokenId};
use vestiary_chain::anvil::AnvilOptions;
use vestiary_chain::submitter::State as OrderState;
use vestiary_server::journal::ClaimId;
use vestiary_server::service::Service;

use crate::support::actors::{Actor, Brand};
use crate::support::{Ground, LANES, TestLedger, anvil_options};

/// Claims that are asked for at once.
const AT_ONCE: usize = 32;
/// Longest batch; 5,000 are allowed.
const BATCH: u64 = 2_500;
/// 10,000 claims within seven minutes.
const WANTED_PER_S: f64 = 10_000.0 / 420.0;
/// A claim must be final so long after it was accepted.
const TERMINAL_WITHIN: Duration = Duration::from_mins(15);

/// Where accepted claims are told, with the time.
type Accepted = mpsc::UnboundedSender<(ClaimId, Instant)>;

/// One claim to be made.
#[derive(Debug)]
struct Planned {
    token_id: TokenId,
    to: Address,
    body: Vec<u8>,
}

/// When what happened to one claim.
#[derive(Debug, Default, Clone, Copy)]
struct Times {
    accepted: Option<Instant>,
    included: Option<Instant>,
    finalized: Option<Instant>,
}

#[tokio::test(flavor = "multi_thread")]
async fn many_claims_at_once_are_each_done_once_and_in_time() {
    let count: u64 = std::env::var("VESTIARY_CLAIMS").map_or(300, |text| text.parse().unwrap());
    let Some(ground) = a_block_a_second().await else {
        return;
    };
    let mut ledger = TestLedger::start_on(ground, |config| config.chain.submitter_lanes = LANES).await;
    let began = Instant::now();
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    let planned = plan(&ledger, &brand, design, count).await;
    let receivers: BTreeMap<TokenId, Address> = planned.iter().map(|one| (one.token_id, one.to)).collect();
    println!("prepared {count} wearables in {:.0?}", began.elapsed());

    let began = Instant::now();
    let (sender, accepted) = mpsc::unbounded_channel();
    let asking = async {
        let latencies = claim_all(&ledger, planned, sender).await;
        (latencies, began.elapsed())
    };
    let ((latencies, took), times) = tokio::join!(asking, watch(ledger.service(), accepted));
    let rate = per_second(latencies.len(), took);
    println!(
        "accepted {} claims in {took:.1?}: {rate:.0} a second, request p50 {:.1?} p99 {:.1?}",
        latencies.len(),
        percentile(&latencies, 50),
        percentile(&latencies, 99),
    );

    let after = |when: fn(&Times) -> Option<Instant>| {
        let mut all: Vec<Duration> = times
            .values()
            .filter_map(|times| Some(when(times)?.duration_since(times.accepted?)))
            .collect();
        all.sort();
        all
    };
    for (what, all) in [
        ("included", after(|times| times.included)),
        ("final", after(|times| times.finalized)),
    ] {
        assert_eq!(all.len() as u64, count, "{what}");
        println!(
            "from accepted to {what}: p50 {:.1?} p99 {:.1?} max {:.1?}",
            percentile(&all, 50),
            percentile(&all, 99),
            percentile(&all, 100),
        );
    }
    let total = began.elapsed();
    println!(
        "all final {total:.1?} after the first request: {:.0} a second; memory {}",
        per_second(times.len(), total),
        memory(),
    );
    assert!(percentile(&after(|times| times.finalized), 100) < TERMINAL_WITHIN);
    // A figure of the long run: a brief one shares the machine with other tests.
    if count >= 10_000 {
        assert!(rate >= WANTED_PER_S, "{rate:.1} accepted a second");
    }

    // None doubled, none lost: every wearable has the owner who asked, each was minted once, no nonce is odd.
    ledger.settle().await;
    let view = ledger.service().mirror.view();
    for (token_id, to) in &receivers {
        let token = view.token(&brand.collection.wearable(*token_id)).unwrap();
        assert_eq!(token.map(|token| token.owner), Some(*to), "{token_id}");
    }
    drop(view);
    let counts = ledger.check_everything().await;
    assert_eq!(counts.owned, count);
    let sent: Vec<usize> = ledger.service().ledger.read(|state| {
        let lanes = ledger.service().lanes.submitters().iter();
        lanes
            .map(|lane| state.outboxes[&lane.account].entries().count())
            .collect()
    });
    println!("transactions by lane: {sent:?}");
    assert!(
        sent.len() == LANES && sent.iter().all(|count| *count > 0),
        "{sent:?}"
    );
    println!("ran: {count} claims at once");
    ledger.stop().await;
}

/// Anvil as a chain is: a block a second, whoever asks.
async fn a_block_a_second() -> Option<Ground> {
    let options = AnvilOptions {
        block_time_s: Some(1),
        ..anvil_options()?
    };
    Some(Ground::lay_on(options).await)
}

/// Issues the wearables and signs their claims, each for somebody else.
async fn plan(ledger: &TestLedger, brand: &Brand, design: DesignId, count: u64) -> Vec<Planned> {
    let mut planned = Vec::new();
    for first in (1..=count).step_by(usize::try_from(BATCH).unwrap()) {
        let batch = brand
            .issue(ledger, design, first, BATCH.min(count + 1 - first))
            .await;
        brand.wait_committed(ledger, &batch).await;
        let path = batch["batch_file_url"].as_str().unwrap();
        let file = BatchFile::parse(&ledger.client().get(path).await.body).unwrap();
        for leaf in file.tree().leaves() {
            let wearable = brand.collection.wearable(leaf.token_id);
            let serial = leaf.token_id.serial().map(Serial::get).unwrap();
            let to = Actor::named(&format!("player {serial}")).address();
            let body = brand.claim_body(wearable, to, leaf.certificate_digest);
            planned.push(Planned {
                token_id: leaf.token_id,
                to,
                body: serde_json::to_vec(&body).unwrap(),
            });
        }
    }
    planned
}

/// Asks for all of them, [`AT_ONCE`] at a time; any answer but 202 ends the test.
async fn claim_all(ledger: &TestLedger, planned: Vec<Planned>, accepted: Accepted) -> Vec<Duration> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = tokio::task::JoinSet::new();
    for one in planned {
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        let client = ledger.client().with_key("");
        let accepted = accepted.clone();
        tasks.spawn(async move {
            let began = Instant::now();
            let reply = client.post_bytes("/v1/claims", "", one.body).await;
            let took = began.elapsed();
            drop(place);
            let view: Value = reply.expect(202);
            let id = ClaimId(view["id"].as_str().unwrap().to_owned());
            accepted.send((id, Instant::now())).unwrap();
            took
        });
    }
    let mut latencies = tasks.join_all().await;
    latencies.sort();
    latencies
}

/// Looks at the claims until nobody accepts any more and the last one is final.
async fn watch(
    service: &Service,
    mut accepted: mpsc::UnboundedReceiver<(ClaimId, Instant)>,
) -> BTreeMap<ClaimId, Times> {
    let mut times: BTreeMap<ClaimId, Times> = BTreeMap::new();
    let mut open = BTreeSet::new();
    let until = Instant::now() + TERMINAL_WITHIN;
    while !open.is_empty() || !accepted.is_closed() || !accepted.is_empty() {
        assert!(Instant::now() < until, "{} claims are not final", open.len());
        tokio::time::sleep(Duration::from_millis(200)).await;
        while let Ok((claim, at)) = accepted.try_recv() {
            open.insert(claim.clone());
            times.entry(claim).or_default().accepted = Some(at);
        }
        let seen: Vec<(ClaimId, OrderState)> = service.ledger.read(|state| {
            let known = open.iter().filter_map(|claim| {
                let found = state.claim_entry(claim)?;
                Some((claim.clone(), found.state.clone()))
            });
            known.collect()
        });
        let now = Instant::now();
        for (claim, state) in seen {
            let times = times.get_mut(&claim).unwrap();
            match state {
                OrderState::Included { success, .. } => {
                    assert!(success, "{claim}");
                    times.included.get_or_insert(now);
                }
                OrderState::Finalized { .. } => {
                    times.included.get_or_insert(now);
                    times.finalized = Some(now);
                    open.remove(&claim);
                }
                OrderState::Failed { .. } | OrderState::WithoutEffect { .. } | OrderState::Refused { .. } => {
                    panic!("{claim}: {state:?}")
                }
                OrderState::Queued | OrderState::Signed | OrderState::Sent => {}
            }
        }
    }
    times
}

/// Of a sorted list.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let place = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(place).copied().unwrap_or_default()
}

fn per_second(count: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64()
}

/// What this process holds, the test's own part included.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.map_or_else(
        || "unknown".to_owned(),
        |line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "),
    )
}
