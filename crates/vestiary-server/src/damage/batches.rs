//! Preparations and certificates: what one has lost, the other still says, together with the log.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256, hex};
use serde_json::json;
use vestiary::certificate::Certificate;
use vestiary::digest::Sha256;
use vestiary::ids::TokenId;
use vestiary::statement::Statement;
use vestiary_log::LogReader;

use super::repair::{Repaired, set_aside, write_durably};
use super::{ASIDE, Error, Part, Remedy, Report, Stored};
use crate::issuing::bundle::{self, MAX_BUNDLE_BYTES};
use crate::issuing::commit::intent_id;
use crate::issuing::preparation::{self, MAX_PREPARATION_BYTES, PreparedWearable};
use crate::journal::{Batch, BatchStage, State};

/// A batch's certificates in one file, each as it was signed and where the index says; the error says what is not.
pub(crate) fn check_bundle(bytes: &[u8]) -> Result<Vec<Certificate>, String> {
    let parts = bundle::all(bytes).map_err(|error| error.to_string())?;
    let certificates = parts
        .into_iter()
        .map(check_certificate)
        .collect::<Result<Vec<_>, _>>()?;
    let again = bundle::write(&certificates).map_err(|error| error.to_string())?;
    if again != bytes {
        return Err("its index is not what was written".to_owned());
    }
    Ok(certificates)
}

/// One certificate, exactly as it was signed by the key that it names.
pub(crate) fn check_certificate(bytes: &[u8]) -> Result<Certificate, String> {
    let certificate =
        Certificate::parse(bytes).map_err(|error| format!("a certificate is damaged: {error}"))?;
    if certificate.to_bytes() != bytes || certificate.verify_signature().is_err() {
        return Err("a certificate is not what was signed".to_owned());
    }
    Ok(certificate)
}

impl Stored {
    fn preparation(&self, batch: &Batch) -> PathBuf {
        self.dir(Part::Batches)
            .join(format!("{}.preparation", batch.prepared.preparation.hex()))
    }

    fn certificates(&self, batch: &Batch) -> PathBuf {
        self.dir(Part::Batches)
            .join(format!("{}.certificates", hex::encode(batch.prepared.root)))
    }

    pub(super) fn check_batches(&self, state: Option<&State>, report: &mut Report) -> Result<(), Error> {
        let dir = self.dir(Part::Batches);
        let listed = match self.files.list(&dir) {
            Err(error) if error.is_missing() => Vec::new(),
            listed => listed?,
        };
        let mut read = 0;
        for name in listed.iter().map(|listed| &listed.name) {
            let file = dir.join(name);
            let wrong = match name.rsplit_once('.') {
                Some((digest, "preparation")) => {
                    let bytes = self.files.read(&file, MAX_PREPARATION_BYTES);
                    let is_right = bytes.is_ok_and(|bytes| Sha256::of(&bytes).hex() == digest);
                    (!is_right).then(|| "its SHA-256 is not its name".to_owned())
                }
                Some((root, "certificates")) => self.wrong_bundle(state, &file, root),
                _ => continue,
            };
            read += 1;
            if let Some(what) = wrong {
                let remedy = self.remedy_of_batch_file(state, &file);
                report.add(Part::Batches, "batch_damaged", &file, what, remedy);
            }
        }
        for batch in state.into_iter().flat_map(|state| state.batches.values()) {
            let file = self.preparation(batch);
            if batch.stage != BatchStage::Expired && !self.files.exists(&file)? {
                let remedy = self.remedy_of_batch_file(state, &file);
                report.add(Part::Batches, "batch_missing", &file, "missing", remedy);
            }
            let file = self.certificates(batch);
            if matches!(batch.stage, BatchStage::Signed(_)) && !self.files.exists(&file)? {
                report.note(
                    &file,
                    "missing; the next start signs the certificates again, equal byte for byte",
                );
            }
        }
        report.counts.insert("batches".into(), json!({ "files": read }));
        Ok(())
    }

    fn wrong_bundle(&self, state: Option<&State>, file: &Path, root: &str) -> Option<String> {
        let bytes = match self.files.read(file, MAX_BUNDLE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) => return Some(error.to_string()),
        };
        let certificates = match check_bundle(&bytes) {
            Ok(certificates) => certificates,
            Err(what) => return Some(what),
        };
        let batch = state.and_then(|state| of_root(state, root))?;
        let items = self.read_preparation(batch)?;
        let mut wanted: Vec<_> = items.iter().map(|item| item.certificate.digest()).collect();
        let mut there: Vec<_> = certificates.iter().map(Certificate::digest).collect();
        wanted.sort();
        there.sort();
        (wanted != there).then(|| "its certificates are not those of the preparation".to_owned())
    }

    /// A preparation that is as it was written.
    fn read_preparation(&self, batch: &Batch) -> Option<Vec<PreparedWearable>> {
        let bytes = self
            .files
            .read(&self.preparation(batch), MAX_PREPARATION_BYTES)
            .ok()?;
        if Sha256::of(&bytes) != batch.prepared.preparation {
            return None;
        }
        preparation::read(&bytes, &batch.prepared.id).ok()
    }

    fn remedy_of_batch_file(&self, state: Option<&State>, file: &Path) -> Remedy {
        let batches = state.into_iter().flat_map(|state| state.batches.values());
        let found = batches
            .into_iter()
            .find(|batch| self.preparation(batch) == file || self.certificates(batch) == file);
        let is_known = match (state, found) {
            (Some(state), Some(batch)) if self.preparation(batch) == file => {
                self.derive_preparation(state, batch).is_some()
            }
            (Some(_), Some(batch)) => self.read_preparation(batch).is_some(),
            // Nobody refers to it: a request that was never answered.
            (Some(_), None) => true,
            (None, _) => false,
        };
        if is_known {
            return Remedy::Here;
        }
        let lost = if file
            .extension()
            .is_some_and(|extension| extension == "preparation")
        {
            "the batch as it was prepared: what is not claimed yet needs it"
        } else {
            "the certificates of the batch, for those who have no copy"
        };
        Remedy::Copy {
            lost: lost.to_owned(),
        }
    }

    /// A logged batch's preparation from its certificates and the claim keys that the log states.
    fn derive_preparation(&self, state: &State, batch: &Batch) -> Option<Vec<u8>> {
        let prepared = &batch.prepared;
        let logged = state.logged.get(&intent_id(&prepared.id))?;
        let bundle = self
            .files
            .read(&self.certificates(batch), MAX_BUNDLE_BYTES)
            .ok()?;
        let certificates = check_bundle(&bundle).ok()?;
        let claim_keys =
            self.stated_claim_keys(prepared.root, logged.first_index, certificates.len() as u64)?;
        let items = certificates.iter().map(|certificate| {
            let claim_key = *claim_keys.get(&certificate.fields().wearable.token_id)?;
            Some(PreparedWearable {
                claim_key,
                certificate: certificate.unsigned().clone(),
            })
        });
        let bytes = preparation::write(&prepared.id, &items.collect::<Option<Vec<_>>>()?).ok()?;
        (Sha256::of(&bytes) == prepared.preparation).then_some(bytes)
    }

    fn stated_claim_keys(&self, root: B256, first: u64, count: u64) -> Option<BTreeMap<TokenId, Address>> {
        let reader = LogReader::open(self.files.clone(), &self.dir(Part::Log), self.log_key.clone()).ok()?;
        let mut stated = BTreeMap::new();
        for entry in reader.entries(first..first + count) {
            if let Ok(Statement::CertificateIssued(issued)) = Statement::parse(&entry.ok()?.1)
                && issued.batch == root
            {
                stated.insert(issued.token_id, issued.claim_key);
            }
        }
        Some(stated)
    }

    // ---- repair

    pub(super) fn repair_batches(
        &self,
        state: Option<&State>,
        copy: Option<&Path>,
        done: &mut Repaired,
    ) -> Result<(), Error> {
        let dir = self.dir(Part::Batches);
        let mut report = Report::default();
        self.check_batches(state, &mut report)?;
        for finding in report.findings {
            let file = &finding.file;
            let name = file.file_name().unwrap_or_default();
            let from_copy = copy.map(|copy| copy.join(Part::Batches.name()).join(name));
            let from_copy = from_copy.and_then(|from| self.right_copy(&from));
            let derived = || {
                let state = state?;
                let batch = state
                    .batches
                    .values()
                    .find(|batch| self.preparation(batch) == *file)?;
                self.derive_preparation(state, batch)
            };
            if let Some(bytes) = from_copy.or_else(derived) {
                write_durably(&*self.files, file, &bytes)?;
                done.say(file, "written again");
            } else if finding.remedy == Remedy::Here {
                let aside = set_aside(&*self.files, &dir.join(ASIDE))?;
                self.files.rename(file, &aside.join(name))?;
                self.files.sync_dir(&aside)?;
                self.files.sync_dir(&dir)?;
                done.say(
                    file,
                    format!(
                        "moved to {}; the next start makes it again where it is needed",
                        aside.display()
                    ),
                );
            }
        }
        Ok(())
    }

    /// The bytes of a copy that are what the name promises.
    fn right_copy(&self, from: &Path) -> Option<Vec<u8>> {
        let bytes = self.files.read(from, MAX_BUNDLE_BYTES).ok()?;
        let is_right = match from.extension().and_then(std::ffi::OsStr::to_str) {
            Some("preparation") => from.file_stem()?.to_str()? == Sha256::of(&bytes).hex(),
            _ => check_bundle(&bytes).is_ok(),
        };
        is_right.then_some(bytes)
    }
}

fn of_root<'a>(state: &'a State, root: &str) -> Option<&'a Batch> {
    state
        .batches
        .values()
        .find(|batch| hex::encode(batch.prepared.root) == root)
}
