//! What a development ledger has on disk.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vestiary_chain::deploy::Deployment;
use vestiary_log::seams::SystemRandom;
use vestiary_server::keyring::{Keyring, submitter_file};
use vestiary_signing::{KdfCost, Passphrase, Purpose};

use super::CHAIN_ID;
use super::accounts::Role;
use crate::cli::failure::Failure;
use crate::cli::files;

/// The passphrase of every development key. No secret: so are the keys.
const PASSPHRASE: &str = "development only, no secret";
/// Name of the development log.
const ORIGIN: &str = "dev.vestiary.example/log";

/// Where everything answers.
#[derive(Debug)]
pub(crate) struct Endpoints {
    pub(crate) api: String,
    pub(crate) port: u16,
    /// The node, through the proxy.
    pub(crate) rpc: String,
    /// The node itself.
    pub(crate) node: String,
    pub(crate) control: String,
}

/// The directory, absolute.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// Makes the directory. What an earlier run left is deleted only when that was asked for, and only from a
    /// directory that an earlier run made.
    pub(crate) fn make(dir: &Path, fresh: bool) -> Result<Self, Failure> {
        let unusable =
            |error: std::io::Error| Failure::failed("bad_directory", format!("{}: {error}", dir.display()));
        let is_empty = match std::fs::read_dir(dir) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(unusable(error)),
        };
        if !is_empty {
            let detail = format!("{} is not empty", dir.display());
            if !dir.join("development-only").exists() {
                return Err(
                    Failure::refused("bad_directory", detail).remedy("name an empty directory with --dir")
                );
            }
            if !fresh {
                return Err(
                    Failure::refused("bad_directory", detail + ": its chain is gone with its node")
                        .remedy("add --fresh to begin anew, or name another directory with --dir"),
                );
            }
            std::fs::remove_dir_all(dir).map_err(unusable)?;
        }
        files::make_dir(dir)?;
        let directory = Self(dir.canonicalize().map_err(unusable)?);
        for name in ["data/keys", "accounts"] {
            files::make_dir(&directory.0.join(name))?;
        }
        files::write(&directory.0.join("development-only"), b"TEST ONLY, DO NOT USE\n")?;
        Ok(directory)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.0.join("vestiary.toml")
    }

    pub(crate) fn passphrase_file(&self) -> PathBuf {
        self.0.join("passphrase")
    }

    pub(crate) fn service_log(&self) -> PathBuf {
        self.0.join("service.log")
    }

    fn deployment(&self) -> PathBuf {
        self.0.join("deployment.json")
    }

    fn account(&self, role: Role) -> PathBuf {
        self.0.join("accounts").join(format!("{}.key.json", role.name()))
    }

    /// Writes deployment, keys and configuration.
    pub(crate) fn fill(&self, deployment: &Deployment, endpoints: &Endpoints) -> Result<(), Failure> {
        files::write(&self.deployment(), &deployment.to_bytes())?;
        files::write_private(&self.passphrase_file(), format!("{PASSPHRASE}\n").as_bytes())?;
        let passphrase = Passphrase::new(PASSPHRASE.into())?;
        let keys = self.0.join("data/keys");
        for (role, file) in [
            (Role::Submitter, submitter_file(1)),
            (Role::Submitter2, submitter_file(2)),
            (Role::Submitter3, submitter_file(3)),
            (Role::Anchoring, Purpose::Anchoring.file_name(None)),
        ] {
            role.write(&keys.join(file), &passphrase)?;
        }
        Keyring::make_missing(&keys, &passphrase, KdfCost::Development, &SystemRandom)?;
        for role in Role::ALL {
            role.write(&self.account(role), &passphrase)?;
        }
        let config = json!({
            "service": {
                "listen": format!("127.0.0.1:{}", endpoints.port),
                "public_url": endpoints.api,
                "data_dir": self.0.join("data"),
                "allow_development_keys": true,
            },
            "chain": {
                "rpc_url": endpoints.rpc,
                "deployment": self.deployment(),
                "poll_interval_ms": 200,
                "submitter_lanes": 3,
                "halt_on_finalized_rewrite": false,
            },
            "log": { "origin": ORIGIN, "anchor_delay_s": 2 },
            "freshness": { "behind_after_s": 3, "fresh_s": 1, "keep_s": 86_400 },
        });
        let text = toml::to_string(&config).map_err(|error| Failure::failed("failed", error.to_string()))?;
        let text = format!("# Made by `vestiary dev`. TEST ONLY, DO NOT USE.\n{text}");
        files::write(&self.config(), text.as_bytes())
    }

    /// Everything that a script needs, written to `dev.json`.
    pub(crate) fn describe(&self, deployment: &Deployment, endpoints: &Endpoints) -> Result<Value, Failure> {
        let mut accounts = serde_json::Map::new();
        for role in Role::ALL {
            accounts.insert(
                role.name().into(),
                json!({
                    "address": role.address()?,
                    "key_file": self.account(role),
                    "private_key": format!("0x{}", role.secret()),
                    "does": role.does(),
                }),
            );
        }
        let executable =
            std::env::current_exe().map_err(|error| Failure::failed("no_executable", error.to_string()))?;
        let description = json!({
            "warning": "TEST ONLY, DO NOT USE: the whole world knows these keys",
            "api": endpoints.api,
            "rpc": endpoints.rpc,
            "node": endpoints.node,
            "control": endpoints.control,
            "chain_id": CHAIN_ID,
            "dir": self.0,
            "data_dir": self.0.join("data"),
            "config": self.config(),
            "deployment": self.deployment(),
            "passphrase_file": self.passphrase_file(),
            "api_key_file": self.0.join("data").join(vestiary_server::startup::FIRST_API_KEY_FILE),
            "service_log": self.service_log(),
            "vestiary": executable,
            "contracts": {
                "registry": format!("{:#x}", deployment.registry),
                "factory": format!("{:#x}", deployment.factory),
                "log_anchor": format!("{:#x}", deployment.log_anchor),
                "estate": format!("{:#x}", deployment.estate),
                "recovery": format!("{:#x}", deployment.recovery),
                "implementation": format!("{:#x}", deployment.implementation),
            },
            "accounts": accounts,
        });
        let mut bytes = serde_json::to_vec_pretty(&description)
            .map_err(|error| Failure::failed("failed", error.to_string()))?;
        bytes.push(b'\n');
        files::write(&self.0.join("dev.json"), &bytes)?;
        Ok(description)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256};

    use super::*;

    #[test]
    fn somebody_elses_directory_is_never_emptied() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("thesis.txt"), b"years of work").unwrap();
        assert_eq!(
            Directory::make(dir.path(), true).unwrap_err().code,
            "bad_directory"
        );
        assert!(dir.path().join("thesis.txt").exists());
    }

    #[test]
    fn an_earlier_run_is_deleted_only_when_asked() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("dev");
        Directory::make(&dir, false).unwrap();
        assert!(Directory::make(&dir, false).is_err());
        assert!(Directory::make(&dir, true).is_ok());
    }

    #[test]
    fn the_configuration_is_one_that_the_service_reads() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::make(&dir.path().join("dev"), false).unwrap();
        let deployment = Deployment {
            format: vestiary_chain::deploy::FORMAT.into(),
            chain: vestiary::ids::ChainId(CHAIN_ID),
            genesis_hash: B256::ZERO,
            first_block: 0,
            log_anchor: Address::ZERO,
            registry: Address::ZERO,
            estate: Address::ZERO,
            recovery: Address::ZERO,
            implementation: Address::ZERO,
            factory: Address::ZERO,
            log_anchor_code_hash: B256::ZERO,
            registry_code_hash: B256::ZERO,
            estate_code_hash: B256::ZERO,
            recovery_code_hash: B256::ZERO,
            factory_code_hash: B256::ZERO,
            implementation_code_hash: B256::ZERO,
            clone_code_hash: B256::ZERO,
        };
        let endpoints = Endpoints {
            api: "http://127.0.0.1:1".into(),
            port: 1,
            rpc: "http://127.0.0.1:2".into(),
            node: "http://127.0.0.1:3".into(),
            control: "http://127.0.0.1:4".into(),
        };
        directory.fill(&deployment, &endpoints).unwrap();
        let config = vestiary_server::config::Config::load(&directory.config(), None).unwrap();
        assert!(config.service.allow_development_keys);
        assert_eq!(config.log.anchor_delay_s, 2);
        let described = directory.describe(&deployment, &endpoints).unwrap();
        assert_eq!(
            described["accounts"]["alice"]["address"],
            Role::Alice.address().unwrap()
        );
    }
}
