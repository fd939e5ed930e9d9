//! Options that several verbs share.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use vestiary::ids::{CollectionId, IssuerId};
use vestiary_chain::deploy::Deployment;
use vestiary_chain::rpc::{Endpoint, Rpc, RpcOptions};
use vestiary_signing::{Account, AccountKey, KdfCost, Memory, Passphrase, Purpose, StoredKey};
use zeroize::Zeroizing;

use super::client::Client;
use super::failure::Failure;
use super::files;

/// Where the service is.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServiceOptions {
    /// URL of the service.
    #[arg(
        long,
        env = "VESTIARY_API",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub(crate) api: String,
}

/// Where the service is, and who calls.
#[derive(Clone, Debug, Args)]
pub(crate) struct CallerOptions {
    #[command(flatten)]
    pub(crate) service: ServiceOptions,
    /// File with the API key; else the environment variable `VESTIARY_API_KEY`.
    #[arg(long, value_name = "FILE")]
    pub(crate) api_key_file: Option<PathBuf>,
}

/// The chain and its contracts.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChainOptions {
    /// URL of a node. May hold a secret, so it is never shown.
    #[arg(
        long = "rpc",
        env = "VESTIARY_RPC_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    pub(crate) rpc_url: String,
    /// The file that `vestiary deploy` wrote.
    #[arg(long, env = "VESTIARY_DEPLOYMENT", value_name = "FILE")]
    pub(crate) deployment: PathBuf,
}

/// What unlocks key files.
#[derive(Clone, Debug, Args)]
pub(crate) struct PassphraseOptions {
    /// File with the passphrase of the key files; else the environment variable `VESTIARY_PASSPHRASE`.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Accept key files that say they are for development.
    #[arg(long, env = "VESTIARY_ALLOW_DEVELOPMENT_KEYS")]
    pub(crate) allow_development_keys: bool,
}

/// The account that acts.
#[derive(Clone, Debug, Args)]
pub(crate) struct AccountOptions {
    /// Key file of the account that sends the transaction.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseOptions,
}

impl ServiceOptions {
    /// A client without API key.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.api, None)
    }
}

impl CallerOptions {
    /// A client with the caller's API key.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        let key = secret(self.api_key_file.as_deref(), "VESTIARY_API_KEY")?;
        let key = key.ok_or_else(|| {
            Failure::usage("this needs an API key")
                .remedy("give --api-key-file FILE or set VESTIARY_API_KEY; `vestiary api-key new` makes one")
        })?;
        Client::new(&self.service.api, Some(key))
    }
}

impl ChainOptions {
    /// Reads the deployment and connects to its chain.
    pub(crate) async fn connect(&self) -> Result<(Deployment, Rpc), Failure> {
        let deployment = load_deployment(&self.deployment)?;
        let endpoint = Endpoint::url(&self.rpc_url)?;
        let genesis = Some(deployment.genesis_hash);
        let rpc = Rpc::connect(endpoint, deployment.chain, genesis, RpcOptions::default()).await?;
        deployment.check(&rpc).await?;
        Ok((deployment, rpc))
    }
}

impl PassphraseOptions {
    /// The passphrase.
    pub(crate) fn passphrase(&self) -> Result<Passphrase, Failure> {
        let text = secret(self.passphrase_file.as_deref(), "VESTIARY_PASSPHRASE")?;
        let text = text.ok_or_else(|| {
            Failure::usage("key files need their passphrase")
                .remedy("give --passphrase-file FILE or set VESTIARY_PASSPHRASE")
        })?;
        Passphrase::new(text.as_str().to_owned()).map_err(|error| {
            let source = self
                .passphrase_file
                .as_ref()
                .map_or_else(|| "VESTIARY_PASSPHRASE".into(), |path| path.display().to_string());
            Failure::failed(error.code(), format!("{source}: {error}"))
        })
    }

    /// The least key stretching that is accepted, and what new keys get.
    pub(crate) const fn cost(&self) -> KdfCost {
        if self.allow_development_keys {
            KdfCost::Development
        } else {
            KdfCost::Standard
        }
    }

    /// Unlocks a key file.
    pub(crate) fn unlock<K: StoredKey>(&self, path: &Path, purpose: Purpose) -> Result<K, Failure> {
        files::regular(path)?;
        K::load(path, purpose, &self.passphrase()?, self.cost()).map_err(|error| {
            let failure = Failure::failed(error.code(), format!("{}: {error}", path.display()));
            match error {
                vestiary_signing::Error::DevelopmentKey => {
                    failure.remedy("on a test chain, add --allow-development-keys")
                }
                _ => failure,
            }
        })
    }
}

impl AccountOptions {
    /// Unlocks the account for one purpose.
    pub(crate) fn unlock(&self, purpose: Purpose) -> Result<Arc<AccountKey>, Failure> {
        self.passphrase.unlock(&self.key_file, purpose).map(Arc::new)
    }

    /// The account as a sender of transactions. A brand's own transactions need no memory of nonces: whoever runs
    /// the command sees the outcome, and the contracts refuse a repeat.
    pub(crate) fn sender(&self, purpose: Purpose) -> Result<Account, Failure> {
        let key = self.unlock(purpose)?;
        Ok(Account::new(key, Arc::new(Memory::fresh())))
    }
}

/// Reads a deployment file.
pub(crate) fn load_deployment(path: &Path) -> Result<Deployment, Failure> {
    files::regular(path)?;
    Deployment::load(path).map_err(|error| {
        Failure::failed("deployment_unreadable", error)
            .remedy("name the file that `vestiary deploy` wrote (--deployment or VESTIARY_DEPLOYMENT)")
    })
}

/// A secret from a file, else from the environment.
pub(crate) fn secret(file: Option<&Path>, variable: &str) -> Result<Option<Zeroizing<String>>, Failure> {
    if let Some(path) = file {
        return files::read_secret(path).map(Some);
    }
    match std::env::var(variable) {
        Ok(text) if !text.is_empty() => Ok(Some(Zeroizing::new(text))),
        _ => Ok(None),
    }
}

/// Reads an issuer's number on the command line.
pub(crate) fn issuer_id(text: &str) -> Result<IssuerId, String> {
    text.parse()
        .map_err(|error: vestiary::ids::IdError| error.to_string())
}

/// Reads a collection on the command line.
pub(crate) fn collection_id(text: &str) -> Result<CollectionId, String> {
    text.parse()
        .map_err(|error: vestiary::ids::IdError| error.to_string())
}
