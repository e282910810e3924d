//! A relay that keeps every mail that it was given a dot for, and answers as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What it does with a mail after the dot. The mail counts as taken by it.
#[derive(Debug, Clone)]
pub enum Answer {
    Say(&'static str),
    /// Says so, and nothing more on this connection.
    LastWords(&'static str),
    /// Hangs up without a word.
    HangUp,
}

#[derive(Clone)]
pub struct Relay {
    pub port: u16,
    mails: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Relay {
    /// Answers the first mails as `first` says and takes the rest.
    pub async fn start(first: &[Answer]) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay { port: listener.local_addr().unwrap().port(), mails: Arc::default() };
        let answers = Arc::new(Mutex::new(VecDeque::from(first.to_vec())));
        let kept = Arc::clone(&relay.mails);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&answers)));
            }
        });
        relay
    }

    /// Every mail whose dot came, in full.
    pub fn mails(&self) -> Vec<Vec<u8>> {
        self.mails.lock().unwrap().clone()
    }

    /// The recipients of these mails, sorted.
    pub fn recipients(&self) -> Vec<String> {
        let mut all: Vec<String> = self.mails().iter().map(|mail| header(mail, "To")).collect();
        all.sort();
        all
    }
}

/// A header of a mail.
pub fn header(mail: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(mail).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name} in {text}"))
}

async fn serve(
    stream: TcpStream,
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 relay\r\n").await.ok()?;
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await.ok()? == 0 {
            return None;
        }
        let reply = match line.get(..4)? {
            b"EHLO" => "250-relay\r\n250-AUTH PLAIN\r\n250 PIPELINING\r\n",
            b"AUTH" => "235 2.7.0 welcome\r\n",
            b"DATA" => {
                stream.write_all(b"354 go\r\n").await.ok()?;
                // No further than the dot: the next envelope may come right behind it.
                let mut mail = Vec::new();
                while !mail.ends_with(b"\r\n.\r\n") {
                    if stream.read_until(b'\n', &mut mail).await.ok()? == 0 {
                        return None;
                    }
                }
                kept.lock().unwrap().push(mail);
                let answer = answers.lock().unwrap().pop_front();
                match answer.unwrap_or(Answer::Say("250 2.0.0 queued as 4F3\r\n")) {
                    Answer::Say(words) => words,
                    Answer::LastWords(words) => {
                        stream.write_all(words.as_bytes()).await.ok()?;
                        while stream.read_until(b'\n', &mut Vec::new()).await.ok()? > 0 {}
                        return None;
                    }
                    Answer::HangUp => return None,
                }
            }
            _ => "250 2.0.0 ok\r\n",
        };
        stream.write_all(reply.as_bytes()).await.ok()?;
    }
}
