//! Every metric by name, and what `/metrics` answers.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use vestiary_chain::submitter::Record as OutboxRecord;

use super::{Alarm, numbers::Numbers};
use crate::damage::Part;
use crate::service::Service;

impl Service {
    /// What `/metrics` answers: what `kept` counted, and a look at what ages.
    pub fn render_metrics(&self, kept: &PrometheusHandle) -> String {
        let numbers = Numbers::of(self);
        let found = numbers.alarms(self);
        self.alarms.tell(&found);
        // A recorder of its own: these belong to one service, a process may have several.
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            describe(&LOOKED_AT);
            for alarm in Alarm::ALL {
                let raised = found.iter().any(|(raised, _)| *raised == alarm);
                gauge!("vestiary_alarm", "alarm" => alarm.code()).set(f64::from(u8::from(raised)));
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "gauges are read by people and thresholds"
            )]
            for (name, value) in [
                ("vestiary_chain_head_block", numbers.head.unwrap_or_default()),
                ("vestiary_chain_head_age_seconds", numbers.head_age_s()),
                ("vestiary_chain_unseen_seconds", numbers.unseen_s),
                ("vestiary_log_entries", numbers.log_size),
                (
                    "vestiary_log_unfolded_entries",
                    numbers.log_size.saturating_sub(numbers.mirror_log_size),
                ),
                (
                    "vestiary_log_unanchored_entries",
                    numbers.log_size.saturating_sub(numbers.anchored_size),
                ),
                ("vestiary_log_unanchored_seconds", numbers.unanchored_s),
                ("vestiary_intents_open", numbers.open_intents as u64),
                ("vestiary_commits_waiting", numbers.commits as u64),
                ("vestiary_commits_overdue", numbers.overdue as u64),
                ("vestiary_commit_overdue_seconds", numbers.overdue_s()),
                ("vestiary_claims_waiting", numbers.claims as u64),
                ("vestiary_claim_waiting_seconds", numbers.claim_age_s()),
            ] {
                gauge!(name).set(value as f64);
            }
            for (lane, _, blocks) in &numbers.oldest {
                #[expect(clippy::cast_precision_loss, reason = "a gauge of blocks")]
                gauge!("vestiary_order_oldest_blocks", "account" => lane.clone()).set(*blocks as f64);
            }
        });
        format!("{}{}", kept.render(), recorder.handle().render())
    }
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises.
    Counter,
    /// Rises and falls.
    Gauge,
    /// A distribution.
    Histogram,
}

/// A metric: name, kind, meaning.
pub type Metric = (&'static str, Kind, &'static str);

/// Looked up when `/metrics` is asked.
pub const LOOKED_AT: [Metric; 15] = [
    ("vestiary_alarm", Kind::Gauge, "1 while the alarm is raised"),
    (
        "vestiary_chain_head_block",
        Kind::Gauge,
        "Height of the newest block taken in",
    ),
    (
        "vestiary_chain_head_age_seconds",
        Kind::Gauge,
        "Age of that block by this machine's clock",
    ),
    (
        "vestiary_chain_unseen_seconds",
        Kind::Gauge,
        "For how long the chain is not seen whole",
    ),
    ("vestiary_log_entries", Kind::Gauge, "Entries in the log"),
    (
        "vestiary_log_unfolded_entries",
        Kind::Gauge,
        "Entries that the mirror has not taken in",
    ),
    (
        "vestiary_log_unanchored_entries",
        Kind::Gauge,
        "Entries above the newest anchor",
    ),
    (
        "vestiary_log_unanchored_seconds",
        Kind::Gauge,
        "For how long the newest anchor is too small",
    ),
    (
        "vestiary_intents_open",
        Kind::Gauge,
        "Intents whose entries are not in the log",
    ),
    (
        "vestiary_commits_waiting",
        Kind::Gauge,
        "Signed batches that no block has",
    ),
    (
        "vestiary_commits_overdue",
        Kind::Gauge,
        "Those whose promised time is past",
    ),
    (
        "vestiary_commit_overdue_seconds",
        Kind::Gauge,
        "How far the first of them is past it",
    ),
    (
        "vestiary_claims_waiting",
        Kind::Gauge,
        "Accepted claims that no block has",
    ),
    (
        "vestiary_claim_waiting_seconds",
        Kind::Gauge,
        "For how long the oldest of them waits",
    ),
    (
        "vestiary_order_oldest_blocks",
        Kind::Gauge,
        "Blocks that left out the oldest transaction of an account",
    ),
];

/// Counted or set where it happens.
pub const KEPT: [Metric; 24] = [
    (
        "vestiary_blocks_applied_total",
        Kind::Counter,
        "Blocks taken into the mirror",
    ),
    (
        "vestiary_blocks_reverted_total",
        Kind::Counter,
        "Blocks taken back out of it",
    ),
    (
        "vestiary_chain_audits_total",
        Kind::Counter,
        "Old blocks compared with the node's",
    ),
    (
        "vestiary_chain_divergence_total",
        Kind::Counter,
        "Those that the node has otherwise",
    ),
    (
        "vestiary_clock_skew_seconds",
        Kind::Gauge,
        "The clock ahead of a block that was just made",
    ),
    (
        "vestiary_damage_found_total",
        Kind::Counter,
        "Damaged files met, by part",
    ),
    (
        "vestiary_http_accept_errors_total",
        Kind::Counter,
        "Connections that the system did not hand over",
    ),
    ("vestiary_http_connections", Kind::Gauge, "Open connections"),
    (
        "vestiary_http_connections_refused_total",
        Kind::Counter,
        "Connections turned away, by reason",
    ),
    (
        "vestiary_http_request_seconds",
        Kind::Histogram,
        "Time until an answer began, by route",
    ),
    (
        "vestiary_http_requests_total",
        Kind::Counter,
        "Answers, by route and status",
    ),
    (
        "vestiary_http_shed_total",
        Kind::Counter,
        "Requests told to come back",
    ),
    (
        "vestiary_http_timeouts_total",
        Kind::Counter,
        "Connections and bodies that took too long, by what",
    ),
    (
        "vestiary_lane_failing",
        Kind::Gauge,
        "1 while the lane's rounds fail",
    ),
    (
        "vestiary_lane_in_flight",
        Kind::Gauge,
        "Transactions signed and in no block, by lane",
    ),
    (
        "vestiary_lane_missing_wei",
        Kind::Gauge,
        "What the lane's account lacks for its next order",
    ),
    (
        "vestiary_lane_paused",
        Kind::Gauge,
        "1 while the lane takes no new order to the chain",
    ),
    (
        "vestiary_lane_waiting",
        Kind::Gauge,
        "Orders without a nonce, by lane",
    ),
    (
        "vestiary_log_contradicted",
        Kind::Gauge,
        "1 while the chain has another log under our anchoring account",
    ),
    (
        "vestiary_mirror_reopened_total",
        Kind::Counter,
        "Times the mirror's store was opened again",
    ),
    (
        "vestiary_order_changes_total",
        Kind::Counter,
        "Changes of transactions, by lane",
    ),
    (
        "vestiary_order_steps_total",
        Kind::Counter,
        "Steps of transactions on record, by step",
    ),
    (
        "vestiary_storage_free_bytes",
        Kind::Gauge,
        "Free bytes under the data directory",
    ),
    (
        "vestiary_storage_writable",
        Kind::Gauge,
        "1 while new work is taken in",
    ),
];

/// Steps that `vestiary_order_steps_total` tells apart.
const STEPS: [&str; 10] = [
    "accepted",
    "signed",
    "sent",
    "included",
    "dropped",
    "finalized",
    "without_effect",
    "refused",
    "displaced",
    "reopened",
];

fn describe(metrics: &[Metric]) {
    for (name, kind, meaning) in metrics.iter().copied() {
        match kind {
            Kind::Counter => describe_counter!(name, meaning),
            Kind::Gauge => describe_gauge!(name, meaning),
            Kind::Histogram => describe_histogram!(name, meaning),
        }
    }
}

/// Describes what is kept, and starts the counters that alarms look at, so that a rise from nothing is seen.
pub(crate) fn describe_kept() {
    describe(&KEPT);
    for (name, kind, _) in KEPT {
        match (name, kind) {
            ("vestiary_damage_found_total", _) => {
                for part in Part::ALL {
                    counter!(name, "part" => part.name()).increment(0);
                }
            }
            ("vestiary_order_steps_total", _) => {
                for step in STEPS {
                    counter!(name, "step" => step).increment(0);
                }
            }
            ("vestiary_http_connections_refused_total", _) => {
                for reason in ["all", "address"] {
                    counter!(name, "reason" => reason).increment(0);
                }
            }
            ("vestiary_http_timeouts_total", _) => {
                for what in ["header", "idle", "body", "write"] {
                    counter!(name, "what" => what).increment(0);
                }
            }
            ("vestiary_http_requests_total" | "vestiary_order_changes_total", _)
            | (_, Kind::Gauge | Kind::Histogram) => {}
            (_, Kind::Counter) => counter!(name).increment(0),
        }
    }
}

/// Counts a step of a transaction that is on record now.
pub(crate) fn count_step(record: &OutboxRecord) {
    let step = match record {
        OutboxRecord::Accepted { .. } => "accepted",
        OutboxRecord::Signed { .. } => "signed",
        OutboxRecord::Sent { .. } => "sent",
        OutboxRecord::Included { .. } => "included",
        OutboxRecord::Dropped { .. } => "dropped",
        OutboxRecord::Finalized { .. } => "finalized",
        OutboxRecord::WithoutEffect { .. } => "without_effect",
        OutboxRecord::Refused { .. } => "refused",
        OutboxRecord::Displaced { .. } => "displaced",
        OutboxRecord::Reopened { .. } => "reopened",
    };
    counter!("vestiary_order_steps_total", "step" => step).increment(1);
}
