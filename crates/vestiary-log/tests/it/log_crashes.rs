//! Every operation that the log asks of the disk fails, in every way, and the power goes at each.

use std::io::ErrorKind;
use std::sync::atomic::Ordering;

use vestiary_log::sim::{Fault, Operation};
use vestiary_log::{LogError, LogWriter};

use crate::support::{TestLog, entries};

#[derive(Clone, Copy)]
enum Step {
    Open,
    Append(u64),
    Settle,
}

/// New log, tiles that fill up, settling, a restart with staged entries, and going on.
const LIFE: [Step; 10] = [
    Step::Open,
    Step::Append(3),
    Step::Append(250),
    Step::Settle,
    Step::Append(10),
    Step::Append(1),
    Step::Open,
    Step::Append(5),
    Step::Settle,
    Step::Append(2),
];

fn first_index(log: &TestLog) -> u64 {
    (log.acknowledged.len() + log.unanswered.len()) as u64
}

/// Restarts until the log opens (a fault happens once) and checks it.
fn restart(log: &mut TestLog) -> LogWriter {
    log.disk.kill();
    let opened = log.open().or_else(|_| {
        log.disk.kill();
        log.open()
    });
    let writer = opened.unwrap();
    log.check(&writer);
    writer
}

/// Lives on through a fault as a service does: tries again when the log says that nothing changed,
/// restarts when it has stopped.
fn live_through_faults(log: &mut TestLog) {
    let mut writer: Option<LogWriter> = None;
    for step in LIFE {
        match step {
            Step::Open => {
                drop(writer.take());
                writer = Some(log.open().unwrap_or_else(|_| restart(log)));
            }
            Step::Append(count) => {
                let running = writer.as_mut().unwrap();
                let batch = entries(first_index(log), count);
                match log.append(running, &batch) {
                    Ok(()) => {}
                    Err(LogError::Stopped { .. }) => {
                        assert!(
                            matches!(running.append(&batch), Err(LogError::Stopped { .. })),
                            "for good"
                        );
                        drop(writer.take());
                        writer = Some(restart(log));
                    }
                    Err(_) => {
                        // Nothing changed, and the next append works without a restart.
                        log.check(running);
                        log.append(running, &batch).unwrap();
                    }
                }
            }
            Step::Settle => {
                let running = writer.as_mut().unwrap();
                match running.settle() {
                    Ok(()) => {}
                    Err(LogError::Stopped { .. }) => {
                        drop(writer.take());
                        writer = Some(restart(log));
                    }
                    Err(_) => running.settle().unwrap(),
                }
            }
        }
    }
}

/// Lives until the power goes.
fn live_until_power_off(log: &mut TestLog) {
    let mut writer: Option<LogWriter> = None;
    for step in LIFE {
        let done = match step {
            Step::Open => {
                drop(writer.take());
                log.open().map(|opened| writer = Some(opened))
            }
            Step::Append(count) => {
                let batch = entries(first_index(log), count);
                log.append(writer.as_mut().unwrap(), &batch)
            }
            Step::Settle => writer.as_mut().unwrap().settle(),
        };
        if done.is_err() {
            return;
        }
    }
}

/// Every operation of a life without faults.
fn operations_of_a_life() -> Vec<Operation> {
    let mut log = TestLog::new();
    live_through_faults(&mut log);
    assert_eq!(log.acknowledged.len(), 271);
    log.disk.history()
}

/// The faults that an operation can have.
fn faults_of(operation: &Operation) -> Vec<Fault> {
    let mut faults = vec![Fault::Error(ErrorKind::Other), Fault::FailedAfterTakingEffect];
    match operation.name {
        "write" => faults.extend([Fault::ShortWrite, Fault::NoSpace]),
        "create" | "link" | "rename" | "create directory" => faults.push(Fault::NoSpace),
        "sync" | "sync directory" => faults.push(Fault::FsyncError),
        _ => {}
    }
    faults
}

#[test]
fn a_fault_at_any_operation_loses_nothing_acknowledged() {
    for (number, operation) in (0..).zip(operations_of_a_life()) {
        for fault in faults_of(&operation) {
            let mut log = TestLog::new();
            log.disk.fail_at(number, fault);
            live_through_faults(&mut log);
            // Whatever happened was put right durably.
            log.disk.clear_faults();
            log.disk.power_cut(number);
            let writer = log
                .open()
                .unwrap_or_else(|error| panic!("{fault:?} at {number}: {error}"));
            log.check_as(&writer, &format!("{fault:?} at {number}, {operation:?}"));
        }
    }
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_acknowledged() {
    for number in 0..operations_of_a_life().len() as u64 {
        let mut log = TestLog::new();
        log.disk.fail_at(number, Fault::PowerOff);
        live_until_power_off(&mut log);
        let (disk, acknowledged) = (log.disk.clone(), log.acknowledged.clone());
        for seed in 0..2 {
            log.disk = disk.fork();
            log.acknowledged.clone_from(&acknowledged);
            let unanswered = log.unanswered.clone();
            log.disk.clear_faults();
            log.disk.power_cut(number * 100 + seed);
            let mut writer = log
                .open()
                .unwrap_or_else(|error| panic!("cut at {number}, seed {seed}: {error}"));
            log.check(&writer);
            let batch = entries(first_index(&log), 5);
            log.append(&mut writer, &batch).unwrap();
            log.unanswered = unanswered;
        }
    }
}

#[test]
fn a_second_power_cut_during_the_repair_of_the_first_loses_nothing() {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    for count in [200, 100, 300] {
        let batch = entries(first_index(&log), count);
        log.append(&mut writer, &batch).unwrap();
    }
    drop(writer);
    log.disk.power_cut(3);
    let (disk, start) = (log.disk.clone(), log.disk.operations());
    let whole = disk.fork();
    log.disk = whole.clone();
    drop(log.open().unwrap());
    for number in start..whole.operations() {
        log.disk = disk.fork();
        log.disk.fail_at(number, Fault::PowerOff);
        // Only clearing up may fail without a word.
        drop(log.open());
        log.disk.power_cut(number);
        let writer = log.open().unwrap();
        log.check(&writer);
    }
}

#[test]
fn a_full_disk_refuses_appends_goes_on_reading_and_recovers_without_a_restart() {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(0, 300)).unwrap();
    for free_bytes in (0..40_000).step_by(331) {
        log.disk.set_free_bytes(Some(free_bytes));
        let batch = entries(first_index(&log), 300);
        if let Err(error) = log.append(&mut writer, &batch) {
            assert!(error.is_no_space(), "{free_bytes}: {error}");
        }
        log.check(&writer);
    }
    assert!(first_index(&log) > 300, "towards the end there was room");
    log.disk.set_free_bytes(None);
    let batch = entries(first_index(&log), 3);
    log.append(&mut writer, &batch).unwrap();
    log.check(&writer);
}

#[test]
fn a_checkpoint_that_found_no_space_leaves_its_size_free_for_other_entries() {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(0, 3)).unwrap();
    let mut withdrawn = 0;
    for number in 0..20 {
        log.disk.fail_change(number, Fault::NoSpace);
        let first = first_index(&log);
        if let Err(error) = log.append(&mut writer, &entries(first, 2)) {
            assert!(error.is_no_space(), "{number}: {error}");
            withdrawn += usize::from(
                log.disk
                    .last_fault()
                    .unwrap()
                    .0
                    .path
                    .to_string_lossy()
                    .contains("log/checkpoint"),
            );
            log.disk.clear_faults();
            // Others come first, and more of them: the same sizes with other roots, and without a restart.
            log.append(&mut writer, &entries(first + 7_000, 1)).unwrap();
            log.append(&mut writer, &entries(first + 8_000, 4)).unwrap();
        }
        log.disk.clear_faults();
        log.check(&writer);
    }
    assert!(withdrawn > 0, "no checkpoint was signed and not swapped");
}

/// Lets a batch fail that would have completed a tile, and has three others answered in its place. `false`: it went
/// well.
fn others_follow_a_failed_append(size: u64, fail: impl Fn(&TestLog)) -> bool {
    let mut log = TestLog::new();
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(0, size)).unwrap();
    fail(&log);
    let failed = log.append(&mut writer, &entries(size, 10));
    log.disk.clear_faults();
    log.signer.refuse.store(false, Ordering::SeqCst);
    if failed.is_ok() {
        return false;
    }
    log.append(&mut writer, &entries(700_000, 3)).unwrap();
    for mut ended in log.ended(size) {
        complete_the_tile(&mut ended);
    }
    writer.settle().unwrap();
    drop(writer);
    complete_the_tile(&mut log);
    true
}

/// Starts again, fills the tile with entries that it never had, and starts once more.
fn complete_the_tile(log: &mut TestLog) {
    let mut writer = log.open().unwrap();
    log.append(&mut writer, &entries(800_000, 20)).unwrap();
    writer.settle().unwrap();
    drop(writer);
    let writer = log.open().unwrap();
    log.check(&writer);
}

#[test]
fn the_files_of_a_failed_append_take_the_place_of_nothing_that_was_answered() {
    // Tiles of the lowest level, and of the next one.
    for size in [250, 65_530] {
        let refuse = |log: &TestLog| log.signer.refuse.store(true, Ordering::SeqCst);
        assert!(others_follow_a_failed_append(size, refuse));
    }
    let no_space = |change| move |log: &TestLog| log.disk.fail_change(change, Fault::NoSpace);
    let failed = (0..100)
        .take_while(|change| others_follow_a_failed_append(250, no_space(*change)))
        .count();
    assert!((10..100).contains(&failed), "{failed} changes failed");
}

#[test]
fn checkpoint_races_never_fork_the_log() {
    let asked = std::env::var("VESTIARY_RACES")
        .ok()
        .and_then(|text| text.parse().ok());
    for round in 0..asked.unwrap_or(1_000) {
        let mut log = TestLog::new();
        let mut old = log.open().unwrap();
        log.append(&mut old, &entries(0, 2)).unwrap();
        log.disk.break_locks();
        let opener = {
            let log_files = log.files();
            let signer = log.signer.clone();
            std::thread::spawn(move || {
                LogWriter::open(log_files, std::path::Path::new(crate::support::DIR), signer)
            })
        };
        let old_answer = old.append(&entries(1_000 + round, 1));
        let new = opener.join().unwrap();
        if let Ok(appended) = &old_answer {
            assert_eq!(appended.first_index, 2);
            log.acknowledged.extend(entries(1_000 + round, 1));
        } else {
            log.unanswered = entries(1_000 + round, 1);
        }
        drop(old);
        // Whoever was refused starts again, and finds one log.
        let mut writer = new.unwrap_or_else(|_| {
            log.disk.kill();
            log.open().unwrap()
        });
        log.check(&writer);
        log.append(&mut writer, &entries(5_000, 1)).unwrap();
        log.check(&writer);
    }
}
