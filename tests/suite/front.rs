//! The page first (G30): a real ledger and dispatch, a blog, a network, a room and a relay on one script, and a web server that shows what
//! it is told to.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dateline::channel::config::{Limits, OnUnknown};
use dateline::channel::{Channel, Failure, Gate, Parcel, Receipt};
use dateline::clock::Clock;
use dateline::dispatch::{Dispatch, DispatchConfig, GateConfig, Mails, Route, Then};
use dateline::ledger::{Hold, Ledger, LedgerConfig, Scope};
use dateline::newsroom::ChannelKind;
use dateline::plan::{Action, Recipients};
use dateline::release::Notice;
use dateline::render::{Chat, Content, Entry, Look, Page, Post, Social, Standing};
use dateline::yaml::Period;
use jiff::SignedDuration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::ledger::desk::{Desk, Part, at, mail, order};

/// A web server; each request is answered with what stands in `says`, a whole answer of HTTP.
struct Web {
    url: String,
    says: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    async fn start() -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/2026/aster/", listener.local_addr().unwrap());
        let web = Web { url, says: Arc::default(), asked: Arc::default() };
        let (says, asked) = (Arc::clone(&web.says), Arc::clone(&web.asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") && stream.read_buf(&mut request).await.unwrap_or(0) > 0
                {
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let moved = request.starts_with("GET /elsewhere ");
                asked.lock().unwrap().push(request);
                let said = says.lock().unwrap().clone();
                let said = if moved { page("620") } else { said };
                let _ = stream.write_all(said.as_bytes()).await;
            }
        });
        web
    }

    fn show(&self, answer: impl Into<String>) {
        *self.says.lock().unwrap() = answer.into();
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// What a blog's theme makes of the page.
fn page(km: &str) -> String {
    answer(
        "200 OK",
        &format!("<title>Aster</title><h1>Title of aster</h1><div><p>It goes&nbsp;{km} km.</p></div>"),
    )
}

pub fn text(km: &str, notice: Notice) -> Page {
    let standing =
        Standing { label: "Note".into(), day: "today".into(), words: "The figure was wrong.".into() };
    let body = if notice == Notice::Kill { "Withdrawn." } else { "It goes" };
    Page {
        path: "2026/aster/".to_owned(),
        html: String::new(),
        entry: Entry {
            slug: "aster".to_owned(),
            language: "en".parse().unwrap(),
            url: "https://news.halden.example/2026/aster/".to_owned(),
            title: "Title of aster".to_owned(),
            kicker: None,
            summary: String::new(),
            content_html: format!("<p>{body} {km} km.</p>"),
            tags: vec![],
            published: at(0),
            updated: at(0),
            image: None,
            audio: None,
            withdrawn: notice == Notice::Kill,
            notice: (notice != Notice::Original).then_some(standing),
        },
        text: String::new(),
        look: Look {
            name: "Halden Newsroom".to_owned(),
            organization: "Halden Motors".to_owned(),
            url: "https://news.halden.example".to_owned(),
            language: "en".parse().unwrap(),
            timezone: "Europe/Stockholm".to_owned(),
            logo: None,
            accent: "#b5431f".to_owned(),
            ink: "#0e2230".to_owned(),
            paper: "#faf6ee".to_owned(),
        },
    }
}

const LINK: &str = "https://news.halden.example/2026/aster/";

fn post() -> Content {
    let text = format!("It goes far.\n\n{LINK}");
    Content::Social(Social {
        posts: vec![Post { text, facets: vec![], images: vec![] }],
        url: LINK.to_owned(),
    })
}

fn message() -> Content {
    Content::Chat(Chat {
        label: None,
        title: "Title of aster".to_owned(),
        text: "It goes far.".to_owned(),
        note: None,
        url: LINK.to_owned(),
        picture: None,
        more: "Read more".to_owned(),
        organization: "Halden Motors".to_owned(),
        accent: "#b5431f".to_owned(),
        test: false,
    })
}

/// A channel that notes what leaves, in order; a blog fails as often as it is told to.
struct Noting {
    name: &'static str,
    url: Option<String>,
    left: Arc<Mutex<Vec<String>>>,
    fails: Arc<Mutex<u32>>,
}

#[async_trait]
impl Channel for Noting {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        if self.url.is_some() {
            let mut fails = self.fails.lock().unwrap();
            if *fails > 0 {
                *fails -= 1;
                return Err(Failure::again("the blog is down"));
            }
        }
        gate.begin().await?;
        let linked = match &parcel.edition.content {
            Content::Social(social) => social.posts.iter().any(|post| post.text.contains(LINK)),
            Content::Chat(chat) => chat.url == LINK,
            _ => true,
        };
        let how = if linked { "" } else { " without link" };
        self.left.lock().unwrap().push(format!("{}{how}", self.name));
        Ok(Receipt { url: self.url.clone(), ..Receipt::default() })
    }
}

struct Bench {
    folder: tempfile::TempDir,
    desk: Desk,
    web: Web,
    clock: Clock,
    gate: GateConfig,
    dispatch: Dispatch,
    left: Arc<Mutex<Vec<String>>>,
    fails: Arc<Mutex<u32>>,
}

impl Bench {
    async fn new(then: Then) -> Bench {
        Bench::with(then, Mails::Send).await
    }

    async fn with(then: Then, mails: Mails) -> Bench {
        let wait = Period(SignedDuration::from_mins(10));
        let gate = GateConfig { then, mails, wait, ..GateConfig::default() };
        let folder = tempfile::tempdir().unwrap();
        let config = LedgerConfig { folder: folder.path().join("ledger"), ..LedgerConfig::default() };
        let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
        let desk = Desk::with(ledger, 300).await;
        let (web, clock) = (Web::start().await, Clock::fixed(at(-60)));
        let (left, fails): (Arc<Mutex<Vec<String>>>, Arc<Mutex<u32>>) = Default::default();
        let dispatch = dispatch(&desk.ledger, &clock, &web, &left, &fails);
        let bench = Bench { folder, desk, web, clock, gate, dispatch, left, fails };
        bench.begin().await;
        bench
    }

    async fn begin(&self) {
        let config = DispatchConfig { gate: self.gate.clone(), ..DispatchConfig::default() };
        self.dispatch.begin(&self.folder.path().join("breadcrumbs"), &config).await.unwrap();
    }

    /// The process ends, and another begins.
    async fn restart(&mut self) {
        self.dispatch = dispatch(&self.desk.ledger, &self.clock, &self.web, &self.left, &self.fails);
        self.begin().await;
    }

    async fn issue(&self, notice: Notice, km: &str, mails: &[i64]) {
        let action = match notice {
            Notice::Original => Action::Create,
            Notice::Correction => Action::Correct,
            _ => Action::Kill,
        };
        let account = |channel| Part("public", channel, action, Recipients::Account);
        let parts = vec![mail(action, mails), account("sky"), account("room"), account("blog")];
        let mut order = order("aster", notice, km, parts);
        for edition in &mut order.editions {
            match edition.edition.request.channel.as_str() {
                "blog" => {
                    edition.kind = ChannelKind::Wordpress;
                    edition.edition.content = Content::Page(text(km, notice));
                }
                "room" => {
                    edition.kind = ChannelKind::Slack;
                    edition.edition.content = message();
                }
                "sky" => edition.edition.content = post(),
                _ => {}
            }
        }
        self.desk.issue(order).await;
    }

    /// Drains at `seconds` after nine; says what left since the last time, mails counted.
    async fn at(&self, seconds: i64) -> String {
        self.clock.set(at(seconds));
        self.dispatch.drain(&CancellationToken::new()).await.unwrap();
        let left = std::mem::take(&mut *self.left.lock().unwrap());
        let mails = left.iter().filter(|name| *name == "mail").count();
        let first = left.iter().position(|name| name == "blog");
        assert!(first.is_none_or(|at| at == 0), "the blog was not first: {left:?}");
        let mut names: Vec<String> = left.into_iter().filter(|name| name != "mail").collect();
        names.sort();
        names.extend((mails > 0).then(|| format!("{mails} mails")));
        names.join(", ")
    }

    async fn held(&self) -> Option<String> {
        let holds: Vec<Hold> = self.desk.ledger.holds().await.unwrap();
        assert!(holds.len() < 2, "{holds:?}");
        holds.first().map(|hold| {
            assert_eq!(hold.scope, Scope::Links("aster".to_owned()));
            assert_eq!(hold.ended_by(), "`dateline resume --links aster`");
            hold.reason.replace(&self.web.url, "URL")
        })
    }
}

fn dispatch(
    ledger: &Ledger,
    clock: &Clock,
    web: &Web,
    left: &Arc<Mutex<Vec<String>>>,
    fails: &Arc<Mutex<u32>>,
) -> Dispatch {
    let route = |name, kind, url: Option<&str>| {
        let (left, fails) = (Arc::clone(left), Arc::clone(fails));
        let channel = Noting { name, url: url.map(str::to_owned), left, fails };
        let limits = Limits { connections: Some(2), ..Limits::default() };
        Route { channel: Box::new(channel), kind, limits, on_unknown: OnUnknown::Hold }
    };
    let routes = [
        ("blog".to_owned(), route("blog", ChannelKind::Wordpress, Some(&web.url))),
        ("relay".to_owned(), route("mail", ChannelKind::Smtp, None)),
        ("room".to_owned(), route("room", ChannelKind::Slack, None)),
        ("sky".to_owned(), route("sky", ChannelKind::Bluesky, None)),
    ];
    Dispatch::new(ledger.clone(), routes.into(), clock.clone(), "bench".into(), Arc::new(|_| {}))
}

fn everybody() -> Vec<i64> {
    (1..=300).collect()
}

/// G5: the drain is let loose at any instant before the time, and nothing leaves, not even a question.
#[tokio::test]
async fn at_five_hundred_instants_before_its_time_nothing_leaves() {
    let bench = Bench::new(Then::WithoutLink).await;
    bench.issue(Notice::Original, "620", &everybody()).await;
    bench.web.show(page("620"));
    let mut seed = 7_u64;
    for n in 0..500 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let micros = if n < 10 { n } else { i64::try_from(seed >> 33).unwrap() % 7_000_000_000 };
        bench.clock.set(at(0) - SignedDuration::from_micros(micros + 1));
        bench.dispatch.drain(&CancellationToken::new()).await.unwrap();
        assert!(bench.left.lock().unwrap().is_empty(), "{micros} µs before");
    }
    assert_eq!(bench.web.asked(), 0);
    assert_eq!(bench.at(0).await, "blog, room, sky, 300 mails");
}

#[tokio::test]
async fn a_page_that_is_seen_lets_everything_go_at_once_and_is_asked_for_once() {
    let bench = Bench::new(Then::WithoutLink).await;
    bench.issue(Notice::Original, "620", &everybody()).await;
    bench.web.show(page("620"));
    assert_eq!(bench.at(-1).await, "");
    assert_eq!(bench.web.asked(), 0, "nobody asks before the time");
    assert_eq!(bench.at(0).await, "blog, room, sky, 300 mails");
    assert_eq!(bench.web.asked(), 1);
    let asked = bench.web.asked.lock().unwrap()[0].to_lowercase();
    assert!(!asked.contains("authorization") && !asked.contains("cookie"), "{asked}");
    assert_eq!(bench.held().await, None);
}

/// Each of these is no page of ours: what links to it waits, and leaves once the page is there.
#[tokio::test]
async fn whatever_is_shown_instead_of_the_page_keeps_the_others_waiting() {
    let faults = [
        (
            answer("404 Not Found", "<h1>Title of aster</h1><p>It goes 620 km.</p>"),
            "URL does not show the page: 404",
        ),
        (answer("500 No", ""), "URL does not show the page: 500"),
        (answer("200 OK", ""), "URL does not show its headline"),
        (answer("200 OK", "<h1>Title of aster</h1>"), "URL does not show paragraph 1 of 1"),
        (page("580"), "URL does not show paragraph 1 of 1"),
        (
            answer("302 Found\r\nlocation: https://127.0.0.1:1/", ""),
            "URL does not show the page: error sending request: client error (Connect)",
        ),
        (
            answer("302 Found\r\nlocation: /2026/aster/", ""),
            "URL does not show the page: it leads from address to address",
        ),
        (answer("301 Moved", ""), "URL does not show the page: 301 without an address"),
        ("HTTP/1.1 2".to_owned(), "URL does not show the page: "),
        (String::new(), "URL does not show the page: "),
    ];
    for (fault, why) in faults {
        let bench = Bench::new(Then::WithoutLink).await;
        bench.issue(Notice::Original, "620", &everybody()).await;
        bench.web.show(fault.clone());
        assert_eq!(bench.at(0).await, "blog", "{fault}");
        assert_eq!(bench.held().await, None, "for some seconds nothing is said");
        assert_eq!(bench.at(6).await, "", "{fault}");
        let held = bench.held().await.unwrap();
        assert!(held.starts_with(why), "{held}\nis not: {why}");
        assert!(
            held.ends_with("; after 2026-12-01T08:10:00Z posts and messages leave without the link"),
            "{held}"
        );
        assert!(!held.contains("It goes") && !held.contains("Title"), "{held}");
        bench.web.show(page("620"));
        assert_eq!(bench.at(60).await, "room, sky, 300 mails", "{fault}");
        assert_eq!(bench.held().await, None);
        bench.desk.is_sound().await;
    }
}

#[tokio::test]
async fn a_redirect_that_ends_at_the_page_is_the_page() {
    let bench = Bench::new(Then::Hold).await;
    bench.issue(Notice::Original, "620", &[1]).await;
    bench.web.show(answer("301 Moved\r\nlocation: /elsewhere", ""));
    assert_eq!(bench.at(0).await, "blog, room, sky, 1 mails");
    assert_eq!(bench.web.asked(), 2);
}

#[tokio::test]
async fn when_the_wait_is_over_the_newsrooms_rule_decides() {
    for (then, expected) in [
        (Then::WithoutLink, "room without link, sky without link, 300 mails"),
        (Then::Send, "room, sky, 300 mails"),
        (Then::Hold, ""),
    ] {
        let bench = Bench::new(then).await;
        bench.issue(Notice::Original, "620", &everybody()).await;
        bench.web.show(answer("502 Bad Gateway", ""));
        assert_eq!(bench.at(0).await, "blog");
        for seconds in [2, 10, 60, 300, 599] {
            assert_eq!(bench.at(seconds).await, "", "{then:?} {seconds}");
        }
        assert_eq!(bench.at(600).await, expected, "{then:?}");
        assert_eq!(bench.held().await.is_some(), then == Then::Hold);
        // Once it is there after all, what still waits leaves with its link.
        bench.web.show(page("620"));
        let more = bench.at(700).await;
        assert_eq!(more, if then == Then::Hold { "room, sky, 300 mails" } else { "" });
        bench.desk.is_sound().await;
    }
}

/// A mail cannot leave without its link, so a newsroom may let it wait while the posts leave.
#[tokio::test]
async fn mails_wait_on_where_the_newsroom_wants_it() {
    for resumed in [false, true] {
        let mut bench = Bench::with(Then::WithoutLink, Mails::Hold).await;
        bench.issue(Notice::Original, "620", &everybody()).await;
        bench.web.show(answer("502 Bad Gateway", ""));
        assert_eq!(bench.at(0).await, "blog");
        for seconds in [6, 300, 599] {
            assert_eq!(bench.at(seconds).await, "", "{seconds}");
        }
        assert_eq!(bench.at(600).await, "room without link, sky without link");
        assert!(
            bench.held().await.unwrap().ends_with("leave without the link, and mails wait until it is seen")
        );
        bench.restart().await;
        assert_eq!(bench.at(700).await, "");
        assert!(bench.held().await.is_some());
        if resumed {
            bench.desk.ledger.resume(&Scope::Links("aster".to_owned()), "ada", at(800)).await.unwrap();
        } else {
            bench.web.show(page("620"));
        }
        assert_eq!(bench.at(900).await, "300 mails", "{resumed}");
        assert_eq!(bench.held().await, None);
        bench.desk.is_sound().await;
    }
}

#[tokio::test]
async fn who_resumes_the_links_is_obeyed_at_once() {
    let bench = Bench::new(Then::Hold).await;
    bench.issue(Notice::Original, "620", &everybody()).await;
    bench.web.show(answer("502 Bad Gateway", ""));
    assert_eq!(bench.at(0).await, "blog");
    assert_eq!(bench.at(700).await, "");
    assert!(bench.held().await.unwrap().ends_with("; what links to it waits until it is seen"));
    bench.desk.ledger.resume(&Scope::Links("aster".to_owned()), "ada", at(800)).await.unwrap();
    assert_eq!(bench.at(900).await, "room, sky, 300 mails");
    assert_eq!(bench.held().await, None);
}

#[tokio::test]
async fn a_blog_that_is_down_keeps_the_others_waiting_and_is_still_tried() {
    let bench = Bench::new(Then::Hold).await;
    bench.issue(Notice::Original, "620", &everybody()).await;
    *bench.fails.lock().unwrap() = 1;
    bench.web.show(page("620"));
    assert_eq!(bench.at(0).await, "");
    assert_eq!(bench.at(6).await, "");
    assert!(bench.held().await.unwrap().starts_with("blog has not taken the page yet (scheduled)"));
    // The hold is on what links to it, not on the page.
    assert_eq!(bench.at(90).await, "blog, room, sky, 300 mails");
    assert_eq!(bench.held().await, None);
}

#[tokio::test]
async fn a_restart_does_not_begin_the_waiting_anew() {
    let mut bench = Bench::new(Then::WithoutLink).await;
    bench.issue(Notice::Original, "620", &everybody()).await;
    bench.web.show(answer("502 Bad Gateway", ""));
    assert_eq!(bench.at(0).await, "blog");
    assert_eq!(bench.at(6).await, "");
    bench.restart().await;
    assert_eq!(bench.at(300).await, "");
    bench.restart().await;
    assert_eq!(bench.at(605).await, "", "the hold says since when it is waited");
    assert_eq!(bench.at(640).await, "room without link, sky without link, 300 mails");
}

#[tokio::test]
async fn old_words_hold_a_correction_back_and_a_kill_waits_for_nothing() {
    let bench = Bench::new(Then::Hold).await;
    bench.issue(Notice::Original, "620", &everybody()).await;
    bench.web.show(page("620"));
    assert_eq!(bench.at(0).await, "blog, room, sky, 300 mails");
    bench.issue(Notice::Correction, "610", &everybody()).await;
    // A cache still shows the page as it was.
    assert_eq!(bench.at(10).await, "blog");
    assert_eq!(bench.at(20).await, "");
    assert!(bench.held().await.unwrap().starts_with("URL does not show the note of its correction"));
    bench.issue(Notice::Kill, "610", &everybody()).await;
    assert_eq!(bench.at(30).await, "blog, room, sky, 300 mails");
}
