//! What stands for Amazon SES: version 2 of its API as its reference describes it, on loopback. It is not Amazon SES.
//!
//! docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html, API_GetAccount.html;
//! docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, read anew for the check of signatures.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use serde_json::{Value, json};

use super::server::{Answer, Fault, Request, Server};

pub const KEY: &str = "AKIAROOM";
pub const SECRET: &str = "a secret of the room";

/// A status, an error's type, and its words.
type Refusal = (u16, &'static str, &'static str);

/// A mail that it took.
#[derive(Debug, Clone)]
pub struct Taken {
    pub to: String,
    pub id: String,
    pub delivery: String,
    pub raw: Vec<u8>,
    /// When.
    pub at: Instant,
}

#[derive(Clone)]
pub struct Ses {
    pub server: Server,
    taken: Arc<Mutex<Vec<Taken>>>,
    /// What sending is refused with.
    pub refuses: Arc<Mutex<Option<Refusal>>>,
}

impl Ses {
    pub async fn start(faults: &[Fault]) -> Ses {
        Ses::allowing(1_000, faults).await
    }

    /// Allows the account so many mails a second.
    pub async fn allowing(rate: u32, faults: &[Fault]) -> Ses {
        let taken: Arc<Mutex<Vec<Taken>>> = Arc::default();
        let refuses: Arc<Mutex<Option<Refusal>>> = Arc::default();
        let (kept, refused) = (Arc::clone(&taken), Arc::clone(&refuses));
        let server = Server::start(faults, move |request| {
            answer(request, rate, &mut kept.lock().unwrap(), *refused.lock().unwrap())
        })
        .await;
        Ses { server, taken, refuses }
    }

    pub fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}

fn error(status: u16, kind: &str, words: &str) -> Answer {
    (status, json!({ "__type": kind, "message": words }))
}

fn answer(request: &Request, rate: u32, taken: &mut Vec<Taken>, refuses: Option<Refusal>) -> Answer {
    if let Err(why) = signed(request) {
        return error(403, "SignatureDoesNotMatch", &why);
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v2/email/account") => {
            let quota =
                json!({"Max24HourSend": 50_000.0, "MaxSendRate": f64::from(rate), "SentLast24Hours": 0.0});
            (
                200,
                json!({
                    "EnforcementStatus": "HEALTHY", "ProductionAccessEnabled": true, "SendingEnabled": true,
                    "SendQuota": quota,
                }),
            )
        }
        ("POST", "/v2/email/outbound-emails") => {
            if let Some((status, kind, words)) = refuses {
                return error(status, kind, words);
            }
            match mail(&request.body) {
                Ok((to, delivery, raw)) => {
                    let id = format!("0110018f2c7e6f3a-5c1d2e3f-4a5b-6c7d-8e9f-{:012x}-000000", taken.len());
                    taken.push(Taken { to, id: id.clone(), delivery, raw, at: Instant::now() });
                    (200, json!({ "MessageId": id }))
                }
                Err(why) => error(400, "BadRequestException", &why),
            }
        }
        _ => error(404, "UnknownOperationException", "no such operation"),
    }
}

/// The recipient, the tag `delivery` and the message of a request to send.
fn mail(body: &[u8]) -> Result<(String, String, Vec<u8>), String> {
    let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let known = ["Content", "Destination", "EmailTags", "ConfigurationSetName"];
    if let Some(strange) = body.as_object().unwrap().keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("unknown member {strange}"));
    }
    let to = body["Destination"]["ToAddresses"].as_array().ok_or("no ToAddresses")?;
    let [Value::String(to)] = to.as_slice() else { return Err("one recipient a mail".to_owned()) };
    let mut delivery = String::new();
    for tag in body["EmailTags"].as_array().ok_or("no EmailTags")? {
        let (name, value) = (tag["Name"].as_str().unwrap(), tag["Value"].as_str().unwrap());
        // "ASCII letters, numbers, underscores or dashes", "less than 256 characters".
        for text in [name, value] {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            if text.is_empty() || text.len() >= 256 || !text.bytes().all(fits) {
                return Err(format!("invalid tag {name}"));
            }
        }
        if name == "delivery" {
            value.clone_into(&mut delivery);
        }
    }
    let data = body["Content"]["Raw"]["Data"].as_str().ok_or("no Raw")?;
    let raw = STANDARD.decode(data).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&raw);
    let (head, _) = text.split_once("\r\n\r\n").ok_or("no body")?;
    for needed in ["From: ", "To: ", "Subject: ", "MIME-Version: 1.0"] {
        if !head.contains(needed) {
            return Err(format!("no {needed}"));
        }
    }
    Ok((to.clone(), delivery, raw))
}

/// Whether the signature is that of the request as it arrived.
fn signed(request: &Request) -> Result<(), String> {
    let header = |name: &str| request.headers.get(name).cloned().ok_or(format!("no {name}"));
    let authorization = header("authorization")?;
    let part = |name: &str| {
        let (_, rest) = authorization.split_once(name).ok_or(format!("no {name}"))?;
        Ok::<_, String>(rest.split(',').next().unwrap().to_owned())
    };
    let (credential, names, signature) = (part("Credential=")?, part("SignedHeaders=")?, part("Signature=")?);
    let date = header("x-amz-date")?;
    let scope = format!("{}/eu-north-1/ses/aws4_request", &date[..8]);
    if credential != format!("{KEY}/{scope}") {
        return Err(format!("wrong credential {credential}"));
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let sha = |bytes: &[u8]| hex(digest::digest(&digest::SHA256, bytes).as_ref());
    let mut canonical = format!("{}\n{}\n\n", request.method, request.path);
    for name in names.split(';') {
        canonical.push_str(&format!("{name}:{}\n", header(name)?));
    }
    canonical.push_str(&format!("\n{names}\n{}", sha(&request.body)));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha(canonical.as_bytes()));
    let mac = |key: &[u8], text: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
    };
    let key = mac(format!("AWS4{SECRET}").as_bytes(), &date[..8]);
    let key = mac(&mac(&mac(&key, "eu-north-1"), "ses"), "aws4_request");
    if hex(&mac(&key, &text)) == signature { Ok(()) } else { Err("wrong signature".to_owned()) }
}
