//! The front matter of other people's files: YAML between `---`, TOML between `+++`.
//!
//! Read loosely, because it was written for another program; Dateline's own files never pass here.

use serde_json::{Map, Value};

/// A file, taken apart.
pub struct Parts<'a> {
    /// What the front matter says.
    pub front: Map<String, Value>,
    /// The Markdown after it.
    pub body: &'a str,
}

/// Takes `text` apart; nothing if it has no front matter.
pub fn split(text: &str) -> Result<Option<Parts<'_>>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for fence in ["---", "+++"] {
        let Some(rest) = text
            .strip_prefix(fence)
            .and_then(|rest| rest.trim_start_matches([' ', '\t', '\r']).strip_prefix('\n'))
        else {
            continue;
        };
        let mut at = 0;
        for line in rest.split_inclusive('\n') {
            if line.trim_end() == fence {
                let source = &rest[..at];
                let front = if fence == "---" { yaml(source)? } else { toml(source)? };
                return Ok(Some(Parts { front, body: &rest[at + line.len()..] }));
            }
            at += line.len();
        }
        return Err(format!("the front matter opens with `{fence}` and never ends"));
    }
    Ok(None)
}

fn yaml(source: &str) -> Result<Map<String, Value>, String> {
    if source.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_saphyr::from_str::<Value>(source).map_err(|error| first_line(&error.to_string()))? {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err("the front matter is no list of keys".to_owned()),
    }
}

fn toml(source: &str) -> Result<Map<String, Value>, String> {
    let table: toml::Table = toml::from_str(source).map_err(|error| first_line(&error.to_string()))?;
    Ok(table.into_iter().map(|(key, value)| (key, from_toml(value))).collect())
}

fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::from(number),
        toml::Value::Boolean(yes) => Value::from(yes),
        toml::Value::Datetime(time) => Value::from(time.to_string()),
        toml::Value::Array(list) => list.into_iter().map(from_toml).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (key, from_toml(value))).collect())
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it cannot be read").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = match split(text) {
            Ok(Some(parts)) => format!("{} | {}", Value::Object(parts.front), parts.body),
            Ok(None) => "none".to_owned(),
            Err(error) => format!("error: {error}"),
        };
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn yaml_and_toml_are_read() {
        check("---\ntitle: A\n---\nBody\n", r#"{"title":"A"} | Body"#.replace("Body", "Body\n").as_str());
        check(
            "+++\ntitle = 'A'\ndate = 2024-05-01\n+++\nBody",
            r#"{"date":"2024-05-01","title":"A"} | Body"#,
        );
        check("\u{feff}---\r\ntitle: A\r\n---\r\nBody", r#"{"title":"A"} | Body"#);
        check("+++\n[extra]\na = [1, 2]\n+++\n", r#"{"extra":{"a":[1,2]}} | "#);
        check("---\n---\nBody", "{} | Body");
        check("Just text", "none");
        check("--- a rule\n", "none");
        check("---\ntitle: A\n", "error: the front matter opens with `---` and never ends");
        check("---\n- a\n---\n", "error: the front matter is no list of keys");
    }
}
