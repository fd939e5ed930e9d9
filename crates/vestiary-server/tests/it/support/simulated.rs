//! The service, in this process, on the simulated chain.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use alloy_primitives::{Address, B256};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vestiary::inventory::Inventory;
use vestiary_chain::deploy::{Deployment, FORMAT};
use vestiary_chain::sim::SimChain;
use vestiary_log::seams::{Clock, SystemClock, SystemRandom};
use vestiary_log::{Disk, Files};
use vestiary_server::chain_status::ChainHealth;
use vestiary_server::config::Config;
use vestiary_server::error::Language;
use vestiary_server::inventory::{self, Question};
use vestiary_server::keyring::Keyring;
use vestiary_server::serve;
use vestiary_server::service::Service;
use vestiary_server::startup::{self, FIRST_API_KEY_FILE, Outside};
use vestiary_server::worker::{Stop, Stopper, follow};
use vestiary_signing::KdfCost;

use super::http::Client;
use super::{eventually, passphrase, stage};

/// Longest wait for the head, in looks of a millisecond or more.
const PATIENCE_MS: u32 = 30_000;

/// The service's keys: made once, for every opening costs enough.
static KEYS: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = stage::scratch();
    Keyring::make_missing(dir.path(), &passphrase(), KdfCost::Development, &SystemRandom).unwrap();
    dir
});

/// A data directory with keys, and a simulated chain.
#[derive(Debug)]
pub(crate) struct SimGround {
    /// The chain and its node.
    pub(crate) chain: SimChain,
    dir: TempDir,
}

/// A service that follows.
#[derive(Debug)]
pub(crate) struct SimLedger {
    /// The service.
    pub(crate) service: Arc<Service>,
    follows: JoinHandle<()>,
    stopper: Stopper,
}

/// A service that serves: everybody works who works in `vestiary serve`.
#[derive(Debug)]
pub(crate) struct SimServed {
    /// The service.
    pub(crate) service: Arc<Service>,
    /// A client with the administrator's key.
    pub(crate) client: Client,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl SimGround {
    /// Lays the ground below `chain`.
    pub(crate) fn lay(chain: SimChain) -> Self {
        let dir = stage::scratch();
        let config = stage::config(&chain);
        let deployment = Deployment {
            format: FORMAT.into(),
            chain: config.chain,
            genesis_hash: config.genesis_hash,
            first_block: config.first_block,
            log_anchor: config.log_anchor,
            registry: config.registry,
            estate: Address::repeat_byte(0xa6),
            recovery: Address::repeat_byte(0xa7),
            implementation: Address::repeat_byte(0xa5),
            factory: config.factory,
            log_anchor_code_hash: B256::repeat_byte(3),
            registry_code_hash: B256::repeat_byte(4),
            estate_code_hash: B256::repeat_byte(5),
            recovery_code_hash: B256::repeat_byte(6),
            factory_code_hash: B256::repeat_byte(7),
            implementation_code_hash: B256::repeat_byte(1),
            clone_code_hash: B256::repeat_byte(2),
        };
        std::fs::write(dir.path().join("deployment.json"), deployment.to_bytes()).unwrap();
        let keys = dir.path().join("data/keys");
        std::fs::create_dir_all(&keys).unwrap();
        for key in std::fs::read_dir(KEYS.path()).unwrap() {
            let key = key.unwrap();
            std::fs::copy(key.path(), keys.join(key.file_name())).unwrap();
        }
        Self { chain, dir }
    }

    /// The data directory.
    pub(crate) fn data_dir(&self) -> std::path::PathBuf {
        self.dir.path().join("data")
    }

    /// The configuration: looks at the chain all the time, and is behind at once.
    fn config(&self) -> Config {
        let path = self.dir.path().join("vestiary.toml");
        let (home, origin) = (self.dir.path().display(), stage::config(&self.chain).log_origin);
        let text = format!(
            r#"
[service]
listen = "127.0.0.1:0"
public_url = "https://ledger.example"
data_dir = "{home}/data"
allow_development_keys = true

[chain]
rpc_url = "http://127.0.0.1:1"
deployment = "{home}/deployment.json"
poll_interval_ms = 1

[log]
origin = "{origin}"

[freshness]
behind_after_s = 0
"#
        );
        std::fs::write(&path, text).unwrap();
        Config::load(&path, None).unwrap()
    }

    async fn open(&self) -> Arc<Service> {
        self.open_on(Arc::new(Disk), Arc::new(SystemClock)).await
    }

    /// Opens the service; nobody works.
    pub(crate) async fn open_on(&self, files: Arc<dyn Files>, clock: Arc<dyn Clock>) -> Arc<Service> {
        let outside = Outside {
            files,
            clock,
            random: Arc::new(SystemRandom),
            passphrase: passphrase(),
            endpoint: Some(self.chain.endpoint()),
        };
        startup::open(self.config(), outside).await.unwrap()
    }

    /// Opens the service and lets it follow.
    pub(crate) async fn start(&self) -> SimLedger {
        let service = self.open().await;
        let follower = startup::follower(&service).unwrap();
        let (stopper, stop) = Stop::new();
        let follows = tokio::spawn(follow::chain(Arc::clone(&service), follower, stop));
        SimLedger {
            service,
            follows,
            stopper,
        }
    }

    /// Opens the service and serves.
    pub(crate) async fn serve(&self) -> SimServed {
        self.serve_on(Arc::new(Disk), Arc::new(SystemClock)).await
    }

    /// The same over another file system and by another clock.
    pub(crate) async fn serve_on(&self, files: Arc<dyn Files>, clock: Arc<dyn Clock>) -> SimServed {
        let service = self.open_on(files, clock).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve::run(Arc::clone(&service), listener, async {
            let _ = stopped.await;
        }));
        let key = std::fs::read_to_string(self.data_dir().join(FIRST_API_KEY_FILE)).unwrap();
        SimServed {
            service,
            client: Client::new(url, key.trim().to_owned()),
            stop,
            serving,
        }
    }

    /// Takes the mirror away, as `vestiary rebuild` does first.
    pub(crate) fn wipe_mirror(&self) {
        let mirror: &Path = &self.data_dir().join("mirror");
        std::fs::remove_dir_all(mirror).unwrap();
    }
}

impl SimLedger {
    /// What the service answers for a wallet.
    pub(crate) fn ask(&self, wallet: Address) -> Inventory {
        let question = Question {
            wallet,
            world: None,
            slot: None,
            language: Language::En,
            limit: 200,
            after: None,
        };
        inventory::answer(&self.service, &question).unwrap()
    }

    /// Waits until the mirror stands on the chain's head and the service says that it follows.
    pub(crate) async fn settle(&self, chain: &SimChain) {
        settle(&self.service, chain).await;
    }

    /// Waits until following has ended and the mirror rests; the reason.
    pub(crate) async fn wait_halted(&self) -> String {
        eventually("the follower halts", async || match self.service.chain.health() {
            ChainHealth::Halted { reason } if self.follows.is_finished() => Some(reason),
            _ => None,
        })
        .await
    }

    /// Stops following and closes everything.
    pub(crate) async fn stop(self) {
        self.stopper.stop();
        self.follows.await.unwrap();
        closed(self.service).await;
    }
}

impl SimServed {
    /// Waits until the mirror stands on the chain's head.
    pub(crate) async fn settle(&self, chain: &SimChain) {
        settle(&self.service, chain).await;
    }

    /// Waits until serving ends by itself, and says with what.
    pub(crate) async fn wait_ended(self) -> anyhow::Result<()> {
        let ended = tokio::time::timeout(Duration::from_mins(1), self.serving).await;
        ended.expect("it goes on serving").unwrap()
    }

    /// Stops as Ctrl-C does.
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        drop(self.client);
        self.serving.await.unwrap().unwrap();
        closed(self.service).await;
    }
}

async fn settle(service: &Service, chain: &SimChain) {
    for _ in 0..PATIENCE_MS {
        let (head, health) = (service.mirror.head(), service.chain.health());
        if head == Some(chain.head()) && health == ChainHealth::Following {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (head, health) = (service.mirror.head(), service.chain.health());
    panic!("{head:?} and not {:?}, {health:?}", chain.head());
}

async fn closed(service: Arc<Service>) {
    eventually("everybody lets go of the service", async || {
        (Arc::strong_count(&service) == 1).then_some(())
    })
    .await;
}
