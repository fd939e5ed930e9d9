use vestiary_tlog::{
    Error, SignedCheckpoint, SignedNote,
    cosignature::{self, MAX_TIMESTAMP_S},
    note::{self, Signature},
};

use crate::support::{self, TestKey};

const ORIGIN: &str = "log.example/one";

fn cosigned() -> (TestKey, TestKey, SignedCheckpoint) {
    let (key, witness) = (TestKey::log(1), TestKey::witness(2));
    let mut signed = support::checkpoint(&key, &support::leaves(5), 5);
    cosignature::cosign(&mut signed, &witness.vkey, 1_679_315_147, |m| witness.sign(m)).unwrap();
    (key, witness, signed)
}

#[test]
fn the_signed_message_is_the_specifications() {
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let expected = "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
                    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    assert_eq!(cosignature::message(text, 1_679_315_147), expected.as_bytes());
}

#[test]
fn the_specifications_example_carries_that_time() {
    let example = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";
    let signed = SignedCheckpoint::parse(example.as_bytes()).unwrap();
    let line = &signed.note().signatures()[1];
    assert_eq!(line.bytes.len(), 8 + 64);
    assert_eq!(line.bytes[..8], 1_679_315_147_u64.to_be_bytes());
}

#[test]
fn a_cosigned_checkpoint_names_its_witness_and_time() {
    let (key, witness, signed) = cosigned();
    let read = SignedCheckpoint::parse(&signed.to_bytes()).unwrap();
    let witnesses = [TestKey::witness(9).vkey, witness.vkey];
    let (checkpoint, cosignatures) = read.verify(ORIGIN, &key.vkey, &witnesses).unwrap();
    assert_eq!(checkpoint.size(), 5);
    assert_eq!(cosignatures.len(), 1);
    assert_eq!(cosignatures[0].key, &witnesses[1]);
    assert_eq!(cosignatures[0].timestamp_s, Some(1_679_315_147));
}

#[test]
fn a_cosignature_does_not_stand_in_for_the_logs_signature() {
    let (_, _, signed) = cosigned();
    let witnesses = [TestKey::witness(2).vkey];
    let refused = signed.verify(ORIGIN, &TestKey::log(9).vkey, &witnesses);
    assert_eq!(refused, Err(Error::NotSignedByKnownKey));
}

#[test]
fn a_cosignature_with_another_time_is_refused() {
    let (key, witness, mut signed) = cosigned();
    let mut line = signed.note().signatures()[1].clone();
    line.bytes[7] ^= 1;
    signed.add(line).unwrap();
    let refused = signed.verify(ORIGIN, &key.vkey, std::slice::from_ref(&witness.vkey));
    assert!(matches!(refused, Err(Error::SignatureInvalid { .. })));
}

#[test]
fn a_cosignature_of_the_wrong_length_is_refused() {
    let (key, witness, signed) = cosigned();
    let witnesses = [witness.vkey];
    for length in [1, 8, 64, 71] {
        let mut cut = signed.clone();
        let mut line = signed.note().signatures()[1].clone();
        line.bytes.truncate(length);
        cut.add(line).unwrap();
        let refused = cut.verify(ORIGIN, &key.vkey, &witnesses);
        assert!(matches!(refused, Err(Error::SignatureInvalid { .. })), "{length}");
    }
}

#[test]
fn a_time_beyond_the_limit_is_refused() {
    let (key, witness, mut signed) = cosigned();
    let found_s = MAX_TIMESTAMP_S + 1;
    let refused = cosignature::cosign(&mut signed, &witness.vkey, found_s, |m| witness.sign(m));
    assert_eq!(refused, Err(Error::CosignatureTime { found_s }));
    // Also when the witness did sign it.
    let message = cosignature::message(signed.note().text(), found_s);
    let bytes = [found_s.to_be_bytes().as_slice(), &witness.sign(&message)].concat();
    let (name, key_id) = (witness.vkey.name().clone(), witness.vkey.id());
    signed.add(Signature { name, key_id, bytes }).unwrap();
    let refused = signed.verify(ORIGIN, &key.vkey, std::slice::from_ref(&witness.vkey));
    assert_eq!(refused, Err(Error::CosignatureTime { found_s }));
}

#[test]
fn a_cosignature_over_something_else_than_a_checkpoint_is_refused() {
    let (key, witness) = (TestKey::log(1), TestKey::witness(2));
    let mut note: SignedNote = note::sign("only text\n", &key.vkey, |m| key.sign(m)).unwrap();
    let bytes = [
        &1_u64.to_be_bytes()[..],
        &witness.sign(&cosignature::message("only text\n", 1)),
    ]
    .concat();
    let (name, key_id) = (witness.vkey.name().clone(), witness.vkey.id());
    note.add(Signature { name, key_id, bytes }).unwrap();
    assert!(matches!(
        note.verify(&[witness.vkey]),
        Err(Error::Checkpoint { .. })
    ));
}

#[test]
fn a_log_key_does_not_cosign() {
    let (key, _, mut signed) = cosigned();
    let refused = cosignature::cosign(&mut signed, &key.vkey, 1, |m| key.sign(m));
    assert!(matches!(
        refused,
        Err(Error::SignatureTypeMismatch {
            found: 1,
            expected: 4,
            ..
        })
    ));
}

#[test]
fn a_witness_with_another_key_than_it_says_is_refused() {
    let (_, witness, mut signed) = cosigned();
    let refused = cosignature::cosign(&mut signed, &witness.vkey, 1, |m| TestKey::witness(3).sign(m));
    assert!(matches!(refused, Err(Error::SignatureInvalid { .. })));
}
