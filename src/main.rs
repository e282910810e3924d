//! Parses, runs, returns an exit code; nothing else.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    dateline::cli::run(dateline::cli::Cli::parse())
}
