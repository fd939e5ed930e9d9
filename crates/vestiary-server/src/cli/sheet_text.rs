//! Comma-separated text (RFC 4180), read strictly: what a spreadsheet would guess at is refused with its line.

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextFault {
    /// A quoted field does not end.
    UnclosedQuote,
    /// A quote stands inside a field that is not quoted, or text behind a closing quote.
    StrayQuote,
    /// A control character; a line feed inside quotes is one.
    ControlCharacter,
}

/// One line's fields, or why it cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) fields: Result<Vec<String>, TextFault>,
}

/// Splits text into lines of fields. Lines end in LF or CRLF; empty lines are left out.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Line> {
    let numbered = text.split('\n').zip(1_u64..);
    numbered.filter_map(|(line, number)| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        (!line.is_empty()).then(|| Line {
            number,
            fields: fields(line),
        })
    })
}

fn fields(line: &str) -> Result<Vec<String>, TextFault> {
    if line.chars().any(char::is_control) {
        return Err(TextFault::ControlCharacter);
    }
    let mut fields = Vec::new();
    let mut rest = line;
    loop {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_field(quoted)?
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let (field, after) = rest.split_at(end);
            if field.contains('"') {
                return Err(TextFault::StrayQuote);
            }
            (field.to_owned(), after)
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err(TextFault::StrayQuote),
        }
    }
}

/// Reads up to the closing quote; a doubled quote is one.
fn quoted_field(text: &str) -> Result<(String, &str), TextFault> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"').ok_or(TextFault::UnclosedQuote)?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Ok((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Result<Vec<String>, TextFault> {
        lines(text).next().unwrap().fields
    }

    #[test]
    fn quoted_fields_hold_commas_and_doubled_quotes() {
        assert_eq!(only("a,\"b, \"\"c\"\"\",\r\n").unwrap(), ["a", "b, \"c\"", ""]);
        assert_eq!(
            lines("a\n\nb\n").map(|line| line.number).collect::<Vec<_>>(),
            [1, 3]
        );
    }

    #[test]
    fn what_a_spreadsheet_would_guess_at_is_refused() {
        assert_eq!(only("a,\"b"), Err(TextFault::UnclosedQuote));
        assert_eq!(only("a,b\"c"), Err(TextFault::StrayQuote));
        assert_eq!(only("\"a\"b,c"), Err(TextFault::StrayQuote));
        assert_eq!(only("a\tb"), Err(TextFault::ControlCharacter));
    }
}
