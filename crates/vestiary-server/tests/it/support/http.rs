//! A client that keeps what came back, whatever it was.

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Status.
    pub(crate) status: u16,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// One header, "" if it is not there.
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// The code of a problem, checked as RFC 9457 wants it.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        assert!(self.status >= 400, "a success: {} {}", self.status, self.text());
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{}",
            self.text()
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()));
        let code = problem["code"].as_str().unwrap().to_owned();
        assert_eq!(problem["type"], format!("/docs/problems#{code}"));
        code
    }

    /// `status code`, as the tables of the tests write it.
    #[track_caller]
    pub(crate) fn outcome(&self) -> String {
        if self.status < 400 {
            return self.status.to_string();
        }
        format!("{} {}", self.status, self.problem())
    }
}

/// A client of one running service.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    /// The API key that it sends, "" for none.
    pub(crate) key: String,
}

impl Client {
    /// A client.
    pub(crate) fn new(url: String, key: String) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .build()
            .unwrap();
        Self { http, url, key }
    }

    /// The same with another key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    /// Host and port.
    pub(crate) fn address(&self) -> String {
        self.url.trim_start_matches("http://").to_owned()
    }

    /// A request with the key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        if self.key.is_empty() {
            return request;
        }
        request.header("authorization", format!("Bearer {}", self.key))
    }

    /// Sends, or says that nobody was there.
    pub(crate) async fn try_send(request: RequestBuilder) -> Option<Reply> {
        let response = request.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.ok()?.to_vec();
        Some(Reply {
            status,
            headers,
            body,
        })
    }

    /// Sends.
    pub(crate) async fn send(request: RequestBuilder) -> Reply {
        Self::try_send(request).await.expect("the service answers")
    }

    /// `GET`.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        Self::send(self.request(Method::GET, path)).await
    }

    /// `POST` of JSON under an idempotency key.
    pub(crate) async fn post(&self, path: &str, idempotency_key: &str, body: &Value) -> Reply {
        self.post_bytes(path, idempotency_key, serde_json::to_vec(body).unwrap())
            .await
    }

    /// `POST` of exact bytes that call themselves JSON; no idempotency key if it is "".
    pub(crate) async fn post_bytes(&self, path: &str, idempotency_key: &str, body: Vec<u8>) -> Reply {
        Self::send(self.json_request(path, idempotency_key, body)).await
    }

    /// The request of [`post_bytes`](Self::post_bytes).
    pub(crate) fn json_request(&self, path: &str, idempotency_key: &str, body: Vec<u8>) -> RequestBuilder {
        let mut request = self
            .request(Method::POST, path)
            .header(CONTENT_TYPE, "application/json")
            .body(body);
        if !idempotency_key.is_empty() {
            request = request.header("idempotency-key", idempotency_key);
        }
        request
    }

    /// `POST` of a file's bytes.
    pub(crate) async fn upload(&self, bytes: Vec<u8>) -> Reply {
        Self::send(self.request(Method::POST, "/v1/files").body(bytes)).await
    }
}

/// One id as a path segment.
pub(crate) fn segment(id: &impl ToString) -> String {
    vestiary_server::inventory::percent_encode(&id.to_string())
}
