//! Everything a request or a worker needs, in one place, built once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use alloy_primitives::{Address, B256};
use tokio::sync::{Mutex, Notify, Semaphore};
use vestiary::design::Design;
use vestiary::digest::Sha256;
use vestiary::ids::{AccountId, CollectionId, DesignId};
use vestiary::tree::BatchTree;
use vestiary_chain::deploy::Deployment;
use vestiary_chain::rpc::Rpc;
use vestiary_log::seams::{Clock, Random};
use vestiary_log::{FileError, Files, LogError, LogHandle, LogReader};
use vestiary_mirror::Mirror;
use vestiary_worlds::ContentStore;

use crate::alarms::Alarms;
use crate::chain_status::ChainStatus;
use crate::config::Config;
use crate::damage::{self, Part};
use crate::error::{ApiError, Code};
use crate::issuing::Committing;
use crate::issuing::bundle::MAX_BUNDLE_BYTES;
use crate::issuing::preparation::{MAX_PREPARATION_BYTES, PreparedWearable};
use crate::journal::{Batch, Ledger, SaltStore};
use crate::keyring::Keyring;
use crate::lanes::Lanes;
use crate::presence::Presence;
use crate::storage::{Storage, file_problem, log_problem};
use crate::turns::Turns;

/// Files taken in at once.
pub const MAX_UPLOADS_AT_ONCE: usize = 4;
/// Design documents kept in memory.
const MAX_CACHED_DESIGNS: usize = 4_096;
/// Preparations kept in memory between the steps of a commit.
const MAX_CACHED_PREPARATIONS: usize = 4;
/// Batch trees kept in memory.
const MAX_CACHED_TREES: usize = 256;

/// A design and what names it.
#[derive(Clone, Debug)]
pub struct RegisteredDesign {
    /// The document.
    pub document: Design,
    /// Its SHA-256.
    pub digest: Sha256,
}

/// What the registry says of an issuer's certificate key here, and of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The key is valid from now on, and nobody declared it compromised.
    pub key_added: bool,
    /// The issuer declared the key compromised, from whichever entry and second on.
    pub key_compromised: bool,
    /// This log is accepted, with the account that anchors it.
    pub log_accepted: bool,
}

/// The service.
#[derive(Debug)]
pub struct Service {
    /// What the operator set.
    pub config: Config,
    /// The contracts.
    pub deployment: Deployment,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for keys and salts.
    pub random: Arc<dyn Random>,
    /// The file system.
    pub files: Arc<dyn Files>,
    /// The disk under it.
    pub storage: Storage,
    /// The private promises.
    pub ledger: Arc<Ledger>,
    /// The salts.
    pub salts: SaltStore,
    /// The keys.
    pub signing: Keyring,
    /// The log's writer.
    pub log: LogHandle,
    /// The log's reader.
    pub log_reader: LogReader,
    /// The mirror.
    pub mirror: Mirror,
    /// Files by content.
    pub content: Arc<ContentStore>,
    /// The node.
    pub rpc: Rpc,
    /// How well the chain is seen.
    pub chain: ChainStatus,
    /// The accounts that send.
    pub lanes: Lanes,
    /// One at a time under one idempotency key.
    pub turns: Turns,
    /// What is wrong.
    pub alarms: Alarms,
    /// Held by the task that turns an intent into log entries, to its end.
    pub issuing: Arc<Mutex<()>>,
    /// Batches whose commit is under way.
    pub committing: Committing,
    /// Wakes who opens the mirror again after its store stopped.
    pub mirror_stopped: Notify,
    /// How many connections are open.
    pub open_connections: Arc<std::sync::atomic::AtomicUsize>,
    /// Places for uploads.
    pub uploads: Semaphore,
    /// Wakes the workers that send transactions: `notify_waiters`.
    pub work: Notify,
    /// Wakes the fold of the log into the mirror.
    pub entries_appended: Notify,
    /// Design documents by digest. They are immutable, so a full cache is simply emptied.
    pub(crate) designs: RwLock<HashMap<Sha256, Arc<RegisteredDesign>>>,
    /// What was seen of the content store.
    pub(crate) presence: Presence,
    pub(crate) prepared: RwLock<HashMap<Sha256, Arc<Vec<PreparedWearable>>>>,
    pub(crate) trees: RwLock<HashMap<Sha256, Arc<BatchTree>>>,
    pub(crate) bindings: RwLock<HashMap<B256, Arc<crate::views::Bindings>>>,
}

impl Service {
    /// The chain and address of an account here.
    pub fn account(&self, address: Address) -> AccountId {
        AccountId::new(self.deployment.chain, address)
    }

    /// The issuer registry, CAIP-10.
    pub fn registry(&self) -> AccountId {
        self.account(self.deployment.registry)
    }

    /// keccak-256 of the log's origin: how the chain names this log.
    pub fn origin_hash(&self) -> B256 {
        alloy_primitives::keccak256(self.config.log.origin.as_bytes())
    }

    /// Runs something on the mirror beside the async threads.
    pub async fn with_mirror<T: Send + 'static>(
        self: &Arc<Self>,
        run: impl FnOnce(&Mirror) -> Result<T, vestiary_mirror::Error> + Send + 'static,
    ) -> Result<T, vestiary_mirror::Error> {
        let service = Arc::clone(self);
        tokio::task::spawn_blocking(move || run(&service.mirror))
            .await
            .expect("the mirror's calls do not panic")
    }

    /// Addresses of all collections of the factory.
    pub fn collection_addresses(&self) -> Vec<Address> {
        let mut addresses = Vec::new();
        let mut after = None;
        loop {
            let page =
                match self
                    .mirror
                    .view()
                    .collections(None, after.as_ref(), vestiary_mirror::MAX_PAGE_ROWS)
                {
                    Ok(page) => page,
                    Err(error) => {
                        tracing::error!(%error, "the mirror's collections cannot be read");
                        return addresses;
                    }
                };
            addresses.extend(page.items.iter().map(|(id, _)| id.address));
            match page.next {
                Some(next) => after = Some(next),
                None => return addresses,
            }
        }
    }

    // ---- the log

    /// Entries in the log, acknowledged.
    pub fn log_size(&self) -> u64 {
        self.log_reader
            .published()
            .map_or(0, |published| published.checkpoint.size())
    }

    /// One entry, verified against the checkpoint.
    pub fn log_entry(&self, index: u64) -> Result<Vec<u8>, ApiError> {
        self.log_reader
            .entry(index)
            .map_err(|error| self.log_error(&error))
    }

    /// The newest checkpoint's text and size.
    pub fn log_checkpoint(&self) -> Result<(String, u64), ApiError> {
        let published = self
            .log_reader
            .published()
            .map_err(|error| self.log_error(&error))?;
        let text = String::from_utf8(published.bytes.clone()).map_err(ApiError::internal)?;
        Ok((text, published.checkpoint.size()))
    }

    /// The log's failures as problems.
    pub fn log_error(&self, error: &LogError) -> ApiError {
        if let LogError::Damaged { .. } = error {
            damage::found(Part::Log, error);
        }
        log_problem(error)
    }

    // ---- files of ours

    pub(crate) fn private_file(&self, kind: &str, name: &str) -> PathBuf {
        self.config
            .service
            .data_dir
            .join("batches")
            .join(format!("{name}.{kind}"))
    }

    /// Keeps a preparation file under its hash; durable on return.
    pub fn put_preparation(&self, sha256: &Sha256, bytes: &[u8]) -> Result<(), ApiError> {
        self.put(&self.private_file("preparation", &sha256.hex()), bytes)
    }

    /// Keeps a batch's certificates under its root; durable on return.
    pub fn put_bundle(&self, root: &B256, bytes: &[u8]) -> Result<(), ApiError> {
        self.put(&self.private_file("certificates", &hex::encode(root)), bytes)
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), ApiError> {
        match self.files.put_if_absent(path, bytes) {
            Ok(_) => Ok(()),
            // A file is named by what is in it, and signing is deterministic: other bytes there are damage.
            Err(error @ FileError::Different { .. }) => {
                damage::found(Part::Batches, &error);
                Err(ApiError::internal(error))
            }
            Err(error) => Err(file_problem("the batch", &error)),
        }
    }

    /// A preparation file, checked against its hash.
    pub fn read_preparation_bytes(&self, sha256: &Sha256) -> Result<Vec<u8>, ApiError> {
        let path = self.private_file("preparation", &sha256.hex());
        let bytes = self
            .files
            .read(&path, MAX_PREPARATION_BYTES)
            .map_err(ApiError::internal)?;
        if Sha256::of(&bytes) != *sha256 {
            let what = format!("{} is not what its name says", path.display());
            damage::found(Part::Batches, &what);
            return Err(ApiError::internal(what));
        }
        Ok(bytes)
    }

    /// The tree of a batch, kept in memory: every claim of it needs leaf and proof.
    pub fn tree(&self, batch: &Batch) -> Result<Arc<BatchTree>, ApiError> {
        let key = batch.prepared.preparation;
        if let Some(tree) = self
            .trees
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
        {
            return Ok(Arc::clone(tree));
        }
        let items = self.prepared(batch)?;
        let tree = Arc::new(crate::issuing::preparation::tree(&items).map_err(ApiError::internal)?);
        let mut cache = self.trees.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MAX_CACHED_TREES {
            cache.clear();
        }
        cache.insert(key, Arc::clone(&tree));
        Ok(tree)
    }

    /// A batch's certificates; `None` while they are not made.
    pub fn read_bundle(&self, root: &B256) -> Result<Option<Vec<u8>>, ApiError> {
        let path = self.private_file("certificates", &hex::encode(root));
        if !self.files.exists(&path).map_err(ApiError::internal)? {
            return Ok(None);
        }
        self.files
            .read(&path, MAX_BUNDLE_BYTES)
            .map(Some)
            .map_err(ApiError::internal)
    }

    /// The wearables of a batch as they were prepared; a commit asks several times.
    pub fn prepared(&self, batch: &Batch) -> Result<Arc<Vec<PreparedWearable>>, ApiError> {
        let key = batch.prepared.preparation;
        if let Some(items) = self
            .prepared
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
        {
            return Ok(Arc::clone(items));
        }
        let bytes = self.read_preparation_bytes(&key)?;
        let items =
            crate::issuing::preparation::read(&bytes, &batch.prepared.id).map_err(ApiError::internal)?;
        let items = Arc::new(items);
        let mut cache = self.prepared.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MAX_CACHED_PREPARATIONS {
            cache.clear();
        }
        cache.insert(key, Arc::clone(&items));
        Ok(items)
    }

    // ---- designs

    /// A design registered here.
    pub async fn design(
        self: &Arc<Self>,
        collection: CollectionId,
        design_id: DesignId,
    ) -> Result<Arc<RegisteredDesign>, ApiError> {
        let service = Arc::clone(self);
        tokio::task::spawn_blocking(move || service.design_blocking(collection, design_id))
            .await
            .map_err(ApiError::internal)?
    }

    /// As [`design`](Self::design), where blocking is fine.
    pub fn design_blocking(
        &self,
        collection: CollectionId,
        design_id: DesignId,
    ) -> Result<Arc<RegisteredDesign>, ApiError> {
        let digest = self.design_digest(collection, design_id)?;
        self.design_by_digest(&digest)?.ok_or_else(|| {
            ApiError::internal(format!(
                "the document {digest} of a registered design is missing from the content store"
            ))
        })
    }

    /// The digest of a registered design's document.
    pub fn design_digest(&self, collection: CollectionId, design_id: DesignId) -> Result<Sha256, ApiError> {
        self.ledger
            .read(|state| Some(state.designs.get(&(collection, design_id))?.digest))
            .ok_or_else(|| ApiError::not_found(format!("design {design_id} of {collection}")))
    }

    /// A design document by what the chain names it; `None` if this service does not have it.
    pub fn design_by_digest(&self, digest: &Sha256) -> Result<Option<Arc<RegisteredDesign>>, ApiError> {
        if let Some(design) = self
            .designs
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(digest)
        {
            return Ok(Some(Arc::clone(design)));
        }
        let bytes = match self.content.get(digest).and_then(|file| file.read()) {
            Ok(bytes) => bytes,
            Err(vestiary_worlds::Error::NotFound { .. }) => return Ok(None),
            // As if it were missing: its wearables are `unknown`, and nobody's list fails for it.
            Err(error @ vestiary_worlds::Error::Damaged { .. }) => {
                damage::found(Part::Content, &error);
                return Ok(None);
            }
            Err(error) => return Err(crate::http::files::file_error(error)),
        };
        let Ok(document) = Design::parse(&bytes) else {
            return Ok(None);
        };
        let design = Arc::new(RegisteredDesign {
            document,
            digest: *digest,
        });
        let mut cache = self.designs.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MAX_CACHED_DESIGNS {
            cache.clear();
        }
        cache.insert(*digest, Arc::clone(&design));
        Ok(Some(design))
    }
}

/// The mirror's failures as problems.
pub(crate) fn mirror_error(error: vestiary_mirror::Error) -> ApiError {
    match error {
        vestiary_mirror::Error::NeedsRebuild { .. } | vestiary_mirror::Error::Io(_) => {
            tracing::warn!(%error, "the mirror does not answer");
            ApiError::new(Code::NotReady, "the mirror is filled again from chain and log").retry_after(5)
        }
        error => ApiError::internal(error),
    }
}
