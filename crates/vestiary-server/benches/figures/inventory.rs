//! What a wallet may wear, over HTTP, against bytes of the same size.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use anyhow::{Context as _, Result, ensure};
use axum::http::header;
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde_json::Value;
use vestiary::ids::WearableId;

use crate::bed::{BATCH, Bed, Wardrobes, apply, owner};
use crate::load::{Choice, Load, Random};
use crate::machine::{Pinned, Served, WorkDir};
use crate::report::{Outcome, Row};
use crate::run::{Plan, alternate, rates};
use crate::stats::Limit;

/// Wearables of each wallet, and of each answer.
const PER_WALLET: u64 = 50;
/// Transfers a second while the service is measured.
const TRANSFERS_PER_SECOND: u32 = 100;
/// Blocks a second that carry them.
const BLOCKS_PER_SECOND: u32 = 10;
/// The switch for the transfers.
const BUSY: &str = "transfers on";
const IDLE: &str = "transfers off";

/// Two rows: wallets asked for evenly, and by Zipf's law.
pub(crate) fn inventory(plan: &Plan, work: &WorkDir) -> Result<Vec<Row>> {
    let wallets = if plan.large { 4_000 } else { plan.of(400, 20) };
    let pinned = Pinned::load();
    let dir = work.path().to_str().context("a path that is no text")?;
    let mut service = Served::start(&["service".into(), dir.into(), wallets.to_string()])?;
    let addresses: Vec<Address> = (0..wallets).map(owner).collect();
    let uniform = Load::new(Choice::Uniform(addresses.clone()))?;
    let answer = uniform.ask_once(service.port)?;
    check(&answer)?;
    let bare = Served::start(&["static".into(), answer.len().to_string()])?;
    let what = format!(
        "an answer of {PER_WALLET} wearables ({} bytes) over HTTP, {wallets} wallets {{}}, {} wearables, \
         {TRANSFERS_PER_SECOND} transfers/s · axum with as many static bytes; {}",
        answer.len(),
        wallets * PER_WALLET,
        pinned.words(),
    );
    let length = plan.of(Duration::from_secs(1), Duration::from_millis(100));
    let mut rows = Vec::new();
    for (name, load) in [
        ("uniform", uniform),
        ("Zipf", Load::new(Choice::zipf(addresses))?),
    ] {
        let pairs = alternate(
            plan,
            || {
                service.say(BUSY)?;
                let cost = load.run(service.port, length);
                service.say(IDLE)?;
                cost
            },
            || load.run(bare.port, length),
        )?;
        rows.push(Row {
            name: format!("inventory, {name}"),
            what: what.replace("{}", name),
            unit: "×",
            limit: Limit::AtLeast(0.6),
            outcome: Outcome::Figure(pairs.rate_ratio(), format!("requests: {}", rates(pairs.costs()))),
        });
    }
    Ok(rows)
}

/// The answer must be what a world wants: all fifty, each to be worn.
fn check(answer: &[u8]) -> Result<()> {
    let answer: Value = serde_json::from_slice(answer)?;
    let wearables = answer["wearables"].as_array().context("no wearables")?;
    let worn = wearables.iter().filter(|entry| entry["wear"] == "yes").count();
    ensure!(
        answer["complete"] == "yes" && worn as u64 == PER_WALLET,
        "{worn} of {} wearables may be worn, complete: {}; the first: {}",
        wearables.len(),
        answer["complete"],
        wearables.first().unwrap_or(&Value::Null)
    );
    Ok(())
}

/// The service with its population, until the input ends.
pub(crate) async fn serve_service(dir: &Path, wallets: u64) -> Result<()> {
    let mut bed = Bed::open(dir).await?;
    let mut wardrobes = Wardrobes::new();
    for _ in 0..(wallets * PER_WALLET).div_ceil(BATCH) {
        let prepared = bed.prepare().await?;
        bed.commit(&prepared).await?;
        bed.fold_log().await?;
        // Serial 1 and the one `wallets` after it belong to the same wallet.
        for (id, owner) in bed
            .mint(&prepared, |serial| owner((serial - 1) % wallets))
            .await?
        {
            wardrobes.entry(owner).or_default().push(id);
        }
    }
    let router = bed.router();
    let busy = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&busy);
    let stop = Arc::new(Mutex::new(false));
    let stopped = Arc::clone(&stop);
    let transfers = std::thread::spawn(move || transfer(&mut bed, wardrobes, &told, &stopped));
    let result = listen(router, move |line| busy.store(line == BUSY, Ordering::Relaxed)).await;
    *stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
    transfers.join().ok().context("the transfers broke off")??;
    result
}

/// While told to, wallets swap wearables, so that each keeps as many as it had.
fn transfer(bed: &mut Bed, wardrobes: Wardrobes, busy: &AtomicBool, stop: &Mutex<bool>) -> Result<()> {
    let mut wardrobes: Vec<(Address, Vec<WearableId>)> = wardrobes.into_iter().collect();
    let mut random = Random::new(77);
    let pause = Duration::from_secs(1) / BLOCKS_PER_SECOND;
    let mut next = Instant::now();
    while !*stop.lock().unwrap_or_else(PoisonError::into_inner) {
        next = (next + pause).max(Instant::now());
        std::thread::sleep(next.saturating_duration_since(Instant::now()).max(pause / 4));
        if !busy.load(Ordering::Relaxed) || wardrobes.len() < 2 {
            continue;
        }
        // A swap is two transfers.
        for _ in 0..TRANSFERS_PER_SECOND / BLOCKS_PER_SECOND / 2 {
            let one = random.below(wardrobes.len());
            let other = (one + 1 + random.below(wardrobes.len() - 1)) % wardrobes.len();
            let (piece_of_one, piece_of_other) = (
                random.below(wardrobes[one].1.len()),
                random.below(wardrobes[other].1.len()),
            );
            let coat = wardrobes[one].1[piece_of_one];
            let boots = wardrobes[other].1[piece_of_other];
            let (alice, bob) = (wardrobes[one].0, wardrobes[other].0);
            bed.chain.transfer(coat, alice, bob).transfer(boots, bob, alice);
            wardrobes[one].1[piece_of_one] = boots;
            wardrobes[other].1[piece_of_other] = coat;
        }
        let block = bed.chain.end_block();
        apply(&bed.service, &block)?;
    }
    Ok(())
}

/// As many bytes as an answer has, with the same headers, until the input ends.
pub(crate) async fn serve_static(bytes: usize) -> Result<()> {
    let body = axum::body::Bytes::from(vec![b'x'; bytes]);
    let answer = move || {
        let body = body.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], body).into_response() }
    };
    let router = axum::Router::new().route("/v1/wallets/{address}/wearables", get(answer));
    listen(router, |_| ()).await
}

/// Serves on a free port, says which, and hears lines until the input ends.
pub(crate) async fn listen(router: axum::Router, heard: impl Fn(&str) + Send + 'static) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    say_port(listener.local_addr()?.port())?;
    axum::serve(listener, router)
        .with_graceful_shutdown(input_ended(heard))
        .await?;
    Ok(())
}

/// What the parent waits for.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub(crate) fn say_port(port: u16) -> Result<()> {
    println!("port {port}");
    Ok(std::io::Write::flush(&mut std::io::stdout())?)
}

/// Ends when standard input does: the parent wants no more, or is gone.
pub(crate) async fn input_ended(heard: impl Fn(&str) + Send + 'static) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            heard(&line);
        }
        let _ = sender.send(());
    });
    let _ = receiver.await;
}
