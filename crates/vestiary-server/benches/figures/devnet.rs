//! Anvil with our contracts, one brand, one collection and wearables minted by its minter.

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, U64, address, b256};
use anyhow::{Context as _, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use vestiary::abi::{ICollectionFactory, IERC721, IWearableCollection, SolCall as _, SolEvent as _};
use vestiary::digest::Sha256;
use vestiary::ids::{ChainId, CollectionId, DesignId, IssuerId, Serial, TokenId, WearableId};
use vestiary::tree::{BatchTree, Leaf};
use vestiary_chain::anvil::{Anvil, AnvilOptions};
use vestiary_chain::calls::{self, NewCollection};
use vestiary_chain::deploy::{Deployment, deploy};
use vestiary_chain::once;
use vestiary_chain::rpc::{Endpoint, Rpc, RpcOptions};
use vestiary_chain::submitter::Call;
use vestiary_signing::{Account, AccountKey, Memory, Purpose};

use crate::machine;

/// Anvil's chain.
const CHAIN: ChainId = ChainId(31_337);
/// Anvil's first account, whose key everybody knows.
const BRAND_KEY: B256 = b256!("0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
const BRAND: Address = address!("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266");
/// Its second and third, which Anvil signs for.
pub(crate) const PLAYER: Address = address!("0x70997970c51812dc3a010c7d01b50e0d17dc79c8");
/// See [`PLAYER`].
pub(crate) const FRIEND: Address = address!("0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc");
/// Transactions that are mined together.
const PER_BLOCK: usize = 25;
/// Enough for any transaction here.
const GAS: u64 = 400_000;
/// More than the base fee ever is here, in wei.
const MAX_FEE_WEI: u64 = 100_000_000_000;

/// The running node and what is on it.
#[derive(Debug)]
pub(crate) struct Devnet {
    anvil: Anvil,
    http: reqwest::Client,
    /// The contracts.
    pub(crate) deployment: Deployment,
    /// The brand's collection.
    pub(crate) collection: CollectionId,
    /// Wearables, all minted to [`PLAYER`].
    pub(crate) wearables: Vec<WearableId>,
}

impl Devnet {
    /// `None` where Anvil is not installed. Each transaction is mined at once.
    pub(crate) async fn start(count: u64) -> Result<Option<Self>> {
        let Some(options) = AnvilOptions::find(machine::root()) else {
            return Ok(None);
        };
        let anvil = Anvil::start(&AnvilOptions {
            block_time_s: None,
            ..options
        })?;
        let endpoint = Endpoint::url(&anvil.url())?;
        let rpc = Rpc::connect(endpoint, CHAIN, None, RpcOptions::default()).await?;
        let key = AccountKey::import(Purpose::Submitter, &BRAND_KEY.0)?;
        let brand = Account::new(Arc::new(key), Arc::new(Memory::fresh()));
        let deployment = deploy(&rpc, &brand, |_, _| ()).await?;
        once::send(&rpc, &brand, &calls::register(deployment.registry, "")).await?;
        let new = NewCollection {
            issuer: IssuerId::new(1)?,
            name: "Manteaux".into(),
            symbol: "MTX".into(),
            base_uri: String::new(),
            minter: BRAND,
            salt: B256::ZERO,
        };
        let mined = once::send(&rpc, &brand, &calls::create_collection(deployment.factory, &new)).await?;
        let created = mined.receipt.inner.logs().iter().find_map(|log| {
            let log = &log.inner;
            ICollectionFactory::CollectionCreated::decode_raw_log(
                log.topics().iter().copied(),
                &log.data.data,
            )
            .ok()
        });
        let collection = CollectionId::new(CHAIN, created.context("no collection was made")?.collection);
        let mut net = Self {
            anvil,
            http: reqwest::Client::new(),
            deployment,
            collection,
            wearables: Vec::new(),
        };

        let design_id = DesignId::new(1)?;
        let leaves = (1..=count)
            .map(|serial| {
                Ok(Leaf {
                    token_id: TokenId::new(design_id, Serial::new(serial)?),
                    certificate_digest: Sha256::of(&serial.to_be_bytes()),
                    claim_key: Address::ZERO,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let tree = BatchTree::new(leaves)?;
        let commit = IWearableCollection::commitBatchCall {
            batch: IWearableCollection::Batch {
                designId: 1,
                firstSerial: 1,
                count,
                edition: 0,
                terms: alloy_primitives::U256::ZERO,
                designDigest: Sha256::of(b"design").b256(),
                root: tree.root(),
            },
        };
        let commit = Call::new(collection.address, commit.abi_encode().into());
        once::send(&rpc, &brand, &commit).await?;
        let mut mints = Vec::new();
        for leaf in tree.leaves() {
            let proof = tree.proof(leaf.token_id).context("a leaf without proof")?;
            mints.push(calls::mint(collection.address, leaf, tree.root(), PLAYER, proof));
            net.wearables.push(collection.wearable(leaf.token_id));
        }
        net.send_all(BRAND, mints).await?;
        Ok(Some(net))
    }

    /// Where the node answers.
    pub(crate) fn url(&self) -> String {
        self.anvil.url()
    }

    /// The call that gives a wearable away.
    pub(crate) fn transfer(&self, id: &WearableId, from: Address, to: Address) -> Call {
        let transfer = IERC721::transferFromCall {
            from,
            to,
            tokenId: id.token_id.0,
        };
        Call::new(self.collection.address, transfer.abi_encode().into())
    }

    /// Sends calls of one account, 25 a block, and checks that every one was mined.
    pub(crate) async fn send_all(&self, from: Address, calls: Vec<Call>) -> Result<()> {
        let nonce: U64 = self
            .call("eth_getTransactionCount", json!([from, "latest"]))
            .await?;
        let end = nonce.to::<u64>() + calls.len() as u64;
        let _: Value = self.call("evm_setAutomine", json!([false])).await?;
        let transactions: Vec<Value> = (nonce.to::<u64>()..)
            .zip(&calls)
            .map(|(nonce, call)| json!([transaction(from, call, Some(nonce))]))
            .collect();
        for block in transactions.chunks(PER_BLOCK) {
            let _: Vec<B256> = self.batch("eth_sendTransaction", block).await?;
            let _: Value = self.call("evm_mine", json!([])).await?;
        }
        let _: Value = self.call("evm_setAutomine", json!([true])).await?;
        let mined: U64 = self
            .call("eth_getTransactionCount", json!([from, "latest"]))
            .await?;
        ensure!(
            mined.to::<u64>() == end,
            "Anvil mined up to nonce {mined}, not {end}"
        );
        Ok(())
    }

    /// Sends one call of an account that Anvil signs for; says in which block it was mined.
    pub(crate) async fn send(&self, from: Address, call: &Call) -> Result<u64> {
        let hash: B256 = self
            .call("eth_sendTransaction", json!([transaction(from, call, None)]))
            .await?;
        loop {
            let receipt: Value = self.call("eth_getTransactionReceipt", json!([hash])).await?;
            if let Some(number) = receipt["blockNumber"].as_str() {
                ensure!(receipt["status"] == "0x1", "a transfer failed: {receipt}");
                return Ok(u64::from_str_radix(number.trim_start_matches("0x"), 16)?);
            }
        }
    }

    /// One JSON-RPC call.
    pub(crate) async fn call<R: DeserializeOwned>(&self, method: &str, params: Value) -> Result<R> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let response = self.http.post(self.url()).json(&body).send().await?;
        let answer: Answer<R> =
            serde_json::from_slice(&response.bytes().await?).with_context(|| method.to_owned())?;
        answer.result(method)
    }

    /// Several calls of one method in one question.
    pub(crate) async fn batch<R: DeserializeOwned>(&self, method: &str, params: &[Value]) -> Result<Vec<R>> {
        let body: Vec<Value> = (0..)
            .zip(params)
            .map(|(id, params): (u32, _)| {
                json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
            })
            .collect();
        let response = self.http.post(self.url()).json(&body).send().await?;
        let mut answers: Vec<Answer<R>> =
            serde_json::from_slice(&response.bytes().await?).with_context(|| method.to_owned())?;
        answers.sort_by_key(|answer| answer.id);
        answers.into_iter().map(|answer| answer.result(method)).collect()
    }
}

#[derive(serde::Deserialize)]
struct Answer<R> {
    id: u32,
    result: Option<R>,
    error: Option<Value>,
}

impl<R: DeserializeOwned> Answer<R> {
    fn result(self, method: &str) -> Result<R> {
        match (self.result, self.error) {
            (_, Some(error)) => bail!("{method}: {error}"),
            (Some(result), None) => Ok(result),
            // `null` is an answer where the type has room for it.
            (None, None) => serde_json::from_value(Value::Null).with_context(|| method.to_owned()),
        }
    }
}

fn transaction(from: Address, call: &Call, nonce: Option<u64>) -> Value {
    let mut transaction = json!({
        "from": from,
        "to": call.to,
        "data": Bytes::clone(&call.data),
        "gas": U64::from(GAS),
        "maxFeePerGas": U64::from(MAX_FEE_WEI),
        "maxPriorityFeePerGas": U64::from(1_u64),
    });
    if let Some(nonce) = nonce {
        transaction["nonce"] = json!(U64::from(nonce));
    }
    transaction
}
