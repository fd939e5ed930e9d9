//! One file of a design, missing.

use std::fs;
use std::path::PathBuf;

use vestiary::digest::Sha256;

use super::{printed_repair, replace, verb};
use crate::support::actors::Brand;
use crate::support::{TestLedger, fixture};

/// Where the content store has these bytes.
fn stored(ledger: &TestLedger, bytes: &[u8]) -> PathBuf {
    let name = Sha256::of(bytes).hex();
    ledger
        .ground
        .data_dir()
        .join("content/files")
        .join(&name[..2])
        .join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_licence_text_that_is_missing_is_named_and_comes_back_from_a_copy() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    brand.design(&ledger, "0").await;
    ledger.stop().await;
    let copy = tempfile::tempdir().unwrap();
    let whole = copy.path().join("data");
    replace(&ledger.ground.data_dir(), &whole);
    let licence = fixture("garments/licence.txt");
    let file = stored(&ledger, &licence);
    fs::remove_file(&file).unwrap();

    let config = ledger.ground.dir.path().join("vestiary.toml");
    let (clean, checked) = verb(&["check", "--config", config.to_str().unwrap()]);
    let told = checked.to_string();
    assert!(!clean, "{told}");
    assert!(
        told.contains("content_missing") && told.contains(file.to_str().unwrap()),
        "{told}"
    );
    printed_repair(&ledger, &whole);
    assert_eq!(fs::read(&file).unwrap(), licence);
}
