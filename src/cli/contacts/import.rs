//! `dateline contacts import`: a CSV file into the contact book, or what that would change.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde_json::json;

use super::super::{CliError, Ctx, Exit, Format, output};
use crate::contact::csv::{self, Options, RowProblem};
use crate::contact::{Basis, Contact, Difference};
use crate::ledger::{ImportReport, Known, Ledger};

/// Put the rows of a CSV file into the contact book
///
/// Needs a column `email`; knows `name`, `language`, `timezone`, `tags`, `embargo_ok`, and `basis`, `source` and `date` of
/// the consent; every other column becomes a field that audiences can choose by. Several values in a cell are parted by
/// `;`. Every contact needs a basis, a source and a date, in its row or by the options below.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The file, UTF-8
    file: PathBuf,

    /// Read the column COLUMN as FIELD: `name=Full name`
    #[arg(long, value_name = "FIELD=COLUMN")]
    map: Vec<String>,

    /// Leave this column out; what is not needed is not kept
    #[arg(long, value_name = "COLUMN")]
    ignore: Vec<String>,

    /// The basis in law of rows that name none: consent, legitimate-interest, contract, public-task, legal-obligation,
    /// vital-interests
    #[arg(long)]
    basis: Option<Basis>,

    /// Where rows that do not say it come from: `press register`
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,

    /// Since when, for rows that do not say it: 2026-12-01
    #[arg(long)]
    date: Option<Date>,

    /// Say what would be added, changed and refused, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Name every row of a dry run, not the first of each kind alone
    #[arg(long, requires = "dry_run")]
    all: bool,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Contacts handed to the ledger at a time.
const CHUNK: usize = 5_000;
/// Rows of each kind that a dry run names without `--all`.
const FIRST: u64 = 20;
/// Refused rows in the JSON answer; the others are counted.
const PROBLEMS: usize = 1_000;

/// Runs `dateline contacts import`.
pub async fn run(ctx: &Ctx, ledger: &Ledger, args: &Args) -> Result<Exit, CliError> {
    let options = options(args)?;
    let path = &args.file;
    let file = File::open(path).map_err(|error| {
        CliError::usage(format!("cannot read `{}`: {error}", path.display()))
            .hint("give the path of a CSV file")
    })?;
    let mut rows = csv::read_with(BufReader::new(file), options)
        .map_err(|problem| CliError::refused(format!("{}:{problem}", path.display())))?;
    let mut desk = Desk::begin(path, args)?;
    let mut chunk: Vec<(u64, Contact)> = Vec::new();
    while let Some(row) = rows.next() {
        match row {
            Ok(contact) => chunk.push((rows.line(), contact)),
            Err(problem) => desk.problem(problem),
        }
        if chunk.len() >= CHUNK {
            desk.take(ctx, ledger, std::mem::take(&mut chunk)).await?;
        }
    }
    desk.take(ctx, ledger, chunk).await?;
    desk.end()
}

fn options(args: &Args) -> Result<Options, CliError> {
    let mut options = Options::default();
    options.needs_consent = true;
    options.basis = args.basis;
    options.source = args.source.clone().filter(|source| !source.trim().is_empty());
    options.date = args.date;
    let all = args.map.iter().map(|map| options.map(map)).collect::<Result<Vec<_>, _>>();
    all.map_err(CliError::usage)?;
    let all = args.ignore.iter().map(|column| options.ignore(column)).collect::<Result<Vec<_>, _>>();
    all.map_err(CliError::usage)?;
    Ok(options)
}

/// What is said while the file is read: a row is forgotten once it is told.
struct Desk<'a> {
    path: &'a Path,
    args: &'a Args,
    report: ImportReport,
    refused: u64,
    problems: Vec<RowProblem>,
    /// How many rows of a kind were named, by its sign.
    named: BTreeMap<&'static str, u64>,
    first: bool,
}

impl<'a> Desk<'a> {
    fn begin(path: &'a Path, args: &'a Args) -> Result<Desk<'a>, CliError> {
        if args.dry_run && args.format == Format::Json {
            output::print("{\"rows\":[")?;
        }
        Ok(Desk {
            path,
            args,
            report: ImportReport::default(),
            refused: 0,
            problems: Vec::new(),
            named: BTreeMap::new(),
            first: true,
        })
    }

    fn problem(&mut self, problem: RowProblem) {
        self.refused += 1;
        match self.args.format {
            Format::Human => eprintln!("{}:{problem}", self.path.display()),
            Format::Json if self.problems.len() < PROBLEMS => self.problems.push(problem),
            Format::Json => {}
        }
    }

    async fn take(&mut self, ctx: &Ctx, ledger: &Ledger, chunk: Vec<(u64, Contact)>) -> Result<(), CliError> {
        if chunk.is_empty() {
            return Ok(());
        }
        if !self.args.dry_run {
            let contacts = chunk.into_iter().map(|(_, contact)| contact).collect();
            let ImportReport { new, changed, unchanged, suppressed } =
                ledger.import(contacts, ctx.clock.now()).await?;
            self.report.new += new;
            self.report.changed += changed;
            self.report.unchanged += unchanged;
            self.report.suppressed += suppressed;
            return Ok(());
        }
        let known = ledger.known(chunk.iter().map(|(_, contact)| contact.email.clone()).collect()).await?;
        for ((line, contact), Known { contact: old, suppressed }) in chunk.iter().zip(known) {
            let differences = old.as_ref().map(|old| old.differences(contact));
            let change = match &differences {
                None => "new",
                Some(none) if none.is_empty() => "unchanged",
                Some(_) => "changed",
            };
            match change {
                "new" => self.report.new += 1,
                "changed" => self.report.changed += 1,
                _ => self.report.unchanged += 1,
            }
            self.report.suppressed += u64::from(suppressed.is_some());
            let differences = differences.unwrap_or_default();
            self.row(*line, contact, change, &differences, suppressed.as_deref())?;
        }
        Ok(())
    }

    fn row(
        &mut self,
        line: u64,
        contact: &Contact,
        change: &str,
        differences: &[Difference],
        suppressed: Option<&str>,
    ) -> Result<(), CliError> {
        if change == "unchanged" && suppressed.is_none() {
            return Ok(());
        }
        if self.args.format == Format::Json {
            let row = json!({
                "line": line, "email": contact.email, "change": change, "differences": differences,
                "suppressed": suppressed,
            });
            let comma = if std::mem::take(&mut self.first) { "" } else { "," };
            return Ok(output::print(&format!("{comma}\n{row}"))?);
        }
        let told = |difference: &Difference| {
            let shown = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
            format!("{} {} → {}", difference.field, shown(&difference.before), shown(&difference.after))
        };
        let changes: Vec<String> = differences.iter().map(told).collect();
        let email = &contact.email;
        match change {
            "new" => self.name("+", format!("{line}: {email}"))?,
            "changed" => self.name("~", format!("{line}: {email}: {}", changes.join("; ")))?,
            _ => {}
        }
        match suppressed {
            Some(reason) => self.name("x", format!("{line}: {email}: must not be contacted: {reason}")),
            None => Ok(()),
        }
    }

    fn name(&mut self, sign: &'static str, words: String) -> Result<(), CliError> {
        let named = self.named.entry(sign).or_default();
        *named += 1;
        if *named <= FIRST || self.args.all {
            output::say(format_args!("{sign} {words}"))?;
        }
        Ok(())
    }

    fn end(self) -> Result<Exit, CliError> {
        let ImportReport { new, changed, unchanged, suppressed } = self.report;
        let refused = self.refused;
        match self.args.format {
            Format::Json => {
                let end = json!({ "report": self.report, "refused": refused, "problems": self.problems });
                let text = end.to_string();
                if self.args.dry_run {
                    output::print(&format!("\n],{}\n", text.trim_start_matches('{')))?;
                } else {
                    output::print(&format!("{text}\n"))?;
                }
            }
            Format::Human => {
                let more: u64 = self.named.values().map(|named| named.saturating_sub(FIRST)).sum();
                if more > 0 && !self.args.all {
                    output::say(format_args!("… and {more} more lines (`--all` shows them)"))?;
                }
                output::say(format_args!(
                    "{new} new, {changed} changed, {unchanged} as they were; {suppressed} of them must not be contacted; \
                     {refused} rows refused{}",
                    if self.args.dry_run { "; nothing was written" } else { "" }
                ))?;
            }
        }
        Ok(if refused == 0 { Exit::Done } else { Exit::Refused })
    }
}
