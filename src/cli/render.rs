//! `dateline render`: the editions of one release, as files.

use std::path::{Path, PathBuf};

use super::{CliError, Ctx, Exit, output};
use crate::contact::EmailAddress;
use crate::render::{Addressee, Content, Edition, Renderer, Request};

/// Write the editions of one release as files
///
/// Mails become `.eml`, pages `.html`, posts `.txt`, the rest `.json`. Nothing is sent and the ledger
/// is not touched; with `--as`, slots are filled for that contact.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The release
    slug: String,

    /// Only this audience
    #[arg(long, value_name = "KEY")]
    audience: Option<String>,

    /// Only this channel
    #[arg(long, value_name = "KEY")]
    channel: Option<String>,

    /// Fill the slots for this contact
    #[arg(long = "as", value_name = "ADDRESS")]
    reader: Option<EmailAddress>,

    /// Where to write
    #[arg(long, value_name = "DIR", default_value = "rendered")]
    out: PathBuf,
}

/// Runs `dateline render`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let newsroom = &open.newsroom;
    super::known_release(newsroom, &args.slug)?;
    let renderer = Renderer::new(newsroom);
    let (email, name) = reader(ctx, &open, args)?;
    let mut written = 0;
    for request in requests(ctx, newsroom, &args.slug) {
        if args.audience.as_ref().is_some_and(|wanted| *wanted != request.audience)
            || args.channel.as_ref().is_some_and(|wanted| *wanted != request.channel)
        {
            continue;
        }
        let edition = renderer.edition(&request).map_err(CliError::refused)?;
        for (path, bytes) in files(&edition, &email, name.as_deref()) {
            let path = args.out.join(&args.slug).join(path);
            write(&path, &bytes)?;
            output::say(format_args!("{}", path.display()))?;
            written += 1;
        }
    }
    if written == 0 {
        return Err(CliError::refused("there is no such edition")
            .hint("`dateline plan` shows the audiences and channels of each release"));
    }
    Ok(Exit::Done)
}

/// Every edition that a release has, without regard to its time or to who is in the contact book.
pub fn requests(ctx: &Ctx, newsroom: &crate::newsroom::Newsroom, slug: &str) -> Vec<Request> {
    let Some(release) = newsroom.releases.get(slug) else { return Vec::new() };
    let date = release.publish.unwrap_or_else(|| ctx.clock.now());
    let mut requests = Vec::new();
    for audience in release.audiences.iter().filter_map(|key| newsroom.audiences.get(key)) {
        for channel in audience.channels.iter().filter_map(|key| newsroom.channels.get(&key.value)) {
            for text in &release.texts {
                let spoken = channel.language.as_ref().is_none_or(|language| *language == text.language);
                let wanted = audience.languages.is_empty() || audience.languages.contains(&text.language);
                if spoken && wanted {
                    requests.push(Request {
                        slug: slug.to_owned(),
                        digest_of: Vec::new(),
                        notice: release.notice(),
                        audience: audience.key.clone(),
                        channel: channel.key.clone(),
                        language: text.language.clone(),
                        advance: false,
                        test: false,
                        date,
                    });
                }
            }
        }
    }
    requests
}

fn reader(
    ctx: &Ctx,
    open: &super::context::Open,
    args: &Args,
) -> Result<(EmailAddress, Option<String>), CliError> {
    let Some(email) = &args.reader else {
        let anybody = "reader@example.test".parse().map_err(CliError::usage)?;
        return Ok((anybody, None));
    };
    let contact = ctx.block_on(async { Ok(open.ledger(ctx).await?.contact_by_email(email).await?) })?;
    match contact {
        Some(contact) => Ok((contact.email, contact.name)),
        None => Err(CliError::refused(format!("{email} is not in the contact book"))
            .hint("`dateline contacts list` shows who is")),
    }
}

/// An edition as files below the release's folder.
pub fn files(edition: &Edition, email: &EmailAddress, name: Option<&str>) -> Vec<(PathBuf, Vec<u8>)> {
    let Request { audience, channel, language, .. } = &edition.request;
    let stem = format!("{audience}.{channel}.{language}");
    let json = |value: &serde_json::Value| format!("{value:#}\n").into_bytes();
    let mut files = Vec::new();
    match &edition.content {
        Content::Mail(mail) => {
            let addressee = Addressee {
                email,
                name,
                message_id: "preview@dateline",
                in_reply_to: None,
                token: "preview",
            };
            files.push((PathBuf::from(format!("{stem}.eml")), mail.fill(&addressee)));
        }
        Content::Page(page) => files.push((PathBuf::from(format!("{stem}.html")), page.html.clone().into())),
        Content::Social(social) => {
            let posts: Vec<&str> = social.posts.iter().map(|post| post.text.as_str()).collect();
            files.push((PathBuf::from(format!("{stem}.txt")), (posts.join("\n\n---\n\n") + "\n").into()));
        }
        Content::Chat(chat) => {
            files.push((PathBuf::from(format!("{stem}.txt")), (chat.plain() + "\n").into()));
        }
        Content::Json(value) => files.push((PathBuf::from(format!("{stem}.json")), json(value))),
    }
    files
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(path, bytes)
        .map_err(|error| CliError::outside(format!("cannot write `{}`: {error}", path.display())))
}
