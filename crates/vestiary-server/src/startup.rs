//! Opening: everything is read back, checked against everything else, and finished by the same code that serves.
//!
//! | in this order | refuses when |
//! |---|---|
//! | deployment file, node | the node serves another chain, or other code stands there |
//! | keys | a file is missing, for another purpose, or the passphrase is wrong |
//! | journal, salts, content | another process holds them, or they are damaged |
//! | mirror | never: it is deleted and filled again |
//! | memory of the keys, from log, journal and mirror | they contradict one another |
//! | log | its files contradict its checkpoint, or it is shorter than what was anchored |
//! | entry 0, open intents | the log was opened by somebody else |

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;

use alloy_consensus::{SignableTransaction, TxEnvelope};
use alloy_eips::eip2718::Decodable2718;
use anyhow::{Context, anyhow, bail};
use tokio::sync::{Notify, Semaphore};
use vestiary::ids::SerialRange;
use vestiary::statement::{LogOpened, Statement};
use vestiary_chain::deploy::Deployment;
use vestiary_chain::follower::{Follower, FollowerOptions, LogCheck, Start};
use vestiary_chain::rpc::{Endpoint, Rpc, RpcOptions};
use vestiary_log::points::reached;
use vestiary_log::seams::{Clock, Random};
use vestiary_log::{CheckpointSigner as _, Files, LogHandle, LogReader, LogWriter};
use vestiary_mirror::{Mirror, MirrorConfig, Opened};
use vestiary_signing::{KdfCost, Memory, Passphrase};
use vestiary_worlds::ContentStore;

use crate::alarms::Alarms;
use crate::api_key::{PresentedKey, Scope};
use crate::chain_status::ChainStatus;
use crate::config::Config;
use crate::error::Code;
use crate::issuing::{commit, intents, statements};
use crate::journal::{BatchStage, Ledger, Record, SaltStore};
use crate::keyring::Keyring;
use crate::lanes::Lanes;
use crate::points;
use crate::presence::Presence;
use crate::service::{MAX_UPLOADS_AT_ONCE, Service};
use crate::storage::Storage;
use crate::turns::Turns;
use crate::worker::follow::Watched;
use crate::worker::followed::Followed;

/// The file in the data directory with the first API key.
pub const FIRST_API_KEY_FILE: &str = "admin-api-key";
/// How often the node is asked at start until it answers.
const NODE_ATTEMPTS: u32 = 60;
/// Pause between two attempts.
const NODE_PAUSE: Duration = Duration::from_millis(500);

/// What the outside gives the service: nothing of it is chosen in here.
#[derive(Debug)]
pub struct Outside {
    /// The file system.
    pub files: Arc<dyn Files>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// What unlocks the keys.
    pub passphrase: Passphrase,
    /// The node; `None` to connect to the configured URL.
    pub endpoint: Option<Endpoint>,
}

/// The directories below the data directory.
pub(crate) fn dir(config: &Config, name: &str) -> PathBuf {
    config.service.data_dir.join(name)
}

/// What the mirror is a mirror of.
pub(crate) fn mirror_config(config: &Config, deployment: &Deployment) -> MirrorConfig {
    MirrorConfig {
        chain: deployment.chain,
        genesis_hash: deployment.genesis_hash,
        registry: deployment.registry,
        factory: deployment.factory,
        log_anchor: deployment.log_anchor,
        first_block: deployment.first_block,
        log_origin: config.log.origin.clone(),
    }
}

/// Opens the service. It does not follow the chain or answer yet; see [`crate::serve`].
pub async fn open(config: Config, outside: Outside) -> anyhow::Result<Arc<Service>> {
    let data_dir = existing(&config.service.data_dir)?;
    let deployment = Deployment::load(&config.chain.deployment).map_err(|error| anyhow!(error))?;
    let rpc = connect(&config, &deployment, outside.endpoint).await?;
    let signing = open_keys(&config, outside.passphrase, &outside.random)?;
    let reserve_bytes = config.service.storage_reserve_mib << 20;
    let storage = Storage::open(outside.files, data_dir, reserve_bytes).context("looking at the disk")?;
    let files = storage.files();
    for name in ["journal", "salts", "content", "batches", "log", "mirror"] {
        files.create_dir_all(&dir(&config, name))?;
    }
    let ledger =
        Ledger::open(Arc::clone(&files), &dir(&config, "journal")).with_context(|| opening("journal"))?;
    let salts = SaltStore::open(
        Arc::clone(&files),
        &dir(&config, "salts"),
        Arc::clone(&outside.random),
    )
    .with_context(|| opening("salts"))?;
    reached(points::START_JOURNALS);
    let content = ContentStore::open(Arc::clone(&files), &dir(&config, "content"))
        .with_context(|| opening("content"))?;
    let (mirror, opened) = Mirror::open_or_wipe(&dir(&config, "mirror"), mirror_config(&config, &deployment))
        .context("opening the mirror")?;
    if let Opened::Wiped { reason } = &opened {
        tracing::warn!(reason, "the mirror is filled again from chain and log");
    }

    let checkpoint_key = signing.checkpoint_key(&config.log.origin)?;
    let log_dir = dir(&config, "log");
    let on_disk = log_on_disk(&files, &log_dir, &checkpoint_key)?;
    let published = match &on_disk {
        Some(log) => read_log(log, signing.memory(), &config.log.origin)?,
        None => 0,
    };
    remember_outbox(&ledger, signing.memory())?;
    remember_signed_batches(&ledger, signing.memory())?;
    signing.memory().finish_rebuild();
    reached(points::START_REMEMBERED);
    let writer = LogWriter::open(Arc::clone(&files), &log_dir, Arc::new(checkpoint_key))
        .with_context(|| opening("log"))?;
    reached(points::START_LOG);
    let log_reader = writer.reader();
    remember_entries(&log_reader, published, signing.memory()).with_context(|| opening("log"))?;
    // Not before: a power cut may have torn the checkpoint, and what is staged is part of the log.
    let mirror = match_log(mirror, &config, &deployment, &log_reader)?;
    remember_anchors(&mirror, &config, &signing, &log_reader)?;
    refuse_older_log(
        &config,
        &deployment,
        &rpc,
        &ledger,
        &signing,
        writer.published().checkpoint.size(),
    )
    .await?;
    let log = LogHandle::spawn(writer)?;
    tracing::info!(entries = published, mirror = ?opened, "opened");

    let lanes =
        ledger.read(|state| Lanes::new(config.chain.submitter_lanes, deployment.chain, &signing, state))?;
    let service = Arc::new(Service {
        deployment,
        clock: outside.clock,
        random: outside.random,
        files,
        storage,
        ledger: Arc::new(ledger),
        salts,
        signing,
        log,
        log_reader,
        mirror,
        content: Arc::new(content),
        rpc,
        chain: ChainStatus::default(),
        lanes,
        turns: Turns::default(),
        alarms: Alarms::default(),
        issuing: Arc::default(),
        committing: crate::issuing::Committing::default(),
        mirror_stopped: Notify::new(),
        open_connections: Arc::default(),
        uploads: Semaphore::new(MAX_UPLOADS_AT_ONCE),
        work: Notify::new(),
        entries_appended: Notify::new(),
        designs: RwLock::new(HashMap::new()),
        presence: Presence::default(),
        prepared: RwLock::new(HashMap::new()),
        trees: RwLock::new(HashMap::new()),
        bindings: RwLock::new(HashMap::new()),
        config,
    });
    finish_begun(&service).await?;
    make_first_api_key(&service)?;
    reached(points::START_FINISHED);
    Ok(service)
}

fn existing(data_dir: &Path) -> anyhow::Result<&Path> {
    if !data_dir.is_dir() {
        bail!(
            "{} is not a directory: make it, or mend service.data_dir",
            data_dir.display()
        );
    }
    Ok(data_dir)
}

fn open_keys(config: &Config, passphrase: Passphrase, random: &Arc<dyn Random>) -> anyhow::Result<Keyring> {
    let cost = if config.service.allow_development_keys {
        KdfCost::Development
    } else {
        KdfCost::Standard
    };
    Keyring::open(&dir(config, "keys"), passphrase, cost, Arc::clone(random)).context("opening the keys")
}

/// Ends what the last life began, and takes in what it left.
async fn finish_begun(service: &Arc<Service>) -> anyhow::Result<()> {
    open_log(service).await?;
    let round = intents::finish_all(service).await;
    if round.finished > 0 {
        let finished = round.finished;
        tracing::info!(finished, "intents that a crash left open are in the log now");
    }
    for (id, problem) in round.left {
        // Without room, or without a file that is damaged, the rest is served: the serials stay taken, the worker
        // tries again, and `intent_open` rings.
        if !matches!(problem.code, Code::StorageFull | Code::Internal) {
            return Err(problem).with_context(|| format!("finishing {id}"));
        }
    }
    let certified = intents::certify_missing(service)?;
    if certified > 0 {
        tracing::warn!(certified, "certificates that were missing are signed again");
    }
    crate::worker::follow::fold_entries(service).await
}

/// What could not be opened, and what to do: the cause behind it names file and place.
fn opening(part: &str) -> String {
    format!("opening the {part}; if it is damaged, `vestiary repair --config FILE` says what can be done")
}

/// Where the follower goes on: after what the mirror has, or at the first block.
pub fn follower(service: &Arc<Service>) -> anyhow::Result<Follower<Watched>> {
    let mut known = service.mirror.undoable_blocks()?;
    if known.is_empty() {
        known.extend(service.mirror.head());
    }
    let start = if known.is_empty() {
        Start::At(service.deployment.first_block)
    } else {
        Start::After(known)
    };
    let options = follower_options(&service.config);
    let watched = Watched::new(Arc::clone(service));
    let follower = Follower::new(service.rpc.clone(), watched, start, options);
    Ok(follower.with_finalized(Followed::load(service).finalized))
}

/// How the chain is followed, by a service and by a rebuild alike.
pub fn follower_options(config: &Config) -> FollowerOptions {
    FollowerOptions {
        poll_interval: Duration::from_millis(config.chain.poll_interval_ms),
        halt_on_finalized_rewrite: config.chain.halt_on_finalized_rewrite,
        // A bloom filter does not show one log missing among others; the receipts' root does.
        log_check: LogCheck::ReceiptsRoot,
        ..FollowerOptions::default()
    }
}

async fn connect(
    config: &Config,
    deployment: &Deployment,
    endpoint: Option<Endpoint>,
) -> anyhow::Result<Rpc> {
    if let Some(endpoint) = endpoint {
        let genesis = Some(deployment.genesis_hash);
        return Ok(Rpc::connect(endpoint, deployment.chain, genesis, RpcOptions::default()).await?);
    }
    for attempt in 1.. {
        let endpoint = Endpoint::url(&config.chain.rpc_url)?;
        let genesis = Some(deployment.genesis_hash);
        match Rpc::connect(endpoint, deployment.chain, genesis, RpcOptions::default()).await {
            Ok(rpc) => {
                deployment.check(&rpc).await?;
                return Ok(rpc);
            }
            Err(error) if attempt < NODE_ATTEMPTS && error.is_transport() => {
                tracing::warn!(%error, attempt, "the node does not answer yet");
                tokio::time::sleep(NODE_PAUSE).await;
            }
            Err(error) => return Err(error).context("connecting to the node"),
        }
    }
    unreachable!("the loop returns")
}

/// The log as the last process left it, if there is one that can be read.
fn log_on_disk(
    files: &Arc<dyn Files>,
    log_dir: &Path,
    key: &vestiary_signing::CheckpointKey,
) -> anyhow::Result<Option<LogReader>> {
    match LogReader::open(Arc::clone(files), log_dir, key.verifier_key()) {
        Ok(reader) => Ok(Some(reader)),
        // No checkpoint yet, or one that a power cut tore: the writer restores it from what it staged.
        Err(vestiary_log::LogError::Files(error)) if error.is_missing() => Ok(None),
        Err(vestiary_log::LogError::Damaged { .. }) => Ok(None),
        Err(error) => Err(error).with_context(|| opening("log")),
    }
}

/// Feeds the memory with every entry that can be read already; says how many. A power cut tears the newest tiles, which
/// are not synced: the writer makes them again from what it staged, and the rest is read then.
fn read_log(reader: &LogReader, memory: &Memory, origin: &str) -> anyhow::Result<u64> {
    let published = reader.published()?;
    memory.remember_log(origin, published.checkpoint.size(), published.checkpoint.root())?;
    let mut read = 0;
    for entry in reader.entries(0..published.checkpoint.size()) {
        match entry {
            Ok((index, bytes)) => remember_entry(index, &bytes, memory)?,
            Err(error @ vestiary_log::LogError::Damaged { .. }) => {
                tracing::warn!(%error, read, "the log is read to its end after its writer has restored it");
                break;
            }
            Err(error) => return Err(error).with_context(|| opening("log")),
        }
        read += 1;
    }
    Ok(read)
}

/// Feeds the memory with the entries from an index on; says how many entries the log has.
fn remember_entries(reader: &LogReader, from: u64, memory: &Memory) -> anyhow::Result<u64> {
    let size = reader.published()?.checkpoint.size();
    for entry in reader.entries(from..size) {
        let (index, bytes) = entry.context("reading the log")?;
        remember_entry(index, &bytes, memory)?;
    }
    Ok(size)
}

fn remember_entry(index: u64, bytes: &[u8], memory: &Memory) -> anyhow::Result<()> {
    // The log is opaque: what this version cannot read, it did not sign.
    if let Ok(statement) = Statement::parse(bytes) {
        memory
            .remember_statement(&statement)
            .with_context(|| format!("log entry {index}"))?;
    }
    Ok(())
}

fn remember_outbox(ledger: &Ledger, memory: &Memory) -> anyhow::Result<()> {
    ledger.read(|state| {
        for (lane, table) in &state.outboxes {
            for attempt in table.entries().flat_map(|entry| &entry.attempts) {
                let envelope = TxEnvelope::decode_2718(&mut attempt.raw.as_ref())?;
                let TxEnvelope::Eip1559(signed) = envelope else {
                    bail!("a transaction in the journal is none of ours");
                };
                let hash = signed.tx().signature_hash();
                memory.remember_transaction(lane.address, signed.tx(), hash)?;
            }
        }
        Ok(())
    })
}

/// A mirror that folded another log, or more of this one than there is, is deleted and filled again.
fn match_log(
    mirror: Mirror,
    config: &Config,
    deployment: &Deployment,
    log: &LogReader,
) -> anyhow::Result<Mirror> {
    let Some((index, digest)) = mirror.view().last_entry() else {
        return Ok(mirror);
    };
    let entry = log.entry(index).ok();
    if entry.is_some_and(|entry| vestiary::digest::Sha256::of(&entry) == digest) {
        return Ok(mirror);
    }
    tracing::warn!(
        index,
        "the mirror folded an entry that the log does not have; it is filled again"
    );
    let path = dir(config, "mirror");
    drop(mirror);
    Mirror::wipe(&path)?;
    Ok(Mirror::open(&path, mirror_config(config, deployment))?)
}

/// A log that is shorter than what was promised or anchored was restored from an older copy: what is appended to it
/// would be another log under the same name.
async fn refuse_older_log(
    config: &Config,
    deployment: &Deployment,
    rpc: &Rpc,
    ledger: &Ledger,
    signing: &Keyring,
    size: u64,
) -> anyhow::Result<()> {
    let promised = ledger.read(|state| state.logged.values().map(|logged| logged.size).max().unwrap_or(0));
    let origin_hash = alloy_primitives::keccak256(config.log.origin.as_bytes());
    let (account, block) = (signing.anchoring_account(), rpc.head().await?.hash);
    let anchored =
        vestiary_chain::read::last_anchored_size(rpc, deployment.log_anchor, account, origin_hash, block)
            .await
            .context("asking the chain for the last anchor of the log")?;
    if size < promised.max(anchored) {
        bail!(
            "{} has {size} entries; receipts name {promised} and the chain's anchor {anchored}: it is an older copy, \
             and nothing may be appended to it. `vestiary repair --config FILE --from COPY` takes the rest from any \
             copy of the log's public files",
            dir(config, "log").display()
        );
    }
    Ok(())
}

/// What the chain says of our log, heard while serving: somebody else with our keys who anchors another log, or
/// more of it than there is, ends our signing.
pub(crate) fn hear_anchors(service: &Service) -> anyhow::Result<()> {
    let log = &service.log_reader;
    remember_anchors(&service.mirror, &service.config, &service.signing, log)?;
    Ok(service.signing.memory().check_log(&service.config.log.origin)?)
}

fn remember_anchors(
    mirror: &Mirror,
    config: &Config,
    signing: &Keyring,
    log: &LogReader,
) -> anyhow::Result<()> {
    let origin_hash = alloy_primitives::keccak256(config.log.origin.as_bytes());
    let account = signing.anchoring_account();
    if let Some((size, anchor)) = mirror.view().latest_anchor(account, origin_hash)? {
        let root = vestiary_tlog::Hash(anchor.root.0);
        // Our own root at that size, where our log reaches it: the memory compares the two.
        if let Ok(ours) = log.root(size) {
            signing.memory().remember_log(&config.log.origin, size, ours)?;
        }
        signing.memory().remember_witnessed(
            &config.log.origin,
            size,
            root,
            vestiary_signing::Witnessed::Anchor,
        )?;
    }
    Ok(())
}

/// Batches that the issuer signed and the log may not have yet.
fn remember_signed_batches(ledger: &Ledger, memory: &Memory) -> anyhow::Result<()> {
    ledger.read(|state| {
        for batch in state
            .batches
            .values()
            .filter(|batch| matches!(batch.stage, BatchStage::Signed(_)))
        {
            let prepared = &batch.prepared;
            let first = vestiary::ids::Serial::new(prepared.first_serial)?;
            let range = SerialRange::new(first, prepared.count)?;
            memory
                .remember_batch(prepared.collection, prepared.design_id, range, prepared.root)
                .with_context(|| commit::intent_id(&prepared.id).to_string())?;
        }
        Ok(())
    })
}

async fn open_log(service: &Arc<Service>) -> anyhow::Result<()> {
    let origin = &service.config.log.origin;
    let opened = LogOpened {
        origin: origin.clone(),
        shard: service.config.log.shard.to_string(),
        registry: service.registry(),
        anchoring_account: service.account(service.signing.anchoring_account()),
        checkpoint_vkey: service.signing.checkpoint_key(origin)?.verifier_key(),
        receipt_vkey: service.signing.receipt_vkey(origin)?,
    };
    Ok(statements::open_log(service, opened).await?)
}

/// The first start makes an administrator's key and writes it where only the operator can read it.
fn make_first_api_key(service: &Service) -> anyhow::Result<()> {
    if service.ledger.read(|state| !state.api_keys.is_empty()) {
        return Ok(());
    }
    let key = PresentedKey::generate(service.random.as_ref());
    let path = service.config.service.data_dir.join(FIRST_API_KEY_FILE);
    write_private(&path, format!("{}\n", key.reveal().as_str()).as_bytes())
        .with_context(|| format!("writing {}", path.display()))?;
    let stored = key.stored(vec![Scope::Admin], None, "first key".into());
    service
        .ledger
        .command(move |_| Ok(vec![Record::ApiKeyAdded { key: stored }]))?;
    tracing::info!(path = %path.display(), "the first API key was made");
    Ok(())
}

/// Writes a file that nobody else can read, replacing one that a crash left before its key was journaled. Durable on
/// return: a key that is in force must not be one that nobody has.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::File::open(vestiary_log::files::parent(path))?.sync_all()
}
