//! The mirror under the production follower, on a simulated chain that reorganises: its state is the oracle.
//!
//! `VESTIARY_SEED=<n>` replays one schedule, `VESTIARY_SCHEDULES=<n>` asks for more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, Log, TxKind, U256, keccak256};
use vestiary::block::Block;
use vestiary::digest::Sha256;
use vestiary::ids::{AccountId, CollectionId, WearableId};
use vestiary_chain::follower::{Event, Follower, FollowerOptions, LogCheck, Start, Watch};
use vestiary_chain::rpc::{Rpc, RpcOptions};
use vestiary_chain::sim::{Fate, Seeded, SimCall, SimChain, SimOptions, SimOutcome, SimStorage};
use vestiary_mirror::testing::{self, ChainBuilder, Commit, LogBuilder};
use vestiary_mirror::{Mirror, MirrorConfig};
use vestiary_signing::{AccountKey, Memory, Purpose};

/// Schedules when nobody asks for another number.
const SCHEDULES: u64 = 200;
/// Deepest reorganisation.
const DEEPEST: u64 = 64;
/// Collections, designs of each, serials of a batch, owners.
const COLLECTIONS: u64 = 2;
const DESIGNS: u64 = 2;
const BATCH: u64 = 3;
const OWNERS: u64 = 5;
/// Blocks that go into a mirror at once while it catches up.
const BLOCKS_AT_ONCE: usize = 32;
/// Where the one contract of the simulated chain stands: it plays registry, factory, anchor and collections.
const STAGE: Address = Address::repeat_byte(0x57);

/// An act as the calldata says it: what, collection, design, serial, owner.
type Act = [u64; 5];

const REGISTER: u64 = 0;
const CREATE: u64 = 1;
const COMMIT: u64 = 2;
const MINT: u64 = 3;
const TRANSFER: u64 = 4;
const BURN: u64 = 5;
const ANCHOR: u64 = 6;

fn collection(number: u64) -> CollectionId {
    testing::collection(0xc0 + u8::try_from(number).unwrap())
}

fn owner(number: u64) -> Address {
    Address::repeat_byte(0x10 + u8::try_from(number).unwrap())
}

fn commit_of(design: u64, first_serial: u64) -> Commit {
    Commit {
        design_id: design,
        first_serial,
        count: BATCH,
        edition: 0,
    }
}

fn get(storage: &SimStorage, key: &str) -> Option<u64> {
    let bytes = storage.get(key.as_bytes())?;
    Some(u64::from_be_bytes(bytes.as_slice().try_into().unwrap()))
}

fn set(storage: &mut SimStorage, key: &str, value: u64) {
    storage.insert(key.as_bytes().to_vec(), value.to_be_bytes().to_vec());
}

/// The contracts, written once more and as simply as can be: what they allow, what they remember, what they log.
fn perform(call: &SimCall, storage: &mut SimStorage) -> Result<SimOutcome, Bytes> {
    let number = |place: usize| u64::from_be_bytes(call.data[8 * place..8 * place + 8].try_into().unwrap());
    let [act, at, design, serial, who] = [0, 1, 2, 3, 4].map(number);
    let refused = Err(Bytes::from_static(b"refused"));
    let mut chain = ChainBuilder::new(testing::config());
    let id = testing::wearable(collection(at), design.max(1), serial.max(1));
    let token = format!("owner/{at}/{design}/{serial}");
    match act {
        REGISTER => {
            let issuer = get(storage, "issuers").unwrap_or(0) + 1;
            set(storage, "issuers", issuer);
            chain.register(issuer, owner(who), "did:web:brand.example");
        }
        CREATE => {
            let made = format!("collection/{at}");
            if get(storage, "issuers").is_none() || get(storage, &made).is_some() {
                return refused;
            }
            let index = get(storage, "collections").unwrap_or(0);
            set(storage, "collections", index + 1);
            set(storage, &made, 1);
            chain.create(collection(at), 1, index, owner(0));
        }
        COMMIT => {
            let next = format!("next/{at}/{design}");
            let first = get(storage, &next).unwrap_or(1);
            if get(storage, &format!("collection/{at}")).is_none() {
                return refused;
            }
            set(storage, &next, first + BATCH);
            chain.commit(collection(at), &commit_of(design, first));
        }
        MINT => {
            let committed = get(storage, &format!("next/{at}/{design}")).unwrap_or(1);
            if serial >= committed || get(storage, &token).is_some() {
                return refused;
            }
            set(storage, &token, who);
            chain.mint(id, owner(who));
        }
        TRANSFER | BURN => {
            let Some(from) = get(storage, &token).filter(|from| *from != u64::MAX) else {
                return refused;
            };
            set(storage, &token, if act == BURN { u64::MAX } else { who });
            let to = if act == BURN { Address::ZERO } else { owner(who) };
            chain.transfer(id, owner(from), to);
        }
        _ => {
            let size = get(storage, "anchored").unwrap_or(0) + 1;
            set(storage, "anchored", size);
            let config = testing::config();
            chain.anchor(
                Address::repeat_byte(0xa4),
                &config.log_origin,
                size,
                keccak256(size.to_be_bytes()),
            );
        }
    }
    let logs = chain.end_block().logs;
    let logs = logs
        .into_iter()
        .map(|log| Log::new_unchecked(log.address, log.topics, log.data))
        .collect();
    Ok(SimOutcome {
        logs,
        output: Bytes::new(),
    })
}

/// Who owns what, as the simulated contracts remember it.
fn owners(chain: &SimChain) -> BTreeMap<WearableId, Address> {
    let mut owners = BTreeMap::new();
    for (key, value) in chain.storage() {
        let key = String::from_utf8(key).unwrap();
        let Some(rest) = key.strip_prefix("owner/") else {
            continue;
        };
        let parts: Vec<u64> = rest.split('/').map(|part| part.parse().unwrap()).collect();
        let who = u64::from_be_bytes(value.as_slice().try_into().unwrap());
        let id = testing::wearable(collection(parts[0]), parts[1], parts[2]);
        owners.insert(
            id,
            if who == u64::MAX {
                Address::ZERO
            } else {
                owner(who)
            },
        );
    }
    owners
}

/// Sends an act from an account of its own, so that no nonce of another is in its way.
struct Senders {
    keys: Vec<AccountKey>,
    next: usize,
}

impl Senders {
    fn new(count: usize) -> Self {
        let key = |number: usize| {
            let secret = keccak256(format!("vestiary test key, never use: sender {number}")).0;
            AccountKey::import(Purpose::Submitter, &secret).unwrap()
        };
        Self {
            keys: (0..count).map(key).collect(),
            next: 0,
        }
    }

    /// `None` when everybody has sent.
    fn raw(&mut self, act: Act) -> Option<Bytes> {
        let key = self.keys.get(self.next)?;
        self.next += 1;
        let transaction = TxEip1559 {
            chain_id: testing::config().chain.0,
            nonce: 0,
            gas_limit: 100_000,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(STAGE),
            value: U256::ZERO,
            access_list: alloy_eips::eip2930::AccessList::default(),
            input: act
                .into_iter()
                .flat_map(u64::to_be_bytes)
                .collect::<Vec<_>>()
                .into(),
        };
        let signature = key.sign_transaction(&Memory::fresh(), &transaction).unwrap();
        Some(
            TxEnvelope::from(transaction.into_signed(signature))
                .encoded_2718()
                .into(),
        )
    }
}

/// One random act, mostly one that the contracts allow.
fn some_act(seeded: &mut Seeded, storage: &SimStorage) -> Act {
    let (at, design, who) = (
        seeded.below(COLLECTIONS),
        1 + seeded.below(DESIGNS),
        seeded.below(OWNERS),
    );
    let committed = get(storage, &format!("next/{at}/{design}")).unwrap_or(1);
    let serial = 1 + seeded.below(committed + 1);
    let act = match seeded.below(20) {
        0 => REGISTER,
        1 | 2 => CREATE,
        3..=5 => COMMIT,
        6..=11 => MINT,
        12..=17 => TRANSFER,
        18 => BURN,
        _ => ANCHOR,
    };
    [act, at, design, serial, who]
}

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

/// The log of everything that may ever be committed, in an order of its own.
fn whole_log(config: &MirrorConfig) -> Vec<Vec<u8>> {
    let mut log = LogBuilder::new(config);
    for at in 0..COLLECTIONS {
        log.observe(1, AccountId::new(config.chain, owner(0)), "");
        for design in 1..=DESIGNS {
            log.design(collection(at), &commit_of(design, 1));
            for batch in 0..4 {
                log.batch(collection(at), &commit_of(design, 1 + batch * BATCH));
            }
        }
    }
    log.entries().to_vec()
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
        let config = config(chain);
        let dir = tempfile::tempdir().unwrap();
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

fn config(chain: &SimChain) -> MirrorConfig {
    MirrorConfig {
        genesis_hash: chain.block_at(0).unwrap().hash,
        ..testing::config()
    }
}

/// Blocks, or a reorganisation with a longer branch.
async fn change(chain: &SimChain, rpc: &Rpc, seeded: &mut Seeded, senders: &mut Senders) {
    let mut act = async |seeded: &mut Seeded| {
        let Some(raw) = senders.raw(some_act(seeded, &chain.storage())) else {
            return;
        };
        let _: alloy_primitives::B256 = rpc.call("eth_sendRawTransaction", (raw,)).await.unwrap();
    };
    let mut blocks = 1 + seeded.below(4);
    if seeded.chance(400) {
        let depth = 1 + seeded.below(DEEPEST.min(chain.head().number.saturating_sub(1)).max(1));
        let returned = [0, 500, 1_000][usize::try_from(seeded.below(3)).unwrap()];
        let mut fates = seeded.clone();
        chain.reorg(usize::try_from(depth).unwrap(), |_| {
            if fates.chance(returned) {
                Fate::Returned
            } else {
                Fate::Dropped
            }
        });
        blocks = depth + 1 + seeded.below(3);
    }
    for _ in 0..blocks {
        for _ in 0..seeded.below(4) {
            act(seeded).await;
        }
        chain.mine();
    }
}

/// Tells one story; how many blocks were undone and how many wearables there are at its end.
async fn story(seed: u64, senders: &mut Senders) -> (usize, usize) {
    senders.next = 0;
    let mut seeded = Seeded::new(seed);
    let money = U256::from(10).pow(U256::from(20));
    let chain = SimChain::new(SimOptions {
        chain: testing::config().chain,
        safe_depth: 70,
        finalized_depth: 150,
        balances: senders.keys.iter().map(|key| (key.address(), money)).collect(),
        ..SimOptions::default()
    });
    chain.set_contract(STAGE, perform);
    let rpc = Rpc::connect(
        chain.endpoint(),
        testing::config().chain,
        None,
        RpcOptions::default(),
    )
    .await
    .unwrap();
    let log = whole_log(&config(&chain));
    for act in [
        [REGISTER, 0, 0, 0, 0],
        [CREATE, 0, 0, 0, 0],
        [CREATE, 1, 0, 0, 0],
        [COMMIT, 0, 1, 0, 0],
    ] {
        let raw = senders.raw(act).unwrap();
        let _: alloy_primitives::B256 = rpc.call("eth_sendRawTransaction", (raw,)).await.unwrap();
    }
    chain.mine_blocks(1 + seeded.below(70));
    let mut told = Told::new(&chain).await;
    for _ in 0..6 {
        change(&chain, &rpc, &mut seeded, &mut *senders).await;
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
        rebuilt(&chain, &log, log_first).await,
        "log first: {log_first}"
    );
    (told.reverted, wearables)
}

/// A mirror that never saw a reorganisation.
async fn rebuilt(chain: &SimChain, log: &[Vec<u8>], log_first: bool) -> Sha256 {
    let mut told = Told::new(chain).await;
    if log_first {
        told.mirror.apply_entries(0, log).unwrap();
    }
    told.settle(chain).await;
    assert_eq!(told.reverted, 0);
    if !log_first {
        told.mirror.apply_entries(0, log).unwrap();
    }
    told.mirror.row_digest().unwrap()
}

/// The mirror says of every wearable and of every wallet what the chain's own state says.
fn compare(mirror: &Mirror, chain: &SimChain) -> usize {
    let expected = owners(chain);
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
    for who in (0..OWNERS).map(owner) {
        let page = view.owned(who, None, 200).unwrap();
        let found: BTreeSet<WearableId> = page.items.iter().map(|(id, _)| *id).collect();
        let wanted = expected
            .iter()
            .filter(|(_, owner)| **owner == who)
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(found, wanted, "{who}");
        assert_eq!(page.items.len(), found.len(), "{who} has something twice");
    }
    drop(view);
    let report = mirror.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
    let living = expected.values().filter(|owner| !owner.is_zero()).count();
    assert_eq!(report.owned, living as u64);
    expected.len()
}

#[tokio::test]
async fn after_any_reorganisation_the_mirror_says_what_the_chain_says() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("VESTIARY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("VESTIARY_SCHEDULES").unwrap_or(SCHEDULES),
    };
    let mut senders = Senders::new(400);
    let (mut reverted, mut wearables) = (0, 0);
    for seed in seeds.clone() {
        println!("seed {seed}: VESTIARY_SEED={seed} replays it");
        let told = story(seed, &mut senders).await;
        reverted += told.0;
        wearables += told.1;
    }
    println!("Ran {seeds:?}: {reverted} blocks undone, {wearables} wearables compared");
    if seeds.end - seeds.start >= SCHEDULES {
        assert!(
            reverted > 2_000 && wearables > 500,
            "the schedules do too little: {reverted}, {wearables}"
        );
    }
}
