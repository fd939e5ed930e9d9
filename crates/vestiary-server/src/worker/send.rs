//! Transactions: what is due goes into a lane's outbox, the submitter carries it to the chain.
//!
//! | order | due when |
//! |---|---|
//! | `commit/<batch>` | the batch is logged, the chain's next serial of the design is its first |
//! | `claim/<claim>` | the claim is accepted and the chain shows its batch |
//! | `anchor/<size>` | the log is larger than the last anchor, and has waited long enough |
//!
//! An order's id is its identity: computing it again, after a crash or in the next round, changes nothing. What a
//! reorganisation spoiled is ordered again under the next number (see `journal::orders`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::B256;
use vestiary_chain::calls::{self, ClaimArguments};
use vestiary_chain::submitter::{Call, LaneState, OrderId, Submitter, SubmitterOptions};
use vestiary_log::points::reached;
use vestiary_signing::Account;

use crate::error::ApiError;
use crate::issuing::commit;
use crate::journal::{Batch, BatchStage, ClaimAccepted, LaneOutbox, may_try};
use crate::points;
use crate::service::{Service, mirror_error};

/// Pause between two rounds when nothing happens.
const ROUND: Duration = Duration::from_millis(250);
/// Pause after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// New orders that one round takes in at most.
const MAX_NEW_ORDERS: usize = 256;

/// What a lane sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Commits by signature, and claims.
    Submitter,
    /// Anchors.
    Anchoring,
}

impl Lane {
    const fn name(self) -> &'static str {
        match self {
            Self::Submitter => "submitter",
            Self::Anchoring => "anchoring",
        }
    }

    fn account(self, service: &Service) -> Account {
        match self {
            Self::Submitter => service.signing.submitter(),
            Self::Anchoring => service.signing.anchoring(),
        }
    }
}

/// Sends a lane's transactions until told to stop.
pub async fn run(service: Arc<Service>, lane: Lane, mut stop: super::Stop) {
    let mut submitter = None;
    let mut waiting_since = None;
    loop {
        let pause = match round(&service, lane, &mut submitter, &mut waiting_since).await {
            Ok(()) => ROUND,
            Err(error) => {
                // Opened again from the outbox, which knows what is durable.
                submitter = None;
                tracing::warn!(lane = lane.name(), %error, "transactions wait");
                AFTER_FAILURE
            }
        };
        tokio::select! {
            () = stop.wait() => return,
            () = service.work.notified(), if lane == Lane::Submitter => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

type OpenLane = Submitter<LaneOutbox, Account>;

async fn round(
    service: &Arc<Service>,
    lane: Lane,
    open: &mut Option<OpenLane>,
    waiting_since: &mut Option<Instant>,
) -> anyhow::Result<()> {
    if open.is_none() {
        let account = lane.account(service);
        let outbox = LaneOutbox::new(Arc::clone(&service.ledger), service.account(account.address()));
        let options = SubmitterOptions::default();
        *open = Some(Submitter::open(service.rpc.clone(), account, outbox, options).await?);
    }
    let Some(submitter) = open.as_mut() else {
        return Ok(());
    };
    let blocking = Arc::clone(service);
    let waited = waiting_since.map(|since| since.elapsed());
    let due = tokio::task::spawn_blocking(move || match lane {
        Lane::Submitter => due_for_submitter(&blocking),
        Lane::Anchoring => Ok(due_anchor(&blocking, waited)?.into_iter().collect()),
    })
    .await??;
    match lane {
        Lane::Anchoring if is_anchored(service)? => *waiting_since = None,
        Lane::Anchoring => {
            waiting_since.get_or_insert_with(Instant::now);
        }
        Lane::Submitter => {}
    }
    for (order, call) in due {
        submitter.submit(order, call).await?;
    }
    let tick = submitter.tick().await?;
    for order in &tick.changed {
        metrics::counter!("vestiary_order_changes_total", "lane" => lane.name()).increment(1);
        tracing::info!(lane = lane.name(), %order, state = ?submitter.entry(order).map(|entry| &entry.state), "transaction");
    }
    metrics::gauge!("vestiary_lane_paused", "lane" => lane.name()).set(if tick.lane == LaneState::Running {
        0.0
    } else {
        1.0
    });
    if let LaneState::Paused {
        account,
        needed_wei,
        balance_wei,
    } = &tick.lane
    {
        tracing::warn!(lane = lane.name(), %account, %needed_wei, %balance_wei, "the lane's account needs money");
    }
    Ok(())
}

/// Commits whose turn it is, and claims whose batch the chain shows.
fn due_for_submitter(service: &Service) -> Result<Vec<(OrderId, Call)>, ApiError> {
    let mut due = Vec::new();
    let height = service.mirror.head().map_or(0, |head| head.number);
    let (batches, claims) = service.ledger.read(|state| {
        let batches: Vec<(OrderId, Batch)> = state
            .batches_waiting
            .iter()
            .filter_map(|id| Some((state.commit_order(id), state.batches.get(id)?)))
            .filter(|((_, tries), _)| may_try(*tries, height))
            .map(|((order, _), batch)| (order, batch.clone()))
            .collect();
        let claims: Vec<(OrderId, ClaimAccepted)> = state
            .claims_waiting
            .iter()
            .filter_map(|id| Some((state.claim_order(id), state.claims.get(id)?)))
            .filter(|((_, tries), _)| may_try(*tries, height))
            .take(MAX_NEW_ORDERS)
            .map(|((order, _), claim)| (order, claim.clone()))
            .collect();
        (batches, claims)
    });
    for (order, batch) in batches {
        if let Some(call) = commit_call(service, &batch)? {
            due.push((order, call));
        }
    }
    for (order, claim) in claims {
        let batch = service
            .ledger
            .read(|state| state.batches.get(&claim.batch).cloned());
        let Some(batch) = batch else { continue };
        if !service.is_committed(batch.prepared.collection, batch.prepared.root)? {
            continue;
        }
        let tree = service.tree(&batch)?;
        let token_id = claim.wearable.token_id;
        let (Some(leaf), Some(proof)) = (tree.leaf(token_id), tree.proof(token_id)) else {
            continue;
        };
        let arguments = ClaimArguments {
            root: batch.prepared.root,
            to: claim.to,
            deadline: claim.deadline_s,
            proof,
            signature: claim.signature.clone(),
        };
        let call = calls::claim(batch.prepared.collection.address, leaf, arguments);
        due.push((order, call));
    }
    Ok(due)
}

/// The commit of a batch, if it is logged and no earlier batch of its design is still missing on the chain.
fn commit_call(service: &Service, batch: &Batch) -> Result<Option<Call>, ApiError> {
    let prepared = &batch.prepared;
    let BatchStage::Signed(signature) = &batch.stage else {
        return Ok(None);
    };
    let logged = service
        .ledger
        .read(|state| state.logged.contains_key(&commit::intent_id(&prepared.id)));
    if !logged || service.is_committed(prepared.collection, prepared.root)? {
        return Ok(None);
    }
    let design = service
        .mirror
        .view()
        .design(&prepared.collection, prepared.design_id)
        .map_err(mirror_error)?;
    if design.map_or(1, |design| design.next_serial) != prepared.first_serial {
        return Ok(None);
    }
    let typed = commit::typed_data(service, batch)?;
    Ok(Some(calls::commit_batch_by_signature(
        prepared.collection.address,
        &typed,
        signature.signature.clone(),
    )))
}

fn anchored_size(service: &Service) -> Result<u64, ApiError> {
    let account = service.signing.anchoring_account();
    let anchor = service
        .mirror
        .view()
        .latest_anchor(account, service.origin_hash())
        .map_err(mirror_error)?;
    Ok(anchor.map_or(0, |(size, _)| size))
}

fn is_anchored(service: &Service) -> Result<bool, ApiError> {
    Ok(anchored_size(service)? >= service.log_size())
}

/// The next anchor, once the log has waited long enough for company.
fn due_anchor(service: &Service, waited: Option<Duration>) -> Result<Option<(OrderId, Call)>, ApiError> {
    let delay = Duration::from_secs(service.config.log.anchor_delay_s);
    if is_anchored(service)? || waited.is_none_or(|waited| waited < delay) {
        return Ok(None);
    }
    let lane = service.account(service.signing.anchoring_account());
    let in_flight = service.ledger.read(|state| {
        state.outboxes.get(&lane).is_some_and(|table| {
            table.entries().any(|entry| {
                entry.order.as_str().starts_with("anchor/")
                    && (entry.is_in_flight() || entry.nonce.is_none() && !entry.state.is_terminal())
            })
        })
    });
    if in_flight {
        return Ok(None);
    }
    let published = service
        .log_reader
        .published()
        .map_err(|error| service.log_error(&error))?;
    let (size, root) = (published.checkpoint.size(), published.checkpoint.root());
    reached(points::ANCHOR_DUE);
    let order = OrderId::new(format!("anchor/{size}")).map_err(ApiError::internal)?;
    let call = calls::anchor(
        service.deployment.log_anchor,
        &service.config.log.origin,
        size,
        B256::from(root.0),
    );
    Ok(Some((order, call)))
}
