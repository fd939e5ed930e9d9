//! The journal folded into what is looked up: a pure function of the records.
//!
//! The same fold runs at start-up and after each append, so there is one way a record takes effect.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use vestiary::digest::Sha256;
use vestiary::ids::{AccountId, CollectionId, DesignId, IssuerId, WearableId};

use vestiary_chain::submitter::Table;

use super::record::{BatchId, BatchPrepared, ClaimAccepted, ClaimId, Intent, IntentId, Record, RequestRef};
use crate::api_key::{ApiKeyId, StoredKey};

/// What a request made, so that its repeat finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// An issuer.
    Issuer(IssuerId),
    /// A collection.
    Collection(CollectionId),
    /// A design.
    Design(CollectionId, DesignId),
    /// A world.
    World(String),
    /// A batch.
    Batch(BatchId),
}

/// An issuer that uses this service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issuer {
    /// The name on its certificates.
    pub name: String,
    /// Its certificate key here, Multikey.
    pub certificate_key: String,
    /// The intent of its `issuer_observed` statement.
    pub intent: IntentId,
}

/// A design as registered here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Design {
    /// SHA-256 of the design document.
    pub digest: Sha256,
    /// The intent of its statement.
    pub intent: IntentId,
}

/// How far a batch has come in the journal; what the chain shows comes from the mirror.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BatchStage {
    /// Waits for the issuer's signature.
    Prepared,
    /// Never signed; its serials are free.
    Expired,
    /// Signed; statements may or may not be in the log yet.
    Signed(BatchSignature),
}

/// What the issuer's signature of a batch brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchSignature {
    /// The signature.
    pub signature: alloy_primitives::Bytes,
    /// By when the receipt promises the batch on chain, in unix seconds.
    pub commit_by_s: u64,
    /// The intent of its statements.
    pub intent: IntentId,
}

/// A batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// As prepared.
    pub prepared: BatchPrepared,
    /// How far it has come.
    pub stage: BatchStage,
}

impl Batch {
    /// The first serial after the range.
    pub fn end(&self) -> u64 {
        self.prepared.first_serial.saturating_add(self.prepared.count)
    }

    /// Whether it holds its serials at `now_ms`. While its commit is under way it does so too, whatever the time:
    /// [`crate::issuing::Committing`] tells.
    pub fn holds_serials(&self, now_ms: u64) -> bool {
        match self.stage {
            BatchStage::Signed(_) => true,
            BatchStage::Expired => false,
            BatchStage::Prepared => now_ms < self.prepared.expires_ms,
        }
    }

    /// Whether the issuer's signature is still taken at `now_ms`.
    pub fn takes_signature(&self, now_ms: u64) -> bool {
        self.stage == BatchStage::Prepared && now_ms < self.prepared.expires_ms
    }
}

/// Where an intent's entries are in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logged {
    /// Index of the first entry.
    pub first_index: u64,
    /// The log's size with them.
    pub size: u64,
    /// The checkpoint of that size.
    pub checkpoint: String,
}

/// A record that does not follow from those before it: the journal was not written by this code.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("journal record contradicts those before it: {0}")]
pub struct Contradiction(pub String);

/// Everything promised so far.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// API keys in force.
    pub api_keys: BTreeMap<ApiKeyId, StoredKey>,
    /// What each request made, and for which body.
    pub requests: BTreeMap<Sha256, (Sha256, Resource)>,
    /// Issuers.
    pub issuers: BTreeMap<IssuerId, Issuer>,
    /// Collections and their issuers.
    pub collections: BTreeMap<CollectionId, IssuerId>,
    /// Designs.
    pub designs: BTreeMap<(CollectionId, DesignId), Design>,
    /// World profiles by id.
    pub worlds: BTreeMap<String, serde_json::Value>,
    /// Batches.
    pub batches: BTreeMap<BatchId, Batch>,
    /// Signed batches by collection, design and first serial, to find the one that holds a wearable.
    pub ranges: BTreeMap<(CollectionId, DesignId, u64), BatchId>,
    /// Claims.
    pub claims: BTreeMap<ClaimId, ClaimAccepted>,
    /// The newest claim of each wearable.
    pub claims_by_wearable: BTreeMap<WearableId, ClaimId>,
    /// Signed batches without a commit transaction yet, or whose last one came to nothing.
    pub batches_waiting: BTreeSet<BatchId>,
    /// Accepted claims without a transaction yet, or whose last one a reorganisation spoiled. The order that each of
    /// them goes out as is in no outbox.
    pub claims_waiting: BTreeSet<ClaimId>,
    /// Number of each batch's newest commit, or of the next one while it waits.
    pub(super) commits_again: BTreeMap<BatchId, u32>,
    /// Number of each claim's newest transaction, or of the next one while it waits.
    pub(super) claims_again: BTreeMap<ClaimId, u32>,
    /// Intents without an outcome: what start-up finishes.
    pub open_intents: BTreeMap<IntentId, Intent>,
    /// Outcomes of intents.
    pub logged: BTreeMap<IntentId, Logged>,
    /// Transactions by sending account.
    pub outboxes: BTreeMap<AccountId, Table>,
}

impl State {
    /// Whether [`apply`](Self::apply) would take the record. Outbox steps are judged by the submitter, which
    /// folds the same table before it writes.
    pub fn accepts(&self, record: &Record) -> Result<(), Contradiction> {
        let refuse = |what: String| Err(Contradiction(what));
        match record {
            Record::BatchExpired { id } | Record::BatchSigned { id, .. } => match self.batches.get(id) {
                Some(batch) if !matches!(batch.stage, BatchStage::Signed(_)) => Ok(()),
                _ => refuse(format!("batch {id} is unknown or signed")),
            },
            Record::Logged { id, .. } if !self.open_intents.contains_key(id) => {
                refuse(format!("outcome of an unknown intent {id}"))
            }
            Record::WorldAdded { profile, .. } if world_id(profile).is_none() => {
                refuse("a world profile has no id".into())
            }
            _ => Ok(()),
        }
    }

    /// Takes one record in.
    #[expect(clippy::too_many_lines, reason = "one arm a record reads best in one place")]
    pub fn apply(&mut self, record: &Record) -> Result<(), Contradiction> {
        match record {
            Record::ApiKeyAdded { key } => {
                self.api_keys.insert(key.id.clone(), key.clone());
            }
            Record::ApiKeyRevoked { id } => {
                self.api_keys.remove(id);
            }
            Record::IssuerAdded {
                request,
                issuer_id,
                name,
                certificate_key,
                intent,
            } => {
                self.remember(request, Resource::Issuer(*issuer_id));
                let issuer = Issuer {
                    name: name.clone(),
                    certificate_key: certificate_key.clone(),
                    intent: intent.id.clone(),
                };
                self.issuers.insert(*issuer_id, issuer);
                self.open_intents.insert(intent.id.clone(), intent.clone());
            }
            Record::CollectionAdded {
                request,
                collection,
                issuer_id,
            } => {
                self.remember(request, Resource::Collection(*collection));
                self.collections.insert(*collection, *issuer_id);
            }
            Record::DesignAdded {
                request,
                collection,
                design_id,
                digest,
                intent,
            } => {
                self.remember(request, Resource::Design(*collection, *design_id));
                let design = Design {
                    digest: *digest,
                    intent: intent.id.clone(),
                };
                self.designs.insert((*collection, *design_id), design);
                self.open_intents.insert(intent.id.clone(), intent.clone());
            }
            Record::WorldAdded { request, profile } => {
                let id = world_id(profile);
                let id = id.ok_or_else(|| Contradiction("a world profile has no id".into()))?;
                self.remember(request, Resource::World(id.to_owned()));
                self.worlds.insert(id.to_owned(), profile.clone());
            }
            Record::BatchPrepared(prepared) => {
                self.remember(&prepared.request, Resource::Batch(prepared.id.clone()));
                let batch = Batch {
                    prepared: prepared.clone(),
                    stage: BatchStage::Prepared,
                };
                self.batches.insert(prepared.id.clone(), batch);
            }
            Record::BatchExpired { id } => {
                let batch = self.batch_mut(id)?;
                if matches!(batch.stage, BatchStage::Signed(_)) {
                    return Err(Contradiction(format!("batch {id} expired after it was signed")));
                }
                batch.stage = BatchStage::Expired;
                // The request is forgotten with its serials: asking again prepares anew.
                let key = batch.prepared.request.key_sha256;
                self.requests.remove(&key);
            }
            Record::BatchSigned {
                id,
                signature,
                commit_by_s,
                intent,
            } => {
                let batch = self.batch_mut(id)?;
                if matches!(batch.stage, BatchStage::Signed(_)) {
                    return Err(Contradiction(format!("batch {id} was signed twice")));
                }
                batch.stage = BatchStage::Signed(BatchSignature {
                    signature: signature.clone(),
                    commit_by_s: *commit_by_s,
                    intent: intent.id.clone(),
                });
                let prepared = &batch.prepared;
                let range = (prepared.collection, prepared.design_id, prepared.first_serial);
                self.ranges.insert(range, id.clone());
                self.batches_waiting.insert(id.clone());
                self.open_intents.insert(intent.id.clone(), intent.clone());
            }
            Record::Logged {
                id,
                first_index,
                size,
                checkpoint,
            } => {
                if self.open_intents.remove(id).is_none() {
                    return Err(Contradiction(format!("outcome of an unknown intent {id}")));
                }
                let logged = Logged {
                    first_index: *first_index,
                    size: *size,
                    checkpoint: checkpoint.clone(),
                };
                self.logged.insert(id.clone(), logged);
            }
            // Earlier versions took a claim that had failed a second time: its order is closed, nothing follows.
            Record::ClaimAccepted(accepted) if self.claims.contains_key(&accepted.id) => {}
            Record::ClaimAccepted(accepted) => {
                self.claims_by_wearable
                    .insert(accepted.wearable, accepted.id.clone());
                self.claims_waiting.insert(accepted.id.clone());
                self.claims.insert(accepted.id.clone(), accepted.clone());
            }
            Record::Outbox { lane, record } => {
                self.outboxes
                    .entry(*lane)
                    .or_default()
                    .apply(record)
                    .map_err(Contradiction)?;
                self.follow_order(record);
            }
        }
        Ok(())
    }

    /// The serial that the next batch of a design starts at: past every signed one. What is only prepared was not issued;
    /// while it is open, it is [`open_preparation`](Self::open_preparation).
    pub fn next_serial(&self, collection: CollectionId, design_id: DesignId) -> u64 {
        self.batches
            .values()
            .filter(|batch| batch.prepared.collection == collection && batch.prepared.design_id == design_id)
            .filter(|batch| matches!(batch.stage, BatchStage::Signed(_)))
            .map(Batch::end)
            .max()
            .unwrap_or(1)
    }

    /// The unsigned preparation that holds a design's next serials, if any.
    pub fn open_preparation(
        &self,
        collection: CollectionId,
        design_id: DesignId,
        now_ms: u64,
    ) -> Option<&Batch> {
        self.batches.values().find(|batch| {
            batch.prepared.collection == collection
                && batch.prepared.design_id == design_id
                && batch.stage == BatchStage::Prepared
                && batch.holds_serials(now_ms)
        })
    }

    /// The signed batch whose range holds a wearable.
    pub fn batch_of(&self, wearable: &WearableId) -> Option<&Batch> {
        let design_id = wearable.token_id.design_id()?;
        let serial = wearable.token_id.serial()?.get();
        let lane = (wearable.collection, design_id, 0)..=(wearable.collection, design_id, serial);
        let (_, id) = self.ranges.range(lane).next_back()?;
        self.batches.get(id).filter(|batch| serial < batch.end())
    }

    fn remember(&mut self, request: &RequestRef, resource: Resource) {
        self.requests
            .insert(request.key_sha256, (request.body_sha256, resource));
    }

    fn batch_mut(&mut self, id: &BatchId) -> Result<&mut Batch, Contradiction> {
        self.batches
            .get_mut(id)
            .ok_or_else(|| Contradiction(format!("unknown batch {id}")))
    }
}

fn world_id(profile: &serde_json::Value) -> Option<&str> {
    profile.get("id").and_then(serde_json::Value::as_str)
}
