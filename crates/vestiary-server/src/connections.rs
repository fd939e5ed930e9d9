//! Connections: how many, from whom, and how long each may take.
//!
//! The accept loop stands here because `axum::serve` waits for ever for a header that never ends and for a reader
//! that never reads. Each limit has a name in [`Limits`], which the configuration can set under `[connections]`:
//!
//! | who | what happens |
//! |---|---|
//! | sends its head byte by byte, or not at all | closed after `header_timeout_s` |
//! | keeps a connection open and asks nothing | closed after `idle_timeout_s` |
//! | announces a body and does not send it | 408 `request_timeout` after `body_timeout_s` (see [`crate::http::extract`]) |
//! | asks for a file and reads it too slowly | closed when less than [`MIN_WRITE_PROGRESS_BYTES`] moved in `write_timeout_s` |
//! | opens more connections than there are places | 503 `overloaded` with `Retry-After`, then closed |
//!
//! HTTP/1.1 only: HTTP/2 ends at the proxy that does TLS. What is not HTTP at all is answered by hyper with a bare 400,
//! or 431 beyond [`MAX_HEAD_BYTES`], and closed.

mod stream;

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::error::{ApiError, Code};
use stream::{Served, Serving, Watched};

/// Most header fields that are read at all; [`crate::http::layers`] refuses fewer with a problem.
pub const MAX_HEAD_FIELDS: usize = 256;
/// Longest request line and header fields that are read at all, in bytes.
pub const MAX_HEAD_BYTES: usize = 128 * 1024;
/// Read and write buffer of one connection, in bytes. Holds a whole head.
const BUFFER_BYTES: usize = 2 * MAX_HEAD_BYTES;
/// What must move towards a reader within `write_timeout_s` while there is something to send, in bytes.
pub const MIN_WRITE_PROGRESS_BYTES: usize = 4 * 1024;
/// Connections that are being told to come back; beyond that they are closed without a word.
const MAX_TURNED_AWAY_AT_ONCE: usize = 64;
/// How long a turned away caller may take to read why.
const TURNING_AWAY: Duration = Duration::from_secs(1);
/// Pause after the system gave no connection, for instance because all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// At most one line in the log within this time says that connections are turned away.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// What one connection, and all of them together, may take.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Open connections at most. With files and sockets of its own the service needs about 200 file descriptors
    /// beside them. Default: 768.
    pub max: usize,
    /// Open connections of one address (of one /64 in IPv6); less than the requests that are served at once, so that
    /// one caller cannot keep the others out. A proxy in front counts as one address. Default: 256.
    pub max_per_address: usize,
    /// Longest time from the first byte of a request until its head is complete, in seconds; also until the first
    /// byte of a new connection. Default: 10.
    pub header_timeout_s: u64,
    /// Longest time between two requests on one connection, in seconds. Default: 75.
    pub idle_timeout_s: u64,
    /// Longest time for the body of an ordinary request, and longest pause within an upload, in seconds. Below 30.
    /// Default: 20.
    pub body_timeout_s: u64,
    /// Longest time for a whole upload, in seconds. Default: 300.
    pub upload_timeout_s: u64,
    /// Longest time in which a reader may take less than 4 KiB of what is being sent, in seconds. Default: 30.
    pub write_timeout_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max: 768,
            max_per_address: 256,
            header_timeout_s: 10,
            idle_timeout_s: 75,
            body_timeout_s: 20,
            upload_timeout_s: 300,
            write_timeout_s: 30,
        }
    }
}

impl Limits {
    /// Refuses what would shut everybody out, or nobody.
    pub fn check(&self) -> Result<(), String> {
        let places = [("max", self.max), ("max_per_address", self.max_per_address)];
        let seconds = [
            ("header_timeout_s", self.header_timeout_s, LONGEST_TIMEOUT_S),
            ("idle_timeout_s", self.idle_timeout_s, LONGEST_TIMEOUT_S),
            ("body_timeout_s", self.body_timeout_s, LONGEST_BODY_TIMEOUT_S),
            ("upload_timeout_s", self.upload_timeout_s, LONGEST_TIMEOUT_S),
            ("write_timeout_s", self.write_timeout_s, LONGEST_TIMEOUT_S),
        ];
        for (name, value) in places {
            if value == 0 {
                return Err(format!("connections.{name} is 0; nobody could connect"));
            }
        }
        for (name, value, longest) in seconds {
            if value == 0 || value > longest {
                return Err(format!(
                    "connections.{name} is {value}; it goes from 1 to {longest} seconds"
                ));
            }
        }
        Ok(())
    }
}

/// Longest time that can be set, in seconds.
const LONGEST_TIMEOUT_S: u64 = 3_600;
/// Longest `body_timeout_s`, below [`crate::http::layers::REQUEST_DEADLINE`].
const LONGEST_BODY_TIMEOUT_S: u64 = 29;

/// Accepts and serves until `stop`, then lets what was begun end; dropped, it breaks everything off.
///
/// `count` is how many connections are open.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    count: Arc<AtomicUsize>,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Places::new(limits, count));
    let (stopper, stopping) = watch::channel(false);
    let mut open = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = open.join_next() => continue,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => match Places::take(&places, peer) {
                Ok(place) => {
                    let (router, stopping) = (router.clone(), stopping.clone());
                    open.spawn(async move {
                        connection(stream, router, limits, stopping).await;
                        drop(place);
                    });
                }
                Err(reason) => places.refuse(stream, reason),
            },
            // The caller was gone before it was accepted; nothing to do about it.
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::ConnectionAborted | std::io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                metrics::counter!("vestiary_http_accept_errors_total").increment(1);
                tracing::error!(%error, "no connection can be accepted; are there enough file descriptors?");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stopper.send_replace(true);
    while open.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, router: Router, limits: Limits, mut stopping: watch::Receiver<bool>) {
    // Small answers must not wait for an acknowledgement; where that cannot be set, they do.
    let _ = stream.set_nodelay(true);
    let serving = Serving::default();
    let io = TokioIo::new(Watched::new(stream, &limits, serving.clone()));
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let busy = serving.begin();
        let router = router.clone();
        async move {
            let Ok(response) = router.oneshot(request.map(Body::new)).await;
            Ok::<_, Infallible>(response.map(|body| Served::new(body, busy)))
        }
    });
    let mut connection = pin!(
        http1::Builder::new()
            // Time is kept by the stream, which tells a slow head from an idle connection.
            .header_read_timeout(None)
            .max_headers(MAX_HEAD_FIELDS)
            .max_header_size(MAX_HEAD_BYTES)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(io, service)
    );
    // The value that `wait_for` lends is given back at once: held over the wait below, nothing could spawn this.
    let stop_asked = async { drop(stopping.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop_asked => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

/// Who has how many places.
#[derive(Debug)]
struct Places {
    limits: Limits,
    taken: Mutex<Taken>,
    count: Arc<AtomicUsize>,
    turning_away: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct Taken {
    by_address: HashMap<IpAddr, usize>,
    warned: Option<Instant>,
}

/// One connection's place; dropped, it is free.
#[derive(Debug)]
struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    fn new(limits: Limits, count: Arc<AtomicUsize>) -> Self {
        metrics::gauge!("vestiary_http_connections").increment(0.0);
        Self {
            limits,
            taken: Mutex::default(),
            count,
            turning_away: Arc::new(Semaphore::new(MAX_TURNED_AWAY_AT_ONCE)),
        }
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Taken> {
        // Nothing panics while it is held; and numbers are numbers.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a caller, or why there is none: `all` or `address`.
    fn take(places: &Arc<Self>, peer: SocketAddr) -> Result<Place, &'static str> {
        let address = caller(peer.ip());
        let mut taken = places.taken();
        if places.count.load(Ordering::Acquire) >= places.limits.max {
            return Err("all");
        }
        let of_address = taken.by_address.get(&address).copied().unwrap_or(0);
        if of_address >= places.limits.max_per_address {
            return Err("address");
        }
        taken.by_address.insert(address, of_address + 1);
        places.count.fetch_add(1, Ordering::AcqRel);
        metrics::gauge!("vestiary_http_connections").increment(1.0);
        drop(taken);
        Ok(Place {
            places: Arc::clone(places),
            address,
        })
    }

    /// Tells a caller to come back, and closes.
    fn refuse(&self, stream: TcpStream, reason: &'static str) {
        metrics::counter!("vestiary_http_connections_refused_total", "reason" => reason).increment(1);
        let now = Instant::now();
        let mut taken = self.taken();
        if taken
            .warned
            .is_none_or(|warned| now.duration_since(warned) >= WARN_EVERY)
        {
            taken.warned = Some(now);
            let open = self.count.load(Ordering::Acquire);
            tracing::warn!(open, reason, "connections are turned away");
        }
        drop(taken);
        if let Ok(permit) = Arc::clone(&self.turning_away).try_acquire_owned() {
            tokio::spawn(async move {
                let _ = tokio::time::timeout(TURNING_AWAY, turn_away(stream)).await;
                drop(permit);
            });
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        self.places.count.fetch_sub(1, Ordering::AcqRel);
        if let Some(count) = taken.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.by_address.remove(&self.address);
            }
        }
        metrics::gauge!("vestiary_http_connections").decrement(1.0);
    }
}

/// What counts as one caller: an IPv4 address, or the network of an IPv6 one, of which a caller has all.
fn caller(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        four @ IpAddr::V4(_) => four,
    }
}

async fn turn_away(mut stream: TcpStream) -> std::io::Result<()> {
    let problem = ApiError::new(
        Code::Overloaded,
        "too many connections are open; try again in a second",
    );
    let body = problem.problem_bytes();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         retry-after: 1\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), &body].concat()).await?;
    stream.shutdown().await?;
    // Closed with bytes unread, the answer would be thrown away on the other side.
    let mut unread = [0; 4_096];
    while stream.read(&mut unread).await? != 0 {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(max: usize, max_per_address: usize) -> Arc<Places> {
        let limits = Limits {
            max,
            max_per_address,
            ..Limits::default()
        };
        Arc::new(Places::new(limits, Arc::default()))
    }

    #[test]
    fn one_address_cannot_take_every_place_and_a_place_comes_back() {
        let places = places(3, 2);
        let peer = |text: &str| text.parse::<SocketAddr>().unwrap();
        let first = Places::take(&places, peer("192.0.2.1:1")).unwrap();
        let second = Places::take(&places, peer("[::ffff:192.0.2.1]:2")).unwrap();
        assert_eq!(Places::take(&places, peer("192.0.2.1:3")).unwrap_err(), "address");
        let third = Places::take(&places, peer("192.0.2.2:1")).unwrap();
        assert_eq!(Places::take(&places, peer("192.0.2.3:1")).unwrap_err(), "all");
        drop(second);
        let again = Places::take(&places, peer("192.0.2.1:4")).unwrap();
        drop((first, third, again));
        assert_eq!(places.count.load(Ordering::Acquire), 0);
        assert!(places.taken().by_address.is_empty());
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller() {
        let places = places(9, 1);
        let _held = Places::take(&places, "[2001:db8::1]:1".parse().unwrap()).unwrap();
        assert!(Places::take(&places, "[2001:db8::ffff:2]:1".parse().unwrap()).is_err());
        assert!(Places::take(&places, "[2001:db8:0:1::1]:1".parse().unwrap()).is_ok());
    }
}
