//! Why a GLB is refused.

use std::fmt;

macro_rules! faults {
    ($($(#[doc = $doc:literal])* $variant:ident => $code:literal, $words:literal;)*) => {
        /// What is wrong with a GLB. The code never changes; the words may.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault {
            $($(#[doc = $doc])* $variant,)*
        }

        impl Fault {
            /// Every fault, in the order of this list.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// A name for machines, stable for ever.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }

        impl fmt::Display for Fault {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $words,)* })
            }
        }
    };
}

faults! {
    /// More bytes than a file may have.
    TooLarge => "too_large", "the file is larger than any file may be";
    /// The first four bytes are not `glTF`, or the header is cut off.
    NotGlb => "not_glb", "the file does not begin like a GLB";
    /// The container's version is not 2.
    GlbVersion => "glb_version", "only version 2 of the GLB container is read";
    /// The header's length is not the file's.
    GlbLength => "glb_length", "the length in the header is not the length of the file";
    /// Chunks are missing, cut off, not aligned to four bytes, or in the wrong order.
    GlbChunks => "glb_chunks", "the chunks of the GLB are cut off or in the wrong order";
    /// The JSON chunk exceeds [`MAX_JSON_BYTES`](super::MAX_JSON_BYTES).
    JsonTooLarge => "json_too_large", "the JSON chunk is too large";
    /// The JSON nests deeper than [`MAX_JSON_DEPTH`](super::MAX_JSON_DEPTH).
    JsonTooDeep => "json_too_deep", "the JSON nests too deep";
    /// More than [`MAX_JSON_VALUES`](super::MAX_JSON_VALUES) values, or an array longer than
    /// [`MAX_LIST`](super::MAX_LIST).
    JsonTooMany => "json_too_many", "the JSON has too many values";
    /// Not JSON in UTF-8.
    JsonMalformed => "json_malformed", "the JSON chunk is not JSON in UTF-8";
    /// One object has the same key twice: two readers would see two files.
    DuplicateKey => "duplicate_key", "an object has the same key twice";
    /// A glTF property has another type than glTF gives it, or is missing.
    GltfMalformed => "gltf_malformed", "a property is missing or has the wrong type";
    /// `asset.version` or `asset.minVersion` is not 2.0.
    GltfVersion => "gltf_version", "only glTF 2.0 is read";
    /// An extension is used that `extensionsUsed` does not declare, or required but not used.
    ExtensionUndeclared => "extension_undeclared", "an extension is used but not declared";
    /// An extension is listed twice, or there are more than
    /// [`MAX_EXTENSIONS`](super::MAX_EXTENSIONS).
    ExtensionList => "extension_list", "the list of extensions repeats itself or is too long";
    /// A URI leads outside the file.
    ExternalUri => "external_uri", "the file refers to something outside itself";
    /// A `data:` URI is not base64 of what it says.
    DataUri => "data_uri", "a data URI is not valid base64";
    /// An index names something that is not there.
    Unresolved => "unresolved_reference", "a reference names something that is not in the file";
    /// A buffer declares more bytes than the file brings.
    BufferBounds => "buffer_bounds", "a buffer declares more bytes than the file has";
    /// A buffer view leaves its buffer.
    BufferViewBounds => "buffer_view_bounds", "a buffer view leaves its buffer";
    /// A stride is not a multiple of 4 from 4 to 252, or smaller than the element.
    ByteStride => "byte_stride", "a byte stride is not possible";
    /// An accessor's type, component type or count is none that glTF has.
    AccessorMalformed => "accessor_malformed", "an accessor has an impossible type or count";
    /// count × stride + offset leaves the buffer view.
    AccessorBounds => "accessor_bounds", "an accessor leaves its buffer view";
    /// An accessor does not begin at a multiple of its component's size.
    AccessorAlignment => "accessor_alignment", "an accessor is not aligned to its components";
    /// A primitive's attributes, indices or targets do not fit one another.
    Primitive => "primitive", "the attributes or indices of a primitive do not fit one another";
    /// An index points past the last vertex, or is the value that restarts a primitive.
    IndexOutOfRange => "index_out_of_range", "an index points past the last vertex";
    /// A position is infinite or not a number.
    NotFinite => "not_finite", "a position is not a finite number";
    /// More than [`MAX_TRIANGLES`](super::MAX_TRIANGLES).
    TooManyTriangles => "too_many_triangles", "more triangles than any world could load";
    /// More than [`MAX_VERTICES`](super::MAX_VERTICES).
    TooManyVertices => "too_many_vertices", "more vertices than any world could load";
    /// Geometry unpacks to more than [`MAX_UNPACKED_BYTES`](super::MAX_UNPACKED_BYTES).
    Unpacked => "unpacked_too_large", "geometry would unpack to too many bytes";
    /// A node has two parents or is its own ancestor.
    NodeHierarchy => "node_hierarchy", "a node has two parents or is its own ancestor";
    /// Nodes nest deeper than [`MAX_NODE_DEPTH`](super::MAX_NODE_DEPTH).
    NodeDepth => "node_depth", "nodes nest too deep";
    /// An image is not PNG, JPEG, WebP or KTX2, or is cut off.
    ImageMalformed => "image_malformed", "an image is damaged or of an unknown format";
    /// An image's bytes are of another format than its `mimeType` says.
    ImageMediaType => "image_media_type", "an image is not what its media type says";
    /// More or larger images than the limits allow.
    ImageTooLarge => "image_too_large", "there are too many pixels";
    /// A VRM licence lacks what VRM demands, or a text in it is too long.
    VrmLicence => "vrm_licence", "the VRM licence is incomplete or too long";
}
