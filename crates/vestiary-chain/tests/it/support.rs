//! A story teller that changes the simulated chain, and a consumer that folds what the follower says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, Log};
use vestiary::block::{Block, BlockRef, ChainLog};
use vestiary_chain::{
    follower::{BehindReason, Event, Follower, FollowerOptions, HaltReason, LogCheck, Start, Watch},
    rpc::{Rpc, RpcOptions},
    sim::{Fate, Seeded, SimChain, SimOptions},
};

/// The contract whose logs announce others.
pub(crate) fn factory() -> Address {
    Address::repeat_byte(0xfa)
}

/// A contract that may be announced.
pub(crate) fn child(number: u64) -> Address {
    Address::with_last_byte(0x40 + u8::try_from(number).unwrap())
}

/// `topics[0]` of an announcement; the new contract is `topics[1]`.
pub(crate) fn created() -> B256 {
    B256::repeat_byte(0xc0)
}

/// Watches the factory and what it announces.
#[derive(Debug, Clone, Default)]
pub(crate) struct FactoryOnly(pub(crate) BTreeSet<Address>);

impl Watch for FactoryOnly {
    fn addresses(&self) -> Vec<Address> {
        self.0.iter().copied().chain([factory()]).collect()
    }

    fn discover(&self, log: &ChainLog) -> Vec<Address> {
        match log.topics.as_slice() {
            [topic, address] if log.address == factory() && *topic == created() => {
                vec![Address::from_word(*address)]
            }
            _ => Vec::new(),
        }
    }
}

pub(crate) fn announcement(address: Address) -> Log {
    Log::new_unchecked(factory(), vec![created(), address.into_word()], Bytes::new())
}

pub(crate) fn log(address: Address, number: u64) -> Log {
    let topics = vec![
        B256::repeat_byte(0x77),
        B256::from(alloy_primitives::U256::from(number)),
    ];
    Log::new_unchecked(address, topics, Bytes::from(number.to_be_bytes().to_vec()))
}

/// What a reader of the events believes.
#[derive(Debug, Default)]
pub(crate) struct Fold {
    pub(crate) blocks: Vec<Block>,
    pub(crate) caught_up: Option<(BlockRef, Option<BlockRef>, Option<BlockRef>)>,
    pub(crate) behind: Vec<BehindReason>,
    pub(crate) halted: Option<HaltReason>,
    pub(crate) reverted: usize,
}

impl Fold {
    pub(crate) fn apply(&mut self, event: Event) {
        match event {
            Event::Committed(block) => {
                if let Some(tip) = self.blocks.last() {
                    assert_eq!(
                        tip.hash, block.parent_hash,
                        "a block that does not stand on the last one"
                    );
                    assert_eq!(tip.number + 1, block.number);
                }
                assert!(block.logs.is_sorted_by_key(|log| log.log_index));
                self.blocks.push(block);
            }
            Event::Reverted(block) => {
                let tip = self.blocks.pop().expect("something to undo");
                assert_eq!(tip.block_ref(), block, "undone out of order");
                self.reverted += 1;
            }
            Event::CaughtUp {
                head,
                safe,
                finalized,
            } => {
                assert_eq!(self.blocks.last().map(Block::block_ref), Some(head));
                for block in [safe, finalized].into_iter().flatten() {
                    if let Some(ours) = self.blocks.iter().find(|ours| ours.number == block.number) {
                        assert_eq!(ours.hash, block.hash, "a safe block that is not ours");
                    }
                }
                self.caught_up = Some((head, safe, finalized));
            }
            Event::Behind { reason, .. } => self.behind.push(reason),
            Event::Halted(reason) => self.halted = Some(reason),
        }
    }

    pub(crate) fn logs(&self) -> Vec<(BlockRef, ChainLog)> {
        let logs = |block: &Block| {
            let name = block.block_ref();
            block
                .logs
                .iter()
                .map(|log| (name, log.clone()))
                .collect::<Vec<_>>()
        };
        self.blocks.iter().flat_map(logs).collect()
    }

    pub(crate) fn refs(&self) -> Vec<BlockRef> {
        self.blocks.iter().map(Block::block_ref).collect()
    }
}

/// What should have been seen: the simulated chain's own logs, of the factory and of what it announced, from
/// the announcing block on.
pub(crate) fn expected(chain: &SimChain, known: &BTreeSet<Address>) -> Vec<(BlockRef, ChainLog)> {
    let logs = chain.logs();
    let mut since: BTreeMap<Address, u64> = known.iter().map(|address| (*address, 0)).collect();
    since.insert(factory(), 0);
    for (block, log) in &logs {
        for address in FactoryOnly::default().discover(log) {
            since.entry(address).or_insert(block.number);
        }
    }
    logs.into_iter()
        .filter(|(block, log)| {
            since
                .get(&log.address)
                .is_some_and(|since| *since <= block.number)
        })
        .collect()
}

pub(crate) async fn connect(chain: &SimChain) -> Rpc {
    let options = RpcOptions {
        deadline: Duration::from_secs(2),
        ..RpcOptions::default()
    };
    Rpc::connect(chain.endpoint(), vestiary::ids::ChainId(31_337), None, options)
        .await
        .unwrap()
}

pub(crate) fn quick() -> FollowerOptions {
    FollowerOptions {
        poll_interval: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        max_range_blocks: 40,
        log_check: LogCheck::Bloom,
        ..FollowerOptions::default()
    }
}

pub(crate) async fn follow(chain: &SimChain, options: FollowerOptions) -> Follower<FactoryOnly> {
    Follower::new(
        connect(chain).await,
        FactoryOnly::default(),
        Start::At(0),
        options,
    )
}

/// Takes events until the follower says that it stands on the chain's head.
pub(crate) async fn settle<W: Watch>(follower: &mut Follower<W>, fold: &mut Fold, chain: &SimChain) {
    for _ in 0..50_000 {
        if fold.blocks.last().map(Block::block_ref) == Some(chain.head()) && fold.caught_up.is_some() {
            return;
        }
        let event = follower.next().await;
        let there = matches!(&event, Event::CaughtUp { head, .. } if *head == chain.head());
        fold.apply(event);
        if there || fold.halted.is_some() {
            return;
        }
    }
    panic!("does not settle: {:?}", fold.behind.last());
}

/// Adds random transactions to the chain.
pub(crate) fn write(chain: &SimChain, seeded: &mut Seeded, count: u64) {
    for _ in 0..count {
        let mut logs = Vec::new();
        for _ in 0..seeded.below(3) {
            let number = seeded.below(12);
            logs.push(match seeded.below(6) {
                0 => announcement(child(number)),
                1 => log(factory(), seeded.next_u64()),
                _ => log(child(number), seeded.next_u64()),
            });
        }
        chain.emit(logs);
    }
}

/// One random change: blocks, or a reorganisation of up to `deepest` blocks.
pub(crate) fn change(chain: &SimChain, seeded: &mut Seeded, deepest: u64) {
    let count = seeded.below(4);
    write(chain, seeded, count);
    if seeded.chance(350) {
        let depth = 1 + seeded.below(deepest.min(chain.head().number));
        let returned = [0, 500, 1_000][usize::try_from(seeded.below(3)).unwrap()];
        let mut fates = seeded.clone();
        chain.reorg(usize::try_from(depth).unwrap(), |_| {
            if fates.chance(returned) {
                Fate::Returned
            } else {
                Fate::Dropped
            }
        });
        let branch = match seeded.below(8) {
            0 => depth.saturating_sub(1 + seeded.below(3)).max(1),
            1 => depth,
            _ => depth + 1 + seeded.below(3),
        };
        for _ in 0..branch {
            chain.mine();
            let count = seeded.below(2);
            write(chain, seeded, count);
        }
    } else {
        for _ in 0..=seeded.below(5) {
            chain.mine();
            let count = seeded.below(3);
            write(chain, seeded, count);
        }
    }
}

pub(crate) fn sim(finalized_depth: u64) -> SimChain {
    SimChain::new(SimOptions {
        safe_depth: finalized_depth / 2,
        finalized_depth,
        ..SimOptions::default()
    })
}
