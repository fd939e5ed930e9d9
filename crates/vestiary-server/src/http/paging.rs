//! Lists: a limit and an opaque cursor.
//!
//! A cursor is made of the last item's domain key, so a page is neither skipped nor repeated when items come and
//! go, and of a fingerprint of query and key, so that it does not fit another query and is not taken when a part is
//! missing. It is no secret and needs no signature: whoever forges one reads the same public list from another place.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use vestiary::digest::Sha256;

use crate::api::MAX_LIST_ITEMS;
use crate::error::{ApiError, Code};

/// How many items a list answers when nobody says.
pub const DEFAULT_LIST_ITEMS: usize = 50;
/// Longest cursor, in bytes.
pub const MAX_CURSOR_BYTES: usize = 1_024;
/// Bytes of the fingerprint in a cursor.
const FINGERPRINT_BYTES: usize = 8;

/// Query parameters, refused with a problem instead of plain text.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|axum::extract::Query(query)| Self(query))
            .map_err(|error| ApiError::new(Code::InvalidParameter, error.body_text()))
    }
}

/// `limit` and `cursor` of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many items, 1 to 200; 50 when nobody says.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl ListQuery {
    /// How many items to answer.
    pub fn limit(&self) -> Result<usize, ApiError> {
        match self.limit.map_or(DEFAULT_LIST_ITEMS, usize::from) {
            limit @ 1..=MAX_LIST_ITEMS => Ok(limit),
            limit => Err(ApiError::new(
                Code::InvalidParameter,
                format!("limit is {limit}; it goes from 1 to {MAX_LIST_ITEMS}"),
            )),
        }
    }

    /// The key after which the page starts; `None` for the first page.
    pub fn after<K>(&self, query: &str, read: impl FnOnce(&str) -> Option<K>) -> Result<Option<K>, ApiError> {
        let Some(cursor) = self.cursor.as_deref().filter(|cursor| !cursor.is_empty()) else {
            return Ok(None);
        };
        let refuse = || ApiError::new(Code::InvalidCursor, "start this list again without a cursor");
        if cursor.len() > MAX_CURSOR_BYTES {
            return Err(refuse());
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refuse())?;
        let (found, key) = bytes.split_at_checked(FINGERPRINT_BYTES).ok_or_else(refuse)?;
        let key = std::str::from_utf8(key).map_err(|_| refuse())?;
        if found != fingerprint(query, key) {
            return Err(refuse());
        }
        read(key).map(Some).ok_or_else(refuse)
    }

    /// Cuts a list to the page and makes the cursor of the next one.
    pub fn cut<K: ToString>(&self, query: &str, mut keys: Vec<K>) -> Result<(Vec<K>, String), ApiError> {
        let limit = self.limit()?;
        let more = keys.len() > limit;
        keys.truncate(limit);
        let cursor = keys
            .last()
            .filter(|_| more)
            .map(|key| cursor(query, &key.to_string()));
        Ok((keys, cursor.unwrap_or_default()))
    }
}

/// The cursor that goes on after `key`.
pub fn cursor(query: &str, key: &str) -> String {
    URL_SAFE_NO_PAD.encode([&fingerprint(query, key), key.as_bytes()].concat())
}

fn fingerprint(query: &str, key: &str) -> [u8; FINGERPRINT_BYTES] {
    let digest = Sha256::of(format!("{query}\0{key}").as_bytes()).0;
    *digest
        .first_chunk()
        .expect("a digest is longer than a fingerprint")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_fits_its_own_query_only() {
        let page = ListQuery {
            limit: None,
            cursor: Some(cursor("a", "7")),
        };
        assert_eq!(page.after("a", |key| key.parse::<u64>().ok()).unwrap(), Some(7));
        assert_eq!(
            page.after("b", |key| key.parse::<u64>().ok()).unwrap_err().code,
            Code::InvalidCursor
        );
        for wrong in [
            "?",
            "AAAA",
            &cursor("a", "71")[..13],
            &"A".repeat(MAX_CURSOR_BYTES + 1),
        ] {
            let page = ListQuery {
                limit: None,
                cursor: Some(wrong.into()),
            };
            assert_eq!(
                page.after("a", |_| Some(())).unwrap_err().code,
                Code::InvalidCursor,
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_list_is_cut_at_its_limit() {
        let page = ListQuery {
            limit: Some(2),
            cursor: None,
        };
        let (keys, next) = page.cut("q", vec![1, 2, 3]).unwrap();
        assert_eq!((keys, next), (vec![1, 2], cursor("q", "2")));
        assert_eq!(page.cut("q", vec![1, 2]).unwrap().1, "");
        for limit in [0, 201] {
            let page = ListQuery {
                limit: Some(limit),
                cursor: None,
            };
            assert_eq!(page.limit().unwrap_err().code, Code::InvalidParameter);
        }
    }
}
