//! Buffers, buffer views, accessors and the primitives made of them.

use std::borrow::Cow;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    Fault, MAX_TRIANGLES, MAX_UNPACKED_BYTES, MAX_VERTICES,
    document::{Accessor, Document, Primitive, SparsePart, Uint, resolve},
    refuse,
};
use crate::Error;

/// Writers disagree about the padding, so both are read.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Component types (glTF 2.0, section 3.6.2.2) that are looked into.
const UNSIGNED_BYTE: u64 = 5121;
const UNSIGNED_SHORT: u64 = 5123;
const UNSIGNED_INT: u64 = 5125;
const FLOAT: u64 = 5126;

/// The bytes that buffers and buffer views stand for, all within bounds.
pub(super) struct Buffers<'a> {
    /// `None`: a buffer without bytes, into which compressed geometry is unpacked.
    bytes: Vec<Option<Cow<'a, [u8]>>>,
    views: Vec<View>,
}

/// A buffer view that lies within its buffer.
struct View {
    buffer: usize,
    start: usize,
    length: usize,
    stride: Option<u64>,
}

impl<'a> Buffers<'a> {
    pub(super) fn open(document: &Document<'_>, binary: Option<&'a [u8]>) -> Result<Self, Error> {
        let mut bytes = Vec::new();
        let mut unpacked = 0;
        for (index, buffer) in document.buffers.iter().enumerate() {
            let at = || format!("/buffers/{index}");
            let content = match (&buffer.uri, binary) {
                (Some(uri), _) => Some(Cow::Owned(
                    data_uri(uri).ok_or_else(|| refuse(Fault::DataUri, at()))?.1,
                )),
                (None, Some(chunk)) if index == 0 => Some(Cow::Borrowed(chunk)),
                (None, None) if index == 0 => return Err(refuse(Fault::BufferBounds, at())),
                (None, _) => None,
            };
            let declared = buffer.byte_length.0;
            match &content {
                Some(content) if declared == 0 || declared > content.len() as u64 => {
                    return Err(refuse(Fault::BufferBounds, at()));
                }
                Some(_) => {}
                None => unpacked = spend(unpacked, declared, MAX_UNPACKED_BYTES, Fault::Unpacked, at)?,
            }
            bytes.push(content);
        }
        let mut views = Vec::new();
        for (index, view) in document.buffer_views.iter().enumerate() {
            let at = || format!("/bufferViews/{index}");
            let buffer = resolve(view.buffer, bytes.len(), at)?;
            let (start, length) = (view.byte_offset.map_or(0, |offset| offset.0), view.byte_length.0);
            let end = start.checked_add(length);
            if length == 0 || end.is_none_or(|end| end > document.buffers[buffer].byte_length.0) {
                return Err(refuse(Fault::BufferViewBounds, at()));
            }
            let stride = view.byte_stride.map(|stride| stride.0);
            if stride.is_some_and(|stride| !(4..=252).contains(&stride) || !stride.is_multiple_of(4)) {
                return Err(refuse(Fault::ByteStride, at()));
            }
            let whole = |value| usize::try_from(value).map_err(|_| refuse(Fault::BufferViewBounds, at()));
            views.push(View {
                buffer,
                start: whole(start)?,
                length: whole(length)?,
                stride,
            });
        }
        Ok(Self { bytes, views })
    }

    /// The bytes of a buffer view; `None` if they exist only after unpacking.
    pub(super) fn view(&self, index: Uint, at: impl FnOnce() -> String) -> Result<Option<&[u8]>, Error> {
        let view = &self.views[resolve(index, self.views.len(), at)?];
        Ok(self.bytes[view.buffer]
            .as_ref()
            .map(|bytes| &bytes[view.start..view.start + view.length]))
    }
}

/// Media type and bytes of a base64 data URI.
pub(super) fn data_uri(uri: &str) -> Option<(&str, Vec<u8>)> {
    let (media_type, data) = uri.strip_prefix("data:")?.split_once(";base64,")?;
    let bytes = BASE64.decode(data).ok()?;
    Some((media_type.split(';').next().unwrap_or_default(), bytes))
}

/// What all primitives come to.
#[derive(Default)]
pub(super) struct Shapes {
    pub(super) triangles: u64,
    pub(super) triangles_in_meshes: u64,
    pub(super) vertices: u64,
    pub(super) primitives: u64,
}

/// Checks every accessor and every primitive, and counts. `shown` says how often each mesh is drawn.
pub(super) fn measure(
    document: &Document<'_>,
    buffers: &Buffers<'_>,
    shown: &[u64],
) -> Result<Shapes, Error> {
    let mut unpacked = 0;
    let mut reads = Vec::with_capacity(document.accessors.len());
    for (index, accessor) in document.accessors.iter().enumerate() {
        let at = || format!("/accessors/{index}");
        let read = check_accessor(accessor, buffers, at)?;
        if read.view.is_none() {
            let bytes = read.element_bytes * accessor.count.0;
            unpacked = spend(unpacked, bytes, MAX_UNPACKED_BYTES, Fault::Unpacked, at)?;
        }
        reads.push(read);
    }
    check_references(document)?;

    let mut shapes = Shapes::default();
    let mut meter = Meter {
        document,
        buffers,
        reads: &reads,
        indices: 0,
        positions_checked: vec![false; reads.len()],
    };
    for (mesh_index, mesh) in document.meshes.iter().enumerate() {
        if mesh.primitives.is_empty() {
            return Err(refuse(Fault::Primitive, format!("/meshes/{mesh_index}")));
        }
        for (index, primitive) in mesh.primitives.iter().enumerate() {
            let at = || format!("/meshes/{mesh_index}/primitives/{index}");
            let vertices = meter.vertices(primitive, at)?;
            shapes.vertices = spend(
                shapes.vertices,
                vertices,
                MAX_VERTICES,
                Fault::TooManyVertices,
                at,
            )?;
            meter.check_positions(primitive, at)?;
            let drawn = meter.indices(primitive, vertices, at)?;
            let triangles = triangles(primitive, drawn).ok_or_else(|| refuse(Fault::Primitive, at()))?;
            let limit = (MAX_TRIANGLES, Fault::TooManyTriangles);
            shapes.triangles_in_meshes = spend(shapes.triangles_in_meshes, triangles, limit.0, limit.1, at)?;
            let times = shown.get(mesh_index).copied().unwrap_or(0).max(1);
            shapes.triangles = spend(
                shapes.triangles,
                triangles.saturating_mul(times),
                limit.0,
                limit.1,
                at,
            )?;
            shapes.primitives += 1;
        }
    }
    Ok(shapes)
}

/// `total + more`, unless that passes `limit`.
fn spend(total: u64, more: u64, limit: u64, fault: Fault, at: impl FnOnce() -> String) -> Result<u64, Error> {
    total
        .checked_add(more)
        .filter(|sum| *sum <= limit)
        .ok_or_else(|| refuse(fault, at()))
}

/// Triangles that a primitive of `count` vertices or indices draws, by its mode.
fn triangles(primitive: &Primitive, count: u64) -> Option<u64> {
    match primitive.mode.map_or(4, |mode| mode.0) {
        0..=3 => Some(0),
        4 => Some(count / 3),
        5 | 6 => Some(count.saturating_sub(2)),
        _ => None,
    }
}

/// An accessor that lies within its buffer view: where its elements are.
#[derive(Clone, Copy)]
struct Read {
    component_type: u64,
    components: u64,
    element_bytes: u64,
    view: Option<Uint>,
    offset: u64,
    stride: u64,
    count: u64,
}

fn component_bytes(component_type: u64) -> Option<u64> {
    match component_type {
        5120 | UNSIGNED_BYTE => Some(1),
        5122 | UNSIGNED_SHORT => Some(2),
        UNSIGNED_INT | FLOAT => Some(4),
        _ => None,
    }
}

/// Components of an element, and its bytes from the first to the last. Columns of matrices begin at
/// multiples of four bytes.
fn shape(kind: &str, component: u64) -> Option<(u64, u64)> {
    let matrix = |side: u64| {
        let column = (side * component).next_multiple_of(4);
        (side * side, column * (side - 1) + side * component)
    };
    match kind {
        "SCALAR" => Some((1, component)),
        "VEC2" => Some((2, 2 * component)),
        "VEC3" => Some((3, 3 * component)),
        "VEC4" => Some((4, 4 * component)),
        "MAT2" => Some(matrix(2)),
        "MAT3" => Some(matrix(3)),
        "MAT4" => Some(matrix(4)),
        _ => None,
    }
}

fn check_accessor(
    accessor: &Accessor,
    buffers: &Buffers<'_>,
    at: impl Fn() -> String,
) -> Result<Read, Error> {
    let malformed = || refuse(Fault::AccessorMalformed, at());
    let component = component_bytes(accessor.component_type.0).ok_or_else(malformed)?;
    let (components, element_bytes) = shape(&accessor.r#type, component).ok_or_else(malformed)?;
    let count = accessor.count.0;
    // The most elements that anything could draw: the products below stay far from overflowing.
    if count == 0 || count > u64::from(u32::MAX) {
        return Err(malformed());
    }
    let offset = accessor.byte_offset.map_or(0, |offset| offset.0);
    let mut read = Read {
        component_type: accessor.component_type.0,
        components,
        element_bytes,
        view: accessor.buffer_view,
        offset,
        stride: if accessor.r#type.starts_with("MAT") {
            element_bytes.next_multiple_of(4)
        } else {
            element_bytes
        },
        count,
    };
    if let Some(view) = accessor.buffer_view {
        let view = &buffers.views[resolve(view, buffers.views.len(), &at)?];
        read.stride = view.stride.unwrap_or(read.stride);
        if read.stride < element_bytes {
            return Err(refuse(Fault::ByteStride, at()));
        }
        fits(view, offset, read.stride, count, element_bytes, component, &at)?;
    }
    if let Some(sparse) = &accessor.sparse {
        if sparse.count.0 == 0 || sparse.count.0 > count {
            return Err(malformed());
        }
        let part = |part: &SparsePart, element: u64, align: u64| {
            let view = &buffers.views[resolve(part.buffer_view, buffers.views.len(), &at)?];
            fits(
                view,
                part.byte_offset.map_or(0, |o| o.0),
                element,
                sparse.count.0,
                element,
                align,
                &at,
            )
        };
        let kind = sparse.indices.component_type.map_or(0, |kind| kind.0);
        let index = component_bytes(kind)
            .filter(|_| is_index(kind))
            .ok_or_else(malformed)?;
        part(&sparse.indices, index, index)?;
        part(&sparse.values, element_bytes, component)?;
    }
    Ok(read)
}

/// `offset + stride × (count − 1) + element` ≤ length of the view, and everything aligned.
fn fits(
    view: &View,
    offset: u64,
    stride: u64,
    count: u64,
    element: u64,
    align: u64,
    at: impl Fn() -> String,
) -> Result<(), Error> {
    let end = (count - 1)
        .checked_mul(stride)
        .and_then(|last| last.checked_add(element)?.checked_add(offset));
    if end.is_none_or(|end| end > view.length as u64) {
        return Err(refuse(Fault::AccessorBounds, at()));
    }
    if !offset.is_multiple_of(align) || !(view.start as u64 + offset).is_multiple_of(align) {
        return Err(refuse(Fault::AccessorAlignment, at()));
    }
    Ok(())
}

fn is_index(component_type: u64) -> bool {
    matches!(component_type, UNSIGNED_BYTE | UNSIGNED_SHORT | UNSIGNED_INT)
}

/// References to accessors and nodes that no primitive makes.
fn check_references(document: &Document<'_>) -> Result<(), Error> {
    let accessors = document.accessors.len();
    for (index, skin) in document.skins.iter().enumerate() {
        if let Some(matrices) = skin.inverse_bind_matrices {
            resolve(matrices, accessors, || {
                format!("/skins/{index}/inverseBindMatrices")
            })?;
        }
    }
    for (index, animation) in document.animations.iter().enumerate() {
        let at = || format!("/animations/{index}");
        for sampler in &animation.samplers {
            resolve(sampler.input, accessors, at)?;
            resolve(sampler.output, accessors, at)?;
        }
        for channel in &animation.channels {
            resolve(channel.sampler, animation.samplers.len(), at)?;
            if let Some(node) = channel.target.node {
                resolve(node, document.nodes.len(), at)?;
            }
        }
    }
    document.check_materials()
}

/// Reads what primitives refer to. The number of elements read is bounded over the whole file, since
/// many primitives may share one accessor.
struct Meter<'a> {
    document: &'a Document<'a>,
    buffers: &'a Buffers<'a>,
    reads: &'a [Read],
    indices: u64,
    positions_checked: Vec<bool>,
}

impl Meter<'_> {
    fn accessor(&self, index: Uint, at: impl FnOnce() -> String) -> Result<usize, Error> {
        resolve(index, self.reads.len(), at)
    }

    /// The number of vertices: the same in every attribute and every morph target.
    fn vertices(&self, primitive: &Primitive, at: impl Fn() -> String) -> Result<u64, Error> {
        if let Some(material) = primitive.material {
            resolve(material, self.document.materials.len(), &at)?;
        }
        if let Some(draco) = &primitive.extensions.draco {
            self.buffers.view(draco.buffer_view, &at)?;
        }
        let mut count = None;
        for index in primitive
            .attributes
            .values()
            .chain(primitive.targets.iter().flat_map(|t| t.values()))
        {
            let found = self.reads[self.accessor(*index, &at)?].count;
            if *count.get_or_insert(found) != found {
                return Err(refuse(Fault::Primitive, at()));
            }
        }
        count.ok_or_else(|| refuse(Fault::Primitive, at()))
    }

    /// Positions are vectors of three finite numbers.
    fn check_positions(&mut self, primitive: &Primitive, at: impl Fn() -> String) -> Result<(), Error> {
        let Some(index) = primitive.attributes.get("POSITION") else {
            return Ok(());
        };
        let index = self.accessor(*index, &at)?;
        let read = self.reads[index];
        if read.components != 3 {
            return Err(refuse(Fault::Primitive, at()));
        }
        if read.component_type != FLOAT || std::mem::replace(&mut self.positions_checked[index], true) {
            return Ok(());
        }
        self.each(&read, at, Fault::NotFinite, |element| {
            element
                .as_chunks::<4>()
                .0
                .iter()
                .all(|number| f32::from_le_bytes(*number).is_finite())
        })
    }

    /// How many vertices are drawn: the number of indices, all of which name a vertex.
    fn indices(
        &mut self,
        primitive: &Primitive,
        vertices: u64,
        at: impl Fn() -> String,
    ) -> Result<u64, Error> {
        let Some(index) = primitive.indices else {
            return Ok(vertices);
        };
        let read = self.reads[self.accessor(index, &at)?];
        if read.components != 1 || !is_index(read.component_type) {
            return Err(refuse(Fault::Primitive, at()));
        }
        self.indices = spend(
            self.indices,
            read.count,
            3 * MAX_VERTICES,
            Fault::TooManyVertices,
            &at,
        )?;
        // The largest value of the type restarts a primitive and names no vertex.
        let restart = u64::MAX >> (64 - 8 * read.element_bytes);
        let last = vertices.min(restart);
        self.each(&read, at, Fault::IndexOutOfRange, |element| {
            let mut wide = [0; 8];
            wide[..element.len()].copy_from_slice(element);
            u64::from_le_bytes(wide) < last
        })?;
        Ok(read.count)
    }

    /// Calls `good` for each element that is in the file; zeros and compressed geometry are not.
    fn each(
        &self,
        read: &Read,
        at: impl Fn() -> String,
        fault: Fault,
        good: impl Fn(&[u8]) -> bool,
    ) -> Result<(), Error> {
        let Some(bytes) = read
            .view
            .map(|view| self.buffers.view(view, &at))
            .transpose()?
            .flatten()
        else {
            return Ok(());
        };
        let whole = |value: u64| usize::try_from(value).map_err(|_| refuse(Fault::AccessorBounds, at()));
        let (stride, size) = (whole(read.stride)?, whole(read.element_bytes)?);
        let rows = bytes[whole(read.offset)?..]
            .chunks(stride)
            .take(whole(read.count)?);
        for row in rows {
            if !row.get(..size).is_some_and(&good) {
                return Err(refuse(fault, at()));
            }
        }
        Ok(())
    }
}
