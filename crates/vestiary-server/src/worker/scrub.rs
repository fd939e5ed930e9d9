//! Reads what lies still, slowly, so that rot is found before somebody asks for it.
//!
//! Reading is what finds it: log, content and batches give nothing out that they did not verify. What is found is
//! told by [`crate::damage::found`]; serving goes on.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use vestiary_tlog::{BundleId, tile::TILE_WIDTH};
use vestiary_worlds::content::MAX_LISTED;

use crate::damage::{Part, check_bundle, found};
use crate::journal::{Batch, BatchStage};
use crate::service::Service;

/// Pause between two files: the disk is for those who ask.
const BETWEEN_FILES: Duration = Duration::from_millis(100);
/// Pause between two rounds.
const BETWEEN_ROUNDS: Duration = Duration::from_hours(6);

/// Goes round and round until told to stop.
pub async fn run(service: Arc<Service>, mut stop: super::Stop) {
    loop {
        tokio::select! {
            () = stop.wait() => return,
            () = sleep(BETWEEN_ROUNDS) => {}
        }
        tokio::select! {
            () = stop.wait() => return,
            damaged = round(&service, BETWEEN_FILES) => {
                tracing::info!(damaged, "everything that lies still was read");
            }
        }
    }
}

/// Reads every bundle of the log, every file and every batch once, with a pause after each; says how many were
/// damaged.
pub async fn round(service: &Arc<Service>, pause: Duration) -> u64 {
    let mut damaged = 0;
    let bundles = service.log_size().div_ceil(u64::from(TILE_WIDTH));
    for index in 0..bundles {
        damaged += look(service, pause, move |service| read_bundle(service, index)).await;
    }
    let mut after = None;
    while let Ok(names) = service.content.list(after.as_ref(), MAX_LISTED) {
        let Some(last) = names.last().copied() else { break };
        for sha256 in names {
            damaged += look(service, pause, move |service| {
                let read = service.content.get(&sha256).and_then(|file| file.read());
                match read {
                    Ok(_) => service.is_whole(&sha256),
                    Err(error @ vestiary_worlds::Error::Damaged { .. }) => {
                        service.met_damaged(&sha256, &error);
                        return true;
                    }
                    Err(_) => {}
                }
                false
            })
            .await;
        }
        after = Some(last);
    }
    let batches: Vec<Batch> = service.ledger.read(|state| {
        let kept = state
            .batches
            .values()
            .filter(|batch| batch.stage != BatchStage::Expired);
        kept.cloned().collect()
    });
    for batch in batches {
        damaged += look(service, pause, move |service| read_batch(service, &batch)).await;
    }
    damaged
}

async fn look(
    service: &Arc<Service>,
    pause: Duration,
    is_damaged: impl FnOnce(&Service) -> bool + Send + 'static,
) -> u64 {
    let blocking = Arc::clone(service);
    let found = tokio::task::spawn_blocking(move || is_damaged(&blocking)).await;
    sleep(pause).await;
    u64::from(found.unwrap_or(false))
}

fn read_bundle(service: &Service, index: u64) -> bool {
    let Some(id) = BundleId::in_tree(index, service.log_size()) else {
        return false;
    };
    match service.log_reader.file(&id.path()) {
        Err(error @ vestiary_log::LogError::Damaged { .. }) => {
            found(Part::Log, &error);
            true
        }
        _ => false,
    }
}

fn read_batch(service: &Service, batch: &Batch) -> bool {
    // It tells of itself.
    let preparation = service
        .read_preparation_bytes(&batch.prepared.preparation)
        .is_err();
    let wrong = match service.read_bundle(&batch.prepared.root) {
        Ok(Some(bytes)) => check_bundle(&bytes).err(),
        _ => None,
    };
    if let Some(what) = &wrong {
        let root = alloy_primitives::hex::encode(batch.prepared.root);
        let file = service.private_file("certificates", &root);
        found(Part::Batches, &format_args!("{}: {what}", file.display()));
    }
    preparation || wrong.is_some()
}
