//! `vestiary collection create|set-minter`.

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolEvent as _;
use clap::Subcommand;
use serde_json::json;
use vestiary::abi::ICollectionFactory::CollectionCreated;
use vestiary::digest::Sha256;
use vestiary::ids::{CollectionId, IssuerId, parse_address};
use vestiary_chain::{calls, once};
use vestiary_server::api::{CollectionView, NewCollection};
use vestiary_signing::Purpose;

use super::failure::Failure;
use super::issuer::SEEN_WITHIN;
use super::options::{AccountOptions, CallerOptions, ChainOptions, collection_id, issuer_id};
use super::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Creates a collection that the issuer owns, and tells the service.
    Create {
        #[command(flatten)]
        caller: CallerOptions,
        #[command(flatten)]
        chain: ChainOptions,
        #[command(flatten)]
        account: AccountOptions,
        /// The issuer.
        #[arg(long, value_parser = issuer_id)]
        issuer_id: IssuerId,
        /// Its name on chain.
        #[arg(long)]
        name: String,
        /// Its symbol on chain.
        #[arg(long)]
        symbol: String,
        /// Where the public reaches the service; metadata links start with it. The service's URL when nobody says.
        #[arg(long, value_name = "URL")]
        public_url: Option<String>,
        /// Account that may mint wearables without claim key; it cannot commit, and `set-minter` takes it back.
        #[arg(long, value_parser = address)]
        minter: Option<Address>,
        /// Distinguishes collections of one issuer with equal texts.
        #[arg(long, default_value = "")]
        salt: String,
    },
    /// Grants the minter role of a collection, or takes it back.
    SetMinter {
        #[command(flatten)]
        chain: ChainOptions,
        #[command(flatten)]
        account: AccountOptions,
        /// The collection, eip155:…/erc721:0x….
        #[arg(long, value_parser = collection_id)]
        collection: CollectionId,
        /// The account that may mint, or no longer.
        #[arg(long, value_parser = address)]
        minter: Address,
        /// Take the role back.
        #[arg(long)]
        revoke: bool,
    },
}

fn address(text: &str) -> Result<Address, String> {
    parse_address(text).map_err(|error| error.to_string())
}

pub(crate) async fn run(command: Command, out: Output) -> Result<(), Failure> {
    match command {
        Command::Create {
            caller,
            chain,
            account,
            issuer_id,
            name,
            symbol,
            public_url,
            minter,
            salt,
        } => {
            let client = caller.client()?;
            let sender = account.sender(Purpose::Issuer)?;
            let (deployment, rpc) = chain.connect().await?;
            let public_url = public_url.unwrap_or_else(|| client.url().to_owned());
            let wanted = calls::NewCollection {
                issuer: issuer_id,
                name,
                symbol,
                // The contract appends metadata/{chain}/{collection}/{token id}.
                base_uri: format!("{}/", public_url.trim_end_matches('/')),
                minter: minter.unwrap_or_default(),
                salt: if salt.is_empty() {
                    B256::ZERO
                } else {
                    Sha256::of(salt.as_bytes()).b256()
                },
            };
            let bar = out.spinner("creating the collection");
            let call = calls::create_collection(deployment.factory, &wanted);
            let mined = once::send(&rpc, &sender, &call).await?;
            let event = mined.receipt.logs().iter().find_map(|log| {
                let from_factory = log.inner.address == deployment.factory;
                let event =
                    CollectionCreated::decode_raw_log(log.topics().iter().copied(), &log.inner.data.data);
                event.ok().filter(|_| from_factory)
            });
            let event =
                event.ok_or_else(|| Failure::failed("no_event", "the factory did not say the address"))?;
            let id = CollectionId::new(deployment.chain, event.collection);
            let body = NewCollection {
                collection: id.to_string(),
            };
            let view: CollectionView = client
                .post_when_seen(&["v1", "collections"], &body, SEEN_WITHIN)
                .await?;
            bar.finish_and_clear();
            let answer = json!({
                "collection": view, "base_uri": wanted.base_uri,
                "transaction": mined.hash, "block": mined.block, "gas_used": mined.gas_used,
            });
            out.answer(&answer, || {
                format!("{} is collection {id} of issuer {issuer_id}", view.name)
            })?;
        }
        Command::SetMinter {
            chain,
            account,
            collection,
            minter,
            revoke,
        } => {
            let sender = account.sender(Purpose::Issuer)?;
            let (deployment, rpc) = chain.connect().await?;
            if collection.chain != deployment.chain {
                return Err(Failure::usage(format!(
                    "{collection} is not on {}",
                    deployment.chain
                )));
            }
            let call = calls::set_minter(collection.address, minter, !revoke);
            let mined = once::send(&rpc, &sender, &call).await?;
            let answer = json!({
                "collection": collection.to_string(), "minter": format!("{minter:#x}"), "allowed": !revoke,
                "transaction": mined.hash, "block": mined.block,
            });
            out.answer(&answer, || {
                let may = if revoke {
                    "may no longer mint"
                } else {
                    "may mint what has no claim key"
                };
                format!("{minter:#x} {may} in {collection}")
            })?;
        }
    }
    Ok(())
}
