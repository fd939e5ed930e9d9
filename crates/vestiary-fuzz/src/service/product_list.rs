//! Product lists. Their reader belongs to the executable, not to the library, so its source is compiled here too.

use vestiary::ids::Serial;

/// What the reader uses of the executable.
mod failure {
    /// Why a row is bad.
    #[derive(Debug)]
    pub(crate) struct Reason {
        /// Which line.
        pub(crate) place: String,
        /// A stable word.
        pub(crate) code: String,
        /// What is wrong.
        pub(crate) detail: String,
    }
}

#[path = "../../../vestiary-server/src/cli/sheet.rs"]
mod sheet;
#[path = "../../../vestiary-server/src/cli/sheet_text.rs"]
mod sheet_text;

/// A list is read whole, or every bad row is named; a design's serials are its own, from 1 without a hole.
pub(super) fn product_list(bytes: &[u8]) {
    match sheet::read(bytes, |design| design != "unknown") {
        Ok(list) => {
            for rows in list.values() {
                assert!(rows.len() <= sheet::MAX_SHEET_ROWS && bytes.len() <= sheet::MAX_SHEET_BYTES);
                let mut serials: Vec<u64> = rows.iter().map(|row| Serial::get(row.serial)).collect();
                serials.sort_unstable();
                assert!(serials.windows(2).all(|pair| pair[0] < pair[1]), "{serials:?}");
                for row in rows {
                    assert!(row.line >= 2 && !row.sku.is_empty() && row.sku.len() <= sheet::MAX_FIELD_BYTES);
                    assert!(!row.sku.starts_with(['=', '+', '-', '@']), "a formula passed");
                    assert!(row.gtin.is_empty() || row.gtin.bytes().all(|byte| byte.is_ascii_digit()));
                    let _ = row.has_code;
                }
            }
        }
        Err(faults) => {
            assert!(faults.count >= faults.reasons.len() && !faults.reasons.is_empty());
            assert!(faults.reasons.len() <= sheet::MAX_LISTED);
            for reason in &faults.reasons {
                assert!(!reason.place.is_empty() && !reason.code.is_empty());
                assert!(reason.detail.len() <= bytes.len() * 8 + 512);
            }
        }
    }
}
