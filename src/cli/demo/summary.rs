//! What the demo did, and whether the ledger and the far ends tell the same story.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::CellAlignment;

use super::far::FarEnds;
use super::story::Story;
use crate::cli::{CliError, output};
use crate::dispatch::Event;
use crate::ledger::{DeliveryId, Ledger, State, Status};

/// Counts from both sides.
pub struct Summary {
    status: Status,
    mails_sent: u64,
    mails_caught: u64,
    twice: u64,
    problems: Vec<String>,
    places: Vec<(String, String)>,
    unfinished: u64,
}

impl Summary {
    /// Compares the ledger with what the far ends received.
    pub async fn gather(
        ledger: &Ledger,
        far: &FarEnds,
        events: &[Event],
        story: &Story,
    ) -> Result<Summary, CliError> {
        let status = ledger.status(None).await?;
        let mut mails_sent = 0;
        let mut after = DeliveryId(0);
        loop {
            let page = ledger.log(None, after, 1_000).await?;
            let Some(last) = page.last() else { break };
            after = last.delivery;
            mails_sent +=
                page.iter().filter(|entry| entry.channel == "relay" && entry.state == State::Sent).count()
                    as u64;
        }
        let mails = far.catcher.mails();
        let ids: BTreeSet<Vec<u8>> = mails.iter().map(|mail| message_id(&mail.message)).collect();
        let mut problems = ledger.verify().await?;
        let bad = [State::Failed, State::Unknown, State::Parked, State::Quarantined];
        problems.extend(
            events.iter().filter(|event| bad.contains(&event.state)).map(|event| {
                format!("{} by {}: {}: {}", event.slug, event.channel, event.state, event.words)
            }),
        );
        Ok(Summary {
            status,
            mails_sent,
            mails_caught: mails.len() as u64,
            twice: mails.len().saturating_sub(ids.len()) as u64,
            problems,
            places: far.places(),
            unfinished: story.ahead.len() as u64,
        })
    }

    /// Whether everything came as promised.
    pub fn holds(&self) -> bool {
        self.mails_sent == self.mails_caught
            && self.mails_caught > 0
            && self.twice == 0
            && self.unfinished == 0
            && self.problems.is_empty()
            && self.status.needs_attention == 0
    }

    /// For people; with `places`, also where to look.
    pub fn human(&self, places: bool) -> String {
        let mut channels: BTreeSet<&str> = BTreeSet::new();
        for release in &self.status.releases {
            channels.extend(release.channels.keys().map(String::as_str));
        }
        let header = ["RELEASE"].into_iter().chain(channels.iter().copied()).chain(["NOT SENT"]);
        let mut table = output::table(header);
        let mut total: BTreeMap<&str, u64> = BTreeMap::new();
        for release in &self.status.releases {
            let mut row = vec![release.slug.clone()];
            for channel in &channels {
                let sent =
                    release.channels.get(*channel).and_then(|states| states.get(&State::Sent)).copied();
                *total.entry(channel).or_default() += sent.unwrap_or_default();
                row.push(sent.map_or("·".to_owned(), |count| count.to_string()));
            }
            let rest: Vec<String> = release
                .states
                .iter()
                .filter(|(state, _)| **state != State::Sent)
                .map(|(state, count)| format!("{count} {state}"))
                .collect();
            row.push(rest.join(", "));
            table.add_row(row);
        }
        let sums = channels.iter().map(|channel| total.get(channel).copied().unwrap_or_default().to_string());
        table.add_row(["all".to_owned()].into_iter().chain(sums).chain([String::new()]));
        for column in 1..=channels.len() {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = format!("\n{}\n\n", table.trim_fmt());
        text.push_str(&format!(
            "The ledger says {} mails were sent; the catcher has {}; {} came twice.\n",
            self.mails_sent, self.mails_caught, self.twice
        ));
        for problem in &self.problems {
            text.push_str(&format!("PROBLEM  {problem}\n"));
        }
        if places {
            text.push('\n');
            for (what, place) in &self.places {
                text.push_str(&format!("  {what:<18} {place}\n"));
            }
        }
        text
    }

    /// For machines.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({
            "holds": self.holds(),
            "mails": { "sent": self.mails_sent, "caught": self.mails_caught, "twice": self.twice },
            "problems": self.problems,
            "status": self.status,
            "places": self.places.iter().cloned().collect::<BTreeMap<_, _>>(),
        })
    }
}

/// The Message-ID line of a mail, which no two mails may share.
fn message_id(message: &[u8]) -> Vec<u8> {
    message
        .split(|byte| *byte == b'\n')
        .find(|line| line.len() > 11 && line[..11].eq_ignore_ascii_case(b"message-id:"))
        .unwrap_or_default()
        .to_vec()
}
