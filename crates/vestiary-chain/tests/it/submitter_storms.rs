//! The submitter on a lying node, through reorganisations and restarts: each order once.

use std::time::Duration;

use vestiary_chain::{
    ChainError,
    sim::{Fate, Lie, LiePlan, Seeded, Wording},
    submitter::State,
};

use crate::{
    follower::schedules,
    submitter::{Scene, finish, id, mint_call},
};

async fn storm(seed: u64) -> usize {
    let mut seeded = Seeded::new(seed);
    let wording = if seeded.chance(500) {
        Wording::Geth
    } else {
        Wording::Anvil
    };
    let scene = Scene::new(wording, u128::MAX / 4).await;
    let mut lane = scene.open().await;
    let per_mille = 50 + seeded.below(250);
    let plan = LiePlan {
        seeded: Seeded::new(seed ^ 0x5eed),
        per_mille,
        lies: Lie::ALL.to_vec(),
    };
    scene.chain.lie(plan);
    let orders = 3 + seeded.below(6);
    let mut accepted = 0;
    for _ in 0..30 {
        if accepted < orders && seeded.chance(600) {
            let order = id(&format!("order-{accepted}"));
            lane.submit(order, mint_call(accepted)).await.unwrap();
            accepted += 1;
        }
        if let Err(ChainError::Outbox(error)) = lane.tick().await {
            panic!("seed {seed}: {error}");
        }
        match seeded.below(12) {
            0 => {
                // Never deeper than finality allows.
                let depth = 1 + usize::try_from(seeded.below(6)).unwrap();
                let mut fates = seeded.clone();
                let fate = |_| {
                    if fates.chance(500) {
                        Fate::Returned
                    } else {
                        Fate::Dropped
                    }
                };
                scene.chain.reorg(depth, fate);
                scene.chain.mine_blocks(depth as u64 + 1);
            }
            1 => lane = scene.open().await,
            2 => scene
                .chain
                .waiting()
                .first()
                .into_iter()
                .for_each(|hash| scene.chain.forget(*hash)),
            3 => scene
                .chain
                .set_base_fee(500_000_000 + seeded.below(6_000_000_000)),
            4 => {}
            _ => {
                scene.chain.mine();
            }
        }
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    scene.chain.be_honest();
    finish(&scene, &mut lane).await;
    for serial in 0..accepted {
        assert_eq!(scene.minted(serial), 1, "seed {seed}: serial {serial}");
        let entry = lane.entry(&id(&format!("order-{serial}"))).unwrap();
        assert!(
            matches!(entry.state, State::Finalized { .. }),
            "seed {seed}: {:?}",
            entry.state
        );
    }
    let used = lane
        .table()
        .entries()
        .filter(|entry| entry.nonce.is_some())
        .count();
    assert_eq!(
        scene.chain.nonce(lane.account()),
        used as u64,
        "seed {seed}: a nonce without an order"
    );
    scene.chain.lies_told().values().sum()
}

#[tokio::test(start_paused = true)]
async fn storms_of_lies_reorganisations_and_restarts_end_with_each_order_done_once() {
    let count = schedules(150);
    let mut told = 0;
    for seed in 0..count {
        told += storm(seed).await;
    }
    println!("ran: {count} submitter storms, seeds 0..{count}, {told} lies told");
    assert!(told as u64 > 3 * count, "the node lies too little: {told}");
}
