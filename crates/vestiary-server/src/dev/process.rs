//! The service as a child process of the same executable.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::directory::{Directory, Endpoints};
use crate::cli::client::Client;
use crate::cli::failure::Failure;

/// How long the service may take until it is ready.
const READY_WITHIN: Duration = Duration::from_mins(2);
/// How long it may take to stop before it is killed: both graces of the service, and a little more.
const STOP_WITHIN: Duration = Duration::from_secs(25);
/// How much of the service's own words an error repeats, in bytes.
const TAIL_BYTES: usize = 2_000;

/// The service, running or not.
#[derive(Debug)]
pub(crate) struct ServiceProcess {
    executable: PathBuf,
    config: PathBuf,
    passphrase: PathBuf,
    log: PathBuf,
    client: Client,
    child: Mutex<Option<Child>>,
}

impl ServiceProcess {
    pub(crate) fn new(directory: &Directory, endpoints: &Endpoints) -> Result<Self, Failure> {
        let executable = std::env::current_exe()
            .map_err(|error| Failure::failed("no_executable", format!("where am I? {error}")))?;
        Ok(Self {
            executable,
            config: directory.config(),
            passphrase: directory.passphrase_file(),
            log: directory.service_log(),
            client: Client::new(&endpoints.api, None)?,
            child: Mutex::new(None),
        })
    }

    /// Starts it and waits until it is ready; fine where it runs already.
    pub(crate) async fn start(&self) -> Result<(), Failure> {
        let mut child = self.child.lock().await;
        if let Some(running) = child.as_mut()
            && matches!(running.try_wait(), Ok(None))
        {
            return Ok(());
        }
        let failed = |error: std::io::Error| Failure::failed("cannot_start", error.to_string());
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .map_err(failed)?;
        let mut command = Command::new(&self.executable);
        command.arg("serve").arg("--stop-with-stdin");
        command
            .arg("--config")
            .arg(&self.config)
            .arg("--passphrase-file")
            .arg(&self.passphrase);
        // The configuration's node is the proxy; an environment variable must not lead around it.
        command.env_remove("VESTIARY_RPC_URL");
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        // Ctrl-C in the terminal is ours: we stop it, in order.
        command.process_group(0).kill_on_drop(true);
        let mut started = command.spawn().map_err(failed)?;
        let until = Instant::now() + READY_WITHIN;
        while !self.client.is_ready().await {
            let ended = started.try_wait().map_err(failed)?;
            if ended.is_some() || Instant::now() > until {
                let what = if ended.is_some() {
                    "ended"
                } else {
                    "is not ready in time"
                };
                return Err(Failure::failed(
                    "service_not_ready",
                    format!("the service {what}: {}", self.tail()),
                ));
            }
            sleep(Duration::from_millis(100)).await;
        }
        *child = Some(started);
        Ok(())
    }

    /// Lets it end what it began, then ends it.
    pub(crate) async fn stop(&self) -> Result<(), Failure> {
        let Some(mut child) = self.child.lock().await.take() else {
            return Ok(());
        };
        // The end of its standard input is its sign.
        drop(child.stdin.take());
        if timeout(STOP_WITHIN, child.wait()).await.is_err() {
            child
                .kill()
                .await
                .map_err(|error| Failure::failed("cannot_stop", error.to_string()))?;
        }
        Ok(())
    }

    /// Ends it as a power cut would.
    pub(crate) async fn kill(&self) -> Result<(), Failure> {
        let Some(mut child) = self.child.lock().await.take() else {
            return Ok(());
        };
        child
            .kill()
            .await
            .map_err(|error| Failure::failed("cannot_stop", error.to_string()))
    }

    pub(crate) async fn is_running(&self) -> bool {
        let mut child = self.child.lock().await;
        child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    fn tail(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let from = bytes.len().saturating_sub(TAIL_BYTES);
        String::from_utf8_lossy(&bytes[from..]).into_owned()
    }
}
