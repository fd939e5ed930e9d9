//! The certificates of a batch in one file, found by token id without reading the others.
//!
//! Line 1 is an index `[[token_id, offset, length], …]` by rising token id; the certificates follow, offsets
//! counted from the end of line 1. One file a batch: a thousand files would be a thousand fsyncs.

use vestiary::certificate::Certificate;
use vestiary::ids::TokenId;

use super::IssuingError;

/// Largest bundle that is read, in bytes.
pub const MAX_BUNDLE_BYTES: u64 = 96 * 1024 * 1024;

/// Writes a bundle.
pub fn write(certificates: &[Certificate]) -> Result<Vec<u8>, IssuingError> {
    let mut sorted: Vec<&Certificate> = certificates.iter().collect();
    sorted.sort_by_key(|certificate| certificate.fields().wearable.token_id);
    let mut index = Vec::with_capacity(sorted.len());
    let mut body = Vec::new();
    for certificate in sorted {
        let bytes = certificate.to_bytes();
        index.push((certificate.fields().wearable.token_id.to_string(), body.len(), bytes.len()));
        body.extend_from_slice(&bytes);
    }
    let mut file = serde_json::to_vec(&index).map_err(IssuingError::internal)?;
    file.push(b'\n');
    file.extend_from_slice(&body);
    Ok(file)
}

/// One certificate's bytes, `None` if the bundle does not have it.
pub fn find(bundle: &[u8], token_id: TokenId) -> Result<Option<&[u8]>, IssuingError> {
    let damaged = || IssuingError::Damaged("certificate bundle".into());
    let end = bundle.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let index: Vec<(TokenId, usize, usize)> = serde_json::from_slice(&bundle[..end]).map_err(|_| damaged())?;
    let Ok(place) = index.binary_search_by_key(&token_id, |(id, ..)| *id) else {
        return Ok(None);
    };
    let (_, offset, length) = index[place];
    let body = &bundle[end + 1..];
    let range = offset..offset.checked_add(length).ok_or_else(damaged)?;
    body.get(range).map(Some).ok_or_else(damaged)
}
