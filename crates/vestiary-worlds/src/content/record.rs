//! What is kept beside a file.

use serde::{Deserialize, Serialize};
use vestiary::digest::Sha256;

use crate::cid::{Cid, Hashed, UNIXFS_V1_2025, cid_of_chunks};

/// Size of a record at most: 32 chunks need less than 3 KiB.
pub(super) const MAX_RECORD_BYTES: u64 = 16 << 10;

/// What is known about a file of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// SHA-256 of the bytes: equality.
    pub sha256: Sha256,
    /// Content id.
    pub cid: Cid,
    /// The profile that the content id was made with: `unixfs-v1-2025`.
    pub cid_profile: String,
    /// Size.
    pub bytes: u64,
    /// Media type, told by the bytes.
    pub media_type: String,
}

/// A record as it is on disk: one line of JSON, one line with the SHA-256 of the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) file: FileRecord,
    /// SHA-256 of each chunk of 1 MiB, in order.
    pub(super) chunks: Vec<Sha256>,
}

impl Record {
    pub(super) fn new(sha256: Sha256, hashed: Hashed, media_type: &str) -> Self {
        let file = FileRecord {
            sha256,
            cid: hashed.cid,
            cid_profile: UNIXFS_V1_2025.name.to_owned(),
            bytes: hashed.bytes,
            media_type: media_type.to_owned(),
        };
        Self {
            file,
            chunks: hashed.chunks,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_string(self).expect("strings and numbers are JSON");
        let check = Sha256::of(json.as_bytes());
        format!("{json}\n{check}\n").into_bytes()
    }

    /// Reads a record; the error says what is damaged.
    pub(super) fn parse(bytes: &[u8], sha256: &Sha256) -> Result<Self, &'static str> {
        let split = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or("the record has no check")?;
        let (json, check) = bytes.split_at(split);
        if check != format!("\n{}\n", Sha256::of(json)).as_bytes() {
            return Err("the record does not match its check");
        }
        let record: Self = serde_json::from_slice(json).map_err(|_| "the record is malformed")?;
        let cid = cid_of_chunks(&record.chunks, record.file.bytes, UNIXFS_V1_2025);
        if record.file.sha256 != *sha256 || cid != Some(record.file.cid) {
            return Err("the record is about another file");
        }
        Ok(record)
    }
}
