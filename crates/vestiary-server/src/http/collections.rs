//! `/v1/collections`: collections that the factory made and this service works for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use vestiary::ids::CollectionId;

use super::extract::{Caller, Once, Path};
use crate::api::{CollectionView, NewCollection, Page};
use crate::error::{ApiError, Code, Problem};
use crate::journal::{Record, RequestRef, Resource};
use crate::service::Service;

/// Takes in a collection that the factory's list has and whose issuer is here.
#[utoipa::path(
    post, path = "/v1/collections", tag = "collections", security(("api_key" = [])),
    params(("Idempotency-Key" = String, Header, description = "The same for a retry")),
    request_body = NewCollection,
    responses(
        (status = 201, body = CollectionView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem),
        (status = 404, description = "its issuer is not here", body = Problem),
        (status = 422, description = "`chain_disagrees`: the factory does not list it yet", body = Problem),
    )
)]
pub async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    posted: Once<NewCollection>,
) -> Result<(StatusCode, Json<CollectionView>), ApiError> {
    let request = posted.request(&caller);
    let taken_in = taken_in(Arc::clone(&service), caller, posted.body, request.clone());
    let view = service.turns.run(&request, taken_in).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// The collection of this request: found, or taken in now.
async fn taken_in(
    service: Arc<Service>,
    caller: Caller,
    body: NewCollection,
    request: RequestRef,
) -> Result<CollectionView, ApiError> {
    let id = match service.ledger.repeated(&request)? {
        Some(Resource::Collection(id)) => id,
        Some(_) => {
            return Err(ApiError::internal(
                "an idempotency key of this route names something else",
            ));
        }
        None => {
            let id = parse(&body.collection)?;
            super::blocking(&service, move |service| {
                let issuer_id = service.collection_on_chain(id)?.issuer_id;
                caller.require_issuer(issuer_id)?;
                service.admit()?;
                service.ledger.command(move |state| {
                    if !state.issuers.contains_key(&issuer_id) {
                        return Err(ApiError::not_found(format!("issuer {issuer_id}")));
                    }
                    if state.collections.contains_key(&id) {
                        return Err(ApiError::new(Code::Conflict, format!("{id} is here already")));
                    }
                    Ok(vec![Record::CollectionAdded {
                        request,
                        collection: id,
                        issuer_id,
                    }])
                })
            })
            .await?;
            id
        }
    };
    view(&service, id).await
}

/// One collection.
#[utoipa::path(
    get, path = "/v1/collections/{collection}", tag = "collections",
    params(("collection" = String, Path, description = "CAIP-19 asset type, percent-encoded")),
    responses((status = 200, body = CollectionView), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub async fn show(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<CollectionView>, ApiError> {
    let id = parse(&id)?;
    if !service.ledger.read(|state| state.collections.contains_key(&id)) {
        return Err(ApiError::not_found(id));
    }
    Ok(Json(view(&service, id).await?))
}

/// All collections that this service works for.
#[utoipa::path(
    get, path = "/v1/collections", tag = "collections", params(super::ListQuery),
    responses((status = 200, body = Page<CollectionView>), (status = 400, body = Problem))
)]
pub async fn list(
    State(service): State<Arc<Service>>,
    super::Query(query): super::Query<super::ListQuery>,
) -> Result<Json<Page<CollectionView>>, ApiError> {
    let as_of = crate::provenance::as_of(&service);
    let after = query.after("collections", |text| text.parse::<CollectionId>().ok())?;
    let ids: Vec<CollectionId> = service.ledger.read(|state| {
        state
            .collections
            .keys()
            .filter(|id| after.is_none_or(|after| **id > after))
            .copied()
            .collect()
    });
    let (ids, next_cursor) = query.cut("collections", ids)?;
    let mut items = Vec::with_capacity(ids.len());
    for id in ids {
        items.push(view(&service, id).await?);
    }
    Ok(Json(Page {
        items,
        next_cursor,
        as_of,
    }))
}

pub(super) fn parse(text: &str) -> Result<CollectionId, ApiError> {
    text.parse()
        .map_err(|error| ApiError::new(Code::MalformedId, format!("collection: {error}")))
}

async fn view(service: &Arc<Service>, id: CollectionId) -> Result<CollectionView, ApiError> {
    super::blocking(service, move |service| service.collection_view(id)).await
}
