//! One at a time under one idempotency key: the second of two equal requests waits for the first, and finds what it
//! made.

use tokio::sync::{Mutex, MutexGuard};

use crate::journal::RequestRef;

/// Requests whose keys' hashes begin alike share a place; they wait for each other needlessly, and rarely.
const PLACES: usize = 256;

/// A place for each request that makes something.
#[derive(Debug)]
pub struct Turns(Vec<Mutex<()>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Mutex::new(())).collect())
    }
}

impl Turns {
    /// Waits until no other request under this key is being answered. Hold it until the answer is durable.
    pub async fn take(&self, request: &RequestRef) -> MutexGuard<'_, ()> {
        self.0[usize::from(request.key_sha256.0[0])].lock().await
    }
}
