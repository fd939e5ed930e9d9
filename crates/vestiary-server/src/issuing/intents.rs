//! From an intent to entries in the log, exactly once: the same code for a request and for start-up.
//!
//! | what the journal and the log show | what happens |
//! |---|---|
//! | intent, entries in the log from the size it names on | they are adopted |
//! | intent, no such entries | the same bytes are appended |
//! | outcome | nothing |
//!
//! One task at a time does this ([`Service::issuing`]), so a look at the log cannot race an append. It is nobody's
//! request: the log's writer goes on when a caller hangs up, and so must the one who keeps others from looking.

use std::sync::Arc;

use vestiary::digest::Sha256;
use vestiary_log::points::reached;
use vestiary_tlog::leaf_hash;

use super::commit;
use crate::error::{ApiError, Code};
use crate::journal::{Intent, IntentId, Logged, Record};
use crate::points;
use crate::service::Service;
use crate::turns::to_its_end;

/// SHA-256 over the leaf hashes of entries, in order: what an intent remembers of them.
pub fn digest_of(entries: &[Vec<u8>]) -> Sha256 {
    let hashes: Vec<u8> = entries.iter().flat_map(|entry| leaf_hash(entry).0).collect();
    Sha256::of(&hashes)
}

/// An intent for entries that are kept in the journal with it.
pub fn inline(id: IntentId, log_size: u64, entries: &[Vec<u8>]) -> Result<Intent, ApiError> {
    let texts = entries
        .iter()
        .map(|entry| String::from_utf8(entry.clone()))
        .collect::<Result<_, _>>();
    Ok(Intent {
        id,
        log_size,
        entries_sha256: digest_of(entries),
        entries: texts.map_err(ApiError::internal)?,
    })
}

/// Brings an intent to its end and says where its entries are. Once begun it goes on, whoever stops waiting.
pub async fn finish(service: &Arc<Service>, id: &IntentId) -> Result<Logged, ApiError> {
    let (of, id) = (Arc::clone(service), id.clone());
    to_its_end(&service.issuing, async move { finish_alone(&of, &id).await }).await
}

/// For whoever holds [`Service::issuing`].
async fn finish_alone(service: &Arc<Service>, id: &IntentId) -> Result<Logged, ApiError> {
    if let Some(logged) = service.ledger.read(|state| state.logged.get(id).cloned()) {
        return Ok(logged);
    }
    let intent = service.ledger.read(|state| state.open_intents.get(id).cloned());
    let intent = intent.ok_or_else(|| ApiError::not_found(format!("intent {id}")))?;
    let blocking = Arc::clone(service);
    let (intent, entries, found) = tokio::task::spawn_blocking(move || {
        let entries = entries_of(&blocking, &intent)?;
        let found = look_up(&blocking, &intent, &entries)?;
        Ok::<_, ApiError>((intent, entries, found))
    })
    .await
    .map_err(ApiError::internal)??;
    let count = entries.len() as u64;
    let first_index = match found {
        Some(first_index) => first_index,
        None => {
            service
                .log
                .append(entries)
                .await
                .map_err(|error| service.log_error(&error))?
                .first_index
        }
    };
    reached(points::INTENT_APPENDED);
    let blocking = Arc::clone(service);
    let id = intent.id;
    tokio::task::spawn_blocking(move || record_outcome(&blocking, id, first_index, count))
        .await
        .map_err(ApiError::internal)?
}

/// How a round over the open intents ended.
#[derive(Debug, Default)]
pub struct Round {
    /// How many are finished.
    pub finished: usize,
    /// Those that are not, and why.
    pub left: Vec<(IntentId, ApiError)>,
}

/// Finishes every intent that was left open; run at start-up before requests are served, and again by the worker.
/// One that cannot be finished, because a file of its own is damaged, stands in no other's way.
pub async fn finish_all(service: &Arc<Service>) -> Round {
    let open: Vec<IntentId> = service
        .ledger
        .read(|state| state.open_intents.keys().cloned().collect());
    let mut round = Round::default();
    for id in open {
        match finish(service, &id).await {
            Ok(_) => round.finished += 1,
            Err(error) => {
                tracing::warn!(intent = %id, %error, "an intent cannot be finished yet; the others go on");
                round.left.push((id, error));
            }
        }
    }
    round
}

/// Signs the certificates of logged batches again whose file is missing; run at start-up. Says of how many.
pub fn certify_missing(service: &Service) -> Result<usize, ApiError> {
    let signed: Vec<_> = service.ledger.read(|state| {
        let batches = state.batches.values();
        let logged =
            batches.filter(|batch| state.logged.contains_key(&commit::intent_id(&batch.prepared.id)));
        logged.cloned().collect()
    });
    let mut made = 0;
    for batch in signed {
        if !service.has_bundle(&batch.prepared.root)? {
            match commit::certify(service, &batch) {
                Ok(()) => made += 1,
                // Serving goes on without: the certificates of this batch read as missing.
                Err(error) => {
                    tracing::error!(%error, batch = %batch.prepared.id, "certificates cannot be made again");
                }
            }
        }
    }
    Ok(made)
}

fn entries_of(service: &Service, intent: &Intent) -> Result<Vec<Vec<u8>>, ApiError> {
    let entries = if intent.entries.is_empty() {
        let batch = service.ledger.read(|state| {
            state
                .batches
                .values()
                .find(|batch| commit::intent_id(&batch.prepared.id) == intent.id)
                .cloned()
        });
        let batch = batch.ok_or_else(|| ApiError::internal(format!("intent {} has no batch", intent.id)))?;
        commit::certify(service, &batch)?;
        commit::entries(service, &batch)?
    } else {
        intent
            .entries
            .iter()
            .map(|entry| entry.clone().into_bytes())
            .collect()
    };
    if digest_of(&entries) != intent.entries_sha256 {
        return Err(ApiError::internal(format!(
            "the entries of {} are not those the intent fixed",
            intent.id
        )));
    }
    Ok(entries)
}

/// Looks for the entries in the log from the size the intent names.
fn look_up(service: &Service, intent: &Intent, entries: &[Vec<u8>]) -> Result<Option<u64>, ApiError> {
    let size = service.log_size();
    let wanted = entries.len() as u64;
    let mut index = intent.log_size;
    while index + wanted <= size {
        if service.log_entry(index)? == entries[0] {
            // Entries are unique by their token ids and roots, so a first match is the whole.
            for (offset, entry) in (1..).zip(&entries[1..]) {
                if service.log_entry(index + offset)? != *entry {
                    return Err(ApiError::internal(format!(
                        "the log holds a part of {} only",
                        intent.id
                    )));
                }
            }
            return Ok(Some(index));
        }
        index += 1;
    }
    Ok(None)
}

fn record_outcome(service: &Service, id: IntentId, first_index: u64, count: u64) -> Result<Logged, ApiError> {
    let (checkpoint, size) = service.log_checkpoint()?;
    if first_index + count > size {
        return Err(ApiError::new(
            Code::Internal,
            "the log's checkpoint does not cover what was appended",
        ));
    }
    let logged = Logged {
        first_index,
        size,
        checkpoint: checkpoint.clone(),
    };
    service.ledger.command(move |_| {
        Ok(vec![Record::Logged {
            id,
            first_index,
            size,
            checkpoint,
        }])
    })?;
    reached(points::INTENT_LOGGED);
    service.entries_appended.notify_one();
    Ok(logged)
}
