//! Every operation that the journal asks of the disk fails, in every way, and the power goes at each.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use vestiary_log::sim::{Fault, ForgetfulDisk};
use vestiary_log::{Journal, JournalError};

const FAULTS: [Fault; 6] = [
    Fault::Error(ErrorKind::Other),
    Fault::ShortWrite,
    Fault::FailedAfterTakingEffect,
    Fault::NoSpace,
    Fault::FsyncError,
    Fault::PowerOff,
];

/// A journal of numbers: its state is the list of them, a snapshot is the list in bytes.
struct Numbers {
    disk: ForgetfulDisk,
    acknowledged: Vec<u8>,
    /// Appended without an answer: may be there after a restart, in order.
    unanswered: Vec<u8>,
    /// Erased, or perhaps erased.
    erasing: Vec<u8>,
}

impl Numbers {
    fn open(&mut self) -> Result<Journal, JournalError> {
        let (journal, replay) = Journal::open(Arc::new(self.disk.clone()), Path::new("/j"))?;
        let mut found = replay.snapshot.map(|snapshot| snapshot.state).unwrap_or_default();
        found.extend(replay.records.iter().map(|record| record.payload[0]));
        let mut expected = self.acknowledged.clone();
        if found.last() == self.unanswered.last() && !self.unanswered.is_empty() {
            expected.extend(&self.unanswered);
        }
        let stays = |number: &&u8| !self.erasing.contains(number);
        let left = |list: &[u8]| list.iter().filter(stays).copied().collect::<Vec<u8>>();
        assert_eq!(left(&found), left(&expected), "unanswered {:?}", self.unanswered);
        self.acknowledged = expected;
        self.unanswered.clear();
        Ok(journal)
    }

    fn restart(&mut self) -> Journal {
        self.disk.kill();
        self.open()
            .or_else(|_| {
                self.disk.kill();
                self.open()
            })
            .unwrap()
    }

    fn state(&self) -> Vec<u8> {
        self.acknowledged
            .iter()
            .filter(|number| !self.erasing.contains(number))
            .copied()
            .collect()
    }

    /// Appends, erases, takes snapshots and restarts; stops when the power goes.
    fn live(&mut self) -> Result<(), JournalError> {
        let mut journal = match self.open() {
            Ok(journal) => journal,
            Err(error) if error.to_string().contains("the power is off") => return Err(error),
            Err(_) => self.restart(),
        };
        for round in 0_u8..9 {
            let group = [round * 3 + 1, round * 3 + 2];
            let done = match round {
                3 | 7 => journal.snapshot(&self.state()),
                5 => {
                    self.erasing.push(13);
                    let sequence = journal.next_sequence() - 2;
                    journal.erase(sequence)
                }
                6 => {
                    drop(journal);
                    match self.open() {
                        Ok(opened) => journal = opened,
                        Err(error) if error.to_string().contains("the power is off") => return Err(error),
                        Err(_) => journal = self.restart(),
                    }
                    Ok(())
                }
                _ => match journal.append(&[[group[0]], [group[1]]]) {
                    Ok(_) => {
                        self.acknowledged.extend(group);
                        Ok(())
                    }
                    Err(error) => {
                        if matches!(error, JournalError::Stopped { .. }) {
                            self.unanswered = group.to_vec();
                        }
                        Err(error)
                    }
                },
            };
            match done {
                Err(error) if error.to_string().contains("the power is off") => return Err(error),
                Err(JournalError::Stopped { .. }) => {
                    drop(journal);
                    journal = self.restart();
                }
                // Done; or nothing changed, and the next step works without a restart.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

fn numbers() -> Numbers {
    let disk = ForgetfulDisk::new();
    Numbers {
        disk,
        acknowledged: Vec::new(),
        unanswered: Vec::new(),
        erasing: Vec::new(),
    }
}

#[test]
fn no_fault_and_no_power_cut_at_any_operation_loses_an_acknowledged_record() {
    let mut quiet = numbers();
    quiet.live().unwrap();
    assert_eq!(quiet.acknowledged, [1, 2, 4, 5, 7, 8, 13, 14, 25, 26]);
    for number in 0..quiet.disk.operations() {
        for fault in FAULTS {
            let mut living = numbers();
            living.disk.fail_at(number, fault);
            let lived = living.live();
            assert!(
                lived.is_ok() || fault == Fault::PowerOff,
                "{fault:?} at {number}: {lived:?}"
            );
            living.disk.clear_faults();
            let disk = living.disk.clone();
            let memory = (living.acknowledged.clone(), living.unanswered.clone());
            for seed in 0..3 {
                living.disk = disk.fork();
                (living.acknowledged, living.unanswered) = memory.clone();
                living.disk.power_cut(number * 10 + seed);
                let opened = living.open();
                let mut journal = opened.unwrap_or_else(|error| panic!("{fault:?} at {number}: {error}"));
                journal.append(&[[200]]).unwrap();
                living.acknowledged.push(200);
                drop(journal);
                living.disk.power_cut(seed);
                living.open().unwrap();
            }
        }
    }
}
