//! The content store: on a disk that forgets, under damage, under lies.

use std::{
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::support::{fixture, pattern};
use proptest::prelude::*;
use vestiary_log::{
    FileError, Files,
    sim::{Fault, ForgetfulDisk},
};
use vestiary_worlds::{
    ContentStore, Declared, Error, FileRecord, Sha256,
    cid::{UNIXFS_V1_2025, cid_of},
    content::{MAX_FILE_BYTES, MAX_LISTED, MAX_TEXT_BYTES},
};

const DIR: &str = "/store";

fn open(disk: &Arc<ForgetfulDisk>) -> ContentStore {
    ContentStore::open(disk.clone(), Path::new(DIR)).unwrap()
}

fn put(store: &ContentStore, bytes: &[u8]) -> Result<FileRecord, Error> {
    store.put(bytes, Declared::default())
}

/// A file of the GLB type with a pattern behind, of any size from 12.
fn glb(bytes: usize) -> Vec<u8> {
    let mut file = b"glTF\x02\0\0\0----".to_vec();
    file.extend(pattern(bytes - file.len()));
    file
}

/// Where the bytes of a file are.
fn file_path(sha256: &Sha256) -> PathBuf {
    let hex = sha256.hex();
    Path::new(DIR).join("files").join(&hex[..2]).join(hex)
}

fn record_path(sha256: &Sha256) -> PathBuf {
    let hex = sha256.hex();
    Path::new(DIR).join("records").join(&hex[..2]).join(hex)
}

/// Every path in the store but the lock: what a refusal must not change.
fn kept(disk: &ForgetfulDisk) -> Vec<PathBuf> {
    let mut paths = disk.file_paths();
    paths.retain(|path| !path.ends_with("lock"));
    paths
}

#[test]
fn a_file_is_found_by_digest_and_by_content_id() {
    let disk = Arc::new(ForgetfulDisk::new());
    let store = open(&disk);
    for bytes in [
        fixture("garments/coat-pocket.glb"),
        glb(3 << 20),
        glb((1 << 20) + 1),
        b"CC0\n".to_vec(),
    ] {
        let record = put(&store, &bytes).unwrap();
        assert_eq!(record.sha256, Sha256::of(&bytes));
        assert_eq!(record.cid, cid_of(&bytes, UNIXFS_V1_2025));
        assert_eq!(
            (record.bytes, &*record.cid_profile),
            (bytes.len() as u64, "unixfs-v1-2025")
        );
        assert_eq!(store.get(&record.sha256).unwrap().read().unwrap(), bytes);
        assert_eq!(store.get_cid(&record.cid).unwrap().read().unwrap(), bytes);
        assert_eq!(store.record(&record.sha256).unwrap(), record);
        assert_eq!(put(&store, &bytes).unwrap(), record, "twice is once");
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let disk = Arc::new(ForgetfulDisk::new());
    let store = open(&disk);
    let large = put(&store, &glb(2 << 20)).unwrap();
    let nothing = Sha256::of(b"nothing");
    assert_eq!(store.get(&nothing).unwrap_err().code(), "file_not_found");
    for bytes in [b"nothing".to_vec(), glb(4 << 20)] {
        assert_eq!(
            store.get_cid(&cid_of(&bytes, UNIXFS_V1_2025)).unwrap_err().code(),
            "file_not_found"
        );
    }
    // The raw content id of a large file's own digest names no block of ours.
    let raw = vestiary::digest::raw_cid(&large.sha256).parse().unwrap();
    assert_eq!(store.get_cid(&raw).unwrap_err().code(), "file_not_found");
}

#[test]
fn media_types_are_told_by_the_bytes() {
    let disk = Arc::new(ForgetfulDisk::new());
    let store = open(&disk);
    for (bytes, media_type) in [
        (fixture("garments/cap-plaza.glb"), "model/gltf-binary"),
        (fixture("garments/cap.png"), "image/png"),
        (fixture("garments/licence.txt"), "text/plain"),
        (fixture("worlds/plaza.json"), "application/json"),
        (b"{\"a\":1,\"a\":2}".to_vec(), "text/plain"),
        (vec![b'x'; MAX_TEXT_BYTES], "text/plain"),
    ] {
        assert_eq!(put(&store, &bytes).unwrap().media_type, media_type);
    }
    let before = kept(&disk);
    for bytes in [
        vec![],
        b"PK\x03\x04zip".to_vec(),
        b"glTF\x01\0\0\0".to_vec(),
        b"\xff\xfeU\0T\0F\0".to_vec(),
        b"text\0with a zero".to_vec(),
        vec![b'x'; MAX_TEXT_BYTES + 1],
    ] {
        assert_eq!(put(&store, &bytes).unwrap_err().code(), "unknown_media_type");
    }
    assert_eq!(kept(&disk), before, "a refusal leaves nothing");
}

#[test]
fn a_file_has_32_mib_at_most_whatever_it_says() {
    let disk = Arc::new(ForgetfulDisk::new());
    let store = open(&disk);
    let limit = usize::try_from(MAX_FILE_BYTES).unwrap();
    let before = kept(&disk);
    let declared = |bytes: u64| Declared {
        bytes: Some(bytes),
        sha256: None,
    };
    // Said beforehand: refused before a byte is read.
    let unread = Unreadable;
    let refused = store.put(unread, declared(MAX_FILE_BYTES + 1)).unwrap_err();
    assert!(matches!(
        refused,
        Error::TooLarge {
            max_bytes: MAX_FILE_BYTES
        }
    ));
    // Not said, and endless.
    let endless = glb(1000).into_iter().cycle();
    let refused = store.put(Endless(endless), Declared::default()).unwrap_err();
    assert_eq!(refused.code(), "too_large");
    // More, and less, than was said.
    assert_eq!(
        store.put(&glb(101)[..], declared(100)).unwrap_err().code(),
        "too_large"
    );
    assert_eq!(
        store.put(&glb(99)[..], declared(100)).unwrap_err().code(),
        "size_mismatch"
    );
    assert_eq!(kept(&disk), before, "a refusal leaves nothing");
    let record = store.put(&glb(limit)[..], declared(MAX_FILE_BYTES)).unwrap();
    assert_eq!(record.bytes, MAX_FILE_BYTES);
}

struct Unreadable;

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("must not be read"))
    }
}

struct Endless<I>(I);

impl<I: Iterator<Item = u8>> Read for Endless<I> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        buffer
            .iter_mut()
            .zip(&mut self.0)
            .for_each(|(to, from)| *to = from);
        Ok(buffer.len())
    }
}

#[test]
fn other_bytes_than_were_declared_are_refused() {
    let disk = Arc::new(ForgetfulDisk::new());
    let store = open(&disk);
    let before = kept(&disk);
    let declared = Declared {
        sha256: Some(Sha256::of(b"one thing")),
        bytes: None,
    };
    let refused = store.put(&b"another"[..], declared).unwrap_err();
    assert_eq!(refused.code(), "digest_mismatch");
    assert_eq!(
        store.put(Unreadable, declared).unwrap_err().code(),
        "source_failed"
    );
    assert_eq!(kept(&disk), before, "a refusal leaves nothing");
    store.put(&b"one thing"[..], declared).unwrap();
}

#[test]
fn ranges_are_read_as_asked() {
    let disk = Arc::new(ForgetfulDisk::new());
    let store = open(&disk);
    let bytes = glb((2 << 20) + 17);
    let sha256 = put(&store, &bytes).unwrap().sha256;
    let file = store.get(&sha256).unwrap();
    let mib = 1_u64 << 20;
    for range in [
        0..0,
        0..1,
        5..9,
        mib - 1..mib + 1,
        mib..2 * mib,
        mib - 3..2 * mib + 9,
        0..bytes.len() as u64,
    ] {
        let slice = &bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()];
        assert!(file.read_range(range.clone()).unwrap() == slice, "{range:?}");
        assert!(
            file.chunks(range)
                .unwrap()
                .all(|chunk| chunk.unwrap().len() <= 1 << 20)
        );
    }
    let end = bytes.len() as u64;
    #[expect(clippy::reversed_empty_ranges, reason = "a client can ask for it")]
    for range in [0..end + 1, end + 1..end + 1, 9..5, u64::MAX - 1..u64::MAX] {
        assert_eq!(
            file.read_range(range).unwrap_err().code(),
            "range_not_satisfiable"
        );
    }
}

#[test]
fn a_flipped_byte_is_never_served_always_named_and_repaired_by_the_same_file() {
    let disk = Arc::new(ForgetfulDisk::new());
    let store = open(&disk);
    let bytes = glb((3 << 20) + 5);
    let record = put(&store, &bytes).unwrap();
    let path = file_path(&record.sha256);
    for at in [0, 4096, (1 << 20) - 1, 1 << 20, bytes.len() - 1] {
        let file = store.get(&record.sha256).unwrap(); // open before the damage
        let mut spoilt = bytes.clone();
        spoilt[at] ^= 0x10;
        disk.rot(&path, spoilt);
        for file in [
            file,
            store.get(&record.sha256).unwrap(),
            store.get_cid(&record.cid).unwrap(),
        ] {
            let at = at as u64;
            for range in [at..at + 1, 0..record.bytes] {
                let refused = file.read_range(range).unwrap_err();
                assert!(
                    matches!(&refused, Error::Damaged { path: named, .. } if *named == path),
                    "{refused}"
                );
            }
            // Of the chunks that are as they were written, nothing is withheld.
            let other = if at < 1 << 20 { 2 << 20 } else { 0 };
            assert!(file.read_range(other..other + 9).is_ok());
        }
        assert_eq!(store.scan().unwrap().damaged, std::slice::from_ref(&path));
        assert_eq!(put(&store, &bytes).unwrap(), record);
        assert_eq!(store.get(&record.sha256).unwrap().read().unwrap(), bytes);
        let scan = store.scan().unwrap();
        assert_eq!((scan.intact, scan.damaged.len()), (1, 0));
    }
    let aside = kept(&disk)
        .iter()
        .filter(|path| path.starts_with("/store/damaged"))
        .count();
    assert_eq!(aside, 5, "what was damaged is kept for whoever asks");
}

#[test]
fn a_file_that_was_cut_or_has_grown_is_named() {
    let disk = Arc::new(ForgetfulDisk::new());
    let store = open(&disk);
    let bytes = glb(5000);
    let record = put(&store, &bytes).unwrap();
    for other in [bytes[..4999].to_vec(), glb(5001), vec![]] {
        disk.rot(&file_path(&record.sha256), other);
        assert_eq!(store.get(&record.sha256).unwrap_err().code(), "file_damaged");
    }
}

#[test]
fn records_and_index_are_made_again_from_the_files() {
    let disk = Arc::new(ForgetfulDisk::new());
    let store = open(&disk);
    let (small, large) = (
        put(&store, &glb(500)).unwrap(),
        put(&store, &glb(2 << 20)).unwrap(),
    );
    let derived = |path: &PathBuf| path.starts_with("/store/records") || path.starts_with("/store/cids");
    for path in kept(&disk).iter().filter(|path| derived(path)) {
        let good = disk.content(path).unwrap();
        let text = String::from_utf8(good.clone()).unwrap();
        for spoilt in [
            vec![],
            b"sha256:00\n".to_vec(),
            text.replace('3', "4").into_bytes(),
            good[..good.len() - 1].to_vec(),
        ] {
            disk.rot(path, spoilt);
            // By digest a file is served whatever became of what follows from it.
            assert_eq!(store.get(&large.sha256).unwrap().record(), &large);
            assert_eq!(store.get(&small.sha256).unwrap().record(), &small);
            let by_cid = store.get_cid(&large.cid).map(|file| file.record().clone());
            assert!(by_cid.is_err() || by_cid.unwrap() == large, "never another file");
            assert_eq!(store.scan().unwrap().derived_missing, 1, "{}", path.display());
            assert_eq!(store.rebuild().unwrap().derived_missing, 1);
            assert_eq!(disk.content(path).unwrap(), good);
        }
        disk.remove(path).unwrap();
        assert_eq!(store.rebuild().unwrap().derived_missing, 1);
        assert_eq!(disk.content(path).unwrap(), good);
    }
    let scan = store.scan().unwrap();
    assert_eq!(
        (scan.intact, scan.bytes, scan.derived_missing),
        (2, 500 + (2 << 20), 0)
    );
}

#[test]
fn a_record_that_lies_about_its_chunks_is_not_believed() {
    let disk = Arc::new(ForgetfulDisk::new());
    let store = open(&disk);
    let (mine, other) = (
        put(&store, &glb(2 << 20)).unwrap(),
        put(&store, &glb(3 << 20)).unwrap(),
    );
    // Whole and with a right check, but about another file.
    disk.rot(
        &record_path(&mine.sha256),
        disk.content(&record_path(&other.sha256)).unwrap(),
    );
    assert_eq!(store.get(&mine.sha256).unwrap().record(), &mine);
    // The index leads to a file of another content id.
    let cid = mine.cid.to_string();
    let index = Path::new(DIR).join("cids").join(&cid[56..58]).join(&cid);
    assert!(disk.rot(&index, format!("{}\n", other.sha256).into_bytes()));
    assert_eq!(store.get_cid(&mine.cid).unwrap_err().code(), "file_not_found");
}

#[test]
fn files_are_listed_in_order_and_in_pages() {
    let disk = Arc::new(ForgetfulDisk::new());
    let store = open(&disk);
    let mut all: Vec<Sha256> = (0..60)
        .map(|n| put(&store, format!("file {n}").as_bytes()).unwrap().sha256)
        .collect();
    all.sort_unstable();
    assert_eq!(store.list(None, MAX_LISTED).unwrap(), all);
    let (mut pages, mut last) = (Vec::new(), None);
    loop {
        let page = store.list(last.as_ref(), 7).unwrap();
        let Some(end) = page.last() else { break };
        last = Some(*end);
        assert!(page.len() <= 7);
        pages.extend(page);
    }
    assert_eq!(pages, all);
    assert!(store.list(None, 0).unwrap().is_empty());
}

#[test]
fn one_process_writes_and_others_read() {
    let disk = Arc::new(ForgetfulDisk::new());
    assert!(ContentStore::open_read_only(disk.clone(), Path::new(DIR)).is_err());
    let store = open(&disk);
    let second = ContentStore::open(disk.clone(), Path::new(DIR)).unwrap_err();
    assert!(matches!(second, Error::Files(FileError::Locked { .. })));
    let record = put(&store, b"hello").unwrap();
    let reader = ContentStore::open_read_only(disk.clone(), Path::new(DIR)).unwrap();
    assert_eq!(reader.get_cid(&record.cid).unwrap().read().unwrap(), b"hello");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever fails at whichever operation, and whatever the disk then forgets: what was answered is
    /// there, nothing is served that is not what its name says, and putting it again works.
    #[test]
    fn what_was_answered_outlives_any_power_cut(
        seed: u64,
        files in proptest::collection::vec((12_usize..3000, 0..4_usize), 1..5),
        at in 1_u64..90,
        kind in 0..6_usize,
    ) {
        let disk = Arc::new(ForgetfulDisk::new());
        let store = open(&disk);
        disk.fail_at(disk.operations() + at, [
            Fault::Error(std::io::ErrorKind::Other), Fault::ShortWrite, Fault::FailedAfterTakingEffect,
            Fault::NoSpace, Fault::FsyncError, Fault::PowerOff,
        ][kind]);
        let files: Vec<Vec<u8>> =
            files.iter().map(|(bytes, large)| glb(if *large == 0 { (1 << 20) + bytes } else { *bytes })).collect();
        let answered: Vec<bool> = files.iter().map(|bytes| put(&store, bytes).is_ok()).collect();
        drop(store);
        disk.clear_faults();
        disk.power_cut(seed);
        let store = open(&disk);
        prop_assert!(disk.file_paths().iter().all(|path| !path.to_string_lossy().contains(".tmp-")));
        for (bytes, answered) in files.iter().zip(answered) {
            let found = store.get(&Sha256::of(bytes)).and_then(|file| file.read());
            match found {
                Ok(read) => prop_assert_eq!(&read, bytes),
                Err(error) => prop_assert!(!answered, "answered, then {}", error),
            }
            if answered {
                let by_cid = store.get_cid(&cid_of(bytes, UNIXFS_V1_2025)).and_then(|file| file.read());
                prop_assert_eq!(&by_cid.unwrap(), bytes);
            }
        }
        for bytes in &files {
            let record = put(&store, bytes).unwrap();
            prop_assert_eq!(&store.get_cid(&record.cid).unwrap().read().unwrap(), bytes);
        }
        let scan = store.scan().unwrap();
        prop_assert!(scan.damaged.is_empty() && scan.derived_missing == 0);
    }
}

#[test]
fn the_store_works_on_a_real_disk() {
    let folder = tempfile::tempdir().unwrap();
    let files: Arc<dyn Files> = Arc::new(vestiary_log::Disk);
    let store = ContentStore::open(files, &folder.path().join("content")).unwrap();
    let bytes = glb((1 << 20) + 100);
    let record = put(&store, &bytes).unwrap();
    assert_eq!(store.get_cid(&record.cid).unwrap().read().unwrap(), bytes);
    assert_eq!(store.scan().unwrap().intact, 1);
}
