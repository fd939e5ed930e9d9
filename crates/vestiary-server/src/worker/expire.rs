//! Unsigned preparations end, and intents that could not be finished are tried again.

use std::sync::Arc;
use std::time::Duration;

use crate::issuing::intents;
use crate::journal::{BatchId, BatchStage, Record};
use crate::service::Service;

/// Pause between two rounds.
const ROUND: Duration = Duration::from_secs(5);

/// Runs until told to stop.
pub async fn run(service: Arc<Service>, mut stop: super::Stop) {
    loop {
        tokio::select! {
            () = stop.wait() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
        if let Err(error) = expire(&service).await {
            tracing::warn!(%error, "preparations cannot be ended");
        }
        if let Err(error) = intents::finish_all(&service).await {
            tracing::warn!(%error, "an intent cannot be finished yet");
        }
        let blocking = Arc::clone(&service);
        // Nobody may be asking for alarms; the log has them all the same.
        let _ = tokio::task::spawn_blocking(move || blocking.raised_alarms()).await;
    }
}

async fn expire(service: &Arc<Service>) -> Result<(), crate::error::ApiError> {
    let now_ms = service.clock.now_unix_ms();
    let ended: Vec<BatchId> = service.ledger.read(|state| {
        let batches = state.batches.values();
        let unsigned =
            batches.filter(|batch| batch.stage == BatchStage::Prepared && !batch.holds_serials(now_ms));
        unsigned.map(|batch| batch.prepared.id.clone()).collect()
    });
    if ended.is_empty() {
        return Ok(());
    }
    let service = Arc::clone(service);
    tokio::task::spawn_blocking(move || {
        let committing = &service.committing;
        service.ledger.command(|state| {
            // One may have been signed just now.
            let still = |id: &BatchId| {
                state
                    .batches
                    .get(id)
                    .is_some_and(|batch| batch.stage == BatchStage::Prepared)
                    && !committing.contains(id)
            };
            Ok(ended
                .into_iter()
                .filter(still)
                .map(|id| Record::BatchExpired { id })
                .collect())
        })
    })
    .await
    .map_err(crate::error::ApiError::internal)?
}
