//! Checkpoints: a log's size and root, as a signed note
//! ([c2sp.org/tlog-checkpoint](https://c2sp.org/tlog-checkpoint)).

use std::fmt;

use crate::{
    EMPTY_ROOT, Error, Hash, SignedNote, VerifierKey,
    note::{self, Signature, VerifiedSignature},
    text,
};

/// Longest origin line, in bytes, without its newline.
pub const MAX_ORIGIN_BYTES: usize = 255;
/// Largest number of entries in a tree: what other implementations can hold in a signed integer.
pub const MAX_TREE_SIZE: u64 = i64::MAX as u64;
/// Most extension lines.
pub const MAX_EXTENSION_LINES: usize = 16;
/// Longest extension line, in bytes, without its newline.
pub const MAX_EXTENSION_BYTES: usize = 1024;

/// What a checkpoint says, without its signatures.
///
/// Its text (`Display`) is the origin, the size, the root in base64 and any extensions, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extension lines.
    pub fn new(origin: impl Into<String>, size: u64, root: Hash) -> Result<Self, Error> {
        Self::with_extensions(origin, size, root, Vec::new())
    }

    /// A checkpoint with extension lines, which other readers may ignore.
    pub fn with_extensions(
        origin: impl Into<String>,
        size: u64,
        root: Hash,
        extensions: Vec<String>,
    ) -> Result<Self, Error> {
        let origin = origin.into();
        check_line("checkpoint origin", &origin, MAX_ORIGIN_BYTES)?;
        if extensions.len() > MAX_EXTENSION_LINES {
            return Err(Error::TooMany {
                what: "checkpoint extension lines",
                limit: MAX_EXTENSION_LINES,
            });
        }
        for extension in &extensions {
            check_line("checkpoint extension", extension, MAX_EXTENSION_BYTES)?;
        }
        if size > MAX_TREE_SIZE {
            return Err(Error::Number { what: "tree size" });
        }
        if size == 0 && root != EMPTY_ROOT {
            return Err(Error::EmptyTreeRoot { found: root });
        }
        Ok(Self {
            origin,
            size,
            root,
            extensions,
        })
    }

    /// Reads the text of a checkpoint: what is signed, with its final newline and without signature lines.
    pub fn parse(text: &str) -> Result<Self, Error> {
        text::at_most("checkpoint", text.len(), note::MAX_NOTE_BYTES)?;
        let lines = text.strip_suffix('\n').ok_or(Error::TextWithoutNewline)?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(Error::Checkpoint {
                why: "fewer than three lines",
            });
        };
        let size = text::decimal("tree size", size, MAX_TREE_SIZE)?;
        let root = Hash::from_base64("root", root)?;
        let extensions = lines.take(MAX_EXTENSION_LINES + 1).map(str::to_owned).collect();
        Self::with_extensions(origin, size, root, extensions)
    }

    /// Which log this is: the first line.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Number of entries in the tree.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root at that size.
    pub fn root(&self) -> Hash {
        self.root
    }

    /// Lines after the root. They are signed, and nobody audits them.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// Signs this checkpoint. `sign` gets the bytes to be signed; its answer is checked against `key`.
    pub fn sign(
        &self,
        key: &VerifierKey,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<SignedCheckpoint, Error> {
        let note = note::sign(&self.to_string(), key, sign)?;
        Ok(SignedCheckpoint {
            checkpoint: self.clone(),
            note,
        })
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A checkpoint with its signatures as they were found. Nothing is verified until [`SignedCheckpoint::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: SignedNote,
}

impl SignedCheckpoint {
    /// Reads a signed checkpoint, strictly: [`SignedCheckpoint::to_bytes`] gives the same bytes back.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let note = SignedNote::parse(bytes)?;
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self { checkpoint, note })
    }

    /// What it claims, before anybody checked who says so.
    pub fn unverified(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note.
    pub fn note(&self) -> &SignedNote {
        &self.note
    }

    /// Checks that the log `origin` signed this with `log_key`, and which of `witnesses` cosigned it.
    ///
    /// A bad signature of any of these keys refuses the checkpoint; signatures of other keys are ignored. How
    /// many witnesses are enough is the caller's policy.
    pub fn verify<'s, 'k>(
        &'s self,
        origin: &str,
        log_key: &VerifierKey,
        witnesses: &'k [VerifierKey],
    ) -> Result<(&'s Checkpoint, Vec<VerifiedSignature<'k>>), Error> {
        if self.checkpoint.origin != origin {
            let (found, expected) = (self.checkpoint.origin.clone(), origin.to_owned());
            return Err(Error::OriginMismatch { found, expected });
        }
        log_key.expect_type(note::SignatureType::Ed25519)?;
        for witness in witnesses {
            witness.expect_type(note::SignatureType::CosignatureV1)?;
        }
        self.note.verify(std::slice::from_ref(log_key))?;
        let cosigned = match self.note.verify(witnesses) {
            Err(Error::NotSignedByKnownKey) => Vec::new(),
            other => other?,
        };
        Ok((&self.checkpoint, cosigned))
    }

    /// Adds a signature line, for example a cosignature that a witness answered. Verifies nothing.
    pub fn add(&mut self, signature: Signature) -> Result<(), Error> {
        self.note.add(signature)
    }

    /// The bytes of the note.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.note.to_bytes()
    }
}

/// Reads and verifies a checkpoint of the log `origin` signed by `log_key`, ignoring witnesses.
pub fn open(bytes: &[u8], origin: &str, log_key: &VerifierKey) -> Result<Checkpoint, Error> {
    let signed = SignedCheckpoint::parse(bytes)?;
    signed.verify(origin, log_key, &[])?;
    Ok(signed.checkpoint)
}

fn check_line(what: &'static str, line: &str, limit: usize) -> Result<(), Error> {
    text::at_most(what, line.len(), limit)?;
    if line.is_empty() {
        return Err(Error::Checkpoint { why: "an empty line" });
    }
    match line.bytes().find(|b| *b < 0x20) {
        Some(byte) => Err(Error::ControlCharacter { byte }),
        None => Ok(()),
    }
}
