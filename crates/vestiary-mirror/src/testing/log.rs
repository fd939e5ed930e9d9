//! Entries of a made-up log.

use alloy_primitives::{Address, B256};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use vestiary::{
    digest::Sha256,
    ids::{AccountId, CollectionId, DesignId, Edition, IssuerId, Serial},
    keys::PublicKey,
    statement::{
        BatchStatement, CertificateIssued, DesignStatement, IssuerObserved, LogOpened, Statement, Unsigned,
    },
    terms::Terms,
};

use super::{Commit, certificate_digest, wearable};
use crate::config::MirrorConfig;

/// A growing log whose issuer statements are signed by one made-up key.
#[derive(Debug, Clone)]
pub struct LogBuilder {
    key: SigningKey,
    entries: Vec<Vec<u8>>,
}

impl LogBuilder {
    /// A log with its entry 0, for a mirror of `config`.
    pub fn new(config: &MirrorConfig) -> Self {
        let account = |address| AccountId::new(config.chain, address);
        let origin = &config.log_origin;
        let mut log = Self {
            key: SigningKey::from_bytes(&[7; 32]),
            entries: Vec::new(),
        };
        log.push(&Statement::LogOpened(LogOpened {
            origin: origin.clone(),
            shard: "2026".into(),
            registry: account(config.registry),
            anchoring_account: account(Address::repeat_byte(0xa4)),
            checkpoint_vkey: log.vkey(origin).parse().expect("a verifier key"),
            receipt_vkey: log
                .vkey(&format!("{origin}/receipt"))
                .parse()
                .expect("a verifier key"),
        }));
        log
    }

    /// All entries so far.
    pub fn entries(&self) -> &[Vec<u8>] {
        &self.entries
    }

    /// The public half of the issuer's key.
    pub fn issuer_key(&self) -> B256 {
        self.key.verifying_key().to_bytes().into()
    }

    /// The operator saw an issuer.
    pub fn observe(&mut self, issuer_id: u64, account: AccountId, did: &str) -> &mut Self {
        let issuer_id = IssuerId::new(issuer_id).expect("issuers count from 1");
        self.push(&Statement::IssuerObserved(IssuerObserved {
            issuer_id,
            account,
            did: did.into(),
        }))
    }

    /// The issuer states the design of a batch that [`super::ChainBuilder::commit`] opens.
    pub fn design(&mut self, collection: CollectionId, commit: &Commit) -> &mut Self {
        let statement = DesignStatement {
            collection,
            design_id: DesignId::new(commit.design_id).expect("designs count from 1"),
            digest: Sha256(commit.design_digest().0),
            edition: Edition(commit.edition),
            terms: Terms::default(),
        };
        let unsigned = Unsigned {
            by: self.public_key(),
            body: statement,
        };
        let signature = self.key.sign(&unsigned.signing_input()).to_bytes();
        self.push(&Statement::Design(unsigned.attach(signature)))
    }

    /// The certificates of a batch, each with [`certificate_digest`], and then the batch.
    pub fn batch(&mut self, collection: CollectionId, commit: &Commit) -> &mut Self {
        for serial in commit.first_serial..commit.first_serial + commit.count {
            let id = wearable(collection, commit.design_id, serial);
            self.certificate(collection, commit, serial, certificate_digest(id));
        }
        let statement = BatchStatement {
            collection,
            design_id: DesignId::new(commit.design_id).expect("designs count from 1"),
            first_serial: Serial::new(commit.first_serial).expect("serials count from 1"),
            count: commit.count,
            root: commit.root(collection),
            idempotency_key_sha256: Sha256::of(b"made up"),
        };
        let unsigned = Unsigned {
            by: self.public_key(),
            body: statement,
        };
        let signature = self.key.sign(&unsigned.signing_input()).to_bytes();
        self.push(&Statement::Batch(unsigned.attach(signature)))
    }

    /// One certificate of a batch, with any digest.
    pub fn certificate(
        &mut self,
        collection: CollectionId,
        commit: &Commit,
        serial: u64,
        digest: B256,
    ) -> &mut Self {
        self.push(&Statement::CertificateIssued(CertificateIssued {
            token_id: wearable(collection, commit.design_id, serial).token_id,
            digest: digest.into(),
            claim_key: Address::ZERO,
            batch: commit.root(collection),
        }))
    }

    /// Any statement.
    pub fn push(&mut self, statement: &Statement) -> &mut Self {
        let entry = statement.to_bytes().expect("a statement within its limits");
        self.raw(entry)
    }

    /// Any bytes.
    pub fn raw(&mut self, entry: Vec<u8>) -> &mut Self {
        self.entries.push(entry);
        self
    }

    fn public_key(&self) -> PublicKey {
        PublicKey::from_bytes(self.key.verifying_key().as_bytes()).expect("a sound key")
    }

    /// A note verifier key as C2SP signed-note writes it: name, key id, type 1 and key.
    fn vkey(&self, name: &str) -> String {
        let key = [&[1], self.key.verifying_key().as_bytes().as_slice()].concat();
        let id = Sha256::of(&[name.as_bytes(), b"\n", &key].concat());
        format!("{name}+{}+{}", &id.hex()[..8], STANDARD.encode(key))
    }
}
