//! `dateline contacts` and `dateline suppress`: the contact book, which is never in git.

use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use clap::Subcommand;

use super::{CliError, Ctx, Exit, Format, output};
use crate::contact::{Contact, EmailAddress, csv};
use crate::ledger::{ImportReport, Ledger};

/// The contact book: import, list, export, erase
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Put the rows of a CSV file into the contact book
    ///
    /// Needs a column `email`; knows `name`, `language`, `timezone`, `tags` and `embargo_ok`; every other
    /// column becomes a field that audiences can choose by. Several values in a cell are parted by `;`.
    Import {
        /// The file, UTF-8
        file: PathBuf,

        /// Say what is wrong with the file, and change nothing
        #[arg(long)]
        dry_run: bool,

        /// The form of the report
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// List contacts
    List {
        /// Only those whose audience this is
        #[arg(long, value_name = "KEY")]
        audience: Option<String>,

        /// The form of the answer
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Write the contact book as CSV
    Export {
        /// The file; stdout if it is left out
        file: Option<PathBuf>,
    },
    /// Remove a person; the address stays suppressed by a keyed digest, so that it is never written to again
    Erase {
        /// The address
        email: EmailAddress,
    },
}

/// Contacts handed to the ledger at a time.
const CHUNK: usize = 5_000;

/// Runs `dateline contacts`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let exit = match &args.command {
            Command::Import { file, dry_run, format } => {
                import(ctx, &ledger, file, *dry_run, *format).await?
            }
            Command::List { audience, format } => {
                let audience = match audience {
                    Some(key) => Some(open.newsroom.audiences.get(key).ok_or_else(|| {
                        CliError::usage(format!("there is no audience `{key}`"))
                            .hint(format!("there are {}", super::list(open.newsroom.audiences.keys())))
                    })?),
                    None => None,
                };
                list(&ledger, audience, *format).await?
            }
            Command::Export { file } => export(&ledger, file.as_ref()).await?,
            Command::Erase { email } => {
                let was = ledger.erase(email, &ctx.user(), ctx.clock.now()).await?;
                output::say(format_args!(
                    "{}",
                    if was { "Erased." } else { "Was not in the contact book; it is suppressed now." }
                ))?;
                Exit::Done
            }
        };
        ledger.close(ctx.clock.now()).await?;
        Ok(exit)
    })
}

async fn import(
    ctx: &Ctx,
    ledger: &Ledger,
    path: &PathBuf,
    dry_run: bool,
    format: Format,
) -> Result<Exit, CliError> {
    let file = File::open(path).map_err(|error| {
        CliError::usage(format!("cannot read `{}`: {error}", path.display()))
            .hint("give the path of a CSV file")
    })?;
    let mut report = ImportReport::default();
    let mut problems = Vec::new();
    let mut chunk = Vec::new();
    let rows = csv::read(BufReader::new(file))
        .map_err(|problem| CliError::refused(format!("{}:{problem}", path.display())))?;
    for row in rows {
        match row {
            Ok(contact) => chunk.push(contact),
            Err(problem) => problems.push(problem),
        }
        if chunk.len() >= CHUNK {
            store(ctx, ledger, &mut chunk, dry_run, &mut report).await?;
        }
    }
    store(ctx, ledger, &mut chunk, dry_run, &mut report).await?;
    match format {
        Format::Json => output::print_json(&serde_json::json!({ "report": report, "problems": problems }))?,
        Format::Human => {
            for problem in &problems {
                eprintln!("{}:{problem}", path.display());
            }
            let ImportReport { new, changed, unchanged, suppressed } = report;
            output::say(format_args!(
                "{new} new, {changed} changed, {unchanged} as they were; {suppressed} of them must not be contacted; \
                 {} rows refused{}",
                problems.len(),
                if dry_run { "; nothing was written" } else { "" }
            ))?;
        }
    }
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Refused })
}

async fn store(
    ctx: &Ctx,
    ledger: &Ledger,
    chunk: &mut Vec<Contact>,
    dry_run: bool,
    report: &mut ImportReport,
) -> Result<(), CliError> {
    let contacts = std::mem::take(chunk);
    if dry_run || contacts.is_empty() {
        report.new += contacts.len() as u64;
        return Ok(());
    }
    let ImportReport { new, changed, unchanged, suppressed } =
        ledger.import(contacts, ctx.clock.now()).await?;
    report.new += new;
    report.changed += changed;
    report.unchanged += unchanged;
    report.suppressed += suppressed;
    Ok(())
}

async fn list(
    ledger: &Ledger,
    audience: Option<&crate::audience::Audience>,
    format: Format,
) -> Result<Exit, CliError> {
    let mut found = Vec::new();
    ledger
        .each_contact(|contact| {
            match format {
                _ if audience.is_some_and(|audience| !audience.admits(&contact)) => {}
                Format::Json => found.push(contact),
                Format::Human => {
                    let name = contact.name.as_deref().unwrap_or("");
                    let kind = contact.values("kind").join(", ");
                    output::print(&format!("{:<40} {name:<28} {kind}\n", contact.email.to_string()))?;
                }
            }
            Ok::<_, CliError>(())
        })
        .await?;
    if format == Format::Json {
        output::print_json(&serde_json::json!({ "contacts": found }))?;
    }
    Ok(Exit::Done)
}

async fn export(ledger: &Ledger, file: Option<&PathBuf>) -> Result<Exit, CliError> {
    let mut contacts = Vec::new();
    ledger
        .each_contact(|contact| {
            contacts.push(contact);
            Ok::<_, CliError>(())
        })
        .await?;
    let mut bytes = Vec::new();
    csv::write(&mut bytes, &contacts)?;
    match file {
        Some(path) => std::fs::write(path, bytes)
            .map_err(|error| CliError::outside(format!("cannot write `{}`: {error}", path.display())))?,
        None => output::print(&String::from_utf8_lossy(&bytes))?,
    }
    Ok(Exit::Done)
}

/// Forbid every delivery to an address, for ever
#[derive(clap::Args, Debug)]
pub struct SuppressArgs {
    /// The address; nothing to list what is suppressed
    email: Option<EmailAddress>,

    /// Why
    #[arg(long, default_value = "asked by hand")]
    reason: String,

    /// Allow the address again
    #[arg(long, requires = "email")]
    lift: bool,
}

/// Runs `dateline suppress`.
pub fn suppress(ctx: &Ctx, args: &SuppressArgs) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let now = ctx.clock.now();
        match &args.email {
            None => {
                for suppression in ledger.suppressions().await? {
                    let email = suppression.email.map_or("(erased)".to_owned(), |email| email.to_string());
                    output::say(format_args!(
                        "{email}  {}  since {}",
                        suppression.reason, suppression.since
                    ))?;
                }
            }
            Some(email) if args.lift => {
                let was = ledger.unsuppress(email, &ctx.user(), now).await?;
                output::say(format_args!("{}", if was { "Allowed again." } else { "Was not suppressed." }))?;
            }
            Some(email) => {
                let new = ledger.suppress(email, &args.reason, &ctx.user(), now).await?;
                output::say(format_args!("{}", if new { "Suppressed." } else { "Was suppressed already." }))?;
            }
        }
        ledger.close(now).await?;
        Ok(Exit::Done)
    })
}
