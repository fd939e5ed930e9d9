//! The log: entries hashed, tiled and fsynced, against the same bytes written and fsynced.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use anyhow::Result;
use vestiary::digest::Sha256;
use vestiary::ids::{DesignId, Serial, TokenId};
use vestiary::statement::{CertificateIssued, Statement};
use vestiary_log::{Disk, LogWriter};
use vestiary_signing::{CheckpointKey, Ed25519Key, Memory, Purpose};

use crate::report::{Outcome, Row};
use crate::run::{Plan, alternate, rates, time};
use crate::stats::Limit;

/// Entries in one append.
const ENTRIES: u64 = 1_000;

fn statement(serial: u64) -> Result<Vec<u8>> {
    let statement = Statement::CertificateIssued(CertificateIssued {
        token_id: TokenId::new(DesignId::new(1)?, Serial::new(serial)?),
        digest: Sha256::of(&serial.to_be_bytes()),
        claim_key: Address::repeat_byte(0xcc),
        batch: B256::repeat_byte(0xbb),
    });
    Ok(statement.to_bytes()?)
}

/// Appends of 1,000 certificate statements.
pub(crate) fn append(plan: &Plan, dir: &Path) -> Result<Row> {
    let appends = plan.of(20, 2);
    let batches = (0..appends as u64)
        .map(|append| {
            (1..=ENTRIES)
                .map(|entry| statement(append * ENTRIES + entry))
                .collect()
        })
        .collect::<Result<Vec<Vec<_>>>>()?;
    let joined: Vec<Vec<u8>> = batches.iter().map(|batch| batch.concat()).collect();
    let bytes = joined.iter().map(Vec::len).sum::<usize>() / joined.len();

    let key = Arc::new(Ed25519Key::import(Purpose::Checkpoint, &[3; 32])?);
    let signer = CheckpointKey::new(key, Arc::new(Memory::fresh()), "log.example/bench")?;
    let mut writer = LogWriter::open(Arc::new(Disk), &dir.join("log"), Arc::new(signer))?;
    let mut file = File::create(dir.join("bare"))?;
    let pairs = alternate(
        plan,
        || {
            time(appends, || {
                for batch in &batches {
                    writer.append(batch)?;
                }
                Ok(())
            })
        },
        || {
            time(appends, || {
                for batch in &joined {
                    file.write_all(batch)?;
                    file.sync_data()?;
                }
                Ok(())
            })
        },
    )?;
    Ok(Row {
        name: "log append".into(),
        what: format!(
            "1,000 entries ({bytes} bytes) hashed, tiled, signed for, fsynced · bare write and fdatasync"
        ),
        unit: "×",
        limit: Limit::AtLeast(0.5),
        outcome: Outcome::Figure(pairs.rate_ratio(), format!("appends: {}", rates(pairs.costs()))),
    })
}
