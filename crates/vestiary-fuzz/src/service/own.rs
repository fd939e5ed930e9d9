//! The operator's file, and files that the service wrote itself and reads again.

use vestiary::certificate::Certificate;
use vestiary_server::config::Config;
use vestiary_server::issuing::{bundle, preparation};
use vestiary_server::journal::{BatchId, Record, State};

use crate::input::Input;

/// Configurations: the address of the node, which may hold a secret, does not show.
pub(super) fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(config) = toml::from_str::<Config>(text) {
        let shown = format!("{config:?}");
        assert!(!shown.contains("http://secret"), "{shown}");
    }
}

/// The journal's records, one a line, in any order: what the fold says it accepts, it takes.
pub(super) fn ledger_records(bytes: &[u8]) {
    let mut state = State::default();
    for line in bytes.split(|byte| *byte == b'\n').take(64) {
        let Ok(record) = serde_json::from_slice::<Record>(line) else {
            continue;
        };
        let written = serde_json::to_vec(&record).expect("it was JSON");
        assert_eq!(
            serde_json::from_slice::<Record>(&written).ok().as_ref(),
            Some(&record)
        );
        let accepted = state.accepts(&record);
        let applied = state.apply(&record);
        if !matches!(record, Record::Outbox { .. }) {
            assert_eq!(
                accepted.is_ok(),
                applied.is_ok(),
                "{accepted:?}, then {applied:?}"
            );
        }
        if let Record::BatchPrepared(prepared) = &record
            && applied.is_ok()
        {
            let (collection, design_id) = (prepared.collection, prepared.design_id);
            let open = state.open_preparation(collection, design_id, 0);
            assert!(open.is_some() || prepared.expires_ms == 0, "serials go out twice");
            let _ = state.open_preparation(collection, design_id, u64::MAX);
            let _ = state.next_serial(collection, design_id);
        }
        if let Record::ClaimAccepted(claim) = &record {
            let holder = state.batch_of(&claim.wearable);
            assert!(holder.is_none_or(|batch| batch.prepared.collection == claim.wearable.collection));
        }
    }
}

/// A preparation that is read is written the same way again, whatever empty lines were in it.
pub(super) fn preparation(bytes: &[u8]) {
    let batch = BatchId("0123456789abcdef0123456789abcdef".into());
    let Ok(items) = preparation::read(bytes, &batch) else {
        return;
    };
    let written = preparation::write(&batch, &items).expect("what was read can be written");
    let again = preparation::read(&written, &batch).expect("what was written can be read");
    assert_eq!(again.len(), items.len());
    for (item, again) in items.iter().zip(&again) {
        assert_eq!(item.leaf(), again.leaf());
    }
    assert_eq!(preparation::write(&batch, &again).ok(), Some(written));
}

/// Bundles: a certificate that is found lies within the file; those of a sound bundle are found.
pub(super) fn certificate_bundle(bytes: &[u8]) {
    let token = vestiary::ids::TokenId(alloy_primitives::U256::from(Input::new(bytes).byte()));
    if let Ok(Some(found)) = bundle::find(bytes, token) {
        assert!(found.len() <= bytes.len());
    }
    let certificates = bundle::all(bytes).unwrap_or_default();
    let certificates: Option<Vec<_>> = certificates
        .into_iter()
        .map(|bytes| Certificate::parse(bytes).ok())
        .collect();
    let Some(certificates) = certificates.filter(|certificates| !certificates.is_empty()) else {
        return;
    };
    let written = bundle::write(&certificates).expect("certificates can be written");
    let first = &certificates[0];
    let found = bundle::find(&written, first.fields().wearable.token_id).expect("it was just written");
    assert!(found.is_some());
}
