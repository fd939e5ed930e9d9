//! `vestiary deploy`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use vestiary::ids::ChainId;
use vestiary_chain::deploy;
use vestiary_chain::rpc::{Endpoint, Rpc, RpcOptions};
use vestiary_signing::Purpose;

use super::failure::Failure;
use super::files;
use super::options::AccountOptions;
use super::output::Output;

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
    /// The deployment file to write; refused where one is already.
    #[arg(long, value_name = "FILE", default_value = "deployment.json")]
    out: PathBuf,
}

pub(crate) async fn run(args: Args, out: Output) -> Result<(), Failure> {
    if args.out.exists() {
        return Err(
            Failure::refused("exists", format!("{} is there already", args.out.display()))
                .remedy("one deployment serves everybody on a chain; use it, or name another file"),
        );
    }
    let sender = args.account.sender(Purpose::Submitter)?;
    let endpoint = Endpoint::url(&args.rpc_url)?;
    let rpc = Rpc::connect(endpoint, ChainId(args.chain_id), None, RpcOptions::default()).await?;
    let bar = out.progress(4, "putting contracts on the chain");
    let deployment = deploy::deploy(&rpc, &sender, |what, address| {
        bar.inc(1);
        out.say(format!("{what} {address:#x}"));
    })
    .await?;
    bar.finish_and_clear();
    files::write(&args.out, &deployment.to_bytes())?;
    out.answer(&deployment, || format!("wrote {}", args.out.display()));
    Ok(())
}
