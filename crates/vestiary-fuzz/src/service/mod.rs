//! What requests, operators and brands bring, and the service's own files: `vestiary-server`.

mod api;
mod own;
mod product_list;

use crate::Target;

/// The targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "http_bodies",
        run: api::bodies,
        max_len: 2048,
    },
    Target {
        name: "http_headers",
        run: api::headers,
        max_len: 256,
    },
    Target {
        name: "http_queries",
        run: api::queries,
        max_len: 256,
    },
    Target {
        name: "api_key",
        run: api::api_key,
        max_len: 96,
    },
    Target {
        name: "configuration",
        run: own::configuration,
        max_len: 1536,
    },
    Target {
        name: "ledger_records",
        run: own::ledger_records,
        max_len: 2048,
    },
    Target {
        name: "preparation",
        run: own::preparation,
        max_len: 6144,
    },
    Target {
        name: "certificate_bundle",
        run: own::certificate_bundle,
        max_len: 512,
    },
    Target {
        name: "product_list",
        run: product_list::product_list,
        max_len: 768,
    },
];
