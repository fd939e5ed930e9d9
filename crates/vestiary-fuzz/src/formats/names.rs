//! Names, words and numbers: one thing, one spelling.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use alloy_primitives::{Address, U256};
use serde::Serialize;
use serde::de::DeserializeOwned;
use vestiary::digest::{Sha256, raw_cid};
use vestiary::ids::{
    AccountId, ChainId, CollectionId, DesignId, Edition, IssuerId, Serial, SerialRange, TokenId, WearableId,
    address_text, parse_address, parse_b256, parse_u64,
};
use vestiary::keys::PublicKey;
use vestiary::rights::{RightsWord, Status};
use vestiary::slot::Slot;
use vestiary::terms::Terms;
use vestiary::timestamp::{MAX_UNIX_SECONDS, Timestamp};
use vestiary::{data_integrity, json};
use vestiary_signing::Purpose;
use vestiary_worlds::cid::Cid;

use crate::input::Input;

/// A text that is read is written the same way again.
fn one_spelling<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    let read: T = text.parse().ok()?;
    let written = read.to_string();
    assert_eq!(written, text, "two spellings of {read:?}");
    assert_eq!(written.parse::<T>().ok().as_ref(), Some(&read));
    Some(read)
}

/// The same, and its JSON is that text.
fn one_spelling_in_json<T>(text: &str) -> Option<T>
where
    T: FromStr + Display + PartialEq + Debug + Serialize + DeserializeOwned,
{
    let read: T = one_spelling(text)?;
    let json = serde_json::to_string(&read).expect("a text");
    assert_eq!(json, format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<T>(&json).ok().as_ref(), Some(&read));
    Some(read)
}

/// CAIP-2, CAIP-10, CAIP-19, token, design, serial and issuer ids, editions, addresses, words, numbers.
pub(super) fn ids(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    one_spelling_in_json::<ChainId>(text);
    one_spelling_in_json::<AccountId>(text);
    one_spelling_in_json::<CollectionId>(text);
    if let Some(id) = one_spelling_in_json::<WearableId>(text) {
        let (collection, token) = text.rsplit_once('/').expect("it was read");
        assert_eq!(collection.parse(), Ok(id.collection));
        assert_eq!(token.parse(), Ok(id.token_id));
    }
    if let Some(token) = one_spelling_in_json::<TokenId>(text) {
        match (token.design_id(), token.serial()) {
            (Some(design), Some(serial)) => assert_eq!(TokenId::new(design, serial), token),
            (None, None) => {}
            half => panic!("half a token id: {half:?}"),
        }
    }
    one_spelling_in_json::<DesignId>(text);
    one_spelling_in_json::<IssuerId>(text);
    one_spelling_in_json::<Edition>(text);
    if let Some(first) = one_spelling_in_json::<Serial>(text) {
        for count in [0, 1, first.get(), u64::MAX - first.get(), u64::MAX] {
            if let Ok(range) = SerialRange::new(first, count) {
                assert_eq!((range.first(), range.count()), (first, count));
                assert!(range.contains(first) && range.contains(range.last()));
            }
        }
    }
    if let Ok(address) = parse_address(text) {
        assert_eq!(address_text(&address), text);
        assert_eq!(text.parse::<Address>().ok(), Some(address));
    }
    if let Ok(word) = parse_b256(text) {
        assert_eq!(word.to_string(), text);
    }
    if let Ok(number) = parse_u64(text) {
        assert_eq!(number.to_string(), text);
    }
}

/// Words of the fixed vocabularies, digests, purposes of keys.
pub(super) fn words(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    one_spelling_in_json::<Slot>(text);
    one_spelling_in_json::<Status>(text);
    one_spelling::<Purpose>(text);
    if let Some(digest) = one_spelling_in_json::<Sha256>(text) {
        assert_eq!(Sha256::from_hex(&digest.hex()), Ok(digest));
        let cid: Cid = raw_cid(&digest).parse().expect("a content id of ours");
        assert_eq!(cid.digest, digest);
    }
    if let Ok(signature) = data_integrity::decode_proof_value(text) {
        assert_eq!(data_integrity::encode_proof_value(&signature), text);
    }
}

/// Points in time.
pub(super) fn timestamp(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(time) = one_spelling::<Timestamp>(text)
    {
        assert!(time.unix_seconds() <= MAX_UNIX_SECONDS);
    }
    let seconds = Input::new(bytes).u64();
    if let Ok(time) = Timestamp::new(seconds) {
        assert_eq!(time.to_string().parse(), Ok(time));
    }
}

/// Packed terms and their JSON.
pub(super) fn terms(bytes: &[u8]) {
    let word = U256::from_be_bytes(Input::new(bytes).array::<32>());
    if let Ok(terms) = Terms::unpack(word) {
        assert_eq!(terms.pack(), Ok(word));
        let json = serde_json::to_vec(&terms).expect("numbers and a word");
        assert_eq!(json::from_slice_strict::<Terms>(&json, 256).ok(), Some(terms));
    }
    if let Ok(terms) = json::from_slice_strict::<Terms>(bytes, 256) {
        let packed = terms.pack().expect("what is read fits the word");
        assert_eq!(Terms::unpack(packed), Ok(terms));
    }
}

/// The storage word of a token says what its bits say.
pub(super) fn rights_word(bytes: &[u8]) {
    let bytes = Input::new(bytes).array::<32>();
    let word = RightsWord(U256::from_be_bytes(bytes));
    assert_eq!(word.owner().as_slice(), &bytes[12..]);
    assert!(word.user_until() < 1 << 40);
    assert!(word.statuses().count() <= 5);
    // Bits 200 to 209 have a name.
    let known = U256::MAX >> 46;
    assert_eq!(word.has_unknown_flags(), word.0 > known);
}

/// Content ids.
pub(super) fn cid(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(cid) = one_spelling_in_json::<Cid>(text) {
        let bytes = cid.to_bytes();
        assert_eq!(bytes[4..], cid.digest.0);
    }
}

/// Multikeys, did:key and raw keys name one key, one way.
pub(super) fn public_key(bytes: &[u8]) {
    if let Ok(key) = PublicKey::from_bytes(&Input::new(bytes).array()) {
        same_key(&key);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(key) = PublicKey::from_multikey(text) {
        assert_eq!(key.to_multikey(), text);
        same_key(&key);
    }
    if let Ok(key) = PublicKey::from_did(text) {
        assert_eq!(key.to_did(), text);
    }
    one_spelling_in_json::<PublicKey>(text);
}

fn same_key(key: &PublicKey) {
    assert_eq!(PublicKey::from_bytes(&key.to_bytes()), Ok(*key));
    assert_eq!(PublicKey::from_multikey(&key.to_multikey()), Ok(*key));
    assert_eq!(PublicKey::from_did(&key.to_did()), Ok(*key));
}
