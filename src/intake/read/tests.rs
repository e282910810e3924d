//! Reports as some thirty mail systems write them, in `corpus/`, and what is read from each. All were written for this test, after the
//! forms of those systems; names and addresses are invented.

use super::*;
use crate::token::TokenKey;

/// File, class, the code that says the most, what the token is for.
const EXPECTED: &[(&str, &str, &str, &str, &str)] = &[
    ("postfix-unknown", include_str!("corpus/postfix-unknown.eml"), "no-mailbox", "5.1.1", "bounce"),
    ("postfix-delayed", include_str!("corpus/postfix-delayed.eml"), "delayed", "4.4.1", "bounce"),
    ("postfix-expired", include_str!("corpus/postfix-expired.eml"), "expired", "4.4.1", "bounce"),
    ("postfix-relayed", include_str!("corpus/postfix-relayed.eml"), "delivered", "2.0.0", "bounce"),
    ("exim-dsn", include_str!("corpus/exim-dsn.eml"), "mailbox-full", "5.0.0", "bounce"),
    ("exim-remote", include_str!("corpus/exim-remote.eml"), "policy", "5.7.1", "bounce"),
    ("exim-old-text", include_str!("corpus/exim-old-text.eml"), "no-domain", "", "bounce"),
    ("sendmail", include_str!("corpus/sendmail.eml"), "no-mailbox", "5.3.0", "bounce"),
    ("sendmail-warning-text", include_str!("corpus/sendmail-warning-text.eml"), "delayed", "4.4.1", "bounce"),
    ("qmail", include_str!("corpus/qmail.eml"), "no-mailbox", "5.1.1", "bounce"),
    ("qmail-remote-full", include_str!("corpus/qmail-remote-full.eml"), "mailbox-full", "5.2.2", "bounce"),
    ("exchange-2019", include_str!("corpus/exchange-2019.eml"), "no-mailbox", "5.1.1", "bounce"),
    ("exchange-german", include_str!("corpus/exchange-german.eml"), "mailbox-full", "5.2.2", "bounce"),
    ("office365-unknown", include_str!("corpus/office365-unknown.eml"), "no-mailbox", "5.1.10", "bounce"),
    ("office365-blocked", include_str!("corpus/office365-blocked.eml"), "policy", "5.7.515", "bounce"),
    ("gmail", include_str!("corpus/gmail.eml"), "no-mailbox", "5.1.1", "bounce"),
    ("gmail-full", include_str!("corpus/gmail-full.eml"), "mailbox-full", "5.2.2", "bounce"),
    ("gmail-unauthenticated", include_str!("corpus/gmail-unauthenticated.eml"), "policy", "5.7.26", "bounce"),
    ("yahoo", include_str!("corpus/yahoo.eml"), "no-mailbox", "", "bounce"),
    ("yahoo-blocked", include_str!("corpus/yahoo-blocked.eml"), "policy", "5.7.1", "bounce"),
    ("amazon-ses-mail", include_str!("corpus/amazon-ses-mail.eml"), "no-mailbox", "5.1.1", "bounce"),
    ("domino", include_str!("corpus/domino.eml"), "no-mailbox", "5.0.0", "bounce"),
    ("domino-text", include_str!("corpus/domino-text.eml"), "no-mailbox", "", "bounce"),
    ("groupwise", include_str!("corpus/groupwise.eml"), "no-mailbox", "5.0.0", "bounce"),
    ("courier", include_str!("corpus/courier.eml"), "no-mailbox", "5.0.0", "bounce"),
    ("mailenable", include_str!("corpus/mailenable.eml"), "no-mailbox", "", "bounce"),
    ("imail", include_str!("corpus/imail.eml"), "mailbox-full", "", "bounce"),
    ("imail-unknown", include_str!("corpus/imail-unknown.eml"), "no-mailbox", "", "bounce"),
    ("zoho", include_str!("corpus/zoho.eml"), "no-mailbox", "5.1.1", "bounce"),
    ("proofpoint", include_str!("corpus/proofpoint.eml"), "policy", "5.7.1", "bounce"),
    ("mimecast", include_str!("corpus/mimecast.eml"), "no-mailbox", "5.0.0", "bounce"),
    ("mimecast-policy", include_str!("corpus/mimecast-policy.eml"), "policy", "5.0.0", "bounce"),
    ("barracuda", include_str!("corpus/barracuda.eml"), "refused", "5.7.1", "bounce"),
    ("opensmtpd", include_str!("corpus/opensmtpd.eml"), "no-mailbox", "5.0.0", "bounce"),
    ("halon", include_str!("corpus/halon.eml"), "no-domain", "5.4.4", "bounce"),
    ("swedish-text", include_str!("corpus/swedish-text.eml"), "mailbox-full", "", "bounce"),
    ("french-text", include_str!("corpus/french-text.eml"), "no-mailbox", "", "bounce"),
    ("japanese-dsn", include_str!("corpus/japanese-dsn.eml"), "no-mailbox", "5.1.1", "bounce"),
    ("japanese-jis-text", include_str!("corpus/japanese-jis-text.eml"), "no-mailbox", "", "bounce"),
    ("agency-unclear", include_str!("corpus/agency-unclear.eml"), "unclear", "", "bounce"),
    ("forwarder-mixed", include_str!("corpus/forwarder-mixed.eml"), "delivered", "2.0.0", "bounce"),
    ("dsn-base64", include_str!("corpus/dsn-base64.eml"), "no-mailbox", "5.2.1", "bounce"),
    ("no-report-type", include_str!("corpus/no-report-type.eml"), "no-domain", "5.1.2", "bounce"),
    ("arf-yahoo", include_str!("corpus/arf-yahoo.eml"), "complaint", "", "bounce"),
    ("arf-microsoft-jmrp", include_str!("corpus/arf-microsoft-jmrp.eml"), "complaint", "", "unsubscribe"),
    ("arf-forged", include_str!("corpus/arf-forged.eml"), "unrelated", "", "nobody"),
    ("arf-not-spam", include_str!("corpus/arf-not-spam.eml"), "delivered", "", "nobody"),
    ("auto-outlook", include_str!("corpus/auto-outlook.eml"), "automatic", "", "bounce"),
    ("auto-vacation", include_str!("corpus/auto-vacation-quotes-550.eml"), "automatic", "", "bounce"),
    ("auto-challenge", include_str!("corpus/auto-challenge.eml"), "automatic", "", "bounce"),
    ("mdn", include_str!("corpus/mdn.eml"), "automatic", "", "bounce"),
    ("unsubscribe-mail", include_str!("corpus/unsubscribe-mail.eml"), "unsubscribe", "", "unsubscribe"),
    (
        "unsubscribe-changed",
        include_str!("corpus/unsubscribe-changed-subject.eml"),
        "unsubscribe",
        "",
        "unsubscribe",
    ),
    ("person", include_str!("corpus/person.eml"), "reply", "", "bounce"),
    ("person-without-token", include_str!("corpus/person-without-token.eml"), "reply", "", "nobody"),
    ("stranger", include_str!("corpus/stranger.eml"), "unrelated", "", "nobody"),
];

fn trust() -> Trust {
    Trust {
        server: Some("mx.halden.example".to_owned()),
        reporters: vec!["fbl.yahoo.example".to_owned(), "fbl.outlook.example".to_owned()],
    }
}

/// The mail with the tokens of delivery 7.
fn filled(template: &str) -> Vec<u8> {
    let key = TokenKey::derive(b"corpus");
    let token = |purpose| key.mint(purpose, 7, &Digest::of(b"delivery")).to_string();
    let (bounce, leave) = (token(Purpose::Bounce), token(Purpose::Unsubscribe));
    let mail = template
        .replace("{BOUNCE}", &format!("b+{bounce}@bounce.news.halden.example"))
        .replace("{UNSUB}", &format!("u+{leave}@bounce.news.halden.example"))
        .replace("{UTOKEN}", &leave);
    mail.into_bytes()
}

/// What the token of delivery 7 is for, if it is true.
fn purpose(token: &Token) -> Option<Purpose> {
    let key = TokenKey::derive(b"corpus");
    [Purpose::Bounce, Purpose::Unsubscribe]
        .into_iter()
        .find(|purpose| key.verify(*purpose, token, token.row(), &Digest::of(b"delivery")))
}

fn said(reading: &Reading) -> (String, String, &'static str) {
    let purpose = reading.token.as_ref().and_then(purpose);
    let token = match purpose {
        None if reading.token.is_none() => "nobody",
        None => "somebody else",
        Some(Purpose::Bounce) => "bounce",
        Some(Purpose::Unsubscribe) => "unsubscribe",
    };
    (reading.meaning(purpose).to_string(), reading.words.enhanced.clone().unwrap_or_default(), token)
}

#[test]
fn every_dialect_is_understood() {
    let mut wrong = Vec::new();
    for (name, template, class, enhanced, token) in EXPECTED {
        let unix = filled(template);
        let reading = read(&unix, &trust());
        let found = said(&reading);
        let expected = ((*class).to_owned(), (*enhanced).to_owned(), *token);
        if found != expected {
            wrong.push(format!("{name}: {found:?}, not {expected:?}; words {:?}", reading.words.text));
        }
        // The same over IMAP, where lines end with CR LF.
        let wire = String::from_utf8(unix).unwrap().replace('\n', "\r\n");
        let again = read(wire.as_bytes(), &trust());
        assert_eq!((said(&again), again.digest), (found, reading.digest), "{name}");
        assert!(reading.kept.is_some() || *class != "reply", "{name}");
        assert!(!reading.words.text.contains('\n') && reading.words.text.len() <= 500, "{name}");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_mail_of_the_corpus_is_tried() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/intake/read/corpus");
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, EXPECTED.len());
}

/// Without a server that the operator trusts no complaint by mail is believed.
#[test]
fn complaints_are_believed_only_where_it_is_said_whose() {
    for name in ["arf-yahoo", "arf-microsoft-jmrp"] {
        let (_, template, ..) = EXPECTED.iter().find(|(found, ..)| *found == name).unwrap();
        let reading = read(&filled(template), &Trust::default());
        assert_eq!((reading.class, reading.token), (Class::Unrelated, None), "{name}");
    }
}

/// Whatever happens to a mail on its way, it names no other delivery than its own, or nobody that exists; and reading it ends.
#[test]
fn mutated_mails_name_nobody_else() {
    let times = std::env::var("INTAKE_MUTATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000_u64);
    let mut dice = 0x2545_f491_4f6c_dd1d_u64;
    let mut roll = move |most: usize| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        usize::try_from(dice % most.max(1) as u64).unwrap()
    };
    for time in 0..times {
        let (name, template, ..) = EXPECTED[roll(EXPECTED.len())];
        let mut mail = filled(template);
        for _ in 0..=roll(8) {
            let (at, other) = (roll(mail.len()), roll(mail.len()));
            match roll(7) {
                0 => mail[at] ^= 1 << roll(8),
                1 => mail.truncate(at.max(1)),
                2 => drop(mail.drain(at.min(other)..at.max(other).min(at.min(other) + 200))),
                3 => {
                    let piece = mail[at..(at + roll(300)).min(mail.len())].to_vec();
                    mail.splice(other..other, piece);
                }
                4 => mail.insert(at, b"\r\n\0:<>+@=\"\xff-; "[roll(14)]),
                5 => {
                    let (_, donor, ..) = EXPECTED[roll(EXPECTED.len())];
                    let donor = filled(donor);
                    let from = roll(donor.len());
                    mail.splice(at..at, donor[from..(from + roll(400)).min(donor.len())].iter().copied());
                }
                _ => mail[at] = mail[at].to_ascii_uppercase(),
            }
            if mail.is_empty() {
                mail.push(b'\n');
            }
        }
        let reading = read(&mail, &trust());
        if let Some(token) = reading.token.as_ref().filter(|token| purpose(token).is_some()) {
            assert_eq!(token.row(), 7, "{name} {time}");
        }
        assert!(reading.words.text.chars().all(|c| !c.is_control()), "{name} {time}");
    }
}

/// A mail that is one big trap is read in no time.
#[test]
fn hostile_mails_are_read_in_bounds() {
    let mut nested = String::new();
    for depth in 0..200 {
        nested.push_str(&format!("Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n"));
    }
    let rfc822 = "Content-Type: message/rfc822\n\n".repeat(30_000);
    let blocks = format!(
        "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n{}--b--\n",
        "Final-Recipient: rfc822; victim@paper.example\nAction: failed\nStatus: 5.1.1\n\n".repeat(100_000)
    );
    let long_line = format!("To: {}\n\n", "b+aaaaaaaaaaaaaaaaaaaaaaaaaa@x, ".repeat(100_000));
    let words = format!("Subject: {}\n\n", "=?utf-8?Q?=41?= ".repeat(100_000));
    let many = format!("Return-Path: <>\nSubject: failure notice\n\n{}", "550 5.1.1 \n".repeat(500_000));
    let utf7 =
        "Content-Type: text/plain; charset=utf-7\nReturn-Path: <>\nSubject: failure notice\n\n+AGEAYg-"
            .to_owned();
    let begun = std::time::Instant::now();
    for mail in [nested, rfc822, blocks, long_line, words, many, utf7, String::new(), "\n".repeat(1_000_000)]
    {
        let reading = read(mail.as_bytes(), &trust());
        assert!(reading.words.text.len() <= 500);
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn subjects_lose_what_programs_put_before_them() {
    for (subject, expected) in [
        ("Re: Aster EV", "Aster EV"),
        ("AW: Re: RE[2]: Aster: the car", "Aster: the car"),
        ("Aster EV", "Aster EV"),
        ("Re:", ""),
        ("\u{8fd4}\u{4fe1}\u{ff1a}Aster", "Aster"),
    ] {
        assert_eq!(bare(subject), expected);
    }
}
