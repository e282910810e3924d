use expect_test::{Expect, expect};
use mail_parser::MessageParser;

use super::super::sample::{self, request};
use super::super::{Addressee, Mail, Request, edition};

fn filled(mail: &Mail, name: Option<&str>) -> String {
    let email = "jane@paper.example".parse().unwrap();
    let addressee = Addressee {
        email: &email,
        name,
        message_id: "k4abc@news.halden.example",
        in_reply_to: None,
        token: "TOKEN",
    };
    let message = String::from_utf8(mail.fill(&addressee)).unwrap();
    assert!(message.is_ascii() && message.ends_with("\r\n"));
    for line in message.split_terminator("\r\n") {
        assert!(line.len() <= 76 && !line.starts_with('.') && !line.contains(['\r', '\n']), "{line:?}");
    }
    message
}

fn rendered(request: &Request) -> Mail {
    sample::mail(edition(&sample::aster(), request))
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
        Sent to Jane Roe because you are on our list “Trade press”.
        Unsubscribe: https://u.halden.example/u/TOKEN
        Halden Motors
        Box 1961, 400 00 Göteborg"#]],
    );
}
