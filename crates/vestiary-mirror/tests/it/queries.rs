//! Questions and their pages.

use alloy_primitives::{Address, B256, U256, keccak256};
use proptest::prelude::*;
use vestiary::{
    abi::IIssuerRegistry,
    ids::{AccountId, DesignId, IssuerId, Serial, TokenId, WearableId},
};
use vestiary_mirror::{
    HistoryKind, KeyName, MAX_PAGE_ROWS,
    testing::{ChainBuilder, Commit, LogBuilder, certificate_digest, collection, config, wearable},
};

use crate::support::{TestMirror, all_owned, coat, opening, opening_commits, player};

fn issuer(number: u64) -> IssuerId {
    IssuerId::new(number).unwrap()
}

fn design(number: u64) -> DesignId {
    DesignId::new(number).unwrap()
}

#[test]
fn an_answer_names_the_block_and_the_log_it_is_as_of() {
    let test = TestMirror::new();
    let as_of = test.view().as_of();
    assert_eq!((as_of.block, as_of.timestamp, as_of.log_size), (None, 0, 0));
    let (mut chain, log) = opening();
    let block = chain.end_block();
    test.apply_block(&block).unwrap();
    test.apply_entry(0, &log.entries()[0]).unwrap();
    let as_of = test.view().as_of();
    assert_eq!(
        (as_of.block, as_of.timestamp),
        (Some(block.block_ref()), block.timestamp)
    );
    assert_eq!(
        (as_of.log_origin.as_str(), as_of.log_size),
        ("log.example/wearables", 1)
    );
    let digest = vestiary::digest::Sha256::of(&log.entries()[0]);
    assert_eq!(test.view().last_entry(), Some((0, digest)));
}

#[test]
fn a_wearable_has_an_owner_a_certificate_a_batch_and_a_history() {
    let (mut chain, log) = opening();
    let first = chain.end_block();
    chain.mint(coat(3), player(1));
    let second = chain.end_block();
    chain
        .transfer(coat(3), player(1), player(2))
        .transfer(coat(3), player(2), player(2));
    let third = chain.end_block();
    chain.transfer(coat(3), player(2), Address::ZERO);
    let fourth = chain.end_block();
    let test = TestMirror::with(&[first, second.clone(), third], log.entries());

    let view = test.view();
    let token = view.token(&coat(3)).unwrap().unwrap();
    assert_eq!((token.owner, token.flags), (player(2), 0));
    assert_eq!(token.certificate_digest.b256(), certificate_digest(coat(3)));
    assert_eq!(token.minted.block, second.block_ref());
    assert_eq!(token.minted.transaction_hash, second.logs[0].transaction_hash);
    let entry = view.certificate_entry(&coat(3)).unwrap().unwrap();
    assert_eq!(
        (entry.statement.digest, entry.statement.token_id),
        (token.certificate_digest, coat(3).token_id)
    );
    let batch = view.batch_of(&coat(3)).unwrap().unwrap();
    assert_eq!((batch.first_serial.get(), batch.batch.count), (1, 10));
    assert_eq!(batch.batch.root, entry.statement.batch);
    let by_root = view.batch_by_root(&collection(0x20), batch.batch.root).unwrap();
    assert_eq!(by_root, Some(batch));
    assert_eq!(view.batch_of(&coat(11)).unwrap(), None);
    assert_eq!(view.batch_by_root(&collection(0x20), B256::ZERO).unwrap(), None);
    drop(view);

    test.apply_block(&fourth).unwrap();
    let view = test.view();
    assert!(view.token(&coat(3)).unwrap().unwrap().owner.is_zero());
    assert_eq!(view.owned(player(2), None, 10).unwrap().items, []);
    assert_eq!(view.balances(player(2), None, 10).unwrap().items, []);
    let mut kinds = Vec::new();
    let mut after = None;
    loop {
        let page = view.history(&coat(3), after, 2).unwrap();
        kinds.extend(page.items.iter().map(|entry| (entry.kind, entry.to)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected = [
        (HistoryKind::Minted, player(1)),
        (HistoryKind::Certified, Address::ZERO),
        (HistoryKind::Transferred, player(2)),
        (HistoryKind::Transferred, player(2)),
        (HistoryKind::Burned, Address::ZERO),
    ];
    assert_eq!(kinds, expected);
    let collection = view.collection(&collection(0x20)).unwrap().unwrap();
    assert_eq!((collection.minted, collection.burned), (1, 1));
}

#[test]
fn a_batch_that_is_only_in_the_log_is_found_with_its_leaves() {
    let (_, mut log) = opening();
    let commit = Commit {
        design_id: 1,
        first_serial: 11,
        count: 3,
        edition: 0,
    };
    log.batch(collection(0x20), &commit);
    let test = TestMirror::with(&[], log.entries());
    let view = test.view();
    let stated = view.stated_batch_of(&coat(12)).unwrap().unwrap();
    assert_eq!(
        (stated.statement.first_serial.get(), stated.by),
        (11, log.issuer_key())
    );
    assert_eq!(view.stated_batch_of(&coat(14)).unwrap(), None);
    assert_eq!(view.batch_of(&coat(12)).unwrap(), None);
    let root = commit.root(collection(0x20));
    assert_eq!(view.batch_statements(root).unwrap(), [stated]);
    let entry = view.certificate_entry(&coat(12)).unwrap().unwrap();
    assert_eq!(entry.statement.batch, root);

    let first = view.certificates(root, None, 2).unwrap();
    let rest = view.certificates(root, first.next, 2).unwrap();
    let serials: Vec<_> = first
        .items
        .iter()
        .chain(&rest.items)
        .map(|leaf| leaf.statement.token_id)
        .collect();
    assert_eq!(serials, [coat(11), coat(12), coat(13)].map(|id| id.token_id));
    assert_eq!(rest.next, None);

    let all = view.stated_batches(&collection(0x20), None, None, 2).unwrap();
    assert_eq!(all.items.len(), 2);
    let rest = view.stated_batches(&collection(0x20), None, all.next, 2).unwrap();
    assert_eq!(rest.items[0].statement.design_id, design(2));
    let of_one = view
        .stated_batches(&collection(0x20), Some(design(1)), None, 9)
        .unwrap();
    assert_eq!(of_one.items.len(), 2);
    let designs = view.design_statements(&collection(0x20), design(1)).unwrap();
    assert_eq!(designs[0].statement.edition.limit(), Some(10));
}

#[test]
fn what_is_said_of_keys_and_issuers_is_kept_and_undone_with_its_block() {
    let registry = config().registry;
    let (key, origin_hash) = (B256::repeat_byte(5), keccak256(config().log_origin));
    let mut chain = ChainBuilder::new(config());
    let accepted = IIssuerRegistry::LogAccepted {
        issuerId: 1,
        originHash: origin_hash,
        anchoringAccount: player(9),
    };
    let added = IIssuerRegistry::KeyAdded {
        issuerId: 1,
        key,
        originHash: origin_hash,
        fromIndex: 2,
    };
    let accredited = |account| IIssuerRegistry::IssuerAccredited {
        issuerId: 1,
        accreditor: account,
        evidence: B256::repeat_byte(7),
    };
    chain
        .register(1, player(1), "")
        .event(registry, &accepted)
        .event(registry, &added)
        .event(registry, &accredited(player(3)))
        .event(registry, &accredited(player(4)));
    let first = chain.end_block();
    let compromised = IIssuerRegistry::KeyCompromised {
        issuerId: 1,
        key,
        originHash: origin_hash,
        fromIndex: 4,
        effectiveFrom: 1_700_604_800,
    };
    let withdrawn = IIssuerRegistry::AccreditationWithdrawn {
        issuerId: 1,
        accreditor: player(3),
    };
    chain.event(registry, &compromised).event(registry, &withdrawn);
    let second = chain.end_block();
    let test = TestMirror::with(&[first, second.clone()], &[]);
    let name = KeyName { origin_hash, key };
    let accounts = |test: &TestMirror| -> Vec<Address> {
        let page = test.view().accreditations(issuer(1), None, 9).unwrap();
        page.items.into_iter().map(|(account, _)| account).collect()
    };

    let compromise = test.view().compromise(issuer(1), name).unwrap().unwrap();
    assert_eq!(
        (compromise.from_index, compromise.effective_from),
        (4, 1_700_604_800)
    );
    assert_eq!(accounts(&test), [player(4)]);
    test.check();

    test.undo_block(&second.block_ref()).unwrap();
    assert_eq!(test.view().compromise(issuer(1), name).unwrap(), None);
    assert_eq!(accounts(&test), [player(3), player(4)]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, asked about from every side")]
fn issuers_keep_their_accounts_dids_keys_and_logs() {
    let (registry, chain_id) = (config().registry, config().chain);
    let origin_hash = keccak256(config().log_origin);
    let mut log = LogBuilder::new(&config());
    let key = log.issuer_key();
    let mut chain = ChainBuilder::new(config());
    chain
        .register(1, player(1), "did:web:one.example")
        .register(2, player(1), "");
    chain
        .create(collection(0x20), 2, 0, player(7))
        .create(collection(0x21), 1, 1, player(7));
    let first = chain.end_block();
    chain
        .event(
            registry,
            &IIssuerRegistry::AccountProposed {
                issuerId: 2,
                proposed: player(2),
            },
        )
        .event(
            registry,
            &IIssuerRegistry::DidClaimed {
                issuerId: 1,
                did: "did:web:two.example".into(),
            },
        )
        .event(
            registry,
            &IIssuerRegistry::LogAccepted {
                issuerId: 2,
                originHash: origin_hash,
                anchoringAccount: player(9),
            },
        )
        .event(
            registry,
            &IIssuerRegistry::KeyAdded {
                issuerId: 2,
                key,
                originHash: origin_hash,
                fromIndex: 2,
            },
        );
    let second = chain.end_block();
    chain
        .event(
            registry,
            &IIssuerRegistry::AccountChanged {
                issuerId: 2,
                previous: player(1),
                current: player(2),
            },
        )
        .event(
            registry,
            &IIssuerRegistry::KeyRetired {
                issuerId: 2,
                key,
                originHash: origin_hash,
                untilIndex: 5,
            },
        )
        .event(
            registry,
            &IIssuerRegistry::LogRemoved {
                issuerId: 2,
                originHash: origin_hash,
            },
        )
        .anchor(player(9), "log.example/wearables", 3, B256::repeat_byte(3))
        .anchor(player(9), "log.example/wearables", 300, B256::repeat_byte(4));
    let third = chain.end_block();
    log.observe(1, AccountId::new(chain_id, player(1)), "did:web:one.example");
    let test = TestMirror::with(&[first, second], log.entries());

    let view = test.view();
    assert_eq!(view.issuer(issuer(2)).unwrap().unwrap().proposed, Some(player(2)));
    assert_eq!(
        view.issuers_of_account(player(1), None, 9).unwrap().items,
        [issuer(1), issuer(2)]
    );
    for (index, holds) in [(1, false), (2, true), (u64::MAX, true)] {
        assert_eq!(
            view.is_key_of_collection(&collection(0x20), key, index).unwrap(),
            holds,
            "{index}"
        );
        assert!(!view.is_key_of_collection(&collection(0x21), key, index).unwrap());
    }
    assert!(
        view.accepted_logs(issuer(2), None, 9).unwrap().items[0]
            .1
            .accepted
    );
    drop(view);

    test.apply_block(&third).unwrap();
    let view = test.view();
    assert_eq!(
        view.issuer(issuer(1)).unwrap().unwrap().did,
        "did:web:two.example"
    );
    let claims = view.did_claims(issuer(1), None, 1).unwrap();
    assert_eq!(claims.items[0].did, "did:web:one.example");
    assert_eq!(
        view.did_claims(issuer(1), claims.next, 1).unwrap().items[0].did,
        "did:web:two.example"
    );
    assert_eq!(view.issuer(issuer(2)).unwrap().unwrap().account, player(2));
    assert_eq!(
        view.issuers_of_account(player(1), None, 9).unwrap().items,
        [issuer(1)]
    );
    assert_eq!(
        view.issuers_of_account(player(2), None, 9).unwrap().items,
        [issuer(2)]
    );
    assert_eq!(view.issuer(issuer(3)).unwrap(), None);
    assert_eq!(view.issuers(Some(issuer(1)), 9).unwrap().items.len(), 1);
    let name = KeyName { origin_hash, key };
    assert_eq!(view.key(issuer(2), name).unwrap().unwrap().until_index, Some(5));
    assert_eq!(view.keys(issuer(2), None, 9).unwrap().items[0].0, name);
    assert!(view.is_key_of_collection(&collection(0x20), key, 4).unwrap());
    assert!(!view.is_key_of_collection(&collection(0x20), key, 5).unwrap());
    let (hash, accepted) = view.accepted_logs(issuer(2), None, 9).unwrap().items.remove(0);
    assert_eq!(
        (hash, accepted.accepted, accepted.anchoring_account),
        (origin_hash, false, player(9))
    );

    assert_eq!(
        view.latest_anchor(player(9), origin_hash).unwrap().unwrap().0,
        300
    );
    assert_eq!(view.latest_anchor(player(8), origin_hash).unwrap(), None);
    for (index, size) in [
        (0, Some(3)),
        (2, Some(3)),
        (3, Some(300)),
        (299, Some(300)),
        (300, None),
    ] {
        let anchor = view.anchor_containing(player(9), origin_hash, index).unwrap();
        assert_eq!(anchor.map(|(size, _)| size), size, "entry {index}");
    }
    assert_eq!(
        view.anchors(player(9), origin_hash, Some(3), 9).unwrap().items[0].0,
        300
    );

    assert_eq!(
        view.collections(None, None, 1).unwrap().next,
        Some(collection(0x20))
    );
    let of_issuer = view.collections(Some(issuer(1)), None, 9).unwrap().items;
    assert_eq!(
        of_issuer.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        [collection(0x21)]
    );
    assert_eq!(
        view.minters(&collection(0x20), None, 9).unwrap().items[0].0,
        player(7)
    );
    assert!(!view.is_minter(&collection(0x20), player(8)).unwrap());
    assert_eq!(
        view.issuer_observed(issuer(1)).unwrap().unwrap().statement.did,
        "did:web:one.example"
    );
    assert_eq!(view.log_opened().unwrap().unwrap().registry.address, registry);
}

#[test]
fn designs_and_batches_are_listed_in_order() {
    let (mut chain, _) = opening();
    chain.commit(
        collection(0x20),
        &Commit {
            design_id: 2,
            first_serial: 6,
            count: 4,
            edition: 0,
        },
    );
    let test = TestMirror::with(&[chain.end_block()], &[]);
    let view = test.view();
    let designs = view.designs(&collection(0x20), None, 1).unwrap();
    assert_eq!(
        designs.items[0].1.digest.b256(),
        opening_commits()[0].design_digest()
    );
    let designs = view.designs(&collection(0x20), designs.next, 9).unwrap();
    assert_eq!(
        (designs.items[0].0, designs.items[0].1.next_serial, designs.next),
        (design(2), 10, None)
    );
    let batches = view.batches(&collection(0x20), None, None, 2).unwrap();
    assert_eq!(batches.next, Some((design(2), Serial::new(1).unwrap())));
    let batches = view.batches(&collection(0x20), None, batches.next, 2).unwrap();
    assert_eq!(batches.items[0].first_serial.get(), 6);
    assert_eq!(
        view.batches(&collection(0x20), Some(design(1)), None, 9)
            .unwrap()
            .items
            .len(),
        1
    );
    assert_eq!(view.design(&collection(0x20), design(3)).unwrap(), None);
}

#[test]
fn a_page_has_a_named_limit_and_a_strange_cursor_gives_no_rows_of_others() {
    let (mut chain, _) = opening();
    let commit = Commit {
        design_id: 3,
        first_serial: 1,
        count: 500,
        edition: 0,
    };
    chain.commit(collection(0x20), &commit);
    for serial in 1..=500 {
        chain.mint(wearable(collection(0x20), 3, serial), player(1));
    }
    chain.mint(coat(1), player(2));
    let test = TestMirror::with(&[chain.end_block()], &[]);
    let view = test.view();
    assert_eq!(
        view.owned(player(1), None, usize::MAX).unwrap().items.len(),
        MAX_PAGE_ROWS
    );
    assert_eq!(view.owned(player(1), None, 0).unwrap().items.len(), 1);
    assert_eq!(all_owned(&view, player(1)).len(), 500);
    let last = collection(0xff).wearable(TokenId(U256::MAX));
    let first = collection(0).wearable(TokenId(U256::ZERO));
    assert_eq!(view.owned(player(1), Some(&last), 10).unwrap().items, []);
    assert_eq!(
        view.owned(player(1), Some(&first), 1).unwrap().items[0].0,
        wearable(collection(0x20), 3, 1)
    );
    assert_eq!(
        view.batches(
            &collection(0x20),
            Some(design(1)),
            Some((design(2), Serial::new(1).unwrap())),
            9
        )
        .unwrap()
        .items,
        []
    );
    let mut elsewhere = coat(1);
    elsewhere.collection.chain.0 += 1;
    assert_eq!(view.token(&elsewhere).unwrap(), None);
    assert_eq!(view.balance(player(1), &elsewhere.collection).unwrap(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_walk_over_a_wallet_meets_everything_that_stays_once_whatever_comes_and_goes(
        moves in prop::collection::vec((1u64..=60, any::<bool>()), 1..40), limit in 1usize..8,
    ) {
        let (mut chain, _) = opening();
        let commit = Commit { design_id: 3, first_serial: 1, count: 60, edition: 0 };
        chain.commit(collection(0x20), &commit);
        let id = |serial| wearable(collection(0x20), 3, serial);
        for serial in 1..=60 {
            chain.mint(id(serial), player(u8::from(serial % 2 == 0)));
        }
        let test = TestMirror::with(&[chain.end_block()], &[]);
        let mut stays: Vec<_> = (1..=60).filter(|serial| serial % 2 == 0).map(id).collect();
        let mut moves = moves.into_iter();
        let mut met: Vec<WearableId> = Vec::new();
        let mut after = None;
        loop {
            let page = test.view().owned(player(1), after.as_ref(), limit).unwrap();
            met.extend(page.items.iter().map(|(id, _)| *id));
            after = page.next;
            if after.is_none() {
                break;
            }
            if let Some((serial, away)) = moves.next() {
                let from = test.view().token(&id(serial)).unwrap().unwrap().owner;
                let to = if away { player(0) } else { player(1) };
                chain.transfer(id(serial), from, to);
                test.apply_block(&chain.end_block()).unwrap();
                stays.retain(|stayed| *stayed != id(serial));
            }
        }
        prop_assert!(met.is_sorted_by(|a, b| a < b), "nothing twice");
        prop_assert!(stays.iter().all(|id| met.contains(id)), "nothing that stayed is missed");
    }
}

#[test]
fn readers_never_see_half_a_block() {
    let (mut chain, _) = opening();
    for serial in 1..=10 {
        chain.mint(coat(serial), player(0));
    }
    let test = TestMirror::with(&[chain.end_block()], &[]);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut views = 0u64;
                while !done.load(std::sync::atomic::Ordering::Relaxed) || views == 0 {
                    let view = test.view();
                    let number = view.as_of().block.unwrap().number;
                    // Block n moves all ten coats to player n mod 4, one after the other.
                    let owner = player(u8::try_from((number - 1) % 4).unwrap());
                    assert_eq!(
                        view.balance(owner, &collection(0x20)).unwrap(),
                        10,
                        "at block {number}"
                    );
                    assert_eq!(view.owned(owner, None, 20).unwrap().items.len(), 10);
                    views += 1;
                }
            });
        }
        for number in 1..=200u8 {
            let (from, to) = ((number - 1) % 4, number % 4);
            for serial in 1..=10 {
                chain.transfer(coat(serial), player(from), player(to));
            }
            let block = chain.end_block();
            test.apply_block(&block).unwrap();
            if number % 10 == 0 {
                test.undo_block(&block.block_ref()).unwrap();
                test.apply_block(&block).unwrap();
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
