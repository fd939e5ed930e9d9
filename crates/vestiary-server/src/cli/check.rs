//! `vestiary check`: what a stopped service has on disk, read whole and compared. Changes nothing.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde_json::{Value, json};
use vestiary_server::damage::{Finding, Part, Remedy, Report};

use super::failure::Failure;
use super::output::Output;
use super::rebuild::{Stopped, damage_failure};

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The service's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

pub(crate) fn run(args: &Args, out: Output) -> Result<(), Failure> {
    let stopped = Stopped::hold(&args.config)?;
    let report = examine(&stopped, out)?;
    tell(&args.config, &report, &[], out)
}

/// Checks part by part, showing how far it is.
pub(crate) fn examine(stopped: &Stopped, out: Output) -> Result<Report, Failure> {
    let stored = stopped.stored()?;
    let bar = out.progress(Part::ALL.len() as u64, "checking");
    let mut whole = Report::default();
    for part in Part::ALL {
        let mut report = stored.check(&[part]).map_err(damage_failure)?;
        whole.findings.append(&mut report.findings);
        whole.notes.append(&mut report.notes);
        whole.counts.append(&mut report.counts);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(whole)
}

/// Prints what was found and `done`, and the one command that puts it right; fails when something is still wrong.
pub(crate) fn tell(config: &Path, report: &Report, done: &[String], out: Output) -> Result<(), Failure> {
    let command = command(config, &report.findings);
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| view(config, finding))
        .collect();
    let mut answer = json!({
        "clean": report.is_clean(), "findings": findings, "notes": report.notes, "repaired": done, "repair": command,
    });
    for part in Part::ALL {
        answer[part.name()] = report
            .counts
            .get(part.name())
            .cloned()
            .unwrap_or_else(|| json!({}));
    }
    out.answer(&answer, || text(&answer, report, done, &command))?;
    if report.is_clean() {
        Ok(())
    } else {
        Err(Failure {
            exit_status: super::failure::FAILED,
            ..Failure::not_accepted("findings")
        })
    }
}

/// The one command for all findings, "" where there is nothing to repair.
fn command(config: &Path, findings: &[Finding]) -> String {
    let repair = format!("vestiary repair --config {}", config.display());
    let needs_copy = |finding: &Finding| matches!(finding.remedy, Remedy::Copy { .. });
    if findings.iter().any(needs_copy) {
        format!("{repair} --from COPY")
    } else if findings.iter().any(|finding| finding.remedy == Remedy::Here) {
        repair
    } else {
        String::new()
    }
}

fn view(config: &Path, finding: &Finding) -> Value {
    json!({
        "part": finding.part, "code": finding.code, "file": finding.file.display().to_string(),
        "detail": finding.detail, "repair": repair_of(config, finding),
    })
}

fn repair_of(config: &Path, finding: &Finding) -> String {
    match &finding.remedy {
        Remedy::Here | Remedy::Copy { .. } => {
            let command = command(config, std::slice::from_ref(finding));
            match &finding.remedy {
                Remedy::Copy { lost } => {
                    format!(
                        "{command}, COPY being a back-up of the data directory; without one is lost: {lost}"
                    )
                }
                _ => command,
            }
        }
        Remedy::People => {
            "no command changes this: chain and log disagree, ask the issuer and the operator".into()
        }
    }
}

fn text(answer: &Value, report: &Report, done: &[String], command: &str) -> String {
    let mut text = String::new();
    for part in Part::ALL {
        let _ = writeln!(text, "{:<9}{}", part.name(), answer[part.name()]);
    }
    for line in done {
        let _ = writeln!(text, "repaired: {line}");
    }
    for note in &report.notes {
        let _ = writeln!(text, "note: {note}");
    }
    for Finding {
        part,
        code,
        detail,
        remedy,
        ..
    } in &report.findings
    {
        let _ = writeln!(text, "{part}: {detail} [{code}]");
        if let Remedy::Copy { lost } = remedy {
            let _ = writeln!(text, "  needs a copy; without one is lost: {lost}");
        }
    }
    if !command.is_empty() {
        let _ = writeln!(text, "repair: {command}");
    }
    text.push_str(if report.is_clean() {
        "nothing is wrong\n"
    } else {
        ""
    });
    text
}
