//! `vestiary issue`: from a product list to wearables on the chain, step by step, safe to run again.
//!
//! What happens to a list: it is read whole; the difference to what the service has is shown; codes are derived here
//! and only their addresses are sent; what comes back is built again here and compared before the issuer's account
//! signs; the receipt is checked and kept. The plan is written down first, and every request's idempotency key
//! follows from its content, so a run that broke off goes on where it was.

mod blind;
mod papers;
mod plan;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::hex;
use clap::Args as ClapArgs;
use serde_json::{Value, json};
use vestiary::certificate::Binding;
use vestiary::digest::Sha256;
use vestiary::ids::{CollectionId, TokenId};
use vestiary::text::Visible;
use vestiary_server::api::{
    BatchView, CollectionView, CommitBatchBody, DesignView, IssuerView, NewBatch, NewWearable,
};
use vestiary_signing::{AccountKey, Memory, Purpose, Seed};

use super::client::Client;
use super::failure::Failure;
use super::files;
use super::options::{CallerOptions, PassphraseOptions, collection_id};
use super::output::Output;
use super::sheet::{self, MAX_SHEET_BYTES};
use blind::{Asked, Checked};
use plan::{Plan, PlannedBatch};

/// How long a batch may take to reach the chain before the command ends; the receipt's promise holds on.
const ON_CHAIN_WITHIN: Duration = Duration::from_mins(5);
/// Preparations that ran out unsigned before this one, at most.
const MAX_ATTEMPTS: u32 = 100;
/// Largest preparation file, in bytes.
const MAX_PREPARATION_BYTES: usize = 64 << 20;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    caller: CallerOptions,
    /// The collection, eip155:…/erc721:0x….
    #[arg(long, value_parser = collection_id)]
    collection: CollectionId,
    /// The product list; fixtures/products/README.md describes it.
    #[arg(long, value_name = "FILE")]
    list: PathBuf,
    /// Show the difference and stop.
    #[arg(long)]
    dry_run: bool,
    /// Go on without asking.
    #[arg(long)]
    yes: bool,
    /// How wearables with a code are bound to their pieces: code, tag, chip or inspected.
    #[arg(long, default_value = "code")]
    binding: String,
    /// Key file of the issuer's account.
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    key_file: Option<PathBuf>,
    /// Key file of the seed from which claim codes follow; whoever has it has every code.
    #[arg(long, value_name = "FILE", required_unless_present = "dry_run")]
    seed_file: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseOptions,
    /// Directory for codes, batch files and receipts. A run that broke off goes on from here.
    #[arg(long, value_name = "DIR", required_unless_present = "dry_run")]
    out: Option<PathBuf>,
    /// Roots file; what is signed for and the receipts are compared with it.
    #[arg(long, value_name = "FILE", env = "VESTIARY_ROOTS")]
    roots: Option<PathBuf>,
    /// Stop when the receipts are there; do not wait for the chain.
    #[arg(long)]
    no_wait: bool,
}

/// What is being issued, and with what.
struct Issuing<'a> {
    client: &'a Client,
    out: Output,
    collection: CollectionId,
    issuer: IssuerView,
    binding: Binding,
    key: Arc<AccountKey>,
    memory: Memory,
    seed: Seed,
}

pub(crate) async fn run(args: Args, out: Output) -> Result<(), Failure> {
    let client = args.caller.client()?;
    let binding: Binding = args.binding.parse().map_err(|_| {
        Failure::usage(format!(
            "--binding {}: code, tag, chip or inspected",
            args.binding
        ))
    })?;
    let collection = args.collection.to_string();
    let designs: Vec<DesignView> = client
        .list(&["v1", "designs"], &[("collection", &collection)])
        .await?;
    let bytes = files::read(&args.list, MAX_SHEET_BYTES as u64)?;
    let sheet = sheet::read(&bytes, |name| plan::find(&designs, name).is_some()).map_err(|faults| {
        let rows = if faults.count == 1 { "fault" } else { "faults" };
        let detail = format!(
            "{} has {} {rows}; nothing was issued",
            args.list.display(),
            faults.count
        );
        Failure::refused("bad_rows", detail)
            .reasons(faults.reasons)
            .remedy("mend the list and run again")
    })?;
    let list_sha256 = Sha256::of(&bytes);
    let saved = match &args.out {
        Some(dir) => Plan::saved(dir, args.collection, &list_sha256)?,
        None => None,
    };
    let resumed = saved.is_some();
    let plan = match saved {
        Some(plan) => plan,
        None => Plan::make(args.collection, list_sha256, &designs, &sheet)?,
    };
    out.say(plan.text(&designs, resumed));
    let (Some(key_file), Some(seed_file), Some(dir), false) =
        (&args.key_file, &args.seed_file, &args.out, args.dry_run)
    else {
        out.answer(
            &json!({ "dry_run": true, "difference": plan.difference }),
            String::new,
        )?;
        return Ok(());
    };
    if plan.batches.is_empty() {
        out.answer(&json!({ "difference": plan.difference, "batches": [] }), || {
            "nothing new to issue".into()
        })?;
        return Ok(());
    }
    let roots = args.roots.as_deref().map(super::verify::read_roots).transpose()?;
    let issuer = issuer(&client, &collection).await?;
    out.say(said_of(&issuer, roots.is_some()));
    if !args.yes {
        confirm(out)?;
    }
    let issuing = unlock(&args, &client, issuer, key_file, seed_file, binding, out)?;
    files::make_dir(dir)?;
    plan.save(dir)?;
    // Before anything is certified: the printer's file must exist for every piece that can be claimed.
    let codes = papers::write_codes(dir, args.collection, &plan, &designs, &sheet, &issuing.seed, out)?;
    let mut answers = Vec::new();
    for batch in &plan.batches {
        let design = plan::by_id(&designs, &batch.design_id)?;
        let asked = Asked {
            body: &issuing.body(&sheet, batch),
            collection: args.collection,
            design,
            design_digest: plan.design_digest(&batch.design_id),
            issuer: &issuing.issuer,
            roots: roots.as_ref(),
        };
        let (mut view, checked) = issuing.issue(&asked).await?;
        let kept = papers::keep(dir, &client, &view, &asked, checked.as_ref()).await?;
        if !args.no_wait {
            let later = issuing.on_chain(&view).await?;
            (view.state, view.transaction) = (later.state, later.transaction);
        }
        answers.push(answer(&view, &kept));
    }
    let count: usize = plan.batches.iter().map(|batch| batch.rows(&sheet).count()).sum();
    let all = json!({
        "difference": plan.difference, "batches": answers, "codes_file": codes, "issued": count,
        "compared_with_roots": roots.is_some(),
    });
    out.answer(&all, || {
        let mut text = format!("{count} wearables issued; codes in {}\n", codes.display());
        for batch in &answers {
            let [id, state, receipt] =
                ["id", "state", "receipt_file"].map(|name| batch[name].as_str().unwrap_or_default());
            let _ = writeln!(text, "{id} {state}, receipt in {receipt}");
        }
        text
    })?;
    Ok(())
}

fn confirm(out: Output) -> Result<(), Failure> {
    match out.confirm("Issue these wearables?") {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::refused("declined", "nothing was issued")),
        None => Err(Failure::usage("nobody is here to say yes").remedy("add --yes, or --dry-run")),
    }
}

/// Who issues, as the service says.
async fn issuer(client: &Client, collection: &str) -> Result<IssuerView, Failure> {
    let view: CollectionView = client.get(&["v1", "collections", collection], &[]).await?;
    client.get(&["v1", "issuers", &view.issuer_id], &[]).await
}

fn said_of(issuer: &IssuerView, with_roots: bool) -> String {
    let mut text = format!(
        "issued by {}, issuer {}, certified with the key {}",
        Visible(&issuer.name),
        issuer.id,
        issuer.certificate_key
    );
    if !with_roots {
        text.push_str(
            "\nwithout --roots, issuer, key, registry and log are signed for on the service's word alone; \
             `vestiary roots` writes what to compare them with",
        );
    }
    text
}

/// Unlocks the account and the seed.
fn unlock<'a>(
    args: &Args,
    client: &'a Client,
    issuer: IssuerView,
    key_file: &Path,
    seed_file: &Path,
    binding: Binding,
    out: Output,
) -> Result<Issuing<'a>, Failure> {
    let key: AccountKey = args.passphrase.unlock(key_file, Purpose::Issuer)?;
    if vestiary::ids::AccountId::new(args.collection.chain, key.address()).to_string() != issuer.account {
        let detail = format!(
            "{} is not the account of issuer {}, {}",
            key_file.display(),
            issuer.id,
            issuer.account
        );
        return Err(Failure::refused("other_account", detail));
    }
    Ok(Issuing {
        client,
        out,
        collection: args.collection,
        issuer,
        binding,
        key: Arc::new(key),
        memory: Memory::fresh(),
        seed: args.passphrase.unlock(seed_file, Purpose::ClaimSeed)?,
    })
}

fn answer(view: &BatchView, kept: &papers::Kept) -> Value {
    json!({
        "id": view.id, "state": view.state, "design_id": view.design_id, "first_serial": view.first_serial,
        "count": view.count, "root": view.root, "transaction": view.transaction,
        "receipt_file": kept.receipt, "receipt_verified": kept.receipt_verified, "batch_file": kept.batch_file,
        "commit_by": kept.commit_by,
    })
}

impl Issuing<'_> {
    /// The request for one batch; the same list and seed give the same bytes.
    fn body(&self, sheet: &sheet::Sheet, batch: &PlannedBatch) -> NewBatch {
        let items = batch.rows(sheet).map(|row| {
            let wearable = self
                .collection
                .wearable(TokenId::new(batch.design_number(), row.serial));
            let claim_key = if row.has_code {
                format!(
                    "{:#x}",
                    self.seed.code(&wearable, 0).claim_key(&wearable).address()
                )
            } else {
                String::new()
            };
            NewWearable {
                serial: row.serial.to_string(),
                claim_key,
                binding: if row.has_code { self.binding } else { Binding::None }
                    .as_str()
                    .to_owned(),
                gtin: row.gtin.clone(),
                gs1_serial: row.serial.to_string(),
                sku: row.sku.clone(),
            }
        });
        NewBatch {
            collection: self.collection.to_string(),
            design_id: batch.design_id.clone(),
            first_serial: batch.first_serial.to_string(),
            count: batch.count.to_string(),
            items: items.collect(),
        }
    }

    /// Prepares, checks, signs and commits one batch, or finds it done; what was checked if it was signed here.
    async fn issue(&self, asked: &Asked<'_>) -> Result<(BatchView, Option<Checked>), Failure> {
        let bar = self.out.spinner("preparing");
        let mut view = self.prepare(asked.body).await?;
        let mut checked = None;
        if matches!(view.state.as_str(), "prepared" | "signed") {
            bar.set_message("checking what is to be signed");
            let path = ["v1", "batches", view.id.as_str(), "preparation"];
            let preparation = self.client.get_bytes(&path, MAX_PREPARATION_BYTES).await?;
            let found = blind::check(&view, &preparation, asked)?;
            let signature = self
                .key
                .sign_commit_batch(&self.memory, self.collection, &found.commit)?;
            bar.set_message("certifying");
            let signature = format!("0x{}", hex::encode(signature.as_bytes()));
            let path = ["v1", "batches", view.id.as_str(), "commit"];
            let signed: BatchView = self.client.post(&path, &CommitBatchBody { signature }).await?;
            view = signed;
            checked = Some(found);
        }
        bar.finish_and_clear();
        if view.receipt.is_empty() {
            return Err(Failure::failed(
                "no_receipt",
                format!("batch {} is {} and has no receipt", view.id, view.state),
            )
            .remedy("run the same command again"));
        }
        Ok((view, checked))
    }

    /// Asks for the batch under a key that follows from its content; one that ran out unsigned gets the next key.
    async fn prepare(&self, body: &NewBatch) -> Result<BatchView, Failure> {
        let bytes = serde_json::to_vec(body).map_err(|error| Failure::failed("failed", error.to_string()))?;
        let digest = Sha256::of(&bytes).hex();
        for attempt in 1..=MAX_ATTEMPTS {
            let key = format!("issue-{digest}-{attempt}");
            let view: BatchView = self
                .client
                .post_under(&["v1", "batches"], bytes.clone(), &key)
                .await?;
            if view.state != "expired" {
                return Ok(view);
            }
        }
        Err(Failure::failed(
            "preparation_expired",
            format!("{MAX_ATTEMPTS} preparations ran out unsigned"),
        ))
    }

    async fn on_chain(&self, view: &BatchView) -> Result<BatchView, Failure> {
        let bar = self.out.spinner("waiting for the chain");
        let path = ["v1", "batches", view.id.as_str()];
        let done = |batch: &BatchView| matches!(batch.state.as_str(), "committed" | "finalized");
        let view = self
            .client
            .wait_for(&path, ON_CHAIN_WITHIN, "the batch on chain", done)
            .await;
        bar.finish_and_clear();
        view
    }
}
