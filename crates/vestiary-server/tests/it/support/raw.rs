//! Bytes on a connection, where a client that knows HTTP would not send them.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::http::{Client, Reply};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends exactly these bytes and reads until the service closes; `None` if it closed without a word.
pub(crate) async fn exchange(address: &str, request: &[u8]) -> Option<Reply> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A service that refuses early may close before everything was sent.
    let _ = stream.write_all(request).await;
    read(&mut stream).await
}

/// Reads one answer until the service closes.
pub(crate) async fn read(stream: &mut TcpStream) -> Option<Reply> {
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    let closed = tokio::time::timeout(PATIENCE, reading).await;
    assert!(
        closed.is_ok(),
        "the connection stays open: {}",
        String::from_utf8_lossy(&bytes)
    );
    parse(&bytes)
}

/// The first answer in these bytes.
pub(crate) fn parse(bytes: &[u8]) -> Option<Reply> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value.trim()).unwrap(),
        );
    }
    Some(Reply {
        status,
        headers,
        body: bytes[end + 4..].to_vec(),
    })
}

/// A request with these lines of header beside host, key and `connection: close`.
pub(crate) fn request(client: &Client, method: &str, path: &str, lines: &[&[u8]], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
        client.address()
    );
    if !client.key.is_empty() {
        write!(bytes, "authorization: Bearer {}\r\n", client.key).unwrap();
    }
    let mut bytes = bytes.into_bytes();
    for line in lines {
        bytes.extend_from_slice(line);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}
