//! Who has an older text: found in what the ledger wrote, whatever the database.

use super::State;
use super::prepare::{Course, Part};

/// A recipient and what it has already.
pub(super) type Receiver = (i64, Option<i64>);

/// What a stretch of receivers got.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub(super) notices: u64,
    pub(super) suppressed: u64,
    pub(super) open: u64,
    /// The recipient to go on with; nothing at the end.
    pub(super) next: Option<i64>,
}

/// A delivery on a course: recipient, number, part, state.
pub(super) type Row = (i64, i64, i64, State);

/// Finds, among `rows` of a course (by recipient and number, read from a recipient on up to a limit), who has an older
/// text than order `issued`, and the parts of the order that they get.
pub(super) fn find<'a>(
    rows: &mut Vec<Row>,
    parts: &'a [Part],
    issued: i64,
    channel: &str,
    course: &Course,
    (from, limit): (i64, u32),
) -> (Followed, Vec<(&'a Part, Vec<Receiver>)>) {
    let mut followed = Followed::default();
    if rows.len() == limit as usize {
        // The last recipient may have more rows than were read: begin with it next time.
        let last = rows.last().map_or(from, |row| row.0);
        if last > from {
            rows.retain(|row| row.0 < last);
            followed.next = Some(last);
        } else {
            followed.next = Some(last + 1);
        }
    }
    let mut targets: Vec<(&Part, Vec<Receiver>)> = Vec::new();
    for one in rows.chunk_by(|a, b| a.0 == b.0) {
        let older = |row: &&Row| parts.iter().any(|part| part.id == row.2 && part.issued < issued);
        let newest = one.iter().rfind(|row| row.3 == State::Sent && older(row));
        let Some((recipient, delivery, had, _)) = newest else {
            followed.open += u64::from(one.iter().filter(older).any(|row| {
                matches!(row.3, State::Attempting | State::Unknown | State::Parked | State::Quarantined)
            }));
            continue;
        };
        let Some(part) = fitting(parts, issued, channel, course, *had) else { continue };
        let target = (*recipient, Some(*delivery));
        match targets.iter_mut().find(|(other, _)| other.id == part.id) {
            Some((_, list)) => list.push(target),
            None => targets.push((part, vec![target])),
        }
    }
    (followed, targets)
}

/// The part of order `issued` for a recipient who got part `had`: of its audience and language if there is one, else of its
/// language, else any. An account has pages or posts in several languages and never gets another's.
fn fitting<'a>(parts: &'a [Part], issued: i64, channel: &str, course: &Course, had: i64) -> Option<&'a Part> {
    let had = parts.iter().find(|part| part.id == had)?;
    let rank = |part: &&Part| {
        (
            part.audience == had.audience && part.language == had.language,
            part.language == had.language,
            part.advance == had.advance,
            std::cmp::Reverse(part.id),
        )
    };
    parts
        .iter()
        .filter(|part| part.follows && part.issued == issued && part.channel == channel)
        .filter(|part| course.account.is_empty() || part.language.as_str() == course.account)
        .max_by_key(rank)
}

/// What becomes of a delivery that comes back to waiting after newer orders were issued.
pub(super) enum Overtaken<'a> {
    /// Nothing: its text still stands.
    No,
    /// This newer text takes its place.
    By(&'a Part),
    /// Nothing takes its place: its recipient has a notice of the newer order already.
    Noticed,
}

/// What becomes of a delivery of part `had` that comes back to waiting.
///
/// A correction has a part without recipients for what was open when it was planned. Where a newer order has none for this
/// delivery, it leaves as it is, and the correction follows it ([`owed`]).
pub(super) fn overtaken(parts: &[Part], had: i64) -> Overtaken<'_> {
    let Some(own) = parts.iter().find(|part| part.id == had) else { return Overtaken::No };
    let newest = parts
        .iter()
        .filter(|part| part.issued > own.issued && part.follows == own.follows)
        .filter(|part| part.audience == own.audience || !part.kind.is_mail())
        .filter(|part| part.channel == own.channel)
        .filter(|part| part.language == own.language && part.advance == own.advance)
        .max_by_key(|part| part.issued);
    match newest {
        Some(_) if own.follows => Overtaken::Noticed,
        Some(newest) if newest.edition != own.edition => Overtaken::By(newest),
        _ => Overtaken::No,
    }
}

/// The part that a recipient is owed who got part `had` of order `seq`, where a newer order has a notice for those who have
/// its text.
pub(super) fn owed<'a>(parts: &'a [Part], had: i64, seq: i64, course: &Course) -> Option<&'a Part> {
    let own = parts.iter().find(|part| part.id == had)?;
    let newest = parts
        .iter()
        .filter(|part| part.follows && part.channel == own.channel && part.seq > seq)
        .max_by_key(|part| part.seq)?;
    fitting(parts, newest.issued, &own.channel, course, had)
}
