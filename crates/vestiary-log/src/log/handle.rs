//! The writer's thread, and the handle through which many callers append at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use super::writer::{LogWriter, batch_bytes, check_batch};
use super::{Appended, LogReader, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, MAX_WAITING_APPENDS, Published};
use crate::error::LogError;

/// Appends to a log from any task or thread. Clones append to the same log; when the last one is
/// dropped the writer finishes, makes the tiles durable and gives the lock back.
#[derive(Clone, Debug)]
pub struct LogHandle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `None` once closing.
    queue: Option<mpsc::Sender<Request>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    reader: LogReader,
}

#[derive(Debug)]
struct Request {
    entries: Vec<Vec<u8>>,
    answer: oneshot::Sender<Result<Appended, LogError>>,
}

impl LogHandle {
    /// Gives a writer its thread.
    pub fn spawn(writer: LogWriter) -> Result<Self, LogError> {
        let (queue, requests) = mpsc::channel(MAX_WAITING_APPENDS);
        let reader = writer.reader();
        let thread = std::thread::Builder::new()
            .name("log writer".to_owned())
            .spawn(move || run(writer, requests))
            .map_err(|error| LogError::Stopped {
                why: format!("no thread for the writer: {error}"),
            })?;
        let thread = Mutex::new(Some(thread));
        Ok(Self {
            inner: Arc::new(Inner {
                queue: Some(queue),
                thread,
                reader,
            }),
        })
    }

    /// Appends entries as one batch: all in one checkpoint, next to one another. Answers when they
    /// are durable. Appends that wait at the same time share a checkpoint and its syncs.
    ///
    /// Dropping the future does not take the entries back.
    pub async fn append(&self, entries: Vec<Vec<u8>>) -> Result<Appended, LogError> {
        check_batch(&entries)?;
        let (answer, answered) = oneshot::channel();
        let sent = self.queue()?.send(Request { entries, answer }).await;
        sent.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }

    /// The same for a thread that may block.
    ///
    /// # Panics
    ///
    /// Within an async task.
    pub fn append_blocking(&self, entries: Vec<Vec<u8>>) -> Result<Appended, LogError> {
        check_batch(&entries)?;
        let (answer, answered) = oneshot::channel();
        let sent = self.queue()?.blocking_send(Request { entries, answer });
        sent.map_err(|_| stopped())?;
        answered.blocking_recv().map_err(|_| stopped())?
    }

    /// A reader that sees each append as soon as it is answered.
    pub fn reader(&self) -> LogReader {
        self.inner.reader.clone()
    }

    /// The newest checkpoint.
    pub fn published(&self) -> Result<Arc<Published>, LogError> {
        self.inner.reader.published()
    }

    /// Whether the writer has stopped for good; appends answer [`LogError::Stopped`].
    pub fn has_stopped(&self) -> bool {
        self.inner.queue.as_ref().is_none_or(mpsc::Sender::is_closed)
    }

    fn queue(&self) -> Result<&mpsc::Sender<Request>, LogError> {
        self.inner.queue.as_ref().ok_or_else(stopped)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue = None;
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic of the writer was reported where it happened.
            let _ = thread.join();
        }
    }
}

fn stopped() -> LogError {
    LogError::Stopped {
        why: "its writer has ended".to_owned(),
    }
}

/// Takes what has queued up, appends it as one batch, answers, and goes on until it has stopped.
fn run(mut writer: LogWriter, mut requests: mpsc::Receiver<Request>) {
    let mut waiting = None;
    while let Some(first) = waiting.take().or_else(|| requests.blocking_recv()) {
        let (mut entries, mut bytes) = (0, 0);
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next.take() {
            entries += request.entries.len();
            bytes += batch_bytes(&request.entries);
            if !group.is_empty() && (entries > MAX_BATCH_ENTRIES || bytes > MAX_BATCH_BYTES) {
                waiting = Some(request);
                break;
            }
            group.push(request);
            next = requests.try_recv().ok();
        }
        append_group(&mut writer, &mut requests, group);
        if let Err(error) = writer.settle_if_due() {
            tracing::warn!("tiles were not made durable: {error}");
        }
        if writer.stopped().is_some() {
            break;
        }
    }
    requests.close();
    if let Some(Request { answer, .. }) = waiting {
        let _ = answer.send(Err(stopped()));
    }
    while let Ok(Request { answer, .. }) = requests.try_recv() {
        let _ = answer.send(Err(stopped()));
    }
    if writer.stopped().is_none()
        && let Err(error) = writer.settle()
    {
        tracing::warn!("tiles were not made durable before the end, start-up will: {error}");
    }
}

fn append_group(writer: &mut LogWriter, requests: &mut mpsc::Receiver<Request>, group: Vec<Request>) {
    let (mut entries, mut answers) = (Vec::new(), Vec::new());
    for request in group {
        answers.push((request.entries.len() as u64, request.answer));
        entries.extend(request.entries);
    }
    let appended = writer.append(&entries);
    if writer.stopped().is_some() {
        // Seen by everybody before the first answer tells of it.
        requests.close();
    }
    let mut first_index = appended.as_ref().map_or(0, |appended| appended.first_index);
    for (count, answer) in answers {
        let appended = appended.clone().map(|all| Appended {
            first_index,
            count,
            ..all
        });
        first_index += count;
        // A caller that went away does not want to know; its entries are in the log.
        let _ = answer.send(appended);
    }
}
