//! The real executable in a process of its own, with a moment at which it dies.

use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::support::http::Client;
use crate::support::{Ground, PASSPHRASE};

/// Longest life of a process that is to die at a point.
const PATIENCE: Duration = Duration::from_mins(5);
/// SIGKILL.
const KILL: i32 = 9;

/// When a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// At its n-th visit of a fail point.
    Point(&'static str, u64),
    /// So long after it was started.
    SinceStart(Duration),
    /// So long after it served.
    SinceServing(Duration),
}

/// A process that serves or rebuilds.
#[derive(Debug)]
pub(crate) struct Process {
    child: Mutex<Child>,
    /// Where it listens.
    pub(crate) url: String,
    stderr: PathBuf,
}

/// Where the visits of all processes are noted.
pub(crate) fn visits_file(ground: &Ground) -> PathBuf {
    ground.dir.path().join("visits")
}

impl Process {
    /// `vestiary serve`.
    pub(crate) fn serve(ground: &Ground, moment: Moment) -> Self {
        Self::run(ground, "serve", moment)
    }

    /// `vestiary rebuild`.
    pub(crate) fn rebuild(ground: &Ground, moment: Moment) -> Self {
        Self::run(ground, "rebuild", moment)
    }

    fn run(ground: &Ground, verb: &str, moment: Moment) -> Self {
        let home = ground.dir.path();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = std::fs::read_to_string(home.join("vestiary.toml")).unwrap();
        let config = config.replace("127.0.0.1:0", &format!("127.0.0.1:{port}"));
        std::fs::write(home.join("child.toml"), config).unwrap();
        let stderr = home.join("stderr");
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestiary"));
        command
            .args([verb, "--config"])
            .arg(home.join("child.toml"))
            .env("VESTIARY_PASSPHRASE", PASSPHRASE)
            .env("VESTIARY_FAIL_POINT_VISITS", visits_file(ground))
            .env_remove("VESTIARY_RPC_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&stderr).unwrap());
        if let Moment::Point(point, visit) = moment {
            command.env("VESTIARY_FAIL_POINT", format!("{point}@{visit}"));
        }
        Self {
            child: Mutex::new(command.spawn().unwrap()),
            url: format!("http://127.0.0.1:{port}"),
            stderr,
        }
    }

    /// Waits until it serves; false if it was killed before. Any other end fails the test.
    pub(crate) async fn serves(&self) -> bool {
        let client = Client::new(self.url.clone(), String::new());
        let until = Instant::now() + PATIENCE;
        loop {
            if self.is_killed() {
                return false;
            }
            let ready = client.request(reqwest::Method::GET, "/readyz");
            if let Some(reply) = Client::try_send(ready).await
                && reply.status == 200
            {
                return true;
            }
            assert!(Instant::now() < until, "it does not serve: {}", self.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until it was killed.
    pub(crate) async fn dies(&self) {
        let until = Instant::now() + PATIENCE;
        while !self.is_killed() {
            assert!(Instant::now() < until, "it does not die: {}", self.said());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// SIGKILL from outside: no destructor, no flush, no goodbye.
    pub(crate) fn kill(&self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Whether SIGKILL ended it. Any other end fails the test: a service that gives up by itself after a kill is
    /// what is looked for here.
    pub(crate) fn is_killed(&self) -> bool {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let ended: Option<ExitStatus> = child.try_wait().unwrap();
        drop(child);
        ended.is_some_and(|status| {
            assert_eq!(status.signal(), Some(KILL), "{status}: {}", self.said());
            true
        })
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
    }
}
