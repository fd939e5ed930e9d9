//! Looks at a GLB before anybody else has to: refuses what could hurt a loader, measures the rest.
//!
//! Nothing is decoded: no image, no compressed geometry, no URI is followed. What a file declares is
//! held against what it brings with checked arithmetic, and everything has a limit, so the work is
//! linear in the size of the file.

mod container;
mod document;
mod fault;
mod geometry;
mod image;
mod scan;
mod scene;
mod vrm;

use serde::Serialize;

pub use fault::Fault;
pub use image::{ImageFormat, ImageHeader, image_header};
pub use vrm::VrmLicence;

use crate::{Error, content::MAX_FILE_BYTES};
use document::Document;

/// Bytes of the JSON chunk. A full VRM avatar with its expressions needs about 4 MiB.
pub const MAX_JSON_BYTES: usize = 8 << 20;
/// Objects and arrays inside one another.
pub const MAX_JSON_DEPTH: usize = 64;
/// Values in the JSON chunk, of all kinds: what bounds the memory that reading it takes.
pub const MAX_JSON_VALUES: usize = 500_000;
/// Entries of any one array of the JSON chunk: nodes, accessors, meshes, …
pub const MAX_LIST: usize = 65_536;
/// Nodes from a root to the deepest child.
pub const MAX_NODE_DEPTH: usize = 256;
/// Different extensions.
pub const MAX_EXTENSIONS: usize = 64;
/// Images embedded in the file.
pub const MAX_IMAGES: usize = 256;
/// Width and height of an image, in pixels.
pub const MAX_TEXTURE_PX: u32 = 16_384;
/// Pixels of all images together: a gibibyte once decoded.
pub const MAX_PIXELS: u64 = 1 << 28;
/// Triangles as drawn: a mesh counts once for each node that shows it.
pub const MAX_TRIANGLES: u64 = 10_000_000;
/// Vertices, and indices, of all primitives together.
pub const MAX_VERTICES: u64 = 10_000_000;
/// Bytes that geometry may unpack to where the file holds less than it declares
/// (compressed geometry, or accessors that stand for zeros).
pub const MAX_UNPACKED_BYTES: u64 = 64 << 20;
/// Bytes of one text of a VRM licence.
pub const MAX_LICENCE_TEXT_BYTES: usize = 2_048;

/// What a GLB is made of. Counts are of the file; nothing is rounded or estimated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metrics {
    /// Size of the file.
    pub bytes: u64,
    /// Triangles drawn when every node is shown: what a world's limit is compared with. A mesh that
    /// no node shows counts once, so that hiding it in the file buys nothing.
    pub triangles: u64,
    /// Triangles when each mesh counts once: what the Khronos validator calls `totalTriangleCount`.
    pub triangles_in_meshes: u64,
    /// Vertices when each mesh counts once (Khronos: `totalVertexCount`).
    pub vertices: u64,
    /// Primitives of all meshes (Khronos: `drawCallCount`).
    pub primitives: u64,
    /// Meshes.
    pub meshes: u64,
    /// Nodes.
    pub nodes: u64,
    /// Materials.
    pub materials: u64,
    /// Textures (an image with a sampler).
    pub textures: u64,
    /// Images.
    pub images: u64,
    /// The longest side of the largest image, in pixels; 0 without images.
    pub texture_px: u32,
    /// Pixels of all images together.
    pub pixels: u64,
    /// Skins.
    pub skins: u64,
    /// Most joints in one skin; 0 without skins.
    pub joints: u64,
    /// Animations.
    pub animations: u64,
    /// `extensionsUsed`, sorted.
    pub extensions_used: Vec<String>,
    /// `extensionsRequired`, sorted: a loader without one of them must not load the file.
    pub extensions_required: Vec<String>,
    /// What a VRM file says about its licence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vrm: Option<VrmLicence>,
}

/// Checks and measures a GLB 2.0 file.
///
/// # Errors
/// [`Error::Glb`] with the [`Fault`] and the JSON pointer of the place. The first fault found is
/// reported, always the same one for the same bytes.
pub fn preflight(glb: &[u8]) -> Result<Metrics, Error> {
    if glb.len() as u64 > MAX_FILE_BYTES {
        return Err(refuse(Fault::TooLarge, ""));
    }
    let parts = container::split(glb)?;
    let names = scan::scan(parts.json)?;
    let document = Document::parse(parts.json)?;
    document.check_asset()?;
    let (extensions_used, extensions_required) = document.check_extensions(&names)?;

    let buffers = geometry::Buffers::open(&document, parts.binary)?;
    let shown = scene::check(&document)?;
    let shapes = geometry::measure(&document, &buffers, &shown)?;
    let images = image::measure(&document, &buffers)?;
    Ok(Metrics {
        bytes: glb.len() as u64,
        triangles: shapes.triangles,
        triangles_in_meshes: shapes.triangles_in_meshes,
        vertices: shapes.vertices,
        primitives: shapes.primitives,
        meshes: document.meshes.len() as u64,
        nodes: document.nodes.len() as u64,
        materials: document.materials.len() as u64,
        textures: document.textures.len() as u64,
        images: document.images.len() as u64,
        texture_px: images.longest_side,
        pixels: images.pixels,
        skins: document.skins.len() as u64,
        joints: document
            .skins
            .iter()
            .map(|skin| skin.joints.len() as u64)
            .max()
            .unwrap_or(0),
        animations: document.animations.len() as u64,
        extensions_used,
        extensions_required,
        vrm: vrm::licence(&document)?,
    })
}

/// The error for `fault` at a JSON pointer ("" is the whole file).
fn refuse(fault: Fault, at: impl Into<String>) -> Error {
    Error::Glb { fault, at: at.into() }
}
