//! Connections that are slow, half open, never read, or speak something that is not quite HTTP.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use vestiary_server::connections::Limits;
use vestiary_server::http::layers::MAX_REQUESTS_AT_ONCE;

use crate::support::actors::{Actor, Brand};
use crate::support::http::Client;
use crate::support::raw;
use crate::support::{TestLedger, eventually};

/// Limits short enough to wait for, and long enough to open hundreds of connections meanwhile.
const SHORT: Limits = Limits {
    max: 768,
    max_per_address: 256,
    header_timeout_s: 8,
    idle_timeout_s: 2,
    body_timeout_s: 8,
    upload_timeout_s: 20,
    write_timeout_s: 8,
};
/// The largest file there is.
const FILE_BYTES: usize = 32 * 1024 * 1024;
/// How much later than its limit a connection may end on a machine that is busy.
const SLACK: Duration = Duration::from_secs(20);

async fn start(limits: Limits) -> Option<TestLedger> {
    // Both ends of every connection are in this process. Where the limit cannot be raised it may be high enough.
    let _ = std::process::Command::new("prlimit")
        .args(["--nofile=8192:", "--pid", &std::process::id().to_string()])
        .output();
    TestLedger::start_with(|config| config.connections = limits).await
}

/// A binary glTF of so many bytes, nearly all of them zeros.
fn garment(bytes: usize) -> Vec<u8> {
    let document = br#"{"asset":{"version":"2.0"}} "#;
    let size = |bytes: usize| u32::try_from(bytes).unwrap().to_le_bytes();
    let head = [
        b"glTF".as_slice(),
        &2_u32.to_le_bytes(),
        &size(bytes),
        &size(document.len()),
        b"JSON",
        document,
    ];
    let mut file = head.concat();
    file.extend(size(bytes - file.len() - 8));
    file.extend(b"BIN\0");
    file.resize(bytes, 0);
    file
}

fn open(ledger: &TestLedger) -> usize {
    ledger.service().open_connections.load(Ordering::Acquire)
}

async fn wait_closed(ledger: &TestLedger) {
    eventually("every connection is closed", async || {
        (open(ledger) == 0).then_some(())
    })
    .await;
}

/// Connects from `127.0.0.<host>`.
async fn connect(ledger: &TestLedger, host: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, host], 0))).unwrap();
    socket
        .connect(ledger.client().address().parse().unwrap())
        .await
        .unwrap()
}

/// Reads to the end, however it comes; what came. A connection without an end is red, and not waited for.
async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = timeout(3 * SLACK, stream.read_to_end(&mut bytes))
        .await
        .expect("the service ends the connection");
    bytes
}

/// Asks as an ordinary client does, and says how long the longest answer took.
async fn ask_around(client: &Client, rounds: usize) -> Duration {
    let wallet = format!("/v1/wallets/{}/wearables", Actor::named("Ana").text());
    let mut longest = Duration::ZERO;
    for _ in 0..rounds {
        for path in ["/livez", "/v1/worlds", &wallet, "/log/checkpoint"] {
            let begun = Instant::now();
            assert_eq!(client.get(path).await.status, 200, "{path}");
            longest = longest.max(begun.elapsed());
        }
    }
    longest
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_slow_clients_keep_nobody_waiting_and_leave_nothing_behind() {
    let Some(ledger) = start(SHORT).await else { return };
    let mut slow = JoinSet::new();
    for number in 0..500_u32 {
        let mut stream = connect(&ledger, if number % 2 == 0 { 2 } else { 3 }).await;
        slow.spawn(async move {
            // A letter at a time, for ever; a third of them says nothing at all.
            let begun = Instant::now();
            let _ = stream
                .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-slow: ")
                .await;
            while number % 3 != 0 && stream.write_all(b"a").await.is_ok() && begun.elapsed() < 3 * SLACK {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            let answer = rest(&mut stream).await;
            (begun.elapsed(), answer)
        });
    }
    eventually("all 500 are connected", async || {
        (open(&ledger) >= 500).then_some(())
    })
    .await;
    let longest = ask_around(ledger.client(), 8).await;
    assert!(longest < Duration::from_secs(1), "an answer took {longest:?}");
    println!("ran: 500 slow clients, the longest of 32 answers beside them took {longest:?}");
    while let Some(ended) = slow.join_next().await {
        let (lived, answer) = ended.unwrap();
        assert!(
            lived < Duration::from_secs(SHORT.header_timeout_s) + SLACK,
            "{lived:?}"
        );
        assert_eq!(answer, b"", "nobody answers half a request");
    }
    wait_closed(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_request_is_waited_for_no_longer_than_its_limit() {
    let Some(ledger) = start(SHORT).await else { return };
    let half_bodies: [&[u8]; 4] = [
        b"content-length: 100\r\n\r\n{\"wearable\":",
        b"transfer-encoding: chunked\r\n\r\n5\r\n{\"wea",
        b"transfer-encoding: chunked\r\n\r\n5\r\n{\"wea\r\n",
        b"content-length: 100\r\nexpect: 100-continue\r\n\r\n",
    ];
    let mut waiting = JoinSet::new();
    for half in half_bodies {
        let mut stream = connect(&ledger, 1).await;
        let head = b"POST /v1/claims HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n".as_slice();
        stream.write_all(&[head, half].concat()).await.unwrap();
        waiting.spawn(async move {
            let begun = Instant::now();
            let bytes = rest(&mut stream).await;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let text = text
                .strip_prefix("HTTP/1.1 100 Continue\r\n\r\n")
                .unwrap_or(&text);
            let reply = raw::parse(text.as_bytes()).unwrap_or_else(|| panic!("no answer: {text:?}"));
            assert_eq!(reply.outcome(), "408 request_timeout", "{text}");
            assert!(begun.elapsed() < Duration::from_secs(SHORT.body_timeout_s) + SLACK);
        });
    }
    // Who has asked and got an answer may stay a while, not for ever.
    let mut idle = connect(&ledger, 1).await;
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    waiting.spawn(async move {
        let begun = Instant::now();
        let answer = rest(&mut idle).await;
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        let lived = begun.elapsed();
        assert!(lived >= Duration::from_secs(SHORT.idle_timeout_s), "{lived:?}");
        assert!(
            lived < Duration::from_secs(SHORT.idle_timeout_s) + SLACK,
            "{lived:?}"
        );
    });
    // And who dies in the middle is gone at once.
    for half in half_bodies {
        let mut stream = connect(&ledger, 1).await;
        stream
            .write_all(&[b"POST /v1/claims HTTP/1.1\r\n", half].concat())
            .await
            .unwrap();
        stream.set_zero_linger().unwrap();
    }
    while let Some(ended) = waiting.join_next().await {
        ended.unwrap();
    }
    wait_closed(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_never_read_are_let_go_and_hold_nobody_up() {
    let Some(ledger) = start(SHORT).await else { return };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let file = brand
        .client(&ledger)
        .upload(garment(FILE_BYTES))
        .await
        .expect(201);
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: x\r\n\r\n",
        file["url"].as_str().unwrap()
    );
    let mut readers = Vec::new();
    for _ in 0..40 {
        let mut stream = connect(&ledger, 2).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        readers.push(stream);
    }
    eventually("all are connected", async || (open(&ledger) >= 40).then_some(())).await;
    let longest = ask_around(ledger.client(), 4).await;
    assert!(longest < Duration::from_secs(1), "an answer took {longest:?}");
    // Not one of them has read a byte, and all are gone.
    wait_closed(&ledger).await;
    let cut = rest(&mut readers[0]).await;
    assert!(cut.len() < FILE_BYTES, "{} bytes", cut.len());
    let whole = ledger.client().get(file["url"].as_str().unwrap()).await;
    assert_eq!((whole.status, whole.body.len()), (200, FILE_BYTES));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_can_be_served_is_told_to_come_back() {
    let Some(ledger) = start(Limits {
        max: 700,
        max_per_address: 250,
        ..SHORT
    })
    .await
    else {
        return;
    };
    // One address has its places and no more.
    let mut held = Vec::new();
    for _ in 0..250 {
        held.push(connect(&ledger, 4).await);
    }
    eventually("all are connected", async || (open(&ledger) >= 250).then_some(())).await;
    let mut beyond = connect(&ledger, 4).await;
    let reply = raw::read(&mut beyond).await.unwrap();
    assert_eq!(reply.outcome(), "503 overloaded");
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(
        ledger.client().get("/livez").await.status,
        200,
        "another address has its own"
    );
    drop(held);
    wait_closed(&ledger).await;

    // Every request that can be served at once is being served, as slowly as may be.
    let mut slow = Vec::new();
    for number in 0..MAX_REQUESTS_AT_ONCE {
        let mut stream = connect(&ledger, [2, 3, 4][number % 3]).await;
        let head = b"POST /v1/claims HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{";
        stream.write_all(head).await.unwrap();
        slow.push(stream);
    }
    let shed = eventually("one more is told to come back", async || {
        let reply = ledger.client().get("/livez").await;
        (reply.status != 200).then_some(reply)
    })
    .await;
    assert_eq!(shed.outcome(), "503 overloaded");
    assert_eq!(shed.header("retry-after"), "1");
    for stream in &mut slow {
        let answer = rest(stream).await;
        assert!(
            answer.starts_with(b"HTTP/1.1 408 "),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    assert_eq!(ledger.client().get("/livez").await.status, 200);
    wait_closed(&ledger).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_quite_http_is_refused_and_the_connection_ends() {
    let Some(ledger) = start(SHORT).await else { return };
    let address = ledger.client().address();
    let post = |lines: &str, body: &str| {
        format!(
            "POST /v1/claims HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{lines}\r\n\r\n{body}"
        )
    };
    let second = "GET /v1/worlds HTTP/1.1\r\nhost: x\r\n\r\n";
    // (what, bytes, the status of the only answer)
    let cases: Vec<(&str, Vec<u8>, u16)> = vec![
        (
            "two lengths",
            post("content-length: 2\r\ncontent-length: 5", "{}").into(),
            400,
        ),
        (
            "a length with a list",
            post("content-length: 2, 5", "{}").into(),
            400,
        ),
        (
            "a length with a sign",
            post("content-length: +2", "{}").into(),
            400,
        ),
        ("a negative length", post("content-length: -2", "{}").into(), 400),
        (
            "a length in hexadecimal",
            post("content-length: 0x2", "{}").into(),
            400,
        ),
        (
            "a length beyond every number",
            post("content-length: 99999999999999999999", "").into(),
            400,
        ),
        (
            "an oversized length",
            post("content-length: 9999999999", "").into(),
            413,
        ),
        (
            "an oversized length that waits for a go",
            post("content-length: 9999999999\r\nexpect: 100-continue", "").into(),
            413,
        ),
        (
            "an unknown coding",
            post("transfer-encoding: gzip", "").into(),
            400,
        ),
        (
            "chunked, but not last",
            post("transfer-encoding: chunked, identity", "0\r\n\r\n").into(),
            400,
        ),
        (
            "a length and chunks, and a request in the body",
            post(
                "content-length: 4\r\ntransfer-encoding: chunked",
                &format!("0\r\n\r\n{second}"),
            )
            .into(),
            400,
        ),
        (
            "chunks and a length, and a request in the body",
            post(
                "transfer-encoding: chunked\r\ncontent-length: 4",
                &format!("0\r\n\r\n{second}"),
            )
            .into(),
            400,
        ),
        (
            "a chunk of no size",
            post("transfer-encoding: chunked", "zz\r\n{}\r\n0\r\n\r\n").into(),
            400,
        ),
        (
            "a chunk beyond every number",
            post("transfer-encoding: chunked", "fffffffffffffffff\r\n").into(),
            400,
        ),
        (
            "a space before the colon",
            post("content-length : 2", "{}").into(),
            400,
        ),
        (
            "a folded line",
            post("x-a: 1\r\n  folded: 2\r\ncontent-length: 2", "{}").into(),
            400,
        ),
        (
            "a null byte in a header",
            b"GET /livez HTTP/1.1\r\nhost: x\r\nx-a: \0\r\n\r\n".to_vec(),
            400,
        ),
        (
            "a null byte in the path",
            b"GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            400,
        ),
        (
            "a version that is none",
            b"GET /livez HTTP/9.9\r\nhost: x\r\n\r\n".to_vec(),
            400,
        ),
        (
            "HTTP/2 without a word before",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            0,
        ),
        (
            "a TLS greeting",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(8),
            400,
        ),
        (
            "a header bomb",
            [
                b"GET /livez HTTP/1.1\r\n".to_vec(),
                b"a: b\r\n".repeat(10_000),
                b"\r\n".to_vec(),
            ]
            .concat(),
            431,
        ),
        (
            "a header of a megabyte",
            [b"GET /livez HTTP/1.1\r\na: ".to_vec(), vec![b'b'; 1 << 20]].concat(),
            431,
        ),
        (
            "a path of a megabyte",
            [b"GET /".to_vec(), vec![b'b'; 1 << 20]].concat(),
            431,
        ),
    ];
    for (what, bytes, status) in cases {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let _ = stream.write_all(&bytes).await;
        let answer = rest(&mut stream).await;
        let text = String::from_utf8_lossy(&answer);
        // Refused with bytes unread, an answer may be lost to the reset; then it was refused all the same.
        if text.is_empty() {
            assert!(matches!(status, 0 | 431), "{what}: no answer");
        } else {
            let found = text.split(' ').nth(1).and_then(|code| code.parse::<u16>().ok());
            let expected = found == Some(status) || (status == 431 && matches!(found, Some(400 | 414)));
            assert!(expected, "{what}: {text}");
            assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{what}: {text}");
        }
        assert!(
            begun.elapsed() < Duration::from_secs(SHORT.header_timeout_s),
            "{what}"
        );
    }
    // Garbage behind a good request: the good one is answered, the rest is not.
    let pipelined = [second.as_bytes(), b"\x00\xff\r\n\r\n", second.as_bytes()].concat();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(&pipelined).await.unwrap();
    let answer = rest(&mut stream).await;
    let text = String::from_utf8_lossy(&answer);
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    assert_eq!(text.matches("HTTP/1.1 200 ").count(), 1, "{text}");
    assert_eq!(text.matches("HTTP/1.1 400 ").count(), 1, "{text}");
    // Good requests, many at once on one connection, are each answered in turn.
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(second.repeat(50).as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    let text = String::from_utf8_lossy(&answer);
    assert_eq!(text.matches("HTTP/1.1 200 ").count(), 50);
    wait_closed(&ledger).await;
}
