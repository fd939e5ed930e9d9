//! The power goes at every operation that the content store asks of the disk.

use std::path::Path;
use std::sync::Arc;

use vestiary::digest::Sha256;
use vestiary_log::sim::{Fault, ForgetfulDisk};
use vestiary_worlds::ContentStore;
use vestiary_worlds::cid::{UNIXFS_V1_2025, cid_of};
use vestiary_worlds::content::Declared;

const DIR: &str = "content";
/// What an unsynced write may leave differs by the seed.
const SEEDS: u64 = 2;

fn glb(bytes: u32, filler: u8) -> Vec<u8> {
    let mut file = b"glTF\x02\0\0\0".to_vec();
    file.extend(bytes.to_le_bytes());
    file.resize(bytes as usize, filler);
    file
}

/// New store, a small file, one of two chunks, the first one again, a restart, another file: until the power goes. Says
/// what was answered.
fn live(disk: &ForgetfulDisk, files: &[Vec<u8>; 3]) -> Vec<usize> {
    let mut answered = Vec::new();
    for uploads in [&[0, 1, 0][..], &[2]] {
        let Ok(store) = ContentStore::open(Arc::new(disk.clone()), Path::new(DIR)) else {
            return answered;
        };
        for file in uploads {
            if store.put(&files[*file][..], Declared::default()).is_err() {
                return answered;
            }
            answered.push(*file);
        }
    }
    answered
}

#[test]
fn a_power_cut_at_any_operation_loses_no_file_that_was_answered() {
    let files = [glb(700, 1), glb((1 << 20) + 10, 2), glb(900, 3)];
    let undisturbed = ForgetfulDisk::new();
    assert_eq!(live(&undisturbed, &files), [0, 1, 0, 2]);
    let operations = undisturbed.operations();
    for operation in 0..operations {
        for seed in 0..SEEDS {
            let disk = ForgetfulDisk::new();
            disk.fail_at(operation, Fault::PowerOff);
            let answered = live(&disk, &files);
            disk.power_cut(seed);
            let store = ContentStore::open(Arc::new(disk.clone()), Path::new(DIR)).unwrap();
            for (number, bytes) in files.iter().enumerate() {
                let by_digest = store.get(&Sha256::of(bytes)).and_then(|file| file.read());
                let by_cid = store
                    .get_cid(&cid_of(bytes, UNIXFS_V1_2025))
                    .and_then(|file| file.read());
                for found in [by_digest, by_cid] {
                    match found {
                        Ok(found) => assert!(found == *bytes, "operation {operation}, seed {seed}"),
                        Err(error) => assert!(
                            !answered.contains(&number),
                            "file {number} was answered before operation {operation}, seed {seed}: {error}"
                        ),
                    }
                }
            }
            store.rebuild().unwrap();
            let scan = store.scan().unwrap();
            assert!(
                scan.damaged.is_empty() && scan.derived.is_empty(),
                "operation {operation}: {scan:?}"
            );
        }
    }
    println!(
        "ran: {} power cuts at {operations} operations of the content store",
        operations * SEEDS
    );
}
