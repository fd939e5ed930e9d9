//! The journal is folded into a snapshot where there is room for one, and is not tried to be all the time where not.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use vestiary::digest::Sha256;
use vestiary_log::seams::SystemClock;
use vestiary_log::sim::{ForgetfulDisk, Operation};
use vestiary_server::journal::{COMPACT_JOURNAL_BYTES, Ledger, Record, RequestRef};

use crate::support::simulated::{SimGround, SimServed};
use crate::support::{eventually, stage};

const MIB: u64 = 1 << 20;
/// Length of one promise.
const PIECE_BYTES: usize = 14 << 20;

/// A promise of some length; each number is another.
fn promise(ledger: &Ledger, number: u8) {
    let record = Record::WorldAdded {
        request: RequestRef {
            key_sha256: Sha256([number; 32]),
            body_sha256: Sha256([number; 32]),
        },
        profile: json!({ "id": format!("world-{number}"), "filler": "x".repeat(PIECE_BYTES) }),
    };
    ledger.command(|_| Ok(vec![record])).unwrap();
}

/// How often a file was begun beside the journal's segments, or got its name: a snapshot, or a try at one.
fn tries(disk: &ForgetfulDisk, since: usize) -> usize {
    let begun = |operation: &&Operation| {
        let path = operation.path.to_string_lossy();
        path.contains("/journal/snapshot") || operation.name == "write" && path.contains("/journal/.tmp")
    };
    disk.history().iter().skip(since).filter(begun).count()
}

async fn rings(served: &SimServed) -> bool {
    let ready = served.client.get("/readyz").await.json();
    let alarms = ready["alarms"].as_array().unwrap();
    alarms.iter().any(|alarm| alarm["alarm"] == "journal_long")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_journal_waits_for_room_and_rings_until_there_is_some() {
    let chain = stage::open(8);
    chain.mine_blocks(4);
    let ground = SimGround::lay(chain.clone());
    let disk = ForgetfulDisk::new();
    let served = ground
        .serve_on(Arc::new(disk.clone()), Arc::new(SystemClock))
        .await;
    served.settle(&chain).await;
    // Never as much beyond the reserve as it would take: 30 MiB when it is due, and it cannot be made shorter.
    disk.set_free_bytes(Some((64 + 30) * MIB + 5 * PIECE_BYTES as u64));
    for number in 0..5 {
        let service = Arc::clone(&served.service);
        let kept = tokio::task::spawn_blocking(move || promise(&service.ledger, number));
        kept.await.unwrap();
    }
    const { assert!(5 * PIECE_BYTES as u64 > COMPACT_JOURNAL_BYTES) };
    let since = disk.history().len();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(tries(&disk, since), 0, "it was tried without room for it");
    assert!(rings(&served).await, "nobody is told");
    assert_eq!(served.service.mirror.head(), Some(chain.head()));

    disk.set_free_bytes(Some(400 * MIB));
    eventually("it is compacted", async || (!rings(&served).await).then_some(())).await;
    assert!(tries(&disk, since) > 0);
    served.stop().await;
}

#[test]
fn a_compaction_that_failed_is_not_tried_again_at_once() {
    let disk = ForgetfulDisk::new();
    let ledger = Ledger::open(Arc::new(disk.clone()), Path::new("/journal")).unwrap();
    (0..5).for_each(|number| promise(&ledger, number));
    assert_eq!(ledger.uncompacted(), None);
    // What the system says of the disk is not always so.
    disk.set_free_bytes(Some(30 * MIB));
    ledger.compact_if_due(None).unwrap_err();
    let said = ledger.uncompacted().expect("it is told");
    assert!(said.contains("no space"), "{said}");
    let since = disk.history().len();
    for free_bytes in [Some(30 * MIB), None] {
        disk.set_free_bytes(free_bytes);
        assert!(!ledger.compact_if_due(None).unwrap());
    }
    assert_eq!(disk.history().len(), since, "it was tried again");
    assert_eq!(ledger.uncompacted(), Some(said), "and is no better");
}
