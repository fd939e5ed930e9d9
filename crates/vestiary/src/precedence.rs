//! What wins when two rights of a wearable meet on the chain, as a table: `fixtures/rights.json` has the same cells
//! as data, and the tests of the contracts replay each of them.
//!
//! Four rules make all of it. What is marked lost does not move, is not lent, offered, taken, burned, chosen or revised,
//! other than by guardians, executors or issuer, whose delays are longer than a thief's patience is good for; and the
//! owner has no veto against them then. A move ends what the owner before began: loan, offer, approval, delegation and
//! recovery; a revocation and a choice outlive it. Who was named earlier comes first: the owner, then guardians,
//! executors, issuer. What anybody may do waits for a recovery, since it would defeat one.

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
        /// The issuer is recovering it, within the date of the terms.
        InIssuerRecovery = "in_issuer_recovery",
        /// The owner's guardians are recovering it.
        InGuardianRecovery = "in_guardian_recovery",
        /// The owner's executors have opened the estate that it belongs to.
        InEstate = "in_estate",
        /// Its owner offers it to a key.
        Offered = "offered",
        /// Its owner approved a market to move it.
        Approved = "approved",
        /// It was chosen over its piece, which is not yet attested to be retired.
        Choosing = "choosing",
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
        /// The owner chooses the piece, which burns the wearable.
        Choose = "choose",
        /// Anybody settles by default, the piece, what the owner did not choose in time.
        Settle = "settle",
        /// Issuer and custodian attest that the piece is retired.
        Attest = "attest",
        /// The owner marks it lost.
        MarkLost = "mark_lost",
        /// The owner asks to take the lost flag off.
        ClearLost = "clear_lost",
        /// The guardians take the lost flag off.
        GuardiansClearLost = "guardians_clear_lost",
        /// The guardians recover it to the owner's new account.
        GuardiansRecover = "guardians_recover",
        /// The guardians stop a recovery.
        GuardiansStop = "guardians_stop",
        /// The executors open the estate for an heir, and it is carried out.
        Inherit = "inherit",
        /// The issuer recovers it to the owner's new account.
        IssuerRecovers = "issuer_recovers",
        /// The owner vetoes the recovery that is under way; where none is, one of its guardians.
        Veto = "veto",
        /// The owner gives a sign of life.
        StillHere = "still_here",
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
        /// Who owns it, or did before a thief came.
        Owner = "owner",
        /// Who gets it next, and gets it free of others' rights.
        Buyer = "buyer",
        /// Whom the owner's will names.
        Heir = "heir",
        /// The issuer, who may always say what it thinks of it.
        Issuer = "issuer",
    }
}

/// What becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Allowed,
    /// The contract refuses with the error of this name, however long one waits.
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

const DAY_S: u64 = 24 * 3600;
/// Seconds between an owner's wish to take the lost flag off and its effect.
pub const CLEARING_S: u64 = 7 * DAY_S;
/// The shortest delay that an owner can give its guardians, in seconds; the table's.
pub const GUARDIANS_S: u64 = 7 * DAY_S;
/// The shortest moratorium of a will, in seconds; the table's.
pub const MORATORIUM_S: u64 = 30 * DAY_S;
/// Seconds of notice of an issuer's recovery.
pub const ISSUER_NOTICE_S: u64 = 30 * DAY_S;

/// What happens when `attempt` meets a wearable that is `standing`, and nothing else is true of it.
pub fn meet(standing: Standing, attempt: Attempt) -> Meeting {
    let outcome = outcome(standing, attempt);
    Meeting {
        outcome,
        ends: !matches!(outcome, Outcome::Blocked(_)) && ends(standing, attempt),
        protects: protects(standing, attempt, outcome),
    }
}

fn outcome(standing: Standing, attempt: Attempt) -> Outcome {
    use Attempt as A;
    use Standing as S;
    let pending = |error, after_s| Outcome::Pending { error, after_s };
    match (attempt, standing) {
        (A::DelegateActs, _) => Outcome::Blocked("NotTokenOwner"),
        (A::MarkLost | A::Revoke | A::StillHere, _)
        | (A::GuardiansClearLost, S::Lost)
        | (A::GuardiansStop, S::InGuardianRecovery | S::InIssuerRecovery)
        | (A::Attest, S::Choosing) => Outcome::Allowed,

        (A::ClearLost, S::Lost) => pending("LostNotClearing", CLEARING_S),
        (A::ClearLost, _) => Outcome::Blocked("TokenNotLost"),

        // Guardians come before all but the owner, executors before the issuer.
        (A::GuardiansClearLost | A::GuardiansStop, _) | (A::GuardiansRecover, S::InGuardianRecovery) => {
            Outcome::Blocked("NothingToDo")
        }
        (A::GuardiansRecover, _) => pending("NotReady", GUARDIANS_S),
        (A::Inherit, S::InGuardianRecovery) => Outcome::Blocked("NothingToBequeath"),
        (A::Inherit, _) => pending("InMoratorium", MORATORIUM_S),
        // Nor may anybody settle what is being brought back: that could burn it.
        (A::IssuerRecovers | A::Settle, S::InGuardianRecovery | S::InIssuerRecovery) => {
            Outcome::Blocked("TokenRecovering")
        }
        (A::IssuerRecovers, S::InEstate) => Outcome::Blocked("EstateIsOpen"),
        (A::IssuerRecovers, _) => pending("NotReady", ISSUER_NOTICE_S),

        (A::Attest, _) => Outcome::Blocked("NotChoosing"),
        (A::Choose | A::Settle, S::Choosing) => Outcome::Blocked("AlreadyChosen"),

        // Marking it lost ended the offer.
        (A::Take, S::Lost) => Outcome::Blocked("NotOffered"),
        // The veto too: a thief would have it.
        (_, S::Lost) => Outcome::Blocked("TokenLost"),
        _ => Outcome::Allowed,
    }
}

/// Whether `attempt`, once it is done, ends what is `standing`.
fn ends(standing: Standing, attempt: Attempt) -> bool {
    use Attempt as A;
    let moves = matches!(
        attempt,
        A::Give
            | A::Sell
            | A::Take
            | A::Burn
            | A::Choose
            | A::Settle
            | A::GuardiansRecover
            | A::Inherit
            | A::IssuerRecovers
    );
    match standing {
        Standing::Lent => moves || attempt == A::Lend,
        Standing::Offered => moves || matches!(attempt, A::Offer | A::MarkLost),
        Standing::Delegated | Standing::Approved => moves,
        Standing::Lost => moves || matches!(attempt, A::ClearLost | A::GuardiansClearLost),
        Standing::InIssuerRecovery | Standing::InGuardianRecovery => {
            moves || matches!(attempt, A::GuardiansStop | A::Veto)
        }
        Standing::InEstate => moves || attempt == A::StillHere,
        Standing::Choosing => attempt == A::Attest,
        Standing::Revoked => false,
    }
}

fn protects(standing: Standing, attempt: Attempt, outcome: Outcome) -> Protected {
    let done = !matches!(outcome, Outcome::Blocked(_));
    match attempt {
        Attempt::Revoke => Protected::Issuer,
        Attempt::Sell | Attempt::Take | Attempt::Attest if done => Protected::Buyer,
        Attempt::Inherit if done => Protected::Heir,
        Attempt::IssuerRecovers if standing == Standing::InEstate => Protected::Heir,
        _ => Protected::Owner,
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
