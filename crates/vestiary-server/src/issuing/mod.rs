//! From a list of wearables to a batch in the log: prepare, let the issuer sign, certify, log, promise.
//!
//! The order is the promise (ARCHITECTURE, "No answer before it is durable"): salts, preparation file and
//! journal record are durable before `POST /v1/batches` answers; the intent is durable before anything is signed
//! or appended; entries are durable before the receipt is answered. [`intents::finish`] is the one piece of code
//! that turns an intent into log entries, called by the request, and by start-up for intents a crash left open.

pub mod bundle;
pub mod commit;
mod committing;
pub mod intents;
pub mod preparation;
pub mod prepare;
pub mod progress;
pub mod statements;

pub use committing::{Committing, UnderWay};

/// Why issuing did not happen.
#[derive(Debug, thiserror::Error)]
pub enum IssuingError {
    /// A file of ours is not what was written.
    #[error("damaged: {0}")]
    Damaged(String),
    /// A step that cannot fail did.
    #[error("{0}")]
    Internal(String),
}

impl IssuingError {
    /// Wraps a failure that has no cure at run time.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }
}
