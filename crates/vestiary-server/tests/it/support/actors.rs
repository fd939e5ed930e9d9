//! Those who use a ledger: a brand with its account and its seed, players with their wallets.

use std::path::Path;
use std::sync::Arc;

use alloy_primitives::{Address, B256, hex, keccak256};
use serde_json::{Value, json};
use vestiary::abi::{ICollectionFactory, IERC721, IIssuerRegistry, SolCall, SolEvent};
use vestiary::digest::Sha256;
use vestiary::ids::{CollectionId, DesignId, IssuerId, Serial, TokenId, WearableId};
use vestiary::keys::PublicKey;
use vestiary::typed_data::CommitBatch;
use vestiary_chain::calls::{self, NewCollection};
use vestiary_chain::once::{self, Mined};
use vestiary_chain::submitter::Call;
use vestiary_log::seams::SystemRandom;
use vestiary_signing::codes::{ClaimKey, Seed};
use vestiary_signing::{Account, AccountKey, KdfCost, Memory, Purpose, StoredKey as _};

use super::http::{Client, segment};
use super::{TestLedger, eventually, fixture, passphrase};

/// Accounts 0 to 9 of Anvil's published mnemonic.
const ANVIL_KEYS: [&str; 10] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
];

/// Somebody with an account on the chain.
#[derive(Clone, Debug)]
pub(crate) struct Actor(Arc<AccountKey>);

impl Actor {
    /// One of Anvil's accounts, with money.
    pub(crate) fn anvil(number: usize) -> Self {
        let secret: [u8; 32] = hex::decode(ANVIL_KEYS[number]).unwrap().try_into().unwrap();
        Self(Arc::new(AccountKey::import(Purpose::Issuer, &secret).unwrap()))
    }

    /// Somebody new, without money.
    pub(crate) fn named(name: &str) -> Self {
        let secret = keccak256(format!("vestiary test key, never use: {name}")).0;
        Self(Arc::new(AccountKey::import(Purpose::Issuer, &secret).unwrap()))
    }

    /// The account.
    pub(crate) fn address(&self) -> Address {
        self.0.address()
    }

    /// The address as the API writes it.
    pub(crate) fn text(&self) -> String {
        format!("{:#x}", self.address())
    }

    /// Its key for one transaction, with a memory of nothing: after a reorganisation a nonce is used again.
    pub(crate) fn signer(&self) -> Account {
        Account::new(Arc::clone(&self.0), Arc::new(Memory::fresh()))
    }

    /// Sends a call and waits until it is mined; a revert is decoded.
    pub(crate) async fn send(&self, ledger: &TestLedger, call: &Call) -> vestiary_chain::Result<Mined> {
        once::send(&ledger.ground.rpc, &self.signer(), call).await
    }

    /// Gives a wearable away by an ordinary ERC-721 transfer.
    pub(crate) async fn give(
        &self,
        ledger: &TestLedger,
        wearable: WearableId,
        to: Address,
    ) -> vestiary_chain::Result<Mined> {
        let transfer = IERC721::transferFromCall {
            from: self.address(),
            to,
            tokenId: wearable.token_id.0,
        };
        let call = Call::new(wearable.collection.address, transfer.abi_encode().into());
        self.send(ledger, &call).await
    }
}

/// A brand that is ready to issue.
#[derive(Clone, Debug)]
pub(crate) struct Brand {
    /// The account that acts for it.
    pub(crate) account: Actor,
    /// What its claim codes are derived from; never leaves the brand.
    pub(crate) seed: Arc<Seed>,
    /// Registry id.
    pub(crate) issuer: IssuerId,
    /// Its collection.
    pub(crate) collection: CollectionId,
    /// Its API key.
    pub(crate) key: String,
}

impl Brand {
    /// Registers, adds key and log, makes a collection, gets an API key.
    pub(crate) async fn join(ledger: &TestLedger, name: &str, account: usize) -> Self {
        let account = Actor::anvil(account);
        let deployment = ledger.deployment();
        let registered = account
            .send(
                ledger,
                &calls::register(deployment.registry, "did:web:brand.example"),
            )
            .await
            .unwrap();
        let issuer = event::<IIssuerRegistry::IssuerRegistered>(&registered).issuerId;
        let issuer = IssuerId::new(issuer).unwrap();
        ledger.settle().await;
        let body = json!({ "issuer_id": issuer.to_string(), "name": name });
        let admin = ledger.client();
        let view = admin
            .post("/v1/issuers", &format!("issuer/{issuer}"), &body)
            .await
            .expect(201);
        assert_eq!(view["key_added"], false, "{view}");
        Self::accept(
            ledger,
            &account,
            issuer,
            view["certificate_key"].as_str().unwrap(),
        )
        .await;

        let wanted = NewCollection {
            issuer,
            name: format!("{name} wearables"),
            symbol: "WEAR".into(),
            base_uri: String::new(),
            minter: ledger.service().signing.submitter().address(),
            salt: B256::ZERO,
        };
        let created = account
            .send(ledger, &calls::create_collection(deployment.factory, &wanted))
            .await
            .unwrap();
        let address = event::<ICollectionFactory::CollectionCreated>(&created).collection;
        let collection = CollectionId::new(deployment.chain, address);
        ledger.settle().await;
        let view = admin.get(&format!("/v1/issuers/{issuer}")).await.expect(200);
        assert_eq!(
            (&view["key_added"], &view["log_accepted"]),
            (&json!(true), &json!(true)),
            "{view}"
        );

        let body = json!({ "label": name, "scopes": ["issue", "world"], "issuer_id": issuer.to_string() });
        let made = admin.post("/v1/api-keys", "", &body).await.expect(201);
        let brand = Self {
            account,
            seed: Arc::new(Seed::import(&keccak256(name).0)),
            issuer,
            collection,
            key: made["key"].as_str().unwrap().to_owned(),
        };
        let body = json!({ "collection": collection.to_string() });
        let view = brand
            .client(ledger)
            .post("/v1/collections", &format!("collection-of/{issuer}"), &body)
            .await
            .expect(201);
        assert_eq!(view["minter"], true, "{view}");
        brand
    }

    /// The issuer's account accepts the log and the key in it, from the next entry on.
    async fn accept(ledger: &TestLedger, account: &Actor, issuer: IssuerId, key: &str) {
        let (deployment, service) = (ledger.deployment(), ledger.service());
        let origin = service.origin_hash();
        let accept = calls::accept_log(
            deployment.registry,
            issuer,
            origin,
            service.signing.anchoring_account(),
        );
        account.send(ledger, &accept).await.unwrap();
        let key = B256::from(PublicKey::from_multikey(key).unwrap().to_bytes());
        let add = calls::add_key(deployment.registry, issuer, key, origin, service.log_size());
        account.send(ledger, &add).await.unwrap();
    }

    /// Writes the account and the seed to `issuer.key.json` and `seed.key.json`.
    pub(crate) fn save_keys(&self, dir: &Path) {
        let (cost, random) = (KdfCost::Development, SystemRandom);
        let (issuer, seed) = (dir.join("issuer.key.json"), dir.join("seed.key.json"));
        self.account
            .0
            .save(&issuer, &passphrase(), cost, &random)
            .unwrap();
        self.seed.save(&seed, &passphrase(), cost, &random).unwrap();
    }

    /// A client with the brand's API key.
    pub(crate) fn client(&self, ledger: &TestLedger) -> Client {
        ledger.client().with_key(&self.key)
    }

    /// Uploads a garment of `fixtures/garments`; its digest.
    pub(crate) async fn upload(&self, ledger: &TestLedger, name: &str) -> String {
        let file = self
            .client(ledger)
            .upload(fixture(&format!("garments/{name}")))
            .await
            .expect(201);
        file["sha256"].as_str().unwrap().to_owned()
    }

    /// The body that registers the coat: one file for each of the two worlds, and a picture.
    pub(crate) async fn coat(&self, ledger: &TestLedger, edition: &str) -> Value {
        let licence = self.upload(ledger, "licence.txt").await;
        let plaza = self.upload(ledger, "coat-plaza.glb").await;
        let pocket = self.upload(ledger, "coat-pocket.glb").await;
        let picture = self.upload(ledger, "coat.png").await;
        json!({
            "collection": self.collection.to_string(),
            "name": "Manteau Nuit",
            "description": "A coat for the night.",
            "slot": "torso",
            "edition": edition,
            "terms": { "recovery_until": 0, "choose_by": 0, "default": "none" },
            "licence": licence_of(&licence),
            "representations": [
                { "profile": "plaza", "sha256": plaza },
                { "profile": "pocket", "sha256": pocket },
                { "profile": "picture", "sha256": picture },
            ],
        })
    }

    /// Registers the coat.
    pub(crate) async fn design(&self, ledger: &TestLedger, edition: &str) -> DesignId {
        let body = self.coat(ledger, edition).await;
        let view = self
            .client(ledger)
            .post("/v1/designs", &format!("design/{edition}/{}", uuid()), &body)
            .await
            .expect(201);
        view["design_id"].as_str().unwrap().parse().unwrap()
    }

    /// One of its wearables.
    pub(crate) fn wearable(&self, design: DesignId, serial: u64) -> WearableId {
        self.collection
            .wearable(TokenId::new(design, Serial::new(serial).unwrap()))
    }

    /// The key that claims a wearable, from its code.
    pub(crate) fn claim_key(&self, wearable: WearableId) -> ClaimKey {
        self.seed.code(&wearable, 0).claim_key(&wearable)
    }

    /// The body that prepares serials `first..first + count`, each with a claim code.
    pub(crate) fn batch(&self, design: DesignId, first: u64, count: u64) -> Value {
        let items: Vec<Value> = (first..first + count)
            .map(|serial| {
                let claim_key = self.claim_key(self.wearable(design, serial)).address();
                json!({
                    "serial": serial.to_string(),
                    "claim_key": format!("{claim_key:#x}"),
                    "binding": "code",
                    "gtin": "9506000134352",
                    "gs1_serial": format!("S{serial}"),
                    "sku": "COAT-1",
                })
            })
            .collect();
        json!({
            "collection": self.collection.to_string(),
            "design_id": design.to_string(),
            "first_serial": first.to_string(),
            "count": count.to_string(),
            "items": items,
        })
    }

    /// Signs what a preparation asks for, as a wallet would; the request body of the commit.
    pub(crate) fn sign(&self, prepared: &Value) -> Value {
        let signature = self.sign_as(prepared, &self.account);
        json!({ "signature": signature })
    }

    /// The same by somebody else's account.
    pub(crate) fn sign_as(&self, prepared: &Value, signer: &Actor) -> String {
        let message = &prepared["typed_data"]["message"];
        let text = |name: &str| message[name].as_str().unwrap().to_owned();
        let commit = CommitBatch {
            design_id: text("designId").parse().unwrap(),
            first_serial: text("firstSerial").parse().unwrap(),
            count: text("count").parse().unwrap(),
            edition: text("edition").parse().unwrap(),
            terms: text("terms").parse().unwrap(),
            design_digest: Sha256(text("designDigest").parse::<B256>().unwrap().0),
            root: text("root").parse().unwrap(),
            deadline: text("deadline").parse().unwrap(),
        };
        let signature = signer
            .0
            .sign_commit_batch(&Memory::fresh(), self.collection, &commit)
            .unwrap();
        hex::encode_prefixed(signature.as_bytes())
    }

    /// Prepares, signs, commits; the batch as answered, with its receipt.
    pub(crate) async fn issue(&self, ledger: &TestLedger, design: DesignId, first: u64, count: u64) -> Value {
        let client = self.client(ledger);
        let prepared = client
            .post(
                "/v1/batches",
                &format!("batch/{design}/{first}"),
                &self.batch(design, first, count),
            )
            .await
            .expect(202);
        let id = prepared["id"].as_str().unwrap();
        client
            .post(&format!("/v1/batches/{id}/commit"), "", &self.sign(&prepared))
            .await
            .expect(200)
    }

    /// Waits until the chain shows a batch.
    pub(crate) async fn wait_committed(&self, ledger: &TestLedger, batch: &Value) -> Value {
        let client = self.client(ledger);
        let path = format!("/v1/batches/{}", batch["id"].as_str().unwrap());
        let view = eventually("the batch is committed", async || {
            let view = client.get(&path).await.expect(200);
            matches!(view["state"].as_str(), Some("committed" | "finalized")).then_some(view)
        })
        .await;
        ledger.settle().await;
        view
    }

    /// The digest in a wearable's leaf, from the batch file.
    pub(crate) async fn leaf_digest(&self, ledger: &TestLedger, wearable: WearableId) -> Sha256 {
        let certificate = ledger
            .client()
            .get(&format!("/v1/wearables/{}/certificate", segment(&wearable)))
            .await;
        assert_eq!(certificate.status, 200, "{}", certificate.text());
        vestiary::certificate::Certificate::parse(&certificate.body)
            .unwrap()
            .digest()
    }

    /// The body of a claim of `wearable` for `to`.
    pub(crate) async fn claim(&self, ledger: &TestLedger, wearable: WearableId, to: Address) -> Value {
        let digest = self.leaf_digest(ledger, wearable).await;
        self.claim_body(wearable, to, digest)
    }

    /// The same where the digest is at hand.
    pub(crate) fn claim_body(&self, wearable: WearableId, to: Address, digest: Sha256) -> Value {
        let deadline = deadline_s();
        let signature = self.claim_key(wearable).sign_claim(to, deadline, digest);
        json!({
            "wearable": wearable.to_string(),
            "to": format!("{to:#x}"),
            "deadline": deadline.to_string(),
            "signature": hex::encode_prefixed(signature.as_bytes()),
        })
    }
}

/// An hour from now, unix seconds.
pub(crate) fn deadline_s() -> u64 {
    use vestiary_log::seams::{Clock as _, SystemClock};
    SystemClock.now_unix_ms() / 1000 + 3_600
}

/// Something that was never said before.
pub(crate) fn uuid() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::SeqCst))
}

/// A licence for machines with the text `sha256`.
pub(crate) fn licence_of(sha256: &str) -> Value {
    json!({
        "age": "all",
        "may_cache": true,
        "sha256": sha256,
        "vrm": {
            "allowAntisocialOrHateUsage": false,
            "allowExcessivelySexualUsage": false,
            "allowExcessivelyViolentUsage": false,
            "allowPoliticalOrReligiousUsage": false,
            "allowRedistribution": false,
            "avatarPermission": "everyone",
            "commercialUsage": "personalNonProfit",
            "creditNotation": "unnecessary",
            "modification": "prohibited",
        },
    })
}

/// The only event of its kind in a transaction.
pub(crate) fn event<E: SolEvent>(mined: &Mined) -> E {
    mined
        .receipt
        .inner
        .logs()
        .iter()
        .find_map(|log| E::decode_log(&log.inner).ok())
        .expect("the transaction wrote the event")
        .data
}

/// Sends a call only as a question; what the contract says against it, "" for nothing.
pub(crate) async fn refusal(ledger: &TestLedger, from: Address, call: &Call) -> String {
    let draft = json!({ "from": from, "to": call.to, "input": call.data });
    let answer: vestiary_chain::Result<Value> = ledger.ground.rpc.call("eth_call", (draft, "latest")).await;
    match answer {
        Ok(_) => String::new(),
        Err(vestiary_chain::ChainError::Refused { data: Some(data), .. }) => {
            vestiary::abi::describe_revert(&data).unwrap_or_else(|| data.to_string())
        }
        Err(error) => panic!("the node does not answer: {error}"),
    }
}
