//! The pages that show what was posted. Nothing in a post runs, nothing is loaded from elsewhere.

use std::fmt::Write as _;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::Place;

/// One network's page.
pub struct Page<'a> {
    /// What it stands in for: `Mastodon`.
    pub network: &'a str,
    /// Its colour.
    pub color: &'a str,
    /// Who posts: name and handle.
    pub account: (&'a str, &'a str),
    /// Newest thread first; within a thread in order.
    pub cards: Vec<Card>,
}

/// One post.
pub struct Card {
    /// Its place on the page.
    pub anchor: String,
    /// When.
    pub at: Timestamp,
    /// The text, with bytes that are links.
    pub text: String,
    /// First byte, one past the last, address.
    pub links: Vec<(usize, usize, String)>,
    /// Address and description.
    pub pictures: Vec<(String, String)>,
    /// A link's card: address, title, below it, picture.
    pub preview: Option<(String, String, String, Option<String>)>,
    /// Whether it answers the one before it.
    pub reply: bool,
    /// A word beside the time: `edited`.
    pub mark: Option<&'static str>,
}

/// Text in HTML.
pub fn esc(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The addresses in a text.
pub fn links(text: &str) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("https://").or_else(|| text[from..].find("http://")) {
        let start = from + at;
        let length = text[start..].find(char::is_whitespace).unwrap_or(text.len() - start);
        let url = text[start..start + length].trim_end_matches(['.', ',', ')', '!', '?']);
        found.push((start, start + url.len(), url.to_owned()));
        from = start + length;
    }
    found
}

impl Place {
    /// Where a link leads on this machine; nothing if it is no web address.
    fn local(&self, url: &str) -> Option<String> {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return None;
        }
        let moved = self.site.as_ref().and_then(|(public, here)| {
            let rest = url.strip_prefix(public.as_str())?;
            Some(format!("{here}{rest}"))
        });
        Some(moved.unwrap_or_else(|| url.to_owned()))
    }

    fn text(&self, card: &Card) -> String {
        let mut html = String::new();
        let mut from = 0;
        for (start, end, url) in &card.links {
            let (Some(before), Some(inside)) = (card.text.get(from..*start), card.text.get(*start..*end))
            else {
                continue;
            };
            html.push_str(&esc(before));
            match self.local(url) {
                Some(local) => {
                    let _ = write!(html, "<a href=\"{}\" rel=\"noopener\">{}</a>", esc(&local), esc(inside));
                }
                None => {
                    let _ = write!(html, "<b>{}</b>", esc(inside));
                }
            }
            from = *end;
        }
        html.push_str(&esc(card.text.get(from..).unwrap_or_default()));
        html
    }

    /// The page.
    pub fn page(&self, page: &Page<'_>) -> Response {
        let (name, handle) = page.account;
        let initials: String = name.split(' ').filter_map(|word| word.chars().next()).take(2).collect();
        let mut html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{name} on {network}</title>\
             <link rel=\"icon\" href=\"data:,\"><style>:root{{--accent:{color}}}{STYLE}</style></head><body>\
             <header><p>{network} stand-in</p><div class=\"who\"><span class=\"face\" aria-hidden=\"true\">{initials}</span>\
             <div><h1>{name}</h1><p>@{handle}</p></div></div></header><main>",
            name = esc(name),
            handle = esc(handle),
            network = esc(page.network),
            color = page.color,
            initials = esc(&initials),
        );
        if page.cards.is_empty() {
            html.push_str("<p class=\"none\">Nothing has been posted yet.</p>");
        }
        for card in &page.cards {
            let class = if card.reply { "reply" } else { "post" };
            let _ = write!(
                html,
                "<article class=\"{class}\" id=\"{0}\"><span class=\"face\" aria-hidden=\"true\">{1}</span><div>\
                 <p class=\"head\"><b>{2}</b> <span>@{3}</span> <a href=\"#{0}\"><time datetime=\"{4}\">{5}</time></a>{6}</p>\
                 <p class=\"text\">{7}</p>",
                esc(&card.anchor),
                esc(&initials),
                esc(name),
                esc(handle),
                card.at,
                card.at.strftime("%-d %b %Y, %H:%M UTC"),
                card.mark.map(|mark| format!(" <em>{mark}</em>")).unwrap_or_default(),
                self.text(card),
            );
            if !card.pictures.is_empty() {
                html.push_str("<div class=\"pictures\">");
                for (src, alt) in &card.pictures {
                    let _ = write!(html, "<img src=\"{}\" alt=\"{1}\" title=\"{1}\">", esc(src), esc(alt));
                }
                html.push_str("</div>");
            }
            if let Some((url, title, below, thumb)) = &card.preview {
                let href = self.local(url).unwrap_or_default();
                let _ = write!(html, "<a class=\"card\" href=\"{}\" rel=\"noopener\">", esc(&href));
                if let Some(thumb) = thumb {
                    let _ = write!(html, "<img src=\"{}\" alt=\"\">", esc(thumb));
                }
                let _ = write!(html, "<b>{}</b><span>{}</span></a>", esc(title), esc(below));
            }
            html.push_str("</div></article>");
        }
        html.push_str("</main></body></html>");
        (
            [
                (CONTENT_TYPE, "text/html; charset=utf-8"),
                (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
                (X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (CACHE_CONTROL, "no-store"),
            ],
            html,
        )
            .into_response()
    }
}

/// A picture as it was uploaded.
pub fn picture(media_type: &str, bytes: Vec<u8>) -> Response {
    let kind = if media_type.starts_with("image/") { media_type } else { "application/octet-stream" };
    // An SVG opened by itself is a document; it gets no rights.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
    let headers =
        [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, policy), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, bytes).into_response()
}

const STYLE: &str = "*{box-sizing:border-box}body{margin:0;background:#f4f5f7;color:#14171a;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\
header{background:var(--accent);color:#fff;padding:1.5rem max(1rem,calc(50% - 19rem))}header p{margin:0;opacity:.9}\
.who{display:flex;gap:1rem;align-items:center;margin-top:1rem}h1{margin:0;font-size:1.5rem}\
.face{flex:none;width:3rem;height:3rem;border-radius:50%;display:grid;place-items:center;background:#0e2230;color:#fff;font-weight:700}\
header .face{width:4.5rem;height:4.5rem;font-size:1.5rem;border:3px solid #fff}\
main{max-width:38rem;margin:0 auto;padding:1rem 0 4rem}\
article{display:flex;gap:.9rem;background:#fff;padding:1.1rem 1.2rem;margin-top:1rem;border-radius:12px}\
article.reply{margin-top:0;border-top-left-radius:0;border-top-right-radius:0;border-top:1px dashed #d8dce1}\
article:has(+.reply){border-bottom-left-radius:0;border-bottom-right-radius:0}article:target{outline:3px solid var(--accent)}\
article>div{min-width:0;flex:1}.head{margin:0;font-size:.92rem;color:#5b6570}.head b{color:#14171a}.head a{color:inherit;text-decoration:none}\
.text{margin:.3rem 0 0;white-space:pre-wrap;overflow-wrap:anywhere}.text a{color:var(--accent)}\
.pictures{display:grid;grid-template-columns:repeat(auto-fit,minmax(12rem,1fr));gap:4px;margin-top:.8rem;border-radius:12px;overflow:hidden}\
.pictures img{width:100%;height:100%;max-height:22rem;object-fit:cover;display:block}\
.card{display:block;margin-top:.8rem;border:1px solid #d8dce1;border-radius:12px;overflow:hidden;color:inherit;text-decoration:none}\
.card img{width:100%;aspect-ratio:1.91;object-fit:cover;display:block}.card b,.card span{display:block;padding:.6rem .9rem 0}.card span{padding:.1rem .9rem .7rem;color:#5b6570;font-size:.88rem}\
.none{text-align:center;color:#5b6570}\
@media(prefers-color-scheme:dark){body{background:#0f1317;color:#e9ecf0}article{background:#181d23}.head b{color:#e9ecf0}.head,.card span,.none{color:#a3acb7}.card,article.reply{border-color:#303842}.text a{color:#9db4ff}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_end_where_sentences_do() {
        for (text, expected) in [
            ("See https://a.example/x.", vec!["https://a.example/x"]),
            (
                "(https://a.example/) and http://b.example/y!",
                vec!["https://a.example/", "http://b.example/y"],
            ),
            ("nothing here", vec![]),
        ] {
            let found: Vec<String> = links(text).into_iter().map(|(_, _, url)| url).collect();
            assert_eq!(found, expected);
        }
    }
}
