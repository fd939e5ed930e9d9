//! Inclusion and consistency proofs (RFC 6962, section 2.1; verified as in RFC 9162, sections 2.1.3 and 2.1.4).
//!
//! Making a proof reads hashes of complete subtrees through a [`HashReader`]. Checking one needs nothing.

use crate::{EMPTY_ROOT, Error, Hash, node_hash};

/// A complete subtree: the hash over the entries `index << level .. (index + 1) << level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Height above the leaves; level 0 is the leaves themselves.
    pub level: u8,
    /// Position within the level, from 0.
    pub index: u64,
}

/// Where hashes of complete subtrees come from.
pub trait HashReader {
    /// What can go wrong while reading; this crate's own errors come out of the same calls.
    type Error: From<Error>;

    /// The hashes of `nodes`, in their order. All nodes of one call lie within one tree.
    fn hashes(&self, nodes: &[Node]) -> Result<Vec<Hash>, Self::Error>;
}

impl<R: HashReader + ?Sized> HashReader for &R {
    type Error = R::Error;

    fn hashes(&self, nodes: &[Node]) -> Result<Vec<Hash>, Self::Error> {
        (**self).hashes(nodes)
    }
}

/// All leaf hashes of a small log in memory.
impl HashReader for [Hash] {
    type Error = Error;

    fn hashes(&self, nodes: &[Node]) -> Result<Vec<Hash>, Error> {
        let subtree = |node: &Node| {
            let outside = Error::OutsideTree {
                what: "node",
                found: node.index,
                size: self.len() as u64,
            };
            let width = 1_usize.checked_shl(node.level.into()).ok_or(outside.clone())?;
            let start = usize::try_from(node.index)
                .ok()
                .and_then(|i| i.checked_mul(width));
            let leaves = start.and_then(|start| self.get(start..start.checked_add(width)?));
            Ok(fold_complete(leaves.ok_or(outside)?))
        };
        nodes.iter().map(subtree).collect()
    }
}

/// The root of the first `size` entries.
pub fn root<R: HashReader + ?Sized>(size: u64, reader: &R) -> Result<Hash, R::Error> {
    if size == 0 {
        return Ok(EMPTY_ROOT);
    }
    Ok(read_ranges(&[(0, size)], reader)?[0])
}

/// The proof that entry `index` is in the tree of the first `size` entries: sibling hashes from the leaf up.
pub fn inclusion<R: HashReader + ?Sized>(index: u64, size: u64, reader: &R) -> Result<Vec<Hash>, R::Error> {
    if index >= size {
        return Err(Error::OutsideTree {
            what: "index",
            found: index,
            size,
        }
        .into());
    }
    let (mut start, mut end) = (0, size);
    let mut ranges = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    ranges.reverse();
    read_ranges(&ranges, reader)
}

/// The proof that the tree of the first `old_size` entries is a prefix of the tree of the first `size`.
///
/// Empty when the sizes are equal or the older tree is empty.
pub fn consistency<R: HashReader + ?Sized>(
    old_size: u64,
    size: u64,
    reader: &R,
) -> Result<Vec<Hash>, R::Error> {
    if old_size > size {
        return Err(Error::OutsideTree {
            what: "older size",
            found: old_size,
            size,
        }
        .into());
    }
    if old_size == 0 {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, size);
    let mut ranges = Vec::new();
    while end != old_size {
        let middle = start + split(end - start);
        if old_size <= middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    // When the older tree is itself a complete left subtree, its root is the verifier's own and is left out.
    if start != 0 {
        ranges.push((start, end));
    }
    ranges.reverse();
    read_ranges(&ranges, reader)
}

/// Checks that `leaf` is entry `index` of the tree of `size` entries with `root`.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    if index >= size {
        return Err(Error::OutsideTree {
            what: "index",
            found: index,
            size,
        });
    }
    let wrong_length = Error::ProofLength {
        what: "inclusion",
        found: proof.len(),
    };
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // At the right edge a node without a sibling is carried up as it is.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    expect_root("inclusion", hash, *root)
}

/// Checks that the tree of `old_size` entries with `old_root` is a prefix of the tree of `size` with `root`.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    const TO_OLD: &str = "consistency to the older tree";
    if old_size > size {
        return Err(Error::OutsideTree {
            what: "older size",
            found: old_size,
            size,
        });
    }
    let wrong_length = Error::ProofLength {
        what: "consistency",
        found: proof.len(),
    };
    if size == 0 {
        expect_root("consistency", *root, EMPTY_ROOT)?;
    }
    if old_size == 0 || old_size == size {
        if !proof.is_empty() {
            return Err(wrong_length);
        }
        let expected = if old_size == 0 { &EMPTY_ROOT } else { root };
        return expect_root(TO_OLD, *old_root, *expected);
    }
    let (mut node, mut last) = (old_size - 1, size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    // A complete older tree is the proof's own starting point.
    let (start, rest) = if old_size.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(wrong_length.clone())?
    };
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in rest {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    expect_root(TO_OLD, old_hash, *old_root)?;
    expect_root("consistency", new_hash, *root)
}

/// The largest power of two below `width`, which is at least 2.
fn split(width: u64) -> u64 {
    1 << (width - 1).ilog2()
}

/// The hash of each range, reading all the complete subtrees that they consist of in one call.
fn read_ranges<R: HashReader + ?Sized>(ranges: &[(u64, u64)], reader: &R) -> Result<Vec<Hash>, R::Error> {
    let mut nodes = Vec::new();
    let mut counts = Vec::new();
    for &(start, end) in ranges {
        let before = nodes.len();
        let mut start = start;
        while start < end {
            let level = (end - start).ilog2();
            nodes.push(Node {
                level: u8::try_from(level).expect("below 64"),
                index: start >> level,
            });
            start += 1 << level;
        }
        counts.push(nodes.len() - before);
    }
    let hashes = reader.hashes(&nodes)?;
    if hashes.len() != nodes.len() {
        return Err(Error::HashCount {
            found: hashes.len(),
            expected: nodes.len(),
        }
        .into());
    }
    let mut rest = hashes.as_slice();
    let mut roots = Vec::with_capacity(ranges.len());
    for count in counts {
        let (range, after) = rest.split_at(count);
        rest = after;
        let joined = range
            .iter()
            .copied()
            .rev()
            .reduce(|right, left| node_hash(&left, &right));
        roots.push(joined.expect("a range is never empty"));
    }
    Ok(roots)
}

/// The root over a power of two of hashes.
pub(crate) fn fold_complete(hashes: &[Hash]) -> Hash {
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .chunks_exact(2)
            .map(|pair| node_hash(&pair[0], &pair[1]))
            .collect();
    }
    row[0]
}

fn expect_root(what: &'static str, found: Hash, expected: Hash) -> Result<(), Error> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::RootMismatch {
            what,
            found,
            expected,
        })
    }
}
