//! The command line: one command, one file; the only place that prints.
//!
//! Data goes to stdout, progress and errors to stderr. A command returns what it has to say
//! about its success as an [`Exit`], and every failure as a [`CliError`], which is printed and
//! turned into an exit code here and nowhere else.

pub mod check;
mod completions;
mod contacts;
mod context;
mod daemon;
pub mod demo;
mod dispatch;
mod doctor;
mod error;
mod explain;
mod hold;
mod import;
mod init;
mod issue;
mod ledger;
mod log;
mod logs;
mod man;
mod new;
mod output;
pub mod plan;
mod preview;
mod progress;
mod render;
mod resolve;
mod schema;
mod signals;
mod status;
mod test_send;
mod witnesses;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use error::{CliError, Exit};
pub use output::Format;

use crate::clock::Clock;
use crate::newsroom::Newsroom;

/// GitOps for press releases: the approved text, to the right people, on every channel,
/// at the right time, once; and a record that proves it.
#[derive(Parser, Debug)]
#[command(name = "dateline", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// The newsroom's folder [default: the nearest folder above that holds `dateline.yaml`]
    #[arg(long, global = true, value_name = "DIR", env = "DATELINE_NEWSROOM")]
    newsroom: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Demo(demo::Args),
    Init(init::Args),
    New(new::Args),
    Import(import::Args),
    Check(check::Args),
    Plan(plan::Args),
    Render(render::Args),
    Preview(preview::Args),
    TestSend(test_send::Args),
    Issue(issue::Args),
    Dispatch(dispatch::Args),
    Daemon(daemon::Args),
    Status(status::Args),
    Log(log::Args),
    Hold(hold::HoldArgs),
    Resume(hold::ResumeArgs),
    Resolve(resolve::Args),
    Ledger(ledger::Args),
    Explain(explain::Args),
    Contacts(contacts::Args),
    Suppress(contacts::SuppressArgs),
    Doctor(doctor::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// What every command is handed.
pub struct Ctx {
    /// `--newsroom`, if it was given.
    pub newsroom: Option<PathBuf>,
    /// The time.
    pub clock: Clock,
}

/// A core would hold texts under embargo, addresses and secrets, in a file that others may read. Where that cannot be switched off it
/// stays as the system has it.
fn no_core_dumps() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Core).maximum;
    if let Err(error) = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum }) {
        tracing::debug!(%error, "core dumps are not switched off");
    }
}

/// Runs the command and prints what went wrong.
pub fn run(cli: Cli) -> ExitCode {
    #[cfg(feature = "crashpoints")]
    if let Some(Err(why)) = crate::config::crash().map(|wish| crate::crashpoint::arm(&wish)) {
        let error = CliError::usage(why).hint("look at DATELINE_CRASH");
        error.print();
        return error.exit.into();
    }
    no_core_dumps();
    let ctx = Ctx { newsroom: cli.newsroom, clock: Clock::system() };
    let result = match cli.command {
        Command::Demo(args) => demo::run(&ctx, &args),
        Command::Init(args) => init::run(&ctx, &args),
        Command::New(args) => new::run(&ctx, &args),
        Command::Import(args) => import::run(&ctx, &args),
        Command::Check(args) => check::run(&ctx, &args),
        Command::Plan(args) => plan::run(&ctx, &args),
        Command::Render(args) => render::run(&ctx, &args),
        Command::Preview(args) => preview::run(&ctx, &args),
        Command::TestSend(args) => test_send::run(&ctx, &args),
        Command::Issue(args) => issue::run(&ctx, &args),
        Command::Dispatch(args) => dispatch::run(&ctx, &args),
        Command::Daemon(args) => daemon::run(&ctx, &args),
        Command::Status(args) => status::run(&ctx, &args),
        Command::Log(args) => log::run(&ctx, &args),
        Command::Hold(args) => hold::hold(&ctx, &args),
        Command::Resume(args) => hold::resume(&ctx, &args),
        Command::Resolve(args) => resolve::run(&ctx, &args),
        Command::Ledger(args) => ledger::run(&ctx, &args),
        Command::Explain(args) => explain::run(&ctx, &args),
        Command::Contacts(args) => contacts::run(&ctx, &args),
        Command::Suppress(args) => contacts::suppress(&ctx, &args),
        Command::Doctor(args) => doctor::run(&ctx, &args),
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => {
            error.print();
            error.exit.into()
        }
    }
}

/// Names in a sentence.
fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Ends the command if there is no such release, or if it has errors.
fn known_release(newsroom: &Newsroom, slug: &str) -> Result<(), CliError> {
    if newsroom.releases.contains_key(slug) {
        return Ok(());
    }
    if newsroom.sources.iter().any(|file| file.slug == slug) {
        return Err(CliError::refused(format!("`{slug}` has errors")).hint("`dateline check` says which"));
    }
    Err(CliError::usage(format!("there is no release `{slug}`"))
        .hint(format!("there are {}", list(newsroom.releases.keys()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
