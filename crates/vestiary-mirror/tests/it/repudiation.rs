//! A key that was declared compromised, and the certificates that it signed.

use alloy_primitives::{B256, keccak256};
use vestiary::abi::IIssuerRegistry::{KeyAdded, KeyCompromised, LogAccepted};
use vestiary_mirror::testing::{ChainBuilder, Commit, LogBuilder, collection, config, wearable};

use crate::support::{TestMirror, player};

/// From this entry on the key is compromised, and from this second on that counts.
const FROM_INDEX: u64 = 3;
const COUNTS_FROM: u64 = 1_700_600_000;

fn batch(design_id: u64) -> Commit {
    Commit {
        design_id,
        first_serial: 1,
        count: 3,
        edition: 0,
    }
}

#[test]
fn certificates_of_a_compromised_key_are_repudiated_from_its_entry_and_time_on() {
    let config = config();
    let (registry, origin_hash) = (config.registry, keccak256(&config.log_origin));
    let (ours, others) = (collection(0x20), collection(0x21));
    // Entries 1 to 3 are the certificates of the first batch, 4 is the batch, 5 to 7 those of the next; then somebody
    // else's.
    let mut log = LogBuilder::new(&config);
    log.batch(ours, &batch(1))
        .batch(ours, &batch(2))
        .batch(others, &batch(1));
    let key = log.issuer_key();
    let mut chain = ChainBuilder::new(config);
    for issuer in [1, 2] {
        chain.register(issuer, player(1), "");
    }
    chain
        .create(ours, 1, 0, player(7))
        .create(others, 2, 1, player(7));
    for issuer in [1, 2] {
        let accepted = LogAccepted {
            issuerId: issuer,
            originHash: origin_hash,
            anchoringAccount: player(9),
        };
        chain.event(registry, &accepted);
        for key in [key, B256::repeat_byte(9)] {
            let added = KeyAdded {
                issuerId: issuer,
                key,
                originHash: origin_hash,
                fromIndex: 0,
            };
            chain.event(registry, &added);
        }
    }
    let first = chain.end_block();
    let compromised = |key: B256, from_index: u64| KeyCompromised {
        issuerId: 1,
        key,
        originHash: origin_hash,
        fromIndex: from_index,
        effectiveFrom: COUNTS_FROM,
    };
    // Another key of the issuer says nothing of what this one signed.
    chain.event(registry, &compromised(B256::repeat_byte(9), 0));
    let second = chain.end_block();
    chain.event(registry, &compromised(key, FROM_INDEX));
    let third = chain.end_block();

    let test = TestMirror::with(&[first, second], log.entries());
    let repudiated = |collection, design, serial, time| {
        let view = test.view();
        let entry = view
            .certificate_entry(&wearable(collection, design, serial))
            .unwrap()
            .unwrap();
        view.is_repudiated(&collection, &entry, time).unwrap()
    };
    assert!(!repudiated(ours, 1, 3, COUNTS_FROM));
    let before = test.row_digest().unwrap();
    test.apply_block(&third).unwrap();
    for (design, serial, is) in [
        (1, 1, false),
        (1, 2, false),
        (1, 3, true),
        (2, 1, true),
        (2, 3, true),
    ] {
        assert_eq!(
            repudiated(ours, design, serial, COUNTS_FROM),
            is,
            "{design}/{serial}"
        );
        assert!(!repudiated(ours, design, serial, COUNTS_FROM - 1), "not yet");
        assert!(!repudiated(others, 1, serial, u64::MAX), "of another issuer");
    }
    test.undo_block(&third.block_ref()).unwrap();
    assert!(!repudiated(ours, 1, 3, COUNTS_FROM));
    assert_eq!(test.row_digest().unwrap(), before);
}
