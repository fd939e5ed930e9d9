//! A mirror in a directory of its own, and a ledger that is much simpler than it.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;
use proptest::prelude::*;
use tempfile::TempDir;
use vestiary::{
    block::Block,
    ids::{CollectionId, WearableId},
};
use vestiary_mirror::{
    MAX_PAGE_ROWS, Mirror, View,
    testing::{ChainBuilder, Commit, LogBuilder, collection, config, wearable},
};

/// A directory in memory where the system has one: what rows say does not depend on the disk.
fn scratch() -> TempDir {
    let memory = std::path::Path::new("/dev/shm");
    match memory.is_dir().then(|| tempfile::tempdir_in(memory)) {
        Some(Ok(dir)) => dir,
        _ => tempfile::tempdir().unwrap(),
    }
}

/// A mirror that is deleted when dropped.
pub(crate) struct TestMirror {
    pub(crate) mirror: Mirror,
    pub(crate) dir: TempDir,
}

impl TestMirror {
    pub(crate) fn new() -> Self {
        let dir = scratch();
        Self {
            mirror: Mirror::open(dir.path(), config()).unwrap(),
            dir,
        }
    }

    /// A mirror that has applied all of it.
    pub(crate) fn with(blocks: &[Block], entries: &[Vec<u8>]) -> Self {
        let test = Self::new();
        test.apply_blocks(blocks).unwrap();
        test.apply_entries(0, entries).unwrap();
        test.check();
        test
    }

    /// Closes and opens again.
    pub(crate) fn reopen(self) -> Self {
        let Self { mirror, dir } = self;
        drop(mirror);
        Self {
            mirror: Mirror::open(dir.path(), config()).unwrap(),
            dir,
        }
    }

    /// The self-check finds nothing.
    pub(crate) fn check(&self) {
        let report = self.mirror.check().unwrap();
        assert!(report.is_clean(), "{report:#?}");
    }
}

impl std::ops::Deref for TestMirror {
    type Target = Mirror;

    fn deref(&self) -> &Mirror {
        &self.mirror
    }
}

/// Small address of a player.
pub(crate) fn player(number: u8) -> Address {
    Address::with_last_byte(number + 1)
}

/// What can happen, with choices that [`Ledger::act`] makes possible ones.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Register,
    Create {
        issuer: usize,
    },
    Commit {
        collection: usize,
        design: u64,
        count: u64,
    },
    Mint {
        serial: usize,
        to: u8,
    },
    Transfer {
        token: usize,
        to: u8,
    },
    Burn {
        token: usize,
    },
    Anchor {
        account: u8,
        growth: u64,
    },
    LookAlike {
        token: usize,
        to: u8,
    },
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
    let any = any::<usize>();
    prop_oneof![
        1 => Just(Act::Register),
        2 => any.prop_map(|issuer| Act::Create { issuer }),
        3 => (any, 1u64..4, 1u64..5).prop_map(|(collection, design, count)| Act::Commit { collection, design, count }),
        8 => (any, 0u8..6).prop_map(|(serial, to)| Act::Mint { serial, to }),
        8 => (any, 0u8..6).prop_map(|(token, to)| Act::Transfer { token, to }),
        1 => any.prop_map(|token| Act::Burn { token }),
        1 => (0u8..2, 1u64..9).prop_map(|(account, growth)| Act::Anchor { account, growth }),
        1 => (any, 0u8..6).prop_map(|(token, to)| Act::LookAlike { token, to }),
    ]
}

/// Some blocks of acts.
pub(crate) fn blocks(max: usize) -> impl Strategy<Value = Vec<Vec<Act>>> {
    prop::collection::vec(prop::collection::vec(act(), 0..6), 1..max)
}

/// The oracle: owners in a map, everything else in lists.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) issuers: u64,
    pub(crate) collections: Vec<CollectionId>,
    pub(crate) committed: Vec<(CollectionId, Commit)>,
    pub(crate) unminted: Vec<WearableId>,
    pub(crate) owners: BTreeMap<WearableId, Address>,
    pub(crate) burned: BTreeSet<WearableId>,
    pub(crate) anchored: BTreeMap<u8, u64>,
}

impl Ledger {
    /// Does something possible and writes it into `chain`.
    pub(crate) fn act(&mut self, chain: &mut ChainBuilder, act: &Act) {
        match *act {
            Act::Register => {
                self.issuers += 1;
                chain.register(self.issuers, player(200), "did:web:example.org");
            }
            Act::Create { issuer } if self.issuers > 0 && self.collections.len() < 100 => {
                let number = u8::try_from(self.collections.len()).unwrap();
                let id = collection(0x20 + number);
                let issuer = issuer as u64 % self.issuers + 1;
                chain.create(id, issuer, u64::from(number), player(201));
                self.collections.push(id);
            }
            Act::Commit {
                collection,
                design,
                count,
            } if !self.collections.is_empty() => {
                let id = self.collections[collection % self.collections.len()];
                let taken = self
                    .committed
                    .iter()
                    .filter(|(of, commit)| *of == id && commit.design_id == design);
                let first_serial = 1 + taken.map(|(_, commit)| commit.count).sum::<u64>();
                let commit = Commit {
                    design_id: design,
                    first_serial,
                    count,
                    edition: 0,
                };
                chain.commit(id, &commit);
                self.committed.push((id, commit));
                let serials = first_serial..first_serial + count;
                self.unminted
                    .extend(serials.map(|serial| wearable(id, design, serial)));
            }
            Act::Mint { serial, to } if !self.unminted.is_empty() => {
                let id = self.unminted.swap_remove(serial % self.unminted.len());
                chain.mint(id, player(to));
                self.owners.insert(id, player(to));
            }
            Act::Transfer { token, to } if !self.owners.is_empty() => {
                let (id, from) = self.nth(token);
                chain.transfer(id, from, player(to));
                self.owners.insert(id, player(to));
            }
            Act::Burn { token } if !self.owners.is_empty() => {
                let (id, from) = self.nth(token);
                chain.transfer(id, from, Address::ZERO);
                self.owners.remove(&id);
                self.burned.insert(id);
            }
            Act::Anchor { account, growth } => {
                let size = self.anchored.entry(account).or_default();
                *size += growth;
                chain.anchor(
                    player(account),
                    "log.example/wearables",
                    *size,
                    config().genesis_hash,
                );
            }
            Act::LookAlike { token, to } if !self.owners.is_empty() => {
                let (id, from) = self.nth(token);
                let stranger = collection(0xee).wearable(id.token_id);
                chain.transfer(stranger, from, player(to));
            }
            _ => {}
        }
    }

    fn nth(&self, index: usize) -> (WearableId, Address) {
        let (id, owner) = self.owners.iter().nth(index % self.owners.len()).unwrap();
        (*id, *owner)
    }

    /// The view says the same as the ledger.
    pub(crate) fn check(&self, view: &View<'_>) {
        let players: BTreeSet<_> = (0..6).map(player).collect();
        for player in players {
            let expected: Vec<_> = self
                .owners
                .iter()
                .filter(|(_, owner)| **owner == player)
                .collect();
            let owned = all_owned(view, player);
            assert_eq!(owned, expected.iter().map(|(id, _)| **id).collect::<Vec<_>>());
            for collection in &self.collections {
                let count = expected
                    .iter()
                    .filter(|(id, _)| id.collection == *collection)
                    .count();
                assert_eq!(view.balance(player, collection).unwrap(), count as u64);
            }
        }
        for (id, owner) in &self.owners {
            assert_eq!(view.token(id).unwrap().unwrap().owner, *owner);
        }
        for id in &self.burned {
            let token = view.token(id).unwrap().unwrap();
            assert_eq!(
                (token.owner, token.flags),
                (Address::ZERO, vestiary_mirror::FLAG_BURNED)
            );
        }
        for id in &self.unminted {
            assert_eq!(view.token(id).unwrap(), None);
        }
        assert_eq!(view.issuer_count().unwrap(), self.issuers);
        assert_eq!(view.collection_count().unwrap(), self.collections.len() as u64);
    }
}

/// The wallet, page by page.
pub(crate) fn all_owned(view: &View<'_>, owner: Address) -> Vec<WearableId> {
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = view.owned(owner, after.as_ref(), 3).unwrap();
        assert!(page.items.len() <= MAX_PAGE_ROWS);
        ids.extend(page.items.into_iter().map(|(id, _)| id));
        after = page.next;
        if after.is_none() {
            return ids;
        }
    }
}

/// Blocks of `acts` after those of `chain`, and the ledger after each.
pub(crate) fn play(chain: &mut ChainBuilder, ledger: &mut Ledger, acts: &[Vec<Act>]) -> Vec<(Block, Ledger)> {
    let mut played = Vec::new();
    for acts in acts {
        for act in acts {
            ledger.act(chain, act);
        }
        played.push((chain.end_block(), ledger.clone()));
    }
    played
}

/// One issuer, one collection with a committed design of ten and an open one, and the log that says so.
pub(crate) fn opening() -> (ChainBuilder, LogBuilder) {
    let mut chain = ChainBuilder::new(config());
    let mut log = LogBuilder::new(&config());
    chain.register(1, player(200), "did:web:example.org");
    chain.create(collection(0x20), 1, 0, player(201));
    for commit in opening_commits() {
        chain.commit(collection(0x20), &commit);
        log.design(collection(0x20), &commit)
            .batch(collection(0x20), &commit);
    }
    (chain, log)
}

/// The two batches of [`opening`].
pub(crate) fn opening_commits() -> [Commit; 2] {
    [
        Commit {
            design_id: 1,
            first_serial: 1,
            count: 10,
            edition: 10,
        },
        Commit {
            design_id: 2,
            first_serial: 1,
            count: 5,
            edition: 0,
        },
    ]
}

/// Wearable `serial` of design 1 of [`opening`].
pub(crate) fn coat(serial: u64) -> WearableId {
    wearable(collection(0x20), 1, serial)
}
