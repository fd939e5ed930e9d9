//! Why a command did not do what it was asked, and with which exit status it ends.

use serde::Serialize;
use serde_json::Value;
use vestiary_server::error::{MAX_DETAIL_CHARS, clipped};

/// Exit status of a failure.
pub(crate) const FAILED: u8 = 1;
/// Exit status of a wrong command line.
pub(crate) const USAGE: u8 = 2;
/// Exit status of a refusal, or of a verification that was not accepted.
pub(crate) const REFUSED: u8 = 3;

/// One failure, for people and for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Failure {
    /// A stable word that programs switch on.
    pub(crate) code: String,
    /// What happened, naming the input.
    pub(crate) detail: String,
    /// What to do about it, "" where the detail says it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) remedy: String,
    /// Each reason, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<Reason>,
    /// The exit status.
    pub(crate) exit_status: u8,
    /// What was found before it failed, printed as the command's answer; a refusal may still answer.
    #[serde(skip)]
    pub(crate) answered: bool,
}

/// One of several reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Reason {
    /// Where: a line of a list, or a pointer into a request.
    #[serde(rename = "where")]
    pub(crate) place: String,
    /// A stable word.
    pub(crate) code: String,
    /// What is wrong and what would be right.
    pub(crate) detail: String,
}

impl Failure {
    fn new(exit_status: u8, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            detail: clipped(detail.into(), MAX_DETAIL_CHARS),
            remedy: String::new(),
            errors: Vec::new(),
            exit_status,
            answered: false,
        }
    }

    /// Something did not work.
    pub(crate) fn failed(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(FAILED, code, detail)
    }

    /// The command line asks for something that cannot be asked.
    pub(crate) fn usage(detail: impl Into<String>) -> Self {
        Self::new(USAGE, "usage", detail)
    }

    /// Somebody said no.
    pub(crate) fn refused(code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(REFUSED, code, detail)
    }

    /// The answer was printed and says why; only the exit status is left to tell.
    pub(crate) fn not_accepted(code: &str) -> Self {
        Self {
            answered: true,
            ..Self::new(REFUSED, code, "")
        }
    }

    /// The same with what to do.
    #[must_use]
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// The same with its reasons.
    #[must_use]
    pub(crate) fn reasons(mut self, errors: Vec<Reason>) -> Self {
        self.errors = errors;
        self
    }

    /// The service's problem document (RFC 9457) as a failure: a 4xx is a refusal.
    pub(crate) fn problem(status: u16, body: &[u8]) -> Self {
        let problem: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        let code = match text("code") {
            code if code.is_empty() => format!("http_{status}"),
            code => code,
        };
        let detail = [text("title"), text("detail")]
            .into_iter()
            .filter(|part| !part.is_empty());
        let detail = match detail.collect::<Vec<_>>().join(": ") {
            detail if detail.is_empty() => format!("the service answered with status {status}"),
            detail => detail,
        };
        let exit = if (400..500).contains(&status) {
            REFUSED
        } else {
            FAILED
        };
        let reasons = problem["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| Reason {
                place: item["pointer"].as_str().unwrap_or_default().to_owned(),
                code: item["code"].as_str().unwrap_or_default().to_owned(),
                detail: item["detail"].as_str().unwrap_or_default().to_owned(),
            });
        Self::new(exit, code, detail).reasons(reasons.collect())
    }
}

impl From<vestiary_chain::ChainError> for Failure {
    fn from(error: vestiary_chain::ChainError) -> Self {
        match &error {
            vestiary_chain::ChainError::Reverted { .. } => Self::refused(error.code(), error.to_string()),
            _ => Self::failed(error.code(), error.to_string()),
        }
    }
}

impl From<vestiary_signing::Error> for Failure {
    fn from(error: vestiary_signing::Error) -> Self {
        Self::failed(error.code(), error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::failed("failed", format!("{error:#}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_the_service_keeps_its_code_and_reasons() {
        let body = br#"{"type":"x","title":"Not so","status":422,"code":"unprocessable","detail":"two rows",
            "errors":[{"pointer":"/items/0","code":"bad_gtin","detail":"wrong digit"}]}"#;
        let failure = Failure::problem(422, body);
        assert_eq!(
            (failure.code.as_str(), failure.exit_status),
            ("unprocessable", REFUSED)
        );
        assert_eq!(failure.detail, "Not so: two rows");
        assert_eq!(failure.errors[0].code, "bad_gtin");
        assert_eq!(Failure::problem(503, b"<html>").exit_status, FAILED);
        assert_eq!(Failure::problem(503, b"<html>").code, "http_503");
    }

    #[test]
    fn the_json_of_a_failure_names_code_input_and_remedy() {
        let failure = Failure::usage("--deployment is missing").remedy("name the deployment file");
        let value = serde_json::to_value(&failure).unwrap();
        assert_eq!(value["code"], "usage");
        assert_eq!(value["exit_status"], 2);
        assert_eq!(value["remedy"], "name the deployment file");
        assert!(value.get("errors").is_none());
    }
}
