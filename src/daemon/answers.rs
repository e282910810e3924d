//! Answers by people are brought to the contacts of the release that they answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::contact::EmailAddress;
use crate::dispatch::{Dispatch, Forwarding};
use crate::intake::mime::Part;
use crate::intake::read::{author, sender};
use crate::language::Language;
use crate::ledger::{Forwarded, Ledger, LedgerError, Waiting};
use crate::newsroom::{ChannelFacts, Newsroom};
use crate::release::Notice;
use crate::render::{self, Answer, Content, Edition, Request};

/// How often it is looked whether one waits.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(5);
/// One that could not leave waits so long.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(5);
/// The most at one look.
const AT_ONCE: u32 = 20;

/// Whom answers are for, as the newsroom says.
#[derive(Debug, Clone, Default)]
pub struct Press {
    /// The first contact of each release.
    releases: BTreeMap<String, EmailAddress>,
    /// Of a release without one: the newsroom's only contact, or its first.
    anybody: Option<EmailAddress>,
    channels: BTreeMap<String, ChannelFacts>,
    language: Option<Language>,
}

impl Press {
    /// Whom answers are for.
    pub fn of(newsroom: &Newsroom) -> Press {
        let email = |key: &String| newsroom.contacts.get(key)?.email.parse().ok();
        let releases = newsroom
            .releases
            .values()
            .filter_map(|release| Some((release.slug.clone(), release.contacts.iter().find_map(email)?)))
            .collect();
        Press {
            releases,
            anybody: newsroom.contacts.keys().find_map(email),
            channels: newsroom.channels.clone(),
            language: newsroom.languages.first().cloned(),
        }
    }
}

/// Brings what waits to the desk, until `stop`.
pub async fn run(
    ledger: Ledger,
    dispatch: Dispatch,
    clock: Clock,
    press: watch::Receiver<Arc<Press>>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! { () = tokio::time::sleep(LOOK_EVERY) => {}, () = stop.cancelled() => return }
        let press = Arc::clone(&press.borrow());
        if let Err(error) = look(&ledger, &dispatch, &clock, &press).await {
            tracing::warn!(%error, "answers by people could not be looked at");
        }
    }
}

/// Forwards what waits; returns how many the desk has now.
async fn look(
    ledger: &Ledger,
    dispatch: &Dispatch,
    clock: &Clock,
    press: &Press,
) -> Result<usize, LedgerError> {
    let mut done = 0;
    for waiting in ledger.answers(clock.now(), AT_ONCE).await? {
        let what = match forwarding(&waiting, press) {
            Some(forwarding) => dispatch.forward(&forwarding).await?,
            None => Forwarded::Later,
        };
        let next = clock.now().checked_add(AGAIN_AFTER).unwrap_or(clock.now());
        ledger.answer_forwarded(waiting.id, what, next).await?;
        let release = waiting.release.as_str();
        match what {
            Forwarded::Done => {
                done += 1;
                tracing::info!(release, "an answer was forwarded to the press desk");
            }
            Forwarded::Later => {}
            Forwarded::Unknown | Forwarded::Failed => {
                tracing::warn!(
                    release,
                    "an answer could not be forwarded; it is in the mailbox that it came to"
                );
            }
        }
    }
    Ok(done)
}

/// The mail to the desk; nothing where there is no desk yet.
fn forwarding(waiting: &Waiting, press: &Press) -> Option<Forwarding> {
    let to = press.releases.get(&waiting.release).or(press.anybody.as_ref())?.clone();
    let channel = press.channels.get(&waiting.channel)?;
    let mail = Part::read(&waiting.message);
    let from = sender(&mail.headers);
    let answer = Answer {
        slug: &waiting.release,
        title: &waiting.title,
        author: &author(&mail.headers),
        reply_to: from.as_ref(),
        subject: &mail.headers.subject(),
        text: &mail.words(),
        original: &waiting.message,
        at: waiting.at,
        id: &format!("answer-{}", waiting.id),
    };
    let request = Request {
        slug: waiting.release.clone(),
        digest_of: Vec::new(),
        notice: Notice::Original,
        audience: "press-desk".to_owned(),
        channel: waiting.channel.clone(),
        language: press.language.clone()?,
        advance: false,
        test: false,
        date: waiting.at,
    };
    let content = match render::forward(channel, &answer) {
        Ok(mail) => Content::Mail(mail),
        Err(error) => {
            tracing::warn!(%error, "an answer cannot be forwarded");
            return None;
        }
    };
    let edition = Edition { request, title: waiting.title.clone(), content, assets: Vec::new() };
    Some(Forwarding { id: waiting.id, edition: Arc::new(edition), to, at: waiting.at })
}
