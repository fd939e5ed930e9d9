//! The arrows between the crates, as ARCHITECTURE draws them, over what cargo says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::root;

/// Which of our crates each crate uses, tests left out.
const ARROWS: [(&str, &[&str]); 9] = [
    ("vestiary-tlog", &[]),
    ("vestiary", &["vestiary-tlog"]),
    ("vestiary-log", &["vestiary-tlog"]),
    ("vestiary-signing", &["vestiary", "vestiary-log", "vestiary-tlog"]),
    (
        "vestiary-chain",
        &["vestiary", "vestiary-log", "vestiary-signing"],
    ),
    ("vestiary-mirror", &["vestiary", "vestiary-log"]),
    ("vestiary-worlds", &["vestiary", "vestiary-log"]),
    (
        "vestiary-server",
        &[
            "vestiary",
            "vestiary-chain",
            "vestiary-log",
            "vestiary-mirror",
            "vestiary-signing",
            "vestiary-tlog",
            "vestiary-worlds",
        ],
    ),
    (
        "vestiary-fuzz",
        &[
            "vestiary",
            "vestiary-chain",
            "vestiary-log",
            "vestiary-mirror",
            "vestiary-server",
            "vestiary-signing",
            "vestiary-tlog",
            "vestiary-worlds",
        ],
    ),
];

/// Crates of others that only these of ours may use.
const RESERVED: [(&str, &[&str]); 12] = [
    ("sled", &["vestiary-mirror"]),
    ("alloy-provider", &["vestiary-chain"]),
    ("alloy-rpc-client", &["vestiary-chain"]),
    ("alloy-transport", &["vestiary-chain"]),
    ("alloy-json-rpc", &["vestiary-chain"]),
    ("k256", &["vestiary", "vestiary-signing"]),
    ("argon2", &["vestiary-signing"]),
    ("chacha20poly1305", &["vestiary-signing"]),
    ("axum", &["vestiary-server"]),
    ("clap", &["vestiary-server"]),
    ("reqwest", &["vestiary-chain", "vestiary-server"]),
    ("gltf", &["vestiary-worlds"]),
];

/// What the vocabulary and the transparency log's mathematics must never use: input, output, time, randomness.
const IMPURE: [&str; 10] = [
    "tokio",
    "reqwest",
    "axum",
    "futures-util",
    "getrandom",
    "rand",
    "sled",
    "tracing",
    "alloy-provider",
    "tempfile",
];

/// No file of ours is longer, in lines.
const MAX_FILE_LINES: usize = 600;

/// What cargo says about our packages.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    serde_json::from_value(metadata["packages"].take()).unwrap()
}

/// Each crate's dependencies by package name, those of its tests left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let mut crates = BTreeMap::new();
    for package in packages() {
        let used = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
            .collect();
        crates.insert(package["name"].as_str().unwrap().to_owned(), used);
    }
    crates
}

/// Every file with this extension below `dir`, build output and other people's packages left out.
fn files(dir: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            let foreign = ["target", "node_modules", "artifacts", "cache", "out", "lib"];
            if !name.starts_with('.') && !foreign.contains(&name.as_str()) {
                files(&path, extensions, found);
            }
        } else if path
            .extension()
            .is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted))
        {
            found.push(path);
        }
    }
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root().join("crates"), &["rs"], &mut found);
    assert!(found.len() > 100, "the sources were not found");
    found
}

#[test]
fn the_crates_use_one_another_only_along_the_arrows() {
    let crates = dependencies();
    let names: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ARROWS.iter().map(|(name, _)| *name).collect(),
        "a crate came or went"
    );
    for (name, allowed) in ARROWS {
        let ours: BTreeSet<&str> = crates[name]
            .iter()
            .map(String::as_str)
            .filter(|used| names.contains(used))
            .collect();
        let forbidden: Vec<_> = ours.iter().filter(|used| !allowed.contains(used)).collect();
        assert!(forbidden.is_empty(), "{name} must not use {forbidden:?}");
    }
}

#[test]
fn what_is_reserved_for_one_crate_is_used_by_that_crate_only() {
    for (name, used) in dependencies() {
        for (reserved, owners) in RESERVED {
            assert!(
                !used.contains(reserved) || owners.contains(&name.as_str()),
                "{name} uses {reserved}, which belongs to {owners:?}"
            );
        }
    }
}

/// A release does not even compile with fail points; here, that nobody gets them without asking.
#[test]
fn only_who_asks_for_fail_points_gets_a_program_that_can_kill_itself() {
    let mut forwarded = 0;
    for package in packages() {
        let name = &package["name"];
        for (feature, includes) in package["features"].as_object().unwrap() {
            let includes = includes.to_string();
            if includes.contains("fail-points") {
                assert_eq!(
                    feature, "fail-points",
                    "{name}: {feature} brings fail points along"
                );
                forwarded += 1;
            }
        }
        for dependency in package["dependencies"].as_array().unwrap() {
            let asked = dependency["features"].to_string();
            assert!(!asked.contains("fail-points"), "{name} always has fail points");
        }
    }
    assert_eq!(forwarded, 1, "the executable can be built with them");
    let source = std::fs::read_to_string(root().join("crates/vestiary-log/src/points.rs")).unwrap();
    assert!(source.contains("#[cfg(all(feature = \"fail-points\", not(debug_assertions)))]\ncompile_error!"));
    assert!(source.contains("pub const fn reached(_point: &'static str) {}"));
}

#[test]
fn the_vocabulary_does_no_input_or_output_and_knows_neither_time_nor_chance() {
    let crates = dependencies();
    for name in ["vestiary", "vestiary-tlog"] {
        for impure in IMPURE {
            assert!(!crates[name].contains(impure), "{name} uses {impure}");
        }
    }
    for path in sources() {
        let text = path.to_string_lossy().into_owned();
        if !text.contains("crates/vestiary/src/") && !text.contains("crates/vestiary-tlog/src/") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        for word in [
            "std::fs",
            "std::net",
            "std::process",
            "SystemTime",
            "Instant::now",
            "async fn",
            "std::env::",
        ] {
            assert!(!source.contains(word), "{text} uses {word}");
        }
    }
}

#[test]
fn contracts_are_described_in_one_place_and_sled_is_named_in_one_module() {
    for path in sources() {
        let text = path.to_string_lossy().into_owned();
        if text.contains("/tests/") {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let code: String = source
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        if code.contains("sol!(") || code.contains("sol! {") {
            assert!(text.ends_with("crates/vestiary/src/abi.rs"), "{text} has a sol!");
        }
        if code.contains("sled::") || code.contains("use sled") {
            let store = text.contains("crates/vestiary-mirror/src/store");
            assert!(store, "{text} names sled");
        }
    }
}

#[test]
fn no_file_of_ours_is_longer_than_600_lines() {
    let mut found = sources();
    for dir in ["contracts", "scripts"] {
        files(&root().join(dir), &["sol", "mjs", "js", "py", "sh"], &mut found);
    }
    let long: Vec<_> = found
        .into_iter()
        .map(|path| (std::fs::read_to_string(&path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines > MAX_FILE_LINES)
        .collect();
    assert!(long.is_empty(), "{long:?}");
}
