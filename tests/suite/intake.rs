//! Mails of every dialect, whole and mutilated, against a ledger: nobody but the holder of a token is ever touched.

use dateline::clock::Clock;
use dateline::intake::desk::Desk as Intake;
use dateline::intake::read::Trust;
use dateline::ledger::{DeliveryId, Ledger, LedgerConfig, State};
use dateline::token::Purpose;

use crate::ledger::desk::{Desk, arrived, at};

/// The mails of the corpus, by name.
fn corpus() -> Vec<(String, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/intake/read/corpus");
    let mut all: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    all.sort();
    all
}

/// A ledger with a release that was sent to `contacts` people, and the addresses that reports about each go to.
struct Sent {
    _folder: tempfile::TempDir,
    desk: Desk,
    intake: Intake,
    addresses: Vec<(String, String)>,
}

async fn sent(contacts: i64) -> Sent {
    let folder = tempfile::tempdir().unwrap();
    let config = LedgerConfig { folder: folder.path().join("ledger"), ..LedgerConfig::default() };
    let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
    let desk = Desk::with(ledger.clone(), contacts).await;
    desk.original("aster", "v1", &(1..=contacts).collect::<Vec<_>>()).await;
    let mut addresses = Vec::new();
    let mut claims = ledger.claim("desk", "relay", at(0), 500).await.unwrap();
    claims.sort_by_key(|claim| claim.delivery);
    for claim in claims {
        let attempt = desk.go(&claim, at(0)).await;
        desk.settle(attempt, arrived(), at(0)).await;
        let token = |purpose| ledger.token(purpose, claim.delivery, &claim.key).to_string();
        addresses.push((token(Purpose::Bounce), token(Purpose::Unsubscribe)));
    }
    let trust = Trust {
        server: Some("mx.halden.example".to_owned()),
        reporters: vec!["fbl.yahoo.example".to_owned(), "fbl.outlook.example".to_owned()],
    };
    let intake = Intake { ledger, clock: Clock::fixed(at(60)), trust, keep: true };
    Sent { _folder: folder, desk, intake, addresses }
}

fn filled(template: &str, (bounce, leave): &(String, String)) -> String {
    template
        .replace("{BOUNCE}", &format!("b+{bounce}@bounce.news.halden.example"))
        .replace("{UNSUB}", &format!("u+{leave}@bounce.news.halden.example"))
        .replace("{UTOKEN}", leave)
}

#[tokio::test]
async fn every_dialect_does_to_its_own_delivery_what_it_says() {
    let corpus = corpus();
    let sent = sent(i64::try_from(corpus.len()).unwrap()).await;
    for ((name, template), address) in corpus.iter().zip(&sent.addresses) {
        let mail = filled(template, address);
        for _ in 0..2 {
            sent.intake
                .mail("bounces", mail.as_bytes())
                .await
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    let log = sent.desk.ledger.log(Some("aster"), DeliveryId(0), 1_000).await.unwrap();
    let suppressed = sent.desk.ledger.suppressions().await.unwrap();
    let mut told = Vec::new();
    for ((name, _), entry) in corpus.iter().zip(&log) {
        let email = entry.recipient.to_string();
        let reason =
            suppressed.iter().find(|s| s.email.as_ref().is_some_and(|found| found.to_string() == email));
        told.push(
            format!("{name}: {} {}", entry.state, reason.map_or("", |reason| &reason.reason))
                .trim_end()
                .to_owned(),
        );
    }
    let expected = |state: &str| told.iter().filter(|line| line.contains(state)).count();
    // Every kind is there, and what is no bounce bounces nobody.
    for harmless in [
        "auto-",
        "mdn",
        "person",
        "stranger",
        "postfix-delayed",
        "arf-forged",
        "agency-unclear",
        "forwarder-mixed",
    ] {
        for line in told.iter().filter(|line| line.starts_with(harmless)) {
            assert!(line.ends_with(": sent"), "{line}");
        }
    }
    for line in told.iter().filter(|line| line.starts_with("unsubscribe")) {
        assert!(line.ends_with(": sent unsubscribed"), "{line}");
    }
    for line in told.iter().filter(|line| line.starts_with("arf-yahoo") || line.starts_with("arf-microsoft"))
    {
        assert!(line.ends_with(": complained complained"), "{line}");
    }
    for policy in [
        "office365-blocked",
        "yahoo-blocked",
        "proofpoint",
        "gmail-unauthenticated",
        "mimecast-policy",
        "exim-remote",
    ] {
        assert!(
            told.iter().any(|line| line.starts_with(policy) && line.ends_with(": bounced")),
            "{policy}: {told:#?}"
        );
    }
    for dead in [
        "postfix-unknown",
        "qmail.eml",
        "gmail.eml",
        "exchange-2019",
        "domino",
        "japanese-dsn",
        "french-text",
        "zoho",
    ] {
        assert!(
            told.iter().any(|line| line.starts_with(dead) && line.ends_with(": bounced bounced")),
            "{dead}: {told:#?}"
        );
    }
    assert!(expected("bounced") > 30, "{told:#?}");
    sent.desk.is_sound().await;
}

/// Set `INTAKE_MUTATIONS=10000` for the long form.
#[tokio::test]
async fn mutilated_mails_touch_nobody_else() {
    let times = std::env::var("INTAKE_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(500_u64);
    let corpus = corpus();
    let sent = sent(3).await;
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = move |most: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        usize::try_from(dice % most.max(1) as u64).unwrap()
    };
    // Whoever forges has one token of his own, and names the others as he likes.
    let mallory = &sent.addresses[1];
    for _ in 0..times {
        let (_, template) = &corpus[roll(corpus.len())];
        let mut mail = filled(template, mallory).into_bytes();
        for _ in 0..=roll(6) {
            let (at, other) = (roll(mail.len()), roll(mail.len()));
            match roll(7) {
                0 => mail[at] ^= 1 << roll(8),
                1 => mail.truncate(at.max(1)),
                2 => drop(mail.drain(at.min(other)..at.max(other).min(at.min(other) + 100))),
                3 => {
                    let piece = mail[at..(at + roll(300)).min(mail.len())].to_vec();
                    mail.splice(other..other, piece);
                }
                4 => drop(mail.splice(at..at, *b"c1@paper.example")),
                5 => drop(
                    mail.splice(
                        at..at,
                        b"Final-Recipient: rfc822; c3@paper.example\nAction: failed\nStatus: 5.1.1\n\n"
                            .iter()
                            .copied(),
                    ),
                ),
                _ => {
                    // Letters of the token itself.
                    let text = String::from_utf8_lossy(&mail).into_owned();
                    if let Some(found) = text.find(mallory.0.as_str()).filter(|_| text.len() == mail.len()) {
                        mail[found + roll(26)] = b"abcdefghijklmnopqrstuvwxyz234567"[roll(32)];
                    }
                }
            }
            if mail.is_empty() {
                mail.push(b'\n');
            }
        }
        sent.intake.mail("bounces", &mail).await.unwrap();
    }
    let log = sent.desk.ledger.log(Some("aster"), DeliveryId(0), 9).await.unwrap();
    assert_eq!((log[0].state, log[2].state), (State::Sent, State::Sent));
    assert_ne!(log[1].state, State::Sent, "the true ones among them are believed");
    let suppressed = sent.desk.ledger.suppressions().await.unwrap();
    assert!(suppressed.iter().all(|s| s.email.as_ref().unwrap().local() == "c2"), "{suppressed:?}");
    assert_eq!(sent.desk.ledger.holds().await.unwrap(), []);
    sent.desk.is_sound().await;
}

/// What was sent to one valid token and names everybody else, in a thousand blocks.
#[tokio::test]
async fn a_forger_can_suppress_himself_alone() {
    let sent = sent(50).await;
    let (own, _) = &sent.addresses[49];
    let blocks: String = (1..=50)
        .map(|n| format!("Final-Recipient: rfc822; c{n}@paper.example\nOriginal-Recipient: rfc822;c{n}@paper.example\nAction: failed\nStatus: 5.1.1\n\n"))
        .collect();
    let cc: String = (1..50).map(|n| format!("c{n}@paper.example, ")).collect();
    let mail = format!(
        "Return-Path: <>\nDelivered-To: b+{own}@bounce.example\nFrom: MAILER-DAEMON@evil.example\nTo: {cc}x@y.example\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\
         Content-Type: message/delivery-status\n\nReporting-MTA: dns; evil.example\n\n{blocks}--b--\n"
    );
    sent.intake.mail("bounces", mail.as_bytes()).await.unwrap();
    let suppressed = sent.desk.ledger.suppressions().await.unwrap();
    assert_eq!(suppressed.len(), 1);
    assert_eq!(suppressed[0].email.as_ref().unwrap().local(), "c50");
    let states = sent.desk.ledger.counts().await.unwrap().deliveries;
    assert_eq!(states[&("relay".to_owned(), State::Sent)], 49);
    // A million guesses are none.
    for (bounce, leave) in &sent.addresses[..3] {
        let guess = |token: &str| format!("{}{}", &token[..10], &own[10..]);
        for address in [guess(bounce), guess(leave)] {
            let forged = mail.replace(own.as_str(), &address);
            sent.intake.mail("bounces", forged.as_bytes()).await.unwrap();
        }
    }
    assert_eq!(sent.desk.ledger.suppressions().await.unwrap().len(), 1);
}
