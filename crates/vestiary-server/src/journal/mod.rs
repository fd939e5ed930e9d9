//! The private promises: typed records over `vestiary_log::journal`, their fold, and the one way to add to them.
//!
//! [`Ledger::command`] is check, record, then take effect: the check sees the state that the records will be
//! added to, the records are durable before the state changes, and nobody is told before it returns.

mod compaction;
mod orders;
mod record;
mod salts;
mod snapshot;
mod state;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Instant;

use vestiary::ids::AccountId;
use vestiary_chain::submitter::{Outbox, Record as OutboxRecord};
use vestiary_log::journal::{Journal, Replay};
use vestiary_log::{Files, JournalError};
use vestiary_mirror::NoViews;

pub use compaction::{COMPACT_JOURNAL_BYTES, FIRST_PAUSE, LARGE_SNAPSHOT_BYTES, LONGEST_PAUSE};
pub(crate) use orders::{may_try, reason};
pub use record::{BatchId, BatchPrepared, ClaimAccepted, ClaimId, Intent, IntentId, Record, RequestRef};
pub use salts::{SaltStore, Salts};
pub use state::{Batch, BatchSignature, BatchStage, Contradiction, Design, Issuer, Logged, Resource, State};

use crate::error::{ApiError, Code};
use crate::storage::journal_problem;
use compaction::Compaction;

/// Why the ledger of promises cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A record is not one of ours.
    #[error("journal record {sequence} cannot be read: {reason}")]
    Record {
        /// Its sequence.
        sequence: u64,
        /// Why.
        reason: String,
    },
    /// Records contradict one another.
    #[error("journal record {sequence}: {source}")]
    Contradiction {
        /// Its sequence.
        sequence: u64,
        /// What does not follow.
        source: Contradiction,
    },
}

/// Folds what a journal holds.
pub fn fold(replay: &Replay) -> Result<State, LedgerError> {
    let mut state = match &replay.snapshot {
        None => State::default(),
        Some(snapshot) => State::from_bytes(&snapshot.state).map_err(|reason| LedgerError::Record {
            sequence: snapshot.sequence,
            reason,
        })?,
    };
    for kept in &replay.records {
        let sequence = kept.sequence;
        let record: Record = serde_json::from_slice(&kept.payload).map_err(|error| LedgerError::Record {
            sequence,
            reason: error.to_string(),
        })?;
        state
            .apply(&record)
            .map_err(|source| LedgerError::Contradiction { sequence, source })?;
    }
    Ok(state)
}

/// The journaled state. Shared; one writer at a time.
#[derive(Debug)]
pub struct Ledger {
    journal: Mutex<Journal>,
    state: RwLock<State>,
    /// Length of the newest snapshot.
    snapshot_bytes: AtomicU64,
    compaction: Compaction,
    /// Why the journal takes nothing any more. Beside its lock, for whoever watches must not wait for its disk.
    stopped: OnceLock<String>,
}

impl Ledger {
    /// Opens the journal in `dir` and folds it.
    pub fn open(files: Arc<dyn Files>, dir: &Path) -> Result<Self, LedgerError> {
        let (journal, replay) = Journal::open(files, dir)?;
        let state = fold(&replay)?;
        let snapshot_bytes = replay
            .snapshot
            .as_ref()
            .map_or(0, |found| found.state.len() as u64);
        Ok(Self {
            journal: Mutex::new(journal),
            state: RwLock::new(state),
            snapshot_bytes: AtomicU64::new(snapshot_bytes),
            compaction: Compaction::default(),
            stopped: OnceLock::new(),
        })
    }

    /// Looks something up. Not into the mirror: who holds a view of it may ask here, so it is asked first.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        let _no_views = NoViews::new();
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a request made before, if it is a repeat; refuses one with another body. Asked in the request's turn
    /// ([`crate::turns::Turns`]), so that no other makes it meanwhile.
    pub fn repeated(&self, request: &RequestRef) -> Result<Option<Resource>, ApiError> {
        self.read(|state| match state.requests.get(&request.key_sha256) {
            None => Ok(None),
            Some((body_sha256, resource)) if *body_sha256 == request.body_sha256 => {
                Ok(Some(resource.clone()))
            }
            Some(_) => Err(ApiError::new(
                Code::IdempotencyKeyReused,
                "this Idempotency-Key came with another body before; use a new one",
            )),
        })
    }

    /// Checks, records, takes effect. Blocks until the records are durable.
    ///
    /// `check` decides on the state as it is and says what to record; an error records nothing. No other
    /// command runs in between. What it needs of the mirror is asked before, see [`read`](Self::read).
    pub fn command(
        &self,
        check: impl FnOnce(&State) -> Result<Vec<Record>, ApiError>,
    ) -> Result<(), ApiError> {
        self.with_writer(|journal| self.record(journal, check))
    }

    fn record(
        &self,
        journal: &mut Journal,
        check: impl FnOnce(&State) -> Result<Vec<Record>, ApiError>,
    ) -> Result<(), ApiError> {
        let records = self.read(check)?;
        if records.is_empty() {
            return Ok(());
        }
        let payloads = records
            .iter()
            .map(serde_json::to_vec)
            .collect::<Result<Vec<_>, _>>();
        let payloads = payloads.map_err(ApiError::internal)?;
        // The fold must take them, or start-up would refuse what is about to be written.
        self.read(|state| records.iter().try_for_each(|record| state.accepts(record)))
            .map_err(ApiError::internal)?;
        journal
            .append(&payloads)
            .map_err(|error| journal_problem("the promise", &error))?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        records
            .iter()
            .try_for_each(|record| state.apply(record))
            .map_err(ApiError::internal)
    }

    /// Lets the state stand for the records so far, when there are [`COMPACT_JOURNAL_BYTES`] of them and the
    /// state is much shorter: a start reads what is kept. Says whether it did.
    ///
    /// Not where it may take more than `room_bytes`, and not soon after it failed; [`Ledger::uncompacted`] says so.
    pub fn compact_if_due(&self, room_bytes: Option<u64>) -> Result<bool, ApiError> {
        self.with_writer(|journal| {
            let last_bytes = self.snapshot_bytes.load(Ordering::SeqCst);
            let kept_bytes = journal.kept_bytes();
            if !self
                .compaction
                .is_to_be_tried(kept_bytes, last_bytes, room_bytes, Instant::now())
            {
                return Ok(false);
            }
            self.take_snapshot(journal)?;
            Ok(true)
        })
    }

    /// The same at once.
    pub fn compact(&self) -> Result<(), ApiError> {
        self.with_writer(|journal| self.take_snapshot(journal))
    }

    /// What keeps the journal from being compacted, or will before long.
    pub fn uncompacted(&self) -> Option<String> {
        self.compaction
            .trouble(self.snapshot_bytes.load(Ordering::SeqCst))
    }

    fn take_snapshot(&self, journal: &mut Journal) -> Result<(), ApiError> {
        let bytes = self.read(State::to_bytes).map_err(ApiError::internal)?;
        journal.snapshot(&bytes).map_err(|error| {
            self.compaction.failed(error.to_string(), Instant::now());
            journal_problem("its snapshot", &error)
        })?;
        self.compaction.done();
        self.snapshot_bytes.store(bytes.len() as u64, Ordering::SeqCst);
        tracing::info!(bytes = bytes.len(), "the journal was compacted");
        Ok(())
    }

    /// Refuses where a newer writer has taken the journal over, or this one has stopped: who may not write may
    /// not send either.
    pub fn check_may_write(&self) -> Result<(), ApiError> {
        self.with_writer(Journal::check_may_write)
            .map_err(|error| journal_problem("anything", &error))
    }

    /// Why nothing can be written any more, if so. Waits for nobody.
    pub fn stopped(&self) -> Option<String> {
        self.stopped.get().cloned()
    }

    /// Does one thing at a time with the journal, and keeps what it says of itself.
    fn with_writer<T>(&self, run: impl FnOnce(&mut Journal) -> T) -> T {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let done = run(&mut journal);
        if let Some(why) = journal.stopped() {
            self.stopped.get_or_init(|| why.to_owned());
        }
        done
    }
}

/// One account's transactions, kept in the ledger.
#[derive(Clone, Debug)]
pub struct LaneOutbox {
    ledger: Arc<Ledger>,
    lane: AccountId,
}

impl LaneOutbox {
    /// The outbox of `lane`.
    pub fn new(ledger: Arc<Ledger>, lane: AccountId) -> Self {
        Self { ledger, lane }
    }
}

impl Outbox for LaneOutbox {
    async fn append(&self, records: &[OutboxRecord]) -> Result<(), String> {
        let (ledger, lane) = (Arc::clone(&self.ledger), self.lane);
        let journaled = records
            .iter()
            .map(|record| Record::Outbox {
                lane,
                record: record.clone(),
            })
            .collect();
        tokio::task::spawn_blocking(move || ledger.command(|_| Ok(journaled)))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        records.iter().for_each(crate::alarms::count_step);
        Ok(())
    }

    async fn replay(&self) -> Result<Vec<OutboxRecord>, String> {
        Ok(self.ledger.read(|state| {
            state
                .outboxes
                .get(&self.lane)
                .map(vestiary_chain::submitter::Table::snapshot)
                .unwrap_or_default()
        }))
    }
}
