//! X (docs.x.com/x-api), LinkedIn (learn.microsoft.com/linkedin/marketing), Facebook and Threads (developers.facebook.com/docs) and YouTube
//! (developers.google.com/youtube/v3).

use serde_json::{Value, json};

use super::{Answer, Asked, State, Thing, json as answer, text};

/// What is there with this id.
fn shown(state: &mut State, vendor: &str, id: &str) -> Option<Thing> {
    state.of(vendor).iter().find(|thing| thing.shown && thing.id == id).cloned()
}

/// Everything that is there, newest first.
fn newest(state: &mut State, vendor: &str, of: impl Fn(&Thing) -> Value) -> Vec<Value> {
    state.of(vendor).iter().rev().filter(|thing| thing.shown).map(of).collect()
}

/// Puts up `text`, which answers `above`, unless the same stands there.
fn post(state: &mut State, vendor: &str, id: &str, text: &str, above: Option<&str>) -> Option<Thing> {
    if state.of(vendor).iter().any(|thing| thing.shown && thing.text == text) {
        return None;
    }
    state.add(vendor, id, "", text);
    let own = state.of(vendor).last_mut()?;
    own.answers = above.map(str::to_owned);
    Some(own.clone())
}

fn form(asked: &Asked, name: &str) -> Option<String> {
    url::form_urlencoded::parse(&asked.body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// A log-in: the token is as good as any.
fn token() -> Answer {
    answer(200, &json!({"access_token": "access", "refresh_token": "next", "expires_in": 7_200}))
}

pub fn x(state: &mut State, asked: &Asked) -> Answer {
    let done = |value: Value| answer(200, &json!({ "data": value }));
    let tweet = |thing: &Thing| json!({"id": thing.id, "text": thing.text});
    match (asked.method.as_str(), asked.steps().as_slice()) {
        (_, ["2", "oauth2", "token"]) => token(),
        ("GET", ["2", "users", "me"]) => done(json!({"id": "9", "username": "halden"})),
        ("GET", ["2", "users", "9", "tweets"]) => done(json!(newest(state, "x", tweet))),
        ("POST", ["2", "media", "upload", "initialize"]) => done(json!({"id": state.number().to_string()})),
        ("POST", ["2", "media", ..]) => done(json!({"id": "7"})),
        ("POST", ["2", "tweets"]) => {
            let (id, body) = (state.number().to_string(), asked.json());
            let above = body.pointer("/reply/in_reply_to_tweet_id").and_then(Value::as_str);
            match post(state, "x", &id, body["text"].as_str().unwrap(), above) {
                Some(thing) => answer(201, &json!({"data": {"id": thing.id}})),
                None => answer(
                    403,
                    &json!({"detail": "You are not allowed to create a Tweet with duplicate content."}),
                ),
            }
        }
        ("GET", ["2", "tweets", id]) => match shown(state, "x", id) {
            Some(thing) => done(tweet(&thing)),
            None => answer(200, &json!({"errors": [{"title": "Not Found Error"}]})),
        },
        ("DELETE", ["2", "tweets", id]) => done(json!({"deleted": state.remove("x", id)})),
        _ => text(404, ""),
    }
}

pub fn linkedin(state: &mut State, asked: &Asked) -> Answer {
    let base = state.base.clone();
    let element =
        |thing: &Thing| json!({"id": thing.id, "commentary": thing.text, "lifecycleState": "PUBLISHED"});
    let words = |body: &Value| body["commentary"].as_str().unwrap_or_default().to_owned();
    match (asked.method.as_str(), asked.steps().as_slice()) {
        ("POST", ["rest", "images"]) => {
            let id = state.number();
            let place = format!("{base}/linkedin/dms-uploads/{id}");
            answer(200, &json!({"value": {"uploadUrl": place, "image": format!("urn:li:image:{id}")}}))
        }
        ("PUT", ["dms-uploads", _]) => text(201, ""),
        ("GET", ["rest", "images", _]) => answer(200, &json!({"status": "AVAILABLE"})),
        ("POST", ["rest", "posts"]) => {
            let id = format!("urn:li:share:{}", state.number());
            match post(state, "linkedin", &id, &words(&asked.json()), None) {
                Some(_) => Answer { headers: vec![("x-restli-id", id)], ..text(201, "") },
                None => {
                    let same =
                        state.of("linkedin").iter().find(|thing| thing.text == words(&asked.json())).unwrap();
                    answer(422, &json!({"message": format!("Content is a duplicate of {}", same.id)}))
                }
            }
        }
        ("GET", ["rest", "posts"]) => answer(200, &json!({"elements": newest(state, "linkedin", element)})),
        (method, ["rest", "posts", id]) => {
            let id = id.replace("%3A", ":");
            let Some(thing) = shown(state, "linkedin", &id) else {
                return answer(404, &json!({"status": 404}));
            };
            match method {
                "GET" => answer(200, &element(&thing)),
                "DELETE" => {
                    state.remove("linkedin", &id);
                    text(204, "")
                }
                _ => {
                    state.edit("linkedin", &id, &words(&asked.json()["patch"]["$set"]));
                    text(204, "")
                }
            }
        }
        _ => text(404, ""),
    }
}

/// What both of Meta's networks do with one post.
fn meta(state: &mut State, vendor: &str, asked: &Asked, id: &str, of: impl Fn(&Thing) -> Value) -> Answer {
    let Some(thing) = shown(state, vendor, id) else {
        return answer(
            400,
            &json!({"error": {"message": "Unsupported request", "code": 100, "error_subcode": 33}}),
        );
    };
    match asked.method.as_str() {
        "GET" => return answer(200, &of(&thing)),
        "DELETE" => {
            state.remove(vendor, id);
        }
        _ => {
            state.edit(vendor, id, &form(asked, "message").unwrap_or_default());
        }
    }
    answer(200, &json!({"success": true}))
}

pub fn facebook(state: &mut State, asked: &Asked) -> Answer {
    let of = |thing: &Thing| json!({"id": thing.id, "message": thing.text, "permalink_url": "https://www.facebook.com/x"});
    match (asked.method.as_str(), asked.steps().as_slice()) {
        ("POST", [_, "42", "photos"]) => answer(200, &json!({"id": state.number().to_string()})),
        ("POST", [_, "42", "feed"]) => {
            let id = format!("42_{}", state.number());
            match post(state, "facebook", &id, &form(asked, "message").unwrap_or_default(), None) {
                Some(_) => answer(200, &json!({"id": id})),
                None => answer(400, &json!({"error": {"message": "Duplicate status message", "code": 506}})),
            }
        }
        ("GET", [_, "42", "feed"]) => answer(200, &json!({"data": newest(state, "facebook", of)})),
        (_, [_, id]) => meta(state, "facebook", asked, id, of),
        _ => text(404, ""),
    }
}

pub fn threads(state: &mut State, asked: &Asked) -> Answer {
    let of = |thing: &Thing| json!({"id": thing.id, "text": thing.text, "permalink": "https://www.threads.net/@h/post/x"});
    let list = |state: &mut State, answers: bool| {
        let all = state.of("threads").iter().rev();
        let some = all.filter(|thing| thing.shown && thing.answers.is_some() == answers);
        let some: Vec<Value> = some.map(of).collect();
        answer(200, &json!({ "data": some }))
    };
    match (asked.method.as_str(), asked.steps().as_slice()) {
        ("GET", [_, "me"]) => answer(200, &json!({"id": "9", "username": "halden"})),
        ("GET", [_, "me", "threads"]) => list(state, false),
        ("GET", [_, "me", "replies"]) => list(state, true),
        // A container, which nobody sees.
        ("POST", [_, "me", "threads"]) => {
            let id = state.number().to_string();
            let container =
                json!({"id": id, "text": form(asked, "text"), "above": form(asked, "reply_to_id")});
            state.media.entry("threads".to_owned()).or_default().push(container);
            answer(200, &json!({ "id": id }))
        }
        ("POST", [_, "me", "threads_publish"]) => {
            let named = form(asked, "creation_id").unwrap_or_default();
            let containers = state.media.entry("threads".to_owned()).or_default();
            let Some(one) =
                containers.iter_mut().find(|one| one["id"] == named.as_str() && one["done"].is_null())
            else {
                return answer(
                    400,
                    &json!({"error": {"message": "The requested resource does not exist", "code": 24}}),
                );
            };
            one["done"] = json!(true);
            let one = one.clone();
            let id = state.number().to_string();
            state.add("threads", &id, "", one["text"].as_str().unwrap_or_default());
            state.of("threads").last_mut().unwrap().answers = one["above"].as_str().map(str::to_owned);
            answer(200, &json!({ "id": id }))
        }
        (_, [_, id]) => {
            let containers = state.media.entry("threads".to_owned()).or_default();
            if let Some(one) = containers.iter().find(|one| one["id"] == *id) {
                let status = if one["done"].is_null() { "FINISHED" } else { "PUBLISHED" };
                return answer(200, &json!({ "id": id, "status": status }));
            }
            meta(state, "threads", asked, id, of)
        }
        _ => text(404, ""),
    }
}

pub fn youtube(state: &mut State, asked: &Asked) -> Answer {
    let base = state.base.clone();
    let video = |thing: &Thing| {
        let mut video: Value = serde_json::from_str(&thing.text).unwrap_or_default();
        video["id"] = json!(thing.id);
        video
    };
    let items = |items: Vec<Value>| answer(200, &json!({ "items": items }));
    let id = asked.query("id").or(asked.query("videoId")).unwrap_or_default();
    match (asked.method.as_str(), asked.steps().as_slice()) {
        (_, ["token"]) => token(),
        ("POST", ["upload", "youtube", "v3", "videos"]) => {
            let id = format!("v{}", state.number());
            state
                .media
                .entry("youtube".to_owned())
                .or_default()
                .push(json!({"id": id, "video": asked.json()}));
            Answer {
                headers: vec![("location", format!("{base}/youtube/upload/here?upload_id={id}"))],
                ..text(200, "")
            }
        }
        ("PUT", ["upload", "here"]) => {
            let id = asked.query("upload_id").unwrap_or_default();
            let begun = state
                .media
                .entry("youtube".to_owned())
                .or_default()
                .iter()
                .find(|one| one["id"] == id.as_str())
                .cloned();
            let Some(begun) = begun else { return text(404, "") };
            let there = state.of("youtube").iter().any(|thing| thing.id == id);
            if !there && asked.body.is_empty() {
                // How much is there: nothing.
                return text(308, "");
            }
            if !there {
                state.add("youtube", &id, "", &begun["video"].to_string());
                state.of("youtube").last_mut().unwrap().shown = false;
            }
            answer(200, &json!({ "id": id }))
        }
        ("POST", ["upload", "youtube", "v3", ..]) => answer(200, &json!({})),
        ("GET", ["youtube", "v3", "captions"]) => items(vec![]),
        ("GET", ["youtube", "v3", "channels"]) => {
            items(vec![json!({"contentDetails": {"relatedPlaylists": {"uploads": "UU"}}})])
        }
        ("GET", ["youtube", "v3", "playlistItems"]) => {
            let all = state.of("youtube").iter().rev().filter(|thing| !thing.text.is_empty());
            items(all.map(|thing| json!({"snippet": {}, "contentDetails": {"videoId": thing.id}})).collect())
        }
        ("GET", ["youtube", "v3", "videos"]) => {
            let there = |thing: &&Thing| !thing.text.is_empty() && id.split(',').any(|id| id == thing.id);
            items(state.of("youtube").iter().filter(there).map(video).collect())
        }
        ("PUT", ["youtube", "v3", "videos"]) => {
            let body = asked.json();
            let id = body["id"].as_str().unwrap_or_default();
            let Some(thing) =
                state.of("youtube").iter_mut().find(|thing| thing.id == id && !thing.text.is_empty())
            else {
                return text(404, "");
            };
            let mut all = video(thing);
            for (name, value) in body.as_object().into_iter().flatten() {
                all[name] = value.clone();
            }
            let was = thing.shown;
            thing.shown = all["status"]["privacyStatus"] == "public";
            let text = all.to_string();
            thing.edits += usize::from(was && thing.text != text);
            thing.text = text;
            answer(200, &all)
        }
        ("DELETE", ["youtube", "v3", "videos"]) => {
            let Some(thing) =
                state.of("youtube").iter_mut().find(|thing| thing.id == id && !thing.text.is_empty())
            else {
                return text(404, "");
            };
            (thing.shown, thing.text) = (false, String::new());
            text(204, "")
        }
        _ => text(404, ""),
    }
}

/// A bucket (docs.aws.amazon.com/AmazonS3/latest/API): an object is there as it was put last.
pub fn bucket(state: &mut State, asked: &Asked) -> Answer {
    let key = asked.path.clone();
    match asked.method.as_str() {
        "PUT" => {
            let body = String::from_utf8_lossy(&asked.body).into_owned();
            if state.edit("bucket", &key, &body).is_none() {
                state.of("bucket").retain(|thing| thing.id != key);
                state.add("bucket", &key, "", &body);
            }
            text(200, "")
        }
        "DELETE" => {
            state.remove("bucket", &key);
            text(204, "")
        }
        _ => text(200, ""),
    }
}
