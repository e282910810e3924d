//! JSON Schemas of the files that people write, for their editors.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{ClockConfig, GitConfig};
use crate::channel::config::ChannelConfig;
use crate::dispatch::DispatchConfig;
use crate::intake::config::{
    GeneralConfig, ImapConfig, MaildirConfig, MailgunConfig, PostmarkConfig, SendgridConfig, SesConfig,
    SourceKind,
};
use crate::ledger::LedgerConfig;
use crate::newsroom::ChannelKind;
use crate::web::WebConfig;
use crate::{audience, newsroom, release};

/// The schemas by name: `dateline` for `dateline.yaml`, `release` for front matter, `audience`.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("dateline", dateline()),
        ("release", release::schema()),
        ("audience", audience::schema().to_value()),
    ]
}

fn dateline() -> Value {
    let mut schema = newsroom::schema();
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let kinds: Vec<Value> = ChannelKind::ALL
        .iter()
        .map(|kind| {
            let schema = ChannelConfig::schema(*kind, &mut generator);
            with_kind(schema, kind.as_str(), "What kind of channel it is.")
        })
        .collect();
    let ledger = generator.subschema_for::<LedgerConfig>().to_value();
    let git = generator.subschema_for::<GitConfig>().to_value();
    let dispatch = generator.subschema_for::<DispatchConfig>().to_value();
    let clock = generator.subschema_for::<ClockConfig>().to_value();
    let web = generator.subschema_for::<WebConfig>().to_value();
    let sources = [
        of_kind::<ImapConfig>(&mut generator, SourceKind::Imap.as_str(), SOURCE),
        of_kind::<MaildirConfig>(&mut generator, SourceKind::Maildir.as_str(), SOURCE),
        of_kind::<SesConfig>(&mut generator, SourceKind::Ses.as_str(), SOURCE),
        of_kind::<PostmarkConfig>(&mut generator, SourceKind::Postmark.as_str(), SOURCE),
        of_kind::<MailgunConfig>(&mut generator, SourceKind::Mailgun.as_str(), SOURCE),
        of_kind::<SendgridConfig>(&mut generator, SourceKind::Sendgrid.as_str(), SOURCE),
    ];
    let mut intake = GeneralConfig::json_schema(&mut generator).to_value();
    if let Some(Value::Object(properties)) = intake.get_mut("properties") {
        properties.insert(
            "sources".to_owned(),
            json!({
                "description": "From where reports come, by a name of your own.",
                "type": "object",
                "additionalProperties": { "oneOf": sources },
            }),
        );
    }
    let definitions = generator.take_definitions(true);
    let Some(schema_object) = schema.as_object_mut() else { return schema };
    if let Some(Value::Object(properties)) = schema_object.get_mut("properties") {
        if let Some(Value::Object(channels)) = properties.get_mut("channels") {
            channels.insert("additionalProperties".to_owned(), json!({ "oneOf": kinds }));
        }
        let sections = [
            ("ledger", ledger),
            ("git", git),
            ("dispatch", dispatch),
            ("clock", clock),
            ("web", web),
            ("intake", intake),
        ];
        for (key, value) in sections {
            let description = properties.get(key).and_then(|old| old.get("description")).cloned();
            let mut value = value;
            if let (Some(object), Some(description)) = (value.as_object_mut(), description) {
                object.insert("description".to_owned(), description);
            }
            properties.insert(key.to_owned(), value);
        }
    }
    let all = schema_object.entry("$defs").or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(all) = all {
        all.extend(definitions);
    }
    schema
}

const SOURCE: &str = "What kind of source it is.";

/// The schema of one kind of something: its struct's, and the `kind` that chooses it.
fn of_kind<T: JsonSchema>(generator: &mut SchemaGenerator, kind: &str, what: &str) -> Value {
    with_kind(T::json_schema(generator).to_value(), kind, what)
}

fn with_kind(mut schema: Value, kind: &str, what: &str) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), json!(kind));
        if let Value::Object(properties) = object.entry("properties").or_insert_with(|| json!({})) {
            let choice = json!({ "const": kind, "description": what });
            properties.insert("kind".to_owned(), choice);
        }
        if let Value::Array(required) = object.entry("required").or_insert_with(|| json!([])) {
            required.push(json!("kind"));
        }
    }
    schema
}
