//! What the crate promises, against data and programs that were not written for it.

mod batch_files;
mod foreign;
mod jcs_vectors;
mod key_vectors;
mod w3c_vectors;
