//! `vestiary issue` and a service that wants something else signed than was asked for, or answers with the papers of
//! another batch.

mod service;

use std::path::PathBuf;
use std::process::{Command, Output};

use alloy_primitives::{Address, keccak256};
use serde_json::Value;
use tempfile::TempDir;
use vestiary::certificate::CertificateFields;
use vestiary::ids::{Edition, IssuerId, Serial, SerialRange};
use vestiary::timestamp::{MAX_UNIX_SECONDS, Timestamp};
use vestiary_log::seams::SystemRandom;
use vestiary_server::api::NewBatch;
use vestiary_signing::codes::Seed;
use vestiary_signing::{AccountKey, KdfCost, Purpose, StoredKey as _};

use crate::support::{PASSPHRASE, passphrase};
use service::{Lie, OTHER_ORIGIN, Service, collection, public, roots};

/// A brand's own machine: its keys, what it believes, and a list with the serials 1 and 2.
struct Desk {
    dir: TempDir,
    account: Address,
}

impl Desk {
    fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let account = AccountKey::import(Purpose::Issuer, &keccak256("a brand").0).unwrap();
        let seed = Seed::import(&keccak256("a seed").0);
        let (cost, random) = (KdfCost::Development, SystemRandom);
        let path = |name: &str| dir.path().join(name);
        account
            .save(&path("issuer.key.json"), &passphrase(), cost, &random)
            .unwrap();
        seed.save(&path("seed.key.json"), &passphrase(), cost, &random)
            .unwrap();
        let list = "sku,gtin,serial,design,size,colour,claim,description\n\
            COAT-1,9506000134352,1,coat,M,night,code,a coat\n\
            COAT-1,9506000134352,2,coat,L,night,code,a coat\n";
        std::fs::write(path("list.csv"), list).unwrap();
        std::fs::write(path("roots.toml"), roots().to_toml().unwrap()).unwrap();
        let account = account.address();
        Self { dir, account }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Issues the list, with papers in `out`.
    fn issue(&self, url: &str, out: &str, rest: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vestiary"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VESTIARY_")) {
            command.env_remove(name);
        }
        command
            .args([
                "issue",
                "--yes",
                "--no-wait",
                "--allow-development-keys",
                "--api",
                url,
            ])
            .args(["--collection", &collection().to_string(), "--list", "list.csv"])
            .args(["--key-file", "issuer.key.json", "--seed-file", "seed.key.json"])
            .args(["--out", out])
            .args(rest)
            .current_dir(self.dir.path())
            .env("VESTIARY_PASSPHRASE", PASSPHRASE)
            .env("VESTIARY_API_KEY", "vst_brand");
        tokio::task::block_in_place(|| command.output().unwrap())
    }

    /// The same by roots, for a program; the exit status and the answer or the problem.
    fn issue_by_roots(&self, url: &str, out: &str) -> (i32, Value) {
        said(&self.issue(url, out, &["--json", "--roots", "roots.toml"]))
    }
}

fn said(output: &Output) -> (i32, Value) {
    let text = if output.stdout.is_empty() {
        &output.stderr
    } else {
        &output.stdout
    };
    let json = serde_json::from_slice(text);
    let json = json.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(text)));
    (output.status.code().unwrap(), json)
}

/// Two serials further on, with other claim keys: another batch of the same design.
fn another(body: &mut NewBatch) {
    body.first_serial = "3".into();
    for (item, serial) in body.items.iter_mut().zip(["3", "4"]) {
        item.serial = serial.into();
        item.claim_key = format!("0x{}", serial.repeat(40));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_service_gets_a_signature_and_what_it_gives_is_kept() {
    let desk = Desk::set();
    let (service, url) = Service::start(Lie::NONE, desk.account).await;
    let (status, answer) = desk.issue_by_roots(&url, "out");
    assert_eq!((status, service.signatures()), (0, 1), "{answer}");
    assert_eq!(answer["compared_with_roots"], true);
    assert_eq!(answer["batches"][0]["receipt_verified"], true);
    assert!(desk.path("out/design-1-serial-1.receipt").exists());
    assert!(desk.path("out/design-1-serial-1.batch.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preparation_whose_certificates_name_another_registry_log_key_or_time_is_refused_before_anything_is_signed()
 {
    type Change = fn(&mut CertificateFields);
    let cases: [(&str, Change); 7] = [
        ("of the registry", |found| {
            found.registry.address = [0xbb; 20].into();
        }),
        ("in the log log.example/strange", |found| {
            found.log_origin = "log.example/strange".into();
        }),
        // The roots have this log, and the issuer's key for another one only.
        ("key that counts now", |found| {
            found.log_origin = OTHER_ORIGIN.into();
        }),
        ("key that counts now", |found| found.issuer_key = public(9)),
        ("by issuer 2", |found| {
            found.issuer_id = IssuerId::new(2).unwrap();
        }),
        ("valid from 9999-12-31", |found| {
            found.valid_from = Timestamp::new(MAX_UNIX_SECONDS).unwrap();
        }),
        ("valid from 1970-01-01", |found| {
            found.valid_from = Timestamp::new(0).unwrap();
        }),
    ];
    let desk = Desk::set();
    for (number, (what, certificate)) in cases.into_iter().enumerate() {
        let lie = Lie {
            certificate,
            ..Lie::NONE
        };
        let (service, url) = Service::start(lie, desk.account).await;
        let (status, problem) = desk.issue_by_roots(&url, &format!("out-{number}"));
        assert_eq!(service.signatures(), 0, "{what} was signed: {problem}");
        assert_eq!(
            (status, &problem["code"]),
            (3, &"not_what_was_asked".into()),
            "{what}: {problem}"
        );
        assert!(problem["detail"].as_str().unwrap().contains(what), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_roots_call_retired_or_compromised_is_signed_for_no_more() {
    let desk = Desk::set();
    let (service, url) = Service::start(Lie::NONE, desk.account).await;
    for (out, until_index, repudiated_from_index) in
        [("retired", Some(9), None), ("compromised", None, Some(9))]
    {
        let mut roots = roots();
        roots.issuers[0].until_index = until_index;
        roots.issuers[0].repudiated_from_index = repudiated_from_index;
        std::fs::write(desk.path("roots.toml"), roots.to_toml().unwrap()).unwrap();
        let (status, problem) = desk.issue_by_roots(&url, out);
        assert_eq!(
            (status, &problem["code"], service.signatures()),
            (3, &"not_what_was_asked".into(), 0),
            "{out}: {problem}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_roots_it_is_said_whose_word_is_signed_for_and_one_batch_names_one_registry() {
    let desk = Desk::set();
    let (service, url) = Service::start(Lie::NONE, desk.account).await;
    let output = desk.issue(&url, "out", &[]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), service.signatures()),
        (Some(0), 1),
        "{told}"
    );
    assert!(told.contains("on the service's word alone"), "{told}");
    assert!(told.contains("Atelier, issuer 1"), "{told}");

    let lie = Lie {
        certificate: |found| {
            if found.wearable.token_id.serial() == Serial::new(2).ok() {
                found.registry.address = [0xbb; 20].into();
            }
        },
        ..Lie::NONE
    };
    let (service, url) = Service::start(lie, desk.account).await;
    let (status, problem) = said(&desk.issue(&url, "mixed", &["--json"]));
    assert_eq!(
        (status, &problem["code"], service.signatures()),
        (3, &"not_what_was_asked".into(), 0),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_on_signs_for_the_design_that_its_plan_was_made_with() {
    let desk = Desk::set();
    let strange = Lie {
        certificate: |found| found.registry.address = [0xbb; 20].into(),
        ..Lie::NONE
    };
    let (_, url) = Service::start(strange, desk.account).await;
    let (status, problem) = desk.issue_by_roots(&url, "out");
    assert_eq!(status, 3, "broken off: {problem}");
    let another = Lie {
        design: |design| design.edition = Edition(0),
        ..Lie::NONE
    };
    let (service, url) = Service::start(another, desk.account).await;
    let (status, problem) = desk.issue_by_roots(&url, "out");
    assert_eq!(
        (status, &problem["code"], service.signatures()),
        (3, &"not_what_was_asked".into(), 0),
        "{problem}"
    );
    assert!(problem["detail"].as_str().unwrap().contains("plan"), "{problem}");
    let (service, url) = Service::start(Lie::NONE, desk.account).await;
    let (status, answer) = desk.issue_by_roots(&url, "out");
    assert_eq!((status, service.signatures()), (0, 1), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_answers_the_commit_with_another_batchs_view_ends_in_bad_receipt() {
    let other_keys: fn(&mut NewBatch) = |body| {
        body.items[1].claim_key = format!("0x{}", "7".repeat(40));
    };
    let cases = [
        (
            "another batch's view",
            Lie {
                answered: another,
                ..Lie::NONE
            },
        ),
        (
            "the same serials under another root",
            Lie {
                answered: other_keys,
                ..Lie::NONE
            },
        ),
        (
            "another batch's receipt",
            Lie {
                receipt: |receipt| {
                    receipt.serials = SerialRange::new(Serial::new(3).unwrap(), 2).unwrap();
                },
                ..Lie::NONE
            },
        ),
        (
            "another log's receipt",
            Lie {
                receipt: |receipt| receipt.origin = OTHER_ORIGIN.into(),
                ..Lie::NONE
            },
        ),
        (
            "a promise for the year 9999",
            Lie {
                receipt: |receipt| receipt.commit_by = MAX_UNIX_SECONDS,
                ..Lie::NONE
            },
        ),
        (
            "another batch's file",
            Lie {
                filed: another,
                ..Lie::NONE
            },
        ),
        (
            "another batch's view, before anybody signed",
            Lie {
                answered: another,
                logged_at_once: true,
                ..Lie::NONE
            },
        ),
        (
            "other claim keys, before anybody signed",
            Lie {
                answered: other_keys,
                logged_at_once: true,
                ..Lie::NONE
            },
        ),
    ];
    let desk = Desk::set();
    for (number, (what, lie)) in cases.into_iter().enumerate() {
        let (_, url) = Service::start(lie, desk.account).await;
        let (status, problem) = desk.issue_by_roots(&url, &format!("out-{number}"));
        assert_eq!(
            (status, &problem["code"]),
            (3, &"bad_receipt".into()),
            "{what}: {problem}"
        );
    }
}
