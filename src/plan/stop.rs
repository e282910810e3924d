//! Releases that are held, killed, or back to draft after they were issued.

use jiff::Timestamp;

use super::change::Part;
use super::making::Making;
use super::{Action, Group, Recipients};
use crate::language::Language;
use crate::newsroom::ChannelKind;
use crate::release::{Notice, Release, Status};

impl Making<'_> {
    /// Cancels what waits, and tells those who have it, where there is something to tell.
    ///
    /// A hold or kill is told once: when the ledger's newest notice is the same, nothing is done again.
    pub(super) fn stop(&mut self, release: &Release, now: Timestamp) {
        let (notice, word) = match release.status {
            Status::Killed => (Some(Notice::Kill), "killed"),
            Status::Held => (Some(Notice::Hold), "held"),
            Status::Draft | Status::Approved => (None, "back to draft"),
        };
        let reason = match &release.reason {
            Some(reason) => format!("{word}: {reason}"),
            None => word.to_owned(),
        };
        if let Some(notice) = notice {
            self.planned.notice = notice;
        }
        let Some(held) = self.held else { return };
        let told = match notice {
            Some(notice) => held.notice == notice || held.notice == Notice::Kill,
            None => true,
        };
        let mut keys: Vec<(&str, &str, &Language, bool)> = Vec::new();
        for group in &held.groups {
            let key = (group.audience.as_str(), group.channel.as_str(), &group.language, group.advance);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let mut notices = false;
        for (audience, channel, language, advance) in keys {
            let part = Part::of(held.groups.iter().filter(|group| {
                (group.audience.as_str(), group.channel.as_str(), &group.language, group.advance)
                    == (audience, channel, language, advance)
            }));
            let group = |recipients, due, action, reason: &str| Group {
                audience: audience.to_owned(),
                channel: channel.to_owned(),
                language: language.clone(),
                advance,
                recipients,
                due,
                action,
                reason: Some(reason.to_owned()),
            };
            let last = part.groups.iter().map(|group| group.due).max().unwrap_or(now);
            // After the notice was issued what waits is the notice itself.
            if part.waiting > 0 && !(told && notice.is_some()) {
                let words = format!("{reason}; what waits is withdrawn");
                self.planned.deliveries.push(group(
                    Recipients::Number(part.waiting),
                    last,
                    Action::Kill,
                    &words,
                ));
            }
            if part.reached() > 0 && !told {
                notices = true;
                let words = match part.open {
                    0 => reason.clone(),
                    open => format!("{reason}; {open} more if it turns out that they have it"),
                };
                self.planned.deliveries.push(group(
                    Recipients::Receivers(part.sent),
                    now,
                    Action::Kill,
                    &words,
                ));
            } else if part.waiting == 0 || (told && notice.is_some()) {
                let all = part.groups.iter().map(|group| group.all()).sum();
                self.planned.deliveries.push(group(Recipients::Number(all), last, Action::None, &reason));
            }
        }
        if notices {
            let later = now.checked_add(self.grace).unwrap_or(now);
            self.planned.expires = self.planned.expires.max(later);
        }
    }

    /// A release that was held or killed before anything of it was issued: nothing goes out.
    pub(super) fn never(&mut self, release: &Release, audience: &str, channel: &str, kind: ChannelKind) {
        let word = if release.status == Status::Killed { "killed" } else { "held" };
        let why = release.reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        let recipients = if kind.is_mail() { Recipients::Number(0) } else { Recipients::Account };
        self.planned.deliveries.push(Group {
            audience: audience.to_owned(),
            channel: channel.to_owned(),
            language: release.original().language.clone(),
            advance: false,
            recipients,
            due: self.planned.publish,
            action: Action::None,
            reason: Some(format!("{word} before anything was sent{why}")),
        });
    }
}
