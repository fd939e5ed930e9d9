//! `/v1/files` takes files in, `/files/{cid}` gives them out: immutable, with ranges.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType};
use vestiary::digest::Sha256;
use vestiary_worlds::cid::{Cid, UNIXFS_V1_2025};
use vestiary_worlds::content::MAX_FILE_BYTES;
use vestiary_worlds::{Declared, Error as FileError, FileRecord, StoredFile};

use super::extract::{Caller, Path};
use crate::api::FileView;
use crate::api_key::Scope;
use crate::error::{ApiError, Code, Problem};
use crate::service::Service;

/// A file's own bytes in the description: nothing is said of them but their media type. (`Vec<u8>` would promise a JSON
/// list of numbers.)
#[derive(Debug)]
struct FileBytes;

impl utoipa::PartialSchema for FileBytes {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).into()
    }
}

impl utoipa::ToSchema for FileBytes {}

/// Takes in one file: its bytes are the body.
///
/// GLB 2.0, PNG, JSON and plain text, told by their bytes, not by their name. Asking again with the same bytes
/// answers the same. `Content-Digest: sha-256=:<base64>:` (RFC 9530) is checked where it is sent.
#[utoipa::path(
    post, path = "/v1/files", tag = "files", security(("api_key" = [])),
    request_body(content = inline(FileBytes), content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "Stored, or already there", body = FileView),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 413, body = Problem),
        (status = 422, description = "`hash_mismatch` or `invalid_file`", body = Problem),
        (status = 429, description = "`busy`: several files are being taken in", body = Problem),
    )
)]
pub async fn upload(
    State(service): State<Arc<Service>>,
    caller: Caller,
    request: Request,
) -> Result<(StatusCode, Json<FileView>), ApiError> {
    caller.require(Scope::Issue)?;
    service.admit()?;
    let sha256 = declared_digest(request.headers())?;
    let _place = service.uploads.try_acquire().map_err(|_| {
        ApiError::new(
            Code::Busy,
            "several files are being taken in; try again in a second",
        )
        .retry_after(1)
    })?;
    let limit = usize::try_from(MAX_FILE_BYTES).expect("the limit fits in memory");
    let allowed = &service.config.connections;
    let longest = Duration::from_secs(allowed.upload_timeout_s);
    let pause = Duration::from_secs(allowed.body_timeout_s);
    let body = super::extract::read_limited(request, limit, longest, pause).await?;
    let content = Arc::clone(&service.content);
    let record = tokio::task::spawn_blocking(move || {
        let declared = Declared {
            sha256,
            bytes: Some(body.len() as u64),
        };
        content.put(body.as_ref(), declared)
    })
    .await
    .map_err(ApiError::internal)?
    .map_err(file_error)?;
    service.is_whole(&record.sha256);
    Ok((StatusCode::CREATED, Json(view(&record))))
}

/// One file by content id: the bytes never change, so it may be kept for ever.
#[utoipa::path(
    get, path = "/files/{cid}", tag = "files",
    params(("cid" = String, Path, description = "CIDv1 in base32, or `sha256:<64 hex>`")),
    responses(
        (status = 200, description = "The file", content((inline(FileBytes) = "model/gltf-binary"), (inline(FileBytes) = "image/png"), (inline(FileBytes) = "application/json"), (inline(FileBytes) = "text/plain"))),
        (status = 206, description = "The range asked for", content((inline(FileBytes) = "model/gltf-binary"), (inline(FileBytes) = "image/png"), (inline(FileBytes) = "application/json"), (inline(FileBytes) = "text/plain"))),
        (status = 304, description = "`If-None-Match` names it"),
        (status = 404, body = Problem), (status = 416, body = Problem),
    )
)]
pub async fn download(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let content = Arc::clone(&service.content);
    let file = tokio::task::spawn_blocking(move || match name.parse::<Sha256>() {
        Ok(sha256) => content.get(&sha256).map_err(file_error),
        Err(_) => match name.parse::<Cid>() {
            Ok(cid) => content.get_cid(&cid).map_err(file_error),
            Err(_) => Err(ApiError::new(
                Code::MalformedId,
                "ask for a CIDv1 in base32 or for sha256:<64 hex>",
            )),
        },
    })
    .await
    .map_err(ApiError::internal)??;
    respond(service, file, &method, &headers)
}

/// Builds the answer of a `GET` or `HEAD`, ranges and conditions included.
fn respond(
    service: Arc<Service>,
    file: StoredFile,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let record = file.record().clone();
    let etag = format!("\"{}\"", record.cid);
    let mut response = Response::builder()
        .header(header::ETAG, &etag)
        .header(header::CACHE_CONTROL, "public, max-age=31536000, immutable")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        // Whatever a brand uploaded must not run as a page of this host.
        .header(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox");
    if names_etag(headers, &etag) {
        let response = response.status(StatusCode::NOT_MODIFIED).body(Body::empty());
        return response.map_err(ApiError::internal);
    }
    response = response.header(header::CONTENT_TYPE, &record.media_type);
    // Of any other method a range means nothing (RFC 9110, section 14.2).
    let requested = if method == Method::GET {
        requested_range(headers, record.bytes, &etag)
    } else {
        Requested::Whole
    };
    let range = match requested {
        Requested::Whole => 0..record.bytes,
        Requested::Part(range) => {
            let value = format!("bytes {}-{}/{}", range.start, range.end - 1, record.bytes);
            response = response
                .status(StatusCode::PARTIAL_CONTENT)
                .header(header::CONTENT_RANGE, value);
            range
        }
        Requested::Outside => {
            let detail = format!("the file has {} bytes", record.bytes);
            let mut response = ApiError::new(Code::RangeNotSatisfiable, detail).into_response();
            let value =
                HeaderValue::from_str(&format!("bytes */{}", record.bytes)).map_err(ApiError::internal)?;
            response.headers_mut().insert(header::CONTENT_RANGE, value);
            return Ok(response);
        }
    };
    response = response.header(header::CONTENT_LENGTH, range.end - range.start);
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        stream(service, file, range)
    };
    response.body(body).map_err(ApiError::internal)
}

/// Sends a range a verified chunk at a time. A damaged chunk breaks the connection off, so that nobody takes
/// half a file for a whole one. Chunks are read when the one before was taken: no thread waits for a slow reader.
fn stream(service: Arc<Service>, file: StoredFile, range: Range<u64>) -> Body {
    let file = Arc::new(file);
    Body::from_stream(futures_util::stream::try_unfold(range, move |range| {
        let (service, file) = (Arc::clone(&service), Arc::clone(&file));
        async move {
            if range.is_empty() {
                return Ok(None);
            }
            let end = (range.start / CHUNK_BYTES + 1).saturating_mul(CHUNK_BYTES);
            let (now, later) = (range.start..end.min(range.end), end.min(range.end)..range.end);
            let read = move || {
                let read = file.read_range(now);
                read.inspect_err(|error| service.met_damaged(&file.record().sha256, error))
            };
            let chunk = tokio::task::spawn_blocking(read)
                .await
                .map_err(|_| FileError::Source(std::io::Error::other("the reading thread is gone")))??;
            Ok::<_, FileError>(Some((chunk, later)))
        }
    }))
}

/// How much of a file is read at a time: a chunk of the content store, which is checked whole.
const CHUNK_BYTES: u64 = UNIXFS_V1_2025.chunk_bytes as u64;

/// Which part of a file a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// All of it.
    Whole,
    /// These bytes, at least one, all of the file.
    Part(Range<u64>),
    /// Bytes that the file does not have.
    Outside,
}

/// Reads `Range` (RFC 9110 section 14). Several ranges, other units and what cannot be read are answered with
/// the whole file, as the RFC allows; so is a range whose `If-Range` names another file.
pub fn requested_range(headers: &HeaderMap, bytes: u64, etag: &str) -> Requested {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    if text(header::IF_RANGE).is_some_and(|condition| condition != etag) {
        return Requested::Whole;
    }
    let Some(spec) = text(header::RANGE).and_then(|value| value.strip_prefix("bytes=")) else {
        return Requested::Whole;
    };
    let Some((first, last)) = spec.trim().split_once('-').filter(|_| !spec.contains(',')) else {
        return Requested::Whole;
    };
    let number = |digits: &str| -> Option<u64> {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => Requested::Whole,
        (Some(first), _) if first >= bytes => Requested::Outside,
        (Some(first), Some(last)) => Requested::Part(first..last.saturating_add(1).min(bytes)),
        (Some(first), None) if last.is_empty() => Requested::Part(first..bytes),
        (None, Some(0)) if first.is_empty() => Requested::Outside,
        (None, Some(_)) if first.is_empty() && bytes == 0 => Requested::Outside,
        (None, Some(suffix)) if first.is_empty() => Requested::Part(bytes.saturating_sub(suffix)..bytes),
        _ => Requested::Whole,
    }
}

/// Whether `If-None-Match` names this entity tag, or any (RFC 9110 section 13.1.2).
pub fn names_etag(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value == "*"
                || value
                    .split(',')
                    .any(|one| one.trim().trim_start_matches("W/") == etag.trim_start_matches("W/"))
        })
}

/// The SHA-256 of `Content-Digest`, if the header is there.
pub fn declared_digest(headers: &HeaderMap) -> Result<Option<Sha256>, ApiError> {
    let Some(value) = headers.get("content-digest") else {
        return Ok(None);
    };
    let malformed = || {
        ApiError::new(
            Code::InvalidParameter,
            "Content-Digest takes sha-256=:<base64 of 32 bytes>: (RFC 9530)",
        )
    };
    let text = value.to_str().map_err(|_| malformed())?;
    let encoded = text
        .strip_prefix("sha-256=:")
        .and_then(|rest| rest.strip_suffix(':'))
        .ok_or_else(malformed)?;
    let bytes = STANDARD.decode(encoded).map_err(|_| malformed())?;
    Ok(Some(Sha256(bytes.try_into().map_err(|_| malformed())?)))
}

/// What is said of a stored file.
pub(crate) fn view(record: &FileRecord) -> FileView {
    FileView {
        sha256: record.sha256.to_string(),
        cid: record.cid.to_string(),
        cid_profile: record.cid_profile.clone(),
        bytes: record.bytes,
        media_type: record.media_type.clone(),
        url: format!("/files/{}", record.cid),
    }
}

/// The content store's errors as problems.
pub(crate) fn file_error(error: FileError) -> ApiError {
    let detail = format!("{}: {error}", error.code());
    match error {
        FileError::TooLarge { .. } => ApiError::new(Code::TooLarge, detail),
        FileError::DigestMismatch { .. } => ApiError::new(Code::HashMismatch, detail),
        FileError::SizeMismatch { .. } | FileError::Source(_) => ApiError::new(Code::InvalidBody, detail),
        FileError::UnknownMediaType { .. } | FileError::Glb { .. } => {
            ApiError::new(Code::InvalidFile, detail)
        }
        FileError::NotFound { .. } => ApiError::new(Code::NotFound, detail),
        FileError::Range { .. } => ApiError::new(Code::RangeNotSatisfiable, detail),
        FileError::Damaged { .. } => {
            tracing::error!(%error, "a stored file is damaged and is not served");
            ApiError::new(
                Code::Internal,
                "file_damaged: the file is damaged here; upload it again to repair it",
            )
        }
        FileError::Files(error) => crate::storage::file_problem("the file", &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(value: &'static str) -> Option<Result<Range<u64>, ()>> {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static(value));
        match requested_range(&headers, 10, "\"x\"") {
            Requested::Whole => None,
            Requested::Part(range) => Some(Ok(range)),
            Requested::Outside => Some(Err(())),
        }
    }

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        assert_eq!(range("bytes=0-3"), Some(Ok(0..4)));
        assert_eq!(range("bytes=8-99999999999999999999999"), Some(Ok(8..10)));
        assert_eq!(range("bytes=4-"), Some(Ok(4..10)));
        assert_eq!(range("bytes=-3"), Some(Ok(7..10)));
        assert_eq!(range("bytes=-30"), Some(Ok(0..10)));
        assert_eq!(range("bytes=10-"), Some(Err(())));
        assert_eq!(range("bytes=-0"), Some(Err(())));
        for whole in [
            "bytes=5-2",
            "bytes=0-1,4-5",
            "lines=0-1",
            "bytes=a-b",
            "bytes=-",
            "bytes=+1-2",
        ] {
            assert_eq!(range(whole), None, "{whole}");
        }
    }

    #[test]
    fn a_digest_that_is_not_32_bytes_is_refused() {
        let mut headers = HeaderMap::new();
        headers.insert("content-digest", HeaderValue::from_static("sha-256=:AAAA:"));
        assert_eq!(
            declared_digest(&headers).unwrap_err().code,
            Code::InvalidParameter
        );
        assert_eq!(declared_digest(&HeaderMap::new()).unwrap(), None);
    }
}
