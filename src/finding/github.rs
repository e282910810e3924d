//! Findings for a pull request: GitHub's workflow commands, one line each.
//!
//! <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>; the escapes are those
//! of `actions/toolkit`, `packages/core/src/command.ts`.

use std::fmt::Write;

use super::{Finding, Texts, fit, position, visible};

/// One `::error` or `::warning` line for every finding.
pub fn github(findings: &[Finding], texts: &Texts<'_>) -> String {
    let mut lines = String::new();
    for finding in findings {
        let Finding { file, line, column, code, severity, message, hint, span, .. } = finding;
        let severity = severity.as_str();
        let _ = write!(lines, "::{severity} file={},line={line}", property(file));
        // GitHub refuses columns where the finding ends on another line.
        match texts.get(file.as_str()).map(|text| position(text, fit(text, span).end)) {
            Some((end, _)) if end != *line => {
                let _ = write!(lines, ",endLine={end}");
            }
            Some((_, end)) if end > *column => {
                let _ = write!(lines, ",col={column},endColumn={end}");
            }
            _ => {
                let _ = write!(lines, ",col={column}");
            }
        }
        let _ = write!(lines, ",title={}::{}", property(code), data(message));
        if let Some(hint) = hint {
            let _ = write!(lines, "%0Ahint: {}", data(hint));
        }
        lines.push('\n');
    }
    lines
}

fn data(text: &str) -> String {
    // Percent first, so that nobody can write an escape of their own; control characters that
    // are no line ends are shown, for the log of the run is a terminal too.
    visible(&text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A"))
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn one_line_each_whatever_is_in_it() {
        let text = "title: a\n::error::b\n";
        let file = "releases/a,b:c.md";
        let findings = [
            Finding::error(file, text, 7..8, "secret", "100 % sure\n::warning::x\u{1b}[2J")
                .hint("a\r\nb, c: d"),
            Finding::warning(file, text, 7..15, "title-long", "long"),
            Finding::warning("gone.md", "", 9..99, "title-long", "long"),
        ];
        let texts = Texts::from([(file, text)]);
        expect![[r"
            ::error file=releases/a%2Cb%3Ac.md,line=1,col=8,endColumn=9,title=secret::100 %25 sure%0A::warning::x\u{1b}[2J%0Ahint: a%0D%0Ab, c: d
            ::warning file=releases/a%2Cb%3Ac.md,line=1,endLine=2,title=title-long::long
            ::warning file=gone.md,line=1,col=1,title=title-long::long
        "]]
        .assert_eq(&github(&findings, &texts));
    }
}
