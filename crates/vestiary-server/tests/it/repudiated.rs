//! An issuer declares a certificate key compromised.

use std::ffi::OsStr;
use std::process::Command;

use alloy_primitives::B256;
use serde_json::{Value, json};
use vestiary::abi::{IIssuerRegistry, SolCall as _};
use vestiary::ids::{DesignId, IssuerId};
use vestiary::keys::PublicKey;
use vestiary::roots::Roots;
use vestiary_chain::submitter::Call;

use crate::beginnings::{Issued, claimed};
use crate::story::inventory;
use crate::support::TestLedger;
use crate::support::actors::{Actor, Brand};

/// After so long a declaration that goes back counts.
const DELAY_S: u64 = 7 * 86_400;

/// What `vestiary roots` says of the issuer's key, and the roots that it writes.
fn roots(ledger: &TestLedger, issuer: IssuerId) -> (Value, Roots) {
    let dir = tempfile::tempdir().unwrap();
    let (deployment, out) = (dir.path().join("deployment.json"), dir.path().join("roots.toml"));
    std::fs::write(&deployment, ledger.deployment().to_bytes()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_vestiary"))
        .args(["--json", "roots", "--issuer-id", &issuer.to_string()])
        .args(["--api", &format!("http://{}", ledger.client().address())])
        .args(["--rpc", &ledger.ground.anvil.url()])
        .args([OsStr::new("--deployment"), deployment.as_os_str()])
        .args([OsStr::new("--out"), out.as_os_str()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = serde_json::from_slice(&output.stdout).unwrap();
    (said, Roots::parse(&std::fs::read(out).unwrap()).unwrap())
}

/// What the key would sign from now on reads `repudiated` as soon as the declaration counts: so it signs nothing.
async fn nothing_is_certified_any_more(ledger: &TestLedger, brand: &Brand, design: DesignId) {
    let view = ledger
        .client()
        .get(&format!("/v1/issuers/{}", brand.issuer))
        .await;
    assert_eq!(view.expect(200)["key_added"], false);
    let body = brand.batch(design, 2, 1);
    let answer = brand.client(ledger).post("/v1/batches", "after", &body).await;
    assert_eq!(answer.outcome(), "422 chain_disagrees", "{}", answer.text());
    let said = answer.text();
    assert!(said.contains("compromised"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wearable_whose_key_is_compromised_reads_repudiated_after_the_delay_and_is_worn_all_the_same() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let ana = Actor::named("Ana");
    let Issued { brand, design, .. } = claimed(&ledger, 1, &ana).await;
    let issuer = brand.issuer;
    let wearable = brand.wearable(design, 1);
    let certificate = ledger.service().mirror.view().certificate_entry(&wearable);
    let from_index = certificate.unwrap().unwrap().index;
    // What is anchored is older than the declaration: it counts after the notice only.
    ledger.wait_anchored().await;
    let view = ledger
        .client()
        .get(&format!("/v1/issuers/{issuer}"))
        .await
        .expect(200);
    let key = PublicKey::from_multikey(view["certificate_key"].as_str().unwrap()).unwrap();
    let declare = IIssuerRegistry::declareCompromisedCall {
        issuerId: issuer.get(),
        key: B256::from(key.to_bytes()),
        originHash: ledger.service().origin_hash(),
        fromIndex: from_index,
    };
    let registry = ledger.deployment().registry;
    let call = Call::new(registry, declare.abi_encode().into());
    brand.account.send(&ledger, &call).await.unwrap();
    ledger.settle().await;
    let before = inventory(&ledger, &ana, "plaza").await;
    assert_eq!(before["wearables"][0]["status"], json!([]), "not yet: {before}");
    nothing_is_certified_any_more(&ledger, &brand, design).await;
    let (said, before) = tokio::task::block_in_place(|| roots(&ledger, issuer));
    let pending = &said["compromises_pending"][0];
    assert_eq!(pending["from_index"], from_index.to_string(), "{said}");
    assert_eq!(before.issuers[0].repudiated_from_index, None);

    ledger.ground.node("evm_increaseTime", json!([DELAY_S + 1])).await;
    ledger.ground.mine(1).await;
    ledger.settle().await;
    let after = inventory(&ledger, &ana, "plaza").await;
    let wearable = &after["wearables"][0];
    assert_eq!(wearable["status"][0]["code"], "repudiated", "{after}");
    assert_eq!(wearable["wear"], "yes", "it undresses nobody");
    let (said, after) = tokio::task::block_in_place(|| roots(&ledger, issuer));
    assert_eq!(said["compromises_pending"], json!([]));
    assert_eq!(after.issuers[0].repudiated_from_index, Some(from_index));
    ledger.stop().await;
}
