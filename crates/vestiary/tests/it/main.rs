//! What the crate promises, against data and programs that were not written for it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails here")]

mod batch_files;
mod certificate_cases;
mod certificate_fixtures;
mod data_model;
mod foreign;
mod jcs_vectors;
mod key_vectors;
mod ours;
mod proof_answers;
mod storage_proofs;
mod tree_vectors;
mod typed_data_vectors;
mod w3c_vectors;
mod world_profiles;
