//! A chain that cannot be followed any more: the last final state is served, says so, and a rebuild ends it.

use alloy_primitives::Address;
use serde_json::json;
use vestiary::block::BlockRef;
use vestiary::inventory::{Complete, Finality};
use vestiary::rights::Wear;
use vestiary_chain::follower::UNDO_WINDOW_BLOCKS;
use vestiary_chain::sim::{Fate, Seeded, SimChain};
use vestiary_mirror::Mirror;

use crate::beginnings::{Issued, claimed};
use crate::story::inventory;
use crate::support::actors::Actor;
use crate::support::simulated::{SimGround, SimLedger};
use crate::support::{TestLedger, eventually, stage};

/// Every wallet of the stage is answered as of `block`, which was final, and each answer says that nothing follows.
fn serves_only(ledger: &SimLedger, chain: &SimChain, block: BlockRef) {
    let owners = stage::owners_in(&chain.storage_at(block.hash).unwrap());
    let mut owned = 0;
    for wallet in (0..stage::OWNERS).map(stage::owner) {
        let answer = ledger.ask(wallet);
        let as_of = &answer.as_of[0];
        assert_eq!((as_of.block, as_of.hash), (block.number, block.hash));
        assert_eq!(as_of.finality, Finality::Finalized);
        assert_eq!(answer.complete, Complete::PartialUnknown);
        let ids = answer.wearables.iter().map(|entry| entry.id).collect();
        assert_eq!(stage::owned_by(&owners, wallet), ids);
        for entry in &answer.wearables {
            assert_eq!((entry.wear, entry.why.as_str()), (Wear::Unknown, "chain_halted"));
        }
        owned += answer.wearables.len();
    }
    assert!(owned > 0, "there is something to serve");
}

/// The service, started again after its mirror was taken away, has what a mirror has that saw nothing else.
async fn recovers(ground: &SimGround, chain: &SimChain) {
    ground.wipe_mirror();
    let ledger = ground.start().await;
    ledger.settle(chain).await;
    let config = stage::config(chain);
    let dir = stage::scratch();
    let blocks = chain.blocks();
    let blocks = &blocks[usize::try_from(config.first_block).unwrap()..];
    let fresh = Mirror::open(dir.path(), config).unwrap();
    fresh.apply_blocks(blocks).unwrap();
    fresh
        .apply_entries(0, &[ledger.service.log_entry(0).unwrap()])
        .unwrap();
    let mirror = &ledger.service.mirror;
    assert_eq!(fresh.row_digest().unwrap(), mirror.row_digest().unwrap());
    let answer = ledger.ask(stage::owner(0));
    assert_eq!(answer.complete, Complete::Yes);
    assert_eq!(answer.as_of[0].hash, chain.head().hash);
    ledger.stop().await;
}

/// A story with owners in it, and so many blocks behind them.
fn story(chain: &SimChain, blocks: u64) {
    let mut seeded = Seeded::new(7);
    for _ in 0..12 {
        stage::change(chain, &mut seeded, 1, || {});
    }
    chain.mine_blocks(blocks);
}

#[tokio::test(flavor = "multi_thread")]
async fn deeper_than_the_undo_window_the_last_final_state_is_served_until_a_rebuild() {
    let chain = stage::open(90);
    story(&chain, UNDO_WINDOW_BLOCKS as u64 + 60);
    let ground = SimGround::lay(chain.clone());
    let ledger = ground.start().await;
    ledger.settle(&chain).await;
    let finalized = chain.block_at(chain.head().number - 90).unwrap();

    chain.reorg(UNDO_WINDOW_BLOCKS + 1, |_| Fate::Dropped);
    chain.mine_blocks(UNDO_WINDOW_BLOCKS as u64 + 2);
    let reason = ledger.wait_halted().await;
    assert!(reason.starts_with("finalized_rewritten") || reason.starts_with("deeper_than_window"));
    assert!(reason.ends_with("run `vestiary rebuild`"), "{reason}");
    serves_only(&ledger, &chain, finalized);

    // A restart is no rebuild.
    ledger.stop().await;
    let ledger = ground.start().await;
    assert_eq!(ledger.wait_halted().await, reason);
    serves_only(&ledger, &chain, finalized);
    ledger.stop().await;
    recovers(&ground, &chain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_final_block_takes_back_what_was_not_final_and_serves_the_rest() {
    let chain = stage::open(8);
    story(&chain, 0);
    let ground = SimGround::lay(chain.clone());
    let ledger = ground.start().await;
    ledger.settle(&chain).await;
    let finalized = chain.block_at(chain.head().number - 8).unwrap();
    chain.reorg(20, |_| Fate::Dropped);
    chain.mine_blocks(21);
    let reason = ledger.wait_halted().await;
    assert!(reason.starts_with("finalized_rewritten"), "{reason}");
    serves_only(&ledger, &chain, finalized);
    ledger.stop().await;
    recovers(&ground, &chain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_final_block_that_was_rewritten_while_the_service_was_down_halts_it_too() {
    let chain = stage::open(8);
    story(&chain, 0);
    let ground = SimGround::lay(chain.clone());
    let ledger = ground.start().await;
    ledger.settle(&chain).await;
    let finalized = chain.block_at(chain.head().number - 8).unwrap();
    ledger.stop().await;
    chain.reorg(20, |_| Fate::Dropped);
    chain.mine_blocks(21);
    let ledger = ground.start().await;
    assert!(ledger.wait_halted().await.starts_with("finalized_rewritten"));
    serves_only(&ledger, &chain, finalized);
    ledger.stop().await;
    recovers(&ground, &chain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_node_that_rewrites_what_was_final_is_not_followed_until_a_rebuild() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let (ana, ben) = (Actor::anvil(3), Actor::named("Ben"));
    let Issued { brand, design, .. } = claimed(&ledger, 2, &ana).await;
    ledger.wait_anchored().await;
    ledger.ground.mine(4).await;
    ledger.settle().await;
    // A gift that is not final, below a branch that goes further back than what is.
    ana.give(&ledger, brand.wearable(design, 1), ben.address())
        .await
        .unwrap();
    ledger.settle().await;
    let finalized = ledger.ground.rpc.head().await.unwrap().number - 2;
    ledger.ground.reorganise(4).await;
    ledger.ground.mine(1).await;
    let ready = eventually("the service halts", async || {
        let reply = ledger.client().get("/readyz").await;
        let halted = reply.status == 503 && reply.json()["chain"] == "halted";
        let back = ledger.service().mirror.head().map(|head| head.number) == Some(finalized);
        (halted && back).then(|| reply.json())
    })
    .await;
    let reason = ready["chain_reason"].as_str().unwrap();
    assert!(reason.starts_with("finalized_rewritten"), "{reason}");
    let answer = inventory(&ledger, &ana, "plaza").await;
    assert_eq!(answer["as_of"][0]["finality"], "finalized");
    assert_eq!(answer["as_of"][0]["block"], json!(finalized.to_string()));
    assert_eq!(answer["complete"], "partial_unknown");
    let wearable = &answer["wearables"][0];
    assert_eq!(wearable["why"], "chain_halted", "{answer}");
    assert_eq!(wearable["last_known"]["wear"], "yes");
    assert_eq!(inventory(&ledger, &ben, "plaza").await["wearables"], json!([]));

    ledger.stop().await;
    let config = ledger.ground.dir.path().join("vestiary.toml");
    let rebuilt = tokio::process::Command::new(env!("CARGO_BIN_EXE_vestiary"))
        .args(["rebuild", "--json", "--config"])
        .arg(config)
        .output()
        .await
        .unwrap();
    assert!(
        rebuilt.status.success(),
        "{}",
        String::from_utf8_lossy(&rebuilt.stderr)
    );
    let rebuilt: serde_json::Value = serde_json::from_slice(&rebuilt.stdout).unwrap();
    ledger.run().await;
    ledger.settle().await;
    let digest = ledger.service().mirror.row_digest().unwrap();
    assert_eq!(rebuilt["row_digest"], json!(digest.to_string()));
    assert_eq!(
        owners_of(&ledger, &[&ana, &ben]).await,
        [1, 0],
        "the gift is undone"
    );
    ledger.check_everything().await;
    ledger.stop().await;
}

async fn owners_of(ledger: &TestLedger, wallets: &[&Actor]) -> Vec<usize> {
    let mut counts = Vec::new();
    for wallet in wallets {
        let answer = inventory(ledger, wallet, "plaza").await;
        assert_eq!(answer["complete"], "yes");
        counts.push(answer["wearables"].as_array().unwrap().len());
    }
    counts
}

/// A wallet nobody of the stage has.
#[tokio::test(flavor = "multi_thread")]
async fn a_halt_makes_no_empty_list_look_complete() {
    let chain = stage::open(8);
    story(&chain, 0);
    let ground = SimGround::lay(chain.clone());
    let ledger = ground.start().await;
    ledger.settle(&chain).await;
    chain.reorg(20, |_| Fate::Dropped);
    chain.mine_blocks(21);
    ledger.wait_halted().await;
    let answer = ledger.ask(Address::repeat_byte(0xee));
    assert_eq!(answer.complete, Complete::PartialUnknown);
    assert!(answer.wearables.is_empty());
    ledger.stop().await;
}
