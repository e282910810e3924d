//! WordPress (developer.wordpress.org/rest-api), Ghost (ghost.org/docs/admin-api) and a site that speaks Micropub (w3.org/TR/micropub).

use serde_json::{Value, json};

use super::{Answer, Asked, State, Thing, json as answer, text};

/// What a post is, as its maker gave it.
fn given(thing: &Thing) -> Value {
    serde_json::from_str(&thing.text).unwrap_or_default()
}

fn page(title: &Value, html: &Value) -> Answer {
    let html = html.as_str().unwrap_or_default();
    text(
        200,
        &format!("<title>Blog</title><h1>{}</h1><main>{html}</main>", title.as_str().unwrap_or_default()),
    )
}

/// Draws a draft's curtain: everybody sees what is published.
fn settle(state: &mut State, vendor: &str, id: &str, body: &Value, published: &str) -> Option<Thing> {
    let thing = state.of(vendor).iter_mut().find(|thing| thing.id == id)?;
    let mut all = given(thing);
    for (name, value) in body.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    let was = thing.shown;
    thing.shown = all["status"] == published;
    let text = all.to_string();
    thing.edits += usize::from(was && thing.text != text);
    thing.text = text;
    Some(thing.clone())
}

pub fn wordpress(state: &mut State, asked: &Asked) -> Answer {
    if let ["p", id] = asked.steps().as_slice() {
        let found = state.of("wordpress").iter().find(|thing| thing.shown && thing.id == *id).map(given);
        return found.map_or(text(404, ""), |post| page(&post["title"], &post["content"]));
    }
    let base = state.base.clone();
    let post = |thing: &Thing| {
        let body = given(thing);
        json!({"id": thing.id.parse::<u64>().unwrap(), "status": body["status"], "title": body["title"],
               "link": format!("{base}/wordpress/p/{}/", thing.id), "content": {"raw": body["content"]},
               "featured_media": body["featured_media"]})
    };
    let gone = || answer(404, &json!({"code": "rest_post_invalid_id", "message": "Invalid post ID."}));
    let route = asked.query("rest_route").unwrap_or_default();
    match (asked.method.as_str(), route.split('/').skip(3).collect::<Vec<_>>().as_slice()) {
        ("GET", ["posts"]) => {
            let marker = asked.query("search").unwrap_or_default();
            let found: Vec<Value> =
                state.of("wordpress").iter().filter(|thing| thing.text.contains(&marker)).map(post).collect();
            answer(200, &json!(found))
        }
        ("GET", ["posts", id]) => {
            let found = state.of("wordpress").iter().find(|thing| thing.id == *id).map(post);
            found.map_or_else(gone, |post| answer(200, &post))
        }
        ("POST", ["posts"]) => {
            let id = state.number().to_string();
            state.add("wordpress", &id, "", &asked.json().to_string());
            let made = settle(state, "wordpress", &id, &json!({}), "publish").unwrap();
            answer(201, &post(&made))
        }
        ("POST", ["posts", id]) => settle(state, "wordpress", id, &asked.json(), "publish")
            .map_or_else(gone, |made| answer(200, &post(&made))),
        ("GET", ["media"]) => {
            let parent = asked.query("parent").unwrap_or_default();
            let of: Vec<Value> = state.media.entry("wordpress".to_owned()).or_default().clone();
            answer(200, &json!(of.into_iter().filter(|one| one["post"] == parent).collect::<Vec<_>>()))
        }
        ("POST", ["media"]) => {
            let body = String::from_utf8_lossy(&asked.body).into_owned();
            let field = |name: &str| {
                let after = body.split(&format!("name=\"{name}\"\r\n\r\n")).nth(1);
                after.and_then(|after| after.split("\r\n").next()).unwrap_or_default().to_owned()
            };
            let id = state.number();
            let medium = json!({"id": id, "slug": field("slug"), "post": field("post"), "alt_text": field("alt_text"),
                                "source_url": format!("{base}/wordpress/m/{id}.png")});
            state.media.entry("wordpress".to_owned()).or_default().push(medium.clone());
            answer(201, &medium)
        }
        ("DELETE", ["media", id]) => {
            let id: Option<u64> = id.parse().ok();
            state
                .media
                .entry("wordpress".to_owned())
                .or_default()
                .retain(|medium| medium["id"].as_u64() != id);
            answer(200, &json!({}))
        }
        _ => answer(404, &json!({"code": "rest_no_route", "message": "No route"})),
    }
}

pub fn ghost(state: &mut State, asked: &Asked) -> Answer {
    let base = state.base.clone();
    let post = |thing: &Thing| {
        let mut post = given(thing);
        post["id"] = json!(thing.id);
        post["url"] = json!(format!("{base}/ghost/p/{}/", thing.id));
        post["updated_at"] =
            json!(format!("2026-12-01T08:00:00.{:03}Z", thing.edits + usize::from(thing.shown) * 500));
        post
    };
    let one = |status, thing: &Thing| answer(status, &json!({ "posts": [post(thing)] }));
    let given_post = || asked.json()["posts"][0].clone();
    match (asked.method.as_str(), asked.steps().as_slice()) {
        ("GET", ["p", id]) => {
            let found = state.of("ghost").iter().find(|thing| thing.shown && thing.id == *id).map(given);
            found.map_or(text(404, ""), |post| page(&post["title"], &post["html"]))
        }
        ("GET", ["ghost", "api", "admin", "posts"]) => {
            let tag = asked.query("filter").unwrap_or_default().replace("tag:hash-", "#");
            let with = |thing: &&Thing| {
                given(thing)["tags"]
                    .as_array()
                    .is_some_and(|tags| tags.iter().any(|one| one["name"] == tag.as_str()))
            };
            let found: Vec<Value> = state.of("ghost").iter().filter(with).map(post).collect();
            answer(200, &json!({ "posts": found }))
        }
        ("POST", ["ghost", "api", "admin", "posts"]) => {
            let id = format!("6748592f4b9b77000{:07}", state.number());
            state.add("ghost", &id, "", &given_post().to_string());
            one(201, &settle(state, "ghost", &id, &json!({}), "published").unwrap())
        }
        (method, ["ghost", "api", "admin", "posts", id]) => {
            let Some(thing) = state.of("ghost").iter().find(|thing| thing.id == *id).cloned() else {
                return answer(404, &json!({"errors": [{"type": "NotFoundError"}]}));
            };
            if method != "PUT" {
                return one(200, &thing);
            }
            if post(&thing)["updated_at"] != given_post()["updated_at"] {
                return answer(409, &json!({"errors": [{"type": "UpdateCollisionError"}]}));
            }
            one(200, &settle(state, "ghost", id, &given_post(), "published").unwrap())
        }
        ("POST", ["ghost", "api", "admin", "images", "upload"]) => {
            let id = state.number();
            answer(201, &json!({"images": [{"url": format!("{base}/ghost/m/{id}.png")}]}))
        }
        ("GET" | "HEAD", _) => Answer { headers: vec![("date", httpdate())], ..text(200, "") },
        _ => text(404, ""),
    }
}

/// The real time: Ghost's tokens are good for minutes.
fn httpdate() -> String {
    let now = dateline::clock::Clock::system().now();
    now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

pub fn micropub(state: &mut State, asked: &Asked) -> Answer {
    let base = state.base.clone();
    let address = |thing: &Thing| format!("{base}/micropub/p/{}/", thing.id);
    match (asked.method.as_str(), asked.steps().as_slice()) {
        ("GET", ["p", id]) => {
            let found = state.of("micropub").iter().find(|thing| thing.id == *id).map(given);
            found.map_or(text(404, ""), |post| {
                page(&post["properties"]["name"][0], &post["properties"]["content"][0]["html"])
            })
        }
        ("GET", ["endpoint"]) if asked.query("q").as_deref() == Some("config") => {
            answer(200, &json!({"media-endpoint": format!("{base}/micropub/media")}))
        }
        ("GET", ["endpoint"]) => {
            let item = |thing: &Thing| {
                let mut post = given(thing);
                post["properties"]["url"] = json!([address(thing)]);
                post
            };
            let items: Vec<Value> = state.of("micropub").iter().map(item).collect();
            answer(200, &json!({ "items": items }))
        }
        ("POST", ["media"]) => {
            let url = format!("{base}/micropub/m/{}.png", state.number());
            Answer { headers: vec![("location", url)], ..text(201, "") }
        }
        ("POST", ["endpoint"]) => {
            let body = asked.json();
            if body["action"] == "update" {
                let found = state.of("micropub").iter().find(|thing| body["url"] == address(thing)).cloned();
                let Some(thing) = found else { return answer(400, &json!({"error": "invalid_request"})) };
                let mut post = given(&thing);
                for (name, value) in body["replace"].as_object().into_iter().flatten() {
                    post["properties"][name] = value.clone();
                }
                state.edit("micropub", &thing.id, &post.to_string());
                return text(204, "");
            }
            let id = state.number().to_string();
            let thing = state.add("micropub", &id, "", &body.to_string());
            Answer { headers: vec![("location", address(&thing))], ..text(201, "") }
        }
        _ => text(404, ""),
    }
}
