use super::*;
use crate::{
    design::Format,
    digest::{CID_PROFILE, raw_cid},
    ids::{DesignId, TokenId},
    licence::{Age, VrmPermissions},
    rights::{Facts, Gap, decide},
    terms::Terms,
};
use alloy_primitives::Address;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn design() -> Design {
    let sha256 = Sha256([7; 32]);
    Design {
        description: String::new(),
        edition: Edition(500),
        format: Format::V1,
        hides: BTreeSet::from([Slot::Ear]),
        licence: Licence {
            age: Age::All,
            may_cache: true,
            sha256: Sha256([1; 32]),
            vrm: VrmPermissions::default(),
        },
        name: "Manteau Nuit".into(),
        replaces: BTreeSet::new(),
        representations: vec![Representation {
            bytes: 812_344,
            cid: raw_cid(&sha256),
            cid_profile: CID_PROFILE.into(),
            lod: 1,
            media_type: "model/gltf-binary".into(),
            needs: BTreeSet::from(["KHR_texture_basisu".into()]),
            profile: "gltf".into(),
            sha256,
            texture_px: 1024,
            triangles: 4800,
        }],
        slot: Slot::Torso,
        terms: Terms::default(),
    }
}

fn wearable() -> WearableId {
    let collection = CollectionId::new(ChainId(137), Address::repeat_byte(0xab));
    collection.wearable(TokenId::new(DesignId::new(1).unwrap(), Serial::new(17).unwrap()))
}

fn facts<'a>(gaps: &'a [Gap], fit: Option<&'a Fit<'a>>) -> Facts<'a> {
    Facts {
        gaps,
        statuses: &[],
        until: 0,
        block_time: 0,
        fit,
    }
}

fn sample() -> Inventory {
    let design = design();
    let fit = Fit::Fallback(&design.representations[0]);
    let time = |seconds| Timestamp::new(seconds).unwrap();
    let mut entry = Entry::owned(wearable(), Origin::Issued)
        .with_design(Sha256([9; 32]), &design)
        .decided(decide(&facts(&[], Some(&fit))), Some(&fit));
    entry.status = vec![StatusEntry::new(Status::Recalled, Some(time(0)))];
    entry.last_known = LastKnown {
        wear: Some(Wear::Yes),
        block: Some(71_234_001),
    };
    Inventory {
        wallet: AccountId::new(ChainId(137), Address::repeat_byte(1)),
        world: "plaza".into(),
        lang: "fr".into(),
        complete: Complete::Yes,
        as_of: vec![ChainAsOf {
            chain: ChainId(137),
            block: 71_234_567,
            hash: B256::repeat_byte(2),
            time: time(1),
            finality: Finality::Safe,
            lag_s: 2,
        }],
        log: LogAsOf {
            origin: "log.example".into(),
            size: 48_121,
        },
        fresh_until: time(3),
        keep_until: time(4),
        wearables: vec![entry],
        unknown_sources: vec![UnknownSource {
            collection: wearable().collection,
            why: "source_timeout".into(),
            retry_after_s: 15,
        }],
        next_cursor: String::new(),
    }
}

#[test]
fn the_answer_has_the_published_fields() {
    let value = serde_json::to_value(sample()).unwrap();
    let wearable_json = json!({
        "id": wearable().to_string(), "standard": "erc721", "amount": "1", "origin": "issued",
        "issuer": {"id": "", "name": "", "proof": "unproven"},
        "design": Sha256([9; 32]).to_string(), "serial": "17", "edition": "500",
        "name": "Manteau Nuit", "binding": "none",
        "slot": "torso", "hides": ["ear"], "replaces": [], "equipped": false,
        "wear": "yes", "why": "", "why_text": "", "as": "owner", "until": "",
        "last_known": {"wear": "yes", "block": "71234001"},
        "status": [{"code": "recalled", "since": "1970-01-01T00:00:00Z", "blocks": ["sell"]}],
        "licence": {
            "sha256": Sha256([1; 32]).to_string(), "commercial": "personalNonProfit",
            "may_cache": true, "age": "all"
        },
        "files": [{
            "profile": "gltf", "url": format!("/files/{}", raw_cid(&Sha256([7; 32]))),
            "sha256": Sha256([7; 32]).to_string(), "bytes": 812_344, "lod": 1, "triangles": 4800,
            "texture_px": 1024, "needs": ["KHR_texture_basisu"], "fit": "fallback"
        }],
        "proof_url": ""
    });
    let expected = json!({
        "wallet": format!("eip155:137:0x{}", "01".repeat(20)),
        "world": "plaza",
        "lang": "fr",
        "complete": "yes",
        "as_of": [{
            "chain": "eip155:137", "block": "71234567", "hash": format!("0x{}", "02".repeat(32)),
            "time": "1970-01-01T00:00:01Z", "finality": "safe", "lag_s": 2
        }],
        "log": {"origin": "log.example", "size": "48121"},
        "fresh_until": "1970-01-01T00:00:03Z",
        "keep_until": "1970-01-01T00:00:04Z",
        "wearables": [wearable_json],
        "unknown_sources": [{
            "collection": wearable().collection.to_string(), "why": "source_timeout", "retry_after_s": 15
        }],
        "next_cursor": ""
    });
    assert_eq!(value, expected);
}

#[test]
fn the_answer_survives_json_and_readers_ignore_what_they_do_not_know() {
    let mut value = serde_json::to_value(sample()).unwrap();
    value["wearables"][0]["later"] = json!([1]);
    assert_eq!(serde_json::from_value::<Inventory>(value).unwrap(), sample());
}

#[test]
fn nothing_is_null_even_where_nothing_is_known() {
    fn has_null(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Array(items) => items.iter().any(has_null),
            Value::Object(members) => members.values().any(has_null),
            _ => false,
        }
    }
    let blank = Entry::owned(wearable(), Origin::Adopted);
    let value = serde_json::to_value(&blank).unwrap();
    assert!(!has_null(&value), "{value}");
    assert_eq!(value["serial"], "");
    assert_eq!(serde_json::from_value::<Entry>(value).unwrap(), blank);
}

#[test]
fn an_unknown_wearable_lists_no_file() {
    let design = design();
    let fit = Fit::Exact(&design.representations[0]);
    let decision = decide(&facts(&[Gap::ChainBehind], Some(&fit)));
    let entry = Entry::owned(wearable(), Origin::Issued).decided(decision, Some(&fit));
    assert_eq!((entry.wear, entry.why.as_str()), (Wear::Unknown, "chain_behind"));
    assert!(entry.files.is_empty());
}
