//! `dateline explain`: why somebody gets a release, or does not.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{CliError, Ctx, Exit, Format, output};
use crate::audience::Verdict;
use crate::contact::{Contact, EmailAddress};
use crate::ledger::{Dossier, LogEntry, UNSUBSCRIBED};
use crate::newsroom::Newsroom;
use crate::plan::{self, Answer, Explanation, Outcome};
use crate::release::Release;

/// Say why somebody gets a release, or does not
///
/// Goes through everything that decides: the contact book, each rule of each audience, language, topics, limits, times,
/// suppression; and what the ledger holds of it. Ends with 0 if they get it or have it, with 1 if not.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Whose address
    address: EmailAddress,

    /// The release
    slug: String,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Everything that there is to say.
struct Case<'a> {
    newsroom: &'a Newsroom,
    release: &'a Release,
    dossier: Dossier,
    explanation: Option<Explanation>,
    /// Mails of the last seven days.
    recent: u32,
}

/// Runs `dateline explain`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    super::known_release(&open.newsroom, &args.slug)?;
    let release = open
        .newsroom
        .releases
        .get(&args.slug)
        .ok_or_else(|| CliError::usage(format!("there is no release `{}`", args.slug)))?;
    let now = ctx.clock.now();
    let case = ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let dossier = ledger.dossier(&args.address).await?;
        let held = ledger.held(true, now).await?;
        ledger.close(now).await?;
        let contact = dossier.contact.as_ref();
        let explanation = contact.map(|contact| plan::explain(&open.newsroom, &held, contact, release, now));
        let recent = contact.and_then(|contact| held.recent.get(&contact.id)).copied().unwrap_or(0);
        Ok(Case { newsroom: &open.newsroom, release, dossier, explanation, recent })
    })?;
    let (gets, verdict) = case.verdict();
    match args.format {
        Format::Json => output::print_json(&case.json(&args.address, gets, &verdict))?,
        Format::Human => output::print(&case.human(&args.address, &verdict))?,
    }
    Ok(if gets { Exit::Done } else { Exit::Refused })
}

impl Case<'_> {
    /// What the ledger holds of the release for them, oldest first.
    fn rows(&self) -> impl Iterator<Item = &LogEntry> {
        self.dossier.deliveries.iter().filter(|entry| entry.release == self.release.slug)
    }

    /// Whether they get it, and why, in one sentence.
    fn verdict(&self) -> (bool, String) {
        use crate::ledger::State;
        if let Some(entry) = self.rows().find(|entry| entry.state == State::Sent) {
            let at = entry.sent_at.map(|at| at.to_string()).unwrap_or_default();
            return (true, format!("has it: sent on {} at {at}", entry.channel));
        }
        if let Some(suppression) = &self.dossier.suppression {
            let by = if suppression.reason == UNSUBSCRIBED { "left: " } else { "" };
            let since = suppression.since;
            return (false, format!("gets nothing: {by}{}, since {since}", suppression.reason));
        }
        let Some(explanation) = &self.explanation else {
            return (false, "gets nothing: is not in the contact book".to_owned());
        };
        if let Some(entry) = self.rows().find(|entry| !entry.state.is_final()) {
            return (true, format!("is to get it: the ledger has it as {} for {}", entry.state, entry.due));
        }
        match (explanation.gets(), &explanation.stopped) {
            (_, Some(stopped)) => (false, format!("does not get it: {stopped}")),
            (Some(Answer { audience, outcome: Outcome::Gets { channel, due, .. }, .. }), None) => {
                (true, format!("gets it as {audience} on {channel} at {due}"))
            }
            _ => {
                let left = explanation.audiences.iter().find_map(|answer| match &answer.outcome {
                    Outcome::LeftOut(why) => Some(format!("does not get it: {}", why.of_one())),
                    Outcome::RoundUp => Some(format!("gets it in the next round-up of {}", answer.audience)),
                    _ => None,
                });
                let round_up = explanation.audiences.iter().any(|answer| answer.outcome == Outcome::RoundUp);
                let nobody =
                    || "does not get it: belongs to none of its audiences that are mailed".to_owned();
                (round_up, left.unwrap_or_else(nobody))
            }
        }
    }

    fn human(&self, address: &EmailAddress, verdict: &str) -> String {
        let mut text = format!("{address} {verdict}\n\n");
        let Release { slug, .. } = self.release;
        let _ = writeln!(text, "{slug}: {}", self.release.original().title);
        if let Some(explanation) = &self.explanation {
            for (name, instant) in [
                ("publish", explanation.publish),
                ("embargo", explanation.embargo),
                ("expires", explanation.expires),
            ] {
                if let Some(instant) = instant {
                    let _ = writeln!(text, "  {name}  {}", self.moment(instant));
                }
            }
            if let Some(stopped) = &explanation.stopped {
                let _ = writeln!(text, "  stopped  {stopped}");
            }
            if !explanation.topics.is_empty() {
                let _ = writeln!(text, "  topics   {}", explanation.topics.join(", "));
            }
        }
        text.push_str("\nIn the contact book\n");
        match &self.dossier.contact {
            None => text.push_str("  not there\n"),
            Some(contact) => self.contact(&mut text, contact),
        }
        for answer in self.explanation.iter().flat_map(|explanation| &explanation.audiences) {
            self.answer(&mut text, answer);
        }
        let mut rows = self.rows().peekable();
        if rows.peek().is_some() {
            text.push_str("\nIn the ledger\n");
        }
        for entry in rows {
            let _ = writeln!(
                text,
                "  {} as {} on {} in {}: {}, due {}",
                entry.notice.as_str(),
                entry.audience,
                entry.channel,
                entry.language,
                entry.state,
                self.moment(entry.due)
            );
            for result in entry.attempts.iter().flat_map(|attempt| &attempt.results) {
                let _ =
                    writeln!(text, "    {}  {}: {}", self.moment(result.at), result.outcome, result.reply);
            }
        }
        text
    }

    fn contact(&self, text: &mut String, contact: &Contact) {
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "  {name:<12}{}", if value.is_empty() { "-" } else { value });
        };
        let fields = ["language", "timezone", "tags", "embargo_ok"].into_iter();
        for field in fields.chain(contact.fields.keys().map(String::as_str)) {
            line(field, &contact.values(field).join(", "));
        }
        line("consent", &contact.consent.as_ref().map(ToString::to_string).unwrap_or_default());
        if let Some(wishes) = &self.dossier.wishes {
            let unwanted: Vec<&str> = wishes.unwanted.iter().map(String::as_str).collect();
            let languages: Vec<&str> =
                wishes.languages.iter().map(crate::language::Language::as_str).collect();
            line("unwanted", &unwanted.join(", "));
            line("reads", &languages.join(", "));
        }
        line("mails", &format!("{} in the last seven days", self.recent));
        if let Some(suppression) = &self.dossier.suppression {
            line("suppressed", &format!("{}, since {}", suppression.reason, self.moment(suppression.since)));
        }
    }

    fn answer(&self, text: &mut String, answer: &Answer) {
        let outcome = match &answer.outcome {
            Outcome::NoMail => "sends no mail".to_owned(),
            Outcome::NotMember => "does not belong to it".to_owned(),
            Outcome::RoundUp => "gets a round-up instead".to_owned(),
            Outcome::Gets { channel, language, due, advance } => {
                let ahead = if *advance { ", ahead of the embargo and marked" } else { "" };
                format!("gets it on {channel} in {language}, {}{ahead}", self.moment(*due))
            }
            Outcome::LeftOut(why) => why.of_one(),
            Outcome::Decided => "an earlier audience decided".to_owned(),
        };
        let _ = writeln!(text, "\n{}: {outcome}", answer.audience);
        if let Some(rule) = &answer.rule {
            parts(text, rule, 1);
        }
        if let Some(limit) = answer.per_week {
            let _ = writeln!(text, "  at most {limit} mails in seven days; {} so far", self.recent);
        }
        if answer.ahead {
            let may = self.dossier.contact.as_ref().is_some_and(|contact| contact.embargo_ok);
            let _ = writeln!(
                text,
                "  gives copies ahead of the embargo; the contact {} have one",
                if may { "may" } else { "may not" }
            );
        }
        if answer.waits {
            text.push_str("  waits for its window or slot\n");
        }
    }

    fn moment(&self, instant: jiff::Timestamp) -> String {
        let there = instant.to_zoned(self.newsroom.timezone.clone());
        format!("{} ({} UTC)", there.strftime("%-d %b %Y, %H:%M %Z"), instant.strftime("%H:%M"))
    }

    fn json(&self, address: &EmailAddress, gets: bool, verdict: &str) -> Value {
        let explanation = self.explanation.as_ref();
        let audiences = explanation.into_iter().flat_map(|explanation| &explanation.audiences);
        json!({
            "address": address,
            "slug": self.release.slug,
            "gets": gets,
            "verdict": verdict,
            "stopped": explanation.and_then(|explanation| explanation.stopped.as_ref()),
            "publish": explanation.and_then(|explanation| explanation.publish),
            "embargo": explanation.and_then(|explanation| explanation.embargo),
            "expires": explanation.and_then(|explanation| explanation.expires),
            "topics": explanation.map(|explanation| &explanation.topics),
            "contact": self.dossier.contact,
            "wishes": self.dossier.wishes,
            "suppression": self.dossier.suppression,
            "mails_in_seven_days": self.recent,
            "audiences": audiences.map(answer).collect::<Vec<_>>(),
            "ledger": self.rows().collect::<Vec<_>>(),
        })
    }
}

/// A rule and its parts, one a line, with what the contact has.
fn parts(text: &mut String, verdict: &Verdict, depth: usize) {
    let indent = "  ".repeat(depth);
    let mark = if verdict.holds { "yes" } else { "no " };
    let found = match &verdict.found {
        None => String::new(),
        Some(found) if found.is_empty() => "   (has nothing there)".to_owned(),
        Some(found) => format!("   (has {})", found.join(", ")),
    };
    let _ = writeln!(text, "{indent}{mark}  {}{found}", verdict.rule);
    verdict.parts.iter().for_each(|part| parts(text, part, depth + 1));
}

fn answer(answer: &Answer) -> Value {
    let (word, reason) = match &answer.outcome {
        Outcome::NoMail => ("no-mail", None),
        Outcome::NotMember => ("not-a-member", None),
        Outcome::RoundUp => ("round-up", None),
        Outcome::Gets { .. } => ("gets", None),
        Outcome::LeftOut(why) => ("left-out", Some(why.of_one())),
        Outcome::Decided => ("decided-earlier", None),
    };
    let mut value = json!({
        "audience": answer.audience,
        "outcome": word,
        "reason": reason,
        "per_week": answer.per_week,
        "rule": answer.rule.as_ref().map(rule),
    });
    if let (Outcome::Gets { channel, language, due, advance }, Some(object)) =
        (&answer.outcome, value.as_object_mut())
    {
        object.insert("channel".to_owned(), json!(channel));
        object.insert("language".to_owned(), json!(language));
        object.insert("due".to_owned(), json!(due));
        object.insert("advance".to_owned(), json!(advance));
    }
    value
}

fn rule(verdict: &Verdict) -> Value {
    json!({
        "rule": verdict.rule,
        "holds": verdict.holds,
        "found": verdict.found,
        "parts": verdict.parts.iter().map(rule).collect::<Vec<_>>(),
    })
}
