//! The corpus is replayed, and each target gets a few thousand inputs more.

mod replay;
