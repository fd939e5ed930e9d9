//! What the chain says of issuers, collections and tokens, as the mirror has it.

use alloy_primitives::{Address, B256, Bytes};
use vestiary::ids::{CollectionId, IssuerId, WearableId};
use vestiary::rights::Gap;
use vestiary_mirror::Collection;

use crate::error::{ApiError, Code};
use crate::service::{Service, Standing, mirror_error};

impl Service {
    /// Why answers must read `unknown` now, if they must.
    pub fn chain_gap(&self) -> Option<Gap> {
        let behind_after_s = self.config.freshness.behind_after_s;
        self.chain.gap(self.clock.now_unix_ms(), behind_after_s)
    }

    /// What to say of something that the mirror lacks: `code`, unless the chain is not seen whole and may have it.
    pub fn not_on_chain(&self, code: Code, detail: String) -> ApiError {
        if self.chain_gap().is_none() {
            return ApiError::new(code, detail);
        }
        let detail = format!("{detail}, as far as the chain was read; it is not seen whole now");
        ApiError::new(Code::ChainBehind, detail).retry_after(5)
    }

    /// The account that acts for an issuer now.
    pub fn issuer_account(&self, id: IssuerId) -> Result<Address, ApiError> {
        let issuer = self.mirror.view().issuer(id).map_err(mirror_error)?;
        issuer.map(|issuer| issuer.account).ok_or_else(|| {
            let detail = format!("the registry has no issuer {id} yet; register it first");
            self.not_on_chain(Code::ChainDisagrees, detail)
        })
    }

    /// A collection of the factory's list.
    pub fn collection_on_chain(&self, id: CollectionId) -> Result<Collection, ApiError> {
        let collection = self.mirror.view().collection(&id).map_err(mirror_error)?;
        collection.ok_or_else(|| {
            let detail = format!(
                "the factory {:#x} does not list {id} yet",
                self.deployment.factory
            );
            self.not_on_chain(Code::ChainDisagrees, detail)
        })
    }

    /// Whether a wearable was ever minted.
    pub fn is_minted(&self, id: &WearableId) -> Result<bool, ApiError> {
        Ok(self.mirror.view().token(id).map_err(mirror_error)?.is_some())
    }

    /// Whether the chain shows a batch.
    pub fn is_committed(&self, collection: CollectionId, root: B256) -> Result<bool, ApiError> {
        Ok(self
            .mirror
            .view()
            .batch_by_root(&collection, root)
            .map_err(mirror_error)?
            .is_some())
    }

    /// Refuses to issue for a collection whose certificates nobody could trust: another issuer's, the key not
    /// added for this log, or the log not accepted.
    pub fn check_issuing(&self, issuer_id: IssuerId, collection: CollectionId) -> Result<(), ApiError> {
        let disagree = |detail: String| ApiError::new(Code::ChainDisagrees, detail);
        if self.collection_on_chain(collection)?.issuer_id != issuer_id {
            return Err(disagree(format!(
                "{collection} belongs to another issuer on chain"
            )));
        }
        let standing = self.issuer_standing(issuer_id)?;
        if !standing.log_accepted {
            let detail = format!(
                "issuer {issuer_id} has not accepted the log {} with this service's anchoring account; run `vestiary issuer accept-log`",
                self.config.log.origin
            );
            return Err(self.not_on_chain(Code::ChainDisagrees, detail));
        }
        if standing.key_compromised {
            return Err(disagree(format!(
                "issuer {issuer_id} has declared its certificate key here compromised; what it signs reads `repudiated`, so it certifies nothing any more"
            )));
        }
        if !standing.key_added {
            let detail = format!(
                "issuer {issuer_id} has not added its certificate key for this log; run `vestiary issuer add-key`"
            );
            return Err(self.not_on_chain(Code::ChainDisagrees, detail));
        }
        Ok(())
    }

    /// What the registry says of an issuer's certificate key here and of this log.
    pub fn issuer_standing(&self, issuer_id: IssuerId) -> Result<Standing, ApiError> {
        let view = self.mirror.view();
        let key = B256::from(self.signing.certificate_key(issuer_id)?.to_bytes());
        let name = vestiary_mirror::KeyName {
            origin_hash: self.origin_hash(),
            key,
        };
        // Also one that does not count yet: by then it counts for what is certified now.
        let compromise = view.compromise(issuer_id, name).map_err(mirror_error)?;
        let key_compromised = compromise.is_some();
        let interval = view.key(issuer_id, name).map_err(mirror_error)?;
        let next_index = self.log_size();
        let is_open = interval
            .is_some_and(|interval| interval.from_index <= next_index && interval.until_index.is_none());
        let logs = view
            .accepted_logs(issuer_id, None, vestiary_mirror::MAX_PAGE_ROWS)
            .map_err(mirror_error)?;
        let anchoring = self.signing.anchoring_account();
        let log_accepted = logs.items.iter().any(|(origin_hash, log)| {
            *origin_hash == self.origin_hash() && log.accepted && log.anchoring_account == anchoring
        });
        Ok(Standing {
            key_added: is_open && !key_compromised,
            key_compromised,
            log_accepted,
        })
    }

    /// Asks an account's contract whether it signed (ERC-1271), at the mirror's head.
    pub async fn is_valid_contract_signature(
        &self,
        account: Address,
        hash: B256,
        signature: &Bytes,
    ) -> Result<bool, ApiError> {
        let Some(block) = self.mirror.head() else {
            return Err(ApiError::new(Code::ChainBehind, "no block was read yet").retry_after(2));
        };
        vestiary_chain::read::is_valid_signature(&self.rpc, account, hash, signature, block.hash)
            .await
            .map_err(|error| {
                tracing::warn!(code = error.code(), "a contract wallet could not be asked");
                ApiError::new(Code::ChainBehind, "the node did not answer; try again").retry_after(5)
            })
    }
}
