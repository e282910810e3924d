//! Which edition of the world's time zone rules is at work: `2026a`.
//!
//! What the program takes for 09:00 in a zone depends on it, so it is written down with what was issued.

use std::path::Path;
use std::sync::OnceLock;

/// Where systems keep them, in the order in which they are looked for.
const PLACES: [&str; 4] =
    ["/usr/share/zoneinfo", "/usr/share/lib/zoneinfo", "/usr/lib/zoneinfo", "/etc/zoneinfo"];

/// The edition of the system's rules; `bundled` where it has none, and the program's own are used; `unknown` where it does not say.
///
/// Read once.
pub fn zone_rules() -> &'static str {
    static RULES: OnceLock<String> = OnceLock::new();
    RULES.get_or_init(|| match PLACES.iter().map(Path::new).find(|place| place.is_dir()) {
        None => "bundled".to_owned(),
        Some(place) => edition(place).unwrap_or_else(|| "unknown".to_owned()),
    })
}

fn edition(place: &Path) -> Option<String> {
    let read = |name: &str| std::fs::read_to_string(place.join(name)).ok();
    let all =
        read("tzdata.zi").and_then(|text| text.lines().next()?.strip_prefix("# version ").map(str::to_owned));
    all.or_else(|| read("+VERSION"))
        .map(|edition| edition.trim().to_owned())
        .filter(|edition| !edition.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edition_is_where_systems_keep_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(edition(folder.path()), None);
        std::fs::write(folder.path().join("+VERSION"), "2026b\n").unwrap();
        assert_eq!(edition(folder.path()).as_deref(), Some("2026b"));
        std::fs::write(folder.path().join("tzdata.zi"), "# version 2026a\n# This zic input file\n").unwrap();
        assert_eq!(edition(folder.path()).as_deref(), Some("2026a"));
        assert!(!zone_rules().is_empty());
    }
}
