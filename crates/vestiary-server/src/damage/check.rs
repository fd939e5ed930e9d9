//! Reading everything.

use serde_json::json;
use vestiary_log::journal::{self, Repaired, last_visible};
use vestiary_log::{FileError, JournalError};
use vestiary_mirror::Mirror;

use super::{Error, Part, Remedy, Report, Stored};
use crate::journal::{State, fold};

impl Stored {
    /// Reads some parts, or all ([`Part::ALL`]), and says what is not as it should be. Changes nothing.
    pub fn check(&self, parts: &[Part]) -> Result<Report, Error> {
        let mut report = Report::default();
        let state = self.check_journal(parts.contains(&Part::Journal).then_some(&mut report))?;
        for part in parts {
            match part {
                Part::Journal => {}
                Part::Salts => self.check_salts(&mut report)?,
                Part::Log => self.check_log(state.as_ref(), &mut report)?,
                Part::Batches => self.check_batches(state.as_ref(), &mut report)?,
                Part::Content => self.check_content(state.as_ref(), &mut report)?,
                Part::Mirror => self.check_mirror(&mut report)?,
            }
        }
        Ok(report)
    }

    /// Folds the journal; `None` where it is damaged.
    pub(super) fn check_journal(&self, report: Option<&mut Report>) -> Result<Option<State>, Error> {
        let mut unseen = Report::default();
        let report = report.unwrap_or(&mut unseen);
        let dir = self.dir(Part::Journal);
        let replay = match journal::check(&*self.files, &dir) {
            Ok(replay) => replay,
            // Nothing was ever written.
            Err(JournalError::Files(FileError::Missing { .. })) => return Ok(Some(State::default())),
            Err(JournalError::Damaged {
                file,
                offset_bytes,
                what,
                ..
            }) => {
                let remedy = if file.ends_with("epoch") {
                    Remedy::Here
                } else {
                    let lost = format!(
                        "the promises from there to record {}",
                        last_visible(&*self.files, &dir)?
                    );
                    Remedy::Copy { lost }
                };
                let what = format!("damaged at byte {offset_bytes}: {what}");
                report.add(Part::Journal, "journal_damaged", &file, what, remedy);
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        note_repaired(report, &replay.repaired);
        let state = match fold(&replay) {
            Ok(state) => state,
            Err(error) => {
                let lost = "what the record promised".to_owned();
                let what = error.to_string();
                report.add(Part::Journal, "journal_record", &dir, what, Remedy::Copy { lost });
                return Ok(None);
            }
        };
        let counts = json!({
            "records": replay.records.len(), "torn_ends": replay.repaired.len(), "open_intents": state.open_intents.len(),
        });
        report.counts.insert("journal".into(), counts);
        Ok(Some(state))
    }

    pub(super) fn check_salts(&self, report: &mut Report) -> Result<(), Error> {
        match journal::check(&*self.files, &self.dir(Part::Salts)) {
            Ok(replay) => {
                note_repaired(report, &replay.repaired);
                let counts = json!({ "batches": replay.records.len() });
                report.counts.insert("salts".into(), counts);
                Ok(())
            }
            Err(JournalError::Files(FileError::Missing { .. })) => Ok(()),
            Err(JournalError::Damaged {
                file,
                offset_bytes,
                what,
                ..
            }) => {
                let remedy = if file.ends_with("epoch") {
                    Remedy::Here
                } else {
                    let lost =
                        "the hidden values of the certificates whose salts stood there, which still verify";
                    Remedy::Copy {
                        lost: lost.to_owned(),
                    }
                };
                let what = format!("damaged at byte {offset_bytes}: {what}");
                report.add(Part::Salts, "salts_damaged", &file, what, remedy);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn check_mirror(&self, report: &mut Report) -> Result<(), Error> {
        let dir = self.dir(Part::Mirror);
        if !dir.is_dir() {
            report.add(Part::Mirror, "mirror_missing", &dir, "not there", Remedy::Here);
            return Ok(());
        }
        let read = || -> vestiary_mirror::Result<_> {
            let mirror = Mirror::open(&dir, self.mirror.clone())?;
            Ok((mirror.check()?, mirror.row_digest()?, mirror))
        };
        let (found, digest, mirror) = match read() {
            Ok(read) => read,
            Err(error @ vestiary_mirror::Error::Locked { .. }) => return Err(error.into()),
            Err(error) => {
                report.add(Part::Mirror, error.code(), &dir, &error, Remedy::Here);
                return Ok(());
            }
        };
        for fault in &found.faults {
            report.add(Part::Mirror, "mirror_fault", &dir, fault, Remedy::Here);
        }
        for discrepancy in &found.discrepancies {
            report.add(Part::Mirror, "discrepancy", &dir, discrepancy, Remedy::People);
        }
        if let Some((index, digest)) = mirror.view().last_entry()
            && self.entry_digest(index) != Some(digest)
        {
            let what = format!("it folded an entry {index} that the log does not have");
            report.add(Part::Mirror, "mirror_of_another_log", &dir, what, Remedy::Here);
        }
        let head = mirror.head();
        let counts = json!({
            "row_digest": digest.to_string(),
            "block": head.map(|head| head.number.to_string()).unwrap_or_default(),
            "block_hash": head.map(|head| head.hash.to_string()).unwrap_or_default(),
            "log_size": mirror.log_size().to_string(),
            "rows": found.rows, "owned": found.owned,
            "certified_in_log": found.certified_in_log, "not_in_log": found.not_in_log,
        });
        report.counts.insert("mirror".into(), counts);
        Ok(())
    }
}

/// A torn end is what a crash leaves of an append that nobody was told of; the next start cuts it off.
pub(super) fn note_repaired(report: &mut Report, repaired: &[Repaired]) {
    for Repaired {
        file,
        offset_bytes,
        bytes,
        what,
    } in repaired
    {
        let what = format!("{what} ({bytes} bytes at {offset_bytes}); the next start puts it right");
        report.note(file, what);
    }
}
