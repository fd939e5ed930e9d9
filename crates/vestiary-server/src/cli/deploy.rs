//! `vestiary deploy`.

use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use clap::Args as ClapArgs;
use serde::Serialize;
use vestiary::ids::{ChainId, serde_address};
use vestiary::roots::{ChainRoot, CheckpointPolicy, ContractRoots, Policy, Roots};
use vestiary_chain::deploy::{self, Deployment, Placed};
use vestiary_chain::descriptions::descriptions;
use vestiary_chain::rpc::{Endpoint, Rpc, RpcOptions};
use vestiary_signing::Purpose;

use super::failure::Failure;
use super::files;
use super::options::{AccountOptions, load_deployment};
use super::output::Output;

/// How many contracts there are.
const CONTRACTS: u64 = 6;

/// Puts the contracts on a chain, at addresses that follow from their code: the same for everybody and on every chain.
/// What stands there already is checked and left alone, so doing it again continues what was interrupted.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// URL of a node. May hold a secret, so it is never shown.
    #[arg(
        long = "rpc",
        env = "VESTIARY_RPC_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    rpc_url: String,
    /// The chain that you mean (EIP-155); another one is refused.
    #[arg(long)]
    chain_id: u64,
    #[command(flatten)]
    account: AccountOptions,
    /// The deployment file to write; one that is there already has to name what stands, and stays as it is.
    #[arg(long, value_name = "FILE", default_value = "deployment.json")]
    out: PathBuf,
    /// A roots file to write, for verifiers: chain, addresses and code hashes, without any log or issuer. Another one
    /// that is there already stays as it is, and is an error.
    #[arg(long, value_name = "FILE")]
    roots: Option<PathBuf>,
    /// A directory for what hardware wallets show of calls and messages (ERC-7730), a file each, bound to this chain and
    /// these addresses. Other files of these names that are there already stay as they are, and are an error.
    #[arg(long, value_name = "DIRECTORY")]
    descriptions: Option<PathBuf>,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    deployment: Deployment,
    /// In the order in which they name one another.
    contracts: Vec<Contract>,
}

#[derive(Debug, Serialize)]
struct Contract {
    name: &'static str,
    #[serde(with = "serde_address")]
    address: Address,
    placed: Placed,
}

pub(crate) async fn run(args: Args, out: Output) -> Result<(), Failure> {
    let chain = ChainId(args.chain_id);
    // Before anything is sent.
    let before = args
        .out
        .exists()
        .then(|| named_before(&args.out, chain))
        .transpose()?;
    let sender = args.account.sender(Purpose::Submitter)?;
    let endpoint = Endpoint::url(&args.rpc_url)?;
    let genesis_hash = before.as_ref().map(|before| before.genesis_hash);
    let rpc = Rpc::connect(endpoint, chain, genesis_hash, RpcOptions::default()).await?;
    let bar = out.progress(CONTRACTS, "putting contracts on the chain");
    let mut contracts = Vec::new();
    let deployment = deploy::deploy_with(&rpc, &sender, |name, address, placed| {
        bar.inc(1);
        out.say(match placed {
            Placed::Now => format!("{name} {address:#x}, put there now"),
            Placed::Before => format!("{name} {address:#x}, stood there"),
        });
        contracts.push(Contract {
            name,
            address,
            placed,
        });
    })
    .await?;
    bar.finish_and_clear();
    let deployment = keep(&args.out, before, deployment)?;
    if let Some(path) = &args.roots {
        let text = roots_of(&deployment)
            .to_toml()
            .map_err(|error| Failure::failed(error.code(), error.to_string()))?;
        keep_equal(path, &text)?;
    }
    if let Some(directory) = &args.descriptions {
        files::make_dir(directory)?;
        for file in descriptions(&deployment) {
            keep_equal(&directory.join(file.name), &file.text)?;
        }
    }
    let answer = Answer {
        deployment,
        contracts,
    };
    out.answer(&answer, || {
        let roots = args.roots.as_deref().map(Path::display);
        let roots = roots.map_or_else(String::new, |roots| {
            format!("; what verifiers believe stands in {roots}")
        });
        let words = args.descriptions.as_deref().map(Path::display);
        let words = words.map_or_else(String::new, |words| {
            format!("; what hardware wallets show stands in {words}")
        });
        format!(
            "{} names them, with their code hashes{roots}{words}",
            args.out.display()
        )
    })?;
    Ok(())
}

/// Writes the file, unless it is there already; another one is refused.
fn keep_equal(path: &Path, text: &str) -> Result<(), Failure> {
    match std::fs::read(path) {
        Ok(there) if there == text.as_bytes() => Ok(()),
        Ok(_) => Err(exists(path)),
        Err(_) => files::write(path, text.as_bytes()),
    }
}

fn exists(path: &Path) -> Failure {
    Failure::refused("exists", format!("{} is there already", path.display())).remedy("name another file")
}

/// The deployment file that is there, if it is one of this chain.
fn named_before(path: &Path, chain: ChainId) -> Result<Deployment, Failure> {
    let named = load_deployment(path).map_err(|_| exists(path))?;
    if named.chain != chain {
        return Err(exists(path));
    }
    Ok(named)
}

/// Writes the file, unless one that says the same is there; one that says something else is refused.
fn keep(path: &Path, before: Option<Deployment>, deployment: Deployment) -> Result<Deployment, Failure> {
    let Some(before) = before else {
        files::write(path, &deployment.to_bytes())?;
        return Ok(deployment);
    };
    // Where following starts may be any block before the contracts.
    let same = Deployment {
        first_block: before.first_block,
        ..deployment
    };
    if same == before {
        return Ok(before);
    }
    let detail = format!("{} names other contracts than this version's", path.display());
    Err(Failure::refused("deployment_differs", detail)
        .remedy("the contracts stand; name another file for them, and keep this one for the collections of the others"))
}

/// What a verifier may believe of a deployment; logs and issuers are for the reader to add (`vestiary roots`).
fn roots_of(deployment: &Deployment) -> Roots {
    Roots {
        chain: ChainRoot {
            id: deployment.chain,
            block_hash: deployment.genesis_hash,
        },
        contracts: ContractRoots {
            registry: deployment.registry,
            log_anchor: deployment.log_anchor,
            factory: Some(deployment.factory),
            implementation_code_hashes: vec![deployment.implementation_code_hash],
        },
        logs: Vec::new(),
        issuers: Vec::new(),
        policy: Policy {
            checkpoint: CheckpointPolicy::LogKey,
        },
    }
}
