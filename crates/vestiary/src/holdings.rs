//! All that a wallet owns in the collections that a reader names, at one block, by [storage
//! proofs](crate::storage_proof).
//!
//! Complete is what is *owned*: borrowed and delegated wearables are shown one by one, and whether those are all
//! nobody can prove.

use std::collections::BTreeSet;

use alloy_primitives::{Address, U256};
use thiserror::Error;

use crate::block::BlockRef;
use crate::ids::TokenId;
use crate::rights::RightsWord;
use crate::storage::factory;
use crate::storage_proof::{ProvenAccount, ProvenBlock, ProvenCollection, StorageProofError};

/// All that a wallet owns in some collections at a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// Whose.
    pub wallet: Address,
    /// When.
    pub block: BlockRef,
    /// The collections that the reader named, each with what the wallet owns of it, perhaps nothing.
    pub collections: Vec<(Address, Vec<(TokenId, RightsWord)>)>,
}

/// Why an answer is not shown to be all that a wallet owns.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HoldingsError {
    /// A word is missing from the proofs.
    #[error(transparent)]
    Proof(#[from] StorageProofError),
    /// A proof is of another block.
    #[error("{0} is proved at another block")]
    OtherBlock(Address),
    /// A collection that the reader named has no proof.
    #[error("collection {0} is left out")]
    LeftOut(Address),
    /// A collection that nobody named, or one twice.
    #[error("collection {0} was not asked for, or stands twice")]
    NotAsked(Address),
    /// A token stands twice.
    #[error("token {token_id} of {collection} stands twice")]
    TokenTwice {
        /// The collection.
        collection: Address,
        /// The token.
        token_id: TokenId,
    },
    /// A token that is not the wallet's.
    #[error("token {token_id} of {collection} is owned by {owner}")]
    NotOwned {
        /// The collection.
        collection: Address,
        /// The token.
        token_id: TokenId,
        /// Who owns it; zero for nobody.
        owner: Address,
    },
    /// The wallet owns more, or fewer, than are shown.
    #[error("the wallet owns {balance} of {collection}, and {shown} are shown")]
    Count {
        /// The collection.
        collection: Address,
        /// By the chain.
        balance: U256,
        /// By the answer.
        shown: usize,
    },
}

impl HoldingsError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Proof(error) => error.code(),
            Self::OtherBlock(_) => "other_block",
            Self::LeftOut(_) => "collection_left_out",
            Self::NotAsked(_) => "collection_not_asked",
            Self::TokenTwice { .. } => "token_twice",
            Self::NotOwned { .. } => "token_not_owned",
            Self::Count { .. } => "balance_differs",
        }
    }
}

/// Checks that `shown`, the tokens in each collection, are all that the wallet owns in `listed` at `block`: each
/// collection once, each token the wallet's and distinct, as many as its balance.
pub fn complete(
    block: &ProvenBlock,
    wallet: Address,
    listed: &[Address],
    shown: &[(ProvenCollection, Vec<TokenId>)],
) -> Result<Holdings, HoldingsError> {
    let mut missing: BTreeSet<Address> = listed.iter().copied().collect();
    let mut collections = Vec::with_capacity(shown.len());
    for (proven, tokens) in shown {
        let collection = proven.account().address();
        if proven.account().block() != block {
            return Err(HoldingsError::OtherBlock(collection));
        }
        if !missing.remove(&collection) {
            return Err(HoldingsError::NotAsked(collection));
        }
        collections.push((collection, owned(wallet, proven, tokens)?));
    }
    match missing.first() {
        Some(collection) => Err(HoldingsError::LeftOut(*collection)),
        None => Ok(Holdings {
            wallet,
            block: block.block_ref(),
            collections,
        }),
    }
}

fn owned(
    wallet: Address,
    proven: &ProvenCollection,
    tokens: &[TokenId],
) -> Result<Vec<(TokenId, RightsWord)>, HoldingsError> {
    let collection = proven.account().address();
    let mut distinct = BTreeSet::new();
    let mut shown = Vec::with_capacity(tokens.len());
    for &token_id in tokens {
        if !distinct.insert(token_id) {
            return Err(HoldingsError::TokenTwice { collection, token_id });
        }
        let rights = proven.rights(token_id)?;
        // The zero address owns nothing, whatever a balance word says.
        if rights.owner() != wallet || wallet.is_zero() {
            let owner = rights.owner();
            return Err(HoldingsError::NotOwned {
                collection,
                token_id,
                owner,
            });
        }
        shown.push((token_id, rights));
    }
    let balance = proven.balance_of(wallet)?;
    if balance != U256::from(shown.len()) {
        return Err(HoldingsError::Count {
            collection,
            balance,
            shown: shown.len(),
        });
    }
    Ok(shown)
}

/// The factory's list, whole: as many entries as its length says. `factory` is the account that the reader believes to
/// be the factory, by its address.
pub fn listed_collections(factory: &ProvenAccount) -> Result<Vec<Address>, StorageProofError> {
    let count = factory.word(factory::count())?;
    // A proof has few slots: what is beyond the first missing one is not looked at.
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    (0..count)
        .map(|index| {
            let entry = factory.word(factory::entry(index))?;
            Ok(Address::from_word(entry.into()))
        })
        .collect()
}
