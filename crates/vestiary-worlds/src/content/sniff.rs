//! What kind of file it is, told by its bytes and never by its name.

/// Size of plain text and JSON at most: licences and design documents are small.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// The media type, or `None` for what the store does not keep. Plain text and JSON must be there
/// whole; of other files the first bytes suffice.
pub fn sniff(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"glTF\x02\0\0\0") {
        return Some("model/gltf-binary");
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some("image/png");
    }
    if bytes.is_empty() || bytes.len() > MAX_TEXT_BYTES {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    if text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return None;
    }
    // Strict JSON only: what two readers could read differently is text.
    if text.starts_with('{') && vestiary::json::check(bytes, MAX_TEXT_BYTES).is_ok() {
        return Some("application/json");
    }
    Some("text/plain")
}
