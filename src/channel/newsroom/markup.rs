//! The one way in which text becomes XML or HTML.

use std::fmt;

use url::Url;

pub use crate::render::tag_slug;

/// Text inside an element or a quoted attribute.
pub struct Esc<'a>(pub &'a str);

impl fmt::Display for Esc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // XML 1.0, 2.2: these are no characters at all, not even as references.
                '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}' => {
                    f.write_str("\u{fffd}")?;
                }
                c => fmt::Write::write_char(f, c)?,
            }
        }
        Ok(())
    }
}

/// The address of `path` below the site at `base`, with what an address cannot hold encoded.
pub fn address(base: &str, path: &str) -> String {
    let plain = || format!("{}/{path}", base.trim_end_matches('/'));
    let Ok(mut url) = Url::parse(base) else { return plain() };
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path.split('/'));
    } else {
        return plain();
    }
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element() {
        assert_eq!(
            Esc("<a b=\"c\" d='e'>&\u{0}\u{8}\n").to_string(),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;\u{fffd}\u{fffd}\n"
        );
    }

    #[test]
    fn addresses_stay_below_the_site() {
        for (base, path, expected) in [
            ("https://news.halden.example", "2026/aster-ev/", "https://news.halden.example/2026/aster-ev/"),
            ("https://news.halden.example/", "atom.xml", "https://news.halden.example/atom.xml"),
            ("https://halden.example/news", "sv/", "https://halden.example/news/sv/"),
            ("https://halden.example/news", "", "https://halden.example/news/"),
            ("https://news.halden.example", "tags/åmål/", "https://news.halden.example/tags/%C3%A5m%C3%A5l/"),
            ("https://news.halden.example", "a b.jpg", "https://news.halden.example/a%20b.jpg"),
        ] {
            assert_eq!(address(base, path), expected);
        }
    }

    #[test]
    fn a_subject_becomes_a_name() {
        for (tag, expected) in [
            ("ev", "ev"),
            ("Electric Vehicles", "electric-vehicles"),
            ("C++", "c"),
            ("Åmål", "åmål"),
            ("../..", "tag-"),
            ("con", "tag-"),
            ("", "tag-"),
        ] {
            assert!(tag_slug(tag).starts_with(expected), "{tag}: {}", tag_slug(tag));
        }
    }
}
