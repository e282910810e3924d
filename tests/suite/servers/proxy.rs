//! A way to a server on which answers are spoilt. One request a connection, so that each is seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::world::Fault;

/// A way to `server` on which the answer to the request number `at` that is no GET meets `fault`.
pub async fn spoiling(server: &str, fault: Fault, at: usize) -> String {
    let server: url::Url = server.parse().unwrap();
    let upstream = format!("127.0.0.1:{}", server.port().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut way = server.clone();
    way.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((here, _)) = listener.accept().await {
            tokio::spawn(pass_on(here, upstream.clone(), fault, at, Arc::clone(&count)));
        }
    });
    way.as_str().trim_end_matches('/').to_owned()
}

async fn pass_on(
    mut here: TcpStream,
    upstream: String,
    fault: Fault,
    at: usize,
    count: Arc<AtomicUsize>,
) -> Option<()> {
    let asked = request(&mut here).await?;
    let spoilt = !asked.starts_with(b"GET ") && count.fetch_add(1, Ordering::SeqCst) + 1 == at;
    let fault = if spoilt { fault } else { Fault::None };
    let broken = b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    if fault == Fault::Breaks {
        return here.write_all(broken).await.ok();
    }
    if fault == Fault::Slow {
        // Nothing more comes from who asked, but its end.
        let _ = here.read(&mut [0; 1]).await;
    }
    let mut there = TcpStream::connect(upstream).await.ok()?;
    there.write_all(&asked).await.ok()?;
    let mut answer = Vec::new();
    // Until the server closes; some end it with a reset.
    while there.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {}
    let shown: &[u8] = match fault {
        Fault::Lost | Fault::Slow => &[],
        Fault::Broken => answer.get(..20).unwrap_or_default(),
        Fault::Says500 => broken,
        _ => &answer,
    };
    here.write_all(shown).await.ok()
}

/// A whole request, which asks the server to close after its answer.
async fn request(here: &mut TcpStream) -> Option<Vec<u8>> {
    let mut asked = Vec::new();
    loop {
        if here.read_buf(&mut asked).await.ok()? == 0 {
            return None;
        }
        let Some(head) = asked.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&asked[..head]).to_lowercase();
        let length =
            text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        let whole = match length {
            None if text.contains("\r\ntransfer-encoding:") => asked.ends_with(b"0\r\n\r\n"),
            length => asked.len() >= head + 4 + length.unwrap_or(0),
        };
        if whole {
            let first = asked.windows(2).position(|two| two == b"\r\n")?;
            asked.splice(first..first, *b"\r\nconnection: close");
            return Some(asked);
        }
    }
}
