//! Every change that a story makes on the disk fails once, in every way in which it can.
//!
//! `VESTIARY_STRIDE=1` takes every change with every fault; the tests take every so many of some.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;

use vestiary_log::sim::{Fault, ForgetfulDisk, Operation};
use vestiary_server::journal::Ledger;
use vestiary_server::storage::StorageState;

use super::{STORY, Step, Teller, readiness};
use crate::support::{Ground, TestLedger, eventually};

/// How a change fails, and of how many the tests take one.
const FAULTS: [(Fault, u64); 5] = [
    (Fault::NoSpace, 2),
    (Fault::ShortWrite, 2),
    (Fault::Error(ErrorKind::Other), 5),
    (Fault::FsyncError, 4),
    (Fault::FailedAfterTakingEffect, 7),
];

/// What a fault must have met at least once, and with which fault it is looked for if chance did not lead there.
const MUST_MEET: [(&str, Fault); 5] = [
    ("write in journal", Fault::NoSpace),
    ("sync in journal", Fault::FsyncError),
    ("write in log", Fault::NoSpace),
    ("sync in log", Fault::FsyncError),
    ("write in salts", Fault::NoSpace),
];
/// How often one of them is looked for: what goes on beside a story moves its changes by some places.
const TRIES: u32 = 12;

/// What happened, for whoever wants to see that something did.
#[derive(Debug, Default)]
struct Seen {
    cases: u64,
    refusals: BTreeMap<String, u64>,
    restarts: u64,
    /// Which files a fault met, by the directory that they are in.
    places: BTreeMap<String, u64>,
}

/// Whether a writer has stopped for good.
fn has_stopped(ledger: &TestLedger) -> bool {
    let service = ledger.service();
    matches!(service.storage.state(), StorageState::Stopped { .. })
        || service.log.has_stopped()
        || service.ledger.stopped().is_some()
}

/// Whether the whole log is anchored: nothing more happens by itself.
fn is_anchored(ledger: &TestLedger) -> bool {
    let service = ledger.service();
    let account = service.signing.anchoring_account();
    let anchor = service
        .mirror
        .view()
        .latest_anchor(account, service.origin_hash());
    anchor
        .unwrap()
        .is_some_and(|(size, _)| size == service.log_size())
}

/// The next life: what is on the disk stays, or a power cut takes what was not synced.
async fn restart(ledger: &mut TestLedger, disk: &ForgetfulDisk, teller: &Teller, seen: &mut Seen) {
    let reply = ledger.client().get("/readyz").await;
    assert_eq!(
        reply.status,
        503,
        "a service that cannot write is not ready: {}",
        reply.text()
    );
    teller.check_reads(ledger).await;
    seen.restarts += 1;
    ledger.stop().await;
    if seen.restarts.is_multiple_of(2) {
        disk.power_cut(seen.restarts);
    } else {
        disk.kill();
    }
    ledger.run().await;
    teller.check_promises(ledger).await;
}

/// Tells one story through a fault, as a patient client does: the same request until it succeeds.
async fn live_through(
    ledger: &mut TestLedger,
    disk: &ForgetfulDisk,
    teller: &mut Teller,
    fault: Fault,
    seen: &mut Seen,
) {
    for step in STORY {
        for attempt in 0.. {
            assert!(attempt < 8, "{fault:?}: {step:?} never succeeds");
            let reply = teller.ask(ledger, step).await;
            if reply.status < 300 {
                break;
            }
            let outcome = reply.outcome();
            *seen.refusals.entry(outcome.clone()).or_default() += 1;
            match outcome.as_str() {
                "507 storage_full" => {
                    assert_eq!(fault, Fault::NoSpace);
                    assert_eq!(reply.header("retry-after"), "30");
                }
                "503 not_writable" => assert_ne!(fault, Fault::NoSpace),
                "503 writer_stopped" => {
                    assert!(has_stopped(ledger), "{fault:?}");
                    // For good: asking again changes nothing.
                    if step != Step::Claim || teller.ask(ledger, Step::Upload).await.status < 300 {
                        let again = teller.ask(ledger, step).await;
                        assert_eq!(again.outcome(), "503 writer_stopped", "{fault:?} {step:?}");
                    }
                    restart(ledger, disk, teller, seen).await;
                }
                other => panic!("{fault:?} at {:?}: {other}: {}", disk.last_fault(), reply.text()),
            }
        }
    }
    teller.serial += 1;
}

/// What a change does, and in which part of the data directory.
fn place_of(operation: &Operation, ledger: &TestLedger) -> String {
    let below = operation.path.strip_prefix(ledger.ground.data_dir()).unwrap();
    let part = below.components().next().map(|part| part.as_os_str().to_owned());
    format!(
        "{} in {}",
        operation.name,
        part.unwrap_or_default().to_string_lossy()
    )
}

/// One story with one fault in it.
async fn meet(
    (ledger, disk, teller): (&mut TestLedger, &ForgetfulDisk, &mut Teller),
    fault: Fault,
    number: u64,
    seen: &mut Seen,
) {
    seen.cases += 1;
    println!("{fault:?} at change {number}");
    disk.fail_change(number, fault);
    live_through(ledger, disk, teller, fault, seen).await;
    // What is left is for the transactions of this story.
    eventually("the fault came, or nothing more does", async || {
        (disk.faults_to_come() == 0 || has_stopped(ledger) || is_anchored(ledger)).then_some(())
    })
    .await;
    if disk.faults_to_come() == 0
        && let Some((operation, _)) = disk.last_fault()
    {
        *seen.places.entry(place_of(&operation, ledger)).or_default() += 1;
    }
    disk.clear_faults();
    if has_stopped(ledger) {
        restart(ledger, disk, teller, seen).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_at_any_change_of_a_story_loses_nothing_and_doubles_nothing() {
    let Some(ground) = Ground::lay().await else {
        return;
    };
    let stride = std::env::var("VESTIARY_STRIDE")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    let disk = ForgetfulDisk::new();
    let mut ledger = TestLedger::start_over(ground, Arc::new(disk.clone()), |_| {}).await;
    let mut teller = Teller::new(&ledger).await;
    // How many changes of each kind a story makes, and its transactions behind it.
    teller.tell(&ledger).await;
    ledger.wait_anchored().await;
    let before = disk.history().len();
    teller.tell(&ledger).await;
    ledger.wait_anchored().await;
    let story = disk.history().split_off(before);
    let mut seen = Seen::default();
    for (fault, usual) in FAULTS {
        let changes = story
            .iter()
            .filter(|operation| fault.can_meet(operation.name))
            .count() as u64;
        let stride = stride.unwrap_or(usual);
        for number in (0..changes).filter(|number| number % stride == 0) {
            meet((&mut ledger, &disk, &mut teller), fault, number, &mut seen).await;
        }
    }
    for (place, fault) in MUST_MEET {
        for _ in 0..TRIES {
            if seen.places.contains_key(place) {
                break;
            }
            let before = disk.history().len();
            teller.tell(&ledger).await;
            ledger.wait_anchored().await;
            let story = disk.history().split_off(before);
            let mut changes = story.iter().filter(|operation| fault.can_meet(operation.name));
            if let Some(number) = changes.position(|operation| place_of(operation, &ledger) == place) {
                meet((&mut ledger, &disk, &mut teller), fault, number as u64, &mut seen).await;
            }
        }
    }
    println!(
        "Ran {} faults: {} restarts, refusals {:?}",
        seen.cases, seen.restarts, seen.refusals
    );
    println!("Where: {:?}", seen.places);
    teller.check_end(&ledger).await;
    let digest = ledger.service().mirror.row_digest().unwrap();
    let state = ledger.service().ledger.read(|state| state.to_bytes().unwrap());
    ledger.stop().await;
    disk.power_cut(1);
    ledger.run().await;
    ledger.settle().await;
    assert_eq!(ledger.service().mirror.row_digest().unwrap(), digest);
    let after = ledger.service().ledger.read(|state| state.to_bytes().unwrap());
    assert_eq!(after, state, "what was durable is the state");
    compact_at_every_fault(&disk, &ledger.ground.data_dir().join("journal"), &after);
    // And for good: the journal is its snapshot, and a start reads it.
    ledger.service().ledger.compact().unwrap();
    ledger.stop().await;
    disk.power_cut(2);
    ledger.run().await;
    ledger.wait_anchored().await;
    let compacted = ledger.service().ledger.read(|state| state.to_bytes().unwrap());
    assert_eq!(compacted, state, "a snapshot stands for the records");
    teller.tell(&ledger).await;
    teller.check_end(&ledger).await;
    assert_eq!(readiness(&ledger).await.1, "writable");
    for (place, _) in MUST_MEET {
        assert!(
            seen.places.contains_key(place),
            "no fault met a {place}: {:?}",
            seen.places
        );
    }
    for code in ["507 storage_full", "503 not_writable", "503 writer_stopped"] {
        assert!(seen.refusals.contains_key(code), "nothing was refused as {code}");
    }
    ledger.stop().await;
}

/// Compacts a copy of the journal with every change failing in turn: whatever is left folds to the same state.
fn compact_at_every_fault(disk: &ForgetfulDisk, dir: &std::path::Path, state: &[u8]) {
    let open = |disk: &ForgetfulDisk| Ledger::open(Arc::new(disk.clone()), dir).unwrap();
    let (mut done, mut failed) = (0, 0);
    for fault in [
        Fault::PowerOff,
        Fault::NoSpace,
        Fault::FsyncError,
        Fault::Error(ErrorKind::Other),
    ] {
        for number in 0..20 {
            let copy = disk.fork();
            copy.kill();
            let ledger = open(&copy);
            copy.fail_change(number, fault);
            match ledger.compact() {
                Ok(()) => done += 1,
                Err(_) => failed += 1,
            }
            copy.clear_faults();
            drop(ledger);
            copy.power_cut(number);
            let ledger = open(&copy);
            assert_eq!(
                ledger.read(|state| state.to_bytes().unwrap()),
                state,
                "{fault:?} at {number}"
            );
            ledger.compact().unwrap();
            drop(ledger);
            copy.power_cut(number);
            assert_eq!(
                open(&copy).read(|state| state.to_bytes().unwrap()),
                state,
                "{fault:?} at {number}"
            );
        }
    }
    println!(
        "Ran {} compactions: {failed} failed, {done} did not, 0 lost",
        failed + done
    );
    assert!(failed > 20 && done > 20);
}
