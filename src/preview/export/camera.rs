//! Pictures of documents, taken by Chromium without a window, spoken to in its DevTools protocol over a socket of this machine.
//!
//! It is started once and ended with this value. Whatever goes wrong is told in words; no picture is better than none of
//! the bundle. The documents run no scripts, and the browser can reach no other machine.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What it is called where.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
/// So long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most of a document that is in its picture, in pixels.
const TALL: u64 = 2400;
/// What is said when a document and its pictures are there.
const LOADED: &str = "Page.loadEventFired";
/// The largest answer that is taken.
const MOST: usize = 64 << 20;

/// A browser that takes pictures.
pub struct Camera {
    browser: Child,
    socket: TcpStream,
    asked: u64,
    /// Whether the document that was asked for is there.
    loaded: bool,
    _profile: Profile,
}

/// The browser's own folder, gone with it.
struct Profile(std::path::PathBuf);

impl Drop for Profile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Camera {
    /// Starts Chromium; words where there is none.
    pub fn open() -> Result<Camera, String> {
        let profile = std::env::temp_dir().join(format!("dateline-camera-{}", std::process::id()));
        std::fs::create_dir_all(&profile)
            .map_err(|error| format!("cannot make a folder for Chromium: {error}"))?;
        let profile = Profile(profile);
        let mut browser = NAMES
            .iter()
            .find_map(|name| start(name, &profile.0).ok())
            .ok_or("there is no Chromium here, so there are no pictures")?;
        let trouble = |error: std::io::Error| format!("Chromium cannot be spoken to: {error}");
        let stderr = browser.stderr.take().ok_or("Chromium says nothing")?;
        let mut lines = BufReader::new(stderr).lines();
        let port: Option<u16> = lines.find_map(|line| {
            let line = line.ok()?;
            line.split("DevTools listening on ws://127.0.0.1:").nth(1)?.split('/').next()?.parse().ok()
        });
        // Whatever else it says must be read, or it would wait for us.
        std::thread::spawn(move || lines.for_each(drop));
        let Some(port) = port else {
            end(&mut browser);
            return Err("Chromium ended before it listened".to_owned());
        };
        let opened = page(port).and_then(|path| connect(port, &path));
        match opened {
            Ok(socket) => Ok(Camera { browser, socket, asked: 0, loaded: false, _profile: profile }),
            Err(error) => {
                end(&mut browser);
                Err(trouble(error))
            }
        }
    }

    /// A PNG of the document in `file`, on a screen that is `wide` pixels wide.
    pub fn take(&mut self, file: &Path, wide: u64) -> Result<Vec<u8>, String> {
        let absolute = std::path::absolute(file).map_err(|error| error.to_string())?;
        let screen =
            |height: u64| json!({ "width": wide, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", &screen(900))?;
        let address = url::Url::from_file_path(&absolute).map_err(|()| "the bundle's path is no address")?;
        self.ask("Page.enable", &json!({}))?;
        self.loaded = false;
        self.ask("Page.navigate", &json!({ "url": address.as_str() }))?;
        if !self.loaded {
            self.until(|said| said.get("method").and_then(Value::as_str) == Some(LOADED))?;
        }
        let size = self.ask("Page.getLayoutMetrics", &json!({}))?;
        let height = size.pointer("/cssContentSize/height").and_then(Value::as_f64).unwrap_or(900.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "pixels of a page")]
        let height = (height as u64).clamp(120, TALL);
        self.ask("Emulation.setDeviceMetricsOverride", &screen(height))?;
        let shot = self.ask("Page.captureScreenshot", &json!({ "format": "png" }))?;
        let data = shot.get("data").and_then(Value::as_str).ok_or("Chromium took no picture")?;
        STANDARD.decode(data).map_err(|error| format!("Chromium's picture is broken: {error}"))
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        self.asked += 1;
        let id = self.asked;
        let text = json!({ "id": id, "method": method, "params": params }).to_string();
        // One frame, masked with nothing (RFC 6455 5.3 asks for a mask; Chromium needs no good one).
        let mut frame = vec![0x81, 0xff];
        frame.extend((text.len() as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.socket.write_all(&frame).map_err(|error| format!("Chromium does not listen: {error}"))?;
        self.until(|said| said.get("id").and_then(Value::as_u64) == Some(id))
            .map(|said| said.get("result").cloned().unwrap_or_default())
    }

    /// What is said first of what is waited for.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Result<Value, String> {
        loop {
            let bytes = self.read().map_err(|error| format!("Chromium does not answer: {error}"))?;
            let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            self.loaded |= said.get("method").and_then(Value::as_str) == Some(LOADED);
            if wanted(&said) {
                return Ok(said);
            }
        }
    }

    fn read(&mut self) -> std::io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        loop {
            let mut head = [0; 2];
            self.socket.read_exact(&mut head)?;
            let [first, second] = head;
            let length = match second & 0x7f {
                126 => {
                    let mut long = [0; 2];
                    self.socket.read_exact(&mut long)?;
                    usize::from(u16::from_be_bytes(long))
                }
                127 => {
                    let mut long = [0; 8];
                    self.socket.read_exact(&mut long)?;
                    usize::try_from(u64::from_be_bytes(long)).unwrap_or(usize::MAX)
                }
                short => usize::from(short),
            };
            if length > MOST || whole.len() + length > MOST {
                return Err(std::io::Error::other("an answer that is too long"));
            }
            let mut part = vec![0; length];
            self.socket.read_exact(&mut part)?;
            whole.extend(part);
            if first & 0x80 != 0 {
                return Ok(whole);
            }
        }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        end(&mut self.browser);
    }
}

fn end(browser: &mut Child) {
    let _ = browser.kill();
    let _ = browser.wait();
}

fn start(name: &str, profile: &Path) -> std::io::Result<Child> {
    let mut command = Command::new(name);
    command
        .args([
            "--headless",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            "--disable-background-networking",
        ])
        .args(["--disable-component-update", "--disable-sync", "--remote-debugging-port=0"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        .arg(format!("--user-data-dir={}", profile.display()));
    // It refuses to keep its own sandbox for root.
    if rustix::process::geteuid().is_root() {
        command.arg("--no-sandbox");
    }
    command.arg("about:blank").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
}

/// The path of the first tab's own socket.
fn page(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /json/list HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    // It keeps the connection whatever is asked for, so its length says where the answer ends.
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; std::cmp::min(length, MOST)];
    reader.read_exact(&mut body)?;
    let list: Value = serde_json::from_slice(&body).unwrap_or_default();
    let tabs = list.as_array().into_iter().flatten();
    let mut tabs = tabs.filter(|target| target.get("type").and_then(Value::as_str) == Some("page"));
    let address = tabs.find_map(|target| target.get("webSocketDebuggerUrl")?.as_str());
    let path = address.and_then(|address| address.splitn(4, '/').nth(3));
    path.map(|path| format!("/{path}")).ok_or_else(|| std::io::Error::other("it has no page"))
}

fn connect(port: u16, path: &str) -> std::io::Result<TcpStream> {
    let mut socket = TcpStream::connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    write!(
        socket,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(socket)
}
