//! Claims through the service: the claim key's signature is the whole authority, the service pays the gas.
//!
//! A claim is accepted when it is durable in the journal; from then on the worker carries it to the chain. Its
//! state is that of its transaction, so there is nothing to keep in step.

use std::sync::Arc;

use alloy_primitives::{Address, Bytes};
use vestiary::digest::Sha256;
use vestiary::ids::{WearableId, parse_address};
use vestiary::tree::Leaf;
use vestiary::typed_data::{Claim, Signature};
use vestiary_chain::submitter::State as OrderState;
use vestiary_log::points::reached;

use crate::api::{ClaimView, NewClaim};
use crate::error::{ApiError, Code};
use crate::journal::{self, Batch, BatchStage, ClaimAccepted, ClaimId, Record, State};
use crate::points;
use crate::service::Service;

/// A claim is refused when less than this remains until its deadline, in seconds: it could not be mined in time.
pub const CLAIM_MARGIN_S: u64 = 120;
/// Longest deadline of a claim, from now, in seconds: a forgotten signature should die.
pub const MAX_CLAIM_LIFETIME_S: u64 = 30 * 24 * 3600;

struct Wanted {
    wearable: WearableId,
    to: Address,
    deadline_s: u64,
    signature: Signature,
}

/// Accepts a claim, or finds the same one.
pub async fn accept(service: &Arc<Service>, body: &NewClaim) -> Result<ClaimView, ApiError> {
    let wanted = read(body)?;
    let service = Arc::clone(service);
    tokio::task::spawn_blocking(move || accept_blocking(&service, &wanted))
        .await
        .map_err(ApiError::internal)?
}

fn accept_blocking(service: &Service, wanted: &Wanted) -> Result<ClaimView, ApiError> {
    let accepted_ms = service.clock.now_unix_ms();
    let now_s = service.now_s();
    if wanted.deadline_s < now_s + CLAIM_MARGIN_S {
        let detail = format!("the deadline must lie at least {CLAIM_MARGIN_S} seconds ahead; sign again");
        return Err(ApiError::new(Code::Expired, detail));
    }
    if wanted.deadline_s > now_s + MAX_CLAIM_LIFETIME_S {
        let detail = format!("the deadline may lie at most {MAX_CLAIM_LIFETIME_S} seconds ahead; sign again");
        return Err(ApiError::new(Code::Unprocessable, detail));
    }
    let unknown = || ApiError::not_found(wanted.wearable);
    let batch = service
        .ledger
        .read(|state| state.batch_of(&wanted.wearable).cloned())
        .ok_or_else(unknown)?;
    let leaf = leaf(service, &batch, &wanted.wearable)?.ok_or_else(unknown)?;
    check_signature(wanted, &leaf)?;
    if service.is_minted(&wanted.wearable)? {
        // The same claim asked again after it was mined is the same answer, not an error.
        if let Some(view) = existing(service, wanted) {
            return Ok(view);
        }
        return Err(already(&wanted.wearable));
    }
    let claim = ClaimAccepted {
        id: claim_id(wanted),
        wearable: wanted.wearable,
        batch: batch.prepared.id.clone(),
        to: wanted.to,
        deadline_s: wanted.deadline_s,
        signature: Bytes::copy_from_slice(wanted.signature.as_bytes()),
        accepted_ms,
    };
    let mut found = None;
    reached(points::CLAIM_CHECKED);
    service.ledger.command(|state| {
        if let Some(before) = open_claim(state, &wanted.wearable) {
            if before.to != wanted.to {
                return Err(already(&wanted.wearable));
            }
            found = Some(before.clone());
            return Ok(Vec::new());
        }
        // One name, one claim, whatever signature it comes with: one that has failed is answered as it is. Taken a
        // second time, it would ask for its first order with another call.
        if let Some(before) = state.claims.get(&claim.id) {
            found = Some(before.clone());
            return Ok(Vec::new());
        }
        service.admit()?;
        Ok(vec![Record::ClaimAccepted(claim.clone())])
    })?;
    reached(points::CLAIM_ACCEPTED);
    service.work.notify_waiters();
    Ok(view(service, &found.unwrap_or(claim)))
}

fn already(wearable: &WearableId) -> ApiError {
    ApiError::new(Code::AlreadyClaimed, format!("{wearable} was claimed before"))
}

/// A claim of this wearable to the same receiver that is known already.
fn existing(service: &Service, wanted: &Wanted) -> Option<ClaimView> {
    service.ledger.read(|state| {
        let id = state.claims_by_wearable.get(&wanted.wearable)?;
        let claim = state.claims.get(id).filter(|claim| claim.to == wanted.to)?;
        Some(view_in(state, claim))
    })
}

/// The claim of a wearable that may still come to something.
fn open_claim<'a>(state: &'a State, wearable: &WearableId) -> Option<&'a ClaimAccepted> {
    let claim = state.claims.get(state.claims_by_wearable.get(wearable)?)?;
    let failed = matches!(
        state.claim_entry(&claim.id).map(|entry| &entry.state),
        Some(OrderState::Failed { .. } | OrderState::Refused { .. })
    );
    (!failed).then_some(claim)
}

fn check_signature(wanted: &Wanted, leaf: &Leaf) -> Result<(), ApiError> {
    if leaf.claim_key == Address::ZERO {
        return Err(ApiError::new(
            Code::WrongSignature,
            "this wearable has no claim key; its issuer hands it out",
        ));
    }
    let message = Claim {
        token_id: leaf.token_id,
        certificate_digest: leaf.certificate_digest,
        to: wanted.to,
        deadline: wanted.deadline_s,
    };
    let hash = message.signing_hash(wanted.wearable.collection);
    match wanted.signature.recover(&hash) {
        Ok(signer) if signer == leaf.claim_key => Ok(()),
        _ => Err(ApiError::new(
            Code::WrongSignature,
            "the claim key of this wearable did not sign this: check code, wearable, receiver and deadline",
        )),
    }
}

/// The leaf of a wearable in its batch; `None` for a hole.
pub(crate) fn leaf(
    service: &Service,
    batch: &Batch,
    wearable: &WearableId,
) -> Result<Option<Leaf>, ApiError> {
    if !matches!(batch.stage, BatchStage::Signed(_)) {
        return Ok(None);
    }
    Ok(service.tree(batch)?.leaf(wearable.token_id).copied())
}

fn read(body: &NewClaim) -> Result<Wanted, ApiError> {
    let malformed = |what: &str, error: &dyn std::fmt::Display| {
        ApiError::new(Code::MalformedId, format!("{what}: {error}"))
    };
    let wearable: WearableId = body
        .wearable
        .parse()
        .map_err(|error| malformed("wearable", &error))?;
    let to = parse_address(&body.to).map_err(|error| malformed("to", &error))?;
    if to == Address::ZERO {
        return Err(malformed("to", &"the zero address owns nothing"));
    }
    let deadline_s =
        vestiary::ids::parse_u64(&body.deadline).map_err(|error| malformed("deadline", &error))?;
    let signature = body
        .signature
        .strip_prefix("0x")
        .and_then(|digits| hex::decode(digits).ok())
        .ok_or_else(|| ApiError::new(Code::InvalidParameter, "signature takes 0x and 130 hex digits"))?;
    let signature = Signature::new(&signature)
        .map_err(|error| ApiError::new(Code::WrongSignature, format!("{}: {error}", error.code())))?;
    Ok(Wanted {
        wearable,
        to,
        deadline_s,
        signature,
    })
}

fn claim_id(wanted: &Wanted) -> ClaimId {
    let text = format!("{}\n{:#x}\n{}", wanted.wearable, wanted.to, wanted.deadline_s);
    ClaimId(format!("c_{}", &Sha256::of(text.as_bytes()).hex()[..32]))
}

/// How far a claim has come.
pub fn view(service: &Service, claim: &ClaimAccepted) -> ClaimView {
    service.ledger.read(|state| view_in(state, claim))
}

fn view_in(state: &State, claim: &ClaimAccepted) -> ClaimView {
    let order = state.claim_entry(&claim.id);
    let (progress, reason) = match order.map(|entry| &entry.state) {
        None => ("queued", state.claim_reason(&claim.id).to_owned()),
        Some(OrderState::Queued) => ("queued", String::new()),
        Some(OrderState::Included { success: true, .. }) => ("included", String::new()),
        // Whether a failed call stands is known when its block is final.
        Some(OrderState::Signed | OrderState::Sent | OrderState::Included { success: false, .. }) => {
            ("submitted", String::new())
        }
        Some(OrderState::Finalized { .. }) => ("finalized", String::new()),
        // One without effect is not what decides: the claim waits, and is made again.
        Some(OrderState::Failed { .. } | OrderState::Refused { .. } | OrderState::WithoutEffect { .. }) => (
            "failed",
            order.map(journal::reason).unwrap_or_default().to_owned(),
        ),
    };
    let transaction = order
        .and_then(|entry| entry.latest())
        .map(|attempt| attempt.hash.to_string());
    ClaimView {
        id: claim.id.0.clone(),
        state: progress.into(),
        wearable: claim.wearable.to_string(),
        to: format!("{:#x}", claim.to),
        transaction: transaction.unwrap_or_default(),
        reason,
    }
}
