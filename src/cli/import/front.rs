//! The front matter of other people's files: YAML between `---`, TOML between `+++`, or JSON.
//!
//! Read loosely, because it was written for another program; Dateline's own files never pass here.

use serde_json::{Map, Value};

/// A file, taken apart.
pub struct Parts<'a> {
    /// What the front matter says.
    pub front: Map<String, Value>,
    /// Comments in it.
    pub comments: Vec<String>,
    /// The Markdown after it.
    pub body: &'a str,
}

/// Takes `text` apart; a text without front matter is body alone.
pub fn split(text: &str) -> Result<Parts<'_>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.starts_with('{') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        if let Some(Ok(Value::Object(front))) = values.next() {
            let body = text.get(values.byte_offset()..).unwrap_or_default();
            return Ok(Parts { front, comments: Vec::new(), body });
        }
    }
    for fence in ["---", "+++"] {
        let Some((first, rest)) = text.strip_prefix(fence).and_then(|rest| rest.split_once('\n')) else {
            continue;
        };
        let format = match first.trim() {
            "" if fence == "+++" => toml,
            "" | "yaml" | "yml" => yaml,
            "toml" => toml,
            "json" => json,
            "js" | "javascript" => {
                return Err("its front matter is a JavaScript program; write it as YAML".to_owned());
            }
            _ => continue,
        };
        let mut at = 0;
        for line in rest.split_inclusive('\n') {
            if line.trim_end() == fence {
                let source = rest.get(..at).unwrap_or_default();
                let comments = source.lines().filter_map(|line| line.trim().strip_prefix('#'));
                let comments =
                    comments.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
                let body = rest.get(at + line.len()..).unwrap_or_default();
                return Ok(Parts { front: format(source)?, comments, body });
            }
            at += line.len();
        }
        return Err(format!("the front matter opens with `{fence}` and never ends"));
    }
    Ok(Parts { front: Map::new(), comments: Vec::new(), body: text })
}

fn json(source: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(source).map_err(|error| first_line(&error.to_string()))
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
            Ok(parts) => {
                let comments: String = parts.comments.iter().map(|line| format!("#{line} ")).collect();
                format!("{comments}{} | {}", Value::Object(parts.front), parts.body)
            }
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
        check("---\n# ask Ada\ntitle: A # or B\n---\n", r#"#ask Ada {"title":"A"} | "#);
        check("{\n \"title\": \"A\"\n}\nBody", "{\"title\":\"A\"} | \nBody");
        check("---json\n{\"title\": \"A\"}\n---\nBody", r#"{"title":"A"} | Body"#);
        check("---js\n{}\n---\n", "error: its front matter is a JavaScript program; write it as YAML");
        check("Just text", "{} | Just text");
        check("{text}", "{} | {text}");
        check("--- a rule\n", "{} | --- a rule\n");
        check("---\ntitle: A\n", "error: the front matter opens with `---` and never ends");
        check("---\n- a\n---\n", "error: the front matter is no list of keys");
    }
}
