//! `dateline doctor`: configuration, channels, clock, git. Sends nothing.

use std::net::SocketAddr;

use super::{CliError, Ctx, Exit, Format, output};
use crate::channel::config::ChannelConfig;
use crate::channel::{Diagnosis, Examination, OldKey};
use crate::intake::Examined;
use crate::load;

/// Look at configuration, secrets, relay, tokens, ledger and git; nothing is sent
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Ask this name server instead of the system's
    #[arg(long, value_name = "ADDRESS:PORT")]
    resolver: Option<SocketAddr>,

    /// Print the DNS records to publish, as lines of a zone file, and look at nothing
    #[arg(long)]
    records: bool,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `dateline doctor`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    if args.records {
        return records(&open, args.format);
    }
    let mut found = vec![good("dateline.yaml", format!("{} channels", open.config.channels.len()))];
    found.push(git(&open));
    found.extend(exposure(&open, ctx.clock.now()));
    ctx.block_on(async {
        let mut signed = Vec::new();
        found.push(match open.ledger(ctx).await {
            Ok(ledger) => {
                signed = ledger.signed_with().await?;
                let problems = ledger.verify().await?;
                let holds = ledger.holds().await?;
                match (problems.is_empty(), holds.is_empty()) {
                    (true, true) => good("ledger", "opens, its audit chain is whole, nothing is held".into()),
                    (true, false) => bad(
                        "ledger",
                        format!("{} holds stand", holds.len()),
                        "`dateline status` shows them, `dateline resume` ends them",
                    ),
                    _ => bad("ledger", problems.join("; "), "restore it from a backup"),
                }
            }
            Err(error) => bad("ledger", error.message, "check the folder of `ledger:` in dateline.yaml"),
        });
        if !open.config.intake.sources.is_empty() {
            found.extend(intake(&open, ctx).await);
        } else if let Some(key) = unread(&open) {
            found.push(bad(
                "intake",
                format!("reports about mails of `{key}` go to its `bounce_domain`, and nobody reads them"),
                "name the mailbox in `intake.sources`; docs/bounces.md tells how",
            ));
        }
        for key in open.config.channels.keys() {
            match open.route(key) {
                Ok(route) => {
                    let mut seen = route.channel.examine().await;
                    let current = route.channel.public_keys();
                    let old_keys = signed
                        .iter()
                        .filter(|old| old.channel == *key)
                        .filter(|old| !current.iter().any(|(_, record)| *record == old.record))
                        .map(|old| OldKey {
                            name: old.name.clone(),
                            record: old.record.clone(),
                            last_at: old.last_at,
                        })
                        .collect();
                    let how = Examination { resolver: args.resolver, old_keys, now: ctx.clock.now() };
                    seen.extend(route.channel.examine_names(&how).await);
                    found.extend(
                        seen.into_iter()
                            .map(|seen| Diagnosis { what: format!("{key}: {}", seen.what), ..seen }),
                    );
                }
                Err(error) => {
                    let hint = error.hints.first().cloned().unwrap_or_default();
                    found.push(bad(key, error.message, &hint));
                }
            }
        }
        Ok(())
    })?;
    let sound = found.iter().all(|diagnosis| diagnosis.good);
    match args.format {
        Format::Json => output::print_json(&serde_json::json!({ "sound": sound, "found": found }))?,
        Format::Human => output::print(&human(&found))?,
    }
    Ok(if sound { Exit::Done } else { Exit::Refused })
}

/// A channel whose reports nobody reads.
fn unread(open: &super::context::Open) -> Option<&String> {
    let asks =
        |config: &ChannelConfig| matches!(config, ChannelConfig::Smtp(smtp) if smtp.bounce_domain.is_some());
    open.config.channels.iter().find(|(_, config)| asks(config)).map(|(key, _)| key)
}

async fn intake(open: &super::context::Open, ctx: &Ctx) -> Vec<Diagnosis> {
    let hint = "check the source in `intake:` of dateline.yaml; docs/bounces.md tells what it needs";
    let intake = match open.ledger(ctx).await.and_then(|ledger| open.intake(&ledger, ctx)) {
        Ok(intake) => intake,
        Err(error) => return vec![bad("intake", error.message, hint)],
    };
    let found = intake.examine().await.into_iter();
    found
        .map(|Examined { name, seen }| match seen {
            Ok(seen) => good(&format!("intake {name}"), seen),
            Err(why) => bad(&format!("intake {name}"), why, hint),
        })
        .collect()
}

/// What is to be published in the DNS.
fn records(open: &super::context::Open, format: Format) -> Result<Exit, CliError> {
    let mut lines: Vec<String> = Vec::new();
    for key in open.config.channels.keys() {
        for line in open.route(key)?.channel.records() {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    match format {
        Format::Json => output::print_json(&serde_json::json!({ "records": lines }))?,
        Format::Human => output::print(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())?,
    }
    Ok(Exit::Done)
}

fn git(open: &super::context::Open) -> Diagnosis {
    let branch = &open.config.git.branch;
    let head = open.git_dir().and_then(|git| Ok(load::resolve(&git, branch)?));
    match head {
        Ok(revision) => good("git", format!("branch {branch} is at {}", &revision[..revision.len().min(12)])),
        Err(error) => {
            bad("git", error.message, "only commits are issued: `git init`, then commit the newsroom")
        }
    }
}

/// Whether the repository shows everybody what is not public yet.
fn exposure(open: &super::context::Open, now: jiff::Timestamp) -> Option<Diagnosis> {
    let git = open.git_dir().ok()?;
    let releases = open.newsroom.releases.values();
    let early = releases.filter(|release| release.embargo.is_some_and(|embargo| now < embargo)).count();
    let what = "git: who can read it";
    Some(match load::shown_to_everybody(&git) {
        Err(error) => bad(what, error.to_string(), "look at the repository's remotes"),
        Ok(shown) if shown.is_empty() => good(what, "nobody without an account".to_owned()),
        Ok(shown) if early == 0 => {
            good(what, format!("everybody, at {}; nothing is under embargo", shown.join(", ")))
        }
        Ok(shown) => bad(
            what,
            format!("everybody, at {}: {early} releases under embargo can be read there", shown.join(", ")),
            "make the repository private before anything under embargo is pushed to it",
        ),
    })
}

fn good(what: &str, seen: String) -> Diagnosis {
    Diagnosis { what: what.to_owned(), good: true, seen, hint: None }
}

fn bad(what: &str, seen: String, hint: &str) -> Diagnosis {
    let hint = (!hint.is_empty()).then(|| hint.to_owned());
    Diagnosis { what: what.to_owned(), good: false, seen, hint }
}

fn human(found: &[Diagnosis]) -> String {
    let mut text = String::new();
    for Diagnosis { what, good, seen, hint } in found {
        text.push_str(&format!("{}  {what}: {seen}\n", if *good { "ok " } else { "BAD" }));
        if let (false, Some(hint)) = (*good, hint) {
            text.push_str(&format!("     hint: {hint}\n"));
        }
    }
    text
}
