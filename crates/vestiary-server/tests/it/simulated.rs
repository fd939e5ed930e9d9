//! The mirror under the production follower, on a simulated chain that reorganises: its state is the oracle.
//!
//! `VESTIARY_SEED=<n>` replays one schedule, `VESTIARY_SCHEDULES=<n>` asks for more.

use std::collections::BTreeSet;
use std::time::Duration;

use alloy_primitives::Address;
use tokio::task::JoinSet;
use vestiary::block::Block;
use vestiary::digest::Sha256;
use vestiary::ids::WearableId;
use vestiary_chain::follower::{Event, Follower, FollowerOptions, LogCheck, Start, Watch};
use vestiary_chain::rpc::{Rpc, RpcOptions};
use vestiary_chain::sim::{Seeded, SimChain};
use vestiary_mirror::testing;
use vestiary_mirror::{Mirror, MirrorConfig};

use crate::support::stage;

/// Schedules when nobody asks for another number.
const SCHEDULES: u64 = 400;
/// Stories told at once.
const STORIES_AT_ONCE: usize = 2;
/// Deepest reorganisation.
const DEEPEST: u64 = 64;
/// Changes of the chain in one story.
const CHANGES: u64 = 4;
/// Blocks that go into a mirror at once while it catches up.
const BLOCKS_AT_ONCE: usize = 32;
#[derive(Debug)]
struct Contracts(MirrorConfig, BTreeSet<Address>);

impl Watch for Contracts {
    fn addresses(&self) -> Vec<Address> {
        [self.0.registry, self.0.factory, self.0.log_anchor]
            .into_iter()
            .chain(self.1.clone())
            .collect()
    }

    fn discover(&self, log: &vestiary::block::ChainLog) -> Vec<Address> {
        use vestiary::abi::{ICollectionFactory::CollectionCreated, SolEvent as _};
        if log.address != self.0.factory {
            return Vec::new();
        }
        CollectionCreated::decode_raw_log(log.topics.iter().copied(), &log.data)
            .map(|event| vec![event.collection])
            .unwrap_or_default()
    }
}

struct Told {
    mirror: Mirror,
    _dir: tempfile::TempDir,
    follower: Follower<Contracts>,
    pending: Vec<Block>,
    reverted: usize,
}

impl Told {
    async fn new(chain: &SimChain) -> Self {
        let config = stage::config(chain);
        let dir = stage::scratch();
        let mirror = Mirror::open(dir.path(), config.clone()).unwrap();
        let rpc = Rpc::connect(
            chain.endpoint(),
            config.chain,
            Some(config.genesis_hash),
            RpcOptions::default(),
        );
        let options = FollowerOptions {
            poll_interval: Duration::from_millis(1),
            max_backoff: Duration::from_millis(20),
            max_range_blocks: 40,
            log_check: LogCheck::ReceiptsRoot,
            ..FollowerOptions::default()
        };
        let watch = Contracts(config.clone(), BTreeSet::new());
        let follower = Follower::new(rpc.await.unwrap(), watch, Start::At(config.first_block), options);
        Self {
            mirror,
            _dir: dir,
            follower,
            pending: Vec::new(),
            reverted: 0,
        }
    }

    /// Puts in what gathered, as the service does while it catches up.
    fn flush(&mut self) {
        self.mirror
            .apply_blocks(&std::mem::take(&mut self.pending))
            .unwrap();
    }

    /// Takes one event into the mirror; whether the follower has everything.
    async fn step(&mut self) -> bool {
        let event = tokio::time::timeout(Duration::from_secs(20), self.follower.next()).await;
        match event.expect("the follower goes on") {
            Event::Committed(block) => {
                self.pending.push(block);
                if self.pending.len() == BLOCKS_AT_ONCE {
                    self.flush();
                }
            }
            Event::Reverted(block) => {
                self.flush();
                self.reverted += 1;
                self.mirror.undo_block(&block).unwrap();
            }
            Event::CaughtUp { .. } => {
                self.flush();
                return true;
            }
            Event::Behind { .. } => {}
            Event::Halted(reason) => panic!("halted: {reason:?}"),
        }
        false
    }

    async fn settle(&mut self, chain: &SimChain) {
        while self.mirror.head() != Some(chain.head()) {
            self.step().await;
        }
    }
}

/// Tells one story; how many blocks were undone and how many wearables there are at its end.
async fn story(seed: u64) -> (usize, usize) {
    let mut seeded = Seeded::new(seed);
    let chain = stage::open(150);
    let log = stage::whole_log();
    chain.mine_blocks(1 + seeded.below(64));
    let mut told = Told::new(&chain).await;
    for _ in 0..CHANGES {
        stage::change(&chain, &mut seeded, DEEPEST, || {});
        // Chain and log arrive as they like, and the chain moves on in the middle of it.
        for _ in 0..seeded.below(40) {
            let next = told.mirror.log_size();
            if seeded.chance(300) && next < log.len() as u64 {
                told.mirror
                    .apply_entry(next, &log[usize::try_from(next).unwrap()])
                    .unwrap();
            } else if told.step().await {
                break;
            }
        }
    }
    told.settle(&chain).await;
    let rest = told.mirror.log_size();
    told.mirror
        .apply_entries(rest, &log[usize::try_from(rest).unwrap()..])
        .unwrap();
    let wearables = compare(&told.mirror, &chain);
    let digest = told.mirror.row_digest().unwrap();
    let log_first = seed.is_multiple_of(2);
    assert_eq!(
        digest,
        fresh(&chain, log_first),
        "seed {seed}, log first: {log_first}"
    );
    (told.reverted, wearables)
}

/// A mirror that was given the chain as it is, by nobody's node and follower.
fn fresh(chain: &SimChain, log_first: bool) -> Sha256 {
    let dir = stage::scratch();
    let config = stage::config(chain);
    let blocks = chain.blocks();
    let blocks = &blocks[usize::try_from(config.first_block).unwrap()..];
    let mirror = Mirror::open(dir.path(), config).unwrap();
    if log_first {
        mirror.apply_entries(0, stage::whole_log()).unwrap();
    }
    mirror.apply_blocks(blocks).unwrap();
    if !log_first {
        mirror.apply_entries(0, stage::whole_log()).unwrap();
    }
    mirror.row_digest().unwrap()
}

/// The mirror says of every wearable and of every wallet what the chain's own state says.
fn compare(mirror: &Mirror, chain: &SimChain) -> usize {
    let expected = stage::owners_in(&chain.storage());
    let view = mirror.view();
    for (id, owner) in &expected {
        let token = view
            .token(id)
            .unwrap()
            .unwrap_or_else(|| panic!("{id} is missing"));
        assert_eq!(token.owner, *owner, "{id}");
        assert_eq!(
            token.certificate_digest.b256(),
            testing::certificate_digest(*id),
            "{id}"
        );
    }
    for who in (0..stage::OWNERS).map(stage::owner) {
        let page = view.owned(who, None, 200).unwrap();
        let found: BTreeSet<WearableId> = page.items.iter().map(|(id, _)| *id).collect();
        assert_eq!(found, stage::owned_by(&expected, who), "{who}");
        assert_eq!(page.items.len(), found.len(), "{who} has something twice");
    }
    drop(view);
    let report = mirror.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
    let living = expected.values().filter(|owner| !owner.is_zero()).count();
    assert_eq!(report.owned, living as u64);
    expected.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_any_reorganisation_the_mirror_says_what_the_chain_says() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("VESTIARY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("VESTIARY_SCHEDULES").unwrap_or(SCHEDULES),
    };
    let (mut next, mut running) = (seeds.clone(), JoinSet::new());
    let (mut reverted, mut wearables) = (0, 0);
    loop {
        while running.len() < STORIES_AT_ONCE
            && let Some(seed) = next.next()
        {
            println!("seed {seed}: VESTIARY_SEED={seed} replays it");
            running.spawn(story(seed));
        }
        let Some(told) = running.join_next().await else {
            break;
        };
        let told = told.unwrap();
        reverted += told.0;
        wearables += told.1;
    }
    println!("Ran {seeds:?}: {reverted} blocks undone, {wearables} wearables compared");
    let count = seeds.end - seeds.start;
    if count >= SCHEDULES {
        assert!(
            reverted as u64 > 8 * count && wearables as u64 > 2 * count,
            "the schedules do too little: {reverted}, {wearables}"
        );
    }
}
