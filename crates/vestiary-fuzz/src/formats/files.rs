//! Files that brands upload.

use vestiary::json;
use vestiary_worlds::content::sniff as sniff_bytes;
use vestiary_worlds::preflight::{
    MAX_EXTENSIONS, MAX_IMAGES, MAX_PIXELS, MAX_TEXTURE_PX, MAX_TRIANGLES, MAX_VERTICES,
    image_header as header,
};
use vestiary_worlds::{Error, preflight};

use crate::input::Input;

/// What is measured stays within the limits; the same bytes are judged the same way twice.
pub(super) fn glb(bytes: &[u8]) {
    let first = preflight(bytes);
    match &first {
        Ok(metrics) => {
            assert_eq!(metrics.bytes, bytes.len() as u64);
            assert!(metrics.triangles <= MAX_TRIANGLES && metrics.vertices <= MAX_VERTICES);
            assert!(metrics.texture_px <= MAX_TEXTURE_PX && metrics.pixels <= MAX_PIXELS);
            assert!(metrics.images <= MAX_IMAGES as u64);
            assert!(metrics.extensions_used.len() <= MAX_EXTENSIONS);
            assert!(metrics.extensions_used.is_sorted() && metrics.extensions_required.is_sorted());
        }
        // It goes into an answer: a JSON pointer, or the name of an extension.
        Err(error @ Error::Glb { .. }) => assert!(error.to_string().len() < 1024, "{error}"),
        Err(error) => panic!("preflight does no input and output: {error}"),
    }
    if bytes.len() < 1024 {
        assert_eq!(format!("{:?}", preflight(bytes)), format!("{first:?}"));
    }
}

/// The same, with a container that is always right around any JSON and any bytes.
pub(super) fn gltf_parts(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let document = input.piece();
    let binary = input.rest();
    let mut glb = Vec::with_capacity(bytes.len() + 40);
    glb.extend_from_slice(b"glTF\x02\0\0\0\0\0\0\0");
    for (kind, fill, chunk) in [(b"JSON", b' ', document), (b"BIN\0", 0, binary)] {
        let padded = chunk.len().next_multiple_of(4);
        glb.extend_from_slice(&u32::try_from(padded).expect("short").to_le_bytes());
        glb.extend_from_slice(kind);
        glb.extend_from_slice(chunk);
        glb.resize(glb.len() + padded - chunk.len(), fill);
    }
    let length = u32::try_from(glb.len()).expect("short");
    glb[8..12].copy_from_slice(&length.to_le_bytes());
    self::glb(&glb);
}

/// Headers of pictures: a side is never 0 where there is a header.
pub(super) fn image_header(bytes: &[u8]) {
    if let Some(found) = header(bytes) {
        assert!(found.width_px > 0 && found.height_px > 0, "{found:?}");
    }
}

/// JSON is told from text by whether the strict reader takes it.
pub(super) fn sniff(bytes: &[u8]) {
    match sniff_bytes(bytes) {
        Some("application/json") => {
            assert!(bytes.starts_with(b"{"));
            json::parse_strict(bytes, bytes.len()).expect("strict JSON");
        }
        Some("text/plain") => {
            let text = std::str::from_utf8(bytes).expect("text is UTF-8");
            assert!(!text.is_empty() && !text.contains('\0'));
        }
        Some("model/gltf-binary" | "image/png") | None => {}
        Some(other) => panic!("unknown media type {other}"),
    }
}
