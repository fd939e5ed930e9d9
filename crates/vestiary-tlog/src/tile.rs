//! Tiles and entry bundles: the files of a log ([c2sp.org/tlog-tiles](https://c2sp.org/tlog-tiles)).

use std::{fmt, str::FromStr};

use crate::{Error, HASH_BYTES, Hash, HashReader, Node, proof, text};

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// Levels of the tree between one level of tiles and the next.
pub const TILE_HEIGHT: u8 = 8;
/// Highest tile level that a tree of 2^63 entries has.
pub const MAX_TILE_LEVEL: u8 = 7;
/// Longest entry, in bytes: its length has two bytes.
pub const MAX_ENTRY_BYTES: usize = u16::MAX as usize;
/// Longest entry bundle, in bytes.
pub const MAX_BUNDLE_BYTES: usize = TILE_WIDTH as usize * (2 + MAX_ENTRY_BYTES);
/// Longest path of a tile or bundle, in bytes.
pub const MAX_TILE_PATH_BYTES: usize = 64;

/// The name of a tile of hashes: `tile/<level>/<index>[.p/<width>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

/// The name of a bundle of entries: `tile/entries/<index>[.p/<width>]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleId {
    index: u64,
    width: u16,
}

impl TileId {
    /// A tile at `level` (0 is the leaves), the `index`-th in it, holding `width` hashes (1 to 256).
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, Error> {
        if level > MAX_TILE_LEVEL {
            return Err(Error::TileRange { why: "level above 7" });
        }
        check_width(width)?;
        // The tile's first entry is index × 256^(level + 1), which must stay within 64 bits.
        let shift = u32::from(level + 1) * u32::from(TILE_HEIGHT);
        if index >> (64 - shift) != 0 {
            return Err(Error::TileRange {
                why: "index beyond the last entry",
            });
        }
        Ok(Self { level, index, width })
    }

    /// The `index`-th tile at `level` as it is in a tree of `size` entries; `None` where it would be empty.
    pub fn in_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        let width = width_at(
            size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT))?,
            index,
        )?;
        Self::new(level, index, width).ok()
    }

    /// The tiles that a log of `size` entries must have written and a log of `old_size` entries did not have
    /// yet: full and partial, level by level, in the order of their index.
    pub fn added(old_size: u64, size: u64) -> Vec<Self> {
        let mut tiles = Vec::new();
        for level in 0..=MAX_TILE_LEVEL {
            let shift = u32::from(level) * u32::from(TILE_HEIGHT);
            let (old_hashes, hashes) = (old_size >> shift, size >> shift);
            if hashes == 0 {
                break;
            }
            if hashes > old_hashes {
                let first = old_hashes / u64::from(TILE_WIDTH);
                let last = (hashes - 1) / u64::from(TILE_WIDTH);
                tiles.extend((first..=last).filter_map(|index| Self::in_tree(level, index, size)));
            }
        }
        tiles
    }

    /// Height of the tile's hashes, in steps of 256.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Position within the level, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Number of hashes: 256 when full.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds 256 hashes and never changes again.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The same tile when it is full: where to look when a partial one was removed.
    #[must_use]
    pub fn full(self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..self
        }
    }

    /// The path below the log's directory or URL.
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, index_path(self.index, self.width))
    }
}

impl BundleId {
    /// The `index`-th bundle, holding `width` entries (1 to 256).
    pub fn new(index: u64, width: u16) -> Result<Self, Error> {
        let TileId { index, width, .. } = TileId::new(0, index, width)?;
        Ok(Self { index, width })
    }

    /// The `index`-th bundle as it is in a tree of `size` entries; `None` where it would be empty.
    pub fn in_tree(index: u64, size: u64) -> Option<Self> {
        TileId::in_tree(0, index, size).map(|TileId { index, width, .. }| Self { index, width })
    }

    /// The bundles that a log of `size` entries must have written and a log of `old_size` did not have yet.
    pub fn added(old_size: u64, size: u64) -> Vec<Self> {
        let level_0 = TileId::added(old_size, size)
            .into_iter()
            .filter(|tile| tile.level == 0);
        level_0
            .map(|TileId { index, width, .. }| Self { index, width })
            .collect()
    }

    /// Position, from 0: the bundle starts with entry `index × 256`.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Number of entries: 256 when full.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds 256 entries and never changes again.
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The same bundle when it is full: where to look when a partial one was removed.
    #[must_use]
    pub fn full(self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..self
        }
    }

    /// The path below the log's directory or URL.
    pub fn path(&self) -> String {
        format!("tile/entries/{}", index_path(self.index, self.width))
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

impl FromStr for TileId {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self, Error> {
        let malformed = || not_a_path(path);
        let (level, index) = bounded(path)?
            .strip_prefix("tile/")
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(malformed)?;
        let level = text::decimal("tile level", level, MAX_TILE_LEVEL.into()).map_err(|_| malformed())?;
        let (index, width) = parse_index_path(index).ok_or_else(malformed)?;
        Self::new(u8::try_from(level).expect("at most 7"), index, width)
    }
}

impl FromStr for BundleId {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self, Error> {
        let index = bounded(path)?.strip_prefix("tile/entries/");
        let (index, width) = index.and_then(parse_index_path).ok_or_else(|| not_a_path(path))?;
        Self::new(index, width)
    }
}

/// The hashes of one tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    id: TileId,
    hashes: Vec<Hash>,
}

impl Tile {
    /// A tile from its hashes, as many as its width.
    pub fn new(id: TileId, hashes: Vec<Hash>) -> Result<Self, Error> {
        if hashes.len() != usize::from(id.width) {
            return Err(tile_length(id, hashes.len() * HASH_BYTES));
        }
        Ok(Self { id, hashes })
    }

    /// Reads a tile: exactly 32 bytes for each hash.
    pub fn parse(id: TileId, bytes: &[u8]) -> Result<Self, Error> {
        let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
        if !rest.is_empty() || hashes.len() != usize::from(id.width) {
            return Err(tile_length(id, bytes.len()));
        }
        Ok(Self {
            id,
            hashes: hashes.iter().copied().map(Hash).collect(),
        })
    }

    /// Its name.
    pub fn id(&self) -> TileId {
        self.id
    }

    /// Its hashes, from left to right.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| hash.0).collect()
    }

    /// The hash of a complete subtree within this tile, `height` levels above its hashes.
    fn node(&self, height: u8, index: u64) -> Option<Hash> {
        let width = 1_usize.checked_shl(height.into())?;
        let start = usize::try_from(index).ok()?.checked_mul(width)?;
        Some(proof::fold_complete(
            self.hashes.get(start..start.checked_add(width)?)?,
        ))
    }
}

/// Where tiles come from: a directory, a URL, memory.
pub trait TileReader {
    /// What can go wrong while reading.
    type Error: From<Error>;

    /// The bytes of a tile. A reader that no longer has a partial tile answers the first bytes of the full one.
    fn tile(&self, id: TileId) -> Result<Vec<u8>, Self::Error>;
}

impl<R: TileReader + ?Sized> TileReader for &R {
    type Error = R::Error;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, Self::Error> {
        (**self).tile(id)
    }
}

/// Reads the hashes of a tree of `size` entries out of tiles. Each tile is read once a call.
#[derive(Debug, Clone)]
pub struct TileHashes<R> {
    size: u64,
    reader: R,
}

impl<R: TileReader> TileHashes<R> {
    /// `size` is that of a checkpoint which the tiles belong to.
    pub fn new(size: u64, reader: R) -> Self {
        Self { size, reader }
    }
}

impl<R: TileReader> HashReader for TileHashes<R> {
    type Error = R::Error;

    fn hashes(&self, nodes: &[Node]) -> Result<Vec<Hash>, R::Error> {
        let mut tiles: Vec<Tile> = Vec::new();
        let mut hashes = Vec::with_capacity(nodes.len());
        for node in nodes {
            let outside = || Error::OutsideTree {
                what: "node",
                found: node.index,
                size: self.size,
            };
            let height = node.level % TILE_HEIGHT;
            let per_tile = u64::from(TILE_WIDTH) >> height;
            let id = TileId::in_tree(node.level / TILE_HEIGHT, node.index / per_tile, self.size)
                .ok_or_else(outside)?;
            let known = tiles.iter().position(|tile| tile.id == id);
            let position = known.unwrap_or(tiles.len());
            if known.is_none() {
                tiles.push(Tile::parse(id, &self.reader.tile(id)?)?);
            }
            hashes.push(
                tiles[position]
                    .node(height, node.index % per_tile)
                    .ok_or_else(outside)?,
            );
        }
        Ok(hashes)
    }
}

/// Appends one entry to a bundle: its length in two big-endian bytes, then the entry.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), Error> {
    let too_long = Error::TooLong {
        what: "entry",
        found: entry.len(),
        limit: MAX_ENTRY_BYTES,
    };
    let length = u16::try_from(entry.len()).map_err(|_| too_long)?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The bytes of a bundle of 1 to 256 entries.
pub fn encode_bundle<E: AsRef<[u8]>>(entries: &[E]) -> Result<Vec<u8>, Error> {
    check_width(u16::try_from(entries.len()).unwrap_or(u16::MAX))?;
    let mut bundle = Vec::new();
    entries
        .iter()
        .try_for_each(|entry| push_entry(&mut bundle, entry.as_ref()))?;
    Ok(bundle)
}

/// Reads a bundle of exactly `width` entries, with nothing after them.
pub fn parse_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, Error> {
    check_width(width)?;
    text::at_most("entry bundle", bytes.len(), MAX_BUNDLE_BYTES)?;
    let mut rest = bytes;
    let mut entries = Vec::with_capacity(width.into());
    for _ in 0..width {
        let (length, after) = rest.split_first_chunk().ok_or(Error::Bundle {
            why: "fewer entries than its width",
        })?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (entry, after) = after.split_at_checked(length).ok_or(Error::Bundle {
            why: "an entry is cut short",
        })?;
        entries.push(entry);
        rest = after;
    }
    if !rest.is_empty() {
        return Err(Error::Bundle {
            why: "bytes after the last entry",
        });
    }
    Ok(entries)
}

fn check_width(width: u16) -> Result<(), Error> {
    if (1..=TILE_WIDTH).contains(&width) {
        return Ok(());
    }
    Err(Error::TileRange {
        why: "width is not 1 to 256",
    })
}

/// How many of a level's hashes fall into its `index`-th tile.
fn width_at(hashes: u64, index: u64) -> Option<u16> {
    let start = index.checked_mul(TILE_WIDTH.into())?;
    let width = hashes.checked_sub(start)?.min(TILE_WIDTH.into());
    u16::try_from(width).ok().filter(|width| *width > 0)
}

fn tile_length(id: TileId, found: usize) -> Error {
    Error::TileLength {
        path: id.path(),
        found,
        expected: usize::from(id.width) * HASH_BYTES,
    }
}

fn not_a_path(path: &str) -> Error {
    Error::TilePath {
        path: path.chars().take(MAX_TILE_PATH_BYTES).collect(),
    }
}

fn bounded(path: &str) -> Result<&str, Error> {
    text::at_most("tile path", path.len(), MAX_TILE_PATH_BYTES)?;
    Ok(path)
}

/// `x001/x234/067`, and `.p/<width>` where the tile is partial.
fn index_path(index: u64, width: u16) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    if width < TILE_WIDTH {
        format!("{path}.p/{width}")
    } else {
        path
    }
}

/// The inverse of [`index_path`]: reads generously, then demands the one canonical spelling.
fn parse_index_path(path: &str) -> Option<(u64, u16)> {
    let (groups, width) = match path.split_once(".p/") {
        Some((groups, width)) => (
            groups,
            u16::try_from(text::decimal("tile width", width, 255).ok()?).ok()?,
        ),
        None => (path, TILE_WIDTH),
    };
    let mut index = 0_u64;
    for group in groups.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    (index_path(index, width) == path).then_some((index, width))
}
