//! The pages as HTML: without scripts, pictures or fonts, for any width, light and dark.

use std::fmt::Write as _;
use std::sync::OnceLock;

use base64::Engine as _;

use super::room::{Listed, Room};
use super::words::{basis, own_name, spoken, words};
use crate::contact::Contact;
use crate::digest::Digest;
use crate::language::Language;
use crate::ledger::Bearer;

const STYLE: &str = include_str!("style.css");

/// What is shown.
pub enum Page {
    /// Two buttons.
    Door,
    /// They get nothing more.
    Left,
    /// Why they get it, and what they may pick.
    Choices {
        /// Who they are.
        bearer: Box<Bearer>,
        /// The list that brought the mail; nothing if it is gone.
        audience: Option<Listed>,
        /// They have just picked.
        saved: bool,
    },
    /// The link is of nobody whom the ledger knows.
    Nobody,
    /// It did not work.
    Busy,
}

/// What a page may do: show itself with its one style sheet, and post to where it came from.
pub fn policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        let hash = base64::engine::general_purpose::STANDARD.encode(Digest::of(STYLE.as_bytes()).0);
        format!(
            "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        )
    })
}

/// A page in a language.
pub fn html(room: &Room, language: &Language, page: &Page) -> String {
    let say = |key: &str| words(language, key);
    let named = |key: &str| escaped(&say(key).replace("{}", &room.organization));
    let title = match page {
        Page::Door | Page::Nobody => named("title"),
        Page::Left => named("left-title"),
        Page::Choices { .. } => named("choices-title"),
        Page::Busy => named("busy-title"),
    };
    let mut html = format!(
        "<!doctype html>\n<html lang=\"{}\" dir=\"ltr\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n",
        spoken(language)
    );
    let ask = |html: &mut String| {
        if let Some(contact) = &room.contact {
            let contact = escaped(contact);
            let _ = writeln!(html, "<p><a href=\"mailto:{contact}\">{contact}</a></p>");
        }
    };
    match page {
        Page::Door => {
            let _ = writeln!(html, "<p>{}</p>", named("door"));
            leave(&mut html, room, language, false);
            let _ = write!(html, "{}", begin(language));
            let _ = writeln!(
                html,
                "<p><button class=\"plain\" name=\"do\" value=\"show\">{}</button></p>\n</form>",
                named("choose")
            );
        }
        Page::Left => {
            let _ = writeln!(html, "<p role=\"status\" class=\"said\">{}</p>", named("left"));
            let _ = writeln!(html, "<p>{}</p>", named("left-mistake"));
            ask(&mut html);
        }
        Page::Busy => {
            let _ = writeln!(html, "<p role=\"alert\">{}</p>", named("busy"));
            ask(&mut html);
        }
        Page::Nobody => {
            let _ = writeln!(html, "<p role=\"status\" class=\"said\">{}</p>", named("nobody"));
        }
        Page::Choices { bearer, audience, saved } => {
            if *saved {
                let _ = writeln!(html, "<p role=\"status\" class=\"said\">{}</p>", named("saved"));
            }
            if let Some((_, since)) = &bearer.suppressed {
                let day = since.strftime("%Y-%m-%d").to_string();
                let words = escaped(&say("stopped").replace("{}", &day));
                let _ = writeln!(html, "<p role=\"status\" class=\"said\">{words}</p>");
            }
            if let Some(contact) = &bearer.contact {
                why(&mut html, language, contact, audience.as_ref());
            }
            if bearer.suppressed.is_none() {
                choices(&mut html, room, language, bearer);
                leave(&mut html, room, language, true);
            }
            let _ = writeln!(html, "<div class=\"rights\">\n<p>{}</p>", named("rights"));
            ask(&mut html);
            html.push_str("</div>\n");
        }
    }
    html.push_str("</main>\n<footer>\n<p>");
    let _ = write!(html, "<a href=\"{}\">{}</a>", escaped(&room.url), escaped(&room.organization));
    if let Some(address) = &room.postal_address {
        let _ = write!(html, " · {}", escaped(&address.lines().collect::<Vec<_>>().join(", ")));
    }
    html.push_str("</p>\n</footer>\n</body>\n</html>\n");
    html
}

/// A form that posts to the page's own address, which holds the token. It says its language, so that the answer has it too.
fn begin(language: &Language) -> String {
    format!("<form method=\"post\">\n<input type=\"hidden\" name=\"in\" value=\"{}\">\n", spoken(language))
}

/// The button that ends it all; with a heading of its own below other forms.
fn leave(html: &mut String, room: &Room, language: &Language, own: bool) {
    let say = |key: &str| escaped(&words(language, key).replace("{}", &room.organization));
    if own {
        let _ = writeln!(html, "<section>\n<h2>{}</h2>", say("leave"));
    }
    let class = if own { " class=\"plain\"" } else { "" };
    html.push_str(&begin(language));
    let _ = writeln!(
        html,
        "<p><button{class} name=\"do\" value=\"leave\" aria-describedby=\"leave-note\">{}</button></p>\n\
         <p class=\"note\" id=\"leave-note\">{}</p>\n</form>",
        say("leave"),
        say("leave-note")
    );
    if own {
        html.push_str("</section>\n");
    }
}

/// What GDPR Art. 14 wants people to know whose data came from elsewhere.
fn why(html: &mut String, language: &Language, contact: &Contact, audience: Option<&Listed>) {
    let say = |key: &str| words(language, key);
    let _ = writeln!(html, "<section aria-labelledby=\"why\">\n<h2 id=\"why\">{}</h2>\n<dl>", say("why"));
    let mut row = |key: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(html, "<dt>{}</dt><dd>{}</dd>", say(key), escaped(value));
        }
    };
    // Mails are handed on: whoever holds the link is not told the address.
    row("address", &contact.email.masked());
    if let Some(audience) = audience {
        let description = audience.description.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
        row("list", &format!("{}{description}", audience.name));
        row("rule", audience.rule.as_deref().unwrap_or_default());
        let held = audience.fields.iter().filter_map(|field| {
            let values = contact.values(field);
            (!values.is_empty()).then(|| format!("{field}: {}", values.join(", ")))
        });
        row("held", &held.collect::<Vec<_>>().join("; "));
    }
    if let Some(consent) = &contact.consent {
        row("basis", basis(language, consent.basis));
        row("source", &consent.source);
        row("since", &consent.date.to_string());
    }
    html.push_str("</dl>\n</section>\n");
}

/// The form in which topics and languages are picked.
fn choices(html: &mut String, room: &Room, language: &Language, bearer: &Bearer) {
    let say = |key: &str| escaped(words(language, key));
    if room.topics.is_empty() && room.languages.len() < 2 {
        return;
    }
    html.push_str(&begin(language));
    if !room.topics.is_empty() {
        let _ = writeln!(
            html,
            "<fieldset aria-describedby=\"topics-note\">\n<legend>{}</legend>\n<div>",
            say("topics")
        );
        for key in room.topics.keys() {
            let checked = if bearer.wishes.unwanted.contains(key) { "" } else { " checked" };
            let (key, name) = (escaped(key), escaped(&room.topic(key, language)));
            let _ = writeln!(
                html,
                "<input type=\"hidden\" name=\"offered\" value=\"{key}\"><label><input type=\"checkbox\" name=\"topic\" \
                 value=\"{key}\"{checked}> {name}</label>"
            );
        }
        let _ = writeln!(
            html,
            "</div>\n<p class=\"note\" id=\"topics-note\">{}</p>\n</fieldset>",
            say("topics-note")
        );
    }
    if room.languages.len() > 1 {
        let _ = writeln!(
            html,
            "<fieldset aria-describedby=\"languages-note\">\n<legend>{}</legend>\n<div>",
            say("languages")
        );
        for tag in &room.languages {
            let checked = if bearer.wishes.read(tag) { " checked" } else { "" };
            let (name, tag) = (escaped(own_name(tag)), escaped(tag.as_str()));
            let _ = writeln!(
                html,
                "<label><input type=\"checkbox\" name=\"language\" value=\"{tag}\"{checked}> <span \
                 lang=\"{tag}\">{name}</span></label>"
            );
        }
        let _ = writeln!(
            html,
            "</div>\n<p class=\"note\" id=\"languages-note\">{}</p>\n</fieldset>",
            say("languages-note")
        );
    }
    let _ = writeln!(html, "<p><button name=\"do\" value=\"save\">{}</button></p>\n</form>", say("save"));
}

/// Text that is no markup, in elements and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}
