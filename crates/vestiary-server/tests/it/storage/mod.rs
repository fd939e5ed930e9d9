//! The disk fills up, fails, and is written by two: what is refused, what stays, and what comes back by itself.

mod compaction;
mod faults;
mod full;
mod writers;

use serde_json::{Value, json};
use vestiary::ids::DesignId;

use crate::support::TestLedger;
use crate::support::actors::{Actor, Brand};
use crate::support::http::{Reply, segment};

/// What the outside world was promised.
#[derive(Debug, Default)]
struct Promised {
    /// Id and receipt of each batch.
    receipts: Vec<(String, String)>,
    /// Id of each claim, and its serial.
    claims: Vec<(String, u64)>,
    /// Where each file is.
    files: Vec<String>,
}

/// One step of a story: what is asked, in the order in which it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Upload,
    Prepare,
    Commit,
    Claim,
}

const STORY: [Step; 4] = [Step::Upload, Step::Prepare, Step::Commit, Step::Claim];

/// A brand that issues one wearable after another, and the player who claims them.
#[derive(Debug)]
struct Teller {
    brand: Brand,
    design: DesignId,
    /// The serial that the story is about.
    serial: u64,
    prepared: Value,
    promised: Promised,
}

impl Teller {
    async fn new(ledger: &TestLedger) -> Self {
        let brand = Brand::join(ledger, "Atelier", 1).await;
        let design = brand.design(ledger, "0").await;
        Self {
            brand,
            design,
            serial: 1,
            prepared: Value::Null,
            promised: Promised::default(),
        }
    }

    /// Asks for one step; a success is written down.
    async fn ask(&mut self, ledger: &TestLedger, step: Step) -> Reply {
        let client = self.brand.client(ledger);
        let serial = self.serial;
        match step {
            Step::Upload => {
                let reply = client.upload(format!("note {serial}").into_bytes()).await;
                if reply.status == 201 {
                    self.promised
                        .files
                        .push(reply.json()["url"].as_str().unwrap().to_owned());
                }
                reply
            }
            Step::Prepare => {
                let body = self.brand.batch(self.design, serial, 1);
                let reply = client
                    .post("/v1/batches", &format!("batch/{serial}"), &body)
                    .await;
                if reply.status == 202 {
                    self.prepared = reply.json();
                }
                reply
            }
            Step::Commit => {
                let path = format!("/v1/batches/{}/commit", self.prepared["id"].as_str().unwrap());
                let reply = client.post(&path, "", &self.brand.sign(&self.prepared)).await;
                if reply.status == 200 {
                    let view = reply.json();
                    let text = |name: &str| view[name].as_str().unwrap().to_owned();
                    self.promised.receipts.push((text("id"), text("receipt")));
                }
                reply
            }
            Step::Claim => {
                let wearable = self.brand.wearable(self.design, serial);
                let body = self.brand.claim(ledger, wearable, player().address()).await;
                let reply = client.with_key("").post("/v1/claims", "", &body).await;
                if reply.status == 202 {
                    let id = reply.json()["id"].as_str().unwrap().to_owned();
                    self.promised.claims.push((id, serial));
                }
                reply
            }
        }
    }

    /// Tells a whole story; every step must succeed.
    async fn tell(&mut self, ledger: &TestLedger) {
        for step in STORY {
            let reply = self.ask(ledger, step).await;
            assert!(reply.status < 300, "{step:?}: {}", reply.text());
        }
        self.serial += 1;
    }

    /// What was promised is there, word for word.
    async fn check_promises(&self, ledger: &TestLedger) {
        let client = self.brand.client(ledger);
        for (id, receipt) in &self.promised.receipts {
            let view = client.get(&format!("/v1/batches/{id}")).await.expect(200);
            assert_eq!(
                view["receipt"], *receipt,
                "an acknowledged batch changed or is lost"
            );
        }
        for (id, _) in &self.promised.claims {
            let view = client.get(&format!("/v1/claims/{id}")).await.expect(200);
            assert_eq!(view["to"], player().text(), "an acknowledged claim is lost");
        }
        for url in &self.promised.files {
            assert_eq!(client.get(url).await.status, 200, "an acknowledged file is lost");
        }
    }

    /// Everything comes to its end on the chain, nothing is there twice, and the state outlives a restart.
    async fn check_end(&self, ledger: &TestLedger) {
        for (id, serial) in &self.promised.claims {
            let view = ledger.client().get(&format!("/v1/claims/{id}")).await.expect(200);
            crate::story::wait_claimed(ledger, &view).await;
            let wearable = self.brand.wearable(self.design, *serial);
            let token = ledger.service().mirror.view().token(&wearable).unwrap().unwrap();
            assert_eq!(token.owner, player().address());
        }
        ledger.wait_anchored().await;
        let counts = ledger.check_everything().await;
        // As many as were asked for, whatever failed on the way: nothing is missing and nothing is there twice.
        let asked = self.promised.receipts.len();
        assert_eq!((counts.receipts, counts.certificates), (asked, asked));
        assert_eq!(counts.owned, self.promised.claims.len() as u64);
        self.check_promises(ledger).await;
    }

    /// Reading goes on.
    async fn check_reads(&self, ledger: &TestLedger) {
        self.check_promises(ledger).await;
        let client = ledger.client();
        assert_eq!(client.get("/livez").await.status, 200);
        assert_eq!(client.get("/log/checkpoint").await.status, 200);
        let wallet = format!("/v1/wallets/{}/wearables", player().text());
        assert_eq!(client.get(&wallet).await.status, 200);
        if let Some((_, serial)) = self.promised.claims.first() {
            let wearable = segment(&self.brand.wearable(self.design, *serial));
            let path = format!("/v1/wearables/{wearable}/certificate");
            assert_eq!(client.get(&path).await.status, 200);
        }
    }
}

fn player() -> Actor {
    Actor::named("a player whose claims go well")
}

/// What `/readyz` says about the disk, with its status.
async fn readiness(ledger: &TestLedger) -> (u16, Value) {
    let reply = ledger.client().get("/readyz").await;
    (reply.status, json!(reply.json()["storage"]))
}
