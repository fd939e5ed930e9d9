//! Content ids: `UnixFS` files as CIDv1, computed while the bytes stream by.
//!
//! Bytes are cut into chunks of one size; each chunk is a raw block. One chunk is named by its own
//! block (`bafkrei…`). More are linked from dag-pb nodes, at most [`Profile::links_max`] links a node,
//! balanced: every chunk is equally deep (`bafybei…`).
//!
//! Parameters: [`UNIXFS_V1_2025`] is the profile of that name in IPIP-0499 ("`UnixFS` CID Profiles",
//! ipfs/specs `src/ipips/ipip-0499.md`, 2026-01-23: CIDv1, sha2-256, fixed-size 1 MiB, balanced, 1024
//! children, raw leaves, neither mode nor mtime); [`DECENTRALAND`] is what Decentraland's catalysts
//! call `hashV1` (256 KiB, 174 children). Node bytes: ipld.io `specs/codecs/dag-pb/spec` (links before
//! data, names present and empty) and the `UnixFS` specification's `Data` message (type, filesize,
//! blocksizes).

use std::{fmt, str::FromStr};

use sha2::Digest as _;
use vestiary::digest::Sha256;

/// Longest text that is looked at when a content id is read: the 59 characters of ours.
pub const CID_TEXT_BYTES: usize = 59;

/// How bytes become a tree, and therefore which content id they get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// The name that stands beside a content id.
    pub name: &'static str,
    /// Bytes of every chunk but the last.
    pub chunk_bytes: usize,
    /// Links of a node at most. At least 2.
    pub links_max: usize,
}

/// IPIP-0499 `unixfs-v1-2025`: the profile of every content id that Vestiary gives out.
pub const UNIXFS_V1_2025: Profile = Profile {
    name: "unixfs-v1-2025",
    chunk_bytes: 1 << 20,
    links_max: 1024,
};

/// What Decentraland's entities name their files by.
pub const DECENTRALAND: Profile = Profile {
    name: "decentraland",
    chunk_bytes: 256 << 10,
    links_max: 174,
};

const RAW: u64 = 0x55;
const DAG_PB: u64 = 0x70;
const SHA2_256: u64 = 0x12;

/// What the named block is: the bytes themselves, or a node that links to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// The block is the file: its SHA-256 is the file's.
    Raw,
    /// The block is a node of the tree over the chunks.
    DagPb,
}

/// A content id: CIDv1, sha2-256, base32, codec raw or dag-pb. Nothing else is read or written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cid {
    /// What kind of block the digest is of.
    pub codec: Codec,
    /// The SHA-256 of the block.
    pub digest: Sha256,
}

/// Why a text is not a content id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a content id is CIDv1 with sha2-256 in base32: bafkrei… (raw) or bafybei… (dag-pb)")]
pub struct CidError;

impl CidError {
    /// A name for the error that never changes, for machines.
    pub fn code(&self) -> &'static str {
        "malformed_cid"
    }
}

impl Cid {
    /// The content id's 36 bytes: version, codec, hash function, length, digest.
    pub fn to_bytes(&self) -> [u8; 36] {
        let codec = if self.codec == Codec::Raw { 0x55 } else { 0x70 };
        let mut bytes = [0; 36];
        bytes[..4].copy_from_slice(&[0x01, codec, 0x12, 0x20]);
        bytes[4..].copy_from_slice(&self.digest.0);
        bytes
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cid = ::cid::Cid::read_bytes(&self.to_bytes()[..]).expect("the 36 bytes above are a content id");
        fmt::Display::fmt(&cid, f)
    }
}

impl fmt::Debug for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Cid {
    type Err = CidError;

    fn from_str(text: &str) -> Result<Self, CidError> {
        if text.len() != CID_TEXT_BYTES {
            return Err(CidError);
        }
        let cid = ::cid::Cid::try_from(text).map_err(|_| CidError)?;
        let codec = match cid.codec() {
            RAW => Codec::Raw,
            DAG_PB => Codec::DagPb,
            _ => return Err(CidError),
        };
        if cid.version() != ::cid::Version::V1 || cid.hash().code() != SHA2_256 {
            return Err(CidError);
        }
        let digest = Sha256(cid.hash().digest().try_into().map_err(|_| CidError)?);
        let cid = Self { codec, digest };
        // Upper case, other bases and non-zero padding bits name the same block: one text only is ours.
        if cid.to_string() == text {
            Ok(cid)
        } else {
            Err(CidError)
        }
    }
}

impl serde::Serialize for Cid {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Cid {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The content id of `bytes` under `profile`.
pub fn cid_of(bytes: &[u8], profile: Profile) -> Cid {
    let mut hasher = Hasher::new(profile);
    hasher.update(bytes);
    hasher.finish().cid
}

/// What [`Hasher`] knows when the last byte has passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed {
    /// The content id.
    pub cid: Cid,
    /// Bytes seen.
    pub bytes: u64,
    /// SHA-256 of each chunk in order. At least one: no bytes are one empty chunk.
    pub chunks: Vec<Sha256>,
}

/// Computes a content id from a stream. Memory: one link a chunk (48 bytes a MiB), never the bytes.
#[derive(Debug)]
pub struct Hasher {
    chunk: sha2::Sha256,
    chunk_filled: usize,
    chunks: Vec<Sha256>,
    tree: Tree,
}

impl Hasher {
    /// Starts with no bytes.
    pub fn new(profile: Profile) -> Self {
        Self {
            chunk: sha2::Sha256::new(),
            chunk_filled: 0,
            chunks: Vec::new(),
            tree: Tree::new(profile),
        }
    }

    /// Takes the next bytes, in pieces of any size.
    pub fn update(&mut self, mut bytes: &[u8]) {
        let chunk_bytes = self.tree.profile.chunk_bytes;
        while !bytes.is_empty() {
            if self.chunk_filled == chunk_bytes {
                self.end_chunk();
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(chunk_bytes - self.chunk_filled));
            self.chunk.update(taken);
            self.chunk_filled += taken.len();
            bytes = rest;
        }
    }

    /// Ends the stream.
    pub fn finish(mut self) -> Hashed {
        if self.chunk_filled > 0 || self.chunks.is_empty() {
            self.end_chunk();
        }
        let (cid, bytes) = self.tree.finish();
        Hashed {
            cid,
            bytes,
            chunks: self.chunks,
        }
    }

    fn end_chunk(&mut self) {
        let digest = Sha256(self.chunk.finalize_reset().into());
        self.chunks.push(digest);
        self.tree.push_chunk(digest, self.chunk_filled as u64);
        self.chunk_filled = 0;
    }
}

/// The content id that follows from the digests of a file's chunks, without its bytes: a list of
/// chunk digests is trusted exactly when this is the content id that was asked for.
pub fn cid_of_chunks(chunks: &[Sha256], bytes: u64, profile: Profile) -> Option<Cid> {
    let chunk_bytes = profile.chunk_bytes as u64;
    if chunks.len() as u64 != bytes.div_ceil(chunk_bytes).max(1) {
        return None;
    }
    let mut tree = Tree::new(profile);
    let mut left = bytes;
    for digest in chunks {
        tree.push_chunk(*digest, left.min(chunk_bytes));
        left = left.saturating_sub(chunk_bytes);
    }
    Some(tree.finish().0)
}

/// One link of a node: what it names, how many bytes of the file and of blocks lie below it.
#[derive(Debug, Clone, Copy)]
struct Link {
    cid: Cid,
    file_bytes: u64,
    /// dag-pb `Tsize`: the block named and all blocks below it.
    block_bytes: u64,
}

/// The tree while it grows: for each level, the links of the node that is still open there.
#[derive(Debug)]
struct Tree {
    profile: Profile,
    levels: Vec<Vec<Link>>,
}

impl Tree {
    fn new(profile: Profile) -> Self {
        Self {
            profile,
            levels: vec![Vec::new()],
        }
    }

    fn push_chunk(&mut self, digest: Sha256, bytes: u64) {
        let cid = Cid {
            codec: Codec::Raw,
            digest,
        };
        self.push(
            0,
            Link {
                cid,
                file_bytes: bytes,
                block_bytes: bytes,
            },
        );
    }

    /// A node is closed only when a further link needs the room, so a level never holds nothing.
    fn push(&mut self, level: usize, link: Link) {
        if level == self.levels.len() {
            self.levels.push(Vec::new());
        }
        if self.levels[level].len() == self.profile.links_max {
            let full = std::mem::take(&mut self.levels[level]);
            self.push(level + 1, close(&full));
        }
        self.levels[level].push(link);
    }

    fn finish(mut self) -> (Cid, u64) {
        let mut level = 0;
        loop {
            let top = level + 1 == self.levels.len();
            if let (true, [root]) = (top, &self.levels[level][..]) {
                return (root.cid, root.file_bytes);
            }
            // Below the top a single link becomes a node too: every chunk is equally deep.
            let open = std::mem::take(&mut self.levels[level]);
            self.push(level + 1, close(&open));
            level += 1;
        }
    }
}

/// Writes the node over `links` and names it.
fn close(links: &[Link]) -> Link {
    let file_bytes = links.iter().map(|link| link.file_bytes).sum();
    let mut node = Vec::with_capacity(links.len() * 56 + 32);
    for link in links {
        let mut entry = vec![0x0a, 36]; // Hash
        entry.extend_from_slice(&link.cid.to_bytes());
        entry.extend_from_slice(&[0x12, 0, 0x18]); // Name "", Tsize
        write_varint(&mut entry, link.block_bytes);
        node.push(0x12); // PBNode.Links
        write_varint(&mut node, entry.len() as u64);
        node.extend_from_slice(&entry);
    }
    let mut data = vec![0x08, 0x02, 0x18]; // Type File, filesize
    write_varint(&mut data, file_bytes);
    for link in links {
        data.push(0x20); // blocksizes
        write_varint(&mut data, link.file_bytes);
    }
    node.push(0x0a); // PBNode.Data
    write_varint(&mut node, data.len() as u64);
    node.extend_from_slice(&data);
    let cid = Cid {
        codec: Codec::DagPb,
        digest: Sha256::of(&node),
    };
    let below: u64 = links.iter().map(|link| link.block_bytes).sum();
    Link {
        cid,
        file_bytes,
        block_bytes: node.len() as u64 + below,
    }
}

/// Protocol-buffer varint: seven bits a byte, the least significant first.
fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}
