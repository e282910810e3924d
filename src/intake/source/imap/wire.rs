//! The dialogue of IMAP, as far as intake needs it (RFC 3501; RFC 9051 speaks the same here).
//!
//! A response is one line and the literals in it. Every wait has an end, every length a limit, and after any error the
//! connection is thrown away.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::timeout;

/// Anything that carries bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A list of all unread mails may be long.
const MOST_OF_A_LINE: u64 = 4 * 1024 * 1024;
/// Responses to one command beyond these are no answer any more.
const MOST_LINES: usize = 100_000;

/// One response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The line; `{}` stands where a literal was.
    pub line: String,
    /// The literals, in order.
    pub literals: Vec<Vec<u8>>,
}

/// What a command came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// What came before the end.
    pub untagged: Vec<Response>,
    /// The words after OK.
    pub words: String,
}

/// A connection.
pub struct Wire {
    stream: BufReader<Box<dyn Stream>>,
    limit: Duration,
    most: u64,
    tag: u32,
}

impl Wire {
    /// A stream on which nothing was said yet; literals have `most` bytes at the most.
    pub fn new(stream: Box<dyn Stream>, limit: Duration, most: u64) -> Wire {
        Wire { stream: BufReader::new(stream), limit, most, tag: 0 }
    }

    /// The stream, for TLS over it. Fails where the server has said more than it was asked: somebody may be tampering.
    pub fn into_stream(self) -> Result<Box<dyn Stream>, String> {
        if self.stream.buffer().is_empty() {
            Ok(self.stream.into_inner())
        } else {
            Err("the server sent plaintext after its reply to STARTTLS; somebody may be tampering".to_owned())
        }
    }

    /// Says `command` and waits for its end; an error has the server's words, never the command's.
    pub async fn command(&mut self, name: &str, command: &str) -> Result<Answer, String> {
        let tag = self.begin(command).await?;
        self.finish(&tag, name).await
    }

    /// Says `command`; returns its tag.
    pub async fn begin(&mut self, command: &str) -> Result<String, String> {
        self.tag += 1;
        let tag = format!("d{}", self.tag);
        self.send(&format!("{tag} {command}\r\n")).await?;
        Ok(tag)
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, text: &str) -> Result<(), String> {
        let sending = async {
            self.stream.write_all(text.as_bytes()).await?;
            self.stream.flush().await
        };
        match timeout(self.limit, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(self.silent()),
        }
    }

    /// Waits for the end of the command with this tag.
    pub async fn finish(&mut self, tag: &str, name: &str) -> Result<Answer, String> {
        let mut answer = Answer::default();
        loop {
            let response = self.response(self.limit).await?;
            if let Some(end) = response.line.strip_prefix(tag).and_then(|rest| rest.strip_prefix(' ')) {
                let (word, words) = end.split_once(' ').unwrap_or((end, ""));
                if word.eq_ignore_ascii_case("OK") {
                    words.clone_into(&mut answer.words);
                    return Ok(answer);
                }
                return Err(format!("{name}: {}", clean(end)));
            }
            if let Some(words) = response.line.strip_prefix("* BYE") {
                return Err(format!("the server says good-bye: {}", clean(words)));
            }
            if answer.untagged.len() > MOST_LINES {
                return Err(format!("{name}: the answer has no end"));
            }
            answer.untagged.push(response);
        }
    }

    /// The next response, within `limit`.
    pub async fn response(&mut self, limit: Duration) -> Result<Response, String> {
        match timeout(limit, self.read()).await {
            Ok(read) => read,
            Err(_) => Err(self.silent()),
        }
    }

    async fn read(&mut self) -> Result<Response, String> {
        let mut response = Response::default();
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut self.stream).take(MOST_OF_A_LINE);
            let n = limited.read_until(b'\n', &mut line).await.map_err(|error| error.to_string())?;
            if n == 0 {
                return Err("the server closed the connection".to_owned());
            }
            let Some(line) = line.strip_suffix(b"\n") else {
                return Err("the server's line has no end".to_owned());
            };
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
            let Some((before, length)) = literal(&line) else {
                response.line.push_str(&line);
                return Ok(response);
            };
            if length > self.most {
                return Err("the server sends more than it was asked for".to_owned());
            }
            response.line.push_str(before);
            response.line.push_str("{}");
            let mut bytes = Vec::new();
            let read = (&mut self.stream).take(length).read_to_end(&mut bytes).await;
            if read.map_err(|error| error.to_string())? as u64 != length {
                return Err("the server closed the connection".to_owned());
            }
            response.literals.push(bytes);
        }
    }

    fn silent(&self) -> String {
        format!("no answer for {} s", self.limit.as_secs())
    }
}

/// The length of the literal that a line announces at its end, and the line before it.
fn literal(line: &str) -> Option<(&str, u64)> {
    let inner = line.strip_suffix('}')?;
    let (before, length) = inner.rsplit_once('{')?;
    let length = length.strip_suffix('+').unwrap_or(length);
    Some((before, length.parse().ok()?))
}

/// The other side's words, fit for a log.
pub fn clean(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(200).collect::<String>().trim().to_owned()
}

/// A string of IMAP in quotes; nothing where it cannot be written so.
pub fn quoted(text: &str) -> Option<String> {
    if !text.is_ascii() || text.chars().any(char::is_control) {
        return None;
    }
    Some(format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_announced_at_the_end_of_a_line() {
        for (line, expected) in [
            ("* 1 FETCH (BODY[] {12}", Some(("* 1 FETCH (BODY[] ", 12))),
            ("* 1 FETCH (BODY[] {12+}", Some(("* 1 FETCH (BODY[] ", 12))),
            ("* OK {x}", None),
            ("* OK }", None),
            ("* OK {12} x", None),
            ("{99999999999999999999}", None),
        ] {
            assert_eq!(literal(line), expected, "{line}");
        }
    }

    #[test]
    fn strings_are_quoted() {
        for (text, expected) in [
            ("INBOX", Some("\"INBOX\"")),
            ("a\"b\\c", Some("\"a\\\"b\\\\c\"")),
            ("a\r\nb", None),
            ("\u{e5}", None),
        ] {
            assert_eq!(quoted(text).as_deref(), expected);
        }
    }
}
