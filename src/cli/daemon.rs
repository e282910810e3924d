//! `dateline daemon`: follow git, issue, dispatch.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{CliError, Ctx, Exit};
use crate::daemon::{Daemon, Follower, Watch};
use crate::dispatch::{Dispatch, Event};
use crate::ledger::State;
use crate::newsroom::Newsroom;
use crate::web::{self, Health, Leave, Room, Web};

/// Follow git, issue what is approved, send what is due, serve health and metrics
///
/// SIGHUP or `POST /nudge` makes it look at git at once; SIGTERM stops it cleanly: no new attempt
/// begins, those under way are finished.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Look at git once, send what is due, and end
    #[arg(long)]
    once: bool,

    /// Where health and metrics are served; only loopback addresses
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8025")]
    listen: SocketAddr,

    /// Where recipients leave and choose what they get, for a reverse proxy [default: `web.public` of dateline.yaml]
    #[arg(long, value_name = "ADDR")]
    public: Option<SocketAddr>,

    /// Follow this commit although it does not follow the last one (history was rewritten)
    #[arg(long, value_name = "REV")]
    accept: Option<String>,

    /// The form of the log on stderr; DATELINE_LOG chooses what is logged
    #[arg(long, value_enum, default_value_t)]
    log: super::logs::Form,
}

/// Runs `dateline daemon`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    if !args.listen.ip().is_loopback() {
        return Err(CliError::usage(format!("{} is not a loopback address", args.listen))
            .hint("put a reverse proxy in front of it if others must reach it"));
    }
    super::logs::begin(args.log);
    let open = ctx.open()?;
    let git = open.git_dir()?;
    let memory = open.ledger_folder().join("followed");
    let (tally, sound) = ctx.block_on(async {
        // First of all: a signal that nobody listens for yet ends the process without a word.
        let stop = CancellationToken::new();
        super::signals::stop_on(&stop);
        let (nudge, nudges) = mpsc::channel(1);
        super::signals::nudge_on_hangup(&nudge);
        let ledger = open.ledger_for_dispatch(ctx).await?;
        let follower = Follower::open(&git, open.config.git.clone(), memory, args.accept.as_deref())?;
        let observer = Arc::new(|event: Event| log(&event));
        let dispatch =
            Dispatch::new(ledger.clone(), open.routes()?, ctx.clock.clone(), ctx.owner(), observer);
        open.begin(&dispatch).await?;
        let intake = open.intake(&ledger, ctx)?;
        let (hooks, board) = (intake.hooks(), intake.board());
        // One look (`--once`) does not wait for what may come back.
        let mut following = if args.once { None } else { Some(intake.begin(&stop)) };
        let (health, seen) = watch::channel(Health::default());
        let (room, rooms) = watch::channel(Arc::new(Room::of(&open.newsroom)));
        let leaving = match args.public.or(open.config.web.public).filter(|_| !args.once) {
            None => {
                warn_of_dead_links(&open.newsroom, args.once);
                None
            }
            Some(address) => {
                let door = Leave::bind(address).await.map_err(|error| {
                    CliError::outside(format!("cannot listen on {address}: {error}"))
                        .hint("is another daemon running? choose another address with --public")
                })?;
                tracing::info!(address = %door.address()?, "serving recipients who leave");
                let leave = Leave::new(ledger.clone(), rooms, ctx.clock.clone());
                Some(tokio::spawn(leave.serve(door, stop.clone())))
            }
        };
        let serving = if args.once {
            None
        } else {
            let listener = web::bind(args.listen).await.map_err(|error| {
                CliError::outside(format!("cannot listen on {}: {error}", args.listen))
                    .hint("is another daemon running? choose another address with --listen")
            })?;
            tracing::info!(address = %listener.local_addr()?, "serving health and metrics");
            let web = Web { ledger: ledger.clone(), health: seen.clone(), nudge, hooks, board };
            Some(tokio::spawn(web::serve(listener, web, stop.clone())))
        };
        let watch = Watch::new(
            ctx.clock.clone(),
            ledger.clone(),
            &open.ledger_folder(),
            open.config.clock.clone(),
            super::witnesses::of(&open.config.clock)?,
        );
        let daemon = Daemon {
            ledger: ledger.clone(),
            dispatch,
            follower,
            poll: open.config.git.poll.0,
            clock: ctx.clock.clone(),
            health,
            nudges,
            watch,
            room,
        };
        let tally = daemon.run(args.once, stop.clone()).await?;
        stop.cancel();
        for serving in serving.into_iter().chain(leaving) {
            let _ = tokio::time::timeout(std::time::Duration::from_secs(2), serving).await;
        }
        if let Some(following) = &mut following {
            let ended = async { while following.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(std::time::Duration::from_secs(3), ended).await;
            following.abort_all();
        }
        ledger.close(ctx.clock.now()).await?;
        tracing::info!(tally = super::dispatch::summary(&tally).trim(), "stopped");
        let sound = seen.borrow().problems.is_empty();
        Ok::<_, CliError>((tally, sound))
    })?;
    Ok(match (args.once, sound) {
        (false, _) => Exit::Done,
        (true, true) => super::dispatch::exit(&tally),
        // What went wrong stands in the log.
        (true, false) => Exit::Refused,
    })
}

/// A mail that names an address where nobody answers is against the law in most places.
fn warn_of_dead_links(newsroom: &Newsroom, once: bool) {
    let promised = newsroom.channels.values().find(|channel| channel.unsubscribe_url.is_some());
    if let Some(channel) = promised.filter(|_| !once) {
        tracing::warn!(
            channel = channel.key,
            "mails name an `unsubscribe_url`, and nobody serves it: set `web: {{ public: \"127.0.0.1:8026\" }}`"
        );
    }
}

fn log(event: &Event) {
    let Event { slug, notice, channel, recipient, state, words, .. } = event;
    let notice = notice.as_str();
    match state {
        State::Sent | State::Scheduled | State::Superseded | State::Cancelled => {
            tracing::info!(release = slug, notice, channel, recipient, %state, words, "delivery");
        }
        _ => tracing::warn!(release = slug, notice, channel, recipient, %state, words, "delivery"),
    }
}
