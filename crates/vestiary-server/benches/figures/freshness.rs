//! How long after a transfer is mined an answer names its block.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use vestiary_server::{serve, startup};

use crate::bed;
use crate::devnet::{Devnet, FRIEND, PLAYER};
use crate::inventory::{input_ended, say_port};
use crate::machine::{Pinned, Served, WorkDir};
use crate::report::{Outcome, Row};
use crate::run::Plan;
use crate::stats::{self, Limit};

/// How often the service looks at the node, in milliseconds.
const POLL_MS: u64 = 25;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause between two questions about the same transfer.
const PAUSE: Duration = Duration::from_millis(1);

/// Transfers on Anvil, one after the other, each asked about until the answer names its block.
pub(crate) fn freshness(plan: &Plan, work: &WorkDir) -> Result<Row> {
    let transfers = plan.of(60, 3);
    let what = format!(
        "p99 of {transfers} transfers a round, mined by Anvil to answered; the service asks the node every {POLL_MS} ms"
    );
    let row = |what, outcome| Row {
        name: "freshness".into(),
        what,
        unit: "ms",
        limit: Limit::AtMost(100.0),
        outcome,
    };
    let pinned = Pinned::load();
    let runtime = tokio::runtime::Runtime::new()?;
    let Some(net) = runtime.block_on(Devnet::start(1))? else {
        let why = "Anvil is missing: npm ci in contracts/";
        return Ok(row(what, Outcome::NotMeasured(why.into())));
    };
    let config = bed::furnish(work.path(), &net.deployment, &net.url(), POLL_MS)?;
    std::fs::write(work.path().join("vestiary.toml"), config)?;
    let dir = work.path().to_str().context("a path that is no text")?;
    let served = Served::start(&["node-service".into(), dir.into()])?;
    let (p99s, medians) = runtime.block_on(measure(plan, &net, served.port, transfers))?;
    let typical = format!("median {:.0} ms", stats::median(&medians));
    Ok(row(
        format!("{what}; {}", pinned.words()),
        Outcome::Figure(stats::rounds(&p99s, &medians), typical),
    ))
}

/// The 99th percentile and the median of each round, in milliseconds.
async fn measure(plan: &Plan, net: &Devnet, port: u16, transfers: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let http = reqwest::Client::new();
    let id = net.wearables.first().context("no wearable was minted")?;
    let ask = async |owner: Address, block: u64| -> Result<Instant> {
        let url = format!("http://127.0.0.1:{port}/v1/wallets/{owner:#x}/wearables");
        let start = Instant::now();
        loop {
            let response = http.get(&url).send().await?;
            let answer: Value = serde_json::from_slice(&response.bytes().await?)?;
            let named = answer["as_of"][0]["block"]
                .as_str()
                .and_then(|text| text.parse::<u64>().ok());
            if named.is_some_and(|named| named >= block) {
                let listed = answer["wearables"].as_array().map_or(0, Vec::len);
                ensure!(listed == 1, "the new owner has {listed} wearables: {answer}");
                return Ok(Instant::now());
            }
            ensure!(
                start.elapsed() < PATIENCE,
                "no answer names block {block}: {answer}"
            );
            tokio::time::sleep(PAUSE).await;
        }
    };
    // The service has caught up with what was there before.
    let head: alloy_primitives::U64 = net.call("eth_blockNumber", serde_json::json!([])).await?;
    ask(PLAYER, head.to()).await?;

    let (mut owner, mut other) = (PLAYER, FRIEND);
    let (mut p99s, mut medians) = (Vec::new(), Vec::new());
    for _ in 0..plan.pairs {
        let mut waits = Vec::with_capacity(transfers);
        for _ in 0..transfers {
            let call = net.transfer(id, owner, other);
            // From before it is sent: when exactly it was mined only Anvil knows, and that is earlier than we do.
            let start = Instant::now();
            let block = net.send(owner, &call).await?;
            let answered = ask(other, block).await?;
            waits.push((answered - start).as_secs_f64() * 1e3);
            (owner, other) = (other, owner);
        }
        p99s.push(stats::p99(&waits));
        medians.push(stats::median(&waits));
    }
    Ok((p99s, medians))
}

/// The whole service on a real node, until the input ends.
pub(crate) async fn serve_node_service(dir: &Path) -> Result<()> {
    let config = toml::from_str(&std::fs::read_to_string(dir.join("vestiary.toml"))?)?;
    let service = startup::open(config, bed::outside()?).await?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    say_port(listener.local_addr()?.port())?;
    serve::run(Arc::clone(&service), listener, input_ended(|_| ())).await
}
