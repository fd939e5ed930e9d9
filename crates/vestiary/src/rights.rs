//! Who may wear what: the rights word of a token, the table of what each status blocks, and the decision.

use alloy_primitives::{Address, U256};

use crate::{
    text::words,
    world::{Fit, Misfit},
};

/// A token's storage word: owner, the user's expiry, flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RightsWord(pub U256);

impl RightsWord {
    /// The owner; zero when it was never minted or is burned.
    pub fn owner(self) -> Address {
        Address::from_word(self.0.into())
    }

    /// Until when a borrower may use it: unix seconds, that second included; 0 without borrower.
    pub fn user_until(self) -> u64 {
        self.0.wrapping_shr(160).as_limbs()[0] & ((1 << 40) - 1)
    }

    /// The statuses that its flags stand for.
    pub fn statuses(self) -> impl Iterator<Item = Status> {
        let flags = [
            (200, Status::Burned),
            (201, Status::Lost),
            (202, Status::Revoked),
            (203, Status::Recovering),
            (204, Status::Choosing),
        ];
        flags
            .into_iter()
            .filter(move |(bit, _)| self.0.bit(*bit))
            .map(|(_, status)| status)
    }

    /// Whether its owner offers it to a key, which may take it. Says nothing against wearing or selling it.
    pub fn is_offered(self) -> bool {
        self.0.bit(205)
    }

    /// Whether the recovery that is under way is that of its owner's guardians; without it, the issuer's.
    pub fn is_recovered_by_guardians(self) -> bool {
        self.0.bit(206)
    }

    /// Whether it was chosen over its piece, and the piece is retired. Says nothing against wearing or selling it.
    pub fn is_kept(self) -> bool {
        self.0.bit(207)
    }

    /// Who attested that its piece is retired: the issuer, the custodian of the piece.
    pub fn attested(self) -> (bool, bool) {
        (self.0.bit(208), self.0.bit(209))
    }

    /// Whether a flag is set that this version does not know. Then what the token may do is unknown too.
    pub fn has_unknown_flags(self) -> bool {
        self.0.wrapping_shr(210) != U256::ZERO
    }
}

words! {
    /// Something that is true of a wearable and that its owner, a buyer or a world should know.
    Status {
        /// Destroyed by its owner, for good.
        Burned = "burned",
        /// The owner says that somebody else has the wallet.
        Lost = "lost",
        /// Taken back by the issuer, within its published limits.
        Revoked = "revoked",
        /// Being recovered for its owner, by guardians or by the issuer.
        Recovering = "recovering",
        /// Chosen over its piece, which is not yet attested to be retired.
        Choosing = "choosing",
        /// The issuer calls the pieces back.
        Recalled = "recalled",
        /// Somebody disputes it.
        Disputed = "disputed",
        /// The key that signed the certificate was declared compromised from then on.
        Repudiated = "repudiated",
    }
}

words! {
    /// What a status can block.
    Act {
        /// Wearing it in a world.
        Wear = "wear",
        /// Selling it.
        Sell = "sell",
    }
}

impl Status {
    /// What the status blocks. Being recalled or disputed undresses nobody.
    pub const fn blocks(self) -> &'static [Act] {
        match self {
            Self::Burned | Self::Lost | Self::Revoked => &[Act::Wear, Act::Sell],
            Self::Recovering | Self::Choosing | Self::Recalled | Self::Disputed | Self::Repudiated => {
                &[Act::Sell]
            }
        }
    }

    /// Whether the status blocks `act`.
    pub fn blocks_act(self, act: Act) -> bool {
        self.blocks().contains(&act)
    }
}

words! {
    /// May it be worn here?
    Wear {
        /// It may.
        Yes = "yes",
        /// It may not.
        No = "no",
        /// Nobody can say now. A world keeps what it shows until `keep_until` and never blocks a log-in.
        Unknown = "unknown",
    }
}

words! {
    /// Why an answer is [`Wear::Unknown`].
    Gap {
        /// The node has not shown a new block for too long.
        ChainBehind = "chain_behind",
        /// The chain contradicts what was final, and is not followed any more.
        ChainHalted = "chain_halted",
        /// The log has not been read far enough.
        LogBehind = "log_behind",
        /// A source did not answer in time.
        SourceTimeout = "source_timeout",
        /// The token has flags that this version does not know.
        UnknownFlags = "unknown_flags",
        /// The certificate that the chain names is in no log that was read.
        CertificateMissing = "certificate_missing",
        /// The design document that the chain names is not at hand.
        DesignMissing = "design_missing",
        /// The file for this world is not at hand.
        FileMissing = "file_missing",
    }
}

/// What is known of one wearable and one wearer when a world asks.
#[derive(Debug, Clone)]
pub struct Facts<'a> {
    /// What is missing, the worst first; empty when all is known.
    pub gaps: &'a [Gap],
    /// From the flags and the log.
    pub statuses: &'a [Status],
    /// Until when the wearer may use it, unix seconds, that second included; 0 for owners.
    pub until: u64,
    /// Timestamp of the block of the answer, the only clock here.
    pub block_time: u64,
    /// What the world can load; `None` when no world was named.
    pub fit: Option<&'a Fit<'a>>,
}

/// The answer, with the reason as a code and in words; both empty for [`Wear::Yes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The answer.
    pub wear: Wear,
    /// Stable code of the first reason.
    pub why: &'static str,
    /// All reasons in words, with numbers.
    pub why_text: String,
}

/// Decides whether a wearable may be worn.
///
/// | in this order | answer | why |
/// |---|---|---|
/// | the chain, log or a source is not up to date, or flags are unknown | unknown | the gap |
/// | a status blocks wearing | no | the status |
/// | the loan is over | no | `expired` |
/// | certificate, design or file is not at hand | unknown | the gap |
/// | the world can load none of its files | no | the first reason of [`fit`](crate::world::fit) |
/// | otherwise | yes | |
pub fn decide(facts: &Facts<'_>) -> Decision {
    let gap = |stale: bool| facts.gaps.iter().copied().find(|gap| gap.is_stale() == stale);
    if let Some(gap) = gap(true) {
        return Decision::unknown(gap);
    }
    if let Some(status) = facts.statuses.iter().find(|status| status.blocks_act(Act::Wear)) {
        return Decision::no(status.as_str(), format!("the wearable is {status}"));
    }
    if facts.until != 0 && facts.until < facts.block_time {
        let text = format!("lent until {}, the block is of {}", facts.until, facts.block_time);
        return Decision::no("expired", text);
    }
    if let Some(gap) = gap(false) {
        return Decision::unknown(gap);
    }
    match facts.fit {
        Some(Fit::Nothing(misfits)) => {
            let texts: Vec<String> = misfits.iter().map(ToString::to_string).collect();
            Decision::no(misfits.first().map_or("no_files", Misfit::code), texts.join("; "))
        }
        Some(Fit::Exact(_) | Fit::Fallback(_)) | None => Decision {
            wear: Wear::Yes,
            why: "",
            why_text: String::new(),
        },
    }
}

impl Gap {
    /// Whether what is known may have changed since, so that not even a *no* can be given.
    const fn is_stale(self) -> bool {
        match self {
            Self::ChainBehind
            | Self::ChainHalted
            | Self::LogBehind
            | Self::SourceTimeout
            | Self::UnknownFlags => true,
            Self::CertificateMissing | Self::DesignMissing | Self::FileMissing => false,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::ChainBehind => "the chain has not been heard of for too long",
            Self::ChainHalted => "the chain is not followed any more; this is its last final state",
            Self::LogBehind => "the log has not been read far enough",
            Self::SourceTimeout => "a source did not answer in time",
            Self::UnknownFlags => "the token has flags that this version does not know",
            Self::CertificateMissing => "the certificate is not at hand",
            Self::DesignMissing => "the design document is not at hand",
            Self::FileMissing => "the file is not at hand",
        }
    }
}

impl Decision {
    fn unknown(gap: Gap) -> Self {
        Self {
            wear: Wear::Unknown,
            why: gap.as_str(),
            why_text: gap.text().into(),
        }
    }

    fn no(why: &'static str, why_text: String) -> Self {
        Self {
            wear: Wear::No,
            why,
            why_text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::subsequence};

    const KNOWN: Facts<'_> = Facts {
        gaps: &[],
        statuses: &[],
        until: 0,
        block_time: 1_000,
        fit: None,
    };

    fn answer(facts: &Facts<'_>) -> (Wear, &'static str) {
        let decision = decide(facts);
        assert_eq!(decision.wear == Wear::Yes, decision.why.is_empty());
        assert_eq!(decision.why.is_empty(), decision.why_text.is_empty());
        (decision.wear, decision.why)
    }

    #[test]
    fn nothing_against_it_is_a_yes() {
        assert_eq!(answer(&KNOWN), (Wear::Yes, ""));
    }

    #[test]
    fn each_status_blocks_what_the_table_says() {
        let rows = [
            ("burned", "no", "wear sell"),
            ("lost", "no", "wear sell"),
            ("revoked", "no", "wear sell"),
            ("recovering", "yes", "sell"),
            ("choosing", "yes", "sell"),
            ("recalled", "yes", "sell"),
            ("disputed", "yes", "sell"),
            ("repudiated", "yes", "sell"),
        ];
        assert_eq!(rows.len(), Status::ALL.len());
        for (status, wear, blocks) in rows {
            let status: Status = status.parse().unwrap();
            assert_eq!(
                answer(&Facts {
                    statuses: &[status],
                    ..KNOWN
                })
                .0
                .as_str(),
                wear,
                "{status}"
            );
            let blocked: Vec<&str> = status.blocks().iter().map(|act| act.as_str()).collect();
            assert_eq!(blocked.join(" "), blocks, "{status}");
        }
    }

    #[test]
    fn a_chain_that_is_behind_makes_even_a_burned_wearable_unknown() {
        let facts = Facts {
            gaps: &[Gap::ChainBehind],
            statuses: &[Status::Burned],
            ..KNOWN
        };
        assert_eq!(answer(&facts), (Wear::Unknown, "chain_behind"));
    }

    #[test]
    fn a_missing_file_does_not_hide_that_wearing_is_blocked() {
        let facts = Facts {
            gaps: &[Gap::FileMissing],
            statuses: &[Status::Lost],
            ..KNOWN
        };
        assert_eq!(answer(&facts), (Wear::No, "lost"));
        let facts = Facts {
            gaps: &[Gap::FileMissing],
            ..KNOWN
        };
        assert_eq!(answer(&facts), (Wear::Unknown, "file_missing"));
    }

    #[test]
    fn a_loan_ends_after_its_last_second() {
        assert_eq!(
            answer(&Facts {
                until: 1_000,
                ..KNOWN
            }),
            (Wear::Yes, "")
        );
        assert_eq!(answer(&Facts { until: 999, ..KNOWN }), (Wear::No, "expired"));
    }

    #[test]
    fn a_world_that_can_load_nothing_hears_every_reason() {
        let misfits = vec![
            Misfit::TooManyTriangles {
                found: 4800,
                limit: 2000,
            },
            Misfit::TextureTooLarge {
                found_px: 1024,
                limit_px: 512,
            },
        ];
        let decision = decide(&Facts {
            fit: Some(&Fit::Nothing(misfits)),
            ..KNOWN
        });
        assert_eq!((decision.wear, decision.why), (Wear::No, "too_many_triangles"));
        let text = "4800 triangles, this world takes 2000; a texture of 1024 px, this world takes 512 px";
        assert_eq!(decision.why_text, text);
    }

    #[test]
    fn the_word_reads_as_the_contract_writes_it() {
        let owner = Address::repeat_byte(0xab);
        let word = U256::from_be_bytes(owner.into_word().0);
        let all: U256 = word | (U256::from(77) << 160) | (U256::from(0b1_1111) << 200);
        assert_eq!(
            (RightsWord(all).owner(), RightsWord(all).user_until()),
            (owner, 77)
        );
        assert_eq!(RightsWord(all).statuses().count(), 5);
        assert!(!RightsWord(all).has_unknown_flags());
        assert_eq!(RightsWord(word).statuses().next(), None);
        assert_eq!(
            RightsWord(U256::from(1) << 200).statuses().next(),
            Some(Status::Burned)
        );
        let offered = RightsWord(word | (U256::from(1) << 205));
        assert!(offered.is_offered() && !offered.has_unknown_flags());
        assert_eq!(offered.statuses().next(), None);
        let kept = RightsWord(word | (U256::from(0b1111) << 206));
        assert!(kept.is_recovered_by_guardians() && kept.is_kept() && !kept.has_unknown_flags());
        assert_eq!(kept.attested(), (true, true));
        assert_eq!(kept.statuses().next(), None);
        assert!(!offered.is_kept() && !offered.is_recovered_by_guardians());
        assert_eq!(offered.attested(), (false, false));
        assert!(RightsWord(U256::from(1) << 210).has_unknown_flags());
    }

    proptest! {
        #[test]
        fn yes_is_only_said_when_nothing_speaks_against_it(
            gaps in subsequence(Gap::ALL, 0..3),
            statuses in subsequence(Status::ALL, 0..4),
            until in prop_oneof![Just(0), 998u64..1_003],
            fits in prop::option::of(any::<bool>()),
        ) {
            let nothing = Fit::Nothing(vec![Misfit::NoFiles]);
            let fit = fits.filter(|fits| !fits).map(|_| &nothing);
            let decision = decide(&Facts { gaps: &gaps, statuses: &statuses, until, fit, ..KNOWN });
            let against = !gaps.is_empty()
                || statuses.iter().any(|status| status.blocks_act(Act::Wear))
                || (until != 0 && until < 1_000)
                || fit.is_some();
            prop_assert_eq!(decision.wear == Wear::Yes, !against);
            prop_assert!(decision.wear != Wear::Unknown || !gaps.is_empty());
        }

        #[test]
        fn any_word_is_read_without_panic(word: [u8; 32]) {
            let word = RightsWord(U256::from_be_bytes(word));
            let _ = (word.owner(), word.user_until(), word.statuses().count(), word.has_unknown_flags());
        }
    }
}
