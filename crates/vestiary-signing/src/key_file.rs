//! Key files: one encrypted key each, written once.

mod disk;

use std::{fmt, path::Path};

use argon2::{Algorithm as ArgonAlgorithm, Argon2, Params, Version};
use base64::{Engine, engine::general_purpose::STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};
use vestiary::{jcs, json};
use vestiary_log::seams::Random;
use zeroize::Zeroizing;

use crate::{
    Algorithm, Error, MAX_PASSPHRASE_BYTES, MIN_PASSPHRASE_BYTES, Passphrase, Purpose, secret::Secret32,
};

/// Value of `format`.
pub const FORMAT: &str = "vestiary/key/v1";
/// Longest key file, in bytes.
pub const MAX_KEY_FILE_BYTES: usize = 4096;
/// Least memory for a standard key, in KiB: RFC 9106's second recommendation.
pub const MIN_M_KIB: u32 = 64 * 1024;
/// Least passes for a standard key: RFC 9106's second recommendation.
pub const MIN_T: u32 = 3;
/// Least lanes.
pub const MIN_P: u32 = 1;
/// Most memory that reading a key may take, in KiB.
pub const MAX_M_KIB: u32 = 1024 * 1024;
/// Most passes that reading a key may take.
pub const MAX_T: u32 = 16;
/// Most lanes.
pub const MAX_P: u32 = 16;

const KDF: &str = "argon2id";
const CIPHER: &str = "xchacha20poly1305";
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// What guessing the passphrase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KdfCost {
    /// 64 MiB and three passes for each guess. Reading refuses development keys and anything cheaper.
    Standard,
    /// Almost nothing, for keys of a test chain: the file says so, and reading it must allow it.
    Development,
}

/// A key that can stand in a file. Implemented by the keys of this crate, and by nothing else.
pub trait StoredKey: sealed::Sealed + Sized {
    /// The file's `public`: who this key is, for people and for checking.
    fn public_text(&self) -> String;

    /// What the key is for.
    fn purpose(&self) -> Purpose;

    /// Encrypts the key under `passphrase` and writes it to a new file of mode 0600, durable on return.
    ///
    /// Never overwrites. [`KdfCost::Standard`] wants a passphrase of at least [`MIN_PASSPHRASE_BYTES`].
    fn save(
        &self,
        path: &Path,
        passphrase: &Passphrase,
        cost: KdfCost,
        random: &dyn Random,
    ) -> Result<(), Error> {
        disk::create(path, &self.seal(passphrase, cost, random)?)
    }

    /// The bytes of an encrypted key file.
    fn seal(&self, passphrase: &Passphrase, cost: KdfCost, random: &dyn Random) -> Result<Vec<u8>, Error> {
        seal(
            self.purpose(),
            self.public_text(),
            &self.secret(),
            passphrase,
            cost,
            random,
        )
    }

    /// Reads, unlocks and checks the key at `path`, which must be for `purpose`.
    fn load(path: &Path, purpose: Purpose, passphrase: &Passphrase, cost: KdfCost) -> Result<Self, Error> {
        KeyFile::read(path)?.unlock(purpose, passphrase, cost)
    }
}

pub(crate) mod sealed {
    use crate::{Error, Purpose, secret::Secret32};

    pub trait Sealed: Sized {
        fn secret(&self) -> Secret32;
        fn from_secret(purpose: Purpose, secret: &Secret32) -> Result<Self, Error>;
    }
}

/// A key file that was read and is still locked. What it says is authenticated only when it is unlocked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    header: Header,
    purpose: Purpose,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
    ciphertext: Vec<u8>,
}

/// Everything but the ciphertext. Its canonical JSON is the authenticated data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    format: String,
    purpose: String,
    algorithm: String,
    public: String,
    kdf: Kdf,
    cipher: Cipher,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kdf {
    name: String,
    cost: KdfCost,
    m_kib: u32,
    t: u32,
    p: u32,
    salt: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cipher {
    name: String,
    nonce: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    purpose: String,
    algorithm: String,
    public: String,
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

impl KeyFile {
    /// Reads a key file: at most [`MAX_KEY_FILE_BYTES`], readable by nobody but its owner.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::parse(&disk::read(path)?)
    }

    /// Reads the bytes of a key file, strictly.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_KEY_FILE_BYTES {
            return Err(Error::TooLong {
                limit: MAX_KEY_FILE_BYTES,
            });
        }
        let file: File = json::from_slice_strict(bytes, MAX_KEY_FILE_BYTES)
            .map_err(|error| malformed(error.to_string()))?;
        let File {
            format,
            purpose,
            algorithm,
            public,
            kdf,
            cipher,
            ciphertext,
        } = file;
        let header = Header {
            format,
            purpose,
            algorithm,
            public,
            kdf,
            cipher,
        };
        if header.format != FORMAT {
            return Err(malformed(format!("format must be {FORMAT}")));
        }
        if header.kdf.name != KDF || header.cipher.name != CIPHER {
            return Err(malformed(format!("only {KDF} and {CIPHER} are known")));
        }
        let purpose: Purpose = header.purpose.parse()?;
        if header.algorithm != purpose.algorithm().as_str() {
            return Err(malformed(format!("a {purpose} key is {}", purpose.algorithm())));
        }
        check_kdf(&header.kdf)?;
        let salt = fixed("salt", &header.kdf.salt)?;
        let nonce = fixed("nonce", &header.cipher.nonce)?;
        let ciphertext = fixed::<{ 32 + TAG_BYTES }>("ciphertext", &ciphertext)?.to_vec();
        Ok(Self {
            header,
            purpose,
            salt,
            nonce,
            ciphertext,
        })
    }

    /// What the file says the key is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// How the key signs.
    pub fn algorithm(&self) -> Algorithm {
        self.purpose.algorithm()
    }

    /// Who the file says the key is: a Multikey, an address, or a seed's name.
    pub fn public(&self) -> &str {
        &self.header.public
    }

    /// Whether the file says that it was made for development.
    pub fn cost(&self) -> KdfCost {
        self.header.kdf.cost
    }

    /// Unlocks the key and checks that it is for `purpose` and the one that the file names.
    ///
    /// `cost` is the least that is accepted: with [`KdfCost::Standard`] development keys are refused.
    pub fn unlock<K: StoredKey>(
        &self,
        purpose: Purpose,
        passphrase: &Passphrase,
        cost: KdfCost,
    ) -> Result<K, Error> {
        self.purpose.expect(purpose)?;
        if cost == KdfCost::Standard && self.cost() == KdfCost::Development {
            return Err(Error::DevelopmentKey);
        }
        let key = stretch(passphrase, &self.salt, &self.header.kdf)?;
        let data = self.header.authenticated_data();
        let payload = Payload {
            msg: &self.ciphertext,
            aad: &data,
        };
        let cipher = XChaCha20Poly1305::new((&*key).into());
        let plain = cipher
            .decrypt((&self.nonce).into(), payload)
            .map_err(|_| Error::Unlock)?;
        let plain = Zeroizing::new(plain);
        let mut secret = Secret32::default();
        secret.copy_from_slice(&plain);
        let key = K::from_secret(self.purpose, &secret)?;
        let found = key.public_text();
        if found != self.header.public {
            return Err(Error::OtherKey {
                stated: self.header.public.clone(),
                found,
            });
        }
        Ok(key)
    }
}

impl fmt::Display for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} key {}", self.purpose, self.header.public)
    }
}

impl Header {
    fn authenticated_data(&self) -> Vec<u8> {
        jcs::canonical_of(self).expect("strings and small numbers are JSON")
    }
}

fn seal(
    purpose: Purpose,
    public: String,
    secret: &Secret32,
    passphrase: &Passphrase,
    cost: KdfCost,
    random: &dyn Random,
) -> Result<Vec<u8>, Error> {
    let short = passphrase.as_bytes().len() < MIN_PASSPHRASE_BYTES;
    if cost == KdfCost::Standard && short {
        return Err(Error::PassphraseLength {
            min: MIN_PASSPHRASE_BYTES,
            max: MAX_PASSPHRASE_BYTES,
        });
    }
    let (m_kib, t, p) = match cost {
        KdfCost::Standard => (MIN_M_KIB, MIN_T, 4),
        KdfCost::Development => (64, 1, 1),
    };
    let (mut salt, mut nonce) = ([0; SALT_BYTES], [0; NONCE_BYTES]);
    random.fill(&mut salt);
    random.fill(&mut nonce);
    let kdf = Kdf {
        name: KDF.into(),
        cost,
        m_kib,
        t,
        p,
        salt: STANDARD.encode(salt),
    };
    let cipher = Cipher {
        name: CIPHER.into(),
        nonce: STANDARD.encode(nonce),
    };
    let (format, purpose, algorithm) = (
        FORMAT.into(),
        purpose.to_string(),
        purpose.algorithm().to_string(),
    );
    let header = Header {
        format,
        purpose,
        algorithm,
        public,
        kdf,
        cipher,
    };
    let key = stretch(passphrase, &salt, &header.kdf)?;
    let data = header.authenticated_data();
    let payload = Payload {
        msg: secret.as_slice(),
        aad: &data,
    };
    let ciphertext = XChaCha20Poly1305::new((&*key).into())
        .encrypt((&nonce).into(), payload)
        .expect("32 bytes are far below the cipher's limit");
    let Header {
        format,
        purpose,
        algorithm,
        public,
        kdf,
        cipher,
    } = header;
    let ciphertext = STANDARD.encode(ciphertext);
    let file = File {
        format,
        purpose,
        algorithm,
        public,
        kdf,
        cipher,
        ciphertext,
    };
    let mut bytes = jcs::canonical_of(&file).expect("strings and small numbers are JSON");
    bytes.push(b'\n');
    Ok(bytes)
}

/// Argon2id, version 1.3. The parameters were checked when the file was read, or are ours.
fn stretch(passphrase: &Passphrase, salt: &[u8; SALT_BYTES], kdf: &Kdf) -> Result<Secret32, Error> {
    let params = Params::new(kdf.m_kib, kdf.t, kdf.p, Some(32))
        .map_err(|error| malformed(format!("{KDF}: {error}")))?;
    let mut key = Secret32::default();
    Argon2::new(ArgonAlgorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(|error| malformed(format!("{KDF}: {error}")))?;
    Ok(key)
}

fn check_kdf(kdf: &Kdf) -> Result<(), Error> {
    let limits = [
        ("m_kib", kdf.m_kib, MIN_M_KIB, MAX_M_KIB),
        ("t", kdf.t, MIN_T, MAX_T),
        ("p", kdf.p, MIN_P, MAX_P),
    ];
    for (parameter, found, minimum, maximum) in limits {
        if found > maximum {
            return Err(Error::ExcessiveKdf {
                parameter,
                found,
                maximum,
            });
        }
        // A file that does not call itself a development key must not be cheaper than the minimum.
        if kdf.cost == KdfCost::Standard && found < minimum {
            return Err(Error::WeakKdf {
                parameter,
                found,
                minimum,
            });
        }
    }
    Ok(())
}

fn fixed<const N: usize>(what: &str, encoded: &str) -> Result<[u8; N], Error> {
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_| malformed(format!("{what} is not canonical base64")))?;
    bytes
        .try_into()
        .map_err(|_| malformed(format!("{what} is not {N} bytes")))
}

fn malformed(why: String) -> Error {
    Error::Malformed { why }
}
