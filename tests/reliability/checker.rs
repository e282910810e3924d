//! Compares the ledger with the witness (the idea is Jepsen's): every promise is a rule, and every break of one is a
//! sentence. The self-test hands it doctored evidence and sees each rule break.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::evidence::{Evidence, Kill, Policy, Row};
use crate::witness::record::{Line, What};

/// Crash points at which everything can be known after the process died: before the dot, and after the answer.
const KNOWABLE: [&str; 7] = ["S0", "S1", "S3", "S4", "S5", "S7", "S9"];
/// Crash points that a mail passes while the one before or behind it may be on the wire: only that one can be unknown, and the witness
/// has seen its dot.
const BESIDE: [&str; 2] = ["S2", "S8"];
/// An answer that the witness gave this long before the kill was surely read: the flight recorder must know it.
const READ_BY_THEN: SignedDuration = SignedDuration::from_millis(250);

/// What the comparison found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Verdict {
    /// Deliveries planned.
    pub deliveries: u64,
    /// Mails and requests that the witness took, copies included.
    pub taken: u64,
    /// Copies beyond the first of one mail (a webhook may be repeated: that is its contract).
    pub duplicates: u64,
    /// Of these, the ones that `resend_once` asked for.
    pub allowed_duplicates: u64,
    /// Deliveries that vanished, are stuck, or that the ledger calls sent and nobody took.
    pub losses: u64,
    /// Deliveries by state.
    pub states: BTreeMap<String, u64>,
    /// Attempts that stayed unknown because their daemon was killed, after the next one had looked at what it left.
    pub unknown_by_kill: u64,
    /// The most that one kill left.
    pub unknown_most: u64,
    /// Attempts that were unknown without a kill: the connection was lost after the dot.
    pub unknown_else: u64,
    /// The most connections that the witness saw at once.
    pub connections_most: u64,
    /// Every broken promise, in words.
    pub broken: Vec<String>,
}

/// Compares.
pub fn check(evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict { deliveries: evidence.planned, ..Verdict::default() };
    let mut broken = Broken::default();
    let taken = taken(&evidence.lines);
    verdict.taken = taken.values().map(|copies| copies.len() as u64).sum();
    verdict.connections_most = evidence.lines.iter().map(|line| line.open as u64).max().unwrap_or_default();
    conservation(evidence, &mut verdict, &mut broken);
    copies(evidence, &taken, &mut verdict, &mut broken);
    against_the_witness(evidence, &taken, &mut verdict, &mut broken);
    one_at_a_time(evidence, &mut broken);
    unknown(evidence, &mut verdict, &mut broken);
    if let Some(metrics) = &evidence.metrics {
        let mut counted: BTreeMap<(String, String), u64> = BTreeMap::new();
        for row in &evidence.rows {
            *counted.entry((row.channel.clone(), row.state.clone())).or_default() += 1;
        }
        let mut shown = metrics.clone();
        for ((channel, _), parked) in counted.iter().filter(|((_, state), _)| state == "parked") {
            let of = |state: &str| (channel.clone(), state.to_owned());
            // The metrics were asked first: a quarantine may have ended before the daemons did.
            let more = parked.saturating_sub(shown.get(&of("parked")).copied().unwrap_or(0));
            let unknown = shown.entry(of("unknown")).or_default();
            let more = more.min(*unknown);
            *unknown -= more;
            *shown.entry(of("parked")).or_default() += more;
        }
        shown.retain(|_, n| *n > 0);
        if shown != counted {
            broken.say("metrics", format!("the metrics show {shown:?}, the ledger holds {counted:?}"));
        }
    }
    for sentence in &evidence.verify {
        broken.say("ledger", format!("the ledger contradicts itself: {sentence}"));
    }
    // Connections of a daemon that was killed stay open at the witness until it looks: only without kills is
    // the count exact.
    let most = evidence.connections * evidence.daemons;
    if evidence.kills.is_empty() && verdict.connections_most > most {
        broken.say(
            "connections",
            format!("{} connections at once, {most} are allowed", verdict.connections_most),
        );
    }
    verdict.broken = broken.into_sentences();
    verdict
}

/// Sentences by rule; of each rule only the first few, and a count.
#[derive(Default)]
struct Broken(BTreeMap<&'static str, (u64, Vec<String>)>);

impl Broken {
    fn say(&mut self, rule: &'static str, sentence: String) {
        let (count, sentences) = self.0.entry(rule).or_default();
        *count += 1;
        if sentences.len() < 5 {
            sentences.push(format!("{rule}: {sentence}"));
        }
    }

    fn into_sentences(self) -> Vec<String> {
        let mut all = Vec::new();
        for (rule, (count, sentences)) in self.0 {
            let more = count - sentences.len() as u64;
            all.extend(sentences);
            if more > 0 {
                all.push(format!("{rule}: and {more} more"));
            }
        }
        all
    }
}

/// Everything that was taken, by its id.
fn taken(lines: &[Line]) -> HashMap<&str, Vec<&Line>> {
    let mut taken: HashMap<&str, Vec<&Line>> = HashMap::new();
    for line in lines.iter().filter(|line| line.what == What::Taken) {
        taken.entry(&line.id).or_default().push(line);
    }
    taken
}

/// G1: planned = sum of states; nothing vanishes, nothing is planned twice, nothing is left lying.
fn conservation(evidence: &Evidence, verdict: &mut Verdict, broken: &mut Broken) {
    for row in &evidence.rows {
        *verdict.states.entry(row.state.clone()).or_default() += 1;
    }
    let rows = evidence.rows.len() as u64;
    if rows != evidence.planned {
        verdict.losses += evidence.planned.saturating_sub(rows);
        broken.say("conservation", format!("{} deliveries were planned, {rows} are there", evidence.planned));
    }
    let mut ids = HashSet::new();
    let mut parties = HashSet::new();
    for row in &evidence.rows {
        if !ids.insert(&row.message_id) {
            broken.say("conservation", format!("two deliveries are called {}", row.message_id));
        }
        if !parties.insert((&row.release, &row.channel, &row.recipient)) {
            broken.say("conservation", format!("delivery {} is planned twice", row.delivery));
        }
        if evidence.finished && matches!(row.state.as_str(), "scheduled" | "attempting") {
            verdict.losses += 1;
            broken.say("conservation", format!("delivery {} is {} at the end", row.delivery, row.state));
        }
    }
}

/// G3 and G4: no second copy, or at most one, of the same bytes, where the ledger said beforehand that it could not know.
fn copies(
    evidence: &Evidence,
    taken: &HashMap<&str, Vec<&Line>>,
    verdict: &mut Verdict,
    broken: &mut Broken,
) {
    let rows: HashMap<&str, &Row> = evidence.rows.iter().map(|row| (row.message_id.as_str(), row)).collect();
    for (id, copies) in taken {
        let Some(row) = rows.get(id) else {
            broken.say("copies", format!("the witness took {id}, which is no delivery"));
            continue;
        };
        if copies.iter().any(|copy| copy.sha != copies[0].sha) {
            broken.say("copies", format!("copies of delivery {} differ in their bytes", row.delivery));
        }
        if copies[0].to == "webhook" {
            continue;
        }
        if copies.iter().any(|copy| copy.to != row.recipient) {
            broken.say("copies", format!("delivery {} went to somebody else", row.delivery));
        }
        let extra = copies.len() as u64 - 1;
        verdict.duplicates += extra;
        let allowed = match evidence.policy {
            Policy::Hold => 0,
            Policy::ResendOnce => u64::from(row.was_unknown()),
        };
        verdict.allowed_duplicates += extra.min(allowed);
        if extra > allowed {
            broken.say("copies", format!("delivery {} arrived {} times", row.delivery, copies.len()));
        }
    }
}

/// G3: sent ⊆ accepted ⊆ sent ∪ unknown ∪ parked.
fn against_the_witness(
    evidence: &Evidence,
    taken: &HashMap<&str, Vec<&Line>>,
    verdict: &mut Verdict,
    broken: &mut Broken,
) {
    for row in &evidence.rows {
        let arrived = taken.contains_key(row.message_id.as_str());
        let may_have = match row.state.as_str() {
            "sent" | "bounced" | "complained" | "unknown" | "parked" | "attempting" => true,
            // Its contract is to come again until it is confirmed.
            "scheduled" if row.channel == "hook" => true,
            // Waits for the one repetition that was asked for.
            "scheduled" => evidence.policy == Policy::ResendOnce && row.was_unknown(),
            _ => false,
        };
        if arrived && !may_have {
            broken.say("accepted", format!("delivery {} arrived and is {}", row.delivery, row.state));
        }
        if !arrived && row.state == "sent" {
            verdict.losses += 1;
            broken.say("sent", format!("delivery {} is sent and never arrived", row.delivery));
        }
        if evidence.finished && row.attempts.iter().any(|attempt| attempt.results.is_empty()) {
            broken.say("sent", format!("delivery {} has an attempt without a result", row.delivery));
        }
    }
}

/// G8: a delivery is never attempted while an earlier attempt at it is open.
fn one_at_a_time(evidence: &Evidence, broken: &mut Broken) {
    for row in &evidence.rows {
        for pair in row.attempts.windows(2) {
            if pair[0].ended().is_none_or(|ended| ended > pair[1].at) {
                let (first, second) = (pair[0].no, pair[1].no);
                broken.say(
                    "attempts",
                    format!("delivery {}: try {second} began before {first} ended", row.delivery),
                );
            }
        }
    }
}

/// G3: what a kill leaves unknown is at most what was on the wire, and only what nobody can know.
fn unknown(evidence: &Evidence, verdict: &mut Verdict, broken: &mut Broken) {
    let mut answered: HashMap<&str, Vec<i64>> = HashMap::new();
    for line in evidence.lines.iter().filter(|line| line.what == What::Answered) {
        answered.entry(&line.id).or_default().push(line.at);
    }
    let closed: HashMap<u64, i64> = evidence
        .lines
        .iter()
        .filter(|line| line.what == What::Closed)
        .map(|line| (line.connection, line.at))
        .collect();
    // Where the witness saw all of a mail: over which connection, and when.
    let mut seen: HashMap<&str, Vec<(u64, i64)>> = HashMap::new();
    for line in evidence.lines.iter().filter(|line| matches!(line.what, What::Taken | What::Refused)) {
        seen.entry(&line.id).or_default().push((line.connection, line.at));
    }
    let mut by_kill: HashMap<usize, u64> = HashMap::new();
    for row in evidence.rows.iter().filter(|row| row.channel != "hook") {
        for attempt in row.attempts.iter().filter(|attempt| attempt.is_unknown()) {
            let Some(ended) = attempt.ended() else { continue };
            let Some((number, kill)) = kill_during(&evidence.kills, attempt.at, ended) else {
                verdict.unknown_else += 1;
                continue;
            };
            let mut over = seen
                .get(row.message_id.as_str())
                .into_iter()
                .flatten()
                .filter(|(_, at)| *at > attempt.at.as_microsecond())
                .map(|(connection, _)| connection);
            let dotted = over.clone().next().is_some();
            // Its connection was lost before the kill: that this came to the ledger after it changes nothing.
            if over.any(|over| closed.get(over).is_some_and(|closed| *closed < kill.at.as_microsecond())) {
                verdict.unknown_else += 1;
                continue;
            }
            verdict.unknown_by_kill += 1;
            *by_kill.entry(number).or_default() += 1;
            // With one connection, one daemon and a named point there is no doubt about where it was.
            let alone = evidence.connections == 1 && evidence.daemons == 1;
            if let (true, Some(point)) = (alone, &kill.point)
                && (KNOWABLE.contains(&point.as_str()) || BESIDE.contains(&point.as_str()) && !dotted)
            {
                broken
                    .say("unknown", format!("delivery {} is unknown after a crash at {point}", row.delivery));
            }
            let read = kill.at - READ_BY_THEN;
            let told = answered.get(row.message_id.as_str()).is_some_and(|answers| {
                answers.iter().any(|at| *at > attempt.at.as_microsecond() && *at < read.as_microsecond())
            });
            // At a named point the process is dead before anybody notices, and the rule above says what may be unknown.
            if told && kill.point.is_none() {
                broken.say(
                    "unknown",
                    format!("delivery {} is unknown, and its answer came long before the kill", row.delivery),
                );
            }
        }
    }
    verdict.unknown_most = by_kill.values().copied().max().unwrap_or_default();
    // With several daemons one cannot see from outside whose attempt it was: only the sum is sure.
    let (kills, total) = (evidence.kills.len() as u64, verdict.unknown_by_kill);
    if evidence.daemons > 1 && total > kills * evidence.connections {
        broken.say(
            "unknown",
            format!("{kills} kills left {total} unknown, over {} connections", evidence.connections),
        );
    }
    for (number, count) in by_kill {
        if evidence.daemons == 1 && count > evidence.connections {
            broken.say(
                "unknown",
                format!("kill {number} left {count} unknown, over {} connections", evidence.connections),
            );
        }
    }
}

/// The first kill of a daemon that can have made an attempt, after it began and before it was given up.
fn kill_during(kills: &[Kill], began: Timestamp, ended: Timestamp) -> Option<(usize, &Kill)> {
    kills.iter().enumerate().find(|(_, kill)| kill.started <= began && began <= kill.at && kill.at <= ended)
}

/// Sees each rule break.
pub fn self_test() {
    use crate::evidence::{Attempt, Outcome};

    let at = |ms: i64| Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap();
    let line = |what, id: &str, ms: i64| Line {
        what,
        at: at(ms).as_microsecond(),
        connection: 1,
        open: 1,
        id: id.to_owned(),
        sha: "aa".to_owned(),
        to: format!("{id}@a.example"),
    };
    let result = |outcome: &str, ms| Outcome { outcome: outcome.to_owned(), at: at(ms) };
    let row = |n: i64, id: &str, state: &str, outcome: &str, ms: i64| Row {
        delivery: n,
        release: "aster".to_owned(),
        channel: "relay".to_owned(),
        recipient: format!("{id}@a.example"),
        state: state.to_owned(),
        attempts: vec![Attempt { no: 1, at: at(10), results: vec![result(outcome, ms)] }],
        message_id: id.to_owned(),
    };
    let kill = Kill { at: at(500), started: at(0), point: None };
    let sound = Evidence {
        planned: 3,
        rows: vec![
            row(1, "x", "sent", "sent", 20),
            row(2, "y", "unknown", "unknown", 600),
            row(3, "z", "failed", "failed", 30),
        ],
        lines: vec![line(What::Taken, "x", 12), line(What::Answered, "x", 13), line(What::Taken, "y", 490)],
        kills: vec![kill],
        policy: Policy::Hold,
        connections: 1,
        daemons: 1,
        metrics: Some(
            [("sent", 1), ("unknown", 1), ("failed", 1)]
                .map(|(state, n)| (("relay".to_owned(), state.to_owned()), n))
                .into(),
        ),
        verify: Vec::new(),
        finished: true,
    };
    let verdict = check(&sound);
    assert_eq!(verdict.broken, Vec::<String>::new());
    assert_eq!((verdict.duplicates, verdict.losses, verdict.unknown_by_kill), (0, 0, 1));

    // The witness takes another mail, over a connection that closes then.
    fn over_one_that_closes(e: &Evidence, at: i64) -> [Line; 2] {
        let taken =
            Line { id: "w".to_owned(), to: "w@a.example".to_owned(), connection: 7, ..e.lines[2].clone() };
        [taken.clone(), Line { what: What::Closed, at, id: String::new(), ..taken }]
    }
    fn one_more_is_unknown(e: &mut Evidence) {
        let other = Row {
            delivery: 4,
            message_id: "w".to_owned(),
            recipient: "w@a.example".to_owned(),
            ..e.rows[1].clone()
        };
        e.rows.push(other);
    }
    type Doctor = fn(&mut Evidence);
    let cases: Vec<(&str, Doctor)> = vec![
        ("copies: delivery 1 arrived 2 times", |e| e.lines.push(e.lines[0].clone())),
        ("sent: delivery 1 is sent and never arrived", |e| e.lines.retain(|line| line.id != "x")),
        ("conservation: 3 deliveries were planned, 2 are there", |e| {
            e.rows.remove(2);
        }),
        ("accepted: delivery 3 arrived and is failed", |e| {
            let mut line = e.lines[0].clone();
            (line.id, line.to) = ("z".to_owned(), "z@a.example".to_owned());
            e.lines.push(line);
        }),
        ("conservation: delivery 3 is scheduled at the end", |e| e.rows[2].state = "scheduled".to_owned()),
        ("conservation: two deliveries are called x", |e| e.rows[2].message_id = "x".to_owned()),
        ("conservation: delivery 3 is planned twice", |e| e.rows[2].recipient = e.rows[0].recipient.clone()),
        ("copies: delivery 1 went to somebody else", |e| e.lines[0].to = "y@a.example".to_owned()),
        ("copies: the witness took stray, which is no delivery", |e| e.lines[0].id = "stray".to_owned()),
        ("metrics: the metrics show", |e| e.rows[2].state = "cancelled".to_owned()),
        ("ledger: the ledger contradicts itself: the audit chain", |e| {
            e.verify.push("the audit chain is broken at entry 3".to_owned());
        }),
        ("attempts: delivery 1: try 2 began before 1 ended", |e| {
            let mut again = e.rows[0].attempts[0].clone();
            again.no = 2;
            e.rows[0].attempts.push(again);
        }),
        ("unknown: delivery 2 is unknown after a crash at S7", |e| e.kills[0].point = Some("S7".to_owned())),
        ("unknown: delivery 2 is unknown after a crash at S2", |e| {
            e.kills[0].point = Some("S2".to_owned());
            e.lines.pop();
        }),
        ("unknown: delivery 2 is unknown, and its answer came long before", |e| {
            let mut line = e.lines[2].clone();
            line.what = What::Answered;
            line.at -= 400_000;
            e.lines.push(line);
        }),
        ("unknown: kill 0 left 2 unknown, over 1 connections", one_more_is_unknown),
        ("unknown: kill 0 left 2 unknown, over 1 connections", |e| {
            one_more_is_unknown(e);
            // The kill closed its connection.
            e.lines.extend(over_one_that_closes(e, e.kills[0].at.as_microsecond() + 1));
        }),
        ("sent: delivery 3 has an attempt without a result", |e| e.rows[2].attempts[0].results.clear()),
        ("connections: 9 connections at once, 1 are allowed", |e| {
            e.kills.clear();
            e.lines[0].open = 9;
        }),
    ];
    for (expected, doctor) in cases {
        let mut evidence = sound.clone();
        doctor(&mut evidence);
        let broken = check(&evidence).broken;
        assert!(broken.iter().any(|sentence| sentence.starts_with(expected)), "{expected}: {broken:?}");
    }

    // While a mail is made, the one before it may be on the wire.
    let mut beside = sound.clone();
    beside.kills[0].point = Some("S2".to_owned());
    assert_eq!(check(&beside).broken, Vec::<String>::new());

    // Nobody is parked and then unknown, but the other way round is as it should be.
    let mut parked = sound.clone();
    parked.rows[1].state = "parked".to_owned();
    assert_eq!(check(&parked).broken, Vec::<String>::new());
    let metrics = parked.metrics.iter().flatten().map(|((channel, state), n)| {
        let state = if state == "unknown" { "parked" } else { state };
        ((channel.clone(), state.to_owned()), *n)
    });
    let before = Evidence { metrics: Some(metrics.collect()), ..sound.clone() };
    assert!(check(&before).broken[0].starts_with("metrics: the metrics show"));

    // What was unknown before the kill was not left by it.
    let mut before = sound.clone();
    before.planned = 4;
    before.metrics = None;
    one_more_is_unknown(&mut before);
    before.lines.extend(over_one_that_closes(&sound, before.kills[0].at.as_microsecond() - 1));
    let verdict = check(&before);
    assert_eq!(verdict.broken, Vec::<String>::new());
    assert_eq!((verdict.unknown_by_kill, verdict.unknown_else), (1, 1));

    // What the next daemon could prove is not unknown.
    let mut proved = sound.clone();
    proved.kills[0].point = Some("S7".to_owned());
    proved.rows[1].attempts[0].results.push(result("sent", 601));
    proved.rows[1].state = "sent".to_owned();
    proved.metrics = None;
    assert_eq!(check(&proved).broken, Vec::<String>::new());

    // A second copy is allowed where it was asked for, if the ledger had said that it cannot know; a third never is,
    // and neither are other bytes.
    let mut resent = Evidence { policy: Policy::ResendOnce, ..sound.clone() };
    resent.rows[1].state = "sent".to_owned();
    resent.metrics = None;
    resent.lines.push(resent.lines[2].clone());
    let verdict = check(&resent);
    assert_eq!((verdict.broken.len(), verdict.duplicates, verdict.allowed_duplicates), (0, 1, 1));
    resent.lines.push(resent.lines[2].clone());
    assert!(check(&resent).broken[0].starts_with("copies: delivery 2 arrived 3 times"));
    resent.lines.pop();
    resent.lines[2].sha = "bb".to_owned();
    assert!(check(&resent).broken[0].starts_with("copies: copies of delivery 2 differ"));
}
