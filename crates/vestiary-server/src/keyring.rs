//! The service's keys with the memory in front of them.
//!
//! | file in `keys/` | signs | whoever has it can |
//! |---|---|---|
//! | `checkpoint.key.json` | checkpoints | show different logs to different people, until anchors and witnesses disagree |
//! | `receipt.key.json` | receipts | promise batches that we then break |
//! | `submitter.key.json`, `submitter-2.key.json`, … | transactions: commits by signature, claims; one account a lane | spend its gas money |
//! | `anchoring.key.json` | transactions: anchors | anchor a false root under our name, provably |
//! | `certificate-<issuer>.key.json` | certificates and statements of one issuer | certify in its name until the issuer retires the key; nothing becomes mintable without the issuer's account |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use alloy_primitives::Address;
use vestiary::certificate::{Certificate, UnsignedCertificate};
use vestiary::ids::IssuerId;
use vestiary::keys::PublicKey;
use vestiary::receipt::Receipt;
use vestiary::statement::{BatchStatement, DesignStatement, Issued, Unsigned};
use vestiary_log::seams::Random;
use vestiary_signing::{
    Account, AccountKey, CheckpointKey, Ed25519Key, Error as SigningError, KdfCost, KeyFile, Memory,
    Passphrase, Purpose, Refusal, StoredKey,
};
use vestiary_tlog::VerifierKey;

use crate::error::{ApiError, Code};

/// Keys that a service cannot do without.
pub const SERVICE_KEYS: [Purpose; 4] = [
    Purpose::Checkpoint,
    Purpose::Receipt,
    Purpose::Submitter,
    Purpose::Anchoring,
];

/// Most submitter accounts of one service.
pub const MAX_LANES: usize = 16;

/// File of a submitter lane's key: `submitter.key.json` for lane 1, `submitter-2.key.json` for lane 2.
pub fn submitter_file(lane: usize) -> String {
    match lane {
        0 | 1 => Purpose::Submitter.file_name(None),
        lane => format!("{}-{lane}.key.json", Purpose::Submitter),
    }
}

/// The keys, unlocked.
#[derive(Debug)]
pub struct Keyring {
    dir: PathBuf,
    passphrase: Passphrase,
    cost: KdfCost,
    random: Arc<dyn Random>,
    memory: Arc<Memory>,
    checkpoint: Arc<Ed25519Key>,
    receipt: Ed25519Key,
    submitter: Arc<AccountKey>,
    /// Submitters of the lanes from 2 on.
    more_submitters: BTreeMap<usize, Arc<AccountKey>>,
    anchoring: Arc<AccountKey>,
    certificates: RwLock<BTreeMap<IssuerId, Arc<Ed25519Key>>>,
}

impl Keyring {
    /// Unlocks the keys in `dir`. The memory is still to be rebuilt.
    ///
    /// `cost` is the least that is accepted: [`KdfCost::Standard`] refuses development keys.
    pub fn open(
        dir: &Path,
        passphrase: Passphrase,
        cost: KdfCost,
        random: Arc<dyn Random>,
    ) -> Result<Self, SigningError> {
        let path = |purpose: Purpose| dir.join(purpose.file_name(None));
        let ed25519 = |purpose| Ed25519Key::load(&path(purpose), purpose, &passphrase, cost);
        let account = |purpose| AccountKey::load(&path(purpose), purpose, &passphrase, cost).map(Arc::new);
        let mut more_submitters = BTreeMap::new();
        for lane in 2..=MAX_LANES {
            let path = dir.join(submitter_file(lane));
            if path.exists() {
                let key = AccountKey::load(&path, Purpose::Submitter, &passphrase, cost)?;
                more_submitters.insert(lane, Arc::new(key));
            }
        }
        Ok(Self {
            more_submitters,
            checkpoint: Arc::new(ed25519(Purpose::Checkpoint)?),
            receipt: ed25519(Purpose::Receipt)?,
            submitter: account(Purpose::Submitter)?,
            anchoring: account(Purpose::Anchoring)?,
            certificates: RwLock::default(),
            memory: Arc::new(Memory::rebuilding()),
            dir: dir.to_owned(),
            passphrase,
            cost,
            random,
        })
    }

    /// Makes the keys of [`SERVICE_KEYS`] that `dir` does not have yet; says which.
    pub fn make_missing(
        dir: &Path,
        passphrase: &Passphrase,
        cost: KdfCost,
        random: &dyn Random,
    ) -> Result<Vec<PathBuf>, SigningError> {
        let mut made = Vec::new();
        for purpose in SERVICE_KEYS {
            let path = dir.join(purpose.file_name(None));
            if path.exists() {
                continue;
            }
            match purpose {
                Purpose::Checkpoint | Purpose::Receipt => {
                    Ed25519Key::generate(purpose, random)?.save(&path, passphrase, cost, random)?;
                }
                _ => AccountKey::generate(purpose, random)?.save(&path, passphrase, cost, random)?,
            }
            made.push(path);
        }
        Ok(made)
    }

    /// Makes the submitter keys of the lanes 2 to `lanes` that `dir` does not have yet; says which.
    pub fn make_submitters(
        dir: &Path,
        lanes: usize,
        passphrase: &Passphrase,
        cost: KdfCost,
        random: &dyn Random,
    ) -> Result<Vec<PathBuf>, SigningError> {
        let mut made = Vec::new();
        for lane in 2..=lanes.min(MAX_LANES) {
            let path = dir.join(submitter_file(lane));
            if !path.exists() {
                AccountKey::generate(Purpose::Submitter, random)?.save(&path, passphrase, cost, random)?;
                made.push(path);
            }
        }
        Ok(made)
    }

    /// The memory that refuses.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// The checkpoint key for the log writer.
    pub fn checkpoint_key(&self, origin: &str) -> Result<CheckpointKey, SigningError> {
        CheckpointKey::new(Arc::clone(&self.checkpoint), Arc::clone(&self.memory), origin)
    }

    /// The key that verifies receipts.
    pub fn receipt_vkey(&self, origin: &str) -> Result<VerifierKey, SigningError> {
        self.receipt.verifier_key(origin)
    }

    /// The accounts that send commits and claims, by lane, from 1.
    pub fn submitters(&self) -> impl Iterator<Item = (usize, Account)> {
        let more = self
            .more_submitters
            .iter()
            .map(|(lane, key)| (*lane, Account::new(Arc::clone(key), Arc::clone(&self.memory))));
        std::iter::once((1, self.submitter())).chain(more)
    }

    /// The account that sends commits and claims, the first if there are several; the minter of collections.
    pub fn submitter(&self) -> Account {
        Account::new(Arc::clone(&self.submitter), Arc::clone(&self.memory))
    }

    /// The account that anchors.
    pub fn anchoring(&self) -> Account {
        Account::new(Arc::clone(&self.anchoring), Arc::clone(&self.memory))
    }

    /// Address of the anchoring account.
    pub fn anchoring_account(&self) -> Address {
        self.anchoring.address()
    }

    /// Makes an issuer's certificate key, or finds it.
    pub fn make_certificate_key(&self, issuer: IssuerId) -> Result<PublicKey, ApiError> {
        let path = self.certificate_path(issuer);
        if !path.exists() {
            let key = Ed25519Key::generate(Purpose::Certificate, self.random.as_ref())
                .map_err(ApiError::internal)?;
            key.save(&path, &self.passphrase, self.cost, self.random.as_ref())
                .map_err(|error| {
                    tracing::error!(%error, "a certificate key cannot be written");
                    ApiError::new(Code::NotWritable, "the certificate key cannot be written").retry_after(5)
                })?;
        }
        self.certificate_key(issuer)
    }

    /// An issuer's public certificate key.
    pub fn certificate_key(&self, issuer: IssuerId) -> Result<PublicKey, ApiError> {
        Ok(self.certificate_signer(issuer)?.public_key())
    }

    /// Signs a design statement.
    pub fn sign_design(
        &self,
        issuer: IssuerId,
        statement: Unsigned<DesignStatement>,
    ) -> Result<Issued<DesignStatement>, ApiError> {
        self.certificate_signer(issuer)?
            .sign_design(&self.memory, statement)
            .map_err(refusal)
    }

    /// Signs a batch statement.
    pub fn sign_batch(
        &self,
        issuer: IssuerId,
        statement: Unsigned<BatchStatement>,
    ) -> Result<Issued<BatchStatement>, ApiError> {
        self.certificate_signer(issuer)?
            .sign_batch(&self.memory, statement)
            .map_err(refusal)
    }

    /// Signs certificates, in order.
    pub fn sign_certificates(
        &self,
        issuer: IssuerId,
        certificates: impl Iterator<Item = UnsignedCertificate>,
    ) -> Result<Vec<Certificate>, ApiError> {
        let key = self.certificate_signer(issuer)?;
        certificates
            .map(|certificate| key.sign_certificate(&self.memory, certificate).map_err(refusal))
            .collect()
    }

    /// Signs a receipt.
    pub fn sign_receipt(&self, receipt: &Receipt) -> Result<String, ApiError> {
        let signed = self
            .receipt
            .sign_receipt(&self.memory, receipt)
            .map_err(refusal)?;
        String::from_utf8(signed.to_bytes()).map_err(ApiError::internal)
    }

    fn certificate_path(&self, issuer: IssuerId) -> PathBuf {
        self.dir.join(Purpose::Certificate.file_name(Some(issuer)))
    }

    /// Unlocking stretches the passphrase, so a key stays in memory once it was needed.
    fn certificate_signer(&self, issuer: IssuerId) -> Result<Arc<Ed25519Key>, ApiError> {
        if let Some(key) = self
            .certificates
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&issuer)
        {
            return Ok(Arc::clone(key));
        }
        let key = KeyFile::read(&self.certificate_path(issuer))
            .and_then(|file| file.unlock::<Ed25519Key>(Purpose::Certificate, &self.passphrase, self.cost))
            .map_err(ApiError::internal)?;
        let key = Arc::new(key);
        self.certificates
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(issuer, Arc::clone(&key));
        Ok(key)
    }
}

/// The memory refused, or the key is not for this: nothing was signed.
fn refusal(error: SigningError) -> ApiError {
    tracing::error!(%error, code = error.code(), "signing was refused");
    match error {
        // What is wrong is our log, not the request.
        SigningError::Refused(
            refusal @ (Refusal::LogTooShort { .. }
            | Refusal::TwoCheckpoints { .. }
            | Refusal::SmallerCheckpoint { .. }
            | Refusal::Rebuilding),
        ) => ApiError::new(
            Code::NotWritable,
            format!("signing was refused ({})", refusal.code()),
        ),
        SigningError::Refused(refusal) => ApiError::new(
            Code::SerialIssued,
            format!("signing was refused ({}): {refusal}", refusal.code()),
        ),
        _ => ApiError::new(Code::Internal, ""),
    }
}
