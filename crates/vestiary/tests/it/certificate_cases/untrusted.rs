//! Sound certificates that the reader must not accept: other keys, chains, collections and logs, and evidence
//! that proves something else.

use serde_json::json;
use vestiary::certificate::{Certificate, CertificateFields};
use vestiary::ids::{AccountId, ChainId, CollectionId, IssuerId};

use super::evidence::{Log, roots, statement};
use super::{CHAIN, Cases, Expected, Foreign, ORIGIN, fields, sign, sign_as, test_key, valid, wearable};

pub(super) fn add(cases: &mut Cases, log: &Log) {
    others(cases);
    evidence(cases, log);
    roots_and_expectations(cases);
    forgery(cases);
}

/// Certificates about something else than the reader's roots and expectations. Each is in a log of the
/// reader's, so that nothing but the difference can decide.
fn others(cases: &mut Cases) {
    let other_chain = ChainId(1);
    let elsewhere = CollectionId::new(other_chain, [0xC0; 20].into());
    let (design_token, registry) = (fields().wearable.token_id, fields().registry.address);
    for (name, certificate, check, outcome, code, why) in [
        (
            "wrong_key",
            sign_as(fields(), &test_key("stranger")),
            "issuer",
            "failed",
            "issuer_key_differs",
            "a stranger signed as issuer 1",
        ),
        (
            "unknown_issuer",
            sign_as(
                CertificateFields {
                    issuer_id: IssuerId::new(2).expect("not zero"),
                    ..fields()
                },
                &test_key("stranger"),
            ),
            "issuer",
            "unknown",
            "no_trust_root",
            "the roots do not name issuer 2",
        ),
        (
            "key_of_another_issuer",
            sign(CertificateFields {
                issuer_id: IssuerId::new(2).expect("not zero"),
                ..fields()
            }),
            "issuer",
            "unknown",
            "no_trust_root",
            "issuer 1 signed as issuer 2",
        ),
        (
            "other_registry",
            sign(CertificateFields {
                registry: AccountId::new(CHAIN, [0xAF; 20].into()),
                ..fields()
            }),
            "issuer",
            "failed",
            "other_registry",
            "issuer 1 of another registry",
        ),
        (
            "other_chain",
            sign(CertificateFields {
                wearable: elsewhere.wearable(design_token),
                registry: AccountId::new(other_chain, registry),
                ..fields()
            }),
            "token",
            "failed",
            "other_chain",
            "the same collection on another chain",
        ),
        (
            "other_collection",
            sign(CertificateFields {
                wearable: CollectionId::new(CHAIN, [0xCF; 20].into()).wearable(design_token),
                ..fields()
            }),
            "token",
            "failed",
            "other_collection",
            "another collection of the issuer",
        ),
        (
            "other_log",
            sign(CertificateFields {
                log_origin: "log.elsewhere.example".to_owned(),
                ..fields()
            }),
            "log",
            "unknown",
            "no_trust_root",
            "the roots do not name this log",
        ),
    ] {
        let log = Log::of(std::slice::from_ref(&certificate));
        cases
            .files
            .insert(format!("{name}.tlog-proof"), log.evidence(&certificate));
        let expected = Expected::Refused(check, outcome, code);
        let case = cases.case(name, certificate.to_bytes(), why, expected, Foreign::Valid);
        case["evidence"] = json!(format!("{name}.tlog-proof"));
    }
}

/// One sound certificate, and evidence that does not prove it.
#[rustfmt::skip] // a table, a row or two a case
fn evidence(cases: &mut Cases, log: &Log) {
    let [(file, certificate), (_, other), ..] = valid();
    let entry = statement(&certificate);
    let text = String::from_utf8(log.evidence(&certificate)).expect("text");
    let index_line = "index 3\n";
    assert!(text.contains(index_line));
    let strangers = |origin: &str| {
        let mut log = Log::new(origin, test_key("stranger"));
        log.append(entry.clone());
        log.evidence_at(0, entry.clone()).to_bytes()
    };
    let misstated = |change: &dyn Fn(&mut CertificateFields)| {
        let mut fields = fields();
        change(&mut fields);
        let entry = statement(&sign(fields));
        let mut log = Log::new(ORIGIN, test_key("log"));
        log.append(entry.clone());
        log.evidence_at(0, entry).to_bytes()
    };
    let carrying = |extra: &[u8]| log.evidence_at(3, extra.to_vec()).to_bytes();
    let without_extra: String = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("extra"))
        .collect();
    for (name, bytes, check, code, why) in [
        ("evidence_of_other_certificate", log.evidence(&other), "statement", "statement_token_differs",
         "proves another wearable"),
        ("evidence_of_other_token", misstated(&|f| f.wearable = wearable(1, 18)), "statement",
         "statement_token_differs", "proves the neighbour"),
        ("evidence_of_other_digest", misstated(&|f| f.issuer_name.push('e')), "statement",
         "statement_digest_differs", "proves another certificate of the same serial"),
        ("evidence_not_the_entry", log.evidence_at(2, entry.clone()).to_bytes(), "log", "not_in_log",
         "the statement is not the proven leaf"),
        ("evidence_other_index", text.replace(index_line, "index 4\n").into_bytes(), "log", "not_in_log",
         "another place in the log"),
        ("evidence_by_strange_key", strangers(ORIGIN), "log", "not_signed_by_log",
         "a stranger's log under the same name"),
        ("evidence_of_strange_log", strangers("log.elsewhere.example"), "log", "other_log",
         "a log with another origin"),
        ("evidence_altered_size", text.replacen("\n7\n", "\n8\n", 1).into_bytes(), "log", "bad_log_signature",
         "a checkpoint that the log did not sign"),
        ("evidence_truncated", text.as_bytes()[..text.len() - 1].to_vec(), "statement", "malformed_evidence",
         "the last byte is missing"),
        ("evidence_without_statement", without_extra.into_bytes(), "statement", "no_statement",
         "nothing to compare"),
        ("evidence_with_unknown_statement", carrying(b"{\"type\":\"gift\",\"v\":1}"), "statement",
         "malformed_statement", "not a statement that we know"),
    ] {
        let path = format!("{name}.tlog-proof");
        cases.files.insert(path.clone(), bytes);
        let expected = Expected::Refused(check, "failed", code);
        let case = cases.case_of(name, &format!("{file}.json"), why, expected, Foreign::NotAsked);
        case["evidence"] = json!(path);
    }
    let expected = Expected::Refused("log", "unknown", "no_evidence");
    let why = "nothing says that it was logged";
    cases.case_of(
        "no_evidence",
        &format!("{file}.json"),
        why,
        expected,
        Foreign::NotAsked,
    )["evidence"] = json!("");
}

/// One sound certificate with its evidence, and a reader who believes or expects something else.
fn roots_and_expectations(cases: &mut Cases) {
    let file = format!("{}.json", valid()[0].0);
    let expected = Expected::Refused("signature", "unknown", "no_trust_root");
    let why = "a reader who believes nothing yet";
    cases.case_of("no_roots", &file, why, expected, Foreign::NotAsked)["roots"] = json!("");

    let expected = Expected::Refused("issuer", "failed", "key_not_yet_valid");
    let why = "the key counts from entry 100";
    cases.case_of("key_not_yet_valid", &file, why, expected, Foreign::NotAsked)["roots"] =
        json!("roots_later_key.toml");

    for (name, outcome, code, why) in [
        (
            "retired_key",
            "failed",
            "key_no_longer_valid",
            "the key was retired at entry 2",
        ),
        (
            "compromised_key",
            "unknown",
            "repudiated",
            "the key is declared compromised from entry 2 on",
        ),
    ] {
        let expected = Expected::Refused("issuer", outcome, code);
        cases.case_of(name, &file, why, expected, Foreign::NotAsked)["roots"] =
            json!(format!("roots_{name}.toml"));
    }
    for name in ["retired_later", "compromised_later"] {
        let why = "the key counts at this entry";
        cases.case_of(name, &file, why, Expected::Accepted, Foreign::NotAsked)["roots"] =
            json!(format!("roots_{name}.toml"));
    }

    for (name, expected, why) in [
        (
            "retired_here_only",
            Expected::Refused("issuer", "failed", "key_no_longer_valid"),
            "the key was retired at entry 2 of this log; in another it counts",
        ),
        (
            "retired_there_only",
            Expected::Accepted,
            "the key was retired at entry 2 of another log; in this one it counts",
        ),
        (
            "key_there_only",
            Expected::Refused("issuer", "unknown", "no_trust_root"),
            "the roots name a key of this issuer for another log only, until its entry 100",
        ),
    ] {
        cases.case_of(name, &file, why, expected, Foreign::NotAsked)["roots"] =
            json!(format!("roots_{name}.toml"));
    }

    let expected = Expected::Refused("log", "unknown", "anchor_not_proved");
    let why = "the reader wants an anchor on chain, and the log's own key is all there is";
    cases.case_of("anchor_not_proved", &file, why, expected, Foreign::NotAsked)["roots"] =
        json!("roots_anchored.toml");

    let expected = Expected::Refused("issuer", "failed", "other_chain");
    let why = "nothing is expected, but the roots are of one chain";
    let case = cases.case_of(
        "other_chain_by_roots",
        "other_chain.json",
        why,
        expected,
        Foreign::NotAsked,
    );
    case["evidence"] = json!("other_chain.tlog-proof");
    case["expect"] = json!({});

    let expected = Expected::Refused("token", "failed", "other_wearable");
    let why = "the certificate of the neighbour";
    cases.case_of("other_wearable", &file, why, expected, Foreign::NotAsked)["expect"]["wearable"] =
        json!(wearable(1, 18));
}

/// Certificate, log and keys all made by one forger, in full agreement with one another. His roots are there
/// for a test that shows how well they agree.
fn forgery(cases: &mut Cases) {
    let forger = test_key("forger");
    let certificate: Certificate = sign_as(fields(), &forger);
    let mut log = Log::new(ORIGIN, forger);
    log.append(statement(&certificate));
    cases
        .files
        .insert("forgery.tlog-proof".to_owned(), log.evidence(&certificate));
    let own_roots = roots(&log, "0").replace(
        &super::public(&test_key("issuer")).to_multikey(),
        &super::public(&test_key("forger")).to_multikey(),
    );
    cases
        .files
        .insert("roots_of_a_forger.toml".to_owned(), own_roots.into_bytes());
    let why = "certificate, log and keys of one forger agree with one another";
    let expected = Expected::Refused("issuer", "failed", "issuer_key_differs");
    let case = cases.case("forgery", certificate.to_bytes(), why, expected, Foreign::Valid);
    case["evidence"] = json!("forgery.tlog-proof");
    let expected = Expected::Refused("log", "unknown", "no_trust_root");
    let case = cases.case_of(
        "forgery_without_roots",
        "forgery.json",
        why,
        expected,
        Foreign::NotAsked,
    );
    case["evidence"] = json!("forgery.tlog-proof");
    case["roots"] = json!("");
}
