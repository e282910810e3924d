//! `dateline check`: what is worth a look before anything leaves.

use crate::check;
use crate::finding::{Explanation, Finding, Texts, github, human, json, sarif};

/// The forms of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people: the source line, a caret, a hint.
    #[default]
    Human,
    /// For programs.
    Json,
    /// For a pull request on GitHub: one workflow command a line.
    Github,
    /// For code scanning: SARIF 2.1.0.
    Sarif,
}

/// The whole output of `dateline check`: `findings` in `format`.
///
/// `texts` are the files they point into ([`check::texts`]); `color` counts for people only.
/// A wall of findings is told in full.
pub fn report(findings: &[Finding], texts: &Texts<'_>, format: Format, color: bool) -> String {
    match format {
        Format::Human => human(findings, texts, color),
        Format::Json => json(findings),
        Format::Github => github(findings, texts),
        Format::Sarif => {
            let rules: Vec<Explanation> = check::RULES.iter().map(|rule| rule.about).collect();
            sarif(findings, texts, &rules)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_tells_every_finding() {
        let text = "title: A\n";
        let findings = [
            Finding::warning("releases/a.md", text, 7..8, "title-long", "long").hint("shorten it"),
            Finding::error("releases/a.md", text, 0..5, "secret", "there"),
        ];
        let texts = Texts::from([("releases/a.md", text)]);
        for format in [Format::Human, Format::Json, Format::Github, Format::Sarif] {
            let told = report(&findings, &texts, format, false);
            for word in ["title-long", "secret", "shorten it", "there"] {
                assert!(told.contains(word), "{format:?}: {told}");
            }
        }
    }

    #[test]
    fn sarif_lists_every_rule_with_its_help() {
        let log: serde_json::Value =
            serde_json::from_str(&report(&[], &Texts::new(), Format::Sarif, false)).unwrap();
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), check::RULES.len());
        assert!(
            rules
                .iter()
                .all(|rule| rule["help"]["text"].is_string() && rule["shortDescription"]["text"].is_string())
        );
    }
}
