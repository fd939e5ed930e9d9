//! `VESTIARY_SEED=<n>` makes other inputs of the corpus.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use vestiary_fuzz::{Target, corpus, targets};
use vestiary_log::seams::SeededRandom;

/// An input takes no longer, on a machine that does nothing else.
const MAX_TIME: Duration = Duration::from_secs(1);
/// Inputs that are made for each target, fewer where they take longer than [`MADE_TIME`].
const MADE: usize = 2_000;
const MADE_TIME: Duration = Duration::from_millis(150);
/// Inputs that are kept for a target, and bytes of all corpora.
const MAX_KEPT: usize = 200;
const MAX_CORPORA_BYTES: u64 = 1 << 20;

/// What is between two readers' ideas of a text.
const PIECES: [&[u8]; 16] = [
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"]",
    b"-0",
    b"1e9",
    b"9007199254740993",
    b"18446744073709551616",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"0x",
];

/// Runs the target. The error is a broken promise, told with the line that keeps the input.
fn run(target: Target, input: &[u8]) -> Result<(), String> {
    let begun = Instant::now();
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_err() {
        return Err(format!(
            "{} breaks its promise; to keep the input, add this line to {}, in order:\n{}",
            target.name,
            corpus::file(target.name).display(),
            STANDARD.encode(input),
        ));
    }
    if begun.elapsed() > MAX_TIME {
        // The machine may have been busy: three times is no chance.
        let again = (0..3).map(|_| {
            let begun = Instant::now();
            (target.run)(input);
            begun.elapsed()
        });
        let fastest = again.min().unwrap_or_default();
        if fastest > MAX_TIME {
            let input = STANDARD.encode(input);
            return Err(format!("{} takes {fastest:?} for {input}", target.name));
        }
    }
    Ok(())
}

/// Runs each target until it breaks a promise, then the next; all that were broken are told at the end.
fn all_hold(run_one: impl Fn(Target) -> Result<(), String>) {
    let broken: Vec<_> = targets().filter_map(|target| run_one(target).err()).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn below(random: &SeededRandom, bound: usize) -> usize {
    usize::try_from(random.below(bound.max(1) as u64)).expect("below a usize")
}

/// One of the inputs with a few changes.
fn changed(random: &SeededRandom, inputs: &[Vec<u8>], max_len: usize) -> Vec<u8> {
    let mut input = inputs[below(random, inputs.len())].clone();
    for _ in 0..=below(random, 4) {
        let at = below(random, input.len() + 1);
        let end = at + below(random, input.len() - at + 1).min(16);
        match below(random, 6) {
            0 if at < input.len() => input[at] ^= 1 << below(random, 8),
            1 if at < input.len() => input[at] = u8::try_from(below(random, 256)).expect("below 256"),
            2 => drop(input.drain(at..end)),
            3 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            4 => {
                let piece = PIECES[below(random, PIECES.len())];
                input.splice(at..end, piece.iter().copied());
            }
            _ => {
                let other = &inputs[below(random, inputs.len())];
                let from = below(random, other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
        }
    }
    input.truncate(max_len);
    input
}

#[test]
fn every_kept_input_is_taken_in_its_time() {
    all_hold(|target| {
        let inputs = corpus::read(target.name).unwrap();
        inputs.iter().try_for_each(|input| run(target, input))
    });
}

#[test]
fn inputs_that_resemble_the_kept_ones_break_no_promise() {
    let seed = std::env::var("VESTIARY_SEED").map_or(1, |seed| seed.parse().unwrap());
    all_hold(|target| {
        let inputs = corpus::read(target.name).unwrap();
        let random = SeededRandom::new(seed);
        let begun = Instant::now();
        let mut made = 0;
        while made < MADE && begun.elapsed() < MADE_TIME {
            run(target, &changed(&random, &inputs, target.max_len))?;
            made += 1;
        }
        println!("seed {seed}: {made} inputs of {}", target.name);
        Ok(())
    });
}

#[test]
fn every_target_keeps_a_small_corpus_in_order() {
    let names: Vec<_> = targets().map(|target| target.name).collect();
    let kept: BTreeSet<_> = names.iter().map(|name| format!("{name}.b64")).collect();
    assert_eq!(kept.len(), names.len(), "a name stands twice");
    let mut bytes = 0;
    for entry in fs::read_dir(corpus::dir()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert!(kept.contains(&name), "{name} is the corpus of no target");
        bytes += entry.metadata().unwrap().len();
    }
    assert!(bytes <= MAX_CORPORA_BYTES, "{bytes} bytes");
    for name in names {
        let text = fs::read_to_string(corpus::file(name)).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert!(
            !lines.is_empty() && lines.len() <= MAX_KEPT,
            "{name}: {} inputs",
            lines.len()
        );
        assert!(
            lines.windows(2).all(|pair| pair[0] < pair[1]),
            "{name} is not in order"
        );
    }
}
