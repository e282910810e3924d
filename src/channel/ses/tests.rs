use base64::Engine as _;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::channel::scripted::{Act, Counting, Scripted};
use crate::channel::suite::{Provider, SHORT, correction, letter};

const ID: &str = "0110018f2c7e6f3a-5c1d2e3f-4a5b-6c7d-8e9f-0a1b2c3d4e5f-000000";

fn config(url: &Url, more: &Value) -> SesConfig {
    let mut config = json!({
        "region": "eu-north-1", "endpoint": url.as_str(), "configuration_set": "press",
        "access_key_id": {"env": "K"}, "secret_access_key": {"env": "S"},
        "from": "Halden Motors Press <press@halden.example>",
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(config).unwrap()
}

fn secrets() -> Secrets {
    Secrets::none()
        .with("access_key_id", "AKIDEXAMPLE")
        .with("secret_access_key", "geheim/key")
        .with("session_token", "geheim-token")
}

fn ses(url: &Url) -> Ses {
    Ses::with(&config(url, &json!({})), &secrets(), SHORT).unwrap()
}

fn error(status: u16, kind: &str, words: &str) -> Act {
    Act::json(status, &json!({ "message": words })).with("x-amzn-errortype", kind)
}

const SES: Provider = Provider {
    open: |url| Box::new(ses(url)),
    taken: || Act::json(200, &json!({ "MessageId": ID })),
    id: ID,
    too_fast: || error(429, "TooManyRequestsException", "Maximum sending rate exceeded."),
    most: MOST,
};

#[tokio::test(flavor = "multi_thread")]
async fn it_holds_to_what_every_provider_does() {
    SES.holds().await;
}

#[tokio::test]
async fn each_error_has_its_meaning() {
    let [channel, later] = ["the channel refuses us: ", "pause"];
    for (status, kind, words, expected) in [
        (400, "AccountSuspendedException", "x", channel),
        (400, "SendingPausedException", "x", channel),
        (400, "MailFromDomainNotVerifiedException", "x", channel),
        (
            400,
            "MessageRejected",
            "Email address is not verified. The following identities failed the check in region EU-NORTH-1: press@halden.example",
            channel,
        ),
        (400, "MessageRejected", "virus", "the destination refuses us: 400 MessageRejected: virus"),
        (400, "BadRequestException", "Missing final '@domain'", "refused: 400 BadRequestException"),
        (400, "BadRequestException", "Domain contains illegal character", "refused: 400"),
        (400, "BadRequestException", "1 validation error detected", channel),
        (400, "LimitExceededException", "x", channel),
        (404, "NotFoundException", "Configuration set <press> does not exist.", channel),
        (429, "TooManyRequestsException", "Daily message quota exceeded.", "pause 600 s: 429"),
        (429, "TooManyRequestsException", "Maximum sending rate exceeded.", "pause 1 s: 429"),
        (400, "ThrottlingException", "Rate exceeded", "pause 1 s: 400"),
        (409, "ConcurrentModificationException", "x", "pause 60 s: 409"),
        (403, "AccessDeniedException", "User is not authorized to perform: ses:SendRawEmail", channel),
        (403, "ExpiredTokenException", "The security token geheim-token is expired", channel),
        (
            403,
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            channel,
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "x",
            "the channel refuses us: 403 SignatureDoesNotMatch: x; look at the key, and at this machine's clock",
        ),
        (
            403,
            "InvalidSignatureException",
            "Signature expired: 20261201T080000Z is now earlier than …",
            channel,
        ),
        (400, "RequestExpired", "x", channel),
        (400, "SomethingNew", "x", channel),
        (429, "SomethingNew", "x", later),
        (500, "InternalFailure", "x", "outcome unknown: 500 InternalFailure"),
        (503, "ServiceUnavailable", "x", "outcome unknown: 503 ServiceUnavailable"),
    ] {
        SES.check(error(status, kind, words), expected).await;
        let url = format!("{kind}:http://internal.amazon.com/coral/");
        SES.check(error(status, &url, words), expected).await;
        let body = json!({"__type": format!("com.amazonaws.sesv2#{kind}"), "message": words});
        SES.check(Act::json(status, &body), expected).await;
    }
}

#[tokio::test]
async fn a_request_is_signed_and_holds_the_very_letter() {
    let server = Scripted::start(|_, _| (SES.taken)()).await;
    ses(&server.url).deliver(&letter("joerg@paper.example"), &Counting::open()).await.unwrap();
    let asked = server.asked().remove(0);
    assert_eq!(asked.line(), "POST /v2/email/outbound-emails");
    let body = asked.json();
    assert_eq!(body["Destination"], json!({"ToAddresses": ["joerg@paper.example"]}));
    assert_eq!(body["ConfigurationSetName"], "press");
    let parcel = letter("joerg@paper.example");
    let tags = json!([
        {"Name": "delivery", "Value": parcel.wire_key},
        {"Name": "dateline", "Value": "aaaaaaaaahp74wpiict7jhnyfu"},
    ]);
    assert_eq!(body["EmailTags"], tags);
    assert_eq!(body.get("ListManagementOptions"), None);
    let raw = STANDARD.decode(body["Content"]["Raw"]["Data"].as_str().unwrap()).unwrap();
    let (mail, _) = letter::parts(&parcel).unwrap();
    let (composed, _) = letter::compose(&parcel, &Names::ours(&parcel, mail)).unwrap();
    assert_eq!(raw, composed, "what a relay would get");

    // As the server checks it: over what arrived.
    let host = asked.headers["host"].clone();
    let signed = [
        ("content-type", "application/json"),
        ("host", host.as_str()),
        ("x-amz-date", "20261201T080000Z"),
        ("x-amz-security-token", "geheim-token"),
    ];
    for (name, value) in signed {
        assert_eq!(asked.headers[name], value);
    }
    let request =
        Signed { method: "POST", path: &asked.path, headers: &signed, body: &asked.body, plain: false };
    let credentials = Credentials { key_id: "AKIDEXAMPLE".into(), secret: "geheim/key".into(), token: None };
    let expected = sigv4::authorization(&credentials, "eu-north-1", "ses", &request, parcel.now);
    assert_eq!(asked.headers["authorization"], expected);
}

#[tokio::test]
async fn a_correction_answers_to_the_name_that_ses_gave() {
    let server = Scripted::start(|_, _| (SES.taken)()).await;
    for (region, remote, expected) in [
        ("eu-north-1", ID, format!("{ID}@eu-north-1.amazonses.com")),
        ("us-east-1", ID, format!("{ID}@email.amazonses.com")),
        // It was sent by a relay, when the channel was one.
        ("eu-north-1", "4XYZ", "earlier@halden.example".to_owned()),
    ] {
        let config = config(&server.url, &json!({ "region": region }));
        let ses = Ses::with(&config, &secrets(), SHORT).unwrap();
        ses.deliver(&correction(remote), &Counting::open()).await.unwrap();
        let body = server.asked().pop().unwrap().json();
        let raw = STANDARD.decode(body["Content"]["Raw"]["Data"].as_str().unwrap()).unwrap();
        let text = String::from_utf8(raw).unwrap();
        let lines = format!("\r\nIn-Reply-To: <{expected}>\r\nReferences: <{expected}>\r\n");
        assert!(text.contains(&lines), "{text}");
    }
}

#[test]
fn regions_have_their_own_addresses() {
    let url = "https://api.halden.example".parse().unwrap();
    let mut config = config(&url, &json!({}));
    assert_eq!(config.endpoint(), "https://api.halden.example/");
    config.endpoint = None;
    assert_eq!(config.endpoint(), "https://email.eu-north-1.amazonaws.com");
    config.region = "cn-north-1".to_owned();
    assert_eq!(config.endpoint(), "https://email.cn-north-1.amazonaws.com.cn");
}

fn account(rate: f64, sent: f64) -> Value {
    json!({
        "DedicatedIpAutoWarmupEnabled": false, "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": true, "SendingEnabled": true,
        "SendQuota": {"Max24HourSend": 50_000.0, "MaxSendRate": rate, "SentLast24Hours": sent},
    })
}

#[tokio::test]
async fn the_pace_is_what_the_account_is_allowed_and_is_remembered() {
    let server = Scripted::start(|_, number| match number {
        0 => Act::json(200, &account(14.0, 0.0)),
        1 => Act::text(500, ""),
        2 => Act::json(200, &account(-1.0, 0.0)),
        _ => Act::Close,
    })
    .await;
    let ses = ses(&server.url);
    let start: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
    for (minutes, expected, asked) in [
        (0, Some(840), 1),
        (9, Some(840), 1),
        // SES did not say: what it last said stays.
        (10, Some(840), 2),
        (11, None, 3),
    ] {
        let now = start + jiff::SignedDuration::from_mins(minutes);
        assert_eq!((ses.pace(now).await, server.asked().len()), (expected, asked), "{minutes}");
    }
    assert_eq!(server.lines()[0], "GET /v2/email/account");
}

async fn examined(answers: fn(&str) -> Act) -> Vec<String> {
    let server = Scripted::start(move |asked, _| answers(&asked.path)).await;
    let found = ses(&server.url).examine().await;
    found
        .into_iter()
        .map(|it| format!("{} {}: {}", if it.good { "+" } else { "-" }, it.what, it.seen))
        .collect()
}

#[tokio::test]
async fn doctor_tells_account_quota_and_sender() {
    let fine = examined(|path| match path {
        "/v2/email/account" => Act::json(200, &account(14.0, 1_000.0)),
        "/v2/email/identities/halden.example" => {
            let dkim = json!({"SigningEnabled": true, "Status": "SUCCESS"});
            Act::json(200, &json!({"VerifiedForSendingStatus": true, "DkimAttributes": dkim}))
        }
        "/v2/email/configuration-sets/press" => Act::json(200, &json!({})),
        _ => Act::text(400, ""),
    })
    .await;
    assert_eq!(
        fine,
        [
            "+ ses: account: may send",
            "+ ses: quota: 1000 of 50000 mails in the last 24 hours; 14 a second",
            "+ ses: sender: halden.example is verified, and SES signs with its DKIM key",
            "+ ses: configuration set: `press` is there",
        ]
    );
    let poor = examined(|path| match path {
        "/v2/email/account" => {
            let mut account = account(1.0, 49_000.0);
            account["ProductionAccessEnabled"] = json!(false);
            account["SendingEnabled"] = json!(false);
            account["EnforcementStatus"] = json!("SHUTDOWN");
            Act::json(200, &account)
        }
        _ => error(404, "NotFoundException", "not there"),
    })
    .await;
    assert_eq!(
        poor,
        [
            "- ses: account: may not send; its standing is SHUTDOWN",
            "- ses: sandbox: the account is in the sandbox: mail goes to verified addresses alone",
            "- ses: quota: 49000 of 50000 mails in the last 24 hours; 1 a second",
            "- ses: sender: neither the address nor its domain is verified",
            "- ses: configuration set: the channel refuses us: 404 NotFoundException: not there",
        ]
    );
    let address = examined(|path| match path {
        "/v2/email/identities/press%40halden.example" => Act::json(
            200,
            &json!({"VerifiedForSendingStatus": true, "DkimAttributes": {"Status": "NOT_STARTED"}}),
        ),
        "/v2/email/account" => error(403, "AccessDeniedException", "geheim/key"),
        _ => error(404, "NotFoundException", "x"),
    })
    .await;
    assert_eq!(address[0], "- ses: account: the channel refuses us: 403 AccessDeniedException: [hidden]");
    assert_eq!(
        address[1],
        "- ses: sender: press@halden.example is verified, but not signed with DKIM (NOT_STARTED)"
    );
}
