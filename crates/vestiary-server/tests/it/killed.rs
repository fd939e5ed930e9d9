//! `kill -9` at every fail point and at random moments: what was acknowledged is there, and nothing twice.
//!
//! The service is the real executable in a process of its own. `VESTIARY_SEED=<n>` chooses other moments,
//! `VESTIARY_ROUNDS=<n>` another number of kills. What is seen: how often each point was visited and was fatal.

mod load;
mod process;

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use alloy_primitives::{B256, U64};
use serde_json::{Value, json};
use vestiary::abi::{IERC721, SolEvent as _};
use vestiary::ids::DesignId;
use vestiary_chain::points::{ORDER_DROPPED, ORDER_DROPPING};
use vestiary_chain::sim::Seeded;
use vestiary_log::points::{
    FILE_NAMED, JOURNAL_EPOCH, JOURNAL_SYNCED, JOURNAL_WRITING, JOURNAL_WRITTEN, LOG_PUBLISHED,
    LOG_RECOVERED, LOG_SETTLING, LOG_STAGED,
};
use vestiary_mirror::points::{MIRROR_UNDOING, MIRROR_UNDONE};
use vestiary_server::points::{
    self, COMMIT_INTENDED, INTENT_APPENDED, INTENT_CERTIFIED, INTENT_LOGGED, INTENT_SIGNED, REBUILD_CHAIN,
    REBUILD_DONE, REBUILD_WIPED, START_FINISHED, START_JOURNALS, START_LOG, START_REMEMBERED,
};

use crate::support::actors::Brand;
use crate::support::http::Client;
use crate::support::{Ground, TestLedger, eventually};
use load::{BATCH, Load, Promised, wallet};
use process::{Moment, Process, visits_file};

/// Kills when nobody asks for another number.
const ROUNDS: u64 = 100;
/// Longest life of a process that dies at random, in milliseconds.
const LIFE_MS: u64 = 600;
/// Kills of a service that starts for the first time.
const FIRST_STARTS: [(&str, u64); 5] = [
    (JOURNAL_EPOCH, 1),
    (FILE_NAMED, 2),
    (LOG_SETTLING, 1),
    (LOG_STAGED, 1),
    (JOURNAL_SYNCED, 1),
];
/// A kill that leaves something open, and one of the start that finishes it.
const RECOVERIES: [(&str, &str); 8] = [
    (COMMIT_INTENDED, INTENT_SIGNED),
    (COMMIT_INTENDED, INTENT_CERTIFIED),
    (COMMIT_INTENDED, LOG_STAGED),
    (COMMIT_INTENDED, INTENT_APPENDED),
    (INTENT_APPENDED, INTENT_LOGGED),
    (INTENT_APPENDED, JOURNAL_WRITTEN),
    (LOG_STAGED, LOG_RECOVERED),
    (JOURNAL_WRITTEN, JOURNAL_EPOCH),
];
/// Points that only a replaced block leads to.
const REORGANISED: [&str; 4] = [MIRROR_UNDOING, MIRROR_UNDONE, ORDER_DROPPING, ORDER_DROPPED];
/// Points of `vestiary rebuild`.
const REBUILT: [&str; 3] = [REBUILD_WIPED, REBUILD_CHAIN, REBUILD_DONE];
/// Points that one process passes once.
const ONCE: [&str; 7] = [
    START_JOURNALS,
    START_REMEMBERED,
    START_LOG,
    START_FINISHED,
    JOURNAL_EPOCH,
    LOG_RECOVERED,
    LOG_SETTLING,
];

/// One or more processes, each of which dies.
#[derive(Clone, Debug)]
struct Round {
    moments: Vec<Moment>,
    reorganises: bool,
}

/// Every recovery, every point at least once, and the rest at random, in an order that the seed shuffles.
fn rounds(kills: u64, seeded: &mut Seeded) -> Vec<Round> {
    let mut rounds = Vec::new();
    let round = |moments: Vec<Moment>, reorganises| Round { moments, reorganises };
    for _ in 0..(kills / 200).max(1) {
        for (first, second) in RECOVERIES {
            rounds.push(round(
                vec![Moment::Point(first, 1), Moment::Point(second, 1)],
                false,
            ));
        }
        for point in points::all() {
            let visit = 1 + match point {
                _ if ONCE.contains(&point) || REORGANISED.contains(&point) || REBUILT.contains(&point) => 0,
                JOURNAL_WRITING | JOURNAL_WRITTEN | JOURNAL_SYNCED => seeded.below(16),
                _ => seeded.below(3),
            };
            let mut moments = vec![Moment::Point(point, visit)];
            if point == LOG_SETTLING {
                // There is something to settle only after an append.
                moments.insert(0, Moment::Point(LOG_PUBLISHED, 1));
            }
            rounds.push(round(moments, REORGANISED.contains(&point)));
        }
    }
    let planned: u64 = rounds.iter().map(|round| round.moments.len() as u64).sum();
    for _ in planned + FIRST_STARTS.len() as u64..kills {
        let life = Duration::from_millis(seeded.below(LIFE_MS));
        let moment = if seeded.chance(400) {
            Moment::SinceStart(life)
        } else {
            Moment::SinceServing(life)
        };
        rounds.push(round(vec![moment], seeded.chance(150)));
    }
    for last in (1..rounds.len()).rev() {
        let other = usize::try_from(seeded.below(last as u64 + 1)).unwrap();
        rounds.swap(last, other);
    }
    rounds
}

/// One process from its start to its death; whether it served in between.
async fn live_and_die(
    ledger: &TestLedger,
    brand: &Brand,
    design: DesignId,
    (moment, reorganises): (Moment, bool),
    (promised, seeded): (&mut Promised, &mut Seeded),
) -> bool {
    if matches!(moment, Moment::Point(point, _) if REBUILT.contains(&point)) {
        Process::rebuild(&ledger.ground, moment).dies().await;
        return false;
    }
    let process = Process::serve(&ledger.ground, moment);
    let load = Load {
        ledger,
        client: Client::new(process.url.clone(), brand.key.clone()),
        brand,
        design,
        reorganises,
    };
    let killed = async {
        match moment {
            Moment::SinceStart(life) => {
                tokio::time::sleep(life).await;
                process.kill();
            }
            Moment::Point(..) | Moment::SinceServing(_) => {}
        }
    };
    let used = async {
        if !process.serves().await {
            return false;
        }
        let killed = async {
            if let Moment::SinceServing(life) = moment {
                tokio::time::sleep(life).await;
                process.kill();
            }
        };
        let used = async {
            if load.check(promised, seeded).await.is_some() {
                load.run(promised).await;
            }
        };
        tokio::join!(killed, used);
        true
    };
    let ((), served) = tokio::join!(killed, used);
    process.dies().await;
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_every_point_and_at_any_moment_loses_nothing_that_was_acknowledged() {
    let Some(ground) = Ground::lay().await else {
        return;
    };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let (seed, kills) = (
        number("VESTIARY_SEED").unwrap_or(7),
        number("VESTIARY_ROUNDS").unwrap_or(ROUNDS),
    );
    let mut seeded = Seeded::new(seed);
    let mut fatal: BTreeMap<String, u64> = BTreeMap::new();
    let mut note = |moment: Moment| {
        let name = match moment {
            Moment::Point(point, _) => point.to_owned(),
            Moment::SinceStart(_) | Moment::SinceServing(_) => "at random".to_owned(),
        };
        *fatal.entry(name).or_default() += 1;
    };
    for (point, visit) in FIRST_STARTS {
        let moment = Moment::Point(point, visit);
        assert!(
            !Process::serve(&ground, moment).serves().await,
            "{moment:?} is no part of a first start"
        );
        note(moment);
    }
    let mut ledger = TestLedger::on(ground);
    ledger.run().await;
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    let admin = ledger.client().clone();
    ledger.stop().await;

    let mut promised = Promised::default();
    for round in rounds(kills, &mut seeded) {
        println!(
            "{round:?} after {} receipts, {} claims",
            promised.receipts.len(),
            promised.claims.len()
        );
        for (before, moment) in round.moments.into_iter().enumerate() {
            let with = (&mut promised, &mut seeded);
            let served = live_and_die(&ledger, &brand, design, (moment, round.reorganises), with).await;
            assert!(before == 0 || !served, "{moment:?} did not end the start");
            note(moment);
        }
    }

    // What the last kill left is finished by the next start alone, without a request.
    ledger.run().await;
    check_promises(&ledger, &brand, design, &promised).await;
    assert_eq!(admin.key, ledger.client().key, "the first API key is made once");
    ledger.wait_quiet().await;
    let nonces = no_nonce_waits(&ledger).await;
    let rebuilt = rebuilt_digest(&mut ledger).await;

    let mut visits: BTreeMap<String, u64> = BTreeMap::new();
    for line in std::fs::read_to_string(visits_file(&ledger.ground))
        .unwrap()
        .lines()
    {
        *visits.entry(line.to_owned()).or_default() += 1;
    }
    println!("{:<22} {:>7} {:>6}", "point", "visits", "fatal");
    for point in points::all() {
        let (visited, died) = (visits.get(point), fatal.get(point));
        println!(
            "{point:<22} {:>7} {:>6}",
            visited.unwrap_or(&0),
            died.unwrap_or(&0)
        );
    }
    let unseen: Vec<_> = points::all()
        .filter(|point| !visits.contains_key(*point) || !fatal.contains_key(*point))
        .collect();
    assert_eq!(
        unseen,
        Vec::<&str>::new(),
        "never visited, or never where it ended"
    );
    println!(
        "Killed {} times (seed {seed}, {} points, {} times at random): {} receipts, {} claims and {} checkpoints \
         acknowledged, 0 lost, 0 twice, 0 open intents, 0 gaps in {nonces} nonces; the rebuilt mirror is {rebuilt}",
        fatal.values().sum::<u64>(),
        points::all().count(),
        fatal.get("at random").unwrap_or(&0),
        promised.receipts.len(),
        promised.claims.len(),
        promised.checkpoints.len(),
    );
    assert!(
        promised.receipts.len() as u64 >= kills / 2,
        "the kills came too early to show anything"
    );
}

/// Every promise, against chain, log and journal.
async fn check_promises(ledger: &TestLedger, brand: &Brand, design: DesignId, promised: &Promised) {
    let counts = ledger.check_everything().await;
    let client = brand.client(ledger);
    for (_, id, receipt) in &promised.receipts {
        let view = client.get(&format!("/v1/batches/{id}")).await.expect(200);
        assert_eq!(
            view["receipt"], *receipt,
            "an acknowledged batch changed or is lost"
        );
        brand.wait_committed(ledger, &view).await;
    }
    for (id, serial) in &promised.claims {
        let view = ledger.client().get(&format!("/v1/claims/{id}")).await.expect(200);
        crate::story::wait_claimed(ledger, &view).await;
        let wearable = brand.wearable(design, *serial);
        let token = ledger.service().mirror.view().token(&wearable).unwrap().unwrap();
        assert_eq!(
            token.owner,
            wallet(*serial).address(),
            "an acknowledged claim is lost"
        );
    }
    for (size, root) in &promised.checkpoints {
        let ours = ledger.service().log_reader.root(*size).unwrap();
        assert_eq!(ours, *root, "the log was another one at size {size}");
    }
    assert_eq!(minted_twice(ledger, brand).await, 0);
    let after = ledger.check_everything().await;
    assert!(after.receipts >= promised.receipts.len() && after.entries >= counts.entries);
    assert_eq!(after.certificates as u64, BATCH * after.receipts as u64);
}

/// Waits until every transaction of the service is final, and says how many there are.
async fn no_nonce_waits(ledger: &TestLedger) -> u64 {
    let lanes: Vec<_> = ledger
        .service()
        .ledger
        .read(|state| state.outboxes.keys().copied().collect());
    let mut nonces = 0;
    for lane in lanes {
        let mut used: [u64; 2] = [0; 2];
        for (count, tag) in used.iter_mut().zip(["latest", "pending"]) {
            let params = json!([lane.address, tag]);
            let answer = ledger.ground.node("eth_getTransactionCount", params).await;
            *count = serde_json::from_value::<U64>(answer).unwrap().to();
        }
        let next = ledger
            .service()
            .ledger
            .read(|state| state.outboxes[&lane].next_nonce());
        assert_eq!(used, [next; 2], "{lane}: the chain waits for a nonce");
        nonces += next;
    }
    ledger.ground.mine(4).await;
    eventually("every transaction is final", async || {
        ledger
            .service()
            .ledger
            .read(|state| state.outboxes.values().all(|table| table.open().next().is_none()))
            .then_some(())
    })
    .await;
    nonces
}

/// Rebuilds the mirror by the command, and compares.
async fn rebuilt_digest(ledger: &mut TestLedger) -> String {
    ledger.settle().await;
    let before = ledger.service().mirror.row_digest().unwrap();
    ledger.stop().await;
    let config = ledger.ground.dir.path().join("vestiary.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_vestiary"))
        .args(["rebuild", "--json", "--config"])
        .arg(config)
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(
        answer["row_digest"],
        before.to_string(),
        "the mirror is not what chain and log say"
    );
    ledger.run().await;
    assert_eq!(ledger.service().mirror.row_digest().unwrap(), before);
    before.to_string()
}

/// Tokens that the chain's own logs show as minted more than once.
async fn minted_twice(ledger: &TestLedger, brand: &Brand) -> usize {
    let filter = json!([{
        "address": brand.collection.address, "fromBlock": "0x0", "toBlock": "latest",
        "topics": [IERC721::Transfer::SIGNATURE_HASH, B256::ZERO],
    }]);
    let logs = ledger.ground.node("eth_getLogs", filter).await;
    let mut tokens: Vec<String> = logs
        .as_array()
        .unwrap()
        .iter()
        .map(|log| log["topics"][3].as_str().unwrap().to_owned())
        .collect();
    let all = tokens.len();
    tokens.sort();
    tokens.dedup();
    all - tokens.len()
}
