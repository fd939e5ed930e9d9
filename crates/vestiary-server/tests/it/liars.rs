//! The service on a node that lies: whatever it answers meanwhile is what the chain said at the block that it names.
//!
//! The story's own state is the oracle. `VESTIARY_SEED=<n>` replays one life, `VESTIARY_LIES=<n>` asks for more
//! schedules.

use std::collections::BTreeSet;

use tokio::task::JoinSet;
use vestiary::inventory::{Complete, Finality, Inventory};
use vestiary_chain::sim::{Lie, LiePlan, Seeded, SimChain};
use vestiary_mirror::Mirror;

use crate::support::simulated::{SimGround, SimLedger};
use crate::support::stage;

/// Schedules when nobody asks for another number.
const SCHEDULES: u64 = 300;
/// Schedules in the life of one service, one after the other.
const SCHEDULES_OF_A_LIFE: u64 = 20;
/// Lives at once: a life waits more than it works.
const LIVES_AT_ONCE: usize = 3;
/// Deepest reorganisation. Shallower than in the mirror's own stories: here it is the answers that count.
const DEEPEST: u64 = 24;
/// Blocks until one is final; no story replaces a final one.
const FINALIZED_DEPTH: u64 = 60;

/// What a life has seen.
#[derive(Debug, Default)]
struct Seen {
    answers: u64,
    unknown: u64,
    finalized: u64,
    lies: usize,
}

/// All lies that end by themselves; waiting for the others is for the follower's own tests, whose time is not real.
fn lies() -> Vec<Lie> {
    let waits = [Lie::Silence, Lie::RateLimitFor];
    Lie::ALL.into_iter().filter(|lie| !waits.contains(lie)).collect()
}

/// The answer is true of the block that it names, and that block was the chain's.
fn judge(chain: &SimChain, answer: &Inventory, number: u64, seen: &mut Seen) {
    seen.answers += 1;
    let wallet = stage::owner(number);
    let unknown = answer.complete == Complete::PartialUnknown;
    seen.unknown += u64::from(unknown);
    let ids: BTreeSet<_> = answer.wearables.iter().map(|entry| entry.id).collect();
    assert_eq!(ids.len(), answer.wearables.len(), "{wallet} has something twice");
    let Some(as_of) = answer.as_of.first() else {
        assert!(unknown && ids.is_empty(), "an answer without a block: {answer:?}");
        return;
    };
    let storage = chain
        .storage_at(as_of.hash)
        .unwrap_or_else(|| panic!("block {} {} never was", as_of.block, as_of.hash));
    let owners = stage::owners_in(&storage);
    assert_eq!(
        ids,
        stage::owned_by(&owners, wallet),
        "{wallet} at {}",
        as_of.block
    );
    if as_of.finality == Finality::Finalized {
        seen.finalized += 1;
        let ours = chain.block_at(as_of.block).map(|block| block.hash);
        let is_final = as_of.block + FINALIZED_DEPTH <= chain.head().number;
        assert!(
            ours == Some(as_of.hash) && is_final,
            "{} is called final and is not",
            as_of.block
        );
    }
    for entry in &answer.wearables {
        // Designs are at hand nowhere on this stage: else nothing but the chain keeps an answer from being known.
        assert_eq!(entry.why == "chain_behind", unknown, "{}", entry.why);
    }
}

async fn schedule(ledger: &SimLedger, chain: &SimChain, seed: u64, seen: &mut Seen) {
    let mut seeded = Seeded::new(seed);
    chain.lie(LiePlan {
        seeded: Seeded::new(seed ^ 0x11e5),
        per_mille: 20 + seeded.below(180),
        lies: lies(),
    });
    for _ in 0..3 {
        stage::change(chain, &mut seeded, DEEPEST, || {});
        for _ in 0..seeded.below(6) {
            tokio::time::sleep(std::time::Duration::from_millis(seeded.below(3))).await;
            let wallet = seeded.below(stage::OWNERS);
            judge(chain, &ledger.ask(stage::owner(wallet)), wallet, seen);
        }
    }
    seen.lies += chain.lies_told().values().sum::<usize>();
    chain.be_honest();
    chain.mine();
    ledger.settle(chain).await;
    for wallet in 0..stage::OWNERS {
        let answer = ledger.ask(stage::owner(wallet));
        judge(chain, &answer, wallet, seen);
        assert_eq!(answer.complete, Complete::Yes);
        assert_eq!(answer.as_of[0].hash, chain.head().hash);
    }
}

async fn life(number: u64, schedules: u64) -> Seen {
    println!("life {number}: VESTIARY_SEED={number} replays it");
    let chain = stage::open(FINALIZED_DEPTH);
    chain.mine_blocks(20);
    let ground = SimGround::lay(chain.clone());
    let ledger = ground.start().await;
    // The stage's log, behind the service's own first entry.
    let log = &stage::whole_log()[1..];
    ledger.service.mirror.apply_entries(1, log).unwrap();
    let mut seen = Seen::default();
    for schedule_ in 0..schedules {
        schedule(&ledger, &chain, number << 16 | schedule_, &mut seen).await;
    }

    // A mirror that was told no lies, by nobody's node, has the same rows.
    let config = stage::config(&chain);
    let dir = stage::scratch();
    let blocks = chain.blocks();
    let blocks = &blocks[usize::try_from(config.first_block).unwrap()..];
    let fresh = Mirror::open(dir.path(), config).unwrap();
    fresh.apply_blocks(blocks).unwrap();
    fresh
        .apply_entries(0, &[ledger.service.log_entry(0).unwrap()])
        .unwrap();
    fresh.apply_entries(1, log).unwrap();
    assert_eq!(
        fresh.row_digest().unwrap(),
        ledger.service.mirror.row_digest().unwrap()
    );
    ledger.stop().await;
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_node_says_no_answer_is_untrue_of_the_block_that_it_names() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let schedules = number("VESTIARY_LIES").unwrap_or(SCHEDULES);
    let mut lives = match number("VESTIARY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..schedules.div_ceil(SCHEDULES_OF_A_LIFE),
    };
    let ran = lives.clone();
    let mut seen = Seen::default();
    let mut running = JoinSet::new();
    loop {
        while running.len() < LIVES_AT_ONCE
            && let Some(number) = lives.next()
        {
            running.spawn(life(number, SCHEDULES_OF_A_LIFE));
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        let ended = ended.unwrap();
        seen.answers += ended.answers;
        seen.unknown += ended.unknown;
        seen.finalized += ended.finalized;
        seen.lies += ended.lies;
    }
    println!("Ran lives {ran:?}, {SCHEDULES_OF_A_LIFE} schedules each: {seen:?}");
    let told = (ran.end - ran.start) * SCHEDULES_OF_A_LIFE;
    assert!(
        seen.lies as u64 > 2 * told && seen.unknown > told / 4 && seen.answers > 6 * told,
        "the node lies too little, or nobody asks: {seen:?}"
    );
}
