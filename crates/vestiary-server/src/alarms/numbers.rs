//! One look at everything that ages, and what of it is an alarm.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use vestiary::ids::CollectionId;
use vestiary_chain::submitter::{Entry, State as OrderState};

use super::{ANCHOR_LATE_S, Alarm, CLAIM_LATE_S, CLOCK_BEHIND_S, INTENT_OPEN_S, STALE_HEAD_S, STUCK_BLOCKS};
use crate::chain_status::ChainHealth;
use crate::journal::{BatchId, BatchStage, ClaimId, State};
use crate::service::Service;
use crate::storage::StorageState;

/// A commit is late when less than this part of `issuance.commit_within_s` is left.
const COMMIT_LATE_PART: u64 = 4;

/// One look at everything that ages.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    now_s: u64,
    /// Height of the newest block taken in.
    pub(super) head: Option<u64>,
    /// Its time, unix seconds.
    head_time_s: u64,
    /// For how long the chain is not seen whole.
    pub(super) unseen_s: u64,
    pub(super) log_size: u64,
    pub(super) mirror_log_size: u64,
    pub(super) anchored_size: u64,
    /// Entries wait for their anchor so long.
    pub(super) unanchored_s: u64,
    pub(super) open_intents: usize,
    /// The oldest open intent, and for how long it is.
    intent: Option<(String, u64)>,
    /// Signed batches that no block has.
    pub(super) commits: usize,
    /// Those past their time.
    pub(super) overdue: usize,
    /// The first promised time, unix seconds, and whose it is.
    commit_by: Option<(u64, BatchId)>,
    /// Claims that no block has.
    pub(super) claims: usize,
    /// When the oldest was accepted, unix milliseconds.
    claimed_ms: Option<(u64, ClaimId)>,
    /// By lane: the transaction that waits longest for a block, and how many went by.
    pub(super) oldest: Vec<(String, String, u64)>,
}

/// A signed batch, and when a receipt promises it to the chain, unix seconds.
struct Promised {
    commit_by_s: u64,
    id: BatchId,
    collection: CollectionId,
    root: B256,
}

/// `None` unless it is signed.
fn promised(state: &State, id: BatchId) -> Option<Promised> {
    let batch = state.batches.get(&id)?;
    let BatchStage::Signed(signature) = &batch.stage else {
        return None;
    };
    Some(Promised {
        commit_by_s: signature.commit_by_s,
        collection: batch.prepared.collection,
        root: batch.prepared.root,
        id,
    })
}

/// The part of an order's id after `kind`, without a number behind it.
fn named<'a>(order: &'a str, kind: &str) -> Option<&'a str> {
    order.strip_prefix(kind)?.split('/').next()
}

fn is_in_a_block(entry: &Entry) -> bool {
    matches!(entry.state, OrderState::Included { success: true, .. })
}

impl Numbers {
    pub(super) fn of(service: &Service) -> Self {
        let now_ms = service.clock.now_unix_ms();
        let as_of = service.mirror.view().as_of();
        let mut numbers = Self {
            now_s: now_ms / 1000,
            head: as_of.block.map(|block| block.number),
            head_time_s: as_of.timestamp,
            unseen_s: now_ms.saturating_sub(service.chain.seen_ms(now_ms)) / 1000,
            log_size: service.log_size(),
            mirror_log_size: as_of.log_size,
            ..Self::default()
        };
        let anchor = service
            .mirror
            .view()
            .latest_anchor(service.signing.anchoring_account(), service.origin_hash());
        numbers.anchored_size = anchor.ok().flatten().map_or(0, |(size, _)| size);
        let mut holds = Vec::new();
        let mut signed = Vec::new();
        service.ledger.read(|state| {
            signed = numbers.count(state);
            holds.extend(state.open_intents.keys().map(|id| format!("intent {id}")));
        });
        numbers.count_commits(service, signed);
        if numbers.anchored_size < numbers.log_size {
            holds.push(format!("anchor {}", numbers.anchored_size));
        }
        for (what, since_s) in service.alarms.hold(numbers.now_s, holds.into_iter()) {
            let held_s = numbers.now_s.saturating_sub(since_s);
            match what.strip_prefix("intent ") {
                None => numbers.unanchored_s = held_s,
                Some(id) => {
                    if numbers
                        .intent
                        .as_ref()
                        .is_none_or(|(_, longest)| held_s > *longest)
                    {
                        numbers.intent = Some((id.to_owned(), held_s));
                    }
                }
            }
        }
        numbers
    }

    /// What the journal knows of claims and transactions, and the signed batches without a block of our own.
    fn count(&mut self, state: &State) -> Vec<Promised> {
        self.open_intents = state.open_intents.len();
        let mut batches: BTreeSet<BatchId> = state.batches_waiting.clone();
        let mut claims: BTreeSet<ClaimId> = state.claims_waiting.clone();
        for (lane, table) in &state.outboxes {
            for entry in table
                .queued()
                .chain(table.open())
                .filter(|entry| !is_in_a_block(entry))
            {
                let order = entry.order.as_str();
                batches.extend(named(order, "commit/").map(|id| BatchId(id.into())));
                claims.extend(named(order, "claim/").map(|id| ClaimId(id.into())));
            }
            let head = self.head.unwrap_or_default();
            let oldest = table
                .open()
                .filter(|entry| entry.is_in_flight())
                .filter_map(|entry| Some((entry, entry.attempts.first()?.signed_at_block)))
                .map(|(entry, signed)| (entry.order.to_string(), head.saturating_sub(signed)))
                .max_by_key(|(_, blocks)| *blocks);
            let (order, blocks) = oldest.unwrap_or_default();
            self.oldest.push((lane.to_string(), order, blocks));
        }
        for claim in claims.iter().filter_map(|id| state.claims.get(id)) {
            self.claims += 1;
            let here = (claim.accepted_ms, claim.id.clone());
            if self.claimed_ms.as_ref().is_none_or(|first| here < *first) {
                self.claimed_ms = Some(here);
            }
        }
        batches.into_iter().filter_map(|id| promised(state, id)).collect()
    }

    /// Those that no block has. Somebody else may submit what an issuer signed, and a restored journal does not know
    /// what it ordered: the chain is asked, after the journal, for whoever looks into the mirror may read the journal.
    fn count_commits(&mut self, service: &Service, signed: Vec<Promised>) {
        for Promised {
            commit_by_s,
            id,
            collection,
            root,
        } in signed
        {
            if service.is_committed(collection, root).unwrap_or(false) {
                continue;
            }
            self.commits += 1;
            self.overdue += usize::from(commit_by_s < self.now_s);
            let here = (commit_by_s, id);
            if self.commit_by.as_ref().is_none_or(|first| here < *first) {
                self.commit_by = Some(here);
            }
        }
    }

    pub(super) fn head_age_s(&self) -> u64 {
        match self.head {
            Some(_) => self.now_s.saturating_sub(self.head_time_s),
            None => 0,
        }
    }

    pub(super) fn claim_age_s(&self) -> u64 {
        self.claimed_ms.as_ref().map_or(0, |(accepted_ms, _)| {
            self.now_s.saturating_sub(accepted_ms / 1000)
        })
    }

    pub(super) fn overdue_s(&self) -> u64 {
        self.commit_by
            .as_ref()
            .map_or(0, |(commit_by_s, _)| self.now_s.saturating_sub(*commit_by_s))
    }

    pub(super) fn alarms(&self, service: &Service) -> Vec<(Alarm, String)> {
        let mut found = Vec::new();
        self.of_chain(service, &mut found);
        of_storage(service, &mut found);
        for lane in service.lanes.views() {
            let about = format!("{} {}", lane.lane, lane.account);
            if !lane.held.is_empty() {
                found.push((Alarm::OrderHeld, format!("{about}: {}", lane.held)));
            }
            match lane.state.as_str() {
                "paused" => found.push((
                    Alarm::LanePaused,
                    format!(
                        "{about} needs {} wei and has {}",
                        lane.needed_wei, lane.balance_wei
                    ),
                )),
                "fees_above_cap" => found.push((Alarm::FeesAboveCap, about)),
                "failing" | "key_missing" => found.push((
                    Alarm::LaneFailing,
                    format!("{about}: {} {}", lane.state, lane.reason),
                )),
                _ => {}
            }
        }
        for (lane, order, blocks) in &self.oldest {
            if *blocks > STUCK_BLOCKS {
                found.push((
                    Alarm::OrderStuck,
                    format!("{lane}: {blocks} blocks went by without {order}"),
                ));
            }
        }
        if let Some((commit_by_s, id)) = &self.commit_by
            && self.now_s + service.config.issuance.commit_within_s / COMMIT_LATE_PART > *commit_by_s
        {
            let detail = format!(
                "{id} is promised by {commit_by_s} (unix seconds), now is {}",
                self.now_s
            );
            found.push((Alarm::CommitLate, detail));
        }
        if let Some((_, id)) = &self.claimed_ms
            && self.claim_age_s() > CLAIM_LATE_S
        {
            found.push((
                Alarm::ClaimLate,
                format!("{id} waits for {} s", self.claim_age_s()),
            ));
        }
        if let Some((id, held_s)) = &self.intent
            && *held_s > INTENT_OPEN_S
        {
            found.push((Alarm::IntentOpen, format!("{id} is open for {held_s} s")));
        }
        if self.unanchored_s > service.config.log.anchor_delay_s + ANCHOR_LATE_S {
            let waiting = self.log_size - self.anchored_size;
            found.push((
                Alarm::AnchorLate,
                format!("{waiting} entries wait for {} s", self.unanchored_s),
            ));
        }
        found
    }

    fn of_chain(&self, service: &Service, found: &mut Vec<(Alarm, String)>) {
        let behind_after_s = service.config.freshness.behind_after_s;
        match service.chain.health() {
            ChainHealth::Halted { reason } => found.push((Alarm::ChainHalted, reason)),
            ChainHealth::Behind { since_ms, code }
                if service.chain.is_cut_off(self.now_s * 1000, behind_after_s) =>
            {
                let behind_s = self.now_s.saturating_sub(since_ms / 1000);
                found.push((Alarm::ChainBehind, format!("{code} for {behind_s} s")));
            }
            _ => {}
        }
        if self.head_age_s() > STALE_HEAD_S {
            let detail = format!("the newest block is {} s old", self.head_age_s());
            found.push((Alarm::ChainStale, detail));
        }
        if self.head_time_s > self.now_s + CLOCK_BEHIND_S {
            let ahead_s = self.head_time_s - self.now_s;
            found.push((
                Alarm::ClockBehind,
                format!("the newest block is {ahead_s} s ahead of the clock"),
            ));
        }
    }
}

fn of_storage(service: &Service, found: &mut Vec<(Alarm, String)>) {
    if let Some(why) = service.ledger.stopped() {
        found.push((Alarm::JournalStopped, why));
    }
    if let Some(why) = service.ledger.uncompacted() {
        found.push((Alarm::JournalLong, why));
    }
    if service.log.has_stopped() {
        found.push((Alarm::LogStopped, "its writer has ended".into()));
    }
    match service.storage.state() {
        StorageState::Writable => {}
        StorageState::Full { free_bytes } => {
            found.push((Alarm::StorageFull, format!("{free_bytes} bytes are free")));
        }
        StorageState::Stopped { why } => found.push((Alarm::StorageStopped, why)),
    }
}
