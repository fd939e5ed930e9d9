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
mod tests;
