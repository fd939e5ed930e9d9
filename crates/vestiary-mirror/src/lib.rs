#![doc = include_str!("../README.md")]

mod check;
mod codec;
mod config;
mod draft;
mod error;
mod fold;
mod mirror;
pub mod points;
mod rows;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod view;

pub use check::{CheckReport, MAX_FINDINGS};
pub use config::MirrorConfig;
pub use draft::UNDO_WINDOW_BLOCKS;
pub use error::{Error, Result};
pub use mirror::{AsOf, Dump, MAX_BATCH_ROWS, Mirror, Opened, RawRow, SCHEMA_VERSION};
pub use rows::{
    AcceptedLog, Accreditation, Anchor, Batch, ChainPoint, Collection, Compromise, Design, DidClaim,
    FLAG_BURNED, HistoryEntry, HistoryKind, Issuer, KeyInterval, MAX_NAME_BYTES, Minter, Token, UnreadEntry,
};
pub use view::{BatchAt, ChainCursor, Entry, KeyName, MAX_PAGE_ROWS, NoViews, Page, SignedEntry, View};
