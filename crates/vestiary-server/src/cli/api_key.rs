//! `vestiary api-key new`.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use vestiary::ids::IssuerId;
use vestiary_server::api::{ApiKeyMade, NewApiKey};
use vestiary_server::api_key::Scope;

use super::failure::Failure;
use super::files;
use super::options::{CallerOptions, issuer_id};
use super::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a key. It is shown once, or written to a file that only you can read.
    New {
        #[command(flatten)]
        caller: CallerOptions,
        /// What you call it.
        #[arg(long)]
        label: String,
        /// What it may do: `admin`, `issue` or `world`; may be given several times.
        #[arg(long = "scope", required = true)]
        scopes: Vec<Scope>,
        /// The only issuer it acts for; needed for `issue`.
        #[arg(long, value_parser = issuer_id)]
        issuer_id: Option<IssuerId>,
        /// Write the key here instead of showing it.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

pub(crate) async fn run(command: Command, out: Output) -> Result<(), Failure> {
    let Command::New {
        caller,
        label,
        scopes,
        issuer_id,
        out: file,
    } = command;
    let body = NewApiKey {
        label,
        scopes,
        issuer_id: issuer_id.map(|id| id.to_string()),
    };
    let made: ApiKeyMade = caller.client()?.post(&["v1", "api-keys"], &body).await?;
    // Nobody can show it again.
    let lost = |failure: Failure| {
        failure.remedy(format!(
            "nobody has API key {id}: take it back (DELETE /v1/api-keys/{id}) and make another, --out FILE keeps it",
            id = made.id
        ))
    };
    if let Some(file) = file {
        files::write_private(&file, format!("{}\n", made.key).as_bytes()).map_err(lost)?;
        let answer = json!({ "id": made.id, "scopes": made.scopes, "file": file });
        out.answer(&answer, || {
            format!("API key {} is in {}", made.id, file.display())
        })?;
    } else {
        // Showing it once is the act.
        let answer = json!({ "id": made.id, "scopes": made.scopes, "key": made.key });
        out.answer_once(&answer, || {
            format!("API key {}, shown this once:\n{}", made.id, made.key)
        })
        .map_err(lost)?;
    }
    Ok(())
}
