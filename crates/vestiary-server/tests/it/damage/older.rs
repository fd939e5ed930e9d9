//! Yesterday's copy of one part, or of several: what is lost is refused, said, or found again, and never made twice.

use std::path::Path;

use serde_json::{Value, json};

use super::stored::journal_of;
use super::{Answers, Told, printed_repair, replace, verb};
use crate::story::wait_claimed;
use crate::support::TestLedger;
use crate::support::actors::Actor;

/// What happens between yesterday and today: the open batch is committed and claimed, a design with files of its own
/// is registered.
async fn a_day(ledger: &TestLedger, told: &Told) -> Value {
    let (brand, client) = (&told.brand, told.brand.client(ledger));
    let path = format!("/v1/batches/{}", told.batches[1]);
    let prepared = client.get(&path).await.expect(200);
    let issued = client
        .post(&format!("{path}/commit"), "", &brand.sign(&prepared))
        .await
        .expect(200);
    brand.wait_committed(ledger, &issued).await;
    let wearable = brand.wearable(told.design, 4);
    let body = brand.claim(ledger, wearable, told.ana.address()).await;
    let claim = ledger.client().post("/v1/claims", "", &body).await.expect(202);
    wait_claimed(ledger, &claim).await;
    let next = brand.issue(ledger, told.design, 6, 2).await;
    brand.wait_committed(ledger, &next).await;
    let mut cap = brand.coat(ledger, "0").await;
    cap["name"] = json!("Casquette");
    cap["representations"][2]["sha256"] = json!(brand.upload(ledger, "cap.png").await);
    client.post("/v1/designs", "cap", &cap).await.expect(201);
    ledger.wait_quiet().await;
    issued
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_restored_from_an_older_copy_are_noticed_and_nothing_is_issued_twice() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let told = Told::tell(&ledger).await;
    ledger.stop().await;
    let copies = tempfile::tempdir().unwrap();
    let (old, new) = (copies.path().join("yesterday"), copies.path().join("today"));
    let data = ledger.ground.data_dir();
    replace(&data, &old);
    ledger.run().await;
    let issued = a_day(&ledger, &told).await;
    let today = Answers::read(&ledger, &told).await;
    let digest = ledger.service().mirror.row_digest().unwrap();
    ledger.stop().await;
    replace(&data, &new);
    let restore = |parts: &[&str]| {
        replace(&new, &data);
        for part in parts {
            replace(&old.join(part), &data.join(part));
        }
    };

    // The mirror: it goes on from where it was.
    restore(&["mirror"]);
    ledger.run().await;
    ledger.settle().await;
    assert_eq!(ledger.service().mirror.row_digest().unwrap(), digest);
    assert_eq!(
        Answers::read(&ledger, &told).await.differences(&today),
        Vec::<String>::new()
    );
    ledger.stop().await;

    // Files: what is missing is said, and not made up.
    restore(&["content"]);
    ledger.run().await;
    ledger.settle().await;
    assert_eq!(
        Answers::read(&ledger, &told).await.served(&today),
        Vec::<String>::new()
    );
    ledger.stop().await;
    assert!(printed_repair(&ledger, &new).ends_with(" --from COPY"));
    ledger.run().await;
    ledger.settle().await;
    assert_eq!(
        Answers::read(&ledger, &told).await.differences(&today),
        Vec::<String>::new()
    );
    ledger.stop().await;

    // The log: shorter than its receipts and its anchor.
    restore(&["log"]);
    let refused = ledger.try_run().await.unwrap_err();
    assert!(
        refused.contains("older copy") && refused.contains("vestiary repair"),
        "{refused}"
    );
    assert!(printed_repair(&ledger, &new).ends_with(" --from COPY"));
    ledger.run().await;
    ledger.settle().await;
    assert_eq!(
        Answers::read(&ledger, &told).await.differences(&today),
        Vec::<String>::new()
    );
    assert_eq!(ledger.service().mirror.row_digest().unwrap(), digest);
    ledger.stop().await;

    // Log and journal, and everything else with them: only the chain knows better.
    for parts in [
        &["log", "journal"][..],
        &["log", "journal", "salts", "batches", "content", "mirror"],
    ] {
        restore(parts);
        let refused = ledger.try_run().await.unwrap_err();
        assert!(
            refused.contains("older copy") && refused.contains("vestiary repair"),
            "{refused}"
        );
    }
    let config = ledger.ground.dir.path().join("vestiary.toml");
    let public = new.join("log");
    let (_, repaired) = verb(&[
        "repair",
        "--config",
        config.to_str().unwrap(),
        "--from",
        public.to_str().unwrap(),
    ]);
    assert!(
        repaired["repaired"][0]
            .as_str()
            .unwrap()
            .contains("extended to size"),
        "{repaired}"
    );
    issue_nothing_twice(&mut ledger, &told, &issued, 8).await;
    ledger.stop().await;

    // The journal alone.
    replace(&old.join("journal"), &data.join("journal"));
    let (clean, checked) = verb(&["check", "--config", config.to_str().unwrap()]);
    assert!(
        clean
            && checked["notes"][0]
                .as_str()
                .unwrap()
                .contains("the journal is an older copy"),
        "{checked}"
    );
    issue_nothing_twice(&mut ledger, &told, &issued, 9).await;
    // What the chain has is not waited for, whoever brought it there.
    ledger.clock.advance_s(3_601);
    let metrics = ledger.client().get("/metrics").await.text();
    for none in ["vestiary_commits_waiting 0", "vestiary_commits_overdue 0"] {
        assert!(metrics.contains(none), "{none}: {metrics}");
    }
    ledger.stop().await;
    lost_promises_are_lost(&new, &data);
}

/// Starts with yesterday's journal on today's log: what the log has is refused or adopted, nonces come from the node.
async fn issue_nothing_twice(ledger: &mut TestLedger, told: &Told, issued: &Value, free: u64) {
    ledger.run().await;
    ledger.settle().await;
    let (brand, client) = (&told.brand, told.brand.client(ledger));
    let size = ledger.service().log_size();
    // The brand signs what it signed yesterday: the statements in the log are the ones.
    let path = format!("/v1/batches/{}", told.batches[1]);
    let prepared = client.get(&path).await.expect(200);
    let committed = client
        .post(&format!("{path}/commit"), "", &brand.sign(&prepared))
        .await
        .expect(200);
    assert_eq!(committed["root"], issued["root"]);
    brand.wait_committed(ledger, &committed).await;
    // A list names serials that the journal has never heard of.
    let again = client
        .post("/v1/batches", "again", &brand.batch(told.design, 6, 2))
        .await;
    assert_eq!(again.outcome(), "409 serial_issued");
    assert_eq!(ledger.service().log_size(), size, "nothing is stated twice");
    // A claim that the chain has is not made again; another one is, with a nonce that is free.
    let ben = Actor::named("Ben");
    let next = brand.issue(ledger, told.design, free, 1).await;
    brand.wait_committed(ledger, &next).await;
    let body = brand
        .claim(ledger, brand.wearable(told.design, free), ben.address())
        .await;
    let claim = ledger.client().post("/v1/claims", "", &body).await.expect(202);
    wait_claimed(ledger, &claim).await;
    let mut counts = crate::support::checks::Counts::default();
    crate::support::checks::check_log(ledger.service(), &mut counts);
    ledger.wait_quiet().await;
}

/// A journal that went on by itself is not given up for a copy that does not have its records.
fn lost_promises_are_lost(new: &Path, data: &Path) {
    use vestiary_log::journal::{Restored, restore};
    assert_ne!(
        format!("{:?}", journal_of(new)),
        format!("{:?}", journal_of(data))
    );
    let restored = restore(&vestiary_log::Disk, &data.join("journal"), &new.join("journal")).unwrap();
    assert!(!matches!(restored, Restored::Whole { .. }), "{restored:?}");
}
