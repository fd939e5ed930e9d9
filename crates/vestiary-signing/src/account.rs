use std::{fmt, sync::Arc};

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Signature as TransactionSignature};
use k256::ecdsa::SigningKey;
use vestiary::{
    ids::{CollectionId, SerialRange},
    typed_data::{CommitBatch, Signature},
};
use vestiary_log::seams::Random;

use crate::{
    Algorithm, Committed, Error, Memory, Purpose, Refusal, StoredKey, key_file::sealed::Sealed,
    secret::Secret32,
};

/// The key of an EVM account with one purpose.
pub struct AccountKey {
    purpose: Purpose,
    key: SigningKey,
    address: Address,
}

impl AccountKey {
    /// A new key for one of the account purposes.
    pub fn generate(purpose: Purpose, random: &dyn Random) -> Result<Self, Error> {
        let mut secret = Secret32::default();
        loop {
            random.fill(secret.as_mut_slice());
            // All but one in 2^127 numbers of 32 bytes are keys.
            match Self::from_secret(purpose, &secret) {
                Err(Error::InvalidSecret(_)) => {}
                made => return made,
            }
        }
    }

    /// Takes a secret that was made elsewhere, such as a test chain's published accounts. The caller's copy is
    /// the caller's to wipe.
    pub fn import(purpose: Purpose, secret: &[u8; 32]) -> Result<Self, Error> {
        Self::from_secret(purpose, &Secret32::new(*secret))
    }

    /// What the key is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Signs a transaction. Refused when its nonce was used for something else, or for the same thing at the
    /// same or a higher fee.
    ///
    /// The memory judges the very fields that the signing hash is made of.
    pub fn sign_transaction(
        &self,
        memory: &Memory,
        transaction: &TxEip1559,
    ) -> Result<TransactionSignature, Error> {
        let hash = transaction.signature_hash();
        memory.admit_transaction(self.address, transaction, hash)?;
        let bytes = self.sign(&hash);
        Ok(TransactionSignature::from_raw_array(&bytes).expect("v is 27 or 28"))
    }

    /// Signs the typed data with which an issuer commits a batch. Only an issuer's account does that. Refused
    /// when any of the serials stands under another root.
    pub fn sign_commit_batch(
        &self,
        memory: &Memory,
        collection: CollectionId,
        commit: &CommitBatch,
    ) -> Result<Signature, Error> {
        self.purpose.expect(Purpose::Issuer)?;
        let range = SerialRange::new(commit.first_serial, commit.count).map_err(|_| Refusal::NoRange)?;
        memory.admit_batch(
            collection,
            commit.design_id,
            Committed {
                range,
                root: commit.root,
            },
        )?;
        Ok(recoverable(&self.key, &commit.signing_hash(collection)))
    }

    fn sign(&self, hash: &B256) -> [u8; 65] {
        *recoverable(&self.key, hash).as_bytes()
    }
}

/// The one place where secp256k1 signatures are made: deterministic (RFC 6979), low s, with recovery.
pub(crate) fn recoverable(key: &SigningKey, hash: &B256) -> Signature {
    let (signature, recovery_id) = key.sign_prehash_recoverable(hash.as_slice());
    let mut bytes = [0; 65];
    bytes[..64].copy_from_slice(&signature.to_bytes());
    bytes[64] = 27 + u8::from(recovery_id.is_y_odd());
    Signature::new(&bytes).expect("the signer normalises s")
}

/// The address of a key: the last 20 bytes of Keccak-256 of its point.
pub(crate) fn address_of(key: &SigningKey) -> Address {
    Address::from_raw_public_key(&key.verifying_key().to_sec1_point(false).as_bytes()[1..])
}

impl Sealed for AccountKey {
    fn secret(&self) -> Secret32 {
        Secret32::new(self.key.to_bytes().into())
    }

    fn from_secret(purpose: Purpose, secret: &Secret32) -> Result<Self, Error> {
        if purpose.algorithm() != Algorithm::Secp256k1 {
            return Err(Error::WrongAlgorithm {
                purpose,
                found: Algorithm::Secp256k1,
            });
        }
        let key = SigningKey::from_slice(secret.as_slice())
            .map_err(|_| Error::InvalidSecret(Algorithm::Secp256k1))?;
        let address = address_of(&key);
        Ok(Self {
            purpose,
            key,
            address,
        })
    }
}

impl StoredKey for AccountKey {
    fn public_text(&self) -> String {
        vestiary::ids::address_text(&self.address)
    }

    fn purpose(&self) -> Purpose {
        self.purpose
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AccountKey({} {:#x}, secret redacted)",
            self.purpose, self.address
        )
    }
}

/// An account's key with the memory in front of it, for whoever sends its transactions.
#[derive(Debug, Clone)]
pub struct Account {
    key: Arc<AccountKey>,
    memory: Arc<Memory>,
}

impl Account {
    /// Joins key and memory.
    pub fn new(key: Arc<AccountKey>, memory: Arc<Memory>) -> Self {
        Self { key, memory }
    }

    /// The account.
    pub fn address(&self) -> Address {
        self.key.address
    }

    /// What the key is for.
    pub fn purpose(&self) -> Purpose {
        self.key.purpose
    }

    /// Signs a transaction; see [`AccountKey::sign_transaction`].
    pub fn sign_transaction(&self, transaction: &TxEip1559) -> Result<TransactionSignature, Error> {
        self.key.sign_transaction(&self.memory, transaction)
    }
}
