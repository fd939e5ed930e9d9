//! Self-check: do the indexes agree with the rows they index, and the chain with the log?

use std::{ops::Bound, sync::Arc};

use alloy_primitives::B256;
use vestiary::ids::{AccountId, CollectionId, WearableId};

use crate::{
    codec::Field,
    draft::undecodable,
    error::Result,
    mirror::Mirror,
    rows::{
        BALANCES, BATCH_STATEMENTS, BATCH_STATEMENTS_BY_ROOT, BATCHES, BATCHES_BY_ROOT, CERTIFICATES,
        COLLECTION_COUNT, COLLECTION_LIST, COLLECTIONS, COLLECTIONS_BY_ISSUER, DESIGNS, FLAG_BURNED,
        ISSUER_COUNT, ISSUERS, ISSUERS_BY_ACCOUNT, OWNED, TOKENS, Table,
    },
    store::Store,
};

/// Most findings of each kind that a report lists; the rest is counted.
pub const MAX_FINDINGS: usize = 1000;

/// What [`Mirror::check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Rows read.
    pub rows: u64,
    /// Wearables that are owned by somebody.
    pub owned: u64,
    /// Wearables whose certificate, as the chain certified it, was found in the log.
    pub certified_in_log: u64,
    /// Wearables without any certificate in the log so far: the log may simply not be read that far.
    pub not_in_log: u64,
    /// Rows that contradict one another: the mirror is damaged, rebuild it.
    pub faults: Vec<String>,
    /// How many faults there are, listed or not.
    pub fault_count: u64,
    /// Wearables whose certificate in the log is another one than the chain certified: the issuer or the
    /// operator has something to explain, and no rebuild changes that.
    pub discrepancies: Vec<String>,
    /// How many discrepancies there are, listed or not.
    pub discrepancy_count: u64,
}

impl CheckReport {
    /// Whether the mirror is sound and chain and log agree as far as both are read.
    pub const fn is_clean(&self) -> bool {
        self.fault_count == 0 && self.discrepancy_count == 0
    }

    fn fault(&mut self, text: impl Into<String>) {
        self.fault_count += 1;
        if self.faults.len() < MAX_FINDINGS {
            self.faults.push(text.into());
        }
    }

    fn discrepancy(&mut self, text: impl Into<String>) {
        self.discrepancy_count += 1;
        if self.discrepancies.len() < MAX_FINDINGS {
            self.discrepancies.push(text.into());
        }
    }

    fn expect(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.fault(text());
        }
    }
}

impl Mirror {
    /// Reads every row and compares. Writers wait meanwhile, readers do not.
    pub fn check(&self) -> Result<CheckReport> {
        let mut report = CheckReport::default();
        // The iterator keeps writers out until the end of this function.
        let mut rows = self.dump();
        for row in rows.by_ref() {
            let row = row?;
            report.rows += 1;
            report.expect(row.decodes, || {
                format!("row {} does not decode", hex::encode(&row.key))
            });
        }
        if report.fault_count == 0 {
            let store = self.store()?;
            let mut check = Check {
                store: &store,
                report,
            };
            check.issuers()?;
            check.collections()?;
            check.batches()?;
            check.tokens()?;
            check.owners()?;
            check.statements()?;
            report = check.report;
        }
        drop(rows);
        Ok(report)
    }
}

struct Check<'m> {
    store: &'m Arc<Store>,
    report: CheckReport,
}

impl Check<'_> {
    fn issuers(&mut self) -> Result<()> {
        let mut count = 0;
        for row in all(self.store, &ISSUERS) {
            let ((chain, id), issuer) = row?;
            count += 1;
            self.report
                .expect(id.get() == count, || format!("issuer {id} is number {count}"));
            let index = (AccountId::new(chain, issuer.account), id);
            self.indexed(&ISSUERS_BY_ACCOUNT, &index)?;
        }
        self.same_count(count, &ISSUERS_BY_ACCOUNT)?;
        self.counted(count, &ISSUER_COUNT)
    }

    fn collections(&mut self) -> Result<()> {
        let mut count = 0;
        let mut minted = 0u64;
        for row in all(self.store, &COLLECTIONS) {
            let ((id,), collection) = row?;
            count += 1;
            minted = minted.saturating_add(collection.minted);
            self.indexed(
                &COLLECTIONS_BY_ISSUER,
                &(id.chain, collection.issuer_id, id.address),
            )?;
            let listed = self.get(&COLLECTION_LIST, &(id.chain, collection.index))?;
            self.report.expect(listed == Some(id.address), || {
                format!("{id} is not at its place in the list")
            });
        }
        self.same_count(count, &COLLECTIONS_BY_ISSUER)?;
        self.same_count(count, &COLLECTION_LIST)?;
        self.same_count(minted, &TOKENS)?;
        self.counted(count, &COLLECTION_COUNT)
    }

    /// Batches of a design follow one another without gap up to its next serial.
    fn batches(&mut self) -> Result<()> {
        let mut count = 0;
        for row in all(self.store, &DESIGNS) {
            let ((collection, design_id), design) = row?;
            let mut next = 1;
            for row in prefixed(self.store, &BATCHES, &(collection, design_id)) {
                let ((_, _, first_serial), batch) = row?;
                count += 1;
                self.report.expect(first_serial.get() == next, || {
                    format!(
                        "batch {first_serial} of design {design_id} of {collection} does not start at {next}"
                    )
                });
                next = first_serial.get().saturating_add(batch.count);
                let by_root = self.get(&BATCHES_BY_ROOT, &(collection, batch.root))?;
                self.report
                    .expect(by_root == Some((design_id, first_serial)), || {
                        format!("root {} of {collection} leads elsewhere", batch.root)
                    });
            }
            self.report.expect(next == design.next_serial, || {
                format!(
                    "design {design_id} of {collection} has serials to {next}, not {}",
                    design.next_serial
                )
            });
        }
        self.same_count(count, &BATCHES)?;
        self.same_count(count, &BATCHES_BY_ROOT)
    }

    /// Tokens against the owner index, the collections' counts and the log.
    fn tokens(&mut self) -> Result<()> {
        let mut counted: Option<(CollectionId, u64, u64)> = None;
        for row in all(self.store, &TOKENS) {
            let ((id,), token) = row?;
            let burned = token.flags & FLAG_BURNED != 0;
            self.report.expect(burned == token.owner.is_zero(), || {
                format!("{id} is burned and owned, or neither")
            });
            if !burned {
                self.report.owned += 1;
                let owner = AccountId::new(id.collection.chain, token.owner);
                self.indexed(&OWNED, &(owner, id.collection.address, id.token_id))?;
            }
            let (minted, gone) = match counted.take() {
                Some((collection, minted, gone)) if collection == id.collection => (minted, gone),
                Some(done) => {
                    self.supply(done)?;
                    (0, 0)
                }
                None => (0, 0),
            };
            counted = Some((id.collection, minted + 1, gone + u64::from(burned)));
            let (mut entries, mut found) = (0u64, false);
            if let Some(root) = self.root_of(&id)? {
                for row in prefixed(
                    self.store,
                    &CERTIFICATES,
                    &(id.collection.chain, root, id.token_id),
                ) {
                    entries += 1;
                    found |= row?.1.0 == token.certificate_digest;
                }
            }
            match (found, entries) {
                (true, _) => self.report.certified_in_log += 1,
                (false, 0) => self.report.not_in_log += 1,
                (false, _) => self.report.discrepancy(format!(
                    "{id} was certified with {}, which the log does not hold",
                    token.certificate_digest
                )),
            }
        }
        counted.map_or(Ok(()), |done| self.supply(done))
    }

    fn supply(&mut self, (id, minted, burned): (CollectionId, u64, u64)) -> Result<()> {
        let collection = self.get(&COLLECTIONS, &(id,))?;
        let agrees = collection.is_some_and(|row| (row.minted, row.burned) == (minted, burned));
        self.report.expect(agrees, || {
            format!("{id} has {minted} tokens, {burned} of them burned, and counts others")
        });
        Ok(())
    }

    /// The owner index has as many rows as there are owned tokens, and the balances count it.
    fn owners(&mut self) -> Result<()> {
        let owned = self.report.owned;
        self.same_count(owned, &OWNED)?;
        let mut balances = 0u64;
        for row in all(self.store, &BALANCES) {
            let (key, balance) = row?;
            let mut rows = 0u64;
            for row in prefixed(self.store, &OWNED, &key) {
                row?;
                rows += 1;
            }
            balances = balances.saturating_add(rows);
            self.report.expect(rows == balance && balance > 0, || {
                format!("{} owns {rows} of {:#x}, its balance is {balance}", key.0, key.1)
            });
        }
        self.report.expect(balances == owned, || {
            format!("balances cover {balances} of {owned} wearables")
        });
        Ok(())
    }

    /// Root of the batch on the chain that covers a wearable.
    fn root_of(&mut self, id: &WearableId) -> Result<Option<B256>> {
        let (Some(design_id), Some(serial)) = (id.token_id.design_id(), id.token_id.serial()) else {
            self.report.fault(format!("{id} has no design and serial"));
            return Ok(None);
        };
        let from = Bound::Included(BATCHES.key(&(id.collection, design_id)));
        let until = Bound::Included(BATCHES.key(&(id.collection, design_id, serial)));
        let batch = self
            .store
            .last(from, until)?
            .map(|(key, value)| BATCHES.read(&key, &value))
            .transpose()?;
        let batch = batch.filter(|((_, _, first), batch)| serial.get() - first.get() < batch.count);
        self.report
            .expect(batch.is_some(), || format!("{id} is in no batch"));
        Ok(batch.map(|(_, batch)| batch.root))
    }

    fn statements(&mut self) -> Result<()> {
        let mut count = 0;
        for row in all(self.store, &BATCH_STATEMENTS_BY_ROOT) {
            let ((_, root, index), (collection, design_id, first_serial)) = row?;
            count += 1;
            let statement = self.get(&BATCH_STATEMENTS, &(collection, design_id, first_serial, index))?;
            let found = statement.is_some_and(|(_, _, stated, _)| stated == root);
            self.report
                .expect(found, || format!("entry {index} is not found by its root"));
        }
        self.same_count(count, &BATCH_STATEMENTS)
    }

    fn indexed<K: Field>(&mut self, table: &Table<K, ()>, key: &K) -> Result<()> {
        let there = self.get(table, key)?.is_some();
        self.report.expect(there, || {
            format!("{} {} is missing", table.name, hex::encode(table.key(key)))
        });
        Ok(())
    }

    fn counted<K: Field>(&mut self, count: u64, table: &Table<K, u64>) -> Result<()> {
        let stored = all(self.store, table)
            .next()
            .transpose()?
            .map_or(0, |(_, count)| count);
        self.report.expect(stored == count, || {
            format!("{} is {stored}, there are {count}", table.name)
        });
        Ok(())
    }

    fn same_count<K: Field, V: Field>(&mut self, count: u64, table: &Table<K, V>) -> Result<()> {
        let mut rows = 0u64;
        for row in self.store.prefixed(&[table.prefix]) {
            row?;
            rows += 1;
        }
        self.report.expect(rows == count, || {
            format!("{}: {rows} rows for {count} things", table.name)
        });
        Ok(())
    }

    fn get<K: Field, V: Field>(&self, table: &Table<K, V>, key: &K) -> Result<Option<V>> {
        let value = self.store.get(&table.key(key))?;
        value
            .map(|value| V::read(&value).ok_or_else(|| undecodable(table.name)))
            .transpose()
    }
}

fn all<'m, K: Field, V: Field>(
    store: &'m Arc<Store>,
    table: &'m Table<K, V>,
) -> impl Iterator<Item = Result<(K, V)>> + use<'m, K, V> {
    prefixed(store, table, &())
}

fn prefixed<'m, K: Field, V: Field, P: Field>(
    store: &'m Arc<Store>,
    table: &'m Table<K, V>,
    prefix: &P,
) -> impl Iterator<Item = Result<(K, V)>> + use<'m, K, V, P> {
    store.prefixed(&table.key(prefix)).map(|row| {
        let (key, value) = row?;
        table.read(&key, &value)
    })
}
