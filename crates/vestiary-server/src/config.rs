//! What an operator sets. The fields' documentation is the manual; `crates/vestiary-server/vestiary.toml` is
//! the commented example and is parsed by a test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use vestiary::by_name::ByName;

/// The largest configuration file that is read, in bytes.
pub const MAX_CONFIG_BYTES: u64 = 64 * 1024;

/// Longest time that can be set in seconds: ten years.
const LONGEST_S: u64 = 10 * 365 * 86_400;
/// Longest pause between two looks at the head that can be set.
const LONGEST_POLL_INTERVAL_MS: u64 = 60_000;
/// Largest reserve that can be set: 16 TiB.
const LARGEST_RESERVE_MIB: u64 = 16 << 20;

/// The whole configuration file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where state lives and who may reach the service.
    pub service: ServiceConfig,
    /// The EVM chain.
    pub chain: ChainConfig,
    /// The public log.
    pub log: LogConfig,
    /// Promises made to brands.
    #[serde(default)]
    pub issuance: IssuanceConfig,
    /// Promises made to worlds.
    #[serde(default)]
    pub freshness: FreshnessConfig,
    /// What callers may take: connections and time.
    #[serde(default)]
    pub connections: crate::connections::Limits,
}

/// Where state lives and who may reach the service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// Address and port to listen on. Put a TLS proxy in front; the service itself speaks plain HTTP.
    pub listen: SocketAddr,
    /// The URL the outside reaches the service under, without a trailing slash; used in links.
    pub public_url: String,
    /// Directory of log, journal, content, mirror and keys. Must exist: a typing mistake must not start an
    /// empty ledger.
    pub data_dir: PathBuf,
    /// Free space, in MiB, that is kept for what was promised: with less, new work is refused with
    /// `storage_full`. A quarter as much is taken by a file that lets a start on a full disk succeed. 0 switches
    /// both off. Default: 64.
    #[serde(default = "default_storage_reserve_mib")]
    pub storage_reserve_mib: u64,
    /// Accept key files stretched with development cost. Only `vestiary dev` sets this. Default: false.
    #[serde(default)]
    pub allow_development_keys: bool,
}

/// The EVM chain.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// JSON-RPC endpoint. May contain a secret, so it is never printed; the environment variable
    /// `VESTIARY_RPC_URL` takes precedence.
    pub rpc_url: String,
    /// The file that `vestiary deploy` wrote: chain id, genesis hash, contract addresses and code hashes.
    pub deployment: PathBuf,
    /// Pause between two looks at the head, in milliseconds, from 1 to 60,000. Default: 500.
    #[serde(default = "default_poll_interval_ms")]
    pub poll_interval_ms: u64,
    /// How many submitter accounts send commits and claims beside one another, each with nonces and a purse of its
    /// own: `keys/submitter.key.json`, `keys/submitter-2.key.json`, …, at most 16. Fewer than before: those left out
    /// end what they have, as long as their key files stay. Default: 1.
    #[serde(default = "default_submitter_lanes")]
    pub submitter_lanes: usize,
    /// Stop following when a final block is replaced. Public chains never do that; the local node of
    /// `vestiary dev` can, so only its configuration says false. Default: true.
    #[serde(default = "default_halt_on_finalized_rewrite")]
    pub halt_on_finalized_rewrite: bool,
}

impl std::fmt::Debug for ChainConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChainConfig")
            .field("rpc_url", &"(not shown)")
            .field("deployment", &self.deployment)
            .field("poll_interval_ms", &self.poll_interval_ms)
            .finish_non_exhaustive()
    }
}

/// The public log.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// The log's name (C2SP checkpoint origin), e.g. `log.example.org/2026`. Never changes once entry 0 is written.
    pub origin: String,
    /// Shard number, stated in entry 0. Default: 1.
    #[serde(default = "default_shard")]
    pub shard: u32,
    /// How long a checkpoint may wait for others before it is anchored on chain, in seconds. Default: 60.
    #[serde(default = "default_anchor_delay_s")]
    pub anchor_delay_s: u64,
}

/// Promises made to brands.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IssuanceConfig {
    /// How long an unsigned preparation holds its serials, in seconds. Default: 3,600.
    pub preparation_lifetime_s: u64,
    /// A receipt promises the batch on chain within this many seconds. Default: 3,600.
    pub commit_within_s: u64,
}

impl Default for IssuanceConfig {
    fn default() -> Self {
        Self {
            preparation_lifetime_s: 3_600,
            commit_within_s: 3_600,
        }
    }
}

/// Promises made to worlds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FreshnessConfig {
    /// Without a look at the chain's head for this many seconds, answers read `unknown, chain_behind`. Default: 15.
    pub behind_after_s: u64,
    /// An answer may be used without asking again for this many seconds. Default: 10.
    pub fresh_s: u64,
    /// A world keeps what it shows for this many seconds when it can learn nothing new. Default: 86,400.
    pub keep_s: u64,
}

impl Default for FreshnessConfig {
    fn default() -> Self {
        Self {
            behind_after_s: 15,
            fresh_s: 10,
            keep_s: 86_400,
        }
    }
}

const fn default_storage_reserve_mib() -> u64 {
    64
}

const fn default_poll_interval_ms() -> u64 {
    500
}

const fn default_submitter_lanes() -> usize {
    1
}

const fn default_halt_on_finalized_rewrite() -> bool {
    true
}

const fn default_shard() -> u32 {
    1
}

const fn default_anchor_delay_s() -> u64 {
    60
}

/// Why a configuration is not used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than [`MAX_CONFIG_BYTES`].
    #[error("{path} is larger than {MAX_CONFIG_BYTES} bytes")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not the TOML documented here.
    #[error("{path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line and reason.
        message: String,
    },
}

impl Config {
    /// Reads the file; `VESTIARY_RPC_URL`, given as `rpc_url`, replaces the endpoint.
    pub fn load(path: &Path, rpc_url: Option<String>) -> Result<Self, ConfigError> {
        let read = |source| ConfigError::Read {
            path: path.to_owned(),
            source,
        };
        if std::fs::metadata(path).map_err(read)?.len() > MAX_CONFIG_BYTES {
            return Err(ConfigError::TooLarge {
                path: path.to_owned(),
            });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        let parsed = toml::Deserializer::parse(&text).and_then(|reader| Self::deserialize(ByName(reader)));
        let mut config = parsed.map_err(|error| ConfigError::Parse {
            path: path.to_owned(),
            // toml's own rendering quotes the line, which may hold the RPC secret.
            message: error.message().to_owned(),
        })?;
        if let Some(url) = rpc_url {
            config.chain.rpc_url = url;
        }
        let checked = config.check_numbers().and_then(|()| config.connections.check());
        checked.map_err(|message| ConfigError::Parse {
            path: path.to_owned(),
            message,
        })?;
        while config.service.public_url.ends_with('/') {
            config.service.public_url.pop();
        }
        Ok(config)
    }

    /// Whether the numbers are such that one can wait and count with them.
    fn check_numbers(&self) -> Result<(), String> {
        let (service, chain, log) = (&self.service, &self.chain, &self.log);
        let (issuance, freshness) = (&self.issuance, &self.freshness);
        let seconds = 0..=LONGEST_S;
        for (name, value, bounds) in [
            (
                "service.storage_reserve_mib",
                service.storage_reserve_mib,
                0..=LARGEST_RESERVE_MIB,
            ),
            (
                "chain.poll_interval_ms",
                chain.poll_interval_ms,
                1..=LONGEST_POLL_INTERVAL_MS,
            ),
            ("log.anchor_delay_s", log.anchor_delay_s, seconds.clone()),
            (
                "issuance.preparation_lifetime_s",
                issuance.preparation_lifetime_s,
                1..=LONGEST_S,
            ),
            (
                "issuance.commit_within_s",
                issuance.commit_within_s,
                seconds.clone(),
            ),
            (
                "freshness.behind_after_s",
                freshness.behind_after_s,
                seconds.clone(),
            ),
            ("freshness.fresh_s", freshness.fresh_s, seconds.clone()),
            ("freshness.keep_s", freshness.keep_s, seconds),
        ] {
            if !bounds.contains(&value) {
                return Err(format!(
                    "{name} is {value}; it goes from {} to {}",
                    bounds.start(),
                    bounds.end()
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commented_example_is_a_configuration() {
        let config: Config = toml::from_str(include_str!("../vestiary.toml")).unwrap();
        assert_eq!(config.freshness.keep_s, FreshnessConfig::default().keep_s);
        assert_eq!(
            config.issuance.preparation_lifetime_s,
            IssuanceConfig::default().preparation_lifetime_s
        );
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let text = include_str!("../vestiary.toml").replace("keep_s", "keep_seconds");
        assert!(toml::from_str::<Config>(&text).is_err());
    }

    #[test]
    fn a_number_outside_its_bounds_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vestiary.toml");
        let example = include_str!("../vestiary.toml").replace("# storage_reserve", "storage_reserve");
        let load = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Config::load(&path, None)
        };
        load(&example).unwrap();
        let most = i64::MAX;
        for (member, was, wrong) in [
            ("service.storage_reserve_mib", 64, most),
            ("chain.poll_interval_ms", 500, 0),
            ("chain.poll_interval_ms", 500, most),
            ("log.anchor_delay_s", 60, most),
            ("issuance.preparation_lifetime_s", 3_600, 0),
            ("issuance.preparation_lifetime_s", 3_600, most),
            ("issuance.commit_within_s", 3_600, most),
            ("freshness.behind_after_s", 15, most),
            ("freshness.fresh_s", 10, most),
            ("freshness.keep_s", 86_400, most),
        ] {
            let name = member.split_once('.').unwrap().1;
            let right = format!("\n{name} = {was}");
            assert!(example.contains(&right), "{right}");
            let text = example.replace(&right, &format!("\n{name} = {wrong}"));
            let refused = load(&text).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("{member} is {wrong}; it goes from ")),
                "{refused}"
            );
        }
    }

    #[test]
    fn the_rpc_url_is_not_printed() {
        let config: Config = toml::from_str(include_str!("../vestiary.toml")).unwrap();
        assert!(!format!("{config:?}").contains("8545"));
    }
}
