//! Bytes to and from a server, with a limit on every wait.
//!
//! Nothing here knows what SMTP means beyond "a reply". Every function either finishes or leaves the
//! wire unusable; [`super::session`] keeps track of which.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::reply::{self, Garbage, SmtpReply};

/// Anything that carries bytes both ways: TCP, TLS over it, or a pipe in memory.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// The most bytes written under one time limit (RFC 5321 §4.5.3.2.5 speaks of "a chunk").
pub const BLOCK: usize = 64 * 1024;

/// How waiting for the other side ended.
#[derive(Debug)]
pub enum WireError {
    /// Nothing came, or nothing was taken, in time.
    Silent(Duration),
    /// The other side hung up.
    Closed,
    /// The operating system or TLS says no.
    Io(io::Error),
    /// What came is no reply.
    Garbage(Garbage),
    /// Something came that nobody had asked for.
    Unasked,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WireError::Silent(limit) => write!(f, "no answer for {} s", limit.as_secs()),
            WireError::Closed => f.write_str("the server closed the connection"),
            WireError::Io(error) => write!(f, "{error}"),
            WireError::Garbage(garbage) => write!(f, "{}: {}", garbage.why, garbage.text),
            WireError::Unasked => f.write_str("the server spoke out of turn"),
        }
    }
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> WireError {
        use io::ErrorKind as Kind;
        match error.kind() {
            // TLS reports a peer that hangs up without close_notify as an unexpected end.
            Kind::UnexpectedEof | Kind::ConnectionReset | Kind::BrokenPipe | Kind::ConnectionAborted => {
                WireError::Closed
            }
            _ => WireError::Io(error),
        }
    }
}

/// A stream, and what has been read from it but not yet understood.
pub struct Wire {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
}

impl Wire {
    /// Takes a stream on which nothing has been said yet.
    pub fn new(stream: Box<dyn Stream>) -> Wire {
        Wire { stream, input: Vec::with_capacity(512) }
    }

    /// Writes all of `bytes`; the limit holds for each block of 64 KiB.
    pub async fn send(&mut self, bytes: &[u8], limit: Duration) -> Result<(), WireError> {
        for block in bytes.chunks(BLOCK) {
            match timeout(limit, self.stream.write_all(block)).await {
                Ok(written) => written?,
                Err(_) => return Err(WireError::Silent(limit)),
            }
        }
        match timeout(limit, self.stream.flush()).await {
            Ok(flushed) => Ok(flushed?),
            Err(_) => Err(WireError::Silent(limit)),
        }
    }

    /// Reads one reply; the limit holds for all of it.
    pub async fn reply(&mut self, limit: Duration) -> Result<SmtpReply, WireError> {
        match timeout(limit, self.read()).await {
            Ok(reply) => reply,
            Err(_) => Err(WireError::Silent(limit)),
        }
    }

    async fn read(&mut self) -> Result<SmtpReply, WireError> {
        loop {
            if let Some((reply, taken)) = reply::parse(&self.input).map_err(WireError::Garbage)? {
                self.input.drain(..taken);
                return Ok(reply);
            }
            let mut block = [0; 2048];
            let read = self.stream.read(&mut block).await?;
            if read == 0 {
                return Err(WireError::Closed);
            }
            self.input.extend_from_slice(block.get(..read).unwrap_or_default());
        }
    }

    /// Waits until the server hangs up, whatever it says before; no longer than the limit.
    pub async fn ended(&mut self, limit: Duration) {
        let mut block = [0; 512];
        let ended = async { while self.stream.read(&mut block).await.is_ok_and(|read| read > 0) {} };
        let _ = timeout(limit, ended).await;
    }

    /// Makes sure that the server waits for us: nothing is buffered, nothing has arrived, and it has
    /// not hung up. Does not wait. What has arrived stays readable by [`Wire::reply`].
    pub async fn quiet(&mut self) -> Result<(), WireError> {
        let mut block = [0; 512];
        let seen = poll_fn(|context| {
            let mut buffer = ReadBuf::new(&mut block);
            Poll::Ready(match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Pending => None,
                Poll::Ready(read) => Some(read.map(|()| buffer.filled().len())),
            })
        })
        .await;
        match seen {
            None if self.input.is_empty() => Ok(()),
            None => Err(WireError::Unasked),
            Some(Err(error)) => Err(error.into()),
            Some(Ok(0)) => Err(WireError::Closed),
            Some(Ok(read)) => {
                self.input.extend_from_slice(block.get(..read).unwrap_or_default());
                Err(WireError::Unasked)
            }
        }
    }

    /// Whether everything that was read has been understood.
    pub fn is_drained(&self) -> bool {
        self.input.is_empty()
    }

    /// Gives the stream back for a TLS handshake.
    ///
    /// Fails where plaintext follows the reply to STARTTLS: somebody on the way may have put
    /// it there to be taken for the server's words after the handshake (CVE-2021-38371 and kin).
    pub fn into_stream(self) -> Result<Box<dyn Stream>, WireError> {
        if self.input.is_empty() { Ok(self.stream) } else { Err(WireError::Unasked) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn replies_come_through_at_every_split() {
        let text = b"250-one\r\n250 two\r\n354 go\r\n";
        for at in 0..=text.len() {
            let (ours, mut theirs) = tokio::io::duplex(64);
            let mut wire = Wire::new(Box::new(ours));
            let writer = tokio::spawn(async move {
                theirs.write_all(&text[..at]).await.unwrap();
                tokio::task::yield_now().await;
                theirs.write_all(&text[at..]).await.unwrap();
            });
            assert_eq!(wire.reply(LONG).await.unwrap().lines, ["one", "two"], "{at}");
            assert_eq!(wire.reply(LONG).await.unwrap().code, 354, "{at}");
            assert!(matches!(wire.reply(LONG).await, Err(WireError::Closed)), "{at}");
            writer.await.unwrap();
        }
    }

    #[tokio::test]
    async fn silence_has_an_end() {
        let (ours, theirs) = tokio::io::duplex(16);
        let mut wire = Wire::new(Box::new(ours));
        let short = Duration::from_millis(5);
        assert!(matches!(wire.reply(short).await, Err(WireError::Silent(_))));
        assert!(matches!(wire.send(&[0; 100], short).await, Err(WireError::Silent(_))));
        drop(theirs);
    }

    #[tokio::test]
    async fn words_out_of_turn_are_noticed_and_kept() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut wire = Wire::new(Box::new(ours));
        wire.quiet().await.unwrap();
        theirs.write_all(b"421 bye\r\n").await.unwrap();
        assert!(matches!(wire.quiet().await, Err(WireError::Unasked)));
        assert!(!wire.is_drained());
        assert_eq!(wire.reply(LONG).await.unwrap().code, 421);
        drop(theirs);
        assert!(matches!(wire.quiet().await, Err(WireError::Closed)));
    }

    #[tokio::test]
    async fn nothing_may_follow_the_reply_to_starttls() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut wire = Wire::new(Box::new(ours));
        theirs.write_all(b"220 go\r\n250 injected\r\n").await.unwrap();
        assert_eq!(wire.reply(LONG).await.unwrap().code, 220);
        assert!(matches!(wire.into_stream(), Err(WireError::Unasked)));
    }
}
