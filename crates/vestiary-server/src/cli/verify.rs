//! `vestiary verify`: offline, against what the reader already believes.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::json;
use vestiary::certificate::MAX_CERTIFICATE_BYTES;
use vestiary::ids::{ChainId, CollectionId, WearableId};
use vestiary::roots::{MAX_ROOTS_BYTES, Roots};
use vestiary::verify::{CheckName, DEFAULT_REQUIRE, Expectations, verify_certificate};

use super::failure::Failure;
use super::files;
use super::options::collection_id;
use super::output::Output;

/// Largest tlog-proof that is read, in bytes: its statement and what a checkpoint may hold.
const MAX_PROOF_BYTES: u64 = 1 << 20;

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The certificate.
    certificate: PathBuf,
    /// The proof that its statement is in the log (C2SP tlog-proof).
    #[arg(long, value_name = "FILE")]
    proof: Option<PathBuf>,
    /// What you already believe. Without it nothing about issuer and log can pass.
    #[arg(long, value_name = "FILE", env = "VESTIARY_ROOTS")]
    roots: Option<PathBuf>,
    /// Checks that must have passed: format, token, signature, issuer, statement, log, checkpoint.
    #[arg(long, value_delimiter = ',', value_name = "CHECKS")]
    require: Vec<CheckName>,
    /// The chain that it should be about (EIP-155 number).
    #[arg(long)]
    chain: Option<u64>,
    /// The collection that it should be about.
    #[arg(long, value_parser = collection_id)]
    collection: Option<CollectionId>,
    /// The wearable that it should be about.
    #[arg(long, value_parser = wearable_id)]
    wearable: Option<WearableId>,
}

/// Reads a wearable's id on the command line.
pub(crate) fn wearable_id(text: &str) -> Result<WearableId, String> {
    text.parse()
        .map_err(|error: vestiary::ids::IdError| error.to_string())
}

/// Reads a roots file.
pub(crate) fn read_roots(path: &Path) -> Result<Roots, Failure> {
    Roots::parse(&files::read(path, MAX_ROOTS_BYTES as u64)?)
        .map_err(|error| Failure::failed(error.code(), format!("{}: {error}", path.display())))
}

pub(crate) fn run(args: &Args, out: Output) -> Result<(), Failure> {
    // A byte more than is read, so that the verification itself says that it is too large.
    let certificate = files::read(&args.certificate, MAX_CERTIFICATE_BYTES as u64 + 1)?;
    let proof = args
        .proof
        .as_deref()
        .map(|path| files::read(path, MAX_PROOF_BYTES))
        .transpose()?;
    let roots = args.roots.as_deref().map(read_roots).transpose()?;
    let expectations = Expectations {
        chain: args.chain.map(ChainId),
        collection: args.collection,
        wearable: args.wearable,
    };
    let report = verify_certificate(&certificate, proof.as_deref(), roots.as_ref(), &expectations);
    let require = if args.require.is_empty() {
        &DEFAULT_REQUIRE[..]
    } else {
        &args.require
    };
    let accepted = report.accepts(require);
    let answer = json!({ "accepted": accepted, "require": require, "report": report });
    out.answer(&answer, || {
        let names: Vec<&str> = require.iter().map(|name| name.as_str()).collect();
        let verdict = if accepted { "accepted" } else { "not accepted" };
        format!("{report}{verdict}: {} required\n", names.join(", "))
    })?;
    if accepted {
        Ok(())
    } else {
        Err(Failure::not_accepted("not_accepted"))
    }
}
