//! Apply, undo, and the order of things.

use alloy_primitives::B256;
use proptest::prelude::*;
use vestiary::block::Block;
use vestiary_mirror::{
    Error, Mirror, UNDO_WINDOW_BLOCKS,
    testing::{ChainBuilder, Commit, LogBuilder, certificate_digest, collection, config, wearable},
};

use crate::support::{Ledger, TestMirror, blocks, coat, opening, play, player};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_mirror_says_what_a_simple_ledger_says_and_undo_takes_back_every_byte(acts in blocks(16)) {
        let test = TestMirror::new();
        let (mut chain, mut ledger) = (ChainBuilder::new(config()), Ledger::default());
        let mut digests = vec![test.row_digest().unwrap()];
        let played = play(&mut chain, &mut ledger, &acts);
        for (block, ledger) in &played {
            test.apply_block(block).unwrap();
            ledger.check(&test.view());
            digests.push(test.row_digest().unwrap());
        }
        test.check();
        for (block, _) in played.iter().rev() {
            prop_assert_eq!(test.row_digest().unwrap(), digests.pop().unwrap());
            test.undo_block(&block.block_ref()).unwrap();
        }
        prop_assert_eq!(test.row_digest().unwrap(), digests.pop().unwrap());
        prop_assert_eq!(test.dump().count(), 0);
    }

    #[test]
    fn after_a_reorganisation_the_mirror_is_that_of_the_new_branch(
        common in blocks(6), old in blocks(8), new in blocks(8)
    ) {
        let (mut chain, mut ledger) = (ChainBuilder::new(config()), Ledger::default());
        let common = play(&mut chain, &mut ledger, &common);
        let fork = common.last().map(|(block, _)| block.clone());
        let old = play(&mut chain, &mut ledger.clone(), &old);
        let mut branch = ChainBuilder::branch_after(config(), fork.as_ref(), 1);
        let new = play(&mut branch, &mut ledger, &new);

        let test = TestMirror::new();
        for (block, _) in common.iter().chain(&old) {
            test.apply_block(block).unwrap();
        }
        for (block, _) in old.iter().rev() {
            test.undo_block(&block.block_ref()).unwrap();
        }
        for (block, ledger) in &new {
            test.apply_block(block).unwrap();
            ledger.check(&test.view());
        }
        test.check();

        let straight: Vec<Block> = common.iter().chain(&new).map(|(block, _)| block.clone()).collect();
        let fresh = TestMirror::with(&straight, &[]);
        prop_assert_eq!(fresh.row_digest().unwrap(), test.row_digest().unwrap());
    }

    #[test]
    fn blocks_at_once_and_blocks_one_by_one_give_the_same(acts in blocks(40)) {
        let played = play(&mut ChainBuilder::new(config()), &mut Ledger::default(), &acts);
        let blocks: Vec<Block> = played.into_iter().map(|(block, _)| block).collect();
        let at_once = TestMirror::with(&blocks, &[]);
        let one_by_one = TestMirror::new();
        for block in &blocks {
            one_by_one.apply_block(block).unwrap();
        }
        prop_assert_eq!(at_once.row_digest().unwrap(), one_by_one.row_digest().unwrap());
        prop_assert_eq!(at_once.undoable_blocks().unwrap(), one_by_one.undoable_blocks().unwrap());
        for block in blocks.iter().rev() {
            at_once.undo_block(&block.block_ref()).unwrap();
        }
        prop_assert_eq!(at_once.dump().count(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(interleavings()))]

    #[test]
    fn any_interleaving_of_chain_and_log_gives_one_digest(
        choices in prop::collection::vec(any::<bool>(), 64),
        detours in prop::collection::vec(0usize..8, 0..3),
    ) {
        let (blocks, entries) = &*STORY;
        let test = TestMirror::new();
        let (mut next_block, mut next_entry) = (0, 0);
        for (step, block_first) in choices.iter().cycle().enumerate() {
            if next_block == blocks.len() && next_entry == entries.len() {
                break;
            }
            if (*block_first || next_entry == entries.len()) && next_block < blocks.len() {
                test.apply_block(&blocks[next_block]).unwrap();
                next_block += 1;
            } else if next_entry < entries.len() {
                test.apply_entry(next_entry as u64, &entries[next_entry]).unwrap();
                next_entry += 1;
            }
            // Some blocks are undone and applied again on the way.
            if detours.contains(&step) && next_block > 0 {
                next_block -= 1;
                test.undo_block(&blocks[next_block].block_ref()).unwrap();
            }
        }
        prop_assert_eq!(test.row_digest().unwrap(), *STORY_DIGEST);
    }
}

/// How many interleavings are tried; `VESTIARY_INTERLEAVINGS` asks for more.
fn interleavings() -> u32 {
    let number = std::env::var("VESTIARY_INTERLEAVINGS");
    number.ok().and_then(|text| text.parse().ok()).unwrap_or(1_000)
}

static STORY_DIGEST: std::sync::LazyLock<vestiary::digest::Sha256> = std::sync::LazyLock::new(|| {
    let (blocks, entries) = &*STORY;
    let test = TestMirror::with(blocks, entries);
    let report = test.mirror.check().unwrap();
    assert_eq!(
        (report.certified_in_log, report.not_in_log),
        (4, 0),
        "the story is in both"
    );
    test.row_digest().unwrap()
});

static STORY: std::sync::LazyLock<(Vec<Block>, Vec<Vec<u8>>)> = std::sync::LazyLock::new(story);

/// Six blocks and twenty entries about the same wearables.
fn story() -> (Vec<Block>, Vec<Vec<u8>>) {
    let (mut chain, log) = opening();
    let mut blocks = vec![chain.end_block()];
    for serial in 1..=4 {
        chain.mint(coat(serial), player(1));
        blocks.push(chain.end_block());
    }
    chain.transfer(coat(1), player(1), player(2));
    chain.anchor(player(9), "log.example/wearables", 7, config().genesis_hash);
    blocks.push(chain.end_block());
    (blocks, log.entries().to_vec())
}

#[test]
fn a_block_that_does_not_follow_the_head_is_refused() {
    let test = TestMirror::new();
    let (mut chain, _) = opening();
    let (first, second, third) = (chain.end_block(), chain.end_block(), chain.end_block());
    refuse(&test, &second, None);
    test.apply_block(&first).unwrap();
    refuse(&test, &first, Some(&first));
    refuse(&test, &third, Some(&first));
    let other = ChainBuilder::branch_after(config(), None, 1).end_block();
    let on_other = ChainBuilder::branch_after(config(), Some(&other), 1).end_block();
    refuse(&test, &on_other, Some(&first));
    test.apply_block(&second).unwrap();
    assert_eq!(test.head(), Some(second.block_ref()));
}

fn refuse(mirror: &Mirror, block: &Block, head: Option<&Block>) {
    let before = mirror.row_digest().unwrap();
    match mirror.apply_block(block) {
        Err(Error::NotNextBlock { expected, got }) => {
            assert_eq!((expected, got), (head.map(Block::block_ref), block.block_ref()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(mirror.row_digest().unwrap(), before);
}

#[test]
fn only_the_head_is_undone_and_only_within_the_window() {
    let test = TestMirror::new();
    let (mut chain, _) = opening();
    let total = UNDO_WINDOW_BLOCKS + 3;
    let blocks: Vec<_> = (0..total).map(|_| chain.end_block()).collect();
    test.apply_blocks(&blocks).unwrap();
    let older = blocks[blocks.len() - 2].block_ref();
    assert!(matches!(test.undo_block(&older), Err(Error::NotHead { .. })));

    let undoable = test.undoable_blocks().unwrap();
    let expected: Vec<_> = blocks.iter().rev().take(512).map(Block::block_ref).collect();
    assert_eq!(undoable, expected);
    for block in undoable {
        test.undo_block(&block).unwrap();
    }
    let last = blocks[2].block_ref();
    assert_eq!(test.head(), Some(last));
    assert!(matches!(
        test.undo_block(&last),
        Err(Error::UndoWindow { number: 3 })
    ));
    test.check();
    assert_eq!(
        test.row_digest().unwrap(),
        TestMirror::with(&blocks[..3], &[]).row_digest().unwrap()
    );
}

#[test]
fn a_block_of_thousands_of_rows_is_one_step_and_undone_as_one() {
    let test = TestMirror::new();
    let (mut chain, _) = opening();
    test.apply_block(&chain.end_block()).unwrap();
    let before = test.row_digest().unwrap();
    let commit = Commit {
        design_id: 9,
        first_serial: 1,
        count: 3000,
        edition: 0,
    };
    chain.commit(collection(0x20), &commit);
    for serial in 1..=3000 {
        chain.mint(wearable(collection(0x20), 9, serial), player(1));
    }
    let block = chain.end_block();
    test.apply_block(&block).unwrap();
    assert_eq!(test.view().balance(player(1), &collection(0x20)).unwrap(), 3000);
    test.check();
    test.undo_block(&block.block_ref()).unwrap();
    assert_eq!(test.row_digest().unwrap(), before);
}

#[test]
fn a_collection_created_and_used_in_one_block_loses_nothing() {
    let test = TestMirror::new();
    let (mut chain, _) = opening();
    chain
        .mint(coat(1), player(1))
        .transfer(coat(1), player(1), player(2));
    test.apply_block(&chain.end_block()).unwrap();
    let view = test.view();
    assert_eq!(view.token(&coat(1)).unwrap().unwrap().owner, player(2));
    assert!(view.is_minter(&collection(0x20), player(201)).unwrap());
    assert_eq!(
        view.collection(&collection(0x20)).unwrap().unwrap().name,
        "Manteaux"
    );
}

#[test]
fn a_contract_that_looks_like_a_collection_is_ignored() {
    let test = TestMirror::new();
    let (mut chain, _) = opening();
    chain.mint(coat(1), player(1));
    test.apply_block(&chain.end_block()).unwrap();
    let rows = test.dump().count();

    // The same events from a contract that our factory did not list, even by a factory that is not ours.
    let stranger = collection(0xee);
    let fake_factory = vestiary::abi::ICollectionFactory::CollectionCreated {
        collection: stranger.address,
        issuerId: 1,
        index: alloy_primitives::U256::from(1),
    };
    chain.event(player(77), &fake_factory);
    for commit in crate::support::opening_commits() {
        chain.commit(stranger, &commit);
    }
    let id = stranger.wearable(coat(1).token_id);
    chain
        .mint(id, player(1))
        .transfer(id, player(1), player(2))
        .transfer(id, player(5), player(6));
    test.apply_block(&chain.end_block()).unwrap();

    let view = test.view();
    assert_eq!(view.token(&id).unwrap(), None);
    assert_eq!(view.collection(&stranger).unwrap(), None);
    assert_eq!(view.balance(player(2), &stranger).unwrap(), 0);
    assert_eq!(view.owned(player(1), None, 10).unwrap().items.len(), 1);
    drop(view);
    assert_eq!(test.dump().count(), rows, "no row but the head changed");
}

#[test]
fn entries_come_one_by_one_and_what_is_no_statement_is_noted_and_passed_over() {
    let test = TestMirror::new();
    let (_, mut log) = opening();
    let entries = log.entries().to_vec();
    for (index, expected) in [(1, 0), (7, 0)] {
        match test.apply_entry(index, &entries[0]) {
            Err(Error::NotNextEntry { expected: next, got }) => assert_eq!((next, got), (expected, index)),
            other => panic!("{other:?}"),
        }
    }
    test.apply_entries(0, &entries).unwrap();
    let size = entries.len() as u64;
    assert!(matches!(
        test.apply_entry(0, &entries[0]),
        Err(Error::NotNextEntry { .. })
    ));

    let mut forged = String::from_utf8(log.entries().last().unwrap().clone()).unwrap();
    forged = forged.replace("\"count\":\"5\"", "\"count\":\"6\"");
    assert_ne!(forged.as_bytes(), log.entries().last().unwrap().as_slice());
    log.raw(b"{}".to_vec())
        .raw(vec![0xff; 70_000])
        .raw(entries[0].clone())
        .raw(forged.into_bytes());
    let odd = &log.entries()[entries.len()..];
    test.apply_entries(size, odd).unwrap();
    assert_eq!(test.log_size(), size + 4);
    let unread = test.view().unread_entries(None, 10).unwrap().items;
    let reasons: Vec<_> = unread
        .iter()
        .map(|entry| entry.statement.reason.as_str())
        .collect();
    assert_eq!(unread[0].index, size);
    assert_eq!(reasons[0], "statement_version");
    assert_eq!(&reasons[2..], ["log_opened_again", "bad_issuer_signature"]);
    test.check();
}

#[test]
fn a_log_that_is_another_one_is_refused_at_its_first_entry() {
    let test = TestMirror::new();
    let mut other = config();
    other.log_origin = "other.example/wearables".into();
    let (_, log) = opening();
    for entry in [
        &LogBuilder::new(&other).entries()[0],
        &log.entries()[1],
        &b"junk".to_vec(),
    ] {
        assert!(matches!(
            test.apply_entry(0, entry),
            Err(Error::WrongLog { index: 0, .. })
        ));
        assert_eq!((test.log_size(), test.dump().count()), (0, 0));
    }
}

#[test]
fn a_certificate_in_the_log_that_is_not_the_certified_one_is_a_discrepancy() {
    let commit = Commit {
        design_id: 3,
        first_serial: 1,
        count: 3,
        edition: 0,
    };
    let id = |serial| wearable(collection(0x20), 3, serial);
    let (mut chain, mut log) = opening();
    chain.commit(collection(0x20), &commit);
    for serial in 1..=3 {
        chain.mint(id(serial), player(1));
    }
    let other = B256::repeat_byte(5);
    for (serial, digest) in [(1, other), (2, other), (2, certificate_digest(id(2)))] {
        log.certificate(collection(0x20), &commit, serial, digest);
    }
    let test = TestMirror::new();
    test.apply_block(&chain.end_block()).unwrap();
    test.apply_entries(0, log.entries()).unwrap();
    let report = test.mirror.check().unwrap();
    assert_eq!(
        (report.fault_count, report.discrepancy_count),
        (0, 1),
        "{report:?}"
    );
    assert!(report.discrepancies[0].contains(&id(1).to_string()));
    assert_eq!((report.certified_in_log, report.not_in_log), (1, 1));

    // Of two certificates for a serial, the one on the chain counts.
    let entry = test.view().certificate_entry(&id(2)).unwrap().unwrap();
    assert_eq!(entry.statement.digest.b256(), certificate_digest(id(2)));
}
