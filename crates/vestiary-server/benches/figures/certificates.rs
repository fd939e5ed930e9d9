//! Rows without a disk: verifying certificates, deriving claim keys.

use std::collections::BTreeMap;
use std::hint::black_box;

use anyhow::{Context as _, Result, ensure};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use k256::ecdsa::SigningKey;
use vestiary::certificate::{Binding, CertificateFields, UnsignedCertificate, salted_hash};
use vestiary::digest::Sha256;
use vestiary::ids::{AccountId, CollectionId, DesignId, Edition, IssuerId, Serial, TokenId, WearableId};
use vestiary::roots::{IssuerRoot, Roots};
use vestiary::terms::Terms;
use vestiary::timestamp::Timestamp;
use vestiary::verify::{CheckName, Expectations, Outcome as Checked, verify_certificate};
use vestiary_signing::{Ed25519Key, Memory, Purpose, Seed};

use crate::report::{Outcome, Row};
use crate::run::{Plan, alternate, rates, time};
use crate::stats::Limit;

const ROOTS: &[u8] = include_bytes!("../../../../fixtures/certificates/roots.toml");
/// Certificates that are verified in turn.
const CERTIFICATES: u64 = 64;

fn wearable(serial: u64) -> Result<WearableId> {
    let collection = CollectionId::new(vestiary::ids::ChainId(31_337), [0xc0; 20].into());
    Ok(collection.wearable(TokenId::new(DesignId::new(1)?, Serial::new(serial)?)))
}

/// Certificate bytes to a list of checks, against the bare signature check with the key decompressed in both.
pub(crate) fn verify(plan: &Plan) -> Result<Row> {
    let key = Ed25519Key::import(Purpose::Certificate, &[7; 32])?;
    let memory = Memory::fresh();
    let mut roots = Roots::parse(ROOTS)?;
    let issuer_id = IssuerId::new(9)?;
    roots.issuers.push(IssuerRoot {
        id: issuer_id,
        log: None,
        key: key.public_key(),
        from_index: 0,
        until_index: None,
        repudiated_from_index: None,
    });
    let origin = roots
        .logs
        .first()
        .context("the roots name no log")?
        .origin
        .clone();
    let mut certificates = Vec::new();
    let mut bare = Vec::new();
    for serial in 1..=CERTIFICATES {
        let salted = |name: &str| (name.to_owned(), salted_hash(name, "09506000134352", &[9; 32]));
        let fields = CertificateFields {
            issuer_key: key.public_key(),
            issuer_name: "Maison Exemple".into(),
            issuer_id,
            registry: AccountId::new(roots.chain.id, roots.contracts.registry),
            wearable: wearable(serial)?,
            log_origin: origin.clone(),
            design: Sha256::of(b"design"),
            edition: Edition(500),
            licence: Sha256::of(b"licence"),
            terms: Terms::default(),
            binding: Binding::Code,
            salted_hashes: BTreeMap::from([salted("gs1_serial"), salted("gtin"), salted("sku")]),
            valid_from: Timestamp::new(1_780_000_000)?,
        };
        let unsigned = UnsignedCertificate::new(fields)?;
        let message = unsigned.signing_bytes();
        let certificate = key.sign_certificate(&memory, unsigned)?;
        bare.push((message, Signature::from_bytes(certificate.signature())));
        certificates.push(certificate.to_bytes());
    }
    let bytes = certificates[0].len();
    let verifying = VerifyingKey::from_bytes(&key.public_key().to_bytes())?;
    let expectations = Expectations::default();
    let report = verify_certificate(&certificates[0], None, Some(&roots), &expectations);
    for name in [CheckName::Format, CheckName::Signature] {
        let check = report.check(name).context("a check is missing")?;
        ensure!(check.outcome == Checked::Passed, "{name:?}: {check:?}");
    }

    let times = plan.of(30, 1);
    let units = times * certificates.len();
    let pairs = alternate(
        plan,
        || {
            time(units, || {
                for _ in 0..times {
                    for certificate in &certificates {
                        black_box(verify_certificate(
                            black_box(certificate),
                            None,
                            Some(&roots),
                            &expectations,
                        ));
                    }
                }
                Ok(())
            })
        },
        || {
            time(units, || {
                for _ in 0..times {
                    for (message, signature) in &bare {
                        black_box(verifying.verify(black_box(message), signature))?;
                    }
                }
                Ok(())
            })
        },
    )?;
    Ok(Row {
        name: "verify".into(),
        what: format!("certificate of {bytes} bytes to list of checks · bare ed25519-dalek verify"),
        unit: "×",
        limit: Limit::AtMost(1.5),
        outcome: Outcome::Figure(pairs.time_ratio(), rates(pairs.costs())),
    })
}

/// A claim key and its address from a brand's seed, against the bare k256 key from its scalar.
pub(crate) fn claim_keys(plan: &Plan) -> Result<Row> {
    let units = plan.of(1_000, 50);
    let seed = Seed::import(&[5; 32]);
    let wearables = (1..=units as u64).map(wearable).collect::<Result<Vec<_>>>()?;
    let scalars: Vec<[u8; 32]> = wearables
        .iter()
        .map(|id| Sha256::of(id.to_string().as_bytes()).0)
        .collect();
    let pairs = alternate(
        plan,
        || {
            time(units, || {
                for id in &wearables {
                    black_box(seed.code(id, 0).claim_key(id).address());
                }
                Ok(())
            })
        },
        || {
            time(units, || {
                for scalar in &scalars {
                    let key = SigningKey::from_slice(black_box(scalar))?;
                    black_box(key.verifying_key());
                }
                Ok(())
            })
        },
    )?;
    Ok(Row {
        name: "claim keys".into(),
        what: "seed to code, claim key and address · bare k256 key".into(),
        unit: "×",
        limit: Limit::AtLeast(0.8),
        outcome: Outcome::Figure(pairs.rate_ratio(), rates(pairs.costs())),
    })
}
