//! G29: one thing on every channel, whatever becomes of answers, with four workers on one ledger and a process that dies at each point; or
//! parked. The vendors are stand-ins that do what they are asked and then fail.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;

use dateline::channel::config::OnUnknown;
use dateline::channel::{self, Secrets};
use dateline::clock::Clock;
use dateline::config::Config;
use dateline::dispatch::{Dispatch, Route};
use dateline::ledger::{DeliveryId, Ledger, LedgerConfig, State};
use dateline::plan::{Action, Recipients};
use dateline::release::Notice;
use dateline::render::{Chat, Content, Page, Post, Social};
use jiff::SignedDuration;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::daemon::room::{Room, command, texts};
use crate::front;
use crate::ledger::desk::{Desk, Part, at, order};
use crate::networks::png;
use crate::world::{self, Fault, Thing, VENDORS, World};

/// The instants at which it is sent and looked at again: the looks after one, two, five, ten and fifteen minutes, and what they set free.
const LATER: [i64; 9] = [0, 70, 130, 310, 400, 620, 930, 1_300, 2_000];

/// As much of a film as it needs to be one.
pub const FILM: &[u8] = b"\0\0\0\x18ftypisom\0\0\0\0isommp42";

/// Those that drop, or do not mind, what they have seen: a repetition is no second thing.
fn counted(vendor: &str, things: Vec<Thing>) -> Vec<Thing> {
    match vendor {
        // A ping says the same however often.
        "websub" => things.into_iter().take(1).collect(),
        // The picture is an event of its own, which belongs to the message.
        "matrix" => things.into_iter().filter(|thing| !thing.text.contains("m.image")).collect(),
        // A bucket has the pages that list it and its media as well; a commit may change nothing but those.
        "bucket" => things.into_iter().filter(|thing| is_page(&thing.id)).collect(),
        "branch" => things.into_iter().filter(|thing| !thing.text.is_empty()).collect(),
        _ => things,
    }
}

/// Whether an object is a release's page: `news/2026/aster/index.html`.
fn is_page(key: &str) -> bool {
    key.ends_with("/index.html") && key.starts_with("news/2026/") && key.matches('/').count() == 3
}

fn routes(world: &World, vendor: &str, on_unknown: OnUnknown) -> std::collections::BTreeMap<String, Route> {
    let text = format!("channels:\n{}", world::channels(&world.url, world.folder.path()));
    let (config, findings) = Config::read(&text);
    assert!(findings.is_empty(), "{findings:?}");
    let settings = &config.channels[vendor];
    let value = world::secret(&world.url, vendor);
    let secrets =
        settings.secrets().iter().fold(Secrets::none(), |all, (name, _)| all.with(name, value.clone()));
    let channel = channel::open(settings, std::path::Path::new("."), &secrets).unwrap();
    let route = Route { channel, kind: settings.kind(), limits: settings.limits().clone(), on_unknown };
    [(vendor.to_owned(), route)].into()
}

fn content(vendor: &str) -> Content {
    let url = "https://news.halden.example/2026/aster/";
    match vendor {
        "wordpress" | "ghost" | "micropub" | "bucket" | "branch" => {
            let html = "<!doctype html><title>Title of aster</title>\n".to_owned();
            Content::Page(Page { html, ..front::text("620", Notice::Original) })
        }
        "mastodon" | "bluesky" | "x" | "linkedin" | "facebook" | "threads" | "youtube" => {
            let text = format!("It goes far.\n\n{url}");
            Content::Social(Social {
                posts: vec![Post { text, facets: vec![], images: vec![0] }],
                url: url.to_owned(),
            })
        }
        "agency" => {
            Content::Json(json!({ "standard": { "name": "ninjs" }, "uri": url, "title": "It goes far." }))
        }
        "webhook" | "websub" => Content::Json(json!({ "title": "It goes far." })),
        _ => Content::Chat(Chat {
            label: None,
            title: "It goes far".to_owned(),
            text: "A family car.".to_owned(),
            note: None,
            url: url.to_owned(),
            picture: Some(format!("{url}front.jpg")),
            more: "Read more".to_owned(),
            organization: "Halden Motors".to_owned(),
            accent: "#b5431f".to_owned(),
            test: false,
        }),
    }
}

/// Issues one delivery to `vendor` and lets four workers send it, at each of [`LATER`]; returns its state in the end.
async fn four_workers(world: &World, vendor: &'static str, on_unknown: OnUnknown) -> State {
    let folder = tempfile::tempdir().unwrap();
    let config = LedgerConfig { folder: folder.path().join("ledger"), ..LedgerConfig::default() };
    let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
    let desk = Desk::with(ledger.clone(), 1).await;
    let part = Part("public", vendor, Action::Create, Recipients::Account);
    let mut order = order("aster", Notice::Original, "v1", vec![part]);
    let edition = &mut order.editions[0];
    edition.kind = routes(world, vendor, on_unknown)[vendor].kind;
    edition.edition.content = content(vendor);
    let png = png();
    for asset in &mut edition.edition.assets {
        (asset.sha, asset.media_type, asset.bytes) =
            (dateline::digest::Digest::of(&png), "image/png".to_owned(), Arc::clone(&png));
    }
    if vendor == "youtube" {
        let film: Arc<[u8]> = FILM.into();
        let mut asset = edition.edition.assets[0].clone();
        (asset.name, asset.media_type) = ("film.mp4".to_owned(), "video/mp4".to_owned());
        (asset.sha, asset.bytes) = (dateline::digest::Digest::of(&film), film);
        edition.edition.assets.push(asset);
    }
    desk.issue(order).await;
    let clock = Clock::fixed(at(0));
    let workers: Vec<Dispatch> = (1..=4)
        .map(|n| {
            let routes = routes(world, vendor, on_unknown);
            Dispatch::new(ledger.clone(), routes, clock.clone(), format!("worker {n}"), Arc::new(|_| {}))
        })
        .collect();
    for seconds in LATER {
        clock.set(at(seconds));
        let drains = workers.iter().map(|worker| {
            let worker = worker.clone();
            tokio::spawn(async move { worker.drain(&CancellationToken::new()).await.unwrap() })
        });
        for drain in drains.collect::<Vec<_>>() {
            drain.await.unwrap();
        }
    }
    let log = ledger.log(Some("aster"), DeliveryId(0), 9).await.unwrap();
    desk.is_sound().await;
    assert_eq!(log.len(), 1);
    log[0].state
}

/// What is left after `fault` at the writing request number `at`: `sent 1`, say; half-made things count.
async fn after(vendor: &'static str, fault: Fault, at: usize) -> (String, usize) {
    let world = World::start().await;
    world.spoil(move |_, number| if number == at { fault } else { Fault::None });
    let state = four_workers(&world, vendor, OnUnknown::Hold).await;
    let things = counted(vendor, world.things(vendor));
    let writes = world.asked().iter().filter(|asked| asked.writes()).count();
    (format!("{state} {}", things.len()), writes)
}

/// How many writing requests make one thing there, with its picture.
fn writes(vendor: &str) -> usize {
    match vendor {
        "wordpress" => 3,
        "mastodon" => 2,
        // A session, the picture, the record.
        "bluesky" | "matrix" => 3,
        "ghost" | "micropub" | "facebook" | "threads" => 2,
        // X takes a picture in parts and with its description; YouTube a place for the film, the film, its picture, and the word that it is
        // public.
        "x" => 5,
        "linkedin" => 3,
        "youtube" => 4,
        "bucket" => 10,
        // Folders.
        "branch" | "agency" => 0,
        _ => 1,
    }
}

async fn check(vendor: &'static str, fault: Fault, at: usize) {
    let (left, writes) = after(vendor, fault, at).await;
    let parked = match vendor {
        // Nothing can be looked for there: what may stand there stands once, and waits for a person.
        "slackhook" | "mattermost" | "teams" | "discord" | "telegram" => {
            vec!["parked 1", if fault == Fault::Breaks { "parked 0" } else { "parked 1" }]
        }
        _ => vec![],
    };
    assert!(left == "sent 1" || parked.contains(&left.as_str()), "{vendor}, {fault:?} at {at}: {left}");
    assert!(writes < 12 + 2 * self::writes(vendor), "{vendor}, {fault:?} at {at}: {writes} requests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_workers_and_nothing_wrong_make_one_thing_everywhere() {
    for vendor in VENDORS {
        let (left, made) = after(vendor, Fault::None, 0).await;
        assert_eq!(left, "sent 1", "{vendor}");
        assert!(made >= writes(vendor), "{vendor}: {made}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_answer_is_spoilt_there_is_one_thing_or_it_waits_for_a_person() {
    for vendor in VENDORS {
        for fault in [Fault::Lost, Fault::Says500, Fault::Breaks] {
            for at in 1..=writes(vendor) {
                check(vendor, fault, at).await;
            }
        }
    }
}

/// Slower than any patience: half a minute each, so all at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_done_after_we_gave_up_is_still_one_thing() {
    let mut all = tokio::task::JoinSet::new();
    for vendor in VENDORS {
        all.spawn(check(vendor, Fault::Slow, writes(vendor)));
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
}

/// A channel may say that a second copy is better than none: two then, never three.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_wants_it_once_more_has_it_twice_at_the_worst() {
    for vendor in ["slackhook", "mattermost", "teams", "discord", "telegram"] {
        for (always, expected) in [(false, "sent 2"), (true, "parked 2")] {
            let world = World::start().await;
            world.spoil(move |_, number| if number == 1 || always { Fault::Lost } else { Fault::None });
            let state = four_workers(&world, vendor, OnUnknown::ResendOnce).await;
            assert_eq!(format!("{state} {}", world.things(vendor).len()), expected, "{vendor}");
        }
    }
}

/// The release that dies there; none of them begins with another one's name.
fn slug(vendor: &str, point: &str) -> String {
    format!("{vendor}-{}-dies", point.to_lowercase().replace(':', "-"))
}

/// P, K, M, F and H: the process dies before anything left, after each request that was answered, and before the answer is on record.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn wherever_the_process_dies_there_is_one_thing_or_it_waits_for_a_person() {
    if !cfg!(feature = "crashpoints") {
        return;
    }
    let world = World::start().await;
    let room = Room::new(9);
    let channels = format!("channels:\n{}", world::channels(&world.url, world.folder.path()));
    room.write("dateline.yaml", &room.read("dateline.yaml").replacen("channels:\n", &channels, 1));
    std::fs::create_dir_all(room.dir().join("releases/2026")).unwrap();
    std::fs::write(room.dir().join("releases/2026/front.png"), png()).unwrap();
    std::fs::write(room.dir().join("releases/2026/film.mp4"), FILM).unwrap();
    let mut cases = Vec::new();
    for vendor in VENDORS {
        room.write(&format!("audiences/{vendor}.yaml"), &format!("name: {vendor}\nchannels: [{vendor}]\n"));
        let each = (1..=writes(vendor)).map(|n| format!("P3:{n}"));
        for point in ["P1".to_owned()].into_iter().chain(each).chain(["P4".to_owned()]) {
            cases.push((vendor, point));
        }
    }
    let publish = Clock::system().now() - SignedDuration::from_secs(2);
    for (vendor, point) in &cases {
        let slug = slug(vendor, point);
        let mut media = "media:\n  - { file: front.png, alt: The car, credit: Halden Motors }\n".to_owned();
        if *vendor == "youtube" {
            media.push_str("  - { file: film.mp4, alt: The film, credit: Halden Motors }\n");
        }
        let media = &media;
        let text = crate::daemon::room::release(publish, media, &format!("Words of {slug}."));
        let text =
            text.replacen("[press, public]", &format!("[{vendor}]"), 1).replacen("canary headline", &slug, 1);
        room.write(&format!("releases/2026/{slug}.md"), &text);
        room.commit(&slug);
        tokio::task::block_in_place(|| {
            let run = |arguments: &[&str], crash: &str| {
                let mut command = command(room.dir(), arguments);
                command.envs(world::variables(&world.url));
                if !crash.is_empty() {
                    command.env("DATELINE_CRASH", crash);
                }
                command.output().unwrap()
            };
            let issued = run(&["issue", &slug], "");
            assert!(issued.status.success(), "{:?}", texts(&issued));
            let died = run(&["dispatch"], point);
            assert_eq!(died.status.signal(), Some(9), "{slug}: {:?}", texts(&died));
            // So that the next death is not this one's second.
            let after = run(&["dispatch"], "");
            assert_eq!(after.status.signal(), None, "{slug}: {:?}", texts(&after));
        });
    }
    // Whoever comes next finds them all: what is in doubt is looked at until it is known, or a person is asked.
    let now = Clock::system().now();
    let clock = Clock::fixed(now);
    let config = LedgerConfig { folder: room.dir().join("state"), ..LedgerConfig::default() };
    let ledger = Ledger::open_exclusive(&config, now).await.unwrap();
    let all = VENDORS.iter().flat_map(|vendor| routes(&world, vendor, OnUnknown::Hold)).collect();
    let dispatch = Dispatch::new(ledger.clone(), all, clock.clone(), "next".to_owned(), Arc::new(|_| {}));
    let quiet = dateline::dispatch::GateConfig { pages: Some(Vec::new()), ..Default::default() };
    let config = dateline::dispatch::DispatchConfig { gate: quiet, ..Default::default() };
    dispatch.begin(&room.dir().join("state/breadcrumbs"), &config).await.unwrap();
    for seconds in LATER {
        clock.set(now + SignedDuration::from_secs(seconds));
        dispatch.drain(&CancellationToken::new()).await.unwrap();
    }
    let log = ledger.log(None, DeliveryId(0), 1_000).await.unwrap();
    assert_eq!(log.len(), cases.len());
    let mut parked = 0;
    for (vendor, point) in cases {
        let slug = slug(vendor, &point);
        let entry = log.iter().find(|entry| entry.release == slug).unwrap();
        let things =
            counted(vendor, world.things(vendor)).iter().filter(|thing| thing.text.contains(&slug)).count();
        let whole = vendor == "websub" || things == 1;
        match entry.state {
            State::Sent => assert!(whole, "{slug}: sent, and there {things} times"),
            State::Parked => {
                let looked = !["slackhook", "mattermost", "teams", "discord", "telegram"].contains(&vendor);
                assert!(things <= 1 && !looked, "{slug}: parked, and there {things} times");
                parked += 1;
            }
            other => panic!("{slug}: {other}"),
        }
    }
    // One at most for each death in the middle of what nobody can look for.
    assert!(parked <= 5, "{parked} wait for a person");
}
