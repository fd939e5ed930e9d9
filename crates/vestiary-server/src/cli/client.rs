//! The service over HTTP: bounded answers, deadlines, problems as failures.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use vestiary::digest::Sha256;
use vestiary::statement::{LogOpened, Statement};
use vestiary_log::seams::{Random as _, SystemRandom};
use vestiary_server::api::Page;
use vestiary_server::inventory::percent_encode;
use vestiary_tlog::{BundleId, Checkpoint, SignedCheckpoint};
use zeroize::Zeroizing;

use super::failure::Failure;

/// Longest wait for one request.
const REQUEST_DEADLINE: Duration = Duration::from_mins(2);
/// Longest wait for a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Largest JSON answer, in bytes.
pub(crate) const MAX_ANSWER_BYTES: usize = 16 << 20;
/// Pause between two looks for something that is to become so.
const POLL: Duration = Duration::from_millis(250);
/// Pages of a list that are read at most.
const MAX_PAGES: usize = 10_000;

/// A service and who calls it.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    api_key: Option<Zeroizing<String>>,
}

/// The log as the service shows it: its name, its size, and what entry 0 says.
#[derive(Debug)]
pub(crate) struct LogView {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) opened: LogOpened,
}

impl Client {
    /// Speaks plain HTTP, as the service does; a TLS proxy is reached through its local port.
    pub(crate) fn new(api: &str, api_key: Option<Zeroizing<String>>) -> Result<Self, Failure> {
        let wrong = |detail: String| Failure::usage(detail).remedy("give --api http://HOST:PORT");
        let base = Url::parse(api).map_err(|error| wrong(format!("--api {api}: {error}")))?;
        if base.scheme() != "http" || base.cannot_be_a_base() {
            return Err(wrong(format!("--api {api} is not an http URL")));
        }
        let http = reqwest::Client::builder()
            .timeout(REQUEST_DEADLINE)
            .connect_timeout(CONNECT_DEADLINE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| Failure::failed("no_http_client", error.to_string()))?;
        Ok(Self { http, base, api_key })
    }

    /// The service's URL, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// A request of the service; `segments` are encoded, one path segment each.
    fn request(&self, method: Method, segments: &[&str]) -> Result<RequestBuilder, Failure> {
        let path: Vec<String> = segments.iter().map(|segment| percent_encode(segment)).collect();
        let url = format!("{}/{}", self.url(), path.join("/"));
        let url = Url::parse(&url).map_err(|error| Failure::usage(format!("{url}: {error}")))?;
        let request = self.http.request(method, url);
        Ok(match &self.api_key {
            Some(key) => request.bearer_auth(key.as_str()),
            None => request,
        })
    }

    async fn send(&self, request: RequestBuilder, max: usize) -> Result<Vec<u8>, Failure> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let bytes = bounded(response, max).await?;
        if status.is_success() {
            Ok(bytes)
        } else {
            Err(Failure::problem(status.as_u16(), &bytes))
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let why = if error.is_timeout() {
            "does not answer in time"
        } else {
            "cannot be reached"
        };
        Failure::failed(
            "service_unreachable",
            format!("the service at {} {why}", self.url()),
        )
        .remedy("start it with `vestiary serve`, or mend --api")
    }

    /// `GET`, bytes.
    pub(crate) async fn get_bytes(&self, segments: &[&str], max: usize) -> Result<Vec<u8>, Failure> {
        self.send(self.request(Method::GET, segments)?, max).await
    }

    /// `GET`, JSON.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        let request = self.request(Method::GET, segments)?.query(query);
        parse(&self.send(request, MAX_ANSWER_BYTES).await?)
    }

    /// Every item of a list.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, Failure> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        for _ in 0..MAX_PAGES {
            let mut query = query.to_vec();
            query.push(("limit", "200"));
            if !cursor.is_empty() {
                query.push(("cursor", &cursor));
            }
            let page: Page<T> = self.get(segments, &query).await?;
            items.extend(page.items);
            if page.next_cursor.is_empty() {
                return Ok(items);
            }
            cursor = page.next_cursor;
        }
        Err(Failure::failed("endless_list", "the service's list does not end"))
    }

    /// `POST` of something that may be asked twice: the idempotency key follows from what is asked.
    pub(crate) async fn post_once<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let bytes = encode(body)?;
        let key = format!("cli-{}", Sha256::of(&bytes).hex());
        self.post_under(segments, bytes, &key).await
    }

    /// `POST` of something that replaces what is there: asked again it is another request, for something else may
    /// have taken its place meanwhile.
    pub(crate) async fn post_anew<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let mut nonce = [0; 16];
        SystemRandom.fill(&mut nonce);
        let key = format!("cli-{}", alloy_primitives::hex::encode(nonce));
        self.post_under(segments, encode(body)?, &key).await
    }

    /// `POST` under a given idempotency key.
    pub(crate) async fn post_under<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: Vec<u8>,
        key: &str,
    ) -> Result<T, Failure> {
        let request = self
            .request(Method::POST, segments)?
            .header("idempotency-key", key);
        let request = request.header("content-type", "application/json").body(body);
        parse(&self.send(request, MAX_ANSWER_BYTES).await?)
    }

    /// `POST` without idempotency key.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let request = self.request(Method::POST, segments)?;
        let request = request
            .header("content-type", "application/json")
            .body(encode(body)?);
        parse(&self.send(request, MAX_ANSWER_BYTES).await?)
    }

    /// Uploads a file; the service compares its hash with ours.
    pub(crate) async fn upload(&self, bytes: Vec<u8>) -> Result<vestiary_server::api::FileView, Failure> {
        use base64::Engine as _;
        let digest = Sha256::of(&bytes);
        let digest_header = format!(
            "sha-256=:{}:",
            base64::engine::general_purpose::STANDARD.encode(digest.0)
        );
        let request = self.request(Method::POST, &["v1", "files"])?;
        let request = request.header("content-digest", digest_header);
        let request = request
            .header("content-type", "application/octet-stream")
            .body(bytes);
        let view: vestiary_server::api::FileView = parse(&self.send(request, MAX_ANSWER_BYTES).await?)?;
        if view.sha256 != digest.to_string() {
            let detail = format!(
                "the service says {} of a file that hashes to {digest}",
                view.sha256
            );
            return Err(Failure::failed("hash_mismatch", detail));
        }
        Ok(view)
    }

    /// Asks again until `done` says so, at most for `patience`.
    pub(crate) async fn wait_for<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        patience: Duration,
        what: &str,
        mut done: impl FnMut(&T) -> bool,
    ) -> Result<T, Failure> {
        let until = Instant::now() + patience;
        loop {
            let found: T = self.get(segments, &[]).await?;
            if done(&found) {
                return Ok(found);
            }
            if Instant::now() > until {
                let detail = format!("{what}: not within {} seconds", patience.as_secs());
                return Err(Failure::failed("not_in_time", detail).remedy("ask again later, nothing is lost"));
            }
            sleep(POLL).await;
        }
    }

    /// As [`post_once`](Self::post_once), again and again while the service has not yet read from the chain what the
    /// request relies on.
    pub(crate) async fn post_when_seen<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &impl Serialize,
        patience: Duration,
    ) -> Result<T, Failure> {
        let until = Instant::now() + patience;
        loop {
            match self.post_once(segments, body).await {
                Err(failure) if failure.code == "chain_disagrees" && Instant::now() < until => {
                    sleep(POLL).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// The log: checkpoint, verified with the key that entry 0 names. Who decides to trust it is the caller.
    pub(crate) async fn log(&self) -> Result<LogView, Failure> {
        let malformed = |what: String| Failure::failed("malformed_log", what);
        let note = self.get_bytes(&["log", "checkpoint"], 64 << 10).await?;
        let signed = SignedCheckpoint::parse(&note).map_err(|error| malformed(error.to_string()))?;
        let size = signed.unverified().size();
        let bundle = BundleId::in_tree(0, size).ok_or_else(|| malformed("the log is empty".into()))?;
        let path = bundle.path();
        let mut segments = vec!["log"];
        segments.extend(path.split('/'));
        let bytes = self.get_bytes(&segments, 32 << 20).await?;
        let entries = vestiary_tlog::tile::parse_bundle(&bytes, bundle.width());
        let entries = entries.map_err(|error| malformed(error.to_string()))?;
        let first = entries
            .first()
            .ok_or_else(|| malformed("the first bundle is empty".into()))?;
        let Ok(Statement::LogOpened(opened)) = Statement::parse(first) else {
            return Err(malformed("entry 0 does not open the log".into()));
        };
        let checkpoint = vestiary_tlog::checkpoint::open(&note, &opened.origin, &opened.checkpoint_vkey);
        let checkpoint = checkpoint.map_err(|error| malformed(format!("checkpoint: {error}")))?;
        Ok(LogView { checkpoint, opened })
    }

    /// Whether the service is ready; `false` also where it does not answer.
    pub(crate) async fn is_ready(&self) -> bool {
        let Ok(request) = self.request(Method::GET, &["readyz"]) else {
            return false;
        };
        let answer = request.timeout(Duration::from_secs(2)).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }
}

fn encode(body: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(body).map_err(|error| Failure::failed("failed", error.to_string()))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let malformed = |error: String| {
        Failure::failed(
            "malformed_answer",
            format!("the service's answer cannot be read: {error}"),
        )
    };
    let value: Value = vestiary::json::parse_strict(bytes, MAX_ANSWER_BYTES)
        .map_err(|error| malformed(error.to_string()))?;
    serde_json::from_value(value).map_err(|error| malformed(error.to_string()))
}

async fn bounded(mut response: Response, max: usize) -> Result<Vec<u8>, Failure> {
    let too_large = || {
        Failure::failed(
            "answer_too_large",
            format!("the answer is larger than {max} bytes"),
        )
    };
    if response
        .content_length()
        .is_some_and(|length| length > max as u64)
    {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if bytes.len() + chunk.len() > max => return Err(too_large()),
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => return Ok(bytes),
            Err(_) => return Err(Failure::failed("service_unreachable", "the answer broke off")),
        }
    }
}
