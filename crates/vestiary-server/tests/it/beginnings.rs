//! Where other stories begin: a brand that has issued, a wearable that somebody has claimed.

use serde_json::Value;
use vestiary::ids::DesignId;

use crate::story::{wait_claimed, worlds};
use crate::support::TestLedger;
use crate::support::actors::{Actor, Brand};

/// A brand, one design of it, and the batch with the first serials, which the chain shows.
#[derive(Debug)]
pub(crate) struct Issued {
    /// The brand.
    pub(crate) brand: Brand,
    /// The design.
    pub(crate) design: DesignId,
    /// The batch as its commit was answered.
    pub(crate) batch: Value,
}

/// A brand joins, both worlds register, and the first `count` serials of a design are issued and committed.
pub(crate) async fn issued(ledger: &TestLedger, count: u64) -> Issued {
    let brand = Brand::join(ledger, "Atelier", 1).await;
    worlds(ledger, &brand.client(ledger)).await;
    let design = brand.design(ledger, "0").await;
    let batch = brand.issue(ledger, design, 1, count).await;
    brand.wait_committed(ledger, &batch).await;
    Issued { brand, design, batch }
}

/// The same, and `owner` has claimed the first of them.
pub(crate) async fn claimed(ledger: &TestLedger, count: u64, owner: &Actor) -> Issued {
    let issued = issued(ledger, count).await;
    let wearable = issued.brand.wearable(issued.design, 1);
    let body = issued.brand.claim(ledger, wearable, owner.address()).await;
    let claim = ledger.client().post("/v1/claims", "", &body).await.expect(202);
    wait_claimed(ledger, &claim).await;
    issued
}
