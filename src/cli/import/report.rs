//! What `dateline import` says when it is done.

use std::path::Path;

use super::convert::Defaults;
use super::disk::Found;
use super::{Args, Line};
use crate::cli::{CliError, Format, output};

/// Prints the report.
pub fn print(
    lines: &[Line],
    found: &Found,
    root: &Path,
    defaults: &Defaults,
    args: &Args,
) -> Result<(), CliError> {
    let imported = lines.iter().filter(|line| line.outcome.is_ok()).count();
    let skipped: Vec<(String, &str)> = found
        .skipped
        .iter()
        .map(|(path, why)| {
            let path = path.strip_prefix(root).unwrap_or(path);
            (path.to_string_lossy().replace('\\', "/"), *why)
        })
        .collect();
    if args.format == Format::Json {
        let files: Vec<serde_json::Value> = lines
            .iter()
            .map(|line| {
                serde_json::json!({
                    "from": line.from,
                    "to": line.outcome.as_ref().ok(),
                    "error": line.outcome.as_ref().err(),
                    "notes": line.notes,
                })
            })
            .collect();
        let skipped: Vec<serde_json::Value> = skipped
            .iter()
            .map(|(from, reason)| serde_json::json!({ "from": from, "reason": reason }))
            .collect();
        output::print_json(&serde_json::json!({
            "files": files, "imported": imported, "refused": lines.len() - imported, "skipped": skipped,
        }))?;
        return Ok(());
    }
    let mut text = String::new();
    for line in lines {
        match &line.outcome {
            Ok(to) => text.push_str(&format!("{} -> {to}\n", line.from)),
            Err(error) => text.push_str(&format!("{}: not imported: {error}\n", line.from)),
        }
        for note in &line.notes {
            text.push_str(&format!("    {}\n", note.replace('\n', " ")));
        }
    }
    for (path, why) in &skipped {
        text.push_str(&format!("{path}: not read: {why}\n"));
    }
    let verb = if args.dry_run { "would be imported" } else { "imported" };
    text.push_str(&format!(
        "\n{imported} {verb}, {} refused, {} not read\n",
        lines.len() - imported,
        skipped.len()
    ));
    if imported > 0 {
        text.push_str(&format!("each with the audiences {}", defaults.audiences.join(", ")));
        for (what, keys) in [("press contact", &defaults.contacts), ("boilerplate", &defaults.boilerplate)] {
            if !keys.is_empty() {
                text.push_str(&format!("; {what} {}", keys.join(", ")));
            }
        }
        text.push_str("\nnext: `dateline check`\n");
    }
    output::print(&text)?;
    Ok(())
}
