//! A full disk: new work is refused early, reading and what was promised go on, and room cures everything.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use vestiary_log::sim::ForgetfulDisk;
use vestiary_server::storage::BALLAST_FILE;

use super::{STORY, Step, Teller, readiness};
use crate::support::{Ground, TestLedger, eventually};

const MIB: u64 = 1 << 20;

/// A service that keeps a reserve of 1 MiB on a disk of its own with 8 MiB left.
async fn small() -> Option<(TestLedger, ForgetfulDisk)> {
    let ground = Ground::lay().await?;
    let disk = ForgetfulDisk::new();
    disk.set_free_bytes(Some(8 * MIB));
    let change = |config: &mut vestiary_server::config::Config| config.service.storage_reserve_mib = 1;
    let ledger = TestLedger::start_over(ground, Arc::new(disk.clone()), change).await;
    Some((ledger, disk))
}

/// Changes in the directories that only requests write to.
fn changes_by_requests(disk: &ForgetfulDisk) -> usize {
    let by_request = |path: &std::path::Path| {
        let text = path.to_string_lossy();
        ["/salts/", "/batches/", "/content/"]
            .iter()
            .any(|part| text.contains(part))
    };
    let history = disk.history();
    history
        .iter()
        .filter(|operation| operation.name == "write" && by_request(&operation.path))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_last_megabyte_new_work_is_refused_and_taken_again_when_there_is_room() {
    let Some((mut ledger, disk)) = small().await else {
        return;
    };
    let mut teller = Teller::new(&ledger).await;
    teller.tell(&ledger).await;
    // A second batch stands at each step when the disk fills up.
    for step in [Step::Prepare, Step::Commit] {
        assert!(teller.ask(&ledger, step).await.status < 300);
    }
    let client = teller.brand.client(&ledger);
    let third = teller.brand.batch(teller.design, teller.serial + 1, 1);
    let prepared = client
        .post("/v1/batches", "batch/third", &third)
        .await
        .expect(202);
    let commit = format!("/v1/batches/{}/commit", prepared["id"].as_str().unwrap());
    let signed = teller.brand.sign(&prepared);
    disk.set_free_bytes(Some(MIB - 1));
    let before = changes_by_requests(&disk);
    let fourth = teller.brand.batch(teller.design, teller.serial + 2, 1);
    let refused = [
        teller.ask(&ledger, Step::Upload).await,
        teller.ask(&ledger, Step::Claim).await,
        client.post(&commit, "", &signed).await,
        ledger
            .client()
            .post(
                "/v1/api-keys",
                "",
                &serde_json::json!({ "label": "x", "scopes": ["world"] }),
            )
            .await,
    ];
    for reply in &refused {
        assert_eq!(reply.outcome(), "507 storage_full", "{}", reply.text());
        assert_eq!(reply.header("retry-after"), "30");
    }
    // The open preparation is found first; it needs no room.
    assert_eq!(
        client
            .post("/v1/batches", "batch/fourth", &fourth)
            .await
            .outcome(),
        "409 preparation_open"
    );
    assert_eq!(
        changes_by_requests(&disk),
        before,
        "what is refused early writes nothing"
    );
    assert_eq!(readiness(&ledger).await, (503, "full".into()));
    teller.check_reads(&ledger).await;
    // What was promised goes on in the reserve; so does asking again for what was answered.
    let path = format!("/v1/batches/{}/commit", teller.promised.receipts[1].0);
    let again = client
        .post(&path, "", &teller.brand.sign(&teller.prepared))
        .await
        .expect(200);
    assert_eq!(again["receipt"], teller.promised.receipts[1].1.as_str());
    teller.brand.wait_committed(&ledger, &again).await;
    ledger.wait_anchored().await;

    disk.set_free_bytes(Some(8 * MIB));
    assert_eq!(readiness(&ledger).await, (200, "writable".into()));
    assert!(teller.ask(&ledger, Step::Claim).await.status < 300);
    let view = client.post(&commit, "", &signed).await.expect(200);
    let text = |name: &str| view[name].as_str().unwrap().to_owned();
    teller.promised.receipts.push((text("id"), text("receipt")));
    teller.check_end(&ledger).await;
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_after_any_number_of_bytes_needs_no_restart() {
    let Some(ground) = Ground::lay().await else {
        return;
    };
    let disk = ForgetfulDisk::new();
    let mut ledger = TestLedger::start_over(ground, Arc::new(disk.clone()), |_| {}).await;
    let mut teller = Teller::new(&ledger).await;
    let (mut refused, mut told) = (0, 0);
    for free_bytes in (0..40_000).step_by(2_203) {
        disk.set_free_bytes(Some(free_bytes));
        for step in STORY {
            let reply = teller.ask(&ledger, step).await;
            if reply.status >= 300 {
                assert_eq!(
                    reply.outcome(),
                    "507 storage_full",
                    "{free_bytes}: {}",
                    reply.text()
                );
                refused += 1;
                disk.set_free_bytes(None);
                let reply = teller.ask(&ledger, step).await;
                assert!(reply.status < 300, "{free_bytes}, {step:?}: {}", reply.text());
            }
        }
        teller.serial += 1;
        told += 1;
    }
    disk.set_free_bytes(None);
    assert!(refused > 5, "the disk was never full: {refused} of {told}");
    teller.check_end(&ledger).await;
    println!("Ran {told} sizes of a full disk: {refused} refusals, no restart");
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_starts_on_a_full_disk_and_answers() {
    let Some((mut ledger, disk)) = small().await else {
        return;
    };
    let mut teller = Teller::new(&ledger).await;
    teller.tell(&ledger).await;
    let ballast = ledger.ground.data_dir().join(BALLAST_FILE);
    eventually("there is ballast", async || {
        disk.content(&ballast)
            .filter(|bytes| bytes.len() as u64 == MIB / 4)
            .map(drop)
    })
    .await;
    ledger.wait_anchored().await;
    ledger.stop().await;
    disk.kill();
    disk.set_free_bytes(Some(0));
    ledger.run_unready().await;
    assert_eq!(disk.content(&ballast), None, "it was let go for the start");
    eventually("the service answers", async || {
        (readiness(&ledger).await.1 == "full").then_some(())
    })
    .await;
    teller.check_reads(&ledger).await;
    assert_eq!(
        teller.ask(&ledger, Step::Upload).await.outcome(),
        "507 storage_full"
    );
    disk.set_free_bytes(Some(8 * MIB));
    ledger.wait_ready().await;
    teller.tell(&ledger).await;
    eventually("there is ballast again", async || {
        disk.content(&ballast).map(drop)
    })
    .await;
    teller.check_end(&ledger).await;
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_that_a_full_disk_stopped_comes_back_by_itself() {
    let Some((mut ledger, disk)) = small().await else {
        return;
    };
    let mut teller = Teller::new(&ledger).await;
    teller.tell(&ledger).await;
    ledger.wait_anchored().await;
    let digest = ledger.service().mirror.row_digest().unwrap();
    // The store itself meets a full disk, at a block or at a log entry.
    ledger.service().mirror.fail_next_commit();
    ledger.ground.mine(1).await;
    eventually("the mirror was filled again", async || {
        let mirror = &ledger.service().mirror;
        let caught_up = mirror.stopped().is_none() && mirror.log_size() == ledger.service().log_size();
        caught_up.then_some(())
    })
    .await;
    ledger.settle().await;
    ledger.wait_ready().await;
    assert_ne!(
        ledger.service().mirror.row_digest().unwrap(),
        digest,
        "a block more"
    );
    teller.check_promises(&ledger).await;
    teller.tell(&ledger).await;

    // With too little room for it the mirror waits, and says so; it is not even tried.
    ledger.wait_anchored().await;
    disk.set_free_bytes(Some(MIB / 8 - 1));
    let head = ledger.service().mirror.head();
    ledger.ground.mine(2).await;
    eventually("the mirror waits", async || {
        let reply = ledger.client().get("/readyz").await.json();
        (reply["chain"] == "behind" && reply["chain_reason"] == "storage_full").then_some(())
    })
    .await;
    assert_eq!(ledger.service().mirror.head(), head);
    assert_eq!(ledger.service().mirror.stopped(), None);
    teller.check_reads(&ledger).await;
    disk.set_free_bytes(Some(8 * MIB));
    ledger.wait_ready().await;
    teller.check_end(&ledger).await;
    ledger.stop().await;
}

/// A file system of 24 MiB, unmounted when dropped; `None` where this user may not mount.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
            .arg(&at)
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(at))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_file_system_that_fills_up_is_survived_with_the_database_on_it() {
    let Some(ground) = Ground::lay().await else {
        return;
    };
    // Before the service makes its files there; the keys are moved into it.
    let (data, kept) = (ground.data_dir(), ground.dir.path().join("kept"));
    std::fs::rename(&data, &kept).unwrap();
    let Some(mounted) = Small::mount(data.clone()) else {
        println!("missing: the right to mount a tmpfs; the forgetful disk covers the same");
        return;
    };
    println!("ran: tmpfs");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(kept.join("keys"))
        .arg(&data)
        .status();
    assert!(copied.unwrap().success());
    let change = |config: &mut vestiary_server::config::Config| config.service.storage_reserve_mib = 4;
    let mut ledger = TestLedger::start_over(ground, Arc::new(vestiary_log::Disk), change).await;
    let mut teller = Teller::new(&ledger).await;
    teller.tell(&ledger).await;
    let filler = data.join("somebody-elses");
    let mut file = std::fs::File::create(&filler).unwrap();
    let block = vec![7; 65_536];
    while file.write_all(&block).is_ok() {}
    while file.write_all(&[7; 64]).is_ok() {}
    drop(file);
    assert_eq!(
        teller.ask(&ledger, Step::Upload).await.outcome(),
        "507 storage_full"
    );
    ledger.ground.mine(3).await;
    eventually("it says so", async || {
        (readiness(&ledger).await == (503, "full".into())).then_some(())
    })
    .await;
    teller.check_reads(&ledger).await;
    std::fs::remove_file(&filler).unwrap();
    ledger.wait_ready().await;
    teller.tell(&ledger).await;
    teller.check_end(&ledger).await;
    ledger.stop().await;
    drop(mounted);
}
