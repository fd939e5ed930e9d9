//! The mirror: stored rows, hostile blocks, hostile entries.

use std::cell::RefCell;

use alloy_primitives::{Address, B256, Bytes, U256};
use tempfile::TempDir;
use vestiary::abi::{
    ICollectionFactory::ICollectionFactoryEvents, IERC721, IIssuerRegistry::IIssuerRegistryEvents,
    ILogAnchor::ILogAnchorEvents, IWearableCollection::IWearableCollectionEvents, SolEvent as _,
};
use vestiary::block::Block;
use vestiary_mirror::testing::{ChainBuilder, Commit, LogBuilder, collection, config, decodes, wearable};
use vestiary_mirror::{Error, Mirror};

use crate::input::{Input, one_in};

/// Entries after which a made-up mirror is made anew, so that it stays small.
const ENTRIES_EACH: u64 = 200;

/// Stored rows: any key and value decode or do not.
pub(super) fn rows(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let key = input.piece();
    if let Some((table, _)) = decodes(key, input.rest()) {
        assert!(!table.is_empty());
    }
}

/// A small mirror with an issuer, a collection, a batch, a mint; and a block that goes on after them.
struct Small {
    mirror: Mirror,
    last: Block,
    next: Block,
    entries: u64,
    /// Of the rows as they were made.
    digest: vestiary::digest::Sha256,
    _dir: TempDir,
}

const COMMIT: Commit = Commit {
    design_id: 1,
    first_serial: 1,
    count: 3,
    edition: 0,
};

impl Small {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config = config();
        let mirror = Mirror::open(dir.path(), config.clone()).expect("an empty directory");
        let owner = Address::repeat_byte(0x11);
        let ours = collection(0xc0);
        let mut chain = ChainBuilder::new(config.clone());
        chain.register(1, owner, "did:web:brand.example");
        let mut blocks = vec![chain.end_block()];
        chain.create(ours, 1, 0, owner).commit(ours, &COMMIT);
        chain.mint(wearable(ours, 1, 1), owner);
        blocks.push(chain.end_block());
        for block in &blocks {
            mirror.apply_block(block).expect("a sound block");
        }
        chain.mint(wearable(ours, 1, 2), owner);
        chain.transfer(wearable(ours, 1, 1), owner, Address::repeat_byte(0x22));
        let next = chain.end_block();
        let mut log = LogBuilder::new(&config);
        log.design(ours, &COMMIT).batch(ours, &COMMIT);
        mirror.apply_entries(0, log.entries()).expect("sound entries");
        let entries = log.entries().len() as u64;
        let last = blocks.pop().expect("there are two");
        let digest = mirror.row_digest().expect("the rows are readable");
        Self {
            mirror,
            last,
            next,
            entries,
            digest,
            _dir: dir,
        }
    }

    fn digest(&self) -> vestiary::digest::Sha256 {
        self.mirror.row_digest().expect("the rows are readable")
    }
}

thread_local! {
    /// Stays as it was made.
    static FOR_BLOCKS: RefCell<Option<Small>> = const { RefCell::new(None) };
    /// Grows by what is taken.
    static FOR_ENTRIES: RefCell<Option<Small>> = const { RefCell::new(None) };
}

/// The topics that the contracts' events begin with.
fn signatures() -> impl Iterator<Item = [u8; 32]> {
    IWearableCollectionEvents::SELECTORS
        .iter()
        .chain(IIssuerRegistryEvents::SELECTORS)
        .chain(ICollectionFactoryEvents::SELECTORS)
        .chain(ILogAnchorEvents::SELECTORS)
        .copied()
        .chain([IERC721::Transfer::SIGNATURE_HASH.0])
}

/// A word of a topic or of data: a small number, an address of the story, or any 32 bytes.
fn word(input: &mut Input<'_>) -> B256 {
    let kind = input.byte();
    match kind {
        0..=0x7f => B256::from(U256::from(kind)),
        0x80..=0x9f => Address::repeat_byte([0, 0x11, 0x22, 0xc0][usize::from(kind % 4)]).into_word(),
        // A token of the collection.
        0xa0..=0xbf => B256::from(
            wearable(
                collection(0xc0),
                u64::from(kind / 4 % 4) + 1,
                u64::from(kind % 4) + 1,
            )
            .token_id
            .0,
        ),
        0xc0..=0xdf => COMMIT.root(collection(0xc0)),
        _ => B256::from(input.array::<32>()),
    }
}

fn hostile_block(after: &Block, bytes: &[u8]) -> Block {
    let config = config();
    let mut chain = ChainBuilder::branch_after(config.clone(), Some(after), 1);
    let mut input = Input::new(bytes);
    while !input.is_empty() {
        let (who, event, shape) = (input.byte(), input.byte(), input.byte());
        let address = match who % 6 {
            0 => config.registry,
            1 => config.factory,
            2 => config.log_anchor,
            3 | 4 => collection(0xc0).address,
            _ => collection(0xc1).address,
        };
        if who & 0x80 != 0 {
            chain.next_transaction();
        }
        let mut topics = Vec::new();
        if shape & 7 > 0 {
            let first = signatures().nth(usize::from(event) % (signatures().count() + 1));
            topics.push(first.map_or_else(|| word(&mut input), B256::from));
            topics.extend((1..(shape & 7).min(5)).map(|_| word(&mut input)));
        }
        let data = if shape & 8 == 0 {
            let words: Vec<_> = (0..shape >> 4).map(|_| word(&mut input).0).collect();
            words.concat()
        } else {
            input.piece().to_vec()
        };
        chain.log(address, topics, Bytes::from(data));
    }
    chain.end_block()
}

/// Any logs: undoing the block brings every row back, and a block that is refused leaves none.
pub(super) fn blocks(bytes: &[u8]) {
    FOR_BLOCKS.with_borrow_mut(|small| {
        let small = small.get_or_insert_with(Small::new);
        let block = hostile_block(&small.last, bytes);
        match small.mirror.apply_block(&block) {
            Ok(()) => {
                if one_in(8, bytes) {
                    let report = small.mirror.check().expect("the rows are readable");
                    // What such a chain certifies need not be in the log: a discrepancy, and no fault of the mirror's.
                    assert_eq!(report.fault_count, 0, "{report:?}");
                }
                small
                    .mirror
                    .undo_block(&block.block_ref())
                    .expect("the newest block");
            }
            Err(error) => assert!(matches!(error, Error::Contradiction { .. }), "{error}"),
        }
        assert_eq!(small.digest(), small.digest, "undo is not the inverse");
    });
}

/// Any entry is taken or refused for a reason; the block before it or after it (tried with one in eight, because it
/// takes ten times as long), the rows are the same.
pub(super) fn entries(bytes: &[u8]) {
    FOR_ENTRIES.with_borrow_mut(|small| {
        if small.as_ref().is_some_and(|small| small.entries > ENTRIES_EACH) {
            *small = None;
        }
        let small = small.get_or_insert_with(Small::new);
        let ordered = one_in(8, bytes);
        if ordered {
            small.mirror.apply_block(&small.next).expect("a sound block");
        }
        let applied = small.mirror.apply_entry(small.entries, bytes);
        small.entries += u64::from(applied.is_ok());
        if ordered {
            let block_first = small.digest();
            small
                .mirror
                .undo_block(&small.next.block_ref())
                .expect("the newest block");
            small.mirror.apply_block(&small.next).expect("a sound block");
            assert_eq!(small.digest(), block_first, "the order of arrival shows");
            small
                .mirror
                .undo_block(&small.next.block_ref())
                .expect("the newest block");
        }
        if let Err(error) = applied {
            assert!(matches!(error, Error::WrongLog { .. }), "{error}");
        }
    });
}
