//! Issuing: a signed preparation of 1,000 to the receipt.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Result;
use ed25519_dalek::{Signer as _, SigningKey};

use crate::bed::{BATCH, Bed};
use crate::machine::WorkDir;
use crate::report::{Outcome, Row};
use crate::run::{Plan, alternate, per_unit, rates, time};
use crate::stats::Limit;

/// `POST /v1/batches/{id}/commit`: certificates signed, statements and certificates fsynced, receipt answered.
pub(crate) fn issue(plan: &Plan, work: &WorkDir) -> Result<Row> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut bed = runtime.block_on(Bed::open(work.path()))?;
    let key = SigningKey::from_bytes(&[7; 32]);
    let units = usize::try_from(BATCH)?;
    let pairs = alternate(
        plan,
        || {
            runtime.block_on(async {
                let prepared = bed.prepare().await?;
                let start = Instant::now();
                bed.commit(&prepared).await?;
                let cost = per_unit(start.elapsed(), units);
                // The next batch of a design follows what the log states.
                bed.fold_log().await?;
                Ok(cost)
            })
        },
        || {
            let mut message = [0x5a; 64];
            time(units, || {
                for serial in 1..=BATCH {
                    message[..8].copy_from_slice(&serial.to_be_bytes());
                    black_box(key.sign(black_box(&message)));
                }
                Ok(())
            })
        },
    )?;
    Ok(Row {
        name: "issue".into(),
        what: "a prepared batch of 1,000 to its receipt: signed, logged, fsynced · bare ed25519-dalek sign"
            .into(),
        unit: "×",
        limit: Limit::AtLeast(0.3),
        outcome: Outcome::Figure(
            pairs.rate_ratio(),
            format!("certificates: {}", rates(pairs.costs())),
        ),
    })
}
