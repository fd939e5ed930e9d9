use std::{collections::BTreeMap, collections::HashMap, fmt};

use vestiary_tlog::Hash;

use super::Refusal;

/// Most sizes whose roots are remembered for a log. The largest are kept: they are what a fork would touch.
pub const MAX_HEADS: usize = 4096;

/// A log at a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// Entries.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

/// Who saw a log from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witnessed {
    /// An anchor on chain.
    Anchor,
    /// A witness's cosignature.
    Witness,
}

impl fmt::Display for Witnessed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anchor => "an anchor",
            Self::Witness => "a witness",
        })
    }
}

/// What was signed, anchored and cosigned about each log.
#[derive(Debug, Default)]
pub(super) struct Heads(HashMap<String, Log>);

#[derive(Debug, Default)]
struct Log {
    /// Roots by size, whoever told.
    roots: BTreeMap<u64, Hash>,
    /// The largest tree that was signed, or found in our log: what is published is never taken back.
    ours: Option<TreeHead>,
    /// The one before the last that was signed: what is signed next was published meanwhile, or withdrawn.
    published: Option<TreeHead>,
    /// The largest tree that others saw.
    theirs: Option<(u64, Witnessed)>,
    /// The first contradiction: nothing is signed after it.
    broken: Option<Refusal>,
}

impl Heads {
    /// What our log holds on disk.
    pub(super) fn ours(&mut self, origin: &str, head: TreeHead) -> Result<(), Refusal> {
        let log = self.of(origin);
        log.agree(origin, head)?;
        log.grow(head);
        if log.published.is_none_or(|published| published.size < head.size) {
            log.published = Some(head);
        }
        Ok(())
    }

    /// What others saw of it.
    pub(super) fn theirs(&mut self, origin: &str, head: TreeHead, by: Witnessed) -> Result<(), Refusal> {
        let log = self.of(origin);
        log.agree(origin, head)?;
        if log.theirs.is_none_or(|(size, _)| size < head.size) {
            log.theirs = Some((head.size, by));
        }
        Ok(())
    }

    /// A checkpoint: never smaller than the last, never another root for one size, never while others saw
    /// more of the log than we have.
    pub(super) fn sign(&mut self, origin: &str, asked: TreeHead) -> Result<(), Refusal> {
        let log = self.of(origin);
        log.whole(origin)?;
        if let Some(remembered) = log.ours.filter(|remembered| remembered.size > asked.size) {
            return Err(Refusal::SmallerCheckpoint {
                origin: origin.to_owned(),
                remembered,
                asked,
            });
        }
        log.disagrees(origin, asked)?;
        log.keep(asked);
        if log.ours != Some(asked) {
            log.published = log.ours;
        }
        log.grow(asked);
        Ok(())
    }

    /// Whether anything forbids to sign for a log.
    pub(super) fn check(&mut self, origin: &str) -> Result<(), Refusal> {
        self.of(origin).whole(origin)
    }

    /// Forgets a checkpoint that was signed and never published: the size is free again. Only the last one, and
    /// only what nobody else saw.
    pub(super) fn withdraw(&mut self, origin: &str, head: TreeHead) {
        let log = self.of(origin);
        let seen = log.theirs.is_some_and(|(size, _)| size >= head.size);
        if seen
            || log.ours != Some(head)
            || log.published.is_some_and(|published| published.size >= head.size)
        {
            return;
        }
        log.roots.remove(&head.size);
        log.ours = log.published;
    }

    /// A receipt names a tree too: one that was signed, or at least none that contradicts what was.
    pub(super) fn promise(&mut self, origin: &str, asked: TreeHead) -> Result<(), Refusal> {
        let log = self.of(origin);
        log.whole(origin)?;
        log.disagrees(origin, asked)
    }

    fn of(&mut self, origin: &str) -> &mut Log {
        self.0.entry(origin.to_owned()).or_default()
    }
}

impl Log {
    /// Nothing known contradicts itself, and nobody saw more of the log than we have.
    fn whole(&self, origin: &str) -> Result<(), Refusal> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let ours = self.ours.map_or(0, |head| head.size);
        match self.theirs {
            Some((theirs, by)) if theirs > ours => Err(Refusal::LogTooShort {
                origin: origin.to_owned(),
                ours,
                theirs,
                by,
            }),
            _ => Ok(()),
        }
    }

    fn disagrees(&self, origin: &str, asked: TreeHead) -> Result<(), Refusal> {
        match self.roots.get(&asked.size) {
            Some(remembered) if *remembered != asked.root => Err(Refusal::TwoCheckpoints {
                origin: origin.to_owned(),
                size: asked.size,
                remembered: *remembered,
                asked: asked.root,
            }),
            _ => Ok(()),
        }
    }

    /// Keeps a fact. Facts that contradict each other mean two histories: signing ends.
    fn agree(&mut self, origin: &str, fact: TreeHead) -> Result<(), Refusal> {
        if let Err(refusal) = self.disagrees(origin, fact) {
            self.broken.get_or_insert(refusal.clone());
            return Err(refusal);
        }
        self.keep(fact);
        Ok(())
    }

    fn grow(&mut self, head: TreeHead) {
        if self.ours.is_none_or(|ours| ours.size < head.size) {
            self.ours = Some(head);
        }
    }

    fn keep(&mut self, head: TreeHead) {
        self.roots.insert(head.size, head.root);
        if self.roots.len() > MAX_HEADS {
            self.roots.pop_first();
        }
    }
}
