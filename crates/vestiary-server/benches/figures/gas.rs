//! Gas of whole transactions, as `contracts/scripts/gas` measures it.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::machine;
use crate::report::{Outcome, Row};
use crate::stats::Limit;

/// Figures of contracts that do not exist yet.
const LATER: [(&str, f64); 2] = [("gas: lend", 60_000.0), ("gas: lost", 40_000.0)];

#[derive(Deserialize)]
struct Line {
    name: String,
    value: f64,
    limit: Option<f64>,
}

/// A row for each transaction with a limit.
pub(crate) fn gas() -> Vec<Row> {
    let mut rows = match measure() {
        Ok(rows) => rows,
        Err(error) => vec![row("gas", f64::NAN, Outcome::NotMeasured(format!("{error:#}")))],
    };
    rows.extend(
        LATER
            .into_iter()
            .map(|(name, limit)| row(name, limit, Outcome::NotMeasured("not built yet".into()))),
    );
    rows
}

fn row(name: &str, limit: f64, outcome: Outcome) -> Row {
    Row {
        name: name.into(),
        what: "whole transaction, 21,000 and calldata included".into(),
        unit: "gas",
        limit: Limit::AtMost(limit),
        outcome,
    }
}

fn measure() -> Result<Vec<Row>> {
    let contracts = machine::root().join("contracts");
    let output = Command::new("node")
        .arg(contracts.join("scripts/gas"))
        .arg("--json")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .context("starting node")?;
    let text = String::from_utf8(output.stdout)?;
    let mut rows = Vec::new();
    // A row that misses makes the script fail; its rows are printed all the same.
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).with_context(|| format!("reading {line:?}"))?;
        if let Some(limit) = line.limit {
            rows.push(row(&line.name, limit, Outcome::Exact(line.value)));
        }
    }
    if rows.is_empty() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said: String = said
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect();
        bail!("contracts/scripts/gas printed no rows: {said}");
    }
    Ok(rows)
}
