//! What the node shows now, compared with what was delivered. Reads only: the follower's state changes when
//! a complete, checked answer is in hand, so a read that is broken off leaves nothing behind.

use std::collections::BTreeSet;

use alloy_primitives::Address;
use vestiary::block::{Block, BlockRef, ChainLog};

use crate::{
    error::{ChainError, ProviderFault, Result},
    follower::{FollowerOptions, HaltReason, LogCheck, UNDO_WINDOW_BLOCKS, Watch, window::Window},
    rpc::{Header, Rpc},
};

/// Most rounds of discovering contracts within one block.
const MAX_DISCOVERY_ROUNDS: usize = 16;

/// What a look at the node found.
#[derive(Debug)]
pub(super) enum Look {
    /// The node's head is our newest block.
    Same(BlockRef),
    /// The chain has not reached the first block that is wanted.
    TooEarly,
    /// The node shows one of our older blocks as its head.
    Stale(BlockRef),
    /// The node shows a branch of its own that is shorter than ours.
    Shorter(BlockRef),
    /// New blocks, after undoing some.
    Advance(Advance),
    /// A branch that cannot be followed, and its head.
    Halt(HaltReason, BlockRef),
}

/// A step along the chain.
#[derive(Debug, Default)]
pub(super) struct Advance {
    /// The block that the first new one stands on, where that is none of ours.
    pub(super) new_base: Option<BlockRef>,
    /// Height of the fork point, where blocks are undone.
    pub(super) cut_above: Option<u64>,
    /// New blocks, oldest first.
    pub(super) commit: Vec<Block>,
    /// What is watched from here on.
    pub(super) watched: Watched,
}

/// The contracts whose logs are wanted. What a replaced block announced is forgotten with it, so that the
/// same chain gives the same events, whatever was seen on the way.
#[derive(Debug, Clone, Default)]
pub(super) struct Watched {
    all: BTreeSet<Address>,
    /// Contracts that were announced while following, by the height of the announcement.
    announced: BTreeSet<(u64, Address)>,
}

impl Watched {
    pub(super) fn new(addresses: Vec<Address>) -> Self {
        Self {
            all: addresses.into_iter().collect(),
            announced: BTreeSet::new(),
        }
    }

    fn cut(&mut self, above: u64) {
        for (_, address) in self.announced.split_off(&(above + 1, Address::ZERO)) {
            self.all.remove(&address);
        }
    }

    /// Takes what the logs announce; says whether that was anything new.
    fn discover(&mut self, watch: &impl Watch, number: u64, logs: &[ChainLog]) -> bool {
        let before = self.all.len();
        for address in logs.iter().flat_map(|log| watch.discover(log)) {
            if self.all.insert(address) {
                self.announced.insert((number, address));
            }
        }
        self.all.len() > before
    }
}

/// Where a branch leaves ours.
struct Fork {
    new_base: Option<BlockRef>,
    point: u64,
    /// Headers of the branch between the fork point and the header that was asked about.
    between: Vec<Header>,
}

/// The reading half of the follower.
#[derive(Debug)]
pub(super) struct Reader<W> {
    pub(super) rpc: Rpc,
    pub(super) watch: W,
    pub(super) options: FollowerOptions,
    pub(super) watched: Watched,
    /// Blocks in the next range; shrinks when a range fails, and a failed range is not asked for again.
    pub(super) span: u64,
}

impl<W: Watch> Reader<W> {
    pub(super) async fn look(
        &mut self,
        window: &Window,
        first_block: u64,
        finalized: Option<BlockRef>,
        accept_shorter: bool,
    ) -> Result<Look> {
        let head = self.rpc.head().await?;
        let mut advance = Advance::default();
        let tip = match window.tip() {
            Some(tip) => Some(tip),
            None if first_block == 0 => None,
            None if head.number < first_block => return Ok(Look::TooEarly),
            None => {
                let base = self.rpc.headers(first_block - 1, first_block - 1).await?[0].block_ref();
                advance.new_base = Some(base);
                Some(base)
            }
        };
        let mut headers = match tip {
            Some(tip) if head.hash == tip.hash => return Ok(Look::Same(tip)),
            Some(tip) if head.number <= tip.number => match window.at(head.number) {
                // Below the window nothing can be compared; a node so far behind is of no use.
                None => return Ok(Look::Stale(head.block_ref())),
                Some(ours) if ours == head.hash => return Ok(Look::Stale(head.block_ref())),
                Some(_) => vec![head.clone()],
            },
            tip => self.headers_after(tip, &head, finalized).await?,
        };
        if let (Some(tip), Some(first)) = (tip, headers.first())
            && first.parent_hash != tip.hash
        {
            let fork = match self.fork(window, first).await? {
                Ok(fork) => fork,
                Err(oldest) => {
                    let shown = head.block_ref();
                    return Ok(Look::Halt(HaltReason::DeeperThanWindow { shown, oldest }, shown));
                }
            };
            if let Some(finalized) = finalized
                && self.options.halt_on_finalized_rewrite
                && fork.point < finalized.number
            {
                let shown = head.block_ref();
                return Ok(Look::Halt(
                    HaltReason::FinalizedRewritten { shown, finalized },
                    shown,
                ));
            }
            if head.number < tip.number && !accept_shorter {
                return Ok(Look::Shorter(head.block_ref()));
            }
            advance.new_base = fork.new_base;
            advance.cut_above = Some(fork.point);
            headers.splice(0..0, fork.between);
        }
        advance.watched = self.watched.clone();
        if let Some(point) = advance.cut_above {
            advance.watched.cut(point);
        }
        advance.commit = self
            .blocks(&headers, deep_limit(&head, finalized), &mut advance.watched)
            .await?;
        Ok(Look::Advance(advance))
    }

    /// The headers that follow our newest block, as many as one step takes, joined to one another.
    async fn headers_after(
        &mut self,
        tip: Option<BlockRef>,
        head: &Header,
        finalized: Option<BlockRef>,
    ) -> Result<Vec<Header>> {
        let first = tip.map_or(0, |tip| tip.number + 1);
        let deep = deep_limit(head, finalized);
        let wanted = if first < deep { deep } else { head.number };
        let last = wanted.min(first.saturating_add(self.span - 1));
        if last < head.number {
            return self.rpc.headers(first, last).await;
        }
        let mut headers = if first < last {
            self.rpc.headers(first, last - 1).await?
        } else {
            Vec::new()
        };
        if headers
            .last()
            .is_some_and(|parent| parent.hash != head.parent_hash)
        {
            return Err(ProviderFault::BrokenChain { number: head.number }.into());
        }
        headers.push(head.clone());
        Ok(headers)
    }

    /// Walks a branch down by parent hashes until it meets ours. Every block of it must be there and join:
    /// a node that shows a head without the way to it shows nothing. `Err`: it does not meet ours within the
    /// window, whose oldest block this is.
    async fn fork(&self, window: &Window, child: &Header) -> Result<Result<Fork, BlockRef>> {
        let mut between = Vec::new();
        let mut parent_hash = child.parent_hash;
        let mut number = child.number;
        loop {
            number = number
                .checked_sub(1)
                .ok_or(ProviderFault::BrokenChain { number: 0 })?;
            if window.at(number) == Some(parent_hash) {
                between.reverse();
                return Ok(Ok(Fork {
                    new_base: None,
                    point: number,
                    between,
                }));
            }
            let parent = self
                .rpc
                .header_by_hash(parent_hash)
                .await?
                .ok_or_else(|| ProviderFault::MissingBlock(parent_hash.to_string()))?;
            if parent.number != number {
                return Err(ProviderFault::BrokenChain { number: number + 1 }.into());
            }
            let oldest = window.oldest().unwrap_or_else(|| parent.block_ref());
            if number <= oldest.number {
                if number == 0 {
                    return Err(ChainError::WrongGenesis {
                        expected: oldest.hash,
                        found: parent.hash,
                    });
                }
                if !window.has_base() {
                    return Ok(Err(oldest));
                }
                // Nothing below the first delivered block concerns us: the branch starts another story.
                between.reverse();
                return Ok(Ok(Fork {
                    new_base: Some(parent.block_ref()),
                    point: number,
                    between,
                }));
            }
            parent_hash = parent.parent_hash;
            between.push(parent);
        }
    }

    /// The blocks of joined headers, with the logs of everything watched, and of what they announce.
    async fn blocks(&mut self, headers: &[Header], deep: u64, watched: &mut Watched) -> Result<Vec<Block>> {
        let mut blocks: Vec<Block> = Vec::with_capacity(headers.len());
        'discovered: while blocks.len() < headers.len() {
            let rest = &headers[blocks.len()..];
            for (header, mut logs) in rest.iter().zip(self.logs(rest, deep, &watched.all).await?) {
                let mut discovered = false;
                for _ in 0..MAX_DISCOVERY_ROUNDS {
                    if !watched.discover(&self.watch, header.number, &logs) {
                        break;
                    }
                    discovered = true;
                    logs = self
                        .rpc
                        .logs_at(header, &watched.all, self.options.log_check)
                        .await?;
                }
                blocks.push(Block {
                    number: header.number,
                    hash: header.hash,
                    parent_hash: header.parent_hash,
                    timestamp: header.timestamp,
                    logs,
                });
                if discovered {
                    // The blocks after this one were read without the new contracts.
                    continue 'discovered;
                }
            }
        }
        Ok(blocks)
    }

    /// One list of logs a header: by range up to `deep`, by block hash above.
    async fn logs(
        &mut self,
        headers: &[Header],
        deep: u64,
        watched: &BTreeSet<Address>,
    ) -> Result<Vec<Vec<ChainLog>>> {
        let ranged = match self.options.log_check {
            LogCheck::Bloom => headers.partition_point(|header| header.number <= deep),
            LogCheck::ReceiptsRoot => 0,
        };
        let (ranged, single) = headers.split_at(ranged);
        let mut lists = self.logs_by_bisection(ranged, watched).await?;
        for header in single {
            lists.push(self.rpc.logs_at(header, watched, self.options.log_check).await?);
        }
        Ok(lists)
    }

    /// Asks for a range, and on an error for its halves. What the error says is not read: nodes word limits
    /// differently, contradict their documentation, and suggest the range that they just refused.
    async fn logs_by_bisection(
        &mut self,
        headers: &[Header],
        watched: &BTreeSet<Address>,
    ) -> Result<Vec<Vec<ChainLog>>> {
        let mut lists = Vec::with_capacity(headers.len());
        let mut waiting = vec![headers];
        while let Some(range) = waiting.pop() {
            if let [header] = range {
                lists.push(self.rpc.logs_at(header, watched, self.options.log_check).await?);
                continue;
            }
            match self.rpc.logs_in(range, watched, self.options.log_cap).await {
                Ok(answer) => {
                    lists.extend(answer);
                    self.span = (self.span + self.span / 4 + 1).min(self.options.max_range_blocks.max(1));
                }
                Err(error) => {
                    self.span = self.span.min(range.len() as u64 / 2).max(1);
                    if error.is_transport() && !matches!(error, ChainError::TooLarge { .. }) {
                        return Err(error);
                    }
                    let (left, right) = range.split_at(range.len() / 2);
                    waiting.push(right);
                    waiting.push(left);
                }
            }
        }
        Ok(lists)
    }
}

/// The height up to which blocks are not expected to be replaced.
fn deep_limit(head: &Header, finalized: Option<BlockRef>) -> u64 {
    let window = head.number.saturating_sub(UNDO_WINDOW_BLOCKS as u64);
    finalized.map_or(window, |finalized| finalized.number.min(head.number).max(window))
}
