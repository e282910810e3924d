use expect_test::{Expect, expect};

use super::*;

#[track_caller]
fn check(text: &str, span: Range<usize>, expected: &Expect) {
    let findings = [Finding::error("releases/a.md", text, span, "secret", "there").hint("away")];
    expected.assert_eq(&human(&findings, &Texts::from([("releases/a.md", text)]), false));
}

#[test]
fn the_caret_stands_under_the_words() {
    check(
        "---\ntitle: Aster\n---\n",
        11..16,
        &expect![[r#"
            error[secret]: there
             --> releases/a.md:2:8
              |
            2 | title: Aster
              |        ^^^^^
              |
              = hint: away

            1 error.
        "#]],
    );
    check(
        "a\n\tåäö 日本 here\r\nb",
        17..21,
        &expect![[r#"
            error[secret]: there
             --> releases/a.md:2:9
              |
            2 |     åäö 日本 here
              |              ^^^^
              |
              = hint: away

            1 error.
        "#]],
    );
    check(
        "",
        0..0,
        &expect![[r#"
            error[secret]: there
             --> releases/a.md:1:1
              |
            1 |
              | ^
              |
              = hint: away

            1 error.
        "#]],
    );
    check(
        "abc",
        3..3,
        &expect![[r#"
            error[secret]: there
             --> releases/a.md:1:4
              |
            1 | abc
              |    ^
              |
              = hint: away

            1 error.
        "#]],
    );
}

#[test]
fn several_lines_are_bracketed_and_many_are_cut() {
    check(
        "one\ntwo\nthree\n",
        1..9,
        &expect![[r#"
            error[secret]: there
             --> releases/a.md:1:2
              |
            1 |   one
              |  __^
            2 | | two
            3 | | three
              | |_^
              |
              = hint: away

            1 error.
        "#]],
    );
    check(
        "1\n2\n3\n4\n5\n6\n7\n",
        0..13,
        &expect![[r#"
            error[secret]: there
             --> releases/a.md:1:1
              |
            1 | / 1
            2 | | 2
            3 | | 3
            4 | | 4
              | |_^
              |
              = hint: away

            1 error.
        "#]],
    );
}

#[test]
fn what_a_terminal_would_obey_is_made_visible() {
    check(
        "a \u{1b}[31mred\u{9b}2J \u{202e}x\u{0}y\rz",
        14..17,
        &expect![[r#"
            error[secret]: there
             --> releases/a.md:1:14
              |
            1 | a �[31mred�2J �x�y�z
              |              ^^
              |
              = hint: away

            1 error.
        "#]],
    );
    let finding = Finding::warning("a\u{1b}.md", "x", 0..1, "secret", "m\u{7}\nn").hint("h\u{1b}");
    expect![[r#"
        warning[secret]: m\u{7} n
        --> a\u{1b}.md:1:1
         |
         = hint: h\u{1b}

        1 warning.
    "#]]
    .assert_eq(&human(&[finding], &Texts::new(), false));
}

#[test]
fn of_a_long_line_a_window_is_shown() {
    let long = format!("{} needle {}", "hay ".repeat(5000), "straw ".repeat(5000));
    let at = long.find("needle").unwrap();
    check(
        &long,
        at..at + 6,
        &expect![[r#"
            error[secret]: there
             --> releases/a.md:1:20002
              |
            1 | …ay hay hay hay hay hay hay hay hay hay hay hay hay  needle straw straw straw straw straw straw straw straw str…
              |                                                      ^^^^^^
              |
              = hint: away

            1 error.
        "#]],
    );
    check(
        &long,
        0..long.len(),
        &expect![[r#"
            error[secret]: there
             --> releases/a.md:1:1
              |
            1 | hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay ha…
              | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              |
              = hint: away

            1 error.
        "#]],
    );
    check(
        &"日".repeat(300),
        0..3,
        &expect![[r#"
            error[secret]: there
             --> releases/a.md:1:1
              |
            1 | 日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日…
              | ^^
              |
              = hint: away

            1 error.
        "#]],
    );
}

#[test]
fn spans_that_do_not_fit_are_moved() {
    for text in ["", "å", "日本\n\u{1f468}\u{200d}\u{1f469}", "\r\n\r\n", "\n", "a\u{300}\u{301}"] {
        for start in 0..text.len() + 3 {
            for end in 0..text.len() + 3 {
                let findings = [Finding::error("a", text, start..end, "secret", "m")];
                let texts = Texts::from([("a", text)]);
                assert!(human(&findings, &texts, start % 2 == 0).contains("secret"));
            }
        }
    }
}

#[test]
fn colours_come_only_when_asked() {
    let findings = [Finding::error("a", "text", 0..4, "secret", "m")];
    let texts = Texts::from([("a", "text")]);
    assert!(human(&findings, &texts, true).contains('\u{1b}'));
    assert!(!human(&findings, &texts, false).contains('\u{1b}'));
    assert_eq!(human(&[], &texts, false), "No findings.\n");
}
