//! A parcel, made into the bytes of a mail: the same for every way by which mail leaves.
//!
//! The edition's slots are filled, and the result is looked at for the last time ([`guard`]): what is not clean is held for a
//! person, and nothing of it leaves.

pub mod guard;

use super::{Failure, Parcel, Recipient, Reply};
use crate::contact::EmailAddress;
use crate::render::{Addressee, Content, Mail};

/// The name under which a provider is given the token of a delivery, and gives it back with what it reports: the intake of
/// webhooks looks for it.
pub const REPORTED: &str = "dateline";

/// What a mail is called, and what it answers; Message-IDs without their angle brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Its own Message-ID.
    pub own: String,
    /// That of the mail which it corrects or withdraws.
    pub earlier: Option<String>,
}

impl Names {
    /// The names that Dateline gives, for a way out that leaves them as they are.
    pub fn ours(parcel: &Parcel, mail: &Mail) -> Names {
        // RFC 5322 3.6.4 wants a domain to the right; ours makes it unique in the world.
        let id = |key: &str| format!("{key}@{}", mail.from.domain());
        let earlier = parcel.previous.as_ref().map(|previous| id(&previous.wire_key));
        Names { own: id(&parcel.wire_key), earlier }
    }
}

/// The mail, and the mailbox it is for.
pub fn parts(parcel: &Parcel) -> Result<(&Mail, &EmailAddress), Failure> {
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
pub fn compose(parcel: &Parcel, names: &Names) -> Result<(Vec<u8>, bool), Failure> {
    compose_with(parcel, names, Ok)
}

/// The same; `finish` has the filled message in its hands before it is looked at, to sign it.
pub fn compose_with(
    parcel: &Parcel,
    names: &Names,
    finish: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, Failure>,
) -> Result<(Vec<u8>, bool), Failure> {
    let (mail, email) = parts(parcel)?;
    let message = finish(filled(parcel, names)?)?;
    let utf8 = needs_utf8(mail.from.local(), email.local());
    let meant = guard::Meant {
        from: &mail.from,
        to: email,
        subject: &mail.subject,
        message_id: &names.own,
        in_reply_to: names.earlier.as_deref(),
        token: token(parcel),
    };
    let fit = guard::examine(&message, utf8)
        .and_then(|fit| guard::read_back(&message, &meant).map(|()| fit))
        .map_err(|unfit| {
            broken(format!("not sent, because {unfit}; this is a fault in Dateline or in a template"))
        })?;
    Ok((message, fit.dots))
}

/// The message with its slots filled, as nobody has looked at it yet.
pub fn filled(parcel: &Parcel, names: &Names) -> Result<Vec<u8>, Failure> {
    let (mail, email) = parts(parcel)?;
    let Recipient::Mailbox { name, token, .. } = &parcel.recipient else {
        return Err(refuse("the delivery names no mailbox".to_owned()));
    };
    Ok(mail.fill(&Addressee {
        email,
        name: name.as_deref(),
        message_id: &names.own,
        in_reply_to: names.earlier.as_deref(),
        token,
    }))
}

fn token(parcel: &Parcel) -> &str {
    match &parcel.recipient {
        Recipient::Mailbox { token, .. } => token,
        Recipient::Account => "",
    }
}

/// Whether mail from and to these needs SMTPUTF8 (RFC 6531).
pub fn needs_utf8(from: &str, to: &str) -> bool {
    !from.is_ascii() || !to.is_ascii()
}

/// The bytes are not as they must be: the delivery waits for a person, and nothing is mended behind anybody's back.
pub fn broken(text: String) -> Failure {
    Failure::Broken { reply: Reply::note(text) }
}

/// It cannot leave as it is, and another try changes nothing.
pub fn refuse(text: String) -> Failure {
    Failure::Refused { reply: Reply::note(text), suppress: false }
}

/// Providers whose API knows no SMTPUTF8: an address with letters that are not ASCII before its `@` cannot be reached through
/// them (RFC 6531), and a sender with such an address can use none.
pub fn ascii(mail: &Mail, to: &EmailAddress, provider: &str) -> Result<(), Failure> {
    // RFC 3463 and RFC 6531 4.3: 5.6.7, non-ASCII addresses are not permitted for that sender/recipient.
    let reply = |whose: &str| Reply {
        code: None,
        enhanced: Some("5.6.7".to_owned()),
        text: format!("{whose} has letters that are not ASCII, and {provider} does not take such addresses"),
    };
    if !mail.from.local().is_ascii() {
        return Err(Failure::HoldChannel { reply: reply("the sender's address") });
    }
    if !to.local().is_ascii() {
        return Err(Failure::Refused { reply: reply("the address"), suppress: false });
    }
    Ok(())
}

/// Refuses what is larger than the provider takes. It is the same for everybody who gets the edition, so the channel waits.
pub fn fits(size: usize, most: usize, provider: &str) -> Result<(), Failure> {
    if size <= most {
        return Ok(());
    }
    let text = format!("the mail has {size} bytes; {provider} takes {most}: make it smaller");
    Err(Failure::HoldChannel { reply: Reply::note(text) })
}
