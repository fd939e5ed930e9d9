//! A collection's events and its transfers.

use alloy_primitives::Address;
use vestiary::{
    abi::{
        IERC721,
        IWearableCollection::{self, IWearableCollectionEvents as Event},
        IWearableRights::IWearableRightsEvents as RightsEvent,
    },
    digest::Sha256,
    ids::{AccountId, CollectionId, DesignId, Edition, Serial, TokenId, WearableId},
    terms::Terms,
};

use super::BlockFold;
use crate::{
    error::Result,
    rows::{
        BALANCES, BATCHES, BATCHES_BY_ROOT, Batch, COLLECTIONS, Collection, DESIGNS, Design, FLAG_BURNED,
        HISTORY, HistoryEntry, HistoryKind, MAX_NAME_BYTES, MINTERS, Minter, OWNED, TOKENS, Token,
    },
};

impl BlockFold<'_, '_> {
    pub(super) fn fold_collection(&mut self, id: CollectionId, event: Event) -> Result<()> {
        match event {
            Event::CollectionInitialized(event) => self.initialized(id, &event),
            Event::DesignOpened(event) => self.design_opened(id, &event),
            Event::BatchCommitted(event) => self.batch_committed(id, &event),
            Event::Certified(event) => self.certified(
                id.wearable(TokenId(event.tokenId)),
                event.certificateDigest.into(),
            ),
            Event::MinterChanged(event) => {
                let minter = Minter {
                    allowed: event.allowed,
                    changed: self.at.clone(),
                };
                self.draft.put(&MINTERS, &(id, event.minter), &minter)
            }
            // Where metadata is served, what is asked at a sale, who may claim what nobody has claimed, and
            // what the issuer proposes say nothing about who may wear what.
            Event::BaseUriChanged(_)
            | Event::RoyaltyChanged(_)
            | Event::PauserChanged(_)
            | Event::MintingPaused(_)
            | Event::ClaimKeyChanging(_)
            | Event::RevisionProposed(_)
            | Event::LicenceStated(_) => Ok(()),
        }
    }

    /// Flags are folded; the other events say why they changed, or concern one wallet's signatures.
    pub(super) fn fold_rights(&mut self, collection: CollectionId, event: &RightsEvent) -> Result<()> {
        let RightsEvent::RightsChanged(event) = event else {
            return Ok(());
        };
        let id = collection.wearable(TokenId(event.tokenId));
        let Some(mut token) = self.draft.get(&TOKENS, &(id,))? else {
            return Err(self.contradiction(format!("rights of {id} change and it was never minted")));
        };
        let burned = |flags: u64| flags & FLAG_BURNED != 0;
        let flags = u64::try_from(event.flags).ok().filter(|flags| flags >> 56 == 0);
        let Some(flags) = flags.filter(|flags| !burned(*flags) && !burned(token.flags)) else {
            return Err(self.contradiction(format!("flags {:#x} of {id} cannot be", event.flags)));
        };
        token.flags = flags;
        self.draft.put(&TOKENS, &(id,), &token)
    }

    pub(super) fn fold_transfer(
        &mut self,
        collection: CollectionId,
        event: &IERC721::Transfer,
    ) -> Result<()> {
        let id = collection.wearable(TokenId(event.tokenId));
        match (event.from, event.to) {
            (Address::ZERO, Address::ZERO) => {
                Err(self.contradiction(format!("{id} goes from nobody to nobody")))
            }
            (Address::ZERO, to) => self.minted(id, to),
            (from, to) => self.moved(id, from, to),
        }
    }

    fn initialized(
        &mut self,
        id: CollectionId,
        event: &IWearableCollection::CollectionInitialized,
    ) -> Result<()> {
        let mut collection = self.collection(id)?;
        if self.created.insert(id, true) != Some(false) || collection.issuer_id.get() != event.issuerId {
            return Err(self.contradiction(format!("{id} is initialised again, or for another issuer")));
        }
        cut(&event.name, MAX_NAME_BYTES).clone_into(&mut collection.name);
        cut(&event.symbol, MAX_NAME_BYTES).clone_into(&mut collection.symbol);
        self.draft.put(&COLLECTIONS, &(id,), &collection)
    }

    fn design_opened(&mut self, id: CollectionId, event: &IWearableCollection::DesignOpened) -> Result<()> {
        let design_id = self.design_id(event.designId)?;
        if self.draft.get(&DESIGNS, &(id, design_id))?.is_some() {
            return Err(self.contradiction(format!("design {design_id} of {id} is open already")));
        }
        let design = Design {
            digest: event.designDigest.into(),
            edition: Edition(event.edition),
            terms: Terms::unpack(event.terms).map_err(|error| self.contradiction(error.to_string()))?,
            next_serial: 1,
            opened: self.at.clone(),
        };
        self.unbatched.insert((id, design_id));
        self.draft.put(&DESIGNS, &(id, design_id), &design)
    }

    fn batch_committed(
        &mut self,
        id: CollectionId,
        event: &IWearableCollection::BatchCommitted,
    ) -> Result<()> {
        let design_id = self.design_id(event.designId)?;
        let Some(mut design) = self.draft.get(&DESIGNS, &(id, design_id))? else {
            return Err(self.contradiction(format!("design {design_id} of {id} is not open")));
        };
        let next = event.firstSerial.checked_add(event.count);
        let limit = design.edition.limit().unwrap_or(u64::MAX - 1);
        let fits = next
            .and_then(|next| next.checked_sub(1))
            .is_some_and(|last| last <= limit);
        let (Some(next), true, true) = (
            next,
            fits,
            event.count > 0 && event.firstSerial == design.next_serial,
        ) else {
            return Err(self.contradiction(format!(
                "{} serials from {} do not follow on {} within edition {}",
                event.count, event.firstSerial, design.next_serial, design.edition
            )));
        };
        if self.draft.get(&BATCHES_BY_ROOT, &(id, event.root))?.is_some() {
            return Err(self.contradiction("a root is committed twice"));
        }
        let first_serial = self.serial(event.firstSerial)?;
        design.next_serial = next;
        self.unbatched.remove(&(id, design_id));
        let batch = Batch {
            count: event.count,
            root: event.root,
            committed: self.at.clone(),
        };
        self.draft.put(&DESIGNS, &(id, design_id), &design)?;
        self.draft.put(&BATCHES, &(id, design_id, first_serial), &batch)?;
        self.draft
            .put(&BATCHES_BY_ROOT, &(id, event.root), &(design_id, first_serial))
    }

    fn certified(&mut self, id: WearableId, digest: Sha256) -> Result<()> {
        if self.uncertified.remove(&id) {
            let mut token = self
                .draft
                .get(&TOKENS, &(id,))?
                .expect("minted earlier in this block");
            token.certificate_digest = digest;
            self.draft.put(&TOKENS, &(id,), &token)?;
        } else if self.draft.get(&TOKENS, &(id,))?.is_some() || self.unminted.insert(id, digest).is_some() {
            return Err(self.contradiction(format!("{id} is certified twice")));
        }
        self.record(id, HistoryKind::Certified, Address::ZERO, Address::ZERO, digest)
    }

    fn minted(&mut self, id: WearableId, to: Address) -> Result<()> {
        if self.draft.get(&TOKENS, &(id,))?.is_some() {
            return Err(self.contradiction(format!("{id} is minted twice")));
        }
        let (Some(design_id), Some(serial)) = (id.token_id.design_id(), id.token_id.serial()) else {
            return Err(self.contradiction(format!("{id} has no design and serial")));
        };
        let design = self.draft.get(&DESIGNS, &(id.collection, design_id))?;
        if design.is_none_or(|design| serial.get() >= design.next_serial) {
            return Err(self.contradiction(format!("{id} was never committed")));
        }
        let digest = self.unminted.remove(&id);
        if digest.is_none() {
            self.uncertified.insert(id);
        }
        let token = Token {
            owner: to,
            flags: 0,
            certificate_digest: digest.unwrap_or(Sha256([0; 32])),
            minted: self.at.clone(),
            moved: self.at.clone(),
        };
        let mut collection = self.collection(id.collection)?;
        collection.minted += 1;
        self.draft.put(&COLLECTIONS, &(id.collection,), &collection)?;
        self.draft.put(&TOKENS, &(id,), &token)?;
        self.gain(id, to)?;
        self.record(id, HistoryKind::Minted, Address::ZERO, to, Sha256([0; 32]))
    }

    fn moved(&mut self, id: WearableId, from: Address, to: Address) -> Result<()> {
        let Some(mut token) = self
            .draft
            .get(&TOKENS, &(id,))?
            .filter(|token| token.owner == from)
        else {
            return Err(self.contradiction(format!("{id} is not owned by {from:#x}, who gives it away")));
        };
        let burned = to.is_zero();
        token.owner = to;
        token.moved = self.at.clone();
        self.lose(id, from)?;
        if burned {
            token.flags |= FLAG_BURNED;
            let mut collection = self.collection(id.collection)?;
            collection.burned += 1;
            self.draft.put(&COLLECTIONS, &(id.collection,), &collection)?;
        } else {
            self.gain(id, to)?;
        }
        self.draft.put(&TOKENS, &(id,), &token)?;
        let kind = if burned {
            HistoryKind::Burned
        } else {
            HistoryKind::Transferred
        };
        self.record(id, kind, from, to, Sha256([0; 32]))
    }

    fn gain(&mut self, id: WearableId, owner: Address) -> Result<()> {
        let key = (AccountId::new(self.config.chain, owner), id.collection.address);
        let balance = self.draft.get(&BALANCES, &key)?.unwrap_or(0);
        self.draft.put(&BALANCES, &key, &(balance + 1))?;
        self.draft.put(&OWNED, &(key.0, key.1, id.token_id), &())
    }

    fn lose(&mut self, id: WearableId, owner: Address) -> Result<()> {
        let key = (AccountId::new(self.config.chain, owner), id.collection.address);
        match self.draft.get(&BALANCES, &key)?.unwrap_or(0) {
            0 => return Err(crate::Error::rebuild(format!("the owner of {id} has no balance"))),
            1 => self.draft.delete(&BALANCES, &key)?,
            balance => self.draft.put(&BALANCES, &key, &(balance - 1))?,
        }
        self.draft.delete(&OWNED, &(key.0, key.1, id.token_id))
    }

    fn record(
        &mut self,
        id: WearableId,
        kind: HistoryKind,
        from: Address,
        to: Address,
        certificate_digest: Sha256,
    ) -> Result<()> {
        let entry = HistoryEntry {
            kind,
            from,
            to,
            certificate_digest,
            at: self.at.clone(),
        };
        self.draft
            .put(&HISTORY, &(id, self.block.number, self.at.log_index), &entry)
    }

    fn collection(&self, id: CollectionId) -> Result<Collection> {
        let collection = self.draft.get(&COLLECTIONS, &(id,))?;
        collection.ok_or_else(|| crate::Error::rebuild(format!("{id} has no row")))
    }

    fn design_id(&self, number: u64) -> Result<DesignId> {
        DesignId::new(number).map_err(|error| self.contradiction(error.to_string()))
    }

    fn serial(&self, number: u64) -> Result<Serial> {
        Serial::new(number).map_err(|error| self.contradiction(error.to_string()))
    }
}

/// The longest beginning of `text` that has at most `max_bytes`.
fn cut(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_name_is_cut_between_characters() {
        assert_eq!(cut("héron", 2), "h");
        assert_eq!(cut("héron", 3), "hé");
        assert_eq!(cut("héron", 256), "héron");
    }
}
