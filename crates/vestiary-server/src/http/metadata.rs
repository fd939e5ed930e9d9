//! `/metadata/…` and `/contract-metadata/…`: what wallets and marketplaces read (ERC-721, ERC-7572, ERC-4955).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value, json};
use vestiary::ids::{ChainId, CollectionId, TokenId, parse_address};

use super::extract::Path;
use crate::error::{ApiError, Code, Problem};
use crate::service::{Service, mirror_error};

fn collection(service: &Service, chain: &str, address: &str) -> Result<CollectionId, ApiError> {
    let malformed = |error: &dyn std::fmt::Display| ApiError::new(Code::MalformedId, error.to_string());
    let chain: ChainId = format!("eip155:{chain}")
        .parse()
        .map_err(|error| malformed(&error))?;
    if chain != service.deployment.chain {
        return Err(ApiError::not_found(chain));
    }
    // Marketplaces write addresses in mixed case; here it only names a page.
    let address = parse_address(&address.to_ascii_lowercase()).map_err(|error| malformed(&error))?;
    Ok(CollectionId::new(chain, address))
}

/// ERC-721 metadata of one wearable, with a namespace for each representation (ERC-4955).
#[utoipa::path(
    get, path = "/metadata/{chain}/{collection}/{token_id}", tag = "metadata",
    params(("chain" = String, Path, description = "Number of the chain"), ("collection" = String, Path), ("token_id" = String, Path)),
    responses((status = 200, body = Object), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub async fn token(
    State(service): State<Arc<Service>>,
    Path((chain, address, token_id)): Path<(String, String, String)>,
) -> Result<Json<Value>, ApiError> {
    let collection = collection(&service, &chain, &address)?;
    let token_id: TokenId = token_id
        .parse()
        .map_err(|error| ApiError::new(Code::MalformedId, format!("token_id: {error}")))?;
    let id = collection.wearable(token_id);
    let value = super::blocking(&service, move |service| {
        let design = service.design_of(&id)?.ok_or_else(|| ApiError::not_found(id))?;
        let base = &service.config.service.public_url;
        let serial = id.token_id.serial().map(|serial| serial.to_string()).unwrap_or_default();
        let document = &design.document;
        let edition = service.edition_on_chain(&id)?.unwrap_or(document.edition);
        let mut namespaces = Map::new();
        for file in &document.representations {
            namespaces.entry(file.profile.clone()).or_insert_with(|| {
                json!({
                    "uri": format!("ipfs://{}", file.cid), "url": format!("{base}/files/{}", file.cid),
                    "sha256": file.sha256, "media_type": file.media_type, "bytes": file.bytes,
                    "triangles": file.triangles, "texture_px": file.texture_px, "needs": file.needs, "lod": file.lod,
                })
            });
        }
        let path = crate::inventory::percent_encode(&id.to_string());
        let image = document.representations.iter().find(|file| file.media_type == "image/png");
        let model = document.representations.iter().find(|file| file.media_type == "model/gltf-binary");
        let mut value = json!({
            "name": format!("{} #{serial}", document.name),
            "description": document.description,
            "external_url": format!("{base}/v1/wearables/{path}"),
            "attributes": [
                { "trait_type": "slot", "value": document.slot },
                { "trait_type": "serial", "value": serial },
                { "trait_type": "edition", "value": edition },
            ],
            "design": design.digest,
            "licence": document.licence,
            "certificate": format!("{base}/v1/wearables/{path}/certificate"),
            "namespaces": namespaces,
        });
        if let Some(image) = image {
            value["image"] = json!(format!("{base}/files/{}", image.cid));
        }
        if let Some(model) = model {
            value["animation_url"] = json!(format!("{base}/files/{}", model.cid));
        }
        Ok(value)
    })
    .await?;
    Ok(Json(value))
}

/// ERC-7572 metadata of a collection.
#[utoipa::path(
    get, path = "/contract-metadata/{chain}/{collection}", tag = "metadata",
    params(("chain" = String, Path, description = "Number of the chain"), ("collection" = String, Path)),
    responses((status = 200, body = Object), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub async fn contract(
    State(service): State<Arc<Service>>,
    Path((chain, address)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let id = collection(&service, &chain, &address)?;
    let found = service.mirror.view().collection(&id).map_err(mirror_error)?;
    let found = found.ok_or_else(|| ApiError::not_found(id))?;
    let issuer = service
        .ledger
        .read(|state| {
            state
                .issuers
                .get(&found.issuer_id)
                .map(|issuer| issuer.name.clone())
        })
        .unwrap_or_default();
    let description = if issuer.is_empty() {
        String::new()
    } else {
        format!("Certified wearables of {issuer}.")
    };
    Ok(Json(
        json!({ "name": found.name, "symbol": found.symbol, "description": description }),
    ))
}
