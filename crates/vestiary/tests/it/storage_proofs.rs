//! Answers of a real node to `eth_getProof`, kept in `fixtures/storage-proofs`.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use proptest::prelude::*;
use serde_json::{Value, json};
use vestiary::{
    holdings::{self, HoldingsError},
    ids::{ChainId, DesignId, IssuerId, Serial, TokenId, parse_address, parse_b256},
    rights::Status,
    roots::ContractRoots,
    storage::{
        BatchWord, DesignWord, IssuerWord, KeyWord, LogWord, StorageSlot, collection, factory, log_anchor,
        registry,
    },
    storage_proof::{
        AccountProof, MAX_NODES, PinnedImplementation, ProvenAccount, ProvenBlock, ProvenCollection,
        StorageProofError, clone_code_hash,
    },
};

use crate::ours::text;

/// One kept block and what the node proved of it.
struct Kept(Value);

impl Kept {
    fn read(name: &str) -> Self {
        let bytes = crate::foreign::read(crate::ours::path(&format!("storage-proofs/{name}")));
        Self(serde_json::from_slice(&bytes).unwrap())
    }

    fn header(&self) -> Bytes {
        text(&self.0, "header").parse().unwrap()
    }

    fn hash(&self) -> B256 {
        parse_b256(text(&self.0, "hash")).unwrap()
    }

    fn block(&self) -> ProvenBlock {
        ProvenBlock::from_header(&self.header(), self.hash()).unwrap()
    }

    fn who(&self, name: &str) -> Address {
        parse_address(text(&self.0["accounts"], name)).unwrap()
    }

    fn address(&self, name: &str) -> Address {
        parse_address(text(&self.0["proofs"][name], "address")).unwrap()
    }

    fn answer(&self, name: &str) -> Value {
        self.0["proofs"][name]["answer"].clone()
    }

    fn slot(&self, name: &str, what: &str) -> StorageSlot {
        StorageSlot(parse_b256(text(&self.0["proofs"][name]["slots"], what)).unwrap())
    }

    fn proven(&self, name: &str) -> ProvenAccount {
        check(&self.answer(name), &self.block(), self.address(name)).unwrap()
    }

    fn implementation(&self) -> PinnedImplementation {
        PinnedImplementation::trusted(self.address("implementation"))
    }

    fn collection(&self, name: &str) -> ProvenCollection {
        ProvenCollection::proven(self.proven(name), &self.implementation()).unwrap()
    }
}

fn check(answer: &Value, block: &ProvenBlock, address: Address) -> Result<ProvenAccount, StorageProofError> {
    AccountProof::parse(answer.to_string().as_bytes())?.verify(block, address)
}

fn token(serial: u64) -> TokenId {
    TokenId::new(DesignId::new(1).unwrap(), Serial::new(serial).unwrap())
}

fn kept() -> Kept {
    Kept::read("block.json")
}

#[test]
fn a_header_is_read_under_its_hash_only() {
    let kept = kept();
    let block = kept.block();
    assert_eq!(block.block_ref().number, kept.0["number"].as_u64().unwrap());
    assert_eq!(block.timestamp(), kept.0["timestamp"].as_u64().unwrap());
    let header = kept.header();
    let refused = |bytes: &[u8], hash| ProvenBlock::from_header(bytes, hash).unwrap_err().code();
    assert_eq!(refused(&header, B256::ZERO), "header_hash");
    let mut other = header.to_vec();
    other[100] ^= 1;
    assert_eq!(refused(&other, kept.hash()), "header_hash");
    // Bytes that hash as they should and are no header.
    for bytes in [&b""[..], b"\xc0", b"\xf8", &header[..200], &[0xc3, 1, 2, 3]] {
        assert_eq!(refused(bytes, keccak256(bytes)), "malformed_header");
    }
    let long = [&header[..], &[0; 5000]].concat();
    assert_eq!(refused(&long, keccak256(&long)), "malformed_header");
}

#[test]
fn slots_are_those_that_ethers_made() {
    let kept = kept();
    let origin = keccak256(text(&kept.0, "origin"));
    let key = parse_b256(text(&kept.0, "key")).unwrap();
    let (issuer, design) = (IssuerId::new(1).unwrap(), DesignId::new(1).unwrap());
    let player = kept.who("player");
    for (contract, what, slot) in [
        (
            "collection",
            "owner word of token 3",
            collection::owner_word(token(3)),
        ),
        ("collection", "balance of player", collection::balance(player)),
        ("collection", "issuer", collection::issuer()),
        ("collection", "design 1", collection::design(design)),
        (
            "collection",
            "design digest of design 1",
            collection::design_digest(design),
        ),
        (
            "collection",
            "batch",
            collection::batch(parse_b256(text(&kept.0, "batchRoot")).unwrap()),
        ),
        (
            "collection",
            "minter service",
            collection::minter(kept.who("service")),
        ),
        ("collection", "user of token 2", collection::user(token(2))),
        ("factory", "number of collections", factory::count()),
        ("factory", "collection at 1", factory::entry(1)),
        (
            "factory",
            "collection is listed",
            factory::listed(kept.address("collection")),
        ),
        ("registry", "number of issuers", registry::issuer_count()),
        ("registry", "account of issuer 1", registry::account(issuer)),
        ("registry", "log of issuer 1", registry::log(issuer, origin)),
        ("registry", "key of issuer 1", registry::key(issuer, origin, key)),
        (
            "registry",
            "accreditation by stranger",
            registry::accreditation(issuer, kept.who("stranger")),
        ),
        (
            "logAnchor",
            "anchor at 7",
            log_anchor::anchor(kept.who("service"), origin, 7),
        ),
        (
            "logAnchor",
            "last size",
            log_anchor::last_size(kept.who("service"), origin),
        ),
    ] {
        assert_eq!(slot, kept.slot(contract, what), "{what}");
    }
}

#[test]
fn the_words_say_who_owns_what_and_what_is_against_it() {
    let kept = kept();
    let (player, friend) = (kept.who("player"), kept.who("friend"));
    let shown = kept.collection("collection");
    let statuses = |serial| {
        shown
            .rights(token(serial))
            .unwrap()
            .statuses()
            .collect::<Vec<_>>()
    };
    assert_eq!(shown.rights(token(1)).unwrap().owner(), player);
    assert_eq!(statuses(1), []);
    let lent = shown.rights(token(2)).unwrap();
    assert_eq!(
        (lent.owner(), lent.user_until(), lent.is_offered()),
        (player, 1_800_086_400, true)
    );
    let user = shown.account().word(collection::user(token(2))).unwrap();
    assert_eq!(Address::from_word(user.into()), friend);
    assert_eq!(statuses(3), [Status::Lost, Status::Revoked]);
    assert_eq!(statuses(4), [Status::Burned]);
    assert_eq!(shown.rights(token(4)).unwrap().owner(), Address::ZERO);
    assert_eq!(
        shown.rights(token(5)).unwrap().0,
        U256::ZERO,
        "proved to be nothing"
    );
    assert_eq!(shown.balance_of(player), Ok(U256::from(3)));
    assert_eq!(shown.balance_of(kept.who("stranger")), Ok(U256::ZERO));

    let word = |account: &ProvenAccount, name: &str, what: &str| account.word(kept.slot(name, what)).unwrap();
    let account = shown.account();
    let design = DesignWord(word(account, "collection", "design 1"));
    assert_eq!((design.edition(), design.next_serial()), (500, 6));
    assert_eq!(
        design.terms() & U256::from(u64::MAX),
        U256::from(1_900_000_000_u64)
    );
    let batch = BatchWord(word(account, "collection", "batch"));
    assert_eq!(
        (batch.design_id(), batch.first_serial(), batch.count()),
        (1, 1, 5)
    );
    let issuer = IssuerWord(word(account, "collection", "issuer"));
    assert_eq!((issuer.issuer_id(), issuer.design_count()), (1, 1));

    let registry = kept.proven("registry");
    let log = LogWord(word(&registry, "registry", "log of issuer 1"));
    assert_eq!(
        (log.anchoring_account(), log.is_accepted()),
        (kept.who("service"), true)
    );
    let key = KeyWord(word(&registry, "registry", "key of issuer 1"));
    assert_eq!(
        (key.from_index(), key.until_index(), key.is_active()),
        (3, u64::MAX, true)
    );
    let (from_index, counts_from) = key.compromised().unwrap();
    assert!(from_index == 5 && counts_from > kept.block().timestamp());

    let anchors = kept.proven("logAnchor");
    let root = parse_b256(text(&kept.0["anchor"], "root")).unwrap();
    let digest: U256 = log_anchor::anchor_digest(root, kept.block().timestamp()).into();
    assert_eq!(word(&anchors, "logAnchor", "anchor at 7"), digest);
    assert_eq!(word(&anchors, "logAnchor", "anchor at 6"), U256::ZERO);

    let listed = holdings::listed_collections(&kept.proven("factory")).unwrap();
    assert_eq!(listed, [kept.address("collection"), kept.address("second")]);
}

#[test]
fn an_account_that_is_not_there_is_proved_to_be_none_with_nothing_in_it() {
    let nobody = kept().proven("nobody");
    assert_eq!(nobody.code_hash(), None);
    assert_eq!(nobody.word(StorageSlot::numbered(2)), Ok(U256::ZERO));
    // Somebody without code is somebody.
    assert_eq!(kept().proven("wallet").code_hash(), Some(keccak256([])));
}

#[test]
fn code_of_another_implementation_makes_no_collection() {
    let kept = kept();
    assert_eq!(
        kept.proven("collection").code_hash(),
        Some(clone_code_hash(kept.address("implementation")))
    );
    let believed = kept.proven("implementation");
    let roots = |hashes: Vec<B256>| ContractRoots {
        registry: kept.address("registry"),
        log_anchor: kept.address("logAnchor"),
        factory: None,
        implementation_code_hashes: hashes,
    };
    let roots = [
        roots(vec![believed.code_hash().unwrap()]),
        roots(vec![B256::ZERO]),
    ];
    let pinned = PinnedImplementation::proven(&believed, &roots[0]).unwrap();
    ProvenCollection::proven(kept.proven("second"), &pinned).unwrap();
    let refused = |account: &str, roots| {
        let proven = kept.proven(account);
        PinnedImplementation::proven(&proven, roots).unwrap_err().code()
    };
    assert_eq!(refused("implementation", &roots[1]), "other_code");
    assert_eq!(refused("registry", &roots[0]), "other_code");
    assert_eq!(refused("nobody", &roots[0]), "other_code");
    for name in ["lookalike", "implementation", "registry", "wallet", "nobody"] {
        let error = ProvenCollection::proven(kept.proven(name), &pinned).unwrap_err();
        assert_eq!(error.code(), "other_code", "{name}");
    }
    let other = PinnedImplementation::trusted(kept.address("registry"));
    assert!(ProvenCollection::proven(kept.proven("collection"), &other).is_err());
}

/// Changes an answer of the node; each is refused with its code.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases is read as one")]
fn answers_that_prove_something_else_or_nothing_are_refused() {
    type Change = Box<dyn Fn(&mut Value)>;
    let kept = kept();
    let set = |pointer: &'static str, value: Value| -> Change {
        Box::new(move |answer: &mut Value| *answer.pointer_mut(pointer).unwrap() = value.clone())
    };
    let nodes = |pointer: &'static str, change: fn(&mut Vec<Value>)| -> Change {
        Box::new(move |answer: &mut Value| {
            change(answer.pointer_mut(pointer).unwrap().as_array_mut().unwrap());
        })
    };
    let other = |pointer: &'static str, from: &'static str| -> Change {
        let value = kept.answer(from).pointer(pointer).unwrap().clone();
        Box::new(move |answer: &mut Value| *answer.pointer_mut(pointer).unwrap() = value.clone())
    };
    let cut = |nodes: &mut Vec<Value>| {
        let last = nodes.pop().unwrap();
        let text = last.as_str().unwrap();
        nodes.push(json!(text[..text.len() - 2]));
    };
    let word = "0x0000000000000000000000000000000000000000000000000000000000000001";
    let cases: Vec<(&str, Change)> = vec![
        ("account_not_proved", other("/accountProof", "second")),
        ("account_not_proved", other("/codeHash", "lookalike")),
        ("account_not_proved", other("/storageHash", "factory")),
        ("account_not_proved", set("/nonce", json!("0x9"))),
        ("account_not_proved", set("/balance", json!("0x1"))),
        ("account_not_proved", set("/accountProof", json!([]))),
        ("account_not_proved", set("/accountProof", json!(["0x80"]))),
        (
            "account_not_proved",
            nodes("/accountProof", |nodes| drop(nodes.pop())),
        ),
        (
            "account_not_proved",
            nodes("/accountProof", |nodes| drop(nodes.remove(0))),
        ),
        (
            "account_not_proved",
            nodes("/accountProof", |nodes| nodes.push(nodes[0].clone())),
        ),
        ("account_not_proved", nodes("/accountProof", cut)),
        ("slot_not_proved", set("/storageProof/0/key", json!(word))),
        ("slot_not_proved", set("/storageProof/0/value", json!("0x1"))),
        ("slot_not_proved", set("/storageProof/0/value", json!("0x0"))),
        ("slot_not_proved", set("/storageProof/4/value", json!("0x1"))),
        ("slot_not_proved", set("/storageProof/0/proof", json!([]))),
        ("slot_not_proved", set("/storageProof/0/proof", json!(["0x80"]))),
        ("slot_not_proved", set("/storageProof/4/proof", json!([]))),
        (
            "slot_not_proved",
            nodes("/storageProof/0/proof", |nodes| drop(nodes.pop())),
        ),
        (
            "slot_not_proved",
            nodes("/storageProof/4/proof", |nodes| nodes.truncate(1)),
        ),
        (
            "slot_not_proved",
            nodes("/storageProof/0/proof", |nodes| nodes.push(nodes[0].clone())),
        ),
        ("slot_not_proved", nodes("/storageProof/0/proof", cut)),
        ("slot_not_proved", other("/storageProof/0/proof", "second")),
        (
            "too_many",
            nodes("/storageProof/0/proof", |nodes| {
                let node = nodes[0].clone();
                nodes.resize(MAX_NODES + 1, node);
            }),
        ),
        (
            "slot_twice",
            nodes("/storageProof", |slots| slots.push(slots[0].clone())),
        ),
        (
            "other_account",
            set("/address", json!("0x00000000000000000000000000000000deadbeef")),
        ),
        ("wrong_shape", set("/storageProof/0/key", json!("2"))),
        ("wrong_shape", set("/storageProof/0/value", json!("0x"))),
        (
            "wrong_shape",
            set("/storageProof/0/value", json!(format!("{word}0"))),
        ),
        ("wrong_shape", set("/codeHash", json!("0x00"))),
        (
            "missing_field",
            Box::new(|answer| drop(answer.as_object_mut().unwrap().remove("codeHash"))),
        ),
        ("wrong_shape", Box::new(|answer| *answer = Value::Null)),
    ];
    let (block, address) = (kept.block(), kept.address("collection"));
    check(&kept.answer("collection"), &block, address).unwrap();
    for (at, (code, change)) in cases.iter().enumerate() {
        let mut answer = kept.answer("collection");
        change(&mut answer);
        let error = check(&answer, &block, address).unwrap_err();
        assert_eq!(error.code(), *code, "case {at}: {error}");
    }
    // Somebody who is not there cannot be made somebody, nor the other way round; nor have anything.
    let mut somebody = kept.answer("nobody");
    somebody["nonce"] = json!("0x1");
    let nobody = kept.address("nobody");
    assert_eq!(
        check(&somebody, &block, nobody).unwrap_err().code(),
        "account_not_proved"
    );
    let mut gone = kept.answer("nobody");
    gone["accountProof"] = kept.answer("collection")["accountProof"].clone();
    gone["address"] = json!(address);
    assert_eq!(
        check(&gone, &block, address).unwrap_err().code(),
        "account_not_proved"
    );
    let mut rich = kept.answer("nobody");
    rich["storageProof"][0]["value"] = json!("0x1");
    assert_eq!(
        check(&rich, &block, nobody).unwrap_err().code(),
        "slot_not_proved"
    );
    // Under the root of another block.
    let next = Kept::read("next-block.json").block();
    assert_eq!(
        check(&kept.answer("collection"), &next, address)
            .unwrap_err()
            .code(),
        "account_not_proved"
    );
    let unasked = kept.proven("collection").word(StorageSlot::numbered(99));
    assert_eq!(unasked.unwrap_err().code(), "slot_not_asked");
}

#[test]
fn holdings_are_complete_when_every_listed_collection_shows_as_many_as_its_balance() {
    let (kept, next) = (kept(), Kept::read("next-block.json"));
    let (block, player) = (kept.block(), kept.who("player"));
    let listed = [kept.address("collection"), kept.address("second")];
    let (full, none) = (kept.collection("collection"), kept.collection("second"));
    let of = |serials: &[u64]| -> Vec<TokenId> { serials.iter().copied().map(token).collect() };
    let all = [(full.clone(), of(&[1, 2, 3])), (none.clone(), vec![])];
    let holdings = holdings::complete(&block, player, &listed, &all).unwrap();
    assert_eq!(holdings.block, block.block_ref());
    assert_eq!(holdings.collections[0].1.len(), 3);
    assert_eq!(holdings.collections[1], (listed[1], vec![]));

    let refused = |shown: &[(ProvenCollection, Vec<TokenId>)]| {
        holdings::complete(&block, player, &listed, shown)
            .unwrap_err()
            .code()
    };
    let with = |serials: &[u64]| [(full.clone(), of(serials)), (none.clone(), vec![])];
    assert_eq!(refused(&with(&[1, 2])), "balance_differs", "one is hidden");
    assert_eq!(refused(&with(&[])), "balance_differs");
    assert_eq!(refused(&with(&[1, 2, 2])), "token_twice");
    assert_eq!(refused(&with(&[1, 2, 4])), "token_not_owned", "burned");
    assert_eq!(refused(&with(&[1, 2, 5])), "token_not_owned", "never minted");
    assert_eq!(refused(&with(&[1, 2, 3, 6])), "slot_not_asked");
    assert_eq!(refused(&all[..1]), "collection_left_out");
    assert_eq!(refused(&[]), "collection_left_out");
    assert_eq!(
        refused(&[all[0].clone(), all[1].clone(), all[1].clone()]),
        "collection_not_asked"
    );
    let later = [
        (next.collection("collection"), of(&[2, 3])),
        (none.clone(), vec![]),
    ];
    assert_eq!(refused(&later), "other_block");
    let unnamed = holdings::complete(&block, player, &listed[..1], &all).unwrap_err();
    assert_eq!(unnamed, HoldingsError::NotAsked(listed[1]));
    let thief = holdings::complete(&block, kept.who("friend"), &listed, &all).unwrap_err();
    assert_eq!(thief.code(), "token_not_owned");
    // Nobody owns what was burned.
    let ashes = [(full.clone(), of(&[4])), (none.clone(), vec![])];
    let nobody = holdings::complete(&block, Address::ZERO, &listed, &ashes).unwrap_err();
    assert_eq!(nobody.code(), "token_not_owned");
    assert_eq!(ChainId(31_337).to_string(), text(&kept.0, "chain"));
}

proptest! {
    /// Whatever is changed in an answer, what it then still proves is what it proved before.
    #[test]
    fn a_changed_answer_proves_nothing_else(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let kept = kept();
        let (block, address) = (kept.block(), kept.address("collection"));
        let before = kept.proven("collection");
        let mut text = kept.answer("collection").to_string().into_bytes();
        for (place, byte) in changes {
            let at = place.index(text.len());
            // Half of them keep the form, so that what is behind the reader is reached.
            text[at] = if byte < 128 { b"0123456789abcdef"[usize::from(byte % 16)] } else { byte };
        }
        let after = AccountProof::parse(&text).and_then(|proof| proof.verify(&block, address));
        if let Ok(after) = after {
            prop_assert_eq!(after.code_hash(), before.code_hash());
            for slot in kept.0["proofs"]["collection"]["slots"].as_object().unwrap().keys() {
                let slot = kept.slot("collection", slot);
                if let Ok(word) = after.word(slot) {
                    prop_assert_eq!(Ok(word), before.word(slot));
                }
            }
        }
    }
}
