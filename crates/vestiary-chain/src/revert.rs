//! Whether a node's error is a contract's refusal, and what the contract says.

use vestiary::abi::describe_revert;

use crate::error::{ChainError, bounded_text};

/// The code that geth gives to a reverted call.
const REVERTED: i64 = 3;

/// The decoded reason, where the node says that the call reverted. Other errors say nothing about the call.
pub(crate) fn as_revert(error: &ChainError) -> Option<String> {
    let ChainError::Refused { code, text, data, .. } = error else {
        return None;
    };
    if *code != REVERTED && !text.to_ascii_lowercase().contains("revert") {
        return None;
    }
    let described = data.as_ref().and_then(|data| describe_revert(data));
    Some(described.map_or_else(|| text.clone(), |reason| bounded_text(&reason)))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Bytes;
    use vestiary::abi::{IWearableCollection::BadSerial, SolError};

    use super::*;

    fn refused(code: i64, text: &str, data: Option<Bytes>) -> ChainError {
        ChainError::Refused {
            method: "eth_call",
            code,
            text: text.to_owned(),
            data,
        }
    }

    #[test]
    fn a_revert_is_named_by_its_error_and_other_errors_are_none() {
        let data = BadSerial {
            expected: 1,
            given: 2,
        }
        .abi_encode();
        let error = refused(3, "execution reverted", Some(data.into()));
        assert_eq!(as_revert(&error).unwrap(), "BadSerial { expected: 1, given: 2 }");
        let error = refused(-32000, "execution reverted: no", None);
        assert_eq!(as_revert(&error).unwrap(), "execution reverted: no");
        assert_eq!(as_revert(&refused(-32000, "header not found", None)), None);
        assert_eq!(as_revert(&ChainError::Unreachable { method: "eth_call" }), None);
    }
}
