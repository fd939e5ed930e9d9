//! What goes on without being asked: following the chain, folding the log, sending transactions, anchoring, reading
//! what lies still.

mod due;
pub mod expire;
pub mod follow;
pub mod followed;
mod held;
pub mod scrub;
pub mod send;
pub mod storage;

/// Says when to stop.
#[derive(Clone, Debug)]
pub struct Stop(tokio::sync::watch::Receiver<bool>);

/// Makes everybody stop who holds the matching [`Stop`].
#[derive(Debug)]
pub struct Stopper(tokio::sync::watch::Sender<bool>);

impl Stop {
    /// A pair.
    pub fn new() -> (Stopper, Self) {
        let (sender, receiver) = tokio::sync::watch::channel(false);
        (Stopper(sender), Self(receiver))
    }

    /// Returns when it is time; also when nobody is left to say so.
    pub async fn wait(&mut self) {
        // An error means the stopper is gone, which is a stop too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

impl Stopper {
    /// It is time.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}
