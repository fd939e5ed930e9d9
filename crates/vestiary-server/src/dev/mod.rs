//! `vestiary dev`: a whole ledger on one machine. A real node (Anvil), real contracts, real keys of accounts that the
//! whole world knows, and the service as a process of its own, so that it can really be stopped.
//!
//! The service reaches the node through a proxy that can be cut; a small control API on loopback cuts it and stops the
//! service, for those who want to see what happens then.

mod accounts;
mod control;
mod directory;
mod process;
mod proxy;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args as ClapArgs;
use vestiary::ids::ChainId;
use vestiary_chain::anvil::{Anvil, AnvilOptions};
use vestiary_chain::rpc::{Endpoint, Rpc, RpcOptions};

use crate::cli::failure::Failure;
use crate::cli::output::Output;

use accounts::Role;
use control::Control;
use directory::{Directory, Endpoints};
use process::ServiceProcess;
use proxy::Proxy;

/// Anvil's chain.
const CHAIN_ID: u64 = 31_337;
/// The service's port where nobody says and it is free.
const PORT: u16 = 8_080;
/// The node's port where it is free.
const NODE_PORT: u16 = 8_545;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Directory for everything that is made.
    #[arg(long, default_value = ".vestiary-dev", value_name = "DIR")]
    dir: PathBuf,
    /// Port of the service; 8080 or else any free one when nobody says.
    #[arg(long)]
    port: Option<u16>,
    /// The program `anvil`; else `VESTIARY_ANVIL`, `contracts/node_modules/.bin/anvil`, or the one on the path.
    #[arg(long, value_name = "FILE")]
    anvil: Option<PathBuf>,
    /// Delete what an earlier run left in the directory: its chain is gone with its node.
    #[arg(long)]
    fresh: bool,
}

/// Runs until Ctrl-C.
pub(crate) async fn run(args: Args, out: Output) -> Result<(), Failure> {
    let directory = Directory::make(&args.dir, args.fresh)?;
    let port = match args.port {
        Some(port) => port,
        None => free_port(PORT)?,
    };
    let bar = out.spinner("starting a node");
    let anvil = start_anvil(args.anvil).await?;
    let proxy = Arc::new(Proxy::start(free_port(NODE_PORT)?, anvil.port()).await?);

    bar.set_message("putting contracts on the chain");
    let rpc = Rpc::connect(
        Endpoint::url(&proxy.url())?,
        ChainId(CHAIN_ID),
        None,
        RpcOptions::default(),
    )
    .await?;
    let deployer = accounts::sender(Role::Deployer)?;
    let deployment = vestiary_chain::deploy::deploy(&rpc, &deployer, |_, _| {}).await?;

    bar.set_message("making keys and configuration");
    let control_listener = bind(0)?;
    let endpoints = Endpoints {
        api: format!("http://127.0.0.1:{port}"),
        port,
        rpc: proxy.url(),
        node: anvil.url(),
        control: format!("http://{}", local_address(&control_listener)?),
    };
    directory.fill(&deployment, &endpoints)?;

    bar.set_message("starting the service");
    let service = Arc::new(ServiceProcess::new(&directory, &endpoints)?);
    service.start().await?;
    let description = directory.describe(&deployment, &endpoints)?;
    bar.finish_and_clear();
    out.answer(&description, || banner(&args.dir, &description))?;

    let control = Control {
        proxy,
        service: Arc::clone(&service),
    };
    let outcome = tokio::select! {
        outcome = control::serve(control_listener, control) => outcome,
        () = vestiary_server::serve::shutdown_signal() => Ok(()),
    };
    out.say("stopping");
    service.stop().await?;
    drop(anvil);
    outcome
}

async fn start_anvil(program: Option<PathBuf>) -> Result<Anvil, Failure> {
    let options = match program {
        Some(program) => AnvilOptions::new(program),
        None => AnvilOptions::find(Path::new(".")).unwrap_or_else(|| AnvilOptions::new("anvil".into())),
    };
    let started = tokio::task::spawn_blocking(move || Anvil::start(&options)).await;
    let started = started.map_err(|error| Failure::failed("anvil", error.to_string()))?;
    started.map_err(|error| {
        Failure::failed("anvil", error.to_string())
            .remedy("run `npm ci` in contracts/, or name the program with --anvil or VESTIARY_ANVIL")
    })
}

fn bind(port: u16) -> Result<TcpListener, Failure> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| Failure::failed("port_taken", format!("port {port}: {error}")))
}

fn local_address(listener: &TcpListener) -> Result<std::net::SocketAddr, Failure> {
    listener
        .local_addr()
        .map_err(|error| Failure::failed("port_taken", error.to_string()))
}

/// The usual port if nobody has it, else any.
fn free_port(usual: u16) -> Result<u16, Failure> {
    let listener = bind(usual).or_else(|_| bind(0))?;
    Ok(local_address(&listener)?.port())
}

fn banner(dir: &Path, description: &serde_json::Value) -> String {
    let text = |pointer: &str| {
        description
            .pointer(pointer)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    };
    let mut banner = format!(
        "\nVestiary, for trying things out\n\n  service       {api}      (docs: {api}/docs)\n  node          {rpc}      chain {chain}, one block a second\n  control       {control}      POST /chain/cut /chain/restore /service/stop /service/start\n  directory     {dir}\n\n",
        api = text("/api"),
        rpc = text("/rpc"),
        chain = CHAIN_ID,
        control = text("/control"),
        dir = dir.display(),
    );
    for contract in [
        "registry",
        "factory",
        "log_anchor",
        "estate",
        "recovery",
        "implementation",
    ] {
        let address = text(&format!("/contracts/{contract}"));
        let _ = writeln!(banner, "  {contract:<14} {address}");
    }
    banner.push_str("\n  TEST ONLY, DO NOT USE: the whole world knows the keys of these accounts\n");
    for role in Role::ALL {
        let address = text(&format!("/accounts/{}/address", role.name()));
        let _ = writeln!(banner, "  {:<14}{address}  {}", role.name(), role.does());
    }
    let vestiary = text("/vestiary");
    let _ = writeln!(
        banner,
        "\nNext, in another terminal:\n\n  node scripts/story.mjs {dir}/dev.json\n  export VESTIARY_API={api} VESTIARY_RPC_URL={rpc} VESTIARY_DEPLOYMENT={deployment} VESTIARY_ALLOW_DEVELOPMENT_KEYS=true\n  {vestiary} inventory {alice}\n\nCtrl-C stops everything.",
        dir = dir.display(),
        api = text("/api"),
        rpc = text("/rpc"),
        deployment = text("/deployment"),
        alice = text("/accounts/alice/address"),
    );
    banner
}
