//! The fold of the outbox's records.

use std::collections::{BTreeMap, BTreeSet};

use vestiary::block::BlockRef;

use crate::submitter::outbox::{Attempt, Entry, OrderId, Record, State};

/// All orders of one lane, by id and by nonce.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    entries: BTreeMap<OrderId, Entry>,
    /// Place of each order in `arrivals`.
    places: BTreeMap<OrderId, usize>,
    /// Arrival order; orders without a nonce are served in it.
    arrivals: Vec<OrderId>,
    /// Orders that are neither terminal nor waiting for a nonce.
    open: BTreeMap<u64, OrderId>,
    /// Orders that wait for a nonce, by arrival.
    queued: BTreeSet<usize>,
    /// One more than the highest nonce ever taken.
    next_nonce: u64,
    /// The highest nonce of a final transaction.
    highest_final: Option<u64>,
}

impl Table {
    /// Folds records, oldest first.
    pub fn replay<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, String> {
        let mut table = Self::default();
        for record in records {
            table.apply(record)?;
        }
        Ok(table)
    }

    /// Applies one record. An error names the contradiction: the store holds something that the submitter
    /// never wrote, and nothing may be sent on its word.
    pub fn apply(&mut self, record: &Record) -> Result<(), String> {
        if let Record::Accepted { order, call } = record {
            if self.entries.contains_key(order) {
                return Err(format!("order {order} accepted twice"));
            }
            let entry = Entry {
                order: order.clone(),
                call: call.clone(),
                nonce: None,
                attempts: Vec::new(),
                state: State::Queued,
            };
            self.queued.insert(self.arrivals.len());
            self.places.insert(order.clone(), self.arrivals.len());
            self.arrivals.push(order.clone());
            self.entries.insert(order.clone(), entry);
            return Ok(());
        }
        let order = record.order();
        let Some(entry) = self.entries.get_mut(order) else {
            return Err(format!("order {order} was never accepted"));
        };
        if let Record::Reopened { .. } = record {
            return self.reopen(order);
        }
        if entry.state.is_terminal() {
            return Err(format!("order {order} was closed already"));
        }
        let place = self.places.get(order).copied();
        match record {
            Record::Accepted { .. } | Record::Reopened { .. } => {}
            Record::Signed { nonce, attempt, .. } => return self.sign(order, *nonce, attempt.clone()),
            Record::Sent { .. } => entry.state = State::Sent,
            Record::Included {
                hash, block, success, ..
            } => {
                entry.state = State::Included {
                    hash: *hash,
                    block: *block,
                    success: *success,
                };
            }
            Record::Dropped { .. } => entry.state = State::Signed,
            Record::Finalized {
                hash,
                block,
                reverted,
                ..
            } => {
                entry.state = match reverted {
                    None => State::Finalized {
                        hash: *hash,
                        block: *block,
                    },
                    Some(reason) => State::Failed {
                        hash: *hash,
                        block: *block,
                        reason: reason.clone(),
                    },
                };
                let nonce = entry.nonce;
                self.close(nonce);
            }
            Record::WithoutEffect { hash, block, .. } => {
                entry.state = State::WithoutEffect {
                    hash: *hash,
                    block: *block,
                };
                let nonce = entry.nonce;
                self.close(nonce);
            }
            Record::Refused { reason, .. } => {
                entry.state = State::Refused {
                    reason: reason.clone(),
                };
                if let Some(index) = place {
                    self.queued.remove(&index);
                }
            }
            Record::Displaced { nonce, .. } => {
                entry.nonce = None;
                entry.attempts.clear();
                entry.state = State::Queued;
                self.open.remove(nonce);
                if let Some(index) = place {
                    self.queued.insert(index);
                }
            }
        }
        Ok(())
    }

    fn close(&mut self, nonce: Option<u64>) {
        if let Some(nonce) = nonce {
            self.open.remove(&nonce);
            self.highest_final = self.highest_final.max(Some(nonce));
        }
    }

    fn sign(&mut self, order: &OrderId, nonce: u64, attempt: Attempt) -> Result<(), String> {
        if self.open.get(&nonce).is_some_and(|other| other != order) {
            return Err(format!("nonce {nonce} taken by two orders"));
        }
        let Some(entry) = self.entries.get_mut(order) else {
            return Err(format!("order {order} was never accepted"));
        };
        match entry.nonce {
            Some(taken) if taken != nonce => {
                return Err(format!("order {order} with nonces {taken} and {nonce}"));
            }
            Some(_) => {}
            None => {
                if let Some(place) = self.places.get(order) {
                    self.queued.remove(place);
                }
                entry.nonce = Some(nonce);
                self.open.insert(nonce, order.clone());
                self.next_nonce = self.next_nonce.max(nonce.saturating_add(1));
            }
        }
        entry.attempts.push(attempt);
        entry.state = State::Signed;
        Ok(())
    }

    fn reopen(&mut self, order: &OrderId) -> Result<(), String> {
        let entry = self
            .entries
            .get_mut(order)
            .filter(|entry| is_final(&entry.state).is_some());
        let Some((entry, nonce)) = entry.and_then(|entry| entry.nonce.map(|nonce| (entry, nonce))) else {
            return Err(format!("order {order} was not final"));
        };
        if self.open.contains_key(&nonce) {
            return Err(format!("nonce {nonce} taken by two orders"));
        }
        entry.state = State::Signed;
        self.open.insert(nonce, order.clone());
        self.highest_final = self
            .closed_from(0)
            .filter_map(|(order, _)| self.get(&order)?.nonce)
            .max();
        Ok(())
    }

    /// Orders in final blocks with this nonce or a higher one.
    pub fn closed_from(&self, nonce: u64) -> impl Iterator<Item = (OrderId, BlockRef)> {
        let entries = self
            .entries
            .values()
            .filter(move |entry| entry.nonce >= Some(nonce));
        entries.filter_map(|entry| Some((entry.order.clone(), is_final(&entry.state)?)))
    }

    /// The fewest records that fold to this table: what a compacted store keeps.
    pub fn snapshot(&self) -> Vec<Record> {
        let mut records = Vec::new();
        for order in &self.arrivals {
            let Some(entry) = self.entries.get(order) else {
                continue;
            };
            let order = order.clone();
            records.push(Record::Accepted {
                order: order.clone(),
                call: entry.call.clone(),
            });
            if let Some(nonce) = entry.nonce {
                records.extend(entry.attempts.iter().map(|attempt| Record::Signed {
                    order: order.clone(),
                    nonce,
                    attempt: attempt.clone(),
                }));
            }
            records.extend(match entry.state.clone() {
                State::Queued | State::Signed => None,
                State::Sent => Some(Record::Sent { order }),
                State::Included { hash, block, success } => Some(Record::Included {
                    order,
                    hash,
                    block,
                    success,
                }),
                State::Finalized { hash, block } => Some(Record::Finalized {
                    order,
                    hash,
                    block,
                    reverted: None,
                }),
                State::Failed { hash, block, reason } => Some(Record::Finalized {
                    order,
                    hash,
                    block,
                    reverted: Some(reason),
                }),
                State::WithoutEffect { hash, block } => Some(Record::WithoutEffect { order, hash, block }),
                State::Refused { reason } => Some(Record::Refused { order, reason }),
            });
        }
        records
    }

    /// One order.
    pub fn get(&self, order: &OrderId) -> Option<&Entry> {
        self.entries.get(order)
    }

    /// All orders, by arrival.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.arrivals.iter().filter_map(|order| self.entries.get(order))
    }

    /// Orders with a nonce that are not final yet, by nonce.
    pub fn open(&self) -> impl Iterator<Item = &Entry> {
        self.open.values().filter_map(|order| self.entries.get(order))
    }

    /// Orders that wait for a nonce, by arrival.
    pub fn queued(&self) -> impl Iterator<Item = &Entry> {
        self.queued
            .iter()
            .filter_map(|index| self.entries.get(self.arrivals.get(*index)?))
    }

    /// How many wait for a nonce.
    pub fn queued_count(&self) -> usize {
        self.queued.len()
    }

    /// The next `limit` orders that wait for a nonce, by arrival, from a place on; each with its place.
    pub(super) fn queued_from(&self, place: usize, limit: usize) -> Vec<(usize, Entry)> {
        self.queued
            .range(place..)
            .filter_map(|place| Some((*place, self.entries.get(self.arrivals.get(*place)?)?.clone())))
            .take(limit)
            .collect()
    }

    /// One more than the highest nonce ever taken; 0 before the first.
    pub const fn next_nonce(&self) -> u64 {
        self.next_nonce
    }

    /// The highest nonce of ours in a final block: the chain's count cannot be below it.
    pub const fn highest_final_nonce(&self) -> Option<u64> {
        self.highest_final
    }

    /// The order that holds a nonce which is not final yet.
    pub fn holder(&self, nonce: u64) -> Option<&Entry> {
        self.entries.get(self.open.get(&nonce)?)
    }
}

/// The final block that has the order's transaction.
const fn is_final(state: &State) -> Option<BlockRef> {
    match state {
        State::Finalized { block, .. } | State::Failed { block, .. } | State::WithoutEffect { block, .. } => {
            Some(*block)
        }
        State::Queued | State::Signed | State::Sent | State::Included { .. } | State::Refused { .. } => None,
    }
}
