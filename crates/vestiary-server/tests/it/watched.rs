//! Who watches the service: it is told when nobody looks after something any more, and does no harm by asking.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use vestiary_log::Disk;
use vestiary_log::seams::{Clock, SystemClock};
use vestiary_server::serve;

use crate::support::simulated::SimGround;
use crate::support::{eventually, stage};

/// A clock that breaks whoever asks it, once it is broken.
#[derive(Debug, Default)]
struct BreakingClock(AtomicBool);

impl Clock for BreakingClock {
    fn now_unix_ms(&self) -> u64 {
        assert!(!self.0.load(Ordering::SeqCst), "a fault of ours");
        SystemClock.now_unix_ms()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_ends_the_service_with_its_name() {
    let chain = stage::open(8);
    chain.mine_blocks(4);
    let clock = Arc::new(BreakingClock::default());
    let ground = SimGround::lay(chain.clone());
    let served = ground
        .serve_on(Arc::new(Disk), Arc::clone(&clock) as Arc<dyn Clock>)
        .await;
    served.settle(&chain).await;
    // The follower asks for the time of the next head.
    clock.0.store(true, Ordering::SeqCst);
    chain.mine();
    let said = served.wait_ended().await.unwrap_err().to_string();
    assert!(
        said.starts_with("worker `follower` ended: ") && said.contains("a fault of ours"),
        "{said}"
    );
}

/// Asks, without waiting for the answer.
fn asked(address: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// The status, or "" if none came in time.
fn status(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut line = [0; 12];
    match stream.read_exact(&mut line) {
        Ok(()) => String::from_utf8_lossy(&line).into_owned(),
        Err(_) => String::new(),
    }
}

#[test]
fn probes_are_answered_while_the_journal_waits_for_its_disk() {
    const THREADS: usize = 2;
    // Not the runtime of whoever asks: the service's threads must be all that can be taken.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .unwrap();
    let chain = stage::open(8);
    chain.mine_blocks(4);
    let ground = SimGround::lay(chain.clone());
    let served = runtime.block_on(async {
        let served = ground.serve().await;
        served.settle(&chain).await;
        served
    });
    let address = served.client.address();
    let service = Arc::clone(&served.service);
    let (begun, has_begun) = mpsc::channel();
    let (done, is_done) = mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        // The journal's writer, as long as it takes.
        service.ledger.command(|_| {
            begun.send(()).unwrap();
            let _ = is_done.recv();
            Ok(Vec::new())
        })
    });
    has_begun.recv().unwrap();
    let probes: Vec<TcpStream> = (0..=THREADS).map(|_| asked(&address, "/readyz")).collect();
    // They are being served, as far as they are.
    std::thread::sleep(Duration::from_millis(300));
    let alive = status(asked(&address, "/livez"));
    let ready: Vec<String> = probes.into_iter().map(status).collect();
    drop(done);
    writer.join().unwrap().unwrap();
    runtime.block_on(served.stop());
    assert_eq!(alive, "HTTP/1.1 200", "whoever watches restarts the service now");
    assert_eq!(ready, vec!["HTTP/1.1 200"; THREADS + 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_are_taken_in_though_nobody_asks_for_metrics() {
    const NOBODY: &str = "/a-route-that-nobody-asks";
    let chain = stage::open(8);
    chain.mine_blocks(4);
    let ground = SimGround::lay(chain.clone());
    let served = ground.serve().await;
    metrics::histogram!("vestiary_http_request_seconds", "route" => NOBODY).record(0.1);
    let handle = serve::metrics_handle().unwrap();
    eventually("the samples are summed up", async || {
        // What the recorder has made of samples; before that it keeps each of them.
        let all = format!("{handle:?}");
        let (_, taken_in) = all.split_once("distributions: ").unwrap();
        taken_in.contains(NOBODY).then_some(())
    })
    .await;
    served.stop().await;
}
