//! The fail points of a transaction's way to finality; see [`vestiary_log::points`].

vestiary_log::fail_points! {
    /// An order is about to be taken.
    ORDER_ACCEPTING = "order/accepting";
    /// An order is durable, without a nonce.
    ORDER_ACCEPTED = "order/accepted";
    /// A transaction is signed in memory only.
    ORDER_SIGNING = "order/signing";
    /// Nonce and signed bytes are durable; no node has them.
    ORDER_SIGNED = "order/signed";
    /// A node took the bytes; that is not recorded.
    ORDER_BROADCAST = "order/broadcast";
    /// It is recorded that a node has the bytes.
    ORDER_SENT = "order/sent";
    /// A block has the transaction; that is not recorded.
    ORDER_INCLUDING = "order/including";
    /// It is recorded which block has the transaction.
    ORDER_INCLUDED = "order/included";
    /// The block went away; that is not recorded.
    ORDER_DROPPING = "order/dropping";
    /// It is recorded that the block went away.
    ORDER_DROPPED = "order/dropped";
    /// The block is final; that is not recorded.
    ORDER_FINALIZING = "order/finalizing";
    /// It is recorded that the block is final.
    ORDER_FINALIZED = "order/finalized";
}
