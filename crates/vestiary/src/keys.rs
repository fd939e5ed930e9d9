//! Ed25519 public keys as Vestiary accepts them, and their text forms.
//!
//! One profile everywhere. A key is refused when its bytes are not the canonical encoding of a point, or
//! when the point has small order (such keys "verify" signatures that nobody made). A signature is valid
//! only if `S` is reduced, `R` is canonical and not of small order, and the equation holds without the
//! cofactor. All signatures are judged singly, by this one function.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The multicodec prefix of an Ed25519 public key (`ed25519-pub`, varint 0xED).
const MULTICODEC_ED25519: [u8; 2] = [0xED, 0x01];

/// The bytes behind a Multikey: prefix and key.
const MULTIKEY_BYTES: usize = 34;

/// The length of every Multikey of an Ed25519 key: `z` and 47 base58 digits.
pub const MULTIKEY_CHARS: usize = 48;

/// An Ed25519 public key: canonical, not of small order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Takes the 32 bytes of RFC 8032 §5.1.5.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_reduced(bytes) {
            return Err(KeyError::NotCanonical);
        }
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPoint)?;
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self(key))
    }

    /// The 32 bytes of RFC 8032 §5.1.5.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Reads a Multikey: `z6Mk…`, base58btc of `0xED 0x01` and the key.
    pub fn from_multikey(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&multikey_bytes(text)?)
    }

    /// The Multikey: `z6Mk…`.
    pub fn to_multikey(&self) -> String {
        let mut bytes = [0; MULTIKEY_BYTES];
        bytes[..2].copy_from_slice(&MULTICODEC_ED25519);
        bytes[2..].copy_from_slice(self.0.as_bytes());
        let mut text = String::with_capacity(MULTIKEY_CHARS);
        text.push('z');
        text.push_str(&bs58::encode(bytes).into_string());
        text
    }

    /// Reads a `did:key:z6Mk…` without fragment.
    pub fn from_did(text: &str) -> Result<Self, KeyError> {
        Self::from_multikey(text.strip_prefix("did:key:").ok_or(KeyError::NotDidKey)?)
    }

    /// The DID of this key: `did:key:z6Mk…`.
    pub fn to_did(&self) -> String {
        format!("did:key:{}", self.to_multikey())
    }

    /// The DID URL under which the DID document lists this key: `did:key:z6Mk…#z6Mk…`.
    pub fn to_verification_method(&self) -> String {
        let multikey = self.to_multikey();
        format!("did:key:{multikey}#{multikey}")
    }

    /// Checks a signature of exactly 64 bytes over `message` by the strict profile.
    pub fn verify_strict(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        let signature: &[u8; 64] = signature.try_into().map_err(|_| KeyError::SignatureLength)?;
        self.0
            .verify_strict(message, &Signature::from_bytes(signature))
            .map_err(|_| KeyError::BadSignature)
    }
}

/// The 32 bytes named by an Ed25519 Multikey, of which nothing is known yet.
fn multikey_bytes(text: &str) -> Result<[u8; 32], KeyError> {
    if text.len() != MULTIKEY_CHARS || !text.starts_with('z') {
        return Err(KeyError::NotMultikey);
    }
    let mut bytes = [0; MULTIKEY_BYTES];
    let decoded = bs58::decode(&text[1..])
        .onto(&mut bytes)
        .map_err(|_| KeyError::NotMultikey)?;
    if decoded != MULTIKEY_BYTES || bytes[..2] != MULTICODEC_ED25519 {
        return Err(KeyError::NotMultikey);
    }
    let mut key = [0; 32];
    key.copy_from_slice(&bytes[2..]);
    Ok(key)
}

/// Whether y < 2²⁵⁵ − 19. The other non-canonical encodings, x = 0 with the sign bit set, are points of small
/// order and refused as such.
fn is_reduced(bytes: &[u8; 32]) -> bool {
    let top = bytes[31] & 0x7F;
    !(top == 0x7F && bytes[1..31].iter().all(|&b| b == 0xFF) && bytes[0] >= 0xED)
}

/// Why a key or signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a Multikey of an Ed25519 key.
    #[error("not the Multikey of an Ed25519 key (z6Mk…)")]
    NotMultikey,
    /// Not a did:key.
    #[error("not a did:key")]
    NotDidKey,
    /// The y coordinate is not reduced: a second encoding of another key.
    #[error("the key is not in canonical form")]
    NotCanonical,
    /// No point of the curve has these bytes.
    #[error("the key is not a point of the curve")]
    NotAPoint,
    /// The key has small order and would accept signatures that nobody made.
    #[error("the key is weak (small order)")]
    Weak,
    /// A signature has 64 bytes.
    #[error("a signature has 64 bytes")]
    SignatureLength,
    /// The signature is not by this key over this message, by the strict profile.
    #[error("the signature is not valid")]
    BadSignature,
}

impl KeyError {
    /// The stable name of this reason.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotMultikey | Self::NotDidKey => "malformed_key",
            Self::NotCanonical => "key_not_canonical",
            Self::NotAPoint => "key_not_a_point",
            Self::Weak => "weak_key",
            Self::SignatureLength => "signature_length",
            Self::BadSignature => "bad_signature",
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_multikey())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Self::from_multikey(text)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: [u8; 32] = {
        let mut bytes = [0x66; 32];
        bytes[0] = 0x58;
        bytes
    };

    #[test]
    fn text_forms_go_both_ways() {
        let key = PublicKey::from_bytes(&BASE).unwrap();
        let multikey = key.to_multikey();
        assert_eq!(multikey.len(), MULTIKEY_CHARS);
        assert!(multikey.starts_with("z6Mk"));
        assert_eq!(PublicKey::from_multikey(&multikey), Ok(key));
        assert_eq!(PublicKey::from_did(&key.to_did()), Ok(key));
        assert_eq!(
            key.to_verification_method(),
            format!("did:key:{multikey}#{multikey}")
        );
    }

    #[test]
    fn every_point_of_small_order_is_refused_in_every_encoding() {
        // The 14 encodings of the 8 points, canonical and not (the list that libsodium refuses).
        let encodings = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000080",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ];
        for text in encodings {
            let bytes: [u8; 32] = hex::decode(text).unwrap().try_into().unwrap();
            let error = PublicKey::from_bytes(&bytes).unwrap_err();
            assert!(
                matches!(error, KeyError::Weak | KeyError::NotCanonical),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn a_key_that_is_not_reduced_is_refused() {
        // y = p + 3 is on the curve when reduced, and has large order.
        for low in 0xED..=0xFF_u8 {
            let mut bytes = [0xFF; 32];
            bytes[0] = low;
            bytes[31] = 0x7F;
            assert_eq!(PublicKey::from_bytes(&bytes), Err(KeyError::NotCanonical));
        }
    }

    #[test]
    fn every_accepted_key_is_the_compression_of_its_point() {
        for seed in 0..64_u8 {
            let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).verifying_key();
            let ours = PublicKey::from_bytes(key.as_bytes()).unwrap();
            assert_eq!(ours.0.to_edwards().compress().to_bytes(), ours.to_bytes());
        }
    }

    proptest::proptest! {
        #[test]
        fn a_key_has_one_multikey(seed: [u8; 32], at in 0..MULTIKEY_CHARS, digit in "[1-9A-HJ-NP-Za-km-z]") {
            let key = ed25519_dalek::SigningKey::from_bytes(&seed).verifying_key();
            let mut text = PublicKey::from_bytes(key.as_bytes()).unwrap().to_multikey();
            text.replace_range(at..=at, &digit);
            if let Ok(key) = PublicKey::from_multikey(&text) {
                proptest::prop_assert_eq!(key.to_multikey(), text);
            }
        }
    }

    #[test]
    fn malformed_multikeys_are_refused() {
        let good = PublicKey::from_bytes(&BASE).unwrap().to_multikey();
        let cases = [
            String::new(),
            good[1..].to_owned(),
            format!("{good}1"),
            good[..47].to_owned(),
            good.replace("z6Mk", "z6LS"),
            good.replacen('z', "u", 1),
            format!("z0{}", &good[2..]),
            format!("z{}é", &good[1..46]),
        ];
        for text in cases {
            assert_eq!(
                PublicKey::from_multikey(&text),
                Err(KeyError::NotMultikey),
                "{text}"
            );
        }
        assert_eq!(PublicKey::from_did(&good), Err(KeyError::NotDidKey));
        assert_eq!(
            PublicKey::from_did(&format!("did:web:{good}")),
            Err(KeyError::NotDidKey)
        );
    }
}
