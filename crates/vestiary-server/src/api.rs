//! The bodies of the API, version 1: one set of types, which handlers fill and the command line reads.
//!
//! Ids are CAIP-10 and CAIP-19 in lower case, token ids and amounts are decimal strings, times are RFC 3339 in
//! UTC where a person reads them and unix seconds where a signature covers them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vestiary::licence::Licence;
use vestiary::terms::Terms;

use crate::api_key::Scope;

/// How many items a list answers at most.
pub const MAX_LIST_ITEMS: usize = 200;
/// How many wearables one batch prepares at most.
pub const MAX_BATCH_ITEMS: usize = 5_000;
/// Longest name of an issuer, in bytes.
pub const MAX_NAME_BYTES: usize = 200;

/// The chain and log prefix that an answer was computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AsOf {
    /// CAIP-2 chain id.
    pub chain: String,
    /// Block number.
    pub block: String,
    /// Block hash.
    pub hash: String,
    /// The block's own time, RFC 3339.
    pub time: String,
    /// `latest`, `safe` or `finalized`.
    pub finality: String,
    /// Entries of the log that were taken in.
    pub log_size: String,
}

/// `POST /v1/api-keys`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApiKey {
    /// What the operator calls the key.
    pub label: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The only issuer it acts for; needed for the scope `issue`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_id: Option<String>,
}

/// A key, shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct ApiKeyMade {
    /// The public id.
    pub id: String,
    /// The key itself; it cannot be shown again.
    pub key: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
}

impl std::fmt::Debug for ApiKeyMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeyMade")
            .field("id", &self.id)
            .field("key", &"(not shown)")
            .finish_non_exhaustive()
    }
}

/// `POST /v1/issuers`: an issuer of the registry wants to use this service.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewIssuer {
    /// The id the registry gave.
    pub issuer_id: String,
    /// The name on its certificates.
    pub name: String,
}

/// An issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IssuerView {
    /// Registry id.
    pub id: String,
    /// The name on its certificates.
    pub name: String,
    /// Its account on the chain, CAIP-10.
    pub account: String,
    /// The DID it claims, "" if none. A claim, not a proof.
    pub did: String,
    /// `two_way`, `unproven` or `denied`: what the DID's document says of the account.
    pub did_proof: String,
    /// The certificate key this service signs with, Multikey; add it with `vestiary issuer add-key`.
    pub certificate_key: String,
    /// Whether the registry shows that key as valid for this log from now on, and not as compromised.
    pub key_added: bool,
    /// Whether the registry shows this service's log as accepted.
    pub log_accepted: bool,
}

/// `POST /v1/collections`: a collection that the factory made for the issuer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCollection {
    /// CAIP-19 asset type, `eip155:<chain>/erc721:0x…`.
    pub collection: String,
}

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CollectionView {
    /// CAIP-19 asset type.
    pub id: String,
    /// Its issuer's registry id.
    pub issuer_id: String,
    /// Its name on chain; "" while the chain does not show it.
    pub name: String,
    /// Whether this service may mint serials without a claim key.
    pub minter: bool,
    /// The number the next design gets; "" if none is left.
    pub next_design_id: String,
}

/// What is kept of an uploaded file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileView {
    /// SHA-256, `sha256:<64 hex>`: equality.
    pub sha256: String,
    /// CID under `cid_profile`.
    pub cid: String,
    /// The CID profile (IPIP-499).
    pub cid_profile: String,
    /// Size in bytes.
    pub bytes: u64,
    /// The media type found in the bytes.
    pub media_type: String,
    /// Where it can be read.
    pub url: String,
}

/// `POST /v1/designs`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDesign {
    /// The collection it belongs to.
    pub collection: String,
    /// Name in the brand's words.
    pub name: String,
    /// One or two sentences, "" for none.
    #[serde(default)]
    pub description: String,
    /// Where it is worn, e.g. `torso`.
    pub slot: String,
    /// Slots it hides.
    #[serde(default)]
    pub hides: Vec<String>,
    /// Slots it replaces.
    #[serde(default)]
    pub replaces: Vec<String>,
    /// Copies at most; "0" for an open edition.
    pub edition: String,
    /// Terms that limit the owner: `{"recovery_until": 0, "choose_by": 0, "default": "none"}` in unix seconds,
    /// as in the design document.
    #[schema(value_type = Object)]
    pub terms: Terms,
    /// The licence: `sha256` of its uploaded text, `may_cache`, `age` and the VRM 1.0 permissions, as in the design
    /// document.
    #[schema(value_type = Object)]
    pub licence: Licence,
    /// The files a world can load, uploaded before.
    pub representations: Vec<NewRepresentation>,
}

/// One uploaded file as a representation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRepresentation {
    /// The world profile it was made for, or a format's name such as `gltf`.
    pub profile: String,
    /// The uploaded file, `sha256:…`.
    pub sha256: String,
    /// Level of detail, 0 the finest.
    #[serde(default)]
    pub lod: u8,
}

/// A design.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DesignView {
    /// The collection.
    pub collection: String,
    /// Its number there.
    pub design_id: String,
    /// SHA-256 of the design document.
    pub digest: String,
    /// Index of its statement in the log, "" until logged.
    pub log_index: String,
    /// The serial its next batch starts with: past every one that was signed for.
    pub next_serial: String,
    /// The design document. In a list `{}` while the file that `digest` names is missing or damaged.
    #[schema(value_type = Object)]
    pub document: serde_json::Value,
}

/// `POST /v1/batches`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewBatch {
    /// The collection.
    pub collection: String,
    /// The design.
    pub design_id: String,
    /// The first serial: the design's next.
    pub first_serial: String,
    /// Serials in the range; those without an item are holes.
    pub count: String,
    /// The wearables, by rising serial.
    pub items: Vec<NewWearable>,
}

/// One wearable of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWearable {
    /// Its serial.
    pub serial: String,
    /// The claim key's address, or "" for one that the service mints.
    #[serde(default)]
    pub claim_key: String,
    /// How it is bound to a physical piece: `none`, `code`, `tag`, `chip` or `inspected`.
    pub binding: String,
    /// GTIN of the product, "" if none. Goes into the certificate as a salted hash.
    #[serde(default)]
    pub gtin: String,
    /// The brand's own serial text (GS1 AI 21), "" if none. Goes into the certificate as a salted hash.
    #[serde(default)]
    pub gs1_serial: String,
    /// The brand's own article number, "" if none. Goes into the certificate as a salted hash.
    #[serde(default)]
    pub sku: String,
}

/// A batch and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchView {
    /// Its name.
    pub id: String,
    /// `prepared`, `expired`, `signed`, `logged`, `submitted`, `committed` or `finalized`.
    pub state: String,
    /// The collection.
    pub collection: String,
    /// The design.
    pub design_id: String,
    /// First serial.
    pub first_serial: String,
    /// Serials in the range.
    pub count: String,
    /// Root of the batch tree.
    pub root: String,
    /// Until when it can be signed, RFC 3339; "" once signed.
    pub expires: String,
    /// What the issuer's account signs (`eth_signTypedData_v4`).
    #[schema(value_type = Object)]
    pub typed_data: serde_json::Value,
    /// The receipt (signed note), "" until logged.
    pub receipt: String,
    /// Where the batch file is, "" until logged.
    pub batch_file_url: String,
    /// The commit transaction, "" until sent.
    pub transaction: String,
    /// While the commit waits to be sent again: why it came to nothing, the contract's error or `without_effect`
    /// (it was mined when a reorganisation had taken the collection away); "" otherwise.
    pub reason: String,
}

/// `POST /v1/batches/{id}/commit`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommitBatchBody {
    /// The issuer's signature over the typed data, `0x` and hex.
    pub signature: String,
}

/// `POST /v1/claims`: authorised by the claim key's signature alone.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClaim {
    /// CAIP-19 id of the wearable.
    pub wearable: String,
    /// The receiver's address, lower case.
    pub to: String,
    /// Deadline of the signature, unix seconds.
    pub deadline: String,
    /// The claim key's EIP-712 signature, `0x` and 130 hex digits.
    pub signature: String,
}

/// A claim and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimView {
    /// Its name.
    pub id: String,
    /// `queued`, `submitted`, `included`, `finalized` or `failed`.
    pub state: String,
    /// The wearable.
    pub wearable: String,
    /// The receiver.
    pub to: String,
    /// The transaction, "" until sent.
    pub transaction: String,
    /// Why it failed; while it waits to be sent again, why it came to nothing: the contract's error, or
    /// `without_effect`. "" otherwise.
    pub reason: String,
}

/// A list page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The items, at most [`MAX_LIST_ITEMS`].
    pub items: Vec<T>,
    /// Give it as `cursor` for the next page; "" on the last.
    pub next_cursor: String,
    /// What the answer describes.
    pub as_of: AsOf,
}
