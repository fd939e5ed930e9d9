//! What a node's answer to a raw transaction means. Codes and texts differ between clients; what is not in
//! the table is *unknown* and settled by looking for receipts, never by guessing.

use crate::error::ChainError;

/// What is known after sending bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendOutcome {
    /// The node has the bytes now.
    Taken,
    /// The node had the bytes before.
    Known,
    /// A transaction with this nonce was mined: ours or another.
    NonceTooLow,
    /// The node lacks a transaction before this one.
    NonceGap,
    /// Too cheap for the pool as it is.
    Underpriced,
    /// A transaction with this nonce waits, and ours does not pay enough more.
    ReplacementUnderpriced,
    /// The account cannot pay.
    Funds,
    /// Anything else, also no answer: it may have been taken.
    Unknown,
}

/// Texts in lower case, in order: the first that occurs decides.
const TEXTS: [(&str, SendOutcome); 32] = [
    ("already known", SendOutcome::Known),                     // geth, reth
    ("already imported", SendOutcome::Known),                  // anvil, openethereum
    ("alreadyimported", SendOutcome::Known),                   // substrate
    ("alreadyknown", SendOutcome::Known),                      // nethermind
    ("existing tx with same hash", SendOutcome::Known),        // erigon
    ("known transaction", SendOutcome::Known),                 // besu, old geth
    ("already exists", SendOutcome::Known),                    // erigon and gateways
    ("nonce too low", SendOutcome::NonceTooLow),               // geth, reth, anvil, erigon
    ("nonce is too low", SendOutcome::NonceTooLow),            // openethereum
    ("oldnonce", SendOutcome::NonceTooLow),                    // nethermind
    ("nonce_too_low", SendOutcome::NonceTooLow),               // besu
    ("nonce has already been used", SendOutcome::NonceTooLow), // gateways
    (
        "replacement transaction underpriced",
        SendOutcome::ReplacementUnderpriced,
    ), // geth, reth, anvil
    ("replacementnotallowed", SendOutcome::ReplacementUnderpriced), // nethermind
    ("ownnoncealreadyused", SendOutcome::ReplacementUnderpriced), // nethermind
    ("underpriced to replace", SendOutcome::ReplacementUnderpriced), // besu
    ("could not replace existing", SendOutcome::ReplacementUnderpriced), // erigon
    ("nonce too high", SendOutcome::NonceGap),                 // geth
    ("noncegap", SendOutcome::NonceGap),                       // nethermind
    ("nonce gap", SendOutcome::NonceGap),                      // gateways
    ("insufficient funds", SendOutcome::Funds),                // geth, reth, anvil
    ("insufficientfunds", SendOutcome::Funds),                 // nethermind
    ("insufficient balance", SendOutcome::Funds),              // geth
    ("upfront_cost_exceeds_balance", SendOutcome::Funds),      // besu
    (
        "max fee per gas less than block base fee",
        SendOutcome::Underpriced,
    ), // geth, anvil
    ("fee cap less than block base fee", SendOutcome::Underpriced), // erigon
    ("feetoolow", SendOutcome::Underpriced),                   // nethermind
    ("fee too low", SendOutcome::Underpriced),                 // gateways
    ("gas price below", SendOutcome::Underpriced),             // besu
    ("gas_price_too_low", SendOutcome::Underpriced),           // besu
    ("gas price too low", SendOutcome::Underpriced),           // arbitrum
    ("underpriced", SendOutcome::Underpriced),                 // geth, reth; after the replacement texts
];

impl SendOutcome {
    /// Reads the error of `eth_sendRawTransaction`.
    pub fn of(error: &ChainError) -> Self {
        let ChainError::Refused { text, .. } = error else {
            return Self::Unknown;
        };
        let text = text.to_ascii_lowercase();
        TEXTS
            .iter()
            .find(|(needle, _)| text.contains(needle))
            .map_or(Self::Unknown, |(_, outcome)| *outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: i64, text: &str) -> ChainError {
        ChainError::Refused {
            method: "eth_sendRawTransaction",
            code,
            text: text.to_owned(),
            data: None,
        }
    }

    #[test]
    fn each_clients_wording_is_understood() {
        use SendOutcome::*;
        for (code, text, outcome) in [
            // geth
            (-32000, "already known", Known),
            (-32000, "Known transaction", Known),
            (-32000, "nonce too low: next nonce 5, tx nonce 4", NonceTooLow),
            (
                -32000,
                "nonce too low: address 0x5b38, tx: 4 state: 5",
                NonceTooLow,
            ),
            (
                -32000,
                "replacement transaction underpriced",
                ReplacementUnderpriced,
            ),
            (-32000, "transaction underpriced", Underpriced),
            (
                -32000,
                "transaction underpriced: tip needed 1, tip permitted 0",
                Underpriced,
            ),
            (
                -32000,
                "max fee per gas less than block base fee: address 0x5b38, maxFeePerGas: 1, baseFee: 2",
                Underpriced,
            ),
            (
                -32000,
                "insufficient funds for gas * price + value: balance 0, tx cost 1, overshot 1",
                Funds,
            ),
            (-32000, "insufficient funds for transfer", Funds),
            (-32000, "insufficient balance for transfer", Funds),
            (-32000, "nonce too high", NonceGap),
            // anvil
            (-32003, "transaction already imported", Known),
            (-32003, "nonce too low", NonceTooLow),
            (
                -32003,
                "replacement transaction underpriced",
                ReplacementUnderpriced,
            ),
            (-32003, "max fee per gas less than block base fee", Underpriced),
            (-32003, "Insufficient funds for gas * price + value", Funds),
            // nethermind
            (-32010, "AlreadyKnown", Known),
            (-32010, "OldNonce", NonceTooLow),
            (-32010, "ReplacementNotAllowed", ReplacementUnderpriced),
            (-32010, "OwnNonceAlreadyUsed", ReplacementUnderpriced),
            (-32010, "FeeTooLow", Underpriced),
            (-32010, "FeeTooLowToCompete", Underpriced),
            (-32010, "InsufficientFunds, Account balance: 0", Funds),
            (-32010, "NonceGap, Future nonce. Expected nonce: 4", NonceGap),
            // erigon
            (-32000, "INTERNAL_ERROR: existing tx with same hash", Known),
            (-32000, "INTERNAL_ERROR: nonce too low", NonceTooLow),
            (
                -32000,
                "INTERNAL_ERROR: could not replace existing tx",
                ReplacementUnderpriced,
            ),
            (-32000, "INTERNAL_ERROR: underpriced", Underpriced),
            (-32000, "INTERNAL_ERROR: fee too low", Underpriced),
            (-32000, "fee cap less than block base fee", Underpriced),
            (-32000, "INTERNAL_ERROR: insufficient funds", Funds),
            // besu, arbitrum, gateways
            (-32000, "NONCE_TOO_LOW", NonceTooLow),
            (-32000, "GAS_PRICE_TOO_LOW", Underpriced),
            (-32000, "UPFRONT_COST_EXCEEDS_BALANCE", Funds),
            (-32000, "gas price too low", Underpriced),
            (-32603, "nonce too low", NonceTooLow),
            (-32000, "txpool is full", Unknown),
            (-32003, "invalid chain id for signer", Unknown),
            (-32603, "internal error", Unknown),
        ] {
            assert_eq!(SendOutcome::of(&refused(code, text)), outcome, "{code} {text}");
        }
    }

    #[test]
    fn no_answer_is_an_unknown_outcome() {
        let method = "eth_sendRawTransaction";
        assert_eq!(
            SendOutcome::of(&ChainError::Unreachable { method }),
            SendOutcome::Unknown
        );
    }
}
