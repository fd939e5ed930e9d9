//! One ledger with every real part: Anvil, the contracts, key files, journal, log, mirror, the HTTP server.

pub(crate) mod actors;
pub(crate) mod checks;
pub(crate) mod gate;
pub(crate) mod http;
pub(crate) mod issuing;
pub(crate) mod papers;
pub(crate) mod raw;
pub(crate) mod simulated;
pub(crate) mod stage;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, U64, U256};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vestiary::ids::ChainId;
use vestiary_chain::anvil::{Anvil, AnvilOptions};
use vestiary_chain::deploy::{Deployment, deploy};
use vestiary_chain::rpc::{Endpoint, Rpc, RpcOptions};
use vestiary_log::seams::{Clock, Random, SystemClock, SystemRandom};
use vestiary_log::{Disk, Files};
use vestiary_mirror::MirrorConfig;
use vestiary_server::chain_status::ChainHealth;
use vestiary_server::config::Config;
use vestiary_server::keyring::Keyring;
use vestiary_server::service::Service;
use vestiary_server::startup::{self, FIRST_API_KEY_FILE, Outside};
use vestiary_server::{http as api, serve};
use vestiary_signing::{KdfCost, Passphrase};

use actors::Actor;
use http::Client;

/// The log's name in the tests.
pub(crate) const ORIGIN: &str = "log.example/tests";
/// Submitter accounts of a ground that have keys and money; a service uses one unless it is told otherwise.
pub(crate) const LANES: usize = 3;
/// Chain of Anvil.
pub(crate) const CHAIN: ChainId = ChainId(31_337);
/// A block that was begun is there after so long.
const MINING_ENDS: Duration = Duration::from_millis(300);
/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// The repository's top directory.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("crates/vestiary-server is two levels deep")
        .to_owned()
}

/// A file of `fixtures/`.
pub(crate) fn fixture(path: &str) -> Vec<u8> {
    let path = root().join("fixtures").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Says that a foreign program is there, or that it is not: then the test ends, or fails under `--strict`.
pub(crate) fn said<T>(what: &str, found: Option<T>) -> Option<T> {
    if found.is_some() {
        println!("ran: {what}");
    } else {
        assert!(
            std::env::var("VESTIARY_STRICT").as_deref() != Ok("1"),
            "missing: {what}"
        );
        println!("missing: {what}");
    }
    found
}

/// Anvil that mines each transaction at once.
pub(crate) fn anvil_options() -> Option<AnvilOptions> {
    let options = AnvilOptions::find(&root()).map(|options| AnvilOptions {
        block_time_s: None,
        ..options
    });
    said("anvil", options)
}

/// Unlocks the tests' keys.
pub(crate) const PASSPHRASE: &str = "a passphrase for tests only";

/// [`PASSPHRASE`] as the service wants it.
pub(crate) fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE.into()).unwrap()
}

/// Waits until `look` finds something.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < until, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
}

/// A node with the contracts on it, without a service.
#[derive(Debug)]
pub(crate) struct Ground {
    /// The node.
    pub(crate) anvil: Anvil,
    /// A client of it.
    pub(crate) rpc: Rpc,
    /// The contracts.
    pub(crate) deployment: Deployment,
    /// Data directory, configuration, keys.
    pub(crate) dir: TempDir,
}

impl Ground {
    /// Starts Anvil, deploys, makes keys and gives the service's accounts money.
    pub(crate) async fn lay() -> Option<Self> {
        Some(Self::lay_on(anvil_options()?).await)
    }

    /// The same on a node that mines otherwise.
    pub(crate) async fn lay_on(options: AnvilOptions) -> Self {
        let anvil = tokio::task::spawn_blocking(move || Anvil::start(&options).unwrap())
            .await
            .unwrap();
        let endpoint = Endpoint::url(&anvil.url()).unwrap();
        let rpc = Rpc::connect(endpoint, CHAIN, None, RpcOptions::default())
            .await
            .unwrap();
        let deployment = deploy(&rpc, &Actor::anvil(9).signer(), |_, _| {}).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("data/keys")).unwrap();
        std::fs::write(dir.path().join("deployment.json"), deployment.to_bytes()).unwrap();
        let keys = dir.path().join("data/keys");
        let (cost, random) = (KdfCost::Development, SystemRandom);
        Keyring::make_missing(&keys, &passphrase(), cost, &random).unwrap();
        Keyring::make_submitters(&keys, LANES, &passphrase(), cost, &random).unwrap();
        let ground = Self {
            anvil,
            rpc,
            deployment,
            dir,
        };
        std::fs::write(ground.dir.path().join("vestiary.toml"), ground.config_text()).unwrap();
        let keyring =
            Keyring::open(&keys, passphrase(), KdfCost::Development, Arc::new(SystemRandom)).unwrap();
        for (_, submitter) in keyring.submitters() {
            ground.fund(submitter.address()).await;
        }
        ground.fund(keyring.anchoring_account()).await;
        ground
    }

    /// Where the service's state is.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The configuration file of the service.
    fn config_text(&self) -> String {
        let (home, rpc_url) = (self.dir.path().display(), self.anvil.url());
        format!(
            r#"
[service]
listen = "127.0.0.1:0"
public_url = "https://ledger.example"
data_dir = "{home}/data"
allow_development_keys = true
storage_reserve_mib = 0

[chain]
rpc_url = "{rpc_url}"
deployment = "{home}/deployment.json"
poll_interval_ms = 50

[log]
origin = "{ORIGIN}"
anchor_delay_s = 0
"#
        )
    }

    /// The configuration of the service.
    pub(crate) fn config(&self) -> Config {
        Config::load(&self.dir.path().join("vestiary.toml"), None).unwrap()
    }

    /// Asks the node something of its own.
    pub(crate) async fn node(&self, method: &'static str, params: Value) -> Value {
        let answer: Value = self.rpc.call(method, params).await.unwrap();
        answer
    }

    /// Gives an account a thousand ether.
    pub(crate) async fn fund(&self, account: Address) {
        let wei = U256::from(10).pow(U256::from(21));
        self.node("anvil_setBalance", json!([account, wei])).await;
    }

    /// Replaces the last blocks by empty ones; their transactions are pending again. Nothing is mined meanwhile, nor
    /// begun to be: Anvil 1.7.1 otherwise builds on a block that it takes away, and shows a chain that is none.
    pub(crate) async fn reorganise(&self, depth_blocks: u64) {
        self.node("evm_setAutomine", json!([false])).await;
        tokio::time::sleep(MINING_ENDS).await;
        let head = self.rpc.head().await.expect("the node answers").number;
        self.node("anvil_reorg", json!([depth_blocks, []])).await;
        for number in head.saturating_sub(depth_blocks)..=head {
            let block = self
                .node("eth_getBlockByNumber", json!([U64::from(number), false]))
                .await;
            assert!(!block.is_null(), "the node lost its block {number}");
        }
        self.node("evm_setAutomine", json!([true])).await;
    }

    /// Mines empty blocks.
    pub(crate) async fn mine(&self, blocks: u64) {
        for _ in 0..blocks {
            self.node("evm_mine", json!([])).await;
        }
    }
}

/// A clock that runs, and that a test can set forward and back.
#[derive(Debug, Default)]
pub(crate) struct ShiftedClock(std::sync::atomic::AtomicI64);

impl ShiftedClock {
    /// Puts the clock forward.
    pub(crate) fn advance_s(&self, seconds: u64) {
        self.step_s(i64::try_from(seconds).unwrap());
    }

    /// Sets the clock forward, or back.
    pub(crate) fn step_s(&self, seconds: i64) {
        self.0
            .fetch_add(seconds * 1000, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for ShiftedClock {
    fn now_unix_ms(&self) -> u64 {
        let shift = self.0.load(std::sync::atomic::Ordering::SeqCst);
        SystemClock.now_unix_ms().saturating_add_signed(shift)
    }
}

/// The service, running in this process.
#[derive(Debug)]
pub(crate) struct TestLedger {
    /// Node, contracts, directory.
    pub(crate) ground: Ground,
    /// The service's clock.
    pub(crate) clock: Arc<ShiftedClock>,
    /// Its file system, from the next start on.
    pub(crate) files: Arc<dyn Files>,
    config: Config,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    service: Arc<Service>,
    client: Client,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl TestLedger {
    /// A new ledger; `None` where Anvil is missing.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(|_| {}).await
    }

    /// A new ledger with other settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Option<Self> {
        Some(Self::start_on(Ground::lay().await?, change).await)
    }

    /// A new ledger on a ground.
    pub(crate) async fn start_on(ground: Ground, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_over(ground, Arc::new(Disk), change).await
    }

    /// The same over another file system.
    pub(crate) async fn start_over(
        ground: Ground,
        files: Arc<dyn Files>,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut ledger = Self::on(ground);
        ledger.files = files;
        change(&mut ledger.config);
        ledger.run().await;
        ledger
    }

    /// A ledger that does not run yet.
    pub(crate) fn on(ground: Ground) -> Self {
        Self {
            config: ground.config(),
            ground,
            clock: Arc::default(),
            files: Arc::new(Disk),
            running: None,
        }
    }

    /// Changes the settings for the next [`run`](Self::run).
    pub(crate) fn reconfigure(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
    }

    /// Opens the service as [`run`](Self::run) does, without serving.
    pub(crate) async fn open(&self) -> anyhow::Result<Arc<Service>> {
        let outside = Outside {
            files: Arc::clone(&self.files),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            random: Arc::new(SystemRandom) as Arc<dyn Random>,
            passphrase: passphrase(),
            endpoint: None,
        };
        startup::open(self.config.clone(), outside).await
    }

    /// Opens and serves.
    pub(crate) async fn run(&mut self) {
        self.try_run().await.unwrap();
    }

    /// The same where the service may refuse to start; the error as an operator reads it.
    pub(crate) async fn try_run(&mut self) -> Result<(), String> {
        self.try_run_unready().await?;
        self.wait_ready().await;
        Ok(())
    }

    /// Opens and serves, whatever `/readyz` says.
    pub(crate) async fn run_unready(&mut self) {
        self.try_run_unready().await.unwrap();
    }

    async fn try_run_unready(&mut self) -> Result<(), String> {
        assert!(self.running.is_none(), "it runs already");
        let service = self.open().await.map_err(|error| format!("{error:#}"))?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve::run(Arc::clone(&service), listener, async {
            let _ = stopped.await;
        }));
        let admin = std::fs::read_to_string(self.ground.data_dir().join(FIRST_API_KEY_FILE)).unwrap();
        let client = Client::new(url, admin.trim().to_owned());
        self.running = Some(Running {
            service,
            client,
            stop,
            serving,
        });
        Ok(())
    }

    /// Waits until `/readyz` says yes.
    pub(crate) async fn wait_ready(&self) {
        let client = self.client();
        eventually("ready", async || {
            let reply = client.get("/readyz").await;
            (reply.status == 200).then_some(())
        })
        .await;
    }

    /// Stops as Ctrl-C does, and waits until nobody holds the files any more.
    pub(crate) async fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        let _ = running.stop.send(());
        drop(running.client);
        running.serving.await.unwrap().unwrap();
        eventually("everybody lets go of the service", async || {
            (Arc::strong_count(&running.service) == 1).then_some(())
        })
        .await;
    }

    /// The service.
    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.running.as_ref().expect("it runs").service
    }

    /// A client with the administrator's key.
    pub(crate) fn client(&self) -> &Client {
        &self.running.as_ref().expect("it runs").client
    }

    /// What its mirror is a mirror of.
    pub(crate) fn mirror_config(&self) -> MirrorConfig {
        let deployment = self.deployment();
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

    /// The contracts.
    pub(crate) fn deployment(&self) -> &Deployment {
        &self.ground.deployment
    }

    /// Waits until mirror and chain are at the same block, and the mirror has the whole log.
    pub(crate) async fn settle(&self) {
        let service = self.service();
        eventually("the mirror has the head", async || {
            let head = self.ground.rpc.head().await.unwrap().block_ref();
            let health = service.chain.health();
            assert!(!matches!(health, ChainHealth::Halted { .. }), "{health:?}");
            let there =
                service.mirror.head() == Some(head) && service.mirror.log_size() == service.log_size();
            there.then_some(())
        })
        .await;
    }

    /// Waits until the whole log is anchored.
    pub(crate) async fn wait_anchored(&self) {
        let service = self.service();
        eventually("the log is anchored", async || {
            let anchor = service
                .mirror
                .view()
                .latest_anchor(service.signing.anchoring_account(), service.origin_hash())
                .unwrap();
            anchor
                .is_some_and(|(size, _)| size == service.log_size())
                .then_some(())
        })
        .await;
        self.settle().await;
    }
}

/// The service's description as it is served.
pub(crate) fn description() -> Value {
    serde_json::to_value(api::openapi()).unwrap()
}
