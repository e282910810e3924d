//! Where links and pictures lead, once the text stands in a newsroom.

use std::collections::BTreeMap;
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use super::words::{escape, target, title};

/// What is around a file: what it links to is looked up here.
pub struct Around<'a> {
    /// Whether a picture or file, as it is written in the text, is there to be copied.
    pub find: &'a dyn Fn(&str) -> bool,
    /// Where another imported file is from this one, as it is written in the text.
    pub page: &'a dyn Fn(&str) -> Option<String>,
    /// Address that links beginning with `/` are completed with, without a slash at its end.
    pub site: Option<&'a str>,
    /// Names of other files that go beside the release.
    pub beside: &'a [String],
}

/// A file that goes beside the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// As it is written in the source.
    pub source: String,
    /// Its name beside the release.
    pub name: String,
    /// Its alternative text; nothing for a file that is linked.
    pub alt: Option<String>,
}

/// A body whose links lead somewhere.
pub struct Links {
    /// The Markdown.
    pub body: String,
    /// What goes beside it.
    pub pictures: Vec<Picture>,
    /// Pictures that are not there, each in one line.
    pub dropped: Vec<String>,
    /// Links that lead nowhere.
    pub nowhere: Vec<String>,
}

/// Points pictures at files beside the release, and completes links.
pub fn relink(body: &str, around: &Around<'_>) -> Links {
    let mut work = Work {
        body,
        around,
        links: Links { body: String::new(), pictures: Vec::new(), dropped: Vec::new(), nowhere: Vec::new() },
        edits: Vec::new(),
        images: Vec::new(),
        open: Vec::new(),
    };
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let parser = Parser::new_ext(body, options);
    let definitions: BTreeMap<usize, (Range<usize>, String, String)> = parser
        .reference_definitions()
        .iter()
        .map(|(_, found)| {
            let words = found.title.as_deref().unwrap_or_default().to_owned();
            (found.span.start, (found.span.clone(), found.dest.to_string(), words))
        })
        .collect();
    for (event, range) in parser.into_offset_iter() {
        work.event(event, &range);
    }
    for (span, dest, words) in definitions.into_values() {
        let source = body.get(span.clone()).unwrap_or_default();
        if let (Some(new), Some(end)) = (work.lead(&dest), source.find("]:")) {
            work.edits.push((span, format!("{} {}{}", &source[..end + 2], target(&new), title(&words))));
        }
    }
    work.links.body = super::edit::apply(body, work.edits);
    work.links
}

struct Work<'a> {
    body: &'a str,
    around: &'a Around<'a>,
    links: Links,
    edits: Vec<(Range<usize>, String)>,
    /// Pictures that are open: alternative text so far.
    images: Vec<String>,
    /// Links that are open: where their words end, target, title, whether it is written in place.
    open: Vec<(usize, String, String, bool)>,
}

impl Work<'_> {
    fn event(&mut self, event: Event<'_>, range: &Range<usize>) {
        if !matches!(event, Event::End(TagEnd::Link))
            && let Some((end, ..)) = self.open.last_mut()
            && !matches!(event, Event::Start(Tag::Link { .. }))
        {
            *end = (*end).max(range.end);
        }
        match event {
            Event::Start(Tag::Image { dest_url, title, .. }) => {
                self.images.push(String::new());
                self.open.push((range.start, dest_url.to_string(), title.to_string(), false));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(alt) = self.images.last_mut() {
                    alt.push_str(&text);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(alt) = self.images.last_mut() {
                    alt.push(' ');
                }
            }
            Event::End(TagEnd::Image) => {
                let Some(alt) = self.images.pop() else { return };
                let Some((_, source, title, _)) = self.open.pop() else { return };
                if let Some(outer) = self.images.last_mut() {
                    outer.push_str(&alt);
                } else {
                    self.image(range, &source, &title, &alt);
                }
            }
            Event::Start(Tag::Link { link_type, dest_url, title, .. }) => {
                let inline = link_type == LinkType::Inline;
                self.open.push((range.start + 1, dest_url.to_string(), title.to_string(), inline));
            }
            Event::End(TagEnd::Link) => {
                let Some((end, dest, words, inline)) = self.open.pop() else { return };
                let tail = self.body.get(end..range.end).unwrap_or_default();
                if !inline || !self.images.is_empty() {
                    return;
                }
                if let (Some(new), Some(at)) = (self.lead(&dest), tail.find("](")) {
                    let text = format!("]({}{})", target(&new), title(&words));
                    self.edits.push((end + at..range.end, text));
                }
            }
            _ => {}
        }
    }

    fn image(&mut self, range: &Range<usize>, source: &str, words: &str, alt: &str) {
        let alt = alt.split_whitespace().collect::<Vec<_>>().join(" ");
        let written = if sendable(source) && (self.around.find)(source) {
            let name = self.beside(source, Some(&alt));
            format!("![{}]({}{})", escape(&alt, false), target(&name), title(words))
        } else {
            let linked = self.open.iter().any(|(.., inline)| *inline);
            let address = match source {
                source if source.starts_with("http://") || source.starts_with("https://") => {
                    Some(source.to_owned())
                }
                source if source.starts_with("//") => Some(format!("https:{source}")),
                source if source.starts_with('/') => self.around.site.map(|site| format!("{site}{source}")),
                _ => None,
            };
            let words = if words.is_empty() { String::new() } else { format!(" ({words})") };
            self.links.dropped.push(format!("picture not found: {source} \"{alt}\"{words}"));
            match address.filter(|_| !linked && !alt.is_empty()) {
                Some(address) => format!("[{}]({})", escape(&alt, false), target(&address)),
                None if alt.is_empty() => String::new(),
                None => format!("\\[{}\\]", escape(&alt, false)),
            }
        };
        self.edits.push((range.clone(), written));
    }

    /// The name of `source` beside the release.
    fn beside(&mut self, source: &str, alt: Option<&str>) -> String {
        if let Some(known) = self.links.pictures.iter_mut().find(|known| known.source == source) {
            if known.alt.as_deref().unwrap_or_default().is_empty() {
                known.alt = alt.map(str::to_owned).or(known.alt.take());
            }
            return known.name.clone();
        }
        let name = name(source);
        let mut free = name.clone();
        let mut number = 2;
        while self.links.pictures.iter().any(|known| known.name == free) {
            free = format!("{number}-{name}");
            number += 1;
        }
        let alt = alt.map(str::to_owned);
        self.links.pictures.push(Picture { source: source.to_owned(), name: free.clone(), alt });
        free
    }

    /// Where a link leads instead; nothing if it stays.
    fn lead(&mut self, dest: &str) -> Option<String> {
        let scheme = dest.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
        if dest.is_empty() || dest.starts_with('#') || scheme {
            return None;
        }
        if dest.starts_with("//") {
            return Some(format!("https:{dest}"));
        }
        if let Some(page) = (self.around.page)(dest) {
            return Some(page);
        }
        if sendable(dest) && (self.around.find)(dest) {
            return Some(self.beside(dest, None));
        }
        match self.around.site.filter(|_| dest.starts_with('/')) {
            Some(site) => Some(format!("{site}{dest}")),
            None => {
                self.links.nowhere.push(dest.to_owned());
                None
            }
        }
    }
}

/// Whether files of this kind go out with a release.
fn sendable(source: &str) -> bool {
    const KINDS: [&str; 10] = ["png", "jpg", "jpeg", "gif", "webp", "svg", "mp3", "m4a", "mp4", "pdf"];
    let name = name(source).to_ascii_lowercase();
    name.rsplit_once('.').is_some_and(|(_, end)| KINDS.contains(&end))
}

/// The name of a file, from its address: letters, digits, `.`, `-` and `_`.
pub fn name(source: &str) -> String {
    let path = source.split(['?', '#']).next().unwrap_or(source);
    let name = path.rsplit('/').next().unwrap_or(path).replace("%20", "-");
    name.chars().map(|c| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str, report: &str) {
        let around = Around {
            find: &|source| source.contains("here"),
            page: &|target| (target == "other.md").then(|| "../2024/other".to_owned()),
            site: Some("https://old.example"),
            beside: &[],
        };
        let links = relink(body, &around);
        let pictures = links.pictures.iter().map(|p| format!("{} {:?}", p.name, p.alt));
        let report_found: Vec<String> = pictures.chain(links.dropped).chain(links.nowhere).collect();
        assert_eq!((links.body.as_str(), report_found.join("|").as_str()), (expected, report), "{body:?}");
    }

    #[test]
    fn links_lead_somewhere() {
        check(
            "[a](/b \"T\") `](/c)` [d](//e.example/f)",
            "[a](https://old.example/b \"T\") `](/c)` [d](https://e.example/f)",
            "",
        );
        check(
            "[a][r] [*b*](/c)\n\n[r]: /x y\n\n[r]: </x> 'T'\n",
            "[a][r] [*b*](https://old.example/c)\n\n[r]: /x y\n\n[r]: https://old.example/x \"T\"\n",
            "",
        );
        check(
            "[a](other.md) [b](gone.md) [c](#d) [e](mailto:f@g.example)",
            "[a](../2024/other) [b](gone.md) [c](#d) [e](mailto:f@g.example)",
            "gone.md",
        );
        check("[data](here.csv)", "[data](here.csv)", "here.csv");
        check("[report](here.pdf)", "[report](here.pdf)", "here.pdf None");
    }

    #[test]
    fn pictures_stand_beside_the_release() {
        check(
            "![A *b* \\]](/img/here%20x.png \"T\")",
            "![A b \\]](here-x.png \"T\")",
            "here-x.png Some(\"A b ]\")",
        );
        check(
            "![A](/a/here.png) ![B](/b/here.png) ![A](/a/here.png)",
            "![A](here.png) ![B](2-here.png) ![A](here.png)",
            "here.png Some(\"A\")|2-here.png Some(\"B\")",
        );
        check(
            "See ![A](/gone.png) and ![B](gone.png) ![](gone.png).",
            "See [A](https://old.example/gone.png) and \\[B\\] .",
            "picture not found: /gone.png \"A\"|picture not found: gone.png \"B\"|picture not found: gone.png \"\"",
        );
        check(
            "[![A](gone.png)](/x)",
            "[\\[A\\]](https://old.example/x)",
            "picture not found: gone.png \"A\"",
        );
    }
}
