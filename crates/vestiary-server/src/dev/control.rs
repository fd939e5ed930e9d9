//! The control API: cut the chain, stop the service. Loopback only, development only.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::process::ServiceProcess;
use super::proxy::Proxy;
use crate::cli::failure::Failure;

/// What can be controlled.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) service: Arc<ServiceProcess>,
}

type Answer = (StatusCode, Json<Value>);

pub(crate) async fn serve(listener: std::net::TcpListener, control: Control) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed("control", error.to_string());
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
    let routes = Router::new()
        .route("/status", get(status))
        .route(
            "/chain/cut",
            post(async |State(control): State<Control>| chain(&control, true)),
        )
        .route(
            "/chain/restore",
            post(async |State(control): State<Control>| chain(&control, false)),
        )
        .route(
            "/service/stop",
            post(async |State(control): State<Control>| done(control.service.stop().await)),
        )
        .route(
            "/service/start",
            post(async |State(control): State<Control>| done(control.service.start().await)),
        )
        .route(
            "/service/kill",
            post(async |State(control): State<Control>| done(control.service.kill().await)),
        )
        .with_state(control);
    axum::serve(listener, routes).await.map_err(failed)
}

async fn status(State(control): State<Control>) -> Json<Value> {
    let running = control.service.is_running().await;
    Json(json!({ "service_running": running, "chain_cut": control.proxy.is_cut() }))
}

fn chain(control: &Control, cut: bool) -> Answer {
    control.proxy.set_cut(cut);
    (StatusCode::OK, Json(json!({ "chain_cut": cut })))
}

fn done(outcome: Result<(), Failure>) -> Answer {
    match outcome {
        Ok(()) => (StatusCode::OK, Json(json!({ "done": true }))),
        Err(failure) => (StatusCode::INTERNAL_SERVER_ERROR, Json(json!(failure))),
    }
}
