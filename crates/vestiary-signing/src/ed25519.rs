use std::{fmt, sync::Arc};

use ed25519_dalek::{Signer, SigningKey};
use vestiary::{
    certificate::{Certificate, UnsignedCertificate},
    keys::PublicKey,
    receipt::{Receipt, SignedReceipt},
    statement::{BatchStatement, DesignStatement, Issued, RECEIPT_KEY_SUFFIX, Unsigned},
};
use vestiary_log::{CheckpointSigner, SignerError, seams::Random};
use vestiary_tlog::{Checkpoint, KeyName, SignatureType, SignedCheckpoint, VerifierKey};

use crate::{
    Algorithm, Committed, Error, Memory, Purpose, Refusal, StoredKey, TreeHead, key_file::sealed::Sealed,
    secret::Secret32,
};

/// An Ed25519 key with one purpose. It signs whole documents of that purpose, never bytes of a caller's
/// choice, and never without asking the [`Memory`] first.
pub struct Ed25519Key {
    purpose: Purpose,
    key: SigningKey,
    public: PublicKey,
}

impl Ed25519Key {
    /// A new key for one of the Ed25519 purposes.
    pub fn generate(purpose: Purpose, random: &dyn Random) -> Result<Self, Error> {
        let mut secret = Secret32::default();
        random.fill(secret.as_mut_slice());
        Self::from_secret(purpose, &secret)
    }

    /// Takes a secret (RFC 8032's 32-byte seed) that was made elsewhere. The caller's copy is the caller's to
    /// wipe.
    pub fn import(purpose: Purpose, secret: &[u8; 32]) -> Result<Self, Error> {
        Self::from_secret(purpose, &Secret32::new(*secret))
    }

    /// What the key is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Who the key is.
    pub fn public_key(&self) -> PublicKey {
        self.public
    }

    /// The name under which readers know this key: a checkpoint key is named as its log's origin, a receipt
    /// key `<origin>/receipt`.
    pub fn verifier_key(&self, origin: &str) -> Result<VerifierKey, Error> {
        let name = match self.purpose {
            Purpose::Checkpoint => KeyName::new(origin)?,
            Purpose::Receipt => KeyName::new(format!("{origin}{RECEIPT_KEY_SUFFIX}"))?,
            found => {
                return Err(Error::WrongPurpose {
                    expected: Purpose::Checkpoint,
                    found,
                });
            }
        };
        Ok(VerifierKey::new(
            name,
            SignatureType::Ed25519,
            &self.public.to_bytes(),
        )?)
    }

    /// Signs a certificate. Refused when another certificate of the same wearable was signed before.
    pub fn sign_certificate(
        &self,
        memory: &Memory,
        certificate: UnsignedCertificate,
    ) -> Result<Certificate, Error> {
        self.purpose.expect(Purpose::Certificate)?;
        self.expect_named(certificate.fields().issuer_key)?;
        memory.admit_certificate(certificate.fields().wearable, certificate.digest())?;
        let signature = self.sign(&certificate.signing_bytes());
        Ok(certificate.attach(&signature))
    }

    /// Signs a design statement. Refused when the design was stated with another document before.
    pub fn sign_design(
        &self,
        memory: &Memory,
        statement: Unsigned<DesignStatement>,
    ) -> Result<Issued<DesignStatement>, Error> {
        self.purpose.expect(Purpose::Certificate)?;
        self.expect_named(statement.by)?;
        memory.admit_design(
            statement.body.collection,
            statement.body.design_id,
            statement.body.digest,
        )?;
        let signature = self.sign(&statement.signing_input());
        Ok(statement.attach(signature))
    }

    /// Signs a batch statement. Refused when any of its serials stands under another root.
    pub fn sign_batch(
        &self,
        memory: &Memory,
        statement: Unsigned<BatchStatement>,
    ) -> Result<Issued<BatchStatement>, Error> {
        self.purpose.expect(Purpose::Certificate)?;
        self.expect_named(statement.by)?;
        let body = &statement.body;
        let range = body.range().map_err(|_| Refusal::NoRange)?;
        memory.admit_batch(
            body.collection,
            body.design_id,
            Committed {
                range,
                root: body.root,
            },
        )?;
        let signature = self.sign(&statement.signing_input());
        Ok(statement.attach(signature))
    }

    /// Signs a checkpoint, under the name of its origin. Refused when it contradicts, or is smaller than, what
    /// was signed before, and when others saw more of the log than we have.
    pub fn sign_checkpoint(
        &self,
        memory: &Memory,
        checkpoint: &Checkpoint,
    ) -> Result<SignedCheckpoint, Error> {
        self.purpose.expect(Purpose::Checkpoint)?;
        let key = self.verifier_key(checkpoint.origin())?;
        let head = TreeHead {
            size: checkpoint.size(),
            root: checkpoint.root(),
        };
        memory.admit_checkpoint(checkpoint.origin(), head)?;
        Ok(checkpoint.sign(&key, |message| self.sign(message))?)
    }

    /// Signs a receipt, under the name `<origin>/receipt`. Refused when the tree that it names contradicts a
    /// checkpoint.
    pub fn sign_receipt(&self, memory: &Memory, receipt: &Receipt) -> Result<SignedReceipt, Error> {
        self.purpose.expect(Purpose::Receipt)?;
        let key = self.verifier_key(&receipt.origin)?;
        let head = TreeHead {
            size: receipt.size,
            root: receipt.root,
        };
        memory.admit_receipt(&receipt.origin, head)?;
        Ok(receipt.sign(&key, |message| self.sign(message))?)
    }

    fn expect_named(&self, named: PublicKey) -> Result<(), Error> {
        if named == self.public {
            return Ok(());
        }
        Err(Error::NotOurs {
            ours: self.public.to_string(),
            named: named.to_string(),
        })
    }

    /// The one place where Ed25519 signatures are made. Deterministic: the same bytes give the same signature.
    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl Sealed for Ed25519Key {
    fn secret(&self) -> Secret32 {
        Secret32::new(self.key.to_bytes())
    }

    fn from_secret(purpose: Purpose, secret: &Secret32) -> Result<Self, Error> {
        if purpose.algorithm() != Algorithm::Ed25519 {
            return Err(Error::WrongAlgorithm {
                purpose,
                found: Algorithm::Ed25519,
            });
        }
        let key = SigningKey::from_bytes(secret);
        let public = PublicKey::from_bytes(key.verifying_key().as_bytes())
            .map_err(|_| Error::InvalidSecret(Algorithm::Ed25519))?;
        Ok(Self { purpose, key, public })
    }
}

impl StoredKey for Ed25519Key {
    fn public_text(&self) -> String {
        self.public.to_multikey()
    }

    fn purpose(&self) -> Purpose {
        self.purpose
    }
}

impl fmt::Debug for Ed25519Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ed25519Key({} {}, secret redacted)", self.purpose, self.public)
    }
}

/// A checkpoint key with the memory in front of it, for the log writer.
#[derive(Debug, Clone)]
pub struct CheckpointKey {
    key: Arc<Ed25519Key>,
    memory: Arc<Memory>,
    verifier_key: VerifierKey,
}

impl CheckpointKey {
    /// Joins key, log and memory.
    pub fn new(key: Arc<Ed25519Key>, memory: Arc<Memory>, origin: &str) -> Result<Self, Error> {
        key.purpose.expect(Purpose::Checkpoint)?;
        let verifier_key = key.verifier_key(origin)?;
        Ok(Self {
            key,
            memory,
            verifier_key,
        })
    }
}

impl CheckpointSigner for CheckpointKey {
    fn verifier_key(&self) -> VerifierKey {
        self.verifier_key.clone()
    }

    /// See [`Ed25519Key::sign_checkpoint`].
    fn sign(&self, checkpoint: &Checkpoint) -> Result<Vec<u8>, SignerError> {
        Ok(self.key.sign_checkpoint(&self.memory, checkpoint)?.to_bytes())
    }

    fn withdraw(&self, checkpoint: &Checkpoint) {
        let head = TreeHead {
            size: checkpoint.size(),
            root: checkpoint.root(),
        };
        self.memory.withdraw_checkpoint(checkpoint.origin(), head);
    }
}
