//! Every answer that is not a success, chosen in one place.
//!
//! [`Code`] is the stable word a program switches on; its HTTP status and its two titles stand in one table
//! below and nowhere else. The body is RFC 9457 `application/problem+json`. What went wrong inside stays in
//! the log: an [`Code::Internal`] problem carries no detail.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// The language titles are answered in, from `Accept-Language`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, the default.
    #[default]
    En,
    /// French.
    Fr,
}

impl Language {
    /// The first of the two languages that the header prefers; English when it names neither.
    pub fn from_header(value: Option<&HeaderValue>) -> Self {
        let Some(text) = value.and_then(|value| value.to_str().ok()) else {
            return Self::En;
        };
        let mut best = (Self::En, 0.0_f32);
        for item in text.split(',').take(MAX_LANGUAGES) {
            let mut parts = item.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let quality = parts
                .find_map(|part| part.trim().strip_prefix("q=").and_then(|q| q.parse().ok()))
                .unwrap_or(1.0_f32);
            let language = match tag.split('-').next() {
                Some("fr") => Self::Fr,
                Some("en") => Self::En,
                _ => continue,
            };
            if quality > best.1 {
                best = (language, quality);
            }
        }
        best.0
    }

    /// The BCP 47 tag: `en` or `fr`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fr => "fr",
        }
    }
}

/// How many items of an `Accept-Language` header are read.
const MAX_LANGUAGES: usize = 16;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident $slug:literal $status:ident $en:literal $fr:literal;)+) => {
        /// The stable code of a problem.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code { $($(#[doc = $doc])+ $variant,)+ }

        impl Code {
            /// Every code, for the documentation and the tests.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word programs switch on; it never changes.
            pub const fn slug(self) -> &'static str { match self { $(Self::$variant => $slug,)+ } }

            /// The HTTP status; the only place in the service that chooses one for a failure.
            pub const fn status(self) -> StatusCode { match self { $(Self::$variant => StatusCode::$status,)+ } }

            /// The short human title in `language`.
            pub const fn title(self, language: Language) -> &'static str {
                match (self, language) { $((Self::$variant, Language::En) => $en, (Self::$variant, Language::Fr) => $fr,)+ }
            }
        }
    };
}

codes! {
    /// The body is not JSON as we accept it, or lacks or adds a field.
    InvalidBody "invalid_body" BAD_REQUEST "The body cannot be read" "Le corps de la requête est illisible";
    /// A query or path parameter cannot be read.
    InvalidParameter "invalid_parameter" BAD_REQUEST "A parameter cannot be read" "Un paramètre est illisible";
    /// A CAIP-10, CAIP-19 or plain address is malformed.
    MalformedId "malformed_id" BAD_REQUEST "An identifier is malformed" "Un identifiant est mal formé";
    /// The cursor was not made by this query.
    InvalidCursor "invalid_cursor" BAD_REQUEST "The cursor belongs to another query" "Le curseur appartient à une autre requête";
    /// A mutating request came without `Idempotency-Key`.
    IdempotencyKeyMissing "idempotency_key_missing" BAD_REQUEST "An Idempotency-Key header is needed" "L'en-tête Idempotency-Key est nécessaire";
    /// No API key, or one that is unknown, revoked or malformed.
    Unauthorized "unauthorized" UNAUTHORIZED "A valid API key is needed" "Une clé d'API valide est nécessaire";
    /// The API key lacks the scope.
    Forbidden "forbidden" FORBIDDEN "This API key may not do that" "Cette clé d'API n'a pas ce droit";
    /// A signature does not verify, or not for the key it must come from.
    WrongSignature "wrong_signature" FORBIDDEN "The signature does not verify" "La signature n'est pas valable";
    /// Nothing is known under this name.
    NotFound "not_found" NOT_FOUND "Nothing is known under this name" "Rien n'est connu sous ce nom";
    /// The world is not registered here.
    UnknownWorld "unknown_world" NOT_FOUND "This world is not registered" "Ce monde n'est pas enregistré";
    /// The method is not one of the route's.
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "This route has no such method" "Cette méthode n'existe pas ici";
    /// The same `Idempotency-Key` came with another body.
    IdempotencyKeyReused "idempotency_key_reused" CONFLICT "This Idempotency-Key was used with another body" "Cette Idempotency-Key a servi pour un autre corps";
    /// A serial of the request is already in the log.
    SerialIssued "serial_issued" CONFLICT "A serial was already issued" "Un numéro de série est déjà émis";
    /// Serials of a design are contiguous and the request does not start at the next one.
    SerialNotNext "serial_not_next" CONFLICT "The first serial is not the design's next" "Le premier numéro de série n'est pas le suivant";
    /// Another unsigned preparation holds this design's next serials.
    PreparationOpen "preparation_open" CONFLICT "Another preparation of this design is open" "Une autre préparation de ce modèle est ouverte";
    /// The preparation was not signed in time; its serials are free again.
    PreparationExpired "preparation_expired" CONFLICT "The preparation has expired" "La préparation a expiré";
    /// Something under this name exists and differs.
    Conflict "conflict" CONFLICT "This already exists and differs" "Cela existe déjà, différemment";
    /// The wearable was claimed before.
    AlreadyClaimed "already_claimed" CONFLICT "This wearable was already claimed" "Ce vêtement a déjà été réclamé";
    /// The body is larger than the route accepts.
    TooLarge "too_large" PAYLOAD_TOO_LARGE "The body is too large" "Le corps est trop volumineux";
    /// The content type is not one the route reads.
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "This media type is not accepted" "Ce type de média n'est pas accepté";
    /// The file's bytes do not hash to what was declared.
    HashMismatch "hash_mismatch" UNPROCESSABLE_ENTITY "The file's hash differs from the declared one" "L'empreinte du fichier diffère de celle annoncée";
    /// The body did not arrive in time.
    RequestTimeout "request_timeout" REQUEST_TIMEOUT "The request did not arrive in time" "La requête n'est pas arrivée à temps";
    /// More header fields, or longer ones, than are read.
    HeadersTooLarge "headers_too_large" REQUEST_HEADER_FIELDS_TOO_LARGE "The header fields are too large" "Les en-têtes sont trop volumineux";
    /// The 3D file cannot be used; `errors` says why.
    InvalidFile "invalid_file" UNPROCESSABLE_ENTITY "The file cannot be used" "Le fichier est inutilisable";
    /// The request reads well but asks for something impossible; `errors` lists each reason.
    Unprocessable "unprocessable" UNPROCESSABLE_ENTITY "The request cannot be carried out" "La demande ne peut pas être exécutée";
    /// The chain does not show what the request relies on (issuer, collection, minter role, accepted log).
    ChainDisagrees "chain_disagrees" UNPROCESSABLE_ENTITY "The chain does not show this" "La chaîne ne montre pas cela";
    /// The request came with a date or deadline that has passed.
    Expired "expired" UNPROCESSABLE_ENTITY "The deadline has passed" "Le délai est dépassé";
    /// The requested range does not fit the file.
    RangeNotSatisfiable "range_not_satisfiable" RANGE_NOT_SATISFIABLE "The range lies outside the file" "La plage sort du fichier";
    /// Every place for requests or connections is taken.
    Overloaded "overloaded" SERVICE_UNAVAILABLE "The service has too much to do" "Le service a trop à faire";
    /// Too many files are being taken in.
    Busy "busy" TOO_MANY_REQUESTS "Too many requests at once" "Trop de requêtes à la fois";
    /// There is no room on the disk for new work; reads go on, and so does what was accepted before.
    StorageFull "storage_full" INSUFFICIENT_STORAGE "There is no room for new work at the moment" "Il n'y a plus de place pour l'instant";
    /// A sync failed or a newer writer came: nothing is written until the service is started again; reads go on.
    WriterStopped "writer_stopped" SERVICE_UNAVAILABLE "The service writes nothing until it is started again" "Le service n'écrit plus avant d'être redémarré";
    /// The service could not write this (disk); reads go on, and trying again may work.
    NotWritable "not_writable" SERVICE_UNAVAILABLE "The service cannot write at the moment" "Le service ne peut pas écrire pour l'instant";
    /// The chain cannot be read now.
    ChainBehind "chain_behind" SERVICE_UNAVAILABLE "The chain cannot be read at the moment" "La chaîne est injoignable pour l'instant";
    /// The service is stopping or still catching up.
    NotReady "not_ready" SERVICE_UNAVAILABLE "The service is not ready" "Le service n'est pas prêt";
    /// The request took too long.
    Timeout "timeout" GATEWAY_TIMEOUT "The request took too long" "La requête a duré trop longtemps";
    /// A defect of ours; the log has the rest.
    Internal "internal" INTERNAL_SERVER_ERROR "Something went wrong on our side" "Une erreur est survenue de notre côté";
}

/// One of several reasons inside a problem, e.g. one bad row of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ProblemItem {
    /// JSON pointer (RFC 6901) into the request body, or the name of a parameter.
    pub pointer: String,
    /// Stable code of this reason.
    pub code: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// Longest detail of a problem, in characters: what a caller sent is named in it, not sent back whole.
pub const MAX_DETAIL_CHARS: usize = 1_000;
/// Longest detail of one of several reasons, in characters.
const MAX_REASON_CHARS: usize = 300;

impl ProblemItem {
    fn clipped(mut self) -> Self {
        self.detail = clipped(self.detail, MAX_REASON_CHARS);
        self
    }
}

/// The text, or its beginning with an ellipsis.
pub fn clipped(mut text: String, max_chars: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(max_chars) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A failure on its way to the caller.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", code.slug())]
pub struct ApiError {
    /// The stable code.
    pub code: Code,
    /// What happened, naming the input and the remedy. Never a secret, never an internal error's text.
    pub detail: String,
    /// Each reason, where there are several.
    pub errors: Vec<ProblemItem>,
    /// Seconds after which trying again makes sense.
    pub retry_after_s: Option<u32>,
}

impl ApiError {
    /// A problem with one sentence of detail.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    /// The same problem with its list of reasons.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<ProblemItem>) -> Self {
        self.errors = errors;
        self
    }

    /// The same problem with a hint when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// A defect of ours: `cause` goes to the log, the caller sees nothing of it.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(Code::Internal, "")
    }

    /// `what` is not known here.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("{what} is not known here"))
    }

    /// The body in English, for whoever answers without a [`Response`].
    pub(crate) fn problem_bytes(self) -> Vec<u8> {
        self.problem(Language::En).to_bytes()
    }

    fn problem(self, language: Language) -> Problem {
        Problem {
            kind: format!("/docs/problems#{}", self.code.slug()),
            title: self.code.title(language).to_owned(),
            status: self.code.status().as_u16(),
            code: self.code.slug().to_owned(),
            detail: clipped(self.detail, MAX_DETAIL_CHARS),
            errors: self.errors.into_iter().map(ProblemItem::clipped).collect(),
        }
    }

    /// The answer in `language`.
    pub fn into_response_in(self, language: Language) -> Response {
        let (code, retry_after_s) = (self.code, self.retry_after_s);
        let body = self.problem(language).to_bytes();
        let mut response = (code.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.tag()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if code == Code::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The `application/problem+json` body (RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Problem {
    /// A URI reference that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// A short title in the reader's language.
    pub title: String,
    /// The HTTP status, again.
    pub status: u16,
    /// The stable code programs switch on.
    pub code: String,
    /// What happened this time.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Each reason, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemItem>,
}

impl Problem {
    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a problem has string keys and no failing serialiser")
    }
}

/// The extension under which a problem waits for the layer that knows the reader's language.
#[derive(Clone, Debug)]
pub(crate) struct PendingProblem(pub(crate) std::sync::Arc<std::sync::Mutex<Option<ApiError>>>);

impl IntoResponse for ApiError {
    /// English at once, with the error kept beside it so that the outermost layer can say it in French.
    fn into_response(self) -> Response {
        let copy = Self {
            code: self.code,
            detail: self.detail.clone(),
            errors: self.errors.clone(),
            retry_after_s: self.retry_after_s,
        };
        let mut response = copy.into_response_in(Language::En);
        let pending = PendingProblem(std::sync::Arc::new(std::sync::Mutex::new(Some(self))));
        response.extensions_mut().insert(pending);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_word_and_a_failing_status() {
        let mut slugs: Vec<_> = Code::ALL.iter().map(|code| code.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| code.status().as_u16() >= 400));
    }

    #[test]
    fn a_long_detail_is_cut_between_two_characters() {
        assert_eq!(clipped("é".repeat(3), 3), "ééé");
        assert_eq!(clipped("é".repeat(4), 3), "ééé…");
    }

    #[test]
    fn the_preferred_of_the_two_languages_wins() {
        let of = |text: &'static str| Language::from_header(Some(&HeaderValue::from_static(text)));
        assert_eq!(of("fr-FR, en;q=0.8"), Language::Fr);
        assert_eq!(of("de, en;q=0.5, fr;q=0.4"), Language::En);
        assert_eq!(of("de"), Language::En);
        assert_eq!(Language::from_header(None), Language::En);
    }
}
