//! The calls of WordPress's REST API that we use. Routes are named by `rest_route`, which works whatever the site's permalinks are.

use jiff::Timestamp;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::channel::http::{Answer, Client, Lost, Patience, below};
use crate::channel::{Diagnosis, Failure, Reply, refused};
use crate::render::Asset;

/// The site, seen by one account.
pub struct Api {
    client: Client,
    site: Url,
    username: String,
    password: SecretString,
}

/// A post (developer.wordpress.org/rest-api/reference/posts/#schema).
#[derive(Debug, Clone, Deserialize)]
pub struct Post {
    pub id: u64,
    pub status: String,
    #[serde(default)]
    pub link: String,
}

/// A post as editors see it.
#[derive(Deserialize)]
struct Written {
    #[serde(flatten)]
    post: Post,
    content: Raw,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    raw: String,
}

/// A picture or recording (developer.wordpress.org/rest-api/reference/media/#schema).
#[derive(Debug, Clone, Deserialize)]
pub struct Medium {
    pub id: u64,
    pub slug: String,
    pub source_url: String,
}

impl Api {
    pub fn open(
        site: &str,
        username: &str,
        password: SecretString,
        patience: Patience,
    ) -> Result<Api, String> {
        let site: Url =
            site.parse().map_err(|error| format!("the channel's `url` is no address: {error}"))?;
        let client = Client::trusted(&site, patience)?;
        client.hide(password.expose_secret());
        Ok(Api { client, site, username: username.to_owned(), password })
    }

    fn request(&self, method: Method, route: &str, query: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut url = below(&self.site, "");
        url.query_pairs_mut().append_pair("rest_route", route).extend_pairs(query);
        self.client.request(method, url).basic_auth(&self.username, Some(self.password.expose_secret()))
    }

    async fn get<T: DeserializeOwned>(
        &self,
        route: &str,
        query: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<Option<T>, Failure> {
        let answer =
            self.client.send(self.request(Method::GET, route, query)).await.map_err(Lost::repeatable)?;
        match answer.status {
            200..=299 => answer.json().map(Some).map_err(Failure::again),
            404 if code(&answer) != "rest_no_route" => Ok(None),
            _ => Err(refusal(&answer, now).repeatable(answer.wait(now))),
        }
    }

    /// Every post that carries `marker`, whatever its status; not what is in the bin.
    pub async fn find(&self, marker: &str, now: Timestamp) -> Result<Vec<Post>, Failure> {
        let query = [("search", marker), ("status", "any"), ("context", "edit"), ("per_page", "100")];
        let found: Option<Vec<Written>> = self.get("/wp/v2/posts", &query, now).await?;
        let found = found.ok_or_else(|| Failure::again("the site has no posts"))?;
        // A search finds what is similar as well.
        Ok(found.into_iter().filter(|one| one.content.raw.contains(marker)).map(|one| one.post).collect())
    }

    /// A post, if it stands and is not in the bin.
    pub async fn post(&self, id: u64, now: Timestamp) -> Result<Option<Post>, Failure> {
        let post: Option<Post> = self.get(&format!("/wp/v2/posts/{id}"), &[("context", "edit")], now).await?;
        Ok(post.filter(|post| post.status != "trash"))
    }

    /// The media that belong to a post.
    pub async fn media(&self, post: u64, now: Timestamp) -> Result<Vec<Medium>, Failure> {
        let parent = post.to_string();
        let query = [("parent", parent.as_str()), ("context", "edit"), ("per_page", "100")];
        Ok(self.get("/wp/v2/media", &query, now).await?.unwrap_or_default())
    }

    /// Makes a post. What becomes of a lost answer is unknown.
    pub async fn create(&self, body: &Value, now: Timestamp) -> Result<Post, Failure> {
        let answer = self.client.send(self.request(Method::POST, "/wp/v2/posts", &[]).json(body)).await;
        made(&answer.map_err(Lost::failure)?, now)
    }

    /// Changes a post. May be repeated, but whether it was done is asked first.
    pub async fn update(&self, id: u64, body: &Value, now: Timestamp) -> Result<Post, Failure> {
        let route = format!("/wp/v2/posts/{id}");
        let answer = self.client.send(self.request(Method::POST, &route, &[]).json(body)).await;
        made(&answer.map_err(Lost::failure)?, now)
    }

    /// Uploads a picture or recording for a post. May be repeated: the next attempt finds it by its name.
    pub async fn upload(
        &self,
        asset: &Asset,
        name: &str,
        post: u64,
        now: Timestamp,
    ) -> Result<Medium, Failure> {
        let end = asset.name.rsplit('.').next().unwrap_or("bin");
        let part = Part::bytes(asset.bytes.to_vec())
            .file_name(format!("{name}.{end}"))
            .mime_str(&asset.media_type)
            .map_err(|_| refused(format!("{}: `{}` is no media type", asset.name, asset.media_type)))?;
        let form = Form::new()
            .part("file", part)
            .text("alt_text", asset.alt.clone())
            .text("caption", asset.caption.clone())
            .text("slug", name.to_owned())
            .text("post", post.to_string());
        let answer = self.client.send(self.request(Method::POST, "/wp/v2/media", &[]).multipart(form)).await;
        let answer = answer.map_err(Lost::repeatable)?;
        if !answer.good() {
            return Err(refusal(&answer, now).repeatable(answer.wait(now)));
        }
        answer.json().map_err(Failure::again)
    }

    /// Removes a picture for good; one that is gone is gone. May be repeated.
    pub async fn remove(&self, id: u64, now: Timestamp) -> Result<(), Failure> {
        let request = self.request(Method::DELETE, &format!("/wp/v2/media/{id}"), &[("force", "true")]);
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        match answer.status {
            200..=299 | 404 | 410 => Ok(()),
            _ => Err(refusal(&answer, now).repeatable(answer.wait(now))),
        }
    }

    /// The account and its rights.
    pub async fn examine(&self) -> Vec<Diagnosis> {
        let what = "wordpress: account".to_owned();
        let me: Result<Option<Value>, Failure> =
            self.get("/wp/v2/users/me", &[("context", "edit")], Timestamp::UNIX_EPOCH).await;
        vec![match me {
            Ok(Some(me)) => {
                let missing: Vec<&str> = ["publish_posts", "upload_files", "edit_published_posts"]
                    .into_iter()
                    .filter(|right| me["capabilities"][right] != true)
                    .collect();
                let name = me["name"].as_str().unwrap_or("?");
                if missing.is_empty() {
                    Diagnosis { what, good: true, seen: format!("{name} may publish"), hint: None }
                } else {
                    let seen = format!("{name} lacks {}", missing.join(", "));
                    let hint = Some("make the account an author or editor".to_owned());
                    Diagnosis { what, good: false, seen, hint }
                }
            }
            Ok(None) => Diagnosis {
                what,
                good: false,
                seen: "there is no REST API at the address".to_owned(),
                hint: Some("look at the channel's `url`".to_owned()),
            },
            Err(failure) => Diagnosis {
                what,
                good: false,
                seen: failure.to_string(),
                hint: Some(
                    "look at the channel's `url` and `username`, and make a new application password"
                        .to_owned(),
                ),
            },
        }]
    }
}

fn made(answer: &Answer, now: Timestamp) -> Result<Post, Failure> {
    if !answer.good() {
        return Err(refusal(answer, now));
    }
    // It was done, so what cannot be read must be looked up.
    answer.json().map_err(|why| Failure::Unknown { reply: Reply::note(why) })
}

/// The code of an error (developer.wordpress.org/rest-api/extending-the-rest-api/adding-custom-endpoints/#return-value).
fn code(answer: &Answer) -> String {
    answer.json::<Value>().unwrap_or_default()["code"].as_str().unwrap_or_default().to_owned()
}

/// What an answer means that is not 2xx. 400 for a password that is wrong (`context=edit` is refused then), 401 and 403 speak of
/// the account, 404 without a route of a site that is no WordPress or hides its API.
fn refusal(answer: &Answer, now: Timestamp) -> Failure {
    match (answer.status, code(answer).as_str()) {
        (404, "rest_no_route" | "")
        | (400, "rest_forbidden_context" | "incorrect_password" | "invalid_username") => {
            Failure::HoldChannel { reply: answer.reply() }
        }
        // The post was deleted between two calls: the next attempt makes it anew.
        (404 | 410, _) => Failure::Later { reply: answer.reply(), retry_after: None },
        _ => answer.failure(now),
    }
}
