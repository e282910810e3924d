//! The endpoint where recipients leave: over real sockets, for mail programs, people and those who mean ill.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dateline::clock::Clock;
use dateline::contact::Wishes;
use dateline::ledger::{Ledger, LedgerConfig};
use dateline::token::{Purpose, Token};
use dateline::web::{Leave, Room};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::ledger::desk::{Desk, at};

/// A ledger with three recipients who were sent to, and the pages.
struct Pages {
    _folder: tempfile::TempDir,
    desk: Desk,
    tokens: Vec<Token>,
    address: SocketAddr,
    stop: CancellationToken,
}

impl Pages {
    async fn open() -> Pages {
        let folder = tempfile::tempdir().unwrap();
        let config = LedgerConfig { folder: folder.path().join("ledger"), ..LedgerConfig::default() };
        let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
        let desk = Desk::with(ledger.clone(), 3).await;
        desk.original("aster", "v1", &[1, 2, 3]).await;
        let claims = desk.claim(at(0)).await;
        let token = |claim: &dateline::ledger::Claim| {
            desk.ledger.token(Purpose::Unsubscribe, claim.delivery, &claim.key)
        };
        let tokens = claims.iter().map(token).collect();
        let room = Room {
            organization: "Halden Motors".to_owned(),
            languages: vec!["en".parse().unwrap(), "sv".parse().unwrap()],
            topics: [("ev".to_owned(), [("en".parse().unwrap(), "Electric cars".to_owned())].into())].into(),
            ..Room::default()
        };
        let (_, rooms) = watch::channel(Arc::new(room));
        let door = Leave::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = door.address().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(Leave::new(ledger, rooms, Clock::fixed(at(5))).serve(door, stop.clone()));
        Pages { _folder: folder, desk, tokens, address, stop }
    }

    /// Sends bytes and reads the answer to its end.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that has heard enough may close before all is written.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(40), stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: u.halden.example\r\nConnection: close\r\nContent-Length: {length}\r\n\
             {headers}\r\n{body}"
        );
        self.raw(request.as_bytes()).await
    }

    async fn post(&self, token: &str, body: &str) -> String {
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        self.ask("POST", &format!("/u/{token}"), form, body).await
    }

    async fn suppressed(&self) -> usize {
        self.desk.ledger.suppressions().await.unwrap().len()
    }

    async fn close(self) {
        self.stop.cancel();
        self.desk.is_sound().await;
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

/// An answer without its date.
fn undated(answer: &str) -> String {
    answer.lines().filter(|line| !line.to_lowercase().starts_with("date:")).collect::<Vec<_>>().join("\n")
}

const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

#[tokio::test(flavor = "multi_thread")]
async fn looking_changes_nothing() {
    let pages = Pages::open().await;
    let token = pages.tokens[0].to_string();
    let page = pages.ask("GET", &format!("/u/{token}"), "", "").await;
    assert_eq!(status(&page), "200");
    for header in [
        "cache-control: no-store",
        "referrer-policy: no-referrer",
        "x-content-type-options: nosniff",
        "x-robots-tag: noindex, nofollow",
        "content-security-policy: default-src 'none'; style-src 'sha256-",
        "form-action 'self'",
    ] {
        assert!(page.contains(header), "{header}: {page}");
    }
    assert!(!page.to_lowercase().contains("set-cookie") && !page.contains("paper.example"), "{page}");
    // The same for everybody, so that it tells nothing.
    let other = pages.ask("GET", "/u/aaaaaaaaaaaaaaaaaaaaaaaaaa", "", "").await;
    assert_eq!(undated(&page), undated(&other));
    for method in ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "NONSENSE"] {
        let answer = pages.ask(method, &format!("/u/{token}"), "", ONE_CLICK).await;
        let expected = if method == "HEAD" { "200" } else { "405" };
        assert_eq!(status(&answer), expected, "{method}: {answer}");
    }
    assert_eq!(pages.suppressed().await, 0);
    // Nothing else is served here.
    for path in ["/", "/metrics/", "/readyz/"] {
        assert!(!pages.ask("GET", path, "", "").await.contains("dateline_"), "{path}");
    }
    pages.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_click_is_enough_and_says_the_same_to_everybody() {
    let pages = Pages::open().await;
    let begun = Instant::now();
    let good = pages.post(&pages.tokens[0].to_string().to_uppercase(), ONE_CLICK).await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!((status(&good), pages.suppressed().await), ("200", 1));
    assert!(
        !good.to_lowercase().contains("location:") && !good.to_lowercase().contains("set-cookie"),
        "{good}"
    );
    let mut forged = pages.tokens[1].to_string();
    forged.replace_range(25..26, if forged.ends_with('a') { "e" } else { "a" });
    for token in [forged.as_str(), "aaaaaaaaaaaaaaaaaaaaaaaaaa", "short", "%00%ff", &"x".repeat(4_000)] {
        let answer = pages.post(token, ONE_CLICK).await;
        assert_eq!(undated(&answer), undated(&good), "{token}");
    }
    assert_eq!(pages.suppressed().await, 1);
    // As mail programs and worse send it.
    let token = pages.tokens[1].to_string();
    let multipart =
        "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n";
    let parts = "Content-Type: multipart/form-data; boundary=b\r\n";
    let answer = pages.ask("POST", &format!("/unsubscribe/{token}"), parts, multipart).await;
    assert_eq!((status(&answer), pages.suppressed().await), ("200", 2));
    let token = pages.tokens[2].to_string();
    let http10 = format!(
        "POST /u/{token} HTTP/1.0\r\nContent-Length: 26\r\nContent-Type: image/png\r\n\r\n{ONE_CLICK}"
    );
    assert_eq!((status(&pages.raw(http10.as_bytes()).await), pages.suppressed().await), ("200", 3));
    let evidence: Vec<String> =
        pages.desk.ledger.suppressions().await.unwrap().into_iter().map(|s| s.evidence).collect();
    assert_eq!(evidence, ["one click (RFC 8058)"; 3]);
    pages.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bodies_cost_little_and_change_nothing() {
    let pages = Pages::open().await;
    let token = pages.tokens[0].to_string();
    for body in [
        String::new(),
        "x".repeat(1_000_000),
        format!("{}&{ONE_CLICK}", "x".repeat(1_000_000)),
        "\u{0}".repeat(5_000),
        "%".repeat(5_000),
        "List-Unsubscribe=One-Clic".to_owned(),
    ] {
        let answer = pages.post(&token, &body).await;
        assert!(matches!(status(&answer), "200" | ""), "{} bytes: {answer}", body.len());
    }
    assert_eq!(pages.suppressed().await, 0);
    // A body that is promised and never comes, and a head that never ends.
    let head = format!("POST /u/{token} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList-");
    let (never, slow) = tokio::join!(pages.raw(head.as_bytes()), pages.raw(b"GET / HTTP/1.1\r\nX: "));
    assert!(never.is_empty() && slow.is_empty(), "{never} {slow}");
    // What is at the start counts, whatever follows; and saying it a hundred times is saying it once.
    let long = format!("{ONE_CLICK}&{}", "x".repeat(1_000_000));
    let answer = pages.post(&token, &long).await;
    assert!(matches!(status(&answer), "200" | ""), "{answer}");
    let mut all = tokio::task::JoinSet::new();
    let pages = Arc::new(pages);
    for _ in 0..100 {
        let (pages, token) = (Arc::clone(&pages), token.clone());
        all.spawn(async move { status(&pages.post(&token, ONE_CLICK).await).to_owned() });
    }
    assert!(all.join_all().await.iter().all(|status| status == "200"));
    assert_eq!(pages.suppressed().await, 1);
    pages.stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_picks_and_leaves_on_the_page() {
    let pages = Pages::open().await;
    let token = pages.tokens[0].to_string();
    let page = pages.post(&token, "do=show").await;
    assert!(page.contains("c…@paper.example") && page.contains("Electric cars"), "{page}");
    assert!(!page.contains("c1@paper.example"), "a mail that was handed on tells no address");
    let saved = pages.post(&token, "do=save&offered=ev&language=sv&in=sv").await;
    assert!(saved.contains("Sparat.") && saved.contains("lang=\"sv\""), "{saved}");
    let held = pages.desk.ledger.held(false, at(6)).await.unwrap();
    let wishes = Wishes { unwanted: ["ev".to_owned()].into(), languages: vec!["sv".parse().unwrap()] };
    assert_eq!(held.wishes.into_values().collect::<Vec<_>>(), [wishes]);
    assert_eq!(pages.suppressed().await, 0);
    let left = pages.post(&token, "do=leave&in=de").await;
    assert!(left.contains("Sie bekommen keine E-Mails mehr"), "{left}");
    assert_eq!(pages.desk.ledger.suppressions().await.unwrap()[0].evidence, "the preference page");
    let gone = pages.post(&token, "do=show").await;
    assert!(gone.contains("Nothing has been sent to you since 2026-12-01"), "{gone}");
    // Somebody who was erased, and a token of nobody, look alike.
    pages.desk.ledger.erase(&"c2@paper.example".parse().unwrap(), "ada", at(7)).await.unwrap();
    let erased = pages.post(&pages.tokens[1].to_string(), "do=show").await;
    let nobody = pages.post("aaaaaaaaaaaaaaaaaaaaaaaaaa", "do=show").await;
    assert_eq!(undated(&erased), undated(&nobody));
    pages.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_recorded_is_not_called_done() {
    let pages = Pages::open().await;
    pages.desk.ledger.close(at(9)).await.unwrap();
    let answer = pages.post(&pages.tokens[0].to_string(), ONE_CLICK).await;
    assert_eq!(status(&answer), "503");
    assert!(answer.to_lowercase().contains("retry-after: 60"), "{answer}");
    pages.stop.cancel();
}

/// Every page that a recipient may see, by its name, for those who look whether it can be read.
pub fn documents() -> Vec<(&'static str, String)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let pages = Pages::open().await;
        let [first, second, third] = [0, 1, 2].map(|at| pages.tokens[at].to_string());
        let mut answers = vec![
            ("door", pages.ask("GET", &format!("/u/{first}"), "", "").await),
            ("choices", pages.post(&first, "do=show").await),
            ("saved", pages.post(&first, "do=save&offered=ev&language=sv&in=sv").await),
            ("left", pages.post(&second, "do=leave&in=de").await),
            ("nobody", pages.post("aaaaaaaaaaaaaaaaaaaaaaaaaa", "do=show").await),
        ];
        pages.desk.ledger.close(at(9)).await.unwrap();
        answers.push(("busy", pages.post(&third, "do=leave").await));
        pages.stop.cancel();
        answers
            .into_iter()
            .map(|(name, answer)| {
                let start = answer
                    .to_ascii_lowercase()
                    .find("<!doctype")
                    .unwrap_or_else(|| panic!("{name}: {answer}"));
                (name, answer[start..].to_owned())
            })
            .collect()
    })
}
