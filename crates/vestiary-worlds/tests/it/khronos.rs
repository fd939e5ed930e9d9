//! Our measures against the reports of the Khronos validator, over its own test files.

use std::{fs, path::Path};

use base64::Engine as _;
use serde_json::Value;

use crate::support::{foreign, glb};
use vestiary_worlds::{Error, Fault, Metrics, preflight};

/// Makes one file of a `.gltf` and the files beside it, which preflight demands.
fn pack(path: &Path) -> Option<Vec<u8>> {
    let text = fs::read(path).unwrap();
    if path.extension().is_some_and(|extension| extension == "glb") {
        return Some(text);
    }
    let mut document: Value = serde_json::from_slice(&text).ok()?;
    // A `.gltf` may leave a buffer without bytes; in a GLB the first is the binary chunk.
    let first = &document["buffers"][0];
    let length = first["byteLength"]
        .as_u64()
        .filter(|_| first.get("uri").is_none());
    let binary = length
        .filter(|length| *length < 1 << 20)
        .map(|length| vec![0; usize::try_from(length).unwrap()]);
    for (list, media_type) in [("buffers", "application/octet-stream"), ("images", "")] {
        for entry in document
            .get_mut(list)
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            let Some(name) = entry.get("uri").and_then(Value::as_str) else {
                continue;
            };
            let media_type = match name.rsplit_once('.') {
                Some((_, "png")) => "image/png",
                Some((_, "jpg")) => "image/jpeg",
                _ => media_type,
            };
            if let Ok(bytes) = fs::read(path.with_file_name(name)) {
                let data = base64::engine::general_purpose::STANDARD.encode(bytes);
                entry["uri"] = format!("data:{media_type};base64,{data}").into();
            }
        }
    }
    Some(glb(&document.to_string(), binary.as_deref()))
}

fn names(list: Option<&Value>) -> Vec<String> {
    let names = list.and_then(Value::as_array).into_iter().flatten();
    let mut names: Vec<String> = names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn compare(name: &str, metrics: &Metrics, report: &Value) {
    let info = &report["info"];
    let number = |key: &str| info[key].as_u64().unwrap_or(0);
    assert_eq!(
        metrics.triangles_in_meshes,
        number("totalTriangleCount"),
        "triangles of {name}"
    );
    assert_eq!(metrics.vertices, number("totalVertexCount"), "vertices of {name}");
    assert_eq!(
        metrics.primitives,
        number("drawCallCount"),
        "primitives of {name}"
    );
    assert_eq!(metrics.materials, number("materialCount"), "materials of {name}");
    assert_eq!(
        metrics.animations,
        number("animationCount"),
        "animations of {name}"
    );
    assert_eq!(metrics.skins > 0, info["hasSkins"] == true, "skins of {name}");
    assert_eq!(
        metrics.textures > 0,
        info["hasTextures"] == true,
        "textures of {name}"
    );
    assert_eq!(
        metrics.extensions_used,
        names(info.get("extensionsUsed")),
        "extensions of {name}"
    );
    assert_eq!(
        metrics.extensions_required,
        names(info.get("extensionsRequired")),
        "extensions of {name}"
    );
    let images = info["resources"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|resource| resource.get("image"));
    let side = |image: &Value| image["width"].as_u64().max(image["height"].as_u64()).unwrap_or(0);
    assert_eq!(
        u64::from(metrics.texture_px),
        images.map(side).max().unwrap_or(0),
        "pixels of {name}"
    );
}

#[test]
fn measures_agree_with_the_khronos_validator() {
    let Some(root) = foreign("gltf/khronos-validator/data") else {
        return;
    };
    let (mut measured, mut refused, mut unpacked) = (0, Vec::new(), 0);
    let mut paths: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|folder| folder.unwrap().path())
        .collect();
    paths.sort();
    for folder in paths {
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        for path in files {
            let report = path.with_file_name(format!("{}.report.json", path.file_name().unwrap().display()));
            if !report.exists() {
                continue;
            }
            let report: Value = serde_json::from_slice(&fs::read(report).unwrap()).unwrap();
            let errors = report["issues"]["numErrors"].as_u64().unwrap();
            let name = path.display().to_string();
            let Some(bytes) = pack(&path) else {
                assert!(errors > 0, "{name} is not JSON but has no errors");
                unpacked += 1;
                continue;
            };
            match preflight(&bytes) {
                Ok(metrics) if errors == 0 => {
                    compare(&name, &metrics, &report);
                    measured += 1;
                }
                Ok(_) => {}
                Err(error) => {
                    if errors == 0 {
                        println!("stricter than Khronos: {name}: {error}");
                    }
                    refused.push((name, errors, error));
                }
            }
        }
    }
    let stricter: Vec<_> = refused.iter().filter(|(_, errors, _)| *errors == 0).collect();
    println!(
        "measured {measured}, refused {}, not JSON {unpacked}",
        refused.len()
    );
    assert!(measured >= 64, "only {measured} files were measured");
    // Where we refuse what Khronos lets pass, it is one of these, on purpose.
    for (name, _, error) in stricter {
        let known = [
            ("accessor/unknown_type.gltf", "accessor_malformed"),
            ("asset/min_version_valid.gltf", "gltf_version"),
            // Not base64, which glTF 2.0 (section 3.6.1.1) demands.
            ("buffer/data_uri.glb", "data_uri"),
            ("buffer/non_relative_uri.gltf", "external_uri"),
            ("image/unrecognized_format.gltf", "image_malformed"),
        ];
        assert!(
            known
                .iter()
                .any(|(end, code)| name.ends_with(end) && error.code() == *code),
            "{name}: {error}"
        );
    }
}

#[test]
fn errors_that_could_hurt_a_loader_are_refused() {
    let Some(root) = foreign("gltf/khronos-validator/data") else {
        return;
    };
    for (name, fault) in [
        ("mesh_data/index_buffer_oob.gltf", Fault::IndexOutOfRange),
        (
            "mesh_data/index_buffer_primitive_restart.gltf",
            Fault::IndexOutOfRange,
        ),
        ("mesh/accessor_unequal_count.gltf", Fault::Primitive),
        ("mesh/morph_attribute_invalid_count.gltf", Fault::Primitive),
        ("mesh/indices_invalid_format.gltf", Fault::Primitive),
        ("mesh/unresolved_indices.gltf", Fault::Unresolved),
        ("mesh/unresolved_material.gltf", Fault::Unresolved),
        ("root/duplicate_extension_entry.gltf", Fault::ExtensionList),
        ("buffer/no_bin_chunk.glb", Fault::BufferBounds),
        ("buffer/wrong_bytelength.glb", Fault::BufferBounds),
        ("buffer/invalid_uri_data.glb", Fault::DataUri),
        ("image/png_eos.gltf", Fault::ImageMalformed),
        ("image/unrecognized_format.gltf", Fault::ImageMalformed),
        ("json/bom.gltf", Fault::JsonMalformed),
    ] {
        let path = root.join(name);
        let bytes = pack(&path).unwrap_or_else(|| glb(&fs::read_to_string(&path).unwrap(), None));
        match preflight(&bytes) {
            Err(Error::Glb { fault: found, at }) => assert_eq!(found, fault, "{name} {at}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn a_decentraland_emote_is_measured() {
    let Some(root) = foreign("gltf/decentraland") else {
        return;
    };
    let metrics = preflight(&fs::read(root.join("wave.glb")).unwrap()).unwrap();
    assert_eq!(
        (
            metrics.nodes,
            metrics.meshes,
            metrics.animations,
            metrics.triangles
        ),
        (63, 0, 1, 0)
    );
    assert_eq!(metrics.bytes, 238_724);
}
