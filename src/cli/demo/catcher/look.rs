//! The inbox as HTML. What comes from a mail is escaped here or shown in a frame, nowhere else.

use std::fmt::Write as _;
use std::sync::Arc;

use super::Caught;
use super::inbox::Wish;
use super::letter::Letter;

/// The pages' style.
pub const CSS: &str = include_str!("look.css");
/// The pages' script.
pub const JS: &str = include_str!("look.js");
/// The most mails in a list.
const SHOWN: usize = 300;

const CLIP: &str = r#"<svg class="clip" viewBox="0 0 16 16" width="13" height="13" aria-hidden="true"><path d="M13.2 7.3 8 12.5a3.3 3.3 0 0 1-4.7-4.7l5.6-5.6a2.2 2.2 0 0 1 3.1 3.1l-5.5 5.5a1 1 0 0 1-1.5-1.5l5-5" fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round"/></svg>"#;
const MARK: &str = r##"<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="9" fill="#2456c8"/><path d="M7 11.5 16 18l9-6.5" fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/><rect x="6.5" y="9" width="19" height="14.5" rx="3" fill="none" stroke="#fff" stroke-width="2.2"/></svg>"##;

/// The whole page: the list, and the chosen mail beside it.
pub fn page(mails: &[Arc<Caught>], all: usize, chosen: Option<(&Caught, &Letter)>, wish: &Wish) -> String {
    let title = chosen.map_or("Inbox", |(mail, _)| mail.summary.subject.as_str());
    let class = match (chosen, mails.is_empty()) {
        (Some(_), _) => "reading",
        (None, false) => "choosing",
        (None, true) => "choosing bare",
    };
    let count = match (all, wish.q.trim().is_empty()) {
        (1, true) => "1 mail".to_owned(),
        (_, true) => format!("{all} mails"),
        (_, false) => format!("{} of {all}", mails.len()),
    };
    let right = match chosen {
        Some((mail, letter)) => reading(mail, letter, wish),
        None => empty(all, wish),
    };
    format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Dateline mail catcher</title><link rel="stylesheet" href="/look.css"><link rel="icon" href="data:,"></head>
<body class="{class}" data-count="{all}">
<header class="top"><a class="brand" href="/">{MARK}<span>Mail catcher<small>Nothing here has left this machine</small></span></a>
<form action="/" role="search"><input type="search" name="q" value="{q}" placeholder="Search recipients and subjects" aria-label="Search recipients and subjects"></form>
<span class="count">{count}</span></header>
<main class="panes"><ul class="list" aria-label="Mails">{list}</ul>{right}</main><script src="/look.js"></script></body></html>"#,
        title = escape(title),
        q = escape(&wish.q),
        list = list(mails, chosen.map(|(mail, _)| mail.id), wish),
    )
}

fn list(mails: &[Arc<Caught>], chosen: Option<usize>, wish: &Wish) -> String {
    let mut out = String::new();
    for mail in mails.iter().take(SHOWN) {
        let summary = &mail.summary;
        let who = name(&summary.to);
        let clip = if summary.attachments > 0 { CLIP } else { "" };
        let _ = write!(
            out,
            r#"<li><a class="item{on}" href="{href}"><span class="face c{color}" aria-hidden="true">{initials}</span><span class="cut">
<span class="row"><span class="who cut">{who}</span>{clip}<time class="when">{at}</time></span>
<span class="subject cut row"><span class="cut">{subject}</span></span><span class="preview row"><span class="cut">{preview}</span></span></span></a></li>"#,
            on = if chosen == Some(mail.id) { " chosen" } else { "" },
            href = link(mail.id, &Wish { width: String::new(), ..wish.clone() }),
            color = color(&summary.to),
            initials = escape(&initials(&who)),
            who = escape(&who),
            at = mail.at.strftime("%H:%M:%S"),
            subject = escape(&summary.subject),
            preview = escape(&summary.preview),
        );
    }
    if mails.len() > SHOWN {
        let _ = write!(out, r#"<li class="more">{} more; search to find them</li>"#, mails.len() - SHOWN);
    }
    out
}

fn reading(mail: &Caught, letter: &Letter, wish: &Wish) -> String {
    let summary = &mail.summary;
    let form = form(letter, wish);
    let id = mail.id;
    let mut chips = String::new();
    for (number, file) in letter.files.iter().enumerate() {
        let _ = write!(
            chips,
            r#"<a class="chip" href="/mails/{id}/files/{}">{CLIP} {} <span>{}</span></a>"#,
            number + 1,
            escape(&file.name),
            size(file.bytes.len()),
        );
    }
    let has = |wanted: &str| letter.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
    if has("List-Unsubscribe-Post") {
        chips.push_str(r#"<span class="chip good">&#10003; one-click unsubscribe</span>"#);
    }
    if has("In-Reply-To") {
        chips.push_str(r#"<span class="chip">follows an earlier mail</span>"#);
    }
    let _ = write!(
        chips,
        r#"<a class="chip" href="/mails/{id}/source">{} &#8595;</a>"#,
        size(mail.message.len())
    );
    let tab = |key: &str, title: &str| {
        let href = link(id, &Wish { form: key.to_owned(), ..wish.clone() });
        let on = if form == key { r#" class="on" aria-current="page""# } else { "" };
        format!(r#"<a href="{href}"{on}>{title}</a>"#)
    };
    let mut tabs = String::new();
    if letter.html.is_some() {
        tabs.push_str(&tab("html", "HTML"));
    }
    if letter.text.is_some() {
        tabs.push_str(&tab("text", "Text"));
    }
    tabs.push_str(&tab("headers", "Headers"));
    tabs.push_str(&tab("source", "Source"));
    if form == "html" {
        let width = |width: &str, title: &str| {
            let href = link(id, &Wish { width: width.to_owned(), ..wish.clone() });
            let on = if wish.width == width { r#" class="on""# } else { "" };
            format!(r#"<a href="{href}"{on}>{title}</a>"#)
        };
        let _ =
            write!(tabs, r#"<span class="right">{}{}</span>"#, width("", "Desktop"), width("phone", "Phone"));
    }
    let back = link_list(wish);
    format!(
        r#"<article class="mail"><header class="head"><a class="back" href="{back}">&#8592; All mails</a><h1>{subject}</h1>
<div class="people"><span class="face c{color}" aria-hidden="true">{initials}</span><div><strong>{from}</strong><div class="to">to {to}</div></div><time class="when">{at}</time></div>
<div class="chips">{chips}</div></header><nav class="tabs" aria-label="Forms of this mail">{tabs}</nav><div class="show">{body}</div></article>"#,
        subject = escape(&summary.subject),
        color = color(&summary.from),
        initials = escape(&initials(&name(&summary.from))),
        from = escape(&summary.from),
        to = escape(&summary.to),
        at = mail.at.strftime("%e %b %Y, %H:%M:%S UTC"),
        body = body(mail, letter, form, wish),
    )
}

fn body(mail: &Caught, letter: &Letter, form: &str, wish: &Wish) -> String {
    match form {
        "html" => format!(
            r#"<iframe class="sheet{}" src="/mails/{}/html" title="The mail" sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>"#,
            if wish.width == "phone" { " phone" } else { "" },
            mail.id,
        ),
        "text" => {
            format!(r#"<pre class="sheet text">{}</pre>"#, escape(letter.text.as_deref().unwrap_or_default()))
        }
        "headers" => {
            let mut rows = String::new();
            for (name, value) in &letter.headers {
                let _ = write!(rows, "<tr><th>{}</th><td>{}</td></tr>", escape(name), escape(value));
            }
            let envelope = format!(
                "<tr><th>(envelope) from</th><td>{}</td></tr><tr><th>(envelope) to</th><td>{}</td></tr>",
                escape(&mail.from),
                escape(&mail.to.join(", "))
            );
            format!(r#"<table class="sheet">{envelope}{rows}</table>"#)
        }
        _ => format!(r#"<pre class="sheet">{}</pre>"#, escape(&String::from_utf8_lossy(&mail.message))),
    }
}

/// The form that is shown: what was asked for, if the mail has it.
fn form<'a>(letter: &Letter, wish: &'a Wish) -> &'a str {
    match wish.form.as_str() {
        "headers" | "source" => &wish.form,
        "text" if letter.text.is_some() => "text",
        _ if letter.html.is_some() => "html",
        _ if letter.text.is_some() => "text",
        _ => "source",
    }
}

fn empty(all: usize, wish: &Wish) -> String {
    let (title, text) = match (all, wish.q.is_empty()) {
        (0, _) => ("No mail yet", "What is sent to this catcher appears here by itself."),
        (_, true) => ("Choose a mail", "j and k move through the list."),
        (_, false) => ("Choose a mail", "The list holds what matches the search."),
    };
    format!(r#"<section class="empty">{MARK}<strong>{title}</strong><span>{text}</span></section>"#)
}

fn link(id: usize, wish: &Wish) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (key, value) in [("as", &wish.form), ("q", &wish.q), ("width", &wish.width)] {
        if !value.is_empty() {
            query.append_pair(key, value);
        }
    }
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    escape(&format!("/mails/{id}{mark}{query}"))
}

fn link_list(wish: &Wish) -> String {
    if wish.q.is_empty() {
        return "/".to_owned();
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("q", &wish.q).finish();
    escape(&format!("/?{query}"))
}

/// The name of `Jane Roe <jane@paper.example>`, or the address.
fn name(person: &str) -> String {
    let name = person.split_once(" <").map_or(person, |(name, _)| name);
    if name.is_empty() { "(nobody)".to_owned() } else { name.to_owned() }
}

fn initials(name: &str) -> String {
    let letters = |word: &str| word.chars().find(|c| c.is_alphanumeric());
    let mut found = name.split([' ', '.', '@']).filter_map(letters);
    found.by_ref().take(2).flat_map(char::to_uppercase).collect()
}

/// One of eight colours, the same for the same person.
fn color(person: &str) -> u32 {
    person.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte))) % 8
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{} MiB", bytes.div_ceil(1_048_576)),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
