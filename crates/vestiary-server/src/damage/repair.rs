//! Putting right what can be, durably, and in an order in which the parts can help one another.

use std::fmt;
use std::path::{Path, PathBuf};

use vestiary_log::files::{Files, parent};
use vestiary_log::journal::{self, Restored, mend_epoch, restore};
use vestiary_log::{FileError, JournalError};
use vestiary_mirror::Mirror;

use super::{Error, Part, Report, Stored};

/// Longest file that is copied, in bytes: a full bundle.
const MAX_COPIED_BYTES: u64 = vestiary_tlog::tile::MAX_BUNDLE_BYTES as u64;

/// What a repair did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repaired {
    /// Each thing, naming the file.
    pub done: Vec<String>,
    /// Whether the mirror was deleted: `vestiary rebuild`, or the next start, fills it.
    pub mirror_deleted: bool,
}

impl Repaired {
    pub(super) fn say(&mut self, file: &Path, what: impl fmt::Display) {
        self.done.push(format!("{}: {what}", file.display()));
    }
}

impl Stored {
    /// Puts right what can be, with what is here and, if given, with a copy: a back-up of the data directory or of
    /// parts of it, or a copy of the log's public files. Nothing of a copy is believed that does not have the hashes,
    /// signatures or records that it must have. Whatever is replaced without being known elsewhere is moved aside.
    /// Check again afterwards. For a stopped service.
    pub fn repair(&self, parts: &[Part], copy: Option<&Path>) -> Result<Repaired, Error> {
        let mut done = Repaired::default();
        for part in [Part::Journal, Part::Salts] {
            if parts.contains(&part) {
                self.repair_journal(part, copy, &mut done)?;
            }
        }
        let state = self.check_journal(None)?;
        if parts.contains(&Part::Log) {
            self.repair_log(state.as_ref(), &self.log_copies(copy), &mut done)?;
        }
        if parts.contains(&Part::Batches) {
            self.repair_batches(state.as_ref(), copy, &mut done)?;
        }
        if parts.contains(&Part::Content) {
            self.repair_content(state.as_ref(), copy, &mut done)?;
        }
        if parts.contains(&Part::Mirror) {
            self.repair_mirror(&mut done)?;
        }
        Ok(done)
    }

    /// The journal or the salts.
    fn repair_journal(&self, part: Part, copy: Option<&Path>, done: &mut Repaired) -> Result<(), Error> {
        let dir = self.dir(part);
        if self.files.list(&dir).is_err() {
            return Ok(());
        }
        if mend_epoch(&*self.files, &dir)? {
            done.say(&dir.join("epoch"), "removed: the records tell the epoch");
        }
        let is_damaged = match part {
            Part::Journal => self.check_journal(None)?.is_none(),
            _ => matches!(
                journal::check(&*self.files, &dir),
                Err(JournalError::Damaged { .. })
            ),
        };
        let Some(copy) = copy.map(|copy| copy.join(part.name())).filter(|_| is_damaged) else {
            return Ok(());
        };
        match restore(&*self.files, &dir, &copy) {
            Ok(Restored::Whole { records }) => {
                done.say(&dir, format!("restored from {}: {records} records, none lost", copy.display()));
            }
            Ok(Restored::Older { copy_ends, journal_ends }) => done.say(
                &dir,
                format!(
                    "left as it is: {} ends at record {copy_ends}, this shows records up to {journal_ends}. Whoever puts the copy in its place by hand loses what was promised in between",
                    copy.display()
                ),
            ),
            Ok(Restored::Other { sequence }) => {
                done.say(&dir, format!("left as it is: record {sequence} of {} is another", copy.display()));
            }
            Ok(Restored::EndUnknown { copy_ends, known_to }) => done.say(
                &dir,
                format!(
                    "left as it is: its end cannot be read, so that whatever came after record {known_to} is unknown; {} ends at record {copy_ends}. Whoever puts the copy in its place by hand loses what was promised after that",
                    copy.display()
                ),
            ),
            Err(JournalError::Files(FileError::Missing { .. })) => {}
            Err(error @ JournalError::Damaged { .. }) => {
                done.say(&dir, format!("left as it is: the copy is damaged too: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Where the public files of a log may be in what was given as a copy.
    fn log_copies(&self, copy: Option<&Path>) -> Vec<PathBuf> {
        let places = copy
            .into_iter()
            .flat_map(|copy| [copy.join(Part::Log.name()), copy.to_owned()]);
        places
            .filter(|place| self.files.list(&place.join("tile")).is_ok())
            .collect()
    }

    fn repair_mirror(&self, done: &mut Repaired) -> Result<(), Error> {
        let mut report = Report::default();
        self.check_mirror(&mut report)?;
        if report
            .findings
            .iter()
            .any(|finding| finding.remedy == super::Remedy::Here)
        {
            let dir = self.dir(Part::Mirror);
            Mirror::wipe(&dir)?;
            done.say(&dir, "deleted, to be filled again from chain and log");
            done.mirror_deleted = true;
        }
        Ok(())
    }
}

/// Writes a file anew and makes it durable.
pub(super) fn write_durably(files: &dyn Files, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    files.create_dir_all(parent(path))?;
    files.replace(path, bytes)?;
    files.sync_file(path)?;
    files.sync_dir(parent(path))
}

/// A new directory below `dir` for what is moved out of the way.
pub(super) fn set_aside(files: &dyn Files, dir: &Path) -> Result<PathBuf, FileError> {
    files.create_dir_all(dir)?;
    let count = files.list(dir)?.len();
    let aside = dir.join(count.to_string());
    files.create_dir_all(&aside)?;
    Ok(aside)
}

/// Copies every file below a directory, durably.
pub(super) fn copy_tree(files: &dyn Files, from: &Path, to: &Path) -> Result<(), FileError> {
    for listed in files.list(from)? {
        let (from, to) = (from.join(&listed.name), to.join(&listed.name));
        if listed.is_dir {
            copy_tree(files, &from, &to)?;
        } else {
            write_durably(files, &to, &files.read(&from, MAX_COPIED_BYTES)?)?;
        }
    }
    Ok(())
}

/// Makes every file below a directory durable.
pub(super) fn sync_tree(files: &dyn Files, dir: &Path) -> Result<(), FileError> {
    for listed in files.list(dir)? {
        let path = dir.join(&listed.name);
        if listed.is_dir {
            sync_tree(files, &path)?;
        } else {
            files.sync_file(&path)?;
        }
    }
    files.sync_dir(dir)
}
