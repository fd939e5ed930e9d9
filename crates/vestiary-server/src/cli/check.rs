//! `vestiary check`: what a stopped service has on disk, read whole and compared. Changes nothing.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::{Value, json};
use vestiary_log::{Disk, Files, LogError, journal};
use vestiary_mirror::Mirror;
use vestiary_server::journal::{Record, State};
use vestiary_worlds::ContentStore;

use super::failure::Failure;
use super::output::Output;
use super::rebuild::{Stopped, mirror_failure};

#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The service's configuration file.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Something that is not as it should be, and what to do.
#[derive(Debug, Serialize)]
struct Finding {
    part: &'static str,
    code: String,
    detail: String,
    repair: String,
}

/// What to do about a mirror that is not right.
const REBUILD: &str = "vestiary rebuild --config FILE";
/// What to do where only a copy helps.
const RESTORE: &str = "restore the file from a back-up, then run `vestiary check` again";

pub(crate) fn run(args: &Args, out: Output) -> Result<(), Failure> {
    let stopped = Stopped::hold(&args.config)?;
    let mut findings = Vec::new();
    let bar = out.progress(4, "checking");
    let journal = check_journal(&stopped, &mut findings);
    bar.inc(1);
    let log = check_log(&stopped, &mut findings)?;
    bar.inc(1);
    let content = check_content(&stopped, &mut findings);
    bar.inc(1);
    let mirror = check_mirror(&stopped, &mut findings)?;
    bar.finish_and_clear();
    let clean = findings.is_empty();
    let answer = json!({
        "clean": clean, "journal": journal, "log": log, "content": content, "mirror": mirror, "findings": findings,
    });
    out.answer(&answer, || text(&answer, &findings));
    if clean {
        Ok(())
    } else {
        Err(Failure {
            exit_status: super::failure::FAILED,
            ..Failure::not_accepted("findings")
        })
    }
}

fn check_journal(stopped: &Stopped, findings: &mut Vec<Finding>) -> Value {
    let mut add = |code: &str, detail: String, repair: &str| {
        findings.push(Finding {
            part: "journal",
            code: code.into(),
            detail,
            repair: repair.into(),
        });
    };
    let replay = match journal::check(&Disk, &stopped.dir("journal")) {
        Ok(replay) => replay,
        Err(error) => {
            add("journal_damaged", error.to_string(), RESTORE);
            return json!({});
        }
    };
    let mut state = State::default();
    for kept in &replay.records {
        let applied = serde_json::from_slice::<Record>(&kept.payload)
            .map_err(|error| error.to_string())
            .and_then(|record| state.apply(&record).map_err(|error| error.to_string()));
        if let Err(why) = applied {
            add(
                "journal_record",
                format!("record {}: {why}", kept.sequence),
                RESTORE,
            );
            break;
        }
    }
    // A torn end is what a crash leaves of an append that nobody was told of; the next start cuts it off.
    let torn = replay.repaired.len();
    json!({ "records": replay.records.len(), "torn_ends": torn, "open_intents": state.open_intents.len() })
}

fn check_log(stopped: &Stopped, findings: &mut Vec<Finding>) -> Result<Value, Failure> {
    let dir = stopped.dir("log");
    match vestiary_log::log::fsck(&Disk, &dir, &stopped.log_key()?) {
        Ok(health) => {
            for finding in &health.findings {
                let repair = match finding.should_be {
                    Some(_) => {
                        "the entries tell what it should be: delete the file and start `vestiary serve`, or restore it from a copy of the log"
                    }
                    None => "restore the file from any copy of the log",
                };
                findings.push(Finding {
                    part: "log",
                    code: "log_damaged".into(),
                    detail: format!("{}: {}", finding.file.display(), finding.what),
                    repair: repair.into(),
                });
            }
            Ok(json!({ "entries": health.entries, "files": health.files }))
        }
        Err(LogError::Files(error)) if error.is_missing() => Ok(json!({ "entries": 0, "files": 0 })),
        Err(error) => {
            findings.push(Finding {
                part: "log",
                code: "log_damaged".into(),
                detail: error.to_string(),
                repair: "restore the file from any copy of the log".into(),
            });
            Ok(json!({}))
        }
    }
}

fn check_content(stopped: &Stopped, findings: &mut Vec<Finding>) -> Value {
    let files: Arc<dyn Files> = Arc::new(Disk);
    let scan = ContentStore::open_read_only(files, &stopped.dir("content")).and_then(|store| store.scan());
    let scan = match scan {
        Ok(scan) => scan,
        Err(error) => {
            let (code, detail) = ("content_unreadable".into(), error.to_string());
            findings.push(Finding {
                part: "content",
                code,
                detail,
                repair: RESTORE.into(),
            });
            return json!({});
        }
    };
    for path in &scan.damaged {
        findings.push(Finding {
            part: "content",
            code: "content_damaged".into(),
            detail: format!("{} is not what its name says", path.display()),
            repair: "upload the file again: any copy with this hash is the file".into(),
        });
    }
    json!({
        "files": scan.intact, "bytes": scan.bytes, "derived_missing": scan.derived_missing,
        "damaged": scan.damaged.len(),
    })
}

fn check_mirror(stopped: &Stopped, findings: &mut Vec<Finding>) -> Result<Value, Failure> {
    let mut add = |code: &str, detail: String, repair: &str| {
        findings.push(Finding {
            part: "mirror",
            code: code.into(),
            detail,
            repair: repair.into(),
        });
    };
    let dir = stopped.dir("mirror");
    if !dir.is_dir() {
        add(
            "mirror_missing",
            format!("{} is not there", dir.display()),
            REBUILD,
        );
        return Ok(json!({}));
    }
    let mirror = match Mirror::open(&dir, stopped.mirror_config()) {
        Ok(mirror) => mirror,
        Err(error @ vestiary_mirror::Error::Locked { .. }) => return Err(mirror_failure(error)),
        Err(error) => {
            add(error.code(), error.to_string(), REBUILD);
            return Ok(json!({}));
        }
    };
    let report = mirror.check().map_err(mirror_failure)?;
    for fault in &report.faults {
        add("mirror_fault", fault.clone(), REBUILD);
    }
    for discrepancy in &report.discrepancies {
        let repair = "no rebuild changes this: chain and log disagree, ask the issuer and the operator";
        add("discrepancy", discrepancy.clone(), repair);
    }
    let digest = mirror.row_digest().map_err(mirror_failure)?;
    let head = mirror.head();
    Ok(json!({
        "row_digest": digest.to_string(),
        "block": head.map(|head| head.number.to_string()).unwrap_or_default(),
        "block_hash": head.map(|head| head.hash.to_string()).unwrap_or_default(),
        "log_size": mirror.log_size().to_string(),
        "rows": report.rows, "owned": report.owned,
        "certified_in_log": report.certified_in_log, "not_in_log": report.not_in_log,
    }))
}

fn text(answer: &Value, findings: &[Finding]) -> String {
    let mut text = format!(
        "journal  {}\nlog      {}\ncontent  {}\nmirror   {}\n",
        answer["journal"], answer["log"], answer["content"], answer["mirror"]
    );
    for finding in findings {
        let Finding {
            part,
            code,
            detail,
            repair,
        } = finding;
        let _ = writeln!(text, "{part}: {detail} [{code}]\n  repair: {repair}");
    }
    text.push_str(if findings.is_empty() {
        "nothing found\n"
    } else {
        ""
    });
    text
}
