//! The example newsroom at the repository's root is read without an error.

use std::path::Path;

use dateline::config::{Config, schemas};
use dateline::finding::{Finding, Severity};
use dateline::load;

fn errors(findings: &[Finding]) -> Vec<String> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(ToString::to_string).collect()
}

#[test]
fn every_release_and_channel_of_the_example_is_usable() {
    let newsroom = load::work_tree(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    assert_eq!(errors(&newsroom.findings), [""; 0]);
    assert_eq!(newsroom.releases.len(), newsroom.sources.iter().filter(|s| s.translation.is_none()).count());
    assert!(newsroom.releases.len() >= 12 && newsroom.audiences.len() >= 6);
    let (config, findings) = Config::read(&newsroom.config_text);
    assert_eq!(errors(&findings), [""; 0]);
    assert_eq!(config.channels.len(), newsroom.channels.len());
}

/// Every key that the example uses is one that its schema knows.
#[test]
fn the_schemas_know_what_the_example_uses() {
    let newsroom = load::work_tree(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let schemas = schemas();
    let (_, release) = schemas.iter().find(|(name, _)| *name == "release").unwrap();
    for file in &newsroom.sources {
        let front = &file.text[file.front_span.clone()];
        let keys = front.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
        for key in keys.filter_map(|line| line.split(':').next()) {
            assert!(release["properties"].get(key).is_some(), "{}: {key}", file.path);
        }
    }
}
