//! Who watches the service: it is told when nobody looks after something any more, and does no harm by asking.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vestiary_log::Disk;
use vestiary_log::seams::{Clock, SystemClock};

use crate::support::simulated::SimGround;
use crate::support::stage;

/// A clock that breaks whoever asks it, once it is broken.
#[derive(Debug, Default)]
struct BreakingClock(AtomicBool);

impl Clock for BreakingClock {
    fn now_unix_ms(&self) -> u64 {
        assert!(!self.0.load(Ordering::SeqCst), "a fault of ours");
        SystemClock.now_unix_ms()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_ends_ends_the_service_with_its_name() {
    let chain = stage::open(8);
    chain.mine_blocks(4);
    let clock = Arc::new(BreakingClock::default());
    let ground = SimGround::lay(chain.clone());
    let served = ground
        .serve_on(Arc::new(Disk), Arc::clone(&clock) as Arc<dyn Clock>)
        .await;
    served.settle(&chain).await;
    // The follower asks for the time of the next head.
    clock.0.store(true, Ordering::SeqCst);
    chain.mine();
    let said = served.wait_ended().await.unwrap_err().to_string();
    assert!(
        said.starts_with("worker `follower` ended: ") && said.contains("a fault of ours"),
        "{said}"
    );
}
