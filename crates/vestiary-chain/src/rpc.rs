//! One node, asked over JSON-RPC, and believed only as far as its answers can be checked.
//!
//! Every call has a deadline and a largest answer. A header is hashed again, a block asked for by number
//! or hash must be that block, and the chain id and the genesis hash are compared when connecting.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy_json_rpc::{RpcError, RpcRecv, RpcSend};
use alloy_primitives::{B256, Bloom, Bytes, U64};
use alloy_rpc_client::RpcClient;
use alloy_transport::{TransportError, TransportErrorKind};
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use vestiary::{block::BlockRef, ids::ChainId};

use crate::{
    error::{ChainError, ProviderFault, Result, bounded_text},
    http::{BoundedHttp, HttpFailure},
};

/// Most calls in one JSON-RPC batch; public nodes refuse larger ones.
pub const MAX_BATCH_CALLS: usize = 50;

/// Longest wait that a node's `Retry-After` is granted; one that asks for more is asked again all the same.
pub const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

/// Where the node is.
pub struct Endpoint(Inner);

enum Inner {
    Url(reqwest::Url),
    Client(RpcClient),
}

impl Endpoint {
    /// A node behind an `http` or `https` URL. The URL is kept out of every error and debug text.
    pub fn url(url: &str) -> Result<Self> {
        let url = reqwest::Url::parse(url).map_err(|_| ChainError::Endpoint)?;
        match url.scheme() {
            "http" | "https" => Ok(Self(Inner::Url(url))),
            _ => Err(ChainError::Endpoint),
        }
    }

    /// Any transport under alloy's client, such as [`SimChain`](crate::sim::SimChain).
    pub const fn client(client: RpcClient) -> Self {
        Self(Inner::Client(client))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").finish_non_exhaustive()
    }
}

impl From<RpcClient> for Endpoint {
    fn from(client: RpcClient) -> Self {
        Self::client(client)
    }
}

/// How long and how much to wait for.
#[derive(Debug, Clone)]
pub struct RpcOptions {
    /// Longest wait for one call or one batch.
    pub deadline: Duration,
    /// Largest answer that is read, in bytes; only for an [`Endpoint::url`].
    pub max_response_bytes: usize,
}

impl Default for RpcOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            max_response_bytes: 32 << 20,
        }
    }
}

/// A named block of the node's own view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// The newest block.
    Latest,
    /// Unlikely to be replaced.
    Safe,
    /// Never replaced, says the chain.
    Finalized,
}

impl Tag {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Safe => "safe",
            Self::Finalized => "finalized",
        }
    }
}

/// A block header whose hash was computed here, and the hashes of the block's transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Height.
    pub number: u64,
    /// Hash of the header, computed.
    pub hash: B256,
    /// Hash of the header before it.
    pub parent_hash: B256,
    /// Unix seconds.
    pub timestamp: u64,
    /// Filter over addresses and topics of all logs of the block.
    pub logs_bloom: Bloom,
    /// Root of the receipts trie.
    pub receipts_root: B256,
    /// Root of the state trie.
    pub state_root: B256,
    /// Wei per gas; 0 on chains without EIP-1559.
    pub base_fee_wei: u128,
    /// Most gas that the block may use.
    pub gas_limit: u64,
    /// Transactions of the block, as the node lists them (not checked against the header).
    pub transactions: Vec<B256>,
}

impl Header {
    /// The block's name.
    pub const fn block_ref(&self) -> BlockRef {
        BlockRef {
            number: self.number,
            hash: self.hash,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
struct WireBlock {
    #[serde(flatten)]
    header: alloy_rpc_types_eth::Header,
    #[serde(default)]
    transactions: Vec<B256>,
}

impl WireBlock {
    fn verify(self) -> Result<Header> {
        let inner = self.header.inner;
        let hash = inner.hash_slow();
        if hash != self.header.hash {
            return Err(ProviderFault::HeaderHash {
                number: inner.number,
                claimed: self.header.hash,
                computed: hash,
            }
            .into());
        }
        Ok(Header {
            number: inner.number,
            hash,
            parent_hash: inner.parent_hash,
            timestamp: inner.timestamp,
            logs_bloom: inner.logs_bloom,
            receipts_root: inner.receipts_root,
            state_root: inner.state_root,
            base_fee_wei: inner.base_fee_per_gas.unwrap_or_default().into(),
            gas_limit: inner.gas_limit,
            transactions: self.transactions,
        })
    }
}

/// A connection to one node of one chain. Cheap to clone.
#[derive(Clone)]
pub struct Rpc {
    client: RpcClient,
    chain: ChainId,
    genesis_hash: B256,
    options: RpcOptions,
    /// The node said `Retry-After`: nobody asks before. Shared by all clones.
    not_before: Arc<Mutex<Option<Instant>>>,
}

impl fmt::Debug for Rpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rpc")
            .field("chain", &self.chain)
            .field("genesis_hash", &self.genesis_hash)
            .finish_non_exhaustive()
    }
}

impl Rpc {
    /// Connects, and refuses a node of another chain. Without `genesis_hash` the node's own is adopted;
    /// keep [`Rpc::genesis_hash`] and give it the next time.
    pub async fn connect(
        endpoint: impl Into<Endpoint>,
        chain: ChainId,
        genesis_hash: Option<B256>,
        options: RpcOptions,
    ) -> Result<Self> {
        let client = match endpoint.into().0 {
            Inner::Client(client) => client,
            Inner::Url(url) => {
                let http =
                    BoundedHttp::new(url, options.max_response_bytes).map_err(|_| ChainError::Endpoint)?;
                RpcClient::new(http, true)
            }
        };
        let mut rpc = Self {
            client,
            chain,
            genesis_hash: genesis_hash.unwrap_or_default(),
            options,
            not_before: Arc::default(),
        };
        let found = rpc.identity().await?;
        if genesis_hash.is_none() {
            rpc.genesis_hash = found;
        }
        rpc.check_identity_of(found)?;
        Ok(rpc)
    }

    /// The chain.
    pub const fn chain(&self) -> ChainId {
        self.chain
    }

    /// Hash of block 0: two chains with one id differ here.
    pub const fn genesis_hash(&self) -> B256 {
        self.genesis_hash
    }

    /// Asks again who the node is. Do so after every interruption: another node may answer now.
    pub async fn check_identity(&self) -> Result<()> {
        self.check_identity_of(self.identity().await?)
    }

    fn check_identity_of(&self, found: B256) -> Result<()> {
        if found == self.genesis_hash {
            Ok(())
        } else {
            Err(ChainError::WrongGenesis {
                expected: self.genesis_hash,
                found,
            })
        }
    }

    async fn identity(&self) -> Result<B256> {
        let id: U64 = self.call("eth_chainId", ()).await?;
        let found = ChainId(id.to());
        if found != self.chain {
            return Err(ChainError::WrongChain {
                expected: self.chain,
                found,
            });
        }
        Ok(self.header_by_number(0).await?.ok_or_else(|| missing(0))?.hash)
    }

    /// The header that a tag names now. `None`: the node does not know the tag, or has no such block yet.
    pub async fn header(&self, tag: Tag) -> Result<Option<Header>> {
        let answer: Result<Option<WireBlock>> =
            self.call("eth_getBlockByNumber", (tag.as_str(), false)).await;
        match answer {
            Ok(block) => block.map(WireBlock::verify).transpose(),
            // Clients without finality refuse the tag with different codes; nothing else depends on it.
            Err(ChainError::Refused { .. }) if tag != Tag::Latest => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The newest header.
    pub async fn head(&self) -> Result<Header> {
        self.header(Tag::Latest)
            .await?
            .ok_or_else(|| ProviderFault::MissingBlock("latest".to_owned()).into())
    }

    /// The header at a height of the chain that the node follows now.
    pub async fn header_by_number(&self, number: u64) -> Result<Option<Header>> {
        let block: Option<WireBlock> = self
            .call("eth_getBlockByNumber", (U64::from(number), false))
            .await?;
        block.map(|block| verify_number(block, number)).transpose()
    }

    /// [`header_by_number`](Self::header_by_number) for many heights.
    pub async fn headers_at(&self, numbers: &[u64]) -> Result<Vec<Option<Header>>> {
        let params: Vec<(U64, bool)> = numbers.iter().map(|number| (U64::from(*number), false)).collect();
        let blocks: Vec<Result<Option<WireBlock>>> = self.call_many("eth_getBlockByNumber", &params).await;
        let checked = blocks.into_iter().zip(numbers);
        checked
            .map(|(block, number)| block?.map(|block| verify_number(block, *number)).transpose())
            .collect()
    }

    /// The header with a hash, on whichever branch.
    pub async fn header_by_hash(&self, hash: B256) -> Result<Option<Header>> {
        let block: Option<WireBlock> = self.call("eth_getBlockByHash", (hash, false)).await?;
        let Some(header) = block.map(WireBlock::verify).transpose()? else {
            return Ok(None);
        };
        if header.hash != hash {
            return Err(ProviderFault::OtherBlock {
                asked: hash.to_string(),
                got: header.hash.to_string(),
            }
            .into());
        }
        Ok(Some(header))
    }

    /// The headers `first..=last`, each naming the one before it as its parent.
    pub async fn headers(&self, first: u64, last: u64) -> Result<Vec<Header>> {
        let mut headers: Vec<Header> = Vec::new();
        let mut next = first;
        while next <= last {
            let end = last.min(next + MAX_BATCH_CALLS as u64 - 1);
            for (number, block) in (next..=end).zip(self.blocks_batch(next, end).await?) {
                let header = verify_number(block.ok_or_else(|| missing(number))?, number)?;
                if headers
                    .last()
                    .is_some_and(|parent| parent.hash != header.parent_hash)
                {
                    return Err(ProviderFault::BrokenChain { number }.into());
                }
                headers.push(header);
            }
            next = end + 1;
        }
        Ok(headers)
    }

    async fn blocks_batch(&self, first: u64, last: u64) -> Result<Vec<Option<WireBlock>>> {
        const METHOD: &str = "eth_getBlockByNumber";
        if first == last {
            return Ok(vec![self.call(METHOD, (U64::from(first), false)).await?]);
        }
        let work = async {
            let mut batch = self.client.new_batch();
            let mut answers = Vec::new();
            for number in first..=last {
                answers.push(batch.add_call::<_, Option<WireBlock>>(METHOD, &(U64::from(number), false))?);
            }
            batch.send().await?;
            let mut blocks = Vec::new();
            for answer in answers {
                blocks.push(answer.await?);
            }
            Ok(blocks)
        };
        self.within_deadline(METHOD, work).await
    }

    /// Makes one call. For methods that this crate has no function for; the answer is not checked.
    pub async fn call<P: RpcSend, R: RpcRecv>(&self, method: &'static str, params: P) -> Result<R> {
        self.within_deadline(method, async { self.client.request(method, params).await })
            .await
    }

    /// Makes many calls of one method in batches of [`MAX_BATCH_CALLS`]; one answer for each, in their order.
    pub async fn call_many<P: RpcSend, R: RpcRecv>(
        &self,
        method: &'static str,
        params: &[P],
    ) -> Vec<Result<R>> {
        let mut answers = Vec::with_capacity(params.len());
        for part in params.chunks(MAX_BATCH_CALLS) {
            match part {
                [one] => answers.push(self.call(method, one.clone()).await),
                _ => match self.call_batch(method, part).await {
                    Ok(part) => answers.extend(part),
                    Err(error) => answers.extend(part.iter().map(|_| Err(error.clone()))),
                },
            }
        }
        answers
    }

    async fn call_batch<P: RpcSend, R: RpcRecv>(
        &self,
        method: &'static str,
        params: &[P],
    ) -> Result<Vec<Result<R>>> {
        let work = async {
            let mut batch = self.client.new_batch();
            let mut waiting = Vec::with_capacity(params.len());
            for params in params {
                waiting.push(batch.add_call::<_, R>(method, params)?);
            }
            batch.send().await?;
            let mut answers = Vec::with_capacity(waiting.len());
            for answer in waiting {
                answers.push(answer.await.map_err(|error| classify(method, error)));
            }
            Ok(answers)
        };
        self.within_deadline(method, work).await
    }

    /// How long the node still wants to be left alone.
    fn must_wait(&self) -> Option<Duration> {
        let not_before = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        let left = not_before?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    async fn within_deadline<T>(
        &self,
        method: &'static str,
        work: impl Future<Output = Result<T, TransportError>>,
    ) -> Result<T> {
        if let Some(left) = self.must_wait() {
            return Err(ChainError::RateLimited {
                method,
                retry_after: Some(left),
            });
        }
        match timeout(self.options.deadline, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let error = classify(method, error);
                if let Some(wait) = error.retry_after() {
                    let until = Instant::now() + wait;
                    *self.not_before.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
                }
                Err(error)
            }
            Err(_) => Err(ChainError::Deadline {
                method,
                after: self.options.deadline,
            }),
        }
    }
}

fn missing(number: u64) -> ChainError {
    ProviderFault::MissingBlock(number.to_string()).into()
}

fn verify_number(block: WireBlock, number: u64) -> Result<Header> {
    let header = block.verify()?;
    if header.number != number {
        return Err(ProviderFault::OtherBlock {
            asked: number.to_string(),
            got: format!("{} {}", header.number, header.hash),
        }
        .into());
    }
    Ok(header)
}

/// Turns alloy's error into ours, without any text that could hold the URL or a whole answer.
fn classify(method: &'static str, error: TransportError) -> ChainError {
    match error {
        RpcError::ErrorResp(payload) if payload.is_retry_err() => ChainError::RateLimited {
            method,
            retry_after: None,
        },
        RpcError::ErrorResp(payload) => ChainError::Refused {
            method,
            code: payload.code,
            text: bounded_text(&payload.message),
            data: payload.data.as_deref().and_then(|raw| revert_data(raw.get())),
        },
        RpcError::NullResp => ChainError::Malformed { method, what: "null" },
        RpcError::DeserError { .. } => ChainError::Malformed {
            method,
            what: "other fields than expected",
        },
        RpcError::SerError(_) | RpcError::LocalUsageError(_) | RpcError::UnsupportedFeature(_) => {
            ChainError::Malformed {
                method,
                what: "the question could not be written",
            }
        }
        RpcError::Transport(TransportErrorKind::Custom(source)) => match source.downcast_ref() {
            Some(HttpFailure::TooLarge(limit)) => ChainError::TooLarge {
                method,
                limit_bytes: *limit,
            },
            Some(HttpFailure::RateLimited(retry_after)) => ChainError::RateLimited {
                method,
                // Here, once for everybody who waits by it: a header can say any number.
                retry_after: retry_after.map(|wait| wait.min(MAX_RETRY_AFTER)),
            },
            Some(HttpFailure::Body) => ChainError::Malformed {
                method,
                what: "not JSON-RPC",
            },
            Some(HttpFailure::Status(_) | HttpFailure::Unreachable) | None => {
                ChainError::Unreachable { method }
            }
        },
        RpcError::Transport(_) => ChainError::Unreachable { method },
    }
}

/// Revert data: a hex text, or an object with it under `data`.
fn revert_data(raw: &str) -> Option<Bytes> {
    let value: serde_json::Value = serde_json::from_str(raw).ok()?;
    let text = value.as_str().or_else(|| value.get("data")?.as_str())?;
    text.parse().ok()
}
