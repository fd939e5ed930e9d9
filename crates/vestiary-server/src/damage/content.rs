//! Files by content: a name that is a hash needs nobody's word.

use std::path::Path;

use serde_json::json;
use vestiary::design::Design;
use vestiary::digest::Sha256;
use vestiary_worlds::ContentStore;
use vestiary_worlds::content::{Declared, MAX_FILE_BYTES};

use super::repair::Repaired;
use super::{Error, Part, Remedy, Report, Stored};
use crate::journal::State;

impl Stored {
    pub(super) fn check_content(&self, state: Option<&State>, report: &mut Report) -> Result<(), Error> {
        let dir = self.dir(Part::Content);
        let store = match ContentStore::open_read_only(self.files.clone(), &dir) {
            Ok(store) => store,
            Err(vestiary_worlds::Error::Files(error)) if error.is_missing() => {
                self.check_wanted(None, state, report);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let scan = store.scan()?;
        for file in &scan.damaged {
            let lost = "the file, for everybody who has no copy: upload any copy again".to_owned();
            let what = "it is not what its name says";
            report.add(
                Part::Content,
                "content_damaged",
                file,
                what,
                Remedy::Copy { lost },
            );
        }
        for file in &scan.derived {
            if self.files.exists(file)? {
                let what = "it does not say what the file itself says";
                report.add(Part::Content, "content_record_damaged", file, what, Remedy::Here);
            } else {
                // What a crash leaves of an upload that nobody was told of.
                report.note(
                    file,
                    "missing; it follows from the file, and is made when that is put again",
                );
            }
        }
        self.check_wanted(Some(&store), state, report);
        let counts = json!({
            "files": scan.intact, "bytes": scan.bytes, "derived_missing": scan.derived_missing,
            "damaged": scan.damaged.len(),
        });
        report.counts.insert("content".into(), counts);
        Ok(())
    }

    /// Files that a registered design names and that are not there.
    fn check_wanted(&self, store: Option<&ContentStore>, state: Option<&State>, report: &mut Report) {
        for sha256 in Self::missing(store, state) {
            let file = self
                .dir(Part::Content)
                .join("files")
                .join(&sha256.hex()[..2])
                .join(sha256.hex());
            let lost = "the file, for everybody who has no copy: upload any copy again".to_owned();
            report.add(
                Part::Content,
                "content_missing",
                &file,
                "missing",
                Remedy::Copy { lost },
            );
        }
    }

    fn missing(store: Option<&ContentStore>, state: Option<&State>) -> Vec<Sha256> {
        let mut missing = Vec::new();
        let mut want = |sha256: Sha256| {
            let found = store.map(|store| store.get(&sha256));
            if matches!(found, None | Some(Err(vestiary_worlds::Error::NotFound { .. })))
                && !missing.contains(&sha256)
            {
                missing.push(sha256);
            }
        };
        for design in state.into_iter().flat_map(|state| state.designs.values()) {
            want(design.digest);
            let document = store.and_then(|store| store.get(&design.digest).ok()?.read().ok());
            let Some(Ok(document)) = document.map(|bytes| Design::parse(&bytes)) else {
                continue;
            };
            want(document.licence.sha256);
            for representation in &document.representations {
                want(representation.sha256);
            }
        }
        missing
    }

    pub(super) fn repair_content(
        &self,
        state: Option<&State>,
        copy: Option<&Path>,
        done: &mut Repaired,
    ) -> Result<(), Error> {
        let dir = self.dir(Part::Content);
        if self.files.list(&dir).is_err() && copy.is_none() {
            return Ok(());
        }
        let store = ContentStore::open(self.files.clone(), &dir)?;
        if let Some(copy) = copy {
            let damaged = store.scan()?.damaged;
            let names = damaged.iter().filter_map(|file| file.file_name()?.to_str());
            let mut wanted: Vec<Sha256> = names.filter_map(|name| Sha256::from_hex(name).ok()).collect();
            // A document that comes back names files in its turn.
            for _ in 0..2 {
                wanted.extend(Self::missing(Some(&store), state));
                for sha256 in std::mem::take(&mut wanted) {
                    self.restore_file(&store, copy, sha256, done)?;
                }
            }
        }
        for file in store.rebuild()?.derived {
            done.say(&file, "written again");
        }
        Ok(())
    }

    fn restore_file(
        &self,
        store: &ContentStore,
        copy: &Path,
        sha256: Sha256,
        done: &mut Repaired,
    ) -> Result<(), Error> {
        let name = sha256.hex();
        let from = copy
            .join(Part::Content.name())
            .join("files")
            .join(&name[..2])
            .join(&name);
        let Ok(bytes) = self.files.read(&from, MAX_FILE_BYTES) else {
            return Ok(());
        };
        let declared = Declared {
            sha256: Some(sha256),
            bytes: None,
        };
        match store.put(&bytes[..], declared) {
            Ok(_) => done.say(&from, format!("taken over for {sha256}")),
            // The copy is damaged too, here.
            Err(vestiary_worlds::Error::DigestMismatch { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
