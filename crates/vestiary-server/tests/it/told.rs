//! What the executable says where nobody takes it: a full disk, a reader that has gone.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::simulated::SimGround;
use crate::support::{Ground, PASSPHRASE, stage};

/// Longest wait for a process.
const PATIENCE: Duration = Duration::from_mins(1);
/// More than a service has open that nobody calls, and less than it may have connections.
const DESCRIPTORS: usize = 240;
/// Connections after which a node that answers nothing was certainly asked twice.
const LOOKS: u32 = 5;

/// `vestiary` in an environment that says nothing of its own.
fn vestiary(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vestiary"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VESTIARY_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A file that takes nothing: every write meets a full disk.
fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// A pipe whose reader has gone.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn run(command: &mut Command) -> (i32, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    (status.code().unwrap(), said)
}

/// `verify` of a certificate that is accepted, or of one that is not.
fn verify(certificate: &str) -> Command {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certificates");
    let mut command = vestiary(&["verify", "--proof"]);
    command
        .arg(dir.join("valid_limited_edition.tlog-proof"))
        .arg("--roots")
        .arg(dir.join("roots.toml"))
        .arg(dir.join(certificate));
    command
}

/// Answers one request with this body.
fn answers_once(body: &Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = body.to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_request(&mut stream);
        let head = format!(
            "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
    });
    url
}

/// Reads head and body.
fn read_request(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            assert!(read > 0, "{text}");
            continue;
        };
        let length = head.split("content-length: ").nth(1);
        let length = length.and_then(|rest| rest.split("\r\n").next());
        if read == 0 || body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return;
        }
    }
}

#[test]
fn an_api_key_that_nobody_could_read_is_a_named_failure() {
    for (name, stdout) in [("a full disk", Stdio::from(full())), ("a closed pipe", closed())] {
        let made = json!({ "id": "k1", "key": "vst_k1_nobodyreadsit", "scopes": ["world"] });
        let url = answers_once(&made);
        let (status, said) = run(
            vestiary(&["--json", "api-key", "new", "--label", "x", "--scope", "world"])
                .args(["--api", &url])
                .env("VESTIARY_API_KEY", "vst_admin")
                .stdout(stdout),
        );
        assert_eq!(status, 1, "{name}: {said}");
        let problem: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(problem["code"], "output_failed", "{name}");
        assert_eq!(problem["exit_status"], 1, "{name}");
        let remedy = problem["remedy"].as_str().unwrap();
        assert!(
            remedy.contains("k1") && remedy.contains("--out"),
            "{name}: {remedy}"
        );
        assert!(!said.contains("nobodyreadsit"), "{name}: {said}");
    }
}

#[test]
fn an_answer_that_a_full_disk_does_not_take_is_a_named_failure() {
    for json in [&[][..], &["--json"]] {
        let (status, said) = run(verify("valid_limited_edition.json").args(json).stdout(full()));
        assert_eq!(status, 1, "{said}");
        assert!(
            said.contains("output_failed") && !said.contains("panicked"),
            "{said}"
        );
    }
    let (status, said) = run(vestiary(&["--help"]).stdout(full()));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("output_failed"), "{said}");
}

#[test]
fn a_reader_that_goes_away_changes_no_exit_status() {
    for (certificate, right) in [("valid_limited_edition.json", 0), ("altered_terms.json", 3)] {
        let (status, said) = run(verify(certificate).stdout(closed()));
        assert_eq!((status, said.as_str()), (right, ""), "{certificate}");
    }
    assert_eq!(run(vestiary(&["--help"]).stdout(closed())), (0, String::new()));
    // Nobody hears of the failure; the status still tells.
    for stderr in [closed(), Stdio::from(full())] {
        let mut command = vestiary(&["verify", "/nowhere/certificate.json"]);
        let status = command.stderr(stderr).status().unwrap();
        assert_eq!(status.code(), Some(1));
    }
}

#[test]
fn a_service_whose_log_lines_nobody_takes_goes_on() {
    let ground = SimGround::lay(stage::open(8));
    let data = ground.data_dir();
    let home = data.parent().unwrap();
    let node = TcpListener::bind("127.0.0.1:0").unwrap();
    node.set_nonblocking(true).unwrap();
    let config = format!(
        "[service]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://ledger.example\"\ndata_dir = \"{data}\"\n\
         [chain]\nrpc_url = \"http://{node}\"\ndeployment = \"{home}/deployment.json\"\n\
         [log]\norigin = \"log.example/told\"\n",
        data = data.display(),
        home = home.display(),
        node = node.local_addr().unwrap(),
    );
    let path = home.join("told.toml");
    std::fs::write(&path, config).unwrap();
    let mut child = vestiary(&["serve", "--stop-with-stdin", "--config"])
        .arg(&path)
        .env("VESTIARY_PASSPHRASE", PASSPHRASE)
        .stdin(Stdio::piped())
        .stderr(full())
        .spawn()
        .unwrap();
    // A node that hangs up: after each look at it a line is written.
    let until = Instant::now() + PATIENCE;
    let mut looks = 0;
    while looks < LOOKS {
        match node.accept() {
            Ok(_) => looks += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(error) => panic!("{error}"),
        }
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended after {looks} looks: {ended:?}");
        assert!(Instant::now() < until, "{looks} looks");
    }
    drop(child.stdin.take());
    assert_eq!(ends(&mut child), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_file_descriptors_says_so_and_serves_again_when_there_are_some() {
    let Some(ground) = Ground::lay().await else { return };
    let limited = format!("ulimit -n {DESCRIPTORS} && exec \"$0\" \"$@\"");
    let mut child = Command::new("sh")
        .args(["-c", &limited, env!("CARGO_BIN_EXE_vestiary")])
        .args(["serve", "--stop-with-stdin", "--config"])
        .arg(ground.dir.path().join("vestiary.toml"))
        .env("VESTIARY_PASSPHRASE", PASSPHRASE)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut line_with = |word: &str| {
        let mut said = lines.by_ref().map(Result::unwrap);
        said.find(|line| line.contains(word))
            .unwrap_or_else(|| panic!("it ended without {word}"))
    };
    let listening = line_with("listening");
    let address = listening.split("listen").last().unwrap();
    let address = address.trim_matches(|char: char| !char.is_ascii_digit());
    let callers: Vec<TcpStream> = (0..DESCRIPTORS)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    line_with("no connection can be accepted");
    drop(callers);
    let mut caller = TcpStream::connect(address).unwrap();
    caller.set_read_timeout(Some(PATIENCE)).unwrap();
    caller
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut metrics = String::new();
    caller.read_to_string(&mut metrics).unwrap();
    let counted = metrics
        .lines()
        .find_map(|line| line.strip_prefix("vestiary_http_accept_errors_total "));
    assert!(counted.unwrap().parse::<u64>().unwrap() > 0, "{metrics}");
    drop(child.stdin.take());
    // What it still says is read, or it would wait for a reader.
    let said = std::thread::spawn(move || lines.map_while(Result::ok).count());
    assert_eq!(ends(&mut child), Some(0));
    said.join().unwrap();
}

fn ends(child: &mut Child) -> Option<i32> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < until, "it does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}
