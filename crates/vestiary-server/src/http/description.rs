//! What the description says of every route, once.

use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, Ref, RefOr, Response};
use utoipa::{Modify, OpenApi};

use super::log;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Vestiary",
        description = "The ledger of what avatars wear.",
        license(name = "Apache-2.0", identifier = "Apache-2.0")
    ),
    modifiers(&ApiKeySecurity),
    paths(log::tile)
)]
pub(super) struct Description;

struct ApiKeySecurity;

impl Modify for ApiKeySecurity {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let components = description.components.get_or_insert_with(Default::default);
        components.add_security_scheme("api_key", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// Ids of operations must differ (`OpenAPI` 3.1, 4.8.10), and handlers of different resources share names.
pub(super) fn name_operations(description: &mut utoipa::openapi::OpenApi) {
    for item in description.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let tag = operation
                .tags
                .iter()
                .flatten()
                .next()
                .cloned()
                .unwrap_or_default();
            let name = operation.operation_id.take().unwrap_or_default();
            operation.operation_id = Some(format!("{}_{name}", tag.replace(' ', "_")));
        }
    }
}

/// Media type of a problem.
const PROBLEM: &str = "application/problem+json";

/// What any route can answer, whatever else it does.
const ANY: [(&str, &str); 5] = [
    ("400", "A name, parameter or body that cannot be read"),
    ("431", "`headers_too_large`"),
    ("500", "`internal`: a defect of ours"),
    (
        "503",
        "`overloaded`, or a part of the service that does not work now: see `/readyz`",
    ),
    ("504", "`timeout`"),
];
/// What a route can answer that reads a body.
const WITH_BODY: [(&str, &str); 2] = [("408", "`request_timeout`"), ("413", "`too_large`")];
/// What a route can answer that reads JSON.
const WITH_JSON: (&str, &str) = ("415", "`unsupported_media_type`");
/// What a route can answer that needs an `Idempotency-Key`.
const ONCE: (&str, &str) = ("409", "`idempotency_key_reused`, or a conflict with what is here");

/// What a route can answer that writes.
const WRITING: (&str, &str) = (
    "507",
    "`storage_full`: there is no room for new work now; reading goes on",
);
/// What is asked by `POST` because the question is long: nothing is written.
const ASKING: [&str; 2] = ["/v1/verify", "/v1/wearables/query"];

/// Adds the failures that every route of a kind has, and calls them what they are: problems.
pub(super) fn describe_failures(description: &mut utoipa::openapi::OpenApi) {
    for (path, item) in &mut description.paths.paths {
        let writing = !ASKING.contains(&path.as_str());
        let operations = [
            (&mut item.get, false),
            (&mut item.post, writing),
            (&mut item.put, writing),
            (&mut item.delete, writing),
        ];
        for (operation, writing) in operations {
            if let Some(operation) = operation {
                describe(path, operation, writing);
            }
        }
    }
}

fn describe(path: &str, operation: &mut Operation, writing: bool) {
    let mut also = ANY.to_vec();
    if writing {
        also.push(WRITING);
    }
    if let Some(RefOr::T(body)) = &operation.request_body {
        also.extend(WITH_BODY);
        if body.content.contains_key("application/json") {
            also.push(WITH_JSON);
        }
    }
    let parameters = operation.parameters.iter().flatten();
    if parameters
        .into_iter()
        .any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == "Idempotency-Key"))
    {
        also.push(ONCE);
    }
    let responses = &mut operation.responses.responses;
    for (status, response) in responses
        .iter_mut()
        .filter(|(status, _)| status.as_str() >= "400")
    {
        // Here 503 says what is not ready.
        if path == "/readyz" && status == "503" {
            continue;
        }
        if let RefOr::T(response) = response {
            response.content = [(PROBLEM.to_owned(), problem())].into();
        }
    }
    for (status, what) in also {
        let response = responses
            .entry(status.to_owned())
            .or_insert_with(|| RefOr::T(Response::new(what)));
        if let RefOr::T(response) = response {
            response.content.entry(PROBLEM.to_owned()).or_insert_with(problem);
        }
    }
}

fn problem() -> RefOr<Content> {
    RefOr::T(Content::new(Some(Ref::from_schema_name("Problem"))))
}
