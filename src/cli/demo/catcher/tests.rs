use std::net::{IpAddr, Ipv4Addr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

async fn catcher(options: Options) -> Catcher {
    let clock = Clock::fixed("2026-12-01T08:00:00Z".parse().unwrap());
    Catcher::start(HERE, HERE, clock, options).await.unwrap()
}

/// Says everything at once and returns the replies' codes.
async fn say(catcher: &Catcher, lines: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", catcher.smtp_port())).await.unwrap();
    stream.write_all(format!("{}\r\nQUIT\r\n", lines.join("\r\n")).as_bytes()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    said.lines()
        .filter(|line| line.as_bytes().get(3) == Some(&b' '))
        .map(|line| line[..3].to_owned())
        .collect()
}

/// Fetches a page; status line, headers and body as they come.
async fn get(catcher: &Catcher, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", catcher.web_port())).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    said
}

const MAIL: &str = "From: Halden Motors Press <press@halden.example>\r\n\
To: =?utf-8?q?J=C3=B6rg_Roe?= <jorg@paper.example>\r\n\
Subject: Aster <b>EV</b>\r\nDate: Tue, 1 Dec 2026 08:00:00 +0000\r\nMessage-ID: <k@halden.example>\r\n\
List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nMIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=m\r\n\r\n\
--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n\
--a\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
620=C2=A0km on one charge\r\n..hidden\r\n\
--a\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
<p onclick=\"alert(1)\">620 km <img src=\"https://news.halden.example/a.jpg\"><script>alert(1)</script></p>\r\n\
--a--\r\n\
--m\r\nContent-Type: text/calendar; charset=utf-8\r\nContent-Disposition: attachment; filename=\"../launch \\\"x.ics\"\r\n\r\n\
BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n--m--";

async fn caught() -> (Catcher, String) {
    let site = Some(("https://news.halden.example".to_owned(), "http://127.0.0.1:4100/".to_owned()));
    let catcher = catcher(Options { site, ..Options::default() }).await;
    let codes = say(
        &catcher,
        &[
            "EHLO me",
            "MAIL FROM:<press@halden.example> SIZE=900",
            "RCPT TO:<jorg@paper.example>",
            "DATA",
            MAIL,
            ".",
        ],
    )
    .await;
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "221"]);
    let host = format!("127.0.0.1:{}", catcher.web_port());
    (catcher, host)
}

#[tokio::test]
async fn a_mail_is_kept_as_it_came() {
    let (catcher, _) = caught().await;
    let mails = catcher.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].from.as_str(), mails[0].to.as_slice()),
        ("press@halden.example", &["jorg@paper.example".to_owned()][..])
    );
    let expected = format!("{}\r\n", MAIL.replace("\r\n..hidden", "\r\n.hidden"));
    assert_eq!(String::from_utf8_lossy(&mails[0].message), expected);
    let summary = &mails[0].summary;
    assert_eq!((summary.to.as_str(), summary.attachments), ("J\u{f6}rg Roe <jorg@paper.example>", 1));
    assert_eq!(summary.preview, "620 km on one charge .hidden");
}

#[tokio::test]
async fn the_dialogue_is_that_of_a_relay() {
    let locked = Options { login: Some(("press".to_owned(), "sesame".to_owned())), ..Options::default() };
    for (options, lines, expected) in [
        (Options::default(), &["HELO me", "NOOP", "RSET", "WHAT"][..], &["250", "250", "250", "500"][..]),
        (
            Options::default(),
            &["DATA", "RCPT TO:<a@b.example>", "MAIL TO:<a@b.example>"],
            &["503", "503", "501"],
        ),
        (
            Options::default(),
            &["MAIL FROM:<>", "MAIL FROM:<a@b.example>", "RCPT TO:<>"],
            &["250", "503", "501"],
        ),
        (Options::default(), &["MAIL FROM:<a@b.example> SIZE=999999999999"], &["552"]),
        (locked.clone(), &["EHLO me", "MAIL FROM:<a@b.example>"], &["250", "530"]),
        (locked.clone(), &["AUTH PLAIN AHByZXNzAHdyb25n", "MAIL FROM:<a@b.example>"], &["535", "530"]),
        (locked, &["AUTH PLAIN AHByZXNzAHNlc2FtZQ==", "MAIL FROM:<a@b.example>"], &["235", "250"]),
    ] {
        let catcher = catcher(options).await;
        let codes = say(&catcher, lines).await;
        assert_eq!(codes[1..codes.len() - 1], *expected, "{lines:?}");
        assert!(catcher.mails().is_empty());
    }
}

#[tokio::test]
async fn a_mail_without_its_dot_is_no_mail() {
    let catcher = catcher(Options::default()).await;
    let mut stream = TcpStream::connect(("127.0.0.1", catcher.smtp_port())).await.unwrap();
    stream.write_all(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nhello\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    assert!(catcher.mails().is_empty());
}

#[tokio::test]
async fn pages_show_what_is_there_and_run_nothing() {
    let (catcher, host) = caught().await;
    for (path, there) in [
        ("/", "J\u{f6}rg Roe"),
        ("/", "Aster &lt;b&gt;EV&lt;/b&gt;"),
        ("/?q=paper", "1 of 1"),
        ("/?q=nobody%22%3E", "value=\"nobody&quot;&gt;\""),
        ("/mails/1", "<iframe class=\"sheet\" src=\"/mails/1/html\""),
        ("/mails/1", "one-click unsubscribe"),
        ("/mails/1?as=text", "620\u{a0}km on one charge"),
        ("/mails/1?as=headers", "<th>List-Unsubscribe-Post</th>"),
        ("/mails/1?as=source", "620=C2=A0km"),
        ("/mails/1?width=phone", "class=\"sheet phone\""),
        ("/mails/1/html", "src=\"http://127.0.0.1:4100/a.jpg\""),
        ("/mails/1/html", "img-src data: http://127.0.0.1:4100;"),
        ("/mails/1/html", "sandbox allow-popups"),
        ("/mails/1/files/1", "attachment; filename=\""),
        ("/mails/1/files/1", "BEGIN:VCALENDAR"),
        ("/mails/1/source", "content-type: message/rfc822"),
        ("/api/mails", "\"count\":1"),
        ("/api/mails?q=nobody", "\"mails\":[]"),
        ("/api/mails/1", "\"media_type\":\"text/calendar\""),
        ("/api/count", "{\"count\":1}"),
        ("/mails/2", "404"),
        ("/mails/0/html", "404"),
        ("/mails/1/files/0", "404"),
        ("/mails/1/files/9", "404"),
        ("/look.css", "text/css"),
        ("/look.js", "text/javascript"),
    ] {
        let said = get(&catcher, path, &host).await;
        assert!(said.contains(there), "{path}: {said}");
        assert!(said.contains("content-security-policy: default-src 'none'"), "{path}: {said}");
        let framed = path.ends_with("/html")
            || path.ends_with("source")
            || path.starts_with("/api")
            || path.starts_with("/look");
        assert!(framed || !said.contains("<script>"), "{path}: {said}");
        let (head, _) = said.split_once("\r\n\r\n").unwrap();
        assert!(!head.contains("filename=\".") && !head.contains("\"x.ics"), "{path}: {head}");
    }
}

#[tokio::test]
async fn only_loopback_names_are_answered() {
    let (catcher, host) = caught().await;
    let port = catcher.web_port();
    for (name, status) in [
        (host.as_str(), "200"),
        (&format!("localhost:{port}"), "200"),
        (&format!("[::1]:{port}"), "200"),
        (&format!("evil.example:{port}"), "421"),
        ("localhost", "421"),
        ("127.0.0.1:1", "421"),
        ("", "421"),
    ] {
        let said = get(&catcher, "/api/mails", name).await;
        assert_eq!(said.get(9..12), Some(status), "{name}: {said}");
    }
}

#[tokio::test]
async fn it_listens_on_this_machine_alone() {
    let clock = Clock::system();
    let open: SocketAddr = "0.0.0.0:0".parse().unwrap();
    for (smtp, web) in [(open, HERE), (HERE, open)] {
        let error = Catcher::start(smtp, web, clock.clone(), Options::default()).await.err().unwrap();
        assert!(error.to_string().contains("loopback only"), "{error}");
    }
}
