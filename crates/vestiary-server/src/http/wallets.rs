//! `/v1/wallets/{address}/wearables` and `/v1/wearables/query`: the question worlds ask.

use std::sync::Arc;

use alloy_primitives::B256;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use vestiary::ids::{AccountId, WearableId, parse_address};
use vestiary::inventory::Inventory;
use vestiary::timestamp::Timestamp;

use super::extract::{Json as Body, Path};
use super::worlds;
use crate::error::{ApiError, Code, Language, Problem};
use crate::inventory::{self, Question};
use crate::service::Service;

/// How many wallets one query asks for at most.
pub const MAX_WALLETS_PER_QUERY: usize = 100;

/// What is asked.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WearablesQuery {
    /// The world that asks: wearables come with a file it can load, or the reason why none is.
    pub world: Option<String>,
    /// Only wearables of this slot, and those whose slot is unknown.
    pub slot: Option<String>,
    /// `en` or `fr`.
    pub lang: Option<String>,
    /// How many wearables, 1 to 200; 50 when nobody says.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// What a wallet may wear, at a block. An empty list that says `complete: yes` is empty; nothing is ever silently
/// left out. On `unknown` a world keeps what it shows until `keep_until`.
#[utoipa::path(
    get, path = "/v1/wallets/{address}/wearables", tag = "worlds",
    params(("address" = String, Path, description = "CAIP-10 in lower case, percent-encoded, or 0x…"), WearablesQuery),
    responses(
        (status = 200, description = "The inventory answer", body = Object),
        (status = 304, description = "Nothing changed: the answer with this `ETag` holds as of now"),
        (status = 400, body = Problem), (status = 404, description = "`unknown_world`", body = Problem),
    )
)]
pub async fn wearables(
    State(service): State<Arc<Service>>,
    Path(address): Path<String>,
    super::Query(query): super::Query<WearablesQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let question = question(&service, &address, &query, &headers)?;
    let answer = super::blocking(&service, move |service| inventory::answer(service, &question)).await?;
    let body = serde_json::to_vec(&answer).map_err(ApiError::internal)?;
    let etag = etag(answer)?;
    let etag_value = HeaderValue::from_str(&etag).map_err(ApiError::internal)?;
    let common = [
        (header::ETAG, etag_value),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::VARY, HeaderValue::from_static("accept-language")),
    ];
    if super::files::names_etag(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((common, json, body).into_response())
}

/// A weak tag over what is answered, without the times, block and log size it is answered as of: these move while
/// nothing that a world shows does. 304 says that the last answer holds as of now.
fn etag(mut answer: Inventory) -> Result<String, ApiError> {
    let none = Timestamp::new(0).expect("1970 is a year");
    (answer.fresh_until, answer.keep_until) = (none, none);
    answer.log.size = 0;
    for as_of in &mut answer.as_of {
        (as_of.block, as_of.lag_s, as_of.time) = (0, 0, none);
        as_of.hash = B256::ZERO;
    }
    for wearable in &mut answer.wearables {
        wearable.last_known.block = wearable.last_known.block.map(|_| 0);
    }
    let bytes = serde_json::to_vec(&answer).map_err(ApiError::internal)?;
    let digest = vestiary::digest::Sha256::of(&bytes).hex();
    Ok(format!("W/\"{}\"", &digest[..32]))
}

fn question(
    service: &Service,
    address: &str,
    query: &WearablesQuery,
    headers: &HeaderMap,
) -> Result<Question, ApiError> {
    let wallet = wallet(service, address)?;
    let world = query
        .world
        .as_deref()
        .map(|world| worlds::profile(service, world))
        .transpose()?;
    let slot = query.slot.as_deref().map(inventory::parse_slot).transpose()?;
    let language = match query.lang.as_deref() {
        None => Language::from_header(headers.get(header::ACCEPT_LANGUAGE)),
        Some("en") => Language::En,
        Some("fr") => Language::Fr,
        Some(_) => {
            return Err(ApiError::new(
                Code::InvalidParameter,
                "lang: en and fr are spoken here",
            ));
        }
    };
    let paging = super::ListQuery {
        limit: query.limit,
        cursor: query.cursor.clone(),
    };
    let fingerprint = Question::fingerprint(
        &wallet.to_string(),
        query.world.as_deref().unwrap_or_default(),
        query.slot.as_deref().unwrap_or_default(),
    );
    Ok(Question {
        wallet: wallet.address,
        world,
        slot,
        language,
        limit: paging.limit()?,
        after: paging.after(&fingerprint, |key| key.parse::<WearableId>().ok())?,
    })
}

/// Reads a wallet: CAIP-10, or a bare address of this service's chain.
fn wallet(service: &Service, text: &str) -> Result<AccountId, ApiError> {
    let malformed =
        |error: &dyn std::fmt::Display| ApiError::new(Code::MalformedId, format!("address: {error}"));
    if text.starts_with("0x") {
        return parse_address(text)
            .map(|address| service.account(address))
            .map_err(|error| malformed(&error));
    }
    let account: AccountId = text.parse().map_err(|error| malformed(&error))?;
    if account.chain != service.deployment.chain {
        let detail = format!(
            "{} is not served here, {} is",
            account.chain, service.deployment.chain
        );
        return Err(ApiError::new(Code::InvalidParameter, detail));
    }
    Ok(account)
}

/// `POST /v1/wearables/query`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletsQuery {
    /// Up to 100 wallets, CAIP-10 or 0x….
    pub wallets: Vec<String>,
    /// The world that asks, "" for none.
    #[serde(default)]
    pub world: String,
    /// Only this slot and what may be of it, for its slot is unknown; "" for all.
    #[serde(default)]
    pub slot: String,
}

/// Answers of several wallets.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WalletsAnswer {
    /// One inventory a wallet, in the order asked; each is the first page.
    #[schema(value_type = Vec<Object>)]
    pub inventories: Vec<Inventory>,
}

/// The same for up to 100 wallets at once; addresses stay out of URLs and their logs.
#[utoipa::path(
    post, path = "/v1/wearables/query", tag = "worlds", request_body = WalletsQuery,
    responses(
        (status = 200, body = WalletsAnswer), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 413, body = Problem), (status = 422, body = Problem),
    )
)]
pub async fn query(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Body(body): Body<WalletsQuery>,
) -> Result<Json<WalletsAnswer>, ApiError> {
    if body.wallets.is_empty() || body.wallets.len() > MAX_WALLETS_PER_QUERY {
        let detail = format!(
            "ask for 1 to {MAX_WALLETS_PER_QUERY} wallets, not {}",
            body.wallets.len()
        );
        return Err(ApiError::new(Code::Unprocessable, detail));
    }
    let wanted = WearablesQuery {
        world: Some(body.world).filter(|world| !world.is_empty()),
        slot: Some(body.slot).filter(|slot| !slot.is_empty()),
        limit: Some(200),
        ..WearablesQuery::default()
    };
    let questions = body
        .wallets
        .iter()
        .map(|wallet| question(&service, wallet, &wanted, &headers))
        .collect::<Result<Vec<_>, _>>()?;
    let inventories = super::blocking(&service, move |service| {
        questions
            .iter()
            .map(|question| inventory::answer(service, question))
            .collect()
    })
    .await?;
    Ok(Json(WalletsAnswer { inventories }))
}
