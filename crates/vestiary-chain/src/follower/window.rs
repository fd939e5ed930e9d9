//! The newest delivered blocks: what a reorganisation is measured against.

use std::collections::VecDeque;

use alloy_primitives::B256;
use vestiary::block::BlockRef;

use crate::follower::UNDO_WINDOW_BLOCKS;

/// Consecutive blocks, oldest first. The oldest is only a fork point: it can be built upon, not undone.
#[derive(Debug, Clone, Default)]
pub(super) struct Window {
    blocks: VecDeque<BlockRef>,
    /// The oldest block was never delivered: it is the parent of the first that was.
    has_base: bool,
}

impl Window {
    /// The parent of the first block that will be delivered.
    pub(super) fn from_base(base: BlockRef) -> Self {
        Self {
            blocks: VecDeque::from([base]),
            has_base: true,
        }
    }

    /// Blocks that were delivered by an earlier run, in any order; what does not join the newest is left out.
    pub(super) fn from_delivered(mut blocks: Vec<BlockRef>) -> Self {
        blocks.sort_unstable();
        let mut window = Self::default();
        for block in blocks {
            if window.tip().is_some_and(|tip| tip.number + 1 != block.number) {
                window.blocks.clear();
            }
            window.push(block);
        }
        window
    }

    pub(super) fn tip(&self) -> Option<BlockRef> {
        self.blocks.back().copied()
    }

    /// The newest block that was delivered.
    pub(super) fn delivered_tip(&self) -> Option<BlockRef> {
        if self.has_base && self.blocks.len() == 1 {
            None
        } else {
            self.tip()
        }
    }

    pub(super) fn oldest(&self) -> Option<BlockRef> {
        self.blocks.front().copied()
    }

    pub(super) const fn has_base(&self) -> bool {
        self.has_base
    }

    /// The hash at a height.
    pub(super) fn at(&self, number: u64) -> Option<B256> {
        let place = number.checked_sub(self.oldest()?.number)?;
        Some(self.blocks.get(usize::try_from(place).ok()?)?.hash)
    }

    /// One of the blocks that lie at least `depth` below the newest, by a number drawn somewhere.
    pub(super) fn sample(&self, depth: u64, draw: u64) -> Option<BlockRef> {
        let newest = self.tip()?.number.checked_sub(depth)?;
        let count = newest.checked_sub(self.oldest()?.number)? + 1;
        self.blocks.get(usize::try_from(draw % count).ok()?).copied()
    }

    /// Blocks above a height, newest first.
    pub(super) fn above(&self, number: u64) -> Vec<BlockRef> {
        self.blocks
            .iter()
            .rev()
            .take_while(|block| block.number > number)
            .copied()
            .collect()
    }

    /// Removes the blocks above a height.
    pub(super) fn cut(&mut self, number: u64) {
        while self.tip().is_some_and(|tip| tip.number > number) {
            self.blocks.pop_back();
        }
    }

    pub(super) fn push(&mut self, block: BlockRef) {
        self.blocks.push_back(block);
        if self.blocks.len() > UNDO_WINDOW_BLOCKS + 1 {
            self.blocks.pop_front();
            self.has_base = false;
        }
    }
}
