//! A commit is mined while a reorganisation has its collection taken away: a call to an account without code succeeds.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use serde_json::{Value, json};
use vestiary::abi::{IIssuerRegistry, IWearableCollection, SolCall as _, SolError as _, SolEvent};
use vestiary::ids::{CollectionId, DesignId, IssuerId};
use vestiary_chain::sim::{Fate, SimCall, SimChain, SimOptions, SimOutcome, SimStorage};
use vestiary_mirror::testing::{self, ChainBuilder};
use vestiary_signing::codes::Seed;

use crate::support::actors::{Actor, Brand, licence_of};
use crate::support::simulated::{SimGround, SimServed};
use crate::support::{eventually, fixture};

/// Blocks until one is final.
const FINAL: u64 = 8;
/// In storage while the collection stands.
const CREATED: &[u8] = b"created";
/// Before the roots that were committed.
const ROOT: &[u8] = b"root";

fn collection() -> CollectionId {
    testing::collection(0xc0)
}

fn log(emitter: Address, event: &impl SolEvent) -> Log {
    let data = event.encode_log_data();
    Log::new_unchecked(emitter, data.topics().to_vec(), data.data)
}

/// The factory makes the one collection.
fn create(minter: Address, storage: &mut SimStorage) -> SimOutcome {
    storage.insert(CREATED.to_vec(), Vec::new());
    let mut chain = ChainBuilder::new(testing::config());
    let logs = chain.create(collection(), 1, 0, minter).end_block().logs;
    let logs = logs
        .into_iter()
        .map(|log| Log::new_unchecked(log.address, log.topics, log.data));
    SimOutcome {
        logs: logs.collect(),
        output: Bytes::new(),
    }
}

/// The collection takes its first batch once; before it is created it is an account without code.
fn commit(call: &SimCall, storage: &mut SimStorage) -> Result<SimOutcome, Bytes> {
    use IWearableCollection::{BadSerial, BatchCommitted, DesignOpened, commitBatchBySignatureCall};
    if !storage.contains_key(CREATED) {
        return Ok(SimOutcome::default());
    }
    let batch = commitBatchBySignatureCall::abi_decode(&call.data).unwrap().batch;
    if storage.insert(ROOT.to_vec(), batch.root.to_vec()).is_some() {
        let refused = BadSerial {
            expected: batch.firstSerial + batch.count,
            given: batch.firstSerial,
        };
        return Err(refused.abi_encode().into());
    }
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
    Ok(SimOutcome {
        logs: vec![log(address, &opened), log(address, &committed)],
        output: Bytes::new(),
    })
}

/// A chain on which the collection can be created, and a service with a brand that issues in it.
struct Scene {
    chain: SimChain,
    served: SimServed,
    brand: Brand,
    _ground: SimGround,
}

impl Scene {
    async fn new() -> Self {
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
        chain.set_contract(collection().address, commit);
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
            _ground: ground,
        }
    }

    /// Asks the factory for the collection, in a block of its own.
    async fn create(&self) {
        self.chain.call(SimCall {
            from: self.brand.account.address(),
            to: testing::config().factory,
            data: Bytes::new(),
            value_wei: U256::ZERO,
        });
        self.mine(1).await;
    }

    async fn mine(&self, blocks: u64) {
        self.chain.mine_blocks(blocks);
        self.served.settle(&self.chain).await;
    }

    /// Registers the collection and a design, and issues its first batch; the batch's path.
    async fn issue(&self) -> String {
        let (client, brand) = (&self.served.client, &self.brand);
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
            "name": "Manteau Nuit",
            "slot": "torso",
            "edition": "0",
            "terms": { "recovery_until": 0, "choose_by": 0, "default": "none" },
            "licence": licence_of(&digests[0]),
            "representations": [{ "profile": "plaza", "sha256": digests[1], "lod": 0 }],
        });
        let design = client.post("/v1/designs", "design", &body).await.expect(201);
        let design: DesignId = design["design_id"].as_str().unwrap().parse().unwrap();
        let batch = brand.batch(design, 1, 2);
        let prepared = client.post("/v1/batches", "batch", &batch).await.expect(202);
        let path = format!("/v1/batches/{}", prepared["id"].as_str().unwrap());
        let signed = brand.sign(&prepared);
        client
            .post(&format!("{path}/commit"), "", &signed)
            .await
            .expect(200);
        path
    }

    /// Waits until the service has sent something, and says what.
    async fn sent(&self) -> B256 {
        eventually("the service sends", async || {
            self.chain.waiting().first().copied()
        })
        .await
    }

    /// Waits until the batch is in a state.
    async fn wait(&self, path: &str, state: &str) -> Value {
        eventually(state, async || {
            let view = self.served.client.get(path).await.expect(200);
            (view["state"] == state).then_some(view)
        })
        .await
    }

    /// How often the batch's root was committed on the chain as it stands.
    fn committed(&self) -> usize {
        let topic = IWearableCollection::BatchCommitted::SIGNATURE_HASH;
        let logs = self.chain.logs();
        logs.iter()
            .filter(|(_, log)| log.topics.first() == Some(&topic))
            .count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_collection_was_reorganised_away_is_not_final_and_goes_out_again_when_it_is_back() {
    let scene = Scene::new().await;
    let (chain, client) = (&scene.chain, &scene.served.client);
    let below = chain.head();
    scene.create().await;
    let path = scene.issue().await;
    let commit = scene.sent().await;
    scene.mine(1).await;
    scene.wait(&path, "committed").await;
    assert_eq!(scene.committed(), 1);

    // The branch without the creation has the commit all the same: it calls an account without code, and succeeds.
    let depth = chain.head().number - below.number;
    chain.reorg(usize::try_from(depth).unwrap(), |transaction| {
        if transaction == commit {
            Fate::Returned
        } else {
            Fate::Dropped
        }
    });
    scene.mine(depth + 1).await;
    assert_eq!(scene.committed(), 0);
    for _ in 0..=FINAL {
        scene.mine(1).await;
        // Rounds of the sender between two blocks.
        tokio::time::sleep(Duration::from_millis(60)).await;
        let view = client.get(&path).await.expect(200);
        assert_ne!(view["state"], "finalized", "nothing was committed");
    }
    let waits = eventually("the commit is known to be without effect", async || {
        let view = client.get(&path).await.expect(200);
        assert_ne!(view["state"], "finalized", "nothing was committed");
        (view["reason"] == "without_effect").then_some(view)
    })
    .await;
    assert_eq!(
        (&waits["state"], &waits["transaction"]),
        (&json!("logged"), &json!(""))
    );
    let metrics = client.get("/metrics").await.text();
    let step = metrics
        .lines()
        .find(|line| line.starts_with("vestiary_order_steps_total{step=\"without_effect\"}"))
        .expect("the step is counted");
    assert_ne!(step.rsplit(' ').next(), Some("0"), "{step}");

    // There is nothing to commit to: nothing is sent, whatever goes by.
    for _ in 0..4 {
        scene.mine(8).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(chain.waiting().is_empty(), "sent to an account without code");
    }

    // The creation comes back, and the commit with it, once.
    scene.create().await;
    let again = scene.sent().await;
    assert_ne!(
        again, commit,
        "another transaction: the nonce of the first is used up"
    );
    scene.mine(1).await;
    let view = scene.wait(&path, "committed").await;
    assert_eq!(view["reason"], "");
    scene.mine(FINAL + 1).await;
    scene.wait(&path, "finalized").await;
    assert_eq!(scene.committed(), 1);
    scene.served.stop().await;
}
