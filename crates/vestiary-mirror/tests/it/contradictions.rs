//! What our contracts cannot have written is refused, and nothing changes.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use vestiary::{
    abi::{ICollectionFactory, IERC721, IIssuerRegistry, IWearableCollection, IWearableRights, SolEvent},
    block::Block,
};
use vestiary_mirror::{
    Error,
    testing::{ChainBuilder, Commit, collection, config, wearable},
};

use crate::support::{TestMirror, coat, opening, player};

/// After the opening and the mint of coats 1 and 2 (coat 2 burned), a block that `lie` writes is refused
/// with a text that contains `why`, and leaves everything as it was.
fn check(why: &str, lie: impl FnOnce(&mut ChainBuilder)) {
    check_block(why, |chain| {
        lie(chain);
        chain.end_block()
    });
}

fn check_block(why: &str, lie: impl FnOnce(&mut ChainBuilder) -> Block) {
    let test = TestMirror::new();
    let (mut chain, _) = opening();
    chain
        .mint(coat(1), player(1))
        .mint(coat(2), player(1))
        .transfer(coat(2), player(1), Address::ZERO);
    test.apply_block(&chain.end_block()).unwrap();
    let (head, before) = (test.head(), test.row_digest().unwrap());

    // A true act before the lie is taken back with it, and a good block before stays.
    let good = chain.end_block();
    chain.transfer(coat(1), player(1), player(3));
    let block = lie(&mut chain);
    match test.apply_blocks(&[good.clone(), block.clone()]) {
        Err(Error::Contradiction { number, what, .. }) => {
            assert!(what.contains(why), "{what:?} does not say {why:?}");
            assert_eq!(number, block.number);
        }
        other => panic!("{why}: {other:?}"),
    }
    assert_eq!(test.head(), Some(good.block_ref()));
    test.undo_block(&good.block_ref()).unwrap();
    assert_eq!((test.head(), test.row_digest().unwrap()), (head, before));
    test.check();

    // The truth is still welcome.
    test.apply_block(&good).unwrap();
    test.apply_block(&ChainBuilder::branch_after(config(), Some(&good), 0).end_block())
        .unwrap();
}

#[test]
fn transfers_that_cannot_be() {
    check("is not owned by", |chain| {
        chain.transfer(coat(1), player(2), player(4));
    });
    check("is not owned by", |chain| {
        chain.transfer(coat(3), player(1), player(4));
    });
    check("is not owned by", |chain| {
        chain.transfer(coat(2), player(1), player(4));
    });
    check("from nobody to nobody", |chain| {
        chain.transfer(coat(3), Address::ZERO, Address::ZERO);
    });
}

#[test]
fn rights_that_cannot_be() {
    let changed = |token: u64, flags: U256| IWearableRights::RightsChanged {
        tokenId: U256::from(1) << 64 | U256::from(token),
        flags,
    };
    let collection = collection(0x20).address;
    check("never minted", |chain| {
        chain.event(collection, &changed(3, U256::from(2)));
    });
    for flags in [U256::from(1), U256::from(1) << 56, U256::MAX] {
        check("cannot be", |chain| {
            chain.event(collection, &changed(1, flags));
        });
    }
    // Coat 2 is burned: nothing changes about it any more.
    check("cannot be", |chain| {
        chain.event(collection, &changed(2, U256::from(2)));
    });
}

#[test]
fn mints_that_cannot_be() {
    check("minted twice", |chain| {
        chain.mint(coat(1), player(1));
    });
    check("minted twice", |chain| {
        chain.mint(coat(2), player(1));
    });
    check("was never committed", |chain| {
        chain.mint(coat(11), player(1));
    });
    check("was never committed", |chain| {
        chain.mint(wearable(collection(0x20), 3, 1), player(1));
    });
    check("has no design and serial", |chain| {
        chain.mint(
            collection(0x20).wearable(vestiary::ids::TokenId(U256::MAX)),
            player(1),
        );
    });
    check("not both minted and certified", |chain| {
        chain.transfer(coat(3), Address::ZERO, player(1));
    });
    let certified = |id| IWearableCollection::Certified {
        tokenId: U256::from(1) << 64 | U256::from(id),
        certificateDigest: B256::ZERO,
    };
    check("not both minted and certified", |chain| {
        chain.event(collection(0x20).address, &certified(3));
    });
    check("certified twice", |chain| {
        chain.event(collection(0x20).address, &certified(1));
    });
    check("certified twice", |chain| {
        chain
            .mint(coat(3), player(1))
            .event(collection(0x20).address, &certified(3));
    });
    check("certified twice", |chain| {
        chain
            .event(collection(0x20).address, &certified(3))
            .event(collection(0x20).address, &certified(3));
    });
}

#[test]
fn commits_that_cannot_be() {
    let commit = Commit {
        design_id: 2,
        first_serial: 6,
        count: 5,
        edition: 0,
    };
    check("do not follow on 6", |chain| {
        chain.commit(
            collection(0x20),
            &Commit {
                first_serial: 7,
                ..commit
            },
        );
    });
    check("do not follow on 6", |chain| {
        let nothing = Commit {
            first_serial: 0,
            count: 0,
            ..commit
        };
        chain.commit(collection(0x20), &nothing);
    });
    check("do not follow on 6", |chain| {
        chain.commit(collection(0x20), &Commit { count: 0, ..commit });
    });
    check("do not follow on 6", |chain| {
        chain.commit(
            collection(0x20),
            &Commit {
                count: u64::MAX,
                ..commit
            },
        );
    });
    check("within edition 10", |chain| {
        chain.commit(
            collection(0x20),
            &Commit {
                design_id: 1,
                first_serial: 11,
                count: 1,
                edition: 10,
            },
        );
    });
}

#[test]
fn designs_that_cannot_be() {
    let address = collection(0x20).address;
    let commit = Commit {
        design_id: 2,
        first_serial: 6,
        count: 5,
        edition: 0,
    };
    check("is not open", |chain| {
        chain.commit(
            collection(0x20),
            &Commit {
                design_id: 3,
                ..commit
            },
        );
    });
    check("is open already", |chain| {
        chain.commit(
            collection(0x20),
            &Commit {
                first_serial: 1,
                ..commit
            },
        );
    });
    check("committed twice", |chain| {
        let root = Commit {
            design_id: 1,
            first_serial: 1,
            count: 10,
            edition: 10,
        }
        .root(collection(0x20));
        chain.event(
            address,
            &IWearableCollection::BatchCommitted {
                designId: 2,
                firstSerial: 6,
                count: 1,
                root,
            },
        );
    });
    check("design id", |chain| {
        chain.commit(
            collection(0x20),
            &Commit {
                design_id: 0,
                first_serial: 1,
                ..commit
            },
        );
    });
    check("opened without a batch", |chain| {
        let opened = IWearableCollection::DesignOpened {
            designId: 3,
            designDigest: B256::ZERO,
            edition: 0,
            terms: U256::ZERO,
        };
        chain.event(address, &opened);
    });
    check("must be zero", |chain| {
        let opened = IWearableCollection::DesignOpened {
            designId: 3,
            designDigest: B256::ZERO,
            edition: 0,
            terms: U256::MAX,
        };
        chain.event(address, &opened);
    });
}

#[test]
fn collections_that_cannot_be() {
    check("follows 1 collections", |chain| {
        chain.create(collection(0x21), 1, 2, player(1));
    });
    check("is listed already", |chain| {
        chain.create(collection(0x20), 1, 1, player(1));
    });
    check("issuer 2 is not registered", |chain| {
        chain.create(collection(0x21), 2, 1, player(1));
    });
    check("logs are missing", |chain| {
        let created = ICollectionFactory::CollectionCreated {
            collection: collection(0x21).address,
            issuerId: 1,
            index: U256::from(1),
        };
        chain.event(config().factory, &created);
    });
    check("is initialised again", |chain| {
        let initialized = IWearableCollection::CollectionInitialized {
            issuerId: 1,
            name: String::new(),
            symbol: String::new(),
        };
        chain.event(collection(0x20).address, &initialized);
    });
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each event")]
fn registry_events_that_cannot_be() {
    let registry = config().registry;
    let (key, origin) = (B256::repeat_byte(1), keccak256("log.example/wearables"));
    let added = IIssuerRegistry::KeyAdded {
        issuerId: 1,
        key,
        originHash: origin,
        fromIndex: 3,
    };
    let retired = IIssuerRegistry::KeyRetired {
        issuerId: 1,
        key,
        originHash: origin,
        untilIndex: 2,
    };
    let accepted = IIssuerRegistry::LogAccepted {
        issuerId: 1,
        originHash: origin,
        anchoringAccount: player(9),
    };
    let removed = IIssuerRegistry::LogRemoved {
        issuerId: 1,
        originHash: origin,
    };
    check("follows 1 issuers", |chain| {
        chain.register(3, player(1), "");
    });
    check("issuer 7 is not registered", |chain| {
        chain.event(
            registry,
            &IIssuerRegistry::DidClaimed {
                issuerId: 7,
                did: String::new(),
            },
        );
    });
    check("issuer id", |chain| {
        chain.event(
            registry,
            &IIssuerRegistry::DidClaimed {
                issuerId: 0,
                did: String::new(),
            },
        );
    });
    check("a DID of 800 bytes", |chain| {
        chain.event(
            registry,
            &IIssuerRegistry::DidClaimed {
                issuerId: 1,
                did: "d".repeat(800),
            },
        );
    });
    check("it was not offered to", |chain| {
        let changed = IIssuerRegistry::AccountChanged {
            issuerId: 1,
            previous: player(200),
            current: player(5),
        };
        chain.event(registry, &changed);
    });
    check("a log it does not accept", |chain| {
        chain.event(registry, &added);
    });
    let compromised = |index| IIssuerRegistry::KeyCompromised {
        issuerId: 1,
        key,
        originHash: origin,
        fromIndex: index,
        effectiveFrom: 1_700_604_800,
    };
    check("that does not sign there", |chain| {
        chain.event(registry, &compromised(3));
    });
    check("that does not sign there", |chain| {
        chain
            .event(registry, &accepted)
            .event(registry, &added)
            .event(registry, &compromised(2));
    });
    check("compromised twice", |chain| {
        chain
            .event(registry, &accepted)
            .event(registry, &added)
            .event(registry, &compromised(4))
            .event(registry, &compromised(4));
    });
    let accredited = IIssuerRegistry::IssuerAccredited {
        issuerId: 1,
        accreditor: player(4),
        evidence: B256::ZERO,
    };
    check("accredited twice", |chain| {
        chain.event(registry, &accredited).event(registry, &accredited);
    });
    check("never given", |chain| {
        let withdrawn = IIssuerRegistry::AccreditationWithdrawn {
            issuerId: 1,
            accreditor: player(4),
        };
        chain.event(registry, &withdrawn);
    });
    check("adds a key twice", |chain| {
        chain
            .event(registry, &accepted)
            .event(registry, &added)
            .event(registry, &added);
    });
    check("not active there", |chain| {
        chain.event(registry, &retired);
    });
    check("not active there", |chain| {
        chain
            .event(registry, &accepted)
            .event(registry, &added)
            .event(registry, &retired);
    });
    check("accepts a log again", |chain| {
        chain.event(registry, &accepted).event(registry, &accepted);
    });
    check("removes a log", |chain| {
        chain.event(registry, &removed);
    });
}

#[test]
fn anchors_that_do_not_grow() {
    for size in [0, 4, 5] {
        check("does not grow", |chain| {
            chain
                .anchor(player(9), "log", 5, B256::ZERO)
                .anchor(player(9), "log", size, B256::ZERO);
        });
    }
}

#[test]
fn logs_out_of_order_or_that_do_not_decode() {
    check_block("not in the order", |chain| {
        chain.mint(coat(3), player(1));
        let mut block = chain.end_block();
        block.logs.swap(1, 2);
        block
    });
    check_block("not in the order", |chain| {
        chain.mint(coat(3), player(1));
        let mut block = chain.end_block();
        block.logs.push(block.logs[2].clone());
        block
    });
    check("does not decode", |chain| {
        chain.log(
            config().registry,
            vec![IIssuerRegistry::DidClaimed::SIGNATURE_HASH],
            Bytes::new(),
        );
    });
    check("does not decode", |chain| {
        chain.log(
            collection(0x20).address,
            vec![IERC721::Transfer::SIGNATURE_HASH],
            Bytes::new(),
        );
    });
}

#[test]
fn a_node_that_leaves_one_log_out_is_caught_or_has_left_out_nothing_that_counts() {
    let (mut chain, _) = opening();
    chain.mint(coat(1), player(1));
    let whole = chain.end_block();
    chain.transfer(coat(1), player(1), player(2));
    let second = chain.end_block();
    let mut unseen = Vec::new();
    for left_out in 0..whole.logs.len() {
        let test = TestMirror::new();
        let mut block = whole.clone();
        let log = block.logs.remove(left_out);
        let caught = test
            .apply_block(&block)
            .and_then(|()| test.apply_block(&second))
            .is_err();
        if !caught {
            unseen.push(log.topics[0]);
        }
    }
    // A collection that the factory does not list is nobody's, until the next one has the wrong index. Who
    // was granted the minter role follows from nothing else: only a look at the chain's state tells.
    let expected = [
        IWearableCollection::MinterChanged::SIGNATURE_HASH,
        ICollectionFactory::CollectionCreated::SIGNATURE_HASH,
    ];
    assert_eq!(unseen, expected);
}

#[test]
fn events_and_bytes_that_mean_nothing_to_us_pass() {
    let test = TestMirror::new();
    let (mut chain, _) = opening();
    let address = collection(0x20).address;
    chain
        .event(
            address,
            &IERC721::Approval {
                owner: player(1),
                approved: player(2),
                tokenId: U256::from(1),
            },
        )
        .event(
            address,
            &IWearableCollection::BaseUriChanged {
                baseUri: "x".repeat(100_000),
            },
        )
        .log(address, vec![], Bytes::from_static(b"anonymous"))
        .log(config().registry, vec![B256::repeat_byte(9)], Bytes::new())
        .log(player(50), vec![IERC721::Transfer::SIGNATURE_HASH], Bytes::new());
    // A text on the chain need not be UTF-8, and a name can be long: neither may stop the mirror.
    let mut log = IIssuerRegistry::DidClaimed {
        issuerId: 1,
        did: "a".repeat(256),
    }
    .encode_log_data();
    let data: Vec<u8> = log
        .data
        .iter()
        .map(|byte| if *byte == b'a' { 0xff } else { *byte })
        .collect();
    log.data = data.into();
    chain.log(config().registry, log.topics().to_vec(), log.data);
    chain.create(collection(0x21), 1, 1, player(1));
    let mut block = chain.end_block();
    let initialized = IWearableCollection::CollectionInitialized {
        issuerId: 1,
        name: "é".repeat(100_000),
        symbol: "S".into(),
    };
    let position = block
        .logs
        .iter()
        .position(|log| log.address == collection(0x21).address)
        .unwrap();
    block.logs[position].data = initialized.encode_log_data().data;
    test.apply_block(&block).unwrap();
    test.check();
    let row = test.view().collection(&collection(0x21)).unwrap().unwrap();
    assert_eq!(row.name, "é".repeat(128));
    test.undo_block(&block.block_ref()).unwrap();
    assert_eq!(test.dump().count(), 0);
}
