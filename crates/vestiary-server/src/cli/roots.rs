//! `vestiary roots`: the reader's own act of deciding what to believe, from sources that the reader names.

use std::path::PathBuf;

use alloy_primitives::B256;
use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::json;
use vestiary::abi::IIssuerRegistry::{KeyState, compromiseOfCall, keyOfCall, logOfCall};
use vestiary::ids::{IssuerId, serde_u64};
use vestiary::keys::PublicKey;
use vestiary::roots::{ChainRoot, CheckpointPolicy, ContractRoots, IssuerRoot, LogRoot, Policy, Roots};
use vestiary::timestamp::Timestamp;
use vestiary_server::api::IssuerView;

use super::failure::Failure;
use super::files;
use super::options::{ChainOptions, ServiceOptions, issuer_id};
use super::output::Output;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    service: ServiceOptions,
    #[command(flatten)]
    chain: ChainOptions,
    /// An issuer to believe; its key and interval are read from the registry. May be given several times.
    #[arg(long = "issuer-id", value_parser = issuer_id, required = true)]
    issuers: Vec<IssuerId>,
    /// The roots file to write.
    #[arg(long, value_name = "FILE", default_value = "roots.toml")]
    out: PathBuf,
}

/// A declaration that a key is compromised, which does not count yet: roots made later will have it.
#[derive(Debug, Serialize)]
struct Pending {
    issuer: IssuerId,
    #[serde(with = "serde_u64")]
    from_index: u64,
    counts_from: String,
}

pub(crate) async fn run(args: Args, out: Output) -> Result<(), Failure> {
    let client = args.service.client()?;
    let log = client.log().await?;
    let (deployment, rpc) = args.chain.connect().await?;
    let head = rpc.head().await?;
    let origin_hash = alloy_primitives::keccak256(log.opened.origin.as_bytes());
    let (mut issuers, mut pending) = (Vec::new(), Vec::new());
    for id in args.issuers {
        let view: IssuerView = client.get(&["v1", "issuers", &id.to_string()], &[]).await?;
        let key = PublicKey::from_multikey(&view.certificate_key).map_err(|error| {
            Failure::failed(error.code(), format!("the service's key of issuer {id}: {error}"))
        })?;
        // The service names the key; the chain says whether and from where it counts.
        let ask = keyOfCall {
            issuerId: id.get(),
            key: B256::from(key.to_bytes()),
            originHash: origin_hash,
        };
        let found = vestiary_chain::read::call(&rpc, deployment.registry, &ask, head.hash).await?;
        let ask = compromiseOfCall {
            issuerId: id.get(),
            key: B256::from(key.to_bytes()),
            originHash: origin_hash,
        };
        let compromise = vestiary_chain::read::call(&rpc, deployment.registry, &ask, head.hash).await?;
        let ask = logOfCall {
            issuerId: id.get(),
            originHash: origin_hash,
        };
        let accepted = vestiary_chain::read::call(&rpc, deployment.registry, &ask, head.hash).await?;
        if found.state == KeyState::None || accepted.anchoringAccount != log.opened.anchoring_account.address
        {
            let detail = format!("the registry does not show this log and key for issuer {id}");
            return Err(Failure::refused("chain_disagrees", detail));
        }
        let counts = compromise.declared && compromise.effectiveFrom <= head.timestamp;
        if compromise.declared && !counts {
            let counts_from = Timestamp::new(compromise.effectiveFrom).map_err(|error| {
                Failure::refused(
                    "chain_disagrees",
                    format!("the registry's time for issuer {id}: {error}"),
                )
            })?;
            pending.push(Pending {
                issuer: id,
                from_index: compromise.fromIndex,
                counts_from: counts_from.to_string(),
            });
        }
        issuers.push(IssuerRoot {
            id,
            key,
            from_index: found.fromIndex,
            until_index: (found.untilIndex != u64::MAX).then_some(found.untilIndex),
            repudiated_from_index: counts.then_some(compromise.fromIndex),
        });
    }
    let roots = Roots {
        chain: ChainRoot {
            id: deployment.chain,
            block_hash: head.hash,
        },
        contracts: ContractRoots {
            registry: deployment.registry,
            log_anchor: deployment.log_anchor,
            factory: Some(deployment.factory),
            implementation_code_hashes: vec![deployment.implementation_code_hash],
        },
        logs: vec![LogRoot {
            origin: log.opened.origin.clone(),
            vkey: log.opened.checkpoint_vkey,
            receipt_vkey: log.opened.receipt_vkey,
            anchoring_account: log.opened.anchoring_account.address,
        }],
        issuers,
        policy: Policy {
            checkpoint: CheckpointPolicy::LogKey,
        },
    };
    let text = roots
        .to_toml()
        .map_err(|error| Failure::failed(error.code(), error.to_string()))?;
    files::write(&args.out, text.as_bytes())?;
    let answer = json!({
        "file": args.out,
        "origin": log.opened.origin,
        "block": head.number,
        "compromises_pending": pending,
    });
    out.answer(&answer, || {
        let mut text = format!(
            "{} holds what you now believe. Compare its keys with another source before you rely on it.",
            args.out.display()
        );
        for Pending { issuer, from_index, counts_from } in &pending {
            text += &format!(
                "\nIssuer {issuer} declared its key compromised from log entry {from_index} on. That counts from \
                 {counts_from}: make the roots again then."
            );
        }
        text
    });
    Ok(())
}
