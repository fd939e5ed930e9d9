//! `/v1/designs`: what may be worn.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;
use vestiary::design::{Design, Format, Representation};
use vestiary::digest::Sha256;
use vestiary::ids::{CollectionId, DesignId, Edition};
use vestiary::slot::Slot;
use vestiary::statement::DesignStatement;
use vestiary_worlds::{Declared, preflight, representation};

use super::extract::{Caller, Once, Path};
use super::files::file_error;
use crate::api::{DesignView, NewDesign, NewRepresentation, Page};
use crate::error::{ApiError, Code, Problem, ProblemItem};
use crate::issuing::{intents, statements};
use crate::journal::{Record, RequestRef, Resource};
use crate::service::Service;

/// Media type of the files that are measured.
const GLB: &str = "model/gltf-binary";
/// Media type of thumbnails.
const PNG: &str = "image/png";

/// Registers a design: measures its files, fixes the design document, logs the issuer's signed statement.
#[utoipa::path(
    post, path = "/v1/designs", tag = "designs", security(("api_key" = [])),
    params(("Idempotency-Key" = String, Header, description = "The same for a retry")),
    request_body = NewDesign,
    responses(
        (status = 201, body = DesignView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 422, description = "Every reason is listed", body = Problem), (status = 503, body = Problem),
    )
)]
pub async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    posted: Once<NewDesign>,
) -> Result<(StatusCode, Json<DesignView>), ApiError> {
    let request = posted.request(&caller);
    let registered = registered(Arc::clone(&service), caller, posted.body, request.clone());
    let view = service.turns.run(&request, registered).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// The design of this request: found, or registered now and in the log.
async fn registered(
    service: Arc<Service>,
    caller: Caller,
    body: NewDesign,
    request: RequestRef,
) -> Result<DesignView, ApiError> {
    let key = match service.ledger.repeated(&request)? {
        Some(Resource::Design(collection, design_id)) => (collection, design_id),
        Some(_) => {
            return Err(ApiError::internal(
                "an idempotency key of this route names something else",
            ));
        }
        None => {
            super::blocking(&service, move |service| {
                register(service, &caller, &body, request)
            })
            .await?
        }
    };
    let intent = service
        .ledger
        .read(|state| state.designs.get(&key).map(|design| design.intent.clone()));
    intents::finish(
        &service,
        &intent.ok_or_else(|| ApiError::not_found("the design"))?,
    )
    .await?;
    super::blocking(&service, move |service| view(service, key.0, key.1)).await
}

/// Checks everything, keeps the document, records the design with the intent to log it.
fn register(
    service: &Service,
    caller: &Caller,
    body: &NewDesign,
    request: RequestRef,
) -> Result<(CollectionId, DesignId), ApiError> {
    let collection = super::collections::parse(&body.collection)?;
    let issuer_id = service
        .ledger
        .read(|state| state.collections.get(&collection).copied())
        .ok_or_else(|| ApiError::not_found(collection))?;
    caller.require_issuer(issuer_id)?;
    let document = document(service, body)?;
    let refuse = |error: vestiary::design::DesignError| {
        ApiError::new(Code::Unprocessable, format!("{}: {error}", error.code()))
    };
    let bytes = document.to_bytes().map_err(refuse)?;
    service.admit()?;
    let digest = Sha256::of(&bytes);
    service
        .content
        .put(
            bytes.as_slice(),
            Declared {
                sha256: Some(digest),
                bytes: None,
            },
        )
        .map_err(file_error)?;

    // The number is the collection's next one: looked at, signed for, and looked at again inside the command.
    let design_id = service.next_design_id(collection)?.ok_or_else(|| {
        let detail = format!("{collection} has a design {}: no number is left", u64::MAX);
        ApiError::new(Code::Unprocessable, detail)
    })?;
    let statement = DesignStatement {
        collection,
        design_id,
        digest,
        edition: document.edition,
        terms: document.terms,
    };
    let intent = statements::design(service, issuer_id, statement)?;
    let recorded = service.ledger.command(move |state| {
        if state.designs.contains_key(&(collection, design_id)) {
            return Err(ApiError::new(
                Code::Conflict,
                "another design was registered just now; try again",
            ));
        }
        Ok(vec![Record::DesignAdded {
            request,
            collection,
            design_id,
            digest,
            intent,
        }])
    });
    if let Err(problem) = recorded {
        // Nobody will see the statement that was signed: the number is free for another document.
        if !service
            .ledger
            .read(|state| state.designs.contains_key(&(collection, design_id)))
        {
            service
                .signing
                .memory()
                .withdraw_design(collection, design_id, digest);
        }
        return Err(problem);
    }
    Ok((collection, design_id))
}

fn document(service: &Service, body: &NewDesign) -> Result<Design, ApiError> {
    let mut reasons = Vec::new();
    let mut add = |pointer: String, code: &str, detail: String| {
        reasons.push(ProblemItem {
            pointer,
            code: code.into(),
            detail,
        });
    };
    let slot_of =
        |pointer: String, text: &str, add: &mut dyn FnMut(String, &str, String)| match text.parse::<Slot>() {
            Ok(slot) => Some(slot),
            Err(error) => {
                add(pointer, error.code(), error.to_string());
                None
            }
        };
    let slot = slot_of("/slot".into(), &body.slot, &mut add);
    let slots = |name: &str, texts: &[String], add: &mut dyn FnMut(String, &str, String)| -> BTreeSet<Slot> {
        let each = texts.iter().take(MAX_SLOTS).enumerate();
        each.filter_map(|(index, text)| slot_of(format!("/{name}/{index}"), text, add))
            .collect()
    };
    let hides = slots("hides", &body.hides, &mut add);
    let replaces = slots("replaces", &body.replaces, &mut add);
    let edition = body.edition.parse::<Edition>();
    if let Err(error) = &edition {
        add("/edition".into(), error.code(), error.to_string());
    }
    if service.content.record(&body.licence.sha256).is_err() {
        let detail = format!("upload the licence text {} first", body.licence.sha256);
        add("/licence/sha256".into(), "file_not_found", detail);
    }
    let mut representations = Vec::new();
    for (index, wanted) in body
        .representations
        .iter()
        .take(vestiary::design::MAX_REPRESENTATIONS + 1)
        .enumerate()
    {
        match measure(service, wanted) {
            Ok(representation) => representations.push(representation),
            Err((code, detail)) => add(format!("/representations/{index}/sha256"), &code, detail),
        }
    }
    let (Some(slot), Ok(edition), true) = (slot, edition, reasons.is_empty()) else {
        let detail = format!(
            "{} things are wrong with the design; nothing was registered",
            reasons.len()
        );
        return Err(ApiError::new(Code::Unprocessable, detail).with_errors(reasons));
    };
    Ok(Design {
        description: body.description.clone(),
        edition,
        format: Format::V1,
        hides,
        licence: body.licence.clone(),
        name: body.name.clone(),
        replaces,
        representations,
        slot,
        terms: body.terms,
    })
}

/// How many slots a design may hide or replace; there are not more.
const MAX_SLOTS: usize = 64;

/// What decides whether an engine can load the file, measured here, never taken from the brand.
fn measure(service: &Service, wanted: &NewRepresentation) -> Result<Representation, (String, String)> {
    let worlds = |error: vestiary_worlds::Error| (error.code().to_owned(), error.to_string());
    let sha256: Sha256 = wanted
        .sha256
        .parse()
        .map_err(|error| ("malformed_digest".to_owned(), format!("{error}")))?;
    let file = service.content.get(&sha256).map_err(worlds)?;
    let record = file.record().clone();
    let metrics = match record.media_type.as_str() {
        GLB => Some(preflight(&file.read().map_err(worlds)?).map_err(worlds)?),
        PNG => None,
        other => {
            let detail = format!("{other} is not something a world shows; use GLB or PNG");
            return Err(("unknown_media_type".into(), detail));
        }
    };
    let mut measured = representation(&wanted.profile, wanted.lod, &record, metrics.as_ref());
    if metrics.is_none() {
        let header = vestiary_worlds::preflight::image_header(&file.read().map_err(worlds)?);
        measured.texture_px = header.map_or(0, |header| header.width_px.max(header.height_px));
    }
    Ok(measured)
}

/// One design.
#[utoipa::path(
    get, path = "/v1/designs/{collection}/{design_id}", tag = "designs",
    params(("collection" = String, Path, description = "CAIP-19 asset type, percent-encoded"), ("design_id" = String, Path)),
    responses((status = 200, body = DesignView), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub async fn show(
    State(service): State<Arc<Service>>,
    Path((collection, design_id)): Path<(String, String)>,
) -> Result<Json<DesignView>, ApiError> {
    let collection = super::collections::parse(&collection)?;
    let design_id: DesignId = design_id
        .parse()
        .map_err(|error| ApiError::new(Code::MalformedId, format!("design_id: {error}")))?;
    Ok(Json(
        super::blocking(&service, move |service| view(service, collection, design_id)).await?,
    ))
}

/// Which designs.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DesignsQuery {
    /// Only those of this collection (CAIP-19 asset type).
    collection: Option<String>,
    /// How many items, 1 to 200; 50 when nobody says.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// All designs registered here.
#[utoipa::path(
    get, path = "/v1/designs", tag = "designs", params(DesignsQuery),
    responses((status = 200, body = Page<DesignView>), (status = 400, body = Problem))
)]
pub async fn list(
    State(service): State<Arc<Service>>,
    super::Query(query): super::Query<DesignsQuery>,
) -> Result<Json<Page<DesignView>>, ApiError> {
    let as_of = crate::provenance::as_of(&service);
    let wanted = query
        .collection
        .as_deref()
        .map(super::collections::parse)
        .transpose()?;
    let scope = format!("designs {}", query.collection.as_deref().unwrap_or_default());
    let paging = super::ListQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let after = paging.after(&scope, |text| {
        let (collection, design_id) = text.rsplit_once(' ')?;
        Some((
            collection.parse::<CollectionId>().ok()?,
            design_id.parse::<DesignId>().ok()?,
        ))
    })?;
    let keys: Vec<Key> = service.ledger.read(|state| {
        let all = state
            .designs
            .keys()
            .filter(|key| after.is_none_or(|after| **key > after));
        all.filter(|(collection, _)| wanted.is_none_or(|wanted| wanted == *collection))
            .copied()
            .map(Key)
            .collect()
    });
    let (keys, next_cursor) = paging.cut(&scope, keys)?;
    let items = super::blocking(&service, move |service| {
        keys.into_iter()
            .map(|Key((collection, design_id))| listed(service, collection, design_id))
            .collect::<Result<_, _>>()
    })
    .await?;
    Ok(Json(Page {
        items,
        next_cursor,
        as_of,
    }))
}

/// A design's place in the list, as the cursor writes it.
struct Key((CollectionId, DesignId));

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0.0, self.0.1)
    }
}

fn view(service: &Service, collection: CollectionId, design_id: DesignId) -> Result<DesignView, ApiError> {
    let design = service.design_blocking(collection, design_id)?;
    let document = serde_json::to_value(&design.document).map_err(ApiError::internal)?;
    view_with(service, collection, design_id, design.digest, document)
}

/// The same in a list, which goes on past a document that cannot be read.
fn listed(service: &Service, collection: CollectionId, design_id: DesignId) -> Result<DesignView, ApiError> {
    let digest = service.design_digest(collection, design_id)?;
    let document = match service.design_blocking(collection, design_id) {
        Ok(design) => serde_json::to_value(&design.document).map_err(ApiError::internal)?,
        Err(error) => {
            tracing::error!(
                %collection, %design_id, %digest, %error,
                "a design is listed without its document; stop the service, then run `vestiary repair`"
            );
            Value::Object(Map::new())
        }
    };
    view_with(service, collection, design_id, digest, document)
}

fn view_with(
    service: &Service,
    collection: CollectionId,
    design_id: DesignId,
    digest: Sha256,
    document: Value,
) -> Result<DesignView, ApiError> {
    let log_index = service.ledger.read(|state| {
        let intent = &state.designs.get(&(collection, design_id))?.intent;
        state
            .logged
            .get(intent)
            .map(|logged| logged.first_index.to_string())
    });
    let shown = crate::views::next_serial_shown(&service.mirror.view(), collection, design_id)?;
    let promised = service
        .ledger
        .read(|state| state.next_serial(collection, design_id));
    Ok(DesignView {
        collection: collection.to_string(),
        design_id: design_id.to_string(),
        digest: digest.to_string(),
        log_index: log_index.unwrap_or_default(),
        next_serial: promised.max(shown).to_string(),
        document,
    })
}
