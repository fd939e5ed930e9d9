//! A service as it runs, on a chain made of blocks that the contracts could have written.
//!
//! Everything a brand does goes through the routes; only what the chain would say is applied to the mirror
//! straight, since no row here measures the follower.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::{Address, B256, U256, keccak256};
use anyhow::{Context as _, Result, bail, ensure};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use vestiary::abi::{IIssuerRegistry, IWearableCollection};
use vestiary::batch_file::BatchFile;
use vestiary::block::Block;
use vestiary::ids::{CollectionId, IssuerId, WearableId};
use vestiary::typed_data::CommitBatch;
use vestiary_chain::deploy::{Deployment, FORMAT};
use vestiary_chain::sim::{SimCall, SimChain, SimOptions, SimOutcome, SimStorage};
use vestiary_log::Disk;
use vestiary_log::seams::{SystemClock, SystemRandom};
use vestiary_mirror::MirrorConfig;
use vestiary_mirror::testing::ChainBuilder;
use vestiary_server::chain_status::Heads;
use vestiary_server::issuing::commit;
use vestiary_server::journal::BatchId;
use vestiary_server::keyring::Keyring;
use vestiary_server::service::Service;
use vestiary_server::startup::{self, FIRST_API_KEY_FILE, Outside};
use vestiary_server::{http, serve, worker};
use vestiary_signing::{AccountKey, KdfCost, Memory, Passphrase, Purpose};

use crate::machine;

/// Wearables in one batch.
pub(crate) const BATCH: u64 = 1_000;
/// The world that asks.
pub(crate) const WORLD: &str = "plaza";
/// The log's name.
const ORIGIN: &str = "log.example/bench";

/// What unlocks the keys; they guard nothing.
pub(crate) fn passphrase() -> Result<Passphrase> {
    Ok(Passphrase::new("a bench has no secrets".into())?)
}

/// Address of the simulated anchors.
const LOG_ANCHOR: Address = Address::repeat_byte(0xa3);

/// Directories, keys and deployment file of a service at `dir`, and its configuration as text.
pub(crate) fn furnish(dir: &Path, deployment: &Deployment, rpc_url: &str, poll_ms: u64) -> Result<String> {
    let data_dir = dir.join("data");
    std::fs::create_dir_all(data_dir.join("keys"))?;
    Keyring::make_missing(
        &data_dir.join("keys"),
        &passphrase()?,
        KdfCost::Development,
        &SystemRandom,
    )?;
    let deployment_path = dir.join("deployment.json");
    std::fs::write(&deployment_path, deployment.to_bytes())?;
    let (data_dir, deployment) = (data_dir.display(), deployment_path.display());
    Ok(format!(
        "[service]\nlisten = '127.0.0.1:0'\npublic_url = 'http://127.0.0.1'\ndata_dir = '{data_dir}'\n\
         allow_development_keys = true\n\
         [chain]\nrpc_url = '{rpc_url}'\ndeployment = '{deployment}'\npoll_interval_ms = {poll_ms}\n\
         [log]\norigin = '{ORIGIN}'\n"
    ))
}

/// What a service gets from outside.
pub(crate) fn outside() -> Result<Outside> {
    Ok(Outside {
        files: Arc::new(Disk),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        passphrase: passphrase()?,
        endpoint: None,
    })
}

/// A batch that waits for its signature.
#[derive(Debug)]
pub(crate) struct Prepared {
    id: BatchId,
    commit: CommitBatch,
    signature: String,
}

/// The service and its brand.
#[derive(Debug)]
pub(crate) struct Bed {
    /// The service; its workers do not run.
    pub(crate) service: Arc<Service>,
    /// The chain so far.
    pub(crate) chain: ChainBuilder,
    /// The brand's collection.
    pub(crate) collection: CollectionId,
    router: axum::Router,
    api_key: String,
    brand: AccountKey,
    issuer_id: IssuerId,
    design_id: String,
    next_serial: u64,
    requests: u64,
}

impl Bed {
    /// Opens a service in an empty directory, with one brand, one collection, one design and one world.
    pub(crate) async fn open(dir: &Path) -> Result<Self> {
        let node = SimChain::new(SimOptions::default());
        // What a start asks the log's anchors: there is none yet.
        node.set_contract(LOG_ANCHOR, |_: &SimCall, _: &mut SimStorage| {
            Ok(SimOutcome {
                output: U256::ZERO.to_be_bytes_vec().into(),
                ..SimOutcome::default()
            })
        });
        let genesis_hash = node.block_at(0).context("a chain has a genesis block")?.hash;
        let deployment = Deployment {
            format: FORMAT.into(),
            chain: SimOptions::default().chain,
            genesis_hash,
            first_block: 1,
            log_anchor: LOG_ANCHOR,
            registry: Address::repeat_byte(0xa1),
            estate: Address::repeat_byte(0xa6),
            recovery: Address::repeat_byte(0xa7),
            implementation: Address::repeat_byte(0xa4),
            factory: Address::repeat_byte(0xa2),
            log_anchor_code_hash: B256::repeat_byte(0xa3),
            registry_code_hash: B256::repeat_byte(0xa1),
            estate_code_hash: B256::repeat_byte(0xa6),
            recovery_code_hash: B256::repeat_byte(0xa7),
            factory_code_hash: B256::repeat_byte(0xa2),
            implementation_code_hash: B256::repeat_byte(0xa4),
            clone_code_hash: B256::repeat_byte(0xa5),
        };
        let text = furnish(dir, &deployment, "http://127.0.0.1:1", 500)?;
        let outside = Outside {
            endpoint: Some(node.endpoint()),
            ..outside()?
        };
        let service = startup::open(toml::from_str(&text)?, outside).await?;
        let api_key = std::fs::read_to_string(dir.join("data").join(FIRST_API_KEY_FILE))?;
        let chain = ChainBuilder::new(MirrorConfig {
            chain: deployment.chain,
            genesis_hash,
            registry: deployment.registry,
            factory: deployment.factory,
            log_anchor: deployment.log_anchor,
            first_block: deployment.first_block,
            log_origin: ORIGIN.into(),
        });
        let mut bed = Self {
            router: http::router(Arc::clone(&service), serve::metrics_handle()?),
            collection: CollectionId::new(deployment.chain, Address::repeat_byte(0xc0)),
            api_key: api_key.trim().to_owned(),
            brand: AccountKey::import(Purpose::Issuer, &[0x42; 32])?,
            issuer_id: IssuerId::new(1)?,
            design_id: String::new(),
            next_serial: 1,
            requests: 0,
            service,
            chain,
        };
        bed.establish(&deployment).await?;
        Ok(bed)
    }

    async fn establish(&mut self, deployment: &Deployment) -> Result<()> {
        let key = self.service.signing.make_certificate_key(self.issuer_id)?;
        let issuer = self.issuer_id.get();
        let origin_hash = keccak256(ORIGIN);
        let added = IIssuerRegistry::KeyAdded {
            issuerId: issuer,
            key: key.to_bytes().into(),
            originHash: origin_hash,
            fromIndex: 0,
        };
        let accepted = IIssuerRegistry::LogAccepted {
            issuerId: issuer,
            originHash: origin_hash,
            anchoringAccount: self.service.signing.anchoring_account(),
        };
        self.chain
            .register(issuer, self.brand.address(), "")
            .create(
                self.collection,
                issuer,
                0,
                self.service.signing.submitter().address(),
            )
            .next_transaction()
            .event(deployment.registry, &accepted)
            .next_transaction()
            .event(deployment.registry, &added);
        self.end_block()?;

        self.post(
            "/v1/issuers",
            &json!({ "issuer_id": "1", "name": "Maison Exemple" }),
        )
        .await?;
        let collection = self.collection.to_string();
        self.post("/v1/collections", &json!({ "collection": collection }))
            .await?;
        let garments = machine::root().join("fixtures/garments");
        let file = self.upload(garments.join("coat-plaza.glb")).await?;
        let licence = self.upload(garments.join("licence.txt")).await?;
        let design = self
            .post(
                "/v1/designs",
                &json!({
                    "collection": collection,
                    "name": "Manteau Nuit",
                    "slot": "torso",
                    "edition": "0",
                    "terms": { "recovery_until": 0, "choose_by": 0, "default": "none" },
                    "licence": {
                        "sha256": licence,
                        "may_cache": true,
                        "age": "all",
                        "vrm": {
                            "avatarPermission": "onlySeparatelyLicensedPerson",
                            "allowExcessivelyViolentUsage": false,
                            "allowExcessivelySexualUsage": false,
                            "commercialUsage": "personalNonProfit",
                            "allowPoliticalOrReligiousUsage": false,
                            "allowAntisocialOrHateUsage": false,
                            "creditNotation": "required",
                            "allowRedistribution": false,
                            "modification": "prohibited",
                        },
                    },
                    "representations": [{ "profile": WORLD, "sha256": file, "lod": 0 }],
                }),
            )
            .await?;
        self.design_id = text(&design, "design_id")?;
        let world = std::fs::read(machine::root().join(format!("fixtures/worlds/{WORLD}.json")))?;
        self.post("/v1/worlds", &serde_json::from_slice(&world)?).await?;
        Ok(())
    }

    /// Prepares the next 1,000 wearables and signs for them as the brand; nothing is certified or logged yet.
    pub(crate) async fn prepare(&mut self) -> Result<Prepared> {
        let first = self.next_serial;
        let items: Vec<Value> = (first..first + BATCH)
            .map(|serial| {
                json!({
                    "serial": serial.to_string(),
                    "claim_key": format!("{:#x}", owner(serial)),
                    "binding": "code",
                    "gtin": "09506000134352",
                    "gs1_serial": format!("VN{serial:09}"),
                    "sku": "VN-COAT-38",
                })
            })
            .collect();
        let body = json!({
            "collection": self.collection.to_string(),
            "design_id": self.design_id,
            "first_serial": first.to_string(),
            "count": BATCH.to_string(),
            "items": items,
        });
        let view = self.post("/v1/batches", &body).await?;
        let id = BatchId(text(&view, "id")?);
        let batch = self.service.ledger.read(|state| state.batches.get(&id).cloned());
        let batch = batch.context("the prepared batch is not in the journal")?;
        let commit = commit::typed_data(&self.service, &batch)?;
        let signature = self
            .brand
            .sign_commit_batch(&Memory::fresh(), self.collection, &commit)?;
        self.next_serial += BATCH;
        Ok(Prepared {
            id,
            commit,
            signature: format!("0x{}", hex::encode(signature.as_bytes())),
        })
    }

    /// Gives the signature: certificates are signed, statements logged, all fsynced, before this answers.
    pub(crate) async fn commit(&self, prepared: &Prepared) -> Result<()> {
        let path = format!("/v1/batches/{}/commit", prepared.id);
        let request = self
            .request("POST", &path)
            .body(Body::from(json!({ "signature": prepared.signature }).to_string()))?;
        let view = self.answer(request).await?;
        ensure!(!text(&view, "receipt")?.is_empty(), "no receipt: {view}");
        Ok(())
    }

    /// What the chain shows once the batch is there and every piece of it was claimed.
    pub(crate) async fn mint(
        &mut self,
        prepared: &Prepared,
        owner: impl Fn(u64) -> Address,
    ) -> Result<Vec<(WearableId, Address)>> {
        let request = self
            .request("GET", &format!("/v1/batches/{}/file", prepared.id))
            .body(Body::empty())?;
        let response = self.router.clone().oneshot(request).await?;
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await?;
        let file = BatchFile::parse(&bytes)?;
        let commit = &prepared.commit;
        let address = self.collection.address;
        self.chain.next_transaction();
        if commit.first_serial.get() == 1 {
            let opened = IWearableCollection::DesignOpened {
                designId: commit.design_id.get(),
                designDigest: commit.design_digest.b256(),
                edition: commit.edition,
                terms: commit.terms,
            };
            self.chain.event(address, &opened);
        }
        let committed = IWearableCollection::BatchCommitted {
            designId: commit.design_id.get(),
            firstSerial: commit.first_serial.get(),
            count: commit.count,
            root: commit.root,
        };
        self.chain.event(address, &committed);
        self.end_block()?;
        let mut minted = Vec::new();
        for leaf in file.tree().leaves() {
            let serial = leaf.token_id.serial().context("a leaf without serial")?.get();
            let (id, to) = (self.collection.wearable(leaf.token_id), owner(serial));
            let certified = IWearableCollection::Certified {
                tokenId: U256::from(leaf.token_id.0),
                certificateDigest: leaf.certificate_digest.b256(),
            };
            self.chain
                .transfer(id, Address::ZERO, to)
                .event(address, &certified);
            minted.push((id, to));
        }
        self.end_block()?;
        Ok(minted)
    }

    /// Ends the block and lets the service know it.
    pub(crate) fn end_block(&mut self) -> Result<Block> {
        let block = self.chain.end_block();
        apply(&self.service, &block)?;
        Ok(block)
    }

    /// Folds the log into the mirror, as the worker would.
    pub(crate) async fn fold_log(&self) -> Result<()> {
        worker::follow::fold_entries(&self.service).await
    }

    /// The routes.
    pub(crate) fn router(&self) -> axum::Router {
        self.router.clone()
    }

    async fn upload(&mut self, path: PathBuf) -> Result<String> {
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let request = self.request("POST", "/v1/files").body(Body::from(bytes))?;
        text(&self.answer(request).await?, "sha256")
    }

    async fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.requests += 1;
        let request = self
            .request("POST", path)
            .header("idempotency-key", format!("bench-{}", self.requests))
            .body(Body::from(body.to_string()))?;
        self.answer(request).await
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.api_key))
    }

    async fn answer(&self, request: Request<Body>) -> Result<Value> {
        let asked = format!("{} {}", request.method(), request.uri());
        let response = self.router.clone().oneshot(request).await?;
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await?;
        if !matches!(
            status,
            StatusCode::OK | StatusCode::CREATED | StatusCode::ACCEPTED
        ) {
            bail!("{asked}: {status} {}", String::from_utf8_lossy(&bytes));
        }
        serde_json::from_slice(&bytes).with_context(|| asked)
    }
}

/// Applies a block as the follower's news.
pub(crate) fn apply(service: &Service, block: &Block) -> Result<()> {
    service.mirror.apply_block(block)?;
    let head = block.block_ref();
    let heads = Heads {
        head,
        safe: Some(head),
        finalized: None,
    };
    service.chain.caught_up(heads, service.clock.now_unix_ms());
    Ok(())
}

/// The `index`-th wallet.
pub(crate) fn owner(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[..20])
}

/// How many wearables each of the wallets has.
pub(crate) type Wardrobes = BTreeMap<Address, Vec<WearableId>>;

fn text(value: &Value, field: &str) -> Result<String> {
    let text = value[field].as_str();
    Ok(text.with_context(|| format!("no {field} in {value}"))?.to_owned())
}
