//! A node that says what it is told to say.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use alloy_json_rpc::{RequestPacket, Response, ResponsePacket, ResponsePayload};
use alloy_rpc_client::RpcClient;
use alloy_transport::{TransportError, TransportErrorKind, TransportFut};
use serde_json::value::RawValue;
use tower::Service;

use crate::{http::HttpFailure, rpc::Endpoint, sim::SimChain};

/// A node that answers like that of a [`SimChain`], until it is told what to [say](Parrot::say) instead. Clones are
/// the same node.
#[derive(Clone, Debug)]
pub struct Parrot {
    honest: SimChain,
    answer: Arc<Mutex<Option<String>>>,
}

impl Parrot {
    /// A node of this chain, honest so far.
    pub fn new(honest: SimChain) -> Self {
        Self {
            honest,
            answer: Arc::default(),
        }
    }

    /// From now on every question gets this answer: JSON is a result; JSON after a `!` is an error object;
    /// anything else is what a node says that does not speak JSON-RPC.
    pub fn say(&self, answer: &str) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.to_owned());
    }

    /// The node, for [`Rpc::connect`](crate::rpc::Rpc::connect).
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::client(RpcClient::new(self.clone(), true))
    }
}

/// What a text stands for, see [`Parrot::say`].
fn payload(answer: &str) -> Result<ResponsePayload, TransportError> {
    let body = |_| TransportErrorKind::custom(HttpFailure::Body);
    match answer.strip_prefix('!') {
        Some(error) => serde_json::from_str(error)
            .map(ResponsePayload::Failure)
            .map_err(body),
        None => RawValue::from_string(answer.to_owned())
            .map(ResponsePayload::Success)
            .map_err(body),
    }
}

impl Service<RequestPacket> for Parrot {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(answer) = answer else {
            return Service::call(&mut self.honest, packet);
        };
        Box::pin(async move {
            let payload = payload(&answer)?;
            let respond = |id| Response {
                id,
                payload: payload.clone(),
            };
            Ok(match packet {
                RequestPacket::Single(request) => ResponsePacket::Single(respond(request.id().clone())),
                RequestPacket::Batch(requests) => ResponsePacket::Batch(
                    requests
                        .iter()
                        .map(|request| respond(request.id().clone()))
                        .collect(),
                ),
            })
        })
    }
}
