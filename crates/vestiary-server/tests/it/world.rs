//! `vestiary world add`: what it says is registered is registered.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::simulated::SimGround;
use crate::support::{fixture, stage};

/// Registers the profile in `file` by the executable.
fn add(api: &str, key: &str, file: &Path) -> Value {
    let ran = Command::new(env!("CARGO_BIN_EXE_vestiary"))
        .args(["--json", "world", "add", "--api", api])
        .arg(file)
        .env("VESTIARY_API_KEY", key)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worlds_profile_can_be_set_back_to_an_earlier_one() {
    let ground = SimGround::lay(stage::open(10));
    let served = ground.serve().await;
    let api = format!("http://{}", served.client.address());
    let key = served.client.key.clone();
    let dir = tempfile::tempdir().unwrap();
    let before: Value = serde_json::from_slice(&fixture("worlds/plaza.json")).unwrap();
    let mut after = before.clone();
    after["name"] = "Plaza, larger".into();
    for profile in [&before, &after, &before] {
        let file = dir.path().join("plaza.json");
        std::fs::write(&file, profile.to_string()).unwrap();
        let (api, key) = (api.clone(), key.clone());
        let answer = tokio::task::spawn_blocking(move || add(&api, &key, &file))
            .await
            .unwrap();
        assert_eq!(answer, *profile, "what is said to be registered");
        let shown = served.client.get("/v1/worlds/plaza").await.expect(200);
        assert_eq!(shown, *profile, "what is registered");
    }
    served.stop().await;
}
