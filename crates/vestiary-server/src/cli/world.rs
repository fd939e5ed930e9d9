//! `vestiary world add`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;
use vestiary::world::WorldProfile;

use super::failure::Failure;
use super::files;
use super::options::CallerOptions;
use super::output::Output;

/// Largest world profile that is read, in bytes.
const MAX_PROFILE_BYTES: u64 = 64 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Registers a world, or replaces what its engine can load.
    Add {
        #[command(flatten)]
        caller: CallerOptions,
        /// The profile, as fixtures/worlds shows.
        profile: PathBuf,
    },
}

pub(crate) async fn run(command: Command, out: Output) -> Result<(), Failure> {
    let Command::Add { caller, profile } = command;
    let bytes = files::read(&profile, MAX_PROFILE_BYTES)?;
    let world = WorldProfile::parse(&bytes)
        .map_err(|error| Failure::refused(error.code(), format!("{}: {error}", profile.display())))?;
    let body: Value = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::refused("malformed_world", error.to_string()))?;
    let answer: Value = caller.client()?.post_anew(&["v1", "worlds"], &body).await?;
    if answer != body {
        let detail = format!(
            "the service answers another profile of {} than was sent",
            world.id
        );
        return Err(Failure::failed("other_profile", detail).remedy("run the same command again"));
    }
    out.answer(&answer, || {
        format!("{} is registered as {}", world.name, world.id)
    })?;
    Ok(())
}
