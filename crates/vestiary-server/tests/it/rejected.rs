//! What is refused, each with its stable code, and nothing changed.

mod bodies;
mod claiming;
mod issuing;
mod mutations;
mod names;
mod routes;
mod verbs;

use alloy_primitives::{U256, b256, hex};
use serde_json::Value;
use vestiary::batch_file::BatchFile;
use vestiary::digest::Sha256;
use vestiary::ids::DesignId;

use crate::story::worlds;
use crate::support::TestLedger;
use crate::support::actors::{Brand, uuid};
use crate::support::http::{Client, Reply};

/// A ledger with one brand, one design and one batch of three, all of it settled.
pub(crate) struct Scene {
    pub(crate) ledger: TestLedger,
    pub(crate) brand: Brand,
    pub(crate) design: DesignId,
    /// The batch as answered.
    pub(crate) batch: Value,
    /// Digest of everything that a refusal must not change.
    pub(crate) before: Sha256,
}

impl Scene {
    /// Sets it; `None` where Anvil is missing.
    pub(crate) async fn set() -> Option<Self> {
        let ledger = TestLedger::start().await?;
        let brand = Brand::join(&ledger, "Atelier", 1).await;
        worlds(&ledger, &brand.client(&ledger)).await;
        let design = brand.design(&ledger, "10").await;
        let issued = brand.issue(&ledger, design, 1, 3).await;
        let batch = brand.wait_committed(&ledger, &issued).await;
        let before = ledger.wait_quiet().await;
        Some(Self {
            ledger,
            brand,
            design,
            batch,
            before,
        })
    }

    /// A client with the brand's key.
    pub(crate) fn client(&self) -> Client {
        self.brand.client(&self.ledger)
    }

    /// Asserts the code of a refusal, and that nothing changed.
    #[track_caller]
    pub(crate) fn refused(&self, what: &str, reply: &Reply, expected: &str) {
        assert_eq!(reply.outcome(), expected, "{what}: {}", reply.text());
        assert!(
            self.ledger.state_digest() == self.before,
            "{what}: refused, and yet something changed"
        );
    }

    /// `POST` by the brand, under a new idempotency key.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.client()
            .post(path, &format!("rejected/{}", uuid()), body)
            .await
    }

    /// The batch file.
    pub(crate) async fn file(&self) -> BatchFile {
        let file = self
            .client()
            .get(self.batch["batch_file_url"].as_str().unwrap())
            .await;
        BatchFile::parse(&file.body).unwrap()
    }
}

/// A signature in forms that a careless reader takes for good.
pub(crate) fn altered(good: &str) -> Vec<(&'static str, String)> {
    let bytes = hex::decode(good).unwrap();
    let order =
        U256::from_be_bytes(b256!("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").0);
    let mut high = bytes.clone();
    let s = order - U256::from_be_slice(&bytes[32..64]);
    high[32..64].copy_from_slice(&s.to_be_bytes::<32>());
    high[64] = 55 - bytes[64];
    let mut v = bytes.clone();
    v[64] -= 27;
    let mut flipped = bytes.clone();
    flipped[64] = 55 - bytes[64];
    let mut compact = bytes[..64].to_vec();
    compact[32] |= (bytes[64] - 27) << 7;
    vec![
        ("the other s of the same signature", hex::encode_prefixed(high)),
        ("v as 0 or 1", hex::encode_prefixed(v)),
        ("the other v", hex::encode_prefixed(flipped)),
        ("64 bytes (ERC-2098)", hex::encode_prefixed(compact)),
        ("66 bytes", format!("{good}00")),
        ("zeros", format!("0x{}", "00".repeat(65))),
        ("zeros that recover to nobody", format!("0x{}1b", "00".repeat(64))),
        ("nothing", "0x".into()),
    ]
}
