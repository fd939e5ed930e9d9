//! `vestiary keys new|show|import`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;
use vestiary_log::seams::SystemRandom;
use vestiary_server::keyring::{Keyring, MAX_LANES};
use vestiary_signing::{
    AccountKey, Algorithm, Ed25519Key, KdfCost, KeyFile, Passphrase, Purpose, Seed, StoredKey,
};
use zeroize::Zeroizing;

use super::failure::Failure;
use super::files;
use super::options::PassphraseOptions;
use super::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a key: one file, or all that a service needs.
    New {
        /// What it is for: issuer, claim-seed, checkpoint, receipt, submitter, anchoring, minter, certificate, …
        #[arg(long, required_unless_present = "service")]
        purpose: Option<Purpose>,
        /// The new file.
        #[arg(long, value_name = "FILE", required_unless_present = "service")]
        out: Option<PathBuf>,
        /// Make every key that a service needs and this directory does not have.
        #[arg(long, value_name = "DIR", conflicts_with_all = ["purpose", "out"])]
        service: Option<PathBuf>,
        /// With --service: how many submitter accounts, as `chain.submitter_lanes` of the configuration wants.
        #[arg(long, value_name = "COUNT", default_value_t = 1, requires = "service")]
        lanes: usize,
        #[command(flatten)]
        passphrase: PassphraseOptions,
    },
    /// Says what a key file is for and who it is. Needs no passphrase and shows no secret.
    Show {
        /// The key file.
        file: PathBuf,
    },
    /// Takes over a secret that was made elsewhere: 64 hexadecimal digits in a file.
    Import {
        /// What it is for.
        #[arg(long)]
        purpose: Purpose,
        /// The file with the secret, `-` for standard input.
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,
        /// The new key file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseOptions,
    },
}

pub(crate) fn run(command: Command, out: Output) -> Result<(), Failure> {
    match command {
        Command::New {
            service: Some(dir),
            lanes,
            passphrase,
            ..
        } => {
            if lanes == 0 || lanes > MAX_LANES {
                return Err(Failure::usage("--lanes takes 1 to 16"));
            }
            files::make_dir(&dir)?;
            let (cost, passphrase) = (passphrase.cost(), passphrase.passphrase()?);
            let mut made = Keyring::make_missing(&dir, &passphrase, cost, &SystemRandom)?;
            made.extend(Keyring::make_submitters(
                &dir,
                lanes,
                &passphrase,
                cost,
                &SystemRandom,
            )?);
            let answer = json!({ "directory": dir, "made": made });
            out.answer(&answer, || {
                let names = made.iter().map(|path| format!("made {}\n", path.display()));
                let names: String = names.collect();
                if names.is_empty() {
                    format!("{} has every key already", dir.display())
                } else {
                    names
                }
            })?;
            Ok(())
        }
        Command::New {
            purpose: Some(purpose),
            out: Some(path),
            passphrase,
            ..
        } => {
            let cost = passphrase.cost();
            let public = make(purpose, &path, &passphrase.passphrase()?, cost)?;
            told(out, &path, purpose, &public)
        }
        Command::New { .. } => Err(Failure::usage("give --purpose and --out, or --service")),
        Command::Show { file } => {
            files::regular(&file)?;
            let key = KeyFile::read(&file)
                .map_err(|error| Failure::failed(error.code(), format!("{}: {error}", file.display())))?;
            let cost = if key.cost() == KdfCost::Development {
                "development"
            } else {
                "standard"
            };
            let answer = json!({
                "file": file, "purpose": key.purpose().to_string(), "algorithm": key.algorithm().to_string(),
                "public": key.public(), "cost": cost,
            });
            out.answer(&answer, || format!("{key} ({}, {cost})", key.algorithm()))?;
            Ok(())
        }
        Command::Import {
            purpose,
            secret_file,
            out: path,
            passphrase,
        } => {
            let text = files::read_secret(&secret_file)?;
            let secret = read_hex(&text).ok_or_else(|| {
                // The text itself is secret and is not shown.
                Failure::refused(
                    "bad_secret",
                    format!("{} does not hold 64 hexadecimal digits", secret_file.display()),
                )
            })?;
            let cost = passphrase.cost();
            let public = import(purpose, &secret, &path, &passphrase.passphrase()?, cost)?;
            told(out, &path, purpose, &public)
        }
    }
}

fn told(out: Output, path: &Path, purpose: Purpose, public: &str) -> Result<(), Failure> {
    let answer = json!({ "file": path, "purpose": purpose.to_string(), "public": public });
    out.answer(&answer, || {
        format!("{purpose} key {public} is in {}", path.display())
    })
}

fn read_hex(text: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut secret = Zeroizing::new([0; 32]);
    let digits = text.strip_prefix("0x").unwrap_or(text);
    hex::decode_to_slice(digits, secret.as_mut_slice()).ok()?;
    Some(secret)
}

/// Makes a key file; says who the key is.
pub(crate) fn make(
    purpose: Purpose,
    path: &Path,
    passphrase: &Passphrase,
    cost: KdfCost,
) -> Result<String, Failure> {
    let random = &SystemRandom;
    match purpose.algorithm() {
        Algorithm::Ed25519 => save(&Ed25519Key::generate(purpose, random)?, path, passphrase, cost),
        Algorithm::Secp256k1 => save(&AccountKey::generate(purpose, random)?, path, passphrase, cost),
        Algorithm::Seed => save(&Seed::generate(random), path, passphrase, cost),
    }
}

/// Writes a given secret as a key file; says who the key is.
pub(crate) fn import(
    purpose: Purpose,
    secret: &[u8; 32],
    path: &Path,
    passphrase: &Passphrase,
    cost: KdfCost,
) -> Result<String, Failure> {
    match purpose.algorithm() {
        Algorithm::Ed25519 => save(&Ed25519Key::import(purpose, secret)?, path, passphrase, cost),
        Algorithm::Secp256k1 => save(&AccountKey::import(purpose, secret)?, path, passphrase, cost),
        Algorithm::Seed => save(&Seed::import(secret), path, passphrase, cost),
    }
}

fn save(
    key: &impl StoredKey,
    path: &Path,
    passphrase: &Passphrase,
    cost: KdfCost,
) -> Result<String, Failure> {
    key.save(path, passphrase, cost, &SystemRandom)
        .map_err(|error| Failure::failed(error.code(), format!("{}: {error}", path.display())))?;
    Ok(key.public_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_64_digits_with_or_without_0x() {
        let digits = "11".repeat(32);
        assert_eq!(read_hex(&digits).unwrap().as_slice(), [0x11; 32]);
        assert!(read_hex(&format!("0x{digits}")).is_some());
        assert!(read_hex(&digits[1..]).is_none() && read_hex("").is_none());
    }

    #[test]
    fn a_made_key_is_shown_without_its_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("issuer.key.json");
        let passphrase = Passphrase::new("only for tests".into()).unwrap();
        let public = import(
            Purpose::Issuer,
            &[7; 32],
            &path,
            &passphrase,
            KdfCost::Development,
        )
        .unwrap();
        let file = KeyFile::read(&path).unwrap();
        assert_eq!(file.public(), public);
        let text = std::fs::read_to_string(&path).unwrap() + &file.to_string();
        assert!(!text.contains(&"07".repeat(32)));
    }
}
