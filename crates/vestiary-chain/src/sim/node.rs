//! The simulated node: JSON-RPC over the chain, with lies.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use alloy_json_rpc::{
    ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest,
};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::Log as RpcLog;
use alloy_transport::{TransportError, TransportErrorKind, TransportFut};
use serde::de::DeserializeOwned;
use serde_json::{Value, json, value::RawValue};
use tower::Service;

use crate::{
    http::HttpFailure,
    sim::{
        Lie, SIM_NONCE_LEAP, SIM_RETRY_AFTER_S, Sim, SimCall, SimChain,
        chain::{Chain, SimBlock, View, call_gas},
        lies::ABSURD_GAS,
        pool::{self, Taken},
    },
};

/// What the node has for one question.
enum Answer {
    Value(Value),
    Raw(Box<RawValue>),
    Error(ErrorPayload),
    Silence,
    Disconnect,
    RetryAfter(u64),
}

impl From<Value> for Answer {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

fn error(code: i64, message: impl Into<String>) -> Answer {
    Answer::Error(ErrorPayload {
        code,
        message: message.into().into(),
        data: None,
    })
}

impl Service<RequestPacket> for SimChain {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let chain = self.clone();
        Box::pin(async move {
            match packet {
                RequestPacket::Single(request) => Ok(ResponsePacket::Single(chain.respond(&request).await?)),
                RequestPacket::Batch(requests) => {
                    let mut responses = Vec::with_capacity(requests.len());
                    for request in &requests {
                        responses.push(chain.respond(request).await?);
                    }
                    Ok(ResponsePacket::Batch(responses))
                }
            }
        })
    }
}

impl SimChain {
    async fn respond(&self, request: &SerializedRequest) -> Result<Response, TransportError> {
        // Every question is a point at which a caller can be interrupted, as on a real connection.
        tokio::task::yield_now().await;
        let answer = {
            let params = request.params().map_or("[]", RawValue::get);
            self.lock().answer(request.method(), params)
        };
        let payload = match answer {
            Answer::Value(value) => ResponsePayload::Success(
                RawValue::from_string(value.to_string()).map_err(TransportError::ser_err)?,
            ),
            Answer::Raw(raw) => ResponsePayload::Success(raw),
            Answer::Error(error) => ResponsePayload::Failure(error),
            Answer::Silence => std::future::pending().await,
            Answer::Disconnect => return Err(TransportErrorKind::custom(HttpFailure::Unreachable)),
            Answer::RetryAfter(seconds) => {
                let wait = Duration::from_secs(seconds);
                return Err(TransportErrorKind::custom(HttpFailure::RateLimited(Some(wait))));
            }
        };
        Ok(Response {
            id: request.id().clone(),
            payload,
        })
    }
}

impl Sim {
    fn answer(&mut self, method: &str, params: &str) -> Answer {
        self.questions.push(format!("{method} {params}"));
        let Ok(params) = serde_json::from_str::<Vec<Value>>(params) else {
            return error(-32602, "invalid params");
        };
        let lie = self.liar.choose(method);
        let view = match lie {
            Some(Lie::Silence) => return Answer::Silence,
            Some(Lie::Disconnect) => return Answer::Disconnect,
            Some(Lie::RateLimitFor) => {
                return Answer::RetryAfter(self.liar.retry_after_s.unwrap_or(SIM_RETRY_AFTER_S));
            }
            Some(Lie::RateLimit) => return error(429, "Too Many Requests"),
            Some(Lie::InternalError) => return error(-32603, "internal error"),
            Some(Lie::StaleView) => self
                .chain
                .old_views
                .front()
                .cloned()
                .unwrap_or_else(|| self.chain.canonical.clone()),
            Some(Lie::OtherChain) => Chain::foreign(),
            _ => self.chain.canonical.clone(),
        };
        let stale = matches!(lie, Some(Lie::StaleView | Lie::OtherChain));
        let first = params.first().cloned().unwrap_or_default();
        let second = params.get(1).cloned().unwrap_or_default();
        match method {
            "eth_chainId" => json!(U64::from(self.chain.options.chain.0)).into(),
            "eth_getBlockByNumber" => self.block_answer(self.by_tag(&view, &first), lie),
            "eth_getBlockByHash" => self.block_answer(self.by_hash(&view, &first, stale), lie),
            "eth_getLogs" => self.logs_answer(&view, &first, stale, lie),
            "eth_getBlockReceipts" if !self.chain.options.has_block_receipts => error(
                -32601,
                "the method eth_getBlockReceipts does not exist/is not available",
            ),
            "eth_getBlockReceipts" => {
                let mut receipts = json!(
                    self.by_hash(&view, &first, stale)
                        .map(|block| block.receipts.clone())
                );
                for receipt in receipts.as_array_mut().into_iter().flatten() {
                    self.lie_about(receipt, lie);
                }
                receipts.into()
            }
            "eth_getTransactionReceipt" if lie == Some(Lie::NoReceipt) => Value::Null.into(),
            "eth_getTransactionReceipt" => {
                let hash: Option<B256> = parse(&first);
                let receipt = view.iter().rev().find_map(|block| {
                    block
                        .receipts
                        .iter()
                        .find(|receipt| Some(receipt.transaction_hash) == hash)
                        .cloned()
                });
                let mut receipt = json!(receipt);
                if !receipt.is_null() {
                    self.lie_about(&mut receipt, lie);
                }
                receipt.into()
            }
            "eth_getTransactionCount" => {
                let account: Address = parse(&first).unwrap_or_default();
                let block = self.by_tag(&view, &second);
                let mut nonce = block
                    .and_then(|block| Some(block.accounts.get(&account)?.nonce))
                    .unwrap_or_default();
                if second == "pending" {
                    while pool::waiting(&self.chain, account, nonce).is_some() {
                        nonce += 1;
                    }
                }
                let leap = u64::from(lie == Some(Lie::NonceTooHigh)) * SIM_NONCE_LEAP;
                json!(U64::from(nonce + leap)).into()
            }
            "eth_getBalance" => {
                let account: Address = parse(&first).unwrap_or_default();
                let block = self.by_tag(&view, &second);
                let wei = block.and_then(|block| Some(block.accounts.get(&account)?.balance_wei));
                json!(wei.unwrap_or_default()).into()
            }
            "eth_getCode" => {
                let account: Address = parse(&first).unwrap_or_default();
                let code: &[u8] = if self.chain.contracts.contains_key(&account) {
                    &[0xfe]
                } else {
                    &[]
                };
                json!(Bytes::copy_from_slice(code)).into()
            }
            "eth_maxPriorityFeePerGas" => json!(U64::from(1_000_000)).into(),
            "eth_call" => self.run_answer(&view, &first, &second, |outcome, _| json!(outcome)),
            "eth_estimateGas" => self.run_answer(&view, &first, &second, |_, call| {
                json!(U64::from(estimate(call, lie)))
            }),
            "eth_sendRawTransaction" => self.send_answer(&first, lie),
            _ => error(
                -32601,
                format!("the method {method} does not exist/is not available"),
            ),
        }
    }

    fn by_tag(&self, view: &View, tag: &Value) -> Option<Arc<SimBlock>> {
        let head = view.len() as u64 - 1;
        if tag.is_object() {
            return self.by_hash(view, &tag["blockHash"], false);
        }
        let number = match tag.as_str().unwrap_or("latest") {
            "latest" | "pending" => head,
            "safe" => head.saturating_sub(self.chain.options.safe_depth),
            "finalized" => head.saturating_sub(self.chain.options.finalized_depth),
            "earliest" => 0,
            number => u64::from_str_radix(number.strip_prefix("0x")?, 16).ok()?,
        };
        view.get(usize::try_from(number).ok()?).cloned()
    }

    /// Also blocks of branches that were replaced, as nodes keep them; a lagging node knows its view only.
    fn by_hash(&self, view: &View, hash: &Value, stale: bool) -> Option<Arc<SimBlock>> {
        let hash: B256 = parse(hash)?;
        if stale {
            return view.iter().find(|block| block.header.hash == hash).cloned();
        }
        self.chain.by_hash.get(&hash).cloned()
    }

    fn block_answer(&self, block: Option<Arc<SimBlock>>, lie: Option<Lie>) -> Answer {
        let Some(block) = block.filter(|_| lie != Some(Lie::NoBlock)) else {
            return Value::Null.into();
        };
        if lie == Some(Lie::WrongHash) {
            let mut value: Value = serde_json::from_str(block.json().get()).unwrap_or_default();
            value["hash"] = json!(self.chain.canonical[0].header.inner.parent_hash);
            return value.into();
        }
        Answer::Raw(block.json())
    }

    fn lie_about(&self, receipt: &mut Value, lie: Option<Lie>) {
        match lie {
            Some(Lie::EmptyReceipts) => receipt["logs"] = json!([]),
            Some(Lie::InventedLogs) => {
                let blocks = self.chain.by_hash.values();
                let logs: Vec<&RpcLog> = blocks.flat_map(|block| block.logs()).collect();
                receipt["logs"] = json!(logs);
            }
            _ => {}
        }
    }

    fn logs_answer(&self, view: &View, filter: &Value, stale: bool, lie: Option<Lie>) -> Answer {
        if lie == Some(Lie::RangeRefused) && !filter["fromBlock"].is_null() {
            let (from, to) = (&filter["fromBlock"], &filter["toBlock"]);
            return error(
                -32005,
                format!("query exceeds max results, retry with the range {from}-{to}"),
            );
        }
        let blocks: Vec<Arc<SimBlock>> = if filter["blockHash"].is_null() {
            let number = |side: &Value| parse::<U64>(side).map_or(0, |number| number.to::<u64>());
            let (from, to) = (number(&filter["fromBlock"]), number(&filter["toBlock"]));
            if self
                .chain
                .options
                .max_log_range
                .is_some_and(|max| to.saturating_sub(from) >= max)
            {
                return error(-32000, "block range is too large");
            }
            // As real nodes do: what lies beyond the head is not an error.
            view.iter()
                .filter(|block| (from..=to).contains(&block.header.inner.number))
                .cloned()
                .collect()
        } else {
            match self.by_hash(view, &filter["blockHash"], stale) {
                Some(block) => vec![block],
                None => return error(-32000, "unknown block"),
            }
        };
        let wanted: Option<Vec<Address>> = parse(&filter["address"]);
        let mut logs: Vec<RpcLog> = blocks
            .iter()
            .flat_map(|block| block.logs())
            .filter(|log| {
                wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.contains(&log.inner.address))
            })
            .cloned()
            .collect();
        match lie {
            Some(Lie::EmptyLogs) => logs.clear(),
            Some(Lie::MissingLog) => {
                logs.pop();
            }
            Some(Lie::DuplicateLog) => logs.extend(logs.first().cloned()),
            Some(Lie::ShuffledLogs) => logs.reverse(),
            Some(Lie::ForeignLog) => {
                if let Some(log) = logs.first_mut() {
                    log.block_hash = Some(self.chain.canonical[0].header.hash);
                }
            }
            _ => {}
        }
        logs.truncate(self.chain.options.log_cap.unwrap_or(usize::MAX));
        json!(logs).into()
    }

    fn run_answer(
        &self,
        view: &View,
        request: &Value,
        block: &Value,
        answer: impl Fn(Bytes, &SimCall) -> Value,
    ) -> Answer {
        let Some(block) = self.by_tag(view, block) else {
            return error(-32000, "header not found");
        };
        let data = if request["input"].is_null() {
            &request["data"]
        } else {
            &request["input"]
        };
        let call = SimCall {
            from: parse(&request["from"]).unwrap_or_default(),
            to: parse(&request["to"]).unwrap_or_default(),
            data: parse(data).unwrap_or_default(),
            value_wei: parse::<U256>(&request["value"]).unwrap_or_default(),
        };
        let mut storage = (*block.storage).clone();
        match self.chain.run(&call, &mut storage) {
            Ok(outcome) => answer(outcome.output, &call).into(),
            Err(data) => Answer::Error(ErrorPayload {
                code: 3,
                message: "execution reverted".into(),
                data: RawValue::from_string(json!(data).to_string()).ok(),
            }),
        }
    }

    fn send_answer(&mut self, raw: &Value, lie: Option<Lie>) -> Answer {
        let Some(raw) = parse::<Bytes>(raw) else {
            return error(-32602, "invalid params");
        };
        if lie == Some(Lie::ThrownAway) {
            return json!(alloy_primitives::keccak256(&raw)).into();
        }
        let wording = self.chain.options.wording;
        match (pool::take(&mut self.chain, &raw), lie) {
            (Taken::Yes(_), Some(Lie::TakenButKnown)) => pool::already_known(wording).into(),
            (Taken::Yes(_), Some(Lie::TakenButNonceTooLow)) => pool::nonce_too_low(wording).into(),
            (Taken::Yes(_), Some(Lie::TakenButSilent)) => Answer::Silence,
            (Taken::Yes(hash), _) => json!(hash).into(),
            (Taken::No(refusal), _) => refusal.into(),
        }
    }
}

/// The gas that the node says a call needs.
fn estimate(call: &SimCall, lie: Option<Lie>) -> u64 {
    if lie == Some(Lie::GasTooHigh) {
        return ABSURD_GAS;
    }
    call_gas(&call.data)
}

impl From<ErrorPayload> for Answer {
    fn from(error: ErrorPayload) -> Self {
        Self::Error(error)
    }
}

fn parse<T: DeserializeOwned>(value: &Value) -> Option<T> {
    serde_json::from_value(value.clone()).ok()
}
