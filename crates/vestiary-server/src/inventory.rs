//! What a wallet may wear: mirror, design documents and world profile joined into the answer.
//!
//! One view of the mirror answers one request, so everything in the answer is as of one block and one log size.

use alloy_primitives::{Address, U256};
use vestiary::ids::WearableId;
use vestiary::inventory::{
    ChainAsOf, Complete, Entry, Finality, Inventory, IssuerEntry, IssuerProof, LastKnown, LogAsOf, Origin,
    StatusEntry,
};
use vestiary::rights::{Act, Facts, Gap, RightsWord, Status, Wear, decide};
use vestiary::slot::Slot;
use vestiary::timestamp::Timestamp;
use vestiary::world::{Fit, WorldProfile, fit};
use vestiary_mirror::{AsOf, Token, View};

use crate::error::{ApiError, Code, Language};
use crate::http::paging;
use crate::service::{Service, mirror_error};

/// Where the flags start in a token's storage word.
const FLAGS_BIT: usize = 200;

/// What is asked of one wallet.
#[derive(Clone, Debug)]
pub struct Question {
    /// The wallet.
    pub wallet: Address,
    /// The world that asks, if one does.
    pub world: Option<WorldProfile>,
    /// Only wearables of this slot, and those whose slot is unknown.
    pub slot: Option<Slot>,
    /// Language of the texts.
    pub language: Language,
    /// Wearables on a page at most.
    pub limit: usize,
    /// Where the page starts.
    pub after: Option<WearableId>,
}

impl Question {
    /// What a cursor of this question fits.
    pub fn fingerprint(wallet: &str, world: &str, slot: &str) -> String {
        format!("wearables {wallet} {world} {slot}")
    }
}

/// Answers a question.
pub fn answer(service: &Service, question: &Question) -> Result<Inventory, ApiError> {
    let now_ms = service.clock.now_unix_ms();
    let unseen = service.chain_gap();
    let view = service.mirror.view();
    let as_of = view.as_of();
    let (wearables, next) = page(service, &view, &as_of, question, unseen)?;
    let world = question
        .world
        .as_ref()
        .map(|world| world.id.clone())
        .unwrap_or_default();
    let wallet = service.account(question.wallet);
    let slot = question.slot.map(|slot| slot.to_string()).unwrap_or_default();
    let fingerprint = Question::fingerprint(&wallet.to_string(), &world, &slot);
    let seen_s = service.chain.seen_ms(now_ms) / 1000;
    let freshness = &service.config.freshness;
    Ok(Inventory {
        wallet,
        world,
        lang: question.language.tag().into(),
        complete: if unseen.is_some() {
            Complete::PartialUnknown
        } else {
            Complete::Yes
        },
        as_of: chain_as_of(service, &as_of, now_ms).into_iter().collect(),
        log: LogAsOf {
            origin: as_of.log_origin.clone(),
            size: as_of.log_size,
        },
        fresh_until: time(seen_s + freshness.fresh_s),
        keep_until: time(seen_s + freshness.keep_s),
        wearables,
        unknown_sources: Vec::new(),
        next_cursor: next
            .map(|id| paging::cursor(&fingerprint, &id.to_string()))
            .unwrap_or_default(),
    })
}

/// The wearables of a page, and after which one the next begins. A slot is looked for before the page is cut, so that a
/// short page is the last; except that [`MAX_LOOKED_AT`] wearables are looked at for one answer.
fn page(
    service: &Service,
    view: &View<'_>,
    as_of: &AsOf,
    question: &Question,
    unseen: Option<Gap>,
) -> Result<(Vec<Entry>, Option<WearableId>), ApiError> {
    let mut wearables = Vec::new();
    let (mut after, mut looked_at) = (question.after, 0);
    loop {
        let owned = view
            .owned(question.wallet, after.as_ref(), question.limit)
            .map_err(mirror_error)?;
        for (id, token) in &owned.items {
            let entry = entry(service, view, as_of, question.world.as_ref(), id, token, unseen)?;
            // What is unknown may be of any slot, and is left out of no answer.
            let wanted = question
                .slot
                .is_none_or(|slot| entry.slot.is_none_or(|of| of == slot));
            if wanted && wearables.len() == question.limit {
                // One more than fits: the page ends before it.
                return Ok((wearables, after));
            }
            if wanted {
                wearables.push(entry);
            }
            after = Some(*id);
        }
        looked_at += owned.items.len();
        if owned.next.is_none() {
            return Ok((wearables, None));
        }
        if question.slot.is_none() || looked_at >= MAX_LOOKED_AT {
            return Ok((wearables, owned.next));
        }
    }
}

/// How many wearables one answer about a slot looks at.
pub const MAX_LOOKED_AT: usize = 5_000;

/// The answer for one wearable, for whoever owns it, and what it describes; `None` if it was never minted.
pub fn one(
    service: &Service,
    id: &WearableId,
    world: Option<&WorldProfile>,
) -> Result<Option<(Entry, Token, AsOf)>, ApiError> {
    let unseen = service.chain_gap();
    let view = service.mirror.view();
    let as_of = view.as_of();
    let Some(token) = view.token(id).map_err(mirror_error)? else {
        return Ok(None);
    };
    let entry = entry(service, &view, &as_of, world, id, &token, unseen)?;
    Ok(Some((entry, token, as_of)))
}

fn entry(
    service: &Service,
    view: &View<'_>,
    as_of: &AsOf,
    world: Option<&WorldProfile>,
    id: &WearableId,
    token: &Token,
    unseen: Option<Gap>,
) -> Result<Entry, ApiError> {
    let mut gaps = Vec::new();
    // The mirror keeps the flags by themselves; in the chain's word they start at bit 200.
    let rights = RightsWord(U256::from(token.flags) << FLAGS_BIT);
    if rights.has_unknown_flags() {
        gaps.push(Gap::UnknownFlags);
    }
    let logged = view.certificate_entry(id).map_err(mirror_error)?;
    if logged
        .as_ref()
        .is_none_or(|logged| logged.statement.digest != token.certificate_digest)
    {
        // The chain can be ahead of the log we have read; then the next answer knows.
        gaps.push(if as_of.log_size < service.log_size() {
            Gap::LogBehind
        } else {
            Gap::CertificateMissing
        });
    }
    let mut statuses: Vec<Status> = rights.statuses().collect();
    if let Some(logged) = &logged
        && view
            .is_repudiated(&id.collection, logged, as_of.timestamp)
            .map_err(mirror_error)?
    {
        statuses.push(Status::Repudiated);
    }
    let design_id = id.token_id.design_id();
    let chain_design = match design_id {
        Some(design_id) => view.design(&id.collection, design_id).map_err(mirror_error)?,
        None => None,
    };
    let design = match &chain_design {
        Some(on_chain) => service.design_by_digest(&on_chain.digest)?,
        None => None,
    };
    let mut answer = Entry::owned(*id, Origin::Issued);
    let mut loadable = None;
    match &design {
        Some(design) => {
            answer = answer.with_design(design.digest, &design.document);
            loadable = world.map(|world| fit(world, design.document.slot, &design.document.representations));
            if let Some(Fit::Exact(file) | Fit::Fallback(file)) = &loadable
                && !service.has_file(&file.sha256)
            {
                gaps.push(Gap::FileMissing);
            }
        }
        None => gaps.push(Gap::DesignMissing),
    }
    if let Some(on_chain) = &chain_design {
        // What limits the copies, whatever the document says.
        answer.edition = Some(on_chain.edition);
    }
    answer.issuer = issuer(service, view, id)?;
    if let Some(binding) = service.binding(view, id)? {
        answer.binding = binding;
    }
    answer.status = statuses
        .iter()
        .map(|status| StatusEntry::new(*status, None))
        .collect();
    answer.proof_url = format!("/v1/wearables/{}/proof", percent_encode(&id.to_string()));

    let facts = |gaps: &[Gap]| {
        decide(&Facts {
            gaps,
            statuses: &statuses,
            until: 0,
            block_time: as_of.timestamp,
            fit: loadable.as_ref(),
        })
    };
    let known = facts(&gaps);
    answer.last_known = LastKnown {
        wear: (known.wear != Wear::Unknown).then_some(known.wear),
        block: (known.wear != Wear::Unknown).then(|| as_of.block.map_or(0, |block| block.number)),
    };
    let decision = match unseen {
        Some(gap) => {
            gaps.insert(0, gap);
            facts(&gaps)
        }
        None => known,
    };
    Ok(answer.decided(decision, loadable.as_ref()))
}

fn issuer(service: &Service, view: &View<'_>, id: &WearableId) -> Result<IssuerEntry, ApiError> {
    let collection = view.collection(&id.collection).map_err(mirror_error)?;
    let issuer_id = collection.map(|collection| collection.issuer_id);
    let name = issuer_id.and_then(|issuer_id| {
        service
            .ledger
            .read(|state| state.issuers.get(&issuer_id).map(|issuer| issuer.name.clone()))
    });
    Ok(IssuerEntry {
        id: issuer_id,
        name: name.unwrap_or_default(),
        proof: IssuerProof::Unproven,
    })
}

/// The block that an answer describes.
pub fn chain_as_of(service: &Service, as_of: &AsOf, now_ms: u64) -> Option<ChainAsOf> {
    let block = as_of.block?;
    let finality = match service.chain.finality(block.number) {
        "finalized" => Finality::Finalized,
        "safe" => Finality::Safe,
        _ => Finality::Latest,
    };
    Some(ChainAsOf {
        chain: service.deployment.chain,
        block: block.number,
        hash: block.hash,
        time: time(as_of.timestamp),
        finality,
        lag_s: (now_ms / 1000).saturating_sub(as_of.timestamp),
    })
}

/// A time from the clock or a block; beyond year 9999 it is the last second of it.
fn time(unix_seconds: u64) -> Timestamp {
    Timestamp::new(unix_seconds.min(vestiary::timestamp::MAX_UNIX_SECONDS)).expect("not past the last second")
}

/// Reads a slot parameter.
pub fn parse_slot(text: &str) -> Result<Slot, ApiError> {
    text.parse().map_err(|error: vestiary::slot::UnknownSlot| {
        ApiError::new(Code::InvalidParameter, format!("slot: {error}"))
    })
}

/// Writes an id as one path segment (RFC 3986).
pub fn percent_encode(id: &str) -> String {
    let mut encoded = String::with_capacity(id.len() + 8);
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => {
                encoded.push('%');
                encoded.push_str(&hex::encode_upper([other]));
            }
        }
    }
    encoded
}

/// Which acts a wearable's statuses block, for the sale view.
pub fn blocks_sale(entry: &Entry) -> bool {
    entry
        .status
        .iter()
        .any(|status| status.code.blocks_act(Act::Sell))
}
