use proptest::prelude::*;
use vestiary::{
    digest::Sha256,
    ids::ChainId,
    ids::LAST_SERIAL,
    statement::{CertificateIssued, Statement},
};
use vestiary_signing::{Error, Memory, Purpose, Refusal, Witnessed};
use vestiary_tlog::{Checkpoint, Hash};

use crate::support::{COLLECTION, ORIGIN, batch, certificate, design, ed25519, hash, range, root, token};

fn checkpoint(memory: &Memory, size: u64, root: Hash) -> Result<(), Refusal> {
    let checkpoint = Checkpoint::new(ORIGIN, size, root).unwrap();
    match ed25519(Purpose::Checkpoint).sign_checkpoint(memory, &checkpoint) {
        Ok(_) => Ok(()),
        Err(Error::Refused(refusal)) => Err(refusal),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_memory_that_is_not_rebuilt_refuses_everything() {
    let memory = Memory::rebuilding();
    let key = ed25519(Purpose::Certificate);
    let refused = key.sign_certificate(&memory, certificate(key.public_key(), 1, "Maison"));
    assert!(matches!(refused, Err(Error::Refused(Refusal::Rebuilding))));
    let refused = key.sign_batch(&memory, batch(key.public_key(), 1, 1, root(1)));
    assert!(matches!(refused, Err(Error::Refused(Refusal::Rebuilding))));
    assert_eq!(checkpoint(&memory, 1, hash(1)), Err(Refusal::Rebuilding));
    memory.finish_rebuild();
    checkpoint(&memory, 1, hash(1)).unwrap();
}

#[test]
fn two_checkpoints_of_one_size_are_refused_with_both_roots() {
    let memory = Memory::fresh();
    checkpoint(&memory, 5, hash(1)).unwrap();
    checkpoint(&memory, 5, hash(1)).unwrap();
    let refusal = checkpoint(&memory, 5, hash(2)).unwrap_err();
    assert_eq!(refusal.code(), "two_checkpoints");
    let (origin, size) = (ORIGIN.to_owned(), 5);
    assert_eq!(
        refusal,
        Refusal::TwoCheckpoints {
            origin,
            size,
            remembered: hash(1),
            asked: hash(2)
        }
    );
    // A refused request breaks nothing.
    checkpoint(&memory, 6, hash(3)).unwrap();
}

#[test]
fn a_checkpoint_smaller_than_the_last_is_refused() {
    let memory = Memory::fresh();
    checkpoint(&memory, 5, hash(1)).unwrap();
    checkpoint(&memory, 9, hash(2)).unwrap();
    for (size, root) in [(8, hash(3)), (5, hash(1))] {
        let refusal = checkpoint(&memory, size, root).unwrap_err();
        assert_eq!(refusal.code(), "smaller_checkpoint");
        assert!(matches!(refusal, Refusal::SmallerCheckpoint { remembered, .. } if remembered.size == 9));
    }
}

#[test]
fn a_log_shorter_than_an_anchor_or_a_witness_says_is_not_signed() {
    for by in [Witnessed::Anchor, Witnessed::Witness] {
        let memory = Memory::rebuilding();
        memory.remember_log(ORIGIN, 80, hash(8)).unwrap();
        memory.remember_witnessed(ORIGIN, 100, hash(9), by).unwrap();
        memory.remember_witnessed(ORIGIN, 90, hash(7), by).unwrap();
        memory.finish_rebuild();
        let refused = Refusal::LogTooShort {
            origin: ORIGIN.to_owned(),
            ours: 80,
            theirs: 100,
            by,
        };
        // Not even when it grows past them: what grew is another history.
        for size in [80, 81, 100, 120] {
            let root = if size == 80 { hash(8) } else { hash(5) };
            assert_eq!(checkpoint(&memory, size, root), Err(refused.clone()));
        }
        assert_eq!(refused.code(), "log_too_short");
        // The whole log was restored.
        memory.remember_log(ORIGIN, 100, hash(9)).unwrap();
        checkpoint(&memory, 100, hash(9)).unwrap();
    }
}

#[test]
fn a_log_that_others_saw_differently_is_never_signed_again() {
    let memory = Memory::fresh();
    memory.remember_log(ORIGIN, 10, hash(1)).unwrap();
    let contradiction = memory
        .remember_witnessed(ORIGIN, 10, hash(2), Witnessed::Anchor)
        .unwrap_err();
    assert!(matches!(contradiction, Refusal::TwoCheckpoints { size: 10, .. }));
    assert_eq!(checkpoint(&memory, 11, hash(3)), Err(contradiction.clone()));
    assert_eq!(checkpoint(&memory, 10, hash(1)), Err(contradiction));
    // Other logs are not concerned.
    let other = Checkpoint::new("log.example/other", 1, hash(1)).unwrap();
    ed25519(Purpose::Checkpoint)
        .sign_checkpoint(&memory, &other)
        .unwrap();
}

#[test]
fn a_root_of_our_log_at_an_anchored_size_is_compared() {
    let memory = Memory::rebuilding();
    memory
        .remember_witnessed(ORIGIN, 5, hash(5), Witnessed::Anchor)
        .unwrap();
    memory.remember_log(ORIGIN, 9, hash(9)).unwrap();
    assert!(memory.remember_log(ORIGIN, 5, hash(6)).is_err());
    memory.finish_rebuild();
    assert!(matches!(
        checkpoint(&memory, 10, hash(1)),
        Err(Refusal::TwoCheckpoints { size: 5, .. })
    ));
}

#[test]
fn a_checkpoint_that_contradicts_an_anchor_is_refused() {
    let memory = Memory::rebuilding();
    memory.remember_log(ORIGIN, 5, hash(5)).unwrap();
    memory
        .remember_witnessed(ORIGIN, 5, hash(5), Witnessed::Witness)
        .unwrap();
    memory.finish_rebuild();
    assert!(matches!(
        checkpoint(&memory, 5, hash(6)),
        Err(Refusal::TwoCheckpoints { .. })
    ));
    checkpoint(&memory, 5, hash(5)).unwrap();
}

#[test]
fn a_checkpoint_smaller_than_the_one_that_our_log_publishes_is_refused() {
    let memory = Memory::rebuilding();
    memory.remember_log(ORIGIN, 9, hash(9)).unwrap();
    memory.remember_log(ORIGIN, 4, hash(4)).unwrap();
    memory.finish_rebuild();
    assert!(matches!(
        checkpoint(&memory, 7, hash(7)),
        Err(Refusal::SmallerCheckpoint { remembered, .. }) if remembered.size == 9
    ));
    checkpoint(&memory, 9, hash(9)).unwrap();
}

#[test]
fn a_log_with_more_checkpoints_than_are_kept_still_refuses_forks_at_its_end() {
    let memory = Memory::fresh();
    let last = vestiary_signing::MAX_HEADS as u64 + 100;
    for size in 1..=last {
        memory.remember_log(ORIGIN, size, hash(1)).unwrap();
    }
    assert!(matches!(
        checkpoint(&memory, last, hash(2)),
        Err(Refusal::TwoCheckpoints { .. })
    ));
    assert!(matches!(
        checkpoint(&memory, 1, hash(2)),
        Err(Refusal::SmallerCheckpoint { .. })
    ));
    assert!(memory.remember_log(ORIGIN, 101, hash(2)).is_err());
}

#[test]
fn ranges_that_touch_are_fine_and_ranges_that_overlap_are_refused() {
    let key = ed25519(Purpose::Certificate);
    let memory = Memory::fresh();
    let sign =
        |first, count, byte| key.sign_batch(&memory, batch(key.public_key(), first, count, root(byte)));
    sign(10, 10, 1).unwrap();
    sign(20, 5, 2).unwrap();
    sign(1, 9, 3).unwrap();
    for (first, count) in [
        (10, 9),
        (10, 11),
        (9, 1),
        (9, 2),
        (15, 1),
        (19, 1),
        (19, 2),
        (1, 100),
        (24, 1),
        (24, 9),
    ] {
        let refused = sign(first, count, 9);
        let Err(Error::Refused(Refusal::TwoRoots {
            remembered, asked, ..
        })) = refused
        else {
            panic!("{first} {count}")
        };
        assert!(
            remembered.range.contains(asked.range.first()) || asked.range.contains(remembered.range.first())
        );
    }
    // Same serials and same root, other length: not the same batch.
    assert!(sign(10, 9, 1).is_err());
    sign(10, 10, 1).unwrap();
    sign(25, 1, 4).unwrap();
}

#[test]
fn a_range_at_the_end_of_all_serials_is_remembered() {
    let memory = Memory::fresh();
    memory
        .remember_batch(COLLECTION, design(), range(LAST_SERIAL - 1, 2), root(1))
        .unwrap();
    let refused = memory.remember_batch(COLLECTION, design(), range(LAST_SERIAL, 1), root(2));
    assert!(matches!(refused, Err(Refusal::TwoRoots { .. })));
}

#[test]
fn the_log_is_remembered_entry_by_entry() {
    let key = ed25519(Purpose::Certificate);
    let signed = key
        .sign_certificate(&Memory::fresh(), certificate(key.public_key(), 1, "Maison"))
        .unwrap();
    let issued = |serial, digest| {
        Statement::CertificateIssued(CertificateIssued {
            token_id: token(serial),
            digest,
            claim_key: alloy_primitives::Address::ZERO,
            batch: root(1),
        })
    };
    let committed = key
        .sign_batch(&Memory::fresh(), batch(key.public_key(), 1, 5, root(1)))
        .unwrap();

    let memory = Memory::rebuilding();
    memory.remember_statement(&issued(1, signed.digest())).unwrap();
    memory.remember_statement(&issued(2, Sha256([4; 32]))).unwrap();
    memory.remember_statement(&Statement::Batch(committed)).unwrap();
    memory.finish_rebuild();

    let again = key
        .sign_certificate(&memory, certificate(key.public_key(), 1, "Maison"))
        .unwrap();
    assert_eq!(again.to_bytes(), signed.to_bytes());
    for (serial, name) in [(1, "Atelier"), (2, "Maison")] {
        let refused = key.sign_certificate(&memory, certificate(key.public_key(), serial, name));
        assert!(matches!(
            refused,
            Err(Error::Refused(Refusal::TwoCertificates { .. }))
        ));
    }
    let refused = key.sign_batch(&memory, batch(key.public_key(), 5, 5, root(2)));
    assert!(matches!(refused, Err(Error::Refused(Refusal::TwoRoots { .. }))));
    key.sign_certificate(&memory, certificate(key.public_key(), 3, "Maison"))
        .unwrap();
}

#[test]
fn a_log_with_two_certificates_for_one_wearable_is_noticed() {
    let memory = Memory::rebuilding();
    let wearable = COLLECTION.wearable(token(1));
    memory.remember_certificate(wearable, Sha256([1; 32])).unwrap();
    memory.remember_certificate(wearable, Sha256([1; 32])).unwrap();
    let refused = memory.remember_certificate(wearable, Sha256([2; 32]));
    assert!(matches!(refused, Err(Refusal::TwoCertificates { .. })));
    // Another collection has its own tokens.
    let mut elsewhere = wearable;
    elsewhere.collection.chain = ChainId(1);
    memory.remember_certificate(elsewhere, Sha256([2; 32])).unwrap();
}

#[test]
fn refusals_tell_both_sides_in_words() {
    let memory = Memory::fresh();
    memory
        .remember_batch(COLLECTION, design(), range(1, 5), root(1))
        .unwrap();
    let refusal = memory
        .remember_batch(COLLECTION, design(), range(3, 5), root(2))
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("serials 1 to 5 under root 0x0101"), "{refusal}");
    assert!(refusal.contains("serials 3 to 7 under root 0x0202"), "{refusal}");
}

proptest! {
    /// Whatever is asked in whatever order: what was signed never overlaps, and every request that is refused
    /// really contradicts something that was signed.
    #[test]
    fn signed_ranges_never_overlap(asked in proptest::collection::vec((1_u64..40, 1_u64..8, 0_u8..3), 1..40)) {
        let memory = Memory::fresh();
        let mut signed = Vec::new();
        for (first, count, byte) in asked {
            let (range, root) = (range(first, count), root(byte));
            let overlaps = signed.iter().any(|&(other, other_root)| {
                let other: vestiary::ids::SerialRange = other;
                let same = (other, other_root) == (range, root);
                !same && other.first() <= range.last() && range.first() <= other.last()
            });
            let outcome = memory.remember_batch(COLLECTION, design(), range, root);
            prop_assert_eq!(outcome.is_err(), overlaps);
            if outcome.is_ok() {
                signed.push((range, root));
            }
        }
    }

    #[test]
    fn signed_checkpoints_never_shrink_and_never_fork(asked in proptest::collection::vec((1_u64..12, 0_u8..3), 1..60)) {
        let memory = Memory::fresh();
        let mut signed: Vec<(u64, u8)> = Vec::new();
        for (size, byte) in asked {
            let fine = signed.iter().all(|&(other, root)| other < size || (other, root) == (size, byte));
            prop_assert_eq!(checkpoint(&memory, size, hash(byte)).is_ok(), fine);
            if fine {
                signed.push((size, byte));
            }
        }
    }
}
