//! What is wrong now, and the operator's numbers: one list of each, for `/readyz`, `/metrics` and OPERATIONS.md.
//!
//! An alarm is a look at the service as it stands, so it goes by itself when its cause is gone. What counts events
//! is a counter beside it. A test compares both lists with the page and with the code.

mod metrics;
mod numbers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::service::Service;
use numbers::Numbers;

pub use metrics::{KEPT, Kind, LOOKED_AT, Metric};
pub(crate) use metrics::{count_step, describe_kept};

/// The newest block may be so old, in seconds, before the chain counts as standing still.
pub const STALE_HEAD_S: u64 = 600;
/// The newest block's time may lie so far ahead of the clock, in seconds.
pub const CLOCK_BEHIND_S: u64 = 120;
/// A claim may wait so long for a block, in seconds.
pub const CLAIM_LATE_S: u64 = 900;
/// An intent may be open so long, in seconds: a commit takes less than one.
pub const INTENT_OPEN_S: u64 = 10;
/// Entries may wait so long for their anchor beyond `log.anchor_delay_s`, in seconds.
pub const ANCHOR_LATE_S: u64 = 600;
/// A transaction may be left out of so many blocks after it was first signed.
pub const STUCK_BLOCKS: u64 = 50;

/// Something that an operator has to know. OPERATIONS.md says of each what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The node does not answer, lags or contradicts itself for longer than `freshness.behind_after_s`.
    ChainBehind,
    /// The chain was rewritten further than can be undone, or contradicts the mirror.
    ChainHalted,
    /// The newest block is [`STALE_HEAD_S`] old.
    ChainStale,
    /// The newest block is [`CLOCK_BEHIND_S`] ahead of this machine's clock.
    ClockBehind,
    /// The journal takes no record any more.
    JournalStopped,
    /// The journal grows and is not compacted, or will not be before long.
    JournalLong,
    /// The log takes no entry any more.
    LogStopped,
    /// Less than the reserve is free on the disk.
    StorageFull,
    /// A sync failed: nothing is written until a restart.
    StorageStopped,
    /// A sending account has too little money.
    LanePaused,
    /// The chain is dearer than the cap.
    FeesAboveCap,
    /// A lane's rounds fail.
    LaneFailing,
    /// A file that a commit or a claim is made from cannot be read.
    OrderHeld,
    /// A transaction was left out of [`STUCK_BLOCKS`] blocks.
    OrderStuck,
    /// A promised `commit_by` is near or past.
    CommitLate,
    /// A claim waits for [`CLAIM_LATE_S`].
    ClaimLate,
    /// An intent is open for [`INTENT_OPEN_S`].
    IntentOpen,
    /// Entries wait for their anchor for too long.
    AnchorLate,
}

impl Alarm {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::ChainBehind,
        Self::ChainHalted,
        Self::ChainStale,
        Self::ClockBehind,
        Self::JournalStopped,
        Self::JournalLong,
        Self::LogStopped,
        Self::StorageFull,
        Self::StorageStopped,
        Self::LanePaused,
        Self::FeesAboveCap,
        Self::LaneFailing,
        Self::OrderHeld,
        Self::OrderStuck,
        Self::CommitLate,
        Self::ClaimLate,
        Self::IntentOpen,
        Self::AnchorLate,
    ];

    /// Its stable word, as `/readyz`, `vestiary_alarm` and the page have it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ChainBehind => "chain_behind",
            Self::ChainHalted => "chain_halted",
            Self::ChainStale => "chain_stale",
            Self::ClockBehind => "clock_behind",
            Self::JournalStopped => "journal_stopped",
            Self::JournalLong => "journal_long",
            Self::LogStopped => "log_stopped",
            Self::StorageFull => "storage_full",
            Self::StorageStopped => "storage_stopped",
            Self::LanePaused => "lane_paused",
            Self::FeesAboveCap => "fees_above_cap",
            Self::LaneFailing => "lane_failing",
            Self::OrderHeld => "order_held",
            Self::OrderStuck => "order_stuck",
            Self::CommitLate => "commit_late",
            Self::ClaimLate => "claim_late",
            Self::IntentOpen => "intent_open",
            Self::AnchorLate => "anchor_late",
        }
    }
}

/// An alarm that is raised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmView {
    /// Its stable word.
    pub alarm: String,
    /// What exactly, for people.
    pub detail: String,
}

/// What has to be remembered between two looks.
#[derive(Debug, Default)]
pub struct Alarms(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Since when something holds, unix seconds.
    since_s: BTreeMap<String, u64>,
    /// What was raised at the last look.
    raised: BTreeSet<Alarm>,
}

impl Alarms {
    /// Notes what holds now; since when each of it does.
    fn hold(&self, now_s: u64, holds: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since: BTreeMap<String, u64> = holds
            .map(|key| {
                let since_s = seen.since_s.get(&key).copied().unwrap_or(now_s);
                (key, since_s)
            })
            .collect();
        seen.since_s.clone_from(&since);
        since
    }

    /// Says in the log what came and what went since the last look.
    fn tell(&self, found: &[(Alarm, String)]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now: BTreeSet<Alarm> = found.iter().map(|(alarm, _)| *alarm).collect();
        for (alarm, detail) in found {
            if !seen.raised.contains(alarm) {
                tracing::error!(
                    alarm = alarm.code(),
                    detail,
                    "alarm raised; OPERATIONS.md says what to do"
                );
            }
        }
        for alarm in seen.raised.difference(&now) {
            tracing::info!(alarm = alarm.code(), "alarm over");
        }
        seen.raised = now;
    }
}

impl Service {
    /// What is wrong now. What came and went since the last look is told in the log.
    pub fn raised_alarms(&self) -> Vec<AlarmView> {
        let found = Numbers::of(self).alarms(self);
        self.alarms.tell(&found);
        found
            .into_iter()
            .map(|(alarm, detail)| AlarmView {
                alarm: alarm.code().into(),
                detail,
            })
            .collect()
    }
}
