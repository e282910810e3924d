//! What Handlebars and MJML would accept in silence, or complain about without saying where.

use crate::finding::{nearest, position};
use crate::render::RenderError;

/// Every tag of MJML that works here.
const TAGS: [&str; 34] = [
    "mjml",
    "mj-head",
    "mj-body",
    "mj-attributes",
    "mj-all",
    "mj-class",
    "mj-breakpoint",
    "mj-font",
    "mj-preview",
    "mj-style",
    "mj-title",
    "mj-accordion",
    "mj-accordion-element",
    "mj-accordion-text",
    "mj-accordion-title",
    "mj-button",
    "mj-carousel",
    "mj-carousel-image",
    "mj-column",
    "mj-divider",
    "mj-group",
    "mj-hero",
    "mj-image",
    "mj-navbar",
    "mj-navbar-link",
    "mj-raw",
    "mj-section",
    "mj-social",
    "mj-social-element",
    "mj-spacer",
    "mj-table",
    "mj-text",
    "mj-wrapper",
    "mj-include",
];

fn error(file: &str, source: &str, at: usize, message: String) -> RenderError {
    let (line, column) = position(source, at);
    RenderError::Template { file: file.to_owned(), line: line as usize, column: column as usize, message }
}

/// Refuses inline partials and partials with a computed name: nobody could tell whether they end.
pub(super) fn constructs(file: &str, source: &str) -> Result<(), RenderError> {
    for (at, _) in source.match_indices("{{") {
        let rest = source[at..].trim_start_matches(['{', '~']);
        if rest.starts_with("#*") || rest.starts_with('*') {
            let message =
                "inline partials are not allowed; write the part as a template of its own".to_owned();
            return Err(error(file, source, at, message));
        }
        let computed = rest.strip_prefix(['>']).or(rest.strip_prefix("#>"));
        if computed.is_some_and(|name| name.trim_start().starts_with('(')) {
            let message = "the name of an included template must stand there, not be computed".to_owned();
            return Err(error(file, source, at, message));
        }
    }
    Ok(())
}

/// A template that another one includes.
pub(super) struct Use {
    /// Its name.
    pub name: String,
    /// Byte offset of the braces.
    pub at: usize,
}

/// The templates that `source` includes.
pub(super) fn partials(source: &str) -> Vec<Use> {
    let mut found = Vec::new();
    for (at, _) in source.match_indices("{{") {
        let rest = source[at..].trim_start_matches(['{', '~']);
        let Some(rest) = rest.strip_prefix("#>").or(rest.strip_prefix('>')) else { continue };
        let name: String = rest
            .trim_start()
            .trim_start_matches(['"', '\''])
            .chars()
            .take_while(|c| c.is_alphanumeric() || "/-_.".contains(*c))
            .collect();
        found.push(Use { name, at });
    }
    found
}

/// Refuses tags that MJML does not know: it would leave them in the mail without a word.
pub(super) fn tags(file: &str, source: &str) -> Result<(), RenderError> {
    for Tag { name, at, .. } in scan(source) {
        if !TAGS.contains(&name) {
            let hint =
                nearest(name, TAGS).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(error(file, source, at, format!("MJML has no tag `{name}`{hint}")));
        }
        if name == "mj-include" {
            let message = "`mj-include` does not work here; use `{{> email/NAME}}`".to_owned();
            return Err(error(file, source, at, message));
        }
    }
    Ok(())
}

/// The place of a mistake that the MJML parser found: the first tag of the template that is not
/// closed, or closed and never opened.
pub(in crate::render) fn mjml_error(file: &str, source: &str, reason: &str) -> RenderError {
    let mut open: Vec<Tag<'_>> = Vec::new();
    for tag in scan(source) {
        if tag.closes {
            match open.pop() {
                Some(opened) if opened.name == tag.name => {}
                Some(opened) => {
                    let message = format!("`{}` is not closed before `</{}>`", opened.name, tag.name);
                    return error(file, source, opened.at, message);
                }
                None => return error(file, source, tag.at, format!("`</{}>` closes nothing", tag.name)),
            }
        } else if !tag.empty {
            open.push(tag);
        }
    }
    match open.pop() {
        Some(tag) => error(file, source, tag.at, format!("`{}` is never closed", tag.name)),
        None => error(file, source, 0, format!("the template does not give good MJML: {reason}")),
    }
}

struct Tag<'a> {
    name: &'a str,
    at: usize,
    closes: bool,
    empty: bool,
}

/// The MJML tags of `source`, outside of comments.
fn scan(source: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(found) = source[at..].find('<') {
        let start = at + found;
        let rest = &source[start..];
        if rest.starts_with("<!--") {
            at = start + rest.find("-->").unwrap_or(rest.len());
            continue;
        }
        let closes = rest.starts_with("</");
        let name_start = start + 1 + usize::from(closes);
        let name = &source[name_start..];
        let length = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(name.len());
        let name = &name[..length];
        at = name_start + length;
        if name.starts_with("mj") {
            let end = source[at..].find('>').map_or(source.len(), |end| at + end);
            tags.push(Tag { name, at: start, closes, empty: source[at..end].ends_with('/') });
        }
    }
    tags
}
