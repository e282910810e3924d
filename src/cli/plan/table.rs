//! A plan as people read it in a terminal.
//!
//! It is written release by release: the text of ten thousand is never held at once.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use super::words::{cut, thousands, wrapped};
use crate::newsroom::Newsroom;
use crate::plan::{Action, Group, Plan, Planned};
use crate::release::Notice;

/// How long a blocked release is shown after its time.
const STILL_NEWS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Writes the plan to `out`, as a text of at most `width` columns. Releases for which nothing is to do, and
/// nothing comes, are counted; `everything` shows them too.
pub fn table(
    out: &mut impl io::Write,
    plan: &Plan,
    newsroom: &Newsroom,
    width: u16,
    everything: bool,
) -> io::Result<()> {
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
    let all = plan.releases.iter().map(|planned| &**planned);
    let shown: Vec<&Planned> = all.filter(|planned| everything || has_news(planned, plan.now)).collect();
    let widths = Widths::of(&shown, zone, &now);
    for planned in &shown {
        text.push('\n');
        release(&mut text, planned, zone, &now, width, &widths);
        out.write_all(text.as_bytes())?;
        text.clear();
    }
    text.push('\n');
    summary(&mut text, plan, shown.len(), width);
    out.write_all(text.as_bytes())
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
        let mut widths = Widths::default();
        let mut widen = |row: &[&str]| {
            for (width, word) in widths.0.iter_mut().zip(row) {
                *width = (*width).max(breadth(word)).max(1);
            }
        };
        widen(&HEAD);
        for planned in shown {
            each_row(planned, zone, now, |row| widen(&row));
        }
        widths
    }
}

/// How many columns of a terminal a word takes.
fn breadth(word: &str) -> u16 {
    u16::try_from(console::measure_text_width(word)).unwrap_or(u16::MAX)
}

const HEAD: [&str; 7] = ["audience", "channel", "in", "how many", "leaves", "UTC", "action"];
/// The column that stands to the right.
const NUMBERS: usize = 3;

/// Every row of a release's table, one after the other.
fn each_row(planned: &Planned, zone: &TimeZone, now: &Zoned, mut row: impl FnMut([&str; 7])) {
    // Most parts leave at the same time.
    let mut last: Option<(Timestamp, (String, String))> = None;
    for group in &planned.deliveries {
        let known = last.take().filter(|(due, _)| *due == group.due);
        let (due, (local, utc)) = known.unwrap_or_else(|| (group.due, times(group.due, zone, now)));
        let ahead = if group.advance {
            Cow::Owned(format!("{} (embargoed)", group.audience))
        } else {
            (&*group.audience).into()
        };
        let count = thousands(group.recipients.count());
        row([&ahead, &group.channel, group.language.as_str(), &count, &local, &utc, group.action.as_str()]);
        last = Some((due, (local, utc)));
    }
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
    rows(text, planned, zone, now, width, widths);
    reasons(text, planned, width);
    for out in &planned.left_out {
        let count = thousands(out.contacts.len() as u64);
        wrapped(text, "  - ", &format!("{count} of {} left out: {}", out.audience, out.reason), width);
    }
}

/// The rows below their heads.
fn rows(text: &mut String, planned: &Planned, zone: &TimeZone, now: &Zoned, width: u16, widths: &Widths) {
    // The audience gives way where the terminal is narrow; everything else stays on its line.
    let others: u16 = widths.0.iter().skip(1).map(|width| width + 2).sum();
    let audience = widths.0[0].min(width.saturating_sub(others + 4)).max(8);
    let start = text.len();
    let mut fits = line(text, &HEAD, widths, audience);
    each_row(planned, zone, now, |row| fits &= line(text, &row, widths, audience));
    if fits {
        return;
    }
    text.truncate(start);
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(HEAD.iter().enumerate().map(|(column, word)| cell(column, word)));
    each_row(planned, zone, now, |row| {
        table.add_row(row.iter().enumerate().map(|(column, word)| cell(column, word)));
    });
    table.set_constraints(widths.0.iter().enumerate().map(|(column, width)| {
        ColumnConstraint::Absolute(Width::Fixed(if column == 0 { audience } else { *width } + 2))
    }));
    for line in table.lines() {
        let _ = writeln!(text, "  {}", line.trim_end().strip_prefix(' ').unwrap_or(&line).trim_end());
    }
}

/// One row on one line; says whether the audience fits into its column.
fn line(text: &mut String, row: &[&str; 7], widths: &Widths, audience: u16) -> bool {
    let mut fits = true;
    // What is to stand between this word and the one before it.
    let mut gap: usize = 2;
    for (column, (word, width)) in row.iter().zip(&widths.0).enumerate() {
        let width = if column == 0 { audience } else { *width };
        let breadth = breadth(word);
        fits &= breadth <= width;
        let rest = usize::from(width.saturating_sub(breadth));
        let (before, behind) = if column == NUMBERS { (rest, 0) } else { (0, rest) };
        if !word.is_empty() {
            text.extend(std::iter::repeat_n(' ', gap + before));
            text.push_str(word);
            gap = 0;
        }
        gap += behind + 2;
    }
    text.push('\n');
    fits
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
        let has = |group: &&Group| group.reason.as_deref() == Some(*reason);
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
    if column == NUMBERS { cell.set_alignment(CellAlignment::Right) } else { cell }
}
