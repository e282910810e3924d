//! Editions through a real Postfix and Dovecot, read back over IMAP and with an independent parser.
//!
//! `tests/endpoints/mail.sh` starts both and prints the variables that are read here; without
//! them there is nothing to talk to, and the tests say so.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dateline::channel::config::{Limits, OnUnknown, SmtpConfig, Tls};
use dateline::channel::smtp::Smtp;
use dateline::channel::{Channel, Failure, Gate, Parcel, Previous, Receipt, Recipient};
use dateline::digest::Digest;
use dateline::release::Notice;
use dateline::render::{self, Addressee, Content, Edition, Request};
use mail_parser::MessageParser;
use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

/// Where the servers are.
pub struct Servers {
    submission: u16,
    smtps: u16,
    pub imaps: u16,
    pub ca: String,
}

/// The servers, or a line that says why there is no test.
pub fn servers(test: &str) -> Option<Servers> {
    let read = |name: &str| std::env::var(format!("DATELINE_TEST_MAIL_{name}")).ok();
    let port = |name: &str| read(name)?.parse().ok();
    let found = || {
        let (submission, smtps, imaps) = (port("SUBMISSION")?, port("SMTPS")?, port("IMAPS")?);
        Some(Servers { submission, smtps, imaps, ca: read("CA")? })
    };
    let found = found();
    if found.is_none() {
        eprintln!("SKIPPED {test}: no Postfix and Dovecot; see tests/endpoints/mail.sh");
    }
    found
}

pub fn config(servers: &Servers, tls: Tls) -> SmtpConfig {
    SmtpConfig {
        host: "localhost".to_owned(),
        port: Some(if tls == Tls::Implicit { servers.smtps } else { servers.submission }),
        tls,
        username: Some("press@halden.example".to_owned()),
        password: None,
        ca_file: Some(servers.ca.clone()),
        from: "Halden Motors Press <press@news.halden.example>".to_owned(),
        reply_to: None,
        images: dateline::release::Images::Link,
        postal_address: None,
        list_id: None,
        unsubscribe_url: None,
        unsubscribe_mailto: None,
        bounce_domain: None,
        provider: None,
        dkim: Vec::new(),
        sends_from: Vec::new(),
        max_size: None,
        helo: None,
        language: None,
        limits: Limits { connections: Some(4), ..Limits::default() },
        on_unknown: OnUnknown::Hold,
    }
}

fn relay(servers: &Servers, tls: Tls, password: &str) -> Smtp {
    Smtp::open(&config(servers, tls), Some(SecretString::from(password))).unwrap()
}

/// An edition of the example newsroom.
pub fn edition(audience: &str, language: &str) -> Arc<Edition> {
    edition_at(audience, language, "2026-12-01T08:00:00Z".parse().unwrap())
}

/// The same, dated.
pub fn edition_at(audience: &str, language: &str, date: jiff::Timestamp) -> Arc<Edition> {
    let newsroom = dateline::load::work_tree(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let request = Request {
        slug: "aster-ev".to_owned(),
        digest_of: Vec::new(),
        notice: Notice::Original,
        audience: audience.to_owned(),
        channel: "relay".to_owned(),
        language: language.parse().unwrap(),
        advance: false,
        test: false,
        date,
    };
    Arc::new(render::edition(&newsroom, &request).unwrap())
}

/// The left part of a Message-ID that no earlier run has used.
pub fn fresh_id() -> String {
    let unique = format!("{:?} {}", Instant::now(), std::process::id());
    Digest::of(unique.as_bytes()).to_string()[..26].to_owned()
}

/// The whole Message-ID.
pub fn message_id(wire_key: &str) -> String {
    format!("{wire_key}@news.halden.example")
}

pub fn parcel(edition: &Arc<Edition>, to: &str, id: &str) -> Parcel {
    let due = "2026-12-01T08:00:00Z".parse().unwrap();
    Parcel {
        key: Digest::of(id.as_bytes()),
        wire_key: id.to_owned(),
        edition: Arc::clone(edition),
        notice: Notice::Original,
        recipient: Recipient::Mailbox {
            email: to.parse().unwrap(),
            name: Some("J\u{e4}ne \"Scoop\" Roe".to_owned()),
            token: "t0ken".to_owned(),
            bounce: None,
        },
        due,
        now: due,
        attempt: 1,
        previous: Some(Previous { remote_id: None, wire_key: "earlier".to_owned() }),
        ahead: None,
    }
}

/// What the adapter must have put on the wire.
pub fn bytes(parcel: &Parcel) -> Vec<u8> {
    let (Content::Mail(mail), Recipient::Mailbox { email, name, token, .. }) =
        (&parcel.edition.content, &parcel.recipient)
    else {
        panic!("not a mail");
    };
    mail.fill(&Addressee {
        email,
        name: name.as_deref(),
        message_id: &message_id(&parcel.wire_key),
        in_reply_to: parcel.previous.as_ref().map(|previous| message_id(&previous.wire_key)).as_deref(),
        token,
    })
}

pub struct Open;

#[async_trait]
impl Gate for Open {
    async fn open(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn what_arrives_is_what_was_rendered() {
    let Some(servers) = servers("what_arrives_is_what_was_rendered") else { return };
    for (tls, audience, language) in [
        (Tls::Starttls, "bloggers", "en"),
        (Tls::Implicit, "trade-media", "en"),
        (Tls::Starttls, "enthusiasts", "sv"),
    ] {
        let parcel = parcel(&edition(audience, language), "jane@paper.example", &fresh_id());
        let Receipt { remote_id, reply, .. } =
            relay(&servers, tls, "relay-pass").deliver(&parcel, &Open).await.unwrap();
        assert!(remote_id.is_some() && reply.code == Some(250), "{reply}");
        compare(&parcel, &fetch(&servers, &message_id(&parcel.wire_key)).await);
    }
}

/// Byte for byte below the servers' own trace headers, and as another parser reads it.
fn compare(parcel: &Parcel, arrived: &[u8]) {
    let sent = bytes(parcel);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(arrived.ends_with(&sent), "sent:\n{}\narrived:\n{}", text(&sent), text(arrived));

    let Content::Mail(mail) = &parcel.edition.content else {
        unreachable!("an edition for a relay is a mail")
    };
    let (sent, arrived) =
        (MessageParser::new().parse(&sent).unwrap(), MessageParser::new().parse(arrived).unwrap());
    assert_eq!(arrived.subject(), Some(mail.subject.as_str()));
    assert_eq!(arrived.message_id(), Some(message_id(&parcel.wire_key).as_str()));
    assert_eq!(arrived.in_reply_to().as_text(), Some("earlier@news.halden.example"));
    let only = |address: Option<&mail_parser::Address<'_>>| {
        let list = address.unwrap().clone().into_list();
        assert_eq!(list.len(), 1);
        (list[0].name().map(str::to_owned), list[0].address().map(str::to_owned))
    };
    let own = |text: &str| Some(text.to_owned());
    assert_eq!(only(arrived.from()), (own("Halden Motors Press"), own("press@news.halden.example")));
    assert_eq!(only(arrived.to()), (own("J\u{e4}ne \"Scoop\" Roe"), own("jane@paper.example")));
    for name in ["List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"] {
        let value = arrived.header_raw(name).expect(name);
        assert_eq!(Some(value), sent.header_raw(name));
    }
    assert!(arrived.header_raw("List-Unsubscribe").unwrap().contains("t0ken"));
    let plain = arrived.body_text(0).unwrap();
    let html = arrived.body_html(0).unwrap();
    assert_eq!(
        (Some(plain.as_ref()), Some(html.as_ref())),
        (sent.body_text(0).as_deref(), sent.body_html(0).as_deref())
    );
    assert!(plain.contains("620") && html.contains("620") && html.contains("<"), "{plain}");
    assert!(plain.contains("J\u{e4}ne") || !plain.contains("Jane"), "{plain}");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let Some(servers) = servers("refusals_are_told_apart") else { return };
    let edition = edition("bloggers", "en");
    for tls in [Tls::Starttls, Tls::Implicit] {
        let jane = parcel(&edition, "jane@paper.example", &fresh_id());
        let outcome = relay(&servers, tls, "wrong").deliver(&jane, &Open).await;
        assert!(
            matches!(&outcome, Err(Failure::HoldChannel { reply }) if reply.code == Some(535)),
            "{outcome:?}"
        );

        // An unknown mailbox, then a known one over the same connection.
        let smtp = relay(&servers, tls, "relay-pass");
        let nobody = parcel(&edition, "nobody@paper.example", &fresh_id());
        let outcome = smtp.deliver(&nobody, &Open).await;
        assert!(
            matches!(&outcome, Err(Failure::Refused { reply, suppress: true }) if reply.code == Some(550)),
            "{outcome:?}"
        );
        assert!(smtp.deliver(&jane, &Open).await.is_ok());
    }
}

#[tokio::test]
async fn the_doctor_finds_a_real_relay_good() {
    let Some(servers) = servers("the_doctor_finds_a_real_relay_good") else { return };
    let found = relay(&servers, Tls::Starttls, "relay-pass").examine().await;
    assert!(found.len() >= 4 && found.iter().all(|diagnosis| diagnosis.good), "{found:?}");
    let found = relay(&servers, Tls::Starttls, "wrong").examine().await;
    assert!(found.iter().any(|diagnosis| !diagnosis.good && diagnosis.what == "relay: AUTH"), "{found:?}");
}

#[tokio::test]
async fn many_mails_arrive_once_each() {
    const MAILS: u32 = 100;
    let Some(servers) = servers("many_mails_arrive_once_each") else { return };
    let edition = edition("trade-media", "en");
    let smtp = Arc::new(relay(&servers, Tls::Starttls, "relay-pass"));
    let ids: Vec<String> = (0..MAILS).map(|_| fresh_id()).collect();
    let begun = Instant::now();
    let mut sent = tokio::task::JoinSet::new();
    for id in &ids {
        let (smtp, parcel) = (Arc::clone(&smtp), parcel(&edition, "desk@paper.example", id));
        sent.spawn(async move { smtp.deliver(&parcel, &Open).await });
    }
    while let Some(outcome) = sent.join_next().await {
        outcome.unwrap().unwrap();
    }
    let took = begun.elapsed();
    let rate = f64::from(MAILS) / took.as_secs_f64();
    eprintln!("{MAILS} mails to Postfix over 4 connections: {rate:.0} a second");
    let mut imap = Imap::open(&servers, "desk@paper.example", "desk-pass").await;
    for id in &ids {
        assert_eq!(imap.arrived(&message_id(id)).await.len(), 1, "{id}");
    }
}

pub async fn fetch(servers: &Servers, id: &str) -> Vec<u8> {
    let mut imap = Imap::open(servers, "jane@paper.example", "jane-pass").await;
    let numbers = imap.arrived(id).await;
    assert_eq!(numbers.len(), 1, "{numbers:?}");
    imap.fetch(numbers[0]).await
}

/// As much of IMAP (RFC 9051) as reading one mail takes.
pub struct Imap(BufReader<TlsStream<TcpStream>>);

impl Imap {
    pub async fn open(servers: &Servers, user: &str, password: &str) -> Imap {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&servers.ca).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(("127.0.0.1", servers.imaps)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let mut imap = Imap(BufReader::new(stream));
        assert!(imap.line().await.starts_with("* OK"));
        imap.command(&format!("LOGIN {user} {password}")).await;
        imap
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).await.unwrap();
        line
    }

    /// Says a command and returns the lines before its `OK`.
    async fn command(&mut self, command: &str) -> Vec<String> {
        self.0.write_all(format!("a {command}\r\n").as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            if line.starts_with("a ") || line.is_empty() {
                assert!(line.starts_with("a OK"), "{command}: {line}");
                return lines;
            }
            lines.push(line);
        }
    }

    /// The numbers of the mails with this Message-ID, once there is one.
    pub async fn arrived(&mut self, id: &str) -> Vec<u32> {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            self.command("SELECT INBOX").await;
            let lines = self.command(&format!("SEARCH HEADER Message-ID \"<{id}>\"")).await;
            let found = lines.iter().find_map(|line| line.strip_prefix("* SEARCH")).unwrap_or_default();
            let numbers: Vec<u32> = found.split_whitespace().map(|number| number.parse().unwrap()).collect();
            if !numbers.is_empty() {
                return numbers;
            }
            assert!(Instant::now() < end, "{id} has not arrived");
            // The server says nothing of its own accord that would be simpler to wait for.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn fetch(&mut self, number: u32) -> Vec<u8> {
        self.0.write_all(format!("a FETCH {number} BODY.PEEK[]\r\n").as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
        let line = self.line().await;
        let (_, length) = line.trim_end().trim_end_matches('}').rsplit_once('{').unwrap();
        let mut message = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut message).await.unwrap();
        while !self.line().await.starts_with("a OK") {}
        message
    }
}
