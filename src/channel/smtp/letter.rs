//! A parcel, made into the bytes that the relay gets: filled, signed, and looked at for the last time.

use std::borrow::Cow;
use std::sync::Arc;

use super::dkim::Signer;
use super::envelope::Envelope;
use super::pool::Cover;
use super::session::Session;
use super::trouble::Trouble;
use crate::channel::config::{Provider, SmtpConfig};
use crate::channel::letter::{self, Names, broken, refuse};
use crate::channel::{self, Failure, Parcel, Recipient};
use crate::contact::EmailAddress;
use crate::render::Piece;

/// Mails up to this size are made where they are needed: that takes less time than to hand them to another thread, and where two keys
/// sign them it takes a processor well below a millisecond. A panic is the attempt's own there too.
const AT_ONCE: usize = 128 * 1024;

/// What makes letters of a channel's parcels.
pub struct Press {
    /// Signs them.
    pub signer: Option<Signer>,
    /// Bytes of the largest.
    pub max_size: u64,
    /// How reports name them.
    pub reports: Reports,
}

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
    /// Fills the edition's slots, signs, and looks at the result for the last time.
    pub async fn write(press: &Arc<Press>, parcel: &'a Parcel) -> Result<Letter<'a>, Failure> {
        let (mail, email) = letter::parts(parcel)?;
        let names = Names::ours(parcel, mail);
        let (from, report) = match press.reports.sender(parcel) {
            Some(sender) => (Cow::Owned(sender), Some(format!("{}.{}", parcel.wire_key, parcel.attempt))),
            None => (Cow::Borrowed(&mail.from), None),
        };
        let literals = mail.pieces.iter().map(|piece| match piece {
            Piece::Literal(text) => text.len(),
            Piece::Slot(_) => 0,
        });
        let (message, dots) = if literals.sum::<usize>() <= AT_ONCE {
            press.make(parcel, &names)?
        } else {
            let (own, press) = (parcel.clone(), Arc::clone(press));
            channel::fill(move || press.make(&own, &names)).await?
        };
        Ok(Letter { from, to: email, report, message, dots })
    }

    /// What its envelope is made of.
    pub fn cover(&self) -> Cover {
        Cover::new(&self.from, self.to, self.message.len(), self.report.as_deref())
    }

    /// Its envelope, for a server that offers what `session`'s does.
    pub fn envelope(&self, session: &Session) -> Result<Envelope, Trouble> {
        self.cover().envelope(session.extensions())
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

impl Press {
    fn make(&self, parcel: &Parcel, names: &Names) -> Result<(Vec<u8>, bool), Failure> {
        let (message, dots) = match (&self.signer, self.reports.field(parcel)) {
            (None, None) => letter::compose(parcel, names)?,
            (signer, field) => letter::compose_with(parcel, names, |message| {
                let mut message = match signer {
                    Some(signer) => signer
                        .sign(&message, parcel.due, parcel.ahead.as_deref())
                        .map_err(|error| broken(error.to_string()))?,
                    None => message,
                };
                // The provider takes it out again, so it is not signed.
                if let Some(field) = field {
                    message.splice(0..0, field.into_bytes());
                }
                Ok(message)
            })?,
        };
        if message.len() as u64 > self.max_size {
            let (size, most) = (message.len(), self.max_size);
            return Err(refuse(format!(
                "not sent, because it has {size} bytes, and `max_size` allows {most}"
            )));
        }
        Ok((message, dots))
    }

    /// The signatures of a parcel that is not due yet; nothing where it is no mail or nothing signs.
    pub fn ahead(&self, parcel: &Parcel) -> Option<Vec<u8>> {
        let signer = self.signer.as_ref()?;
        let (mail, _) = letter::parts(parcel).ok()?;
        let message = letter::filled(parcel, &Names::ours(parcel, mail)).ok()?;
        signer.ahead(&message, parcel.due).ok()
    }
}
