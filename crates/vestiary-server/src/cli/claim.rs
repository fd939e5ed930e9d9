//! `vestiary claim`: with the code from a garment, through the service or straight to the chain.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, Bytes, hex};
use clap::Args as ClapArgs;
use serde_json::json;
use vestiary::batch_file::{BatchFile, MAX_BATCH_FILE_BYTES};
use vestiary::certificate::{Certificate, MAX_CERTIFICATE_BYTES};
use vestiary::digest::Sha256;
use vestiary::ids::{WearableId, parse_address};
use vestiary_chain::calls::{self, ClaimArguments};
use vestiary_chain::once;
use vestiary_chain::rpc::{Endpoint, Rpc, RpcOptions};
use vestiary_server::api::{ClaimView, NewClaim};
use vestiary_signing::{ClaimCode, ClaimKey, Purpose};

use super::failure::Failure;
use super::files;
use super::options::{AccountOptions, PassphraseOptions, ServiceOptions, secret};
use super::output::Output;
use super::verify::wearable_id;

/// How long the signed wish is good for, in seconds.
const VALID_S: u64 = 3_600;
/// How long a claim may take to reach the chain.
const PATIENCE: Duration = Duration::from_mins(2);

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    service: ServiceOptions,
    /// The wearable, eip155:…/erc721:0x…/…
    #[arg(long, value_parser = wearable_id)]
    wearable: WearableId,
    /// Who receives it: 0x… in lower case. With --direct, the sender when nobody says.
    #[arg(long, value_parser = address)]
    to: Option<Address>,
    /// File with the code, `-` for standard input; else the environment variable `VESTIARY_CLAIM_CODE`.
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
    /// Do not wait until it has reached the chain.
    #[arg(long)]
    no_wait: bool,
    /// Without the service, straight to the chain; the sender pays.
    #[arg(long, requires_all = ["batch_file", "rpc_url", "key_file"])]
    direct: bool,
    /// Any copy of the batch file.
    #[arg(long, value_name = "FILE", requires = "direct")]
    batch_file: Option<PathBuf>,
    /// URL of a node. May hold a secret, so it is never shown.
    #[arg(
        long = "rpc",
        env = "VESTIARY_RPC_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    rpc_url: Option<String>,
    /// Key file of the account that sends and pays (purpose submitter).
    #[arg(long, value_name = "FILE", requires = "direct")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
}

fn address(text: &str) -> Result<Address, String> {
    parse_address(text).map_err(|error| error.to_string())
}

pub(crate) async fn run(args: Args, out: Output) -> Result<(), Failure> {
    let key = read_code(args.code_file.as_deref())?.claim_key(&args.wearable);
    if args.direct {
        direct(&args, &key, out).await
    } else {
        through_service(&args, &key, out).await
    }
}

fn read_code(file: Option<&Path>) -> Result<ClaimCode, Failure> {
    let text = secret(file, "VESTIARY_CLAIM_CODE")?.ok_or_else(|| {
        Failure::usage("which code?")
            .remedy("give --code-file FILE (`-` for standard input) or set VESTIARY_CLAIM_CODE")
    })?;
    // The error says what is wrong with a code without repeating it.
    ClaimCode::parse(&text).map_err(|error| {
        let source = file.map_or_else(|| "VESTIARY_CLAIM_CODE".into(), |path| path.display().to_string());
        Failure::refused(error.code(), format!("{source}: {error}"))
    })
}

fn deadline() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs() + VALID_S
}

fn wrong_code(wearable: &WearableId) -> Failure {
    Failure::refused("wrong_code", format!("this code does not open {wearable}"))
        .remedy("compare code and garment; each code opens one wearable")
}

async fn through_service(args: &Args, key: &ClaimKey, out: Output) -> Result<(), Failure> {
    let to = args.to.ok_or_else(|| Failure::usage("give --to, the receiver"))?;
    let client = args.service.client()?;
    let id = args.wearable.to_string();
    let bytes = client
        .get_bytes(&["v1", "wearables", &id, "certificate"], MAX_CERTIFICATE_BYTES)
        .await?;
    let certificate = Certificate::parse(&bytes)
        .map_err(|error| Failure::failed(error.code(), format!("the certificate of {id}: {error}")))?;
    if certificate.fields().wearable != args.wearable {
        return Err(Failure::failed(
            "other_wearable",
            "the service answered with another certificate",
        ));
    }
    let deadline = deadline();
    let signature = key.sign_claim(to, deadline, certificate.digest());
    let body = NewClaim {
        wearable: id,
        to: format!("{to:#x}"),
        deadline: deadline.to_string(),
        signature: format!("0x{}", hex::encode(signature.as_bytes())),
    };
    let mut view: ClaimView = client.post(&["v1", "claims"], &body).await?;
    if !args.no_wait {
        let bar = out.spinner("claiming");
        let claim_id = view.id.clone();
        let path = ["v1", "claims", claim_id.as_str()];
        view = client
            .wait_for(&path, PATIENCE, "the claim", |claim: &ClaimView| {
                matches!(claim.state.as_str(), "included" | "finalized" | "failed")
            })
            .await?;
        bar.finish_and_clear();
    }
    if view.state == "failed" {
        return Err(Failure::refused(
            "claim_failed",
            format!("the claim failed: {}", view.reason),
        ));
    }
    out.answer(&json!({ "claim": view, "direct": false }), || {
        format!("{} goes to {} ({})", view.wearable, view.to, view.state)
    })?;
    Ok(())
}

async fn direct(args: &Args, key: &ClaimKey, out: Output) -> Result<(), Failure> {
    let (Some(batch_file), Some(rpc_url), Some(key_file)) = (&args.batch_file, &args.rpc_url, &args.key_file)
    else {
        return Err(Failure::usage(
            "--direct needs --batch-file, --rpc and --key-file",
        ));
    };
    let bytes = files::read(batch_file, MAX_BATCH_FILE_BYTES as u64)?;
    let batch = BatchFile::parse(&bytes)
        .map_err(|error| Failure::refused(error.code(), format!("{}: {error}", batch_file.display())))?;
    let token_id = args.wearable.token_id;
    let missing = || {
        Failure::refused(
            "not_in_batch",
            format!("{} is not in this batch file", args.wearable),
        )
    };
    if batch.collection() != args.wearable.collection {
        return Err(missing());
    }
    let leaf = batch.tree().leaf(token_id).ok_or_else(missing)?;
    let proof = batch.tree().proof(token_id).ok_or_else(missing)?;
    if leaf.claim_key != key.address() {
        return Err(wrong_code(&args.wearable));
    }
    let account = AccountOptions {
        key_file: key_file.clone(),
        passphrase: args.passphrase.clone(),
    };
    let sender = account.sender(Purpose::Submitter)?;
    let to = args
        .to
        .unwrap_or_else(|| vestiary_chain::TransactionSigner::address(&sender));
    let deadline = deadline();
    let digest: Sha256 = leaf.certificate_digest;
    let signature = key.sign_claim(to, deadline, digest);
    let arguments = ClaimArguments {
        root: batch.root(),
        to,
        deadline,
        proof,
        signature: Bytes::copy_from_slice(signature.as_bytes()),
    };
    let chain = args.wearable.collection.chain;
    let rpc = Rpc::connect(Endpoint::url(rpc_url)?, chain, None, RpcOptions::default()).await?;
    let bar = out.spinner("claiming, straight to the chain");
    let call = calls::claim(args.wearable.collection.address, leaf, arguments);
    let mined = once::send(&rpc, &sender, &call).await?;
    bar.finish_and_clear();
    let answer = json!({
        "claim": { "wearable": args.wearable.to_string(), "to": format!("{to:#x}"), "state": "included",
            "transaction": mined.hash },
        "direct": true, "block": mined.block, "gas_used": mined.gas_used,
    });
    out.answer(&answer, || {
        format!("{} belongs to {to:#x} at block {}", args.wearable, mined.block)
    })?;
    Ok(())
}
