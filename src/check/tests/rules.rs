//! Every rule but the facts: what it finds, and what it must leave alone.

use expect_test::{Expect, expect};

use super::*;

#[test]
fn a_release_that_is_complete_is_left_alone() {
    check_silent("", "Halden Motors today presented Aster. The press may ask.");
}

#[test]
fn weekdays_match_their_dates() {
    check_release(
        "",
        "Come on Monday, 1 December 2026, or on Tuesday 8 December.\n\n\
         The doors open on Wednesday, December 2, and close on Thursday the 3rd of December 2026.\n\n\
         1 December 2026 (Friday)",
        &expect![[r#"
            a.md:11:9: error[weekday-date]: 1 December 2026 is a Tuesday, not a Monday
                write `Tuesday`, or the date of the Monday nearby: 30 November
            a.md:15:18: error[weekday-date]: 1 December 2026 is a Tuesday, not a Friday
                write `Tuesday`, or the date of the Friday nearby: 4 December"#]],
    );
    check_files(
        &[
            ("releases/a.md", &release("", "Come.")),
            (
                "releases/a.sv.md",
                "---\ntitle: Hej\nsummary: Nu.\n---\nVälkommen måndagen den 1 december 2026, eller tisdagen den 8 december.\n",
            ),
        ],
        &expect![[r#"
            a.sv.md:5:11: error[weekday-date]: 1 December 2026 is a Tuesday, not a Monday
                write `tisdag`, or the date of the Monday nearby: 30 november"#]],
    );
    // German and French count too; a date without a year is the nearest one.
    check_release(
        "language: de\nboilerplate: ~",
        "Am Montag, den 1. Dezember 2026, und am Dienstag, 8. Dezember.",
        &expect![[r#"
            a.md:9:11: error[language]: `de` is none of the newsroom's languages
                add it to `languages` in dateline.yaml
            a.md:11:4: error[weekday-date]: 1 December 2026 is a Tuesday, not a Monday
                write `Dienstag`, or the date of the Monday nearby: 30 November"#]],
    );
    check_release(
        "language: fr\nboilerplate: ~",
        "Le lundi 1er décembre 2026, et le mardi 8 décembre.",
        &expect![[r#"
            a.md:9:11: error[language]: `fr` is none of the newsroom's languages
                add it to `languages` in dateline.yaml
            a.md:11:4: error[weekday-date]: 1 December 2026 is a Tuesday, not a Monday
                write `mardi`, or the date of the Monday nearby: 30 novembre"#]],
    );
    check_silent(
        "",
        "On Tuesday 1 December 2026, and every Monday in December. They march on Friday 1,000 strong.",
    );
}

#[test]
fn zone_abbreviations_match_the_season() {
    check_release(
        "",
        "On 1 July 2026 at 9:00 EST.\n\nOn 1 December 2026 at 10 a.m. EDT and 16:00 CET.",
        &expect![[r#"
            a.md:11:24: warning[zone-season]: on 1 July 2026 the clocks show summer time: EDT, not EST
                write `EDT`, or `ET`, which is right all year
            a.md:13:31: warning[zone-season]: on 1 December 2026 the clocks show winter time: EST, not EDT
                write `EST`, or `ET`, which is right all year"#]],
    );
    check_release(
        "",
        "The call is on 1 July 2026 at 14.30 (CET).",
        &expect![[r#"
        a.md:11:38: warning[zone-season]: on 1 July 2026 the clocks show summer time: CEST, not CET
            write `CEST`, or `Brussels time`, which is right all year"#]],
    );
    check_silent(
        "",
        "At 15:00 CET (9 a.m. EST) on 1 December. EST is a place. GMT was kept; on 1 July at 10:00 GMT.",
    );
    check_release(
        "publish: 2026-12-01T09:00[Europe/London]",
        "On 1 July at 10:00 GMT.",
        &expect![[r#"
        a.md:11:20: warning[zone-season]: on 1 July 2026 the clocks show summer time: BST, not GMT
            write `BST`, or `London time`, which is right all year"#]],
    );
}

#[test]
fn periods_of_old_templates_are_found() {
    check_release(
        "title: Halden reports for Q3 2025\npublish: 2026-10-22T07:30[Europe/Stockholm]",
        "Sales rose.",
        &expect![[r#"
            a.md:8:27: warning[stale-period]: `Q3 2025` ended 13 months before the release is published
                is it left over from an older release? Correct the period, or the date of `publish:`"#]],
    );
    check_release(
        "title: Halden reports for Q3 2026\nsummary: Sales rose in Q3 2025.\npublish: 2026-10-22T07:30[Europe/Stockholm]",
        "In Q3 2026, sales rose.",
        &expect![[r#"
            a.md:8:24: warning[stale-period]: the summary says `Q3 2025`, and the title `Q3 2026`
                is it left over from an older release? Make both the same"#]],
    );
    check_release(
        "title: Halden reports for the third quarter of 2026\npublish: 2026-10-22T07:30[Europe/Stockholm]",
        "In the third quarter of 2025, sales rose.",
        &expect![[r#"
            a.md:11:8: warning[stale-period]: the text says `third quarter of 2025`, and never `third quarter of 2026`, of which the title speaks
                is it left over from an older release? If it is a comparison, name both periods"#]],
    );
    check_release(
        "",
        "Orders open on 8 December 2026.\n\nThe shops open on 8 December 2025.\n\n© 2025 Halden Motors",
        &expect![[r#"
            a.md:13:19: warning[stale-period]: `8 December 2025` stands here, and `8 December 2026` elsewhere in the release
                is the year left over from an older release? Make both the same
            a.md:15:3: warning[stale-period]: the release is of 2026, and this says © 2025
                correct the year, unless the picture or text is that old"#]],
    );
    check_release(
        "title: Halden im Geschäftsjahr 2024\npublish: 2026-02-05T07:30[Europe/Stockholm]",
        "Der Absatz stieg.",
        &expect![[r#"
            a.md:8:18: warning[stale-period]: `Geschäftsjahr 2024` ended 14 months before the release is published
                is it left over from an older release? Correct the period, or the date of `publish:`"#]],
    );
    check_silent(
        "title: Halden reports for Q3 2026\npublish: 2026-10-22T07:30[Europe/Stockholm]",
        "Sales rose to 5 billion kronor in Q3 2026, compared with 4 billion in Q3 2025.\n\n\
         | | Q3 2026 | Q3 2025 |\n|---|---|---|\n| Sales | 5 | 4 |\n\n© 1961–2026 Halden. As of 31 December 2026 and 31 December 2025.",
    );
    check_silent(
        "title: Annual results 2025\npublish: 2026-02-05T07:30[Europe/Stockholm]",
        "In the full year 2025, sales rose.",
    );
}

#[test]
fn approved_releases_hold_no_placeholders() {
    check_release(
        "title: Aster EV goes TK km",
        "Price: TODO.\n\n[insert quote from Ingeborg]\n\nLorem ipsum dolor.",
        &expect![[r#"
            a.md:9:22: error[placeholder]: the release is approved, and its title still says `TK`
                put in what is missing, or set `status: draft`
            a.md:11:8: error[placeholder]: the release is approved, and its text still says `TODO`
                put in what is missing, or set `status: draft`
            a.md:13:1: error[placeholder]: the release is approved, and its text still says `[insert quote from Ingeborg]`
                put in what is missing, or set `status: draft`
            a.md:15:1: error[placeholder]: the release is approved, and its text still says `Lorem ipsum`
                put in what is missing, or set `status: draft`"#]],
    );
    check_silent(
        "",
        "TK-421 is a code, XXXL a size, [1] a note and [the plan](https://halden.example) a link; todo lists.",
    );
    check_silent("status: draft", "Price: TODO.");
}

#[test]
fn secrets_are_told_but_not_shown() {
    let key = format!("AKIA{}", "Z7QX3MB2LN5PR4TV");
    let source = release("", &format!("The key is {key}.\n\npassword=hunter22"));
    check_files(
        &[("releases/a.md", &source)],
        &expect![[r#"
            a.md:11:12: error[secret]: this looks like an AWS access key (`AKIA…`)
                take it out and have it replaced at once: whoever can read the repository has it now
            a.md:13:10: error[secret]: this looks like a password (`hunt…`)
                take it out and have it replaced at once: whoever can read the repository has it now"#]],
    );
    let newsroom = newsroom(&[("releases/a.md", &source)]);
    let findings = check(&newsroom, Timestamp::UNIX_EPOCH, None);
    let shown = crate::finding::human(&findings, &crate::check::texts(&newsroom), false);
    assert!(!shown.contains(&key) && !shown.contains("hunter22"), "{shown}");
}

#[test]
fn furniture_is_not_forgotten() {
    check_release(
        "dateline: ~\nboilerplate: ~\ncontacts: ~\nsummary: ~",
        "Text.",
        &expect![[r#"
        a.md:2:8: warning[boilerplate-missing]: the release has no paragraph about the organization
            add `boilerplate: [halden]` to the front matter
        a.md:2:8: warning[contact-missing]: the release names nobody whom the press can ask
            add `contacts: [desk]` to the front matter
        a.md:2:8: warning[dateline-missing]: the release does not say where it was written
            add the place to the front matter, for example `dateline: Gothenburg`
        a.md:2:8: warning[summary-missing]: there is no summary for previews, feeds and social networks
            add `summary:` to the front matter, with one or two sentences"#]],
    );
    check_silent("dateline: ~", "GOTHENBURG, 1 December 2026 — Halden today presented Aster.");
    check_silent("dateline: ~\nboilerplate: ~\nbyline: Ingeborg Rask, chief executive", "I have a car.");
    check_silent("boilerplate: ~", "Text.\n\n## About Halden Motors\n\nHalden builds cars.");
    check_files(
        &[
            ("releases/a.md", &release("boilerplate: [halden, investors]", "Come.")),
            ("releases/a.sv.md", "---\ntitle: Hej\n---\nVälkommen.\n"),
        ],
        &expect![[r#"
            a.md:9:23: warning[boilerplate-language]: boilerplate `investors` is not written in `sv`, as the release is
                add `sv:` below `boilerplate: investors:` in dateline.yaml
            a.sv.md:2:8: warning[summary-missing]: there is no summary for previews, feeds and social networks
                add `summary:` to the front matter, with one or two sentences"#]],
    );
    check_release(
        "status: draft\npublish: 2026-11-01T09:00[Europe/Stockholm]",
        "Text.",
        &expect![[r#"
        a.md:9:10: warning[draft-overdue]: this time has passed, and the release is still a draft
            give it a new `publish:` before it is approved, or take the line out"#]],
    );
}

#[test]
fn headlines_are_short_and_calm() {
    let long = "Halden Motors presents the Aster EV, a family car that goes far on one charge and costs less than others do today";
    check_release(
        &format!("title: {long}"),
        "Text.",
        &expect![[r#"
        a.md:9:8: warning[title-long]: the headline has 113 characters; feeds and search pages cut it after 100
            shorten it, and move details into the subtitle"#]],
    );
    check_release(
        "title: HALDEN MOTORS PRESENTS ASTER\nsubtitle: Order now!",
        "Text.",
        &expect![[r#"
        a.md:9:8: warning[title-capitals]: the title is all capitals
            write it as a sentence; capitals read as shouting, and screen readers spell them
        a.md:10:20: warning[exclamation]: the subtitle has an exclamation mark
            end it without one; editors take it for advertising, and filters for spam"#]],
    );
    check_release(
        &format!("subject: {}", &long[..80]),
        "Text.",
        &expect![[r#"
        a.md:10:10: warning[subject-long]: the subject has 80 characters; many mail programs cut it after 78
            put what matters into the first 60 characters"#]],
    );
    check_silent("title: WLTP range of Aster EV is 620 km\nkicker: PRESS RELEASE", "Text.");
    check_silent("title: EV WLTP", "Text!");
}

#[test]
fn social_texts_fit_their_networks() {
    let words = |count: usize| "word ".repeat(count).trim_end().to_owned();
    check_release(
        &format!("social: {}", words(55)),
        "Text.",
        &expect![[r#"
        a.md:10:9: warning[social-long]: with its link, the social text has 311 characters; one post on `bluesky` takes 300
            shorten it, or write a shorter one under `variants: bluesky: social:`; else it becomes a thread"#]],
    );
    check_release(
        &format!("social: {}", words(100)),
        "Text.",
        &expect![[r#"
        a.md:10:9: warning[social-long]: with its link, the social text has 524 characters as Mastodon counts; one post on `mastodon` takes 500
            shorten it, or write a shorter one under `variants: mastodon: social:`; else it becomes a thread
        a.md:10:9: warning[social-long]: with its link, the social text has 536 characters; one post on `bluesky` takes 300
            shorten it, or write a shorter one under `variants: bluesky: social:`; else it becomes a thread"#]],
    );
    check_silent(&format!("social: {}\nvariants:\n  bluesky:\n    social: Short.", words(90)), "Text.");
    // Nobody sends it anywhere.
    check_silent(&format!("audiences: [trade]\nsocial: {}", words(200)), "Text.");
}

#[test]
fn pictures_have_words_and_makers() {
    let jpg = ("releases/car.jpg", "");
    let media = "media:\n  - file: car.jpg\n";
    let check_media = |more: &str, body: &str, expected: &Expect| {
        let source = release(&format!("{media}{more}"), body);
        let newsroom = newsroom(&[("releases/a.md", &source), jpg]);
        let findings = check(&newsroom, Timestamp::UNIX_EPOCH, None);
        let lines: Vec<String> = findings
            .iter()
            .filter(|finding| !finding.code.starts_with("media"))
            .map(|finding| finding.to_string().replace("\n  hint: ", "\n    "))
            .collect();
        expected.assert_eq(&lines.join("\n"));
    };
    check_media(
        "",
        "Text.",
        &expect![[r#"
        releases/a.md:11:11: warning[alt-missing]: `car.jpg` has no words for those who cannot see it
            add `alt:` below it, and say what the picture shows in one sentence
        releases/a.md:11:11: warning[credit-missing]: nobody is named as the maker of `car.jpg`
            add `credit:` below it, with the photographer or your organization"#]],
    );
    check_media(
        "    alt: Image 1\n    credit: Halden",
        "Text.",
        &expect![[r#"
        releases/a.md:12:10: warning[alt-useless]: `Image 1` says nothing about what the picture shows
            describe it as you would on the telephone: who or what, where, doing what"#]],
    );
    check_media(
        "    alt: car.jpg\n    credit: Halden",
        "![](car.jpg)\n\n![photo](car.jpg)",
        &expect![[r#"
            releases/a.md:12:10: warning[alt-useless]: `car.jpg` says nothing about what the picture shows
                describe it as you would on the telephone: who or what, where, doing what
            releases/a.md:17:1: warning[alt-useless]: `photo` says nothing about what the picture shows
                describe it as you would on the telephone: who or what, where, doing what"#]],
    );
    check_media("    alt: A car on a road\n    credit: Halden", "![](car.jpg)", &expect![[r#""#]]);
    check_media(
        "    alt: A car\n    credit: Halden",
        "![A road](road.jpg) ![A road](/img/road.jpg)",
        &expect![[r#"
            releases/a.md:15:11: warning[image-missing]: there is no picture `road.jpg` beside the release; it is not shown
                put the file beside the release and add it to `media:`, or correct its name (capitals count)
            releases/a.md:15:31: warning[image-missing]: there is no picture `/img/road.jpg` beside the release; it is not shown
                put the file beside the release and add it to `media:`, or correct its name (capitals count)"#]],
    );
}

#[test]
fn links_lead_somewhere_safe() {
    check_release(
        "",
        "[a](b.md) [c](javascript:alert(1)) [d](DATA:text/html,x) [e](//halden.example) [f](/docs/g/) [h](ftp://halden.example)\n\n\
         ![A pixel](https://tracker.example/1.png) ![A pixel](data:image/gif;base64,R0) <javascript:alert(1)>\n\n\
         [r]: javascript:alert(2)\n\n[see][r]",
        &expect![[r#"
            a.md:11:5: warning[link-dead]: `b.md` is no release, and no file under `media:`; the link is left out
                correct the path, add the file to `media:`, or write the full address with https://
            a.md:11:15: error[link-unsafe]: a `javascript:` link would act on the reader's machine; it is left out
                link to an https:// address, or take the link out and keep its words
            a.md:11:40: error[link-unsafe]: a `data:` link would act on the reader's machine; it is left out
                link to an https:// address, or take the link out and keep its words
            a.md:11:62: warning[link-dead]: `//halden.example` names no scheme, and mail programs cannot follow it
                put `https:` in front of it
            a.md:11:84: warning[link-dead]: the newsroom's site has no page `/docs/g/`
                correct the path, or write the full address with https://
            a.md:11:98: warning[link-dead]: readers' programs do not follow `ftp:` links; it is left out
                link to an https:// or mailto: address
            a.md:13:12: error[image-remote]: the picture comes from another site; it is not shown
                put the file beside the release and name it here; remote pictures vanish, and tell their host who reads
            a.md:13:54: error[image-remote]: the picture comes from outside the newsroom; it is not shown
                put the file beside the release and name it here; remote pictures vanish, and tell their host who reads
            a.md:13:81: error[link-unsafe]: a `javascript:` link would act on the reader's machine; it is left out
                link to an https:// address, or take the link out and keep its words
            a.md:17:1: error[link-unsafe]: a `javascript:` link would act on the reader's machine; it is left out
                link to an https:// address, or take the link out and keep its words"#]],
    );
    check_silent(
        "",
        "[a](a.md) [b](https://halden.example/x?y#z) [c](mailto:press@halden.example) [d](tel:+4631) [e](#facts) [f](/tags/ev/) [g](/2026/a/)",
    );
}

#[test]
fn html_is_told_that_it_goes() {
    check_release(
        "",
        "A <b>bold</b> word.<br>\n\n<div class=\"x\">\nText\n</div>\n\n<!-- a note\nfor us -->",
        &expect![[r#"
            a.md:11:3: warning[raw-html]: the HTML `<b>` is left out; only its words stay
                write it as Markdown: **bold**, *italic*, [words](address), tables with |
            a.md:11:20: warning[raw-html]: the HTML `<br>` is left out; only its words stay
                write it as Markdown: **bold**, *italic*, [words](address), tables with |
            a.md:13:1: warning[raw-html]: the HTML `<div class="x">` is left out; only its words stay
                write it as Markdown: **bold**, *italic*, [words](address), tables with |"#]],
    );
}

#[test]
fn audiences_reach_somebody() {
    let unread =
        ("audiences/trade.yaml", "name: Trade\nchannels: [newsroom]\nmembers:\n  where: kind = journalist\n");
    check_files(
        &[("releases/a.md", &release("", "Text.")), unread],
        &expect![[r#"
        audiences/trade.yaml:2:1: warning[audience-unread]: `trade` has members, but no mail channel, so nothing reaches them
            add a mail channel (`kind: smtp`, `ses` or `postmark`) to `channels:`, or take `members:` out"#]],
    );
    let reach = |count| Reach { counts: BTreeMap::from([("trade".to_owned(), count)]) };
    check_with(
        &[("releases/a.md", &release("", "Text."))],
        Some(&reach(0)),
        &expect![[r#"
        audiences/trade.yaml:4:3: warning[audience-empty]: nobody in the contact book belongs to `trade`
            look at the rule after `where:`, or import the contacts it is meant for"#]],
    );
    check_with(&[("releases/a.md", &release("", "Text."))], Some(&reach(1)), &expect![""]);
}

#[test]
fn employees_hear_first() {
    check_release(
        "audiences: [trade, employees]",
        "Text.",
        &expect![[r#"
        a.md:9:20: warning[employees-late]: `employees` hear of this on 1 December 2026 at 12:00, after `trade` (1 December 2026 at 09:00)
            publish at one of the audience's `slots:`, or give it a channel that does not wait"#]],
    );
    check_silent("audiences: [trade, employees]\npublish: 2026-12-01T07:00[Europe/Stockholm]", "Text.");
}

#[test]
fn mails_that_gmail_would_cut_are_named_with_their_size() {
    let table = format!("| A | B |\n| --- | --- |\n{}", "| Aster | 620 km |\n".repeat(400));
    check_release(
        "",
        &table,
        &expect![[r#"
        a.md:2:8: warning[mail-size]: the mail to `trade` has 134 kB of HTML; Gmail cuts it after 102 kB, the way to unsubscribe with the rest
            shorten it, keep blocks for some audiences with `::: only`, or put tables into an attachment"#]],
    );
    // Long, but nobody gets it by mail.
    check_silent("audiences: [public]", &table);
    check_silent("", &"A paragraph of the usual length, as most releases have twenty of.\n\n".repeat(120));
}

#[test]
fn what_makes_mails_heavy_is_named() {
    let text = |changes: &str| release(changes, "Words.");
    let with = |changes: &str, expected: &Expect| {
        let mut pdf = String::from("%PDF-1.7\n");
        pdf.push_str(&"x".repeat(3_400_000));
        check_files(&[("releases/a.md", &text(changes)), ("releases/data.pdf", &pdf)], expected);
    };
    with(
        "attachments: [data.pdf]",
        &expect![[r#"
        a.md:10:14: warning[mail-heavy]: each mail carries 3.4 MB of pictures and files; some receivers refuse it, and many readers pay for it
            save pictures smaller, write `images: link`, or name large files under `media:` for download"#]],
    );
    with("attachments: [data.pdf]\naudiences: [public]", &expect![""]);
    with(
        "attachments: [dat.pdf]",
        &expect![[r#"
        a.md:10:15: error[media-missing]: there is no file dat.pdf
            did you mean `data.pdf`?"#]],
    );
}

#[test]
fn summaries_fit_where_they_are_shown() {
    check_release(
        &format!("summary: {}", "Six words are in this one. ".repeat(10)),
        "Words.",
        &expect![[r#"
        a.md:9:10: warning[summary-long]: the summary has 269 characters; inboxes show about 100 of them, and previews 250
            say it in one or two sentences, and what matters in the first 100 characters"#]],
    );
}
