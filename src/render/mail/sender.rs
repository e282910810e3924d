//! Who sends, and how one leaves the list.

use super::super::scene::forbidden;
use super::encode;
use crate::contact::{AddressError, EmailAddress};
use crate::newsroom::ChannelFacts;
use crate::render::RenderError;

/// Who sends, as headers and envelope need it.
pub(super) struct Sender {
    pub name: Option<String>,
    pub address: EmailAddress,
    pub reply_to: Option<(Option<String>, EmailAddress)>,
    pub list_id: Option<String>,
    pub unsubscribe_url: Option<String>,
    pub unsubscribe_mailto: Option<EmailAddress>,
}

impl Sender {
    pub fn new(channel: &ChannelFacts) -> Result<Sender, RenderError> {
        let key = &channel.key;
        let wrong = |what: &str, why: &str| {
            RenderError::Content(format!("dateline.yaml: channel `{key}`: `{what}` {why}"))
        };
        let parse = |what: &str, text: &str| -> Result<(Option<String>, EmailAddress), RenderError> {
            // A control character in a name makes lettre panic later on: it stops here.
            if text.chars().any(forbidden) {
                return Err(wrong(what, "holds a control character; remove it"));
            }
            let mailbox: lettre::message::Mailbox = text
                .parse()
                .map_err(|_| wrong(what, "is no mailbox; write it as `Name <name@host.example>`"))?;
            let address: &str = mailbox.email.as_ref();
            let address = address
                .parse()
                .map_err(|error: AddressError| wrong(what, &format!("cannot be used: {error}")))?;
            Ok((mailbox.name, address))
        };
        let from =
            channel.from.as_deref().ok_or_else(|| wrong("from", "is missing; name the sender's mailbox"))?;
        let (name, address) = parse("from", from)?;
        let reply_to = channel.reply_to.as_deref().map(|text| parse("reply_to", text)).transpose()?;
        let unsubscribe_mailto = channel
            .unsubscribe_mailto
            .as_deref()
            .map(|text| parse("unsubscribe_mailto", text.trim_start_matches("mailto:")))
            .transpose()?
            .map(|(_, address)| address);
        let unsubscribe_url = channel
            .unsubscribe_url
            .as_deref()
            .map(|text| {
                let good = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
                    && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>,\"".contains(&byte));
                if good { Ok(text.to_owned()) } else { Err(wrong("unsubscribe_url", "is no web address")) }
            })
            .transpose()?;
        let list_id = channel.list_id.clone();
        if list_id.as_ref().is_some_and(|id| !id.chars().all(|c| c.is_ascii_graphic() || c == ' ')) {
            return Err(wrong("list_id", "may hold ASCII alone; write it as `Name <list.host.example>`"));
        }
        Ok(Sender { name, address, reply_to, list_id, unsubscribe_url, unsubscribe_mailto })
    }

    pub fn can_unsubscribe(&self) -> bool {
        self.unsubscribe_url.is_some() || self.unsubscribe_mailto.is_some()
    }

    /// `"Name" <list.host.example>` (RFC 2919 3); the sender's name where only the list's stands.
    pub fn list_id(&self) -> Option<String> {
        let id = self.list_id.as_deref()?.trim();
        if id.ends_with('>') {
            return Some(id.to_owned());
        }
        let mut value = Vec::new();
        encode::mailbox(self.name.as_deref(), id, "List-Id: ".len(), &mut value);
        let value = String::from_utf8_lossy(&value).into_owned();
        Some(if value.ends_with('>') { value } else { format!("<{value}>") })
    }
}
