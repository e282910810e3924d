//! `dateline man`: manual pages.

use std::path::{Path, PathBuf};

use clap::CommandFactory;

use super::{Cli, CliError, Exit, output};

/// Print the manual page, or write one page for every command into a folder
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Write `dateline.1`, `dateline-check.1` … into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs `dateline man`.
pub fn run(args: &Args) -> Result<Exit, CliError> {
    let mut command = Cli::command();
    command.build();
    match &args.out {
        None => output::print(&String::from_utf8_lossy(&page(command)?))?,
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            write_all(dir, command)?;
        }
    }
    Ok(Exit::Done)
}

fn page(command: clap::Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}

fn write_all(dir: &Path, command: clap::Command) -> std::io::Result<()> {
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        write_all(dir, sub.clone())?;
    }
    // `build` has given every subcommand its full name: `dateline-contacts-import`.
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    std::fs::write(dir.join(format!("{name}.1")), page(command)?)
}
