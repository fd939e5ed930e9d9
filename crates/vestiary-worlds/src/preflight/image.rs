//! Sizes of images, from their first bytes. Nothing is decoded.

use super::{
    Fault, MAX_IMAGES, MAX_PIXELS, MAX_TEXTURE_PX,
    document::Document,
    geometry::{Buffers, data_uri},
    refuse,
};
use crate::Error;

/// A format whose header is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// PNG.
    Png,
    /// JPEG (baseline, extended or progressive).
    Jpeg,
    /// WebP, through `EXT_texture_webp`.
    Webp,
    /// KTX 2.0, through `KHR_texture_basisu`.
    Ktx2,
}

impl ImageFormat {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Ktx2 => "image/ktx2",
        }
    }
}

/// What an image says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageHeader {
    /// How the rest is to be read.
    pub format: ImageFormat,
    /// Width in pixels, at least 1.
    pub width_px: u32,
    /// Height in pixels, at least 1.
    pub height_px: u32,
}

pub(super) struct Images {
    pub(super) longest_side: u32,
    pub(super) pixels: u64,
}

pub(super) fn measure(document: &Document<'_>, buffers: &Buffers<'_>) -> Result<Images, Error> {
    let mut total = Images {
        longest_side: 0,
        pixels: 0,
    };
    if document.images.len() > MAX_IMAGES {
        return Err(refuse(Fault::ImageTooLarge, "/images"));
    }
    for (index, image) in document.images.iter().enumerate() {
        let at = || format!("/images/{index}");
        let (declared, header) = match (&image.uri, image.buffer_view) {
            (Some(uri), None) => {
                let (media_type, bytes) = data_uri(uri).ok_or_else(|| refuse(Fault::DataUri, at()))?;
                (
                    image.mime_type.as_deref().or(Some(media_type)),
                    image_header(&bytes),
                )
            }
            (None, Some(view)) => {
                let bytes = buffers
                    .view(view, at)?
                    .ok_or_else(|| refuse(Fault::ImageMalformed, at()))?;
                (image.mime_type.as_deref(), image_header(bytes))
            }
            _ => return Err(refuse(Fault::GltfMalformed, at())),
        };
        let header = header.ok_or_else(|| refuse(Fault::ImageMalformed, at()))?;
        if declared != Some(header.format.media_type()) {
            return Err(refuse(Fault::ImageMediaType, at()));
        }
        let side = header.width_px.max(header.height_px);
        total.pixels += u64::from(header.width_px) * u64::from(header.height_px);
        total.longest_side = total.longest_side.max(side);
        if side > MAX_TEXTURE_PX || total.pixels > MAX_PIXELS {
            return Err(refuse(Fault::ImageTooLarge, at()));
        }
    }
    Ok(total)
}

/// Reads an image's format and size; `None` if it is damaged or of another format.
pub fn image_header(bytes: &[u8]) -> Option<ImageHeader> {
    let (format, size) = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        (ImageFormat::Png, png(bytes))
    } else if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        (ImageFormat::Jpeg, jpeg(bytes))
    } else if bytes.starts_with(b"RIFF") {
        (ImageFormat::Webp, webp(bytes))
    } else if bytes.starts_with(b"\xabKTX 20\xbb\r\n\x1a\n") {
        (ImageFormat::Ktx2, ktx2(bytes))
    } else {
        return None;
    };
    let (width_px, height_px) = size.filter(|(width, height)| *width > 0 && *height > 0)?;
    Some(ImageHeader {
        format,
        width_px,
        height_px,
    })
}

/// PNG (W3C PNG specification, section 5): IHDR first, whole chunks, at least one IDAT, IEND.
fn png(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.get(8..)?;
    let (mut size, mut data) = (None, false);
    loop {
        let length = usize::try_from(be32(rest)?).ok()?;
        let kind = rest.get(4..8)?;
        let (body, after) = rest.get(8..)?.split_at_checked(length)?;
        rest = after.get(4..)?; // past the CRC
        match (kind, size) {
            (b"IHDR", None) if length == 13 => size = Some((be32(body)?, be32(body.get(4..)?)?)),
            (b"IHDR", _) | (_, None) => return None,
            (b"IDAT", _) => data = true,
            (b"IEND", _) => return size.filter(|_| data),
            _ => {}
        }
    }
}

/// JPEG (ITU-T T.81, annex B): markers until the first frame header.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut rest = bytes.get(2..)?;
    loop {
        let (&[ff, marker], after) = rest.split_first_chunk::<2>()?;
        if ff != 0xff {
            return None;
        }
        match marker {
            0xff => rest = rest.get(1..)?, // a fill byte
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((
                    u32::from(be16(after.get(5..)?)?),
                    u32::from(be16(after.get(3..)?)?),
                ));
            }
            // Markers without length, or with the picture's data before any frame header.
            0x00 | 0x01 | 0xd0..=0xda => return None,
            _ => rest = after.get(usize::from(be16(after)?).max(2)..)?,
        }
    }
}

/// WebP (RFC 9649): the first chunk is one of three.
fn webp(bytes: &[u8]) -> Option<(u32, u32)> {
    let body = bytes.get(20..)?;
    let le16 = |at: usize| {
        body.get(at..at + 2)
            .map(|b| u32::from(u16::from_le_bytes([b[0], b[1]])))
    };
    match (bytes.get(8..12)?, bytes.get(12..16)?) {
        (b"WEBP", b"VP8 ") if body.get(3..6)? == [0x9d, 0x01, 0x2a] => {
            Some((le16(6)? & 0x3fff, le16(8)? & 0x3fff))
        }
        (b"WEBP", b"VP8L") if *body.first()? == 0x2f => {
            let bits = u32::from_le_bytes(body.get(1..5)?.try_into().ok()?);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        (b"WEBP", b"VP8X") => {
            let le24 = |at: usize| {
                body.get(at..at + 3)
                    .map(|b| u32::from_le_bytes([b[0], b[1], b[2], 0]) + 1)
            };
            Some((le24(4)?, le24(7)?))
        }
        _ => None,
    }
}

/// KTX 2.0, section 3: width and height stand at bytes 20 and 24. A height of 0 is a line of pixels.
fn ktx2(bytes: &[u8]) -> Option<(u32, u32)> {
    let le32 = |at: usize| {
        bytes
            .get(at..at + 4)
            .and_then(|b| b.try_into().ok())
            .map(u32::from_le_bytes)
    };
    Some((le32(20)?, le32(24)?.max(1)))
}

fn be32(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|b| u32::from_be_bytes(*b))
}

fn be16(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|b| u16::from_be_bytes(*b))
}
