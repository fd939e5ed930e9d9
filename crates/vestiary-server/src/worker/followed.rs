//! What a restart must not forget of following the chain: which block was final, and that following ended in a halt.
//!
//! A small file beside the mirror's rows. It is written when it changes and is worth nothing without the rows: a
//! mirror that is filled from nothing follows from nothing.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vestiary::block::BlockRef;

use crate::service::Service;

/// Largest such file, in bytes.
const MAX_BYTES: u64 = 16 * 1024;

/// What was known of the chain when it was last followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Followed {
    /// The newest final block.
    pub finalized: Option<BlockRef>,
    /// Why following ended, if it did: only `vestiary rebuild` starts it again.
    pub halted: Option<String>,
    /// When the chain was last seen whole, in unix milliseconds. Kept at a halt.
    pub seen_ms: u64,
}

/// The file, in the mirror's directory.
pub const FOLLOWED_FILE: &str = "followed.json";

fn path(service: &Service) -> PathBuf {
    service.config.service.data_dir.join("mirror").join(FOLLOWED_FILE)
}

impl Followed {
    /// What the last run left; nothing where the mirror is empty, and where a power cut spoiled the file.
    pub fn load(service: &Service) -> Self {
        if service.mirror.head().is_none() {
            return Self::default();
        }
        let path = path(service);
        match service.files.read(&path, MAX_BYTES) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "what was final is not remembered");
                Self::default()
            }),
            Err(_) => Self::default(),
        }
    }

    /// Keeps it; a halt durably. Where the disk does not take it, only a restart would notice.
    pub fn keep(&self, service: &Service) {
        let path = path(service);
        let bytes = serde_json::to_vec(self).expect("texts and numbers are JSON");
        let mut kept = service.files.replace(&path, &bytes);
        if self.halted.is_some() {
            kept = kept
                .and_then(|()| service.files.sync_file(&path))
                .and_then(|()| service.files.sync_dir(vestiary_log::files::parent(&path)));
        }
        if let Err(error) = kept {
            tracing::warn!(path = %path.display(), %error, "what was final cannot be kept");
        }
    }
}
