//! What an answer of Amazon SES means. One table, one line for each error, each with the page that says so. Pure.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::channel::http::Answer;
use crate::channel::{Failure, Reply};

/// What is done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Our account, key, configuration or clock: nothing more until somebody looks.
    HoldChannel,
    /// Not this mail, for what is in it; no recipient is to blame.
    HoldDestination,
    /// Nothing was taken, and the same may be taken later.
    Pause(Duration),
    /// Not this recipient; the words say why.
    Refuse,
}

use Action::{HoldChannel, HoldDestination, Pause, Refuse};

/// One rule: the error's type, a word of its message in lower case (empty: any), what is done.
type Rule = (&'static str, &'static str, Action);

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
/// "wait for an interval of up to 10 minutes": docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html
const QUOTA: Duration = Duration::from_mins(10);

/// The first rule that fits counts.
///
/// SEND: docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html (Errors)
/// COMMON: docs.aws.amazon.com/ses/latest/APIReference-V2/CommonErrors.html
/// TROUBLE: docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html
/// QUOTAS: docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html
/// SIGNING: docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
const RULES: &[Rule] = &[
    // SEND: the account may not send any more, or not now.
    ("AccountSuspendedException", "", HoldChannel),
    ("SendingPausedException", "", HoldChannel),
    // SEND: the MAIL FROM domain of our identity is not set up.
    ("MailFromDomainNotVerifiedException", "", HoldChannel),
    // TROUBLE: our sender is not verified; in the sandbox, neither is the recipient. Both are ours to mend.
    ("MessageRejected", "not verified", HoldChannel),
    ("MessageRejected", "sending paused", HoldChannel),
    // SEND: "contains invalid content". It is the same for everybody who gets the edition.
    ("MessageRejected", "", HoldDestination),
    // TROUBLE: what SES says of an address that can be none.
    ("BadRequestException", "missing final", Refuse),
    ("BadRequestException", "missing local name", Refuse),
    ("BadRequestException", "domain contains", Refuse),
    ("BadRequestException", "domain starts with", Refuse),
    ("BadRequestException", "domain ends with", Refuse),
    ("BadRequestException", "local address contains", Refuse),
    ("BadRequestException", "illegal address", Refuse),
    ("BadRequestException", "invalid email address", Refuse),
    ("BadRequestException", "", HoldChannel),
    // SEND: "too many instances of the specified resource type".
    ("LimitExceededException", "", HoldChannel),
    // SEND: the configuration set is not there.
    ("NotFoundException", "", HoldChannel),
    ("ConfigurationSetDoesNotExistException", "", HoldChannel),
    ("ConfigurationSetSendingPausedException", "", HoldChannel),
    // QUOTAS: what is too much is not taken.
    ("TooManyRequestsException", "daily", Pause(QUOTA)),
    ("TooManyRequestsException", "", Pause(SECOND)),
    ("ThrottlingException", "daily", Pause(QUOTA)),
    ("ThrottlingException", "", Pause(SECOND)),
    ("Throttling", "daily", Pause(QUOTA)),
    ("Throttling", "", Pause(SECOND)),
    // SEND: somebody is changing the account's settings at this moment.
    ("ConcurrentModificationException", "", Pause(MINUTE)),
    // COMMON: the key, its rights, its age.
    ("AccessDenied", "", HoldChannel),
    ("AccessDeniedException", "", HoldChannel),
    ("ExpiredToken", "", HoldChannel),
    ("ExpiredTokenException", "", HoldChannel),
    ("InvalidClientTokenId", "", HoldChannel),
    ("UnrecognizedClientException", "", HoldChannel),
    ("MissingAuthenticationToken", "", HoldChannel),
    ("MissingAuthenticationTokenException", "", HoldChannel),
    ("NotAuthorized", "", HoldChannel),
    ("OptInRequired", "", HoldChannel),
    ("SubscriptionRequiredException", "", HoldChannel),
    // SIGNING: a wrong key, or a clock that is more than five minutes off.
    ("IncompleteSignature", "", HoldChannel),
    ("IncompleteSignatureException", "", HoldChannel),
    ("InvalidSignatureException", "", HoldChannel),
    ("SignatureDoesNotMatch", "", HoldChannel),
    ("RequestExpired", "", HoldChannel),
    ("RequestTimeTooSkewed", "", HoldChannel),
    // COMMON: not what the API takes, which is a fault in Dateline.
    ("ValidationError", "", HoldChannel),
    ("ValidationException", "", HoldChannel),
    ("UnknownOperationException", "", HoldChannel),
    ("SerializationException", "", HoldChannel),
    ("RequestEntityTooLargeException", "", HoldChannel),
];

/// Errors by which AWS says that the clock of this machine is wrong, or may be.
const SKEW: &[&str] =
    &["InvalidSignatureException", "SignatureDoesNotMatch", "RequestExpired", "RequestTimeTooSkewed"];

/// The type of the error that an answer reports, without its namespace.
///
/// It stands in a header, as `Type:http://…`, or in the body, as `namespace#Type`
/// (smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html, "Operation error serialization").
pub fn kind(answer: &Answer) -> Option<String> {
    let header = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let body: Option<Value> = answer.json().ok();
    let member = |name: &str| body.as_ref().and_then(|body| body.get(name)).and_then(Value::as_str);
    let named = header.or_else(|| member("__type")).or_else(|| member("code"))?;
    let bare = named.split(':').next().unwrap_or(named);
    let bare = bare.rsplit('#').next().unwrap_or(bare).trim();
    (!bare.is_empty()).then(|| bare.to_owned())
}

/// What an answer that is not 2xx means.
pub fn failure(answer: &Answer, now: Timestamp) -> Failure {
    let reply = answer.reply();
    let Some(kind) = kind(answer) else { return untyped(answer, now) };
    let words = reply.text.to_lowercase();
    let rule = RULES.iter().find(|(name, word, _)| *name == kind && words.contains(word));
    let mut text = format!("{kind}: {}", reply.text);
    if SKEW.contains(&kind.as_str()) {
        text.push_str("; look at the key, and at this machine's clock");
    }
    let reply = Reply::new(answer.status, None, &text);
    match rule.map(|(_, _, action)| *action) {
        Some(HoldChannel) => Failure::HoldChannel { reply },
        Some(HoldDestination) => Failure::HoldDestination { reply },
        Some(Refuse) => Failure::Refused { reply, suppress: false },
        Some(Pause(least)) => {
            let asked = answer.wait(now).unwrap_or_default();
            Failure::PauseChannel { reply, retry_after: Some(asked.max(least)) }
        }
        None => match untyped(answer, now) {
            Failure::Unknown { .. } => Failure::Unknown { reply },
            Failure::PauseChannel { retry_after, .. } => Failure::PauseChannel { reply, retry_after },
            _ => Failure::HoldChannel { reply },
        },
    }
}

/// An answer that names no error we know: it speaks of the way there, and of no recipient.
fn untyped(answer: &Answer, now: Timestamp) -> Failure {
    match answer.failure(now) {
        // 408, 425 and 429 say that nothing was done.
        Failure::Later { reply, retry_after } => Failure::PauseChannel { reply, retry_after },
        // After a 5xx nobody knows; no page of AWS promises that nothing was done.
        Failure::Unknown { reply } => Failure::Unknown { reply },
        Failure::Refused { reply, .. } => Failure::HoldChannel { reply },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_can_be_reached() {
        for (at, (name, word, _)) in RULES.iter().enumerate() {
            let first = RULES.iter().position(|(other, general, _)| other == name && word.contains(general));
            assert_eq!(first, Some(at), "{name} {word}");
        }
    }
}
