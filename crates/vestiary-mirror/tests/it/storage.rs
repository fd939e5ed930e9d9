//! Closing, killing, damaging.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use alloy_primitives::Address;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use vestiary::{block::Block, digest::Sha256};
use vestiary_mirror::{
    Error, Mirror, MirrorConfig, Opened,
    testing::{LogBuilder, collection, config},
};

use crate::support::{TestMirror, coat, opening, player};

#[test]
fn a_mirror_that_a_full_disk_stopped_is_opened_again_for_everybody_and_filled_anew() {
    let (mut chain, log) = opening();
    let first = chain.end_block();
    chain.mint(coat(1), player(1));
    let second = chain.end_block();
    let test = TestMirror::with(&[first.clone(), second.clone()], log.entries());
    let digest = test.row_digest().unwrap();
    chain.mint(coat(2), player(2));
    let third = chain.end_block();
    test.fail_next_commit();
    assert_eq!(
        test.apply_block(&third).unwrap_err().code(),
        "mirror_needs_rebuild"
    );
    assert!(test.stopped().is_some());
    let asked = test.view().token(&coat(1));
    assert_eq!(
        asked.unwrap_err().code(),
        "mirror_needs_rebuild",
        "half a batch may be visible"
    );
    // A write may be there by half, so everything is put in anew.
    assert!(matches!(test.reopen_or_wipe().unwrap(), Opened::Wiped { .. }));
    assert_eq!((test.stopped(), test.head(), test.log_size()), (None, None, 0));
    test.apply_entries(0, log.entries()).unwrap();
    test.apply_blocks(&[first, second]).unwrap();
    assert_eq!(test.row_digest().unwrap(), digest);
    // One that did not stop is only opened again.
    assert_eq!(test.reopen_or_wipe().unwrap(), Opened::Resumed);
    test.apply_block(&third).unwrap();
    test.check();
}

#[test]
fn a_mirror_that_is_opened_again_goes_on_where_it_was() {
    let (mut chain, log) = opening();
    let first = chain.end_block();
    chain.mint(coat(1), player(1));
    let second = chain.end_block();
    let test = TestMirror::with(std::slice::from_ref(&first), &log.entries()[..5]);
    let digest = test.row_digest().unwrap();
    let test = test.reopen();
    assert_eq!((test.head(), test.log_size()), (Some(first.block_ref()), 5));
    assert_eq!(test.row_digest().unwrap(), digest);
    test.apply_block(&second).unwrap();
    test.apply_entries(5, &log.entries()[5..]).unwrap();
    let test = test.reopen();
    test.undo_block(&second.block_ref()).unwrap();
    test.check();
    assert_eq!(test.head(), Some(first.block_ref()));
}

#[test]
fn a_directory_has_one_mirror_at_a_time() {
    let test = TestMirror::new();
    assert!(matches!(
        Mirror::open(test.dir.path(), config()),
        Err(Error::Locked { .. })
    ));
    assert!(matches!(
        Mirror::open_or_wipe(test.dir.path(), config()),
        Err(Error::Locked { .. })
    ));
    assert!(matches!(Mirror::wipe(test.dir.path()), Err(Error::Locked { .. })));
    test.reopen();
}

#[test]
fn a_mirror_of_another_chain_contract_or_log_is_rebuilt() {
    let (mut chain, log) = opening();
    let block = chain.end_block();
    let others: [fn(&mut MirrorConfig); 7] = [
        |config| config.chain.0 += 1,
        |config| config.genesis_hash.0[0] ^= 1,
        |config| config.registry = Address::ZERO,
        |config| config.factory = Address::ZERO,
        |config| config.log_anchor = Address::ZERO,
        |config| config.first_block += 1,
        |config| config.log_origin.push('2'),
    ];
    for change in others {
        let TestMirror { mirror, dir } = TestMirror::with(std::slice::from_ref(&block), log.entries());
        let digest = mirror.row_digest().unwrap();
        drop(mirror);
        let mut other = config();
        change(&mut other);
        assert!(matches!(
            Mirror::open(dir.path(), other.clone()),
            Err(Error::NeedsRebuild { .. })
        ));
        let (mirror, opened) = Mirror::open_or_wipe(dir.path(), config()).unwrap();
        assert_eq!(
            (opened, mirror.row_digest().unwrap()),
            (Opened::Resumed, digest),
            "nothing was touched"
        );
        drop(mirror);
        let (mirror, opened) = Mirror::open_or_wipe(dir.path(), other).unwrap();
        assert!(matches!(opened, Opened::Wiped { .. }), "{opened:?}");
        assert_eq!(
            (mirror.head(), mirror.log_size(), mirror.dump().count()),
            (None, 0, 0)
        );
    }
}

#[test]
fn a_mirror_that_was_deleted_and_rebuilt_has_the_same_digest() {
    let (mut chain, log) = opening();
    let mut blocks = vec![chain.end_block()];
    for serial in 1..=10 {
        chain.mint(coat(serial), player(1));
        blocks.push(chain.end_block());
    }
    let TestMirror { mirror, dir } = TestMirror::with(&blocks, log.entries());
    let digest = mirror.row_digest().unwrap();
    drop(mirror);
    fs::remove_dir_all(dir.path()).unwrap();
    let (mirror, opened) = Mirror::open_or_wipe(dir.path(), config()).unwrap();
    assert_eq!(opened, Opened::Fresh);
    mirror.apply_entries(0, log.entries()).unwrap();
    mirror.apply_blocks(&blocks).unwrap();
    assert_eq!(mirror.row_digest().unwrap(), digest);
}

/// Block by block of a chain without end, for the process that is killed and for the one that checks.
fn endless() -> impl Iterator<Item = Block> {
    let (mut chain, _) = opening();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut owners = [None; 10];
    std::iter::from_fn(move || {
        for _ in 0..rng.random_range(0..6) {
            let coat_index = rng.random_range(0..10usize);
            let (id, to) = (coat(coat_index as u64 + 1), player(rng.random_range(0..4)));
            // The opening stands in the first block, and coats are minted as they come.
            match owners[coat_index].replace(to) {
                None => chain.mint(id, to),
                Some(from) => chain.transfer(id, from, to),
            };
        }
        Some(chain.end_block())
    })
}

/// Entry by entry of a log without end.
fn entry(index: u64, log: &LogBuilder) -> Vec<u8> {
    let entries = log.entries();
    usize::try_from(index)
        .ok()
        .and_then(|index| entries.get(index).cloned())
        .unwrap_or_else(|| b"{}".to_vec())
}

const CHILD_DIR: &str = "VESTIARY_MIRROR_TEST_CHILD_DIR";

/// Not a test of its own: the process that [`a_mirror_killed_at_any_time_opens_whole`] kills.
#[test]
fn child_that_applies_blocks_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let mirror = Mirror::open(Path::new(&dir), config()).unwrap();
    let (_, log) = opening();
    let applied = mirror
        .head()
        .map_or(0, |head| usize::try_from(head.number).unwrap());
    for block in endless().skip(applied) {
        mirror.apply_block(&block).unwrap();
        mirror
            .apply_entry(mirror.log_size(), &entry(mirror.log_size(), &log))
            .unwrap();
        if block.number.is_multiple_of(5) {
            mirror.undo_block(&block.block_ref()).unwrap();
            mirror.apply_block(&block).unwrap();
        }
        if block.number.is_multiple_of(16) {
            mirror.sync().unwrap();
            println!("synced {} {}", block.number, mirror.log_size());
        }
    }
}

#[test]
fn a_mirror_killed_at_any_time_opens_whole() {
    const ROUNDS: usize = 12;
    let dir = tempfile::tempdir().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let (_, log) = opening();
    let mut last_head = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "storage::child_that_applies_blocks_until_it_is_killed",
                "--exact",
                "--nocapture",
            ])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Not before it works, and then at any moment.
        let started = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.starts_with("synced"));
        assert!(started.is_some(), "the child ended by itself");
        std::thread::sleep(Duration::from_millis(rng.random_range(0..120)));
        child.kill().unwrap();
        child.wait().unwrap();
        let synced = lines
            .map_while(Result::ok)
            .filter(|line| line.starts_with("synced"))
            .last();
        let synced = synced.or(started).unwrap();
        let mut numbers = synced
            .split(' ')
            .skip(1)
            .map(|number| number.parse::<u64>().unwrap());
        let (synced_block, synced_entry) = (numbers.next().unwrap(), numbers.next().unwrap());

        let mirror = Mirror::open(dir.path(), config()).unwrap();
        let head = mirror.head().unwrap().number;
        // One block may have been undone when the kill came.
        assert!(
            head + 1 >= synced_block && mirror.log_size() >= synced_entry,
            "round {round}: {head} < {synced}"
        );
        assert!(mirror.check().unwrap().is_clean());
        let digest = mirror.row_digest().unwrap();
        let blocks: Vec<_> = endless().take(usize::try_from(head).unwrap()).collect();
        let entries: Vec<_> = (0..mirror.log_size()).map(|index| entry(index, &log)).collect();
        let fresh = TestMirror::with(&blocks, &entries);
        assert_eq!(
            fresh.row_digest().unwrap(),
            digest,
            "round {round}: head {head}, killed after {synced}"
        );
        assert!(head >= last_head);
        last_head = head;
    }
    println!("{ROUNDS} rounds, {last_head} blocks");
}

/// A closed mirror of some hundred blocks, and the digest after each (block, log size).
fn sample(dir: &Path) -> BTreeMap<(u64, u64), Sha256> {
    let mut digests = BTreeMap::new();
    let (_, log) = opening();
    let mirror = Mirror::open(dir, config()).unwrap();
    let mut note = |mirror: &Mirror| {
        let head = mirror.head().map_or(0, |head| head.number);
        digests.insert((head, mirror.log_size()), mirror.row_digest().unwrap());
    };
    note(&mirror);
    for (index, block) in endless().take(60).enumerate() {
        mirror.apply_block(&block).unwrap();
        note(&mirror);
        mirror
            .apply_entry(index as u64, &entry(index as u64, &log))
            .unwrap();
        note(&mirror);
    }
    mirror.sync().unwrap();
    digests
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let target = to.join(file.file_name());
        if file.file_type().unwrap().is_dir() {
            copy(&file.path(), &target);
        } else {
            fs::copy(file.path(), target).unwrap();
        }
    }
}

/// Opens and reads everything: `None` if that asks for a rebuild; a state that never was fails.
fn survey(dir: &Path, digests: &BTreeMap<(u64, u64), Sha256>) -> Option<(u64, u64)> {
    let read = || -> vestiary_mirror::Result<_> {
        let mirror = Mirror::open(dir, config())?;
        let digest = mirror.row_digest()?;
        let clean = mirror.check()?.is_clean();
        let state = (mirror.head().map_or(0, |head| head.number), mirror.log_size());
        Ok((state, digest, clean))
    };
    match read() {
        Ok((state, digest, clean)) => {
            assert!(
                !clean || digests.get(&state) == Some(&digest),
                "a state that never was: {state:?}"
            );
            clean.then_some(state)
        }
        Err(Error::NeedsRebuild { .. }) => None,
        Err(error) => panic!("{error:?}"),
    }
}

fn database(dir: &Path) -> PathBuf {
    dir.join("rows").join("db")
}

#[test]
fn a_flipped_byte_asks_for_a_rebuild_or_changes_nothing() {
    const FLIPS: usize = 60;
    let original = tempfile::tempdir().unwrap();
    let digests = sample(original.path());
    let used = used_bytes(&database(original.path()));
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut refused, mut same) = (0, 0);
    for _ in 0..FLIPS {
        let copied = tempfile::tempdir().unwrap();
        copy(original.path(), copied.path());
        let offset = rng.random_range(0..used);
        let mut file = fs::File::options()
            .read(true)
            .write(true)
            .open(database(copied.path()))
            .unwrap();
        let mut byte = [0];
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.read_exact(&mut byte).unwrap();
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&[byte[0] ^ (1 << rng.random_range(0..8))])
            .unwrap();
        drop(file);
        match survey(copied.path(), &digests) {
            None => refused += 1,
            Some(state) if Some(&state) == digests.keys().last() => same += 1,
            Some(state) => panic!("byte {offset} flipped: opened at the older state {state:?}"),
        }
    }
    println!("{FLIPS} flips: {refused} refused, {same} harmless");
    assert!(refused > 0, "the flips hit nothing");
}

/// Where the database file's last byte that is not zero is.
fn used_bytes(file: &Path) -> u64 {
    let bytes = fs::read(file).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1
}

type Damage = Box<dyn Fn(&Path)>;

#[test]
fn a_damaged_file_asks_for_a_rebuild_and_the_rebuild_heals_it() {
    let original = tempfile::tempdir().unwrap();
    let digests = sample(original.path());
    let used = used_bytes(&database(original.path()));
    let damages: [(&str, Damage); 8] = [
        (
            "noise",
            Box::new(|dir| fs::write(database(dir), vec![0xa5; 100_000]).unwrap()),
        ),
        (
            "half of it",
            Box::new(move |dir| truncate(&database(dir), used / 2)),
        ),
        ("a few bytes", Box::new(|dir| truncate(&database(dir), 13))),
        (
            "no database file",
            Box::new(|dir| fs::remove_file(database(dir)).unwrap()),
        ),
        (
            "a wrong settings file",
            Box::new(|dir| fs::write(dir.join("rows").join("conf"), "segment_size: 7").unwrap()),
        ),
        (
            "no marker",
            Box::new(|dir| fs::remove_file(dir.join("whole")).unwrap()),
        ),
        (
            "a marker of another",
            Box::new(|dir| fs::write(dir.join("whole"), [0; 40]).unwrap()),
        ),
        (
            "a file for a directory",
            Box::new(|dir| {
                fs::remove_dir_all(dir.join("rows")).unwrap();
                fs::write(dir.join("rows"), "x").unwrap();
            }),
        ),
    ];
    for (name, damage) in damages {
        let copied = tempfile::tempdir().unwrap();
        copy(original.path(), copied.path());
        damage(copied.path());
        let found = survey(copied.path(), &digests);
        assert_eq!(found, None, "{name}");
        let (mirror, opened) = Mirror::open_or_wipe(copied.path(), config()).unwrap();
        assert!(matches!(opened, Opened::Wiped { .. }), "{name}: {opened:?}");
        let (_, log) = opening();
        // As the service does: from the cursors, wherever they are.
        let applied = mirror
            .head()
            .map_or(0, |head| usize::try_from(head.number).unwrap());
        let blocks: Vec<_> = endless().take(60).skip(applied).collect();
        let entries: Vec<_> = (mirror.log_size()..60).map(|index| entry(index, &log)).collect();
        mirror.apply_blocks(&blocks).unwrap();
        mirror.apply_entries(mirror.log_size(), &entries).unwrap();
        assert_eq!(
            Some(&mirror.row_digest().unwrap()),
            digests.values().last(),
            "{name}"
        );
    }
}

fn truncate(file: &Path, length: u64) {
    fs::File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(length)
        .unwrap();
}

#[test]
fn a_wearable_of_an_unlisted_collection_is_nobodys_even_after_reopening() {
    let (mut chain, _) = opening();
    let stranger = collection(0xee).wearable(coat(1).token_id);
    chain.mint(stranger, player(1));
    let test = TestMirror::with(&[chain.end_block()], &[]).reopen();
    assert_eq!(test.view().owned(player(1), None, 5).unwrap().items, []);
}
