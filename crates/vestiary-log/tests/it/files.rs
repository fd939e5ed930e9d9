//! The file seam on the real disk and on the forgetful one.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vestiary_log::files::{Durability, OpenFor, Put, Upload};
use vestiary_log::sim::{Fault, ForgetfulDisk};
use vestiary_log::{Disk, FileError, Files};

/// The same promises, kept by both.
fn on_both(promise: impl Fn(Arc<dyn Files>, PathBuf)) {
    let dir = tempfile::tempdir().unwrap();
    promise(Arc::new(Disk), dir.path().join("d"));
    promise(Arc::new(ForgetfulDisk::new()), PathBuf::from("/d"));
}

#[test]
fn a_file_is_put_once() {
    on_both(|files, dir| {
        files.create_dir_all(&dir.join("deep/er")).unwrap();
        let path = dir.join("deep/er/file");
        assert_eq!(files.put_if_absent(&path, b"one").unwrap(), Put::Written);
        assert_eq!(files.put_if_absent(&path, b"one").unwrap(), Put::AlreadyThere);
        assert!(matches!(
            files.put_if_absent(&path, b"two"),
            Err(FileError::Different { .. })
        ));
        assert!(matches!(
            files.put_if_absent(&path, b"three"),
            Err(FileError::Different { .. })
        ));
        assert_eq!(files.read(&path, 3).unwrap(), b"one");
        assert!(matches!(
            files.read(&path, 2),
            Err(FileError::TooLarge {
                bytes: 3,
                max_bytes: 2,
                ..
            })
        ));
        assert_eq!(
            files.list(&dir.join("deep/er")).unwrap().len(),
            1,
            "nothing temporary is left"
        );
    });
}

#[test]
fn a_swap_needs_the_bytes_that_are_there() {
    on_both(|files, dir| {
        files.create_dir_all(&dir).unwrap();
        let path = dir.join("pointer");
        let swap = |expected: Option<&[u8]>, new: &[u8]| {
            files.compare_and_swap(&path, expected, new, Durability::Now)
        };
        assert!(matches!(swap(Some(b"1"), b"2"), Err(FileError::Changed { .. })));
        swap(None, b"1").unwrap();
        assert!(matches!(swap(None, b"2"), Err(FileError::Changed { .. })));
        assert!(matches!(swap(Some(b"12"), b"2"), Err(FileError::Changed { .. })));
        assert!(matches!(swap(Some(b""), b"2"), Err(FileError::Changed { .. })));
        swap(Some(b"1"), b"2").unwrap();
        assert_eq!(files.read(&path, 9).unwrap(), b"2");
        assert_eq!(files.list(&dir).unwrap().len(), 1);
    });
}

#[test]
fn of_many_who_swap_at_once_one_wins_each_round() {
    on_both(|files, dir| {
        files.create_dir_all(&dir).unwrap();
        let path = dir.join("pointer");
        files
            .compare_and_swap(&path, None, b"0", Durability::Now)
            .unwrap();
        for round in 0..50_u32 {
            let old = files.read(&path, 64).unwrap();
            let race = |racer: u32| {
                let new = format!("{round} {racer}");
                files
                    .compare_and_swap(&path, Some(&old), new.as_bytes(), Durability::Later)
                    .is_ok()
            };
            let wins = std::thread::scope(|scope| {
                let racers: Vec<_> = (0..4).map(|racer| scope.spawn(move || race(racer))).collect();
                racers
                    .into_iter()
                    .filter(|_| true)
                    .map(|racer| racer.join().unwrap())
                    .filter(|won| *won)
                    .count()
            });
            assert_eq!(wins, 1);
        }
    });
}

#[test]
fn a_lock_is_held_by_one_until_dropped() {
    on_both(|files, dir| {
        files.create_dir_all(&dir).unwrap();
        let held = files.lock(&dir.join("lock")).unwrap();
        assert!(matches!(
            files.lock(&dir.join("lock")),
            Err(FileError::Locked { .. })
        ));
        drop(held);
        files.lock(&dir.join("lock")).unwrap();
    });
}

#[test]
fn appended_bytes_are_read_in_ranges() {
    on_both(|files, dir| {
        files.create_dir_all(&dir).unwrap();
        let mut file = files.open_append(&dir.join("file")).unwrap();
        file.append(b"hello ").unwrap();
        file.append(b"world").unwrap();
        file.sync().unwrap();
        let reading = files.open_read(&dir.join("file")).unwrap();
        let mut buffer = [0; 5];
        reading.read_exact_at(&mut buffer, 6).unwrap();
        assert_eq!(&buffer, b"world");
        let beyond = reading.read_exact_at(&mut buffer, 7);
        assert!(
            matches!(beyond, Err(FileError::Io { source, .. }) if source.kind() == ErrorKind::UnexpectedEof)
        );
        file.truncate(2).unwrap();
        assert_eq!(reading.len().unwrap(), 2);
        assert!(matches!(
            files.open_read(&dir.join("none")),
            Err(FileError::Missing { .. })
        ));
        assert!(files.open(&dir.join("file"), OpenFor::Creating).is_err());
        assert!(files.open_read(&dir).is_err(), "a directory is no file");
    });
}

#[test]
fn an_upload_is_hashed_and_named_when_complete() {
    on_both(|files, dir| {
        files.create_dir_all(&dir).unwrap();
        let upload = |content: &[u8]| {
            let mut upload = Upload::begin(files.clone(), &dir, 100).unwrap();
            content.chunks(3).for_each(|piece| upload.write(piece).unwrap());
            upload.finish().unwrap()
        };
        let uploaded = upload(b"abc");
        assert_eq!(uploaded.bytes, 3);
        assert_eq!(uploaded.sha256[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(uploaded.read().unwrap(), b"abc");
        assert_eq!(uploaded.name(&dir.join("name")).unwrap(), Put::Written);
        assert_eq!(upload(b"abc").name(&dir.join("name")).unwrap(), Put::AlreadyThere);
        assert!(matches!(
            upload(b"abd").name(&dir.join("name")),
            Err(FileError::Different { .. })
        ));
        drop(upload(b"never named"));
        assert_eq!(files.list(&dir).unwrap().len(), 1);
    });
}

#[test]
fn leftovers_of_a_crash_are_removed() {
    let disk = ForgetfulDisk::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    let before = disk.operations();
    disk.fail_at(before + 2, Fault::PowerOff);
    assert!(disk.put_if_absent(Path::new("/d/file"), b"1").is_err());
    disk.kill();
    assert_eq!(disk.file_paths().len(), 1);
    assert_eq!(disk.remove_leftovers(Path::new("/d")).unwrap(), 1);
    assert_eq!(disk.file_paths().len(), 0);
}

#[test]
fn a_put_that_was_answered_survives_and_one_that_was_not_is_whole_or_absent() {
    let content = vec![5; 3_000];
    let whole = ForgetfulDisk::new();
    whole.create_dir_all(Path::new("/d")).unwrap();
    let first = whole.operations();
    whole.put_if_absent(Path::new("/d/file"), &content).unwrap();
    let (mut seen_absent, mut seen_whole) = (false, false);
    for number in first..=whole.operations() {
        for seed in 0..20 {
            let disk = ForgetfulDisk::new();
            disk.create_dir_all(Path::new("/d")).unwrap();
            disk.fail_at(number, Fault::PowerOff);
            let put = disk.put_if_absent(Path::new("/d/file"), &content);
            disk.clear_faults();
            disk.power_cut(seed);
            let left = disk.read(Path::new("/d/file"), 10_000).ok();
            match left {
                Some(found) => assert_eq!(found, content),
                None => assert!(put.is_err()),
            }
            seen_absent |= disk.content(Path::new("/d/file")).is_none();
            seen_whole |= put.is_err() && disk.content(Path::new("/d/file")).is_some();
        }
    }
    assert!(
        seen_absent && seen_whole,
        "the disk forgets, and it does not always"
    );
}

#[test]
fn the_forgetful_disk_forgets_what_was_not_synced() {
    let (mut kept, mut lost, mut torn, mut zeroed) = (0, 0, 0, 0);
    for seed in 0..200 {
        let disk = ForgetfulDisk::new();
        let mut file = disk.open_append(Path::new("/file")).unwrap();
        file.append(&[1; 1_000]).unwrap();
        file.sync().unwrap();
        file.append(&[2; 2_000]).unwrap();
        disk.power_cut(seed);
        let left = disk.content(Path::new("/file")).unwrap();
        assert_eq!(left[..1_000], [1; 1_000], "synced bytes stay");
        match left.len() {
            1_000 => lost += 1,
            3_000 if left[1_000..].contains(&0) => zeroed += 1,
            3_000 => kept += 1,
            _ => torn += 1,
        }
        assert!(file.append(b"x").is_err(), "a handle of the life before");
    }
    assert!(
        kept > 10 && lost > 10 && torn > 10 && zeroed > 10,
        "{kept} {lost} {torn} {zeroed}"
    );
}

#[test]
fn a_failed_sync_is_not_made_good_by_the_next_one() {
    let disk = ForgetfulDisk::new();
    let mut file = disk.open_append(Path::new("/file")).unwrap();
    file.append(&[1; 100]).unwrap();
    disk.fail_at(disk.operations(), Fault::FsyncError);
    assert!(file.sync().is_err());
    file.sync().unwrap();
    let lost = (0..50).filter(|seed| {
        let disk = disk.fork();
        disk.power_cut(*seed);
        disk.content(Path::new("/file")).unwrap().len() < 100
    });
    assert!(lost.count() > 0);
}
