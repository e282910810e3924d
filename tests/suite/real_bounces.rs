//! Postfix's own reports, fetched from a real Dovecot over IMAP with IDLE and read from a real Maildir.
//!
//! `tests/endpoints/mail.sh` starts both; without them the tests say that they are skipped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dateline::channel::config::{OnUnknown, SmtpConfig, Tls};
use dateline::channel::smtp::Smtp;
use dateline::clock::Clock;
use dateline::dispatch::{Dispatch, Route};
use dateline::intake::Intake;
use dateline::intake::config::{
    GeneralConfig, ImapConfig, IntakeConfig, MailboxTls, MaildirConfig, SourceConfig,
};
use dateline::ledger::{Class, Ledger, LedgerConfig};
use dateline::newsroom::ChannelKind;
use dateline::plan::Action;
use dateline::release::Notice;
use dateline::secret::SecretRef;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::ledger::desk::{Desk, at, contact, mail, order};
use crate::real_mail::{Servers, config, edition, servers};

/// Sends one release to Jane and to somebody whose mailbox is gone, with reports to `bounce_domain`.
async fn send(servers: &Servers, bounce_domain: &str, ledger: &Ledger, clock: &Clock) {
    let book = ["jane@paper.example", "gone@paper.example"].map(contact).to_vec();
    ledger.import(book, at(-3600)).await.unwrap();
    let mut order = order("aster-ev", Notice::Original, "v1", vec![mail(Action::Create, &[1, 2])]);
    let real = edition("bloggers", "en");
    order.editions[0].edition.content = real.content.clone();
    Desk { ledger: ledger.clone() }.issue(order).await;
    let smtp = SmtpConfig { bounce_domain: Some(bounce_domain.to_owned()), ..config(servers, Tls::Starttls) };
    let limits = smtp.limits.clone();
    let channel = Box::new(Smtp::open(&smtp, Some(SecretString::from("relay-pass"))).unwrap());
    let route = Route { channel, kind: ChannelKind::Smtp, limits, on_unknown: OnUnknown::Hold };
    let routes = BTreeMap::from([("relay".to_owned(), route)]);
    let dispatch = Dispatch::new(ledger.clone(), routes, clock.clone(), "here".into(), Arc::new(|_| ()));
    dispatch.drain(&CancellationToken::new()).await.unwrap();
}

/// Follows one source while the release is sent; returns how long the report took.
async fn bounce(servers: &Servers, domain: &str, source: SourceConfig, password: Option<&str>) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let config = LedgerConfig { folder: folder.path().join("ledger"), ..LedgerConfig::default() };
    let clock = Clock::fixed(at(10));
    let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
    let config = IntakeConfig {
        sources: BTreeMap::from([("bounces".to_owned(), source)]),
        general: GeneralConfig::default(),
    };
    let password = password.map(SecretString::from);
    let secret = move |_: &str| Ok(password.clone());
    let intake = Intake::open(&config, folder.path(), ledger.clone(), clock.clone(), secret).unwrap();
    let examined = intake.examine().await;
    assert!(examined[0].seen.is_ok(), "{examined:?}");
    let (stop, board) = (CancellationToken::new(), intake.board());
    let mut following = intake.begin(&stop);
    let deadline = Instant::now() + Duration::from_secs(60);
    while board.seen("bounces").is_none() {
        assert!(Instant::now() < deadline, "{:?}", board.all());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let desk = Desk { ledger: ledger.clone() };
    let begun = Instant::now();
    send(servers, domain, &ledger, &clock).await;
    while desk.rows("aster-ev").await != ["gone original bounced", "jane original sent"] {
        let rows = desk.rows("aster-ev").await;
        assert!(Instant::now() < deadline, "{rows:?} {:?}", ledger.report_counts().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = begun.elapsed();
    stop.cancel();
    while following.join_next().await.is_some() {}

    let counts = ledger.report_counts().await.unwrap();
    assert_eq!(counts.classes[&Class::NoMailbox], 1, "{counts:?}");
    let suppressed = ledger.suppressions().await.unwrap();
    assert_eq!(suppressed.len(), 1);
    assert_eq!(suppressed[0].email.as_ref().unwrap().local(), "gone");
    assert!(suppressed[0].evidence.starts_with("no-mailbox: 550 5.1.1 "), "{}", suppressed[0].evidence);
    desk.is_sound().await;
    ledger.close(at(99)).await.unwrap();
    took
}

#[tokio::test(flavor = "multi_thread")]
async fn postfix_reports_arrive_over_imap_at_once() {
    let Some(servers) = servers("postfix_reports_arrive_over_imap_at_once") else { return };
    let imap = ImapConfig {
        host: "localhost".to_owned(),
        port: Some(servers.imaps),
        tls: MailboxTls::Implicit,
        username: "bounces@paper.example".to_owned(),
        password: SecretRef::Env("UNUSED".to_owned()),
        ca_file: Some(servers.ca.clone()),
        folder: "INBOX".to_owned(),
        move_to: None,
    };
    let source = SourceConfig::Imap(imap.clone());
    let took = bounce(&servers, "bounce.halden.example", source, Some("bounces-pass")).await;
    // Without IDLE it would be looked at once a minute.
    assert!(took < Duration::from_secs(30), "{took:?}");
    // What was taken in is marked as read: another ledger finds nothing, and a wrong password says so.
    let folder = tempfile::tempdir().unwrap();
    let wrong = SecretString::from("wrong");
    let mailbox = dateline::intake::source::imap::Mailbox::new(&imap, wrong, folder.path()).unwrap();
    let refused = mailbox.examine().await.unwrap_err();
    assert!(refused.contains("login") && !refused.contains("wrong"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postfix_reports_are_read_from_a_maildir() {
    let Some(servers) = servers("postfix_reports_are_read_from_a_maildir") else { return };
    let Ok(dir) = std::env::var("DATELINE_TEST_MAIL_SPOOL") else {
        eprintln!("SKIPPED postfix_reports_are_read_from_a_maildir: no Maildir; see tests/endpoints/mail.sh");
        return;
    };
    // Dovecot makes it with the first mail.
    for folder in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(std::path::Path::new(&dir).join(folder)).unwrap();
    }
    let user = std::fs::metadata(std::path::Path::new(&dir).join("../..")).unwrap();
    let (uid, gid) = (std::os::unix::fs::MetadataExt::uid(&user), std::os::unix::fs::MetadataExt::gid(&user));
    for path in ["..", "", "new", "cur", "tmp"] {
        std::os::unix::fs::chown(std::path::Path::new(&dir).join(path), Some(uid), Some(gid)).unwrap();
    }
    let source = SourceConfig::Maildir(MaildirConfig { dir });
    bounce(&servers, "spool.halden.example", source, None).await;
}
