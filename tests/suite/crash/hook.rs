//! A receiver of webhooks that keeps the id of every request it took.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub struct Hook {
    pub port: u16,
    ids: Arc<Mutex<Vec<String>>>,
}

impl Hook {
    pub async fn start() -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook = Hook { port: listener.local_addr().unwrap().port(), ids: Arc::default() };
        let ids = Arc::clone(&hook.ids);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&ids)));
            }
        });
        hook
    }

    pub fn ids(&self) -> Vec<String> {
        self.ids.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, ids: Arc<Mutex<Vec<String>>>) -> Option<()> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let of = |name: &str| {
            let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
            line.unwrap().split_once(':').unwrap().1.trim().to_owned()
        };
        if body.len() < of("content-length").parse().unwrap() {
            continue;
        }
        ids.lock().unwrap().push(of("webhook-id"));
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.ok()?;
    }
}
