//! The issuer registry's and the factory's events.

use alloy_primitives::B256;
use vestiary::{
    abi::{
        ICollectionFactory,
        IIssuerRegistry::{self, IIssuerRegistryEvents as Event},
    },
    ids::{AccountId, CollectionId, IssuerId},
};

use super::{BlockFold, non_zero};
use crate::{
    error::Result,
    rows::{
        ACCEPTED_LOGS, ACCREDITATIONS, AcceptedLog, Accreditation, COLLECTION_COUNT, COLLECTION_LIST,
        COLLECTIONS, COLLECTIONS_BY_ISSUER, COMPROMISES, Collection, Compromise, DID_CLAIMS, DidClaim,
        ISSUER_COUNT, ISSUERS, ISSUERS_BY_ACCOUNT, Issuer, KEYS, KeyInterval,
    },
};

impl BlockFold<'_, '_> {
    pub(super) fn fold_registry(&mut self, event: Event) -> Result<()> {
        match event {
            Event::IssuerRegistered(event) => self.registered(event),
            Event::DidClaimed(event) => self.did_claimed(event.issuerId, event.did),
            Event::AccountProposed(event) => {
                let (id, mut issuer) = self.issuer(event.issuerId)?;
                issuer.proposed = non_zero(event.proposed);
                self.draft.put(&ISSUERS, &(self.config.chain, id), &issuer)
            }
            Event::AccountChanged(event) => self.account_changed(&event),
            Event::KeyAdded(event) => self.key_added(&event),
            Event::KeyRetired(event) => self.key_retired(&event),
            Event::KeyCompromised(event) => self.key_compromised(&event),
            Event::IssuerAccredited(event) => self.accredited(&event),
            Event::AccreditationWithdrawn(event) => self.accreditation_withdrawn(&event),
            Event::LogAccepted(event) => self.log_accepted(&event),
            Event::LogRemoved(event) => self.log_removed(event.issuerId, event.originHash),
        }
    }

    pub(super) fn fold_created(&mut self, event: &ICollectionFactory::CollectionCreated) -> Result<()> {
        let chain = self.config.chain;
        let (issuer_id, _) = self.issuer(event.issuerId)?;
        let count = self.draft.get(&COLLECTION_COUNT, &(chain,))?.unwrap_or(0);
        if event.index != alloy_primitives::U256::from(count) {
            return Err(self.contradiction(format!("collection {} follows {count} collections", event.index)));
        }
        let id = CollectionId::new(chain, event.collection);
        if self.draft.get(&COLLECTIONS, &(id,))?.is_some() {
            return Err(self.contradiction(format!("{id} is listed already")));
        }
        let collection = Collection {
            issuer_id,
            name: String::new(),
            symbol: String::new(),
            index: count,
            minted: 0,
            burned: 0,
            created: self.at.clone(),
        };
        self.created.insert(id, false);
        self.draft.put(&COLLECTIONS, &(id,), &collection)?;
        self.draft.put(&COLLECTION_COUNT, &(chain,), &(count + 1))?;
        self.draft
            .put(&COLLECTION_LIST, &(chain, count), &event.collection)?;
        self.draft
            .put(&COLLECTIONS_BY_ISSUER, &(chain, issuer_id, event.collection), &())
    }

    fn registered(&mut self, event: IIssuerRegistry::IssuerRegistered) -> Result<()> {
        let chain = self.config.chain;
        let count = self.draft.get(&ISSUER_COUNT, &(chain,))?.unwrap_or(0);
        if Some(event.issuerId) != count.checked_add(1) {
            return Err(self.contradiction(format!("issuer {} follows {count} issuers", event.issuerId)));
        }
        let id = self.issuer_id(event.issuerId)?;
        let issuer = Issuer {
            account: event.account,
            proposed: None,
            did: String::new(),
            registered: self.at.clone(),
        };
        self.draft.put(&ISSUER_COUNT, &(chain,), &event.issuerId)?;
        self.draft.put(&ISSUERS, &(chain, id), &issuer)?;
        self.draft.put(
            &ISSUERS_BY_ACCOUNT,
            &(AccountId::new(chain, event.account), id),
            &(),
        )?;
        if event.did.is_empty() {
            Ok(())
        } else {
            self.did_claimed(event.issuerId, event.did)
        }
    }

    fn did_claimed(&mut self, issuer_id: u64, did: String) -> Result<()> {
        let (id, mut issuer) = self.issuer(issuer_id)?;
        if did.len() > MAX_DID_BYTES {
            return Err(self.contradiction(format!(
                "a DID of {} bytes, the most is {MAX_DID_BYTES}",
                did.len()
            )));
        }
        issuer.did.clone_from(&did);
        self.draft.put(&ISSUERS, &(self.config.chain, id), &issuer)?;
        let key = (self.config.chain, id, self.block.number, self.at.log_index);
        self.draft.put(
            &DID_CLAIMS,
            &key,
            &DidClaim {
                did,
                at: self.at.clone(),
            },
        )
    }

    fn account_changed(&mut self, event: &IIssuerRegistry::AccountChanged) -> Result<()> {
        let chain = self.config.chain;
        let (id, mut issuer) = self.issuer(event.issuerId)?;
        if issuer.account != event.previous || issuer.proposed != Some(event.current) {
            return Err(
                self.contradiction(format!("issuer {id} changes to an account it was not offered to"))
            );
        }
        issuer.account = event.current;
        issuer.proposed = None;
        self.draft.put(&ISSUERS, &(chain, id), &issuer)?;
        self.draft
            .delete(&ISSUERS_BY_ACCOUNT, &(AccountId::new(chain, event.previous), id))?;
        self.draft.put(
            &ISSUERS_BY_ACCOUNT,
            &(AccountId::new(chain, event.current), id),
            &(),
        )
    }

    fn key_added(&mut self, event: &IIssuerRegistry::KeyAdded) -> Result<()> {
        let (id, _) = self.issuer(event.issuerId)?;
        if !self
            .accepted_log(id, event.originHash)?
            .is_some_and(|log| log.accepted)
        {
            return Err(self.contradiction(format!("issuer {id} adds a key for a log it does not accept")));
        }
        let key = (self.config.chain, id, event.originHash, event.key);
        if self.draft.get(&KEYS, &key)?.is_some() {
            return Err(self.contradiction(format!("issuer {id} adds a key twice")));
        }
        let interval = KeyInterval {
            from_index: event.fromIndex,
            until_index: None,
            added: self.at.clone(),
            retired: None,
        };
        self.draft.put(&KEYS, &key, &interval)
    }

    fn key_retired(&mut self, event: &IIssuerRegistry::KeyRetired) -> Result<()> {
        let (id, _) = self.issuer(event.issuerId)?;
        let key = (self.config.chain, id, event.originHash, event.key);
        let active = self
            .draft
            .get(&KEYS, &key)?
            .filter(|interval| interval.until_index.is_none());
        let Some(mut interval) = active.filter(|interval| interval.from_index <= event.untilIndex) else {
            return Err(self.contradiction(format!("issuer {id} retires a key that is not active there")));
        };
        interval.until_index = Some(event.untilIndex);
        interval.retired = Some(self.at.clone());
        self.draft.put(&KEYS, &key, &interval)
    }

    fn key_compromised(&mut self, event: &IIssuerRegistry::KeyCompromised) -> Result<()> {
        let (id, _) = self.issuer(event.issuerId)?;
        let key = (self.config.chain, id, event.originHash, event.key);
        let covers = |interval: &KeyInterval| {
            let until = interval.until_index.unwrap_or(u64::MAX);
            (interval.from_index..until).contains(&event.fromIndex)
        };
        if !self
            .draft
            .get(&KEYS, &key)?
            .is_some_and(|interval| covers(&interval))
        {
            let what = format!("issuer {id} declares a key compromised that does not sign there");
            return Err(self.contradiction(what));
        }
        if self.draft.get(&COMPROMISES, &key)?.is_some() {
            return Err(self.contradiction(format!("issuer {id} declares a key compromised twice")));
        }
        let compromise = Compromise {
            from_index: event.fromIndex,
            effective_from: event.effectiveFrom,
            declared: self.at.clone(),
        };
        self.draft.put(&COMPROMISES, &key, &compromise)
    }

    fn accredited(&mut self, event: &IIssuerRegistry::IssuerAccredited) -> Result<()> {
        let (id, _) = self.issuer(event.issuerId)?;
        let key = (self.config.chain, id, event.accreditor);
        if self.draft.get(&ACCREDITATIONS, &key)?.is_some() {
            return Err(self.contradiction(format!("issuer {id} is accredited twice by one account")));
        }
        let accreditation = Accreditation {
            evidence: event.evidence,
            since: self.at.clone(),
        };
        self.draft.put(&ACCREDITATIONS, &key, &accreditation)
    }

    fn accreditation_withdrawn(&mut self, event: &IIssuerRegistry::AccreditationWithdrawn) -> Result<()> {
        let (id, _) = self.issuer(event.issuerId)?;
        let key = (self.config.chain, id, event.accreditor);
        if self.draft.get(&ACCREDITATIONS, &key)?.is_none() {
            return Err(self.contradiction(format!("an accreditation of issuer {id} that was never given")));
        }
        self.draft.delete(&ACCREDITATIONS, &key)
    }

    fn log_accepted(&mut self, event: &IIssuerRegistry::LogAccepted) -> Result<()> {
        let (id, _) = self.issuer(event.issuerId)?;
        let known = self.accepted_log(id, event.originHash)?;
        if known.is_some_and(|log| log.accepted || log.anchoring_account != event.anchoringAccount) {
            return Err(self.contradiction(format!(
                "issuer {id} accepts a log again, or with another account"
            )));
        }
        let log = AcceptedLog {
            anchoring_account: event.anchoringAccount,
            accepted: true,
            changed: self.at.clone(),
        };
        self.draft
            .put(&ACCEPTED_LOGS, &(self.config.chain, id, event.originHash), &log)
    }

    fn log_removed(&mut self, issuer_id: u64, origin_hash: B256) -> Result<()> {
        let (id, _) = self.issuer(issuer_id)?;
        let Some(mut log) = self.accepted_log(id, origin_hash)?.filter(|log| log.accepted) else {
            return Err(self.contradiction(format!("issuer {id} removes a log it does not accept")));
        };
        log.accepted = false;
        log.changed = self.at.clone();
        self.draft
            .put(&ACCEPTED_LOGS, &(self.config.chain, id, origin_hash), &log)
    }

    fn accepted_log(&self, id: IssuerId, origin_hash: B256) -> Result<Option<AcceptedLog>> {
        self.draft
            .get(&ACCEPTED_LOGS, &(self.config.chain, id, origin_hash))
    }

    pub(super) fn issuer_id(&self, number: u64) -> Result<IssuerId> {
        IssuerId::new(number).map_err(|error| self.contradiction(error.to_string()))
    }

    fn issuer(&self, number: u64) -> Result<(IssuerId, Issuer)> {
        let id = self.issuer_id(number)?;
        match self.draft.get(&ISSUERS, &(self.config.chain, id))? {
            Some(issuer) => Ok((id, issuer)),
            None => Err(self.contradiction(format!("issuer {number} is not registered"))),
        }
    }
}

/// Longest DID that the registry takes. Bytes that are not UTF-8 are read as U+FFFD, which is three
/// bytes long, so what is read can be up to three times that.
const MAX_DID_BYTES: usize = 3 * 256;
