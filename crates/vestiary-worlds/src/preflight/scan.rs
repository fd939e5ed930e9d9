//! The first reading of the JSON chunk: everything in it is walked and nothing is kept but names.
//!
//! What the second reading ([`document`](super::document)) skips because it does not need it, a
//! loader might still read; so depth, number of values, duplicate keys and URIs are checked here, for
//! all of it.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
};

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{Fault, MAX_EXTENSIONS, MAX_JSON_DEPTH, MAX_JSON_VALUES, MAX_LIST, refuse};
use crate::Error;

/// Names of the extensions that occur anywhere as keys of an `extensions` object.
pub(super) fn scan(json: &[u8]) -> Result<BTreeSet<String>, Error> {
    // A byte order mark is not JSON, and serde_json would say so at some other place.
    let mut state = State {
        values: 0,
        extensions: BTreeSet::new(),
        fault: None,
    };
    let mut reader = serde_json::Deserializer::from_slice(json);
    let result = Walk {
        state: &mut state,
        depth: 0,
        place: Place::Object,
    }
    .deserialize(&mut reader)
    .and_then(|()| reader.end());
    match result {
        Ok(()) => Ok(state.extensions),
        Err(_) => Err(refuse(state.fault.unwrap_or(Fault::JsonMalformed), "")),
    }
}

struct State {
    values: usize,
    extensions: BTreeSet<String>,
    /// Why the walk ended, where serde's own error would not say.
    fault: Option<Fault>,
}

/// Where a value stands, as far as it changes how its keys are read.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// glTF's own properties, or an extension's.
    Object,
    /// The value of `extensions`: its keys are names of extensions.
    Extensions,
    /// The value of `uri`.
    Uri,
    /// Below `extras`: an application's own, where `uri` and `extensions` mean nothing.
    Extras,
}

struct Walk<'a> {
    state: &'a mut State,
    depth: usize,
    place: Place,
}

impl Walk<'_> {
    fn stop<T, E: de::Error>(&mut self, fault: Fault) -> Result<T, E> {
        self.state.fault = Some(fault);
        Err(E::custom(fault))
    }

    fn count<E: de::Error>(&mut self) -> Result<(), E> {
        self.state.values += 1;
        if self.state.values > MAX_JSON_VALUES {
            self.stop(Fault::JsonTooMany)
        } else {
            Ok(())
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: de::Error>(mut self, _: bool) -> Result<(), E> {
        self.count()
    }

    fn visit_i64<E: de::Error>(mut self, _: i64) -> Result<(), E> {
        self.count()
    }

    fn visit_u64<E: de::Error>(mut self, _: u64) -> Result<(), E> {
        self.count()
    }

    fn visit_f64<E: de::Error>(mut self, _: f64) -> Result<(), E> {
        self.count()
    }

    fn visit_unit<E: de::Error>(mut self) -> Result<(), E> {
        self.count()
    }

    fn visit_str<E: de::Error>(mut self, text: &str) -> Result<(), E> {
        if self.place == Place::Uri && !text.starts_with("data:") {
            return self.stop(Fault::ExternalUri);
        }
        self.count()
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.count()?;
        if self.depth == MAX_JSON_DEPTH {
            return self.stop(Fault::JsonTooDeep);
        }
        let mut length = 0;
        let place = if self.place == Place::Extras {
            Place::Extras
        } else {
            Place::Object
        };
        while items
            .next_element_seed(Walk {
                state: self.state,
                depth: self.depth + 1,
                place,
            })?
            .is_some()
        {
            length += 1;
            if length > MAX_LIST {
                return self.stop(Fault::JsonTooMany);
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        self.count()?;
        if self.depth == MAX_JSON_DEPTH {
            return self.stop(Fault::JsonTooDeep);
        }
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            let place = match (self.place, key.as_str()) {
                (Place::Extras, _) | (_, "extras") => Place::Extras,
                (Place::Extensions, _) => Place::Object,
                (_, "extensions") => Place::Extensions,
                (_, "uri") => Place::Uri,
                _ => Place::Object,
            };
            if self.place == Place::Extensions && self.state.extensions.insert(key.clone()) {
                let found = self.state.extensions.len();
                if found > MAX_EXTENSIONS {
                    return self.stop(Fault::ExtensionList);
                }
            }
            if !keys.insert(key) {
                return self.stop(Fault::DuplicateKey);
            }
            entries.next_value_seed(Walk {
                state: self.state,
                depth: self.depth + 1,
                place,
            })?;
        }
        Ok(())
    }
}
