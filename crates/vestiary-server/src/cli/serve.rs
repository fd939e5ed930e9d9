//! `vestiary serve`.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args as ClapArgs;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;
use vestiary_log::Disk;
use vestiary_log::seams::{SystemClock, SystemRandom};
use vestiary_server::config::Config;
use vestiary_server::startup::{self, Outside};

use super::failure::Failure;
use super::options::secret;
use super::output::Output;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The configuration file; crates/vestiary-server/vestiary.toml is a commented example. `VESTIARY_RPC_URL`
    /// replaces its node.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// File with the passphrase of the keys; else the environment variable `VESTIARY_PASSPHRASE`.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Also stop when standard input ends: for a supervisor that must not leave it behind.
    #[arg(long)]
    stop_with_stdin: bool,
}

/// Reads a configuration as every verb does.
pub(crate) fn load_config(path: &std::path::Path) -> Result<Config, Failure> {
    super::files::regular(path)?;
    let rpc_url = std::env::var("VESTIARY_RPC_URL")
        .ok()
        .filter(|url| !url.is_empty());
    Config::load(path, rpc_url).map_err(|error| Failure::failed("config_unreadable", error.to_string()))
}

/// Tells what happens on standard error; `VESTIARY_LOG` chooses how much (`info` when it does not). A line that
/// nobody takes, because the disk of the log is full or its reader has gone, is lost: the work goes on.
pub(crate) fn start_tracing(json: bool, default: &str) {
    let filter = std::env::var("VESTIARY_LOG").unwrap_or_else(|_| default.to_owned());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_ansi(std::io::stderr().is_terminal())
        // They would be told on standard error, which is what failed: a panic.
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    // A second subscriber in one process would be refused; the first one is as good.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}

pub(crate) async fn run(args: Args, out: Output) -> Result<(), Failure> {
    start_tracing(out.is_json(), "info");
    let config = load_config(&args.config)?;
    let passphrase = secret(args.passphrase_file.as_deref(), "VESTIARY_PASSPHRASE")?.ok_or_else(|| {
        Failure::usage("the keys need their passphrase")
            .remedy("give --passphrase-file FILE or set VESTIARY_PASSPHRASE")
    })?;
    let listen = config.service.listen;
    let outside = Outside {
        files: Arc::new(Disk),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        passphrase: vestiary_signing::Passphrase::new(passphrase.as_str().to_owned())?,
        endpoint: None,
    };
    let opened = tokio::select! {
        opened = startup::open(config, outside) => opened,
        () = stop(args.stop_with_stdin) => return Ok(()),
    };
    let service = opened.map_err(|error| Failure::failed("cannot_open", format!("{error:#}")))?;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failure::failed("cannot_listen", format!("{listen}: {error}")))?;
    // With port 0 the system chose one.
    let listen = listener.local_addr().unwrap_or(listen);
    tracing::info!(%listen, "listening");
    vestiary_server::serve::run(service, listener, stop(args.stop_with_stdin))
        .await
        .map_err(|error| {
            Failure::failed("ended_early", format!("{error:#}")).remedy(
                "start it again: what was begun is finished then; report it with the lines of the log before",
            )
        })?;
    tracing::info!("stopped");
    Ok(())
}

/// Ctrl-C, SIGTERM, or the end of standard input where that was asked for.
async fn stop(with_stdin: bool) {
    let stdin_ends = async {
        if !with_stdin {
            return std::future::pending().await;
        }
        let (told, ended) = tokio::sync::oneshot::channel();
        // A thread of its own: reading a terminal or pipe cannot be interrupted, and must not hold the exit up.
        std::thread::spawn(move || {
            let mut buffer = [0; 64];
            while matches!(std::io::stdin().read(&mut buffer), Ok(read) if read > 0) {}
            let _ = told.send(());
        });
        let _ = ended.await;
    };
    tokio::select! {
        () = vestiary_server::serve::shutdown_signal() => {}
        () = stdin_ends => {}
    }
}
