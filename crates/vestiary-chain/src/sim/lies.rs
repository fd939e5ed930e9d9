//! How a node can be wrong.

use std::collections::BTreeMap;

use crate::sim::Seeded;

/// One way to answer wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lie {
    /// No answer, ever.
    Silence,
    /// The connection breaks.
    Disconnect,
    /// HTTP 429 in JSON-RPC clothes.
    RateLimit,
    /// HTTP 429 with `Retry-After`.
    RateLimitFor,
    /// An internal error without meaning.
    InternalError,
    /// Answered by a node that has not seen the last blocks, or sees a branch that was replaced.
    StaleView,
    /// Answered by a node of another chain with the same id.
    OtherChain,
    /// A block that exists is said not to.
    NoBlock,
    /// A header with another hash than its own.
    WrongHash,
    /// An empty list of logs.
    EmptyLogs,
    /// One log is left out.
    MissingLog,
    /// One log comes twice.
    DuplicateLog,
    /// Logs out of order.
    ShuffledLogs,
    /// A log of another block.
    ForeignLog,
    /// The range is refused, with the same range as a suggestion.
    RangeRefused,
    /// A transaction is taken, and the answer is `already known`.
    TakenButKnown,
    /// A transaction is taken, and the answer is `nonce too low`.
    TakenButNonceTooLow,
    /// A transaction is taken, and the answer never comes.
    TakenButSilent,
    /// A transaction is thrown away, and the answer is its hash.
    ThrownAway,
    /// A receipt that exists is said not to.
    NoReceipt,
    /// Receipts without their logs.
    EmptyReceipts,
    /// Receipts with every log that any branch ever had.
    InventedLogs,
    /// The account has sent [`SIM_NONCE_LEAP`] transactions more than it has.
    NonceTooHigh,
    /// A call needs more gas than any block has.
    GasTooHigh,
}

impl Lie {
    /// Every lie.
    pub const ALL: [Self; 24] = [
        Self::Silence,
        Self::Disconnect,
        Self::RateLimit,
        Self::RateLimitFor,
        Self::InternalError,
        Self::StaleView,
        Self::OtherChain,
        Self::NoBlock,
        Self::WrongHash,
        Self::EmptyLogs,
        Self::MissingLog,
        Self::DuplicateLog,
        Self::ShuffledLogs,
        Self::ForeignLog,
        Self::RangeRefused,
        Self::TakenButKnown,
        Self::TakenButNonceTooLow,
        Self::TakenButSilent,
        Self::ThrownAway,
        Self::NoReceipt,
        Self::EmptyReceipts,
        Self::InventedLogs,
        Self::NonceTooHigh,
        Self::GasTooHigh,
    ];

    /// Whether the lie makes sense as the answer to a method.
    pub fn fits(self, method: &str) -> bool {
        match self {
            Self::Silence | Self::Disconnect | Self::RateLimit | Self::RateLimitFor | Self::InternalError => {
                true
            }
            Self::StaleView | Self::OtherChain => !matches!(method, "eth_sendRawTransaction" | "eth_chainId"),
            Self::NoBlock | Self::WrongHash => method.starts_with("eth_getBlockBy"),
            Self::EmptyLogs
            | Self::MissingLog
            | Self::DuplicateLog
            | Self::ShuffledLogs
            | Self::ForeignLog
            | Self::RangeRefused => method == "eth_getLogs",
            Self::TakenButKnown | Self::TakenButNonceTooLow | Self::TakenButSilent | Self::ThrownAway => {
                method == "eth_sendRawTransaction"
            }
            Self::NoReceipt => method == "eth_getTransactionReceipt",
            Self::EmptyReceipts | Self::InventedLogs => {
                matches!(method, "eth_getBlockReceipts" | "eth_getTransactionReceipt")
            }
            Self::NonceTooHigh => method == "eth_getTransactionCount",
            Self::GasTooHigh => method == "eth_estimateGas",
        }
    }
}

/// Seconds that [`Lie::RateLimitFor`] asks for, unless it was told otherwise.
pub const SIM_RETRY_AFTER_S: u64 = 9;

/// How much too high [`Lie::NonceTooHigh`] is.
pub const SIM_NONCE_LEAP: u64 = 1_000_000;
/// The gas of [`Lie::GasTooHigh`].
pub(super) const ABSURD_GAS: u64 = 1 << 40;

/// Which lies, and how often, from a seed.
#[derive(Debug, Clone)]
pub struct LiePlan {
    /// Numbers.
    pub seeded: Seeded,
    /// Of 1,000 answers so many are lies.
    pub per_mille: u64,
    /// Among these, where they fit.
    pub lies: Vec<Lie>,
}

#[derive(Default)]
pub(super) struct Liar {
    pub(super) plan: Option<LiePlan>,
    pub(super) next: Vec<(&'static str, Lie)>,
    pub(super) told: BTreeMap<Lie, usize>,
    /// What [`Lie::RateLimitFor`] asks for in the place of [`SIM_RETRY_AFTER_S`].
    pub(super) retry_after_s: Option<u64>,
}

impl Liar {
    /// The lie for one call, if it gets one.
    pub(super) fn choose(&mut self, method: &str) -> Option<Lie> {
        let lie = self.pick(method)?;
        *self.told.entry(lie).or_default() += 1;
        Some(lie)
    }

    fn pick(&mut self, method: &str) -> Option<Lie> {
        if let Some(place) = self.next.iter().position(|(asked, _)| *asked == method) {
            return Some(self.next.remove(place).1);
        }
        let plan = self.plan.as_mut()?;
        if !plan.seeded.chance(plan.per_mille) {
            return None;
        }
        let fitting: Vec<Lie> = plan.lies.iter().copied().filter(|lie| lie.fits(method)).collect();
        let place = plan.seeded.below(fitting.len() as u64);
        fitting.get(usize::try_from(place).unwrap_or_default()).copied()
    }
}
