//! A parcel, made into the bytes that the relay gets.

use super::envelope::{self, Envelope};
use super::guard;
use super::session::Session;
use super::trouble::Trouble;
use crate::channel::{self, Failure, Parcel, Recipient, Reply};
use crate::contact::EmailAddress;
use crate::render::{Addressee, Content, Mail};

/// One parcel as the relay gets it.
pub struct Letter<'a> {
    from: &'a EmailAddress,
    to: &'a EmailAddress,
    /// The message, with its last line ended.
    pub message: Vec<u8>,
    /// Whether a line begins with a dot.
    pub dots: bool,
}

impl<'a> Letter<'a> {
    /// Fills the edition's slots and looks at the result for the last time.
    pub async fn write(parcel: &'a Parcel) -> Result<Letter<'a>, Failure> {
        let (mail, email) = parts(parcel)?;
        let own = parcel.clone();
        let (message, dots) = channel::fill(move || make(&own)).await?;
        Ok(Letter { from: &mail.from, to: email, message, dots })
    }

    /// Its envelope, for a server that offers what `session`'s does.
    pub fn envelope(&self, session: &Session) -> Result<Envelope, Trouble> {
        Envelope::new(self.from, self.to, self.message.len(), session.extensions())
    }
}

/// The mail, and the mailbox it is for.
fn parts(parcel: &Parcel) -> Result<(&Mail, &EmailAddress), Failure> {
    let Content::Mail(mail) = &parcel.edition.content else {
        return Err(refuse(
            "the edition is not a mail: the channel was of another kind when it was issued".to_owned(),
        ));
    };
    let Recipient::Mailbox { email, .. } = &parcel.recipient else {
        return Err(refuse("the delivery names no mailbox".to_owned()));
    };
    Ok((mail, email))
}

/// The message's bytes, and whether a line begins with a dot.
fn make(parcel: &Parcel) -> Result<(Vec<u8>, bool), Failure> {
    let (mail, email) = parts(parcel)?;
    let Recipient::Mailbox { name, token, .. } = &parcel.recipient else {
        return Err(refuse("the delivery names no mailbox".to_owned()));
    };
    // RFC 5322 3.6.4 wants a domain to the right; ours makes it unique in the world.
    let id = |key: &str| format!("{key}@{}", mail.from.domain());
    let previous = parcel.previous.as_ref().map(|previous| id(&previous.wire_key));
    let addressee = Addressee {
        email,
        name: name.as_deref(),
        message_id: &id(&parcel.wire_key),
        in_reply_to: previous.as_deref(),
        token,
    };
    let message = mail.fill(&addressee);
    let utf8 = envelope::needs_utf8(mail.from.local(), email.local());
    let fit = guard::examine(&message, utf8).map_err(|unfit| {
        refuse(format!("not sent, because {unfit}; this is a fault in Dateline or in a template"))
    })?;
    Ok((message, fit.dots))
}

fn refuse(text: String) -> Failure {
    Failure::Refused { reply: Reply::note(text), suppress: false }
}
