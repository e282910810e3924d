//! A blog on a real WordPress (`tests/endpoints/wordpress.sh`): the whole life of a release, and one post whatever is lost.

use std::os::unix::process::ExitStatusExt as _;
use std::sync::Arc;

use base64::Engine as _;
use dateline::channel::{self, Channel, Failure, Parcel, Probe};
use dateline::clock::Clock;
use dateline::config::Config;
use dateline::dispatch::{Dispatch, Route};
use dateline::ledger::{Ledger, LedgerConfig};
use dateline::newsroom::Newsroom;
use dateline::release::Notice;
use dateline::render::{self, Request};
use jiff::SignedDuration;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::daemon::room::{Room, command, texts};
use crate::networks::{follow, gate, given, parcel, png};
use crate::servers::spoiling;
use crate::world::Fault;

/// The server, as somebody who reads it.
struct Site {
    url: String,
    password: String,
    http: reqwest::Client,
}

impl Site {
    fn given() -> Option<Site> {
        let [url, password] = given(["WORDPRESS_URL", "WORDPRESS_PRESS"])?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        Some(Site { url, password, http: reqwest::Client::new() })
    }

    fn channel(&self, url: &str) -> Box<dyn Channel> {
        let text = format!(
            "name: N\nchannels:\n  blog: {{ kind: wordpress, url: \"{url}\", username: press, password: {{ env: P }} }}\n"
        );
        let (config, findings) = Config::read(&text);
        assert_eq!(findings, []);
        let secrets = channel::Secrets::none().with("password", self.password.as_str());
        channel::open(&config.channels["blog"], std::path::Path::new("."), &secrets).unwrap()
    }

    async fn get(&self, query: &str, knowing: bool) -> (u16, Value) {
        let mut request = self.http.get(format!("{}/?rest_route=/wp/v2/{query}", self.url));
        if knowing {
            request = request.basic_auth("press", Some(&self.password));
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// The posts with this word, whatever their status, and how many media each has.
    async fn posts(&self, word: &str) -> Vec<(String, usize)> {
        let (_, found) = self.get(&format!("posts&search={word}&status=any&context=edit"), true).await;
        let mut posts = Vec::new();
        for post in found.as_array().unwrap() {
            let (_, media) = self.get(&format!("media&parent={}&context=edit", post["id"]), true).await;
            posts.push((post["status"].as_str().unwrap().to_owned(), media.as_array().unwrap().len()));
        }
        posts
    }

    async fn page(&self, url: &str) -> (u16, String) {
        let answer = self.http.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// A word that no other post has.
fn word(what: &str) -> String {
    format!("{what}{}", Clock::system().now().as_nanosecond())
}

/// A release with two pictures, one of them in its text, as a blog gets it.
fn release(word: &str, notice: Notice, more: &str) -> Parcel {
    release_of(word, notice, more, &format!("First words, {word}."))
}

fn release_of(word: &str, notice: Notice, more: &str, body: &str) -> Parcel {
    let now = Clock::system().now();
    let text = format!(
        "---\ntitle: It goes 620 km {word}\npublish: 2026-01-01T09:00[Europe/Stockholm]\nstatus: approved\naudiences: [public]\n\
         media:\n  - {{ file: front.png, alt: The Aster EV, caption: The Aster EV, credit: Halden Motors }}\n\
         \x20 - {{ file: inside.png, alt: The seats, credit: Halden Motors }}\n{more}---\n\
         {body}\n\n![The seats](inside.png)\n"
    );
    let settings = "name: N\norganization: Halden Motors\nurl: https://news.halden.example\ntimezone: Europe/Stockholm\nlanguage: en\n\
                    channels:\n  blog: { kind: wordpress, url: \"https://blog.halden.example\", username: press, password: { env: P } }\n";
    let files = [
        ("dateline.yaml", settings.as_bytes().to_vec()),
        ("audiences/public.yaml", b"name: Public\nchannels: [blog]\n".to_vec()),
        ("releases/2026/aster-ev.md", text.into_bytes()),
        ("releases/2026/front.png", png().to_vec()),
        ("releases/2026/inside.png", second_png()),
    ];
    let files = files.into_iter().map(|(path, bytes)| (path.to_owned(), Arc::from(bytes))).collect();
    let newsroom = Newsroom::build(None, files);
    let request = Request {
        slug: "aster-ev".to_owned(),
        digest_of: Vec::new(),
        notice,
        audience: "public".to_owned(),
        channel: "blog".to_owned(),
        language: "en".parse().unwrap(),
        advance: false,
        test: false,
        date: now,
    };
    let edition = render::edition(&newsroom, &request)
        .unwrap_or_else(|error| panic!("{error}: {:?}", newsroom.findings));
    let mut parcel = parcel(&format!("{word} {notice:?}"), edition.content.clone(), now);
    parcel.edition = Arc::new(edition);
    parcel.notice = notice;
    parcel
}

/// One transparent pixel.
pub fn second_png() -> Vec<u8> {
    let text =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_lives_and_dies_on_a_real_wordpress() {
    let Some(site) = Site::given() else { return };
    let blog = site.channel(&site.url);
    let seen = blog.examine().await;
    assert!(seen.iter().all(|seen| seen.good), "{seen:?}");
    let word = word("life");
    let original = release(&word, Notice::Original, "");
    assert_eq!(blog.probe(&original).await, Probe::Absent);
    let first = blog.deliver(&original, &gate()).await.unwrap();
    let url = first.url.clone().unwrap();
    let (status, html) = site.page(&url).await;
    assert!(status == 200 && html.contains(&format!("First words, {word}.")), "{html}");
    assert!(
        !html.contains("news.halden.example/2026/aster-ev/inside.png"),
        "the picture is the blog's own: {html}"
    );
    assert!(html.contains("alt=\"The seats\""), "{html}");
    let (_, media) = site.get(&format!("media&parent={}", first.remote_id.as_deref().unwrap()), false).await;
    let mut described: Vec<&str> =
        media.as_array().unwrap().iter().map(|medium| medium["alt_text"].as_str().unwrap()).collect();
    described.sort_unstable();
    assert_eq!(described, ["The Aster EV", "The seats"]);
    for medium in media.as_array().unwrap() {
        let address = medium["source_url"].as_str().unwrap();
        assert!(
            html.contains(address.rsplit('/').next().unwrap()) || medium["alt_text"] == "The Aster EV",
            "{html}"
        );
        assert!(!address.contains("front") && !address.contains("inside"), "{address}");
        assert_eq!(site.page(address).await.0, 200);
    }
    // Again, as after a death of the process: the same post.
    let again = Parcel { attempt: 2, ..original.clone() };
    assert_eq!(blog.deliver(&again, &gate()).await.unwrap(), first);
    let Probe::Arrived(found) = blog.probe(&again).await else { panic!("not found") };
    assert_eq!(found.remote_id, first.remote_id);

    let more = "correction:\n  note: It goes 610 km, not 620.\n  class: material\n";
    let correction =
        follow(release(&word, Notice::Correction, more), Notice::Correction, first.remote_id.clone());
    assert_eq!(blog.probe(&correction).await, Probe::Absent);
    assert_eq!(blog.deliver(&correction, &gate()).await.unwrap().remote_id, first.remote_id);
    assert!(matches!(blog.probe(&correction).await, Probe::Arrived(_)));
    let (_, html) = site.page(&url).await;
    assert!(html.contains("<strong>Correction, ") && html.contains("It goes 610 km, not 620."), "{html}");
    assert_eq!(site.posts(&word).await, [("publish".to_owned(), 2)]);

    let more = "reason: The figure was wrong\n";
    let kill = follow(release(&word, Notice::Kill, more), Notice::Kill, first.remote_id.clone());
    blog.deliver(&kill, &gate()).await.unwrap();
    blog.deliver(&Parcel { attempt: 2, ..kill }, &gate()).await.unwrap();
    let (status, html) = site.page(&url).await;
    assert!(
        status == 200 && html.contains("The figure was wrong") && html.contains("Withdrawn: It goes"),
        "{html}"
    );
    assert!(!html.contains("First words"), "{html}");
    for medium in media.as_array().unwrap() {
        assert_eq!(site.page(medium["source_url"].as_str().unwrap()).await.0, 404);
    }
    assert_eq!(site.posts(&word).await, [("publish".to_owned(), 0)]);
}

#[tokio::test]
async fn who_may_not_publish_is_told_so() {
    let Some(site) = Site::given() else { return };
    let [reader] = given(["WORDPRESS_READER"]).unwrap();
    for (name, password) in [("press", "wrong wrong"), ("reader", reader.as_str())] {
        let site = Site { url: site.url.clone(), password: password.to_owned(), http: site.http.clone() };
        let text = site.url.clone();
        let blog = if name == "press" {
            site.channel(&text)
        } else {
            let config = serde_json::json!({"url": text, "username": name, "password": {"env": "P"}});
            let config = channel::config::ChannelConfig::Wordpress(serde_json::from_value(config).unwrap());
            let secrets = channel::Secrets::none().with("password", password);
            channel::open(&config, std::path::Path::new("."), &secrets).unwrap()
        };
        let failure = blog.deliver(&release(&word("no"), Notice::Original, ""), &gate()).await.unwrap_err();
        assert!(matches!(failure, Failure::HoldChannel { .. }), "{name}: {failure}");
        assert!(!blog.examine().await.iter().all(|seen| seen.good), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_answer_is_lost_a_real_wordpress_has_one_post() {
    let Some(site) = Site::given() else { return };
    for fault in [Fault::Lost, Fault::Broken, Fault::Says500] {
        // A draft, two pictures, publishing.
        for at in 1..=4 {
            let word = word("lost");
            let blog = site.channel(&spoiling(&site.url, fault, at).await);
            let original = release(&word, Notice::Original, "");
            let failure = blog.deliver(&original, &gate()).await.unwrap_err();
            assert!(
                matches!(failure, Failure::Unknown { .. } | Failure::Later { .. }),
                "{fault:?} {at}: {failure}"
            );
            let again = Parcel { attempt: 2, ..original };
            match blog.probe(&again).await {
                Probe::Arrived(_) => assert_eq!(at, 4, "{fault:?}"),
                seen => {
                    assert_eq!(seen, Probe::Absent, "{fault:?} {at}");
                    assert!(at < 4, "{fault:?}: what is published is found");
                }
            }
            blog.deliver(&again, &gate()).await.unwrap();
            assert_eq!(site.posts(&word).await, [("publish".to_owned(), 2)], "{fault:?} {at}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_process_dies_a_real_wordpress_has_one_post() {
    let Some(site) = Site::given() else { return };
    if !cfg!(feature = "crashpoints") {
        return;
    }
    // Before anything, after the draft, after the picture, after publishing, with the answer read.
    for point in ["P1", "P3:1", "P3:2", "P3:3", "P4"] {
        let word = word("dead");
        let room = room(&site, &word, Clock::system().now() - SignedDuration::from_secs(2));
        tokio::task::block_in_place(|| {
            room.run(&["issue"], 0);
            let output = command(room.dir(), &["dispatch"]).env("DATELINE_CRASH", point).output().unwrap();
            assert_eq!(output.status.signal(), Some(9), "{point}: {:?}", texts(&output));
            let output = command(room.dir(), &["dispatch"]).output().unwrap();
            assert_eq!(output.status.signal(), None, "{point}: {:?}", texts(&output));
        });
        // What is in doubt is looked at again later: a minute, two, five.
        let now = Clock::system().now();
        let later = [65, 125, 305].map(|seconds| now + SignedDuration::from_secs(seconds));
        drain(&site, &room, &later).await;
        assert_eq!(room.states().await, "1 sent", "{point}");
        assert_eq!(site.posts(&word).await, [("publish".to_owned(), 1)], "{point}");
    }
}

/// A newsroom with one release with a picture, for the blog alone.
fn room(site: &Site, word: &str, publish: jiff::Timestamp) -> Room {
    let room = Room::new(9);
    let blog = format!(
        "channels:\n  blog: {{ kind: wordpress, url: \"{}\", username: press, password: {{ env: DATELINE_TEST_WORDPRESS_PRESS }} }}\n",
        site.url
    );
    room.write("dateline.yaml", &room.read("dateline.yaml").replacen("channels:\n", &blog, 1));
    room.write("audiences/public.yaml", "name: Public\nchannels: [blog]\n");
    std::fs::create_dir_all(room.dir().join("releases/2026")).unwrap();
    std::fs::write(room.dir().join("releases/2026/front.png"), png()).unwrap();
    let media =
        format!("media:\n  - {{ file: front.png, alt: The Aster EV {word}, credit: Halden Motors }}\n");
    room.release("aster", publish, &media, &format!("Words, {word}."));
    let path = "releases/2026/aster.md";
    room.write(path, &room.read(path).replacen("[press, public]", "[public]", 1));
    room.commit("due");
    room
}

/// Sends what is due at each of these instants.
async fn drain(site: &Site, room: &Room, instants: &[jiff::Timestamp]) {
    let clock = Clock::fixed(Clock::system().now());
    let config = LedgerConfig { folder: room.dir().join("state"), ..LedgerConfig::default() };
    let ledger = Ledger::open_exclusive(&config, clock.now()).await.unwrap();
    let (config, _) = Config::read(&room.read("dateline.yaml"));
    let settings = &config.channels["blog"];
    let route = Route {
        channel: site.channel(&site.url),
        kind: settings.kind(),
        limits: settings.limits().clone(),
        on_unknown: settings.on_unknown(),
    };
    let routes = [("blog".to_owned(), route)].into();
    let dispatch = Dispatch::new(ledger.clone(), routes, clock.clone(), "later".to_owned(), Arc::new(|_| ()));
    for instant in instants {
        clock.set(*instant);
        dispatch.drain(&CancellationToken::new()).await.unwrap();
    }
    ledger.close(clock.now()).await.unwrap();
}

/// The leak catalogue's first items: no draft, no scheduled post, no picture before the time; all of it a second later.
#[tokio::test(flavor = "multi_thread")]
async fn before_its_time_nothing_is_on_a_real_wordpress() {
    let Some(site) = Site::given() else { return };
    let word = word("canary");
    let publish = Clock::system().now() + SignedDuration::from_hours(2);
    let publish = jiff::Timestamp::from_second(publish.as_second()).unwrap();
    let room = room(&site, &word, publish);
    tokio::task::block_in_place(|| room.run(&["issue"], 0));
    for seconds in [7_000, 61, 59, 1] {
        drain(&site, &room, &[publish - SignedDuration::from_secs(seconds)]).await;
        assert_eq!(site.posts(&word).await, [], "{seconds} s before");
    }
    let (_, media) = site.get("media&per_page=100&context=edit", true).await;
    let early = media.as_array().unwrap().iter().any(|one| one["alt_text"].as_str().unwrap().contains(&word));
    assert!(!early, "a picture was early: {media}");
    drain(&site, &room, &[publish]).await;
    assert_eq!(site.posts(&word).await, [("publish".to_owned(), 1)]);
}

/// By the commands alone, as a newsroom does it: published, corrected, withdrawn.
#[tokio::test(flavor = "multi_thread")]
async fn commits_publish_correct_and_withdraw_on_a_real_wordpress() {
    let Some(site) = Site::given() else { return };
    let word = word("commits");
    let room = room(&site, &word, Clock::system().now() - SignedDuration::from_secs(2));
    let path = "releases/2026/aster.md";
    let step = |from: &str, to: &str, message: &str| {
        let text = room.read(path);
        assert!(text.contains(from), "{text}");
        room.write(path, &text.replacen(from, to, 1));
        room.commit(message);
        tokio::task::block_in_place(|| {
            room.run(&["issue"], 0);
            room.run(&["dispatch"], 0);
        });
    };
    let (right, wrong) = (format!("Words, {word}."), format!("Wrong words, {word}."));
    step(&right, &wrong, "due");
    assert_eq!(site.posts(&word).await, [("publish".to_owned(), 1)]);
    let (_, found) = site.get(&format!("posts&search={word}"), false).await;
    let url = found[0]["link"].as_str().unwrap().to_owned();
    assert!(url.ends_with("/aster/") || url.contains("/aster-"), "{url}");

    step(&wrong, &right, "the words are right");
    let (_, html) = site.page(&url).await;
    assert!(html.contains(&wrong), "without a correction nothing changes: {html}");
    step(
        "status: approved\n",
        "status: approved\ncorrection: { note: The words were wrong, class: material }\n",
        "correction",
    );
    let (_, html) = site.page(&url).await;
    assert!(
        html.contains(&right) && !html.contains(&wrong) && html.contains("The words were wrong."),
        "{html}"
    );

    step("status: approved\n", "status: killed\nreason: It is not true\n", "kill");
    let (status, html) = site.page(&url).await;
    assert!(status == 200 && html.contains("It is not true.") && !html.contains(&right), "{html}");
    assert_eq!(room.states().await, "3 sent");
}

/// G30: what a theme and WordPress's own filters make of a text is known again; old words, and a post that is not there, are not.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_real_wordpress_shows_is_known_again_and_old_words_are_not() {
    let Some(site) = Site::given() else { return };
    let blog = site.channel(&site.url);
    let word = word("seen");
    let body = |km: &str| {
        format!(
            "{word} \"quoted\" and 4x4 -- isn't it... It goes {km}\u{a0}km & more (c).\n\n- one\n- **two**\n\n\
             | a | b |\n|---|---|\n| 1 | 2 |\n\n> Said.\n\nAn address: https://halden.example/a-b?c=d&e=f."
        )
    };
    let lacks = async |url: &str, parcel: &Parcel| {
        let shown = channel::http::shown(&url.parse().unwrap(), std::time::Duration::from_secs(20)).await;
        match (shown, &parcel.edition.content) {
            (Ok(html), render::Content::Page(page)) => page.lacking(&html, parcel.notice),
            (shown, _) => Some(format!("{shown:?}")),
        }
    };
    let original = release_of(&word, Notice::Original, "", &body("620"));
    let first = blog.deliver(&original, &gate()).await.unwrap();
    let url = first.url.unwrap();
    assert_eq!(lacks(&url, &original).await, None);
    let more = "correction:\n  note: It goes 610 km, \"not\" 620.\n  class: material\n";
    let corrected = release_of(&word, Notice::Correction, more, &body("610"));
    assert_eq!(lacks(&url, &corrected).await.as_deref(), Some("the note of its correction"));
    let corrected = follow(corrected, Notice::Correction, first.remote_id.clone());
    blog.deliver(&corrected, &gate()).await.unwrap();
    assert_eq!(lacks(&url, &corrected).await, None);
    assert!(lacks(&url, &original).await.is_some_and(|lack| lack.starts_with("paragraph 1 of ")));
    let kill =
        follow(release_of(&word, Notice::Kill, "reason: It is wrong\n", ""), Notice::Kill, first.remote_id);
    assert!(lacks(&url, &kill).await.is_some());
    blog.deliver(&kill, &gate()).await.unwrap();
    assert_eq!(lacks(&url, &kill).await, None);
    let nowhere = format!("{}/2026/no-such-post/", site.url);
    assert!(lacks(&nowhere, &original).await.is_some_and(|lack| lack.contains("404")));
}
