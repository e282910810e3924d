//! TLS and passwords: nothing secret travels in the open, and nothing is believed that came before TLS.

use std::path::PathBuf;

use super::*;

fn certificate(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/channel/smtp/tests/certificates");
    folder.join(name).to_str().unwrap().to_owned()
}

/// A relay behind TLS that trusts `ca`, logs in, and has limits that a handshake on a busy machine keeps.
fn secured(port: u16, tls: Tls, ca: &str) -> Smtp {
    let mut config = config(port);
    config.tls = tls;
    config.ca_file = Some(certificate(ca));
    config.username = Some("press".to_owned());
    let limit = Duration::from_secs(5);
    let timeouts = Timeouts { connect: limit, greeting: limit, command: limit, ..SHORT };
    Smtp::open_with(&config, Some(SecretString::from("sesame")), &[], timeouts).unwrap()
}

async fn meet(tls: Tls, ca: &str, script: &str, expected: &str) -> Vec<String> {
    let server = Relay::start(&[script]).await;
    let gate = Counting::open();
    let outcome = shown(&secured(server.port, tls, ca).deliver(&jane("k@halden.example"), &gate).await);
    assert!(outcome.starts_with(expected), "{script}\n{outcome}");
    let heard = server.heard().concat();
    assert!(!heard.iter().any(|line| line.starts_with('!')), "{script}\n{heard:?}");
    heard
}

const MAIL: &str = "C MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA\nS 354 go\nB\nS 250 sent\n";
/// base64 of `\0press\0sesame`.
const PLAIN: &str = "S 250 AUTH LOGIN PLAIN\nC AUTH PLAIN AHByZXNzAHNlc2FtZQ==\nS 235 2.7.0 ok\n";
const STARTTLS: &str = "S 220 relay\nC EHLO\nS 250-relay\nS 250 STARTTLS\nC STARTTLS\n";

#[tokio::test]
async fn starttls_greets_again_and_logs_in_under_tls() {
    let script = format!("{STARTTLS}S 220 go\nT good\nC EHLO\nS 250-relay\n{PLAIN}{MAIL}");
    meet(Tls::Starttls, "ca.pem", &script, "sent: 250 sent").await;
}

#[tokio::test]
async fn what_was_offered_before_tls_is_forgotten() {
    let hello = "S 220 relay\nC EHLO\nS 250-relay\nS 250-AUTH PLAIN\nS 250-PIPELINING\nS 250 STARTTLS\nC STARTTLS\nS 220 go\nT good\n";
    let script = format!("{hello}C EHLO\nS 250 relay\n");
    meet(Tls::Starttls, "ca.pem", &script, "the channel refuses us: AUTH: the server offers neither").await;
}

#[tokio::test]
async fn implicit_tls_is_there_from_the_first_byte() {
    let script = format!("T good\nS 220 relay\nC EHLO\nS 250-relay\n{PLAIN}{MAIL}");
    meet(Tls::Implicit, "ca.pem", &script, "sent: 250 sent").await;
    // A relay that speaks plainly there.
    meet(Tls::Implicit, "ca.pem", "S 220 relay", "later: TLS handshake").await;
    meet(Tls::Implicit, "ca.pem", "X", "later: TLS handshake").await;
}

#[tokio::test]
async fn auth_login_is_spoken_where_there_is_nothing_else() {
    let login = "S 250 AUTH=LOGIN\nC AUTH LOGIN\nS 334 VXNlcm5hbWU6\nC cHJlc3M=\nS 334 UGFzc3dvcmQ6\nC c2VzYW1l\nS 235 ok\n";
    let script = format!("T good\nS 220 relay\nC EHLO\nS 250-relay\n{login}{MAIL}");
    meet(Tls::Implicit, "ca.pem", &script, "sent: 250 sent").await;
}

#[tokio::test]
async fn a_refused_login_holds_the_channel() {
    for (answer, expected) in [
        ("535 5.7.8 wrong", "the channel refuses us: 535 5.7.8 wrong"),
        ("534 5.7.9 stronger", "the channel refuses us: 534"),
        ("454 4.7.0 not now", "later: 454 4.7.0 not now"),
        ("432 4.7.12 change it", "the channel refuses us: 432"),
        ("354 go", "later: AUTH: answered with 354"),
        ("334 what", "later: AUTH: answered with 334"),
    ] {
        let script =
            format!("T good\nS 220 relay\nC EHLO\nS 250-relay\nS 250 AUTH PLAIN\nC AUTH PLAIN\nS {answer}\n");
        meet(Tls::Implicit, "ca.pem", &script, expected).await;
    }
}

#[tokio::test]
async fn no_tls_no_mail() {
    for (answer, expected) in [
        ("S 454 4.7.0 not available", "later: 454 4.7.0"),
        ("S 502 5.5.1 what", "the channel refuses us: 502"),
        ("S 250 ok, but 220 it is not\nS 220 x", "later: TLS handshake"),
        ("S 220 go\nX", "later: TLS handshake"),
        ("S 220 go\nS not TLS at all", "later: TLS handshake"),
        // Injected behind the reply, to be taken for the relay's words under TLS.
        (
            "s 220 go\\r\\n250-relay\\r\\n250 AUTH PLAIN\\r\\n",
            "the channel refuses us: STARTTLS: the server sent plaintext",
        ),
    ] {
        // Whether a word arrives with the reply or after it is a race; it is not believed either way.
        let expected = if answer.contains("\nS ") { "" } else { expected };
        let heard = meet(Tls::Starttls, "ca.pem", &format!("{STARTTLS}{answer}"), expected).await;
        assert!(!heard.iter().any(|line| line.contains("AUTH") || line.contains("MAIL")), "{heard:?}");
    }
    let script = "S 220 relay\nC EHLO\nS 250-relay\nS 250 AUTH PLAIN\n";
    let expected = "the channel refuses us: STARTTLS: the server does not offer STARTTLS";
    let heard = meet(Tls::Starttls, "ca.pem", script, expected).await;
    assert!(heard.len() <= 2, "{heard:?}");
}

#[tokio::test]
async fn a_certificate_that_is_not_to_be_trusted_holds_the_channel() {
    for (ca, certificate) in [("ca.pem", "wrong"), ("ca.pem", "expired"), ("other.pem", "good")] {
        let heard = meet(
            Tls::Starttls,
            ca,
            &format!("{STARTTLS}S 220 go\nT {certificate}\n"),
            "the channel refuses us: TLS handshake: certificate: ",
        )
        .await;
        assert!(!heard.iter().any(|line| line.contains("AUTH")), "{heard:?}");
    }
}

#[tokio::test]
async fn a_password_without_tls_is_for_this_machine_alone() {
    let script = format!("S 220 relay\nC EHLO\nS 250-relay\n{PLAIN}{MAIL}");
    let server = Relay::start(&[&script]).await;
    let mut config = config(server.port);
    config.username = Some("press".to_owned());
    let smtp = Smtp::open_with(&config, Some(SecretString::from("sesame")), &[], SHORT).unwrap();
    assert_eq!(shown(&smtp.deliver(&jane("k@halden.example"), &Counting::open()).await), "sent: 250 sent");
    assert!(route::may_log_in(false, "127.0.0.1".parse().unwrap()));
    assert!(route::may_log_in(false, "::1".parse().unwrap()));
    assert!(route::may_log_in(true, "192.0.2.1".parse().unwrap()));
    for elsewhere in ["192.0.2.1", "10.0.0.1", "0.0.0.0", "2001:db8::1", "::ffff:192.0.2.1"] {
        assert!(!route::may_log_in(false, elsewhere.parse().unwrap()), "{elsewhere}");
    }
}

#[test]
fn a_relay_that_cannot_be_used_says_why() {
    let base = || {
        let mut config = config(587);
        config.tls = Tls::Starttls;
        config.ca_file = Some(certificate("ca.pem"));
        config
    };
    let password = || Some(SecretString::from("sesame"));
    let open = |config: &SmtpConfig, password| Smtp::open(config, password).err().map(|e| e.to_string());
    assert_eq!(open(&base(), None), None);
    let with = |change: fn(&mut SmtpConfig)| {
        let mut config = base();
        change(&mut config);
        config
    };
    for (config, password, expected) in [
        (base(), password(), "there is a `password` but no `username`"),
        (with(|c| c.username = Some("press".to_owned())), None, "there is a `username` but no `password`"),
        (with(|c| c.host = "not a host".to_owned()), None, "`host: not a host` is not a host name"),
        (with(|c| c.helo = Some("a\r\nMAIL".to_owned())), None, "`helo` is not a host name"),
        (
            with(|c| c.ca_file = Some("missing.pem".to_owned())),
            None,
            "`ca_file: missing.pem` cannot be used: ",
        ),
        (with(|c| c.ca_file = Some(certificate("server.key"))), None, "`ca_file: "),
    ] {
        let error = open(&config, password).unwrap_or_default();
        assert!(error.starts_with(expected), "{error}");
        assert!(!error.contains("sesame"));
    }
}

#[tokio::test]
async fn the_doctor_looks_at_everything_and_sends_nothing() {
    let script = format!(
        "{STARTTLS}S 220 go\nT good\nC EHLO\nS 250-relay\nS 250-SIZE 1000\nS 250-DSN\n{PLAIN}C QUIT\n"
    );
    for (ca, script, expected) in [
        (
            "ca.pem",
            script.as_str(),
            "relay: connection good | relay: TLS good | relay: login good | relay: offers good",
        ),
        ("other.pem", script.as_str(), "relay: TLS handshake bad"),
        ("ca.pem", "S 554 no", "relay: greeting bad"),
        ("ca.pem", "S 220 relay\nC EHLO\nS 250 relay", "relay: STARTTLS bad"),
    ] {
        let server = Relay::start(&[script]).await;
        let found = secured(server.port, Tls::Starttls, ca).examine().await;
        let line: Vec<String> =
            found.iter().map(|d| format!("{} {}", d.what, if d.good { "good" } else { "bad" })).collect();
        assert_eq!(line.join(" | "), expected, "{found:?}");
        assert!(found.iter().all(|d| d.good == d.hint.is_none()), "{found:?}");
        assert!(!server.heard().concat().iter().any(|line| line.starts_with("MAIL")));
    }
}
