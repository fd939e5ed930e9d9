//! `vestiary issuer register|add-key|accept-log`: the brand's own acts in the registry, by its own account.

use std::time::Duration;

use alloy_primitives::{B256, keccak256};
use alloy_sol_types::SolEvent as _;
use clap::{Args, Subcommand};
use serde_json::json;
use vestiary::abi::IIssuerRegistry::IssuerRegistered;
use vestiary::ids::IssuerId;
use vestiary::keys::PublicKey;
use vestiary_chain::{calls, once};
use vestiary_server::api::{IssuerView, NewIssuer};
use vestiary_signing::Purpose;

use super::failure::Failure;
use super::options::{AccountOptions, CallerOptions, ChainOptions, ServiceOptions, issuer_id};
use super::output::Output;

/// How long the service may take to read from the chain what was just written there.
pub(crate) const SEEN_WITHIN: Duration = Duration::from_mins(1);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Registers a new issuer on chain and with the service.
    Register(Box<Register>),
    /// Accepts the service's log, with the anchoring account that its first entry names.
    AcceptLog(Box<AcceptLog>),
    /// Adds the certificate key that the service made for the issuer, valid in its log from now on.
    AddKey(Box<AddKey>),
}

#[derive(Debug, Args)]
pub(crate) struct Register {
    #[command(flatten)]
    caller: CallerOptions,
    #[command(flatten)]
    chain: ChainOptions,
    #[command(flatten)]
    account: AccountOptions,
    /// The name on its certificates.
    #[arg(long)]
    name: String,
    /// The DID that it claims, such as did:web:brand.example.
    #[arg(long, default_value = "")]
    did: String,
}

#[derive(Debug, Args)]
pub(crate) struct AcceptLog {
    #[command(flatten)]
    service: ServiceOptions,
    #[command(flatten)]
    chain: ChainOptions,
    #[command(flatten)]
    account: AccountOptions,
    /// The issuer.
    #[arg(long, value_parser = issuer_id)]
    issuer_id: IssuerId,
    /// Refuse a log of another name.
    #[arg(long, value_name = "ORIGIN")]
    expect_origin: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct AddKey {
    #[command(flatten)]
    service: ServiceOptions,
    #[command(flatten)]
    chain: ChainOptions,
    #[command(flatten)]
    account: AccountOptions,
    /// The issuer.
    #[arg(long, value_parser = issuer_id)]
    issuer_id: IssuerId,
    /// Refuse another key than this one (Multikey).
    #[arg(long, value_name = "KEY")]
    expect_key: Option<String>,
}

pub(crate) async fn run(command: Command, out: Output) -> Result<(), Failure> {
    match command {
        Command::Register(args) => register(*args, out).await,
        Command::AcceptLog(args) => accept_log(*args, out).await,
        Command::AddKey(args) => add_key(*args, out).await,
    }
}

async fn register(args: Register, out: Output) -> Result<(), Failure> {
    let Register {
        caller,
        chain,
        account,
        name,
        did,
    } = args;
    let client = caller.client()?;
    let sender = account.sender(Purpose::Issuer)?;
    let (deployment, rpc) = chain.connect().await?;
    let bar = out.spinner("registering");
    let mined = once::send(&rpc, &sender, &calls::register(deployment.registry, &did)).await?;
    let event = mined.receipt.logs().iter().find_map(|log| {
        let from_registry = log.inner.address == deployment.registry;
        let event = IssuerRegistered::decode_raw_log(log.topics().iter().copied(), &log.inner.data.data);
        event.ok().filter(|_| from_registry)
    });
    let event = event.ok_or_else(|| Failure::failed("no_event", "the registry did not say the number"))?;
    let issuer_id = event.issuerId.to_string();
    let body = NewIssuer {
        issuer_id: issuer_id.clone(),
        name,
    };
    let view: IssuerView = client
        .post_when_seen(&["v1", "issuers"], &body, SEEN_WITHIN)
        .await?;
    bar.finish_and_clear();
    let answer = json!({
        "issuer": view, "transaction": mined.hash, "block": mined.block, "gas_used": mined.gas_used,
    });
    out.answer(&answer, || {
                format!(
                    "{} is issuer {issuer_id}, account {}\nits certificate key here is {}\nnext: vestiary issuer accept-log, vestiary issuer add-key",
                    view.name, view.account, view.certificate_key
                )
            })?;
    Ok(())
}

async fn accept_log(args: AcceptLog, out: Output) -> Result<(), Failure> {
    let AcceptLog {
        service,
        chain,
        account,
        issuer_id,
        expect_origin,
    } = args;
    let client = service.client()?;
    let log = client.log().await?;
    let origin = log.opened.origin.clone();
    if expect_origin.is_some_and(|expected| expected != origin) {
        return Err(Failure::refused(
            "other_log",
            format!("the service's log is {origin}"),
        ));
    }
    let sender = account.sender(Purpose::Issuer)?;
    let (deployment, rpc) = chain.connect().await?;
    if log.opened.registry.address != deployment.registry || log.opened.registry.chain != deployment.chain {
        let detail = format!(
            "the log works for the registry {}, not for this one",
            log.opened.registry
        );
        return Err(Failure::refused("other_registry", detail));
    }
    let anchoring = log.opened.anchoring_account.address;
    let call = calls::accept_log(
        deployment.registry,
        issuer_id,
        keccak256(origin.as_bytes()),
        anchoring,
    );
    let mined = once::send(&rpc, &sender, &call).await?;
    seen(&client, issuer_id, "the accepted log", |issuer| {
        issuer.log_accepted
    })
    .await?;
    let answer = json!({
        "issuer_id": issuer_id, "origin": origin, "anchoring_account": log.opened.anchoring_account,
        "transaction": mined.hash, "block": mined.block, "gas_used": mined.gas_used,
    });
    out.answer(&answer, || {
        format!("issuer {issuer_id} accepts the log {origin}, anchored by {anchoring:#x}")
    })?;
    Ok(())
}

async fn add_key(args: AddKey, out: Output) -> Result<(), Failure> {
    let AddKey {
        service,
        chain,
        account,
        issuer_id,
        expect_key,
    } = args;
    let client = service.client()?;
    let issuer: IssuerView = client
        .get(&["v1", "issuers", &issuer_id.to_string()], &[])
        .await?;
    if expect_key.is_some_and(|expected| expected != issuer.certificate_key) {
        let detail = format!("the service signs with {}", issuer.certificate_key);
        return Err(Failure::refused("other_key", detail));
    }
    let key = PublicKey::from_multikey(&issuer.certificate_key)
        .map_err(|error| Failure::failed(error.code(), format!("the service's key: {error}")))?;
    let log = client.log().await?;
    let sender = account.sender(Purpose::Issuer)?;
    let (deployment, rpc) = chain.connect().await?;
    let from_index = log.checkpoint.size();
    let origin_hash = keccak256(log.opened.origin.as_bytes());
    let key = B256::from(key.to_bytes());
    let call = calls::add_key(deployment.registry, issuer_id, key, origin_hash, from_index);
    let mined = once::send(&rpc, &sender, &call).await?;
    seen(&client, issuer_id, "the added key", |issuer| issuer.key_added).await?;
    let answer = json!({
        "issuer_id": issuer_id, "key": issuer.certificate_key, "origin": log.opened.origin,
        "from_index": from_index.to_string(),
        "transaction": mined.hash, "block": mined.block, "gas_used": mined.gas_used,
    });
    out.answer(&answer, || {
        format!(
            "{} signs for issuer {issuer_id} from log entry {from_index} on",
            issuer.certificate_key
        )
    })?;
    Ok(())
}

async fn seen(
    client: &super::client::Client,
    issuer_id: IssuerId,
    what: &str,
    done: impl Fn(&IssuerView) -> bool,
) -> Result<(), Failure> {
    let id = issuer_id.to_string();
    client
        .wait_for(&["v1", "issuers", &id], SEEN_WITHIN, what, done)
        .await?;
    Ok(())
}
