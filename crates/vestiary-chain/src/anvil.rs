//! A local node as a value: it listens on a free port and dies when it is dropped. For `vestiary dev` and tests.

use std::io::Read;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{ChainError, Result};

/// How long Anvil may take to answer.
const START: Duration = Duration::from_secs(20);
/// Times another port is tried when somebody else took the first.
const ATTEMPTS: usize = 5;

/// How to start Anvil.
#[derive(Debug, Clone)]
pub struct AnvilOptions {
    /// The program.
    pub program: PathBuf,
    /// Seconds between blocks; `None` mines each transaction at once.
    pub block_time_s: Option<u64>,
    /// The port; `None` for a free one.
    pub port: Option<u16>,
}

impl AnvilOptions {
    /// One block a second on a free port.
    pub fn new(program: PathBuf) -> Self {
        Self {
            program,
            block_time_s: Some(1),
            port: None,
        }
    }

    /// Anvil where `VESTIARY_ANVIL` says, else where npm put it below `root`; `None` if it is in neither place.
    pub fn find(root: &Path) -> Option<Self> {
        let named = std::env::var_os("VESTIARY_ANVIL").map(PathBuf::from);
        let installed = root.join("contracts/node_modules/.bin/anvil");
        named
            .or_else(|| installed.exists().then_some(installed))
            .map(Self::new)
    }
}

/// A running node.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    port: u16,
}

impl Anvil {
    /// Starts it and waits until it listens. Finality follows two blocks behind the head
    /// (`--slots-in-an-epoch 1`), or nothing would ever become final.
    pub fn start(options: &AnvilOptions) -> Result<Self> {
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            let port = options.port.map_or_else(free_port, Ok)?;
            match Self::start_on(options, port) {
                Ok(anvil) => return Ok(anvil),
                Err(error) if options.port.is_some() => return Err(error),
                Err(error) => last = error.to_string(),
            }
        }
        Err(ChainError::Anvil(last))
    }

    fn start_on(options: &AnvilOptions, port: u16) -> Result<Self> {
        let mut command = Command::new(&options.program);
        command.args([
            "--port",
            &port.to_string(),
            "--host",
            "127.0.0.1",
            "--silent",
            "--slots-in-an-epoch",
            "1",
        ]);
        if let Some(seconds) = options.block_time_s {
            command.args(["--block-time", &seconds.to_string()]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| ChainError::Anvil(format!("{}: {error}", options.program.display())))?;
        let mut anvil = Self { child, port };
        let until = Instant::now() + START;
        while Instant::now() < until {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(anvil);
            }
            if let Ok(Some(status)) = anvil.child.try_wait() {
                let mut said = String::new();
                if let Some(mut stderr) = anvil.child.stderr.take() {
                    let _ = stderr.by_ref().take(2_000).read_to_string(&mut said);
                }
                return Err(ChainError::Anvil(format!("it ended with {status}: {said}")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(ChainError::Anvil(format!("it does not listen on port {port}")))
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        // Already dead is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Result<u16> {
    let listener =
        TcpListener::bind(("127.0.0.1", 0)).map_err(|error| ChainError::Anvil(error.to_string()))?;
    Ok(listener
        .local_addr()
        .map_err(|error| ChainError::Anvil(error.to_string()))?
        .port())
}
