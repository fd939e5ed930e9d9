//! Orders beside one another in one lane: what is wrong with one holds up no other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, hex};
use k256::ecdsa::SigningKey;
use k256::ecdsa::signature::hazmat::RandomizedPrehashSigner as _;
use serde_json::{Value, json};
use vestiary::digest::Sha256;
use vestiary::ids::WearableId;
use vestiary::typed_data::{Claim, Signature};
use vestiary_log::Disk;
use vestiary_server::alarms::Alarm;
use vestiary_server::journal::{BatchId, Ledger, Record, State};

use crate::support::actors::{Actor, deadline_s};
use crate::support::eventually;
use crate::support::issuing::Scene;

/// A claim key whose holder signs as often as he likes, each time otherwise.
struct Holder(SigningKey);

impl Holder {
    fn new() -> Self {
        Self(SigningKey::from_slice(&[5; 32]).unwrap())
    }

    fn address(&self) -> Address {
        Address::from_raw_public_key(&self.0.verifying_key().to_sec1_point(false).as_bytes()[1..])
    }

    /// A valid signature that was not made before.
    fn sign(&self, hash: &B256) -> Signature {
        let signature: k256::ecdsa::Signature = self
            .0
            .sign_prehash_with_rng(&mut rand::rng(), hash.as_slice())
            .unwrap();
        let with = |v: u8| Signature::new(&[&signature.to_bytes()[..], &[v]].concat()).unwrap();
        [27, 28]
            .map(with)
            .into_iter()
            .find(|signature| signature.recover(hash) == Ok(self.address()))
            .unwrap()
    }

    fn claim(&self, wearable: WearableId, digest: Sha256, deadline: u64) -> Value {
        let to = Actor::named("Ana").address();
        let claim = Claim {
            token_id: wearable.token_id,
            certificate_digest: digest,
            to,
            deadline,
        };
        let signature = self.sign(&claim.signing_hash(wearable.collection));
        json!({
            "wearable": wearable.to_string(),
            "to": format!("{to:#x}"),
            "deadline": deadline.to_string(),
            "signature": hex::encode_prefixed(signature.as_bytes()),
        })
    }
}

/// What `/readyz` says of the submitter's lane.
async fn lane(scene: &Scene) -> Value {
    let ready = scene.served.client.get("/readyz").await.json();
    let lanes = ready["lanes"].as_array().unwrap();
    lanes
        .iter()
        .find(|lane| lane["lane"] == "submitter")
        .unwrap()
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_failed_and_comes_again_with_another_signature_holds_up_nobody() {
    let scene = Scene::new().await;
    scene.create().await;
    let design = scene.design("Manteau Nuit").await;
    let holder = Holder::new();
    let mut batch = scene.brand.batch(design, 1, 4);
    batch["items"][0]["claim_key"] = json!(format!("{:#x}", holder.address()));
    let batch = scene.batch(&batch).await;
    scene.mine_until(&batch, "committed").await;
    let wearable = |serial| scene.brand.wearable(design, serial);
    let withdrawn = wearable(1);
    scene.withdraw(withdrawn).await;

    let (digest, deadline) = (scene.digest(withdrawn).await, deadline_s());
    let first = holder.claim(withdrawn, digest, deadline);
    let again = holder.claim(withdrawn, digest, deadline);
    assert_ne!(first["signature"], again["signature"]);
    let failed = scene.post_claim(&first).await;
    let view = scene.wait(&failed, "failed").await;
    for body in [&first, &again] {
        assert_eq!(scene.post_claim(body).await, failed, "it is the same claim");
    }

    // Others in the same lane are carried out.
    let other = scene.claim(wearable(2)).await;
    scene.mine_until(&other, "finalized").await;
    let answer = scene
        .served
        .client
        .post("/v1/claims", "", &again)
        .await
        .expect(202);
    assert_eq!(answer, view, "it is answered as it is");
    let waiting = |scene: &Scene| {
        scene
            .served
            .service
            .ledger
            .read(|state| state.claims_waiting.len())
    };
    assert_eq!(waiting(&scene), 0);
    assert_eq!(lane(&scene).await["state"], "running");

    // So it is where a journal holds the claim a second time already.
    let scene = scene
        .restart(|data| {
            let ledger = Ledger::open(Arc::new(Disk), &data.join("journal")).unwrap();
            let mut claim = ledger
                .read(|state| {
                    state
                        .claims
                        .values()
                        .find(|claim| claim.wearable == withdrawn)
                        .cloned()
                })
                .unwrap();
            let signature = hex::decode(again["signature"].as_str().unwrap()).unwrap();
            claim.signature = Bytes::from(signature);
            ledger
                .command(|_| Ok(vec![Record::ClaimAccepted(claim)]))
                .unwrap();
        })
        .await;
    assert_eq!(waiting(&scene), 0, "it is not waited for");
    assert_eq!(scene.served.client.get(&failed).await.expect(200), view);
    let wearable = |serial| scene.brand.wearable(design, serial);
    let later = scene.claim(wearable(3)).await;
    scene.mine_until(&later, "finalized").await;
    scene.served.stop().await;
}

/// The file of that name below a directory.
fn find(dir: &Path, name: &str) -> Option<PathBuf> {
    std::fs::read_dir(dir).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return find(&path, name);
        }
        (path.file_name().unwrap() == name).then_some(path)
    })
}

/// Flips a byte in the middle of a file; once more, and it is whole again.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_holds_up_its_own_batch_and_nobody_else() {
    let scene = Scene::new().await;
    scene.create().await;
    let (damaged, whole) = (
        scene.design("Manteau Nuit").await,
        scene.design("Manteau Jour").await,
    );
    let brand = scene.brand.clone();
    // The first batches are sent and in no block; the third waits for the first.
    let first = scene.batch(&brand.batch(damaged, 1, 1)).await;
    let other = scene.batch(&brand.batch(whole, 1, 2)).await;
    let second = scene.batch(&brand.batch(damaged, 2, 1)).await;
    let spoilt_claim = scene.claim(brand.wearable(damaged, 1)).await;
    let claim = scene.claim(brand.wearable(whole, 1)).await;
    eventually("both are sent", async || {
        (scene.chain.waiting().len() == 2).then_some(())
    })
    .await;

    let id_of = |path: &str| BatchId(path.rsplit('/').next().unwrap().to_owned());
    let (first, waiting) = (id_of(&first), id_of(&second));
    let names = scene.served.service.ledger.read(|state| {
        let preparation = state.batches[&first].prepared.preparation.hex();
        let document = state.designs[&(brand.collection, damaged)].digest.hex();
        [format!("{preparation}.preparation"), document]
    });
    let chain = scene.chain.clone();
    let mut files = Vec::new();
    let scene = scene
        .restart(|data| {
            for (part, name) in ["batches", "content/files"].iter().zip(&names) {
                let found = find(&data.join(part), name);
                files.push(found.unwrap_or_else(|| panic!("no {name}")));
            }
            for path in &files {
                flip(path);
            }
            chain.mine();
        })
        .await;
    scene.wait(&other, "committed").await;
    scene.mine_until(&claim, "finalized").await;
    let later = scene.claim(brand.wearable(whole, 2)).await;
    scene.mine_until(&later, "finalized").await;
    assert_eq!(scene.wait(&spoilt_claim, "queued").await["transaction"], "");
    let waits = |state: &State| state.batches_waiting.contains(&waiting);
    assert!(scene.served.service.ledger.read(waits), "it was sent");

    // It is told which batches, which files, and what to do.
    let held = lane(&scene).await;
    assert_eq!(held["state"], "running", "{held}");
    let ready = scene.served.client.get("/readyz").await.json();
    let alarms = ready["alarms"].as_array().unwrap();
    let alarm = alarms
        .iter()
        .find(|alarm| alarm["alarm"] == Alarm::OrderHeld.code())
        .unwrap_or_else(|| panic!("it does not ring: {ready}"));
    let detail = alarm["detail"].as_str().unwrap();
    for word in names
        .iter()
        .map(String::as_str)
        .chain([first.0.as_str(), &waiting.0, "vestiary check"])
    {
        assert!(detail.contains(word), "{word} is missing: {detail}");
    }
    println!("seen: {}", Alarm::OrderHeld.code());

    // With the files as they were, everything goes on.
    let scene = scene.restart(|_| files.iter().for_each(|path| flip(path))).await;
    scene.mine_until(&spoilt_claim, "finalized").await;
    scene.mine_until(&second, "finalized").await;
    let ready = scene.served.client.get("/readyz").await.json();
    let alarms = ready["alarms"].as_array().unwrap();
    assert!(
        alarms
            .iter()
            .all(|alarm| alarm["alarm"] != Alarm::OrderHeld.code()),
        "{ready}"
    );
    scene.served.stop().await;
}
