//! The preparation file: a batch exactly as it will be certified, fixed before the issuer signs.
//!
//! One JSON object a line. Line 1 names the batch; each further line is one wearable: its claim key and the
//! certificate with an all-zero proof value, which the signer replaces. The file is written once, durable before the journal names it by its SHA-256, and
//! holds nothing secret: what is personal is in it as a salted hash only.

use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use vestiary::certificate::{Certificate, UnsignedCertificate};
use vestiary::ids::serde_address;
use vestiary::json;
use vestiary::tree::{BatchTree, Leaf};

use super::IssuingError;
use crate::journal::BatchId;

/// Largest preparation file that is read, in bytes: every item at its largest.
pub const MAX_PREPARATION_BYTES: u64 = 64 * 1024 * 1024;
/// Largest line, in bytes.
const MAX_LINE_BYTES: usize = 32 * 1024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format: String,
    batch: BatchId,
    items: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(with = "serde_address")]
    claim_key: Address,
    certificate: String,
}

const FORMAT: &str = "vestiary/preparation/v1";
/// What stands for a signature that was not made yet; no key ever makes it.
const UNSIGNED: [u8; 64] = [0; 64];

/// One wearable of a preparation.
#[derive(Clone, Debug)]
pub struct PreparedWearable {
    /// Address of the claim key, zero for one that the service mints.
    pub claim_key: Address,
    /// The certificate, to which only the signature is missing.
    pub certificate: UnsignedCertificate,
}

impl PreparedWearable {
    /// Its leaf in the batch tree.
    pub fn leaf(&self) -> Leaf {
        Leaf {
            token_id: self.certificate.fields().wearable.token_id,
            certificate_digest: self.certificate.digest(),
            claim_key: self.claim_key,
        }
    }
}

/// Writes the file.
pub fn write(batch: &BatchId, items: &[PreparedWearable]) -> Result<Vec<u8>, IssuingError> {
    let header = Header {
        format: FORMAT.into(),
        batch: batch.clone(),
        items: items.len(),
    };
    let mut bytes = serde_json::to_vec(&header).map_err(IssuingError::internal)?;
    for item in items {
        let certificate = item.certificate.clone().attach(&UNSIGNED).to_bytes();
        let certificate = String::from_utf8(certificate);
        let certificate = certificate.map_err(IssuingError::internal)?;
        bytes.push(b'\n');
        serde_json::to_writer(
            &mut bytes,
            &Line {
                claim_key: item.claim_key,
                certificate,
            },
        )
        .map_err(IssuingError::internal)?;
    }
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads the file back. Its hash was checked by whoever read the bytes.
pub fn read(bytes: &[u8], batch: &BatchId) -> Result<Vec<PreparedWearable>, IssuingError> {
    let damaged = |what: &str| IssuingError::Damaged(format!("preparation of {batch}: {what}"));
    let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let header = lines.next().ok_or_else(|| damaged("empty"))?;
    let header: Header =
        json::from_slice_strict(header, MAX_LINE_BYTES).map_err(|error| damaged(&error.to_string()))?;
    if header.format != FORMAT || header.batch != *batch {
        return Err(damaged("the header names another batch or format"));
    }
    let mut items = Vec::with_capacity(header.items.min(crate::api::MAX_BATCH_ITEMS));
    for line in lines {
        let line: Line =
            json::from_slice_strict(line, MAX_LINE_BYTES).map_err(|error| damaged(&error.to_string()))?;
        let certificate =
            Certificate::parse(line.certificate.as_bytes()).map_err(|error| damaged(&error.to_string()))?;
        items.push(PreparedWearable {
            claim_key: line.claim_key,
            certificate: certificate.unsigned().clone(),
        });
    }
    if items.len() != header.items {
        return Err(damaged("wearables are missing"));
    }
    Ok(items)
}

/// The batch tree of the wearables.
pub fn tree(items: &[PreparedWearable]) -> Result<BatchTree, IssuingError> {
    BatchTree::new(items.iter().map(PreparedWearable::leaf).collect()).map_err(IssuingError::internal)
}
