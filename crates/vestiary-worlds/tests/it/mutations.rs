//! Garments spoilt at random: never a panic, never long.

use std::{fs, sync::LazyLock, time::Instant};

use crate::support::{fixture, fixtures};
use proptest::prelude::*;
use vestiary_worlds::preflight;

/// Good garments, and the rejected ones that are small.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut seeds: Vec<_> = ["coat-pocket", "cap-pocket", "boots-pocket"]
        .map(|name| fixture(&format!("garments/{name}.glb")))
        .into();
    let mut rejected: Vec<_> = fs::read_dir(fixtures().join("garments/rejected"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    rejected.sort();
    seeds.extend(
        rejected
            .iter()
            .map(|path| fs::read(path).unwrap())
            .filter(|bytes| bytes.len() < 4096),
    );
    seeds
});

const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "3",
    "255",
    "65536",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "1e308",
    "0.5",
];

#[derive(Debug, Clone)]
enum Change {
    Byte(usize, u8),
    Remove(usize, usize),
    Repeat(usize, usize),
    Number(usize, usize),
    Cut(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<usize>();
    prop_oneof![
        1 => (at, any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        1 => (at, 1..40_usize).prop_map(|(at, length)| Change::Remove(at, length)),
        1 => (at, 1..400_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
        4 => (at, 0..NUMBERS.len()).prop_map(|(at, number)| Change::Number(at, number)),
        1 => at.prop_map(Change::Cut),
    ]
}

fn apply(file: &mut Vec<u8>, change: &Change) {
    let json_end = file.len().clamp(21, 4096);
    match *change {
        _ if file.len() < 24 => {}
        Change::Byte(at, byte) => {
            let at = at % json_end.min(file.len());
            file[at] = byte;
        }
        Change::Remove(at, length) => {
            let at = at % file.len();
            file.drain(at..(at + length).min(file.len()));
        }
        Change::Repeat(at, length) => {
            let at = at % file.len();
            let piece = file[at..(at + length).min(file.len())].to_vec();
            file.splice(at..at, piece);
        }
        Change::Number(at, number) => {
            // The next number of the JSON after some place becomes another.
            let start = 20 + at % (json_end - 20);
            let Some(first) = (start..file.len()).find(|at| file[*at].is_ascii_digit()) else {
                return;
            };
            let last = (first..file.len())
                .find(|at| !file[*at].is_ascii_digit())
                .unwrap_or(file.len());
            file.splice(first..last, NUMBERS[number].bytes());
        }
        Change::Cut(at) => file.truncate(at % file.len()),
    }
}

/// Makes the lengths in the headers right again, so that the change reaches what lies behind them.
fn mend(file: &mut Vec<u8>, grown: isize) {
    if file.len() < 24 {
        return;
    }
    let json = u32::from_le_bytes(file[12..16].try_into().unwrap());
    let Some(json) = (json as usize).checked_add_signed(grown) else {
        return;
    };
    let pad = json.next_multiple_of(4) - json;
    let end = (20 + json).min(file.len());
    file.splice(end..end, std::iter::repeat_n(b' ', pad));
    file[12..16].copy_from_slice(&u32::try_from(json + pad).unwrap_or(0).to_le_bytes());
    while !file.len().is_multiple_of(4) {
        file.push(0);
    }
    let length = u32::try_from(file.len()).unwrap();
    file[8..12].copy_from_slice(&length.to_le_bytes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_spoilt_garment_is_measured_or_refused_at_once(
        seed in any::<prop::sample::Index>(),
        changes in proptest::collection::vec(change(), 1..6),
        mended in any::<bool>(),
    ) {
        let mut file = SEEDS[seed.index(SEEDS.len())].clone();
        let before = file.len();
        for change in &changes {
            apply(&mut file, change);
        }
        if mended {
            let grown = isize::try_from(file.len()).unwrap() - isize::try_from(before).unwrap();
            mend(&mut file, grown);
        }
        let started = Instant::now();
        let first = preflight(&file);
        prop_assert!(started.elapsed().as_secs() < 2, "took {:?}", started.elapsed());
        match (first, preflight(&file)) {
            (Ok(a), Ok(b)) => prop_assert_eq!(a, b),
            (Err(a), Err(b)) => prop_assert_eq!(a.to_string(), b.to_string()),
            _ => prop_assert!(false, "the same bytes were judged twice and differently"),
        }
    }
}
