//! Sides of an edition that are text: the plain half of a mail, its source, its headers.

use std::fmt::Write as _;

use super::markup::{escape, shell};

/// Plain text, as a program without HTML shows it.
pub fn text(title: &str, text: &str) -> String {
    shell(title, "en", "plain", &format!("<pre class=\"words\">{}</pre>", escape(text)))
}

/// Source with its lines numbered.
pub fn source(title: &str, text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let _ = write!(lines, "<li><code>{}</code></li>", escape(line));
    }
    shell(title, "en", "plain", &format!("<ol class=\"source\">{lines}</ol>"))
}

/// Header fields, in order.
pub fn headers(title: &str, headers: &[(String, String)]) -> String {
    let mut rows = String::new();
    for (name, value) in headers {
        let _ = write!(rows, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    }
    shell(title, "en", "plain", &format!("<dl class=\"headers\">{rows}</dl>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_as_it_is_written() {
        for page in [
            text("T", "<b>\n"),
            source("T", "<b>\n"),
            headers("T", &[("Subject".to_owned(), "<b>".to_owned())]),
        ] {
            assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"), "{page}");
        }
    }
}
