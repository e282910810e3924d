//! `dateline completions`: for shells.

use clap::CommandFactory;

use super::{Cli, CliError, Exit, output};

/// Print a completion script for a shell
///
/// For bash: `dateline completions bash > ~/.local/share/bash-completion/completions/dateline`
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The shell
    shell: clap_complete::Shell,
}

/// Runs `dateline completions`.
pub fn run(args: &Args) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "dateline", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
