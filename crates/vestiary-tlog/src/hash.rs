use sha2::{Digest, Sha256};

use crate::{Error, text};

/// Length of a [`struct@Hash`] in bytes.
pub const HASH_BYTES: usize = 32;

/// A SHA-256 hash in an RFC 6962 tree: of a leaf, of an inner node, or the root.
///
/// `Display` and `FromStr` use standard base64 with padding, as checkpoints and proofs do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, std::hash::Hash)]
pub struct Hash(pub [u8; HASH_BYTES]);

/// The root of the tree without entries: the SHA-256 of nothing (RFC 6962, section 2.1).
pub const EMPTY_ROOT: Hash = Hash([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// The hash of an entry: `SHA-256(0x00 ‖ entry)` (RFC 6962, section 2.1).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(
        Sha256::new()
            .chain_update([0])
            .chain_update(entry)
            .finalize()
            .into(),
    )
}

/// The hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)` (RFC 6962, section 2.1).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(
        Sha256::new()
            .chain_update([1])
            .chain_update(left.0)
            .chain_update(right.0)
            .finalize()
            .into(),
    )
}

impl Hash {
    /// Reads a hash of exactly 32 bytes; `what` names it in the error.
    pub(crate) fn from_slice(what: &'static str, bytes: &[u8]) -> Result<Self, Error> {
        Ok(Self(bytes.try_into().map_err(|_| Error::HashLength {
            what,
            found: bytes.len(),
        })?))
    }

    /// Reads a hash from canonical base64; `what` names it in the error.
    pub(crate) fn from_base64(what: &'static str, encoded: &str) -> Result<Self, Error> {
        Self::from_slice(what, &text::base64_decode(what, encoded)?)
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&text::base64_encode(&self.0))
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl std::str::FromStr for Hash {
    type Err = Error;

    fn from_str(encoded: &str) -> Result<Self, Error> {
        Self::from_base64("hash", encoded)
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_root_is_the_hash_of_nothing() {
        assert_eq!(EMPTY_ROOT.0, <[u8; 32]>::from(Sha256::digest(b"")));
        assert_eq!(
            EMPTY_ROOT.to_string(),
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
        );
    }

    #[test]
    fn a_hash_of_31_bytes_is_refused() {
        let short = text::base64_encode(&[7; 31]);
        assert_eq!(
            short.parse::<Hash>(),
            Err(Error::HashLength {
                what: "hash",
                found: 31
            })
        );
    }

    #[test]
    fn a_hash_with_set_trailing_bits_is_refused() {
        let mut encoded = Hash([0; 32]).to_string();
        encoded.replace_range(42..43, "B");
        assert_eq!(encoded.parse::<Hash>(), Err(Error::Base64 { what: "hash" }));
    }

    #[test]
    fn a_hash_without_padding_is_refused() {
        let encoded = Hash([0; 32]).to_string();
        assert_eq!(
            encoded.trim_end_matches('=').parse::<Hash>(),
            Err(Error::Base64 { what: "hash" })
        );
    }
}
