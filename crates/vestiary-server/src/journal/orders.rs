//! Which of this service's transactions carries a commit or a claim now.
//!
//! An order's id is its identity and its end is its end. What ended only because a reorganisation took away what
//! it stood on, refused or mined without effect, is ordered again under the next number: `claim/<id>`, then `claim/<id>/1`, `claim/<id>/2`. The
//! contract takes a wearable once, so the numbers can never add up to two.

use vestiary::abi::{IWearableCollection::OutsideBatch, SolError as _};
use vestiary::ids::AccountId;
use vestiary_chain::submitter::{Entry, OrderId, Record, State as OrderState};

use super::record::{BatchId, ClaimId};
use super::state::State;

/// An order's id, taken apart.
enum Name {
    Commit(BatchId, u32),
    Claim(ClaimId, u32),
    Other,
}

impl Name {
    fn of(order: &OrderId) -> Self {
        let mut parts = order.as_str().split('/');
        let (kind, id) = (parts.next(), parts.next().unwrap_or_default());
        let number = parts.next().map_or(Some(0), |digits| digits.parse().ok());
        match (kind, number) {
            (Some("commit"), Some(number)) => Self::Commit(BatchId(id.into()), number),
            (Some("claim"), Some(number)) => Self::Claim(ClaimId(id.into()), number),
            _ => Self::Other,
        }
    }
}

/// `base` with a number; the first has none.
fn numbered(base: &OrderId, number: u32) -> OrderId {
    match number {
        0 => base.clone(),
        number => OrderId::new(format!("{base}/{number}")).expect("an order's id and a number are short"),
    }
}

/// Whether a claim was refused because its batch is not on the chain. The service sends a claim only when it saw
/// the batch there, so a reorganisation took it away, and it comes back.
pub(crate) fn lost_its_batch(reason: &str) -> bool {
    let name = OutsideBatch::SIGNATURE.split('(').next().unwrap_or_default();
    reason.starts_with(name)
}

/// What is said of an order whose transaction was mined and did nothing: its contract was not there.
pub(crate) const WITHOUT_EFFECT: &str = "without_effect";

/// The reason for which an order came to nothing, if this record says so.
fn failure(record: &Record) -> Option<&str> {
    match record {
        Record::Refused { reason, .. } => Some(reason),
        Record::Finalized { reverted, .. } => reverted.as_deref(),
        Record::WithoutEffect { .. } => Some(WITHOUT_EFFECT),
        _ => None,
    }
}

/// Why an order came to nothing, "" if it did not.
pub(crate) fn reason(entry: &Entry) -> &str {
    match &entry.state {
        OrderState::Failed { reason, .. } | OrderState::Refused { reason } => reason,
        OrderState::WithoutEffect { .. } => WITHOUT_EFFECT,
        _ => "",
    }
}

/// Whether a claim that came to nothing for this reason is made again.
fn is_made_again(reason: &str) -> bool {
    reason == WITHOUT_EFFECT || lost_its_batch(reason)
}

impl State {
    /// Keeps what is waiting for an order in step with the outbox.
    pub(super) fn follow_order(&mut self, record: &Record) {
        let accepted = matches!(record, Record::Accepted { .. });
        let reopened = matches!(record, Record::Reopened { .. });
        match Name::of(record.order()) {
            Name::Commit(id, number) if accepted => {
                self.batches_waiting.remove(&id);
                self.commits_again.insert(id, number);
            }
            // Whatever the reason: a batch is committed when the chain has its root, and until then the issuer's
            // signature is tried again at growing distances.
            Name::Commit(id, number) if failure(record).is_some() => {
                self.batches_waiting.insert(id.clone());
                self.commits_again.insert(id, number + 1);
            }
            Name::Claim(id, number) if accepted => {
                self.claims_waiting.remove(&id);
                self.claims_again.insert(id, number);
            }
            Name::Claim(id, number) if failure(record).is_some_and(is_made_again) => {
                self.claims_waiting.insert(id.clone());
                self.claims_again.insert(id, number + 1);
            }
            // Its own bytes go out again, unless a later number did already.
            Name::Commit(id, number)
                if reopened
                    && self.batches_waiting.contains(&id)
                    && self.commit_number(&id) == number + 1 =>
            {
                self.batches_waiting.remove(&id);
                self.commits_again.insert(id, number);
            }
            Name::Claim(id, number)
                if reopened && self.claims_waiting.contains(&id) && self.claim_number(&id) == number + 1 =>
            {
                self.claims_waiting.remove(&id);
                self.claims_again.insert(id, number);
            }
            Name::Commit(..) | Name::Claim(..) | Name::Other => {}
        }
    }

    /// Waits no longer for claims whose next order was given before. Snapshots of earlier versions have such, where
    /// a claim that had failed was taken a second time.
    pub(super) fn forget_claims_with_orders(&mut self) {
        let orders = self.claims_waiting.iter().map(|id| (id, self.claim_order(id).0));
        let given =
            orders.filter(|(_, order)| self.outboxes.values().any(|table| table.get(order).is_some()));
        let given: Vec<ClaimId> = given.map(|(id, _)| id.clone()).collect();
        for id in given {
            self.claims_waiting.remove(&id);
        }
    }

    fn commit_number(&self, id: &BatchId) -> u32 {
        self.commits_again.get(id).copied().unwrap_or_default()
    }

    fn claim_number(&self, id: &ClaimId) -> u32 {
        self.claims_again.get(id).copied().unwrap_or_default()
    }

    /// The next commit of a batch that waits, and how often it was tried.
    pub fn commit_order(&self, id: &BatchId) -> (OrderId, u32) {
        let number = self.commit_number(id);
        (numbered(&commit_base(id), number), number)
    }

    /// The next transaction of a claim that waits, and how often it was tried.
    pub fn claim_order(&self, id: &ClaimId) -> (OrderId, u32) {
        let number = self.claim_number(id);
        (numbered(&claim_base(id), number), number)
    }

    /// The account whose outbox has an earlier commit of a batch: the next one goes there too.
    pub fn commit_lane(&self, id: &BatchId) -> Option<AccountId> {
        self.lane_before(&commit_base(id), self.commit_number(id))
    }

    /// The account whose outbox has an earlier transaction of a claim: the next one goes there too.
    pub fn claim_lane(&self, id: &ClaimId) -> Option<AccountId> {
        self.lane_before(&claim_base(id), self.claim_number(id))
    }

    fn lane_before(&self, base: &OrderId, number: u32) -> Option<AccountId> {
        let before = numbered(base, number.checked_sub(1)?);
        let mut lanes = self.outboxes.iter();
        lanes.find_map(|(lane, table)| table.get(&before).map(|_| *lane))
    }

    /// The transaction that decides how far a commit has come; `None` while it waits for one.
    pub fn commit_entry(&self, id: &BatchId) -> Option<&Entry> {
        self.deciding(&commit_base(id), self.commit_number(id))
    }

    /// The transaction that decides how far a claim has come; `None` while it waits for one.
    pub fn claim_entry(&self, id: &ClaimId) -> Option<&Entry> {
        self.deciding(&claim_base(id), self.claim_number(id))
    }

    /// Why the commit that waits to be sent again came to nothing the last time; "" if it does not wait for that.
    pub fn commit_reason(&self, id: &BatchId) -> &str {
        self.last_reason(&commit_base(id), self.commit_number(id))
    }

    /// Why the claim that waits to be sent again came to nothing the last time; "" if it does not wait for that.
    pub fn claim_reason(&self, id: &ClaimId) -> &str {
        self.last_reason(&claim_base(id), self.claim_number(id))
    }

    fn last_reason(&self, base: &OrderId, number: u32) -> &str {
        let entry = |number| {
            let order = numbered(base, number);
            self.outboxes.values().find_map(|table| table.get(&order))
        };
        let before = number.checked_sub(1).filter(|_| entry(number).is_none());
        before.and_then(entry).map_or("", reason)
    }

    /// One that succeeded, or else the newest.
    fn deciding(&self, base: &OrderId, newest: u32) -> Option<&Entry> {
        let entry = |number| {
            let order = numbered(base, number);
            self.outboxes.values().find_map(|table| table.get(&order))
        };
        let earlier = (0..newest).rev().filter_map(entry).find(|entry| {
            matches!(
                entry.state,
                OrderState::Finalized { .. } | OrderState::Included { success: true, .. }
            )
        });
        earlier.or_else(|| entry(newest))
    }
}

fn commit_base(id: &BatchId) -> OrderId {
    OrderId::new(format!("commit/{id}")).expect("a batch's name is short and plain")
}

fn claim_base(id: &ClaimId) -> OrderId {
    OrderId::new(format!("claim/{id}")).expect("a claim's name is short and plain")
}

/// Blocks whose heights count as one for [`may_try`]: a mirror that takes many blocks at once does not show each of
/// them.
const HEIGHTS_BITS: u32 = 3;
/// So many tries are not kept waiting.
const FREE_TRIES: u32 = 3;

/// Whether an order that was tried `tries` times may be tried again at a block of this height: each try waits for a
/// height that a higher power of two divides, so that one that can never succeed is tried ever more rarely. No
/// memory and no clock is needed for it, and a mirror that stands still allows a few tries only.
pub(crate) const fn may_try(tries: u32, height: u64) -> bool {
    tries <= FREE_TRIES || tries - FREE_TRIES <= (height >> HEIGHTS_BITS).trailing_zeros() + 1
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256, Bytes};
    use vestiary::block::BlockRef;
    use vestiary::ids::{AccountId, ChainId};
    use vestiary_chain::submitter::{Attempt, Call};

    use super::super::record::{ClaimAccepted, Record as Journaled};
    use super::*;

    const GONE: &str = "OutsideBatch { root: 0x01, tokenId: 17 }";

    fn id() -> ClaimId {
        ClaimId("c_1".into())
    }

    fn told(state: &mut State, record: Record) {
        let lane = AccountId::new(ChainId(1), Address::repeat_byte(1));
        state.apply(&Journaled::Outbox { lane, record }).unwrap();
    }

    fn accepted(order: &OrderId) -> Record {
        let call = Call::new(Address::repeat_byte(2), Bytes::new());
        Record::Accepted {
            order: order.clone(),
            call,
        }
    }

    fn refused(order: &OrderId, reason: &str) -> Record {
        Record::Refused {
            order: order.clone(),
            reason: reason.into(),
        }
    }

    fn signed(order: &OrderId, nonce: u64) -> Record {
        let attempt = Attempt {
            hash: B256::with_last_byte(u8::try_from(nonce).unwrap()),
            raw: Bytes::new(),
            max_fee_wei: 1,
            max_priority_fee_wei: 1,
            gas_limit: 1,
            signed_at_block: 1,
        };
        Record::Signed {
            order: order.clone(),
            nonce,
            attempt,
        }
    }

    fn ended(order: &OrderId, reverted: Option<&str>) -> Record {
        let block = BlockRef {
            number: 9,
            hash: B256::ZERO,
        };
        Record::Finalized {
            order: order.clone(),
            hash: B256::ZERO,
            block,
            reverted: reverted.map(str::to_owned),
        }
    }

    #[test]
    fn a_claim_without_its_batch_waits_and_goes_out_under_the_next_number() {
        let mut state = State::default();
        let (first, _) = state.claim_order(&id());
        told(&mut state, accepted(&first));
        assert!(state.claims_waiting.is_empty());
        told(&mut state, refused(&first, GONE));
        assert!(state.claims_waiting.contains(&id()));
        assert!(state.claim_entry(&id()).is_none(), "it waits, it did not fail");

        let (second, tries) = state.claim_order(&id());
        assert_eq!((second.as_str(), tries), ("claim/c_1/1", 1));
        told(&mut state, accepted(&second));
        told(&mut state, signed(&second, 0));
        told(&mut state, ended(&second, None));
        assert!(state.claims_waiting.is_empty());
        assert_eq!(state.claim_entry(&id()).unwrap().order, second);
    }

    #[test]
    fn a_claim_refused_for_another_reason_has_failed() {
        let mut state = State::default();
        let (order, _) = state.claim_order(&id());
        told(&mut state, accepted(&order));
        told(&mut state, refused(&order, "AlreadyMinted { tokenId: 17 }"));
        assert!(state.claims_waiting.is_empty());
        assert!(state.claim_entry(&id()).is_some());
    }

    #[test]
    fn a_failed_claim_that_an_earlier_version_took_a_second_time_is_not_waited_for() {
        let claim = ClaimAccepted {
            id: id(),
            wearable: format!(
                "eip155:1/erc721:{:#x}/{}",
                Address::repeat_byte(3),
                (1_u128 << 64) + 1
            )
            .parse()
            .unwrap(),
            batch: BatchId("b_1".into()),
            to: Address::repeat_byte(4),
            deadline_s: 1,
            signature: Bytes::from_static(b"one"),
            accepted_ms: 1,
        };
        let mut state = State::default();
        state.apply(&Journaled::ClaimAccepted(claim.clone())).unwrap();
        assert!(state.claims_waiting.contains(&id()));
        let (order, _) = state.claim_order(&id());
        told(&mut state, accepted(&order));
        told(&mut state, refused(&order, "BadSignature"));
        let again = ClaimAccepted {
            signature: Bytes::from_static(b"another"),
            ..claim.clone()
        };
        state.apply(&Journaled::ClaimAccepted(again.clone())).unwrap();
        assert!(state.claims_waiting.is_empty());
        assert_eq!(state.claims[&id()], claim);

        // What an earlier version wrote into a snapshot.
        state.claims.insert(id(), again);
        state.claims_waiting.insert(id());
        let state = State::from_bytes(&state.to_bytes().unwrap()).unwrap();
        assert!(state.claims_waiting.is_empty());
    }

    #[test]
    fn a_claim_mined_before_its_batch_came_back_is_tried_again_unless_its_block_goes_too() {
        let mut state = State::default();
        let (order, _) = state.claim_order(&id());
        told(&mut state, accepted(&order));
        told(&mut state, signed(&order, 0));
        told(&mut state, ended(&order, Some(GONE)));
        assert!(state.claims_waiting.contains(&id()));
        let order_again = order.clone();
        told(&mut state, Record::Reopened { order: order_again });
        assert!(state.claims_waiting.is_empty(), "its own bytes go out again");
        told(&mut state, ended(&order, Some(GONE)));
        let (second, _) = state.claim_order(&id());
        told(&mut state, accepted(&second));
        told(&mut state, Record::Reopened { order: order.clone() });
        assert_eq!(state.claim_order(&id()).0, second, "the later one is out already");
        told(&mut state, ended(&order, None));
        told(&mut state, refused(&second, "AlreadyMinted { tokenId: 17 }"));
        assert_eq!(
            state.claim_entry(&id()).unwrap().order,
            order,
            "one that succeeded decides"
        );
    }

    #[test]
    fn what_was_mined_without_effect_waits_and_says_so() {
        let mut state = State::default();
        let (batch, block) = (
            BatchId("b_1".into()),
            BlockRef {
                number: 9,
                hash: B256::ZERO,
            },
        );
        let vain = |order: &OrderId| Record::WithoutEffect {
            order: order.clone(),
            hash: B256::ZERO,
            block,
        };
        let (commit, claim) = (state.commit_order(&batch).0, state.claim_order(&id()).0);
        for (nonce, order) in [&commit, &claim].into_iter().enumerate() {
            told(&mut state, accepted(order));
            told(&mut state, signed(order, nonce as u64));
            told(&mut state, vain(order));
        }
        assert!(state.batches_waiting.contains(&batch) && state.claims_waiting.contains(&id()));
        assert!(state.commit_entry(&batch).is_none() && state.claim_entry(&id()).is_none());
        assert_eq!(
            (state.commit_reason(&batch), state.claim_reason(&id())),
            (WITHOUT_EFFECT, WITHOUT_EFFECT)
        );
        let (again, tries) = state.commit_order(&batch);
        assert_eq!((again.as_str(), tries), ("commit/b_1/1", 1));
        told(&mut state, accepted(&again));
        assert_eq!(state.commit_reason(&batch), "", "it is on its way");
        assert_eq!(
            state.commit_lane(&batch),
            Some(AccountId::new(ChainId(1), Address::repeat_byte(1)))
        );
    }

    #[test]
    fn what_can_never_succeed_is_tried_ever_more_rarely() {
        let mut tries = 0;
        for height in 8..=100_000 {
            while may_try(tries, height) {
                tries += 1;
            }
            assert!(tries <= 3 + height.ilog2(), "{tries} tries by block {height}");
        }
        assert!(tries > 10, "but it is tried: {tries}");
    }
}
