use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    fmt,
};

use alloy_primitives::B256;
use vestiary::{
    digest::Sha256,
    ids::{CollectionId, DesignId, SerialRange, TokenId, WearableId},
};

use super::Refusal;

/// Serials under one root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The serials.
    pub range: SerialRange,
    /// The root of their batch tree.
    pub root: B256,
}

impl fmt::Display for Committed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "serials {} to {} under root {}",
            self.range.first(),
            self.range.last(),
            self.root
        )
    }
}

/// What was signed about the wearables of each design.
#[derive(Debug, Default)]
pub(super) struct Serials {
    designs: HashMap<(CollectionId, DesignId), Design>,
    /// Certificates whose batch is not known yet, by its root.
    waiting: HashMap<B256, Vec<(TokenId, Sha256)>>,
}

#[derive(Debug, Default)]
struct Design {
    digest: Option<Sha256>,
    certificates: BTreeMap<TokenId, Sha256>,
    /// Batches by their first serial; their ranges never overlap.
    batches: BTreeMap<u64, Committed>,
}

impl Serials {
    /// One document for a design, ever.
    pub(super) fn design(
        &mut self,
        collection: CollectionId,
        design: DesignId,
        asked: Sha256,
    ) -> Result<(), Refusal> {
        let remembered = *self.of(collection, design).digest.get_or_insert(asked);
        if remembered == asked {
            return Ok(());
        }
        Err(Refusal::TwoDesigns {
            collection,
            design,
            remembered,
            asked,
        })
    }

    /// One certificate for a wearable, ever.
    pub(super) fn certificate(&mut self, wearable: WearableId, asked: Sha256) -> Result<(), Refusal> {
        let design = wearable.token_id.design_id().ok_or(Refusal::NoRange)?;
        match self
            .of(wearable.collection, design)
            .certificates
            .entry(wearable.token_id)
        {
            Entry::Vacant(entry) => {
                entry.insert(asked);
                Ok(())
            }
            Entry::Occupied(entry) if *entry.get() == asked => Ok(()),
            Entry::Occupied(entry) => {
                let (wearable, remembered) = (Box::new(wearable), *entry.get());
                Err(Refusal::TwoCertificates {
                    wearable,
                    remembered,
                    asked,
                })
            }
        }
    }

    /// Keeps a certificate until the batch with this root says of which collection it is.
    pub(super) fn await_batch(&mut self, root: B256, token_id: TokenId, digest: Sha256) {
        self.waiting.entry(root).or_default().push((token_id, digest));
    }

    /// One root over a serial, ever. The same batch again is the same thing.
    pub(super) fn batch(
        &mut self,
        collection: CollectionId,
        design: DesignId,
        asked: Committed,
    ) -> Result<(), Refusal> {
        let batches = &mut self.of(collection, design).batches;
        // Ranges in the map are disjoint, so the last one that starts within or before ours tells all.
        let last = batches
            .range(..=asked.range.last().get())
            .next_back()
            .map(|(_, committed)| *committed);
        match last {
            Some(remembered) if remembered == asked => {}
            Some(remembered) if remembered.range.last() >= asked.range.first() => {
                let (remembered, asked) = (Box::new(remembered), Box::new(asked));
                return Err(Refusal::TwoRoots {
                    collection,
                    design,
                    remembered,
                    asked,
                });
            }
            _ => {
                batches.insert(asked.range.first().get(), asked);
            }
        }
        let waiting = self.waiting.remove(&asked.root).unwrap_or_default();
        waiting
            .into_iter()
            .try_for_each(|(token_id, digest)| self.certificate(collection.wearable(token_id), digest))
    }

    /// Forgets a batch that was signed for and whose signature nobody has, nor ever will. Certificates of its
    /// serials were not signed.
    pub(super) fn withdraw_batch(&mut self, collection: CollectionId, design: DesignId, signed: Committed) {
        let design = self.of(collection, design);
        let first = signed.range.first().get();
        let certified = design
            .certificates
            .keys()
            .any(|id| id.serial().is_some_and(|serial| signed.range.contains(serial)));
        if !certified && design.batches.get(&first) == Some(&signed) {
            design.batches.remove(&first);
        }
    }

    /// Forgets a design document that was signed and whose signature nobody has, nor ever will. No batch of it
    /// was signed.
    pub(super) fn withdraw_design(&mut self, collection: CollectionId, design: DesignId, signed: Sha256) {
        let design = self.of(collection, design);
        if design.batches.is_empty() && design.digest == Some(signed) {
            design.digest = None;
        }
    }

    fn of(&mut self, collection: CollectionId, design: DesignId) -> &mut Design {
        self.designs.entry((collection, design)).or_default()
    }
}
