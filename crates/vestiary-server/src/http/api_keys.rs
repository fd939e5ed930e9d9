//! `/v1/api-keys`: made by an administrator, shown once, kept hashed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use vestiary::ids::IssuerId;

use super::extract::{Caller, Json as Body, Path};
use crate::api::{ApiKeyMade, MAX_NAME_BYTES, NewApiKey};
use crate::api_key::{ApiKeyId, PresentedKey, Scope};
use crate::error::{ApiError, Code, Problem};
use crate::journal::Record;
use crate::service::Service;

/// Makes a key. Its text is in the answer and nowhere else, so a repeat makes another one.
#[utoipa::path(
    post, path = "/v1/api-keys", tag = "api keys", security(("api_key" = [])), request_body = NewApiKey,
    responses(
        (status = 201, body = ApiKeyMade), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Body(body): Body<NewApiKey>,
) -> Result<(StatusCode, Json<ApiKeyMade>), ApiError> {
    caller.require(Scope::Admin)?;
    let issuer: Option<IssuerId> = match body.issuer_id.as_deref() {
        None | Some("") => None,
        Some(text) => Some(
            text.parse()
                .map_err(|error| ApiError::new(Code::MalformedId, format!("issuer_id: {error}")))?,
        ),
    };
    let wrong = |detail: &str| ApiError::new(Code::Unprocessable, detail);
    if body.scopes.is_empty() || body.scopes.len() > MAX_SCOPES {
        return Err(wrong("scopes: name at least one of admin, issue and world"));
    }
    if body.scopes.contains(&Scope::Issue) && issuer.is_none() && !body.scopes.contains(&Scope::Admin) {
        return Err(wrong(
            "issuer_id: a key with the scope issue acts for one issuer; name it",
        ));
    }
    if body.label.len() > MAX_NAME_BYTES || body.label.chars().any(char::is_control) {
        return Err(wrong("label: at most 200 bytes without control characters"));
    }
    let made = super::blocking(&service, move |service| {
        service.admit()?;
        let key = PresentedKey::generate(service.random.as_ref());
        let stored = key.stored(body.scopes.clone(), issuer, body.label);
        service
            .ledger
            .command(move |_| Ok(vec![Record::ApiKeyAdded { key: stored }]))?;
        Ok(ApiKeyMade {
            id: key.id.0.clone(),
            key: key.reveal().to_string(),
            scopes: body.scopes,
        })
    })
    .await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// More than there are.
const MAX_SCOPES: usize = 8;

/// Takes a key back.
#[utoipa::path(
    delete, path = "/v1/api-keys/{id}", tag = "api keys", security(("api_key" = [])),
    params(("id" = String, Path)),
    responses(
        (status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem),
    )
)]
pub async fn revoke(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require(Scope::Admin)?;
    let id = ApiKeyId(id);
    super::blocking(&service, move |service| {
        service.ledger.command(move |state| {
            if !state.api_keys.contains_key(&id) {
                return Err(ApiError::not_found(format!("API key {}", id.0)));
            }
            Ok(vec![Record::ApiKeyRevoked { id }])
        })
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
