//! `/v1/claims`: authorised by the claim key's signature alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::extract::{Json as Body, Path};
use crate::api::{ClaimView, NewClaim};
use crate::claiming;
use crate::error::{ApiError, Problem};
use crate::journal::ClaimId;
use crate::service::Service;

/// Claims a wearable for a receiver; the service pays the gas. The code itself is never sent: it makes the claim
/// key, and the claim key's signature is all that is asked for.
#[utoipa::path(
    post, path = "/v1/claims", tag = "claims", request_body = NewClaim,
    responses(
        (status = 202, description = "Accepted; ask again under its id. The same wearable, receiver and deadline are the same claim, however often and with whatever signature they come: one that has failed is answered as it is, and only another deadline makes another claim", body = ClaimView),
        (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 403, description = "`wrong_signature`: wrong code, or signed for something else", body = Problem),
        (status = 409, description = "`already_claimed`", body = Problem),
        (status = 422, description = "`expired`", body = Problem), (status = 503, body = Problem),
    )
)]
pub async fn create(
    State(service): State<Arc<Service>>,
    Body(body): Body<NewClaim>,
) -> Result<(StatusCode, Json<ClaimView>), ApiError> {
    Ok((
        StatusCode::ACCEPTED,
        Json(claiming::accept(&service, &body).await?),
    ))
}

/// How far a claim has come.
#[utoipa::path(
    get, path = "/v1/claims/{id}", tag = "claims", params(("id" = String, Path)),
    responses((status = 200, body = ClaimView), (status = 404, body = Problem))
)]
pub async fn show(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<ClaimView>, ApiError> {
    let id = ClaimId(id);
    let claim = service.ledger.read(|state| state.claims.get(&id).cloned());
    let claim = claim.ok_or_else(|| ApiError::not_found(format!("claim {id}")))?;
    Ok(Json(claiming::view(&service, &claim)))
}
