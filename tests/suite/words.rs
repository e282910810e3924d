//! The words of every edition are the words of its release: none lost, none added, none moved.
//!
//! The source is read a second time, by rules of this test's own: blocks line by line, Markdown event by event.
//! What a template adds may only stand around the text, and the dateline once in front of a paragraph.

use std::collections::BTreeSet;
use std::path::Path;

use dateline::load;
use dateline::newsroom::Newsroom;
use dateline::release::Notice;
use dateline::render::{Addressee, Content, Renderer, Request};
use mail_parser::MessageParser;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

fn words(text: &str) -> Vec<String> {
    let digit = |c: char| match c {
        '⁰' => '0',
        '¹' => '1',
        '²' => '2',
        '³' => '3',
        '⁴'..='⁹' => char::from_digit(u32::from(c) - 0x2070, 10).unwrap(),
        c => c,
    };
    let text: String = text.chars().map(digit).collect();
    // Pictographs are words as well; a no-break space holds two together only for the eye.
    let part = |c: char| c.is_alphanumeric() || u32::from(c) >= 0x1f000;
    text.split(|c: char| !part(c)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The Markdown that a reader gets, told line by line.
fn for_reader(body: &str, audience: &str, channel: &str) -> String {
    let mut shown = true;
    let mut fenced = false;
    let mut out = String::new();
    for line in body.split_inclusive('\n') {
        fenced ^= line.trim_start().starts_with("```");
        match line.strip_prefix(":::").filter(|_| !fenced) {
            Some(rule) => {
                let mut names = rule.split_whitespace();
                let kind = names.next();
                let named = names.any(|name| name == audience || name == channel);
                shown = kind.is_none() || named == (kind == Some("only"));
            }
            None if shown => out.push_str(line),
            None => {}
        }
    }
    out
}

/// The words of Markdown; `numbers` with the numbers of its lists, which HTML leaves to the browser.
fn words_of(markdown: &str, numbers: bool) -> Vec<String> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut text = String::new();
    let mut lists: Vec<Option<u64>> = Vec::new();
    let mut notes: Vec<String> = Vec::new();
    let mut number = |label: &str| {
        let at = notes.iter().position(|known| known == label).unwrap_or_else(|| {
            notes.push(label.to_owned());
            notes.len() - 1
        });
        (at + 1).to_string()
    };
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Text(more) | Event::Code(more) => text.push_str(&more),
            Event::Html(html) => text.push_str(&text_of(&html)),
            Event::InlineHtml(_) => {}
            Event::FootnoteReference(label) => text.push_str(&number(&label)),
            Event::Start(Tag::FootnoteDefinition(label)) => text.push_str(&format!("\n{} ", number(&label))),
            Event::Start(Tag::List(first)) => lists.push(first),
            Event::End(TagEnd::List(_)) => drop(lists.pop()),
            Event::Start(Tag::Item) => {
                text.push('\n');
                if let Some(Some(next)) = lists.last_mut() {
                    if numbers {
                        text.push_str(&format!("{next} "));
                    }
                    *next += 1;
                }
            }
            Event::Start(Tag::Link { .. } | Tag::Emphasis | Tag::Strong | Tag::Strikethrough)
            | Event::End(TagEnd::Link | TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough) => {}
            _ => text.push(' '),
        }
    }
    words(&text)
}

/// The text of HTML, with the alternative texts of its pictures.
fn text_of(html: &str) -> String {
    const INLINE: [&str; 9] = ["a", "em", "strong", "code", "del", "sup", "sub", "span", "b"];
    let mut out = String::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        let end = rest[open..].find('>').map_or(rest.len(), |end| open + end + 1);
        let tag = &rest[open..end];
        let name = tag.trim_start_matches(['<', '/']).split([' ', '>', '/']).next().unwrap_or_default();
        if !INLINE.contains(&name) {
            out.push(' ');
        }
        if let Some(alt) = tag.split(" alt=\"").nth(1).filter(|_| name == "img") {
            out.push_str(&format!("{} ", alt.split('"').next().unwrap()));
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    let out =
        out.replace("&nbsp;", "\u{a0}").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    out.replace("&#39;", "'").replace("&#x27;", "'").replace("&#x2F;", "/").replace("&amp;", "&")
}

/// What stands in the first `<div class="CLASS"`.
fn div<'h>(html: &'h str, class: &str) -> &'h str {
    let start = html.find(&format!("<div class=\"{class}\"")).unwrap();
    let start = start + html[start..].find('>').unwrap() + 1;
    let mut depth = 1;
    let mut at = start;
    while depth > 0 {
        let next = at + html[at..].find("<div").unwrap_or(html.len() - at);
        let close = at + html[at..].find("</div").unwrap();
        depth = if next < close { depth + 1 } else { depth - 1 };
        at = next.min(close) + 5;
    }
    &html[start..at - 5]
}

/// A text without the numbers of its links: ` [12]`.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let end =
            rest[open + 1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| open + 1 + end);
        let number = end > open + 1 && rest[end..].starts_with(']');
        out.push_str(&rest[..if number { open } else { end }]);
        rest = &rest[if number { end + 1 } else { end }..];
    }
    out + rest
}

/// Whether `found` is `source`, with at most one dateline in it that begins with `place`.
fn same(found: &[String], source: &[String], place: Option<&str>) -> bool {
    let Some(extra) = found.len().checked_sub(source.len()) else { return false };
    let at = found.iter().zip(source).take_while(|(a, b)| a == b).count();
    let opens = place.map(words).unwrap_or_default();
    extra == 0 && at == found.len()
        || (1..=8).contains(&extra)
            && !opens.is_empty()
            && found[at..].starts_with(&opens)
            && found[at + extra..] == source[at..]
}

/// Where the words part, for the message.
fn parting(found: &[String], source: &[String]) -> String {
    let at = found.iter().zip(source).take_while(|(a, b)| a == b).count();
    let near = |list: &[String]| list[at.saturating_sub(3)..list.len().min(at + 9)].join(" ");
    format!(
        "found `{}`, expected `{}` ({} and {} words)",
        near(found),
        near(source),
        found.len(),
        source.len()
    )
}

/// What was compared.
#[derive(Default)]
struct Count {
    releases: BTreeSet<String>,
    editions: usize,
    forms: usize,
    words: usize,
}

/// Renders every edition of every release that shows its text, and compares.
fn compare(newsroom: &Newsroom, wide: &[&str]) -> Count {
    let renderer = Renderer::new(newsroom);
    let mut count = Count::default();
    for release in newsroom.releases.values() {
        if matches!(release.notice(), Notice::Kill | Notice::Hold) {
            continue;
        }
        let audiences = release.audiences.iter().map(|key| &newsroom.audiences[key]);
        for (audience, channel) in audiences
            .flat_map(|audience| audience.channels.iter().map(move |channel| (audience, &channel.value)))
        {
            for text in &release.texts {
                let request = Request {
                    slug: release.slug.clone(),
                    digest_of: Vec::new(),
                    notice: release.notice(),
                    audience: audience.key.clone(),
                    channel: channel.clone(),
                    language: text.language.clone(),
                    advance: false,
                    test: false,
                    date: release.publish.unwrap(),
                };
                let edition = renderer.edition(&request).unwrap();
                let body = text.file.text.splitn(3, "---\n").nth(2).unwrap();
                let markdown = for_reader(body, &audience.key, channel);
                let [plain, marked] = [true, false].map(|numbers| words_of(&markdown, numbers));
                let place = text.dateline.as_ref().map(|place| place.to_uppercase());
                let label = format!("{} for {}/{channel} in {}", release.slug, audience.key, text.language);
                let mut hold = |form: &str, whole: &str, is_text: bool| {
                    let source = if is_text { &plain } else { &marked };
                    let found = words(&if is_text { without_numbers(whole) } else { text_of(whole) });
                    // A text begins with its headline; HTML is the body alone.
                    let most = if is_text { found.len().saturating_sub(source.len()) } else { 0 };
                    let good = if is_text && wide.contains(&release.slug.as_str()) {
                        let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
                        set(source).is_subset(&set(&found))
                    } else {
                        (0..=most).any(|head| same(&found[head..], source, place.as_deref()))
                    };
                    let head = if is_text { most } else { 0 };
                    assert!(good, "{label}, {form}: {}", parting(&found[head..], source));
                    count.forms += 1;
                    count.words += source.len();
                };
                let until_end = |text: &str| text[..text.rfind("\n###\n").unwrap()].to_owned();
                match &edition.content {
                    Content::Mail(mail) => {
                        let email = "reader@paper.example".parse().unwrap();
                        let addressee = Addressee {
                            email: &email,
                            name: None,
                            message_id: "m@halden.example",
                            in_reply_to: None,
                            token: "T",
                        };
                        let bytes = mail.fill(&addressee);
                        let parsed = MessageParser::default().parse(&bytes).unwrap();
                        let text = parsed.body_text(0).unwrap().replace("\r\n", "\n");
                        hold("text part", &until_end(&text), true);
                        hold("HTML part", div(&parsed.body_html(0).unwrap(), "release"), false);
                    }
                    Content::Page(page) => hold("page", div(&page.html, "body"), false),
                    Content::Json(value) => {
                        hold("JSON html", value["html"].as_str().unwrap(), false);
                        hold("JSON text", &until_end(value["text"].as_str().unwrap()), true);
                    }
                    Content::Social(_) | Content::Chat(_) => continue,
                }
                count.editions += 1;
                count.releases.insert(release.slug.clone());
            }
        }
    }
    count
}

#[test]
fn the_example_newsroom_says_what_its_releases_say() {
    let newsroom = load::work_tree(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let count = compare(&newsroom, &[]);
    println!(
        "{} releases, {} editions, {} forms, {} words",
        count.releases.len(),
        count.editions,
        count.forms,
        count.words
    );
    assert!(count.releases.len() >= 10 && count.editions >= 50 && count.words > 20_000);
}

/// Markdown that is easily lost on the way.
const TRICKY: &[(&str, &str)] = &[
    (
        "table",
        "| Model | Range |\n|:--|--:|\n| Aster *One* | 620 km |\n| Aster `Two` | 5\\|6 \\* 7 |\n\nAfter.\n",
    ),
    (
        "wide-table",
        "| Name of the model as it is sold | What the long description of it says about it | Third |\n|-|-|-|\n| Aster | It goes a long way and then some more of the way | x |\n| Boreas | Shorter | y |\n",
    ),
    (
        "lists",
        "- a\n  - b\n    1. c\n    2. d\n\n       d again\n  - e\n- f\n\n7. seven\n8. eight\n   > quoted\n\n- [ ] open\n",
    ),
    (
        "footnotes",
        "One[^a] and two[^b], one again[^a].\n\n[^b]: Second *note*.\n\n[^a]: First\n    with more.\n\n    And a paragraph.\n",
    ),
    (
        "code",
        "Say `a  <b> & c` now.\n\n```rust\nfn main() { let x = 1 < 2 && 3 > 2; }\n\n::: only nobody\n```\n\n    indented  code\n\nEnd.\n",
    ),
    ("quotes", "> First\nlazy\n>\n> > Deeper\n> - item\n> ```\n> code\n> ```\n\nOut.\n"),
    (
        "entities",
        "A &amp; B &lt;c&gt; &mdash; &copy; 2026 &eacute;t&eacute; &#8364;5 &#x1F697; AT&T &nosuch; 5 < 6 > 4.\n",
    ),
    ("emoji", "🚗 drives 👩🏽‍🔧 fixes 🇸🇪 and ❤️ Zürich naïve ﬁne.\n"),
    (
        "scripts",
        "العربية من اليمين 123 وEnglish معا.\n\nעברית `code` כאן\n\n日本語の文章。한국어 문장. ไทย Ελληνικά Кириллица\n",
    ),
    (
        "breaks",
        "One  \ntwo\\\nthree\nfour\u{a0}five soft\u{ad}hyphen zero\u{200b}width.\n\n* * *\n\nAfter.\n",
    ),
    (
        "headings",
        "# One `1`\n\nText\n\nSetext *two*\n============\n\n### Three [link](https://x.example/) #\n\n###### Six\n",
    ),
    (
        "links",
        "[a](https://x.example/ \"T\") <https://y.example/z> <press@halden.example> [b][r] [c] [r] [no](javascript:x) [gone](gone.md) [**bold** `x`](https://x.example/)\n\n[r]: https://r.example/\n",
    ),
    (
        "emphasis",
        "in*ter*nal **two *three* two** ***all*** ~~gone~~ snake_case_name 2*3*4 __under__ \\*not\\* **a**b\n",
    ),
    (
        "raw-html",
        "Some <b>bold</b> and <span onclick=\"x\">span</span> <br> end.\n\n<div>In a <i>block</i></div>\n\nAfter.\n",
    ),
    ("templates", "{{title}} {{{body}}} {{#each x}} <mj-text> {% if %} ${x} place0123_title_ %s\n"),
    (
        "pictures",
        "![Not *here* at all](gone.png) and text.\n\nBefore ![two](https://t.example/x.gif) after.\n",
    ),
    (
        "long",
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftsabzeichenverleihung is one word, https://x.example/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa another.\n\n.\n\n.dot\n\nFrom here\n\n-- \n\nsignature\n",
    ),
];

#[test]
fn tricky_markdown_keeps_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["dateline.yaml", "audiences", "templates"] {
        super::preview::copy(&root.join(part), &dir.path().join(part));
    }
    std::fs::create_dir_all(dir.path().join("releases/2031")).unwrap();
    for (slug, body) in TRICKY {
        let text = super::preview::release("Headline", body)
            .replace("[bloggers, public, employees]", "[bloggers, public, employees, investors]");
        std::fs::write(dir.path().join(format!("releases/2031/{slug}.md")), text).unwrap();
    }
    let newsroom = load::work_tree(dir.path()).unwrap();
    let count = compare(&newsroom, &["wide-table"]);
    assert_eq!(count.releases.len(), TRICKY.len());
    assert!(count.editions >= TRICKY.len() * 5, "{}", count.editions);
}
