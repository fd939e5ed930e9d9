//! The executable as a person or a script meets it: exit statuses, JSON, and secrets that stay secret.

use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../fixtures")
        .join(name)
}

/// Runs `vestiary` in an environment that says nothing of its own.
fn vestiary(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestiary"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VESTIARY_")) {
        command.env_remove(name);
    }
    command.args(arguments).envs(environment.iter().copied());
    command.output().unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

fn verify(certificate: &str, rest: &[&str]) -> Output {
    let certificate = fixture("certificates").join(certificate);
    let proof = fixture("certificates/valid_limited_edition.tlog-proof");
    let mut arguments = vec!["--json", "verify", certificate.to_str().unwrap()];
    arguments.extend(["--proof", proof.to_str().unwrap()]);
    arguments.extend(rest);
    vestiary(&arguments, &[])
}

#[test]
fn a_certificate_is_accepted_only_with_roots_and_unaltered() {
    let roots = fixture("certificates/roots.toml");
    let roots = ["--roots", roots.to_str().unwrap()];
    let good = verify("valid_limited_edition.json", &roots);
    assert_eq!(status(&good), 0, "{}", said(&good));
    let answer: Value = serde_json::from_slice(&good.stdout).unwrap();
    assert_eq!(answer["accepted"], true);

    let altered = verify("altered_terms.json", &roots);
    assert_eq!(status(&altered), 3);
    let answer: Value = serde_json::from_slice(&altered.stdout).unwrap();
    let checks = answer["report"]["checks"].as_array().unwrap();
    let failed = checks.iter().find(|check| check["outcome"] == "failed").unwrap();
    assert!(!failed["reason"].as_str().unwrap().is_empty());

    let alone = verify("valid_limited_edition.json", &[]);
    assert_eq!(status(&alone), 3);
    let answer: Value = serde_json::from_slice(&alone.stdout).unwrap();
    for name in ["signature", "issuer", "log"] {
        let checks = answer["report"]["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name).unwrap();
        assert_eq!(check["outcome"], "unknown", "{name}");
    }
}

#[test]
fn exit_statuses_tell_failure_from_misuse() {
    assert_eq!(status(&vestiary(&["--help"], &[])), 0);
    assert_eq!(status(&vestiary(&[], &[])), 2);
    assert_eq!(status(&vestiary(&["verify"], &[])), 2);
    assert_eq!(
        status(&vestiary(&["verify", "/nowhere/certificate.json"], &[])),
        1
    );
    let unreachable = vestiary(&["inventory", "0x0", "--api", "http://127.0.0.1:9"], &[]);
    assert_eq!(status(&unreachable), 1, "{}", said(&unreachable));
}

#[test]
fn an_error_for_programs_is_one_object_on_standard_error() {
    let cases: [(&[&str], &str); 4] = [
        (
            &["--json", "verify", "/nowhere/certificate.json"],
            "file_unreadable",
        ),
        (&["--json", "verify"], "usage"),
        (
            &["--json", "inventory", "0x0", "--api", "http://127.0.0.1:9"],
            "service_unreachable",
        ),
        (
            &["--json", "inventory", "0x0", "--api", "ftp://example.org"],
            "usage",
        ),
    ];
    for (arguments, code) in cases {
        let output = vestiary(arguments, &[]);
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let problem: Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(problem["code"], code, "{arguments:?}");
        assert_eq!(problem["exit_status"], status(&output), "{arguments:?}");
    }
}

#[test]
fn secrets_are_never_said() {
    let dir = tempfile::tempdir().unwrap();
    let secret = "5f".repeat(32);
    let secret_file = dir.path().join("secret");
    let key = dir.path().join("issuer.key.json");
    std::fs::write(&secret_file, &secret).unwrap();
    let environment = [
        ("VESTIARY_PASSPHRASE", "a passphrase to keep"),
        ("VESTIARY_ALLOW_DEVELOPMENT_KEYS", "true"),
    ];
    let (secret_file, key) = (secret_file.to_str().unwrap(), key.to_str().unwrap());
    let import = [
        "--json",
        "keys",
        "import",
        "--purpose",
        "issuer",
        "--secret-file",
        secret_file,
        "--out",
        key,
    ];
    let made = vestiary(&import, &environment);
    assert_eq!(status(&made), 0, "{}", said(&made));
    let shown = vestiary(&["keys", "show", key], &[]);
    assert_eq!(status(&shown), 0);
    // The file is there already: refused, without saying what was to be written.
    let again = vestiary(&import, &environment);
    assert_eq!(status(&again), 1);
    let wearable = format!("eip155:1/erc721:0x{}/18446744073709551617", "11".repeat(20));
    let claim = [
        "claim",
        "--wearable",
        &wearable,
        "--to",
        "0x0000000000000000000000000000000000000001",
    ];
    let code = "ABCD-EFGH-JKMN";
    let wrong_code = vestiary(&claim, &[("VESTIARY_CLAIM_CODE", code)]);
    assert_eq!(status(&wrong_code), 3, "{}", said(&wrong_code));
    let url = "http://user:hunter2@127.0.0.1:9/key-of-a-provider";
    let deployment = dir.path().join("none.json");
    let roots = [
        "--json",
        "roots",
        "--issuer-id",
        "1",
        "--api",
        "http://127.0.0.1:9",
        "--deployment",
        deployment.to_str().unwrap(),
    ];
    let unreachable = vestiary(&roots, &[("VESTIARY_RPC_URL", url)]);
    assert_eq!(status(&unreachable), 1);
    let help = vestiary(&["roots", "--help"], &[("VESTIARY_RPC_URL", url)]);
    for output in [made, shown, again, wrong_code, unreachable, help] {
        let said = said(&output);
        for word in [
            secret.as_str(),
            "a passphrase to keep",
            code,
            "hunter2",
            "key-of-a-provider",
        ] {
            assert!(!said.contains(word), "{word} in {said}");
        }
    }
}
