//! Tests of what stands behind a verdict. A bench has no test harness, so they are a target of their own.

#[path = "stats.rs"]
mod stats;

use stats::*;

fn pairs(of: &[(f64, f64)]) -> Pairs {
    let mut pairs = Pairs::default();
    for (a, b) in of {
        pairs.push(*a, *b);
    }
    pairs
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

fn figure(low: f64, high: f64, noise: f64) -> Figure {
    Figure {
        value: f64::midpoint(low, high),
        low,
        high,
        noise,
        pairs: PAIRS,
    }
}

#[test]
fn the_median_is_the_middle_of_sorted_values() {
    assert!(close(median(&[3.0, 1.0, 2.0]), 2.0));
    assert!(close(median(&[4.0, 1.0, 2.0, 3.0]), 2.5));
    assert!(close(median(&[7.0]), 7.0));
    assert!(median(&[]).is_nan());
}

#[test]
fn the_interval_of_fifteen_is_the_fourth_and_the_twelfth() {
    let values: Vec<f64> = (1..=15).rev().map(f64::from).collect();
    assert_eq!(interval(&values), (4.0, 12.0));
    assert_eq!(interval(&[2.0, 9.0, 5.0]), (2.0, 9.0), "of three, all");
    let values: Vec<f64> = (1..=30).map(f64::from).collect();
    assert_eq!(interval(&values), (8.0, 23.0));
}

#[test]
fn p99_is_the_nearest_rank() {
    let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
    assert!(close(p99(&values), 99.0));
    assert!(close(p99(&[1.0, 5.0]), 5.0));
    assert!(p99(&[]).is_nan());
}

#[test]
fn arms_alternate_a_b_b_a() {
    let order: String = (0..4)
        .map(|pair| if a_first(pair) { "AB" } else { "BA" })
        .collect();
    assert_eq!(order, "ABBAABBA");
}

#[test]
fn ratios_are_of_times_or_of_rates() {
    let pairs = pairs(&[(2.0, 1.0); 15]);
    assert!(close(pairs.time_ratio().value, 2.0));
    assert!(close(pairs.rate_ratio().value, 0.5));
    assert!(close(pairs.time_ratio().noise, 1.0));
    assert_eq!(pairs.time_ratio().pairs, 15);
}

#[test]
fn an_arm_is_compared_with_itself_where_it_runs_twice_in_a_row() {
    // A1 B1, B2 A2, A3 B3: B2 against B1, A3 against A2.
    let pairs = pairs(&[(1.0, 10.0), (2.0, 11.0), (3.0, 99.0)]);
    let found = pairs.against_themselves();
    assert!(close(found[0], 1.1) && close(found[1], 1.5) && found.len() == 2);
}

#[test]
fn a_verdict_needs_the_whole_interval_on_one_side() {
    let at_most = Limit::AtMost(1.5);
    assert_eq!(figure(1.1, 1.5, 1.0).verdict(at_most), Verdict::Holds);
    assert_eq!(figure(1.4, 1.6, 1.0).verdict(at_most), Verdict::Noisy);
    assert_eq!(figure(1.6, 1.7, 1.0).verdict(at_most), Verdict::Misses);
    let at_least = Limit::AtLeast(0.3);
    assert_eq!(figure(0.3, 0.4, 1.0).verdict(at_least), Verdict::Holds);
    assert_eq!(figure(0.2, 0.4, 1.0).verdict(at_least), Verdict::Noisy);
    assert_eq!(figure(0.1, 0.2, 1.0).verdict(at_least), Verdict::Misses);
}

#[test]
fn a_restless_machine_and_few_pairs_tell_nothing() {
    let limit = Limit::AtMost(1.5);
    assert_eq!(figure(1.0, 1.0, 1.06).verdict(limit), Verdict::Noisy);
    assert_eq!(figure(1.0, 1.0, 0.94).verdict(limit), Verdict::Noisy);
    assert_eq!(figure(1.0, 1.0, f64::NAN).verdict(limit), Verdict::Noisy);
    let few = Figure {
        pairs: MIN_PAIRS - 1,
        ..figure(1.0, 1.0, 1.0)
    };
    assert_eq!(few.verdict(limit), Verdict::Noisy);
    let unknown = figure(f64::NAN, f64::NAN, 1.0);
    assert_ne!(unknown.verdict(limit), Verdict::Holds);
}

#[test]
fn verdicts_and_limits_are_written_as_the_table_has_them() {
    let words = [Verdict::Holds, Verdict::Misses, Verdict::Noisy].map(|verdict| verdict.to_string());
    assert_eq!(words, ["holds", "misses", "noisy"]);
    assert!(close(Limit::AtLeast(0.6).number(), 0.6) && close(Limit::AtMost(4.0).number(), 4.0));
}

#[test]
fn rounds_have_their_own_interval_and_noise() {
    let figure = rounds(&[10.0, 30.0, 20.0], &[2.0, 2.2, 2.2]);
    assert!(close(figure.value, 20.0) && close(figure.low, 10.0) && close(figure.high, 30.0));
    assert!(close(figure.noise, 1.05));
    let (a, b) = pairs(&[(1.0, 3.0), (2.0, 4.0), (9.0, 5.0)]).costs();
    assert!(close(a, 2.0) && close(b, 4.0));
}
