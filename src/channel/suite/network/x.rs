//! X, after docs.x.com/x-api.

use std::path::Path;

use serde_json::{Value, json};
use url::Url;

use super::{Network, Shown, bearer, holds, member, path};
use crate::channel::scripted::{Act, Asked};
use crate::newsroom::ChannelKind;

#[derive(Debug)]
pub struct X {
    posts: Vec<Shown>,
    next: usize,
    /// How many tokens were given; the last is the good one.
    pub given: usize,
    media: Vec<(String, String)>,
}

impl Default for X {
    fn default() -> X {
        X { posts: Vec::new(), next: 1_000, given: 0, media: Vec::new() }
    }
}

holds!(suite, X);

impl X {
    /// The refresh token that is good now.
    fn refresh(&self) -> String {
        if self.given == 0 { "geheim-refresh".to_owned() } else { format!("geheim-refresh-{}", self.given) }
    }

    fn log_in(&mut self, asked: &Asked) -> Act {
        assert!(asked.headers["authorization"].starts_with("Basic "));
        let form = super::form(asked);
        assert_eq!(form["grant_type"], "refresh_token");
        if form["refresh_token"] != self.refresh() {
            return Act::json(
                400,
                &json!({ "error": "invalid_request", "error_description": "Value passed for the token was invalid." }),
            );
        }
        self.given += 1;
        Act::json(
            200,
            &json!({
                "token_type": "bearer", "expires_in": 7200, "access_token": format!("geheim-access-{}", self.given),
                "refresh_token": self.refresh(),
            }),
        )
    }

    fn tweet(post: &Shown) -> Value {
        // Links are replaced, signs are escaped, and pictures have links of their own.
        let url = "https://news.halden.example/2026/aster-ev/";
        let mut text = post.text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        text = text.replace(url, "https://t.co/abc");
        let mut urls = vec![json!({ "url": "https://t.co/abc", "expanded_url": url })];
        if !post.alts.is_empty() {
            text.push_str(" https://t.co/pic");
            let shown = format!("https://x.com/halden/status/{}/photo/1", post.id);
            urls.push(json!({ "url": "https://t.co/pic", "expanded_url": shown, "media_key": "3_1" }));
        }
        json!({ "id": post.id, "text": text, "entities": { "urls": urls }, "created_at": "2026-12-01T08:00:01.000Z" })
    }
}

impl Network for X {
    const KIND: ChannelKind = ChannelKind::X;
    const SECRETS: &'static [(&'static str, &'static str)] =
        &[("refresh_token", "geheim-refresh"), ("client_secret", "geheim-client")];
    const EDITS: bool = false;

    fn config(url: &Url, dir: &Path) -> Value {
        json!({
            "client_id": "client", "client_secret": { "env": "S" }, "refresh_token": { "env": "R" },
            "tokens": dir.join("x.tokens"), "endpoint": url.as_str(),
        })
    }

    fn creates(asked: &Asked) -> bool {
        asked.line() == "POST /2/tweets"
    }

    fn logs_in(asked: &Asked) -> bool {
        path(asked) == "/2/oauth2/token"
    }

    fn act(&mut self, asked: &Asked) -> Act {
        if X::logs_in(asked) {
            return self.log_in(asked);
        }
        if self.given == 0 || bearer(asked) != format!("geheim-access-{}", self.given) {
            return X::revoked();
        }
        let done = |value: Value| Act::json(200, &json!({ "data": value }));
        match (asked.method.as_str(), path(asked)) {
            ("GET", "/2/users/me") => done(json!({ "id": "9", "username": "halden" })),
            ("POST", "/2/media/upload/initialize") => {
                assert_eq!(asked.json()["media_category"], "tweet_image");
                self.next += 1;
                self.media.push((self.next.to_string(), String::new()));
                done(json!({ "id": self.next.to_string(), "media_key": "3_1" }))
            }
            ("GET", "/2/media/upload") => {
                assert!(asked.path.contains("command=STATUS"), "{}", asked.path);
                done(json!({ "id": "7" }))
            }
            ("POST", "/2/media/metadata") => {
                let body = asked.json();
                let (_, alt) = self.media.iter_mut().find(|(id, _)| body["id"] == id.as_str()).unwrap();
                *alt = body["metadata"]["alt_text"]["text"].as_str().unwrap().to_owned();
                done(json!({ "id": body["id"] }))
            }
            ("POST", path) if path.ends_with("/append") => {
                assert_eq!(member(asked, "segment_index"), "0");
                assert!(["FRONT", "SIDE"].contains(&member(asked, "media").as_str()));
                Act::Answer(204, vec![], vec![])
            }
            ("POST", path) if path.ends_with("/finalize") => done(json!({ "id": "7" })),
            ("POST", "/2/tweets") => {
                let body = asked.json();
                let text = body["text"].as_str().unwrap().to_owned();
                if self.posts.iter().any(|post| post.text == text) {
                    let detail = "You are not allowed to create a Tweet with duplicate content.";
                    return Act::json(403, &json!({ "title": "Forbidden", "detail": detail, "status": 403 }));
                }
                let media = body.pointer("/media/media_ids").and_then(Value::as_array).cloned();
                let alt = |id: &Value| self.media.iter().find(|(m, _)| id == m.as_str()).unwrap().1.clone();
                let alts = media.unwrap_or_default().iter().map(alt).collect();
                let answers = body.pointer("/reply/in_reply_to_tweet_id").and_then(Value::as_str);
                self.next += 1;
                let id = self.next.to_string();
                self.posts.push(Shown { id: id.clone(), text, answers: answers.map(str::to_owned), alts });
                Act::json(201, &json!({ "data": { "id": id, "text": "…" } }))
            }
            ("GET", "/2/users/9/tweets") => {
                assert!(asked.path.contains("start_time=2026-12-01T0"), "{}", asked.path);
                let tweets: Vec<Value> = self.posts.iter().rev().map(X::tweet).collect();
                Act::json(200, &json!({ "data": tweets, "meta": { "result_count": tweets.len() } }))
            }
            ("GET", path) if path.starts_with("/2/tweets/") => {
                match self.posts.iter().find(|post| path.ends_with(&post.id)) {
                    Some(post) => done(X::tweet(post)),
                    None => Act::json(200, &json!({ "errors": [{ "title": "Not Found Error" }] })),
                }
            }
            ("DELETE", path) => {
                self.posts.retain(|post| !path.ends_with(&post.id));
                done(json!({ "deleted": true }))
            }
            _ => Act::text(404, &asked.line()),
        }
    }

    fn posts(&self) -> Vec<Shown> {
        self.posts.clone()
    }

    fn revoked() -> Act {
        Act::json(
            401,
            &json!({ "title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized" }),
        )
    }

    fn too_fast() -> Act {
        Act::json(429, &json!({ "title": "Too Many Requests", "detail": "Too Many Requests" }))
    }
}
