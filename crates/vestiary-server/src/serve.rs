//! Serving: routes, workers, and a stop that lets what was begun end.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::task::{Id, JoinSet};

use crate::chain_status::ChainHealth;
use crate::connections;
use crate::http;
use crate::service::Service;
use crate::startup;
use crate::worker::{Stop, expire, follow, scrub, send, storage};

/// How long requests and workers may take to end after a stop.
pub const GRACE: Duration = Duration::from_secs(10);

/// The process has one recorder of metrics, however many services it opens.
pub fn metrics_handle() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(handle) = HANDLE.get() {
        return Ok(handle.clone());
    }
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = HANDLE.get_or_init(|| recorder.handle()).clone();
    // Another thread may have been faster; its recorder is as good.
    let _ = metrics::set_global_recorder(recorder);
    crate::alarms::describe_kept();
    Ok(handle)
}

/// Serves on `listener` until `shutdown`, then stops in order: no new requests, workers, the rest.
///
/// Stops likewise, with an error that names it, as soon as a worker ends that was not told to: a service that nobody
/// looks after would go on calling itself ready, and a new start finishes what was begun.
pub async fn run(
    service: Arc<Service>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let (stopper, stop) = Stop::new();
    let mut workers = Workers::start(&service, &stop)?;
    let router = http::router(Arc::clone(&service), metrics_handle()?);
    let (closer, mut close) = Stop::new();
    let (limits, open) = (service.config.connections, Arc::clone(&service.open_connections));
    let mut server = tokio::spawn(connections::serve(listener, router, limits, open, async move {
        close.wait().await;
    }));
    let outcome = tokio::select! {
        result = &mut server => result.context("serving"),
        () = shutdown => Ok(()),
        ended = workers.ended() => Err(ended),
    };
    let mut connections_ended = Ok(());
    if !server.is_finished() {
        closer.stop();
        // A reader that never reads must not hold the stop up.
        match tokio::time::timeout(GRACE, &mut server).await {
            Ok(result) => connections_ended = result.context("serving"),
            Err(_) => server.abort(),
        }
    }
    stopper.stop();
    let rest = async { while workers.tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::warn!("a worker did not end in time; what it was doing is found again at the next start");
        workers.tasks.abort_all();
    }
    outcome.and(connections_ended)
}

/// Who works without being asked, each by its name.
#[derive(Debug, Default)]
struct Workers {
    tasks: JoinSet<()>,
    names: HashMap<Id, String>,
}

impl Workers {
    fn start(service: &Arc<Service>, stop: &Stop) -> anyhow::Result<Self> {
        let mut workers = Self::default();
        let follower = startup::follower(service)?;
        let (of_service, mut told) = (Arc::clone(service), stop.clone());
        let follows = follow::chain(Arc::clone(service), follower, stop.clone());
        workers.spawn("follower", async move {
            follows.await;
            // One that halted has said so, and has nothing more to do.
            if matches!(of_service.chain.health(), ChainHealth::Halted { .. }) {
                told.wait().await;
            }
        });
        workers.spawn("log", follow::log(Arc::clone(service), stop.clone()));
        let lanes = service.lanes.submitters().iter();
        for lane in lanes.chain([service.lanes.anchoring()]) {
            let sends = send::run(Arc::clone(service), lane.clone(), stop.clone());
            workers.spawn(format!("lane {}", lane.name), sends);
        }
        workers.spawn("expiry", expire::run(Arc::clone(service), stop.clone()));
        workers.spawn("storage", storage::run(Arc::clone(service), stop.clone()));
        workers.spawn("scrub", scrub::run(Arc::clone(service), stop.clone()));
        Ok(workers)
    }

    fn spawn(&mut self, name: impl Into<String>, work: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(work).id();
        self.names.insert(id, name.into());
    }

    /// Waits until one ends, and says which and how.
    async fn ended(&mut self) -> anyhow::Error {
        let (id, how) = match self.tasks.join_next_with_id().await {
            None => return std::future::pending().await,
            Some(Ok((id, ()))) => (id, "it returned".to_owned()),
            Some(Err(error)) => (error.id(), error.to_string()),
        };
        let name = self.names.get(&id).map_or("unknown", String::as_str);
        tracing::error!(worker = name, how, "a worker ended: the service stops");
        anyhow::anyhow!("worker `{name}` ended: {how}")
    }
}

/// Ctrl-C or SIGTERM.
pub async fn shutdown_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return drop(tokio::signal::ctrl_c().await);
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
