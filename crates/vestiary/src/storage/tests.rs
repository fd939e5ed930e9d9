use super::*;
use crate::ids::{Serial, TokenId};

/// Rows of the table of `contracts/README.md`: contract, slot, what it holds.
fn table() -> Vec<(String, Vec<u64>, String)> {
    let readme = include_str!("../../../../contracts/README.md");
    let section = readme.split("\n## Storage\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let mut contract = String::new();
    let mut rows = Vec::new();
    for line in section.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').splitn(3, '|').map(str::trim).collect();
        let slots: Vec<u64> = cells[1]
            .split(", ")
            .filter_map(|slot| slot.parse().ok())
            .collect();
        if !cells[0].is_empty() {
            cells[0].clone_into(&mut contract);
        }
        if !slots.is_empty() {
            rows.push((contract.clone(), slots, cells[2].to_owned()));
        }
    }
    rows
}

#[test]
fn every_slot_is_the_one_that_the_contracts_readme_gives() {
    let table = table();
    for (contract, slot, holds) in [
        (
            "WearableCollection",
            collection::OWNER_WORDS,
            "`[token id]` → owner word",
        ),
        ("WearableCollection", collection::BALANCES, "`[owner]` → balance"),
        (
            "WearableCollection",
            collection::ISSUER,
            "issuer id 64, number of open designs 64",
        ),
        (
            "WearableCollection",
            collection::DESIGNS,
            "`[design id]` → edition 64, next serial 64, terms 88; then the design digest",
        ),
        (
            "WearableCollection",
            collection::BATCHES,
            "`[root]` → design id 64, first serial 64, count 64",
        ),
        ("WearableCollection", collection::MINTERS, "`[minter]` → may mint"),
        ("WearableCollection", collection::USERS, "`[token id]` → user"),
        (
            "CollectionFactory",
            factory::COLLECTIONS,
            "list of collections; `[collection]` → is listed",
        ),
        (
            "CollectionFactory",
            factory::LISTED,
            "list of collections; `[collection]` → is listed",
        ),
        ("IssuerRegistry", registry::ISSUER_COUNT, "number of issuers"),
        ("IssuerRegistry", registry::ISSUERS, "`[issuer id]` → account;"),
        (
            "IssuerRegistry",
            registry::LOGS,
            "`[issuer id][origin hash]` → anchoring account 160, accepted 8",
        ),
        (
            "IssuerRegistry",
            registry::KEYS,
            "`[issuer id][origin hash][key]` → from index 64, until index 64, state 8 (1 active, 2 retired), \
             compromised from index 64, counting from second 40",
        ),
        (
            "IssuerRegistry",
            registry::ACCREDITATIONS,
            "`[issuer id][accreditor]` → since when, seconds",
        ),
        (
            "LogAnchor",
            log_anchor::ANCHORS,
            "`[account][origin hash][size]` →",
        ),
        (
            "LogAnchor",
            log_anchor::LAST_SIZES,
            "`[account][origin hash]` → last size",
        ),
    ] {
        let row = table
            .iter()
            .find(|row| row.0 == contract && row.1.contains(&slot))
            .unwrap_or_else(|| panic!("no slot {slot} of {contract}"));
        assert!(
            row.2.starts_with(holds),
            "slot {slot} of {contract} holds {}",
            row.2
        );
    }
}

#[test]
fn mappings_of_mappings_are_hashed_from_the_outside_in() {
    // cast index and solc's layout: keccak256(abi.encode(inner key, keccak256(abi.encode(outer key, slot)))).
    let outer = keccak256([U256::from(7).to_be_bytes::<32>(), U256::from(3).to_be_bytes()].concat());
    let inner = keccak256([B256::repeat_byte(1).0, outer.0].concat());
    assert_eq!(
        StorageSlot::numbered(3).at(7_u64).at(B256::repeat_byte(1)),
        StorageSlot(inner)
    );
    assert_eq!(factory::entry(2).0, {
        let first: U256 = keccak256([0; 32]).into();
        B256::from(first + U256::from(2))
    });
}

#[test]
fn no_two_places_are_one() {
    let issuer = IssuerId::new(1).unwrap();
    let design = DesignId::new(1).unwrap();
    let token = TokenId::new(design, Serial::new(1).unwrap());
    let (account, word) = (Address::repeat_byte(1), B256::repeat_byte(2));
    let mut places = vec![
        collection::owner_word(token),
        collection::balance(account),
        collection::issuer(),
        collection::design(design),
        collection::design_digest(design),
        collection::batch(word),
        collection::minter(account),
        collection::user(token),
        factory::entry(0),
        factory::entry(1),
        factory::listed(account),
        registry::issuer_count(),
        registry::account(issuer),
        registry::log(issuer, word),
        registry::key(issuer, word, word),
        registry::accreditation(issuer, account),
        log_anchor::anchor(account, word, 1),
        log_anchor::last_size(account, word),
    ];
    let count = places.len();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), count);
}

#[test]
fn words_read_as_the_contracts_pack_them() {
    let number = |number: u64| U256::from(number);
    let design = DesignWord(number(500) | number(201) << 64 | (number(2) << 80 | number(7)) << 128);
    assert_eq!((design.edition(), design.next_serial()), (500, 201));
    assert_eq!(design.terms(), number(2) << 80 | number(7));
    let batch = BatchWord(number(9) | number(1) << 64 | number(3) << 128);
    assert_eq!(
        (batch.design_id(), batch.first_serial(), batch.count()),
        (9, 1, 3)
    );
    let issuer = IssuerWord(number(4) | number(2) << 64 | number(99) << 128);
    assert_eq!((issuer.issuer_id(), issuer.design_count()), (4, 2));
    let account = Address::repeat_byte(5);
    let log = U256::from_be_bytes(account.into_word().0);
    assert_eq!(LogWord(log).anchoring_account(), account);
    assert!(!LogWord(log).is_accepted() && LogWord(log | number(1) << 160).is_accepted());
    let key = number(3) | number(u64::MAX) << 64 | number(1) << 128;
    assert_eq!(
        (KeyWord(key).from_index(), KeyWord(key).until_index()),
        (3, u64::MAX)
    );
    assert!(KeyWord(key).is_active());
    assert_eq!(KeyWord(key).compromised(), None);
    let key =
        number(3) | number(9) << 64 | number(2) << 128 | number(5) << 136 | number(1_790_000_000) << 200;
    assert!(!KeyWord(key).is_active());
    assert_eq!(KeyWord(key).compromised(), Some((5, 1_790_000_000)));
}
