//! What is due for the chain, and in which lane.
//!
//! | order | due when | lane |
//! |---|---|---|
//! | `commit/<batch>` | the batch is logged, the chain shows the collection, and its next serial of the design is the batch's first | of its design, so that a design's commits keep their order through a reorganisation |
//! | `claim/<claim>` | the claim is accepted and the chain shows its batch | of the claim |
//! | `anchor/<size>` | the log is larger than the last anchor, and has waited long enough | the anchoring account's |
//!
//! An order's id is its identity: computing it again, after a crash or in the next round, changes nothing. What a
//! reorganisation spoiled is ordered again under the next number (see `journal::orders`), in the lane that it had.
//!
//! What is made from a file that cannot be read is held (`held`): one damaged file stops its own batch only.

use std::collections::BTreeSet;
use std::time::Duration;

use alloy_primitives::B256;
use vestiary::ids::AccountId;
use vestiary_chain::calls::{self, ClaimArguments};
use vestiary_chain::submitter::{Call, OrderId};
use vestiary_log::points::reached;

use super::held::Held;
use crate::chain_status::ChainHealth;
use crate::error::ApiError;
use crate::issuing::commit;
use crate::journal::{Batch, BatchId, BatchStage, ClaimAccepted, may_try};
use crate::lanes::Lane;
use crate::points;
use crate::service::{Service, mirror_error};

/// New orders that one round of a lane takes in at most.
const MAX_NEW_ORDERS: usize = 256;

/// Commits whose turn it is, and claims whose batch the chain shows, of one lane.
pub(super) fn orders(
    service: &Service,
    lane: &Lane,
    held: &mut Held,
) -> Result<Vec<(OrderId, Call)>, ApiError> {
    let mut due = Vec::new();
    if matches!(service.chain.health(), ChainHealth::Halted { .. }) {
        // What the mirror shows now is an old state: nothing new is begun on its word.
        return Ok(due);
    }
    let height = service.mirror.head().map_or(0, |head| head.number);
    let here = |kept: Option<AccountId>, words: &dyn Fn() -> String| {
        kept.unwrap_or_else(|| service.lanes.of(&words())) == lane.account
    };
    let (batches, claimed) = service.ledger.read(|state| {
        let batches: Vec<(OrderId, Batch)> = state
            .batches_waiting
            .iter()
            .filter_map(|id| Some((state.commit_order(id), state.batches.get(id)?)))
            .filter(|((_, tries), batch)| {
                let prepared = &batch.prepared;
                let design = || format!("{}/{}", prepared.collection, prepared.design_id);
                !held.has(&prepared.id)
                    && may_try(*tries, height)
                    && here(state.commit_lane(&prepared.id), &design)
            })
            .map(|((order, _), batch)| (order, batch.clone()))
            .collect();
        let claims = state.claims_waiting.iter().filter_map(|id| state.claims.get(id));
        let claimed: BTreeSet<BatchId> = claims.map(|claim| claim.batch.clone()).collect();
        held.keep(|id| state.batches_waiting.contains(id) || claimed.contains(id));
        (batches, claimed)
    });
    for (order, batch) in batches {
        let id = &batch.prepared.id;
        if !is_next(service, &batch)? {
            continue;
        }
        match commit_call(service, &batch) {
            Ok(call) => {
                held.release(id);
                due.extend(call.map(|call| (order, call)));
            }
            Err(error) => held.hold(id, document(service, &batch), &error),
        }
    }
    // Those whose batch is not on the chain yet, or cannot be read, must not stand before the others.
    let mut shown = BTreeSet::new();
    for id in claimed {
        let batch = service.ledger.read(|state| state.batches.get(&id).cloned());
        if let Some(batch) = batch
            && service.is_committed(batch.prepared.collection, batch.prepared.root)?
        {
            shown.insert(id);
        }
    }
    let claims: Vec<(OrderId, ClaimAccepted)> = service.ledger.read(|state| {
        state
            .claims_waiting
            .iter()
            .filter_map(|id| state.claims.get(id))
            .filter(|claim| shown.contains(&claim.batch) && !held.has(&claim.batch))
            .map(|claim| (state.claim_order(&claim.id), claim))
            .filter(|((_, tries), claim)| {
                may_try(*tries, height) && here(state.claim_lane(&claim.id), &|| claim.id.0.clone())
            })
            .take(MAX_NEW_ORDERS)
            .map(|((order, _), claim)| (order, claim.clone()))
            .collect()
    });
    for (order, claim) in claims {
        let batch = service
            .ledger
            .read(|state| state.batches.get(&claim.batch).cloned());
        let Some(batch) = batch.filter(|_| !held.has(&claim.batch)) else {
            continue;
        };
        match claim_call(service, &batch, &claim) {
            Ok(call) => {
                held.release(&claim.batch);
                due.extend(call.map(|call| (order, call)));
            }
            Err(error) => held.hold(&claim.batch, preparation(service, &batch), &error),
        }
    }
    Ok(due)
}

/// The file that a batch's claims are made from, for people.
fn preparation(service: &Service, batch: &Batch) -> String {
    let name = batch.prepared.preparation.hex();
    service.private_file("preparation", &name).display().to_string()
}

/// The file that a batch's commit is made from, for people.
fn document(service: &Service, batch: &Batch) -> String {
    let digest = service.design_digest(batch.prepared.collection, batch.prepared.design_id);
    format!(
        "the design document {} in content/",
        digest.map(|digest| digest.hex()).unwrap_or_default()
    )
}

/// An error says that the batch's preparation cannot be read.
fn claim_call(service: &Service, batch: &Batch, claim: &ClaimAccepted) -> Result<Option<Call>, ApiError> {
    let tree = service.tree(batch)?;
    let token_id = claim.wearable.token_id;
    let (Some(leaf), Some(proof)) = (tree.leaf(token_id), tree.proof(token_id)) else {
        return Ok(None);
    };
    let arguments = ClaimArguments {
        root: batch.prepared.root,
        to: claim.to,
        deadline: claim.deadline_s,
        proof,
        signature: claim.signature.clone(),
    };
    Ok(Some(calls::claim(
        batch.prepared.collection.address,
        leaf,
        arguments,
    )))
}

/// Whether a batch is logged, and no earlier batch of its design is still missing on the chain.
fn is_next(service: &Service, batch: &Batch) -> Result<bool, ApiError> {
    let prepared = &batch.prepared;
    let logged = service
        .ledger
        .read(|state| state.logged.contains_key(&commit::intent_id(&prepared.id)));
    if !logged || service.is_committed(prepared.collection, prepared.root)? {
        return Ok(false);
    }
    let view = service.mirror.view();
    // Where a reorganisation took the collection away, a call to its address would succeed and do nothing.
    if view
        .collection(&prepared.collection)
        .map_err(mirror_error)?
        .is_none()
    {
        return Ok(false);
    }
    let design = view
        .design(&prepared.collection, prepared.design_id)
        .map_err(mirror_error)?;
    Ok(design.map_or(1, |design| design.next_serial) == prepared.first_serial)
}

/// The commit of a batch, if it is signed. An error says that its design's document cannot be read.
fn commit_call(service: &Service, batch: &Batch) -> Result<Option<Call>, ApiError> {
    let BatchStage::Signed(signature) = &batch.stage else {
        return Ok(None);
    };
    let typed = commit::typed_data(service, batch)?;
    Ok(Some(calls::commit_batch_by_signature(
        batch.prepared.collection.address,
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

pub(super) fn is_anchored(service: &Service) -> Result<bool, ApiError> {
    Ok(anchored_size(service)? >= service.log_size())
}

/// The next anchor, once the log has waited long enough for company.
pub(super) fn anchor(
    service: &Service,
    waited: Option<Duration>,
) -> Result<Option<(OrderId, Call)>, ApiError> {
    let delay = Duration::from_secs(service.config.log.anchor_delay_s);
    if matches!(service.chain.health(), ChainHealth::Halted { .. }) {
        return Ok(None);
    }
    if is_anchored(service)? || waited.is_none_or(|waited| waited < delay) {
        return Ok(None);
    }
    let lane = service.lanes.anchoring().account;
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
        service.signing.anchoring_account(),
        &service.config.log.origin,
        size,
        B256::from(root.0),
    );
    Ok(Some((order, call)))
}
