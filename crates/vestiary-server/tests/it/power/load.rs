//! Somebody who uploads, issues and claims, and remembers what was acknowledged.

use std::fmt;

use alloy_primitives::keccak256;
use serde_json::Value;
use vestiary::certificate::Certificate;
use vestiary::ids::DesignId;

use crate::support::actors::{Actor, Brand};
use crate::support::http::{Client, Reply, segment};

/// Serials of a batch.
const BATCH: u64 = 2;
/// Rounds whose promises are looked at after each start; all of them are at the end.
const RECENT: usize = 4;

/// What was acknowledged.
#[derive(Clone, Debug, Default)]
pub(super) struct Promised {
    /// Files: content id and bytes.
    pub(super) files: Vec<(String, Vec<u8>)>,
    /// Preparations: id and root.
    pub(super) prepared: Vec<(String, Value)>,
    /// Batches: id and receipt.
    pub(super) receipts: Vec<(String, Value)>,
    /// Certificates: of which wearable, and the bytes.
    pub(super) certificates: Vec<(String, Vec<u8>)>,
    /// Claims: id and receiver.
    pub(super) claims: Vec<(String, String)>,
    /// How often the power went.
    pub(super) cuts: u64,
}

impl fmt::Display for Promised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} files, {} preparations, {} receipts, {} certificates, {} claims acknowledged",
            self.files.len(),
            self.prepared.len(),
            self.receipts.len(),
            self.certificates.len(),
            self.claims.len()
        )
    }
}

impl Promised {
    /// The newest promises of each kind.
    pub(super) fn recent(&self) -> Self {
        fn last<T: Clone>(all: &[T]) -> Vec<T> {
            all[all.len().saturating_sub(RECENT)..].to_vec()
        }
        Self {
            files: last(&self.files),
            prepared: last(&self.prepared),
            receipts: last(&self.receipts),
            certificates: last(&self.certificates),
            claims: last(&self.claims),
            cuts: self.cuts,
        }
    }
}

/// A client at work.
#[derive(Debug)]
pub(super) struct Load<'a> {
    client: Client,
    brand: &'a Brand,
    design: DesignId,
}

impl<'a> Load<'a> {
    pub(super) fn new(client: Client, brand: &'a Brand, design: DesignId) -> Self {
        Self {
            client,
            brand,
            design,
        }
    }

    async fn get(&self, path: &str) -> Reply {
        self.client.get(path).await
    }

    /// Every promise is there, and nothing is left open.
    pub(super) async fn check(&self, promised: &Promised) {
        assert_eq!(self.get("/readyz").await.json()["open_intents"], 0);
        for (cid, bytes) in &promised.files {
            let file = self.get(&format!("/files/{cid}")).await;
            assert!(
                file.status == 200 && file.body == *bytes,
                "an acknowledged file is lost: {}",
                file.status
            );
        }
        for (id, root) in &promised.prepared {
            let view = self.get(&format!("/v1/batches/{id}")).await.expect(200);
            assert_eq!(view["root"], *root, "an acknowledged preparation is lost");
            assert_eq!(
                self.get(&format!("/v1/batches/{id}/preparation")).await.status,
                200
            );
        }
        for (id, receipt) in &promised.receipts {
            let view = self.get(&format!("/v1/batches/{id}")).await.expect(200);
            assert_eq!(
                view["receipt"], *receipt,
                "an acknowledged batch changed or is lost"
            );
        }
        for (wearable, bytes) in &promised.certificates {
            let certificate = self.get(&format!("/v1/wearables/{wearable}/certificate")).await;
            assert!(
                certificate.body == *bytes,
                "a certificate changed or is lost: {}",
                certificate.text()
            );
        }
        for (id, to) in &promised.claims {
            let view = self.get(&format!("/v1/claims/{id}")).await.expect(200);
            assert_eq!(view["to"], **to, "an acknowledged claim is lost");
        }
    }

    /// A success, or `None` when the power is going: the connection ends, or the disk no longer takes anything.
    async fn ask(&self, request: reqwest::RequestBuilder, status: u16) -> Option<Reply> {
        let reply = Client::try_send(request).await?;
        if matches!(reply.status, 500 | 503 | 507) {
            return None;
        }
        assert_eq!(reply.status, status, "{}", reply.text());
        Some(reply)
    }

    async fn post(&self, path: &str, key: &str, body: &Value, status: u16) -> Option<Value> {
        let request = self
            .client
            .json_request(path, key, serde_json::to_vec(body).unwrap());
        Some(self.ask(request, status).await?.json())
    }

    /// Uploads a file, issues batch `number` and claims its first serial; `None` when the power went. Asking again
    /// for what was cut off goes on where it was.
    pub(super) async fn round(&self, number: u64, promised: &mut Promised) -> Option<()> {
        let bytes = file_of(number);
        let upload = self
            .client
            .request(reqwest::Method::POST, "/v1/files")
            .body(bytes.clone());
        let file = self.ask(upload, 201).await?.json();
        promised
            .files
            .push((file["cid"].as_str().unwrap().to_owned(), bytes));

        let first = 1 + number * BATCH;
        let body = self.brand.batch(self.design, first, BATCH);
        let prepared = self
            .post("/v1/batches", &format!("batch/{number}"), &body, 202)
            .await?;
        let id = prepared["id"].as_str().unwrap().to_owned();
        promised.prepared.push((id.clone(), prepared["root"].clone()));
        let commit = format!("/v1/batches/{id}/commit");
        let issued = self.post(&commit, "", &self.brand.sign(&prepared), 200).await?;
        promised.receipts.push((id, issued["receipt"].clone()));

        let wearable = self.brand.wearable(self.design, first);
        let name = segment(&wearable);
        let path = format!("/v1/wearables/{name}/certificate");
        let certificate = self
            .ask(self.client.request(reqwest::Method::GET, &path), 200)
            .await?;
        let digest = Certificate::parse(&certificate.body).unwrap().digest();
        promised.certificates.push((name, certificate.body));
        let player = Actor::named(&format!("player {first}"));
        let claim = self.brand.claim_body(wearable, player.address(), digest);
        let claim = self.post("/v1/claims", "", &claim, 202).await?;
        promised
            .claims
            .push((claim["id"].as_str().unwrap().to_owned(), player.text()));
        Some(())
    }
}

/// A file like no other; some have more than one chunk.
fn file_of(number: u64) -> Vec<u8> {
    let bytes = if number % 5 == 4 { (1 << 20) + 4_000 } else { 6_000 };
    let mut file = b"glTF\x02\0\0\0".to_vec();
    file.extend(u32::to_le_bytes(bytes));
    let seed = keccak256(format!("file {number}"));
    file.extend(seed.iter().copied().cycle().take(bytes as usize - file.len()));
    file
}
