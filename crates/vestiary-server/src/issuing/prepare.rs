//! `POST /v1/batches`: fixes every byte that the issuer is about to sign for. Nothing is signed or logged.

use std::collections::BTreeMap;
use std::sync::Arc;

use alloy_primitives::Address;
use vestiary::certificate::{Binding, CertificateFields, UnsignedCertificate, salted_hash};
use vestiary::digest::Sha256;
use vestiary::ids::{CollectionId, DesignId, Edition, IssuerId, Serial, SerialRange, TokenId, parse_address};
use vestiary::timestamp::Timestamp;
use vestiary_log::points::reached;

use super::preparation::{self, PreparedWearable};
use crate::api::{MAX_BATCH_ITEMS, NewBatch, NewWearable};
use crate::error::{ApiError, Code, ProblemItem};
use crate::http::extract::Caller;
use crate::journal::{Batch, BatchId, BatchPrepared, BatchStage, Record, RequestRef, Resource, State};
use crate::points;
use crate::service::{RegisteredDesign, Service};

/// Longest GTIN, serial or article number of a brand, in bytes.
pub const MAX_BRAND_TEXT_BYTES: usize = 80;
/// How many bad items one problem lists; the rest is counted.
pub const MAX_LISTED_REASONS: usize = 100;
/// Seconds that the EIP-712 deadline outlives the preparation, so that a commit signed in the last second can
/// still be mined.
const DEADLINE_MARGIN_S: u64 = 6 * 3600;

/// A request whose every item reads well.
#[derive(Debug)]
struct Wanted {
    collection: CollectionId,
    design_id: DesignId,
    range: SerialRange,
    items: Vec<WantedWearable>,
}

#[derive(Debug)]
struct WantedWearable {
    serial: Serial,
    claim_key: Address,
    binding: Binding,
    /// What goes into the certificate as salted hashes, by name.
    hidden: BTreeMap<&'static str, String>,
}

/// Prepares a batch, or finds the one that this request prepared before.
pub async fn prepare(
    service: &Arc<Service>,
    caller: &Caller,
    request: RequestRef,
    body: NewBatch,
) -> Result<Batch, ApiError> {
    if let Some(Resource::Batch(id)) = service.ledger.repeated(&request)? {
        let batch = service
            .ledger
            .read(|state| state.batches.get(&id).cloned())
            .ok_or_else(|| ApiError::internal("a request names a batch that the journal does not have"))?;
        // One that was not signed in time is prepared anew at once.
        if batch.holds_serials(service.clock.now_unix_ms()) || service.committing.contains(&id) {
            return Ok(batch);
        }
    }
    let wanted = read(&body)?;
    let issuer_id = service
        .ledger
        .read(|state| state.collections.get(&wanted.collection).copied())
        .ok_or_else(|| ApiError::not_found(wanted.collection))?;
    caller.require_issuer(issuer_id)?;
    let design = service.design(wanted.collection, wanted.design_id).await?;
    check_edition(&wanted, design.document.edition)?;
    service.check_issuing(issuer_id, wanted.collection)?;
    let now_ms = service.clock.now_unix_ms();
    let shown = next_serial_shown(service, &wanted)?;
    service
        .ledger
        .read(|state| check_serials(service, state, &wanted, shown, now_ms))?;

    let id = BatchId(format!("b_{}", &request.key_sha256.hex()[..32]));
    let service = Arc::clone(service);
    tokio::task::spawn_blocking(move || write(&service, request, &id, issuer_id, &wanted, &design, now_ms))
        .await
        .map_err(ApiError::internal)?
}

/// Salts, then preparation file, then journal record: each durable before the next.
fn write(
    service: &Service,
    request: RequestRef,
    id: &BatchId,
    issuer_id: IssuerId,
    wanted: &Wanted,
    design: &RegisteredDesign,
    now_ms: u64,
) -> Result<Batch, ApiError> {
    service.admit()?;
    let salts = service.salts.make(
        id,
        wanted.items.iter().map(|item| (item.serial, item.hidden.len())),
    )?;
    reached(points::PREPARE_SALTED);
    let issuer = service
        .ledger
        .read(|state| state.issuers.get(&issuer_id).cloned());
    let issuer = issuer.ok_or_else(|| ApiError::not_found(format!("issuer {issuer_id}")))?;
    let issuer_key = service.signing.certificate_key(issuer_id)?;
    let valid_from = Timestamp::new(now_ms / 1000).map_err(ApiError::internal)?;
    let mut items = Vec::with_capacity(wanted.items.len());
    for item in &wanted.items {
        let salted_hashes = item
            .hidden
            .iter()
            .zip(salts.of(item.serial))
            .map(|((name, value), salt)| ((*name).to_owned(), salted_hash(name, value, salt)))
            .collect();
        let certificate = UnsignedCertificate::new(CertificateFields {
            issuer_key,
            issuer_name: issuer.name.clone(),
            issuer_id,
            registry: service.registry(),
            wearable: wanted
                .collection
                .wearable(TokenId::new(wanted.design_id, item.serial)),
            log_origin: service.config.log.origin.clone(),
            design: design.digest,
            edition: design.document.edition,
            licence: design.document.licence.sha256,
            terms: design.document.terms,
            binding: item.binding,
            salted_hashes,
            valid_from,
        })
        .map_err(|error| ApiError::new(Code::Unprocessable, format!("serial {}: {error}", item.serial)))?;
        items.push(PreparedWearable {
            claim_key: item.claim_key,
            certificate,
        });
    }
    let tree = preparation::tree(&items).map_err(ApiError::internal)?;
    let bytes = preparation::write(id, &items).map_err(ApiError::internal)?;
    let preparation = Sha256::of(&bytes);
    service.put_preparation(&preparation, &bytes)?;
    reached(points::PREPARE_FILED);

    let expires_ms = now_ms + service.config.issuance.preparation_lifetime_s * 1000;
    let prepared = BatchPrepared {
        request,
        id: id.clone(),
        issuer_id,
        collection: wanted.collection,
        design_id: wanted.design_id,
        first_serial: wanted.range.first().get(),
        count: wanted.range.count(),
        root: tree.root(),
        preparation,
        deadline_s: expires_ms / 1000 + DEADLINE_MARGIN_S,
        prepared_ms: now_ms,
        expires_ms,
    };
    let shown = next_serial_shown(service, wanted)?;
    service.ledger.command(|state| {
        // Another request may have taken the serials since they were looked at.
        let now_ms = service.clock.now_unix_ms();
        check_serials(service, state, wanted, shown, now_ms)?;
        // What had the serials before ends here, in the same write: a clock that steps back does not revive it.
        let ended = state.batches.values().filter(|batch| {
            let before = &batch.prepared;
            batch.stage == BatchStage::Prepared
                && (before.collection, before.design_id) == (wanted.collection, wanted.design_id)
        });
        let mut records: Vec<Record> = ended
            .map(|batch| Record::BatchExpired {
                id: batch.prepared.id.clone(),
            })
            .collect();
        records.push(Record::BatchPrepared(prepared));
        Ok(records)
    })?;
    reached(points::PREPARE_RECORDED);
    service
        .ledger
        .read(|state| state.batches.get(id).cloned())
        .ok_or_else(|| ApiError::internal("a prepared batch is missing from the journal's state"))
}

fn check_edition(wanted: &Wanted, edition: Edition) -> Result<(), ApiError> {
    match edition.limit() {
        Some(limit) if wanted.range.last().get() > limit => Err(ApiError::new(
            Code::Unprocessable,
            format!(
                "the edition is limited to {limit}; the batch would reach serial {}",
                wanted.range.last()
            ),
        )),
        _ => Ok(()),
    }
}

/// The design's next serial by chain and log. Before the journal is asked: who holds its state waits for no view.
fn next_serial_shown(service: &Service, wanted: &Wanted) -> Result<u64, ApiError> {
    crate::views::next_serial_shown(&service.mirror.view(), wanted.collection, wanted.design_id)
}

/// Serials follow one another without gap, and only one unsigned preparation holds a design's next ones. `shown` is the
/// next serial by chain and log.
fn check_serials(
    service: &Service,
    state: &State,
    wanted: &Wanted,
    shown: u64,
    now_ms: u64,
) -> Result<(), ApiError> {
    let (collection, design_id) = (wanted.collection, wanted.design_id);
    let under_way = || {
        state.batches.values().find(|batch| {
            (batch.prepared.collection, batch.prepared.design_id) == (collection, design_id)
                && batch.stage == BatchStage::Prepared
                && service.committing.contains(&batch.prepared.id)
        })
    };
    if let Some(open) = state
        .open_preparation(collection, design_id, now_ms)
        .or_else(under_way)
    {
        return Err(ApiError::new(
            Code::PreparationOpen,
            format!(
                "sign {} or wait until it expires; it holds serials from {}",
                open.prepared.id, open.prepared.first_serial
            ),
        ));
    }
    let next = state.next_serial(collection, design_id).max(shown);
    let first = wanted.range.first().get();
    if first == next {
        return Ok(());
    }
    let code = if first < next {
        Code::SerialIssued
    } else {
        Code::SerialNotNext
    };
    Err(ApiError::new(
        code,
        format!("the next serial of this design is {next}, the batch starts with {first}"),
    ))
}

/// Reads the request; all bad items are listed, so that a brand mends its list once.
fn read(body: &NewBatch) -> Result<Wanted, ApiError> {
    let malformed = |what: &str, error: &dyn std::fmt::Display| {
        ApiError::new(Code::MalformedId, format!("{what}: {error}"))
    };
    let collection = body
        .collection
        .parse()
        .map_err(|error| malformed("collection", &error))?;
    let design_id = body
        .design_id
        .parse()
        .map_err(|error| malformed("design_id", &error))?;
    let first: Serial = body
        .first_serial
        .parse()
        .map_err(|error| malformed("first_serial", &error))?;
    let count: u64 = body.count.parse().map_err(|error| malformed("count", &error))?;
    let range = SerialRange::new(first, count).map_err(|error| malformed("count", &error))?;
    if body.items.is_empty() || body.items.len() > MAX_BATCH_ITEMS {
        let detail = format!(
            "a batch has 1 to {MAX_BATCH_ITEMS} wearables, this one {}",
            body.items.len()
        );
        return Err(ApiError::new(Code::Unprocessable, detail));
    }
    let mut reasons = Vec::new();
    let mut total = 0_usize;
    let mut items: Vec<WantedWearable> = Vec::with_capacity(body.items.len());
    let mut after: Option<Serial> = None;
    let mut claim_keys = BTreeMap::new();
    for (index, item) in body.items.iter().enumerate() {
        let mut add = |field: &str, code: &str, detail: String| {
            total += 1;
            if reasons.len() < MAX_LISTED_REASONS {
                reasons.push(ProblemItem {
                    pointer: format!("/items/{index}/{field}"),
                    code: code.into(),
                    detail,
                });
            }
        };
        if let Some(item) = read_item(item, range, after, &mut add) {
            let before = (item.claim_key != Address::ZERO).then(|| claim_keys.insert(item.claim_key, index));
            if let Some(before) = before.flatten() {
                add(
                    "claim_key",
                    "claim_key_repeated",
                    format!("item {before} has it too: whoever has one code could claim both"),
                );
            }
            items.push(item);
        }
        // Also of an item that is bad otherwise: a repeat of its serial is one more thing to mend.
        let serial = item.serial.parse::<Serial>().ok();
        after = after.max(serial.filter(|serial| range.contains(*serial)));
    }
    if total > 0 {
        let detail = format!("{total} things are wrong with the list; nothing was prepared");
        return Err(ApiError::new(Code::Unprocessable, detail).with_errors(reasons));
    }
    Ok(Wanted {
        collection,
        design_id,
        range,
        items,
    })
}

fn read_item(
    item: &NewWearable,
    range: SerialRange,
    after: Option<Serial>,
    add: &mut dyn FnMut(&str, &str, String),
) -> Option<WantedWearable> {
    let serial = match item.serial.parse::<Serial>() {
        Ok(serial) if !range.contains(serial) => {
            add(
                "serial",
                "serial_outside_range",
                format!("{serial} is not within {} to {}", range.first(), range.last()),
            );
            None
        }
        Ok(serial) if after.is_some_and(|after| serial <= after) => {
            add(
                "serial",
                "serial_not_rising",
                format!("{serial} stands after a serial that is not smaller"),
            );
            None
        }
        Ok(serial) => Some(serial),
        Err(error) => {
            add("serial", error.code(), error.to_string());
            None
        }
    };
    let claim_key = match item.claim_key.as_str() {
        "" => Some(Address::ZERO),
        text => match parse_address(text) {
            Ok(Address::ZERO) => {
                add(
                    "claim_key",
                    "zero_claim_key",
                    "leave it empty for a wearable that the service mints".into(),
                );
                None
            }
            Ok(address) => Some(address),
            Err(error) => {
                add("claim_key", error.code(), error.to_string());
                None
            }
        },
    };
    let binding = match item.binding.parse::<Binding>() {
        Ok(binding) => Some(binding),
        Err(error) => {
            add("binding", error.code(), error.to_string());
            None
        }
    };
    let mut hidden = BTreeMap::new();
    for (name, value) in [
        ("gs1_serial", &item.gs1_serial),
        ("gtin", &item.gtin),
        ("sku", &item.sku),
    ] {
        if value.is_empty() {
            continue;
        }
        if value.len() > MAX_BRAND_TEXT_BYTES || value.chars().any(char::is_control) {
            let detail =
                format!("{name} takes at most {MAX_BRAND_TEXT_BYTES} bytes without control characters");
            add(name, "bad_text", detail);
        } else if name == "gtin" && !is_gtin(value) {
            add(
                name,
                "bad_gtin",
                format!("{value:?} is not a GTIN of 8, 12, 13 or 14 digits with its check digit"),
            );
        } else {
            hidden.insert(name, value.clone());
        }
    }
    Some(WantedWearable {
        serial: serial?,
        claim_key: claim_key?,
        binding: binding?,
        hidden,
    })
}

/// Whether `text` is a GTIN (GS1 General Specifications 7.9): its digits, weighted 3 and 1 from the right,
/// add up to a multiple of ten.
pub fn is_gtin(text: &str) -> bool {
    matches!(text.len(), 8 | 12 | 13 | 14)
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .rev()
            .enumerate()
            .map(|(place, digit)| u32::from(digit - b'0') * if place % 2 == 1 { 3 } else { 1 })
            .sum::<u32>()
            .is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gtins_are_told_by_their_check_digit() {
        assert!(is_gtin("09506000134352") && is_gtin("9506000134352") && is_gtin("96385074"));
        for wrong in [
            "09506000134353",
            "9506000134",
            "9506000134352x",
            "",
            "９５０６０００１３４３５２",
        ] {
            assert!(!is_gtin(wrong), "{wrong}");
        }
    }

    #[test]
    fn two_wearables_with_one_claim_key_are_refused_by_name() {
        let item = |serial: &str, claim_key: &str| NewWearable {
            serial: serial.into(),
            claim_key: claim_key.into(),
            binding: "code".into(),
            gtin: String::new(),
            gs1_serial: String::new(),
            sku: String::new(),
        };
        let key = format!("0x{}", "22".repeat(20));
        let mut body = NewBatch {
            collection: format!("eip155:1/erc721:0x{}", "11".repeat(20)),
            design_id: "1".into(),
            first_serial: "1".into(),
            count: "4".into(),
            items: vec![item("1", ""), item("2", &key), item("3", ""), item("4", &key)],
        };
        let problem = read(&body).unwrap_err();
        let found: Vec<_> = problem
            .errors
            .iter()
            .map(|item| (item.pointer.as_str(), item.code.as_str()))
            .collect();
        assert_eq!(found, [("/items/3/claim_key", "claim_key_repeated")]);
        body.items.pop();
        assert!(read(&body).is_ok());
    }

    #[test]
    fn every_bad_item_is_listed() {
        let good = NewWearable {
            serial: "1".into(),
            claim_key: String::new(),
            binding: "code".into(),
            gtin: String::new(),
            gs1_serial: String::new(),
            sku: String::new(),
        };
        let body = NewBatch {
            collection: format!("eip155:1/erc721:0x{}", "11".repeat(20)),
            design_id: "1".into(),
            first_serial: "1".into(),
            count: "2".into(),
            items: vec![
                NewWearable {
                    binding: "glue".into(),
                    gtin: "1".into(),
                    ..good.clone()
                },
                NewWearable {
                    serial: "9".into(),
                    claim_key: "0xAB".into(),
                    ..good
                },
            ],
        };
        let problem = read(&body).unwrap_err();
        let pointers: Vec<_> = problem.errors.iter().map(|item| item.pointer.as_str()).collect();
        assert_eq!(
            pointers,
            [
                "/items/0/binding",
                "/items/0/gtin",
                "/items/1/serial",
                "/items/1/claim_key"
            ]
        );
    }
}
