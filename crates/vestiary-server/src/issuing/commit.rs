//! `POST /v1/batches/{id}/commit`: the issuer signed, so certify, log and promise.

use std::sync::Arc;

use alloy_primitives::Bytes;
use vestiary::statement::{BatchStatement, CertificateIssued, Statement, Unsigned};
use vestiary::typed_data::{CommitBatch, Signature};
use vestiary_log::points::reached;

use super::{bundle, intents};
use crate::error::{ApiError, Code};
use crate::journal::{Batch, BatchId, BatchStage, Intent, IntentId, Record};
use crate::points;
use crate::service::Service;

/// Longest signature of an issuer's account, in bytes: contract wallets may want more than 65.
pub const MAX_SIGNATURE_BYTES: usize = 4_096;
/// A commit is refused when less than this remains until its deadline, in seconds.
const DEADLINE_MARGIN_S: u64 = 600;

/// Name of the intent that logs a batch.
pub fn intent_id(batch: &BatchId) -> IntentId {
    IntentId(format!("batch/{batch}"))
}

/// Takes the issuer's signature; answers when the batch is in the log. Asking again answers the same.
pub async fn commit(service: &Arc<Service>, id: &BatchId, signature: &str) -> Result<Batch, ApiError> {
    let signature = read_signature(signature)?;
    let batch = find(service, id)?;
    match &batch.stage {
        BatchStage::Expired => return Err(expired(id)),
        BatchStage::Prepared => {
            if service.now_s() + DEADLINE_MARGIN_S > batch.prepared.deadline_s {
                return Err(expired(id));
            }
            check_signature(service, &batch, &signature).await?;
            let service_ = Arc::clone(service);
            reached(points::COMMIT_CHECKED);
            tokio::task::spawn_blocking(move || record_signature(&service_, &batch, signature))
                .await
                .map_err(ApiError::internal)??;
            reached(points::COMMIT_INTENDED);
        }
        // A wallet may sign the same message again and differently; somebody else's signature is none either way.
        BatchStage::Signed(signed) if signed.signature == signature => {}
        BatchStage::Signed(_) => check_signature(service, &batch, &signature).await?,
    }
    intents::finish(service, &intent_id(id)).await?;
    reached(points::COMMIT_ANSWERING);
    find(service, id)
}

fn find(service: &Service, id: &BatchId) -> Result<Batch, ApiError> {
    let batch = service.ledger.read(|state| state.batches.get(id).cloned());
    batch.ok_or_else(|| ApiError::not_found(format!("batch {id}")))
}

fn expired(id: &BatchId) -> ApiError {
    ApiError::new(
        Code::PreparationExpired,
        format!("{id} was not signed in time; prepare the batch again"),
    )
}

fn read_signature(text: &str) -> Result<Bytes, ApiError> {
    let digits = text
        .strip_prefix("0x")
        .filter(|digits| digits.len() <= 2 * MAX_SIGNATURE_BYTES);
    digits
        .and_then(|digits| hex::decode(digits).ok())
        .map(Bytes::from)
        .ok_or_else(|| {
            ApiError::new(
                Code::InvalidParameter,
                format!("signature takes 0x and hex digits, at most {MAX_SIGNATURE_BYTES} bytes"),
            )
        })
}

/// What the issuer's account signs for a batch.
pub fn typed_data(service: &Service, batch: &Batch) -> Result<CommitBatch, ApiError> {
    let prepared = &batch.prepared;
    let design = service.design_blocking(prepared.collection, prepared.design_id)?;
    Ok(CommitBatch {
        design_id: prepared.design_id,
        first_serial: vestiary::ids::Serial::new(prepared.first_serial).map_err(ApiError::internal)?,
        count: prepared.count,
        edition: design.document.edition.0,
        terms: design.document.terms.pack().map_err(ApiError::internal)?,
        design_digest: design.digest,
        root: prepared.root,
        deadline: prepared.deadline_s,
    })
}

/// The issuer's account must have signed: by its key, or as a contract wallet (ERC-1271) at the head.
///
/// A 65-byte signature that recovers to the account is tried first, so that an account with delegated code
/// (EIP-7702) keeps working; only then the chain is asked.
async fn check_signature(service: &Service, batch: &Batch, signature: &Bytes) -> Result<(), ApiError> {
    let account = service.issuer_account(batch.prepared.issuer_id)?;
    let hash = typed_data(service, batch)?.signing_hash(batch.prepared.collection);
    if let Ok(signature) = Signature::new(signature)
        && signature.recover(&hash).is_ok_and(|signer| signer == account)
    {
        return Ok(());
    }
    if service
        .is_valid_contract_signature(account, hash, signature)
        .await?
    {
        return Ok(());
    }
    Err(ApiError::new(
        Code::WrongSignature,
        format!(
            "account {account:#x} of issuer {} did not sign this batch",
            batch.prepared.issuer_id
        ),
    ))
}

/// Makes the intent durable.
fn record_signature(service: &Service, batch: &Batch, signature: Bytes) -> Result<(), ApiError> {
    service.admit()?;
    let id = &batch.prepared.id;
    // From here on nobody else gets the serials, however long this takes and wherever the clock goes.
    let mut under_way = None;
    service.ledger.command(|state| {
        let current = state
            .batches
            .get(id)
            .ok_or_else(|| ApiError::not_found(format!("batch {id}")))?;
        // Prepared anew meanwhile, it is not what was signed.
        if current.stage == BatchStage::Expired
            || current.prepared != batch.prepared
            || current.stage == BatchStage::Prepared && !current.takes_signature(service.clock.now_unix_ms())
        {
            return Err(expired(id));
        }
        under_way = Some(service.committing.begin(id));
        Ok(Vec::new())
    })?;
    // The mirror is asked before anything is signed: from then on the memory of the keys holds the serials for this
    // root, and what fails has to take it back.
    let entry_count = service.prepared(batch)?.len() as u64 + 1;
    let log_size = stated_from(service, batch, entry_count)?;
    let entries = entries(service, batch)?;
    let commit_by_s = service.now_s() + service.config.issuance.commit_within_s;
    let recorded = service.ledger.command(|state| {
        let current = state
            .batches
            .get(id)
            .ok_or_else(|| ApiError::not_found(format!("batch {id}")))?;
        match current.stage {
            BatchStage::Signed(_) => return Ok(Vec::new()),
            BatchStage::Expired => return Err(expired(id)),
            BatchStage::Prepared => {}
        }
        let intent = Intent {
            id: intent_id(id),
            log_size: log_size.unwrap_or_else(|| service.log_size()),
            entries_sha256: intents::digest_of(&entries),
            entries: Vec::new(),
        };
        Ok(vec![Record::BatchSigned {
            id: id.clone(),
            signature,
            commit_by_s,
            intent,
        }])
    });
    // What the log states already stays remembered.
    if recorded.is_err() && log_size.is_none() {
        withdraw(service, batch);
    }
    drop(under_way);
    recorded
}

/// The batch statement was signed and its intent not kept, so nobody will ever see it: the memory of the keys must
/// not hold the serials for it, or another preparation of them would be refused until a restart.
fn withdraw(service: &Service, batch: &Batch) {
    let prepared = &batch.prepared;
    let is_signed = service.ledger.read(|state| {
        let current = state.batches.get(&prepared.id);
        current.is_some_and(|batch| matches!(batch.stage, BatchStage::Signed(_)))
    });
    let range = vestiary::ids::Serial::new(prepared.first_serial)
        .and_then(|first| vestiary::ids::SerialRange::new(first, prepared.count));
    if let (false, Ok(range)) = (is_signed, range) {
        let memory = service.signing.memory();
        memory.withdraw_batch(prepared.collection, prepared.design_id, range, prepared.root);
    }
}

/// Where the log states a batch already: a journal that was restored from an older copy does not know it, and the
/// entries are adopted.
fn stated_from(service: &Service, batch: &Batch, entries: u64) -> Result<Option<u64>, ApiError> {
    let stated = service.mirror.view().batch_statements(batch.prepared.root);
    let stated = stated.map_err(crate::service::mirror_error)?;
    let ours = stated
        .iter()
        .find(|entry| entry.statement.collection == batch.prepared.collection);
    Ok(ours.and_then(|entry| (entry.index + 1).checked_sub(entries)))
}

/// The statements of a batch, certificates first, exactly as they go into the log.
pub(super) fn entries(service: &Service, batch: &Batch) -> Result<Vec<Vec<u8>>, ApiError> {
    let items = service.prepared(batch)?;
    let prepared = &batch.prepared;
    let mut entries = Vec::with_capacity(items.len() + 1);
    for item in items.iter() {
        let statement = Statement::CertificateIssued(CertificateIssued {
            token_id: item.leaf().token_id,
            digest: item.certificate.digest(),
            claim_key: item.claim_key,
            batch: prepared.root,
        });
        entries.push(statement.to_bytes().map_err(ApiError::internal)?);
    }
    let unsigned = Unsigned {
        by: service.signing.certificate_key(prepared.issuer_id)?,
        body: BatchStatement {
            collection: prepared.collection,
            design_id: prepared.design_id,
            first_serial: vestiary::ids::Serial::new(prepared.first_serial).map_err(ApiError::internal)?,
            count: prepared.count,
            root: prepared.root,
            idempotency_key_sha256: prepared.request.key_sha256,
        },
    };
    let statement = Statement::Batch(service.signing.sign_batch(prepared.issuer_id, unsigned)?);
    entries.push(statement.to_bytes().map_err(ApiError::internal)?);
    Ok(entries)
}

/// Signs the batch's certificates and keeps them, durable on return. Runs again after a crash: signing is
/// deterministic and the file is named by what is in it.
pub(super) fn certify(service: &Service, batch: &Batch) -> Result<(), ApiError> {
    let items = service.prepared(batch)?;
    let issuer_id = batch.prepared.issuer_id;
    let certificates = service
        .signing
        .sign_certificates(issuer_id, items.iter().map(|item| item.certificate.clone()))?;
    reached(points::INTENT_SIGNED);
    let bytes = bundle::write(&certificates).map_err(ApiError::internal)?;
    service.put_bundle(&batch.prepared.root, &bytes)?;
    reached(points::INTENT_CERTIFIED);
    Ok(())
}
