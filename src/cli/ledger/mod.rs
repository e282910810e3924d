//! `dateline ledger`: copies, health and memory of the ledger itself.

mod evidence;
mod reconcile;

use std::path::PathBuf;

use clap::Subcommand;
use indicatif::ProgressBar;

use super::{CliError, Ctx, Exit, Format, output};
use crate::ledger::{Copied, Ledger};

/// Copy, restore, verify and reconcile the ledger
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Bring the ledger to this Dateline's schema
    ///
    /// Opening a ledger in a file does the same. An older Dateline refuses it afterwards.
    Migrate(FormatArgs),
    /// Write a copy of the ledger, also while a daemon runs, and verify the copy
    Backup(FileArgs),
    /// Put a copy in the ledger's place; everything is held afterwards
    ///
    /// Refused while a daemon runs. What was there is kept beside it, as `ledger.db.before-…`. A copy does not know what was
    /// sent after it was made: `dateline ledger reconcile` finds out, `dateline resume --after-restore` goes on.
    Restore(FileArgs),
    /// Look for contradictions: audit chain, counts, attempts, keys, texts, the database itself
    ///
    /// Ends with 1 if there are any.
    Verify(FormatArgs),
    /// Find out what was sent that the ledger does not know of
    ///
    /// Asks the channels that can be asked, and takes in evidence. What is found is recorded as sent; nothing is sent. Ends
    /// with 1 while something is in doubt.
    Reconcile(reconcile::Args),
}

#[derive(clap::Args, Debug)]
struct FormatArgs {
    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(clap::Args, Debug)]
struct FileArgs {
    /// The copy
    file: PathBuf,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `dateline ledger`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    match &args.command {
        Command::Migrate(args) => migrate(ctx, args),
        Command::Backup(args) => backup(ctx, args),
        Command::Restore(args) => restore(ctx, args),
        Command::Verify(args) => verify(ctx, args),
        Command::Reconcile(args) => reconcile::run(ctx, args),
    }
}

fn migrate(ctx: &Ctx, args: &FormatArgs) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let done = ctx.block_on(async { Ok(Ledger::migrate(&open.ledger_config()?, ctx.clock.now()).await?) })?;
    match args.format {
        Format::Json => output::print_json(&serde_json::to_value(done)?)?,
        Format::Human if done.from == done.to => {
            output::say(format_args!("The ledger has schema {}; nothing to do.", done.to))?;
        }
        Format::Human => output::say(format_args!("Schema {} became {}.", done.from, done.to))?,
    }
    Ok(Exit::Done)
}

fn backup(ctx: &Ctx, args: &FileArgs) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let copied = ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let copied = during("copying and verifying", ledger.backup(&args.file)).await?;
        ledger.close(ctx.clock.now()).await?;
        Ok::<_, CliError>(copied)
    })?;
    tell(args, &copied, "Copied the ledger to")?;
    Ok(Exit::Done)
}

fn restore(ctx: &Ctx, args: &FileArgs) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let config = open.ledger_config()?;
    let (user, now) = (ctx.user(), ctx.clock.now());
    let copied = ctx.block_on(async {
        Ok(during("verifying and copying", Ledger::restore(&config, &args.file, &user, now)).await?)
    })?;
    tell(args, &copied, "The ledger is now")?;
    if args.format == Format::Human {
        output::print(
            "Everything is held: the copy does not know what was sent after it was made.\n\
             Find out: `dateline ledger reconcile --evidence MAIL.LOG`; then `dateline resume --after-restore`.\n",
        )?;
    }
    Ok(Exit::Done)
}

fn tell(args: &FileArgs, copied: &Copied, what: &str) -> Result<(), CliError> {
    match args.format {
        Format::Json => output::print_json(&serde_json::to_value(copied)?)?,
        Format::Human => output::say(format_args!(
            "{what} {}: change {}, {} attempts, schema {}, {} bytes; verified.",
            args.file.display(),
            copied.serial,
            copied.attempt,
            copied.schema,
            copied.size
        ))?,
    }
    Ok(())
}

fn verify(ctx: &Ctx, args: &FormatArgs) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let problems = ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let problems = during("verifying", ledger.verify()).await?;
        ledger.close(ctx.clock.now()).await?;
        Ok::<_, CliError>(problems)
    })?;
    match args.format {
        Format::Json => {
            let sound = problems.is_empty();
            output::print_json(&serde_json::json!({ "sound": sound, "problems": problems }))?;
        }
        Format::Human if problems.is_empty() => output::print("The ledger is sound.\n")?,
        Format::Human => {
            let lines: String = problems.iter().map(|problem| format!("{problem}\n")).collect();
            output::print(&format!("{lines}\nPut back a copy: `dateline ledger restore FILE`.\n"))?;
        }
    }
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Refused })
}

/// Shows on a terminal that something takes its time.
async fn during<T>(what: &'static str, work: impl Future<Output = T>) -> T {
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(std::time::Duration::from_millis(200));
    let done = work.await;
    bar.finish_and_clear();
    done
}
