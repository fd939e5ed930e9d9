//! Answers that are whole and true of what they name, and that never wait for one another in a circle.

use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::Duration;

use alloy_primitives::{B256, U256};
use serde_json::{Value, json};
use vestiary::abi::IWearableCollection::{BatchCommitted, DesignOpened};
use vestiary::block::BlockRef;
use vestiary::digest::Sha256;
use vestiary::ids::{DesignId, IssuerId, WearableId};
use vestiary::rights::{Gap, Wear};
use vestiary::slot::Slot;
use vestiary_chain::sim::Seeded;
use vestiary_log::Disk;
use vestiary_log::seams::{Clock, SystemClock};
use vestiary_mirror::testing::{self, ChainBuilder, Commit};
use vestiary_server::chain_status::{ChainStatus, Heads};
use vestiary_server::error::{Code, Language};
use vestiary_server::inventory::{self, Question};
use vestiary_server::journal::{Record, RequestRef};
use vestiary_server::service::Service;
use vestiary_server::{http as api, serve};
use vestiary_worlds::Declared;

use crate::beginnings::{Issued, issued};
use crate::support::http::{Client, Reply, segment};
use crate::support::simulated::SimGround;
use crate::support::{TestLedger, papers, stage};

/// Long enough for everybody to stand where he is going to wait.
const STANDS: Duration = Duration::from_millis(400);
/// Longest that a question to the state of the promises may wait.
const SOON: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn whoever_looks_into_the_mirror_may_read_the_journal_whatever_waits_for_either() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let Issued { brand, design, .. } = issued(&ledger, 1).await;
    let service = Arc::clone(ledger.service());
    let (begun, has_begun) = mpsc::channel();
    let (done, is_done) = mpsc::channel::<()>();
    let looks = std::thread::spawn(move || {
        let view = service.mirror.view();
        begun.send(()).unwrap();
        let _ = is_done.recv();
        drop(view);
    });
    has_begun.recv().unwrap();
    // The follower's block waits for the view's end.
    ledger.ground.mine(1).await;
    tokio::time::sleep(STANDS).await;
    // A question about a design waits for that block, and a record for whoever reads the journal's state.
    let (client, path) = (
        brand.client(&ledger),
        format!("/v1/designs/{}/{design}", segment(&brand.collection)),
    );
    let asks = tokio::spawn(async move { client.get(&path).await });
    tokio::time::sleep(STANDS).await;
    let admin = ledger.client().clone();
    let body = json!({ "label": "another", "scopes": ["world"] });
    let records = tokio::spawn(async move { admin.post("/v1/api-keys", "", &body).await });
    tokio::time::sleep(STANDS).await;
    // What the view's holder would do next.
    let service = Arc::clone(ledger.service());
    let (read, was_read) = mpsc::channel();
    let reads = std::thread::spawn(move || {
        service.ledger.read(|_| ());
        let _ = read.send(());
    });
    let is_free = was_read.recv_timeout(SOON).is_ok();
    drop(done);
    looks.join().unwrap();
    reads.join().unwrap();
    asks.await.unwrap().expect(200);
    records.await.unwrap().expect(201);
    ledger.stop().await;
    assert!(is_free, "view, block, question and record wait in a circle");
}

#[test]
fn a_start_that_has_not_caught_up_says_so_whatever_one_look_came_to() {
    let head = BlockRef {
        number: 7,
        hash: B256::repeat_byte(7),
    };
    let heads = Heads {
        head,
        safe: None,
        finalized: None,
    };
    let status = ChainStatus::default();
    status.behind(1_000, "rate_limited");
    assert_eq!(status.gap(1_000, 15), Some(Gap::ChainBehind));
    assert_eq!(status.seen_ms(1_000), 0, "it was never seen whole");
    status.caught_up(heads, 2_000);
    status.behind(3_000, "rate_limited");
    assert_eq!(status.gap(3_000, 15), None, "a blip");
    status.caught_up(heads, 4_000);
    // The mirror is filled again: what it has is old, or nothing.
    status.restarted();
    status.behind(9_000, "rate_limited");
    assert_eq!(status.gap(9_000, 15), Some(Gap::ChainBehind));
    assert_eq!(status.seen_ms(9_000), 4_000);
    status.caught_up(heads, 10_000);
    assert_eq!(status.gap(10_000, 15), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wearable_whose_slot_is_unknown_is_in_the_answer_about_any_slot() {
    let chain = stage::open(8);
    let mut seeded = Seeded::new(7);
    for _ in 0..12 {
        stage::change(&chain, &mut seeded, 1, || {});
    }
    let ground = SimGround::lay(chain.clone());
    let ledger = ground.start().await;
    ledger.settle(&chain).await;
    // Of the stage's designs nobody has the documents.
    let mut listed = 0;
    for wallet in (0..stage::OWNERS).map(stage::owner) {
        let all = ledger.ask(wallet);
        let question = Question {
            wallet,
            world: None,
            slot: Some(Slot::Torso),
            language: Language::En,
            limit: 200,
            after: None,
        };
        let torso = inventory::answer(&ledger.service, &question).unwrap();
        assert_eq!(torso.wearables, all.wearables);
        assert!(torso.wearables.iter().all(|entry| entry.wear == Wear::Unknown));
        listed += torso.wearables.len();
    }
    assert!(listed > 0, "somebody owns something");
    ledger.stop().await;
}

/// A chain of our own making with one wearable, of `owner(0)`, whose design it opens with `edition`.
fn one_wearable(service: &Service, edition: u64) -> (ChainBuilder, WearableId) {
    let collection = testing::collection(0xc0);
    let batch = Commit {
        design_id: 1,
        first_serial: 1,
        count: 3,
        edition,
    };
    let document = papers::design("Manteau Nuit").to_bytes().unwrap();
    let kept = service.content.put(document.as_slice(), Declared::default());
    let opened = DesignOpened {
        designId: 1,
        designDigest: kept.unwrap().sha256.b256(),
        edition,
        terms: U256::ZERO,
    };
    let committed = BatchCommitted {
        designId: 1,
        firstSerial: 1,
        count: batch.count,
        root: batch.root(collection),
    };
    let wearable = testing::wearable(collection, 1, 1);
    let mut chain = ChainBuilder::new(service.mirror.config().clone());
    chain
        .register(1, stage::owner(0), "did:web:brand.example")
        .create(collection, 1, 0, stage::owner(0))
        .next_transaction()
        .event(collection.address, &opened)
        .event(collection.address, &committed)
        .mint(wearable, stage::owner(0));
    service.mirror.apply_block(&chain.end_block()).unwrap();
    (chain, wearable)
}

/// Answers of the service without anybody who works for it.
async fn answered(service: &Arc<Service>, path: &str) -> Value {
    asked(service, path).await.expect(200)
}

/// The same, whatever it is.
async fn asked(service: &Arc<Service>, path: &str) -> Reply {
    let router = api::router(Arc::clone(service), serve::metrics_handle().unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let answer = Client::new(url, String::new()).get(path).await;
    serving.abort();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edition_is_the_one_that_the_chain_keeps() {
    let chain = stage::open(8);
    let ground = SimGround::lay(chain);
    let service = ground.open_on(Arc::new(Disk), Arc::new(SystemClock)).await;
    // The issuer opened the design itself, with three copies at most; the document says 500.
    let (_, wearable) = one_wearable(&service, 3);
    let path = format!("/v1/wearables/{}", segment(&wearable));
    let shown = answered(&service, &path).await;
    assert_eq!(shown["wearable"]["name"], "Manteau Nuit", "{shown}");
    assert_eq!(shown["wearable"]["edition"], "3", "{shown}");
    let (address, token) = (wearable.collection.address, wearable.token_id);
    let metadata = answered(&service, &format!("/metadata/31337/{address:#x}/{token}")).await;
    let edition = json!({ "trait_type": "edition", "value": "3" });
    assert_eq!(metadata["attributes"][2], edition, "{metadata}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_chain_may_have_is_missing_only_where_the_chain_is_seen_whole() {
    let ground = SimGround::lay(stage::open(8));
    let service = ground.open_on(Arc::new(Disk), Arc::new(SystemClock)).await;
    let (_, wearable) = one_wearable(&service, 0);
    let unknown = testing::wearable(wearable.collection, 1, 2);
    let path = format!("/v1/wearables/{}", segment(&unknown));
    let nowhere = testing::collection(0xee);
    let asked = async || {
        let wearable = asked(&service, &path).await.outcome();
        let issuer = service
            .issuer_account(IssuerId::new(7).unwrap())
            .unwrap_err()
            .code;
        let collection = service.collection_on_chain(nowhere).unwrap_err().code;
        (wearable, issuer, collection)
    };
    let unseen = (
        "503 chain_behind".to_owned(),
        Code::ChainBehind,
        Code::ChainBehind,
    );
    assert_eq!(asked().await, unseen, "before the first look");
    let head = service.mirror.head().unwrap();
    let (safe, finalized) = (None, None);
    let now_ms = SystemClock.now_unix_ms();
    service.chain.caught_up(
        Heads {
            head,
            safe,
            finalized,
        },
        now_ms,
    );
    let absent = (
        "404 not_found".to_owned(),
        Code::ChainDisagrees,
        Code::ChainDisagrees,
    );
    assert_eq!(asked().await, absent);
    service.chain.restarted();
    assert_eq!(asked().await, unseen, "while the mirror is filled again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_the_chain_does_not_show_is_listed_and_hides_no_other() {
    let ground = SimGround::lay(stage::open(8));
    let service = ground.open_on(Arc::new(Disk), Arc::new(SystemClock)).await;
    let (_, wearable) = one_wearable(&service, 0);
    let (shown, gone) = (wearable.collection, testing::collection(0xee));
    for (number, collection) in [shown, gone].into_iter().enumerate() {
        let request = RequestRef {
            key_sha256: Sha256::of(&[u8::try_from(number).unwrap()]),
            body_sha256: Sha256::of(b"taken in"),
        };
        let added = Record::CollectionAdded {
            request,
            collection,
            issuer_id: IssuerId::new(1).unwrap(),
        };
        service.ledger.command(|_| Ok(vec![added])).unwrap();
    }
    let list = answered(&service, "/v1/collections").await;
    let seen: Vec<[&Value; 4]> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| ["id", "issuer_id", "name", "next_design_id"].map(|member| &item[member]))
        .collect();
    let (shown, gone) = (json!(shown.to_string()), json!(gone.to_string()));
    let (one, two, nameless) = (json!("1"), json!("2"), json!(""));
    assert_eq!(seen.len(), 2, "{list}");
    assert_eq!((seen[0][0], seen[0][1], seen[0][3]), (&shown, &one, &two));
    assert_ne!(seen[0][2], &nameless, "{list}");
    assert_eq!(seen[1], [&gone, &one, &nameless, &one]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_whose_last_design_number_is_taken_has_no_next_one() {
    let ground = SimGround::lay(stage::open(8));
    let service = ground.open_on(Arc::new(Disk), Arc::new(SystemClock)).await;
    let (mut chain, wearable) = one_wearable(&service, 0);
    let next = service.next_design_id(wearable.collection).unwrap();
    assert_eq!(next.map(DesignId::get), Some(2));
    // An issuer may open a design under any number.
    let opened = DesignOpened {
        designId: u64::MAX,
        designDigest: B256::repeat_byte(1),
        edition: 0,
        terms: U256::ZERO,
    };
    let committed = BatchCommitted {
        designId: u64::MAX,
        firstSerial: 1,
        count: 1,
        root: B256::repeat_byte(2),
    };
    chain
        .event(wearable.collection.address, &opened)
        .event(wearable.collection.address, &committed);
    service.mirror.apply_block(&chain.end_block()).unwrap();
    assert_eq!(service.next_design_id(wearable.collection).unwrap(), None);
}

/// A clock at whose every look the mirror gets a block, in which a wearable changes hands between two owners.
#[derive(Debug, Default)]
struct ClockOfBlocks(Mutex<Option<Moves>>);

#[derive(Debug)]
struct Moves {
    service: Weak<Service>,
    chain: ChainBuilder,
    wearable: WearableId,
    owner: u64,
}

impl Clock for ClockOfBlocks {
    fn now_unix_ms(&self) -> u64 {
        if let Some(moves) = self.0.lock().unwrap().as_mut()
            && let Some(service) = moves.service.upgrade()
        {
            let (from, to) = (moves.owner, 1 - moves.owner);
            moves
                .chain
                .transfer(moves.wearable, stage::owner(from), stage::owner(to));
            moves.owner = to;
            service.mirror.apply_block(&moves.chain.end_block()).unwrap();
        }
        SystemClock.now_unix_ms()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wearable_is_answered_as_of_the_block_that_its_answer_names() {
    let clock = Arc::new(ClockOfBlocks::default());
    let ground = SimGround::lay(stage::open(8));
    let service = ground
        .open_on(Arc::new(Disk), Arc::clone(&clock) as Arc<dyn Clock>)
        .await;
    let (chain, wearable) = one_wearable(&service, 0);
    let first = service.mirror.head().unwrap().number;
    *clock.0.lock().unwrap() = Some(Moves {
        service: Arc::downgrade(&service),
        chain,
        wearable,
        owner: 0,
    });
    let path = format!("/v1/wearables/{}", segment(&wearable));
    let shown = answered(&service, &path).await;
    let block: u64 = shown["as_of"]["block"].as_str().unwrap().parse().unwrap();
    let owner = stage::owner((block - first) % 2);
    assert_eq!(shown["owner"], format!("eip155:31337:{owner:#x}"), "{shown}");
    assert!(block > first, "a block came while it was answered: {shown}");
}
