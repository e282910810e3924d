//! What blogs of others show of a page: the text with a note on top, and its pictures at their new addresses. Pure.

use std::fmt::Write as _;

use super::{Failure, Parcel, Reply};
use crate::digest::Digest;
use crate::release::Notice;
use crate::render::{Asset, Page, path_escape};

/// How the names of our files begin.
const OURS: &str = "dl-";

/// What is shown of an uploaded file, and where.
pub struct Picture {
    /// Whether it stands at the head of the post.
    pub leads: bool,
    /// Its address there.
    pub url: String,
    /// What it shows.
    pub alt: String,
    /// The address that the text shows it by, for the one it has now.
    replaces: Option<String>,
    caption: String,
    image: bool,
}

impl Picture {
    /// The file number `at` of a page, which has the address `url` there.
    pub fn new(page: &Page, asset: &Asset, url: &str, at: usize) -> Picture {
        let address = format!("{}{}", page.entry.url, path_escape(&asset.name));
        let replaces = page.entry.content_html.contains(&address).then_some(address);
        let image = asset.media_type.starts_with("image/");
        Picture {
            leads: at == 0 && image && replaces.is_none(),
            replaces,
            url: url.to_owned(),
            alt: asset.alt.clone(),
            caption: if asset.caption.is_empty() { asset.name.clone() } else { asset.caption.clone() },
            image,
        }
    }
}

/// The headline; what is held or withdrawn says so.
pub fn title(page: &Page, notice: Notice) -> String {
    match (&page.entry.notice, notice) {
        (Some(standing), Notice::Hold | Notice::Kill) => format!("{}: {}", standing.label, page.entry.title),
        _ => page.entry.title.clone(),
    }
}

/// The files that the post shows. Drawings as SVG can hold programs, so others take none; pages of what is withdrawn have none.
pub fn shown<'a>(page: &Page, assets: &'a [Asset]) -> Vec<&'a Asset> {
    let taken = |kind: &str| {
        kind != "image/svg+xml" && ["image/", "audio/", "video/"].iter().any(|k| kind.starts_with(k))
    };
    let taken = |asset: &&Asset| {
        !page.entry.withdrawn && (taken(&asset.media_type) || asset.media_type == "application/pdf")
    };
    assets.iter().filter(taken).collect()
}

/// The name of a file on the site: the same for the same file of the same post, and nobody guesses it who has not the file.
pub fn file_name(post: &str, asset: &Asset) -> String {
    let name = Digest::of_fields(&[post.as_bytes(), &asset.sha.0, asset.alt.as_bytes()]);
    format!("{OURS}{}", name.to_string().chars().take(32).collect::<String>())
}

/// Whether a file is one that we uploaded.
pub fn is_ours(slug: &str) -> bool {
    slug.strip_prefix(OURS)
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The text as HTML: the note of a correction, the body with its pictures at their new addresses, and the pictures that it does not
/// name.
pub fn content(page: &Page, parcel: &Parcel, pictures: &[Picture]) -> String {
    let mut html = page.entry.content_html.clone();
    for picture in pictures {
        if let Some(address) = &picture.replaces {
            html = html.replace(&format!("\"{address}\""), &format!("\"{}\"", escaped(&picture.url)));
        }
    }
    let mut out = String::new();
    if let Some(standing) = &page.entry.notice {
        let (label, day) = (escaped(&standing.label), escaped(&standing.day));
        let words =
            if parcel.notice == Notice::Correction { escaped(&standing.words) } else { String::new() };
        let _ = writeln!(out, "<p><strong>{label}, {day}.</strong> {words}</p>");
    }
    out.push_str(&html);
    for picture in pictures.iter().filter(|picture| picture.replaces.is_none() && !picture.leads) {
        let (url, alt, caption) = (escaped(&picture.url), escaped(&picture.alt), escaped(&picture.caption));
        let _ = if picture.image {
            write!(
                out,
                "\n<figure><img src=\"{url}\" alt=\"{alt}\"><figcaption>{caption}</figcaption></figure>"
            )
        } else {
            write!(out, "\n<p><a href=\"{url}\">{caption}</a></p>")
        };
    }
    out
}

/// What a post is found by whose answer was lost: the delivery's key in letters and digits.
pub fn marker(key: &str) -> String {
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    format!("dl-{}", key.to_ascii_lowercase())
}

/// Two posts with one key: neither is deleted by us.
pub fn twice() -> Failure {
    let words = "two posts carry the key of this delivery: somebody must look which one is to stay";
    Failure::Unknown { reply: Reply::note(words) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
