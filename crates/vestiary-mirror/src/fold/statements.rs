//! The log's entries.

use vestiary::digest::Sha256;

use crate::{
    config::MirrorConfig,
    draft::Draft,
    error::Result,
    rows::{LOG_HEAD, LogHead},
};

/// Folds entry `index` into `draft`. On an error the step is to be abandoned.
pub(crate) fn fold_entry(config: &MirrorConfig, draft: &mut Draft<'_>, index: u64, entry: &[u8]) -> Result<()> {
    draft.put(&LOG_HEAD, &(config.chain,), &LogHead { size: index + 1, last_entry: Sha256::of(entry) })
}
