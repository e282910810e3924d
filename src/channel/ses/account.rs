//! What SES says of the account: how much it may send, how fast, and as whom.

use std::sync::PoisonError;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::{Ses, classify};
use crate::channel::{Diagnosis, Failure};

/// How long the pace that SES gave is kept before it is asked for again.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// And after SES did not say.
const KEPT_SILENCE: SignedDuration = SignedDuration::from_mins(1);
/// A run does not wait longer than this for the pace.
const WITHIN: Duration = Duration::from_secs(3);

/// How fast the account may send, as SES last said.
#[derive(Debug, Default)]
pub struct Pace {
    per_minute: Option<u32>,
    until: Option<Timestamp>,
}

/// docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetAccount.html
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Account {
    #[serde(default)]
    enforcement_status: Option<String>,
    #[serde(default)]
    production_access_enabled: bool,
    #[serde(default)]
    sending_enabled: bool,
    send_quota: Option<Quota>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Quota {
    /// Mails in 24 hours; -1 for no limit.
    max24_hour_send: f64,
    /// Mails in a second; -1 for no limit.
    max_send_rate: f64,
    sent_last24_hours: f64,
}

impl Quota {
    /// Mails in a minute; nothing for no limit.
    fn per_minute(&self) -> Option<u32> {
        let most = (self.max_send_rate * 60.0).floor();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "looked at before")]
        (most >= 1.0 && most < f64::from(u32::MAX)).then_some(most as u32)
    }
}

/// docs.aws.amazon.com/ses/latest/APIReference-V2/API_GetEmailIdentity.html
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Identity {
    #[serde(default)]
    verified_for_sending_status: bool,
    #[serde(default)]
    dkim_attributes: Dkim,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Dkim {
    signing_enabled: bool,
    status: String,
}

impl Ses {
    /// How many mails a minute SES allows. Remembered; not waited for longer than a few seconds.
    pub(super) async fn allowed(&self, now: Timestamp) -> Option<u32> {
        {
            let known = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
            if known.until.is_some_and(|until| now < until) {
                return known.per_minute;
            }
        }
        let within = WITHIN.min(self.patience.whole);
        let said = tokio::time::timeout(within, self.account(now)).await;
        let mut known = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = if let Ok(Ok(account)) = said {
            known.per_minute = account.send_quota.as_ref().and_then(Quota::per_minute);
            KEPT
        } else {
            KEPT_SILENCE
        };
        known.until = now.checked_add(kept).ok();
        known.per_minute
    }

    async fn account(&self, now: Timestamp) -> Result<Account, Failure> {
        let answer = self.get("/v2/email/account", now).await?;
        answer.json().map_err(Failure::again)
    }

    /// The account, its quota, the sender's identity and the configuration set.
    pub(super) async fn diagnose(&self, now: Timestamp) -> Vec<Diagnosis> {
        let mut found = Vec::new();
        match self.account(now).await {
            Ok(account) => found.extend(judge(&account)),
            Err(failure) => found.push(wrong(
                "ses: account",
                failure.to_string(),
                "look at `region` and the keys; they need ses:SendRawEmail, ses:SendEmail, ses:GetAccount and ses:GetEmailIdentity",
            )),
        }
        found.push(self.identity(now).await);
        if let Some(name) = &self.configuration_set {
            let path = format!("/v2/email/configuration-sets/{}", segment(name));
            found.push(match self.get(&path, now).await {
                Ok(_) => right("ses: configuration set", format!("`{name}` is there")),
                Err(failure) => wrong(
                    "ses: configuration set",
                    failure.to_string(),
                    "look at `configuration_set`; the key needs ses:GetConfigurationSet",
                ),
            });
        }
        found
    }

    /// The sender's address is verified, or its domain is.
    async fn identity(&self, now: Timestamp) -> Diagnosis {
        const WHAT: &str = "ses: sender";
        let address = self.from.rsplit_once('<').map_or(self.from.as_str(), |(_, rest)| rest);
        let address = address.trim().trim_end_matches('>').trim();
        let domain = address.rsplit_once('@').map_or(address, |(_, domain)| domain);
        let mut seen = "neither the address nor its domain is verified".to_owned();
        for name in [domain, address] {
            let path = format!("/v2/email/identities/{}", segment(name));
            let answer = match self.ask(reqwest::Method::GET, &path, Vec::new(), now).await {
                Ok(answer) => answer,
                Err(lost) => return wrong(WHAT, lost.repeatable().to_string(), "look at `region`"),
            };
            if answer.status == 404 && classify::kind(&answer).as_deref() == Some("NotFoundException") {
                continue;
            }
            if !answer.good() {
                let failure = classify::failure(&answer, now);
                return wrong(WHAT, failure.to_string(), "the key needs ses:GetEmailIdentity");
            }
            let identity: Identity = match answer.json() {
                Ok(identity) => identity,
                Err(why) => return wrong(WHAT, why, "look at `endpoint`"),
            };
            let dkim = &identity.dkim_attributes;
            if !identity.verified_for_sending_status {
                seen = format!("{name} is not verified");
            } else if dkim.signing_enabled && dkim.status == "SUCCESS" {
                return right(WHAT, format!("{name} is verified, and SES signs with its DKIM key"));
            } else {
                let seen = format!("{name} is verified, but not signed with DKIM ({})", dkim.status);
                return wrong(WHAT, seen, "set up Easy DKIM for the domain, or give SES a key of your own");
            }
        }
        wrong(WHAT, seen, "verify the domain of `from` in the console of SES, in this region")
    }
}

/// What an account says, for people.
fn judge(account: &Account) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    let standing = account.enforcement_status.as_deref().unwrap_or("HEALTHY");
    found.push(match (account.sending_enabled, standing) {
        (true, "HEALTHY") => right("ses: account", "may send".to_owned()),
        (true, standing) => wrong(
            "ses: account",
            format!("may send, but its standing is {standing}"),
            "read the reputation page of SES: bounces and complaints put it at risk",
        ),
        (false, standing) => wrong(
            "ses: account",
            format!("may not send; its standing is {standing}"),
            "resume sending in the console of SES, or write to AWS support",
        ),
    });
    if !account.production_access_enabled {
        found.push(wrong(
            "ses: sandbox",
            "the account is in the sandbox: mail goes to verified addresses alone".to_owned(),
            "ask AWS for production access, in this region",
        ));
    }
    if let Some(quota) = &account.send_quota {
        let Quota { max24_hour_send: most, sent_last24_hours: sent, max_send_rate: rate } = *quota;
        let seen = if most < 0.0 {
            format!("{sent:.0} mails in the last 24 hours, without a limit; {rate:.0} a second")
        } else {
            format!("{sent:.0} of {most:.0} mails in the last 24 hours; {rate:.0} a second")
        };
        let full = most >= 0.0 && sent >= most * 0.9;
        found.push(if full {
            wrong("ses: quota", seen, "ask AWS for a higher quota, or wait")
        } else {
            right("ses: quota", seen)
        });
    }
    found
}

fn right(what: &str, seen: String) -> Diagnosis {
    Diagnosis { what: what.to_owned(), good: true, seen, hint: None }
}

fn wrong(what: &str, seen: String, hint: &str) -> Diagnosis {
    Diagnosis { what: what.to_owned(), good: false, seen, hint: Some(hint.to_owned()) }
}

/// One segment of a path, in percent form.
fn segment(name: &str) -> String {
    use std::fmt::Write as _;
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}
