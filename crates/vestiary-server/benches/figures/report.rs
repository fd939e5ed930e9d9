//! What is printed: a line a row, JSON, or the Markdown table of README.

use serde_json::{Value, json};

use crate::stats::{Figure, Limit, Verdict};

/// One row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Its name in `--rows`.
    pub(crate) name: String,
    /// What was compared with what, and on how much.
    pub(crate) what: String,
    /// Of value and limit.
    pub(crate) unit: &'static str,
    /// What must hold.
    pub(crate) limit: Limit,
    /// What was found.
    pub(crate) outcome: Outcome,
}

/// What was found.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// A measured figure, with absolute numbers in words.
    Figure(Figure, String),
    /// A number that is the same every time.
    Exact(f64),
    /// Why there is none.
    NotMeasured(String),
}

impl Row {
    /// The figure's words: `holds`, `misses`, `noisy`, `not measured`.
    pub(crate) fn verdict(&self) -> String {
        match &self.outcome {
            Outcome::Figure(figure, _) => figure.verdict(self.limit).to_string(),
            Outcome::Exact(value) => exact(*value, self.limit).to_string(),
            Outcome::NotMeasured(_) => "not measured".into(),
        }
    }

    /// One JSON object.
    pub(crate) fn json(&self) -> Value {
        let bound = match self.limit {
            Limit::AtMost(_) => "at_most",
            Limit::AtLeast(_) => "at_least",
        };
        let mut object = json!({
            "name": self.name,
            "value": null,
            "unit": self.unit,
            "limit": self.limit.number(),
            "bound": bound,
            "holds": self.verdict() == "holds",
            "verdict": self.verdict(),
            "what": self.what,
        });
        match &self.outcome {
            Outcome::Figure(figure, detail) => {
                object["value"] = rounded(figure.value);
                object["interval"] = json!([rounded(figure.low), rounded(figure.high)]);
                object["noise"] = rounded(figure.noise);
                object["pairs"] = json!(figure.pairs);
                object["detail"] = json!(detail);
            }
            Outcome::Exact(value) => object["value"] = rounded(*value),
            Outcome::NotMeasured(why) => object["reason"] = json!(why),
        }
        object
    }

    /// The value, interval, limit and noise as text.
    fn cells(&self) -> [String; 4] {
        let limit = match self.limit {
            // A row that broke off before it knew its limit.
            limit if limit.number().is_nan() => String::new(),
            Limit::AtMost(limit) => format!("≤ {}", self.amount(limit)),
            Limit::AtLeast(limit) => format!("≥ {}", self.amount(limit)),
        };
        match &self.outcome {
            Outcome::Figure(figure, _) => [
                self.amount(figure.value),
                format!("{}–{}", number(figure.low), number(figure.high)),
                limit,
                format!("{:.2}", figure.noise),
            ],
            Outcome::Exact(value) => [self.amount(*value), String::new(), limit, String::new()],
            Outcome::NotMeasured(_) => ["–".into(), String::new(), limit, String::new()],
        }
    }

    fn amount(&self, value: f64) -> String {
        match self.unit {
            "gas" => grouped(value),
            "×" => format!("{} ×", number(value)),
            unit => format!("{} {unit}", number(value)),
        }
    }

    fn remark(&self) -> String {
        match &self.outcome {
            Outcome::Figure(_, detail) if !detail.is_empty() => format!("{}: {detail}", self.what),
            Outcome::NotMeasured(why) => format!("{} ({why})", self.what),
            _ => self.what.clone(),
        }
    }

    /// One line for a terminal.
    pub(crate) fn line(&self) -> String {
        let [value, interval, limit, noise] = self.cells();
        let noise = if noise.is_empty() {
            noise
        } else {
            format!("A/A {noise}")
        };
        let (name, verdict) = (&self.name, self.verdict());
        let remark = self.remark();
        format!("{name:<48} {value:>9} {interval:>13} {limit:>12}  {verdict:<12} {noise:<9} {remark}")
    }
}

/// The table of README.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let head = "| row | value | interval | limit | verdict | A/A | arms |\n|---|---|---|---|---|---|---|\n";
    let lines = rows.iter().map(|row| {
        let [value, interval, limit, noise] = row.cells();
        format!(
            "| {} | {value} | {interval} | {limit} | {} | {noise} | {} |\n",
            row.name,
            row.verdict(),
            row.remark().replace('|', "·"),
        )
    });
    std::iter::once(head.to_owned()).chain(lines).collect()
}

fn exact(value: f64, limit: Limit) -> Verdict {
    let holds = match limit {
        Limit::AtMost(limit) => value <= limit,
        Limit::AtLeast(limit) => value >= limit,
    };
    if holds { Verdict::Holds } else { Verdict::Misses }
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// JSON has no NaN.
fn rounded(value: f64) -> Value {
    if !value.is_finite() {
        return Value::Null;
    }
    if value.fract() == 0.0 {
        return json!(value);
    }
    json!((value * 10_000.0).round() / 10_000.0)
}

/// 1234567 as 1,234,567.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
