use serde_json::json;

use super::super::sample::{ASTER, newsroom, request};
use super::super::{RenderError, edition};

/// What comes of a newsroom template for the press in place of the built-in ones.
#[track_caller]
fn check_error(path: &str, template: &str, channel: &str, expected: &str) {
    let newsroom = newsroom(&[("releases/2026/aster-ev.md", ASTER), (path, template)]);
    match edition(&newsroom, &request("aster-ev", channel)) {
        Err(error) => assert_eq!(error.to_string(), expected, "{template}"),
        Ok(edition) => panic!("{:?}", edition.content),
    }
}

#[test]
fn errors_name_the_place_and_what_to_do() {
    for (template, expected) in [
        (
            "<p>\n  {{titel}}</p>",
            "templates/newsroom/press.hbs:2:3: there is no variable `titel`; did you mean `title`?",
        ),
        (
            "{{#if title}}\n{{/each}}",
            "templates/newsroom/press.hbs:2:1: this is not a template that Handlebars can read: helper \"if\" was opened, but \"each\" is closing",
        ),
        (
            "{{t \"unsubscibe\"}}",
            "templates/newsroom/press.hbs:1:1: there are no fixed words `unsubscibe`; did you mean `unsubscribe`?",
        ),
        (
            "{{date title}}",
            "templates/newsroom/press.hbs:1:1: `Aster EV goes 620 km & more` is no instant; give `date` one such as `published`",
        ),
        (
            "{{dat published}}",
            "templates/newsroom/press.hbs:1:1: there is no helper `dat`; did you mean `date`?",
        ),
        (
            "{{> newsroom/missing}}",
            "templates/newsroom/press.hbs:1:1: there is no template `newsroom/missing` to include; write it as templates/newsroom/missing.hbs",
        ),
        (
            "a\n {{> newsroom/press}}",
            "templates/newsroom/press.hbs:2:2: `newsroom/press` includes this template again; it would never end",
        ),
        (
            "{{#*inline \"x\"}}{{> x}}{{/inline}}{{> x}}",
            "templates/newsroom/press.hbs:1:1: inline partials are not allowed; write the part as a template of its own",
        ),
        (
            "{{> (lookup . 'title')}}",
            "templates/newsroom/press.hbs:1:1: the name of an included template must stand there, not be computed",
        ),
    ] {
        check_error("templates/newsroom/press.hbs", template, "site", expected);
    }
}

#[test]
fn mjml_mistakes_are_found_in_the_template() {
    for (template, expected) in [
        (
            "<mjml><mj-body>\n <mj-section><mj-colum></mj-colum></mj-section></mj-body></mjml>",
            "templates/email/press.hbs:2:14: MJML has no tag `mj-colum`; did you mean `mj-column`?",
        ),
        (
            "<mjml><mj-body>\n<mj-section><mj-column></mj-section></mj-body></mjml>",
            "templates/email/press.hbs:2:13: `mj-column` is not closed before `</mj-section>`",
        ),
        ("<mjml><mj-body>", "templates/email/press.hbs:1:7: `mj-body` is never closed"),
        (
            "<mjml><mj-include path=\"/etc/passwd\" /></mjml>",
            "templates/email/press.hbs:1:7: `mj-include` does not work here; use `{{> email/NAME}}`",
        ),
    ] {
        check_error("templates/email/press.hbs", template, "relay", expected);
    }
}

#[test]
fn a_broken_template_stops_nobody_else() {
    let newsroom = newsroom(&[
        ("releases/2026/aster-ev.md", ASTER),
        ("templates/email/press.hbs", "<mjml>{{#if}"),
        ("templates/newsroom/other.hbs", "\u{fffd}{{"),
    ]);
    assert!(matches!(
        edition(&newsroom, &request("aster-ev", "relay")),
        Err(RenderError::Template { file, .. }) if file == "templates/email/press.hbs"
    ));
    assert!(edition(&newsroom, &request("aster-ev", "site")).is_ok());
}

#[test]
fn the_audience_and_the_variant_choose_the_template() {
    let with = |template: &str| {
        let text =
            ASTER.replace("media:\n", &format!("variants:\n  press: {{ template: {template} }}\nmedia:\n"));
        newsroom(&[
            ("releases/2026/aster-ev.md", text.as_str()),
            ("templates/social/fun.hbs", "Fun: {{title}}"),
            ("templates/newsroom/press.hbs", "page for {{audience}}"),
        ])
    };
    let render = |template: &str, channel: &str| {
        let newsroom = with(template);
        let edition = edition(&newsroom, &request("aster-ev", channel));
        edition.map(|edition| json!(edition.content).to_string()).map_err(|error| error.to_string())
    };
    assert!(render("fun", "mastodon").unwrap().contains("Fun: Aster EV goes 620 km & more"));
    // Where a folder has no such template, the audience's own is next.
    assert!(render("fun", "site").unwrap().contains("page for press"));
    assert_eq!(render("fum", "mastodon").unwrap_err(), "there is no template `fum`; did you mean `fun`?");
}
