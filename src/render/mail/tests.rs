use expect_test::{Expect, expect};
use mail_parser::MessageParser;

use super::super::sample::{self, request};
use super::super::{Addressee, Edition, Mail, RenderError, Renderer, Request, edition};
use crate::release::Notice;

fn filled(mail: &Mail, name: Option<&str>) -> String {
    let email = "jane@paper.example".parse().unwrap();
    let message_id = "k4abc@news.halden.example";
    fill(mail, &Addressee { email: &email, name, message_id, in_reply_to: None, token: "TOKEN" })
}

/// Fills a mail and holds it against what every message of ours promises.
fn fill(mail: &Mail, addressee: &Addressee<'_>) -> String {
    let message = String::from_utf8(mail.fill(addressee)).unwrap();
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

fn html_of(message: &str) -> String {
    let parsed = MessageParser::default().parse(message.as_bytes()).unwrap();
    parsed.body_html(0).unwrap().into_owned()
}

fn headers(message: &str) -> &str {
    message.split("\r\n\r\n").next().unwrap()
}

#[test]
fn the_headers_are_those_of_a_press_mail() {
    let message = filled(&rendered(&request("aster-ev", "relay")), Some("Jåne Roe"));
    let (headers, boundary) = headers(&message).rsplit_once("=_alt_").unwrap();
    assert_eq!(boundary.len(), 25);
    expect![[r#"
        From: "Halden Motors Press" <press@news.halden.example>
        To: =?utf-8?Q?J=C3=A5ne_Roe?= <jane@paper.example>
        Reply-To: press@halden.example
        Subject: Aster EV goes 620 km & more
        Date: Tue, 01 Dec 2026 09:00:00 +0100
        Message-ID: <k4abc@news.halden.example>
        Content-Language: en
        List-Id: "Halden Motors Press" <press.news.halden.example>
        List-Unsubscribe: <https://u.halden.example/u/TOKEN>,
         <mailto:leave+TOKEN@halden.example?subject=unsubscribe>
        List-Unsubscribe-Post: List-Unsubscribe=One-Click
        Feedback-ID: aster-ev:press:press:halden-motors
        Precedence: bulk
        X-Auto-Response-Suppress: OOF, AutoReply
        MIME-Version: 1.0
        Content-Type: multipart/alternative;
         boundary=""#]]
    .assert_eq(&headers.replace("\r\n", "\n"));
}

#[test]
fn subjects_say_what_a_mail_is() {
    let plain = request("aster-ev", "relay");
    for (request, expected) in [
        (plain.clone(), "Aster EV goes 620 km & more"),
        (Request { test: true, ..plain.clone() }, "TEST: Aster EV goes 620 km & more"),
        (
            Request { advance: true, ..plain.clone() },
            "EMBARGOED until 1 December 2026, 09:00 CET: Aster EV goes 620 km & more",
        ),
        (Request { notice: Notice::Correction, ..plain.clone() }, "Correction: Aster EV goes 620 km & more"),
        (Request { notice: Notice::Hold, ..plain.clone() }, "Do not use: Aster EV goes 620 km & more"),
        (Request { notice: Notice::Kill, ..plain.clone() }, "Withdrawn: Aster EV goes 620 km & more"),
        (
            Request { notice: Notice::Kill, language: "sv".parse().unwrap(), ..plain.clone() },
            "Återkallat: Aster går 620 km",
        ),
    ] {
        let mail = rendered(&request);
        assert_eq!(mail.subject, expected);
        let message = filled(&mail, None);
        let parsed = MessageParser::default().parse(message.as_bytes()).unwrap();
        assert_eq!(parsed.subject().unwrap(), expected);
    }
}

#[test]
fn a_copy_before_the_embargo_holds_no_address_of_the_release() {
    let advance = Request { advance: true, ..request("aster-ev", "relay") };
    let message = filled(&rendered(&advance), None);
    for part in [text_of(&message), html_of(&message)] {
        assert!(part.contains("EMBARGOED until 1 December 2026, 09:00 CET"), "{part}");
        assert!(part.contains("[The car again]") && part.contains("goes"));
        assert!(!part.contains("/2026/") && !part.contains("front.png"), "{part}");
    }
}

#[test]
fn what_is_held_or_withdrawn_is_not_spread_again() {
    let newsroom = sample::release("reason: A figure was wrong\n", "Secret words.");
    for (notice, label) in [(Notice::Hold, "Do not use"), (Notice::Kill, "Withdrawn")] {
        let request = Request { notice, ..request("r", "relay") };
        let message = filled(&sample::mail(edition(&newsroom, &request)), None);
        for part in [text_of(&message), html_of(&message)] {
            assert!(part.contains(label) && part.contains("A figure was wrong. We "), "{part}");
            assert!(!part.contains("Secret words"), "{part}");
        }
    }
}

/// H28 and H31: what a recipient's data say is escaped for the place it stands in.
#[test]
fn slots_are_escaped_for_their_place() {
    let mail = rendered(&request("aster-ev", "relay"));
    let email = "o'neil+a@paper.example".parse().unwrap();
    let evil = "{{other}} <b>\r\nBcc: x@evil.test\r\n.\r\nMAIL FROM:<evil@z.test>\u{202e}";
    let addressee = Addressee {
        email: &email,
        name: Some(evil),
        message_id: "id@h.example\r\nX-Evil: 1",
        in_reply_to: Some("old@h.example"),
        token: "T\r\nX-Evil: 1",
    };
    let message = fill(&mail, &addressee);
    let parsed = MessageParser::default().parse(message.as_bytes()).unwrap();
    let names: Vec<&str> = parsed.headers().iter().map(mail_parser::Header::name).collect();
    assert!(!names.contains(&"Bcc") && !names.contains(&"X-Evil"), "{names:?}");
    let clean = "{{other}} <b> Bcc: x@evil.test . MAIL FROM:<evil@z.test>";
    assert_eq!(parsed.to().unwrap().first().unwrap().name(), Some(clean));
    assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some("o'neil+a@paper.example"));
    assert_eq!(parsed.in_reply_to().as_text(), Some("old@h.example"));
    assert!(text_of(&message).contains(&format!("Sent to {clean} because")));
    let html = html_of(&message);
    assert!(
        html.contains("Sent to {{other}} &lt;b&gt; Bcc: x@evil.test . MAIL FROM:&lt;evil@z.test&gt; because")
    );
}

#[test]
fn filling_again_gives_the_same_bytes_and_nothing_of_the_last_recipient() {
    let mail = rendered(&request("aster-ev", "relay"));
    let [jane, bob] = ["jane@paper.example", "bob@radio.example"].map(|text| text.parse().unwrap());
    let to = |email, name| Addressee { email, name, message_id: "m@h", in_reply_to: None, token: "T" };
    let mut buffer = Vec::new();
    mail.fill_into(&to(&jane, Some("Jane Roe")), &mut buffer);
    let first = buffer.clone();
    mail.fill_into(&to(&bob, None), &mut buffer);
    assert!(!String::from_utf8_lossy(&buffer).contains("Jane"));
    assert!(String::from_utf8_lossy(&buffer).contains("bob@radio.example"));
    mail.fill_into(&to(&jane, Some("Jane Roe")), &mut buffer);
    assert_eq!(buffer, first);
}

#[test]
fn ways_to_leave_are_there_as_far_as_they_are_known() {
    let lines = |web: Option<&str>, mailbox: Option<&str>| {
        let mut newsroom = sample::aster();
        let relay = newsroom.channels.get_mut("relay").unwrap();
        relay.unsubscribe_url = web.map(str::to_owned);
        relay.unsubscribe_mailto = mailbox.map(str::to_owned);
        let message = filled(&sample::mail(edition(&newsroom, &request("aster-ev", "relay"))), None);
        let link = html_of(&message).contains(">Unsubscribe<");
        let start = headers(&message).find("List-Unsubscribe").unwrap_or(headers(&message).len());
        let end = headers(&message).find("Feedback-ID").unwrap();
        (headers(&message).get(start..end).unwrap_or_default().replace("\r\n", "|"), link)
    };
    assert_eq!(lines(None, None), (String::new(), false));
    assert_eq!(
        lines(Some("http://127.0.0.1:8080/u/"), None),
        ("List-Unsubscribe: <http://127.0.0.1:8080/u/TOKEN>|".to_owned(), true)
    );
    assert_eq!(
        lines(None, Some("leave@halden.example")),
        ("List-Unsubscribe: <mailto:leave+TOKEN@halden.example?subject=unsubscribe>|".to_owned(), true)
    );
    assert!(
        lines(Some("https://u.halden.example/u"), None)
            .0
            .contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click|")
    );
}

#[test]
fn an_event_brings_its_calendar_file() {
    let front = "event:\n  starts: 2026-12-01T10:00[Europe/Stockholm]\n  ends: 2026-12-01T12:30[Europe/Stockholm]\n  place: The hall\n";
    let newsroom = sample::release(front, "Come.");
    let calendar = |notice| {
        let message =
            filled(&sample::mail(edition(&newsroom, &Request { notice, ..request("r", "relay") })), None);
        let parsed = MessageParser::default().parse(message.as_bytes()).unwrap();
        parsed.attachments().next().map(|part| String::from_utf8(part.contents().to_vec()).unwrap())
    };
    expect![[r#"
        BEGIN:VCALENDAR
        VERSION:2.0
        PRODID:-//Dateline//Dateline//EN
        METHOD:PUBLISH
        BEGIN:VEVENT
        UID:r@news.halden.example
        SEQUENCE:0
        DTSTAMP:20261201T080000Z
        ORGANIZER;CN="Halden Motors":mailto:press@halden.example
        DTSTART:20261201T090000Z
        DTEND:20261201T113000Z
        SUMMARY;LANGUAGE=en:A title
        LOCATION:The hall
        URL:https://news.halden.example/2026/r/
        STATUS:CONFIRMED
        TRANSP:OPAQUE
        END:VEVENT
        END:VCALENDAR
    "#]]
    .assert_eq(&calendar(Notice::Original).unwrap().replace("\r\n", "\n"));
    let killed = calendar(Notice::Kill).unwrap();
    assert!(killed.contains("METHOD:CANCEL") && killed.contains("UID:r@news.halden.example"));
    assert!(!killed.contains("SEQUENCE:0\r"));
    assert_eq!(calendar(Notice::Hold), None);
}

#[test]
fn a_round_up_names_every_release() {
    let newsroom = sample::newsroom(&[
        ("releases/2026/aster-ev.md", sample::ASTER),
        (
            "releases/2026/other.md",
            &sample::ASTER.replace("Aster EV goes", "Linnea <goes>").replace("summary", "kicker"),
        ),
    ]);
    let round_up = Request {
        digest_of: vec!["aster-ev".to_owned(), "other".to_owned()],
        ..request("digest/press/2026-12-07", "relay")
    };
    let mail = sample::mail(edition(&newsroom, &round_up));
    assert_eq!(mail.subject, "News from Halden Motors, 1 December 2026");
    let message = filled(&mail, None);
    for part in
        [text_of(&message), html_of(&message).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")]
    {
        for words in [
            "Aster EV goes 620 km & more",
            "A family car that goes 620 km.",
            "Linnea <goes> 620 km & more",
            "https://news.halden.example/2026/other/",
        ] {
            assert!(part.contains(words), "{words}: {part}");
        }
    }
    let page = Request { channel: "site".to_owned(), ..round_up };
    assert!(matches!(edition(&newsroom, &page), Err(RenderError::Content(_))));
}

/// Same newsroom, same bytes: whatever was rendered before, and by whom.
#[test]
fn the_same_newsroom_gives_the_same_bytes() {
    let channels = ["relay", "site", "mastodon", "bluesky", "hook", "archive"];
    let all = |renderer: &Renderer<'_>, backwards: bool| -> Vec<String> {
        let mut requests: Vec<Request> = Vec::new();
        for language in ["en", "sv"] {
            for notice in [Notice::Original, Notice::Correction, Notice::Hold, Notice::Kill] {
                for channel in channels {
                    let language = language.parse().unwrap();
                    requests.push(Request { notice, language, ..request("aster-ev", channel) });
                }
            }
        }
        let sha = |request: &Request| -> Edition { renderer.edition(request).unwrap() };
        if backwards {
            requests.iter().rev().map(|request| sha(request).sha().to_string()).rev().collect()
        } else {
            requests.iter().map(|request| sha(request).sha().to_string()).collect()
        }
    };
    let (one, two) = (sample::aster(), sample::aster());
    let (first, second) = (Renderer::new(&one), Renderer::new(&two));
    let shas = all(&first, false);
    assert_eq!(shas, all(&second, true));
    assert_eq!(shas, all(&first, false));
    let different: std::collections::BTreeSet<&String> = shas.iter().collect();
    assert_eq!(different.len(), shas.len());
}

/// A large release stays below what Gmail shows without clipping.
#[test]
fn a_mail_stays_below_a_hundred_kilobytes() {
    let body =
        "A paragraph of the usual length, with **bold** words and [a link](https://halden.example).\n\n"
            .repeat(150);
    let newsroom = sample::release("", &body);
    let message = filled(&sample::mail(edition(&newsroom, &request("r", "relay"))), None);
    assert!(html_of(&message).len() < 100_000, "{}", html_of(&message).len());
}

#[test]
fn a_sender_that_cannot_be_used_is_an_error() {
    for (from, expected) in [
        (None, "`from` is missing; name the sender's mailbox"),
        (Some("Halden"), "`from` is no mailbox; write it as `Name <name@host.example>`"),
        (Some("H\r\nBcc: x <a@b.example>"), "`from` holds a control character; remove it"),
        (
            Some("H <a@localhost>"),
            "`from` cannot be used: not an e-mail address: the domain after the `@` has no dot",
        ),
    ] {
        let mut newsroom = sample::aster();
        newsroom.channels.get_mut("relay").unwrap().from = from.map(str::to_owned);
        let error = edition(&newsroom, &request("aster-ev", "relay")).unwrap_err();
        assert_eq!(error.to_string(), format!("dateline.yaml: channel `relay`: {expected}"));
    }
}
