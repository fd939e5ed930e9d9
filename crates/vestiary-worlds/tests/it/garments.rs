//! The garments, the product list and the worlds of the repository's fixtures.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use crate::support::{fixture, fixtures};
use vestiary_worlds::{preflight, preflight::image_header};

/// File, triangles, pixels, required extensions.
const GARMENTS: [(&str, u64, u32, &[&str]); 7] = [
    ("coat-plaza.glb", 9_784, 1_024, &["KHR_texture_transform"]),
    ("coat-pocket.glb", 598, 256, &[]),
    (
        "coat-too-rich-for-pocket.glb",
        5_490,
        1_024,
        &["KHR_texture_transform"],
    ),
    ("boots-plaza.glb", 8_800, 1_024, &["KHR_texture_transform"]),
    ("boots-pocket.glb", 532, 256, &[]),
    ("cap-plaza.glb", 5_178, 1_024, &["KHR_texture_transform"]),
    ("cap-pocket.glb", 824, 256, &[]),
];

#[test]
fn garments_measure_what_their_readme_says() {
    for (name, triangles, texture_px, required) in GARMENTS {
        let metrics = preflight(&fixture(&format!("garments/{name}"))).unwrap();
        assert_eq!(
            (metrics.triangles, metrics.texture_px),
            (triangles, texture_px),
            "{name}"
        );
        assert_eq!(metrics.triangles_in_meshes, triangles, "{name}");
        assert_eq!(metrics.extensions_required, required, "{name}");
        assert_eq!(metrics.extensions_used, required, "{name}");
        assert_eq!(
            (metrics.meshes, metrics.nodes, metrics.images),
            (1, 1, 1),
            "{name}"
        );
    }
    for name in ["coat.png", "boots.png", "cap.png"] {
        let header = image_header(&fixture(&format!("garments/{name}"))).unwrap();
        assert_eq!((header.width_px, header.height_px), (256, 256), "{name}");
    }
}

#[test]
fn the_garments_are_what_their_script_makes() {
    made_again("make-garments", "garments");
}

#[test]
fn the_rejected_garments_are_what_their_script_makes() {
    made_again("make-rejected-garments", "garments/rejected");
}

#[test]
fn the_products_are_what_their_script_makes() {
    made_again("make-products", "products");
}

/// Runs a script into an empty folder; every file it makes must be the committed one, and none missing.
fn made_again(script: &str, folder: &str) {
    let target = tempfile::tempdir().unwrap();
    let script = fixtures().join("../scripts").join(script);
    let made = Command::new("python3").arg(script).arg(target.path()).output();
    let Ok(made) = made else {
        println!("missing: python3");
        assert!(
            std::env::var("VESTIARY_STRICT").as_deref() != Ok("1"),
            "missing: python3"
        );
        return;
    };
    println!("ran: python3");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made = read_all(target.path());
    let mut committed = read_all(&fixtures().join(folder));
    // Written by hand, and the results of another script.
    committed
        .retain(|name, _| made.contains_key(name) || !["README.md", "licence.txt"].contains(&name.as_str()));
    committed.retain(|name, _| folder != "garments" || !name.starts_with("rejected/"));
    assert_eq!(
        made.keys().collect::<Vec<_>>(),
        committed.keys().collect::<Vec<_>>()
    );
    for (name, bytes) in made {
        assert!(committed[&name] == bytes, "{name} is not what the script makes");
    }
}

fn read_all(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let below = read_all(&entry.path()).into_iter();
            found.extend(below.map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    found
}

#[test]
fn the_product_list_has_200_rows_with_right_check_digits_and_every_serial_once() {
    let text = String::from_utf8(fixture("products/spring.csv")).unwrap();
    let mut serials: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.splitn(8, ',').collect();
        let digits: Vec<u32> = cells[1]
            .chars()
            .map(|digit| digit.to_digit(10).unwrap())
            .collect();
        let sum: u32 = digits
            .iter()
            .enumerate()
            .map(|(at, digit)| digit * if at % 2 == 1 { 3 } else { 1 })
            .sum();
        assert!(
            digits.len() == 13 && sum.is_multiple_of(10) && cells[1].starts_with("952"),
            "{line}"
        );
        serials
            .entry(cells[3].to_owned())
            .or_default()
            .push(cells[2].parse().unwrap());
    }
    assert_eq!(serials.values().map(Vec::len).sum::<usize>(), 200);
    for (design, serials) in serials {
        assert!(serials.iter().copied().eq(1..=serials.len() as u64), "{design}");
    }
}
