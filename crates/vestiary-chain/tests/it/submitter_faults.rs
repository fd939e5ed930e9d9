//! The submitter through crashes, replaced blocks, and strangers with its key.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind};
use vestiary_chain::{
    TransactionSigner,
    sim::{Fate, Lie, Wording},
    submitter::{FailedAppend, State, Table},
};

use crate::submitter::{ETHER, Scene, account, finish, id, mint_call, state};

/// Signs with the lane's key behind the lane's back.
fn strangers_transaction(nonce: u64) -> Bytes {
    let transaction = TxEip1559 {
        chain_id: 31_337,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 9_000_000_000,
        max_priority_fee_per_gas: 9_000_000_000,
        to: TxKind::Call(Address::repeat_byte(1)),
        ..TxEip1559::default()
    };
    let signature = TransactionSigner::sign_transaction(&account(), &transaction).unwrap();
    transaction.into_signed(signature).encoded_2718().into()
}

#[tokio::test(start_paused = true)]
async fn an_order_that_contradicts_the_one_on_record_is_named_and_the_others_are_taken() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    lane.submit(id("b"), mint_call(2)).await.unwrap();
    let many = vec![
        (id("a"), mint_call(1)),
        (id("b"), mint_call(9)),
        (id("c"), mint_call(3)),
    ];
    assert_eq!(lane.submit_all(many).await.unwrap(), [id("b")]);
    finish(&scene, &mut lane).await;
    let minted = |serial: u64| scene.minted(serial);
    assert_eq!([1, 2, 3, 9].map(minted), [1, 1, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_write_leaves_no_gap_and_no_double() {
    for kind in [FailedAppend::Lost, FailedAppend::Kept] {
        for number in 0..14 {
            let scene = Scene::new(Wording::Geth, ETHER).await;
            scene.outbox.fail_append(number, kind);
            let mut lane = scene.open().await;
            for serial in 0..3 {
                let order = id(&format!("order-{serial}"));
                // The caller repeats until it is answered, as with any order.
                while lane.submit(order.clone(), mint_call(serial)).await.is_err() {
                    lane = scene.open().await;
                }
            }
            finish(&scene, &mut lane).await;
            assert!(
                (0..3).all(|serial| scene.minted(serial) == 1),
                "{kind:?} {number}"
            );
            assert_eq!(scene.chain.nonce(lane.account()), 3, "{kind:?} {number}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_any_two_steps_leaves_no_gap_and_no_double() {
    let mut cuts = 0;
    for polls in 1..60 {
        let scene = Scene::new(Wording::Geth, ETHER).await;
        let mut lane = scene.open().await;
        for serial in 0..6 {
            lane.submit(id(&format!("order-{serial}")), mint_call(serial))
                .await
                .unwrap();
        }
        for _ in 0..5 {
            let mut tick = Box::pin(lane.tick());
            let mut done = false;
            for _ in 0..polls {
                done = done
                    || std::future::poll_fn(|context| {
                        std::task::Poll::Ready(tick.as_mut().poll(context).is_ready())
                    })
                    .await;
                if done {
                    break;
                }
            }
            drop(tick);
            cuts += usize::from(!done);
            scene.chain.mine();
            lane = scene.open().await;
        }
        finish(&scene, &mut lane).await;
        assert!(
            (0..6).all(|serial| scene.minted(serial) == 1),
            "after {polls} polls"
        );
        assert_eq!(scene.chain.nonce(lane.account()), 6, "after {polls} polls");
    }
    println!("ran: {cuts} ticks cut off between two steps");
    assert!(cuts > 50);
}

#[tokio::test(start_paused = true)]
async fn a_lane_whose_write_was_cut_off_does_nothing_until_it_is_opened_again() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    scene.outbox.fail_append(1, FailedAppend::Kept);
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    assert_eq!(lane.tick().await.unwrap_err().code(), "outbox_failed");
    assert_eq!(
        lane.submit(id("b"), mint_call(2)).await.unwrap_err().code(),
        "outbox_failed"
    );
    assert_eq!(lane.tick().await.unwrap_err().code(), "outbox_failed");
    assert_eq!(
        scene.chain.waiting().len(),
        0,
        "nothing was sent that may not be durable"
    );
}

#[tokio::test(start_paused = true)]
async fn signed_bytes_that_a_full_disk_did_not_take_are_written_as_they_are_when_it_does() {
    for kind in [FailedAppend::Lost, FailedAppend::Kept] {
        let scene = Scene::new(Wording::Geth, ETHER).await;
        let mut lane = scene.open().await;
        for serial in 0..3 {
            lane.submit(id(&format!("order-{serial}")), mint_call(serial))
                .await
                .unwrap();
        }
        scene.outbox.fail_append(scene.outbox.appends(), kind);
        assert_eq!(lane.tick().await.unwrap_err().code(), "outbox_failed");
        assert!(lane.is_in_doubt());
        assert_eq!(scene.chain.waiting().len(), 0, "nothing was sent");
        // Meanwhile gas became cheaper and the first order useless: the key's memory would not sign again.
        scene.chain.set_base_fee(1_000);
        scene.chain.mine();
        lane.reopen().await.unwrap();
        finish(&scene, &mut lane).await;
        assert!((0..3).all(|serial| scene.minted(serial) == 1), "{kind:?}");
        assert_eq!(scene.chain.nonce(lane.account()), 3, "{kind:?}");
        assert!(
            lane.table().entries().all(|entry| entry.attempts.len() == 1),
            "{kind:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_replaced_block_sends_the_same_bytes_again() {
    for fate in [Fate::Dropped, Fate::Returned] {
        let scene = Scene::new(Wording::Geth, ETHER).await;
        let mut lane = scene.open().await;
        scene.chain.mine_blocks(5);
        lane.submit(id("a"), mint_call(1)).await.unwrap();
        lane.tick().await.unwrap();
        scene.chain.mine_blocks(3);
        lane.tick().await.unwrap();
        assert!(matches!(state(&lane, "a"), State::Included { .. }));
        scene.chain.reorg(4, |_| fate);
        scene.chain.mine_blocks(5);
        finish(&scene, &mut lane).await;
        assert_eq!(lane.entry(&id("a")).unwrap().attempts.len(), 1, "{fate:?}");
        assert_eq!(
            (scene.minted(1), scene.chain.nonce(lane.account())),
            (1, 1),
            "{fate:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_final_block_that_is_replaced_all_the_same_opens_its_orders_again() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    scene.chain.mine_blocks(5);
    for serial in 0..3 {
        lane.submit(id(&format!("order-{serial}")), mint_call(serial))
            .await
            .unwrap();
        lane.tick().await.unwrap();
        scene.chain.mine();
    }
    finish(&scene, &mut lane).await;
    let before = scene.chain.head().number;
    scene
        .chain
        .reorg(usize::try_from(before - 6).unwrap(), |_| Fate::Dropped);
    scene.chain.mine_blocks(before);
    for _ in 0..3 {
        lane.tick().await.unwrap();
        scene.chain.mine();
    }
    finish(&scene, &mut lane).await;
    assert!((0..3).all(|serial| scene.minted(serial) == 1));
    assert!(lane.table().entries().all(|entry| entry.attempts.len() == 1));
    assert_eq!(&Table::replay(&scene.outbox.records()).unwrap(), lane.table());
}

#[tokio::test(start_paused = true)]
async fn a_nonce_lost_to_a_stranger_is_replaced_only_when_that_is_final() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    scene.chain.lie_once("eth_sendRawTransaction", Lie::ThrownAway);
    lane.tick().await.unwrap();
    let _: B256 = scene
        .rpc
        .call("eth_sendRawTransaction", (strangers_transaction(0),))
        .await
        .unwrap();
    scene.chain.mine();
    for _ in 0..7 {
        lane.tick().await.unwrap();
        assert_eq!(
            lane.entry(&id("a")).unwrap().nonce,
            Some(0),
            "not before it is final"
        );
        scene.chain.mine();
    }
    finish(&scene, &mut lane).await;
    assert_eq!(lane.entry(&id("a")).unwrap().nonce, Some(1));
    assert_eq!(scene.minted(1), 1);
}

#[tokio::test(start_paused = true)]
async fn one_wrong_count_and_one_wrong_estimate_cost_no_nonce_and_no_order() {
    for (method, lie) in [
        ("eth_getTransactionCount", Lie::NonceTooHigh),
        ("eth_estimateGas", Lie::GasTooHigh),
    ] {
        let scene = Scene::new(Wording::Geth, ETHER).await;
        let mut lane = scene.open().await;
        let orders: Vec<_> = (0..10).map(|serial| id(&format!("order-{serial}"))).collect();
        for (serial, order) in (0..).zip(&orders) {
            lane.submit(order.clone(), mint_call(serial)).await.unwrap();
        }
        scene.chain.lie_once(method, lie);
        finish(&scene, &mut lane).await;
        assert_eq!(scene.chain.lies_told()[&lie], 1);
        assert!((0..10).all(|serial| scene.minted(serial) == 1), "{lie:?}");
        let known: Vec<_> = lane.table().entries().map(|entry| entry.order.clone()).collect();
        assert_eq!(known, orders, "{lie:?}: no nonce was filled");
        assert_eq!(scene.chain.nonce(lane.account()), 10, "{lie:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_needs_more_gas_than_a_block_has_at_one_head_after_the_other_is_refused() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    for _ in 0..7 {
        for _ in 0..3 {
            scene.chain.lie_once("eth_estimateGas", Lie::GasTooHigh);
            lane.tick().await.unwrap();
        }
        assert_eq!(state(&lane, "a"), State::Queued);
        scene.chain.mine();
    }
    scene.chain.lie_once("eth_estimateGas", Lie::GasTooHigh);
    lane.tick().await.unwrap();
    let State::Refused { reason } = state(&lane, "a") else {
        panic!("{:?}", state(&lane, "a"));
    };
    assert!(reason.contains("gas"), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_nonce_that_a_replaced_block_took_away_is_filled() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let _: B256 = scene
        .rpc
        .call("eth_sendRawTransaction", (strangers_transaction(0),))
        .await
        .unwrap();
    scene.chain.mine_blocks(2);
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    // This node proves nothing: that somebody else sent has to be there at one head after the other.
    for _ in 0..7 {
        for _ in 0..3 {
            lane.tick().await.unwrap();
        }
        assert_eq!(lane.entry(&id("a")).unwrap().nonce, None);
        scene.chain.mine();
    }
    lane.tick().await.unwrap();
    assert_eq!(lane.entry(&id("a")).unwrap().nonce, Some(1));
    let height = scene.chain.head().number;
    scene
        .chain
        .reorg(usize::try_from(height).unwrap(), |_| Fate::Dropped);
    scene.chain.mine_blocks(height + 1);
    finish(&scene, &mut lane).await;
    assert_eq!((scene.minted(1), scene.chain.nonce(lane.account())), (1, 2));
    assert_eq!(
        lane.table().entries().count(),
        2,
        "the filler is an entry like any other"
    );
}
