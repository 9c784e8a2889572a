//! A server on a free port of this machine, for as long as its owner lives.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub struct Loopback {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Loopback {
    /// Comes back when the port is open.
    pub async fn serve(router: Router) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            // It ends with its owner; an error before that shows as requests which nobody answers.
            drop(axum::serve(listener, router).await);
        });
        Ok(Self { address, task })
    }

    /// Its address without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.task.abort();
    }
}
