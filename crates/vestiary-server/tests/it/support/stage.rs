//! A stage for stories on the simulated chain: contracts as simple as can be, random acts, and what is true of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use alloy_primitives::{Address, Bytes, Log, U256, keccak256};
use tempfile::TempDir;
use vestiary::ids::{AccountId, CollectionId, WearableId};
use vestiary_chain::sim::{Fate, Seeded, SimCall, SimChain, SimOptions, SimOutcome, SimStorage};
use vestiary_mirror::MirrorConfig;
use vestiary_mirror::testing::{self, ChainBuilder, Commit, LogBuilder};

/// Collections, designs of each, serials of a batch, owners.
const COLLECTIONS: u64 = 2;
const DESIGNS: u64 = 2;
const BATCH: u64 = 3;
pub(crate) const OWNERS: u64 = 5;
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

pub(crate) fn owner(number: u64) -> Address {
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

/// Who owns what, as the simulated contracts remember it; the zero address for what was burned.
pub(crate) fn owners_in(storage: &SimStorage) -> BTreeMap<WearableId, Address> {
    let mut owners = BTreeMap::new();
    for (key, value) in storage {
        let key = std::str::from_utf8(key).unwrap();
        let Some(rest) = key.strip_prefix("owner/") else {
            continue;
        };
        let parts: Vec<u64> = rest.split('/').map(|part| part.parse().unwrap()).collect();
        let id = testing::wearable(collection(parts[0]), parts[1], parts[2]);
        let who = u64::from_be_bytes(value.as_slice().try_into().unwrap());
        let holder = if who == u64::MAX {
            Address::ZERO
        } else {
            owner(who)
        };
        owners.insert(id, holder);
    }
    owners
}

/// What one wallet owns.
pub(crate) fn owned_by(owners: &BTreeMap<WearableId, Address>, wallet: Address) -> BTreeSet<WearableId> {
    let mine = owners.iter().filter(|(_, owner)| **owner == wallet);
    mine.map(|(id, _)| *id).collect()
}

/// A call that performs an act.
fn call(act: Act) -> SimCall {
    SimCall {
        from: owner(0),
        to: STAGE,
        data: act
            .into_iter()
            .flat_map(u64::to_be_bytes)
            .collect::<Vec<_>>()
            .into(),
        value_wei: U256::ZERO,
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

/// A log of every design's first batch, in an order of its own. Signed once: every story has the same.
pub(crate) fn whole_log() -> &'static [Vec<u8>] {
    static LOG: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let config = testing::config();
        let mut log = LogBuilder::new(&config);
        for at in 0..COLLECTIONS {
            log.observe(1, AccountId::new(config.chain, owner(0)), "");
            for design in 1..=DESIGNS {
                log.design(collection(at), &commit_of(design, 1));
                log.batch(collection(at), &commit_of(design, 1));
            }
        }
        log.entries().to_vec()
    });
    &LOG
}

/// What a mirror of the stage is a mirror of.
pub(crate) fn config(chain: &SimChain) -> MirrorConfig {
    MirrorConfig {
        genesis_hash: chain.block_at(0).unwrap().hash,
        ..testing::config()
    }
}

/// A chain with the stage on it, two collections and a first batch.
pub(crate) fn open(finalized_depth: u64) -> SimChain {
    let chain = SimChain::new(SimOptions {
        chain: testing::config().chain,
        safe_depth: finalized_depth / 2,
        finalized_depth,
        ..SimOptions::default()
    });
    chain.set_contract(STAGE, perform);
    // What the service asks of the anchors' contract when it starts: nothing of its own is anchored here.
    chain.set_contract(testing::config().log_anchor, |_: &SimCall, _: &mut SimStorage| {
        Ok(SimOutcome {
            logs: Vec::new(),
            output: Bytes::from_static(&[0; 32]),
        })
    });
    for act in [
        [REGISTER, 0, 0, 0, 0],
        [CREATE, 0, 0, 0, 0],
        [CREATE, 1, 0, 0, 0],
        [COMMIT, 0, 1, 0, 0],
    ] {
        chain.call(call(act));
    }
    chain
}

/// Blocks, or a reorganisation to at most `deepest` blocks with a longer branch. `mined` sees every new block.
pub(crate) fn change(chain: &SimChain, seeded: &mut Seeded, deepest: u64, mut mined: impl FnMut()) {
    let mut blocks = 1 + seeded.below(4);
    if seeded.chance(400) {
        let depth = 1 + seeded.below(deepest.min(chain.head().number.saturating_sub(1)).max(1));
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
            let act = some_act(seeded, &chain.storage());
            chain.call(call(act));
        }
        chain.mine();
        mined();
    }
}

/// A directory in memory where the system has one: what is asked here is not what a disk does.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir()
        && let Ok(dir) = tempfile::tempdir_in(memory)
    {
        return dir;
    }
    tempfile::tempdir().unwrap()
}
