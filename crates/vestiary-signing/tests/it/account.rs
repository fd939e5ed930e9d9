use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use vestiary::{digest::Sha256, typed_data::CommitBatch};
use vestiary_log::seams::SeededRandom;
use vestiary_signing::{Account, AccountKey, Error, Memory, Purpose, Refusal};

use crate::support::{ANVIL_ADDRESS, COLLECTION, account, design, range, root, transaction};

fn commit(first: u64, count: u64, byte: u8) -> CommitBatch {
    CommitBatch {
        design_id: design(),
        first_serial: range(first, count).first(),
        count,
        edition: 0,
        terms: U256::ZERO,
        design_digest: Sha256([1; 32]),
        root: root(byte),
        deadline: 1_790_000_000,
    }
}

fn refused(memory: &Memory, transaction: &TxEip1559) -> Refusal {
    match account(Purpose::Submitter).sign_transaction(memory, transaction) {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_address_of_anvils_first_account_is_derived() {
    assert_eq!(account(Purpose::Submitter).address(), ANVIL_ADDRESS);
}

#[test]
fn a_signed_transaction_recovers_to_the_account() {
    let key = account(Purpose::Anchoring);
    let transaction = transaction(10);
    let signature = key.sign_transaction(&Memory::fresh(), &transaction).unwrap();
    let recovered = signature
        .recover_address_from_prehash(&transaction.signature_hash())
        .unwrap();
    assert_eq!(recovered, ANVIL_ADDRESS);
    assert_eq!(signature.normalize_s(), None, "s is low");
}

#[test]
fn the_same_transaction_twice_gives_the_same_bytes() {
    let (key, memory) = (account(Purpose::Submitter), Memory::fresh());
    let sign = |fee| key.sign_transaction(&memory, &transaction(fee)).unwrap();
    let first = sign(10);
    assert_eq!(sign(10), first);
    // Also after it was replaced.
    sign(11);
    assert_eq!(sign(10), first);
}

#[test]
fn a_nonce_used_for_something_else_is_refused_with_both_sides() {
    let (key, memory) = (account(Purpose::Submitter), Memory::fresh());
    key.sign_transaction(&memory, &transaction(10)).unwrap();
    let changes: [fn(&mut TxEip1559); 4] = [
        |t| t.to = TxKind::Call(Address::ZERO),
        |t| t.to = TxKind::Create,
        |t| t.value = U256::ZERO,
        |t| t.input = Bytes::from_static(b"other"),
    ];
    for change in changes {
        // Even when it pays more.
        let mut other = transaction(100);
        change(&mut other);
        let refusal = refused(&memory, &other);
        assert_eq!(refusal.code(), "two_transactions");
        let Refusal::TwoTransactions {
            nonce: 5,
            remembered,
            asked,
            ..
        } = refusal
        else {
            panic!()
        };
        assert_eq!(remembered.signing_hash, transaction(10).signature_hash());
        assert_eq!(asked.signing_hash, other.signature_hash());
    }
}

#[test]
fn another_nonce_chain_or_account_is_another_thing() {
    let (key, memory) = (account(Purpose::Submitter), Memory::fresh());
    key.sign_transaction(&memory, &transaction(10)).unwrap();
    let mut other = transaction(10);
    other.value = U256::ZERO;
    let next = TxEip1559 {
        nonce: 6,
        ..other.clone()
    };
    key.sign_transaction(&memory, &next).unwrap();
    let elsewhere = TxEip1559 {
        chain_id: 1,
        ..other.clone()
    };
    key.sign_transaction(&memory, &elsewhere).unwrap();
    let second = AccountKey::generate(Purpose::Submitter, &SeededRandom::new(1)).unwrap();
    second.sign_transaction(&memory, &other).unwrap();
}

#[test]
fn a_replacement_that_does_not_pay_more_is_refused() {
    let (key, memory) = (account(Purpose::Submitter), Memory::fresh());
    key.sign_transaction(&memory, &transaction(10)).unwrap();
    let same_fee = TxEip1559 {
        gas_limit: 1,
        ..transaction(10)
    };
    let lower_fee = transaction(9);
    let lower_tip = TxEip1559 {
        max_priority_fee_per_gas: 0,
        ..transaction(20)
    };
    for transaction in [same_fee, lower_fee, lower_tip] {
        assert_eq!(refused(&memory, &transaction).code(), "fee_not_higher");
    }
    key.sign_transaction(&memory, &transaction(11)).unwrap();
    let same_tip = TxEip1559 {
        max_priority_fee_per_gas: 2,
        ..transaction(11)
    };
    assert!(
        matches!(refused(&memory, &same_tip), Refusal::FeeNotHigher { remembered, .. }
        if remembered.max_fee_per_gas == 11)
    );
}

#[test]
fn what_the_outbox_remembers_counts_as_signed() {
    let memory = Memory::rebuilding();
    for fee in [12, 10] {
        let sent = transaction(fee);
        memory
            .remember_transaction(ANVIL_ADDRESS, &sent, sent.signature_hash())
            .unwrap();
    }
    assert_eq!(refused(&memory, &transaction(13)), Refusal::Rebuilding);
    memory.finish_rebuild();
    assert_eq!(refused(&memory, &transaction(11)).code(), "fee_not_higher");
    let key = account(Purpose::Submitter);
    key.sign_transaction(&memory, &transaction(10)).unwrap();
    key.sign_transaction(&memory, &transaction(13)).unwrap();
}

#[test]
fn an_outbox_with_two_things_under_one_nonce_is_noticed() {
    let memory = Memory::rebuilding();
    let (one, two) = (
        transaction(10),
        TxEip1559 {
            value: U256::ZERO,
            ..transaction(10)
        },
    );
    memory
        .remember_transaction(ANVIL_ADDRESS, &one, one.signature_hash())
        .unwrap();
    memory
        .remember_transaction(ANVIL_ADDRESS, &one, one.signature_hash())
        .unwrap();
    let refused = memory.remember_transaction(ANVIL_ADDRESS, &two, two.signature_hash());
    assert!(matches!(refused, Err(Refusal::TwoTransactions { nonce: 5, .. })));
}

#[test]
fn an_account_with_its_memory_signs_and_refuses_alike() {
    let signer = Account::new(account(Purpose::Submitter).into(), Memory::fresh().into());
    assert_eq!(
        (signer.address(), signer.purpose()),
        (ANVIL_ADDRESS, Purpose::Submitter)
    );
    signer.sign_transaction(&transaction(10)).unwrap();
    assert!(matches!(
        signer.sign_transaction(&transaction(9)),
        Err(Error::Refused(_))
    ));
}

#[test]
fn an_issuer_signs_the_commit_of_a_batch() {
    let (key, memory) = (account(Purpose::Issuer), Memory::fresh());
    let signature = key
        .sign_commit_batch(&memory, COLLECTION, &commit(1, 5, 1))
        .unwrap();
    assert_eq!(
        signature
            .recover(&commit(1, 5, 1).signing_hash(COLLECTION))
            .unwrap(),
        ANVIL_ADDRESS
    );
    assert_eq!(
        key.sign_commit_batch(&memory, COLLECTION, &commit(1, 5, 1))
            .unwrap(),
        signature
    );
    // The same batch until another time is the same batch.
    let later = CommitBatch {
        deadline: 1_800_000_000,
        ..commit(1, 5, 1)
    };
    key.sign_commit_batch(&memory, COLLECTION, &later).unwrap();
}

#[test]
fn a_commit_over_a_committed_serial_is_refused() {
    let (key, memory) = (account(Purpose::Issuer), Memory::fresh());
    key.sign_commit_batch(&memory, COLLECTION, &commit(1, 5, 1))
        .unwrap();
    let refused = key.sign_commit_batch(&memory, COLLECTION, &commit(5, 1, 2));
    assert!(matches!(refused, Err(Error::Refused(Refusal::TwoRoots { .. }))));
    let nothing = CommitBatch {
        count: 0,
        ..commit(6, 1, 2)
    };
    let refused = key.sign_commit_batch(&memory, COLLECTION, &nothing);
    assert!(matches!(refused, Err(Error::Refused(Refusal::NoRange))));
}

#[test]
fn only_an_issuers_account_commits() {
    for found in [Purpose::Submitter, Purpose::Minter, Purpose::Anchoring] {
        let refused = account(found).sign_commit_batch(&Memory::fresh(), COLLECTION, &commit(1, 1, 1));
        let expected = Purpose::Issuer;
        assert!(
            matches!(refused, Err(Error::WrongPurpose { expected: e, found: f }) if (e, f) == (expected, found))
        );
    }
}

#[test]
fn secrets_that_are_no_keys_are_refused() {
    let order = alloy_primitives::hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    for secret in [[0; 32], order, [0xff; 32]] {
        let refused = AccountKey::import(Purpose::Submitter, &secret);
        assert!(matches!(refused, Err(Error::InvalidSecret(_))));
    }
}

#[test]
fn an_account_key_cannot_have_an_ed25519_purpose() {
    let refused = AccountKey::import(Purpose::Certificate, &[1; 32]);
    assert!(matches!(
        refused,
        Err(Error::WrongAlgorithm {
            purpose: Purpose::Certificate,
            ..
        })
    ));
}

#[test]
fn generated_accounts_differ() {
    let random = SeededRandom::new(3);
    let make = || AccountKey::generate(Purpose::Minter, &random).unwrap().address();
    assert_ne!(make(), make());
}
