//! The inventory answer: what a wallet may wear, at a block. Arrays rather than maps, strings for ids and
//! large numbers, `""` rather than `null`, so that every engine's JSON reader copes.
//!
//! Readers ignore fields that they do not know; later versions only add.

use alloy_primitives::B256;
use serde::{Deserialize, Serialize};

use crate::{
    certificate::Binding,
    design::{Design, Representation},
    digest::Sha256,
    ids::{AccountId, ChainId, CollectionId, Edition, IssuerId, Serial, WearableId, serde_b256, serde_u64},
    licence::Licence,
    rights::{Act, Decision, Status, Wear},
    slot::Slot,
    text::{or_blank, plain, words},
    timestamp::Timestamp,
    world::Fit,
};

/// The answer for one wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// Whose.
    pub wallet: AccountId,
    /// For which world; empty when none was named.
    pub world: String,
    /// Language of the texts: `en`, `fr`.
    pub lang: String,
    /// Whether these are all.
    pub complete: Complete,
    /// At which block of each chain.
    pub as_of: Vec<ChainAsOf>,
    /// At which size of the log.
    pub log: LogAsOf,
    /// Until when asking again brings nothing new.
    #[serde(with = "plain")]
    pub fresh_until: Timestamp,
    /// Until when a world keeps what it shows while answers are unknown.
    #[serde(with = "plain")]
    pub keep_until: Timestamp,
    /// What may be worn, or not, or is unknown.
    pub wearables: Vec<Entry>,
    /// Collections that could not be asked.
    pub unknown_sources: Vec<UnknownSource>,
    /// Where the next page begins; empty after the last.
    pub next_cursor: String,
}

words! {
    /// Whether an inventory has everything.
    Complete {
        /// All that the wallet has in the listed collections.
        Yes = "yes",
        /// The owner hides some.
        PartialByOwner = "partial_by_owner",
        /// Some could not be learnt.
        PartialUnknown = "partial_unknown",
    }
}

/// The block of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainAsOf {
    /// The chain.
    pub chain: ChainId,
    /// Height.
    #[serde(with = "serde_u64")]
    pub block: u64,
    /// Hash.
    #[serde(with = "serde_b256")]
    pub hash: B256,
    /// The block's time.
    #[serde(with = "plain")]
    pub time: Timestamp,
    /// How firm the block is.
    pub finality: Finality,
    /// Seconds since the block's time.
    pub lag_s: u64,
}

words! {
    /// How firm a block is.
    Finality {
        /// The head; may be replaced.
        Latest = "latest",
        /// Unlikely to be replaced.
        Safe = "safe",
        /// Never replaced.
        Finalized = "finalized",
    }
}

/// The log of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogAsOf {
    /// Its origin.
    pub origin: String,
    /// Entries read.
    #[serde(with = "serde_u64")]
    pub size: u64,
}

/// One wearable of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The wearable.
    pub id: WearableId,
    /// The token's standard.
    pub standard: Standard,
    /// How many; 1 of a wearable.
    #[serde(with = "serde_u64")]
    pub amount: u64,
    /// Whether it was issued with a certificate, or is another's token.
    pub origin: Origin,
    /// Who issued it.
    pub issuer: IssuerEntry,
    /// Digest of the design document; blank when adopted.
    #[serde(with = "or_blank")]
    pub design: Option<Sha256>,
    /// The copy's number; blank when adopted.
    #[serde(with = "or_blank")]
    pub serial: Option<Serial>,
    /// Most copies there will be, 0 for open; blank when adopted.
    #[serde(with = "or_blank")]
    pub edition: Option<Edition>,
    /// What a person calls it; empty when unknown.
    pub name: String,
    /// What binds it to a piece.
    pub binding: Binding,
    /// Where it is worn; blank when unknown.
    #[serde(with = "or_blank")]
    pub slot: Option<Slot>,
    /// Slots that it hides.
    pub hides: Vec<Slot>,
    /// Slots whose wearables it takes the place of.
    pub replaces: Vec<Slot>,
    /// Whether the owner wears it now.
    pub equipped: bool,
    /// May it be worn here?
    pub wear: Wear,
    /// Code of the first reason; empty for yes.
    pub why: String,
    /// All reasons in words, with the numbers of both sides; empty for yes.
    pub why_text: String,
    /// In which role the wallet has it.
    #[serde(rename = "as")]
    pub role: Role,
    /// Until when it has that role; blank for owners.
    #[serde(with = "or_blank")]
    pub until: Option<Timestamp>,
    /// The last answer that was known.
    pub last_known: LastKnown,
    /// What else is true of it.
    pub status: Vec<StatusEntry>,
    /// What wearers may do.
    pub licence: LicenceEntry,
    /// Files that the world can load.
    pub files: Vec<FileEntry>,
    /// Where the proof is.
    pub proof_url: String,
}

words! {
    /// A token's standard.
    Standard {
        /// ERC-721.
        Erc721 = "erc721",
    }
}

words! {
    /// Where a wearable comes from.
    Origin {
        /// Certified by its issuer.
        Issued = "issued",
        /// A token of another contract.
        Adopted = "adopted",
    }
}

words! {
    /// In which role a wallet has a wearable.
    Role {
        /// It owns it.
        Owner = "owner",
        /// It was lent to it.
        Borrower = "borrower",
        /// It acts for the owner.
        Delegate = "delegate",
    }
}

/// The issuer as an answer names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerEntry {
    /// The registry's number; blank when adopted.
    #[serde(with = "or_blank")]
    pub id: Option<IssuerId>,
    /// The name in its certificates.
    pub name: String,
    /// Whether the name is proved.
    pub proof: IssuerProof,
}

words! {
    /// Whether domain and account name each other.
    IssuerProof {
        /// Both ways.
        TwoWay = "two_way",
        /// Not, or not known.
        Unproven = "unproven",
        /// The domain says that the account is not its own.
        Denied = "denied",
    }
}

impl Default for IssuerEntry {
    fn default() -> Self {
        Self {
            id: None,
            name: String::new(),
            proof: IssuerProof::Unproven,
        }
    }
}

/// The answer before things became unknown; blank when there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LastKnown {
    /// What it was.
    #[serde(with = "or_blank")]
    pub wear: Option<Wear>,
    /// At which block.
    #[serde(with = "or_blank")]
    pub block: Option<u64>,
}

/// One status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusEntry {
    /// Which.
    pub code: Status,
    /// Since when; blank when unknown.
    #[serde(with = "or_blank")]
    pub since: Option<Timestamp>,
    /// What it blocks.
    pub blocks: Vec<Act>,
}

/// The licence in short; all blank when unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LicenceEntry {
    /// Digest of its text.
    #[serde(with = "or_blank")]
    pub sha256: Option<Sha256>,
    /// For whose profit, in VRM's words.
    pub commercial: String,
    /// Whether a world may keep the files.
    pub may_cache: bool,
    /// From which age.
    pub age: String,
}

/// A file that the world can load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// For whom it was made.
    pub profile: String,
    /// Where it is, relative to the service.
    pub url: String,
    /// Digest of the file.
    pub sha256: Sha256,
    /// Size.
    pub bytes: u64,
    /// Level of detail.
    pub lod: u8,
    /// Triangles.
    pub triangles: u64,
    /// Longer side of its largest texture, in pixels.
    pub texture_px: u32,
    /// glTF extensions that it needs.
    pub needs: Vec<String>,
    /// Whether it was made for this world.
    pub fit: FileFit,
}

words! {
    /// How a file suits a world.
    FileFit {
        /// Made for it.
        Exact = "exact",
        /// Made for others, and loadable.
        Fallback = "fallback",
    }
}

/// A collection that could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownSource {
    /// Which.
    pub collection: CollectionId,
    /// A stable code.
    pub why: String,
    /// When to ask again, in seconds.
    pub retry_after_s: u64,
}

impl Entry {
    /// A wearable that the wallet owns and of which no more is known than that. Fill in the rest with
    /// [`with_design`](Self::with_design), [`decided`](Self::decided) and the fields.
    pub fn owned(id: WearableId, origin: Origin) -> Self {
        Self {
            id,
            standard: Standard::Erc721,
            amount: 1,
            origin,
            issuer: IssuerEntry::default(),
            design: None,
            serial: if origin == Origin::Issued {
                id.token_id.serial()
            } else {
                None
            },
            edition: None,
            name: String::new(),
            binding: Binding::None,
            slot: None,
            hides: Vec::new(),
            replaces: Vec::new(),
            equipped: false,
            wear: Wear::Unknown,
            why: String::new(),
            why_text: String::new(),
            role: Role::Owner,
            until: None,
            last_known: LastKnown::default(),
            status: Vec::new(),
            licence: LicenceEntry::default(),
            files: Vec::new(),
            proof_url: String::new(),
        }
    }

    /// Takes over what the design document says. `digest` is the digest that the chain names it by.
    #[must_use]
    pub fn with_design(mut self, digest: Sha256, design: &Design) -> Self {
        self.design = Some(digest);
        self.edition = Some(design.edition);
        self.name.clone_from(&design.name);
        self.slot = Some(design.slot);
        self.hides = design.hides.iter().copied().collect();
        self.replaces = design.replaces.iter().copied().collect();
        self.licence = LicenceEntry::from(&design.licence);
        self
    }

    /// Takes over a decision. At [`Wear::Yes`] the fitting file is listed, otherwise none.
    #[must_use]
    pub fn decided(mut self, decision: Decision, fit: Option<&Fit<'_>>) -> Self {
        self.wear = decision.wear;
        self.why = decision.why.into();
        self.why_text = decision.why_text;
        self.files = match (self.wear, fit) {
            (Wear::Yes, Some(Fit::Exact(file))) => vec![FileEntry::new(file, FileFit::Exact)],
            (Wear::Yes, Some(Fit::Fallback(file))) => vec![FileEntry::new(file, FileFit::Fallback)],
            _ => Vec::new(),
        };
        self
    }
}

impl FileEntry {
    /// Describes a representation; its URL is `/files/<cid>`.
    pub fn new(file: &Representation, fit: FileFit) -> Self {
        Self {
            profile: file.profile.clone(),
            url: format!("/files/{}", file.cid),
            sha256: file.sha256,
            bytes: file.bytes,
            lod: file.lod,
            triangles: file.triangles,
            texture_px: file.texture_px,
            needs: file.needs.iter().cloned().collect(),
            fit,
        }
    }
}

impl StatusEntry {
    /// A status with what the table says it blocks.
    pub fn new(code: Status, since: Option<Timestamp>) -> Self {
        Self {
            code,
            since,
            blocks: code.blocks().to_vec(),
        }
    }
}

impl From<&Licence> for LicenceEntry {
    fn from(licence: &Licence) -> Self {
        Self {
            sha256: Some(licence.sha256),
            commercial: licence.vrm.commercial_usage.as_str().into(),
            may_cache: licence.may_cache,
            age: licence.age.as_str().into(),
        }
    }
}

#[cfg(test)]
mod tests {
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
}
