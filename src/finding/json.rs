//! Findings for programs: the JSON of `dateline check --format json`. Stable; additions only.

use serde::Serialize;

use super::{Finding, count};

#[derive(Serialize)]
struct Report<'a> {
    findings: &'a [Finding],
    errors: usize,
    warnings: usize,
}

/// `{"findings":[…],"errors":N,"warnings":N}`, with a line break at the end.
pub fn json(findings: &[Finding]) -> String {
    let (errors, warnings) = count(findings);
    // Strings and numbers alone: there is nothing that serde_json could refuse.
    let mut text = serde_json::to_string_pretty(&Report { findings, errors, warnings }).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_is_the_promised_one() {
        let text = "a\nb \u{1b}[31m\n";
        let findings = [
            Finding::error("releases/a.md", text, 2..3, "secret", "a \"key\"").hint("take it out"),
            Finding::warning("releases/a.md", text, 0..1, "title-long", "long"),
        ];
        expect_test::expect![[r#"
            {
              "findings": [
                {
                  "file": "releases/a.md",
                  "line": 2,
                  "column": 1,
                  "code": "secret",
                  "severity": "error",
                  "message": "a \"key\"",
                  "hint": "take it out"
                },
                {
                  "file": "releases/a.md",
                  "line": 1,
                  "column": 1,
                  "code": "title-long",
                  "severity": "warning",
                  "message": "long",
                  "hint": null
                }
              ],
              "errors": 1,
              "warnings": 1
            }
        "#]]
        .assert_eq(&json(&findings));
        assert_eq!(json(&[]), "{\n  \"findings\": [],\n  \"errors\": 0,\n  \"warnings\": 0\n}\n");
    }
}
