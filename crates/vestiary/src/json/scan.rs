//! The scanner under [`super::check`]: the whole grammar in one pass, nothing built but the keys of the
//! objects that are open.

use std::borrow::Cow;

use super::{JsonError, MAX_DEPTH, MAX_INTEGER, Reason};

/// Walks `text`; the first thing that is refused ends the walk.
pub(super) fn scan(text: &str) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(text, text.len());
    scanner.document().map_err(|(reason, offset_bytes)| JsonError {
        reason,
        offset_bytes,
        pointer: scanner.pointer(),
        detail: String::new(),
    })
}

/// The JSON Pointer of the value or key that contains byte `offset_bytes` of a text that [`scan`] passes.
pub(super) fn pointer_at(text: &str, offset_bytes: usize) -> String {
    let mut scanner = Scanner::new(text, offset_bytes);
    // The walk stops at the wanted byte, or at the end of the text: either way the open frames tell.
    let _ = scanner.document();
    scanner.pointer()
}

type Refused = (Reason, usize);

/// An open array or object.
enum Frame {
    Array { index: usize },
    Object { first_key: usize },
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    stop_at: usize,
    frames: Vec<Frame>,
    /// The keys of all open objects, outermost first: (key without escapes, offset of its quote).
    keys: Vec<(Cow<'a, str>, usize)>,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str, stop_at: usize) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            stop_at,
            frames: Vec::with_capacity(8),
            keys: Vec::with_capacity(32),
        }
    }

    /// The whole text: one value. A loop with a stack of frames, so that hostile depth cannot overflow.
    fn document(&mut self) -> Result<(), Refused> {
        loop {
            // Here a value must begin.
            let opened = self.value()?;
            if opened && !self.close_empty()? {
                self.member()?;
                continue;
            }
            // Here a value has ended: close frames until one goes on.
            loop {
                match self.frames.last_mut() {
                    None => return self.end(),
                    Some(Frame::Array { index }) => {
                        let next = *index + 1;
                        self.skip_space();
                        match self.peek()? {
                            b',' => {
                                self.at += 1;
                                if let Some(Frame::Array { index }) = self.frames.last_mut() {
                                    *index = next;
                                }
                                break;
                            }
                            b']' => self.close(),
                            _ => return Err((Reason::Syntax, self.at)),
                        }
                    }
                    Some(Frame::Object { first_key }) => {
                        let first_key = *first_key;
                        self.skip_space();
                        match self.peek()? {
                            b',' => {
                                self.at += 1;
                                self.member()?;
                                break;
                            }
                            b'}' => {
                                self.refuse_duplicates(first_key)?;
                                self.keys.truncate(first_key);
                                self.close();
                            }
                            _ => return Err((Reason::Syntax, self.at)),
                        }
                    }
                }
                if self.at > self.stop_at {
                    return Err((Reason::Truncated, self.at));
                }
            }
        }
    }

    /// Reads a scalar, or the opening of an array or object (then the answer is true).
    fn value(&mut self) -> Result<bool, Refused> {
        self.skip_space();
        let start = self.at;
        match self.peek()? {
            open @ (b'[' | b'{') => {
                if self.frames.len() == MAX_DEPTH {
                    return Err((Reason::TooDeep, start));
                }
                self.at += 1;
                self.frames.push(if open == b'[' {
                    Frame::Array { index: 0 }
                } else {
                    Frame::Object {
                        first_key: self.keys.len(),
                    }
                });
                return Ok(true);
            }
            b'"' => {
                self.string()?;
            }
            b'-' | b'0'..=b'9' => self.number()?,
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            _ => return Err((Reason::Syntax, start)),
        }
        if self.at > self.stop_at {
            return Err((Reason::Truncated, start));
        }
        Ok(false)
    }

    /// After an opening: closes at once if nothing is inside.
    fn close_empty(&mut self) -> Result<bool, Refused> {
        self.skip_space();
        let closing = match self.frames.last() {
            Some(Frame::Object { .. }) => b'}',
            _ => b']',
        };
        let empty = self.peek()? == closing;
        if empty {
            self.close();
        }
        Ok(empty)
    }

    /// Before a value: the key and the colon, if an object is open.
    fn member(&mut self) -> Result<(), Refused> {
        if !matches!(self.frames.last(), Some(Frame::Object { .. })) {
            return Ok(());
        }
        self.skip_space();
        let start = self.at;
        if self.peek()? != b'"' {
            return Err((Reason::Syntax, start));
        }
        let key = self.string()?;
        self.keys.push((key, start));
        if self.at > self.stop_at {
            return Err((Reason::Truncated, start));
        }
        self.skip_space();
        if self.peek()? != b':' {
            return Err((Reason::Syntax, self.at));
        }
        self.at += 1;
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        self.frames.pop();
    }

    fn end(&mut self) -> Result<(), Refused> {
        self.skip_space();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err((Reason::TrailingData, self.at))
        }
    }

    /// The keys of the object that is about to close. Few keys are compared in pairs; many are sorted, so
    /// that a hostile object costs n log n.
    fn refuse_duplicates(&mut self, first_key: usize) -> Result<(), Refused> {
        const FEW: usize = 16;
        let keys = &mut self.keys[first_key..];
        let twice = if keys.len() <= FEW {
            (1..keys.len())
                .find(|&i| keys[..i].iter().any(|(key, _)| *key == keys[i].0))
                .map(|i| keys[i].clone())
        } else {
            keys.sort_unstable();
            keys.windows(2)
                .find(|pair| pair[0].0 == pair[1].0)
                .map(|pair| pair[1].clone())
        };
        match twice {
            None => Ok(()),
            Some((key, offset)) => {
                // The pointer of the error names the key that stands twice.
                self.keys.push((key, offset));
                Err((Reason::DuplicateKey, offset))
            }
        }
    }

    fn literal(&mut self, word: &'static [u8]) -> Result<(), Refused> {
        let rest = &self.bytes[self.at..];
        let shared = rest.iter().zip(word).take_while(|(a, b)| a == b).count();
        if shared == word.len() {
            self.at += shared;
            Ok(())
        } else if shared == rest.len() {
            Err((Reason::Truncated, self.bytes.len()))
        } else {
            Err((Reason::Syntax, self.at + shared))
        }
    }

    fn number(&mut self) -> Result<(), Refused> {
        let start = self.at;
        let negative = self.peek()? == b'-';
        self.at += usize::from(negative);
        let first_digit = self.at;
        if !self.peek()?.is_ascii_digit() {
            return Err((Reason::Syntax, self.at));
        }
        let mut magnitude: u64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            magnitude = magnitude
                .saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        if self.bytes[first_digit] == b'0' && self.at - first_digit > 1 {
            return Err((Reason::Syntax, first_digit));
        }
        match self.bytes.get(self.at) {
            Some(b'.' | b'e' | b'E') => Err((Reason::Float, start)),
            _ if negative && magnitude == 0 => Err((Reason::NegativeZero, start)),
            _ if magnitude > MAX_INTEGER => Err((Reason::IntegerOutOfRange, start)),
            _ => Ok(()),
        }
    }

    /// A string from its opening to past its closing quote; the answer has its escapes resolved.
    fn string(&mut self) -> Result<Cow<'a, str>, Refused> {
        self.at += 1;
        let start = self.at;
        let plain = self.bytes[start..]
            .iter()
            .take_while(|&&b| b != b'"' && b != b'\\' && b >= 0x20)
            .count();
        self.at += plain;
        if self.bytes.get(self.at) == Some(&b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
        }
        let mut resolved = self.text[start..self.at].to_owned();
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Ok(Cow::Owned(resolved));
                }
                b'\\' => resolved.push(self.escape()?),
                0..=0x1F => return Err((Reason::Syntax, self.at)),
                _ => {
                    let start = self.at;
                    while self
                        .bytes
                        .get(self.at)
                        .is_some_and(|&b| b != b'"' && b != b'\\' && b >= 0x20)
                    {
                        self.at += 1;
                    }
                    resolved.push_str(&self.text[start..self.at]);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Refused> {
        let start = self.at;
        self.at += 1;
        let plain = match self.peek()? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(start),
            _ => return Err((Reason::Syntax, start)),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, Refused> {
        self.at += 1;
        let first = self.four_hex()?;
        if let Some(plain) = char::from_u32(first) {
            return Ok(plain);
        }
        let rest = &self.bytes[self.at..];
        if first >= 0xDC00 || !(rest.starts_with(b"\\u") || rest.is_empty() || rest == b"\\") {
            return Err((Reason::LoneSurrogate, start));
        }
        self.at += 1;
        self.peek()?;
        self.at += 1;
        let second = self.four_hex()?;
        if !(0xDC00..=0xDFFF).contains(&second) {
            return Err((Reason::LoneSurrogate, start));
        }
        let code_point = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        char::from_u32(code_point).ok_or((Reason::LoneSurrogate, start))
    }

    fn four_hex(&mut self) -> Result<u32, Refused> {
        let mut code_unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.peek()?)
                .to_digit(16)
                .ok_or((Reason::Syntax, self.at))?;
            code_unit = code_unit << 4 | digit;
            self.at += 1;
        }
        Ok(code_unit)
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Result<u8, Refused> {
        self.bytes
            .get(self.at)
            .copied()
            .ok_or((Reason::Truncated, self.bytes.len()))
    }

    /// The JSON Pointer of where the walk stands.
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for (depth, frame) in self.frames.iter().enumerate() {
            match frame {
                Frame::Array { index } => {
                    pointer.push('/');
                    pointer.push_str(&index.to_string());
                }
                Frame::Object { first_key } => {
                    // The last key of this object: just before the keys of the next open object.
                    let end = self.frames[depth + 1..]
                        .iter()
                        .find_map(|inner| match inner {
                            Frame::Object { first_key } => Some(*first_key),
                            Frame::Array { .. } => None,
                        })
                        .unwrap_or(self.keys.len());
                    if let Some((key, _)) = self.keys[*first_key..end].last() {
                        pointer.push('/');
                        pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                    }
                }
            }
        }
        pointer
    }
}
