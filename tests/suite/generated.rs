//! Generated releases in every script that Unicode has: each mail is valid, and says what it should, for two parsers that nobody here
//! wrote (mail-parser, and the one of Python's standard library).
//!
//! `GENERATED=10000 cargo test --release --test suite generated:: -- --nocapture` is the long form; `SENT=500` sends so many of them
//! through the real Postfix and Dovecot of `tests/endpoints/mail.sh` and compares them byte for byte.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use dateline::channel::config::Tls;
use dateline::channel::smtp::Smtp;
use dateline::channel::{Channel, Parcel, Recipient};
use dateline::digest::Digest;
use dateline::render::{Addressee, Content, Renderer, Request};
use mail_parser::MessageParser;
use secrecy::SecretString;

use crate::docs::newsroom_of;
use crate::real_mail::{Imap, Open, config, fresh_id, message_id, parcel, servers};

/// Numbers that look random and are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[usize::try_from(self.roll(of.len() as u64)).unwrap()]
    }

    /// A character of any plane that a release may hold.
    fn character(&mut self) -> char {
        loop {
            let (from, to) = match self.roll(10) {
                0..4 => (0x20, 0x7f),
                4 => (0xa0, 0x590),
                5 => (0x590, 0x2000), // Hebrew, Arabic, the scripts of India and Asia
                6 => (0x2e80, 0xd7ff),
                7 => (0x1_0000, 0x2_0000), // ancient scripts, music, emoji
                8 => (0x2_0000, 0x3_2000), // rare Han characters
                _ => (0xe000, 0x11_0000),  // private use, tags, the end of the space
            };
            let c = char::from_u32(u32::try_from(from + self.roll(to - from)).unwrap());
            if let Some(c) = c
                && dateline::yaml::forbidden(&c.to_string()).is_none()
                && !c.is_whitespace()
            {
                return c;
            }
        }
    }

    /// Words of a line.
    fn words(&mut self, most: u64) -> String {
        let mut text = String::new();
        for word in 0..1 + self.roll(most) {
            if word > 0 {
                text.push(' ');
            }
            match self.roll(12) {
                0 => text.push_str(self.pick(&[
                    "👩🏽‍🚀",
                    "🇸🇪",
                    "e\u{301}\u{302}\u{303}",
                    "=?utf-8?Q?x?=",
                    "From",
                    ".",
                    "--",
                    "\\\"",
                    "a;b,c:d",
                    "<b>",
                    "&amp;",
                    "%0d%0aBcc:",
                    "שלום",
                    "مرحبا",
                    "汉字",
                    "नमस्ते",
                    "ﬁ",
                    "\u{200d}",
                    "\u{ad}",
                    "ß",
                    "İ",
                ])),
                1 => text.push_str(&"x".repeat(usize::try_from(self.roll(120)).unwrap())),
                _ => (0..1 + self.roll(9)).for_each(|_| {
                    let c = self.character();
                    text.push(c);
                }),
            }
        }
        text.chars().take(120).collect::<String>().trim().to_owned()
    }

    /// A release file.
    fn release(&mut self) -> String {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let mut title = self.words(8);
        if title.chars().all(|c| !c.is_alphanumeric()) {
            title.push_str(" title");
        }
        let summary = format!("{} summary", self.words(15));
        let mut body = String::new();
        for _ in 0..1 + self.roll(6) {
            match self.roll(8) {
                0 => body.push_str(&format!("## {}\n\n", self.words(5))),
                1 => body.push_str(&format!("- {}\n- {}\n\n", self.words(9), self.words(9))),
                2 => body.push_str(&format!("> {}\n\n", self.words(20))),
                3 => body.push_str(&format!(
                    "| a | b |\n| --- | --- |\n| {} | 1 |\n\n",
                    self.words(3).replace('|', "")
                )),
                4 => body.push_str(&format!(
                    "[{}](https://news.halden.example/?q=1)\n\n",
                    self.words(3).replace([']', '['], "")
                )),
                _ => (0..1 + self.roll(4)).for_each(|_| {
                    let line = self.words(30);
                    body.push_str(&line);
                    body.push_str("\n\n");
                }),
            }
        }
        format!(
            "---\ntitle: {}\nsummary: {}\ndateline: Gothenburg\npublish: 2026-12-01T09:00\nstatus: approved\n\
             audiences: [bloggers]\ncontacts: [press-office]\nboilerplate: [halden]\n---\n{body}",
            quoted(&title),
            quoted(&summary)
        )
    }
}

/// So many releases stand in one newsroom: compiling its templates costs more than rendering them.
const TOGETHER: u64 = 250;

/// The editions of generated releases from `first` on, each as a parcel for somebody with a generated name; nothing where the
/// release is refused.
fn generated(first: u64, count: u64) -> impl Iterator<Item = (u64, Option<Parcel>)> {
    let ends = first + count;
    (first..ends).step_by(usize::try_from(TOGETHER).unwrap()).flat_map(move |from| {
        let seeds: Vec<u64> = (from..ends.min(from + TOGETHER)).collect();
        let slug = |seed: u64| format!("generated-{seed}");
        let mut dice: Vec<Dice> = seeds.iter().map(|seed| Dice(*seed)).collect();
        let newsroom = newsroom_of(
            seeds
                .iter()
                .zip(&mut dice)
                .map(|(seed, dice)| (format!("releases/2026/{}.md", slug(*seed)), dice.release())),
        );
        let renderer = Renderer::new(&newsroom);
        let parcels = seeds.into_iter().zip(dice).map(|(seed, mut dice)| {
            let slug = slug(seed);
            let parcel = newsroom.releases.contains_key(&slug).then(|| {
                let edition =
                    renderer.edition(&request(slug)).unwrap_or_else(|error| panic!("{seed}: {error}"));
                let mut parcel = parcel(&Arc::new(edition), "jane@paper.example", &fresh_id());
                parcel.key = Digest::of(&seed.to_be_bytes());
                if let Recipient::Mailbox { name, .. } = &mut parcel.recipient {
                    *name = Some(dice.words(4)).filter(|_| dice.roll(8) > 0);
                }
                parcel
            });
            (seed, parcel)
        });
        parcels.collect::<Vec<_>>()
    })
}

fn request(slug: String) -> Request {
    Request {
        slug,
        digest_of: Vec::new(),
        notice: dateline::release::Notice::Original,
        audience: "bloggers".into(),
        channel: "relay".into(),
        language: "en".parse().unwrap(),
        advance: false,
        test: false,
        date: "2026-12-01T08:00:00Z".parse().unwrap(),
    }
}

fn filled(parcel: &Parcel) -> Vec<u8> {
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

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_generated_mail_is_valid_for_two_other_parsers() {
    let count = number("GENERATED", 150);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/endpoints/judges/parse.py");
    let python = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut python) = python else {
        eprintln!("SKIPPED every_generated_mail_is_valid_for_two_other_parsers: no python3");
        return;
    };
    let (mut input, output) = (python.stdin.take().unwrap(), python.stdout.take().unwrap());
    let reader = std::thread::spawn(move || std::io::read_to_string(output).unwrap());
    let mut meant = Vec::new();
    let mut refused = 0;
    for (seed, parcel) in generated(0, count) {
        let Some(parcel) = parcel else {
            refused += 1;
            continue;
        };
        let bytes = filled(&parcel);
        let Content::Mail(mail) = &parcel.edition.content else { unreachable!() };
        let Recipient::Mailbox { name, .. } = &parcel.recipient else { unreachable!() };
        let read = MessageParser::default().parse(&bytes).unwrap();
        let name = name.as_deref().map(squeezed).filter(|name| !name.is_empty());
        assert_eq!(squeezed(read.subject().unwrap()), squeezed(&mail.subject), "{seed}");
        let to = read.to().unwrap().first().unwrap();
        assert_eq!(to.name().map(squeezed), name, "{seed}");
        assert_eq!(to.address(), Some("jane@paper.example"), "{seed}");
        let digest = |text: Option<std::borrow::Cow<'_, str>>| {
            // Python ends lines with LF, as the text was before it was a mail.
            Digest::of(text.unwrap().replace("\r\n", "\n").trim_end_matches('\n').as_bytes()).to_string()
        };
        let (plain, html) = (digest(read.body_text(0)), digest(read.body_html(0)));
        meant.push((seed, mail.subject.clone(), name, message_id(&parcel.wire_key), plain, html));
        writeln!(input, "{}", bytes.len()).unwrap();
        input.write_all(&bytes).unwrap();
    }
    drop(input);
    let read = reader.join().unwrap();
    assert!(python.wait().unwrap().success());
    let lines: Vec<&str> = read.lines().collect();
    assert_eq!(lines.len(), meant.len());
    let mut wrong = Vec::new();
    for (line, (seed, subject, name, id, plain, html)) in lines.iter().zip(&meant) {
        let seen: serde_json::Value = serde_json::from_str(line).unwrap();
        // Python 3.11 leaves the white space between the encoded words of a name, which RFC 2047 6.2 takes out.
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        let to = (letters(seen["to"][0][0].as_str().unwrap()), seen["to"][0][1].as_str().unwrap());
        let good = seen["defects"].as_array().unwrap().is_empty()
            && squeezed(seen["subject"].as_str().unwrap()) == squeezed(subject)
            && to == (letters(name.as_deref().unwrap_or_default()), "jane@paper.example")
            && seen["id"] == format!("<{id}>")
            && (seen["plain"] == plain.as_str() && seen["html"] == html.as_str())
            && seen["longest"].as_u64() <= Some(200);
        if !good {
            wrong.push(format!("{seed}: {subject:?} {name:?} {plain} {html}: {seen}"));
        }
    }
    eprintln!("{} mails read by two parsers, {refused} releases refused before", lines.len());
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        lines.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
    assert!(refused * 3 < count, "{refused} of {count} were refused, so little was tried");
}

#[tokio::test]
async fn generated_mails_arrive_byte_for_byte() {
    let Some(servers) = servers("generated_mails_arrive_byte_for_byte") else { return };
    let count = number("SENT", 20);
    let smtp = Smtp::open(&config(&servers, Tls::Starttls), Some(SecretString::from("relay-pass"))).unwrap();
    let mut sent = Vec::new();
    for (seed, parcel) in generated(1_000_000, count * 2) {
        if sent.len() as u64 == count {
            break;
        }
        let Some(parcel) = parcel else { continue };
        smtp.deliver(&parcel, &Open).await.unwrap_or_else(|failure| panic!("{seed}: {failure}"));
        sent.push((seed, message_id(&parcel.wire_key), filled(&parcel)));
    }
    assert_eq!(sent.len() as u64, count);
    let mut imap = Imap::open(&servers, "jane@paper.example", "jane-pass").await;
    for (seed, id, bytes) in &sent {
        let numbers = imap.arrived(id).await;
        assert_eq!(numbers.len(), 1, "{seed}");
        let arrived = imap.fetch(numbers[0]).await;
        assert!(arrived.ends_with(bytes), "{seed} was changed on its way");
    }
    eprintln!("{count} generated mails went through Postfix and Dovecot unchanged");
}
