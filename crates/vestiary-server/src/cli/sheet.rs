//! A brand's product list: read whole, every bad row named, or nothing.
//!
//! | column | |
//! |---|---|
//! | sku | the brand's own article number |
//! | gtin | GTIN with its check digit, or empty |
//! | serial | from 1, without leading zeros; within a design every one once and none left out |
//! | design | name or number of a design of the collection |
//! | size, colour, description | free text; not sent |
//! | claim | `code`: claimed with the code from the garment; `mint`: no code, a minter hands it out |

use std::collections::{BTreeMap, BTreeSet};

use vestiary::ids::Serial;
use vestiary_server::issuing::prepare::{MAX_BRAND_TEXT_BYTES, is_gtin};

use super::failure::Reason;
use super::sheet_text::{TextFault, lines};

/// Largest product list, in bytes.
pub(crate) const MAX_SHEET_BYTES: usize = 64 << 20;
/// Most rows of a product list.
pub(crate) const MAX_SHEET_ROWS: usize = 200_000;
/// Longest field that is not sent to the service, in bytes.
pub(crate) const MAX_FIELD_BYTES: usize = 1_024;
/// How many reasons are listed; the rest is counted.
pub(crate) const MAX_LISTED: usize = 1_000;

/// The columns, in any order, each once and no other.
const COLUMNS: [&str; 8] = [
    "sku",
    "gtin",
    "serial",
    "design",
    "size",
    "colour",
    "claim",
    "description",
];

/// One wearable of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) sku: String,
    pub(crate) gtin: String,
    pub(crate) serial: Serial,
    /// Whether it gets a claim code.
    pub(crate) has_code: bool,
}

/// A list without fault: rows by design, by rising serial.
pub(crate) type Sheet = BTreeMap<String, Vec<Row>>;

/// Everything that is wrong with a list.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) reasons: Vec<Reason>,
    pub(crate) count: usize,
}

impl Faults {
    fn add(&mut self, line: u64, code: &str, detail: impl Into<String>) {
        self.count += 1;
        if self.reasons.len() < MAX_LISTED {
            self.reasons.push(Reason {
                place: format!("line {line}"),
                code: code.into(),
                detail: detail.into(),
            });
        }
    }
}

/// Reads a list. `knows` says whether the collection has a design of that name.
pub(crate) fn read(bytes: &[u8], knows: impl Fn(&str) -> bool) -> Result<Sheet, Faults> {
    let mut faults = Faults::default();
    let mut fail = |line: u64, code: &str, detail: String| {
        faults.add(line, code, detail);
        Err(std::mem::take(&mut faults))
    };
    if bytes.len() > MAX_SHEET_BYTES {
        return fail(
            1,
            "too_large",
            format!("the list has more than {MAX_SHEET_BYTES} bytes"),
        );
    }
    let text = match std::str::from_utf8(bytes) {
        // Spreadsheets put a byte order mark in front of UTF-8.
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = before.matches('\n').count();
            return fail(line as u64 + 1, "not_utf8", "save the list as UTF-8".into());
        }
    };
    let mut lines = lines(text);
    let Some(header) = lines.next() else {
        return fail(
            1,
            "empty",
            format!("the first line names the columns: {}", COLUMNS.join(",")),
        );
    };
    let columns = match columns(header.fields.unwrap_or_default()) {
        Ok(columns) => columns,
        Err((code, detail)) => return fail(header.number, code, detail),
    };
    let mut sheet = Sheet::new();
    let mut seen: BTreeSet<(String, Serial)> = BTreeSet::new();
    let mut rows = 0;
    for line in lines {
        rows += 1;
        if rows > MAX_SHEET_ROWS {
            faults.add(
                line.number,
                "too_many_rows",
                format!("a list has at most {MAX_SHEET_ROWS} rows"),
            );
            break;
        }
        let fields = match line.fields {
            Ok(fields) => fields,
            Err(fault) => {
                let (code, detail) = match fault {
                    TextFault::UnclosedQuote => ("unclosed_quote", "a quoted field does not end on its line"),
                    TextFault::StrayQuote => (
                        "stray_quote",
                        "a quote stands where none can; double it inside quotes",
                    ),
                    TextFault::ControlCharacter => ("control_character", "a character that cannot be seen"),
                };
                faults.add(line.number, code, detail);
                continue;
            }
        };
        if fields.len() != columns.len() {
            let code = if fields.len() < columns.len() {
                "short_row"
            } else {
                "long_row"
            };
            faults.add(
                line.number,
                code,
                format!("{} fields, the header has {}", fields.len(), columns.len()),
            );
            continue;
        }
        let cells: BTreeMap<&str, String> = columns.iter().copied().zip(fields).collect();
        if let Some((design, row)) = row(line.number, &cells, &knows, &mut faults) {
            if seen.insert((design.clone(), row.serial)) {
                sheet.entry(design).or_default().push(row);
            } else {
                let detail = format!("serial {} of {design} stands in the list twice", row.serial);
                faults.add(line.number, "duplicate_serial", detail);
            }
        }
    }
    if rows == 0 {
        faults.add(
            header.number,
            "header_only",
            "the list names columns and no wearable",
        );
    }
    if faults.count == 0 {
        sort(&mut sheet, &mut faults);
    }
    if faults.count == 0 { Ok(sheet) } else { Err(faults) }
}

/// The header's columns, each known, each once, none missing.
fn columns(names: Vec<String>) -> Result<Vec<&'static str>, (&'static str, String)> {
    let mut columns = Vec::new();
    for name in names {
        let Some(column) = COLUMNS.into_iter().find(|column| *column == name) else {
            let detail = format!("there is no column {name:?}; there are {}", COLUMNS.join(", "));
            return Err(("unknown_column", detail));
        };
        if columns.contains(&column) {
            return Err(("duplicate_column", format!("the column {column} stands twice")));
        }
        columns.push(column);
    }
    match COLUMNS.into_iter().find(|column| !columns.contains(column)) {
        Some(missing) => Err(("missing_column", format!("the column {missing} is missing"))),
        None => Ok(columns),
    }
}

/// One row; every cell is looked at, so that all that is wrong is told at once.
fn row(
    line: u64,
    cells: &BTreeMap<&str, String>,
    knows: &impl Fn(&str) -> bool,
    faults: &mut Faults,
) -> Option<(String, Row)> {
    let before = faults.count;
    for (name, value) in cells {
        let limit = if matches!(*name, "sku" | "gtin" | "serial") {
            MAX_BRAND_TEXT_BYTES
        } else {
            MAX_FIELD_BYTES
        };
        if value.len() > limit {
            faults.add(
                line,
                "too_long_field",
                format!("{name} has {} bytes, at most {limit} are read", value.len()),
            );
        } else if value.starts_with(['=', '+', '-', '@']) {
            // A spreadsheet that opens our answer would run it.
            faults.add(line, "formula_injection", format!("{name} begins like a formula"));
        }
    }
    if faults.count > before {
        return None;
    }
    let cell = |name: &str| cells.get(name).map(String::as_str).unwrap_or_default();
    let (sku, gtin, design) = (cell("sku"), cell("gtin"), cell("design"));
    if sku.is_empty() {
        faults.add(line, "missing_sku", "the article number is missing");
    }
    if !gtin.is_empty() && !is_gtin(gtin) {
        let code = if !gtin.bytes().all(|byte| byte.is_ascii_digit()) {
            "gtin_not_digits"
        } else if !matches!(gtin.len(), 8 | 12 | 13 | 14) {
            "gtin_wrong_length"
        } else {
            "bad_check_digit"
        };
        let detail = format!("{gtin:?} is not a GTIN of 8, 12, 13 or 14 digits with its check digit");
        faults.add(line, code, detail);
    }
    let serial = read_serial(cell("serial"));
    if let Err((code, detail)) = &serial {
        faults.add(line, code, detail.clone());
    }
    if design.is_empty() {
        faults.add(line, "missing_design", "the design is missing");
    } else if !knows(design) {
        faults.add(
            line,
            "unknown_design",
            format!("the collection has no design {design:?}; add it first"),
        );
    }
    let has_code = match cell("claim") {
        "code" => true,
        "mint" => false,
        other => {
            faults.add(
                line,
                "unknown_claim",
                format!("claim is {other:?}; it is code or mint"),
            );
            false
        }
    };
    let serial = serial.ok().filter(|_| faults.count == before)?;
    let row = Row {
        line,
        sku: sku.to_owned(),
        gtin: gtin.to_owned(),
        serial,
        has_code,
    };
    Some((design.to_owned(), row))
}

fn read_serial(text: &str) -> Result<Serial, (&'static str, String)> {
    let code = match text {
        "0" => "serial_zero",
        text if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) => "serial_not_a_number",
        text if text.starts_with('0') => "serial_leading_zero",
        _ => "serial_not_a_number",
    };
    text.parse().map_err(|_| {
        (
            code,
            format!("serial is {text:?}; serials count from 1, without leading zeros"),
        )
    })
}

/// Sorts each design's rows and looks for serials that are left out.
fn sort(sheet: &mut Sheet, faults: &mut Faults) {
    for (design, rows) in sheet {
        rows.sort_by_key(|row| row.serial);
        for pair in rows.windows(2) {
            let (before, after) = (pair[0].serial.get(), pair[1].serial.get());
            if before + 1 != after {
                let detail = format!("{design}: between {before} and {after} serials are left out");
                faults.add(pair[1].line, "serial_gap", detail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn fixtures() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/products")
    }

    fn knows(design: &str) -> bool {
        ["coat", "boots", "cap"].contains(&design)
    }

    #[test]
    fn the_spring_list_reads_whole() {
        let sheet = read(&std::fs::read(fixtures().join("spring.csv")).unwrap(), knows).unwrap();
        assert_eq!(sheet.values().map(Vec::len).sum::<usize>(), 200);
        for rows in sheet.values() {
            assert_eq!(rows[0].serial.get(), 1);
            assert_eq!(rows.last().unwrap().serial.get(), rows.len() as u64);
        }
        assert!(sheet["cap"].iter().any(|row| !row.has_code));
    }

    #[test]
    fn each_spoilt_list_is_refused_for_what_it_is_named_after() {
        let mut wrong = Vec::new();
        let mut seen = 0;
        for file in std::fs::read_dir(fixtures().join("rejected")).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let faults = read(&std::fs::read(&path).unwrap(), knows).unwrap_err();
            seen += 1;
            let lines: Vec<_> = faults.reasons.iter().map(|reason| reason.place.clone()).collect();
            let codes: Vec<_> = faults.reasons.iter().map(|reason| reason.code.clone()).collect();
            let right = match name.as_str() {
                "several_errors" => lines == ["line 3", "line 4", "line 6", "line 6"],
                _ => codes == [name.as_str()],
            };
            if !right {
                wrong.push((name, codes));
            }
        }
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(seen >= 24, "{seen} lists");
    }

    #[test]
    fn a_byte_order_mark_and_crlf_are_what_spreadsheets_write() {
        let text =
            "\u{feff}sku,gtin,serial,design,size,colour,claim,description\r\nA,,1,coat,M,red,code,x\r\n";
        assert_eq!(read(text.as_bytes(), knows).unwrap()["coat"].len(), 1);
    }

    #[test]
    fn a_list_over_the_limit_is_refused_before_it_is_read() {
        let faults = read(&vec![b'a'; MAX_SHEET_BYTES + 1], knows).unwrap_err();
        assert_eq!(faults.reasons[0].code, "too_large");
    }
}
