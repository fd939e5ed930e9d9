//! The accounts that the service sends with: which there are, which of them carries an order, how each does.
//!
//! Several submitter accounts are lanes beside one another: each has its own nonces, outbox and purse, and one that
//! is stuck or empty holds up its own orders only. An order's lane is found by hash when it is taken, and is the
//! outbox that has it from then on, also when the number of lanes changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use anyhow::bail;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vestiary::digest::Sha256;
use vestiary::ids::{AccountId, ChainId};
use vestiary_signing::Account;

use crate::journal::State;
use crate::keyring::{Keyring, MAX_LANES, submitter_file};

/// Name of the lane of anchors.
pub const ANCHORING: &str = "anchoring";

/// One sending account.
#[derive(Clone, Debug)]
pub struct Lane {
    /// `submitter`, `submitter-2`, …, `anchoring`.
    pub name: String,
    /// The account that pays.
    pub account: AccountId,
    /// Its key.
    pub signer: Account,
}

/// How a sending account does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LaneView {
    /// `submitter`, `submitter-2`, …, `anchoring`.
    pub lane: String,
    /// The account that pays, CAIP-10.
    pub account: String,
    /// `starting`, `running`, `paused` (too little money), `fees_above_cap`, `failing`, or `key_missing`: orders
    /// wait for an account whose key is not in `keys/`.
    pub state: String,
    /// Why it is failing, a stable code; "" otherwise.
    pub reason: String,
    /// Orders without a nonce.
    pub waiting: u64,
    /// Orders that are signed and in no block.
    pub in_flight: u64,
    /// What it cannot order because a file of it cannot be read, which file, and what helps; "" otherwise.
    pub held: String,
    /// What all of them may cost at most, in wei, while it is paused; "" otherwise.
    pub needed_wei: String,
    /// What the account has, in wei, while it is paused; "" otherwise.
    pub balance_wei: String,
}

/// All sending accounts.
#[derive(Debug)]
pub struct Lanes {
    submitters: Vec<Lane>,
    anchoring: Lane,
    /// How many of the submitters take new orders; the others end what they have.
    taking: usize,
    views: RwLock<BTreeMap<String, LaneView>>,
}

impl Lanes {
    /// The lanes of these keys, of which the first `taking` get new orders. Refuses where a key is missing and
    /// where two lanes are one account: they would take each other's nonces.
    pub fn new(taking: usize, chain: ChainId, keys: &Keyring, state: &State) -> anyhow::Result<Self> {
        if taking == 0 || taking > MAX_LANES {
            bail!("chain.submitter_lanes takes 1 to {MAX_LANES}, not {taking}");
        }
        let lane = |name: &str, signer: Account| Lane {
            name: name.to_owned(),
            account: AccountId::new(chain, signer.address()),
            signer,
        };
        let mut submitters = Vec::new();
        let mut accounts = BTreeMap::new();
        let anchoring = lane(ANCHORING, keys.anchoring());
        accounts.insert(anchoring.account, anchoring.name.clone());
        let signers: BTreeMap<usize, Account> = keys.submitters().collect();
        for number in 1..=MAX_LANES {
            let file = submitter_file(number);
            let name = file.trim_end_matches(".key.json");
            let Some(signer) = signers.get(&number) else {
                if number <= taking {
                    bail!(
                        "keys/{file} is missing and chain.submitter_lanes is {taking}: make it with `vestiary keys new --service <keys> --lanes {taking}`"
                    );
                }
                continue;
            };
            let lane = lane(name, signer.clone());
            if let Some(other) = accounts.insert(lane.account, lane.name.clone()) {
                bail!(
                    "{other} and {name} are both {}: each lane needs an account of its own; remove keys/{file} and make another",
                    lane.account
                );
            }
            // A lane beyond the number ends what it has; without orders there is nothing to do.
            if number <= taking || state.outboxes.contains_key(&lane.account) {
                submitters.push(lane);
            }
        }
        let mut views: BTreeMap<String, LaneView> = submitters
            .iter()
            .chain([&anchoring])
            .map(|lane| {
                let view = LaneView {
                    lane: lane.name.clone(),
                    account: lane.account.to_string(),
                    state: "starting".into(),
                    ..LaneView::default()
                };
                (lane.name.clone(), view)
            })
            .collect();
        for (account, table) in &state.outboxes {
            let (waiting, open) = (table.queued_count() as u64, table.open().count() as u64);
            if accounts.contains_key(account) || waiting + open == 0 {
                continue;
            }
            tracing::error!(%account, waiting, open, "orders wait for an account whose key is not here");
            let view = LaneView {
                lane: account.to_string(),
                account: account.to_string(),
                state: "key_missing".into(),
                waiting,
                in_flight: open,
                ..LaneView::default()
            };
            views.insert(view.lane.clone(), view);
        }
        Ok(Self {
            submitters,
            anchoring,
            taking,
            views: RwLock::new(views),
        })
    }

    /// The lanes of commits and claims.
    pub fn submitters(&self) -> &[Lane] {
        &self.submitters
    }

    /// The lane of anchors.
    pub const fn anchoring(&self) -> &Lane {
        &self.anchoring
    }

    /// The lane that takes a new order of a kind: the same for the same words, as long as the number of lanes is.
    pub fn of(&self, words: &str) -> AccountId {
        let digest = Sha256::of(words.as_bytes()).0;
        let hash = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
        let taking = u64::try_from(self.taking).expect("lanes are few");
        let place = usize::try_from(hash % taking).expect("lanes are few");
        self.submitters[place].account
    }

    /// How each does, by name.
    pub fn views(&self) -> Vec<LaneView> {
        let views = self.views.read().unwrap_or_else(PoisonError::into_inner);
        views.values().cloned().collect()
    }

    /// Says how one does.
    pub fn tell(&self, view: LaneView) {
        let mut views = self.views.write().unwrap_or_else(PoisonError::into_inner);
        views.insert(view.lane.clone(), view);
    }

    /// Every account that has a key here.
    pub fn accounts(&self) -> BTreeSet<AccountId> {
        let lanes = self.submitters.iter().chain([&self.anchoring]);
        lanes.map(|lane| lane.account).collect()
    }
}
