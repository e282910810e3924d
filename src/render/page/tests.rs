use expect_test::{Expect, expect};

use super::super::sample::{self, request};
use super::super::{Look, Request, edition, site_style};
use super::tag_slug;
use crate::language::Language;
use crate::release::Notice;

/// The page's document without its stylesheet, which is long and the same everywhere.
fn document(html: &str) -> String {
    let (before, rest) = html.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    format!("{before}<style>…</style>{after}")
}

#[track_caller]
fn check_page(request: &Request, expected: &Expect) {
    let page = sample::page(edition(&sample::aster(), request));
    expected.assert_eq(&document(&page.html));
}

#[test]
fn a_page_is_a_whole_document() {
    check_page(
        &request("aster-ev", "site"),
        &expect![[r##"
            <!doctype html>
            <html lang="en" dir="ltr">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>Aster EV goes 620 km &amp; more · Halden Newsroom</title>
            <meta name="description" content="A family car that goes 620 km.">
            <link rel="canonical" href="https://news.halden.example/2026/aster-ev/">
            <link rel="alternate" hreflang="en" href="https://news.halden.example/2026/aster-ev/">
            <link rel="alternate" hreflang="sv" href="https://news.halden.example/sv/2026/aster-ev/">
            <link rel="alternate" type="application/atom+xml" title="Halden Newsroom" href="https://news.halden.example/atom.xml">
            <meta property="og:type" content="article">
            <meta property="og:site_name" content="Halden Newsroom">
            <meta property="og:title" content="Aster EV goes 620 km &amp; more">
            <meta property="og:description" content="A family car that goes 620 km.">
            <meta property="og:url" content="https://news.halden.example/2026/aster-ev/">
            <meta property="article:published_time" content="2026-12-01T08:00:00Z">
            <meta property="article:modified_time" content="2026-12-01T08:00:00Z">
            <meta property="og:image" content="https://news.halden.example/2026/aster-ev/front.png">
            <meta property="og:image:alt" content="The car on a coast road">
            <meta name="twitter:card" content="summary_large_image">
            <script type="application/ld+json">{"@context":"https://schema.org","@type":"NewsArticle","author":{"@type":"Organization","name":"Halden Motors","url":"https://news.halden.example/"},"dateModified":"2026-12-01T08:00:00Z","datePublished":"2026-12-01T08:00:00Z","dateline":"Gothenburg","description":"A family car that goes 620 km.","headline":"Aster EV goes 620 km \u0026 more","image":["https://news.halden.example/2026/aster-ev/front.png"],"inLanguage":"en","keywords":["ev","Long distance"],"mainEntityOfPage":"https://news.halden.example/2026/aster-ev/","publisher":{"@type":"Organization","name":"Halden Motors","url":"https://news.halden.example/"},"url":"https://news.halden.example/2026/aster-ev/"}</script>
            <style>…</style>
            </head>
            <body>
            <a class="skip" href="#text">Skip to the text</a>
            <header class="bar"><div>
            <a class="mark" href="https://news.halden.example/">Halden Motors</a>
            <nav><a href="https://news.halden.example/">All news</a></nav>
            </div></header>
            <main id="text">
            <article>
            <h1>Aster EV goes 620 km &amp; more</h1>
            <p class="subtitle">Orders open on 8 December</p>
            <p class="meta"><time datetime="2026-12-01T08:00:00Z">1 December 2026, 09:00 CET</time><a href="https://news.halden.example/sv/2026/aster-ev/" hreflang="sv" lang="sv">Svenska</a></p>
            <div class="body">
            <p><strong>GOTHENBURG, 1 December 2026</strong> — Halden today presented <strong>Aster</strong>, which goes <a href="https://halden.example/wltp">620 km</a>.</p>
            <p><img src="https://news.halden.example/2026/aster-ev/front.png" alt="The car again"></p>
            <p>For the press alone: call us.</p>
            <ul>
            <li>Range: 620 km</li>
            <li>Battery: 78 kWh</li>
            </ul>
            </div>
            <p class="end" aria-hidden="true">###</p>
            <section><h2>Pictures and recordings</h2>
            <div class="gallery">
            <figure><a href="front.png"><img src="front.png" alt="The car on a coast road" loading="lazy"></a><figcaption>The Aster EV. Halden Motors <a href="front.png" download>Download</a></figcaption></figure>
            </div></section>
            <p class="kit"><a href="press-kit.zip" download>Download the press kit: text and pictures</a></p>
            <div class="about body">
            <p>Halden Motors builds <em>cars</em>.</p>
            </div>
            <section><h2>Press contacts</h2><ul class="people">
            <li><strong>Astrid Wennerlöf</strong><br>Head of Press<br><a href="mailto:press@halden.example">press@halden.example</a><br>+46 31 390 06 10</li>
            </ul></section>
            <ul class="tags" aria-label="Topics">
            <li><a href="https://news.halden.example/tags/ev/" rel="tag">ev</a></li>
            <li><a href="https://news.halden.example/tags/long-distance/" rel="tag">Long distance</a></li>
            </ul>
            </article>
            </main>
            <footer class="foot"><div><span>Halden Motors</span><a href="https://news.halden.example/">All news</a></div></footer>
            </body>
            </html>
        "##]],
    );
}

#[test]
fn a_translation_stands_in_its_own_section() {
    let request = Request { language: "sv".parse().unwrap(), ..request("aster-ev", "site") };
    let page = sample::page(edition(&sample::aster(), &request));
    assert_eq!(page.path, "sv/2026/aster-ev/");
    for part in [
        "<html lang=\"sv\"",
        "<link rel=\"canonical\" href=\"https://news.halden.example/sv/2026/aster-ev/\">",
        "hreflang=\"en\" href=\"https://news.halden.example/2026/aster-ev/\"",
        "GÖTEBORG, 1 december 2026",
        "https://news.halden.example/sv/tags/long-distance/",
        "Halden Motors bygger bilar.",
    ] {
        assert!(page.html.contains(part), "{part}\n{}", page.html);
    }
}

#[test]
fn hostile_words_stay_words() {
    let evil = "</script><script>alert(1)</script>\" onload=\"x {{look.name}}";
    let front = format!("subtitle: '{}'\nsummary: '{0}'\ntags: ['{0}']\n", evil.replace('\'', "''"));
    let newsroom = sample::release(&front, "Text.");
    let page = sample::page(edition(&newsroom, &request("r", "site")));
    assert_eq!(page.html.matches("<script").count(), 1, "{}", page.html);
    assert_eq!(page.html.matches("</script").count(), 1);
    assert!(page.html.contains("{{look.name}}") && !page.html.contains("\" onload=\"x"));
    let json = page.html.split("ld+json\">").nth(1).unwrap().split("</script>").next().unwrap();
    let data: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(data["description"], evil);
}

#[test]
fn a_withdrawn_page_says_so_and_shows_nothing_else() {
    let front = "status: killed\nreason: The figure was wrong\n";
    let text = format!(
        "---\ntitle: A title\npublish: 2026-12-01T09:00[Europe/Stockholm]\n{front}audiences: [press]\n---\nSecret words."
    );
    let newsroom = sample::newsroom(&[("releases/2026/r.md", &text)]);
    let request = Request {
        notice: Notice::Kill,
        date: "2026-12-02T10:00:00Z".parse().unwrap(),
        ..request("r", "site")
    };
    let edition = edition(&newsroom, &request).unwrap();
    assert!(edition.assets.is_empty());
    let page = sample::page(Ok(edition));
    assert!(page.entry.withdrawn);
    assert!(!serde_json::to_string(&page).unwrap().contains("Secret words"));
    for part in
        ["Withdrawn, 2 December 2026, 11:00 CET.", "The figure was wrong. We have withdrawn", "noindex"]
    {
        assert!(page.html.contains(part), "{part}\n{}", page.html);
    }
}

#[test]
fn a_correction_stands_on_top_with_its_date() {
    let front = "correction:\n  note: It is 620 km, not 630\n";
    let newsroom = sample::release(front, "It goes 620 km.");
    let date = "2026-12-02T10:00:00Z".parse().unwrap();
    let request = Request { notice: Notice::Correction, date, ..request("r", "site") };
    let page = sample::page(edition(&newsroom, &request));
    assert!(page.html.contains(
        "<strong>Correction, 2 December 2026, 11:00 CET.</strong> It is 620 km, not 630. The text"
    ));
    assert_eq!((page.entry.updated, page.entry.withdrawn), (date, false));
}

#[test]
fn links_to_other_releases_lead_to_their_pages() {
    let head = "---\ntitle: T\npublish: 2026-01-05T09:00[Europe/Stockholm]\nstatus: approved\naudiences: [press]\n---\n";
    let first = format!(
        "{head}[b](b.md) [c](../2025/c/index.md#x) [up](/tags/ev/) [out](../../dateline.yaml) [no](../../../x) [here](#end)"
    );
    let other = head.replace("2026-01", "2025-01");
    let newsroom = sample::newsroom(&[
        ("releases/2026/a.md", &first),
        ("releases/2026/b.md", &format!("{head}B.")),
        ("releases/2025/c/index.md", &format!("{other}C.")),
    ]);
    let page = sample::page(edition(&newsroom, &request("a", "site")));
    assert_eq!(
        page.entry.content_html,
        "<p><a href=\"https://news.halden.example/2026/b/\">b</a> \
         <a href=\"https://news.halden.example/2025/c/\">c</a> \
         <a href=\"https://news.halden.example/tags/ev/\">up</a> out no \
         <a href=\"https://news.halden.example/2026/a/\">here</a></p>\n"
    );
}

#[test]
fn subjects_have_names_in_addresses() {
    for (tag, expected) in [
        ("Long distance", "long-distance"),
        ("Åmål", "åmål"),
        ("C++ & more!", "c-more"),
        ("con", "tag-8f4dd5ae"),
        ("!!!", "tag-e84c538e"),
    ] {
        assert_eq!(tag_slug(tag).split('-').next(), expected.split('-').next(), "{tag}");
        if !expected.starts_with("tag-") {
            assert_eq!(tag_slug(tag), expected);
        }
    }
}

#[test]
fn the_stylesheet_has_the_newsrooms_colours() {
    let look = Look {
        name: "N".to_owned(),
        organization: "O".to_owned(),
        url: "https://n.example".to_owned(),
        language: Language::english(),
        timezone: "UTC".to_owned(),
        logo: None,
        accent: "#b5431f".to_owned(),
        ink: "#000000".to_owned(),
        paper: "#ffffff".to_owned(),
    };
    assert!(site_style(&look).contains("--accent:#b5431f"));
}
