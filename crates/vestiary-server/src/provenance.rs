//! The history of one wearable, from log and chain, each step with where to check it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vestiary::ids::WearableId;
use vestiary_mirror::{ChainPoint, HistoryKind, MAX_PAGE_ROWS};
use vestiary_tlog::{SignedCheckpoint, TlogProof};

use crate::api::AsOf;
use crate::error::ApiError;
use crate::service::{Service, mirror_error};

/// A wearable's history.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Provenance {
    /// CAIP-19 id.
    pub wearable: String,
    /// Oldest first.
    pub steps: Vec<Step>,
    /// Whether these are all steps; a very long history is cut.
    pub complete: bool,
    /// What the answer describes.
    pub as_of: AsOf,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// `certified`, `committed`, `anchored`, `minted`, `bound`, `transferred` or `burned`.
    pub kind: String,
    /// The account before, CAIP-10, "" where there is none.
    pub from: String,
    /// The account after, CAIP-10, "" where there is none.
    pub to: String,
    /// Index of the log entry, "" for steps on the chain.
    pub log_index: String,
    /// Number of the block, "" for steps in the log.
    pub block: String,
    /// Hash of the block, "" for steps in the log.
    pub block_hash: String,
    /// Hash of the transaction, "" for steps in the log.
    pub transaction: String,
    /// The block's time, RFC 3339, "" for steps in the log.
    pub time: String,
    /// What it is about: a digest or a root, "" if nothing more.
    pub detail: String,
}

impl Step {
    fn in_log(kind: &str, index: u64, detail: String) -> Self {
        Self {
            kind: kind.into(),
            from: String::new(),
            to: String::new(),
            log_index: index.to_string(),
            block: String::new(),
            block_hash: String::new(),
            transaction: String::new(),
            time: String::new(),
            detail,
        }
    }

    fn on_chain(kind: &str, at: &ChainPoint, detail: String) -> Self {
        Self {
            kind: kind.into(),
            from: String::new(),
            to: String::new(),
            log_index: String::new(),
            block: at.block.number.to_string(),
            block_hash: at.block.hash.to_string(),
            transaction: at.transaction_hash.to_string(),
            time: vestiary::timestamp::Timestamp::new(at.timestamp)
                .map(|time| time.to_string())
                .unwrap_or_default(),
            detail,
        }
    }
}

/// Collects the history.
pub fn of(service: &Service, id: &WearableId) -> Result<Provenance, ApiError> {
    let view = service.mirror.view();
    let mut steps = Vec::new();
    let entry = view.certificate_entry(id).map_err(mirror_error)?;
    if let Some(entry) = &entry {
        steps.push(Step::in_log(
            "certified",
            entry.index,
            entry.statement.digest.to_string(),
        ));
    }
    if let Some(batch) = view.batch_of(id).map_err(mirror_error)? {
        steps.push(Step::on_chain(
            "committed",
            &batch.batch.committed,
            batch.batch.root.to_string(),
        ));
    }
    if let Some(entry) = &entry {
        let anchoring = service.signing.anchoring_account();
        let anchor = view
            .anchor_containing(anchoring, service.origin_hash(), entry.index)
            .map_err(mirror_error)?;
        if let Some((size, anchor)) = anchor {
            steps.push(Step::on_chain(
                "anchored",
                &anchor.at,
                format!("size {size}, root {}", anchor.root),
            ));
        }
    }
    let history = view.history(id, None, MAX_PAGE_ROWS).map_err(mirror_error)?;
    for event in &history.items {
        let (kind, detail) = match event.kind {
            HistoryKind::Minted => ("minted", String::new()),
            HistoryKind::Certified => ("bound", event.certificate_digest.to_string()),
            HistoryKind::Transferred => ("transferred", String::new()),
            HistoryKind::Burned => ("burned", String::new()),
        };
        let mut step = Step::on_chain(kind, &event.at, detail);
        let account = |address: alloy_primitives::Address| {
            if address.is_zero() {
                String::new()
            } else {
                service.account(address).to_string()
            }
        };
        step.from = account(event.from);
        step.to = account(event.to);
        steps.push(step);
    }
    if steps.is_empty() {
        return Err(ApiError::not_found(id));
    }
    let as_of = as_of_view(service, &view.as_of());
    Ok(Provenance {
        wearable: id.to_string(),
        steps,
        complete: history.next.is_none(),
        as_of,
    })
}

/// The tlog-proof of the certificate's statement at the newest checkpoint.
pub fn log_proof(service: &Service, id: &WearableId) -> Result<Vec<u8>, ApiError> {
    let entry = service
        .mirror
        .view()
        .certificate_entry(id)
        .map_err(mirror_error)?;
    let index = entry
        .ok_or_else(|| ApiError::not_found(format!("a certificate of {id} in the log")))?
        .index;
    let statement = service.log_entry(index)?;
    let published = service
        .log_reader
        .published()
        .map_err(|error| service.log_error(&error))?;
    let checkpoint = SignedCheckpoint::parse(&published.bytes).map_err(ApiError::internal)?;
    let (_, hashes) = service
        .log_reader
        .inclusion(index, published.checkpoint.size())
        .map_err(|error| service.log_error(&error))?;
    let proof = TlogProof::new(Some(statement), index, hashes, checkpoint).map_err(ApiError::internal)?;
    Ok(proof.to_bytes())
}

/// What answers describe now.
pub fn as_of(service: &Service) -> AsOf {
    as_of_view(service, &service.mirror.view().as_of())
}

/// What an answer from one view describes.
pub(crate) fn as_of_view(service: &Service, as_of: &vestiary_mirror::AsOf) -> AsOf {
    let block = as_of.block;
    AsOf {
        chain: service.deployment.chain.to_string(),
        block: block.map(|block| block.number.to_string()).unwrap_or_default(),
        hash: block.map(|block| block.hash.to_string()).unwrap_or_default(),
        time: vestiary::timestamp::Timestamp::new(as_of.timestamp)
            .map(|time| time.to_string())
            .unwrap_or_default(),
        finality: block
            .map_or("latest", |block| service.chain.finality(block.number))
            .into(),
        log_size: as_of.log_size.to_string(),
    }
}
