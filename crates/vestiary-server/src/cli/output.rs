//! The only place that prints.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this module is the command line's voice; nothing else prints"
)]

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::failure::Failure;

/// How answers are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs read.
    pub(crate) const fn is_json(self) -> bool {
        self.json
    }

    /// The command's answer: `value` for programs, `text` for people.
    pub(crate) fn answer(self, value: &impl Serialize, text: impl FnOnce() -> String) {
        if self.json {
            let json = serde_json::to_string(value).expect("answers are made of strings and numbers");
            println!("{json}");
        } else {
            print!("{}", ended(text()));
        }
    }

    /// Something on the way, for people only.
    pub(crate) fn say(self, text: impl AsRef<str>) {
        if !self.json {
            eprintln!("{}", text.as_ref());
        }
    }

    /// Tells why it failed; says with which status to end.
    pub(crate) fn failed(self, failure: &Failure) -> ExitCode {
        if !failure.answered {
            if self.json {
                let json = serde_json::to_string(failure).expect("failures are made of strings and numbers");
                eprintln!("{json}");
            } else {
                eprint!("{}", text_of(failure));
            }
        }
        ExitCode::from(failure.exit_status)
    }

    /// Progress over a known number of steps; hidden where nobody watches.
    pub(crate) fn progress(self, steps: u64, what: &'static str) -> ProgressBar {
        let style = ProgressStyle::with_template("{msg:<28} {bar:32} {human_pos}/{human_len} {eta}");
        let bar = ProgressBar::with_draw_target(Some(steps), self.target()).with_message(what);
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// Progress without a known end.
    pub(crate) fn spinner(self, what: &'static str) -> ProgressBar {
        let bar = ProgressBar::with_draw_target(None, self.target()).with_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn target(self) -> ProgressDrawTarget {
        if self.json || !std::io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        }
    }

    /// Asks a question that wants a yes; `None` where nobody can answer.
    pub(crate) fn confirm(self, question: &str) -> Option<bool> {
        if self.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
            return None;
        }
        eprint!("{question} [y/N] ");
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).ok()?;
        Some(matches!(line.trim(), "y" | "Y" | "yes"))
    }
}

/// What clap says of a wrong command line, or of `--help` and `--version`.
pub(crate) fn command_line_error(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|argument| argument == "--json");
    if wants_json && error.use_stderr() {
        let text = error.to_string();
        let first = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        return Output::new(true).failed(&Failure::usage(first).remedy("see vestiary --help"));
    }
    // A closed terminal has nobody to tell.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(super::failure::USAGE))
}

fn text_of(failure: &Failure) -> String {
    let mut text = format!("error: {} [{}]\n", failure.detail, failure.code);
    for reason in &failure.errors {
        let _ = writeln!(text, "  {}: {} [{}]", reason.place, reason.detail, reason.code);
    }
    if !failure.remedy.is_empty() {
        let _ = writeln!(text, "remedy: {}", failure.remedy);
    }
    text
}

fn ended(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::failure::Reason;

    #[test]
    fn an_error_for_people_names_every_reason_and_the_remedy() {
        let reason = Reason {
            place: "line 3".into(),
            code: "bad_gtin".into(),
            detail: "the check digit is wrong".into(),
        };
        let failure = Failure::refused("bad_rows", "spring.csv has 1 bad row").reasons(vec![reason]);
        let text = text_of(&failure.remedy("mend the list"));
        assert_eq!(
            text,
            "error: spring.csv has 1 bad row [bad_rows]\n  line 3: the check digit is wrong [bad_gtin]\nremedy: mend the list\n"
        );
    }
}
