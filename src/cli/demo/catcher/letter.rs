//! What is in a mail, read with an independent parser.

use mail_parser::{Address, Message, MessageParser, MimeHeaders};

/// What a list shows of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// `From:` as people read it.
    pub from: String,
    /// `To:` as people read it.
    pub to: String,
    /// `Subject:`, decoded.
    pub subject: String,
    /// The first words of the text.
    pub preview: String,
    /// How many files are attached.
    pub attachments: usize,
    /// How many bytes are kept, with this mail.
    pub bytes_so_far: usize,
}

/// A mail, taken apart for reading.
#[derive(Debug, Default)]
pub struct Letter {
    /// The header, field by field, as it came but unfolded.
    pub headers: Vec<(String, String)>,
    /// The HTML part.
    pub html: Option<String>,
    /// The text part.
    pub text: Option<String>,
    /// Attached files.
    pub files: Vec<File>,
}

/// An attached file.
#[derive(Debug)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Summary {
    /// Reads what a list shows.
    pub fn read(message: &[u8]) -> Summary {
        let Some(parsed) = MessageParser::default().parse(message) else {
            return Summary { subject: "(not a mail)".to_owned(), ..Summary::default() };
        };
        let text = parsed.body_text(0).unwrap_or_default();
        let subject = parsed.subject().unwrap_or("(no subject)").to_owned();
        // Most mails repeat their subject as a headline; a list has it already.
        // Rules made of signs say nothing in a list.
        let spoken = text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric));
        let words = spoken.collect::<Vec<_>>().join(" ");
        let words =
            words.strip_prefix(subject.as_str()).unwrap_or(&words).trim_start_matches([' ', '=', '-', '#']);
        let preview: String = words.chars().take(160).collect();
        Summary {
            from: people(parsed.from()),
            to: people(parsed.to()),
            subject,
            preview,
            attachments: files(&parsed).count(),
            bytes_so_far: 0,
        }
    }
}

impl Letter {
    /// Takes a mail apart; what cannot be read is left out.
    pub fn read(message: &[u8]) -> Letter {
        let Some(parsed) = MessageParser::default().parse(message) else {
            return Letter::default();
        };
        let headers = parsed
            .headers_raw()
            .map(|(name, value)| (name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
            .collect();
        let has = |media: &str| {
            let wanted = |part: &mail_parser::MessagePart<'_>| part.is_content_type("text", media);
            parsed.parts.iter().any(wanted)
        };
        // The parser makes text from HTML and HTML from text; only what is really there is shown.
        let bare = !parsed.parts.iter().any(|part| part.content_type().is_some());
        Letter {
            headers,
            html: parsed.body_html(0).filter(|_| has("html")).map(std::borrow::Cow::into_owned),
            text: parsed.body_text(0).filter(|_| has("plain") || bare).map(std::borrow::Cow::into_owned),
            files: files(&parsed).enumerate().map(|(number, part)| file(number, part)).collect(),
        }
    }
}

/// The files of a mail: what is attached, and a calendar that stands beside the text.
fn files<'a>(parsed: &'a Message<'a>) -> impl Iterator<Item = &'a mail_parser::MessagePart<'a>> {
    parsed.parts.iter().filter(|part| {
        let text = part.is_content_type("text", "plain") || part.is_content_type("text", "html");
        let attached = part.content_disposition().is_some_and(mail_parser::ContentType::is_attachment);
        !part.is_multipart() && part.content_type().is_some() && (attached || !text)
    })
}

fn file(number: usize, part: &mail_parser::MessagePart<'_>) -> File {
    let media_type = part.content_type().map_or_else(
        || "application/octet-stream".to_owned(),
        |kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or("octet-stream")),
    );
    let ending = if media_type == "text/calendar" { ".ics" } else { "" };
    let name = part.attachment_name().map_or_else(
        || format!("attachment-{}{ending}", number + 1),
        |name| name.replace(['/', '\\'], "-").trim_start_matches('.').to_owned(),
    );
    File { name, media_type, bytes: part.contents().to_vec() }
}

fn people(address: Option<&Address<'_>>) -> String {
    let one = |person: &mail_parser::Addr<'_>| match (person.name(), person.address()) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (None, Some(address)) => address.to_owned(),
        (Some(name), None) => name.to_owned(),
        (None, None) => String::new(),
    };
    address.map(|address| address.iter().map(one).collect::<Vec<_>>().join(", ")).unwrap_or_default()
}
