//! A real node takes blocks back; a script that shares no code with us says who owns what afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;
use serde_json::json;

use crate::story::{inventory, wait_claimed};
use crate::support::actors::{Actor, Brand};
use crate::support::{TestLedger, eventually, root, said};

#[derive(Debug, Deserialize)]
struct Recomputed {
    block: String,
    owners: BTreeMap<String, String>,
}

/// Where ethers is installed, beside Anvil.
fn modules() -> Option<PathBuf> {
    let beside = std::env::var_os("VESTIARY_ANVIL").map(PathBuf::from);
    let beside = beside.and_then(|anvil| Some(anvil.parent()?.parent()?.to_owned()));
    let places = [beside, Some(root().join("contracts/node_modules"))];
    let found = places
        .into_iter()
        .flatten()
        .find(|place| place.join("ethers/package.json").exists());
    said("ethers", found)
}

fn recompute(ledger: &TestLedger, brand: &Brand, modules: &PathBuf) -> Recomputed {
    let output = Command::new("node")
        .arg(root().join("crates/vestiary-server/tests/js/owners.mjs"))
        .arg(modules)
        .arg(ledger.ground.anvil.url())
        .arg(format!("{:#x}", brand.collection.address))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What the service answers for every wallet is what the script found, and nothing else.
async fn compare(ledger: &TestLedger, brand: &Brand, modules: &PathBuf, wallets: &[&Actor]) -> usize {
    ledger.settle().await;
    let recomputed = recompute(ledger, brand, modules);
    let mut answered = BTreeMap::new();
    for wallet in wallets {
        let answer = inventory(ledger, wallet, "").await;
        assert_eq!(answer["complete"], "yes");
        assert_eq!(
            answer["as_of"][0]["hash"], recomputed.block,
            "both looked at one block"
        );
        for wearable in answer["wearables"].as_array().unwrap() {
            let id = wearable["id"].as_str().unwrap();
            let token = id.rsplit('/').next().unwrap();
            let key = format!("{:#x}/{token}", brand.collection.address);
            assert_eq!(answered.insert(key, wallet.text()), None, "{id} has two owners");
        }
    }
    assert_eq!(answered, recomputed.owners);
    answered.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_real_reorganisation_the_answers_are_those_of_an_independent_script() {
    let Some(modules) = modules() else { return };
    let Some(ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    let issued = brand.issue(&ledger, design, 1, 6).await;
    brand.wait_committed(&ledger, &issued).await;
    ledger.wait_anchored().await;
    // Blocks on top, so that what comes next is alone in the blocks that go away.
    ledger.ground.mine(4).await;

    let (ana, ben, cleo) = (Actor::anvil(3), Actor::anvil(4), Actor::named("Cleo"));
    let wallets = [&ana, &ben, &cleo];
    for (serial, to) in [(1, &ana), (2, &ana), (3, &ben)] {
        let body = brand
            .claim(&ledger, brand.wearable(design, serial), to.address())
            .await;
        let claim = ledger.client().post("/v1/claims", "", &body).await.expect(202);
        wait_claimed(&ledger, &claim).await;
    }
    assert_eq!(compare(&ledger, &brand, &modules, &wallets).await, 3);
    ledger.ground.mine(4).await;

    // Two gifts, then the node takes the last two blocks back and goes on without them.
    ana.give(&ledger, brand.wearable(design, 1), cleo.address())
        .await
        .unwrap();
    ben.give(&ledger, brand.wearable(design, 3), ana.address())
        .await
        .unwrap();
    assert_eq!(compare(&ledger, &brand, &modules, &wallets).await, 3);
    assert_eq!(
        inventory(&ledger, &cleo, "").await["wearables"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let before = ledger.ground.rpc.head().await.unwrap().hash;
    ledger.ground.node("anvil_reorg", json!([2, []])).await;
    ledger.ground.mine(1).await;
    let after = ledger.ground.rpc.head().await.unwrap().hash;
    assert_ne!(before, after);
    assert_eq!(compare(&ledger, &brand, &modules, &wallets).await, 3);
    assert_eq!(
        inventory(&ledger, &cleo, "").await["wearables"],
        json!([]),
        "the gift was undone"
    );
    ledger.check_everything().await;

    // Life goes on: another gift, and a claim whose block is taken back is sent again, byte for byte.
    ben.give(&ledger, brand.wearable(design, 3), cleo.address())
        .await
        .unwrap();
    ledger.settle().await;
    let body = brand
        .claim(&ledger, brand.wearable(design, 4), cleo.address())
        .await;
    let claim = ledger.client().post("/v1/claims", "", &body).await.expect(202);
    let included = wait_claimed(&ledger, &claim).await;
    assert_eq!(compare(&ledger, &brand, &modules, &wallets).await, 4);
    ledger.ground.node("anvil_reorg", json!([1, []])).await;
    ledger.ground.mine(1).await;
    eventually("the claim is on the chain again", async || {
        let owners = recompute(&ledger, &brand, &modules).owners;
        (owners.len() == 4).then_some(())
    })
    .await;
    assert_eq!(compare(&ledger, &brand, &modules, &wallets).await, 4);
    let again = wait_claimed(&ledger, &claim).await;
    assert_eq!(
        again["transaction"], included["transaction"],
        "the same transaction, not a second one"
    );
    let counts = ledger.check_everything().await;
    let holders: BTreeSet<String> = recompute(&ledger, &brand, &modules)
        .owners
        .into_values()
        .collect();
    assert_eq!((counts.owned, holders.len()), (4, 2), "{counts:?} {holders:?}");
}
