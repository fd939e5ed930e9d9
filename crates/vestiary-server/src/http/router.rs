//! All routes on one screen, and their description.

use std::sync::Arc;

use axum::extract::OriginalUri;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

use super::description::{Description, describe_failures, name_operations};
use super::{
    api_keys, batches, claims, collections, designs, files, health, issuers, layers, log, metadata, wallets,
    wearables, worlds,
};
use crate::error::{ApiError, Code};
use crate::service::Service;

fn described() -> (Router<Arc<Service>>, utoipa::openapi::OpenApi) {
    let (routes, mut description) = routes();
    name_operations(&mut description);
    describe_failures(&mut description);
    (routes, description)
}

fn routes() -> (Router<Arc<Service>>, utoipa::openapi::OpenApi) {
    OpenApiRouter::with_openapi(Description::openapi())
        // Brands and operators, by API key.
        .routes(routes!(api_keys::create))
        .routes(routes!(api_keys::revoke))
        .routes(routes!(issuers::create, issuers::list))
        .routes(routes!(issuers::show))
        .routes(routes!(collections::create, collections::list))
        .routes(routes!(collections::show))
        .routes(routes!(files::upload))
        .routes(routes!(designs::create, designs::list))
        .routes(routes!(designs::show))
        .routes(routes!(worlds::create, worlds::list))
        .routes(routes!(worlds::show))
        .routes(routes!(batches::create))
        .routes(routes!(batches::show))
        .routes(routes!(batches::sign))
        .routes(routes!(batches::preparation))
        .routes(routes!(batches::file))
        // Players.
        .routes(routes!(claims::create))
        .routes(routes!(claims::show))
        // Worlds.
        .routes(routes!(wallets::wearables))
        .routes(routes!(wallets::query))
        .routes(routes!(wearables::show))
        .routes(routes!(wearables::certificate))
        .routes(routes!(wearables::provenance))
        .routes(routes!(wearables::proof))
        .routes(routes!(wearables::representation))
        .routes(routes!(metadata::token))
        .routes(routes!(metadata::contract))
        .routes(routes!(files::download))
        // Auditors.
        .routes(routes!(wearables::verify))
        .routes(routes!(log::checkpoint))
        // A tile's path has several segments, which a description cannot say.
        .route("/log/tile/{*path}", get(log::tile))
        // Operators.
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .split_for_parts()
}

/// The API's description (`OpenAPI` 3.1).
pub fn openapi() -> utoipa::openapi::OpenApi {
    described().1
}

/// The whole service as one router. `metrics` renders the operator's numbers.
pub fn router(service: Arc<Service>, metrics: PrometheusHandle) -> Router {
    let (routes, description) = described();
    let routes = routes
        .with_state(Arc::clone(&service))
        .route(
            "/metrics",
            get(async move || {
                let (service, metrics) = (Arc::clone(&service), metrics.clone());
                // It looks things up, in memory and in the mirror.
                tokio::task::spawn_blocking(move || service.render_metrics(&metrics))
                    .await
                    .map_err(ApiError::internal)
            }),
        )
        .route("/docs/problems", get(problems))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", description))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method);
    layers::wrap(routes)
}

/// Every code a problem can carry, its status and its titles.
async fn problems() -> impl IntoResponse {
    let all: Vec<_> = Code::ALL
        .iter()
        .map(|code| {
            serde_json::json!({
                "code": code.slug(),
                "status": code.status().as_u16(),
                "en": code.title(crate::error::Language::En),
                "fr": code.title(crate::error::Language::Fr),
            })
        })
        .collect();
    Json(all)
}

async fn nothing_here(OriginalUri(uri): OriginalUri) -> ApiError {
    let path: String = uri.path().chars().take(100).collect();
    ApiError::new(Code::NotFound, format!("there is no route {path}; see /docs"))
}

async fn wrong_method() -> ApiError {
    ApiError::new(Code::MethodNotAllowed, "see /docs for this route's methods")
}
