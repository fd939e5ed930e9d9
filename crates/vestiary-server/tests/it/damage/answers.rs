//! Every read of the API, so that two states of a service can be compared.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Told;
use crate::support::TestLedger;
use crate::support::http::{Client, Reply, segment};

/// What is different at every look: when it was looked.
const OF_THE_MOMENT: [&str; 4] = ["as_of", "fresh_until", "keep_until", "lag_s"];

/// Answers by path.
#[derive(Debug)]
pub(crate) struct Answers(BTreeMap<String, (u16, Content)>);

#[derive(Debug, PartialEq)]
enum Content {
    Json(Value),
    Bytes(Vec<u8>),
}

impl Answers {
    /// Asks everything.
    pub(crate) async fn read(ledger: &TestLedger, told: &Told) -> Self {
        let client = told.brand.client(ledger);
        let mut answers = BTreeMap::new();
        for path in paths(ledger, told) {
            // A large file that is damaged further on ends in the middle: the client is told by the connection.
            let reply = Client::try_send(client.request(reqwest::Method::GET, &path)).await;
            let answer = reply.map_or((599, Content::Bytes(Vec::new())), |reply| {
                (reply.status, content(&reply))
            });
            answers.insert(path, answer);
        }
        Self(answers)
    }

    /// Paths whose answers differ.
    pub(crate) fn differences(&self, baseline: &Self) -> Vec<String> {
        let pairs = self
            .0
            .iter()
            .filter(|(path, answer)| baseline.0.get(*path) != Some(answer));
        pairs
            .map(|(path, (status, _))| format!("{status} {path}"))
            .collect()
    }

    /// Paths whose answers are neither as they were nor an absence: damage that was served.
    pub(crate) fn served(&self, baseline: &Self) -> Vec<String> {
        let wrong = self.0.iter().filter(|(path, (status, content))| {
            let (was_status, was) = &baseline.0[*path];
            let same = (was_status, was) == (status, content);
            let absent = match (was, content) {
                _ if *status >= 400 => true,
                (Content::Json(was), Content::Json(now)) => is_absence(was, now),
                _ => false,
            };
            !same && !absent
        });
        wrong
            .map(|(path, answer)| format!("{path}: {answer:?}, was {:?}", baseline.0[path]))
            .collect()
    }
}

/// All that a wearable's damage may change: it is unknown, or what is damaged of it is left out.
fn is_absence(was: &Value, now: &Value) -> bool {
    match (was, now) {
        (Value::Object(was), Value::Object(now)) => {
            let unknown = now.get("wear").is_some_and(|wear| wear == "unknown");
            unknown
                // A design's document that cannot be read.
                || now.is_empty()
                || now
                    .iter()
                    .all(|(name, now)| was.get(name).is_some_and(|was| is_absence(was, now)))
                    && was.len() == now.len()
        }
        (Value::Array(was), Value::Array(now)) => {
            was.len() == now.len() && was.iter().zip(now).all(|(was, now)| is_absence(was, now))
        }
        (was, now) => was == now || now == "" || now == "none" || now == "partial_unknown",
    }
}

fn paths(ledger: &TestLedger, told: &Told) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for world in ["", "?world=plaza", "?world=pocket"] {
        paths.push(format!("/v1/wallets/{}/wearables{world}", told.ana.text()));
    }
    for (number, wearable) in told.wearables.iter().enumerate() {
        let path = format!("/v1/wearables/{}", segment(wearable));
        paths.push(format!("{path}/certificate"));
        paths.push(format!("{path}/proof"));
        if number == 0 {
            let token = &wearable.token_id;
            let collection = format!("{:#x}", wearable.collection.address);
            paths.extend([path.clone(), format!("{path}/provenance")]);
            paths.extend(
                ["plaza", "pocket", "picture"].map(|profile| format!("{path}/representations/{profile}")),
            );
            paths.push(format!("/metadata/31337/{collection}/{token}"));
            paths.push(format!("/contract-metadata/31337/{collection}"));
        }
    }
    for batch in &told.batches {
        paths.extend(["", "/preparation", "/file"].map(|what| format!("/v1/batches/{batch}{what}")));
    }
    paths.extend(told.files.iter().map(|cid| format!("/files/{cid}")));
    paths.push(format!("/v1/claims/{}", told.claim));
    paths.push(format!("/v1/issuers/{}", told.brand.issuer));
    paths.push(format!(
        "/v1/designs?collection={}",
        segment(&told.brand.collection)
    ));
    paths.extend(["/v1/worlds", "/v1/collections", "/log/checkpoint"].map(str::to_owned));
    let size = ledger.service().log_size();
    for width in [1, size / 2, size] {
        paths.push(format!("/log/tile/0/000.p/{width}"));
        paths.push(format!("/log/tile/entries/000.p/{width}"));
    }
    paths
}

fn content(reply: &Reply) -> Content {
    match serde_json::from_slice::<Value>(&reply.body) {
        Ok(mut value) => {
            forget_the_moment(&mut value);
            Content::Json(value)
        }
        Err(_) => {
            let mut bytes = reply.body.clone();
            bytes.extend_from_slice(reply.header("location").as_bytes());
            Content::Bytes(bytes)
        }
    }
}

fn forget_the_moment(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !OF_THE_MOMENT.contains(&name.as_str()));
            members.values_mut().for_each(forget_the_moment);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_the_moment),
        _ => {}
    }
}
