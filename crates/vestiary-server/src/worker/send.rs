//! Carrying what is due to the chain: one task a lane, each with a submitter over the lane's outbox.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::U256;
use vestiary_chain::ChainError;
use vestiary_chain::submitter::{LaneState, OrderId, Submitter, SubmitterOptions};
use vestiary_signing::Account;

use super::due;
use super::held::Held;
use crate::error::ApiError;
use crate::journal::LaneOutbox;
use crate::lanes::{ANCHORING, Lane, LaneView};
use crate::service::Service;

/// Pause between two rounds when nothing happens.
const ROUND: Duration = Duration::from_millis(250);
/// Shortest pause between two rounds: what comes in meanwhile goes out together.
const GATHER: Duration = Duration::from_millis(20);
/// Pause after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// What goes on being wrong is told again after so long.
const TELL_AGAIN: Duration = Duration::from_mins(1);

type OpenLane = Submitter<LaneOutbox, Account>;

/// One lane at work.
struct Worker {
    service: Arc<Service>,
    lane: Lane,
    open: Option<OpenLane>,
    /// Since when the log waits for company before it is anchored.
    waiting_since: Option<Instant>,
    /// What was told last of what is wrong, and when.
    told: Option<(String, Instant)>,
    /// Orders that were asked for once more with another call, and told.
    contradicted: BTreeSet<OrderId>,
    /// What it leaves alone.
    held: Held,
}

/// Sends a lane's transactions until told to stop.
pub async fn run(service: Arc<Service>, lane: Lane, mut stop: super::Stop) {
    let mut worker = Worker {
        service: Arc::clone(&service),
        lane,
        open: None,
        waiting_since: None,
        told: None,
        contradicted: BTreeSet::new(),
        held: Held::default(),
    };
    loop {
        // Whoever calls during the round is heard after it.
        let work = service.work.notified();
        tokio::pin!(work);
        work.as_mut().enable();
        let pause = match worker.round().await {
            Ok(()) => ROUND,
            Err(error) => {
                worker.failed(&error);
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = stop.wait() => return,
            () = tokio::time::sleep(GATHER) => {}
        }
        tokio::select! {
            () = stop.wait() => return,
            () = work, if pause == ROUND && worker.lane.name != ANCHORING => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Worker {
    async fn round(&mut self) -> anyhow::Result<()> {
        let (service, lane) = (&self.service, &self.lane);
        if self.open.is_none() {
            let outbox = LaneOutbox::new(Arc::clone(&service.ledger), lane.account);
            let (rpc, options) = (service.rpc.clone(), SubmitterOptions::default());
            self.open = Some(Submitter::open(rpc, lane.signer.clone(), outbox, options).await?);
        }
        let Some(submitter) = self.open.as_mut() else {
            return Ok(());
        };
        if submitter.is_in_doubt() {
            // The outbox knows what is durable.
            submitter.reopen().await?;
        }
        let waited = self.waiting_since.map(|since| since.elapsed());
        let (blocking, of) = (Arc::clone(service), lane.clone());
        let is_anchoring = lane.name == ANCHORING;
        let mut held = self.held.clone();
        let (due, held) = tokio::task::spawn_blocking(move || {
            // Who was replaced by a newer writer sends nothing, not even what was signed before.
            blocking.ledger.check_may_write()?;
            let due = if is_anchoring {
                due::anchor(&blocking, waited).map(|anchor| anchor.into_iter().collect())
            } else {
                due::orders(&blocking, &of, &mut held)
            };
            Ok::<_, ApiError>((due, held))
        })
        .await??;
        self.held = held;
        // What was taken before is carried on also where nothing new can be told, as from a mirror that is filled anew.
        let (due, untold) = match due {
            Ok(due) => (due, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        if is_anchoring && untold.is_none() && due::is_anchored(service)? {
            self.waiting_since = None;
        } else if is_anchoring {
            self.waiting_since.get_or_insert_with(Instant::now);
        }
        for order in submitter.submit_all(due).await? {
            // A defect of ours, or a journal that was written by one: it must not hold up the lane.
            if self.contradicted.insert(order.clone()) {
                tracing::error!(lane = lane.name, %order,
                    "an order exists with another call and is left out; `/v1/claims/{{id}}` or `/v1/batches/{{id}}` says how the first one ended");
            }
        }
        let tick = submitter.tick().await?;
        let name = &lane.name;
        for order in &tick.changed {
            metrics::counter!("vestiary_order_changes_total", "lane" => name.clone()).increment(1);
            tracing::info!(lane = name, %order, state = ?submitter.entry(order).map(|entry| &entry.state), "transaction");
        }
        if let Some(error) = untold {
            return Err(error.into());
        }
        self.tell(&tick.lane);
        Ok(())
    }

    /// Says how the lane does: `/readyz`, metrics, and a line in the log when that changed.
    fn tell(&mut self, state: &LaneState) {
        let mut view = self.view();
        let mut missing_wei = U256::ZERO;
        match state {
            LaneState::Running => {
                view.state = "running".into();
                if self.told.take().is_some() {
                    tracing::info!(lane = view.lane, account = view.account, "the lane goes on");
                }
            }
            LaneState::Paused {
                needed_wei,
                balance_wei,
                ..
            } => {
                view.state = "paused".into();
                (view.needed_wei, view.balance_wei) = (needed_wei.to_string(), balance_wei.to_string());
                missing_wei = needed_wei.saturating_sub(*balance_wei);
                if self.is_news("paused") {
                    tracing::warn!(lane = view.lane, account = view.account, %needed_wei, %balance_wei, %missing_wei,
                        waiting = view.waiting, "the lane's account needs money");
                }
            }
            LaneState::FeesAboveCap {
                base_fee_wei,
                cap_wei,
            } => {
                view.state = "fees_above_cap".into();
                if self.is_news("fees_above_cap") {
                    tracing::warn!(
                        lane = view.lane,
                        account = view.account,
                        base_fee_wei,
                        cap_wei,
                        waiting = view.waiting,
                        "the chain's fees are above the lane's cap"
                    );
                }
            }
        }
        let missing_wei = u128::try_from(missing_wei).unwrap_or(u128::MAX);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a gauge is read by people and thresholds"
        )]
        metrics::gauge!("vestiary_lane_missing_wei", "lane" => view.lane.clone()).set(missing_wei as f64);
        let is_paused = if *state == LaneState::Running { 0.0 } else { 1.0 };
        metrics::gauge!("vestiary_lane_paused", "lane" => view.lane.clone()).set(is_paused);
        metrics::gauge!("vestiary_lane_failing", "lane" => view.lane.clone()).set(0.0);
        self.service.lanes.tell(view);
    }

    fn failed(&mut self, error: &anyhow::Error) {
        let code = error
            .downcast_ref::<ChainError>()
            .map_or("failed", ChainError::code);
        if self.is_news(code) {
            tracing::warn!(lane = self.lane.name, code, %error, "transactions wait");
        }
        let mut view = self.view();
        (view.state, view.reason) = ("failing".into(), code.into());
        metrics::gauge!("vestiary_lane_failing", "lane" => view.lane.clone()).set(1.0);
        self.service.lanes.tell(view);
    }

    /// What is said of the lane in any state.
    fn view(&self) -> LaneView {
        let table = self.open.as_ref().map(Submitter::table);
        let waiting = table.map_or(0, |table| table.queued_count() as u64);
        let in_flight = table.map_or(0, |table| {
            table.open().filter(|entry| entry.is_in_flight()).count() as u64
        });
        let name = &self.lane.name;
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 orders")]
        for (gauge, count) in [
            ("vestiary_lane_waiting", waiting),
            ("vestiary_lane_in_flight", in_flight),
        ] {
            metrics::gauge!(gauge, "lane" => name.clone()).set(count as f64);
        }
        LaneView {
            lane: name.clone(),
            account: self.lane.account.to_string(),
            waiting,
            in_flight,
            held: self.held.detail(),
            ..LaneView::default()
        }
    }

    /// Whether this was not told just now.
    fn is_news(&mut self, what: &str) -> bool {
        if let Some((told, at)) = &self.told
            && told == what
            && at.elapsed() < TELL_AGAIN
        {
            return false;
        }
        self.told = Some((what.to_owned(), Instant::now()));
        true
    }
}
