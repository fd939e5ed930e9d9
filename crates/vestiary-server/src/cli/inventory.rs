//! `vestiary inventory`.

use clap::Args as ClapArgs;
use std::fmt::Write as _;
use vestiary::inventory::Inventory;

use super::failure::Failure;
use super::options::ServiceOptions;
use super::output::Output;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    service: ServiceOptions,
    /// The wallet: eip155:…:0x…, or 0x… on the service's chain, in lower case.
    wallet: String,
    /// The world that asks.
    #[arg(long)]
    world: Option<String>,
    /// Only wearables of this slot, and those whose slot is unknown.
    #[arg(long)]
    slot: Option<String>,
    /// en or fr.
    #[arg(long)]
    lang: Option<String>,
    /// How many wearables.
    #[arg(long)]
    limit: Option<u16>,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
}

pub(crate) async fn run(args: Args, out: Output) -> Result<(), Failure> {
    let limit = args.limit.map(|limit| limit.to_string());
    let given = [
        ("world", &args.world),
        ("slot", &args.slot),
        ("lang", &args.lang),
        ("limit", &limit),
        ("cursor", &args.cursor),
    ];
    let query: Vec<(&str, &str)> = given
        .iter()
        .filter_map(|(name, value)| value.as_deref().map(|value| (*name, value)))
        .collect();
    let client = args.service.client()?;
    let answer: Inventory = client
        .get(&["v1", "wallets", &args.wallet, "wearables"], &query)
        .await?;
    out.answer(&answer, || text(&answer))?;
    Ok(())
}

fn text(answer: &Inventory) -> String {
    let mut text = format!(
        "{} in {}: {} wearables, complete: {}\n",
        answer.wallet,
        if answer.world.is_empty() {
            "any world"
        } else {
            &answer.world
        },
        answer.wearables.len(),
        answer.complete
    );
    for as_of in &answer.as_of {
        let _ = writeln!(
            text,
            "as of block {} ({}), {}",
            as_of.block, as_of.finality, as_of.time
        );
    }
    let _ = writeln!(text, "keep what is shown until {}", answer.keep_until);
    for entry in &answer.wearables {
        let _ = write!(text, "{:<8}{} {}", entry.wear.to_string(), entry.id, entry.name);
        if !entry.why.is_empty() {
            let _ = write!(text, " [{}]", entry.why);
        }
        text.push('\n');
        for file in &entry.files {
            let _ = writeln!(text, "        {} {} {} bytes", file.fit, file.url, file.bytes);
        }
    }
    if !answer.next_cursor.is_empty() {
        let _ = writeln!(text, "more: --cursor {}", answer.next_cursor);
    }
    text
}
