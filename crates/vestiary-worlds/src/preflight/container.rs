//! The GLB container: a header of 12 bytes, then chunks (glTF 2.0 specification, section 4.4).

use super::{Fault, MAX_JSON_BYTES, refuse};
use crate::Error;

const MAGIC: u32 = u32::from_le_bytes(*b"glTF");
const JSON: u32 = u32::from_le_bytes(*b"JSON");
const BIN: u32 = u32::from_le_bytes(*b"BIN\0");

/// The two chunks that matter.
pub(super) struct Parts<'a> {
    pub(super) json: &'a [u8],
    pub(super) binary: Option<&'a [u8]>,
}

/// Splits a GLB. Chunks of unknown types after the first two are skipped, as the specification asks.
pub(super) fn split(glb: &[u8]) -> Result<Parts<'_>, Error> {
    let mut rest = glb;
    if take_u32(&mut rest) != Some(MAGIC) {
        return Err(refuse(Fault::NotGlb, ""));
    }
    match take_u32(&mut rest) {
        Some(2) => {}
        Some(_) => return Err(refuse(Fault::GlbVersion, "")),
        None => return Err(refuse(Fault::NotGlb, "")),
    }
    let length = take_u32(&mut rest).ok_or_else(|| refuse(Fault::NotGlb, ""))?;
    if u64::from(length) != glb.len() as u64 {
        return Err(refuse(Fault::GlbLength, ""));
    }
    let (mut json, mut binary) = (None, None);
    let mut position = 0;
    while !rest.is_empty() {
        let (kind, bytes) = take_chunk(&mut rest).ok_or_else(|| refuse(Fault::GlbChunks, ""))?;
        match (position, kind) {
            (0, JSON) => json = Some(bytes),
            (1, BIN) => binary = Some(bytes),
            (0, _) | (_, JSON | BIN) => return Err(refuse(Fault::GlbChunks, "")),
            _ => {}
        }
        position += 1;
    }
    let json = json.ok_or_else(|| refuse(Fault::GlbChunks, ""))?;
    if json.len() > MAX_JSON_BYTES {
        return Err(refuse(Fault::JsonTooLarge, ""));
    }
    Ok(Parts { json, binary })
}

fn take_chunk<'a>(rest: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    let length = take_u32(rest)?;
    let kind = take_u32(rest)?;
    if !length.is_multiple_of(4) {
        return None;
    }
    let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some((kind, bytes))
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_le_bytes(*bytes))
}
