//! Serving: routes, workers, and a stop that lets what was begun end.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

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
pub async fn run(
    service: Arc<Service>,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let (stopper, stop) = Stop::new();
    let follower = startup::follower(&service)?;
    let mut workers = tokio::task::JoinSet::new();
    workers.spawn(follow::chain(Arc::clone(&service), follower, stop.clone()));
    workers.spawn(follow::log(Arc::clone(&service), stop.clone()));
    for lane in service
        .lanes
        .submitters()
        .iter()
        .chain([service.lanes.anchoring()])
    {
        workers.spawn(send::run(Arc::clone(&service), lane.clone(), stop.clone()));
    }
    workers.spawn(expire::run(Arc::clone(&service), stop.clone()));
    workers.spawn(storage::run(Arc::clone(&service), stop.clone()));
    workers.spawn(scrub::run(Arc::clone(&service), stop.clone()));

    let router = http::router(Arc::clone(&service), metrics_handle()?);
    let (told, mut asked) = tokio::sync::watch::channel(false);
    let (limits, open) = (service.config.connections, Arc::clone(&service.open_connections));
    let mut server = tokio::spawn(connections::serve(listener, router, limits, open, async move {
        shutdown.await;
        told.send_replace(true);
    }));
    // The value that `wait_for` lends is given back at once: held over the wait below, nothing could spawn this.
    let stop_asked = async { drop(asked.wait_for(|stop| *stop).await) };
    tokio::select! {
        result = &mut server => result.context("serving")?,
        () = stop_asked => {
            // A reader that never reads must not hold the stop up.
            match tokio::time::timeout(GRACE, &mut server).await {
                Ok(result) => result.context("serving")?,
                Err(_) => server.abort(),
            }
        }
    }
    stopper.stop();
    let rest = async { while workers.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::warn!("a worker did not end in time; what it was doing is found again at the next start");
        workers.abort_all();
    }
    Ok(())
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
