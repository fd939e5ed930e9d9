//! Node to mirror, against the same fetched and decoded.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use alloy_primitives::{Address, U64};
use anyhow::{Result, bail, ensure};
use serde_json::json;
use vestiary::abi::{ICollectionFactory, IERC721, IWearableCollection, SolEvent as _};
use vestiary::block::ChainLog;
use vestiary_chain::follower::{Event, Follower, FollowerOptions, Start, Watch};
use vestiary_chain::rpc::{Endpoint, Rpc, RpcOptions};
use vestiary_mirror::{Mirror, MirrorConfig};

use crate::devnet::{Devnet, FRIEND, PLAYER};
use crate::machine::WorkDir;
use crate::report::{Outcome, Row};
use crate::run::{Plan, alternate, per_unit, rates};
use crate::stats::Limit;

/// Blocks that go into the mirror at once, as in the service.
const BLOCKS_AT_ONCE: usize = 256;
/// Headers in one question, and blocks in one range of logs, as our reader asks.
const HEADERS_AT_ONCE: usize = 50;
const RANGE_BLOCKS: u64 = 1_000;

/// What the service watches, without a service.
#[derive(Debug)]
struct Contracts(Vec<Address>);

impl Watch for Contracts {
    fn addresses(&self) -> Vec<Address> {
        self.0.clone()
    }

    fn discover(&self, log: &ChainLog) -> Vec<Address> {
        ICollectionFactory::CollectionCreated::decode_raw_log(log.topics.iter().copied(), &log.data)
            .map(|event| vec![event.collection])
            .unwrap_or_default()
    }
}

/// Mints and transfers of a few thousand wearables on Anvil.
pub(crate) fn back_fill(plan: &Plan, work: &WorkDir) -> Result<Row> {
    let limit = Limit::AtLeast(0.3);
    let wearables = plan.of(4_000, 60);
    let runtime = tokio::runtime::Runtime::new()?;
    let row = |what: String, outcome| Row {
        name: "back-fill".into(),
        what,
        unit: "×",
        limit,
        outcome,
    };
    let what = "Anvil to mirror, fsynced and reopened · the same headers and logs fetched and decoded";
    let Some(net) = runtime.block_on(Devnet::start(wearables))? else {
        let why = "Anvil is missing: npm ci in contracts/";
        return Ok(row(what.into(), Outcome::NotMeasured(why.into())));
    };
    let transfers = net
        .wearables
        .iter()
        .map(|id| net.transfer(id, PLAYER, FRIEND))
        .collect();
    runtime.block_on(net.send_all(PLAYER, transfers))?;
    let head: U64 = runtime.block_on(net.call("eth_blockNumber", json!([])))?;
    let head = head.to::<u64>();
    let logs = runtime.block_on(fetch(&net, head))?;
    let mut round = 0;
    let pairs = alternate(
        plan,
        || {
            round += 1;
            let dir = work.path().join(format!("mirror-{round}"));
            std::fs::create_dir_all(&dir)?;
            let start = Instant::now();
            runtime.block_on(fill(&net, &dir, head))?;
            let cost = per_unit(start.elapsed(), logs);
            std::fs::remove_dir_all(&dir)?;
            Ok(cost)
        },
        || {
            let start = Instant::now();
            let found = runtime.block_on(fetch(&net, head))?;
            ensure!(found == logs, "{found} logs instead of {logs}");
            Ok(per_unit(start.elapsed(), logs))
        },
    )?;
    Ok(row(
        format!("{what}; {logs} logs in {head} blocks"),
        Outcome::Figure(pairs.rate_ratio(), format!("logs: {}", rates(pairs.costs()))),
    ))
}

/// The production follower and fold.
async fn fill(net: &Devnet, dir: &Path, head: u64) -> Result<()> {
    let deployment = &net.deployment;
    let config = MirrorConfig {
        chain: deployment.chain,
        genesis_hash: deployment.genesis_hash,
        registry: deployment.registry,
        factory: deployment.factory,
        log_anchor: deployment.log_anchor,
        first_block: deployment.first_block,
        log_origin: "log.example/bench".into(),
    };
    let mirror = Mirror::open(dir, config.clone())?;
    let rpc = Rpc::connect(
        Endpoint::url(&net.url())?,
        deployment.chain,
        Some(deployment.genesis_hash),
        RpcOptions::default(),
    )
    .await?;
    let watched = Contracts(vec![
        deployment.registry,
        deployment.factory,
        deployment.log_anchor,
    ]);
    let start = Start::At(deployment.first_block);
    let mut follower = Follower::new(rpc, watched, start, FollowerOptions::default());
    let mut pending = Vec::new();
    loop {
        match follower.next().await {
            Event::Committed(block) => {
                pending.push(block);
                if pending.len() == BLOCKS_AT_ONCE {
                    mirror.apply_blocks(&std::mem::take(&mut pending))?;
                }
            }
            Event::CaughtUp { .. } => {
                mirror.apply_blocks(&pending)?;
                break;
            }
            other => bail!("the follower says {other:?}"),
        }
    }
    drop(mirror);
    let mirror = Mirror::open(dir, config)?;
    let reached = mirror.head().map(|block| block.number);
    ensure!(
        reached == Some(head),
        "the mirror is at {reached:?}, not at {head}"
    );
    Ok(())
}

/// The bare way: headers, logs, events. Says how many logs.
async fn fetch(net: &Devnet, head: u64) -> Result<usize> {
    let first = net.deployment.first_block;
    let numbers: Vec<_> = (first..=head)
        .map(|number| json!([U64::from(number), false]))
        .collect();
    for numbers in numbers.chunks(HEADERS_AT_ONCE) {
        let headers: Vec<alloy_rpc_types_eth::Header> = net.batch("eth_getBlockByNumber", numbers).await?;
        black_box(headers);
    }
    let deployment = &net.deployment;
    let addresses = [
        deployment.registry,
        deployment.factory,
        deployment.log_anchor,
        net.collection.address,
    ];
    let mut count = 0;
    let mut from = first;
    while from <= head {
        let to = head.min(from + RANGE_BLOCKS - 1);
        let filter =
            json!([{ "fromBlock": U64::from(from), "toBlock": U64::from(to), "address": addresses }]);
        let logs: Vec<alloy_rpc_types_eth::Log> = net.call("eth_getLogs", filter).await?;
        for log in &logs {
            let log = &log.inner;
            let topics = || log.topics().iter().copied();
            if log.topics().first() == Some(&IERC721::Transfer::SIGNATURE_HASH) {
                black_box(IERC721::Transfer::decode_raw_log(topics(), &log.data.data)?);
            } else if log.topics().first() == Some(&IWearableCollection::Certified::SIGNATURE_HASH) {
                black_box(IWearableCollection::Certified::decode_raw_log(
                    topics(),
                    &log.data.data,
                )?);
            }
        }
        count += logs.len();
        from = to + 1;
    }
    Ok(count)
}
