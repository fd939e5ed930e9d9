//! What every request passes through: limits, time, the reader's language, and the catch for our own defects.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{Any, CorsLayer};

use crate::error::{ApiError, Code, Language, PendingProblem};

/// Requests served at once; more are told to come back.
pub const MAX_REQUESTS_AT_ONCE: usize = 512;
/// Longest time a request may take until its answer begins.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
/// Longest time an upload may take until its answer begins; its body has limits of its own, which are shorter.
pub const UPLOAD_DEADLINE: Duration = Duration::from_hours(2);
/// Longest path and query, in bytes.
pub const MAX_URI_BYTES: usize = 4_096;
/// Most header fields of a request.
pub const MAX_HEADER_FIELDS: usize = 64;
/// Names and values of a request's header fields, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;

/// Puts the layers around the routes; the last one here is the outermost.
pub(super) fn wrap(router: Router) -> Router {
    let places = Arc::new(Semaphore::new(MAX_REQUESTS_AT_ONCE));
    router
        // Bodies have limits of their own, each named by its route.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(deadline))
        .layer(from_fn_with_state(places, limit))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!("a handler panicked");
            ApiError::new(Code::Internal, "").into_response()
        }))
        .layer(from_fn(only_problems))
        .layer(from_fn(language))
        .layer(from_fn(close_after_chunks))
        .layer(
            // Everything that can be read without a key is public; keys never travel by cookie.
            CorsLayer::new()
                .allow_origin(Any)
                .allow_methods(Any)
                .allow_headers([
                    header::AUTHORIZATION,
                    header::CONTENT_TYPE,
                    header::RANGE,
                    HeaderName::from_static("idempotency-key"),
                    HeaderName::from_static("content-digest"),
                ]),
        )
        .layer(from_fn(measure))
}

async fn limit(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    if request
        .uri()
        .path_and_query()
        .is_some_and(|uri| uri.as_str().len() > MAX_URI_BYTES)
    {
        let detail = format!("path and query take at most {MAX_URI_BYTES} bytes");
        return ApiError::new(Code::InvalidParameter, detail).into_response();
    }
    let headers = request.headers();
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if headers.len() > MAX_HEADER_FIELDS || bytes > MAX_HEADER_BYTES {
        let detail = format!(
            "{} header fields with {bytes} bytes; at most {MAX_HEADER_FIELDS} with {MAX_HEADER_BYTES} bytes are read",
            headers.len()
        );
        return ApiError::new(Code::HeadersTooLarge, detail).into_response();
    }
    if let Ok(_place) = places.try_acquire() {
        return next.run(request).await;
    }
    metrics::counter!("vestiary_http_shed_total").increment(1);
    ApiError::new(
        Code::Overloaded,
        "too many requests are being served; try again in a second",
    )
    .retry_after(1)
    .into_response()
}

async fn deadline(request: Request, next: Next) -> Response {
    let longest = if request.uri().path() == "/v1/files" {
        UPLOAD_DEADLINE
    } else {
        REQUEST_DEADLINE
    };
    tokio::time::timeout(longest, next.run(request))
        .await
        .unwrap_or_else(|_| {
            let detail = "what was begun goes on; ask again with the same Idempotency-Key";
            ApiError::new(Code::Timeout, detail).into_response()
        })
}

/// A failure that something else than a handler of ours answered, such as a page of the documentation that is not
/// there, becomes a problem too. `/readyz` answers 503 with what is not ready.
async fn only_problems(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let response = next.run(request).await;
    let ours = response.extensions().get::<PendingProblem>().is_some();
    if ours || response.status().as_u16() < 400 || path == "/readyz" {
        return response;
    }
    let status = response.status();
    let code = Code::ALL
        .iter()
        .copied()
        .find(|code| code.status() == status && GENERAL.contains(code));
    match code {
        Some(code) => {
            let shown: String = path.chars().take(100).collect();
            ApiError::new(code, format!("{shown}; see /docs")).into_response()
        }
        None => ApiError::internal(format!("{path} answered {status} without a problem")).into_response(),
    }
}

/// What a status means where nothing more is known.
const GENERAL: [Code; 7] = [
    Code::InvalidParameter,
    Code::NotFound,
    Code::MethodNotAllowed,
    Code::TooLarge,
    Code::UnsupportedMediaType,
    Code::RangeNotSatisfiable,
    Code::NotReady,
];

/// Ends the connection after a body in chunks (RFC 9112, 6.1): where a proxy in front believed a `Content-Length`
/// beside it, what it takes for the next request is never read as one.
async fn close_after_chunks(request: Request, next: Next) -> Response {
    let chunked = request.headers().contains_key(header::TRANSFER_ENCODING);
    let mut response = next.run(request).await;
    if chunked {
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Says a problem in the reader's language.
async fn language(request: Request, next: Next) -> Response {
    let language = Language::from_header(request.headers().get(header::ACCEPT_LANGUAGE));
    let mut response = next.run(request).await;
    let Some(PendingProblem(pending)) = response.extensions_mut().remove::<PendingProblem>() else {
        return response;
    };
    let problem = pending.lock().ok().and_then(|mut problem| problem.take());
    match problem {
        Some(problem) if language != Language::En => {
            let mut said = problem.into_response_in(language);
            for kept in [header::CONTENT_RANGE, header::ALLOW] {
                if let Some(value) = response.headers().get(&kept) {
                    said.headers_mut().insert(kept, value.clone());
                }
            }
            said
        }
        _ => response,
    }
}

/// Counts and times; logs one line a request, with the route instead of the path, which may hold an address.
async fn measure(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let mut response = next.run(request).await;
    let (seconds, status) = (begun.elapsed().as_secs_f64(), response.status().as_u16());
    metrics::counter!("vestiary_http_requests_total", "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    metrics::histogram!("vestiary_http_request_seconds", "route" => route.clone()).record(seconds);
    tracing::debug!(%method, route, status, seconds, "request");
    response
        .headers_mut()
        .entry(header::X_CONTENT_TYPE_OPTIONS)
        .or_insert(HeaderValue::from_static("nosniff"));
    response
}
