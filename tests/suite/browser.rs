//! A real browser for the tests that need one: Chromium, without a window, spoken to in its DevTools protocol.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A headless Chromium with one tab, spoken to in its DevTools protocol.
pub struct Tab {
    browser: Child,
    socket: TcpStream,
    asked: u64,
    /// What the console and the security policies said.
    pub complaints: Vec<String>,
    /// What was traced, as far as it has been told, and whether all of it has.
    traced: (Vec<Value>, bool),
    _profile: tempfile::TempDir,
}

impl Tab {
    /// Opens one; nothing where there is no Chromium.
    pub fn open(extra: &[String]) -> Option<Tab> {
        let profile = tempfile::tempdir().unwrap();
        let browser = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--remote-debugging-port=0",
                "--window-size=1440,900",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(extra)
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut browser = match browser {
            Ok(browser) => browser,
            Err(error) => {
                eprintln!(
                    "skipped: chromium cannot be started ({error}); `apt-get install chromium` brings it"
                );
                return None;
            }
        };
        let mut lines = BufReader::new(browser.stderr.take().unwrap()).lines();
        let port: u16 = lines
            .find_map(|line| {
                let line = line.ok()?;
                let address = line.split("DevTools listening on ws://127.0.0.1:").nth(1)?;
                address.split('/').next()?.parse().ok()
            })
            .unwrap();
        // Whatever else it says must be read, or it would wait for us.
        std::thread::spawn(move || lines.for_each(drop));
        let path = page(port);
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        write!(
            socket,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let traced = (Vec::new(), false);
        let mut tab = Tab { browser, socket, asked: 0, complaints: Vec::new(), traced, _profile: profile };
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            tab.call(domain, &json!({}));
        }
        Some(tab)
    }

    /// Asks for something and waits for the answer.
    pub fn call(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        let text = json!({ "id": id, "method": method, "params": params }).to_string();
        // One frame, masked with nothing (RFC 6455 5.2 asks for a mask, not for a good one).
        let mut frame = vec![0x81, 0xff];
        frame.extend((text.len() as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.socket.write_all(&frame).unwrap();
        loop {
            let said: Value = serde_json::from_slice(&self.read()).unwrap();
            if said["id"] == id {
                return said["result"].clone();
            }
            self.hear(said);
        }
    }

    /// Takes in what was not asked for.
    fn hear(&mut self, mut said: Value) {
        match said["method"].as_str() {
            Some("Log.entryAdded" | "Runtime.exceptionThrown") => {
                self.complaints.push(said["params"].to_string());
            }
            Some("Tracing.dataCollected") => {
                self.traced.0.append(said["params"]["value"].as_array_mut().unwrap());
            }
            Some("Tracing.tracingComplete") => self.traced.1 = true,
            _ => {}
        }
    }

    fn read(&mut self) -> Vec<u8> {
        let mut whole = Vec::new();
        loop {
            let mut head = [0; 2];
            self.socket.read_exact(&mut head).unwrap();
            let mut long = [0; 8];
            let length = match head[1] & 0x7f {
                126 => {
                    self.socket.read_exact(&mut long[6..]).unwrap();
                    u64::from_be_bytes(long)
                }
                127 => {
                    self.socket.read_exact(&mut long).unwrap();
                    u64::from_be_bytes(long)
                }
                short => u64::from(short),
            };
            let mut part = vec![0; usize::try_from(length).unwrap()];
            self.socket.read_exact(&mut part).unwrap();
            whole.extend(part);
            if head[0] & 0x80 != 0 {
                return whole;
            }
        }
    }

    pub fn visit(&mut self, address: &str) {
        self.call("Page.navigate", &json!({ "url": address }));
    }

    pub fn evaluate(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        self.call("Runtime.evaluate", &params)["result"]["value"].clone()
    }

    /// The page and all frames of its site: their ids and addresses.
    fn frames(&mut self) -> Vec<(Value, String)> {
        fn below(tree: &Value, found: &mut Vec<(Value, String)>) {
            let frame = &tree["frame"];
            found.push((frame["id"].clone(), frame["url"].as_str().unwrap_or_default().to_owned()));
            for child in tree["childFrames"].as_array().into_iter().flatten() {
                below(child, found);
            }
        }
        let mut found = Vec::new();
        below(&self.call("Page.getFrameTree", &json!({}))["frameTree"], &mut found);
        found
    }

    /// What `script` gives in a frame, in a world of its own: beside what the frame itself may run.
    fn inside(&mut self, frame: &Value, script: &str) -> Value {
        let world = self.call("Page.createIsolatedWorld", &json!({ "frameId": frame, "worldName": "tests" }));
        let params = json!({
            "expression": script,
            "contextId": world["executionContextId"],
            "awaitPromise": true,
            "returnByValue": true,
        });
        self.call("Runtime.evaluate", &params)["result"]["value"].clone()
    }

    /// What `script` gives in the frame whose address holds `part`; nothing where there is none.
    pub fn within(&mut self, part: &str, script: &str) -> Value {
        let found = self.frames().into_iter().find(|(_, address)| address.contains(part));
        found.map_or(Value::Null, |(frame, _)| self.inside(&frame, script))
    }

    /// What stands in the page and in all frames of its site.
    pub fn seen(&mut self) -> String {
        let mut text = String::new();
        for (frame, _) in self.frames() {
            // A frame may go while it is asked.
            let said = self.inside(&frame, "document.body ? document.body.innerText : ''");
            text.push_str(said.as_str().unwrap_or_default());
            text.push('\n');
        }
        text
    }

    /// Waits until the page or a frame in it says `words`.
    #[track_caller]
    pub fn until_seen(&mut self, words: &str) {
        let began = Instant::now();
        loop {
            let text = self.seen();
            if text.contains(words) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(40), "{words}\n{text}\n{:?}", self.complaints);
        }
    }

    /// Presses a key, as a person would: `j`, `Enter`, `Escape`, `Tab`.
    pub fn press(&mut self, key: &str) {
        let text = match key {
            "Enter" => "\r",
            _ if key.chars().count() == 1 => key,
            _ => "",
        };
        let code = match key {
            "Enter" => 13,
            "Escape" => 27,
            "Tab" => 9,
            _ => 0,
        };
        let mut params = json!({ "type": "keyDown", "key": key, "windowsVirtualKeyCode": code });
        if !text.is_empty() {
            params["text"] = json!(text);
        }
        self.call("Input.dispatchKeyEvent", &params);
        params["type"] = json!("keyUp");
        self.call("Input.dispatchKeyEvent", &params);
    }

    /// Waits until `script` is true.
    #[track_caller]
    pub fn until(&mut self, script: &str) {
        let began = Instant::now();
        while self.evaluate(script) != json!(true) {
            if began.elapsed() > Duration::from_secs(40) {
                let text = self.evaluate("document.body && document.body.innerText");
                panic!("{script}\n{text}\n{:?}", self.complaints);
            }
        }
    }
}

#[allow(dead_code, reason = "it is for benches/preview.rs, which has this file as well")]
impl Tab {
    /// Begins to note what Chromium does, in these categories of its traces.
    pub fn trace(&mut self, categories: &[&str]) {
        let config = json!({ "includedCategories": categories, "excludedCategories": ["*"] });
        self.call("Tracing.start", &json!({ "transferMode": "ReportEvents", "traceConfig": config }));
    }

    /// Ends it: what was noted.
    pub fn traced(&mut self) -> Vec<Value> {
        self.traced = (Vec::new(), false);
        self.call("Tracing.end", &json!({}));
        while !self.traced.1 {
            let said = serde_json::from_slice(&self.read()).unwrap();
            self.hear(said);
        }
        std::mem::take(&mut self.traced.0)
    }
}

/// The path of the tab's own socket.
fn page(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET /json/list HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").unwrap();
    // It keeps the connection whatever is asked for, so its length says where the answer ends.
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let list: Value = serde_json::from_slice(&body).unwrap();
    let page = list.as_array().unwrap().iter().find(|target| target["type"] == "page").unwrap();
    let address = page["webSocketDebuggerUrl"].as_str().unwrap();
    format!("/{}", address.splitn(4, '/').nth(3).unwrap())
}

impl Drop for Tab {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}
