//! One file of a design, missing or rotten.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use vestiary::digest::Sha256;
use vestiary_server::worker::scrub;

use super::{printed_repair, replace, verb};
use crate::beginnings::{Issued, claimed};
use crate::story::inventory;
use crate::support::actors::{Actor, Brand};
use crate::support::http::Client;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_found_rotten_is_missing_until_it_is_whole_again() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let ana = Actor::named("Ana");
    let Issued { brand, .. } = claimed(&ledger, 1, &ana).await;
    let worn = async |ledger: &TestLedger| {
        let answer = inventory(ledger, &ana, "plaza").await;
        let wearable = &answer["wearables"][0];
        [&wearable["wear"], &wearable["why"]].map(|word| word.as_str().unwrap_or_default().to_owned())
    };
    let garment = fixture("garments/coat-plaza.glb");
    let file = stored(&ledger, &garment);
    let mut rotten = garment.clone();
    rotten[1_000] ^= 1;
    let round = async |ledger: &TestLedger| scrub::round(ledger.service(), Duration::ZERO).await;
    assert_eq!(worn(&ledger).await[0], "yes");

    fs::write(&file, &rotten).unwrap();
    assert_eq!(round(&ledger).await, 1);
    assert_eq!(
        worn(&ledger).await,
        ["unknown", "file_missing"],
        "the scrub named it"
    );
    brand.client(&ledger).upload(garment.clone()).await.expect(201);
    assert_eq!(worn(&ledger).await[0], "yes", "it was put again");

    fs::write(&file, &rotten).unwrap();
    let url = format!("/files/{}", Sha256::of(&garment));
    let broken_off = Client::try_send(ledger.client().request(reqwest::Method::GET, &url)).await;
    assert!(broken_off.is_none_or(|reply| reply.body != rotten));
    assert_eq!(
        worn(&ledger).await,
        ["unknown", "file_missing"],
        "whoever fetched it met it"
    );
    fs::write(&file, &garment).unwrap();
    assert_eq!(round(&ledger).await, 0);
    assert_eq!(worn(&ledger).await[0], "yes", "the scrub found it whole");
    ledger.stop().await;
}
