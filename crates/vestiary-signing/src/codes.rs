//! Claim codes: what is printed with a piece, and the key that it opens.
//!
//! A brand holds a [`Seed`]. Each wearable's [`ClaimCode`] follows from the seed and the wearable's id, and each
//! code's [`ClaimKey`] from the code and the same id. The chain and the log know the key's address only; the
//! server never sees a code.
//!
//! Codes are derived by token id, that is collection, design and serial, and not by the brand's own serial
//! text: the leaf under the batch root binds the claim key to a token id, the text may be corrected or reused,
//! and with the seed and the list of tokens alone a lost print file can be made again.

mod text;

use std::{fmt, str::FromStr};

use alloy_primitives::{Address, U256, U512, b256};
use hkdf::Hkdf;
use k256::ecdsa::SigningKey;
use sha2::Sha256 as Sha2;
use vestiary::{
    digest::Sha256,
    ids::WearableId,
    typed_data::{Claim, Signature},
};
use vestiary_log::seams::Random;
use zeroize::Zeroizing;

pub use text::{CODE_CHARS, CodeError, MAX_CODE_TEXT_BYTES};

use crate::{
    Algorithm, Error, Purpose, StoredKey,
    account::{address_of, recoverable},
    key_file::sealed::Sealed,
    secret::Secret32,
};

/// Bytes of a claim code: 128 bits, none of which can be guessed.
pub const CODE_BYTES: usize = 16;

const CODE_SALT: &[u8] = b"vestiary/claim-code/v1";
const KEY_SALT: &[u8] = b"vestiary/claim-key/v1";
const SEED_NAME_SALT: &[u8] = b"vestiary/claim-seed-name/v1";
const WEARABLE_BYTES: usize = 32 + 20 + 32;

/// A brand's secret from which all its claim codes follow. Whoever has it can claim every unclaimed piece.
pub struct Seed(Secret32);

/// A code as printed with a piece. Whoever has it can claim the piece.
pub struct ClaimCode(Zeroizing<[u8; CODE_BYTES]>);

/// The key that a code opens for one wearable.
pub struct ClaimKey {
    wearable: WearableId,
    key: SigningKey,
    address: Address,
}

impl Seed {
    /// A new seed.
    pub fn generate(random: &dyn Random) -> Self {
        let mut secret = Secret32::default();
        random.fill(secret.as_mut_slice());
        Self(secret)
    }

    /// Takes a seed that was made elsewhere. The caller's copy is the caller's to wipe.
    pub fn import(secret: &[u8; 32]) -> Self {
        Self(Secret32::new(*secret))
    }

    /// The code of a wearable: HKDF-SHA256(seed, salt `vestiary/claim-code/v1`, info chain(32) ‖
    /// collection(20) ‖ tokenId(32) ‖ generation(4), 16 bytes), big-endian.
    ///
    /// `generation` is 0 for the first code. A piece whose label was lost or that came back gets the next one,
    /// which opens nothing until the issuer has replaced the claim key.
    pub fn code(&self, wearable: &WearableId, generation: u32) -> ClaimCode {
        let mut info = [0; WEARABLE_BYTES + 4];
        info[..WEARABLE_BYTES].copy_from_slice(&wearable_bytes(wearable));
        info[WEARABLE_BYTES..].copy_from_slice(&generation.to_be_bytes());
        let mut code = Zeroizing::new([0; CODE_BYTES]);
        expand(self.0.as_slice(), CODE_SALT, &info, code.as_mut_slice());
        ClaimCode(code)
    }

    /// The seed's name, which tells nothing about the seed: 16 derived bytes, hexadecimal.
    pub fn name(&self) -> String {
        let mut name = [0; 16];
        expand(self.0.as_slice(), SEED_NAME_SALT, &[], &mut name);
        hex::encode(name)
    }
}

impl ClaimCode {
    /// A code from its 16 bytes.
    pub fn from_bytes(bytes: [u8; CODE_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads a code as a person types it: any case, hyphens and spaces anywhere, `O` for 0, `I` and `L` for 1.
    /// The two check symbols find every one or two wrong symbols and every swapped pair.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        text::decode(text).map(Self)
    }

    /// The code for printing: 28 symbols in seven groups. It is the secret itself.
    pub fn to_text(&self) -> Zeroizing<String> {
        text::encode(&self.0)
    }

    /// The key that this code opens for a wearable: 1 + (x mod n − 1) with x = HKDF-SHA256(code, salt
    /// `vestiary/claim-key/v1`, info chain(32) ‖ collection(20) ‖ tokenId(32), 48 bytes), big-endian.
    pub fn claim_key(&self, wearable: &WearableId) -> ClaimKey {
        let mut wide = Zeroizing::new([0; 48]);
        expand(
            self.0.as_slice(),
            KEY_SALT,
            &wearable_bytes(wearable),
            wide.as_mut_slice(),
        );
        let key = SigningKey::from_slice(reduce(&wide).as_slice()).expect("1 to n - 1");
        let address = address_of(&key);
        ClaimKey {
            wearable: *wearable,
            key,
            address,
        }
    }
}

impl ClaimKey {
    /// The address that stands in the wearable's leaf.
    pub fn address(&self) -> Address {
        self.address
    }

    /// The wearable that it claims.
    pub fn wearable(&self) -> WearableId {
        self.wearable
    }

    /// Signs the claim of this wearable for `to`, accepted by the chain until `deadline` (unix seconds).
    /// `certificate_digest` is the one in the wearable's leaf.
    pub fn sign_claim(&self, to: Address, deadline: u64, certificate_digest: Sha256) -> Signature {
        let claim = Claim {
            token_id: self.wearable.token_id,
            certificate_digest,
            to,
            deadline,
        };
        recoverable(&self.key, &claim.signing_hash(self.wearable.collection))
    }
}

/// chain(32) ‖ collection(20) ‖ tokenId(32), big-endian.
fn wearable_bytes(wearable: &WearableId) -> [u8; WEARABLE_BYTES] {
    let mut bytes = [0; WEARABLE_BYTES];
    bytes[24..32].copy_from_slice(&wearable.collection.chain.0.to_be_bytes());
    bytes[32..52].copy_from_slice(wearable.collection.address.as_slice());
    bytes[52..].copy_from_slice(&wearable.token_id.0.to_be_bytes::<32>());
    bytes
}

fn expand(secret: &[u8], salt: &[u8], info: &[u8], out: &mut [u8]) {
    Hkdf::<Sha2>::new(Some(salt), secret)
        .expand(info, out)
        .expect("far below 255 hashes");
}

/// 1 + (x mod n − 1). The 128 bits more than n has make the remainder uniform to within 2^-128.
fn reduce(wide: &[u8; 48]) -> Secret32 {
    let order =
        U256::from_be_bytes(b256!("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").0);
    let remainder = U512::from_be_slice(wide) % U512::from(order - U256::ONE);
    let scalar = remainder.saturating_to::<U256>() + U256::ONE;
    Secret32::new(scalar.to_be_bytes())
}

impl Sealed for Seed {
    fn secret(&self) -> Secret32 {
        self.0.clone()
    }

    fn from_secret(purpose: Purpose, secret: &Secret32) -> Result<Self, Error> {
        if purpose.algorithm() != Algorithm::Seed {
            return Err(Error::WrongAlgorithm {
                purpose,
                found: Algorithm::Seed,
            });
        }
        Ok(Self(secret.clone()))
    }
}

impl StoredKey for Seed {
    fn public_text(&self) -> String {
        self.name()
    }

    fn purpose(&self) -> Purpose {
        Purpose::ClaimSeed
    }
}

impl FromStr for ClaimCode {
    type Err = CodeError;

    fn from_str(text: &str) -> Result<Self, CodeError> {
        Self::parse(text)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({}, secret redacted)", self.name())
    }
}

impl fmt::Debug for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimCode(redacted)")
    }
}

impl fmt::Debug for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "ClaimKey({:#x} of {}, secret redacted)",
            self.address, self.wearable
        )
    }
}
