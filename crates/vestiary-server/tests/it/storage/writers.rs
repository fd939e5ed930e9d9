//! Two writers: the second is refused; one that was replaced neither writes nor sends; a copy is found out.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::B256;
use serde_json::{Value, json};
use vestiary_chain::calls;
use vestiary_chain::once;
use vestiary_signing::{Account, AccountKey, KdfCost, Memory, Purpose, StoredKey as _};

use super::{Step, Teller};
use crate::support::{ORIGIN, PASSPHRASE, TestLedger, eventually, passphrase};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_the_same_directory_refuses_to_start() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let home = ledger.ground.dir.path();
    let second = || {
        let output = Command::new(env!("CARGO_BIN_EXE_vestiary"))
            .args(["serve", "--config"])
            .arg(home.join("vestiary.toml"))
            .env("VESTIARY_PASSPHRASE", PASSPHRASE)
            .env_remove("VESTIARY_RPC_URL")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(!output.status.success(), "it started");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let said = second();
    assert!(
        said.contains("journal/lock") && said.contains("locked by another writer"),
        "{said}"
    );
    // Each part is locked by itself, so that also half a mistake is noticed.
    for part in ["journal", "salts", "content"] {
        let lock = ledger.ground.data_dir().join(part).join("lock");
        std::fs::remove_file(&lock).unwrap();
        let said = second();
        assert!(
            said.contains("locked by another writer") || said.contains("in use"),
            "{part}: {said}"
        );
    }
    // That last one came as far as the mirror; the first writer was replaced on the way, and knows.
    let reply = ledger.client().upload(b"a note".to_vec()).await;
    assert!(
        reply.status == 201 || reply.outcome() == "503 writer_stopped",
        "{}",
        reply.text()
    );
    let problem = ledger.service().ledger.check_may_write().unwrap_err();
    assert_eq!(problem.code.slug(), "writer_stopped");
    ledger.stop().await;
    ledger.run().await;
    ledger.check_everything().await;
    ledger.stop().await;
}

/// Puts a copy of a directory in its place, as a move and a restore do: locks of the old one say nothing there.
fn replace_by_copy(dir: &Path) {
    let away = dir.with_extension("away");
    std::fs::rename(dir, &away).unwrap();
    let copied = Command::new("cp").arg("-r").arg(&away).arg(dir).status().unwrap();
    assert!(copied.success());
}

async fn pending(ledger: &TestLedger) -> u64 {
    let status = ledger.ground.node("txpool_status", json!([])).await;
    let text = status["pending"].as_str().unwrap().trim_start_matches("0x");
    u64::from_str_radix(text, 16).unwrap()
}

/// Loses what the node has not mined, and lets blocks pass, so that a healthy sender sends again.
async fn lose_and_mine(ledger: &TestLedger) {
    ledger.ground.node("anvil_dropAllTransactions", json!([])).await;
    // Without what would be sent again at once, blocks stay empty.
    for _ in 0..4 {
        ledger.ground.node("anvil_dropAllTransactions", json!([])).await;
        ledger.ground.mine(1).await;
    }
    ledger.ground.node("anvil_dropAllTransactions", json!([])).await;
    ledger.ground.mine(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_was_replaced_neither_writes_nor_sends() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let mut teller = Teller::new(&ledger).await;
    teller.tell(&ledger).await;
    ledger.wait_anchored().await;
    // A transaction is signed, sent and not mined.
    ledger.ground.node("evm_setAutomine", json!([false])).await;
    for step in [Step::Prepare, Step::Commit] {
        assert!(teller.ask(&ledger, step).await.status < 300);
    }
    eventually("it is sent", async || (pending(&ledger).await > 0).then_some(())).await;
    lose_and_mine(&ledger).await;
    eventually("a living writer sends again", async || {
        (pending(&ledger).await > 0).then_some(())
    })
    .await;

    replace_by_copy(&ledger.ground.data_dir());
    let successor = ledger.open().await.expect("the copy has nobody's lock");
    let zombie = Arc::clone(ledger.service());
    assert!(zombie.ledger.check_may_write().is_err());
    // What it was doing when it lost its place has ended; from here on it may not begin anything.
    tokio::time::sleep(Duration::from_millis(800)).await;
    let (entries, used) = (zombie.log_size(), nonces(&ledger).await);
    lose_and_mine(&ledger).await;
    for step in [Step::Claim, Step::Prepare] {
        if step == Step::Prepare {
            teller.serial += 1;
        }
        let reply = teller.ask(&ledger, step).await;
        assert_eq!(
            reply.outcome(),
            "503 writer_stopped",
            "{step:?}: {}",
            reply.text()
        );
    }
    let appended = zombie.log.append(vec![b"a zombie's entry".to_vec()]).await;
    assert!(appended.is_err());
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(pending(&ledger).await, 0, "a zombie sent");
    assert_eq!((zombie.log_size(), nonces(&ledger).await), (entries, used));
    assert_eq!(ledger.client().get("/readyz").await.status, 503);
    teller.check_reads(&ledger).await;
    drop(zombie);
    // The successor goes on as if nothing had been.
    ledger.stop().await;
    drop(successor);
    ledger.ground.node("evm_setAutomine", json!([true])).await;
    ledger.run().await;
    teller.serial -= 1;
    assert!(teller.ask(&ledger, Step::Claim).await.status < 300);
    teller.check_end(&ledger).await;
    ledger.stop().await;
}

/// How many transactions of the service the chain has.
async fn nonces(ledger: &TestLedger) -> Vec<Value> {
    let signing = &ledger.service().signing;
    let mut used = Vec::new();
    for account in [signing.submitter().address(), signing.anchoring_account()] {
        used.push(
            ledger
                .ground
                .node("eth_getTransactionCount", json!([account, "latest"]))
                .await,
        );
    }
    used
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_with_the_same_keys_that_anchors_another_log_ends_our_signing() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let mut teller = Teller::new(&ledger).await;
    teller.tell(&ledger).await;
    ledger.wait_anchored().await;
    // Somebody started a copy of the directory elsewhere. It has gone on, and anchors what we never had.
    let path = ledger.ground.data_dir().join("keys/anchoring.key.json");
    let key = AccountKey::load(&path, Purpose::Anchoring, &passphrase(), KdfCost::Development).unwrap();
    let copy = Account::new(Arc::new(key), Arc::new(Memory::fresh()));
    let size = ledger.service().log_size() + 3;
    let call = calls::anchor(
        ledger.deployment().log_anchor,
        copy.address(),
        ORIGIN,
        size,
        B256::repeat_byte(9),
    );
    once::send(&ledger.ground.rpc, &copy, &call).await.unwrap();
    eventually("the anchor is heard", async || {
        let memory = ledger.service().signing.memory();
        memory.check_log(ORIGIN).is_err().then_some(())
    })
    .await;
    assert!(teller.ask(&ledger, Step::Prepare).await.status < 300);
    let reply = teller.ask(&ledger, Step::Commit).await;
    assert_eq!(reply.outcome(), "503 not_writable", "{}", reply.text());
    assert_eq!(
        ledger.service().log_size() + 3,
        size,
        "nothing was signed after it"
    );
    eventually("the alarm is up", async || {
        let metrics = ledger.client().get("/metrics").await.text();
        metrics.contains("vestiary_log_contradicted 1").then_some(())
    })
    .await;
    // Reading goes on, but for receipts: they are signed for each answer, and would vouch for this log.
    let wallet = format!("/v1/wallets/{}/wearables", super::player().text());
    assert_eq!(ledger.client().get(&wallet).await.status, 200);
    let receipt = format!("/v1/batches/{}", teller.promised.receipts[0].0);
    let refused = teller.brand.client(&ledger).get(&receipt).await;
    assert_eq!(refused.outcome(), "503 not_writable", "{}", refused.text());
    ledger.stop().await;
}
