//! What the brand keeps of a batch: the printer's codes, the receipt, the batch file.

use std::path::{Path, PathBuf};

use vestiary::batch_file::BatchFile;
use vestiary::ids::{CollectionId, DesignId, TokenId};
use vestiary::receipt::SignedReceipt;
use vestiary_server::api::{BatchView, DesignView, NewBatch};
use vestiary_signing::Seed;
use zeroize::Zeroizing;

use super::blind::{self, Asked, Checked};
use super::plan::Plan;
use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::output::Output;
use crate::cli::sheet::Sheet;

/// Largest batch file that the service makes, in bytes.
const MAX_BATCH_FILE_BYTES: usize = 16 << 20;

/// Where a batch's papers are.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) receipt: PathBuf,
    /// Whether a trust root vouches for its signature; `false` where none was given.
    pub(super) receipt_verified: bool,
    pub(super) batch_file: PathBuf,
    pub(super) commit_by: u64,
}

/// Writes the codes of every piece that gets one: the printer's file, readable by its owner only.
pub(super) fn write_codes(
    dir: &Path,
    collection: CollectionId,
    plan: &Plan,
    designs: &[DesignView],
    sheet: &Sheet,
    seed: &Seed,
    out: Output,
) -> Result<PathBuf, Failure> {
    let failed = |error: csv::Error| Failure::failed("failed", error.to_string());
    let path = dir.join("codes.csv");
    let total: usize = plan.batches.iter().map(|batch| batch.rows(sheet).count()).sum();
    let bar = out.progress(total as u64, "deriving codes");
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(["wearable", "design", "serial", "sku", "gtin", "code"])
        .map_err(failed)?;
    for batch in &plan.batches {
        let name = super::plan::by_id(designs, &batch.design_id)?.document["name"]
            .as_str()
            .unwrap_or_default();
        for row in batch.rows(sheet).filter(|row| row.has_code) {
            let wearable = collection.wearable(TokenId::new(batch.design_number(), row.serial));
            let code = seed.code(&wearable, 0).to_text();
            let (id, serial) = (wearable.to_string(), row.serial.to_string());
            let record = [
                id.as_str(),
                name,
                serial.as_str(),
                row.sku.as_str(),
                row.gtin.as_str(),
                code.as_str(),
            ];
            writer.write_record(record).map_err(failed)?;
            bar.inc(1);
        }
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| Failure::failed("failed", error.to_string()))?;
    let bytes = Zeroizing::new(bytes);
    files::write_private(&path, &bytes)?;
    bar.finish_and_clear();
    Ok(path)
}

/// Checks and keeps a batch's receipt and batch file. Both are compared with what was asked for, never with what the
/// service says besides; `checked` is what this run signed for, `None` where an earlier one did.
pub(super) async fn keep(
    dir: &Path,
    client: &Client,
    view: &BatchView,
    asked: &Asked<'_>,
    checked: Option<&Checked>,
) -> Result<Kept, Failure> {
    let wrong = |what: String| Failure::refused("bad_receipt", format!("batch {}: {what}", view.id));
    if !is_view_of(view, asked, checked) {
        return Err(wrong("the service answers with another batch".into()));
    }
    let signed = SignedReceipt::parse(view.receipt.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let receipt = match asked.roots {
        None => signed.unverified(),
        Some(roots) => {
            let origin = &signed.unverified().origin;
            let log = roots
                .log(origin)
                .ok_or_else(|| wrong(format!("the log {origin} is not in the roots")))?;
            signed
                .verify(&log.receipt_vkey)
                .map_err(|error| wrong(error.to_string()))?
        }
    };
    let (design_id, serials) = asked.numbers()?;
    let is_about = (receipt.collection, receipt.design_id, receipt.serials)
        == (asked.collection, design_id, serials)
        && checked.is_none_or(|checked| checked.log_origin == receipt.origin);
    if !is_about {
        return Err(wrong("the receipt is about something else".into()));
    }
    if !blind::is_soon(receipt.commit_by) {
        let detail = format!(
            "the receipt promises the chain by {} only, in more than 30 days",
            receipt.commit_by
        );
        return Err(wrong(detail));
    }
    let stem = format!("design-{design_id}-serial-{}", serials.first());
    let receipt_path = dir.join(format!("{stem}.receipt"));
    files::write(&receipt_path, view.receipt.as_bytes())?;

    let bytes = client
        .get_bytes(&["v1", "batches", &view.id, "file"], MAX_BATCH_FILE_BYTES)
        .await?;
    let file = BatchFile::parse(&bytes).map_err(|error| wrong(format!("the batch file: {error}")))?;
    let is_file_of = (file.collection(), file.design_id(), file.range())
        == (asked.collection, design_id, serials)
        && file.root().to_string() == view.root
        && has_leaves(&file, asked.body, design_id);
    if !is_file_of {
        return Err(wrong("the batch file is another batch's".into()));
    }
    let batch_path = dir.join(format!("{stem}.batch.json"));
    files::write(&batch_path, &bytes)?;
    Ok(Kept {
        receipt: receipt_path,
        receipt_verified: asked.roots.is_some(),
        batch_file: batch_path,
        commit_by: receipt.commit_by,
    })
}

fn is_view_of(view: &BatchView, asked: &Asked<'_>, checked: Option<&Checked>) -> bool {
    let body = asked.body;
    (&view.collection, &view.design_id, &view.first_serial, &view.count)
        == (&body.collection, &body.design_id, &body.first_serial, &body.count)
        && checked.is_none_or(|checked| checked.commit.root.to_string() == view.root)
}

/// Whether the file holds exactly the wearables that were asked for, each with its claim key.
fn has_leaves(file: &BatchFile, body: &NewBatch, design_id: DesignId) -> bool {
    let found = file.tree().leaves().iter();
    let found = found.map(|leaf| Some((leaf.token_id, leaf.claim_key)));
    let wanted = body.items.iter().map(|item| {
        let serial = item.serial.parse().ok()?;
        Some((TokenId::new(design_id, serial), blind::claim_key(item)?))
    });
    found.eq(wanted)
}
