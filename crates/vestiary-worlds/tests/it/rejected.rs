//! GLBs that must not be loaded: the files of `fixtures/garments/rejected`, and each limit from both
//! sides.

use std::{collections::BTreeSet, fmt::Write as _, fs, time::Instant};

use base64::Engine as _;

use crate::support::{fixtures, glb};
use vestiary_worlds::{
    Error, Fault, Metrics,
    content::MAX_FILE_BYTES,
    preflight,
    preflight::{
        ImageFormat, MAX_EXTENSIONS, MAX_IMAGES, MAX_JSON_BYTES, MAX_JSON_DEPTH, MAX_JSON_VALUES,
        MAX_LICENCE_TEXT_BYTES, MAX_LIST, MAX_NODE_DEPTH, MAX_PIXELS, MAX_TEXTURE_PX, MAX_TRIANGLES,
        MAX_UNPACKED_BYTES, MAX_VERTICES, image_header,
    },
};

/// The code that a GLB is refused with, or "" if it is not.
fn code(file: &[u8]) -> &'static str {
    preflight(file).err().map_or("", |error| error.code())
}

#[test]
fn every_rejected_garment_is_refused_with_the_code_in_its_name() {
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(fixtures().join("garments/rejected")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let expected = name.split("--").next().unwrap();
        let started = Instant::now();
        let found = code(&fs::read(&path).unwrap());
        assert_eq!(found, expected, "{name}");
        assert!(
            started.elapsed().as_secs() < 2,
            "{name} took {:?}",
            started.elapsed()
        );
        seen.insert(found);
    }
    // Two cannot be shown by a small file; they are shown below.
    for fault in Fault::ALL {
        let shown = seen.contains(fault.code()) || matches!(fault, Fault::TooLarge | Fault::JsonTooLarge);
        assert!(shown, "no rejected garment shows {}", fault.code());
    }
}

#[test]
fn codes_of_faults_are_never_used_twice() {
    let codes: BTreeSet<_> = Fault::ALL.iter().map(|fault| fault.code()).collect();
    assert_eq!(codes.len(), Fault::ALL.len());
    let error = Error::Glb {
        fault: Fault::AccessorBounds,
        at: "/accessors/3".into(),
    };
    assert_eq!(
        error.to_string(),
        "an accessor leaves its buffer view (accessor_bounds at /accessors/3)"
    );
}

/// A document with some properties beside `asset`.
fn with(properties: &str) -> Vec<u8> {
    glb(&format!(r#"{{"asset":{{"version":"2.0"}}{properties}}}"#), None)
}

fn listed(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

#[test]
fn files_and_their_json_have_a_size_at_most() {
    let limit = usize::try_from(MAX_FILE_BYTES).unwrap();
    let sized = |bytes: usize| {
        let json = r#"{"asset":{"version":"2.0"}} "#;
        glb(json, Some(&vec![0; bytes - 12 - 8 - json.len() - 8]))
    };
    assert_eq!(sized(limit).len(), limit);
    assert_eq!(code(&sized(limit)), "");
    assert_eq!(code(&sized(limit + 4)), "too_large");

    let long = |bytes: usize| with(&format!(r#","extras":"{}""#, "x".repeat(bytes - 39)));
    assert_eq!(
        u32::from_le_bytes(long(MAX_JSON_BYTES)[12..16].try_into().unwrap()),
        8 << 20
    );
    assert_eq!(code(&long(MAX_JSON_BYTES)), "");
    assert_eq!(code(&long(MAX_JSON_BYTES + 4)), "json_too_large");
}

#[test]
fn json_has_a_depth_and_a_number_of_values_at_most() {
    let nested = |depth: usize| {
        with(&format!(
            r#","extras":{}{}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        ))
    };
    assert_eq!(code(&nested(MAX_JSON_DEPTH - 1)), ""); // the document itself is one
    assert_eq!(code(&nested(MAX_JSON_DEPTH)), "json_too_deep");

    let list = |length: usize| with(&format!(r#","extras":[{}]"#, listed(length, |_| "0".into())));
    assert_eq!(code(&list(MAX_LIST)), "");
    assert_eq!(code(&list(MAX_LIST + 1)), "json_too_many");

    let rows = (MAX_JSON_VALUES - 4) / 1000; // beside them: document, asset, version, extras
    let row = format!("[{}]", listed(999, |_| "0".into()));
    let values = |more: usize| {
        let body = listed(rows, |_| row.clone());
        let rest = MAX_JSON_VALUES - 4 - rows * 1000 + more;
        with(&format!(
            r#","extras":[{body}],"x":[{}]"#,
            listed(rest - 1, |_| "0".into())
        ))
    };
    assert_eq!(code(&values(0)), "");
    assert_eq!(code(&values(1)), "json_too_many");
}

#[test]
fn nodes_nest_at_most_so_deep() {
    let chain = |length: usize| {
        let nodes = listed(length, |at| {
            if at + 1 < length {
                format!(r#"{{"children":[{}]}}"#, at + 1)
            } else {
                "{}".into()
            }
        });
        with(&format!(r#","nodes":[{nodes}]"#))
    };
    assert_eq!(code(&chain(MAX_NODE_DEPTH)), "");
    assert_eq!(code(&chain(MAX_NODE_DEPTH + 1)), "node_depth");
}

#[test]
fn extensions_have_a_number_at_most() {
    let declared = |count: usize| {
        with(&format!(
            r#","extensionsUsed":[{}]"#,
            listed(count, |at| format!("\"E_{at}\""))
        ))
    };
    assert_eq!(code(&declared(MAX_EXTENSIONS)), "");
    assert_eq!(code(&declared(MAX_EXTENSIONS + 1)), "extension_list");
    let used = |count: usize| {
        let names = listed(count, |at| format!("\"E_{at}\""));
        let bodies = listed(count, |at| format!("\"E_{at}\":{{}}"));
        with(&format!(
            r#","extensionsUsed":[{names}],"extensions":{{{bodies}}}"#
        ))
    };
    assert_eq!(code(&used(MAX_EXTENSIONS)), "");
    assert_eq!(code(&used(MAX_EXTENSIONS + 1)), "extension_list");
}

/// A PNG's first and last chunks; the size is what the header promises.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    file.extend(width.to_be_bytes());
    file.extend(height.to_be_bytes());
    file.extend(b"\x08\x02\0\0\0----\0\0\0\0IDAT----\0\0\0\0IEND----");
    file
}

fn images(count: usize, width: u32, height: u32) -> Vec<u8> {
    let data = base64::engine::general_purpose::STANDARD.encode(png(width, height));
    let image = format!(r#"{{"uri":"data:image/png;base64,{data}"}}"#);
    with(&format!(r#","images":[{}]"#, listed(count, |_| image.clone())))
}

#[test]
fn images_have_a_number_a_side_and_an_area_at_most() {
    assert_eq!(code(&images(MAX_IMAGES, 1, 1)), "");
    assert_eq!(code(&images(MAX_IMAGES + 1, 1, 1)), "image_too_large");
    assert_eq!(
        preflight(&images(1, 3, MAX_TEXTURE_PX)).unwrap().texture_px,
        MAX_TEXTURE_PX
    );
    assert_eq!(code(&images(1, MAX_TEXTURE_PX + 1, 1)), "image_too_large");
    let side = 8192;
    let most = usize::try_from(MAX_PIXELS / (8192 * 8192)).unwrap();
    assert_eq!(preflight(&images(most, side, side)).unwrap().pixels, MAX_PIXELS);
    assert_eq!(code(&images(most + 1, side, side)), "image_too_large");
    assert_eq!(code(&images(1, 0, 1)), "image_malformed");
}

#[test]
fn headers_of_four_image_formats_are_understood() {
    let jpeg = b"\xff\xd8\xff\xe0\0\x04JF\xff\xff\xdb\0\x03q\xff\xc2\0\x11\x08\x01\x00\x02\x00\x03";
    let webp_lossy = b"RIFF\x1e\0\0\0WEBPVP8 \x12\0\0\0\0\0\0\x9d\x01\x2a\x40\x01\xf0\x40";
    let webp_lossless = b"RIFF\x1e\0\0\0WEBPVP8L\x12\0\0\0\x2f\x3f\xc1\x3b\x00\0";
    let webp_extended = b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\x07\0\xff\x03\0";
    let mut ktx2 = b"\xabKTX 20\xbb\r\n\x1a\n\0\0\0\0\x01\0\0\0".to_vec();
    ktx2.extend([0, 4, 0, 0, 0, 2, 0, 0]);
    for (bytes, format, width, height) in [
        (&png(7, 9)[..], ImageFormat::Png, 7, 9),
        (jpeg, ImageFormat::Jpeg, 512, 256),
        (webp_lossy, ImageFormat::Webp, 320, 240),
        (webp_lossless, ImageFormat::Webp, 320, 240),
        (webp_extended, ImageFormat::Webp, 2048, 1024),
        (&ktx2, ImageFormat::Ktx2, 1024, 512),
    ] {
        let header = image_header(bytes).unwrap();
        assert_eq!(
            (header.format, header.width_px, header.height_px),
            (format, width, height)
        );
        for cut in 0..bytes.len() {
            let cut_off = image_header(&bytes[..cut]);
            assert!(
                cut_off.is_none() || format != ImageFormat::Png,
                "a PNG cut off at {cut} is an image"
            );
        }
    }
}

/// One primitive over accessors without bytes: `vertices` of them, `indices` if any.
fn zeros(vertices: u64, indices: Option<u64>, nodes: usize) -> Result<Metrics, Error> {
    let mut accessors = format!(r#"{{"componentType":5121,"count":{vertices},"type":"SCALAR"}}"#);
    let mut primitive = r#""attributes":{"_ID":0}"#.to_owned();
    if let Some(indices) = indices {
        write!(
            accessors,
            r#",{{"componentType":5121,"count":{indices},"type":"SCALAR"}}"#
        )
        .unwrap();
        primitive += r#","indices":1"#;
    }
    let nodes = listed(nodes, |_| r#"{"mesh":0}"#.into());
    let meshes = format!(r#"[{{"primitives":[{{{primitive}}}]}}]"#);
    preflight(&with(&format!(
        r#","accessors":[{accessors}],"meshes":{meshes},"nodes":[{nodes}]"#
    )))
}

fn fault(result: Result<Metrics, Error>) -> &'static str {
    result.err().map_or("", |error| error.code())
}

#[test]
fn geometry_has_a_size_at_most() {
    assert_eq!(zeros(MAX_VERTICES, None, 1).unwrap().vertices, MAX_VERTICES);
    assert_eq!(fault(zeros(MAX_VERTICES + 1, None, 1)), "too_many_vertices");
    // The limit of indices is that of the triangles they make.
    assert_eq!(
        zeros(3, Some(3 * MAX_TRIANGLES), 1).unwrap().triangles,
        MAX_TRIANGLES
    );
    assert_eq!(
        fault(zeros(3, Some(3 * MAX_TRIANGLES + 3), 1)),
        "too_many_vertices"
    );
    assert_eq!(
        zeros(3, Some(3 * MAX_TRIANGLES / 2), 2).unwrap().triangles,
        MAX_TRIANGLES
    );
    assert_eq!(
        fault(zeros(3, Some(3 * MAX_TRIANGLES / 2 + 3), 2)),
        "too_many_triangles"
    );

    let unpacked = |bytes: u64| {
        preflight(&with(&format!(
            r#","accessors":[{{"componentType":5126,"count":{},"type":"SCALAR"}}]"#,
            bytes / 4
        )))
    };
    assert_eq!(fault(unpacked(MAX_UNPACKED_BYTES)), "");
    assert_eq!(fault(unpacked(MAX_UNPACKED_BYTES + 4)), "unpacked_too_large");
}

#[test]
fn a_mesh_counts_as_often_as_it_is_shown() {
    let metrics = zeros(12, None, 5).unwrap();
    assert_eq!((metrics.triangles_in_meshes, metrics.triangles), (4, 20));
    let hidden = zeros(12, None, 0).unwrap();
    assert_eq!((hidden.triangles_in_meshes, hidden.triangles), (4, 4));
}

#[test]
fn the_licence_of_a_vrm_file_is_read() {
    let vrm0 = r#","extensionsUsed":["VRM"],"extensions":{"VRM":{"meta":{"title":"Coat","author":"Atelier",
        "commercialUssageName":"Disallow","licenseName":"CC_BY"}}}"#;
    let licence = preflight(&with(vrm0)).unwrap().vrm.unwrap();
    assert_eq!(
        (licence.vrm, &*licence.name, &*licence.licence),
        ("0.0", "Coat", "CC_BY")
    );
    assert_eq!(
        (licence.authors, &*licence.commercial),
        (vec!["Atelier".to_owned()], "Disallow")
    );

    let vrm1 = |name: &str| {
        with(&format!(
            r#","extensionsUsed":["VRMC_vrm"],"extensions":{{"VRMC_vrm":{{
        "specVersion":"1.0","meta":{{"name":"{name}","authors":["A","B"],"commercialUsage":"personalProfit",
        "licenseUrl":"https://vrm.dev/licenses/1.0/","allowRedistribution":true}}}}}}"#
        ))
    };
    let licence = preflight(&vrm1("Coat")).unwrap().vrm.unwrap();
    assert_eq!(
        (licence.vrm, &*licence.commercial, &*licence.redistribution),
        ("1.0", "personalProfit", "true")
    );
    assert_eq!(licence.authors, ["A", "B"]);
    assert_eq!(code(&vrm1(&"x".repeat(MAX_LICENCE_TEXT_BYTES))), "");
    assert_eq!(
        code(&vrm1(&"x".repeat(MAX_LICENCE_TEXT_BYTES + 1))),
        "vrm_licence"
    );
    let nameless = r#","extensionsUsed":["VRMC_vrm"],"extensions":{"VRMC_vrm":{"meta":{"authors":["A"]}}}"#;
    assert_eq!(code(&with(nameless)), "gltf_malformed");
}

#[test]
fn what_stands_in_extras_is_nobody_elses_business() {
    let extras = r#","extras":{"uri":"https://example.org","extensions":{"MINE":{}}}"#;
    assert_eq!(code(&with(extras)), "");
}
