//! `/v1/wearables/{id}`: one wearable, its papers, its history, its proof.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use vestiary::ids::WearableId;
use vestiary::inventory::Entry;
use vestiary::roots::Roots;
use vestiary::verify::{DEFAULT_REQUIRE, Expectations, verify_certificate};
use vestiary::world::fit;

use super::extract::{Json as Body, Path};
use super::worlds;
use crate::api::AsOf;
use crate::error::{ApiError, Code, Problem};
use crate::inventory;
use crate::provenance::{self, Provenance};
use crate::service::Service;

/// Reads the path's id: a wearable of the chain served here.
pub(super) fn parse(service: &Service, text: &str) -> Result<WearableId, ApiError> {
    let id: WearableId = text
        .parse()
        .map_err(|error| ApiError::new(Code::MalformedId, format!("wearable: {error}")))?;
    if id.collection.chain != service.deployment.chain {
        let detail = format!(
            "{} is not served here, {} is",
            id.collection.chain, service.deployment.chain
        );
        return Err(ApiError::new(Code::InvalidParameter, detail));
    }
    Ok(id)
}

/// What is asked of a wearable.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WearableQuery {
    /// The world that asks, if one does.
    pub world: Option<String>,
}

/// A wearable, its owner and what may be done with it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WearableView {
    /// As in the inventory answer.
    #[schema(value_type = Object)]
    pub wearable: Entry,
    /// The owner, CAIP-10; "" once burned.
    pub owner: String,
    /// Whether it is destroyed.
    pub burned: bool,
    /// SHA-256 of the certificate, as the chain has it.
    pub certificate_digest: String,
    /// Whether its status speaks against a sale.
    pub sale_blocked: bool,
    /// What the answer describes.
    pub as_of: AsOf,
}

/// One wearable. 404 until it is minted; its certificate can be there before.
#[utoipa::path(
    get, path = "/v1/wearables/{id}", tag = "wearables",
    params(("id" = String, Path, description = "CAIP-19 asset id, percent-encoded"), WearableQuery),
    responses((status = 200, body = WearableView), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub async fn show(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    super::Query(query): super::Query<WearableQuery>,
) -> Result<Json<WearableView>, ApiError> {
    let id = parse(&service, &id)?;
    let world = query
        .world
        .as_deref()
        .map(|world| worlds::profile(&service, world))
        .transpose()?;
    let view = super::blocking(&service, move |service| {
        let (wearable, token, as_of) = inventory::one(service, &id, world.as_ref())?
            .ok_or_else(|| service.not_on_chain(Code::NotFound, format!("{id} is not minted")))?;
        let burned = token.flags & vestiary_mirror::FLAG_BURNED != 0;
        Ok(WearableView {
            sale_blocked: inventory::blocks_sale(&wearable),
            wearable,
            owner: if burned {
                String::new()
            } else {
                service.account(token.owner).to_string()
            },
            burned,
            certificate_digest: token.certificate_digest.to_string(),
            as_of: provenance::as_of_view(service, &as_of),
        })
    })
    .await?;
    Ok(Json(view))
}

/// The certificate: a W3C verifiable credential with its proof, exactly as it was signed.
#[utoipa::path(
    get, path = "/v1/wearables/{id}/certificate", tag = "wearables", params(("id" = String, Path)),
    responses((status = 200, content_type = "application/vc", body = Object), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub async fn certificate(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = parse(&service, &id)?;
    let bytes = super::blocking(&service, move |service| service.certificate(&id)).await?;
    let bytes = bytes.ok_or_else(|| ApiError::not_found(format!("a certificate of {id}")))?;
    Ok(([(header::CONTENT_TYPE, "application/vc")], bytes).into_response())
}

/// Everything that happened to it, each step with where to check it.
#[utoipa::path(
    get, path = "/v1/wearables/{id}/provenance", tag = "wearables", params(("id" = String, Path)),
    responses((status = 200, body = Provenance), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub async fn provenance(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<Provenance>, ApiError> {
    let id = parse(&service, &id)?;
    Ok(Json(
        super::blocking(&service, move |service| provenance::of(service, &id)).await?,
    ))
}

/// The proof that the certificate's statement is in the log: a C2SP tlog-proof, the statement in its extra line.
#[utoipa::path(
    get, path = "/v1/wearables/{id}/proof", tag = "wearables", params(("id" = String, Path)),
    responses((status = 200, content_type = "text/plain", body = String), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub async fn proof(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = parse(&service, &id)?;
    let bytes = super::blocking(&service, move |service| provenance::log_proof(service, &id)).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], bytes).into_response())
}

/// The file of a wearable for one world, as a redirect to its immutable address.
#[utoipa::path(
    get, path = "/v1/wearables/{id}/representations/{profile}", tag = "wearables",
    params(("id" = String, Path), ("profile" = String, Path, description = "A world's id, or the profile a file was made for")),
    responses(
        (status = 307, description = "`Location` is the file"), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 422, description = "Why the world can load none", body = Problem),
    )
)]
pub async fn representation(
    State(service): State<Arc<Service>>,
    Path((id, profile)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let id = parse(&service, &id)?;
    let location = super::blocking(&service, move |service| {
        let design = service
            .design_of(&id)?
            .ok_or_else(|| ApiError::not_found(format!("a design of {id}")))?;
        let made_for = design
            .document
            .representations
            .iter()
            .find(|file| file.profile == profile);
        if let Some(file) = made_for {
            return Ok(format!("/files/{}", file.cid));
        }
        let world = worlds::profile(service, &profile)?;
        match fit(&world, design.document.slot, &design.document.representations) {
            vestiary::world::Fit::Exact(file) | vestiary::world::Fit::Fallback(file) => {
                Ok(format!("/files/{}", file.cid))
            }
            vestiary::world::Fit::Nothing(reasons) => {
                let texts: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                Err(ApiError::new(Code::Unprocessable, texts.join("; ")))
            }
        }
    })
    .await?;
    let location = HeaderValue::from_str(&location).map_err(ApiError::internal)?;
    Ok((StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, location)]).into_response())
}

/// `POST /v1/verify`.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyBody {
    /// The certificate, as text: its exact bytes count.
    pub certificate: String,
    /// The tlog-proof, "" if there is none.
    #[serde(default)]
    pub proof: String,
    /// The reader's trust roots (TOML), "" for none: then nothing about issuer and log can pass.
    #[serde(default)]
    pub roots: String,
}

/// What was found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VerifyAnswer {
    /// Whether signature, issuer and log passed and nothing failed.
    pub accepted: bool,
    /// Each check: passed, failed or unknown, with reason and inputs.
    #[schema(value_type = Object)]
    pub report: Value,
}

/// Verifies papers. The same code as `vestiary verify`, which needs no service and no network: prefer that.
#[utoipa::path(
    post, path = "/v1/verify", tag = "auditors", request_body = VerifyBody,
    responses((status = 200, body = VerifyAnswer), (status = 400, body = Problem), (status = 413, body = Problem), (status = 422, body = Problem))
)]
pub async fn verify(Body(body): Body<VerifyBody>) -> Result<Json<VerifyAnswer>, ApiError> {
    let roots = match body.roots.as_str() {
        "" => None,
        text => Some(Roots::parse(text.as_bytes()).map_err(|error| {
            ApiError::new(Code::Unprocessable, format!("roots: {}: {error}", error.code()))
        })?),
    };
    let proof = Some(body.proof.as_bytes()).filter(|proof| !proof.is_empty());
    let report = verify_certificate(
        body.certificate.as_bytes(),
        proof,
        roots.as_ref(),
        &Expectations::default(),
    );
    let accepted = report.accepts(&DEFAULT_REQUIRE);
    Ok(Json(VerifyAnswer {
        accepted,
        report: serde_json::to_value(&report).map_err(ApiError::internal)?,
    }))
}
