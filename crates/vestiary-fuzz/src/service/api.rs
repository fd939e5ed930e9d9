//! Requests, as the extractors read them before a handler sees anything.

use std::fmt::Debug;

use http::header::{IF_NONE_MATCH, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use vestiary::json::from_slice_strict;
use vestiary::world::WorldProfile;
use vestiary_server::api::{
    CommitBatchBody, MAX_LIST_ITEMS, NewApiKey, NewBatch, NewClaim, NewCollection, NewDesign, NewIssuer,
};
use vestiary_server::api_key::PresentedKey;
use vestiary_server::error::{Code, Language};
use vestiary_server::http::extract::{MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES};
use vestiary_server::http::files::{Requested, declared_digest, names_etag, requested_range};
use vestiary_server::http::paging::{ListQuery, cursor};
use vestiary_server::http::wallets::WalletsQuery;
use vestiary_server::http::wearables::VerifyBody;

use crate::input::Input;

/// A body that is read says the same when it is written and read again.
fn body<T: DeserializeOwned + Serialize + Debug>(bytes: &[u8], max_bytes: usize) {
    match from_slice_strict::<T>(bytes, max_bytes) {
        Ok(read) => {
            let written = serde_json::to_vec(&read).expect("what came from JSON is JSON");
            let again: T =
                from_slice_strict(&written, 2 * max_bytes).expect("what was read can be read again");
            assert_eq!(format!("{again:?}"), format!("{read:?}"));
        }
        Err(error) => {
            assert!(!error.code().is_empty() && error.offset_bytes() <= bytes.len());
            // It goes into the answer.
            assert!(error.to_string().len() <= 4 * bytes.len() + 1024, "{error}");
        }
    }
}

/// The body of each route that takes one.
pub(super) fn bodies(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let route = input.byte();
    let bytes = input.rest();
    match route % 10 {
        0 => body::<NewApiKey>(bytes, MAX_BODY_BYTES),
        1 => body::<NewIssuer>(bytes, MAX_BODY_BYTES),
        2 => body::<NewCollection>(bytes, MAX_BODY_BYTES),
        3 => body::<NewDesign>(bytes, MAX_BODY_BYTES),
        4 => body::<NewBatch>(bytes, MAX_BATCH_BODY_BYTES),
        5 => body::<CommitBatchBody>(bytes, MAX_BODY_BYTES),
        6 => body::<NewClaim>(bytes, MAX_BODY_BYTES),
        7 => body::<WalletsQuery>(bytes, MAX_BODY_BYTES),
        8 => body::<VerifyBody>(bytes, MAX_BODY_BYTES),
        _ => body::<WorldProfile>(bytes, MAX_BODY_BYTES),
    }
}

/// `Range`, `If-Range`, `If-None-Match`, `Content-Digest`, `Accept-Language`: a part lies within the file.
pub(super) fn headers(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let length = match input.byte() {
        0xff => u64::MAX,
        length => u64::from(length),
    };
    let which = input.byte();
    let Ok(value) = HeaderValue::from_bytes(input.rest()) else {
        return;
    };
    let etag = "\"bafk\"";
    let mut headers = HeaderMap::new();
    let language = Language::from_header(Some(&value));
    assert!(matches!(language.tag(), "en" | "fr"));
    match which % 4 {
        0 => {
            headers.insert(RANGE, value);
            if let Requested::Part(part) = requested_range(&headers, length, etag) {
                assert!(
                    part.start < part.end && part.end <= length,
                    "{part:?} of {length}"
                );
            }
        }
        1 => {
            let other = value.to_str().is_ok_and(|value| value != etag);
            headers.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
            headers.insert(IF_RANGE, value);
            let found = requested_range(&headers, 1, etag);
            assert!(!other || found == Requested::Whole);
        }
        2 => {
            headers.insert(IF_NONE_MATCH, value);
            if names_etag(&headers, etag) {
                let value = headers[IF_NONE_MATCH].to_str().expect("it was read");
                assert!(value == "*" || value.contains(etag));
            }
        }
        _ => {
            headers.insert("content-digest", value);
            if let Ok(digest) = declared_digest(&headers) {
                assert!(digest.is_some());
            }
        }
    }
}

/// Query strings and cursors: a cursor fits the query it was made for, with the key it was made of.
pub(super) fn queries(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let page = ListQuery {
        limit: None,
        cursor: Some(cursor("a list", text)),
    };
    match page.after("a list", |key| Some(key.to_owned())) {
        Ok(key) => assert_eq!(key.as_deref(), Some(text)),
        Err(error) => assert_eq!(error.code, Code::InvalidCursor),
    }
    let other = page.after("another list", |key| Some(key.to_owned()));
    assert!(other.is_err_and(|error| error.code == Code::InvalidCursor));
    let Ok(query) = serde_urlencoded::from_str::<ListQuery>(text) else {
        return;
    };
    if let Ok(limit) = query.limit() {
        assert!((1..=MAX_LIST_ITEMS).contains(&limit));
    }
    if let Ok(Some(key)) = query.after("a list", |key| Some(key.to_owned())) {
        assert_eq!(
            query.cursor,
            Some(cursor("a list", &key)),
            "two spellings of a cursor"
        );
    }
}

/// API keys have one spelling and are not shown.
pub(super) fn api_key(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(key) = PresentedKey::parse(text)
    {
        assert_eq!(key.reveal().as_str(), text);
        let shown = format!("{key:?}");
        assert!(!shown.contains(&text[20..]), "the secret shows");
        assert!(key.stored(Vec::new(), None, String::new()).matches(&key));
    }
}
