//! What the whole site shares: its stylesheet.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use serde_json::json;

use super::super::Look;
use super::super::look::contrasts;
use super::super::templates::Templates;

static TEMPLATES: LazyLock<Templates> =
    LazyLock::new(|| Templates::new(&std::collections::BTreeMap::new(), &TimeZone::UTC));

/// The built-in stylesheet in the newsroom's colours, for the pages around the releases.
pub fn site_style(look: &Look) -> String {
    let (accent_dark, on_accent) = contrasts(&look.accent);
    let data = json!({
        "language": look.language.as_str(),
        "look": look,
        "accent_dark": accent_dark,
        "on_accent": on_accent,
    });
    // The template is built in and its data is all here, so this cannot fail; a test renders it.
    TEMPLATES.render("newsroom/style", data).unwrap_or_default()
}
