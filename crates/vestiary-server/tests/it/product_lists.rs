//! `vestiary issue` as a brand runs it, with key files and a product list.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use vestiary::ids::DesignId;

use crate::support::actors::Brand;
use crate::support::{PASSPHRASE, TestLedger};

/// A brand's own machine: its keys, and a list with the serials 1 and 2.
struct Desk {
    dir: TempDir,
}

impl Desk {
    fn set(brand: &Brand, design: DesignId) -> Self {
        let dir = tempfile::tempdir().unwrap();
        brand.save_keys(dir.path());
        let list = format!(
            "sku,gtin,serial,design,size,colour,claim,description\n\
             COAT-1,9506000134352,1,{design},M,night,code,a coat\n\
             COAT-1,9506000134352,2,{design},L,night,code,a coat\n"
        );
        std::fs::write(dir.path().join("list.csv"), list).unwrap();
        Self { dir }
    }

    /// Issues the list with `rest`; the exit status, and what was said as JSON: the answer or the problem.
    fn issue(&self, ledger: &TestLedger, brand: &Brand, rest: &[&str]) -> (i32, Value) {
        let path = |name: &str| self.dir.path().join(name);
        let output = tokio::task::block_in_place(|| {
            Command::new(env!("CARGO_BIN_EXE_vestiary"))
                .args(["--json", "issue", "--collection", &brand.collection.to_string()])
                .args(["--api", &format!("http://{}", ledger.client().address())])
                .arg("--list")
                .arg(path("list.csv"))
                .arg("--key-file")
                .arg(path("issuer.key.json"))
                .arg("--seed-file")
                .arg(path("seed.key.json"))
                .arg("--allow-development-keys")
                .args(rest)
                .current_dir(self.dir.path())
                .env_remove("VESTIARY_ROOTS")
                .env("VESTIARY_PASSPHRASE", PASSPHRASE)
                .env("VESTIARY_API_KEY", &brand.key)
                .output()
                .unwrap()
        });
        let said = if output.stdout.is_empty() {
            &output.stderr
        } else {
            &output.stdout
        };
        let said = serde_json::from_slice(said)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(said)));
        (output.status.code().unwrap(), said)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_prepared_was_not_issued_before() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    let client = brand.client(&ledger);
    let desk = Desk::set(&brand, design);
    // A run that broke off before it signed.
    let prepared = client
        .post("/v1/batches", "broken-off", &brand.batch(design, 1, 2))
        .await
        .expect(202);
    let id = prepared["id"].as_str().unwrap();

    let (status, said) = desk.issue(&ledger, &brand, &["--dry-run"]);
    let difference = &said["difference"][0];
    assert_eq!(status, 0, "{said}");
    assert_eq!(
        (&difference["already_issued"], &difference["new"]),
        (&0.into(), &2.into()),
        "{said}"
    );
    let fresh = ["--yes", "--no-wait", "--out", "fresh"];
    let (status, said) = desk.issue(&ledger, &brand, &fresh);
    assert_eq!((status, &said["code"]), (3, &"preparation_open".into()), "{said}");
    assert!(said["detail"].as_str().unwrap().contains(id), "{said}");

    client
        .post(&format!("/v1/batches/{id}/commit"), "", &brand.sign(&prepared))
        .await
        .expect(200);
    let another = ["--yes", "--no-wait", "--out", "another"];
    let (status, said) = desk.issue(&ledger, &brand, &another);
    assert_eq!(status, 0, "{said}");
    assert_eq!(said["difference"][0]["already_issued"], 2, "{said}");
    assert!(
        !Path::new(&desk.dir.path().join("another")).exists(),
        "nothing was begun"
    );
    ledger.stop().await;
}
