//! The follower on a node that lies: it may be behind, it is never wrong, and it gets there.

use std::{collections::BTreeSet, time::Duration};

use tokio::time::timeout;
use vestiary::block::{Block, BlockRef, ChainLog};
use vestiary_chain::{
    follower::{BehindReason, Event, Follower, FollowerOptions, LogCheck, Start},
    rpc::MAX_RETRY_AFTER,
    sim::{Lie, LiePlan, SIM_RETRY_AFTER_S, Seeded, SimChain, SimOptions},
};

use crate::{
    follower::schedules,
    support::{FactoryOnly, Fold, change, connect, expected, follow, quick, settle, sim, write},
};

/// Lies that the bloom filter unmasks; a log left out among others takes the receipts.
fn lies_for(check: LogCheck) -> Vec<Lie> {
    Lie::ALL
        .into_iter()
        .filter(|lie| check == LogCheck::ReceiptsRoot || *lie != Lie::MissingLog)
        .collect()
}

/// Changes of the chain in one story.
const CHANGES: u64 = 5;

async fn lying_story(seed: u64) -> usize {
    let mut seeded = Seeded::new(seed);
    let chain = sim(150);
    write(&chain, &mut seeded, 3);
    chain.mine_blocks(seeded.below(40));
    let check = if seed.is_multiple_of(3) {
        LogCheck::ReceiptsRoot
    } else {
        LogCheck::Bloom
    };
    let mut follower = follow(
        &chain,
        FollowerOptions {
            log_check: check,
            ..quick()
        },
    )
    .await;
    let mut fold = Fold::default();
    let place = |(block, log): (BlockRef, ChainLog)| (block, log.log_index, log.transaction_hash);
    let mut ever: BTreeSet<_> = expected(&chain, &BTreeSet::new())
        .into_iter()
        .map(place)
        .collect();
    chain.lie(LiePlan {
        seeded: Seeded::new(seed ^ 0x5eed),
        per_mille: 50 + seeded.below(250),
        lies: lies_for(check),
    });
    for _ in 0..CHANGES {
        change(&chain, &mut seeded, 40);
        ever.extend(expected(&chain, &BTreeSet::new()).into_iter().map(place));
        for _ in 0..seeded.below(40) {
            // Nothing new for so long: the follower has everything, or waits for an answer that does not come.
            let Ok(event) = timeout(Duration::from_millis(400), follower.next()).await else {
                break;
            };
            fold.apply(event);
        }
        // Not up to date is no lie; a log that no branch ever had would be.
        for log in fold.logs().into_iter().map(place) {
            assert!(ever.contains(&log), "seed {seed}: a log that never was: {log:?}");
        }
    }
    chain.be_honest();
    // Longer than any branch that the node may have shown.
    chain.mine_blocks(45);
    settle(&mut follower, &mut fold, &chain).await;
    assert!(fold.logs() == expected(&chain, &BTreeSet::new()), "seed {seed}");
    assert_eq!(fold.halted, None, "seed {seed}");
    chain.lies_told().values().sum()
}

#[tokio::test(start_paused = true)]
async fn a_lying_node_delays_the_follower_and_never_deceives_it() {
    let count = schedules(1_000);
    let mut told = 0;
    for seed in 0..count {
        told += lying_story(seed).await;
    }
    println!("ran: {count} lying schedules, seeds 0..{count}, {told} lies told");
    assert!(told as u64 > 4 * count, "the node lies too little: {told}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_asks_to_be_left_alone_is_left_alone_by_everybody() {
    let chain = sim(20);
    chain.mine_blocks(30);
    let rpc = connect(&chain).await;
    let options = FollowerOptions {
        max_backoff: Duration::from_millis(500),
        ..quick()
    };
    let mut follower = Follower::new(rpc.clone(), FactoryOnly::default(), Start::At(0), options);
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    chain.lie_once("eth_getBlockByNumber", Lie::RateLimitFor);
    chain.mine();
    let event = follower.next().await;
    assert!(matches!(&event, Event::Behind { reason, .. } if reason.code() == "node_rate_limit"));
    let asked = chain.questions().len();
    let wait = Duration::from_secs(SIM_RETRY_AFTER_S);
    // The follower's own backoff is shorter; and what else uses this node waits as well.
    let early = timeout(wait.mul_f64(0.99), follower.next()).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(rpc.head().await.unwrap_err().code(), "node_rate_limit");
    assert_eq!(
        chain.questions().len(),
        asked,
        "the node was asked before it said so"
    );
    settle(&mut follower, &mut fold, &chain).await;
    assert!(rpc.head().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_node_that_asks_to_be_left_alone_for_ages_is_asked_again_after_five_minutes() {
    for seconds in [86_400, u64::MAX] {
        let chain = sim(20);
        chain.mine_blocks(30);
        let rpc = connect(&chain).await;
        let mut follower = Follower::new(rpc.clone(), FactoryOnly::default(), Start::At(0), quick());
        let mut fold = Fold::default();
        settle(&mut follower, &mut fold, &chain).await;
        chain.ask_to_wait_s(seconds);
        chain.lie_once("eth_getBlockByNumber", Lie::RateLimitFor);
        chain.mine();
        let event = follower.next().await;
        assert!(matches!(&event, Event::Behind { reason, .. } if reason.code() == "node_rate_limit"));
        let capped = MAX_RETRY_AFTER + Duration::from_secs(1);
        let settled = timeout(capped, settle(&mut follower, &mut fold, &chain)).await;
        assert!(
            settled.is_ok(),
            "the follower sleeps, for it was told {seconds} s"
        );
        assert_eq!(fold.blocks.last().map(Block::block_ref), Some(chain.head()));
        assert!(rpc.head().await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn another_chain_after_an_interruption_is_refused_until_ours_is_back() {
    let chain = sim(20);
    write(&chain, &mut Seeded::new(3), 4);
    chain.mine_blocks(30);
    let mut follower = follow(&chain, quick()).await;
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    let before = fold.refs();
    chain.lie_once("eth_getBlockByNumber", Lie::Disconnect);
    fold.apply(follower.next().await);
    chain.lie(LiePlan {
        seeded: Seeded::new(1),
        per_mille: 1_000,
        lies: vec![Lie::OtherChain],
    });
    chain.mine_blocks(5);
    for _ in 0..20 {
        if let Ok(event) = timeout(Duration::from_secs(1), follower.next()).await {
            fold.apply(event);
        }
    }
    assert_eq!(fold.refs(), before, "nothing of the other chain is believed");
    let codes: BTreeSet<_> = fold.behind.iter().map(BehindReason::code).collect();
    assert!(codes.contains("wrong_genesis"), "{codes:?}");
    chain.be_honest();
    settle(&mut follower, &mut fold, &chain).await;
    assert_eq!(fold.halted, None);
}

#[tokio::test(start_paused = true)]
async fn a_failing_range_is_never_asked_for_again() {
    for max_log_range in [1, 2, 3, 7, 16] {
        let options = SimOptions {
            max_log_range: Some(max_log_range),
            ..SimOptions::default()
        };
        let chain = SimChain::new(options);
        let mut seeded = Seeded::new(max_log_range);
        for _ in 0..300 {
            write(&chain, &mut seeded, 1);
            chain.mine();
        }
        let mut follower = follow(&chain, quick()).await;
        let mut fold = Fold::default();
        settle(&mut follower, &mut fold, &chain).await;
        assert!(fold.logs() == expected(&chain, &BTreeSet::new()));
        let ranges: Vec<String> = chain
            .questions()
            .into_iter()
            .filter(|question| question.contains("fromBlock"))
            .collect();
        let different: BTreeSet<_> = ranges.iter().collect();
        // A range with a newly announced contract is another question: the addresses differ.
        assert_eq!(
            ranges.len(),
            different.len(),
            "the same range was asked for twice"
        );
        assert!(
            fold.behind.is_empty(),
            "a range limit is not an interruption: {:?}",
            fold.behind
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_cut_off_at_the_nodes_limit_is_read_in_parts() {
    let chain = SimChain::new(SimOptions {
        log_cap: Some(20),
        ..SimOptions::default()
    });
    let mut seeded = Seeded::new(5);
    for _ in 0..200 {
        write(&chain, &mut seeded, 2);
        chain.mine();
    }
    let mut follower = follow(
        &chain,
        FollowerOptions {
            log_cap: Some(20),
            ..quick()
        },
    )
    .await;
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    assert!(fold.logs() == expected(&chain, &BTreeSet::new()));
}

#[tokio::test(start_paused = true)]
async fn a_node_without_block_receipts_is_checked_receipt_by_receipt() {
    let chain = SimChain::new(SimOptions {
        has_block_receipts: false,
        ..SimOptions::default()
    });
    let mut seeded = Seeded::new(6);
    for _ in 0..60 {
        write(&chain, &mut seeded, 2);
        chain.mine();
    }
    chain.lie(LiePlan {
        seeded: Seeded::new(1),
        per_mille: 300,
        lies: vec![Lie::EmptyLogs],
    });
    for log_check in [LogCheck::Bloom, LogCheck::ReceiptsRoot] {
        let mut follower = follow(&chain, FollowerOptions { log_check, ..quick() }).await;
        let mut fold = Fold::default();
        settle(&mut follower, &mut fold, &chain).await;
        assert!(fold.logs() == expected(&chain, &BTreeSet::new()));
    }
    assert!(chain.lies_told()[&Lie::EmptyLogs] > 0);
}

#[tokio::test(start_paused = true)]
async fn every_lie_alone_is_survived_and_named() {
    for lie in Lie::ALL {
        let chain = sim(20);
        let mut seeded = Seeded::new(7);
        for _ in 0..40 {
            write(&chain, &mut seeded, 3);
            chain.mine();
        }
        let log_check = if matches!(lie, Lie::MissingLog | Lie::EmptyReceipts) {
            LogCheck::ReceiptsRoot
        } else {
            LogCheck::Bloom
        };
        let rpc = connect(&chain).await;
        chain.lie(LiePlan {
            seeded: Seeded::new(8),
            per_mille: 400,
            lies: vec![lie],
        });
        let options = FollowerOptions { log_check, ..quick() };
        let mut follower = Follower::new(rpc, FactoryOnly::default(), Start::At(0), options);
        let mut fold = Fold::default();
        for _ in 0..80 {
            if let Ok(event) = timeout(Duration::from_secs(3), follower.next()).await {
                fold.apply(event);
            }
        }
        chain.be_honest();
        chain.mine();
        settle(&mut follower, &mut fold, &chain).await;
        assert!(fold.logs() == expected(&chain, &BTreeSet::new()), "{lie:?}");
        let codes: BTreeSet<_> = fold.behind.iter().map(BehindReason::code).collect();
        println!("ran: {lie:?}, reported as {codes:?}");
    }
}
