//! Fail points: named places, each between two steps on whose order a promise rests, where a test kills the process.
//!
//! Only the feature `fail-points` compiles them in, and only for debug builds; without it [`reached`] is empty. With
//! it the environment decides:
//!
//! | variable | |
//! |---|---|
//! | `VESTIARY_FAIL_POINT=<name>@<n>` | the process sends itself SIGKILL at its n-th visit, counted from 1 |
//! | `VESTIARY_FAIL_POINT_VISITS=<file>` | each visit adds a line with the name, the fatal one included |
//!
//! Each crate lists its own with [`fail_points!`](crate::fail_points); `vestiary_server::points::all` has them all.

#[cfg(all(feature = "fail-points", not(debug_assertions)))]
compile_error!("the feature `fail-points` is for tests: a release build must not be able to kill itself");

/// Declares fail points: a documented constant each, and the slice `ALL` of their names.
#[macro_export]
macro_rules! fail_points {
    ($($(#[$doc:meta])+ $name:ident = $text:literal;)+) => {
        $($(#[$doc])+ pub const $name: &str = $text;)+
        /// Every fail point of this crate.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

fail_points! {
    /// A journal has its new epoch; its last segment is as the last writer left it.
    JOURNAL_EPOCH = "journal/epoch";
    /// Records are framed; nothing of them is in the file.
    JOURNAL_WRITING = "journal/writing";
    /// Records are in the file and not synced.
    JOURNAL_WRITTEN = "journal/written";
    /// Records are durable; nobody knows.
    JOURNAL_SYNCED = "journal/synced";
    /// A file is complete and synced, under a temporary name.
    FILE_WRITTEN = "file/written";
    /// A file has its name; the directory is not synced.
    FILE_NAMED = "file/named";
    /// The tiles of a batch of entries are written, nothing is staged: the log does not have them.
    LOG_TILES = "log/tiles";
    /// The entries are staged and synced: the log has them, no checkpoint says so.
    LOG_STAGED = "log/staged";
    /// The checkpoint over them is signed and not written.
    LOG_SIGNED = "log/signed";
    /// The checkpoint is written; who appended was not told.
    LOG_PUBLISHED = "log/published";
    /// Start-up has written the tiles of what was staged, and not yet the checkpoint.
    LOG_RECOVERED = "log/recovered";
    /// Tiles and checkpoint are durable; what they were made from is still staged.
    LOG_SETTLING = "log/settling";
}

/// A fail point is passed. Does nothing without the feature `fail-points`.
#[cfg(not(feature = "fail-points"))]
#[inline]
pub const fn reached(_point: &'static str) {}

#[cfg(feature = "fail-points")]
pub use killing::reached;

#[cfg(feature = "fail-points")]
mod killing {
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::io::Write as _;
    use std::sync::{Mutex, OnceLock, PoisonError};

    #[derive(Debug, Default)]
    struct Plan {
        kill: Option<(String, u64)>,
        visits: Option<File>,
        counts: Mutex<BTreeMap<&'static str, u64>>,
    }

    impl Plan {
        fn of_environment() -> Option<Self> {
            let kill = std::env::var("VESTIARY_FAIL_POINT").ok().map(|text| {
                text.split_once('@')
                    .and_then(|(point, visit)| Some((point.to_owned(), visit.parse().ok()?)))
                    .expect("VESTIARY_FAIL_POINT reads <name>@<n>")
            });
            let visits = std::env::var_os("VESTIARY_FAIL_POINT_VISITS").map(|path| {
                let file = File::options().create(true).append(true).open(path);
                file.expect("the file of VESTIARY_FAIL_POINT_VISITS can be written")
            });
            (kill.is_some() || visits.is_some()).then(|| Self {
                kill,
                visits,
                counts: Mutex::default(),
            })
        }

        fn visit(&self, point: &'static str) {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(point).or_default();
            *count += 1;
            if let Some(mut file) = self.visits.as_ref() {
                file.write_all(format!("{point}\n").as_bytes())
                    .expect("a visit can be noted");
            }
            if self
                .kill
                .as_ref()
                .is_some_and(|(name, visit)| name == point && visit == count)
            {
                die();
            }
        }
    }

    /// A fail point is passed: counted, and fatal where the environment says so.
    pub fn reached(point: &'static str) {
        static PLAN: OnceLock<Option<Plan>> = OnceLock::new();
        if let Some(plan) = PLAN.get_or_init(Plan::of_environment) {
            plan.visit(point);
        }
    }

    /// SIGKILL: no destructor, no flush, no goodbye. The lock on the counts is held, so that no other thread gets
    /// past a point of its own meanwhile.
    fn die() -> ! {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}
