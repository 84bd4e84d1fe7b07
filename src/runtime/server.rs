//! The HTTP side of the process: `/healthz` and `/readyz` for the kubelet, `/metrics` for Prometheus.
//!
//! Answers from memory alone, so that it answers also when nothing else does. Must never show a secret or an object's
//! content: whoever reaches the port may read all of it.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use super::health::{Gate, Health};
use super::metrics::Metrics;

/// The address cannot be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "MDI_LISTEN (--listen): cannot listen on {address} ({source}); free the port or give another address"
)]
pub struct CannotListen {
    address: SocketAddr,
    source: io::Error,
}

/// A server that has its port, and serves nothing yet.
#[derive(Debug)]
pub struct Server(TcpListener);

impl Server {
    /// Takes the port.
    pub async fn bind(address: SocketAddr) -> Result<Self, CannotListen> {
        TcpListener::bind(address).await.map(Self).map_err(|source| CannotListen { address, source })
    }

    /// Where it listens; a port of 0 has become a real one.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Serves until the process ends.
    pub async fn serve(self, health: Health, metrics: Metrics) -> io::Result<()> {
        let routes = Router::new()
            .route("/healthz", get(alive))
            .route("/readyz", get(ready))
            .with_state(health)
            .route("/metrics", get(counted).with_state(metrics));
        axum::serve(self.0, routes).await
    }
}

async fn alive(State(health): State<Health>) -> impl IntoResponse {
    if health.is_alive() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the main loop does not turn\n")
    }
}

async fn ready(State(health): State<Health>) -> impl IntoResponse {
    let missing: Vec<&str> = health.missing().into_iter().map(Gate::missing).collect();
    if missing.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n")
    }
}

async fn counted(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], metrics.render())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn serve(health: &Health) -> SocketAddr {
        let server = Server::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = server.address().unwrap();
        tokio::spawn(server.serve(health.clone(), Metrics::new().unwrap()));
        address
    }

    async fn ask(address: SocketAddr, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("http://{address}{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn readiness_names_what_is_missing_one_a_line() {
        let health = Health::default();
        let address = serve(&health).await;
        assert_eq!(ask(address, "/readyz").await, (503, "crd\nfirst list\n".to_owned()));
        health.open(Gate::CrdInstalled);
        health.open(Gate::FirstListDone);
        assert_eq!(ask(address, "/readyz").await, (200, "ok\n".to_owned()));
        health.close(Gate::NotShuttingDown);
        assert_eq!(ask(address, "/readyz").await, (503, "shutting down\n".to_owned()));
    }

    #[tokio::test]
    async fn an_operator_without_a_cluster_is_alive_and_one_that_hangs_is_not() {
        assert_eq!(ask(serve(&Health::default()).await, "/healthz").await.0, 200);
        let hanging = Health::after_silence_of(Duration::from_mins(1));
        assert_eq!(ask(serve(&hanging).await, "/healthz").await.0, 503);
    }

    #[tokio::test]
    async fn metrics_are_in_the_text_format() {
        let (status, text) = ask(serve(&Health::default()).await, "/metrics").await;
        assert_eq!(status, 200);
        assert!(text.contains("# TYPE mdi_build_info gauge"), "{text}");
    }

    #[tokio::test]
    async fn a_port_in_use_is_told_in_one_line() {
        let taken = serve(&Health::default()).await;
        let line = Server::bind(taken).await.unwrap_err().to_string();
        assert!(line.starts_with(&format!("MDI_LISTEN (--listen): cannot listen on {taken}")), "{line}");
    }
}
