//! A proxy in front of the node that can be cut, as a cable can.

use std::net::Ipv4Addr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::cli::failure::Failure;

/// Joins a port of loopback to the node until it is cut. Dropping it closes the port.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    cut: watch::Sender<bool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(port: u16, node_port: u16) -> Result<Self, Failure> {
        let taken = |error: std::io::Error| Failure::failed("port_taken", format!("port {port}: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(taken)?;
        let (cut, watched) = watch::channel(false);
        let accepting = tokio::spawn(async move {
            // A failure to accept is the proxy's own trouble; the next connection may do better.
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(join(stream, node_port, watched.clone()));
                }
            }
        });
        Ok(Self { port, cut, accepting })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Breaks every connection and refuses new ones, or lets them through again.
    pub(crate) fn set_cut(&self, cut: bool) {
        self.cut.send_replace(cut);
    }

    pub(crate) fn is_cut(&self) -> bool {
        *self.cut.borrow()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn join(mut stream: TcpStream, node_port: u16, mut cut: watch::Receiver<bool>) {
    if *cut.borrow() {
        return;
    }
    let Ok(mut node) = TcpStream::connect((Ipv4Addr::LOCALHOST, node_port)).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut stream, &mut node) => {}
        _ = cut.wait_for(|cut| *cut) => {}
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_cut_breaks_open_connections_and_new_ones_until_restored() {
        let node = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let node_port = node.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = node.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let proxy = Proxy::start(port, node_port).await.unwrap();
        let echo = async |stream: &mut TcpStream| {
            stream.write_all(b"x").await.is_ok() && stream.read_u8().await.is_ok()
        };
        let mut open = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        assert!(echo(&mut open).await);
        proxy.set_cut(true);
        assert!(!echo(&mut open).await);
        let mut during = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        assert!(!echo(&mut during).await);
        proxy.set_cut(false);
        let mut after = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        assert!(echo(&mut after).await);
    }
}
