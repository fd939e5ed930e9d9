//! The difference between a list and what the service has, and the batches that follow from it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vestiary::digest::Sha256;
use vestiary::ids::{CollectionId, DesignId};
use vestiary_server::api::{DesignView, MAX_BATCH_ITEMS};

use crate::cli::failure::Failure;
use crate::cli::files;
use crate::cli::sheet::{Row, Sheet};

const FORMAT: &str = "vestiary/issue-plan/v1";
/// Largest plan that is read, in bytes.
const MAX_PLAN_BYTES: u64 = 1 << 20;

/// What one list leads to. Written down before the first request, so that a run that broke off asks for the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    format: String,
    collection: CollectionId,
    list_sha256: Sha256,
    /// By design, for people.
    pub(super) difference: Vec<Difference>,
    /// In order.
    pub(super) batches: Vec<PlannedBatch>,
}

/// What changes for one design.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Difference {
    design: String,
    design_id: String,
    rows: u64,
    already_issued: u64,
    new: u64,
    with_code: u64,
    first_serial: String,
    last_serial: String,
    edition: String,
    /// The design document that was shown; plans of earlier versions name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    design_digest: Option<Sha256>,
}

/// One batch: a design, a range of serials, one signature.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlannedBatch {
    /// As the list calls it.
    pub(super) design: String,
    pub(super) design_id: String,
    pub(super) first_serial: u64,
    pub(super) count: u64,
}

/// The design that a list calls `name`: by its name where that is unique, else by its number.
pub(super) fn find<'a>(designs: &'a [DesignView], name: &str) -> Option<&'a DesignView> {
    let mut named = designs.iter().filter(|design| design.document["name"] == name);
    match (named.next(), named.next()) {
        (Some(design), None) => Some(design),
        _ => designs.iter().find(|design| design.design_id == name),
    }
}

pub(super) fn by_id<'a>(designs: &'a [DesignView], id: &str) -> Result<&'a DesignView, Failure> {
    let found = designs.iter().find(|design| design.design_id == id);
    found.ok_or_else(|| Failure::failed("unknown_design", format!("design {id} is gone from the service")))
}

impl PlannedBatch {
    /// The rows of this batch.
    pub(super) fn rows<'a>(&self, sheet: &'a Sheet) -> impl Iterator<Item = &'a Row> + use<'a> {
        let range = self.first_serial..self.first_serial + self.count;
        let rows = sheet.get(&self.design).map(Vec::as_slice).unwrap_or_default();
        rows.iter().filter(move |row| range.contains(&row.serial.get()))
    }

    /// The design's number.
    pub(super) fn design_number(&self) -> DesignId {
        self.design_id
            .parse()
            .expect("checked when the plan was made or read")
    }
}

impl Plan {
    /// Compares a list with what the service has.
    pub(super) fn make(
        collection: CollectionId,
        list_sha256: Sha256,
        designs: &[DesignView],
        sheet: &Sheet,
    ) -> Result<Self, Failure> {
        let mut plan = Self {
            format: FORMAT.into(),
            collection,
            list_sha256,
            difference: Vec::new(),
            batches: Vec::new(),
        };
        let unknown = |name: &str| Failure::refused("unknown_design", format!("there is no design {name:?}"));
        for (name, rows) in sheet {
            let design = find(designs, name).ok_or_else(|| unknown(name))?;
            design.design_id.parse::<DesignId>().map_err(|_| unknown(name))?;
            let next: u64 = design.next_serial.parse().map_err(|_| unknown(name))?;
            let new: Vec<&Row> = rows.iter().filter(|row| row.serial.get() >= next).collect();
            let edition = design.document["edition"].as_str().unwrap_or_default().to_owned();
            if let (Some(first), Some(last)) = (new.first(), new.last()) {
                if first.serial.get() != next {
                    let detail = format!(
                        "{name}: the next serial is {next}, the list goes on with {}",
                        first.serial
                    );
                    return Err(Failure::refused("serial_not_next", detail).remedy("add the serials between"));
                }
                if edition
                    .parse::<u64>()
                    .is_ok_and(|limit| limit != 0 && last.serial.get() > limit)
                {
                    let detail = format!(
                        "{name}: the edition is limited to {edition}, the list goes to {}",
                        last.serial
                    );
                    return Err(Failure::refused("beyond_edition", detail));
                }
            }
            plan.difference.push(Difference {
                design: name.clone(),
                design_id: design.design_id.clone(),
                rows: rows.len() as u64,
                already_issued: (rows.len() - new.len()) as u64,
                new: new.len() as u64,
                with_code: new.iter().filter(|row| row.has_code).count() as u64,
                first_serial: new.first().map(|row| row.serial.to_string()).unwrap_or_default(),
                last_serial: new.last().map(|row| row.serial.to_string()).unwrap_or_default(),
                edition,
                design_digest: Some(design.digest.parse().map_err(|_| unknown(name))?),
            });
            for part in new.chunks(MAX_BATCH_ITEMS) {
                plan.batches.push(PlannedBatch {
                    design: name.clone(),
                    design_id: design.design_id.clone(),
                    first_serial: part[0].serial.get(),
                    count: part.len() as u64,
                });
            }
        }
        Ok(plan)
    }

    /// The document of a design, as it was when the plan was made.
    pub(super) fn design_digest(&self, design_id: &str) -> Option<Sha256> {
        let line = self.difference.iter().find(|line| line.design_id == design_id);
        line.and_then(|line| line.design_digest)
    }

    fn path(dir: &Path) -> PathBuf {
        dir.join("plan.json")
    }

    /// The plan that an earlier run wrote for this very list.
    pub(super) fn saved(
        dir: &Path,
        collection: CollectionId,
        list_sha256: &Sha256,
    ) -> Result<Option<Self>, Failure> {
        let path = Self::path(dir);
        if !path.exists() {
            return Ok(None);
        }
        let unreadable = |why: String| Failure::failed("bad_plan", format!("{}: {why}", path.display()));
        let bytes = files::read(&path, MAX_PLAN_BYTES)?;
        let plan: Self = vestiary::json::from_slice_strict(&bytes, bytes.len())
            .map_err(|error| unreadable(error.to_string()))?;
        let numbered = |batch: &PlannedBatch| batch.design_id.parse::<DesignId>().is_ok();
        if plan.format != FORMAT || !plan.batches.iter().all(numbered) {
            return Err(unreadable(format!("not a plan of this version, {FORMAT}")));
        }
        if plan.collection != collection || plan.list_sha256 != *list_sha256 {
            let detail = format!("{} belongs to another list", dir.display());
            return Err(Failure::refused("other_list", detail)
                .remedy("give every list a directory of its own (--out)"));
        }
        Ok(Some(plan))
    }

    /// Writes the plan down.
    pub(super) fn save(&self, dir: &Path) -> Result<(), Failure> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|error| Failure::failed("failed", error.to_string()))?;
        bytes.push(b'\n');
        files::write(&Self::path(dir), &bytes)
    }

    /// The difference in words.
    pub(super) fn text(&self, designs: &[DesignView], resumed: bool) -> String {
        let mut text = String::new();
        if resumed {
            text.push_str("going on with the plan of an earlier run of this list\n");
        }
        for line in &self.difference {
            let Difference {
                design,
                rows,
                already_issued,
                new,
                with_code,
                first_serial,
                last_serial,
                edition,
                design_digest,
                ..
            } = line;
            let of = designs.iter().find(|view| view.design_id == line.design_id);
            let slot = of
                .and_then(|view| view.document["slot"].as_str())
                .unwrap_or_default();
            let _ = write!(
                text,
                "{design} ({slot}): {rows} rows, {already_issued} issued before, {new} new"
            );
            if *new > 0 {
                let _ = write!(
                    text,
                    ", serials {first_serial} to {last_serial}, {with_code} with a code, {} handed out by a minter, edition {}",
                    new - with_code,
                    if edition == "0" { "open" } else { edition }
                );
                if let Some(digest) = design_digest {
                    let _ = write!(text, ", of the design {digest}");
                }
            }
            text.push('\n');
        }
        let signatures = self.batches.len();
        let _ = write!(
            text,
            "{signatures} message{} to sign",
            if signatures == 1 { "" } else { "s" }
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::sheet;

    fn design(id: &str, name: &str, next: &str, edition: &str) -> DesignView {
        DesignView {
            collection: format!("eip155:1/erc721:0x{}", "11".repeat(20)),
            design_id: id.into(),
            digest: Sha256::of(b"").to_string(),
            log_index: "1".into(),
            next_serial: next.into(),
            document: json!({ "name": name, "edition": edition, "slot": "torso" }),
        }
    }

    fn coats(serials: std::ops::RangeInclusive<u64>) -> Sheet {
        let mut text = String::from("sku,gtin,serial,design,size,colour,claim,description\n");
        for serial in serials {
            let _ = writeln!(text, "A,,{serial},coat,M,red,code,x");
        }
        sheet::read(text.as_bytes(), |name| name == "coat").unwrap()
    }

    fn collection() -> CollectionId {
        format!("eip155:1/erc721:0x{}", "11".repeat(20)).parse().unwrap()
    }

    #[test]
    fn what_was_issued_before_is_left_out() {
        let designs = [design("1", "coat", "4", "0")];
        let plan = Plan::make(collection(), Sha256::of(b"l"), &designs, &coats(1..=5)).unwrap();
        assert_eq!(
            (plan.difference[0].already_issued, plan.difference[0].new),
            (3, 2)
        );
        assert_eq!((plan.batches[0].first_serial, plan.batches[0].count), (4, 2));
        assert_eq!(plan.batches[0].rows(&coats(1..=5)).count(), 2);
    }

    #[test]
    fn a_list_that_leaves_serials_out_or_goes_beyond_the_edition_is_refused() {
        let designs = [design("1", "coat", "2", "4")];
        let make = |sheet: &Sheet| Plan::make(collection(), Sha256::of(b"l"), &designs, sheet);
        assert_eq!(make(&coats(3..=4)).unwrap_err().code, "serial_not_next");
        assert_eq!(make(&coats(2..=5)).unwrap_err().code, "beyond_edition");
        assert!(make(&coats(2..=4)).is_ok());
    }

    #[test]
    fn a_name_that_two_designs_have_finds_neither() {
        let designs = [design("1", "coat", "1", "0"), design("2", "coat", "1", "0")];
        assert!(find(&designs, "coat").is_none());
        assert_eq!(find(&designs, "2").unwrap().design_id, "2");
    }

    #[test]
    fn a_plan_is_found_again_for_the_same_list_only() {
        let dir = tempfile::tempdir().unwrap();
        let designs = [design("1", "coat", "1", "0")];
        let plan = Plan::make(collection(), Sha256::of(b"l"), &designs, &coats(1..=2)).unwrap();
        assert!(
            Plan::saved(dir.path(), collection(), &Sha256::of(b"l"))
                .unwrap()
                .is_none()
        );
        plan.save(dir.path()).unwrap();
        assert!(
            Plan::saved(dir.path(), collection(), &Sha256::of(b"l"))
                .unwrap()
                .is_some()
        );
        assert_eq!(
            Plan::saved(dir.path(), collection(), &Sha256::of(b"m"))
                .unwrap_err()
                .code,
            "other_list"
        );
    }
}
