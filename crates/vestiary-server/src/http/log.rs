//! `/log/…`: the public log as C2SP tlog-tiles, byte for byte the files on disk.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::extract::Path;
use crate::error::{ApiError, Problem};
use crate::service::Service;

/// The newest checkpoint: a signed note. Changes; everything else under `/log/` does not.
#[utoipa::path(
    get, path = "/log/checkpoint", tag = "log",
    responses((status = 200, content_type = "text/plain", body = String), (status = 503, body = Problem))
)]
pub async fn checkpoint(State(service): State<Arc<Service>>) -> Result<Response, ApiError> {
    let published = service
        .log_reader
        .published()
        .map_err(|error| service.log_error(&error))?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((headers, published.bytes.clone()).into_response())
}

/// A hash tile or, under `entries/`, a bundle of entries; partial ones end in `.p/<width>`.
#[utoipa::path(
    get, path = "/log/tile/{path}", tag = "log", params(("path" = String, Path, description = "e.g. `0/x001/234.p/7`")),
    responses(
        (status = 200, content_type = "application/octet-stream"), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 503, body = Problem),
    )
)]
pub async fn tile(
    State(service): State<Arc<Service>>,
    Path(path): Path<String>,
) -> Result<Response, ApiError> {
    let full = format!("tile/{path}");
    let bytes = super::blocking(&service, move |service| {
        service.log_reader.file(&full).map_err(|error| match error {
            vestiary_log::LogError::NotPublished { .. } => ApiError::not_found(&full),
            error => service.log_error(&error),
        })
    })
    .await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, bytes).into_response())
}
