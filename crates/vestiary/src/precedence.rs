//! What wins when two rights of a wearable meet on the chain, as a table: `fixtures/rights.json` has the same cells
//! as data, and the tests of the contracts replay each of them.
//!
//! Two rules make all of it. What is marked lost does not move, is not lent, offered, taken, burned or revised. A move
//! ends what the owner before began: loan, offer, approval and delegation; a revocation outlives it.

use crate::text::words;

words! {
    /// What is already true of a wearable.
    Standing {
        /// Somebody beside the owner uses it (ERC-4907).
        Lent = "lent",
        /// The owner's account has named a delegate, in a registry that the contracts never ask.
        Delegated = "delegated",
        /// The owner marked it lost.
        Lost = "lost",
        /// Its owner offers it to a key.
        Offered = "offered",
        /// Its owner approved a market to move it.
        Approved = "approved",
        /// The issuer revoked it.
        Revoked = "revoked",
    }
}

words! {
    /// What somebody, with the right to do it, tries next.
    Attempt {
        /// The owner gives it away.
        Give = "give",
        /// The approved market moves it to a buyer.
        Sell = "sell",
        /// The key to which it was offered takes it.
        Take = "take",
        /// The owner lends it.
        Lend = "lend",
        /// The owner offers it to a key.
        Offer = "offer",
        /// The owner burns it.
        Burn = "burn",
        /// The owner marks it lost.
        MarkLost = "mark_lost",
        /// The owner asks to take the lost flag off.
        ClearLost = "clear_lost",
        /// The owner accepts a revision of its design.
        Revise = "revise",
        /// The issuer revokes it.
        Revoke = "revoke",
        /// A delegate tries to do what owners do.
        DelegateActs = "delegate_acts",
    }
}

words! {
    /// Whom a cell of the table protects.
    Protected {
        /// Who owns it.
        Owner = "owner",
        /// Who gets it next, and gets it free of others' rights.
        Buyer = "buyer",
        /// The issuer, who may always say what it thinks of it.
        Issuer = "issuer",
    }
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Allowed,
    /// The contract refuses with the error of this name.
    Blocked(&'static str),
    /// It is refused with the error of this name until so many seconds after it was asked for, and done then.
    Pending {
        /// The refusal before that.
        error: &'static str,
        /// Seconds from the wish to its effect.
        after_s: u64,
    },
}

/// A cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meeting {
    /// What becomes of the attempt.
    pub outcome: Outcome,
    /// Whether what was true before no longer is, once the attempt is done.
    pub ends: bool,
    /// For whose sake it is so.
    pub protects: Protected,
}

/// Seconds between an owner's wish to take the lost flag off and its effect.
pub const CLEARING_S: u64 = 7 * 24 * 3600;

/// What happens when `attempt` meets a wearable that is `standing`.
pub fn meet(standing: Standing, attempt: Attempt) -> Meeting {
    let outcome = match (standing, attempt) {
        (_, Attempt::DelegateActs) => Outcome::Blocked("NotTokenOwner"),
        (Standing::Lost, Attempt::ClearLost) => Outcome::Pending {
            error: "LostNotClearing",
            after_s: CLEARING_S,
        },
        (_, Attempt::ClearLost) => Outcome::Blocked("TokenNotLost"),
        (_, Attempt::MarkLost | Attempt::Revoke) => Outcome::Allowed,
        // Marking it lost ended the offer.
        (Standing::Lost, Attempt::Take) => Outcome::Blocked("NotOffered"),
        (Standing::Lost, _) => Outcome::Blocked("TokenLost"),
        _ => Outcome::Allowed,
    };
    let moves = matches!(
        attempt,
        Attempt::Give | Attempt::Sell | Attempt::Take | Attempt::Burn
    );
    let ends = match standing {
        Standing::Lent => moves || attempt == Attempt::Lend,
        Standing::Offered => moves || matches!(attempt, Attempt::Offer | Attempt::MarkLost),
        Standing::Delegated | Standing::Approved => moves,
        Standing::Lost => attempt == Attempt::ClearLost,
        Standing::Revoked => false,
    };
    let protects = match attempt {
        Attempt::Revoke => Protected::Issuer,
        Attempt::Sell | Attempt::Take if outcome == Outcome::Allowed => Protected::Buyer,
        _ => Protected::Owner,
    };
    Meeting {
        outcome,
        ends,
        protects,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Table {
        format: String,
        cells: Vec<Cell>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Cell {
        when: String,
        then: String,
        outcome: String,
        error: String,
        after_s: u64,
        ends: bool,
        protects: String,
    }

    #[test]
    fn every_cell_is_that_of_the_table_which_the_contracts_replay() {
        let table: Table = serde_json::from_str(include_str!("../../../fixtures/rights.json")).unwrap();
        assert_eq!(table.format, "vestiary/rights-table/v1");
        let mut expected = Standing::ALL
            .iter()
            .flat_map(|standing| Attempt::ALL.iter().map(move |attempt| (*standing, *attempt)));
        for cell in &table.cells {
            let name = format!("{} × {}", cell.when, cell.then);
            let (standing, attempt) = expected.next().expect("no cell twice");
            assert_eq!(
                (cell.when.as_str(), cell.then.as_str()),
                (standing.as_str(), attempt.as_str())
            );
            let meeting = meet(standing, attempt);
            let (outcome, error, after_s) = match meeting.outcome {
                Outcome::Allowed => ("allowed", "", 0),
                Outcome::Blocked(error) => ("blocked", error, 0),
                Outcome::Pending { error, after_s } => ("pending", error, after_s),
            };
            assert_eq!(
                (cell.outcome.as_str(), cell.error.as_str(), cell.after_s),
                (outcome, error, after_s),
                "{name}"
            );
            assert_eq!(cell.ends, meeting.ends, "{name}");
            assert_eq!(cell.protects, meeting.protects.as_str(), "{name}");
        }
        assert_eq!(expected.next(), None, "a cell is missing");
    }
}
