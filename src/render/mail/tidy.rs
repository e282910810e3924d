//! What MJML writes, made valid HTML: for those who read it with a screen reader, and for validators.
//!
//! Words for Outlook alone go where only Outlook looks: `mso-…` in a style becomes a class, and its rule stands in
//! a conditional comment. What no browser knows is left out. The mail is a few kilobytes shorter for it.

use std::fmt::Write as _;

/// For Outlook on Windows, which lays out with Word: no space beside tables.
const OUTLOOK: &str = "table,td{mso-table-lspace:0pt;mso-table-rspace:0pt}";

/// Style sheets without what is for Outlook alone; before they are set inline.
pub(super) fn style_sheets(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(open) = rest.find("<style") {
        let Some(end) = rest[open..].find("</style>").map(|end| open + end) else { break };
        let (before, sheet) = (&rest[..open], &rest[open..end]);
        out.push_str(before);
        if in_comment(&out) {
            out.push_str(sheet);
        } else {
            without_outlook(sheet, &mut out);
        }
        rest = &rest[end..];
        // Past the end tag, or it would be found as what comes before the next.
        let (tag, more) = rest.split_at("</style>".len());
        out.push_str(tag);
        rest = more;
    }
    out.push_str(rest);
    out
}

fn in_comment(before: &str) -> bool {
    before.rfind("<!--").is_some_and(|at| !before[at..].contains("-->"))
}

fn without_outlook(sheet: &str, out: &mut String) {
    let mut rest = sheet;
    while let Some(at) = rest.find("mso-") {
        let (before, declaration) = rest.split_at(at);
        let end = declaration.find([';', '}']).unwrap_or(declaration.len());
        let end = if declaration[end..].starts_with(';') { end + 1 } else { end };
        out.push_str(before);
        rest = &declaration[end..];
    }
    out.push_str(rest);
}

/// The document once styles are inline: valid attributes and properties, outside of comments.
pub(super) fn document(html: &str) -> String {
    let mut tidy = Tidy { rules: Vec::new(), vector: html.contains("<v:") };
    let mut out = each_tag(html, |tag| tidy.tag(tag));
    let mut sheet = OUTLOOK.to_owned();
    for (at, rule) in tidy.rules.iter().enumerate() {
        let _ = write!(sheet, ".mso{at}{{{rule}}}");
    }
    let head = format!("<!--[if mso]><style>{sheet}</style><![endif]--></head>");
    if let Some(at) = out.find("</head>") {
        out.replace_range(at..at + "</head>".len(), &head);
    }
    // Word reads the resolution where its namespace is named.
    let named = "<o:OfficeDocumentSettings xmlns:o=\"urn:schemas-microsoft-com:office:office\">";
    out.replacen("<o:OfficeDocumentSettings>", named, 1)
}

struct Tidy {
    /// Declarations for Outlook, by the number of their class.
    rules: Vec<String>,
    /// There are drawings for Outlook, so its namespaces stay.
    vector: bool,
}

impl Tidy {
    /// An opening tag anew; nothing if it stays as it is.
    fn tag(&mut self, tag: &str) -> Option<String> {
        let (name, attributes) = tag.strip_prefix('<')?.strip_suffix('>')?.split_once([' ', '\n'])?;
        let mut class = None;
        let mut kept = Vec::new();
        for (attribute, value) in attributes_of(attributes) {
            match (attribute, value) {
                ("xmlns:v" | "xmlns:o", _) if !self.vector => {}
                // Styles say both.
                ("vertical-align" | "data-css-inline", _) | ("height", Some("auto")) => {}
                // HTML knows whole pixels alone.
                ("width", Some(width)) if name == "img" => {
                    let whole = width.split('.').next().unwrap_or(width);
                    kept.push(("width", Some(whole.to_owned())));
                }
                ("style", Some(style)) => {
                    let (style, outlook) = self.style(name, style);
                    class = outlook;
                    if !style.is_empty() {
                        kept.push(("style", Some(style)));
                    }
                }
                (attribute, value) => kept.push((attribute, value.map(str::to_owned))),
            }
        }
        if let Some(class) = class {
            match kept.iter_mut().find(|(attribute, _)| *attribute == "class") {
                Some((_, Some(words))) => *words = format!("{words} {class}"),
                _ => kept.insert(0, ("class", Some(class))),
            }
        }
        let mut out = format!("<{name}");
        for (attribute, value) in kept {
            let _ = match value {
                Some(value) if value.contains('"') => write!(out, " {attribute}='{value}'"),
                Some(value) => write!(out, " {attribute}=\"{value}\""),
                None => write!(out, " {attribute}"),
            };
        }
        out.push('>');
        Some(out)
    }

    /// A style without what is not for browsers, and the class of what is for Outlook.
    fn style(&mut self, name: &str, style: &str) -> (String, Option<String>) {
        let mut kept = Vec::new();
        let mut outlook = Vec::new();
        for declaration in declarations(style) {
            let property = declaration.split(':').next().unwrap_or_default().trim();
            match property {
                "mso-table-lspace" | "mso-table-rspace" | "supported-color-schemes" => {}
                // Only a table has borders of its own to collapse.
                "border-collapse" if name == "td" => {}
                property if property.starts_with("mso-") => outlook.push(declaration),
                _ => kept.push(declaration),
            }
        }
        let class = (!outlook.is_empty()).then(|| {
            let rule = outlook.join(";");
            let at = self.rules.iter().position(|known| *known == rule).unwrap_or_else(|| {
                self.rules.push(rule);
                self.rules.len() - 1
            });
            format!("mso{at}")
        });
        (kept.join(";"), class)
    }
}

/// The declarations of a style; a `;` in brackets or quotes ends none.
fn declarations(style: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut from, mut brackets, mut quote) = (0, 0_u32, None);
    for (at, c) in style.char_indices() {
        match c {
            '\'' if quote.is_none() => quote = Some(c),
            '\'' => quote = None,
            '(' => brackets += 1,
            ')' => brackets = brackets.saturating_sub(1),
            ';' if brackets == 0 && quote.is_none() && !is_entity(&style[from..at]) => {
                found.push(style[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    found.push(style[from..].trim());
    found.retain(|declaration| !declaration.is_empty());
    found
}

/// Whether the `;` behind `text` ends a character reference such as `&quot;`.
fn is_entity(text: &str) -> bool {
    text.rfind('&').is_some_and(|at| text[at + 1..].chars().all(|c| c.is_ascii_alphanumeric() || c == '#'))
}

fn attributes_of(text: &str) -> Vec<(&str, Option<&str>)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && rest != "/" {
        let end = rest.find(|c: char| c == '=' || c.is_whitespace()).unwrap_or(rest.len());
        let (name, more) = rest.split_at(end);
        rest = more.trim_start();
        let Some(value) = rest.strip_prefix('=') else {
            found.push((name, None));
            continue;
        };
        let value = value.trim_start();
        let (value, more) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        found.push((name, Some(value)));
        rest = more.trim_start();
    }
    found
}

/// `html` with every opening tag outside of comments and style sheets as `change` makes it.
pub(super) fn each_tag(html: &str, mut change: impl FnMut(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (text, tag) = rest.split_at(at);
        out.push_str(text);
        let skipped = if tag.starts_with("<!--") {
            tag.find("-->").map(|end| end + 3)
        } else if tag.starts_with("</") || tag.starts_with("<!") {
            tag.find('>').map(|end| end + 1)
        } else {
            None
        };
        if let Some(end) = skipped {
            out.push_str(&tag[..end]);
            rest = &tag[end..];
            continue;
        }
        let end = tag_end(tag);
        let (whole, more) = tag.split_at(end);
        match change(whole) {
            Some(changed) => out.push_str(&changed),
            None => out.push_str(whole),
        }
        rest = more;
        if whole.starts_with("<style")
            && let Some(end) = rest.find("</style>")
        {
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    out.push_str(rest);
    out
}

/// One past the `>` that ends the tag which `text` begins with.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(html: &str, expected: &str) {
        assert_eq!(document(html), expected);
    }

    #[test]
    fn what_no_browser_knows_is_left_out() {
        check(
            "<td class=\"a\" style=\"border-collapse: collapse;mso-table-lspace: 0pt;padding: 0\" vertical-align=\"top\">x</td>",
            "<td class=\"a\" style=\"padding: 0\">x</td>",
        );
        check("<img height=\"auto\" alt='a \"b\" > c' src=x>", "<img alt='a \"b\" > c' src=\"x\">");
        check("<html xmlns:v=\"a\" xmlns:o=\"b\" lang=\"en\">", "<html lang=\"en\">");
        check(
            "<!--[if mso]><td style=\"mso-x:1\"><![endif]-->",
            "<!--[if mso]><td style=\"mso-x:1\"><![endif]-->",
        );
    }

    #[test]
    fn what_outlook_needs_stands_where_it_alone_looks() {
        let button = |padding: &str| {
            format!("<td class=\"go\" style=\"mso-padding-alt:{padding};background:url(a;b)\">x</td>")
        };
        let html = format!("<head></head>{}{}{}", button("1px"), button("2px"), button("1px"));
        let tidied = document(&html);
        let classes: Vec<&str> = tidied.split("class=\"go ").skip(1).map(|rest| &rest[..4]).collect();
        assert_eq!(classes, ["mso0", "mso1", "mso0"]);
        assert!(tidied.contains(".mso0{mso-padding-alt:1px}.mso1{mso-padding-alt:2px}</style><![endif]-->"));
        assert!(tidied.contains("style=\"background:url(a;b)\""), "{tidied}");
    }

    #[test]
    fn style_sheets_lose_what_is_for_outlook() {
        let html = "<style>a{mso-x:1;color:red}b{mso-y:2}</style>mso-z:3<!--[if mso]><style>c{mso-x:1}</style><![endif]-->";
        let expected =
            "<style>a{color:red}b{}</style>mso-z:3<!--[if mso]><style>c{mso-x:1}</style><![endif]-->";
        assert_eq!(style_sheets(html), expected);
    }
}
