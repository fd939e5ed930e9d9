//! `/v1/issuers`: brands of the registry that use this service.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use vestiary::certificate;
use vestiary::ids::IssuerId;
use vestiary::statement::IssuerObserved;

use super::extract::{Caller, Once, Path};
use crate::api::{IssuerView, MAX_NAME_BYTES, NewIssuer, Page};
use crate::api_key::Scope;
use crate::error::{ApiError, Code, Problem};
use crate::issuing::{intents, statements};
use crate::journal::{Record, RequestRef, Resource};
use crate::service::Service;

/// Takes in an issuer that registered on chain: makes its certificate key and logs the observation.
///
/// The brand then adds the key and accepts the log on chain, with its own account.
#[utoipa::path(
    post, path = "/v1/issuers", tag = "issuers", security(("api_key" = [])),
    params(("Idempotency-Key" = String, Header, description = "The same for a retry")),
    request_body = NewIssuer,
    responses(
        (status = 201, body = IssuerView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem),
        (status = 422, description = "`chain_disagrees`: the registry has no such issuer yet", body = Problem),
    )
)]
pub async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    posted: Once<NewIssuer>,
) -> Result<(StatusCode, Json<IssuerView>), ApiError> {
    caller.require(Scope::Admin)?;
    let request = posted.request(&caller);
    let taken_in = taken_in(Arc::clone(&service), posted.body, request.clone());
    let view = service.turns.run(&request, taken_in).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// The issuer of this request: found, or taken in now and in the log.
async fn taken_in(
    service: Arc<Service>,
    body: NewIssuer,
    request: RequestRef,
) -> Result<IssuerView, ApiError> {
    let id = match service.ledger.repeated(&request)? {
        Some(Resource::Issuer(id)) => id,
        Some(_) => {
            return Err(ApiError::internal(
                "an idempotency key of this route names something else",
            ));
        }
        None => {
            let id = parse(&body.issuer_id)?;
            let name = body.name;
            check_name(&name)?;
            super::blocking(&service, move |service| {
                let account = service.issuer_account(id)?;
                service.admit()?;
                let key = service.signing.make_certificate_key(id)?;
                // The DID stays empty until its document was read and names the account.
                let observed = IssuerObserved {
                    issuer_id: id,
                    account: service.account(account),
                    did: String::new(),
                };
                let intent = statements::issuer_observed(service, observed)?;
                service.ledger.command(move |state| {
                    if state.issuers.contains_key(&id) {
                        return Err(ApiError::new(
                            Code::Conflict,
                            format!("issuer {id} is here already"),
                        ));
                    }
                    let certificate_key = key.to_multikey();
                    Ok(vec![Record::IssuerAdded {
                        request,
                        issuer_id: id,
                        name,
                        certificate_key,
                        intent,
                    }])
                })
            })
            .await?;
            id
        }
    };
    let intent = service
        .ledger
        .read(|state| state.issuers.get(&id).map(|issuer| issuer.intent.clone()));
    intents::finish(
        &service,
        &intent.ok_or_else(|| ApiError::not_found(format!("issuer {id}")))?,
    )
    .await?;
    view(&service, id).await
}

/// One issuer.
#[utoipa::path(
    get, path = "/v1/issuers/{id}", tag = "issuers", params(("id" = String, Path)),
    responses((status = 200, body = IssuerView), (status = 400, body = Problem), (status = 404, body = Problem))
)]
pub async fn show(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
) -> Result<Json<IssuerView>, ApiError> {
    Ok(Json(view(&service, parse(&id)?).await?))
}

/// All issuers that use this service.
#[utoipa::path(
    get, path = "/v1/issuers", tag = "issuers", params(super::ListQuery),
    responses((status = 200, body = Page<IssuerView>), (status = 400, body = Problem))
)]
pub async fn list(
    State(service): State<Arc<Service>>,
    super::Query(query): super::Query<super::ListQuery>,
) -> Result<Json<Page<IssuerView>>, ApiError> {
    let as_of = crate::provenance::as_of(&service);
    let after = query.after("issuers", |text| text.parse::<IssuerId>().ok())?;
    let ids: Vec<IssuerId> = service.ledger.read(|state| {
        state
            .issuers
            .keys()
            .filter(|id| after.is_none_or(|after| **id > after))
            .copied()
            .collect()
    });
    let (ids, next_cursor) = query.cut("issuers", ids)?;
    let mut items = Vec::with_capacity(ids.len());
    for id in ids {
        items.push(view(&service, id).await?);
    }
    Ok(Json(Page {
        items,
        next_cursor,
        as_of,
    }))
}

fn parse(text: &str) -> Result<IssuerId, ApiError> {
    text.parse()
        .map_err(|error| ApiError::new(Code::MalformedId, format!("issuer_id: {error}")))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let refuse = |detail: String| ApiError::new(Code::Unprocessable, format!("name: {detail}"));
    if name.len() > MAX_NAME_BYTES {
        return Err(refuse(format!("{MAX_NAME_BYTES} bytes at most")));
    }
    certificate::check_name(name).map_err(|error| refuse(error.to_string()))
}

async fn view(service: &Arc<Service>, id: IssuerId) -> Result<IssuerView, ApiError> {
    super::blocking(service, move |service| service.issuer_view(id)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_certificate_can_carry_is_refused() {
        for name in [
            "",
            " Atelier",
            "Ate\u{200b}lier",
            "Ate\u{ad}lier",
            "\u{feff}Atelier",
            "Atelier\u{202e}",
            "Atelier\n",
            &"a".repeat(MAX_NAME_BYTES + 1),
        ] {
            let refused = check_name(name).unwrap_err();
            assert_eq!(refused.code, Code::Unprocessable, "{name:?}");
        }
        for name in [
            "Maison H\u{e9}ron",
            "\u{6771}\u{4eac}",
            &"a".repeat(MAX_NAME_BYTES),
        ] {
            check_name(name).unwrap();
        }
    }
}
