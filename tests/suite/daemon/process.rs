//! The daemon as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::room::{Room, command, until};

pub struct Process {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
}

impl Process {
    pub fn start(room: &Room, more: &[&str]) -> Process {
        Process::start_with(room, more, &[])
    }

    /// With variables of its environment.
    pub fn start_with(room: &Room, more: &[&str], variables: &[(&str, &str)]) -> Process {
        let mut arguments = vec!["daemon", "--listen", "127.0.0.1:0", "--log", "json"];
        arguments.extend(more);
        let mut child = command(room.dir(), &arguments)
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log: Arc<Mutex<Vec<String>>> = Arc::default();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| kept.lock().unwrap().push(line))
        });
        Process { child, log }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// The first line of the log that holds all `words`.
    pub async fn says(&self, words: &[&str]) -> String {
        until(&format!("{words:?} in the log {:#?}", self.log()), || {
            self.log().into_iter().find(|line| words.iter().all(|word| line.contains(word)))
        })
        .await
    }

    async fn address(&self) -> String {
        let line = self.says(&["serving health and metrics"]).await;
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        line["address"].as_str().unwrap().to_owned()
    }

    /// Asks its HTTP; returns status and body.
    pub async fn ask(&self, request: &str, header: &str) -> (u16, String) {
        let address = self.address().await;
        self.exchange(&address, &address, request, header)
    }

    /// The same under another name.
    pub async fn ask_as(&self, request: &str, host: &str) -> (u16, String) {
        let address = self.address().await;
        self.exchange(&address, host, request, "")
    }

    fn exchange(&self, address: &str, host: &str, request: &str, header: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{header}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub async fn ready(&self) -> serde_json::Value {
        serde_json::from_str(&self.ask("GET /readyz", "").await.1).unwrap()
    }

    /// Waits until it has issued from `revision`.
    pub async fn follows(&self, revision: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.ready().await["revision"] != revision {
            assert!(Instant::now() < deadline, "{revision} is not followed: {:#?}", self.log());
        }
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Asks it to stop and waits for its end.
    pub async fn end(mut self) -> (ExitStatus, Vec<String>) {
        self.signal("TERM");
        let status = until("its end", || self.child.try_wait().unwrap()).await;
        (status, self.log())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
