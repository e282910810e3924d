//! What was sent, as others wrote it down: a relay's mail log, a list of Message-IDs, or an export of another ledger
//! (`dateline log --format jsonl`).

use std::collections::HashSet;
use std::io::BufRead;

use serde::Deserialize;

/// How long the left part of our Message-IDs is.
const KEY: usize = 32;

/// One line of an export.
#[derive(Deserialize)]
struct Line {
    message_id: String,
    state: String,
}

/// Adds the wire keys of everything that `text` shows as sent.
///
/// A line that says *reject* shows nothing. Bytes that are no UTF-8 are passed over.
pub fn read(mut text: impl BufRead, keys: &mut HashSet<String>) -> std::io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if text.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line);
        if line.starts_with('{') {
            if let Ok(line) = serde_json::from_str::<Line>(&line)
                && matches!(line.state.as_str(), "sent" | "bounced" | "complained")
            {
                keys.insert(line.message_id);
            }
        } else if !line.to_ascii_lowercase().contains("reject") {
            keys.extend(ids(&line).map(str::to_owned));
        }
    }
}

/// The left parts of Message-IDs that have our form: 32 characters of base32, alone or before an `@`.
fn ids(line: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| !(c.is_ascii_alphanumeric() || "._-+=@".contains(c));
    line.split(part).filter_map(|word| {
        let word = word.strip_prefix("message-id=").unwrap_or(word);
        let left = word.split('@').next()?;
        let ours =
            left.len() == KEY && left.bytes().all(|c| c.is_ascii_lowercase() || (b'2'..=b'7').contains(&c));
        ours.then_some(left)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut keys = HashSet::new();
        read(text.as_bytes(), &mut keys).unwrap();
        let mut found: Vec<&str> = keys.iter().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn evidence_is_found_in_logs_lists_and_exports() {
        let a = "abcdefghijklmnopqrstuvwxyz234567";
        let b = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
        let cleanup = |id: &str| {
            format!("Dec  1 09:00:03 mx postfix/cleanup[7]: 4F3: message-id=<{id}@news.halden.example>\n")
        };
        check(&cleanup(a), &[a]);
        check(&format!("{}{}", cleanup(a), cleanup(b)), &[a, b]);
        check(&format!("{a}@news.halden.example\n<{b}@x.example>\r\n"), &[a, b]);
        check(&format!("{a}\n"), &[a]);
        check(&format!("x: milter-reject: END-OF-MESSAGE: message-id=<{a}@h>\n"), &[]);
        check("message-id=<20261201.4F3@relay.example>\n", &[]);
        check(&format!("{}\n", a.to_uppercase()), &[]);
        check(&format!("{a}x@h\nx{a}@h\n"), &[]);
        check(&format!("{{\"message_id\":\"{a}\",\"state\":\"sent\",\"delivery\":1}}\n"), &[a]);
        check(&format!("{{\"message_id\":\"{a}\",\"state\":\"scheduled\"}}\n"), &[]);
        check("{\"half\n", &[]);
        check("", &[]);
    }

    #[test]
    fn bytes_that_are_no_text_hurt_nobody() {
        let mut keys = HashSet::new();
        read(&b"\xff\xfe\x00\n\xe5\n"[..], &mut keys).unwrap();
        assert!(keys.is_empty());
    }
}
