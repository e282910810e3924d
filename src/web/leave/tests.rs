use axum::http::{HeaderMap, HeaderValue};
use expect_test::expect;

use super::*;
use crate::contact::Contact;
use crate::ledger::DeliveryId;
use room::Listed;

fn room() -> Room {
    let names = |en: &str, sv: &str| {
        [("en".parse().unwrap(), en.to_owned()), ("sv".parse().unwrap(), sv.to_owned())].into()
    };
    let listed = Listed {
        name: "Bloggers".to_owned(),
        description: Some("Independent <writers>".to_owned()),
        rule: Some("kind = blogger".to_owned()),
        fields: vec!["kind".to_owned()],
    };
    Room {
        organization: "Halden & Söner".to_owned(),
        url: "https://news.halden.example".to_owned(),
        languages: vec!["en".parse().unwrap(), "sv".parse().unwrap()],
        topics: [
            ("ev".to_owned(), names("Electric cars", "Elbilar")),
            ("family".to_owned(), names("Family cars", "Familjebilar")),
        ]
        .into(),
        audiences: [("bloggers".to_owned(), listed)].into(),
        contact: Some("press@halden.example".to_owned()),
        postal_address: Some("Box 1961\nGöteborg".to_owned()),
        ..Room::default()
    }
}

fn bearer() -> Bearer {
    Bearer {
        delivery: DeliveryId(1),
        release: "aster".to_owned(),
        audience: "bloggers".to_owned(),
        channel: "relay".to_owned(),
        language: Language::english(),
        contact: Some(Contact {
            consent: serde_json::from_str(
                r#"{"basis":"legitimate-interest","source":"press \"register\"","date":"2026-03-02"}"#,
            )
            .unwrap(),
            ..crate::audience::tests::contact("kind=blogger kind=video")
        }),
        wishes: Wishes { unwanted: ["family".to_owned()].into(), languages: Vec::new() },
        suppressed: None,
    }
}

#[test]
fn a_page_speaks_the_language_that_is_asked_for() {
    let room = room();
    for (asked, form, expected) in [
        ("", None, "en"),
        ("sv", None, "sv"),
        ("fi, de;q=0.8, sv;q=0.9", None, "sv"),
        ("de;q=0, fr;q=0.1", None, "fr"),
        ("*;q=0.5", None, "en"),
        ("de", Some("sv"), "sv"),
        ("de", Some("fi"), "de"),
        ("nb-NO", None, "nb-NO"),
        ("\u{7f},;;;q=x,,", None, "en"),
    ] {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(asked) {
            headers.insert(header::ACCEPT_LANGUAGE, value);
        }
        let form: Option<Language> = form.map(|tag: &str| tag.parse().unwrap());
        assert_eq!(spoken(&headers, form.as_ref(), &room).as_str(), expected, "{asked}");
    }
}

#[test]
fn what_is_ticked_is_what_is_wanted() {
    let (room, bearer) = (room(), bearer());
    for (offered, topics, languages, unwanted, read) in [
        ("ev family", "ev family", "en sv", "", ""),
        ("ev family", "", "en sv", "ev family", ""),
        ("ev family", "ev", "sv", "family", "sv"),
        // A topic that the form did not have stays as it was; one that the newsroom does not have is none.
        ("ev", "", "sv", "ev family", "sv"),
        ("ev x", "x", "fi", "ev family", ""),
        ("", "", "", "family", ""),
    ] {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let languages = languages.split_whitespace().map(|tag| tag.parse().unwrap()).collect();
        let wishes = picked(&room, &bearer, &list(offered), &list(topics), languages);
        let found: Vec<String> = wishes.unwanted.into_iter().collect();
        let tags: Vec<&str> = wishes.languages.iter().map(Language::as_str).collect();
        assert_eq!((found.join(" "), tags.join(" ")), (unwanted.to_owned(), read.to_owned()), "{offered}");
    }
}

/// A page without its style sheet.
fn shown(page: &Page) -> String {
    let html = page::html(&room(), &Language::english(), page);
    assert_eq!(html.matches("<form").count(), html.matches("</form>").count());
    for hostile in ["<script", " on", "javascript:", "style="] {
        assert!(!html.contains(hostile) || hostile == " on", "{hostile}");
    }
    html.split("</h1>\n").nth(1).unwrap().to_owned()
}

#[test]
fn the_first_page_has_two_buttons_and_no_person() {
    expect![[r#"
        <p>You came here from a mail that Halden &amp; Söner sent you.</p>
        <form method="post">
        <input type="hidden" name="in" value="en">
        <p><button name="do" value="leave" aria-describedby="leave-note">Stop all mail</button></p>
        <p class="note" id="leave-note">Takes effect at once, for all lists of Halden &amp; Söner, and stays so.</p>
        </form>
        <form method="post">
        <input type="hidden" name="in" value="en">
        <p><button class="plain" name="do" value="show">Why do I get this? Choose what I get</button></p>
        </form>
        </main>
        <footer>
        <p><a href="https://news.halden.example">Halden &amp; Söner</a> · Box 1961, Göteborg</p>
        </footer>
        </body>
        </html>
    "#]].assert_eq(&shown(&Page::Door));
}

#[test]
fn the_preference_page_says_why_and_lets_one_pick() {
    let audience = room().audiences.get("bloggers").cloned();
    expect![[r#"
        <p role="status" class="said">Saved. It counts from the next mail on.</p>
        <section aria-labelledby="why">
        <h2 id="why">Why you get this</h2>
        <dl>
        <dt>Address</dt><dd>j…@paper.example</dd>
        <dt>List</dt><dd>Bloggers: Independent &lt;writers&gt;</dd>
        <dt>Who is on it</dt><dd>kind = blogger</dd>
        <dt>What we hold on you for it</dt><dd>kind: blogger, video</dd>
        <dt>Basis in law</dt><dd>A legitimate interest: you write about our field</dd>
        <dt>Where we have it from</dt><dd>press &quot;register&quot;</dd>
        <dt>Since</dt><dd>2026-03-02</dd>
        </dl>
        </section>
        <form method="post">
        <input type="hidden" name="in" value="en">
        <fieldset aria-describedby="topics-note">
        <legend>Topics</legend>
        <div>
        <input type="hidden" name="offered" value="ev"><label><input type="checkbox" name="topic" value="ev" checked> Electric cars</label>
        <input type="hidden" name="offered" value="family"><label><input type="checkbox" name="topic" value="family"> Family cars</label>
        </div>
        <p class="note" id="topics-note">News that has none of these topics comes all the same; so do corrections of what you have.</p>
        </fieldset>
        <fieldset aria-describedby="languages-note">
        <legend>Languages you read</legend>
        <div>
        <label><input type="checkbox" name="language" value="en" checked> <span lang="en">English</span></label>
        <label><input type="checkbox" name="language" value="sv" checked> <span lang="sv">Svenska</span></label>
        </div>
        <p class="note" id="languages-note">A release that is written in none of them is not sent to you.</p>
        </fieldset>
        <p><button name="do" value="save">Save</button></p>
        </form>
        <section>
        <h2>Stop all mail</h2>
        <form method="post">
        <input type="hidden" name="in" value="en">
        <p><button class="plain" name="do" value="leave" aria-describedby="leave-note">Stop all mail</button></p>
        <p class="note" id="leave-note">Takes effect at once, for all lists of Halden &amp; Söner, and stays so.</p>
        </form>
        </section>
        <div class="rights">
        <p>You may ask us for a copy of everything we hold on you, have it corrected or erased, or object:</p>
        <p><a href="mailto:press@halden.example">press@halden.example</a></p>
        </div>
        </main>
        <footer>
        <p><a href="https://news.halden.example">Halden &amp; Söner</a> · Box 1961, Göteborg</p>
        </footer>
        </body>
        </html>
    "#]].assert_eq(&shown(&Page::Choices { bearer: Box::new(bearer()), audience, saved: true }));
    let gone = Bearer {
        suppressed: Some(("unsubscribed".to_owned(), "2026-12-01T08:00:00Z".parse().unwrap())),
        ..bearer()
    };
    let html = shown(&Page::Choices { bearer: Box::new(gone), audience: None, saved: false });
    assert!(
        html.contains("Nothing has been sent to you since 2026-12-01.") && !html.contains("<form"),
        "{html}"
    );
}

#[test]
fn the_policy_allows_the_one_style_sheet() {
    let policy = page::policy();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"));
}
