//! A server on loopback that does as it is told, and a parcel to send it: for tests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Gate, Parcel, Recipient};
use crate::digest::Digest;
use crate::language::Language;
use crate::release::Notice;
use crate::render::{Asset, Content, Edition, Request as Wanted};

/// What a client asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the server does.
#[derive(Debug, Clone)]
pub enum Act {
    /// Answers.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// Writes these bytes and closes.
    Raw(Vec<u8>),
    /// Closes without a word.
    Close,
    /// Says nothing until the client leaves.
    Hang,
    /// Begins a good answer that never ends.
    Flood,
}

impl Act {
    pub fn json(status: u16, value: &serde_json::Value) -> Act {
        let kind = ("content-type", "application/json".to_owned());
        Act::Answer(status, vec![kind], serde_json::to_vec(value).unwrap())
    }

    pub fn text(status: u16, text: &str) -> Act {
        Act::Answer(status, Vec::new(), text.as_bytes().to_vec())
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Act {
        if let Act::Answer(_, headers, _) = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// The server.
pub struct Scripted {
    pub url: url::Url,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Scripted {
    /// Answers each request as `script` says; it is given the request and its number, from 0.
    pub async fn start(script: impl Fn(&Asked, usize) -> Act + Send + Sync + 'static) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(script);
        let number = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (script, number, seen) = (Arc::clone(&script), Arc::clone(&number), Arc::clone(&seen));
                tokio::spawn(async move {
                    let Some(asked) = read(&mut stream).await else { return };
                    let act = script(&asked, number.fetch_add(1, Ordering::SeqCst));
                    seen.lock().unwrap().push(asked);
                    play(&mut stream, act).await;
                });
            }
        });
        Scripted { url, asked }
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What was asked so far, one line each.
    pub fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = bytes[head + 4..].to_vec();
    if let Some(length) = headers.get("content-length") {
        let length: usize = length.parse().unwrap();
        while body.len() < length {
            if stream.read_buf(&mut body).await.ok()? == 0 {
                return None;
            }
        }
    } else if headers.contains_key("transfer-encoding") {
        while !body.ends_with(b"0\r\n\r\n") {
            if stream.read_buf(&mut body).await.ok()? == 0 {
                return None;
            }
        }
    }
    Some(Asked { method, path, headers, body })
}

async fn play(stream: &mut TcpStream, act: Act) {
    match act {
        Act::Answer(status, headers, body) => {
            let mut head =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            for (name, value) in headers {
                let _ = write!(head, "{name}: {value}\r\n");
            }
            head.push_str("\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
        }
        Act::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
        }
        Act::Close => {}
        Act::Hang => {
            let _ = stream.read(&mut [0; 1]).await;
        }
        Act::Flood => {
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            let mut chunk = b"10000\r\n".to_vec();
            chunk.resize(chunk.len() + 0x10000, b' ');
            chunk.extend_from_slice(b"\r\n");
            let mut ended = stream.write_all(head.as_bytes()).await.is_err();
            while !ended {
                ended = stream.write_all(&chunk).await.is_err();
            }
        }
    }
}

/// A gate that counts how often it was asked.
pub struct Counting {
    pub opens: bool,
    pub asked: AtomicUsize,
}

impl Counting {
    pub fn open() -> Counting {
        Counting { opens: true, asked: AtomicUsize::new(0) }
    }

    pub fn closed() -> Counting {
        Counting { opens: false, asked: AtomicUsize::new(0) }
    }

    pub fn count(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Gate for Counting {
    async fn open(&self) -> bool {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.opens
    }
}

/// A picture.
pub fn picture(name: &str, bytes: &[u8]) -> Asset {
    Asset {
        name: name.to_owned(),
        media_type: "image/jpeg".to_owned(),
        alt: "The Aster EV on a coast road".to_owned(),
        caption: "The Aster EV. Photo: Halden Motors".to_owned(),
        sha: Digest::of(bytes),
        bytes: bytes.into(),
    }
}

/// A parcel with this content.
pub fn parcel(content: Content, assets: Vec<Asset>) -> Parcel {
    let due = "2026-12-01T08:00:00Z".parse().unwrap();
    let edition = Edition {
        request: Wanted {
            slug: "aster-ev".to_owned(),
            digest_of: Vec::new(),
            notice: Notice::Original,
            audience: "enthusiasts".to_owned(),
            channel: "here".to_owned(),
            language: Language::english(),
            advance: false,
            test: false,
            date: due,
        },
        title: "Aster EV goes 620 km on one charge".to_owned(),
        content,
        assets,
    };
    let key = Digest::of(b"aster-ev, enthusiasts, here");
    Parcel {
        key,
        wire_key: key.to_string(),
        edition: Arc::new(edition),
        notice: Notice::Original,
        recipient: Recipient::Account,
        due,
        now: due,
        attempt: 1,
        previous: None,
        ahead: None,
    }
}
