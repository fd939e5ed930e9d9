//! The power goes: what was acknowledged is there, and the service starts by itself.
//!
//! Twice: over the forgetful file seam, where every write that was not synced may be lost, at sampled operations of a
//! whole story; and with the real executable on a disk image that is copied at a random moment, which is the only
//! way to cut sled's power. `VESTIARY_SEED=<n>` chooses other moments, `VESTIARY_POWER_CUTS=<n>` another number.

mod image;
mod load;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use vestiary_chain::sim::Seeded;
use vestiary_log::files::{Files, OpenFor};
use vestiary_log::sim::{Fault, ForgetfulDisk};

use crate::support::actors::Brand;
use crate::support::http::Client;
use crate::support::{PASSPHRASE, TestLedger};
use image::{Machine, Service};
use load::{Load, Promised};

/// Power cuts of the disk image when nobody asks for another number.
const CUTS: u64 = 30;
/// Power cuts of the forgetful file seam.
const SEAM_CUTS: u64 = 24;
/// Operations of one round of the load over the seam, at least: a cut lies before.
const OPERATIONS: u64 = 220;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

// ---- the file seam

/// Copies a directory into the disk that forgets; all of it is synced.
fn load_directory(disk: &ForgetfulDisk, dir: &Path) {
    disk.create_dir_all(dir).unwrap();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            load_directory(disk, &path);
        } else {
            let mut file = disk.open(&path, OpenFor::Creating).unwrap();
            file.append(&std::fs::read(&path).unwrap()).unwrap();
            file.sync().unwrap();
        }
    }
    disk.sync_dir(dir).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_after_any_operation_of_a_story_loses_nothing_that_was_acknowledged() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    ledger.stop().await;
    let disk = ForgetfulDisk::new();
    for part in ["journal", "salts", "log", "batches", "content"] {
        load_directory(&disk, &ledger.ground.data_dir().join(part));
    }
    ledger.files = Arc::new(disk.clone());

    let cuts = number("VESTIARY_SEAM_CUTS").unwrap_or(SEAM_CUTS);
    let mut seeded = Seeded::new(number("VESTIARY_SEED").unwrap_or(3));
    let mut promised = Promised::default();
    let mut next = 0;
    for cut in 0..cuts {
        ledger.run().await;
        let load = Load::new(ledger.client().with_key(&brand.key), &brand, design);
        load.check(&promised.recent()).await;
        // Evenly over a round, so that each write and each sync of it is hit by some cut.
        let within = OPERATIONS / cuts.min(OPERATIONS);
        let at = disk.operations() + cut * OPERATIONS / cuts + seeded.below(within.max(1));
        disk.fail_at(at, Fault::PowerOff);
        let until = Instant::now() + Duration::from_mins(1);
        while load.round(next, &mut promised).await.is_some() {
            next += 1;
            assert!(Instant::now() < until, "the power does not go");
        }
        promised.cuts += 1;
        ledger.stop().await;
        disk.power_cut(seeded.below(u64::MAX));
    }
    ledger.run().await;
    let load = Load::new(ledger.client().with_key(&brand.key), &brand, design);
    load.check(&promised).await;
    ledger.settle().await;
    let report = ledger.service().mirror.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
    println!(
        "{} power cuts over the file seam: {promised}, 0 lost",
        promised.cuts
    );
    assert!(
        promised.receipts.len() as u64 > cuts / 4,
        "the cuts came too early to show anything"
    );
    ledger.stop().await;
}

// ---- the disk image

/// What a verb of the executable answers, as JSON.
fn verb(config: &Path, verb: &str) -> Value {
    let ran = Command::new(env!("CARGO_BIN_EXE_vestiary"))
        .args(["--json", verb, "--config"])
        .arg(config)
        .env("VESTIARY_PASSPHRASE", PASSPHRASE)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(
        ran.status.success(),
        "{verb}: {said} {}",
        String::from_utf8_lossy(&ran.stdout)
    );
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_of_the_whole_disk_loses_nothing_and_the_mirror_opens_or_is_filled_again() {
    let mut machine = match Machine::start() {
        Ok(machine) => machine,
        Err(why) => {
            println!("missing: loop devices and btrfs (the forgetful file seam stands in): {why}");
            return;
        }
    };
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    println!("ran: btrfs and ext4 images on loop devices");
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    ledger.stop().await;
    machine.install(&ledger);

    let cuts = number("VESTIARY_POWER_CUTS").unwrap_or(CUTS);
    let mut seeded = Seeded::new(number("VESTIARY_SEED").unwrap_or(11));
    let mut promised = Promised::default();
    let (mut next, mut filled_again) = (0, 0);
    for cut in 1..=cuts {
        let service = Service::start(&machine).await;
        filled_again += u64::from(service.said().contains("the mirror is filled again"));
        let load = Load::new(
            Client::new(service.url.clone(), brand.key.clone()),
            &brand,
            design,
        );
        load.check(&promised.recent()).await;
        // From the middle of the first request to several rounds later.
        let moment = Duration::from_millis(1 + seeded.below(500));
        let cutter = tokio::task::spawn_blocking(move || {
            std::thread::sleep(moment);
            machine.cut(service);
            machine
        });
        while load.round(next, &mut promised).await.is_some() {
            next += 1;
        }
        machine = cutter.await.unwrap();
        promised.cuts += 1;
        if cut % 10 == 0 || cut == cuts {
            // A whole start, until it follows; then its mirror against one made from nothing.
            let service = Service::start(&machine).await;
            service.wait_ready().await;
            let load = Load::new(
                Client::new(service.url.clone(), brand.key.clone()),
                &brand,
                design,
            );
            load.check(&promised).await;
            // An order that is mined after the stop would be in the mirror made anew only.
            service.wait_still().await;
            service.stop();
            let checked = verb(&machine.config(), "check");
            assert_eq!(checked["clean"], true, "{checked}");
            let rebuilt = verb(&machine.config(), "rebuild");
            for name in ["block", "log_size", "row_digest"] {
                assert_eq!(checked["mirror"][name], rebuilt[name], "{name} after {cut} cuts");
            }
        }
    }
    println!(
        "{} power cuts of the disk image: {promised}, 0 lost; the mirror was filled again {filled_again} times",
        promised.cuts
    );
    assert!(
        promised.receipts.len() as u64 >= cuts / 4,
        "the cuts came too early to show anything"
    );
}
