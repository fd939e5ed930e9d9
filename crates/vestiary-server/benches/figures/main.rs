//! The figures of README. `scripts/bench` builds and runs this.
//!
//! Two arms alive in one process tree, alternated A B B A; a figure is the median of the ratios of 15 pairs, from
//! the 4th to the 12th its interval. What has no interval on one side of its limit is `noisy`, and so is
//! everything while an arm against itself leaves 0.95 to 1.05. `noisy` is not `holds`.

mod backfill;
mod bed;
mod certificates;
mod devnet;
mod freshness;
mod gas;
mod inventory;
mod issue;
mod load;
mod log;
mod machine;
mod report;
mod run;
mod stats;

use std::path::Path;

use anyhow::{Result, bail, ensure};
use clap::Parser;

use machine::WorkDir;
use report::{Outcome, Row};
use run::Plan;
use stats::Limit;

/// Measures how fast Vestiary is.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Options {
    /// One JSON object a row.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// The table of README.
    #[arg(long)]
    markdown: bool,
    /// Only these rows, by name, with commas between them.
    #[arg(long, value_delimiter = ',')]
    rows: Vec<String>,
    /// The sizes of the rows marked L. They take long.
    #[arg(long)]
    large: bool,
    /// A smoke test: three pairs of small samples. Its figures mean nothing, and every verdict is `noisy`.
    #[arg(long)]
    quick: bool,
    /// Pairs of samples behind a figure, 15 unless more are wanted.
    #[arg(long)]
    pairs: Option<usize>,
    /// What a child process is.
    #[arg(long, num_args = 1.., hide = true)]
    role: Vec<String>,
    /// Cargo says so to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Rows that wait for what they measure: name, arms, unit, limit.
const LATER: [(&str, &str, &str, Limit); 9] = [
    (
        "verify in bulk",
        "audit of 100,000 certificates with batch verification · one by one",
        "×",
        Limit::AtLeast(2.5),
    ),
    (
        "inventory at size (L)",
        "HTTP p99 at fixed arrival, 10 M wearables · 100 k",
        "×",
        Limit::AtMost(1.5),
    ),
    (
        "back-fill against a peer (L)",
        "ours · Ponder 0.16.10 on PostgreSQL",
        "×",
        Limit::AtLeast(10.0),
    ),
    (
        "rebuild (L)",
        "1,000,000 wearables from log and recorded chain",
        "s",
        Limit::AtMost(60.0),
    ),
    (
        "inventory proof",
        "50 storage proofs verified · hashing the same bytes with keccak",
        "×",
        Limit::AtMost(4.0),
    ),
    (
        "wardrobe",
        "100 wearables verified · hashing its files",
        "×",
        Limit::AtMost(1.2),
    ),
    (
        "wardrobe memory",
        "a wardrobe of 1 GB verified",
        "MB",
        Limit::AtMost(64.0),
    ),
    (
        "files",
        "3 MB by CID · axum serving the same file",
        "×",
        Limit::AtLeast(0.8),
    ),
    (
        "inventory, 200 k wallets",
        "as inventory, wallets drawn uniformly and by Zipf, 100 transfers a second running",
        "×",
        Limit::AtLeast(0.6),
    ),
];

/// Rows that are measured, in the order of the table.
const MEASURED: [&str; 8] = [
    "verify",
    "issue",
    "claim keys",
    "log append",
    "inventory",
    "back-fill",
    "freshness",
    "gas",
];

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some((role, arguments)) = options.role.split_first() {
        return serve(role, arguments);
    }
    for row in &options.rows {
        ensure!(
            MEASURED.contains(&row.as_str()),
            "no row {row:?}; there are: {}",
            MEASURED.join(", ")
        );
    }
    let plan = Plan {
        pairs: options
            .pairs
            .unwrap_or(if options.quick { 3 } else { stats::PAIRS }),
        quick: options.quick,
        large: options.large,
    };
    let mut rows = Vec::new();
    let mut failed = 0;
    for name in MEASURED {
        if !options.rows.is_empty() && !options.rows.iter().any(|wanted| wanted == name) {
            continue;
        }
        say(&format!("measuring {name}"));
        let found = measure(name, &plan).unwrap_or_else(|error| {
            failed += 1;
            vec![broken(name, &format!("{error:#}"))]
        });
        rows.extend(found);
    }
    if options.rows.is_empty() {
        rows.extend(LATER.map(|(name, what, unit, limit)| Row {
            name: name.into(),
            what: what.into(),
            unit,
            limit,
            outcome: Outcome::NotMeasured("not built yet".into()),
        }));
    }
    print(&options, &rows);
    ensure!(failed == 0, "{failed} rows broke off");
    Ok(())
}

fn measure(name: &str, plan: &Plan) -> Result<Vec<Row>> {
    let work = WorkDir::new(&name.replace(' ', "-"))?;
    Ok(match name {
        "verify" => vec![certificates::verify(plan)?],
        "claim keys" => vec![certificates::claim_keys(plan)?],
        "log append" => vec![log::append(plan, work.path())?],
        "issue" => vec![issue::issue(plan, &work)?],
        "inventory" => inventory::inventory(plan, &work)?,
        "back-fill" => vec![backfill::back_fill(plan, &work)?],
        "freshness" => vec![freshness::freshness(plan, &work)?],
        "gas" => gas::gas(),
        other => bail!("no row {other:?}"),
    })
}

/// A row that could not be measured, and why.
fn broken(name: &str, why: &str) -> Row {
    Row {
        name: name.into(),
        what: String::new(),
        unit: "×",
        limit: Limit::AtMost(f64::NAN),
        outcome: Outcome::NotMeasured(why.into()),
    }
}

fn serve(role: &str, arguments: &[String]) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        match (role, arguments) {
            ("service", [dir, wallets]) => inventory::serve_service(Path::new(dir), wallets.parse()?).await,
            ("static", [bytes]) => inventory::serve_static(bytes.parse()?).await,
            ("node-service", [dir]) => freshness::serve_node_service(Path::new(dir)).await,
            _ => bail!("no role {role:?} with {arguments:?}"),
        }
    })
}

#[expect(clippy::print_stderr, reason = "progress, beside the rows on standard output")]
fn say(text: &str) {
    eprintln!("{text}");
}

#[expect(clippy::print_stdout, reason = "the rows are what this program is for")]
fn print(options: &Options, rows: &[Row]) {
    if options.json {
        for row in rows {
            println!("{}", row.json());
        }
    } else if options.markdown {
        print!("{}", report::markdown(rows));
    } else {
        for row in rows {
            println!("{}", row.line());
        }
    }
}
