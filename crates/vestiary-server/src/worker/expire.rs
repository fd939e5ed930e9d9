//! Unsigned preparations end, and intents that could not be finished are tried again.

use std::sync::Arc;
use std::time::Duration;

use crate::error::ApiError;
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
        intents::finish_all(&service).await;
        let blocking = Arc::clone(&service);
        // Nobody may be asking for alarms; the log has them all the same.
        let _ = tokio::task::spawn_blocking(move || blocking.raised_alarms()).await;
    }
}

async fn expire(service: &Arc<Service>) -> Result<(), ApiError> {
    let over = over(service);
    if over.is_empty() {
        return Ok(());
    }
    let service = Arc::clone(service);
    tokio::task::spawn_blocking(move || end(&service, over))
        .await
        .map_err(ApiError::internal)?
}

/// Unsigned preparations whose time is over.
pub fn over(service: &Service) -> Vec<BatchId> {
    let now_ms = service.clock.now_unix_ms();
    service.ledger.read(|state| {
        let batches = state.batches.values();
        let over =
            batches.filter(|batch| batch.stage == BatchStage::Prepared && !batch.holds_serials(now_ms));
        over.map(|batch| batch.prepared.id.clone()).collect()
    })
}

/// Ends them. Blocks.
pub fn end(service: &Service, over: Vec<BatchId>) -> Result<(), ApiError> {
    service.ledger.command(|state| {
        // One may have been signed just now, or prepared anew under the same name.
        let now_ms = service.clock.now_unix_ms();
        let still = |id: &BatchId| {
            state
                .batches
                .get(id)
                .is_some_and(|batch| batch.stage == BatchStage::Prepared && !batch.holds_serials(now_ms))
                && !service.committing.contains(id)
        };
        let ended = over.into_iter().filter(still);
        Ok(ended.map(|id| Record::BatchExpired { id }).collect())
    })
}
