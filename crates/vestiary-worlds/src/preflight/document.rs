//! The second reading: the parts of glTF that a check or a measure needs, typed.

use std::{borrow::Cow, collections::BTreeMap, collections::BTreeSet};

use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::{Fault, MAX_EXTENSIONS, refuse, vrm};
use crate::Error;

/// A count, an offset or an index. glTF lets a writer spell it `3.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Uint(pub(super) u64);

impl<'de> Deserialize<'de> for Uint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        if let Some(value) = number.as_u64() {
            return Ok(Self(value));
        }
        match number.as_f64() {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "guarded by the pattern"
            )]
            Some(value) if (0.0..=9_007_199_254_740_992.0).contains(&value) && value.fract() == 0.0 => {
                Ok(Self(value as u64))
            }
            _ => Err(serde::de::Error::custom("not a whole number")),
        }
    }
}

/// The JSON chunk.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    #[serde(borrow)]
    asset: Asset<'a>,
    #[serde(default)]
    extensions_used: Vec<String>,
    #[serde(default)]
    extensions_required: Vec<String>,
    #[serde(default)]
    pub(super) extensions: RootExtensions,
    #[serde(default)]
    pub(super) accessors: Vec<Accessor>,
    #[serde(default, borrow)]
    pub(super) buffers: Vec<Buffer<'a>>,
    #[serde(default)]
    pub(super) buffer_views: Vec<BufferView>,
    #[serde(default, borrow)]
    pub(super) images: Vec<Image<'a>>,
    #[serde(default)]
    pub(super) textures: Vec<Texture>,
    #[serde(default)]
    samplers: Vec<IgnoredAny>,
    #[serde(default)]
    pub(super) materials: Vec<Material>,
    #[serde(default)]
    pub(super) meshes: Vec<Mesh>,
    #[serde(default)]
    pub(super) nodes: Vec<Node>,
    #[serde(default)]
    pub(super) scenes: Vec<Scene>,
    pub(super) scene: Option<Uint>,
    #[serde(default)]
    pub(super) skins: Vec<Skin>,
    #[serde(default)]
    pub(super) animations: Vec<Animation>,
    #[serde(default)]
    pub(super) cameras: Vec<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asset<'a> {
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow)]
    min_version: Option<Cow<'a, str>>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct RootExtensions {
    #[serde(rename = "VRM")]
    pub(super) vrm0: Option<vrm::Vrm0>,
    #[serde(rename = "VRMC_vrm")]
    pub(super) vrm1: Option<vrm::Vrm1>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accessor {
    pub(super) buffer_view: Option<Uint>,
    pub(super) byte_offset: Option<Uint>,
    pub(super) component_type: Uint,
    pub(super) count: Uint,
    pub(super) r#type: String,
    pub(super) sparse: Option<Sparse>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Sparse {
    pub(super) count: Uint,
    pub(super) indices: SparsePart,
    pub(super) values: SparsePart,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SparsePart {
    pub(super) buffer_view: Uint,
    pub(super) byte_offset: Option<Uint>,
    pub(super) component_type: Option<Uint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Buffer<'a> {
    pub(super) byte_length: Uint,
    #[serde(borrow)]
    pub(super) uri: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BufferView {
    pub(super) buffer: Uint,
    pub(super) byte_offset: Option<Uint>,
    pub(super) byte_length: Uint,
    pub(super) byte_stride: Option<Uint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image<'a> {
    #[serde(borrow)]
    pub(super) uri: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) mime_type: Option<Cow<'a, str>>,
    pub(super) buffer_view: Option<Uint>,
}

/// Anything that names an image as its `source`.
#[derive(Debug, Deserialize)]
pub(super) struct Texture {
    source: Option<Uint>,
    sampler: Option<Uint>,
    #[serde(default)]
    extensions: TextureExtensions,
}

#[derive(Debug, Default, Deserialize)]
struct TextureExtensions {
    #[serde(rename = "KHR_texture_basisu")]
    basis: Option<ImageSource>,
    #[serde(rename = "EXT_texture_webp")]
    webp: Option<ImageSource>,
}

#[derive(Debug, Deserialize)]
struct ImageSource {
    source: Option<Uint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Material {
    #[serde(default)]
    pbr_metallic_roughness: MetallicRoughness,
    normal_texture: Option<TextureInfo>,
    occlusion_texture: Option<TextureInfo>,
    emissive_texture: Option<TextureInfo>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetallicRoughness {
    base_color_texture: Option<TextureInfo>,
    metallic_roughness_texture: Option<TextureInfo>,
}

#[derive(Debug, Deserialize)]
struct TextureInfo {
    index: Uint,
}

#[derive(Debug, Deserialize)]
pub(super) struct Mesh {
    pub(super) primitives: Vec<Primitive>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Primitive {
    pub(super) attributes: BTreeMap<String, Uint>,
    pub(super) indices: Option<Uint>,
    pub(super) material: Option<Uint>,
    pub(super) mode: Option<Uint>,
    #[serde(default)]
    pub(super) targets: Vec<BTreeMap<String, Uint>>,
    #[serde(default)]
    pub(super) extensions: PrimitiveExtensions,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct PrimitiveExtensions {
    #[serde(rename = "KHR_draco_mesh_compression")]
    pub(super) draco: Option<Draco>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Draco {
    pub(super) buffer_view: Uint,
}

#[derive(Debug, Deserialize)]
pub(super) struct Node {
    #[serde(default)]
    pub(super) children: Vec<Uint>,
    pub(super) mesh: Option<Uint>,
    pub(super) skin: Option<Uint>,
    pub(super) camera: Option<Uint>,
    #[serde(default)]
    pub(super) extensions: NodeExtensions,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct NodeExtensions {
    #[serde(rename = "EXT_mesh_gpu_instancing")]
    pub(super) instancing: Option<Instancing>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Instancing {
    pub(super) attributes: BTreeMap<String, Uint>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Scene {
    #[serde(default)]
    pub(super) nodes: Vec<Uint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Skin {
    pub(super) joints: Vec<Uint>,
    pub(super) skeleton: Option<Uint>,
    pub(super) inverse_bind_matrices: Option<Uint>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Animation {
    pub(super) channels: Vec<Channel>,
    pub(super) samplers: Vec<AnimationSampler>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Channel {
    pub(super) sampler: Uint,
    pub(super) target: Target,
}

#[derive(Debug, Deserialize)]
pub(super) struct Target {
    pub(super) node: Option<Uint>,
}

#[derive(Debug, Deserialize)]
pub(super) struct AnimationSampler {
    pub(super) input: Uint,
    pub(super) output: Uint,
}

/// An index into one of the document's lists, as a `usize` that is there.
pub(super) fn resolve(index: Uint, length: usize, at: impl FnOnce() -> String) -> Result<usize, Error> {
    match usize::try_from(index.0) {
        Ok(index) if index < length => Ok(index),
        _ => Err(refuse(Fault::Unresolved, at())),
    }
}

impl<'a> Document<'a> {
    /// Reads the chunk. It has been scanned: it is JSON, bounded, without duplicate keys.
    pub(super) fn parse(json: &'a [u8]) -> Result<Self, Error> {
        // An object is demanded because serde would also take an array for a struct.
        let object = json.trim_ascii_start().first() == Some(&b'{');
        let document = serde_json::from_slice(json).ok().filter(|_| object);
        document.ok_or_else(|| refuse(Fault::GltfMalformed, ""))
    }

    pub(super) fn check_asset(&self) -> Result<(), Error> {
        let minor_digits = |text: &str| {
            text.strip_prefix("2.")
                .is_some_and(|minor| !minor.is_empty() && minor.bytes().all(|b| b.is_ascii_digit()))
        };
        if !minor_digits(&self.asset.version) {
            return Err(refuse(Fault::GltfVersion, "/asset/version"));
        }
        if self
            .asset
            .min_version
            .as_deref()
            .is_some_and(|version| version != "2.0")
        {
            return Err(refuse(Fault::GltfVersion, "/asset/minVersion"));
        }
        Ok(())
    }

    /// `extensionsUsed` and `extensionsRequired`, sorted; `found` is what the file really uses.
    pub(super) fn check_extensions(
        &self,
        found: &BTreeSet<String>,
    ) -> Result<(Vec<String>, Vec<String>), Error> {
        let used = unique(&self.extensions_used, "/extensionsUsed")?;
        let required = unique(&self.extensions_required, "/extensionsRequired")?;
        if let Some(missing) = found.union(&required).find(|name| !used.contains(*name)) {
            return Err(refuse(Fault::ExtensionUndeclared, escape(missing)));
        }
        Ok((used.into_iter().collect(), required.into_iter().collect()))
    }

    /// References among textures, materials and images.
    pub(super) fn check_materials(&self) -> Result<(), Error> {
        for (index, texture) in self.textures.iter().enumerate() {
            let sources = [
                texture.source,
                texture.extensions.basis.as_ref().and_then(|image| image.source),
                texture.extensions.webp.as_ref().and_then(|image| image.source),
            ];
            for source in sources.into_iter().flatten() {
                resolve(source, self.images.len(), || format!("/textures/{index}/source"))?;
            }
            if let Some(sampler) = texture.sampler {
                resolve(sampler, self.samplers.len(), || {
                    format!("/textures/{index}/sampler")
                })?;
            }
        }
        for (index, material) in self.materials.iter().enumerate() {
            let textures = [
                &material.pbr_metallic_roughness.base_color_texture,
                &material.pbr_metallic_roughness.metallic_roughness_texture,
                &material.normal_texture,
                &material.occlusion_texture,
                &material.emissive_texture,
            ];
            for texture in textures.into_iter().flatten() {
                resolve(texture.index, self.textures.len(), || {
                    format!("/materials/{index}")
                })?;
            }
        }
        Ok(())
    }
}

fn unique(names: &[String], at: &str) -> Result<BTreeSet<String>, Error> {
    let set: BTreeSet<String> = names.iter().cloned().collect();
    if set.len() != names.len() || set.len() > MAX_EXTENSIONS {
        return Err(refuse(Fault::ExtensionList, at));
    }
    Ok(set)
}

/// A name from the file as part of a message: short, and nothing but printable ASCII.
fn escape(name: &str) -> String {
    name.chars().take(64).flat_map(char::escape_default).collect()
}
