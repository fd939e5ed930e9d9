//! A commit is mined while a reorganisation has its collection taken away: a call to an account without code succeeds.

use std::time::Duration;

use serde_json::json;
use vestiary_chain::sim::Fate;

use crate::support::eventually;
use crate::support::issuing::{FINAL, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_collection_was_reorganised_away_is_not_final_and_goes_out_again_when_it_is_back() {
    let scene = Scene::new().await;
    let (chain, client) = (&scene.chain, &scene.served.client);
    let below = chain.head();
    scene.create().await;
    let path = scene.issue().await;
    let commit = scene.sent().await;
    scene.mine(1).await;
    scene.wait(&path, "committed").await;
    assert_eq!(scene.committed(), 1);

    // The branch without the creation has the commit all the same: it calls an account without code, and succeeds.
    let depth = chain.head().number - below.number;
    chain.reorg(usize::try_from(depth).unwrap(), |transaction| {
        if transaction == commit {
            Fate::Returned
        } else {
            Fate::Dropped
        }
    });
    scene.mine(depth + 1).await;
    assert_eq!(scene.committed(), 0);
    for _ in 0..=FINAL {
        scene.mine(1).await;
        // Rounds of the sender between two blocks.
        tokio::time::sleep(Duration::from_millis(60)).await;
        let view = client.get(&path).await.expect(200);
        assert_ne!(view["state"], "finalized", "nothing was committed");
    }
    let waits = eventually("the commit is known to be without effect", async || {
        let view = client.get(&path).await.expect(200);
        assert_ne!(view["state"], "finalized", "nothing was committed");
        (view["reason"] == "without_effect").then_some(view)
    })
    .await;
    assert_eq!(
        (&waits["state"], &waits["transaction"]),
        (&json!("logged"), &json!(""))
    );
    let metrics = client.get("/metrics").await.text();
    let step = metrics
        .lines()
        .find(|line| line.starts_with("vestiary_order_steps_total{step=\"without_effect\"}"))
        .expect("the step is counted");
    assert_ne!(step.rsplit(' ').next(), Some("0"), "{step}");

    // There is nothing to commit to: nothing is sent, whatever goes by.
    for _ in 0..4 {
        scene.mine(8).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(chain.waiting().is_empty(), "sent to an account without code");
    }

    // The creation comes back, and the commit with it, once.
    scene.create().await;
    let again = scene.sent().await;
    assert_ne!(
        again, commit,
        "another transaction: the nonce of the first is used up"
    );
    scene.mine(1).await;
    let view = scene.wait(&path, "committed").await;
    assert_eq!(view["reason"], "");
    scene.mine(FINAL + 1).await;
    scene.wait(&path, "finalized").await;
    assert_eq!(scene.committed(), 1);
    scene.served.stop().await;
}
