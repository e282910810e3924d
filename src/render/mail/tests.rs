use expect_test::{Expect, expect};
use mail_parser::MessageParser;

use super::super::sample::{self, request};
use super::super::{Addressee, Content, Edition, Mail, Request, edition};

fn mail_of(edition: Edition) -> Mail {
    match edition.content {
        Content::Mail(mail) => mail,
        other => panic!("{other:?}"),
    }
}

fn filled(mail: &Mail, name: Option<&str>) -> String {
    let email = "jane@paper.example".parse().unwrap();
    let addressee = Addressee {
        email: &email,
        name,
        message_id: "k4abc@news.halden.example",
        in_reply_to: None,
        token: "TOKEN",
    };
    let bytes = mail.fill(&addressee);
    assert_eq!(Mail::guard(&bytes), Ok(()));
    for line in bytes.split(|byte| *byte == b'\n') {
        assert!(line.len() <= 77 && !line.starts_with(b"."), "{:?}", String::from_utf8_lossy(line));
    }
    String::from_utf8(bytes).unwrap()
}

fn rendered(request: &Request) -> Mail {
    mail_of(edition(&sample::aster(), request).unwrap())
}

/// The text part, read back by a parser that is not ours.
fn text_of(message: &str) -> String {
    let parsed = MessageParser::default().parse(message.as_bytes()).unwrap();
    parsed.body_text(0).unwrap().replace("\r\n", "\n")
}

#[track_caller]
fn check_text(request: &Request, expected: &Expect) {
    expected.assert_eq(&text_of(&filled(&rendered(request), Some("Jane Roe"))));
}

#[test]
fn the_text_part_reads_well() {
    check_text(
        &request("aster-ev", "relay"),
        &expect![[r#"
        Aster EV goes 620 km & more
        ---------------------------

        Orders open on 8 December

        GOTHENBURG, 1 December 2026 — Halden today presented Aster, which goes
        620 km [1].

        [The car again]

        For the press alone: call us.

        - Range: 620 km
        - Battery: 78 kWh

        ###

        Halden Motors builds cars.

        Links
        [1] https://halden.example/wltp

        Press contacts
        --------------
        Astrid Wennerlöf, Head of Press
        press@halden.example
        +46 31 390 06 10

        Read it in the newsroom:
        https://news.halden.example/2026/aster-ev/

        ------------------------------------------------------------------------
        Sent to Jane Roe because you are on our list “press”.
        Unsubscribe: https://u.halden.example/u/TOKEN
        Halden Motors
        Box 1961, 400 00 Göteborg"#]],
    );
}
