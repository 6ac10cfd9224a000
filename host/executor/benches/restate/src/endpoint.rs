//! The workflow's endpoint, on a listener of its own.
//!
//! The SDK's own server leaves Nagle's algorithm on, whose wait for an acknowledgement makes a step
//! take 16 ms, and has the small HTTP/2 windows with which a replay of more than some 4 000 steps
//! stalls. With either Restate would be slower than it is.

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use restate_sdk::hyper::HyperEndpoint;
use restate_sdk::prelude::Endpoint;
use tokio::net::TcpListener;

/// Bytes that may be under way, of a stream and of a connection.
const WINDOW: u32 = 64 * 1024 * 1024;

/// Until the program ends.
pub(crate) async fn serve(listener: TcpListener, endpoint: Endpoint) {
    let endpoint = HyperEndpoint::new(endpoint);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(problem) => {
                eprintln!("the endpoint accepts no more connections: {problem}");
                return;
            }
        };
        if let Err(problem) = stream.set_nodelay(true) {
            eprintln!("TCP_NODELAY could not be set: {problem}");
        }
        let connection = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_concurrent_streams(1024)
            .serve_connection(TokioIo::new(stream), endpoint.clone());
        tokio::spawn(async move {
            if let Err(problem) = connection.await {
                eprintln!("a connection from Restate broke: {problem}");
            }
        });
    }
}
