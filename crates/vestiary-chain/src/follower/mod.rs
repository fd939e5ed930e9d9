//! Follows the chain block by block, through reorganisations and nodes that err.
//!
//! One path for the past and the present: joined headers, their logs checked against them, one
//! [`Event::Committed`] a block. A branch replaces ours only when it is connected to it by parent hashes
//! within [`UNDO_WINDOW_BLOCKS`]; anything else is the node's fault and reported as [`Event::Behind`].

mod event;
mod reader;
mod window;

pub use event::{Audits, BehindReason, Event, HaltReason};

use std::{collections::VecDeque, time::Duration};

use alloy_primitives::Address;
use tokio::time::{Instant, sleep, sleep_until};
use vestiary::block::{BlockRef, ChainLog};

use crate::{
    error::{ProviderFault, Result},
    rpc::{Rpc, Tag},
};
use reader::{Advance, Look, Reader, Watched};
use window::Window;

/// Deepest reorganisation that is followed, in blocks. A deeper one halts the follower.
pub const UNDO_WINDOW_BLOCKS: usize = 512;

/// Blocks so far below the head, and deeper ones, are compared with the node's now and then.
pub const AUDIT_DEPTH_BLOCKS: u64 = 64;

/// Which contracts' logs are wanted. The set grows while following.
pub trait Watch: Send + Sync {
    /// The contracts known at the start, with those that earlier runs discovered.
    fn addresses(&self) -> Vec<Address>;

    /// Contracts that a log announces; their logs from the same block on are delivered too. Forgotten again
    /// when that block is undone.
    fn discover(&self, log: &ChainLog) -> Vec<Address>;
}

/// How a block's logs are checked against its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogCheck {
    /// Logs must be in the bloom filter; an empty list where the filter says *maybe* is checked against
    /// the receipts. Cheap; a node that leaves out some logs of a block can pass.
    Bloom,
    /// Where the filter says *maybe*, the receipts are read and hashed to the header's root. Nothing can be
    /// left out or added.
    ReceiptsRoot,
}

/// How to follow.
#[derive(Debug, Clone)]
pub struct FollowerOptions {
    /// Wait between two looks at the head.
    pub poll_interval: Duration,
    /// Longest wait after repeated failures.
    pub max_backoff: Duration,
    /// Head age that is reported as [`BehindReason::Stalled`].
    pub stall_after: Duration,
    /// Most blocks in one range of `eth_getLogs`.
    pub max_range_blocks: u64,
    /// A range with exactly so many logs counts as cut off. The node's own limit, where it has one.
    pub log_cap: Option<usize>,
    /// How logs are checked.
    pub log_check: LogCheck,
    /// Whether a rewritten final block halts. Test nodes rewrite them, public chains never should.
    pub halt_on_finalized_rewrite: bool,
    /// How often one of the blocks that lie [`AUDIT_DEPTH_BLOCKS`] or more below the head is compared with the node's.
    pub audit_interval: Duration,
}

impl Default for FollowerOptions {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_millis(250),
            max_backoff: Duration::from_secs(5),
            stall_after: Duration::from_secs(90),
            max_range_blocks: 1_000,
            log_cap: None,
            log_check: LogCheck::Bloom,
            halt_on_finalized_rewrite: true,
            audit_interval: Duration::from_secs(30),
        }
    }
}

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Nothing was delivered yet; the first block to deliver has this height.
    At(u64),
    /// These blocks were delivered and can be undone: the newest of them, as many as are known, up to
    /// [`UNDO_WINDOW_BLOCKS`] and the one before. A branch that leaves below them halts.
    After(Vec<BlockRef>),
}

/// A shorter branch is believed after so many looks in a row.
const SHORTER_BRANCH_LOOKS: u32 = 3;

/// A branch that cannot be followed halts after so many looks in a row, and so does a divergence: one odd node behind
/// a balancer must not cost a rebuild.
const HALT_LOOKS: u32 = 3;

/// Follows one chain over one node.
#[derive(Debug)]
pub struct Follower<W> {
    reader: Reader<W>,
    window: Window,
    first_block: u64,
    finalized: Option<BlockRef>,
    queue: VecDeque<Event>,
    wake_at: Instant,
    /// The last `CaughtUp`, unless something else was said since.
    caught_up: Option<Event>,
    trouble: Option<Trouble>,
    shorter_looks: u32,
    halt_looks: u32,
    moved_at: Instant,
    audits: Audits,
    audited_at: Instant,
    divergent_looks: u32,
    halted: Option<HaltReason>,
}

#[derive(Debug)]
struct Trouble {
    since: Instant,
    attempts: u32,
    said: &'static str,
    said_at: Instant,
    /// The node was out of reach: it may be another one when it comes back.
    interrupted: bool,
}

impl<W: Watch> Follower<W> {
    /// A follower; nothing is asked before the first [`Follower::next`]. Call within a tokio runtime.
    pub fn new(rpc: Rpc, watch: W, start: Start, options: FollowerOptions) -> Self {
        let (first_block, window) = match start {
            Start::At(first_block) => (first_block, Window::default()),
            Start::After(blocks) => (0, Window::from_delivered(blocks)),
        };
        let watched = Watched::new(watch.addresses());
        let span = options.max_range_blocks.max(1);
        Self {
            reader: Reader {
                rpc,
                watch,
                options,
                watched,
                span,
            },
            window,
            first_block,
            finalized: None,
            queue: VecDeque::new(),
            wake_at: Instant::now(),
            caught_up: None,
            trouble: None,
            shorter_looks: 0,
            halt_looks: 0,
            moved_at: Instant::now(),
            audits: Audits::default(),
            audited_at: Instant::now(),
            divergent_looks: 0,
            halted: None,
        }
    }

    /// The block that an earlier run knew to be final: a branch that leaves below it halts this one as well. Forgotten
    /// where it is none of the blocks that this run starts after.
    #[must_use]
    pub fn with_finalized(mut self, finalized: Option<BlockRef>) -> Self {
        self.finalized = finalized.filter(|block| self.window.at(block.number) == Some(block.hash));
        self
    }

    /// What the comparisons of old blocks gave so far.
    pub const fn audits(&self) -> Audits {
        self.audits
    }

    /// The next event; waits for it. Cancel-safe: an event is lost only if it was returned. Reads that were
    /// under way when the future is dropped are made again.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.queue.pop_front() {
                return event;
            }
            if let Some(reason) = &self.halted {
                sleep(self.reader.options.max_backoff).await;
                return Event::Halted(reason.clone());
            }
            sleep_until(self.wake_at).await;
            match self.step().await {
                Ok(()) => {}
                Err(error) => self.report(BehindReason::Node(error)),
            }
        }
    }

    /// Events that can be had without waiting, for a consumer that applies many at once.
    pub fn ready(&mut self) -> Vec<Event> {
        self.queue.drain(..).collect()
    }

    /// The newest block that was put into the events, delivered or about to be.
    pub fn head(&self) -> Option<BlockRef> {
        self.window.delivered_tip()
    }

    async fn step(&mut self) -> Result<()> {
        if self.trouble.as_ref().is_some_and(|trouble| trouble.interrupted) {
            self.reader.rpc.check_identity().await?;
        }
        let accept_shorter = self.shorter_looks + 1 >= SHORTER_BRANCH_LOOKS;
        let look = self
            .reader
            .look(&self.window, self.first_block, self.finalized, accept_shorter)
            .await?;
        let poll_interval = self.reader.options.poll_interval;
        if !matches!(look, Look::Shorter(_)) {
            self.shorter_looks = 0;
        }
        if !matches!(look, Look::Halt(..)) {
            self.halt_looks = 0;
        }
        match look {
            Look::Advance(advance) => self.advance(advance),
            Look::Same(head) => {
                let event = self.caught_up(head).await?;
                self.trouble = self
                    .trouble
                    .take()
                    .filter(|trouble| trouble.said == BehindReason::Stalled.code());
                if self.caught_up.as_ref() != Some(&event) {
                    self.trouble = None;
                    self.queue.push_back(event.clone());
                    self.caught_up = Some(event);
                }
                if self.moved_at.elapsed() > self.reader.options.stall_after {
                    self.report(BehindReason::Stalled);
                }
                self.wake_at = Instant::now() + poll_interval;
                self.audit(head).await?;
            }
            Look::TooEarly => self.wake_at = Instant::now() + poll_interval,
            Look::Stale(shown) => self.report(BehindReason::StaleHead { shown }),
            Look::Shorter(shown) => {
                self.shorter_looks += 1;
                self.report(BehindReason::ShorterBranch { shown });
            }
            Look::Halt(reason, shown) => {
                self.halt_looks += 1;
                if self.halt_looks < HALT_LOOKS {
                    self.report(BehindReason::DeepBranch { shown });
                } else {
                    self.halt(reason);
                }
            }
        }
        Ok(())
    }

    fn halt(&mut self, reason: HaltReason) {
        self.queue.push_back(Event::Halted(reason.clone()));
        self.halted = Some(reason);
    }

    /// Compares one of the older blocks with the node's, now and then. The head joins it by parent hashes, so a
    /// difference is a node that contradicts itself, or ours is another chain's history.
    async fn audit(&mut self, head: BlockRef) -> Result<()> {
        if self.audited_at.elapsed() < self.reader.options.audit_interval {
            return Ok(());
        }
        // Which one is nobody's choice: the hash of the head draws it.
        let draw = u64::from_be_bytes(*head.hash.0.first_chunk().expect("a hash has 32 bytes"));
        let Some(ours) = self.window.sample(AUDIT_DEPTH_BLOCKS, draw) else {
            return Ok(());
        };
        let shown = self.reader.rpc.header_by_number(ours.number).await?;
        let shown = shown.map(|header| header.hash);
        self.audits.made += 1;
        if shown == Some(ours.hash) {
            self.audited_at = Instant::now();
            self.divergent_looks = 0;
            return Ok(());
        }
        self.audits.divergent += 1;
        self.divergent_looks += 1;
        if self.divergent_looks < HALT_LOOKS {
            return Err(ProviderFault::History(ours).into());
        }
        self.halt(HaltReason::Diverged { ours, shown });
        Ok(())
    }

    /// Takes a complete step into the state and the queue; nothing can fail from here on.
    fn advance(&mut self, advance: Advance) {
        if let Some(point) = advance.cut_above {
            for block in self.window.above(point) {
                self.queue.push_back(Event::Reverted(block));
            }
            self.window.cut(point);
            self.finalized = self.finalized.filter(|finalized| finalized.number <= point);
        }
        if let Some(base) = advance.new_base {
            self.window = Window::from_base(base);
        }
        for block in advance.commit {
            self.window.push(block.block_ref());
            self.queue.push_back(Event::Committed(block));
        }
        self.reader.watched = advance.watched;
        self.divergent_looks = 0;
        self.trouble = None;
        self.caught_up = None;
        self.moved_at = Instant::now();
        self.wake_at = self.moved_at;
    }

    /// The event for a head that is ours, with the safe and final blocks as far as they are on our chain.
    async fn caught_up(&mut self, head: BlockRef) -> Result<Event> {
        if let Some(Event::CaughtUp { head: said, .. }) = &self.caught_up
            && *said == head
            && let Some(event) = self.caught_up.clone()
        {
            return Ok(event);
        }
        let safe = self.tagged(Tag::Safe).await?;
        let finalized = self.tagged(Tag::Finalized).await?;
        // A node behind a balancer may be older than the one asked before: final stays final.
        if finalized.is_some_and(|new| self.finalized.is_none_or(|old| old.number < new.number)) {
            self.finalized = finalized;
        }
        let safe = safe.max(self.finalized);
        Ok(Event::CaughtUp {
            head,
            safe,
            finalized: self.finalized,
        })
    }

    async fn tagged(&self, tag: Tag) -> Result<Option<BlockRef>> {
        let Some(block) = self
            .reader
            .rpc
            .header(tag)
            .await?
            .map(|header| header.block_ref())
        else {
            return Ok(None);
        };
        match self.window.at(block.number) {
            Some(hash) if hash != block.hash => Err(ProviderFault::Finality(block).into()),
            // Ahead of us: not ours to name yet.
            None if self.window.tip().is_none_or(|tip| tip.number < block.number) => Ok(None),
            _ => Ok(Some(block)),
        }
    }

    /// Says that the follower is behind, at once for a new reason and then now and again; sets the next try.
    fn report(&mut self, reason: BehindReason) {
        let options = &self.reader.options;
        let now = Instant::now();
        let code = reason.code();
        let old = self.trouble.take();
        let attempts = old.as_ref().map_or(0, |old| old.attempts.saturating_add(1));
        let since = old.as_ref().map_or(now, |old| old.since);
        let retry_in = match &reason {
            BehindReason::Node(error) => options
                .poll_interval
                .saturating_mul(1 << attempts.min(16))
                .min(options.max_backoff)
                .max(error.retry_after().unwrap_or_default()),
            _ => options.poll_interval,
        };
        self.wake_at = now + retry_in;
        self.caught_up = match reason {
            BehindReason::Stalled => self.caught_up.take(),
            _ => None,
        };
        let news = old
            .as_ref()
            .filter(|old| old.said == code && now - old.said_at < options.max_backoff);
        let said_at = news.map_or(now, |old| old.said_at);
        self.trouble = Some(Trouble {
            since,
            attempts,
            said: code,
            said_at,
            interrupted: old.as_ref().is_some_and(|old| old.interrupted)
                || matches!(&reason, BehindReason::Node(error) if error.is_transport()),
        });
        if news.is_none() {
            self.queue.push_back(Event::Behind {
                failing_for: now - since,
                reason,
                retry_in,
                head: self.window.delivered_tip(),
            });
        }
    }
}
