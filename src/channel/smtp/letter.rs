//! A parcel, made into the bytes that the relay gets.

use std::borrow::Cow;

use super::envelope::Envelope;
use super::session::Session;
use super::trouble::Trouble;
use crate::channel::config::{Provider, SmtpConfig};
use crate::channel::letter::{self, Names};
use crate::channel::{self, Failure, Parcel, Recipient};
use crate::contact::EmailAddress;

/// One parcel as the relay gets it.
pub struct Letter<'a> {
    from: Cow<'a, EmailAddress>,
    to: &'a EmailAddress,
    /// What reports call this try; nothing where nobody reads reports.
    report: Option<String>,
    /// The message, with its last line ended.
    pub message: Vec<u8>,
    /// Whether a line begins with a dot.
    pub dots: bool,
}

impl<'a> Letter<'a> {
    /// Fills the edition's slots and looks at the result for the last time.
    pub async fn write(parcel: &'a Parcel, reports: &Reports) -> Result<Letter<'a>, Failure> {
        let (mail, email) = letter::parts(parcel)?;
        let names = Names::ours(parcel, mail);
        let own = parcel.clone();
        let (mut message, dots) = channel::fill(move || letter::compose(&own, &names)).await?;
        if let Some(field) = reports.field(parcel) {
            message.splice(0..0, field.into_bytes());
        }
        let (from, report) = match reports.sender(parcel) {
            Some(sender) => (Cow::Owned(sender), Some(format!("{}.{}", parcel.wire_key, parcel.attempt))),
            None => (Cow::Borrowed(&mail.from), None),
        };
        Ok(Letter { from, to: email, report, message, dots })
    }

    /// Its envelope, for a server that offers what `session`'s does.
    pub fn envelope(&self, session: &Session) -> Result<Envelope, Trouble> {
        let offers = session.extensions();
        let envelope = Envelope::new(&self.from, self.to, self.message.len(), offers)?;
        Ok(match &self.report {
            Some(id) => envelope.report(id, self.to, offers),
            None => envelope,
        })
    }
}

/// How whoever reports about a mail names it to us.
#[derive(Debug, Clone, Default)]
pub struct Reports {
    domain: Option<String>,
    provider: Option<Provider>,
}

impl Reports {
    /// As it is configured.
    pub fn new(config: &SmtpConfig) -> Reports {
        Reports { domain: config.bounce_domain.clone(), provider: config.provider }
    }

    /// The sender of this one mail (VERP): `b+TOKEN@…`.
    fn sender(&self, parcel: &Parcel) -> Option<EmailAddress> {
        format!("b+{}@{}", token(parcel)?, self.domain.as_ref()?).parse().ok()
    }

    /// The field that a provider gives back.
    fn field(&self, parcel: &Parcel) -> Option<String> {
        Some(self.provider?.field(token(parcel)?))
    }
}

fn token(parcel: &Parcel) -> Option<&str> {
    match &parcel.recipient {
        Recipient::Mailbox { bounce, .. } => bounce.as_deref(),
        Recipient::Account => None,
    }
}
