//! A connection's bytes, and the time they take.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::task::AtomicWaker;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::{Limits, MIN_WRITE_PROGRESS_BYTES};

/// Whether a request of the connection is being answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Serving(Arc<Answering>);

#[derive(Debug, Default)]
struct Answering {
    requests: AtomicUsize,
    /// The connection's task: when the answer has ended, the wait for the next request begins.
    task: AtomicWaker,
}

/// Held from a request's head to the end of its answer.
#[derive(Debug)]
pub(super) struct Busy(Serving);

impl Serving {
    pub(super) fn begin(&self) -> Busy {
        self.0.requests.fetch_add(1, Ordering::AcqRel);
        Busy(self.clone())
    }

    fn is_busy(&self) -> bool {
        self.0.requests.load(Ordering::Acquire) != 0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let answering = &self.0.0;
        answering.requests.fetch_sub(1, Ordering::AcqRel);
        answering.task.wake();
    }
}

/// The body of an answer, which knows when it has been handed over.
#[derive(Debug)]
pub(super) struct Served {
    body: Body,
    _busy: Busy,
}

impl Served {
    pub(super) const fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl hyper::body::Body for Served {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What the connection waits for between two answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// For the rest of a head, or for the first one.
    Head,
    /// For the next request.
    Idle,
    /// For nothing: a request is being answered.
    No,
}

/// A stream that fails with `TimedOut` where its other end takes too long.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    serving: Serving,
    header_timeout: Duration,
    idle_timeout: Duration,
    write_timeout: Duration,
    waiting: Waiting,
    read_by: Pin<Box<Sleep>>,
    /// Until when the reader has to take something, while there is something to send.
    write_by: Option<Pin<Box<Sleep>>>,
    /// What it took since.
    written: usize,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, limits: &Limits, serving: Serving) -> Self {
        let header_timeout = Duration::from_secs(limits.header_timeout_s);
        Self {
            stream,
            serving,
            header_timeout,
            idle_timeout: Duration::from_secs(limits.idle_timeout_s),
            write_timeout: Duration::from_secs(limits.write_timeout_s),
            waiting: Waiting::Head,
            read_by: Box::pin(tokio::time::sleep(header_timeout)),
            write_by: None,
            written: 0,
        }
    }

    fn wait(&mut self, what: Waiting, longest: Duration) {
        self.waiting = what;
        self.read_by.as_mut().reset(Instant::now() + longest);
    }

    /// After something of `wanted` bytes was written, or nothing could be.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        wanted: usize,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Ok(bytes)) => {
                self.written = self.written.saturating_add(bytes);
                if bytes == wanted || self.written >= MIN_WRITE_PROGRESS_BYTES {
                    self.write_by = None;
                }
                result
            }
            Poll::Ready(Err(_)) => result,
            Poll::Pending => {
                if self.write_by.is_none() {
                    self.written = 0;
                }
                let longest = self.write_timeout;
                let write_by = self
                    .write_by
                    .get_or_insert_with(|| Box::pin(tokio::time::sleep(longest)));
                match write_by.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Err(late("write"))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

/// Counts it and names it.
fn late(what: &'static str) -> io::Error {
    metrics::counter!("vestiary_http_timeouts_total", "what" => what).increment(1);
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.serving.0.task.register(cx.waker());
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if self.serving.is_busy() {
            // A body's time is measured where it is read.
            self.waiting = Waiting::No;
            return result;
        }
        if self.waiting == Waiting::No {
            let idle = self.idle_timeout;
            self.wait(Waiting::Idle, idle);
        }
        if result.is_ready() {
            if buffer.filled().len() > before && self.waiting == Waiting::Idle {
                let header = self.header_timeout;
                self.wait(Waiting::Head, header);
            }
            return result;
        }
        if self.read_by.as_mut().poll(cx).is_ready() {
            let what = if self.waiting == Waiting::Idle {
                "idle"
            } else {
                "header"
            };
            return Poll::Ready(Err(late(what)));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(cx, bytes.len(), result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        let wanted = slices.iter().map(|slice| slice.len()).sum();
        self.wrote(cx, wanted, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
