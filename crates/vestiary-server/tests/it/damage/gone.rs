//! Directories that are not there any more: never taken for a service that is new.

use std::fs;

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
