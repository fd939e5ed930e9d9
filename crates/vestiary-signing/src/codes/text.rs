//! The printed form of a code: 26 symbols of Crockford's base 32 and two check symbols.
//!
//! The 128 bits are followed by two zero bits. The check symbols make the 28 symbols c0 … c27 a Reed-Solomon
//! codeword over GF(32) (x⁵ + x² + 1, α = 2): Σ cᵢ = 0 and Σ cᵢ·α^(27−i) = 0. So no two codes differ in fewer
//! than three symbols, and one or two wrong symbols, or two swapped ones, are always found.

use zeroize::Zeroizing;

use super::CODE_BYTES;

/// Symbols of a code, check symbols included, without hyphens.
pub const CODE_CHARS: usize = 28;
/// Longest text that is read as a code, in bytes: every symbol followed by a hyphen, and some.
pub const MAX_CODE_TEXT_BYTES: usize = 64;

const DATA_CHARS: usize = 26;
const GROUP_CHARS: usize = 4;
const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Why a text is not a claim code. It says nothing about what was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Longer than any code.
    #[error("a claim code is at most {MAX_CODE_TEXT_BYTES} characters long")]
    TooLong,
    /// A symbol that no code has, `U` among them.
    #[error("character {position} is not one that claim codes have")]
    Symbol {
        /// Which character, from 1.
        position: usize,
    },
    /// Too few or too many symbols.
    #[error("a claim code has {CODE_CHARS} letters and digits, not {found}")]
    Length {
        /// Symbols found.
        found: usize,
    },
    /// The check symbols do not fit: something was mistyped.
    #[error("the code has a typing mistake")]
    Check,
    /// The last two bits are not zero. No code of this version has them.
    #[error("this is not a code of this version")]
    Version,
}

impl CodeError {
    /// A name for the error that never changes, for machines.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong | Self::Length { .. } => "code_length",
            Self::Symbol { .. } => "code_symbol",
            Self::Check => "code_check",
            Self::Version => "code_version",
        }
    }
}

pub(super) fn encode(code: &[u8; CODE_BYTES]) -> Zeroizing<String> {
    let mut symbols = Zeroizing::new([0_u8; CODE_CHARS]);
    let number = u128::from_be_bytes(*code);
    for (i, symbol) in symbols[..DATA_CHARS].iter_mut().enumerate() {
        // 25 symbols of five bits, then the last three bits and two zeros.
        let five = if i == DATA_CHARS - 1 {
            number << 2
        } else {
            number >> (123 - 5 * i)
        };
        *symbol = u8::try_from(five & 31).expect("five bits");
    }
    // With c26 and c27 zero, the two sums are what c26 + c27 and 2·c26 + c27 must be; 3 is their difference.
    let (plain, weighted) = sums(&symbols);
    symbols[26] = multiply(plain ^ weighted, inverse(3));
    symbols[27] = plain ^ symbols[26];
    let mut text = Zeroizing::new(String::with_capacity(CODE_CHARS + CODE_CHARS / GROUP_CHARS));
    for (i, symbol) in symbols.iter().enumerate() {
        if i > 0 && i % GROUP_CHARS == 0 {
            text.push('-');
        }
        text.push(char::from(SYMBOLS[usize::from(*symbol)]));
    }
    text
}

pub(super) fn decode(text: &str) -> Result<Zeroizing<[u8; CODE_BYTES]>, CodeError> {
    if text.len() > MAX_CODE_TEXT_BYTES {
        return Err(CodeError::TooLong);
    }
    let mut symbols = Zeroizing::new([0_u8; CODE_CHARS]);
    let mut found = 0;
    for (i, character) in text.chars().enumerate() {
        let value = match character.to_ascii_uppercase() {
            '-' | ' ' => continue,
            'O' => 0,
            'I' | 'L' => 1,
            other => {
                let known = SYMBOLS.iter().position(|symbol| char::from(*symbol) == other);
                known.ok_or(CodeError::Symbol { position: i + 1 })?
            }
        };
        if let Some(symbol) = symbols.get_mut(found) {
            *symbol = u8::try_from(value).expect("below 32");
        }
        found += 1;
    }
    if found != CODE_CHARS {
        return Err(CodeError::Length { found });
    }
    if sums(&symbols) != (0, 0) {
        return Err(CodeError::Check);
    }
    if symbols[DATA_CHARS - 1] & 3 != 0 {
        return Err(CodeError::Version);
    }
    let first = symbols[..DATA_CHARS - 1]
        .iter()
        .fold(0_u128, |number, symbol| number << 5 | u128::from(*symbol));
    let number = first << 3 | u128::from(symbols[DATA_CHARS - 1] >> 2);
    Ok(Zeroizing::new(number.to_be_bytes()))
}

/// Σ cᵢ and Σ cᵢ·α^(27−i).
fn sums(symbols: &[u8; CODE_CHARS]) -> (u8, u8) {
    let plain = symbols.iter().fold(0, |sum, symbol| sum ^ symbol);
    let weighted = symbols.iter().fold(0, |sum, symbol| multiply(sum, 2) ^ symbol);
    (plain, weighted)
}

/// The product in GF(32) modulo x⁵ + x² + 1.
fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut product) = (a, 0);
    for bit in 0..5 {
        if b >> bit & 1 == 1 {
            product ^= a;
        }
        a <<= 1;
        if a & 32 != 0 {
            a ^= 0b10_0101;
        }
    }
    product
}

/// The inverse in GF(32): a³⁰.
fn inverse(a: u8) -> u8 {
    (0..30).fold(1, |power, _| multiply(power, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_but_zero_has_an_inverse_and_two_is_a_generator() {
        assert!((1..32).all(|a| multiply(a, inverse(a)) == 1));
        let mut powers: Vec<u8> = (0..31)
            .scan(1, |power, _| {
                *power = multiply(*power, 2);
                Some(*power)
            })
            .collect();
        powers.sort_unstable();
        assert_eq!(powers, (1..32).collect::<Vec<_>>());
    }
}
