//! The catcher's SMTP side (RFC 5321, with PIPELINING, SIZE, 8BITMIME, SMTPUTF8 and AUTH PLAIN).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{MOST_BYTES, Store};
use crate::clock::Clock;

/// The longest command, and the longest line of a message that is not cut.
const LINE: u64 = 64 * 1024;
/// The largest mail.
const MAIL: usize = MOST_BYTES / 10;
/// How long a client may think.
const PATIENCE: Duration = Duration::from_mins(5);
/// Clients at the same time.
const CLIENTS: usize = 256;

/// What every connection needs.
pub struct Receiver {
    pub store: Arc<Store>,
    pub clock: Clock,
    pub login: Option<(String, String)>,
}

impl Receiver {
    /// Takes mail for ever. The connections end with the future.
    pub async fn listen(self, listener: TcpListener) {
        let receiver = Arc::new(self);
        let slots = Arc::new(Semaphore::new(CLIENTS));
        let mut clients = JoinSet::new();
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors, most likely: others will be closed.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            while clients.try_join_next().is_some() {}
            let receiver = Arc::clone(&receiver);
            clients.spawn(async move {
                // A client that hangs up is no event.
                let _ = receiver.talk(stream).await;
                drop(slot);
            });
        }
    }

    async fn talk(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut client = Client { stream: BufReader::with_capacity(64 * 1024, stream), said: Vec::new() };
        client.say("220 catcher.localhost keeps every mail");
        let mut known = self.login.is_none();
        let mut from: Option<String> = None;
        let mut to: Vec<String> = Vec::new();
        while let Some(line) = client.hear().await? {
            let line = String::from_utf8_lossy(&line).into_owned();
            let (verb, rest) = line.split_once(' ').unwrap_or((line.as_str(), ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => {
                    (from, to) = (None, Vec::new());
                    let auth = if self.login.is_some() { "250-AUTH PLAIN\r\n" } else { "" };
                    client.say(&format!(
                        "250-catcher.localhost\r\n{auth}250-PIPELINING\r\n250-SIZE {MAIL}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES"
                    ));
                }
                "HELO" => client.say("250 catcher.localhost"),
                "AUTH" => {
                    known |= self.knows(rest);
                    client.say(if known { "235 2.7.0 welcome" } else { "535 5.7.8 wrong name or password" });
                }
                "MAIL" if !known => client.say("530 5.7.0 log in first"),
                "MAIL" if from.is_some() => client.say("503 5.5.1 one sender is enough"),
                "MAIL" => match path(rest, "FROM:") {
                    Some((_, size)) if size > MAIL => client.say("552 5.3.4 too large"),
                    Some((path, _)) => {
                        from = Some(path);
                        client.say("250 2.1.0 ok");
                    }
                    None => client.say("501 5.5.4 write MAIL FROM:<address>"),
                },
                "RCPT" if from.is_none() => client.say("503 5.5.1 MAIL comes first"),
                "RCPT" if to.len() >= 100 => client.say("452 4.5.3 too many recipients"),
                "RCPT" => match path(rest, "TO:").filter(|(path, _)| !path.is_empty()) {
                    Some((path, _)) => {
                        to.push(path);
                        client.say("250 2.1.5 ok");
                    }
                    None => client.say("501 5.5.4 write RCPT TO:<address>"),
                },
                "DATA" if to.is_empty() => client.say("503 5.5.1 RCPT comes first"),
                "DATA" => {
                    client.say("354 end with a dot");
                    let Some(message) = client.message().await? else { return Ok(()) };
                    let (sender, recipients) = (from.take().unwrap_or_default(), std::mem::take(&mut to));
                    client.say(&match message {
                        None => "552 5.3.4 too large".to_owned(),
                        Some(message) => {
                            match self.store.keep(self.clock.now(), sender, recipients, message) {
                                Some(id) => format!("250 2.0.0 Ok: queued as {id}"),
                                None => "452 4.3.1 the catcher is full".to_owned(),
                            }
                        }
                    });
                }
                "RSET" => {
                    (from, to) = (None, Vec::new());
                    client.say("250 2.0.0 ok");
                }
                "NOOP" => client.say("250 2.0.0 ok"),
                "QUIT" => {
                    client.say("221 2.0.0 bye");
                    return client.flush().await;
                }
                _ => client.say("500 5.5.1 unknown command"),
            }
        }
        Ok(())
    }

    /// Whether `AUTH PLAIN` with this initial response is right.
    fn knows(&self, rest: &str) -> bool {
        let Some((name, password)) = &self.login else { return true };
        let mut words = rest.split_ascii_whitespace();
        let plain = words.next().is_some_and(|word| word.eq_ignore_ascii_case("PLAIN"));
        let given = words.next().and_then(|word| BASE64.decode(word).ok()).unwrap_or_default();
        plain && given == format!("\0{name}\0{password}").as_bytes()
    }
}

/// The address and `SIZE` of `FROM:<address> SIZE=…`.
fn path(rest: &str, word: &str) -> Option<(String, usize)> {
    let (head, rest) = rest.split_at_checked(word.len())?;
    let (path, parameters) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    let size = parameters
        .split_ascii_whitespace()
        .find_map(|parameter| parameter.strip_prefix("SIZE="))
        .and_then(|size| size.parse().ok())
        .unwrap_or(0);
    head.eq_ignore_ascii_case(word).then(|| (path.to_owned(), size))
}

/// One client. Replies are collected and leave together before the next wait, as PIPELINING wants it.
struct Client {
    stream: BufReader<TcpStream>,
    said: Vec<u8>,
}

impl Client {
    fn say(&mut self, line: &str) {
        self.said.extend_from_slice(line.as_bytes());
        self.said.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.stream.get_mut().write_all(&self.said).await?;
        self.said.clear();
        Ok(())
    }

    /// A line without its CRLF; nothing where the client is gone, thinks for too long or talks without end.
    async fn hear(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.stream.buffer().is_empty() {
            self.flush().await?;
        }
        let mut line = Vec::new();
        let heard = timeout(PATIENCE, (&mut self.stream).take(LINE).read_until(b'\n', &mut line)).await;
        match heard {
            Ok(Ok(_)) if line.ends_with(b"\n") => {
                line.pop();
                if line.ends_with(b"\r") {
                    line.pop();
                }
                Ok(Some(line))
            }
            Ok(Ok(_)) | Err(_) => Ok(None),
            Ok(Err(error)) => Err(error),
        }
    }

    /// A message up to its dot, un-stuffed. The outer nothing is a client that is gone, the inner one a
    /// message that is too large.
    async fn message(&mut self) -> io::Result<Option<Option<Vec<u8>>>> {
        let mut message = Some(Vec::new());
        while let Some(line) = self.hear().await? {
            if line == b"." {
                return Ok(Some(message));
            }
            let line = line.strip_prefix(b".").unwrap_or(&line);
            if let Some(bytes) = &mut message {
                bytes.extend_from_slice(line);
                bytes.extend_from_slice(b"\r\n");
                if bytes.len() > MAIL {
                    message = None;
                }
            }
        }
        Ok(None)
    }
}
