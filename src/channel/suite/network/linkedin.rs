//! LinkedIn, after learn.microsoft.com/linkedin/marketing.

use std::path::Path;

use serde_json::{Value, json};
use url::Url;

use super::{Network, Shown, bearer, holds, path};
use crate::channel::scripted::{Act, Asked};
use crate::newsroom::ChannelKind;

#[derive(Debug, Default)]
struct Linkedin {
    posts: Vec<Shown>,
    next: usize,
}

holds!(suite, Linkedin);

const AUTHOR: &str = "urn:li:organization:5";

/// "little" text, by the grammar: what is reserved must be escaped, and only tags are more than words.
fn read(little: &str) -> String {
    let (mut out, mut rest) = (String::new(), little);
    while let Some(c) = rest.chars().next() {
        if let Some(tag) = rest.strip_prefix("{hashtag|\\#|") {
            let end = tag.find('}').unwrap();
            out.push('#');
            out.push_str(&tag[..end]);
            rest = &tag[end + 1..];
        } else if c == '\\' {
            let escaped = rest[1..].chars().next().unwrap();
            out.push(escaped);
            rest = &rest[1 + escaped.len_utf8()..];
        } else {
            assert!(!"|{}@[]()<>#*_~".contains(c), "`{c}` is not escaped: {little}");
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

impl Linkedin {
    fn element(post: &Shown) -> Value {
        json!({
            "id": post.id, "commentary": post.alts.last().unwrap(), "author": AUTHOR, "createdAt": 1_796_112_001_000_i64,
            "lifecycleState": "PUBLISHED",
        })
    }
}

impl Network for Linkedin {
    const KIND: ChannelKind = ChannelKind::Linkedin;
    const SECRETS: &'static [(&'static str, &'static str)] =
        &[("token", "geheim-token"), ("client_secret", "geheim-client")];
    const EDITS: bool = true;

    fn config(url: &Url, _: &Path) -> Value {
        json!({
            "author": AUTHOR, "token": { "env": "T" }, "client_id": "client", "client_secret": { "env": "S" },
            "endpoint": url.as_str(), "login": url.as_str(), "version": "202610",
        })
    }

    fn creates(asked: &Asked) -> bool {
        asked.line() == "POST /rest/posts"
    }

    fn act(&mut self, asked: &Asked) -> Act {
        if path(asked) == "/oauth/v2/introspectToken" {
            return Act::json(200, &json!({ "active": true, "expires_at": 1_801_000_000 }));
        }
        if bearer(asked) != "geheim-token" {
            return Linkedin::revoked();
        }
        if path(asked).starts_with("/rest/") {
            assert_eq!(asked.headers["linkedin-version"], "202610");
            assert_eq!(asked.headers["x-restli-protocol-version"], "2.0.0");
        }
        let named = |post: &Shown| path(asked).ends_with(&post.id.replace(':', "%3A"));
        match (asked.method.as_str(), path(asked)) {
            ("POST", "/rest/images") => {
                assert_eq!(asked.json()["initializeUploadRequest"]["owner"], AUTHOR);
                self.next += 1;
                let id = format!("urn:li:image:{}", self.next);
                let url = format!("http://{}/dms-uploads/{}", asked.headers["host"], self.next);
                Act::json(200, &json!({ "value": { "uploadUrl": url, "image": id } }))
            }
            ("PUT", _) => Act::Answer(201, vec![], vec![]),
            ("GET", path) if path.starts_with("/rest/images/") => {
                Act::json(200, &json!({ "status": "AVAILABLE" }))
            }
            ("POST", "/rest/posts") => {
                let body = asked.json();
                let little = body["commentary"].as_str().unwrap().to_owned();
                if let Some(same) = self.posts.iter().find(|post| post.alts.last() == Some(&little)) {
                    let message = format!("Content is a duplicate of {}", same.id);
                    return Act::json(422, &json!({ "status": 422, "message": message }));
                }
                let one = body.pointer("/content/media").map(|one| vec![one.clone()]);
                let many = body.pointer("/content/multiImage/images").and_then(Value::as_array).cloned();
                let pictures = one.or(many).unwrap_or_default();
                let mut alts: Vec<String> =
                    pictures.iter().map(|p| p["altText"].as_str().unwrap().to_owned()).collect();
                // What was written stands at the end, for the list.
                alts.push(little.clone());
                self.next += 1;
                let id = format!("urn:li:share:{}", self.next);
                self.posts.push(Shown { id: id.clone(), text: read(&little), answers: None, alts });
                Act::Answer(201, vec![("x-restli-id", id)], vec![])
            }
            ("POST", _) => {
                assert_eq!(asked.headers["x-restli-method"], "PARTIAL_UPDATE");
                let little = asked.json()["patch"]["$set"]["commentary"].as_str().unwrap().to_owned();
                match self.posts.iter_mut().find(|post| named(post)) {
                    Some(post) => {
                        post.text = read(&little);
                        *post.alts.last_mut().unwrap() = little;
                        Act::Answer(204, vec![], vec![])
                    }
                    None => Act::text(404, ""),
                }
            }
            ("GET", "/rest/posts") => {
                assert!(asked.path.contains("author=urn%3Ali%3Aorganization%3A5&q=author"), "{}", asked.path);
                let elements: Vec<Value> = self.posts.iter().rev().map(Linkedin::element).collect();
                Act::json(200, &json!({ "elements": elements }))
            }
            ("GET", _) => match self.posts.iter().find(|post| named(post)) {
                Some(post) => Act::json(200, &Linkedin::element(post)),
                None => Act::json(404, &json!({ "status": 404 })),
            },
            ("DELETE", _) => {
                self.posts.retain(|post| !named(post));
                Act::Answer(204, vec![], vec![])
            }
            _ => Act::text(404, &asked.line()),
        }
    }

    fn posts(&self) -> Vec<Shown> {
        let mut posts = self.posts.clone();
        for post in &mut posts {
            post.alts.pop();
        }
        posts
    }

    fn revoked() -> Act {
        let message = "The token used in the request has been revoked by the user";
        Act::json(
            401,
            &json!({ "status": 401, "code": "REVOKED_ACCESS_TOKEN", "serviceErrorCode": 65601, "message": message }),
        )
    }

    fn too_fast() -> Act {
        Act::json(429, &json!({ "status": 429, "message": "Resource level throttle APPLICATION DAY limit" }))
    }
}
