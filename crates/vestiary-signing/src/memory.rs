//! What was signed before, and the refusals that follow from it.

mod heads;
mod refusal;
mod serials;
mod transactions;

use std::sync::{Mutex, MutexGuard, PoisonError};

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256};
use vestiary::{
    digest::Sha256,
    ids::{ChainId, CollectionId, DesignId, SerialRange, WearableId},
    statement::Statement,
};
use vestiary_tlog::Hash;

pub use heads::{MAX_HEADS, TreeHead, Witnessed};
pub use refusal::Refusal;
pub use serials::Committed;
pub use transactions::Sent;

/// Remembers what was signed and refuses to contradict it.
///
/// It holds no key and keeps no file: it is rebuilt at every start from what cannot be taken back, the log,
/// the anchors on chain, the witnesses' cosignatures and the outbox. Until [`Memory::finish_rebuild`] it
/// refuses every signature. Asking twice for the same thing is always fine.
#[derive(Debug, Default)]
pub struct Memory(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    rebuilt: bool,
    serials: serials::Serials,
    heads: heads::Heads,
    transactions: transactions::Transactions,
}

impl Memory {
    /// A memory that is being rebuilt: feed it with the `remember_*` methods, then [`Memory::finish_rebuild`].
    pub fn rebuilding() -> Self {
        Self::default()
    }

    /// The memory of keys that never signed anything.
    pub fn fresh() -> Self {
        let memory = Self::default();
        memory.finish_rebuild();
        memory
    }

    /// Everything that is to be remembered was fed: signing may begin.
    pub fn finish_rebuild(&self) {
        self.state().rebuilt = true;
    }

    /// Remembers one entry of the log, in the order of the log.
    ///
    /// A certificate's collection is that of its batch, so certificates wait for their batch's statement.
    pub fn remember_statement(&self, statement: &Statement) -> Result<(), Refusal> {
        let serials = &mut self.state().serials;
        match statement {
            Statement::LogOpened(_) | Statement::IssuerObserved(_) => Ok(()),
            Statement::Design(issued) => {
                let body = &issued.body;
                serials.design(body.collection, body.design_id, body.digest)
            }
            Statement::CertificateIssued(body) => {
                serials.await_batch(body.batch, body.token_id, body.digest);
                Ok(())
            }
            Statement::Batch(issued) => {
                let body = &issued.body;
                let range = body.range().map_err(|_| Refusal::NoRange)?;
                serials.batch(
                    body.collection,
                    body.design_id,
                    Committed {
                        range,
                        root: body.root,
                    },
                )
            }
        }
    }

    /// Remembers that a certificate with this digest was signed, for example from an intent of the journal.
    pub fn remember_certificate(&self, wearable: WearableId, digest: Sha256) -> Result<(), Refusal> {
        self.state().serials.certificate(wearable, digest)
    }

    /// Remembers that a range of serials was committed under a root, for example from the chain.
    pub fn remember_batch(
        &self,
        collection: CollectionId,
        design: DesignId,
        range: SerialRange,
        root: B256,
    ) -> Result<(), Refusal> {
        self.state()
            .serials
            .batch(collection, design, Committed { range, root })
    }

    /// Remembers what our own log holds: the checkpoint that it publishes, and its root at each earlier size
    /// that somebody anchored or cosigned, so that the two are compared.
    pub fn remember_log(&self, origin: &str, size: u64, root: Hash) -> Result<(), Refusal> {
        self.state().heads.ours(origin, TreeHead { size, root })
    }

    /// Remembers what an anchor on chain or a witness says about a log. From then on checkpoints are refused
    /// while our log is shorter, and for ever if its root at that size is another.
    pub fn remember_witnessed(
        &self,
        origin: &str,
        size: u64,
        root: Hash,
        by: Witnessed,
    ) -> Result<(), Refusal> {
        self.state().heads.theirs(origin, TreeHead { size, root }, by)
    }

    /// Whether checkpoints of a log may still be signed: nothing contradicts it, and nobody saw more of it than
    /// there is.
    pub fn check_log(&self, origin: &str) -> Result<(), Refusal> {
        self.state().heads.check(origin)
    }

    /// Remembers a transaction that was signed, from the outbox. `signing_hash` is
    /// `SignableTransaction::signature_hash` of it.
    pub fn remember_transaction(
        &self,
        account: Address,
        transaction: &TxEip1559,
        signing_hash: B256,
    ) -> Result<(), Refusal> {
        let sent = Sent::of(transaction, signing_hash);
        let chain = ChainId(transaction.chain_id);
        self.state()
            .transactions
            .remember(chain, account, transaction.nonce, sent)
    }

    // What was signed and is certain to be seen by nobody may be taken back: its bytes are gone, and it was to be
    // made durable before anybody got it, which failed. A restart would not remember it either.

    /// Takes back the last checkpoint that was signed: it was not published.
    pub fn withdraw_checkpoint(&self, origin: &str, head: TreeHead) {
        self.state().heads.withdraw(origin, head);
    }

    /// Takes back the statement of a batch: neither journal nor log have it.
    pub fn withdraw_batch(&self, collection: CollectionId, design: DesignId, range: SerialRange, root: B256) {
        self.state()
            .serials
            .withdraw_batch(collection, design, Committed { range, root });
    }

    /// Takes back the statement of a design: neither journal nor log have it.
    pub fn withdraw_design(&self, collection: CollectionId, design: DesignId, digest: Sha256) {
        self.state().serials.withdraw_design(collection, design, digest);
    }

    // Check, record, then sign: each of the following checks and records under one lock, in one call, and the
    // keys call it before they sign. A crash in between leaves something recorded and nothing signed, which
    // the next equal request puts right.

    pub(crate) fn admit_certificate(&self, wearable: WearableId, digest: Sha256) -> Result<(), Refusal> {
        self.rebuilt()?.serials.certificate(wearable, digest)
    }

    pub(crate) fn admit_design(
        &self,
        collection: CollectionId,
        design: DesignId,
        digest: Sha256,
    ) -> Result<(), Refusal> {
        self.rebuilt()?.serials.design(collection, design, digest)
    }

    pub(crate) fn admit_batch(
        &self,
        collection: CollectionId,
        design: DesignId,
        committed: Committed,
    ) -> Result<(), Refusal> {
        self.rebuilt()?.serials.batch(collection, design, committed)
    }

    pub(crate) fn admit_checkpoint(&self, origin: &str, head: TreeHead) -> Result<(), Refusal> {
        self.rebuilt()?.heads.sign(origin, head)
    }

    pub(crate) fn admit_receipt(&self, origin: &str, head: TreeHead) -> Result<(), Refusal> {
        self.rebuilt()?.heads.promise(origin, head)
    }

    pub(crate) fn admit_transaction(
        &self,
        account: Address,
        transaction: &TxEip1559,
        signing_hash: B256,
    ) -> Result<(), Refusal> {
        let sent = Sent::of(transaction, signing_hash);
        let chain = ChainId(transaction.chain_id);
        self.rebuilt()?
            .transactions
            .sign(chain, account, transaction.nonce, sent)
    }

    fn rebuilt(&self) -> Result<MutexGuard<'_, State>, Refusal> {
        let state = self.state();
        if state.rebuilt {
            Ok(state)
        } else {
            Err(Refusal::Rebuilding)
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one insertion at the end of a check, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
