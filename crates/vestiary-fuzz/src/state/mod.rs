//! What was written and what a node says: `vestiary-log`, `vestiary-worlds`' store, `vestiary-chain`,
//! `vestiary-mirror`.

mod content;
mod disk;
mod journal;
mod log;
mod mirror;
mod node;
mod outbox;

use crate::Target;

/// The targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "journal_frames",
        run: journal::frames,
        max_len: 512,
    },
    Target {
        name: "journal_damage",
        run: journal::damage,
        max_len: 64,
    },
    Target {
        name: "log_directory",
        run: log::directory,
        max_len: 512,
    },
    Target {
        name: "content_record",
        run: content::record,
        max_len: 1024,
    },
    Target {
        name: "outbox_records",
        run: outbox::records,
        max_len: 2048,
    },
    Target {
        name: "deployment",
        run: node::deployment,
        max_len: 2048,
    },
    Target {
        name: "node_answers",
        run: node::answers,
        max_len: 4096,
    },
    Target {
        name: "mirror_rows",
        run: mirror::rows,
        max_len: 256,
    },
    Target {
        name: "mirror_blocks",
        run: mirror::blocks,
        max_len: 1024,
    },
    Target {
        name: "mirror_entries",
        run: mirror::entries,
        max_len: 1536,
    },
];
