//! Who may look: the browser that was opened with the printed address, and nobody else.
//!
//! A page of another site can make a browser ask `127.0.0.1` for anything, also under another
//! name (DNS rebinding), and every program on this machine can connect. So every request must
//! name our own host and port exactly, must not come from another origin, and must carry the
//! cookie that only the printed address hands out. What is refused says nothing about the newsroom.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SecureRandom as _;

use crate::digest::Digest;

/// Which of the two origins a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The editors' page and its API.
    Desk,
    /// What was rendered: mails and pages, without scripts.
    Stage,
}

/// What an admitted request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It carries the cookie.
    Enter,
    /// It carries the token of the printed address: it is given the cookie.
    Greet,
}

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// `Host` is missing, doubled, or not ours.
    Host,
    /// Neither GET nor HEAD.
    Method,
    /// It comes from another site, or asks to become something else than HTTP.
    Origin,
    /// No cookie of this start.
    Cookie,
}

/// The rules for one start of the preview.
pub struct Guard {
    desk: u16,
    stage: u16,
    token: String,
}

impl Guard {
    /// Rules for the two ports, with a new token; nothing if the system has no randomness.
    pub fn new(desk: u16, stage: u16) -> Option<Guard> {
        let mut bytes = [0; 24];
        ring::rand::SystemRandom::new().fill(&mut bytes).ok()?;
        Some(Guard { desk, stage, token: URL_SAFE_NO_PAD.encode(bytes) })
    }

    /// The address to open: the only place where the token is shown.
    pub fn address(&self) -> String {
        format!("{}/?token={}", self.origin(Door::Desk), self.token)
    }

    /// `http://127.0.0.1:PORT` of a door.
    pub fn origin(&self, door: Door) -> String {
        format!("http://{}", self.host(door))
    }

    fn host(&self, door: Door) -> String {
        let port = match door {
            Door::Desk => self.desk,
            Door::Stage => self.stage,
        };
        format!("127.0.0.1:{port}")
    }

    /// Cookies do not know ports, so the name carries it: two previews do not disturb each other.
    fn cookie_name(&self) -> String {
        format!("dateline-preview-{}", self.desk)
    }

    /// The `Set-Cookie` value that lets a browser in.
    pub fn cookie(&self) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie_name(), self.token)
    }

    /// Decides about one request.
    pub fn admit(&self, door: Door, request: &Parts) -> Result<Admission, Refusal> {
        self.host_is_ours(door, request)?;
        if request.method != Method::GET && request.method != Method::HEAD {
            return Err(Refusal::Method);
        }
        self.origin_is_ours(door, request)?;
        if self.cookie_is_ours(&request.headers) {
            return Ok(Admission::Enter);
        }
        let greeting = door == Door::Desk
            && request.uri.path() == "/"
            && request
                .uri
                .query()
                .and_then(|query| query.strip_prefix("token="))
                .is_some_and(|t| self.is_token(t));
        if greeting { Ok(Admission::Greet) } else { Err(Refusal::Cookie) }
    }

    fn host_is_ours(&self, door: Door, request: &Parts) -> Result<(), Refusal> {
        let ours = self.host(door);
        let named = only(&request.headers, &header::HOST) == Some(ours.as_str());
        let asked = request.uri.authority().is_none_or(|authority| authority.as_str() == ours);
        let plain = request.uri.scheme_str().is_none_or(|scheme| scheme == "http");
        if named && asked && plain { Ok(()) } else { Err(Refusal::Host) }
    }

    /// `Origin`, where it is sent, must be our own. `Sec-Fetch-*`, which browsers since 2023 always
    /// send and pages cannot forge, must say that our own page asked, or that a person did.
    fn origin_is_ours(&self, door: Door, request: &Parts) -> Result<(), Refusal> {
        let headers = &request.headers;
        if headers.contains_key(header::UPGRADE) {
            return Err(Refusal::Origin);
        }
        if headers.contains_key(header::ORIGIN) && only(headers, &header::ORIGIN) != Some(&self.origin(door))
        {
            return Err(Refusal::Origin);
        }
        let site = HeaderName::from_static("sec-fetch-site");
        if !headers.contains_key(&site) {
            return Ok(());
        }
        let said = |name: &'static str| only(headers, &HeaderName::from_static(name));
        let navigates = said("sec-fetch-mode") == Some("navigate");
        let tab = navigates && said("sec-fetch-dest") == Some("document");
        let frame = navigates && said("sec-fetch-dest") == Some("iframe");
        let fine = match only(headers, &site) {
            Some("same-origin") => true,
            Some("none") => tab,
            // Ports do not part sites: the desk's page frames the stage. Who else tries is stopped
            // by `frame-ancestors`.
            Some("same-site") => tab || (frame && door == Door::Stage),
            // A person may follow a link in a terminal that is a web page; the cookie decides.
            Some("cross-site") => tab && door == Door::Desk,
            _ => false,
        };
        if fine { Ok(()) } else { Err(Refusal::Origin) }
    }

    fn cookie_is_ours(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie_name();
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(key, value)| key == name && self.is_token(value))
    }

    /// Compares digests, so that the time it takes says nothing about the token.
    fn is_token(&self, text: &str) -> bool {
        Digest::of(text.as_bytes()) == Digest::of(self.token.as_bytes())
    }
}

/// The value of a header that is there exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

impl Refusal {
    /// The answer's status.
    pub fn status(self) -> StatusCode {
        match self {
            Refusal::Host => StatusCode::MISDIRECTED_REQUEST,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Origin | Refusal::Cookie => StatusCode::FORBIDDEN,
        }
    }

    /// What a person reads.
    pub fn words(self) -> &'static str {
        match self {
            Refusal::Host => "This preview answers only to the address that `dateline preview` printed.\n",
            Refusal::Method => "This preview only shows; nothing here can be changed.\n",
            Refusal::Origin => "This preview does not answer other sites.\n",
            Refusal::Cookie => {
                "Open the address that `dateline preview` printed; it is a new one after every start.\n"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn guard() -> Guard {
        Guard { desk: 4100, stage: 4101, token: "secret".to_owned() }
    }

    const GOOD: &str = "Host: 127.0.0.1:4100|Cookie: dateline-preview-4100=secret";

    #[track_caller]
    fn check(door: Door, target: &str, headers: &str, expected: Result<Admission, Refusal>) {
        let mut request = Request::builder().uri(target);
        for header in headers.split('|').filter(|header| !header.is_empty()) {
            let (name, value) = header.split_once(':').unwrap();
            request = request.header(name, value.trim());
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(guard().admit(door, &parts), expected, "{door:?} {target} {headers}");
    }

    #[test]
    fn the_printed_address_hands_out_the_cookie() {
        let host = "Host: 127.0.0.1:4100";
        check(Door::Desk, "/?token=secret", host, Ok(Admission::Greet));
        for wrong in
            ["/", "/?token=", "/?token=Secret", "/?token=secret2", "/x?token=secret", "/?a=1&token=secret"]
        {
            check(Door::Desk, wrong, host, Err(Refusal::Cookie));
        }
        check(Door::Stage, "/?token=secret", "Host: 127.0.0.1:4101", Err(Refusal::Cookie));
    }

    #[test]
    fn only_our_own_host_is_answered() {
        check(Door::Desk, "/", GOOD, Ok(Admission::Enter));
        check(Door::Desk, "http://127.0.0.1:4100/", GOOD, Ok(Admission::Enter));
        check(Door::Desk, "http://evil.test/", GOOD, Err(Refusal::Host));
        check(Door::Desk, "https://127.0.0.1:4100/", GOOD, Err(Refusal::Host));
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:4101",
            "127.0.0.1:41000",
            "localhost:4100",
            "evil.test:4100",
            "127.0.0.1:4100.evil.test",
            "evil.test@127.0.0.1:4100",
            "[::1]:4100",
            "127.1:4100",
            "0.0.0.0:4100",
            "2130706433:4100",
            "127.0.0.1:4100, evil.test",
        ] {
            let headers = format!("Host: {host}|Cookie: dateline-preview-4100=secret");
            check(Door::Desk, "/", &headers, Err(Refusal::Host));
        }
        check(Door::Desk, "/", "Cookie: dateline-preview-4100=secret", Err(Refusal::Host));
        check(Door::Desk, "/", &format!("{GOOD}|Host: 127.0.0.1:4100"), Err(Refusal::Host));
    }

    #[test]
    fn other_origins_are_refused() {
        for (origin, fine) in [
            ("http://127.0.0.1:4100", true),
            ("http://127.0.0.1:4101", false),
            ("http://localhost:4100", false),
            ("https://127.0.0.1:4100", false),
            ("http://127.0.0.1:4100.evil.test", false),
            ("http://evil.test", false),
            ("null", false),
            ("", false),
        ] {
            let expected = if fine { Ok(Admission::Enter) } else { Err(Refusal::Origin) };
            check(Door::Desk, "/api/newsroom", &format!("{GOOD}|Origin: {origin}"), expected);
        }
        check(Door::Desk, "/api/events", &format!("{GOOD}|Upgrade: websocket"), Err(Refusal::Origin));
    }

    #[test]
    fn fetch_metadata_must_say_that_we_or_a_person_asked() {
        let stage = "Host: 127.0.0.1:4101|Cookie: dateline-preview-4100=secret";
        for (site, mode, dest, desk, on_stage) in [
            ("same-origin", "cors", "empty", true, true),
            ("same-origin", "no-cors", "script", true, true),
            ("same-origin", "navigate", "iframe", true, true),
            ("none", "navigate", "document", true, true),
            ("none", "no-cors", "image", false, false),
            ("none", "navigate", "iframe", false, false),
            ("same-site", "navigate", "document", true, true),
            ("same-site", "navigate", "iframe", false, true),
            ("same-site", "cors", "empty", false, false),
            ("same-site", "no-cors", "image", false, false),
            ("cross-site", "navigate", "document", true, false),
            ("cross-site", "navigate", "iframe", false, false),
            ("cross-site", "navigate", "object", false, false),
            ("cross-site", "no-cors", "script", false, false),
            ("cross-site", "cors", "empty", false, false),
            ("cross-site", "websocket", "websocket", false, false),
            ("same-origin, cross-site", "cors", "empty", false, false),
            ("", "cors", "empty", false, false),
        ] {
            let fetch = format!("Sec-Fetch-Site: {site}|Sec-Fetch-Mode: {mode}|Sec-Fetch-Dest: {dest}");
            let answer = |fine: bool| if fine { Ok(Admission::Enter) } else { Err(Refusal::Origin) };
            check(Door::Desk, "/", &format!("{GOOD}|{fetch}"), answer(desk));
            check(Door::Stage, "/", &format!("{stage}|{fetch}"), answer(on_stage));
        }
    }

    #[test]
    fn only_the_cookie_of_this_start_counts() {
        for (cookie, fine) in [
            ("dateline-preview-4100=secret", true),
            ("a=b; dateline-preview-4100=secret; c=d", true),
            ("dateline-preview-4100=old; dateline-preview-4100=secret", true),
            ("dateline-preview-4100=old", false),
            ("dateline-preview-4101=secret", false),
            ("xdateline-preview-4100=secret", false),
            ("dateline-preview-4100=", false),
            ("dateline-preview-4100", false),
            ("secret", false),
            ("", false),
        ] {
            let expected = if fine { Ok(Admission::Enter) } else { Err(Refusal::Cookie) };
            check(Door::Desk, "/", &format!("Host: 127.0.0.1:4100|Cookie: {cookie}"), expected);
        }
    }

    #[test]
    fn tokens_are_long_and_new_at_every_start() {
        let (a, b) = (Guard::new(1, 2).unwrap(), Guard::new(1, 2).unwrap());
        assert_eq!(a.token.len(), 32);
        assert_ne!(a.token, b.token);
    }
}
