//! What is kept between two looks at a newsroom changes nothing but the time: whatever is edited in
//! between, the newsroom, its findings and its plan are those of somebody who sees it for the first time.

use std::collections::BTreeMap;
use std::sync::Arc;

use dateline::check;
use dateline::contact::{Contact, ContactId};
use dateline::newsroom::Newsroom;
use dateline::plan::{self, Held, HeldGroup, HeldRelease, Plan, Planner};
use dateline::release::{Cache, Notice};
use jiff::Timestamp;
use proptest::prelude::*;

type Files = BTreeMap<String, Arc<[u8]>>;

const CONFIG: &str = "name: Halden Newsroom\norganization: Halden Motors\nurl: https://news.halden.example\n\
timezone: Europe/Stockholm\nlanguage: en\nlanguages: [en, sv]\n\
contacts:\n  desk: { name: Astrid Wennerlöf, email: press@halden.example }\n\
boilerplate:\n  halden: { en: Halden builds cars., sv: Halden bygger bilar. }\n\
channels:\n  relay: { kind: smtp, host: relay.halden.example, from: \"Halden <press@halden.example>\" }\n  \
newsroom: { kind: newsroom, dir: site }\n  archive: { kind: file, dir: archive }\n";

const TRADE: &str = "name: Trade\nchannels: [relay, archive]\nmembers:\n  where: kind = journalist\n";
const PUBLIC: &str = "name: Public\nchannels: [newsroom]\n";
const ROUND_UP: &str = "name: Readers\nchannels: [relay]\nmembers:\n  where: kind = journalist\n\
digest: { cron: \"0 8 * * Mon\", template: digest }\n";

fn release(title: &str, day: u8, body: &str) -> String {
    format!(
        "---\ntitle: {title}\nsummary: In short.\ndateline: Gothenburg\npublish: 2026-12-{day:02}T09:00\nstatus: approved\n\
         audiences: [trade, public]\ncontacts: [desk]\nboilerplate: [halden]\n---\n{body}\n"
    )
}

fn svg(color: &str) -> String {
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><rect fill=\"{color}\"/></svg>")
}

fn with_picture(title: &str) -> String {
    let media = "media:\n  - { file: p.svg, alt: A car seen from the front, credit: Halden Motors }\n---\n";
    release(title, 4, "Words.").replacen("---\nWords", &format!("{media}Words"), 1)
}

/// Everything that an edit may put at a path; nothing takes the file away.
fn edits() -> Vec<(&'static str, Option<Vec<u8>>)> {
    let text = |text: &str| Some(text.as_bytes().to_vec());
    vec![
        ("releases/a.md", text(&release("A", 1, "Words, and [a link](b.md)."))),
        ("releases/a.md", text(&release("A", 1, "Other words, and [a link](b.md)."))),
        ("releases/a.md", text(&release("A", 2, "Other words, 620 km."))),
        (
            "releases/a.md",
            text(&release("A", 1, "Words.").replace("approved", "killed\nreason: It was wrong")),
        ),
        ("releases/a.md", text(&release("A", 1, "Words.").replace("title:", "titel:"))),
        // First what is no UTF-8, then what a reader would show in its place.
        ("releases/a.md", Some([release("A", 1, "Words ").as_bytes(), b"\xff"].concat())),
        ("releases/a.md", text(&format!("{}\u{fffd}", release("A", 1, "Words ")))),
        ("releases/a.md", None),
        ("releases/a.sv.md", text("---\ntitle: Å\nlanguage: sv\n---\nOrd, 630 km.\n")),
        ("releases/a.sv.md", text("---\ntitle: Å\nlanguage: sv\nstatus: held\n---\nOrd.\n")),
        ("releases/a.sv.md", None),
        ("releases/b.md", text(&release("B", 3, "See [site](/2026/a/)."))),
        ("releases/2026/b.md", text(&release("B again", 3, "The same slug."))),
        ("releases/b.md", None),
        ("releases/2026/b.md", None),
        ("releases/c/index.md", text(&with_picture("C"))),
        ("releases/c/p.svg", text(&svg("red"))),
        ("releases/c/p.svg", text(&svg("blue"))),
        ("releases/c/p.svg", text("no picture")),
        ("releases/c/p.svg", None),
        ("audiences/trade.yaml", text(TRADE)),
        ("audiences/trade.yaml", text(&TRADE.replace("journalist", "blogger"))),
        ("audiences/trade.yaml", text(&TRADE.replace("channels", "chanels"))),
        ("audiences/trade.yaml", None),
        ("audiences/readers.yaml", text(ROUND_UP)),
        ("audiences/public.yaml", text(PUBLIC)),
        ("dateline.yaml", text(CONFIG)),
        ("dateline.yaml", text(&CONFIG.replace("builds cars", "builds electric cars"))),
        ("dateline.yaml", text(&CONFIG.replace("Astrid", "Ingrid"))),
        ("dateline.yaml", text(&CONFIG.replace("Europe/Stockholm", "America/New_York"))),
        ("dateline.yaml", text(&CONFIG.replace("languages: [en, sv]", "languages: [en]"))),
        ("dateline.yaml", text("name: [")),
        ("templates/newsroom/default.hbs", text("{{title}}")),
        ("templates/email/default.hbs", text("<mjml></mjml>")),
        ("templates/email/default.hbs", None),
    ]
}

fn first() -> Files {
    let mut files = Files::new();
    for at in [0, 8, 11, 15, 16, 20, 24, 25, 26] {
        put(&mut files, at);
    }
    files
}

fn put(files: &mut Files, at: usize) {
    let edits = edits();
    let (path, bytes) = &edits[at % edits.len()];
    match bytes {
        Some(bytes) => drop(files.insert((*path).to_owned(), Arc::from(bytes.as_slice()))),
        None => drop(files.remove(*path)),
    }
}

fn planned(mut planner: Planner<'_>) -> Plan {
    for (id, kind, language) in [(1, "journalist", "en"), (2, "journalist", "sv"), (3, "blogger", "en")] {
        planner.contact(&Contact {
            id: ContactId(id),
            email: format!("reader{id}@paper.example").parse().unwrap(),
            name: None,
            language: language.parse().ok(),
            timezone: None,
            embargo_ok: false,
            tags: Vec::new(),
            fields: BTreeMap::from([("kind".to_owned(), vec![kind.to_owned()])]),
            consent: None,
        });
    }
    planner.finish()
}

fn now() -> Timestamp {
    Timestamp::constant(1_796_083_200, 0)
}

/// A ledger in which everything that `plan` writes was sent.
fn sent(plan: &Plan) -> Held {
    let group = |group: &plan::Group| HeldGroup {
        audience: group.audience.clone(),
        channel: group.channel.clone(),
        language: group.language.clone(),
        advance: group.advance,
        due: group.due,
        waiting: 0,
        open: 0,
        sent: group.recipients.count(),
        ended: 0,
        crowd: None,
    };
    let release = |planned: &Arc<plan::Planned>| {
        let groups = planned.deliveries.iter().map(group).collect();
        let source = Some((*planned.source).clone());
        let publish = Some(planned.publish);
        let held = HeldRelease { notice: Notice::Original, source, publish, groups };
        (planned.slug.clone(), held)
    };
    Held { releases: plan.releases.iter().map(release).collect(), ..Held::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_changes_nothing_but_the_time(picks in proptest::collection::vec((0..1_000_usize, any::<bool>()), 1..14)) {
        let mut files = first();
        let held = sent(&planned(Planner::new(&Newsroom::build(None, files.clone()), &Held::default(), now())));
        let (mut cache, mut known, mut sources) = (Cache::default(), check::Known::default(), plan::Known::default());
        for (pick, look) in std::iter::once((usize::MAX, true)).chain(picks) {
            if pick != usize::MAX {
                put(&mut files, pick);
            }
            if !look {
                continue;
            }
            // As they come from the disk: the same bytes, read again.
            let read: Files = files.iter().map(|(path, bytes)| (path.clone(), Arc::from(&**bytes))).collect();
            let again = Newsroom::build_with(None, read, &mut cache);
            let new = Newsroom::build(None, files.clone());
            prop_assert_eq!(&again.releases, &new.releases);
            prop_assert_eq!(&again.findings, &new.findings);
            prop_assert_eq!(&again.sources, &new.sources);
            let now = now();
            prop_assert_eq!(check::check_with(&again, now, None, &mut known), check::check(&new, now, None));
            // Another ledger, and another time: nothing is taken over that depends on them.
            let mut other = held.clone();
            for group in other.releases.values_mut().flat_map(|release| &mut release.groups).step_by(3) {
                group.waiting = std::mem::take(&mut group.sent);
            }
            let later = now + jiff::SignedDuration::from_hours(9 * 24);
            for (held, now) in [(&held, now), (&held, later), (&other, later), (&other, now), (&Held::default(), now)] {
                let plan = planned(Planner::with(&again, held, now, &mut sources));
                prop_assert_eq!(plan, planned(Planner::new(&new, held, now)));
            }
        }
    }
}

/// A release that was sent and did not change is not planned again, beside one that did.
#[test]
fn what_has_settled_is_taken_over() {
    let (mut files, mut cache, mut known) = (first(), Cache::default(), plan::Known::default());
    let newsroom = Newsroom::build_with(None, files.clone(), &mut cache);
    let late = now() + jiff::SignedDuration::from_hours(60 * 24);
    let held = sent(&planned(Planner::new(&newsroom, &Held::default(), now())));
    let plan = |newsroom: &Newsroom, known: &mut plan::Known| {
        planned(Planner::with(newsroom, &held, late, known)).releases
    };
    let of = |releases: &[Arc<plan::Planned>], slug: &str| {
        Arc::clone(releases.iter().find(|planned| planned.slug == slug).unwrap())
    };
    let before = plan(&newsroom, &mut known);
    put(&mut files, 1);
    let after = plan(&Newsroom::build_with(None, files, &mut cache), &mut known);
    assert!(Arc::ptr_eq(&of(&before, "c"), &of(&after, "c")));
    assert!(!Arc::ptr_eq(&of(&before, "a"), &of(&after, "a")));
}

/// A release that did not change is not put together again, beside one that did.
#[test]
fn an_edit_makes_one_release_anew() {
    let mut files = first();
    let mut cache = Cache::default();
    let before = Newsroom::build_with(None, files.clone(), &mut cache);
    put(&mut files, 1);
    let after = Newsroom::build_with(None, files.clone(), &mut cache);
    assert!(Arc::ptr_eq(&before.releases["c"], &after.releases["c"]));
    assert!(!Arc::ptr_eq(&before.releases["a"], &after.releases["a"]));
    // A picture, a template, an audience: anything else may concern every release.
    for edit in [17, 32, 21, 27] {
        put(&mut files, edit);
        let next = Newsroom::build_with(None, files.clone(), &mut cache);
        assert!(next.releases.get("c").is_none_or(|next| !Arc::ptr_eq(next, &after.releases["c"])), "{edit}");
    }
}
