//! A parcel, made into the bytes that the relay gets.

use super::envelope::{self, Envelope};
use super::guard;
use super::session::Session;
use super::trouble::Trouble;
use crate::channel::{Failure, Parcel, Recipient, Reply};
use crate::contact::EmailAddress;
use crate::render::{Addressee, Content};

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
    pub fn write(parcel: &'a Parcel) -> Result<Letter<'a>, Failure> {
        let refuse = |text: String| Failure::Refused { reply: Reply::note(text), suppress: false };
        let Content::Mail(mail) = &parcel.edition.content else {
            return Err(refuse(
                "the edition is not a mail: the channel was of another kind when it was issued".to_owned(),
            ));
        };
        let Recipient::Mailbox { email, name, token } = &parcel.recipient else {
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
        Ok(Letter { from: &mail.from, to: email, message, dots: fit.dots })
    }

    /// Its envelope, for a server that offers what `session`'s does.
    pub fn envelope(&self, session: &Session) -> Result<Envelope, Trouble> {
        Envelope::new(self.from, self.to, self.message.len(), session.extensions())
    }
}
