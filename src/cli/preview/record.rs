//! The ledger as the preview may see it: read, and nothing else.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::cli::{CliError, Ctx};
use crate::clock::Clock;
use crate::config::Config;
use crate::contact::{Contact, ContactId};
use crate::digest::Digest;
use crate::ledger::{Ledger, LedgerError};
use crate::load;
use crate::plan::Held;
use crate::preview::{Issued, Records};
use crate::render::Edition;

/// A ledger that was opened to look at it.
pub struct Record {
    ledger: Ledger,
    runtime: Handle,
    clock: Clock,
}

impl Record {
    /// Opens the newsroom's ledger, if it has one.
    pub async fn open(ctx: &Ctx) -> Result<Option<Record>, CliError> {
        let dir = ctx.newsroom_dir()?;
        let newsroom = load::work_tree(&dir)?;
        let (config, _) = Config::read(&newsroom.config_text);
        let ledger = Ledger::open_to_look(&config.ledger(&dir)?).await?;
        let (runtime, clock) = (Handle::current(), ctx.clock.clone());
        Ok(ledger.map(|ledger| Record { ledger, runtime, clock }))
    }

    /// Waits for an answer; the preview asks from threads that may block.
    fn ask<T>(&self, answer: impl Future<Output = Result<T, LedgerError>>) -> Result<T, String> {
        self.runtime.block_on(answer).map_err(|error| error.to_string())
    }
}

impl Records for Record {
    fn find(&self, words: &str, limit: usize) -> Result<Vec<Contact>, String> {
        let words: Vec<String> = words.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let mut found = Vec::new();
        self.pages(&mut |contact| {
            if holds(contact, &words) {
                found.push(contact.clone());
            }
            found.len() < limit
        })?;
        Ok(found)
    }

    fn contact(&self, id: ContactId) -> Result<Option<Contact>, String> {
        let page = self.ask(self.ledger.contacts(ContactId(id.0.saturating_sub(1)), 1))?;
        Ok(page.into_iter().find(|contact| contact.id == id))
    }

    fn each(&self, see: &mut dyn FnMut(&Contact)) -> Result<(), String> {
        self.pages(&mut |contact| {
            see(contact);
            true
        })
    }

    fn held(&self, recent: bool) -> Result<Held, String> {
        self.ask(self.ledger.held(recent, self.clock.now()))
    }

    fn issued(&self, slug: &str) -> Result<Vec<Issued>, String> {
        let parts = self.ask(self.ledger.issued_parts(slug))?;
        let issued = parts.into_iter().map(|part| Issued {
            seq: part.seq,
            at: part.issued_at,
            notice: part.notice,
            revision: part.revision,
            audience: part.audience,
            channel: part.channel,
            language: part.language,
            advance: part.advance,
            edition: part.edition,
        });
        Ok(issued.collect())
    }

    fn edition(&self, sha: Digest) -> Result<Arc<Edition>, String> {
        self.ask(self.ledger.edition(sha))
    }
}

impl Record {
    /// Hands out contacts, a page at a time, until `see` has enough.
    fn pages(&self, see: &mut dyn FnMut(&Contact) -> bool) -> Result<(), String> {
        const PAGE: u32 = 5_000;
        let mut after = ContactId(0);
        loop {
            let page = self.ask(self.ledger.contacts(after, PAGE))?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            if !page.iter().all(&mut *see) {
                return Ok(());
            }
        }
    }
}

/// Whether every word stands somewhere in what is known of a contact.
fn holds(contact: &Contact, words: &[String]) -> bool {
    let mut text = format!("{} {} ", contact.name.as_deref().unwrap_or_default(), contact.email);
    for part in contact.tags.iter().chain(contact.fields.values().flatten()) {
        text.push_str(part);
        text.push(' ');
    }
    text.extend(contact.language.iter().map(crate::language::Language::as_str));
    let text = text.to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}
