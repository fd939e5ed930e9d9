//! `/v1/batches`: prepare, sign, receipt.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::extract::{Caller, Json as Body, MAX_BATCH_BODY_BYTES, Once, Path};
use crate::api::{BatchView, CommitBatchBody, NewBatch};
use crate::api_key::Scope;
use crate::error::{ApiError, Problem};
use crate::issuing::{commit, prepare, progress};
use crate::journal::{Batch, BatchId, BatchStage, RequestRef};
use crate::service::Service;

/// Fixes a batch: certificates without signature, the root, and the message the issuer signs. Nothing is signed
/// or logged yet; unsigned, it expires and frees its serials.
#[utoipa::path(
    post, path = "/v1/batches", tag = "batches", security(("api_key" = [])),
    params(("Idempotency-Key" = String, Header, description = "The same for a retry")),
    request_body = NewBatch,
    responses(
        (status = 202, description = "Prepared; sign `typed_data`", body = BatchView),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem), (status = 413, body = Problem),
        (status = 422, description = "Every bad item is listed", body = Problem), (status = 503, body = Problem),
    )
)]
pub async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    posted: Once<NewBatch, MAX_BATCH_BODY_BYTES>,
) -> Result<(StatusCode, Json<BatchView>), ApiError> {
    let request = posted.request(&caller);
    let prepared = prepared(Arc::clone(&service), caller, posted.body, request.clone());
    let view = service.turns.run(&request, prepared).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// The batch of this request: found, or prepared now.
async fn prepared(
    service: Arc<Service>,
    caller: Caller,
    body: NewBatch,
    request: RequestRef,
) -> Result<BatchView, ApiError> {
    let batch = prepare::prepare(&service, &caller, request, body).await?;
    progress::view(&service, &batch)
}

/// Takes the issuer's signature. Answers with the receipt when certificates and statements are in the log.
#[utoipa::path(
    post, path = "/v1/batches/{id}/commit", tag = "batches", security(("api_key" = [])),
    params(("id" = String, Path)),
    request_body = CommitBatchBody,
    responses(
        (status = 200, description = "Logged; `receipt` promises the chain", body = BatchView),
        (status = 400, body = Problem), (status = 401, body = Problem), (status = 404, body = Problem),
        (status = 403, description = "`wrong_signature` or `forbidden`", body = Problem),
        (status = 409, description = "`preparation_expired`", body = Problem), (status = 503, body = Problem),
        (status = 422, description = "`chain_disagrees`: the registry has no such issuer", body = Problem),
    )
)]
pub async fn sign(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body<CommitBatchBody>,
) -> Result<Json<BatchView>, ApiError> {
    let id = BatchId(id);
    let batch = of_caller(&service, &caller, &id)?;
    let batch = commit::commit(&service, &batch.prepared.id, &body.signature).await?;
    Ok(Json(progress::view(&service, &batch)?))
}

/// A batch and how far it has come.
#[utoipa::path(
    get, path = "/v1/batches/{id}", tag = "batches", security(("api_key" = [])),
    params(("id" = String, Path)),
    responses(
        (status = 200, body = BatchView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem),
    )
)]
pub async fn show(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<BatchView>, ApiError> {
    let batch = of_caller(&service, &caller, &BatchId(id))?;
    Ok(Json(progress::view(&service, &batch)?))
}

/// The fixed certificates of a preparation, one JSON object a line, each with an all-zero proof value.
#[utoipa::path(
    get, path = "/v1/batches/{id}/preparation", tag = "batches", security(("api_key" = [])),
    params(("id" = String, Path)),
    responses(
        (status = 200, content_type = "application/jsonl"), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem),
    )
)]
pub async fn preparation(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let batch = of_caller(&service, &caller, &BatchId(id))?;
    let bytes = super::blocking(&service, move |service| {
        service.read_preparation_bytes(&batch.prepared.preparation)
    })
    .await?;
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], bytes).into_response())
}

/// The batch file: with it, a code and an RPC node anybody can claim without us. Public once logged.
#[utoipa::path(
    get, path = "/v1/batches/{id}/file", tag = "batches",
    params(("id" = String, Path)),
    responses((status = 200, content_type = "application/json"), (status = 404, body = Problem))
)]
pub async fn file(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let id = BatchId(id);
    let batch = service.ledger.read(|state| state.batches.get(&id).cloned());
    let batch = batch.filter(|batch| matches!(batch.stage, BatchStage::Signed(_)));
    let batch = batch.ok_or_else(|| ApiError::not_found(format!("a batch file of {id}")))?;
    let bytes = super::blocking(&service, move |service| progress::batch_file(service, &batch)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], bytes).into_response())
}

/// A batch of the caller's issuer; another's reads as unknown.
fn of_caller(service: &Service, caller: &Caller, id: &BatchId) -> Result<Batch, ApiError> {
    caller.require(Scope::Issue)?;
    let batch = service.ledger.read(|state| state.batches.get(id).cloned());
    batch
        .filter(|batch| caller.0.acts_for(batch.prepared.issuer_id))
        .ok_or_else(|| ApiError::not_found(format!("batch {id}")))
}
