//! The only place that writes to standard output and standard error. A full disk or a reader that has gone is no
//! panic: what cannot be answered fails by name, what is only said is left unsaid.

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use vestiary::text::{Visible, is_deceptive};

use super::failure::{Failure, Reason};

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

    /// The command's answer: `value` for programs, `text` for people. Whoever reads no further has read enough.
    pub(crate) fn answer(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.tell(value, text) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            told => told.map_err(|error| output_failed(&error)),
        }
    }

    /// An answer that cannot be asked for again: a reader that has gone has lost it.
    pub(crate) fn answer_once(
        self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        self.tell(value, text).map_err(|error| output_failed(&error))
    }

    fn tell(self, value: &impl Serialize, text: impl FnOnce() -> String) -> std::io::Result<()> {
        let text = if self.json {
            in_ascii(&serde_json::to_string(value).expect("answers are made of strings and numbers"))
        } else {
            on_its_lines(&text())
        };
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(ended(text).as_bytes())?;
        stdout.flush()
    }

    /// Something on the way, for people only.
    pub(crate) fn say(self, text: impl AsRef<str>) {
        if !self.json {
            complain(&ended(on_its_lines(text.as_ref())));
        }
    }

    /// Tells why it failed; says with which status to end.
    pub(crate) fn failed(self, failure: &Failure) -> ExitCode {
        if !failure.answered {
            if self.json {
                let json = serde_json::to_string(failure).expect("failures are made of strings and numbers");
                complain(&ended(in_ascii(&json)));
            } else {
                complain(&text_of(failure));
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
        write!(std::io::stderr(), "{question} [y/N] ").ok()?;
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
    match error.print() {
        // Help that a full disk did not take; a reader that has gone has read enough.
        Err(unwritten) if !error.use_stderr() && unwritten.kind() != ErrorKind::BrokenPipe => {
            Output::new(wants_json).failed(&output_failed(&unwritten))
        }
        // The status tells what standard error does not take.
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(super::failure::USAGE)),
    }
}

/// Writes to standard error; where that takes nothing, nobody is left to tell, and the exit status says enough.
fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn output_failed(error: &std::io::Error) -> Failure {
    let detail =
        format!("what was asked for was done, but standard output does not take the answer: {error}");
    Failure::failed("output_failed", detail).remedy("make room there, or send it elsewhere")
}

fn text_of(failure: &Failure) -> String {
    // A service or a file may have chosen any of these words: none gets a line of its own.
    let mut text = format!(
        "error: {} [{}]\n",
        Visible(&failure.detail),
        Visible(&failure.code)
    );
    for Reason { place, code, detail } in &failure.errors {
        let (place, code, detail) = (Visible(place), Visible(code), Visible(detail));
        let _ = writeln!(text, "  {place}: {detail} [{code}]");
    }
    if !failure.remedy.is_empty() {
        let _ = writeln!(text, "remedy: {}", Visible(&failure.remedy));
    }
    text
}

/// The text with its line feeds; whatever else steers a terminal or reorders a line is shown as its escape.
fn on_its_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| Visible(line).to_string()).collect();
    lines.join("\n")
}

/// The same JSON, with what steers a terminal or reorders a line as `\u` escapes.
fn in_ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        // Characters below U+0020 are escaped already, and the others stand in strings only.
        if is_deceptive(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
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

    #[test]
    fn no_strangers_word_steers_the_terminal_or_gets_a_line_of_its_own() {
        let word = "\u{1b}[2J\u{9b}H\r\u{202e}\naccepted";
        let reason = Reason {
            place: word.into(),
            code: word.into(),
            detail: word.into(),
        };
        let text = text_of(&Failure::refused(word, word).reasons(vec![reason]).remedy(word));
        assert_eq!(text.lines().count(), 3, "{text:?}");
        assert!(!text.contains(|c| c != '\n' && is_deceptive(c)), "{text:?}");
        let told = on_its_lines(&format!("issuer {word}\nsecond line\n"));
        assert_eq!(
            told,
            "issuer \\u{1b}[2J\\u{9b}H\\r\\u{202e}\naccepted\nsecond line\n"
        );
        let json = serde_json::to_string(&[word, "é \u{e0041}"]).unwrap();
        let told = in_ascii(&json);
        assert!(!told.contains(is_deceptive), "{told}");
        assert_eq!(
            serde_json::from_str::<[String; 2]>(&told).unwrap(),
            [word, "é \u{e0041}"]
        );
    }
}
