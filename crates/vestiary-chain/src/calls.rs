//! What each transaction of ours calls, as contract address and calldata, and for the service's own the log that it is
//! made for.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::SolCall;
use vestiary::abi::{ICollectionFactory, IERC721, IIssuerRegistry, ILogAnchor, IWearableCollection};
use vestiary::ids::{IssuerId, TokenId};
use vestiary::tree::Leaf;
use vestiary::typed_data::CommitBatch;

use crate::submitter::{Call, Effect};

#[expect(
    clippy::needless_pass_by_value,
    reason = "each call is written for this and nothing else"
)]
fn call(to: Address, call: impl SolCall) -> Call {
    Call::new(to, call.abi_encode().into())
}

/// `IssuerRegistry.register`: the sender becomes the account of a new issuer.
pub fn register(registry: Address, did: &str) -> Call {
    call(registry, IIssuerRegistry::registerCall { did: did.to_owned() })
}

/// `IssuerRegistry.claimDid`: a claim, shown as verified only where the DID's document names the account.
pub fn claim_did(registry: Address, issuer: IssuerId, did: &str) -> Call {
    let claim = IIssuerRegistry::claimDidCall {
        issuerId: issuer.get(),
        did: did.to_owned(),
    };
    call(registry, claim)
}

/// `IssuerRegistry.acceptLog`.
pub fn accept_log(
    registry: Address,
    issuer: IssuerId,
    origin_hash: B256,
    anchoring_account: Address,
) -> Call {
    let accept = IIssuerRegistry::acceptLogCall {
        issuerId: issuer.get(),
        originHash: origin_hash,
        anchoringAccount: anchoring_account,
    };
    call(registry, accept)
}

/// `IssuerRegistry.addKey`: the Ed25519 key signs in that log from `from_index` on.
pub fn add_key(registry: Address, issuer: IssuerId, key: B256, origin_hash: B256, from_index: u64) -> Call {
    let add = IIssuerRegistry::addKeyCall {
        issuerId: issuer.get(),
        key,
        originHash: origin_hash,
        fromIndex: from_index,
    };
    call(registry, add)
}

/// Arguments of `CollectionFactory.createCollection`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCollection {
    /// The issuer; the sender must be its account.
    pub issuer: IssuerId,
    /// Name of the collection.
    pub name: String,
    /// Symbol of the collection.
    pub symbol: String,
    /// What stands before the token id in `tokenURI`; empty for the design's content id.
    pub base_uri: String,
    /// The first minter, zero for none.
    pub minter: Address,
    /// Distinguishes collections with equal arguments.
    pub salt: B256,
}

/// `CollectionFactory.createCollection`.
pub fn create_collection(factory: Address, collection: &NewCollection) -> Call {
    let create = ICollectionFactory::createCollectionCall {
        issuerId: collection.issuer.get(),
        name: collection.name.clone(),
        symbol: collection.symbol.clone(),
        baseUri: collection.base_uri.clone(),
        minter: collection.minter,
        salt: collection.salt,
    };
    call(factory, create)
}

/// `WearableCollection.setMinter`.
pub fn set_minter(collection: Address, minter: Address, allowed: bool) -> Call {
    call(collection, IWearableCollection::setMinterCall { minter, allowed })
}

/// `WearableCollection.commitBatchBySignature`.
pub fn commit_batch_by_signature(collection: Address, batch: &CommitBatch, signature: Bytes) -> Call {
    let commit = IWearableCollection::commitBatchBySignatureCall {
        batch: IWearableCollection::Batch {
            designId: batch.design_id.get(),
            firstSerial: batch.first_serial.get(),
            count: batch.count,
            edition: batch.edition,
            terms: batch.terms,
            designDigest: batch.design_digest.b256(),
            root: batch.root,
        },
        deadline: alloy_primitives::U256::from(batch.deadline),
        signature,
    };
    let committed = IWearableCollection::BatchCommitted {
        designId: batch.design_id.get(),
        firstSerial: batch.first_serial.get(),
        count: batch.count,
        root: batch.root,
    };
    call(collection, commit).made_for(Effect::of(collection, &committed))
}

/// What a claim brings besides its leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimArguments {
    /// Root of the batch.
    pub root: B256,
    /// The receiver that the claim key named.
    pub to: Address,
    /// The deadline that the claim key named, unix seconds.
    pub deadline: u64,
    /// Siblings of the leaf.
    pub proof: Vec<B256>,
    /// The claim key's signature.
    pub signature: Bytes,
}

/// `WearableCollection.claim`.
pub fn claim(collection: Address, leaf: &Leaf, arguments: ClaimArguments) -> Call {
    let claim = IWearableCollection::claimCall {
        root: arguments.root,
        tokenId: leaf.token_id.0,
        certificateDigest: leaf.certificate_digest.b256(),
        claimKey: leaf.claim_key,
        to: arguments.to,
        deadline: alloy_primitives::U256::from(arguments.deadline),
        proof: arguments.proof,
        signature: arguments.signature,
    };
    call(collection, claim).made_for(certified(collection, leaf))
}

/// A leaf was opened: its wearable is minted, with its certificate, by this very transaction and by no other ever.
fn certified(collection: Address, leaf: &Leaf) -> Effect {
    let certified = IWearableCollection::Certified {
        tokenId: leaf.token_id.0,
        certificateDigest: leaf.certificate_digest.b256(),
    };
    Effect::of(collection, &certified)
}

/// `WearableCollection.mint`, of a leaf without claim key.
pub fn mint(collection: Address, leaf: &Leaf, root: B256, to: Address, proof: Vec<B256>) -> Call {
    let mint = IWearableCollection::mintCall {
        root,
        tokenId: leaf.token_id.0,
        certificateDigest: leaf.certificate_digest.b256(),
        to,
        proof,
    };
    call(collection, mint).made_for(certified(collection, leaf))
}

/// ERC-721 `transferFrom`, by the owner.
pub fn transfer(collection: Address, from: Address, to: Address, token_id: TokenId) -> Call {
    let transfer = IERC721::transferFromCall {
        from,
        to,
        tokenId: token_id.0,
    };
    call(collection, transfer)
}

/// `LogAnchor.anchor`, sent by `account`.
pub fn anchor(log_anchor: Address, account: Address, origin: &str, size: u64, root: B256) -> Call {
    let anchor = ILogAnchor::anchorCall {
        origin: origin.to_owned(),
        size,
        root,
    };
    let anchored = ILogAnchor::Anchored {
        account,
        originHash: keccak256(origin),
        size,
        root,
    };
    call(log_anchor, anchor).made_for(Effect::of(log_anchor, &anchored))
}
