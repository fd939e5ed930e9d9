//! `fixtures/certificates`: every file is as it is made, and every case is decided as it says.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use vestiary::certificate::Certificate;
use vestiary::ids::{ChainId, CollectionId, WearableId};
use vestiary::json;
use vestiary::roots::Roots;
use vestiary::verify::{CheckName, DEFAULT_REQUIRE, Expectations, Outcome, Report, verify_certificate};

use crate::certificate_cases::Cases;

#[derive(Deserialize)]
struct Index {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    certificate: String,
    evidence: String,
    roots: String,
    expect: Expect,
    accepted: bool,
    check: String,
    outcome: String,
    code: String,
}

#[derive(Deserialize)]
struct Expect {
    chain: Option<ChainId>,
    collection: Option<CollectionId>,
    wearable: Option<WearableId>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/certificates")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn cases() -> Vec<Case> {
    json::from_slice_strict::<Index>(&read("cases.json"), 1 << 20)
        .expect("the index")
        .cases
}

fn report(case: &Case) -> Report {
    let some = |name: &str| (!name.is_empty()).then(|| read(name));
    let evidence = some(&case.evidence);
    let roots = some(&case.roots).map(|bytes| Roots::parse(&bytes).expect("roots"));
    let expectations = Expectations {
        chain: case.expect.chain,
        collection: case.expect.collection,
        wearable: case.expect.wearable,
    };
    verify_certificate(
        &read(&case.certificate),
        evidence.as_deref(),
        roots.as_ref(),
        &expectations,
    )
}

#[test]
fn the_files_are_as_they_are_made() {
    let made = Cases::all().files;
    let mut found: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    found.sort();
    let hint = "run: cargo run -p vestiary --example make-certificate-fixtures";
    assert_eq!(found, made.keys().cloned().collect::<Vec<_>>(), "{hint}");
    for (name, bytes) in made {
        assert!(read(&name) == bytes, "{name} is not as it is made; {hint}");
    }
}

#[test]
fn every_case_is_decided_as_its_index_says() {
    for case in cases() {
        let report = report(&case);
        assert_eq!(
            report.accepts(&DEFAULT_REQUIRE),
            case.accepted,
            "{}\n{report}",
            case.name
        );
        let name: CheckName = case.check.parse().unwrap();
        let check = report.check(name).unwrap();
        let found = (check.outcome.to_string(), check.code);
        assert_eq!(
            found,
            (case.outcome.clone(), case.code.as_str()),
            "{}\n{report}",
            case.name
        );
        assert_eq!(report.checks.len(), CheckName::ALL.len(), "{}", case.name);
    }
}

#[test]
fn refused_certificates_outnumber_the_valid_ones() {
    let cases = cases();
    let accepted = cases.iter().filter(|case| case.accepted).count();
    assert!(accepted >= 5, "{accepted}");
    assert!(cases.len() - accepted >= 60, "{}", cases.len());
}

#[test]
fn a_forgery_passes_only_by_the_forgers_own_roots() {
    let forgery = cases().into_iter().find(|case| case.name == "forgery").unwrap();
    let own = Case {
        roots: "roots_of_a_forger.toml".to_owned(),
        ..forgery
    };
    assert!(
        report(&own).accepts(&DEFAULT_REQUIRE),
        "the forgery is not well made"
    );
    for roots in ["roots.toml", ""] {
        let case = Case {
            roots: roots.to_owned(),
            ..cases().into_iter().find(|c| c.name == "forgery").unwrap()
        };
        assert!(!report(&case).accepts(&DEFAULT_REQUIRE));
    }
}

#[test]
fn without_roots_nothing_but_the_format_and_the_token_passes() {
    for case in cases() {
        let report = report(&Case {
            roots: String::new(),
            ..case
        });
        for check in &report.checks {
            let needs_no_root = matches!(check.name, CheckName::Format | CheckName::Token);
            assert!(needs_no_root || check.outcome != Outcome::Passed, "{report}");
        }
    }
}

#[test]
fn every_altered_byte_of_the_evidence_is_noticed() {
    let case = cases().into_iter().find(|case| case.accepted).unwrap();
    let roots = Roots::parse(&read(&case.roots)).unwrap();
    let (certificate, evidence) = (read(&case.certificate), read(&case.evidence));
    for at in 0..evidence.len() {
        let mut altered = evidence.clone();
        altered[at] ^= 1;
        let report = verify_certificate(
            &certificate,
            Some(&altered),
            Some(&roots),
            &Expectations::default(),
        );
        assert!(!report.accepts(&DEFAULT_REQUIRE), "byte {at}\n{report}");
    }
}

proptest::proptest! {
    #[test]
    fn spliced_bytes_are_answered_with_a_whole_report_and_never_accepted(
        case in 0..90_usize,
        cut in proptest::prelude::any::<proptest::sample::Index>(),
        length in 0..40_usize,
        put in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..20),
        of_evidence: bool,
    ) {
        let cases = cases();
        let case = &cases[case % cases.len()];
        let roots = Roots::parse(&read("roots.toml")).unwrap();
        let (mut certificate, mut evidence) = (read(&case.certificate), read("valid_every_term.tlog-proof"));
        let spliced = if of_evidence { &mut evidence } else { &mut certificate };
        let start = cut.index(spliced.len() + 1);
        let end = (start + length).min(spliced.len());
        spliced.splice(start..end, put);
        let report = verify_certificate(&certificate, Some(&evidence), Some(&roots), &Expectations::default());
        proptest::prop_assert_eq!(report.checks.len(), CheckName::ALL.len());
        // What was put in may be white space, or what was taken out.
        let unchanged = Certificate::parse(&certificate) == Certificate::parse(&read(&case.certificate))
            && evidence == read("valid_every_term.tlog-proof");
        proptest::prop_assert!(unchanged || !report.accepts(&DEFAULT_REQUIRE));
    }
}

#[test]
fn a_policy_of_witnesses_counts_distinct_witnesses_and_an_anchor_is_unknown() {
    use ed25519_dalek::Signer as _;
    use vestiary::roots::CheckpointPolicy;
    use vestiary_tlog::{KeyName, SignatureType, TlogProof, VerifierKey, cosignature};

    let case = cases().into_iter().find(|case| case.accepted).unwrap();
    let (certificate, evidence) = (read(&case.certificate), read(&case.evidence));
    let keys = ["witness-a", "witness-b"].map(crate::certificate_cases::test_key);
    let [a, b] = [0, 1].map(|i: usize| {
        let name = KeyName::new(format!("witness-{i}.example")).unwrap();
        VerifierKey::new(
            name,
            SignatureType::CosignatureV1,
            keys[i].verifying_key().as_bytes(),
        )
        .unwrap()
    });
    let proof = TlogProof::parse(&evidence).unwrap();
    let mut checkpoint = proof.checkpoint().clone();
    cosignature::cosign(&mut checkpoint, &a, 1_795_000_100, |message| {
        keys[0].sign(message).to_bytes()
    })
    .unwrap();
    let extra = proof.extra().map(<[u8]>::to_vec);
    let cosigned = TlogProof::new(extra, proof.index(), proof.hashes().to_vec(), checkpoint)
        .unwrap()
        .to_bytes();
    let answer = |policy: CheckpointPolicy| {
        let mut roots = Roots::parse(&read(&case.roots)).unwrap();
        roots.policy.checkpoint = policy;
        let report = verify_certificate(
            &certificate,
            Some(&cosigned),
            Some(&roots),
            &Expectations::default(),
        );
        let check = report.check(CheckName::Checkpoint).unwrap();
        (check.outcome, check.code)
    };
    let witnesses = vec![a, b];
    let policy = |at_least| CheckpointPolicy::Witnesses {
        at_least,
        witnesses: witnesses.clone(),
    };
    assert_eq!(answer(policy(1)), (Outcome::Passed, "ok"));
    assert_eq!(answer(policy(2)), (Outcome::Failed, "too_few_witnesses"));
    assert_eq!(
        answer(CheckpointPolicy::Anchored),
        (Outcome::Unknown, "anchor_not_proved")
    );
    assert_eq!(
        answer(CheckpointPolicy::LogKey),
        (Outcome::Passed, "not_anchored_not_witnessed")
    );
}

#[test]
fn a_report_reads_as_text_and_as_json() {
    let cases = cases();
    let of = |name: &str| report(cases.iter().find(|case| case.name == name).unwrap());
    let text = of("valid_limited_edition").to_string();
    assert!(
        text.contains("passed  log         the statement stands in the log"),
        "{text}"
    );
    assert!(text.contains("not anchored, not witnessed"), "{text}");
    let text = of("no_roots").to_string();
    assert!(text.contains("unknown signature   no trust root: "), "{text}");
    let json = serde_json::to_value(of("altered_proof")).unwrap();
    let check = &json["checks"][2];
    assert_eq!(
        (&check["name"], &check["outcome"]),
        (&"signature".into(), &"failed".into())
    );
    assert_eq!(check["code"], "bad_signature");
    assert!(check["inputs"]["key"].as_str().unwrap().starts_with("z6Mk"));
    assert_eq!(serde_json::to_value(of("float")).unwrap()["digest"], "");
}

/// Characters that move a terminal's cursor, end a line, or reorder what stands on it.
const DECEIVING: [char; 9] = [
    '\u{1b}', '\n', '\r', '\t', '\u{7f}', '\u{85}', '\u{9b}', '\u{202e}', '\u{2066}',
];

proptest::proptest! {
    #[test]
    fn for_any_member_name_the_reports_text_has_its_own_lines_and_no_control_character(
        name in proptest::collection::vec(proptest::sample::select(DECEIVING.to_vec()), 1..4),
        at in 0..6_usize,
    ) {
        let name: String = name.into_iter().chain("accepted: signature, issuer, log required".chars()).collect();
        let mut document: serde_json::Value =
            serde_json::from_slice(&read("valid_limited_edition.json")).unwrap();
        let place = ["", "/credentialSubject", "/issuer", "/proof", "/credentialSubject/terms",
            "/credentialSubject/salted_hashes"][at];
        document.pointer_mut(place).unwrap()[&name] = serde_json::json!(1);
        let bytes = serde_json::to_vec(&document).unwrap();
        let report = verify_certificate(&bytes, None, None, &Expectations::default());
        let text = report.to_string();
        proptest::prop_assert_eq!(text.lines().count(), CheckName::ALL.len(), "{:?}", &text);
        let deceives = |c: char| c != '\n' && DECEIVING.contains(&c);
        proptest::prop_assert!(!text.contains(deceives), "{:?}", &text);
        // The reason alone goes to programs and into other texts.
        let error = Certificate::parse(&bytes).unwrap_err().to_string();
        proptest::prop_assert!(!error.contains(DECEIVING), "{:?}", &error);

        let mut statement = serde_json::json!({"type": "certificate_issued", "v": 1});
        statement[&name] = serde_json::json!(1);
        let error = vestiary::statement::Statement::parse(&vestiary::jcs::canonical(&statement));
        let error = error.unwrap_err().to_string();
        proptest::prop_assert!(!error.contains(DECEIVING), "{:?}", &error);
    }
}
