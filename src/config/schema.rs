//! JSON Schemas of the files that people write, for their editors.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::{ClockConfig, GitConfig};
use crate::channel::config::{
    BlueskyConfig, FileConfig, MastodonConfig, NewsroomConfig, SmtpConfig, WebhookConfig,
};
use crate::dispatch::DispatchConfig;
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
    let kinds = [
        kind::<SmtpConfig>(&mut generator, ChannelKind::Smtp),
        kind::<NewsroomConfig>(&mut generator, ChannelKind::Newsroom),
        kind::<MastodonConfig>(&mut generator, ChannelKind::Mastodon),
        kind::<BlueskyConfig>(&mut generator, ChannelKind::Bluesky),
        kind::<WebhookConfig>(&mut generator, ChannelKind::Webhook),
        kind::<FileConfig>(&mut generator, ChannelKind::File),
    ];
    let ledger = generator.subschema_for::<LedgerConfig>().to_value();
    let git = generator.subschema_for::<GitConfig>().to_value();
    let dispatch = generator.subschema_for::<DispatchConfig>().to_value();
    let clock = generator.subschema_for::<ClockConfig>().to_value();
    let web = generator.subschema_for::<WebConfig>().to_value();
    let definitions = generator.take_definitions(true);
    let Some(schema_object) = schema.as_object_mut() else { return schema };
    if let Some(Value::Object(properties)) = schema_object.get_mut("properties") {
        if let Some(Value::Object(channels)) = properties.get_mut("channels") {
            channels.insert("additionalProperties".to_owned(), json!({ "oneOf": kinds }));
        }
        for (key, value) in
            [("ledger", ledger), ("git", git), ("dispatch", dispatch), ("clock", clock), ("web", web)]
        {
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

/// The schema of one kind of channel: its struct's, and the `kind` that chooses it.
fn kind<T: JsonSchema>(generator: &mut SchemaGenerator, kind: ChannelKind) -> Value {
    let mut schema = T::json_schema(generator).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".to_owned(), json!(kind.as_str()));
        if let Value::Object(properties) = object.entry("properties").or_insert_with(|| json!({})) {
            let choice = json!({ "const": kind.as_str(), "description": "What kind of channel it is." });
            properties.insert("kind".to_owned(), choice);
        }
        if let Value::Array(required) = object.entry("required").or_insert_with(|| json!([])) {
            required.push(json!("kind"));
        }
    }
    schema
}
