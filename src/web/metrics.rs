//! Prometheus metrics, read from the ledger at each scrape, so that they are what the ledger says.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode as write;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Health;
use crate::ledger::Counts;

type Labels = Vec<(&'static str, String)>;

/// The metrics in the OpenMetrics text format.
pub fn encode(counts: &Counts, health: &Health) -> Result<String, std::fmt::Error> {
    let mut registry = Registry::with_prefix("dateline");
    let deliveries: Family<Labels, Gauge> = Family::default();
    for ((channel, state), count) in &counts.deliveries {
        let labels = vec![("channel", channel.clone()), ("state", state.to_string())];
        deliveries.get_or_create(&labels).set(signed(*count));
    }
    registry.register("deliveries", "Deliveries in the ledger by channel and state", deliveries);
    for (name, help, value) in [
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
        let text = encode(&counts, &health).unwrap();
        for line in [
            r#"dateline_deliveries{channel="relay",state="sent"} 12"#,
            "dateline_contacts 3",
            "dateline_ready 1",
            "dateline_holds 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
