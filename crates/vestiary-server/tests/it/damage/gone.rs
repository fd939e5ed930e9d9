//! Directories and only segments that are not there any more: never taken for a service that is new.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Answers, Told, printed_repair, replace, verb};
use crate::support::TestLedger;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_missed_and_comes_back_by_the_printed_command() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let told = Told::tell(&ledger).await;
    let baseline = Answers::read(&ledger, &told).await;
    ledger.stop().await;
    let copy = tempfile::tempdir().unwrap();
    let whole = copy.path().join("data");
    let data = ledger.ground.data_dir();
    replace(&data, &whole);
    let config = ledger.ground.dir.path().join("vestiary.toml");
    for gone in ["log/tile", "log"] {
        fs::remove_dir_all(data.join(gone)).unwrap();
        let (clean, checked) = verb(&["check", "--config", config.to_str().unwrap()]);
        assert!(!clean, "{gone}: {checked}");
        let command = printed_repair(&ledger, &whole);
        println!("{gone} is gone: {command}");
        ledger.run().await;
        ledger.settle().await;
        assert_eq!(
            Answers::read(&ledger, &told).await.differences(&baseline),
            Vec::<String>::new(),
            "{gone}"
        );
        ledger.stop().await;
        replace(&whole, &data);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_only_segment_that_is_gone_is_named_and_repair_says_which_copy_is_needed() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let told = Told::tell(&ledger).await;
    let baseline = Answers::read(&ledger, &told).await;
    ledger.stop().await;
    let copy = tempfile::tempdir().unwrap();
    let whole = copy.path().join("data");
    let data = ledger.ground.data_dir();
    replace(&data, &whole);
    let config = ledger.ground.dir.path().join("vestiary.toml");
    for journal in ["journal", "salts", "log/staging"] {
        let dir = data.join(journal);
        let segment = only_segment(&dir);
        fs::remove_file(&segment).unwrap();
        let (clean, checked) = verb(&["check", "--config", config.to_str().unwrap()]);
        let told_of = checked["findings"].to_string();
        assert!(
            !clean && told_of.contains(segment.to_str().unwrap()),
            "{journal}: {checked}"
        );
        let refused = ledger.try_run().await.unwrap_err();
        assert!(refused.contains("vestiary repair"), "{journal}: {refused}");
        if journal == "log/staging" {
            // What it held stands in the public files.
            printed_repair(&ledger, &whole);
        } else {
            // Whether this copy has every promise nobody can say but who made it.
            assert!(checked["repair"].as_str().unwrap().ends_with(" --from COPY"));
            let from = ["--from", whole.to_str().unwrap()];
            let (clean, repaired) = verb(&["repair", "--config", config.to_str().unwrap(), from[0], from[1]]);
            let said = repaired["repaired"].to_string();
            assert!(!clean && said.contains("left as it is"), "{journal}: {repaired}");
            println!("{journal}: {said}");
            replace(&whole.join(journal), &dir);
        }
        ledger.run().await;
        ledger.settle().await;
        assert_eq!(
            Answers::read(&ledger, &told).await.differences(&baseline),
            Vec::<String>::new(),
            "{journal}"
        );
        ledger.stop().await;
        replace(&whole, &data);
    }
}

fn only_segment(dir: &Path) -> PathBuf {
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let is_segment = |file: &PathBuf| {
        let name = file.file_name().unwrap().to_str().unwrap();
        name.starts_with("segment-")
    };
    let segments: Vec<_> = files.filter(is_segment).collect();
    assert_eq!(segments.len(), 1, "{segments:?}");
    segments[0].clone()
}
