//! `dateline contacts` and `dateline suppress`: the contact book, which is never in git.

mod import;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{CliError, Ctx, Exit, Format, output};
use crate::contact::{EmailAddress, csv};
use crate::ledger::{Dossier, Ledger};

/// The contact book: import, list, export, erase
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Import(import::Args),
    /// List contacts
    List {
        /// Only those whose audience this is
        #[arg(long, value_name = "KEY")]
        audience: Option<String>,

        /// The form of the answer
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Write the contact book as CSV, or everything that is held on one person as JSON
    Export {
        /// One person: the contact, what they picked, why they are suppressed, every delivery with its attempts
        address: Option<EmailAddress>,

        /// The file; stdout if it is left out
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Remove a person; the address stays suppressed by a keyed digest, so that it is never written to again
    Erase {
        /// The address
        email: EmailAddress,
    },
}

/// Runs `dateline contacts`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let exit = match &args.command {
            Command::Import(args) => import::run(ctx, &ledger, args).await?,
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
            Command::Export { address: Some(email), out } => {
                person(&ledger.dossier(email).await?, out.as_deref())?
            }
            Command::Export { address: None, out } => export(&ledger, out.as_deref()).await?,
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

async fn list(
    ledger: &Ledger,
    audience: Option<&crate::audience::Audience>,
    format: Format,
) -> Result<Exit, CliError> {
    // One contact at a time: the book may be longer than memory.
    let mut first = true;
    if format == Format::Json {
        output::print("{\"contacts\":[")?;
    }
    ledger
        .each_contact(|contact| {
            match format {
                _ if audience.is_some_and(|audience| !audience.admits(&contact)) => {}
                Format::Json => {
                    let comma = if std::mem::take(&mut first) { "" } else { "," };
                    let text = serde_json::to_string(&contact).map_err(CliError::outside)?;
                    output::print(&format!("{comma}\n{text}"))?;
                }
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
        output::print("\n]}\n")?;
    }
    Ok(Exit::Done)
}

/// Where an export goes.
fn target(file: Option<&Path>) -> Result<Box<dyn Write + Send>, CliError> {
    Ok(match file {
        Some(path) => {
            let file = File::create(path)
                .map_err(|error| CliError::outside(format!("cannot write `{}`: {error}", path.display())))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(BufWriter::new(std::io::stdout())),
    })
}

async fn export(ledger: &Ledger, file: Option<&Path>) -> Result<Exit, CliError> {
    // Twice through the book, so that it never has to be in memory: first for the names of the columns.
    let mut fields: BTreeSet<String> = BTreeSet::new();
    ledger
        .each_contact(|contact| {
            for field in contact.fields.keys().filter(|field| !fields.contains(*field)).collect::<Vec<_>>() {
                fields.insert(field.clone());
            }
            Ok::<_, CliError>(())
        })
        .await?;
    let mut out = target(file)?;
    let mut writer = csv::Writer::new(&mut out, fields)?;
    ledger.each_contact(|contact| Ok::<_, CliError>(writer.contact(&contact)?)).await?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Everything that is held on a person (GDPR Art. 15 and 20). 1 where nothing is.
fn person(dossier: &Dossier, file: Option<&Path>) -> Result<Exit, CliError> {
    let mut out = target(file)?;
    serde_json::to_writer_pretty(&mut out, dossier).map_err(CliError::outside)?;
    writeln!(out)?;
    out.flush()?;
    let nothing = dossier.contact.is_none() && dossier.suppression.is_none() && dossier.wishes.is_none();
    if nothing {
        eprintln!("Nothing is held on this address.");
    }
    Ok(if nothing { Exit::Refused } else { Exit::Done })
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
