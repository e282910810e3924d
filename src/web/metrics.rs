//! Prometheus metrics, read from the ledger at each scrape, so that they are what the ledger says.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode as write;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Health;
use crate::intake::source::Standing;
use crate::ledger::{Counts, ReportCounts};

type Labels = Vec<(&'static str, String)>;

/// The metrics in the OpenMetrics text format.
pub fn encode(
    counts: &Counts,
    reports: &ReportCounts,
    sources: &BTreeMap<String, Standing>,
    health: &Health,
) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("dateline");
    let deliveries: Family<Labels, Gauge> = Family::default();
    for ((channel, state), count) in &counts.deliveries {
        let labels = vec![("channel", channel.clone()), ("state", state.to_string())];
        deliveries.get_or_create(&labels).set(signed(*count));
    }
    registry.register("deliveries", "Deliveries in the ledger by channel and state", deliveries);
    let classes: Family<Labels, Gauge> = Family::default();
    for (class, count) in &reports.classes {
        classes.get_or_create(&vec![("class", class.to_string())]).set(signed(*count));
    }
    registry.register("reports", "Reports that came back, by what they say", classes);
    let well: Family<Labels, Gauge> = Family::default();
    for (name, standing) in sources {
        let is = i64::from(standing.problem.is_none());
        well.get_or_create(&vec![("source", name.clone())]).set(is);
    }
    registry.register("source_well", "Whether a source of reports can be looked at", well);
    for (name, help, value) in [
        ("answers_waiting", "Answers by people that wait to be forwarded", reports.replies_waiting),
        ("answers_stuck", "Answers by people that could not be forwarded", reports.replies_stuck),
        ("contacts", "Contacts in the contact book", counts.contacts),
        ("suppressions", "Addresses that must not be contacted", counts.suppressions),
        ("holds", "Holds that stand", counts.holds),
        ("refused_commits", "Commits that were not issued from since the start", health.refused_commits),
        ("ready", "Whether the daemon follows git and can write its ledger", u64::from(health.ready)),
        ("problems", "What stands in the way; /readyz names it", health.problems.len() as u64),
        (
            "late",
            "Releases that wait for a person because they were first seen after their time",
            health.late.len() as u64,
        ),
    ] {
        let gauge: Gauge = Gauge::default();
        gauge.set(signed(value));
        registry.register(name, help, gauge);
    }
    if let Some(at) = health.looked_at {
        let gauge: Gauge<f64, AtomicU64> = Gauge::default();
        gauge.set(at.as_duration().as_secs_f64());
        registry.register("git_looked_at_seconds", "When git was last looked at, seconds since 1970", gauge);
    }
    let mut text = String::new();
    write(&mut text, &registry)?;
    Ok(text)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::State;

    #[test]
    fn metrics_are_what_the_ledger_counts() {
        let mut counts = Counts { contacts: 3, ..Counts::default() };
        counts.deliveries.insert(("relay".into(), State::Sent), 12);
        let health = Health { ready: true, ..Health::default() };
        let mut reports = ReportCounts { replies_waiting: 2, ..ReportCounts::default() };
        reports.classes.insert(crate::ledger::Class::NoMailbox, 4);
        let sources = [("bounces".to_owned(), Standing::default())].into();
        let text = encode(&counts, &reports, &sources, &health).unwrap();
        for line in [
            r#"dateline_deliveries{channel="relay",state="sent"} 12"#,
            r#"dateline_reports{class="no-mailbox"} 4"#,
            r#"dateline_source_well{source="bounces"} 1"#,
            "dateline_answers_waiting 2",
            "dateline_contacts 3",
            "dateline_ready 1",
            "dateline_holds 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
