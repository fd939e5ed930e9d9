use vestiary_tlog::KeyName;

use super::*;

fn vkey(name: &str, kind: SignatureType, seed: u8) -> VerifierKey {
    let public = ed25519_dalek::SigningKey::from_bytes(&[seed; 32])
        .verifying_key()
        .to_bytes();
    VerifierKey::new(KeyName::new(name).unwrap(), kind, &public).unwrap()
}

fn text(policy: &str) -> String {
    let key = PublicKey::from_bytes(&vkey("x", SignatureType::Ed25519, 1).public_key()).unwrap();
    format!(
        r#"[chain]
id = 31337
block_hash = "0x{hash}"
[contracts]
registry = "0x{address}"
log_anchor = "0x{address}"
implementation_code_hashes = ["0x{hash}"]
[[log]]
origin = "log.example/2026"
vkey = "{vkey}"
receipt_vkey = "{receipt_vkey}"
anchoring_account = "0x{address}"
[[issuer]]                  # until the registry is proved by storage
id = "1"
key = "{key}"
from_index = "0"
[policy]
checkpoint = {policy}
"#,
        hash = "ab".repeat(32),
        address = "cd".repeat(20),
        vkey = vkey("log.example/2026", SignatureType::Ed25519, 2),
        receipt_vkey = vkey("log.example/2026/receipt", SignatureType::Ed25519, 3),
    )
}

fn code(text: &str) -> &'static str {
    Roots::parse(text.as_bytes()).map_or_else(|error| error.code(), |_| "ok")
}

#[test]
fn a_roots_file_reads_and_is_written_again() {
    let witnesses = [4, 5].map(|seed| vkey(&format!("w{seed}"), SignatureType::CosignatureV1, seed));
    let two = format!(
        "{{ at_least = 2, witnesses = [\"{}\", \"{}\"] }}",
        witnesses[0], witnesses[1]
    );
    for (policy, expected) in [
        ("\"log-key\"", CheckpointPolicy::LogKey),
        ("\"anchored\"", CheckpointPolicy::Anchored),
        (
            &two,
            CheckpointPolicy::Witnesses {
                at_least: 2,
                witnesses: witnesses.to_vec(),
            },
        ),
    ] {
        let roots = Roots::parse(text(policy).as_bytes()).unwrap();
        assert_eq!(roots.policy.checkpoint, expected);
        assert_eq!(roots.chain.id, ChainId(31337));
        assert_eq!(roots.log("log.example/2026"), roots.logs.first());
        let keys = roots.issuer_keys(IssuerId::new(1).unwrap(), "log.example/2026");
        assert_eq!(keys.count(), 1);
        assert_eq!(Roots::parse(roots.to_toml().unwrap().as_bytes()), Ok(roots));
    }
}

#[test]
fn each_mistake_in_a_roots_file_is_refused() {
    let good = text("\"log-key\"");
    let other_key = vkey("log.example/2026", SignatureType::CosignatureV1, 2).to_string();
    let own_key = vkey("log.example/2026", SignatureType::Ed25519, 2).to_string();
    let weak = "z6MkeTG3bFFSLYVU7VqhgZxqr6YzpaGrQtFMh1uvqGy1vDnP";
    let issuer_line = good.lines().find(|line| line.starts_with("key =")).unwrap();
    for (from, to, expected) in [
        ("[policy]", "[policy]\nchekpoint = 1", "malformed_roots"),
        ("[chain]", "[chain]\nname = \"x\"", "malformed_roots"),
        ("id = 31337", "id = \"31337\"", "malformed_roots"),
        ("id = 31337", "id = -1", "malformed_roots"),
        ("from_index = \"0\"", "", "malformed_roots"),
        ("from_index = \"0\"", "from_index = 0", "malformed_roots"),
        (
            "from_index = \"0\"",
            "from_index = \"0\"\nuntil_index = 7",
            "malformed_roots",
        ),
        (
            "from_index = \"0\"",
            "from_index = \"0\"\nrepudiated_from_index = \"\"",
            "malformed_roots",
        ),
        (
            "from_index = \"0\"",
            "from_index = \"8\"\nuntil_index = \"7\"",
            "root_interval",
        ),
        ("\"log-key\"", "\"none\"", "malformed_roots"),
        ("0xcdcd", "0xCDCD", "malformed_roots"),
        (issuer_line, &format!("key = \"{weak}\""), "malformed_roots"),
        (
            "origin = \"log.example/2026\"",
            "origin = \"log example\"",
            "malformed_origin",
        ),
        (
            "origin = \"log.example/2026\"",
            "origin = \"log.example/2027\"",
            "root_key_name",
        ),
        (&own_key, &other_key, "root_key_name"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert_eq!(code(&bad), expected, "{from} to {to}");
    }
    let log = &good[good.find("[[log]]").unwrap()..good.find("[[issuer]]").unwrap()];
    assert_eq!(
        code(&good.replace("[policy]", &format!("{log}[policy]"))),
        "root_twice"
    );
    let issuer = &good[good.find("[[issuer]]").unwrap()..good.find("[policy]").unwrap()];
    assert_eq!(
        code(&good.replace("[policy]", &format!("{issuer}[policy]"))),
        "root_twice"
    );
    assert_eq!(Roots::parse(&[0xFF]).unwrap_err().code(), "invalid_utf8");
    assert_eq!(code(&"#".repeat(MAX_ROOTS_BYTES)), "malformed_roots");
    assert_eq!(code(&"#".repeat(MAX_ROOTS_BYTES + 1)), "too_large");
}

/// Roots with two logs and, for each origin of `keys`, one root of the same key; "" names no log.
fn two_logs(keys: &[&str]) -> String {
    let good = text("\"log-key\"");
    let (log, issuer) = (good.find("[[log]]").unwrap(), good.find("[[issuer]]").unwrap());
    let policy = good.find("[policy]").unwrap();
    let other = "log.example/2027";
    let second = good[log..issuer]
        .replace("2026\"", "2027\"")
        .replace(
            &vkey("log.example/2026", SignatureType::Ed25519, 2).to_string(),
            &vkey(other, SignatureType::Ed25519, 6).to_string(),
        )
        .replace(
            &vkey("log.example/2026/receipt", SignatureType::Ed25519, 3).to_string(),
            &vkey(&format!("{other}/receipt"), SignatureType::Ed25519, 7).to_string(),
        );
    let keys = keys.iter().map(|origin| match *origin {
        "" => good[issuer..policy].to_owned(),
        origin => format!("{}log = \"{origin}\"\n", &good[issuer..policy]),
    });
    let keys: String = keys.collect();
    format!("{}{second}{keys}{}", &good[..issuer], &good[policy..])
}

#[test]
fn with_two_logs_each_key_names_its_own_and_may_stand_once_for_each() {
    let (a, b) = ("log.example/2026", "log.example/2027");
    assert_eq!(code(&two_logs(&[a, b])), "ok");
    assert_eq!(
        code(&two_logs(&[""])),
        "root_log",
        "which log's entries are counted?"
    );
    assert_eq!(code(&two_logs(&[a, ""])), "root_log");
    assert_eq!(
        code(&two_logs(&["log.example/2028"])),
        "root_log",
        "not among the logs"
    );
    assert_eq!(code(&two_logs(&[a, b, a])), "root_twice");
    let roots = Roots::parse(two_logs(&[b]).as_bytes()).unwrap();
    let keys = |origin| roots.issuer_keys(IssuerId::new(1).unwrap(), origin).count();
    assert_eq!((keys(a), keys(b)), (0, 1));
    let one = text("\"log-key\"").replace("[policy]", &format!("log = \"{a}\"\n[policy]"));
    assert_eq!(code(&one), "ok", "with one log it may be named, or left out");
    let issuer = one.find("[[issuer]]").unwrap();
    let bare = one[issuer..one.find("[policy]").unwrap()].replace(&format!("log = \"{a}\"\n"), "");
    assert_eq!(
        code(&one.replace("[policy]", &format!("{bare}[policy]"))),
        "root_twice"
    );
}

#[test]
fn a_policy_that_one_witness_could_meet_alone_is_refused() {
    let witness = vkey("w", SignatureType::CosignatureV1, 4);
    let twin = vkey("twin", SignatureType::CosignatureV1, 4);
    let log_key = vkey("w", SignatureType::Ed25519, 5);
    let policy = |at_least: usize, keys: &[&VerifierKey]| {
        let keys: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
        code(&text(&format!(
            "{{ at_least = {at_least}, witnesses = [{}] }}",
            keys.join(",")
        )))
    };
    assert_eq!(policy(1, &[&witness]), "ok");
    assert_eq!(policy(0, &[&witness]), "root_witnesses");
    assert_eq!(policy(2, &[&witness]), "root_witnesses");
    assert_eq!(policy(2, &[&witness, &twin]), "root_witnesses");
    assert_eq!(policy(1, &[&log_key]), "root_witnesses");
}

#[test]
fn a_witness_with_a_logs_own_key_is_refused() {
    for (seed, expected) in [(2, "root_witnesses"), (3, "root_witnesses"), (4, "ok")] {
        let witness = vkey("w", SignatureType::CosignatureV1, seed);
        let policy = format!("{{ at_least = 1, witnesses = [\"{witness}\"] }}");
        assert_eq!(code(&text(&policy)), expected, "seed {seed}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_in_place_of_any_other_is_answered_without_panic(
        at in proptest::prelude::any::<proptest::sample::Index>(),
        put in "[\\[\\]={}\"0-9a-z.\n#]{0,12}",
    ) {
        let mut text = text("\"log-key\"");
        let at = at.index(text.len());
        text.replace_range(at..(at + put.len()).min(text.len()), &put);
        if let Ok(roots) = Roots::parse(text.as_bytes()) {
            let written = roots.to_toml().unwrap();
            proptest::prop_assert_eq!(Roots::parse(written.as_bytes()).unwrap(), roots);
        }
    }
}
