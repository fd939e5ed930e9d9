//! Proofs that can be kept in a file ([c2sp.org/tlog-proof](https://c2sp.org/tlog-proof)): index, inclusion proof
//! and signed checkpoint in one text.

use std::fmt;

use crate::{Checkpoint, Error, Hash, SignedCheckpoint, VerifierKey, note, proof, text};

/// Longest extra data, in bytes before base64: as long as the longest entry.
pub const MAX_EXTRA_BYTES: usize = 65_535;
/// Most hashes in an inclusion proof.
pub const MAX_PROOF_HASHES: usize = 63;
/// Longest text, in bytes.
pub const MAX_TLOG_PROOF_BYTES: usize = note::MAX_NOTE_BYTES + 96 * 1024;

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1\n";
const EXTRA: &str = "extra ";
const INDEX: &str = "index ";

/// A proof that an entry is in a log, that can be checked offline. Reading verifies nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    extra: Option<Vec<u8>>,
    index: u64,
    hashes: Vec<Hash>,
    checkpoint: SignedCheckpoint,
}

impl TlogProof {
    /// Joins the parts. `extra` is opaque and not authenticated: the reader hashes it or checks it otherwise.
    pub fn new(
        extra: Option<Vec<u8>>,
        index: u64,
        hashes: Vec<Hash>,
        checkpoint: SignedCheckpoint,
    ) -> Result<Self, Error> {
        match &extra {
            Some(extra) if extra.is_empty() => {
                return Err(Error::TlogProof {
                    why: "extra data is empty",
                });
            }
            Some(extra) => text::at_most("tlog proof extra data", extra.len(), MAX_EXTRA_BYTES)?,
            None => {}
        }
        if hashes.len() > MAX_PROOF_HASHES {
            return Err(Error::TooMany {
                what: "tlog proof hashes",
                limit: MAX_PROOF_HASHES,
            });
        }
        let size = checkpoint.unverified().size();
        if index >= size {
            return Err(Error::OutsideTree {
                what: "index",
                found: index,
                size,
            });
        }
        Ok(Self {
            extra,
            index,
            hashes,
            checkpoint,
        })
    }

    /// Reads the text, strictly: [`TlogProof::to_bytes`] gives the same bytes back.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |why| Error::TlogProof { why };
        text::at_most("tlog proof", bytes.len(), MAX_TLOG_PROOF_BYTES)?;
        let proof = std::str::from_utf8(bytes).map_err(|_| Error::NotUtf8 { what: "tlog proof" })?;
        let rest = proof
            .strip_prefix(FIRST_LINE)
            .ok_or(malformed("the first line is another"))?;
        // The checkpoint holds a blank line too: the first one ends the proof's own lines.
        let (lines, checkpoint) = rest.split_once("\n\n").ok_or(malformed("no blank line"))?;
        let mut lines = lines.split('\n').peekable();
        let extra = match lines.next_if(|line| line.starts_with(EXTRA)) {
            Some(line) => Some(text::base64_decode(
                "tlog proof extra data",
                &line[EXTRA.len()..],
            )?),
            None => None,
        };
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix(INDEX))
            .ok_or(malformed("no index line"))?;
        let index = text::decimal("index", index, u64::MAX)?;
        let hashes = lines
            .take(MAX_PROOF_HASHES + 1)
            .map(|line| Hash::from_base64("tlog proof hash", line))
            .collect::<Result<_, _>>()?;
        Self::new(
            extra,
            index,
            hashes,
            SignedCheckpoint::parse(checkpoint.as_bytes())?,
        )
    }

    /// The opaque extra data, if any. Not authenticated.
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// The index that is claimed for the entry.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The inclusion proof, from the leaf's sibling up.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The checkpoint that the proof leads to, unverified.
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// Checks that the log `origin`, by `log_key`, signed a checkpoint in which `leaf` stands at
    /// [`TlogProof::index`]. Witnesses are the caller's policy: [`SignedCheckpoint::verify`] tells which cosigned.
    pub fn verify(&self, leaf: &Hash, origin: &str, log_key: &VerifierKey) -> Result<&Checkpoint, Error> {
        let (checkpoint, _) = self.checkpoint.verify(origin, log_key, &[])?;
        proof::verify_inclusion(
            leaf,
            self.index,
            checkpoint.size(),
            &checkpoint.root(),
            &self.hashes,
        )?;
        Ok(checkpoint)
    }

    /// The bytes of the text.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FIRST_LINE)?;
        if let Some(extra) = &self.extra {
            writeln!(f, "{EXTRA}{}", text::base64_encode(extra))?;
        }
        writeln!(f, "{INDEX}{}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{hash}"))?;
        write!(f, "\n{}", self.checkpoint.note())
    }
}
