//! A simulated chain with one collection that commits and claims, and a service with a brand that issues in it.

use std::path::Path;
use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use serde_json::{Value, json};
use vestiary::abi::{IERC721, IIssuerRegistry, IWearableCollection, SolCall, SolError as _, SolEvent};
use vestiary::certificate::Certificate;
use vestiary::digest::Sha256;
use vestiary::ids::{CollectionId, DesignId, IssuerId, WearableId};
use vestiary_chain::sim::{SimCall, SimChain, SimOptions, SimOutcome, SimStorage};
use vestiary_mirror::testing::{self, ChainBuilder};
use vestiary_signing::codes::Seed;

use super::actors::{Actor, Brand, licence_of};
use super::http::segment;
use super::simulated::{SimGround, SimServed};
use super::{eventually, fixture};

/// Blocks until one is final.
pub(crate) const FINAL: u64 = 8;
/// In storage while the collection stands.
const CREATED: &[u8] = b"created";

fn collection() -> CollectionId {
    testing::collection(0xc0)
}

fn log(emitter: Address, event: &impl SolEvent) -> Log {
    let data = event.encode_log_data();
    Log::new_unchecked(emitter, data.topics().to_vec(), data.data)
}

fn logged(logs: Vec<Log>) -> SimOutcome {
    SimOutcome {
        logs,
        output: Bytes::new(),
    }
}

/// A place in storage.
fn place(what: &str, name: impl AsRef<[u8]>) -> Vec<u8> {
    [what.as_bytes(), name.as_ref()].concat()
}

/// The factory makes the one collection.
fn create(minter: Address, storage: &mut SimStorage) -> SimOutcome {
    storage.insert(CREATED.to_vec(), Vec::new());
    let mut chain = ChainBuilder::new(testing::config());
    let logs = chain.create(collection(), 1, 0, minter).end_block().logs;
    let logs = logs
        .into_iter()
        .map(|log| Log::new_unchecked(log.address, log.topics, log.data));
    logged(logs.collect())
}

/// The collection; before it is created it is an account without code.
fn perform(call: &SimCall, storage: &mut SimStorage) -> Result<SimOutcome, Bytes> {
    use IWearableCollection::{claimCall, commitBatchBySignatureCall, withdrawSerialCall};
    if !storage.contains_key(CREATED) {
        return Ok(SimOutcome::default());
    }
    if let Ok(call) = commitBatchBySignatureCall::abi_decode(&call.data) {
        return commit(&call.batch, storage);
    }
    if let Ok(call) = withdrawSerialCall::abi_decode(&call.data) {
        storage.insert(place("withdrawn", call.tokenId.to_be_bytes::<32>()), Vec::new());
        return Ok(SimOutcome::default());
    }
    claim(&claimCall::abi_decode(&call.data).unwrap(), storage)
}

/// Each design's batches, one after the other.
fn commit(batch: &IWearableCollection::Batch, storage: &mut SimStorage) -> Result<SimOutcome, Bytes> {
    use IWearableCollection::{BadSerial, BatchCommitted, DesignOpened};
    let next = place("next", batch.designId.to_be_bytes());
    let before = storage.get(&next).cloned();
    let expected = before.as_ref().map_or(1, |serial| {
        u64::from_be_bytes(serial.as_slice().try_into().unwrap())
    });
    if expected != batch.firstSerial {
        let refused = BadSerial {
            expected,
            given: batch.firstSerial,
        };
        return Err(refused.abi_encode().into());
    }
    let end = batch.firstSerial + batch.count;
    storage.insert(next, end.to_be_bytes().to_vec());
    storage.insert(place("root", batch.root), Vec::new());
    let opened = DesignOpened {
        designId: batch.designId,
        designDigest: batch.designDigest,
        edition: batch.edition,
        terms: batch.terms,
    };
    let committed = BatchCommitted {
        designId: batch.designId,
        firstSerial: batch.firstSerial,
        count: batch.count,
        root: batch.root,
    };
    let address = collection().address;
    let opened = before.is_none().then(|| log(address, &opened));
    Ok(logged(
        opened.into_iter().chain([log(address, &committed)]).collect(),
    ))
}

/// A wearable of a committed batch is claimed once, and never one that was withdrawn.
fn claim(call: &IWearableCollection::claimCall, storage: &mut SimStorage) -> Result<SimOutcome, Bytes> {
    use IWearableCollection::{AlreadyMinted, BadSignature, Certified, OutsideBatch};
    let (root, token) = (call.root, call.tokenId);
    let word = token.to_be_bytes::<32>();
    if !storage.contains_key(&place("root", root)) {
        return Err(OutsideBatch { root, tokenId: token }.abi_encode().into());
    }
    if storage.contains_key(&place("withdrawn", word)) {
        return Err(BadSignature {}.abi_encode().into());
    }
    if storage.insert(place("minted", word), Vec::new()).is_some() {
        return Err(AlreadyMinted { tokenId: token }.abi_encode().into());
    }
    let transfer = IERC721::Transfer {
        from: Address::ZERO,
        to: call.to,
        tokenId: token,
    };
    let certified = Certified {
        tokenId: token,
        certificateDigest: call.certificateDigest,
    };
    let address = collection().address;
    Ok(logged(vec![log(address, &transfer), log(address, &certified)]))
}

/// The chain, and the service.
pub(crate) struct Scene {
    pub(crate) chain: SimChain,
    pub(crate) served: SimServed,
    pub(crate) brand: Brand,
    ground: SimGround,
}

impl Scene {
    /// A chain on which the collection can be created, and a service with the brand.
    pub(crate) async fn new() -> Self {
        let config = testing::config();
        let chain = SimChain::new(SimOptions {
            chain: config.chain,
            safe_depth: FINAL / 2,
            finalized_depth: FINAL,
            ..SimOptions::default()
        });
        // Nothing was ever anchored; the anchoring account has no money either.
        chain.set_contract(config.log_anchor, |_: &SimCall, _: &mut SimStorage| {
            Ok(SimOutcome {
                logs: Vec::new(),
                output: Bytes::from_static(&[0; 32]),
            })
        });
        chain.set_contract(collection().address, perform);
        let ground = SimGround::lay(chain.clone());
        let served = ground.serve().await;
        let signing = &served.service.signing;
        let minter = signing.submitter().address();
        chain.set_contract(config.factory, move |_: &SimCall, storage: &mut SimStorage| {
            Ok(create(minter, storage))
        });
        chain.fund(minter, U256::from(10).pow(U256::from(21)));
        let brand = Brand {
            account: Actor::named("Atelier"),
            seed: Arc::new(Seed::import(&keccak256("Atelier").0)),
            issuer: IssuerId::new(1).unwrap(),
            collection: collection(),
            key: served.client.key.clone(),
        };
        let key = signing.make_certificate_key(brand.issuer).unwrap();
        let origin_hash = keccak256(&config.log_origin);
        let registered = IIssuerRegistry::IssuerRegistered {
            issuerId: 1,
            account: brand.account.address(),
            did: String::new(),
        };
        let accepted = IIssuerRegistry::LogAccepted {
            issuerId: 1,
            originHash: origin_hash,
            anchoringAccount: signing.anchoring_account(),
        };
        let added = IIssuerRegistry::KeyAdded {
            issuerId: 1,
            key: key.to_bytes().into(),
            originHash: origin_hash,
            fromIndex: 0,
        };
        let at = config.registry;
        chain.emit(vec![log(at, &registered), log(at, &accepted), log(at, &added)]);
        chain.mine_blocks(2);
        served.settle(&chain).await;
        let body = json!({ "issuer_id": "1", "name": "Atelier" });
        served
            .client
            .post("/v1/issuers", "issuer", &body)
            .await
            .expect(201);
        Self {
            chain,
            served,
            brand,
            ground,
        }
    }

    /// Stops the service, lets something be done to its data directory, and serves again.
    pub(crate) async fn restart(self, between: impl FnOnce(&Path)) -> Self {
        let Self {
            chain,
            served,
            brand,
            ground,
        } = self;
        served.stop().await;
        between(&ground.data_dir());
        let served = ground.serve().await;
        served.settle(&chain).await;
        Self {
            chain,
            served,
            brand,
            ground,
        }
    }

    /// Asks the factory for the collection, in a block of its own.
    pub(crate) async fn create(&self) {
        self.call(testing::config().factory, Bytes::new()).await;
    }

    /// Withdraws a serial that nobody claimed, in a block of its own.
    pub(crate) async fn withdraw(&self, wearable: WearableId) {
        let call = IWearableCollection::withdrawSerialCall {
            tokenId: wearable.token_id.0,
        };
        self.call(collection().address, call.abi_encode().into()).await;
    }

    async fn call(&self, to: Address, data: Bytes) {
        self.chain.call(SimCall {
            from: self.brand.account.address(),
            to,
            data,
            value_wei: U256::ZERO,
        });
        self.mine(1).await;
    }

    pub(crate) async fn mine(&self, blocks: u64) {
        self.chain.mine_blocks(blocks);
        self.served.settle(&self.chain).await;
    }

    /// Registers the collection and a design, and issues its first batch; the batch's path.
    pub(crate) async fn issue(&self) -> String {
        let design = self.design("Manteau Nuit").await;
        self.batch(&self.brand.batch(design, 1, 2)).await
    }

    /// Registers the collection and a design.
    pub(crate) async fn design(&self, name: &str) -> DesignId {
        let client = &self.served.client;
        let named = json!({ "collection": collection().to_string() });
        client
            .post("/v1/collections", "collection", &named)
            .await
            .expect(201);
        let mut digests = Vec::new();
        for name in ["licence.txt", "coat-plaza.glb"] {
            let file = client
                .upload(fixture(&format!("garments/{name}")))
                .await
                .expect(201);
            digests.push(file["sha256"].as_str().unwrap().to_owned());
        }
        let body = json!({
            "collection": collection().to_string(),
            "name": name,
            "slot": "torso",
            "edition": "0",
            "terms": { "recovery_until": 0, "choose_by": 0, "default": "none" },
            "licence": licence_of(&digests[0]),
            "representations": [{ "profile": "plaza", "sha256": digests[1], "lod": 0 }],
        });
        let key = keccak256(name).to_string();
        let design = client.post("/v1/designs", &key, &body).await.expect(201);
        design["design_id"].as_str().unwrap().parse().unwrap()
    }

    /// Issues a batch; its path.
    pub(crate) async fn batch(&self, body: &Value) -> String {
        let client = &self.served.client;
        let key = keccak256(body.to_string()).to_string();
        let prepared = client.post("/v1/batches", &key, body).await.expect(202);
        let path = format!("/v1/batches/{}", prepared["id"].as_str().unwrap());
        let signed = self.brand.sign(&prepared);
        client
            .post(&format!("{path}/commit"), "", &signed)
            .await
            .expect(200);
        path
    }

    /// The digest in a wearable's leaf.
    pub(crate) async fn digest(&self, wearable: WearableId) -> Sha256 {
        let path = format!("/v1/wearables/{}/certificate", segment(&wearable));
        let certificate = self.served.client.get(&path).await;
        assert_eq!(certificate.status, 200, "{}", certificate.text());
        Certificate::parse(&certificate.body).unwrap().digest()
    }

    /// Posts a claim; its path.
    pub(crate) async fn post_claim(&self, body: &Value) -> String {
        let claim = self.served.client.post("/v1/claims", "", body).await.expect(202);
        format!("/v1/claims/{}", claim["id"].as_str().unwrap())
    }

    /// Claims a wearable of the brand's for somebody, with its code; the claim's path.
    pub(crate) async fn claim(&self, wearable: WearableId) -> String {
        let digest = self.digest(wearable).await;
        let body = self
            .brand
            .claim_body(wearable, Actor::named("Ana").address(), digest);
        self.post_claim(&body).await
    }

    /// Waits until the service has sent something, and says what.
    pub(crate) async fn sent(&self) -> B256 {
        eventually("the service sends", async || {
            self.chain.waiting().first().copied()
        })
        .await
    }

    /// Waits until a batch or a claim is in a state.
    pub(crate) async fn wait(&self, path: &str, state: &str) -> Value {
        eventually(&format!("{path} is {state}"), async || {
            let view = self.served.client.get(path).await.expect(200);
            (view["state"] == state).then_some(view)
        })
        .await
    }

    /// The same where that takes blocks: they are mined as long as it is not.
    pub(crate) async fn mine_until(&self, path: &str, state: &str) -> Value {
        eventually(&format!("{path} is {state}"), async || {
            self.mine(1).await;
            let view = self.served.client.get(path).await.expect(200);
            (view["state"] == state).then_some(view)
        })
        .await
    }

    /// How often a root was committed on the chain as it stands.
    pub(crate) fn committed(&self) -> usize {
        let topic = IWearableCollection::BatchCommitted::SIGNATURE_HASH;
        let logs = self.chain.logs();
        logs.iter()
            .filter(|(_, log)| log.topics.first() == Some(&topic))
            .count()
    }
}
