//! `kill -9` at random moments of issuing and claiming: what was acknowledged is there, and nothing twice.
//!
//! The service is the real executable in a process of its own. `VESTIARY_SEED=<n>` chooses other moments,
//! `VESTIARY_ROUNDS=<n>` another number of rounds.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use vestiary::ids::DesignId;
use vestiary_chain::sim::Seeded;

use crate::support::actors::{Actor, Brand};
use crate::support::http::Client;
use crate::support::{PASSPHRASE, TestLedger};

/// Kills when nobody asks for another number.
const ROUNDS: u64 = 20;
/// Serials of a batch.
const BATCH: u64 = 3;

/// What the outside world was promised.
#[derive(Debug, Default)]
struct Promised {
    /// Batches with their receipt: number of the batch, id, receipt.
    receipts: Vec<(u64, String, String)>,
    /// Claims that were accepted: id, and of which serial.
    claims: Vec<(String, u64)>,
    /// How many requests were cut off.
    cut_off: usize,
}

struct Process {
    child: Child,
    url: String,
}

impl Process {
    /// Starts the service and waits until it answers.
    async fn start(ledger: &TestLedger) -> Self {
        let home = ledger.ground.dir.path();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = std::fs::read_to_string(home.join("vestiary.toml")).unwrap();
        let config = config.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
        std::fs::write(home.join("child.toml"), config).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_vestiary"))
            .args(["serve", "--config"])
            .arg(home.join("child.toml"))
            .env("VESTIARY_PASSPHRASE", PASSPHRASE)
            .env_remove("VESTIARY_RPC_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(home.join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut process = Self { child, url };
        let client = Client::new(process.url.clone(), String::new());
        let until = Instant::now() + Duration::from_mins(1);
        while Client::try_send(client.request(reqwest::Method::GET, "/livez"))
            .await
            .is_none()
        {
            let said = std::fs::read_to_string(home.join("stderr")).unwrap_or_default();
            let ended = process.child.try_wait().unwrap();
            assert_eq!(ended, None, "the service did not start again: {said}");
            assert!(Instant::now() < until, "the service does not start: {said}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        process
    }

    /// SIGKILL: no destructor, no flush, no goodbye.
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A player's wallet for one serial.
fn wallet(serial: u64) -> Actor {
    Actor::named(&format!("player {serial}"))
}

struct Load<'a> {
    client: Client,
    brand: &'a Brand,
    design: DesignId,
}

impl Load<'_> {
    async fn get(&self, path: &str) -> Value {
        self.client.get(path).await.json()
    }

    /// Right after a start, before anybody asks for anything new: every promise is there, nothing is left open.
    async fn check_promises(&self, promised: &Promised) {
        assert_eq!(self.get("/readyz").await["open_intents"], 0);
        for (_, id, receipt) in &promised.receipts {
            let view = self.get(&format!("/v1/batches/{id}")).await;
            assert_eq!(
                view["receipt"], *receipt,
                "an acknowledged batch changed or is lost"
            );
        }
        for (id, serial) in &promised.claims {
            let view = self.get(&format!("/v1/claims/{id}")).await;
            assert_eq!(
                view["to"],
                wallet(*serial).text(),
                "an acknowledged claim is lost"
            );
        }
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> Option<(u16, Value)> {
        let request = self
            .client
            .json_request(path, key, serde_json::to_vec(body).unwrap());
        let reply = Client::try_send(request).await?;
        Some((reply.status, serde_json::from_slice(&reply.body).ok()?))
    }

    /// Issues batch `number` and claims its first serial; `None` when the service went away.
    async fn issue_and_claim(&self, number: u64, promised: &mut Promised) -> Option<()> {
        let first = 1 + number * BATCH;
        let body = self.brand.batch(self.design, first, BATCH);
        let (status, prepared) = self
            .post("/v1/batches", &format!("batch/{number}"), &body)
            .await?;
        assert_eq!(status, 202, "{prepared}");
        let id = prepared["id"].as_str().unwrap().to_owned();
        let (status, issued) = self
            .post(
                &format!("/v1/batches/{id}/commit"),
                "",
                &self.brand.sign(&prepared),
            )
            .await?;
        assert_eq!(status, 200, "{issued}");
        let receipt = issued["receipt"].as_str().unwrap().to_owned();
        if !promised.receipts.iter().any(|(known, ..)| *known == number) {
            promised.receipts.push((number, id, receipt));
        }
        let wearable = self.brand.wearable(self.design, first);
        let path = format!(
            "/v1/wearables/{}/certificate",
            crate::support::http::segment(&wearable)
        );
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
        Some(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seed, rounds) = (
        number("VESTIARY_SEED").unwrap_or(7),
        number("VESTIARY_ROUNDS").unwrap_or(ROUNDS),
    );
    let mut seeded = Seeded::new(seed);
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    let admin = ledger.client().clone();
    ledger.stop().await;

    let mut promised = Promised::default();
    let mut next = 0;
    for round in 0..rounds {
        let process = Process::start(&ledger).await;
        let load = Load {
            client: Client::new(process.url.clone(), brand.key.clone()),
            brand: &brand,
            design,
        };
        load.check_promises(&promised).await;
        // From the middle of the first request to several batches later.
        let moment = Duration::from_millis(1 + seeded.below(700));
        let killer = tokio::spawn(async move {
            tokio::time::sleep(moment).await;
            process.kill();
        });
        while load.issue_and_claim(next, &mut promised).await.is_some() {
            next += 1;
        }
        promised.cut_off += 1;
        killer.await.unwrap();
        println!(
            "round {round}: killed after {moment:?}, {} receipts, {} claims",
            promised.receipts.len(),
            promised.claims.len()
        );
    }

    // What the last kill left is finished by the next start alone, without a request.
    ledger.run().await;
    let counts = ledger.check_everything().await;
    let client = brand.client(&ledger);
    for (_, id, receipt) in &promised.receipts {
        let view = client.get(&format!("/v1/batches/{id}")).await.expect(200);
        assert_eq!(
            view["receipt"], *receipt,
            "an acknowledged batch changed or is lost"
        );
        brand.wait_committed(&ledger, &view).await;
    }
    for (id, serial) in &promised.claims {
        let view = ledger.client().get(&format!("/v1/claims/{id}")).await.expect(200);
        crate::story::wait_claimed(&ledger, &view).await;
        let wearable = brand.wearable(design, *serial);
        let token = ledger.service().mirror.view().token(&wearable).unwrap().unwrap();
        assert_eq!(
            token.owner,
            wallet(*serial).address(),
            "an acknowledged claim is lost"
        );
    }
    assert_eq!(minted_twice(&ledger, &brand).await, 0);
    let counts_after = ledger.check_everything().await;
    assert!(counts_after.receipts >= promised.receipts.len());
    assert_eq!(
        counts_after.certificates as u64,
        BATCH * counts_after.receipts as u64
    );
    assert!(counts_after.entries >= counts.entries);
    assert_eq!(admin.key, ledger.client().key, "the first API key is made once");
    println!(
        "Killed {} times (seed {seed}): {} receipts and {} claims acknowledged, 0 lost, 0 twice, 0 open intents, 0 gaps in {} nonces",
        promised.cut_off,
        promised.receipts.len(),
        promised.claims.len(),
        counts_after.transactions
    );
    assert!(
        promised.receipts.len() as u64 >= rounds / 4,
        "the kills came too early to show anything"
    );
}

/// Tokens that the chain's own logs show as minted more than once.
async fn minted_twice(ledger: &TestLedger, brand: &Brand) -> usize {
    use alloy_primitives::B256;
    use vestiary::abi::{IERC721, SolEvent as _};
    let filter = serde_json::json!([{
        "address": brand.collection.address, "fromBlock": "0x0", "toBlock": "latest",
        "topics": [IERC721::Transfer::SIGNATURE_HASH, B256::ZERO],
    }]);
    let logs = ledger.ground.node("eth_getLogs", filter).await;
    let mut tokens: Vec<String> = logs
        .as_array()
        .unwrap()
        .iter()
        .map(|log| log["topics"][3].as_str().unwrap().to_owned())
        .collect();
    let all = tokens.len();
    tokens.sort();
    tokens.dedup();
    all - tokens.len()
}
