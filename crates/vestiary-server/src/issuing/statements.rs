//! Single statements on their way to the log: issuer observed, design registered, log opened.

use std::sync::Arc;

use vestiary::ids::IssuerId;
use vestiary::statement::{DesignStatement, IssuerObserved, LogOpened, Statement, Unsigned};

use super::intents;
use crate::error::ApiError;
use crate::journal::{Intent, IntentId};
use crate::service::Service;

/// The intent to log that an issuer was seen.
pub fn issuer_observed(service: &Service, observed: IssuerObserved) -> Result<Intent, ApiError> {
    let id = IntentId(format!("issuer/{}", observed.issuer_id));
    let entry = Statement::IssuerObserved(observed)
        .to_bytes()
        .map_err(ApiError::internal)?;
    intents::inline(id, service.log_size(), &[entry])
}

/// The intent to log a design, signed with the issuer's key.
pub fn design(service: &Service, issuer_id: IssuerId, body: DesignStatement) -> Result<Intent, ApiError> {
    let id = IntentId(format!("design/{}/{}", body.collection, body.design_id));
    let by = service.signing.certificate_key(issuer_id)?;
    let issued = service.signing.sign_design(issuer_id, Unsigned { by, body })?;
    let entry = Statement::Design(issued).to_bytes().map_err(ApiError::internal)?;
    intents::inline(id, service.log_size(), &[entry])
}

/// Writes entry 0 of an empty log; refuses a log that another operator, origin or key opened.
pub async fn open_log(service: &Arc<Service>, opened: LogOpened) -> Result<(), ApiError> {
    let entry = Statement::LogOpened(opened)
        .to_bytes()
        .map_err(ApiError::internal)?;
    if service.log_size() == 0 {
        service
            .log
            .append(vec![entry])
            .await
            .map_err(|error| service.log_error(&error))?;
        return Ok(());
    }
    if service.log_entry(0)? == entry {
        return Ok(());
    }
    Err(ApiError::internal(
        "entry 0 of the log names another origin, registry, anchoring account or key: check the configuration and the key files",
    ))
}
