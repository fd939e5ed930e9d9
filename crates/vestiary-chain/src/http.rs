//! HTTP below alloy's client: bounded bodies, and errors that never name the URL.

use std::{
    fmt,
    task::{Context, Poll},
    time::Duration,
};

use alloy_json_rpc::{RequestPacket, ResponsePacket};
use alloy_transport::{TransportError, TransportErrorKind, TransportFut};
use thiserror::Error;
use tower::Service;

/// A tower service that posts JSON-RPC packets to one URL.
#[derive(Clone)]
pub(crate) struct BoundedHttp {
    client: reqwest::Client,
    url: reqwest::Url,
    max_response_bytes: usize,
}

impl fmt::Debug for BoundedHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may carry a key in user info, path or query.
        f.debug_struct("BoundedHttp").finish_non_exhaustive()
    }
}

/// What happened below JSON-RPC.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum HttpFailure {
    #[error("no connection, or it broke")]
    Unreachable,
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("too many requests")]
    RateLimited(Option<Duration>),
    #[error("HTTP status {0}")]
    Status(u16),
    #[error("not a JSON-RPC answer")]
    Body,
}

impl BoundedHttp {
    pub(crate) fn new(url: reqwest::Url, max_response_bytes: usize) -> Result<Self, HttpFailure> {
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            // A redirect could carry the request, and with it a raw transaction, to anybody.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| HttpFailure::Unreachable)?;
        Ok(Self {
            client,
            url,
            max_response_bytes,
        })
    }

    async fn post(self, packet: RequestPacket) -> Result<ResponsePacket, HttpFailure> {
        let mut response = self
            .client
            .post(self.url)
            .json(&packet)
            .send()
            .await
            .map_err(|_| HttpFailure::Unreachable)?;
        let status = response.status();
        let retry_after = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| HttpFailure::Unreachable)? {
            if body.len() + chunk.len() > self.max_response_bytes {
                return Err(HttpFailure::TooLarge(self.max_response_bytes));
            }
            body.extend_from_slice(&chunk);
        }
        if matches!(status.as_u16(), 429 | 503) {
            return Err(HttpFailure::RateLimited(retry_after));
        }
        match serde_json::from_slice(&body) {
            // Some nodes send a JSON-RPC error with a status of 4xx: the error says more.
            Ok(packet) => Ok(packet),
            Err(_) if !status.is_success() => Err(HttpFailure::Status(status.as_u16())),
            Err(_) => Err(HttpFailure::Body),
        }
    }
}

impl Service<RequestPacket> for BoundedHttp {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.post(packet).await.map_err(TransportErrorKind::custom) })
    }
}
