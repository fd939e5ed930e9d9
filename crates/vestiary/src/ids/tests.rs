use super::*;
use proptest::prelude::*;

const ADDRESS: &str = "0x00000000000000000000000000000000000000ab";

#[test]
fn each_id_reads_as_it_is_written() {
    let wearable = "eip155:31337/erc721:0x00000000000000000000000000000000000000ab/18446744073709551617";
    let id: WearableId = wearable.parse().unwrap();
    assert_eq!(id.to_string(), wearable);
    assert_eq!(id.token_id.design_id(), DesignId::new(1).ok());
    assert_eq!(id.token_id.serial(), Serial::new(1).ok());
    assert_eq!(
        id.collection.account().to_string(),
        format!("eip155:31337:{ADDRESS}")
    );
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("{wearable:?}"));
}

#[test]
fn a_mixed_case_address_is_refused_with_the_lower_case_spelling() {
    let mixed = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    let error = parse_address(mixed).unwrap_err();
    assert_eq!(error.code(), "address_not_lower_case");
    assert!(error.to_string().ends_with(&mixed.to_lowercase()), "{error}");
    assert_eq!(
        format!("eip155:1:{mixed}").parse::<AccountId>().unwrap_err(),
        error
    );
}

#[test]
fn malformed_ids_are_refused_each_with_its_code() {
    let code = |text: &str| text.parse::<WearableId>().unwrap_err().code();
    let long = format!("eip155:1/erc721:{ADDRESS}/{}", "1".repeat(300));
    for (text, expected) in [
        ("", "malformed_wearable_id"),
        ("eip155:1", "malformed_wearable_id"),
        (&format!("eip155:1/erc721:{ADDRESS}"), "malformed_wearable_id"),
        (&format!("eip155:01/erc721:{ADDRESS}/1"), "malformed_chain_id"),
        (
            &format!("eip155:18446744073709551616/erc721:{ADDRESS}/1"),
            "malformed_chain_id",
        ),
        (&format!("EIP155:1/erc721:{ADDRESS}/1"), "malformed_chain_id"),
        (&format!("cosmos:hub/erc721:{ADDRESS}/1"), "malformed_chain_id"),
        (
            &format!("eip155:1/erc1155:{ADDRESS}/1"),
            "malformed_collection_id",
        ),
        (&format!("eip155:1/erc721:{ADDRESS}/x/1"), "malformed_address"),
        ("eip155:1/erc721:0xab/1", "malformed_address"),
        (&format!("eip155:1/erc721:{ADDRESS}/01"), "malformed_token_id"),
        (&format!("eip155:1/erc721:{ADDRESS}/-1"), "malformed_token_id"),
        (&format!("eip155:1/erc721:{ADDRESS}/+1"), "malformed_token_id"),
        (&format!("eip155:1/erc721:{ADDRESS}/"), "malformed_token_id"),
        (&format!("eip155:1/erc721:{ADDRESS}/0x1"), "malformed_token_id"),
        (&long, "id_too_long"),
    ] {
        assert_eq!(code(text), expected, "{text}");
    }
    for text in [
        "",
        "eip155:1",
        "eip155:1:0xab",
        "eip155:1:2:0xab",
        &format!("solana:1:{ADDRESS}"),
    ] {
        assert!(text.parse::<AccountId>().is_err(), "{text}");
    }
}

#[test]
fn the_largest_token_id_is_accepted_and_the_next_refused() {
    let largest = U256::MAX.to_string();
    assert_eq!(largest.parse::<TokenId>().unwrap(), TokenId(U256::MAX));
    let next = format!("{}6", &largest[..77]);
    assert_eq!(next.parse::<TokenId>().unwrap_err().code(), "malformed_token_id");
}

#[test]
fn a_token_id_that_cannot_be_ours_has_neither_design_nor_serial() {
    for limbs in [
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 0, 1],
    ] {
        let token_id = TokenId(U256::from_limbs(limbs));
        assert_eq!(
            (token_id.design_id(), token_id.serial()),
            (None, None),
            "{limbs:?}"
        );
    }
}

#[test]
fn zero_and_leading_zeros_are_no_serial() {
    for text in ["0", "01", "", "+1", " 1", "18446744073709551616"] {
        assert_eq!(
            text.parse::<Serial>().unwrap_err().code(),
            "malformed_number",
            "{text}"
        );
    }
}

#[test]
fn a_range_has_at_least_one_serial_and_ends_in_time() {
    let serial = |number| Serial::new(number).unwrap();
    let range = SerialRange::new(serial(5), 3).unwrap();
    assert_eq!(
        (range.first(), range.last(), range.count()),
        (serial(5), serial(7), 3)
    );
    assert!(range.contains(serial(7)) && !range.contains(serial(8)) && !range.contains(serial(4)));
    let most = SerialRange::new(serial(1), LAST_SERIAL).unwrap();
    assert_eq!((most.count(), most.last().get()), (LAST_SERIAL, LAST_SERIAL));
    for (first, count) in [
        (1, 0),
        (1, u64::MAX),
        (2, LAST_SERIAL),
        (u64::MAX, 1),
        (u64::MAX, 2),
    ] {
        let error = SerialRange::new(serial(first), count).unwrap_err();
        assert_eq!(error.code(), "bad_serial_range", "{first} {count}");
    }
}

#[test]
fn a_word_of_the_chain_has_one_spelling() {
    let word = format!("0x{}", "ab".repeat(32));
    assert_eq!(parse_b256(&word).unwrap().to_string(), word);
    for text in [
        "",
        &word[2..],
        &word.to_uppercase(),
        &word[..65],
        &format!("0x0x{}", "ab".repeat(31)),
    ] {
        assert_eq!(parse_b256(text).unwrap_err().code(), "malformed_word", "{text}");
    }
}

proptest! {
    #[test]
    fn every_id_survives_text(chain: u64, address: [u8; 20], token: [u8; 32]) {
        let collection = CollectionId::new(ChainId(chain), address.into());
        let wearable = collection.wearable(TokenId(U256::from_be_bytes(token)));
        prop_assert_eq!(wearable.to_string().parse(), Ok(wearable));
        prop_assert_eq!(collection.account().to_string().parse(), Ok(collection.account()));
        prop_assert!(wearable.to_string().len() <= MAX_ID_BYTES);
    }

    #[test]
    fn design_and_serial_survive_the_token_id(design in 1u64.., serial in 1u64..) {
        let (design, serial) = (DesignId::new(design).unwrap(), Serial::new(serial).unwrap());
        let token_id = TokenId::new(design, serial);
        prop_assert_eq!(token_id.design_id(), Some(design));
        prop_assert_eq!(token_id.serial(), Some(serial));
    }

    #[test]
    fn what_parses_is_written_the_same(text in "eip155:[0-9]{1,3}/erc721:0x[0-9a-fA-F]{40}/[0-9]{1,80}") {
        if let Ok(id) = text.parse::<WearableId>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in ".{0,300}") {
        let _ = (text.parse::<ChainId>(), text.parse::<AccountId>(), text.parse::<CollectionId>());
        let _ = (text.parse::<WearableId>(), text.parse::<TokenId>(), text.parse::<IssuerId>());
    }
}
