//! A parcel, made into the bytes that the relay gets.

use super::envelope::Envelope;
use super::session::Session;
use super::trouble::Trouble;
use crate::channel::letter::{self, Names};
use crate::channel::{self, Failure, Parcel};
use crate::contact::EmailAddress;

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
        let (mail, email) = letter::parts(parcel)?;
        let names = Names::ours(parcel, mail);
        let own = parcel.clone();
        let (message, dots) = channel::fill(move || letter::compose(&own, &names)).await?;
        Ok(Letter { from: &mail.from, to: email, message, dots })
    }

    /// Its envelope, for a server that offers what `session`'s does.
    pub fn envelope(&self, session: &Session) -> Result<Envelope, Trouble> {
        Envelope::new(self.from, self.to, self.message.len(), session.extensions())
    }
}
