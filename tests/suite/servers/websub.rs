//! A real WebSub hub (`tests/endpoints/websub.sh`): who has subscribed to the newsroom's feed gets it after the ping, and never before the
//! time.

use std::sync::{Arc, Mutex};

use dateline::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{drain, word};
use crate::daemon::room::{Room, until};
use crate::networks::given;

const SECRET: &str = "what hub and subscriber share";

/// A web server with the newsroom's site, and a subscriber to its feed.
struct Web {
    url: String,
    /// What the hub delivered, and whether its signature is good.
    got: Arc<Mutex<Vec<(bool, String)>>>,
    /// What the hub asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    async fn start(site: std::path::PathBuf, hub: String) -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let web = Web { url: url.clone(), got: Arc::default(), asked: Arc::default() };
        let (got, asked) = (Arc::clone(&web.got), Arc::clone(&web.asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (site, hub, url, got, asked) =
                    (site.clone(), hub.clone(), url.clone(), Arc::clone(&got), Arc::clone(&asked));
                tokio::spawn(async move {
                    let Some((head, body)) = read(&mut stream).await else { return };
                    let line = head.lines().next().unwrap_or_default().to_owned();
                    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                    asked.lock().unwrap().push(line.clone());
                    let answer = if line.starts_with("POST /subscriber") {
                        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
                        let sign: String = hmac::sign(&key, &body)
                            .as_ref()
                            .iter()
                            .map(|byte| format!("{byte:02x}"))
                            .collect();
                        let good = head.to_lowercase().contains(&format!("x-hub-signature: sha256={sign}"));
                        let text = String::from_utf8_lossy(&body).into_owned();
                        got.lock().unwrap().push((good, text));
                        answer("", b"")
                    } else if path.starts_with("/subscriber") {
                        let asked: url::Url = format!("{url}{path}").parse().unwrap();
                        let challenge = asked.query_pairs().find(|(name, _)| name == "hub.challenge");
                        answer(
                            "",
                            challenge.map(|(_, value)| value.into_owned()).unwrap_or_default().as_bytes(),
                        )
                    } else {
                        // As an operator's web server names the hub (w3.org/TR/websub/#discovery).
                        let links = format!("link: <{hub}>; rel=\"hub\", <{url}{path}>; rel=\"self\"\r\n");
                        let file =
                            if path.ends_with('/') { format!("{path}index.html") } else { path.clone() };
                        match std::fs::read(site.join(file.trim_start_matches('/'))) {
                            Ok(bytes) => answer(&links, &bytes),
                            Err(_) => {
                                b"HTTP/1.1 404 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_vec()
                            }
                        }
                    };
                    let _ = stream.write_all(&answer).await;
                });
            }
        });
        web
    }

    /// What was delivered so far.
    fn got(&self) -> Vec<(bool, String)> {
        self.got.lock().unwrap().clone()
    }
}

fn answer(headers: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

async fn read(stream: &mut tokio::net::TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if bytes.len() >= at + 4 + length.unwrap_or(0_usize) {
            return Some((head, bytes.split_off(at + 4)));
        }
    }
}

/// A newsroom whose site is served by `web` and whose hub is told of its feed, to which a reader has subscribed.
struct Bench {
    room: Room,
    web: Web,
    channels: String,
}

impl Bench {
    async fn given() -> Option<Bench> {
        let [hub] = given(["WEBSUB_HUB"])?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let room = Room::new(9);
        let web = Web::start(room.dir().join("site"), hub.clone()).await;
        let feed = format!("{}/atom.xml", web.url);
        let channels = format!(
            "channels:\n  newsroom: {{ kind: newsroom, dir: site, hub: \"{hub}\" }}\n  hub: {{ kind: websub, hub: \"{hub}\", feeds: [\"{feed}\"] }}\n"
        );
        let settings = room.read("dateline.yaml").replace("  newsroom: { kind: newsroom, dir: site }\n", "");
        let settings = settings.replacen("channels:\n", &channels, 1);
        room.write("dateline.yaml", &settings.replacen("https://news.halden.example", &web.url, 1));
        room.write("audiences/public.yaml", "name: Public\nchannels: [newsroom, hub]\n");
        let form: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("hub.mode", "subscribe"),
                ("hub.topic", &feed),
                ("hub.callback", &format!("{}/subscriber", web.url)),
                ("hub.secret", SECRET),
            ])
            .finish();
        let request =
            reqwest::Client::new().post(&hub).header("content-type", "application/x-www-form-urlencoded");
        assert_eq!(request.body(form).send().await.unwrap().status(), 202);
        assert_eq!(web.asked.lock().unwrap().len(), 1, "the hub asks whether it was meant");
        Some(Bench { room, web, channels })
    }

    fn release(&self, word: &str, publish: Timestamp) {
        let text = crate::daemon::room::release(publish, "", &format!("First words, {word}."));
        self.room
            .write(&format!("releases/2026/{word}.md"), &text.replacen("[press, public]", "[public]", 1));
        self.room.commit(word);
        tokio::task::block_in_place(|| self.room.run(&["issue"], 0));
    }

    /// The delivery number `number`, from 0.
    async fn got(&self, number: usize) -> String {
        let (good, text) = until("the feed", || self.web.got().get(number).cloned()).await;
        assert!(good, "the signature is wrong");
        text
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn before_the_time_nobody_gets_anything_and_then_the_feed() {
    let Some(bench) = Bench::given().await else { return };
    let word = word("canary");
    let publish = Clock::system().now() + SignedDuration::from_hours(2);
    let publish = Timestamp::from_second(publish.as_second()).unwrap();
    bench.release(&word, publish);
    for seconds in [7_000, 60, 1] {
        let early = publish - SignedDuration::from_secs(seconds);
        let states = drain(&bench.room, &bench.channels, 1, &[early], &word).await;
        assert_eq!(
            (states, bench.web.got()),
            (vec!["scheduled".to_owned(); 2], vec![]),
            "{seconds} s before"
        );
    }
    assert_eq!(bench.web.asked.lock().unwrap().len(), 1, "the hub asked for nothing more");
    assert_eq!(drain(&bench.room, &bench.channels, 1, &[publish], &word).await, ["sent", "sent"]);
    assert!(bench.got(0).await.contains(&word));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_has_subscribed_gets_each_version_of_the_feed() {
    let Some(bench) = Bench::given().await else { return };
    let word = word("life");
    bench.release(&word, Clock::system().now() - SignedDuration::from_secs(2));
    let send = || tokio::task::block_in_place(|| bench.room.run(&["dispatch"], 0));
    send();
    let feed = bench.got(0).await;
    assert!(feed.contains(&word) && feed.contains("rel=\"hub\" href="), "the feed names its hub: {feed}");
    let change = |from: &str, to: &str| {
        let path = format!("releases/2026/{word}.md");
        bench.room.write(&path, &bench.room.read(&path).replacen(from, to, 1));
        bench.room.commit(to);
        tokio::task::block_in_place(|| bench.room.run(&["issue"], 0));
        send();
    };
    let correction = "status: approved\ncorrection: { note: It goes 610 km, class: material }\n";
    change("status: approved\n", correction);
    assert!(bench.got(1).await.contains("It goes 610 km"));
    change("status: approved\n", "status: killed\nreason: It is not true\n");
    assert!(!bench.got(2).await.contains(&word), "what is withdrawn leaves the feed");
    assert_eq!(bench.room.states().await, "6 sent");
}
