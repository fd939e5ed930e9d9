//! What the API says of issuers, collections and papers: mirror and journal joined.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use alloy_primitives::B256;
use vestiary::certificate::{Binding, Certificate};
use vestiary::digest::Sha256;
use vestiary::ids::{CollectionId, DesignId, Edition, IssuerId, TokenId, WearableId};
use vestiary_mirror::{MAX_PAGE_ROWS, View};

use crate::api::{CollectionView, IssuerView};
use crate::damage::{self, Part, check_certificate};
use crate::error::ApiError;
use crate::issuing::bundle;
use crate::service::{RegisteredDesign, Service, mirror_error};

/// Batches whose certificates' bindings are kept in memory.
const MAX_CACHED_BINDINGS: usize = 1_024;

/// The binding and the digest of each certificate of a batch.
pub(crate) type Bindings = BTreeMap<TokenId, (Binding, Sha256)>;

impl Service {
    /// What the API says of an issuer.
    pub fn issuer_view(&self, id: IssuerId) -> Result<IssuerView, ApiError> {
        let issuer = self.ledger.read(|state| state.issuers.get(&id).cloned());
        let issuer = issuer.ok_or_else(|| ApiError::not_found(format!("issuer {id}")))?;
        let on_chain = self.mirror.view().issuer(id).map_err(mirror_error)?;
        let standing = self.issuer_standing(id)?;
        Ok(IssuerView {
            id: id.to_string(),
            name: issuer.name,
            account: on_chain
                .as_ref()
                .map(|issuer| self.account(issuer.account).to_string())
                .unwrap_or_default(),
            did: on_chain.map(|issuer| issuer.did).unwrap_or_default(),
            did_proof: "unproven".into(),
            certificate_key: issuer.certificate_key,
            key_added: standing.key_added,
            log_accepted: standing.log_accepted,
        })
    }

    /// What the API says of a collection.
    pub fn collection_view(&self, id: CollectionId) -> Result<CollectionView, ApiError> {
        let issuer_id = self.ledger.read(|state| state.collections.get(&id).copied());
        let issuer_id = issuer_id.ok_or_else(|| ApiError::not_found(id))?;
        let view = self.mirror.view();
        // A reorganisation, or a mirror that is filled again, may not show it for a while.
        let on_chain = view.collection(&id).map_err(mirror_error)?;
        let minter = view
            .is_minter(&id, self.signing.submitter().address())
            .map_err(mirror_error)?;
        drop(view);
        let next_design_id = self.next_design_id(id)?;
        Ok(CollectionView {
            id: id.to_string(),
            issuer_id: issuer_id.to_string(),
            name: on_chain.map(|collection| collection.name).unwrap_or_default(),
            minter,
            next_design_id: next_design_id.map(|id| id.to_string()).unwrap_or_default(),
        })
    }

    /// The number of a collection's next design: past every one in journal, log and chain; `None` if the largest number
    /// is taken.
    pub fn next_design_id(&self, collection: CollectionId) -> Result<Option<DesignId>, ApiError> {
        let journal = self.ledger.read(|state| {
            let of_collection = state.designs.keys().filter(|(of, _)| *of == collection);
            of_collection.map(|(_, id)| id.get()).max().unwrap_or(0)
        });
        let view = self.mirror.view();
        let mut last = journal;
        let mut after = None;
        loop {
            let page = view
                .designs(&collection, after, MAX_PAGE_ROWS)
                .map_err(mirror_error)?;
            last = page.items.iter().map(|(id, _)| id.get()).fold(last, u64::max);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        // A journal that was restored from a back-up may not know what the log knows.
        while let Some(next) = last.checked_add(1).and_then(|next| DesignId::new(next).ok()) {
            let stated = view.design_statements(&collection, next);
            if stated.map_err(mirror_error)?.is_empty() {
                return Ok(Some(next));
            }
            last = next.get();
        }
        Ok(None)
    }

    /// The design of a wearable: as the chain names it, else as it was registered here.
    pub fn design_of(&self, id: &WearableId) -> Result<Option<Arc<RegisteredDesign>>, ApiError> {
        let Some(design_id) = id.token_id.design_id() else {
            return Ok(None);
        };
        let on_chain = self
            .mirror
            .view()
            .design(&id.collection, design_id)
            .map_err(mirror_error)?;
        let digest = match on_chain {
            Some(design) => Some(design.digest),
            None => self.ledger.read(|state| {
                state
                    .designs
                    .get(&(id.collection, design_id))
                    .map(|design| design.digest)
            }),
        };
        digest.map_or(Ok(None), |digest| self.design_by_digest(&digest))
    }

    /// How many copies a wearable's design has at most, as the chain keeps it; `None` while it does not know the design.
    pub(crate) fn edition_on_chain(&self, id: &WearableId) -> Result<Option<Edition>, ApiError> {
        let Some(design_id) = id.token_id.design_id() else {
            return Ok(None);
        };
        let on_chain = self.mirror.view().design(&id.collection, design_id);
        Ok(on_chain.map_err(mirror_error)?.map(|design| design.edition))
    }

    /// A wearable's certificate, exactly as it was signed; `None` if there is none here.
    pub fn certificate(&self, id: &WearableId) -> Result<Option<Vec<u8>>, ApiError> {
        let root = self
            .ledger
            .read(|state| state.batch_of(id).map(|batch| batch.prepared.root));
        let Some(root) = root else {
            return Ok(None);
        };
        let Some(bundle) = self.read_bundle(&root)? else {
            return Ok(None);
        };
        let found = bundle::find(&bundle, id.token_id).map_err(|error| self.damaged_bundle(&root, error))?;
        let Some(bytes) = found else {
            return Ok(None);
        };
        let certificate = check_certificate(bytes).map_err(|what| self.damaged_bundle(&root, what))?;
        if certificate.fields().wearable != *id {
            return Err(self.damaged_bundle(&root, "its index names another certificate"));
        }
        Ok(Some(bytes.to_vec()))
    }

    /// Whether a batch's certificates are here.
    pub(crate) fn has_bundle(&self, root: &B256) -> Result<bool, ApiError> {
        let file = self.private_file("certificates", &alloy_primitives::hex::encode(root));
        self.files.exists(&file).map_err(ApiError::internal)
    }

    fn damaged_bundle(&self, root: &B256, what: impl std::fmt::Display) -> ApiError {
        let file = self.private_file("certificates", &alloy_primitives::hex::encode(root));
        let what = format!("{}: {what}", file.display());
        damage::found(Part::Batches, &what);
        ApiError::internal(what)
    }

    /// How a wearable is bound to a piece, as its certificate says; `None` if the certificate is not here.
    pub(crate) fn binding(&self, view: &View<'_>, id: &WearableId) -> Result<Option<Binding>, ApiError> {
        let Some(batch) = view.batch_of(id).map_err(mirror_error)? else {
            return Ok(None);
        };
        let root = batch.batch.root;
        let Ok(Some(bindings)) = self.bindings(root) else {
            return Ok(None);
        };
        let Some((binding, digest)) = bindings.get(&id.token_id) else {
            return Ok(None);
        };
        // The chain names the certificate: what is read from another one is not served.
        let token = view.token(id).map_err(mirror_error)?;
        if token.is_some_and(|token| token.certificate_digest != *digest) {
            self.damaged_bundle(
                &root,
                format_args!("the certificate of {id} is not the one on chain"),
            );
            return Ok(None);
        }
        Ok(Some(*binding))
    }

    fn bindings(&self, root: B256) -> Result<Option<Arc<Bindings>>, ApiError> {
        if let Some(bindings) = self
            .bindings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&root)
        {
            return Ok(Some(Arc::clone(bindings)));
        }
        let Some(bundle) = self.read_bundle(&root)? else {
            return Ok(None);
        };
        let mut bindings = Bindings::new();
        let damaged = |error: &dyn std::fmt::Display| self.damaged_bundle(&root, error);
        for certificate in bundle::all(&bundle).map_err(|error| damaged(&error))? {
            let certificate = Certificate::parse(certificate).map_err(|error| damaged(&error))?;
            bindings.insert(
                certificate.fields().wearable.token_id,
                (certificate.fields().binding, certificate.digest()),
            );
        }
        let bindings = Arc::new(bindings);
        let mut cache = self.bindings.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MAX_CACHED_BINDINGS {
            cache.clear();
        }
        cache.insert(root, Arc::clone(&bindings));
        Ok(Some(bindings))
    }
}

/// The serial that a design's next batch starts with, as chain and log have it; the journal may promise a later one.
/// Asked before the journal, for its state is not to be held while the mirror is waited for.
pub(crate) fn next_serial_shown(
    view: &View<'_>,
    collection: CollectionId,
    design_id: DesignId,
) -> Result<u64, ApiError> {
    let on_chain = view.design(&collection, design_id).map_err(mirror_error)?;
    let stated = last_stated_serial(view, collection, design_id)? + 1;
    Ok(on_chain.map_or(1, |design| design.next_serial).max(stated))
}

/// The last serial that the log states of a design; 0 if it states none.
fn last_stated_serial(
    view: &View<'_>,
    collection: CollectionId,
    design_id: DesignId,
) -> Result<u64, ApiError> {
    let mut last = 0;
    let mut after = None;
    loop {
        let page = view
            .stated_batches(&collection, Some(design_id), after, MAX_PAGE_ROWS)
            .map_err(mirror_error)?;
        for batch in &page.items {
            last = last.max(batch.statement.range().map_or(0, |range| range.last().get()));
        }
        after = page.next;
        if after.is_none() {
            return Ok(last);
        }
    }
}
