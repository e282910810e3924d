use super::*;
use crate::cli::import::front;
use expect_test::{Expect, expect};

fn check(name: &str, text: &str, expected: Expect) {
    let defaults = Defaults {
        audiences: vec!["press".into()],
        contacts: vec!["desk".into()],
        boilerplate: vec![],
        now: "2026-12-01T08:00:00Z".parse().unwrap(),
    };
    let around = Around {
        find: &|source| source.ends_with("here.png"),
        page: &|_| None,
        site: Some("https://old.example"),
        beside: &[],
    };
    let all = [name.to_owned(), "a/aster.md".to_owned()].into();
    let name = identity::name(name, &all, &["en".parse().unwrap(), "sv".parse().unwrap()]);
    let parts = front::split(text).unwrap();
    let found = place(&name, &parts.front, defaults.now).map(|place| {
        let found = convert(&name, &parts, &place, &defaults, &around);
        format!("{} {}\n{}\n{}", place.slug, place.year, found.text, found.notes.join("\n"))
    });
    expected.assert_eq(&found.unwrap_or_else(|error| format!("error: {error}")));
}

#[test]
fn hugo() {
    check(
        "news/Big-News.md",
        "---\ntitle: \"Big: News\"\ndate: 2025-12-02T00:00:00Z\nauthor: Ada B.\nexcerpt: Short.\nwidget: true\n---\nText ![A](/img/here.png) and ![B](/img/gone.png).\n\n{{< plotly >}}\n\n[Older](/2024/x)\n",
        expect![[r#"
            big-news 2025
            ---
            title: "Big: News"
            summary: Short.
            byline: Ada B.
            publish: 2025-12-02T00:00:00Z
            status: approved
            audiences: [press]
            contacts: [desk]
            media:
              - file: here.png
                alt: A
            # imported shortcode: {{< plotly >}}
            # imported picture not found: /img/gone.png "B"
            # imported widget: true
            ---

            Text ![A](here.png) and [B](https://old.example/img/gone.png).



            [Older](https://old.example/2024/x)

            `Big-News` became the slug `big-news`
            kept as a comment: shortcode: {{< plotly >}}
            kept as a comment: picture not found: /img/gone.png "B"
            kept as a comment: widget: true"#]],
    );
}

#[test]
fn jekyll_takes_its_date_from_the_name() {
    check(
        "_posts/2024-05-01-aster-opens.md",
        "---\nlayout: post\ntitle: Aster opens\ntags: ev cars\n---\nText\n",
        expect![[r#"
            aster-opens 2024
            ---
            title: Aster opens
            publish: 2024-05-01T00:00:00
            status: approved
            audiences: [press]
            contacts: [desk]
            tags: [ev, cars]
            # imported layout: "post"
            ---

            Text

            kept as a comment: layout: "post""#]],
    );
}

#[test]
fn zola_and_what_is_still_to_come() {
    check(
        "blog/aster/index.md",
        "+++\ntitle = 'Aster'\ndate = 2027-01-05\n[taxonomies]\ntags = ['EV', 'C++']\n[extra]\nhero = 'a.png'\n+++\nText\n",
        expect![[r#"
            aster 2027
            ---
            title: Aster
            publish: 2027-01-05T00:00:00
            status: draft
            audiences: [press]
            contacts: [desk]
            tags: [ev, c]
            # imported tags: C++
            # imported extra: {"hero":"a.png"}
            ---

            Text

            it is dated in the future and became a draft; set `status: approved` when it is
            kept as a comment: tags: C++
            kept as a comment: extra: {"hero":"a.png"}"#]],
    );
}

#[test]
fn authors_with_more_than_a_name_and_names_that_no_tag_holds() {
    check(
        "a.md",
        "---\n# ask Ada\ntitle: A\ndate: 2024-01-02\nslug: Über_Uns\nauthors: [{name: Ada, mail: ada@x.example}, {name: Bo}]\ntags: [東京, {a: b}]\nlang: tlh-x\ndraft: maybe\n---\nText\n",
        expect![[r#"
            uber-uns 2024
            ---
            title: A
            byline: "Ada, Bo"
            publish: 2024-01-02T00:00:00
            status: draft
            audiences: [press]
            contacts: [desk]
            # imported comment: ask Ada
            # imported slug: Über_Uns
            # imported authors: [{"mail":"ada@x.example","name":"Ada"},{"name":"Bo"}]
            # imported language: tlh-x
            # imported tags: ["東京",{"a":"b"}]
            # imported draft: "maybe"
            ---

            Text

            kept as a comment: comment: ask Ada
            kept as a comment: slug: Über_Uns
            kept as a comment: authors: [{"mail":"ada@x.example","name":"Ada"},{"name":"Bo"}]
            kept as a comment: language: tlh-x
            kept as a comment: tags: ["東京",{"a":"b"}]
            kept as a comment: draft: "maybe""#]],
    );
}

#[test]
fn a_translation_says_only_its_own() {
    check(
        "a/aster.sv.md",
        "---\ntitle: Aster\ndate: 2024-01-02\ntags: [ev]\n---\nText\n",
        expect![[r#"
        aster 2024
        ---
        title: Aster
        language: sv
        # imported date of this translation: 2024-01-02T00:00:00
        # imported tags: ev
        ---

        Text

        kept as a comment: date of this translation: 2024-01-02T00:00:00
        kept as a comment: tags: ev"#]],
    );
}

#[test]
fn a_draft_needs_no_date() {
    check(
        "_drafts/aster.md",
        "---\ntitle: Aster\n---\nText\n",
        expect![[r#"
        aster 2026
        ---
        title: Aster
        status: draft
        audiences: [press]
        contacts: [desk]
        ---

        Text

    "#]],
    );
}

#[test]
fn what_cannot_be_imported_says_why() {
    check("a.md", "---\ntitle: A\n---\n", expect!["error: it has no date; add `date:`"]);
    check("a.md", "Text\n", expect!["error: it has no front matter and no date in its name"]);
    check("a.md", "---\ndate: soon\n---\n", expect!["error: `soon` is no date"]);
    check(
        "東京.md",
        "---\ndate: 2024-01-01\n---\n",
        expect!["error: `東京` gives no slug; add `slug:` with small letters, digits and hyphens"],
    );
}
