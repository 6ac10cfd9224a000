//! One caller of workflows, on one connection.

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(crate) struct Ingress {
    sender: SendRequest<Full<Bytes>>,
    address: String,
}

impl Ingress {
    pub(crate) async fn connect(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await;
        let stream = stream.with_context(|| format!("Restate's ingress at {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its end is seen by the call.
        tokio::spawn(connection);
        Ok(Self {
            sender,
            address: address.to_owned(),
        })
    }

    /// Runs the workflow of this key to its end, and gives back what it answered.
    pub(crate) async fn call(mut self, key: &str, steps: u32) -> anyhow::Result<String> {
        let request = Request::post(format!("/EmptySteps/{key}/run"))
            .header("host", &self.address)
            .header("content-type", "application/json")
            .body(Full::from(steps.to_string()))?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        ensure!(
            status.is_success(),
            "workflow {key} answered {status}: {body}"
        );
        Ok(body)
    }
}
