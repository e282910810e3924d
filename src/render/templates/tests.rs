use serde_json::json;

use super::super::sample::{ASTER, newsroom, request};
use super::super::{RenderError, edition};
use super::*;

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

/// Templates of our own beside those that are built in; each is named by its place.
fn compiled(sources: &[String], folder: &str) -> Templates {
    let files = sources.iter().enumerate();
    let files = files
        .map(|(at, source)| (format!("templates/{folder}/n{at}.hbs"), Arc::<[u8]>::from(source.as_bytes())));
    let part = (format!("templates/{folder}/part.hbs"), Arc::<[u8]>::from(b"part {{a}}\n".as_slice()));
    let files = files.chain([part]).collect();
    Templates::new(&files, &TimeZone::get("Europe/Stockholm").unwrap())
}

/// Holds the quick ways against Handlebars; says which templates have one.
#[track_caller]
fn same(sources: &[String], folder: &str) -> Vec<bool> {
    let data = json!({
        "language": "sv", "a": "1 < 2 & 'x' \"y\" `=`", "none": null, "yes": true, "no": false, "zero": 0, "empty": "",
        "list": [{ "a": "in", "b": "ü", "c": [1, 2] }, { "a": "", "b": "<", "c": [] }], "words": ["p", "q&"],
        "group": { "b": "deep", "c": { "d": 1.5 } }, "at": "2026-12-01T08:00:00Z", "bare": [], "t2": "x",
    });
    let templates = compiled(sources, folder);
    let each = sources.iter().enumerate().map(|(at, source)| {
        let name = format!("{folder}/n{at}");
        let Some(quick) = templates.quick.get(&name) else { return false };
        let expected = templates.thoroughly(&name, data.clone()).ok();
        assert_eq!(quick.run(&data, &templates.zone, folder != "social"), expected, "{source}");
        true
    });
    each.collect()
}

#[test]
fn plain_templates_have_a_quick_way() {
    let check = |sources: &[&str], quick: bool| {
        let sources: Vec<String> = sources.iter().map(|source| (*source).to_owned()).collect();
        for folder in ["newsroom", "social"] {
            for (source, found) in sources.iter().zip(same(&sources, folder)) {
                assert_eq!(found, quick, "{source}");
            }
        }
    };
    let plain = [
        "",
        "text",
        "{{a}} {{{a}}} {{&a}} {{group.b}} {{group/c/d}} {{yes}}{{none}}{{zero}}{{words}}{{list}}{{group}}",
        "{{missing}}",
        "{{group.missing}}",
        "{{a.b}}",
        "{{#if a}}x{{else}}y{{/if}} {{#if none}}x{{else}}y{{/if}}{{#if zero}}0{{/if}}{{#if bare}}b{{/if}}{{#if group}}g{{/if}}",
        "{{#if missing}}x{{/if}}",
        "{{#unless no}}x{{else}}y{{/unless}}",
        "  {{#if a}}\n  x\n  {{/if}}\n{{#each list}}\n{{a}}{{b}}{{#each c}}{{this}},{{/each}}\n{{/each}}",
        "{{#each words}}{{this}}{{{this}}}{{/each}}{{#each bare}}x{{/each}}",
        "{{#each none}}x{{/each}}",
        "{{#each list}}{{language}}{{/each}}",
        "{{! a remark }}x {{~a~}} y{{!-- another --}}",
        "{{t \"unsubscribe\"}}{{{t \"unsubscribe\"}}}",
        "{{date at}} {{date at \"moment\"}} {{date at \"day\"}}",
        "{{date a}}",
        "  {{> newsroom/part}}\n x",
    ];
    let more = [
        "{{#each list}}{{../a}}{{/each}}",
        "{{#each list}}{{@index}}{{/each}}",
        "{{#each list as |item|}}{{item.a}}{{/each}}",
        "{{#each bare}}x{{else}}y{{/each}}",
        "{{#if (eq a a)}}x{{/if}}",
        "{{#if none}}x{{else if a}}y{{/if}}",
        "{{#with group}}{{b}}{{/with}}",
        "{{lookup group \"b\"}}",
        "{{t \"why\" a list=a}}",
        "{{> newsroom/part a=\"x\"}}",
        "{{> newsroom/part group}}",
        "{{> newsroom/missing}}",
        "{{#> newsroom/part}}x{{/newsroom/part}}",
        "{{unknown a}}",
        "{{len}}",
        "{{this.a}}{{@root.a}}",
        "{{date at \"week\"}}",
    ];
    check(&plain[..plain.len() - 1], true);
    assert_eq!(same(&[plain[plain.len() - 1].to_owned()], "newsroom"), [true]);
    check(&more, false);
    let built_in = compiled(&[], "newsroom");
    assert!(
        ["newsroom/default", "newsroom/style", "social/default"]
            .iter()
            .all(|name| built_in.quick.contains_key(*name))
    );
}

const PARTS: [&str; 26] = [
    "x",
    " ",
    "\n",
    "<",
    "{{a}}",
    "{{{a}}}",
    "{{#if a}}",
    "{{#if none}}",
    "{{else}}",
    "{{/if}}",
    "{{#each list}}",
    "{{/each}}",
    "{{b}}",
    "{{#each words}}",
    "{{this}}",
    "{{#unless no}}",
    "{{/unless}}",
    "{{~a}}",
    "{{group.b~}}",
    "{{date at}}",
    "{{missing}}",
    "{{t \"media\"}}",
    "{{> newsroom/part}}",
    "{{#each c}}",
    "{{!x}}",
    "  ",
];

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(8))]
    #[test]
    fn quick_ways_lead_where_handlebars_leads(
        picks in proptest::collection::vec(proptest::collection::vec(0..PARTS.len(), 0..12), 40),
    ) {
        let sources = picks.iter().map(|picks| picks.iter().map(|pick| PARTS[*pick]).collect::<String>());
        let sources = sources.flat_map(|source| {
            let both = format!("{{{{#if a}}}}{source}{{{{else}}}}{source}{{{{/if}}}}");
            let each = format!("{{{{#each list}}}}\n{source}\n{{{{/each}}}}");
            [source, both, each]
        });
        same(&sources.collect::<Vec<_>>(), "newsroom");
    }
}

#[test]
fn what_a_template_reads_is_known_through_all_that_it_includes() {
    let templates = compiled(&[], "email");
    for (name, key, expected) in [
        // The instants of one mail would make its shape one of its own.
        ("email/default", "sent", false),
        ("email/default", "published", false),
        ("email/default", "audience", false),
        ("email/default", "starts", false),
        ("email/default", "title", true),
        // In `email/head`, and in what that includes.
        ("email/default", "spaced", true),
        ("email/default", "accent_dark", true),
        ("email/digest", "published", true),
    ] {
        assert_eq!(templates.reads(name, key), expected, "{name}: {key}");
    }
    let all = compiled(&["{{#each this}}{{@key}}{{/each}}".to_owned(), "{{> email/n0}}".to_owned()], "email");
    assert!(all.reads("email/n1", "sent"));
}
