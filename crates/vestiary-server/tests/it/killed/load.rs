//! What the outside world does with a service that dies: issue, claim, note every promise, and ask for it later.

use std::time::{Duration, Instant};

use serde_json::Value;
use vestiary::ids::DesignId;
use vestiary_chain::sim::Seeded;
use vestiary_tlog::{Hash, SignedCheckpoint};

use crate::support::TestLedger;
use crate::support::actors::{Actor, Brand};
use crate::support::http::{Client, segment};

/// Serials of a batch.
pub(crate) const BATCH: u64 = 2;
/// Batches of one life that follow one another without a pause.
const AT_ONCE: u64 = 3;
/// Pause between two looks when only the chain goes on.
const PAUSE: Duration = Duration::from_millis(40);
/// Pauses between two batches then.
const PAUSES: u64 = 10;
/// Longest life under load.
const PATIENCE: Duration = Duration::from_mins(5);
/// Promises that each start is asked for, besides the newest.
const SAMPLE: usize = 3;

/// What the outside world was promised.
#[derive(Debug, Default)]
pub(crate) struct Promised {
    /// Batches with their receipt: number of the batch, id, receipt.
    pub(crate) receipts: Vec<(u64, String, String)>,
    /// Claims that were accepted: id, and of which serial.
    pub(crate) claims: Vec<(String, u64)>,
    /// Checkpoints that were shown: size and root.
    pub(crate) checkpoints: Vec<(u64, Hash)>,
    /// The number of the next batch.
    next: u64,
}

/// A player's wallet for one serial.
pub(crate) fn wallet(serial: u64) -> Actor {
    Actor::named(&format!("player {serial}"))
}

/// Somebody who uses one process until it dies. Everything answers `None` once it has.
pub(crate) struct Load<'a> {
    pub(crate) ledger: &'a TestLedger,
    pub(crate) client: Client,
    pub(crate) brand: &'a Brand,
    pub(crate) design: DesignId,
    /// Whether the node takes back blocks meanwhile.
    pub(crate) reorganises: bool,
}

impl Load<'_> {
    async fn get(&self, path: &str) -> Option<Value> {
        let reply = Client::try_send(self.client.request(reqwest::Method::GET, path)).await?;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        Some(reply.json())
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> Option<(u16, Value)> {
        let request = self
            .client
            .json_request(path, key, serde_json::to_vec(body).unwrap());
        let reply = Client::try_send(request).await?;
        Some((reply.status, serde_json::from_slice(&reply.body).ok()?))
    }

    /// Right after a start, before anybody asks for anything new: the promises are there, nothing is left open.
    pub(crate) async fn check(&self, promised: &mut Promised, seeded: &mut Seeded) -> Option<()> {
        assert_eq!(self.get("/readyz").await?["open_intents"], 0);
        for (_, id, receipt) in sample(&promised.receipts, seeded) {
            let view = self.get(&format!("/v1/batches/{id}")).await?;
            assert_eq!(
                view["receipt"], *receipt,
                "an acknowledged batch changed or is lost"
            );
        }
        for (id, serial) in sample(&promised.claims, seeded) {
            let view = self.get(&format!("/v1/claims/{id}")).await?;
            assert_eq!(
                view["to"],
                wallet(*serial).text(),
                "an acknowledged claim is lost"
            );
        }
        self.look_at_log(promised).await
    }

    async fn look_at_log(&self, promised: &mut Promised) -> Option<()> {
        let request = self.client.request(reqwest::Method::GET, "/log/checkpoint");
        let reply = Client::try_send(request).await?;
        let signed = SignedCheckpoint::parse(&reply.body).unwrap();
        let (size, root) = (signed.unverified().size(), signed.unverified().root());
        if let Some((before, _)) = promised.checkpoints.last() {
            assert!(*before <= size, "the log was {before} long and is {size}");
        }
        promised.checkpoints.push((size, root));
        Some(())
    }

    /// Goes on until the process is dead.
    pub(crate) async fn run(&self, promised: &mut Promised) {
        let began = Instant::now();
        let mut pauses = 0;
        for done in 0.. {
            assert!(began.elapsed() < PATIENCE, "the process lives on");
            if done < AT_ONCE || pauses % PAUSES == 0 {
                if self.issue_and_claim(promised).await.is_none() {
                    return;
                }
            } else if Client::try_send(self.client.request(reqwest::Method::GET, "/livez"))
                .await
                .is_none()
            {
                return;
            }
            if done >= AT_ONCE {
                pauses += 1;
                tokio::time::sleep(PAUSE).await;
            }
            if self.reorganises {
                // Long enough for the block to be noted, too short for it to be final.
                tokio::time::sleep(PAUSE * 8).await;
                self.ledger.ground.reorganise(1).await;
            }
            self.ledger.ground.mine(1).await;
        }
    }

    /// Issues the next batch and claims its first serial.
    async fn issue_and_claim(&self, promised: &mut Promised) -> Option<()> {
        let number = promised.next;
        let first = 1 + number * BATCH;
        let body = self.brand.batch(self.design, first, BATCH);
        let (status, prepared) = self
            .post("/v1/batches", &format!("batch/{number}"), &body)
            .await?;
        assert_eq!(status, 202, "{prepared}");
        let id = prepared["id"].as_str().unwrap().to_owned();
        let path = format!("/v1/batches/{id}/commit");
        let (status, issued) = self.post(&path, "", &self.brand.sign(&prepared)).await?;
        assert_eq!(status, 200, "{issued}");
        let receipt = issued["receipt"].as_str().unwrap().to_owned();
        if !promised.receipts.iter().any(|(known, ..)| *known == number) {
            promised.receipts.push((number, id, receipt));
        }
        self.look_at_log(promised).await?;
        let wearable = self.brand.wearable(self.design, first);
        let path = format!("/v1/wearables/{}/certificate", segment(&wearable));
        let certificate = Client::try_send(self.client.request(reqwest::Method::GET, &path)).await?;
        assert_eq!(certificate.status, 200, "{}", certificate.text());
        let digest = vestiary::certificate::Certificate::parse(&certificate.body)
            .unwrap()
            .digest();
        let claim = self.brand.claim_body(wearable, wallet(first).address(), digest);
        let (status, claim) = self.post("/v1/claims", "", &claim).await?;
        assert_eq!(status, 202, "{claim}");
        promised
            .claims
            .push((claim["id"].as_str().unwrap().to_owned(), first));
        promised.next += 1;
        Some(())
    }
}

/// The newest, and a few others.
fn sample<'a, T>(all: &'a [T], seeded: &mut Seeded) -> Vec<&'a T> {
    let mut chosen: Vec<&T> = all.iter().rev().take(2).collect();
    for _ in 0..SAMPLE {
        let index = usize::try_from(seeded.below(all.len() as u64)).unwrap();
        chosen.extend(all.get(index));
    }
    chosen
}
