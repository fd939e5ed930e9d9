//! Every invariant, checked again from storage.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use alloy_primitives::U64;
use serde_json::json;
use vestiary::digest::Sha256;
use vestiary::receipt::SignedReceipt;
use vestiary::statement::Statement;
use vestiary_log::log::fsck;
use vestiary_log::{CheckpointSigner as _, Files, journal};
use vestiary_server::issuing::commit::intent_id;
use vestiary_server::journal::{BatchStage, State};
use vestiary_server::service::Service;

use super::{ORIGIN, TestLedger, eventually};

/// What was counted on the way, for whoever wants to see that there was something to check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Entries in the log.
    pub(crate) entries: u64,
    /// Certificates in the log.
    pub(crate) certificates: usize,
    /// Batches with a receipt.
    pub(crate) receipts: usize,
    /// Wearables that somebody owns.
    pub(crate) owned: u64,
    /// Transactions of the service.
    pub(crate) transactions: usize,
}

impl TestLedger {
    /// Waits until everything that was begun is done, then checks every invariant from storage.
    pub(crate) async fn check_everything(&self) -> Counts {
        self.settle().await;
        let service = self.service();
        eventually("no intent is open", async || {
            service
                .ledger
                .read(|state| state.open_intents.is_empty())
                .then_some(())
        })
        .await;
        let mut counts = Counts::default();
        self.check_journal().await;
        check_log(service, &mut counts);
        check_mirror(service, &mut counts);
        self.check_outbox(&mut counts).await;
        counts
    }

    /// The journal on disk folds to the state in memory.
    async fn check_journal(&self) {
        let (service, dir) = (self.service(), self.ground.data_dir().join("journal"));
        // A worker may write between the two looks; then they agree the next time.
        eventually("the journal replays to the state in memory", async || {
            let replayed = replay(&*service.files, &dir)?;
            let same = service
                .ledger
                .read(|state| format!("{state:?}") == format!("{replayed:?}"));
            same.then_some(())
        })
        .await;
    }

    /// No nonce is left out or used by two orders, and the chain has used none that the outbox does not know.
    async fn check_outbox(&self, counts: &mut Counts) {
        let service = self.service();
        let lanes: Vec<_> = service
            .ledger
            .read(|state| state.outboxes.keys().copied().collect());
        for lane in lanes {
            // The chain before the outbox, which knows each order before it goes out.
            let used = self
                .ground
                .node("eth_getTransactionCount", json!([lane.address, "latest"]))
                .await;
            let used: U64 = serde_json::from_value(used).unwrap();
            let table = service.ledger.read(|state| state.outboxes[&lane].clone());
            let nonces: Vec<u64> = table.entries().filter_map(|entry| entry.nonce).collect();
            let distinct: BTreeSet<u64> = nonces.iter().copied().collect();
            assert_eq!(
                distinct.len(),
                nonces.len(),
                "{lane}: a nonce belongs to two orders"
            );
            let expected: BTreeSet<u64> = (0..table.next_nonce()).collect();
            assert_eq!(distinct, expected, "{lane}: a gap in the nonces");
            counts.transactions += nonces.len();
            assert!(
                used.to::<u64>() <= table.next_nonce(),
                "{lane}: the chain knows more than the outbox"
            );
        }
    }

    /// Digest of everything that a request could change. Quiet moments only.
    pub(crate) fn state_digest(&self) -> Sha256 {
        let mut text = self.service().mirror.row_digest().unwrap().to_string();
        walk(&self.ground.data_dir(), &mut text);
        Sha256::of(text.as_bytes())
    }

    /// Waits until nothing changes any more by itself.
    pub(crate) async fn wait_quiet(&self) -> Sha256 {
        self.wait_anchored().await;
        eventually("nothing changes any more", async || {
            let before = self.state_digest();
            tokio::time::sleep(std::time::Duration::from_millis(900)).await;
            (self.state_digest() == before).then_some(before)
        })
        .await
    }
}

/// Folds the journal in `dir`; `None` while its end is being written.
pub(crate) fn replay(files: &dyn Files, dir: &Path) -> Option<State> {
    let replay = journal::check(files, dir).ok()?;
    Some(vestiary_server::journal::fold(&replay).unwrap())
}

/// The log is what its checkpoint says; each certificate and batch is in it once; each receipt holds.
pub(crate) fn check_log(service: &Service, counts: &mut Counts) {
    let dir = service.config.service.data_dir.join("log");
    let key = service.signing.checkpoint_key(ORIGIN).unwrap();
    let key = key.verifier_key();
    let health = fsck(&*service.files, &dir, &key).unwrap();
    assert_eq!(health.findings, [], "the log is damaged");
    let size = service.log_size();
    let mut entries = BTreeMap::new();
    let (mut tokens, mut roots) = (BTreeSet::new(), BTreeSet::new());
    for entry in service.log_reader.entries(0..size) {
        let (index, bytes) = entry.unwrap();
        match Statement::parse(&bytes).unwrap() {
            Statement::CertificateIssued(issued) => {
                let new = tokens.insert((issued.batch, issued.token_id));
                assert!(new, "entry {index} certifies {} again", issued.token_id);
            }
            Statement::Batch(batch) => {
                batch.verify_issuer_signature().unwrap();
                assert!(
                    roots.insert(batch.body.root),
                    "entry {index} states a batch again"
                );
            }
            _ => {}
        }
        assert_eq!(entries.insert(bytes, index), None, "entry {index} is there twice");
    }
    counts.entries = size;
    counts.certificates = tokens.len();
    let receipt_key = service.signing.receipt_vkey(ORIGIN).unwrap();
    let batches: Vec<_> = service.ledger.read(|state| {
        let signed = state
            .batches
            .values()
            .filter(|batch| matches!(batch.stage, BatchStage::Signed(_)));
        signed
            .map(|batch| {
                (
                    batch.clone(),
                    state.logged.get(&intent_id(&batch.prepared.id)).cloned(),
                )
            })
            .collect()
    });
    for (batch, logged) in batches {
        let logged = logged.expect("no intent is open, so every signed batch is logged");
        let view = vestiary_server::issuing::progress::view(service, &batch).unwrap();
        let receipt = SignedReceipt::parse(view.receipt.as_bytes()).unwrap();
        let receipt = receipt.verify(&receipt_key).unwrap();
        let statement = service.log_entry(receipt.batch_index).unwrap();
        assert_eq!(vestiary_tlog::leaf_hash(&statement), receipt.leaf_hash);
        assert!(receipt.size <= size && receipt.batch_index < receipt.size);
        assert_eq!(service.log_reader.root(receipt.size).unwrap(), receipt.root);
        assert!(
            logged.first_index < receipt.batch_index,
            "certificates stand before their batch"
        );
        counts.receipts += 1;
    }
}

/// The mirror's rows agree with one another and with the log, and read the same twice.
fn check_mirror(service: &Service, counts: &mut Counts) {
    let report = service.mirror.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
    counts.owned = report.owned;
    let before = service.mirror.view().as_of();
    let digests = [
        service.mirror.row_digest().unwrap(),
        service.mirror.row_digest().unwrap(),
    ];
    if service.mirror.view().as_of() == before {
        assert_eq!(digests[0], digests[1]);
    }
}

/// Names and bytes of all files but the mirror's, whose rows are digested instead.
fn walk(dir: &Path, text: &mut String) {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    for path in names {
        if path.is_dir() {
            if !path.ends_with("data/mirror") {
                walk(&path, text);
            }
        } else if let Ok(bytes) = std::fs::read(&path) {
            writeln!(text, "{} {}", path.display(), Sha256::of(&bytes)).unwrap();
        }
    }
}
