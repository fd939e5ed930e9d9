//! The receipt: what an operator promises for one batch, as a signed note.
//!
//! The text says where the batch statement stands in the log, and by when the batch is on chain
//! (`commit_by`). It is signed by the key named `<origin>/receipt`, which entry 0 of the log and the reader's
//! trust roots name. A broken promise can be proved: the receipt, and a storage proof, at a block after
//! `commit_by`, that the design's next serial is still not past the batch.

use std::fmt;

use thiserror::Error;
use vestiary_tlog::note::Signature;
use vestiary_tlog::{Hash, SignedNote, VerifierKey, note};

use crate::ids::{CollectionId, DesignId, IdError, Serial, SerialRange};
use crate::statement::RECEIPT_KEY_SUFFIX;
use crate::timestamp::MAX_UNIX_SECONDS;

/// The first line of every receipt.
pub const VERSION_LINE: &str = "vestiary/receipt/v1";

/// A receipt larger than this is not read: eleven lines, and a few signatures.
pub const MAX_RECEIPT_BYTES: usize = 8 * 1024;

const LINES: usize = 11;

/// What the operator of a log promises for one batch. [`Display`](fmt::Display) is the text that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The log.
    pub origin: String,
    /// The batch statement's index in the log.
    pub batch_index: u64,
    /// The batch statement's leaf hash.
    pub leaf_hash: Hash,
    /// The size of the log in which it stands.
    pub size: u64,
    /// The log's root at that size.
    pub root: Hash,
    /// The collection.
    pub collection: CollectionId,
    /// The design.
    pub design_id: DesignId,
    /// The serials, holes included.
    pub serials: SerialRange,
    /// By when the batch is on chain: unix seconds, by the block's timestamp.
    pub commit_by: u64,
}

impl Receipt {
    /// Reads the text that is signed.
    pub fn parse_text(text: &str) -> Result<Self, ReceiptError> {
        let lines: Vec<&str> = text
            .strip_suffix('\n')
            .ok_or(ReceiptError::Lines)?
            .split('\n')
            .collect();
        let lines: [&str; LINES] = lines.try_into().map_err(|_| ReceiptError::Lines)?;
        let [
            version,
            origin,
            index,
            leaf,
            size,
            root,
            collection,
            design,
            first,
            count,
            commit_by,
        ] = lines;
        if version != VERSION_LINE {
            return Err(ReceiptError::Version(version.chars().take(64).collect()));
        }
        let receipt = Self {
            origin: origin.to_owned(),
            batch_index: number("batch index", index)?,
            leaf_hash: leaf.parse()?,
            size: number("size", size)?,
            root: root.parse()?,
            collection: collection.parse()?,
            design_id: design.parse()?,
            serials: SerialRange::new(first.parse::<Serial>()?, number("count", count)?)?,
            commit_by: number("commit_by", commit_by)?,
        };
        receipt.check()?;
        Ok(receipt)
    }

    /// The name of the key that must sign.
    pub fn key_name(&self) -> String {
        format!("{}{RECEIPT_KEY_SUFFIX}", self.origin)
    }

    /// Signs the receipt. `sign` gets the text's bytes; its answer is checked against `key` before it is used.
    pub fn sign(
        &self,
        key: &VerifierKey,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<SignedReceipt, ReceiptError> {
        self.check()?;
        self.check_key(key)?;
        let note = note::sign(&self.to_string(), key, sign)?;
        Ok(SignedReceipt {
            receipt: self.clone(),
            note,
        })
    }

    fn check(&self) -> Result<(), ReceiptError> {
        crate::certificate::check_origin(&self.origin).map_err(|_| ReceiptError::Origin)?;
        if self.batch_index >= self.size {
            return Err(ReceiptError::OutsideLog {
                index: self.batch_index,
                size: self.size,
            });
        }
        if self.commit_by > MAX_UNIX_SECONDS {
            return Err(ReceiptError::Number("commit_by"));
        }
        Ok(())
    }

    fn check_key(&self, key: &VerifierKey) -> Result<(), ReceiptError> {
        let expected = self.key_name();
        if key.name().as_str() != expected {
            return Err(ReceiptError::KeyName {
                found: key.name().to_string(),
                expected,
            });
        }
        Ok(())
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{VERSION_LINE}\n{}\n{}\n{}",
            self.origin, self.batch_index, self.leaf_hash
        )?;
        writeln!(
            f,
            "{}\n{}\n{}\n{}",
            self.size, self.root, self.collection, self.design_id
        )?;
        writeln!(
            f,
            "{}\n{}\n{}",
            self.serials.first(),
            self.serials.count(),
            self.commit_by
        )
    }
}

/// A receipt with the signatures it came with. Reading verifies none: see [`SignedReceipt::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedReceipt {
    receipt: Receipt,
    note: SignedNote,
}

impl SignedReceipt {
    /// Reads a signed receipt strictly; [`to_bytes`](Self::to_bytes) gives the same bytes back.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReceiptError> {
        if bytes.len() > MAX_RECEIPT_BYTES {
            return Err(ReceiptError::TooLarge(bytes.len()));
        }
        let note = SignedNote::parse(bytes)?;
        let receipt = Receipt::parse_text(note.text())?;
        Ok(Self { receipt, note })
    }

    /// What it promises, before anybody checked who says so.
    pub fn unverified(&self) -> &Receipt {
        &self.receipt
    }

    /// Checks that `key`, the receipt key of the reader's trust roots, signed this.
    pub fn verify(&self, key: &VerifierKey) -> Result<&Receipt, ReceiptError> {
        self.receipt.check_key(key)?;
        self.note.verify(std::slice::from_ref(key))?;
        Ok(&self.receipt)
    }

    /// The signature lines as they were found.
    pub fn signatures(&self) -> &[Signature] {
        self.note.signatures()
    }

    /// The bytes of the note.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.note.to_bytes()
    }
}

fn number(what: &'static str, text: &str) -> Result<u64, ReceiptError> {
    let number = text.parse::<u64>().map_err(|_| ReceiptError::Number(what))?;
    // `parse` also takes a sign and leading zeros.
    if number.to_string() == text {
        Ok(number)
    } else {
        Err(ReceiptError::Number(what))
    }
}

/// Why a receipt was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReceiptError {
    /// More than [`MAX_RECEIPT_BYTES`].
    #[error("{0} bytes, at most {MAX_RECEIPT_BYTES} are read")]
    TooLarge(usize),
    /// Not eleven lines, each ended.
    #[error("a receipt has {LINES} lines")]
    Lines,
    /// Another version.
    #[error("the first line is {0:?}; {VERSION_LINE} is read")]
    Version(String),
    /// The origin is none.
    #[error("the second line is not a log origin")]
    Origin,
    /// A number is malformed or out of range.
    #[error("{0} is not a decimal number in its range")]
    Number(&'static str),
    /// An id or range is malformed.
    #[error(transparent)]
    Id(#[from] IdError),
    /// The batch would stand outside the log.
    #[error("entry {index} of a log of {size}")]
    OutsideLog {
        /// The batch statement's index.
        index: u64,
        /// The log's size.
        size: u64,
    },
    /// The key has another name than the receipt's origin asks for.
    #[error("the key is named {found}, a receipt of this log is signed by {expected}")]
    KeyName {
        /// The key's name.
        found: String,
        /// `<origin>/receipt`.
        expected: String,
    },
    /// The note, a hash in it or a signature was refused.
    #[error(transparent)]
    Note(#[from] vestiary_tlog::Error),
}

impl ReceiptError {
    /// The stable name of this reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "too_large",
            Self::Lines => "malformed_receipt",
            Self::Version(_) => "unknown_receipt_version",
            Self::Origin => "malformed_origin",
            Self::Number(_) => "malformed_number",
            Self::Id(error) => error.code(),
            Self::OutsideLog { .. } => "outside_log",
            Self::KeyName { .. } => "receipt_key_differs",
            Self::Note(vestiary_tlog::Error::SignatureInvalid { .. }) => "bad_signature",
            Self::Note(vestiary_tlog::Error::NotSignedByKnownKey) => "not_signed_by_key",
            Self::Note(_) => "malformed_note",
        }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};
    use vestiary_tlog::{KeyName, SignatureType};

    use super::*;
    use crate::ids::ChainId;

    fn signer() -> SigningKey {
        SigningKey::from_bytes(&[9; 32])
    }

    fn vkey(name: &str) -> VerifierKey {
        let public = signer().verifying_key().to_bytes();
        VerifierKey::new(KeyName::new(name).unwrap(), SignatureType::Ed25519, &public).unwrap()
    }

    fn receipt() -> Receipt {
        Receipt {
            origin: "log.example/2026".to_owned(),
            batch_index: 202,
            leaf_hash: Hash([1; 32]),
            size: 203,
            root: Hash([2; 32]),
            collection: CollectionId::new(ChainId(31337), [0xC0; 20].into()),
            design_id: DesignId::new(1).unwrap(),
            serials: SerialRange::new(Serial::new(1).unwrap(), 200).unwrap(),
            commit_by: 1_795_003_600,
        }
    }

    fn sign(text: &[u8]) -> [u8; 64] {
        signer().sign(text).to_bytes()
    }

    #[test]
    fn a_receipt_reads_as_it_was_written_and_verifies() {
        let key = vkey("log.example/2026/receipt");
        let signed = receipt().sign(&key, sign).unwrap();
        let read = SignedReceipt::parse(&signed.to_bytes()).unwrap();
        assert_eq!(read, signed);
        assert_eq!(read.verify(&key), Ok(&receipt()));
        assert_eq!(
            receipt().to_string(),
            "vestiary/receipt/v1\nlog.example/2026\n202\nAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n203\n\
             AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n\
             eip155:31337/erc721:0xc0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0\n1\n1\n200\n1795003600\n"
        );
    }

    #[test]
    fn the_checkpoint_key_signs_no_receipt() {
        let checkpoint_key = vkey("log.example/2026");
        assert_eq!(
            receipt().sign(&checkpoint_key, sign).unwrap_err().code(),
            "receipt_key_differs"
        );
        let signed = receipt().sign(&vkey("log.example/2026/receipt"), sign).unwrap();
        assert_eq!(
            signed.verify(&checkpoint_key).unwrap_err().code(),
            "receipt_key_differs"
        );
    }

    #[test]
    fn an_altered_promise_is_refused() {
        let key = vkey("log.example/2026/receipt");
        let signed = String::from_utf8(receipt().sign(&key, sign).unwrap().to_bytes()).unwrap();
        let later = signed.replace("1795003600", "1795003601");
        assert_eq!(
            SignedReceipt::parse(later.as_bytes())
                .unwrap()
                .verify(&key)
                .unwrap_err()
                .code(),
            { "bad_signature" }
        );
        let public = SigningKey::from_bytes(&[10; 32]).verifying_key().to_bytes();
        let other = VerifierKey::new(key.name().clone(), SignatureType::Ed25519, &public).unwrap();
        let signed = SignedReceipt::parse(signed.as_bytes()).unwrap();
        assert_eq!(signed.verify(&other).unwrap_err().code(), "not_signed_by_key");
    }

    #[test]
    fn malformed_texts_are_refused_each_with_its_code() {
        let good = receipt().to_string();
        assert_eq!(Receipt::parse_text(&good), Ok(receipt()));
        for (from, to, expected) in [
            ("receipt/v1", "receipt/v2", "unknown_receipt_version"),
            ("log.example/2026\n", "log example\n", "malformed_origin"),
            ("\n202\n", "\n0202\n", "malformed_number"),
            ("\n202\n", "\n203\n", "outside_log"),
            ("\n202\n", "\n-1\n", "malformed_number"),
            ("AQEBAQ", "AQEB*Q", "malformed_note"),
            ("eip155", "EIP155", "malformed_chain_id"),
            ("\n200\n", "\n0\n", "bad_serial_range"),
            ("1795003600\n", "1795003600", "malformed_receipt"),
            ("1795003600\n", "1795003600\n\n", "malformed_receipt"),
            ("1795003600\n", "1795003600\nmore\n", "malformed_receipt"),
            ("1795003600", "99999999999999", "malformed_number"),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good);
            assert_eq!(
                Receipt::parse_text(&text).unwrap_err().code(),
                expected,
                "{from:?} to {to:?}"
            );
        }
        let large = vec![b'a'; MAX_RECEIPT_BYTES + 1];
        assert_eq!(SignedReceipt::parse(&large).unwrap_err().code(), "too_large");
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_is_written_the_same(
            at in proptest::prelude::any::<proptest::sample::Index>(),
            put in "[0-9a-z:/=\n]{0,4}",
        ) {
            let mut text = receipt().to_string();
            let at = at.index(text.len());
            text.replace_range(at..(at + put.len()).min(text.len()), &put);
            if let Ok(read) = Receipt::parse_text(&text) {
                proptest::prop_assert_eq!(read.to_string(), text);
            }
        }
    }
}
