use std::fmt;

use zeroize::Zeroizing;

use crate::Error;

/// Shortest passphrase, in bytes, under which a key is written with [`crate::KdfCost::Standard`].
pub const MIN_PASSPHRASE_BYTES: usize = 12;
/// Longest passphrase, in bytes.
pub const MAX_PASSPHRASE_BYTES: usize = 1024;

/// 32 secret bytes that are wiped when they are dropped.
pub(crate) type Secret32 = Zeroizing<[u8; 32]>;

/// What unlocks a key file. Wiped when dropped, never shown.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes the passphrase as it is, spaces included. Refuses an empty or very long one.
    pub fn new(text: String) -> Result<Self, Error> {
        let text = Zeroizing::new(text);
        if text.is_empty() || text.len() > MAX_PASSPHRASE_BYTES {
            return Err(Error::PassphraseLength {
                min: 1,
                max: MAX_PASSPHRASE_BYTES,
            });
        }
        Ok(Self(text))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(redacted)")
    }
}
