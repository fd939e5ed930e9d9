//! The certificates of `fixtures/certificates`: good ones, and one for each thing that can be wrong. All of it
//! is made here, from keys that are no secret, so that the files can be made again byte for byte.

mod evidence;
mod malformed;
mod untrusted;

use std::collections::BTreeMap;

use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use vestiary::certificate::{Binding, Certificate, CertificateFields, UnsignedCertificate, salted_hash};
use vestiary::digest::Sha256;
use vestiary::ids::{
    AccountId, ChainId, CollectionId, DesignId, Edition, IssuerId, Serial, TokenId, WearableId,
};
use vestiary::keys::PublicKey;
use vestiary::terms::{Kept, Terms};
use vestiary::timestamp::Timestamp;

use self::evidence::{Log, roots, two_logs};

pub(crate) const CHAIN: ChainId = ChainId(31337);
const ORIGIN: &str = "log.vestiary.example/2026";
const ROOTS: &str = "roots.toml";

/// Files by name, and what is expected of them.
pub(crate) struct Cases {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    cases: Vec<Value>,
}

/// What verification must answer.
#[derive(Clone, Copy)]
enum Expected {
    Accepted,
    /// The outcome and code of the check that decides.
    Refused(&'static str, &'static str, &'static str),
}

/// What a verifier that knows the W3C specifications, but not Vestiary, must answer.
#[derive(Clone, Copy)]
enum Foreign {
    /// A credential with a sound proof.
    Valid,
    /// Not a credential with a sound proof.
    Invalid,
    /// Such verifiers differ, or are not asked.
    NotAsked,
}

impl Cases {
    /// All files, `cases.json` among them.
    pub(crate) fn all() -> Self {
        let mut cases = Self {
            files: BTreeMap::new(),
            cases: Vec::new(),
        };
        let log = Log::of(&valid().map(|(_, certificate)| certificate));
        cases
            .files
            .insert(ROOTS.to_owned(), roots(&log, "0").into_bytes());
        cases
            .files
            .insert("roots_later_key.toml".to_owned(), roots(&log, "100").into_bytes());
        for (name, limit) in [
            ("retired_key", "until_index = \"2\""),
            ("retired_later", "until_index = \"100\""),
            ("compromised_key", "repudiated_from_index = \"2\""),
            ("compromised_later", "repudiated_from_index = \"100\""),
        ] {
            let text = roots(&log, "0").replace("\n[policy]", &format!("{limit}\n\n[policy]"));
            cases
                .files
                .insert(format!("roots_{name}.toml"), text.into_bytes());
        }
        let anchored = roots(&log, "0").replace("\"log-key\"", "\"anchored\"");
        cases
            .files
            .insert("roots_anchored.toml".to_owned(), anchored.into_bytes());
        for (name, text) in two_logs(&log) {
            cases
                .files
                .insert(format!("roots_{name}.toml"), text.into_bytes());
        }
        for (name, certificate) in valid() {
            cases
                .files
                .insert(format!("{name}.tlog-proof"), log.evidence(&certificate));
            let case = cases.case(
                name,
                certificate.to_bytes(),
                "",
                Expected::Accepted,
                Foreign::Valid,
            );
            case["evidence"] = json!(format!("{name}.tlog-proof"));
        }
        let pretty = serde_json::to_vec_pretty(&document(&valid()[0].1)).expect("JSON");
        let case = cases.case(
            "valid_other_spelling",
            pretty,
            "white space and order are free",
            Expected::Accepted,
            Foreign::Valid,
        );
        case["evidence"] = json!(format!("{}.tlog-proof", valid()[0].0));
        malformed::add(&mut cases);
        untrusted::add(&mut cases, &log);
        let index = json!({
            "about": "TEST ONLY: keys are public, seed = SHA-256 of \"vestiary test key, never use: <name>\".",
            "format": "vestiary/certificate-cases/v1",
            "require": ["signature", "issuer", "log"],
            "cases": cases.cases,
        });
        let text = serde_json::to_string_pretty(&index).expect("JSON") + "\n";
        cases.files.insert("cases.json".to_owned(), text.into_bytes());
        cases
    }

    /// Adds a certificate file and its case; by default with the valid roots and the first certificate's
    /// evidence, expected on our chain and in our collection.
    fn case(
        &mut self,
        name: &str,
        certificate: Vec<u8>,
        why: &str,
        expected: Expected,
        foreign: Foreign,
    ) -> &mut Value {
        let file = format!("{name}.json");
        let old = self.files.insert(file.clone(), certificate);
        assert!(old.is_none(), "{name} stands twice");
        self.case_of(name, &file, why, expected, foreign)
    }

    /// Adds a case of a certificate file that is there already.
    fn case_of(
        &mut self,
        name: &str,
        file: &str,
        why: &str,
        expected: Expected,
        foreign: Foreign,
    ) -> &mut Value {
        let (accepted, check, outcome, code) = match expected {
            Expected::Accepted => (true, "log", "passed", "ok"),
            Expected::Refused(check, outcome, code) => (false, check, outcome, code),
        };
        self.cases.push(json!({
            "name": name,
            "certificate": file,
            "evidence": format!("{}.tlog-proof", valid()[0].0),
            "roots": ROOTS,
            "expect": {"chain": CHAIN, "collection": collection()},
            "accepted": accepted,
            "check": check,
            "outcome": outcome,
            "code": code,
            "w3c": match foreign {
                Foreign::Valid => "valid",
                Foreign::Invalid => "invalid",
                Foreign::NotAsked => "not_asked",
            },
            "why": why,
        }));
        self.cases.last_mut().expect("just pushed")
    }
}

/// A key that is no secret, for tests alone.
pub(crate) fn test_key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::of(format!("vestiary test key, never use: {name}").as_bytes()).0)
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::from_bytes(key.verifying_key().as_bytes()).expect("a sound key")
}

fn collection() -> CollectionId {
    CollectionId::new(CHAIN, [0xC0; 20].into())
}

fn wearable(design_id: u64, serial: u64) -> WearableId {
    let design_id = DesignId::new(design_id).expect("not zero");
    collection().wearable(TokenId::new(design_id, Serial::new(serial).expect("not zero")))
}

fn fields() -> CertificateFields {
    let salt = |name: &str| Sha256::of(format!("vestiary test salt of {name}").as_bytes()).0;
    CertificateFields {
        issuer_key: public(&test_key("issuer")),
        issuer_name: "Maison Été".to_owned(),
        issuer_id: IssuerId::new(1).expect("not zero"),
        registry: AccountId::new(CHAIN, [0xA0; 20].into()),
        wearable: wearable(1, 17),
        log_origin: ORIGIN.to_owned(),
        design: Sha256::of(b"design 1"),
        edition: Edition(500),
        licence: Sha256::of(b"licence"),
        terms: Terms::default(),
        binding: Binding::Tag,
        salted_hashes: [
            ("gtin", "03453120000011"),
            ("gs1_serial", "A-0017"),
            ("sku", "MN-TORSO-M"),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), salted_hash(name, value, &salt(name))))
        .collect(),
        valid_from: Timestamp::new(1_750_000_000).expect("in range"),
    }
}

/// The certificates that verification accepts.
fn valid() -> [(&'static str, Certificate); 4] {
    let limited = fields();
    let open = CertificateFields {
        wearable: wearable(2, u64::MAX),
        edition: Edition::OPEN,
        binding: Binding::None,
        salted_hashes: BTreeMap::new(),
        ..fields()
    };
    let terms = CertificateFields {
        wearable: wearable(3, 1),
        edition: Edition(1),
        terms: Terms {
            choose_by: 1_900_000_000,
            default: Kept::Physical,
            recovery_until: 1_860_000_000,
        },
        binding: Binding::Chip,
        ..fields()
    };
    let name = CertificateFields {
        wearable: wearable(4, 9),
        issuer_name: "\u{3b3} \"Ateliers\" \\ \u{1f9e5} \u{fb33} & Fils".to_owned(),
        binding: Binding::Inspected,
        ..fields()
    };
    [
        ("valid_limited_edition", sign(limited)),
        ("valid_open_edition", sign(open)),
        ("valid_every_term", sign(terms)),
        ("valid_name_with_escapes", sign(name)),
    ]
}

fn sign(fields: CertificateFields) -> Certificate {
    sign_as(fields, &test_key("issuer"))
}

fn sign_as(fields: CertificateFields, key: &SigningKey) -> Certificate {
    let fields = CertificateFields {
        issuer_key: public(key),
        ..fields
    };
    let unsigned = UnsignedCertificate::new(fields).expect("sound fields");
    let signature = key.sign(&unsigned.signing_bytes()).to_bytes();
    unsigned.attach(&signature)
}

fn document(certificate: &Certificate) -> Value {
    serde_json::from_slice(&certificate.to_bytes()).expect("JSON")
}
