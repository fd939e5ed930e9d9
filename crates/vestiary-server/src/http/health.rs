//! Whether the process lives, whether it can do its work, and the operator's numbers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::alarms::AlarmView;
use crate::chain_status::ChainHealth;
use crate::error::ApiError;
use crate::lanes::LaneView;
use crate::service::Service;
use crate::storage::StorageState;

/// The process answers.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, body = String)))]
pub async fn live() -> &'static str {
    "alive\n"
}

/// What works and what does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    /// Whether everything works.
    pub ready: bool,
    /// `following`, `starting`, `behind` or `halted`.
    pub chain: String,
    /// Why, where the chain is not followed; "" otherwise.
    pub chain_reason: String,
    /// Number of the last block taken in, "" before the first.
    pub block: String,
    /// Whether the journal takes records.
    pub journal: bool,
    /// Whether the log takes entries.
    pub log: bool,
    /// `writable`; `full`: new work is refused until there is room; `stopped`: a sync failed, and only a new start
    /// writes again.
    pub storage: String,
    /// Entries in the log.
    pub log_size: String,
    /// Entries taken into the mirror.
    pub mirror_log_size: String,
    /// Intents whose entries are not in the log yet.
    pub open_intents: u64,
    /// The accounts that send. One that cannot go on holds up its own orders; the service is ready all the same.
    pub lanes: Vec<LaneView>,
    /// What an operator has to know; OPERATIONS.md says of each what to do. Not each of them makes `ready` false.
    pub alarms: Vec<AlarmView>,
}

/// Whether the service can do all its work; each part is told.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness))
)]
pub async fn ready(State(service): State<Arc<Service>>) -> Result<(StatusCode, Json<Readiness>), ApiError> {
    // It looks into the mirror, and a probe must not hold up who answers the others.
    let readiness = super::blocking(&service, |service| Ok(readiness(service))).await?;
    let status = if readiness.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    Ok((status, Json(readiness)))
}

fn readiness(service: &Service) -> Readiness {
    let (chain, chain_reason) = match service.chain.health() {
        ChainHealth::Starting => ("starting", String::new()),
        ChainHealth::Following => ("following", String::new()),
        ChainHealth::Behind { code, .. } => ("behind", code.to_owned()),
        ChainHealth::Halted { reason } => ("halted", reason),
    };
    let journal = service.ledger.stopped().is_none();
    let log = !service.log.has_stopped();
    let storage = service.storage.state();
    let ready = chain == "following" && journal && log && storage == StorageState::Writable;
    Readiness {
        ready,
        chain: chain.into(),
        chain_reason,
        block: service
            .mirror
            .head()
            .map(|head| head.number.to_string())
            .unwrap_or_default(),
        journal,
        log,
        storage: storage.word().into(),
        log_size: service.log_size().to_string(),
        mirror_log_size: service.mirror.log_size().to_string(),
        open_intents: service.ledger.read(|state| state.open_intents.len()) as u64,
        lanes: service.lanes.views(),
        alarms: service.raised_alarms(),
    }
}
