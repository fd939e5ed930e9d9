//! The follower on an honest node: every reorganisation within the window ends in the chain's own state.

use std::{collections::BTreeSet, time::Duration};

use alloy_primitives::{Address, B256, U256};
use tokio::time::timeout;
use vestiary_chain::{
    MAX_FILTER_ADDRESSES,
    follower::{
        AUDIT_DEPTH_BLOCKS, BehindReason, Event, Follower, FollowerOptions, HaltReason, LogCheck, Start,
        UNDO_WINDOW_BLOCKS,
    },
    sim::{Fate, Lie, Seeded, SimChain, SimOptions},
};

use crate::support::{
    FactoryOnly, Fold, announcement, change, child, connect, expected, follow, log, quick, settle, sim, write,
};

/// How many random stories a test tells; `VESTIARY_SCHEDULES` asks for more.
pub(crate) fn schedules(default: u64) -> u64 {
    std::env::var("VESTIARY_SCHEDULES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

async fn random_story(seed: u64, check: LogCheck) -> usize {
    let mut seeded = Seeded::new(seed);
    let chain = sim(150);
    write(&chain, &mut seeded, 3);
    chain.mine_blocks(seeded.below(90));
    let options = FollowerOptions {
        log_check: check,
        ..quick()
    };
    let mut follower = follow(&chain, options).await;
    let mut fold = Fold::default();
    for _ in 0..8 {
        change(&chain, &mut seeded, 64);
        // Sometimes the chain moves on while the follower is in the middle of something.
        for _ in 0..seeded.below(60) {
            if let Ok(event) = timeout(Duration::from_millis(50), follower.next()).await {
                fold.apply(event);
            }
        }
        if seeded.chance(300) {
            settle(&mut follower, &mut fold, &chain).await;
            assert!(fold.logs() == expected(&chain, &BTreeSet::new()), "seed {seed}");
        }
    }
    // A shorter branch is believed when it lasts; a longer one at once.
    chain.mine_blocks(70);
    settle(&mut follower, &mut fold, &chain).await;
    assert!(fold.logs() == expected(&chain, &BTreeSet::new()), "seed {seed}");
    assert_eq!(fold.halted, None, "seed {seed}");
    fold.reverted
}

#[tokio::test(start_paused = true)]
async fn any_reorganisation_to_depth_64_ends_in_the_chains_own_state() {
    let mut reverted = 0;
    let count = schedules(200);
    for seed in 0..count {
        let check = if seed % 4 == 0 {
            LogCheck::ReceiptsRoot
        } else {
            LogCheck::Bloom
        };
        reverted += random_story(seed, check).await;
    }
    println!("ran: {count} random reorganisation schedules, seeds 0..{count}, {reverted} blocks undone");
    assert!(
        reverted as u64 > 5 * count,
        "the schedules reorganise too little: {reverted}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_seed_gives_one_story() {
    for seed in [3, 14] {
        let first = random_story(seed, LogCheck::Bloom).await;
        assert_eq!(first, random_story(seed, LogCheck::Bloom).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_contract_announced_in_a_block_is_followed_from_that_block_on() {
    let chain = sim(64);
    chain.emit(vec![log(child(1), 1)]);
    chain.mine();
    chain.emit(vec![
        announcement(child(1)),
        log(child(1), 2),
        announcement(child(2)),
        log(child(2), 3),
    ]);
    chain.mine();
    chain.emit(vec![log(child(1), 4), log(child(2), 5), log(child(3), 6)]);
    chain.mine();
    let mut follower = follow(&chain, quick()).await;
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    let seen: Vec<_> = fold
        .logs()
        .into_iter()
        .map(|(block, log)| (block.number, log.log_index))
        .collect();
    assert_eq!(seen, [(2, 0), (2, 1), (2, 2), (2, 3), (3, 0), (3, 1)]);
}

#[tokio::test(start_paused = true)]
async fn more_contracts_than_a_filter_takes_are_followed_all_the_same() {
    let chain = sim(2);
    chain.emit(vec![log(child(1), 1), log(Address::repeat_byte(0xdd), 2)]);
    chain.mine_blocks(5);
    let many = |count: usize| {
        FactoryOnly(
            (0..count)
                .map(|n| child(n as u64 % 12))
                .chain(strangers(count))
                .collect(),
        )
    };
    for count in [MAX_FILTER_ADDRESSES - 100, MAX_FILTER_ADDRESSES + 100] {
        let rpc = connect(&chain).await;
        let mut follower = Follower::new(rpc, many(count), Start::At(0), quick());
        let mut fold = Fold::default();
        settle(&mut follower, &mut fold, &chain).await;
        assert_eq!(fold.logs().len(), 1, "{count}");
    }
    let longest = chain
        .questions()
        .into_iter()
        .map(|question| question.len())
        .max()
        .unwrap();
    assert!(
        longest < MAX_FILTER_ADDRESSES * 50,
        "a list of more than the limit was sent: {longest}"
    );
}

/// Addresses that never write.
fn strangers(count: usize) -> impl Iterator<Item = Address> {
    (0..count).map(|n| Address::from_word(U256::from(0xffff_0000_u64 + n as u64).into()))
}

#[tokio::test(start_paused = true)]
async fn a_reorganisation_deeper_than_the_window_halts_and_stays_halted() {
    let chain = SimChain::new(SimOptions {
        safe_depth: 900,
        finalized_depth: 900,
        ..SimOptions::default()
    });
    chain.mine_blocks(800);
    let mut follower = follow(&chain, quick()).await;
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    chain.reorg(UNDO_WINDOW_BLOCKS + 1, |_| Fate::Dropped);
    chain.mine_blocks(UNDO_WINDOW_BLOCKS as u64 + 2);
    settle(&mut follower, &mut fold, &chain).await;
    assert!(
        matches!(fold.halted, Some(HaltReason::DeeperThanWindow { .. })),
        "{:?}",
        fold.halted
    );
    assert_eq!(fold.reverted, 0, "nothing is undone on the way to a halt");
    assert!(matches!(follower.next().await, Event::Halted(_)));
}

#[tokio::test(start_paused = true)]
async fn a_reorganisation_of_exactly_the_window_is_followed() {
    let chain = SimChain::new(SimOptions {
        safe_depth: 900,
        finalized_depth: 900,
        ..SimOptions::default()
    });
    chain.mine_blocks(800);
    let mut follower = follow(&chain, quick()).await;
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    chain.reorg(UNDO_WINDOW_BLOCKS, |_| Fate::Dropped);
    chain.mine_blocks(UNDO_WINDOW_BLOCKS as u64 + 1);
    settle(&mut follower, &mut fold, &chain).await;
    assert_eq!((fold.halted.clone(), fold.reverted), (None, UNDO_WINDOW_BLOCKS));
}

#[tokio::test(start_paused = true)]
async fn a_rewritten_final_block_halts_unless_the_chain_is_known_to_do_that() {
    for (halts, halt_on_finalized_rewrite) in [(true, true), (false, false)] {
        let chain = sim(2);
        chain.mine_blocks(20);
        let options = FollowerOptions {
            halt_on_finalized_rewrite,
            ..quick()
        };
        let mut follower = follow(&chain, options).await;
        let mut fold = Fold::default();
        settle(&mut follower, &mut fold, &chain).await;
        chain.reorg(6, |_| Fate::Dropped);
        chain.mine_blocks(7);
        settle(&mut follower, &mut fold, &chain).await;
        assert_eq!(
            matches!(fold.halted, Some(HaltReason::FinalizedRewritten { .. })),
            halts
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_final_block_of_an_earlier_run_halts_this_one_where_it_is_ours() {
    for (known, halts) in [(true, true), (false, false)] {
        let chain = sim(2);
        chain.mine_blocks(20);
        let mut follower = follow(&chain, quick()).await;
        let mut fold = Fold::default();
        settle(&mut follower, &mut fold, &chain).await;
        let mut finalized = chain.block_at(18).unwrap();
        if !known {
            finalized.hash = chain.head().hash;
        }
        chain.reorg(6, |_| Fate::Dropped);
        chain.mine_blocks(7);
        let rpc = connect(&chain).await;
        let follower = Follower::new(rpc, FactoryOnly::default(), Start::After(fold.refs()), quick());
        let mut follower = follower.with_finalized(Some(finalized));
        settle(&mut follower, &mut fold, &chain).await;
        assert_eq!(fold.halted.is_some(), halts, "{:?}", fold.halted);
    }
}

#[tokio::test(start_paused = true)]
async fn one_look_at_a_branch_that_cannot_be_followed_halts_nothing() {
    let chain = sim(64);
    chain.mine_blocks(90);
    let mut follower = follow(&chain, quick()).await;
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    // A second chain below the same genesis takes the node's place for a moment.
    let ours = chain.branch();
    chain.reorg(80, |_| Fate::Dropped);
    chain.mine_blocks(85);
    fold.apply(follower.next().await);
    assert!(fold.behind.iter().any(|reason| reason.code() == "deep_branch"));
    chain.show(ours);
    chain.mine();
    settle(&mut follower, &mut fold, &chain).await;
    assert_eq!((fold.halted.clone(), fold.reverted), (None, 0));
}

#[tokio::test(start_paused = true)]
async fn a_history_that_is_not_the_nodes_is_found_by_a_sample_and_halts() {
    let chain = sim(20);
    chain.mine_blocks(200);
    let options = FollowerOptions {
        stall_after: Duration::from_hours(1),
        ..quick()
    };
    let mut follower = follow(&chain, options).await;
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    timeout(Duration::from_mins(5), follower.next())
        .await
        .unwrap_err();
    let audits = follower.audits();
    assert!(audits.made >= 8 && audits.divergent == 0, "{audits:?}");

    // An earlier run read other blocks, and kept them below the last 64.
    let mut refs = fold.refs();
    let old = refs.len() - usize::try_from(AUDIT_DEPTH_BLOCKS).unwrap();
    for block in &mut refs[..old] {
        block.hash = B256::repeat_byte(0x66);
    }
    let rpc = connect(&chain).await;
    let mut follower = Follower::new(rpc, FactoryOnly::default(), Start::After(refs), quick());
    let mut behind = Vec::new();
    let reason = loop {
        match follower.next().await {
            Event::Behind { reason, .. } => behind.push(reason.code()),
            Event::Halted(reason) => break reason,
            _ => {}
        }
    };
    assert!(matches!(reason, HaltReason::Diverged { .. }), "{reason}");
    assert!(behind.contains(&"node_fault"), "it is said before: {behind:?}");
    assert_eq!(follower.audits().divergent, 3);
}

#[tokio::test(start_paused = true)]
async fn a_branch_without_the_way_to_it_is_the_nodes_fault_and_nothing_is_undone() {
    let chain = sim(64);
    chain.mine_blocks(30);
    let mut follower = follow(&chain, quick()).await;
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    chain.reorg(3, |_| Fate::Dropped);
    chain.mine_blocks(4);
    chain.lie_once("eth_getBlockByHash", Lie::NoBlock);
    let event = follower.next().await;
    assert!(
        matches!(&event, Event::Behind { reason: BehindReason::Node(error), .. } if error.code() == "node_fault")
    );
    assert_eq!(fold.reverted, 0);
    fold.apply(event);
    settle(&mut follower, &mut fold, &chain).await;
    assert_eq!(fold.reverted, 3);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_falls_back_to_an_ancestor_undoes_nothing() {
    let chain = sim(64);
    chain.mine_blocks(30);
    let mut follower = follow(&chain, quick()).await;
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    let before = fold.refs();
    chain.reorg(5, |_| Fate::Dropped);
    for _ in 0..20 {
        if let Ok(event) = timeout(Duration::from_secs(1), follower.next()).await {
            fold.apply(event);
        }
    }
    assert_eq!(fold.refs(), before);
    assert!(fold.behind.iter().all(|reason| reason.code() == "stale_head"));
    assert!(!fold.behind.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_starts_again_undoes_what_was_replaced_while_it_was_away() {
    let chain = sim(64);
    chain.mine_blocks(40);
    let mut follower = follow(&chain, quick()).await;
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    drop(follower);
    chain.emit(vec![announcement(child(1))]);
    chain.reorg(9, |_| Fate::Returned);
    chain.mine_blocks(12);
    let rpc = connect(&chain).await;
    let mut follower = Follower::new(rpc, FactoryOnly::default(), Start::After(fold.refs()), quick());
    settle(&mut follower, &mut fold, &chain).await;
    assert_eq!(fold.reverted, 9);
    assert!(fold.logs() == expected(&chain, &BTreeSet::new()));
}

#[tokio::test(start_paused = true)]
async fn blocks_below_the_first_wanted_one_may_be_replaced_without_harm() {
    let chain = sim(64);
    chain.mine_blocks(20);
    let rpc = connect(&chain).await;
    let mut follower = Follower::new(rpc, FactoryOnly::default(), Start::At(15), quick());
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    assert_eq!(fold.blocks[0].number, 15);
    chain.reorg(10, |_| Fate::Dropped);
    chain.emit(vec![announcement(child(1))]);
    chain.mine_blocks(12);
    settle(&mut follower, &mut fold, &chain).await;
    assert_eq!(
        (fold.blocks[0].number, fold.blocks.len(), fold.reverted),
        (15, 8, 6)
    );
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_has_not_reached_the_first_wanted_block_is_waited_for() {
    let chain = sim(64);
    chain.mine_blocks(3);
    let rpc = connect(&chain).await;
    let mut follower = Follower::new(rpc, FactoryOnly::default(), Start::At(10), quick());
    assert!(timeout(Duration::from_secs(5), follower.next()).await.is_err());
    chain.mine_blocks(8);
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    assert_eq!(
        fold.blocks.iter().map(|block| block.number).collect::<Vec<_>>(),
        [10, 11]
    );
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_move_is_reported_once_and_forgotten_when_it_moves() {
    let chain = sim(64);
    chain.mine_blocks(5);
    let options = FollowerOptions {
        stall_after: Duration::from_secs(30),
        ..quick()
    };
    let mut follower = follow(&chain, options).await;
    let mut fold = Fold::default();
    settle(&mut follower, &mut fold, &chain).await;
    let event = timeout(Duration::from_secs(40), follower.next()).await.unwrap();
    assert!(matches!(
        event,
        Event::Behind {
            reason: BehindReason::Stalled,
            ..
        }
    ));
    chain.mine();
    settle(&mut follower, &mut fold, &chain).await;
}

#[tokio::test(start_paused = true)]
async fn dropping_the_future_at_any_moment_loses_nothing() {
    let chain = sim(150);
    let mut seeded = Seeded::new(99);
    for _ in 0..80 {
        write(&chain, &mut seeded, 2);
        chain.mine();
    }
    let mut follower = follow(&chain, quick()).await;
    let mut fold = Fold::default();
    let mut pauses = 0;
    while fold.caught_up.is_none() {
        // Polled a few times, then dropped, between any two questions to the node.
        let polls = 1 + seeded.below(400);
        let mut future = std::pin::pin!(follower.next());
        let mut event = None;
        for _ in 0..polls {
            if let std::task::Poll::Ready(ready) = futures_poll(future.as_mut()).await {
                event = Some(ready);
                break;
            }
        }
        match event {
            Some(event) => fold.apply(event),
            None => pauses += 1,
        }
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    println!("ran: {pauses} futures dropped");
    assert!(fold.logs() == expected(&chain, &BTreeSet::new()));
}

async fn futures_poll<F: Future + Unpin>(mut future: F) -> std::task::Poll<F::Output> {
    let polled =
        std::future::poll_fn(|context| std::task::Poll::Ready(std::pin::Pin::new(&mut future).poll(context)))
            .await;
    tokio::task::yield_now().await;
    polled
}
