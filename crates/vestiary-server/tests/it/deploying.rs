//! `vestiary deploy`, as an operator runs it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use vestiary::roots::Roots;
use vestiary_chain::anvil::Anvil;
use vestiary_chain::deploy::Deployment;

use crate::support::{anvil_options, root, said};

/// Secret of Anvil's first account, published with it.
const SECRET: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

fn vestiary(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vestiary"))
        .current_dir(dir)
        .args(arguments)
        .env("VESTIARY_PASSPHRASE", "a passphrase to keep")
        .env("VESTIARY_ALLOW_DEVELOPMENT_KEYS", "true")
        .output()
        .unwrap()
}

/// A directory with the deployer's key.
fn with_key() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("secret"), SECRET).unwrap();
    let import = "keys import --purpose submitter --secret-file secret --out key.json";
    let made = vestiary(dir.path(), &import.split(' ').collect::<Vec<_>>());
    assert!(made.status.success(), "{made:?}");
    dir
}

/// Exit status and what was said, as JSON.
fn deploy(dir: &Path, anvil: &Anvil, rest: &str) -> (i32, Value) {
    let (url, line) = (anvil.url(), format!("--json deploy --key-file key.json {rest}"));
    let mut arguments: Vec<&str> = line.split(' ').collect();
    arguments.extend(["--rpc", &url]);
    let output = vestiary(dir, &arguments);
    let said = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    let said = serde_json::from_slice(&said).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&said)));
    (output.status.code().unwrap(), said)
}

#[test]
fn deploying_says_what_it_did_and_twice_changes_nothing() {
    let Some(options) = anvil_options() else { return };
    let anvil = Anvil::start(&options).unwrap();
    let dir = with_key();
    let placed = |answer: &Value| -> Vec<String> {
        let contracts = answer["contracts"].as_array().unwrap();
        contracts
            .iter()
            .map(|one| one["placed"].as_str().unwrap().to_owned())
            .collect()
    };
    let (status, first) = deploy(dir.path(), &anvil, "--chain-id 31337 --out d.json --roots r.toml");
    assert_eq!(status, 0, "{first}");
    assert_eq!(placed(&first), ["now"; 6]);
    let written = std::fs::read(dir.path().join("d.json")).unwrap();
    let deployment = Deployment::parse(&written).unwrap();
    assert_eq!(first["contracts"][5]["name"], "CollectionFactory");
    assert_eq!(first["contracts"][5]["address"], first["factory"]);

    // What verifiers take as it stands.
    let roots = std::fs::read(dir.path().join("r.toml")).unwrap();
    let contracts = Roots::parse(&roots).unwrap().contracts;
    assert_eq!(contracts.factory, Some(deployment.factory));
    assert_eq!(
        (contracts.registry, contracts.log_anchor),
        (deployment.registry, deployment.log_anchor)
    );
    assert_eq!(
        contracts.implementation_code_hashes,
        [deployment.implementation_code_hash]
    );

    let (status, second) = deploy(dir.path(), &anvil, "--chain-id 31337 --out d.json --roots r.toml");
    assert_eq!(status, 0, "{second}");
    assert_eq!(placed(&second), ["before"; 6]);
    assert_eq!(std::fs::read(dir.path().join("d.json")).unwrap(), written);
    assert_eq!(std::fs::read(dir.path().join("r.toml")).unwrap(), roots);
}

#[test]
fn hardware_wallets_are_given_words_bound_to_what_was_deployed() {
    let Some(options) = anvil_options() else { return };
    let ethers = root().join("contracts/node_modules/ethers");
    let Some(()) = said("ethers", ethers.exists().then_some(())) else {
        return;
    };
    let anvil = Anvil::start(&options).unwrap();
    let dir = with_key();
    let rest = "--chain-id 31337 --out d.json --descriptions words/for/wallets";
    for _ in 0..2 {
        let (status, said) = deploy(dir.path(), &anvil, rest);
        assert_eq!(status, 0, "{said}");
    }
    let words = dir.path().join("words/for/wallets");
    // The test that the committed files pass.
    let strict = || {
        Command::new("node")
            .args(["--test", "contracts/test-js/erc7730.test.js"])
            .current_dir(root())
            .env("VESTIARY_DESCRIPTIONS", &words)
            .env("VESTIARY_DEPLOYMENT", dir.path().join("d.json"))
            .output()
            .unwrap()
    };
    let passed = strict();
    assert!(passed.status.success(), "{passed:?}");

    // Another address is seen by it, and is not written over.
    let file = words.join("eip712-Estate.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let deployment = Deployment::parse(&std::fs::read(dir.path().join("d.json")).unwrap()).unwrap();
    let other = text.replace(&deployment.estate.to_string(), &deployment.recovery.to_string());
    assert_ne!(other, text);
    std::fs::write(&file, &other).unwrap();
    assert!(!strict().status.success());
    let (status, said) = deploy(dir.path(), &anvil, rest);
    assert_ne!(status, 0);
    assert_eq!(said["code"], "exists");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), other);
}

#[test]
fn files_that_say_something_else_and_other_chains_are_refused_and_kept() {
    let Some(options) = anvil_options() else { return };
    let anvil = Anvil::start(&options).unwrap();
    let dir = with_key();
    let file = |name: &str| dir.path().join(name);
    let refused = |rest: &str| {
        let (status, said) = deploy(dir.path(), &anvil, rest);
        assert_ne!(status, 0, "{said}");
        said["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused("--chain-id 1 --out d.json"), "wrong_chain");
    std::fs::write(file("other.json"), "{}").unwrap();
    assert_eq!(refused("--chain-id 31337 --out other.json"), "exists");
    assert_eq!(std::fs::read(file("other.json")).unwrap(), b"{}");
    assert!(!file("d.json").exists());

    let (status, said) = deploy(dir.path(), &anvil, "--chain-id 31337 --out d.json");
    assert_eq!(status, 0, "{said}");
    assert_eq!(refused("--chain-id 1 --out d.json"), "exists");
    let mut changed = Deployment::parse(&std::fs::read(file("d.json")).unwrap()).unwrap();
    changed.recovery = changed.estate;
    std::fs::write(file("changed.json"), changed.to_bytes()).unwrap();
    assert_eq!(
        refused("--chain-id 31337 --out changed.json"),
        "deployment_differs"
    );
    assert_eq!(std::fs::read(file("changed.json")).unwrap(), changed.to_bytes());
    std::fs::write(file("r.toml"), "mine").unwrap();
    assert_eq!(refused("--chain-id 31337 --out d.json --roots r.toml"), "exists");
    assert_eq!(std::fs::read(file("r.toml")).unwrap(), b"mine");
    // A chain that was started again is another one.
    let again = Anvil::start(&options).unwrap();
    let mut elsewhere = Deployment::parse(&std::fs::read(file("d.json")).unwrap()).unwrap();
    elsewhere.genesis_hash.0[0] ^= 1;
    std::fs::write(file("old.json"), elsewhere.to_bytes()).unwrap();
    let (status, said) = deploy(dir.path(), &again, "--chain-id 31337 --out old.json");
    assert_eq!(
        (status, said["code"].as_str()),
        (1, Some("wrong_genesis")),
        "{said}"
    );
}
