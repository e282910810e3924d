//! Posts for social networks: counted as each network counts, split where words end.

use serde_json::json;
use unicode_segmentation::UnicodeSegmentation;

use super::scene::Scene;
use super::templates::Templates;
use super::{Asset, Facet, Post, RenderError, Social};
use crate::newsroom::{ChannelKind, PostLimit};
use crate::release::length;

/// The most pictures of a post (Mastodon and Bluesky alike).
const PICTURES: usize = 4;

/// The posts and their pictures.
pub(super) fn compose(scene: &Scene<'_>, templates: &Templates) -> Result<(Social, Vec<Asset>), RenderError> {
    let text = text(scene, templates)?;
    let limit = PostLimit::of(scene.channel.kind, scene.channel.characters);
    let posts = split(&text, limit).ok_or_else(|| {
        RenderError::Content(format!(
            "{}: an address in the social text is longer than a post on `{}` may be; shorten it",
            scene.text.file.path, scene.channel.key
        ))
    })?;
    if posts.len() > 1 && !limit.threads() {
        return Err(RenderError::Content(format!(
            "{}: the social text is longer than the {} characters that a post on `{}` may have; shorten it",
            scene.text.file.path,
            limit.most(),
            scene.channel.key
        )));
    }
    // Networks show photographs; a drawing as SVG stays on the page.
    let assets: Vec<Asset> = if scene.shows_body() {
        let mut pictures = 0;
        let films = scene.channel.kind == ChannelKind::Youtube;
        let mut shown = |asset: &Asset| match asset.media_type.as_str() {
            "image/jpeg" | "image/png" | "image/gif" | "image/webp" => {
                pictures += 1;
                pictures <= PICTURES
            }
            // A video, and its captions.
            kind => films && (kind.starts_with("video/") || kind == "text/vtt"),
        };
        scene.assets()?.into_iter().filter(|asset| shown(asset)).collect()
    } else {
        Vec::new()
    };
    let posts = posts
        .into_iter()
        .enumerate()
        .map(|(at, text)| {
            let all = assets.iter().enumerate().filter(|(_, asset)| asset.media_type.starts_with("image/"));
            let images = if at == 0 { all.map(|(index, _)| index).collect() } else { Vec::new() };
            Post { facets: facets(&text), text, images }
        })
        .collect();
    Ok((Social { posts, url: scene.url.clone() }, assets))
}

/// What the posts say, with the address of the release.
fn text(scene: &Scene<'_>, templates: &Templates) -> Result<String, RenderError> {
    let template = templates.choose("social", scene.words.template, &scene.request.audience)?;
    let summary = scene.summary_alone();
    let (label, note) = scene.notice().map_or((None, None), |(label, words)| (Some(label), Some(words)));
    let data = json!({
        "language": scene.language().as_str(),
        "audience": scene.request.audience,
        "channel": scene.request.channel,
        "network": scene.channel.kind.as_str(),
        "notice": scene.request.notice.as_str(),
        "test": scene.request.test,
        "shown": scene.shows_body(),
        "label": label,
        "note": note,
        "title": scene.words.title,
        "subtitle": scene.words.subtitle,
        "summary": summary,
        "social": scene.words.social.map(str::trim),
        "organization": scene.newsroom.organization,
        "tags": scene.release.tags,
        "published": scene.published.to_string(),
        "url": scene.url,
    });
    let text = templates.render(&template, data)?;
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    let text = lines.join("\n");
    if text.contains(&scene.url) { Ok(text) } else { Ok(format!("{text}\n\n{}", scene.url)) }
}

/// The same without the address of the release; a post that held nothing else is gone.
pub(super) fn without_link(social: &Social) -> Social {
    let bare = |post: &Post| {
        let text = post.text.replace(&social.url, "");
        let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
        let mut text = lines.join("\n");
        while text.contains("\n\n\n") {
            text = text.replace("\n\n\n", "\n\n");
        }
        Post { facets: facets(&text), text, images: post.images.clone() }
    };
    let mut posts: Vec<Post> = social.posts.iter().map(bare).collect();
    posts.retain(|post| !post.text.is_empty() || !post.images.is_empty());
    Social { posts, url: social.url.clone() }
}

/// Splits `text` into posts that `limit` holds: between sentences, else between words, else (a word
/// that is longer than a post) between graphemes. Nothing if an address does not fit.
fn split(text: &str, limit: PostLimit) -> Option<Vec<String>> {
    let mut posts = Vec::new();
    // Nearly every text is one post.
    if limit.holds(text.trim()) {
        end_post(&mut text.to_owned(), &mut posts);
        return Some(posts);
    }
    let mut post = String::new();
    for sentence in text.split_sentence_bounds() {
        if limit.holds(format!("{post}{sentence}").trim()) {
            post.push_str(sentence);
            continue;
        }
        end_post(&mut post, &mut posts);
        if limit.holds(sentence.trim()) {
            post.push_str(sentence);
            continue;
        }
        for word in sentence.split_inclusive(char::is_whitespace) {
            if limit.holds(format!("{post}{word}").trim()) {
                post.push_str(word);
                continue;
            }
            end_post(&mut post, &mut posts);
            if limit.holds(word.trim()) {
                post.push_str(word);
                continue;
            }
            if !length::links(word, false).is_empty() {
                return None;
            }
            for grapheme in word.graphemes(true) {
                if !limit.holds(format!("{post}{grapheme}").trim()) {
                    end_post(&mut post, &mut posts);
                }
                post.push_str(grapheme);
            }
        }
    }
    end_post(&mut post, &mut posts);
    Some(posts)
}

fn end_post(post: &mut String, posts: &mut Vec<String>) {
    let text = std::mem::take(post);
    if !text.trim().is_empty() {
        posts.push(text.trim().to_owned());
    }
}

/// Links and tags, by bytes.
fn facets(text: &str) -> Vec<Facet> {
    let mut facets: Vec<Facet> = length::links(text, false)
        .into_iter()
        .map(|range| Facet { start: range.start, end: range.end, target: text[range].to_owned() })
        .collect();
    for (start, _) in text.match_indices('#') {
        let free =
            text[..start].chars().next_back().is_none_or(|c| c.is_whitespace() || "([{„“”\"'«»".contains(c));
        let tag = &text[start + 1..];
        let length = tag.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(tag.len());
        let tag = &tag[..length];
        let end = start + 1 + length;
        let inside = facets.iter().any(|facet| facet.start <= start && start < facet.end);
        // A number alone is no tag: `#1`.
        if free && !inside && tag.chars().any(|c| !c.is_ascii_digit()) && tag.chars().count() <= 64 {
            facets.push(Facet { start, end, target: text[start..end].to_owned() });
        }
    }
    facets.sort_by_key(|facet| facet.start);
    facets
}

#[cfg(test)]
mod tests {
    use super::super::{Request, edition, sample};
    use super::*;
    use crate::release::Notice;

    const BLUESKY: ChannelKind = ChannelKind::Bluesky;

    #[test]
    fn texts_are_split_where_words_end() {
        let check = |text: &str, most: usize, expected: &[&str]| {
            assert_eq!(
                split(text, PostLimit::of(ChannelKind::Mastodon, None).at_most(most)).unwrap(),
                expected,
                "{text:?}"
            );
        };
        check("Short.", 50, &["Short."]);
        check("One sentence here. And a second one.", 20, &["One sentence here.", "And a second one."]);
        check("one two three four five", 9, &["one two", "three", "four five"]);
        check("abcdefghij", 4, &["abcd", "efgh", "ij"]);
        check("👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 2, &["👨‍👩‍👧‍👦👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"]);
        assert!(
            split(&format!("see https://halden.example/{}", "a".repeat(400)), PostLimit::of(BLUESKY, None))
                .is_none()
        );
    }

    #[test]
    fn a_thread_loses_no_word_and_no_post_is_too_long() {
        let text = "Så långt går Aster EV 👨‍👩‍👧‍👦 på en laddning. ".repeat(40);
        let posts = split(&text, PostLimit::of(BLUESKY, None)).unwrap();
        assert!(posts.len() > 1 && posts.iter().all(|post| PostLimit::of(BLUESKY, None).holds(post)));
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(posts.iter().flat_map(|post| words(post)).collect::<Vec<_>>(), words(&text));
    }

    #[test]
    fn three_hundred_graphemes_are_one_post() {
        let posts = |count: usize| split(&"å".repeat(count), PostLimit::of(BLUESKY, None)).unwrap().len();
        assert_eq!((posts(300), posts(301)), (1, 2));
    }

    #[test]
    fn facets_count_bytes() {
        let text = "🚗 #AsterEV är här: https://halden.example/2026/aster/. (#ev) #1 a#b";
        let facets = facets(text);
        let shown: Vec<&str> = facets.iter().map(|facet| &text[facet.start..facet.end]).collect();
        assert_eq!(shown, ["#AsterEV", "https://halden.example/2026/aster/", "#ev"]);
        assert_eq!(facets[0].start, 5);
    }

    #[test]
    fn a_post_has_text_address_and_pictures() {
        let posts = |front: &str, body: &str, channel: &str| {
            let newsroom = sample::release(front, body);
            sample::social(edition(&newsroom, &sample::request("r", channel))).posts
        };
        let texts = |posts: Vec<Post>| posts.into_iter().map(|post| post.text).collect::<Vec<_>>();
        let url = "https://news.halden.example/2026/r/";
        for (front, body, expected) in [
            ("social: Look & see\n", "", vec![format!("Look & see\n\n{url}")]),
            ("summary: In short.\n", "", vec![format!("A title\n\nIn short.\n\n{url}")]),
            ("", "First words.", vec![format!("A title\n\nFirst words.\n\n{url}")]),
            ("social: 'See https://news.halden.example/2026/r/ now'\n", "", vec![format!("See {url} now")]),
            ("social: '{{title}}'\n", "", vec![format!("{{{{title}}}}\n\n{url}")]),
        ] {
            assert_eq!(texts(posts(front, body, "mastodon")), expected);
        }
        let picture = "media:\n  - { file: front.png, alt: A car, credit: H }\n";
        assert_eq!(posts(picture, "Text.", "bluesky")[0].images, [0]);
    }

    #[test]
    fn without_its_link_a_post_says_the_rest() {
        let url = "https://news.halden.example/2026/r/";
        for (texts, expected) in [
            (vec![format!("A title\n\nIn short. #ev\n\n{url}")], vec!["A title\n\nIn short. #ev"]),
            (vec![format!("See {url}\n\nMore.")], vec!["See\n\nMore."]),
            (vec!["First.".to_owned(), url.to_owned()], vec!["First."]),
        ] {
            let post = |text: String| Post { facets: facets(&text), text, images: Vec::new() };
            let social = Social { posts: texts.into_iter().map(post).collect(), url: url.to_owned() };
            let bare = without_link(&social);
            assert_eq!(bare.posts.iter().map(|post| post.text.as_str()).collect::<Vec<_>>(), expected);
            assert!(bare.posts.iter().flat_map(|post| &post.facets).all(|facet| facet.target == "#ev"));
        }
    }

    #[test]
    fn what_is_withdrawn_is_not_repeated() {
        let newsroom = sample::release("reason: It was wrong\nsocial: Secret\n", "Secret.");
        let request = Request { notice: Notice::Kill, ..sample::request("r", "mastodon") };
        let social = sample::social(edition(&newsroom, &request));
        let all: String = social.posts.iter().map(|post| post.text.as_str()).collect();
        assert!(all.starts_with("Withdrawn: A title\n\nIt was wrong. We have withdrawn"), "{all}");
        assert!(!all.contains("Secret"));
    }
}
