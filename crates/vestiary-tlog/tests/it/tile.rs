use std::{cell::Cell, collections::HashMap};

use proptest::prelude::*;
use vestiary_tlog::{
    BundleId, EMPTY_ROOT, Error, Hash, HashReader, Node, Tile, TileHashes, TileId, TileReader, node_hash,
    proof,
    tile::{MAX_BUNDLE_BYTES, MAX_ENTRY_BYTES, MAX_TILE_PATH_BYTES, encode_bundle, parse_bundle},
};

use crate::support::leaves;

/// Tiles in memory, counting how often they are read.
#[derive(Default)]
struct Memory {
    files: HashMap<String, Vec<u8>>,
    reads: Cell<usize>,
}

impl TileReader for Memory {
    type Error = Error;

    fn tile(&self, id: TileId) -> Result<Vec<u8>, Error> {
        self.reads.set(self.reads.get() + 1);
        self.files
            .get(&id.path())
            .cloned()
            .ok_or(Error::TilePath { path: id.path() })
    }
}

/// Grows a tiled log in memory, writing only the tiles that each step adds.
fn grow(steps: &[u64]) -> (Vec<Hash>, Memory) {
    let leaves = leaves(*steps.last().unwrap());
    let mut memory = Memory::default();
    let mut size = 0;
    for step in steps {
        for id in TileId::added(size, *step) {
            let first = id.index() * 256;
            let nodes: Vec<_> = (first..first + u64::from(id.width()))
                .map(|index| Node {
                    level: id.level() * 8,
                    index,
                })
                .collect();
            let tile = Tile::new(id, leaves.hashes(&nodes).unwrap()).unwrap();
            memory.files.insert(id.path(), tile.to_bytes());
        }
        size = *step;
    }
    (leaves, memory)
}

#[test]
fn the_specifications_paths_are_written() {
    assert_eq!(
        TileId::new(0, 1_234_067, 256).unwrap().path(),
        "tile/0/x001/x234/067"
    );
    assert_eq!(TileId::new(3, 5, 17).unwrap().path(), "tile/3/005.p/17");
    assert_eq!(
        BundleId::new(1_234_067, 1).unwrap().path(),
        "tile/entries/x001/x234/067.p/1"
    );
}

#[test]
fn a_tree_of_70_000_has_the_specifications_tiles() {
    let mut tiles = TileId::added(0, 70_000);
    assert_eq!(
        tiles.iter().filter(|t| t.level() == 0 && t.is_full()).count(),
        273
    );
    tiles.retain(|t| t.level() > 0 || !t.is_full());
    let paths: Vec<_> = tiles.iter().map(TileId::path).collect();
    assert_eq!(
        paths,
        [
            "tile/0/273.p/112",
            "tile/1/000",
            "tile/1/001.p/17",
            "tile/2/000.p/1"
        ]
    );
    let paths: Vec<_> = TileId::added(255, 256).iter().map(TileId::path).collect();
    assert_eq!(paths, ["tile/0/000", "tile/1/000.p/1"]);
}

#[test]
fn nothing_is_added_where_nothing_grew() {
    assert_eq!(TileId::added(0, 0), []);
    assert_eq!(TileId::added(300, 300), []);
    assert_eq!(BundleId::added(256, 257), [BundleId::new(1, 1).unwrap()]);
    assert_eq!(
        BundleId::added(0, 257),
        [BundleId::new(0, 256).unwrap(), BundleId::new(1, 1).unwrap()]
    );
}

#[test]
fn paths_that_are_not_canonical_are_refused() {
    for path in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/1000",
        "tile/00/000",
        "tile/+1/000",
        "tile/8/000",
        "tile/0/x000/001",
        "tile/0/x000",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/1/2",
        "tile/0/000.p/+1",
        "tile/0/../000",
        "tile/0/٠٠٠",
        "tile/entries/000",
        "tile/0/xx001/000",
        "tile/-1/000",
        "Tile/0/000",
    ] {
        let refused = matches!(
            path.parse::<TileId>(),
            Err(Error::TilePath { .. } | Error::TileRange { .. })
        );
        assert!(refused, "{path:?}");
    }
    for path in [
        "tile/entries/",
        "tile/entries/0",
        "tile/0/000",
        "tile/entries/000.p/256",
        "tile/entries/x000/000",
    ] {
        assert!(
            matches!(path.parse::<BundleId>(), Err(Error::TilePath { .. })),
            "{path:?}"
        );
    }
}

#[test]
fn an_index_beyond_64_bits_is_refused() {
    let path = "tile/0/x018/x446/x744/x073/x709/x551/616";
    assert_eq!(path.parse::<TileId>(), Err(Error::TilePath { path: path.into() }));
    let beyond = Err(Error::TileRange {
        why: "index beyond the last entry",
    });
    assert_eq!(TileId::new(0, 1 << 56, 256), beyond);
    assert!(TileId::new(0, (1 << 56) - 1, 256).is_ok());
    assert_eq!(TileId::new(7, 1, 1), beyond);
    assert!(TileId::new(7, 0, 1).is_ok());
    assert_eq!(TileId::in_tree(0, u64::MAX, u64::MAX), None);
}

#[test]
fn a_level_or_width_out_of_range_is_refused() {
    assert_eq!(
        TileId::new(8, 0, 1),
        Err(Error::TileRange { why: "level above 7" })
    );
    for width in [0, 257] {
        let refused = Error::TileRange {
            why: "width is not 1 to 256",
        };
        assert_eq!(TileId::new(0, 0, width), Err(refused.clone()));
        assert_eq!(parse_bundle(&[], width), Err(refused));
    }
    assert_eq!(
        encode_bundle::<&[u8]>(&[]),
        Err(Error::TileRange {
            why: "width is not 1 to 256"
        })
    );
    assert_eq!(
        encode_bundle(&[b""; 257]),
        Err(Error::TileRange {
            why: "width is not 1 to 256"
        })
    );
    assert_eq!(
        encode_bundle(&vec![b""; 65_537]),
        Err(Error::TileRange {
            why: "width is not 1 to 256"
        })
    );
}

#[test]
fn a_path_longer_than_the_limit_is_refused() {
    let found = MAX_TILE_PATH_BYTES + 1;
    let refused = Err(Error::TooLong {
        what: "tile path",
        found,
        limit: MAX_TILE_PATH_BYTES,
    });
    assert_eq!("a".repeat(found).parse::<TileId>(), refused);
}

#[test]
fn a_tile_of_another_length_is_refused() {
    let id = TileId::new(0, 0, 3).unwrap();
    for found in [0, 64, 95, 97, 128] {
        let refused = Err(Error::TileLength {
            path: "tile/0/000.p/3".into(),
            found,
            expected: 96,
        });
        assert_eq!(Tile::parse(id, &vec![1; found]), refused);
    }
    assert!(matches!(
        Tile::new(id, vec![EMPTY_ROOT; 2]),
        Err(Error::TileLength { .. })
    ));
}

#[test]
fn bundles_cut_short_or_with_bytes_after_them_are_refused() {
    let bundle = encode_bundle(&["one", "", "three"]).unwrap();
    assert_eq!(bundle, b"\0\x03one\0\0\0\x05three");
    assert_eq!(parse_bundle(&bundle, 3).unwrap(), [&b"one"[..], b"", b"three"]);
    assert_eq!(
        parse_bundle(&bundle, 2),
        Err(Error::Bundle {
            why: "bytes after the last entry"
        })
    );
    assert_eq!(
        parse_bundle(&bundle, 4),
        Err(Error::Bundle {
            why: "fewer entries than its width"
        })
    );
    assert_eq!(
        parse_bundle(&bundle[..13], 3),
        Err(Error::Bundle {
            why: "an entry is cut short"
        })
    );
    assert_eq!(
        parse_bundle(&bundle[..6], 2),
        Err(Error::Bundle {
            why: "fewer entries than its width"
        })
    );
}

#[test]
fn an_entry_longer_than_the_limit_is_refused() {
    let longest = vec![7; MAX_ENTRY_BYTES];
    let bundle = encode_bundle(&[&longest]).unwrap();
    assert_eq!(parse_bundle(&bundle, 1).unwrap(), [longest.as_slice()]);
    let found = MAX_ENTRY_BYTES + 1;
    let refused = Error::TooLong {
        what: "entry",
        found,
        limit: MAX_ENTRY_BYTES,
    };
    assert_eq!(encode_bundle(&[vec![7; found]]), Err(refused));
    let bundle = vec![0; MAX_BUNDLE_BYTES + 1];
    assert!(matches!(
        parse_bundle(&bundle, 256),
        Err(Error::TooLong {
            what: "entry bundle",
            ..
        })
    ));
}

#[test]
fn proofs_read_from_tiles_are_those_read_from_leaves() {
    let sizes = [1, 2, 255, 256, 257, 600, 65_535, 65_536, 65_537, 70_000];
    let (leaves, memory) = grow(&sizes);
    let top = node_hash(&proof::root(65_536, leaves.as_slice()).unwrap(), &leaves[65_536]);
    for size in sizes {
        let tiles = TileHashes::new(size, &memory);
        let root = proof::root(size, leaves.as_slice()).unwrap();
        assert_eq!(proof::root(size, &tiles), Ok(root), "{size}");
        if size == 65_537 {
            assert_eq!(root, top);
        }
        for index in [0, size / 3, size / 2, size - 1] {
            let path = proof::inclusion(index, size, &tiles).unwrap();
            let leaf = &leaves[usize::try_from(index).unwrap()];
            proof::verify_inclusion(leaf, index, size, &root, &path).unwrap();
        }
        for old in sizes.into_iter().filter(|old| *old <= size) {
            let path = proof::consistency(old, size, &tiles).unwrap();
            assert_eq!(
                Ok(path),
                proof::consistency(old, size, leaves.as_slice()),
                "{old} {size}"
            );
        }
    }
}

#[test]
fn a_proof_reads_each_tile_once() {
    let (_, memory) = grow(&[70_000]);
    proof::inclusion(1234, 70_000, &TileHashes::new(70_000, &memory)).unwrap();
    // Leaf tile 4, its parent 0 at level 1 and the right edges 273, 1 and 2/000 of the three levels.
    assert!(memory.reads.get() <= 5, "{} reads", memory.reads.get());
}

#[test]
fn a_node_outside_the_tree_is_refused() {
    let (_, memory) = grow(&[300]);
    let tiles = TileHashes::new(300, &memory);
    for node in [
        Node { level: 0, index: 300 },
        Node { level: 8, index: 1 },
        Node { level: 3, index: 37 },
        Node { level: 64, index: 0 },
        Node {
            level: 255,
            index: u64::MAX,
        },
    ] {
        assert!(
            matches!(
                tiles.hashes(&[node]),
                Err(Error::OutsideTree { what: "node", .. })
            ),
            "{node:?}"
        );
    }
}

#[test]
fn a_reader_that_answers_a_tile_of_another_width_is_refused() {
    let (_, mut memory) = grow(&[5]);
    memory.files.insert("tile/0/000.p/5".into(), vec![0; 256 * 32]);
    let refused = proof::root(5, &TileHashes::new(5, &memory));
    assert!(matches!(
        refused,
        Err(Error::TileLength {
            found: 8192,
            expected: 160,
            ..
        })
    ));
}

proptest! {
    #[test]
    fn tile_paths_read_back_the_same(level in 0_u8..=7, index: u64, width in 1_u16..=256) {
        let index = index >> (8 * (u32::from(level) + 1)).min(63);
        if let Ok(id) = TileId::new(level, index, width) {
            prop_assert_eq!(id.path().parse::<TileId>().unwrap(), id);
        }
        let id = BundleId::new(index >> 8, width).unwrap();
        prop_assert_eq!(id.path().parse::<BundleId>().unwrap(), id);
    }

    #[test]
    fn accepted_paths_have_one_spelling(path in "tile/[0-9]{1,2}/(x[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(id) = path.parse::<TileId>() {
            prop_assert_eq!(id.path(), path);
        }
    }

    #[test]
    fn bundles_read_back_the_same(entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 1..20)) {
        let bundle = encode_bundle(&entries).unwrap();
        prop_assert_eq!(parse_bundle(&bundle, u16::try_from(entries.len()).unwrap()).unwrap(), entries);
    }

    #[test]
    fn arbitrary_bundles_never_panic(bytes: Vec<u8>, width: u16) {
        let _ = parse_bundle(&bytes, width);
    }

    #[test]
    fn growing_by_steps_leaves_every_tile_that_the_tree_needs(mut sizes in proptest::collection::vec(1_u64..700, 1..4)) {
        sizes.sort_unstable();
        let (leaves, memory) = grow(&sizes);
        for size in sizes {
            let root = proof::root(size, &TileHashes::new(size, &memory));
            prop_assert_eq!(root, proof::root(size, leaves.as_slice()));
        }
    }
}
