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
        index.push((
            certificate.fields().wearable.token_id.to_string(),
            body.len(),
            bytes.len(),
        ));
        body.extend_from_slice(&bytes);
    }
    let mut file = serde_json::to_vec(&index).map_err(IssuingError::internal)?;
    file.push(b'\n');
    file.extend_from_slice(&body);
    Ok(file)
}

/// One certificate's bytes, `None` if the bundle does not have it.
pub fn find(bundle: &[u8], token_id: TokenId) -> Result<Option<&[u8]>, IssuingError> {
    let (index, body) = open(bundle)?;
    let Ok(place) = index.binary_search_by_key(&token_id, |(id, ..)| *id) else {
        return Ok(None);
    };
    cut(body, index[place]).map(Some)
}

/// Every certificate's bytes, by rising token id.
pub fn all(bundle: &[u8]) -> Result<Vec<&[u8]>, IssuingError> {
    let (index, body) = open(bundle)?;
    index.into_iter().map(|place| cut(body, place)).collect()
}

/// Token id, offset, length.
type Place = (TokenId, usize, usize);

fn open(bundle: &[u8]) -> Result<(Vec<Place>, &[u8]), IssuingError> {
    let end = bundle
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or_else(damaged)?;
    let index = serde_json::from_slice(&bundle[..end]).map_err(|_| damaged())?;
    Ok((index, &bundle[end + 1..]))
}

fn cut(body: &[u8], (_, offset, length): Place) -> Result<&[u8], IssuingError> {
    let range = offset..offset.checked_add(length).ok_or_else(damaged)?;
    body.get(range).ok_or_else(damaged)
}

fn damaged() -> IssuingError {
    IssuingError::Damaged("certificate bundle".into())
}
