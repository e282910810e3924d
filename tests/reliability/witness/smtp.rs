//! The witness's SMTP: enough of RFC 5321 and PIPELINING to take mail.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use dateline::digest::Digest;

use super::Stand;
use super::fault::{Act, Point};
use super::record::{Line, What};

/// Serves one client to its end.
pub fn serve(stand: &Stand, stream: &TcpStream, connection: u64) -> io::Result<()> {
    let mut client = Client { input: BufReader::with_capacity(64 * 1024, stream), said: Vec::new() };
    let end = dialogue(stand, &mut client, connection);
    let _ = client.flush();
    end
}

/// Whether the dialogue goes on.
enum Next {
    Done,
    Refused,
    End,
}

fn dialogue(stand: &Stand, client: &mut Client<'_>, connection: u64) -> io::Result<()> {
    let me = format!("connection {connection}");
    match client.suffer(stand, Point::Greeting, &me)? {
        Next::Done => client.say("220 witness.test ESMTP"),
        Next::Refused => {}
        Next::End => return Ok(()),
    }
    let mut to = String::new();
    while let Some(line) = client.hear()? {
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => client.say(
                "250-witness.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 52428800",
            ),
            "HELO" | "RSET" => client.say("250 2.0.0 ok"),
            "NOOP" => client.say(&format!("250 2.0.0 {}", stand.taken.load(Ordering::Relaxed))),
            "QUIT" => {
                client.say("221 2.0.0 bye");
                return Ok(());
            }
            "MAIL" | "RCPT" => {
                let point = if verb == "MAIL" { Point::Mail } else { Point::Rcpt };
                let address = between(&line, '<', '>').to_owned();
                // Where MAIL goes wrong depends on the connection, for the recipient is not known yet.
                let who = if verb == "MAIL" { &me } else { &address };
                match client.suffer(stand, point, who)? {
                    Next::Done => {
                        client.say("250 2.1.0 ok");
                        to = address;
                    }
                    Next::Refused => to.clear(),
                    Next::End => return Ok(()),
                }
            }
            "DATA" if to.is_empty() => client.say("503 5.5.1 nobody to send it to"),
            "DATA" => {
                match client.suffer(stand, Point::Data, &to)? {
                    Next::Done => client.say("354 go on"),
                    Next::Refused => continue,
                    Next::End => return Ok(()),
                }
                client.flush()?;
                let Some(message) = client.message()? else { return Ok(()) };
                let recipient = std::mem::take(&mut to);
                if !take(stand, client, connection, recipient, &message)? {
                    return Ok(());
                }
            }
            _ => client.say("500 5.5.1 what?"),
        }
    }
    Ok(())
}

/// Takes a mail, or does not; whether the dialogue goes on.
fn take(
    stand: &Stand,
    client: &mut Client<'_>,
    connection: u64,
    to: String,
    message: &[u8],
) -> io::Result<bool> {
    let line = |what| Line {
        id: message_id(message),
        sha: Digest::of(message).to_string(),
        to: to.clone(),
        ..Line::new(what, connection)
    };
    match client.suffer(stand, Point::Dot, &to) {
        Ok(Next::Done) => {}
        Ok(Next::Refused) => {
            stand.recorder.note(&line(What::Refused));
            client.flush()?;
            stand.recorder.note(&line(What::Answered));
            return Ok(true);
        }
        other => {
            stand.recorder.note(&line(What::Refused));
            return other.map(|_| false);
        }
    }
    if stand.recorder.keeps() {
        stand.recorder.note_durably(&line(What::Taken));
    }
    stand.taken.fetch_add(1, Ordering::Relaxed);
    match client.suffer(stand, Point::Taken, &to)? {
        Next::Done => {}
        Next::Refused => return Ok(true),
        Next::End => return Ok(false),
    }
    client.say(&format!("250 2.0.0 Ok: queued as {connection}"));
    client.flush()?;
    if stand.recorder.keeps() {
        stand.recorder.note(&line(What::Answered));
    }
    Ok(true)
}

fn between(line: &str, open: char, close: char) -> &str {
    line.split_once(open).and_then(|(_, rest)| rest.split_once(close)).map_or("", |(inside, _)| inside)
}

/// The left part of the Message-ID.
fn message_id(message: &[u8]) -> String {
    let head = message.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(message.len());
    // A long field goes on in the next line (RFC 5322 2.2.3).
    let head = String::from_utf8_lossy(&message[..head]).replace("\r\n ", " ");
    let found = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("message-id").then(|| between(value, '<', '@').to_owned())
    });
    found.unwrap_or_default()
}

/// One client. Replies are collected and leave before the next wait, as PIPELINING wants it.
struct Client<'a> {
    input: BufReader<&'a TcpStream>,
    said: Vec<u8>,
}

impl Client<'_> {
    fn say(&mut self, line: &str) {
        self.said.extend_from_slice(line.as_bytes());
        self.said.extend_from_slice(b"\r\n");
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.get_mut().write_all(&self.said)?;
        self.said.clear();
        Ok(())
    }

    fn hear(&mut self) -> io::Result<Option<String>> {
        if self.input.buffer().is_empty() {
            self.flush()?;
        }
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line)?;
        Ok(line.ends_with(b"\n").then(|| String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    /// A message up to its dot, un-stuffed; nothing where the client is gone before.
    fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut message = Vec::new();
        loop {
            let start = message.len();
            self.input.read_until(b'\n', &mut message)?;
            let line = &message[start..];
            if !line.ends_with(b"\n") {
                return Ok(None);
            }
            if line == b".\r\n" {
                message.truncate(start);
                return Ok(Some(message));
            }
            if line.starts_with(b".") {
                message.remove(start);
            }
        }
    }

    /// Does what the faults say.
    fn suffer(&mut self, stand: &Stand, point: Point, who: &str) -> io::Result<Next> {
        for act in stand.faults.at(point, who) {
            match act {
                Act::Delay(time) => {
                    self.flush()?;
                    std::thread::sleep(time);
                }
                Act::Drop => {
                    self.said.clear();
                    return Ok(Next::End);
                }
                Act::Garbage => {
                    self.say("\u{1}\u{2} what is this");
                    return Ok(Next::End);
                }
                Act::Silence => {
                    self.said.clear();
                    self.input.read_to_end(&mut Vec::new())?;
                    return Ok(Next::End);
                }
                Act::Reply(421) => {
                    self.say("421 4.3.2 the witness closes");
                    return Ok(Next::End);
                }
                Act::Reply(code) => {
                    self.say(&format!("{code} {}.7.99 the witness refuses", code / 100));
                    return Ok(Next::Refused);
                }
            }
        }
        Ok(Next::Done)
    }
}
