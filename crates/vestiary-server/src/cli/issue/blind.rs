//! Never sign blind: what the service wants signed is built again from what was asked, and compared.

use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::Address;
use vestiary::certificate::CertificateFields;
use vestiary::design::Design;
use vestiary::digest::Sha256;
use vestiary::ids::{CollectionId, DesignId, Serial, SerialRange, TokenId};
use vestiary::jcs;
use vestiary::roots::{IssuerRoot, Roots};
use vestiary::typed_data::CommitBatch;
use vestiary_server::api::{BatchView, DesignView, IssuerView, NewBatch, NewWearable};
use vestiary_server::issuing::preparation;
use vestiary_server::journal::BatchId;

use crate::cli::failure::Failure;

/// A signature that is good for longer than this is not given, and a promise for later is none, in seconds.
const MAX_AHEAD_S: u64 = 30 * 24 * 3600;
/// A preparation waited for its signature at most so long, in seconds: that of [`MAX_AHEAD_S`] expires before.
const MAX_WAITED_S: u64 = MAX_AHEAD_S;
/// How far the service's clock may be ahead of the one here, in seconds.
const MAX_CLOCK_AHEAD_S: u64 = 600;

/// What is asked for, and what the brand believes about it: all that an answer is compared with.
pub(super) struct Asked<'a> {
    pub(super) body: &'a NewBatch,
    pub(super) collection: CollectionId,
    pub(super) design: &'a DesignView,
    /// The design document that was shown when the plan was made; `None` for a plan that names none.
    pub(super) design_digest: Option<Sha256>,
    pub(super) issuer: &'a IssuerView,
    pub(super) roots: Option<&'a Roots>,
}

/// What was found to be what was asked for.
pub(super) struct Checked {
    pub(super) commit: CommitBatch,
    /// The log that every certificate names.
    pub(super) log_origin: String,
}

impl Asked<'_> {
    /// Design and serials.
    pub(super) fn numbers(&self) -> Result<(DesignId, SerialRange), Failure> {
        let NewBatch {
            design_id,
            first_serial,
            count,
            ..
        } = self.body;
        let wrong = || {
            let detail = format!("design {design_id}, {count} serials from {first_serial}: no batch");
            Failure::failed("bad_plan", detail)
        };
        let first: Serial = first_serial.parse().map_err(|_| wrong())?;
        let range = SerialRange::new(first, count.parse().map_err(|_| wrong())?).map_err(|_| wrong())?;
        Ok((design_id.parse().map_err(|_| wrong())?, range))
    }
}

/// Whether a time that somebody else names, in unix seconds, is at most [`MAX_AHEAD_S`] ahead.
pub(super) fn is_soon(time_s: u64) -> bool {
    time_s <= now_s().saturating_add(MAX_AHEAD_S)
}

fn now_s() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

fn differs(what: impl std::fmt::Display) -> Failure {
    Failure::refused(
        "not_what_was_asked",
        format!("the service wants something else signed: {what}"),
    )
    .remedy("nothing was signed; ask the operator")
}

/// Compares a preparation with what was asked; says what to sign.
pub(super) fn check(view: &BatchView, preparation: &[u8], asked: &Asked<'_>) -> Result<Checked, Failure> {
    let body = asked.body;
    let (design_id, range) = asked.numbers()?;
    // The document is what the digest names, so every term below is what the brand registered.
    let document = Design::parse(&jcs::canonical(&asked.design.document))
        .map_err(|error| differs(format!("the design's document: {error}")))?;
    let digest = document
        .digest()
        .map_err(|error| differs(format!("the design's document: {error}")))?;
    if digest.to_string() != asked.design.digest {
        return Err(differs("the design's document has another digest"));
    }
    if let Some(shown) = asked.design_digest.filter(|shown| *shown != digest) {
        return Err(differs(format!(
            "the design's document is {digest}, the plan was made with {shown}"
        )));
    }
    let items = preparation::read(preparation, &BatchId(view.id.clone())).map_err(differs)?;
    let first = items.first().filter(|_| items.len() == body.items.len());
    let first = first.map(|item| item.certificate.fields()).ok_or_else(|| {
        differs(format!(
            "{} wearables were asked for, {} prepared",
            body.items.len(),
            items.len()
        ))
    })?;
    let wanted = Wanted {
        collection: asked.collection,
        design_id,
        document: &document,
        digest,
        issuer: asked.issuer,
        first,
    };
    for (item_asked, item) in body.items.iter().zip(&items) {
        if claim_key(item_asked) != Some(item.claim_key) {
            return Err(differs(format!(
                "serial {} has another claim key",
                item_asked.serial
            )));
        }
        wanted.check(item_asked, item.certificate.fields())?;
    }
    check_place(first, asked.roots)?;
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
    if !is_soon(deadline) {
        return Err(differs("the signature would be good for more than 30 days"));
    }
    let commit = CommitBatch {
        design_id,
        first_serial: range.first(),
        count: range.count(),
        edition: document.edition.0,
        terms: document.terms.pack().map_err(differs)?,
        design_digest: digest,
        root: tree.root(),
        deadline,
    };
    if commit.wallet_json(asked.collection) != view.typed_data {
        return Err(differs("the message is not the one that follows from the batch"));
    }
    let log_origin = first.log_origin.clone();
    Ok(Checked { commit, log_origin })
}

/// Where, by which key and from when the certificates would count: what nobody can put right once it is signed for.
fn check_place(found: &CertificateFields, roots: Option<&Roots>) -> Result<(), Failure> {
    let (now_s, valid_from_s) = (now_s(), found.valid_from.unix_seconds());
    if valid_from_s > now_s + MAX_CLOCK_AHEAD_S || valid_from_s + MAX_WAITED_S < now_s {
        return Err(differs(format!(
            "certificates that are valid from {}, by the clock here",
            found.valid_from
        )));
    }
    let Some(roots) = roots else {
        return Ok(());
    };
    let unknown = |what: String| {
        differs(format!("{what}, which the roots do not have")).remedy(
            "nothing was signed; if the roots are older than that, write them again with `vestiary roots` and compare",
        )
    };
    let registry = found.registry;
    if (registry.chain, registry.address) != (roots.chain.id, roots.contracts.registry) {
        return Err(unknown(format!("certificates of the registry {registry}")));
    }
    if roots.log(&found.log_origin).is_none() {
        return Err(unknown(format!("certificates in the log {}", found.log_origin)));
    }
    // Retired or declared compromised: what it signs from now on counts for nobody.
    let counts = |root: &IssuerRoot| {
        root.key == found.issuer_key && root.until_index.is_none() && root.repudiated_from_index.is_none()
    };
    if !roots.issuer_keys(found.issuer_id, &found.log_origin).any(counts) {
        return Err(unknown(format!(
            "certificates by issuer {} and a key that counts now, {}",
            found.issuer_id,
            found.issuer_key.to_multikey()
        )));
    }
    Ok(())
}

/// The claim key that is asked for, zero for a wearable that a minter hands out.
pub(super) fn claim_key(asked: &NewWearable) -> Option<Address> {
    match asked.claim_key.as_str() {
        "" => Some(Address::ZERO),
        text => vestiary::ids::parse_address(text).ok(),
    }
}

struct Wanted<'a> {
    collection: CollectionId,
    design_id: DesignId,
    document: &'a Design,
    digest: Sha256,
    issuer: &'a IssuerView,
    /// The first certificate: the others are of the same registry, log and time.
    first: &'a CertificateFields,
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
            ("registry", found.registry == self.first.registry),
            ("log", found.log_origin == self.first.log_origin),
            ("time", found.valid_from == self.first.valid_from),
            // Their names only: the salts, and so the hashes, are made by the service.
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
