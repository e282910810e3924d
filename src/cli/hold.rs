//! `dateline hold` and `dateline resume`: stop and start, at once.

use std::collections::BTreeSet;

use super::context::Open;
use super::{CliError, Ctx, Exit, output};
use crate::daemon;
use crate::ledger::{Cause, Hold, Scope};

/// Stop everything, a channel, a release or a destination, at once
///
/// When the command returns, nothing that it covers will leave any more; what is on the wire at that
/// moment is finished. Without a scope everything is held.
#[derive(clap::Args, Debug)]
pub struct HoldArgs {
    #[command(flatten)]
    what: What,

    /// Why; shown by `status`
    #[arg(long, default_value = "held by hand")]
    reason: String,
}

/// Start again what was held
///
/// What a restored ledger or a clock in doubt demands has flags of its own: an ordinary `resume` does not end it.
#[derive(clap::Args, Debug)]
pub struct ResumeArgs {
    #[command(flatten)]
    what: What,

    /// The ledger was restored or is new, and you know what was sent: `dateline ledger reconcile` tells
    #[arg(long, conflicts_with_all = ["channel", "release", "destination", "links"])]
    after_restore: bool,

    /// With --after-restore: what was due already leaves now, because it was never sent
    #[arg(long, requires = "after_restore", conflicts_with = "set_aside")]
    send_waiting: bool,

    /// With --after-restore: what was due already is set aside for `dateline resolve`
    #[arg(long, requires = "after_restore")]
    set_aside: bool,

    /// You have looked at the clock, and it is right as it is
    #[arg(long, conflicts_with_all = ["channel", "release", "destination", "links", "after_restore"])]
    clock: bool,
}

/// What is held or resumed.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct What {
    /// One channel
    #[arg(long, value_name = "KEY")]
    channel: Option<String>,

    /// One release
    #[arg(long, value_name = "SLUG")]
    release: Option<String>,

    /// One mail domain, or all of a provider such as `gmail`
    #[arg(long, value_name = "DOMAIN")]
    destination: Option<String>,

    /// What links to the page of one release: it waits until the page is seen
    #[arg(long, value_name = "SLUG")]
    links: Option<String>,
}

impl What {
    fn scope(&self) -> Scope {
        match self {
            What { channel: Some(key), .. } => Scope::Channel(key.clone()),
            What { release: Some(slug), .. } => Scope::Release(slug.clone()),
            What { destination: Some(domain), .. } => Scope::Destination(domain.to_ascii_lowercase()),
            What { links: Some(slug), .. } => Scope::Links(slug.clone()),
            _ => Scope::Everything,
        }
    }
}

/// The domains of the provider that `name` is, or that the domain `name` belongs to, on any channel; at least `name`.
fn together(open: &Open, name: &str) -> BTreeSet<String> {
    let channels = open.config.channels.values();
    let mut domains: BTreeSet<String> =
        channels.flat_map(|channel| channel.limits().providers().together(name)).collect();
    if domains.len() > 1 && !name.contains('.') {
        domains.remove(name);
    }
    if domains.is_empty() {
        domains.insert(name.to_owned());
    }
    domains
}

/// Runs `dateline hold`.
pub fn hold(ctx: &Ctx, args: &HoldArgs) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let scope = args.what.scope();
    if let Scope::Channel(key) = &scope
        && !open.newsroom.channels.contains_key(key)
    {
        return Err(CliError::usage(format!("there is no channel `{key}`"))
            .hint(format!("there are {}", super::list(open.newsroom.channels.keys()))));
    }
    let new = ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        if let Scope::Release(slug) = &scope {
            // A brake never refuses: the release may stand on another branch. But it may be a slip of the pen.
            let written = open.newsroom.sources.iter().any(|file| file.slug == *slug);
            if !written && ledger.status(Some(slug)).await?.releases.is_empty() {
                output::note(format_args!("There is no release `{slug}` here yet; it is held all the same."));
            }
        }
        let all = match &scope {
            Scope::Destination(name) if !name.contains('.') => {
                together(&open, name).into_iter().map(Scope::Destination).collect()
            }
            scope => vec![scope.clone()],
        };
        let mut new = false;
        for scope in all {
            new |= ledger.hold(scope, &args.reason, &ctx.user(), ctx.clock.now()).await?;
        }
        ledger.close(ctx.clock.now()).await?;
        Ok::<_, CliError>(new)
    })?;
    output::say(format_args!("{} {scope}", if new { "Held:" } else { "Was held already:" }))?;
    Ok(Exit::Done)
}

/// Runs `dateline resume`.
pub fn resume(ctx: &Ctx, args: &ResumeArgs) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    if args.after_restore {
        return after_restore(ctx, &open, args);
    }
    if args.clock {
        return clock(ctx, &open);
    }
    let scope = args.what.scope();
    let (was, others) = ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let mut was = ledger.resume(&scope, &ctx.user(), ctx.clock.now()).await?;
        if let Scope::Destination(name) = &scope {
            // What one domain of a provider thinks of us the others think too: they were held together.
            let domains = together(&open, name);
            for hold in ledger.holds().await? {
                let ours = hold.by == Hold::BY_DISPATCH || !name.contains('.');
                if matches!(&hold.scope, Scope::Destination(domain) if ours && domains.contains(domain)) {
                    was |= ledger.resume(&hold.scope, &ctx.user(), ctx.clock.now()).await?;
                }
            }
        }
        let others: Vec<Hold> =
            ledger.holds().await?.into_iter().filter(|hold| hold.scope == scope).collect();
        ledger.close(ctx.clock.now()).await?;
        Ok::<_, CliError>((was, others))
    })?;
    for hold in &others {
        output::note(format_args!(
            "Still held: {}: {}. It ends with {}.",
            hold.scope,
            hold.reason,
            hold.ended_by()
        ));
    }
    if was {
        output::say(format_args!("Resumed: {scope}"))?;
        Ok(if others.is_empty() { Exit::Done } else { Exit::Refused })
    } else if others.is_empty() {
        Err(CliError::refused(format!("{scope} was not held")).hint("`dateline status` lists the holds"))
    } else {
        Ok(Exit::Refused)
    }
}

/// Ends the hold of a restored ledger, once it is said what becomes of what may have been sent.
fn after_restore(ctx: &Ctx, open: &Open, args: &ResumeArgs) -> Result<Exit, CliError> {
    let now = ctx.clock.now();
    ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let Some(hold) = ledger.holds().await?.into_iter().find(|hold| hold.cause == Cause::Restored) else {
            return Err(CliError::refused("the ledger is not held for a restore")
                .hint("`dateline status` lists the holds"));
        };
        let waiting = ledger.in_doubt(hold.since).await?;
        if waiting > 0 && !args.send_waiting && !args.set_aside {
            ledger.close(now).await?;
            return Err(CliError::refused(format!(
                "{waiting} deliveries were due before the hold, and nothing shows that they were sent"
            ))
            .hint("look first: `dateline ledger reconcile --evidence MAIL.LOG`")
            .hint("`--set-aside` puts them before a person: `dateline resolve`")
            .hint("`--send-waiting` sends them now; who has them already gets them twice"));
        }
        let mut evidence = "nothing was in doubt".to_owned();
        if args.set_aside {
            let count = ledger.set_aside(hold.since, &ctx.user(), now).await?;
            evidence = format!("{count} set aside");
        } else if waiting > 0 {
            evidence = format!("{waiting} sent all the same");
        }
        ledger.resume_all(Cause::Restored, &ctx.user(), &evidence, now).await?;
        ledger.close(now).await?;
        output::say(format_args!("Resumed after the restore; {evidence}."))?;
        Ok(Exit::Done)
    })
}

/// Vouches for the clock.
fn clock(ctx: &Ctx, open: &Open) -> Result<Exit, CliError> {
    let now = ctx.clock.now();
    let was = ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let was = ledger.resume_all(Cause::Clock, &ctx.user(), "an operator looked", now).await?;
        ledger.close(now).await?;
        Ok::<_, CliError>(was)
    })?;
    // The next daemon believes its first look; one that runs sees that the hold is gone.
    match std::fs::remove_file(daemon::guard::memory(&open.ledger_folder())) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    if was {
        output::say(format_args!("The clock is believed: {now}"))?;
        Ok(Exit::Done)
    } else {
        Err(CliError::refused("the clock was not in doubt").hint("`dateline status` lists the holds"))
    }
}
