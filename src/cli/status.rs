//! `dateline status`: what was sent, what waits, what needs a person.

use comfy_table::{CellAlignment, Table};
use jiff::{SignedDuration, Timestamp};

use super::{CliError, Ctx, Exit, Format, output};
use crate::ledger::{ReleaseStatus, ReportCounts, Start, State, Status};
use crate::newsroom::Newsroom;

/// Counts per release, channel and state; what waits, what needs a person
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only this release
    slug: Option<String>,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `dateline status`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let (status, reports, starts) = ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let starts = match &args.slug {
            Some(slug) => ledger.starts(slug).await?,
            None => Vec::new(),
        };
        Ok::<_, CliError>((ledger.status(args.slug.as_deref()).await?, ledger.report_counts().await?, starts))
    })?;
    if let (Some(slug), true) = (&args.slug, status.releases.is_empty()) {
        return Err(CliError::refused(format!("the ledger holds nothing of `{slug}`"))
            .hint("`dateline status` lists what it holds; `dateline plan` what is not issued yet"));
    }
    let late = late(&open.newsroom, &status, args.slug.as_deref(), ctx.clock.now());
    match args.format {
        Format::Json => {
            let mut value = serde_json::to_value(&status)?;
            if let Some(object) = value.as_object_mut() {
                object.insert("late".to_owned(), serde_json::json!(late));
                object.insert("reports".to_owned(), serde_json::to_value(&reports)?);
                if args.slug.is_some() {
                    object.insert("starts".to_owned(), serde_json::to_value(&starts)?);
                }
            }
            output::print_json(&value)?;
        }
        Format::Human => {
            let mut text = human(&status, &late, &open.newsroom.timezone);
            if args.slug.is_none() {
                text.push_str(&came_back(&reports));
            }
            text.push_str(&began(&starts, &open.newsroom.timezone));
            output::print(&text)?;
        }
    }
    Ok(if status.needs_attention > 0 { Exit::Refused } else { Exit::Done })
}

fn human(status: &Status, late: &[&str], zone: &jiff::tz::TimeZone) -> String {
    let mut text = String::new();
    for hold in &status.holds {
        let since = hold.since.to_zoned(zone.clone()).strftime("%-d %b %H:%M");
        text.push_str(&format!(
            "HELD  {} since {since} by {}: {}; {} ends it\n",
            hold.scope,
            hold.by,
            hold.reason,
            hold.ended_by()
        ));
    }
    for slug in late {
        text.push_str(&format!(
            "LATE  {slug} was first seen after its time; `dateline issue {slug} --late` sends it\n"
        ));
    }
    if !status.holds.is_empty() || !late.is_empty() {
        text.push('\n');
    }
    let mut table =
        output::table(["RELEASE", "CHANNEL", "WAITING", "SENT", "FAILED", "LEFT OUT", "UNKNOWN", "NEXT"]);
    for release in &status.releases {
        rows(&mut table, release, zone);
    }
    for column in 2..7 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    text.push_str(&table.trim_fmt());
    text.push('\n');
    if status.releases.is_empty() {
        text.push_str("Nothing is issued yet. `dateline plan` shows what would be.\n");
    }
    if status.needs_attention > 0 {
        text.push('\n');
        text.push_str(&needing(status));
    }
    text
}

/// What needs a person, in one sentence for each state.
fn needing(status: &Status) -> String {
    let count = |wanted: State| -> u64 {
        status.releases.iter().filter_map(|release| release.states.get(&wanted)).sum()
    };
    let mut text = String::new();
    for (state, what) in [
        (State::Unknown, "left without an answer and are still being looked at"),
        (State::Parked, "left without an answer, and nobody knows whether they arrived"),
        (State::Quarantined, "were broken off twice and are left alone, so that they stop nobody else"),
    ] {
        let n = count(state);
        if n > 0 {
            let deliveries = if n == 1 { "delivery needs" } else { "deliveries need" };
            text.push_str(&format!("{n} {deliveries} a person: they {what}.\n"));
        }
    }
    text.push_str("`dateline resolve` lists them and takes a decision.\n");
    text
}

/// What came back, and what of it needs a person.
fn came_back(reports: &ReportCounts) -> String {
    let mut text = String::new();
    let counts: Vec<String> =
        reports.classes.iter().map(|(class, count)| format!("{count} {class}")).collect();
    if !counts.is_empty() {
        text.push_str(&format!("\nCame back: {}.\n", counts.join(", ")));
    }
    if reports.replies_waiting > 0 {
        text.push_str(&format!("{} answers by people wait to be forwarded.\n", reports.replies_waiting));
    }
    if reports.replies_stuck > 0 {
        text.push_str(&format!(
            "{} answers by people could not be forwarded, or nobody knows; they are in the mailbox that they came to.\n",
            reports.replies_stuck
        ));
    }
    for (name, source) in &reports.sources {
        if let Some(problem) = &source.problem {
            text.push_str(&format!("The source of reports {name} is in trouble: {problem}\n"));
        }
    }
    text
}

/// How simultaneously the channels began, one line for each instant at which something was due.
fn began(starts: &[Start], zone: &jiff::tz::TimeZone) -> String {
    let mut text = String::new();
    let mut dues: Vec<Timestamp> = starts.iter().map(|start| start.due).collect();
    dues.sort_unstable();
    dues.dedup();
    for due in dues {
        let these: Vec<&Start> = starts.iter().filter(|start| start.due == due).collect();
        let after = |start: &Start| start.first.duration_since(due).as_secs_f64();
        let each: Vec<String> =
            these.iter().map(|start| format!("{} {:+.1} s", start.channel, after(start))).collect();
        let spread =
            these.last().map_or(0.0, |last| after(last)) - these.first().map_or(0.0, |first| after(first));
        let due = due.to_zoned(zone.clone()).strftime("%-d %b %H:%M:%S");
        text.push_str(&format!(
            "\nDue {due}, begun: {}; {spread:.1} s from the first to the last.\n",
            each.join(", ")
        ));
    }
    text
}

/// Approved releases of the last week that are not in the ledger although their time is over.
fn late<'a>(newsroom: &'a Newsroom, status: &Status, only: Option<&str>, now: Timestamp) -> Vec<&'a str> {
    let after = newsroom.policy.late_after;
    let late = |publish: Timestamp| {
        let past = now.duration_since(publish);
        past > after && past < SignedDuration::from_hours(7 * 24)
    };
    newsroom
        .releases
        .values()
        .filter(|release| release.status == crate::release::Status::Approved)
        .filter(|release| release.publish.is_some_and(late))
        .map(|release| release.slug.as_str())
        .filter(|slug| only.is_none_or(|only| only == *slug))
        .filter(|slug| !status.releases.iter().any(|known| known.slug == *slug))
        .collect()
}

fn rows(table: &mut Table, release: &ReleaseStatus, zone: &jiff::tz::TimeZone) {
    let next = release
        .next_due
        .map(|due| due.to_zoned(zone.clone()).strftime("%-d %b %Y %H:%M %Z").to_string())
        .unwrap_or_default();
    for (index, (channel, states)) in release.channels.iter().enumerate() {
        let sum = |wanted: &[State]| {
            let count: u64 = wanted.iter().filter_map(|state| states.get(state)).sum();
            if count == 0 { "·".to_owned() } else { count.to_string() }
        };
        let name = if index == 0 { release.slug.as_str() } else { "" };
        table.add_row([
            name,
            channel,
            &sum(&[State::Scheduled, State::Attempting]),
            &sum(&[State::Sent]),
            &sum(&[State::Failed, State::Bounced, State::Complained, State::Expired]),
            &sum(&[State::Suppressed, State::Cancelled, State::Superseded]),
            &sum(&[State::Unknown, State::Parked, State::Quarantined]),
            if index == 0 { &next } else { "" },
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_says_how_late_it_began() {
        let start = |channel: &str, due: &str, first: &str| Start {
            channel: channel.to_owned(),
            due: due.parse().unwrap(),
            first: first.parse().unwrap(),
        };
        let nine = "2026-12-01T08:00:00Z";
        let starts = [
            start("blog", nine, "2026-12-01T08:00:00.12Z"),
            start("sky", nine, "2026-12-01T08:00:01.32Z"),
            start("relay", "2026-12-01T09:00:00Z", "2026-12-01T09:00:00.04Z"),
        ];
        expect_test::expect![[r#"

            Due 1 Dec 08:00:00, begun: blog +0.1 s, sky +1.3 s; 1.2 s from the first to the last.

            Due 1 Dec 09:00:00, begun: relay +0.0 s; 0.0 s from the first to the last.
        "#]]
        .assert_eq(&began(&starts, &jiff::tz::TimeZone::UTC));
        assert_eq!(began(&[], &jiff::tz::TimeZone::UTC), "");
    }

    #[test]
    fn each_state_that_needs_a_person_says_why() {
        let states = |list: &[(State, u64)]| Status {
            releases: vec![ReleaseStatus {
                states: list.iter().copied().collect(),
                ..ReleaseStatus::default()
            }],
            ..Status::default()
        };
        expect_test::expect![[r#"
            3 deliveries need a person: they left without an answer and are still being looked at.
            2 deliveries need a person: they left without an answer, and nobody knows whether they arrived.
            1 delivery needs a person: they were broken off twice and are left alone, so that they stop nobody else.
            `dateline resolve` lists them and takes a decision.
        "#]].assert_eq(&needing(&states(&[
            (State::Sent, 9),
            (State::Unknown, 3),
            (State::Parked, 2),
            (State::Quarantined, 1),
        ])));
        expect_test::expect![[r#"
            1 delivery needs a person: they were broken off twice and are left alone, so that they stop nobody else.
            `dateline resolve` lists them and takes a decision.
        "#]].assert_eq(&needing(&states(&[(State::Quarantined, 1)])));
    }
}
