//! Relays for tests: one that follows a script, an honest one, and a stream that dribbles.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadBuf};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::wire::Stream;

/// A relay on loopback that plays one script per connection, in order.
///
/// A script has one act per line: `S text` says a line, `s text` says it without its line end (`\r` and
/// `\n` are understood), `C word` hears a line that must begin so, `B` hears a message up to its dot, `M`
/// hears the message so far, up to a line `end`, `T name` begins TLS with that certificate, `N text` notes
/// that it came so far, `X` hangs up, `H` waits for the client to hang up.
/// After its last act the relay waits for the client to hang up.
pub struct Relay {
    pub port: u16,
    heard: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Relay {
    pub async fn start(scripts: &[&str]) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let scripts: Vec<String> = scripts.iter().map(|&script| script.to_owned()).collect();
        let seen = Arc::clone(&heard);
        tokio::spawn(async move {
            for (number, script) in scripts.into_iter().enumerate() {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                seen.lock().unwrap().push(Vec::new());
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let note = |line: String| seen.lock().unwrap()[number].push(line);
                    play(Box::new(stream), &script, &note).await;
                });
            }
        });
        Relay { port, heard }
    }

    /// What each connection was told; `-` where the client hung up, `!` where the script was not followed.
    pub fn heard(&self) -> Vec<Vec<String>> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits until `connections` have ended, and returns what they were told.
    pub async fn ended(&self, connections: usize) -> Vec<Vec<String>> {
        loop {
            let heard = self.heard();
            let ends =
                |lines: &&Vec<String>| lines.last().is_some_and(|last| ["-", "x"].contains(&last.as_str()));
            if heard.iter().filter(ends).count() >= connections {
                return heard;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Plays `script`, and tells `note` what is heard.
pub async fn play(stream: Box<dyn Stream>, script: &str, note: &(impl Fn(String) + Sync)) {
    let mut stream = BufReader::new(stream);
    for act in script.lines().map(str::trim_start).filter(|act| !act.is_empty()) {
        let (act, text) = act.split_at(1);
        let text = text.strip_prefix(' ').unwrap_or(text);
        match act {
            "S" => drop(stream.write_all(format!("{text}\r\n").as_bytes()).await),
            "s" => {
                let text = text.replace("\\r", "\r").replace("\\n", "\n");
                let _ = stream.write_all(text.as_bytes()).await;
            }
            "C" => {
                let Some(line) = hear(&mut stream).await else { break };
                let good = line.starts_with(text);
                note(if good { line } else { format!("! {line}") });
            }
            "B" | "M" => {
                let end = if act == "B" { "." } else { "end" };
                let mut lines = 0;
                let last = loop {
                    match hear(&mut stream).await {
                        Some(line) if line == end => break Some(line),
                        Some(_) => lines += 1,
                        None => break None,
                    }
                };
                note(format!("{lines} lines"));
                match last {
                    Some(line) => note(line),
                    None => break,
                }
            }
            "T" => match acceptor(text).accept(stream.into_inner()).await {
                Ok(secured) => stream = BufReader::new(Box::new(secured)),
                Err(_) => return note("x".to_owned()),
            },
            "N" => note(text.to_owned()),
            "X" => {
                note("x".to_owned());
                return;
            }
            "H" => break,
            _ => panic!("no such act: {act}"),
        }
    }
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    for line in String::from_utf8_lossy(&rest).lines() {
        note(format!("+ {line}"));
    }
    note("-".to_owned());
}

fn acceptor(name: &str) -> TlsAcceptor {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/channel/smtp/tests/certificates");
    let certificate = CertificateDer::from_pem_file(folder.join(format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// A line; what has no line end is none, whatever it looks like.
async fn hear(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).await.ok()?;
    let line = line.strip_suffix(b"\n")?;
    Some(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned())
}

/// A relay that does all as it should, says the Message-ID of each mail in its reply to the dot, and keeps
/// the Message-IDs that it took.
pub struct Honest {
    pub port: u16,
    took: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Honest {
    pub async fn start() -> Honest {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let took = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let (kept, counted) = (Arc::clone(&took), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, Arc::clone(&kept)));
            }
        });
        Honest { port, took, connections }
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn took(&self) -> Vec<String> {
        self.took.lock().unwrap().clone()
    }
}

async fn serve(stream: impl Stream, took: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 relay\r\n").await.ok()?;
    loop {
        let line = hear(&mut stream).await?;
        let reply = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-relay\r\n250 PIPELINING\r\n".to_owned(),
            "DATA" => {
                stream.write_all(b"354 go\r\n").await.ok()?;
                let mut id = String::new();
                loop {
                    let line = hear(&mut stream).await?;
                    if line == "." {
                        break;
                    }
                    if let Some(found) = line.strip_prefix("Message-ID: ") {
                        found.clone_into(&mut id);
                    }
                }
                took.lock().unwrap().push(id.clone());
                format!("250 2.0.0 {id}\r\n")
            }
            _ => "250 2.0.0 ok\r\n".to_owned(),
        };
        stream.write_all(reply.as_bytes()).await.ok()?;
    }
}

/// A stream that carries one byte at a time, and is not ready before each.
pub struct Dribble<S> {
    inner: S,
    ready: (bool, bool),
}

impl<S> Dribble<S> {
    pub fn new(inner: S) -> Dribble<S> {
        Dribble { inner, ready: (false, false) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Dribble<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.ready.0 = !self.ready.0;
        if self.ready.0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        let read = Pin::new(&mut self.inner).poll_read(cx, &mut one);
        out.put_slice(one.filled());
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Dribble<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.ready.1 = !self.ready.1;
        if self.ready.1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.inner).poll_write(cx, &bytes[..bytes.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Polls a future so many times and then drops it, wherever it is.
pub struct Cut<F> {
    pub future: Pin<Box<F>>,
    pub polls: usize,
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        match self.future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}
