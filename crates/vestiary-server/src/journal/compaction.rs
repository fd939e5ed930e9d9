//! When the journal is folded into a snapshot, and what keeps it from that.
//!
//! A try writes as much as the whole state is long, with the journal locked: it is made only where there is room for
//! it beside the reserve, and after one that failed there is a pause, longer each time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use vestiary_log::journal::MAX_SNAPSHOT_BYTES;

/// A journal of this length, in bytes, is folded into a snapshot.
pub const COMPACT_JOURNAL_BYTES: u64 = 64 << 20;
/// A snapshot of this length, in bytes, is told to the operator: one of twice the length is not written.
pub const LARGE_SNAPSHOT_BYTES: u64 = MAX_SNAPSHOT_BYTES / 2;
/// Pause after a try that failed; doubled after each further one.
pub const FIRST_PAUSE: Duration = Duration::from_mins(1);
/// Longest pause between two tries.
pub const LONGEST_PAUSE: Duration = Duration::from_hours(24);

/// How long a journal may be beside a snapshot of this length, in bytes.
const fn longest_bytes(snapshot_bytes: u64) -> u64 {
    let twice = 2 * snapshot_bytes;
    if twice > COMPACT_JOURNAL_BYTES {
        twice
    } else {
        COMPACT_JOURNAL_BYTES
    }
}

/// What became of the tries so far.
#[derive(Debug, Default)]
pub(super) struct Compaction(Mutex<Tried>);

#[derive(Debug, Default)]
struct Tried {
    /// What keeps a journal long that is due.
    trouble: Option<String>,
    /// How many tries failed since one did not.
    failures: u32,
    /// Not to be tried before.
    not_before: Option<Instant>,
}

impl Compaction {
    /// Whether a journal that keeps `kept_bytes` beside a snapshot of `snapshot_bytes` is to be folded now;
    /// `room_bytes` may be written, as far as anybody knows.
    pub(super) fn is_to_be_tried(
        &self,
        kept_bytes: u64,
        snapshot_bytes: u64,
        room_bytes: Option<u64>,
        now: Instant,
    ) -> bool {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept_bytes < longest_bytes(snapshot_bytes) {
            *tried = Tried::default();
            return false;
        }
        if tried.not_before.is_some_and(|not_before| now < not_before) {
            return false;
        }
        // The state is no longer than what it was and all that came since.
        let needed_bytes = snapshot_bytes + kept_bytes;
        let Some(room_bytes) = room_bytes.filter(|room_bytes| *room_bytes < needed_bytes) else {
            return true;
        };
        let trouble = format!(
            "{kept_bytes} bytes wait to be folded, which may take {needed_bytes} beside the reserve; {room_bytes} are free"
        );
        if tried.trouble.is_none() {
            tracing::warn!(trouble, "the journal is not compacted");
        }
        tried.trouble = Some(trouble);
        false
    }

    /// A try failed.
    pub(super) fn failed(&self, why: String, now: Instant) {
        let mut tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = FIRST_PAUSE
            .saturating_mul(1 << tried.failures.min(16))
            .min(LONGEST_PAUSE);
        tried.failures = tried.failures.saturating_add(1);
        tried.not_before = Some(now + pause);
        tried.trouble = Some(why);
    }

    /// A try succeeded.
    pub(super) fn done(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Tried::default();
    }

    /// What keeps the journal long, or will.
    pub(super) fn trouble(&self, snapshot_bytes: u64) -> Option<String> {
        let tried = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let large = || {
            (snapshot_bytes >= LARGE_SNAPSHOT_BYTES)
                .then(|| format!("the snapshot has {snapshot_bytes} of at most {MAX_SNAPSHOT_BYTES} bytes"))
        };
        tried.trouble.clone().or_else(large)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_failure_there_is_a_pause_which_grows_and_ends_with_a_success() {
        let (compaction, mut now) = (Compaction::default(), Instant::now());
        let due = |now| compaction.is_to_be_tried(COMPACT_JOURNAL_BYTES, 0, None, now);
        assert!(due(now) && compaction.trouble(0).is_none());
        for pause_minutes in [1, 2, 4, 8] {
            compaction.failed("too large".into(), now);
            assert_eq!(compaction.trouble(0).as_deref(), Some("too large"));
            now += Duration::from_mins(pause_minutes);
            assert!(!due(now.checked_sub(Duration::from_millis(1)).unwrap()) && due(now));
        }
        for _ in 0..40 {
            compaction.failed("too large".into(), now);
        }
        assert!(due(now + LONGEST_PAUSE));
        compaction.done();
        assert!(due(now) && compaction.trouble(0).is_none());
    }

    #[test]
    fn what_it_may_take_must_be_free_and_a_short_journal_takes_nothing() {
        let (compaction, now) = (Compaction::default(), Instant::now());
        let (last, kept) = (100 << 20, 200 << 20);
        assert!(!compaction.is_to_be_tried(kept - 1, last, Some(u64::MAX), now));
        assert!(!compaction.is_to_be_tried(kept, last, Some(last + kept - 1), now));
        assert!(compaction.trouble(last).unwrap().ends_with("314572799 are free"));
        assert!(compaction.is_to_be_tried(kept, last, Some(last + kept), now));
        // Somebody made it short.
        assert!(!compaction.is_to_be_tried(9, last, Some(0), now));
        assert_eq!(compaction.trouble(last), None);
        let large = compaction.trouble(LARGE_SNAPSHOT_BYTES).unwrap();
        assert_eq!(large, "the snapshot has 536870912 of at most 1073741824 bytes");
    }
}
