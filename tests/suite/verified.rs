//! Mails judged by software that nobody here wrote: sent through a real Postfix, read back from a real Dovecot, verified by dkimpy,
//! opendkim and mailauth, weighed by rspamd and SpamAssassin. And what is published about the sender, asked of a real name server.
//!
//! `tests/endpoints/mail.sh` and `tests/endpoints/judges.sh` start them and print the variables that are read here.

use std::path::{Path, PathBuf};
use std::process::Command;

use dateline::channel::config::{DkimConfig, Tls};
use dateline::channel::smtp::Smtp;
use dateline::channel::{Channel, Examination, Parcel};
use dateline::clock::Clock;
use dateline::secret::SecretRef;
use secrecy::SecretString;
use serde_json::Value;

use crate::real_mail::{Open, Servers, config, edition_at, fetch, fresh_id, message_id, parcel, servers};

/// The judges' folder, or a line that says why there is no test.
fn judges(test: &str) -> Option<PathBuf> {
    let found = std::env::var("DATELINE_TEST_JUDGES").ok().map(PathBuf::from);
    if found.is_none() {
        eprintln!("SKIPPED {test}: nobody to judge mails; see tests/endpoints/judges.sh");
    }
    found
}

fn key(judges: &Path, name: &str) -> SecretString {
    std::fs::read_to_string(judges.join(format!("keys/{name}.pem"))).unwrap().into()
}

/// The relay, with both keys.
fn signing(servers: &Servers, judges: &Path) -> Smtp {
    let mut config = config(servers, Tls::Starttls);
    config.dkim = ["rsa", "ed25519"]
        .map(|selector| DkimConfig {
            selector: selector.to_owned(),
            domain: None,
            key: SecretRef::File(format!("{selector}.pem")),
        })
        .into();
    config.sends_from = vec!["198.51.100.7".parse().unwrap()];
    let keys = [key(judges, "rsa"), key(judges, "ed25519")];
    Smtp::open_signing(&config, Some(SecretString::from("relay-pass")), &keys).unwrap()
}

/// Runs `judges.sh`, and reads its lines of JSON.
fn ask(judges: &Path, verb: &str, files: &[PathBuf]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/endpoints/judges.sh");
    let said = Command::new(script).arg(verb).arg(judges).args(files).output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// A mail that went through the servers, as its recipient has it.
async fn arrived(servers: &Servers, smtp: &Smtp, audience: &str, language: &str) -> (Parcel, Vec<u8>) {
    // Verifiers and filters look at the time: what is signed or dated in the future is not believed.
    let now = Clock::system().now();
    let edition = edition_at(audience, language, now);
    let parcel = Parcel { due: now, now, ..parcel(&edition, "jane@paper.example", &fresh_id()) };
    smtp.deliver(&parcel, &Open).await.unwrap();
    let mail = fetch(servers, &message_id(&parcel.wire_key)).await;
    (parcel, mail)
}

/// `mail` without what the servers put before it.
fn as_sent(mail: &[u8]) -> Vec<u8> {
    let at = mail.windows(16).position(|piece| piece == b"DKIM-Signature: ").unwrap();
    mail[at..].to_vec()
}

#[tokio::test]
async fn three_strangers_verify_both_signatures_and_see_what_is_added() {
    let name = "three_strangers_verify_both_signatures_and_see_what_is_added";
    let (Some(servers), Some(judges)) = (servers(name), judges(name)) else { return };
    let smtp = signing(&servers, &judges);
    let folder = tempfile::tempdir().unwrap();
    let mut cases: Vec<(String, PathBuf, bool)> = Vec::new();
    let mut keep = |case: String, mail: &[u8], good: bool| {
        let file = folder.path().join(format!("{}.eml", cases.len()));
        std::fs::write(&file, mail).unwrap();
        cases.push((case, file, good));
    };
    for (audience, language) in [("bloggers", "en"), ("trade-media", "en"), ("enthusiasts", "sv")] {
        let (_, mail) = arrived(&servers, &smtp, audience, language).await;
        keep(format!("{audience} {language}"), &mail, true);
        if audience != "bloggers" {
            continue;
        }
        // What somebody on the way may add. The places are all that a header has: first, and last.
        let text = String::from_utf8(mail).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        for added in [
            "From: Evil <evil@z.example>",
            "Subject: Evil",
            "List-Unsubscribe: <https://z.example/>",
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            "To: evil@z.example",
            "Reply-To: evil@z.example",
        ] {
            keep(format!("{added}, first"), format!("{added}\r\n{text}").as_bytes(), false);
            keep(format!("{added}, last"), format!("{head}\r\n{added}\r\n\r\n{body}").as_bytes(), false);
        }
        keep("a link changed".into(), text.replacen("620", "120", 9).as_bytes(), false);
        let without = text.replacen("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "", 1);
        assert_ne!(without, text);
        keep("without one click".into(), without.as_bytes(), false);
        keep("with trace headers".into(), format!("Received: from z.example\r\n{text}").as_bytes(), true);
    }
    let files: Vec<PathBuf> = cases.iter().map(|(_, file, _)| file.clone()).collect();
    let verdicts = ask(&judges, "verify", &files);
    assert_eq!(verdicts.len(), cases.len());
    let mut wrong = Vec::new();
    for ((case, _, good), verdict) in cases.iter().zip(&verdicts) {
        for judge in ["dkimpy", "opendkim", "mailauth"] {
            if verdict[judge] != serde_json::json!([good, good]) {
                wrong.push(format!("{case}: {judge} says {}, not {good} twice", verdict[judge]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_repeat_is_the_same_to_the_byte() {
    let name = "a_repeat_is_the_same_to_the_byte";
    let (Some(servers), Some(judges)) = (servers(name), judges(name)) else { return };
    let smtp = signing(&servers, &judges);
    let (mut parcel, first) = arrived(&servers, &smtp, "bloggers", "en").await;
    // Signed ahead, later, by another process.
    let other = signing(&servers, &judges);
    parcel.ahead = other.ahead(&parcel).map(Into::into);
    assert!(parcel.ahead.is_some());
    (parcel.attempt, parcel.now) = (2, Clock::system().now());
    other.deliver(&parcel, &Open).await.unwrap();
    let mut imap = crate::real_mail::Imap::open(&servers, "jane@paper.example", "jane-pass").await;
    let id = message_id(&parcel.wire_key);
    let mut numbers = imap.arrived(&id).await;
    for _ in 0..500 {
        if numbers.len() > 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        numbers = imap.arrived(&id).await;
    }
    let second = imap.fetch(*numbers.last().unwrap()).await;
    assert_eq!(numbers.len(), 2);
    assert_eq!(String::from_utf8(as_sent(&first)), String::from_utf8(as_sent(&second)));
}

#[tokio::test]
async fn spam_filters_find_nothing_against_it() {
    let name = "spam_filters_find_nothing_against_it";
    let (Some(servers), Some(judges)) = (servers(name), judges(name)) else { return };
    let smtp = signing(&servers, &judges);
    let folder = tempfile::tempdir().unwrap();
    for (audience, language) in [("trade-media", "en"), ("enthusiasts", "sv")] {
        let (_, mail) = arrived(&servers, &smtp, audience, language).await;
        let file = folder.path().join("mail.eml");
        // As the receiver's own server gets it: the trace of this test's loopback is not the relay's.
        std::fs::write(&file, as_sent(&mail)).unwrap();
        let seen = ask(&judges, "weigh", &[file]).remove(0);
        let symbols = seen["rspamd"]["symbols"].as_object().unwrap();
        for wanted in ["R_DKIM_ALLOW", "R_SPF_ALLOW", "DMARC_POLICY_ALLOW"] {
            assert!(symbols.contains_key(wanted), "{audience}: no {wanted}: {seen:#}");
        }
        // MISSING_XM_UA wants the name of a mail program, which is nobody's duty, and weighs nothing.
        let bad: Vec<(&String, &Value)> = symbols
            .iter()
            .filter(|(name, score)| {
                let format =
                    ["MISSING_", "INVALID_", "BROKEN_", "MIME_BAD", "R_BAD", "MULTIPLE_", "FORGED_", "RFC"];
                name.as_str() != "MISSING_XM_UA" && format.iter().any(|kind| name.starts_with(kind))
                    || score.as_f64() >= Some(2.0)
            })
            .collect();
        assert!(bad.is_empty(), "{audience}: {bad:?}: {seen:#}");
        assert!(seen["spamassassin"]["score"].as_f64().is_some_and(|score| score < 1.0), "{seen:#}");
        eprintln!("{audience} {language}: {seen}");
    }
}

#[tokio::test]
async fn the_doctor_asks_a_real_name_server() {
    let name = "the_doctor_asks_a_real_name_server";
    let (Some(servers), Some(judges)) = (servers(name), judges(name)) else { return };
    let resolver = std::env::var("DATELINE_TEST_JUDGES_DNS").unwrap().parse().unwrap();
    let smtp = signing(&servers, &judges);
    // What openssl says of the keys is what we say.
    for (name, record) in smtp.public_keys() {
        let selector = name.split('.').next().unwrap();
        let published = std::fs::read_to_string(judges.join(format!("keys/{selector}.txt"))).unwrap();
        assert_eq!(record, published.trim());
    }
    let how = Examination {
        resolver: Some(resolver),
        old_keys: Vec::new(),
        now: "2026-12-01T08:00:00Z".parse().unwrap(),
    };
    let found = smtp.examine_names(&how).await;
    let bad: Vec<_> = found.iter().filter(|seen| !seen.good).collect();
    assert!(bad.is_empty(), "{bad:#?}");
    let what: Vec<&str> = found.iter().map(|seen| seen.what.as_str()).collect();
    assert_eq!(
        what,
        [
            "DKIM rsa._domainkey.news.halden.example",
            "DKIM ed25519._domainkey.news.halden.example",
            "SPF news.halden.example",
            "DMARC news.halden.example",
            "PTR 198.51.100.7",
            "MX news.halden.example",
        ]
    );

    // Another key under the same selector, and a server that is not there.
    let keys = [key(&judges, "ed25519"), key(&judges, "rsa")];
    let mut config = config(&servers, Tls::Starttls);
    config.dkim = ["rsa", "ed25519"]
        .map(|selector| DkimConfig {
            selector: selector.to_owned(),
            domain: None,
            key: SecretRef::Env("X".to_owned()),
        })
        .into();
    let exchanged = Smtp::open_signing(&config, Some(SecretString::from("relay-pass")), &keys).unwrap();
    let found = exchanged.examine_names(&how).await;
    assert_eq!(
        found.iter().filter(|seen| seen.what.starts_with("DKIM") && !seen.good).count(),
        2,
        "{found:#?}"
    );
    let nobody = Examination { resolver: Some("127.0.0.1:1".parse().unwrap()), ..how };
    let found = smtp.examine_names(&nobody).await;
    assert!(
        found.iter().all(|seen| !seen.good && seen.seen.contains("no name server answers")),
        "{found:#?}"
    );
}
