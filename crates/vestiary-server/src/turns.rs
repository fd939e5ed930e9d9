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
    /// Does `work` when no other request under this key is being answered. Once begun it goes on to its end, and
    /// keeps the turn until then, whoever stops waiting for the answer: what it makes is made beside the async
    /// threads and does not end with a connection.
    pub async fn run<T: Send + 'static>(
        &self,
        request: &RequestRef,
        work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
    ) -> Result<T, ApiError> {
        let place = &self.0[usize::from(request.key_sha256.0[0])];
        let turn = Arc::clone(place).lock_owned().await;
        let answered = tokio::spawn(async move {
            let answer = work.await;
            drop(turn);
            answer
        });
        answered.await.map_err(ApiError::internal)?
    }
}
