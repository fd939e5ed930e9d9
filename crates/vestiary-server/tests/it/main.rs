//! The service with real parts: Anvil, contracts, key files, journal, log, mirror, HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(
    clippy::similar_names,
    reason = "what is sent and what is said stand beside each other"
)]
#![expect(clippy::single_match_else, reason = "two ways that it may end are two arms")]
#![expect(clippy::too_many_lines, reason = "a table of cases is read as one")]
#![expect(clippy::print_stdout, reason = "what ran and what is missing is said")]

mod abandoned;
mod alarms;
mod answering;
mod architecture;
mod beginnings;
mod clock;
mod command_line;
mod connections;
mod damage;
mod deceived;
mod deploying;
mod description;
mod halted;
mod keys;
mod killed;
mod lanes;
mod liars;
mod load;
mod one_lane;
mod operation;
mod paging;
mod papers;
mod power;
mod product_lists;
mod rejected;
mod reorganised;
mod repudiated;
mod simulated;
mod storage;
mod story;
mod support;
mod told;
mod watched;
mod without_effect;
mod world;
