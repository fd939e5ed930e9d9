//! A service that answers a brand as ours does, but for its lie. It has no log and no chain.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::Address;
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use ed25519_dalek::{Signer as _, SigningKey};
use vestiary::batch_file::BatchFile;
use vestiary::certificate::{CertificateFields, UnsignedCertificate};
use vestiary::design::Design;
use vestiary::digest::Sha256;
use vestiary::ids::{
    AccountId, ChainId, CollectionId, DesignId, IssuerId, SerialRange, TokenId, parse_address,
};
use vestiary::keys::PublicKey;
use vestiary::receipt::Receipt;
use vestiary::roots::{ChainRoot, CheckpointPolicy, ContractRoots, IssuerRoot, LogRoot, Policy, Roots};
use vestiary::timestamp::Timestamp;
use vestiary::typed_data::CommitBatch;
use vestiary_server::api::{
    AsOf, BatchView, CollectionView, CommitBatchBody, DesignView, IssuerView, NewBatch, Page,
};
use vestiary_server::issuing::preparation::{self, PreparedWearable};
use vestiary_server::journal::BatchId;
use vestiary_tlog::{KeyName, SignatureType, VerifierKey, leaf_hash};

use crate::support::papers;

/// The log that the brand's issuer accepted.
pub(super) const ORIGIN: &str = "log.example/2026";
/// A log that the roots have too, in which the issuer's key does not count.
pub(super) const OTHER_ORIGIN: &str = "log.example/2027";
/// The name of every batch here.
const BATCH: &str = "b_1";

/// What the service says other than it is; each leaves everything as it is where nothing is said of it.
#[derive(Clone, Copy)]
pub(super) struct Lie {
    /// What stands in the certificates, and so in what is said of the issuer.
    pub(super) certificate: fn(&mut CertificateFields),
    /// The design's document.
    pub(super) design: fn(&mut Design),
    /// The batch that an answer with a receipt is about.
    pub(super) answered: fn(&mut NewBatch),
    /// The batch whose file is handed out.
    pub(super) filed: fn(&mut NewBatch),
    /// What is promised.
    pub(super) receipt: fn(&mut Receipt),
    /// Whether the batch is said to be logged before anybody signed.
    pub(super) logged_at_once: bool,
}

impl Lie {
    /// The truth.
    pub(super) const NONE: Self = Self {
        certificate: |_| (),
        design: |_| (),
        answered: |_| (),
        filed: |_| (),
        receipt: |_| (),
        logged_at_once: false,
    };
}

/// The service.
pub(super) struct Service {
    lie: Lie,
    account: Address,
    asked: Mutex<Option<NewBatch>>,
    signatures: AtomicUsize,
    now_s: u64,
}

pub(super) fn collection() -> CollectionId {
    CollectionId::new(ChainId(31_337), [0xc0; 20].into())
}

pub(super) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(super) fn public(seed: u8) -> PublicKey {
    PublicKey::from_bytes(key(seed).verifying_key().as_bytes()).unwrap()
}

fn vkey(name: &str, seed: u8) -> VerifierKey {
    let public = key(seed).verifying_key().to_bytes();
    VerifierKey::new(KeyName::new(name).unwrap(), SignatureType::Ed25519, &public).unwrap()
}

/// What the brand believes: two logs of one operator, its own key in the first.
pub(super) fn roots() -> Roots {
    let log = |origin: &str| LogRoot {
        origin: origin.into(),
        vkey: vkey(origin, 2),
        receipt_vkey: vkey(&format!("{origin}/receipt"), 3),
        anchoring_account: [0xaa; 20].into(),
    };
    Roots {
        chain: ChainRoot {
            id: collection().chain,
            block_hash: [1; 32].into(),
        },
        contracts: ContractRoots {
            registry: [0xa0; 20].into(),
            log_anchor: [0xa1; 20].into(),
            factory: None,
            implementation_code_hashes: vec![[2; 32].into()],
        },
        logs: vec![log(ORIGIN), log(OTHER_ORIGIN)],
        issuers: vec![IssuerRoot {
            id: IssuerId::new(1).unwrap(),
            log: Some(ORIGIN.into()),
            key: public(1),
            from_index: 0,
            until_index: None,
            repudiated_from_index: None,
        }],
        policy: Policy {
            checkpoint: CheckpointPolicy::LogKey,
        },
    }
}

impl Service {
    /// Starts a service with this lie, for the brand with this account.
    pub(super) async fn start(lie: Lie, account: Address) -> (Arc<Self>, String) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let service = Arc::new(Self {
            lie,
            account,
            asked: Mutex::new(None),
            signatures: AtomicUsize::new(0),
            now_s: now.as_secs(),
        });
        let routes = Router::new()
            .route("/v1/designs", get(designs))
            .route("/v1/collections/{id}", get(collection_view))
            .route("/v1/issuers/{id}", get(issuer))
            .route("/v1/batches", post(prepare))
            .route("/v1/batches/{id}/preparation", get(preparation))
            .route("/v1/batches/{id}/commit", post(commit))
            .route("/v1/batches/{id}/file", get(file))
            .with_state(Arc::clone(&service));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (service, url)
    }

    /// How many signatures it was given.
    pub(super) fn signatures(&self) -> usize {
        self.signatures.load(Ordering::SeqCst)
    }

    fn design(&self) -> Design {
        let mut design = papers::design("coat");
        (self.lie.design)(&mut design);
        design
    }

    fn fields(&self, token_id: TokenId) -> CertificateFields {
        let design = self.design();
        let mut fields = CertificateFields {
            issuer_key: public(1),
            issuer_name: "Atelier".into(),
            issuer_id: IssuerId::new(1).unwrap(),
            registry: AccountId::new(collection().chain, [0xa0; 20].into()),
            wearable: collection().wearable(token_id),
            log_origin: ORIGIN.into(),
            design: design.digest().unwrap(),
            edition: design.edition,
            licence: design.licence.sha256,
            terms: design.terms,
            binding: "code".parse().unwrap(),
            salted_hashes: ["gs1_serial", "gtin", "sku"]
                .map(|name| (name.to_owned(), Sha256::of(name.as_bytes())))
                .into_iter()
                .collect::<BTreeMap<_, _>>(),
            valid_from: Timestamp::new(self.now_s).unwrap(),
        };
        (self.lie.certificate)(&mut fields);
        fields
    }

    fn items(&self, body: &NewBatch) -> Vec<PreparedWearable> {
        let design_id: DesignId = body.design_id.parse().unwrap();
        let item = |item: &vestiary_server::api::NewWearable| PreparedWearable {
            claim_key: parse_address(&item.claim_key).unwrap(),
            certificate: UnsignedCertificate::new(
                self.fields(TokenId::new(design_id, item.serial.parse().unwrap())),
            )
            .unwrap(),
        };
        body.items.iter().map(item).collect()
    }

    fn view(&self, body: &NewBatch, state: &str) -> BatchView {
        let tree = preparation::tree(&self.items(body)).unwrap();
        let design = self.design();
        let commit = CommitBatch {
            design_id: body.design_id.parse().unwrap(),
            first_serial: body.first_serial.parse().unwrap(),
            count: body.count.parse().unwrap(),
            edition: design.edition.0,
            terms: design.terms.pack().unwrap(),
            design_digest: design.digest().unwrap(),
            root: tree.root(),
            deadline: self.now_s + 3600,
        };
        let receipt = match state {
            "logged" => self.receipt(&commit),
            _ => String::new(),
        };
        BatchView {
            id: BATCH.into(),
            state: state.into(),
            collection: body.collection.clone(),
            design_id: body.design_id.clone(),
            first_serial: body.first_serial.clone(),
            count: body.count.clone(),
            root: tree.root().to_string(),
            expires: String::new(),
            typed_data: commit.wallet_json(collection()),
            receipt,
            batch_file_url: String::new(),
            transaction: String::new(),
            reason: String::new(),
        }
    }

    fn receipt(&self, commit: &CommitBatch) -> String {
        let mut receipt = Receipt {
            origin: ORIGIN.into(),
            batch_index: 5,
            leaf_hash: leaf_hash(b"a batch"),
            size: 6,
            root: leaf_hash(b"a log"),
            collection: collection(),
            design_id: commit.design_id,
            serials: SerialRange::new(commit.first_serial, commit.count).unwrap(),
            commit_by: self.now_s + 3600,
        };
        (self.lie.receipt)(&mut receipt);
        let signed = receipt.sign(&vkey(&receipt.key_name(), 3), |text| key(3).sign(text).to_bytes());
        String::from_utf8(signed.unwrap().to_bytes()).unwrap()
    }

    /// The answer with a receipt, about what it chooses to be about.
    fn logged(&self) -> BatchView {
        let mut body = self.asked();
        (self.lie.answered)(&mut body);
        self.view(&body, "logged")
    }

    fn asked(&self) -> NewBatch {
        self.asked.lock().unwrap().clone().unwrap()
    }
}

type Asked = State<Arc<Service>>;

async fn designs(State(service): Asked) -> Json<Page<DesignView>> {
    let design = service.design();
    let view = DesignView {
        collection: collection().to_string(),
        design_id: "1".into(),
        digest: design.digest().unwrap().to_string(),
        log_index: "1".into(),
        next_serial: "1".into(),
        document: serde_json::to_value(&design).unwrap(),
    };
    Json(Page {
        items: vec![view],
        next_cursor: String::new(),
        as_of: AsOf {
            chain: collection().chain.to_string(),
            block: "1".into(),
            hash: String::new(),
            time: String::new(),
            finality: "latest".into(),
            log_size: "1".into(),
        },
    })
}

async fn collection_view(State(service): Asked) -> Json<CollectionView> {
    let fields = service.fields("18446744073709551617".parse().unwrap());
    Json(CollectionView {
        id: collection().to_string(),
        issuer_id: fields.issuer_id.to_string(),
        name: "coats".into(),
        minter: true,
        next_design_id: "2".into(),
    })
}

async fn issuer(State(service): Asked) -> Json<IssuerView> {
    let fields = service.fields("18446744073709551617".parse().unwrap());
    Json(IssuerView {
        id: fields.issuer_id.to_string(),
        name: fields.issuer_name,
        account: AccountId::new(collection().chain, service.account).to_string(),
        did: String::new(),
        did_proof: "unproven".into(),
        certificate_key: fields.issuer_key.to_multikey(),
        key_added: true,
        log_accepted: true,
    })
}

async fn prepare(State(service): Asked, Json(body): Json<NewBatch>) -> Json<BatchView> {
    *service.asked.lock().unwrap() = Some(body.clone());
    Json(if service.lie.logged_at_once {
        service.logged()
    } else {
        service.view(&body, "prepared")
    })
}

async fn preparation(State(service): Asked) -> Vec<u8> {
    preparation::write(&BatchId(BATCH.into()), &service.items(&service.asked())).unwrap()
}

async fn commit(State(service): Asked, Json(_): Json<CommitBatchBody>) -> Json<BatchView> {
    service.signatures.fetch_add(1, Ordering::SeqCst);
    Json(service.logged())
}

async fn file(State(service): Asked) -> Vec<u8> {
    let mut body = service.asked();
    (service.lie.answered)(&mut body);
    (service.lie.filed)(&mut body);
    let range = SerialRange::new(body.first_serial.parse().unwrap(), body.count.parse().unwrap());
    let leaves = service.items(&body).iter().map(PreparedWearable::leaf).collect();
    let file = BatchFile::new(
        collection(),
        body.design_id.parse().unwrap(),
        range.unwrap(),
        leaves,
    );
    file.unwrap().to_bytes()
}
