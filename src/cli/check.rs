//! `dateline check`: what is worth a look before anything leaves.

use std::collections::BTreeMap;
use std::path::Path;

use super::{CliError, Ctx, Exit, output};
use crate::check::{self, Reach};
use crate::config::Config;
use crate::finding::{Explanation, Finding, Severity, Texts, github, human, json, sarif};
use crate::ledger::Ledger;
use crate::load;
use crate::newsroom::Newsroom;

/// Find what is wrong, and what an editor's desk would ask about
///
/// Every finding has its file, line and column, and says what to do; docs/checks.md explains each. The exit
/// code is 1 if there are errors.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Check this commit instead of the files as they are
    #[arg(long, value_name = "REV")]
    at: Option<String>,

    /// Also end with 1 if there are warnings
    #[arg(long)]
    strict: bool,

    /// The form of the findings
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `dateline check`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let dir = ctx.newsroom_dir()?;
    let newsroom = match &args.at {
        Some(revision) => {
            let git = load::git_dir(&dir)?;
            load::commit(&git, &load::resolve(&git, revision)?)?
        }
        None => load::work_tree(&dir)?,
    };
    let (config, more) = Config::read(&newsroom.config_text);
    let reach = reach(ctx, &newsroom, &config, &dir)?;
    let mut findings = check::check(&newsroom, ctx.clock.now(), reach.as_ref());
    for finding in more {
        // The newsroom and the configuration read the same file, and may say the same of it.
        if !findings.iter().any(|known| (&known.file, known.line) == (&finding.file, finding.line)) {
            findings.push(finding);
        }
    }
    findings.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    output::print(&report(&findings, &check::texts(&newsroom), args.format, output::color()))?;
    let refused = args.strict && !findings.is_empty()
        || findings.iter().any(|finding| finding.severity == Severity::Error);
    // The program ends here: the system takes all of it back at once, which is faster than taking it apart.
    std::mem::forget((findings, newsroom));
    Ok(if refused { Exit::Refused } else { Exit::Done })
}

/// How many contacts each audience reaches; nothing where there is no contact book yet.
fn reach(ctx: &Ctx, newsroom: &Newsroom, config: &Config, dir: &Path) -> Result<Option<Reach>, CliError> {
    // The ledger of several daemons is out of an editor's reach: `check` asks for no password.
    if config.ledger.postgres.is_some() || !dir.join(&config.ledger.folder).join("ledger.db").exists() {
        return Ok(None);
    }
    ctx.block_on(async {
        let ledger = Ledger::open(&config.ledger(dir)?, ctx.clock.now()).await?;
        let mut counts: BTreeMap<String, u64> =
            newsroom.audiences.keys().map(|key| (key.clone(), 0)).collect();
        let mut any = false;
        ledger
            .each_contact(|contact| {
                any = true;
                for audience in newsroom.audiences.values().filter(|audience| audience.admits(&contact)) {
                    *counts.entry(audience.key.clone()).or_default() += 1;
                }
                Ok::<_, CliError>(())
            })
            .await?;
        Ok(any.then_some(Reach { counts }))
    })
}

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
