//! Rot and old copies: never served, always named, and put right by the one command that is printed.
//!
//! A story leaves a real data directory behind. Single bytes of it are flipped in three ways: under the running
//! service, whose every read is compared; in a copy of the directory, where `check` has to name the file and
//! `repair` to bring its content back; and before a start of the service. `VESTIARY_FLIPS=<n>` asks for another number
//! of the second, `VESTIARY_FLIPPED_STARTS=<n>` of the third, `VESTIARY_SEED=<n>` for other bytes.

mod alone;
mod answers;
mod files;
mod gone;
mod older;
mod staged;
mod stored;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use vestiary::ids::WearableId;
use vestiary_chain::sim::Seeded;
use vestiary_server::damage::Part;
use vestiary_server::worker::scrub;

use crate::story::{wait_claimed, worlds};
use crate::support::actors::{Actor, Brand};
use crate::support::{PASSPHRASE, TestLedger};
use answers::Answers;

/// Flips under the running service.
const SERVED: u64 = 60;
/// Flips in the copy.
const FLIPS: u64 = 2_000;
/// Starts on a flipped byte, a few for each part.
const STARTS: u64 = 8;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// A story whose every paper is there: two designs, a logged batch and one that is only prepared, claims.
pub(crate) struct Told {
    pub(crate) brand: Brand,
    pub(crate) design: vestiary::ids::DesignId,
    pub(crate) wearables: Vec<WearableId>,
    pub(crate) ana: Actor,
    pub(crate) batches: Vec<String>,
    pub(crate) claim: String,
    pub(crate) files: Vec<String>,
}

impl Told {
    pub(crate) async fn tell(ledger: &TestLedger) -> Self {
        let brand = Brand::join(ledger, "Atelier", 1).await;
        let client = brand.client(ledger);
        worlds(ledger, &client).await;
        let design = brand.design(ledger, "0").await;
        let issued = brand.issue(ledger, design, 1, 3).await;
        brand.wait_committed(ledger, &issued).await;
        let ana = Actor::named("Ana");
        let wearables: Vec<_> = (1..=3).map(|serial| brand.wearable(design, serial)).collect();
        let body = brand.claim(ledger, wearables[0], ana.address()).await;
        let claim = ledger.client().post("/v1/claims", "", &body).await.expect(202);
        wait_claimed(ledger, &claim).await;
        let prepared = client
            .post("/v1/batches", "open", &brand.batch(design, 4, 2))
            .await
            .expect(202);
        // More than one chunk, so that the index of content ids has an entry.
        let mut large = b"glTF\x02\0\0\0".to_vec();
        large.extend(u32::to_le_bytes((1 << 20) + 900));
        large.resize((1 << 20) + 900, 7);
        let mut files = vec![
            client.upload(large).await.expect(201)["cid"]
                .as_str()
                .unwrap()
                .to_owned(),
        ];
        for name in ["coat-pocket.glb", "coat.png", "licence.txt"] {
            let file = client
                .upload(crate::support::fixture(&format!("garments/{name}")))
                .await
                .expect(201);
            files.push(file["cid"].as_str().unwrap().to_owned());
        }
        ledger.wait_quiet().await;
        Self {
            brand,
            design,
            wearables,
            ana,
            batches: [&issued, &prepared]
                .map(|batch| batch["id"].as_str().unwrap().to_owned())
                .to_vec(),
            claim: claim["id"].as_str().unwrap().to_owned(),
            files,
        }
    }
}

/// Every file below a directory with its bytes, by the path from there. Locks are left out: they are empty.
pub(crate) fn files_below(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(dir: &Path, at: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(dir, &path, files);
            } else if path.file_name().is_some_and(|name| name != "lock") {
                files.insert(
                    path.strip_prefix(dir).unwrap().to_owned(),
                    fs::read(&path).unwrap(),
                );
            }
        }
    }
    let mut files = BTreeMap::new();
    walk(dir, dir, &mut files);
    files
}

/// A byte to flip: file, place, bit.
#[derive(Clone, Debug)]
pub(crate) struct Flip {
    file: PathBuf,
    at: usize,
    bit: u8,
}

impl Flip {
    /// In any file of these, each as likely as the other.
    fn any(files: &BTreeMap<PathBuf, Vec<u8>>, seeded: &mut Seeded) -> Self {
        let files: Vec<_> = files.iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
        let (file, bytes) = files[usize::try_from(seeded.below(files.len() as u64)).unwrap()];
        Self {
            file: file.clone(),
            at: usize::try_from(seeded.below(bytes.len() as u64)).unwrap(),
            bit: 1 << seeded.below(8),
        }
    }

    fn of(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        bytes[self.at] ^= self.bit;
        bytes
    }
}

/// The files of one part.
fn of_part(all: &BTreeMap<PathBuf, Vec<u8>>, part: Part) -> BTreeMap<PathBuf, Vec<u8>> {
    let inside = all.iter().filter(|(file, _)| file.starts_with(part.name()));
    inside
        .map(|(file, bytes)| (file.clone(), bytes.clone()))
        .collect()
}

/// How often damage of a part was found, as an operator's scraper sees it.
async fn found(ledger: &TestLedger, part: &str) -> u64 {
    let metrics = ledger.client().get("/metrics").await.text();
    let line = format!("vestiary_damage_found_total{{part=\"{part}\"}} ");
    metrics
        .lines()
        .find_map(|text| text.strip_prefix(&line)?.trim().parse().ok())
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_is_never_served_always_named_and_repaired_by_the_printed_command() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let told = Told::tell(&ledger).await;
    let mut seeded = Seeded::new(number("VESTIARY_SEED", 5));
    let data_dir = ledger.ground.data_dir();
    let baseline = Answers::read(&ledger, &told).await;
    assert_eq!(
        Answers::read(&ledger, &told).await.differences(&baseline),
        Vec::<String>::new(),
        "nothing happened"
    );
    under_the_running_service(&ledger, &told, &baseline, &mut seeded).await;
    ledger.stop().await;

    let copy = tempfile::tempdir().unwrap();
    let whole = copy.path().join("data");
    replace(&data_dir, &whole);
    stored::flips(&ledger, &whole, number("VESTIARY_FLIPS", FLIPS), &mut seeded);
    starts(&mut ledger, &told, &baseline, &whole, &mut seeded).await;
}

/// Flips files of the parts that are read while serving.
async fn under_the_running_service(
    ledger: &TestLedger,
    told: &Told,
    baseline: &Answers,
    seeded: &mut Seeded,
) {
    let data_dir = ledger.ground.data_dir();
    let parts = [Part::Log, Part::Content, Part::Batches];
    let (mut absent, mut scrubbed) = (0, 0);
    for round in 0..SERVED {
        let part = parts[usize::try_from(round).unwrap() % parts.len()];
        let mut files = of_part(&files_below(&data_dir), part);
        // What only the writer's next start reads.
        files.retain(|file, _| !file.starts_with("log/staging"));
        let flip = Flip::any(&files, seeded);
        let path = data_dir.join(&flip.file);
        fs::write(&path, flip.of(files[&flip.file].clone())).unwrap();
        let found_before = found(ledger, part.name()).await;
        let answers = Answers::read(ledger, told).await;
        let differences = answers.differences(baseline);
        assert_eq!(answers.served(baseline), Vec::<String>::new(), "{flip:?}");
        if !differences.is_empty() {
            absent += 1;
            let found_now = found(ledger, part.name()).await;
            assert!(found_now > found_before, "{flip:?} is not told: {differences:?}");
        }
        if round < 12 {
            // Nobody has to ask for it.
            let found_before = found(ledger, part.name()).await;
            let damaged = scrub::round(ledger.service(), Duration::ZERO).await;
            assert_eq!(
                damaged > 0,
                found(ledger, part.name()).await > found_before,
                "{flip:?}"
            );
            scrubbed += u64::from(damaged > 0);
        }
        let ready = ledger.client().get("/readyz").await.json();
        assert_eq!(
            (&ready["journal"], &ready["log"], &ready["storage"]),
            (&json!(true), &json!(true), &json!("writable")),
            "{flip:?}: reading on is no reason to stop writing: {ready}"
        );
        // Nobody makes blocks here: where this takes long, that is told too.
        assert!(
            ready["chain"] == "following" || ready["chain_reason"] == "stalled",
            "{flip:?}: {ready}"
        );
        fs::write(&path, &files[&flip.file]).unwrap();
        if part == Part::Content {
            // A file that was met damaged is offered again when somebody has read it whole.
            scrub::round(ledger.service(), Duration::ZERO).await;
        }
    }
    println!(
        "{SERVED} bytes flipped under a running service: 0 served, {absent} answered as absent, the scrubber found {scrubbed} of 12"
    );
    assert!(absent > 0 && scrubbed > 0, "the flips hit nothing");
    assert_eq!(
        Answers::read(ledger, told).await.differences(baseline),
        Vec::<String>::new(),
        "put back, all is well"
    );
}

/// Makes `to` a copy of the directory `from`.
pub(crate) fn replace(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

/// What a verb of the executable prints, and whether it ended well.
pub(crate) fn verb(arguments: &[&str]) -> (bool, Value) {
    let ran = Command::new(env!("CARGO_BIN_EXE_vestiary"))
        .arg("--json")
        .args(arguments)
        .env("VESTIARY_PASSPHRASE", PASSPHRASE)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stderr);
    let answer =
        serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error} {said}"));
    (ran.status.success(), answer)
}

/// Runs the command that `vestiary check` prints, with a back-up where it asks for one; says what was printed.
pub(crate) fn printed_repair(ledger: &TestLedger, backup: &Path) -> String {
    let config = ledger.ground.dir.path().join("vestiary.toml");
    let (clean, checked) = verb(&["check", "--config", config.to_str().unwrap()]);
    let command = checked["repair"].as_str().unwrap().to_owned();
    if !clean {
        let command = command.replace("COPY", backup.to_str().unwrap());
        let mut words = command.split(' ');
        assert_eq!(words.next(), Some("vestiary"), "{checked}");
        let (clean, repaired) = verb(&words.collect::<Vec<_>>());
        assert!(clean, "{checked}\n{repaired}");
    }
    command
}

/// Starts on a flipped byte: refused with file and remedy, or answering as before. Then the printed command.
async fn starts(ledger: &mut TestLedger, told: &Told, baseline: &Answers, whole: &Path, seeded: &mut Seeded) {
    let data_dir = ledger.ground.data_dir();
    let all = files_below(whole);
    let starts = number("VESTIARY_FLIPPED_STARTS", STARTS);
    let (mut refused, mut commands) = (0, BTreeMap::new());
    for start in 0..starts {
        // The parts whose damage a start meets come first.
        let parts = [
            Part::Journal,
            Part::Log,
            Part::Mirror,
            Part::Batches,
            Part::Salts,
            Part::Log,
            Part::Content,
            Part::Mirror,
        ];
        let part = parts[usize::try_from(start).unwrap() % parts.len()];
        let mut files = of_part(&all, part);
        files.retain(|file, bytes| !file.starts_with("log/tile/entries") || bytes.len() > 1_000);
        let flip = Flip::any(&files, seeded);
        fs::write(data_dir.join(&flip.file), flip.of(files[&flip.file].clone())).unwrap();
        match ledger.try_run().await {
            Err(error) => {
                refused += 1;
                let file = flip.file.file_name().unwrap().to_str().unwrap();
                let names = error.contains(file) || part == Part::Log && error.contains("log/");
                assert!(names && error.contains("vestiary repair"), "{flip:?}: {error}");
            }
            Ok(()) => {
                ledger.settle().await;
                let answers = Answers::read(ledger, told).await;
                assert_eq!(answers.served(baseline), Vec::<String>::new(), "{flip:?}");
                ledger.stop().await;
            }
        }
        *commands.entry(printed_repair(ledger, whole)).or_insert(0) += 1;
        ledger.run().await;
        ledger.settle().await;
        let answers = Answers::read(ledger, told).await;
        assert_eq!(
            answers.differences(baseline),
            Vec::<String>::new(),
            "{flip:?}, repaired"
        );
        ledger.stop().await;
        replace(whole, &data_dir);
    }
    println!(
        "{starts} starts on a flipped byte: {refused} refused, the others answered as before; printed: {commands:?}"
    );
}
