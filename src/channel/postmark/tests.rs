use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::channel::scripted::{Act, Counting, Scripted};
use crate::channel::suite::{Provider, SHORT, correction, letter};

const ID: &str = "b7bc2f4a-e38e-4336-af7d-e6c392c2f817";

fn postmark(url: &Url) -> Postmark {
    let config = json!({
        "token": {"env": "T"}, "endpoint": url.as_str(),
        "from": "Halden Motors Press <press@halden.example>",
    });
    Postmark::with(&serde_json::from_value(config).unwrap(), &"geheim-token".into(), SHORT).unwrap()
}

fn error(status: u16, code: u32, words: &str) -> Act {
    Act::json(status, &json!({ "ErrorCode": code, "Message": words }))
}

const POSTMARK: Provider = Provider {
    open: |url| Box::new(postmark(url)),
    taken: || {
        Act::json(
            200,
            &json!({
                "To": "joerg@paper.example", "SubmittedAt": "2026-12-01T03:00:01.0000000-05:00",
                "MessageID": ID, "ErrorCode": 0, "Message": "OK",
            }),
        )
    },
    id: ID,
    too_fast: || error(429, 429, "Rate limit exceeded"),
    most: MOST,
};

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_to_what_every_provider_does() {
    POSTMARK.holds().await;
}

#[tokio::test]
async fn each_error_has_its_meaning() {
    let channel = "the channel refuses us: ";
    for (status, code, words, expected) in [
        (401, 10, "The server token geheim-token is not valid.", channel),
        (422, 300, "Error parsing 'To': Illegal email domain 'x' in address 'x'.", "refused: 422 error 300"),
        (422, 300, "Invalid 'From' address: 'x'.", channel),
        (
            422,
            300,
            "Provide either email TextBody or HtmlBody or both.",
            "the destination refuses us: 422 error 300",
        ),
        (422, 400, "The 'From' address you supplied is not a Sender Signature", channel),
        (422, 401, "x", channel),
        (422, 402, "x", channel),
        (422, 403, "x", channel),
        (422, 405, "You ran out of credits.", channel),
        (
            422,
            406,
            "You tried to send to a recipient that has been marked as inactive.",
            "suppress: 422 error 406",
        ),
        (422, 409, "x", channel),
        (422, 410, "x", channel),
        (422, 411, "x", channel),
        (422, 412, "x", channel),
        (422, 413, "x", channel),
        (422, 1235, "The stream provided: 'press' does not exist on this server.", channel),
        (422, 9999, "x", "the destination refuses us: 422 error 9999"),
        (429, 429, "x", "pause 5 s: 429"),
        (503, 100, "We are doing maintenance.", "pause 5 s: 503"),
        (500, 0, "x", "outcome unknown: 500"),
        (503, 0, "x", "outcome unknown: 503"),
        // A refusal may come with a status that does not say so.
        (200, 406, "x", "suppress: 200 error 406"),
    ] {
        POSTMARK.check(error(status, code, words), expected).await;
    }
    POSTMARK.check(Act::text(413, "too large"), channel).await;
}

#[tokio::test]
async fn a_request_names_the_letters_parts_one_by_one() {
    let server = Scripted::start(|_, _| (POSTMARK.taken)()).await;
    postmark(&server.url).deliver(&letter("joerg@paper.example"), &Counting::open()).await.unwrap();
    let asked = server.asked().remove(0);
    assert_eq!(asked.line(), "POST /email");
    assert_eq!(asked.headers["x-postmark-server-token"], "geheim-token");
    assert_eq!(asked.headers["accept"], "application/json");
    let mut body = asked.json();
    let key = letter("joerg@paper.example").wire_key;
    let token = "aaaaaaaaagfc6t2y7vpgxyqmum";
    let headers: Vec<(String, String)> = body["Headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["Name"].as_str().unwrap().to_owned(), it["Value"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [
        ("Message-ID", format!("<{key}@halden.example>")),
        ("List-ID", "\"Halden Motors, Press\" <press.halden.example>".to_owned()),
        (
            "List-Unsubscribe",
            format!(
                "<https://u.halden.example/u/{token}>, <mailto:leave+{token}@halden.example?subject=unsubscribe>"
            ),
        ),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
        ("Feedback-ID", "aster-ev:press:original:halden".to_owned()),
        ("X-PM-KeepID", "true".to_owned()),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value)));
    body.as_object_mut().unwrap().remove("Headers");
    let calendar = STANDARD.encode("BEGIN:VCALENDAR\r\n");
    assert_eq!(
        body,
        json!({
            "From": "\"Halden Motors, Press\" <press@halden.example>",
            "To": "\"Jörg \\\"J\\\" Roe\" <joerg@paper.example>",
            "ReplyTo": "desk@halden.example",
            "Subject": "Aster EV: 620\u{a0}km",
            "TextBody": "Hello, \r\n\r\nit goes 620\u{a0}km.\r\n.",
            "HtmlBody": "<p>Hello, Jörg &quot;J&quot; Roe</p>",
            "Attachments": [{
                "Name": "aster.png", "Content": "iVBORw0KGgo=",
                "ContentType": "image/png", "ContentID": "cid:p1@halden.example",
            }, {
                "Name": "event.ics", "Content": calendar,
                "ContentType": "text/calendar; charset=utf-8; method=PUBLISH",
            }],
            "MessageStream": "broadcast",
            "Tag": "aster-ev",
            "Metadata": {"delivery": key, "dateline": "aaaaaaaaahp74wpiict7jhnyfu"},
            "TrackOpens": false,
            "TrackLinks": "None",
        })
    );
}

#[tokio::test]
async fn a_correction_stands_in_the_thread_of_what_it_corrects() {
    let server = Scripted::start(|_, _| (POSTMARK.taken)()).await;
    postmark(&server.url).deliver(&correction(ID), &Counting::open()).await.unwrap();
    let body = server.asked().remove(0).json();
    let value = |name: &str| {
        let fields = body["Headers"].as_array().unwrap();
        fields.iter().find(|field| field["Name"] == name).map(|field| field["Value"].clone())
    };
    assert_eq!(value("In-Reply-To"), Some(json!("<earlier@halden.example>")));
    assert_eq!(value("References"), Some(json!("<earlier@halden.example>")));
}

/// What a look comes to if the search answers so.
async fn looked(act: Act) -> String {
    let server = Scripted::start(move |_, _| act.clone()).await;
    let parcel = letter("joerg@paper.example");
    let found = postmark(&server.url).probe(&parcel).await;
    let path = format!(
        "GET /messages/outbound?count=10&offset=0&messagestream=broadcast&metadata_delivery={}",
        parcel.wire_key
    );
    assert_eq!(server.lines(), [path]);
    match found {
        Probe::Arrived(receipt) => format!("arrived {}", receipt.remote_id.unwrap()),
        Probe::Absent => "absent".to_owned(),
        Probe::CannotTell => "cannot tell".to_owned(),
    }
}

#[tokio::test]
async fn only_a_mail_with_the_delivery_s_own_key_is_evidence() {
    let key = letter("joerg@paper.example").wire_key;
    let message = |key: &str| json!({"MessageID": ID, "Status": "Sent", "Metadata": {"delivery": key}});
    let page = |total: u64, messages: Vec<Value>| json!({"TotalCount": total, "Messages": messages});
    for (act, expected) in [
        (Act::json(200, &page(1, vec![message(&key)])), format!("arrived {ID}")),
        (Act::json(200, &page(2, vec![message("other"), message(&key)])), format!("arrived {ID}")),
        (Act::json(200, &page(0, vec![])), "absent".to_owned()),
        // The filter was not understood, or the page is not what was asked for.
        (Act::json(200, &page(1, vec![message("other")])), "cannot tell".to_owned()),
        (Act::json(200, &page(7, vec![])), "cannot tell".to_owned()),
        (
            Act::json(200, &page(1, vec![json!({"MessageID": ID, "Status": "Sent"})])),
            "cannot tell".to_owned(),
        ),
        (Act::text(200, "<html>"), "cannot tell".to_owned()),
        (Act::text(200, "{}"), "cannot tell".to_owned()),
        (error(401, 10, "x"), "cannot tell".to_owned()),
        (Act::text(404, ""), "cannot tell".to_owned()),
        (Act::text(500, ""), "cannot tell".to_owned()),
        (Act::Close, "cannot tell".to_owned()),
    ] {
        let shown = format!("{act:?}");
        assert_eq!(looked(act).await, expected, "{shown}");
    }
}

async fn examined(server: Value, stream: Act) -> Vec<String> {
    let scripted = Scripted::start(move |asked, _| match asked.path.as_str() {
        "/server" => Act::json(200, &server),
        "/message-streams/broadcast" => stream.clone(),
        _ => Act::text(404, ""),
    })
    .await;
    let found = postmark(&scripted.url).examine().await;
    found
        .into_iter()
        .map(|it| format!("{} {}: {}", if it.good { "+" } else { "-" }, it.what, it.seen))
        .collect()
}

#[tokio::test]
async fn doctor_tells_server_stream_and_who_unsubscribes() {
    let server =
        |kind: &str| json!({"ID": 1, "Name": "Press", "DeliveryType": kind, "ApiTokens": ["geheim"]});
    let stream = |kind: &str, archived: Value, handling: &str| {
        Act::json(
            200,
            &json!({
                "ID": "broadcast", "MessageStreamType": kind, "ArchivedAt": archived,
                "SubscriptionManagementConfiguration": {"UnsubscribeHandlingType": handling},
            }),
        )
    };
    assert_eq!(
        examined(server("Live"), stream("Broadcasts", json!(null), "Custom")).await,
        [
            "+ postmark: server: Press takes the token",
            "+ postmark: stream: `broadcast` is for broadcasts",
            "+ postmark: unsubscribe: left to Dateline (Custom)",
        ]
    );
    assert_eq!(
        examined(server("Sandbox"), stream("Transactional", json!(null), "Postmark")).await,
        [
            "- postmark: server: Press is a sandbox: it delivers nothing",
            "- postmark: stream: `broadcast` is of the type Transactional",
            "- postmark: unsubscribe: Postmark adds a link and headers of its own, in the place of Dateline's",
        ]
    );
    let archived = stream("Broadcasts", json!("2026-07-01T00:00:00-04:00"), "None");
    assert_eq!(examined(server("Live"), archived).await[1], "- postmark: stream: `broadcast` is archived");
    let gone = error(422, 1226, "The message stream for the provided ID was not found.");
    assert!(
        examined(server("Live"), gone).await[1].starts_with("- postmark: stream: the channel refuses us")
    );
}
