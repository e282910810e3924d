//! The bundle's first page: every release with its state, times and findings, and a card for each edition.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::super::card::{escape, in_page};
use super::super::snapshot::When;
use super::{Card, Shown};
use crate::finding::Severity;
use crate::newsroom::Newsroom;
use crate::release::{Release, Status};

const STYLE: &str = include_str!("sheet.css");

/// What stands across every document of a release.
pub fn watermark(release: &Release, now: Timestamp) -> String {
    match release.embargo.or(release.publish) {
        Some(lifts) if lifts > now => {
            format!("PREVIEW – EMBARGOED until {}", lifts.strftime("%-d %b %Y %H:%M UTC"))
        }
        None => "PREVIEW – not public".to_owned(),
        Some(_) => "PREVIEW – not a publication".to_owned(),
    }
}

/// The page.
pub fn document(newsroom: &Newsroom, shown: &[Shown<'_>], now: Timestamp) -> String {
    let made = When::new(now, &newsroom.timezone);
    let mut body = format!(
        "<header><p class=\"over\">Preview – not for publication</p><h1>{}</h1><p>Made on {}, {} {}. Whoever can open this page \
         sees everything in it, embargoed or not: keep it where only those are let in who may.</p></header><main>",
        escape(&newsroom.name),
        escape(&made.day),
        escape(&made.time),
        escape(&made.zone)
    );
    for shown in shown {
        body.push_str(&section(newsroom, shown, now));
    }
    body.push_str("</main>");
    in_page(&format!("Preview of {}", newsroom.name), STYLE, &body)
}

fn section(newsroom: &Newsroom, shown: &Shown<'_>, now: Timestamp) -> String {
    let release = shown.release;
    let state = match release.status {
        Status::Draft => "draft",
        Status::Approved => "approved",
        Status::Held => "held",
        Status::Killed => "killed",
    };
    let when = release.publish.map_or_else(
        || "no date yet".to_owned(),
        |publish| {
            let when = When::new(publish, &newsroom.timezone);
            format!("{}, {} {}", when.day, when.time, when.zone)
        },
    );
    let secret = release.embargo.or(release.publish).is_none_or(|lifts| lifts > now);
    let mut out = format!(
        "<section><p class=\"over\"><span class=\"state {state}\">{state}</span> {}{}</p><h2>{}</h2>",
        escape(&when),
        if secret { " <strong class=\"secret\">under embargo</strong>" } else { "" },
        escape(&release.original().title)
    );
    if !shown.findings.is_empty() {
        out.push_str("<ul class=\"findings\">");
        for finding in &shown.findings {
            let kind = if finding.severity == Severity::Error { "error" } else { "warning" };
            let _ = write!(
                out,
                "<li class=\"{kind}\"><b>{kind}</b> {} <code>{}:{}</code></li>",
                escape(&finding.message),
                escape(&finding.file),
                finding.line
            );
        }
        out.push_str("</ul>");
    }
    out.push_str("<div class=\"cards\">");
    for card in &shown.cards {
        out.push_str(&one(card, secret));
    }
    out.push_str("</div></section>");
    out
}

fn one(card: &Card, secret: bool) -> String {
    let way = &card.way;
    let name = format!("{} · {} · {}", way.audience_name, way.channel, way.language);
    let mut marks = String::new();
    if way.advance {
        marks.push_str(" <strong class=\"secret\">advance</strong>");
    } else if secret {
        marks.push_str(" <strong class=\"secret\">embargo</strong>");
    }
    if way.round_up.is_some() {
        marks.push_str(" <strong>round-up</strong>");
    }
    let mut out = format!("<article><h3>{}{marks}</h3>", escape(&name));
    if let Some(error) = &card.error {
        let _ = write!(out, "<p class=\"error\">{}</p></article>", escape(error));
        return out;
    }
    let Some((_, first)) = card.sides.first() else { return out + "</article>" };
    let (first, title) = (escape(first), escape(&card.title));
    let _ = match &card.picture {
        Some(picture) => write!(
            out,
            "<a class=\"seen\" href=\"{first}\"><img src=\"{}\" alt=\"{} for {}\" loading=\"lazy\"></a>",
            escape(picture),
            title,
            escape(&name)
        ),
        None => write!(
            out,
            "<div class=\"seen\"><iframe src=\"{first}\" title=\"{} for {}\" sandbox=\"\" loading=\"lazy\"></iframe></div>",
            title,
            escape(&name)
        ),
    };
    let links: Vec<String> = card
        .sides
        .iter()
        .map(|(side, file)| {
            format!("<a href=\"{}\">{side}<span class=\"sr\"> of {}</span></a>", escape(file), escape(&name))
        })
        .collect();
    let _ = write!(out, "<p class=\"title\">{title}</p><p class=\"sides\">{}</p></article>", links.join(" "));
    out
}
