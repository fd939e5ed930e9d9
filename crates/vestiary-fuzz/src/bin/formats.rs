//! libFuzzer over the targets of [`vestiary_fuzz::formats`]; `VESTIARY_FUZZ` names one, `list` prints all.

#![cfg_attr(vestiary_fuzzing, no_main)]

#[cfg(vestiary_fuzzing)]
libfuzzer_sys::fuzz_target!(
    init: vestiary_fuzz::choose(vestiary_fuzz::formats::TARGETS),
    |input: &[u8]| vestiary_fuzz::run(input)
);

/// Without libFuzzer there is nothing to run: `scripts/soak fuzz` builds it in, `cargo test` replays the corpus.
#[cfg(not(vestiary_fuzzing))]
fn main() {}
