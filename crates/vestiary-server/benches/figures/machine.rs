//! Cores, child processes, and a place on a real disk.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context as _, Result, bail};

/// The core of the load.
const LOAD_CORE: usize = 0;
/// The core of whatever serves.
const SERVER_CORE: usize = 1;

/// A directory that goes away with the value. Below cargo's target directory: `/tmp` may be in memory, where
/// fsync costs nothing.
#[derive(Debug)]
pub(crate) struct WorkDir(PathBuf);

impl WorkDir {
    /// A new, empty one.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("figures-{}-{name}", std::process::id()));
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        // What is left behind is swept away with the target directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Whether server and load can have a core each. Asked once: a pinned process sees one core.
fn can_pin() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        std::thread::available_parallelism().is_ok_and(|cores| cores.get() > SERVER_CORE)
            && Command::new("taskset")
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
    })
}

/// This process on the load's core, until dropped; the processes it starts meanwhile say for themselves.
#[derive(Debug)]
pub(crate) struct Pinned {
    before: Option<String>,
}

impl Pinned {
    /// Pins this process, if the machine can.
    pub(crate) fn load() -> Self {
        if !can_pin() {
            return Self { before: None };
        }
        let id = std::process::id().to_string();
        let before = Command::new("taskset").args(["-p", &id]).output().ok();
        let mask = before
            .and_then(|output| String::from_utf8(output.stdout).ok())
            .and_then(|text| Some(text.rsplit(' ').next()?.trim().to_owned()));
        taskset(&["-a", "-c", "-p", &LOAD_CORE.to_string(), &id]);
        Self { before: mask }
    }

    /// What to say in the row.
    pub(crate) fn words(&self) -> &'static str {
        match self.before {
            Some(_) => "server and load on a core each",
            None => "server and load not pinned to cores",
        }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if let Some(mask) = &self.before {
            taskset(&["-a", "-p", mask, &std::process::id().to_string()]);
        }
    }
}

fn taskset(arguments: &[&str]) {
    // Without it the figure is only noisier.
    let _ = Command::new("taskset")
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// This program once more, in another role, on the server's core. Ends when its input ends, so also with us.
#[derive(Debug)]
pub(crate) struct Served {
    child: Child,
    input: Option<ChildStdin>,
    /// Where it answers.
    pub(crate) port: u16,
}

impl Served {
    /// Starts it and waits until it says its port.
    pub(crate) fn start(role: &[String]) -> Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = if can_pin() {
            let mut command = Command::new("taskset");
            command.args(["-c", &SERVER_CORE.to_string()]).arg(program);
            command
        } else {
            Command::new(program)
        };
        let mut child = command
            .arg("--role")
            .args(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the server")?;
        let input = child.stdin.take();
        let output = child.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let Some(port) = line
            .trim()
            .strip_prefix("port ")
            .and_then(|port| port.parse().ok())
        else {
            let _ = child.kill();
            bail!("the server for {} did not start: {line:?}", role.join(" "));
        };
        Ok(Self { child, input, port })
    }

    /// Says a line to it.
    pub(crate) fn say(&mut self, word: &str) -> Result<()> {
        let input = self.input.as_mut().context("the server's input is closed")?;
        writeln!(input, "{word}")?;
        Ok(input.flush()?)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.input.take());
        for _ in 0..500 {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
