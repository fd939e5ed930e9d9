//! The two encodings that all the text formats share, read strictly.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::Error;

/// Standard base64 with padding (RFC 4648, section 4).
pub(crate) fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads canonical standard base64: padding required, unused bits zero, nothing else in between.
pub(crate) fn base64_decode(what: &'static str, encoded: &str) -> Result<Vec<u8>, Error> {
    STANDARD.decode(encoded).map_err(|_| Error::Base64 { what })
}

/// Reads an ASCII decimal up to `max`, without sign and without leading zeros.
pub(crate) fn decimal(what: &'static str, text: &str, max: u64) -> Result<u64, Error> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()));
    let number = if canonical { text.parse::<u64>().ok() } else { None };
    number.filter(|n| *n <= max).ok_or(Error::Number { what })
}

/// Refuses input longer than `limit` before anything looks at it.
pub(crate) fn at_most(what: &'static str, found: usize, limit: usize) -> Result<(), Error> {
    if found > limit {
        Err(Error::TooLong { what, found, limit })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_decimals_are_read() {
        assert_eq!(decimal("n", "0", 9), Ok(0));
        assert_eq!(decimal("n", "18446744073709551615", u64::MAX), Ok(u64::MAX));
        for bad in [
            "",
            "00",
            "01",
            "+1",
            "-1",
            " 1",
            "1 ",
            "1_0",
            "0x1",
            "١",
            "18446744073709551616",
            "10",
        ] {
            let max = if bad == "10" { 9 } else { u64::MAX };
            assert_eq!(
                decimal("n", bad, max),
                Err(Error::Number { what: "n" }),
                "{bad:?}"
            );
        }
    }
}
