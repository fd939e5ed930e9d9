//! `vestiary repair`: puts right what `vestiary check` finds.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use vestiary_server::damage::Part;

use super::check::{examine, tell};
use super::failure::Failure;
use super::output::Output;
use super::rebuild::{self, Stopped, damage_failure};

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The service's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// A back-up of the data directory or of parts of it, or a copy of the log's public files. Nothing of it is
    /// believed that does not have the right hashes, signatures and records.
    #[arg(long, value_name = "COPY")]
    from: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, out: Output) -> Result<(), Failure> {
    let stopped = Stopped::hold(&args.config)?;
    if let Some(copy) = args.from.as_ref().filter(|copy| !copy.is_dir()) {
        return Err(Failure::usage(format!(
            "--from {}: no such directory",
            copy.display()
        )));
    }
    let stored = stopped.stored()?;
    let bar = out.spinner("repairing");
    let repaired = stored
        .repair(&Part::ALL, args.from.as_deref())
        .map_err(damage_failure)?;
    bar.finish_and_clear();
    let mut done = repaired.done;
    if repaired.mirror_deleted {
        // The rest is put right already: without a node, the next start fills the mirror as well.
        match rebuild::fill(&stopped, out).await {
            Ok(_) => done.push("mirror: filled again from chain and log".to_owned()),
            Err(failure) => out.say(format!(
                "the mirror is filled at the next start: {}",
                failure.detail
            )),
        }
    }
    tell(&args.config, &examine(&stopped, out)?, &done, out)
}
