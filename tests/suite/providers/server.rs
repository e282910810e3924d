//! A server on loopback that keeps state and fails as it is told, for what follows a provider's published contract.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// With its query.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

/// An answer.
pub type Answer = (u16, serde_json::Value);

/// What goes wrong with one request that changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is done, and no answer comes.
    LostAfter,
    /// It is not done, and no answer comes.
    LostBefore,
    /// It is done, and the answer is a 500.
    BrokenAfter,
    /// It is done, and the answer is something else.
    GarbageAfter,
}

#[derive(Clone)]
pub struct Server {
    pub port: u16,
}

impl Server {
    /// Serves `contract`; the first requests that are no GET fail as `faults` says.
    pub async fn start(
        faults: &[Fault],
        contract: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let contract = Arc::new(contract);
        let faults = Arc::new(Mutex::new(VecDeque::from(faults.to_vec())));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (contract, faults) = (Arc::clone(&contract), Arc::clone(&faults));
                tokio::spawn(async move { serve(stream, &*contract, &faults).await });
            }
        });
        Server { port }
    }
}

async fn serve(
    mut stream: TcpStream,
    contract: &(impl Fn(&Request) -> Answer + Sync),
    faults: &Mutex<VecDeque<Fault>>,
) -> Option<()> {
    let request = read(&mut stream).await?;
    let fault = match request.method.as_str() {
        "GET" => Fault::None,
        _ => faults.lock().unwrap().pop_front().unwrap_or(Fault::None),
    };
    if fault == Fault::LostBefore {
        return None;
    }
    let (status, body) = contract(&request);
    let (status, text) = match fault {
        Fault::LostAfter => return None,
        Fault::BrokenAfter => (500, String::new()),
        Fault::GarbageAfter => (200, "<html>It works!</html>".to_owned()),
        Fault::None | Fault::LostBefore => (status, body.to_string()),
    };
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n", text.len());
    if let Some(kind) = body.get("__type").and_then(|kind| kind.as_str()) {
        head.push_str(&format!("x-amzn-errortype: {kind}\r\n"));
    }
    stream.write_all(format!("{head}\r\n{text}").as_bytes()).await.ok()
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let headers: BTreeMap<String, String> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length: usize = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        if bytes.len() < end + 4 + length {
            continue;
        }
        let mut first = head.lines().next()?.split(' ');
        let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
        return Some(Request { method, path, headers, body: bytes[end + 4..].to_vec() });
    }
}
