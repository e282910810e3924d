//! Facebook and Threads, after developers.facebook.com/docs/pages-api and /docs/threads.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use url::Url;

use super::{Network, Shown, bearer, form, holds, member, path};
use crate::channel::scripted::{Act, Asked};
use crate::newsroom::ChannelKind;

holds!(facebook, Facebook);
holds!(threads, Threads);

fn error(status: u16, code: u32, subcode: u32, message: &str) -> Act {
    Act::json(
        status,
        &json!({ "error": { "message": message, "type": "OAuthException", "code": code, "error_subcode": subcode } }),
    )
}

fn missing() -> Act {
    error(400, 100, 33, "Unsupported get request. Object with ID does not exist")
}

/// The proof of `geheim-token` with the secret `geheim-app`, by the openssl of another machine.
fn proved(asked: &Asked) -> bool {
    asked.path.contains("appsecret_proof=") || path(asked).ends_with("/debug_token")
}

fn token_facts() -> Act {
    Act::json(
        200,
        &json!({ "data": { "is_valid": true, "expires_at": 0, "data_access_expires_at": 1_801_000_000 } }),
    )
}

#[derive(Debug, Default)]
struct Facebook {
    posts: Vec<Shown>,
    photos: BTreeMap<String, String>,
    next: usize,
}

impl Network for Facebook {
    const KIND: ChannelKind = ChannelKind::Facebook;
    const SECRETS: &'static [(&'static str, &'static str)] =
        &[("token", "geheim-token"), ("app_secret", "geheim-app")];
    const EDITS: bool = true;

    fn config(url: &Url, _: &Path) -> Value {
        json!({
            "page": "42", "token": { "env": "T" }, "app_secret": { "env": "A" }, "app_id": "1",
            "endpoint": format!("{url}v24.0"),
        })
    }

    fn creates(asked: &Asked) -> bool {
        asked.method == "POST" && path(asked) == "/v24.0/42/feed"
    }

    fn act(&mut self, asked: &Asked) -> Act {
        if path(asked) == "/v24.0/debug_token" {
            return token_facts();
        }
        if bearer(asked) != "geheim-token" || !proved(asked) {
            return Facebook::revoked();
        }
        let of = |post: &Shown| path(asked).ends_with(&post.id);
        let shown = |post: &Shown| json!({ "id": post.id, "message": post.text, "permalink_url": "https://www.facebook.com/x" });
        match (asked.method.as_str(), path(asked)) {
            ("GET", "/v24.0/42") => Act::json(200, &json!({ "name": "Halden Motors", "id": "42" })),
            ("POST", "/v24.0/42/photos") => {
                assert_eq!(member(asked, "published"), "false");
                self.next += 1;
                self.photos.insert(self.next.to_string(), member(asked, "alt_text_custom"));
                Act::json(200, &json!({ "id": self.next.to_string() }))
            }
            ("POST", "/v24.0/42/feed") => {
                let form = form(asked);
                let text = form["message"].clone();
                if self.posts.iter().any(|post| post.text == text) {
                    return error(400, 506, 1_455_006, "Duplicate status message");
                }
                let attached: Vec<Value> = form
                    .get("attached_media")
                    .map_or_else(Vec::new, |list| serde_json::from_str(list).unwrap());
                let alts = attached.iter().map(|a| self.photos[a["media_fbid"].as_str().unwrap()].clone());
                let alts: Vec<String> = alts.collect();
                assert_eq!(form.contains_key("link"), alts.is_empty());
                self.next += 1;
                let id = format!("42_{}", self.next);
                self.posts.push(Shown { id: id.clone(), text, answers: None, alts });
                Act::json(200, &json!({ "id": id }))
            }
            ("GET", "/v24.0/42/feed") => {
                let data: Vec<Value> = self.posts.iter().rev().map(shown).collect();
                Act::json(
                    200,
                    &json!({ "data": data, "paging": { "cursors": { "before": "a", "after": "b" } } }),
                )
            }
            ("GET", _) => self
                .posts
                .iter()
                .find(|post| of(post))
                .map_or_else(missing, |post| Act::json(200, &shown(post))),
            ("POST", _) => match self.posts.iter_mut().find(|post| of(post)) {
                Some(post) => {
                    post.text = form(asked)["message"].clone();
                    Act::json(200, &json!({ "success": true }))
                }
                None => missing(),
            },
            ("DELETE", _) if self.posts.iter().any(of) => {
                self.posts.retain(|post| !of(post));
                Act::json(200, &json!({ "success": true }))
            }
            _ => missing(),
        }
    }

    fn posts(&self) -> Vec<Shown> {
        self.posts.clone()
    }

    fn revoked() -> Act {
        error(400, 190, 460, "Error validating access token: The session has been invalidated")
    }

    fn too_fast() -> Act {
        error(400, 32, 0, "(#32) Page request limit reached")
    }
}

#[derive(Debug, Default)]
struct Threads {
    posts: Vec<Shown>,
    /// Containers, and whether each is published.
    containers: BTreeMap<String, (BTreeMap<String, String>, bool)>,
    next: usize,
}

impl Network for Threads {
    const KIND: ChannelKind = ChannelKind::Threads;
    const SECRETS: &'static [(&'static str, &'static str)] =
        &[("token", "geheim-token"), ("app_secret", "geheim-app")];
    const EDITS: bool = false;

    fn config(url: &Url, _: &Path) -> Value {
        json!({ "token": { "env": "T" }, "app_secret": { "env": "A" }, "endpoint": format!("{url}v1.0") })
    }

    fn creates(asked: &Asked) -> bool {
        path(asked) == "/v1.0/me/threads_publish"
    }

    fn act(&mut self, asked: &Asked) -> Act {
        if path(asked) == "/v1.0/debug_token" {
            return token_facts();
        }
        if bearer(asked) != "geheim-token" || !proved(asked) {
            return Threads::revoked();
        }
        let of = |post: &Shown| path(asked).ends_with(&post.id);
        let shown = |post: &Shown| json!({ "id": post.id, "text": post.text, "permalink": "https://www.threads.net/@h/post/x" });
        let list = |answers: bool| {
            let data: Vec<Value> =
                self.posts.iter().rev().filter(|post| post.answers.is_some() == answers).map(shown).collect();
            Act::json(200, &json!({ "data": data }))
        };
        match (asked.method.as_str(), path(asked)) {
            ("GET", "/v1.0/me") => Act::json(200, &json!({ "id": "9", "username": "halden" })),
            ("GET", "/v1.0/me/threads_publishing_limit") => {
                Act::json(200, &json!({ "data": [{ "quota_usage": 3, "config": { "quota_total": 250 } }] }))
            }
            ("GET", "/v1.0/me/threads") => list(false),
            ("GET", "/v1.0/me/replies") => list(true),
            ("POST", "/v1.0/me/threads") => {
                self.next += 1;
                self.containers.insert(self.next.to_string(), (form(asked), false));
                Act::json(200, &json!({ "id": self.next.to_string() }))
            }
            ("POST", "/v1.0/me/threads_publish") => {
                let id = form(asked)["creation_id"].clone();
                let Some((members, published @ false)) = self.containers.get_mut(&id) else {
                    return error(400, 24, 4_279_009, "The requested resource does not exist");
                };
                *published = true;
                let members = members.clone();
                let pictures: Vec<BTreeMap<String, String>> = match members["media_type"].as_str() {
                    "TEXT" => vec![],
                    "IMAGE" => vec![members.clone()],
                    _ => members["children"].split(',').map(|id| self.containers[id].0.clone()).collect(),
                };
                let here = "https://news.halden.example/2026/aster-ev/";
                let fetched =
                    |p: &BTreeMap<String, String>| p["image_url"].strip_prefix(here).unwrap().to_owned();
                let names: Vec<String> = pictures.iter().map(fetched).collect();
                assert!(names.is_empty() || names == ["front.jpg", "side%20view.jpg"], "{names:?}");
                self.next += 1;
                let id = self.next.to_string();
                self.posts.push(Shown {
                    id: id.clone(),
                    text: members["text"].clone(),
                    answers: members.get("reply_to_id").cloned(),
                    alts: pictures.iter().map(|picture| picture["alt_text"].clone()).collect(),
                });
                Act::json(200, &json!({ "id": id }))
            }
            ("GET", path) => {
                let id = path.rsplit('/').next().unwrap();
                if let Some((_, published)) = self.containers.get(id) {
                    let status = if *published { "PUBLISHED" } else { "FINISHED" };
                    return Act::json(200, &json!({ "id": id, "status": status }));
                }
                self.posts
                    .iter()
                    .find(|post| of(post))
                    .map_or_else(missing, |post| Act::json(200, &shown(post)))
            }
            ("DELETE", _) if self.posts.iter().any(of) => {
                self.posts.retain(|post| !of(post));
                Act::json(200, &json!({ "success": true }))
            }
            _ => missing(),
        }
    }

    fn posts(&self) -> Vec<Shown> {
        self.posts.clone()
    }

    fn revoked() -> Act {
        error(401, 190, 0, "Invalid OAuth access token - Cannot parse access token")
    }

    fn too_fast() -> Act {
        error(400, 4, 0, "Application request limit reached")
    }
}
