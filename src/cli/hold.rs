//! `dateline hold` and `dateline resume`: stop and start, at once.

use super::{CliError, Ctx, Exit, output};
use crate::ledger::Scope;

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
#[derive(clap::Args, Debug)]
pub struct ResumeArgs {
    #[command(flatten)]
    what: What,
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

    /// One mail domain
    #[arg(long, value_name = "DOMAIN")]
    destination: Option<String>,
}

impl What {
    fn scope(&self) -> Scope {
        match self {
            What { channel: Some(key), .. } => Scope::Channel(key.clone()),
            What { release: Some(slug), .. } => Scope::Release(slug.clone()),
            What { destination: Some(domain), .. } => Scope::Destination(domain.to_ascii_lowercase()),
            _ => Scope::Everything,
        }
    }
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
        let new = ledger.hold(scope.clone(), &args.reason, &ctx.user(), ctx.clock.now()).await?;
        ledger.close(ctx.clock.now()).await?;
        Ok::<_, CliError>(new)
    })?;
    output::say(format_args!("{} {scope}", if new { "Held:" } else { "Was held already:" }))?;
    Ok(Exit::Done)
}

/// Runs `dateline resume`.
pub fn resume(ctx: &Ctx, args: &ResumeArgs) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let scope = args.what.scope();
    let was = ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let was = ledger.resume(&scope, &ctx.user(), ctx.clock.now()).await?;
        ledger.close(ctx.clock.now()).await?;
        Ok::<_, CliError>(was)
    })?;
    if was {
        output::say(format_args!("Resumed: {scope}"))?;
        Ok(Exit::Done)
    } else {
        Err(CliError::refused(format!("{scope} was not held")).hint("`dateline status` lists the holds"))
    }
}
