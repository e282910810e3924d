//! Seen as one person: which editions of a release reach them, when by their own clock, and why others do not; and
//! what lies in their inbox by a given time.
//!
//! The person stands in the contact book, or is made up in the address that asks: `name=…&language=sv&kind=blogger`.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::edition::{Reader, round_up};
use super::records::Records;
use super::snapshot::When;
use crate::contact::{Basis, Consent, Contact, ContactId};
use crate::newsroom::Newsroom;
use crate::plan::{self, Held, Outcome, Planner, Recipients};
use crate::release::Release;

/// How far back an inbox reaches.
const BACK: SignedDuration = SignedDuration::from_hours(45 * 24);
/// A made-up person has this number, which no book gives away.
const MADE_UP: ContactId = ContactId(-1);

/// A person, for the page.
#[derive(Debug, Serialize)]
pub struct PersonView {
    name: String,
    /// `j…@paper.example`; nothing for somebody made up.
    address: Option<String>,
    language: Option<String>,
    zone: String,
    fields: Vec<(String, String)>,
    embargo_ok: bool,
    /// The reason why nothing may be sent to them at all.
    suppressed: Option<String>,
}

/// What one audience of a release means for them.
#[derive(Debug, Serialize)]
pub struct AnswerView {
    audience: String,
    audience_name: String,
    /// `gets`, `round-up`, `left-out`, `no`, `public`.
    outcome: &'static str,
    /// The reason, as the end of a sentence.
    words: String,
    channel: Option<String>,
    language: Option<String>,
    advance: bool,
    due: Option<When>,
    /// The same instant by their own clock.
    local: Option<When>,
}

/// A mail in their inbox.
#[derive(Debug, Serialize)]
pub struct InboxView {
    slug: String,
    title: String,
    audience: String,
    channel: String,
    language: String,
    advance: bool,
    due: When,
    local: When,
}

/// Reads who is meant: `id:12`, or the fields of somebody made up. An error is words for the editor.
pub fn find(who: &str, records: Option<&dyn Records>) -> Result<Contact, String> {
    if let Some(id) = who.strip_prefix("id:") {
        let id = id.parse().map(ContactId).map_err(|_| "this is no number of a contact".to_owned())?;
        let records = records.ok_or("there is no contact book here")?;
        return records.contact(id)?.ok_or_else(|| "this contact is not in the book any more".to_owned());
    }
    make_up(who)
}

fn make_up(who: &str) -> Result<Contact, String> {
    let email = "reader@recipient.example".parse().map_err(|_| "no address".to_owned())?;
    let mut contact = Contact {
        id: MADE_UP,
        email,
        name: None,
        language: None,
        timezone: None,
        embargo_ok: false,
        tags: Vec::new(),
        fields: BTreeMap::new(),
        consent: None,
    };
    for (key, value) in url::form_urlencoded::parse(who.as_bytes()).filter(|(_, value)| !value.is_empty()) {
        let list = || value.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned);
        match &*key {
            "name" => contact.name = Some(value.into_owned()),
            "language" => {
                contact.language = Some(value.parse().map_err(|_| format!("`{value}` is no language"))?);
            }
            "timezone" => {
                TimeZone::get(&value).map_err(|_| format!("`{value}` is no time zone"))?;
                contact.timezone = Some(value.into_owned());
            }
            "embargo_ok" => contact.embargo_ok = value == "yes",
            "tags" => contact.tags = list().collect(),
            "basis" => {
                let basis: Basis = value.parse().map_err(|_| format!("`{value}` is no basis in law"))?;
                let date = jiff::civil::Date::constant(2026, 1, 1);
                contact.consent = Some(Consent { basis, source: "made up".to_owned(), date });
            }
            _ => drop(contact.fields.insert(key.into_owned(), list().collect())),
        }
    }
    Ok(contact)
}

/// Whom the slots of a mail are filled for.
pub fn reader(contact: &Contact) -> Reader {
    Reader { name: contact.name.clone(), email: contact.email.clone() }
}

/// What the page shows of a person.
pub fn view(newsroom: &Newsroom, contact: &Contact, held: &Held) -> PersonView {
    let made_up = contact.id == MADE_UP;
    let fields = contact.fields.iter().map(|(key, values)| (key.clone(), values.join(", ")));
    let tags = (!contact.tags.is_empty()).then(|| ("tags".to_owned(), contact.tags.join(", ")));
    PersonView {
        name: contact.name.clone().unwrap_or_else(|| "Without a name".to_owned()),
        address: (!made_up).then(|| contact.email.masked()),
        language: contact.language.as_ref().map(ToString::to_string),
        zone: zone(newsroom, contact).iana_name().unwrap_or("UTC").to_owned(),
        fields: fields.chain(tags).collect(),
        embargo_ok: contact.embargo_ok,
        suppressed: held.suppressed.get(&contact.id).cloned(),
    }
}

fn zone(newsroom: &Newsroom, contact: &Contact) -> TimeZone {
    let own = contact.timezone.as_deref().and_then(|name| TimeZone::get(name).ok());
    own.unwrap_or_else(|| newsroom.timezone.clone())
}

/// What each audience of `release` means for `contact`, if all goes as planned.
pub fn answers(
    newsroom: &Newsroom,
    release: &Release,
    contact: &Contact,
    held: &Held,
    now: Timestamp,
) -> Vec<AnswerView> {
    // Seen from before anything of it leaves, so that what has left already is told by its own time.
    let most = newsroom.audiences.values().map(|audience| audience.advance).max().unwrap_or_default();
    let before = release
        .embargo
        .or(release.publish)
        .and_then(|instant| instant.checked_sub(most).ok()?.checked_sub(SignedDuration::from_mins(1)).ok());
    let early = before.filter(|before| *before < now);
    let mut held = held.clone();
    if early.is_some() {
        held.recent.clear();
    }
    let explanation = plan::explain(newsroom, &held, contact, release, early.unwrap_or(now));
    let theirs = zone(newsroom, contact);
    explanation
        .audiences
        .iter()
        .map(|answer| {
            let audience = newsroom.audiences.get(&answer.audience);
            let mut view = AnswerView {
                audience: answer.audience.clone(),
                audience_name: audience
                    .map_or_else(|| answer.audience.clone(), |audience| audience.name.clone()),
                outcome: "no",
                words: String::new(),
                channel: None,
                language: None,
                advance: false,
                due: None,
                local: None,
            };
            let mut at = |due: Timestamp| {
                view.due = Some(When::new(due, &newsroom.timezone));
                view.local = Some(When::new(due, &theirs));
            };
            let (outcome, words) = match &answer.outcome {
                Outcome::Gets { channel, language, due, advance } => {
                    at(*due);
                    view.channel = Some(channel.clone());
                    view.language = Some(language.to_string());
                    view.advance = *advance;
                    ("gets", "gets it".to_owned())
                }
                Outcome::RoundUp => {
                    let mail = audience.and_then(|audience| {
                        audience.channels.iter().map(|channel| &channel.value).find(|key| {
                            newsroom.channels.get(*key).is_some_and(|channel| channel.kind.is_mail())
                        })
                    });
                    let round_up = mail.and_then(|key| round_up(newsroom, release, &answer.audience, key));
                    if let Some(round_up) = round_up {
                        at(round_up.due);
                    }
                    view.channel = mail.cloned();
                    ("round-up", "gets it in a round-up".to_owned())
                }
                Outcome::LeftOut(why) => ("left-out", why.of_one()),
                Outcome::NotMember => ("no", "does not belong to it".to_owned()),
                Outcome::NoMail => ("public", "sees it where it is public".to_owned()),
                Outcome::Decided => ("no", "gets it through an audience that is named earlier".to_owned()),
            };
            view.outcome = outcome;
            view.words = explanation.stopped.clone().filter(|_| outcome == "gets").unwrap_or(words);
            view
        })
        .collect()
}

/// The mails that they have by `at`, newest first, of the [last weeks](BACK), if all went as planned.
pub fn inbox(newsroom: &Newsroom, contact: &Contact, held: &Held, at: Timestamp) -> Vec<InboxView> {
    let from = at.checked_sub(BACK).unwrap_or(Timestamp::MIN);
    let fresh = Held { suppressed: held.suppressed.clone(), wishes: held.wishes.clone(), ..Held::default() };
    let mut planner = Planner::new(newsroom, &fresh, from);
    planner.contact(contact);
    let plan = planner.finish();
    let theirs = zone(newsroom, contact);
    let mut mails: Vec<(Timestamp, InboxView)> = Vec::new();
    for planned in &plan.releases {
        for group in planned.deliveries.iter().filter(|group| group.due <= at) {
            let Recipients::Contacts(list) = &group.recipients else { continue };
            if list.contains(&contact.id) {
                let view = InboxView {
                    slug: planned.digest_of.first().unwrap_or(&planned.slug).clone(),
                    title: planned.title.clone(),
                    audience: group.audience.clone(),
                    channel: group.channel.clone(),
                    language: group.language.to_string(),
                    advance: group.advance,
                    due: When::new(group.due, &newsroom.timezone),
                    local: When::new(group.due, &theirs),
                };
                mails.push((group.due, view));
            }
        }
    }
    mails.sort_by_key(|(due, _)| std::cmp::Reverse(*due));
    mails.into_iter().map(|(_, view)| view).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_made_up_has_the_fields_of_the_address() {
        let contact = make_up("name=Ada+Ek&language=sv&timezone=Asia%2FTokyo&embargo_ok=yes&tags=a,b&kind=blogger&beat=ev, family&x=")
            .unwrap();
        assert_eq!(contact.name.as_deref(), Some("Ada Ek"));
        assert_eq!(contact.values("kind"), ["blogger"]);
        assert_eq!(contact.values("beat"), ["ev", "family"]);
        assert_eq!(contact.values("tags"), ["a", "b"]);
        assert_eq!(contact.values("embargo_ok"), ["yes"]);
        assert_eq!(contact.values("timezone"), ["Asia/Tokyo"]);
        assert!(contact.values("x").is_empty());
    }

    #[test]
    fn what_is_no_person_is_told() {
        for (who, words) in [
            ("id:x", "no number"),
            ("id:1", "no contact book"),
            ("language=%", "no language"),
            ("timezone=Europe/Atlantis", "no time zone"),
            ("basis=none", "no basis"),
        ] {
            let error = find(who, None).unwrap_err();
            assert!(error.contains(words), "{who}: {error}");
        }
    }
}
