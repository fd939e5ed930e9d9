//! The command line.
//!
//! Text goes to standard output, progress and errors to standard error. With `--json` standard output is one JSON
//! object and an error is one problem object on standard error.
//!
//! | exit status | means |
//! |---|---|
//! | 0 | done; for `verify`: every required check passed; for `check` and `repair`: nothing is wrong |
//! | 1 | it failed: a file, the network, the chain, a defect |
//! | 2 | the command line is wrong |
//! | 3 | refused: the service or the chain said no, a list has bad rows, a certificate is not accepted |

mod api_key;
mod check;
mod claim;
pub(crate) mod client;
mod collection;
mod deploy;
mod design;
pub(crate) mod failure;
pub(crate) mod files;
mod inventory;
mod issue;
mod issuer;
pub(crate) mod keys;
pub(crate) mod options;
pub(crate) mod output;
mod rebuild;
mod repair;
mod roots;
mod serve;
mod sheet;
mod sheet_text;
mod verify;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;
use output::Output;

/// The ledger of what avatars wear.
#[derive(Debug, Parser)]
#[command(name = "vestiary", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    /// One JSON object on standard output, errors as one problem object on standard error.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit status: 0 done or accepted, 1 failed, 2 wrong command line, 3 refused or not accepted.\n\
Secrets come from files or the environment, never from the command line: VESTIARY_PASSPHRASE or --passphrase-file,\n\
VESTIARY_API_KEY or --api-key-file, VESTIARY_CLAIM_CODE or --code-file.";

#[derive(Debug, Subcommand)]
enum Command {
    /// A whole ledger on this machine, for trying things out: node, contracts, service. Never for real wearables.
    Dev(crate::dev::Args),
    /// Runs the service.
    Serve(serve::Args),
    /// Key files: make, show, take over.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Puts the contracts on a chain and writes the deployment file.
    Deploy(deploy::Args),
    /// A brand in the registry: register, certificate key, log.
    #[command(subcommand)]
    Issuer(issuer::Command),
    /// Collections of an issuer.
    #[command(subcommand)]
    Collection(collection::Command),
    /// Designs: what may be worn.
    #[command(subcommand)]
    Design(design::Command),
    /// Worlds: what their engines can load.
    #[command(subcommand)]
    World(world::Command),
    /// API keys of the service.
    #[command(subcommand)]
    ApiKey(api_key::Command),
    /// Issues the wearables of a product list: shows the difference, prepares, checks, signs, commits.
    Issue(issue::Args),
    /// Claims a wearable with the code from a garment.
    Claim(claim::Args),
    /// What a wallet may wear.
    Inventory(inventory::Args),
    /// Verifies a certificate offline, against what you already believe.
    Verify(verify::Args),
    /// Writes a roots file: what you decide to believe, read from a deployment, a service and the chain.
    Roots(roots::Args),
    /// Deletes the mirror and fills it again from chain and log. The service must be stopped.
    Rebuild(rebuild::Args),
    /// Checks journal, log, files and mirror of a stopped service.
    Check(check::Args),
    /// Puts right what `check` finds, from what is there or from a copy. The service must be stopped.
    Repair(repair::Args),
}

/// Reads the command line, runs the verb, tells the outcome.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::command_line_error(&error),
    };
    let out = Output::new(cli.json);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return out.failed(&Failure::failed("no_runtime", error.to_string())),
    };
    let outcome = runtime.block_on(run(cli.command, out));
    // Whatever still runs in the background, such as a name look-up, must not hold the exit up.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => out.failed(&failure),
    }
}

async fn run(command: Command, out: Output) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => crate::dev::run(args, out).await,
        Command::Serve(args) => serve::run(args, out).await,
        Command::Keys(command) => keys::run(command, out),
        Command::Deploy(args) => deploy::run(args, out).await,
        Command::Issuer(command) => issuer::run(command, out).await,
        Command::Collection(command) => collection::run(command, out).await,
        Command::Design(command) => design::run(command, out).await,
        Command::World(command) => world::run(command, out).await,
        Command::ApiKey(command) => api_key::run(command, out).await,
        Command::Issue(args) => issue::run(args, out).await,
        Command::Claim(args) => claim::run(args, out).await,
        Command::Inventory(args) => inventory::run(args, out).await,
        Command::Verify(args) => verify::run(&args, out),
        Command::Roots(args) => roots::run(args, out).await,
        Command::Rebuild(args) => rebuild::run(args, out).await,
        Command::Check(args) => check::run(&args, out),
        Command::Repair(args) => repair::run(args, out).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_argument_takes_a_secret() {
        fn walk(command: &clap::Command, seen: &mut Vec<String>) {
            for argument in command.get_arguments() {
                seen.push(argument.get_id().to_string());
            }
            for child in command.get_subcommands() {
                walk(child, seen);
            }
        }
        let mut seen = Vec::new();
        walk(&Cli::command(), &mut seen);
        for name in seen {
            let secret = ["passphrase", "secret", "api_key", "code", "seed", "private"];
            if secret.iter().any(|word| name.contains(word)) {
                assert!(
                    name.ends_with("file"),
                    "{name} would put a secret on the command line"
                );
            }
        }
    }

    #[test]
    fn a_wrong_command_line_ends_with_two() {
        let error = Cli::try_parse_from(["vestiary", "isue"]).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(failure::USAGE));
    }
}
