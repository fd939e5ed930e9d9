//! Files, names and proofs: `vestiary-tlog`, `vestiary`, `vestiary-signing` and `vestiary-worlds`.

mod files;
mod json;
mod names;
mod papers;
mod proofs;
mod secrets;
mod tlog;

use crate::Target;

/// The targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "strict_json",
        run: json::strict,
        max_len: 512,
    },
    Target {
        name: "jcs",
        run: json::canonical,
        max_len: 512,
    },
    Target {
        name: "ids",
        run: names::ids,
        max_len: 160,
    },
    Target {
        name: "words",
        run: names::words,
        max_len: 96,
    },
    Target {
        name: "timestamp",
        run: names::timestamp,
        max_len: 24,
    },
    Target {
        name: "terms",
        run: names::terms,
        max_len: 128,
    },
    Target {
        name: "rights_word",
        run: names::rights_word,
        max_len: 32,
    },
    Target {
        name: "cid",
        run: names::cid,
        max_len: 96,
    },
    Target {
        name: "public_key",
        run: names::public_key,
        max_len: 128,
    },
    Target {
        name: "certificate",
        run: papers::certificate,
        max_len: 4096,
    },
    Target {
        name: "verify_certificate",
        run: papers::verify_certificate,
        max_len: 6144,
    },
    Target {
        name: "data_integrity",
        run: papers::data_integrity,
        max_len: 2048,
    },
    Target {
        name: "statement",
        run: papers::statement,
        max_len: 1536,
    },
    Target {
        name: "receipt",
        run: papers::receipt,
        max_len: 1024,
    },
    Target {
        name: "design",
        run: papers::design,
        max_len: 3072,
    },
    Target {
        name: "licence",
        run: papers::licence,
        max_len: 1024,
    },
    Target {
        name: "batch_file",
        run: papers::batch_file,
        max_len: 2048,
    },
    Target {
        name: "roots",
        run: papers::roots,
        max_len: 2048,
    },
    Target {
        name: "world_profile",
        run: papers::world_profile,
        max_len: 1024,
    },
    Target {
        name: "world_fit",
        run: papers::world_fit,
        max_len: 4096,
    },
    Target {
        name: "inventory",
        run: papers::inventory,
        max_len: 3072,
    },
    Target {
        name: "revert_data",
        run: proofs::revert_data,
        max_len: 512,
    },
    Target {
        name: "account_signature",
        run: proofs::account_signature,
        max_len: 192,
    },
    Target {
        name: "batch_tree",
        run: proofs::batch_tree,
        max_len: 640,
    },
    Target {
        name: "inclusion_proof",
        run: proofs::inclusion,
        max_len: 512,
    },
    Target {
        name: "consistency_proof",
        run: proofs::consistency,
        max_len: 512,
    },
    Target {
        name: "signed_note",
        run: tlog::signed_note,
        max_len: 1024,
    },
    Target {
        name: "verifier_key",
        run: tlog::verifier_key,
        max_len: 192,
    },
    Target {
        name: "checkpoint",
        run: tlog::checkpoint,
        max_len: 1024,
    },
    Target {
        name: "tile_path",
        run: tlog::tile_path,
        max_len: 80,
    },
    Target {
        name: "tile",
        run: tlog::tile,
        max_len: 512,
    },
    Target {
        name: "entry_bundle",
        run: tlog::entry_bundle,
        max_len: 512,
    },
    Target {
        name: "tlog_proof",
        run: tlog::tlog_proof,
        max_len: 2048,
    },
    Target {
        name: "key_file",
        run: secrets::key_file,
        max_len: 1024,
    },
    Target {
        name: "claim_code",
        run: secrets::claim_code,
        max_len: 80,
    },
    Target {
        name: "glb",
        run: files::glb,
        max_len: 4096,
    },
    Target {
        name: "gltf_parts",
        run: files::gltf_parts,
        max_len: 4096,
    },
    Target {
        name: "image_header",
        run: files::image_header,
        max_len: 256,
    },
    Target {
        name: "sniff",
        run: files::sniff,
        max_len: 256,
    },
];
