//! Never sign blind: what the service wants signed is built again from what was asked, and compared.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::Address;
use vestiary::certificate::CertificateFields;
use vestiary::design::Design;
use vestiary::digest::Sha256;
use vestiary::ids::{CollectionId, DesignId, Serial, TokenId};
use vestiary::jcs;
use vestiary::typed_data::CommitBatch;
use vestiary_server::api::{BatchView, DesignView, IssuerView, NewBatch, NewWearable};
use vestiary_server::issuing::preparation;
use vestiary_server::journal::BatchId;

use crate::cli::failure::Failure;

/// A signature that is good for longer than this is not given, in seconds.
const MAX_DEADLINE_S: u64 = 30 * 24 * 3600;

fn differs(what: impl std::fmt::Display) -> Failure {
    Failure::refused(
        "not_what_was_asked",
        format!("the service wants something else signed: {what}"),
    )
    .remedy("nothing was signed; ask the operator")
}

/// Compares a preparation with what was asked; says what to sign.
pub(super) fn check(
    view: &BatchView,
    preparation: &[u8],
    body: &NewBatch,
    design: &DesignView,
    issuer: &IssuerView,
    collection: CollectionId,
) -> Result<CommitBatch, Failure> {
    let design_id: DesignId = body
        .design_id
        .parse()
        .map_err(|_| differs("the design's number"))?;
    // The document is what the digest names, so every term below is what the brand registered.
    let document = Design::parse(&jcs::canonical(&design.document))
        .map_err(|error| differs(format!("the design's document: {error}")))?;
    let digest = document
        .digest()
        .map_err(|error| differs(format!("the design's document: {error}")))?;
    if digest.to_string() != design.digest {
        return Err(differs("the design's document has another digest"));
    }
    let items = preparation::read(preparation, &BatchId(view.id.clone())).map_err(differs)?;
    if items.len() != body.items.len() {
        return Err(differs(format!(
            "{} wearables were asked for, {} prepared",
            body.items.len(),
            items.len()
        )));
    }
    for (asked, item) in body.items.iter().zip(&items) {
        check_key(asked, item.claim_key)?;
        let wanted = Wanted {
            collection,
            design_id,
            document: &document,
            digest,
            issuer,
        };
        wanted.check(asked, item.certificate.fields())?;
    }
    let tree = preparation::tree(&items).map_err(differs)?;
    if tree.root().to_string() != view.root {
        return Err(differs(format!(
            "the wearables have the root {}, not {}",
            tree.root(),
            view.root
        )));
    }
    let deadline = &view.typed_data["message"]["deadline"];
    let deadline = deadline
        .as_str()
        .and_then(|text| text.parse().ok())
        .or_else(|| deadline.as_u64());
    let deadline = deadline.ok_or_else(|| differs("the deadline"))?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    if deadline > now + MAX_DEADLINE_S {
        return Err(differs("the signature would be good for more than 30 days"));
    }
    let commit = CommitBatch {
        design_id,
        first_serial: body
            .first_serial
            .parse::<Serial>()
            .map_err(|_| differs("the first serial"))?,
        count: body.count.parse().map_err(|_| differs("the count"))?,
        edition: document.edition.0,
        terms: document.terms.pack().map_err(differs)?,
        design_digest: digest,
        root: tree.root(),
        deadline,
    };
    if commit.wallet_json(collection) != view.typed_data {
        return Err(differs("the message is not the one that follows from the batch"));
    }
    Ok(commit)
}

fn check_key(asked: &NewWearable, found: Address) -> Result<(), Failure> {
    let wanted = match asked.claim_key.as_str() {
        "" => Some(Address::ZERO),
        text => vestiary::ids::parse_address(text).ok(),
    };
    if wanted == Some(found) {
        Ok(())
    } else {
        Err(differs(format!("serial {} has another claim key", asked.serial)))
    }
}

struct Wanted<'a> {
    collection: CollectionId,
    design_id: DesignId,
    document: &'a Design,
    digest: Sha256,
    issuer: &'a IssuerView,
}

impl Wanted<'_> {
    fn check(&self, asked: &NewWearable, found: &CertificateFields) -> Result<(), Failure> {
        let serial: Serial = asked.serial.parse().map_err(|_| differs("a serial"))?;
        let hidden = [
            ("gs1_serial", &asked.gs1_serial),
            ("gtin", &asked.gtin),
            ("sku", &asked.sku),
        ];
        let hidden = hidden
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, _)| *name);
        let right = [
            (
                "wearable",
                found.wearable == self.collection.wearable(TokenId::new(self.design_id, serial)),
            ),
            ("design", found.design == self.digest),
            ("edition", found.edition == self.document.edition),
            ("terms", found.terms == self.document.terms),
            ("licence", found.licence == self.document.licence.sha256),
            ("binding", found.binding.as_str() == asked.binding),
            ("issuer", found.issuer_id.to_string() == self.issuer.id),
            ("issuer's name", found.issuer_name == self.issuer.name),
            (
                "issuer's key",
                found.issuer_key.to_multikey() == self.issuer.certificate_key,
            ),
            (
                "hidden values",
                found.salted_hashes.keys().map(String::as_str).eq(hidden),
            ),
        ];
        match right.iter().find(|(_, holds)| !holds) {
            None => Ok(()),
            Some((what, _)) => Err(differs(format!(
                "the {what} in the certificate of serial {serial}"
            ))),
        }
    }
}
