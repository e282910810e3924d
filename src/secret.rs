//! Secrets by reference: the configuration names where one is, and never holds it.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// Where a secret is kept; never the secret itself.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// In this environment variable.
    Env(String),
    /// In this file, which nobody but its owner may read.
    File(String),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "{{env: {name}}}"),
            SecretRef::File(path) => write!(f, "{{file: {path}}}"),
        }
    }
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretRef, D::Error> {
        deserializer.deserialize_any(SecretVisitor)
    }
}

/// Says the same of every value that is no reference, and never repeats the value.
const INLINE: &str = "a secret must not be written here, because everybody who can read the repository could read it; write `{env: NAME}` or `{file: PATH}`, and change this one, for it is not secret any more";

struct SecretVisitor;

impl<'de> serde::de::Visitor<'de> for SecretVisitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`{env: NAME}` or `{file: PATH}`")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<SecretRef, E> {
        Err(E::custom(INLINE))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(E::custom(INLINE))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<SecretRef, E> {
        Err(E::custom(INLINE))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<SecretRef, E> {
        Err(E::custom(INLINE))
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<SecretRef, E> {
        Err(E::custom(INLINE))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<SecretRef, A::Error> {
        Err(serde::de::Error::custom("write `{env: NAME}` or `{file: PATH}`, in curly brackets"))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        use serde::de::Error;
        let one = "write one of `{env: NAME}` and `{file: PATH}`";
        let key: String = map.next_key()?.ok_or_else(|| A::Error::custom(one))?;
        let secret = match key.as_str() {
            "env" => SecretRef::Env(map.next_value()?),
            "file" => SecretRef::File(map.next_value()?),
            _ => return Err(A::Error::custom(one)),
        };
        match map.next_key::<String>()? {
            None => Ok(secret),
            Some(_) => Err(A::Error::custom(one)),
        }
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "Where a secret is kept: an environment variable, or a file that only its owner may read.",
            "oneOf": [
                {
                    "type": "object",
                    "properties": { "env": { "type": "string", "description": "The environment variable." } },
                    "required": ["env"],
                    "additionalProperties": false
                },
                {
                    "type": "object",
                    "properties": { "file": { "type": "string", "description": "The file." } },
                    "required": ["file"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_reference_and_nothing_else() {
        for (json, expected) in [
            (r#"{"env":"RELAY"}"#, Ok("{env: RELAY}")),
            (r#"{"file":"/run/relay"}"#, Ok("{file: /run/relay}")),
            (r#""hunter2""#, Err("a secret must not be written here")),
            ("12345", Err("a secret must not be written here")),
            (r#"{"env":"A","file":"b"}"#, Err("write one of")),
            ("{}", Err("write one of")),
            (r#"{"value":"hunter2"}"#, Err("write one of")),
            (r#"["hunter2"]"#, Err("in curly brackets")),
        ] {
            let read = serde_json::from_str::<SecretRef>(json);
            match (&read, expected) {
                (Ok(secret), Ok(shown)) => assert_eq!(format!("{secret:?}"), shown, "{json}"),
                (Err(error), Err(part)) => {
                    let error = error.to_string();
                    assert!(error.contains(part) && !error.contains("hunter2"), "{json}: {error}");
                }
                _ => panic!("{json}: {read:?}"),
            }
        }
    }
}
