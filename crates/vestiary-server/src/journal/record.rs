//! What the operator promised in private, one record a promise.
//!
//! Records are JSON in the journal's frames. A record is never rewritten; a field is only ever added, with a
//! default. Nothing here is secret except by being private: secrets of keys are hashed, salts have their own file.

use alloy_primitives::{Address, B256, Bytes};
use serde::{Deserialize, Serialize};
use vestiary::digest::Sha256;
use vestiary::ids::{AccountId, CollectionId, DesignId, IssuerId, WearableId};
use vestiary_chain::submitter::Record as OutboxRecord;

use crate::api_key::{ApiKeyId, StoredKey};

macro_rules! id {
    ($(#[doc = $doc:literal])+ $name:ident) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// Name of a batch: `b_` and 32 hex digits, derived from the request so that a repeat finds it.
    BatchId
}
id! {
    /// Name of a claim: `c_` and 32 hex digits, derived from wearable, receiver and deadline.
    ClaimId
}
id! {
    /// Name of an intent to append to the log: `design/…`, `issuer/…`, `batch/…`.
    IntentId
}

/// The request that made a thing, so that its repeat gets the same answer and another body is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRef {
    /// SHA-256 over API key id and `Idempotency-Key`.
    pub key_sha256: Sha256,
    /// SHA-256 of method, route and body.
    pub body_sha256: Sha256,
}

/// An intent to append entries to the log, durable before anything is signed or appended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Its name.
    pub id: IntentId,
    /// The log's size when the intent was written: start-up looks for the entries from here.
    pub log_size: u64,
    /// SHA-256 over the entries' leaf hashes, to recognise them.
    pub entries_sha256: Sha256,
    /// The exact entries (UTF-8 JSON); empty where [`BatchPrepared`] has them by content.
    pub entries: Vec<String>,
}

/// One batch as it was prepared; the certificates are in the preparation file named by `preparation`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchPrepared {
    /// The request.
    pub request: RequestRef,
    /// The batch's name.
    pub id: BatchId,
    /// The issuer.
    pub issuer_id: IssuerId,
    /// The collection.
    pub collection: CollectionId,
    /// The design.
    pub design_id: DesignId,
    /// First serial of the range.
    pub first_serial: u64,
    /// Serials in the range, holes included.
    pub count: u64,
    /// Root of the batch tree.
    pub root: B256,
    /// The preparation file's hash in the content store's private part.
    pub preparation: Sha256,
    /// The EIP-712 deadline of the commit, in unix seconds.
    pub deadline_s: u64,
    /// When it was prepared, in unix milliseconds.
    pub prepared_ms: u64,
    /// When it expires unsigned, in unix milliseconds.
    pub expires_ms: u64,
}

/// A claim that was accepted for submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimAccepted {
    /// The claim's name.
    pub id: ClaimId,
    /// What is claimed.
    pub wearable: WearableId,
    /// The batch that holds it.
    pub batch: BatchId,
    /// Who receives it.
    pub to: Address,
    /// The signature's deadline, in unix seconds.
    pub deadline_s: u64,
    /// The claim key's signature, 65 bytes.
    pub signature: Bytes,
    /// When it was accepted, in unix milliseconds.
    pub accepted_ms: u64,
}

/// One promise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Record {
    /// An API key was made.
    ApiKeyAdded {
        /// What is kept of it.
        key: StoredKey,
    },
    /// An API key was taken back.
    ApiKeyRevoked {
        /// Which.
        id: ApiKeyId,
    },
    /// An issuer uses this service; a certificate key was made for it.
    IssuerAdded {
        /// The request.
        request: RequestRef,
        /// The registry id.
        issuer_id: IssuerId,
        /// The name on its certificates.
        name: String,
        /// The certificate key, Multikey.
        certificate_key: String,
        /// The `issuer_observed` statement on its way to the log.
        intent: Intent,
    },
    /// A collection uses this service.
    CollectionAdded {
        /// The request.
        request: RequestRef,
        /// The collection.
        collection: CollectionId,
        /// Its issuer.
        issuer_id: IssuerId,
    },
    /// A design was registered.
    DesignAdded {
        /// The request.
        request: RequestRef,
        /// The collection.
        collection: CollectionId,
        /// Its number in the collection.
        design_id: DesignId,
        /// SHA-256 of the design document, which is in the content store.
        digest: Sha256,
        /// The `design` statement on its way to the log.
        intent: Intent,
    },
    /// A world was registered, or its profile replaced.
    WorldAdded {
        /// The request.
        request: RequestRef,
        /// The profile, as `vestiary::world` reads it.
        profile: serde_json::Value,
    },
    /// A batch waits for the issuer's signature.
    BatchPrepared(BatchPrepared),
    /// A batch was not signed in time; its serials are free.
    BatchExpired {
        /// Which.
        id: BatchId,
    },
    /// The issuer signed; certificates and statements follow.
    BatchSigned {
        /// Which.
        id: BatchId,
        /// The issuer's EIP-712 signature (65 bytes, or what its contract wallet takes).
        signature: Bytes,
        /// By when the receipt promises it on chain, in unix seconds.
        commit_by_s: u64,
        /// The statements on their way to the log.
        intent: Intent,
    },
    /// An intent's entries are in the log.
    Logged {
        /// Which intent.
        id: IntentId,
        /// Index of its first entry.
        first_index: u64,
        /// The log's size with them, the size of the checkpoint below.
        size: u64,
        /// The first checkpoint that covers them (signed note text).
        checkpoint: String,
    },
    /// A claim was accepted.
    ClaimAccepted(ClaimAccepted),
    /// A step of a transaction, see `vestiary_chain::submitter`.
    Outbox {
        /// The sending account.
        lane: AccountId,
        /// The step.
        record: OutboxRecord,
    },
}
