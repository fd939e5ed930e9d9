//! `vestiary roots`: the reader's own act of deciding what to believe, from sources that the reader names.

use std::fmt;
use std::path::PathBuf;

use alloy_primitives::B256;
use alloy_sol_types::SolCall;
use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::json;
use vestiary::abi::IIssuerRegistry::{KeyState, compromiseOfCall, keyOfCall, logOfCall};
use vestiary::ids::{IssuerId, serde_u64};
use vestiary::keys::PublicKey;
use vestiary::roots::{ChainRoot, CheckpointPolicy, ContractRoots, IssuerRoot, LogRoot, Policy, Roots};
use vestiary::timestamp::Timestamp;
use vestiary_chain::deploy::Deployment;
use vestiary_chain::rpc::{Header, Rpc};
use vestiary_server::api::IssuerView;

use super::client::{Client, LogView};
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

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            issuer,
            from_index,
            counts_from,
        } = self;
        write!(
            f,
            "Issuer {issuer} declared its key compromised from log entry {from_index} on. That counts from \
             {counts_from}: make the roots again then."
        )
    }
}

/// What the reader named, as it is at one block.
struct Sources {
    client: Client,
    log: LogView,
    deployment: Deployment,
    rpc: Rpc,
    head: Header,
}

impl Sources {
    /// Asks the registry.
    async fn registry<C: SolCall>(&self, ask: &C) -> Result<C::Return, Failure> {
        Ok(vestiary_chain::read::call(&self.rpc, self.deployment.registry, ask, self.head.hash).await?)
    }

    /// The service names the issuer's key; the chain says whether and from where it counts.
    async fn issuer(&self, id: IssuerId) -> Result<(IssuerRoot, Option<Pending>), Failure> {
        let view: IssuerView = self.client.get(&["v1", "issuers", &id.to_string()], &[]).await?;
        let multikey = PublicKey::from_multikey(&view.certificate_key).map_err(|error| {
            Failure::failed(error.code(), format!("the service's key of issuer {id}: {error}"))
        })?;
        let (key, issuer) = (B256::from(multikey.to_bytes()), id.get());
        let origin = alloy_primitives::keccak256(self.log.opened.origin.as_bytes());
        let ask = keyOfCall {
            issuerId: issuer,
            key,
            originHash: origin,
        };
        let found = self.registry(&ask).await?;
        let ask = compromiseOfCall {
            issuerId: issuer,
            key,
            originHash: origin,
        };
        let compromise = self.registry(&ask).await?;
        let ask = logOfCall {
            issuerId: issuer,
            originHash: origin,
        };
        let accepted = self.registry(&ask).await?;
        let disagrees = |detail: String| Failure::refused("chain_disagrees", detail);
        if found.state == KeyState::None
            || accepted.anchoringAccount != self.log.opened.anchoring_account.address
        {
            return Err(disagrees(format!(
                "the registry does not show this log and key for issuer {id}"
            )));
        }
        let counts = compromise.declared && compromise.effectiveFrom <= self.head.timestamp;
        let pending = if compromise.declared && !counts {
            let counts_from = Timestamp::new(compromise.effectiveFrom)
                .map_err(|error| disagrees(format!("the registry's time for issuer {id}: {error}")))?;
            Some(Pending {
                issuer: id,
                from_index: compromise.fromIndex,
                counts_from: counts_from.to_string(),
            })
        } else {
            None
        };
        let root = IssuerRoot {
            id,
            log: Some(self.log.opened.origin.clone()),
            key: multikey,
            from_index: found.fromIndex,
            until_index: (found.untilIndex != u64::MAX).then_some(found.untilIndex),
            repudiated_from_index: counts.then_some(compromise.fromIndex),
        };
        Ok((root, pending))
    }
}

pub(crate) async fn run(args: Args, out: Output) -> Result<(), Failure> {
    let client = args.service.client()?;
    let log = client.log().await?;
    let (deployment, rpc) = args.chain.connect().await?;
    let head = rpc.head().await?;
    let sources = Sources {
        client,
        log,
        deployment,
        rpc,
        head,
    };
    let (mut issuers, mut pending) = (Vec::new(), Vec::new());
    for id in args.issuers {
        let (root, declared) = sources.issuer(id).await?;
        issuers.push(root);
        pending.extend(declared);
    }
    let Sources {
        log,
        deployment,
        head,
        ..
    } = sources;
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
        for declared in &pending {
            text.push('\n');
            text.push_str(&declared.to_string());
        }
        text
    })?;
    Ok(())
}
