//! The executable `vestiary`: every verb is a file below `cli`, the development ledger below `dev`.

mod cli;
mod dev;

fn main() -> std::process::ExitCode {
    cli::main()
}
