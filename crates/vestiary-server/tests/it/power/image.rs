//! A disk whose power can go: an ext4 image inside a btrfs image, each on a loop device.
//!
//! What a program wrote and did not sync is in the kernel's memory and not in the ext4 image. A copy of the image that
//! shares its blocks (btrfs makes one at once) is therefore what a machine finds on its disk after a power cut at
//! that moment; mounting it replays the file system's journal as a start does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http::Client;
use crate::support::{PASSPHRASE, TestLedger};

/// Directories of these tests begin so, with the number of the process after it.
const PREFIX: &str = "vestiary-power-";
/// Size of the outer and of the inner image, in bytes; both are sparse.
const OUTER_BYTES: u64 = 2 << 30;
const INNER_BYTES: u64 = 384 << 20;

/// So many looks in a row, a tenth of a second apart, must find the same for a service to be still.
const STILL_LOOKS: u32 = 15;

/// Runs a program of the system.
fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let ran = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    let ran = ran.map_err(|error| format!("{program}: {error}"))?;
    if ran.status.success() {
        return Ok(());
    }
    Err(format!(
        "{program} {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&ran.stderr).trim()
    ))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A machine with such a disk. Unmounts and removes everything when dropped.
#[derive(Debug)]
pub(super) struct Machine {
    home: PathBuf,
    /// Which copy of the inner image is mounted.
    image: u64,
}

impl Machine {
    /// Makes and mounts the images; the error says what this machine lacks.
    pub(super) fn start() -> Result<Self, String> {
        sweep();
        if !Path::new("/dev/loop-control").exists() {
            return Err("no loop devices".to_owned());
        }
        let home = std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id()));
        let machine = Self { home, image: 0 };
        for dir in [machine.outer(), machine.inner()] {
            fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
        }
        let outer_image = machine.home.join("outer.img");
        make_image(&outer_image, OUTER_BYTES)?;
        run("mkfs.btrfs", &["-q", text(&outer_image)])?;
        run(
            "mount",
            &["-o", "loop", text(&outer_image), text(&machine.outer())],
        )?;
        make_image(&machine.inner_image(), INNER_BYTES)?;
        run("mkfs.ext4", &["-q", "-F", text(&machine.inner_image())])?;
        machine.mount()?;
        Ok(machine)
    }

    fn outer(&self) -> PathBuf {
        self.home.join("outer")
    }

    fn inner(&self) -> PathBuf {
        self.home.join("inner")
    }

    fn inner_image(&self) -> PathBuf {
        self.outer().join(format!("{}.img", self.image))
    }

    fn mount(&self) -> Result<(), String> {
        run(
            "mount",
            &[
                "-o",
                "loop,noatime",
                text(&self.inner_image()),
                text(&self.inner()),
            ],
        )
    }

    /// The service's configuration on this machine.
    pub(super) fn config(&self) -> PathBuf {
        self.home.join("vestiary.toml")
    }

    /// Moves a stopped service here.
    pub(super) fn install(&self, ledger: &TestLedger) {
        let home = ledger.ground.dir.path();
        run("cp", &["-a", text(&home.join("data")), text(&self.inner())]).unwrap();
        run("sync", &["-f", text(&self.inner())]).unwrap();
        let config = fs::read_to_string(home.join("vestiary.toml")).unwrap();
        let (there, here) = (home.join("data"), self.inner().join("data"));
        let config = config.replace(
            &format!("data_dir = \"{}\"", text(&there)),
            &format!("data_dir = \"{}\"", text(&here)),
        );
        fs::write(self.config(), config).unwrap();
    }

    /// The power goes while the service runs, and comes back.
    pub(super) fn cut(&mut self, mut service: Service) {
        let old = self.inner_image();
        // Nothing is acknowledged or sent any more: what follows is the disk at this moment.
        run("kill", &["-STOP", &service.child.id().to_string()]).unwrap();
        self.image += 1;
        run("cp", &["--reflink=always", text(&old), text(&self.inner_image())]).unwrap();
        service.child.kill().unwrap();
        service.child.wait().unwrap();
        run("umount", &[text(&self.inner())]).unwrap();
        fs::remove_file(old).unwrap();
        self.mount().unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        clear(&self.home);
    }
}

fn make_image(path: &Path, bytes: u64) -> Result<(), String> {
    let file = fs::File::create(path).map_err(|error| error.to_string())?;
    file.set_len(bytes).map_err(|error| error.to_string())
}

/// Unmounts and removes what a machine left; loop devices go with their mounts.
fn clear(home: &Path) {
    for mount in ["inner", "outer"] {
        let mount = home.join(mount);
        let is_mounted = || {
            fs::read_to_string("/proc/mounts")
                .is_ok_and(|mounts| mounts.contains(&format!(" {} ", text(&mount))))
        };
        for _ in 0..50 {
            if !is_mounted() || run("umount", &[text(&mount)]).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    let _ = fs::remove_dir_all(home);
}

/// Removes what processes left that were killed.
fn sweep() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        let process = name
            .strip_prefix(PREFIX)
            .and_then(|process| process.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            clear(&entry.path());
        }
    }
}

/// The executable at work on the machine.
#[derive(Debug)]
pub(super) struct Service {
    child: Child,
    pub(super) url: String,
    stderr: PathBuf,
}

impl Service {
    /// Starts it and waits until it answers: nobody helps.
    pub(super) async fn start(machine: &Machine) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let config = fs::read_to_string(machine.config()).unwrap();
        let running = machine.home.join("running.toml");
        fs::write(
            &running,
            config.replace("127.0.0.1:0", &format!("127.0.0.1:{port}")),
        )
        .unwrap();
        let stderr = machine.home.join("stderr");
        let child = Command::new(env!("CARGO_BIN_EXE_vestiary"))
            .args(["serve", "--config"])
            .arg(&running)
            .env("VESTIARY_PASSPHRASE", PASSPHRASE)
            .env_remove("VESTIARY_RPC_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&stderr).unwrap())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut service = Self { child, url, stderr };
        let until = Instant::now() + Duration::from_mins(1);
        while service.ask("/livez").await.is_none() {
            assert_eq!(
                service.child.try_wait().unwrap(),
                None,
                "it did not start again: {}",
                service.said()
            );
            assert!(Instant::now() < until, "it does not start: {}", service.said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        service
    }

    async fn ask(&self, path: &str) -> Option<Value> {
        let client = Client::new(self.url.clone(), String::new());
        let reply = Client::try_send(client.request(reqwest::Method::GET, path)).await?;
        Some(serde_json::from_slice(&reply.body).unwrap_or_default())
    }

    /// Waits until it follows the chain and its mirror has the whole log.
    pub(super) async fn wait_ready(&self) {
        let until = Instant::now() + Duration::from_mins(1);
        loop {
            let readiness = self.ask("/readyz").await.unwrap_or_default();
            if readiness["ready"] == true && readiness["log_size"] == readiness["mirror_log_size"] {
                return;
            }
            assert!(Instant::now() < until, "never ready: {readiness} {}", self.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until it is ready, and nothing that it has ordered changes the chain or the log any more.
    pub(super) async fn wait_still(&self) {
        self.wait_ready().await;
        let until = Instant::now() + Duration::from_mins(1);
        let (mut before, mut same) = (Value::Null, 0);
        while same < STILL_LOOKS {
            let now = self.ask("/readyz").await.unwrap_or_default();
            let lanes = now["lanes"].as_array().into_iter().flatten();
            let idle = lanes
                .clone()
                .all(|lane| lane["waiting"] == 0 && lane["in_flight"] == 0);
            let places = json!([now["block"], now["log_size"], now["mirror_log_size"]]);
            same = if idle && places == before { same + 1 } else { 0 };
            before = places;
            assert!(Instant::now() < until, "never still: {now} {}", self.said());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What it wrote on standard error.
    pub(super) fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// Stops it as an operator does.
    pub(super) fn stop(mut self) {
        run("kill", &["-TERM", &self.child.id().to_string()]).unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
