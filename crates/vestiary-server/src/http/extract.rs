//! What a handler asks of a request before it runs: who calls, with which body, under which idempotency key.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, Method, header, request::Parts};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use vestiary::digest::Sha256;
use vestiary::ids::IssuerId;
use vestiary::json;

use crate::api_key::{PresentedKey, Scope, StoredKey};
use crate::error::{ApiError, Code};
use crate::journal::RequestRef;
use crate::service::Service;

/// Largest JSON body of an ordinary request, in bytes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// Largest JSON body of `POST /v1/batches`, in bytes.
pub const MAX_BATCH_BODY_BYTES: usize = 8 * 1024 * 1024;
/// Longest `Idempotency-Key`, in bytes.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;

/// The caller, known by its API key.
#[derive(Clone, Debug)]
pub struct Caller(pub StoredKey);

impl Caller {
    /// Refuses unless the key has `scope`.
    pub fn require(&self, scope: Scope) -> Result<(), ApiError> {
        if self.0.allows(scope) {
            return Ok(());
        }
        Err(ApiError::new(
            Code::Forbidden,
            format!("this route needs a key with the scope {scope:?}").to_lowercase(),
        ))
    }

    /// Refuses unless the key may act for `issuer`.
    pub fn require_issuer(&self, issuer: IssuerId) -> Result<(), ApiError> {
        self.require(Scope::Issue)?;
        if self.0.acts_for(issuer) {
            return Ok(());
        }
        Err(ApiError::new(
            Code::Forbidden,
            format!("this API key does not act for issuer {issuer}"),
        ))
    }
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, ApiError> {
        // One answer for absent, malformed, unknown and wrong: nothing to learn from the difference.
        let refuse = || {
            ApiError::new(
                Code::Unauthorized,
                "send `Authorization: Bearer vst_…` with a key that is in force",
            )
        };
        let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(refuse());
        };
        let presented = value
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("Bearer "))
            .and_then(PresentedKey::parse)
            .ok_or_else(refuse)?;
        let stored = service
            .ledger
            .read(|state| state.api_keys.get(&presented.id).cloned());
        stored
            .filter(|stored| stored.matches(&presented))
            .map(Self)
            .ok_or_else(refuse)
    }
}

/// The names in a path, refused with a problem instead of plain text.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(names)| Self(names))
            .map_err(|error| {
                let detail = format!("{}; write each name percent-encoded, in UTF-8", error.body_text());
                ApiError::new(Code::MalformedId, detail)
            })
    }
}

/// A JSON body of at most `MAX` bytes, strictly parsed.
#[derive(Debug)]
pub struct Json<T, const MAX: usize = MAX_BODY_BYTES>(pub T);

impl<T: DeserializeOwned, const MAX: usize> FromRequest<Arc<Service>> for Json<T, MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, ApiError> {
        let bytes = read_body::<MAX>(request, service).await?;
        Ok(Self(parse::<T>(&bytes, MAX)?))
    }
}

/// A JSON body with the `Idempotency-Key` it came under.
#[derive(Debug)]
pub struct Once<T, const MAX: usize = MAX_BODY_BYTES> {
    /// The body.
    pub body: T,
    /// The key's and the body's hashes. The API key is mixed in by [`Once::request`].
    idempotency_key: String,
    body_sha256: Sha256,
}

impl<T, const MAX: usize> Once<T, MAX> {
    /// The request's identity for this caller: two callers never share idempotency keys.
    pub fn request(&self, caller: &Caller) -> RequestRef {
        let text = format!("{}\n{}", caller.0.id.0, self.idempotency_key);
        RequestRef {
            key_sha256: Sha256::of(text.as_bytes()),
            body_sha256: self.body_sha256,
        }
    }
}

impl<T: DeserializeOwned, const MAX: usize> FromRequest<Arc<Service>> for Once<T, MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, ApiError> {
        let idempotency_key = idempotency_key(request.headers())?;
        let prefix = route_prefix(request.method(), request.uri().path());
        let bytes = read_body::<MAX>(request, service).await?;
        let body = parse::<T>(&bytes, MAX)?;
        let body_sha256 = Sha256::of(&[prefix.as_bytes(), &bytes].concat());
        Ok(Self {
            body,
            idempotency_key,
            body_sha256,
        })
    }
}

/// What is hashed before the body, so that one key cannot serve two routes.
fn route_prefix(method: &Method, path: &str) -> String {
    format!("{method} {path}\n")
}

/// The `Idempotency-Key` header: 1 to [`MAX_IDEMPOTENCY_KEY_BYTES`] visible ASCII characters.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut values = headers.get_all("idempotency-key").iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        let detail = "send exactly one Idempotency-Key header, the same one when you try again";
        return Err(ApiError::new(Code::IdempotencyKeyMissing, detail));
    };
    match value.to_str() {
        Ok(text)
            if (1..=MAX_IDEMPOTENCY_KEY_BYTES).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(text.to_owned())
        }
        _ => Err(ApiError::new(
            Code::InvalidParameter,
            format!("Idempotency-Key takes 1 to {MAX_IDEMPOTENCY_KEY_BYTES} visible ASCII characters"),
        )),
    }
}

async fn read_body<const MAX: usize>(request: Request, service: &Service) -> Result<Bytes, ApiError> {
    let media_type = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = media_type
        .and_then(|text| text.split(';').next())
        .unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return Err(ApiError::new(
            Code::UnsupportedMediaType,
            "send Content-Type: application/json",
        ));
    }
    let longest = Duration::from_secs(service.config.connections.body_timeout_s);
    read_limited(request, MAX, longest, longest).await
}

/// Reads a body of at most `max` bytes; a longer one is refused by its announced length where it has one. It has to
/// be here after `longest`, with no pause longer than `pause`.
pub(crate) async fn read_limited(
    request: Request,
    max: usize,
    longest: Duration,
    pause: Duration,
) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::new(Code::TooLarge, format!("this route reads at most {max} bytes"));
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok());
    if declared
        .and_then(|text| text.parse::<u64>().ok())
        .is_some_and(|length| length > max as u64)
    {
        return Err(too_large());
    }
    let late = |read: usize| {
        let detail = format!(
            "only {read} bytes of the body came; it may take {} s in all and pause for {} s",
            longest.as_secs(),
            pause.as_secs()
        );
        metrics::counter!("vestiary_http_timeouts_total", "what" => "body").increment(1);
        ApiError::new(Code::RequestTimeout, detail)
    };
    let until = Instant::now() + longest;
    let mut pieces = request.into_body().into_data_stream();
    let mut bytes = Vec::new();
    loop {
        let left = until.saturating_duration_since(Instant::now()).min(pause);
        let Ok(piece) = tokio::time::timeout(left, pieces.next()).await else {
            return Err(late(bytes.len()));
        };
        let piece = match piece {
            None => return Ok(bytes.into()),
            Some(Ok(piece)) => piece,
            Some(Err(_)) => {
                let detail = "the body ended before its announced length, or is not chunked as it says";
                return Err(ApiError::new(Code::InvalidBody, detail));
            }
        };
        if piece.len() > max - bytes.len() {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, ApiError> {
    json::from_slice_strict(bytes, max)
        .map_err(|error| ApiError::new(Code::InvalidBody, format!("{}: {error}", error.code())))
}
