//! How far a batch has come, and the files it leaves behind.

use vestiary::batch_file::BatchFile;
use vestiary::ids::{Serial, SerialRange};
use vestiary::receipt::Receipt;
use vestiary::timestamp::Timestamp;
use vestiary_chain::submitter::State as OrderState;
use vestiary_tlog::{SignedCheckpoint, leaf_hash};

use super::commit;
use crate::api::BatchView;
use crate::error::ApiError;
use crate::journal::{Batch, BatchStage, Logged};
use crate::service::Service;

/// What the API says of a batch.
pub fn view(service: &Service, batch: &Batch) -> Result<BatchView, ApiError> {
    let prepared = &batch.prepared;
    let id = &prepared.id;
    let logged = service
        .ledger
        .read(|state| state.logged.get(&commit::intent_id(id)).cloned());
    let (order, transaction, reason) = service.ledger.read(|state| {
        let order = state.commit_entry(id);
        let transaction = order
            .and_then(|entry| entry.latest())
            .map(|attempt| attempt.hash.to_string());
        let reason = state.commit_reason(id).to_owned();
        (order.map(|entry| entry.state.clone()), transaction, reason)
    });
    let now_ms = service.clock.now_unix_ms();
    let state = match (&batch.stage, &logged, &order) {
        (BatchStage::Expired, ..) => "expired",
        (BatchStage::Prepared, ..) if !batch.takes_signature(now_ms) => "expired",
        (BatchStage::Prepared, ..) => "prepared",
        (BatchStage::Signed(_), None, _) => "signed",
        (BatchStage::Signed(_), Some(_), order) => match order {
            Some(OrderState::Signed | OrderState::Sent) => "submitted",
            Some(OrderState::Included { success: true, .. }) => "committed",
            Some(OrderState::Finalized { .. }) => "finalized",
            // Somebody else may submit the issuer's signature: the chain decides, not our transaction.
            _ if service.is_committed(prepared.collection, prepared.root)? => "committed",
            _ => "logged",
        },
    };
    let typed_data = commit::typed_data(service, batch)?.wallet_json(prepared.collection);
    let expires = match batch.stage {
        BatchStage::Prepared => Timestamp::new(prepared.expires_ms / 1000)
            .map_err(ApiError::internal)?
            .to_string(),
        _ => String::new(),
    };
    let receipt = match (&batch.stage, &logged) {
        (BatchStage::Signed(signature), Some(logged)) => {
            receipt(service, batch, signature.commit_by_s, logged)?
        }
        _ => String::new(),
    };
    Ok(BatchView {
        id: id.0.clone(),
        state: state.into(),
        collection: prepared.collection.to_string(),
        design_id: prepared.design_id.to_string(),
        first_serial: prepared.first_serial.to_string(),
        count: prepared.count.to_string(),
        root: prepared.root.to_string(),
        expires,
        typed_data,
        receipt,
        batch_file_url: if logged.is_some() {
            format!("/v1/batches/{id}/file")
        } else {
            String::new()
        },
        transaction: transaction.unwrap_or_default(),
        reason: if state == "logged" { reason } else { String::new() },
    })
}

/// The receipt: made again each time, from what the journal keeps; Ed25519 gives the same bytes.
fn receipt(service: &Service, batch: &Batch, commit_by_s: u64, logged: &Logged) -> Result<String, ApiError> {
    let batch_index = batch_index(service, batch, logged)?;
    let statement = service.log_entry(batch_index)?;
    let checkpoint = SignedCheckpoint::parse(logged.checkpoint.as_bytes()).map_err(ApiError::internal)?;
    let checkpoint = checkpoint.unverified();
    service.signing.sign_receipt(&Receipt {
        origin: service.config.log.origin.clone(),
        batch_index,
        leaf_hash: leaf_hash(&statement),
        size: checkpoint.size(),
        root: checkpoint.root(),
        collection: batch.prepared.collection,
        design_id: batch.prepared.design_id,
        serials: range(batch)?,
        commit_by: commit_by_s,
    })
}

/// The batch statement stands behind its certificates.
fn batch_index(service: &Service, batch: &Batch, logged: &Logged) -> Result<u64, ApiError> {
    Ok(logged.first_index + service.tree(batch)?.leaves().len() as u64)
}

fn range(batch: &Batch) -> Result<SerialRange, ApiError> {
    let first = Serial::new(batch.prepared.first_serial).map_err(ApiError::internal)?;
    SerialRange::new(first, batch.prepared.count).map_err(ApiError::internal)
}

/// The batch file's bytes.
pub fn batch_file(service: &Service, batch: &Batch) -> Result<Vec<u8>, ApiError> {
    let leaves = service.tree(batch)?.leaves().to_vec();
    let prepared = &batch.prepared;
    let file = BatchFile::new(prepared.collection, prepared.design_id, range(batch)?, leaves);
    Ok(file.map_err(ApiError::internal)?.to_bytes())
}
