//! `vestiary design add`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use vestiary::ids::CollectionId;
use vestiary::licence::{Age, Licence, VrmPermissions};
use vestiary::terms::{Kept, Terms};
use vestiary_server::api::{DesignView, FileView, NewDesign, NewRepresentation};
use vestiary_worlds::content::MAX_FILE_BYTES;

use super::failure::Failure;
use super::files;
use super::options::{CallerOptions, collection_id};
use super::output::Output;

/// Largest file with permissions, in bytes.
const MAX_PERMISSIONS_BYTES: u64 = 16 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Uploads files and registers a design. It cannot be changed afterwards.
    Add(Box<Add>),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    #[command(flatten)]
    caller: CallerOptions,
    /// The collection, eip155:…/erc721:0x….
    #[arg(long, value_parser = collection_id)]
    collection: CollectionId,
    /// Its name; product lists call it by this name.
    #[arg(long)]
    name: String,
    /// One or two sentences.
    #[arg(long, default_value = "")]
    description: String,
    /// Where it is worn: torso, feet, head.hat, …
    #[arg(long)]
    slot: String,
    /// A slot that it hides; may be given several times.
    #[arg(long)]
    hides: Vec<String>,
    /// A slot that it replaces; may be given several times.
    #[arg(long)]
    replaces: Vec<String>,
    /// Copies at most, or `open`.
    #[arg(long)]
    edition: String,
    /// A file for a world or format, such as plaza=coat.glb; may be given several times.
    #[arg(long = "file", value_name = "PROFILE=FILE", required = true)]
    files: Vec<String>,
    /// The text of the licence.
    #[arg(long, value_name = "FILE")]
    licence: PathBuf,
    /// Permissions under VRM's names, as JSON; VRM's defaults when nobody says.
    #[arg(long, value_name = "FILE")]
    permissions: Option<PathBuf>,
    /// From which age it is suitable: all, 12, 16, 18.
    #[arg(long, default_value = "all")]
    age: String,
    /// Worlds may not keep the files.
    #[arg(long)]
    no_cache: bool,
    /// Until when the issuer may help recover a lost wearable: unix seconds, 0 for never.
    #[arg(long, default_value_t = 0)]
    recovery_until: u64,
    /// Until when the owner chooses between piece and wearable: unix seconds, 0 where there is no choice.
    #[arg(long, default_value_t = 0)]
    choose_by: u64,
    /// What is kept when the owner has not chosen: none, physical or digital.
    #[arg(long, default_value = "none")]
    default: String,
}

pub(crate) async fn run(command: Command, out: Output) -> Result<(), Failure> {
    let Command::Add(add) = command;
    let client = add.caller.client()?;
    let default = match add.default.as_str() {
        "none" => Kept::None,
        "physical" => Kept::Physical,
        "digital" => Kept::Digital,
        other => {
            return Err(Failure::usage(format!(
                "--default {other}: none, physical or digital"
            )));
        }
    };
    let age: Age = serde_json::from_value(json!(add.age))
        .map_err(|_| Failure::usage(format!("--age {}: all, 12, 16 or 18", add.age)))?;
    let vrm = match &add.permissions {
        None => VrmPermissions::default(),
        Some(path) => {
            vestiary::json::from_slice_strict(&files::read(path, MAX_PERMISSIONS_BYTES)?, 16 * 1024)
                .map_err(|error| Failure::refused(error.code(), format!("{}: {error}", path.display())))?
        }
    };
    let mut paths = Vec::with_capacity(add.files.len());
    for text in &add.files {
        let (profile, path) = text
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--file {text}: write PROFILE=FILE")))?;
        paths.push((profile.to_owned(), PathBuf::from(path)));
    }
    let bar = out.progress(paths.len() as u64 + 2, "uploading");
    let licence = client.upload(files::read(&add.licence, MAX_FILE_BYTES)?).await?;
    bar.inc(1);
    let mut uploaded: Vec<FileView> = Vec::new();
    let mut representations = Vec::new();
    for (profile, path) in paths {
        let view = client.upload(files::read(&path, MAX_FILE_BYTES)?).await?;
        representations.push(NewRepresentation {
            profile,
            sha256: view.sha256.clone(),
            lod: 0,
        });
        uploaded.push(view);
        bar.inc(1);
    }
    let sha256 = licence.sha256.parse();
    let sha256 =
        sha256.map_err(|_| Failure::failed("malformed_answer", "the licence's hash cannot be read"))?;
    let body = NewDesign {
        collection: add.collection.to_string(),
        name: add.name,
        description: add.description,
        slot: add.slot,
        hides: add.hides,
        replaces: add.replaces,
        edition: if add.edition == "open" {
            "0".into()
        } else {
            add.edition
        },
        terms: Terms {
            choose_by: add.choose_by,
            default,
            recovery_until: add.recovery_until,
        },
        licence: Licence {
            age,
            may_cache: !add.no_cache,
            sha256,
            vrm,
        },
        representations,
    };
    let view: DesignView = client.post_once(&["v1", "designs"], &body).await?;
    bar.finish_and_clear();
    let answer = json!({ "design": view, "files": uploaded, "licence": licence });
    out.answer(&answer, || {
        format!(
            "{} is design {} of {}, {}",
            body.name, view.design_id, view.collection, view.digest
        )
    })?;
    Ok(())
}
