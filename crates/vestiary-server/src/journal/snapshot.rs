//! The state in bytes, for a snapshot of the journal.
//!
//! JSON, written by the one type that is also read back. Whatever follows from the rest is not kept twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vestiary::digest::Sha256;
use vestiary::ids::{AccountId, CollectionId, DesignId, IssuerId, WearableId};
use vestiary_chain::submitter::{Record as OutboxRecord, Table};

use super::record::{BatchId, ClaimAccepted, ClaimId, Intent, IntentId};
use super::state::{Batch, Design, Issuer, Logged, Resource, State};
use crate::api_key::StoredKey;

/// What a snapshot begins with; another word is another version.
const FORMAT: &str = "vestiary/journal-state/v1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    format: String,
    api_keys: Vec<StoredKey>,
    requests: Vec<(Sha256, Sha256, Resource)>,
    issuers: Vec<(IssuerId, Issuer)>,
    collections: Vec<(CollectionId, IssuerId)>,
    designs: Vec<(CollectionId, DesignId, Design)>,
    worlds: BTreeMap<String, serde_json::Value>,
    batches: Vec<Batch>,
    ranges: Vec<(CollectionId, DesignId, u64, BatchId)>,
    claims: Vec<ClaimAccepted>,
    newest_claims: Vec<(WearableId, ClaimId)>,
    batches_waiting: Vec<BatchId>,
    claims_waiting: Vec<ClaimId>,
    commits_again: Vec<(BatchId, u32)>,
    claims_again: Vec<(ClaimId, u32)>,
    open_intents: Vec<Intent>,
    logged: Vec<(IntentId, Logged)>,
    outboxes: Vec<(AccountId, Vec<OutboxRecord>)>,
}

impl State {
    /// The state for [`vestiary_log::Journal::snapshot`].
    pub fn to_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let requests = self.requests.iter();
        let snapshot = Snapshot {
            format: FORMAT.into(),
            api_keys: self.api_keys.values().cloned().collect(),
            requests: requests
                .map(|(key, (body, made))| (*key, *body, made.clone()))
                .collect(),
            issuers: self
                .issuers
                .iter()
                .map(|(id, issuer)| (*id, issuer.clone()))
                .collect(),
            collections: self
                .collections
                .iter()
                .map(|(id, issuer)| (*id, *issuer))
                .collect(),
            designs: self
                .designs
                .iter()
                .map(|((collection, id), design)| (*collection, *id, design.clone()))
                .collect(),
            worlds: self.worlds.clone(),
            batches: self.batches.values().cloned().collect(),
            ranges: self
                .ranges
                .iter()
                .map(|((collection, design, first), id)| (*collection, *design, *first, id.clone()))
                .collect(),
            claims: self.claims.values().cloned().collect(),
            newest_claims: self
                .claims_by_wearable
                .iter()
                .map(|(wearable, id)| (*wearable, id.clone()))
                .collect(),
            batches_waiting: self.batches_waiting.iter().cloned().collect(),
            claims_waiting: self.claims_waiting.iter().cloned().collect(),
            commits_again: self.commits_again.clone().into_iter().collect(),
            claims_again: self.claims_again.clone().into_iter().collect(),
            open_intents: self.open_intents.values().cloned().collect(),
            logged: self
                .logged
                .iter()
                .map(|(id, logged)| (id.clone(), logged.clone()))
                .collect(),
            outboxes: self
                .outboxes
                .iter()
                .map(|(lane, table)| (*lane, table.snapshot()))
                .collect(),
        };
        serde_json::to_vec(&snapshot)
    }

    /// Reads it back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let read: Snapshot = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if read.format != FORMAT {
            return Err(format!("the snapshot is {:?}, not {FORMAT:?}", read.format));
        }
        let mut outboxes = BTreeMap::new();
        for (lane, records) in read.outboxes {
            outboxes.insert(lane, Table::replay(&records)?);
        }
        let batches = read.batches.into_iter();
        let mut state = Self {
            api_keys: read
                .api_keys
                .into_iter()
                .map(|key| (key.id.clone(), key))
                .collect(),
            requests: read
                .requests
                .into_iter()
                .map(|(key, body, made)| (key, (body, made)))
                .collect(),
            issuers: read.issuers.into_iter().collect(),
            collections: read.collections.into_iter().collect(),
            designs: read
                .designs
                .into_iter()
                .map(|(collection, id, design)| ((collection, id), design))
                .collect(),
            worlds: read.worlds,
            batches: batches.map(|batch| (batch.prepared.id.clone(), batch)).collect(),
            ranges: read
                .ranges
                .into_iter()
                .map(|(collection, design, first, id)| ((collection, design, first), id))
                .collect(),
            claims: read
                .claims
                .into_iter()
                .map(|claim| (claim.id.clone(), claim))
                .collect(),
            claims_by_wearable: read.newest_claims.into_iter().collect(),
            batches_waiting: read.batches_waiting.into_iter().collect(),
            claims_waiting: read.claims_waiting.into_iter().collect(),
            commits_again: read.commits_again.into_iter().collect(),
            claims_again: read.claims_again.into_iter().collect(),
            open_intents: read
                .open_intents
                .into_iter()
                .map(|intent| (intent.id.clone(), intent))
                .collect(),
            logged: read.logged.into_iter().collect(),
            outboxes,
        };
        state.forget_claims_with_orders();
        Ok(state)
    }
}
