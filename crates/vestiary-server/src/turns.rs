//! One at a time under one idempotency key: the second of two equal requests waits for the first, and finds what it
//! made, also when nobody waits for the first any more.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::error::ApiError;
use crate::journal::RequestRef;

/// Requests whose keys' hashes begin alike share a place; they wait for each other needlessly, and rarely.
const PLACES: usize = 256;

/// A place for each request that makes something.
#[derive(Debug)]
pub struct Turns(Vec<Arc<Mutex<()>>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Arc::default()).collect())
    }
}

impl Turns {
    /// Does `work` [to its end](to_its_end) when no other request under this key is being answered: what a request
    /// makes is made beside the async threads, and does not end with a connection.
    pub async fn run<T: Send + 'static>(
        &self,
        request: &RequestRef,
        work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
    ) -> Result<T, ApiError> {
        to_its_end(&self.0[usize::from(request.key_sha256.0[0])], work).await
    }
}

/// Does `work` when nobody else is at `place`. Once begun it goes on to its end, and keeps the place until then, whoever
/// stops waiting.
pub async fn to_its_end<T: Send + 'static>(
    place: &Arc<Mutex<()>>,
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let turn = Arc::clone(place).lock_owned().await;
    let done = tokio::spawn(async move {
        let done = work.await;
        drop(turn);
        done
    });
    done.await.map_err(ApiError::internal)?
}
