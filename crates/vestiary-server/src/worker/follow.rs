//! Chain and log into the mirror: what the follower reports is applied and undone, new entries are folded.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::Address;
use alloy_sol_types::SolEvent as _;
use vestiary::abi::ICollectionFactory::CollectionCreated;
use vestiary::block::{Block, BlockRef, ChainLog};
use vestiary_chain::follower::{Audits, Event, Follower, Watch};
use vestiary_log::points::reached;

use super::followed::Followed;
use crate::chain_status::{ChainHealth, Heads};
use crate::points;
use crate::service::Service;

/// How many blocks of a back-fill go into the mirror at once.
const BLOCKS_AT_ONCE: usize = 256;
/// How many log entries go into the mirror at once.
const ENTRIES_AT_ONCE: u64 = 1_000;
/// Pause before the mirror's store is opened again.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);
/// Pause before the disk is looked at again while it has no room for the mirror.
const ROOM_PAUSE: Duration = Duration::from_millis(500);
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
pub async fn chain(service: Arc<Service>, mut follower: Follower<Watched>, mut stop: super::Stop) {
    let mut kept = Followed::load(&service);
    if let Some(reason) = kept.halted.clone() {
        return halted(&service, &kept, "halted_before", reason).await;
    }
    let mut audits = Audits::default();
    audited(Audits::default(), Audits::default());
    let mut pending: Vec<Block> = Vec::new();
    loop {
        let event = tokio::select! {
            () = stop.wait() => break,
            () = service.mirror_stopped.notified() => {
                let Some(anew) = reopen(&service, &mut stop).await else { break };
                (follower, pending, audits) = (anew, Vec::new(), Audits::default());
                continue;
            }
            event = follower.next() => event,
        };
        audits = audited(audits, follower.audits());
        wait_for_room(&service, &mut stop).await;
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
                service.chain.reverted(block);
                flushed.and(service.with_mirror(move |mirror| mirror.undo_block(&block)).await)
            }
            Event::CaughtUp {
                head,
                safe,
                finalized,
            } => {
                let flushed = apply(&service, &mut pending).await;
                if flushed.is_ok() {
                    note_clock(&service, &head);
                    let now_ms = service.clock.now_unix_ms();
                    let heads = Heads {
                        head,
                        safe,
                        finalized,
                    };
                    service.chain.caught_up(heads, now_ms);
                    service.work.notify_waiters();
                    if service.config.chain.halt_on_finalized_rewrite && finalized != kept.finalized {
                        kept.finalized = finalized;
                        kept.keep(&service);
                    }
                    kept.finalized = finalized;
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
                let flushed = apply(&service, &mut pending).await;
                if let Err(error) = flushed {
                    tracing::error!(%error, "the mirror refused a block");
                }
                return halt(&service, kept, reason.code(), &reason.to_string()).await;
            }
        };
        if let Err(error) = applied {
            if is_of_the_store(&error) {
                tracing::error!(%error, "the mirror stopped and is opened again");
                let Some(anew) = reopen(&service, &mut stop).await else {
                    break;
                };
                (follower, pending, audits) = (anew, Vec::new(), Audits::default());
                continue;
            }
            // The node showed something that cannot follow from what it showed before. Serving goes on, every answer
            // says so, and a rebuild starts from nothing; a restart tries again.
            let reason = format!("mirror_refused: {error}: run `vestiary rebuild`");
            kept.seen_ms = seen_ms(&service);
            return halted(&service, &kept, "mirror_refused", reason).await;
        }
    }
}

/// Counts the comparisons of old blocks that were made since.
fn audited(before: Audits, now: Audits) -> Audits {
    metrics::counter!("vestiary_chain_audits_total").increment(now.made - before.made);
    metrics::counter!("vestiary_chain_divergence_total").increment(now.divergent - before.divergent);
    now
}

/// When the chain was last seen whole, in unix milliseconds; where this run did not, the time of the mirror's block.
fn seen_ms(service: &Service) -> u64 {
    let block_ms = service.mirror.view().as_of().timestamp.saturating_mul(1_000);
    service.chain.seen_ms(service.clock.now_unix_ms()).max(block_ms)
}

/// Following ends here: from now on every answer says so, also after a restart, and is as of the last final block.
async fn halt(service: &Arc<Service>, mut followed: Followed, code: &'static str, reason: &str) {
    followed.seen_ms = seen_ms(service);
    let reason = format!("{code}: {reason}: run `vestiary rebuild`");
    followed.halted = Some(reason.clone());
    followed.keep(service);
    halted(service, &followed, code, reason).await;
}

/// Says that following has ended, takes the mirror back to the last final block, as far as can be undone, and leaves
/// it there.
async fn halted(service: &Arc<Service>, followed: &Followed, code: &'static str, reason: String) {
    let heads = service.mirror.head().map(|head| Heads {
        head,
        safe: None,
        finalized: followed.finalized,
    });
    service.chain.halted(reason.clone(), heads, followed.seen_ms);
    tracing::error!(
        code,
        reason,
        "the follower halted; the last final state is served"
    );
    let Some(finalized) = followed.finalized else {
        return tracing::error!("the node never said what is final; the state as it was last seen is served");
    };
    let undone = service
        .with_mirror(move |mirror| {
            let mut undone = 0_u64;
            while let Some(head) = mirror.head().filter(|head| head.number > finalized.number) {
                mirror.undo_block(&head)?;
                undone += 1;
            }
            Ok(undone)
        })
        .await;
    let block = service.mirror.head();
    match undone {
        Ok(undone) => tracing::warn!(undone, ?block, "back at the last final block"),
        Err(error) => tracing::error!(%error, ?block, "the last final block is out of reach"),
    }
}

/// Whether it is the store that failed, which a new one cures, and not what was to be put in.
fn is_of_the_store(error: &vestiary_mirror::Error) -> bool {
    use vestiary_mirror::Error;
    matches!(
        error,
        Error::NeedsRebuild { .. } | Error::Io(_) | Error::Locked { .. }
    )
}

/// Opens the mirror again, empty where it has to be, and begins to follow from what it has. Tries until it works:
/// a full disk has room again some day. `None`: it is time to stop.
async fn reopen(service: &Arc<Service>, stop: &mut super::Stop) -> Option<Follower<Watched>> {
    service.chain.restarted();
    metrics::counter!("vestiary_mirror_reopened_total").increment(1);
    loop {
        tokio::select! {
            () = stop.wait() => return None,
            () = tokio::time::sleep(REOPEN_PAUSE) => {}
        }
        if service.storage.is_exhausted() {
            continue;
        }
        let reopened = service
            .with_mirror(|mirror| mirror.stopped().map(|_| mirror.reopen_or_wipe()).transpose())
            .await
            .map_err(anyhow::Error::from)
            .and_then(|_| crate::startup::follower(service));
        match reopened {
            Ok(follower) => {
                service.entries_appended.notify_one();
                return Some(follower);
            }
            Err(error) => tracing::warn!(%error, "the mirror cannot be opened yet"),
        }
    }
}

/// The mirror waits while the disk has no room for it: its store would stop at the first write that fails, and
/// what it has goes on answering meanwhile, labelled with its age.
async fn wait_for_room(service: &Service, stop: &mut super::Stop) {
    while service.storage.is_exhausted() {
        if matches!(service.chain.health(), ChainHealth::Following) {
            tracing::error!("the mirror waits: there is no room on the disk");
            service.chain.behind(service.clock.now_unix_ms(), "storage_full");
        }
        tokio::select! {
            () = stop.wait() => return,
            () = tokio::time::sleep(ROOM_PAUSE) => {}
        }
    }
}

/// Holds the clock against the head's time, if the head came while the chain was being followed: then it was made
/// just now.
fn note_clock(service: &Service, head: &BlockRef) {
    let was_followed = matches!(service.chain.health(), ChainHealth::Following);
    let is_new = service.chain.heads().is_some_and(|heads| heads.head != *head);
    let as_of = service.mirror.view().as_of();
    if was_followed && is_new && as_of.block == Some(*head) {
        crate::clock::note_skew(service.clock.now_unix_ms() / 1000, as_of.timestamp);
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
        if !service.storage.is_exhausted()
            && let Err(error) = fold_entries(&service).await
        {
            tracing::error!(%error, "the mirror did not take a log entry");
            if service.mirror.stopped().is_some() {
                service.mirror_stopped.notify_one();
            }
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
