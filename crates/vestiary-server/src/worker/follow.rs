//! Chain and log into the mirror: what the follower reports is applied and undone, new entries are folded.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Address;
use alloy_sol_types::SolEvent as _;
use vestiary::abi::ICollectionFactory::CollectionCreated;
use vestiary::block::{Block, ChainLog};
use vestiary_chain::follower::{Event, Watch};
use vestiary_log::points::reached;

use crate::chain_status::{ChainHealth, Heads};
use crate::points;
use crate::service::Service;

/// How many blocks of a back-fill go into the mirror at once.
const BLOCKS_AT_ONCE: usize = 256;
/// How many log entries go into the mirror at once.
const ENTRIES_AT_ONCE: u64 = 1_000;
/// How often the log is looked at without a hint.
const LOG_POLL: Duration = Duration::from_secs(1);

/// The contracts whose logs matter: ours, and every collection the factory made.
#[derive(Debug)]
pub struct Watched {
    service: Arc<Service>,
}

impl Watched {
    /// What `service` watches.
    pub fn new(service: Arc<Service>) -> Self {
        Self { service }
    }
}

impl Watch for Watched {
    fn addresses(&self) -> Vec<Address> {
        let deployment = &self.service.deployment;
        let mut addresses = vec![deployment.registry, deployment.factory, deployment.log_anchor];
        addresses.extend(self.service.collection_addresses());
        addresses
    }

    fn discover(&self, log: &ChainLog) -> Vec<Address> {
        if log.address != self.service.deployment.factory {
            return Vec::new();
        }
        CollectionCreated::decode_raw_log(log.topics.iter().copied(), &log.data)
            .map(|event| vec![event.collection])
            .unwrap_or_default()
    }
}

/// Follows the chain until told to stop. Blocks are applied in order, many at once while catching up.
pub async fn chain(
    service: Arc<Service>,
    mut follower: vestiary_chain::follower::Follower<Watched>,
    mut stop: super::Stop,
) {
    let mut pending: Vec<Block> = Vec::new();
    loop {
        let event = tokio::select! {
            () = stop.wait() => break,
            event = follower.next() => event,
        };
        let applied = match event {
            Event::Committed(block) => {
                pending.push(block);
                if pending.len() < BLOCKS_AT_ONCE {
                    Ok(())
                } else {
                    apply(&service, &mut pending).await
                }
            }
            Event::Reverted(block) => {
                let flushed = apply(&service, &mut pending).await;
                metrics::counter!("vestiary_blocks_reverted_total").increment(1);
                flushed.and(service.with_mirror(move |mirror| mirror.undo_block(&block)).await)
            }
            Event::CaughtUp {
                head,
                safe,
                finalized,
            } => {
                let flushed = apply(&service, &mut pending).await;
                if flushed.is_ok() {
                    service.chain.caught_up(
                        Heads {
                            head,
                            safe,
                            finalized,
                        },
                        service.clock.now_unix_ms(),
                    );
                    service.work.notify_waiters();
                }
                flushed
            }
            Event::Behind {
                failing_for, reason, ..
            } => {
                let now_ms = service.clock.now_unix_ms();
                let failing_ms = u64::try_from(failing_for.as_millis()).unwrap_or(u64::MAX);
                if !matches!(service.chain.health(), ChainHealth::Behind { .. }) {
                    tracing::warn!(code = reason.code(), "the chain cannot be followed");
                }
                service
                    .chain
                    .behind(now_ms.saturating_sub(failing_ms), reason.code());
                apply(&service, &mut pending).await
            }
            Event::Halted(reason) => {
                let reason = format!("{reason:?}: run `vestiary rebuild`");
                tracing::error!(reason, "the follower halted");
                service.chain.halted(reason);
                return;
            }
        };
        if let Err(error) = applied {
            // The node showed something that cannot follow from what it showed before. Serving goes on, every
            // answer says so, and a rebuild starts from nothing.
            tracing::error!(%error, "the mirror refused a block");
            service.chain.halted(format!("{error}: run `vestiary rebuild`"));
            return;
        }
    }
}

async fn apply(service: &Arc<Service>, pending: &mut Vec<Block>) -> Result<(), vestiary_mirror::Error> {
    if pending.is_empty() {
        return Ok(());
    }
    let blocks = std::mem::take(pending);
    metrics::counter!("vestiary_blocks_applied_total").increment(blocks.len() as u64);
    service
        .with_mirror(move |mirror| mirror.apply_blocks(&blocks))
        .await
}

/// Folds new log entries until told to stop.
pub async fn log(service: Arc<Service>, mut stop: super::Stop) {
    loop {
        if let Err(error) = fold_entries(&service).await {
            tracing::error!(%error, "the mirror did not take a log entry");
        }
        tokio::select! {
            () = stop.wait() => break,
            () = service.entries_appended.notified() => {}
            () = tokio::time::sleep(LOG_POLL) => {}
        }
    }
}

/// Takes in every entry that the log has and the mirror has not.
pub async fn fold_entries(service: &Arc<Service>) -> anyhow::Result<()> {
    loop {
        let service_ = Arc::clone(service);
        let done = tokio::task::spawn_blocking(move || -> anyhow::Result<bool> {
            let (from, size) = (service_.mirror.log_size(), service_.log_size());
            if from >= size {
                return Ok(true);
            }
            let to = size.min(from + ENTRIES_AT_ONCE);
            let entries = service_
                .log_reader
                .entries(from..to)
                .map(|entry| entry.map(|(_, bytes)| bytes));
            let entries = entries.collect::<Result<Vec<_>, _>>()?;
            service_.mirror.apply_entries(from, &entries)?;
            reached(points::LOG_FOLDED);
            Ok(to == size)
        })
        .await??;
        if done {
            return Ok(());
        }
    }
}
