//! The submitter, case by case: what it survives, and what it refuses.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy_primitives::{Address, B256, Bytes, Log, U256};
use vestiary::abi::{IWearableCollection::AlreadyMinted, SolError};
use vestiary::block::BlockRef;
use vestiary_chain::{
    ChainError, Result,
    rpc::Rpc,
    sim::{Lie, SimCall, SimChain, SimOptions, SimOutcome, SimStorage, Wording},
    submitter::{
        Call, Effect, Entry, LaneState, MemoryOutbox, OrderId, Record, State, Submitter, SubmitterOptions,
        Table, Tick,
    },
};
use vestiary_signing::{Account, AccountKey, Memory, Purpose};

use crate::support::connect;

pub(crate) fn shop() -> Address {
    Address::repeat_byte(0x5b)
}

pub(crate) const ETHER: u128 = 1_000_000_000_000_000_000;

/// Mints a serial once: the second time it reverts. A serial `n` with a high bit needs `n` without it first.
pub(crate) fn mint(call: &SimCall, storage: &mut SimStorage) -> std::result::Result<SimOutcome, Bytes> {
    let serial = B256::from_slice(&call.data[..32]);
    let refuse = || {
        AlreadyMinted {
            tokenId: serial.into(),
        }
        .abi_encode()
        .into()
    };
    let mut needed = serial;
    needed[0] &= 0x7f;
    if serial != needed && !storage.contains_key(needed.as_slice()) {
        return Err(refuse());
    }
    if storage.insert(serial.to_vec(), vec![1]).is_some() {
        return Err(refuse());
    }
    let log = Log::new_unchecked(shop(), vec![serial], Bytes::new());
    Ok(SimOutcome {
        logs: vec![log],
        output: Bytes::new(),
    })
}

/// A call of [`mint`], made for the log that it writes.
fn call_of(serial: B256) -> Call {
    let effect = Effect {
        emitter: shop(),
        topics: vec![serial],
        data: Bytes::new(),
    };
    Call::new(shop(), serial.to_vec().into()).made_for(effect)
}

pub(crate) fn mint_call(serial: u64) -> Call {
    call_of(B256::from(U256::from(serial)))
}

fn after(serial: u64) -> Call {
    let mut word = B256::from(U256::from(serial));
    word[0] |= 0x80;
    call_of(word)
}

pub(crate) fn id(text: &str) -> OrderId {
    OrderId::new(text).unwrap()
}

pub(crate) fn account() -> Account {
    let key = AccountKey::import(Purpose::Submitter, &[7; 32]).unwrap();
    Account::new(Arc::new(key), Arc::new(Memory::fresh()))
}

pub(crate) type Lane = Submitter<MemoryOutbox, Account>;

/// A chain with a shop, and one lane.
pub(crate) struct Scene {
    pub(crate) chain: SimChain,
    pub(crate) outbox: MemoryOutbox,
    pub(crate) rpc: Rpc,
    pub(crate) options: SubmitterOptions,
}

impl Scene {
    pub(crate) async fn new(wording: Wording, wei: u128) -> Self {
        let options = SimOptions {
            wording,
            safe_depth: 4,
            finalized_depth: 8,
            balances: BTreeMap::from([(account().address(), U256::from(wei))]),
            ..SimOptions::default()
        };
        let chain = SimChain::new(options);
        chain.set_contract(shop(), mint);
        let rpc = connect(&chain).await;
        Self {
            chain,
            outbox: MemoryOutbox::default(),
            rpc,
            options: SubmitterOptions::default(),
        }
    }

    /// A process that starts: nothing in memory, everything from the outbox.
    pub(crate) async fn open(&self) -> Lane {
        self.try_open().await.unwrap()
    }

    async fn try_open(&self) -> Result<Lane> {
        let (rpc, outbox) = (self.rpc.clone(), self.outbox.clone());
        Submitter::open(rpc, account(), outbox, self.options.clone()).await
    }

    /// How often a serial was minted on the chain as it stands.
    pub(crate) fn minted(&self, serial: u64) -> usize {
        let serial = B256::from(U256::from(serial));
        self.chain
            .logs()
            .iter()
            .filter(|(_, log)| log.topics == [serial])
            .count()
    }
}

/// Ticks and mines until every order is done; a lane in doubt is opened again.
pub(crate) async fn finish(scene: &Scene, lane: &mut Lane) {
    for _ in 0..400 {
        if lane.table().entries().all(|entry| entry.state.is_terminal()) {
            return;
        }
        if let Err(ChainError::Outbox(_)) = lane.tick().await {
            *lane = scene.open().await;
        }
        scene.chain.mine();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    panic!(
        "not done: {:?}",
        lane.table()
            .entries()
            .map(|entry| &entry.state)
            .collect::<Vec<_>>()
    );
}

pub(crate) fn state(lane: &Lane, order: &str) -> State {
    lane.entry(&id(order)).unwrap().state.clone()
}

#[tokio::test(start_paused = true)]
async fn an_order_is_queued_sent_included_and_final() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    let entry = lane.submit(id("a"), mint_call(1)).await.unwrap();
    assert_eq!((entry.state, entry.nonce), (State::Queued, None));
    lane.tick().await.unwrap();
    assert_eq!(state(&lane, "a"), State::Sent);
    let block = scene.chain.mine();
    let tick = lane.tick().await.unwrap();
    assert!(matches!(state(&lane, "a"), State::Included { block: at, success: true, .. } if at == block));
    assert_eq!(
        tick,
        Tick {
            changed: vec![id("a")],
            lane: LaneState::Running,
            head: 1
        }
    );
    scene.chain.mine_blocks(8);
    lane.tick().await.unwrap();
    assert!(matches!(state(&lane, "a"), State::Finalized { block: at, .. } if at == block));
    assert_eq!((scene.minted(1), scene.chain.nonce(lane.account())), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_same_id_is_the_same_order_and_never_another() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    let first = lane.submit(id("a"), mint_call(1)).await.unwrap();
    assert_eq!(lane.submit(id("a"), mint_call(1)).await.unwrap(), first);
    assert_eq!(
        lane.submit(id("a"), mint_call(2)).await.unwrap_err().code(),
        "order_differs"
    );
    finish(&scene, &mut lane).await;
    assert!(
        lane.submit(id("a"), mint_call(1))
            .await
            .unwrap()
            .state
            .is_terminal()
    );
    assert_eq!(
        scene
            .outbox
            .records()
            .iter()
            .filter(|record| matches!(record, Record::Accepted { .. }))
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn every_answer_to_a_raw_transaction_ends_in_one_transaction() {
    for wording in [Wording::Geth, Wording::Anvil] {
        for lie in [
            Lie::TakenButKnown,
            Lie::TakenButNonceTooLow,
            Lie::TakenButSilent,
            Lie::ThrownAway,
            Lie::Silence,
            Lie::Disconnect,
            Lie::RateLimit,
            Lie::InternalError,
        ] {
            let scene = Scene::new(wording, ETHER).await;
            let mut lane = scene.open().await;
            for order in 0..3 {
                lane.submit(id(&format!("order-{order}")), mint_call(order))
                    .await
                    .unwrap();
            }
            scene.chain.lie_once("eth_sendRawTransaction", lie);
            scene.chain.lie_once("eth_sendRawTransaction", lie);
            finish(&scene, &mut lane).await;
            assert!(
                (0..3).all(|serial| scene.minted(serial) == 1),
                "{wording:?} {lie:?}"
            );
            assert_eq!(scene.chain.nonce(lane.account()), 3, "{wording:?} {lie:?}");
            let finalized = |entry: &Entry| matches!(entry.state, State::Finalized { .. });
            assert!(lane.table().entries().all(finalized), "{wording:?} {lie:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_mined_while_the_node_says_nonce_too_low_are_found_by_their_hash() {
    let scene = Scene::new(Wording::Anvil, ETHER).await;
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    scene
        .chain
        .lie_once("eth_sendRawTransaction", Lie::TakenButSilent);
    assert_eq!(lane.tick().await.unwrap_err().code(), "node_silent");
    assert_eq!(state(&lane, "a"), State::Signed);
    scene.chain.mine();
    lane.tick().await.unwrap();
    assert!(matches!(state(&lane, "a"), State::Included { success: true, .. }));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_blocks_leave_out_is_replaced_and_all_hashes_are_kept() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    lane.submit(id("b"), mint_call(2)).await.unwrap();
    lane.tick().await.unwrap();
    let old = lane.entry(&id("a")).unwrap().attempts[0].clone();
    scene.chain.set_base_fee(5_000_000_000);
    finish(&scene, &mut lane).await;
    let entry = lane.entry(&id("a")).unwrap();
    assert!(entry.attempts.len() >= 2);
    assert_eq!(entry.attempts[0], old);
    for pair in entry.attempts.windows(2) {
        assert!(pair[1].max_fee_wei * 8 >= pair[0].max_fee_wei * 9);
        assert!(pair[1].max_priority_fee_wei * 8 >= pair[0].max_priority_fee_wei * 9);
    }
    assert_eq!(
        (
            scene.minted(1),
            scene.minted(2),
            scene.chain.nonce(lane.account())
        ),
        (1, 1, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_attempt_that_wins_counts() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    lane.tick().await.unwrap();
    let old = lane.entry(&id("a")).unwrap().attempts[0].clone();
    scene.chain.set_base_fee(4_000_000_000);
    scene.chain.mine_blocks(3);
    // The replacement never reaches a block: the node throws it away and mines the first bytes.
    scene.chain.lie_once("eth_sendRawTransaction", Lie::ThrownAway);
    lane.tick().await.unwrap();
    assert_eq!(lane.entry(&id("a")).unwrap().attempts.len(), 2);
    scene.chain.set_base_fee(1_000_000_000);
    scene.chain.mine();
    lane.tick().await.unwrap();
    assert!(matches!(state(&lane, "a"), State::Included { hash, .. } if hash == old.hash));
}

#[tokio::test(start_paused = true)]
async fn the_fee_cap_is_never_passed() {
    let mut scene = Scene::new(Wording::Geth, ETHER).await;
    scene.options.max_fee_cap_wei = 3_000_000_000;
    scene.chain.set_base_fee(3_000_000_000);
    scene.chain.mine();
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    let tick = lane.tick().await.unwrap();
    let (base_fee_wei, cap_wei) = (3_000_000_000, 3_000_000_000);
    assert_eq!(
        tick.lane,
        LaneState::FeesAboveCap {
            base_fee_wei,
            cap_wei
        }
    );
    assert_eq!(lane.entry(&id("a")).unwrap().nonce, None);
    scene.chain.set_base_fee(1_000_000_000);
    scene.chain.mine();
    lane.tick().await.unwrap();
    scene.chain.set_base_fee(9_000_000_000);
    for _ in 0..40 {
        scene.chain.mine();
        lane.tick().await.unwrap();
    }
    assert!(
        lane.entry(&id("a"))
            .unwrap()
            .attempts
            .iter()
            .all(|attempt| attempt.max_fee_wei <= cap_wei)
    );
    scene.chain.set_base_fee(1_000_000_000);
    finish(&scene, &mut lane).await;
    assert_eq!(scene.minted(1), 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_purse_pauses_the_lane_before_a_nonce_is_taken() {
    let scene = Scene::new(Wording::Anvil, 1_000).await;
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    let tick = lane.tick().await.unwrap();
    let LaneState::Paused {
        account,
        needed_wei,
        balance_wei,
    } = tick.lane
    else {
        panic!("{tick:?}")
    };
    assert_eq!((account, balance_wei), (lane.account(), U256::from(1_000)));
    assert_eq!(lane.entry(&id("a")).unwrap().nonce, None);
    scene.chain.fund(account, needed_wei);
    finish(&scene, &mut lane).await;
    assert_eq!((scene.minted(1), lane.lane()), (1, &LaneState::Running));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_would_revert_is_refused_by_name_and_takes_no_nonce() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    finish(&scene, &mut lane).await;
    lane.submit(id("b"), mint_call(1)).await.unwrap();
    lane.tick().await.unwrap();
    assert_eq!(
        state(&lane, "b"),
        State::Refused {
            reason: "AlreadyMinted { tokenId: 1 }".to_owned()
        }
    );
    assert_eq!(lane.entry(&id("b")).unwrap().nonce, None);
    assert_eq!(
        lane.submit(id("b"), mint_call(1)).await.unwrap().state,
        state(&lane, "b")
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_loses_a_race_fails_with_its_reason_when_final() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    lane.submit(id("a"), mint_call(1)).await.unwrap();
    lane.submit(id("b"), mint_call(1)).await.unwrap();
    finish(&scene, &mut lane).await;
    assert!(matches!(state(&lane, "a"), State::Finalized { .. }));
    let State::Failed { reason, .. } = state(&lane, "b") else {
        panic!("{:?}", state(&lane, "b"))
    };
    assert_eq!(reason, "AlreadyMinted { tokenId: 1 }");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_needs_one_in_flight_waits_for_it() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    lane.submit(id("commit"), mint_call(1)).await.unwrap();
    lane.submit(id("claim"), after(1)).await.unwrap();
    lane.tick().await.unwrap();
    assert_eq!(
        (state(&lane, "commit"), state(&lane, "claim")),
        (State::Sent, State::Queued)
    );
    finish(&scene, &mut lane).await;
    assert!(matches!(state(&lane, "claim"), State::Finalized { .. }));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_is_in_flight() {
    let mut scene = Scene::new(Wording::Geth, ETHER).await;
    scene.options.max_in_flight = 4;
    let mut lane = scene.open().await;
    for serial in 0..10 {
        lane.submit(id(&format!("order-{serial}")), mint_call(serial))
            .await
            .unwrap();
    }
    lane.tick().await.unwrap();
    assert_eq!(scene.chain.waiting().len(), 4);
    finish(&scene, &mut lane).await;
    assert!((0..10).all(|serial| scene.minted(serial) == 1));
}

#[tokio::test(start_paused = true)]
async fn the_records_fold_to_the_table_and_the_table_to_fewer_records() {
    let scene = Scene::new(Wording::Geth, ETHER).await;
    let mut lane = scene.open().await;
    for serial in [1, 2, 1] {
        let order = id(&format!("order-{}", scene.outbox.appends()));
        lane.submit(order, mint_call(serial)).await.unwrap();
    }
    lane.tick().await.unwrap();
    finish(&scene, &mut lane).await;
    let records = scene.outbox.records();
    let table = Table::replay(&records).unwrap();
    assert_eq!(&table, lane.table());
    let snapshot = table.snapshot();
    assert!(snapshot.len() < records.len());
    assert_eq!(Table::replay(&snapshot).unwrap(), table);
    let json = serde_json::to_string(&records).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Record>>(&json).unwrap(), records);
}

#[test]
fn records_that_contradict_one_another_are_refused() {
    let accepted = |order: &str| Record::Accepted {
        order: id(order),
        call: mint_call(1),
    };
    let attempt = vestiary_chain::submitter::Attempt {
        hash: B256::ZERO,
        raw: Bytes::new(),
        max_fee_wei: 1,
        max_priority_fee_wei: 1,
        gas_limit: 1,
        signed_at_block: 1,
    };
    let signed = |order: &str, nonce| Record::Signed {
        order: id(order),
        nonce,
        attempt: attempt.clone(),
    };
    let refused = |order: &str| Record::Refused {
        order: id(order),
        reason: String::new(),
    };
    let vain = |order: &str| Record::WithoutEffect {
        order: id(order),
        hash: B256::ZERO,
        block: BlockRef {
            number: 1,
            hash: B256::ZERO,
        },
    };
    for records in [
        vec![accepted("a"), accepted("a")],
        vec![signed("a", 0)],
        vec![accepted("a"), accepted("b"), signed("a", 0), signed("b", 0)],
        vec![accepted("a"), signed("a", 0), signed("a", 1)],
        vec![accepted("a"), refused("a"), signed("a", 0)],
        vec![accepted("a"), signed("a", 0), vain("a"), signed("a", 0)],
        vec![accepted("a"), signed("a", 0), vain("a"), vain("a")],
    ] {
        assert!(Table::replay(&records).is_err(), "{records:?}");
    }
}

#[test]
fn order_ids_are_bounded_and_printable() {
    assert!(OrderId::new("batch:1/commit").is_ok());
    for bad in [String::new(), "a b".to_owned(), "é".to_owned(), "x".repeat(129)] {
        assert!(OrderId::new(bad).is_err());
    }
}
