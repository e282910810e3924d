//! `dateline test-send`: one edition to yourself.

use std::sync::Arc;

use async_trait::async_trait;

use super::{CliError, Ctx, Exit, output};
use crate::channel::{Gate, Parcel, Recipient};
use crate::contact::EmailAddress;
use crate::digest::Digest;
use crate::render::Renderer;

/// Send one mail edition to yourself, marked TEST
///
/// It goes to the given address alone, never to an audience, and the ledger does not know of it.
/// Only mail can be tested this way: a public channel has no private place to look.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The release
    slug: String,

    /// Your address
    #[arg(long, value_name = "ADDRESS")]
    to: EmailAddress,

    /// As this audience sees it [default: the release's first with a mail channel]
    #[arg(long, value_name = "KEY")]
    audience: Option<String>,

    /// In this language [default: the release's]
    #[arg(long, value_name = "LANG")]
    language: Option<crate::language::Language>,
}

/// Nothing is recorded, so nothing has to be durable.
struct OpenGate;

#[async_trait]
impl Gate for OpenGate {
    async fn open(&self) -> bool {
        true
    }
}

/// Runs `dateline test-send`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    super::known_release(&open.newsroom, &args.slug)?;
    let mail = |key: &str| open.newsroom.channels.get(key).is_some_and(|facts| facts.kind.is_mail());
    let mut request = super::render::requests(ctx, &open.newsroom, &args.slug)
        .into_iter()
        .filter(|request| mail(&request.channel))
        .filter(|request| args.audience.as_ref().is_none_or(|wanted| *wanted == request.audience))
        .find(|request| args.language.as_ref().is_none_or(|wanted| *wanted == request.language))
        .ok_or_else(|| {
            CliError::refused("the release has no such mail edition")
                .hint("`dateline plan` shows audiences, channels and languages")
        })?;
    request.test = true;
    let route = open.route(&request.channel)?;
    let edition = Renderer::new(&open.newsroom).edition(&request).map_err(CliError::refused)?;
    let now = ctx.clock.now();
    let key = Digest::of_fields(&[b"test", args.to.normalized().as_bytes(), now.to_string().as_bytes()]);
    let parcel = Parcel {
        key,
        wire_key: format!("test-{}", &key.to_string()[..32]),
        edition: Arc::new(edition),
        notice: request.notice,
        recipient: Recipient::Mailbox {
            email: args.to.clone(),
            name: None,
            token: "test".to_owned(),
            bounce: None,
        },
        due: now,
        now,
        attempt: 1,
        previous: None,
        ahead: None,
    };
    let receipt = ctx.block_on(async {
        route.channel.deliver(&parcel, &OpenGate).await.map_err(|failure| {
            CliError::outside(format!("not sent: {failure}")).hint("`dateline doctor` looks at the relay")
        })
    })?;
    output::say(format_args!("Sent to {} as {} sees it: {}", args.to, request.audience, receipt.reply))?;
    Ok(Exit::Done)
}
