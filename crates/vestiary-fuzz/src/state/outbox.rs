//! The submitter's memory: any records in any order, one a line.

use vestiary_chain::submitter::{Record, Table};

/// The fold refuses a record whole or takes it: no nonce in two open orders, never, and no nonce forgotten.
pub(super) fn records(bytes: &[u8]) {
    let mut table = Table::default();
    let mut taken = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n').take(64) {
        let Ok(record) = serde_json::from_slice::<Record>(line) else {
            continue;
        };
        let written = serde_json::to_vec(&record).expect("it was JSON");
        assert_eq!(
            serde_json::from_slice::<Record>(&written).ok().as_ref(),
            Some(&record)
        );
        let (before, next) = (table.clone(), table.next_nonce());
        if table.apply(&record).is_ok() {
            taken.push(record);
        } else {
            assert_eq!(table, before, "half a record was taken");
        }
        assert!(table.next_nonce() >= next, "a nonce was forgotten");
        let mut nonces: Vec<_> = table.open().filter_map(|entry| entry.nonce).collect();
        nonces.sort_unstable();
        assert!(nonces.windows(2).all(|pair| pair[0] != pair[1]), "a nonce twice");
        assert!(
            nonces
                .iter()
                .all(|nonce| *nonce < table.next_nonce() || *nonce == u64::MAX)
        );
    }
    assert_eq!(Table::replay(&taken), Ok(table.clone()));
    let kept = table.snapshot();
    let again = Table::replay(&kept).expect("a snapshot is taken");
    assert_eq!(again.snapshot(), kept, "a snapshot of a snapshot differs");
}
