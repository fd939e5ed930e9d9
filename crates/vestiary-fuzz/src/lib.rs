#![doc = include_str!("../README.md")]

pub mod corpus;
pub mod formats;
mod input;
pub mod service;
pub mod state;

use std::io::Write as _;
use std::process::exit;
use std::sync::OnceLock;

/// One parser, or one fold, with what it promises about any bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: lower-case words, unique; also the name of its corpus in `fixtures/corpus`.
    pub name: &'static str,
    /// Runs it once. A broken promise is a panic.
    pub run: fn(&[u8]),
    /// Longest input that is worth trying, in bytes; a longer one in the corpus is still run.
    pub max_len: usize,
}

/// The target that [`choose`] chose.
static CHOSEN: OnceLock<Target> = OnceLock::new();

/// Every target of every group.
pub fn targets() -> impl Iterator<Item = Target> {
    [formats::TARGETS, state::TARGETS, service::TARGETS]
        .into_iter()
        .flatten()
        .copied()
}

/// Takes the target that the environment variable `VESTIARY_FUZZ` names, for a program that libFuzzer drives.
///
/// Anything else ends the program: `list` after one line `<name> <longest input>` a target, an unknown name with
/// code 2.
pub fn choose(targets: &[Target]) {
    let wanted = std::env::var("VESTIARY_FUZZ").unwrap_or_default();
    if let Some(target) = targets.iter().find(|target| target.name == wanted) {
        CHOSEN.get_or_init(|| *target);
        return;
    }
    let mut out = std::io::stdout().lock();
    for target in targets {
        if writeln!(out, "{} {}", target.name, target.max_len).is_err() {
            break;
        }
    }
    exit(if wanted == "list" { 0 } else { 2 });
}

/// Runs the chosen target once.
pub fn run(input: &[u8]) {
    if let Some(target) = CHOSEN.get() {
        (target.run)(input);
    }
}
