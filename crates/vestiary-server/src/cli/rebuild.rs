//! `vestiary rebuild`: the mirror again, from nothing but chain and log.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use alloy_primitives::Address;
use alloy_sol_types::SolEvent as _;
use clap::Args as ClapArgs;
use serde_json::json;
use vestiary::abi::ICollectionFactory::CollectionCreated;
use vestiary::block::{Block, ChainLog};
use vestiary::keys::PublicKey;
use vestiary_chain::deploy::Deployment;
use vestiary_chain::follower::{Event, Follower, Start, Watch};
use vestiary_chain::rpc::{Endpoint, Rpc, RpcOptions};
use vestiary_log::points::reached;
use vestiary_log::{Disk, FileError, Files, LogReader};
use vestiary_mirror::{Mirror, MirrorConfig};
use vestiary_server::config::Config;
use vestiary_server::damage::Stored;
use vestiary_server::points;
use vestiary_server::worker::followed::FOLLOWED_FILE;
use vestiary_signing::{KeyFile, Purpose};
use vestiary_tlog::{KeyName, SignatureType, VerifierKey};

use super::failure::Failure;
use super::options::load_deployment;
use super::output::Output;
use super::serve::load_config;

/// How many blocks go into the mirror at once.
const BLOCKS_AT_ONCE: usize = 256;
/// How many log entries go into the mirror at once.
const ENTRIES_AT_ONCE: u64 = 1_000;
/// The node may fail for this long before the rebuild gives up; running it again starts from nothing.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The service's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// The stopped service's directories, held so that it cannot start meanwhile.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) config: Config,
    pub(crate) deployment: Deployment,
    _lock: Box<dyn vestiary_log::files::Lock>,
}

impl Stopped {
    /// Reads the configuration and takes the journal's lock, which a running service holds.
    pub(crate) fn hold(config: &Path) -> Result<Self, Failure> {
        let config = load_config(config)?;
        let data_dir = &config.service.data_dir;
        if !data_dir.is_dir() {
            let detail = format!("{} is not a directory", data_dir.display());
            return Err(Failure::failed("no_data_dir", detail).remedy("mend service.data_dir"));
        }
        let deployment = load_deployment(&config.chain.deployment)?;
        let journal = data_dir.join("journal");
        Disk.create_dir_all(&journal)
            .map_err(|error| file_failure(&error))?;
        let lock = Disk.lock(&journal.join("lock")).map_err(|error| match error {
            FileError::Locked { .. } => running(),
            error => file_failure(&error),
        })?;
        Ok(Self {
            config,
            deployment,
            _lock: lock,
        })
    }

    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        self.config.service.data_dir.join(name)
    }

    /// What the mirror is a mirror of.
    pub(crate) fn mirror_config(&self) -> MirrorConfig {
        let deployment = &self.deployment;
        MirrorConfig {
            chain: deployment.chain,
            genesis_hash: deployment.genesis_hash,
            registry: deployment.registry,
            factory: deployment.factory,
            log_anchor: deployment.log_anchor,
            first_block: deployment.first_block,
            log_origin: self.config.log.origin.clone(),
        }
    }

    /// The directories, to be checked or repaired.
    pub(crate) fn stored(&self) -> Result<Stored, Failure> {
        Ok(Stored {
            files: Arc::new(Disk),
            data_dir: self.config.service.data_dir.clone(),
            log_key: self.log_key()?,
            mirror: self.mirror_config(),
        })
    }

    /// The key that verifies the log's checkpoints, from the public part of the key file: no passphrase is needed.
    pub(crate) fn log_key(&self) -> Result<VerifierKey, Failure> {
        let path = self.dir("keys").join(Purpose::Checkpoint.file_name(None));
        let unreadable =
            |why: String| Failure::failed("key_unreadable", format!("{}: {why}", path.display()));
        let file = KeyFile::read(&path).map_err(|error| unreadable(error.to_string()))?;
        let key = PublicKey::from_multikey(file.public()).map_err(|error| unreadable(error.to_string()))?;
        KeyName::new(self.config.log.origin.clone())
            .and_then(|name| VerifierKey::new(name, SignatureType::Ed25519, &key.to_bytes()))
            .map_err(|error| unreadable(error.to_string()))
    }
}

/// Why a directory could not be checked or repaired.
pub(crate) fn damage_failure(error: vestiary_server::damage::Error) -> Failure {
    use vestiary_server::damage::Error;
    match error {
        Error::Mirror(error) => mirror_failure(error),
        Error::Files(error) => file_failure(&error),
        error => Failure::failed("unreadable", error.to_string()),
    }
}

fn running() -> Failure {
    Failure::refused("service_running", "the service is running on this data directory")
        .remedy("stop it first")
}

pub(crate) fn file_failure(error: &FileError) -> Failure {
    Failure::failed("file_failed", error.to_string())
}

pub(crate) fn mirror_failure(error: vestiary_mirror::Error) -> Failure {
    match error {
        vestiary_mirror::Error::Locked { .. } => running(),
        error => Failure::failed(error.code(), error.to_string()).remedy("run `vestiary rebuild`"),
    }
}

/// What to watch: our contracts and every collection of the factory's list.
#[derive(Debug)]
struct Watched {
    factory: Address,
    known: Mutex<BTreeSet<Address>>,
}

impl Watch for Watched {
    fn addresses(&self) -> Vec<Address> {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .copied()
            .collect()
    }

    fn discover(&self, log: &ChainLog) -> Vec<Address> {
        if log.address != self.factory {
            return Vec::new();
        }
        let event = CollectionCreated::decode_raw_log(log.topics.iter().copied(), &log.data);
        event.map(|event| vec![event.collection]).unwrap_or_default()
    }
}

pub(crate) async fn run(args: Args, out: Output) -> Result<(), Failure> {
    let started = Instant::now();
    let stopped = Stopped::hold(&args.config)?;
    let mirror = fill(&stopped, out).await?;
    let digest = mirror.row_digest().map_err(mirror_failure)?;
    let head = mirror.head();
    let answer = json!({
        "row_digest": digest.to_string(),
        "block": head.map(|head| head.number.to_string()).unwrap_or_default(),
        "block_hash": head.map(|head| head.hash.to_string()).unwrap_or_default(),
        "log_size": mirror.log_size().to_string(),
        "seconds": started.elapsed().as_secs(),
    });
    out.answer(&answer, || {
        format!(
            "the mirror is filled: block {}, log size {}\nrow digest {digest}",
            head.map(|head| head.number).unwrap_or_default(),
            mirror.log_size()
        )
    })?;
    Ok(())
}

/// Deletes the mirror and fills it from chain and log.
pub(crate) async fn fill(stopped: &Stopped, out: Output) -> Result<Mirror, Failure> {
    let rpc = Rpc::connect(
        Endpoint::url(&stopped.config.chain.rpc_url)?,
        stopped.deployment.chain,
        Some(stopped.deployment.genesis_hash),
        RpcOptions::default(),
    )
    .await?;
    stopped.deployment.check(&rpc).await?;
    let dir = stopped.dir("mirror");
    Mirror::wipe(&dir).map_err(mirror_failure)?;
    // What was final on the old chain, and that following it ended in a halt, says nothing about the new mirror.
    Disk.remove(&dir.join(FOLLOWED_FILE))
        .or_else(|error| if error.is_missing() { Ok(()) } else { Err(error) })
        .map_err(|error| file_failure(&error))?;
    let mirror = Mirror::open(&dir, stopped.mirror_config()).map_err(mirror_failure)?;
    reached(points::REBUILD_WIPED);
    fold_chain(stopped, &mirror, rpc, out).await?;
    reached(points::REBUILD_CHAIN);
    fold_log(stopped, &mirror, out)?;
    mirror.sync().map_err(mirror_failure)?;
    reached(points::REBUILD_DONE);
    Ok(mirror)
}

async fn fold_chain(stopped: &Stopped, mirror: &Mirror, rpc: Rpc, out: Output) -> Result<(), Failure> {
    let deployment = &stopped.deployment;
    let head = rpc.head().await?.number;
    let known = BTreeSet::from([deployment.registry, deployment.factory, deployment.log_anchor]);
    let watch = Watched {
        factory: deployment.factory,
        known: Mutex::new(known),
    };
    let options = vestiary_server::startup::follower_options(&stopped.config);
    let mut follower = Follower::new(rpc, watch, Start::At(deployment.first_block), options);
    let bar = out.progress(
        head.saturating_sub(deployment.first_block) + 1,
        "reading the chain",
    );
    let mut pending: Vec<Block> = Vec::new();
    loop {
        match follower.next().await {
            Event::Committed(block) => {
                bar.inc(1);
                pending.push(block);
                if pending.len() >= BLOCKS_AT_ONCE {
                    mirror
                        .apply_blocks(&std::mem::take(&mut pending))
                        .map_err(mirror_failure)?;
                }
            }
            Event::Reverted(block) => {
                mirror
                    .apply_blocks(&std::mem::take(&mut pending))
                    .map_err(mirror_failure)?;
                mirror.undo_block(&block).map_err(mirror_failure)?;
            }
            Event::CaughtUp { .. } => {
                mirror
                    .apply_blocks(&std::mem::take(&mut pending))
                    .map_err(mirror_failure)?;
                bar.finish_and_clear();
                return Ok(());
            }
            Event::Behind {
                failing_for, reason, ..
            } if failing_for > PATIENCE => {
                let detail = format!("the node fails for {} seconds now", failing_for.as_secs());
                return Err(Failure::failed(reason.code(), detail).remedy("run `vestiary rebuild` again"));
            }
            Event::Behind { .. } => {}
            Event::Halted(reason) => {
                return Err(
                    Failure::failed("halted", format!("{reason:?}")).remedy("run `vestiary rebuild` again")
                );
            }
        }
    }
}

fn fold_log(stopped: &Stopped, mirror: &Mirror, out: Output) -> Result<(), Failure> {
    let failed = |error: vestiary_log::LogError| {
        Failure::failed("log_damaged", error.to_string()).remedy("run `vestiary check`")
    };
    let files: Arc<dyn Files> = Arc::new(Disk);
    let reader = LogReader::open(files, &stopped.dir("log"), stopped.log_key()?).map_err(failed)?;
    let size = reader.published().map_err(failed)?.checkpoint.size();
    let bar = out.progress(size, "reading the log");
    let mut from = 0;
    while from < size {
        let to = size.min(from + ENTRIES_AT_ONCE);
        let entries = reader
            .entries(from..to)
            .map(|entry| entry.map(|(_, bytes)| bytes));
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        mirror.apply_entries(from, &entries).map_err(mirror_failure)?;
        bar.inc(to - from);
        from = to;
    }
    bar.finish_and_clear();
    Ok(())
}
