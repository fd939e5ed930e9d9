//! An order is done when its block has the log that it was made for, whatever else succeeded, and whatever a node says.

use alloy_primitives::{Bytes, U256};
use vestiary_chain::{
    sim::{Fate, Lie, SimCall, SimOutcome, SimStorage, Wording},
    submitter::{Call, Record, State, Table},
};

use crate::submitter::{ETHER, Lane, Scene, account, id, mint, mint_call, shop, state};

/// Calldata that opens the shop.
const OPENING: &[u8] = b"open";
/// Blocks until one is final, see [`Scene`].
const FINAL: u64 = 8;

/// Before it is opened the shop is an account without code: every call succeeds, and nothing happens.
fn shop_once_opened(call: &SimCall, storage: &mut SimStorage) -> std::result::Result<SimOutcome, Bytes> {
    if call.data.as_ref() == OPENING {
        storage.insert(OPENING.to_vec(), Vec::new());
        return Ok(SimOutcome::default());
    }
    if storage.contains_key(OPENING) {
        mint(call, storage)
    } else {
        Ok(SimOutcome::default())
    }
}

async fn opened() -> Scene {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    scene.chain.set_contract(shop(), shop_once_opened);
    open_shop(&scene);
    scene
}

fn open_shop(scene: &Scene) {
    let (from, data) = (account().address(), Bytes::from_static(OPENING));
    let (to, value_wei) = (shop(), U256::ZERO);
    scene.chain.call(SimCall {
        from,
        to,
        data,
        value_wei,
    });
    scene.chain.mine();
}

/// An order whose block was replaced; the new branch has the order again, and not what opened the shop.
async fn replaced(scene: &Scene) -> Lane {
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    lane.tick().await.unwrap();
    scene.chain.mine();
    lane.tick().await.unwrap();
    assert!(matches!(state(&lane, "a"), State::Included { success: true, .. }));
    let order = lane.entry(&id("a")).unwrap().latest().unwrap().hash;
    scene.chain.reorg(2, |transaction| {
        if transaction == order {
            Fate::Returned
        } else {
            Fate::Dropped
        }
    });
    scene.chain.mine_blocks(3);
    lane.tick().await.unwrap();
    assert_eq!(state(&lane, "a"), State::Signed, "out of its block");
    lane
}

/// The same, found in its new block.
async fn in_vain(scene: &Scene) -> Lane {
    let mut lane = replaced(scene).await;
    lane.tick().await.unwrap();
    lane
}

#[tokio::test(start_paused = true)]
async fn an_order_whose_contract_was_reorganised_away_ends_without_effect() {
    let scene = opened().await;
    let mut lane = in_vain(&scene).await;
    let State::Included { block, success, .. } = state(&lane, "a") else {
        panic!("{:?}", state(&lane, "a"))
    };
    assert!(!success, "the call succeeded, and nothing was minted");
    scene.chain.mine_blocks(FINAL);
    lane.tick().await.unwrap();
    let ended = state(&lane, "a");
    assert!(
        matches!(&ended, State::WithoutEffect { block: at, .. } if *at == block),
        "{ended:?}"
    );
    assert_eq!((scene.minted(1), scene.chain.nonce(lane.account())), (0, 1));

    // It stays so, it is remembered so, and the next order does what this one could not.
    assert_eq!(state(&scene.open().await, "a"), ended);
    let snapshot = lane.table().snapshot();
    assert_eq!(&Table::replay(&snapshot).unwrap(), lane.table());
    open_shop(&scene);
    lane.submit(id("a/1"), mint_call(1)).await.unwrap();
    lane.tick().await.unwrap();
    scene.chain.mine_blocks(1 + FINAL);
    lane.tick().await.unwrap();
    lane.tick().await.unwrap();
    assert!(matches!(state(&lane, "a/1"), State::Finalized { .. }));
    assert_eq!(scene.minted(1), 1);
}

#[tokio::test(start_paused = true)]
async fn a_final_block_with_an_order_without_effect_that_is_replaced_opens_the_order_again() {
    let scene = opened().await;
    let mut lane = in_vain(&scene).await;
    scene.chain.mine_blocks(FINAL);
    lane.tick().await.unwrap();
    assert!(matches!(state(&lane, "a"), State::WithoutEffect { .. }));
    scene.chain.reorg(12, |_| Fate::Dropped);
    open_shop(&scene);
    for _ in 0..4 {
        scene.chain.mine();
        lane.tick().await.unwrap();
    }
    scene.chain.mine_blocks(FINAL + 2);
    for _ in 0..2 {
        lane.tick().await.unwrap();
    }
    assert!(
        matches!(state(&lane, "a"), State::Finalized { .. }),
        "{:?}",
        state(&lane, "a")
    );
    let reopened = |record: &Record| matches!(record, Record::Reopened { .. });
    assert!(scene.outbox.records().iter().any(reopened));
    assert_eq!((scene.minted(1), scene.chain.nonce(lane.account())), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_invents_logs_makes_no_order_done() {
    let scene = opened().await;
    let mut lane = replaced(&scene).await;
    // The branch that was replaced had the very log: the node shows it, when the order is mined and when it is final.
    scene
        .chain
        .lie_once("eth_getTransactionReceipt", Lie::InventedLogs);
    lane.tick().await.unwrap();
    let shown = state(&lane, "a");
    assert!(
        matches!(shown, State::Included { success: true, .. }),
        "{shown:?}"
    );
    scene.chain.mine_blocks(FINAL);
    scene.chain.lie_once("eth_getBlockReceipts", Lie::InventedLogs);
    assert_eq!(lane.tick().await.unwrap_err().code(), "node_fault");
    assert_eq!(state(&lane, "a"), shown, "not final on the word of a node");
    lane.tick().await.unwrap();
    assert!(matches!(state(&lane, "a"), State::WithoutEffect { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_hides_logs_makes_no_order_undone() {
    let scene = opened().await;
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    lane.tick().await.unwrap();
    scene.chain.mine();
    scene
        .chain
        .lie_once("eth_getTransactionReceipt", Lie::EmptyReceipts);
    lane.tick().await.unwrap();
    let shown = state(&lane, "a");
    assert!(
        matches!(shown, State::Included { success: false, .. }),
        "{shown:?}"
    );
    scene.chain.mine_blocks(FINAL);
    scene.chain.lie_once("eth_getBlockReceipts", Lie::EmptyReceipts);
    assert_eq!(lane.tick().await.unwrap_err().code(), "node_fault");
    assert_eq!(state(&lane, "a"), shown);
    lane.tick().await.unwrap();
    assert!(matches!(state(&lane, "a"), State::Finalized { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_calls_a_contract_says_what_for() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    let call = Call::new(shop(), mint_call(1).data);
    let refused = lane.submit(id("a"), call).await.unwrap_err();
    assert_eq!(refused.code(), "order_limit");
    assert!(lane.entry(&id("a")).is_none());
}
