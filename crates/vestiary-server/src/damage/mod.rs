//! What a stopped service has on disk, read whole and compared, and put right where that can be done.
//!
//! | part | damage is noticed by | and put right from |
//! |---|---|---|
//! | journal, salts | a checksum for each record | a back-up that has every record that is still visible |
//! | log | hashes: entries, tiles and checkpoint say the same three times | each other, what is staged, the checkpoints in the journal, any copy of the public files |
//! | batches | preparations by their name, certificates by their signature | each other with the log's statements; the next start signs certificates again |
//! | content | a file's name is its hash | any copy |
//! | mirror | its own checks, and the log's last entry | chain and log: a rebuild |
//!
//! Nothing here asks the node or needs a passphrase. A running service that meets damage does not serve it: it says
//! so by [`found`], and goes on.

mod batches;
mod check;
mod content;
mod log;
mod repair;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use vestiary_log::{FileError, Files, JournalError, LogError};
use vestiary_mirror::MirrorConfig;
use vestiary_tlog::VerifierKey;

pub(crate) use batches::{check_bundle, check_certificate};
pub use repair::Repaired;

/// Where damaged files are moved that are written anew, below their part's directory.
const ASIDE: &str = "damaged";

/// A part of the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The private promises.
    Journal,
    /// The salts.
    Salts,
    /// The public log, and what its writer has staged.
    Log,
    /// Preparations and certificates.
    Batches,
    /// Files by content.
    Content,
    /// The fold of chain and log.
    Mirror,
}

impl Part {
    /// All of them, in the order in which they are checked and repaired.
    pub const ALL: [Self; 6] = [
        Self::Journal,
        Self::Salts,
        Self::Log,
        Self::Batches,
        Self::Content,
        Self::Mirror,
    ];

    /// The name of its directory.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Salts => "salts",
            Self::Log => "log",
            Self::Batches => "batches",
            Self::Content => "content",
            Self::Mirror => "mirror",
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who can put a finding right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// `vestiary repair`, with what is here.
    Here,
    /// `vestiary repair --from`, with a copy; what is lost where there is none.
    Copy {
        /// What only the copy has.
        lost: String,
    },
    /// Nobody at this machine: chain and log contradict each other.
    People,
}

/// Something that is not as it should be, and what to do.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Where.
    pub part: Part,
    /// A stable word.
    pub code: String,
    /// The file, or the directory where it is a database.
    pub file: PathBuf,
    /// What is wrong, naming file and place.
    pub detail: String,
    /// Who can put it right.
    pub remedy: Remedy,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
    /// What is unusual and puts itself right: what a crash leaves, what the next start makes again.
    pub notes: Vec<String>,
    /// What was counted, by the part's name.
    pub counts: Map<String, Value>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, part: Part, code: &str, file: &Path, what: impl fmt::Display, remedy: Remedy) {
        self.findings.push(Finding {
            part,
            code: code.to_owned(),
            file: file.to_owned(),
            detail: format!("{}: {what}", file.display()),
            remedy,
        });
    }

    fn note(&mut self, file: &Path, what: impl fmt::Display) {
        self.notes.push(format!("{}: {what}", file.display()));
    }
}

/// Why a directory could not be checked or repaired.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system said no.
    #[error(transparent)]
    Files(#[from] FileError),
    /// A journal could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The log could not be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The content store could not be read or written.
    #[error(transparent)]
    Content(#[from] vestiary_worlds::Error),
    /// The mirror is open elsewhere, or the disk refuses it.
    #[error(transparent)]
    Mirror(#[from] vestiary_mirror::Error),
}

/// A stopped service's data directory. Whoever makes one holds the journal's lock.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The file system of everything but the mirror.
    pub files: Arc<dyn Files>,
    /// The data directory.
    pub data_dir: PathBuf,
    /// What the log's checkpoints verify under.
    pub log_key: VerifierKey,
    /// What the mirror is a mirror of.
    pub mirror: MirrorConfig,
}

impl Stored {
    fn dir(&self, part: Part) -> PathBuf {
        self.data_dir.join(part.name())
    }
}

/// A running service met damage: says so in the log and in `vestiary_damage_found_total{part}`. Whoever calls it
/// serves nothing of it.
pub fn found(part: Part, what: &dyn fmt::Display) {
    metrics::counter!("vestiary_damage_found_total", "part" => part.name()).increment(1);
    tracing::error!(%part, "damage was found and is not served; stop the service, then run `vestiary repair`: {what}");
}
