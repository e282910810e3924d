//! What every blog holds to. The servers follow the published contracts and keep state; none of them is the vendor's own.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use url::Url;

use super::{SHORT, shown};
use crate::channel::adapter::{self, Setup};
use crate::channel::config::ChannelConfig;
use crate::channel::scripted::{Act, Asked, Counting, Scripted, parcel, picture};
use crate::channel::{Channel, Failure, Parcel, Previous, Probe, Secrets};
use crate::newsroom::ChannelKind;
use crate::release::Notice;
use crate::render::{Asset, Content, Entry, Look, Page, Standing};

/// The address that pages have in the newsroom.
pub const PAGE: &str = "https://news.halden.example/2026/aster-ev/";

/// A blog that keeps state.
pub trait Blog: Default + Send + 'static {
    const KIND: ChannelKind;
    /// The name of its secret; its value is `SECRET`.
    const KEY: (&'static str, &'static str);
    /// How many requests make a post with two pictures, and which of them are not looked up afterwards but repeated.
    const REQUESTS: usize;

    fn config(url: &Url) -> Value;

    fn act(&mut self, asked: &Asked) -> Act;

    /// The title and text of each post that everybody sees.
    fn shown(&self) -> Vec<(String, String)>;

    /// How many posts nobody sees.
    fn hidden(&self) -> usize;
}

/// A blog and the adapter that speaks to it.
pub struct Bench<B> {
    pub server: Scripted,
    pub blog: Arc<Mutex<B>>,
    pub channel: Box<dyn Channel>,
}

/// A blog, and what `spoil` makes of its answers, on which it has acted by then.
pub async fn bench<B: Blog>(spoil: impl Fn(&Asked, usize, Act) -> Act + Send + Sync + 'static) -> Bench<B> {
    let blog = Arc::new(Mutex::new(B::default()));
    let server = {
        let blog = Arc::clone(&blog);
        Scripted::start(move |asked, number| spoil(asked, number, blog.lock().unwrap().act(asked))).await
    };
    let config = ChannelConfig::from_json(B::KIND, B::config(&server.url));
    let secrets = Secrets::none().with(B::KEY.0, B::KEY.1);
    let setup = Setup { root: std::path::Path::new("."), secrets: &secrets, patience: SHORT };
    Bench { channel: adapter::open(&config, &setup).unwrap(), server, blog }
}

impl<B: Blog> Bench<B> {
    /// What one attempt comes to.
    pub async fn outcome(&self, parcel: &Parcel) -> String {
        let shown = shown(&self.channel.deliver(parcel, &Counting::open()).await);
        assert!(!shown.contains(B::KEY.1), "{shown}");
        shown
    }

    fn posts(&self) -> Vec<(String, String)> {
        self.blog.lock().unwrap().shown()
    }
}

/// The whole suite.
pub async fn holds<B: Blog>() {
    appears_whole::<B>().await;
    for lost in 0..B::REQUESTS {
        for act in [Act::Close, Act::Hang, Act::text(500, ""), Act::text(200, "?")] {
            survives::<B>(lost, act).await;
        }
    }
    waits_as_long_as_it_is_told::<B>().await;
    is_corrected_and_withdrawn::<B>().await;
    refusals_have_their_meaning::<B>().await;
    asks_before_it_speaks::<B>().await;
}

async fn appears_whole<B: Blog>() {
    let bench = bench::<B>(|_, _, act| act).await;
    let outcome = bench.outcome(&original()).await;
    assert!(outcome.starts_with("sent "), "{outcome}");
    assert_eq!(bench.server.asked().len(), B::REQUESTS, "{:?}", bench.server.lines());
    let posts = bench.posts();
    assert_eq!((posts.len(), bench.blog.lock().unwrap().hidden()), (1, 0));
    let (title, text) = &posts[0];
    assert_eq!(title, "Aster EV goes 620 km");
    assert!(text.contains("<p>It goes.</p>") && !text.contains(PAGE), "its pictures are its own: {text}");
    let uploads: Vec<String> =
        bench.server.asked().iter().map(|asked| String::from_utf8_lossy(&asked.body).into_owned()).collect();
    assert!(
        uploads.iter().all(|body| !body.contains("filename=\"front") && !body.contains("map.svg")),
        "{uploads:?}"
    );
}

/// After the answer number `lost` became `act`, one more attempt ends with one post.
async fn survives<B: Blog>(lost: usize, act: Act) {
    let bench = bench::<B>(move |_, number, done| if number == lost { act.clone() } else { done }).await;
    let first = bench.outcome(&original()).await;
    assert!(first.starts_with("outcome unknown") || first.starts_with("later"), "{lost}: {first}");
    let last = lost + 1 == B::REQUESTS;
    assert_eq!(bench.posts().len(), usize::from(last), "{lost}: half a post is seen");
    let again = Parcel { attempt: 2, ..original() };
    match bench.channel.probe(&again).await {
        Probe::Arrived(_) => assert!(last, "{lost}"),
        seen => assert_eq!((seen, last), (Probe::Absent, false), "{lost}"),
    }
    let outcome = bench.outcome(&again).await;
    assert!(outcome.starts_with("sent "), "{lost}: {outcome}");
    assert_eq!((bench.posts().len(), bench.blog.lock().unwrap().hidden()), (1, 0), "{lost}");
}

/// A server that is being worked on says for how long (RFC 9110 15.6.4), before anything was made as well as before it is published.
async fn waits_as_long_as_it_is_told<B: Blog>() {
    for at in 0..B::REQUESTS - 1 {
        let later = Act::text(503, "").with("retry-after", "77");
        let bench = bench::<B>(move |_, number, act| if number == at { later.clone() } else { act }).await;
        match bench.channel.deliver(&original(), &Counting::open()).await {
            Err(Failure::Later { retry_after, .. }) => {
                assert_eq!(retry_after.map(|wait| wait.as_secs()), Some(77), "{at}");
            }
            // What makes a post may have made it.
            Err(Failure::Unknown { .. }) => {}
            other => panic!("{at}: {other:?}"),
        }
    }
}

async fn is_corrected_and_withdrawn<B: Blog>() {
    let bench = bench::<B>(|_, _, act| act).await;
    let outcome = bench.outcome(&original()).await;
    let id = outcome.strip_prefix("sent ").unwrap();
    let correction = about(Notice::Correction, "It goes 610 km.", Some(id));
    assert_eq!(bench.outcome(&correction).await, outcome);
    let text = &bench.posts()[0].1;
    assert!(
        text.contains("<strong>Note, 2 December 2026.</strong> It goes 610 km.</p>\n<p>It goes.</p>"),
        "{text}"
    );
    assert!(matches!(bench.channel.probe(&correction).await, Probe::Arrived(_)));
    // Not known by its id, it is found by its key.
    let kill = about(Notice::Kill, "It was wrong.", None);
    let kill = Parcel { previous: Some(Previous { remote_id: None, wire_key: correction.wire_key }), ..kill };
    for attempt in [1, 2] {
        assert_eq!(bench.outcome(&Parcel { attempt, ..kill.clone() }).await, outcome);
    }
    let posts = bench.posts();
    assert_eq!((posts.len(), posts[0].0.as_str()), (1, "Note: Aster EV goes 620 km"));
    assert!(posts[0].1.contains("It was wrong.") && !posts[0].1.contains("It goes."), "{:?}", posts[0]);
    let outcome = bench.outcome(&Parcel { previous: None, ..kill }).await;
    assert_eq!(outcome, "refused: it is not known what was published");
}

async fn refusals_have_their_meaning<B: Blog>() {
    for (act, expected) in [
        (Act::text(401, B::KEY.1), "the channel refuses us: 401"),
        (Act::text(403, ""), "the channel refuses us: 403"),
        (Act::text(404, "<html>"), "the channel refuses us: 404"),
        (Act::text(301, "").with("location", "http://127.0.0.1:1/"), "the channel refuses us"),
        (Act::text(429, ""), "later: 429"),
    ] {
        let bench = bench::<B>(move |_, _, _| act.clone()).await;
        let got = bench.outcome(&original()).await;
        assert!(got.starts_with(expected), "{got} is not {expected}");
        assert_eq!(bench.server.asked().len(), 1);
        let seen = bench.channel.examine().await;
        assert!(!seen.iter().all(|seen| seen.good) && !format!("{seen:?}").contains(B::KEY.1), "{seen:?}");
    }
}

async fn asks_before_it_speaks<B: Blog>() {
    for parcel in [original(), about(Notice::Correction, "x", Some("7")), about(Notice::Kill, "x", None)] {
        let bench = bench::<B>(|_, _, act| act).await;
        let outcome = bench.channel.deliver(&parcel, &Counting::closed()).await;
        assert_eq!(outcome, Err(Failure::GateClosed));
        assert!(bench.server.asked().is_empty());
    }
    let bench = bench::<B>(|_, _, act| act).await;
    let json = parcel(Content::Json(Value::Null), vec![]);
    assert!(bench.outcome(&json).await.starts_with("refused: a site takes pages alone"));
}

/// A page.
pub fn page() -> Page {
    Page {
        path: "2026/aster-ev/".to_owned(),
        html: String::new(),
        entry: Entry {
            slug: "aster-ev".to_owned(),
            language: "en".parse().unwrap(),
            url: PAGE.to_owned(),
            title: "Aster EV goes 620 km".to_owned(),
            kicker: None,
            summary: "A family car.".to_owned(),
            content_html: format!("<p>It goes.</p><img src=\"{PAGE}in%20text.jpg\" alt=\"x\">"),
            tags: vec![],
            published: "2026-12-01T08:00:00Z".parse().unwrap(),
            updated: "2026-12-01T08:00:00Z".parse().unwrap(),
            image: None,
            audio: None,
            withdrawn: false,
            notice: None,
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

/// A release with a picture before its text, one in it, and a drawing.
pub fn original() -> Parcel {
    let drawing = Asset { media_type: "image/svg+xml".to_owned(), ..picture("map.svg", b"<svg>") };
    let pictures = vec![picture("front.jpg", b"FRONT"), picture("in text.jpg", b"TEXT"), drawing];
    parcel(Content::Page(page()), pictures)
}

/// A notice about it, which says `words`.
pub fn about(notice: Notice, words: &str, id: Option<&str>) -> Parcel {
    let mut page = page();
    let (label, day) = ("Note".to_owned(), "2 December 2026".to_owned());
    page.entry.notice = Some(Standing { label, day, words: words.to_owned() });
    if notice == Notice::Kill {
        page.entry.withdrawn = true;
        page.entry.content_html = format!("<p>{words}</p>");
    }
    let previous = Previous { remote_id: id.map(str::to_owned), wire_key: original().wire_key };
    let parcel = parcel(Content::Page(page), vec![picture("front.jpg", b"FRONT")]);
    let wire_key =
        format!("{}{}", if notice == Notice::Kill { "c0ffee" } else { "beef01" }, &parcel.wire_key[6..]);
    Parcel { notice, previous: Some(previous), wire_key, ..parcel }
}
