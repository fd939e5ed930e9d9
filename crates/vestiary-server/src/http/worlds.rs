//! `/v1/worlds`: what each world's engine can load.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;
use vestiary::world::WorldProfile;

use super::extract::{Caller, Once, Path};
use crate::api::Page;
use crate::api_key::Scope;
use crate::error::{ApiError, Code, Problem};
use crate::journal::{Record, RequestRef, Resource};
use crate::service::Service;

/// Registers a world, or replaces its profile.
#[utoipa::path(
    post, path = "/v1/worlds", tag = "worlds", security(("api_key" = [])),
    params(("Idempotency-Key" = String, Header, description = "The same for a retry")),
    request_body = Object,
    responses(
        (status = 201, description = "The profile", body = Object), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem),
        (status = 422, body = Problem), (status = 503, body = Problem),
    )
)]
pub async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    posted: Once<Value>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require(Scope::World)?;
    let request = posted.request(&caller);
    let registered = registered(Arc::clone(&service), posted.body, request.clone());
    let profile = service.turns.run(&request, registered).await?;
    Ok((StatusCode::CREATED, Json(profile)))
}

/// The profile of the world that this request names: found, or registered now.
async fn registered(service: Arc<Service>, profile: Value, request: RequestRef) -> Result<Value, ApiError> {
    if let Some(Resource::World(id)) = service.ledger.repeated(&request)? {
        let profile = service.ledger.read(|state| state.worlds.get(&id).cloned());
        return profile
            .ok_or_else(|| ApiError::internal("a request names a world that the journal does not have"));
    }
    let bytes = serde_json::to_vec(&profile).map_err(ApiError::internal)?;
    WorldProfile::parse(&bytes)
        .map_err(|error| ApiError::new(Code::Unprocessable, format!("{}: {error}", error.code())))?;
    let answer = profile.clone();
    super::blocking(&service, move |service| {
        service.admit()?;
        service
            .ledger
            .command(move |_| Ok(vec![Record::WorldAdded { request, profile }]))
    })
    .await?;
    Ok(answer)
}

/// One world's profile.
#[utoipa::path(
    get, path = "/v1/worlds/{id}", tag = "worlds", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, description = "`unknown_world`", body = Problem))
)]
pub async fn show(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    service
        .ledger
        .read(|state| state.worlds.get(&id).cloned())
        .map(Json)
        .ok_or_else(|| unknown(&id))
}

/// All worlds.
#[utoipa::path(
    get, path = "/v1/worlds", tag = "worlds", params(super::ListQuery),
    responses((status = 200, body = Page<Object>), (status = 400, body = Problem))
)]
pub async fn list(
    State(service): State<Arc<Service>>,
    super::Query(query): super::Query<super::ListQuery>,
) -> Result<Json<Page<Value>>, ApiError> {
    let as_of = crate::provenance::as_of(&service);
    let after = query.after("worlds", |text| Some(text.to_owned()))?;
    let ids: Vec<String> = service.ledger.read(|state| {
        state
            .worlds
            .keys()
            .filter(|id| after.as_ref().is_none_or(|after| *id > after))
            .cloned()
            .collect()
    });
    let (ids, next_cursor) = query.cut("worlds", ids)?;
    let items = service.ledger.read(|state| {
        ids.iter()
            .filter_map(|id| state.worlds.get(id).cloned())
            .collect()
    });
    Ok(Json(Page {
        items,
        next_cursor,
        as_of,
    }))
}

/// The profile of a world, checked when it was registered.
pub(crate) fn profile(service: &Service, id: &str) -> Result<WorldProfile, ApiError> {
    let profile = service
        .ledger
        .read(|state| state.worlds.get(id).cloned())
        .ok_or_else(|| unknown(id))?;
    let bytes = serde_json::to_vec(&profile).map_err(ApiError::internal)?;
    WorldProfile::parse(&bytes).map_err(ApiError::internal)
}

fn unknown(id: &str) -> ApiError {
    let shown: String = id.chars().take(64).collect();
    ApiError::new(
        Code::UnknownWorld,
        format!("no world {shown:?}; register its profile with POST /v1/worlds"),
    )
}
