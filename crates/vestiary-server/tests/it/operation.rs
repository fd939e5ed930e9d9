//! Restarts, rebuilds, a node out of sight, the log's files: what an operator and an auditor see.

use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use vestiary_server::config::Config;

use crate::beginnings::{Issued, claimed};
use crate::story::inventory;
use crate::support::actors::{Actor, Brand};
use crate::support::{TestLedger, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_there_after_a_restart_and_after_a_rebuild() {
    let Some(mut ledger) = TestLedger::start().await else {
        return;
    };
    let ana = Actor::named("Ana");
    let Issued {
        brand,
        design,
        batch: issued,
    } = claimed(&ledger, 3, &ana).await;
    ledger.wait_quiet().await;
    let counts = ledger.check_everything().await;
    let (digest, answer) = (
        ledger.service().mirror.row_digest().unwrap(),
        inventory(&ledger, &ana, "plaza").await,
    );

    ledger.stop().await;
    ledger.run().await;
    ledger.settle().await;
    assert_eq!(ledger.service().mirror.row_digest().unwrap(), digest);
    assert_eq!(ledger.check_everything().await, counts);

    ledger.stop().await;
    std::fs::remove_dir_all(ledger.ground.data_dir().join("mirror")).unwrap();
    ledger.run().await;
    ledger.settle().await;
    assert_eq!(
        ledger.service().mirror.row_digest().unwrap(),
        digest,
        "a rebuilt mirror has the same rows"
    );
    assert_eq!(ledger.check_everything().await, counts);
    let after = inventory(&ledger, &ana, "plaza").await;
    assert_eq!(after["wearables"], answer["wearables"]);
    assert_eq!(after["as_of"][0]["hash"], answer["as_of"][0]["hash"]);

    // The next batch goes on where the last one ended, and the receipt is still the same text.
    let again = brand
        .client(&ledger)
        .get(&format!("/v1/batches/{}", issued["id"].as_str().unwrap()))
        .await;
    assert_eq!(again.expect(200)["receipt"], issued["receipt"]);
    brand.issue(&ledger, design, 4, 1).await;
    ledger.check_everything().await;
}

/// Stands between service and node, and can be cut.
#[derive(Debug)]
pub(crate) struct Proxy(watch::Sender<bool>);

impl Proxy {
    /// Takes the node's place in `url`.
    pub(crate) fn before(url: &mut String) -> Self {
        let node = url.trim_start_matches("http://").to_owned();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        *url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, cut) = watch::channel(false);
        tokio::spawn(async move {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((mut outer, _)) = listener.accept().await {
                let (node, mut cut) = (node.clone(), cut.clone());
                tokio::spawn(async move {
                    if *cut.borrow_and_update() {
                        return;
                    }
                    let Ok(mut inner) = TcpStream::connect(node).await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut outer, &mut inner) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        Self(sender)
    }

    /// Breaks every connection and lets no new one through, or lets them through again.
    pub(crate) fn cut(&self, cut: bool) {
        self.0.send_replace(cut);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_out_of_sight_makes_every_wearable_unknown_with_the_last_known_answer() {
    let mut proxy = None;
    let put_between = |config: &mut Config| proxy = Some(Proxy::before(&mut config.chain.rpc_url));
    let Some(mut ledger) = TestLedger::start_with(put_between).await else {
        return;
    };
    let proxy = proxy.expect("it was put between");
    let ana = Actor::named("Ana");
    claimed(&ledger, 1, &ana).await;
    assert_eq!(
        inventory(&ledger, &ana, "plaza").await["wearables"][0]["wear"],
        "yes"
    );

    proxy.cut(true);
    eventually("the service notices", async || {
        let reply = ledger.client().get("/readyz").await;
        (reply.status == 503 && reply.json()["chain"] == "behind").then_some(())
    })
    .await;
    ledger.clock.advance_s(60);
    let answer = inventory(&ledger, &ana, "plaza").await;
    assert_eq!(answer["complete"], "partial_unknown", "{answer}");
    let wearable = &answer["wearables"][0];
    assert_eq!(
        (&wearable["wear"], &wearable["why"]),
        (&json!("unknown"), &json!("chain_behind")),
        "{wearable}"
    );
    assert_eq!(wearable["last_known"]["wear"], "yes");
    assert!(answer["keep_until"].as_str().unwrap() > answer["fresh_until"].as_str().unwrap());
    assert_eq!(ledger.client().get("/livez").await.status, 200);
    proxy.cut(false);
    ledger.wait_ready().await;
    assert_eq!(
        inventory(&ledger, &ana, "plaza").await["wearables"][0]["wear"],
        "yes"
    );
    ledger.check_everything().await;
    ledger.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_over_http_is_the_log_on_disk() {
    let Some(ledger) = TestLedger::start().await else {
        return;
    };
    let brand = Brand::join(&ledger, "Atelier", 1).await;
    let design = brand.design(&ledger, "0").await;
    brand.issue(&ledger, design, 1, 2).await;
    let client = ledger.client().with_key("");
    let checkpoint = client.get("/log/checkpoint").await;
    let on_disk = std::fs::read(ledger.ground.data_dir().join("log/checkpoint")).unwrap();
    assert_eq!(checkpoint.body, on_disk);
    let size = ledger.service().log_size();
    let path = format!("tile/entries/000.p/{size}");
    let tile = client.get(&format!("/log/{path}")).await;
    assert_eq!(tile.status, 200, "{}", tile.text());
    assert_eq!(
        tile.body,
        std::fs::read(ledger.ground.data_dir().join("log").join(&path)).unwrap()
    );
    assert!(tile.header("cache-control").contains("immutable"));
    for wrong in [
        "tile/0/999",
        "tile/entries/../checkpoint",
        "tile/0/000.p/255",
        "tile/x",
    ] {
        let reply = client.get(&format!("/log/{wrong}")).await;
        assert!(
            reply.status == 404 || reply.status == 400,
            "{wrong}: {}",
            reply.status
        );
        reply.problem();
    }
}
