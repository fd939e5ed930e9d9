//! The HTTP API, version 1: every route on one screen in [`router`], one file a resource, thin handlers.
//!
//! | rule | |
//! |---|---|
//! | a body that changes something comes with an `Idempotency-Key`; claims need none, their signature is one | [`extract`] |
//! | failures are problem+json, chosen in one place | [`crate::error`] |
//! | lists are cut at 200 and go on with a cursor that fits its own query | [`paging`] |
//! | ids are CAIP-10 and CAIP-19 in lower case, one percent-encoded path segment | |

pub mod api_keys;
pub mod batches;
pub mod claims;
pub mod collections;
mod description;
pub mod designs;
pub mod extract;
pub mod files;
pub mod health;
pub mod issuers;
pub mod layers;
pub mod log;
pub mod metadata;
pub mod paging;
mod router;
pub mod wallets;
pub mod wearables;
pub mod worlds;

use std::sync::Arc;

pub use health::Readiness;
pub(crate) use paging::{ListQuery, Query};
pub use router::{openapi, router};

use crate::error::ApiError;
use crate::service::Service;

/// Runs what touches a disk beside the async threads.
async fn blocking<T: Send + 'static>(
    service: &Arc<Service>,
    run: impl FnOnce(&Service) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let service = Arc::clone(service);
    tokio::task::spawn_blocking(move || run(&service))
        .await
        .map_err(ApiError::internal)?
}
