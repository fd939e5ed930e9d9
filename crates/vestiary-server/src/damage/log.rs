//! The public log and its writer's staging.

use std::path::{Path, PathBuf};

use serde_json::json;
use vestiary::digest::Sha256;
use vestiary_log::journal::{self, Replay, begin_again, mend_epoch};
use vestiary_log::log::{self, Cure, MAX_CHECKPOINT_BYTES, fsck_at};
use vestiary_log::{FileError, JournalError, LogError, LogReader, Published};
use vestiary_tlog::Checkpoint;

use super::check::note_repaired;
use super::repair::{Repaired, copy_tree, set_aside, sync_tree, write_durably};
use super::{ASIDE, Error, Part, Remedy, Report, Stored};
use crate::journal::State;

const CHECKPOINT: &str = "checkpoint";

/// How far what the writer keeps until its tiles are durable goes.
#[derive(Default)]
struct Staged {
    /// The size whose tiles and checkpoint were durable already.
    settled: u64,
    /// The size with every entry in it; `None` where it holds nothing, or is damaged.
    end: Option<u64>,
}

impl Stored {
    pub(super) fn check_log(&self, state: Option<&State>, report: &mut Report) -> Result<(), Error> {
        let dir = self.dir(Part::Log);
        let staged = self.check_staging(report)?;
        let found = match Published::read(&*self.files, &dir, &self.log_key) {
            Ok(found) if found.checkpoint.size() < staged.settled => {
                let (size, settled) = (found.checkpoint.size(), staged.settled);
                let what = format!("for size {size}, and {settled} entries were durable: it is an older one");
                self.damaged_checkpoint(state, what, report);
                None
            }
            Ok(found) => Some(found),
            Err(LogError::Files(FileError::Missing { .. }))
                if staged.settled == 0 && !self.has_tiles()? =>
            {
                report
                    .counts
                    .insert("log".into(), json!({ "entries": 0, "files": 0 }));
                self.check_promised(state, 0, &staged, report);
                return Ok(());
            }
            Err(LogError::Files(FileError::Missing { .. })) => {
                self.damaged_checkpoint(state, "missing".to_owned(), report);
                None
            }
            Err(LogError::Files(FileError::TooLarge { .. })) => {
                self.damaged_checkpoint(state, "it grew".to_owned(), report);
                None
            }
            Err(LogError::Damaged { what, .. }) => {
                self.damaged_checkpoint(state, what, report);
                None
            }
            Err(error) => return Err(error.into()),
        };
        if let (Some(found), Some(end)) = (&found, staged.end)
            && end < found.checkpoint.size()
        {
            let what = format!(
                "reaches size {end}, and the checkpoint is for {}: it is an older copy",
                found.checkpoint.size()
            );
            let staging = dir.join("staging");
            report.add(Part::Log, "log_staging_older", &staging, what, Remedy::Here);
        }
        let Some(published) = found.or_else(|| self.known_checkpoints(state, &[]).into_iter().next()) else {
            return Ok(());
        };
        let health = fsck_at(&*self.files, &dir, &published.checkpoint)?;
        let curable = health.curable(&*self.files, &dir, &[]);
        for (finding, is_curable) in health.findings.iter().chain(&health.superseded).zip(curable) {
            let remedy = if is_curable {
                Remedy::Here
            } else {
                let lost = "what these entries state, for everybody who has no copy of the log".to_owned();
                Remedy::Copy { lost }
            };
            report.add(Part::Log, "log_damaged", &finding.file, &finding.what, remedy);
        }
        report.counts.insert(
            "log".into(),
            json!({ "entries": health.entries, "files": health.files }),
        );
        self.check_promised(state, published.checkpoint.size(), &staged, report);
        Ok(())
    }

    fn damaged_checkpoint(&self, state: Option<&State>, what: String, report: &mut Report) {
        let remedy = if self.known_checkpoints(state, &[]).is_empty() {
            Remedy::Copy {
                lost: "the signature; the next start makes it again if the entries are all there".into(),
            }
        } else {
            Remedy::Here
        };
        report.add(
            Part::Log,
            "log_damaged",
            &self.dir(Part::Log).join(CHECKPOINT),
            what,
            remedy,
        );
    }

    /// Checks what the writer keeps until its tiles are durable.
    fn check_staging(&self, report: &mut Report) -> Result<Staged, Error> {
        let dir = self.dir(Part::Log).join("staging");
        match journal::check(&*self.files, &dir) {
            Ok(replay) => {
                note_repaired(report, &replay.repaired);
                Ok(self.staged(&replay))
            }
            Err(JournalError::Files(FileError::Missing { .. })) => Ok(Staged::default()),
            Err(JournalError::Damaged {
                file,
                offset_bytes,
                what,
                ..
            }) => {
                let what = format!("damaged at byte {offset_bytes}: {what}");
                report.add(Part::Log, "log_staging_damaged", &file, what, Remedy::Here);
                Ok(Staged::default())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn staged(&self, replay: &Replay) -> Staged {
        let settled = replay.snapshot.as_ref();
        let settled =
            settled.and_then(|snapshot| Published::verify(snapshot.state.clone(), &self.log_key).ok());
        let is_empty = replay.snapshot.is_none() && replay.records.is_empty();
        Staged {
            settled: settled.map_or(0, |settled| settled.checkpoint.size()),
            end: (!is_empty).then(|| log::staged_size(replay, &self.log_key)),
        }
    }

    /// What was answered for must be there: a log restored from an old copy is shorter than its receipts.
    fn check_promised(&self, state: Option<&State>, size: u64, staged: &Staged, report: &mut Report) {
        let dir = self.dir(Part::Log);
        let promised = state.map_or(0, promised_size);
        let reached = size.max(staged.end.unwrap_or(0));
        if promised > reached {
            let what = format!("{reached} entries, and the journal promised {promised}: it is an older copy");
            let lost = "the entries that were promised, so that the service does not sign again".to_owned();
            report.add(Part::Log, "log_older", &dir, what, Remedy::Copy { lost });
        }
        if let Some(state) = state
            && promised < size
            && state.open_intents.is_empty()
        {
            let what = format!(
                "{size} entries, and the journal knows of {promised}: the journal is an older copy, what it promised since is lost; serials in the log stay refused"
            );
            report.note(&dir, what);
        }
    }

    /// Whether the log's public files are there at all.
    fn has_tiles(&self) -> Result<bool, Error> {
        match self.files.list(&self.dir(Part::Log).join("tile")) {
            Ok(listed) => Ok(!listed.is_empty()),
            Err(FileError::Missing { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Checkpoints of this log from everywhere, the newest first.
    fn known_checkpoints(&self, state: Option<&State>, copies: &[PathBuf]) -> Vec<Published> {
        let dir = self.dir(Part::Log);
        let mut texts: Vec<Vec<u8>> = Vec::new();
        if let Ok(replay) = journal::check(&*self.files, &dir.join("staging")) {
            texts.extend(replay.snapshot.map(|snapshot| snapshot.state));
        }
        let logged = state.into_iter().flat_map(|state| state.logged.values());
        texts.extend(logged.map(|logged| logged.checkpoint.clone().into_bytes()));
        let files = copies
            .iter()
            .map(|copy| copy.join(CHECKPOINT))
            .chain([dir.join(CHECKPOINT)]);
        texts.extend(files.filter_map(|file| self.files.read(&file, MAX_CHECKPOINT_BYTES).ok()));
        let mut known: Vec<Published> = texts
            .into_iter()
            .filter_map(|text| Published::verify(text, &self.log_key).ok())
            .collect();
        known.sort_by_key(|published| std::cmp::Reverse(published.checkpoint.size()));
        known
    }

    /// SHA-256 of an entry of the log, if it can be read.
    pub(super) fn entry_digest(&self, index: u64) -> Option<Sha256> {
        let reader = LogReader::open(self.files.clone(), &self.dir(Part::Log), self.log_key.clone()).ok()?;
        Some(Sha256::of(&reader.entry(index).ok()?))
    }

    // ---- repair

    pub(super) fn repair_log(
        &self,
        state: Option<&State>,
        copies: &[PathBuf],
        done: &mut Repaired,
    ) -> Result<(), Error> {
        let dir = self.dir(Part::Log);
        if mend_epoch(&*self.files, &dir.join("staging")).unwrap_or(false) {
            done.say(&dir.join("staging/epoch"), "removed: the records tell the epoch");
        }
        self.repair_checkpoint(state, copies, done)?;
        let Ok(published) = Published::read(&*self.files, &dir, &self.log_key) else {
            return Ok(());
        };
        self.repair_gone(&published.checkpoint, copies, done)?;
        let borrowed: Vec<&Path> = copies.iter().map(PathBuf::as_path).collect();
        let health = fsck_at(&*self.files, &dir, &published.checkpoint)?;
        for (finding, is_curable) in health
            .findings
            .iter()
            .chain(&health.superseded)
            .zip(health.curable(&*self.files, &dir, &borrowed))
        {
            if is_curable {
                done.say(&finding.file, "written again");
            }
        }
        health.repair(&*self.files, &dir, &borrowed)?;
        let mut size = published.checkpoint.size();
        for copy in copies {
            size = self.extend_log(copy, size, done)?;
        }
        self.repair_staging(state, size, done)
    }

    fn repair_checkpoint(
        &self,
        state: Option<&State>,
        copies: &[PathBuf],
        done: &mut Repaired,
    ) -> Result<(), Error> {
        let dir = self.dir(Part::Log);
        // The writer opens with none that is older than what it settled.
        let staged = journal::check(&*self.files, &dir.join("staging"));
        let settled = staged.map_or(0, |replay| self.staged(&replay).settled);
        let is_possible = |found: &Published| found.checkpoint.size() >= settled;
        if Published::read(&*self.files, &dir, &self.log_key).is_ok_and(|found| is_possible(&found)) {
            return Ok(());
        }
        let borrowed: Vec<&Path> = copies.iter().map(PathBuf::as_path).collect();
        let known = self.known_checkpoints(state, copies);
        for known in known.into_iter().filter(is_possible) {
            let health = fsck_at(&*self.files, &dir, &known.checkpoint)?;
            let with_tree = self.with_tree(&known.checkpoint, copies);
            let all = health.findings.iter().chain(&health.superseded);
            if all
                .zip(health.curable(&*self.files, &dir, &borrowed))
                .all(|(finding, is_curable)| is_curable || self.gone_file(finding, &with_tree).is_some())
            {
                let path = dir.join(CHECKPOINT);
                write_durably(&*self.files, &path, &known.bytes)?;
                done.say(
                    &path,
                    format!("written again, for size {}", known.checkpoint.size()),
                );
                break;
            }
        }
        Ok(())
    }

    /// Writes the files of which nothing here says what they were, from copies of the same tree.
    fn repair_gone(
        &self,
        checkpoint: &Checkpoint,
        copies: &[PathBuf],
        done: &mut Repaired,
    ) -> Result<(), Error> {
        let with_tree = self.with_tree(checkpoint, copies);
        let health = fsck_at(&*self.files, &self.dir(Part::Log), checkpoint)?;
        for finding in health.findings.iter().chain(&health.superseded) {
            if let Some(bytes) = self.gone_file(finding, &with_tree) {
                write_durably(&*self.files, &finding.file, &bytes)?;
                done.say(&finding.file, "written again");
            }
        }
        Ok(())
    }

    /// The copies whose tree begins with the one of this checkpoint, or is that one.
    fn with_tree(&self, checkpoint: &Checkpoint, copies: &[PathBuf]) -> Vec<LogReader> {
        let opened = copies
            .iter()
            .filter_map(|copy| LogReader::open(self.files.clone(), copy, self.log_key.clone()).ok());
        opened
            .filter(|copy| {
                copy.root(checkpoint.size())
                    .is_ok_and(|root| root == checkpoint.root())
            })
            .collect()
    }

    /// A tile or bundle of which nothing here says what it was; a reader verifies it up to its copy's checkpoint.
    fn gone_file(&self, finding: &log::Finding, with_tree: &[LogReader]) -> Option<Vec<u8>> {
        let name = finding.file.strip_prefix(self.dir(Part::Log)).ok()?;
        if finding.cure != Cure::Unknown || !name.starts_with("tile") {
            return None;
        }
        let name = name.to_str()?;
        with_tree.iter().find_map(|copy| copy.file(name).ok())
    }

    /// Takes the entries that a copy has more, if it is the same log. Says the size.
    fn extend_log(&self, copy: &Path, size: u64, done: &mut Repaired) -> Result<u64, Error> {
        let dir = self.dir(Part::Log);
        let Ok(newer) = Published::read(&*self.files, copy, &self.log_key) else {
            return Ok(size);
        };
        if newer.checkpoint.size() <= size
            || self.has_staged(newer.checkpoint.size())?
            || !fsck_at(&*self.files, copy, &newer.checkpoint)?
                .findings
                .is_empty()
        {
            return Ok(size);
        }
        let open = |dir: &Path| LogReader::open(self.files.clone(), dir, self.log_key.clone());
        let ours = open(&dir)?;
        if !fsck_at(&*self.files, &dir, &ours.published()?.checkpoint)?
            .findings
            .is_empty()
            || open(copy)?.root(size)? != ours.published()?.checkpoint.root()
        {
            return Ok(size);
        }
        copy_tree(&*self.files, &copy.join("tile"), &dir.join("tile"))?;
        let aside = set_aside(&*self.files, &dir.join(ASIDE))?;
        begin_again(&*self.files, &dir.join("staging"), &aside)?;
        write_durably(&*self.files, &dir.join(CHECKPOINT), &newer.bytes)?;
        done.say(
            &dir,
            format!(
                "extended to size {} from {}",
                newer.checkpoint.size(),
                copy.display()
            ),
        );
        Ok(newer.checkpoint.size())
    }

    /// Whether what is staged reaches that size: the checkpoint may be older than it, for its swap is not synced. The
    /// next start takes these entries in, which were acknowledged and may stand nowhere else.
    fn has_staged(&self, size: u64) -> Result<bool, Error> {
        let staging = self.dir(Part::Log).join("staging");
        match journal::check(&*self.files, &staging) {
            Ok(replay) => Ok(log::staged_size(&replay, &self.log_key) >= size),
            // No start takes it as it is, so a copy that goes as far is better.
            Err(JournalError::Damaged { .. }) => Ok(log::staged_end(&*self.files, &staging)? > size),
            Err(JournalError::Files(FileError::Missing { .. })) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Where every promised entry stands in the public files, what was staged is needed no more.
    fn repair_staging(&self, state: Option<&State>, size: u64, done: &mut Repaired) -> Result<(), Error> {
        let (dir, staging) = (self.dir(Part::Log), self.dir(Part::Log).join("staging"));
        let is_of_use = match journal::check(&*self.files, &staging) {
            Ok(replay) => self.staged(&replay).end.is_none_or(|end| end >= size),
            Err(error) => !matches!(error, JournalError::Damaged { .. }),
        };
        if is_of_use {
            return Ok(());
        }
        let published = Published::read(&*self.files, &dir, &self.log_key)?;
        let is_whole = fsck_at(&*self.files, &dir, &published.checkpoint)?
            .findings
            .is_empty();
        let Some(state) = state.filter(|_| is_whole) else {
            return Ok(());
        };
        if promised_size(state) > size || log::staged_end(&*self.files, &staging)? > size {
            return Ok(());
        }
        // Nobody may have synced the tiles that stood in the staging as well.
        sync_tree(&*self.files, &dir.join("tile"))?;
        self.files.sync_file(&dir.join(CHECKPOINT))?;
        self.files.sync_dir(&dir)?;
        let aside = set_aside(&*self.files, &dir.join(ASIDE))?;
        begin_again(&*self.files, &staging, &aside)?;
        done.say(
            &staging,
            format!("begun again; what it held is in {}", aside.display()),
        );
        Ok(())
    }
}

/// The largest size of the log that the journal has a receipt for.
fn promised_size(state: &State) -> u64 {
    state.logged.values().map(|logged| logged.size).max().unwrap_or(0)
}
