//! Every verb of the command line with files that are none and values that are wrong: a verb without a row fails.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest time that a refusal may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:9";
/// What must never be repeated.
const SECRETS: [&str; 3] = ["hunter2", "ABCD-EFGH-JKMN", "vst_secretsecretsecret"];

const COLLECTION: &str = "eip155:1/erc721:0x1111111111111111111111111111111111111111";
const WEARABLE: &str = "eip155:1/erc721:0x1111111111111111111111111111111111111111/18446744073709551617";
const WALLET: &str = "0x0000000000000000000000000000000000000001";

/// A verb and a command line for it that is complete and fails, for nothing it names is there; `@` stands for a file
/// that is read, `>` for one that is written.
const ROWS: [(&str, &str); 22] = [
    ("dev", "--dir > --port 0 --anvil @"),
    ("serve", "--config @ --passphrase-file @"),
    ("keys new", "--purpose issuer --out >/none/k --passphrase-file @"),
    ("keys show", "@"),
    (
        "keys import",
        "--purpose issuer --secret-file @ --out >/k --passphrase-file @",
    ),
    (
        "deploy",
        "--rpc NOBODY --chain-id 1 --key-file @ --passphrase-file @",
    ),
    (
        "issuer register",
        "--api NOBODY --rpc NOBODY --deployment @ --key-file @ --passphrase-file @ --name x --api-key-file @",
    ),
    (
        "issuer accept-log",
        "--api NOBODY --rpc NOBODY --deployment @ --key-file @ --passphrase-file @ --issuer-id 1",
    ),
    (
        "issuer add-key",
        "--api NOBODY --rpc NOBODY --deployment @ --key-file @ --passphrase-file @ --issuer-id 1",
    ),
    (
        "collection create",
        "--api NOBODY --rpc NOBODY --deployment @ --key-file @ --passphrase-file @ --issuer-id 1 --name x --symbol X --api-key-file @",
    ),
    (
        "collection set-minter",
        "--api NOBODY --rpc NOBODY --deployment @ --key-file @ --passphrase-file @ --collection COLLECTION --minter WALLET",
    ),
    (
        "design add",
        "--api NOBODY --api-key-file @ --collection COLLECTION --name x --slot torso --edition 1 --file plaza=@ --licence @ --permissions @",
    ),
    ("world add", "@ --api NOBODY --api-key-file @"),
    (
        "api-key new",
        "--api NOBODY --api-key-file @ --label x --scope world --out >/k",
    ),
    (
        "issue",
        "--api NOBODY --api-key-file @ --collection COLLECTION --list @ --yes --key-file @ --seed-file @ --passphrase-file @ --out > --roots @",
    ),
    (
        "claim",
        "--api NOBODY --wearable WEARABLE --to WALLET --code-file @",
    ),
    (
        "inventory",
        "WALLET --api NOBODY --world x --slot torso --lang en --limit 1 --cursor x",
    ),
    (
        "verify",
        "@ --proof @ --roots @ --chain 1 --collection COLLECTION --wearable WEARABLE",
    ),
    (
        "roots",
        "--api NOBODY --rpc NOBODY --deployment @ --issuer-id 1 --out >/r",
    ),
    ("rebuild", "--config @"),
    ("check", "--config @"),
    ("repair", "--config @ --from @"),
];

/// Verbs whose names stand in the help of `arguments`.
fn verbs_below(arguments: &[&str], found: &mut BTreeSet<String>) {
    let output = Command::new(env!("CARGO_BIN_EXE_vestiary"))
        .args(arguments)
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let Some((_, commands)) = help.split_once("\nCommands:\n") else {
        found.insert(arguments.join(" "));
        return;
    };
    for line in commands.lines().take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().unwrap();
        // A description that goes on in the next line is set further in.
        if name != "help" && line.starts_with("  ") && !line.starts_with("   ") {
            verbs_below(&[arguments, &[name]].concat(), found);
        }
    }
}

/// Files that are none.
struct Files {
    dir: tempfile::TempDir,
}

impl Files {
    fn make() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::create_dir(path("directory")).unwrap();
        std::os::unix::fs::symlink(path("loop"), path("loop")).unwrap();
        private(&path("empty"), b"");
        private(&path("not-utf-8"), &[0xff, 0xfe, 0, 0xc3, 0x28]);
        private(&path("deep"), &[b'['; 5_000]);
        private(&path("null-bytes"), &[0; 5_000]);
        private(&path("an-array"), b"[1, [2, 3], \"x\"]");
        private(&path("sparse"), b"");
        let sparse = std::fs::File::options().write(true).open(path("sparse")).unwrap();
        sparse.set_len(2 << 30).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(path("pipe"))
                .status()
                .unwrap()
                .success()
        );
        private(&path("secret"), SECRETS[0].as_bytes());
        std::fs::write(path("unreadable"), b"x").unwrap();
        set_mode(&path("unreadable"), 0o000);
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn private(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
    set_mode(path, 0o600);
}

/// What stands in place of each file of a verb in turn.
const KINDS: [&str; 10] = [
    "directory",
    "pipe",
    "missing",
    "unreadable",
    "loop",
    "empty",
    "sparse",
    "not-utf-8",
    "an-array",
    "null-bytes",
];

/// One command line of a row: its words, with the `altered`th replaced.
fn words(
    verb: &str,
    row: &str,
    files: &Files,
    out: &Path,
    altered: Option<&(usize, OsString)>,
) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["--json".into()];
    words.extend(verb.split(' ').map(OsString::from));
    let secret = files.path("secret");
    for (index, word) in row.split(' ').enumerate() {
        if let Some((place, value)) = altered
            && *place == index
        {
            words.push(value.clone());
            continue;
        }
        let word = word
            .replace("NOBODY", NOBODY)
            .replace("COLLECTION", COLLECTION)
            .replace("WEARABLE", WEARABLE)
            .replace("WALLET", WALLET)
            .replace('>', out.to_str().unwrap())
            .replace('@', secret.to_str().unwrap());
        words.push(word.into());
    }
    words
}

fn run(words: &[OsString]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestiary"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VESTIARY_")) {
        command.env_remove(name);
    }
    let begun = Instant::now();
    let output = command
        .args(words)
        .env("VESTIARY_ALLOW_DEVELOPMENT_KEYS", "true")
        .env("VESTIARY_API_KEY", SECRETS[2])
        .env("VESTIARY_CLAIM_CODE", SECRETS[1])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(begun.elapsed() < PATIENCE, "{words:?} took too long");
    output
}

/// A refusal as it has to be; what it says, or what is wrong with it.
fn refusal(output: &Output) -> Result<Value, String> {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let shown = format!("{stderr}{}", String::from_utf8_lossy(&output.stdout));
    if !matches!(output.status.code(), Some(1..=3)) || stderr.contains("panicked") {
        return Err(format!("{:?} {stderr:.400}", output.status));
    }
    if let Some(secret) = SECRETS.iter().find(|secret| shown.contains(*secret)) {
        return Err(format!("{secret} is said: {shown:.400}"));
    }
    if stderr.len() > 4_000 {
        return Err(format!("echoes everything: {stderr:.400}"));
    }
    // `verify` answers on standard output and says there why not.
    let text = if output.stderr.is_empty() {
        String::from_utf8_lossy(&output.stdout).into_owned()
    } else {
        stderr.lines().last().unwrap_or_default().to_owned()
    };
    serde_json::from_str(&text).map_err(|error| format!("{error}: {shown:.400}"))
}

/// Runs each job on as many threads as there are processors.
fn each<T: Sync>(jobs: &[T], run: impl Fn(&T) -> Result<(), String> + Sync) {
    let failed = std::sync::Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = run(job) {
                        failed.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        jobs.len(),
        failed.join("\n")
    );
}

#[test]
fn every_verb_refuses_files_that_are_none_and_names_them() {
    let mut verbs = BTreeSet::new();
    verbs_below(&[], &mut verbs);
    let listed: BTreeSet<String> = ROWS.iter().map(|(verb, _)| (*verb).to_owned()).collect();
    assert_eq!(listed, verbs, "each verb has a row in this table");

    let files = Files::make();
    let root = std::fs::read(files.path("unreadable")).is_ok();
    let mut jobs = Vec::new();
    for (verb, row) in ROWS {
        for (index, word) in row.split(' ').enumerate() {
            let Some(before) = word.strip_suffix('@') else {
                continue;
            };
            for kind in KINDS {
                // Root reads everything.
                if kind == "unreadable" && root {
                    continue;
                }
                jobs.push((verb, row, index, before, kind));
            }
        }
    }
    each(&jobs, |(verb, row, index, before, kind)| {
        let out = tempfile::tempdir().unwrap();
        let file = files.path(kind);
        let mut value = OsString::from(before);
        value.push(&file);
        let words = words(verb, row, &files, out.path(), Some(&(*index, value)));
        let what = format!("{verb}: {kind} as word {index} of {row:?}");
        let problem = refusal(&run(&words)).map_err(|why| format!("{what}: {why}"))?;
        let text = problem.to_string();
        let code = problem["code"].as_str().unwrap_or_default();
        // Where something else failed first, that is named instead.
        let places = [&file, &files.path("secret"), &out.path().to_owned()];
        let named = places.iter().any(|place| text.contains(place.to_str().unwrap()))
            || text.contains(NOBODY)
            || matches!(code, "usage" | "service_unreachable")
            || problem["report"].is_object();
        if named {
            Ok(())
        } else {
            Err(format!("{what}: nothing is named in {text}"))
        }
    });
    println!("ran: {} files at {} verbs", jobs.len(), ROWS.len());
}

#[test]
fn every_verb_refuses_values_that_are_wrong() {
    let files = Files::make();
    let mut jobs = Vec::new();
    for (verb, row) in ROWS {
        let row_words: Vec<&str> = row.split(' ').collect();
        for (index, word) in row_words.iter().enumerate() {
            if word.starts_with("--") || word.contains(['@', '>']) {
                continue;
            }
            let values: [OsString; 5] = [
                "".into(),
                "99999999999999999999999999999999".into(),
                OsStr::from_bytes(b"\xff\xfe").to_owned(),
                "\u{202e}\u{1b}[31m\n".into(),
                "x".repeat(100_000).into(),
            ];
            jobs.extend(values.map(|value| (verb, row, index, value)));
        }
        jobs.push((verb, row, usize::MAX, OsString::new()));
    }
    each(&jobs, |(verb, row, index, value)| {
        let out = tempfile::tempdir().unwrap();
        let mut words = words(verb, row, &files, out.path(), Some(&(*index, value.clone())));
        if *index == usize::MAX {
            words.push("--unheard-of".into());
        }
        let what = format!("{verb}: {:.40} as word {index}", value.display().to_string());
        let output = run(&words);
        let problem = refusal(&output).map_err(|why| format!("{what}: {why}"))?;
        if *index == usize::MAX {
            assert_eq!(
                (problem["code"].as_str(), output.status.code()),
                (Some("usage"), Some(2)),
                "{what}"
            );
        }
        Ok(())
    });
    println!("ran: {} values", jobs.len());
}
