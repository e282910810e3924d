//! Findings for code scanning: SARIF 2.1.0 (OASIS standard of 27 March 2020).

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Explanation, Finding, Texts, fit, position};
use crate::digest::Digest;

/// One SARIF log with one run: every rule of `rules`, every finding, and the codes of findings
/// that `rules` does not explain.
///
/// Columns count characters (`columnKind`); a fingerprint names a finding by file, rule and
/// message, so that code scanning knows it again when lines above it move.
pub fn sarif(findings: &[Finding], texts: &Texts<'_>, rules: &[Explanation]) -> String {
    let mut descriptors: Vec<Value> = rules.iter().map(descriptor).collect();
    let mut ids: Vec<&str> = rules.iter().map(|rule| rule.code).collect();
    let results: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let index = ids.iter().position(|id| *id == finding.code).unwrap_or_else(|| {
                ids.push(finding.code);
                descriptors.push(descriptor(&Explanation {
                    code: finding.code,
                    severity: finding.severity,
                    summary: "A file of the newsroom cannot be read as it was meant.",
                    remedy: "Follow the hint of the finding.",
                }));
                ids.len() - 1
            });
            result(finding, index, texts)
        })
        .collect();
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "dateline",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": descriptors,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn descriptor(rule: &Explanation) -> Value {
    json!({
        "id": rule.code,
        "shortDescription": { "text": rule.summary },
        "help": { "text": rule.remedy },
        "defaultConfiguration": { "level": rule.severity.as_str() },
    })
}

fn result(finding: &Finding, index: usize, texts: &Texts<'_>) -> Value {
    let Finding { file, line, column, code, severity, message, hint, span, .. } = finding;
    let (end_line, end_column) = texts
        .get(file.as_str())
        .map_or((*line, *column), |text| position(text, fit(text, span).end))
        .max((*line, *column));
    let text = match hint {
        Some(hint) => format!("{message}\n{hint}"),
        None => message.clone(),
    };
    let fingerprint = Digest::of_fields(&[file.as_bytes(), code.as_bytes(), message.as_bytes()]);
    json!({
        "ruleId": code,
        "ruleIndex": index,
        "level": severity.as_str(),
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(file) },
            "region": {
                "startLine": line,
                "startColumn": column,
                "endLine": end_line,
                "endColumn": end_column,
            },
        }}],
        "partialFingerprints": { "finding/v1": fingerprint.to_string() },
    })
}

/// A path as a relative URI reference (RFC 3986, 4.2).
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::finding::Severity;

    const RULES: [Explanation; 1] = [Explanation {
        code: "title-long",
        severity: Severity::Warning,
        summary: "The headline is long.",
        remedy: "Shorten it.",
    }];

    #[test]
    fn what_the_schema_requires_is_there() {
        let text = "title: åäö\nmore\n";
        let file = "releases/å b.md";
        let findings = [
            Finding::warning(file, text, 7..13, "title-long", "long").hint("shorten"),
            Finding::error(file, text, 7..16, "yaml", "bad \u{1b}"),
            Finding::error("gone.md", "", Range { start: 7, end: 2 }, "yaml", "gone"),
        ];
        let texts = Texts::from([(file, text)]);
        let log: Value = serde_json::from_str(&sarif(&findings, &texts, &RULES)).unwrap();
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["name"], "dateline");
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), 2);
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), 3);
        for result in results {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(result["ruleId"], rules[index]["id"]);
            assert!(result["message"]["text"].is_string());
            let region = &result["locations"][0]["physicalLocation"]["region"];
            assert!(region["startLine"].as_u64() >= Some(1) && region["startColumn"].as_u64() >= Some(1));
            assert!(region["endLine"].as_u64() >= region["startLine"].as_u64());
        }
        let place = |index: usize| &results[index]["locations"][0]["physicalLocation"];
        assert_eq!(place(0)["artifactLocation"]["uri"], "releases/%C3%A5%20b.md");
        assert_eq!(
            place(0)["region"],
            json!({"startLine": 1, "startColumn": 8, "endLine": 1, "endColumn": 11})
        );
        assert_eq!(
            place(1)["region"],
            json!({"startLine": 1, "startColumn": 8, "endLine": 2, "endColumn": 3})
        );
    }
}
