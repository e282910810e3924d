//! A plan as people read it in a terminal.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::{CliError, Ctx, Exit, Format, output};
use crate::finding::Severity;
use crate::newsroom::Newsroom;
use crate::plan::{self, Action, Plan, Planned};
use crate::release::Notice;
use crate::{daemon, load};

/// How long a blocked release is shown after its time.
const STILL_NEWS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The plan as a text of at most `width` columns. Releases for which nothing is to do, and nothing
/// comes, are counted; `everything` shows them too.
pub fn table(plan: &Plan, newsroom: &Newsroom, width: u16, everything: bool) -> String {
    let width = width.clamp(60, 140);
    let zone = &newsroom.timezone;
    let mut text = String::new();
    let now = plan.now.to_zoned(zone.clone());
    let revision =
        plan.revision.as_ref().map_or("the work tree", |revision| revision.get(..12).unwrap_or(revision));
    let _ = writeln!(
        text,
        "Plan of {revision} for {} ({} UTC)",
        now.strftime("%a %-d %b %Y, %H:%M %Z"),
        plan.now.strftime("%H:%M")
    );
    let shown: Vec<&Planned> =
        plan.releases.iter().filter(|planned| everything || has_news(planned, plan.now)).collect();
    let widths = Widths::of(&shown, zone, &now);
    for planned in &shown {
        text.push('\n');
        release(&mut text, planned, zone, &now, width, &widths);
    }
    text.push('\n');
    summary(&mut text, plan, shown.len(), width);
    text
}

/// Whether somebody who asks what comes would want to see it.
fn has_news(planned: &Planned, now: Timestamp) -> bool {
    planned.deliveries.iter().any(|group| {
        group.action.writes()
            || group.due > now
            || (group.action == Action::Blocked && now.duration_since(group.due) < STILL_NEWS)
    })
}

/// The widest of every column, so that the tables of all releases stand in line.
#[derive(Default)]
struct Widths([u16; 7]);

impl Widths {
    fn of(shown: &[&Planned], zone: &TimeZone, now: &Zoned) -> Widths {
        let mut table = Table::new();
        table.set_header(HEAD);
        for row in shown.iter().flat_map(|planned| rows(planned, zone, now)) {
            table.add_row(row);
        }
        let mut widths = Widths::default();
        for (place, width) in widths.0.iter_mut().zip(table.column_max_content_widths()) {
            *place = width;
        }
        widths
    }
}

const HEAD: [&str; 7] = ["audience", "channel", "in", "how many", "leaves", "UTC", "action"];

fn rows(planned: &Planned, zone: &TimeZone, now: &Zoned) -> Vec<[String; 7]> {
    let row = |group: &crate::plan::Group| {
        let ahead = if group.advance { " (embargoed)" } else { "" };
        let (local, utc) = times(group.due, zone, now);
        [
            format!("{}{ahead}", group.audience),
            group.channel.clone(),
            group.language.to_string(),
            thousands(group.recipients.count()),
            local,
            utc,
            group.action.as_str().to_owned(),
        ]
    };
    planned.deliveries.iter().map(row).collect()
}

fn release(text: &mut String, planned: &Planned, zone: &TimeZone, now: &Zoned, width: u16, widths: &Widths) {
    let notice = match planned.notice {
        Notice::Original => String::new(),
        notice => format!(" [{}]", notice.as_str()),
    };
    let _ = writeln!(text, "{}", cut(&format!("{}{notice}  {}", planned.slug, planned.title), width));
    if !planned.digest_of.is_empty() {
        wrapped(text, "  with ", &planned.digest_of.join(", "), width);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(HEAD.iter().enumerate().map(|(column, word)| cell(column, word)));
    for row in rows(planned, zone, now) {
        table.add_row(row.iter().enumerate().map(|(column, word)| cell(column, word)));
    }
    // The audience gives way where the terminal is narrow; everything else stays on its line.
    let others: u16 = widths.0.iter().skip(1).map(|width| width + 2).sum();
    let audience = widths.0[0].min(width.saturating_sub(others + 4)).max(8) + 2;
    table.set_constraints(widths.0.iter().enumerate().map(|(column, width)| {
        ColumnConstraint::Absolute(Width::Fixed(if column == 0 { audience } else { width + 2 }))
    }));
    for line in table.lines() {
        let _ = writeln!(text, "  {}", line.trim_end().strip_prefix(' ').unwrap_or(&line).trim_end());
    }
    reasons(text, planned, width);
    for out in &planned.left_out {
        let count = thousands(out.contacts.len() as u64);
        wrapped(text, "  - ", &format!("{count} of {} left out: {}", out.audience, out.reason), width);
    }
}

/// Each reason once, with the parts that it is for.
fn reasons(text: &mut String, planned: &Planned, width: u16) {
    let mut reasons: Vec<(&str, Vec<String>)> = Vec::new();
    for group in &planned.deliveries {
        let Some(reason) = &group.reason else { continue };
        let part = format!("{} on {}", group.audience, group.channel);
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, parts)) if parts.contains(&part) => {}
            Some((_, parts)) => parts.push(part),
            None => reasons.push((reason, vec![part])),
        }
    }
    for (reason, parts) in &reasons {
        // Where everything that is blocked (or withdrawn …) has the same reason, one word names it.
        let has = |group: &&crate::plan::Group| group.reason.as_deref() == Some(*reason);
        let actions: Vec<Action> = planned.deliveries.iter().filter(has).map(|group| group.action).collect();
        let whole = |action: Action| {
            actions.iter().all(|other| *other == action)
                && planned.deliveries.iter().filter(|group| group.action == action).all(|group| has(&group))
        };
        let name = match actions.first() {
            Some(action) if parts.len() > 1 && whole(*action) => action.as_str().to_owned(),
            _ => parts.join(", "),
        };
        wrapped(text, "  * ", &format!("{name}: {reason}"), width);
    }
}

fn summary(text: &mut String, plan: &Plan, shown: usize, width: u16) {
    let totals = plan.totals();
    let words = [
        (Action::Create, "new"),
        (Action::Update, "replaced before they leave"),
        (Action::Correct, "corrected"),
        (Action::Kill, "withdrawn"),
        (Action::Blocked, "blocked"),
        (Action::None, "as the ledger has them"),
    ];
    let parts: Vec<String> = words
        .iter()
        .filter_map(|(action, word)| {
            let (count, _) = totals.get(action).filter(|(count, _)| *count > 0)?;
            Some(format!("{} {word}", thousands(*count)))
        })
        .collect();
    let out: usize =
        plan.releases.iter().flat_map(|planned| &planned.left_out).map(|left| left.contacts.len()).sum();
    let mut line = match parts.as_slice() {
        [] => "Nothing to deliver.".to_owned(),
        parts => format!("Deliveries: {}.", parts.join(", ")),
    };
    if out > 0 {
        let _ = write!(line, " {} left out.", thousands(out as u64));
    }
    let quiet = plan.releases.len() - shown;
    match quiet {
        0 => {}
        1 => line.push_str(" One release more has nothing to do (`--all` shows it)."),
        many => {
            let many = thousands(many as u64);
            let _ = write!(line, " {many} releases more have nothing to do (`--all` shows them).");
        }
    }
    wrapped(text, "", &line, width);
}

/// The due time on the newsroom's wall and in UTC; the date where it is another one.
fn times(due: Timestamp, zone: &TimeZone, now: &Zoned) -> (String, String) {
    let local = due.to_zoned(zone.clone());
    let utc = due.to_zoned(TimeZone::UTC);
    let seconds = if local.second() == 0 { "" } else { ":%S" };
    let year = if local.year() == now.year() { "" } else { " %Y" };
    let there = local.strftime(&format!("%a %e %b{year} %H:%M{seconds}")).to_string();
    let date = if local.date() == utc.date() { "" } else { "%e %b " };
    (there, utc.strftime(&format!("{date}%H:%MZ")).to_string().trim_start().to_owned())
}

fn cell(column: usize, word: &str) -> Cell {
    let cell = Cell::new(word);
    if column == 3 { cell.set_alignment(CellAlignment::Right) } else { cell }
}

/// `1234567` as `1,234,567`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The text, cut to `width` characters.
fn cut(text: &str, width: u16) -> String {
    let width = usize::from(width);
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// `words` after `lead`, wrapped; the lines below stand under the first word.
fn wrapped(text: &mut String, lead: &str, words: &str, width: u16) {
    let indent = lead.chars().count();
    let mut line = lead.to_owned();
    let mut used = indent;
    for word in words.split(' ') {
        let length = word.chars().count();
        if used > indent && used + 1 + length > usize::from(width) {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(indent);
            used = indent;
        }
        if used > indent {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    let _ = writeln!(text, "{}", line.trim_end());
}

/// Show who gets what, when, by which channel, who is left out and why
///
/// Nothing is written. The plan is made of the files as they are, against what the ledger holds.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only this release
    slug: Option<String>,

    /// Of this commit instead of the files as they are
    #[arg(long, value_name = "REV")]
    at: Option<String>,

    /// As `issue --late` would do it
    #[arg(long)]
    late: bool,

    /// Also what is done and what is blocked for long
    #[arg(long)]
    all: bool,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `dateline plan`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let committed = match &args.at {
        Some(revision) => {
            let git = open.git_dir()?;
            Some(load::commit(&git, &load::resolve(&git, revision)?)?)
        }
        None => None,
    };
    let newsroom = committed.as_ref().unwrap_or(&open.newsroom);
    if let Some(slug) = &args.slug {
        super::known_release(newsroom, slug)?;
    }
    let mut plan = ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        Ok(daemon::plan(&ledger, newsroom, ctx.clock.now(), args.late).await?)
    })?;
    if let Some(slug) = &args.slug {
        plan.releases.retain(|planned| planned.slug == *slug || planned.digest_of.contains(slug));
    }
    match args.format {
        Format::Json => output::print_json(&plan::json(&plan))?,
        Format::Human => {
            output::print(&table(&plan, newsroom, output::width(), args.all || args.slug.is_some()))?;
        }
    }
    let broken: BTreeSet<&str> = newsroom
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.file.as_str())
        .collect();
    if !broken.is_empty() {
        eprintln!("{} files have errors and are not planned; `dateline check` says which.", broken.len());
    }
    Ok(if broken.is_empty() { Exit::Done } else { Exit::Refused })
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use std::collections::BTreeMap;

    use super::*;
    use crate::contact::ContactId;
    use crate::digest::Digest;
    use crate::plan::{Group, LeftOut, Recipients, Source, Why};

    fn plan() -> Plan {
        let group =
            |audience: &str, channel: &str, language: &str, recipients, due: &str, action, reason: &str| {
                Group {
                    audience: audience.to_owned(),
                    channel: channel.to_owned(),
                    language: language.parse().unwrap(),
                    advance: due.starts_with("2026-11"),
                    recipients,
                    due: due.parse().unwrap(),
                    action,
                    reason: (!reason.is_empty()).then(|| reason.to_owned()),
                }
            };
        let contacts = |count: i64| Recipients::Contacts((1..=count).map(ContactId).collect());
        let nothing = Digest::of(b"");
        let planned = |slug: &str, title: &str, notice, deliveries, left_out| Planned {
            slug: slug.to_owned(),
            title: title.to_owned(),
            notice,
            publish: "2026-12-01T08:00:00Z".parse().unwrap(),
            expires: "2026-12-02T08:00:00Z".parse().unwrap(),
            digest_of: Vec::new(),
            source: Source { all: nothing, look: nothing, correction: None, words: BTreeMap::new() },
            deliveries,
            left_out,
        };
        let new = planned(
            "aster-ev",
            "Aster EV goes 620 km on one charge, and this headline is longer than any terminal that people use today",
            Notice::Original,
            vec![
                group("trade-media", "relay", "en", contacts(12), "2026-11-29T08:00:00Z", Action::Create, ""),
                group(
                    "trade-media",
                    "relay",
                    "en",
                    contacts(1234),
                    "2026-12-01T08:00:00Z",
                    Action::Create,
                    "",
                ),
                group(
                    "trade-media",
                    "relay",
                    "sv",
                    contacts(120),
                    "2026-12-01T08:00:00Z",
                    Action::Update,
                    "+12 since the last issue",
                ),
                group("bloggers", "relay", "en", contacts(7), "2026-12-01T23:30:00Z", Action::Create, ""),
                group(
                    "public",
                    "newsroom",
                    "en",
                    Recipients::Account,
                    "2026-12-01T08:00:00Z",
                    Action::Create,
                    "",
                ),
            ],
            vec![
                LeftOut {
                    audience: "bloggers".to_owned(),
                    reason: Why::AlreadyBy("trade-media".to_owned()),
                    contacts: vec![ContactId(1), ContactId(2)],
                },
                LeftOut {
                    audience: "bloggers".to_owned(),
                    reason: Why::Suppressed("unsubscribed".to_owned()),
                    contacts: vec![ContactId(3)],
                },
            ],
        );
        let reason = "1236 have the old words; add `correction:` with a `note:` that says what changed to releases/2026/q3.md";
        let blocked = planned(
            "q3-results",
            "Third quarter",
            Notice::Correction,
            vec![
                group(
                    "investors",
                    "relay",
                    "en",
                    Recipients::Number(1235),
                    "2026-12-01T06:00:00Z",
                    Action::Blocked,
                    reason,
                ),
                group(
                    "investors",
                    "archive",
                    "en",
                    Recipients::Receivers(1),
                    "2026-12-01T06:00:00Z",
                    Action::Blocked,
                    reason,
                ),
            ],
            Vec::new(),
        );
        let old = planned(
            "old",
            "Long ago",
            Notice::Original,
            vec![group(
                "public",
                "newsroom",
                "en",
                Recipients::Account,
                "2025-12-01T06:00:00Z",
                Action::None,
                "",
            )],
            Vec::new(),
        );
        Plan {
            revision: Some("0123456789abcdef0123".to_owned()),
            now: "2026-12-01T07:00:00Z".parse().unwrap(),
            releases: vec![new, blocked, old],
        }
    }

    fn newsroom() -> Newsroom {
        let text = "timezone: Europe/Stockholm\n";
        let files = [("dateline.yaml".to_owned(), std::sync::Arc::from(text.as_bytes()))].into();
        Newsroom::build(None, files)
    }

    #[test]
    fn at_eighty_columns() {
        let text = table(&plan(), &newsroom(), 80, false);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        expect![[r#"
            Plan of 0123456789ab for Tue 1 Dec 2026, 08:00 CET (07:00 UTC)

            aster-ev  Aster EV goes 620 km on one charge, and this headline is longer than …
              audience     channel   in  how many  leaves            UTC           action
              trade-media  relay     en        12  Sun 29 Nov 09:00  08:00Z        create
              (embargoed)
              trade-media  relay     en     1,234  Tue  1 Dec 09:00  08:00Z        create
              trade-media  relay     sv       120  Tue  1 Dec 09:00  08:00Z        update
              bloggers     relay     en         7  Wed  2 Dec 00:30  1 Dec 23:30Z  create
              public       newsroom  en         1  Tue  1 Dec 09:00  08:00Z        create
              * trade-media on relay: +12 since the last issue
              - 2 of bloggers left out: get it as trade-media
              - 1 of bloggers left out: must not be contacted: unsubscribed

            q3-results [correction]  Third quarter
              audience     channel   in  how many  leaves            UTC           action
              investors    relay     en     1,235  Tue  1 Dec 07:00  06:00Z        blocked
              investors    archive   en         1  Tue  1 Dec 07:00  06:00Z        blocked
              * blocked: 1236 have the old words; add `correction:` with a `note:` that says
                what changed to releases/2026/q3.md

            Deliveries: 1,254 new, 120 replaced before they leave, 1,236 blocked, 1 as the
            ledger has them. 3 left out. One release more has nothing to do (`--all` shows
            it).
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn at_a_hundred_and_twenty_columns_with_everything() {
        let text = table(&plan(), &newsroom(), 120, true);
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
        expect![[r#"
            Plan of 0123456789ab for Tue 1 Dec 2026, 08:00 CET (07:00 UTC)

            aster-ev  Aster EV goes 620 km on one charge, and this headline is longer than any terminal that people use today
              audience                 channel   in  how many  leaves                 UTC           action
              trade-media (embargoed)  relay     en        12  Sun 29 Nov 09:00       08:00Z        create
              trade-media              relay     en     1,234  Tue  1 Dec 09:00       08:00Z        create
              trade-media              relay     sv       120  Tue  1 Dec 09:00       08:00Z        update
              bloggers                 relay     en         7  Wed  2 Dec 00:30       1 Dec 23:30Z  create
              public                   newsroom  en         1  Tue  1 Dec 09:00       08:00Z        create
              * trade-media on relay: +12 since the last issue
              - 2 of bloggers left out: get it as trade-media
              - 1 of bloggers left out: must not be contacted: unsubscribed

            q3-results [correction]  Third quarter
              audience                 channel   in  how many  leaves                 UTC           action
              investors                relay     en     1,235  Tue  1 Dec 07:00       06:00Z        blocked
              investors                archive   en         1  Tue  1 Dec 07:00       06:00Z        blocked
              * blocked: 1236 have the old words; add `correction:` with a `note:` that says what changed to releases/2026/q3.md

            old  Long ago
              audience                 channel   in  how many  leaves                 UTC           action
              public                   newsroom  en         1  Mon  1 Dec 2025 07:00  06:00Z        none

            Deliveries: 1,254 new, 120 replaced before they leave, 1,236 blocked, 1 as the ledger has them. 3 left out.
        "#]].assert_eq(&text);
    }

    #[test]
    fn numbers_and_lines() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), expected);
        }
        let mut text = String::new();
        wrapped(&mut text, "  - ", "one two three four", 12);
        assert_eq!(text, "  - one two\n    three\n    four\n");
    }
}
