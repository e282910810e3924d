//! Whom the server is told a mail is from and for.
//!
//! The lines are built here and nowhere else. Where reports are read, each mail has a sender of its own
//! ([`Letter`](super::letter::Letter) chooses it), and [`Envelope::report`] asks the server for reports (RFC 3461).

use super::session::Extensions;
use super::trouble::{Phase, Trouble, What};
use crate::channel::letter::needs_utf8;
use crate::contact::EmailAddress;

/// One sender, one recipient: one RCPT per mail, so that each has its own answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    mail: String,
    rcpt: String,
}

impl Envelope {
    /// The envelope of a message of `size` bytes on the wire, with what `offers` allow.
    ///
    /// Fails where the message is larger than the server takes, or where an address needs SMTPUTF8
    /// (RFC 6531) and the server does not have it.
    pub fn new(
        from: &EmailAddress,
        to: &EmailAddress,
        size: usize,
        offers: &Extensions,
    ) -> Result<Envelope, Trouble> {
        let (from, to) = (checked(from)?, checked(to)?);
        let mut mail = format!("MAIL FROM:<{from}>");
        if let Some(most) = offers.size {
            if most > 0 && size as u64 > most {
                let text = format!("the mail has {size} bytes; the server takes {most}: make it smaller");
                return Err(Trouble::misfit(Phase::Mail, text));
            }
            mail.push_str(" SIZE=");
            mail.push_str(&size.to_string());
        }
        if needs_utf8(&from, &to) {
            // RFC 6531 §3.1 (8): a server that has SMTPUTF8 has 8BITMIME.
            if !offers.smtputf8 || !offers.eight_bit_mime {
                let text = "the address has letters that are not ASCII, and the server does not take such addresses (SMTPUTF8)";
                return Err(Trouble { phase: Phase::Mail, what: What::Unsupported(text.to_owned()) });
            }
            mail.push_str(" SMTPUTF8 BODY=8BITMIME");
        }
        mail.push_str("\r\n");
        Ok(Envelope { mail, rcpt: format!("RCPT TO:<{to}>\r\n") })
    }

    /// Asks for reports of failures and delays, with no more of the mail than its header, where the server can. `id` is what the
    /// report calls this try.
    pub fn report(mut self, id: &str, to: &EmailAddress, offers: &Extensions) -> Envelope {
        if offers.dsn {
            insert(&mut self.mail, &format!(" RET=HDRS ENVID={}", xtext(id)));
            insert(&mut self.rcpt, " NOTIFY=FAILURE,DELAY");
            let to = to.to_string();
            // Others have a type of their own (RFC 6533), which servers with SMTPUTF8 need not know.
            if to.is_ascii() {
                insert(&mut self.rcpt, &format!(" ORCPT=rfc822;{}", xtext(&to)));
            }
        }
        self
    }

    /// The MAIL line, with its line end.
    pub fn mail(&self) -> &str {
        &self.mail
    }

    /// The RCPT line, with its line end.
    pub fn rcpt(&self) -> &str {
        &self.rcpt
    }
}

/// Puts a parameter before the line's end.
fn insert(line: &mut String, parameter: &str) {
    line.insert_str(line.len().saturating_sub(2), parameter);
}

/// A value of RFC 3461 §4: what would end it is written as a number. At most 100 characters of `text`, which is ASCII.
fn xtext(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for byte in text.bytes().take(if text.contains('@') { 320 } else { 100 }) {
        match byte {
            b'+' | b'=' | 0..=b' ' | 0x7f.. => value.push_str(&format!("+{byte:02X}")),
            byte => value.push(char::from(byte)),
        }
    }
    value
}

/// The address as text that reads back as the same address and cannot end the command early.
fn checked(address: &EmailAddress) -> Result<String, Trouble> {
    let text = address.to_string();
    let tame = !text.contains(|c: char| c.is_control() || c.is_whitespace() || "<>\"\\".contains(c));
    if tame && text.parse::<EmailAddress>().as_ref() == Ok(address) {
        Ok(text)
    } else {
        let text = "an address of the envelope does not read back as itself";
        Err(Trouble { phase: Phase::Mail, what: What::Unsupported(text.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: &str, to: &str, size: usize, offers: &Extensions, expected: &str) {
        let built = Envelope::new(&from.parse().unwrap(), &to.parse().unwrap(), size, offers);
        let seen = match built {
            Ok(envelope) => format!("{}{}", envelope.mail(), envelope.rcpt()).replace("\r\n", "|"),
            Err(trouble) => format!("{:?}", trouble.what),
        };
        assert!(seen.starts_with(expected), "{seen}");
    }

    #[test]
    fn reports_are_asked_for_where_the_server_can() {
        let dsn = Extensions { dsn: true, size: Some(0), ..Extensions::default() };
        let check = |to: &str, offers: &Extensions, expected: &str| {
            let (from, to) = ("b+abc@bounce.example".parse().unwrap(), to.parse().unwrap());
            let envelope = Envelope::new(&from, &to, 9, offers).unwrap().report("key.1", &to, offers);
            assert_eq!(format!("{}{}", envelope.mail(), envelope.rcpt()).replace("\r\n", "|"), expected);
        };
        check(
            "jane@paper.example",
            &dsn,
            "MAIL FROM:<b+abc@bounce.example> SIZE=9 RET=HDRS ENVID=key.1|\
             RCPT TO:<jane@paper.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;jane@paper.example|",
        );
        check(
            "jane+press=x@paper.example",
            &dsn,
            "MAIL FROM:<b+abc@bounce.example> SIZE=9 RET=HDRS ENVID=key.1|\
             RCPT TO:<jane+press=x@paper.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;jane+2Bpress+3Dx@paper.example|",
        );
        check(
            "jane@paper.example",
            &Extensions::default(),
            "MAIL FROM:<b+abc@bounce.example>|RCPT TO:<jane@paper.example>|",
        );
        let utf8 = Extensions { smtputf8: true, eight_bit_mime: true, dsn: true, ..Extensions::default() };
        check(
            "j\u{f6}rg@paper.example",
            &utf8,
            "MAIL FROM:<b+abc@bounce.example> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=key.1|\
             RCPT TO:<j\u{f6}rg@paper.example> NOTIFY=FAILURE,DELAY|",
        );
    }

    #[test]
    fn parameters_follow_what_is_offered() {
        let bare = Extensions::default();
        let sized = Extensions { size: Some(1000), ..Extensions::default() };
        let utf8 = Extensions { smtputf8: true, eight_bit_mime: true, ..Extensions::default() };
        let half = Extensions { smtputf8: true, ..Extensions::default() };
        let (press, jane) = ("press@halden.example", "jane@paper.example");
        check(press, jane, 900, &bare, "MAIL FROM:<press@halden.example>|RCPT TO:<jane@paper.example>|");
        check(press, jane, 900, &sized, "MAIL FROM:<press@halden.example> SIZE=900|RCPT");
        check(press, jane, 1000, &sized, "MAIL FROM:<press@halden.example> SIZE=1000|RCPT");
        check(press, jane, 1001, &sized, "Misfit(\"the mail has 1001 bytes; the server takes 1000");
        check(
            press,
            jane,
            9,
            &Extensions { size: Some(0), ..Extensions::default() },
            "MAIL FROM:<press@halden.example> SIZE=9|",
        );
        let jorg = "j\u{f6}rg@paper.example";
        check(press, jorg, 9, &bare, "Unsupported");
        check(press, jorg, 9, &half, "Unsupported");
        check(
            press,
            jorg,
            9,
            &utf8,
            "MAIL FROM:<press@halden.example> SMTPUTF8 BODY=8BITMIME|RCPT TO:<j\u{f6}rg@paper.example>|",
        );
        check(
            press,
            "jane@b\u{fc}cher.example",
            9,
            &bare,
            "MAIL FROM:<press@halden.example>|RCPT TO:<jane@xn--bcher-kva.example>|",
        );
    }
}
