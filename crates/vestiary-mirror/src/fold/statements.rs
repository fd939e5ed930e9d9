//! The log's entries.

use vestiary::{
    digest::Sha256,
    statement::{BatchStatement, DesignStatement, Issued, Statement},
};

use crate::{
    config::MirrorConfig,
    draft::Draft,
    error::{Error, Result},
    rows::{
        BATCH_STATEMENTS, BATCH_STATEMENTS_BY_ROOT, CERTIFICATES, DESIGN_STATEMENTS, ISSUERS_OBSERVED,
        LOG_HEAD, LOG_OPENED, LogHead, UNREAD_ENTRIES, UnreadEntry,
    },
};

/// Folds entry `index` into `draft`: G takes one step. On an error the step is to be abandoned.
///
/// Whoever writes a log can put anything into it, so after entry 0 nothing in an entry is an error: what
/// is no statement, or is not signed by the key it names, is noted and has no other effect. Whether that
/// key is the issuer's is for the reader to join from the chain.
pub(crate) fn fold_entry(
    config: &MirrorConfig,
    draft: &mut Draft<'_>,
    index: u64,
    entry: &[u8],
) -> Result<()> {
    let digest = Sha256::of(entry);
    let statement = Statement::parse(entry);
    draft.put(
        &LOG_HEAD,
        &(config.chain,),
        &LogHead {
            size: index + 1,
            last_entry: digest,
        },
    )?;
    let read = match (index, statement) {
        (0, Ok(Statement::LogOpened(opened))) if opened.origin == config.log_origin => {
            return draft.put(&LOG_OPENED, &(config.chain,), &entry.to_vec());
        }
        (0, Ok(Statement::LogOpened(opened))) => {
            let what = format!("opens log {}, not {}", opened.origin, config.log_origin);
            return Err(Error::WrongLog { index, what });
        }
        (0, _) => {
            return Err(Error::WrongLog {
                index,
                what: "a log starts with log_opened".into(),
            });
        }
        (_, Ok(statement)) => fold_statement(config, draft, index, &statement)?,
        (_, Err(error)) => Err(error.code()),
    };
    match read {
        Ok(()) => Ok(()),
        Err(reason) => {
            let unread = UnreadEntry {
                digest,
                reason: reason.into(),
            };
            draft.put(&UNREAD_ENTRIES, &(config.chain, index), &unread)
        }
    }
}

/// The inner error is the reason for passing the entry over.
fn fold_statement(
    config: &MirrorConfig,
    draft: &mut Draft<'_>,
    index: u64,
    statement: &Statement,
) -> Result<Result<(), &'static str>> {
    match statement {
        Statement::LogOpened(_) => return Ok(Err("log_opened_again")),
        Statement::IssuerObserved(observed) => {
            let row = (observed.account, observed.did.clone());
            draft.put(
                &ISSUERS_OBSERVED,
                &(config.chain, observed.issuer_id, index),
                &row,
            )?;
        }
        Statement::CertificateIssued(issued) => {
            let key = (config.chain, issued.batch, issued.token_id, index);
            draft.put(&CERTIFICATES, &key, &(issued.digest, issued.claim_key))?;
        }
        Statement::Design(issued) if issued.verify_issuer_signature().is_ok() => {
            let Issued {
                by,
                body:
                    DesignStatement {
                        collection,
                        design_id,
                        digest,
                        edition,
                        terms,
                    },
                ..
            } = issued;
            let row = (by.to_bytes().into(), *digest, *edition, *terms);
            draft.put(&DESIGN_STATEMENTS, &(*collection, *design_id, index), &row)?;
        }
        Statement::Batch(issued) if issued.verify_issuer_signature().is_ok() => {
            let BatchStatement {
                collection,
                design_id,
                first_serial,
                count,
                root,
                idempotency_key_sha256,
            } = &issued.body;
            let row = (
                issued.by.to_bytes().into(),
                *count,
                *root,
                *idempotency_key_sha256,
            );
            draft.put(
                &BATCH_STATEMENTS,
                &(*collection, *design_id, *first_serial, index),
                &row,
            )?;
            let place = (*collection, *design_id, *first_serial);
            draft.put(&BATCH_STATEMENTS_BY_ROOT, &(config.chain, *root, index), &place)?;
        }
        Statement::Design(_) | Statement::Batch(_) => return Ok(Err("bad_issuer_signature")),
    }
    Ok(Ok(()))
}
