//! Looks after the disk, the journal's length, what others say about our log, and what was measured.

use std::sync::Arc;
use std::time::Duration;

use crate::service::Service;

/// Pause between two rounds.
const ROUND: Duration = Duration::from_secs(2);

/// Runs until told to stop.
pub async fn run(service: Arc<Service>, mut stop: super::Stop) {
    loop {
        let blocking = Arc::clone(&service);
        // An error is a panic, which was reported where it happened; the next round looks again.
        let _ = tokio::task::spawn_blocking(move || look(&blocking)).await;
        tokio::select! {
            () = stop.wait() => return,
            () = tokio::time::sleep(ROUND) => {}
        }
    }
}

fn look(service: &Service) {
    // A histogram keeps every sample until somebody sums them up, and perhaps nobody asks for metrics.
    if let Ok(metrics) = crate::serve::metrics_handle() {
        metrics.run_upkeep();
    }
    service.storage.look_after();
    if let Err(problem) = service.ledger.compact_if_due(service.storage.room_bytes()) {
        tracing::warn!(%problem, "the journal was not compacted");
    }
    let contradicted = match crate::startup::hear_anchors(service) {
        Ok(()) => 0.0,
        Err(error) => {
            tracing::error!(%error, "the chain has another log under our anchoring account: no checkpoint is signed");
            1.0
        }
    };
    metrics::gauge!("vestiary_log_contradicted").set(contradicted);
}
